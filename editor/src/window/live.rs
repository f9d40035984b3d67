//! The live view: a column a track, a row a scene, a cell a clip.
//!
//! What a cell does is seen by its shape as well as by its colour: `▶` and a bar that fills plays, `◌` waits with the beats until it comes, `▢`
//! rests. A row is a scene with the clips that it launches; clips that no scene has stand below. Everything is a name of the text: a double
//! click goes to it, an empty cell writes a new clip.

use super::act::Act;
use super::model::See;
use egui::{Align2, Color32, FontId, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use modurust_runtime::command::{Command, Perform};
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use modurust_runtime::compiler::score::timeline::{Choice, Clip, ClipSet, Follow, Length, Scene, Timeline};
use modurust_runtime::feedback::Clips;

/// A cell, points.
const CELL: Vec2 = vec2(118.0, 34.0);
const GAP: f32 = 4.0;
/// The column of scenes.
const SCENE: f32 = 132.0;

/// The view's own state.
#[derive(Default)]
pub struct LiveView {
    /// The cell that the keys are at: column, row. The last column is that of the scenes.
    at: (usize, usize),
}

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Rests,
    Waits(f64),
    Plays,
}

/// A row: a scene, or none, and the clip of each set.
struct Row<'a> {
    scene: Option<&'a Scene>,
    clips: Vec<Option<&'a Clip>>,
}

/// The rows of a timeline: scenes in their order, then the clips that no scene has, as many as the longest column needs.
fn rows(timeline: &Timeline) -> Vec<Row<'_>> {
    let clip_of = |scene: &Scene, set: usize| {
        let slot = scene.slots.iter().find(|slot| slot.set.0 as usize == set)?;
        timeline.sets[set].clips.get(slot.clip? as usize)
    };
    let sets = timeline.sets.len();
    let mut rows: Vec<Row<'_>> = timeline
        .scenes
        .iter()
        .map(|scene| Row { scene: Some(scene), clips: (0..sets).map(|set| clip_of(scene, set)).collect() })
        .collect();
    let left = |set: &ClipSet, index: usize| -> Vec<usize> {
        let named = |clip: usize| {
            timeline.scenes.iter().any(|scene| {
                scene.slots.iter().any(|slot| slot.set.0 as usize == index && slot.clip == Some(clip as u32))
            })
        };
        (0..set.clips.len()).filter(|clip| !named(*clip)).collect()
    };
    let rest: Vec<Vec<usize>> = timeline.sets.iter().enumerate().map(|(i, set)| left(set, i)).collect();
    // One row more than there are clips, for new ones.
    for row in 0..=rest.iter().map(Vec::len).max().unwrap_or(0) {
        let clips = rest.iter().zip(&timeline.sets).map(|(rest, set)| rest.get(row).map(|clip| &set.clips[*clip]));
        rows.push(Row { scene: None, clips: clips.collect() });
    }
    rows
}

