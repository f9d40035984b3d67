//! How the arrangement looks.

use super::song::{Lane, Section, Song};
use super::takes::{self, Anchor};
use super::{Act, NAMES, Note, RULER, See, middle, share};
use egui::{Align2, Color32, FontId, Pos2, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};
use modurust_runtime::compiler::lang::ast::Curve;
use modurust_runtime::peaks::Peaks;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most lines and numbers of bars: a screen is no wider.
const MARKS: usize = 512;

/// Points of a curve between two points of an automation.
const STEPS: usize = 24;

/// Where bars lie on the screen.
pub struct Sheet<'a> {
    pub see: &'a See<'a>,
    /// The room behind the names.
    pub time: Rect,
    /// The bar at its left edge.
    pub from: f64,
    /// Points a bar.
    pub scale: f64,
    /// What files look like, those that are read.
    pub peaks: &'a BTreeMap<String, Arc<Peaks>>,
}

impl Sheet<'_> {
    /// How long a bar is, seconds, and how many beats it has.
    pub fn bar_length(&self) -> (f64, f64) {
        let timing = self.see.feedback.program.as_ref().map(|program| program.timing);
        let (bpm, beats) = timing.map_or((120.0, 4.0), |timing| (timing.bpm.to_f64(), timing.beats_per_bar.to_f64()));
        (60.0 / bpm * beats, beats)
    }

    /// Where a bar is.
    pub fn x(&self, bar: f64) -> f32 {
        self.time.min.x + ((bar - self.from) * self.scale) as f32
    }

    /// The bar that is there.
    pub fn bar(&self, x: f32) -> f64 {
        self.from + f64::from(x - self.time.min.x) / self.scale
    }

    /// Bars between two lines, so that these do not crowd.
    fn step(&self) -> f64 {
        // However long a song is that somebody has typed.
        (44.0 / self.scale.max(1e-12)).log2().ceil().clamp(0.0, 64.0).exp2()
    }

    fn cut(&self, rect: Rect) -> Rect {
        rect.intersect(self.time)
    }
}

/// Nothing yet: what would make something.
pub fn empty(ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
    let lines = "no arrangement yet\n\nscene intro { drums: a }\narrange {\n  intro 8bars\n}\nautomate drums.level { 0bar: -6db, 8bar: 0db }";
    let centre = middle(ui.max_rect());
    ui.painter().text(centre, Align2::CENTER_CENTER, lines, FontId::monospace(14.0), see.theme.weak);
    let place = Rect::from_center_size(centre + vec2(0.0, 110.0), vec2(260.0, 28.0));
    if ui.put(place, egui::Button::new("capture what was launched")).clicked() {
        acts.push(Act::Word("capture"));
    }
}

/// A line a bar, stronger where it is numbered.
pub fn grid(ui: &Ui, sheet: &Sheet<'_>, bars: f64, bottom: f32) {
    let step = sheet.step();
    let last = sheet.bar(sheet.time.max.x).min(bars.max(sheet.from) + 4.0 * step);
    let mut bar = (sheet.from / step).floor() * step;
    for _ in 0..MARKS {
        if bar > last {
            break;
        }
        if bar >= sheet.from {
            let line = [pos2(sheet.x(bar), sheet.time.min.y + RULER), pos2(sheet.x(bar), bottom.min(sheet.time.max.y))];
            ui.painter().line_segment(line, Stroke::new(1.0, sheet.see.theme.line.gamma_multiply(0.5)));
        }
        bar += step;
    }
}

/// Bars above, seconds below.
pub fn ruler(ui: &Ui, sheet: &Sheet<'_>, rect: Rect) {
    let theme = sheet.see.theme;
    ui.painter().rect_filled(rect, 0.0, theme.panel);
    let (seconds, _) = sheet.bar_length();
    let step = sheet.step();
    let mut bar = (sheet.from / step).floor() * step;
    for _ in 0..MARKS {
        if sheet.x(bar) >= rect.max.x {
            break;
        }
        let x = sheet.x(bar);
        if x >= rect.min.x {
            // A label that the edge would cut is left out.
            let put = |at, align: Align2, text: String, size, colour| {
                let galley = ui.painter().layout_no_wrap(text, FontId::monospace(size), colour);
                let place = align.anchor_size(at, galley.size());
                if place.max.x <= rect.max.x {
                    ui.painter().galley(place.min, galley, colour);
                }
            };
            let at = pos2(x + 3.0, rect.min.y + 3.0);
            put(at, Align2::LEFT_TOP, format!("{}", bar as i64 + 1), 12.0, theme.text);
            let time = bar * seconds;
            let time = format!("{}:{:04.1}", (time / 60.0) as i64, time % 60.0);
            put(pos2(x + 3.0, rect.max.y - 3.0), Align2::LEFT_BOTTOM, time, 9.5, theme.weak);
            ui.painter().line_segment([pos2(x, rect.min.y), pos2(x, rect.max.y)], Stroke::new(1.0, theme.line));
        }
        bar += step;
    }
}

