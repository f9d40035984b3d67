//! What is selected, as it sounds: its wave, its spectrum, its level.
//!
//! A track, a bus and the whole can always be looked at; any other value once `scope('name')` stands behind it, which the hexes write
//! (`hex-monitor`). The wave begins where it rises through zero, so that a steady tone stands still, and is scaled to its peak.

use super::model::See;
use egui::{Align2, FontId, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};
use realfft::{RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Frames that are looked at.
pub const FRAMES: usize = 4096;
/// Frames of the wave that is drawn.
const SPAN: usize = 1024;
/// Softest level of the spectrum, dB.
const SOFTEST: f32 = -84.0;
/// Lowest frequency, hertz, and octaves above it.
const LOWEST: f32 = 25.0;
const OCTAVES: f32 = 9.5;

/// What the monitor keeps between frames.
#[derive(Default)]
pub struct Monitor {
    plan: Option<Arc<dyn RealToComplex<f32>>>,
    /// The look at the engine that the spectrum is of.
    number: u64,
    bins: Vec<f32>,
}

/// The points of a wave in a room, and its peak. Nothing where it is silent.
pub fn wave(frames: &[[f32; 2]], room: Rect, count: usize) -> Option<(Vec<Pos2>, f32)> {
    let mono = |frame: &[f32; 2]| (frame[0] + frame[1]) / 2.0;
    let free = frames.len().checked_sub(SPAN + 1)?;
    let rises = |i: &usize| mono(&frames[*i]) <= 0.0 && mono(&frames[*i + 1]) > 0.0;
    let start = (0..free).find(rises).unwrap_or(free);
    let part = &frames[start..start + SPAN];
    let peak = part.iter().map(|frame| mono(frame).abs()).fold(0.0, f32::max);
    if peak < 1e-5 {
        return None;
    }
    let point = |i: usize| {
        let x = i as f32 / (count - 1) as f32;
        let level = mono(&part[(i * (SPAN - 1)) / (count - 1)]) / peak;
        pos2(room.left() + x * room.width(), room.center().y - level * room.height() * 0.48)
    };
    Some(((0..count).map(point).collect(), peak))
}

impl Monitor {
    /// Shows wave, spectrum and level, if there is something to look at.
    pub fn show(&mut self, ui: &mut Ui, see: &See<'_>) {
        if see.wave.len() < FRAMES {
            return;
        }
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 64.0), Sense::hover());
        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 3.0, see.theme.back);
        painter.hline(rect.x_range(), rect.center().y, Stroke::new(1.0, see.theme.line));
        let told = match wave(see.wave, rect.shrink(2.0), 160) {
            Some((points, peak)) => {
                painter.add(Shape::line(points, Stroke::new(1.4, see.theme.accent)));
                format!("peak {:.1} dB", 20.0 * peak.log10())
            }
            None => "silent".to_string(),
        };
        let name = see.selected.unwrap_or("the selection");
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("wave of {name}, {told}")));
        painter.text(
            rect.right_top() + vec2(-4.0, 2.0),
            Align2::RIGHT_TOP,
            told,
            FontId::proportional(10.0),
            see.theme.weak,
        );
        ui.add_space(4.0);
        self.spectrum(ui, see, name);
    }

    fn spectrum(&mut self, ui: &mut Ui, see: &See<'_>, name: &str) {
        if self.number != see.feedback.number || self.bins.is_empty() {
            self.number = see.feedback.number;
            let plan = self.plan.get_or_insert_with(|| RealFftPlanner::<f32>::new().plan_fft_forward(FRAMES));
            let mono: Vec<f32> = see.wave.iter().map(|frame| (frame[0] + frame[1]) / 2.0).collect();
            self.bins = crate::cli::picture::spectrum(&mono, FRAMES / 2, plan.as_ref());
        }
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 72.0), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("spectrum of {name}")));
        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 3.0, see.theme.back);
        let rate = see.feedback.program.as_ref().map_or(48_000.0, |program| program.patch.sample_rate as f32);
        let room = rect.with_max_y(rect.bottom() - 12.0);
        let bin = |x: f32| (LOWEST * (OCTAVES * x).exp2() * FRAMES as f32 / rate) as usize;
        let count = (rect.width() / 2.0) as usize;
        let point = |i: usize| {
            let (from, to) = (bin(i as f32 / count as f32), bin((i + 1) as f32 / count as f32));
            let last = self.bins.len().saturating_sub(1);
            let bins = &self.bins[from.min(last)..=to.clamp(from, last)];
            let db = bins.iter().copied().fold(SOFTEST, f32::max);
            let share = ((db - SOFTEST) / -SOFTEST).clamp(0.0, 1.0);
            pos2(rect.left() + i as f32 * 2.0, room.bottom() - share * room.height())
        };
        if !self.bins.is_empty() {
            painter.add(Shape::line((0..count).map(point).collect(), Stroke::new(1.4, see.theme.playing)));
        }
        for (hz, label) in [(50.0, "50"), (200.0, "200"), (1000.0, "1k"), (5000.0, "5k")] {
            let x = rect.left() + rect.width() * (hz / LOWEST as f64).log2() as f32 / OCTAVES;
            painter.text(
                pos2(x, rect.bottom() - 1.0),
                Align2::CENTER_BOTTOM,
                label,
                FontId::proportional(8.5),
                see.theme.weak,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_tone_stands_still() {
        let tone = |shift: usize| -> Vec<[f32; 2]> {
            (0..FRAMES).map(|i| [((i + shift) as f32 * 0.05).sin() * 0.5; 2]).collect()
        };
        let room = Rect::from_min_size(Pos2::ZERO, vec2(100.0, 40.0));
        let (first, peak) = wave(&tone(0), room, 50).unwrap();
        let (second, _) = wave(&tone(37), room, 50).unwrap();
        assert!((peak - 0.5).abs() < 0.01);
        assert!(first.iter().zip(&second).all(|(a, b)| (a.y - b.y).abs() < 2.0), "{first:?}\n{second:?}");
        assert!(wave(&vec![[0.0; 2]; FRAMES], room, 50).is_none());
        assert!(wave(&[], room, 50).is_none());
    }
}
