//! What can be asked of the hexes by a word: the table between the keymap, the palette and what is done.
//!
//! Every word begins with `hex-`, so that the palette and the help find them together. Letters are orders on a hex alone: in an empty cell they
//! begin the name of a new node. An order that changes the text is the last of its frame, for the next one has to see what it did.

use super::gesture::Gesture;
use super::graph::{Role, What, Wire};
use super::lattice::{Cell, Side};
use super::turn::Hand;
use super::{HexView, Lines, Mode};
use crate::window::act::Act;
use crate::window::model::See;
use egui::{Rect, Ui};
use modurust_runtime::command::Command;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// The keys go to the cell on a side: columns and rows.
    Go(i32, i32),
    /// The hex moves there.
    Move(i32, i32),
    /// Shows what is inside.
    Enter,
    /// Out again.
    Leave,
    /// Begins a wire.
    Connect,
    /// Looks for a hex by name.
    Find,
    /// Looks for a node.
    Add,
    /// Types what an input is.
    Write,
    /// Once more.
    Duplicate,
    /// Away with it.
    Delete,
    /// What comes in goes out.
    Bypass,
    /// This alone.
    Solo,
    /// A name for a part.
    Extract,
    /// Where it is used.
    Inline,
    /// Another name.
    Rename,
    /// By a controller.
    Learn,
    /// Another colour.
    Recolour,
    /// Looked at while it sounds.
    Monitor,
    /// Which lines are drawn.
    Lines,
    /// To what feeds it.
    Inputs,
    /// To what it feeds.
    Outputs,
    /// Takes the first wire away.
    Unplug,
    /// A name for the first wire.
    Split,
    /// Another number: so many on.
    Choose(isize),
    /// Turns the number: so many hundredths.
    Turn(i32),
    /// All of it.
    Fit,
    /// This hex in the middle.
    Centre,
}

/// The words.
const ORDERS: &[(&str, Order)] = &[
    ("hex-up", Order::Go(0, -1)),
    ("hex-down", Order::Go(0, 1)),
    ("hex-left", Order::Go(-1, 0)),
    ("hex-right", Order::Go(1, 0)),
    ("hex-move-up", Order::Move(0, -1)),
    ("hex-move-down", Order::Move(0, 1)),
    ("hex-move-left", Order::Move(-1, 0)),
    ("hex-move-right", Order::Move(1, 0)),
    ("hex-enter", Order::Enter),
    ("hex-leave", Order::Leave),
    ("hex-connect", Order::Connect),
    ("hex-find", Order::Find),
    ("hex-add", Order::Add),
    ("hex-write", Order::Write),
    ("hex-double", Order::Duplicate),
    ("hex-delete", Order::Delete),
    ("hex-bypass", Order::Bypass),
    ("hex-solo", Order::Solo),
    ("hex-extract", Order::Extract),
    ("hex-inline", Order::Inline),
    ("hex-rename", Order::Rename),
    ("hex-learn", Order::Learn),
    ("hex-colour", Order::Recolour),
    ("hex-monitor", Order::Monitor),
    ("hex-lines", Order::Lines),
    ("hex-input", Order::Inputs),
    ("hex-output", Order::Outputs),
    ("hex-unplug", Order::Unplug),
    ("hex-split", Order::Split),
    ("hex-next-number", Order::Choose(1)),
    ("hex-previous-number", Order::Choose(-1)),
    ("hex-more", Order::Turn(1)),
    ("hex-less", Order::Turn(-1)),
    ("hex-much-more", Order::Turn(10)),
    ("hex-much-less", Order::Turn(-10)),
    ("hex-fit", Order::Fit),
    ("hex-centre", Order::Centre),
];

impl Order {
    /// By its word.
    pub fn of(word: &str) -> Option<Order> {
        ORDERS.iter().find(|(name, _)| *name == word).map(|(_, order)| *order)
    }

    /// True if it makes sense while a wire looks for its end.
    pub fn connecting(self) -> bool {
        matches!(self, Order::Go(..) | Order::Find)
    }
}

impl HexView {
    /// Somebody has asked by a word of the palette or of another keymap.
    pub fn asked(&mut self, word: &'static str) {
        self.orders.extend(Order::of(word));
    }

    /// Carries out what was asked, until the text changes.
    pub(super) fn orders(&mut self, ui: &Ui, see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        let changes = |act: &Act| matches!(act, Act::Edit { .. } | Act::Draw { .. });
        while let Some(order) = self.orders.pop_front() {
            // What is turned is let go by whatever else is done.
            if !matches!(order, Order::Turn(_)) && self.turn.is_some() {
                self.let_go(see, acts);
                if acts.iter().any(changes) {
                    self.orders.push_front(order);
                    break;
                }
            }
            self.carry_out(order, see, canvas, acts);
            if acts.iter().any(changes) {
                break;
            }
        }
        if !self.orders.is_empty() {
            ui.ctx().request_repaint();
        }
    }

