//! The computer's keyboard as one of notes: two octaves and some, with the black keys where they would lie.
//!
//! ```text
//!  2 3   5 6 7   9 0          s d   g h j   l ;
//! q w e r t y u i o p        z x c v b n m , . /
//! c4                         c3
//! ```

/// The lower and the upper row, from c3 and from c4 on.
const ROWS: [(u8, &str); 2] = [(48, "zsxdcvgbhnjm,l.;/"), (60, "q2w3er5t6y7ui9o0p")];

/// Every note that a key plays.
pub(crate) const NOTES: std::ops::RangeInclusive<u8> = 48..=76;

/// The note of a key by its letter, 60 is c4; `None` for one that plays none.
pub(crate) fn note(letter: char) -> Option<u8> {
    let letter = letter.to_ascii_lowercase();
    ROWS.iter().find_map(|(first, row)| Some(first + row.find(letter)? as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chromatic_and_meet() {
        let of = |letters: &str| letters.chars().map(|letter| note(letter).unwrap_or(0)).collect::<Vec<u8>>();
        assert_eq!(of("zxcvbnm"), [48, 50, 52, 53, 55, 57, 59]);
        assert_eq!(of("QWERTYU"), [60, 62, 64, 65, 67, 69, 71]);
        assert_eq!(of("s2,q"), [49, 61, 60, 60]);
        let all = ROWS.iter().flat_map(|(_, row)| row.chars()).filter_map(note);
        assert_eq!((all.clone().min(), all.max()), (Some(*NOTES.start()), Some(*NOTES.end())));
        assert_eq!((note('a'), note(' '), note('\u{e4}')), (None, None, None));
    }
}