impl LiveView {
    /// Shows it in all the room that is there.
    pub fn show(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        let Some(program) = &see.feedback.program else { return empty(ui, see) };
        let timeline = &program.timeline;
        if timeline.sets.is_empty() && timeline.scenes.is_empty() {
            return empty(ui, see);
        }
        let rows = rows(timeline);
        self.keys(ui, see, timeline, &rows, acts);
        egui::ScrollArea::both().id_salt("live").auto_shrink(false).show(ui, |ui| {
            ui.add_space(8.0);
            ui.horizontal(|ui| {
                ui.add_space(8.0);
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing = Vec2::splat(GAP);
                    heads(ui, see, timeline);
                    for (y, row) in rows.iter().enumerate() {
                        ui.horizontal(|ui| {
                            for (x, set) in timeline.sets.iter().enumerate() {
                                let focused = self.at == (x, y);
                                let response = match row.clips[x] {
                                    Some(clip) => cell(ui, see, set, x, clip, focused, acts),
                                    None => hole(ui, see, timeline, row, x, focused, acts),
                                };
                                if response.clicked() {
                                    self.at = (x, y);
                                }
                            }
                            if let Some(scene) = row.scene {
                                let focused = self.at == (timeline.sets.len(), y);
                                if scene_cell(ui, see, scene, focused, acts).clicked() {
                                    self.at = (timeline.sets.len(), y);
                                }
                            }
                        });
                    }
                    ui.add_space(4.0);
                    stops(ui, see, timeline, acts);
                });
            });
        });
    }

    /// Arrows move, Enter launches, Shift with it the scene, Delete stops; where nobody types.
    fn keys(&mut self, ui: &Ui, see: &See<'_>, timeline: &Timeline, rows: &[Row<'_>], acts: &mut Vec<Act>) {
        if ui.ctx().egui_wants_keyboard_input() {
            return;
        }
        use egui::{Key, Modifiers};
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let columns = timeline.sets.len();
        if pressed(Key::ArrowLeft) {
            self.at.0 = self.at.0.saturating_sub(1);
        }
        if pressed(Key::ArrowRight) {
            self.at.0 = (self.at.0 + 1).min(columns);
        }
        if pressed(Key::ArrowUp) {
            self.at.1 = self.at.1.saturating_sub(1);
        }
        if pressed(Key::ArrowDown) {
            self.at.1 = (self.at.1 + 1).min(rows.len().saturating_sub(1));
        }
        let Some(row) = rows.get(self.at.1) else { return };
        let whole = ui.input_mut(|input| input.consume_key(Modifiers::SHIFT, Key::Enter));
        if whole || (pressed(Key::Enter) && self.at.0 == columns) {
            if let Some(scene) = row.scene {
                acts.push(launch(scene.name.clone(), true));
            }
        } else if let Some(set) = timeline.sets.get(self.at.0) {
            if pressed(Key::Delete) {
                acts.push(launch(track(set).to_string(), false));
            }
            if ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::L)) {
                match row.clips[self.at.0] {
                    Some(clip) => acts.push(launch(format!("{}.{}", track(set), clip.name), true)),
                    None => acts.extend(new_clip(see, set)),
                }
            }
        }
    }
}

fn track(set: &ClipSet) -> &str {
    if set.strip.is_empty() { &set.binding } else { &set.strip }
}

fn launch(path: String, launch: bool) -> Act {
    Act::Send(Command::Perform(Perform::Launch { path, launch, legato: false, at: None }))
}

/// Without clips: what would make some.
fn empty(ui: &mut Ui, see: &See<'_>) {
    let lines = "no clips yet\n\ntrack drums = clips {\n  a: \"bd*4\"\n  b: \"bd*4, ~ cp, hh*8\"\n} >> kit('tr909')\nscene drop { drums: b }";
    ui.painter().text(ui.max_rect().center(), Align2::CENTER_CENTER, lines, FontId::monospace(14.0), see.theme.weak);
    ui.label("").widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, "no clips yet"));
}

/// The names of the tracks.
fn heads(ui: &mut Ui, see: &See<'_>, timeline: &Timeline) {
    ui.horizontal(|ui| {
        for set in &timeline.sets {
            let (rect, response) = ui.allocate_exact_size(vec2(CELL.x, 22.0), Sense::hover());
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::ColumnHeader, true, format!("track {}", track(set)))
            });
            text(ui, rect.shrink2(vec2(6.0, 0.0)), Align2::LEFT_CENTER, track(set), 13.5, see.theme.text);
            let peak = see.feedback.level(track(set)).map_or(0.0, |level| level.peak[0].max(level.peak[1]));
            let share = ((20.0 * peak.max(1e-6).log10() + 48.0) / 48.0).clamp(0.0, 1.0);
            let line = Rect::from_min_size(rect.left_bottom() - vec2(0.0, 3.0), vec2(rect.width() * share, 3.0));
            ui.painter().rect_filled(line, 1.0, see.theme.playing);
        }
        let (rect, _) = ui.allocate_exact_size(vec2(SCENE, 22.0), Sense::hover());
        text(ui, rect.shrink2(vec2(6.0, 0.0)), Align2::LEFT_CENTER, "scenes", 13.5, see.theme.weak);
    });
}

