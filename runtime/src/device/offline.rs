//! Rendering: the engine as fast as it goes, into a file, a hash, or both.
//!
//! It is the same engine that a sound card drives, block by block, so what is rendered is what would be played, bit for bit. The
//! limiter of loudspeakers is taken in when it is asked for, without its delay: below its ceiling it changes no bit. Swaps can be asked
//! for at frames; each is adopted at the first quantum at or after its frame, whatever the block size. A song is rendered to its end
//! and until it has died away. One that begins in the middle is brought there by `begin`.

use super::begin::{Begin, Keeper, Way, approach, frame_of};
use super::takes::{Take, Takes};
use crate::checkpoint::{Checkpoints, key};
use crate::command::{ChangeKind, EngineCommand, EngineNotice};
use crate::engine::{Engine, EngineError, EngineOptions};
use crate::launcher::{Happened, Order, Quantise, What, Wish};
use crate::limiter::Limiter;
use crate::swap::Control;
use crate::wav::{Bits, Sound, SoundFile, SoundHash, WavError};
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::program::Program;
use modurust_compiler::score::Ratio;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Instant;

/// What is quieter than this for a second has died away: -90 dBFS.
const QUIET: f32 = 3.162_277_7e-5;
/// Longest time that a song is given to die away, seconds.
pub const TAIL: u64 = 30;

/// What to render.
pub struct RenderOptions<'a> {
    /// From frame 0.
    pub program: Program,
    /// How much, in frames; with `song`, the most.
    pub frames: u64,
    /// Where it begins. Times of swaps, of the song's end and of the input count from the start of the music all the same.
    pub from: Begin,
    /// How it comes there.
    pub way: Way,
    /// Ends the music at a position in bars. Notes end there; the rendering ends when nothing has been heard for a second,
    /// [`TAIL`] seconds later at the latest.
    pub song: Option<Ratio>,
    /// Launched at the start, in place of what the text launches by itself.
    pub launch: Option<What>,
    /// Frames asked for at once, at least 1. Changes no bit of the sound.
    pub block: usize,
    /// The file, if one is wanted.
    pub out: Option<PathBuf>,
    /// How its samples are written.
    pub bits: Bits,
    /// Passes the whole through the limiter of loudspeakers; stems are left as they are.
    pub limiter: bool,
    /// A folder for one file per track and bus, made if it is not there.
    pub stems: Option<PathBuf>,
    /// Strips that get files of their own.
    pub takes: Vec<Take>,
    /// Programs to swap in, with frames, in ascending order.
    pub at: Vec<(u64, Program)>,
    /// What the inputs hear, from frame 0; silence after its end.
    pub input: Option<Sound>,
    /// Gets all samples, left and right in turn.
    pub heard: Option<&'a mut Vec<f32>>,
    /// Called now and then with frames done and frames in all.
    pub progress: Option<&'a mut dyn FnMut(u64, u64)>,
}

