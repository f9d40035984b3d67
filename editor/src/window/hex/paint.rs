//! What the hex view looks like.
//!
//! All bodies are one mesh, with edges softened by a rim that fades out, so that thousands of hexes cost one call; text is asked for only
//! where it can be read. A hex says from top to bottom: its category by letter and colour, its name, what it is, dots for what is inside,
//! and up to three of its numbers as knobs. What comes in by a side is written along it. What does not play as the text says is hollow.

use super::HexView;
use super::graph::{Category, Hex, Role, Value, What};
use super::knob::Knob;
use super::lattice::{CORNERS, Cell, HALF, Side};
use super::mouse::Drag;
use super::route::inward;
use super::shapes::{self, Curve};
use super::ways::{Shape as WayShape, Way};
use super::{Lines, Mode};
use crate::window::look;
use crate::window::model::See;
use crate::window::monitor;
use egui::epaint::TextShape;
use egui::text::{LayoutJob, TextWrapping};
use egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, Ui, Vec2, vec2};
use modurust_runtime::compiler::lang::ast::Item;
use std::f32::consts::{FRAC_PI_3, TAU};

/// Smallest radius at which a name, the rest, and knobs are drawn, points.
const NAMED: f32 = 15.0;
const TOLD: f32 = 25.0;
const KNOBS: f32 = 36.0;

/// The number of a category in the palette of the theme.
fn colour(see: &See<'_>, category: Category) -> Color32 {
    see.theme.category(category as usize)
}

fn mix(a: Color32, b: Color32, t: f32) -> Color32 {
    let part = |x: u8, y: u8| (f32::from(x) + (f32::from(y) - f32::from(x)) * t).round() as u8;
    Color32::from_rgb(part(a.r(), b.r()), part(a.g(), b.g()), part(a.b(), b.b()))
}

fn corner(centre: Pos2, radius: f32, i: usize) -> Pos2 {
    centre + vec2(CORNERS[i][0], CORNERS[i][1]) * radius
}

/// A ring with soft edges, or a hexagon if `inner` is 0.
fn ring(mesh: &mut Mesh, centre: Pos2, inner: f32, outer: f32, colour: Color32) {
    const SOFT: f32 = 0.9;
    let mut loops: Vec<(f32, Color32)> = Vec::with_capacity(4);
    if inner > 0.0 {
        loops.extend([(inner - SOFT, Color32::TRANSPARENT), (inner, colour)]);
    }
    loops.extend([(outer - SOFT / 2.0, colour), (outer + SOFT / 2.0, Color32::TRANSPARENT)]);
    let base = mesh.vertices.len() as u32;
    for (radius, colour) in &loops {
        (0..6).for_each(|i| mesh.colored_vertex(corner(centre, *radius, i), *colour));
    }
    for k in 0..loops.len() as u32 - 1 {
        for i in 0..6 {
            let (a, b) = (base + 6 * k + i, base + 6 * k + (i + 1) % 6);
            mesh.add_triangle(a, b, a + 6);
            mesh.add_triangle(b, b + 6, a + 6);
        }
    }
    if inner <= 0.0 {
        (1..5).for_each(|i| mesh.add_triangle(base, base + i, base + i + 1));
    }
}

fn bar(mesh: &mut Mesh, a: Pos2, b: Pos2, width: f32, colour: Color32) {
    let along = (b - a).normalized();
    let aside = vec2(-along.y, along.x) * width / 2.0;
    let base = mesh.vertices.len() as u32;
    for point in [a + aside, b + aside, b - aside, a - aside] {
        mesh.colored_vertex(point, colour);
    }
    mesh.add_triangle(base, base + 1, base + 2);
    mesh.add_triangle(base, base + 2, base + 3);
}

/// Text around a point, cut off where it would be wider than there is room.
fn text(painter: &Painter, at: Pos2, text: &str, size: f32, colour: Color32, room: f32) {
    turned(painter, at, text, size, colour, room, 0.0);
}

