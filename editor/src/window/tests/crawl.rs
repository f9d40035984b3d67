//! Nothing on the screen is dead: every control and every key of every view, each of which changes the text, what is shown, or what is sent.

use super::super::look::{Look, View};
use super::super::words::WORDS;
use super::*;
use egui_kittest::kittest::{NodeT, Queryable};
use std::collections::BTreeSet;

/// What an act can change.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    text: String,
    running: String,
    look: Look,
    status: String,
    at: usize,
    wants: crate::window::look::Wants,
    layout: String,
    overlay: usize,
    palette: bool,
    head: Option<u64>,
    asked: String,
    focus: Option<egui::Id>,
}

fn seen(window: &Harness<'_, Stand>) -> Seen {
    let stand = window.state();
    let see = stand.model.see();
    Seen {
        text: see.text.into(),
        running: see.running.into(),
        look: see.look.clone(),
        status: stand.model.status.text.clone(),
        at: see.at,
        wants: stand.model.wants.clone(),
        layout: see.layout.into(),
        overlay: see.overlay.len(),
        palette: stand.parts.palette.is_open(),
        head: see.history.head().map(|head| head.id),
        asked: stand.parts.asked(),
        focus: window.ctx.memory(|memory| memory.focused()),
    }
}

/// What can be pressed.
const ROLES: [egui::Role; 4] =
    [egui::Role::Button, egui::Role::MenuItem, egui::Role::CheckBox, egui::Role::RadioButton];

/// Names of what can be pressed, as they are heard now. What counts or moves is in them, so numbers are left out.
fn controls(window: &Harness<'_, Stand>) -> Vec<String> {
    let nodes = window.root().children_recursive();
    let pressed = nodes.filter_map(|node| {
        let node = node.accesskit_node();
        (ROLES.contains(&node.role()) && !node.is_disabled()).then(|| node.label()).flatten()
    });
    let names: BTreeSet<String> = pressed.filter(|name| !name.is_empty()).collect();
    names.into_iter().collect()
}

/// A window that shows a view with all its panels.
fn opened(view: View, mixer: bool, right: &str) -> Harness<'static, Stand> {
    let mut window = window(SET);
    settle(&mut window, |stand| stand.model.see().feedback.levels.iter().any(|level| level.name == "bass"));
    let look = &mut window.state_mut().model.look;
    (look.view, look.mixer) = (view, mixer);
    look.browser = right == "browser";
    look.history = right == "history";
    look.help = right == "help";
    window
        .state_mut()
        .model
        .act(crate::window::act::Act::Select { at: SET.find("track bass").unwrap() + 6, reveal: true });
    window.run_steps(4);
    window
}

#[test]
fn every_control_does_something() {
    let mut dead = Vec::new();
    let mut pressed = 0;
    for (view, mixer, right) in [
        (View::Live, true, ""),
        (View::Arrange, false, "history"),
        (View::Hex, false, "browser"),
        (View::Live, false, "help"),
    ] {
        let mut window = opened(view, mixer, right);
        for name in controls(&window) {
            // Each on a fresh state of what is shown, for one may hide the next.
            let look = Look { view, mixer, zoom: 1.05, ..Look::default() };
            let look = Look { browser: right == "browser", history: right == "history", help: right == "help", ..look };
            window.state_mut().model.look = look;
            let model = &mut window.state_mut().model;
            model.say("");
            // The keys go where this does not want them to go, the cursor where nothing is.
            model.act(crate::window::act::Act::Select { at: 0, reveal: true });
            model.wants.focus_code = name != "focus-code";
            window.state_mut().parts.palette = Default::default();
            window.run_steps(2);
            if name == "focus-code" {
                window.ctx.memory_mut(|memory| memory.surrender_focus(crate::window::code::id()));
            }
            let before = seen(&window);
            sent(&window);
            let clicked = {
                let mut named = window.query_all_by_label(&name);
                let node = named.find(|node| ROLES.contains(&node.accesskit_node().role()));
                node.map(|node| node.click_accesskit()).is_some()
            };
            if !clicked {
                continue;
            }
            window.run_steps(3);
            pressed += 1;
            let commands = sent(&window);
            if seen(&window) == before && commands.is_empty() {
                dead.push(format!("{view:?}, {right}: {name}"));
            }
        }
    }
    assert!(pressed > 120, "only {pressed} controls were found");
    assert_eq!(dead, Vec::<String>::new(), "of {pressed}");
}