    fn carry_out(&mut self, order: Order, see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        let cell = self.cursor;
        let beside = |q: i32, row: i32| match (q, row) {
            (0, -1) => cell.beside(Side::Top),
            (0, _) => cell.beside(Side::Bottom),
            (q, _) => Cell::at(cell.q + q, cell.row()),
        };
        match order {
            Order::Go(q, row) => return self.go(beside(q, row), canvas, acts),
            Order::Leave if self.entered.is_empty() => return acts.push(Act::Say("this is the whole patch".into())),
            Order::Leave => return self.leave(see),
            Order::Find => return self.open_find(),
            Order::Add => return self.open_search(None),
            Order::Fit => {
                self.fitted = false;
                return acts.push(Act::Say("all of it is looked at".into()));
            }
            Order::Centre => {
                self.pan += canvas.center() - self.screen(canvas, cell.centre());
                self.room = egui::Vec2::ZERO;
                return acts.push(Act::Say(format!("in the middle: {}", self.spoken(cell))));
            }
            Order::Lines => return self.next_lines(acts),
            _ => {}
        }
        let Some(hex) = self.hex_at(cell).map(|hex| hex.key.clone()) else {
            if order == Order::Enter {
                return self.open_search(None);
            }
            return acts.push(Act::Say("there is no hex in this cell".into()));
        };
        match order {
            Order::Move(q, row) if self.hex_at(cell).is_some_and(|hex| hex.what != What::Beyond) => {
                let to = beside(q, row);
                self.move_to(&hex, to, acts);
                self.reveal(to, canvas);
            }
            Order::Enter => self.enter(&hex, see, acts),
            Order::Connect => self.mode = Mode::Connect { from: hex, choice: 0 },
            Order::Write => self.open_field(acts),
            Order::Duplicate => drop(self.ask(see, &Gesture::Duplicate { hex }, acts)),
            Order::Delete => drop(self.ask(see, &Gesture::Delete { hex }, acts)),
            Order::Bypass => drop(self.ask(see, &Gesture::Bypass { hex }, acts)),
            Order::Solo => drop(self.ask(see, &Gesture::Solo { hex }, acts)),
            Order::Inline => drop(self.ask(see, &Gesture::Inline { hex }, acts)),
            Order::Extract => self.extract(&hex, see, acts),
            Order::Rename => {
                let to = self.hex_at(cell).map_or(String::new(), |hex| hex.name.clone());
                self.mode = Mode::Rename { hex, to };
            }
            Order::Learn => self.learn(&hex, see, acts),
            Order::Monitor => drop(self.ask(see, &Gesture::Monitor { hex }, acts)),
            Order::Recolour => self.recolour(&hex, acts),
            Order::Inputs => self.follow(&hex, |wire| (wire.to, wire.from), acts),
            Order::Outputs => self.follow(&hex, |wire| (wire.from, wire.to), acts),
            Order::Unplug => self.wire_in(&hex, see, acts, |wire| Gesture::Disconnect { wire }),
            Order::Split => self.wire_in(&hex, see, acts, |wire| Gesture::Split { wire }),
            Order::Choose(by) => self.choose(by, acts),
            Order::Turn(steps) => self.turn_by(see, f64::from(steps), Hand::Keys, acts),
            _ => {}
        }
    }

    /// The keys are at another cell.
    pub(super) fn go(&mut self, to: Cell, canvas: Rect, acts: &mut Vec<Act>) {
        self.cursor = to;
        self.param = 0;
        if let Mode::Connect { choice, .. } = &mut self.mode {
            *choice = 0;
        } else if let Some(key) = self.hex_at(to).map(|hex| hex.key.clone()) {
            self.select(&key, acts);
        }
        self.reveal(to, canvas);
    }

    fn next_lines(&mut self, acts: &mut Vec<Act>) {
        self.lines = match self.lines {
            Lines::All => Lines::Selection,
            Lines::Selection => Lines::None,
            Lines::None => Lines::All,
        };
        acts.push(Act::Say(format!("{} are drawn", self.lines.drawn())));
    }

    fn choose(&mut self, by: isize, acts: &mut Vec<Act>) {
        let Some(number) = self.at.get(&self.cursor).copied() else { return };
        let count = self.params(number).len();
        if count == 0 {
            return acts.push(Act::Say("there is no number here to choose".into()));
        }
        self.param = (self.param.min(count - 1) + count).wrapping_add_signed(by) % count;
        let port = self.params(number)[self.param].0;
        acts.push(Act::Say(format!("+ and - turn {}", self.view.hexes[number].ports[port].name)));
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

    /// The next of the colours, then that of its category again.
    fn recolour(&mut self, key: &str, acts: &mut Vec<Act>) {
        let Some(cell) = self.cell_of(key) else { return };
        let next = match self.layout.get(key).and_then(|spot| spot.color) {
            None => Some(0),
            Some(colour) if colour < 7 => Some(colour + 1),
            Some(_) => None,
        };
        self.layout.recolour(key, cell, next);
        let told = next.map_or("the colour of its kind".to_string(), |next| format!("colour {next}"));
        self.tell_layout(&format!("{key} has {told}"), acts);
        acts.push(Act::Say(format!("{key} has {told}")));
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::words::WORDS;

    #[test]
    fn every_order_has_a_word_and_every_word_an_order() {
        let listed: Vec<&str> = WORDS.iter().map(|word| word.name).filter(|name| name.starts_with("hex-")).collect();
        let known: Vec<&str> = ORDERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, known);
    }
}
