//! The lines above and below the hexes: where one is and what the view can do, and what the keys do here.

use super::{HexView, Lines, Mode};
use crate::window::act::Act;
use crate::window::model::See;
use egui::{Align2, FontId, Rect, Role, Ui, WidgetInfo, vec2};

/// What the line below says of the keys on a hex.
const HINTS: [(&str, &str); 11] = [
    ("hex-enter", "inside"),
    ("hex-add", "node behind"),
    ("hex-write", "value"),
    ("hex-connect", "connect"),
    ("hex-more", "turn"),
    ("hex-rename", "name"),
    ("hex-find", "go to"),
    ("hex-extract", "extract"),
    ("hex-double", "double"),
    ("hex-bypass", "bypass"),
    ("hex-solo", "solo"),
];

impl HexView {
    /// The line above: where one is, and what the view can do.
    pub(super) fn head(&mut self, ui: &mut Ui, see: &See<'_>, rect: Rect, acts: &mut Vec<Act>) {
        ui.painter().rect_filled(rect, 0.0, see.theme.panel);
        let mut bar = ui.new_child(egui::UiBuilder::new().max_rect(rect.shrink2(vec2(8.0, 2.0))));
        bar.horizontal_centered(|ui| {
            let mut depth = None;
            let crumb = |ui: &mut Ui, text: &str, last: bool, name: String| {
                let text = egui::RichText::new(text).small();
                let text = if last { text.strong() } else { text.color(see.theme.weak) };
                let button = ui.add(egui::Button::new(text).frame(false));
                button.widget_info(|| WidgetInfo::labeled(Role::Button, true, name.clone()));
                button.clicked()
            };
            if crumb(ui, "patch", self.entered.is_empty(), "whole patch".into()) {
                depth = Some(0);
            }
            for (i, key) in self.entered.iter().enumerate() {
                ui.label(egui::RichText::new("\u{203a}").small().color(see.theme.weak));
                if crumb(ui, key, i + 1 == self.entered.len(), format!("inside {key}")) {
                    depth = Some(i + 1);
                }
            }
            if let Some(depth) = depth {
                while self.entered.len() > depth {
                    self.leave(see);
                }
                let place =
                    self.entered.last().map_or("the whole patch".to_string(), |key| format!("the inside of {key}"));
                acts.push(Act::Say(format!("this is {place}")));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let small = |text: &str| egui::Button::new(egui::RichText::new(text).small()).small();
                if ui.add(small("Tidy")).on_hover_text("Let the layout find a place for everything").clicked() {
                    self.tidy(see, acts);
                }
                if ui.add(small("Fit")).on_hover_text("Look at everything (0)").clicked() {
                    acts.push(Act::Say("all of it is looked at".into()));
                    self.fitted = false;
                }
                if ui.add(small("Add")).on_hover_text("A new node in this cell (Tab)").clicked() {
                    self.open_search(None);
                }
                let (word, next) = match self.lines {
                    Lines::All => ("Lines: all", Lines::Selection),
                    Lines::Selection => ("Lines: here", Lines::None),
                    Lines::None => ("Lines: none", Lines::All),
                };
                if ui.add(small(word)).on_hover_text("Which lines are drawn (w)").clicked() {
                    self.lines = next;
                    acts.push(Act::Say(format!("{} are drawn", next.drawn())));
                }
            });
        });
        ui.painter().hline(rect.x_range(), rect.bottom(), egui::Stroke::new(1.0, see.theme.line));
    }

    /// Forgets which cells hands have chosen in what is looked at.
    fn tidy(&mut self, see: &See<'_>, acts: &mut Vec<Act>) {
        let keys: Vec<String> = self.view.hexes.iter().map(|hex| hex.key.clone()).collect();
        for key in &keys {
            self.layout.place(key, None);
            self.kept.remove(key);
        }
        self.tell_layout("everything has found its place", acts);
        acts.push(Act::Say("everything has found its place".into()));
        self.look_again(see);
        self.fitted = false;
    }

    /// The line below: what the keys do here.
    pub(super) fn foot(&self, ui: &Ui, see: &See<'_>, rect: Rect) {
        ui.painter().rect_filled(rect, 0.0, see.theme.panel);
        let hint = match (&self.mode, self.at.get(&self.cursor)) {
            (Mode::Connect { from, choice }, at) => {
                let target = at.map(|i| self.target(*i, from, *choice));
                match target {
                    Some(Some((port, many))) => {
                        let other = if many > 1 { "   Tab another input" } else { "" };
                        let name = &self.view.hexes[at.copied().unwrap_or(0)].name;
                        format!("{from} \u{2192} {name}.{port}   Enter connect{other}   Esc leave it")
                    }
                    _ => format!("{from} \u{2192} \u{2026}   arrows to a hex, Enter connects, Esc leaves it"),
                }
            }
            (Mode::Rename { to, .. }, _) => format!("new name: {to}\u{2502}   Enter, Esc"),
            (Mode::Search(_), _) => "type, arrows, Enter   Esc leaves it".to_string(),
            (Mode::Write(_), _) => "type   Enter writes it   Tab writes it and goes on   Esc leaves it".to_string(),
            (Mode::Idle, None) => self.hints(
                see,
                &[("hex-add", "new node (or its first letter)"), ("hex-find", "go to"), ("hex-fit", "all")],
            ),
            (Mode::Idle, Some(_)) => self.hints(see, &HINTS),
        };
        let font = FontId::proportional(11.0);
        let galley = ui.painter().layout_no_wrap(hint, font, see.theme.weak);
        let painter = ui.painter_at(rect);
        let at = Align2::LEFT_CENTER.anchor_size(rect.left_center() + vec2(10.0, 0.0), galley.size());
        painter.galley(at.min, galley, see.theme.weak);
    }

    /// Keys and what they do, as far as they have some.
    fn hints(&self, see: &See<'_>, words: &[(&str, &str)]) -> String {
        let told = words.iter().filter_map(|(word, what)| Some(format!("{} {what}", see.keymap.keys_of(word)?)));
        told.collect::<Vec<_>>().join("   ")
    }
}
