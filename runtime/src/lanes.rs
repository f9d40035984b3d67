//! What moves by the text: lanes of sections, and automation.
//!
//! The value of everything that moves is a function of the position in the song, worked out anew once a quantum from the text alone.
//! So a jump needs no chase: what a section before has left behind is found by looking back to it. Between two quanta the value is
//! drawn as a line; a jump of a `hold` lies within one quantum (1.3 ms) of its place.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::launcher::bars;
use modurust_compiler::program::Timing;
use modurust_compiler::score::timeline::{Arrangement, Automation, Motion, Play, Section, Target, Timeline};
use modurust_compiler::score::{Curve, EventBuf, PatId, Ratio, Score, line};

/// Deepest nesting of songs.
const DEPTH: usize = 8;

/// What the values of lanes are worked out from.
#[derive(Clone, Copy)]
pub struct Lanes<'a> {
    /// The text.
    pub timeline: &'a Timeline,
    /// Its tempo, for lengths in seconds.
    pub timing: &'a Timing,
    /// Its patterns.
    pub score: &'a Score,
}

impl Lanes<'_> {
    /// Calls `f` with every target that a song moves, and its value at a position since the song's begin. Where several sections
    /// move one target, the last call is the one that counts.
    pub fn of_song(&self, song: &Arrangement, at: Ratio, room: &mut EventBuf, f: &mut dyn FnMut(&Target, f64)) {
        self.walk(song, Ratio::ZERO, None, at, (DEPTH, room), f);
    }

    fn walk(
        &self,
        song: &Arrangement,
        begin: Ratio,
        room: Option<Ratio>,
        at: Ratio,
        (depth, events): (usize, &mut EventBuf),
        f: &mut dyn FnMut(&Target, f64),
    ) {
        let (mut begin, mut room) = (begin, room);
        for section in &song.sections {
            let mut length = bars(section.length, self.timing);
            if let Some(room) = room {
                length = length.min(room);
            }
            if begin > at {
                return;
            }
            if !length.is_positive() {
                continue;
            }
            if let Play::Arrangement(inner) = section.play
                && depth > 0
                && let Some(inner) = self.timeline.arrangements.get(inner as usize)
            {
                self.walk(inner, begin, Some(length), at, (depth - 1, events), f);
            }
            self.of_section(section, length, (at - begin).min(length), events, f);
            begin = begin + length;
            room = room.map(|room| room - length);
        }
    }

    fn of_section(
        &self,
        section: &Section,
        length: Ratio,
        at: Ratio,
        room: &mut EventBuf,
        f: &mut dyn FnMut(&Target, f64),
    ) {
        for lane in &section.lanes {
            let value = match lane.motion {
                Motion::Fixed(value) => Some(value),
                Motion::Line { from, to, over, curve } => {
                    let over = over.map_or(length, |l| bars(l, self.timing));
                    Some(line(from, to, at.to_f64() / over.to_f64(), curve))
                }
                Motion::Pattern(pattern) => self.of_pattern(pattern, at, room),
            };
            if let Some(value) = value {
                f(&lane.target, value);
            }
        }
    }

    /// The value that a pattern has at a position.
    fn of_pattern(&self, pattern: PatId, at: Ratio, room: &mut EventBuf) -> Option<f64> {
        room.clear();
        self.score.query(pattern, at, at + Ratio::new(1, 4096), room);
        room.events().iter().find(|e| e.part.0 == at).and_then(|e| e.value.number())
    }

    /// The value of an automation at a position since the begin of the song; before its first point there is none.
    pub fn of_automation(&self, automation: &Automation, at: Ratio, room: &mut EventBuf) -> Option<f64> {
        let place_of = |i: usize| automation.points.get(i).map(|p| bars(p.at, self.timing));
        let next = (0..automation.points.len()).find(|i| place_of(*i).is_some_and(|p| p > at));
        let next = next.unwrap_or(automation.points.len());
        let before = automation.points.get(next.checked_sub(1)?)?;
        if let Some(pattern) = before.pattern {
            return self.of_pattern(pattern, at, room);
        }
        let (Some(after), Some(from), Some(to)) = (automation.points.get(next), place_of(next - 1), place_of(next))
        else {
            return Some(before.value);
        };
        if after.pattern.is_some() {
            return Some(before.value);
        }
        let place = ((at - from) / (to - from)).to_f64();
        if after.curve != Curve::Spline {
            return Some(line(before.value, after.value, place, after.curve));
        }
        let number = |i: usize| automation.points.get(i).filter(|p| p.pattern.is_none());
        let point = |i: usize| Some((place_of(i)?.to_f64(), number(i)?.value));
        Some(spline([next.checked_sub(2).and_then(point), point(next - 1), point(next), point(next + 1)], place))
    }
}

