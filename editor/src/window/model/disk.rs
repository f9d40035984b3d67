//! What the model writes: the file, takes, and what was moved or launched as text.

use super::super::act::Act;
use super::super::steps::between;
use super::Model;
use crate::cli::work::write_whole;
use modurust_runtime::command::Command;
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::performance::capture;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

impl Model {
    /// The text is the one that played last, and the file may say something else. So may the others, whose texts the history has.
    pub fn resume(&mut self, saved: String) {
        self.page.saved = saved;
        let files = self.history.head().map(|head| Arc::clone(&head.files)).unwrap_or_default();
        for (file, text) in self.named(&files) {
            let take = |model: &mut Model| {
                if model.page.text != *text {
                    model.put(text.to_string());
                    model.page.running = text.to_string();
                    model.player.send(Command::Text { file: model.page.file.clone(), text: text.to_string() });
                }
            };
            if self.within(&file, take).is_none() {
                self.complain(format!("{file} is not there any more"));
            }
        }
        if self.unsaved() {
            self.say(format!("the text is the one that played last: {} has another", self.page.file));
        }
    }

    /// Writes the file that is open, and all others that hold something else.
    pub fn save(&mut self) {
        let (mut saved, mut wrong) = (Vec::new(), None);
        let open = self.page.file.clone();
        for page in std::iter::once(&mut self.page).chain(&mut self.shelf) {
            if page.file != open && page.text == page.saved {
                continue;
            }
            let places = super::super::hex::pruned(&page.layout, &page.document);
            let layout = layout_file(&page.file);
            let placed = || if page.layout.is_empty() { Ok(()) } else { write_whole(&layout, &places) };
            match write_whole(&page.file, &page.text).and_then(|()| placed()) {
                Ok(()) => {
                    page.saved.clone_from(&page.text);
                    saved.push(page.file.clone());
                }
                Err(why) => wrong = Some(format!("{} cannot be written: {why}", page.file)),
            }
        }
        self.find_tabs();
        match wrong {
            Some(wrong) => self.complain(wrong),
            None => self.say(format!("saved {}", saved.join(", "))),
        }
    }

    /// Writes what hands have moved into the text.
    pub fn bake(&mut self) {
        self.at_first(Model::bake_here);
    }

    fn bake_here(&mut self) {
        let moved = std::mem::take(&mut self.overlay);
        let baked = super::super::bake::bake(&self.page.text, &self.feedback, &moved);
        let count = moved.len() - baked.left.len();
        self.overlay = moved.into_iter().filter(|(name, _)| baked.left.contains(name)).collect();
        match (count, baked.left.is_empty()) {
            (0, true) => self.say("no number was moved"),
            (0, false) => self.complain("what was moved is no number of this text: it stays as it is"),
            _ => self.edit(between(&self.page.text, &baked.text), format!("{count} numbers written")),
        }
    }

    /// Keeps the last half minute.
    pub fn keep_take(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let take = std::path::Path::new(&self.page.file).with_file_name(format!("take-{now}.wav"));
        self.act(Act::Send(Command::Keep(take)));
    }

    /// Writes what was launched as text that plays it again.
    pub fn capture(&mut self) {
        self.at_first(Model::capture_here);
    }

    fn capture_here(&mut self) {
        let launched = self.player.picture().launched;
        let Some(program) = self.feedback.program.clone().filter(|_| !launched.is_empty()) else {
            return self.say("nothing was launched yet");
        };
        let end = Ratio::from_f64(self.feedback.cycle.ceil());
        let text = capture(&program.timeline, &launched, Ratio::ZERO, end);
        let gap = if self.page.text.ends_with('\n') { "\n" } else { "\n\n" };
        let at = self.page.text.len();
        let edit = Edit { splices: vec![Splice { range: at..at, text: format!("{gap}{text}") }] };
        self.edit(edit, "what was launched is written".into());
    }
}

/// The file that says where hexes lie.
pub fn layout_file(file: &str) -> String {
    format!("{file}.layout")
}
