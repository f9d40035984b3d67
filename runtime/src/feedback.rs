//! How everything stands, thirty times a second: for status lines, for what listens by OSC, for windows.
//!
//! The audio side writes atomics and nothing else. The thread of the session reads them, puts the names of the program that plays to
//! them, and publishes a [`Feedback`], whole and unchanging; whoever looks gets the newest one and never waits, however many look.
//! Peaks are those since the one before, so whoever adds them up must see every [`Feedback::number`] once.

use crate::device::{DeviceStats, Gauge};
use crate::loudness;
use crate::performance::Picture;
use crate::scope::FRAMES;
use crate::swap::Control;
use arc_swap::ArcSwap;
use modurust_compiler::graph::OutKind;
use modurust_compiler::program::Program;
use modurust_compiler::score::timeline::Timeline;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::f32::consts::TAU;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a new one comes.
pub const EVERY: Duration = Duration::from_micros(33_333);
/// Bands of the spectrum: thirds of octaves around 20 Hz to 20 kHz.
pub const BANDS: usize = 31;
/// Level of a band in which there is nothing, dB.
pub const FLOOR: f32 = -120.0;
/// Frames of a spectrum.
const WINDOW: usize = 4096;
const _: () = assert!(WINDOW <= FRAMES);

/// How loud an output is.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The number of the output.
    pub out: usize,
    /// What it is for.
    pub kind: OutKind,
    /// The track or bus, or the name of a `scope`.
    pub name: String,
    /// Largest absolute sample since the feedback before, left and right.
    pub peak: [f32; 2],
    /// Root of the mean square of the last 50 ms or so.
    pub rms: [f32; 2],
}

/// What a track with clips plays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clips {
    /// The track.
    pub track: String,
    /// The clip that plays.
    pub playing: Option<String>,
    /// What waits to be launched; `Some(None)` is a stop.
    pub queued: Option<Option<String>>,
}

/// How everything stands.
#[derive(Clone, Default)]
pub struct Feedback {
    /// Counts from 1; 0 is before the first.
    pub number: u64,
    /// The next frame to be computed.
    pub frame: u64,
    /// Position in bars, from 0.
    pub cycle: f64,
    /// Beats per minute of now.
    pub bpm: f64,
    /// Time goes on.
    pub playing: bool,
    /// Every output that sounds.
    pub levels: Vec<Level>,
    /// The whole by thirds of octaves, dB of full scale.
    pub spectrum: Vec<f32>,
    /// How loud the whole is to ears.
    pub loudness: loudness::Reading,
    /// The program that plays.
    pub program: Option<Program>,
    /// Where its parameters stand, in its order.
    pub values: Vec<f32>,
    /// Tracks with clips.
    pub clips: Vec<Clips>,
    /// The scene that was launched last.
    pub scene: Option<String>,
    /// The song that plays.
    pub song: Option<String>,
    /// Load and missed deadlines.
    pub device: DeviceStats,
    /// Gain of the safety limiter, 0..1.
    pub limiter: f32,
    /// Events that found no room, since the start.
    pub lost: u64,
}

impl Feedback {
    /// Where a parameter stands.
    pub fn value(&self, name: &str) -> Option<f32> {
        let params = &self.program.as_ref()?.patch.graph.params;
        let at = params.iter().position(|param| *param.name == *name)?;
        self.values.get(at).copied()
    }

    /// How loud a strip is; `master` is the whole.
    pub fn level(&self, strip: &str) -> Option<&Level> {
        let kind = if strip == "master" { OutKind::Master } else { OutKind::Track };
        self.levels.iter().find(|level| level.kind == kind && (kind == OutKind::Master || level.name == strip))
    }

    /// The largest sample of the whole since the feedback before.
    pub fn peak(&self) -> f32 {
        self.level("master").map_or(0.0, |level| level.peak[0].max(level.peak[1]))
    }
}

/// Looks and publishes, on the thread of the session.
pub(crate) struct Observer {
    store: Arc<ArcSwap<Feedback>>,
    device: Arc<Mutex<Option<Gauge>>>,
    due: Instant,
    number: u64,
    spectrum: Spectrum,
}

impl Observer {
    /// Nothing was seen yet. Load comes from the device, once there is one.
    pub fn new(device: Arc<Mutex<Option<Gauge>>>) -> Observer {
        let store = Arc::new(ArcSwap::from_pointee(Feedback::default()));
        Observer { store, device, due: Instant::now(), number: 0, spectrum: Spectrum::new() }
    }

    /// Where the newest lies.
    pub fn store(&self) -> Arc<ArcSwap<Feedback>> {
        Arc::clone(&self.store)
    }

