//! Where the music is: frames to bars and back, exactly.
//!
//! A position is a count of cycles (bars) as a [`Ratio`]. Time runs in stretches of constant tempo, each a straight line through a
//! [`Mark`]; where stretches end, and how moments are counted, is told in [`modurust_compiler::score::tempo`].
//!
//! Each quantum asks for the *pieces* that it covers ([`Transport::advance`]): spans of positions, each on one line. Pieces touch
//! exactly: one begins where the last ended, also across a change of tempo, so no event is lost or doubled. Only a loop jumps. A
//! tempo that is set by hand moves the mark to the current frame and leaves the position in the bar as it is; the new mark is rounded
//! to a fine grid only when its denominator grows past [`GRID`], which moves it by less than a thousandth of a frame; the window still
//! begins at the exact old end.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use modurust_compiler::program::Timing;
use modurust_compiler::score::tempo::{Mark, RANGE, STEPS, TempoMap};
use modurust_compiler::score::{EventBuf, Ratio, Score};

/// Marks with larger denominators are rounded to this grid (2^10 * 3^3 * 5^2 * 7 * 11 * 13: bars split evenly in most ways).
pub const GRID: i64 = 1024 * 27 * 25 * 7 * 11 * 13;
/// A loop is at least one part of so many of a bar long.
pub const SHORTEST_LOOP: i64 = 16;
/// Most pieces of a quantum: more than the fastest glide at the lowest rate makes.
const MAX_PIECES: usize = 64;

/// A span of positions on one line.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// First position.
    pub begin: Ratio,
    /// Where the next piece begins.
    pub end: Ratio,
    /// The line.
    pub mark: Mark,
    /// Time jumped here: what sounds must end.
    pub jump: bool,
    /// From where it jumped.
    pub jumped_from: Ratio,
    /// Count-in, or behind the end: nothing plays.
    pub silent: bool,
    /// The end was reached: what sounds must end.
    pub ends: bool,
}

/// Where the tempo is read.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The patterns.
    pub score: &'a Score,
    /// Tempo and meter by position.
    pub map: &'a TempoMap,
    /// The tempo that a song asks for at a position, if it does.
    pub song: Option<&'a dyn Fn(Ratio) -> Option<f64>>,
}

/// Position, tempo and whether time passes.
pub struct Transport {
    rate: u32,
    timing: Timing,
    mark: Mark,
    /// The last position that was found: by which mark, at which frame. The end of a quantum is asked for more than once.
    found: Option<(Mark, u64, Ratio)>,
    until: Option<Ratio>,
    /// The tempo from `mark` on has been read.
    known: bool,
    /// The tempo was set by hand: patterns of tempo are not followed until the text says another.
    by_hand: bool,
    cursor: Ratio,
    playing: bool,
    loop_over: Option<(Ratio, Ratio)>,
    /// At a position: to another, and the loop there.
    jump: Option<(Ratio, Ratio, Option<Ratio>)>,
    silent_until: Option<Ratio>,
    /// Where the music ends, and the frame in which it did.
    end: Option<Ratio>,
    ended: Option<u64>,
    jumped: bool,
    jumped_from: Ratio,
    changed: bool,
    pieces: [Piece; MAX_PIECES],
    count: usize,
    room: EventBuf,
}

impl Transport {
    /// At cycle 0 and frame `frame`, playing. `rate` is in frames per second.
    pub fn new(rate: u32, timing: Timing, frame: u64) -> Transport {
        let mark = Mark::at_frame(Ratio::ZERO, frame, Ratio::int(i64::from(rate) * 2));
        let piece = Piece {
            begin: Ratio::ZERO,
            end: Ratio::ZERO,
            mark,
            jump: false,
            jumped_from: Ratio::ZERO,
            silent: false,
            ends: false,
        };
        let mut transport = Transport {
            rate,
            timing,
            mark,
            found: None,
            until: None,
            known: false,
            by_hand: false,
            cursor: Ratio::ZERO,
            playing: true,
            loop_over: None,
            jump: None,
            silent_until: None,
            end: None,
            ended: None,
            jumped: false,
            jumped_from: Ratio::ZERO,
            changed: false,
            pieces: [piece; MAX_PIECES],
            count: 0,
            room: EventBuf::new(64),
        };
        transport.set_per_bar(timing);
        transport
    }

    /// A tempo that is not positive is ignored: the last good one stays.
    fn set_per_bar(&mut self, timing: Timing) {
        let per_bar = timing.frames_per_bar(self.rate);
        if per_bar.is_positive() {
            self.mark.per_bar = per_bar;
            self.timing = timing;
        }
    }

