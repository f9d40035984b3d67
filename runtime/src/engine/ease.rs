//! Leaving out what is missed the least, when there is no time for everything ([`crate::overload`]).
//!
//! A level is set between two blocks, and takes effect with the next quantum. Whoever has set none gets every bit as always.

use super::{Engine, State};
use crate::overload::{self, MOST, QUALITY};
use modurust_compiler::graph::QUANTUM;
use std::sync::atomic::Ordering::Relaxed;

/// Time in which the gate of a voice that is left out comes down, seconds.
const GONE: f64 = 0.005;

/// How much is left out.
#[derive(Default)]
pub(super) struct Ease {
    level: u8,
    /// Another level than in the last quantum, or other voices.
    new: bool,
}

impl Ease {
    /// Meters and scopes stand still.
    pub fn meters(&self) -> bool {
        self.level > QUALITY
    }

    /// There is no time for two programs side by side.
    pub fn hurries(&self) -> bool {
        self.level > 0
    }

    /// There are other voices.
    pub fn again(&mut self) {
        self.new = self.level > 0;
    }
}

impl Engine {
    /// Leaves out as much as a level of the [watchdog](overload::Watchdog) says, from the next quantum on; 0 brings everything back.
    pub fn ease(&mut self, level: u8) {
        let ease = &mut self.state.ease;
        let level = level.min(MOST);
        ease.new |= level != ease.level;
        ease.level = level;
        self.meters.eased.store(level, Relaxed);
    }

    /// The level in force.
    pub fn eased(&self) -> u8 {
        self.state.ease.level
    }

    /// Voices of poly players that play a note, to which notes may go, and in all.
    pub fn voices(&self) -> [usize; 3] {
        let poly = self.active.table.iter().filter(|unit| unit.voices.len() > 1);
        poly.fold([0; 3], |[held, open, all], unit| {
            let playing = unit.voices.iter().filter(|voice| voice.held).count();
            [held + playing, open + unit.open_voices(), all + unit.voices.len()]
        })
    }

    /// Closes and opens voices, and lets the gates of closed ones come down. The rows of the coming quantum are level.
    pub(super) fn shed(&mut self) {
        let State { ease, rate, frame, .. } = &mut self.state;
        let quanta = (GONE * f64::from(*rate) / QUANTUM as f64).ceil().clamp(1.0, 255.0) as u8;
        let new = std::mem::take(&mut ease.new);
        let table = &mut self.active.table;
        if new {
            for unit in table.iter_mut() {
                unit.keep_open(overload::open(unit.voices.len(), ease.level), quanta);
            }
        }
        table.each_astir(|_, unit| unit.fade_closed(*frame, quanta));
    }
}
