//! `:scope`: levels, and the wave or the spectrum of an output or of a name inside of a binding, drawn in braille.
//!
//! A cell of braille has two dots side by side and four above each other, so a picture of 72 by 8 cells has 144 by 32 dots. A wave begins
//! where it rises through zero, so that a steady tone stands still; it is scaled to its peak, which is written beside it. A spectrum goes
//! up in octaves from 20 Hz, and down to 90 dB below full scale.

use super::inside;
use super::live::Live;
use crate::cli::picture::{WINDOW, spectrum};
use crate::cli::terminal;
use realfft::RealFftPlanner;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long levels are looked at.
const LOOK: Duration = Duration::from_millis(300);
/// Longest wait until an edit is let in: a slow bar.
const BARS: Duration = Duration::from_secs(8);
/// Longest wait for the frames of a picture.
const PATIENCE: Duration = Duration::from_secs(1);
/// Cells of a level's bar.
const CELLS: usize = 24;
/// Cells of a picture.
const COLUMNS: usize = 72;
const ROWS: usize = 8;
/// Seconds in a picture of a wave.
const SPAN: f32 = 0.02;
const FLOOR: f32 = -90.0;
const LOWEST: f32 = 20.0;

/// Dots, two by four to a character.
struct Dots {
    bits: Vec<[u8; COLUMNS]>,
}

impl Dots {
    fn new() -> Dots {
        Dots { bits: vec![[0; COLUMNS]; ROWS] }
    }

    /// A column of dots from one row to another, counted from the top.
    fn line(&mut self, x: usize, from: usize, to: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        for y in from.min(to)..=from.max(to) {
            if let Some(cell) = self.bits.get_mut(y / 4).and_then(|row| row.get_mut(x / 2)) {
                *cell |= BITS[y % 4][x % 2];
            }
        }
    }

    fn rows(&self) -> impl Iterator<Item = String> + '_ {
        let glyph = |bits: &u8| char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ');
        self.bits
            .iter()
            .map(move |row| row.iter().map(glyph).collect::<String>().trim_end_matches('\u{2800}').to_string())
    }
}

/// A wave over [`SPAN`].
fn wave(sound: &[f32], rate: f32) -> String {
    let length = (SPAN * rate) as usize;
    let room = sound.len().saturating_sub(length);
    let rises = |i: &usize| sound[*i] <= 0.0 && sound[i + 1] > 0.0;
    let start = (0..room.min(sound.len().saturating_sub(1))).find(rises).unwrap_or(room);
    let part = &sound[start..sound.len().min(start + length)];
    let peak = part.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    if peak < 1e-6 {
        return "  silent\n".into();
    }
    let mut dots = Dots::new();
    let middle = (ROWS * 4 - 1) as f32 / 2.0;
    let row = |x: f32| (middle - x / peak * middle).round().clamp(0.0, (ROWS * 4 - 1) as f32) as usize;
    let mut last = row(part[0]);
    for x in 0..COLUMNS * 2 {
        let (from, to) = (part.len() * x / (COLUMNS * 2), part.len() * (x + 1) / (COLUMNS * 2));
        let rows: Vec<usize> = part[from..to.max(from + 1).min(part.len())].iter().map(|x| row(*x)).collect();
        // From where it was: a wave has no gaps.
        let (high, low) = rows.iter().fold((last, last), |(high, low), y| (high.min(*y), low.max(*y)));
        dots.line(x, high, low);
        last = rows.last().copied().unwrap_or(last);
    }
    let label = |i: usize| match i {
        0 => format!("{peak:>7.3}"),
        _ if i == ROWS - 1 => format!("{:>7.3}", -peak),
        _ => " ".repeat(7),
    };
    let rows: String = dots.rows().enumerate().map(|(i, row)| format!("{} {row}\n", label(i))).collect();
    format!("{rows}        0{:>width$.0} ms\n", SPAN * 1e3, width = COLUMNS - 4)
}

