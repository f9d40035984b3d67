//! Bytes and places as editors count them: lines from 0, columns in units of UTF-16.
//!
//! The Language Server Protocol (3.17, "Text Documents") ends a line with `\n`, `\r\n` or a lone `\r`, and counts columns in UTF-16
//! code units unless both sides agree on something else: a letter with an accent is one, a clef or an emoji two. A column behind
//! the end of its line means the end; a column inside of a character means the character's begin.

/// A place as an editor counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 0.
    pub line: u32,
    /// Units of UTF-16 from the begin of the line.
    pub column: u32,
}

/// Where the lines of a text begin.
#[derive(Clone, Debug)]
pub struct LineMap {
    /// First byte of each line.
    starts: Vec<usize>,
}

impl LineMap {
    /// Looks through a text once.
    pub fn new(text: &str) -> LineMap {
        let bytes = text.as_bytes();
        let ends = |i: usize| bytes[i] == b'\n' || bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n');
        LineMap { starts: std::iter::once(0).chain((0..bytes.len()).filter(|i| ends(*i)).map(|i| i + 1)).collect() }
    }

    /// How many lines there are: one more than line breaks.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The byte of a place in the text that this was made of. Any place has one: see above.
    pub fn byte(&self, text: &str, place: Position) -> usize {
        let Some(&start) = self.starts.get(place.line as usize) else { return text.len() };
        let end = self.starts.get(place.line as usize + 1).copied().unwrap_or(text.len()).min(text.len());
        let line = text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r']);
        let mut units = 0;
        for (at, c) in line.char_indices() {
            units += c.len_utf16();
            if units > place.column as usize {
                return start + at;
            }
        }
        start + line.len()
    }

    /// The place of a byte; one inside of a character counts as the character's begin, one behind the end as the end.
    pub fn position(&self, text: &str, byte: usize) -> Position {
        let byte = floor(text, byte);
        let line = self.starts.partition_point(|&start| start <= byte).saturating_sub(1);
        let units: usize = text[self.starts[line].min(byte)..byte].chars().map(char::len_utf16).sum();
        Position { line: line as u32, column: units as u32 }
    }
}

/// The nearest begin of a character at or before a byte.
pub(super) fn floor(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_units_of_utf_16() {
        let text = "a\u{e9}\u{1d11e}b\r\nx\ry";
        let map = LineMap::new(text);
        assert_eq!(map.count(), 3);
        let at = |line, column| map.byte(text, Position { line, column });
        // a, é (2 bytes, 1 unit), a clef (4 bytes, 2 units), b
        assert_eq!([at(0, 0), at(0, 1), at(0, 2), at(0, 3), at(0, 4), at(0, 5), at(0, 99)], [0, 1, 3, 3, 7, 8, 8]);
        assert_eq!([at(1, 0), at(1, 1), at(1, 5), at(2, 0), at(2, 9), at(7, 0)], [10, 11, 11, 12, 13, 13]);
        let place = |byte| {
            let p = map.position(text, byte);
            (p.line, p.column)
        };
        assert_eq!([place(0), place(2), place(3), place(5), place(7)], [(0, 0), (0, 1), (0, 2), (0, 2), (0, 4)]);
        assert_eq!([place(8), place(10), place(12), place(13), place(99)], [(0, 5), (1, 0), (2, 0), (2, 1), (2, 1)]);
    }

    #[test]
    fn every_character_goes_there_and_back() {
        let text = "t = 1 // \u{1F3B5}\u{301}\r\n\n\u{4e2d}\u{6587} = 2\r\rq";
        let map = LineMap::new(text);
        for (at, c) in text.char_indices() {
            let back = map.byte(text, map.position(text, at));
            // The two characters of a line break are one place, as they are for an editor.
            assert!(back == at || matches!(c, '\n'), "{at}");
        }
    }
}
