//! The arrangement view: bars from left to right, the song on top, then a lane a track, then a lane an automation.
//!
//! Everything is drawn from the text and goes back into it: a section's edge rewrites its length, a point of an automation its time and value, in
//! the units that stand there. What each clip plays is asked of the patterns that play, and kept until the program is another.

mod draw;
mod song;
mod takes;

use super::act::Act;
use super::model::See;
use super::steps::between;
use egui::{Key, Modifiers, Pos2, Rect, Sense, Ui, Vec2, pos2, vec2};
use modurust_runtime::command::{Command, Perform};
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::compiler::score::timeline::Timeline;
use song::{Lane, Point, Song};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Width of the column of names, points.
const NAMES: f32 = 108.0;
const RULER: f32 = 36.0;
const SONG: f32 = 30.0;
const TRACK: f32 = 52.0;
const LANE: f32 = 74.0;
/// Bars that an empty song is shown with.
const EMPTY: f64 = 16.0;
/// What a point snaps to, in bars; Alt lets it go.
const GRID: f64 = 0.25;

/// A small rectangle of a clip's picture: begin and end in bars from its section's begin, height 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Note {
    from: f64,
    to: f64,
    high: f64,
}

/// The view's own state.
#[derive(Default)]
pub struct ArrangeView {
    /// Bar at the left edge.
    from: f64,
    /// Points a bar; 0 fits the song.
    scale: f64,
    read: u64,
    song: Song,
    /// The timeline that the pictures are of, and the pictures: by track, by section.
    pictured: Option<Arc<Timeline>>,
    notes: Vec<Vec<Vec<Note>>>,
    /// The bar where a loop begins that is being dragged.
    looping: Option<f64>,
    /// What files of sound look like.
    waves: takes::Waves,
    /// What is being dragged, as it would be written.
    held: Option<Held>,
}

/// Something under the hand.
#[derive(Clone, Debug, PartialEq)]
enum Held {
    Point { lane: usize, point: usize, at: f64, value: f64 },
    Edge { section: usize, bars: f64 },
    Anchor { take: usize, anchor: usize, moment: f64 },
}

impl ArrangeView {
    /// Shows it in all the room that is there.
    pub fn show(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        if self.read != see.rev {
            self.song = Song::read(see.document);
            self.read = see.rev;
            self.pictured = None;
        }
        self.picture(see);
        let room = ui.max_rect();
        let time = room.with_min_x(room.min.x + NAMES);
        if self.song.sections.is_empty() && self.song.lanes.is_empty() && self.song.takes.is_empty() {
            return draw::empty(ui, see, acts);
        }
        self.keys(ui, see);
        let bars = self.song.bars().max(1.0);
        let scale = if self.scale > 0.0 { self.scale } else { f64::from(time.width() - 16.0) / bars };
        let mut peaks = BTreeMap::new();
        for file in self.song.files() {
            if let Some(known) = self.waves.of(ui.ctx(), see, file) {
                peaks.insert(file.to_string(), known);
            }
        }
        let sheet = draw::Sheet { see, time, from: self.from, scale, peaks: &peaks };
        let background = ui.interact(room, ui.scope_id().with("arrangement"), Sense::click_and_drag());
        self.pan(ui, &background, &sheet);
        ui.painter().rect_filled(room, 0.0, see.theme.back);
        let rows =
            (self.song.tracks.len() + self.song.takes.len()) as f32 * TRACK + self.song.lanes.len() as f32 * LANE;
        draw::grid(ui, &sheet, bars, room.min.y + RULER + SONG + rows);
        self.ruler(ui, &sheet, acts);
        let mut y = room.min.y + RULER;
        self.sections(ui, &sheet, y, acts);
        y += SONG;
        for track in 0..self.song.tracks.len() {
            let row = Rect::from_min_size(pos2(room.min.x, y), vec2(room.width(), TRACK));
            draw::track(ui, &sheet, &self.song, &self.notes, track, row, acts);
            y += TRACK;
        }
        for take in 0..self.song.takes.len() {
            let row = Rect::from_min_size(pos2(room.min.x, y), vec2(room.width(), TRACK));
            self.take(ui, &sheet, take, row, acts);
            y += TRACK;
        }
        for lane in 0..self.song.lanes.len() {
            let row = Rect::from_min_size(pos2(room.min.x, y), vec2(room.width(), LANE));
            self.lane(ui, &sheet, lane, row, acts);
            y += LANE;
        }
        draw::playhead(ui, &sheet, self.song_cycle(see), room);
        self.tools(ui, see, Rect::from_min_size(room.min, vec2(NAMES, RULER)), acts);
    }

