//! What a frame of the window costs: `modurust bench --window`.
//!
//! The whole window is laid out and turned into triangles, as for a screen, without one: patches of 500 and of 2,000 hexes, the keys moving from
//! hex to hex, so that nothing but what is really kept between frames is reused. What a graphics card would do then is not in it.

use super::frame::{self, Parts};
use super::history::History;
use super::look::View;
use super::model::Model;
use super::player::Player;
use super::theme::Theme;
use crate::cli::{Failure, terminal};
use egui::{Context, Event, Key, Modifiers, Pos2, RawInput, Rect, vec2};
use modurust_runtime::command::{Command, Notice};
use modurust_runtime::feedback::Feedback;
use modurust_runtime::performance::Picture;
use std::sync::Arc;
use std::time::Instant;

/// Frames that are measured, and those before them that are not.
const FRAMES: usize = 240;
const WARM: usize = 30;

/// Nobody plays.
struct Nobody;

impl Player for Nobody {
    fn send(&mut self, _: Command) {}

    fn notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }

    fn feedback(&self) -> Arc<Feedback> {
        Arc::default()
    }

    fn picture(&self) -> Picture {
        Picture::default()
    }

    fn device(&self) -> String {
        "none".into()
    }
}

/// A tree of filters, each fed by another, with as many names.
fn patch(count: usize) -> String {
    let line = |i: usize| match i {
        0 => "n0 = saw(110hz)\n".to_string(),
        i => format!("n{i} = n{} >> lpf(1khz, q: 2)\n", (i - 1) / 2),
    };
    (0..count).map(line).collect()
}

/// The middle and the 95th of a hundred, milliseconds.
fn middle(times: &mut [f64]) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 95 / 100])
}

/// Prints a table.
pub(crate) fn run() -> Result<(), Failure> {
    let head = ["hexes", "read ms", "frame ms", "95 %", "triangles ms", "95 %", "with names ms", "95 %"];
    let mut rows = vec![head.map(str::to_string).to_vec()];
    for count in [500, 2_000] {
        let text = patch(count);
        let begin = Instant::now();
        let mut model = Model::new(Box::new(Nobody), "bench.modu", &text, "", History::open(None).0);
        model.look.view = View::Hex;
        let read = begin.elapsed().as_secs_f64() * 1e3;
        let (mut frames, mut triangles) = measure(&mut model, false);
        let (mut named, _) = measure(&mut model, true);
        let figures = [&mut frames, &mut triangles, &mut named].map(|times| middle(times));
        let mut row = vec![count.to_string(), format!("{read:.1}")];
        row.extend(figures.iter().flat_map(|(middle, high)| [format!("{middle:.2}"), format!("{high:.2}")]));
        rows.push(row);
    }
    terminal::print(&terminal::table(&rows))?;
    terminal::print("1920 by 1080, the whole window; `with names` is a frame while a reader of screens listens\n")
}

/// Times of frames, and of turning them into triangles, milliseconds.
fn measure(model: &mut Model, named: bool) -> (Vec<f64>, Vec<f64>) {
    let ctx = Context::default();
    Theme::letters(&ctx);
    if named {
        ctx.enable_accesskit();
    }
    model.wants.focus_view = true;
    let mut parts = Parts::default();
    let (mut frames, mut triangles) = (Vec::new(), Vec::new());
    for i in 0..WARM + FRAMES {
        let key = if (i / 12).is_multiple_of(2) { Key::ArrowDown } else { Key::ArrowRight };
        let press =
            |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE };
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1920.0, 1080.0))),
            time: Some(i as f64 / 60.0),
            events: vec![press(true), press(false)],
            ..RawInput::default()
        };
        let begin = Instant::now();
        let mut output = ctx.run_ui(input, |ui| frame::show(ui, model, &mut parts));
        // Nobody has a texture to bring up to date.
        output.textures_delta.clear();
        let laid = Instant::now();
        let meshes = ctx.tessellate(output.shapes, output.pixels_per_point);
        let done = Instant::now();
        std::hint::black_box(meshes);
        if i >= WARM {
            frames.push((laid - begin).as_secs_f64() * 1e3);
            triangles.push((done - laid).as_secs_f64() * 1e3);
        }
    }
    (frames, triangles)
}
