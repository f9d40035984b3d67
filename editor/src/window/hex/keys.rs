//! The keys of the hex view: everything that a mouse does can be done without one.
//!
//! Keys act on the hex in the cell that the arrows are at. `c` begins a wire, arrows look for its end, Tab chooses among the inputs
//! there, Enter connects. On an empty cell every letter begins the name of a new node; on a hex, letters that mean nothing do.

use super::gesture::Gesture;
use super::graph::{Role, What, Wire};
use super::knob::Knob;
use super::lattice::{Cell, Side};
use super::{HexView, Lines, Mode};
use crate::window::act::Act;
use crate::window::model::See;
use egui::{Event, Key, Modifiers, Rect, Ui};
use modurust_runtime::command::Command;

/// Pressed without anything else held; used up by it.
fn pressed(ui: &Ui, key: Key) -> bool {
    ui.input_mut(|input| input.consume_key(Modifiers::NONE, key))
}

impl HexView {
    /// What the keys of this frame do.
    pub(super) fn keys(&mut self, ui: &Ui, see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        match &self.mode {
            // The field that is typed into has them.
            Mode::Search(_) => return,
            Mode::Rename { .. } => return self.renaming(ui, see, acts),
            Mode::Connect { .. } if pressed(ui, Key::Escape) => self.mode = Mode::Idle,
            Mode::Connect { .. } if pressed(ui, Key::Enter) => self.connect(see, acts),
            _ => {}
        }
        if let Mode::Connect { choice, .. } = &mut self.mode
            && pressed(ui, Key::Tab)
        {
            *choice += 1;
        }
        self.arrows_pressed(ui, see, canvas, acts);
        if matches!(self.mode, Mode::Connect { .. }) {
            return;
        }
        if pressed(ui, Key::Num0) {
            self.fitted = false;
        }
        if pressed(ui, Key::Period) {
            self.pan += canvas.center() - self.screen(canvas, self.cursor.centre());
            self.room = egui::Vec2::ZERO;
        }
        if pressed(ui, Key::Backspace) {
            self.leave(see);
        }
        if pressed(ui, Key::Tab) {
            self.open_search(None);
        }
        let here = self.hex_at(self.cursor).map(|hex| hex.key.clone());
        match here {
            Some(key) => self.on_hex(ui, see, &key, acts),
            None if pressed(ui, Key::Enter) => self.open_search(None),
            None => {}
        }
        // The words of the frame hold here as well, where the canvas itself has the keys.
        if ui.memory(|memory| memory.focused()) == Some(super::canvas_id()) {
            while let Some(word) = see.keymap.pressed(ui.ctx(), "view") {
                acts.push(Act::Word(word));
            }
        }
        self.letters(ui);
    }

    fn arrows_pressed(&mut self, ui: &Ui, see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        let cell = self.cursor;
        let ways = [
            (Key::ArrowUp, cell.beside(Side::Top)),
            (Key::ArrowDown, cell.beside(Side::Bottom)),
            (Key::ArrowLeft, Cell::at(cell.q - 1, cell.row())),
            (Key::ArrowRight, Cell::at(cell.q + 1, cell.row())),
        ];
        for (key, to) in ways {
            if ui.input_mut(|input| input.consume_key(Modifiers::SHIFT, key)) {
                let moved = self.hex_at(cell).filter(|hex| hex.what != What::Beyond).map(|hex| hex.key.clone());
                if let Some(name) = moved.filter(|_| matches!(self.mode, Mode::Idle)) {
                    self.move_to(&name, to, acts);
                    self.reveal(to, canvas);
                }
            } else if pressed(ui, key) {
                self.go(to, see, canvas, acts);
            }
        }
    }

    /// The keys are at another cell.
    fn go(&mut self, to: Cell, _see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        self.cursor = to;
        self.param = 0;
        if let Mode::Connect { choice, .. } = &mut self.mode {
            *choice = 0;
        } else if let Some(key) = self.hex_at(to).map(|hex| hex.key.clone()) {
            self.select(&key, acts);
        }
        self.reveal(to, canvas);
    }

    fn on_hex(&mut self, ui: &Ui, see: &See<'_>, key: &str, acts: &mut Vec<Act>) {
        let hex = key.to_string();
        if pressed(ui, Key::Enter) {
            self.enter(key, see, acts);
        } else if pressed(ui, Key::C) {
            self.mode = Mode::Connect { from: hex, choice: 0 };
        } else if pressed(ui, Key::D) {
            self.ask(see, &Gesture::Duplicate { hex }, acts);
        } else if pressed(ui, Key::Delete) {
            self.ask(see, &Gesture::Delete { hex }, acts);
        } else if pressed(ui, Key::B) {
            self.ask(see, &Gesture::Bypass { hex }, acts);
        } else if pressed(ui, Key::S) {
            self.ask(see, &Gesture::Solo { hex }, acts);
        } else if pressed(ui, Key::X) {
            self.extract(key, see, acts);
        } else if pressed(ui, Key::N) {
            self.ask(see, &Gesture::Inline { hex }, acts);
        } else if pressed(ui, Key::R) {
            let to = self.hex_at(self.cursor).map_or(String::new(), |hex| hex.name.clone());
            self.mode = Mode::Rename { hex, to };
        } else if pressed(ui, Key::M) {
            self.learn(key, see, acts);
        } else if pressed(ui, Key::W) {
            self.lines = match self.lines {
                Lines::All => Lines::Selection,
                Lines::Selection => Lines::None,
                Lines::None => Lines::All,
            };
            acts.push(Act::Say(format!("{} are drawn", self.lines.drawn())));
        } else if pressed(ui, Key::I) {
            self.follow(key, |wire| (wire.to, wire.from), acts);
        } else if pressed(ui, Key::O) {
            self.follow(key, |wire| (wire.from, wire.to), acts);
        } else if pressed(ui, Key::U) {
            self.wire_in(key, see, acts, |wire| Gesture::Disconnect { wire });
        } else if pressed(ui, Key::V) {
            self.wire_in(key, see, acts, |wire| Gesture::Split { wire });
        }
        self.turn(ui, see, acts);
    }

