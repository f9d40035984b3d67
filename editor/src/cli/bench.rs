//! `modurust bench`: how much of the machine a file needs.
//!
//! | figure | is |
//! |---|---|
//! | `ns_per_frame` | time of the engine per frame, the best of three runs of `--for` after a warm-up |
//! | `core_percent` | that, as a share of one core at the rate |
//! | `compile_cold_ms` | text to runnable program in a process that has compiled nothing before |
//! | `compile_ms` | the same with a fresh compiler and the library parsed already; median of several |
//! | `swap_ms` | from a compiled program with one more track to its sound: plan, memory, adoption; median of several |
//!
//! Each of several files is measured in a process of its own, so that none profits from what another left behind.

use super::Failure;
use super::length::Length;
use super::terminal::{self, Level};
use super::work::{self, Work};
use modurust_runtime::command::EngineNotice;
use modurust_runtime::compiler::codegen::isa::Isa;
use modurust_runtime::compiler::exec::Code;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::{Program, UnitKind};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::swap::Control;
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use std::time::Instant;

/// What `bench` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files, each measured by itself; without any, those of the folder `examples`
    files: Vec<String>,
    /// How much to render for each run
    #[arg(long = "for", value_name = "LENGTH", default_value = "10s")]
    length: Length,
    /// Frames per second
    #[arg(long, default_value_t = work::RATE, value_parser = work::rate)]
    rate: u32,
    /// Print one JSON object a line for each file
    #[arg(long)]
    json: bool,
}

/// What is found for one file.
#[derive(Serialize, Deserialize)]
struct Figures {
    file: String,
    ns_per_frame: f64,
    core_percent: f64,
    compile_ms: f64,
    compile_cold_ms: f64,
    swap_ms: Option<f64>,
    isa: String,
    voices: u32,
    nodes: usize,
    rate: u32,
    frames: u64,
    code_bytes: Option<usize>,
    optimised: bool,
}

/// Runs of the engine, of which the best counts.
const RUNS: usize = 3;
/// Compilations and swaps, of which the middle one counts.
const TIMES: usize = 9;
/// Frames asked for at once.
const BLOCK: usize = 256;
/// What an edit adds, to be swapped in.
const EDIT: &str = "\ntrack modurust_bench_edit = sin(220hz) * -40db\n";

/// Measures.
pub fn run(args: &Args) -> Result<(), Failure> {
    let files = if args.files.is_empty() { examples()? } else { args.files.clone() };
    if cfg!(debug_assertions) {
        terminal::warn("this is not a release build: the figures say little");
    }
    let mut rows = vec![
        ["file", "ns/frame", "% of a core", "compile ms", "cold ms", "swap ms", "voices", "nodes"]
            .map(str::to_string)
            .to_vec(),
    ];
    for file in &files {
        let figures = if files.len() == 1 { measure(args, file)? } else { measure_elsewhere(args, file)? };
        if args.json {
            terminal::print_json(&figures)?;
        }
        rows.push(vec![
            figures.file,
            format!("{:.1}", figures.ns_per_frame),
            format!("{:.2}", figures.core_percent),
            format!("{:.2}", figures.compile_ms),
            format!("{:.2}", figures.compile_cold_ms),
            figures.swap_ms.map_or("-".into(), |ms| format!("{ms:.2}")),
            figures.voices.to_string(),
            figures.nodes.to_string(),
        ]);
    }
    if args.json { Ok(()) } else { terminal::print(&terminal::table(&rows)) }
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
    let output = std::process::Command::new(program)
        .args(["bench", "--json", "--isa", Isa::chosen().name(), "--rate", &args.rate.to_string()])
        .args(["--for", &args.length.to_string(), "--", file])
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

fn measure(args: &Args, file: &str) -> Result<Figures, Failure> {
    let mut work = Work::files(&[file.to_string()])?;
    let options = work::options(args.rate);
    let begin = Instant::now();
    let program = work.compile(&mut Compiler::new(options))?;
    let compile_cold_ms = ms(begin);
    let mut compiles = Vec::new();
    for _ in 0..TIMES {
        let mut compiler = Compiler::new(options);
        let begin = Instant::now();
        let outcome = work.outcome(&mut compiler)?;
        compiles.push(ms(begin));
        drop(outcome);
    }
    let frames = args.length.frames(&program.timing, args.rate).filter(|frames| *frames > 0);
    let frames = frames.ok_or_else(|| Failure::Usage("`--for` is nothing, or too long".into()))?;
    let ns_per_frame = speed(&program, frames)?;
    work.append(EDIT)?;
    // A file that leaves no room for another track has no figure here.
    let edited = work.outcome(&mut Compiler::new(options))?.program;
    let swap_ms = edited.map(|edited| swap(&program, &edited)).transpose()?;
    Ok(Figures {
        file: file.to_string(),
        ns_per_frame,
        core_percent: ns_per_frame * f64::from(args.rate) / 1e7,
        compile_ms: median(compiles),
        compile_cold_ms,
        swap_ms,
        isa: isa(),
        voices: program.units.iter().filter(|u| u.kind != UnitKind::Hold).map(|u| u.voices).sum(),
        nodes: program.patch.graph.nodes.len(),
        rate: args.rate,
        frames,
        code_bytes: match &program.patch.code {
            Code::Jit(code) => Some(code.bytes),
            Code::Interp(_) => None,
        },
        optimised: !cfg!(debug_assertions),
    })
}

fn ms(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1e3
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

fn engine(program: &Program) -> Result<(Engine, Control), Failure> {
    let options = EngineOptions::new(program.patch.sample_rate);
    let (engine, control, _) = Engine::new(&options, Some(program.clone())).map_err(Failure::outside)?;
    engine.warm();
    Ok((engine, control))
}

/// Nanoseconds per frame.
fn speed(program: &Program, frames: u64) -> Result<f64, Failure> {
    let mut best = f64::INFINITY;
    let mut buffer = vec![0.0f32; BLOCK * 2];
    for _ in 0..RUNS {
        let (mut engine, mut control) = engine(program)?;
        engine.process(&mut buffer, 2);
        let begin = Instant::now();
        let mut done = 0;
        while done < frames {
            engine.process(&mut buffer, 2);
            done += BLOCK as u64;
        }
        let run = begin.elapsed().as_secs_f64() * 1e9 / done as f64;
        best = best.min(run);
        terminal::log(Level::Debug, || format!("{run:.1} ns per frame"));
        while control.notice().is_some() {}
    }
    Ok(best)
}

/// Milliseconds from a compiled program to its first frame, there and back again.
fn swap(program: &Program, edited: &Program) -> Result<f64, Failure> {
    let (mut engine, mut control) = engine(program)?;
    let mut buffer = vec![0.0f32; BLOCK * 2];
    let mut swaps = Vec::new();
    for i in 0..TIMES {
        let next = if i % 2 == 0 { edited } else { program };
        // Fades end before the next swap.
        for _ in 0..40 {
            engine.process(&mut buffer, 2);
        }
        control.collect();
        let begin = Instant::now();
        if control.publish(next, None).is_none() {
            continue;
        }
        engine.process(&mut buffer, 2);
        let took = ms(begin);
        let mut adopted = false;
        while let Some(notice) = control.notice() {
            adopted |= matches!(notice, EngineNotice::Adopted { .. });
        }
        if adopted {
            swaps.push(took);
        }
    }
    Ok(median(swaps))
}

/// The machine that the code is made for.
fn isa() -> String {
    format!("{} {}", std::env::consts::ARCH, Isa::chosen().name())
}
