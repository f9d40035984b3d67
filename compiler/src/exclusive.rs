//! Texts of system exclusive messages: bytes in hexadecimal, with places for a number.
//!
//! What a maker of instruments gives no controller, messages of their own do. A text has one as manuals print it, with `xx` where the
//! number stands, `yy` where its higher 7 bits do, and, in what is listened to, `..` for any byte:
//!
//! ```text
//! f0 43 10 7f 1c xx f7        a number from 0 to 127
//! 00 20 3c .. 07 yy xx        0 to 16383, whatever the fourth byte; f0 and f7 may be left out
//! ```

/// Most bytes of a message between its first and its last.
pub const LONGEST: usize = 254;

/// One byte of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Byte(u8),
    /// Any.
    Any,
    /// The lower 7 bits of the number.
    Low,
    /// The higher 7 bits of the number.
    High,
}

/// A message with places for a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Place>);

/// Why a text is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Neither a byte nor a place.
    #[error("`{0}` is no byte: write two digits from 00 to 7f, `xx` or `yy` for a number, `..` for any byte")]
    Word(String),
    /// Nothing between the ends.
    #[error("there are no bytes in it")]
    Empty,
    /// More than [`LONGEST`].
    #[error("it is longer than {LONGEST} bytes")]
    Long,
    /// Higher 7 bits without lower ones.
    #[error("`yy` has the higher half of a number whose lower half `xx` is missing")]
    Half,
}

impl Template {
    /// Reads a text; bytes may be apart by blanks or `-`, or not at all.
    pub fn parse(text: &str) -> Result<Template, Wrong> {
        let letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let mut words: Vec<String> =
            letters.chunks(2).map(|pair| pair.iter().collect::<String>().to_lowercase()).collect();
        if words.first().is_some_and(|word| word == "f0") {
            words.remove(0);
        }
        words.pop_if(|word| word == "f7");
        let place = |word: String| match word.as_str() {
            "xx" => Ok(Place::Low),
            "yy" => Ok(Place::High),
            ".." => Ok(Place::Any),
            _ => {
                let byte = Some(&word).filter(|word| word.bytes().all(|b| b.is_ascii_hexdigit()) && word.len() == 2);
                let byte = byte.and_then(|word| u8::from_str_radix(word, 16).ok()).filter(|byte| *byte < 0x80);
                byte.map(Place::Byte).ok_or(Wrong::Word(word))
            }
        };
        match words.len() {
            0 => return Err(Wrong::Empty),
            1..=LONGEST => {}
            _ => return Err(Wrong::Long),
        }
        let places = words.into_iter().map(place).collect::<Result<Vec<_>, _>>()?;
        if places.contains(&Place::High) && !places.contains(&Place::Low) {
            return Err(Wrong::Half);
        }
        Ok(Template(places))
    }

    /// True if some byte may be any: such a message can be heard, not sent.
    pub fn is_open(&self) -> bool {
        self.0.contains(&Place::Any)
    }

    /// The greatest number that it holds: 0 without a place for one, 127 or 16383.
    pub fn most(&self) -> u16 {
        match (self.0.contains(&Place::Low), self.0.contains(&Place::High)) {
            (false, _) => 0,
            (true, false) => 0x7f,
            (true, true) => 0x3fff,
        }
    }

    /// The bytes with a number in them, and how many there are; any byte is 0.
    pub fn fill(&self, number: u16) -> ([u8; LONGEST], usize) {
        let mut bytes = [0; LONGEST];
        for (to, place) in bytes.iter_mut().zip(&self.0) {
            *to = match place {
                Place::Byte(byte) => *byte,
                Place::Any => 0,
                Place::Low => (number & 0x7f) as u8,
                Place::High => (number >> 7 & 0x7f) as u8,
            };
        }
        (bytes, self.0.len())
    }

    /// The number in a message, 0 to 1; 1 in one without a number. `None` if it is another message.
    pub fn read(&self, data: &[u8]) -> Option<f32> {
        if data.len() != self.0.len() {
            return None;
        }
        let mut number = 0u16;
        for (byte, place) in data.iter().zip(&self.0) {
            let byte = u16::from(*byte & 0x7f);
            match place {
                Place::Byte(wanted) if u16::from(*wanted) != byte => return None,
                Place::Low => number = number & 0x3f80 | byte,
                Place::High => number = number & 0x7f | byte << 7,
                Place::Byte(_) | Place::Any => {}
            }
        }
        Some(if self.most() == 0 { 1.0 } else { f32::from(number) / f32::from(self.most()) })
    }
}

/// As a path has it: bytes apart by `-`, without the ends.
impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, place) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("-")?;
            }
            match place {
                Place::Byte(byte) => write!(f, "{byte:02x}")?,
                Place::Any => f.write_str("..")?,
                Place::Low => f.write_str("xx")?,
                Place::High => f.write_str("yy")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_there_and_back() {
        for text in ["F0 43 10 7f 1c xx F7", "4310xx", "00 20 3c .. 07 yy xx"] {
            let template = Template::parse(text).unwrap();
            for number in 0..=template.most() {
                let (bytes, len) = template.fill(number);
                let heard = template.read(&bytes[..len]).unwrap();
                assert_eq!((heard * f32::from(template.most())).round() as u16, number, "{text}");
            }
            assert_eq!(Template::parse(&template.to_string()).as_ref(), Ok(&template));
        }
        let template = Template::parse("43 xx").unwrap();
        assert_eq!([&[0x44, 1][..], &[0x43], &[0x43, 1, 2]].map(|data| template.read(data)), [None; 3]);
        assert_eq!(Template::parse("7e 7f 06 01").unwrap().read(&[0x7e, 0x7f, 6, 1]), Some(1.0));
    }

    #[test]
    fn what_is_no_message_is_told() {
        let wrong = |text: &str| Template::parse(text).unwrap_err().to_string();
        assert!(
            wrong("43 80").contains("`80` is no byte") && wrong("4").contains("`4`") && wrong("43 +1").contains("`+1`")
        );
        assert!(wrong("f0 f7").contains("no bytes") && wrong(&"01 ".repeat(255)).contains("longer"));
        assert!(wrong("43 yy").contains("lower half"));
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let mut state = 5u64;
        let mut good = 0;
        for _ in 0..100_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push(
                    ['f', '0', '4', '3', '7', 'x', 'x', 'y', '.', '-', ' ', '\u{e4}'][(state >> 33) as usize % 12],
                );
            }
            if let Ok(template) = Template::parse(&text) {
                good += 1;
                assert_eq!(Template::parse(&template.to_string()), Ok(template));
            }
        }
        assert!(good > 50, "{good}");
    }
}
