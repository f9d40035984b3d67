//! `modurust events`: what a pattern means, as a list of onsets.
//!
//! Times are exact fractions of a cycle. A mini-notation is asked as it is; an expression goes through the compiler, so that
//! scales, fields and every other function of patterns count.

use super::work;
use super::{Failure, midi_file, terminal};
use modurust_runtime::compiler::front::{Compiler, Evaluated};
use modurust_runtime::compiler::lang::pattern::PatternError;
use modurust_runtime::compiler::lang::{Diagnostic, FileId, Source, pattern};
use modurust_runtime::compiler::score::{self, EventBuf, FieldId, Ratio, Score, TextError, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `events` takes.
#[derive(clap::Args)]
pub struct Args {
    /// A pattern in mini-notation, such as 'bd*2 <sn cp>'
    #[arg(required_unless_present = "expression", conflicts_with = "expression", allow_hyphen_values = true)]
    mini: Option<String>,
    /// An expression whose value is a pattern, such as '"0 3 5" >> scale(a1, minor)'
    #[arg(short, long, value_name = "EXPR", allow_hyphen_values = true)]
    expression: Option<String>,
    /// How many cycles
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    cycles: u32,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
    /// Write them to a Standard MIDI File: notes on channel 1, the words of a kit on channel 10
    #[arg(long, value_name = "FILE")]
    midi: Option<PathBuf>,
    /// The tempo that the MIDI file names; a cycle is four beats
    #[arg(long, value_name = "BPM", default_value_t = 120.0, requires = "midi", value_parser = tempo)]
    bpm: f64,
}

fn tempo(text: &str) -> Result<f64, String> {
    let bpm: f64 = text.parse().map_err(|_| "write a number of beats per minute")?;
    if (4.0..=2000.0).contains(&bpm) { Ok(bpm) } else { Err("a tempo lies between 4 and 2000 bpm".into()) }
}

/// One onset.
#[derive(Serialize)]
struct Onset {
    begin: String,
    end: String,
    #[serde(serialize_with = "value")]
    value: String,
    source: [u32; 2],
    #[serde(skip)]
    whole: (Ratio, Ratio),
    #[serde(skip)]
    sound: Option<midi_file::Sound>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, f32>,
}

/// Numbers as numbers, words as words, `bd:3` as a list.
fn value<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let part = |text: &str| {
        let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
        match text.parse::<f64>() {
            Ok(x) if number && x.fract() == 0.0 && x.abs() < 1e15 => serde_json::Value::from(x as i64),
            Ok(x) if number => serde_json::Value::from(x),
            _ => serde_json::Value::from(text),
        }
    };
    if text.contains(':') {
        text.split(':').map(part).collect::<Vec<_>>().serialize(serializer)
    } else {
        part(text).serialize(serializer)
    }
}

/// The most events that are listed.
const MOST: usize = 1_000_000;

/// Lists the onsets.
pub fn run(args: &Args) -> Result<(), Failure> {
    let onsets = match (&args.expression, &args.mini) {
        (Some(expression), _) => of_expression(expression, args.cycles)?,
        (None, Some(mini)) => of_mini(mini, args.cycles)?,
        (None, None) => Vec::new(),
    };
    if let Some(path) = &args.midi {
        let notes = onsets.iter().filter_map(Onset::note).collect();
        let count = midi_file::write(path, notes, args.cycles, args.bpm)?;
        return terminal::print(&format!("{}: {count} notes, {} bars\n", path.display(), args.cycles));
    }
    if args.json {
        return terminal::print_json(&onsets);
    }
    let rows: Vec<Vec<String>> = onsets
        .into_iter()
        .map(|o| {
            let fields: Vec<String> = o.fields.iter().map(|(name, value)| format!("{name} {value}")).collect();
            vec![o.begin, o.end, o.value, fields.join(" ")]
        })
        .collect();
    terminal::print(&terminal::table(&rows))
}

