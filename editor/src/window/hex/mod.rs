//! The hex view: a text as a patch on a lattice, and every gesture on it as an edit of the text.
//!
//! Nothing is kept here that could disagree with the text. [`graph`] reads which names there are, what they consist of and who feeds
//! whom; [`place`] gives each a cell, [`layout_file`] remembers those that a hand has chosen, and [`route`] leads lines between them.
//! What a hand does becomes a [`gesture`], which is planned as splices of the text: done as a whole, or refused with the reason.
//!
//! ```text
//! text -> graph -> place -> paint        text <- splices <- gesture <- keys, mouse, search
//! ```
//!
//! The view itself keeps what eyes and hands need: where the picture is looked at, which cell the keys are at, what is being dragged.

mod bars;
mod field;
mod gesture;
mod graph;
mod keys;
mod knob;
mod lattice;
mod layout_file;
mod mouse;
mod orders;
mod paint;
mod parts;
mod place;
mod route;
mod search;
mod shapes;
mod signature;
mod template;
mod turn;
mod ways;

#[cfg(test)]
mod canvas_tests;
#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod properties;

use super::act::Act;
use super::model::See;
use egui::{Id, Pos2, Rect, Role, Sense, Ui, Vec2, WidgetInfo, vec2};
use gesture::{Gesture, Hands};
use graph::{Hex, Patch, Picture, Reader, Role as WireRole, Value, What};
use lattice::{Cell, HALF};
use layout_file::{Layout, Named, renames};
use modurust_runtime::compiler::ide::Document;
use std::collections::{HashMap, HashSet, VecDeque};

/// Radius of a cell that is looked at from the usual distance, points.
const RADIUS: f32 = 50.0;
/// Nearest and furthest.
const RADII: [f32; 2] = [7.0, 150.0];
/// Height of the line above the canvas, points.
const HEAD: f32 = 26.0;
/// Height of the line of keys below it.
const FOOT: f32 = 22.0;

/// Which lines are drawn between hexes that do not touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lines {
    /// All.
    #[default]
    All,
    /// Those of the hex that the keys are at.
    Selection,
    /// None.
    None,
}

impl Lines {
    /// In words.
    fn drawn(self) -> &'static str {
        ["all lines", "the lines of this hex", "no lines"][self as usize]
    }
}

/// What the keys are for at the moment.
#[derive(Debug, Default)]
enum Mode {
    /// For hexes.
    #[default]
    Idle,
    /// Looking for where a wire goes: from which hex, and which of the free inputs.
    Connect { from: String, choice: usize },
    /// Looking for a node to put into a cell, into a wire, or in the place of a hex.
    Search(search::Search),
    /// Typing what an input is.
    Write(field::Field),
    /// Typing another name.
    Rename { hex: String, to: String },
}

/// What is seen of a hex beside its words.
#[derive(Clone, Copy, Debug, Default)]
struct Sign {
    /// It has a curve.
    curve: bool,
    /// Bypassed, muted, heard alone; empty if it is as it is written.
    state: &'static str,
}

/// What feeds a statement, and what it feeds, by name; each once, in the order of the text.
#[derive(Default)]
pub struct Around {
    reader: Reader,
}

impl Around {
    /// Of a statement of a document.
    pub fn of(&mut self, document: &Document, name: &str) -> [Vec<String>; 2] {
        let whole = self.reader.whole(document);
        let Some(here) = whole.find(name) else { return Default::default() };
        let mut ends = [Vec::new(), Vec::new()];
        for wire in whole.wires.iter().filter(|wire| wire.from != wire.to && wire.role != WireRole::Use) {
            let (side, other) = match (wire.to == here, wire.from == here) {
                (true, _) => (0, wire.from),
                (_, true) => (1, wire.to),
                _ => continue,
            };
            let name = &whole.hexes[other].name;
            if !ends[side].contains(name) {
                ends[side].push(name.clone());
            }
        }
        ends
    }
}

/// The layout without what is said of statements that the text does not have any more; for when it is saved.
pub fn pruned(layout: &str, document: &Document) -> String {
    let symbols = modurust_runtime::compiler::ide::symbols(document);
    let known = |key: &str| {
        let first = key.split(['/', '.']).next().unwrap_or(key);
        symbols.iter().any(|symbol| symbol.name == first || symbol.name == key)
    };
    let bytes = layout_file::Layout::read(layout.as_bytes()).0.write(known);
    String::from_utf8(bytes).unwrap_or_else(|_| layout.to_string())
}

