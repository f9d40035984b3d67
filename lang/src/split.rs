//! Text to statements, before any grammar.
//!
//! The layout rule: a statement starts in column 0; lines that are indented, blank, or start with `>>`, `}`, `)` or
//! `]` belong to it, whatever brackets or quotes are open. So an unclosed quote can hurt only its own statement.
//! [`split`] cuts a file by this rule in one pass, `scan` then reads one statement once: it blanks comments,
//! matches brackets and quotes so that an error can point at the opening one, and refuses what would be too deep
//! for the recursion of the parser.

use crate::diag::Diagnostic;
use crate::source::{FileId, Span};
use std::borrow::Cow;

/// The longest statement that is read, in bytes.
pub const MAX_STATEMENT: usize = 256 * 1024;

/// The deepest nesting of brackets, `if`, `=>` and chains of signs that is read.
pub const MAX_DEPTH: usize = 200;

/// One statement's text and where it starts in the file.
///
/// The text begins at its `///` lines if it has some, and ends before trailing blank lines and comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// First byte in the file.
    pub offset: usize,
    /// The text.
    pub text: &'a str,
}

/// Cuts a file into top-level statements by the layout rule.
pub fn split(text: &str) -> Split<'_> {
    // A byte-order mark is not a character of the program.
    let pos = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    Split { text, pos }
}

/// The iterator of [`split`].
#[derive(Clone, Debug)]
pub struct Split<'a> {
    text: &'a str,
    pos: usize,
}

/// What a line is for the layout rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    Comment,
    Doc,
    Continued,
    Start,
}

fn classify(line: &str) -> Line {
    let bare = line.trim_start();
    let indented = bare.len() < line.len();
    if bare.is_empty() {
        Line::Blank
    } else if bare.starts_with("//") {
        match bare.starts_with("///") && !bare.starts_with("////") && !indented {
            true => Line::Doc,
            false => Line::Comment,
        }
    } else if indented || bare.starts_with(">>") || bare.starts_with(['}', ')', ']']) {
        Line::Continued
    } else {
        Line::Start
    }
}

impl<'a> Split<'a> {
    /// The line at `pos`, its end after the line break, and what it is.
    fn line(&self, pos: usize) -> (&'a str, usize, Line) {
        let rest = &self.text[pos..];
        let end = rest.find('\n').map_or(rest.len(), |i| i + 1);
        (&rest[..end], pos + end, classify(&rest[..end]))
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let mut start = None;
        // Doc lines open a statement, unless a blank line or a plain comment parts them from it.
        let mut pos = self.pos;
        let mut end = loop {
            if pos >= self.text.len() {
                self.pos = pos;
                return None;
            }
            let (line, next, kind) = self.line(pos);
            match kind {
                Line::Blank | Line::Comment => start = None,
                Line::Doc => start = start.or(Some(pos)),
                Line::Continued | Line::Start => {
                    start = start.or(Some(pos));
                    pos = next;
                    break next - (line.len() - line.trim_end().len());
                }
            }
            pos = next;
        };
        while pos < self.text.len() {
            let (line, next, kind) = self.line(pos);
            match kind {
                Line::Start | Line::Doc => break,
                Line::Continued => end = next - (line.len() - line.trim_end().len()),
                // A pattern over several lines may hold what looks like a comment.
                Line::Comment if line.contains('"') => {
                    end = next - (line.len() - line.trim_end().len());
                }
                Line::Blank | Line::Comment => {}
            }
            pos = next;
        }
        self.pos = pos;
        let start = start.unwrap_or(end);
        Some(Chunk { offset: start, text: &self.text[start..end] })
    }
}

/// The word that names a statement, when it can be seen: `bass` of `track bass = ..`, `lead` of `lead(x) = ..`.
pub fn head_name(text: &str) -> Option<&str> {
    let first = head_word(text)?;
    match first {
        "track" | "bus" | "scene" => {
            let after = code_start(text) + first.len();
            word_at(&text[after..], text[after..].len() - text[after..].trim_start().len())
        }
        "use" | "arrange" | "automate" | "launch" | "play" | "stop" | "mute" | "solo" | "record" | "export" => None,
        _ => Some(first),
    }
}

/// The first word of a statement after its doc lines.
pub fn head_word(text: &str) -> Option<&str> {
    word_at(text, code_start(text))
}

/// Where the code of a statement starts, after doc lines, comments and blanks.
pub fn code_start(text: &str) -> usize {
    let mut pos = 0;
    loop {
        pos += text[pos..].len() - text[pos..].trim_start().len();
        if !text[pos..].starts_with("//") {
            return pos;
        }
        match text[pos..].find('\n') {
            Some(i) => pos += i + 1,
            None => return text.len(),
        }
    }
}

