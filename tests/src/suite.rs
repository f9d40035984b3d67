//! Suites of sections: many small programs in one file, each with the stages that it is a golden of.
//!
//! ```text
//! --- saw-and-filter graph audio(0.25s) ---
//! out = saw(110hz) >> lpf(800hz) * -12db
//! --- lost-unit ---
//! out = lpf(noise, 800)                 // error: wants a frequency; help: 800hz
//! --- keeps-its-echo swap(1s) ---
//! out = saw(110hz) >> echo(0.2s)
//! === after 24000
//! out = saw(110hz) >> echo(0.2s) >> drive(6db)
//! ```
//!
//! Text stages are compared with `ref/STAGE/NAME.txt`, sound with its line in `ref/audio.txt`: the hash decides, the facts explain.
//! `UPDATE_EXPECT=1` writes what is found; `git diff` is the review.

use crate::facts;
use crate::sound::{RATE, Texts, options};
use modurust_runtime::compiler::codegen::isa::Isa;
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::graph::{check, text};
use modurust_runtime::compiler::lang::{self, FileId, Source, print::print_item};
use modurust_runtime::compiler::passes::{Passes, optimise, pack::pack};
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::schedule;
use modurust_runtime::compiler::score::{EventBuf, Ratio, event_text};
use modurust_runtime::device::{RenderOptions, render};
use modurust_runtime::wav;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// One section of a suite.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name, unique in all suites.
    pub name: String,
    /// The stages it is a golden of, with an argument in parentheses: `audio(0.25s)`.
    pub stages: Vec<(String, String)>,
    /// The program, and those that are swapped in after so many frames.
    pub texts: Vec<(u64, String)>,
    /// File and line of its header.
    pub place: String,
}

