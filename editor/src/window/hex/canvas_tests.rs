//! The hex view without a screen: what keys and clicks do, found by the names that readers of screens hear.

use crate::window::act::Act;
use crate::window::tests::{Stand, press, sent, text, window};
use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use modurust_runtime::command::Command;

const PATCH: &str = "osc = saw(110hz)\nlp = osc >> lpf(800hz, q: 2)\nwet = saw(220hz) >> hpf(90hz)\ntrack t = lp * -6db\nbus room = in >> reverb(2s)\nout = lp + wet\n";

/// A window whose hexes have the keys.
fn hexes(text: &str) -> Harness<'static, Stand> {
    let mut window = window(text);
    press(&mut window, "f4");
    press(&mut window, "ctrl+d");
    window.run_steps(2);
    sent(&window);
    window
}

fn key(window: &mut Harness<'_, Stand>, key: Key, modifiers: Modifiers) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(3);
}

fn letters(window: &mut Harness<'_, Stand>, text: &str) {
    window.event(Event::Text(text.into()));
    window.run_steps(3);
}

/// The keys are at a hex.
fn at(window: &mut Harness<'_, Stand>, name: &str) {
    let text = text(window);
    let word = |at: &usize| !text[..*at].ends_with(char::is_alphanumeric);
    let name = format!("{name} =");
    let mut found = text.match_indices(&name).map(|(at, _)| at);
    let at = found.find(word).expect("there is such a statement");
    window.state_mut().model.act(Act::Select { at, reveal: false });
    window.run_steps(2);
}

fn status(window: &Harness<'_, Stand>) -> String {
    window.state().model.status.text.clone()
}

