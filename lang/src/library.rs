//! The standard library, as text inside the program.
//!
//! Every definition of `stdlib/*.modu` is an [`Entry`]: found by name, parsed when first wanted and never again.
//! Building the index takes one pass of the layout rule and no grammar, so a program that uses three filters pays
//! for three statements. Library files have ids from [`FIRST_FILE`] upward, so that a diagnostic can point into
//! them like into any file.

use crate::ast::{Item, Stmt};
use crate::diag::Diagnostic;
use crate::doc::{self, Doc};
use crate::parse::{self, Parsed};
use crate::source::{FileId, Source, Span};
use crate::split;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// The id of the first library file; the others follow in the order of [`Library::modules`].
pub const FIRST_FILE: u32 = 1_000_000;

/// The module whose names give way to the same names of others: `sin` is the oscillator, `math.sin` the function.
const GIVES_WAY: &str = "math";

macro_rules! embed {
    ($($module:literal),* $(,)?) => {
        &[$(($module, include_str!(concat!("../../stdlib/", $module, ".modu")))),*]
    };
}

/// Module names and texts. A test compares this list with the folder.
const FILES: &[(&str, &str)] = embed![
    "math", "osc", "noise", "env", "filter", "delay", "reverb", "shape", "space", "drums", "tr909", "sample", "synth",
    "dynamics", "mod", "signal", "physical", "spectral",
];

/// One definition of the library.
#[derive(Debug)]
pub struct Entry {
    /// Its name, without the module.
    pub name: &'static str,
    /// The module: the name of its file.
    pub module: &'static str,
    /// Index of the file in [`Library::modules`].
    pub file_index: usize,
    /// Byte in the file where its text starts.
    pub offset: usize,
    /// Doc lines and definition.
    pub text: &'static str,
    parsed: OnceLock<Parsed>,
    doc: OnceLock<Doc>,
}

impl Entry {
    /// The file it stands in.
    pub fn file(&self) -> FileId {
        FileId(FIRST_FILE + self.file_index as u32)
    }

    /// Its tree, read when first asked for. [`Item::Broken`] if the library's text is wrong; see
    /// [`Entry::diagnostics`].
    pub fn stmt(&self) -> &Stmt {
        &self.parsed().stmts[0]
    }

    /// What is wrong with its text: nothing, unless the library itself is broken. Spans count from the start of the
    /// file.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.parsed().diagnostics
    }

    /// Its doc comment, taken apart.
    pub fn doc(&self) -> &Doc {
        self.doc.get_or_init(|| {
            let text = doc::above(self.text, split::code_start(self.text));
            text.map(|text| doc::parse(&text)).unwrap_or_default()
        })
    }

    fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| {
            let mut parsed = parse::parse(self.file(), &Source::new(self.module, self.text));
            for stmt in &mut parsed.stmts {
                stmt.offset += self.offset as u32;
            }
            for diagnostic in &mut parsed.diagnostics {
                diagnostic.span = diagnostic.span.shift(self.offset as u32);
            }
            if parsed.stmts.is_empty() {
                let item = Arc::new(Item::Broken { name: None, span: Span::default() });
                parsed.stmts.push(Stmt { file: self.file(), offset: self.offset as u32, item });
            }
            parsed
        })
    }
}

/// The index of all definitions.
#[derive(Debug)]
pub struct Library {
    entries: Vec<Entry>,
    by_name: HashMap<&'static str, usize>,
    by_path: HashMap<(&'static str, &'static str), usize>,
    sources: Vec<OnceLock<Source>>,
}

/// The standard library. Built on the first call.
pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(Library::build)
}

impl Library {
    fn build() -> Library {
        let mut library = Library {
            entries: Vec::new(),
            by_name: HashMap::new(),
            by_path: HashMap::new(),
            sources: FILES.iter().map(|_| OnceLock::new()).collect(),
        };
        for (file_index, &(module, text)) in FILES.iter().enumerate() {
            for chunk in split::split(text) {
                let Some(name) = defined_name(chunk.text) else {
                    continue;
                };
                let index = library.entries.len();
                library.entries.push(Entry {
                    name,
                    module,
                    file_index,
                    offset: chunk.offset,
                    text: chunk.text,
                    parsed: OnceLock::new(),
                    doc: OnceLock::new(),
                });
                library.by_path.entry((module, name)).or_insert(index);
                let first = *library.by_name.entry(name).or_insert(index);
                if library.entries[first].module == GIVES_WAY && module != GIVES_WAY {
                    library.by_name.insert(name, index);
                }
            }
        }
        library
    }

    /// The definition of a name; `module.name` finds it in that module only. Of equal plain names the first in the
    /// order of modules is meant, but those of `math` give way to all others.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        match name.split_once('.') {
            Some((module, name)) => self.find_in(module, name),
            None => self.by_name.get(name).map(|&index| &self.entries[index]),
        }
    }

    /// The definition of a name in a module.
    pub fn find_in(&self, module: &str, name: &str) -> Option<&Entry> {
        self.by_path.get(&(module, name)).map(|&index| &self.entries[index])
    }

    /// All definitions, in the order of modules and lines.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The names of the modules, in order; a file's id is [`FIRST_FILE`] plus its place here.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = &'static str> {
        FILES.iter().map(|(module, _)| *module)
    }

    /// The definitions of one module, in order.
    pub fn module<'a>(&'a self, module: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.module == module)
    }

    /// The text of a library file, for diagnostics; `None` for other ids.
    pub fn source(&self, file: FileId) -> Option<&Source> {
        let index = file.0.checked_sub(FIRST_FILE)? as usize;
        let (module, text) = FILES.get(index)?;
        Some(self.sources[index].get_or_init(|| Source::new(format!("std/{module}.modu"), *text)))
    }
}

/// The name that a statement defines, seen without a grammar: a first word before `=` or `(`.
fn defined_name(text: &str) -> Option<&str> {
    let name = split::head_word(text)?;
    let rest = text[split::code_start(text) + name.len()..].trim_start();
    let defines = rest.starts_with('(') || rest.starts_with('=') && !rest.starts_with("==");
    defines.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../stdlib");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".modu").map(str::to_string))
            .collect();
        let mut listed: Vec<String> = library().modules().map(str::to_string).collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed, "FILES in library.rs must list the folder stdlib");
    }

    #[test]
    fn every_entry_can_be_read() {
        for entry in library().entries() {
            let source = library().source(entry.file()).unwrap();
            assert_eq!(&source.text[entry.offset..entry.offset + entry.text.len()], entry.text);
            let found: Vec<_> =
                entry.diagnostics().iter().map(|d| (source.position(d.span.start), &d.message)).collect();
            assert!(found.is_empty(), "{}.{}: {found:?}", entry.module, entry.name);
            assert!(matches!(&*entry.stmt().item, Item::Def(def) if def.name.name == entry.name));
            assert!(library().find_in(entry.module, entry.name).is_some());
        }
        assert!(library().find("no_such_name").is_none() && library().source(FileId(3)).is_none());
    }

    #[test]
    fn names_are_seen_without_a_grammar() {
        assert_eq!(defined_name("/// d\nlpf(x, f) = x"), Some("lpf"));
        assert_eq!(defined_name("tau = 6.28"), Some("tau"));
        assert_eq!(defined_name("tempo 120bpm"), None);
    }
}
