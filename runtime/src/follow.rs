//! Following a clock that others keep: 24 ticks for a quarter note, which come early and late.
//!
//! A line through the last ticks by least squares gives the tempo and where the last tick truly fell; the longer the line, the less jitter
//! is left in it (the error of its slope falls with the length to the power of 3/2). When the newest ticks leave the line together, the
//! tempo has changed, and the line begins anew with them. What a tick that was lost takes with it is put in.
//!
//! The follower knows nothing of the engine: it is told frames, and says how fast time goes, and where it is.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::midi::System;

/// Ticks of a quarter note.
pub const TICKS: f64 = 24.0;
/// Moments of the longest line: ticks of two bars of four quarters.
const LONGEST: usize = 192;
/// Moments of the shortest line that is trusted.
const SHORTEST: usize = 12;
/// The newest moments, which tell a change of tempo.
const NEWEST: usize = 8;
/// How far the mean of the newest may lie from the line, seconds.
const AWAY: f64 = 0.0025;
/// After such a pause ticks begin anew, seconds.
const PAUSE: f64 = 1.0;

/// What time does, as the clock tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// Nothing new.
    Nothing,
    /// Time goes on with the tick that has just come, so many ticks from the beginning.
    Begins(i64),
    /// Time stands still.
    Stops,
    /// A tick.
    Ticks,
}

/// A line through the last moments of something regular.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    rate: f64,
    /// Frames of the last moments, a ring, and how many count.
    frames: [f64; LONGEST],
    at: usize,
    count: usize,
}

impl Line {
    /// At a rate of frames per second.
    pub fn new(rate: u32) -> Line {
        Line { rate: f64::from(rate), frames: [0.0; LONGEST], at: 0, count: 0 }
    }

    /// Takes a moment; how many before it were lost, and have been put in.
    pub fn add(&mut self, frame: f64) -> i64 {
        let mut lost = 0;
        if let Some(last) = self.last() {
            let gap = frame - last;
            if gap > PAUSE * self.rate || gap < 0.0 {
                self.count = 0;
            } else if let Some((period, _)) = self.through() {
                // A beat that falls to less than two thirds at once is none.
                let missed = ((gap / period).round() as i64 - 1).clamp(0, 8);
                if gap > 1.6 * period {
                    lost = missed;
                    (0..missed).for_each(|i| self.push(last + gap * (i + 1) as f64 / (missed + 1) as f64));
                }
            }
        }
        self.push(frame);
        self.settle();
        lost
    }

    fn push(&mut self, frame: f64) {
        self.at = (self.at + 1) % LONGEST;
        self.frames[self.at] = frame;
        self.count = (self.count + 1).min(LONGEST);
    }

    /// The frame of a moment, counted backwards from the last.
    fn back(&self, i: usize) -> f64 {
        self.frames[(self.at + LONGEST - i % LONGEST) % LONGEST]
    }

    /// The last moment as it came.
    pub fn last(&self) -> Option<f64> {
        (self.count > 0).then(|| self.back(0))
    }

    /// Begins anew with the newest if these have left the line.
    fn settle(&mut self) {
        let Some((period, last)) = self.through().filter(|_| self.count > 2 * NEWEST) else { return };
        let away = (0..NEWEST).map(|i| self.back(i) - (last - period * i as f64)).sum::<f64>() / NEWEST as f64;
        if away.abs() > AWAY * self.rate {
            self.count = NEWEST;
        }
    }

    /// Frames from one to the next, and the frame of the last, by the line through all that count.
    fn through(&self) -> Option<(f64, f64)> {
        let n = self.count;
        if n < 2 {
            return None;
        }
        // Over i moments backwards from the last, the mean of i is (n - 1) / 2.
        let middle = (n - 1) as f64 / 2.0;
        let newest = self.back(0);
        let mean = (0..n).map(|i| self.back(i) - newest).sum::<f64>() / n as f64;
        let over = (0..n).map(|i| (i as f64 - middle) * (self.back(i) - newest - mean)).sum::<f64>();
        let under = (0..n).map(|i| (i as f64 - middle).powi(2)).sum::<f64>();
        let slope = over / under;
        (slope < 0.0).then(|| (-slope, newest + mean - slope * middle))
    }

    /// The same, once it is long enough to be trusted.
    pub fn trusted(&self) -> Option<(f64, f64)> {
        self.through().filter(|_| self.count >= SHORTEST)
    }
}

/// A clock that is listened to.
#[derive(Clone, Debug)]
pub struct Follower {
    rate: f64,
    line: Line,
    /// Ticks from the beginning of the music to the last tick, while it plays.
    song: Option<i64>,
    /// Where it goes on with the next tick.
    next: Option<i64>,
    /// Where it stands while it does not play.
    stands: i64,
}

impl Follower {
    /// At a rate of frames per second.
    pub fn new(rate: u32) -> Follower {
        Follower { rate: f64::from(rate), line: Line::new(rate), song: None, next: None, stands: 0 }
    }

