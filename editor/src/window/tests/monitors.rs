//! Six monitors: what is selected, what feeds it and what it feeds, each with the values that sound.

use super::super::act::Act;
use super::super::monitor::Side;
use super::*;
use egui_kittest::kittest::Queryable;
use std::collections::BTreeSet;

const PATCH: &str = "osc = sin(1khz) * 0.5 >> scope('osc')\nlfo = sin(1hz) * 0.25 >> scope('lfo')\n\
                     low = osc * (1 + lfo) >> lpf(200hz) >> scope('low')\ntrack t = low\nbus room = in\n";

fn select(window: &mut Harness<'_, Stand>, name: &str) {
    let at = text(window).find(&format!("{name} =")).expect("it is there");
    window.state_mut().model.act(Act::Select { at, reveal: false });
    // One look opens the scopes, and what sounds then is seen by the next.
    let number = window.state().model.see().feedback.number;
    settle(window, |stand| stand.model.see().feedback.number > number + 1);
    window.state().sound(8192);
    let number = window.state().model.see().feedback.number;
    settle(window, |stand| stand.model.see().feedback.number > number + 1);
    window.run_steps(2);
}

#[test]
fn what_is_around_the_selection_is_seen_as_it_sounds() {
    let mut window = window(PATCH);
    select(&mut window, "low");
    let see = window.state().model.see();
    let watched: Vec<(&str, Side)> = see.watched.iter().map(|watch| (watch.name.as_str(), watch.side)).collect();
    assert_eq!(watched, [("osc", Side::In), ("lfo", Side::In), ("low", Side::Here), ("t", Side::Out)]);
    let peak = |name: &str| {
        let watch = see.watched.iter().find(|watch| watch.name == name).unwrap();
        watch.wave.iter().map(|frame| frame[0].abs()).fold(0.0, f32::max)
    };
    assert!((peak("osc") - 0.5).abs() < 0.01, "{}", peak("osc"));
    assert!(peak("low") > 0.005 && peak("low") < 0.1, "{}", peak("low"));
    assert!((peak("t") - peak("low")).abs() < 1e-6);
    // Each of them has its wave behind its statement, too, but for `low`, whose line fills the pane.
    let code = window.get_by_role(egui::accesskit::Role::MultilineTextInput).rect();
    let inside = |shape: &&egui::epaint::ClippedShape| match &shape.shape {
        egui::Shape::Path(path) => path.points.len() > 60 && path.points.iter().all(|point| code.contains(*point)),
        _ => false,
    };
    let rows: BTreeSet<i32> = window
        .output()
        .shapes
        .iter()
        .filter(inside)
        .map(|shape| shape.shape.visual_bounding_rect().center().y as i32 / 10)
        .collect();
    assert_eq!(rows.len(), 3, "{rows:?} in {code:?}");
    let said = |kind: &str| format!("{kind} of osc, feeds the selection, -6.0 dB");
    window.get_by_label("monitors: wave").click();
    window.run_steps(2);
    assert!(window.query_by_label_contains("spectrum of osc, feeds the selection").is_some(), "{}", said("spectrum"));
    window.get_by_label("monitors: spectrum").click();
    window.run_steps(2);
    window.get_by_label_contains("level of osc, feeds the selection").click();
    window.run_steps(2);
    assert_eq!(window.state().model.see().selected, Some("osc"));
}
