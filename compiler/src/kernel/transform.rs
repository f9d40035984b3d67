//! From sound to spectra and back.
//!
//! A spectrum of n points at the tick t is the transform of the n frames before t under a Hann window. Going back, its frames
//! are windowed once more and added where they came from, n frames later; the second window is divided by what all products of windows
//! add up to at each place, so that for any hop up to n / 2 sound that nobody has touched comes back exactly (Griffin and Lim, "Signal
//! estimation from modified short-time Fourier transform", 1984).
//!
//! ```text
//! latency = n           if the hop is a multiple of a quantum: a spectrum is there in the frame of its tick
//!           n + 64      else
//! ```

use super::{Info, Io, Run, Shape, Work, complex_mut};
use crate::graph::QUANTUM;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::f64::consts::TAU;
use std::sync::Arc;

/// Going there and back.
pub static TABLE: &[Info] = &[
    Info {
        name: "fft",
        signature: "prim.fft(x, n, hop)",
        doc: "From sound to spectra of n points.",
        reads: &[Shape::Signal],
        controls: &[],
        sample: false,
        longest: |work| work.n,
        makes: Shape::Spectrum,
        latency: |_| 0,
        ahead: |_| 0,
        words: |_| 0,
        make: |work, _, _| Box::new(Fft(Tools::new(work), work)),
    },
    Info {
        name: "ifft",
        signature: "prim.ifft(spec)",
        doc: "From spectra to sound.",
        reads: &[Shape::Spectrum],
        controls: &[],
        sample: false,
        longest: |work| work.n,
        makes: Shape::Signal,
        latency,
        ahead: |work| work.n + QUANTUM as u32,
        words: |_| 0,
        make: |work, _, _| Box::new(Ifft(Tools::new(work), work)),
    },
];

/// How late sound is that went through spectra.
pub fn latency(work: Work) -> u32 {
    let aligned = work.hop.is_multiple_of(QUANTUM as u32);
    work.n + if aligned { 0 } else { QUANTUM as u32 }
}

type Plans = (Arc<dyn RealToComplex<f32>>, Arc<dyn ComplexToReal<f32>>);

/// Plans for transforms of n points, made once. Off the audio thread.
#[expect(clippy::disallowed_types, reason = "called when memory is made")]
pub fn plans(n: usize) -> Plans {
    use std::sync::{Mutex, OnceLock, PoisonError};
    static PLANNER: OnceLock<Mutex<RealFftPlanner<f32>>> = OnceLock::new();
    let planner = PLANNER.get_or_init(|| Mutex::new(RealFftPlanner::new()));
    // A planner that a panic has left is a cache as good as before.
    let mut planner = planner.lock().unwrap_or_else(PoisonError::into_inner);
    (planner.plan_fft_forward(n), planner.plan_fft_inverse(n))
}

/// The Hann window of n points, as it repeats.
pub fn hann(n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(move |i| 0.5 - 0.5 * (TAU * i as f64 / n as f64).cos())
}

/// Plans, windows and scratch.
struct Tools {
    plans: Plans,
    /// The window on the way there, and the one on the way back.
    there: Vec<f32>,
    back: Vec<f32>,
    sound: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Tools {
    fn new(work: Work) -> Tools {
        let (n, hop) = (work.n as usize, work.hop as usize);
        let plans = plans(n);
        let window: Vec<f64> = hann(n).collect();
        let mut sums = vec![0.0; hop];
        window.iter().enumerate().for_each(|(i, w)| sums[i % hop] += w * w);
        let back = |(i, w): (usize, &f64)| (w / sums[i % hop].max(1e-9) / n as f64) as f32;
        let scratch = plans.0.get_scratch_len().max(plans.1.get_scratch_len());
        Tools {
            there: window.iter().map(|w| *w as f32).collect(),
            back: window.iter().enumerate().map(back).collect(),
            sound: vec![0.0; n],
            spectrum: vec![Complex32::ZERO; n / 2 + 1],
            scratch: vec![Complex32::ZERO; scratch],
            plans,
        }
    }
}

struct Fft(Tools, Work);

impl Run for Fft {
    fn run(&mut self, io: &mut Io<'_>) {
        let Fft(tools, work) = self;
        for tick in work.ticks(io.frame) {
            for lane in 0..io.lanes {
                io.reads.signal(0, lane, tick, &mut tools.sound);
                tools.sound.iter_mut().zip(&tools.there).for_each(|(x, w)| *x *= w);
                let slot = complex_mut(&mut io.memory[work.slot(tick, lane, io.lanes)]);
                // Lengths are those of the plan, so this cannot fail.
                let done = tools.plans.0.process_with_scratch(&mut tools.sound, slot, &mut tools.scratch);
                if done.is_err() || !finite(slot) {
                    slot.fill(Complex32::ZERO);
                }
            }
        }
    }
}

struct Ifft(Tools, Work);

impl Run for Ifft {
    fn run(&mut self, io: &mut Io<'_>) {
        let Ifft(tools, work) = self;
        let (n, hop) = (work.n as usize, work.hop as usize);
        for tick in work.ticks(io.frame) {
            for lane in 0..io.lanes {
                let spectrum = io.reads.spectrum(0, lane, tick);
                let done = spectrum.len() == tools.spectrum.len() && {
                    tools.spectrum.copy_from_slice(spectrum);
                    // Of real sound these have no imaginary part.
                    tools.spectrum[0].im = 0.0;
                    tools.spectrum[n / 2].im = 0.0;
                    let Tools { plans, sound, spectrum, scratch, .. } = tools;
                    plans.1.process_with_scratch(spectrum, sound, scratch).is_ok()
                };
                tools.sound.iter_mut().zip(&tools.back).for_each(|(x, w)| *x *= w);
                if !done || !tools.sound.iter().all(|x| x.is_finite()) {
                    tools.sound.fill(0.0);
                }
                let first = tick + u64::from(latency(*work) - work.n);
                let (add, put) = tools.sound.split_at(n - hop);
                io.writes.add(lane, first, add);
                io.writes.put(lane, first + add.len() as u64, put);
            }
        }
    }
}

/// True if every part is a number.
pub fn finite(spectrum: &[Complex32]) -> bool {
    // A sum is no number if one of its terms is none.
    spectrum.iter().map(|z| z.re.abs() + z.im.abs()).sum::<f32>().is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_add_up_to_one_wherever_frames_meet() {
        for (n, hop) in [(1024, 256), (512, 256), (2048, 300), (64, 16)] {
            let tools = Tools::new(Work { kind: super::super::Kind(&TABLE[0]), n, hop, seed: 0 });
            let (n, hop) = (n as usize, hop as usize);
            for place in 0..hop {
                let product = |i: usize| f64::from(tools.there[i]) * f64::from(tools.back[i]) * n as f64;
                let sum: f64 = (place..n).step_by(hop).map(product).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{n}/{hop} at {place}: {sum}");
            }
        }
    }
}
