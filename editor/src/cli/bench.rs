//! `modurust bench`: how much of the machine a file needs. The figures are taken by `measure`; here they become lines.
//!
//! Times are time of the processor: what other programs do in between does not count, and work of several threads is added
//! up. `compile_ms`, `compile_cold_ms`, `stages_ms` and `worst_block` are by the clock on the wall, since that is what is waited for.
//!
//! | figure | is |
//! |---|---|
//! | `ns_per_frame` | the engine per frame, in blocks of `--block`: the best of three runs of `--for` after a warm-up |
//! | `core_percent` | that, as a share of one core at the rate |
//! | `events_us` | everything but sound for 64 frames: patterns, launches, tempo, lanes, voices; best of three runs |
//! | `events_percent` | that, as a share of the time that 64 frames last |
//! | `compile_cold_ms` | text to runnable program in a process that has compiled nothing before |
//! | `compile_ms` | the same with a fresh compiler and the library parsed already; median of several |
//! | `sound_ms` | text to the first block of sound, with a fresh compiler; median of several |
//! | `number_ms` | from a text in which one number is another to the first block with it; `number_code` tells if that made code |
//! | `track_ms` | from a text in which one track has one more stage to the first block with it, all else being compiled |
//! | `stages_ms` | where the time of `track_ms` goes, stage by stage, by the clock on the wall |
//! | `swap_ms` | from a compiled program with one more track to its sound: plan, memory, adoption; median of several |
//! | `worst_block` | longest block of a run as a multiple of the middle one, by the clock on the wall |
//! | `sounding` | `ns_per_frame` while so many voices of every bank hold a note |
//! | `tracks` | `ns_per_frame` while a note is held on so many tracks |
//!
//! With `--edit` it is about the front of the compiler alone, by kinds of edits ([`edits`]); with `--nodes` about single nodes of the
//! library ([`nodes`]); with `--window` about frames of the window.
//!
//! Each of several files is measured in a process of its own, so that none profits from what another left behind.

use super::Failure;
use super::edits;
use super::length::Length;
use super::measure::{self, Figures};
use super::nodes;
use super::terminal;
use super::work;
use modurust_runtime::compiler::codegen::isa::Isa;
use std::process::Stdio;

/// What `bench` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files, each measured by itself; without any, those of the folder `examples`
    files: Vec<String>,
    /// How much to render for each run
    #[arg(long = "for", value_name = "LENGTH", default_value = "10s")]
    pub length: Length,
    /// Frames per second
    #[arg(long, default_value_t = work::RATE, value_parser = work::rate)]
    pub rate: u32,
    /// Frames asked for at once
    #[arg(long, default_value_t = 64, value_parser = work::block)]
    pub block: u32,
    /// Print one JSON object a line for each file
    #[arg(long)]
    json: bool,
    /// Measure what edits of a text cost until its graph is there; without a file, of a set of five hundred lines
    #[arg(long, conflicts_with_all = ["json", "length", "block"])]
    edit: bool,
    /// Measure what frames of the window cost
    #[arg(long, conflicts_with_all = ["edit", "nodes", "json", "length", "block", "files"])]
    window: bool,
    /// Measure nodes by their examples, each by itself: those that are named instead of files, or all; expressions, too
    #[arg(long, conflicts_with_all = ["edit", "length", "block"])]
    nodes: bool,
}

