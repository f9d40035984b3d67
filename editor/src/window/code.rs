//! The code pane: the text itself, coloured by what its words are, with what plays and what is wrong beside it.
//!
//! Typing changes the text and not the sound; `evaluate` does. Colours come from the same trees as everything else (`compiler::ide`), errors from
//! the compiler's front stages. Which letters have which colour is worked out once a change; the letters themselves are egui's to keep, for the
//! picture that they are taken from is drawn anew now and then. What
//! moves (levels, the flash of what was evaluated, the line of the cursor) is painted over it and costs no layout.

use super::act::Act;
use super::model::See;
use super::monitor::{self, Side};
use super::steps::floor;
use egui::text::{CCursor, CCursorRange, LayoutJob, TextFormat};
use egui::{Color32, FontFamily, FontId, Galley, Id, Key, Modifiers, Pos2, Rect, Shape, Stroke, Ui, Vec2};
use modurust_runtime::compiler::graph::OutKind;
use modurust_runtime::compiler::ide::{self, Completion};

/// Most completions that are shown at once.
const OFFERS: usize = 9;

/// Width of the waves behind statements, in sizes of a letter.
const SCOPE: f32 = 6.0;

/// The pane's own state.
#[derive(Default)]
pub struct CodePane {
    buffer: String,
    rev: u64,
    laid: Option<(Laid, LayoutJob)>,
    offers: Vec<Completion>,
    chosen: usize,
    /// The cursor as the widget last had it, in bytes.
    at: usize,
}

/// What the colours of the letters depend on.
#[derive(PartialEq)]
struct Laid {
    rev: u64,
    theme: &'static str,
    size: f32,
}

/// How the pane is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// Size of the letters, points.
    pub size: f32,
    /// A plate behind each line, for what lies behind the code to be seen.
    pub plates: bool,
    /// Line numbers, errors and levels at the sides.
    pub gutter: bool,
}

/// The name under which the pane takes the keys.
pub fn id() -> Id {
    Id::unique("code")
}

impl CodePane {
    /// Shows it in all the room that is there.
    pub fn show(&mut self, ui: &mut Ui, see: &See<'_>, manner: Manner, wants: &mut Wanted, acts: &mut Vec<Act>) {
        if self.rev != see.rev {
            self.buffer.clear();
            self.buffer.push_str(see.text);
            self.rev = see.rev;
        }
        if wants.focus {
            ui.memory_mut(|memory| memory.request_focus(id()));
        }
        if wants.reveal || self.at != see.at {
            self.set_cursor(ui, see.at);
        }
        let focused = ui.memory(|memory| memory.has_focus(id()));
        let taken = focused && self.keys(ui, acts);
        let digits = see.text.matches('\n').count().max(9).to_string().len();
        let gutter = if manner.gutter { manner.size * (0.62 * digits as f32 + 1.6) } else { manner.size * 0.6 };
        let rev = self.rev;
        let laid = &mut self.laid;
        let mut layouter = |ui: &Ui, buffer: &dyn egui::TextBuffer, _: f32| {
            let now = Laid { rev, theme: see.theme.name, size: manner.size };
            let job = match laid {
                Some((key, job)) if *key == now && job.text == buffer.as_str() => job.clone(),
                _ => {
                    let job = job(buffer.as_str(), see, manner.size);
                    *laid = Some((now, job.clone()));
                    job
                }
            };
            ui.fonts_mut(|fonts| fonts.layout_job(job))
        };
        let scroll = egui::ScrollArea::both().id_salt("code scroll").auto_shrink(false).show(ui, |ui| {
            let behind = ui.painter().add(Shape::Noop);
            let top = ui.cursor().min;
            let output = ui
                .horizontal_top(|ui| {
                    ui.add_space(gutter);
                    egui::TextEdit::multiline(&mut self.buffer)
                        .id(id())
                        .font(FontId::new(manner.size, FontFamily::Monospace))
                        .frame(egui::Frame::NONE)
                        .margin(egui::Margin::symmetric(0, 6))
                        .desired_width(f32::INFINITY)
                        .desired_rows(4)
                        .lock_focus(true)
                        .layouter(&mut layouter)
                        .show(ui)
                })
                .inner;
            let response = &output.response.response;
            response.widget_info(|| {
                let mut info = egui::WidgetInfo::labeled(egui::Role::MultilineTextInput, true, "code");
                info.current_text_value = Some(see.text.to_string());
                info
            });
            let cursor = output.cursor_range.map(|range| byte(&self.buffer, range.primary.index.0));
            if response.changed() {
                acts.push(Act::Typed { text: self.buffer.clone(), at: cursor.unwrap_or(see.at) });
            } else if let Some(at) = cursor.filter(|at| *at != see.at && !wants.reveal) {
                acts.push(Act::Select { at, reveal: false });
            }
            self.at = cursor.unwrap_or(see.at);
            let sheet = Sheet { galley: &output.galley, origin: output.galley_pos, left: top.x, manner, see };
            let mut shapes = Vec::new();
            sheet.behind(ui, &mut shapes);
            ui.painter().set(behind, Shape::Vec(shapes));
            if manner.gutter {
                sheet.numbers(ui);
            }
            sheet.errors(ui);
            sheet.scopes(ui);
            let caret = sheet.place(see.at);
            if wants.reveal {
                ui.scroll_to_rect(caret.expand2(Vec2::new(40.0, 60.0)), None);
            }
            (response.changed(), caret)
        });
        let (changed, caret) = scroll.inner;
        self.offer(see, changed && !taken, wants.complete);
        if focused && !self.offers.is_empty() {
            self.popup(ui, see, caret, acts);
        }
        *wants = Wanted::default();
    }

