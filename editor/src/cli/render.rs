//! `modurust render`: the engine as fast as it goes, into a WAV file, a hash, or both.
//!
//! What is rendered is what would be played, bit for bit, but for the safety limiter, which belongs to loudspeakers. Nothing is
//! written until every text compiles.

use super::Failure;
use super::length::{Length, Place};
use super::picture;
use super::terminal::{self, Level};
use super::work::{self, Work};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, Options};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::program::{Program, Timing};
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::offline::TAIL;
use modurust_runtime::device::{Begin, RenderOptions, RenderReport, Way, render};
use modurust_runtime::export::{self, Export, Record};
use modurust_runtime::wav::Bits;
use serde::Serialize;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;

/// Longest song, seconds.
const LONGEST: u64 = 24 * 3600;

/// What `render` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files that play together
    #[arg(required_unless_present = "expression", conflicts_with = "expression")]
    files: Vec<String>,
    /// Render one expression instead of files
    #[arg(short, long, value_name = "EXPR", allow_hyphen_values = true)]
    expression: Option<String>,
    /// The file to write: WAV, or FLAC by its name
    #[arg(short, long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
    /// How much: 10s, 8bars; without it a song to its end and until it has died away, and 10 s of anything else
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<Length>,
    /// Where to begin: 16bars, 30s, or bar17; every bit is as in the whole, since what lies before is computed, too
    #[arg(long, value_name = "PLACE")]
    from: Option<Place>,
    /// A folder for the memory of sound at every eighth bar, with which `--from` need not compute what lies before
    #[arg(long, value_name = "DIR", conflicts_with = "at")]
    checkpoints: Option<PathBuf>,
    /// With `--from`: begin with silence where notes, clips and all that moves are as if played from the start
    #[arg(long, requires = "from", conflicts_with_all = ["at", "checkpoints"])]
    jump: bool,
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
    /// A folder for one file per track and bus
    #[arg(long, value_name = "DIR")]
    stems: Option<PathBuf>,
    /// Write what the text records while it plays (`record master to 'take.wav'`), too
    #[arg(long)]
    takes: bool,
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
    exports: &'a [PathBuf],
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
    let mut records = export::records(&program, None);
    if let Some(record) = records.first().filter(|_| !args.takes) {
        let file = record.take.path.display();
        terminal::note(&format!("the text records to {file} while it plays; `--takes` writes it here as well"));
        records.clear();
    }
    let exports = export::exports(&program, None);
    let whole = args.out.is_some() || args.stems.is_some() || args.json || pictured(args) || !records.is_empty();
    if !whole && exports.is_empty() {
        let message = "give a file to write, such as `-o set.wav`; `--stems`, `--json` and pictures do as well";
        return Err(Failure::Usage(message.into()));
    }
    let asked: Vec<String> = reads.into_iter().chain(work.world().asked()).collect();
    for path in records.iter().map(|r| &r.take.path).chain(exports.iter().map(|e| &e.path)) {
        work::keep_apart(path, &asked)?;
    }
    let mut heard = Vec::new();
    let report = if whole {
        let extent = extent(args, &program)?;
        let at = swaps(args, &mut work, &mut compiler, &program.timing)?;
        let report = carry_out(args, program.clone(), (extent, &records), at, &mut heard)?;
        if let Some(path) = &args.spectrogram {
            picture::spectrogram(&heard, args.rate).write(path)?;
        }
        if let Some(path) = &args.waveform {
            picture::waveform(&heard, args.rate).write(path)?;
        }
        Some(report)
    } else {
        None
    };
    let mut files = Vec::new();
    for export in &exports {
        files.extend(carry_out_export(args, export, program.clone())?);
    }
    report.map_or(Ok(()), |report| tell(args, &report, &files))
}

fn pictured(args: &Args) -> bool {
    args.spectrogram.is_some() || args.waveform.is_some()
}

/// How much is rendered.
struct Extent {
    /// Where it begins.
    from: Begin,
    /// Frames; with a song, the most.
    frames: u64,
    /// The end of a song that is to die away, in bars.
    song: Option<Ratio>,
    /// Frames that are to be expected.
    likely: u64,
}

fn way(args: &Args) -> Way {
    match &args.checkpoints {
        Some(folder) => Way::Checkpoints(folder.clone()),
        None if args.jump => Way::Jump,
        None => Way::Whole,
    }
}

