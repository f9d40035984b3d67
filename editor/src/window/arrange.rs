//! The arrangement view.

use super::act::Act;
use super::model::See;
use egui::Ui;

/// Shows it in all the room that is there.
pub fn show(ui: &mut Ui, _see: &See<'_>, _acts: &mut Vec<Act>) {
    ui.label("the arrangement");
}
