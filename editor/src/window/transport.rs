//! The bar above: time, tempo, level, what the machine has left, and the way to silence.

use super::act::Act;
use super::look::View;
use super::model::See;
use egui::{Align, Button, Color32, Layout, Rect, RichText, Sense, Ui, Vec2};
use modurust_runtime::command::Command;

/// Share of a block above which the load is a warning, and above which it is too much.
const BUSY: [f32; 2] = [0.7, 0.9];

/// Shows the bar.
pub fn show(ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
    ui.horizontal_centered(|ui| {
        let (theme, feedback) = (see.theme, see.feedback);
        let playing = feedback.playing;
        let sign = if playing { "⏸" } else { "▶" };
        let name = if playing { "pause" } else { "play" };
        if button(ui, see, sign, name, "play-pause", if playing { theme.playing } else { theme.text }) {
            acts.push(Act::Word("play-pause"));
        }
        if button(ui, see, "⏮", "to the first bar", "restart", theme.text) {
            acts.push(Act::Word("restart"));
        }
        tempo(ui, see, acts);
        let beats = feedback.program.as_ref().map_or(4.0, |program| program.timing.beats_per_bar.to_f64());
        let (bar, beat) = (feedback.cycle.floor(), (feedback.cycle.fract() * beats).floor());
        let place = format!("{:>4}.{}", bar as i64 + 1, beat as i64 + 1);
        let place = ui.label(RichText::new(place).monospace().size(17.0).color(theme.text));
        place.on_hover_text("bar and beat");
        if button(ui, see, "tap", "tap the tempo", "tap", theme.weak) {
            acts.push(Act::Word("tap"));
        }
        ui.separator();
        for (view, sign, word) in [
            (View::Arrange, "Arrange", "show-arrangement"),
            (View::Live, "Live", "show-live"),
            (View::Hex, "Hex", "show-hexes"),
        ] {
            let chosen = see.look.view == view;
            let keys = see.keymap.keys_of(word).unwrap_or_default();
            if ui.selectable_label(chosen, sign).on_hover_text(keys).clicked() {
                acts.push(Act::Show(view));
            }
        }
        ui.separator();
        slots(ui, see, acts);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let panic = Button::new(RichText::new("PANIC").strong().color(theme.back)).fill(theme.bad);
            if ui.add(panic).on_hover_text(hint(see, "silence at once", "panic")).clicked() {
                acts.push(Act::Send(Command::Panic));
            }
            if button(ui, see, "hush", "hush: notes end", "hush", theme.text) {
                acts.push(Act::Send(Command::Hush));
            }
            level(ui, see);
            load(ui, see);
        });
    });
}

fn hint(see: &See<'_>, name: &str, word: &str) -> String {
    match see.keymap.keys_of(word) {
        Some(keys) => format!("{name} ({keys})"),
        None => name.to_string(),
    }
}

fn button(ui: &mut Ui, see: &See<'_>, sign: &str, name: &str, word: &str, colour: Color32) -> bool {
    let response = ui.add(Button::new(RichText::new(sign).color(colour)).min_size(Vec2::new(28.0, 24.0)));
    response.clone().accessible_name(name).on_hover_text(hint(see, name, word)).clicked()
}

/// The tempo, to be dragged or typed; it is written into the text when the hand lets go.
fn tempo(ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
    let id = egui::Id::unique("tempo value");
    // Before the first look at the engine the text knows.
    let written = see.feedback.program.as_ref().map_or(120.0, |program| program.timing.bpm.to_f64());
    let now = if see.feedback.bpm > 0.0 { see.feedback.bpm } else { written };
    let now = (now * 100.0).round() / 100.0;
    let mut bpm = ui.data(|data| data.get_temp::<f64>(id)).unwrap_or(now);
    let field = egui::DragValue::new(&mut bpm)
        .range(20.0..=400.0)
        .clamp_existing_to_range(false)
        .speed(0.2)
        .suffix(" bpm")
        .max_decimals(1);
    let response = ui.add(field).on_hover_text("the tempo: drag, or click and type");
    let response = response.accessible_name("tempo");
    if response.dragged() || response.has_focus() {
        ui.data_mut(|data| data.insert_temp(id, bpm));
    }
    let changed = (bpm - now).abs() > 0.01;
    // A hand that holds it has not decided yet.
    let held = response.dragged() || response.has_focus();
    if changed && !held && (response.drag_stopped() || response.lost_focus() || response.changed()) {
        acts.push(Act::Tempo(bpm));
    }
    if !held {
        ui.data_mut(|data| data.remove::<f64>(id));
    }
}

