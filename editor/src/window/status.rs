//! The line below: what was done last, what is wrong, and which keys would help.

use super::act::Act;
use super::model::{Model, See};
use egui::{Align, Layout, RichText, Ui};
use modurust_runtime::compiler::ide;

/// Shows the line.
pub fn show(ui: &mut Ui, see: &See<'_>, model: &Model, acts: &mut Vec<Act>) {
    ui.horizontal_centered(|ui| {
        let elsewhere = see.elsewhere.iter().map(|(_, problem)| problem);
        let errors = see.problems.iter().chain(elsewhere).filter(|problem| problem.error).count();
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(model.device()).color(see.theme.weak).small());
            ui.separator();
            let name =
                std::path::Path::new(model.file()).file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
            let saved = if model.unsaved() { "not saved" } else { "saved" };
            let colour = if model.unsaved() { see.theme.queued } else { see.theme.weak };
            ui.label(RichText::new(format!("{name}, {saved}")).color(colour).small());
            if see.text != see.running {
                let typed = RichText::new("typed, not yet played").color(see.theme.accent).small();
                if ui.selectable_label(false, typed).clicked() {
                    acts.push(Act::Word("evaluate-file"));
                }
            }
            if errors > 0 {
                let wrong = RichText::new(format!("{errors} wrong")).color(see.theme.bad);
                if ui.selectable_label(false, wrong).clicked() {
                    acts.push(Act::Word("next-error"));
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let (text, colour) = line(see, model);
                let job = {
                    let mut job =
                        egui::text::LayoutJob::simple_singleline(text, egui::FontId::proportional(13.5), colour);
                    job.wrap = egui::text::TextWrapping::truncate_at_width(ui.available_width());
                    job
                };
                let said = ui.add(egui::Label::new(job));
                // Readers of screens are told what changes here.
                ui.ctx().accesskit_node_builder(said.id, |node| node.set_live(egui::accesskit::Live::Polite));
            });
        });
    });
}

/// What was said last; if that was nothing, how the function is called that the cursor stands in.
fn line(see: &See<'_>, model: &Model) -> (String, egui::Color32) {
    let status = &model.status;
    if status.bad {
        return (status.text.clone(), see.theme.bad);
    }
    if !status.text.is_empty() {
        return (status.text.clone(), see.theme.text);
    }
    match ide::signature(see.document, see.at).into_iter().next() {
        Some(help) => (help.signature, see.theme.weak),
        None => ("Ctrl+Enter plays what is written, Ctrl+K finds everything, F1 has the keys".into(), see.theme.weak),
    }
}
