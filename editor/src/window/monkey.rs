//! Hands that know nothing: keys, clicks, drags and letters by chance, the same for the same seed.
//!
//! For the test of an hour, and for the shorter one of every day: whatever they do, the window goes on, the sound does not notice, and all
//! that they did to the text can be taken back.

use egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect, pos2};
use modurust_runtime::compiler::lang::dice::Dice;

/// Letters that make and break statements.
const LETTERS: [&str; 12] = ["a", "track x = ", "saw(", "110hz", ")", "\"bd*4\"", " >> ", "{", "}", "\n", "é", "0"];
const KEYS: [Key; 14] = [
    Key::ArrowLeft,
    Key::ArrowRight,
    Key::ArrowUp,
    Key::ArrowDown,
    Key::Enter,
    Key::Escape,
    Key::Tab,
    Key::Backspace,
    Key::Delete,
    Key::Space,
    Key::X,
    Key::C,
    Key::D,
    Key::B,
];
const CHORDS: [Key; 14] = [
    Key::Z,
    Key::Y,
    Key::Enter,
    Key::K,
    Key::B,
    Key::E,
    Key::D,
    Key::T,
    Key::F1,
    Key::F2,
    Key::F3,
    Key::Period,
    Key::Equals,
    Key::Num0,
];
const FUNCTIONS: [Key; 11] =
    [Key::F1, Key::F2, Key::F3, Key::F4, Key::F5, Key::F6, Key::F7, Key::F8, Key::F9, Key::F10, Key::F12];

/// The hands.
pub struct Monkey {
    dice: Dice,
    at: Pos2,
    down: bool,
}

impl Monkey {
    /// By a seed.
    pub fn new(seed: u64) -> Monkey {
        Monkey { dice: Dice::new(seed), at: Pos2::ZERO, down: false }
    }

    fn key(key: Key, modifiers: Modifiers) -> Vec<Event> {
        let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        vec![Event::ModifiersChanged(modifiers), event(true), event(false), Event::ModifiersChanged(Modifiers::NONE)]
    }

    fn button(&self, pressed: bool) -> Event {
        Event::PointerButton { pos: self.at, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE }
    }

    /// What they do in a frame.
    pub fn next(&mut self, screen: Rect) -> Vec<Event> {
        let (x, y) = (self.dice.below(1000) as f32 / 1000.0, self.dice.below(1000) as f32 / 1000.0);
        let anywhere = pos2(screen.min.x + screen.width() * x, screen.min.y + screen.height() * y);
        match self.dice.below(10) {
            0 | 1 => {
                self.at = anywhere;
                self.down = !self.down;
                vec![Event::PointerMoved(self.at), self.button(self.down)]
            }
            2 | 3 => {
                self.at = anywhere;
                self.down = false;
                vec![Event::PointerMoved(self.at), self.button(true), self.button(false)]
            }
            4 => {
                self.at = anywhere;
                vec![Event::PointerMoved(self.at)]
            }
            5 => vec![Event::Text(self.dice.pick(&LETTERS).into())],
            6 | 7 => Monkey::key(self.dice.pick(&KEYS), Modifiers::NONE),
            8 => {
                let shift = if self.dice.below(3) == 0 { Modifiers::SHIFT } else { Modifiers::NONE };
                Monkey::key(self.dice.pick(&CHORDS), Modifiers::COMMAND | Modifiers::CTRL | shift)
            }
            _ => Monkey::key(self.dice.pick(&FUNCTIONS), Modifiers::NONE),
        }
    }
}
