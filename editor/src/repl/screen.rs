//! The last row of the terminal: beat, level, load, missed deadlines.
//!
//! The rows above become a scrolling region, so that lines are typed and printed there as always. The row is written over between saving and
//! restoring the cursor, in one write, some ten times a second. A terminal that cannot do this (`TERM=dumb`, a pipe) has no such row.

use crate::cli::status::{Reading, level, missed, position};
use crate::cli::terminal;
use std::time::{Duration, Instant};

/// How often the row is written.
const EVERY: Duration = Duration::from_millis(100);

/// The row.
pub struct Screen {
    size: Option<(u16, u16)>,
    due: Instant,
    peak: f32,
    shown: bool,
}

impl Screen {
    /// `shown`: not if the terminal belongs to somebody else.
    pub fn new(shown: bool) -> Screen {
        Screen { size: None, due: Instant::now(), peak: 0.0, shown: shown && terminal::rewritable() }
    }

    /// Writes the row, if it is time to.
    pub fn show(&mut self, reading: &Reading, beats_per_bar: f64, words: &str) {
        self.peak = self.peak.max(reading.peak);
        if !self.shown || Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + EVERY;
        let (rows, columns) = console::Term::stdout().size();
        if rows < 4 || columns < 20 {
            return;
        }
        let mut out = String::new();
        if self.size != Some((rows, columns)) {
            // A line feed in the last row makes room; the cursor then goes up, out of the row.
            if self.size.is_none() {
                out.push_str("\n\x1b[A");
            }
            out.push_str(&format!("\x1b7\x1b[1;{}r\x1b8", rows - 1));
            self.size = Some((rows, columns));
        }
        let (bar, beat) = position(reading.cycle, beats_per_bar);
        let text = format!(
            " {bar}.{beat}  [{}] {}  load {:.0}%{}  {words}",
            level(self.peak),
            terminal::decibels(self.peak),
            reading.load * 100.0,
            missed(reading.xruns)
        );
        let text: String = text.chars().take(columns as usize).collect();
        out.push_str(&format!("\x1b7\x1b[{rows};1H\x1b[7m\x1b[2K{text}\x1b[0m\x1b8"));
        self.peak = 0.0;
        // A terminal that went away ends the line editor, which ends all.
        let _ = terminal::print(&out);
    }

    /// Gives the row back.
    pub fn leave(&mut self) {
        if let Some((rows, _)) = self.size.take() {
            let _ = terminal::print(&format!("\x1b7\x1b[r\x1b[{rows};1H\x1b[2K\x1b8"));
        }
        self.shown = false;
    }
}
