//! Pitch without time: a phase vocoder over grains that are read faster or slower.
//!
//! A *grain* is a window of the sound, read at r times its speed; its pitch is r times that of the sound. Grains follow at the pace of the
//! sound, so two of them do not go on from each other: from one centre to the next a partial of frequency f turns by f times the way between
//! the centres, but heard at r times the speed it must turn by r f times the hop. The difference is made up for by turning the partial in the grain's
//! spectrum; all bins around a peak turn with it, which keeps its shape (identity phase locking: Laroche and Dolson, "Improved phase
//! vocoder time-scale modification of audio", 1999). At r = 1 nothing has to be turned, and the sound comes back as it was.
//!
//! The frequency of a peak is told by two transforms of one grain, a few frames apart.
//!
//! Where something begins, all that is turned is put back, and for as long as a window holds the onset the grains are read around it: each
//! from where the onset falls at its own moment in all of them, so that it is heard once, sharp, and in place (after Röbel, "A new approach to
//! transient processing in the phase vocoder", 2003).
//!
//! ```text
//! centre of a grain = now - latency                     as a rule
//!                     onset + r (now - latency - onset)    within half a window of an onset
//! ```

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::transform::{finite, hann, plans};
use super::{Complex32, Info, Io, Reads, Run, Shape, Work};
use crate::graph::QUANTUM;
use realfft::{ComplexToReal, RealToComplex};
use std::f32::consts::TAU;
use std::sync::Arc;

/// What changes pitch.
pub static TABLE: &[Info] = &[Info {
    name: "pitchshift",
    signature: "prim.pitchshift(x, n, hop, ratio)",
    doc: "The pitch of a sound times a ratio of 1/4 to 4, at its own pace.",
    reads: &[Shape::Signal],
    controls: &["ratio"],
    sample: false,
    longest: |work| 3 * work.n,
    makes: Shape::Signal,
    latency,
    ahead: |work| work.n + work.hop + QUANTUM as u32,
    words: |work| work.n as usize / 2 + 1 + STATE,
    make: |work, _, _| Box::new(Shift { grains: Grains::new(work.n as usize), work }),
}];

/// Half a window, then half of what a grain reads at the highest speed and what it reads off its place around an onset.
fn latency(work: Work) -> u32 {
    work.n / 2 * 11 / 4 + TAPS as u32 * MOST as u32
}

/// Highest ratio; the lowest is one by it.
const MOST: usize = 4;
/// Frames on each side that a frame between frames is made of, at the speed of the sound or below.
const TAPS: usize = 8;
/// Places between frames that there are coefficients for.
const STEPS: usize = 256;
/// Speeds that there are coefficients for, four to an octave.
const SPEEDS: usize = 9;
/// Blocks of 64 frames that an onset stands out from, and by how much.
const BLOCKS: usize = 16;
const RISE: f32 = 8.0;
/// Onsets that are remembered.
const ONSETS: usize = 4;
/// What is remembered beside the turns of bins: a flag, the way from the last grain to its moment in two parts, energies, onsets in two parts.
const STATE: usize = 3 + BLOCKS + 2 * ONSETS;

/// A number of frames in two floats that hold it exactly, up to 2^44.
fn split(frames: i64) -> [f32; 2] {
    [(frames >> 20) as f32, (frames & 0xf_ffff) as f32]
}

fn joined(parts: [f32; 2]) -> i64 {
    ((parts[0] as i64) << 20) + parts[1] as i64
}

/// Coefficients of a sinc under a Kaiser window for every place between frames, with its cutoff at one by the speed.
struct Sinc {
    half: usize,
    rows: Vec<f32>,
}

impl Sinc {
    fn new(speed: f64) -> Sinc {
        let half = (TAPS as f64 * speed).ceil() as usize;
        // The modified Bessel function of order 0, by its series.
        let bessel = |x: f64| {
            (1..30)
                .scan(1.0, |term, k| {
                    *term *= (x / 2.0 / f64::from(k)).powi(2);
                    Some(*term)
                })
                .sum::<f64>()
                + 1.0
        };
        let tap = |place: f64| {
            let window = bessel(8.0 * (1.0 - (place / half as f64).powi(2)).max(0.0).sqrt()) / bessel(8.0);
            let x = std::f64::consts::PI * place / speed;
            let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
            if place.abs() < half as f64 { window * sinc / speed } else { 0.0 }
        };
        let row = |step: usize| (0..2 * half).map(move |i| i as f64 - (half as f64 - 1.0) - step as f64 / STEPS as f64);
        let mut rows = Vec::with_capacity((STEPS + 1) * 2 * half);
        for step in 0..=STEPS {
            let taps: Vec<f64> = row(step).map(tap).collect();
            // So that what stands still is not louder between frames.
            let sum: f64 = taps.iter().sum();
            rows.extend(taps.iter().map(|x| (x / sum) as f32));
        }
        Sinc { half, rows }
    }

