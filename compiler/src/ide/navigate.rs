//! Where a name is given, who speaks of it, and giving it another.

use crate::ide::document::Document;
use crate::ide::hover::token_at;
use crate::ide::position::floor;
use crate::ide::resolve::{Bound, Target};
use modurust_lang::ast::{ExprKind, Item};
use modurust_lang::edit::{self, Edit, Op, Refusal};
use modurust_lang::library::{FIRST_FILE, library};
use modurust_lang::source::{FileId, Span};
use modurust_lang::token::Kind;
use modurust_lang::visit;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The text that was asked about.
    Here,
    /// A used file, by its number among [`Document::used`].
    Used(usize),
    /// A module of the library: `filter`. Its text is [`library`]'s.
    Library(&'static str),
}

/// Some bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Location,
    /// The bytes.
    pub span: Span,
}

/// Where the name at a byte is given: several places where a name has several meanings, none for what the compiler has by itself.
pub fn definition(document: &Document, at: usize) -> Vec<Place> {
    let text = document.text();
    let at = floor(text, at);
    let here = |span| vec![Place { file: Location::Here, span }];
    let Some(occurrence) = document.occurrence(at) else { return path(document, at) };
    match &occurrence.target {
        Target::Statement(number) => name_place(document, *number).map(here).unwrap_or_default(),
        Target::Local(place, _) => here(*place),
        Target::Used(file, number) => used(document, *file, *number),
        Target::Global(name) => entry(name).into_iter().collect(),
        Target::Argument(function, param) => argument(document, function, param),
        Target::Module(name) => {
            if let Some(file) = document.used.iter().position(|used| used.alias.as_deref() == Some(name)) {
                return vec![Place { file: Location::Used(file), span: Span::default() }];
            }
            let module = crate::ide::resolve::aliased(document, name).unwrap_or(name);
            let module = library().modules().find(|known| *known == module);
            module.map(|module| Place { file: Location::Library(module), span: Span::default() }).into_iter().collect()
        }
        Target::Field | Target::Unknown => Vec::new(),
    }
}

fn name_place(document: &Document, number: usize) -> Option<Span> {
    let stmt = document.stmts.get(number)?;
    Some(stmt.item.name()?.span.shift(stmt.offset))
}

fn used(document: &Document, file: usize, number: usize) -> Vec<Place> {
    let span = name_place(&document.used[file].document, number);
    span.map(|span| Place { file: Location::Used(file), span }).into_iter().collect()
}

/// The name of a definition of the library.
fn entry(name: &str) -> Option<Place> {
    let entry = library().find(name)?;
    let Item::Def(def) = &*entry.stmt().item else { return None };
    Some(Place { file: in_library(entry.file())?, span: def.name.span.shift(entry.stmt().offset) })
}

fn in_library(file: FileId) -> Option<Location> {
    library().modules().nth(file.0.checked_sub(FIRST_FILE)? as usize).map(Location::Library)
}

/// A parameter of a function of another file.
fn argument(document: &Document, function: &str, param: &str) -> Vec<Place> {
    let of = |item: &Item, offset: u32| match item {
        Item::Def(def) => {
            let found = def.params.iter().flatten().find(|p| p.name.name == param);
            found.map(|p| p.name.span.shift(offset))
        }
        _ => None,
    };
    for (file, used) in document.used.iter().enumerate() {
        for stmt in used.document.stmts.iter().filter(|s| s.item.name().is_some_and(|n| n.name == function)) {
            if let Some(span) = of(&stmt.item, stmt.offset) {
                return vec![Place { file: Location::Used(file), span }];
            }
        }
    }
    let Some(entry) = library().find(function) else { return Vec::new() };
    let place = of(&entry.stmt().item, entry.stmt().offset).zip(in_library(entry.file()));
    place.map(|(span, file)| Place { file, span }).into_iter().collect()
}

/// `use ./voices`: the file.
fn path(document: &Document, at: usize) -> Vec<Place> {
    let text = document.text();
    let Some(token) = token_at(text, at).filter(|t| t.kind == Kind::Path) else { return Vec::new() };
    let named = token.text(text);
    let file = document.used.iter().position(|used| {
        let stem = used.document.source.name.strip_suffix(".modu").unwrap_or(&used.document.source.name);
        let stem = stem.split('@').next().unwrap_or(stem);
        stem.rsplit('/').next() == named.rsplit('/').next()
    });
    let module = named.strip_prefix("std/").and_then(|name| library().modules().find(|known| *known == name));
    let file = file.map(Location::Used).or(module.map(Location::Library));
    file.map(|file| Place { file, span: Span::default() }).into_iter().collect()
}

/// Every place of this text that speaks of what is at a byte, the one that names it included.
pub fn references(document: &Document, at: usize) -> Vec<Span> {
    let Some(occurrence) = document.occurrence(floor(document.text(), at)) else { return Vec::new() };
    if matches!(occurrence.target, Target::Field | Target::Unknown) {
        return Vec::new();
    }
    document.occurrences().iter().filter(|o| o.target == occurrence.target).map(|o| o.span).collect()
}

/// The word at a byte, if it can be given another name.
pub fn renameable(document: &Document, at: usize) -> Option<Span> {
    let occurrence = document.occurrence(floor(document.text(), at))?;
    matches!(occurrence.target, Target::Statement(_) | Target::Local(..)).then_some(occurrence.span)
}

/// Gives what is named at a byte another name, wherever this text speaks of it; or says why not.
pub fn rename(document: &Document, at: usize, to: &str) -> Result<Edit, Refusal> {
    let text = document.text();
    let refuse = |reason: &str| Err(Refusal { reason: reason.to_string() });
    let Some(occurrence) = document.occurrence(floor(text, at)) else {
        return refuse("there is no name here");
    };
    let name = text.get(occurrence.span.start as usize..occurrence.span.end as usize).unwrap_or("").to_string();
    match &occurrence.target {
        Target::Statement(_) => edit::plan(text, &Op::Rename { name, to: to.to_string() }),
        Target::Local(place, bound) => {
            if *bound == Bound::Param && voices(document, *place) {
                return refuse(
                    "this function is a voice: the names of its parameters are what events bring, so they are no names of this file",
                );
            }
            let places = references(document, at);
            edit::plan(text, &Op::RenamePlaces { places, to: to.to_string() })
        }
        Target::Used(file, _) => {
            refuse(&format!("`{name}` is defined in {}: rename it there", document.used[*file].document.source.name))
        }
        Target::Global(_) | Target::Module(_) | Target::Argument(..) => {
            refuse(&format!("`{name}` is not of this file"))
        }
        Target::Field | Target::Unknown => refuse(&format!("nobody can say what all speaks of `{name}`")),
    }
}

/// True if the place is a parameter of a function that is handed on, not only called.
fn voices(document: &Document, place: Span) -> bool {
    let Some((number, stmt)) = document.statement(place.start as usize) else { return false };
    let Item::Def(def) = &*stmt.item else { return false };
    if !def.params.iter().flatten().any(|param| param.name.span.shift(stmt.offset) == place) {
        return false;
    }
    let target = Target::Statement(number);
    let spoken: Vec<Span> =
        document.occurrences().iter().filter(|o| !o.defines && o.target == target).map(|o| o.span).collect();
    let mut called = Vec::new();
    for stmt in &document.stmts {
        visit::exprs(&stmt.item, &mut |expr| {
            if let ExprKind::Call { callee, .. } = &expr.kind {
                called.push(callee.span.shift(stmt.offset));
            }
        });
    }
    spoken.iter().any(|span| !called.contains(span))
}
