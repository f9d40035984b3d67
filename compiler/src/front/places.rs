//! Places that stay where they are when a statement moves.
//!
//! Spans in a tree count from the start of its statement. For the elaborator every statement has a place of its own on a long
//! tape, given once and never again, so that nothing that was made of it changes when the statement is moved, or others
//! before it grow: messages, clips and the identity of literals all count from there. At the end places on the tape become
//! places in the text ([`Places::in_text`]).
//!
//! A statement is the same as long as its tree is: the parser gives the same tree for the same text. Another text with an equal
//! tree, such as one with another comment behind it, takes the place over.

use crate::front::renamed::{Renamed, form};
use crate::front::strips::File;
use modurust_lang::ast::{Item, Stmt};
use modurust_lang::{FileId, Span};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A statement on the tape.
#[derive(Clone)]
struct Placed {
    /// The tree as it was read, to know it again.
    read: Arc<Item>,
    /// The tree as it stands on the tape: the first of those that are equal, with the names of this text.
    item: Arc<Item>,
    place: u32,
    /// Behind names that are longer or shorter here than on the tape: from where, and by how much.
    shifts: Arc<[(u32, i64)]>,
}

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
    /// Of the last text: its files, values that it defines, and what stands at each place.
    texts: Vec<String>,
    values: BTreeMap<String, Placed>,
    items: HashMap<u32, Arc<Item>>,
}

impl Places {
    /// The statements of files, on the tape; and what was renamed since the last text, if that is all that became of a name.
    pub fn laid_out(&mut self, files: &[File], texts: &[&str]) -> (Vec<File>, Option<Renamed>) {
        self.now.clear();
        let mut renamed = self.renamed(files, texts);
        let mut taken: HashSet<u32> = HashSet::default();
        let (mut values, mut items) = (BTreeMap::new(), HashMap::default());
        let mut out = Vec::with_capacity(files.len());
        for ((id, file), text) in files.iter().enumerate().zip(texts) {
            let mut stmts = Vec::with_capacity(file.stmts.len());
            for (i, stmt) in file.stmts.iter().enumerate() {
                let end = file.stmts.get(i + 1).map_or(text.len() as u32 + 1, |next| next.offset);
                let length = end.saturating_sub(stmt.offset);
                let placed = self.placed(id as u32, &taken, &stmt.item, length, renamed.as_ref());
                let (offset, item) = (placed.place, Arc::clone(&placed.item));
                taken.insert(offset);
                let by = i64::from(stmt.offset) - i64::from(offset);
                self.now.push((offset, by));
                self.now.extend(placed.shifts.iter().map(|(at, shift)| (offset + at, by + shift)));
                if let Some(renamed) = &mut renamed
                    && let Some(old) = self.items.get(&offset)
                    && form(old) != form(&item)
                {
                    renamed.add(old, &item);
                }
                if let Some(name) = value(&item).filter(|_| !file.used) {
                    values.insert(name.to_string(), placed);
                }
                items.insert(offset, Arc::clone(&item));
                stmts.push(Stmt { file: FileId(id as u32), offset, item });
            }
            out.push(File { path: file.path.clone(), stmts, used: file.used, uses: file.uses.clone() });
        }
        self.now.sort_unstable();
        self.texts = texts.iter().map(|text| text.to_string()).collect();
        (self.values, self.items) = (values, items);
        (out, renamed)
    }

    /// The one value that has another name than in the last text.
    fn renamed(&self, files: &[File], texts: &[&str]) -> Option<Renamed> {
        let all = files.iter().filter(|file| !file.used).flat_map(|file| &file.stmts);
        let now: HashSet<&str> = all.filter_map(|stmt| value(&stmt.item)).collect();
        let mut gone = self.values.keys().filter(|name| !now.contains(name.as_str()));
        let mut come = now.iter().filter(|name| !self.values.contains_key(**name));
        match (gone.next(), gone.next(), come.next(), come.next()) {
            (Some(gone), None, Some(come), None) => Renamed::new(gone, come, &self.texts, texts),
            _ => None,
        }
    }

    fn placed(
        &mut self,
        file: u32,
        taken: &HashSet<u32>,
        read: &Arc<Item>,
        length: u32,
        renamed: Option<&Renamed>,
    ) -> Placed {
        let key = (file, Arc::as_ptr(read) as usize);
        let free = |placed: &&Placed| !taken.contains(&placed.place);
        if let Some(known) = self.known.get(&key).and_then(|all| all.iter().find(free)) {
            return known.clone();
        }
        let name = read.name().map(|name| (file, format!("{}{}", kind(read), name.name)));
        let before = name.as_ref().and_then(|name| self.named.get(name)).filter(free);
        let placed = match before {
            // Its old text is known by the same place from now on, whichever of them comes back.
            Some(old) if *old.read == **read => Placed { read: Arc::clone(read), ..old.clone() },
            _ => self.under_old_name(before, read, renamed).filter(|placed| free(&placed)).unwrap_or_else(|| {
                let place = self.next;
                self.next += length + 1;
                Placed { read: Arc::clone(read), item: Arc::clone(read), place, shifts: Arc::from([]) }
            }),
        };
        if let Some(name) = name {
            self.named.insert(name, placed.clone());
        }
        self.known.entry(key).or_default().push(placed.clone());
        placed
    }

    /// The place of a statement in which a value has another name.
    fn under_old_name(&self, before: Option<&Placed>, read: &Arc<Item>, renamed: Option<&Renamed>) -> Option<Placed> {
        let renamed = renamed?;
        let before = if value(read) == Some(renamed.to()) { self.values.get(renamed.from())? } else { before? };
        let (item, shifts) = renamed.spelt(read, self.items.get(&before.place)?, &before.shifts)?;
        Some(Placed { read: Arc::clone(read), item: Arc::new(item), place: before.place, shifts: shifts.into() })
    }

    /// True when there is room for another text.
    pub fn has_room(&self) -> bool {
        self.next < 1 << 30
    }

    /// A span on the tape as one of the text. What belongs to no statement of the text stays as it is.
    pub fn in_text(&self, span: Span) -> Span {
        let at = self.now.partition_point(|(start, _)| *start <= span.start);
        let Some((_, by)) = at.checked_sub(1).and_then(|at| self.now.get(at)) else { return span };
        // The end may lie behind a name that is longer here.
        let behind = self.now[at..].partition_point(|(start, _)| *start <= span.end);
        let end = self.now[at - 1 + behind].1;
        let moved = |x: u32, by: i64| (i64::from(x) + by).max(0) as u32;
        Span { start: moved(span.start, *by), end: moved(span.end, end) }
    }
}

/// The name of the value that a statement defines.
fn value(item: &Item) -> Option<&str> {
    match item {
        Item::Def(def) if def.params.is_none() => Some(&def.name.name),
        _ => None,
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