    /// How many completions are offered.
    #[cfg(test)]
    pub fn offers(&self) -> usize {
        self.offers.len()
    }

    fn set_cursor(&mut self, ui: &Ui, at: usize) {
        let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id()).unwrap_or_default();
        let cursor = CCursor::new(chars(&self.buffer, at));
        state.cursor.set_char_range(Some(CCursorRange::one(cursor)));
        state.store(ui.ctx(), id());
        self.at = at;
    }

    /// Keys that the list of completions takes before the text gets them. True if one was taken.
    fn keys(&mut self, ui: &Ui, acts: &mut Vec<Act>) -> bool {
        if self.offers.is_empty() {
            return false;
        }
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let last = self.offers.len().min(OFFERS) - 1;
        if pressed(Key::Escape) {
            self.offers.clear();
        } else if pressed(Key::ArrowDown) {
            self.chosen = if self.chosen == last { 0 } else { self.chosen + 1 };
        } else if pressed(Key::ArrowUp) {
            self.chosen = self.chosen.checked_sub(1).unwrap_or(last);
        } else if pressed(Key::Tab) {
            self.take(self.chosen, acts);
        } else {
            return false;
        }
        true
    }

    fn take(&mut self, chosen: usize, acts: &mut Vec<Act>) {
        if let Some(offer) = self.offers.get(chosen) {
            let (from, to) = (offer.replace.start as usize, offer.replace.end as usize);
            if let (Some(head), Some(tail)) = (self.buffer.get(..from), self.buffer.get(to..)) {
                let text = format!("{head}{}{tail}", offer.insert);
                acts.push(Act::Typed { at: from + offer.insert.len(), text });
            }
        }
        self.offers.clear();
    }

    /// Completions after a letter of a word, or when they are asked for.
    fn offer(&mut self, see: &See<'_>, changed: bool, asked: bool) {
        if asked {
            self.offers = ide::complete(see.document, see.at);
            self.chosen = 0;
        } else if changed {
            let before = &self.buffer[..floor(&self.buffer, self.at)];
            let part = |(_, c): &(usize, char)| c.is_alphanumeric() || *c == '_';
            let start = before.char_indices().rev().take_while(part).last().map_or(before.len(), |(at, _)| at);
            let typed = &before[start..];
            self.offers.clear();
            if typed.chars().count() >= 2 && typed.starts_with(char::is_alphabetic) {
                // Of the text as it is with this letter, which the model has not read yet.
                let document = ide::Document::new("", &self.buffer);
                self.offers = ide::complete(&document, self.at);
                self.offers.retain(|offer| offer.insert != typed);
            }
            self.chosen = 0;
        } else if self
            .offers
            .first()
            .is_some_and(|offer| !(offer.replace.start as usize..=offer.replace.end as usize + 1).contains(&see.at))
        {
            self.offers.clear();
        }
        self.offers.truncate(OFFERS);
    }

    fn popup(&mut self, ui: &Ui, see: &See<'_>, caret: Rect, acts: &mut Vec<Act>) {
        let mut taken = None;
        let screen = ui.ctx().content_rect();
        let height = 24.0 * self.offers.len() as f32 + 12.0;
        let below = caret.max.y + height < screen.max.y;
        let y = if below { caret.max.y + 3.0 } else { caret.min.y - height - 3.0 };
        egui::Area::new(Id::unique("completions"))
            .order(egui::Order::Foreground)
            .fixed_pos(Pos2::new(caret.min.x, y))
            .show(ui.ctx(), |ui| {
                egui::Frame::popup(ui.style()).inner_margin(4).show(ui, |ui| {
                    ui.set_max_width(440.0);
                    for (i, offer) in self.offers.iter().enumerate() {
                        let mut job = LayoutJob::default();
                        let part = |colour| TextFormat::simple(FontId::monospace(13.0), colour);
                        job.append(&offer.label, 0.0, part(see.theme.text));
                        let detail = if offer.doc.is_empty() { &offer.detail } else { &offer.doc };
                        job.append(detail, 12.0, part(see.theme.weak));
                        job.wrap = egui::text::TextWrapping::truncate_at_width(430.0);
                        if ui.selectable_label(i == self.chosen, job).clicked() {
                            taken = Some(i);
                        }
                    }
                });
            });
        if let Some(taken) = taken {
            self.take(taken, acts);
        }
    }
}