    /// The value `part` of the way from frame `at` to the next.
    fn read(&self, sound: &[f32], at: usize, part: f32) -> f32 {
        let wide = 2 * self.half;
        let place = part * STEPS as f32;
        let step = (place as usize).min(STEPS - 1);
        let near = place - step as f32;
        let Some(first) = (at + 1).checked_sub(self.half) else { return 0.0 };
        let (Some(sound), Some(rows)) = (sound.get(first..first + wide), self.rows.get(step * wide..(step + 2) * wide))
        else {
            return 0.0;
        };
        let (here, there) = rows.split_at(wide);
        let mut sums = [0.0f32; 8];
        for ((x, a), b) in sound.chunks_exact(8).zip(here.chunks_exact(8)).zip(there.chunks_exact(8)) {
            for i in 0..8 {
                sums[i] += x[i] * (a[i] + near * (b[i] - a[i]));
            }
        }
        sums.iter().sum()
    }
}

/// Off the audio thread.
#[expect(clippy::disallowed_types, reason = "called when memory is made")]
fn sincs() -> &'static [Sinc] {
    use std::sync::OnceLock;
    static SINCS: OnceLock<Vec<Sinc>> = OnceLock::new();
    // Whole eights of coefficients, so that sums are those of eight lanes.
    SINCS.get_or_init(|| (0..SPEEDS).map(|i| Sinc::new((2f64.powf(i as f64 / 4.0) * 2.0).ceil() / 2.0)).collect())
}