/// A curve from the second of four points to the third at a place from 0 to 1 between them, as smooth as it can be without leaving
/// the range of the two: the slopes of Fritsch and Butland, "A method for constructing local monotone piecewise cubic interpolants"
/// (1984), on Hermite's polynomials. Where there is no point before or after, it is level.
fn spline(points: [Option<(f64, f64)>; 4], place: f64) -> f64 {
    let [before, Some(from), Some(to), after] = points else { return points[1].map_or(0.0, |p| p.1) };
    let width = to.0 - from.0;
    let slope = |a: (f64, f64), b: (f64, f64)| (b.1 - a.1) / (b.0 - a.0);
    // The slope in a point between two others: 0 where they turn, else a mean that leans to the flatter side.
    let tangent = |a: Option<(f64, f64)>, b: (f64, f64), c: Option<(f64, f64)>| {
        let (Some(a), Some(c)) = (a, c) else { return 0.0 };
        let (left, right) = (slope(a, b), slope(b, c));
        if left.is_finite() && right.is_finite() && left * right > 0.0 {
            let (near, far) = (2.0 * (c.0 - b.0) + (b.0 - a.0), (c.0 - b.0) + 2.0 * (b.0 - a.0));
            (near + far) / (near / left + far / right)
        } else {
            0.0
        }
    };
    let (start, end) = (tangent(before, from, Some(to)) * width, tangent(Some(from), to, after) * width);
    let (p, q) = (place, 1.0 - place);
    from.1 * q * q * (1.0 + 2.0 * p) + start * p * q * q + to.1 * p * p * (1.0 + 2.0 * q) - end * p * p * q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spline_meets_its_points_without_overshoot_or_corner() {
        let points = [(0.0, 1.0), (2.0, 3.0), (3.0, 9.0), (7.0, 9.5), (8.0, 2.0), (9.0, 4.0)];
        let at = |x: f64| {
            let next = points.iter().position(|p| p.0 > x).unwrap_or(points.len() - 1).max(1);
            let point = |i: Option<usize>| i.and_then(|i| points.get(i)).copied();
            let four = [point(next.checked_sub(2)), point(Some(next - 1)), point(Some(next)), point(Some(next + 1))];
            spline(four, (x - points[next - 1].0) / (points[next].0 - points[next - 1].0))
        };
        for pair in points.windows(2) {
            assert!((at(pair[0].0) - pair[0].1).abs() < 1e-12);
            let (low, high) = (pair[0].1.min(pair[1].1), pair[0].1.max(pair[1].1));
            let mut last = pair[0].1;
            for i in 0..=100 {
                let value = at(pair[0].0 + (pair[1].0 - pair[0].0) * f64::from(i) / 100.000_001);
                assert!((low - 1e-9..=high + 1e-9).contains(&value), "{value} between {pair:?}");
                assert!((value - last) * (pair[1].1 - pair[0].1) >= -1e-9, "it turns between {pair:?}");
                last = value;
            }
        }
        // The slope left of a point is that to its right.
        let (x, h) = (3.0, 1e-6);
        let (left, right) = ((at(x) - at(x - h)) / h, (at(x + h) - at(x)) / h);
        assert!((left - right).abs() < 1e-3 && left > 0.1, "{left} {right}");
    }
}