impl RenderOptions<'_> {
    /// `frames` of a program, in blocks of a quantum, to nowhere: for its hash.
    pub fn new(program: Program, frames: u64) -> Self {
        RenderOptions {
            program,
            frames,
            from: Begin::Frame(0),
            way: Way::Whole,
            song: None,
            launch: None,
            block: QUANTUM,
            out: None,
            bits: Bits::F32,
            limiter: false,
            stems: None,
            takes: Vec::new(),
            at: Vec::new(),
            input: None,
            heard: None,
            progress: None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderReport {
    /// Frames rendered.
    pub frames: u64,
    /// Frames per second.
    pub rate: u32,
    /// Always 2.
    pub channels: u32,
    /// Frames in which the limiter turned the sound down.
    pub limited: u64,
    /// Largest absolute sample; above 1 is above 0 dBFS, which whole numbers cannot hold.
    pub peak: f32,
    /// Root of the mean square of all samples.
    pub rms: f32,
    /// Hash of all samples as 32-bit floats.
    pub hash: SoundHash,
    /// Programs adopted after the first.
    pub swaps: u64,
    /// Frame and kind of each of them.
    pub adopted: Vec<(u64, ChangeKind)>,
    /// Checkpoints that were left out, and why.
    pub refused: Vec<String>,
    /// Events that found no room.
    pub lost: u64,
    /// Tracks whose sound was not a number at some time.
    pub faults: Vec<String>,
    /// Clips, scenes and songs that were launched, in order.
    pub happened: Vec<Happened>,
    /// Files of single strips.
    pub stems: Vec<PathBuf>,
    /// A song that still sounded when its time to die away was over.
    pub cut: bool,
    /// Time it took, seconds.
    pub seconds: f64,
}

/// Why nothing was rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The engine could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file could not be written.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// Time goes round and never comes to where it was to begin.
    #[error("the music never comes to {bars} bars: it goes round before")]
    Unreached {
        /// The place.
        bars: f64,
    },
    /// A folder of files could not be written.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Renders.
pub fn render(mut options: RenderOptions) -> Result<RenderReport, RenderError> {
    let start = Instant::now();
    let rate = options.program.patch.sample_rate;
    let mut engine_options = EngineOptions::new(rate);
    if let Some(sound) = &options.input {
        engine_options.input = (options.block.max(QUANTUM) * 2 + QUANTUM, sound.channels);
    }
    let first = frame_of(&options.program, options.from)?;
    let heard_input = options.input.as_ref().map_or(&[][..], |sound| &sound.samples);
    let mut checkpoints = match &options.way {
        Way::Checkpoints(f) => Some(Checkpoints::new(f, key(&options.program, options.limiter, heard_input))),
        Way::Whole | Way::Jump => None,
    };
    let (mut engine, mut control, mut taps) = Engine::new(&engine_options, Some(options.program))?;
    let mut file = match &options.out {
        Some(path) => Some(SoundFile::create(path, 2, rate, options.bits)?),
        None => None,
    };
    let mut takes = Takes::new(options.stems.take(), std::mem::take(&mut options.takes), rate, options.bits)?;
    if let Some(what) = options.launch {
        launch(&mut control, what);
    }
    if let Some(end) = options.song {
        engine.end_at(end);
    }
    let mut swaps: VecDeque<(u64, Program)> = options.at.into();
    let mut report = RenderReport {
        frames: options.frames,
        rate,
        channels: 2,
        limited: 0,
        peak: 0.0,
        rms: 0.0,
        hash: SoundHash::default(),
        swaps: 0,
        adopted: Vec::new(),
        refused: Vec::new(),
        lost: 0,
        faults: Vec::new(),
        happened: Vec::new(),
        stems: Vec::new(),
        cut: false,
        seconds: 0.0,
    };
    // Stems are read after each quantum, so a block must not hold more than one; and checkpoints lie between them.
    let block = if takes.is_some() || checkpoints.is_some() { QUANTUM } else { options.block.max(1) };
    let mut buffer = vec![0.0f32; block * 2];
    let (mut square, mut heard, mut told) = (0.0f64, 0usize, 0u64);
    let mut limiter = options.limiter.then(|| Limiter::new(rate));
    let mut feed = |heard: &mut usize| {
        let (Some(sound), Some(ring)) = (&options.input, &mut taps.input) else { return };
        while ring.slots() > 0 && *heard < sound.samples.len() {
            let _ = ring.push(sound.samples[*heard]);
            *heard += 1;
        }
    };
    let passed = || {
        feed(&mut heard);
        while control.notice().is_some() {}
    };
    let jump = options.way == Way::Jump;
    approach(&mut engine, limiter.as_mut(), (checkpoints.as_mut(), jump), first, passed);
    report.refused = checkpoints.as_mut().map_or(Vec::new(), Checkpoints::take_complaints);
    let mut keeper = Keeper::new(&engine);
    let mut done = engine.frame();
    // What the limiter holds back at first is silence, and is left out: it runs on by as much at the end.
    let late = limiter.as_ref().map_or(0, Limiter::latency) as u64;
    let mut early = (first - done) as usize + late as usize;
    let mut quiet = 0;
    while done < first + options.frames + late {
        while !control.is_pending()
            && let Some((at, program)) = swaps.pop_front()
        {
            if program.patch.sample_rate != rate {
                return Err(EngineError::Rate { program: program.patch.sample_rate, engine: rate }.into());
            }
            if control.publish(&program, Some(at)).is_some() {
                break;
            }
        }
        let mut n = (first + options.frames + late - done).min(block as u64) as usize;
        if !swaps.is_empty() {
            // The next swap waits for this one: look at every quantum, so that block sizes make no difference.
            n = n.min(QUANTUM - (done % QUANTUM as u64) as usize);
        }
        feed(&mut heard);
        if let Some(checkpoints) = &checkpoints {
            keeper.keep(&mut engine, limiter.as_ref(), checkpoints)?;
        }
        let out = &mut buffer[..n * 2];
        engine.process(out, 2);
        if let Some(ended) = engine.ended().filter(|_| options.song.is_some()) {
            for (frame, sides) in (done..).zip(out.chunks_exact(2)).filter(|(frame, _)| *frame >= ended) {
                quiet = if sides.iter().all(|x| x.abs() < QUIET) { quiet + 1 } else { 0 };
                let over = frame + 1 - ended >= TAIL * u64::from(rate);
                if quiet >= rate || over {
                    report.cut = quiet < rate;
                    options.frames = options.frames.min((frame + 1).saturating_sub(first));
                    break;
                }
            }
        }
        n = n.min((first + options.frames + late).saturating_sub(done) as usize);
        let out = &mut out[..n * 2];
        if let Some(takes) = &mut takes {
            let from = first.saturating_sub(done).min(n as u64) as usize;
            let to = n.min((first + options.frames).saturating_sub(done) as usize);
            takes.add(&engine, from..to.max(from), done.saturating_sub(first))?;
        }
        if let Some(limiter) = &mut limiter {
            report.limited += limiter.process(out);
        }
        let skipped = early.min(n);
        early -= skipped;
        let out = &out[skipped * 2..];
        report.hash.add(out);
        for x in out.iter() {
            report.peak = report.peak.max(x.abs());
            square += f64::from(*x) * f64::from(*x);
        }
        if let Some(file) = &mut file {
            file.write(out)?;
        }
        if let Some(heard) = &mut options.heard {
            heard.extend_from_slice(out);
        }
        while let Some(notice) = control.notice() {
            match notice {
                EngineNotice::Adopted { frame, kind, .. } => {
                    report.swaps += 1;
                    report.adopted.push((frame, kind));
                }
                EngineNotice::Fault { out, .. } => {
                    let name = engine.program().patch.graph.outs.get(out as usize).map(|o| o.name.clone());
                    report.faults.extend(name.filter(|name| !report.faults.contains(name)));
                }
                EngineNotice::Happened(happened) => report.happened.push(happened),
                EngineNotice::Stale | EngineNotice::Moved { .. } => {}
            }
        }
        control.collect();
        done += n as u64;
        if let Some(progress) = &mut options.progress
            && (done - told >= u64::from(rate / 4) || done == first + options.frames + late)
        {
            told = done;
            progress(done.saturating_sub(first).min(options.frames), options.frames);
        }
    }
    if let Some(file) = file {
        file.finish()?;
    }
    report.frames = options.frames;
    if let Some(takes) = takes {
        report.stems = takes.finish(options.frames)?;
    }
    report.rms = (square / (options.frames.max(1) * 2) as f64).sqrt() as f32;
    report.lost = control.meters().lost.load(std::sync::atomic::Ordering::Relaxed);
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

/// Launches something at the start, and nothing else.
fn launch(control: &mut Control, what: What) {
    let order = |what: What, launch: bool| EngineCommand::Wish {
        epoch: 0,
        wish: Wish::Order(Order { what, launch, legato: false, at: Quantise::Now }),
    };
    if !matches!(what, What::Song(_)) {
        control.send(order(What::Song(0), false));
    }
    control.send(order(what, true));
}
