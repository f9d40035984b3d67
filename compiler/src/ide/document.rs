//! A text, its trees, and those of the files that it uses.

use crate::front::{World, beside};
use crate::ide::position::LineMap;
use crate::ide::resolve::{self, Occurrence};
use modurust_lang::ast::{Item, Stmt};
use modurust_lang::diag::Diagnostic;
use modurust_lang::parse::Parser;
use modurust_lang::source::{FileId, Source};
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// A text that questions are asked about.
#[derive(Debug)]
pub struct Document {
    /// Name and text.
    pub source: Source,
    /// Its statements; those that cannot be read are [`Item::Broken`].
    pub stmts: Vec<Stmt>,
    /// What the parser has to say.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that it takes definitions from.
    pub used: Vec<Used>,
    lines: OnceLock<LineMap>,
    occurrences: OnceLock<Vec<Occurrence>>,
    names: OnceLock<FxHashMap<String, usize>>,
}

/// A file that another one uses.
#[derive(Debug)]
pub struct Used {
    /// `v` of `use ./voices as v`; without it the names are there as they are.
    pub alias: Option<String>,
    /// The file.
    pub document: Document,
}

impl Document {
    /// A text that stands alone: what it uses is unknown.
    pub fn new(name: &str, text: &str) -> Document {
        Document::parse(name, text, &mut Parser::new())
    }

    /// A text and the files that it names, as `world` has them. A file that cannot be read is as if it were empty; what the used
    /// files use themselves is not seen from here, so it is not read. `parser` keeps what did not change.
    pub fn read(name: &str, text: &str, world: &dyn World, parser: &mut Parser) -> Document {
        let mut document = Document::parse(name, text, parser);
        for stmt in &document.stmts {
            let Item::Use { path, version, alias, .. } = &*stmt.item else { continue };
            if path == "std" || path.starts_with("std/") {
                continue;
            }
            let named = version.as_ref().map_or(path.clone(), |version| format!("{path}@{version}"));
            let shared = if path.starts_with('.') { None } else { world.library(&named) };
            let candidates = std::iter::once(beside(name, &format!("{named}.modu"))).chain(shared);
            let found = candidates.into_iter().find_map(|file| world.read(&file).ok().map(|text| (file, text)));
            if let Some((file, text)) = found {
                let alias = alias.as_ref().map(|alias| alias.name.clone());
                document.used.push(Used { alias, document: Document::parse(&file, &text, parser) });
            }
        }
        document
    }

    fn parse(name: &str, text: &str, parser: &mut Parser) -> Document {
        let source = Source::new(name, text);
        let parsed = parser.parse(FileId(0), &source);
        Document {
            source,
            stmts: parsed.stmts,
            diagnostics: parsed.diagnostics,
            used: Vec::new(),
            lines: OnceLock::new(),
            occurrences: OnceLock::new(),
            names: OnceLock::new(),
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// Where its lines begin, for places counted as editors count them.
    pub fn lines(&self) -> &LineMap {
        self.lines.get_or_init(|| LineMap::new(self.text()))
    }

    /// Every word that names something and what it stands for, in the order of the text. Worked out once.
    pub fn occurrences(&self) -> &[Occurrence] {
        self.occurrences.get_or_init(|| resolve::occurrences(self))
    }

    /// The first statement of a name, by its number.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        let names = self.names.get_or_init(|| {
            let mut names = FxHashMap::default();
            for (number, stmt) in self.stmts.iter().enumerate() {
                if let Some(ident) = stmt.item.name() {
                    names.entry(ident.name.clone()).or_insert(number);
                }
            }
            names
        });
        names.get(name).copied()
    }

    /// The word at a place or ending there.
    pub fn occurrence(&self, at: usize) -> Option<&Occurrence> {
        let last = self.occurrences().partition_point(|o| o.span.start as usize <= at).checked_sub(1)?;
        let before = last.saturating_sub(1);
        let touches = |o: &&Occurrence| o.span.start as usize <= at && at <= o.span.end as usize;
        // Of two words that touch (`a.b`) the one that the place stands in front of is meant.
        [last, before].into_iter().map(|i| &self.occurrences()[i]).find(touches)
    }

    /// The statement that a byte stands in: its number and tree.
    pub fn statement(&self, at: usize) -> Option<(usize, &Stmt)> {
        let last = self.stmts.partition_point(|stmt| stmt.offset as usize <= at).checked_sub(1)?;
        Some((last, &self.stmts[last]))
    }
}