#[test]
fn a_patch_is_drawn_from_nothing_by_keys_alone() {
    let mut window = hexes("");
    for node in ["saw", "ladder", "drive", "out"] {
        if node != "saw" {
            key(&mut window, Key::Tab, Modifiers::NONE);
        }
        letters(&mut window, node);
        key(&mut window, Key::Enter, Modifiers::NONE);
    }
    let drawn = text(&window);
    for part in ["saw1 = saw(", "ladder1 = ladder(saw1, ", "drive1 = drive(ladder1, ", "out = drive1"] {
        assert!(drawn.contains(part), "{part} is not in\n{drawn}");
    }
    // A slow wave below, led to the filter.
    key(&mut window, Key::ArrowDown, Modifiers::NONE);
    letters(&mut window, "sin");
    key(&mut window, Key::Enter, Modifiers::NONE);
    key(&mut window, Key::C, Modifiers::NONE);
    for way in [Key::ArrowLeft, Key::ArrowLeft, Key::ArrowUp, Key::Enter] {
        key(&mut window, way, Modifiers::NONE);
    }
    let drawn = text(&window);
    assert!(
        drawn.contains("ladder1 = ladder(saw1, ") && drawn.contains("freq: map(sin1, -1..1, "),
        "{drawn}\n{}",
        status(&window)
    );
    assert!(window.state().model.see().problems.iter().all(|problem| !problem.error), "{drawn}");
    let played = sent(&window).into_iter().rev().find_map(|command| match command {
        Command::Text { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(played.as_deref(), Some(drawn.as_str()), "what was drawn is what plays");
    // Its places are kept, and step by step all of it is taken back.
    assert!(window.state().model.see().layout.contains("ladder1 1 0"), "{}", window.state().model.see().layout);
    for _ in 0..20 {
        press(&mut window, "ctrl+z");
    }
    assert_eq!(text(&window), "");
}

#[test]
fn every_key_on_a_hex_does_something() {
    let none = Modifiers::NONE;
    let becomes: [(&str, Key, &str); 9] = [
        ("lp", Key::D, "lp1 = osc >> lpf(800hz, q: 2)"),
        ("lp", Key::B, "lp = osc  // bypassed: osc >> lpf(800hz, q: 2)"),
        ("lp", Key::S, "track hear_lp = lp\nsolo hear_lp"),
        ("lp", Key::U, "lp = 0 >> lpf"),
        ("lp", Key::V, "osc1 = osc"),
        ("lp", Key::Plus, "lpf(857hz"),
        ("lp", Key::PageDown, "lpf(401hz"),
        ("wet", Key::X, "saw1 = saw(220hz)\nwet = saw1 >> hpf(90hz)"),
        ("osc", Key::N, "lp = saw(110hz) >> lpf"),
    ];
    let mut window = hexes(PATCH);
    for (name, pressed, wanted) in becomes {
        at(&mut window, name);
        key(&mut window, pressed, none);
        assert!(text(&window).contains(wanted), "{pressed:?} on {name}: {}\n{}", status(&window), text(&window));
        press(&mut window, "ctrl+z");
        assert_eq!(text(&window), PATCH, "{pressed:?} is taken back");
    }
    at(&mut window, "wet");
    key(&mut window, Key::Delete, none);
    assert!(text(&window).ends_with("out = lp + 0\n"), "{}", text(&window));
    press(&mut window, "ctrl+z");
    at(&mut window, "lp");
    key(&mut window, Key::CloseBracket, none);
    key(&mut window, Key::Minus, none);
    assert!(!text(&window).contains("q: 2)") && text(&window).contains("lpf(800hz, q: "), "{}", text(&window));
    press(&mut window, "ctrl+z");
    at(&mut window, "lp");
    key(&mut window, Key::R, none);
    key(&mut window, Key::Backspace, none);
    letters(&mut window, "ow");
    key(&mut window, Key::Enter, none);
    assert!(text(&window).contains("low = osc") && text(&window).contains("out = low + wet"), "{}", text(&window));
    press(&mut window, "ctrl+z");
    at(&mut window, "lp");
    key(&mut window, Key::ArrowDown, Modifiers::SHIFT);
    assert!(window.state().model.see().layout.contains("\nlp "), "{}", window.state().model.see().layout);
    assert_eq!(text(&window), PATCH, "where a hex lies is no business of the text");
    sent(&window);
    at(&mut window, "t");
    key(&mut window, Key::M, none);
    assert!(sent(&window).contains(&Command::Learn(Some("t.level".into()))), "{}", status(&window));
    at(&mut window, "lp");
    key(&mut window, Key::W, none);
    assert!(status(&window).contains("lines"), "{}", status(&window));
    key(&mut window, Key::O, none);
    assert_eq!(window.state().model.see().selected, Some("t"));
    key(&mut window, Key::I, none);
    assert_eq!(window.state().model.see().selected, Some("lp"));
}

#[test]
fn hexes_are_found_by_name_and_entered() {
    let mut window = hexes(PATCH);
    window.get_by_label("filter lp, lpf, row 0 column 1, in from osc, out to t out").click();
    window.run_steps(3);
    assert_eq!(window.state().model.see().selected, Some("lp"));
    at(&mut window, "wet");
    key(&mut window, Key::Enter, Modifiers::NONE);
    assert!(window.query_by_label("inside wet").is_some(), "{}", status(&window));
    assert!(window.query_all_by_label_contains("oscillator saw").count() > 1);
    key(&mut window, Key::Backspace, Modifiers::NONE);
    assert!(window.query_by_label("inside wet").is_none());
    let spoken = window.get_by_label_contains("hexes, filter wet").rect();
    assert!(spoken.width() > 200.0, "the canvas says where the keys are");
}

#[test]
fn what_cannot_be_done_is_told_in_the_status_line() {
    let mut window = hexes(PATCH);
    at(&mut window, "osc");
    key(&mut window, Key::B, Modifiers::NONE);
    assert!(status(&window).starts_with("not done: nothing comes into"), "{}", status(&window));
    at(&mut window, "lp");
    key(&mut window, Key::N, Modifiers::NONE);
    assert!(status(&window).contains("2 times"), "{}", status(&window));
    assert_eq!(text(&window), PATCH);
}

#[test]
fn a_click_on_a_line_of_the_search_puts_the_node() {
    let mut window = hexes("");
    window.get_by_label("Add").click();
    window.run_steps(3);
    letters(&mut window, "noise");
    window.get_by_label("node noise").click();
    window.run_steps(3);
    assert_eq!(text(&window), "noise1 = noise\n");
}

#[test]
fn a_knob_is_turned_by_one_drag_and_one_step() {
    let mut window = hexes("osc = saw(110hz)\n");
    let hex = window.get_by_label("oscillator osc, saw, row 0 column 0").rect();
    // The only knob lies in the lower half of the hex.
    let from = hex.center() + egui::vec2(0.0, 0.42 * hex.width());
    window.drag_at(from);
    for step in 1..=5 {
        window.hover_at(from - egui::vec2(0.0, 12.0 * step as f32));
        window.run_steps(1);
    }
    assert_eq!(text(&window), "osc = saw(110hz)\n", "nothing is written while it turns");
    window.drop_at(from - egui::vec2(0.0, 60.0));
    window.run_steps(3);
    let turned = text(&window);
    assert!(
        turned.starts_with("osc = saw(") && turned.ends_with("hz)\n") && turned != "osc = saw(110hz)\n",
        "{turned}"
    );
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), "osc = saw(110hz)\n");
}
