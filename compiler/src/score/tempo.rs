//! Tempo and meter as functions of the position, and the arithmetic from positions to frames.
//!
//! A tempo is constant, or a pattern of beats per minute (`tempo "<120 124>"`, `tempo 120bpm ~> 140bpm over 8bars`). Time runs in
//! *stretches* of constant tempo: until the next event of the pattern, the next change of meter, or, where the tempo glides, for
//! one [`STEPS`]th of a bar at the tempo of its middle. Within a stretch a position is a straight line through a [`Mark`], a
//! position and the moment at which it is reached. Moments are whole numbers of 2^-20 frames:
//!
//! ```text
//! moment(c) = mark.moment + floor((c - mark.cycle) * frames_per_bar * 2^20)      frame(c) = floor(moment(c) / 2^20)
//! ```
//!
//! So a day of changing tempo is a sum of whole numbers: the same on every machine, and nothing accumulates but the one rounding of
//! 2^-20 frames a stretch that defines it. With one tempo there is one stretch, and the arithmetic is exact.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::{EventBuf, PatId, Ratio, Score};
use crate::program::Timing;

/// Stretches of a bar in which the tempo glides.
pub const STEPS: i64 = 64;
/// Bits of a moment behind the point.
pub const FRACTION: u32 = 20;
/// Slowest and fastest tempo, beats per minute.
pub const RANGE: (f64, f64) = (1.0, 2000.0);

/// How tempo and meter change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TempoMap {
    /// Beats per minute; where it says nothing, the tempo of the [`Timing`].
    pub pattern: Option<PatId>,
    /// Changes of meter, rising: from that bar on so many quarter beats a bar. Before the first, as the [`Timing`] says.
    pub meters: Vec<(i64, Ratio)>,
}

/// Constant tempo for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Frames in a bar.
    pub per_bar: Ratio,
    /// Where it ends; `None`: never.
    pub until: Option<Ratio>,
}

/// A position and the moment at which it is reached, and the tempo from there on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// In bars.
    pub cycle: Ratio,
    /// In 2^-20 frames.
    pub moment: i128,
    /// Frames in a bar.
    pub per_bar: Ratio,
}

impl Mark {
    /// A position at the very begin of a frame.
    pub fn at_frame(cycle: Ratio, frame: u64, per_bar: Ratio) -> Mark {
        Mark { cycle, moment: i128::from(frame) << FRACTION, per_bar }
    }

    /// The moment of a position.
    pub fn moment_of(&self, cycle: Ratio) -> i128 {
        let (n1, d1) = (i128::from(cycle.num()), i128::from(cycle.den()));
        let (n2, d2) = (i128::from(self.cycle.num()), i128::from(self.cycle.den()));
        let (p, q) = (i128::from(self.per_bar.num()), i128::from(self.per_bar.den()));
        let wide = || {
            let num =
                n1.checked_mul(d2)?.checked_sub(n2.checked_mul(d1)?)?.checked_mul(p)?.checked_mul(1 << FRACTION)?;
            let den = d1.checked_mul(d2)?.checked_mul(q)?;
            Some(num.div_euclid(den))
        };
        let offset = wide().unwrap_or_else(|| {
            let frames = (cycle - self.cycle) * self.per_bar;
            (i128::from(frames.num()) << FRACTION).div_euclid(i128::from(frames.den()))
        });
        self.moment.saturating_add(offset)
    }

    /// The frame in which a position falls.
    pub fn frame_of(&self, cycle: Ratio) -> i64 {
        i64::try_from(self.moment_of(cycle) >> FRACTION).unwrap_or(i64::MAX)
    }

    /// The position at the begin of a frame.
    pub fn cycle_at(&self, frame: u64) -> Ratio {
        let passed = (i128::from(frame) << FRACTION) - self.moment;
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        self.whole_frames(passed).unwrap_or_else(|| self.cycle + Ratio::new(passed, 1 << FRACTION) / self.per_bar)
    }

    /// The position after so many 2^-20 frames, if they are whole frames and all products fit: one fraction is reduced instead of
    /// three, and the engine asks for every quantum.
    fn whole_frames(&self, passed: i64) -> Option<Ratio> {
        let frames = passed >> FRACTION;
        if frames << FRACTION != passed {
            return None;
        }
        let bars = frames.checked_mul(self.per_bar.den())?.checked_mul(self.cycle.den())?;
        let num = self.cycle.num().checked_mul(self.per_bar.num())?.checked_add(bars)?;
        Some(Ratio::new(num, self.cycle.den().checked_mul(self.per_bar.num())?))
    }
}

impl TempoMap {
    /// True if one tempo and meter hold all the time.
    pub fn is_constant(&self) -> bool {
        self.pattern.is_none() && self.meters.is_empty()
    }

