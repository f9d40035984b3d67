//! Sound that comes in by another clock than that by which sound goes out.
//!
//! Two streams of a card have callbacks of their own, and two cards have crystals of their own, which differ by some hundred
//! millionths. The callback of the one puts frames into a ring ([`Source`]); that of the other takes them out through a resampler
//! ([`Inflow`]), a little faster or slower than they come, so that the ring neither runs dry nor over. How full it is cannot be seen by counting,
//! since frames come and go in blocks: each block is noted with its moment, and between two of them frames are taken to come evenly. The
//! difference to what is wanted steers the speed by its size and by its sum (a loop of second order, critically damped), so slowly that
//! no ear follows.
//!
//! ```text
//! input callback -> ring -> resampler, as fast as (1 + correction) -> engine, a quantum at a time -> output callback
//! ```

#![deny(clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use modurust_compiler::graph::QUANTUM;
use rtrb::{Consumer, Producer, RingBuffer};
use rubato::{Resampler, SincFixedOut, SincInterpolationParameters, SincInterpolationType, WindowFunction};
use std::time::Instant;

/// Taps of the resampler: with these and the cut, 18 kHz passes at 48 kHz, and what would be mirrored is 80 dB down.
const TAPS: usize = 64;
/// Sound that the ring holds at most, seconds.
const ROOM: f64 = 0.5;
/// Blocks that are noted and not yet seen.
const MARKS: usize = 256;
/// How fast an error of the ring's level is made up for, per second.
const PULL: f64 = 0.25;
/// Time over which the level is looked at, seconds: longer than callbacks are late.
const LOOK: f64 = 0.5;
/// Most that speed is changed by.
const MOST: f64 = 0.005;
/// What callbacks may be late by, seconds, at first; twice as much whenever that was not enough, up to the most.
const SLACK: f64 = 0.004;
const MOST_SLACK: f64 = 0.032;
/// Sound that waits beyond what is wanted, seconds: more than this is left out.
const TOO_MUCH: f64 = 0.1;

/// What has come by a moment, frames.
type Mark = (u64, Instant);

/// The end of the input's callback.
pub struct Source {
    ring: Producer<f32>,
    marks: Producer<Mark>,
    channels: usize,
    written: u64,
}

/// The end of the output's callback.
pub struct Inflow {
    ring: Consumer<f32>,
    marks: Consumer<Mark>,
    channels: usize,
    /// Frames a second that come in.
    rate: f64,
    /// Frames that go out for each that comes in, when both clocks are right.
    ratio: f64,
    resampler: SincFixedOut<f32>,
    before: Vec<Vec<f32>>,
    after: Vec<Vec<f32>>,
    mark: Option<Mark>,
    /// Frames of the longest block that has come, and of the longest that was asked for.
    longest: (u64, usize),
    read: u64,
    slack: f64,
    /// False until enough has come.
    runs: bool,
    /// The smoothed error of the level, and the sum over it, seconds.
    error: f64,
    sum: f64,
    asked: Option<Instant>,
    gaps: u64,
}

/// Both ends, of so many channels, from one rate to another. `Err` says why there is no resampler for them.
pub fn pair(channels: usize, from: u32, to: u32) -> Result<(Source, Inflow), String> {
    let channels = channels.max(1);
    let ratio = f64::from(to) / f64::from(from.max(1));
    let parameters = SincInterpolationParameters {
        sinc_len: TAPS,
        f_cutoff: 0.92,
        interpolation: SincInterpolationType::Cubic,
        oversampling_factor: 128,
        window: WindowFunction::Blackman2,
    };
    let resampler = SincFixedOut::new(ratio, 1.0 + 2.0 * MOST, parameters, QUANTUM, channels);
    let resampler = resampler.map_err(|why| format!("{from} Hz cannot become {to} Hz: {why}"))?;
    let (producer, ring) = RingBuffer::new((f64::from(from) * ROOM) as usize * channels);
    let (told, marks) = RingBuffer::new(MARKS);
    let inflow = Inflow {
        ring,
        marks,
        channels,
        rate: f64::from(from),
        ratio,
        before: resampler.input_buffer_allocate(true),
        after: resampler.output_buffer_allocate(true),
        resampler,
        mark: None,
        longest: (0, 0),
        read: 0,
        slack: SLACK,
        runs: false,
        error: 0.0,
        sum: 0.0,
        asked: None,
        gaps: 0,
    };
    Ok((Source { ring: producer, marks: told, channels, written: 0 }, inflow))
}

