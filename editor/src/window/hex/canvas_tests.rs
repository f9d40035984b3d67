//! The hex view without a screen: what keys and clicks do, found by the names that readers of screens hear.

use crate::window::act::Act;
use crate::window::tests::{Stand, press, sent, text, window};
use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
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

/// Where a hex lies on the screen, by what is said of it first.
fn rect(window: &Harness<'_, Stand>, said: &str) -> egui::Rect {
    let named = |label: Option<String>| label.is_some_and(|label| label.starts_with(said));
    let found = window.root().children_recursive().find(|node| named(node.accesskit_node().label()));
    found.unwrap_or_else(|| panic!("there is no {said}")).rect()
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

/// The keys go to a hex by its name.
fn go(window: &mut Harness<'_, Stand>, name: &str) {
    key(window, Key::Slash, Modifiers::NONE);
    letters(window, name);
    key(window, Key::Enter, Modifiers::NONE);
}

/// A node behind the hex that the keys are at, and fed by it if it gives something.
fn node(window: &mut Harness<'_, Stand>, name: &str) {
    key(window, Key::Tab, Modifiers::NONE);
    letters(window, name);
    key(window, Key::Enter, Modifiers::NONE);
}

/// Values for the chosen number of the hex and those behind it.
fn write(window: &mut Harness<'_, Stand>, values: &[&str]) {
    key(window, Key::E, Modifiers::NONE);
    for (i, value) in values.iter().enumerate() {
        letters(window, value);
        key(window, if i + 1 < values.len() { Key::Tab } else { Key::Enter }, Modifiers::NONE);
    }
}

/// A wire from one hex to another, to the input that so many Tabs choose.
fn wire(window: &mut Harness<'_, Stand>, from: &str, to: &str, tabs: usize) {
    go(window, from);
    key(window, Key::C, Modifiers::NONE);
    go(window, to);
    for _ in 0..tabs {
        key(window, Key::Tab, Modifiers::NONE);
    }
    key(window, Key::Enter, Modifiers::NONE);
}

/// No pointer, no code: nodes, wires, names and values of inputs, all by keys. What comes of it sounds as the example that somebody typed.
#[test]
fn the_acid_patch_is_drawn_from_nothing_by_keys_alone() {
    let mut window = hexes("");
    let w = &mut window;
    letters(w, "a");
    letters(w, "cid = voice");
    key(w, Key::Enter, Modifiers::NONE);
    key(w, Key::Enter, Modifiers::NONE);
    node(w, "accent = parameter");
    node(w, "cutoff = parameter");
    write(w, &["400hz"]);
    go(w, "gate");
    node(w, "env = ad");
    write(w, &["3ms", "180ms"]);
    go(w, "freq");
    node(w, "saw");
    node(w, "ladder");
    // The frequency of the filter: cutoff * (env * 6 + 1 + accent * 4).
    for (from, by) in [("env", "6"), ("accent", "4")] {
        go(w, from);
        node(w, "*");
        write(w, &[by]);
    }
    go(w, "times1");
    node(w, "+");
    write(w, &["1"]);
    wire(w, "times2", "plus1", 1);
    go(w, "cutoff");
    node(w, "*");
    wire(w, "plus1", "times3", 0);
    wire(w, "times3", "ladder1", 0);
    go(w, "ladder1");
    write(w, &["0.85"]);
    node(w, "drive");
    write(w, &["9db"]);
    node(w, "*");
    wire(w, "env", "times4", 0);
    wire(w, "times4", "out", 0);
    key(w, Key::Backspace, Modifiers::NONE);
    // The line and its track.
    node(w, "line = pattern");
    write(w, &["0 0 <12 10> 0 [3 ~] 0 <-2 7> 5"]);
    node(w, "fast");
    write(w, &["2"]);
    node(w, "scale");
    write(w, &["a1"]);
    node(w, "with");
    write(w, &["accent: \"1 0 0 <1 0>\""]);
    write(w, &["cutoff: 300hz ~> 2khz over 16bars"]);
    node(w, "mono");
    wire(w, "acid", "mono1", 0);
    write(w, &["60ms"]);
    node(w, "bass = track");
    press(w, "ctrl+k");
    letters(w, "tempo 132");
    key(w, Key::Enter, Modifiers::NONE);
    let drawn = text(w);
    println!("{drawn}");
    let problems: Vec<&str> = w.state().model.see().problems.iter().map(|p| p.message.as_str()).collect();
    assert!(problems.is_empty(), "{problems:?}\n{drawn}");
    let typed = include_str!("../../../../examples/acid.modu");
    let (drawn_sound, typed_sound) = (super::properties::sound(&drawn), super::properties::sound(typed));
    assert!(typed_sound.peak > 0.01);
    assert_eq!(drawn_sound.hash, typed_sound.hash, "{drawn}");
    for _ in 0..200 {
        press(w, "ctrl+z");
    }
    assert_eq!(text(w), "", "step by step all of it is taken back");
}

fn texts(window: &Harness<'_, Stand>) -> Vec<String> {
    let text = |command| match command {
        Command::Text { text, .. } => Some(text),
        _ => None,
    };
    sent(window).into_iter().filter_map(text).collect()
}

#[test]
fn a_knob_is_heard_while_it_is_turned_and_written_once() {
    let start = "osc = saw(110hz)\nout = osc * -12db\n";
    let mut window = hexes(start);
    let hex = rect(&window, "oscillator osc,");
    let from = hex.center() + egui::vec2(0.0, 0.42 * hex.width());
    window.drag_at(from);
    for step in 1..=8 {
        window.hover_at(from - egui::vec2(0.0, 10.0 * step as f32));
        window.run_steps(2);
    }
    let heard = texts(&window);
    assert!(heard.len() >= 3, "{heard:?}");
    assert!(heard.iter().all(|text| text.starts_with("osc = saw(") && text.ends_with(" * -12db\n")), "{heard:?}");
    assert!(heard.windows(2).all(|pair| pair[0] != pair[1]), "{heard:?}");
    assert_eq!(text(&window), start, "nothing is written while it turns");
    window.drop_at(from - egui::vec2(0.0, 80.0));
    window.run_steps(3);
    let turned = text(&window);
    assert_eq!(texts(&window).last(), Some(&turned), "what was written is what plays");
    assert_ne!(turned, start);
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), start, "all of it was one step");
    // A key that stays down goes on and on.
    at(&mut window, "osc");
    sent(&window);
    let hold =
        |pressed| Event::Key { key: Key::Plus, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE };
    for _ in 0..5 {
        window.event(hold(true));
        window.run_steps(4);
    }
    assert_eq!(text(&window), start);
    assert!(texts(&window).len() >= 4);
    window.event(hold(false));
    window.run_steps(3);
    assert_eq!(text(&window), start.replace("110hz", "155hz"), "{}", status(&window));
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), start);
    // The wheel above it, until it rests.
    window.hover_at(from);
    for _ in 0..3 {
        let delta = egui::vec2(0.0, 30.0);
        let unit = egui::MouseWheelUnit::Point;
        let (source, phase) = (egui::MouseWheelSource::Wheel, egui::TouchPhase::Move);
        window.event(Event::MouseWheel { unit, delta, source, phase, modifiers: Modifiers::NONE });
        window.run_steps(3);
    }
    assert_eq!(text(&window), start);
    assert!(!texts(&window).is_empty());
    window.run_steps(60);
    assert_ne!(text(&window), start);
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), start);
    // Escape gives back what was there.
    window.drag_at(from);
    window.hover_at(from - egui::vec2(0.0, 60.0));
    window.run_steps(4);
    sent(&window);
    key(&mut window, Key::Escape, Modifiers::NONE);
    assert_eq!(texts(&window), [start]);
    window.drop_at(from);
    window.run_steps(3);
    assert_eq!(text(&window), start);
}