/// The view.
#[derive(Default)]
pub struct HexView {
    reader: Reader,
    hands: Hands,
    /// The file that all of this is of.
    file: String,
    /// The text and the layout that the picture is of.
    rev: u64,
    read_layout: Option<String>,
    layout: Layout,
    whole: Picture,
    /// What is looked at: the whole, or what is inside of the last of `entered`.
    view: Picture,
    entered: Vec<String>,
    cells: Vec<Cell>,
    at: HashMap<Cell, usize>,
    /// Cells of a moment ago, by key.
    kept: HashMap<String, Cell>,
    /// Bindings that play as the text says.
    fresh: Vec<bool>,
    running: String,
    /// Names and bodies of the text before, to see what was renamed.
    names: Vec<(String, String)>,
    pan: Vec2,
    radius: f32,
    fitted: bool,
    /// The size that it was fitted to.
    room: Vec2,
    cursor: Cell,
    selected: Option<String>,
    /// A hex that is to be selected as soon as it is there.
    await_select: Option<String>,
    /// It was selected just now, and is to be seen.
    shows: bool,
    param: usize,
    lines: Lines,
    mode: Mode,
    drag: Option<mouse::Drag>,
    /// A number that is turned.
    turn: Option<turn::Turn>,
    /// What was asked and not done yet.
    orders: VecDeque<orders::Order>,
    wants_focus: bool,
    /// What is seen of each hex beside its words.
    signs: Vec<Sign>,
    /// How each wire is drawn.
    ways: Vec<ways::Way>,
    /// The hex under the pointer.
    hovered: Option<usize>,
}

impl HexView {
    /// Takes the keys.
    pub fn focus(&mut self) {
        self.wants_focus = true;
    }

    /// What a key may change here, for tests.
    #[cfg(test)]
    pub fn remembered(&self) -> String {
        format!("{:?}", (self.cursor, &self.mode, self.param, self.lines, &self.entered, self.pan))
    }

