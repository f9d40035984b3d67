//! Brackets, before the grammar runs.
//!
//! A missing bracket is the commonest slip and the one whose place a grammar tells worst, so brackets are matched here, where
//! the opening one is still known. The same pass bounds the length and the depth of nesting, which lets the recursive reader
//! behind it run without fear for the stack.

use super::{MAX_DEPTH, MAX_LEN, PatternError};
use crate::source::Span;

fn closer(open: u8) -> char {
    match open {
        b'[' => ']',
        b'{' => '}',
        b'<' => '>',
        _ => ')',
    }
}

/// What is wrong with the brackets of `text`; nothing if they match.
pub(super) fn brackets(text: &str) -> Vec<PatternError> {
    if text.len() > MAX_LEN {
        let error = PatternError::error(Span::new(0, text.len()), "this pattern is too long");
        return vec![error.help(format!("a pattern may have {MAX_LEN} characters: split it over several names"))];
    }
    let mut open: Vec<(u8, usize)> = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        let here = Span::new(at, at + 1);
        match byte {
            b'[' | b'{' | b'<' | b'(' => {
                open.push((byte, at));
                if open.len() > MAX_DEPTH {
                    return vec![PatternError::error(here, format!("nested too deep: {MAX_DEPTH} brackets at most"))];
                }
            }
            b']' | b'}' | b'>' | b')' => match open.pop() {
                Some((o, _)) if closer(o) == char::from(byte) => {}
                Some((o, from)) => {
                    let error =
                        PatternError::error(here, format!("this `{}` closes a `{}`", char::from(byte), char::from(o)));
                    return vec![error.help(format!(
                        "the `{}` at {} wants a `{}`",
                        char::from(o),
                        from + 1,
                        closer(o)
                    ))];
                }
                None => {
                    let error = PatternError::error(here, format!("this `{}` was never opened", char::from(byte)));
                    return vec![error];
                }
            },
            _ => {}
        }
    }
    // The outermost first: closing it is usually what was forgotten.
    let never_closed = |&(o, at): &(u8, usize)| {
        PatternError::error(Span::new(at, at + 1), format!("this `{}` is never closed", char::from(o)))
            .help(format!("put a `{}` after what belongs to it", closer(o)))
    };
    open.iter().map(never_closed).collect()
}
