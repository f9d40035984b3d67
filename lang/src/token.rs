//! Text to tokens, without a grammar.
//!
//! Whatever shows, colours or lays out a text needs its words, not its meaning, and needs them while the text is
//! broken too. [`tokens`] cuts any text into pieces that touch each other except for blanks: joined with the blanks
//! between them they are the text again. The tables here are what the highlighting grammar for other editors is made
//! of, so that no list of words exists twice.

use crate::build::note_number;
use crate::source::Span;
use crate::split::{is_prime, is_word_byte};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `/// explained`
    Doc,
    /// `// aside`
    Comment,
    /// A word that the language keeps for itself: `track`, `if`, `and`.
    Keyword,
    /// Any other word. Whether `over` or `hold` is a name is for the grammar to say.
    Word,
    /// `c4`, `f#2`
    Note,
    /// `440hz`, `3/16n`, `50%`
    Number,
    /// `"bd*2 sn"`
    Pattern,
    /// `'tr909'`
    Text,
    /// `./acid`, `std/bass`: what follows `use`
    Path,
    /// `>>`, `+`, `=`, `|`, `@`
    Operator,
    /// `(`, `[`, `{`
    Open,
    /// `)`, `]`, `}`
    Close,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `.`
    Dot,
    /// `'` after a value: one sample ago
    Prime,
    /// A character that means nothing, or a quote that is never closed.
    Unknown,
}

/// A piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub span: Span,
}

impl Token {
    /// Its text.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        &text[self.span.start as usize..self.span.end as usize]
    }
}

/// Words that are never names.
pub const KEYWORDS: &[&str] =
    &["track", "bus", "scene", "arrange", "automate", "launch", "use", "if", "then", "else", "for", "and", "or", "not"];
/// Words that set something when a statement begins with them.
pub const SETTINGS: &[&str] = &["tempo", "meter", "seed", "quantise", "swing", "link", "xfade", "tuning", "modu"];
/// Words that do something when a statement begins with them; `launch` is among the [`KEYWORDS`].
pub const COMMANDS: &[&str] = &["play", "stop", "mute", "solo", "record", "export"];
/// Words that mean something only where the grammar has room for them, and are names elsewhere.
pub const PLACED: &[&str] = &[
    "as", "in", "it", "off", "clips", "over", "exp", "lin", "hold", "sine", "spline", "log", "at", "now", "next",
    "from", "to", "stems", "preroll", "map",
];
/// Operators, longest first.
pub const OPERATORS: &[&str] =
    &[">>", "~>", "=>", "->", "..", "<=", ">=", "==", "!=", "+", "-", "*", "/", "^", "<", ">", "=", "|", "@", "~"];

/// Cuts a text into tokens. A quote that is not closed ends with its line.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, pos: 0, after_use: false }
}

