//! The mixer: a strip a track and bus, the whole at the end.
//!
//! A fader moves the sound at once and leaves the text alone; `bake` writes where it stands. A number that stands elsewhere than the text says
//! is marked `≠`. Mute and solo are lines of the text (`mute bass`), so they are seen there, too. What a strip sends, where it leads and its
//! side of the crossfader are calls in its statement ([`super::routes`]): a send is heard while it is dragged, and written when it is let go.

use super::act::Act;
use super::bake::{decibels, plain};
use super::model::See;
use super::routes::{Routes, Side, splice};
use super::steps::between;
use egui::{Align2, FontId, Rect, RichText, ScrollArea, Sense, Slider, Ui, Vec2, vec2};
use modurust_runtime::command::Command;
use modurust_runtime::compiler::graph::OutKind;
use modurust_runtime::compiler::lang::units::Dim;
use modurust_runtime::compiler::program::Knob;
use modurust_runtime::feedback::Level;
use std::collections::BTreeMap;
use std::ops::Range;

/// Seconds that a peak is held.
const HOLD: f64 = 1.5;
/// Softest level that a meter shows, dB.
const SOFTEST: f32 = -60.0;

/// The mixer's own state.
#[derive(Default)]
pub struct Mixer {
    /// The largest level of a strip, and when it was.
    held: BTreeMap<String, (f32, f64)>,
    routes: Routes,
    /// A send that is dragged: its bytes, and what it says now.
    pulled: Option<(Range<usize>, f64)>,
}

impl Mixer {
    /// Shows the strips in a row.
    pub fn show(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        let heard = |level: &&Level| matches!(level.kind, OutKind::Track | OutKind::Master);
        let height = ui.available_height() - 8.0;
        self.routes.read(see.text, see.rev);
        ScrollArea::horizontal().id_salt("mixer").auto_shrink(false).show(ui, |ui| {
            ui.horizontal_top(|ui| {
                for level in see.feedback.levels.iter().filter(heard) {
                    self.strip(ui, see, level, height, acts);
                }
                self.crossfader(ui, see, height, acts);
            });
        });
    }

    fn strip(&mut self, ui: &mut Ui, see: &See<'_>, level: &Level, height: f32, acts: &mut Vec<Act>) {
        let master = level.kind == OutKind::Master;
        let name = if master { "master" } else { level.name.as_str() };
        let now = ui.input(|input| input.time);
        ui.allocate_ui(vec2(92.0, height), |ui| {
            ui.vertical(|ui| {
                let title = RichText::new(name).strong();
                if master {
                    // As high as the names that can be pressed.
                    ui.add_sized([60.0, ui.spacing().interact_size.y], egui::Label::new(title));
                } else if ui.selectable_label(see.selected == Some(name), title).clicked()
                    && let Some(symbol) = see.symbols.iter().find(|s| s.name == name)
                {
                    acts.push(Act::Select { at: symbol.selection.start as usize, reveal: true });
                }
                ui.horizontal(|ui| {
                    let rows = 22.0 * (2 + self.routes.most_sends()) as f32;
                    let height = (height - 40.0 - rows).max(50.0);
                    if !master {
                        fader(ui, see, name, height, acts);
                    }
                    let peak = db(level.peak[0].max(level.peak[1]));
                    let held = self.held.entry(name.to_string()).or_insert((peak, now));
                    if peak >= held.0 || now - held.1 > HOLD {
                        *held = (peak, now);
                    }
                    meter(ui, see, level, held.0, height);
                });
                if master {
                    loudness(ui, see);
                }
                if !master {
                    ui.horizontal(|ui| {
                        pan(ui, see, name, acts);
                        toggle(ui, see, name, "mute", "M", acts);
                        toggle(ui, see, name, "solo", "S", acts);
                    });
                    self.leads(ui, see, name, acts);
                }
            });
        });
        ui.separator();
    }
}

impl Mixer {
    /// Its side, its group and what it sends.
    fn leads(&mut self, ui: &mut Ui, see: &See<'_>, strip: &str, acts: &mut Vec<Act>) {
        let Some(route) = self.routes.of(strip).cloned() else { return };
        ui.horizontal(|ui| {
            for side in [Side::A, Side::B] {
                let on = route.side() == Some(side);
                let button = egui::Button::new(RichText::new(side.letter()).small()).selected(on);
                let name = format!("{strip} on side {}, {}", side.letter(), if on { "on" } else { "off" });
                if ui.add(button.min_size(vec2(20.0, 18.0))).accessible_name(name).clicked() {
                    let say = format!("{strip} {} side {}", if on { "leaves" } else { "on" }, side.letter());
                    acts.push(match self.routes.assign(see.text, strip, side) {
                        Ok(edit) => Act::Edit { edit, say },
                        Err(why) => Act::Say(why.to_string()),
                    });
                }
            }
            if let Some(group) = &route.to {
                ui.label(RichText::new(format!("▶ {group}")).small().color(see.theme.weak));
            }
        });
        for send in &route.sends {
            ui.horizontal(|ui| {
                ui.label(RichText::new(&send.bus).small().color(see.theme.weak));
                if let Some(at) = &send.amount {
                    self.send(ui, see, (strip, &send.bus), at, acts);
                }
            });
        }
    }

