//! Recordings in the arrangement: their waves, and anchors that hands move as literals of the text.

use super::*;
use egui::{Event, Key, Modifiers, PointerButton, pos2, vec2};
use egui_kittest::kittest::{NodeT, Queryable};

const SONG: &str = "tempo 120bpm\nscene a {}\narrange { a 4bars }\n\
                    track loose = 'amen.wav' >> anchors(0s, 0.69s, 1.37s, every: 2beats) * 0.6\n";

/// A window on a text beside the recording.
fn opened(text: &str) -> Harness<'static, Stand> {
    let mut window = named(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/unwritten.modu"), text);
    press(&mut window, "f2");
    let begin = Instant::now();
    while window.query_by_label_contains("waveform of amen.wav").is_none() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the recording was never read");
        std::thread::sleep(Duration::from_millis(5));
        window.run_steps(1);
    }
    window
}

fn drag(window: &mut Harness<'_, Stand>, said: &str, by: f32) {
    let from = window.get_by_label_contains(said).rect().center();
    let button = |pos, pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    for event in [Event::PointerMoved(from), button(from, true)] {
        window.event(event);
        window.step();
    }
    for i in 1..=8 {
        window.event(Event::PointerMoved(from + vec2(by * i as f32 / 8.0, 0.0)));
        window.step();
    }
    window.event(button(pos2(from.x + by, from.y), false));
    window.run_steps(3);
}

#[test]
fn a_recording_is_seen_and_its_anchors_are_moved_in_the_text() {
    let mut window = opened(SONG);
    assert!(window.query_by_label_contains("anchor 2 of loose, bar 1.5, 0.69s").is_some());
    drag(&mut window, "anchor 2 of loose", 14.0);
    let moved = text(&window);
    let literal = moved.split("anchors(0s, ").nth(1).and_then(|rest| rest.split('s').next()).unwrap();
    let moment: f64 = literal.parse().unwrap();
    assert!(moment > 0.70 && moment < 1.0, "{moved}");
    assert_eq!(moved.replace(literal, "0.69"), SONG, "nothing else is another");
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), SONG);
    // By keys: to the right is later, by a hundredth.
    window.get_by_label_contains("anchor 2 of loose").focus();
    window.run_steps(2);
    window.key_press_modifiers(Modifiers::NONE, Key::ArrowRight);
    window.run_steps(3);
    assert!(text(&window).contains("(0s, 0.7s, 1.37s"), "{}", text(&window));
    window.key_press_modifiers(Modifiers::NONE, Key::Delete);
    window.run_steps(3);
    assert!(text(&window).contains("(0s, 1.37s, every"), "{}", text(&window));
    let label = window.get_by_label_contains("waveform of amen.wav").accesskit_node().label().unwrap();
    assert!(label.contains("seconds, in loose"), "{label}");
}