/// The iterator of [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    pos: usize,
    after_use: bool,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.pos).is_some_and(|b| b.is_ascii_whitespace()) {
            self.pos += 1;
        }
        let start = self.pos;
        let rest = &self.text[start..];
        let first = *bytes.get(start)?;
        let run = |from: usize, test: fn(u8) -> bool| bytes[from..].iter().take_while(|b| test(**b)).count();
        let line = || rest.find('\n').map_or(rest.len(), |n| rest[..n].trim_end_matches('\r').len());
        let path =
            std::mem::take(&mut self.after_use) && matches!(first, b'.' | b'/' | b'a'..=b'z' | b'A'..=b'Z' | b'_');
        let (kind, len) = match first {
            _ if path => (Kind::Path, run(start, |b| is_word_byte(b) || matches!(b, b'.' | b'/'))),
            b'/' if rest.starts_with("//") => {
                let doc = rest.starts_with("///") && !rest.starts_with("////");
                (if doc { Kind::Doc } else { Kind::Comment }, line())
            }
            b'0'..=b'9' => (Kind::Number, number(bytes, start)),
            b if is_word_byte(b) => {
                let len = run(start, is_word_byte);
                let sharp = len == 1 && bytes.get(start + 1) == Some(&b'#');
                let long = start + 2 + if sharp { run(start + 2, is_word_byte) } else { 0 };
                if sharp && note_number(&self.text[start..long]).is_some() {
                    (Kind::Note, long - start)
                } else {
                    let word = &rest[..len];
                    self.after_use = word == "use";
                    let kind = match word {
                        _ if KEYWORDS.contains(&word) => Kind::Keyword,
                        _ if note_number(word).is_some() => Kind::Note,
                        _ => Kind::Word,
                    };
                    (kind, len)
                }
            }
            b'\'' if is_prime(bytes, start) => (Kind::Prime, 1),
            b'"' => match rest[1..].find('"') {
                Some(n) => (Kind::Pattern, n + 2),
                None => (Kind::Unknown, line()),
            },
            b'\'' => match rest[1..line().max(1)].find('\'') {
                Some(n) => (Kind::Text, n + 2),
                None => (Kind::Unknown, line()),
            },
            b'(' | b'[' | b'{' => (Kind::Open, 1),
            b')' | b']' | b'}' => (Kind::Close, 1),
            b',' => (Kind::Comma, 1),
            b':' => (Kind::Colon, 1),
            _ => match OPERATORS.iter().find(|op| rest.starts_with(**op)) {
                Some(op) => (Kind::Operator, op.len()),
                None if first == b'.' => (Kind::Dot, 1),
                None => (Kind::Unknown, rest.chars().next().map_or(1, char::len_utf8)),
            },
        };
        self.pos = start + len;
        Some(Token { kind, span: Span::new(start, self.pos) })
    }
}

/// The length of a number with its unit, as the grammar's `quantity` reads it.
fn number(bytes: &[u8], start: usize) -> usize {
    let run = |from: usize, test: fn(u8) -> bool| bytes[from..].iter().take_while(|b| test(**b)).count();
    let digits = |from: usize| from + run(from, |b| b.is_ascii_digit());
    let is = |at: usize, test: fn(&u8) -> bool| bytes.get(at).is_some_and(test);
    let mut end = digits(start);
    if is(end, |b| *b == b'/') {
        let under = digits(end + 1);
        if under > end + 1 && is(under, u8::is_ascii_alphabetic) {
            end = under;
        }
    } else if is(end, |b| *b == b'.') && is(end + 1, u8::is_ascii_digit) {
        end = digits(end + 1);
    }
    if is(end, |b| *b == b'e') {
        let sign = end + 1 + usize::from(is(end + 1, |b| *b == b'-'));
        if is(sign, u8::is_ascii_digit) {
            end = digits(sign);
        }
    }
    if is(end, |b| *b == b'%') {
        end += 1;
    } else if is(end, u8::is_ascii_alphabetic) {
        end += run(end, is_word_byte);
    }
    end - start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let words: Vec<String> = tokens(text).map(|token| format!("{:?}:{}", token.kind, token.text(text))).collect();
        words.join(" ")
    }

    #[test]
    fn words_numbers_and_signs() {
        assert_eq!(shown("x = f#2+3/16n"), "Word:x Operator:= Note:f#2 Operator:+ Number:3/16n");
        assert_eq!(shown("0..1.5khz"), "Number:0 Operator:.. Number:1.5khz");
        assert_eq!(shown("1/2 50% 1e-3"), "Number:1 Operator:/ Number:2 Number:50% Number:1e-3");
        assert_eq!(shown("y'*a.b"), "Word:y Prime:' Operator:* Word:a Dot:. Word:b");
        assert_eq!(shown("use ../a/b as c"), "Keyword:use Path:../a/b Word:as Word:c");
        assert_eq!(shown("a ~> \"~ b\" // é"), "Word:a Operator:~> Pattern:\"~ b\" Comment:// é");
    }

    #[test]
    fn broken_texts_have_tokens_too() {
        assert_eq!(shown("a = \"bd\nb = 'x"), "Word:a Operator:= Unknown:\"bd Word:b Operator:= Unknown:'x");
        assert_eq!(shown("é"), "Unknown:é");
    }
}