    /// Where the song is: the engine counts from the session's start, and says which song plays.
    fn song_cycle(&self, see: &See<'_>) -> f64 {
        see.feedback.cycle
    }

    fn keys(&mut self, ui: &Ui, see: &See<'_>) {
        if ui.ctx().egui_wants_keyboard_input() {
            return;
        }
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let scale = if self.scale > 0.0 { self.scale } else { 40.0 };
        if pressed(Key::OpenBracket) {
            self.scale = (scale / 1.25).max(2.0);
        }
        if pressed(Key::CloseBracket) {
            self.scale = (scale * 1.25).min(800.0);
        }
        if pressed(Key::Num0) {
            (self.scale, self.from) = (0.0, 0.0);
        }
        if pressed(Key::Period) {
            self.from = (see.feedback.cycle - 2.0).max(0.0);
        }
    }

    fn pan(&mut self, ui: &Ui, background: &egui::Response, sheet: &draw::Sheet<'_>) {
        if background.dragged_by(egui::PointerButton::Middle) {
            self.scale = sheet.scale;
            self.from = (self.from - f64::from(background.drag_delta().x) / sheet.scale).max(0.0);
        }
        let Some(pointer) = ui.input(|input| input.pointer.hover_pos()).filter(|at| sheet.time.contains(*at)) else {
            return;
        };
        let (zoom, scroll) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta()));
        if (zoom - 1.0).abs() > 1e-3 {
            let bar = sheet.bar(pointer.x);
            self.scale = (sheet.scale * f64::from(zoom)).clamp(2.0, 800.0);
            self.from = (bar - f64::from(pointer.x - sheet.time.min.x) / self.scale).max(0.0);
        } else if scroll != Vec2::ZERO {
            self.scale = sheet.scale;
            self.from = (self.from - f64::from(scroll.x + scroll.y) / sheet.scale).max(0.0);
        }
    }

    /// Bars and seconds. A click jumps, a drag makes a loop, two clicks end it.
    fn ruler(&mut self, ui: &mut Ui, sheet: &draw::Sheet<'_>, acts: &mut Vec<Act>) {
        let rect = sheet.time.with_max_y(sheet.time.min.y + RULER);
        let response = ui.interact(rect, ui.scope_id().with("ruler"), Sense::click_and_drag());
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, "ruler: a click jumps, a drag loops"));
        draw::ruler(ui, sheet, rect);
        let at = response.interact_pointer_pos().map(|at| sheet.bar(at.x).max(0.0));
        if response.drag_started() {
            self.looping = at.map(f64::floor);
        }
        if let (Some(from), Some(to)) = (self.looping, at) {
            let (low, high) = (from.min(to.round()), from.max(to.round()));
            let band = Rect::from_x_y_ranges(sheet.x(low)..=sheet.x(high), rect.y_range());
            ui.painter().rect_filled(band, 0.0, sheet.see.theme.accent.gamma_multiply(0.3));
            if response.drag_stopped() {
                self.looping = None;
                if high > low {
                    let over = (Ratio::from_f64(low), Ratio::from_f64(high));
                    acts.push(Act::Send(Command::Perform(Perform::Loop(Some(over)))));
                    acts.push(Act::Say(format!("round from bar {} to bar {}", low + 1.0, high + 1.0)));
                }
            }
        }
        if response.double_clicked() {
            acts.push(Act::Send(Command::Perform(Perform::Loop(None))));
            acts.push(Act::Say("round no longer".into()));
        } else if let Some(at) = at.filter(|_| response.clicked()) {
            acts.push(Act::Send(Command::Seek(Ratio::from_f64(at.floor()))));
        }
    }

    fn sections(&mut self, ui: &mut Ui, sheet: &draw::Sheet<'_>, y: f32, acts: &mut Vec<Act>) {
        for i in 0..self.song.sections.len() {
            let section = self.song.sections[i].clone();
            let held = match self.held {
                Some(Held::Edge { section, bars }) if section == i => Some(bars),
                _ => None,
            };
            let bars = held.unwrap_or(section.bars);
            let rect = Rect::from_x_y_ranges(sheet.x(section.from)..=sheet.x(section.from + bars), y..=y + SONG - 3.0);
            let body = draw::section(ui, sheet, &section, i, rect, held);
            if body.double_clicked() {
                acts.push(Act::Send(Command::Seek(Ratio::from_f64(section.from))));
            } else if body.clicked() {
                acts.push(Act::Select { at: section.at, reveal: true });
            }
            let edge = Rect::from_center_size(rect.right_center(), vec2(8.0, rect.height()));
            let grip = ui.interact(edge, ui.scope_id().with(("edge", i)), Sense::click_and_drag());
            grip.widget_info(|| {
                egui::WidgetInfo::slider(true, bars, format!("length of section {}, {}, bars", i + 1, section.scene))
            });
            if grip.hovered() || grip.dragged() {
                ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
            }
            if grip.dragged()
                && let Some(at) = grip.interact_pointer_pos()
            {
                let bars = (sheet.bar(at.x) - section.from).round().max(1.0);
                self.held = Some(Held::Edge { section: i, bars });
            }
            let step =
                arrows(ui, &grip).map(|by| (section.bars + by.x.signum() as f64 * f64::from(by.x != 0.0)).max(1.0));
            let stopped = held.filter(|_| grip.drag_stopped());
            if let Some(bars) = stopped.or(step).filter(|bars| *bars != section.bars) {
                acts.extend(song::set_length(sheet.see, &section, bars));
            }
            if grip.drag_stopped() {
                self.held = None;
            }
        }
    }

    /// One automation: its line, and points to move by hand or by arrows.
    fn lane(&mut self, ui: &mut Ui, sheet: &draw::Sheet<'_>, index: usize, row: Rect, acts: &mut Vec<Act>) {
        let lane = self.song.lanes[index].clone();
        let body = row.with_min_x(sheet.time.min.x).shrink2(vec2(0.0, 8.0));
        draw::lane(ui, sheet, &lane, row, body, self.held.as_ref().and_then(|held| shown(held, index)));
        let range = lane.range();
        let y = |value: f64| body.max.y - body.height() * share(value, range) as f32;
        let value_at =
            |y: f32| range.0 + f64::from((body.max.y - y) / body.height()).clamp(0.0, 1.0) * (range.1 - range.0);
        let title = Rect::from_min_max(row.min, pos2(sheet.time.min.x, row.max.y));
        let name = ui.interact(title, ui.scope_id().with(("lane", index)), Sense::click());
        name.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("automation of {}", lane.name))
        });
        if name.clicked() {
            acts.push(Act::Select { at: lane.at, reveal: true });
        }
        // New points go where two clicks are.
        let field = ui.interact(body, ui.scope_id().with(("field", index)), Sense::click());
        field.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Canvas, true, format!("two clicks add a point to {}", lane.name))
        });
        if let Some(at) = field.interact_pointer_pos().filter(|_| field.double_clicked()) {
            acts.extend(song::add_point(sheet.see, &lane, snap(ui, sheet.bar(at.x)), value_at(at.y)));
        }
        for (i, point) in lane.points.iter().enumerate() {
            let Some(value) = point.value else { continue };
            let held = self.held.as_ref().and_then(|held| shown(held, index)).filter(|(held, ..)| *held == i);
            let (at, now) = held.map_or((point.bars, value), |(_, at, value)| (at, value));
            let centre = pos2(sheet.x(at), y(now));
            let grip = ui.interact(
                Rect::from_center_size(centre, Vec2::splat(14.0)),
                ui.scope_id().with(("point", index, i)),
                Sense::click_and_drag(),
            );
            grip.widget_info(|| {
                let said = format!("point {} of {}, bar {}, {}", i + 1, lane.name, point.bars + 1.0, point.text);
                egui::WidgetInfo::labeled(egui::Role::Slider, true, said)
            });
            draw::point(ui, sheet, centre, &grip, held.map(|_| lane.said(now)));
            if grip.dragged()
                && let Some(pointer) = grip.interact_pointer_pos()
            {
                let at = bounded(&lane, i, snap(ui, sheet.bar(pointer.x)));
                self.held = Some(Held::Point { lane: index, point: i, at, value: value_at(pointer.y) });
            }
            let step = arrows(ui, &grip).map(|by| {
                let value = (value + f64::from(-by.y) * (range.1 - range.0) / 48.0).clamp(range.0, range.1);
                (bounded(&lane, i, point.bars + f64::from(by.x) * GRID), value)
            });
            let dropped = held.filter(|_| grip.drag_stopped()).map(|(_, at, value)| (at, value));
            if let Some((at, value)) = dropped.or(step) {
                acts.extend(song::move_point(sheet.see, &lane, i, at, value));
                self.held = None;
            }
            if grip.has_focus() && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Delete)) {
                acts.extend(song::remove_point(sheet.see, &lane, i));
            }
        }
    }

    /// A recording as it is heard, with the moments that are held on places of the music: dragged, or moved by arrows.
    fn take(&mut self, ui: &mut Ui, sheet: &draw::Sheet<'_>, index: usize, row: Rect, acts: &mut Vec<Act>) {
        let (name, at, take) = self.song.takes[index].clone();
        let theme = sheet.see.theme;
        let title = row.with_max_x(sheet.time.min.x);
        let named = ui.interact(title, ui.scope_id().with(("take", index)), Sense::click());
        named.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("recording {name}")));
        let painter = ui.painter().clone();
        let line = egui::Stroke::new(1.0, theme.line.gamma_multiply(0.6));
        painter.line_segment([row.left_bottom(), row.right_bottom()], line);
        let (left, low) = (title.left() + 10.0, title.center().y);
        let font = egui::FontId::proportional(13.5);
        painter.text(pos2(left, low), egui::Align2::LEFT_BOTTOM, &name, font, theme.text);
        let file = take.file.rsplit('/').next().unwrap_or(&take.file);
        let small = egui::FontId::proportional(10.0);
        painter.with_clip_rect(title).text(pos2(left, low + 2.0), egui::Align2::LEFT_TOP, file, small, theme.weak);
        if named.clicked() {
            acts.push(Act::Select { at, reveal: true });
        }
        let Some(peaks) = sheet.peaks.get(&take.file) else { return };
        let body = row.with_min_x(sheet.time.min.x).shrink2(vec2(0.0, 4.0));
        let (bar, beats) = sheet.bar_length();
        let pieces = take.pieces(peaks.seconds, bar, beats, self.song.bars());
        takes::wave(&painter, sheet, &pieces, peaks, (body, 0.0), theme.category(self.song.tracks.len() + index));
        let field = ui.interact(body, ui.scope_id().with(("wave", index)), Sense::click());
        field.widget_info(|| {
            let said = format!("waveform of {file}, {:.2} seconds, in {name}", peaks.seconds);
            egui::WidgetInfo::labeled(egui::Role::Canvas, true, said)
        });
        if let Some(pointer) =
            field.interact_pointer_pos().filter(|_| field.double_clicked() && !take.anchors.is_empty())
        {
            let bar = sheet.bar(pointer.x);
            let under = pieces.iter().find(|piece| piece.bars[0] <= bar && bar < piece.bars[1]);
            acts.extend(under.and_then(|piece| take.add_anchor(sheet.see, &name, piece.second(bar))));
        }
        for (i, anchor) in take.anchors.iter().enumerate() {
            let held = match self.held {
                Some(Held::Anchor { take, anchor, moment }) if (take, anchor) == (index, i) => Some(moment),
                _ => None,
            };
            let next =
                take.anchors.iter().map(|other| other.bars).filter(|bars| *bars > anchor.bars).fold(f64::MAX, f64::min);
            let room = (sheet.x(next) - sheet.x(anchor.bars)).max(0.0);
            let centre = pos2(sheet.x(anchor.bars), body.min.y + 5.0);
            if centre.x < sheet.time.min.x - 6.0 {
                continue;
            }
            let grip = ui.interact(
                Rect::from_center_size(centre, Vec2::splat(14.0)),
                ui.scope_id().with(("anchor", index, i)),
                Sense::click_and_drag(),
            );
            let said = anchor.said(anchor.moment);
            grip.widget_info(|| {
                let told = format!("anchor {} of {name}, bar {}, {said}", i + 1, anchor.bars + 1.0);
                egui::WidgetInfo::labeled(egui::Role::Slider, true, told)
            });
            draw::anchor(ui, sheet, anchor, body, &said, if held.is_some() { 0.0 } else { room });
            draw::point(ui, sheet, centre, &grip, held.map(|moment| anchor.said(moment)));
            if grip.dragged()
                && let Some(pointer) = grip.interact_pointer_pos()
            {
                // What lies under the hand is what would be heard there.
                let by = sheet.bar(pointer.x) - anchor.bars;
                let beside = |piece: &&takes::Piece| piece.bars[usize::from(by < 0.0)] == anchor.bars;
                let piece = pieces.iter().find(beside).or(pieces.first());
                let pace = piece.map_or(bar, |p| (p.seconds[1] - p.seconds[0]) / (p.bars[1] - p.bars[0]).max(1e-9));
                let moment = take.bounded(i, anchor.moment + by * pace);
                self.held = Some(Held::Anchor { take: index, anchor: i, moment });
            } else if grip.clicked() {
                acts.push(Act::Select { at: anchor.at.start, reveal: true });
            }
            let step = arrows(ui, &grip)
                .map(|by| take.bounded(i, anchor.moment + f64::from(by.x) * 0.01 - f64::from(by.y) * 0.001));
            let dropped = held.filter(|_| grip.drag_stopped());
            if let Some(moment) = dropped.or(step) {
                acts.extend(take.set_anchor(sheet.see, &name, i, moment));
                self.held = None;
            }
            if grip.has_focus() && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Delete)) {
                acts.extend(take.remove_anchor(sheet.see, &name, i));
            }
        }
    }

    /// What stands in the corner: capture, and the whole song.
    fn tools(&mut self, ui: &mut Ui, see: &See<'_>, rect: Rect, acts: &mut Vec<Act>) {
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect.shrink(4.0)), |ui| {
            ui.horizontal(|ui| {
                let capture =
                    ui.button("capture").on_hover_text("writes what was launched as scenes and an arrangement");
                if capture.clicked() {
                    acts.push(Act::Word("capture"));
                }
                let plays = see.feedback.song.is_some();
                if let Some(name) = &self.song.name
                    && !plays
                    && ui.button("▶").on_hover_text("plays the song").clicked()
                {
                    let launch = Perform::Launch { path: name.clone(), launch: true, legato: false, at: None };
                    acts.push(Act::Send(Command::Perform(launch)));
                }
            });
        });
    }

    /// Asks the patterns of each track for what they play in each section, once a program.
    fn picture(&mut self, see: &See<'_>) {
        let Some(program) = &see.feedback.program else { return };
        if self.pictured.as_ref().is_some_and(|known| Arc::ptr_eq(known, &program.timeline)) {
            return;
        }
        self.pictured = Some(Arc::clone(&program.timeline));
        self.waves.again();
        self.notes = song::notes(&self.song, program);
    }
}

