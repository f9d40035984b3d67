//! Several files in the code pane: opened, edited, evaluated, saved, each with its steps in the one history; errors lead to the right one.

use super::super::act::{Act, Extent};
use super::*;
use egui_kittest::kittest::Queryable;
use std::path::{Path, PathBuf};

const SET: &str = "use ./voices\ntempo 120bpm\ntrack t = lead(220hz) * 0.2\n";
const VOICES: &str = "lead(freq: hz) = saw(freq) >> lpf(1khz)\nspare = 3\n";

fn opened(folder: &Path) -> (Harness<'static, Stand>, PathBuf, PathBuf) {
    let (set, voices) = (folder.join("set.modu"), folder.join("voices.modu"));
    std::fs::write(&set, SET).unwrap();
    std::fs::write(&voices, VOICES).unwrap();
    (named(set.to_str().unwrap(), SET), set, voices)
}

fn played<'a>(commands: &'a [Command], end: &str) -> Option<&'a str> {
    commands.iter().rev().find_map(|command| match command {
        Command::Text { file, text } if file.ends_with(end) => Some(text.as_str()),
        _ => None,
    })
}

fn typed(window: &mut Harness<'_, Stand>, text: &str) {
    window.state_mut().model.act(Act::Typed { text: text.into(), at: 3 });
    window.run_steps(2);
}

#[test]
fn files_are_edited_side_by_side_and_taken_back_in_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let (mut window, set, voices) = opened(folder.path());
    window.get_by_label("voices.modu").click();
    window.run_steps(3);
    assert_eq!(text(&window), VOICES);
    let softer = VOICES.replace("1khz", "400hz");
    typed(&mut window, &softer);
    sent(&window);
    press(&mut window, "ctrl+shift+enter");
    assert_eq!(played(&sent(&window), "voices.modu"), Some(softer.as_str()));
    settle(&mut window, |stand| stand.model.history.commits().count() == 2);
    let head = window.state().model.history.head().unwrap().clone();
    assert_eq!((&*head.text, head.files.get("voices.modu").map(|text| &**text)), (SET, Some(softer.as_str())));
    // A fader and the tempo stand in the first file, whichever is open.
    window.state_mut().model.act(Act::Tempo(90.0));
    window.run_steps(2);
    assert_eq!(text(&window), softer);
    assert!(played(&sent(&window), "set.modu").is_some_and(|text| text.contains("tempo 90bpm")));
    // Both are saved; the one history takes back in both, and shows where.
    press(&mut window, "ctrl+s");
    assert_eq!(std::fs::read_to_string(&voices).unwrap(), softer);
    assert!(std::fs::read_to_string(&set).unwrap().contains("90bpm"));
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), SET, "the step of the first file");
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), VOICES, "the step of the other");
    press(&mut window, "ctrl+shift+z");
    assert_eq!(text(&window), softer);
    // The commit before has the text of then.
    window.state_mut().model.act(Act::Go(head.id));
    window.run_steps(2);
    assert_eq!(window.state().model.see_root().text, SET);
}

#[test]
fn errors_and_definitions_lead_to_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut window, ..) = opened(folder.path());
    let at = SET.find("lead").unwrap() + 1;
    window.state_mut().model.act(Act::Select { at, reveal: true });
    window.run_steps(2);
    press(&mut window, "f12");
    assert_eq!((text(&window).as_str(), window.state().model.see().at), (VOICES, 0));
    typed(&mut window, &VOICES.replace("lpf(1khz)", "nothing_of_this(1khz)"));
    assert!(window.state().model.see().problems.iter().any(|problem| problem.message.contains("nothing_of_this")));
    window.state_mut().model.act(Act::Word("next-file"));
    window.run_steps(2);
    assert_eq!(text(&window), SET);
    let wrong = &window.state().model.see().elsewhere[0];
    assert!(wrong.0.ends_with("voices.modu") && wrong.1.message.contains("nothing_of_this"), "{wrong:?}");
    assert!(window.query_by_label_contains("voices.modu \u{2022}  1 wrong").is_some());
    press(&mut window, "f8");
    assert!(text(&window).contains("nothing_of_this"));
    let status = window.state().model.status.text.clone();
    assert!(status.contains("voices.modu line 1"), "{status}");
    assert_eq!(window.state().model.see().at, VOICES.find("lpf").unwrap());
    // What is evaluated here plays; what is broken keeps its version, and the first file goes on.
    window.state_mut().model.act(Act::Evaluate(Extent::File));
    window.run_steps(2);
    assert!(played(&sent(&window), "voices.modu").is_some());
}
