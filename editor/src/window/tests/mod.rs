//! The window without a screen: every frame is laid out and found by the names that readers of screens hear; nothing is drawn.

mod crawl;
mod files;
mod gestures;
mod mixer;
mod monitors;
mod recordings;
mod slots;

use super::frame::Parts;
use super::history::History;
use super::model::Model;
use super::player::{Sent, Unheard};
use super::theme::Theme;
use egui_kittest::Harness;
use modurust_runtime::command::Command;
use std::time::{Duration, Instant};

/// A set with a bit of everything.
pub const SET: &str = include_str!("../../../../examples/live_set.modu");

/// What is seen, and what was sent.
pub struct Stand {
    pub model: Model,
    pub parts: Parts,
    pub sent: Sent,
    engine: std::rc::Rc<std::cell::RefCell<modurust_runtime::engine::Engine>>,
}

impl Stand {
    /// Lets so many frames sound.
    pub fn sound(&self, frames: usize) {
        let mut block = [0.0; 1024];
        for _ in 0..frames.div_ceil(512) {
            self.engine.borrow_mut().process(&mut block, 2);
        }
    }
}

/// A window of 1280 by 720 on a text.
pub fn window(text: &str) -> Harness<'static, Stand> {
    named("unwritten/set.modu", text)
}

/// The same on a text of that name.
pub fn named(file: &str, text: &str) -> Harness<'static, Stand> {
    let (player, sent) = Unheard::new(file, text);
    let engine = player.engine();
    let model = Model::new(Box::new(player), file, text, "", History::open(None).0);
    let stand = Stand { model, parts: Parts::default(), sent, engine };
    let mut harness = Harness::builder()
        .with_size([1280.0, 720.0])
        .with_max_steps(64)
        .with_step_dt(1.0 / 60.0)
        .with_context_setup(Theme::letters)
        .build_ui_state(|ui, stand: &mut Stand| super::draw(ui, &mut stand.model, &mut stand.parts), stand);
    settle(&mut harness, |stand| stand.model.history.head().is_some() && stand.model.see().feedback.program.is_some());
    harness.run_steps(3);
    harness
}

/// Frames until something holds; it fails after a while.
pub fn settle(harness: &mut Harness<'_, Stand>, holds: impl Fn(&Stand) -> bool) {
    let begin = Instant::now();
    while !holds(harness.state()) {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "it never held; status: {}",
            harness.state().model.status.text
        );
        std::thread::sleep(Duration::from_millis(4));
        harness.step();
    }
}

/// Keys as the keymap writes them.
pub fn press(harness: &mut Harness<'_, Stand>, keys: &str) {
    let keys = super::keymap::keys(keys).unwrap();
    let mut modifiers = keys.modifiers;
    modifiers.ctrl |= modifiers.command;
    harness.key_press_modifiers(modifiers, keys.logical_key);
    harness.run_steps(3);
}

/// What was sent since the last call.
pub fn sent(harness: &Harness<'_, Stand>) -> Vec<Command> {
    harness.state().sent.borrow_mut().drain(..).collect()
}

/// The text as it is.
pub fn text(harness: &Harness<'_, Stand>) -> String {
    harness.state().model.text().to_string()
}
