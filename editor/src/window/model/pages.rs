//! The files of the piece: the first one, and those that it uses, each opened when somebody goes there.
//!
//! One of them is open: what is typed, drawn and evaluated is its text. All are read through the same world, so what is typed in one is seen
//! by the errors of another before it is saved. Steps know their file, so one history goes through all of them. What is said of the piece as a whole (its
//! tempo, faders, songs, clips) stands in the first file, whichever is open.

use super::super::act::Act;
use super::super::steps::{between, floor};
use super::disk::layout_file;
use super::{Model, Problem, See};
use modurust_runtime::command::Command;
use modurust_runtime::compiler::ide::{Document, Symbol};
use modurust_runtime::world::read_text;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A file in the window.
pub(super) struct Page {
    pub file: String,
    pub text: String,
    /// Counts changes of all pages, so that no two texts have the same.
    pub rev: u64,
    pub running: String,
    pub saved: String,
    /// Where its hexes lie.
    pub layout: Arc<str>,
    pub at: usize,
    pub document: Document,
    pub symbols: Vec<Symbol>,
    /// What is wrong in it.
    pub problems: Vec<Problem>,
    /// The revision that document and problems are of.
    pub read: u64,
}

impl Page {
    pub fn new(file: &str, text: &str, layout: &str, rev: u64) -> Page {
        Page {
            file: file.into(),
            text: text.into(),
            rev,
            running: text.into(),
            saved: text.into(),
            layout: layout.into(),
            at: 0,
            document: Document::new(file, ""),
            symbols: Vec::new(),
            problems: Vec::new(),
            read: 0,
        }
    }
}

/// A file as views see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tab {
    /// Its path.
    pub file: String,
    /// Its last name.
    pub name: String,
    /// It is open.
    pub open: bool,
    /// It holds something else on disk.
    pub unsaved: bool,
    /// Errors in it.
    pub errors: usize,
}

/// The last name of a file.
pub(super) fn short(file: &str) -> String {
    Path::new(file).file_name().map_or_else(|| file.to_string(), |name| name.to_string_lossy().into_owned())
}

impl Model {
    /// The page of the first file.
    pub(super) fn root_page(&self) -> &Page {
        self.pages().find(|page| page.file == self.root).unwrap_or(&self.page)
    }

    pub(super) fn pages(&self) -> impl Iterator<Item = &Page> {
        std::iter::once(&self.page).chain(&self.shelf)
    }

