//! What drives the engine: a sound card, or a clock that stands in for one.
//!
//! Two steps, since a program is compiled for one sample rate: [`choose`] finds a device and its rate, [`Choice::start`] gives it
//! the engine. Nothing here is fatal. A device that is not there, refuses, or dies later is replaced by the [`null`] device,
//! which runs the engine by the clock and throws the sound away; one line says so.
//!
//! The engine lives in a [`Slot`]. A callback takes it out, runs it and puts it back; when a stream has ended, the control side
//! takes it out and gives it to another device. A callback that finds the slot empty plays silence.

pub mod begin;
mod card;
pub mod null;
pub mod offline;
pub mod takes;

pub use begin::{Begin, Way};
pub use card::list;
pub use offline::{RenderError, RenderOptions, RenderReport, render};
pub use takes::Take;

use crate::command::Notice;
use crate::engine::Engine;
use crate::handover::Handover;
use crate::overload::{self, Watchdog};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

/// Which device, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// `null`, `jack`, a device's name or part of it; `None` for the default.
    pub name: Option<String>,
    /// Frames per second; the device's own if it cannot.
    pub rate: Option<u32>,
    /// Frames per block; the device's own if it cannot.
    pub block: Option<u32>,
}

/// A device as shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// `alsa`, `jack`, `null`.
    pub host: String,
    /// What to give as [`DeviceOptions::name`].
    pub name: String,
    /// Its name in words.
    pub description: String,
    /// The one used when none is named.
    pub default: bool,
    /// Frames per second it starts with.
    pub rate: u32,
    /// Its channels.
    pub channels: u32,
}

/// Rate without a device and without a wish.
pub const DEFAULT_RATE: u32 = 48_000;
/// Block without a device and without a wish, frames.
pub const DEFAULT_BLOCK: u32 = 256;

/// What drives the engine.
enum Kind {
    Null,
    Card(Box<card::Card>),
}

/// A device that has been found.
pub struct Choice {
    kind: Kind,
    rate: u32,
    block: u32,
    message: Option<String>,
}

/// Finds a device. Never fails: without one it is the null device.
pub fn choose(options: &DeviceOptions) -> Choice {
    let null = |message| Choice {
        kind: Kind::Null,
        rate: options.rate.unwrap_or(DEFAULT_RATE).clamp(8_000, 384_000),
        block: options.block.unwrap_or(DEFAULT_BLOCK).clamp(1, 1 << 16),
        message,
    };
    if options.name.as_deref() == Some("null") {
        return null(None);
    }
    match card::find(options) {
        Ok(card) => Choice {
            rate: card.rate(),
            block: card.block().unwrap_or(0),
            message: card.message(options),
            kind: Kind::Card(Box::new(card)),
        },
        Err(why) => null(Some(format!("no audio device: using null ({why})"))),
    }
}

impl Choice {
    /// Frames per second that programs must be compiled for.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// One line for people, if not everything is as they wished.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// In a few words: the device, rate and block.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => format!("null, {} Hz, {} frames", self.rate, self.block),
            Kind::Card(card) => card.describe(),
        }
    }

    /// Gives the engine to the device. A device that refuses now is replaced by the null device.
    pub fn start(self, engine: Engine) -> Running {
        let shared = Arc::new(Shared::default());
        let slot = Arc::new(Slot::new(Box::new(Live::new(engine, self.rate))));
        let mut running = Running {
            slot,
            shared,
            driver: None,
            name: self.describe(),
            rate: self.rate,
            block: if self.block == 0 { DEFAULT_BLOCK } else { self.block },
            message: None,
            told: 0,
            told_level: 0,
        };
        match self.kind {
            Kind::Null => running.fall_back(None),
            Kind::Card(card) => match card.start(Arc::clone(&running.slot), Arc::clone(&running.shared)) {
                Ok(stream) => {
                    running.shared.heard.store(true, Ordering::Relaxed);
                    running.driver = Some(Driver::Card(stream));
                }
                Err(why) => running.fall_back(Some(format!("no audio device: using null ({why})"))),
            },
        }
        running
    }
}

/// The engine and what a callback must remember.
pub(crate) struct Live {
    pub engine: Engine,
    warm: bool,
    dead: bool,
    rate: u32,
    watchdog: Watchdog,
}

impl Live {
    fn new(engine: Engine, rate: u32) -> Live {
        Live { engine, warm: false, dead: false, rate, watchdog: Watchdog::default() }
    }

    /// One block. A panic ends the sound, not the program.
    pub fn process(&mut self, out: &mut [f32], channels: usize, shared: &Shared) {
        if !self.warm {
            self.warm = true;
            self.engine.warm();
        }
        let (begin, first) = (Instant::now(), self.engine.frame());
        if self.dead || std::panic::catch_unwind(AssertUnwindSafe(|| self.engine.process(out, channels))).is_err() {
            self.dead = true;
            shared.dead.store(true, Ordering::Relaxed);
            out.fill(0.0);
        }
        let frames = out.len() / channels.max(1);
        let budget = frames as f64 / f64::from(self.rate);
        let seconds = begin.elapsed().as_secs_f64();
        let load = if budget > 0.0 { (seconds / budget) as f32 } else { 0.0 };
        shared.count(frames as u64, load);
        self.watch(self.engine.frame() - first, seconds, shared);
    }

    /// Leaves out what there is no time for. Where nobody hears it, late is not too late.
    fn watch(&mut self, computed: u64, seconds: f64, shared: &Shared) {
        let level = if shared.heard.load(Ordering::Relaxed) {
            self.watchdog.block(computed, self.rate, seconds)
        } else {
            self.watchdog = Watchdog::default();
            0
        };
        self.engine.ease(level);
        shared.eased.store(u32::from(level), Ordering::Relaxed);
        shared.most_eased.fetch_max(u32::from(level), Ordering::Relaxed);
    }
}

