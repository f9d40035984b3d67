//! A new node by its name: a field at the cell, and what fits.
//!
//! On an empty cell Enter puts a node there. On a hex it puts one behind it, fed by it, in the next free cell that it gives to; with
//! Shift it puts one in its place. What fits best comes first: names that begin as typed, then names that have it, then summaries.

use super::gesture::Gesture;
use super::graph::{Category, What};
use super::lattice::{Cell, Side};
use super::{HexView, Mode, template};
use crate::window::act::Act;
use crate::window::model::See;
use egui::{Align2, FontId, Key, Modifiers, Rect, Role, Sense, TextEdit, Ui, WidgetInfo, vec2};
use modurust_runtime::compiler::ide::topic::{self, PRIMITIVES};
use modurust_runtime::compiler::lang::is_reserved;

/// Lines that are shown at a time.
const SHOWN: usize = 8;
/// Size of the field and its list, points.
const WIDTH: f32 = 320.0;
const LINE: f32 = 20.0;

/// What is typed so far.
#[derive(Debug)]
pub(super) struct Search {
    cell: Cell,
    text: String,
    chosen: usize,
    /// The field has not had the keys yet.
    new: bool,
}

/// A node that can be put.
#[derive(Clone, Copy)]
struct Node {
    name: &'static str,
    summary: &'static str,
    category: Category,
}

/// What fits a text, best first.
fn fitting(text: &str) -> Vec<Node> {
    let wanted = text.trim().to_lowercase();
    let plain = template::PLAIN.iter().map(|(name, summary)| Node { name, summary, category: Category::Mixing });
    let listed = topic::all().iter().filter(|topic| {
        topic.category != PRIMITIVES
            && !topic.name.contains('.')
            && !is_reserved(&topic.name)
            && !template::is_constant(&topic.name)
    });
    let nodes = plain.chain(listed.map(|topic| Node {
        name: &topic.name,
        summary: &topic.summary,
        category: Category::of(&topic.category),
    }));
    let mut found: Vec<(usize, usize, Node)> = nodes
        .filter_map(|node| {
            let name = node.name.to_lowercase();
            let rank = if name == wanted {
                0
            } else if name.starts_with(&wanted) {
                1
            } else if name.contains(&wanted) {
                2
            } else if node.summary.to_lowercase().contains(&wanted) {
                3
            } else {
                return None;
            };
            Some((rank, if wanted.is_empty() { 0 } else { name.len() }, node))
        })
        .collect();
    found.sort_by_key(|(rank, length, _)| (*rank, *length));
    let mut names = std::collections::HashSet::new();
    found.into_iter().map(|(_, _, node)| node).filter(|node| names.insert(node.name)).collect()
}

impl HexView {
    /// Begins to look for a node for the cell that the keys are at.
    pub(super) fn open_search(&mut self, typed: Option<String>) {
        self.mode = Mode::Search(Search { cell: self.cursor, text: typed.unwrap_or_default(), chosen: 0, new: true });
    }

