//! Where the music is: frames to bars and back, exactly.
//!
//! A position is a count of cycles (bars) as a [`Ratio`]. Between two changes of tempo it is a straight line through an
//! *anchor*, a frame and the position that it holds, so nothing accumulates and nothing drifts:
//!
//! ```text
//! cycle(f) = anchor + (f - anchor_frame) / frames_per_bar          frame_of(c) = floor(anchor_frame + (c - anchor) * frames_per_bar)
//! ```
//!
//! Each quantum asks for the window that it covers ([`Transport::window`]). Windows touch exactly: one begins where the last
//! ended, also across a change of tempo, so no event is lost or doubled. A change of tempo moves the anchor to the current
//! frame and leaves the position in the bar as it is. The new anchor is rounded to a fine grid only when its denominator grows
//! past [`GRID`], which moves it by less than a thousandth of a frame; the window still begins at the exact old end.

use modurust_compiler::program::Timing;
use modurust_compiler::score::Ratio;

/// Anchors with larger denominators are rounded to this grid (2^10 * 3^3 * 5^2 * 7 * 11 * 13: bars split evenly in most ways).
pub const GRID: i64 = 1024 * 27 * 25 * 7 * 11 * 13;

/// Largest whole number not above `base + (cycle - anchor) * per_bar`, exact in 128 bits where it fits.
pub fn frame_at(base: u64, anchor: Ratio, per_bar: Ratio, cycle: Ratio) -> i64 {
    let base = base as i64;
    let (n1, d1) = (i128::from(cycle.num()), i128::from(cycle.den()));
    let (n2, d2) = (i128::from(anchor.num()), i128::from(anchor.den()));
    let (p, q) = (i128::from(per_bar.num()), i128::from(per_bar.den()));
    let wide = || {
        let num = n1.checked_mul(d2)?.checked_sub(n2.checked_mul(d1)?)?.checked_mul(p)?;
        let den = d1.checked_mul(d2)?.checked_mul(q)?;
        i64::try_from(num.div_euclid(den)).ok()
    };
    let offset = wide().unwrap_or_else(|| ((cycle - anchor) * per_bar).floor());
    base.saturating_add(offset)
}

/// Position, tempo and whether time passes.
#[derive(Clone, Debug)]
pub struct Transport {
    rate: u32,
    timing: Timing,
    per_bar: Ratio,
    anchor_frame: u64,
    anchor: Ratio,
    cursor: Ratio,
    playing: bool,
}

impl Transport {
    /// At cycle 0 and frame `frame`, playing. `rate` is in frames per second.
    pub fn new(rate: u32, timing: Timing, frame: u64) -> Transport {
        let mut transport = Transport {
            rate,
            timing,
            per_bar: Ratio::int(i64::from(rate) * 2),
            anchor_frame: frame,
            anchor: Ratio::ZERO,
            cursor: Ratio::ZERO,
            playing: true,
        };
        transport.set_per_bar(timing);
        transport
    }

    /// A tempo that is not positive is ignored: the last good one stays.
    fn set_per_bar(&mut self, timing: Timing) {
        let per_bar = timing.frames_per_bar(self.rate);
        if per_bar.is_positive() {
            self.per_bar = per_bar;
            self.timing = timing;
        }
    }

    /// Tempo and meter in force.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Frames in a bar, exact.
    pub fn frames_per_bar(&self) -> Ratio {
        self.per_bar
    }

    /// False while paused.
    pub fn playing(&self) -> bool {
        self.playing
    }

    /// The position at a frame, in cycles. Frames before the anchor count as the anchor.
    pub fn cycle(&self, frame: u64) -> Ratio {
        if !self.playing {
            return self.anchor;
        }
        let passed = frame.saturating_sub(self.anchor_frame);
        self.anchor + Ratio::int(passed.min(i64::MAX as u64) as i64) / self.per_bar
    }

    /// The frame in which a position falls; before the anchor it may lie in the past.
    pub fn frame_of(&self, cycle: Ratio) -> i64 {
        frame_at(self.anchor_frame, self.anchor, self.per_bar, cycle)
    }