impl Source {
    /// Puts a block in that came at a moment: `at(frame, channel)`. What finds no room is left out.
    pub fn put(&mut self, frames: usize, now: Instant, at: impl Fn(usize, usize) -> f32) {
        let channels = self.channels;
        let frames = frames.min(self.ring.slots() / channels);
        let Ok(chunk) = self.ring.write_chunk_uninit(frames * channels) else { return };
        chunk.fill_from_iter((0..frames * channels).map(|i| at(i / channels, i % channels)));
        self.written += frames as u64;
        // Whoever sees no mark goes by the one before.
        let _ = self.marks.push((self.written, now));
    }
}

impl Inflow {
    /// Hands out what has come, for an output that asks for so many quanta at a moment: `take(channels)` gets each. Silence
    /// while nothing comes.
    pub fn give(&mut self, quanta: usize, now: Instant, mut take: impl FnMut(&[Vec<f32>])) {
        if quanta == 0 {
            return;
        }
        self.look(quanta, now);
        for _ in 0..quanta {
            if !self.runs || !self.resample() {
                self.after.iter_mut().for_each(|channel| channel.fill(0.0));
            }
            take(&self.after);
        }
    }

    /// Times that there was not enough, or too much.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// By how much faster than it says sound comes in, as far as is known.
    pub fn drift(&self) -> f64 {
        self.correction()
    }

    fn correction(&self) -> f64 {
        // Critically damped: the square of half the pull.
        (PULL * self.error + PULL * PULL / 4.0 * self.sum).clamp(-MOST, MOST)
    }

    /// Frames that wait now, if they come evenly.
    fn level(&self, now: Instant) -> Option<f64> {
        let (written, at) = self.mark?;
        // More than a block is not under way.
        let under_way = now.saturating_duration_since(at).as_secs_f64() * self.rate;
        Some(written as f64 - self.read as f64 + under_way.min(self.longest.0 as f64))
    }

    /// Frames that should wait: so many that the longest block may still be missing.
    fn wanted(&self) -> f64 {
        let out = (self.longest.1 * QUANTUM) as f64 / self.ratio;
        self.longest.0 as f64 + out + self.slack * self.rate + TAPS as f64
    }

    /// Sees how full the ring is, and steers.
    fn look(&mut self, quanta: usize, now: Instant) {
        while let Ok(mark) = self.marks.pop() {
            let block = self.mark.map_or(mark.0, |(before, _)| mark.0.saturating_sub(before));
            self.longest.0 = self.longest.0.max(block);
            self.mark = Some(mark);
        }
        self.longest.1 = self.longest.1.max(quanta);
        let passed = self.asked.replace(now).map_or(0.0, |before| now.saturating_duration_since(before).as_secs_f64());
        let Some(level) = self.level(now) else { return };
        let over = level - self.wanted();
        if !self.runs {
            if over < 0.0 {
                return;
            }
            self.runs = true;
            self.error = 0.0;
            self.skip(over);
            return;
        }
        if over > TOO_MUCH * self.rate {
            self.gaps += 1;
            self.error = 0.0;
            self.skip(over);
            return;
        }
        let error = over / self.rate;
        self.error += (error - self.error) * (passed / LOOK).min(1.0);
        let most = 4.0 * MOST / (PULL * PULL);
        self.sum = (self.sum + self.error * passed.min(LOOK)).clamp(-most, most);
        // Within the bounds it was made for, it refuses nothing.
        let _ = self.resampler.set_resample_ratio(self.ratio / (1.0 + self.correction()), true);
    }

    /// Leaves frames out, as far as they are there.
    fn skip(&mut self, frames: f64) {
        let frames = (frames as usize).min(self.ring.slots() / self.channels);
        if let Ok(chunk) = self.ring.read_chunk(frames * self.channels) {
            chunk.commit_all();
            self.read += frames as u64;
        }
    }

    /// A quantum. False if there is not enough for it: then it begins anew when there is.
    fn resample(&mut self) -> bool {
        let frames = self.resampler.input_frames_next();
        let Ok(chunk) = self.ring.read_chunk(frames * self.channels) else {
            (self.runs, self.gaps) = (false, self.gaps + 1);
            self.slack = (self.slack * 2.0).min(MOST_SLACK);
            return false;
        };
        let (first, second) = chunk.as_slices();
        for (i, x) in first.iter().chain(second).enumerate() {
            let slot = self.before.get_mut(i % self.channels).and_then(|channel| channel.get_mut(i / self.channels));
            if let Some(slot) = slot {
                *slot = *x;
            }
        }
        chunk.commit_all();
        self.read += frames as u64;
        self.resampler.process_into_buffer(&self.before, &mut self.after, None).is_ok()
    }
}
