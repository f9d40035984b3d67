//! The stage: large code over a dim picture of what sounds, for the projector.
//!
//! No paths, no menus, no numbers of the machine. Each line lies on a dark plate, so the code stands out of whatever moves behind it. The
//! picture is the spectrum of the whole as hexes of a ring; it follows the level slowly and never flashes.

use super::act::Act;
use super::code::{self, CodePane, Manner, Wanted};
use super::model::{Model, See};
use egui::{Align2, Color32, FontId, Frame, Mesh, Panel, Pos2, Rect, RichText, Shape, Ui, Vec2, vec2};

/// Size of the letters, points; `larger` and `smaller` scale it with everything else.
pub const LETTERS: f32 = 28.0;

/// Shows the stage.
pub fn show(ui: &mut Ui, see: &See<'_>, model: &Model, pane: &mut CodePane, wanted: &mut Wanted, acts: &mut Vec<Act>) {
    let bar = Frame::new().fill(see.theme.back).inner_margin(egui::Margin::symmetric(16, 8));
    Panel::bottom("stage status").frame(bar).resizable(false).show(ui, |ui| {
        ui.horizontal(|ui| {
            let feedback = see.feedback;
            let beats = feedback.program.as_ref().map_or(4.0, |program| program.timing.beats_per_bar.to_f64());
            let beat = (feedback.cycle.fract() * beats).floor() as i64 + 1;
            let said = format!("{}.{beat}   {:.0} bpm", feedback.cycle.floor() as i64 + 1, feedback.bpm);
            ui.label(RichText::new(said).monospace().size(20.0).color(see.theme.weak));
            let status = &model.status;
            if status.bad {
                // Short and without a path: the room reads it too.
                let short: String = status.text.chars().take(90).collect();
                ui.label(RichText::new(short).size(18.0).color(see.theme.bad));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let quiet = |text: &str| egui::Button::new(RichText::new(text).size(16.0));
                if ui.add(quiet("panic")).clicked() {
                    acts.push(Act::Word("panic"));
                }
                if ui.add(quiet("hush")).clicked() {
                    acts.push(Act::Word("hush"));
                }
                if ui.add(quiet("leave")).on_hover_text("leave the stage").clicked() {
                    acts.push(Act::Word("stage"));
                }
            });
        });
    });
    egui::CentralPanel::default().frame(Frame::new().fill(see.theme.back)).show(ui, |ui| {
        picture(ui, see);
        let room = ui.max_rect().shrink2(vec2(24.0, 18.0));
        ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| {
            let manner = Manner { size: LETTERS, plates: true, gutter: false };
            pane.show(ui, see, manner, wanted, acts);
        });
    });
}

/// The stage in a window of its own: for the projector, while this one keeps everything else. It is looked at and not typed into.
pub fn second(ctx: &egui::Context, see: &See<'_>, acts: &mut Vec<Act>) {
    let builder = egui::ViewportBuilder::default().with_title("Modurust: stage").with_inner_size([1280.0, 720.0]);
    ctx.show_viewport_immediate(egui::ViewportId::from_hash_of("stage"), builder, |ui, _| {
        if ui.input(|input| input.viewport().close_requested()) {
            acts.push(Act::Word("second-window"));
        }
        egui::CentralPanel::default().frame(Frame::new().fill(see.theme.back)).show(ui, |ui| {
            picture(ui, see);
            let room = ui.max_rect().shrink2(vec2(24.0, 18.0));
            ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| {
                code::mirror(ui, see, Manner { size: LETTERS, plates: true, gutter: false });
            });
        });
    });
}

/// The spectrum as rings of hexes around the middle of the right half.
pub fn picture(ui: &Ui, see: &See<'_>) {
    let room = ui.max_rect();
    let centre = Pos2::new(room.min.x + room.width() * 0.68, room.center().y);
    let size = room.height().min(room.width()) / 19.0;
    let bands = &see.feedback.spectrum;
    let mut mesh = Mesh::default();
    for (i, band) in bands.iter().enumerate() {
        // From the middle outwards, low to high, around and around.
        let ring = 1 + i / 8;
        let turn = std::f32::consts::TAU * ((i % 8) as f32 / 8.0 + ring as f32 * 0.07);
        let at = centre + Vec2::angled(turn) * size * 2.1 * ring as f32;
        let loud = ((band + 72.0) / 72.0).clamp(0.0, 1.0);
        let colour = see.theme.category(i * 7 / bands.len().max(1)).gamma_multiply(0.06 + 0.30 * loud);
        hex(&mut mesh, at, size * (0.55 + 0.45 * loud), colour);
    }
    if mesh.is_empty() {
        let silent = Rect::from_center_size(centre, Vec2::splat(size * 2.0));
        hex(&mut mesh, silent.center(), size, see.theme.raised);
    }
    ui.painter().add(Shape::mesh(mesh));
    let name = see.feedback.scene.as_deref().unwrap_or("");
    ui.painter().text(
        room.right_top() + vec2(-20.0, 16.0),
        Align2::RIGHT_TOP,
        name,
        FontId::proportional(22.0),
        see.theme.weak,
    );
}

fn hex(mesh: &mut Mesh, at: Pos2, size: f32, colour: Color32) {
    let first = mesh.vertices.len() as u32;
    mesh.colored_vertex(at, colour);
    for corner in 0..6 {
        let turn = std::f32::consts::TAU * corner as f32 / 6.0;
        mesh.colored_vertex(at + Vec2::angled(turn) * size, colour);
    }
    for corner in 0..6u32 {
        mesh.add_triangle(first, first + 1 + corner, first + 1 + (corner + 1) % 6);
    }
}
