//! What is done to spectra: a table of functions from one spectrum to the next.
//!
//! A processor is a function over one spectrum of one lane: [`Spectrum`] has what comes in, what goes out, its controls and what it
//! remembers. It is called at every tick, so its cost is that of its bins at every hop. What comes out with a part that is no number is silence,
//! and so is what it remembers.
//!
//! ```text
//! gate: every bin below a level is zero      out[k] = a[k] if |a[k]| >= level * n / 4 else 0
//! ```
//!
//! A sine of amplitude 1 has n / 4 in its bin, since a Hann window has the mean 1 / 2 and the other half of the sine is in the
//! negative frequencies that nobody keeps.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::transform::finite;
use super::{Complex32, Info, Io, Run, Shape, Work, complex_mut};
use crate::graph::ops::hash_word;
use std::f32::consts::TAU;

/// One spectrum on its way through a processor.
pub struct Spectrum<'a> {
    /// What comes in.
    pub a: &'a [Complex32],
    /// What comes in beside it, of processors of two; else the same.
    pub b: &'a [Complex32],
    /// What goes out.
    pub out: &'a mut [Complex32],
    /// What it remembers, zeros at first.
    pub own: &'a mut [f32],
    /// Controls.
    pub controls: [f32; 3],
    /// What it does.
    pub work: Work,
    /// Frames per second.
    pub rate: f32,
    /// When it is, in frames, and which lane.
    pub tick: u64,
    /// The lane.
    pub lane: usize,
}

const fn entry(
    (name, signature, doc): (&'static str, &'static str, &'static str),
    reads: &'static [Shape],
    controls: &'static [&'static str],
    words: fn(Work) -> usize,
    make: fn(Work, usize, f32) -> Box<dyn Run>,
) -> Info {
    Info {
        name,
        signature,
        doc,
        reads,
        controls,
        sample: false,
        longest: |_| 0,
        makes: Shape::Spectrum,
        latency: |_| 0,
        ahead: |_| 0,
        words,
        make,
    }
}

macro_rules! processors {
    ($($name:ident $signature:literal $doc:literal reads $reads:expr, controls $controls:expr, words $words:expr;)*) => {
        /// Every processor.
        pub static TABLE: &[Info] = &[$(entry(
            (stringify!($name), $signature, $doc), $reads, $controls, $words,
            |work, _, rate| Box::new(Each { work, rate, each: $name }),
        )),*];
    };
}

const ONE: &[Shape] = &[Shape::Spectrum];
const TWO: &[Shape] = &[Shape::Spectrum, Shape::Spectrum];

/// Points of a spectrum.
fn bins(work: Work) -> usize {
    work.n as usize / 2 + 1
}

processors! {
    freeze "prim.freeze(spec, hold)" "Holds the spectrum while `hold` is above 0."
        reads ONE, controls &["hold"], words |work| 7 * bins(work);
    blur "prim.blur(spec, time)" "Smears the spectrum over a time in seconds."
        reads ONE, controls &["time"], words |work| 7 * bins(work);
    gate_spec "prim.gate_spec(spec, level)" "Only what is louder than a level."
        reads ONE, controls &["level"], words |_| 0;
    robot "prim.robot(spec)" "All phases equal: one pitch for everything."
        reads ONE, controls &[], words |_| 0;
    whisper "prim.whisper(spec)" "All phases by chance."
        reads ONE, controls &[], words |_| 0;
    shift "prim.shift(spec, freq)" "All partials moved by one distance in hertz."
        reads ONE, controls &["freq"], words |_| 1;
    stretch "prim.stretch(spec, factor)" "Every partial at a multiple of its frequency."
        reads ONE, controls &["factor"], words |work| 3 * bins(work);
    morph "prim.morph(spec, spec, x)" "From one spectrum to another."
        reads TWO, controls &["x"], words |_| 0;
    cross "prim.cross(spec, spec)" "The partials of one with the loudness of the other."
        reads TWO, controls &[], words |work| 2 * (bins(work) + 1);
    filter_bins "prim.filter_bins(spec, low, high)" "Only what lies between two frequencies."
        reads ONE, controls &["low", "high"], words |_| 0;
    spectral_delay "prim.spectral_delay(spec, low, high, fb)" "Every bin late by a time of its own, in seconds."
        reads ONE, controls &["low", "high", "fb"], words |work| echoes(work) * (work.n as usize + 2);
    denoise "prim.denoise(spec, amount)" "Less of what is always there."
        reads ONE, controls &["amount"], words |work| 2 * bins(work);
}