#[test]
fn every_key_of_the_map_does_something() {
    let mut dead = Vec::new();
    let bindings = crate::window::keymap::Keymap::standard().bindings;
    let mut window = opened(View::Live, false, "");
    // Something to take back, to do again, to go to and to write.
    for binding in bindings {
        let model = &mut window.state_mut().model;
        model.look = Look { view: View::Live, split: crate::window::look::Split::Both, zoom: 1.5, ..Look::default() };
        // The view that a key would show must be another one.
        if binding.word == "show-live" {
            model.look.view = View::Hex;
        }
        if binding.context == "hex" {
            model.look.view = View::Hex;
            let bass = model.text().find("track bass").expect("it was taken back") + 6;
            model.act(crate::window::act::Act::Select { at: bass, reveal: false });
            window.state_mut().parts.hex = Default::default();
        }
        let model = &mut window.state_mut().model;
        match binding.word {
            "redo" => {
                model.act(crate::window::act::Act::Tempo(99.0));
                model.undo();
            }
            "bake" => model.act(crate::window::act::Act::Overlay { name: "bass.level".into(), value: 0.5 }),
            "evaluate-block" | "evaluate-file" | "undo" => model.act(crate::window::act::Act::Tempo(101.0)),
            _ => {}
        }
        window.state_mut().model.say("");
        window.state_mut().parts.palette = Default::default();
        window.run_steps(2);
        let undone = window.state().model.text().to_string();
        let focus = binding.context == "all" && binding.word != "focus-code";
        if focus {
            window.state_mut().model.wants.focus_code = true;
        } else {
            window.state_mut().model.wants.focus_view = true;
        }
        window.run_steps(2);
        sent(&window);
        let before = seen(&window);
        let mut modifiers = binding.keys.modifiers;
        modifiers.ctrl |= modifiers.command;
        window.key_press_modifiers(modifiers, binding.keys.logical_key);
        window.run_steps(3);
        if seen(&window) == before && sent(&window).is_empty() {
            dead.push(format!("{} {}", crate::window::keymap::shown(binding.keys), binding.word));
        }
        if binding.context == "hex" && window.state().model.text() != undone {
            window.state_mut().model.undo();
            assert_eq!(window.state().model.text(), undone, "{} is one step", binding.word);
        }
    }
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn every_command_can_be_found_and_run() {
    let mut window = opened(View::Live, false, "");
    for word in WORDS {
        window.state_mut().model.act(crate::window::act::Act::Word(word.name));
        window.run_steps(2);
    }
    let entries = crate::window::palette::entries(&window.state().model.see());
    for word in WORDS {
        assert!(entries.iter().any(|entry| entry.act == crate::window::act::Act::Word(word.name)), "{}", word.name);
    }
}

/// Seeds of chance: MODURUST_SEEDS takes more of them; `modurust edit --monkey` does the same at a real window for as long as one likes.
#[test]
fn a_monkey_breaks_nothing_and_all_can_be_taken_back() {
    let seeds = std::env::var("MODURUST_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    (0..seeds).for_each(|seed| monkey(seed + 7));
}

fn monkey(seed: u64) {
    let mut window = opened(View::Live, true, "");
    let mut dice = super::super::monkey::Monkey::new(seed);
    let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 720.0));
    for _ in 0..400 {
        for event in dice.next(screen) {
            window.event(event);
        }
        window.step();
        window.state_mut().model.wants.close = false;
        let status = &window.state().model.status.text;
        assert!(!status.contains("built anew"), "seed {seed}: {status}");
    }
    for _ in 0..5000 {
        if !window.state_mut().model.back() {
            break;
        }
    }
    assert_eq!(text(&window), SET);
}