    /// Quarter beats in the bar of a position, and the bar from which another number holds.
    pub fn meter(&self, timing: &Timing, cycle: Ratio) -> (Ratio, Option<i64>) {
        let bar = cycle.floor();
        let next = self.meters.partition_point(|(from, _)| *from <= bar);
        let beats = next.checked_sub(1).and_then(|i| self.meters.get(i)).map_or(timing.beats_per_bar, |m| m.1);
        (beats, self.meters.get(next).map(|m| m.0))
    }

    /// The stretch that begins at a position, or in whose middle it lies. Never allocates; `room` is cleared first.
    pub fn stretch(&self, score: &Score, timing: &Timing, rate: u32, cycle: Ratio, room: &mut EventBuf) -> Stretch {
        let (beats, next_meter) = self.meter(timing, cycle);
        let mut until = next_meter.map(Ratio::int);
        let mut bpm = timing.bpm;
        if let Some(pattern) = self.pattern {
            let (value, end) = tempo_at(score, pattern, cycle, room);
            if let Some(value) = value {
                bpm = value;
            }
            until = Some(until.map_or(end, |u| u.min(end)));
        }
        let per_bar = Timing { bpm, beats_per_bar: beats }.frames_per_bar(rate);
        // A tempo that is no tempo: a frame a bar would never end.
        let per_bar = if per_bar.is_positive() { per_bar } else { Ratio::int(i64::from(rate) * 2) };
        Stretch { per_bar, until }
    }

    /// The mark of a position, counted from the moment 0 of position 0. Positions before 0 have the tempo of 0.
    pub fn mark(&self, score: &Score, timing: &Timing, rate: u32, cycle: Ratio) -> Mark {
        let mut room = EventBuf::new(64);
        let first = self.stretch(score, timing, rate, Ratio::ZERO, &mut room);
        let mut mark = Mark { cycle: Ratio::ZERO, moment: 0, per_bar: first.per_bar };
        let mut until = first.until;
        while let Some(end) = until.filter(|end| *end <= cycle) {
            let next = self.stretch(score, timing, rate, end, &mut room);
            mark = Mark { cycle: end, moment: mark.moment_of(end), per_bar: next.per_bar };
            until = next.until;
        }
        mark
    }

    /// The position of a frame, counted from frame 0 at position 0.
    pub fn cycle_at(&self, score: &Score, timing: &Timing, rate: u32, frame: u64) -> Ratio {
        let mut room = EventBuf::new(64);
        let first = self.stretch(score, timing, rate, Ratio::ZERO, &mut room);
        let mut mark = Mark { cycle: Ratio::ZERO, moment: 0, per_bar: first.per_bar };
        let mut until = first.until;
        while let Some(end) = until.filter(|end| mark.moment_of(*end) <= i128::from(frame) << FRACTION) {
            let next = self.stretch(score, timing, rate, end, &mut room);
            mark = Mark { cycle: end, moment: mark.moment_of(end), per_bar: next.per_bar };
            until = next.until;
        }
        mark.cycle_at(frame)
    }

    /// Quarter beats from position 0 to a position. Exact.
    pub fn beats_at(&self, timing: &Timing, cycle: Ratio) -> Ratio {
        let (mut beats, mut from, mut per_bar) = (Ratio::ZERO, Ratio::ZERO, self.meter(timing, Ratio::ZERO).0);
        for &(bar, next) in self.meters.iter().filter(|(bar, _)| *bar > 0) {
            let bar = Ratio::int(bar);
            if bar >= cycle {
                break;
            }
            beats = beats + (bar - from) * per_bar;
            (from, per_bar) = (bar, next);
        }
        beats + (cycle - from) * per_bar
    }

    /// The position after so many quarter beats from position 0. Exact; the inverse of [`beats_at`](Self::beats_at).
    pub fn cycle_of_beats(&self, timing: &Timing, beats: Ratio) -> Ratio {
        let (mut passed, mut from, mut per_bar) = (Ratio::ZERO, Ratio::ZERO, self.meter(timing, Ratio::ZERO).0);
        for &(bar, next) in self.meters.iter().filter(|(bar, _)| *bar > 0) {
            let bar = Ratio::int(bar);
            let at = passed + (bar - from) * per_bar;
            if at >= beats {
                break;
            }
            (passed, from, per_bar) = (at, bar, next);
        }
        from + (beats - passed) / per_bar
    }
}

