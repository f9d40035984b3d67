//! Following time code that others keep (MIDI Time Code, MMA RP-004/008): where a tape is, four times a frame of its picture.
//!
//! Eight quarter frames, 0 to 7, spell one time; it is the one at which the first of them was sent. Their beat gives the speed of the tape, by the
//! same line through jittery moments that a MIDI clock is followed by. Time code knows no tempo and no stop: whoever follows it takes its
//! seconds for those of the music, and takes silence for a stop. A whole time at once says where a tape that stands has been wound to.
//!
//! ```text
//! 0 1 2 3 4 5 6 7 0 1 ...       F1 0d F1 1d ...          F0 7F 7F 01 01 hh mm ss ff F7
//! frames s   m   h + rate       a nibble each            the whole time; hh carries the rate as well
//! ```

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::follow::Line;

/// Silence that means a stop, seconds.
const SILENCE: f64 = 0.15;
/// Quarter frames that may come without a whole time among them.
const UNPROVED: u32 = 20;
/// Quarter frames by which what was counted may differ from what is spelt.
const SLACK: i64 = 1;

/// What the tape does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// Nothing new.
    Nothing,
    /// It runs, from another place than was known.
    Begins,
    /// It was wound to so many seconds, and stands.
    At(f64),
    /// It runs on, and a whole time has proved where.
    Runs,
    /// It runs backwards, or spells no time any more.
    Stops,
}

/// How many frames of picture a second has: 24, 25, 30 with two left out in most minutes, or 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Picture(u8);

impl Picture {
    fn per_second(self) -> f64 {
        [24.0, 25.0, 30_000.0 / 1001.0, 30.0][usize::from(self.0 & 3)]
    }

    /// Frames from midnight to a time.
    fn frames(self, [hours, minutes, seconds, frames]: [u8; 4]) -> i64 {
        let minutes = i64::from(hours) * 60 + i64::from(minutes);
        let counted = [24, 25, 30, 30][usize::from(self.0 & 3)];
        let all = (minutes * 60 + i64::from(seconds)) * counted + i64::from(frames);
        // Numbers 0 and 1 are left out in every minute but each tenth, so that numbers go with the clock on the wall.
        if self.0 & 3 == 2 { all - 2 * (minutes - minutes / 10) } else { all }
    }
}

/// Time code that is listened to.
#[derive(Clone, Debug)]
pub struct TimeCode {
    rate: f64,
    line: Line,
    nibbles: [u8; 8],
    /// The quarter frame that comes next, if those before it have.
    next: Option<u8>,
    unproved: u32,
    picture: Picture,
    /// Quarter frames from midnight to the last one, once that is known.
    place: Option<i64>,
}

impl TimeCode {
    /// At a rate of the engine's frames per second.
    pub fn new(rate: u32) -> TimeCode {
        let (line, rate) = (Line::new(rate), f64::from(rate));
        TimeCode { rate, line, nibbles: [0; 8], next: None, unproved: 0, picture: Picture(3), place: None }
    }

    /// Takes a quarter frame that comes at a frame: which one in its bits 4 to 6, and a nibble.
    pub fn quarter(&mut self, bits: u8, frame: u64) -> Told {
        let (piece, nibble) = (bits >> 4 & 7, bits & 0x0f);
        let lost = self.line.add(frame as f64);
        self.place = self.place.map(|place| place + 1 + lost);
        self.unproved += 1;
        if self.place.is_some() && self.unproved > UNPROVED {
            self.place = None;
            return Told::Stops;
        }
        if piece != 0 && self.next != Some(piece) {
            self.next = None;
            return Told::Nothing;
        }
        if let Some(slot) = self.nibbles.get_mut(usize::from(piece)) {
            *slot = nibble;
        }
        self.next = Some((piece + 1) & 7);
        if piece == 7 { self.spelt() } else { Told::Nothing }
    }

    /// A whole time has come, quarter frame by quarter frame.
    fn spelt(&mut self) -> Told {
        let [f, fs, s, ss, m, ms, h, hs] = self.nibbles;
        let picture = Picture(hs >> 1);
        let time = [h | (hs & 1) << 4, m | (ms & 3) << 4, s | (ss & 3) << 4, f | (fs & 1) << 4];
        let now = picture.frames(time) * 4 + 7;
        let known = self.place.filter(|place| (place - now).abs() <= SLACK && picture == self.picture);
        (self.unproved, self.picture, self.place) = (0, picture, Some(now));
        if known.is_some() { Told::Runs } else { Told::Begins }
    }