/// Slots A to H: a click plays one, a click with Shift puts what plays into it.
fn slots(ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
    let head = see.history.head().map(|commit| commit.id);
    ui.spacing_mut().item_spacing.x = 2.0;
    for slot in 0..super::history::SLOTS {
        let letter = (b'A' + slot as u8) as char;
        let held = see.history.slot(slot).map(|commit| commit.id);
        let colour = match held {
            _ if see.switching == Some(slot) => see.theme.queued,
            Some(id) if Some(id) == head => see.theme.playing,
            Some(_) => see.theme.text,
            None => see.theme.weak.gamma_multiply(0.6),
        };
        let response =
            ui.add(Button::new(RichText::new(letter.to_string()).color(colour)).min_size(Vec2::new(20.0, 22.0)));
        let what = match held {
            _ if see.switching == Some(slot) => "waits for the bar:",
            Some(_) => "plays",
            None => "empty: Shift keeps what plays in",
        };
        let response =
            response.accessible_name(format!("slot {letter}")).on_hover_text(format!("{what} slot {letter}"));
        if response.clicked() {
            acts.push(Act::Slot { slot, store: ui.input(|input| input.modifiers.shift) || held.is_none() });
        }
    }
    ui.spacing_mut().item_spacing.x = 6.0;
    let (sign, what) = match see.look.apart {
        true => ("apart", "each slot goes on where it stood when it was left; a click carries state over"),
        false => ("carry", "what sounds goes on from slot to slot; a click gives each a state of its own"),
    };
    let response = ui.selectable_label(see.look.apart, RichText::new(sign).color(see.theme.weak).small());
    if response.accessible_name(format!("slots: {sign}")).on_hover_text(what).clicked() {
        acts.push(Act::Word("slot-state"));
    }
}

/// The level of the whole, from -48 dB.
fn level(ui: &mut Ui, see: &See<'_>) {
    let peak = see.feedback.level("master").map_or([0.0; 2], |level| level.peak);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(96.0, 14.0), Sense::hover());
    let db = |peak: f32| 20.0 * peak.max(1e-6).log10();
    let loudest = db(peak[0].max(peak[1]));
    let said = if loudest < -90.0 { "silent".to_string() } else { format!("{loudest:.1} dB") };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Meter, true, format!("level of the whole: {said}")));
    for (side, peak) in peak.into_iter().enumerate() {
        let row = Rect::from_min_size(rect.min + Vec2::new(0.0, side as f32 * 8.0), Vec2::new(rect.width(), 6.0));
        let share = ((db(peak) + 48.0) / 48.0).clamp(0.0, 1.0);
        ui.painter().rect_filled(row, 1.5, see.theme.raised);
        ui.painter().rect_filled(row.with_max_x(row.min.x + row.width() * share), 1.5, see.theme.level(db(peak)));
    }
    response.on_hover_text(format!("level: {said}"));
}

/// What computing takes, deadlines that were missed, the limiter.
fn load(ui: &mut Ui, see: &See<'_>) {
    let device = &see.feedback.device;
    let colour = if device.load > BUSY[1] {
        see.theme.bad
    } else if device.load > BUSY[0] {
        see.theme.queued
    } else {
        see.theme.weak
    };
    let missed = if device.xruns > 0 { format!("  {} missed", device.xruns) } else { String::new() };
    let said = format!("{:>3.0} %{missed}", device.load * 100.0);
    ui.label(RichText::new(said).monospace().color(colour))
        .on_hover_text("share of the time that computing takes; deadlines missed");
    if see.feedback.limiter < 0.99 && see.feedback.limiter > 0.0 {
        ui.label(RichText::new("limited").color(see.theme.queued));
    }
}