    /// Shows it in all the room that is there.
    pub fn show(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        self.refresh(see, acts);
        let room = ui.available_rect_before_wrap();
        let (head, rest) = room.split_top_bottom_at_y(room.top() + HEAD);
        let (canvas, foot) = rest.split_top_bottom_at_y(rest.bottom() - FOOT);
        ui.allocate_rect(room, Sense::hover());
        if !self.fitted || self.room != canvas.size() && !self.touched() {
            self.fit(canvas.size());
        }
        if std::mem::take(&mut self.shows) {
            self.reveal(self.cursor, canvas);
        }
        let id = canvas_id();
        let response = ui.interact(canvas, id, Sense::click_and_drag());
        if std::mem::take(&mut self.wants_focus) {
            response.request_focus();
        }
        let name = self.spoken(self.cursor);
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, format!("hexes, {name}")));
        let focused = ui.memory(|memory| memory.focused());
        let active = focused == Some(id) || focused.is_none();
        if focused == Some(id) {
            let filter = egui::EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: true };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        }
        if active {
            self.keys(ui, see, acts);
        }
        self.orders(ui, see, canvas, acts);
        self.escaped(ui, acts);
        self.mouse(ui, see, &response, canvas, acts);
        self.turning(ui, see, acts);
        self.paint(ui, see, canvas, active && focused.is_some());
        self.cells_spoken(ui, canvas, acts, see);
        self.head(ui, see, head, acts);
        self.foot(ui, see, foot);
        self.search(ui, see, canvas, acts);
        self.field(ui, see, canvas, acts);
    }

    /// True once a hand has moved the picture about.
    fn touched(&self) -> bool {
        self.room == Vec2::ZERO
    }

    /// Reads the text again if it is another, and finds a cell for everything.
    fn refresh(&mut self, see: &See<'_>, acts: &mut Vec<Act>) {
        if self.file != see.file {
            // Nothing of one file is said of another: names may be the same.
            let (orders, wants_focus) = (std::mem::take(&mut self.orders), self.wants_focus);
            *self = HexView { file: see.file.to_string(), orders, wants_focus, ..HexView::default() };
        }
        if self.radius == 0.0 {
            self.radius = RADIUS;
        }
        let mut moved = false;
        if self.read_layout.as_deref() != Some(see.layout) {
            let (layout, problems) = Layout::read(see.layout.as_bytes());
            if let Some(problem) = problems.first() {
                acts.push(Act::Say(format!("layout, line {}: {}", problem.line, problem.reason)));
            }
            self.layout = layout;
            self.read_layout = Some(see.layout.to_string());
            moved = true;
        }
        if self.rev != see.rev || self.running != see.running {
            self.rev = see.rev;
            self.running = see.running.to_string();
            self.whole = self.reader.whole(see.document);
            self.carry(see, acts);
            let plays = |hex: &Hex| {
                see.text == see.running || see.text.get(hex.span.clone()).is_some_and(|text| see.running.contains(text))
            };
            self.fresh = self.whole.hexes.iter().map(|hex| !hex.stale && plays(hex)).collect();
            moved = true;
        }
        if moved {
            self.look_again(see);
        }
        if let Some(key) = self.await_select.take_if(|key| self.view.hex(key).or(self.whole.hex(key)).is_some()) {
            self.select(&key, acts);
            self.shows = true;
        }
        // The cursor in the code selects here, too.
        if see.selected != self.selected.as_deref() {
            self.selected = see.selected.map(str::to_string);
            if self.entered.is_empty()
                && let Some(cell) = see.selected.and_then(|name| self.cell_of(name))
            {
                self.cursor = cell;
                self.param = 0;
            }
        }
    }

    /// What was renamed keeps its place.
    fn carry(&mut self, see: &See<'_>, acts: &mut Vec<Act>) {
        let named = |hex: &Hex| (hex.key.clone(), see.text.get(hex.body.clone()).unwrap_or("").to_string());
        let names: Vec<(String, String)> = self.whole.hexes.iter().filter(|hex| !hex.stale).map(named).collect();
        let as_named = |list: &'_ [(String, String)]| -> Vec<(String, String)> { list.to_vec() };
        let (old, new) = (as_named(&self.names), as_named(&names));
        fn borrowed(list: &[(String, String)]) -> Vec<Named<'_>> {
            list.iter().map(|(name, body)| Named { name, body }).collect()
        }
        let before = self.layout.clone();
        for (from, to) in renames(&borrowed(&old), &borrowed(&new)) {
            self.layout.rename(&from, &to);
            if let Some(cell) = self.kept.remove(&from) {
                self.kept.insert(to.clone(), cell);
            }
            self.entered.iter_mut().filter(|key| **key == from).for_each(|key| key.clone_from(&to));
        }
        if before != self.layout {
            self.tell_layout("places go with the new name", acts);
        }
        self.names = names;
    }

    fn tell_layout(&mut self, say: &str, acts: &mut Vec<Act>) {
        let text = String::from_utf8_lossy(&self.layout.write(|_| true)).into_owned();
        self.read_layout = Some(text.clone());
        acts.push(Act::Layout { text, say: say.to_string() });
    }

    /// The picture of what is entered, and its cells.
    fn look_again(&mut self, see: &See<'_>) {
        let patch = Patch { document: see.document, whole: &self.whole };
        self.view = loop {
            let Some(key) = self.entered.last() else { break self.whole.clone() };
            match self.reader.inside(patch, key) {
                Some(inside) => break inside,
                None => drop(self.entered.pop()),
            }
        };
        let settled = |hex: &Hex| {
            // What stands for itself elsewhere lies where it fits here.
            if hex.what == What::Beyond {
                return None;
            }
            self.layout.get(&hex.key).map(|spot| spot.cell).or_else(|| self.kept.get(&hex.key).copied())
        };
        let fixed: Vec<Option<Cell>> = self.view.hexes.iter().map(settled).collect();
        self.cells = place::place(self.view.hexes.len(), &self.view.pairs(), &fixed);
        for (hex, cell) in self.view.hexes.iter().zip(&self.cells).filter(|(hex, _)| hex.what != What::Beyond) {
            self.kept.insert(hex.key.clone(), *cell);
        }
        self.signs = self.view.hexes.iter().map(|hex| self.sign(hex, see)).collect();
        self.settled();
    }

    fn sign(&self, hex: &Hex, see: &See<'_>) -> Sign {
        let written = |at: &std::ops::Range<usize>| see.text.get(at.clone()).unwrap_or("").to_string();
        let curve = !hex.stale && shapes::curve(hex, &written, &|_| None).is_some();
        let line = |verb: &str| {
            let named = |line: &str| line.trim().strip_prefix(verb).is_some_and(|name| name.trim() == hex.name);
            see.text.lines().any(named)
        };
        let behind = see.text.get(hex.body.end..).unwrap_or("").trim_start_matches([' ', '\t']);
        let state = match hex.what {
            What::Track | What::Bus if line("mute ") => "muted",
            What::Track | What::Bus if line("solo ") => "solo",
            What::Value if behind.starts_with(gesture::BYPASSED) => "bypassed",
            _ => "",
        };
        Sign { curve, state }
    }

    /// What follows from cells: who lies where, and how wires run.
    fn settled(&mut self) {
        self.at = self.cells.iter().enumerate().map(|(i, cell)| (*cell, i)).collect();
        self.ways = ways::ways(&self.view, &self.cells, &self.at);
        self.hovered = None;
    }

    fn cell_of(&self, key: &str) -> Option<Cell> {
        self.view.find(key).map(|i| self.cells[i])
    }

    fn hex_at(&self, cell: Cell) -> Option<&Hex> {
        self.at.get(&cell).map(|i| &self.view.hexes[*i])
    }

    /// Selects a hex here and in the code.
    fn select(&mut self, key: &str, acts: &mut Vec<Act>) {
        if let Some(cell) = self.cell_of(key) {
            self.cursor = cell;
            self.param = 0;
        }
        let hex = self.view.hex(key).or_else(|| self.whole.hex(key));
        if let Some(hex) = hex.filter(|hex| !hex.span.is_empty()) {
            // Where the cursor is anywhere in it already, it stays.
            acts.push(Act::Select { at: hex.span.start, reveal: false });
        }
    }

    /// Plans a gesture and asks for it, or says why not. True if it is done.
    fn ask(&mut self, see: &See<'_>, gesture: &Gesture, acts: &mut Vec<Act>) -> bool {
        let patch = Patch { document: see.document, whole: &self.whole };
        match self.hands.plan(patch, &self.view, gesture) {
            Ok(planned) => {
                if planned.select.is_some() {
                    self.await_select = planned.select;
                }
                if !planned.edit.splices.is_empty() {
                    acts.push(Act::Edit { edit: planned.edit, say: planned.say });
                }
                true
            }
            Err(why) => {
                acts.push(Act::Say(format!("not done: {why}")));
                false
            }
        }
    }

    /// Another name; what is said of the places goes with it, in one step.
    fn rename(&mut self, see: &See<'_>, hex: String, to: String, acts: &mut Vec<Act>) {
        let before = acts.len();
        if self.ask(see, &Gesture::Rename { hex: hex.clone(), to }, acts)
            && let Some(new) = self.await_select.clone()
            && self.layout.get(&hex).is_some()
        {
            self.layout.rename(&hex, &new);
            self.tell_layout("", acts);
            as_one(acts, before);
        }
    }

    /// Moves a hex to a cell. One that lies there already goes where it came from.
    fn move_to(&mut self, key: &str, cell: Cell, acts: &mut Vec<Act>) {
        let from = self.cell_of(key);
        if let Some(other) = self.hex_at(cell).filter(|other| other.key != key && other.what != What::Beyond) {
            let other = other.key.clone();
            self.layout.place(&other, from);
        }
        self.layout.place(key, Some(cell));
        self.cursor = cell;
        self.tell_layout(&format!("{key} is in row {} column {}", cell.row(), cell.q), acts);
        // The layout that is told is the one that is here.
        if let (Some(i), Some(from)) = (self.view.find(key), from) {
            if let Some(j) = self.at.get(&cell).copied() {
                self.cells[j] = from;
            }
            self.cells[i] = cell;
            self.settled();
        }
        for (hex, cell) in self.view.hexes.iter().zip(&self.cells).filter(|(hex, _)| hex.what != What::Beyond) {
            self.kept.insert(hex.key.clone(), *cell);
        }
    }

    /// Enters a hex, or says that there is nothing inside.
    fn enter(&mut self, key: &str, see: &See<'_>, acts: &mut Vec<Act>) {
        let patch = Patch { document: see.document, whole: &self.whole };
        match self.reader.inside(patch, key) {
            Some(inside) if inside.hexes.len() > 1 => {
                self.entered.push(key.to_string());
                self.opened(see);
            }
            _ => acts.push(Act::Say(format!("`{key}` has no parts to enter"))),
        }
    }

    /// Leaves the hex that was entered.
    fn leave(&mut self, see: &See<'_>) {
        if let Some(key) = self.entered.pop() {
            self.opened(see);
            self.cursor = self.cell_of(&key).unwrap_or(self.cursor);
        }
    }

    fn opened(&mut self, see: &See<'_>) {
        self.look_again(see);
        self.fitted = false;
        self.param = 0;
        self.mode = Mode::Idle;
        self.cursor = self.cells.last().copied().unwrap_or_default();
    }

    /// Looks at everything.
    fn fit(&mut self, room: Vec2) {
        self.fitted = true;
        self.room = room;
        let mut bounds = Rect::NOTHING;
        for cell in &self.cells {
            let [x, y] = cell.centre();
            bounds = bounds.union(Rect::from_center_size(Pos2::new(x, y), vec2(2.0, 2.0 * HALF)));
        }
        if self.cells.is_empty() {
            bounds = Rect::from_center_size(Pos2::ZERO, vec2(2.0, 2.0));
        }
        let free = room - vec2(36.0, 36.0);
        let radius = (free.x / bounds.width()).min(free.y / bounds.height());
        self.radius = radius.clamp(RADII[0], 1.35 * RADIUS);
        self.pan = room / 2.0 - bounds.center().to_vec2() * self.radius;
    }

    /// Where a point of the lattice is on the screen.
    fn screen(&self, canvas: Rect, [x, y]: [f32; 2]) -> Pos2 {
        canvas.min + self.pan + vec2(x, y) * self.radius
    }

    /// The cell under a point of the screen.
    fn under(&self, canvas: Rect, point: Pos2) -> Cell {
        let at = (point - canvas.min - self.pan) / self.radius;
        Cell::under([at.x, at.y])
    }

    /// Scrolls until a cell is to be seen.
    fn reveal(&mut self, cell: Cell, canvas: Rect) {
        // Panels can take all the room.
        if !canvas.is_positive() {
            return;
        }
        let at = self.screen(canvas, cell.centre());
        let inner = canvas.shrink((self.radius * 1.1).min(canvas.height() / 3.0).min(canvas.width() / 3.0));
        let inside = at.clamp(inner.min, inner.max);
        if inside != at {
            self.pan += inside - at;
            self.room = Vec2::ZERO;
        }
    }

    /// What a cell is to somebody who hears the screen.
    fn spoken(&self, cell: Cell) -> String {
        let place = format!("row {} column {}", cell.row(), cell.q);
        let Some(number) = self.at.get(&cell).copied() else { return format!("empty, {place}") };
        let hex = &self.view.hexes[number];
        let kind = match hex.what {
            What::Track => "track",
            What::Bus => "bus",
            What::Function => "function",
            What::Param => "parameter",
            _ => hex.category.word(),
        };
        let mut text = format!("{kind} {}, {}, {place}", hex.name, hex.kind);
        if hex.kind.is_empty() || hex.kind == hex.name || hex.kind == "=" {
            text = format!("{kind} {}, {place}", hex.name);
        }
        let list = |ends: Vec<&str>| {
            let mut seen = HashSet::new();
            ends.into_iter().filter(|name| seen.insert(*name)).collect::<Vec<_>>().join(" ")
        };
        let wires = &self.view.wires;
        let name = |i: usize| self.view.hexes[i].name.as_str();
        let ins = list(wires.iter().filter(|wire| wire.to == number).map(|wire| name(wire.from)).collect());
        let outs = list(wires.iter().filter(|wire| wire.from == number).map(|wire| name(wire.to)).collect());
        for (word, ends) in [("in from", ins), ("out to", outs)] {
            if !ends.is_empty() {
                text.push_str(&format!(", {word} {ends}"));
            }
        }
        let state = self.signs.get(number).map_or("", |sign| sign.state);
        if !state.is_empty() {
            text.push_str(&format!(", {state}"));
        }
        if hex.stale {
            text.push_str(", cannot be read");
        }
        text
    }

    /// Numbers of a hex that can be turned: port, bytes.
    fn params(&self, number: usize) -> Vec<(usize, std::ops::Range<usize>)> {
        let ports = self.view.hexes[number].ports.iter().enumerate();
        ports
            .filter_map(|(i, port)| match &port.value {
                Value::Literal(at) => Some((i, at.clone())),
                _ => None,
            })
            .collect()
    }

    /// Each hex that is to be seen has a name; a reader of screens may press it.
    fn cells_spoken(&mut self, ui: &Ui, canvas: Rect, acts: &mut Vec<Act>, _see: &See<'_>) {
        let mut pressed = None;
        for (i, cell) in self.cells.iter().enumerate() {
            let centre = self.screen(canvas, cell.centre());
            if !canvas.contains(centre) || self.radius < 10.0 {
                continue;
            }
            let id = canvas_id().with(&self.view.hexes[i].key);
            let size = vec2(self.radius, self.radius);
            let response = ui.interact(Rect::from_center_size(centre, size).intersect(canvas), id, Sense::hover());
            let selected = *cell == self.cursor;
            response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, self.spoken(*cell)));
            if ui.input(|input| input.has_accesskit_action_request(id, egui::accesskit::Action::Click)) {
                pressed = Some(self.view.hexes[i].key.clone());
            }
        }
        if let Some(key) = pressed {
            self.select(&key, acts);
        }
    }

    /// The input of a hex that a wire from `from` would go to: its name, and how many there are to choose from.
    fn target(&self, hex: usize, from: &str, choice: usize) -> Option<(String, usize)> {
        let free = self.free_ports(hex, from);
        let port = *free.get(choice % free.len().max(1))?;
        Some((self.view.hexes[hex].ports[port].name.clone(), free.len()))
    }

    /// The inputs of a hex that can take a wire, likely ones first: sound that nothing feeds, then what nothing feeds, then the rest.
    fn free_ports(&self, hex: usize, from: &str) -> Vec<usize> {
        use graph::{Rate, Site};
        let taker = &self.view.hexes[hex];
        let fed = |i: usize| self.view.wires.iter().any(|wire| wire.to == hex && wire.port == i);
        let strip = self.view.hex(from).is_some_and(|hex| matches!(hex.what, What::Track | What::Bus));
        let voice = self.view.hex(from).is_some_and(|hex| hex.what == What::Function);
        let mut ports: Vec<usize> = (0..taker.ports.len()).filter(|i| taker.ports[*i].site != Site::Fixed).collect();
        // What a parameter is when nobody gives one is no place for a wire.
        ports.retain(|_| taker.what != What::Param);
        if strip {
            ports.retain(|i| taker.ports[*i].site == Site::Send);
        }
        ports.sort_by_key(|i| {
            let port = &taker.ports[*i];
            let wanted = if voice { port.param == "voice" } else { port.rate != Rate::Control };
            let open = !fed(*i) && matches!(port.value, Value::Open | Value::Literal(_) | Value::Other(_));
            (!(wanted && open), !open, *i)
        });
        ports
    }

    /// The role of wires between two hexes, if there are any.
    fn wired(&self, from: usize, to: usize) -> Option<WireRole> {
        self.view.wires.iter().find(|wire| wire.from == from && wire.to == to).map(|wire| wire.role)
    }
}

/// Makes one step of the edit and the places among the last acts, so that both are taken back together.
fn as_one(acts: &mut Vec<Act>, from: usize) {
    let (mut edit, mut layout, mut rest) = (None, None, Vec::new());
    for act in acts.split_off(from) {
        match act {
            Act::Edit { edit: new, say } => edit = Some((new, say)),
            Act::Layout { text, say } => layout = Some((text, say)),
            act => rest.push(act),
        }
    }
    match (edit, layout) {
        (Some((edit, say)), Some((layout, _))) => acts.push(Act::Draw { edit, layout, say }),
        (Some((edit, say)), None) => acts.push(Act::Edit { edit, say }),
        (None, Some((text, say))) => acts.push(Act::Layout { text, say }),
        (None, None) => {}
    }
    acts.extend(rest);
}

/// The canvas among widgets.
fn canvas_id() -> Id {
    Id::unique("hex canvas")
}
