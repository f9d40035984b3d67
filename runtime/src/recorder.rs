//! Recording what plays: a strip or the whole, before the limiter, as it is computed, into a WAV file.
//!
//! The engine pushes frames into a tap's ring while its valve is open; a thread of the recorder writes them to disk. A disk
//! too slow for its ring costs whole quanta, which are counted, and never a deadline.

pub use crate::scribe::free;

use crate::tap::{Spout, Valve};
use crate::wav::{Bits, WavError, WavFile};
use modurust_compiler::score::Ratio;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// What was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Frames in the file.
    pub frames: u64,
    /// Frames that were lost because the disk was too slow.
    pub lost: u64,
}

type Written = (Spout, Result<u64, WavError>);

/// A recording that is running.
pub struct Recorder {
    thread: Option<JoinHandle<Written>>,
    valve: Arc<Valve>,
    lost_before: u64,
}

impl Recorder {
    /// Begins to record a strip (`master` is the whole) to `path`, stereo, from the next multiple of `grid` bars on. Frames that lie in
    /// the ring from before are left out.
    pub fn start(
        mut spout: Spout,
        (strip, grid): (&str, Ratio),
        path: &Path,
        sample_rate: u32,
        bits: Bits,
    ) -> Result<Recorder, WavError> {
        let mut file = WavFile::create(path, 2, sample_rate, bits)?;
        while spout.ring.pop().is_ok() {}
        let valve = Arc::clone(&spout.valve);
        let lost_before = valve.lost();
        valve.open(strip, grid);
        let thread = std::thread::spawn(move || {
            let mut frames = 0;
            let mut result = Ok(());
            loop {
                let running = spout.valve.is_open();
                let ready = spout.ring.slots();
                if let Ok(chunk) = spout.ring.read_chunk(ready) {
                    let (a, b) = chunk.as_slices();
                    for part in [a, b] {
                        if result.is_ok() {
                            result = file.write(part.as_flattened());
                            frames += part.len() as u64;
                        }
                    }
                    chunk.commit_all();
                }
                if !running || result.is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            spout.valve.shut();
            (spout, result.and_then(|()| file.finish()).map(|()| frames))
        });
        Ok(Recorder { thread: Some(thread), valve, lost_before })
    }

    /// Ends the recording and closes the file. The tap comes back for the next one, unless the thread died.
    pub fn stop(mut self) -> (Option<Spout>, Result<Recorded, WavError>) {
        self.valve.shut();
        let lost = self.valve.lost() - self.lost_before;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok((spout, frames))) => (Some(spout), frames.map(|frames| Recorded { frames, lost })),
            _ => (None, Ok(Recorded { frames: 0, lost })),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.valve.shut();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
