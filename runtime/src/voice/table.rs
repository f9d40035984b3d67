//! All units of a program, and for which of them there is anything to do.
//!
//! A set has many tracks, and most of them play nothing most of the time. A unit of which nothing is held, drawn or to be told is *at
//! rest*: it is found to be so once, and no quantum comes by again until somebody has had it in his hands.

use super::UnitState;
use crate::outbox::Outlet;
use modurust_compiler::program::{FieldSource, Unit};

/// Units in a word of a set.
const WORD: usize = u64::BITS as usize;

/// All units of a program.
#[derive(Debug, Default)]
pub struct UnitTable {
    /// In the order of the program's units.
    units: Vec<UnitState>,
    /// Those that are not known to rest, a bit each.
    astir: Box<[u64]>,
}

impl UnitTable {
    /// At their defaults, and looked at in the first quantum.
    pub fn new(units: &[Unit]) -> UnitTable {
        let astir = vec![u64::MAX; units.len().div_ceil(WORD)].into();
        UnitTable { units: units.iter().map(UnitState::new).collect(), astir }
    }

    /// Number of units.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// A unit, to be looked at.
    pub fn get(&self, unit: usize) -> Option<&UnitState> {
        self.units.get(unit)
    }

    /// All units, to be looked at.
    pub fn iter(&self) -> impl Iterator<Item = &UnitState> {
        self.units.iter()
    }

    /// A unit, which is astir from now on.
    pub fn get_mut(&mut self, unit: usize) -> Option<&mut UnitState> {
        if let Some(word) = self.astir.get_mut(unit / WORD) {
            *word |= 1 << (unit % WORD);
        }
        self.units.get_mut(unit)
    }

    /// All units, which are astir from now on.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut UnitState> {
        self.astir.fill(u64::MAX);
        self.units.iter_mut()
    }

    /// Goes through the units that are not known to rest.
    pub fn each_astir(&mut self, mut f: impl FnMut(usize, &mut UnitState)) {
        for (first, word) in (0..).step_by(WORD).zip(&self.astir) {
            let mut set = *word;
            while set != 0 {
                let unit = first + set.trailing_zeros() as usize;
                set &= set - 1;
                // The last word has bits of more units than there are.
                let Some(state) = self.units.get_mut(unit) else { break };
                f(unit, state);
            }
        }
    }

    /// Finds out who rests: to be called when a quantum has been told, before its sound.
    pub fn settle(&mut self) {
        for (first, word) in (0..).step_by(WORD).zip(&mut self.astir) {
            let mut set = *word;
            while set != 0 {
                let bit = set & set.wrapping_neg();
                let unit = first + set.trailing_zeros() as usize;
                set &= set - 1;
                if self.units.get(unit).is_none_or(UnitState::at_rest) {
                    *word &= !bit;
                }
            }
        }
    }

    /// Number of units that are not known to rest.
    pub fn astir(&self) -> usize {
        self.astir.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// True if another list of units fits these voices and rows as they are.
    pub fn fits(&self, units: &[Unit]) -> bool {
        self.units.len() == units.len()
            && self.units.iter().zip(units).all(|(state, unit)| {
                state.kind == unit.kind
                    && state.outlet == unit.outlet.as_deref().map(Outlet::of)
                    && state.rows.len() == unit.fields.len()
                    && state.rows.first().is_none_or(|r| r.values.len() == unit.voices.max(1) as usize)
                    && state.gates.iter().zip(&unit.fields).all(|(g, f)| *g == (f.source == FieldSource::Gate))
            })
    }
}
