//! Rendering: the engine as fast as it goes, into a file, a hash, or both.
//!
//! It is the same engine that a sound card drives, block by block, so what is rendered is what would be played, bit for bit. The
//! limiter of loudspeakers is taken in when it is asked for, without its delay: below its ceiling it changes no bit. Swaps can be asked for at frames; each is adopted at the first quantum at or
//! after its frame, whatever the block size.

use crate::command::{ChangeKind, EngineNotice};
use crate::engine::{Engine, EngineError, EngineOptions};
use crate::launcher::Happened;
use crate::limiter::Limiter;
use crate::wav::{Bits, Sound, SoundHash, WavError, WavFile};
use modurust_compiler::graph::{OutKind, QUANTUM};
use modurust_compiler::program::Program;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to render.
pub struct RenderOptions<'a> {
    /// From frame 0.
    pub program: Program,
    /// How much, in frames.
    pub frames: u64,
    /// Frames asked for at once, at least 1. Changes no bit of the sound.
    pub block: usize,
    /// The file, if one is wanted.
    pub out: Option<PathBuf>,
    /// How its samples are written.
    pub bits: Bits,
    /// Passes the whole through the limiter of loudspeakers; stems are left as they are.
    pub limiter: bool,
    /// A folder for one file per track, made if it is not there.
    pub stems: Option<PathBuf>,
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
            block: QUANTUM,
            out: None,
            bits: Bits::F32,
            limiter: false,
            stems: None,
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
    /// Events that found no room.
    pub lost: u64,
    /// Tracks whose sound was not a number at some time.
    pub faults: Vec<String>,
    /// Clips, scenes and songs that were launched, in order.
    pub happened: Vec<Happened>,
    /// Files of the stems.
    pub stems: Vec<PathBuf>,
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
    /// The folder of the stems could not be made.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Files of tracks, by name; each as long as the rendering, silent while its track is not there.
struct Stems {
    folder: PathBuf,
    files: BTreeMap<String, (WavFile, u64, PathBuf)>,
    rate: u32,
    bits: Bits,
}

impl Stems {
    /// Adds `frames` frames of every track, of the quantum that the engine has just computed.
    fn add(&mut self, engine: &Engine, frames: usize, before: u64) -> Result<(), WavError> {
        for (i, out) in engine.program().patch.graph.outs.iter().enumerate() {
            if out.kind != OutKind::Track {
                continue;
            }
            if !self.files.contains_key(&out.name) {
                let path = self.folder.join(format!("{}.wav", file_name(&out.name)));
                let file = WavFile::create(&path, 2, self.rate, self.bits)?;
                self.files.insert(out.name.clone(), (file, 0, path));
            }
            let Some((file, length, _)) = self.files.get_mut(&out.name) else { continue };
            if *length < before {
                file.silence((before - *length) * 2)?;
            }
            for frame in 0..frames {
                let frame = engine.out_frame(i, frame).map(|x| if x.is_finite() { x } else { 0.0 });
                file.write(&frame)?;
            }
            *length = before + frames as u64;
        }
        Ok(())
    }

    fn finish(self, total: u64) -> Result<Vec<PathBuf>, WavError> {
        let mut paths = Vec::new();
        for (_, (mut file, length, path)) in self.files {
            file.silence((total - length.min(total)) * 2)?;
            file.finish()?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// A track's name as a file's.
fn file_name(track: &str) -> String {
    track.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

/// Renders.
pub fn render(mut options: RenderOptions) -> Result<RenderReport, RenderError> {
    let start = Instant::now();
    let rate = options.program.patch.sample_rate;
    let mut engine_options = EngineOptions::new(rate);
    if let Some(sound) = &options.input {
        engine_options.input = (options.block.max(QUANTUM) * 2 + QUANTUM, sound.channels);
    }
    let (mut engine, mut control, mut taps) = Engine::new(&engine_options, Some(options.program))?;
    let mut file = match &options.out {
        Some(path) => Some(WavFile::create(path, 2, rate, options.bits)?),
        None => None,
    };
    let mut stems = match options.stems.take() {
        Some(folder) => {
            make_folder(&folder)?;
            Some(Stems { folder, files: BTreeMap::new(), rate, bits: options.bits })
        }
        None => None,
    };
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
        lost: 0,
        faults: Vec::new(),
        happened: Vec::new(),
        stems: Vec::new(),
        seconds: 0.0,
    };
    // Stems are read after each quantum, so a block must not hold more than one.
    let block = if stems.is_some() { QUANTUM } else { options.block.max(1) };
    let mut buffer = vec![0.0f32; block * 2];
    let (mut done, mut square, mut heard, mut told) = (0u64, 0.0f64, 0usize, 0u64);
    let mut limiter = options.limiter.then(|| Limiter::new(rate));
    // What the limiter holds back at first is silence, and is left out: it runs on by as much at the end.
    let mut early = limiter.as_ref().map_or(0, Limiter::latency);
    let end = options.frames + early as u64;
    while done < end {
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
        let mut n = (end - done).min(block as u64) as usize;
        if !swaps.is_empty() {
            // The next swap waits for this one: look at every quantum, so that block sizes make no difference.
            n = n.min(QUANTUM - (done % QUANTUM as u64) as usize);
        }
        if let (Some(sound), Some(ring)) = (&options.input, &mut taps.input) {
            while ring.slots() > 0 && heard < sound.samples.len() {
                let _ = ring.push(sound.samples[heard]);
                heard += 1;
            }
        }
        let out = &mut buffer[..n * 2];
        engine.process(out, 2);
        if let Some(stems) = &mut stems {
            stems.add(&engine, n.min(options.frames.saturating_sub(done) as usize), done)?;
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
                EngineNotice::Stale => {}
            }
        }
        control.collect();
        done += n as u64;
        if let Some(progress) = &mut options.progress
            && (done - told >= u64::from(rate / 4) || done == end)
        {
            told = done;
            progress(done.min(options.frames), options.frames);
        }
    }
    if let Some(file) = file {
        file.finish()?;
    }
    if let Some(stems) = stems {
        report.stems = stems.finish(options.frames)?;
    }
    report.rms = (square / (options.frames.max(1) * 2) as f64).sqrt() as f32;
    report.lost = control.meters().lost.load(std::sync::atomic::Ordering::Relaxed);
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

fn make_folder(path: &Path) -> Result<(), RenderError> {
    std::fs::create_dir_all(path).map_err(|source| RenderError::Folder { path: path.to_path_buf(), source })
}
