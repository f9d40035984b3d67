//! Hands that know nothing: keys, clicks, drags and letters by chance, the same for the same seed.
//!
//! For the test of an hour, and for the shorter one of every day: whatever they do, the window goes on, the sound does not notice, and all
//! that they did to the text can be taken back.

use super::model::Model;
use egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect, pos2};
use modurust_runtime::compiler::lang::dice::Dice;
use std::time::{Duration, Instant};

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

/// Chance at a real window, with a sound that goes on: what it must not do is written down, and looked for at the end.
pub struct Trial {
    monkey: Monkey,
    begin: Instant,
    length: Duration,
    text: String,
    frames: u64,
    /// Resident memory after the first tenth, bytes.
    early: Option<u64>,
    rebuilt: u64,
    failing: bool,
}

/// How much memory may grow from the first tenth to the end: letters of other sizes, slots, steps and the history of what was played.
const GROWTH: u64 = 48 << 20;

impl Trial {
    /// By a seed, for so many seconds.
    pub fn new(seed: u64, seconds: u32, text: &str) -> Trial {
        Trial {
            monkey: Monkey::new(seed),
            begin: Instant::now(),
            length: Duration::from_secs(seconds.into()),
            text: text.into(),
            frames: 0,
            early: None,
            rebuilt: 0,
            failing: false,
        }
    }

    /// Before a frame.
    pub fn hands(&mut self, input: &mut egui::RawInput) {
        if let Some(screen) = input.screen_rect.filter(|_| self.begin.elapsed() < self.length) {
            input.events.extend(self.monkey.next(screen));
        }
    }

    /// After a frame. At the end what was found: `Err` is what must not be.
    pub fn step(&mut self, ctx: &egui::Context, model: &mut Model) -> Option<Result<(), String>> {
        ctx.request_repaint();
        self.frames += 1;
        // It may ask to leave as often as it likes.
        model.wants.close = false;
        let rebuilt = model.status.text.contains("built anew");
        self.rebuilt += u64::from(rebuilt && !self.failing);
        self.failing = rebuilt;
        if self.early.is_none() && self.begin.elapsed() * 10 > self.length {
            self.early = resident();
        }
        if self.begin.elapsed() < self.length {
            return None;
        }
        let steps = std::iter::from_fn(|| model.back().then_some(())).count();
        let (early, late) = (self.early.unwrap_or(0), resident().unwrap_or(0));
        let device = &model.see().feedback.device;
        println!(
            "{} frames, {steps} steps taken back, {} texts of {} KiB in the history, {} faults, {} deadlines missed, memory {} MiB after a tenth and {} MiB at the end",
            self.frames,
            model.history.commits().count(),
            model.history.commits().map(|c| c.text.len() + c.layout.len()).sum::<usize>() >> 10,
            self.rebuilt,
            device.xruns,
            early >> 20,
            late >> 20
        );
        Some(if self.rebuilt > 0 {
            Err(format!("the window failed {} times", self.rebuilt))
        } else if model.text() != self.text {
            Err("not all could be taken back".into())
        } else if late > early + GROWTH {
            Err("memory grows".into())
        } else {
            Ok(())
        })
    }
}

/// Resident memory of this process in bytes, where the system tells.
fn resident() -> Option<u64> {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
