//! Keeps a microphone and its own loudspeaker from howling, and leaves musicians alone.
//!
//! What howls grows as one tone; so does a flute that swells, and no look at the sound alone tells them apart. What does is a question: sound
//! that has gone round has the gain of the input in it, and a musician does not. So when one tone has taken over what comes in, and has grown or
//! fills the output, the input's gain moves by 2 dB for a quarter of a second in a pattern of chance. The output has that pattern in it, if the
//! tone goes through the input at all; and if at some lateness that a room and its converters can have, the tone that comes in is what
//! went out, pattern and all, it has gone round. Two patterns must be answered alike. Then the input is turned down until the tone is gone, and comes
//! back slowly, to below where it howled. A tone that does not answer is not asked again for a while. What is no single tone is never touched: its bits stay.
//!
//! ```text
//! input -> hear (spectra, questions, gain) -> engine -> loudspeaker .. air .. microphone -> input
//! ```

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Sound of which a spectrum is made, seconds; the next power of two of frames. A quarter of it passes between two.
const WINDOW: f64 = 0.02;
/// Spectra whose levels are kept.
const PAST: usize = 256;
/// Lowest tone that is looked at, hertz: loudspeakers of a room do not howl below.
const LOWEST: f64 = 80.0;
/// Spectra in which one tone must lead.
const LEADS: usize = 24;
/// By how much it must have grown meanwhile, dB.
const GROWN: f32 = 6.0;
/// Softer than this is no matter, as a level of full scale, dB.
const SOFT: f32 = -46.0;
/// An output as loud as this is as loud as it gets.
const FULL: f32 = 0.93;
/// Bits of a question, spectra that one lasts, and how far each turns down, dB.
const BITS: usize = 12;
const BIT: usize = 4;
const DIP: f32 = 2.0;
/// Longest way round, spectra: some 160 ms.
const LATEST: usize = 30;
/// What comes in must be what went out but for so much of the power of the question, or answer to it but for so much of its own.
const SAME: f64 = 0.2;
const ALIKE: f64 = 0.36;
/// How strongly it must answer, dB for each dB: a loop that does not howl answers by less.
const ANSWERS: f64 = 0.5;
/// How strongly the output must answer if the tone goes through the input, and how closely, as a correlation.
const THROUGH: f64 = 0.3;
const CLOSELY: f64 = 0.45;
/// Bins to each side that belong to a tone, and by how much its top may move.
const SIDE: usize = 3;
const MOVES: usize = 2;
/// What is turned down at once, as a factor, and at most.
const DOWN: f32 = 0.25;
const LEAST: f32 = 0.001;
/// Seconds from then until it comes back, dB a second as it does, and seconds until all of it may.
const STAYS: f64 = 2.0;
const BACK: f32 = 3.0;
const FORGETS: f64 = 60.0;
/// Seconds until a tone is asked again that has not answered, at first and at most.
const RESTS: f64 = 1.0;
const LONGEST_REST: f64 = 60.0;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    /// Looking for a tone.
    Looks,
    /// Asking: the bits, spectra since then, and at which lateness another question was answered.
    Asks { bits: u32, passed: usize, before: Option<usize> },
    /// Turned down: spectra since then, and how loud the tone was.
    Turned { passed: usize, level: f32 },
}

/// What stands between an input and the engine.
pub struct Guard {
    window: Box<[f32]>,
    /// The last frames of the input, all channels summed, and the gains of each; those of the output: rings.
    sound: Box<[f32]>,
    gains: Box<[f32]>,
    at: usize,
    out: Box<[f32]>,
    out_at: usize,
    /// Frames until the next spectrum.
    left: usize,
    fft: Arc<dyn RealToComplex<f32>>,
    scratch: Vec<Complex<f32>>,
    frames: Vec<f32>,
    bins: Vec<Complex<f32>>,
    power: Vec<f32>,
    lowest: usize,
    /// Spectra a second.
    pace: f64,
    /// The tone that leads, for how many spectra, and the softest it was.
    tone: usize,
    leads: usize,
    softest: f32,
    /// Levels of the tone as it comes in and as it goes out, and of the question, dB, the newest last.
    levels: [f32; PAST],
    outs: [f32; PAST],
    asked: [f32; PAST],
    doing: Doing,
    /// Spectra until a tone is asked again, and how many after that.
    rests: usize,
    rest: f64,
    /// The gain of now, where it goes, how much of the way a frame goes, and up to where it comes back.
    gain: f32,
    goal: f32,
    ease: f32,
    most: f32,
    /// Spectra since it was turned down last.
    since: usize,
    chance: u64,
    loud: bool,
    turns: u32,
}

