//! What drives the engine: a sound card, or a clock that stands in for one.
//!
//! Two steps, since a program is compiled for one sample rate: [`choose`] finds a device and its rate, [`Choice::start`] gives it
//! the engine. Nothing here is fatal. A device that is not there, refuses, or dies later is replaced by the [`null`] device,
//! which runs the engine by the clock and throws the sound away; one line says so.
//!
//! A device that was there and comes back is played on again, also at another sample rate ([`back`]).
//!
//! The engine lives in a [`Slot`]. A callback takes it out, runs it and puts it back; when a stream has ended, the control side
//! takes it out and gives it to another device. A callback that finds the slot empty plays silence.

pub mod back;
pub mod begin;
mod card;
pub mod guard;
pub mod inflow;
#[cfg(feature = "jack")]
mod jack;
pub mod latency;
pub mod null;
pub mod offline;
pub mod output;
pub mod strips;
pub mod takes;

pub use begin::{Begin, Way};
pub(crate) use card::hush_alsa;
pub use card::list;
pub use offline::{RenderError, RenderOptions, RenderReport, render};
pub use output::{Line, Opener, Output};
use strips::Strip;
pub use takes::Take;

use crate::command::Notice;
use crate::engine::{Engine, FADE};
use crate::handover::Handover;
use crate::overload::{self, Watchdog};
use crate::tap::Spout;
use modurust_compiler::graph::Node;
use modurust_compiler::program::Program;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Which device, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// `null`, `jack`, a device's name or part of it; `None` for the default.
    pub name: Option<String>,
    /// Frames per second; the device's own if it cannot.
    pub rate: Option<u32>,
    /// Frames per block; the device's own if it cannot.
    pub block: Option<u32>,
    /// Channels of sound that come in.
    pub inputs: usize,
    /// Sources of MIDI, by a part of their names.
    pub midi: Vec<String>,
    /// Nothing keeps what comes in from howling ([`guard`]).
    pub unguarded: bool,
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
    Other(Box<dyn Output>),
}

/// A device that has been found.
pub struct Choice {
    kind: Kind,
    rate: u32,
    block: u32,
    message: Option<String>,
    /// What was wished for, and who is asked for it again.
    wish: DeviceOptions,
    opener: Opener,
}

/// What of MIDI a JACK server can listen to and speak to, by full names; `None` without a server, or without the feature `jack`.
pub fn jack_midi() -> Option<(Vec<String>, Vec<String>)> {
    #[cfg(feature = "jack")]
    return jack::midi();
    #[cfg(not(feature = "jack"))]
    None
}

