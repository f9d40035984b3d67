//! Lengths on the command line: `10s`, `500ms`, `8bars`, `6beats`.
//!
//! A number and a unit of the language. Lengths in bars become frames by the program's tempo and meter, exactly; half a frame is
//! rounded up.

use modurust_runtime::compiler::lang::units::Unit;
use modurust_runtime::compiler::program::Timing;
use modurust_runtime::compiler::score::Ratio;
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
}