/// Levels by frequency.
fn frequencies(sound: &[f32], rate: f32) -> String {
    let plan = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let levels = spectrum(sound, sound.len() / 2, plan.as_ref());
    let octaves = (rate / 2.0 / LOWEST).log2();
    let hz = |x: usize| LOWEST * (octaves * x as f32 / (COLUMNS * 2) as f32).exp2();
    let bin = |hz: f32| hz / rate * WINDOW as f32;
    let mut dots = Dots::new();
    for x in 0..COLUMNS * 2 {
        let (low, high) = (bin(hz(x)) as usize, bin(hz(x + 1)).ceil() as usize);
        let level = levels.iter().take(high + 1).skip(low).fold(FLOOR, |level, x| level.max(*x));
        let height = ((1.0f32 - level / FLOOR).clamp(0.0, 1.0) * (ROWS * 4) as f32).round() as usize;
        if height > 0 {
            dots.line(x, ROWS * 4 - height, ROWS * 4 - 1);
        }
    }
    let label = |i: usize| match i {
        0 => "   0 dB".to_string(),
        _ if i == ROWS - 1 => format!("{FLOOR:>4} dB"),
        _ => " ".repeat(7),
    };
    let mut out: String = dots.rows().enumerate().map(|(i, row)| format!("{} {row}\n", label(i))).collect();
    let mut scale = String::from("        ");
    for (at, name) in [(50.0, "50"), (100.0, "100"), (200.0, "200"), (500.0, "500"), (1e3, "1k"), (2e3, "2k")]
        .into_iter()
        .chain([(5e3, "5k"), (10e3, "10k")])
        .filter(|(at, _)| *at < rate / 2.0)
    {
        let column = 8 + ((at / LOWEST).log2() / octaves * COLUMNS as f32) as usize;
        scale = format!("{scale:<column$}{name}");
    }
    out.push_str(&scale);
    out.push_str(" Hz\n");
    out
}

impl Live {
    /// Levels, and a picture of the sound: of outputs, or of what a name in the text stands for, which becomes one for as long as it is
    /// looked at.
    pub fn scope(&mut self, words: &str) -> String {
        let Some(program) = self.program() else { return "nothing plays\n".into() };
        let heard = program.patch.graph.outs.iter().filter(|out| out.kind.is_heard());
        let names: Vec<&str> = heard.map(|out| &*out.name).collect();
        let path = words.split_whitespace().find(|word| !names.contains(word) && !matches!(*word, "spectrum" | "wave"));
        let Some(path) = path else { return self.picture(words) };
        let text = self.buffer.text().to_string();
        let tapped = match inside::tapped(&text, path) {
            Ok(tapped) => tapped,
            Err(why) => return format!("{why}; outputs are {}\n", names.join(", ")),
        };
        let told = match self.play_with(&tapped, path) {
            Ok(()) => self.picture(words),
            Err(why) => why,
        };
        self.replace(&text);
        told
    }

