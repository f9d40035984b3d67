//! The hex view.

use super::act::Act;
use super::model::See;
use egui::Ui;

/// The view's own state.
#[derive(Default)]
pub struct HexView {}

impl HexView {
    /// Takes the keys.
    pub fn focus(&mut self) {}

    /// Shows it in all the room that is there.
    pub fn show(&mut self, ui: &mut Ui, _see: &See<'_>, _acts: &mut Vec<Act>) {
        ui.label("the hex view");
    }
}
