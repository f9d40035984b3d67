//! Slots: kept compiled, gone over to where a bar begins, with state carried or apart; each step an edit that can be taken back.

use super::*;
use egui_kittest::kittest::Queryable;
use std::collections::BTreeMap;

const FIRST: &str = "tempo 120bpm\ntrack a = saw(55hz) * 0.1\n";

fn switched(commands: &[Command]) -> Option<(usize, bool, String)> {
    commands.iter().find_map(|command| match command {
        Command::Switch { slot, texts, apart } => Some((*slot, *apart, texts.values().next()?.clone())),
        _ => None,
    })
}

#[test]
fn slots_are_kept_compiled_and_come_with_the_bar() {
    let mut window = window(FIRST);
    window.get_by_label("slot A").click();
    window.run_steps(2);
    let stored = |commands: &[Command], n: usize| {
        commands.iter().any(|command| matches!(command, Command::Store { slot, plays: true, .. } if *slot == n))
    };
    assert!(stored(&sent(&window), 0));
    let second = FIRST.replace("saw", "tri");
    window.state_mut().model.act(super::super::act::Act::Typed { text: second.clone(), at: 0 });
    press(&mut window, "ctrl+shift+enter");
    settle(&mut window, |stand| stand.model.history.commits().count() == 2);
    press(&mut window, "ctrl+shift+f2");
    assert!(stored(&sent(&window), 1));
    window.state().sound(1024);
    press(&mut window, "ctrl+f1");
    assert_eq!(switched(&sent(&window)), Some((0, false, FIRST.to_string())));
    assert_eq!(text(&window), FIRST);
    // It waits, and is seen to, until the bar is there.
    settle(&mut window, |stand| stand.model.status.text.starts_with("slot A: code"));
    assert_eq!(window.state().model.see().switching, Some(0));
    window.state().sound(90_000);
    window.run_steps(2);
    assert_eq!(window.state().model.see().switching, Some(0));
    window.state().sound(8_000);
    settle(&mut window, |stand| stand.model.see().switching.is_none());
    assert_eq!(window.state().model.history.commits().count(), 2, "going there is no new text");
    window.get_by_label("slots: carry").click();
    window.run_steps(2);
    press(&mut window, "ctrl+f2");
    assert_eq!(switched(&sent(&window)), Some((1, true, second)));
    press(&mut window, "ctrl+z");
    assert_eq!(text(&window), FIRST);
    assert!(sent(&window).iter().any(|command| matches!(command, Command::Text { text, .. } if text == FIRST)));
}

#[test]
fn what_slots_hold_is_compiled_when_the_window_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.history");
    {
        let (mut history, _) = History::open(Some(&path));
        history.commit("out = sin(220hz)\n", "", BTreeMap::new(), "one", 0.0, 1);
        history.store(2);
        history.commit("out = sin(330hz)\n", "", BTreeMap::new(), "two", 0.0, 2);
        history.store(5);
    }
    let (player, sent) = Unheard::new("a.modu", "out = sin(330hz)\n");
    let history = History::open(Some(&path)).0;
    let mut model = Model::new(Box::new(player), "a.modu", "out = sin(330hz)\n", "", history);
    let stored: Vec<(usize, bool)> = sent
        .borrow()
        .iter()
        .filter_map(|command| match command {
            Command::Store { slot, plays, .. } => Some((*slot, *plays)),
            _ => None,
        })
        .collect();
    assert_eq!(stored, [(2, false), (5, true)]);
    model.act(super::super::act::Act::Slot { slot: 2, store: false });
    assert_eq!(model.text(), "out = sin(220hz)\n");
    assert!(switched(&sent.borrow()).is_some_and(|(slot, ..)| slot == 2));
}
