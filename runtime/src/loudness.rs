//! How loud the whole is to ears, in LUFS: what is asked for where music is handed in, and what tells two sets apart that have the same peaks.
//!
//! The measure is that of ITU-R BS.1770-4 and EBU R 128: both sides through the K weighting, their power over 400 ms (*momentary*), over 3 s
//! (*short*), and over everything since the start without what is silent beside the rest (*whole*). It is worked out of the frames that
//! [`crate::preroll`] gets, on its thread, and left where whoever looks finds it.

use ebur128::{EbuR128, Mode};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Where there is nothing to measure, LUFS; the standard's absolute gate is -70.
pub const SILENT: f32 = -120.0;

/// A reading, LUFS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Over 400 ms.
    pub momentary: f32,
    /// Over 3 s.
    pub short: f32,
    /// Over all that was heard, gated.
    pub whole: f32,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading { momentary: SILENT, short: SILENT, whole: SILENT }
    }
}

/// Where the newest reading lies.
#[derive(Debug)]
pub struct Loudness([AtomicU32; 3]);

impl Default for Loudness {
    fn default() -> Loudness {
        Loudness(std::array::from_fn(|_| AtomicU32::new(SILENT.to_bits())))
    }
}

impl Loudness {
    /// The newest reading. Its three numbers may be of two moments that follow each other.
    pub fn read(&self) -> Reading {
        let [momentary, short, whole] = std::array::from_fn(|i| f32::from_bits(self.0[i].load(Relaxed)));
        Reading { momentary, short, whole }
    }

    fn show(&self, reading: Reading) {
        for (slot, value) in self.0.iter().zip([reading.momentary, reading.short, reading.whole]) {
            slot.store(value.to_bits(), Relaxed);
        }
    }
}

/// Hears the whole.
pub struct Ear {
    meter: Option<EbuR128>,
}

impl Ear {
    /// At a rate, frames per second. Rates that the standard's filters do not know are not measured.
    pub fn new(rate: u32) -> Ear {
        // A histogram for the whole: its memory does not grow in a night.
        Ear { meter: EbuR128::new(2, rate, Mode::I | Mode::S | Mode::M | Mode::HISTOGRAM).ok() }
    }

    /// Hears what comes next, and shows what it makes of it.
    pub fn hear(&mut self, frames: &[[f32; 2]], show: &Loudness) {
        let Some(meter) = &mut self.meter else { return };
        if frames.is_empty() || meter.add_frames_f32(frames.as_flattened()).is_err() {
            return;
        }
        let finite = |level: Result<f64, _>| level.map_or(SILENT, |level: f64| (level as f32).max(SILENT));
        show.show(Reading {
            momentary: finite(meter.loudness_momentary()),
            short: finite(meter.loudness_shortterm()),
            whole: finite(meter.loudness_global()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EBU Tech 3341, cases 1 to 3: a stereo sine of 1 kHz at so many dBFS is as loud in LUFS.
    #[test]
    fn a_tone_of_1_khz_is_as_loud_as_its_peak() {
        for rate in [44_100, 48_000] {
            let show = Loudness::default();
            let mut ear = Ear::new(rate);
            assert_eq!(show.read(), Reading::default());
            let tone = |db: f32, seconds: u32| -> Vec<[f32; 2]> {
                let x = |i: u32| (std::f32::consts::TAU * 1000.0 * (i % rate) as f32 / rate as f32).sin();
                (0..rate * seconds).map(|i| [x(i) * 10f32.powf(db / 20.0); 2]).collect()
            };
            // What is far below the rest does not count for the whole.
            for (db, seconds) in [(-36.0, 4), (-23.0, 12), (-36.0, 4)] {
                tone(db, seconds).chunks(480).for_each(|chunk| ear.hear(chunk, &show));
                let reading = show.read();
                assert!((reading.momentary - db).abs() < 0.1 && (reading.short - db).abs() < 0.1, "{reading:?}");
            }
            assert!((show.read().whole + 23.0).abs() < 0.1, "{:?}", show.read());
        }
    }
}
