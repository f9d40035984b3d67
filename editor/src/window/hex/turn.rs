//! Numbers while a hand turns them: heard at once, written when it lets go.
//!
//! The text that would come of it is played while the knob moves, thirty times a second at most: it differs from the one before in a number,
//! so nothing is compiled, and the engine glides. The text itself, its undo and the history hear of it once, when the mouse lets go, the
//! key comes up, or the wheel has rested. Escape plays what was there.

use super::gesture::Gesture;
use super::knob::Knob;
use super::shapes::Handle;
use super::{HexView, graph::Port};
use crate::window::act::Act;
use crate::window::model::See;
use egui::{Key, Ui};
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use std::ops::Range;
use std::time::Duration;

/// Seconds between two values that are heard.
const OFTEN: f64 = 1.0 / 30.0;
/// Seconds after which a wheel has let go.
const REST: f64 = 0.4;

/// What turns it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hand {
    /// Held by the mouse.
    Mouse,
    /// A key that is down.
    Keys,
    /// The wheel above it.
    Wheel,
}

/// One of the numbers that are turned.
#[derive(Debug)]
pub(super) struct Number {
    /// Its bytes.
    pub at: Range<usize>,
    /// What it says now.
    pub value: String,
    port: Port,
}

/// A number that is turned, or the two that follow a handle.
#[derive(Debug)]
pub(super) struct Turn {
    /// In the order of the text.
    pub numbers: Vec<Number>,
    hand: Hand,
    /// The text that the bytes are of.
    rev: u64,
    /// What was heard last, and when; when it was moved last.
    heard: Option<Edit>,
    tried: f64,
    moved: Option<f64>,
}

impl Turn {
    /// The change of the text.
    fn edit(&self, text: &str) -> Edit {
        let new = self.numbers.iter().filter(|number| text.get(number.at.clone()) != Some(number.value.as_str()));
        Edit { splices: new.map(|number| Splice { range: number.at.clone(), text: number.value.clone() }).collect() }
    }
}

impl HexView {
    /// Takes hold of a number of a hex; its knob, if it can be turned.
    pub(super) fn take_hold(
        &mut self,
        see: &See<'_>,
        hex: usize,
        port: usize,
        at: Range<usize>,
        hand: Hand,
    ) -> Option<Knob> {
        let port = self.view.hexes.get(hex)?.ports.get(port)?.clone();
        let value = see.text.get(at.clone())?.to_string();
        let knob = Knob::of(&port, &value)?;
        self.hold_of(vec![Number { at, value, port }], see, hand);
        Some(knob)
    }

    fn hold_of(&mut self, mut numbers: Vec<Number>, see: &See<'_>, hand: Hand) {
        numbers.sort_by_key(|number| number.at.start);
        self.turn = Some(Turn { numbers, hand, rev: see.rev, heard: None, tried: 0.0, moved: None });
    }

    /// Takes hold of a handle of a curve.
    pub(super) fn take_handle(&mut self, see: &See<'_>, hex: usize, handle: &Handle) {
        let ports = &self.view.hexes[hex].ports;
        let axes = [&handle.across, &handle.up].into_iter().flatten();
        let numbers = axes.filter_map(|axis| {
            let value = see.text.get(axis.at.clone())?.to_string();
            Some(Number { at: axis.at.clone(), value, port: ports[axis.port].clone() })
        });
        self.hold_of(numbers.collect(), see, Hand::Mouse);
    }

    /// Moves the handle that is held some parts of its box from where it was.
    pub(super) fn pull(&mut self, see: &See<'_>, handle: &Handle, by: [f64; 2]) {
        let Some(turn) = &mut self.turn else { return };
        for (axis, by) in [&handle.across, &handle.up].into_iter().zip(by) {
            let Some(axis) = axis else { continue };
            let written = see.text.get(axis.at.clone()).unwrap_or("");
            let number = turn.numbers.iter_mut().find(|number| number.at == axis.at);
            if let Some(number) = number
                && let Some(value) = axis.moved(&number.port, written, by)
            {
                number.value = value;
            }
        }
    }

