//! The mouse in the hex view: looking about, moving hexes, turning knobs, dropping nodes.
//!
//! A hex that is dropped beside another, so that the one gives where the other takes, is connected to it; with Alt it is only placed. A
//! hex that is pulled away stays connected, unless Shift is held. Nodes come from the library: dropped on a wire they are put into it,
//! on a hex they take its place, elsewhere they are new.

use super::gesture::Gesture;
use super::graph::{Role, What};
use super::knob::Knob;
use super::lattice::{Cell, Side};
use super::shapes::Handle;
use super::turn::Hand;
use super::ways::Shape;
use super::{HexView, Mode, RADII, as_one};
use crate::window::act::Act;
use crate::window::model::See;
use egui::{Key, PointerButton, Pos2, Rect, Response, Ui, Vec2};
use std::ops::Range;

/// Points of the mouse from one end of a knob to the other.
const TRAVEL: f32 = 200.0;

/// What a hand holds.
#[derive(Debug)]
pub(super) enum Drag {
    /// The picture.
    Pan,
    /// A hex, and the cell that it would fall into.
    Hex { key: String, to: Cell },
    /// A knob, as it was taken hold of.
    Knob(Knob),
    /// A handle of a curve, and the size of its box.
    Handle(Handle, Vec2),
}

/// A wire that dropping a hex would make.
#[derive(Debug, PartialEq)]
pub(super) struct Offer {
    pub from: String,
    pub to: String,
    pub port: usize,
    /// The name of the port.
    pub name: String,
}

impl HexView {
    /// What the mouse of this frame does.
    pub(super) fn mouse(&mut self, ui: &Ui, see: &See<'_>, response: &Response, canvas: Rect, acts: &mut Vec<Act>) {
        let pointer = response.hover_pos().or_else(|| response.interact_pointer_pos());
        self.hovered = pointer.and_then(|point| self.at.get(&self.under(canvas, point)).copied());
        if response.contains_pointer() {
            self.wheel(ui, see, canvas, acts);
        }
        if let Some(point) = ui.input(|input| input.pointer.press_origin()).filter(|_| response.drag_started()) {
            self.take(ui, see, response, canvas, point, acts);
        }
        if response.dragged() {
            self.hold(ui, see, response, canvas);
        }
        if response.drag_stopped() {
            self.drop(ui, see, acts);
        }
        if let Some(point) = response.interact_pointer_pos().filter(|_| response.clicked()) {
            response.request_focus();
            self.cursor = self.under(canvas, point);
            self.param = 0;
            match self.hex_at(self.cursor).map(|hex| hex.key.clone()) {
                Some(key) if response.double_clicked() => self.enter(&key, see, acts),
                Some(key) => {
                    self.select(&key, acts);
                    let knob = self.knob_at(canvas, point).map(|(_, at, _)| at);
                    let params = self.at.get(&self.cursor).map(|hex| self.params(*hex)).unwrap_or_default();
                    self.param = params.iter().position(|(_, at)| Some(at) == knob.as_ref()).unwrap_or(0);
                }
                None if response.double_clicked() => self.open_search(None),
                None => {}
            }
        }
        self.library(see, response, canvas, acts);
    }

    fn wheel(&mut self, ui: &Ui, see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        let (scroll, zoom, at) = ui.input(|input| {
            (input.smooth_scroll_delta(), input.zoom_delta(), input.pointer.hover_pos().unwrap_or(canvas.center()))
        });
        // Above a knob it turns that.
        let knob = self.knob_at(canvas, at).filter(|_| self.drag.is_none());
        if self.wheeled().is_some_and(|held| knob.as_ref().is_none_or(|(_, at, _)| at != held)) {
            self.let_go(see, acts);
        }
        if let Some((number, at, port)) = knob {
            if scroll.y != 0.0 {
                let held = self.turn.is_some() || self.take_hold(see, number, port, at, Hand::Wheel).is_some();
                if held {
                    self.turn_by(see, f64::from(scroll.y / 12.0), Hand::Wheel, acts);
                }
            }
            return;
        }
        let factor = zoom * (scroll.y / 240.0).exp2();
        if scroll.x != 0.0 {
            self.pan.x += scroll.x;
            self.room = Vec2::ZERO;
        }
        if (factor - 1.0).abs() < 1e-4 {
            return;
        }
        let radius = (self.radius * factor).clamp(RADII[0], RADII[1]);
        let point = at - canvas.min;
        self.pan = point - (point - self.pan) * (radius / self.radius);
        self.radius = radius;
        self.room = Vec2::ZERO;
    }

