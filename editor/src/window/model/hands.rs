//! What hands on the hexes ask of the model: changes of text and places together, and what is heard before it is written.

use super::super::look::{self, Split, View};
use super::super::monitor::FRAMES;
use super::Model;
use modurust_runtime::command::Command;
use modurust_runtime::compiler::lang::edit::Edit;
use std::sync::Arc;

/// Load above which nobody looks at waves: visuals are shed before sound.
const BUSY: f32 = 0.8;

/// The output that is looked at, and its last frames.
#[derive(Default)]
pub(super) struct Watched {
    out: Option<usize>,
    /// Oldest first.
    pub wave: Vec<[f32; 2]>,
}

impl Model {
    /// Looks at the output of what is selected.
    pub(super) fn watch(&mut self) {
        let Some(meters) = self.player.meters() else { return };
        let free = self.feedback.device.load < BUSY;
        let name = self.selected().map(|name| if name == "out" { "master" } else { name });
        let level = name.filter(|_| free).and_then(|name| look::level(&self.feedback, name));
        let out = level.map(|level| level.out);
        if out != self.watched.out {
            self.watched = Watched { out, wave: Vec::new() };
            match out {
                Some(out) => meters.scope.open(out),
                None => meters.scope.close(),
            }
        } else if out.is_some() {
            self.watched.wave = meters.scope.read(FRAMES);
        }
    }

    /// A change of the text and of where hexes lie: one step.
    pub(super) fn draw(&mut self, edit: Edit, layout: Arc<str>, say: String) {
        let before = Arc::clone(&self.layout);
        let steps = self.steps.past.len();
        self.edit(edit, say.clone());
        if self.steps.past.len() == steps {
            return self.place(layout, say);
        }
        self.layout = Arc::clone(&layout);
        if let Some(step) = self.steps.past.last_mut() {
            step.layout = Some((before, layout));
        }
    }

    /// Plays the text with a change that nobody has made yet; without one, what is written plays again. Where something was typed that
    /// does not play, it stays unheard.
    pub(super) fn try_out(&mut self, edit: Option<&Edit>) {
        let text = match edit {
            Some(edit) if self.text == self.running => edit.apply(&self.text),
            Some(_) => None,
            None => Some(self.running.clone()),
        };
        if let Some(text) = text {
            self.player.send(Command::Text { file: self.file.clone(), text });
        }
    }

    /// Gives an order to the hexes, which get the keys.
    pub fn on_hexes(&mut self, word: &'static str) {
        self.look.view = View::Hex;
        if self.look.split == Split::Code {
            self.look.split = Split::Both;
        }
        self.wants.focus_view = true;
        self.wants.hex = Some(word);
    }
}