fn extent(args: &Args, program: &Program) -> Result<Extent, Failure> {
    let timing = &program.timing;
    let too_far = || Failure::Usage("`--from` is too far away".into());
    let from = match &args.from {
        Some(place) => place.begin(timing, args.rate).ok_or_else(too_far)?,
        None => Begin::Frame(0),
    };
    let (likely, song) = match (&args.length, export::song(program)) {
        (Some(length), _) => (frames(length, timing, args.rate, "--for")?, None),
        (None, None) => (10 * u64::from(args.rate), None),
        // Where the tempo moves this is a guess; what counts is the end in bars.
        (None, Some(end)) => {
            let rest = match from {
                Begin::Bars(bars) => end - bars,
                Begin::Frame(frame) => end - Ratio::int(frame as i64) / timing.frames_per_bar(args.rate),
            };
            let length = (rest * timing.frames_per_bar(args.rate)).ceil().max(1) as u64;
            (length + TAIL * u64::from(args.rate), Some(end))
        }
    };
    if likely == 0 {
        return Err(Failure::Usage("`--for` must be longer than nothing".into()));
    }
    fits(args, likely)?;
    let frames = if song.is_some() { LONGEST * u64::from(args.rate) } else { likely };
    Ok(Extent { from, frames, song, likely })
}

/// Renders what `export` asks for, and tells it. The files come back.
fn carry_out_export(args: &Args, export: &Export, program: Program) -> Result<Vec<PathBuf>, Failure> {
    let options = export.options(program);
    let limiter = options.limiter && !args.no_limiter;
    let report = render(RenderOptions { bits: args.bits, block: args.block as usize, limiter, ..options })
        .map_err(Failure::outside)?;
    let whole = export.strip.is_none().then(|| export.path.clone());
    let files: Vec<PathBuf> = whole.into_iter().chain(report.stems.clone()).collect();
    faults(&report);
    if !args.json {
        terminal::print(&line(&files, &report))?;
    }
    Ok(files)
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
    (extent, records): (Extent, &[Record]),
    at: Vec<(u64, Program)>,
    heard: &mut Vec<f32>,
) -> Result<RenderReport, Failure> {
    let bar = bar(extent.likely);
    let mut progress = |done: u64, _: u64| bar.set_position(done.min(extent.likely));
    let shown: Option<&mut dyn FnMut(u64, u64)> = if bar.is_hidden() { None } else { Some(&mut progress) };
    let result = render(RenderOptions {
        block: args.block as usize,
        out: args.out.clone(),
        bits: args.bits,
        limiter: !args.no_limiter && program.timeline.leaves_master_open(),
        stems: args.stems.clone().or(records.iter().find_map(|r| r.stems.clone())),
        takes: records.iter().map(|r| r.take.clone()).collect(),
        song: extent.song,
        from: extent.from,
        way: way(args),
        at,
        heard: pictured(args).then_some(heard),
        progress: shown,
        ..RenderOptions::new(program, extent.frames)
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

fn tell(args: &Args, report: &RenderReport, exports: &[PathBuf]) -> Result<(), Failure> {
    for (frame, kind) in &report.adopted {
        terminal::log(Level::Info, || format!("swapped at frame {frame}: {}", kind.word()));
    }
    faults(report);
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
            exports,
            seconds: report.seconds,
        });
    }
    let pictures = args.spectrogram.iter().chain(&args.waveform);
    let written: Vec<PathBuf> = args.out.iter().chain(&report.stems).chain(pictures).cloned().collect();
    terminal::print(&line(&written, report))
}

/// What is not as it should be.
fn faults(report: &RenderReport) {
    report.refused.iter().for_each(|refused| terminal::warn(refused));
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
    if report.cut {
        let message = format!("it still sounded {TAIL} s after the end of the song, and was cut off there");
        terminal::warn(&message);
    }
    for track in &report.faults {
        terminal::warn(&format!("`{track}` made values that are no numbers; they were silenced"));
    }
    if report.lost > 0 {
        terminal::warn(&format!("{} events found no room and were left out", report.lost));
    }
}

/// What was written, in one line.
fn line(written: &[PathBuf], report: &RenderReport) -> String {
    let files = written.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ");
    let length = report.frames as f64 / f64::from(report.rate);
    format!(
        "{files}: {length:.2} s at {} Hz, peak {}, rms {}, {:.0} times faster than real time\n",
        report.rate,
        terminal::decibels(report.peak),
        terminal::decibels(report.rms),
        length / report.seconds.max(1e-9)
    )
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