    /// How much is sent, dB.
    fn send(&mut self, ui: &mut Ui, see: &See<'_>, (strip, bus): (&str, &str), at: &Range<usize>, acts: &mut Vec<Act>) {
        let gain = |text: &str| match text.strip_suffix("db") {
            Some(number) => number.trim().parse::<f64>().ok(),
            None => text.trim().parse::<f64>().ok().map(|gain| 20.0 * gain.abs().max(1e-5).log10()),
        };
        let Some(was) = see.text.get(at.clone()).and_then(gain) else { return };
        let mut now = self.pulled.as_ref().filter(|(held, _)| held == at).map_or(was, |(_, db)| *db);
        let show = |db: f64, _| if db <= -60.0 { "-∞".to_string() } else { plain(db, 1) };
        let field = egui::DragValue::new(&mut now).range(-60.0..=12.0).speed(0.2).custom_formatter(show);
        let response = ui.add(field).accessible_name(format!("{strip} to {bus}, dB"));
        let written = |db: f64| if db <= -60.0 { "-100db".into() } else { format!("{}db", plain(db, 1)) };
        let dragged = response.dragged();
        if response.changed() && dragged {
            self.pulled = Some((at.clone(), now));
            acts.push(Act::Try(Some(splice(at, written(now)))));
        } else if response.drag_stopped() || response.changed() {
            self.pulled = None;
            if written(now) != written(was) {
                let say = format!("{strip} sends {} to {bus}", written(now));
                acts.push(Act::Edit { edit: splice(at, written(now)), say });
            } else {
                acts.push(Act::Try(None));
            }
        }
    }

    /// The fader between the sides, if a strip has one.
    fn crossfader(&self, ui: &mut Ui, see: &See<'_>, height: f32, acts: &mut Vec<Act>) {
        let Some(name) = self.routes.fader() else { return };
        let mut place = value(see, name).unwrap_or(0.5);
        ui.allocate_ui(vec2(140.0, height), |ui| {
            ui.vertical(|ui| {
                let moved = if see.overlay.contains_key(name) { " ≠" } else { "" };
                ui.label(RichText::new(format!("{name}{moved}")).strong());
                ui.horizontal(|ui| {
                    ui.spacing_mut().slider_width = 96.0;
                    ui.label(Side::A.letter());
                    let response = ui.add(Slider::new(&mut place, 0.0..=1.0).show_value(false));
                    response.widget_info(|| egui::WidgetInfo::slider(true, f64::from(place), "crossfader, A to B"));
                    if response.double_clicked() {
                        acts.push(Act::Overlay { name: name.to_string(), value: 0.5 });
                    } else if response.changed() {
                        acts.push(Act::Overlay { name: name.to_string(), value: place });
                    }
                    response.context_menu(|ui| learn(ui, name, acts));
                    ui.label(Side::B.letter());
                });
            });
        });
    }
}

/// Of the whole: over 400 ms, over 3 s, and since the start, LUFS.
fn loudness(ui: &mut Ui, see: &See<'_>) {
    let loud = see.feedback.loudness;
    for (letter, what, level) in [
        ("M", "momentary loudness", loud.momentary),
        ("S", "loudness of 3 s", loud.short),
        ("I", "loudness since the start", loud.whole),
    ] {
        let said = if level <= -70.0 { "-∞".to_string() } else { format!("{level:.1}") };
        let label = ui.label(RichText::new(format!("{letter} {said}")).small().color(see.theme.weak));
        label.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{what}: {said} LUFS")));
        label.on_hover_text(format!("{what}, LUFS"));
    }
}

fn db(peak: f32) -> f32 {
    20.0 * peak.max(1e-6).log10()
}

/// Where a number stands: moved by hand, or as the engine has it.
fn value(see: &See<'_>, name: &str) -> Option<f32> {
    see.overlay.get(name).copied().or_else(|| see.feedback.value(name))
}

