//! What stands around the view: browser, inspector, history, mixer, help.

use super::act::Act;
use super::frame::help_lines;
use super::model::See;
use egui::{Align, Layout, RichText, ScrollArea, Ui};
use modurust_runtime::compiler::ide::topic::{self, PRIMITIVES, Topic};
use modurust_runtime::compiler::ide::{self, Symbol};
use modurust_runtime::compiler::lang::edit::{Edit, Splice};

/// Escapes this close together, in seconds, are panic.
const THRICE: f64 = 0.9;

/// What the panels remember.
#[derive(Default)]
pub struct Panels {
    filter: String,
    words: String,
    escapes: Vec<f64>,
    mixer: super::mixer::Mixer,
    monitor: super::monitor::Monitor,
    compared: Option<u64>,
    #[cfg(test)]
    fault: bool,
}

impl Panels {
    /// What a control may change here.
    #[cfg(test)]
    pub fn remembered(&self) -> String {
        format!("{:?}", (self.compared, &self.filter, self.monitor.kind()))
    }

    /// Fails when the inspector is drawn.
    #[cfg(test)]
    pub fn with_fault() -> Panels {
        Panels { fault: true, ..Panels::default() }
    }

    /// Counts an Escape; true for the third of a moment.
    pub fn escaped(&mut self, now: f64) -> bool {
        self.escapes.retain(|at| now - at < THRICE);
        self.escapes.push(now);
        if self.escapes.len() >= 3 {
            self.escapes.clear();
            return true;
        }
        false
    }

    /// The outline of the text, and all that can be written.
    pub fn browser(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        heading(ui, see, "Outline");
        ScrollArea::vertical()
            .id_salt("outline")
            .max_height(ui.available_height() * 0.45)
            .auto_shrink([false, true])
            .show(ui, |ui| {
                for symbol in see.symbols {
                    outline(ui, see, symbol, acts);
                }
            });
        ui.add_space(6.0);
        heading(ui, see, "Library");
        let field = egui::TextEdit::singleline(&mut self.filter).hint_text("filter").desired_width(f32::INFINITY);
        ui.add(field).widget_info(|| egui::WidgetInfo::labeled(egui::Role::SearchInput, true, "filter the library"));
        ScrollArea::vertical().id_salt("library").auto_shrink(false).show(ui, |ui| {
            let wanted = self.filter.trim().to_lowercase();
            let fits = |topic: &&Topic| {
                topic.category != PRIMITIVES
                    && (wanted.is_empty()
                        || topic.name.contains(&wanted)
                        || topic.summary.to_lowercase().contains(&wanted))
            };
            let mut last = "";
            for topic in topic::all().iter().filter(fits) {
                if topic.category != last {
                    last = &topic.category;
                    ui.add_space(4.0);
                    ui.label(RichText::new(last).small().color(see.theme.weak));
                }
                let row = ui
                    .selectable_label(false, &topic.name)
                    .on_hover_text(format!("{}\n\n{}", topic.signature, topic.summary));
                row.dnd_set_drag_payload(topic.name.clone());
                if row.clicked() {
                    let text = topic.name.clone();
                    let edit = Edit { splices: vec![Splice { range: see.at..see.at, text }] };
                    if let Some(text) = edit.apply(see.text) {
                        acts.push(Act::Typed { at: see.at + topic.name.len(), text });
                    }
                }
            }
        });
    }

    /// What is selected: what it is, how it is called, its numbers.
    pub fn inspector(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        #[cfg(test)]
        assert!(!self.fault, "planted");
        ScrollArea::vertical().id_salt("inspector").auto_shrink(false).show(ui, |ui| {
            let name = see.selected.unwrap_or("nothing selected");
            heading(ui, see, name);
            // Of the name, also where the cursor stands on the word before it.
            let symbol = see.symbols.iter().find(|symbol| Some(symbol.name.as_str()) == see.selected);
            let first = symbol.map(|symbol| symbol.selection.start as usize).filter(|start| see.at < *start);
            if let Some(hover) = ide::hover(see.document, first.unwrap_or(see.at)) {
                ui.label(
                    // Written for editors that read Markdown: its fences are left out.
                    RichText::new(
                        hover.text.lines().filter(|l| !l.starts_with("```")).take(14).collect::<Vec<_>>().join("\n"),
                    )
                    .small()
                    .color(see.theme.weak),
                );
            }
            let Some(program) = &see.feedback.program else { return };
            let Some(selected) = see.selected else { return };
            ui.add_space(6.0);
            self.monitor.show(ui, see, acts);
            let prefix = format!("{selected}.");
            let knobs = program.knobs.iter().filter(|knob| *knob.name == *selected || knob.name.starts_with(&prefix));
            let mut any = false;
            for knob in knobs {
                any = true;
                let Some(now) = see.overlay.get(&*knob.name).copied().or_else(|| see.feedback.value(&knob.name)) else {
                    continue;
                };
                super::mixer::knob(ui, see, knob, now, acts);
            }
            if any && !see.overlay.is_empty() {
                ui.add_space(6.0);
                if ui.button("Bake").on_hover_text("writes what was moved into the text (Ctrl+B)").clicked() {
                    acts.push(Act::Word("bake"));
                }
            }
            ui.add_space(8.0);
            super::mixer::spectrum(ui, see);
        });
    }

