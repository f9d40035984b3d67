//! `modurust render`: the engine as fast as it goes, into a WAV file, a hash, or both.
//!
//! What is rendered is what would be played, bit for bit, but for the safety limiter, which belongs to loudspeakers. Nothing is
//! written until every text compiles.

use super::Failure;
use super::length::Length;
use super::picture;
use super::terminal::{self, Level};
use super::work::{self, Work};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, Options};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::program::{Program, Timing};
use modurust_runtime::device::{RenderOptions, RenderReport, render};
use modurust_runtime::wav::Bits;
use serde::Serialize;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;

/// What `render` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files that play together
    #[arg(required_unless_present = "expression", conflicts_with = "expression")]
    files: Vec<String>,
    /// Render one expression instead of files
    #[arg(short, long, value_name = "EXPR", allow_hyphen_values = true)]
    expression: Option<String>,
    /// The WAV file to write
    #[arg(short, long = "out", value_name = "WAV", required_unless_present_any = ["stems", "json", "spectrogram", "waveform"])]
    out: Option<PathBuf>,
    /// How much: 10s, 8bars
    #[arg(long = "for", value_name = "LENGTH", default_value = "10s")]
    length: Length,
    /// Frames per second
    #[arg(long, default_value_t = work::RATE, value_parser = work::rate)]
    rate: u32,
    /// Frames computed at once; changes no bit of the sound
    #[arg(long, default_value_t = 64, value_parser = work::block)]
    block: u32,
    /// Sample format: 32f, 24 or 16
    #[arg(long, default_value = "32f", value_parser = Bits::from_str)]
    bits: Bits,
    /// Leave out the limiter, through which a set of tracks goes that has no `bus master` of its own
    #[arg(long)]
    no_limiter: bool,
    /// A folder for one file per track
    #[arg(long, value_name = "DIR")]
    stems: Option<PathBuf>,
    /// A picture of the frequencies over time, 20 Hz to half of the rate, -100 to 0 dBFS
    #[arg(long, value_name = "PNG")]
    spectrogram: Option<PathBuf>,
    /// A picture of the wave, left above right
    #[arg(long, value_name = "PNG")]
    waveform: Option<PathBuf>,
    /// What runs the patch
    #[arg(long, default_value = "jit")]
    backend: BackendArg,
    /// Which rewrites the compiler may use
    #[arg(long, default_value = "fast")]
    passes: PassesArg,
    /// Seed of every random choice, unless the text sets one
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Swap an edited file in at a time, such as 2s=EDITED.modu; can be given again
    #[arg(long = "at", value_name = "TIME=FILE")]
    at: Vec<Edit>,
    /// Print one JSON object about the result
    #[arg(long)]
    json: bool,
}

/// What runs a patch.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum BackendArg {
    /// Machine code
    Jit,
    /// The reference interpreter, slow and equal to the bit
    Interp,
}

/// Which rewrites the compiler may use.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PassesArg {
    /// All of them
    Fast,
    /// Those that keep every bit
    Exact,
}

impl From<PassesArg> for Passes {
    fn from(passes: PassesArg) -> Passes {
        match passes {
            PassesArg::Fast => Passes::Fast,
            PassesArg::Exact => Passes::Exact,
        }
    }
}

/// A file to swap in, and when.
#[derive(Clone, Debug)]
struct Edit {
    time: Length,
    file: String,
}

impl FromStr for Edit {
    type Err = String;

    fn from_str(text: &str) -> Result<Edit, String> {
        let (time, file) = text.split_once('=').ok_or("write a time, `=` and a file: 2s=edited.modu")?;
        Ok(Edit { time: time.parse()?, file: file.to_string() })
    }
}

/// What is printed with `--json`.
#[derive(Serialize)]
struct Summary<'a> {
    frames: u64,
    rate: u32,
    channels: u32,
    limited: u64,
    peak: f32,
    rms: f32,
    hash: String,
    swaps: u64,
    adopted: Vec<Adopted>,
    lost_events: u64,
    faults: &'a [String],
    stems: &'a [PathBuf],
    seconds: f64,
}

#[derive(Serialize)]
struct Adopted {
    frame: u64,
    change: &'static str,
}

/// Renders.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut work = match &args.expression {
        Some(expression) => Work::expression("out = ", expression),
        None => Work::files(&args.files)?,
    };
    let reads: Vec<String> = args.files.iter().cloned().chain(args.at.iter().map(|e| e.file.clone())).collect();
    for out in args.out.iter().chain(&args.spectrogram).chain(&args.waveform) {
        work::keep_apart(out, &reads)?;
    }
    let backend = match args.backend {
        BackendArg::Jit => Backend::Jit,
        BackendArg::Interp => Backend::Interp,
    };
    let options = Options { backend, passes: args.passes.into(), seed: args.seed, ..work::options(args.rate) };
    let mut compiler = Compiler::new(options);
    let program = work.compile(&mut compiler)?;
    let frames = frames(&args.length, &program.timing, args.rate, "--for")?;
    if frames == 0 {
        return Err(Failure::Usage("`--for` must be longer than nothing".into()));
    }
    let at = swaps(args, &mut work, &mut compiler, &program.timing)?;
    fits(args, frames)?;
    let mut heard = Vec::new();
    let report = carry_out(args, program, frames, at, &mut heard)?;
    if let Some(path) = &args.spectrogram {
        picture::spectrogram(&heard, args.rate).write(path)?;
    }
    if let Some(path) = &args.waveform {
        picture::waveform(&heard, args.rate).write(path)?;
    }
    tell(args, &report)
}