impl Onset {
    /// As a note of a MIDI file; words that no drum of General MIDI has are left out.
    fn note(&self) -> Option<midi_file::Note> {
        let vel = self.fields.get("vel").copied().unwrap_or(1.0);
        let sound = match &self.sound {
            Some(sound) => sound.clone(),
            // Of a mini-notation there is only text: a word, or a number.
            None => match self.value.parse() {
                Ok(key) => midi_file::Sound::Key(key),
                Err(_) => match modurust_runtime::compiler::lang::note_number(&self.value) {
                    Some(key) => midi_file::Sound::Key(f64::from(key)),
                    None => midi_file::Sound::Word(self.value.clone()),
                },
            },
        };
        midi_file::Note::new(self.whole, &sound, vel)
    }
}

fn fraction(time: Ratio) -> String {
    format!("{}/{}", time.num(), time.den())
}

fn too_dense() -> Failure {
    terminal::error("the pattern has more events, or deeper nesting, than can be listed");
    Failure::Text
}

fn of_mini(text: &str, cycles: u32) -> Result<Vec<Onset>, Failure> {
    let (_, errors) = pattern::parse(text);
    let name = "pattern";
    let diagnostics: Vec<Diagnostic> = errors.iter().map(diagnostic).collect();
    work::tell(&diagnostics, &[Source::new(name, text)]);
    let events = score::onsets_of(text, cycles).map_err(|error| match error {
        TextError::Syntax(more) => {
            // What the reader found is told already; this is what only the meaning shows.
            if !errors.iter().any(PatternError::is_error) {
                let more: Vec<Diagnostic> = more.iter().map(diagnostic).collect();
                work::tell(&more, &[Source::new(name, text)]);
            }
            Failure::Text
        }
        TextError::TooDense => too_dense(),
    })?;
    let onset = |(begin, end, value, source): score::TextEvent| Onset {
        begin: fraction(begin),
        end: fraction(end),
        value,
        source: [source.0, source.1],
        whole: (begin, end),
        sound: None,
        fields: BTreeMap::new(),
    };
    Ok(events.into_iter().map(onset).collect())
}

fn diagnostic(error: &PatternError) -> Diagnostic {
    let make = if error.is_error() { Diagnostic::error } else { Diagnostic::warning };
    Diagnostic { help: error.help.clone(), ..make("pattern", FileId(0), error.span, error.message.clone()) }
}

fn of_expression(expression: &str, cycles: u32) -> Result<Vec<Onset>, Failure> {
    let (evaluated, diagnostics, sources) = Compiler::new(work::options(work::RATE)).pattern(expression);
    work::tell(&diagnostics, &sources);
    let Evaluated { score, pattern, origins } = evaluated.ok_or(Failure::Text)?;
    let mut buffer = EventBuf::new(65_536);
    let mut found: Vec<(Ratio, Ratio, Onset)> = Vec::new();
    for cycle in 0..i64::from(cycles) {
        buffer.clear();
        score.query(pattern, Ratio::int(cycle), Ratio::int(cycle + 1), &mut buffer);
        if buffer.lost() > 0 || found.len() > MOST {
            return Err(too_dense());
        }
        found.extend(buffer.onsets().map(|event| (event.whole.0, event.whole.1, onset(&score, event, &origins))));
    }
    found.sort_by(|a, b| (a.0, a.1, &a.2.value).cmp(&(b.0, b.1, &b.2.value)));
    Ok(found.into_iter().map(|(_, _, onset)| onset).collect())
}

fn onset(score: &Score, event: &score::Event, origins: &[u32]) -> Onset {
    let fields = (0..score::MAX_FIELDS as u8).map(FieldId).filter_map(|field| {
        let value = event.field(field)?;
        Some((score.field_name(field).to_string(), value))
    });
    // Events count from the start of their own literal; people count from the start of what they wrote.
    let origin = origins.get(event.pattern as usize).copied().unwrap_or(0);
    Onset {
        begin: fraction(event.whole.0),
        end: fraction(event.whole.1),
        value: score::event_text(score, event),
        source: [origin + event.source.0, origin + event.source.1],
        whole: event.whole,
        sound: match event.value {
            Value::Word(word) => Some(midi_file::Sound::Word(score.word(word).to_string())),
            Value::Note(key) | Value::Num(key) => Some(midi_file::Sound::Key(key)),
            Value::Freq(hz) => Some(midi_file::Sound::Key(69.0 + 12.0 * (hz / 440.0).log2())),
        },
        fields: fields.collect(),
    }
}
