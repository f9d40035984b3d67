//! A new node by its name, or a hex by its name: a field at the cell, and what fits.
//!
//! On an empty cell Enter puts a node there. On a hex it puts one behind it, fed by it, in the next free cell that it gives to; with
//! Shift it puts one in its place. `env = ad` gives it a name at once. What fits best comes first: names that begin as typed, then names
//! that have it, then summaries. `/` looks among the hexes that are there, and goes to one.

use super::gesture::Gesture;
use super::graph::{Category, What};
use super::lattice::{Cell, Side};
use super::{HexView, Mode, template};
use crate::window::act::Act;
use crate::window::model::See;
use egui::{Align2, FontId, Key, Modifiers, Pos2, Rect, Role, Sense, TextEdit, Ui, Vec2, WidgetInfo, vec2};
use modurust_runtime::compiler::ide::topic::{self, PRIMITIVES};
use modurust_runtime::compiler::lang::is_reserved;

/// Lines that are shown at a time.
const SHOWN: usize = 8;
/// Size of the field and its list, points.
const WIDTH: f32 = 320.0;
const LINE: f32 = 20.0;

/// What is looked for.
#[derive(Clone, Debug, PartialEq)]
enum Sought {
    /// A node for the cell.
    Node,
    /// A hex to go to; with the one that a wire comes from.
    Hex(Option<String>),
}

/// What is typed so far.
#[derive(Debug)]
pub(super) struct Search {
    cell: Cell,
    sought: Sought,
    text: String,
    chosen: usize,
    /// The field has not had the keys yet.
    new: bool,
}

/// A node that can be put, or a hex that can be gone to.
#[derive(Clone)]
struct Line {
    name: String,
    /// What a hex is known by.
    key: String,
    summary: String,
    category: Category,
}

/// The name that a new node is to have, and what is looked for.
fn parted(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, kind)) if !name.trim().is_empty() => (Some(name.trim()), kind.trim()),
        _ => (None, text.trim()),
    }
}

/// How well a name or a summary fits.
fn rank(name: &str, summary: &str, wanted: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let fits = [name == wanted, name.starts_with(wanted), name.contains(wanted)];
    fits.into_iter().position(|fits| fits).or_else(|| summary.to_lowercase().contains(wanted).then_some(3))
}

fn best(lines: impl Iterator<Item = Line>, wanted: &str) -> Vec<Line> {
    let ranked = lines.filter_map(|line| Some((rank(&line.name, &line.summary, wanted)?, line)));
    let length = |line: &Line| if wanted.is_empty() { 0 } else { line.name.len() };
    let mut found: Vec<(usize, usize, Line)> = ranked.map(|(rank, line)| (rank, length(&line), line)).collect();
    found.sort_by_key(|(rank, length, _)| (*rank, *length));
    let mut names = std::collections::HashSet::new();
    found.into_iter().map(|(_, _, line)| line).filter(|line| names.insert(line.key.clone())).collect()
}

/// Nodes that fit a text, best first.
fn fitting(text: &str) -> Vec<Line> {
    let wanted = parted(text).1.to_lowercase();
    let line = |name: &str, summary: &str, category| Line {
        name: name.to_string(),
        key: name.to_string(),
        summary: summary.to_string(),
        category,
    };
    let plain = template::PLAIN.iter().map(|(name, summary)| line(name, summary, Category::Mixing));
    let listed = topic::all().iter().filter(|topic| {
        topic.category != PRIMITIVES
            && !topic.name.contains('.')
            && !is_reserved(&topic.name)
            && !template::is_constant(&topic.name)
            && rank(&topic.name, &topic.summary, &wanted).is_some()
    });
    best(plain.chain(listed.map(|t| line(&t.name, &t.summary, Category::of(&t.category)))), &wanted)
}

impl HexView {
    /// Begins to look for a node for the cell that the keys are at.
    pub(super) fn open_search(&mut self, typed: Option<String>) {
        self.begin(Sought::Node, typed.unwrap_or_default());
    }

    /// Begins to look for a hex to go to.
    pub(super) fn open_find(&mut self) {
        let from = match std::mem::take(&mut self.mode) {
            Mode::Connect { from, .. } => Some(from),
            _ => None,
        };
        self.begin(Sought::Hex(from), String::new());
    }

