//! The keys of the hex view: everything that a mouse does can be done without one.
//!
//! Which key does what is a matter of the keymap (context `hex`), whose words are [`super::orders`]. Here is what belongs to keys
//! themselves: what holds while a wire looks for its end or a name is typed, and letters that begin the name of a new node, on an empty
//! cell all of them, on a hex those that are no orders.

use super::gesture::Gesture;
use super::graph::What;
use super::orders::Order;
use super::{HexView, Mode};
use crate::window::act::Act;
use crate::window::keymap::Binding;
use crate::window::model::See;
use egui::{Event, Key, Modifiers, Ui};

/// Pressed without anything else held; used up by it.
fn pressed(ui: &Ui, key: Key) -> bool {
    ui.input_mut(|input| input.consume_key(Modifiers::NONE, key))
}

/// A letter, with nothing held: the beginning of a name where no hex is.
fn letter(binding: &Binding) -> bool {
    let name = binding.keys.logical_key.name();
    binding.keys.modifiers.is_none() && name.len() == 1 && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

impl HexView {
    /// What the keys of this frame do.
    pub(super) fn keys(&mut self, ui: &Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        match &self.mode {
            // The field that is typed into has them.
            Mode::Search(_) | Mode::Write(_) => return,
            Mode::Rename { .. } => return self.renaming(ui, see, acts),
            Mode::Connect { .. } if pressed(ui, Key::Escape) => self.mode = Mode::Idle,
            Mode::Connect { .. } if pressed(ui, Key::Enter) => self.connect(see, acts),
            _ => {}
        }
        let connecting = matches!(self.mode, Mode::Connect { .. });
        if let Mode::Connect { choice, .. } = &mut self.mode
            && pressed(ui, Key::Tab)
        {
            *choice += 1;
        }
        let on_hex = self.hex_at(self.cursor).is_some();
        let fits = |binding: &Binding| match Order::of(binding.word) {
            Some(order) if connecting => order.connecting(),
            _ => !connecting && (on_hex || !letter(binding)),
        };
        while let Some(word) = see.keymap.pressed_if(ui.ctx(), "hex", fits) {
            match Order::of(word) {
                Some(order) => self.orders.push_back(order),
                None => acts.push(Act::Word(word)),
            }
        }
        if connecting {
            return;
        }
        // The words of the frame hold here as well, where the canvas itself has the keys.
        if ui.memory(|memory| memory.focused()) == Some(super::canvas_id()) {
            while let Some(word) = see.keymap.pressed(ui.ctx(), "view") {
                acts.push(Act::Word(word));
            }
        }
        self.letters(ui, see);
    }

    /// Ends a wire at the hex that the keys are at.
    fn connect(&mut self, see: &See<'_>, acts: &mut Vec<Act>) {
        let Mode::Connect { from, choice } = std::mem::take(&mut self.mode) else { return };
        let Some(number) = self.at.get(&self.cursor).copied() else {
            acts.push(Act::Say("a wire ends at a hex".into()));
            self.mode = Mode::Connect { from, choice };
            return;
        };
        let free = self.free_ports(number, &from);
        let to = self.view.hexes[number].key.clone();
        match free.get(choice % free.len().max(1)) {
            Some(port) => {
                self.ask(see, &Gesture::Connect { from, to, port: *port }, acts);
            }
            None if self.view.hex(&from).is_some_and(|hex| matches!(hex.what, What::Track | What::Bus)) => {
                acts.push(Act::Say(format!(
                    "not done: `{from}` is a strip of the mixer: it can only be sent to a bus"
                )));
            }
            None => acts.push(Act::Say(format!("not done: `{to}` takes nothing in"))),
        }
    }

    fn renaming(&mut self, ui: &Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        let Mode::Rename { hex, to } = &mut self.mode else { return };
        let typed: String = ui.input_mut(|input| {
            let mut typed = String::new();
            input.events.retain(|event| match event {
                Event::Text(text) => {
                    typed.push_str(text);
                    false
                }
                _ => true,
            });
            typed
        });
        to.extend(typed.chars().filter(|c| c.is_alphanumeric() || *c == '_'));
        if pressed(ui, Key::Backspace) {
            to.pop();
        }
        if pressed(ui, Key::Escape) {
            self.mode = Mode::Idle;
        } else if pressed(ui, Key::Enter) {
            let (hex, to) = (std::mem::take(hex), std::mem::take(to));
            self.mode = Mode::Idle;
            self.rename(see, hex, to, acts);
        }
    }

    /// A letter that nothing else was meant by begins the name of a new node.
    fn letters(&mut self, ui: &Ui, see: &See<'_>) {
        let typed = ui.input_mut(|input| {
            let mut typed = String::new();
            input.events.retain(|event| match event {
                Event::Text(text) if text.chars().all(|c| c.is_ascii_alphabetic()) => {
                    typed.push_str(text);
                    false
                }
                _ => true,
            });
            typed
        });
        // Letters that are orders on a hex are still there as text in this frame.
        let order = |binding: &Binding| {
            binding.context == "hex" && letter(binding) && binding.keys.logical_key.name().eq_ignore_ascii_case(&typed)
        };
        let meant = self.hex_at(self.cursor).is_some() && see.keymap.bindings.iter().any(order);
        let held = ui.input(|input| input.modifiers.command || input.modifiers.alt);
        if !typed.is_empty() && !held && !meant && matches!(self.mode, Mode::Idle) && self.orders.is_empty() {
            self.open_search(Some(typed));
        }
    }
}