/// Text that ends where its room does.
fn text(ui: &Ui, room: Rect, align: Align2, words: &str, size: f32, colour: Color32) {
    let mut job = egui::text::LayoutJob::simple_singleline(words.to_string(), FontId::proportional(size), colour);
    job.wrap = egui::text::TextWrapping::truncate_at_width(room.width());
    let galley = ui.painter().layout_job(job);
    let at = align.align_size_within_rect(galley.size(), room).min;
    ui.painter().galley(at, galley, colour);
}

fn view<'a>(see: &'a See<'_>, set: &ClipSet) -> Option<&'a Clips> {
    see.feedback.clips.iter().find(|clips| clips.track == track(set))
}

/// Beats until what waits comes: the next multiple of the quantise, counted from the start.
fn countdown(see: &See<'_>) -> f64 {
    let Some(program) = &see.feedback.program else { return 0.0 };
    let bars = match program.timeline.settings.quantise {
        Some(Length::Bars(bars)) => bars.to_f64(),
        Some(Length::Seconds(seconds)) => {
            seconds.to_f64() * see.feedback.bpm / 60.0 / program.timing.beats_per_bar.to_f64()
        }
        None => 1.0,
    };
    let bars = bars.max(1e-6);
    let left = bars - see.feedback.cycle.rem_euclid(bars);
    left * program.timing.beats_per_bar.to_f64()
}

fn state(see: &See<'_>, set: &ClipSet, clip: &Clip) -> State {
    let Some(clips) = view(see, set) else { return State::Rests };
    match &clips.queued {
        Some(Some(queued)) if *queued == clip.name => State::Waits(countdown(see)),
        _ if clips.playing.as_ref() == Some(&clip.name) => State::Plays,
        _ => State::Rests,
    }
}

fn cell(
    ui: &mut Ui,
    see: &See<'_>,
    set: &ClipSet,
    column: usize,
    clip: &Clip,
    focused: bool,
    acts: &mut Vec<Act>,
) -> Response {
    let (rect, response) = ui.allocate_exact_size(CELL, Sense::click());
    let (theme, now) = (see.theme, state(see, set, clip));
    let path = format!("{}.{}", track(set), clip.name);
    let (word, sign, colour) = match now {
        State::Plays => ("plays", "▶".to_string(), theme.playing),
        State::Waits(beats) => ("waits", format!("◌ {beats:.1}"), theme.queued),
        State::Rests => ("rests", "▢".to_string(), theme.weak),
    };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("clip {path}, {word}")));
    let painter = ui.painter();
    painter.rect_filled(rect, 4.0, theme.raised);
    // A stripe in the colour of the column, and what lights the whole cell.
    painter.rect_filled(rect.with_max_x(rect.min.x + 4.0), 2.0, theme.category(column % 7));
    match now {
        State::Plays => {
            painter.rect_filled(rect, 4.0, theme.playing.gamma_multiply(0.22));
            if let Some(share) = progress(see, clip) {
                let line = Rect::from_min_max(
                    rect.left_bottom() - vec2(0.0, 4.0),
                    pos2(rect.min.x + rect.width() * share, rect.max.y),
                );
                painter.rect_filled(line, 1.0, theme.playing);
            }
        }
        State::Waits(_) => {
            // On the beat and off it again, slower than three times a second; or still.
            let beat = see.feedback.cycle * 4.0;
            if see.look.still || beat.fract() < 0.5 {
                painter.rect_filled(rect, 4.0, theme.queued.gamma_multiply(0.22));
            }
        }
        State::Rests => {}
    }
    border(ui, see, rect, &response, focused);
    text(ui, rect.shrink2(vec2(10.0, 3.0)), Align2::LEFT_CENTER, &clip.name, 13.5, theme.text);
    let follow = follow(set, &clip.then, clip.length);
    text(ui, rect.shrink2(vec2(8.0, 3.0)), Align2::RIGHT_TOP, &sign, 12.0, colour);
    text(ui, rect.shrink2(vec2(8.0, 3.0)), Align2::RIGHT_BOTTOM, &follow, 10.5, theme.weak);
    if response.double_clicked() {
        acts.push(Act::Select { at: clip.place.span.start as usize, reveal: true });
    } else if response.clicked() {
        acts.push(launch(path, true));
    }
    response
}

