//! What to do when there is more to compute than there is time for: leave out as little as helps, and take it back.
//!
//! A [`Watchdog`] is told of every block how much sound came of it and how long that took. From these numbers alone follows a *level*:
//! 0 is everything, [`MOST`] is as little as there can be. The engine does what the level says ([`crate::engine::Engine::ease`]), in an order
//! that is the same for every piece:
//!
//! | level | what is left out |
//! |---|---|
//! | 1 to 7 | of every eight voices of a poly player so many: those at rest, then the quietest, and of equally quiet ones the oldest |
//! | 8, 9 | of each factor of `oversample` the half, then three quarters |
//! | 10 | meters and scopes as well |
//!
//! A voice that is left out is let go of, and its gate comes down over 5 ms, so even one without a release ends without a click. A player keeps
//! one voice at least. The factor of an `oversample` is part of the code that was made of the text, so the session compiles the text again with
//! less ([`coarse`]) and swaps it in, as it does with an edit. While anything is left out there is no time for two programs side by side: the
//! fade of a swap takes two quanta then.
//!
//! Two blocks in a row over [`HIGH`] cost a level; then what was left out has time to take effect. A level is given back after a time in which no block came over
//! [`LOW`], or [`ROOM`]. If that was too early, the next time is twice as long, so an engine at its limit does not go to and fro.
//!
//! ```text
//! let level = watchdog.block(64, 48_000, seconds);   // behind every block
//! engine.ease(level);                                // from the next quantum on
//! ```

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

/// The highest level: no less can be computed.
pub const MOST: u8 = QUALITY + 1;
/// Levels that leave out voices, an eighth of them each.
pub const VOICES: u8 = 7;
/// The highest of those that halve factors of oversampling.
pub const QUALITY: u8 = VOICES + 2;
/// Share of the time from which on computing takes too long.
pub const HIGH: f64 = 0.9;
/// Share of the time up to which there is room for more.
pub const LOW: f64 = 0.6;
/// The same for a level that halves factors: what comes back may take twice the time.
pub const ROOM: f64 = 0.4;
/// Time before another level is taken, seconds of sound.
pub const SETTLE: f64 = 0.01;
/// The same behind a level for which the text is compiled again.
pub const COMPILES: f64 = 0.1;
/// Shortest and longest time under [`LOW`] before a level is given back, seconds of sound.
pub const PATIENCE: (f64, f64) = (1.0, 16.0);
/// A level that is wanted again within so many seconds was given back too early.
const REGRET: f64 = 4.0;

/// Decides how much is left out. No clock and no memory but these numbers, so what it does follows from what it is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watchdog {
    level: u8,
    /// Blocks in a row over [`HIGH`].
    over: u8,
    /// Seconds of sound without a block over [`LOW`].
    calm: f64,
    /// Seconds of sound since a level was taken, and since one was given back.
    taken: f64,
    given: f64,
    patience: f64,
}

impl Default for Watchdog {
    fn default() -> Watchdog {
        let long = f64::INFINITY;
        Watchdog { level: 0, over: 0, calm: 0.0, taken: long, given: long, patience: PATIENCE.0 }
    }
}

impl Watchdog {
    /// The level in force, 0 to [`MOST`].
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Hears of a block in which `frames` of sound at `rate` were computed, in so many seconds. The level from now on. Blocks that were filled
    /// with what was there already (0 frames) say nothing.
    pub fn block(&mut self, frames: u64, rate: u32, seconds: f64) -> u8 {
        let sound = frames as f64 / f64::from(rate.max(1));
        if sound <= 0.0 || !seconds.is_finite() {
            return self.level;
        }
        let load = seconds / sound;
        (self.taken, self.given) = (self.taken + sound, self.given + sound);
        self.over = if load > HIGH { self.over.saturating_add(1) } else { 0 };
        let low = if coarse(self.level) > 0 { ROOM } else { LOW };
        self.calm = if load > low { 0.0 } else { self.calm + sound };
        let settle = if coarse(self.level) > 0 { COMPILES } else { SETTLE };
        if self.over >= 2 && self.taken >= settle && self.level < MOST {
            let regretted = self.given < REGRET;
            self.patience = if regretted { (self.patience * 2.0).min(PATIENCE.1) } else { self.patience };
            (self.level, self.over, self.calm, self.taken) = (self.level + 1, 0, 0.0, 0.0);
        } else if self.level > 0 && self.calm >= self.patience {
            (self.level, self.calm, self.given) = (self.level - 1, 0.0, 0.0);
        } else if self.level == 0 && self.calm >= PATIENCE.1 {
            self.patience = PATIENCE.0;
        }
        self.level
    }
}