/// The code as it stands, to be looked at: around the cursor, in all the room that is there.
pub fn mirror(ui: &mut Ui, see: &See<'_>, manner: Manner) {
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job(see.text, see, manner.size)));
    let caret = galley.pos_from_cursor(CCursor::new(chars(see.text, see.at)));
    let room = ui.max_rect();
    let most = (galley.size().y - room.height()).max(0.0);
    let origin = room.min - Vec2::new(0.0, (caret.center().y - room.height() / 2.0).clamp(0.0, most));
    let sheet = Sheet { galley: &galley, origin, left: room.min.x, manner, see };
    let mut shapes = Vec::new();
    sheet.behind(ui, &mut shapes);
    ui.painter().extend(shapes);
    ui.painter().galley(origin, galley.clone(), see.theme.text);
    sheet.errors(ui);
    let cursor = Rect::from_min_size(caret.min + origin.to_vec2(), Vec2::new(3.0, caret.height()));
    ui.painter().rect_filled(cursor, 0.0, see.theme.accent);
}

/// What is asked of the pane once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Takes the keys.
    pub focus: bool,
    /// Scrolls to the cursor.
    pub reveal: bool,
    /// Offers completions.
    pub complete: bool,
}

/// The letters as they lie.
struct Sheet<'a> {
    galley: &'a Galley,
    origin: Pos2,
    left: f32,
    manner: Manner,
    see: &'a See<'a>,
}