/// How far a clip that has a length is, 0..1.
fn progress(see: &See<'_>, clip: &Clip) -> Option<f32> {
    let Length::Bars(bars) = clip.length.unwrap_or(Length::BAR) else { return None };
    let bars = bars.to_f64().max(1e-6);
    Some((see.feedback.cycle.rem_euclid(bars) / bars) as f32)
}

/// How it goes on: `4 bars → fill`.
fn follow(set: &ClipSet, then: &[Choice], length: Option<Length>) -> String {
    let Some(length) = length else { return String::new() };
    let bars = match length {
        Length::Bars(bars) => format!("{}", bars.to_f64()),
        Length::Seconds(seconds) => format!("{}s", seconds.to_f64()),
    };
    let total: f64 = then.iter().map(|choice| choice.weight).sum();
    let name = |choice: &Choice| {
        let to = match choice.to {
            Follow::To(clip) => set.clips.get(clip as usize).map_or("?", |clip| &clip.name),
            Follow::Next => "next",
            Follow::Prev => "prev",
            Follow::Any => "any",
            Follow::Again => "again",
            Follow::Stop => "stop",
        };
        if then.len() > 1 { format!("{to} {:.0}%", choice.weight / total.max(1e-9) * 100.0) } else { to.to_string() }
    };
    let names: Vec<String> = then.iter().map(name).collect();
    if names.is_empty() { bars } else { format!("{bars} → {}", names.join(" ")) }
}

fn border(ui: &Ui, see: &See<'_>, rect: Rect, response: &Response, focused: bool) {
    let colour = if focused || response.has_focus() {
        see.theme.accent
    } else if response.hovered() {
        see.theme.weak
    } else {
        see.theme.line
    };
    let width = if focused { 1.6 } else { 1.0 };
    ui.painter().rect_stroke(rect, 4.0, Stroke::new(width, colour), StrokeKind::Inside);
}

/// A cell without a clip: a scene leaves the track alone or stops it; below the scenes it is room for a new one.
fn hole(
    ui: &mut Ui,
    see: &See<'_>,
    timeline: &Timeline,
    row: &Row<'_>,
    column: usize,
    focused: bool,
    acts: &mut Vec<Act>,
) -> Response {
    let set = &timeline.sets[column];
    let slot = row.scene.and_then(|scene| scene.slots.iter().find(|slot| slot.set.0 as usize == column));
    let (rect, response) = ui.allocate_exact_size(CELL, Sense::click());
    let (sign, what) = match (row.scene, slot) {
        (Some(_), Some(_)) => ("■", "stops"),
        (Some(_), None) => ("·", "goes on"),
        (None, _) => ("+", "new clip"),
    };
    let scene = row.scene.map_or(String::new(), |scene| format!(" in {}", scene.name));
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("{} {what}{scene}", track(set))));
    let colour = if response.hovered() { see.theme.text } else { see.theme.weak.gamma_multiply(0.7) };
    border(ui, see, rect, &response, focused);
    text(ui, rect, Align2::CENTER_CENTER, sign, 14.0, colour);
    if response.clicked() {
        match (row.scene, slot) {
            (Some(_), Some(_)) => acts.push(launch(track(set).to_string(), false)),
            (Some(scene), None) => {
                acts.push(Act::Select { at: scene.place.span.start as usize, reveal: true });
                acts.push(Act::Say(format!("`{}` goes on with what it plays in {}", track(set), scene.name)));
            }
            (None, _) => acts.extend(new_clip(see, set)),
        }
    }
    response
}

