//! Numbers while a hand turns them: heard at once, written when it lets go.
//!
//! The text that would come of it is played while the knob moves, thirty times a second at most: it differs from the one before in a number,
//! so nothing is compiled, and the engine glides. The text itself, its undo and the history hear of it once, when the mouse lets go, the
//! key comes up, or the wheel has rested. Escape plays what was there.

use super::gesture::Gesture;
use super::knob::Knob;
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

/// A number that is turned.
#[derive(Debug)]
pub(super) struct Turn {
    /// Its bytes.
    pub at: Range<usize>,
    /// What it says now.
    pub value: String,
    port: Port,
    hand: Hand,
    /// The text that the bytes are of.
    rev: u64,
    /// What was heard last, and when; when it was moved last.
    heard: Option<String>,
    tried: f64,
    moved: Option<f64>,
}

impl Turn {
    /// The change of the text.
    fn edit(&self) -> Edit {
        Edit { splices: vec![Splice { range: self.at.clone(), text: self.value.clone() }] }
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
        self.turn = Some(Turn { at, value, port, hand, rev: see.rev, heard: None, tried: 0.0, moved: None });
        Some(knob)
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
            && let Some(knob) = Knob::of(&turn.port, &turn.value)
        {
            turn.value = knob.stepped(steps);
            turn.moved = None;
        }
    }

    /// The bytes of the number that a wheel turns.
    pub(super) fn wheeled(&self) -> Option<&Range<usize>> {
        self.turn.as_ref().filter(|turn| turn.hand == Hand::Wheel).map(|turn| &turn.at)
    }

    /// What is written of a number: what it is turned to, or the text.
    pub(super) fn written<'a>(&'a self, see: &See<'a>, at: &Range<usize>) -> &'a str {
        match &self.turn {
            Some(turn) if turn.at == *at => &turn.value,
            _ => see.text.get(at.clone()).unwrap_or(""),
        }
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
        let new = match &turn.heard {
            Some(heard) => *heard != turn.value,
            None => see.text.get(turn.at.clone()) != Some(turn.value.as_str()),
        };
        if new && now - turn.tried >= OFTEN {
            turn.tried = now;
            turn.heard = Some(turn.value.clone());
            acts.push(Act::Try(Some(turn.edit())));
        } else if new || turn.hand == Hand::Wheel {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(if new { OFTEN } else { REST / 2.0 }));
        }
    }

    /// Writes what it was turned to.
    pub(super) fn let_go(&mut self, see: &See<'_>, acts: &mut Vec<Act>) {
        let Some(turn) = self.turn.take().filter(|turn| turn.rev == see.rev) else { return };
        let was = see.text.get(turn.at.clone());
        if was != Some(turn.value.as_str()) {
            let told = format!("{} is {}", turn.port.name, turn.value);
            if self.ask(see, &Gesture::Set { at: turn.at, value: turn.value }, acts) {
                acts.push(Act::Say(told));
            } else {
                acts.push(Act::Try(None));
            }
        } else if turn.heard.is_some() {
            acts.push(Act::Try(None));
        }
    }
}
