//! Meters: what the audio thread shows to the others, without locks.
//!
//! Every output of the patch has a slot of atomics. A peak is raised by the engine and taken (set to 0) by whoever reads it; a
//! level is a mean square with a time constant of 50 ms. Slots belong to the outputs of the program of [`Meters::epoch`].

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::bell::Bell;
use crate::clock::Clock;
use crate::loudness::Loudness;
use crate::scope::Scope;
use crate::transport::Transport;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Outputs with a meter; later ones have none.
pub const SLOTS: usize = 256;

/// Words that are measured side by side.
const LANES: usize = 16;

/// One output's meter.
#[derive(Debug, Default)]
pub struct Meter {
    peak: [AtomicU32; 2],
    square: [AtomicU32; 2],
    fault: AtomicBool,
}

/// Outputs that a window can look at, at a time.
pub const SCOPES: usize = 6;

/// All meters, and where the engine is.
#[derive(Debug)]
pub struct Meters {
    slots: Box<[Meter]>,
    /// Number of the program whose outputs are measured.
    pub epoch: AtomicU64,
    /// The next frame to be computed.
    pub frame: AtomicU64,
    cycle: AtomicU64,
    gain: AtomicU32,
    /// Events that found no room.
    pub lost: AtomicU64,
    bar: AtomicU64,
    beats: AtomicU64,
    playing: AtomicBool,
    /// Level of what is left out for want of time ([`crate::overload`]).
    pub eased: AtomicU8,
    /// Which frame plays when.
    pub clock: Clock,
    /// Wakes whoever sends what leaves; rung by the control side alone.
    pub bell: Bell,
    /// The last frames of an output, while somebody looks.
    pub scope: Scope,
    /// The same of several at a time, for windows.
    pub scopes: [Scope; SCOPES],
    /// The last frames of the whole, while somebody looks; it is its output 0.
    pub heard: Scope,
    /// How loud the whole is, while a session listens.
    pub loudness: Loudness,
}

/// Outputs that rest and whose meters have seen it: while the same parts of the program are awake there is nothing to look at.
#[derive(Debug, Default)]
pub(crate) struct Still {
    awake: u128,
    outs: [u64; SLOTS / WORD],
}

/// Bits of a word of a set.
const WORD: usize = u64::BITS as usize;

impl Still {
    /// Begins a quantum in which these parts are awake.
    pub fn begin(&mut self, awake: u128) {
        if awake != self.awake {
            *self = Still { awake, ..Still::default() };
        }
    }

    /// True if an output was added since then.
    pub fn has(&self, out: usize) -> bool {
        self.outs.get(out / WORD).is_some_and(|word| word >> (out % WORD) & 1 == 1)
    }

    /// One output more.
    pub fn add(&mut self, out: usize) {
        if let Some(word) = self.outs.get_mut(out / WORD) {
            *word |= 1 << (out % WORD);
        }
    }
}

/// A reading of one output.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Largest absolute sample since the last reading, left and right.
    pub peak: [f32; 2],
    /// Root of the mean square of the last 50 ms or so.
    pub rms: [f32; 2],
    /// A value was not finite since the last reading.
    pub fault: bool,
}

impl Default for Meters {
    fn default() -> Meters {
        Meters {
            slots: (0..SLOTS).map(|_| Meter::default()).collect(),
            epoch: AtomicU64::new(0),
            frame: AtomicU64::new(0),
            cycle: AtomicU64::new(0),
            gain: AtomicU32::new(1f32.to_bits()),
            lost: AtomicU64::new(0),
            bar: AtomicU64::new(0),
            beats: AtomicU64::new(4f64.to_bits()),
            playing: AtomicBool::new(true),
            eased: AtomicU8::new(0),
            clock: Clock::default(),
            bell: Bell::default(),
            scope: Scope::default(),
            scopes: Default::default(),
            loudness: Loudness::default(),
            heard: Scope::default(),
        }
    }
}

impl Meters {
    /// Reads and clears the meter of output `out`.
    pub fn take(&self, out: usize) -> Reading {
        let Some(slot) = self.slots.get(out) else { return Reading::default() };
        Reading {
            peak: [0, 1].map(|c| f32::from_bits(slot.peak[c].swap(0, Relaxed))),
            rms: [0, 1].map(|c| f32::from_bits(slot.square[c].load(Relaxed)).sqrt()),
            fault: slot.fault.swap(false, Relaxed),
        }
    }

    /// True while somebody looks at an output.
    pub(crate) fn looked_at(&self) -> bool {
        self.scopes.iter().chain([&self.scope]).any(|scope| scope.opened().is_some())
    }

