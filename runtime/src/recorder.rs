//! Recording what plays: a strip or the whole, before the limiter, as it is computed, into a WAV or FLAC file.
//!
//! The engine pushes frames into a tap's ring while its valve is open; a thread of the recorder writes them to disk. A disk
//! too slow for its ring costs whole quanta, which are counted, and never a deadline; one that is full ends the recording with a file that
//! is whole so far. Both are told when they happen. A FLAC file is a WAV beside it until it ends, since it is made of all of its sound.

pub use crate::scribe::free;

use crate::growing::TakeFile;
use crate::preroll::Frames;
use crate::tap::{Spout, Valve};
use crate::wav::{self, Bits, SoundFile, WavError};
use modurust_compiler::score::Ratio;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a recording looks for frames.
const NAP: Duration = Duration::from_millis(5);

/// What was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Frames in the file.
    pub frames: u64,
    /// Frames that were lost because the disk was too slow.
    pub lost: u64,
}

/// What is recorded.
#[derive(Clone, Copy, Debug)]
pub struct What<'a> {
    /// A track or bus; `master` is the whole.
    pub strip: &'a str,
    /// From the next multiple of so many bars on; 0 for at once.
    pub grid: Ratio,
    /// Not before this frame of the engine: several that have one in common begin together.
    pub from: u64,
    /// So many frames later than that: what comes in is late by them.
    pub late: u64,
}

impl<'a> What<'a> {
    /// A strip, at once.
    pub fn now(strip: &'a str) -> What<'a> {
        What { strip, grid: Ratio::ZERO, from: 0, late: 0 }
    }
}

/// Is told, in a line, what goes wrong while a recording runs.
pub type Tell = Box<dyn Fn(String) + Send>;

type Written = (Option<Spout>, Result<u64, WavError>);

/// A recording that is running.
pub struct Recorder {
    thread: Option<JoinHandle<Written>>,
    valve: Option<Arc<Valve>>,
    stop: Arc<AtomicBool>,
    lost_before: u64,
}

/// A file that is being recorded.
struct Writer {
    file: TakeFile,
    path: PathBuf,
    /// What is written meanwhile, if the file is made at the end.
    beside: Option<PathBuf>,
    bits: Bits,
    rate: u32,
    tell: Tell,
    result: Result<(), WavError>,
}

impl Writer {
    fn create(path: &Path, rate: u32, bits: Bits, tell: Tell) -> Result<Writer, WavError> {
        let flac = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("flac"));
        let beside = flac.then(|| path.with_extension("flac.wav"));
        let file = TakeFile::create(beside.as_deref().unwrap_or(path), 2, rate, bits)?;
        Ok(Writer { file, path: path.to_path_buf(), beside, bits, rate, tell, result: Ok(()) })
    }

    fn write(&mut self, frames: &[[f32; 2]]) {
        if frames.is_empty() || self.result.is_err() {
            return;
        }
        self.result = self.file.write(frames.as_flattened());
        if let Err(why) = &self.result {
            let seconds = self.file.frames() as f64 / f64::from(self.rate);
            (self.tell)(format!("the recording ends: {why}; the file has the {seconds:.1} s before"));
        }
    }

    /// Closes the file; its frames.
    fn finish(self) -> Result<u64, WavError> {
        let Writer { file, path, beside, bits, rate, result, .. } = self;
        let frames = file.frames();
        file.finish()?;
        if let Some(beside) = beside {
            let sound = wav::read(&beside)?;
            let mut flac = SoundFile::create(&path, 2, rate, bits)?;
            flac.write(&sound.samples)?;
            flac.finish()?;
            std::fs::remove_file(&beside).map_err(|why| WavError::io(&beside, why))?;
        }
        result.map(|()| frames)
    }
}

impl Recorder {
    /// Begins to record to `path`, stereo. Frames that lie in the ring from before are left out.
    pub fn start(
        mut spout: Spout,
        what: What<'_>,
        path: &Path,
        (sample_rate, bits): (u32, Bits),
        tell: Tell,
    ) -> Result<Recorder, WavError> {
        let mut writer = Writer::create(path, sample_rate, bits, tell)?;
        while spout.ring.pop().is_ok() {}
        let valve = Arc::clone(&spout.valve);
        let lost_before = valve.lost();
        valve.open(what.strip, what.grid, what.from);
        let stop = Arc::new(AtomicBool::new(false));
        let mut late = what.late as usize;
        let thread = std::thread::spawn(move || {
            let mut told = false;
            loop {
                let running = spout.valve.is_open();
                let skipped = spout.ring.slots().min(late);
                if let Ok(chunk) = spout.ring.read_chunk(skipped) {
                    chunk.commit_all();
                    late -= skipped;
                }
                let ready = spout.ring.slots();
                if let Ok(chunk) = spout.ring.read_chunk(ready) {
                    let (a, b) = chunk.as_slices();
                    [a, b].into_iter().for_each(|part| writer.write(part));
                    chunk.commit_all();
                }
                if spout.valve.lost() > lost_before && !std::mem::replace(&mut told, true) {
                    (writer.tell)(format!("{}: the disk is too slow, frames are missing", writer.path.display()));
                }
                if !running || writer.result.is_err() {
                    break;
                }
                std::thread::sleep(NAP);
            }
            spout.valve.shut();
            (Some(spout), writer.finish())
        });
        Ok(Recorder { thread: Some(thread), valve: Some(valve), stop, lost_before })
    }

    /// The same of frames that are there already, and of those that follow them.
    pub fn go_on(
        (before, follows): (Frames, Receiver<Frames>),
        path: &Path,
        (sample_rate, bits): (u32, Bits),
        tell: Tell,
    ) -> Result<Recorder, WavError> {
        let mut writer = Writer::create(path, sample_rate, bits, tell)?;
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            writer.write(&before);
            while !ended.load(Ordering::Relaxed) && writer.result.is_ok() {
                if let Ok(frames) = follows.recv_timeout(NAP) {
                    writer.write(&frames);
                }
            }
            follows.try_iter().for_each(|frames| writer.write(&frames));
            (None, writer.finish())
        });
        Ok(Recorder { thread: Some(thread), valve: None, stop, lost_before: 0 })
    }

    /// Ends the recording and closes the file. The tap comes back for the next one, unless the thread died.
    pub fn stop(mut self) -> (Option<Spout>, Result<Recorded, WavError>) {
        self.shut();
        let lost = self.valve.as_ref().map_or(0, |valve| valve.lost() - self.lost_before);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok((spout, frames))) => (spout, frames.map(|frames| Recorded { frames, lost })),
            _ => (None, Ok(Recorded { frames: 0, lost })),
        }
    }

    fn shut(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.valve.iter().for_each(|valve| valve.shut());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shut();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes frames that are there already into a file.
pub fn keep(frames: &[[f32; 2]], path: &Path, rate: u32, bits: Bits) -> Result<(), WavError> {
    let mut writer = Writer::create(path, rate, bits, Box::new(|_| {}))?;
    writer.write(frames);
    writer.finish().map(drop)
}
