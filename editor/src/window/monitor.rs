//! What sounds around the selection, in six monitors: what is selected, up to three that feed it, and up to two that it feeds.
//!
//! A track, a bus and the whole can always be looked at; any other value once `scope('name')` stands behind it, which the hexes write
//! (`hex-monitor`). The wave begins where it rises through zero, so that a steady tone stands still, and is scaled to its peak. What is selected has its
//! wave and its spectrum; the others show their wave, their spectrum, or their level over three seconds, and a click goes there.

use super::act::Act;
use super::model::See;
use super::theme::Theme;
use egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use realfft::{RealFftPlanner, RealToComplex};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Frames that are looked at.
pub const FRAMES: usize = 4096;
/// Frames of the wave that is drawn.
const SPAN: usize = 1024;
/// Softest level of the spectrum, dB.
const SOFTEST: f32 = -84.0;
/// Softest level of the past, dB.
const QUIET: f32 = -60.0;
/// Lowest frequency, hertz, and octaves above it.
const LOWEST: f32 = 25.0;
const OCTAVES: f32 = 9.5;
/// Height of the monitors of what is around, points.
const SMALL: f32 = 46.0;

/// Where something stands seen from the selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// It feeds what is selected.
    In,
    /// It is selected.
    #[default]
    Here,
    /// It is fed by what is selected.
    Out,
}

/// Something that is looked at while it sounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// The statement.
    pub name: String,
    /// Where it stands.
    pub side: Side,
    /// Its last frames, oldest first.
    pub wave: Vec<[f32; 2]>,
    /// Its peaks, thirty a second, oldest first.
    pub past: VecDeque<f32>,
}

/// What the small monitors show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The wave.
    #[default]
    Wave,
    /// Levels by frequency.
    Spectrum,
    /// Levels of the last three seconds.
    Level,
}

impl Kind {
    fn word(self) -> &'static str {
        ["wave", "spectrum", "level"][self as usize]
    }

    fn next(self) -> Kind {
        match self {
            Kind::Wave => Kind::Spectrum,
            Kind::Spectrum => Kind::Level,
            Kind::Level => Kind::Wave,
        }
    }
}

/// What the monitor keeps between frames.
#[derive(Default)]
pub struct Monitor {
    plan: Option<Arc<dyn RealToComplex<f32>>>,
    /// The look at the engine that the spectra are of.
    number: u64,
    bins: BTreeMap<String, Vec<f32>>,
    kind: Kind,
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

/// A level in a few letters.
fn decibels(peak: f32) -> String {
    if peak < 1e-5 { "silent".to_string() } else { format!("{:.1} dB", 20.0 * peak.log10()) }
}

/// Smallest, largest and middle value of both sides together.
fn extent(frames: &[[f32; 2]]) -> Option<(f32, f32, f32)> {
    let mono = || frames.iter().map(|frame| (frame[0] + frame[1]) / 2.0);
    let (low, high) = mono().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(x), high.max(x)));
    (!frames.is_empty()).then(|| (low, high, mono().sum::<f32>() / frames.len() as f32))
}

fn plate(painter: &Painter, rect: Rect, theme: &Theme) {
    painter.rect_filled(rect, 3.0, theme.back);
}

fn wave_in(painter: &Painter, rect: Rect, theme: &Theme, frames: &[[f32; 2]], colour: Color32) {
    painter.hline(rect.x_range(), rect.center().y, Stroke::new(1.0, theme.line));
    if let Some((points, _)) = wave(frames, rect.shrink(2.0), (rect.width() as usize).clamp(40, 160)) {
        painter.add(Shape::line(points, Stroke::new(1.4, colour)));
    }
}

fn spectrum_in(painter: &Painter, rect: Rect, see: &See<'_>, bins: &[f32]) {
    let rate = see.feedback.program.as_ref().map_or(48_000.0, |program| program.patch.sample_rate as f32);
    let bin = |x: f32| (LOWEST * (OCTAVES * x).exp2() * FRAMES as f32 / rate) as usize;
    let count = (rect.width() / 2.0) as usize;
    let point = |i: usize| {
        let (from, to) = (bin(i as f32 / count as f32), bin((i + 1) as f32 / count as f32));
        let last = bins.len().saturating_sub(1);
        let db = bins[from.min(last)..=to.clamp(from, last)].iter().copied().fold(SOFTEST, f32::max);
        let share = ((db - SOFTEST) / -SOFTEST).clamp(0.0, 1.0);
        pos2(rect.left() + i as f32 * 2.0, rect.bottom() - share * rect.height())
    };
    if !bins.is_empty() {
        painter.add(Shape::line((0..count).map(point).collect(), Stroke::new(1.4, see.theme.playing)));
    }
}

fn past_in(painter: &Painter, rect: Rect, see: &See<'_>, past: &VecDeque<f32>) {
    let step = rect.width() / 90.0;
    for (i, peak) in past.iter().rev().enumerate() {
        let db = 20.0 * peak.max(1e-6).log10();
        let share = ((db - QUIET) / -QUIET).clamp(0.0, 1.0);
        let x = rect.right() - (i + 1) as f32 * step;
        let bar = Rect::from_min_max(pos2(x, rect.bottom() - share * rect.height()), pos2(x + step, rect.bottom()));
        painter.rect_filled(bar, 0.0, see.theme.level(db).gamma_multiply(0.8));
    }
}