/// A point that is held: which, where, and what value.
fn shown(held: &Held, index: usize) -> Option<(usize, f64, f64)> {
    match held {
        Held::Point { lane, point, at, value } if *lane == index => Some((*point, *at, *value)),
        _ => None,
    }
}

fn snap(ui: &Ui, bar: f64) -> f64 {
    let free = ui.input(|input| input.modifiers.alt);
    if free { (bar * 64.0).round() / 64.0 } else { (bar / GRID).round() * GRID }
}

/// Between its neighbours.
fn bounded(lane: &Lane, point: usize, at: f64) -> f64 {
    let low = point.checked_sub(1).map_or(0.0, |before| lane.points[before].bars + 1.0 / 64.0);
    let high = lane.points.get(point + 1).map_or(f64::MAX, |after: &Point| after.bars - 1.0 / 64.0);
    at.max(low).min(high.max(low))
}

fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    ((value - low) / (high - low).max(1e-9)).clamp(0.0, 1.0)
}

/// Arrow keys of what has the keys, as steps.
fn arrows(ui: &Ui, response: &egui::Response) -> Option<Vec2> {
    if !response.has_focus() {
        return None;
    }
    let filter = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..egui::EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let pressed = |key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, key)) as f32;
    let by = vec2(pressed(Key::ArrowRight) - pressed(Key::ArrowLeft), pressed(Key::ArrowDown) - pressed(Key::ArrowUp));
    (by != Vec2::ZERO).then_some(by)
}

/// An edit by new text, as an act.
fn rewritten(see: &See<'_>, text: &str, say: String) -> Option<Act> {
    let edit = between(see.text, text);
    (!edit.splices.is_empty()).then_some(Act::Edit { edit, say })
}

/// The middle of a rectangle of the screen, for whoever draws.
fn middle(rect: Rect) -> Pos2 {
    rect.center()
}