/// How many of a player's voices play on at a level; one at least.
pub fn open(voices: usize, level: u8) -> usize {
    let left = usize::from(8 - level.min(VOICES));
    (voices * left).div_ceil(8).max(1)
}

/// How often factors of oversampling are halved at a level.
pub fn coarse(level: u8) -> u8 {
    level.min(QUALITY).saturating_sub(VOICES)
}

/// What a level means, in words.
pub fn words(level: u8) -> String {
    match level {
        0 => "there is time again: all voices, factors and meters are back".into(),
        level => {
            let left = 8 - level.min(VOICES);
            let quality = match coarse(level) {
                0 => "",
                1 => ", `oversample` with half of its factor",
                _ => ", `oversample` with a quarter of its factor",
            };
            let meters = if level > QUALITY { ", and meters stand still" } else { "" };
            format!(
                "more to compute than there is time for: poly players go on with {left} of 8 voices{quality}{meters}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds blocks of a quantum with a load that may hang on the level; the levels.
    fn run(dog: &mut Watchdog, seconds: f64, load: impl Fn(f64, u8) -> f64) -> Vec<u8> {
        let block = 64.0 / 48_000.0;
        let blocks = (seconds / block) as usize;
        let step = |i: usize| {
            let load = load(i as f64 * block, dog.level());
            dog.block(64, 48_000, load * block)
        };
        (0..blocks).map(step).collect()
    }

    #[test]
    fn one_late_block_is_forgiven_and_two_are_not() {
        let mut dog = Watchdog::default();
        assert_eq!([1.5, 0.5, 1.5, 0.8, 0.95].map(|load| dog.block(64, 64, load)), [0; 5]);
        assert_eq!(dog.block(64, 64, 0.95), 1);
        assert_eq!(dog.block(0, 64, 9.0), 1, "a block of which nothing was computed says nothing");
        assert_eq!(dog.block(64, 64, f64::NAN), 1);
    }

    #[test]
    fn more_is_left_out_until_it_helps_and_no_more() {
        let mut dog = Watchdog::default();
        let need = |_: f64, level: u8| 1.5 - 0.15 * f64::from(level);
        let levels = run(&mut dog, 0.5, need);
        assert_eq!(levels.last(), Some(&4), "1.5 - 4 * 0.15 is just not over 0.9");
        assert!(levels.windows(2).all(|w| w[1] == w[0] || w[1] == w[0] + 1));
        let reached = levels.iter().position(|l| *l == 4).map(|i| i as f64 * 64.0 / 48_000.0);
        assert!(reached.is_some_and(|s| s < 0.06), "{reached:?} s");
        assert_eq!(run(&mut dog, 0.5, |_, _| 9.0).last(), Some(&MOST));
    }

    #[test]
    fn it_comes_back_step_by_step_and_stays_where_it_is_tight() {
        let mut dog = Watchdog::default();
        run(&mut dog, 0.5, |_, _| 9.0);
        let levels = run(&mut dog, 12.0, |_, _| 0.3);
        assert_eq!((levels.first(), levels.last()), (Some(&MOST), Some(&0)));
        let first = levels.iter().position(|l| *l < MOST).map(|i| i as f64 * 64.0 / 48_000.0);
        assert!(first.is_some_and(|s| (0.99..1.01).contains(&s)), "{first:?} s");
        // Between the two bounds nothing moves.
        run(&mut dog, 0.1, |_, level| if level < 3 { 1.0 } else { 0.7 });
        assert!(run(&mut dog, 60.0, |_, _| 0.7).iter().all(|level| *level == 3));
        // Where a level back is one too many, it is tried ever more seldom.
        let tight = |_: f64, level: u8| if level < 3 { 1.0 } else { 0.5 };
        let levels = run(&mut dog, 120.0, tight);
        let turns = levels.windows(2).filter(|w| w[0] != w[1]).count();
        assert!((8..=24).contains(&turns), "{turns} times to or fro in two minutes");
    }

    #[test]
    fn a_player_keeps_a_voice() {
        let left = |voices: usize| (0..=MOST).map(|level| open(voices, level)).collect::<Vec<_>>();
        assert_eq!(left(8), [8, 7, 6, 5, 4, 3, 2, 1, 1, 1, 1]);
        assert_eq!(left(3), [3, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1]);
        assert_eq!(left(1), [1; 11]);
    }
}
