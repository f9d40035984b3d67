//! Signals that leave for instruments of MIDI: which controller of which channel they turn.
//!
//! ```text
//! cc74: lfo      controller 74, of 7 bits           fine7: fader    controller 7, of 14 bits (7 and 39)
//! bend: x        the wheel, -1 to 1                 rpn0, nrpn300   parameters of 14 bits
//! press: x       pressure of the channel            program: "1 5"  another sound, 1 to 128
//! ```

use std::fmt;
use std::str::FromStr;

/// What a signal turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moved {
    /// A controller of 7 bits, 0 to 119.
    Controller(u16),
    /// A controller of 14 bits, 0 to 31.
    Fine(u16),
    /// A registered parameter, 0 to 16383.
    Registered(u16),
    /// A parameter of the maker, 0 to 16383.
    Assignable(u16),
    /// The wheel.
    Bend,
    /// The pressure of the channel.
    Pressure,
    /// The sound.
    Program,
}

/// Of a number.
type Numbered = fn(u16) -> Moved;

/// Words with a number behind them, and how far it goes.
const NUMBERED: [(&str, u16, Numbered); 4] = [
    ("cc", 119, Moved::Controller),
    ("fine", 31, Moved::Fine),
    ("rpn", 16_383, Moved::Registered),
    ("nrpn", 16_383, Moved::Assignable),
];

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moved::Controller(n) => write!(f, "cc{n}"),
            Moved::Fine(n) => write!(f, "fine{n}"),
            Moved::Registered(n) => write!(f, "rpn{n}"),
            Moved::Assignable(n) => write!(f, "nrpn{n}"),
            Moved::Bend => f.write_str("bend"),
            Moved::Pressure => f.write_str("press"),
            Moved::Program => f.write_str("program"),
        }
    }
}

impl FromStr for Moved {
    type Err = ();

    fn from_str(word: &str) -> Result<Moved, ()> {
        match word {
            "bend" => return Ok(Moved::Bend),
            "press" => return Ok(Moved::Pressure),
            "program" => return Ok(Moved::Program),
            _ => {}
        }
        let digits = word.find(|c: char| c.is_ascii_digit()).ok_or(())?;
        let (name, number) = word.split_at(digits);
        let number: u16 = number.parse().map_err(|_| ())?;
        let (_, most, make) = NUMBERED.iter().find(|(known, ..)| *known == name).ok_or(())?;
        if number <= *most { Ok(make(number)) } else { Err(()) }
    }
}

/// Where a signal leaves; the name of its output is a part of the instrument's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leaving {
    /// What it turns.
    pub what: Moved,
    /// Channel, 0 to 15.
    pub channel: u8,
    /// By so much later, microseconds.
    pub offset: u32,
}

impl Leaving {
    /// Two words for hashes, different for all that is different.
    pub fn words(self) -> [u32; 2] {
        let (kind, number) = match self.what {
            Moved::Controller(n) => (0, n),
            Moved::Fine(n) => (1, n),
            Moved::Registered(n) => (2, n),
            Moved::Assignable(n) => (3, n),
            Moved::Bend => (4, 0),
            Moved::Pressure => (5, 0),
            Moved::Program => (6, 0),
        };
        [kind << 24 | u32::from(self.channel) << 16 | u32::from(number), self.offset]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for word in ["cc0", "cc74", "cc119", "fine31", "rpn0", "nrpn16383", "bend", "press", "program"] {
            assert_eq!(word.parse::<Moved>().map(|moved| moved.to_string()), Ok(word.to_string()));
        }
        for wrong in ["cc", "cc120", "fine32", "nrpn16384", "cc-1", "cc7x", "bend2", "x7", ""] {
            assert_eq!(wrong.parse::<Moved>(), Err(()), "{wrong}");
        }
    }
}
