//! A file of lines that only grows, and the thread that writes it.
//!
//! What cannot be written (no room, no permission) waits in memory and is tried again with the next line, every few seconds, and at the end.
//! A piece of it that came through is cut off first, so the file always holds whole lines, each once and in order. What is wrong is told
//! once, until it is well again.

use modurust_runtime::disk::Disk;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long what could not be written waits if nothing else comes.
const AGAIN: Duration = Duration::from_secs(3);

/// Lines of a file.
struct Log<D> {
    disk: D,
    path: PathBuf,
    /// Bytes that are there for good.
    length: u64,
    waiting: Vec<u8>,
}

impl<D: Disk> Log<D> {
    /// On a file with these bytes, or on a new one. A last line that was torn is ended, so that the next begins on its own.
    fn open(mut disk: D, path: &Path, bytes: Option<&[u8]>) -> Result<Log<D>> {
        if bytes.is_none() {
            disk.write(path, b"")?;
            path.parent().map_or(Ok(()), |folder| disk.sync_folder(folder))?;
        }
        let bytes = bytes.unwrap_or_default();
        let torn = !bytes.is_empty() && !bytes.ends_with(b"\n");
        let waiting = if torn { b"\n".to_vec() } else { Vec::new() };
        let mut log = Log { disk, path: path.to_path_buf(), length: bytes.len() as u64, waiting };
        log.write()?;
        Ok(log)
    }

    fn add(&mut self, line: &str) {
        self.waiting.extend_from_slice(line.as_bytes());
        self.waiting.push(b'\n');
    }

    /// Writes what waits. After an error all of it waits on.
    fn write(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.disk.truncate(&self.path, self.length)?;
        self.disk.append(&self.path, &self.waiting)?;
        self.disk.sync(&self.path)?;
        self.length += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

/// The thread that writes.
pub(super) struct Writer {
    lines: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
    wrong: Arc<Mutex<Option<String>>>,
}

impl Writer {
    /// On a file with these bytes, or on a new one.
    pub fn new(disk: impl Disk + 'static, path: &Path, bytes: Option<&[u8]>) -> Result<Writer> {
        let mut log = Log::open(disk, path, bytes)?;
        let wrong: Arc<Mutex<Option<String>>> = Arc::default();
        let (tell, (lines, queue)) = (Arc::clone(&wrong), channel::<String>());
        let thread = std::thread::Builder::new().name("modurust-history".into()).spawn(move || {
            let mut failed = false;
            loop {
                let over = match queue.recv_timeout(AGAIN) {
                    Ok(line) => {
                        log.add(&line);
                        queue.try_iter().for_each(|line| log.add(&line));
                        false
                    }
                    Err(RecvTimeoutError::Timeout) => false,
                    Err(RecvTimeoutError::Disconnected) => true,
                };
                let done = log.write();
                let say = match &done {
                    Err(why) if !failed => Some(format!(
                        "the history is not written: {}: {why}; make room, or make the folder writable: it waits and is tried again",
                        log.path.display()
                    )),
                    Ok(()) if failed => Some("the history is written again, and complete".into()),
                    _ => None,
                };
                failed = done.is_err();
                if say.is_some() {
                    *tell.lock().unwrap_or_else(PoisonError::into_inner) = say;
                }
                if over {
                    return;
                }
            }
        })?;
        Ok(Writer { lines: Some(lines), thread: Some(thread), wrong })
    }

    /// Keeps a line.
    pub fn keep(&self, line: String) {
        if let Some(lines) = &self.lines {
            let _ = lines.send(line);
        }
    }

    /// What is wrong, or well again, once.
    pub fn complaint(&self) -> Option<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    /// A disk of one file, with so much room: what does not fit is written in part.
    #[derive(Default)]
    struct Small {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Disk for Small {
        fn read(&mut self, _: &Path) -> Result<Option<Vec<u8>>> {
            Ok(Some(self.bytes.clone()))
        }
        fn write(&mut self, _: &Path, bytes: &[u8]) -> Result<()> {
            self.bytes = bytes.to_vec();
            Ok(())
        }
        fn append(&mut self, _: &Path, bytes: &[u8]) -> Result<()> {
            let fits = bytes.len().min(self.room.saturating_sub(self.bytes.len()));
            self.bytes.extend_from_slice(&bytes[..fits]);
            if fits < bytes.len() { Err(Error::from(ErrorKind::StorageFull)) } else { Ok(()) }
        }
        fn truncate(&mut self, _: &Path, bytes: u64) -> Result<()> {
            self.bytes.truncate(bytes as usize);
            Ok(())
        }
        fn sync(&mut self, _: &Path) -> Result<()> {
            Ok(())
        }
        fn rename(&mut self, _: &Path, _: &Path) -> Result<()> {
            Ok(())
        }
        fn sync_folder(&mut self, _: &Path) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_no_line_and_tears_none() {
        let disk = Small { bytes: b"old\ntorn".to_vec(), room: 20 };
        let mut log = Log::open(disk, Path::new("a"), Some(b"old\ntorn")).unwrap();
        log.add("one");
        assert!(log.write().is_ok());
        for line in ["two is long", "three"] {
            log.add(line);
            assert_eq!(log.write().unwrap_err().kind(), ErrorKind::StorageFull);
        }
        assert_eq!(log.disk.bytes.len(), 20, "a piece of it came through");
        log.disk.room = 100;
        assert!(log.write().is_ok());
        assert_eq!(log.disk.bytes, b"old\ntorn\none\ntwo is long\nthree\n");
        log.add("four");
        assert!(log.write().is_ok());
        assert!(log.disk.bytes.ends_with(b"three\nfour\n"));
    }
}
