//! Settings of a session, and who asked for them.
//!
//! `tempo`, `meter`, `seed`, `swing` and `tuning` stand anywhere in a text and are known before any statement that makes sound is
//! elaborated. Most of that asks for none of them: patterns live in bars, notes in hertz. So who reads a setting says so
//! ([`Asked`]), and a part of the text is elaborated again only if a setting is another that it did ask for:
//!
//! ```text
//! track a = "0 3" >> mono(v) >> lpf(800hz)     asks for nothing
//! track b = saw(60hz) >> echo(3/16n)           asks for the tempo
//! ```
//!
//! What only the score needs, swing and the seed of patterns, is given to the score when it is copied out of the arenas.

use crate::front::elab::Elab;
use crate::program::Timing;
use crate::score::Ratio;
use std::cell::Cell;
use std::sync::Arc;

/// What a text sets for all of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    /// Tempo and meter as the session begins.
    pub timing: Timing,
    /// For scales without a tuning of their own.
    pub tuning: Option<Vec<f64>>,
    /// Of noise, and of patterns.
    pub seed: u64,
    /// A song of the session has sections that fade into each other.
    pub fades: bool,
    /// How often factors that are declared to be a question of quality are halved ([`super::Compiler::coarsen`]).
    pub coarse: u8,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// Beats per minute.
    Tempo = 1,
    /// Beats of a bar.
    Meter = 2,
    /// Steps of scales.
    Tuning = 4,
    /// Where chance starts.
    Seed = 8,
    /// Whether songs fade.
    Fades = 16,
    /// How much quality there is time for.
    Coarse = 32,
}

/// Settings that were asked for.
#[derive(Debug, Default)]
pub struct Asked(Cell<u8>);

impl Asked {
    /// One is asked for.
    pub(super) fn note(&self, setting: Setting) {
        self.add(setting as u8);
    }

    /// All that were; none are left.
    pub(super) fn take(&self) -> u8 {
        self.0.take()
    }

    /// More that were.
    pub(super) fn add(&self, asked: u8) {
        self.0.set(self.0.get() | asked);
    }
}

impl Settings {
    /// True if both say the same to who asked.
    pub fn same(&self, other: &Settings, asked: u8) -> bool {
        let of = |setting: Setting| asked & setting as u8 != 0;
        (!of(Setting::Tempo) || self.timing.bpm == other.timing.bpm)
            && (!of(Setting::Meter) || self.timing.beats_per_bar == other.timing.beats_per_bar)
            && (!of(Setting::Tuning) || self.tuning == other.tuning)
            && (!of(Setting::Seed) || self.seed == other.seed)
            && (!of(Setting::Fades) || self.fades == other.fades)
            && (!of(Setting::Coarse) || self.coarse == other.coarse)
    }
}

/// Tempo as arithmetic needs it.
#[derive(Clone, Copy, Debug)]
pub struct Clock<'e> {
    beat: f64,
    asked: &'e Asked,
}

impl<'e> Clock<'e> {
    /// A clock of so many seconds a beat; who reads it is noted.
    pub fn new(beat: f64, asked: &'e Asked) -> Clock<'e> {
        Clock { beat, asked }
    }

    /// Seconds of a beat.
    pub fn beat(self) -> f64 {
        self.asked.note(Setting::Tempo);
        self.beat
    }
}

impl Elab<'_> {
    /// Tempo as arithmetic needs it.
    pub(super) fn clock(&self) -> Clock<'_> {
        Clock::new(60.0 / self.settings.timing.bpm.to_f64(), &self.asked)
    }

    /// Beats per minute, as the session begins.
    pub(super) fn bpm(&self) -> Ratio {
        self.asked.note(Setting::Tempo);
        self.settings.timing.bpm
    }

    /// Beats of a bar, as the session begins.
    pub(super) fn beats_per_bar(&self) -> Ratio {
        self.asked.note(Setting::Meter);
        self.settings.timing.beats_per_bar
    }

    /// Bars in a second, as the session begins.
    pub(super) fn bars_per_second(&self) -> Ratio {
        self.bpm() / Ratio::int(60) / self.beats_per_bar()
    }

    /// The session's tuning, for scales without one of their own.
    pub(super) fn default_tuning(&self) -> Option<Vec<f64>> {
        self.asked.note(Setting::Tuning);
        self.settings.tuning.clone()
    }

    /// Where chance starts.
    pub(super) fn seed(&self) -> u64 {
        self.asked.note(Setting::Seed);
        self.settings.seed
    }

    /// True if a song has sections that fade into each other.
    pub(super) fn fades(&self) -> bool {
        self.asked.note(Setting::Fades);
        self.settings.fades
    }

    /// A factor as there is time for it: halved so many times, 1 at least.
    pub(super) fn in_time(&self, factor: f64) -> f64 {
        self.asked.note(Setting::Coarse);
        (0..self.settings.coarse).fold(factor, |factor, _| if factor < 2.0 { factor } else { (factor / 2.0).floor() })
    }

    /// To change what a text sets.
    pub(super) fn set(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }

    /// Settings are known; where they are those of the text before, they are one with them.
    pub(super) fn settled_settings(&mut self) {
        match &self.parts.settings {
            Some(before) if *before == self.settings => self.settings = Arc::clone(before),
            _ => self.parts.settings = Some(Arc::clone(&self.settings)),
        }
    }

    /// True if what asked for settings under others would be told the same now.
    pub(super) fn would_be_told(&self, asked: u8, under: &Arc<Settings>) -> bool {
        asked == 0 || Arc::ptr_eq(under, &self.settings) || self.settings.same(under, asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_compared() {
        let timing = Timing { bpm: Ratio::int(120), beats_per_bar: Ratio::int(4) };
        let settings = Settings { timing, tuning: None, seed: 1, fades: false, coarse: 0 };
        let faster = Settings { timing: Timing { bpm: Ratio::int(121), ..timing }, ..settings.clone() };
        let asked = Asked::default();
        assert!(settings.same(&faster, asked.take()));
        asked.note(Setting::Seed);
        asked.note(Setting::Meter);
        assert!(settings.same(&faster, asked.take()));
        Clock::new(0.5, &asked).beat();
        assert!(!settings.same(&faster, asked.take()));
        assert_eq!(asked.take(), 0);
    }
}