impl Sheet<'_> {
    /// Where a byte stands.
    fn place(&self, at: usize) -> Rect {
        let cursor = CCursor::new(chars(self.galley.text(), at));
        self.galley.pos_from_cursor(cursor).translate(self.origin.to_vec2())
    }

    /// The rows of the screen, top and bottom, with what is shown in them cut to the screen.
    fn rows(&self, ui: &Ui) -> impl Iterator<Item = (usize, Rect, &egui::epaint::text::PlacedRow)> {
        let clip = ui.clip_rect();
        let rows = self.galley.rows.iter().enumerate();
        rows.map(|(i, row)| (i, row.rect().translate(self.origin.to_vec2()), row))
            .skip_while(move |(_, rect, _)| rect.max.y < clip.min.y)
            .take_while(move |(_, rect, _)| rect.min.y <= clip.max.y)
    }

    /// The line of the cursor, what was evaluated, plates.
    fn behind(&self, ui: &Ui, shapes: &mut Vec<Shape>) {
        let (see, clip) = (self.see, ui.clip_rect());
        if self.manner.plates {
            let plate = see.theme.back.gamma_multiply(0.86);
            for (_, rect, row) in self.rows(ui).filter(|(_, _, row)| !row.text().trim().is_empty()) {
                let width = row.rect().width() + 12.0;
                let plated = Rect::from_min_size(rect.min - Vec2::new(6.0, 0.0), Vec2::new(width, rect.height()));
                shapes.push(Shape::rect_filled(plated, 2.0, plate));
            }
        }
        let caret = self.place(see.at);
        let line = Rect::from_x_y_ranges(self.left..=clip.max.x, caret.y_range());
        if !self.manner.plates {
            shapes.push(Shape::rect_filled(line, 0.0, see.theme.raised.gamma_multiply(0.55)));
        }
        for span in see.sounding {
            let (from, to) = (self.place(span.start), self.place(span.end));
            if from.max.y >= clip.min.y && from.min.y <= clip.max.y && from.min.y == to.min.y {
                let step = Rect::from_min_max(from.min, to.max).expand2(Vec2::new(1.5, -1.0));
                shapes.push(Shape::rect_filled(step, 3.0, see.theme.playing.gamma_multiply(0.34)));
            }
        }
        if let Some(flash) = see.flash.as_ref().filter(|_| !see.look.still) {
            let (top, bottom) = (self.place(flash.start), self.place(flash.end));
            let lit = Rect::from_x_y_ranges(self.left..=clip.max.x, top.min.y..=bottom.max.y);
            shapes.push(Shape::rect_filled(lit, 0.0, see.theme.accent.gamma_multiply(0.28)));
        }
    }

    /// Line numbers, errors and levels in the gutter.
    fn numbers(&self, ui: &Ui) {
        let see = self.see;
        let font = FontId::monospace(self.manner.size * 0.82);
        let (right, painter) = (self.origin.x - self.manner.size * 0.9, ui.painter());
        for (i, rect, _) in self.rows(ui) {
            let problem = see.problems.iter().filter(|problem| problem.line == i).min_by_key(|problem| !problem.error);
            let colour = match problem {
                Some(problem) if problem.error => see.theme.bad,
                Some(_) => see.theme.queued,
                None => see.theme.weak.gamma_multiply(0.8),
            };
            let at = Pos2::new(right, rect.center().y);
            painter.text(at, egui::Align2::RIGHT_CENTER, (i + 1).to_string(), font.clone(), colour);
            if let Some(problem) = problem {
                let mark =
                    Rect::from_center_size(Pos2::new(self.left + 4.0, rect.center().y), Vec2::new(3.0, rect.height()));
                painter.rect_filled(mark, 1.0, colour);
                let hover = Rect::from_x_y_ranges(self.left..=right, rect.y_range());
                let sense = ui.interact(hover, ui.scope_id().with(("problem", i)), egui::Sense::hover());
                sense.on_hover_text(format!("{} {}", problem.code, problem.message));
            }
        }
        for symbol in see.symbols {
            let Some(level) =
                see.feedback.levels.iter().find(|level| level.name == symbol.name && level.kind != OutKind::Master)
            else {
                continue;
            };
            let at = self.place(symbol.selection.start as usize);
            if at.max.y < ui.clip_rect().min.y || at.min.y > ui.clip_rect().max.y {
                continue;
            }
            let db = 20.0 * level.peak[0].max(level.peak[1]).max(1e-6).log10();
            let height = at.height() * 0.8;
            let full =
                Rect::from_min_size(Pos2::new(right + 4.0, at.center().y - height / 2.0), Vec2::new(3.0, height));
            let share = ((db + 48.0) / 48.0).clamp(0.0, 1.0);
            painter.rect_filled(full, 1.0, see.theme.raised);
            let bar = full.with_min_y(full.max.y - height * share);
            painter.rect_filled(bar, 1.0, see.theme.level(db));
        }
    }

    /// Behind the first line of what is selected, of what feeds it and of what it feeds: how it sounds now.
    fn scopes(&self, ui: &Ui) {
        let see = self.see;
        // Of several statements of one name the last one sounds.
        let named = |name: &str| see.symbols.iter().rev().find(|symbol| symbol.name == name);
        for watch in see.watched {
            let Some(symbol) = named(&watch.name) else { continue };
            let at = self.place(symbol.selection.start as usize).center().y;
            let Some((_, row, _)) = self.rows(ui).find(|(_, row, _)| row.y_range().contains(at)) else { continue };
            let size = Vec2::new(self.manner.size * SCOPE, row.height() - 2.0);
            let room = Rect::from_min_size(Pos2::new(row.max.x + self.manner.size, row.min.y + 1.0), size);
            // Where a line fills the pane there is no room; the inspector shows it as well.
            if room.max.x <= ui.clip_rect().max.x
                && let Some((points, _)) = monitor::wave(&watch.wave, room, room.width() as usize)
            {
                let colour = if watch.side == Side::Here { see.theme.accent } else { see.theme.playing };
                ui.painter().add(Shape::line(points, Stroke::new(1.0, colour.gamma_multiply(0.8))));
            }
        }
    }

    /// A wave under what is wrong.
    fn errors(&self, ui: &Ui) {
        for problem in self.see.problems {
            let colour = if problem.error { self.see.theme.bad } else { self.see.theme.queued };
            let end = problem.span.end.max(problem.span.start + 1);
            let (from, to) = (self.place(problem.span.start), self.place(end));
            // Only the first line of what goes over several.
            let right = if to.min.y > from.min.y {
                from.min.x + self.manner.size * 4.0
            } else {
                to.min.x.max(from.min.x + 6.0)
            };
            let y = from.max.y - 1.0;
            let steps = ((right - from.min.x) / 3.0).ceil() as usize;
            let point =
                |i: usize| Pos2::new(from.min.x + i as f32 * 3.0, if i.is_multiple_of(2) { y } else { y - 2.0 });
            let points: Vec<Pos2> = (0..=steps).map(point).collect();
            ui.painter().add(Shape::line(points, Stroke::new(1.2, colour)));
        }
    }
}