    /// Puts the only number that is held to another value.
    pub(super) fn put_to(&mut self, value: String) {
        if let Some(number) = self.turn.as_mut().and_then(|turn| turn.numbers.first_mut()) {
            number.value = value;
        }
    }

    /// Turns the chosen number of the hex that the keys are at, or the one that is held already, some hundredths on.
    pub(super) fn turn_by(&mut self, see: &See<'_>, steps: f64, hand: Hand, acts: &mut Vec<Act>) {
        if self.turn.is_none() {
            let Some(number) = self.at.get(&self.cursor).copied() else { return };
            let params = self.params(number);
            let Some((port, at)) = params.get(self.param.min(params.len().saturating_sub(1))).cloned() else {
                return acts.push(Act::Say("there is no number here to turn".into()));
            };
            if self.take_hold(see, number, port, at.clone(), hand).is_none() {
                let written = see.text.get(at).unwrap_or("");
                return acts.push(Act::Say(format!("`{written}` cannot be turned: change it in the text")));
            }
        }
        if let Some(turn) = &mut self.turn
            && let Some(number) = turn.numbers.first_mut()
            && let Some(knob) = Knob::of(&number.port, &number.value)
        {
            number.value = knob.stepped(steps);
            turn.moved = None;
        }
    }

    /// The bytes of the number that a wheel turns.
    pub(super) fn wheeled(&self) -> Option<&Range<usize>> {
        let turn = self.turn.as_ref().filter(|turn| turn.hand == Hand::Wheel)?;
        turn.numbers.first().map(|number| &number.at)
    }

    /// What is written of a number: what it is turned to, or the text.
    pub(super) fn written<'a>(&'a self, see: &See<'a>, at: &Range<usize>) -> &'a str {
        let held = self.turn.iter().flat_map(|turn| &turn.numbers).find(|number| number.at == *at);
        held.map_or_else(|| see.text.get(at.clone()).unwrap_or(""), |number| &number.value)
    }

    /// Escape gives back what was there. It ends a drag, too, so this is asked before the mouse.
    pub(super) fn escaped(&mut self, ui: &Ui, acts: &mut Vec<Act>) {
        if self.turn.is_some() && ui.input(|input| input.key_pressed(Key::Escape)) {
            acts.push(Act::Try(None));
            (self.turn, self.drag) = (None, None);
        }
    }

    /// Lets it be heard, and lets it go in time.
    pub(super) fn turning(&mut self, ui: &Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        let Some(turn) = &mut self.turn else { return };
        if turn.rev != see.rev {
            // The text has changed under the hand.
            self.turn = None;
            return;
        }
        let now = ui.input(|input| input.time);
        let moved = *turn.moved.get_or_insert(now);
        let over = match turn.hand {
            Hand::Mouse => false,
            Hand::Keys => ui.input(|input| input.keys_down.is_empty()),
            Hand::Wheel => now - moved > REST,
        };
        if over {
            return self.let_go(see, acts);
        }
        let edit = turn.edit(see.text);
        let new = turn.heard.as_ref().map_or(!edit.splices.is_empty(), |heard| *heard != edit);
        if new && now - turn.tried >= OFTEN {
            turn.tried = now;
            turn.heard = Some(edit.clone());
            acts.push(Act::Try(Some(edit)));
        } else if new || turn.hand == Hand::Wheel {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(if new { OFTEN } else { REST / 2.0 }));
        }
    }

    /// Writes what it was turned to.
    pub(super) fn let_go(&mut self, see: &See<'_>, acts: &mut Vec<Act>) {
        let Some(turn) = self.turn.take().filter(|turn| turn.rev == see.rev) else { return };
        let edit = turn.edit(see.text);
        if edit.splices.is_empty() {
            if turn.heard.is_some() {
                acts.push(Act::Try(None));
            }
            return;
        }
        let told: Vec<String> =
            turn.numbers.iter().map(|number| format!("{} is {}", number.port.name, number.value)).collect();
        let values = edit.splices.into_iter().map(|splice| (splice.range, splice.text)).collect();
        if self.ask(see, &Gesture::Set { values }, acts) {
            acts.push(Act::Say(told.join(", ")));
        } else {
            acts.push(Act::Try(None));
        }
    }
}
