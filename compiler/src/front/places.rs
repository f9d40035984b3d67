//! Places that stay where they are when a statement moves.
//!
//! Spans in a tree count from the start of its statement. For the elaborator every statement has a place of its own on a long
//! tape, given once and never again, so that nothing that was made of it changes when the statement is moved, or others
//! before it grow: messages, clips and the identity of literals all count from there. At the end places on the tape become
//! places in the text ([`Places::in_text`]).
//!
//! A statement is the same as long as its tree is: the parser gives the same tree for the same text. Another text with an equal
//! tree, such as one with another comment behind it, takes the place over.

use crate::front::strips::File;
use modurust_lang::ast::{Item, Stmt};
use modurust_lang::{FileId, Span};
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;

/// A statement and its place.
type Placed = (Arc<Item>, u32);

/// The tape.
#[derive(Default)]
pub(super) struct Places {
    /// By file and tree, the statements that were met: each has its place, equal ones have several.
    known: HashMap<(u32, usize), Vec<Placed>>,
    /// The last statement of each name, by file.
    named: HashMap<(u32, String), Placed>,
    /// Where the next statement goes.
    next: u32,
    /// Of this text, rising: start on the tape, and how far it is from there to the text.
    now: Vec<(u32, i64)>,
}

impl Places {
    /// The statements of files, on the tape. `lengths` are those of the texts.
    pub fn laid_out(&mut self, files: &[File], lengths: impl Iterator<Item = usize>) -> Vec<File> {
        self.now.clear();
        let mut times: HashMap<(u32, usize), usize> = HashMap::default();
        let mut out = Vec::with_capacity(files.len());
        for ((id, file), length) in files.iter().enumerate().zip(lengths) {
            let mut stmts = Vec::with_capacity(file.stmts.len());
            for (i, stmt) in file.stmts.iter().enumerate() {
                let end = file.stmts.get(i + 1).map_or(length as u32, |next| next.offset);
                let key = (id as u32, Arc::as_ptr(&stmt.item) as usize);
                let nth = times.entry(key).or_insert(0);
                let offset = self.place(key, *nth, &stmt.item, end.saturating_sub(stmt.offset));
                *nth += 1;
                self.now.push((offset, i64::from(stmt.offset) - i64::from(offset)));
                stmts.push(Stmt { file: FileId(id as u32), offset, item: Arc::clone(&stmt.item) });
            }
            out.push(File { path: file.path.clone(), stmts, used: file.used, uses: file.uses.clone() });
        }
        self.now.sort_unstable();
        out
    }

    fn place(&mut self, key: (u32, usize), nth: usize, item: &Arc<Item>, length: u32) -> u32 {
        if let Some((_, place)) = self.known.get(&key).and_then(|all| all.get(nth)) {
            return *place;
        }
        let name = item.name().map(|name| (key.0, format!("{}{}", kind(item), name.name)));
        let before = name.as_ref().and_then(|name| self.named.get(name));
        let place = match before {
            // Its old text is known by the same place from now on, whichever of them comes back.
            Some((old, place)) if nth == 0 && !Arc::ptr_eq(old, item) && **old == **item => *place,
            _ => {
                let place = self.next;
                self.next += length + 1;
                place
            }
        };
        if let Some(name) = name {
            self.named.insert(name, (Arc::clone(item), place));
        }
        self.known.entry(key).or_default().push((Arc::clone(item), place));
        place
    }

    /// True when there is room for another text.
    pub fn has_room(&self) -> bool {
        self.next < 1 << 30
    }

    /// A span on the tape as one of the text. What belongs to no statement of the text stays as it is.
    pub fn in_text(&self, span: Span) -> Span {
        let at = self.now.partition_point(|(start, _)| *start <= span.start);
        let Some((_, by)) = at.checked_sub(1).and_then(|at| self.now.get(at)) else { return span };
        let moved = |x: u32| (i64::from(x) + by).max(0) as u32;
        Span { start: moved(span.start), end: moved(span.end) }
    }
}

/// Definitions, strips and scenes have names of their own.
fn kind(item: &Item) -> &'static str {
    match item {
        Item::Def(_) => "",
        Item::Strip { bus: false, .. } => "track ",
        Item::Strip { bus: true, .. } => "bus ",
        Item::Scene { .. } => "scene ",
        _ => "arrange ",
    }
}
