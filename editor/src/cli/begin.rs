//! Where the REPL and the window begin: with the file, or where the last time ended.
//!
//! What played last is in the journal beside the file ([`keeper`]), whatever became of the file since. Who goes on begins with that text, at
//! that bar, with the numbers and clips of before; what the disk has is remembered beside it, so that what differs is told, and not lost.

use super::Failure;
use modurust_runtime::keeper;
use modurust_runtime::world::read_text;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A beginning.
#[derive(Debug, Default)]
pub struct Begin {
    /// What the file says; nothing if it is not there.
    pub saved: String,
    /// The text to begin with.
    pub text: String,
    /// Where what plays is kept.
    pub journal: Option<PathBuf>,
    /// What `:snap` remembered.
    pub snaps: BTreeMap<char, String>,
}

impl Begin {
    /// With the first of some files, which need not be there yet. With `resume` it goes on where these files ended.
    pub fn new(files: &[String], resume: bool) -> Result<Begin, Failure> {
        let Some(file) = files.first() else { return Ok(Begin::default()) };
        let saved = match Path::new(file).exists() {
            true => read_text(Path::new(file)).map_err(|why| Failure::because(format!("{file}: {why}")))?,
            false => String::new(),
        };
        let journal = keeper::place(file);
        // Who cannot read it now is told by the session, which cannot write to it either.
        let before = journal.as_deref().filter(|_| resume).and_then(|path| keeper::known(path).ok());
        let before = before.filter(|before| before.roots == files).unwrap_or_default();
        let text = before.last.get(file).cloned().unwrap_or_else(|| saved.clone());
        Ok(Begin { saved, text, journal, snaps: before.snaps })
    }
}
