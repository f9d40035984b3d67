//! Every evaluation, for ever: a tree of texts that only grows.
//!
//! A commit is a text that played, what was done, and the commit before it. Going back and doing something else begins a branch; nothing is
//! taken out. On disk it is one file that is appended to, a line of JSON a commit with the splice against its parent, so a year of playing is
//! small and a torn last line loses no more than itself. A thread of its own writes and syncs ([`log`]); the window never waits for a disk.

mod log;

use log::Writer;
use modurust_runtime::disk::{Disk, Files};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Slots that have a letter.
pub const SLOTS: usize = 8;

/// A text that played.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// Counts from 1.
    pub id: u64,
    /// The one before it; 0 for none.
    pub parent: u64,
    /// Seconds since 1970.
    pub time: u64,
    /// Position in bars, from 0.
    pub cycle: f64,
    /// What was done.
    pub say: String,
    /// The text.
    pub text: Arc<str>,
    /// Where its hexes lie.
    pub layout: Arc<str>,
    /// Texts of other files that were open, by their path from the first.
    pub files: Arc<BTreeMap<String, Arc<str>>>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum Line {
    /// A commit. `from..to` of the parent's text became `text`.
    Commit {
        id: u64,
        parent: u64,
        time: u64,
        cycle: f64,
        say: String,
        from: usize,
        to: usize,
        text: String,
        layout: Option<String>,
        /// Texts of other files that are another than in the parent.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        files: BTreeMap<String, String>,
    },
    /// A slot holds a commit from now on.
    Slot { slot: usize, id: u64 },
    /// What was gone to.
    Head { id: u64 },
}

/// The tree.
#[derive(Default)]
pub struct History {
    commits: BTreeMap<u64, Commit>,
    head: u64,
    slots: [Option<u64>; SLOTS],
    writer: Option<Writer>,
}

/// Where the history of a file is: in a folder `.modurust` beside it.
pub fn place(file: &str) -> Option<PathBuf> {
    let file = Path::new(file);
    let name = file.file_name()?.to_str()?;
    Some(file.with_file_name(".modurust").join(format!("{name}.history")))
}

impl History {
    /// What a file holds, and what it will hold. Lines that cannot be read are told and stay where they are. Without a file nothing is kept beyond
    /// the end of the window.
    pub fn open(path: Option<&Path>) -> (History, Vec<String>) {
        let (mut history, mut wrong) = (History::default(), Vec::new());
        let Some(path) = path else { return (history, wrong) };
        let unkept = |why| format!("{}: {why}; the history ends with the window", path.display());
        let mut disk = Files::default();
        let bytes = match disk.read(path) {
            Ok(bytes) => bytes,
            Err(why) => return (history, vec![unkept(why)]),
        };
        let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default());
        let bad = text.lines().filter(|line| !line.is_empty()).filter(|line| !history.take(line)).count();
        if bad > 0 {
            wrong.push(format!("{}: {bad} lines cannot be read and are left out", path.display()));
        }
        match Writer::new(disk, path, bytes.as_deref()) {
            Ok(writer) => history.writer = Some(writer),
            Err(why) => wrong.push(unkept(why)),
        }
        (history, wrong)
    }

    /// Takes in a line; false if it makes no sense.
    fn take(&mut self, line: &str) -> bool {
        match serde_json::from_str(line) {
            Ok(Line::Commit { id, parent, time, cycle, say, from, to, text, layout, files }) => {
                let before = self.commits.get(&parent).map_or("", |commit| &commit.text);
                let (Some(head), Some(tail)) = (before.get(..from), before.get(to..)) else { return false };
                if id == 0
                    || from > to
                    || self.commits.contains_key(&id)
                    || (parent != 0 && !self.commits.contains_key(&parent))
                {
                    return false;
                }
                let whole: Arc<str> = format!("{head}{text}{tail}").into();
                let layout = layout.map(Arc::from);
                let layout = layout.or_else(|| self.commits.get(&parent).map(|parent| Arc::clone(&parent.layout)));
                let layout = layout.unwrap_or_else(|| "".into());
                let before = self.commits.get(&parent).map(|parent| Arc::clone(&parent.files)).unwrap_or_default();
                let files = match files.is_empty() {
                    true => before,
                    false => {
                        let mut all = (*before).clone();
                        all.extend(files.into_iter().map(|(file, text)| (file, Arc::from(text))));
                        Arc::new(all)
                    }
                };
                self.commits.insert(id, Commit { id, parent, time, cycle, say, text: whole, layout, files });
                self.head = id;
                true
            }
            Ok(Line::Slot { slot, id }) if slot < self.slots.len() && self.commits.contains_key(&id) => {
                self.slots[slot] = Some(id);
                true
            }
            Ok(Line::Head { id }) if self.commits.contains_key(&id) => {
                self.head = id;
                true
            }
            _ => false,
        }
    }

    fn keep(&self, line: &Line) {
        if let (Some(writer), Ok(line)) = (&self.writer, serde_json::to_string(line)) {
            writer.keep(line);
        }
    }

    /// What is wrong with keeping it, once.
    pub fn complaint(&self) -> Option<String> {
        self.writer.as_ref()?.complaint()
    }

    /// The commit that plays.
    pub fn head(&self) -> Option<&Commit> {
        self.commits.get(&self.head)
    }

    /// A commit.
    pub fn get(&self, id: u64) -> Option<&Commit> {
        self.commits.get(&id)
    }

    /// All of them, the oldest first.
    pub fn commits(&self) -> impl DoubleEndedIterator<Item = &Commit> {
        self.commits.values()
    }

    /// How many commits come after one.
    pub fn children(&self, id: u64) -> usize {
        self.commits.values().filter(|commit| commit.parent == id).count()
    }

    /// What a slot holds.
    pub fn slot(&self, slot: usize) -> Option<&Commit> {
        self.commits.get(&(*self.slots.get(slot)?)?)
    }

    /// Commits texts that play: of the first file, and of those others that are open. The same texts again are no commit.
    pub fn commit(
        &mut self,
        text: &str,
        layout: &str,
        files: BTreeMap<String, Arc<str>>,
        say: &str,
        cycle: f64,
        time: u64,
    ) -> u64 {
        let known = self.head().map(|head| Arc::clone(&head.files)).unwrap_or_default();
        let another = |(file, text): &(&String, &Arc<str>)| known.get(*file) != Some(*text);
        let changed: BTreeMap<String, String> =
            files.iter().filter(another).map(|(file, text)| (file.clone(), text.to_string())).collect();
        if let Some(head) = self.head()
            && *head.text == *text
            && *head.layout == *layout
            && changed.is_empty()
        {
            return self.head;
        }
        let id = self.commits.last_key_value().map_or(1, |(id, _)| id + 1);
        let parent = self.head;
        let (before, lay) = self.head().map_or(("", ""), |head| (&*head.text, &*head.layout));
        let (from, to, with) = splice(before, text);
        let line = Line::Commit {
            id,
            parent,
            time,
            cycle,
            say: say.to_string(),
            from,
            to,
            text: text[with].to_string(),
            layout: (lay != layout).then(|| layout.to_string()),
            files: changed.clone(),
        };
        self.keep(&line);
        let files = match changed.is_empty() {
            true => known,
            false => {
                let mut all = (*known).clone();
                all.extend(files);
                Arc::new(all)
            }
        };
        let (text, layout) = (text.into(), layout.into());
        let commit = Commit { id, parent, time, cycle, say: say.into(), text, layout, files };
        self.commits.insert(id, commit);
        self.head = id;
        id
    }

    /// Goes to a commit; the next one is its child.
    pub fn go(&mut self, id: u64) -> Option<&Commit> {
        if self.commits.contains_key(&id) && self.head != id {
            self.head = id;
            self.keep(&Line::Head { id });
        }
        self.commits.get(&id)
    }

    /// Puts the commit that plays into a slot.
    pub fn store(&mut self, slot: usize) -> Option<u64> {
        let id = self.head()?.id;
        *self.slots.get_mut(slot)? = Some(id);
        self.keep(&Line::Slot { slot, id });
        Some(id)
    }
}