#[test]
fn a_drop_that_connects_is_one_step_and_so_is_a_new_node() {
    let start = "osc = saw(110hz)\nlp = lpf(0, 800hz)\n";
    let mut window = hexes(start);
    let places = "modurust-layout 1\nlp 3 0\nosc 0 0\n";
    window.state_mut().model.act(Act::Layout { text: places.into(), say: "places".into() });
    window.run_steps(4);
    key(&mut window, Key::Num0, Modifiers::NONE);
    let (osc, lp) = (rect(&window, "oscillator osc,"), rect(&window, "filter lp,"));
    let to = lp.center() + lp.width() * egui::vec2(-1.5, -0.866);
    let from = osc.center() - egui::vec2(0.0, 0.3 * osc.width());
    window.drag_at(from);
    window.hover_at(from + (to - from) * 0.5);
    window.run_steps(2);
    window.hover_at(to);
    window.run_steps(2);
    window.drop_at(to);
    window.run_steps(4);
    assert_eq!(text(&window), start.replace("lpf(0,", "lpf(osc,"), "{}", status(&window));
    assert!(!window.state().model.see().layout.contains("osc 0 0"));
    press(&mut window, "ctrl+z");
    assert_eq!((text(&window).as_str(), window.state().model.see().layout), (start, places));
    at(&mut window, "osc");
    node(&mut window, "hpf");
    assert!(text(&window).contains("hpf1 = hpf(osc, "), "{}", text(&window));
    assert_ne!(window.state().model.see().layout, places);
    press(&mut window, "ctrl+z");
    assert_eq!((text(&window).as_str(), window.state().model.see().layout), (start, places));
    at(&mut window, "osc");
    key(&mut window, Key::R, Modifiers::NONE);
    letters(&mut window, "illator");
    key(&mut window, Key::Enter, Modifiers::NONE);
    assert!(window.state().model.see().layout.contains("oscillator 0 0"), "{}", window.state().model.see().layout);
    press(&mut window, "ctrl+z");
    assert_eq!((text(&window).as_str(), window.state().model.see().layout), (start, places));
}