/// Grains of one channel: plans, windows and scratch for them. The runtime stretches recordings with it, too.
pub struct Grains {
    n: usize,
    /// Frames between the two transforms of a grain.
    apart: usize,
    there: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
    sincs: &'static [Sinc],
    window: Vec<f32>,
    /// Length of the window.
    wide: usize,
    sound: Vec<f32>,
    grain: Vec<f32>,
    first: Vec<f32>,
    now: Vec<Complex32>,
    then: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Grains {
    /// For windows of n frames, a power of two. Off the audio thread.
    pub fn new(n: usize) -> Grains {
        let (there, back) = plans(n);
        let scratch = there.get_scratch_len().max(back.get_scratch_len());
        let apart = n / 16;
        let mut tools = Grains {
            n,
            apart,
            there,
            back,
            sincs: sincs(),
            window: vec![0.0; n],
            wide: 0,
            sound: vec![0.0; n + apart * MOST + 2 * TAPS * (MOST + 1) + QUANTUM],
            grain: vec![0.0; n + apart],
            first: vec![0.0; n],
            now: vec![Complex32::ZERO; n / 2 + 1],
            then: vec![Complex32::ZERO; n / 2 + 1],
            scratch: vec![Complex32::ZERO; scratch],
        };
        tools.widen(n);
        tools
    }

    /// Makes the window of another length, around the middle.
    fn widen(&mut self, wide: usize) {
        if self.wide == wide {
            return;
        }
        self.wide = wide;
        self.window.fill(0.0);
        let from = (self.n - wide) / 2;
        self.window[from..from + wide].iter_mut().zip(hann(wide)).for_each(|(w, x)| *w = x as f32);
    }

    /// A grain around a place of the sound, read at a speed, with `apart` frames before it. `sound` writes frames from a place on.
    pub fn read(&mut self, centre: f64, speed: f64, sound: &mut dyn FnMut(i64, &mut [f32])) {
        let from = (self.n - self.wide) / 2;
        let sinc = (0..SPEEDS).find(|i| speed <= 2f64.powf(*i as f64 / 4.0) * 1.0001).unwrap_or(SPEEDS - 1);
        let sinc = &self.sincs[sinc];
        // Of the whole transform only the window is read.
        let start = centre - (self.wide / 2 + self.apart) as f64 * speed;
        let first = start.floor() as i64 - sinc.half as i64;
        let used = ((self.wide + self.apart) as f64 * speed) as usize + 2 * sinc.half + 2;
        let used = used.min(self.sound.len());
        sound(first, &mut self.sound[..used]);
        self.grain.fill(0.0);
        let even = speed == 1.0 && start.fract() == 0.0;
        for (i, x) in self.grain[from..from + self.wide + self.apart].iter_mut().enumerate() {
            let place = start - first as f64 + i as f64 * speed;
            let at = place as usize;
            *x = if even {
                self.sound[at.min(used - 1)]
            } else {
                sinc.read(&self.sound[..used], at, (place - at as f64) as f32)
            };
        }
    }

    /// Makes the grain spectra; false if that is no number.
    pub fn transform(&mut self) -> bool {
        for (grain, spectrum) in [(self.apart, &mut self.now), (0, &mut self.then)] {
            let part = self.grain[grain..grain + self.n].iter().zip(&self.window);
            self.first.iter_mut().zip(part).for_each(|(to, (x, w))| *to = x * w);
            if self.there.process_with_scratch(&mut self.first, spectrum, &mut self.scratch).is_err() {
                return false;
            }
        }
        finite(&self.now) && finite(&self.then)
    }

    /// The turned grain as sound, under its window once more; grains follow every `hop` frames.
    pub fn sounding(&mut self, turns: &[f32], hop: usize) -> &[f32] {
        for (z, turn) in self.now.iter_mut().zip(turns).filter(|(_, turn)| **turn != 0.0) {
            *z *= Complex32::from_polar(1.0, turn * TAU);
        }
        let last = self.now.len() - 1;
        (self.now[0].im, self.now[last].im) = (0.0, 0.0);
        let done = self.back.process_with_scratch(&mut self.now, &mut self.first, &mut self.scratch).is_ok();
        // Squares of windows add up to three eighths of their length by the hop.
        let level = if done { hop as f32 * 8.0 / (3.0 * self.wide as f32 * self.n as f32) } else { 0.0 };
        self.first.iter_mut().zip(&self.window).for_each(|(x, w)| *x *= w * level);
        if !self.first.iter().all(|x| x.is_finite()) {
            self.first.fill(0.0);
        }
        &self.first
    }
}

/// How far each bin is turned, after grains that are read at a speed, the same in all channels so that what is between them stays: `on` is
/// by how many frames of the sound they lie too near to the last ones. `None` turns nothing: something begins.
pub fn advance(channels: &[Grains], turns: &mut [f32], on: Option<f64>, speed: f64) {
    let (Some(on), Some(first)) = (on, channels.first()) else { return turns.fill(0.0) };
    let (n, count) = (first.n, turns.len());
    let size = |k: usize| channels.iter().map(|c| c.now[k].norm_sqr()).sum::<f32>();
    let peak = |k: usize| size(k) > 0.0 && (k.saturating_sub(2)..(k + 3).min(count)).all(|i| size(i) <= size(k));
    let (mut from, mut next) = (0, (0..count).find(|k| peak(*k)));
    while let Some(at) = next {
        next = (at + 3..count).find(|k| peak(*k));
        let to = next.map_or(count, |next| (at + next).div_ceil(2));
        // The louder channel tells the frequency: turns in a frame of the grain, which are so many more in one of the sound.
        let louder =
            channels.iter().max_by(|a, b| a.now[at].norm_sqr().total_cmp(&b.now[at].norm_sqr())).unwrap_or(first);
        let middle = (at * first.apart % n) as f32 / n as f32;
        let turned = (louder.now[at] * louder.then[at].conj()).arg() / TAU - middle;
        let frequency = at as f64 / n as f64 + f64::from(turned - turned.round()) / first.apart as f64;
        let turn = (f64::from(turns[at]) + frequency / speed * on).rem_euclid(1.0) as f32;
        turns[from..to].fill(turn);
        from = to;
    }
}

struct Shift {
    grains: Grains,
    work: Work,
}

impl Run for Shift {
    fn run(&mut self, io: &mut Io<'_>) {
        let Shift { grains, work } = self;
        let (n, hop) = (work.n as usize, work.hop as usize);
        for lane in 0..io.lanes {
            let own = &mut io.memory[work.own(lane, io.lanes)];
            let (turns, state) = own.split_at_mut(n / 2 + 1);
            listen(io.reads, lane, io.frame, state);
            let least = 1.0 / MOST as f64;
            let ratio = f64::from(io.reads.control(0, lane)).clamp(least, MOST as f64);
            // What is read shall not be longer than a transform.
            let wide = ((n as f64 / ratio.max(1.0) / 16.0) as usize * 16).clamp(16.min(n), n);
            // Short windows want all ticks, long ones every other.
            let each = if wide >= n / 2 { 2 } else { 1 };
            for tick in work.ticks(io.frame) {
                let room = n - hop;
                grains.first[..hop].fill(0.0);
                io.writes.put(lane, tick + room as u64, &grains.first[..hop]);
                if !(tick / hop as u64).is_multiple_of(each) {
                    continue;
                }
                grains.widen(wide);
                // The moment of the sound that is in the middle of the window.
                let now = tick as i64 + n as i64 / 2 - i64::from(latency(*work));
                let (centre, onset) = centre(now, ratio, wide, state);
                let off = centre - now as f64;
                let before = f64::from(state[1]) + f64::from(state[2]);
                let hops = (each * hop as u64) as f64;
                // At an onset nothing is turned; else by what the grains are apart less what they are to be.
                let on = hops * ratio - (hops + off - before);
                let fresh = state[0] == 0.0 || onset && (state[0] != 2.0 || on.abs() > 1e-3);
                let on = (!fresh).then_some(on);
                (state[0], state[1]) = (if onset { 2.0 } else { 1.0 }, off.floor() as f32);
                state[2] = (off - off.floor()) as f32;
                let reads = io.reads;
                grains.read(centre, ratio, &mut |first, to| {
                    let end = first + to.len() as i64;
                    // What is still to come, or was before the beginning, is silence.
                    reads.signal(0, lane, end as u64, to);
                    let beyond = (end - tick as i64).clamp(0, to.len() as i64) as usize;
                    let length = to.len();
                    to[length - beyond..].fill(0.0);
                });
                if grains.transform() {
                    advance(std::slice::from_ref(grains), turns, on, ratio);
                    let sound = grains.sounding(turns, each as usize * hop);
                    io.writes.add(lane, tick, sound);
                } else {
                    turns.fill(0.0);
                }
            }
        }
    }
}

/// Where a grain is read, and whether around an onset.
fn centre(now: i64, ratio: f64, wide: usize, state: &[f32]) -> (f64, bool) {
    let onsets = state[3 + BLOCKS..].chunks_exact(2).map(|parts| joined([parts[0], parts[1]]));
    // Zeros are none, so one more than the frame is kept.
    match onsets.filter(|at| *at > 0).map(|at| at - 1).min_by_key(|at| (now - at).abs()) {
        Some(at) if (now - at).unsigned_abs() as usize <= wide / 2 + 64 => {
            (at as f64 + (now - at) as f64 * ratio, true)
        }
        _ => (now as f64, false),
    }
}

/// Looks for an onset in the quantum that has come: the energy of what changes from frame to frame is far above that of each of the last
/// blocks.
fn listen(reads: Reads<'_>, lane: usize, frame: u64, state: &mut [f32]) {
    let mut sound = [0.0f32; QUANTUM + 1];
    reads.signal(0, lane, frame, &mut sound);
    let steps = sound.windows(2).map(|w| (w[1] - w[0]).abs());
    let energy = steps.clone().map(|x| x * x).sum::<f32>().min(1e30);
    let (energies, onsets) = state[3..].split_at_mut(BLOCKS);
    let before = energies.iter().copied().fold(0.0, f32::max);
    energies[(frame / QUANTUM as u64) as usize % BLOCKS] = energy;
    if energy > RISE * before + 1e-7 && frame >= QUANTUM as u64 {
        let largest = steps.clone().fold(0.0, f32::max);
        let at = steps.into_iter().position(|x| x >= 0.5 * largest).unwrap_or(0);
        onsets.copy_within(..2 * ONSETS - 2, 2);
        onsets[..2].copy_from_slice(&split((frame - QUANTUM as u64) as i64 + at as i64 + 1));
    }
}
