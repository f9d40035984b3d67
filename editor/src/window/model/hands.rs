//! What hands on the hexes ask of the model: changes of text and places together, and what is heard before it is written.

use super::super::hex::Around;
use super::super::look::{self, Split, View, strip};
use super::super::monitor::{FRAMES, Side, Watch};
use super::Model;
use modurust_runtime::command::Command;
use modurust_runtime::compiler::lang::edit::Edit;
use modurust_runtime::meter::SCOPES;
use std::sync::Arc;

/// Load above which nobody looks at waves: visuals are shed before sound.
const BUSY: f32 = 0.8;

/// Levels of the past that are kept: three seconds of them.
const PAST: usize = 90;

/// What is looked at.
#[derive(Default)]
pub(super) struct Watched {
    around: Around,
    /// The text and the selection that the names are of.
    of: Option<(u64, String)>,
    names: Vec<(String, Side)>,
    /// As views see it.
    pub list: Vec<Watch>,
}

impl Model {
    /// Looks at what is selected, at what feeds it and at what it feeds: as many as there are scopes, half of them on either side.
    pub(super) fn watch(&mut self) {
        let Some(meters) = self.player.meters() else { return };
        let selected = self.selected().unwrap_or("").to_string();
        if self.watched.of.as_ref().is_none_or(|(rev, name)| *rev != self.page.rev || *name != selected) {
            let [ins, outs] = self.watched.around.of(&self.page.document, &selected);
            let half = SCOPES / 2;
            let heard = |name: &String| look::level(&self.feedback, strip(name)).is_some();
            let side = |names: Vec<String>, side: Side, most: usize| {
                names.into_iter().filter(heard).take(most).map(move |name| (name, side)).collect::<Vec<_>>()
            };
            let mut names = side(ins, Side::In, half);
            names.push((selected.clone(), Side::Here));
            names.extend(side(outs, Side::Out, half - 1));
            self.watched.names = names;
            self.watched.of = Some((self.page.rev, selected));
        }
        // What is heard is worth more than what is seen.
        let free = self.feedback.device.load < BUSY;
        let mut before = std::mem::take(&mut self.watched.list);
        let mut scopes = meters.scopes.iter();
        for (name, side) in &self.watched.names {
            let Some(scope) = scopes.next() else { break };
            let Some(level) = look::level(&self.feedback, strip(name)).filter(|_| free) else {
                scope.close();
                continue;
            };
            let known = before.iter().position(|watch| watch.name == *name);
            let mut watch = known.map(|at| before.swap_remove(at)).unwrap_or_default();
            (watch.name, watch.side) = (name.clone(), *side);
            if scope.opened() == Some(level.out) {
                watch.wave = scope.read(FRAMES);
            } else {
                scope.open(level.out);
            }
            if watch.past.len() >= PAST {
                watch.past.pop_front();
            }
            watch.past.push_back(level.peak[0].max(level.peak[1]));
            self.watched.list.push(watch);
        }
        scopes.for_each(modurust_runtime::scope::Scope::close);
    }

    /// A change of the text and of where hexes lie: one step.
    pub(super) fn draw(&mut self, edit: Edit, layout: Arc<str>, say: String) {
        let before = Arc::clone(&self.page.layout);
        let steps = self.steps.past.len();
        self.edit(edit, say.clone());
        if self.steps.past.len() == steps {
            return self.place(layout, say);
        }
        self.page.layout = Arc::clone(&layout);
        if let Some(step) = self.steps.past.last_mut() {
            step.layout = Some((before, layout));
        }
    }

    /// Plays the text with a change that nobody has made yet; without one, what is written plays again. Where something was typed that
    /// does not play, it stays unheard.
    pub(super) fn try_out(&mut self, edit: Option<&Edit>) {
        let text = match edit {
            Some(edit) if self.page.text == self.page.running => edit.apply(&self.page.text),
            Some(_) => None,
            None => Some(self.page.running.clone()),
        };
        if let Some(text) = text {
            self.player.send(Command::Text { file: self.page.file.clone(), text });
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
