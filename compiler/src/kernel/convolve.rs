//! The sound of a room: convolution with a recording, in parts.
//!
//! A recording of many seconds is cut into parts, and each part is a product of spectra (Gardner, "Efficient convolution without
//! input-output delay", 1995; Wefers, "Partitioned convolution algorithms for real-time auralization", 2014). Parts of 64 frames do what
//! must be there soon, parts of [`LONG`] frames the rest:
//!
//! ```text
//! frames of the recording    0 .. 64       64 .. 1024            1024 .. end
//! done by                    the graph     15 parts of 64        parts of 1024
//! ```
//!
//! A kernel knows what came before its quantum and nothing of it, so the first 64 frames are not its work: the library multiplies them out
//! (`stdlib/spectral.modu`), and nothing is late. Products with spectra that are there already are made ahead, some in each quantum, so that no
//! quantum has much more to do than another.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::transform::{finite, plans};
use super::{Complex32, Info, Io, Run, Shape, Work, complex, complex_mut};
use crate::exec::SampleMemory;
use crate::graph::QUANTUM;
use realfft::{ComplexToReal, RealToComplex};
use std::sync::Arc;

/// Frames of a long part.
const LONG: usize = 1024;

/// What sounds like a room.
pub static TABLE: &[Info] = &[Info {
    name: "convolve",
    signature: "prim.convolve(x, slot, n, hop)",
    doc: "A sound through a recording from its frame 64 on, up to n times 1024 frames of it; left by left, right by right.",
    reads: &[Shape::Signal],
    controls: &[],
    sample: true,
    longest: |_| 2 * LONG as u32,
    makes: Shape::Signal,
    latency: |_| 0,
    ahead: |_| 2 * LONG as u32,
    words: |work| Level::NEAR.words() + Level::far(work).words(),
    make: |work, lanes, _| Box::new(Convolve::new(work, lanes)),
}];

/// Parts of one length.
#[derive(Clone, Copy)]
struct Level {
    /// Frames of a part.
    part: usize,
    /// How many there are at most; the first is multiplied with what has just come.
    parts: usize,
}

impl Level {
    const NEAR: Level = Level { part: QUANTUM, parts: LONG / QUANTUM - 1 };

    fn far(work: Work) -> Level {
        Level { part: LONG, parts: work.n as usize }
    }

    /// Numbers of a spectrum.
    fn bins(self) -> usize {
        self.part + 1
    }

    /// Words that it remembers: spectra of what came, and a sum that is made ahead.
    fn words(self) -> usize {
        2 * self.bins() * (self.parts + 1)
    }
}

/// A level with its plans and the spectra of the recording, lane by lane.
struct Tools {
    level: Level,
    there: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
    sound: Vec<f32>,
    sum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    /// Spectra of the parts of the recording: left, then right.
    room: [Vec<Complex32>; 2],
}

impl Tools {
    fn new(level: Level) -> Tools {
        let (there, back) = plans(2 * level.part);
        Tools {
            level,
            sound: vec![0.0; 2 * level.part],
            sum: vec![Complex32::ZERO; level.bins()],
            scratch: vec![Complex32::ZERO; there.get_scratch_len().max(back.get_scratch_len())],
            there,
            back,
            room: [Vec::new(), Vec::new()],
        }
    }

    /// Spectra of a recording from a frame on.
    fn learn(&mut self, from: usize, side: usize, frames: &[f32]) {
        let Level { part, parts } = self.level;
        let rest = frames.get(from..).unwrap_or(&[]);
        self.room[side] = rest.chunks(part).take(parts).fold(Vec::new(), |mut room, chunk| {
            self.sound.fill(0.0);
            // What both transforms make larger.
            self.sound.iter_mut().zip(chunk).for_each(|(to, x)| *to = x / (2 * part) as f32);
            let done = self.there.process_with_scratch(&mut self.sound, &mut self.sum, &mut self.scratch);
            if done.is_err() || !finite(&self.sum) {
                self.sum.fill(Complex32::ZERO);
            }
            room.extend_from_slice(&self.sum);
            room
        });
    }