impl Guard {
    /// For a rate of frames per second. Allocates here, and nowhere else.
    pub fn new(rate: u32) -> Guard {
        let rate = f64::from(rate.max(1));
        let size = ((rate * WINDOW) as usize).next_power_of_two().max(64);
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(size);
        let hann = |i: usize| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / size as f32).cos();
        let bins = fft.make_output_vec();
        Guard {
            window: (0..size).map(hann).collect(),
            sound: vec![0.0; size].into(),
            gains: vec![1.0; size].into(),
            at: 0,
            out: vec![0.0; size].into(),
            out_at: 0,
            left: size / 4,
            scratch: fft.make_scratch_vec(),
            frames: fft.make_input_vec(),
            power: vec![0.0; bins.len()],
            bins,
            fft,
            lowest: ((LOWEST * size as f64 / rate) as usize).max(2),
            pace: rate / (size / 4) as f64,
            tone: 0,
            leads: 0,
            softest: 0.0,
            levels: [-200.0; PAST],
            outs: [-200.0; PAST],
            asked: [0.0; PAST],
            doing: Doing::Looks,
            rests: 0,
            rest: RESTS,
            gain: 1.0,
            goal: 1.0,
            ease: 1.0 - (-1.0 / (0.003 * rate)).exp() as f32,
            most: 1.0,
            since: 0,
            chance: 0x9e37_79b9_7f4a_7c15,
            loud: false,
            turns: 0,
        }
    }

    /// Hears a frame of the input, the sum of its channels, and says by what the frame is to be multiplied: exactly 1 while nothing howls.
    pub fn hear(&mut self, sum: f32) -> f32 {
        let sum = if sum.is_finite() { sum } else { 0.0 };
        self.gain += (self.goal - self.gain) * self.ease;
        if (self.goal - self.gain).abs() < 1e-5 {
            self.gain = self.goal;
        }
        let size = self.sound.len();
        self.sound[self.at] = sum;
        self.gains[self.at] = self.gain;
        self.at = (self.at + 1) % size;
        self.left -= 1;
        if self.left == 0 {
            self.left = size / 4;
            self.look();
        }
        self.gain
    }

    /// Sees a frame that goes out, the mean of its channels; as many as were heard.
    pub fn see(&mut self, mean: f32) {
        self.loud |= mean.abs() >= FULL;
        self.out[self.out_at] = mean;
        self.out_at = (self.out_at + 1) % self.out.len();
    }

    /// How often the input was turned down.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// The spectrum of a ring, as powers of which a sine of full scale has 1.
    fn spectrum(&mut self, outward: bool) {
        let (ring, at) = if outward { (&self.out, self.out_at) } else { (&self.sound, self.at) };
        let size = ring.len();
        let from = ring.iter().skip(at).chain(ring.iter().take(at));
        self.frames.iter_mut().zip(from).zip(&self.window).for_each(|((to, x), w)| *to = x * w);
        // Lengths are those it was planned for: it refuses nothing.
        let _ = self.fft.process_with_scratch(&mut self.frames, &mut self.bins, &mut self.scratch);
        let scale = 16.0 / (3.0 * (size as f32 / 2.0).powi(2));
        self.power.iter_mut().zip(&self.bins).for_each(|(to, bin)| *to = bin.norm_sqr() * scale);
    }

    /// The power of a tone in it.
    fn around(&self, tone: usize) -> f32 {
        self.power.iter().skip(tone.saturating_sub(SIDE)).take(2 * SIDE + 1).sum()
    }

    /// The power of the gain over the last window.
    fn passed(&self) -> f32 {
        let from = self.gains.iter().skip(self.at).chain(self.gains.iter().take(self.at));
        let (passed, whole) = from
            .zip(&self.window)
            .fold((0.0, 0.0), |(passed, whole), (gain, w)| (passed + (gain * w).powi(2), whole + w * w));
        passed / whole
    }

    /// Spectra, and what follows from them.
    fn look(&mut self) {
        self.spectrum(false);
        let all: f32 = self.power.iter().skip(self.lowest).sum();
        let top = self.power.iter().enumerate().skip(self.lowest).max_by(|a, b| a.1.total_cmp(b.1));
        let top = top.map_or(self.lowest, |(bin, _)| bin);
        let follows = self.doing != Doing::Looks || top.abs_diff(self.tone) <= MOVES;
        if !follows {
            (self.tone, self.leads) = (top, 0);
        }
        let around = self.around(self.tone);
        let level = decibel(around);
        push(&mut self.levels, level);
        let asked = decibel(self.passed());
        push(&mut self.asked, asked);
        // Nobody asks: nobody needs to know.
        let out = if matches!(self.doing, Doing::Asks { .. }) || self.leads + LATEST >= LEADS {
            self.spectrum(true);
            decibel(self.around(self.tone))
        } else {
            -200.0
        };
        push(&mut self.outs, out);
        self.since = self.since.saturating_add(1);
        self.rests = self.rests.saturating_sub(1);
        let loud = std::mem::take(&mut self.loud);
        let one = around > 0.5 * all && level > SOFT;
        self.act(one, level, loud);
    }

    fn act(&mut self, one: bool, level: f32, loud: bool) {
        match self.doing {
            Doing::Looks => {
                self.come_back();
                self.leads = if one { self.leads + 1 } else { 0 };
                if self.leads <= 1 {
                    self.softest = level;
                }
                self.softest = self.softest.min(level);
                let grown = level - self.softest > GROWN;
                if self.leads >= LEADS && (grown || loud) && self.rests == 0 {
                    self.ask(None);
                } else if self.leads == 0 && self.rests == 0 {
                    self.rest = RESTS;
                }
            }
            Doing::Asks { bits, passed, before } => {
                let bit = passed / BIT;
                let low = bit < BITS && bits >> bit & 1 == 1;
                self.goal = self.most * if low { factor(-DIP) } else { 1.0 };
                self.doing = Doing::Asks { bits, passed: passed + 1, before };
                if passed < BITS * BIT + 8 {
                    return;
                }
                match (self.answered(BITS * BIT), before) {
                    (Some(late), None) => self.ask(Some(late)),
                    // The same lateness, as far as levels tell it.
                    (Some(late), Some(before)) if late.abs_diff(before) <= 3 => self.turn(level),
                    (None, _) | (_, Some(_)) if passed < BITS * BIT + LATEST => {}
                    _ => self.acquit(),
                }
            }
            Doing::Turned { passed, level: then } => {
                self.doing = Doing::Turned { passed: passed + 1, level: then };
                // Every time round takes what it was turned down by.
                let longest = passed >= (0.5 * self.pace) as usize;
                if level < then - 10.0 || level < SOFT {
                    self.leads = 0;
                    self.doing = Doing::Looks;
                } else if longest {
                    self.turn(level);
                }
            }
        }
    }

    /// Begins to ask.
    fn ask(&mut self, before: Option<usize>) {
        // As many bits up as down, in an order of chance.
        let mut bits: u32 = 0;
        while bits.count_ones() != BITS as u32 / 2 {
            self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bits = (self.chance >> 40) as u32 & ((1 << BITS) - 1);
        }
        self.most = self.most.min(self.goal).max(LEAST);
        self.doing = Doing::Asks { bits, passed: 0, before };
    }

    /// It was a musician.
    fn acquit(&mut self) {
        self.goal = self.most;
        self.rests = (self.rest * self.pace) as usize;
        self.rest = (self.rest * 2.0).min(LONGEST_REST);
        self.leads = 0;
        self.doing = Doing::Looks;
    }

    /// It howls.
    fn turn(&mut self, level: f32) {
        // A tone that stays however far it is turned down is none of ours.
        if self.goal <= LEAST {
            return self.acquit();
        }
        self.turns = self.turns.saturating_add(1);
        if !matches!(self.doing, Doing::Turned { .. }) {
            self.most = (self.most * 0.5).max(LEAST);
            self.goal = self.most;
        }
        self.goal = (self.goal * DOWN).max(LEAST);
        self.since = 0;
        self.doing = Doing::Turned { passed: 0, level };
    }

    /// Turns up again what has been turned down.
    fn come_back(&mut self) {
        let seconds = self.since as f64 / self.pace;
        if self.most < 1.0 && seconds > FORGETS {
            self.most = 1.0;
        }
        if self.goal < self.most && seconds > STAYS {
            self.goal = (self.goal * factor(BACK / self.pace as f32)).min(self.most);
        }
    }

    /// At which lateness what comes in is what went out, if the output answers to the question of the last spectra.
    fn answered(&self, asked: usize) -> Option<usize> {
        let Doing::Asks { passed, .. } = self.doing else { return None };
        let begin = PAST - passed.min(PAST - 1);
        let heard = |late: usize| begin..(begin + asked).min(PAST - late);
        let mut out = Fit::default();
        heard(0).for_each(|at| out.add(self.asked[at], self.outs[at]));
        let goes_through = out.slope() > THROUGH && out.like() > CLOSELY;
        // What is left of each way to see it, as a part of the question, compared with what may be.
        let left = |late: usize| {
            let (mut rest, mut follows, mut gains) = (Fit::default(), Fit::default(), Fit::default());
            for at in heard(late) {
                let (question, level) = (self.asked[at], self.levels[at + late]);
                rest.add(question, level - self.outs[at]);
                follows.add(question, level);
                gains.add(question, level - self.levels[at]);
            }
            if rest.count < asked as f64 * 0.75 {
                return f64::INFINITY;
            }
            let answers = |fit: Fit| if fit.slope() > ANSWERS { 1.0 - fit.like() * fit.like() } else { 1.0 };
            let same = rest.answer() / rest.question().max(1e-9);
            let grows = answers(follows).min(answers(gains));
            let same = if goes_through { same / SAME } else { f64::INFINITY };
            same.min(grows / ALIKE)
        };
        let (late, left) = (1..=LATEST).map(|late| (late, left(late))).min_by(|a, b| a.1.total_cmp(&b.1))?;
        (left < 1.0).then_some(late)
    }
}

