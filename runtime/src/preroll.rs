//! The last half minute of the whole, always: what was played before somebody thought of recording it.
//!
//! A tap of its own is open from the start of a session. A thread moves its frames to a buffer of fixed length, from which they are kept
//! ([`Preroll::kept`]), or with which a recording begins that then goes on without a seam ([`Preroll::follow`]).

use crate::loudness::Ear;
use crate::meter::Meters;
use crate::tap::Spout;
use modurust_compiler::score::Ratio;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How much is kept, seconds.
pub const SECONDS: u32 = 30;

/// Frames of stereo, in order.
pub type Frames = Vec<[f32; 2]>;

#[derive(Default)]
struct Buffer {
    last: VecDeque<[f32; 2]>,
    /// Frames per second.
    rate: u32,
    most: usize,
    followers: Vec<Sender<Frames>>,
}

/// The buffer and its thread.
pub struct Preroll {
    buffer: Arc<Mutex<Buffer>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Preroll {
    /// Keeps what comes out of a tap at a rate of frames per second, and tells the meters how loud it is. `Err` if there is no thread for it.
    pub fn new(mut spout: Spout, rate: u32, meters: Arc<Meters>) -> std::io::Result<Preroll> {
        spout.valve.open("master", Ratio::ZERO, 0);
        let buffer = Arc::new(Mutex::new(Buffer { rate, most: (rate * SECONDS) as usize, ..Buffer::default() }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (Arc::clone(&buffer), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("modurust-preroll".into()).spawn(move || {
            let (mut ear, mut of) = (Ear::new(rate), rate);
            while !ended.load(Relaxed) {
                let ready = spout.ring.slots();
                if let Ok(chunk) = spout.ring.read_chunk(ready) {
                    let (a, b) = chunk.as_slices();
                    let frames = [a, b].concat();
                    chunk.commit_all();
                    let rate = {
                        let mut buffer = shared.lock().unwrap_or_else(PoisonError::into_inner);
                        buffer.add(&frames);
                        buffer.rate
                    };
                    if rate != std::mem::replace(&mut of, rate) {
                        ear = Ear::new(rate);
                    }
                    ear.hear(&frames, &meters.loudness);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            spout.valve.shut();
        })?;
        Ok(Preroll { buffer, stop, thread: Some(thread) })
    }

    /// The last frames, oldest first.
    pub fn kept(&self) -> Frames {
        let buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.last.iter().copied().collect()
    }

    /// The last frames, and all that follow them, each once.
    pub fn follow(&self) -> (Frames, Receiver<Frames>) {
        let (sender, follows) = channel();
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.followers.push(sender);
        (buffer.last.iter().copied().collect(), follows)
    }

    /// Forgets what was kept: from now on there are so many frames a second.
    pub fn retune(&self, rate: u32) {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.last.clear();
        buffer.rate = rate;
        buffer.most = (rate * SECONDS) as usize;
    }
}

impl Drop for Preroll {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Buffer {
    fn add(&mut self, frames: &[[f32; 2]]) {
        if frames.is_empty() {
            return;
        }
        self.followers.retain(|follower| follower.send(frames.to_vec()).is_ok());
        let frames = &frames[frames.len().saturating_sub(self.most)..];
        let over = (self.last.len() + frames.len()).saturating_sub(self.most);
        self.last.drain(..over);
        self.last.extend(frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_frames_stay_and_what_follows_has_no_seam() {
        let mut buffer = Buffer { most: 10, ..Buffer::default() };
        let frames = |range: std::ops::Range<u32>| -> Frames { range.map(|i| [i as f32; 2]).collect() };
        buffer.add(&frames(0..7));
        buffer.add(&frames(7..13));
        assert_eq!(buffer.last.iter().copied().collect::<Frames>(), frames(3..13));
        let (sender, follows) = channel();
        buffer.followers.push(sender);
        buffer.add(&frames(13..40));
        buffer.add(&frames(40..41));
        assert_eq!(buffer.last.iter().copied().collect::<Frames>(), frames(31..41));
        assert_eq!(follows.try_iter().flatten().collect::<Frames>(), frames(13..41));
        drop(follows);
        buffer.add(&frames(41..42));
        assert!(buffer.followers.is_empty());
    }
}