/// Spectra that a delay remembers: a second at 96 kHz, and no more than 16 MB.
fn echoes(work: Work) -> usize {
    let second = 96_000usize.div_ceil(work.hop.max(1) as usize) + 1;
    second.min((4 << 20) / (work.n as usize + 2)).max(1)
}

struct Each {
    work: Work,
    rate: f32,
    each: fn(&mut Spectrum<'_>),
}

impl Run for Each {
    fn run(&mut self, io: &mut Io<'_>) {
        let Each { work, rate, each } = *self;
        let info = work.kind.info();
        for tick in work.ticks(io.frame) {
            for lane in 0..io.lanes {
                let a = io.reads.spectrum(0, lane, tick);
                let b = if info.reads.len() > 1 { io.reads.spectrum(1, lane, tick) } else { a };
                let (slot, own) = (work.slot(tick, lane, io.lanes), work.own(lane, io.lanes));
                let (spectra, rest) = io.memory.split_at_mut(work.own(0, io.lanes).start);
                let start = spectra.len();
                let own = &mut rest[own.start - start..own.end - start];
                let out = complex_mut(&mut spectra[slot]);
                let mut controls = [0.0; 3];
                (0..info.controls.len()).for_each(|k| controls[k] = io.reads.control(k, lane));
                each(&mut Spectrum { a, b, out, own, controls, work, rate, tick, lane });
                if !finite(out) {
                    out.fill(Complex32::ZERO);
                    own.fill(0.0);
                }
            }
        }
    }
}

impl Spectrum<'_> {
    /// What a sine of full scale has in its bin.
    fn full(&self) -> f32 {
        self.work.n as f32 / 4.0
    }

    /// Seconds from one spectrum to the next.
    fn step(&self) -> f32 {
        self.work.hop as f32 / self.rate
    }

    /// The part of the way that something goes from tick to tick, if it goes two thirds of it in some seconds.
    fn pace(&self, seconds: f32) -> f32 {
        1.0 - (-self.step() / seconds.max(1e-4)).exp()
    }

    /// The bin of a frequency.
    fn bin(&self, hz: f32) -> f32 {
        hz * self.work.n as f32 / self.rate
    }
}

/// Three lists of numbers, one for each bin, and a word for each.
fn parts(own: &mut [f32], bins: usize) -> ([&mut [Complex32]; 3], &mut [f32]) {
    let (a, rest) = own.split_at_mut(2 * bins);
    let (b, rest) = rest.split_at_mut(2 * bins);
    let (c, rest) = rest.split_at_mut(2 * bins);
    ([complex_mut(a), complex_mut(b), complex_mut(c)], rest)
}

/// One step of Newton's towards length 1, so that rounding does not add up where phases turn on and on.
fn renewed(phase: Complex32) -> Complex32 {
    phase * (1.5 - 0.5 * phase.norm_sqr())
}

/// Holds what the last two spectra were: the size of each bin stays, and its phase goes on turning by as much as it did from one to the
/// other. So a tone goes on as that tone, whatever lies between its pitch and the middle of a bin.
fn freeze(s: &mut Spectrum<'_>) {
    let ([last, turn, phase], size) = parts(s.own, s.a.len());
    if s.controls[0] > 0.0 {
        for k in 0..s.a.len() {
            phase[k] = renewed(phase[k] * turn[k]);
            s.out[k] = phase[k] * size[k];
        }
        return;
    }
    for k in 0..s.a.len() {
        turn[k] = unit(s.a[k] * last[k].conj());
        phase[k] = unit(s.a[k]);
        size[k] = s.a[k].norm_sqr().sqrt();
        last[k] = s.a[k];
    }
    s.out.copy_from_slice(s.a);
}

/// The size of each bin goes slowly to what it is now. Where less comes in than sounds, the phase goes on turning as it did.
fn blur(s: &mut Spectrum<'_>) {
    let pace = s.pace(s.controls[0]);
    let ([last, turn, phase], size) = parts(s.own, s.a.len());
    for k in 0..s.a.len() {
        let now = s.a[k].norm_sqr().sqrt();
        size[k] += pace * (now - size[k]);
        if now > 0.1 * size[k] {
            (turn[k], phase[k]) = (unit(s.a[k] * last[k].conj()), unit(s.a[k]));
        } else {
            phase[k] = renewed(phase[k] * turn[k]);
        }
        last[k] = s.a[k];
        s.out[k] = phase[k] * size[k];
    }
}

