//! What the model writes: the file, takes, and what was moved or launched as text.

use super::super::act::Act;
use super::super::steps::between;
use super::Model;
use crate::cli::work::write_whole;
use modurust_runtime::command::Command;
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::performance::capture;
use std::time::{SystemTime, UNIX_EPOCH};

impl Model {
    /// The text is the one that played last, and the file may say something else.
    pub fn resume(&mut self, saved: String) {
        self.saved = saved;
        if self.unsaved() {
            self.say(format!("the text is the one that played last: {} has another", self.file));
        }
    }

    /// Writes the text and the layout.
    pub fn save(&mut self) {
        let layout = layout_file(&self.file);
        let places = super::super::hex::pruned(&self.layout, &self.document);
        let placed = || if self.layout.is_empty() { Ok(()) } else { write_whole(&layout, &places) };
        match write_whole(&self.file, &self.text).and_then(|()| placed()) {
            Ok(()) => {
                self.saved.clone_from(&self.text);
                self.say(format!("saved {}", self.file));
            }
            Err(why) => self.complain(format!("{} cannot be written: {why}", self.file)),
        }
    }

    /// Writes what hands have moved into the text.
    pub fn bake(&mut self) {
        let moved = std::mem::take(&mut self.overlay);
        let baked = super::super::bake::bake(&self.text, &self.feedback, &moved);
        let count = moved.len() - baked.left.len();
        self.overlay = moved.into_iter().filter(|(name, _)| baked.left.contains(name)).collect();
        match (count, baked.left.is_empty()) {
            (0, true) => self.say("no number was moved"),
            (0, false) => self.complain("what was moved is no number of this text: it stays as it is"),
            _ => self.edit(between(&self.text, &baked.text), format!("{count} numbers written")),
        }
    }

    /// Keeps the last half minute.
    pub fn keep_take(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let take = std::path::Path::new(&self.file).with_file_name(format!("take-{now}.wav"));
        self.act(Act::Send(Command::Keep(take)));
    }

    /// Writes what was launched as text that plays it again.
    pub fn capture(&mut self) {
        let launched = self.player.picture().launched;
        let Some(program) = self.feedback.program.clone().filter(|_| !launched.is_empty()) else {
            return self.say("nothing was launched yet");
        };
        let end = Ratio::from_f64(self.feedback.cycle.ceil());
        let text = capture(&program.timeline, &launched, Ratio::ZERO, end);
        let gap = if self.text.ends_with('\n') { "\n" } else { "\n\n" };
        let at = self.text.len();
        let edit = Edit { splices: vec![Splice { range: at..at, text: format!("{gap}{text}") }] };
        self.edit(edit, "what was launched is written".into());
    }
}

/// The file that says where hexes lie.
pub fn layout_file(file: &str) -> String {
    format!("{file}.layout")
}