    /// Every text that played, the newest first; what differs from what plays.
    pub fn history(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        heading(ui, see, "History");
        let field = egui::TextEdit::singleline(&mut self.words).hint_text("filter").desired_width(f32::INFINITY);
        ui.add(field).widget_info(|| egui::WidgetInfo::labeled(egui::Role::SearchInput, true, "filter the history"));
        let head = see.history.head().map(|commit| commit.id);
        let compared = self.compared.filter(|id| Some(*id) != head);
        let height = ui.available_height() * if compared.is_some() { 0.6 } else { 1.0 };
        ScrollArea::vertical().id_salt("commits").max_height(height).auto_shrink(false).show(ui, |ui| {
            for commit in see.history.commits().rev().filter(|commit| commit.say.contains(self.words.trim())).take(400)
            {
                let now = Some(commit.id) == head;
                let fork = if see.history.children(commit.id) > 1 { " ├" } else { "" };
                let slots: String = (0..8)
                    .filter(|slot| see.history.slot(*slot).is_some_and(|held| held.id == commit.id))
                    .map(|slot| (b'A' + slot as u8) as char)
                    .collect();
                let sign = if now { "●" } else { "○" };
                let said = format!("{sign} {}{fork} {slots}  {}", commit.id, commit.say);
                let colour = if now { see.theme.playing } else { see.theme.text };
                let row = ui.selectable_label(now, RichText::new(said).color(colour));
                let row = row
                    .on_hover_text(format!("bar {:.1}; a click shows what differs, two go there", commit.cycle + 1.0));
                if row.double_clicked() {
                    acts.push(Act::Go(commit.id));
                } else if row.clicked() {
                    self.compared = Some(commit.id);
                }
            }
        });
        if let Some(commit) = compared.and_then(|id| see.history.get(id)) {
            ui.separator();
            ui.horizontal(|ui| {
                ui.label(RichText::new(format!("{} against now", commit.id)).small().color(see.theme.weak));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if ui.button("Go").clicked() {
                        acts.push(Act::Go(commit.id));
                    }
                });
            });
            ScrollArea::both().id_salt("difference").auto_shrink(false).show(ui, |ui| {
                for line in crate::repl::buffer::difference(see.running, &commit.text).lines() {
                    let colour = if line.starts_with('+') { see.theme.playing } else { see.theme.bad };
                    ui.label(RichText::new(line).monospace().size(12.0).color(colour));
                }
            });
        }
    }

    /// The mixer.
    pub fn mixer(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        self.mixer.show(ui, see, acts);
    }
}

fn heading(ui: &mut Ui, see: &See<'_>, words: &str) {
    ui.label(RichText::new(words).size(14.0).strong().color(see.theme.text));
    ui.add_space(2.0);
}

fn outline(ui: &mut Ui, see: &See<'_>, symbol: &Symbol, acts: &mut Vec<Act>) {
    let chosen = see.selected == Some(&symbol.name);
    let kind = symbol.detail.split('(').next().unwrap_or("").to_string();
    let row = ui.selectable_label(chosen, &symbol.name).on_hover_text(if symbol.detail.is_empty() {
        kind
    } else {
        symbol.detail.clone()
    });
    if row.clicked() {
        acts.push(Act::Select { at: symbol.selection.start as usize, reveal: true });
    }
}

/// All keys and commands; a click carries one out.
pub fn help(ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
    heading(ui, see, "Keys and commands");
    ScrollArea::vertical().id_salt("help").auto_shrink(false).show(ui, |ui| {
        for (keys, name, doc) in help_lines(see) {
            let row = ui.selectable_label(false, RichText::new(name).color(see.theme.text)).on_hover_text(doc);
            if row.clicked() {
                acts.push(Act::Word(name));
            }
            ui.label(RichText::new(format!("{keys}  {doc}")).small().color(see.theme.weak));
        }
    });
}