    /// Takes a whole time: hours with the rate in their bits 5 and 6, minutes, seconds, frames.
    pub fn whole(&mut self, [hours, minutes, seconds, frames]: [u8; 4]) -> Told {
        let picture = Picture(hours >> 5);
        let at = picture.frames([hours & 0x1f, minutes, seconds, frames]) as f64 / picture.per_second();
        (self.place, self.next) = (None, None);
        Told::At(at)
    }

    /// True once if it has stopped, as of a frame.
    pub fn stopped(&mut self, frame: u64) -> bool {
        let silent = |last: f64| frame as f64 - last > SILENCE * self.rate;
        let stops = self.place.is_some() && self.line.last().is_none_or(silent);
        if stops {
            (self.place, self.next) = (None, None);
        }
        stops
    }

    /// A frame and how many seconds the tape stands at there, while it runs.
    pub fn place(&self) -> Option<(f64, f64)> {
        let quarters = self.place? as f64;
        let frame = self.line.trusted().map_or(self.line.last()?, |(_, frame)| frame);
        Some((frame, quarters / (4.0 * self.picture.per_second())))
    }

    /// How fast the tape runs; 1 is as fast as it should.
    pub fn speed(&self) -> Option<f64> {
        let (period, _) = self.line.trusted()?;
        Some(self.rate / (4.0 * self.picture.per_second() * period))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    /// The eight quarter frames of a time at a rate of pictures.
    fn quarters([h, m, s, f]: [u8; 4], picture: u8) -> [u8; 8] {
        let nibbles = [f & 15, f >> 4, s & 15, s >> 4, m & 15, m >> 4, h & 15, h >> 4 | picture << 1];
        std::array::from_fn(|piece| (piece as u8) << 4 | nibbles[piece])
    }

    #[test]
    fn numbers_that_are_left_out_keep_time_with_the_wall() {
        // The times of SMPTE 12M: after a minute come 28 frames less two, after ten minutes none is missing.
        let drop = Picture(2);
        assert_eq!(drop.frames([0, 0, 59, 29]) + 1, drop.frames([0, 1, 0, 2]));
        assert_eq!(drop.frames([0, 9, 59, 29]) + 1, drop.frames([0, 10, 0, 0]));
        let day = drop.frames([24, 0, 0, 0]) as f64 / drop.per_second();
        assert!((day - 86_400.0).abs() < 0.1, "{day}");
        assert_eq!(Picture(1).frames([1, 0, 0, 5]), 90_005);
    }

    #[test]
    fn eight_quarters_are_a_time_and_silence_is_a_stop() {
        let mut code = TimeCode::new(RATE);
        let mut told = Vec::new();
        for i in 0..16u64 {
            let time = quarters([1, 2, 3, if i < 8 { 4 } else { 6 }], 1);
            told.push(code.quarter(time[i as usize % 8], 1000 + i * 480));
        }
        assert_eq!((told[7], told[15]), (Told::Begins, Told::Runs));
        assert_eq!(told.iter().filter(|told| **told != Told::Nothing).count(), 2);
        let (frame, seconds) = code.place().unwrap();
        let truth = 3723.0 + 4.0 / 25.0 + 15.0 / 100.0;
        assert!((frame - 8200.0).abs() < 1e-6 && (seconds - truth).abs() < 1e-9, "{frame} {seconds}");
        assert!((code.speed().unwrap() - 1.0).abs() < 1e-9);
        assert!(!code.stopped(8200 + 4800) && code.stopped(8200 + 9600) && !code.stopped(8200 + 9600));
        assert_eq!(code.whole([0x20 | 1, 0, 10, 5]), Told::At(3610.2));
    }

    #[test]
    fn a_lost_quarter_is_counted_and_a_tape_that_runs_backwards_has_stopped() {
        let mut code = TimeCode::new(RATE);
        let mut begun = 0;
        for i in (0..80u64).filter(|i| *i != 44) {
            let time = quarters([0, 0, (i / 8 * 2 / 25) as u8, (i / 8 * 2 % 25) as u8], 1);
            begun += usize::from(code.quarter(time[i as usize % 8], i * 480) == Told::Begins);
        }
        assert_eq!(begun, 1, "it has never left its place");
        let told: Vec<Told> = (0..64u64)
            .map(|i| code.quarter(quarters([0, 0, 1, (20 - i / 8) as u8], 1)[7 - i as usize % 8], (80 + i) * 480))
            .collect();
        assert!(told.contains(&Told::Stops) && !told.contains(&Told::Begins), "{told:?}");
    }
}