    /// Takes what the clock says at a frame.
    pub fn hear(&mut self, system: System, frame: u64) -> Told {
        match system {
            System::Clock => self.tick(frame as f64),
            System::Start => {
                self.next = Some(0);
                Told::Nothing
            }
            System::Continue => {
                self.next = Some(self.stands);
                Told::Nothing
            }
            System::Position(sixteenths) => {
                self.stands = i64::from(sixteenths) * 6;
                if let Some(next) = &mut self.next {
                    *next = self.stands;
                }
                Told::Nothing
            }
            System::Stop => {
                self.next = None;
                if let Some(song) = self.song.take() {
                    self.stands = song + 1;
                }
                Told::Stops
            }
            _ => Told::Nothing,
        }
    }

    fn tick(&mut self, frame: f64) -> Told {
        let lost = self.line.add(frame);
        self.song = self.song.map(|song| song + lost);
        if let Some(next) = self.next.take() {
            self.song = Some(next);
            return Told::Begins(next);
        }
        self.song = self.song.map(|song| song + 1);
        Told::Ticks
    }

    /// The frame of the last tick as it came.
    pub fn last(&self) -> Option<f64> {
        self.line.last()
    }

    /// Beats per minute, once that can be trusted.
    pub fn bpm(&self) -> Option<f64> {
        let (period, _) = self.line.trusted()?;
        Some(60.0 * self.rate / (TICKS * period))
    }

    /// A frame and how many ticks of the music have passed there, while it plays.
    pub fn place(&self) -> Option<(f64, i64)> {
        let song = self.song?;
        // The first ticks are taken as they come.
        let frame = self.line.trusted().map_or(self.line.last()?, |(_, frame)| frame);
        Some((frame, song))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    /// Numbers between -1 and 1.
    struct Jitter(u64);

    impl Jitter {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        }
    }

    /// Plays ticks of a tempo that are up to `jitter` seconds early or late; gives the frame behind them.
    fn play(follower: &mut Follower, from: f64, bpm: f64, ticks: usize, jitter: f64, random: &mut Jitter) -> f64 {
        let period = 60.0 * f64::from(RATE) / (bpm * TICKS);
        for i in 0..ticks {
            let late = jitter * f64::from(RATE) * random.next();
            follower.hear(System::Clock, (from + period * i as f64 + late).max(0.0) as u64);
        }
        from + period * ticks as f64
    }

    #[test]
    fn jitter_of_three_milliseconds_is_gone_after_two_bars() {
        for (seed, bpm) in [(1, 120.0), (2, 93.7), (3, 174.0), (4, 60.0), (5, 140.25)] {
            let mut follower = Follower::new(RATE);
            let mut random = Jitter(seed);
            follower.hear(System::Start, 0);
            let end = play(&mut follower, 5000.0, bpm, 192, 0.003, &mut random);
            let found = follower.bpm().unwrap();
            assert!((found - bpm).abs() < 0.1, "{bpm}: {found}");
            let (frame, ticks) = follower.place().unwrap();
            let true_frame = end - 60.0 * f64::from(RATE) / (bpm * TICKS);
            assert_eq!(ticks, 191);
            assert!((frame - true_frame).abs() < 0.001 * f64::from(RATE), "{frame} {true_frame}");
        }
    }

    #[test]
    fn a_change_of_tempo_is_followed_within_two_bars() {
        let mut follower = Follower::new(RATE);
        let mut random = Jitter(9);
        let end = play(&mut follower, 0.0, 120.0, 400, 0.003, &mut random);
        let end = play(&mut follower, end, 132.0, 192, 0.003, &mut random);
        assert!((follower.bpm().unwrap() - 132.0).abs() < 0.15, "{:?}", follower.bpm());
        play(&mut follower, end, 131.0, 400, 0.003, &mut random);
        assert!((follower.bpm().unwrap() - 131.0).abs() < 0.1, "{:?}", follower.bpm());
    }

    #[test]
    fn lost_ticks_and_pauses() {
        let mut follower = Follower::new(RATE);
        follower.hear(System::Start, 0);
        for tick in (0..200u64).filter(|tick| tick % 50 != 20) {
            follower.hear(System::Clock, tick * 1000);
        }
        assert_eq!(follower.place().unwrap().1, 199);
        assert!((follower.bpm().unwrap() - 120.0).abs() < 0.01);
        assert_eq!(follower.hear(System::Stop, 200_000), Told::Stops);
        assert_eq!(follower.place(), None);
        follower.hear(System::Position(8), 250_000);
        follower.hear(System::Continue, 250_000);
        assert_eq!(follower.hear(System::Clock, 300_000), Told::Begins(48));
        assert_eq!(follower.place(), Some((300_000.0, 48)));
        assert_eq!(follower.bpm(), None, "a new line");
    }
}
