//! Devices of other kinds, by the same door as cards: what a host brings along, or what a test unplugs.
//!
//! An [`Output`] is a device that has been found. When it is started it gets a [`Line`], and calls it for every block; what it returns is dropped
//! when the sound is to end there. An [`Opener`] finds outputs in place of [`super::choose`], and stays with the device that plays, since it is asked
//! again when that is gone.

use super::{Choice, DeviceOptions, Shared, Slot};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Finds a device, or the null device.
pub type Opener = Arc<dyn Fn(&DeviceOptions) -> Choice + Send + Sync>;

/// A device that has been found.
pub trait Output: Send {
    /// Frames per second.
    fn rate(&self) -> u32;
    /// Frames per block, if that is settled.
    fn block(&self) -> Option<u32>;
    /// In a few words.
    fn describe(&self) -> String;
    /// Channels of sound that come in.
    fn inputs(&self) -> usize {
        0
    }
    /// It has ports for MIDI of its own, by the same clock.
    fn has_ports(&self) -> bool {
        false
    }
    /// False for one that stands in for a device: what is late there is not too late, and a wish for a device is not fulfilled by it.
    fn heard(&self) -> bool {
        true
    }
    /// Begins to play; the end is when the result is dropped. `Err` says why not.
    fn start(self: Box<Self>, line: Line) -> Result<Box<dyn Any>, String>;
}

/// What a device calls.
#[derive(Clone)]
pub struct Line {
    pub(super) slot: Arc<Slot>,
    pub(super) shared: Arc<Shared>,
}

impl Line {
    /// Fills a block of interleaved channels; any number of frames, also none. Silence if the engine is elsewhere. Neither allocates nor waits,
    /// but for the first block of a device.
    pub fn fill(&self, out: &mut [f32], channels: usize) {
        match self.slot.take() {
            Some(mut live) => {
                live.process(out, channels, &self.shared);
                self.slot.put(live);
            }
            None => out.fill(0.0),
        }
    }

    /// The same by another clock: `took` says how many seconds the block took to compute.
    pub fn fill_by(&self, out: &mut [f32], channels: usize, took: impl FnOnce() -> f64) {
        match self.slot.take() {
            Some(mut live) => {
                let computed = live.compute(out, channels, &self.shared);
                live.account(out.len() / channels.max(1), computed, took(), &self.shared);
                self.slot.put(live);
            }
            None => out.fill(0.0),
        }
    }

    /// Fills a block; before that the engine is given what has come in, and afterwards what is to leave is taken. `due` is when the
    /// block was due, where the device knows that.
    #[cfg(feature = "jack")]
    pub(super) fn fill_with(
        &self,
        out: &mut [f32],
        channels: usize,
        due: Option<std::time::Instant>,
        give: impl FnOnce(&mut crate::engine::Engine),
        take: impl FnOnce(&mut crate::engine::Engine),
    ) {
        match self.slot.take() {
            Some(mut live) => {
                give(&mut live.engine);
                live.ports = true;
                live.process_due(out, channels, &self.shared, due);
                take(&mut live.engine);
                live.ports = false;
                self.slot.put(live);
            }
            None => out.fill(0.0),
        }
    }

    /// A deadline was missed.
    pub fn late(&self) {
        self.shared.xruns.fetch_add(1, Ordering::Relaxed);
    }

    /// An input has been kept from howling so often.
    pub fn howled(&self, turns: u32) {
        self.shared.howls.store(turns, Ordering::Relaxed);
    }

    /// The device has ended.
    pub fn gone(&self) {
        self.shared.gone.store(true, Ordering::Release);
    }
}