    /// What views look at that show the piece as a whole.
    pub fn see_root(&self) -> See<'_> {
        self.see_of(self.root_page())
    }

    /// Brings a file to the front; false if it cannot be read.
    pub(super) fn turn_to(&mut self, file: &str) -> bool {
        if self.page.file == file {
            return true;
        }
        let at = match self.shelf.iter().position(|page| page.file == file) {
            Some(at) => at,
            None => {
                let Ok(text) = read_text(Path::new(file)) else { return false };
                let layout = read_text(Path::new(&layout_file(file))).unwrap_or_default();
                self.revs += 1;
                self.shelf.push(Page::new(file, &text, &layout, self.revs));
                self.shelf.len() - 1
            }
        };
        std::mem::swap(&mut self.page, &mut self.shelf[at]);
        self.steps.file.clone_from(&self.page.file);
        self.read();
        true
    }

    /// Does something in a file, and comes back to the one that is open. `None` if the file cannot be read.
    pub(super) fn within<R>(&mut self, file: &str, work: impl FnOnce(&mut Model) -> R) -> Option<R> {
        let open = self.page.file.clone();
        if !self.turn_to(file) {
            return None;
        }
        let done = work(self);
        self.read();
        self.turn_to(&open);
        Some(done)
    }

    /// The same in the first file, which is always there.
    pub(super) fn at_first(&mut self, work: impl FnOnce(&mut Model)) {
        let root = self.root.clone();
        let _ = self.within(&root, work);
    }

    /// Carries out what a view of the piece as a whole asks for: it speaks of the first file.
    pub fn act_at_root(&mut self, act: Act) {
        match act {
            Act::Select { .. } => {
                let root = self.root.clone();
                self.turn_to(&root);
                self.act(act);
            }
            act => self.at_first(|model| model.act(act)),
        }
    }

    /// Opens a file in the code pane and the hexes.
    pub fn open(&mut self, file: &str) {
        if self.turn_to(file) {
            self.reveal = true;
            self.say(short(file));
        } else {
            self.complain(format!("{file} cannot be read"));
        }
    }

    /// Opens the file after the one that is open.
    pub fn next_file(&mut self) {
        let tabs = self.tabs.clone();
        let here = tabs.iter().position(|tab| tab.open).unwrap_or(0);
        match tabs.get((here + 1) % tabs.len().max(1)).filter(|tab| !tab.open) {
            Some(tab) => self.open(&tab.file),
            None => self.say("there is one file; `use ./voices` takes in another"),
        }
    }

    /// The files that are used, by the texts as they stand, and those that are open.
    pub(super) fn find_tabs(&mut self) {
        let mut files = vec![self.root.clone()];
        for page in std::iter::once(self.root_page()).chain(self.pages()) {
            let used = page.document.used.iter().map(|used| &used.document.source.name);
            for file in std::iter::once(&page.file).chain(used) {
                if !files.contains(file) {
                    files.push(file.clone());
                }
            }
        }
        let tab = |file: String| {
            let page = self.pages().find(|page| page.file == file);
            let here = if file == self.page.file { &self.page.problems[..] } else { &[] };
            let errors = here.iter().chain(self.elsewhere.iter().filter(|(name, _)| *name == file).map(|(_, p)| p));
            Tab {
                name: short(&file),
                open: file == self.page.file,
                unsaved: page.is_some_and(|page| page.text != page.saved),
                errors: errors.filter(|problem| problem.error).count(),
                file,
            }
        };
        self.tabs = files.into_iter().map(tab).collect();
    }

    /// The texts that play, of all files that are in the window.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        self.pages().map(|page| (page.file.clone(), page.running.clone())).collect()
    }

    /// A file beside the first one by its path from there, as the history keeps it.
    fn kept_name(&self, file: &str) -> String {
        let folder = Path::new(&self.root).parent().filter(|folder| !folder.as_os_str().is_empty());
        let inner = folder.and_then(|folder| Path::new(file).strip_prefix(folder).ok());
        inner.map_or_else(|| file.to_string(), |inner| inner.to_string_lossy().into_owned())
    }

    fn full_name(&self, kept: &str) -> String {
        let folder = Path::new(&self.root).parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or_else(|| kept.to_string(), |folder| folder.join(kept).to_string_lossy().into_owned())
    }

    /// The texts of all files but the first, as the history keeps them.
    pub(super) fn kept_files(&self) -> BTreeMap<String, Arc<str>> {
        let others = self.pages().filter(|page| page.file != self.root);
        others.map(|page| (self.kept_name(&page.file), Arc::from(&*page.running))).collect()
    }

    /// What texts of the history are called here.
    pub(super) fn named(&self, files: &BTreeMap<String, Arc<str>>) -> Vec<(String, Arc<str>)> {
        files.iter().map(|(kept, text)| (self.full_name(kept), Arc::clone(text))).collect()
    }

    /// Gives files other than the first the texts that they had; each is a step, and is heard unless it is part of a slot.
    pub(super) fn set_files(&mut self, files: &BTreeMap<String, Arc<str>>, say: &str) {
        for (file, text) in self.named(files) {
            let heard = self.through.is_none();
            let set = |model: &mut Model| {
                model.change(between(&model.page.text, &text), say);
                model.page.running = text.to_string();
                if heard {
                    model.player.send(Command::Text { file: model.page.file.clone(), text: text.to_string() });
                }
            };
            if self.within(&file, set).is_none() {
                self.complain(format!("{file} cannot be read: it stays as it is"));
            }
        }
    }

    /// Goes to a place of a file.
    pub(super) fn go_to(&mut self, file: &str, at: usize) {
        self.open(file);
        let at = floor(&self.page.text, at);
        self.act(Act::Select { at, reveal: true });
    }
}