fn fader(ui: &mut Ui, see: &See<'_>, strip: &str, height: f32, acts: &mut Vec<Act>) {
    let name = format!("{strip}.level");
    let gain = value(see, &name).unwrap_or(1.0);
    let mut level = f64::from(db(gain).max(-60.0));
    let moved = if see.overlay.contains_key(&name) { "≠ " } else { "" };
    ui.vertical(|ui| {
        ui.spacing_mut().slider_width = height - 22.0;
        let slider = Slider::new(&mut level, -60.0..=6.0).vertical().show_value(false);
        let response = ui.add(slider);
        response.widget_info(|| egui::WidgetInfo::slider(true, level, format!("level of {strip}, dB")));
        if response.double_clicked() {
            acts.push(Act::Overlay { name: name.clone(), value: 1.0 });
        } else if response.changed() {
            let gain = if level <= -59.9 { 0.0 } else { 10f64.powf(level / 20.0) };
            acts.push(Act::Overlay { name: name.clone(), value: gain as f32 });
        }
        response.context_menu(|ui| learn(ui, &name, acts));
        let said = if gain <= 1e-3 { "-∞".to_string() } else { decibels(gain).trim_end_matches("db").to_string() };
        ui.label(RichText::new(format!("{moved}{said}")).small().color(see.theme.weak));
    });
}

/// What a control offers beside moving it.
fn learn(ui: &mut Ui, name: &str, acts: &mut Vec<Act>) {
    if ui.button("MIDI learn").clicked() {
        acts.push(Act::Send(Command::Learn(Some(name.to_string()))));
        ui.close();
    }
    if ui.button("Bake").clicked() {
        acts.push(Act::Word("bake"));
        ui.close();
    }
}

fn pan(ui: &mut Ui, see: &See<'_>, strip: &str, acts: &mut Vec<Act>) {
    let name = format!("{strip}.pan");
    let mut place = value(see, &name).unwrap_or(0.0);
    let show = |place: f64, _| match (place * 100.0).round() as i64 {
        0 => "C".to_string(),
        left @ ..0 => format!("L{}", -left),
        right => format!("R{right}"),
    };
    let field = egui::DragValue::new(&mut place).range(-1.0..=1.0).speed(0.01).custom_formatter(show);
    let response = ui.add(field).accessible_name(format!("place of {strip}"));
    if response.changed() {
        acts.push(Act::Overlay { name, value: place });
    }
}

/// A line `mute bass` of the text: there, or not.
fn toggle(ui: &mut Ui, see: &See<'_>, strip: &str, verb: &str, sign: &str, acts: &mut Vec<Act>) {
    let line = format!("{verb} {strip}");
    let at = see.text.lines().position(|l| l.trim() == line);
    let colour = match (at, verb) {
        (Some(_), "mute") => see.theme.bad,
        (Some(_), _) => see.theme.queued,
        _ => see.theme.weak,
    };
    let button =
        ui.add(egui::Button::new(RichText::new(sign).color(colour)).selected(at.is_some()).min_size(vec2(22.0, 20.0)));
    let on = if at.is_some() { "on" } else { "off" };
    if button.accessible_name(format!("{verb} {strip}, {on}")).on_hover_text(&line).clicked() {
        let text = match at {
            Some(at) => {
                let kept = see.text.split_inclusive('\n').enumerate().filter(|(i, _)| *i != at);
                kept.map(|(_, line)| line).collect()
            }
            None => {
                let end = if see.text.is_empty() || see.text.ends_with('\n') { "" } else { "\n" };
                format!("{}{end}{line}\n", see.text)
            }
        };
        let say = if at.is_some() { format!("no {line}") } else { line };
        acts.push(Act::Edit { edit: between(see.text, &text), say });
    }
}

