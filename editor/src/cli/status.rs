//! The transport as it runs: bar, beat, level, load.
//!
//! On a terminal one line is written over and over; elsewhere a line is added for every bar, so that a log shows time passing.

use super::Failure;
use super::terminal;
use std::time::{Duration, Instant};

/// How often the line is written over.
const EVERY: Duration = Duration::from_millis(50);
/// Cells of the level's bar, from -48 dB to 0 dB.
const CELLS: usize = 24;

/// What is shown.
pub struct Reading {
    /// Position in bars.
    pub cycle: f64,
    /// Largest sample of a thirtieth of a second.
    pub peak: f32,
    /// Counts these: one that is read twice counts once.
    pub number: u64,
    /// Share of the time that computing takes.
    pub load: f32,
    /// Deadlines missed.
    pub xruns: u64,
}

/// The line.
pub struct Status {
    shown: bool,
    rewrite: bool,
    dirty: bool,
    due: Instant,
    bar: Option<i64>,
    peak: f32,
    seen: u64,
    /// Beats in a bar.
    pub beats_per_bar: f64,
    /// The text has errors, and something older plays in part.
    pub stale: bool,
}

impl Status {
    /// `shown`: not if standard output is for something else.
    pub fn new(shown: bool) -> Status {
        Status {
            shown,
            rewrite: terminal::rewritable(),
            dirty: false,
            due: Instant::now(),
            bar: None,
            peak: 0.0,
            seen: 0,
            beats_per_bar: 4.0,
            stale: false,
        }
    }

    /// Shows a reading, if it is time to.
    pub fn show(&mut self, reading: &Reading) -> Result<(), Failure> {
        if reading.number != self.seen {
            (self.seen, self.peak) = (reading.number, self.peak.max(reading.peak));
        }
        let (bar, beat) = position(reading.cycle, self.beats_per_bar);
        if !self.shown {
            return Ok(());
        }
        if self.rewrite {
            if Instant::now() < self.due {
                return Ok(());
            }
            self.due = Instant::now() + EVERY;
            let stale = if self.stale { "  (with errors: what was good plays)" } else { "" };
            let line = format!(
                "\r\x1b[2K{bar:>4}.{beat}  [{}] {:>8}  load {:>3.0}%{}{stale}",
                level(self.peak),
                terminal::decibels(self.peak),
                reading.load * 100.0,
                missed(reading.xruns)
            );
            self.peak = 0.0;
            self.dirty = true;
            return terminal::print(&line);
        }
        if self.bar == Some(bar) {
            return Ok(());
        }
        let first = self.bar.is_none();
        self.bar = Some(bar);
        // Before the first sound there is no level yet.
        let heard = if first { String::new() } else { format!("  peak {}", terminal::decibels(self.peak)) };
        self.peak = 0.0;
        terminal::print(&format!("bar {bar}{heard}  load {:.0}%{}\n", reading.load * 100.0, missed(reading.xruns)))
    }

    /// Takes the line away, so that something else can be written.
    pub fn clear(&mut self) -> Result<(), Failure> {
        if std::mem::take(&mut self.dirty) { terminal::print("\r\x1b[2K") } else { Ok(()) }
    }
}

pub fn missed(xruns: u64) -> String {
    if xruns > 0 { format!("  missed {xruns}") } else { String::new() }
}

/// Bar and beat as musicians count, from 1.
pub fn position(cycle: f64, beats_per_bar: f64) -> (i64, i64) {
    let bar = cycle.floor();
    (bar as i64 + 1, ((cycle - bar) * beats_per_bar).floor() as i64 + 1)
}

/// A bar that is full at 0 dB.
pub fn level(peak: f32) -> String {
    let db = 20.0 * peak.max(1e-9).log10();
    let full = ((db + 48.0) / 48.0 * CELLS as f32).clamp(0.0, CELLS as f32) as usize;
    format!("{}{}", "#".repeat(full), " ".repeat(CELLS - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_beats_count_from_one() {
        assert_eq!(position(0.0, 4.0), (1, 1));
        assert_eq!(position(2.75, 4.0), (3, 4));
        assert_eq!(position(0.999, 3.5), (1, 4));
        assert_eq!(position(-0.25, 4.0), (0, 4));
    }

    #[test]
    fn the_level_fills_its_bar() {
        assert_eq!(level(0.0).trim(), "");
        assert_eq!(level(1.0), "#".repeat(CELLS));
        assert_eq!(level(2.0), "#".repeat(CELLS));
        assert_eq!(level(0.064).trim().len(), CELLS / 2);
    }
}
