//! What hands do in each part, and what comes of it: in the text, and in what the engine was told.

use super::*;
use egui_kittest::kittest::Queryable;
use modurust_runtime::command::Perform;

fn launched(command: &Command, name: &str) -> bool {
    matches!(command, Command::Perform(Perform::Launch { path, launch: true, .. }) if path == name)
}

fn played(commands: &[Command]) -> Option<&str> {
    commands.iter().rev().find_map(|command| match command {
        Command::Text { text, .. } => Some(text.as_str()),
        Command::Switch { texts, .. } => texts.values().next().map(String::as_str),
        _ => None,
    })
}

#[test]
fn typing_changes_the_text_and_evaluating_the_sound() {
    let mut window = window(SET);
    press(&mut window, "ctrl+e");
    window.state_mut().model.act(crate::window::act::Act::Select { at: SET.len(), reveal: true });
    window.run_steps(2);
    window.event(egui::Event::Text("lead = sin(440hz)".into()));
    window.run_steps(3);
    assert_eq!(text(&window), format!("{SET}lead = sin(440hz)"));
    assert_eq!(played(&sent(&window)), None, "typing is not heard");
    press(&mut window, "ctrl+enter");
    let commands = sent(&window);
    assert!(played(&commands).is_some_and(|text| text.contains("lead = sin(440hz)")));
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), SET);
    press(&mut window, "ctrl+shift+z");
    assert!(text(&window).ends_with("lead = sin(440hz)"));
}

#[test]
fn a_block_is_played_without_what_else_was_typed() {
    let mut window = window("a = 1\ntrack x = sin(220hz)\n");
    let both = "a = 2\ntrack x = sin(330hz)\n";
    window.state_mut().model.act(crate::window::act::Act::Typed { text: both.into(), at: both.len() - 2 });
    press(&mut window, "ctrl+enter");
    assert_eq!(played(&sent(&window)), Some("a = 1\ntrack x = sin(330hz)\n"));
    press(&mut window, "ctrl+shift+enter");
    assert_eq!(played(&sent(&window)), Some(both));
}

#[test]
fn clips_and_scenes_are_launched_by_name_and_by_keys() {
    let mut window = window(SET);
    press(&mut window, "f3");
    window.get_by_label("clip drums.b, rests").click();
    window.run_steps(3);
    assert!(launched(&sent(&window)[0], "drums.b"));
    window.get_by_label("scene drop").click();
    window.run_steps(3);
    assert!(launched(&sent(&window)[0], "drop"));
    window.get_by_label("stop bass").click();
    window.run_steps(3);
    assert!(
        matches!(&sent(&window)[0], Command::Perform(Perform::Launch { path, launch: false, .. }) if path == "bass")
    );
    press(&mut window, "up");
    press(&mut window, "shift+enter");
    assert!(launched(&sent(&window)[0], "intro"), "the scene of the row above");
}

#[test]
fn an_empty_cell_writes_a_clip() {
    let mut window = window(SET);
    press(&mut window, "f3");
    window.get_all_by_label("bass new clip").next().unwrap().click();
    window.run_steps(3);
    assert!(text(&window).contains("b: \"0 0 12 0 3 3 10 7\"\n  c: \"~\"\n}"), "{}", text(&window));
    assert!(played(&sent(&window)).is_some());
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), SET);
}

#[test]
fn the_palette_reaches_everything() {
    let mut window = window(SET);
    press(&mut window, "ctrl+k");
    window.event(egui::Event::Text("launch drums.fill".into()));
    window.run_steps(3);
    press(&mut window, "enter");
    assert!(launched(&sent(&window)[0], "drums.fill"));
    press(&mut window, "ctrl+k");
    window.event(egui::Event::Text("mixer".into()));
    window.run_steps(3);
    press(&mut window, "enter");
    assert!(window.state().model.look.mixer);
}

#[test]
fn a_fader_moves_the_sound_and_baking_writes_it() {
    let mut window = window(SET);
    press(&mut window, "f6");
    settle(&mut window, |stand| stand.model.see().feedback.levels.iter().any(|level| level.name == "bass"));
    window.state_mut().model.act(crate::window::act::Act::Overlay { name: "bass.level".into(), value: 0.5 });
    window.run_steps(2);
    assert!(matches!(&sent(&window)[0], Command::Param { name, value } if name == "bass.level" && *value == 0.5));
    assert_eq!(text(&window), SET);
    press(&mut window, "ctrl+b");
    assert_eq!(text(&window), format!("{SET}automate bass.level {{ 0bar: -6db }}\n"));
    window.get_by_label("mute bass, off").click();
    window.run_steps(3);
    assert!(text(&window).ends_with("mute bass\n"));
    window.get_by_label("mute bass, on").click();
    window.run_steps(3);
    assert!(!text(&window).contains("mute bass"));
}

#[test]
fn the_history_branches_and_slots_switch() {
    let mut window = window("track x = sin(220hz)\n");
    for hz in ["330hz", "440hz"] {
        let text = format!("track x = sin({hz})\n");
        window.state_mut().model.act(crate::window::act::Act::Typed { text: text.clone(), at: 0 });
        press(&mut window, "ctrl+shift+enter");
        settle(&mut window, |stand| stand.model.history.head().is_some_and(|head| *head.text == *text));
    }
    press(&mut window, "ctrl+shift+f1");
    window.state_mut().model.act(crate::window::act::Act::Go(1));
    assert_eq!(text(&window), "track x = sin(220hz)\n");
    window.state_mut().model.act(crate::window::act::Act::Typed { text: "track x = saw(220hz)\n".into(), at: 0 });
    press(&mut window, "ctrl+shift+enter");
    settle(&mut window, |stand| stand.model.history.children(1) == 2);
    press(&mut window, "ctrl+f1");
    assert_eq!(text(&window), "track x = sin(440hz)\n");
    assert_eq!(played(&sent(&window)), Some("track x = sin(440hz)\n"));
}