fn turned(painter: &Painter, at: Pos2, text: &str, size: f32, colour: Color32, room: f32, angle: f32) {
    if text.is_empty() {
        return;
    }
    // Sizes in half points, lest zooming fill the atlas of letters.
    let font = FontId::proportional((size * 2.0).round() / 2.0);
    let mut job = LayoutJob::simple_singleline(text.to_string(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(room);
    let galley = painter.layout_job(job);
    let corner = at - galley.size() / 2.0;
    let shape = TextShape::new(corner, galley, colour);
    painter.add(if angle == 0.0 { shape } else { shape.with_angle_and_anchor(angle, Align2::CENTER_CENTER) });
}

impl HexView {
    /// Draws everything but what floats above it.
    pub(super) fn paint(&mut self, ui: &Ui, see: &See<'_>, canvas: Rect, active: bool) {
        let painter = ui.painter_at(canvas);
        painter.rect_filled(canvas, 0.0, see.theme.back);
        let mut mesh = Mesh::default();
        self.grid(&mut mesh, see, canvas);
        painter.add(Shape::mesh(std::mem::take(&mut mesh)));
        self.wires(&painter, see, canvas);
        let shown: Vec<usize> = (0..self.cells.len()).filter(|i| self.visible(*i, canvas)).collect();
        for i in &shown {
            self.body(&mut mesh, *i, see, canvas);
        }
        let here = self.screen(canvas, self.cursor.centre());
        let edge = if active { see.theme.accent } else { mix(see.theme.back, see.theme.accent, 0.7) };
        ring(&mut mesh, here, self.radius * 0.99, self.radius * 0.99 + 2.4, edge);
        painter.add(Shape::mesh(mesh));
        self.arrows(&painter, see, canvas);
        for i in shown {
            self.words(&painter, i, see, canvas);
        }
        self.dragged(&painter, see, canvas);
        if self.view.hexes.is_empty() {
            empty(&painter, see, canvas);
        }
        if self.whole.hexes.iter().any(|hex| hex.stale) {
            let name = self.whole.hexes.iter().find(|hex| hex.stale).map_or("", |hex| hex.name.as_str());
            let told = format!("{name} cannot be read: F8 goes there");
            let at = canvas.left_bottom() + vec2(12.0, -14.0);
            painter.text(at, Align2::LEFT_CENTER, told, FontId::proportional(12.0), see.theme.bad);
        }
    }

    fn visible(&self, number: usize, canvas: Rect) -> bool {
        canvas.expand(self.radius).contains(self.screen(canvas, self.cells[number].centre()))
    }

    /// The lattice, hardly to be seen.
    fn grid(&self, mesh: &mut Mesh, see: &See<'_>, canvas: Rect) {
        if self.radius < 22.0 {
            return;
        }
        let colour = mix(see.theme.back, see.theme.line, 0.42);
        let first = self.under(canvas, canvas.left_top());
        let columns = (canvas.width() / (1.5 * self.radius)) as i32 + 3;
        let rows = (canvas.height() / (2.0 * HALF * self.radius)) as i32 + 3;
        for column in first.q - 1..first.q + columns {
            for row in first.row() - 1..first.row() + rows {
                let centre = self.screen(canvas, Cell::at(column, row).centre());
                for i in 0..3 {
                    let (a, b) = (corner(centre, self.radius, i), corner(centre, self.radius, i + 1));
                    bar(mesh, a, b, 1.0, colour);
                }
            }
        }
    }

    fn body(&self, mesh: &mut Mesh, number: usize, see: &See<'_>, canvas: Rect) {
        let hex = &self.view.hexes[number];
        let centre = self.screen(canvas, self.cells[number].centre());
        let radius = self.radius;
        let moving = matches!(&self.drag, Some(Drag::Hex { key, .. }) if *key == hex.key);
        let own = self.layout.get(&hex.key).and_then(|spot| spot.color);
        let mut edge = own.map_or_else(|| colour(see, hex.category), |own| see.theme.category(usize::from(own)));
        let mut fill = mix(see.theme.panel, edge, if see.theme.dark { 0.10 } else { 0.14 });
        let plays = !self.entered.is_empty() || self.fresh.get(number).copied().unwrap_or(false);
        if !plays {
            fill = see.theme.back;
        }
        if hex.stale {
            (edge, fill) = (see.theme.weak, see.theme.back);
        }
        if hex.what == What::Beyond || moving {
            edge = mix(see.theme.back, edge, 0.45);
            fill = see.theme.back;
        }
        if self.hovered == Some(number) {
            fill = mix(fill, edge, 0.10);
        }
        ring(mesh, centre, 0.0, radius * 0.955, fill);
        let thick = (radius * 0.045).clamp(1.0, 3.0);
        ring(mesh, centre, radius * 0.955 - thick, radius * 0.955, edge);
        if hex.opens && radius > NAMED {
            let inner = radius * 0.955 - thick - (radius * 0.05).max(2.0);
            ring(mesh, centre, inner - 1.0, inner, mix(fill, edge, 0.55));
        }
        if let Some(level) = self.level(hex, see) {
            let aside = if self.pictured(number, see) { 0.5 } else { 0.2 };
            let lamp = centre + vec2(aside, -0.56) * radius;
            let db = 20.0 * level.max(1e-6).log10();
            let shine = ((db + 54.0) / 54.0).clamp(0.0, 1.0);
            let lit = mix(see.theme.line, see.theme.level(db), shine);
            ring(mesh, lamp, 0.0, (radius * 0.075).max(2.0), lit);
        }
        // Dots for what is inside, in the order of the text, where nothing else is drawn.
        if radius >= TOLD && hex.chips.len() > 1 && !self.pictured(number, see) {
            let count = hex.chips.len().min(9);
            let step = radius * 0.105;
            let height = if hex.note.is_empty() { 0.2 } else { 0.16 };
            for (i, chip) in hex.chips.iter().take(count).enumerate() {
                let x = (i as f32 - (count as f32 - 1.0) / 2.0) * step;
                ring(mesh, centre + vec2(x, height * radius), 0.0, radius * 0.038, colour(see, chip.category));
            }
        }
    }

    /// How loud a hex is, if that is measured.
    fn level(&self, hex: &Hex, see: &See<'_>) -> Option<f32> {
        let name = match hex.what {
            What::Track | What::Bus => hex.name.as_str(),
            What::Value if hex.key == "out" => "master",
            What::Value => return look::level(see.feedback, &hex.name).map(|level| level.peak[0].max(level.peak[1])),
            _ => return None,
        };
        Some(look::level(see.feedback, name).map_or(0.0, |level| level.peak[0].max(level.peak[1])))
    }

    fn words(&self, painter: &Painter, number: usize, see: &See<'_>, canvas: Rect) {
        let hex = &self.view.hexes[number];
        let centre = self.screen(canvas, self.cells[number].centre());
        let radius = self.radius;
        if radius < NAMED {
            return;
        }
        let theme = see.theme;
        let pale = hex.stale || hex.what == What::Beyond;
        let ink = if pale { theme.weak } else { theme.text };
        let typed = match &self.mode {
            Mode::Rename { hex: key, to } if *key == hex.key => Some(format!("{to}\u{2502}")),
            _ => None,
        };
        let name = typed.as_deref().unwrap_or(&hex.name);
        let small = (radius * 0.21).clamp(8.0, 17.0);
        if radius < TOLD {
            text(painter, centre, name, small.max(9.0), ink, radius * 1.65);
            return;
        }
        let letter = hex.category.letter().to_string();
        let edge = if hex.stale { theme.weak } else { colour(see, hex.category) };
        let pictured = self.pictured(number, see);
        let aside = if pictured { -0.4 } else { 0.0 };
        text(painter, centre + vec2(aside, -0.56) * radius, &letter, small, edge, radius);
        text(painter, centre + vec2(0.0, -0.24) * radius, name, (radius * 0.29).clamp(10.0, 26.0), ink, radius * 1.6);
        let kind = match hex.what {
            What::Track if pictured || hex.kind == "=" => "track".to_string(),
            What::Bus if pictured => "bus".to_string(),
            What::Track => format!("track \u{b7} {}", hex.kind),
            What::Bus => format!("bus \u{b7} {}", hex.kind),
            What::Function => format!("{}( )", hex.kind),
            What::Chip | What::Param => String::new(),
            _ if hex.kind == "=" => String::new(),
            _ => hex.kind.clone(),
        };
        // Where the keys are, the number that they turn says its name.
        let here = self.cells[number] == self.cursor && radius >= KNOBS && !hex.stale;
        let params = if here { self.params(number) } else { Vec::new() };
        let port = params.get(self.param).map(|(port, _)| &hex.ports[*port]);
        // Where a picture is drawn, what it is stands beside its letter.
        let (below, room) = match pictured {
            true => (centre + vec2(0.04, -0.56) * radius, radius * 0.72),
            false => (centre + vec2(0.0, 0.03) * radius, radius * 1.68),
        };
        let state = self.signs.get(number).map_or("", |sign| sign.state);
        match port {
            _ if !state.is_empty() => text(painter, below, state, small, theme.queued, room),
            Some(port) => text(painter, below, &port.name, small, theme.accent, room),
            None => text(painter, below, &kind, small, theme.weak, room),
        }
        if radius >= KNOBS && !hex.note.is_empty() {
            let size = (radius * 0.13).clamp(8.0, 14.0);
            text(painter, centre + vec2(0.0, 0.672) * radius, &hex.note, size, theme.weak, radius * 1.1);
        }
        self.picture(painter, number, see, canvas);
        if radius >= KNOBS && !hex.stale {
            self.knobs(painter, number, centre, see);
        }
    }

    fn curved(&self, number: usize) -> bool {
        self.signs.get(number).is_some_and(|sign| sign.curve)
    }

    /// The wave of a hex in its box, if it is one of those that are looked at.
    fn wave_of(&self, number: usize, see: &See<'_>, room: Rect) -> Option<Vec<Pos2>> {
        if !self.entered.is_empty() || self.radius < KNOBS || self.curved(number) {
            return None;
        }
        let hex = &self.view.hexes[number];
        let watch = see.watched.iter().find(|watch| watch.name == hex.name)?;
        monitor::wave(&watch.wave, room, 72).map(|(points, _)| points)
    }

    /// True if a curve or a wave is drawn in the middle of a hex.
    fn pictured(&self, number: usize, see: &See<'_>) -> bool {
        self.radius >= KNOBS && (self.curved(number) || self.wave_of(number, see, Rect::ZERO).is_some())
    }

    /// The curve of a hex, and its box on the screen.
    pub(super) fn curve_of(&self, see: &See<'_>, number: usize, canvas: Rect) -> Option<(Curve, Rect)> {
        if !self.curved(number) || self.radius < KNOBS {
            return None;
        }
        let curve = shapes::curve(&self.view.hexes[number], &|at| self.written(see, at).to_string(), &|name| {
            self.rests_at(see, &self.view.hexes[number], name)
        })?;
        Some((curve, self.inner(number, canvas)))
    }

    /// The number that a name stands for in a hex: a definition that is one, or the default of a parameter of its function.
    fn rests_at(&self, see: &See<'_>, of: &Hex, name: &str) -> Option<f64> {
        let number = |hex: &Hex| match &hex.ports.first()?.value {
            Value::Literal(at) if hex.what == What::Value && hex.ports.len() == 1 => {
                shapes::at_rest(self.written(see, at), &|_| None)
            }
            _ => None,
        };
        let function = of.key.split(['.', '/']).next()?;
        let default = see.document.stmts.iter().find_map(|stmt| match &*stmt.item {
            Item::Def(def) if def.name.name == function => {
                let param = def.params.iter().flatten().find(|param| param.name.name == name)?;
                let span = param.default.as_ref()?.span.shift(stmt.offset);
                see.text.get(span.start as usize..span.end as usize)
            }
            _ => None,
        });
        let found = |hexes: &[Hex]| hexes.iter().find(|hex| hex.name == name).and_then(number);
        let default = default.and_then(|text| shapes::at_rest(text, &|_| None));
        default.or_else(|| found(&self.view.hexes)).or_else(|| found(&self.whole.hexes))
    }

    /// The box in the middle of a hex in which curves and waves are drawn.
    fn inner(&self, number: usize, canvas: Rect) -> Rect {
        let centre = self.screen(canvas, self.cells[number].centre());
        // A comment moves the knobs up.
        let (at, height) = if self.view.hexes[number].note.is_empty() { (0.1, 0.3) } else { (0.055, 0.25) };
        Rect::from_center_size(centre + vec2(0.0, at) * self.radius, vec2(1.2, height) * self.radius)
    }

    /// What a filter lets through, how an envelope goes, or how that sounds which the keys are at.
    fn picture(&self, painter: &Painter, number: usize, see: &See<'_>, canvas: Rect) {
        let hex = &self.view.hexes[number];
        let stroke = |colour| Stroke::new((self.radius * 0.03).clamp(1.2, 3.0), colour);
        if let Some((curve, room)) = self.curve_of(see, number, canvas) {
            let own = colour(see, hex.category);
            let place = |[x, y]: [f32; 2]| room.lerp_inside(vec2(x, 1.0 - y));
            painter.hline(room.x_range(), room.bottom(), Stroke::new(1.0, mix(see.theme.back, see.theme.line, 0.8)));
            painter.add(Shape::line(curve.points.iter().copied().map(place).collect(), stroke(own)));
            let here = self.cells[number] == self.cursor || self.hovered == Some(number);
            for handle in curve.handles.iter().filter(|handle| here && (handle.across.is_some() || handle.up.is_some()))
            {
                let size = (self.radius * 0.045).clamp(2.0, 5.0);
                painter.circle(place(handle.at), size, see.theme.back, Stroke::new(1.4, see.theme.accent));
            }
        } else if let Some(points) = self.wave_of(number, see, self.inner(number, canvas)) {
            painter.add(Shape::line(points, stroke(see.theme.playing.gamma_multiply(0.8))));
        }
    }

    /// Where the knobs of a hex are: port, bytes, centre on the screen.
    pub(super) fn knob_places(&self, number: usize, centre: Pos2) -> Vec<(usize, std::ops::Range<usize>, Pos2)> {
        let params = self.params(number);
        let here = self.cells[number] == self.cursor;
        // Three at a time; the one that the keys are at is among them.
        let first = if here && params.len() > 3 { self.param.saturating_sub(1).min(params.len() - 3) } else { 0 };
        let shown: Vec<_> = params.into_iter().skip(first).take(3).collect();
        let count = shown.len() as f32;
        // Above the comment, if there is one.
        let height = if self.view.hexes[number].note.is_empty() { 0.42 } else { 0.325 };
        let place = |(i, (port, at)): (usize, (usize, std::ops::Range<usize>))| {
            let x = (i as f32 - (count - 1.0) / 2.0) * if count == 2.0 { 0.5 } else { 0.39 };
            (port, at, centre + vec2(x, height) * self.radius)
        };
        shown.into_iter().enumerate().map(place).collect()
    }

    fn knobs(&self, painter: &Painter, number: usize, centre: Pos2, see: &See<'_>) {
        let hex = &self.view.hexes[number];
        let radius = self.radius;
        let params = self.params(number);
        let places = self.knob_places(number, centre);
        let room = radius * [0.9, 0.47, 0.37][places.len().clamp(1, 3) - 1];
        for (port, at, place) in places {
            let port = &hex.ports[port];
            let written = self.written(see, &at);
            let chosen = self.cells[number] == self.cursor && params.get(self.param).is_some_and(|(_, a)| *a == at);
            let ink = if chosen { see.theme.accent } else { see.theme.weak };
            let size = (radius * 0.135).clamp(7.5, 15.0);
            if let Some(knob) = Knob::of(port, written) {
                let (from, turn) = (0.375 * TAU, 0.75 * TAU);
                let arc = |part: f32| -> Vec<Pos2> {
                    let count = (part * 18.0).ceil().max(1.0) as usize;
                    (0..=count)
                        .map(|i| place + Vec2::angled(from + turn * part * i as f32 / count as f32) * radius * 0.105)
                        .collect()
                };
                painter.add(Shape::line(arc(1.0), Stroke::new(1.6, see.theme.line)));
                let part = knob.position().clamp(0.0, 1.0) as f32;
                let colour = if chosen { see.theme.accent } else { colour(see, hex.category) };
                painter.add(Shape::line(arc(part), Stroke::new((radius * 0.04).clamp(1.6, 4.0), colour)));
            }
            text(painter, place + vec2(0.0, 0.18) * radius, written, size, ink, room);
        }
    }

    /// True if a wire is one of those that are looked at.
    fn lit(&self, wire: usize) -> bool {
        let wire = &self.view.wires[wire];
        let here = self.at.get(&self.cursor).copied();
        [here, self.hovered].into_iter().flatten().any(|hex| wire.from == hex || wire.to == hex)
    }

    fn drawn(&self, way: &Way) -> bool {
        let lit = self.lit(way.wire);
        match (self.lines, &way.shape) {
            (_, WayShape::Touch) => true,
            _ if self.view.wires[way.wire].role == Role::Use => lit && self.lines != Lines::None,
            (Lines::All, _) => true,
            (Lines::Selection, _) => lit,
            (Lines::None, _) => false,
        }
    }

    fn wires(&self, painter: &Painter, see: &See<'_>, canvas: Rect) {
        for way in self.ways.iter().filter(|way| self.drawn(way)) {
            let wire = &self.view.wires[way.wire];
            let WayShape::Line(points) = &way.shape else { continue };
            let lane = ((wire.from * 7 + wire.to * 3) % 5) as f32 - 2.0;
            let points: Vec<Pos2> =
                points.iter().map(|point| self.screen(canvas, *point) + vec2(lane, lane) * 1.3).collect();
            if !Rect::from_points(&points).intersects(canvas) {
                continue;
            }
            let lit = self.lit(way.wire);
            let own = colour(see, self.view.hexes[wire.from].category);
            let colour = mix(see.theme.back, own, if lit { 1.0 } else { 0.5 });
            let stroke = Stroke::new(if lit { 2.2 } else { 1.4 }, colour);
            if matches!(wire.role, Role::Flow) {
                painter.add(Shape::line(points, stroke));
            } else {
                painter.extend(Shape::dashed_line(&points, stroke, 5.0, 4.0));
            }
        }
    }

    /// Arrows at the sides by which wires come in, what the inputs are called, and ghosts.
    fn arrows(&self, painter: &Painter, see: &See<'_>, canvas: Rect) {
        let radius = self.radius;
        let mut more: Vec<(usize, usize)> = Vec::new();
        for way in self.ways.iter().filter(|way| self.drawn(way)) {
            let wire = &self.view.wires[way.wire];
            let centre = self.screen(canvas, self.cells[wire.to].centre());
            if !canvas.expand(2.0 * radius).contains(centre) {
                continue;
            }
            if !way.first {
                match more.iter_mut().find(|(to, _)| *to == wire.to) {
                    Some((_, count)) => *count += 1,
                    None => more.push((wire.to, 1)),
                }
                continue;
            }
            let source = &self.view.hexes[wire.from];
            let own = if source.stale { see.theme.weak } else { colour(see, source.category) };
            let heard = self.level(source, see).map_or(0.85, |level| 0.35 + 0.65 * level.sqrt().min(1.0));
            let tint = mix(see.theme.back, own, if self.lit(way.wire) { 1.0 } else { heard });
            let side = vec2(way.side.middle()[0], way.side.middle()[1]);
            let middle = centre + side * radius;
            if way.shape == WayShape::Ghost {
                let ghost = centre + side * radius * 1.5;
                let mut mesh = Mesh::default();
                ring(&mut mesh, ghost, radius * 0.40, radius * 0.40 + 1.2, mix(see.theme.back, own, 0.55));
                painter.add(Shape::mesh(mesh));
                if radius >= TOLD {
                    text(painter, ghost, &source.name, (radius * 0.17).clamp(8.0, 14.0), see.theme.weak, radius * 0.66);
                }
            }
            let [x, y] = inward(way.side);
            let (ahead, aside) = (vec2(x, y) * radius * 0.13, vec2(-y, x) * radius * 0.12);
            let tip = vec![middle + ahead, middle - ahead * 0.6 + aside, middle - ahead * 0.6 - aside];
            let outline = Stroke::new(1.0, see.theme.back);
            if wire.role == Role::Past {
                painter.add(Shape::convex_polygon(tip, see.theme.back, Stroke::new(1.4, tint)));
            } else {
                painter.add(Shape::convex_polygon(tip, tint, outline));
            }
            let port = self.view.hexes[wire.to].ports.get(wire.port);
            if let Some(port) = port.filter(|_| radius >= KNOBS) {
                let (angle, at, room) = match way.side {
                    Side::TopLeft => (-FRAC_PI_3, vec2(x, y) * 0.215, 0.62),
                    Side::BottomLeft => (FRAC_PI_3, vec2(x, y) * 0.215, 0.62),
                    // Beside the arrow, for below it stands the letter.
                    _ => (0.0, vec2(0.32, 0.1), 0.38),
                };
                let size = (radius * 0.135).clamp(7.5, 14.0);
                let at = middle + at * radius;
                turned(painter, at, &port.name, size, see.theme.weak, radius * room, angle);
            }
        }
        for (to, count) in more {
            let at = self.screen(canvas, self.cells[to].centre()) + vec2(-0.79, 0.0) * radius;
            if radius >= TOLD && canvas.contains(at) {
                text(painter, at, &format!("+{count}"), (radius * 0.15).clamp(7.5, 14.0), see.theme.weak, radius);
            }
        }
    }

    /// What a hand holds: the hex that moves, and the wire that dropping it would make.
    fn dragged(&self, painter: &Painter, see: &See<'_>, canvas: Rect) {
        let mut mesh = Mesh::default();
        if let Some(Drag::Hex { key, to, .. }) = &self.drag {
            let centre = self.screen(canvas, to.centre());
            let hex = self.view.hex(key);
            let own = hex.map_or(see.theme.accent, |hex| colour(see, hex.category));
            ring(&mut mesh, centre, 0.0, self.radius * 0.95, mix(see.theme.back, own, 0.22));
            ring(&mut mesh, centre, self.radius * 0.93, self.radius * 0.96, own);
            painter.add(Shape::mesh(std::mem::take(&mut mesh)));
            text(painter, centre, key, (self.radius * 0.29).clamp(9.0, 26.0), see.theme.text, self.radius * 1.6);
            if let Some(offer) = self.offer(key, *to) {
                let told = format!("{} \u{2192} {}.{}", offer.from, offer.to, offer.name);
                self.tag(painter, see, centre + vec2(0.0, -1.15 * self.radius), &told, canvas);
            }
        }
        if let Mode::Connect { from, choice } = &self.mode
            && let Some(number) = self.view.find(from)
        {
            let start = self.screen(canvas, self.cells[number].centre());
            let end = self.screen(canvas, self.cursor.centre());
            painter.extend(Shape::dashed_line(&[start, end], Stroke::new(2.0, see.theme.accent), 7.0, 5.0));
            let target = self.at.get(&self.cursor).and_then(|hex| self.target(*hex, from, *choice));
            if let Some((port, _)) = target {
                let name = self.hex_at(self.cursor).map_or("", |hex| hex.name.as_str());
                let told = format!("{from} \u{2192} {name}.{port}");
                self.tag(painter, see, end + vec2(0.0, -1.15 * self.radius), &told, canvas);
            }
        }
    }

    /// A word on a plate.
    fn tag(&self, painter: &Painter, see: &See<'_>, at: Pos2, told: &str, canvas: Rect) {
        let galley = painter.layout_no_wrap(told.to_string(), FontId::proportional(13.0), see.theme.text);
        let mut plate = Rect::from_center_size(at, galley.size() + vec2(14.0, 6.0));
        let inside = canvas.shrink(4.0);
        plate = plate.translate(vec2(
            (inside.left() - plate.left()).max(0.0) + (inside.right() - plate.right()).min(0.0),
            (inside.top() - plate.top()).max(0.0) + (inside.bottom() - plate.bottom()).min(0.0),
        ));
        painter.rect(plate, 4.0, see.theme.raised, Stroke::new(1.0, see.theme.accent), egui::StrokeKind::Inside);
        painter.galley(plate.center() - galley.size() / 2.0, galley, see.theme.text);
    }
}

/// What an empty view says.
fn empty(painter: &Painter, see: &See<'_>, canvas: Rect) {
    let at = canvas.center() + vec2(0.0, -16.0);
    let lines = [
        ("Nothing sounds yet", 17.0, see.theme.text),
        ("Press Tab, or type the name of a node: saw", 13.0, see.theme.weak),
        ("or drag one here from the library", 13.0, see.theme.weak),
        ("or write  out = sin(220hz)  in the text", 13.0, see.theme.weak),
    ];
    let plate = Rect::from_center_size(canvas.center() + vec2(0.0, 16.0), vec2(330.0f32.min(canvas.width()), 116.0));
    painter.rect_filled(plate, 8.0, see.theme.back.gamma_multiply(0.92));
    for (i, (line, size, colour)) in lines.into_iter().enumerate() {
        text(painter, at + vec2(0.0, i as f32 * 23.0), line, size, colour, canvas.width() - 16.0);
    }
}
