//! The texts that editors have open.
//!
//! Places come as lines and units of UTF-16 and are turned into bytes here. A place outside of the text is moved to the nearest
//! one inside, a range that ends before it begins is taken the other way round: an editor that counts otherwise gets a wrong
//! answer, not a broken server.

use lsp_types::{Position, Range, TextDocumentContentChangeEvent, TextDocumentPositionParams, Uri};
use modurust_runtime::compiler::ide::{self, Document, LineMap};
use modurust_runtime::compiler::lang::parse::Parser;
use modurust_runtime::compiler::lang::source::Span;
use modurust_runtime::world::FileWorld;
use std::collections::BTreeMap;
use std::str::FromStr;

/// A text that is open, with its trees.
pub struct Open {
    /// As the editor names it.
    pub uri: Uri,
    /// As the compiler names it: the path of the file, or the whole name of a text that is no file.
    pub path: String,
    /// The text and its trees.
    pub document: Document,
    version: i32,
    changed: bool,
}

/// All texts that are open, and the files with those texts laid over them.
#[derive(Default)]
pub struct Texts {
    open: BTreeMap<String, Open>,
    world: FileWorld,
    parser: Parser,
}

impl Open {
    /// The text.
    pub fn text(&self) -> &str {
        self.document.text()
    }

    /// The place of a byte, as editors count.
    pub fn position(&self, byte: usize) -> Position {
        place(self.document.lines().position(self.text(), byte))
    }

    /// The range of some bytes, as editors count.
    pub fn range(&self, span: Span) -> Range {
        Range { start: self.position(span.start as usize), end: self.position(span.end as usize) }
    }
}

/// A place as the protocol writes it.
pub fn place(position: ide::Position) -> Position {
    Position { line: position.line, character: position.column }
}

fn byte(lines: &LineMap, text: &str, position: Position) -> usize {
    lines.byte(text, ide::Position { line: position.line, column: position.character })
}

impl Texts {
    /// The text of a name.
    pub fn get(&self, uri: &Uri) -> Option<&Open> {
        self.open.get(uri.as_str())
    }

    /// A text and the byte of a place in it.
    pub fn place(&self, params: &TextDocumentPositionParams) -> Option<(&Open, usize)> {
        let open = self.get(&params.text_document.uri)?;
        Some((open, byte(open.document.lines(), open.text(), params.position)))
    }

    /// A text was opened.
    pub fn open(&mut self, uri: Uri, text: String, version: i32) {
        let path = path_of(uri.as_str());
        self.world.overlay(path.clone(), text.clone());
        let document = Document::read(&path, &text, &self.world, &mut self.parser);
        let open = Open { uri: uri.clone(), path, document, version, changed: true };
        self.open.insert(uri.as_str().to_string(), open);
        self.again();
    }

    /// A text was changed: each change counts in the text that the one before it left.
    pub fn change(&mut self, uri: &Uri, changes: Vec<TextDocumentContentChangeEvent>, version: i32) {
        let Some(open) = self.open.get_mut(uri.as_str()) else { return };
        let mut text = open.text().to_string();
        for change in changes {
            match change.range {
                Some(range) => {
                    let lines = LineMap::new(&text);
                    let (a, b) = (byte(&lines, &text, range.start), byte(&lines, &text, range.end));
                    text.replace_range(a.min(b)..a.max(b), &change.text);
                }
                None => text = change.text,
            }
        }
        open.version = version;
        self.world.overlay(open.path.clone(), text.clone());
        open.document = Document::read(&open.path, &text, &self.world, &mut self.parser);
        open.changed = true;
        // Who uses this file sees another one now.
        let path = open.path.clone();
        let users = |open: &Open| open.document.used.iter().any(|used| used.document.source.name == path);
        let users: Vec<String> = self.open.values().filter(|o| users(o)).map(|o| o.uri.as_str().to_string()).collect();
        users.into_iter().for_each(|user| self.read_again(&user));
    }