fn word_at(text: &str, pos: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let first = *bytes.get(pos)?;
    if !(first.is_ascii_alphabetic() || first == b'_') {
        return None;
    }
    let len = bytes[pos..].iter().take_while(|b| is_word_byte(**b)).count();
    Some(&text[pos..pos + len])
}

/// A byte that a word may go on with.
pub(crate) fn is_word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// A statement that is fit for the grammar.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    /// The text with comments overwritten by blanks: the same length, the same places.
    pub code: Cow<'a, str>,
    /// The first double quote whose pattern runs over a line break. If the grammar fails, it is the likely culprit.
    pub long_pattern: Option<usize>,
}

/// An open bracket, and how many `if`s and `=>`s were seen in it since the last separator: each nests the next.
struct Open {
    bracket: u8,
    at: usize,
    nests: usize,
}

/// Matches brackets and quotes of one statement and blanks its comments. The error's span counts from the text's
/// start.
pub(crate) fn scan(text: &str) -> Result<Scan<'_>, Box<Diagnostic>> {
    let bytes = text.as_bytes();
    let mut comments: Vec<(usize, usize)> = Vec::new();
    let mut long_pattern = None;
    let mut top = Open { bracket: 0, at: 0, nests: 0 };
    let mut stack: Vec<Open> = Vec::new();
    // The sum of `nests` over all open brackets, and the length of the chain of `-` and `not` up to here.
    let (mut nests, mut signs) = (0, 0);
    let mut i = 0;
    while i < bytes.len() {
        let next = bytes.get(i + 1).copied().unwrap_or(0);
        let mut len = 1;
        let mut chain = 0;
        match bytes[i] {
            b' ' | b'\t' | b'\n' | b'\r' => chain = signs,
            b'/' if next == b'/' => {
                len = text[i..].find('\n').unwrap_or(bytes.len() - i);
                comments.push((i, i + len));
                chain = signs;
            }
            b'"' => {
                let Some(inside) = text[i + 1..].find('"') else {
                    return Err(unclosed_quote(text, long_pattern.unwrap_or(i)));
                };
                len = inside + 2;
                if long_pattern.is_none() && text[i..i + len].contains('\n') {
                    long_pattern = Some(i);
                }
            }
            b'\'' if !is_prime(bytes, i) => {
                let line = text[i + 1..].find('\n').map_or(text.len(), |n| i + 1 + n);
                let Some(inside) = text[i + 1..line].find('\'') else {
                    return Err(unclosed_quote(text, i));
                };
                len = inside + 2;
            }
            bracket @ (b'(' | b'[' | b'{') => {
                stack.push(std::mem::replace(&mut top, Open { bracket, at: i, nests: 0 }));
            }
            closer @ (b')' | b']' | b'}') => {
                if top.bracket != opener(closer) {
                    return Err(wrong_closer(text, &stack, &top, i));
                }
                nests -= top.nests;
                // The outermost frame has no bracket, so a matched one always has another below it.
                top = stack.pop().unwrap_or(Open { bracket: 0, at: 0, nests: 0 });
            }
            b'-' => chain = signs + 1,
            b'=' if next == b'>' => {
                (top.nests, nests, len) = (top.nests + 1, nests + 1, 2);
            }
            b'=' | b'<' | b'>' | b'!' if next == b'=' => len = 2,
            b',' | b':' | b'=' => {
                nests -= top.nests;
                top.nests = 0;
            }
            0..=31 | 127 => return Err(control_character(i)),
            b if is_word_byte(b) => {
                len = bytes[i..].iter().take_while(|b| is_word_byte(**b)).count();
                match &text[i..i + len] {
                    "if" => (top.nests, nests) = (top.nests + 1, nests + 1),
                    "not" => chain = signs + 1,
                    _ => {}
                }
            }
            _ => {}
        }
        signs = chain;
        if stack.len() + nests + signs > MAX_DEPTH {
            return Err(too_deep(i));
        }
        i += len;
    }
    if top.bracket != 0 {
        return Err(unclosed_bracket(text, top.at));
    }
    Ok(Scan { code: blank(text, &comments), long_pattern })
}

/// An apostrophe that touches a value before it is a prime; any other one starts a string.
pub(crate) fn is_prime(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|i| bytes[i]) else {
        return false;
    };
    is_word_byte(before) || matches!(before, b')' | b']' | b'}' | b'\'' | b'"')
}

fn opener(closer: u8) -> u8 {
    match closer {
        b')' => b'(',
        b']' => b'[',
        _ => b'{',
    }
}

fn closer(opener: u8) -> char {
    match opener {
        b'(' => ')',
        b'[' => ']',
        _ => '}',
    }
}