/// A block of the song.
pub fn section(
    ui: &mut Ui,
    sheet: &Sheet<'_>,
    section: &Section,
    index: usize,
    rect: Rect,
    held: Option<f64>,
) -> Response {
    let theme = sheet.see.theme;
    let room = sheet.cut(rect);
    let response = ui.interact(room, ui.scope_id().with(("section", index)), Sense::click());
    let said = format!("section {}, {}, {} bars", index + 1, section.scene, section.bars);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &said));
    let painter = ui.painter().with_clip_rect(room);
    let colour = theme.category(index_of(&section.scene));
    painter.rect_filled(rect.shrink2(vec2(1.0, 0.0)), 3.0, colour.gamma_multiply(0.32));
    let stroke = Stroke::new(if held.is_some() || response.hovered() { 1.6 } else { 1.0 }, colour);
    painter.rect_stroke(rect.shrink2(vec2(1.0, 0.0)), 3.0, stroke, StrokeKind::Inside);
    painter.text(
        rect.left_center() + vec2(8.0, 0.0),
        Align2::LEFT_CENTER,
        &section.scene,
        FontId::proportional(13.0),
        theme.text,
    );
    let bars = held.unwrap_or(section.bars);
    if rect.width() > 90.0 {
        let at = rect.right_center() - vec2(9.0, 0.0);
        painter.text(at, Align2::RIGHT_CENTER, format!("{bars}"), FontId::monospace(11.0), theme.weak);
    }
    response
}

/// The same name has the same colour wherever it stands.
fn index_of(name: &str) -> usize {
    name.bytes().fold(7usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte as usize)) % 7
}

/// A track: its name, and in each section the clip that it plays with a picture of its notes.
pub fn track(
    ui: &mut Ui,
    sheet: &Sheet<'_>,
    song: &Song,
    notes: &[Vec<Vec<Note>>],
    track: usize,
    row: Rect,
    acts: &mut Vec<Act>,
) {
    let theme = sheet.see.theme;
    let name = &song.tracks[track];
    let title = row.with_max_x(sheet.time.min.x);
    let response = ui.interact(title, ui.scope_id().with(("track", track)), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("track {name}")));
    ui.painter().text(
        title.left_center() + vec2(10.0, 0.0),
        Align2::LEFT_CENTER,
        name,
        FontId::proportional(13.5),
        theme.text,
    );
    ui.painter()
        .line_segment([row.left_bottom(), row.right_bottom()], Stroke::new(1.0, theme.line.gamma_multiply(0.6)));
    if response.clicked()
        && let Some(symbol) = sheet.see.symbols.iter().find(|s| s.name == *name)
    {
        acts.push(Act::Select { at: symbol.selection.start as usize, reveal: true });
    }
    let colour = theme.category(track % 7);
    for (i, section) in song.sections.iter().enumerate() {
        let Some(clip) = &section.clips[track] else { continue };
        let rect = Rect::from_x_y_ranges(
            sheet.x(section.from) + 1.0..=sheet.x(section.from + section.bars) - 1.0,
            row.min.y + 4.0..=row.max.y - 4.0,
        );
        let room = sheet.cut(rect);
        if room.width() <= 0.0 {
            continue;
        }
        let painter = ui.painter().with_clip_rect(room);
        painter.rect_filled(rect, 3.0, colour.gamma_multiply(0.16));
        painter.rect_filled(rect.with_max_x(rect.min.x + 3.0), 1.0, colour);
        painter.text(rect.min + vec2(8.0, 2.0), Align2::LEFT_TOP, clip, FontId::proportional(11.5), theme.text);
        let field = rect.with_min_y(rect.min.y + 17.0).shrink2(vec2(0.0, 3.0));
        if let Some(take) = song.clip_take(name, clip)
            && let Some(peaks) = sheet.peaks.get(&take.file)
        {
            let (begun, (bar, beats)) = (song.begun(track, i), sheet.bar_length());
            let pieces = take.pieces(peaks.seconds, bar, beats, section.from + section.bars - begun);
            takes::wave(&painter, sheet, &pieces, peaks, (field.intersect(room), begun), colour);
        }
        for note in notes.get(track).and_then(|row| row.get(i)).into_iter().flatten() {
            let y = field.max.y - 3.0 - (field.height() - 3.0) * note.high as f32;
            let (left, right) = (sheet.x(section.from + note.from), sheet.x(section.from + note.to));
            if left > room.max.x || right < room.min.x {
                continue;
            }
            let note = Rect::from_min_max(pos2(left, y), pos2((right - 1.0).max(left + 1.5), y + 3.0));
            painter.rect_filled(note, 1.0, colour);
        }
    }
}