/// Measures.
pub fn run(args: &Args) -> Result<(), Failure> {
    if cfg!(debug_assertions) {
        terminal::warn("this is not a release build: the figures say little");
    }
    if args.window {
        return crate::window::frames::run();
    }
    if args.nodes {
        return nodes::run(&args.files, args.rate, args.json);
    }
    if args.edit {
        let files: Vec<Option<&String>> =
            if args.files.is_empty() { vec![None] } else { args.files.iter().map(Some).collect() };
        return files.into_iter().try_for_each(|file| edits::run(file, args.rate));
    }
    let files = if args.files.is_empty() { examples()? } else { args.files.clone() };
    let head = [
        "file",
        "ns/frame",
        "% of a core",
        "compile ms",
        "cold ms",
        "sound ms",
        "number ms",
        "track ms",
        "swap ms",
        "voices",
        "nodes",
    ];
    let mut rows = vec![head.map(str::to_string).to_vec()];
    let (mut stages, mut banks, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let figures = if files.len() == 1 { measure::file(args, file)? } else { measure_elsewhere(args, file)? };
        if args.json {
            terminal::print_json(&figures)?;
            continue;
        }
        let optional = |ms: Option<f64>| ms.map_or("-".into(), |ms| format!("{ms:.2}"));
        rows.push(vec![
            figures.file.clone(),
            format!("{:.1}", figures.ns_per_frame),
            format!("{:.2}", figures.core_percent),
            format!("{:.2}", figures.compile_ms),
            format!("{:.2}", figures.compile_cold_ms),
            format!("{:.2}", figures.sound_ms),
            optional(figures.number_ms),
            optional(figures.track_ms),
            optional(figures.swap_ms),
            figures.voices.to_string(),
            figures.nodes.to_string(),
        ]);
        events.push(format!(
            "{} patterns and all that moves: {:.2} us for 64 frames, {:.3} % of their time\n",
            figures.file, figures.events_us, figures.events_percent
        ));
        if !figures.stages_ms.is_empty() {
            stages.push(by_stages(&figures));
        }
        if !figures.tracks.is_empty() {
            banks.push(sounding(&figures, "tracks", &figures.tracks));
        }
        if !figures.sounding.is_empty() {
            banks.push(sounding(&figures, "voices", &figures.sounding));
        }
    }
    if args.json {
        return Ok(());
    }
    terminal::print(&terminal::table(&rows))?;
    let more = [events.concat(), stages.concat(), banks.concat()].concat();
    terminal::print(&format!("\n{more}"))
}

/// `x.modu track ms by stages: parse 0.10, ..`
fn by_stages(figures: &Figures) -> String {
    let each: Vec<String> = figures.stages_ms.iter().map(|(stage, ms)| format!("{stage} {ms:.2}")).collect();
    format!("{} track ms by stages: {}\n", figures.file, each.join(", "))
}

/// `x.modu by sounding voices: 0: 12.0 ns, 1: ..`
fn sounding(figures: &Figures, what: &str, costs: &[(u32, f64)]) -> String {
    let each: Vec<String> = costs.iter().map(|(n, ns)| format!("{n}: {ns:.1} ns")).collect();
    format!("{} by sounding {what}: {}\n", figures.file, each.join(", "))
}

/// The patches of the folder `examples`.
fn examples() -> Result<Vec<String>, Failure> {
    let none = |why: String| Failure::because(format!("examples: {why}; name the files to measure"));
    let mut files: Vec<String> = std::fs::read_dir("examples")
        .map_err(|e| none(e.to_string()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "modu"))
        .map(|path| path.display().to_string())
        .collect();
    files.sort();
    if files.is_empty() { Err(none("no file ends in .modu".into())) } else { Ok(files) }
}

/// Measures in a process of its own.
fn measure_elsewhere(args: &Args, file: &str) -> Result<Figures, Failure> {
    let program = std::env::current_exe().map_err(|e| Failure::because(format!("cannot find myself: {e}")))?;
    let (rate, block, length) = (args.rate.to_string(), args.block.to_string(), args.length.to_string());
    let output = std::process::Command::new(program)
        .args([
            "bench",
            "--json",
            "--isa",
            Isa::chosen().name(),
            "--rate",
            &rate,
            "--block",
            &block,
            "--for",
            &length,
            "--",
            file,
        ])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| Failure::because(format!("cannot start another process: {e}")))?;
    match output.status.code() {
        Some(0) => serde_json::from_slice(&output.stdout).map_err(|e| Failure::because(format!("{file}: {e}"))),
        Some(1) => Err(Failure::Text),
        Some(2) => Err(Failure::Usage(format!("{file}: cannot be measured so"))),
        _ => Err(Failure::because(format!("{file}: not measured"))),
    }
}