    /// The span of cycles that frames `frame..frame + frames` cover. It begins where the last one ended. Empty while paused.
    pub fn window(&mut self, frame: u64, frames: u64) -> (Ratio, Ratio) {
        let begin = self.cursor;
        if self.playing {
            let end = self.cycle(frame + frames);
            if end > begin {
                self.cursor = end;
            }
        }
        (begin, self.cursor)
    }

    fn anchor_at(&mut self, frame: u64, cycle: Ratio) {
        self.anchor_frame = frame;
        self.anchor = if cycle.den() <= GRID {
            cycle
        } else {
            // Rounded to the nearest point of the grid.
            let grid = i128::from(GRID);
            let num =
                (i128::from(cycle.num()) * grid * 2 + i128::from(cycle.den())).div_euclid(i128::from(cycle.den()) * 2);
            i64::try_from(num).map_or(cycle, |num| Ratio::new(num, GRID))
        };
    }

    /// Changes tempo and meter at `frame`, the begin of the next window. The position does not move. True if anything changed.
    pub fn retime(&mut self, frame: u64, timing: Timing) -> bool {
        if timing == self.timing {
            return false;
        }
        let here = self.cycle(frame);
        self.anchor_at(frame, here);
        self.set_per_bar(timing);
        true
    }

    /// Stops time at `frame`.
    pub fn pause(&mut self, frame: u64) {
        let here = self.cycle(frame);
        self.anchor_at(frame, here);
        self.playing = false;
    }

    /// Lets time pass again from where it was stopped.
    pub fn play(&mut self, frame: u64) {
        if !self.playing {
            self.anchor_frame = frame;
            self.playing = true;
        }
    }

    /// Jumps: `frame` is at `cycle` from now on.
    pub fn seek(&mut self, frame: u64, cycle: Ratio) {
        self.anchor_at(frame, cycle);
        self.cursor = self.anchor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(bpm: Ratio) -> Timing {
        Timing { bpm, beats_per_bar: Ratio::int(4) }
    }

    #[test]
    fn windows_touch_for_a_day_without_drift() {
        let mut t = Transport::new(48_000, timing(Ratio::new(1327, 10)), 0);
        let frame = 24 * 3600 * 48_000u64;
        let (_, end) = t.window(frame, 64);
        assert_eq!(end, Ratio::int(frame as i64 + 64) / t.frames_per_bar());
        let (begin, _) = t.window(frame + 64, 64);
        assert_eq!(begin, end);
        assert_eq!(t.frame_of(end), frame as i64 + 64);
    }

    #[test]
    fn tempo_change_keeps_the_position() {
        let mut t = Transport::new(44_100, timing(Ratio::int(120)), 0);
        let mut frame = 0;
        for i in 0..2000 {
            let before = t.cycle(frame);
            t.retime(frame, timing(Ratio::new(600 + i * 7 % 9300, 13)));
            let after = t.cycle(frame);
            let moved = ((after - before) * t.frames_per_bar()).to_f64().abs();
            assert!(moved < 1e-3, "{moved} frames at change {i}");
            let (a, _) = t.window(frame, 64);
            assert!(((a - before) * t.frames_per_bar()).to_f64().abs() < 2e-3);
            frame += 64;
        }
    }

    #[test]
    fn pause_holds_and_play_goes_on() {
        let mut t = Transport::new(48_000, timing(Ratio::int(120)), 0);
        t.window(0, 64);
        t.pause(64);
        assert_eq!(t.window(64, 64).0, t.window(128, 64).1);
        t.play(640);
        assert_eq!(t.cycle(704), Ratio::new(128, 96_000));
    }

    #[test]
    fn nonsense_tempo_is_ignored() {
        let mut t = Transport::new(48_000, timing(Ratio::int(120)), 0);
        t.retime(64, timing(Ratio::ZERO));
        assert_eq!(t.frames_per_bar(), Ratio::int(96_000));
    }
}