/// Peak and mean of both sides, and the largest of a moment.
fn meter(ui: &mut Ui, see: &See<'_>, level: &Level, held: f32, height: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(34.0, height), Sense::hover());
    let peak = db(level.peak[0].max(level.peak[1]));
    let said = if held < -90.0 { "silent".to_string() } else { format!("{peak:.1} dB, at most {held:.1}") };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Meter, true, format!("{}: {said}", level.name)));
    let share = |db: f32| ((db - SOFTEST) / -SOFTEST).clamp(0.0, 1.0);
    let painter = ui.painter();
    let bars = rect.with_max_y(rect.max.y - 16.0);
    for side in 0..2 {
        let column = Rect::from_min_size(bars.min + vec2(side as f32 * 11.0, 0.0), vec2(9.0, bars.height()));
        painter.rect_filled(column, 1.5, see.theme.raised);
        let (peak, mean) = (db(level.peak[side]), db(level.rms[side]));
        let top = |db: f32| column.max.y - column.height() * share(db);
        painter.rect_filled(column.with_min_y(top(peak)), 1.5, see.theme.level(peak).gamma_multiply(0.55));
        painter.rect_filled(column.with_min_y(top(mean)), 1.5, see.theme.level(mean));
        let line = Rect::from_x_y_ranges(column.x_range(), top(held)..=top(held) + 1.5);
        painter.rect_filled(line, 0.0, see.theme.level(held));
    }
    for mark in [0.0, -12.0, -24.0, -48.0] {
        let y = bars.max.y - bars.height() * share(mark);
        let at = egui::pos2(bars.max.x, y);
        painter.text(at, Align2::RIGHT_CENTER, plain(f64::from(-mark), 0), FontId::proportional(8.5), see.theme.weak);
    }
    let text = if held < -90.0 { "-∞".into() } else { format!("{held:.1}") };
    let colour = if held > -0.1 { see.theme.bad } else { see.theme.weak };
    painter.text(rect.center_bottom(), Align2::CENTER_BOTTOM, text, FontId::proportional(10.5), colour);
}

/// A number with a name: a slider over its range, in its unit.
pub fn knob(ui: &mut Ui, see: &See<'_>, knob: &Knob, now: f32, acts: &mut Vec<Act>) {
    let (low, high) = knob.range.map_or_else(|| around(knob.dim, now), |range| (range.0, range.1));
    let moved = if see.overlay.contains_key(&*knob.name) { " ≠" } else { "" };
    let mut value = now;
    ui.label(RichText::new(format!("{}{moved}", knob.name)).small().color(see.theme.weak));
    let log = low > 0.0 && high / low > 20.0;
    let shown = knob.dim;
    let slider = Slider::new(&mut value, low..=high).logarithmic(log).custom_formatter(move |x, _| said(shown, x));
    let response = ui.add(slider);
    response.widget_info(|| egui::WidgetInfo::slider(true, f64::from(now), &*knob.name));
    if response.changed() {
        acts.push(Act::Overlay { name: knob.name.to_string(), value });
    }
    response.context_menu(|ui| learn(ui, &knob.name, acts));
}

/// A range for a number that was declared without one.
fn around(dim: Dim, now: f32) -> (f32, f32) {
    match dim {
        Dim::Frequency => (20.0, 20_000.0),
        Dim::Time => (0.001, 10.0),
        Dim::Gain => (0.0, 2.0),
        _ if now.abs() > 1.0 => (now.abs() * -2.0, now.abs() * 2.0),
        _ => (0.0, 1.0),
    }
}

/// A number in its unit, for people.
fn said(dim: Dim, x: f64) -> String {
    match dim {
        Dim::Frequency if x >= 1000.0 => format!("{} khz", plain(x / 1000.0, 2)),
        Dim::Frequency => format!("{} hz", plain(x, 1)),
        Dim::Time if x < 1.0 => format!("{} ms", plain(x * 1000.0, 1)),
        Dim::Time => format!("{} s", plain(x, 2)),
        Dim::Gain => decibels(x as f32).replace("db", " dB"),
        _ => plain(x, 3),
    }
}

/// The spectrum of the whole, by thirds of octaves.
pub fn spectrum(ui: &mut Ui, see: &See<'_>) {
    let bands = &see.feedback.spectrum;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 84.0), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "spectrum of the whole"));
    ui.painter().rect_filled(rect, 3.0, see.theme.back);
    let width = rect.width() / bands.len().max(1) as f32;
    for (i, band) in bands.iter().enumerate() {
        let share = ((band + 78.0) / 78.0).clamp(0.0, 1.0);
        let left = rect.min.x + i as f32 * width;
        let bar = Rect::from_min_max(
            egui::pos2(left + 0.5, rect.max.y - 12.0 - (rect.height() - 14.0) * share),
            egui::pos2(left + width - 0.5, rect.max.y - 12.0),
        );
        ui.painter().rect_filled(bar, 0.5, see.theme.accent.gamma_multiply(0.35 + 0.65 * share));
    }
    for (i, label) in [(4, "50"), (7, "100"), (14, "500"), (17, "1k"), (24, "5k"), (27, "10k")] {
        let at = egui::pos2(rect.min.x + (i as f32 + 0.5) * width, rect.max.y - 1.0);
        ui.painter().text(at, Align2::CENTER_BOTTOM, label, FontId::proportional(8.5), see.theme.weak);
    }
}