/// Takes a suite apart.
///
/// # Panics
/// If a header or a split cannot be read.
pub fn sections(file: &str, text: &str) -> Vec<Section> {
    let mut out: Vec<Section> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", i + 1);
        if let Some(head) = line.strip_prefix("--- ") {
            let head = head.strip_suffix(" ---").unwrap_or_else(|| panic!("{place}: a header ends with ` ---`"));
            let mut words = head.split_whitespace();
            let name = words.next().unwrap_or_else(|| panic!("{place}: a section has a name")).to_string();
            let stages = words.map(|word| match word.split_once('(') {
                Some((stage, argument)) => (stage.to_string(), argument.trim_end_matches(')').to_string()),
                None => (word.to_string(), String::new()),
            });
            out.push(Section { name, stages: stages.collect(), texts: vec![(0, String::new())], place });
        } else if let Some(section) = out.last_mut() {
            if let Some(frames) = line.strip_prefix("=== after ") {
                let frames = frames.trim().parse().unwrap_or_else(|_| panic!("{place}: `=== after FRAMES`"));
                section.texts.push((frames, String::new()));
            } else if let Some((_, text)) = section.texts.last_mut() {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    out
}

/// What a section gives for a text stage.
///
/// # Errors
/// With the diagnostics, if the program is wrong.
pub fn stage(section: &Section, stage: &str) -> Result<String, String> {
    let text = &section.texts[0].1;
    if stage == "print" {
        let parsed = lang::parse(FileId(0), &Source::new("a.modu", text.as_str()));
        return Ok(parsed.stmts.iter().map(|s| print_item(&s.item) + "\n").collect());
    }
    let files = Texts::one(text);
    let (elaborated, diagnostics, sources) = Compiler::new(options(Backend::Jit)).elaborate(&files, &["a.modu".into()]);
    let e = elaborated.ok_or_else(|| lang::diag::render(&diagnostics, &sources, false))?;
    match stage {
        "graph" => Ok(text::print(&e.graph)),
        "schedule" => {
            let graph = pack(&optimise(&e.graph, Passes::Exact), Passes::Exact).graph;
            let info = check::check(&graph).map_err(|e| format!("{e:?}"))?;
            let plan = schedule::schedule(&graph, &info, Isa::Portable);
            Ok(schedule::print(&plan.graph, &plan))
        }
        "score" => {
            let mut out = String::new();
            let mut buffer = EventBuf::new(1024);
            for unit in &e.units {
                let _ = writeln!(out, "{} {:?} voices {}", unit.path, unit.kind, unit.voices);
                for cycle in 0..4 {
                    buffer.clear();
                    e.score.query(unit.pattern, Ratio::int(cycle), Ratio::int(cycle + 1), &mut buffer);
                    let mut lines: Vec<_> = buffer
                        .onsets()
                        .map(|event| {
                            (
                                event.whole.0,
                                format!("  {} {} {}", event.whole.0, event.whole.1, event_text(&e.score, event)),
                            )
                        })
                        .collect();
                    lines.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
                    lines.iter().for_each(|(_, line)| out += &format!("{line}\n"));
                }
            }
            Ok(out)
        }
        other => Err(format!("there is no stage `{other}`")),
    }
}

/// Seconds of `0.25s`.
fn seconds(argument: &str) -> f64 {
    argument.trim_end_matches('s').parse().unwrap_or(0.25)
}

/// What was heard: left and right, and the hash.
pub struct Heard {
    /// Interleaved.
    pub samples: Vec<f32>,
    /// Of all samples.
    pub hash: String,
}

/// Renders a section with its swaps.
///
/// # Errors
/// With the diagnostics, if a program is wrong.
pub fn hear(section: &Section, length: &str, backend: Backend, block: usize, swaps: bool) -> Result<Heard, String> {
    let mut compiler = Compiler::new(options(backend));
    let mut programs: Vec<(u64, Program)> = Vec::new();
    for (at, text) in &section.texts {
        let outcome = compiler.compile(&Texts::one(text), &["a.modu".into()]);
        let messages = outcome.render(false);
        programs.push((*at, outcome.program.ok_or(messages)?));
    }
    let (_, first) = programs.remove(0);
    let mut o = RenderOptions::new(first, (seconds(length) * f64::from(RATE)) as u64);
    o.block = block;
    if swaps {
        o.at = programs;
    }
    // Tests run side by side and hear the same section: each writes a file of its own.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("modurust-suite-{}-{nth}.wav", std::process::id()));
    o.out = Some(path.clone());
    let report = render(o).map_err(|e| e.to_string())?;
    let samples = wav::read(&path).map_err(|e| e.to_string())?.samples;
    let _ = std::fs::remove_file(&path);
    Ok(Heard { samples, hash: report.hash.to_string() })
}

/// The line of a sound: hash, frames, peak, rms, dc, zero crossings, the first eight samples of the left side.
pub fn facts_line(name: &str, heard: &Heard) -> String {
    let left: Vec<f32> = heard.samples.iter().step_by(2).copied().collect();
    let crossings = left.windows(2).filter(|w| (w[0] < 0.0) != (w[1] < 0.0)).count();
    let first = left.iter().take(8).map(|x| format!("{x:.4}")).collect::<Vec<_>>().join(" ");
    format!(
        "{name}  {}  {}  peak {:.4}  rms {:.4}  dc {:+.4}  crossings {crossings}  {first}",
        heard.hash,
        left.len(),
        facts::peak(&left),
        facts::rms(&left),
        facts::dc(&left),
    )
}

/// Errors as annotated in a text, `// error: part; help: part`, by line from 1.
pub fn annotations(text: &str) -> BTreeMap<usize, Vec<String>> {
    let mut out = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        if let Some((_, note)) = line.split_once("// error: ") {
            let parts = note.split("; help: ").map(|p| p.trim().to_string()).collect();
            out.insert(i + 1, parts);
        }
    }
    out
}

/// Compares what a wrong program is told with its annotations.
///
/// # Errors
/// With the difference.
pub fn judge_errors(section: &Section) -> Result<(), String> {
    let text = &section.texts[0].1;
    let wanted = annotations(text);
    let files = Texts::one(text);
    let (_, diagnostics, sources) = Compiler::new(options(Backend::Jit)).elaborate(&files, &["a.modu".into()]);
    let shown = lang::diag::render(&diagnostics, &sources, false);
    let mut left = wanted.clone();
    for d in diagnostics.iter().filter(|d| d.is_error()) {
        let line = sources[d.file.0 as usize].position(d.span.start).0;
        let code = lang::codes::of(d).code;
        let (label, help) = (d.label.as_deref().unwrap_or(""), d.help.as_deref().unwrap_or(""));
        let said = format!("{code} {} {label} {help}", d.message);
        match left.remove(&line) {
            Some(parts) if parts.iter().all(|p| says(&said, code, p)) => {}
            Some(parts) => return Err(format!("line {line} wants {parts:?}:\n{shown}")),
            None => return Err(format!("line {line} was not expected to be wrong:\n{shown}")),
        }
    }
    if left.is_empty() { Ok(()) } else { Err(format!("not found: {left:?}\n{shown}")) }
}

/// True if a piece of an annotation is said; it may begin with the code: `E0301 got a time`.
fn says(said: &str, code: &str, piece: &str) -> bool {
    let has_code = piece.len() >= 5 && piece.as_bytes()[1..5].iter().all(u8::is_ascii_digit);
    if !has_code {
        return said.contains(piece);
    }
    let (wanted, rest) = piece.split_at(5);
    wanted == code && said.contains(rest.trim())
}

/// The folder of this crate.
pub fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// True when references are to be written.
pub fn updating() -> bool {
    std::env::var("UPDATE_EXPECT").is_ok_and(|v| v == "1")
}