/// Finds a device. Never fails: without one it is the null device.
pub fn choose(options: &DeviceOptions) -> Choice {
    let null = |message| Choice {
        kind: Kind::Null,
        rate: options.rate.unwrap_or(DEFAULT_RATE).clamp(8_000, 384_000),
        block: options.block.unwrap_or(DEFAULT_BLOCK).clamp(1, 1 << 16),
        message,
        wish: options.clone(),
        opener: Arc::new(choose),
    };
    if options.name.as_deref() == Some("null") {
        return null(None);
    }
    #[cfg(feature = "jack")]
    if options.name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case("jack")) {
        // If it runs and nothing else is named: whoever runs it wants it used.
        match jack::find(options) {
            Ok(card) => {
                let message = card.message(options);
                return Choice { message, ..Choice::of(Box::new(card), options, Arc::new(choose)) };
            }
            Err(why) if options.name.is_some() => return null(Some(format!("no audio device: using null ({why})"))),
            Err(_) => {}
        }
    }
    match card::find(options) {
        Ok(card) => Choice {
            rate: card.rate(),
            block: card.block().unwrap_or(0),
            message: card.message(options),
            kind: Kind::Card(Box::new(card)),
            wish: options.clone(),
            opener: Arc::new(choose),
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
            Kind::Other(output) => output.describe(),
        }
    }

    /// Channels of sound that come in.
    pub fn inputs(&self) -> usize {
        match &self.kind {
            Kind::Null | Kind::Card(_) => 0,
            Kind::Other(output) => output.inputs(),
        }
    }

    /// Gives the engine to the device. A device that refuses now is replaced by the null device.
    pub fn start(self, engine: Engine) -> Running {
        let shared = Arc::new(Shared::default());
        let slot = Arc::new(Slot::new(Box::new(Live::new(engine, self.rate))));
        let name = self.describe();
        let mut running = Running {
            slot,
            shared,
            driver: None,
            name,
            rate: self.rate,
            block: if self.block == 0 { DEFAULT_BLOCK } else { self.block },
            message: None,
            told: 0,
            told_level: 0,
            told_howls: 0,
            inputs: 0,
            missed: 0,
            has_ports: false,
            listens: false,
            wish: self.wish,
            opener: self.opener,
            look: None,
            every: back::SELDOM,
            waiting: None,
            seen: None,
            started: Instant::now(),
        };
        if let Err(why) = running.begin(self.kind) {
            running.fall_back(Some(format!("no audio device: using null ({why})")));
        }
        // One that was not there may be plugged in later.
        let wanted = running.wish.name.as_deref() != Some("null");
        running.look = (wanted && running.is_null()).then_some(running.every);
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
    /// Frames of the rise with which a device begins: done, and in all.
    rise: (u32, u32),
    /// The device sends what leaves.
    ports: bool,
}

impl Live {
    fn new(engine: Engine, rate: u32) -> Live {
        Live { engine, warm: false, dead: false, rate, watchdog: Watchdog::default(), rise: (0, 0), ports: false }
    }

    /// Begins out of silence.
    fn rising(self) -> Live {
        Live { rise: (0, (FADE * f64::from(self.rate)) as u32), ..self }
    }

    /// One block, and what is to be told of it.
    pub fn process(&mut self, out: &mut [f32], channels: usize, shared: &Shared) {
        self.process_at(out, channels, shared, Instant::now());
    }

    /// The same of a block that was due at a moment.
    pub fn process_at(&mut self, out: &mut [f32], channels: usize, shared: &Shared, due: Instant) {
        self.engine.clock().tick(self.engine.next_frame(), self.engine.sample_rate(), due);
        self.timed(out, channels, shared);
    }

    /// The same by a device whose own clock says when a block is due, if it does.
    #[cfg(feature = "jack")]
    pub fn process_due(&mut self, out: &mut [f32], channels: usize, shared: &Shared, due: Option<Instant>) {
        let Some(due) = due else { return self.process(out, channels, shared) };
        self.engine.clock().due(self.engine.next_frame(), self.engine.sample_rate(), due);
        self.timed(out, channels, shared);
    }

    fn timed(&mut self, out: &mut [f32], channels: usize, shared: &Shared) {
        let begin = Instant::now();
        let computed = self.compute(out, channels, shared);
        self.account(out.len() / channels.max(1), computed, begin.elapsed().as_secs_f64(), shared);
    }

    /// One block; how many frames were computed for it. A panic ends the sound, not the program.
    pub fn compute(&mut self, out: &mut [f32], channels: usize, shared: &Shared) -> u64 {
        if !self.warm {
            self.warm = true;
            self.engine.warm();
        }
        let first = self.engine.frame();
        if self.dead || std::panic::catch_unwind(AssertUnwindSafe(|| self.engine.process(out, channels))).is_err() {
            self.dead = true;
            shared.dead.store(true, Ordering::Relaxed);
            out.fill(0.0);
        }
        if channels == 0 {
            out.fill(0.0);
        }
        let (done, all) = &mut self.rise;
        for frame in out.chunks_mut(channels.max(1)).take((*all - *done) as usize) {
            *done += 1;
            let gain = *done as f32 / *all as f32;
            frame.iter_mut().for_each(|x| *x *= gain);
        }
        self.engine.frame() - first
    }