    /// Tempo and meter of the text, or set by hand.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Frames in a bar, exact, at the tempo of now.
    pub fn frames_per_bar(&self) -> Ratio {
        self.mark.per_bar
    }

    /// False while paused.
    pub fn playing(&self) -> bool {
        self.playing
    }

    /// The position at a frame, in cycles. Frames before the mark count as the mark.
    pub fn cycle(&self, frame: u64) -> Ratio {
        if !self.playing {
            return self.mark.cycle;
        }
        let found = self.found.filter(|(mark, at, _)| *mark == self.mark && *at == frame);
        found.map_or_else(|| self.mark.cycle_at(frame), |f| f.2).max(self.mark.cycle)
    }

    /// The position up to which patterns were asked.
    pub fn cursor(&self) -> Ratio {
        self.cursor
    }

    /// The frame in which a position falls, by the pieces of this quantum, and beyond them at the tempo of their end.
    pub fn frame_of(&self, cycle: Ratio) -> i64 {
        let piece = self.pieces().iter().find(|p| p.begin <= cycle && cycle < p.end);
        piece.map_or(self.mark, |p| p.mark).frame_of(cycle)
    }

    /// The pieces of this quantum, in order; none while paused.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces[..self.count]
    }

    /// True once after the tempo changed: ends of notes must be counted anew.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The pieces that frames `frame..frame + frames` cover. They begin where the last ones ended.
    pub fn advance(&mut self, frame: u64, frames: u64, source: Option<Source>) {
        self.count = 0;
        if !self.playing {
            return;
        }
        let target = frame + frames;
        let mut begin = self.cursor;
        while self.count < MAX_PIECES {
            if !self.known {
                self.read(source);
            }
            let end = self.mark.cycle_at(target);
            self.found = Some((self.mark, target, end));
            if end <= begin {
                break;
            }
            let loop_end = self.loop_over.filter(|l| begin < l.1).map(|l| l.1);
            if let Some((_, to, round)) = self.jump.take_if(|j| j.0 <= begin) {
                let moment = self.mark.moment_of(begin);
                self.mark = Mark { cycle: to, moment, ..self.mark };
                (self.jumped, self.jumped_from, self.known) = (true, begin, false);
                (begin, self.cursor) = (to, to);
                self.set_loop(round.map(|round| (to, round)));
                continue;
            }
            let start = self.silent_until.filter(|s| begin < *s);
            if start.is_none() {
                self.silent_until = None;
            }
            let over = self.end.is_some_and(|last| begin >= last);
            let ends = over && self.ended.is_none();
            if ends {
                self.ended = Some(self.mark.frame_of(begin).max(frame as i64) as u64);
            }
            let last = self.end.filter(|_| !over);
            let jump_at = self.jump.map(|j| j.0);
            let limits = [self.until, loop_end, start, jump_at, last];
            let limit = limits.into_iter().flatten().filter(|l| *l > begin && *l <= end).min();
            let silent = start.is_some() || over;
            let jump = std::mem::take(&mut self.jumped);
            let jumped_from = self.jumped_from;
            let piece = Piece { begin, end: limit.unwrap_or(end), mark: self.mark, jump, jumped_from, silent, ends };
            self.pieces[self.count] = piece;
            self.count += 1;
            let Some(limit) = limit else {
                begin = end;
                break;
            };
            let moment = self.mark.moment_of(limit);
            begin = limit;
            if let Some((from, to)) = self.loop_over
                && to == limit
            {
                (begin, self.jumped, self.jumped_from) = (from, true, limit);
            }
            if self.jumped || self.until == Some(limit) || jump_at == Some(limit) {
                self.mark = Mark { cycle: begin, moment, ..self.mark };
                self.known = false;
            }
        }
        self.cursor = begin;
    }

    /// The span of positions that a window covers, at one tempo.
    pub fn window(&mut self, frame: u64, frames: u64) -> (Ratio, Ratio) {
        let begin = self.cursor;
        self.advance(frame, frames, None);
        (begin, self.cursor)
    }

    /// Reads the tempo from the mark on.
    fn read(&mut self, source: Option<Source>) {
        let before = self.mark.per_bar;
        self.known = true;
        if let Some(bpm) = self.song_tempo(source) {
            let Some(Source { map, .. }) = source else { return };
            let (beats_per_bar, next) = map.meter(&self.timing, self.mark.cycle);
            self.mark.per_bar = Timing { bpm, beats_per_bar }.frames_per_bar(self.rate);
            let step = Ratio::new((self.mark.cycle * Ratio::int(STEPS)).floor() + 1, STEPS);
            self.until = Some(next.map_or(step, |n| step.min(Ratio::int(n))));
            self.changed |= before != self.mark.per_bar;
            return;
        }
        // A song with a tempo of its own may begin at any bar.
        let watched = source.is_some_and(|s| s.song.is_some());
        match source.filter(|s| !s.map.is_constant() || watched) {
            Some(Source { score, map, .. }) if !self.by_hand => {
                let stretch = map.stretch(score, &self.timing, self.rate, self.mark.cycle, &mut self.room);
                (self.mark.per_bar, self.until) = (stretch.per_bar, stretch.until);
                if watched {
                    let bar = Ratio::int(self.mark.cycle.floor() + 1);
                    self.until = Some(self.until.map_or(bar, |u| u.min(bar)));
                }
            }
            Some(Source { map, .. }) => {
                let (beats_per_bar, next) = map.meter(&self.timing, self.mark.cycle);
                let timing = Timing { beats_per_bar, ..self.timing };
                (self.mark.per_bar, self.until) = (timing.frames_per_bar(self.rate), next.map(Ratio::int));
            }
            None => {
                self.until = None;
                self.set_per_bar(self.timing);
            }
        }
        self.changed |= before != self.mark.per_bar;
    }

    /// The tempo of the song in the middle of the step that the mark lies in.
    fn song_tempo(&self, source: Option<Source>) -> Option<Ratio> {
        let song = source?.song.filter(|_| !self.by_hand)?;
        let step = (self.mark.cycle * Ratio::int(STEPS)).floor();
        let bpm = song(Ratio::new(2 * step + 1, 2 * STEPS))?;
        (bpm.is_finite()).then(|| Ratio::new((bpm.clamp(RANGE.0, RANGE.1) * 1024.0).round() as i64, 1024))
    }

    fn mark_at(&mut self, frame: u64, cycle: Ratio) {
        let cycle = if cycle.den() <= GRID {
            cycle
        } else {
            // Rounded to the nearest point of the grid.
            let grid = i128::from(GRID);
            let num =
                (i128::from(cycle.num()) * grid * 2 + i128::from(cycle.den())).div_euclid(i128::from(cycle.den()) * 2);
            i64::try_from(num).map_or(cycle, |num| Ratio::new(num, GRID))
        };
        self.mark = Mark::at_frame(cycle, frame, self.mark.per_bar);
        self.known = false;
    }

    /// Changes tempo and meter at `frame`, the begin of the next window. The position does not move. `by_hand`: patterns of tempo are
    /// left alone from now on. True if anything changed.
    pub fn retime(&mut self, frame: u64, timing: Timing, by_hand: bool) -> bool {
        let same = timing == self.timing && by_hand == self.by_hand;
        self.by_hand = by_hand;
        if same {
            return false;
        }
        let here = self.cycle(frame);
        self.mark_at(frame, here);
        self.set_per_bar(timing);
        true
    }

    /// Reads the tempo anew from `frame` on: its pattern was edited.
    pub fn reread(&mut self, frame: u64) {
        let here = self.cycle(frame);
        self.mark_at(frame, here);
        self.changed = true;
    }

    /// Reads the tempo of the last mark anew with the next quantum: a song began there that may have its own.
    pub fn forget(&mut self) {
        self.known = false;
    }

    /// Counts at another sample rate from `frame` on. The position does not move.
    pub fn set_rate(&mut self, frame: u64, rate: u32) {
        let here = self.cycle(frame);
        self.mark_at(frame, here);
        self.rate = rate;
        self.set_per_bar(self.timing);
        self.found = None;
        self.changed = true;
    }

    /// Pushes time by `frames` later (or earlier) over the next bar, without losing or doubling anything.
    pub fn nudge(&mut self, frame: u64, frames: i64) {
        let here = self.cycle(frame);
        self.mark_at(frame, here);
        // At most half a bar, so that time runs forward.
        let half = (self.mark.per_bar / Ratio::int(2)).floor();
        self.mark.per_bar = self.mark.per_bar + Ratio::int(frames.clamp(-half, half));
        self.until = Some(self.mark.cycle + Ratio::ONE);
        (self.known, self.changed) = (true, true);
    }

    /// Stops time at `frame`.
    pub fn pause(&mut self, frame: u64) {
        let here = self.cycle(frame);
        self.mark_at(frame, here);
        self.playing = false;
    }

    /// Lets time pass again from where it was stopped.
    pub fn play(&mut self, frame: u64) {
        if !self.playing {
            self.mark = Mark::at_frame(self.mark.cycle, frame, self.mark.per_bar);
            self.known = false;
            self.playing = true;
        }
    }

    /// Jumps: `frame` is at `cycle` from now on.
    pub fn seek(&mut self, frame: u64, cycle: Ratio) {
        self.mark_at(frame, cycle);
        self.cursor = self.mark.cycle;
        self.silent_until = None;
    }

    /// Jumps so many bars before a position and counts in: nothing plays until the position is reached.
    pub fn count_in(&mut self, frame: u64, cycle: Ratio, bars: Ratio) {
        self.seek(frame, cycle - bars);
        self.silent_until = Some(cycle);
    }

    /// Goes round from the second position to the first, or no longer. A loop is made as long as [`SHORTEST_LOOP`] says.
    pub fn set_loop(&mut self, over: Option<(Ratio, Ratio)>) {
        self.loop_over = over.map(|(from, to)| (from, to.max(from + Ratio::new(1, SHORTEST_LOOP))));
    }

    /// At a position, or here if it has passed, jumps to another, and goes round there up to a third. A loop that is in force ends.
    pub fn jump(&mut self, at: Ratio, to: Ratio, round: Option<Ratio>) {
        self.loop_over = None;
        self.jump = Some((at, to, round));
    }

    /// Ends the music at a position: notes end there, time goes on.
    pub fn set_end(&mut self, at: Ratio) {
        (self.end, self.ended) = (Some(at), None);
    }

    /// The frame in which the music ended.
    pub fn ended(&self) -> Option<u64> {
        self.ended
    }

    /// The loop in force.
    pub fn loop_over(&self) -> Option<(Ratio, Ratio)> {
        self.loop_over
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
            t.retime(frame, timing(Ratio::new(600 + i * 7 % 9300, 13)), true);
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
        t.retime(64, timing(Ratio::ZERO), true);
        assert_eq!(t.frames_per_bar(), Ratio::int(96_000));
    }

    #[test]
    fn a_loop_goes_round_at_the_exact_frame() {
        // Three eighths of a bar at 131 bpm: an odd number of frames, inside quanta.
        let mut t = Transport::new(48_000, timing(Ratio::int(131)), 0);
        let (from, to) = (Ratio::new(1, 8), Ratio::new(1, 2));
        t.set_loop(Some((from, to)));
        let per_bar = t.frames_per_bar();
        let mut jumps = Vec::new();
        for q in 0..4000u64 {
            t.advance(q * 64, 64, None);
            let mut last: Option<Piece> = None;
            for piece in t.pieces() {
                assert!(piece.end <= to && piece.begin < piece.end);
                if piece.jump {
                    assert_eq!(piece.begin, from);
                    jumps.push(piece.mark.frame_of(from));
                } else if let Some(last) = last {
                    assert_eq!(last.end, piece.begin);
                }
                last = Some(*piece);
            }
        }
        for (i, frame) in jumps.iter().enumerate() {
            let exact = (to + (to - from) * Ratio::int(i as i64)) * per_bar;
            assert_eq!(*frame, exact.floor(), "turn {i}");
        }
        assert!(jumps.len() > 5);
    }

    #[test]
    fn a_count_in_is_silent_and_a_nudge_moves_time() {
        let mut t = Transport::new(48_000, timing(Ratio::int(120)), 0);
        t.count_in(0, Ratio::int(4), Ratio::int(1));
        t.advance(0, 64, None);
        assert!(t.pieces()[0].silent && t.pieces()[0].begin == Ratio::int(3));
        t.advance(64, 95_936, None);
        t.advance(96_000, 64, None);
        assert!(!t.pieces()[0].silent && t.pieces()[0].begin == Ratio::int(4));
        t.nudge(96_064, 480);
        let at = |t: &Transport, cycle| t.frame_of(cycle);
        let next = t.cycle(96_064) + Ratio::ONE;
        assert_eq!(at(&t, next), 96_064 + 96_480);
        for q in 0..3000 {
            t.advance(96_064 + q * 64, 64, None);
        }
        assert_eq!(t.frames_per_bar(), Ratio::int(96_000), "the tempo is as before");
        assert_eq!(t.frame_of(next + Ratio::int(9)), 96_064 + 96_480 + 9 * 96_000);
    }
}