impl Monitor {
    /// What the small ones show.
    #[cfg(test)]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Shows the selection and what is around it, if there is something to look at.
    pub fn show(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        if see.watched.iter().all(|watch| watch.wave.len() < FRAMES) {
            return;
        }
        if self.number != see.feedback.number {
            self.number = see.feedback.number;
            self.bins.clear();
        }
        for watch in see.watched.iter().filter(|watch| watch.side == Side::Here) {
            self.large(ui, see, watch);
        }
        let sides = [("feeds it", Side::In), ("fed by it", Side::Out)]
            .map(|(word, side)| (word, see.watched.iter().filter(|watch| watch.side == side).collect::<Vec<_>>()));
        if sides.iter().all(|(_, list)| list.is_empty()) {
            return;
        }
        let chosen = egui::RichText::new(format!("monitors: {}", self.kind.word())).small();
        if ui.button(chosen).on_hover_text("wave, spectrum, or level over three seconds").clicked() {
            self.kind = self.kind.next();
        }
        let width = (ui.available_width() - 6.0) / 2.0;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            for (word, list) in sides {
                ui.vertical(|ui| {
                    ui.set_width(width);
                    ui.label(egui::RichText::new(word).small().color(see.theme.weak));
                    list.into_iter().for_each(|watch| self.small(ui, see, watch, width, acts));
                });
            }
        });
    }

    /// Wave with its extent, and spectrum.
    fn large(&mut self, ui: &mut Ui, see: &See<'_>, watch: &Watch) {
        let theme = see.theme;
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 88.0), Sense::hover());
        let painter = ui.painter_at(rect);
        plate(&painter, rect, theme);
        let room = rect.with_min_y(rect.top() + 13.0).with_max_y(rect.bottom() - 13.0);
        wave_in(&painter, room, theme, &watch.wave, theme.accent);
        let told = decibels(wave(&watch.wave, rect, 40).map_or(0.0, |(_, peak)| peak));
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("wave of {}, peak {told}", watch.name)));
        let at = rect.right_top() + vec2(-4.0, 2.0);
        painter.text(at, Align2::RIGHT_TOP, format!("peak {told}"), FontId::proportional(10.0), theme.weak);
        if let Some((low, high, mean)) = extent(&watch.wave) {
            let said = format!("{low:.3} to {high:.3}, mean {mean:.3}");
            let at = rect.left_bottom() + vec2(4.0, -2.0);
            painter.text(at, Align2::LEFT_BOTTOM, said, FontId::proportional(9.0), theme.weak);
        }
        ui.add_space(4.0);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 72.0), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("spectrum of {}", watch.name)));
        let painter = ui.painter_at(rect);
        plate(&painter, rect, theme);
        let bins = self.spectrum(watch);
        spectrum_in(&painter, rect.with_max_y(rect.bottom() - 12.0), see, bins);
        for (hz, label) in [(50.0, "50"), (200.0, "200"), (1000.0, "1k"), (5000.0, "5k")] {
            let x = rect.left() + rect.width() * (hz / LOWEST as f64).log2() as f32 / OCTAVES;
            let at = pos2(x, rect.bottom() - 1.0);
            painter.text(at, Align2::CENTER_BOTTOM, label, FontId::proportional(8.5), theme.weak);
        }
        ui.add_space(4.0);
    }

    /// One of those around it; a click goes there.
    fn small(&mut self, ui: &mut Ui, see: &See<'_>, watch: &Watch, width: f32, acts: &mut Vec<Act>) {
        let theme = see.theme;
        let (rect, response) = ui.allocate_exact_size(vec2(width, SMALL), Sense::click());
        let peak = watch.past.back().copied().unwrap_or(0.0);
        let side = if watch.side == Side::In { "feeds the selection" } else { "fed by the selection" };
        let said = format!("{} of {}, {side}, {}", self.kind.word(), watch.name, decibels(peak));
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &said));
        let painter = ui.painter_at(rect);
        plate(&painter, rect, theme);
        let room = rect.with_min_y(rect.top() + 13.0).shrink2(vec2(1.0, 1.0));
        match self.kind {
            Kind::Wave => wave_in(&painter, room, theme, &watch.wave, theme.playing),
            Kind::Spectrum => spectrum_in(&painter, room, see, self.spectrum(watch)),
            Kind::Level => past_in(&painter, room, see, &watch.past),
        }
        if response.hovered() || response.has_focus() {
            painter.rect_stroke(rect, 3.0, Stroke::new(1.0, theme.accent), egui::StrokeKind::Inside);
        }
        let font = FontId::proportional(9.5);
        let level = painter.text(
            rect.right_top() + vec2(-3.0, 1.5),
            Align2::RIGHT_TOP,
            decibels(peak),
            font.clone(),
            theme.weak,
        );
        let mut job = egui::text::LayoutJob::simple_singleline(watch.name.clone(), font, theme.text);
        job.wrap = egui::text::TextWrapping::truncate_at_width((level.left() - rect.left() - 7.0).max(0.0));
        painter.galley(rect.left_top() + vec2(3.0, 1.5), painter.layout_job(job), theme.text);
        if response.clicked()
            && let Some(symbol) = see.symbols.iter().find(|symbol| symbol.name == watch.name)
        {
            acts.push(Act::Select { at: symbol.selection.start as usize, reveal: true });
        }
    }

    /// Levels by frequency, worked out once a look.
    fn spectrum(&mut self, watch: &Watch) -> &[f32] {
        if watch.wave.len() < FRAMES {
            return &[];
        }
        let plan = self.plan.get_or_insert_with(|| RealFftPlanner::<f32>::new().plan_fft_forward(FRAMES));
        self.bins.entry(watch.name.clone()).or_insert_with(|| {
            let mono: Vec<f32> = watch.wave.iter().map(|frame| (frame[0] + frame[1]) / 2.0).collect();
            crate::cli::picture::spectrum(&mono, FRAMES / 2, plan.as_ref())
        })
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