#[test]
fn a_broken_text_says_so_and_plays_on() {
    let mut window = window("track x = sin(220hz)\n");
    window.state_mut().model.act(crate::window::act::Act::Typed { text: "track x = sim(220hz)\n".into(), at: 0 });
    press(&mut window, "ctrl+shift+enter");
    settle(&mut window, |stand| stand.model.status.bad);
    let status = window.state().model.status.text.clone();
    assert!(status.contains("line 1") && status.contains("sim"), "{status}");
    assert!(window.query_by_label_contains("1 wrong").is_some());
    press(&mut window, "f8");
    assert_eq!(window.state().model.see().at, "track x = ".len());
}

#[test]
fn a_fault_of_the_drawing_builds_the_window_anew() {
    let mut window = window(SET);
    window.state_mut().parts.panels = panicking();
    window.run_steps(4);
    assert!(window.state().model.status.text.contains("built anew"), "{}", window.state().model.status.text);
    assert_eq!(text(&window), SET);
}

fn panicking() -> crate::window::panels::Panels {
    crate::window::panels::Panels::with_fault()
}

#[test]
fn a_point_of_an_automation_moves_by_keys_and_by_hand() {
    let mut window = window(SET);
    press(&mut window, "f2");
    window.get_by_label("point 2 of drums.level, bar 5, 0db").focus();
    window.run_steps(2);
    press(&mut window, "right");
    assert!(text(&window).contains("{\n  0bar: -6db, 4.25bar: 0db, 6bar: -3db spline\n}"), "{}", text(&window));
    assert!(played(&sent(&window)).is_some_and(|text| text.contains("4.25bar")));
    press(&mut window, "down");
    assert!(text(&window).contains("4.25bar: -0.75db"), "{}", text(&window));
    let rect = window.get_by_label_contains("point 3 of drums.level").rect();
    window.drag_at(rect.center());
    window.run_steps(2);
    window.hover_at(rect.center() + egui::vec2(60.0, 0.0));
    window.run_steps(2);
    window.drop_at(rect.center() + egui::vec2(60.0, 0.0));
    window.run_steps(3);
    assert!(!text(&window).contains("6bar: -3db") && text(&window).contains("-3db spline\n}"), "{}", text(&window));
    for _ in 0..3 {
        press(&mut window, "ctrl+z");
    }
    assert_eq!(text(&window), SET);
}

#[test]
fn sections_are_made_longer_and_the_ruler_jumps() {
    let mut window = window(SET);
    press(&mut window, "f2");
    window.get_by_label_contains("length of section 1").focus();
    window.run_steps(2);
    press(&mut window, "right");
    assert!(text(&window).contains("  intro 5bars\n"), "{}", text(&window));
    sent(&window);
    window.get_by_label_contains("ruler").click();
    window.run_steps(3);
    assert!(sent(&window).iter().any(|command| matches!(command, Command::Seek(_))));
}

#[test]
fn points_come_and_go() {
    let mut window = window(SET);
    press(&mut window, "f2");
    window.get_by_label_contains("point 2 of drums.level").focus();
    window.run_steps(2);
    press(&mut window, "delete");
    assert!(text(&window).contains("{\n  0bar: -6db, 6bar: -3db spline\n}"), "{}", text(&window));
    let field = window.get_by_label("two clicks add a point to drums.level").rect();
    let at = field.left_center() + egui::vec2(field.width() * 0.25, 0.0);
    for _ in 0..2 {
        window.drag_at(at);
        window.run_steps(1);
        window.drop_at(at);
        window.run_steps(1);
    }
    window.run_steps(4);
    assert_eq!(text(&window).matches("bar: ").count(), SET.matches("bar: ").count(), "{}", text(&window));
}

#[test]
fn letters_of_two_bytes_and_rooms_without_size_break_nothing() {
    let mut window = window("a = 1\n");
    press(&mut window, "ctrl+e");
    for letters in ["é", "é", "a", "ü"] {
        window.event(egui::Event::Text(letters.into()));
        // Both in one frame: what was read is not what is written.
        window.event(egui::Event::Text(letters.into()));
        window.run_steps(1);
        press(&mut window, "backspace");
    }
    assert!(!window.state().model.status.text.contains("built anew"));
    press(&mut window, "f4");
    window.state_mut().model.look.zoom = 4.0;
    window.set_size(egui::vec2(200.0, 120.0));
    window.run_steps(4);
    press(&mut window, "ctrl+d");
    press(&mut window, "down");
    assert!(!window.state().model.status.text.contains("built anew"), "{}", window.state().model.status.text);
}

#[test]
fn a_song_of_any_length_is_drawn() {
    let long = "scene a { x: b }\narrange {\n  a 1000000000000bars\n}\nautomate x.level { 0bar: -6db, 99999999999999bar: 0db }\n";
    let mut window = window("track x = clips { b: \"1\" } >> scale(c4, minor) >> mono(saw) * -20db\n");
    press(&mut window, "f2");
    let text = format!("{}{long}", text(&window));
    window.state_mut().model.act(crate::window::act::Act::Typed { text, at: 0 });
    window.run_steps(3);
    assert!(window.query_by_label_contains("length of section 1").is_some());
    assert!(!window.state().model.status.text.contains("built anew"));
}