    /// To the first neighbour by wire.
    fn follow(&mut self, key: &str, ends: impl Fn(&Wire) -> (usize, usize), acts: &mut Vec<Act>) {
        let here = self.view.find(key);
        let other = self.view.wires.iter().map(ends).find(|(end, other)| Some(*end) == here && end != other);
        match other.map(|(_, other)| self.view.hexes[other].key.clone()) {
            Some(key) => self.select(&key, acts),
            None => acts.push(Act::Say(format!("no wire leads there from {key}"))),
        }
    }

    /// Does something to the first wire into a hex.
    fn wire_in(&mut self, key: &str, see: &See<'_>, acts: &mut Vec<Act>, gesture: impl Fn(usize) -> Gesture) {
        let here = self.view.find(key);
        match self.view.wires.iter().position(|wire| Some(wire.to) == here && wire.role != Role::Use) {
            Some(wire) => drop(self.ask(see, &gesture(wire), acts)),
            None => acts.push(Act::Say(format!("no wire leads into {key}"))),
        }
    }

    fn extract(&mut self, key: &str, see: &See<'_>, acts: &mut Vec<Act>) {
        let Some(hex) = self.view.hex(key) else { return };
        let span = match hex.what {
            What::Chip => Some(hex.span.clone()),
            // The innermost call: what the others are fed by.
            _ => hex.chips.iter().skip(1).map(|chip| chip.span.clone()).min_by_key(|span| span.len()),
        };
        match span {
            Some(span) => drop(self.ask(see, &Gesture::Extract { span }, acts)),
            None => acts.push(Act::Say(format!("`{key}` is one call: there is nothing to extract"))),
        }
    }

    /// The next thing that moves outside moves a number of this hex.
    fn learn(&mut self, key: &str, see: &See<'_>, acts: &mut Vec<Act>) {
        let inside = |name: &str| name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let program = see.feedback.program.as_ref();
        let params = program.map_or(&[][..], |program| &program.patch.graph.params);
        let names = params.iter().map(|param| &*param.name);
        let mut known: Vec<&str> = names.filter(|name| inside(name)).collect();
        let strip = self.view.hex(key).is_some_and(|hex| matches!(hex.what, What::Track | What::Bus));
        let level = format!("{key}.level");
        if strip {
            known.insert(0, &level);
        }
        match known.first() {
            Some(name) => {
                acts.push(Act::Say(format!("move a controller: it will move {name}")));
                acts.push(Act::Send(Command::Learn(Some(name.to_string()))));
            }
            None => acts.push(Act::Say(format!(
                "nothing of `{key}` can be moved by hand: make a number of it `knob(..)`, or learn on a track"
            ))),
        }
    }

    /// Plus and minus on the number that is chosen, `[` and `]` choose.
    fn turn(&mut self, ui: &Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        let Some(number) = self.at.get(&self.cursor).copied() else { return };
        let params = self.params(number);
        if pressed(ui, Key::CloseBracket) {
            self.param = (self.param + 1) % params.len().max(1);
        }
        if pressed(ui, Key::OpenBracket) {
            self.param = (self.param + params.len().max(1) - 1) % params.len().max(1);
        }
        let mut steps = 0.0;
        for (key, step) in
            [(Key::Plus, 1.0), (Key::Equals, 1.0), (Key::Minus, -1.0), (Key::PageUp, 10.0), (Key::PageDown, -10.0)]
        {
            let held = ui.input_mut(|input| {
                input.consume_key(Modifiers::NONE, key) || key == Key::Plus && input.consume_key(Modifiers::SHIFT, key)
            });
            steps += if held { step } else { 0.0 };
        }
        if steps == 0.0 {
            return;
        }
        let Some((port, at)) = params.get(self.param.min(params.len().saturating_sub(1))) else {
            acts.push(Act::Say("there is no number here to turn".into()));
            return;
        };
        let written = see.text.get(at.clone()).unwrap_or("");
        match Knob::of(&self.view.hexes[number].ports[*port], written) {
            Some(knob) => {
                let value = knob.stepped(steps);
                self.ask(see, &Gesture::Set { at: at.clone(), value }, acts);
            }
            None => acts.push(Act::Say(format!("`{written}` cannot be turned: change it in the text"))),
        }
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
            let gesture = Gesture::Rename { hex: std::mem::take(hex), to: std::mem::take(to) };
            self.mode = Mode::Idle;
            self.ask(see, &gesture, acts);
        }
    }

    /// A letter that nothing else was meant by begins the name of a new node.
    fn letters(&mut self, ui: &Ui) {
        let on_hex = self.hex_at(self.cursor).is_some();
        // Letters that are commands on a hex are still there as text in this frame.
        let commands = "cdbsxnrmwiouv";
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
        let held = ui.input(|input| input.modifiers.command || input.modifiers.alt);
        let meant = on_hex && commands.contains(&typed);
        if !typed.is_empty() && !held && !meant && matches!(self.mode, Mode::Idle) {
            self.open_search(Some(typed));
        }
    }
}