/// The text in its colours.
fn job(text: &str, see: &See<'_>, size: f32) -> LayoutJob {
    let mut job = LayoutJob { break_on_newline: true, ..LayoutJob::default() };
    job.wrap.max_width = f32::INFINITY;
    let format = |colour: Color32| TextFormat {
        line_height: Some((size * 1.42).round()),
        ..TextFormat::simple(FontId::monospace(size), colour)
    };
    let mut done = 0;
    // The letters that were typed in this frame are not read yet: marks are of the text before, and count as far as both agree.
    if see.document.text() == text {
        for mark in ide::highlight(see.document) {
            let (start, end) = (mark.span.start as usize, mark.span.end as usize);
            if start < done || text.get(done..start).is_none() || text.get(start..end).is_none() {
                continue;
            }
            job.append(&text[done..start], 0.0, format(see.theme.weak));
            job.append(&text[start..end], 0.0, format(see.theme.word(mark.class)));
            done = end;
        }
        job.append(&text[done..], 0.0, format(see.theme.weak));
    } else {
        job.append(text, 0.0, format(see.theme.text));
    }
    job
}

/// Characters before a byte.
fn chars(text: &str, at: usize) -> usize {
    text.get(..at).map_or_else(|| text.chars().count(), |before| before.chars().count())
}

/// The byte of a character.
fn byte(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
}