/// Holds the engine for whoever runs it.
pub(crate) type Slot = Handover<Live>;

/// What a device counts.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    frames: AtomicU64,
    blocks: AtomicU64,
    pub xruns: AtomicU64,
    overloads: AtomicU64,
    load: AtomicU32,
    peak_load: AtomicU32,
    pub gone: AtomicBool,
    /// The sound goes to ears, so it has deadlines.
    pub heard: AtomicBool,
    /// Level of the watchdog, and the highest since it was told.
    eased: AtomicU32,
    most_eased: AtomicU32,
    dead: AtomicBool,
    pub stop: AtomicBool,
}

impl Shared {
    fn count(&self, frames: u64, load: f32) {
        self.frames.fetch_add(frames, Ordering::Relaxed);
        self.blocks.fetch_add(1, Ordering::Relaxed);
        let old = f32::from_bits(self.load.load(Ordering::Relaxed));
        self.load.store((old + (load - old) * 0.05).to_bits(), Ordering::Relaxed);
        self.peak_load.fetch_max(load.max(0.0).to_bits(), Ordering::Relaxed);
        if load > 1.0 {
            self.overloads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How a device fares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceStats {
    /// Frames played.
    pub frames: u64,
    /// Blocks played.
    pub blocks: u64,
    /// Deadlines that the device reported as missed, or that the null device missed by more than a quarter of a second.
    pub xruns: u64,
    /// Blocks that took longer to compute than to play.
    pub overloads: u64,
    /// Share of the time that computing takes, smoothed; 1 is all of it.
    pub load: f32,
    /// Largest share of one block since the last reading.
    pub peak_load: f32,
    /// The engine panicked and is silent. A fault of this program.
    pub dead: bool,
}

/// Kept for what dropping it does.
#[allow(dead_code)]
enum Driver {
    Null(null::NullDevice),
    Card(card::Stream),
}

/// A device that plays. Dropping it ends the sound.
pub struct Running {
    // First: streams end before the slot that they use.
    driver: Option<Driver>,
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    name: String,
    rate: u32,
    block: u32,
    message: Option<String>,
    told: u64,
    told_level: u32,
}

impl Running {
    fn fall_back(&mut self, message: Option<String>) {
        // The stream goes first; afterwards nobody else has the engine.
        self.driver = None;
        self.shared.gone.store(false, Ordering::Relaxed);
        self.shared.stop.store(false, Ordering::Relaxed);
        self.shared.heard.store(false, Ordering::Relaxed);
        self.driver = Some(Driver::Null(null::NullDevice::start(
            Arc::clone(&self.slot),
            Arc::clone(&self.shared),
            self.rate,
            self.block,
        )));
        if message.is_some() {
            self.name = format!("null, {} Hz, {} frames", self.rate, self.block);
        }
        self.message = message.or(self.message.take());
    }

    /// Looks after the device: falls back when it is gone. Tells what happened since the last call.
    pub fn poll(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        if self.shared.gone.swap(false, Ordering::AcqRel) && matches!(self.driver, Some(Driver::Card(_))) {
            self.fall_back(Some("the audio device is gone: using null".to_string()));
        }
        notices.extend(self.message.take().map(|message| Notice::Device { message }));
        let count = self.shared.xruns.load(Ordering::Relaxed);
        if count > self.told {
            self.told = count;
            notices.push(Notice::Xruns { count });
        }
        notices.extend(self.load());
        notices
    }

    /// What was left out for want of time since the last call, or that nothing is any more.
    fn load(&mut self) -> Option<Notice> {
        let now = self.shared.eased.load(Ordering::Relaxed);
        let most = self.shared.most_eased.swap(now, Ordering::Relaxed);
        if most > self.told_level || now == 0 && self.told_level > 0 {
            self.told_level = if most > self.told_level { most } else { 0 };
            return Some(Notice::Load { message: overload::words(self.told_level as u8) });
        }
        None
    }

    /// In a few words: the device, rate and block.
    pub fn describe(&self) -> &str {
        &self.name
    }

    /// True on the null device.
    pub fn is_null(&self) -> bool {
        matches!(self.driver, Some(Driver::Null(_)))
    }

    /// Counts since the start; reading clears the peak load.
    pub fn stats(&self) -> DeviceStats {
        let s = &self.shared;
        DeviceStats {
            frames: s.frames.load(Ordering::Relaxed),
            blocks: s.blocks.load(Ordering::Relaxed),
            xruns: s.xruns.load(Ordering::Relaxed),
            overloads: s.overloads.load(Ordering::Relaxed),
            load: f32::from_bits(s.load.load(Ordering::Relaxed)),
            peak_load: f32::from_bits(s.peak_load.swap(0, Ordering::Relaxed)),
            dead: s.dead.load(Ordering::Relaxed),
        }
    }

    /// Goes on on another device; the engine stays as it is. `Err` says why everything stays as it was.
    pub fn change(&mut self, name: &str) -> Result<(), String> {
        let name = Some(name.to_string());
        let choice = choose(&DeviceOptions { name, rate: Some(self.rate), block: Some(self.block) });
        if choice.rate() != self.rate {
            return Err(format!("it runs at {} Hz, and this session at {} Hz", choice.rate(), self.rate));
        }
        // The old stream goes first; afterwards nobody else has the engine.
        self.driver = None;
        let live = self.slot.take().ok_or("the engine is lost")?;
        *self = choice.start(live.engine);
        Ok(())
    }

    /// Ends the sound and gives the engine back, unless it is lost.
    pub fn stop(mut self) -> Option<Engine> {
        self.driver = None;
        self.slot.take().map(|live| live.engine)
    }
}