#[test]
fn keys_of_the_hexes_are_a_matter_of_the_keymap() {
    let mut window = hexes(PATCH);
    let (map, wrong) = crate::window::keymap::Keymap::standard().with("z hex hex-double\nd hex hex-delete\n");
    assert_eq!(wrong, Vec::<String>::new());
    window.state_mut().model.keymap = map;
    at(&mut window, "lp");
    key(&mut window, Key::Z, Modifiers::NONE);
    assert!(text(&window).contains("lp1 = osc >> lpf(800hz, q: 2)"), "{}", status(&window));
    press(&mut window, "ctrl+z");
    at(&mut window, "wet");
    key(&mut window, Key::D, Modifiers::NONE);
    assert!(!text(&window).contains("wet ="), "{}", status(&window));
    press(&mut window, "ctrl+z");
    // The palette does it, too, from any view.
    at(&mut window, "lp");
    press(&mut window, "f3");
    press(&mut window, "ctrl+k");
    letters(&mut window, "hex double");
    key(&mut window, Key::Enter, Modifiers::NONE);
    window.run_steps(3);
    assert!(text(&window).contains("lp1 = osc >> lpf(800hz, q: 2)"), "{}", status(&window));
    press(&mut window, "ctrl+z");
    at(&mut window, "lp");
    key(&mut window, Key::K, Modifiers::NONE);
    assert!(window.state().model.see().layout.contains(" color=0"), "{}", window.state().model.see().layout);
}