    /// The field and the list, if a node is looked for.
    pub(super) fn search(&mut self, ui: &mut Ui, see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        let Mode::Search(search) = &mut self.mode else { return };
        let nodes = fitting(&search.text);
        let (up, down, enter, replace, escape) = ui.input_mut(|input| {
            (
                input.consume_key(Modifiers::NONE, Key::ArrowUp),
                input.consume_key(Modifiers::NONE, Key::ArrowDown),
                input.consume_key(Modifiers::NONE, Key::Enter),
                input.consume_key(Modifiers::SHIFT, Key::Enter),
                input.consume_key(Modifiers::NONE, Key::Escape),
            )
        });
        search.chosen = if down { search.chosen + 1 } else { search.chosen.saturating_sub(usize::from(up)) };
        search.chosen = search.chosen.min(nodes.len().saturating_sub(1));
        let mut taken = nodes.get(search.chosen).copied().filter(|_| enter || replace);
        let cell = search.cell;
        let first = search.chosen.saturating_sub(SHOWN - 1);
        let lines = nodes.len().saturating_sub(first).clamp(1, SHOWN);
        let size = vec2(WIDTH.min(canvas.width() - 16.0), LINE * lines as f32 + 44.0);
        // Below the cell, or above it where there is no room, and never outside.
        let [x, y] = cell.centre();
        let centre = canvas.min + self.pan + vec2(x, y) * self.radius;
        let below = centre + vec2(-size.x / 2.0, self.radius * 0.9);
        let above = centre - vec2(size.x / 2.0, self.radius * 0.9 + size.y);
        let inside = canvas.shrink(8.0);
        let corner = if below.y + size.y > inside.bottom() && above.y > inside.top() { above } else { below };
        let most = (inside.max - size).max(inside.min);
        let rect = Rect::from_min_size(corner.clamp(inside.min, most), size);
        let theme = see.theme;
        let painter = ui.painter_at(canvas);
        painter.rect(rect, 6.0, theme.raised, egui::Stroke::new(1.0, theme.accent), egui::StrokeKind::Inside);
        let field = Rect::from_min_size(rect.min + vec2(8.0, 8.0), vec2(size.x - 16.0, 24.0));
        let Mode::Search(search) = &mut self.mode else { return };
        let edit = TextEdit::singleline(&mut search.text)
            .id(super::canvas_id().with("search"))
            .hint_text("name of a node")
            .background_color(theme.back)
            .desired_width(field.width());
        let response = ui.put(field, edit);
        response.widget_info(|| WidgetInfo::labeled(Role::SearchInput, true, "new node"));
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
        let chosen = search.chosen;
        for (i, node) in nodes.iter().enumerate().skip(first).take(SHOWN) {
            let top = rect.top() + 38.0 + LINE * (i - first) as f32;
            let line = Rect::from_min_size(egui::pos2(rect.left() + 4.0, top), vec2(size.x - 8.0, LINE));
            let row = ui.interact(line, super::canvas_id().with(("node", node.name)), Sense::CLICK);
            row.widget_info(|| {
                WidgetInfo::selected(Role::ListBoxOption, true, i == chosen, format!("node {}", node.name))
            });
            if i == chosen || row.hovered() {
                painter.rect_filled(line, 4.0, theme.accent.gamma_multiply(if i == chosen { 0.25 } else { 0.12 }));
            }
            let colour = theme.category(node.category as usize);
            let letter = node.category.letter().to_string();
            painter.text(
                line.left_center() + vec2(12.0, 0.0),
                Align2::CENTER_CENTER,
                letter,
                FontId::proportional(11.0),
                colour,
            );
            let name = painter.text(
                line.left_center() + vec2(26.0, 0.0),
                Align2::LEFT_CENTER,
                node.name,
                FontId::proportional(13.5),
                theme.text,
            );
            let room = line.right() - name.right() - 16.0;
            let font = FontId::proportional(11.0);
            let mut job = egui::text::LayoutJob::simple_singleline(node.summary.to_string(), font, theme.weak);
            job.wrap = egui::text::TextWrapping::truncate_at_width(room.max(0.0));
            let galley = painter.layout_job(job);
            painter.galley(
                egui::pos2(name.right() + 10.0, line.center().y - galley.size().y / 2.0),
                galley,
                theme.weak,
            );
            if row.clicked() {
                taken = Some(*node);
            }
        }
        if nodes.is_empty() {
            let at = egui::pos2(rect.left() + 16.0, rect.top() + 38.0 + LINE / 2.0);
            painter.text(at, Align2::LEFT_CENTER, "no node has this name", FontId::proportional(12.0), theme.weak);
        }
        let away = !response.has_focus() && ui.input(|input| input.pointer.any_pressed()) && taken.is_none();
        if let Some(node) = taken {
            self.mode = Mode::Idle;
            self.wants_focus = true;
            self.chosen(see, node.name, cell, replace, acts);
        } else if escape || away {
            self.mode = Mode::Idle;
            self.wants_focus = true;
        }
    }

    /// A node was chosen for a cell.
    fn chosen(&mut self, see: &See<'_>, kind: &str, cell: Cell, replace: bool, acts: &mut Vec<Act>) {
        match self.hex_at(cell).map(|hex| (hex.key.clone(), hex.what)) {
            Some((hex, _)) if replace => {
                self.ask(see, &Gesture::Replace { hex, kind: kind.to_string() }, acts);
            }
            Some((key, what)) => {
                // Level if there is room, so that what is put one after the other is a row.
                let level = Cell::at(cell.q + 1, cell.row());
                let beside = std::iter::once(level).chain(Side::OUT.into_iter().map(|side| cell.beside(side)));
                let next = beside.into_iter().find(|cell| !self.at.contains_key(cell));
                let next = next.unwrap_or_else(|| super::place::free(cell, &self.cells.iter().copied().collect()));
                // Strips and functions are no sounds that could be handed on.
                let hears = matches!(what, What::Value | What::Beyond);
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
        let first = |text: &str| fitting(text)[0].name;
        assert_eq!(first("saw"), "saw");
        assert_eq!(first("lp"), "lpf");
        assert_eq!(first("out"), "out");
        assert_eq!(fitting("")[0].name, "out");
        assert!(fitting("ladder").iter().any(|node| node.name == "ladder"));
        assert!(fitting("no such thing at all").is_empty());
    }
}