    /// A text was closed: from now on the file counts.
    pub fn close(&mut self, uri: &Uri) {
        if let Some(open) = self.open.remove(uri.as_str()) {
            self.world.remove_overlay(&open.path);
            self.again();
        }
    }

    /// Files may have changed: all texts are looked at again.
    pub fn again(&mut self) {
        let all: Vec<String> = self.open.keys().cloned().collect();
        all.into_iter().for_each(|uri| self.read_again(&uri));
    }

    fn read_again(&mut self, uri: &str) {
        let Some(open) = self.open.get_mut(uri) else { return };
        let text = open.text().to_string();
        open.document = Document::read(&open.path, &text, &self.world, &mut self.parser);
        open.changed = true;
    }

    /// True if the editor has yet to be told what is wrong.
    pub fn changed(&self) -> bool {
        self.open.values().any(|open| open.changed)
    }

    /// The texts that changed, with their versions; from now on they count as told.
    pub fn take_changed(&mut self) -> Vec<(Uri, i32)> {
        let changed = self
            .open
            .values_mut()
            .filter_map(|open| std::mem::take(&mut open.changed).then(|| (open.uri.clone(), open.version)));
        changed.collect()
    }

    /// The files, with the open texts laid over them.
    pub fn world(&self) -> &FileWorld {
        &self.world
    }
}

/// The path of a file, from the name that editors give it; other names stay as they are.
pub fn path_of(uri: &str) -> String {
    let Some(path) = uri.strip_prefix("file://") else { return uri.to_string() };
    let path = path.strip_prefix("localhost").unwrap_or(path);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(b) = rest.next() {
        let mut ahead = rest.clone();
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match (b, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = ahead;
            }
            _ => bytes.push(b),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The name that editors give a file.
pub fn uri_of(path: &str) -> Option<Uri> {
    if path.contains(':') && !path.starts_with('/') {
        return Uri::from_str(path).ok();
    }
    let path = std::path::absolute(path).ok()?;
    let mut uri = String::from("file://");
    for b in path.to_string_lossy().bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(b)),
            b => uri += &format!("%{b:02X}"),
        }
    }
    Uri::from_str(&uri).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(range: Option<[u32; 4]>, text: &str) -> TextDocumentContentChangeEvent {
        let range = range.map(|[l, c, m, d]| Range::new(Position::new(l, c), Position::new(m, d)));
        TextDocumentContentChangeEvent { range, range_length: None, text: text.to_string() }
    }

    #[test]
    fn changes_count_in_utf_16_and_one_after_another() {
        let mut texts = Texts::default();
        let uri = Uri::from_str("untitled:1").unwrap();
        texts.open(uri.clone(), "x = '\u{1d11e}' // é\ny = 2\n".to_string(), 1);
        let now = |texts: &Texts| texts.get(&uri).unwrap().text().to_string();
        texts.change(&uri, vec![change(Some([0, 5, 0, 7]), "ab"), change(Some([0, 5, 0, 6]), "")], 2);
        assert_eq!(now(&texts), "x = 'b' // é\ny = 2\n");
        texts.change(&uri, vec![change(Some([1, 5, 1, 4]), "30"), change(Some([9, 9, 99, 0]), "z = 3")], 3);
        assert_eq!(now(&texts), "x = 'b' // é\ny = 30\nz = 3");
        texts.change(&uri, vec![change(None, "q")], 4);
        assert_eq!(now(&texts), "q");
    }

    #[test]
    fn names_go_there_and_back() {
        for path in ["/a b/ü%.modu", "/x/y-1_2~.modu"] {
            assert_eq!(path_of(uri_of(path).unwrap().as_str()), path);
        }
        assert_eq!(path_of("file:///a%20b"), "/a b");
        assert_eq!(path_of("file:///a%2"), "/a%2");
        assert_eq!(path_of("untitled:Untitled-1"), "untitled:Untitled-1");
    }
}