    /// Lets whoever looks at an output see its next quantum.
    pub(crate) fn show(&self, out: usize, words: &[f32]) {
        self.scope.show(out, words);
        self.scopes.iter().for_each(|scope| scope.show(out, words));
    }

    /// Position in bars at the next frame.
    pub fn cycle(&self) -> f64 {
        f64::from_bits(self.cycle.load(Relaxed))
    }

    /// Beats per minute of now at a rate of frames per second; 0 before the first quantum.
    pub fn bpm(&self, rate: u32) -> f64 {
        let (bar, beats) = (f64::from_bits(self.bar.load(Relaxed)), f64::from_bits(self.beats.load(Relaxed)));
        if bar > 0.0 { 60.0 * f64::from(rate) * beats / bar } else { 0.0 }
    }

    /// False while time stands still.
    pub fn playing(&self) -> bool {
        self.playing.load(Relaxed)
    }

    /// Gain of the safety limiter, 0..1.
    pub fn limiter_gain(&self) -> f32 {
        f32::from_bits(self.gain.load(Relaxed))
    }

    /// True for an output whose level is nothing. If its words are those of the quantum before, there is nothing to add.
    pub(crate) fn rests(&self, out: usize) -> bool {
        self.slots.get(out).is_some_and(|slot| slot.square.iter().all(|square| square.load(Relaxed) == 0))
    }

    /// Adds a quantum of `[frame][2]` words. True if all were finite.
    pub(crate) fn measure(&self, out: usize, words: &[f32], smooth: f32) -> bool {
        // Silence after silence: nothing to add. Most tracks of a set rest most of the time.
        if self.rests(out) && words.iter().fold(0, |all, x| all | x.to_bits()) << 1 == 0 {
            return true;
        }
        // Several sums side by side, left and right in turn: one would wait for itself at every frame.
        let (mut peaks, mut sums) = ([0f32; LANES], [0f32; LANES]);
        let (chunks, rest) = words.as_chunks::<LANES>();
        let mut add = |lane: usize, x: f32| {
            // False for NaN, which the sum will tell of.
            if x.abs() > peaks[lane] {
                peaks[lane] = x.abs();
            }
            sums[lane] += x * x;
        };
        for chunk in chunks {
            chunk.iter().enumerate().for_each(|(lane, x)| add(lane, *x));
        }
        rest.iter().enumerate().for_each(|(lane, x)| add(lane, *x));
        let (mut peak, mut sum) = ([0f32; 2], [0f32; 2]);
        for lane in 0..LANES {
            peak[lane % 2] = peak[lane % 2].max(peaks[lane]);
            sum[lane % 2] += sums[lane];
        }
        // A sum of squares is finite only if every term is (a finite square that overflows is a fault as well).
        let finite = sum[0].is_finite() && sum[1].is_finite();
        if let Some(slot) = self.slots.get(out) {
            if finite {
                let frames = (words.len() / 2).max(1) as f32;
                for c in 0..2 {
                    // Bits of positive floats are ordered as the floats are.
                    // Only the engine raises them, so one that is not higher needs no exchange.
                    if peak[c].to_bits() > slot.peak[c].load(Relaxed) {
                        slot.peak[c].fetch_max(peak[c].to_bits(), Relaxed);
                    }
                    let old = f32::from_bits(slot.square[c].load(Relaxed));
                    let square = old + (sum[c] / frames - old) * smooth;
                    // 300 dB down it is over.
                    let square = if square > 1e-30 { square } else { 0.0 };
                    slot.square[c].store(square.to_bits(), Relaxed);
                }
            } else {
                slot.fault.store(true, Relaxed);
            }
        }
        finite
    }

    pub(crate) fn place(&self, frame: u64, cycle: f64, limiter: f32, lost: u64) {
        self.frame.store(frame, Relaxed);
        self.cycle.store(cycle.to_bits(), Relaxed);
        self.gain.store(limiter.to_bits(), Relaxed);
        self.lost.store(lost, Relaxed);
    }

    /// How fast time goes.
    pub(crate) fn pace(&self, transport: &Transport) {
        self.bar.store(transport.frames_per_bar().to_f64().to_bits(), Relaxed);
        self.beats.store(transport.timing().beats_per_bar.to_f64().to_bits(), Relaxed);
        self.playing.store(transport.playing(), Relaxed);
    }

    pub(crate) fn clear(&self, epoch: u64) {
        for slot in &self.slots {
            for c in 0..2 {
                slot.peak[c].store(0, Relaxed);
                slot.square[c].store(0, Relaxed);
            }
        }
        self.epoch.store(epoch, Relaxed);
    }
}