    /// Counts a block of so many frames, of which so many were computed, in so many seconds.
    pub fn account(&mut self, frames: usize, computed: u64, seconds: f64, shared: &Shared) {
        if !self.ports {
            self.engine.post();
        }
        let budget = frames as f64 / f64::from(self.rate);
        let load = if budget > 0.0 { (seconds / budget) as f32 } else { 0.0 };
        shared.count(frames as u64, load);
        self.watch(computed, seconds, shared);
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
    /// How often an input was kept from howling.
    pub howls: AtomicU32,
    /// Strips that are to have ports of their own, where a device has some.
    pub strips: Mutex<Vec<Strip>>,
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

/// Reads what a device counts.
#[derive(Clone)]
pub struct Gauge(Arc<Shared>);

impl Gauge {
    /// Counts since the start, and the peak load since somebody cleared it.
    pub fn stats(&self) -> DeviceStats {
        let s = &self.0;
        DeviceStats {
            frames: s.frames.load(Ordering::Relaxed),
            blocks: s.blocks.load(Ordering::Relaxed),
            xruns: s.xruns.load(Ordering::Relaxed),
            overloads: s.overloads.load(Ordering::Relaxed),
            load: f32::from_bits(s.load.load(Ordering::Relaxed)),
            peak_load: f32::from_bits(s.peak_load.load(Ordering::Relaxed)),
            dead: s.dead.load(Ordering::Relaxed),
        }
    }
}

/// Kept for what dropping it does.
#[allow(dead_code)]
enum Driver {
    Null(null::NullDevice),
    Card(Box<card::Stream>),
    Other(Box<dyn std::any::Any>),
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
    told_howls: u32,
    /// Channels that come in, and the highest that a text has missed.
    inputs: usize,
    missed: usize,
    has_ports: bool,
    /// A text has asked for sound that comes in.
    listens: bool,
    wish: DeviceOptions,
    opener: Opener,
    /// When the device that is gone is looked for, and how often.
    look: Option<Duration>,
    every: Duration,
    /// A device of another sample rate.
    waiting: Option<Choice>,
    /// Blocks so far, and since when there are no more.
    seen: Option<(u64, Duration)>,
    started: Instant,
}

impl Running {
    /// Lets a device play the engine that lies in the slot.
    fn begin(&mut self, kind: Kind) -> Result<(), String> {
        let (slot, shared) = (Arc::clone(&self.slot), Arc::clone(&self.shared));
        shared.gone.store(false, Ordering::Relaxed);
        shared.stop.store(false, Ordering::Relaxed);
        let heard = match &kind {
            Kind::Null => false,
            Kind::Card(_) => true,
            Kind::Other(output) => output.heard(),
        };
        shared.heard.store(heard, Ordering::Relaxed);
        self.seen = None;
        self.has_ports = matches!(&kind, Kind::Other(output) if output.has_ports());
        self.inputs = if let Kind::Other(output) = &kind { output.inputs() } else { 0 };
        self.driver = Some(match kind {
            Kind::Null => Driver::Null(null::NullDevice::start(slot, shared, self.rate, self.block)),
            Kind::Card(card) => Driver::Card(Box::new(card.start(slot, shared)?)),
            Kind::Other(output) => Driver::Other(output.start(Line { slot, shared })?),
        });
        if self.listens {
            // What is wrong with it is told when a text is looked at.
            let _ = self.listen();
        }
        Ok(())
    }

    /// Listens to the inputs of a card. Whoever does not ask for sound is not listened to: a headset may sound worse while it is. `Err` says
    /// why nothing is heard.
    fn listen(&mut self) -> Result<Option<String>, String> {
        self.listens = true;
        let Some(Driver::Card(stream)) = &mut self.driver else { return Ok(None) };
        if self.wish.inputs == 0 || self.inputs > 0 {
            return Ok(None);
        }
        let (channels, what) = stream.listen(self.wish.inputs)?;
        self.inputs = channels;
        Ok(Some(what))
    }

    fn fall_back(&mut self, message: Option<String>) {
        // The stream goes first; afterwards nobody else has the engine.
        self.driver = None;
        let name = Some("null".to_string());
        let null = (self.opener)(&DeviceOptions {
            name,
            rate: Some(self.rate),
            block: Some(self.block),
            ..DeviceOptions::default()
        });
        self.name = null.describe();
        // The null device refuses nothing.
        let _ = self.begin(null.kind);
        self.message = message.or(self.message.take());
    }

    /// Looks after the device: falls back when it is gone, goes back when it is there again. Tells what happened since the last call.
    pub fn poll(&mut self) -> Vec<Notice> {
        self.poll_at(self.started.elapsed())
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

    /// That an input howled since the last call.
    fn howl(&mut self) -> Option<Notice> {
        let now = self.shared.howls.load(Ordering::Relaxed);
        let more = now > std::mem::replace(&mut self.told_howls, now);
        let message = "an input howled: it is turned down until it is quiet, and comes back softer; bring it away from the loudspeaker, or turn its track down (`--no-guard` lets it howl)";
        more.then(|| Notice::Device { message: message.into() })
    }

    /// Gives a track or bus ports of its own, two of its name, wherever the device has some (JACK). `spout` is a tap that is nobody else's
    /// ([`crate::session::Session::take_tap`]).
    pub fn lead(&self, strip: &str, spout: Spout) {
        let strip = Strip::new(strip, spout);
        self.shared.strips.lock().unwrap_or_else(PoisonError::into_inner).push(strip);
    }

    /// True if the device has ports for MIDI of its own.
    pub fn has_ports(&self) -> bool {
        self.has_ports
    }

    /// What a program listens to and this device does not give; once for each.
    pub fn deaf(&mut self, program: &Program) -> Option<Notice> {
        let asked = |node: &Node| if let Node::Input(n) = node { Some(*n as usize + 1) } else { None };
        let wanted = program.patch.graph.nodes.iter().filter_map(asked).max().unwrap_or(0);
        if wanted <= self.inputs.max(self.missed) {
            return None;
        }
        let listens = self.listen();
        if wanted <= self.inputs {
            let message = listens.ok().flatten().map(|what| format!("listening to {what}"));
            return message.map(|message| Notice::Device { message });
        }
        self.missed = wanted;
        if let Err(why) = listens {
            return Some(Notice::Device { message: format!("`input({wanted})` is silent: {why}") });
        }
        let mend = match (self.inputs, self.wish.inputs) {
            (0, 0) => "`--inputs 2` opens two",
            (0, _) => "JACK and sound cards have some: `--device NAME`",
            _ => "`--inputs N` opens more",
        };
        let message = format!("`input({wanted})` is silent: {} has {} inputs; {mend}", self.name, self.inputs);
        Some(Notice::Device { message })
    }

    /// In a few words: the device, rate and block.
    pub fn describe(&self) -> &str {
        &self.name
    }

    /// True on the null device.
    pub fn is_null(&self) -> bool {
        !self.shared.heard.load(Ordering::Relaxed)
    }

    /// Frames per second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Counts since the start; reading clears the peak load.
    pub fn stats(&self) -> DeviceStats {
        let peak_load = f32::from_bits(self.shared.peak_load.swap(0, Ordering::Relaxed));
        DeviceStats { peak_load, ..self.gauge().stats() }
    }

    /// Its counts, for another thread; those of the device that it is on now.
    pub fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.shared))
    }

    /// Ends the sound and gives the engine back, unless it is lost.
    pub fn stop(mut self) -> Option<Engine> {
        self.driver = None;
        self.slot.take().map(|live| live.engine)
    }
}
