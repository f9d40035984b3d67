//! Lengths and places on the command line: `10s`, `500ms`, `8bars`, `6beats`, `bar17`.
//!
//! A number and a unit of the language. Lengths in bars become frames by the program's tempo and meter, exactly; half a frame is
//! rounded up. A place is how much lies before it, as in the language (`play song from 16bars`), or a bar as people count them: `bar17`
//! is the same as `16bars`.

use modurust_runtime::compiler::lang::units::Unit;
use modurust_runtime::compiler::program::Timing;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::Begin;
use std::fmt;
use std::str::FromStr;

/// A length of time, or of music.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Length {
    amount: Ratio,
    unit: Unit,
}

/// Longest length, seconds: a year.
const LONGEST: i64 = 366 * 24 * 3600;

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Length, String> {
        let text = text.trim();
        let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let example = "write a number and a unit, such as 10s, 500ms or 8bars";
        let amount = match number.trim().parse::<f64>() {
            Ok(x) if x.is_finite() && (0.0..=1e9).contains(&x) => Ratio::from_f64(x),
            _ => return Err(format!("`{text}` is no length; {example}")),
        };
        match Unit::parse(unit) {
            Some(unit @ (Unit::Second | Unit::Millisecond | Unit::Bar | Unit::Beat)) => Ok(Length { amount, unit }),
            _ if unit.is_empty() => Err(format!("`{text}` has no unit; {example}")),
            _ => Err(format!("`{unit}` is no unit of length; {example}")),
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.amount.to_f64(), self.unit.spelling())
    }
}

impl Length {
    /// Frames at a rate, for a program's tempo and meter; `None` if it is out of all proportion.
    pub fn frames(&self, timing: &Timing, rate: u32) -> Option<u64> {
        let rate_ratio = Ratio::int(i64::from(rate));
        let bar = timing.frames_per_bar(rate);
        let frames = match self.unit {
            Unit::Bar => self.amount * bar,
            Unit::Beat => self.amount * bar / timing.beats_per_bar,
            Unit::Millisecond => self.amount * rate_ratio / Ratio::int(1000),
            _ => self.amount * rate_ratio,
        };
        let frames = (frames + Ratio::new(1, 2)).floor();
        u64::try_from(frames).ok().filter(|_| frames < LONGEST * i64::from(rate))
    }
}

/// A place in the music.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place(Length);

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let Some(number) = text.trim().strip_prefix("bar") else {
            return text.parse().map(Place).map_err(|why| format!("{why}, or a bar: bar17"));
        };
        match number.trim().parse::<i64>() {
            Ok(bar @ 1..=1_000_000) => Ok(Place(Length { amount: Ratio::int(bar - 1), unit: Unit::Bar })),
            _ => Err(format!("`{text}` is no bar; bars are counted from 1: bar17")),
        }
    }
}

impl Place {
    /// Where a rendering of a program at a rate begins; `None` if it is out of all proportion.
    pub fn begin(&self, timing: &Timing, rate: u32) -> Option<Begin> {
        let frames = self.0.frames(timing, rate)?;
        Some(match self.0.unit {
            Unit::Bar => Begin::Bars(self.0.amount),
            Unit::Beat => Begin::Bars(self.0.amount / timing.beats_per_bar),
            _ => Begin::Frame(frames),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str) -> u64 {
        let timing = Timing { bpm: Ratio::int(132), beats_per_bar: Ratio::int(4) };
        text.parse::<Length>().unwrap().frames(&timing, 48_000).unwrap()
    }

    #[test]
    fn lengths_are_exact() {
        assert_eq!(frames("10s"), 480_000);
        assert_eq!(frames("0.1s"), 4_800);
        assert_eq!(frames("20ms"), 960);
        // 8 bars of 4 beats at 132: 698181.8 frames.
        assert_eq!(frames("8bars"), 698_182);
        assert_eq!(frames("1bar"), frames("4b"));
        assert_eq!(frames("11beats"), 240_000);
        for text in ["10s", "0.1s", "8bars", "2.5b"] {
            let length: Length = text.parse().unwrap();
            assert_eq!(length.to_string().parse::<Length>().unwrap(), length);
        }
    }

    #[test]
    fn what_is_no_length_says_why() {
        let why = |text: &str| text.parse::<Length>().unwrap_err();
        assert!(why("10").contains("no unit"));
        assert!(why("8hz").contains("`hz`"));
        for text in ["", "s", "-1s", "infs", "1e300s", "nans", "10 parsecs"] {
            assert!(why(text).contains("8bars"), "{text}");
        }
        let timing = Timing { bpm: Ratio::int(120), beats_per_bar: Ratio::int(4) };
        assert_eq!("1000000000s".parse::<Length>().unwrap().frames(&timing, 48_000), None);
    }

    #[test]
    fn a_place_is_what_lies_before_it_or_a_bar_counted_from_one() {
        let timing = Timing { bpm: Ratio::int(120), beats_per_bar: Ratio::int(3) };
        let place = |text: &str| text.parse::<Place>().unwrap().begin(&timing, 48_000).unwrap();
        assert_eq!((place("bar17"), place("16bars")), (Begin::Bars(Ratio::int(16)), Begin::Bars(Ratio::int(16))));
        assert_eq!((place("bar 1"), place("0s")), (Begin::Bars(Ratio::ZERO), Begin::Frame(0)));
        assert_eq!((place("4beats"), place("500ms")), (Begin::Bars(Ratio::new(4, 3)), Begin::Frame(24_000)));
        assert!("bar0".parse::<Place>().unwrap_err().contains("from 1"));
        assert!("17".parse::<Place>().unwrap_err().contains("bar17"));
    }
}