#[test]
fn a_curve_is_bent_by_its_handle_in_one_step() {
    let start = "// bright\nlp = lpf(saw(110hz), 800hz, q: 2)\nout = lp\n";
    let mut window = hexes(start);
    let hex = rect(&window, "filter lp,");
    let radius = hex.width();
    // The handle is at 800 Hz and 6 dB, in a box in the middle of the hex.
    let room =
        egui::Rect::from_center_size(hex.center() + egui::vec2(0.0, 0.1) * radius, egui::vec2(1.2, 0.3) * radius);
    let from = room.lerp_inside(egui::vec2(0.534, 1.0 - 0.7));
    window.drag_at(from);
    for step in 1..=4 {
        window.hover_at(from + egui::vec2(0.05 * radius, -0.02 * radius) * step as f32);
        window.run_steps(3);
    }
    assert_eq!(text(&window), start);
    let heard = texts(&window);
    assert!(heard.len() >= 2, "{heard:?}");
    window.drop_at(from + egui::vec2(0.2, -0.08) * radius);
    window.run_steps(3);
    let bent = text(&window);
    assert!(bent.starts_with("// bright\nlp = lpf(saw(110hz), ") && !bent.contains("800hz"), "{bent}");
    assert!(!bent.contains("q: 2)") && bent.contains(", q: "), "{bent}");
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), start);
    let start = "g = lfsquare(1hz)\na = adsr(g, 100ms, 300ms, 0.5, 600ms)\n";
    let mut window = hexes(start);
    at(&mut window, "a");
    let hex = rect(&window, "envelope a,");
    let radius = hex.width();
    let room =
        egui::Rect::from_center_size(hex.center() + egui::vec2(0.0, 0.1) * radius, egui::vec2(1.2, 0.3) * radius);
    let from = room.lerp_inside(egui::vec2(0.4 / 1.35, 0.5));
    window.drag_at(from);
    window.hover_at(from + egui::vec2(0.1, 0.06) * radius);
    window.run_steps(3);
    window.drop_at(from + egui::vec2(0.1, 0.06) * radius);
    window.run_steps(3);
    assert!(text(&window).contains("adsr(g, 100ms, 4") && text(&window).contains("0.3, 600ms)"), "{}", text(&window));
}

#[test]
fn any_value_can_be_looked_at_while_it_sounds() {
    let mut window = hexes(PATCH);
    // What is told of the compiler comes late, and would be told in the place of what follows.
    let heard = |stand: &Stand| stand.model.history.head().is_some_and(|head| *head.text == *stand.model.text());
    at(&mut window, "lp");
    for wanted in [PATCH.replace("q: 2)", "q: 2) >> scope('lp')"), PATCH.to_string()] {
        key(&mut window, Key::P, Modifiers::NONE);
        assert_eq!(text(&window), wanted, "{}", status(&window));
        crate::window::tests::settle(&mut window, heard);
    }
    at(&mut window, "t");
    key(&mut window, Key::P, Modifiers::NONE);
    assert!(status(&window).contains("inspector"), "{}", status(&window));
}

#[test]
fn what_is_bypassed_muted_or_alone_is_said() {
    let mut window = hexes(PATCH);
    for (name, pressed, said) in [("lp", Key::B, "bypassed"), ("t", Key::B, "muted"), ("t", Key::S, "solo")] {
        at(&mut window, name);
        key(&mut window, pressed, Modifiers::NONE);
        let label = format!(", {said}");
        assert!(window.query_all_by_label_contains(&label).count() > 0, "{said}: {}", text(&window));
        press(&mut window, "ctrl+z");
        window.run_steps(2);
        assert_eq!(window.query_all_by_label_contains(&label).count(), 0, "{said} is taken back");
    }
}

#[test]
fn a_new_hex_is_to_be_seen() {
    let mut window = hexes("osc = saw(110hz)\n");
    at(&mut window, "osc");
    for _ in 0..14 {
        node(&mut window, "lpf");
    }
    let seen = rect(&window, "filter lpf14,");
    let canvas = rect(&window, "hexes, ");
    assert!(canvas.contains_rect(seen), "{seen:?} in {canvas:?}");
}
