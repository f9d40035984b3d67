//! Recording what plays: frames before the limiter, as they are computed, into a WAV file.
//!
//! The engine pushes frames into a ring while [`Meters::recording`] is set; a thread of the recorder writes them to disk. A disk
//! too slow for its ring costs whole quanta, which are counted, and never a deadline.

use crate::meter::Meters;
use crate::wav::{Bits, WavError, WavFile};
use rtrb::Consumer;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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

type Written = (Consumer<[f32; 2]>, Result<u64, WavError>);

/// A recording that is running.
pub struct Recorder {
    thread: Option<JoinHandle<Written>>,
    meters: Arc<Meters>,
    lost_before: u64,
}

impl Recorder {
    /// Begins to record to `path`, stereo. Frames that lie in the ring from before are left out.
    pub fn start(
        mut ring: Consumer<[f32; 2]>,
        meters: Arc<Meters>,
        path: &Path,
        sample_rate: u32,
        bits: Bits,
    ) -> Result<Recorder, WavError> {
        let mut file = WavFile::create(path, 2, sample_rate, bits)?;
        while ring.pop().is_ok() {}
        let lost_before = meters.tap_lost.load(Ordering::Relaxed);
        meters.recording.store(true, Ordering::Release);
        let flag = Arc::clone(&meters);
        let thread = std::thread::spawn(move || {
            let mut frames = 0;
            let mut result = Ok(());
            loop {
                let running = flag.recording.load(Ordering::Acquire);
                let ready = ring.slots();
                if let Ok(chunk) = ring.read_chunk(ready) {
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
            flag.recording.store(false, Ordering::Release);
            (ring, result.and_then(|()| file.finish()).map(|()| frames))
        });
        Ok(Recorder { thread: Some(thread), meters, lost_before })
    }

    /// Ends the recording and closes the file. The ring comes back for the next one, unless the thread died.
    pub fn stop(mut self) -> (Option<Consumer<[f32; 2]>>, Result<Recorded, WavError>) {
        self.meters.recording.store(false, Ordering::Release);
        let lost = self.meters.tap_lost.load(Ordering::Relaxed) - self.lost_before;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok((ring, frames))) => (Some(ring), frames.map(|frames| Recorded { frames, lost })),
            _ => (None, Ok(Recorded { frames: 0, lost })),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.meters.recording.store(false, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
