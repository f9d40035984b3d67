//! The thread that keeps the journal of a session.
//!
//! Disks are slow and may fail, so nobody waits for them: what happened goes into a channel, and a thread of its own appends it. A text is
//! synced at once, everything else four times a second. What goes wrong is told once; the thread then opens the journal anew with whatever
//! comes next, so that a full disk that is cleared loses no more than it must. The sound never notices.

use crate::disk::Files;
use crate::journal::{Entry, Journal, State};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest time in which something is not synced.
const SYNC: Duration = Duration::from_millis(250);

/// Keeps what it is told. Dropping it waits until all is written.
pub struct Keeper {
    entries: Option<Sender<Entry>>,
    thread: Option<JoinHandle<()>>,
}

/// Where the journal of a piece is, without extension: in a folder `.modurust` beside its first file.
pub fn place(file: &str) -> Option<PathBuf> {
    let file = Path::new(file);
    Some(file.with_file_name(".modurust").join(file.file_name()?))
}

/// What is known from the last time, of the journal at `path`. Fails while another program writes to it.
pub fn known(path: &Path) -> std::io::Result<State> {
    Ok(Journal::open(Files::default(), path)?.state().clone())
}

impl Keeper {
    /// Opens the journal at `path`, and returns what is known from the last time. `complain` is told what goes wrong.
    pub fn open(path: &Path, complain: impl Fn(String) + Send + 'static) -> std::io::Result<(Keeper, State)> {
        let path = path.to_path_buf();
        let journal = Journal::open(Files::default(), &path)?;
        let known = journal.state().clone();
        let (entries, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("modurust-journal".into())
            .spawn(move || keep(journal, &path, &queue, &complain))?;
        Ok((Keeper { entries: Some(entries), thread: Some(thread) }, known))
    }

    /// Keeps something.
    pub fn keep(&self, entry: Entry) {
        if let Some(entries) = &self.entries {
            let _ = entries.send(entry);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.entries = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(journal: Journal<Files>, path: &Path, queue: &Receiver<Entry>, complain: &dyn Fn(String)) {
    let (mut journal, mut told) = (Some(journal), false);
    loop {
        let entry = match queue.recv_timeout(SYNC) {
            Ok(entry) => Some(entry),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let now = entry.as_ref().is_none_or(|entry| matches!(entry, Entry::Texts { .. }));
        let done = (|| -> std::io::Result<()> {
            let open = match &mut journal {
                Some(open) => open,
                // What was locked is let go of before it is opened anew.
                None if entry.is_some() => journal.insert(Journal::open(Files::default(), path)?),
                None => return Ok(()),
            };
            if let Some(entry) = entry {
                open.append(entry)?;
            }
            if now { open.sync() } else { Ok(()) }
        })();
        match done {
            Ok(()) => told = told && journal.is_none(),
            Err(why) => {
                journal = None;
                if !std::mem::replace(&mut told, true) {
                    complain(format!(
                        "what is played is not kept: {}: {why}; make room, or make the folder writable: it is tried again with every edit",
                        path.display()
                    ));
                }
            }
        }
    }
    if let Some(open) = &mut journal {
        // Nobody is left to be told.
        let _ = open.sync();
    }
}
