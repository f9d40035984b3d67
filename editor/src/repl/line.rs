//! The line editor: colours, completion, hints of signatures, and whether Enter evaluates or goes on.
//!
//! What is typed is looked at as the end of the text that plays, so its own names are known. The answers come from the compiler's `ide`,
//! as in every other editor; the words that begin with a colon come from [`words`].

use super::input::{self, State};
use super::live::Known;
use super::words;
use modurust_runtime::compiler::ide::{self, Document};
use modurust_runtime::compiler::lang::parse::Parser;
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::device;
use modurust_runtime::world::FileWorld;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Most proposals that are listed.
const MOST: usize = 200;

/// What helps while typing.
pub struct Line {
    known: Arc<Mutex<Known>>,
    parser: Mutex<Parser>,
    colour: bool,
    /// Something stands in the line.
    pub typed: Arc<AtomicBool>,
}

impl Line {
    /// `colour`: with ANSI escapes.
    pub fn new(known: Arc<Mutex<Known>>, colour: bool) -> Line {
        Line { known, parser: Mutex::new(Parser::new()), colour, typed: Arc::default() }
    }

    /// The text that plays with a line behind it, and where the line starts in it.
    fn document(&self, line: &str) -> (Document, usize) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut text, file) = (known.text.clone(), known.file.clone());
        drop(known);
        text.push('\n');
        let start = text.len();
        text.push_str(line);
        let mut parser = self.parser.lock().unwrap_or_else(PoisonError::into_inner);
        (Document::read(&file, &text, &FileWorld::new(), &mut parser), start)
    }

    /// Proposals for a place in a line: where they begin, and name with doc and text.
    pub fn proposals(&self, line: &str, pos: usize) -> (usize, Vec<(String, String)>) {
        let before = &line[..pos];
        if let Some(rest) = before.trim_start().strip_prefix(':') {
            let start = before.len() - rest.len();
            let Some((word, argument)) = rest.split_once(' ') else {
                let begun = words::WORDS.iter().filter(|word| word.name.starts_with(rest));
                let pair = |w: &words::Word| (format!(":{:<10} {:<16} {}", w.name, w.takes, w.doc), w.name.to_string());
                return (start, begun.map(pair).collect());
            };
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let names: Vec<String> = match word {
                "set" => known.params.clone(),
                "launch" | "stop" => known.launches.clone(),
                "back" | "delete" | "list" | "scope" => {
                    let keys = super::buffer::parts(&known.text).into_iter().filter_map(|part| part.key);
                    let inner = if word == "scope" { super::inside::paths(&known.text) } else { Vec::new() };
                    keys.map(|key| super::buffer::shown(&key).to_string()).chain(inner).collect()
                }
                "device" => {
                    let devices = device::list().into_iter().map(|device| device.name);
                    devices.chain(std::iter::once("null".to_string())).collect()
                }
                "save" | "load" => modu_files(argument),
                "snap" | "recall" | "diff" => ('A'..='H').map(String::from).collect(),
                "help" => words::WORDS.iter().map(|word| word.name.to_string()).collect(),
                "asm" => known.params.iter().filter_map(|name| Some(name.rsplit_once('.')?.0.to_string())).collect(),
                "loop" => vec!["off".into()],
                "metronome" => vec!["on".into(), "off".into()],
                _ => Vec::new(),
            };
            drop(known);
            if !names.is_empty() {
                let mut names: Vec<String> = names.into_iter().filter(|name| name.starts_with(argument)).collect();
                names.sort();
                names.dedup();
                let begun = names.into_iter();
                return (pos - argument.len(), begun.map(|name| (name.clone(), name)).collect());
            }
        }
        let (document, start) = self.document(line);
        let mut found = ide::complete(&document, start + pos);
        let files = ide::files(&document, start + pos, &FileWorld::new());
        if found.is_empty() || !files.is_empty() {
            found = files;
        }
        let at = found.first().map_or(pos, |c| (c.replace.start as usize).saturating_sub(start));
        let pair = |c: ide::Completion| {
            let doc = if c.doc.is_empty() { c.detail } else { c.doc };
            (format!("{:<16} {doc}", c.label).trim_end().to_string(), c.insert)
        };
        (at, found.into_iter().take(MOST).map(pair).collect())
    }

    /// The signature of the call that a line ends in.
    pub fn signature(&self, line: &str) -> Option<String> {
        let line_of_colon = line.trim_start().starts_with(':') && !line.trim_start().starts_with(":t ");
        if line.is_empty() || line_of_colon {
            return None;
        }
        let (document, start) = self.document(line);
        let help = ide::signature(&document, start + line.len()).into_iter().next()?;
        let active = help.active.and_then(|i| help.params.get(i));
        Some(match active {
            Some(range) => format!("   {}  <- {}", help.signature, &help.signature[range.clone()]),
            None => format!("   {}", help.signature),
        })
    }
}

