//! The mixer: what strips send, their sides of the crossfader, and the fader between these.

use super::*;
use egui_kittest::kittest::Queryable;

const SET: &str = "bus room = in >> plate\n\
    track keys = sin(220hz) * 0.1 >> send(room, -9db)\n\
    track lead = sin(330hz) * 0.1\n";

fn mixer(text: &str) -> Harness<'static, Stand> {
    let mut window = window(text);
    if !window.state().model.see().look.mixer {
        press(&mut window, "f6");
    }
    settle(&mut window, |stand| stand.model.see().feedback.level("lead").is_some());
    window.run_steps(2);
    window
}

fn heard(commands: &[Command]) -> Vec<&str> {
    let mut all = Vec::new();
    for command in commands {
        if let Command::Text { text, .. } = command {
            all.push(text.as_str());
        }
    }
    all
}

#[test]
fn a_send_is_heard_while_it_is_dragged_and_written_once() {
    let mut window = mixer(SET);
    sent(&window);
    let rect = window.get_by_label("keys to room, dB").rect();
    window.drag_at(rect.center());
    window.run_steps(2);
    for step in 1..=5 {
        window.hover_at(rect.center() + egui::vec2(6.0 * step as f32, 0.0));
        window.run_steps(2);
    }
    assert_eq!(text(&window), SET, "nothing is written while it is held");
    let commands = sent(&window);
    let tried = heard(&commands);
    assert!(tried.len() > 1 && tried.iter().all(|text| text.contains("send(room, -")), "{tried:?}");
    window.drop_at(rect.center() + egui::vec2(30.0, 0.0));
    window.run_steps(3);
    let written = text(&window);
    assert!(written != SET && written.contains("keys = sin(220hz) * 0.1 >> send(room, -"), "{written}");
    assert_eq!(heard(&sent(&window)).last(), Some(&written.as_str()));
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), SET, "one step back");
}

#[test]
fn strips_get_sides_and_a_fader_between_them() {
    let mut window = mixer(SET);
    window.get_by_label("keys on side A, off").click();
    window.run_steps(3);
    assert!(text(&window).contains("send(room, -9db) >> deck_a(cross)\n"), "{}", text(&window));
    window.get_by_label("lead on side B, off").click();
    window.run_steps(3);
    assert!(text(&window).contains("lead = sin(330hz) * 0.1 >> deck_b(cross)\n"), "{}", text(&window));
    sent(&window);
    window.get_by_label("crossfader, A to B").focus();
    window.run_steps(2);
    window.key_press(egui::Key::ArrowRight);
    window.run_steps(3);
    let moved = sent(&window);
    let to = moved.iter().find_map(|command| match command {
        Command::Param { name, value } if name == "cross" => Some(*value),
        _ => None,
    });
    assert!(to.is_some_and(|value| value > 0.5 && value < 0.6), "{moved:?}");
    window.get_by_label("keys on side A, on").click();
    window.run_steps(3);
    assert!(!text(&window).contains("deck_a"), "{}", text(&window));
}