fn blank<'a>(text: &'a str, comments: &[(usize, usize)]) -> Cow<'a, str> {
    if comments.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut code = String::with_capacity(text.len());
    let mut done = 0;
    for &(start, end) in comments {
        code.push_str(&text[done..start]);
        code.extend(std::iter::repeat_n(' ', end - start));
        done = end;
    }
    code.push_str(&text[done..]);
    Cow::Owned(code)
}

fn error(code: &'static str, start: usize, end: usize, message: String) -> Diagnostic {
    Diagnostic::error(code, FileId::default(), Span::new(start, end), message)
}

/// The error for a quote at `at` that is not closed, or not on its line.
pub(crate) fn unclosed_quote(text: &str, at: usize) -> Box<Diagnostic> {
    let quote = text.as_bytes()[at] as char;
    let end = text[at..].find(['\n', '\r']).map_or(text.len(), |n| at + n);
    let what = if quote == '"' { "pattern" } else { "text" };
    let found = error("quote", at, end, format!("this {what} has no closing `{quote}`"));
    Box::new(found.label("opened here").help(format!("put a `{quote}` where the {what} ends")))
}

fn unclosed_bracket(text: &str, at: usize) -> Box<Diagnostic> {
    let bracket = text.as_bytes()[at];
    let found = error("bracket", at, at + 1, format!("this `{}` is never closed", bracket as char));
    Box::new(found.label("opened here").help(format!("put a `{}` where it ends", closer(bracket))))
}

fn wrong_closer(text: &str, stack: &[Open], top: &Open, at: usize) -> Box<Diagnostic> {
    let found = text.as_bytes()[at];
    // A partner further out means that the inner bracket was forgotten; none, that this closer is one too many.
    if stack.iter().any(|open| open.bracket == opener(found)) {
        return unclosed_bracket(text, top.at);
    }
    let message = format!("this `{}` closes nothing", found as char);
    let help = match top.bracket {
        0 => "delete it, or open a bracket before it".to_string(),
        open => format!("the open `{}` wants `{}`", open as char, closer(open)),
    };
    Box::new(error("bracket", at, at + 1, message).help(help))
}

fn control_character(at: usize) -> Box<Diagnostic> {
    let found = error("syntax", at, at + 1, "there is an invisible control character here".into());
    Box::new(found.help("delete it and type the line again"))
}

fn too_deep(at: usize) -> Box<Diagnostic> {
    let found = error("limit", at, at + 1, format!("this nests deeper than {MAX_DEPTH} levels"));
    Box::new(found.help("give an inner part a name of its own and use the name here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        split(text).map(|chunk| chunk.text).collect()
    }

    #[test]
    fn the_layout_rule() {
        let text = "\u{feff}// head\n\na = 1\n  + 2\n\n>> f // x\nb = {\n}\n// end\n/// doc\nc(x) = x\n";
        assert_eq!(texts(text), ["a = 1\n  + 2\n\n>> f // x", "b = {\n}", "/// doc\nc(x) = x"]);
        assert_eq!(texts("  a = 1\n  b = 2"), ["  a = 1\n  b = 2"]);
        assert_eq!(texts("/// lost\n\na = 1\n/// end"), ["a = 1"]);
        assert_eq!(texts("a = \"bd\n\nb = \"sn\"\n"), ["a = \"bd", "b = \"sn\""]);
        assert_eq!(texts("a = 1\r\nb = 2\r\n"), ["a = 1", "b = 2"]);
        assert!(texts("").is_empty() && texts(" \n\n//x").is_empty());
    }

    #[test]
    fn chunks_lie_where_they_say() {
        let text = "x = 1\n\n/// d\ny = 2 \n";
        for chunk in split(text) {
            assert_eq!(&text[chunk.offset..chunk.offset + chunk.text.len()], chunk.text);
        }
    }

    #[test]
    fn heads() {
        assert_eq!(head_name("track bass = 1"), Some("bass"));
        assert_eq!(head_name("/// d\n// c\n lead(x) = 1"), Some("lead"));
        assert_eq!(head_name("track"), None);
        assert_eq!(head_name("= 3"), None);
        assert_eq!(head_name("launch x"), None);
    }

    #[test]
    fn primes_are_not_strings() {
        assert!(scan("y = (x - y') * f(a)' + z''").is_ok());
        assert!(scan("y = kit('tr909') >> f( 'a b' )").is_ok());
        assert_eq!(scan("y = kit('tr909)").unwrap_err().span, Span::new(8, 15));
    }

    #[test]
    fn comments_become_blanks() {
        assert_eq!(scan("a = 1 // é (\n 'x//y'").unwrap().code, "a = 1        \n 'x//y'");
    }
}