    /// The knob under a point: its hex, its number, its port.
    fn knob_at(&self, canvas: Rect, point: Pos2) -> Option<(usize, Range<usize>, usize)> {
        let number = *self.at.get(&self.under(canvas, point))?;
        if self.radius < 36.0 {
            return None;
        }
        let centre = self.screen(canvas, self.cells[number].centre());
        let near = |place: &Pos2| place.distance(point) < self.radius * 0.2;
        self.knob_places(number, centre)
            .into_iter()
            .find(|(_, _, place)| near(place))
            .map(|(port, at, _)| (number, at, port))
    }

    /// The handle of a curve under a point: its hex, and the size of its box.
    fn handle_at(&self, see: &See<'_>, canvas: Rect, point: Pos2) -> Option<(usize, Handle, Vec2)> {
        let number = *self.at.get(&self.under(canvas, point))?;
        let (curve, room) = self.curve_of(see, number, canvas)?;
        let place = |handle: &Handle| room.lerp_inside(Vec2::new(handle.at[0], 1.0 - handle.at[1]));
        let near = |handle: &&Handle| place(handle).distance(point) < self.radius * 0.16;
        let nearest = curve
            .handles
            .iter()
            .filter(near)
            .min_by(|a, b| place(a).distance(point).total_cmp(&place(b).distance(point)))?;
        Some((number, nearest.clone(), room.size()))
    }

    fn take(&mut self, ui: &Ui, see: &See<'_>, response: &Response, canvas: Rect, point: Pos2, acts: &mut Vec<Act>) {
        response.request_focus();
        let primary = response.drag_started_by(PointerButton::Primary);
        let looks = !primary || ui.input(|input| input.key_down(Key::Space));
        let cell = self.under(canvas, point);
        let hex = self.hex_at(cell).filter(|hex| hex.what != What::Beyond).map(|hex| hex.key.clone());
        self.let_go(see, acts);
        let knob = self.knob_at(canvas, point).filter(|_| !looks);
        let knob = knob.and_then(|(number, at, port)| self.take_hold(see, number, port, at, Hand::Mouse));
        if let Some((number, handle, size)) = self.handle_at(see, canvas, point).filter(|_| !looks && knob.is_none()) {
            self.cursor = cell;
            self.take_handle(see, number, &handle);
            self.drag = Some(Drag::Handle(handle, size));
            return;
        }
        self.drag = Some(match (looks, knob, hex) {
            (false, Some(knob), _) => {
                self.cursor = cell;
                Drag::Knob(knob)
            }
            (false, None, Some(key)) => {
                self.select(&key, acts);
                Drag::Hex { key, to: cell }
            }
            _ => Drag::Pan,
        });
    }

    fn hold(&mut self, ui: &Ui, see: &See<'_>, response: &Response, canvas: Rect) {
        let moved = response.drag_delta();
        let total = response.total_drag_delta().unwrap_or_default();
        let at = response.interact_pointer_pos().map(|point| self.under(canvas, point));
        let fine = ui.input(|input| if input.modifiers.shift { 0.1 } else { 1.0 });
        match &mut self.drag {
            Some(Drag::Pan) => {
                self.pan += moved;
                self.room = Vec2::ZERO;
            }
            Some(Drag::Hex { to, .. }) => *to = at.unwrap_or(*to),
            Some(Drag::Knob(knob)) => {
                let value = knob.at(knob.position() + f64::from((total.x - total.y) / TRAVEL * fine));
                self.put_to(value);
            }
            Some(Drag::Handle(handle, size)) => {
                let by = [total.x / size.x * fine, -total.y / size.y * fine].map(f64::from);
                let handle = handle.clone();
                self.pull(see, &handle, by);
            }
            None => {}
        }
    }

    fn drop(&mut self, ui: &Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        let (alt, shift) = ui.input(|input| (input.modifiers.alt, input.modifiers.shift));
        match self.drag.take() {
            Some(Drag::Hex { key, to }) => {
                if self.cell_of(&key) == Some(to) {
                    return;
                }
                let offer = if alt { None } else { self.offer(&key, to) };
                let from = self.cell_of(&key);
                let wire = self.pulled(&key, from, to);
                let before = acts.len();
                self.move_to(&key, to, acts);
                if let Some(Offer { from, to, port, .. }) = offer {
                    self.ask(see, &Gesture::Connect { from, to, port }, acts);
                } else if let Some(wire) = wire.filter(|_| shift) {
                    self.ask(see, &Gesture::Disconnect { wire }, acts);
                }
                as_one(acts, before);
            }
            Some(Drag::Knob(_) | Drag::Handle(..)) => self.let_go(see, acts),
            _ => {}
        }
    }