/// The mean of the channels of a frame.
pub(super) fn mean(frame: &[f32]) -> f32 {
    frame.iter().sum::<f32>() / frame.len().max(1) as f32
}

fn push(levels: &mut [f32; PAST], level: f32) {
    levels.rotate_left(1);
    levels[PAST - 1] = level;
}

/// How two things that are measured together go together, each freed of what a straight line over time explains.
#[derive(Clone, Copy, Default)]
struct Fit {
    count: f64,
    // Sums over time, question and answer, and over their products.
    t: f64,
    q: f64,
    a: f64,
    tt: f64,
    qq: f64,
    aa: f64,
    tq: f64,
    ta: f64,
    qa: f64,
}

impl Fit {
    fn add(&mut self, question: f32, answer: f32) {
        let (t, q, a) = (self.count, f64::from(question), f64::from(answer));
        self.count += 1.0;
        (self.t, self.q, self.a) = (self.t + t, self.q + q, self.a + a);
        (self.tt, self.qq, self.aa) = (self.tt + t * t, self.qq + q * q, self.aa + a * a);
        (self.tq, self.ta, self.qa) = (self.tq + t * q, self.ta + t * a, self.qa + q * a);
    }

    /// The mean product of two of them, by their sums, those of their product and those with time.
    fn product(&self, (x, y): (f64, f64), xy: f64, (tx, ty): (f64, f64)) -> f64 {
        let n = self.count.max(1.0);
        let tt = (self.tt - self.t * self.t / n).max(1e-9);
        (xy - x * y / n - (tx - self.t * x / n) * (ty - self.t * y / n) / tt) / n
    }