fn gate_spec(s: &mut Spectrum<'_>) {
    let least = (s.controls[0] * s.full()).max(0.0).powi(2);
    for (out, a) in s.out.iter_mut().zip(s.a) {
        *out = if a.norm_sqr() >= least { *a } else { Complex32::ZERO };
    }
}

/// Every partial has its crest in the middle of the window, so the sound is a train of pulses, one a hop.
fn robot(s: &mut Spectrum<'_>) {
    for (k, (out, a)) in s.out.iter_mut().zip(s.a).enumerate() {
        let size = a.norm_sqr().sqrt();
        *out = Complex32::new(if k % 2 == 0 { size } else { -size }, 0.0);
    }
}

fn whisper(s: &mut Spectrum<'_>) {
    let place = hash_word(s.work.seed ^ hash_word(s.tick as u32 ^ hash_word((s.tick >> 32) as u32 ^ s.lane as u32)));
    for (k, (out, a)) in s.out.iter_mut().zip(s.a).enumerate() {
        let turn = hash_word(place.wrapping_add(k as u32)) as f32 / 4_294_967_296.0 * TAU;
        *out = Complex32::from_polar(a.norm_sqr().sqrt(), turn);
    }
}

/// Bins move by whole numbers and what is between, drawn as a line (with the window's middle as the origin of phases these are smooth
/// across a partial); the phase turns on by the true distance.
fn shift(s: &mut Spectrum<'_>) {
    let far = s.bin(s.controls[0]).clamp(-1e6, 1e6);
    s.own[0] = (s.own[0] + s.controls[0] * s.step()).rem_euclid(1.0);
    let turn = Complex32::from_polar(1.0, s.own[0] * TAU);
    let (whole, part) = (far.floor() as isize, far - far.floor());
    // With signs that alternate the origin is in the middle.
    let at = |k: isize| match usize::try_from(k).ok().and_then(|k| s.a.get(k)) {
        Some(a) if k % 2 != 0 => -a,
        Some(a) => *a,
        None => Complex32::ZERO,
    };
    for k in 0..s.out.len() {
        let from = k as isize - whole;
        let sum = (at(from) * (1.0 - part) + at(from - 1) * part) * turn;
        s.out[k] = if k % 2 == 1 { -sum } else { sum };
    }
}

/// Peaks move with what is around them, by whole bins; their phase turns on by the difference of the two frequencies, as a phase vocoder
/// tells the first of them (Laroche and Dolson, "New phase-vocoder techniques for pitch-shifting, harmonizing and other exotic
/// effects", 1999).
fn stretch(s: &mut Spectrum<'_>) {
    let (count, factor) = (s.a.len(), s.controls[0].clamp(0.05, 20.0));
    let (last, phases) = s.own.split_at_mut(2 * count);
    let last = complex_mut(last);
    s.out.fill(Complex32::ZERO);
    let size = |k: usize| s.a[k].norm_sqr();
    let peak = |k: usize| (k.saturating_sub(2)..(k + 3).min(count)).all(|i| size(i) < size(k) || i == k);
    let (mut from, mut next) = (0, (0..count).find(|k| peak(*k)));
    while let Some(at) = next {
        next = (at + 1..count).find(|k| peak(*k));
        let to = next.map_or(count, |next| (at + next).div_ceil(2));
        let middle = (at as u64 * u64::from(s.work.hop) % u64::from(s.work.n)) as f32 / s.work.n as f32;
        let turned = (s.a[at] * last[at].conj()).arg() / TAU - middle;
        // Turns from tick to tick.
        let hop = at as f32 * s.work.hop as f32 / s.work.n as f32 + (turned - turned.round());
        let phase = (phases[at] + hop * (factor - 1.0)).rem_euclid(1.0);
        let (turn, far) = (Complex32::from_polar(1.0, phase * TAU), (at as f32 * (factor - 1.0)).round() as isize);
        phases[from..to].fill(phase);
        for (k, a) in s.a.iter().enumerate().take(to).skip(from) {
            if let Some(out) = k.checked_add_signed(far).and_then(|k| s.out.get_mut(k)) {
                // Where the middle of the window is, an odd distance is upside down.
                *out += a * if far % 2 == 0 { turn } else { -turn };
            }
        }
        from = to;
    }
    last.copy_from_slice(s.a);
}