    /// Plays a text that has one output more, and waits until the engine does. Otherwise why not.
    fn play_with(&mut self, text: &str, out: &str) -> Result<(), String> {
        let before = self.session.meters().epoch.load(Ordering::Relaxed);
        let refused = self.replace(text).text;
        let made = |live: &Self| live.program().is_some_and(|p| p.patch.graph.outs.iter().any(|o| *o.name == *out));
        // It is published a moment later; with `quantise` the engine may take it at the next bar only.
        let begin = Instant::now();
        while !made(self) || self.session.meters().epoch.load(Ordering::Relaxed) == before {
            match made(self) {
                false if begin.elapsed() > PATIENCE => return Err(format!("`{out}` cannot be looked at\n{refused}")),
                true if begin.elapsed() > BARS => {
                    return Err(format!("`{out}` cannot be looked at before `quantise` lets it in\n"));
                }
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Ok(())
    }

    fn picture(&self, words: &str) -> String {
        let Some(program) = self.program() else { return "nothing plays\n".into() };
        let outs: Vec<(usize, &str)> = program
            .patch
            .graph
            .outs
            .iter()
            .enumerate()
            .filter(|(_, out)| out.kind.is_heard() || words.split_whitespace().any(|word| *word == *out.name))
            .map(|(i, out)| (i, &*out.name))
            .collect();
        let named = |word: &&str| outs.iter().any(|(_, out)| out == word);
        let (names, others): (Vec<&str>, Vec<&str>) = words.split_whitespace().partition(named);
        let as_spectrum = others.contains(&"spectrum");
        let name = names.first().copied().unwrap_or("master");
        let Some(&(shown, name)) = outs.iter().find(|(_, out)| *out == name).or(outs.last()) else {
            return "nothing plays\n".into();
        };
        let wanted: Vec<(usize, &str)> =
            outs.iter().filter(|(i, _)| names.is_empty() || *i == shown).copied().collect();
        let meters = self.session.meters();
        meters.scope.open(shown);
        let mut peaks = vec![[0f32; 2]; wanted.len()];
        let begin = Instant::now();
        while begin.elapsed() < LOOK || (meters.scope.written() < WINDOW as u64 && begin.elapsed() < PATIENCE) {
            std::thread::sleep(Duration::from_millis(10));
            let feedback = self.session.feedback();
            for (peaks, (out, _)) in peaks.iter_mut().zip(&wanted) {
                let Some(level) = feedback.levels.iter().find(|level| level.out == *out) else { continue };
                for (peak, new) in peaks.iter_mut().zip(level.peak) {
                    *peak = peak.max(new);
                }
            }
        }
        let sound = meters.scope.read(WINDOW);
        meters.scope.close();
        let feedback = self.session.feedback();
        let rows = wanted.iter().zip(&peaks).map(|((out, name), peaks)| {
            let rms = feedback.levels.iter().find(|level| level.out == *out).map_or([0.0; 2], |level| level.rms);
            let rms = format!("rms {}", terminal::decibels(rms[0].max(rms[1])));
            let peak = terminal::decibels(peaks[0].max(peaks[1]));
            vec![name.to_string(), bar(peaks[0]), bar(peaks[1]), peak, rms]
        });
        let levels = terminal::table(&rows.collect::<Vec<_>>());
        let rate = program.patch.sample_rate as f32;
        let side = |c: usize| sound.iter().map(|frame| frame[c]).collect::<Vec<f32>>();
        let both: Vec<f32> = sound.iter().map(|frame| (frame[0] + frame[1]) / 2.0).collect();
        let picture = match (as_spectrum, sound.iter().all(|frame| frame[0] == frame[1])) {
            (true, _) => frequencies(&both, rate),
            (false, true) => wave(&both, rate),
            (false, false) => format!("left\n{}right\n{}", wave(&side(0), rate), wave(&side(1), rate)),
        };
        format!("{levels}{name}\n{picture}")
    }
}

/// A level from -48 to 0 dB.
fn bar(peak: f32) -> String {
    let full = ((20.0 * peak.max(1e-9).log10() + 48.0) / 48.0 * CELLS as f32).clamp(0.0, CELLS as f32) as usize;
    format!("[{}{}]", "#".repeat(full), " ".repeat(CELLS - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32) -> Vec<f32> {
        (0..WINDOW).map(|i| (std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin() * 0.5).collect()
    }

    /// Columns of characters of a picture, without the scale.
    fn drawn(text: &str) -> Vec<Vec<char>> {
        text.lines().take(ROWS).map(|line| line.chars().skip(8).collect()).collect()
    }

    #[test]
    fn a_sine_goes_up_and_then_down() {
        let text = wave(&tone(50.0), 48_000.0);
        assert!(text.contains("0.500") && text.contains("-0.500") && text.contains("20 ms"), "{text}");
        let rows = drawn(&text);
        let dotted = |row: &Vec<char>, x: usize| row.get(x).is_some_and(|c| *c != '\u{2800}');
        // One period: its crest in the first quarter, its trough in the third.
        assert!(dotted(&rows[0], COLUMNS / 4) && dotted(&rows[ROWS - 1], COLUMNS * 3 / 4), "{text}");
        assert!(!dotted(&rows[0], COLUMNS * 3 / 4) && !dotted(&rows[ROWS - 1], COLUMNS / 4), "{text}");
        assert_eq!(wave(&[0.0; 2000], 48_000.0), "  silent\n");
        assert_eq!(wave(&[], 48_000.0), "  silent\n");
        assert!(wave(&[f32::NAN, 0.3, -0.3], 48_000.0).contains("0.300"));
    }

    #[test]
    fn a_spectrum_stands_where_its_tone_is() {
        let text = frequencies(&tone(1000.0), 48_000.0);
        let rows = drawn(&text);
        let octaves = (24_000.0f32 / LOWEST).log2();
        let column = ((1000.0f32 / LOWEST).log2() / octaves * COLUMNS as f32) as usize;
        let top = rows.iter().position(|row| row.iter().any(|c| *c != '\u{2800}')).unwrap();
        let places: Vec<usize> = (0..rows[top].len()).filter(|x| rows[top][*x] != '\u{2800}').collect();
        assert!(top == 0 && places.iter().all(|x| x.abs_diff(column) <= 1), "{text}");
        assert!(text.contains("1k") && text.trim_end().ends_with("Hz"), "{text}");
        assert!(frequencies(&[], 48_000.0).contains("1k"));
    }
}
