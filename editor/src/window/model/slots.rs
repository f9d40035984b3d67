//! Slots A to H: texts of the history that are kept compiled beside what plays.
//!
//! The history says what a slot holds, the session keeps it compiled and goes over to it where a bar begins. Going there is an edit of the text like any
//! other, so it can be taken back; only the way to the engine is shorter.

use super::super::history::Commit;
use super::Model;
use modurust_runtime::command::Command;
use std::collections::BTreeMap;

impl Model {
    /// Has all that slots hold compiled.
    pub(super) fn keep_slots(&mut self) {
        for slot in 0..super::super::history::SLOTS {
            if let Some(commit) = self.history.slot(slot) {
                let (texts, plays) = (self.texts_of(commit), *commit.text == *self.page.text);
                self.player.send(Command::Store { slot, texts, plays });
            }
        }
    }

    /// State of their own, or what sounds goes on.
    pub fn slot_state(&mut self) {
        self.look.apart = !self.look.apart;
        self.say(match self.look.apart {
            true => "apart: each slot goes on where it stood when it was left",
            false => "carried: what sounds goes on from slot to slot",
        });
    }

    pub(super) fn slot(&mut self, slot: usize, store: bool) {
        let letter = (b'A' + slot as u8) as char;
        if store {
            match self.history.store(slot).map(|id| (id, self.history.slot(slot).cloned())) {
                Some((id, Some(commit))) => {
                    let texts = self.texts_of(&commit);
                    self.player.send(Command::Store { slot, texts, plays: true });
                    self.say(format!("slot {letter} holds {id}"));
                }
                _ => self.complain("nothing has played yet"),
            }
            return;
        }
        let Some(id) = self.history.slot(slot).map(|commit| commit.id) else {
            return self.complain(format!("slot {letter} is empty"));
        };
        (self.through, self.switching) = (Some(slot), Some((slot, false)));
        self.go(id, format!("slot {letter}"));
        if self.through.is_some() {
            // The text is that of the slot already: what differs is the state, or what plays of it.
            self.at_first(|model| model.play(format!("slot {letter}")));
        }
    }

    /// The texts of a commit, by file.
    fn texts_of(&self, commit: &Commit) -> BTreeMap<String, String> {
        let others = self.named(&commit.files).into_iter().map(|(file, text)| (file, text.to_string()));
        others.chain([(self.root.clone(), commit.text.to_string())]).collect()
    }

    /// The text that plays from now on, on its way to the engine.
    pub(super) fn command(&mut self) -> Command {
        match self.through.take() {
            Some(slot) => Command::Switch { slot, texts: self.texts(), apart: self.look.apart },
            None => Command::Text { file: self.page.file.clone(), text: self.page.running.clone() },
        }
    }
}