    /// True if it is time to look.
    pub fn due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// Looks. `timeline` is of the program that plays, and `picture` speaks in its numbers.
    pub fn look(&mut self, control: &Control, timeline: &Timeline, picture: &Picture) {
        let now = Instant::now();
        self.due = (self.due + EVERY).max(now);
        self.number += 1;
        let (program, epoch) = control.playing();
        let meters = control.meters();
        if self.number == 1 {
            meters.heard.open(0);
        }
        let rate = program.patch.sample_rate;
        let outs = program.patch.graph.outs.iter().enumerate();
        // Meters of another program have other numbers.
        let current = meters.epoch.load(Relaxed) == epoch;
        let outs = outs.filter(|(_, out)| current && out.kind.is_heard());
        let levels = outs.map(|(i, out)| {
            let reading = meters.take(i);
            Level { out: i, kind: out.kind, name: out.name.to_string(), peak: reading.peak, rms: reading.rms }
        });
        let clips = timeline.sets.iter().zip(0..).map(|(set, i)| {
            let view = picture.sets.get(i as usize).copied().unwrap_or_default();
            let name = |clip: u32| set.clips.get(clip as usize).map(|clip| clip.name.clone());
            let track = if set.strip.is_empty() { &set.binding } else { &set.strip };
            Clips {
                track: track.clone(),
                playing: view.playing.and_then(name),
                queued: view.queued.map(|(clip, _)| clip.and_then(name)),
            }
        });
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Gauge::stats);
        let feedback = Feedback {
            number: self.number,
            frame: meters.frame.load(Relaxed),
            cycle: meters.cycle(),
            bpm: meters.bpm(rate),
            playing: meters.playing(),
            levels: levels.collect(),
            spectrum: self.spectrum.bands(&meters.heard.read(WINDOW), rate),
            loudness: meters.loudness.read(),
            program: Some(program.clone()),
            values: control.values().collect(),
            clips: clips.collect(),
            scene: picture.scene.and_then(|i| timeline.scenes.get(i as usize)).map(|scene| scene.name.clone()),
            song: picture.song.and_then(|i| timeline.arrangements.get(i as usize)).map(|song| song.name.clone()),
            device: device.unwrap_or_default(),
            limiter: meters.limiter_gain(),
            lost: meters.lost.load(Relaxed),
        };
        self.store.store(Arc::new(feedback));
    }
}

/// A Fourier transform and what it needs.
struct Spectrum {
    plan: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    sound: Vec<f32>,
    bins: Vec<Complex<f32>>,
}

impl Spectrum {
    fn new() -> Spectrum {
        let plan = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
        let hann = |i: usize| 0.5 - 0.5 * (TAU * i as f32 / WINDOW as f32).cos();
        let window = (0..WINDOW).map(hann).collect();
        Spectrum { sound: plan.make_input_vec(), bins: plan.make_output_vec(), plan, window }
    }

    /// Levels of both sides together by thirds of octaves, dB: a full-scale sine is 0 dB in its band.
    fn bands(&mut self, frames: &[[f32; 2]], rate: u32) -> Vec<f32> {
        if frames.len() < WINDOW {
            return vec![FLOOR; BANDS];
        }
        for ((to, frame), window) in self.sound.iter_mut().zip(frames).zip(&self.window) {
            *to = (frame[0] + frame[1]) / 2.0 * window;
        }
        if self.plan.process(&mut self.sound, &mut self.bins).is_err() {
            return vec![FLOOR; BANDS];
        }
        // A sine's energy lies in the bins around it: their sum is (N / 4)^2 by the window's sum, times its 1.5 bins of noise bandwidth.
        let full = 1.5 * (WINDOW as f32 / 4.0).powi(2);
        let hertz = rate as f32 / WINDOW as f32;
        let band = |i: usize| {
            let centre = 1000.0 * ((i as f32 - 17.0) / 3.0).exp2();
            let edge = |up: f32| ((centre * (up / 6.0).exp2() / hertz).round() as usize).min(self.bins.len());
            let (from, to) = (edge(-1.0), edge(1.0));
            let bins = self.bins.get(from..to.max(from + 1)).unwrap_or(&[]);
            let energy: f32 = bins.iter().map(|bin| bin.norm_sqr()).sum();
            (10.0 * (energy / full).max(1e-12).log10()).max(FLOOR)
        };
        (0..BANDS).map(band).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_stands_in_its_band() {
        let mut spectrum = Spectrum::new();
        let tone =
            |hz: f32| -> Vec<[f32; 2]> { (0..WINDOW).map(|i| [(TAU * hz * i as f32 / 48_000.0).sin(); 2]).collect() };
        for (hz, band) in [(1000.0, 17), (100.0, 7), (10_000.0, 27)] {
            let bands = spectrum.bands(&tone(hz), 48_000);
            let loudest = (0..BANDS).max_by(|a, b| bands[*a].total_cmp(&bands[*b])).unwrap();
            assert_eq!(loudest, band, "{hz} Hz: {bands:?}");
            assert!(bands[band].abs() < 1.5, "{hz} Hz: {}", bands[band]);
            assert!(bands[(band + 8) % BANDS] < -40.0, "{hz} Hz: {bands:?}");
        }
        assert_eq!(spectrum.bands(&[], 48_000), vec![FLOOR; BANDS]);
    }
}
