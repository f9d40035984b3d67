//! The null device: the engine by the clock, the sound to nowhere.
//!
//! A thread computes a block whenever its time has come. Times are counted from the start, so they do not drift; a thread that
//! wakes late catches up. One that is late by more than a quarter of a second gives up what it missed, counts it as a missed
//! deadline, and starts to count anew.

use super::{Shared, Slot};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_millis(250);

/// A running null device.
pub struct NullDevice {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl NullDevice {
    pub(crate) fn start(slot: Arc<Slot>, shared: Arc<Shared>, rate: u32, block: u32) -> NullDevice {
        let flag = Arc::clone(&shared);
        let name = "modurust-null".to_string();
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&slot, &shared, rate, block));
        NullDevice { shared: flag, thread: thread.ok() }
    }
}

impl Drop for NullDevice {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(slot: &Slot, shared: &Shared, rate: u32, block: u32) {
    let mut buffer = vec![0.0f32; block as usize * 2];
    let mut start = Instant::now();
    let mut frames = 0u64;
    let at = |frames: u64| Duration::from_nanos((u128::from(frames) * 1_000_000_000 / u128::from(rate)) as u64);
    while !shared.stop.load(Ordering::Acquire) {
        if let Some(mut live) = slot.take() {
            live.process_at(&mut buffer, 2, shared, start + at(frames));
            slot.put(live);
        }
        frames += u64::from(block);
        let due = start + at(frames);
        let now = Instant::now();
        if let Some(wait) = due.checked_duration_since(now) {
            // Short naps, so that a stop is heard.
            std::thread::sleep(wait.min(Duration::from_millis(100)));
            while Instant::now() < due && !shared.stop.load(Ordering::Acquire) {
                std::thread::sleep(due.saturating_duration_since(Instant::now()).min(Duration::from_millis(100)));
            }
        } else if now.duration_since(due) > PATIENCE {
            shared.xruns.fetch_add(1, Ordering::Relaxed);
            start = now;
            frames = 0;
        }
    }
}