/// A moment of a recording that is held on a place: its line, and what is written there if it has room.
pub fn anchor(ui: &Ui, sheet: &Sheet<'_>, anchor: &Anchor, row: Rect, said: &str, room: f32) {
    let theme = sheet.see.theme;
    let x = sheet.x(anchor.bars);
    let painter = ui.painter().with_clip_rect(sheet.time);
    painter.vline(x, row.y_range(), Stroke::new(1.2, theme.accent));
    let section = anchor.section.as_ref().map_or(String::new(), |name| format!("{name}: "));
    let galley = painter.layout_no_wrap(format!("{section}{said}"), FontId::monospace(9.5), theme.text);
    if galley.size().x + 8.0 < room {
        let plate = Rect::from_min_size(pos2(x + 4.0, row.max.y - galley.size().y - 2.0), galley.size()).expand(1.5);
        painter.rect_filled(plate, 2.0, theme.back.gamma_multiply(0.75));
        painter.galley(plate.min + vec2(1.5, 1.5), galley, theme.text);
    }
}

/// Where a line goes between two values; `place` is 0..1.
fn along(from: f64, to: f64, place: f64, curve: Curve) -> f64 {
    match curve {
        Curve::Lin | Curve::Spline => from + (to - from) * place,
        Curve::Exp if from * to > 0.0 => from * (to / from).powf(place),
        Curve::Exp => from + (to - from) * place * place,
        Curve::Hold => from,
        Curve::Sine => from + (to - from) * (0.5 - 0.5 * (std::f64::consts::PI * place).cos()),
    }
}

/// An automation: its name and its line. `held` is a point that is elsewhere while it is dragged.
pub fn lane(ui: &Ui, sheet: &Sheet<'_>, lane: &Lane, row: Rect, body: Rect, held: Option<(usize, f64, f64)>) {
    let theme = sheet.see.theme;
    let painter = ui.painter();
    painter.line_segment([row.left_bottom(), row.right_bottom()], Stroke::new(1.0, theme.line.gamma_multiply(0.6)));
    painter.text(row.min + vec2(10.0, 10.0), Align2::LEFT_TOP, &lane.name, FontId::proportional(12.5), theme.text);
    let range = lane.range();
    for (value, y, align) in [(range.1, body.min.y, Align2::RIGHT_TOP), (range.0, body.max.y, Align2::RIGHT_BOTTOM)] {
        let at = pos2(row.min.x + NAMES - 6.0, y);
        painter.text(at, align, lane.said(value), FontId::monospace(9.5), theme.weak);
    }
    let y = |value: f64| body.max.y - body.height() * share(value, range) as f32;
    let place = |i: usize| {
        let point = &lane.points[i];
        let moved = held.filter(|(held, ..)| *held == i).map(|(_, at, value)| (at, Some(value)));
        moved.unwrap_or((point.bars, point.value))
    };
    let clipped = painter.with_clip_rect(sheet.time);
    let colour = theme.accent;
    let mut line: Vec<Pos2> = Vec::new();
    for i in 0..lane.points.len() {
        let (at, Some(value)) = place(i) else {
            let (at, _) = place(i);
            let text = &lane.points[i].text;
            clipped.text(
                pos2(sheet.x(at) + 4.0, body.center().y),
                Align2::LEFT_CENTER,
                text,
                FontId::monospace(11.0),
                theme.weak,
            );
            continue;
        };
        if let Some((before, Some(from))) = i.checked_sub(1).map(place) {
            for step in 1..STEPS {
                let part = step as f64 / STEPS as f64;
                let value = along(from, value, part, lane.points[i].curve);
                line.push(pos2(sheet.x(before + (at - before) * part), y(value)));
            }
        } else {
            line.push(pos2(sheet.x(0.0), y(value)));
        }
        line.push(pos2(sheet.x(at), y(value)));
    }
    if let Some(last) = line.last().copied() {
        line.push(pos2(sheet.time.max.x.max(last.x), last.y));
        clipped.add(Shape::line(line, Stroke::new(1.6, colour)));
    }
}

/// A point, and while it is held what it would be.
pub fn point(ui: &Ui, sheet: &Sheet<'_>, centre: Pos2, grip: &Response, said: Option<String>) {
    let theme = sheet.see.theme;
    let painter = ui.painter().with_clip_rect(sheet.time.expand(6.0));
    let hot = grip.hovered() || grip.dragged() || grip.has_focus();
    painter.circle(
        centre,
        if hot { 6.0 } else { 4.5 },
        theme.back,
        Stroke::new(2.0, if hot { theme.text } else { theme.accent }),
    );
    if let Some(said) = said {
        let at = centre + vec2(10.0, -10.0);
        let galley = painter.layout_no_wrap(said, FontId::monospace(12.0), theme.text);
        let plate = Rect::from_min_size(at - vec2(0.0, galley.size().y), galley.size()).expand(3.0);
        painter.rect_filled(plate, 3.0, theme.raised);
        painter.galley(plate.min + vec2(3.0, 3.0), galley, Color32::WHITE);
    }
}

/// Where time is.
pub fn playhead(ui: &Ui, sheet: &Sheet<'_>, cycle: f64, room: Rect) {
    let x = sheet.x(cycle);
    if x >= sheet.time.min.x && x <= sheet.time.max.x {
        let colour = sheet.see.theme.playing;
        ui.painter().line_segment([pos2(x, room.min.y), pos2(x, room.max.y)], Stroke::new(1.5, colour));
    }
}