fn frames(length: &Length, timing: &Timing, rate: u32, option: &str) -> Result<u64, Failure> {
    length.frames(timing, rate).ok_or_else(|| Failure::Usage(format!("`{option}` is too long")))
}

/// Compiles the files that are swapped in, in the order of their times.
fn swaps(
    args: &Args,
    work: &mut Work,
    compiler: &mut Compiler,
    timing: &Timing,
) -> Result<Vec<(u64, Program)>, Failure> {
    let mut edits = Vec::new();
    for edit in &args.at {
        edits.push((frames(&edit.time, timing, args.rate, "--at")?, &edit.file));
    }
    edits.sort_by_key(|(frame, _)| *frame);
    let mut programs = Vec::new();
    for (frame, file) in edits {
        work.edit(file)?;
        programs.push((frame, work.compile(compiler)?));
    }
    Ok(programs)
}

/// A WAV file holds four gigabytes.
fn fits(args: &Args, frames: u64) -> Result<(), Failure> {
    let bytes = match args.bits {
        Bits::F32 => 4,
        Bits::I24 => 3,
        Bits::I16 => 2,
    };
    if (args.out.is_some() || args.stems.is_some()) && frames.saturating_mul(2 * bytes) > u64::from(u32::MAX) - 4096 {
        return Err(Failure::Usage("a WAV file holds 4 GB: give a shorter `--for`, or fewer `--bits`".into()));
    }
    Ok(())
}

fn carry_out(
    args: &Args,
    program: Program,
    frames: u64,
    at: Vec<(u64, Program)>,
    heard: &mut Vec<f32>,
) -> Result<RenderReport, Failure> {
    let pictured = args.spectrogram.is_some() || args.waveform.is_some();
    let bar = bar(frames);
    let mut progress = |done: u64, _: u64| bar.set_position(done);
    let shown: Option<&mut dyn FnMut(u64, u64)> = if bar.is_hidden() { None } else { Some(&mut progress) };
    let result = render(RenderOptions {
        block: args.block as usize,
        out: args.out.clone(),
        bits: args.bits,
        limiter: !args.no_limiter && program.timeline.leaves_master_open(),
        stems: args.stems.clone(),
        at,
        heard: pictured.then_some(heard),
        progress: shown,
        ..RenderOptions::new(program, frames)
    });
    bar.finish_and_clear();
    result.map_err(Failure::outside)
}

/// A progress bar on a terminal, nothing elsewhere.
fn bar(frames: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(frames);
    if let Ok(style) = ProgressStyle::with_template("rendering [{bar:40}] {percent:>3}% {eta:>4}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn tell(args: &Args, report: &RenderReport) -> Result<(), Failure> {
    for (frame, kind) in &report.adopted {
        terminal::log(Level::Info, || format!("swapped at frame {frame}: {}", kind.word()));
    }
    if report.peak > 1.0 {
        let message = format!(
            "the peak is {} above 0 dBFS: a sound card or a file of whole numbers will clip it; turn it down",
            terminal::decibels(report.peak)
        );
        terminal::warn(&message);
    }
    if report.limited > 0 {
        let seconds = report.limited as f64 / f64::from(report.rate);
        let message = format!("too loud: the limiter turned it down for {seconds:.1} s; see `--no-limiter`");
        terminal::warn(&message);
    }
    for track in &report.faults {
        terminal::warn(&format!("`{track}` made values that are no numbers; they were silenced"));
    }
    if report.lost > 0 {
        terminal::warn(&format!("{} events found no room and were left out", report.lost));
    }
    if args.json {
        let adopted = report.adopted.iter().map(|&(frame, kind)| Adopted { frame, change: kind.word() }).collect();
        return terminal::print_json(&Summary {
            frames: report.frames,
            rate: report.rate,
            channels: report.channels,
            limited: report.limited,
            peak: report.peak,
            rms: report.rms,
            hash: report.hash.to_string(),
            swaps: report.swaps,
            adopted,
            lost_events: report.lost,
            faults: &report.faults,
            stems: &report.stems,
            seconds: report.seconds,
        });
    }
    let pictures = args.spectrogram.iter().chain(&args.waveform);
    let written = args
        .out
        .iter()
        .chain(&report.stems)
        .chain(pictures)
        .map(|p| p.display().to_string())
        .collect::<Vec<_>>()
        .join(" ");
    let length = report.frames as f64 / f64::from(report.rate);
    terminal::print(&format!(
        "{written}: {length:.2} s at {} Hz, peak {}, rms {}, {:.0} times faster than real time\n",
        report.rate,
        terminal::decibels(report.peak),
        terminal::decibels(report.rms),
        length / report.seconds.max(1e-9)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_have_a_time_and_a_file() {
        let edit: Edit = "2s=a=b.modu".parse().unwrap();
        assert_eq!((edit.time.to_string().as_str(), edit.file.as_str()), ("2s", "a=b.modu"));
        assert!("2s".parse::<Edit>().unwrap_err().contains("2s=edited.modu"));
        assert!("2=x".parse::<Edit>().unwrap_err().contains("unit"));
    }
}
