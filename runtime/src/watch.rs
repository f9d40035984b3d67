//! Watching files for edits, within milliseconds and whatever an editor does to save.
//!
//! Editors save by writing in place, by truncating and writing, or by writing another file and renaming it. Folders are
//! therefore watched, never files: of the folder of each file, and of the folder that a symbolic link leads to. An event only
//! means "look"; what counts is whether the content is another one than before.
//!
//! After the first event the watcher waits until [`SETTLE`] has passed without another. A file that is empty or gone then is
//! probably half written: it gets up to [`PATIENCE`] in all.

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Quiet time after an event before a file is read.
pub const SETTLE: Duration = Duration::from_millis(3);
/// Longest wait for a file that looks half written.
pub const PATIENCE: Duration = Duration::from_millis(15);

/// Files whose content changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// As they were given to [`Watcher::watch`].
    pub files: Vec<PathBuf>,
    /// When the first event came.
    pub at: Instant,
}

/// Why nothing is watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch files: {0}")]
pub struct WatchError(#[from] notify::Error);

enum Message {
    Event(Instant),
    /// Watch these; what some of them held when they were read.
    Files(BTreeSet<PathBuf>, BTreeMap<PathBuf, Option<u64>>),
    Stop,
}

/// Watches files on a thread of its own until it is dropped.
pub struct Watcher {
    messages: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Watches nothing yet. `changed` is called on the watcher's thread.
    pub fn new(changed: impl FnMut(Changed) + Send + 'static) -> Result<Watcher, WatchError> {
        let (messages, inbox) = channel();
        let events = messages.clone();
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let at = Instant::now();
            // Reading a file is no edit. An error may hide one.
            if !event.is_ok_and(|e| e.kind.is_access() && !is_close_write(&e.kind)) {
                let _ = events.send(Message::Event(at));
            }
        })?;
        let thread = std::thread::Builder::new()
            .name("modurust-watch".into())
            .spawn(move || Watch { notify, inbox, folders: BTreeSet::new(), files: BTreeMap::new() }.run(changed))
            .map_err(notify::Error::io)?;
        Ok(Watcher { messages, thread: Some(thread) })
    }

    /// Watches exactly these files from now on; they need not exist. What they hold now counts as known.
    pub fn watch(&self, files: impl IntoIterator<Item = PathBuf>) {
        let _ = self.messages.send(Message::Files(files.into_iter().collect(), BTreeMap::new()));
    }

    /// [`Watcher::watch`] for the first time, by whoever has just read the files: what is written from this call on is seen, however late the
    /// thread comes to it.
    pub fn begin(&self, files: impl IntoIterator<Item = PathBuf>) {
        let known: BTreeMap<PathBuf, Option<u64>> = files.into_iter().map(|file| (file.clone(), hash(&file))).collect();
        let _ = self.messages.send(Message::Files(known.keys().cloned().collect(), known));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn is_close_write(kind: &notify::EventKind) -> bool {
    use notify::event::{AccessKind, AccessMode, EventKind};
    matches!(kind, EventKind::Access(AccessKind::Close(AccessMode::Write)))
}

struct Watch {
    notify: RecommendedWatcher,
    inbox: Receiver<Message>,
    folders: BTreeSet<PathBuf>,
    /// Hash of what each file holds, `None` if it is not there.
    files: BTreeMap<PathBuf, Option<u64>>,
}

impl Watch {
    fn run(mut self, mut changed: impl FnMut(Changed)) {
        while let Ok(message) = self.inbox.recv() {
            match message {
                Message::Stop => return,
                Message::Files(files, known) => {
                    let late = self.set(files, &known);
                    if late && !self.look(Instant::now(), &mut changed) {
                        return;
                    }
                }
                Message::Event(at) => {
                    if !self.look(at, &mut changed) {
                        return;
                    }
                }
            }
        }
    }

    /// After an event: tells what has changed. False to stop.
    fn look(&mut self, at: Instant, changed: &mut impl FnMut(Changed)) -> bool {
        let Some(files) = self.settle(at) else { return false };
        if !files.is_empty() {
            changed(Changed { files, at });
        }
        true
    }

    /// Watches these. True if one holds something else than what is known of it: it was written before its folder was watched.
    fn set(&mut self, files: BTreeSet<PathBuf>, known: &BTreeMap<PathBuf, Option<u64>>) -> bool {
        self.files.retain(|file, _| files.contains(file));
        for file in files {
            self.files.entry(file).or_insert_with_key(|file| known.get(file).copied().unwrap_or_else(|| hash(file)));
        }
        self.folders();
        known.iter().any(|(file, known)| hash(file).is_some_and(|hash| Some(hash) != *known))
    }

    /// Watches the folders of all files, and no others.
    fn folders(&mut self) {
        let mut wanted = BTreeSet::new();
        for file in self.files.keys() {
            wanted.insert(folder(file));
            if let Ok(real) = file.canonicalize() {
                wanted.insert(folder(&real));
            }
        }
        for gone in self.folders.difference(&wanted) {
            let _ = self.notify.unwatch(gone);
        }
        // A folder that is not there is tried again at the next event.
        wanted.retain(|new| self.folders.contains(new) || self.notify.watch(new, RecursiveMode::NonRecursive).is_ok());
        self.folders = wanted;
    }

    /// Waits for the dust to settle and tells which files changed. `None` to stop.
    fn settle(&mut self, first: Instant) -> Option<Vec<PathBuf>> {
        let mut last = first;
        loop {
            // A steady stream of events (a log in the same folder) must not starve the answer.
            let until = (last + SETTLE).min(first + PATIENCE);
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(Message::Files(files, known)) => drop(self.set(files, &known)),
                Ok(Message::Event(at)) => {
                    last = at;
                    if Instant::now() < first + PATIENCE {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() < until {
                continue;
            }
            let half = self.files.iter().any(|(file, old)| old.is_some() && is_hollow(file));
            if half && Instant::now() < first + PATIENCE {
                last = Instant::now();
                continue;
            }
            break;
        }
        let mut changed = Vec::new();
        for (file, old) in &mut self.files {
            let new = hash(file);
            // A file that is gone keeps its last content: editors take it away for a moment.
            if new.is_some() && new != *old {
                *old = new;
                changed.push(file.clone());
            }
        }
        self.folders();
        Some(changed)
    }
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn is_hollow(file: &Path) -> bool {
    std::fs::metadata(file).map_or(true, |m| m.len() == 0)
}

fn hash(file: &Path) -> Option<u64> {
    let bytes = std::fs::read(file).ok()?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Some(hasher.finish())
}
