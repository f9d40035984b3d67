//! The files of the piece above the code, where there is more than one.

use super::act::Act;
use super::model::See;
use egui::{RichText, Ui};

/// Shows them; a click opens one.
pub fn show(ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
    if see.tabs.len() < 2 {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.add_space(4.0);
        for tab in see.tabs {
            let unsaved = if tab.unsaved { " \u{2022}" } else { "" };
            let wrong = if tab.errors > 0 { format!("  {} wrong", tab.errors) } else { String::new() };
            let colour = match tab.errors {
                0 if tab.open => see.theme.text,
                0 => see.theme.weak,
                _ => see.theme.bad,
            };
            let row =
                ui.selectable_label(tab.open, RichText::new(format!("{}{unsaved}{wrong}", tab.name)).color(colour));
            let unsaved = if tab.unsaved { ", not saved" } else { "" };
            let row = row.on_hover_text(format!("{}{unsaved}; F12 goes to where a word is defined", tab.file));
            if row.clicked() {
                acts.push(Act::Open(tab.file.clone()));
            }
        }
    });
    ui.separator();
}