/// The one splice between two texts: bytes `from..to` of the old one became a range of the new one.
pub fn splice(old: &str, new: &str) -> (usize, usize, std::ops::Range<usize>) {
    let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let from = (0..=same).rev().find(|at| old.is_char_boundary(*at) && new.is_char_boundary(*at)).unwrap_or(0);
    let (left, right) = (&old[from..], &new[from..]);
    let same = left.bytes().rev().zip(right.bytes().rev()).take_while(|(a, b)| a == b).count();
    let fits = |n: &usize| left.is_char_boundary(left.len() - n) && right.is_char_boundary(right.len() - n);
    let back = (0..=same).rev().find(fits).unwrap_or(0);
    (from, old.len() - back, from..new.len() - back)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn what_was_done_is_there_the_next_time_with_its_branches() {
        let folder = folder();
        let path = folder.path().join(".modurust/a.history");
        {
            let (mut history, wrong) = History::open(Some(&path));
            assert!(wrong.is_empty());
            history.commit("a = 1\n", "", BTreeMap::new(), "typed", 0.0, 1);
            let two = history.commit("a = 2\nü = 1\n", "a 0 0\n", BTreeMap::new(), "moved", 1.0, 2);
            history.store(1);
            history.go(1);
            history.commit("a = 3\n", "", BTreeMap::new(), "other", 2.0, 3);
            assert_eq!(history.children(1), 2);
            history.go(two);
        }
        let (history, wrong) = History::open(Some(&path));
        assert!(wrong.is_empty(), "{wrong:?}");
        let texts: Vec<&str> = history.commits().map(|c| &*c.text).collect();
        assert_eq!(texts, ["a = 1\n", "a = 2\nü = 1\n", "a = 3\n"]);
        assert_eq!(history.head().map(|c| c.id), Some(2));
        assert_eq!(history.slot(1).map(|c| c.id), Some(2));
        assert_eq!(&*history.get(2).unwrap().layout, "a 0 0\n");
    }

    #[test]
    fn a_torn_line_and_any_bytes_lose_no_more_than_themselves() {
        let folder = folder();
        let path = folder.path().join("a.history");
        // The history is closed at the end of the statement, when all is written.
        History::open(Some(&path)).0.commit("a = 1\n", "", BTreeMap::new(), "x", 0.0, 1);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"is\":\"commit\",\"id\":9\xff");
        std::fs::write(&path, &bytes).unwrap();
        {
            let (mut history, wrong) = History::open(Some(&path));
            assert_eq!(wrong.len(), 1);
            history.commit("a = 2\n", "", BTreeMap::new(), "y", 0.0, 1);
        }
        let (history, _) = History::open(Some(&path));
        assert_eq!(history.commits().map(|c| c.text.to_string()).collect::<Vec<_>>(), ["a = 1\n", "a = 2\n"]);
    }

    #[test]
    fn one_splice_says_it_all() {
        for (old, new) in [("", "abc"), ("abc", "abc"), ("aüb", "aöb"), ("aaa", "aa"), ("xx", "xyx"), ("ab", "")] {
            let (from, to, range) = splice(old, new);
            assert_eq!(format!("{}{}{}", &old[..from], &new[range], &old[to..]), new);
        }
    }
}
