//! Texts that are kept compiled beside what plays, to be switched on in a moment.
//!
//! A slot holds what came of compiling its texts: code, patterns and sounds, no memory of delay lines. Switching is publishing, so it takes no
//! longer than the swap, and is heard where a bar begins. The worker compiles slots when nothing is to be heard, and again when a
//! file or a sound that they may use has come. There are [`SLOTS`] of them at most, with the memory that they may have left ([`crate::swap::Apart`]).

use super::{Done, Inner};
use crate::jobs::Purpose;
use crate::swap::{Apart, Published, SLOTS};
use modurust_compiler::program::Program;
use modurust_compiler::score::Ratio;
use std::collections::BTreeMap;
use std::time::Instant;

/// What a slot holds.
struct Kept {
    texts: BTreeMap<String, String>,
    /// What came of them, as soon as they are compiled.
    done: Option<Done>,
}

/// The slots.
#[derive(Default)]
pub(super) struct Slots {
    kept: [Option<Kept>; SLOTS],
    /// Whose memory sounds.
    here: Option<usize>,
    /// What was asked to be heard before this was switched over.
    pub number: u64,
}

impl Slots {
    /// Keeps what was compiled for a slot; gives back what is to be heard.
    pub fn take(&mut self, done: Done) -> Option<Done> {
        let slot = match done.purpose {
            Purpose::Play | Purpose::Ease => return Some(done),
            Purpose::Learn => return None,
            Purpose::Keep(slot) | Purpose::Switch(slot, _) => slot,
        };
        let heard = matches!(done.purpose, Purpose::Switch(..)).then(|| done.clone());
        if let Some(kept) = self.kept.get_mut(slot).and_then(Option::as_mut).filter(|kept| kept.texts == done.texts) {
            let good = done.outcome.as_ref().is_ok_and(|outcome| outcome.program.is_some() && outcome.held.is_empty());
            kept.done = Some(done).filter(|_| good);
        }
        heard
    }

    /// What is kept of these texts for frames of this rate, as coarse as what plays.
    fn ready(&self, slot: usize, texts: &BTreeMap<String, String>, rate: u32, coarse: u8) -> Option<Done> {
        let kept = self.kept.get(slot)?.as_ref().filter(|kept| kept.texts == *texts)?;
        let program = kept.done.as_ref()?.outcome.as_ref().ok()?.program.as_ref()?;
        kept.done.clone().filter(|done| program.patch.sample_rate == rate && done.coarse == coarse)
    }
}

impl Inner {
    /// Keeps texts compiled.
    pub(super) fn store(&mut self, slot: usize, texts: BTreeMap<String, String>, plays: bool) {
        let Some(place) = self.slots.kept.get_mut(slot) else { return };
        *place = Some(Kept { texts: texts.clone(), done: None });
        if plays {
            self.slots.here = Some(slot);
            self.control.forget_left(slot);
        }
        self.job_for(Purpose::Keep(slot), Instant::now(), texts, true);
    }

    /// Compiles all slots again: something that they use may be another.
    pub(super) fn keep_slots(&self) {
        for (slot, kept) in self.slots.kept.iter().enumerate() {
            if let Some(kept) = kept {
                self.job_for(Purpose::Keep(slot), Instant::now(), kept.texts.clone(), true);
            }
        }
    }

    /// Goes over to the texts of a slot.
    pub(super) fn switch(&mut self, slot: usize, texts: BTreeMap<String, String>, apart: bool, at: Instant) {
        self.overlays.extend(texts.clone());
        let rate = self.control.playing().0.patch.sample_rate;
        let Some(ready) = self.slots.ready(slot, &texts, rate, self.tuning.coarse) else {
            return self.job_for(Purpose::Switch(slot, apart), at, self.overlays.clone(), false);
        };
        // What is being compiled is older than this.
        self.slots.number += 1;
        let ms = at.elapsed().as_secs_f64() * 1e3;
        let (purpose, number) = (Purpose::Switch(slot, apart), self.slots.number);
        self.compiled(Done { ms, at, quiet: false, purpose, number, ..ready });
        self.job_for(Purpose::Learn, at, self.overlays.clone(), true);
    }

    /// Publishes what a slot holds, where `grid` or the next bar begins.
    pub(super) fn publish_slot(
        &mut self,
        program: &Program,
        grid: Option<Ratio>,
        slot: usize,
        apart: bool,
    ) -> Option<Published> {
        let grid = grid.unwrap_or(Ratio::ONE);
        let from = self.slots.here.replace(slot);
        // The memory that sounds is that of the slot already.
        if !apart || from == Some(slot) {
            let published = self.control.publish_on(program, grid);
            self.control.forget_left(slot);
            return published;
        }
        self.control.publish_apart(program, grid, Apart { from, to: slot })
    }
}