/// A clip at the end of a set: in the text, with the cursor in its pattern.
fn new_clip(see: &See<'_>, set: &ClipSet) -> Option<Act> {
    // Where the block stands is known of the text that plays.
    if see.text != see.running {
        return Some(Act::Say("play what is written first, or take it back".into()));
    }
    let block = set.place.span;
    let body = see.text.get(block.start as usize..block.end as usize)?;
    let close = block.start as usize + body.rfind('}')?;
    let name = (b'a'..=b'z').map(|c| (c as char).to_string()).find(|name| set.find(name).is_none())?;
    let before = see.text[..close].trim_end();
    let edit = if body.contains('\n') {
        let line = before.rfind('\n').map_or(0, |n| n + 1);
        let indent: String = before[line..].chars().take_while(|c| *c == ' ').collect();
        Splice { range: before.len()..before.len(), text: format!("\n{indent}{name}: \"~\"") }
    } else {
        Splice { range: before.len()..close, text: format!("  {name}: \"~\" ") }
    };
    Some(Act::Edit { edit: Edit { splices: vec![edit] }, say: format!("new clip {}.{name}", track(set)) })
}

fn scene_cell(ui: &mut Ui, see: &See<'_>, scene: &Scene, focused: bool, acts: &mut Vec<Act>) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(SCENE, CELL.y), Sense::click());
    let last = see.feedback.scene.as_ref() == Some(&scene.name);
    let said = if last { ", launched last" } else { "" };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("scene {}{said}", scene.name)));
    let fill = if last { see.theme.playing.gamma_multiply(0.22) } else { see.theme.raised };
    ui.painter().rect_filled(rect, 4.0, fill);
    border(ui, see, rect, &response, focused);
    text(ui, rect.shrink2(vec2(10.0, 3.0)), Align2::LEFT_CENTER, &format!("▶  {}", scene.name), 13.5, see.theme.text);
    if let Some(Length::Bars(bars)) = scene.length {
        text(
            ui,
            rect.shrink2(vec2(8.0, 3.0)),
            Align2::RIGHT_BOTTOM,
            &format!("{} bars", bars.to_f64()),
            10.5,
            see.theme.weak,
        );
    }
    if response.double_clicked() {
        acts.push(Act::Select { at: scene.place.span.start as usize, reveal: true });
    } else if response.clicked() {
        acts.push(launch(scene.name.clone(), true));
    }
    response
}

/// A way to stop each track, and the way back to the song.
fn stops(ui: &mut Ui, see: &See<'_>, timeline: &Timeline, acts: &mut Vec<Act>) {
    ui.horizontal(|ui| {
        for set in &timeline.sets {
            let (rect, response) = ui.allocate_exact_size(vec2(CELL.x, 26.0), Sense::click());
            response
                .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("stop {}", track(set))));
            let waits = view(see, set).is_some_and(|clips| clips.queued == Some(None));
            border(ui, see, rect, &response, false);
            let colour = if waits { see.theme.queued } else { see.theme.weak };
            text(ui, rect, Align2::CENTER_CENTER, "■ stop", 12.0, colour);
            if response.clicked() {
                acts.push(launch(track(set).to_string(), false));
            }
        }
        if let Some(song) = timeline.arrangements.first() {
            let (rect, response) = ui.allocate_exact_size(vec2(SCENE, 26.0), Sense::click());
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("back to the arrangement {}", song.name))
            });
            let plays = see.feedback.song.as_ref() == Some(&song.name);
            border(ui, see, rect, &response, false);
            let colour = if plays { see.theme.playing } else { see.theme.queued };
            text(ui, rect, Align2::CENTER_CENTER, "↩ arrangement", 12.0, colour);
            if response.clicked() {
                acts.push(launch(song.name.clone(), true));
            }
        }
    });
}