    /// The wire that a hex leaves when it is pulled away from what feeds it.
    fn pulled(&self, key: &str, from: Option<Cell>, to: Cell) -> Option<usize> {
        let hex = self.view.find(key)?;
        let touched = |cell: Cell| from?.side_of(cell).filter(|_| to.side_of(cell).is_none());
        self.view.wires.iter().position(|wire| {
            wire.to == hex && touched(self.cells[wire.from]).is_some()
                || wire.from == hex && touched(self.cells[wire.to]).is_some()
        })
    }

    /// The wire that dropping a hex into a cell would make: with the first neighbour that is not connected to it yet.
    pub(super) fn offer(&self, key: &str, cell: Cell) -> Option<Offer> {
        let hex = self.view.find(key)?;
        if self.at.get(&cell).is_some_and(|other| *other != hex) {
            return None;
        }
        let sides =
            Side::IN.into_iter().map(|side| (side, true)).chain(Side::OUT.into_iter().map(|side| (side, false)));
        for (side, takes) in sides {
            let Some(other) = self.at.get(&cell.beside(side)).copied().filter(|other| *other != hex) else { continue };
            let (from, to) = if takes { (other, hex) } else { (hex, other) };
            if self.wired(from, to).is_some() || self.wired(to, from).is_some_and(|role| role == Role::Flow) {
                continue;
            }
            let giver = &self.view.hexes[from];
            if giver.what == What::Chip || self.view.hexes[to].stale {
                continue;
            }
            // Only an input that nothing is lost by.
            let open = |port: &usize| !self.view.wires.iter().any(|wire| wire.to == to && wire.port == *port);
            let ports = self.free_ports(to, &giver.key);
            let likely = |port: &usize| self.view.hexes[to].ports[*port].rate != super::graph::Rate::Control;
            let Some(port) = ports.iter().copied().find(|port| open(port) && likely(port)) else { continue };
            let name = self.view.hexes[to].ports[port].name.clone();
            let (from, to) = (giver.key.clone(), self.view.hexes[to].key.clone());
            return Some(Offer { from, to, port, name });
        }
        None
    }

    /// The wire that runs by a point.
    fn wire_at(&self, canvas: Rect, point: Pos2) -> Option<usize> {
        let reach = (self.radius * 0.22).max(6.0);
        self.ways.iter().find_map(|way| {
            let wire = &self.view.wires[way.wire];
            let centre = self.screen(canvas, self.cells[wire.to].centre());
            let [x, y] = way.side.middle();
            let entry = centre + Vec2::new(x, y) * self.radius;
            let near = entry.distance(point) < reach
                || matches!(&way.shape, Shape::Line(points) if points.windows(2).any(|pair| {
                    let (a, b) = (self.screen(canvas, pair[0]), self.screen(canvas, pair[1]));
                    let t = ((point - a).dot(b - a) / (b - a).length_sq().max(1.0)).clamp(0.0, 1.0);
                    (a + (b - a) * t).distance(point) < reach / 2.0
                }));
            (near && wire.role != Role::Use).then_some(way.wire)
        })
    }

    /// Nodes that are dragged here from the library.
    fn library(&mut self, see: &See<'_>, response: &Response, canvas: Rect, acts: &mut Vec<Act>) {
        let Some(point) = response.hover_pos().filter(|_| response.dnd_hover_payload::<String>().is_some()) else {
            return;
        };
        let cell = self.under(canvas, point);
        self.cursor = cell;
        let Some(kind) = response.dnd_release_payload::<String>() else { return };
        let kind = kind.to_string();
        if let Some(wire) = self.wire_at(canvas, point) {
            self.ask(see, &Gesture::Insert { wire, kind }, acts);
        } else if let Some(hex) = self.hex_at(cell).map(|hex| hex.key.clone()) {
            self.ask(see, &Gesture::Replace { hex, kind }, acts);
        } else {
            self.put(see, &kind, cell, None, acts);
        }
    }

    /// A new node in a cell.
    pub(super) fn put(&mut self, see: &See<'_>, kind: &str, cell: Cell, source: Option<String>, acts: &mut Vec<Act>) {
        let before = acts.len();
        let near = source.clone().or_else(|| see.selected.map(str::to_string));
        let gesture = Gesture::Add { kind: kind.to_string(), near, source };
        if self.ask(see, &gesture, acts)
            && let Some(name) = self.await_select.clone()
        {
            self.layout.place(&name, Some(cell));
            self.kept.insert(name, cell);
            // One step back takes the node and its place away.
            self.tell_layout("a new node has its place", acts);
            as_one(acts, before);
        }
        self.mode = Mode::Idle;
    }
}