fn morph(s: &mut Spectrum<'_>) {
    let x = s.controls[0].clamp(0.0, 1.0);
    for ((out, a), b) in s.out.iter_mut().zip(s.a).zip(s.b) {
        let size = a.norm_sqr().sqrt() * (1.0 - x) + b.norm_sqr().sqrt() * x;
        *out = unit(unit(*a) * (1.0 - x) + unit(*b) * x) * size;
    }
}

/// The first, evened out over some bins, with the loudness that the second has over those.
fn cross(s: &mut Spectrum<'_>) {
    let (count, wide) = (s.a.len(), (s.a.len() / 64).max(1));
    let (of_a, of_b) = s.own.split_at_mut(count + 1);
    for (sums, spectrum) in [(&mut *of_a, s.a), (&mut *of_b, s.b)] {
        sums[0] = 0.0;
        (0..count).for_each(|k| sums[k + 1] = sums[k] + spectrum[k].norm_sqr().sqrt());
    }
    for k in 0..count {
        let (from, to) = (k.saturating_sub(wide), (k + wide + 1).min(count));
        let (a, b) = (of_a[to] - of_a[from], of_b[to] - of_b[from]);
        s.out[k] = if a > 1e-9 { s.a[k] * (b / a) } else { Complex32::ZERO };
    }
}

/// Borders are lines one bin wide.
fn filter_bins(s: &mut Spectrum<'_>) {
    let (low, high) = (s.bin(s.controls[0]), s.bin(s.controls[1]));
    for (k, (out, a)) in s.out.iter_mut().zip(s.a).enumerate() {
        let k = k as f32;
        *out = a * ((k - low + 0.5).clamp(0.0, 1.0) * (high - k + 0.5).clamp(0.0, 1.0));
    }
}

/// Times go from the one at 0 Hz to the other at 10 kHz, in even steps of the root of the frequency.
fn spectral_delay(s: &mut Spectrum<'_>) {
    let (count, room, floats) = (s.a.len(), echoes(s.work), s.work.n as usize + 2);
    let now = (s.tick / u64::from(s.work.hop)) as usize % room;
    let [low, high, fb] = s.controls;
    for k in 0..count {
        let way = (k as f32 * s.rate / s.work.n as f32 / 10_000.0).clamp(0.0, 1.0).sqrt();
        let back = ((low + (high - low) * way) / s.step()).round().clamp(0.0, room as f32 - 1.0) as usize;
        let slot = |back: usize| (now + room - back) % room * floats + 2 * k;
        let late = slot(back.max(1).min(room - 1));
        let echo = Complex32::new(s.own[late], s.own[late + 1]);
        let kept = s.a[k] + echo * fb.clamp(0.0, 0.98);
        let kept = if back == 0 { s.a[k] } else { kept };
        (s.own[slot(0)], s.own[slot(0) + 1]) = (kept.re, kept.im);
        s.out[k] = if back == 0 { kept } else { echo };
    }
}

/// What is always there is the floor that the size of a bin comes back to: down in a twentieth of a second, up in four. It is taken
/// away from each bin (Boll, "Suppression of acoustic noise in speech using spectral subtraction", 1979).
fn denoise(s: &mut Spectrum<'_>) {
    let (fast, slow, amount) = (s.pace(0.05), s.pace(4.0), 4.0 * s.controls[0].clamp(0.0, 1.0));
    let (mean, floor) = s.own.split_at_mut(s.a.len());
    for k in 0..s.a.len() {
        let size = s.a[k].norm_sqr().sqrt();
        mean[k] += fast * (size - mean[k]);
        floor[k] += if mean[k] < floor[k] { mean[k] - floor[k] } else { slow * (mean[k] - floor[k]) };
        s.out[k] = if size > 1e-12 { s.a[k] * (1.0 - amount * floor[k] / size).max(0.0) } else { s.a[k] };
    }
}

/// A number of the same direction and length 1; 1 for what has none.
fn unit(z: Complex32) -> Complex32 {
    let size = z.norm_sqr().sqrt();
    if size > 1e-30 { z / size } else { Complex32::new(1.0, 0.0) }
}