/// The tempo of a pattern at a position, and until where it holds.
fn tempo_at(score: &Score, pattern: PatId, cycle: Ratio, room: &mut EventBuf) -> (Option<Ratio>, Ratio) {
    room.clear();
    let bpm = |x: f64| x.is_finite().then(|| Ratio::new((x.clamp(RANGE.0, RANGE.1) * 1024.0).round() as i64, 1024));
    if score.is_continuous(pattern) {
        let step = (cycle * Ratio::int(STEPS)).floor();
        let middle = Ratio::new(step.saturating_mul(2).saturating_add(1), 2 * STEPS);
        score.query(pattern, middle, middle + Ratio::new(1, 8 * STEPS), room);
        let value = room.events().iter().find_map(|e| e.value.number()).and_then(bpm);
        return (value, Ratio::new(step.saturating_add(1), STEPS));
    }
    let bar_end = Ratio::int(cycle.floor().saturating_add(1));
    score.query(pattern, cycle, bar_end, room);
    let mut next = bar_end;
    for event in room.events() {
        let (begin, end) = event.part;
        if begin == cycle
            && let Some(value) = event.value.number().and_then(bpm)
        {
            return (Some(value), end);
        }
        if begin > cycle {
            next = next.min(begin);
        }
    }
    (None, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{Curve, ScoreBuilder, Value};

    const TIMING: Timing = Timing { bpm: Ratio::int(120), beats_per_bar: Ratio::int(4) };

    #[test]
    fn beats_and_bars_are_inverse_through_meters() {
        let meters = vec![(4, Ratio::new(7, 2)), (6, Ratio::int(3)), (10, Ratio::int(4))];
        let map = TempoMap { pattern: None, meters };
        assert_eq!(map.beats_at(&TIMING, Ratio::int(6)), Ratio::int(23));
        for i in 0..400 {
            let cycle = Ratio::new(i * 7, 51);
            assert_eq!(map.cycle_of_beats(&TIMING, map.beats_at(&TIMING, cycle)), cycle);
        }
    }

    #[test]
    fn whole_frames_are_found_as_all_are() {
        for (cycle, per_bar) in
            [((0, 1), (96_000, 1)), ((-7, 3), (1_234_567, 891)), ((1 << 40, 1_048_573), (88_200, 13))]
        {
            let mark = Mark::at_frame(Ratio::new(cycle.0, cycle.1), 640, Ratio::new(per_bar.0, per_bar.1));
            for frame in [0, 64, 640, 704, 1_000_000_007] {
                let passed = Ratio::int(frame as i64 - 640);
                assert_eq!(mark.cycle_at(frame), mark.cycle + passed / mark.per_bar);
            }
        }
    }

    #[test]
    fn one_tempo_is_exact() {
        let score = ScoreBuilder::new(0).finish();
        let map = TempoMap::default();
        let mark = map.mark(&score, &TIMING, 44_100, Ratio::int(1_000_000));
        assert_eq!(mark.frame_of(Ratio::new(1, 3)), 29_400);
        assert_eq!(mark.frame_of(Ratio::int(1_000_000)), 88_200_000_000);
        assert_eq!(map.cycle_at(&score, &TIMING, 48_000, 96_000 * 5 + 48_000), Ratio::new(11, 2));
    }

    #[test]
    fn steps_of_a_pattern_are_exact() {
        // A bar at 120, a bar at 150, a bar whose second half is at 60.
        let mut b = ScoreBuilder::new(0);
        let mut num = |x| b.pure(Value::Num(x));
        let (one, two, half) = (num(120.0), num(150.0), num(60.0));
        let third = b.fastcat(&[one, half]);
        let tempo = b.cat(&[one, two, third]);
        let score = b.finish();
        let map = TempoMap { pattern: Some(tempo), meters: Vec::new() };
        let frame = |cycle: Ratio| map.mark(&score, &TIMING, 48_000, cycle).frame_of(cycle);
        assert_eq!(frame(Ratio::int(1)), 96_000);
        assert_eq!(frame(Ratio::int(2)), 96_000 + 76_800);
        assert_eq!(frame(Ratio::new(5, 2)), 96_000 + 76_800 + 48_000);
        assert_eq!(frame(Ratio::int(3)), 96_000 + 76_800 + 48_000 + 96_000);
        assert_eq!(frame(Ratio::int(300)), 316_800 * 100);
        assert_eq!(map.cycle_at(&score, &TIMING, 48_000, 316_800 * 7 + 48_000), Ratio::new(43, 2));
    }

    #[test]
    fn a_ramp_takes_the_time_of_its_integral() {
        // Eight bars from 120 to 140: 60 * 32 / 20 * ln(140 / 120) seconds.
        let mut b = ScoreBuilder::new(0);
        let tempo = b.ramp(120.0, 140.0, Ratio::int(8), Curve::Lin);
        let score = b.finish();
        let map = TempoMap { pattern: Some(tempo), meters: Vec::new() };
        let end = Ratio::int(8);
        let frames = map.mark(&score, &TIMING, 48_000, end).frame_of(end) as f64;
        let exact = 48_000.0 * 60.0 * 32.0 / 20.0 * (140.0f64 / 120.0).ln();
        assert!((frames - exact).abs() < 5.0, "{frames} {exact}");
        // After it the last tempo holds.
        let bar = map.mark(&score, &TIMING, 48_000, Ratio::int(20)).per_bar;
        assert_eq!(bar, Ratio::new(4 * 60 * 48_000, 140));
        // There and back.
        for frame in [0, 1, 777, 96_000, 400_000, 5_000_000] {
            let cycle = map.cycle_at(&score, &TIMING, 48_000, frame);
            let back = map.mark(&score, &TIMING, 48_000, cycle).frame_of(cycle);
            assert!((back - frame as i64).abs() <= 1, "{frame} {back}");
        }
    }
}
