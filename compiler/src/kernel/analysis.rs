//! What sound is like, as signals: where its middle is, how much it changes, at what pitch it sings.
//!
//! Each kind makes one value a tick, and holds it until the next. Spectra are those of `fft`, so several of them share one transform.
//!
//! Pitch is found by YIN (de Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music", 2002): the lag at which
//! the sound differs least from itself, by its difference function over the mean of that function so far, the first dip below [`DIP`],
//! between lags by a parabola. The products that the function is made of are one product of spectra.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::transform::plans;
use super::{Complex32, Info, Io, Reads, Run, Shape, Work};
use crate::graph::QUANTUM;
use realfft::{ComplexToReal, RealToComplex};
use std::sync::Arc;

const fn entry(
    (name, signature, doc): (&'static str, &'static str, &'static str),
    reads: &'static [Shape],
    words: fn(Work) -> usize,
    make: fn(Work, usize, f32) -> Box<dyn Run>,
) -> Info {
    Info {
        name,
        signature,
        doc,
        reads,
        controls: &[],
        sample: false,
        longest: |work| work.n,
        makes: Shape::Signal,
        latency: |_| 0,
        ahead: |_| QUANTUM as u32,
        words,
        make,
    }
}

/// What listens.
pub static TABLE: &[Info] = &[
    entry(
        ("centroid", "prim.centroid(spec)", "The middle of a spectrum by its loudness, in hertz; 0 in silence."),
        &[Shape::Spectrum],
        |_| 1,
        |work, _, rate| Box::new(Held { work, tell: Centroid(rate) }),
    ),
    entry(
        ("flux", "prim.flux(spec)", "How much louder partials are than they were, as a part of all."),
        &[Shape::Spectrum],
        |work| 1 + work.n as usize / 2 + 1,
        |work, _, _| Box::new(Held { work, tell: Flux }),
    ),
    entry(
        ("yin", "prim.yin(x, n, hop)", "The pitch of a sound in hertz, held where it has none."),
        &[Shape::Signal],
        |_| 1,
        |work, _, rate| Box::new(Held { work, tell: Yin::new(work, rate) }),
    ),
];

/// Something that tells a value at a tick; `own` is what it remembers, `last` what it told last.
trait Tell: Send {
    fn tell(&mut self, reads: Reads<'_>, lane: usize, tick: u64, own: &mut [f32], last: f32) -> f32;
}

struct Held<T> {
    work: Work,
    tell: T,
}

impl<T: Tell> Run for Held<T> {
    fn run(&mut self, io: &mut Io<'_>) {
        for lane in 0..io.lanes {
            let own = &mut io.memory[self.work.own(lane, io.lanes)];
            let (value, own) = own.split_at_mut(1);
            for tick in self.work.ticks(io.frame) {
                let told = self.tell.tell(io.reads, lane, tick, own, value[0]);
                value[0] = if told.is_finite() { told } else { 0.0 };
            }
            io.writes.put(lane, io.frame, &[value[0]; QUANTUM]);
        }
    }
}

/// With frames per second.
struct Centroid(f32);

impl Tell for Centroid {
    fn tell(&mut self, reads: Reads<'_>, lane: usize, tick: u64, _: &mut [f32], _: f32) -> f32 {
        let spectrum = reads.spectrum(0, lane, tick);
        let (mut sum, mut all) = (0.0f32, 0.0f32);
        for (k, z) in spectrum.iter().enumerate() {
            let size = z.norm_sqr().sqrt();
            sum += size * k as f32;
            all += size;
        }
        if all > 1e-6 { sum / all * self.0 / (2 * (spectrum.len() - 1)) as f32 } else { 0.0 }
    }
}

struct Flux;

impl Tell for Flux {
    fn tell(&mut self, reads: Reads<'_>, lane: usize, tick: u64, own: &mut [f32], _: f32) -> f32 {
        let (mut rise, mut all) = (0.0f32, 0.0f32);
        for (last, z) in own.iter_mut().zip(reads.spectrum(0, lane, tick)) {
            let size = z.norm_sqr().sqrt();
            rise += (size - *last).max(0.0);
            all += size;
            *last = size;
        }
        // Rounding is no sound.
        if all > 1e-4 { rise / all } else { 0.0 }
    }
}

/// How far the difference must fall, as a part of its mean, to be a period.
const DIP: f32 = 0.15;

struct Yin {
    there: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
    rate: f32,
    sound: Vec<f32>,
    part: Vec<f32>,
    whole: Vec<Complex32>,
    first: Vec<Complex32>,
    difference: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl Yin {
    fn new(work: Work, rate: f32) -> Yin {
        let n = work.n as usize;
        let (there, back) = plans(n);
        Yin {
            rate,
            sound: vec![0.0; n],
            part: vec![0.0; n],
            whole: vec![Complex32::ZERO; n / 2 + 1],
            first: vec![Complex32::ZERO; n / 2 + 1],
            difference: vec![0.0; n / 2],
            scratch: vec![Complex32::ZERO; there.get_scratch_len().max(back.get_scratch_len())],
            there,
            back,
        }
    }

    /// The difference of the first half of the sound from what comes some frames later, over its mean so far; false in silence.
    fn differences(&mut self) -> bool {
        let (n, half) = (self.sound.len(), self.sound.len() / 2);
        let square = |x: &f32| f64::from(*x) * f64::from(*x);
        let mut energy: f64 = self.sound[..half].iter().map(square).sum();
        let first = energy;
        if first < 1e-7 * half as f64 {
            return false;
        }
        let moved = (0..half).map(|lag| {
            let now = energy;
            energy += square(&self.sound[lag + half]) - square(&self.sound[lag]);
            now
        });
        self.difference.iter_mut().zip(moved).for_each(|(d, e)| *d = (first + e) as f32);
        self.part.copy_from_slice(&self.sound);
        self.part[half..].fill(0.0);
        let both = self.there.process_with_scratch(&mut self.part, &mut self.first, &mut self.scratch).is_ok()
            && self.there.process_with_scratch(&mut self.sound, &mut self.whole, &mut self.scratch).is_ok();
        self.whole.iter_mut().zip(&self.first).for_each(|(a, b)| *a *= b.conj());
        (self.whole[0].im, self.whole[half].im) = (0.0, 0.0);
        let done = self.back.process_with_scratch(&mut self.whole, &mut self.part, &mut self.scratch).is_ok();
        let mut sum = 0.0f32;
        self.difference[0] = 1.0;
        for lag in 1..half {
            let d = (self.difference[lag] - 2.0 * self.part[lag] / n as f32).max(0.0);
            sum += d;
            self.difference[lag] = if sum > 0.0 { d * lag as f32 / sum } else { 1.0 };
        }
        both && done
    }
}

impl Tell for Yin {
    fn tell(&mut self, reads: Reads<'_>, lane: usize, tick: u64, _: &mut [f32], last: f32) -> f32 {
        reads.signal(0, lane, tick, &mut self.sound);
        if !self.differences() {
            return last;
        }
        let d = &self.difference;
        let Some(mut lag) = (2..d.len() - 1).find(|&lag| d[lag] < DIP) else { return last };
        while lag + 2 < d.len() && d[lag + 1] < d[lag] {
            lag += 1;
        }
        let (a, b, c) = (d[lag - 1], d[lag], d[lag + 1]);
        let bend = a - 2.0 * b + c;
        let shift = if bend > 1e-9 { (0.5 * (a - c) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        self.rate / (lag as f32 + shift)
    }
}