    /// What a quantum has to do for one lane.
    fn run(&mut self, io: &mut Io<'_>, lane: usize, side: usize, own: std::ops::Range<usize>) {
        let Level { part, parts } = self.level;
        let (bins, frame) = (self.level.bins(), io.frame as usize);
        let room = &self.room[side];
        let count = room.len() / bins;
        let (spectra, ahead) = io.memory[own].split_at_mut(2 * bins * parts);
        let ahead = complex_mut(ahead);
        // The block that has begun, and how far it is.
        let (block, within) = (frame / part, frame % part);
        let slot = |back: usize| (block + parts - back % parts) % parts * 2 * bins;
        if within == 0 {
            io.reads.signal(0, lane, io.frame, &mut self.sound[..part]);
            self.sound[part..].fill(0.0);
            let now = complex_mut(&mut spectra[slot(0)..][..2 * bins]);
            if self.there.process_with_scratch(&mut self.sound, now, &mut self.scratch).is_err() || !finite(now) {
                now.fill(Complex32::ZERO);
            }
            self.sum.copy_from_slice(ahead);
            if count > 0 {
                multiply(&mut self.sum, now, &room[..bins]);
            }
            ahead.fill(Complex32::ZERO);
            (self.sum[0].im, self.sum[part].im) = (0.0, 0.0);
            let done = self.back.process_with_scratch(&mut self.sum, &mut self.sound, &mut self.scratch);
            if done.is_err() || !self.sound.iter().all(|x| x.is_finite()) {
                self.sound.fill(0.0);
            }
            io.writes.add(lane, io.frame, &self.sound);
        }
        // A share of the products for the next block, in which what has come so far is a part older.
        let (steps, step) = (part / QUANTUM, within / QUANTUM);
        let todo = count.saturating_sub(1);
        for j in 1 + todo * step / steps..1 + todo * (step + 1) / steps {
            let past = complex(&spectra[slot(j - 1)..][..2 * bins]);
            multiply(ahead, past, &room[j * bins..][..bins]);
        }
    }
}

/// Adds the products of two spectra.
fn multiply(sum: &mut [Complex32], a: &[Complex32], b: &[Complex32]) {
    sum.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
}

struct Convolve {
    near: Tools,
    far: Tools,
    work: Work,
    silence: [f32; QUANTUM],
}

impl Convolve {
    fn new(work: Work, _: usize) -> Convolve {
        let (near, far) = (Tools::new(Level::NEAR), Tools::new(Level::far(work)));
        Convolve { near, far, work, silence: [0.0; QUANTUM] }
    }
}

impl Run for Convolve {
    fn run(&mut self, io: &mut Io<'_>) {
        // Sums reach two long parts ahead; the quantum behind that begins empty.
        let end = io.frame + 2 * LONG as u64;
        for lane in 0..io.lanes {
            let (own, side) = (self.work.own(lane, io.lanes), 2 * lane / io.lanes);
            io.writes.put(lane, end, &self.silence);
            let far = own.start + Level::NEAR.words();
            self.near.run(io, lane, side, own.start..far);
            self.far.run(io, lane, side, far..own.end);
        }
    }

    fn sample(&mut self, memory: &SampleMemory) {
        let word = |i: usize| i32::try_from(i).map_or(0.0, |i| memory.get(i));
        // The first file: how many frames, and where they begin ([`crate::sample`]).
        let (length, begin) = (word(1).max(0.0) as usize, 16 * word(2).clamp(0.0, 1e8) as usize);
        let length = length.min((self.work.n as usize + 1) * LONG);
        for side in 0..2 {
            let frames: Vec<f32> = (0..length).map(|i| word(begin + 2 * i + side)).collect();
            self.near.learn(QUANTUM, side, &frames[..length.min(LONG)]);
            self.far.learn(LONG, side, &frames);
        }
    }
}