/// Files of the language, and folders, that a path goes on with.
fn modu_files(typed: &str) -> Vec<String> {
    let folder = typed.rfind('/').map_or("", |slash| &typed[..=slash]);
    let entries = std::fs::read_dir(if folder.is_empty() { "." } else { folder }).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        (is_folder || name.ends_with(".modu")).then(|| format!("{folder}{name}{}", if is_folder { "/" } else { "" }))
    });
    names.filter(|name| !name.starts_with('.')).collect()
}

/// The colour of a kind of token.
fn colour(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Comment | Kind::Doc => "90",
        Kind::Keyword => "35",
        Kind::Number | Kind::Note => "36",
        Kind::Pattern => "32",
        Kind::Text | Kind::Path => "33",
        Kind::Operator => "1",
        Kind::Unknown => "31",
        _ => return None,
    })
}

/// A line with colours.
pub fn coloured(line: &str) -> String {
    let mut out = String::with_capacity(line.len() * 2);
    let mut done = 0;
    for token in tokens(line) {
        let (start, end) = (token.span.start as usize, token.span.end as usize);
        out.push_str(&line[done..start]);
        match colour(token.kind) {
            Some(code) => out.push_str(&format!("\x1b[{code}m{}\x1b[0m", &line[start..end])),
            None => out.push_str(&line[start..end]),
        }
        done = end;
    }
    out.push_str(&line[done..]);
    out
}

/// Words behind the cursor, which are only looked at.
pub struct Shown(String);

impl Hint for Shown {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Completer for Line {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.proposals(line, pos);
        Ok((start, found.into_iter().map(|(display, replacement)| Pair { display, replacement }).collect()))
    }
}

impl Hinter for Line {
    type Hint = Shown;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Shown> {
        self.typed.store(!line.is_empty(), Ordering::Relaxed);
        (pos == line.len()).then(|| self.signature(line)).flatten().map(Shown)
    }
}

impl Highlighter for Line {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.colour { Cow::Owned(coloured(line)) } else { Cow::Borrowed(line) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colour { Cow::Owned(format!("\x1b[90m{hint}\x1b[0m")) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.colour
    }
}

impl Validator for Line {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match input::state(context.input()) {
            State::Finished => ValidationResult::Valid(None),
            State::Open(_) => ValidationResult::Incomplete,
        })
    }
}

impl Helper for Line {}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let known = Known {
            file: concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/song.modu").into(),
            text: text.into(),
            params: vec!["bass.level".into()],
            launches: vec!["d.fill".into()],
        };
        Line::new(Arc::new(Mutex::new(known)), true)
    }

    fn inserts(line: &Line, text: &str) -> Vec<String> {
        line.proposals(text, text.len()).1.into_iter().map(|(_, insert)| insert).collect()
    }

    #[test]
    fn names_parameters_units_and_commands_are_completed() {
        let line = line("cutoff = 400hz\ntrack bass = saw(55hz)\n");
        assert!(inserts(&line, "track a = noise >> lpf(cut").iter().any(|i| i == "cutoff"));
        assert!(inserts(&line, "x = ladd").iter().any(|i| i.starts_with("ladder")));
        assert!(inserts(&line, "x = noise >> lpf(400hz, q").iter().any(|i| i.starts_with("q:")));
        assert!(inserts(&line, "x = lpf(noise, 400k").iter().any(|i| i == "khz" || i == "400khz"));
        assert_eq!(inserts(&line, ":met"), ["metronome"]);
        assert_eq!(inserts(&line, ":back b"), ["bass"]);
        assert_eq!(inserts(&line, ":set ba"), ["bass.level"]);
        assert_eq!(inserts(&line, ":launch "), ["d.fill"]);
        assert_eq!(inserts(&line, ":device nul"), ["null"]);
        assert!(inserts(&line, ":snap ").len() == 8);
        let folders = inserts(&line, "x = 'du");
        assert_eq!(folders, ["dust/"]);
        assert!(inserts(&line, "x = 'dust/").iter().any(|i| i == "bd0.wav"));
        let (start, found) = line.proposals(":met", 4);
        assert_eq!(start, 1);
        assert!(found[0].0.contains("a click on every beat"), "{found:?}");
    }

    #[test]
    fn a_signature_is_shown_inside_of_a_call() {
        let line = line("");
        let shown = line.signature("x = noise >> lpf(").expect("a hint");
        assert!(shown.contains("lpf(x, freq: hz") && shown.contains("<- freq"), "{shown}");
        assert!(line.signature("x = 3").is_none() && line.signature("").is_none() && line.signature(":cpu").is_none());
    }

    #[test]
    fn colours_change_no_text() {
        for text in ["track a = saw(55hz) >> kit('x') // y", "a = \"bd", "é ( ]", ""] {
            let mut plain = String::new();
            let mut rest = coloured(text);
            while let Some(at) = rest.find('\x1b') {
                plain.push_str(&rest[..at]);
                let end = at + rest[at..].find('m').expect("an escape ends") + 1;
                rest = rest[end..].to_string();
            }
            assert_eq!(plain + &rest, text);
        }
    }
}
