//! Which clip plays when: what a query of a score with clips must be told.
//!
//! A `clips` block is one pattern of a score, and a pattern has no state. So the launches are an argument of the query: for each
//! [set](super::timeline::SetId) a short history of what was launched from which position on. A query for a span is cut where the
//! history changes; `late`, `off` and their like look a little back and find the clip that played then. Fixed in size: recording a
//! launch allocates nothing, and forgets the oldest.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::{Ratio, Value};

/// Launches of one set that are remembered.
pub const REMEMBERED: usize = 8;

/// From some position on a clip plays, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Launch {
    /// From this position on.
    pub from: Ratio,
    /// Which clip of the set; `None` is silence.
    pub clip: Option<u32>,
    /// The position at which the clip is at its own beginning.
    pub origin: Ratio,
    /// How long what was launched before plays on and fades out, while this fades in; 0 for not at all.
    pub fade: Ratio,
}

impl Launch {
    /// A launch that takes over at once.
    pub fn new(from: Ratio, clip: Option<u32>, origin: Ratio) -> Launch {
        Launch { from, clip, origin, fade: Ratio::ZERO }
    }

    /// The share of this launch in the loudness at a position from `from` on, and that of the one before: together they have the
    /// same power all the time.
    pub fn shares(&self, at: Ratio) -> (f32, f32) {
        if !self.fade.is_positive() || at >= self.from + self.fade {
            return (1.0, 0.0);
        }
        let place = ((at - self.from) / self.fade).to_f64().clamp(0.0, 1.0) * std::f64::consts::FRAC_PI_2;
        (place.sin() as f32, place.cos() as f32)
    }
}

/// The launches of one set, rising in time; the last holds for ever.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    launches: [Launch; REMEMBERED],
    len: usize,
}

impl Default for History {
    fn default() -> History {
        History { launches: [Launch::new(Ratio::ZERO, None, Ratio::ZERO); REMEMBERED], len: 0 }
    }
}

impl History {
    /// One clip all the time.
    pub fn always(clip: u32) -> History {
        let mut history = History::default();
        history.push(Launch::new(Ratio::int(i64::MIN / 4), Some(clip), Ratio::ZERO));
        history
    }

    /// The launches in order.
    pub fn launches(&self) -> &[Launch] {
        &self.launches[..self.len]
    }

    /// What was launched last.
    pub fn last(&self) -> Option<Launch> {
        self.launches().last().copied()
    }

    /// Records a launch; launches that lie at or after it are taken back.
    pub fn push(&mut self, launch: Launch) {
        while self.len > 0 && self.launches[self.len - 1].from >= launch.from {
            self.len -= 1;
        }
        if self.len == REMEMBERED {
            self.launches.copy_within(1.., 0);
            self.len -= 1;
        }
        self.launches[self.len] = launch;
        self.len += 1;
    }

    /// Changes the numbers of clips; one that is gone becomes silence.
    pub fn renumber(&mut self, f: impl Fn(u32) -> Option<u32>) {
        for launch in &mut self.launches[..self.len] {
            launch.clip = launch.clip.and_then(&f);
        }
    }

    /// Calls `f(begin, end, launch, next)` for each piece of a span in which a launch is heard: until the next one, and while that fades
    /// in. Pieces overlap then.
    pub fn heard(&self, begin: Ratio, end: Ratio, mut f: impl FnMut(Ratio, Ratio, Launch, Option<Launch>)) {
        for (i, launch) in self.launches().iter().enumerate() {
            let next = self.launches().get(i + 1).copied();
            let until = next.map_or(end, |next| (next.from + next.fade).min(end));
            let from = launch.from.max(begin);
            if from < until {
                f(from, until, *launch, next);
            }
        }
    }

    /// Calls `f(begin, end, launch)` for each piece of a span in which one launch holds. Before the first nothing does.
    pub fn cut(&self, begin: Ratio, end: Ratio, mut f: impl FnMut(Ratio, Ratio, Launch)) {
        for (i, launch) in self.launches().iter().enumerate() {
            let until = self.launches().get(i + 1).map_or(end, |next| next.from.min(end));
            let from = launch.from.max(begin);
            if from < until {
                f(from, until, *launch);
            }
        }
    }
}

/// A note that a hand plays: patterns of its source have one event in the span that begins with it, and none at any other time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveNote {
    /// Which source of the score ([`super::Score::sources`]).
    pub source: u32,
    /// When.
    pub at: Ratio,
    /// Its value.
    pub value: Value,
    /// Velocity, 0 to 1.
    pub velocity: f32,
}

/// The histories of all sets, and what a hand plays at this moment.
#[derive(Clone, Debug, Default)]
pub struct Launches {
    /// By number of the set. A set beyond the end plays its first clip all the time.
    pub sets: Vec<History>,
    /// The live note that is asked for, if one is.
    pub live: Option<LiveNote>,
}

/// Nothing was ever launched: every set plays its first clip.
pub static UNLAUNCHED: Launches = Launches { sets: Vec::new(), live: None };

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(from: i64, clip: u32) -> Launch {
        Launch::new(Ratio::int(from), Some(clip), Ratio::int(from))
    }

    #[test]
    fn the_latest_are_remembered_and_spans_are_cut() {
        let mut history = History::default();
        for i in 0..20 {
            history.push(launch(i, i as u32));
        }
        assert_eq!(history.launches().len(), REMEMBERED);
        let mut seen = Vec::new();
        history.cut(Ratio::new(33, 2), Ratio::int(30), |b, e, l| seen.push((b, e, l.clip.unwrap())));
        let int = Ratio::int;
        let expected =
            [(Ratio::new(33, 2), int(17), 16), (int(17), int(18), 17), (int(18), int(19), 18), (int(19), int(30), 19)];
        assert_eq!(seen, expected);
        history.push(Launch { fade: Ratio::int(2), ..launch(20, 20) });
        let mut heard = Vec::new();
        history.heard(int(18), int(23), |b, e, l, _| heard.push((b, e, l.clip.unwrap())));
        assert_eq!(heard, [(int(18), int(19), 18), (int(19), int(22), 19), (int(20), int(23), 20)]);
        let (new, old) = history.last().unwrap().shares(int(21));
        assert!((new * new + old * old - 1.0).abs() < 1e-6 && new == old, "{new} {old}");
        assert_eq!(history.last().unwrap().shares(int(22)), (1.0, 0.0));
        history.push(launch(17, 99));
        assert_eq!(history.last().unwrap().clip, Some(99), "what lay after it is taken back");
        history.renumber(|c| (c != 99).then_some(c + 1));
        assert_eq!(history.last().unwrap().clip, None);
    }
}