    fn begin(&mut self, sought: Sought, text: String) {
        self.mode = Mode::Search(Search { cell: self.cursor, sought, text, chosen: 0, new: true });
    }

    /// Hexes that fit a text.
    fn named(&self, text: &str) -> Vec<Line> {
        let line = |hex: &super::graph::Hex| Line {
            name: hex.name.clone(),
            key: hex.key.clone(),
            summary: format!("{} {}", hex.category.word(), hex.kind),
            category: hex.category,
        };
        best(self.view.hexes.iter().map(line), &text.trim().to_lowercase())
    }

    /// A place for a plate near a cell: below it, or above where there is no room, and never outside.
    pub(super) fn plate(&self, canvas: Rect, cell: Cell, size: Vec2) -> Rect {
        let centre = self.screen(canvas, cell.centre());
        let below = centre + vec2(-size.x / 2.0, self.radius * 0.9);
        let above = centre - vec2(size.x / 2.0, self.radius * 0.9 + size.y);
        let inside = canvas.shrink(8.0);
        let corner = if below.y + size.y > inside.bottom() && above.y > inside.top() { above } else { below };
        let most: Pos2 = (inside.max - size).max(inside.min);
        Rect::from_min_size(corner.clamp(inside.min, most), size)
    }

    /// The field and the list, if something is looked for.
    pub(super) fn search(&mut self, ui: &mut Ui, see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        let Mode::Search(search) = &self.mode else { return };
        let (cell, nodes) = (search.cell, search.sought == Sought::Node);
        let lines = if nodes { fitting(&search.text) } else { self.named(&search.text) };
        let (up, down, enter, replace, escape) = ui.input_mut(|input| {
            let replace = input.consume_key(Modifiers::SHIFT, Key::Enter);
            (
                input.consume_key(Modifiers::NONE, Key::ArrowUp),
                input.consume_key(Modifiers::NONE, Key::ArrowDown),
                input.consume_key(Modifiers::NONE, Key::Enter),
                replace,
                input.consume_key(Modifiers::NONE, Key::Escape),
            )
        });
        let Mode::Search(search) = &mut self.mode else { return };
        search.chosen = if down { search.chosen + 1 } else { search.chosen.saturating_sub(usize::from(up)) };
        search.chosen = search.chosen.min(lines.len().saturating_sub(1));
        let chosen = search.chosen;
        let mut taken = lines.get(chosen).cloned().filter(|_| enter || replace);
        let first = chosen.saturating_sub(SHOWN - 1);
        let count = lines.len().saturating_sub(first).clamp(1, SHOWN);
        let size = vec2(WIDTH.min(canvas.width() - 16.0), LINE * count as f32 + 44.0);
        let rect = self.plate(canvas, cell, size);
        let theme = see.theme;
        let painter = ui.painter_at(canvas);
        painter.rect(rect, 6.0, theme.raised, egui::Stroke::new(1.0, theme.accent), egui::StrokeKind::Inside);
        let field = Rect::from_min_size(rect.min + vec2(8.0, 8.0), vec2(size.x - 16.0, 24.0));
        let Mode::Search(search) = &mut self.mode else { return };
        let edit = TextEdit::singleline(&mut search.text)
            .id(super::canvas_id().with("search"))
            .hint_text(if nodes { "a node, or name = node" } else { "go to" })
            .background_color(theme.back)
            .desired_width(field.width());
        let response = ui.put(field, edit);
        let label = if nodes { "new node" } else { "go to a hex" };
        response.widget_info(|| WidgetInfo::labeled(Role::SearchInput, true, label));
        if response.changed() {
            search.chosen = 0;
        }
        if std::mem::take(&mut search.new) {
            response.request_focus();
            let end = egui::text::CCursor::new(search.text.chars().count());
            let mut state = egui::text_edit::TextEditState::load(ui.ctx(), response.id).unwrap_or_default();
            state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
            state.store(ui.ctx(), response.id);
        }
        for (i, line) in lines.iter().enumerate().skip(first).take(SHOWN) {
            let top = rect.top() + 38.0 + LINE * (i - first) as f32;
            let room = Rect::from_min_size(egui::pos2(rect.left() + 4.0, top), vec2(size.x - 8.0, LINE));
            let row = ui.interact(room, super::canvas_id().with(("node", &line.key)), Sense::CLICK);
            let said = format!("{} {}", if nodes { "node" } else { "to" }, line.name);
            row.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, i == chosen, said.as_str()));
            if i == chosen || row.hovered() {
                painter.rect_filled(room, 4.0, theme.accent.gamma_multiply(if i == chosen { 0.25 } else { 0.12 }));
            }
            let colour = theme.category(line.category as usize);
            let letter = line.category.letter().to_string();
            let at = room.left_center() + vec2(12.0, 0.0);
            painter.text(at, Align2::CENTER_CENTER, letter, FontId::proportional(11.0), colour);
            let at = room.left_center() + vec2(26.0, 0.0);
            let name = painter.text(at, Align2::LEFT_CENTER, &line.name, FontId::proportional(13.5), theme.text);
            let font = FontId::proportional(11.0);
            let mut job = egui::text::LayoutJob::simple_singleline(line.summary.clone(), font, theme.weak);
            job.wrap = egui::text::TextWrapping::truncate_at_width((room.right() - name.right() - 16.0).max(0.0));
            let galley = painter.layout_job(job);
            let at = egui::pos2(name.right() + 10.0, room.center().y - galley.size().y / 2.0);
            painter.galley(at, galley, theme.weak);
            if row.clicked() {
                taken = Some(line.clone());
            }
        }
        if lines.is_empty() {
            let at = egui::pos2(rect.left() + 16.0, rect.top() + 38.0 + LINE / 2.0);
            let told = if nodes { "no node has this name" } else { "no hex has this name" };
            painter.text(at, Align2::LEFT_CENTER, told, FontId::proportional(12.0), theme.weak);
        }
        let away = !response.has_focus() && ui.input(|input| input.pointer.any_pressed()) && taken.is_none();
        if taken.is_none() && !escape && !away {
            return;
        }
        let Mode::Search(search) = std::mem::take(&mut self.mode) else { return };
        self.wants_focus = true;
        if let Sought::Hex(Some(from)) = &search.sought {
            self.mode = Mode::Connect { from: from.clone(), choice: 0 };
        }
        match (taken, search.sought) {
            (Some(line), Sought::Node) => {
                let kind = parted(&search.text).0.map_or(line.name.clone(), |name| format!("{name} = {}", line.name));
                self.chosen(see, &kind, cell, replace, acts);
            }
            (Some(line), Sought::Hex(_)) => {
                if let Some(cell) = self.cell_of(&line.key) {
                    self.go(cell, canvas, acts);
                }
            }
            (None, _) => {}
        }
    }

    /// A node was chosen for a cell.
    fn chosen(&mut self, see: &See<'_>, kind: &str, cell: Cell, replace: bool, acts: &mut Vec<Act>) {
        match self.hex_at(cell).map(|hex| (hex.key.clone(), hex.what)) {
            Some((hex, _)) if replace => {
                let kind = parted(kind).1.to_string();
                self.ask(see, &Gesture::Replace { hex, kind }, acts);
            }
            Some((key, what)) => {
                // Level if there is room, so that what is put one after the other is a row.
                let level = Cell::at(cell.q + 1, cell.row());
                let beside = std::iter::once(level).chain(Side::OUT.into_iter().map(|side| cell.beside(side)));
                let next = beside.into_iter().find(|cell| !self.at.contains_key(cell));
                let next = next.unwrap_or_else(|| super::place::free(cell, &self.cells.iter().copied().collect()));
                // Strips and functions are no sounds that could be handed on, and what comes out goes nowhere else.
                let hears = matches!(what, What::Value | What::Beyond | What::Param) && key != "out";
                self.put(see, kind, next, hears.then_some(key), acts);
            }
            None => self.put(see, kind, cell, None, acts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_comes_first() {
        let first = |text: &str| fitting(text)[0].name.clone();
        assert_eq!(first("saw"), "saw");
        assert_eq!(first("lp"), "lpf");
        assert_eq!(first("out"), "out");
        assert_eq!(first("*"), "*");
        assert_eq!(first("env = ad"), "ad");
        assert_eq!(fitting("")[0].name, "out");
        assert!(fitting("ladder").iter().any(|node| node.name == "ladder"));
        assert!(fitting("no such thing at all").is_empty());
        assert_eq!(parted("env = ad"), (Some("env"), "ad"));
    }
}