    /// The mean square of the question.
    fn question(&self) -> f64 {
        self.product((self.q, self.q), self.qq, (self.tq, self.tq)).max(0.0)
    }

    /// The mean square of the answer.
    fn answer(&self) -> f64 {
        self.product((self.a, self.a), self.aa, (self.ta, self.ta)).max(0.0)
    }

    /// How much of an answer there is for each of the question.
    fn slope(&self) -> f64 {
        self.product((self.q, self.a), self.qa, (self.tq, self.ta)) / self.question().max(1e-9)
    }

    /// Their correlation.
    fn like(&self) -> f64 {
        self.slope() * (self.question() / self.answer().max(1e-9)).sqrt()
    }
}

fn decibel(power: f32) -> f32 {
    10.0 * power.max(1e-20).log10()
}

fn factor(decibel: f32) -> f32 {
    10f32.powf(decibel / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::Limiter;
    use std::f32::consts::TAU;

    const RATE: u32 = 48_000;

    struct Chance(u64);

    impl Chance {
        /// Between -1 and 1.
        fn next(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        }
    }

    /// A loudspeaker, a room and a microphone.
    struct Room {
        /// How late, and how loud.
        ways: Vec<(usize, f32)>,
        past: Vec<f32>,
        at: usize,
    }

    impl Room {
        /// What goes round comes back so much later, with reflections by chance, at most `gain` dB louder at any frequency.
        fn new(seed: u64, late: usize, gain: f32) -> Room {
            let mut chance = Chance(seed);
            let mut ways = vec![(late, 1.0)];
            for i in 1..8 {
                let more = ((chance.next() + 1.0) * 500.0) as usize;
                ways.push((late + more, chance.next() * 0.7f32.powi(i)));
            }
            let at = |hz: f32| {
                let turn = |late: usize| TAU * hz * late as f32 / RATE as f32;
                let (re, im) = ways.iter().fold((0.0, 0.0), |(re, im), (late, way)| {
                    (re + way * turn(*late).cos(), im + way * turn(*late).sin())
                });
                f32::hypot(re, im)
            };
            let most = (100..2000).map(|i| at(i as f32 * 5.0)).fold(0.0, f32::max);
            ways.iter_mut().for_each(|(_, way)| *way *= factor(gain) / most);
            Room { ways, past: vec![0.0; 1 << 15], at: 0 }
        }

        fn hear(&self) -> f32 {
            let size = self.past.len();
            self.ways.iter().map(|(late, way)| way * self.past[(self.at + size - late) % size]).sum()
        }

        fn play(&mut self, x: f32) {
            self.past[self.at] = x;
            self.at = (self.at + 1) % self.past.len();
        }
    }

    /// What goes out in so many seconds, with a guard or without, of what a musician and the text's own sounds do: `(musician, own)` of a frame.
    fn play(
        room: &mut Room,
        guard: &mut Guard,
        on: bool,
        seconds: f32,
        mut sounds: impl FnMut(usize) -> (f32, f32),
    ) -> Vec<f32> {
        let mut limiter = Limiter::new(RATE);
        let mut all = Vec::new();
        for frame in 0..(seconds * RATE as f32) as usize {
            let (musician, own) = sounds(frame);
            let heard = room.hear() + musician;
            let gain = if on { guard.hear(heard) } else { 1.0 };
            let out = limiter.step([heard * gain + own; 2])[0];
            guard.see(out);
            room.play(out);
            all.push(out);
        }
        all
    }

    fn rms(sound: &[f32]) -> f32 {
        decibel(sound.iter().map(|x| x * x).sum::<f32>() / sound.len().max(1) as f32)
    }

    #[test]
    fn what_howls_is_turned_down() {
        for (seed, ms, gain) in
            [(1, 4, 1.0), (2, 8, 3.0), (3, 15, 6.0), (4, 25, 2.0), (5, 40, 4.0), (6, 70, 6.0), (7, 60, 3.0)]
        {
            let late = ms * RATE as usize / 1000;
            let mut end = [0.0; 2];
            for on in [false, true] {
                let (mut room, mut guard, mut chance) = (Room::new(seed, late, gain), Guard::new(RATE), Chance(seed));
                let out = play(&mut room, &mut guard, on, 9.0, |_| (chance.next() * 1e-3, 0.0));
                end[usize::from(on)] = rms(&out[8 * RATE as usize..]);
            }
            assert!(end[0] > -12.0, "without the guard it does not howl: {end:?}");
            assert!(end[1] < -35.0, "{ms} ms, {gain} dB: {end:?}");
        }
    }

    #[test]
    fn musicians_are_left_alone() {
        let mut turned = Vec::new();
        for seed in 0..60u64 {
            let mut chance = Chance(seed + 100);
            // A loop that is not far from howling.
            let mut room = Room::new(seed, 300 + (seed as usize * 97) % 3000, -4.0);
            let mut guard = Guard::new(RATE);
            let hz = 150.0 * 2f32.powf((chance.next() + 1.0) * 2.5);
            let (speed, depth) = (4.0 + chance.next() * 2.0, [0.0, 1.0, 3.0, 6.0][seed as usize % 4]);
            let (partials, vibrato) = ([1, 1, 3][seed as usize % 3], [0.0, 0.01][seed as usize / 2 % 2]);
            let mut phase = 0.0f32;
            let mut breath = 0.0;
            let out = play(&mut room, &mut guard, true, 6.0, |frame| {
                let t = frame as f32 / RATE as f32;
                // Swells of two seconds from -50 dB to -8, with tremolo, vibrato and a breath that wavers.
                breath += (chance.next() - breath) * 0.002;
                let level = -50.0 + 42.0 * (t % 2.0) / 2.0 + depth * (TAU * speed * t).sin() + 20.0 * breath;
                phase = (phase + hz * (1.0 + vibrato * (TAU * 5.5 * t).sin()) / RATE as f32).fract();
                let tone: f32 = (1..=partials).map(|k| (TAU * phase * k as f32).sin() / (k * k) as f32).sum();
                (factor(level) * tone + chance.next() * 1e-4, 0.0)
            });
            assert!(out.iter().all(|x| x.is_finite()));
            if guard.turns() > 0 || guard.goal < factor(-2.0 * DIP) {
                turned.push((seed, hz, depth, partials, vibrato));
            }
        }
        assert!(turned.is_empty(), "{turned:?}");
    }

    #[test]
    fn the_own_sound_of_the_text_in_a_microphone_is_no_howl() {
        for seed in 0..12u64 {
            let mut room = Room::new(seed, 700 + 311 * seed as usize, -6.0);
            let (mut guard, mut chance) = (Guard::new(RATE), Chance(seed));
            let hz = 200.0 * 1.3f32.powi(seed as i32);
            play(&mut room, &mut guard, true, 4.0, |frame| {
                let t = frame as f32 / RATE as f32;
                (chance.next() * 1e-4, factor(-46.0 + 10.0 * t) * (TAU * hz * t).sin())
            });
            assert_eq!(guard.turns(), 0, "{hz} Hz");
        }
    }

    #[test]
    fn what_is_no_single_tone_keeps_its_bits() {
        let (mut guard, mut chance) = (Guard::new(RATE), Chance(4));
        for frame in 0..4 * RATE {
            let swell = (frame % RATE) as f32 / RATE as f32;
            let x = if frame % 9000 == 77 { f32::NAN } else { chance.next() * swell };
            assert_eq!(guard.hear(x), 1.0);
            guard.see(x);
        }
    }

    #[test]
    fn it_comes_back() {
        let mut room = Room::new(3, 720, 4.0);
        let (mut guard, mut chance) = (Guard::new(RATE), Chance(3));
        play(&mut room, &mut guard, true, 3.0, |_| (chance.next() * 1e-3, 0.0));
        assert!(guard.turns() > 0 && guard.goal < 0.5, "{} {}", guard.turns(), guard.goal);
        // The microphone is taken away from the loudspeaker.
        let mut far = Room::new(3, 720, -40.0);
        play(&mut far, &mut guard, true, 8.0, |_| (chance.next() * 1e-3, 0.0));
        assert!(guard.goal < 1.0 && guard.goal == guard.most, "{} of {}", guard.goal, guard.most);
        play(&mut far, &mut guard, true, 70.0, |_| (chance.next() * 1e-3, 0.0));
        assert_eq!(guard.gain, 1.0);
    }
}
