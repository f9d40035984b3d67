//! Files and places in them.
//!
//! A [`Span`] counts bytes. Inside a tree it counts from the start of the *statement*, so that an unchanged
//! statement keeps its parse when text above it moves; [`crate::ast::Stmt::offset`] turns it into a place in the
//! file.

use std::sync::Arc;

/// Which file of a session: an index into the list of sources that was compiled together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A half-open range of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span from `start` to `end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// This span moved right by `offset` bytes: from statement to file.
    pub fn shift(self, offset: u32) -> Span {
        Span { start: self.start + offset, end: self.end + offset }
    }
}

/// One file: its name as the user wrote it, its text, and where its lines start.
#[derive(Clone, Debug)]
pub struct Source {
    /// Shown in diagnostics.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
    lines: Vec<u32>,
}

impl Source {
    /// A source from a name and its text.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Source {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i as u32 + 1)).collect();
        Source { name: name.into(), text, lines }
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn position(&self, byte: u32) -> (usize, usize) {
        let byte = (byte as usize).min(self.text.len());
        let line = self.lines.partition_point(|&start| start as usize <= byte) - 1;
        let start = self.lines[line] as usize;
        let column = self.text.as_bytes()[start..byte].iter().filter(|b| (**b & 0xC0) != 0x80).count();
        (line + 1, column + 1)
    }

    /// The text of a line (from 1) without its line break.
    pub fn line(&self, line: usize) -> &str {
        let Some(&start) = self.lines.get(line.wrapping_sub(1)) else {
            return "";
        };
        let end = self.lines.get(line).map_or(self.text.len(), |&e| e as usize);
        self.text[start as usize..end].trim_end_matches(['\n', '\r'])
    }
}
