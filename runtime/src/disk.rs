//! What the journal asks of a disk, and in which order.
//!
//! A disk keeps what was *synced*; anything later may be there after a crash, or not, or in part, whatever the order of writing
//! was. Nothing else may be relied on, so these few operations are all that [`crate::journal`] has. Behind them is the file system
//! ([`Files`]), or, in tests, one that forgets in every way that is allowed.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Files by their paths.
pub trait Disk: Send {
    /// All bytes of a file; `None` if there is no such file.
    fn read(&mut self, path: &Path) -> Result<Option<Vec<u8>>>;
    /// Makes a file of these bytes, in place of any that was there.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<()>;
    /// Puts bytes behind the end of a file that is there.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> Result<()>;
    /// Cuts a file to so many bytes.
    fn truncate(&mut self, path: &Path, bytes: u64) -> Result<()>;
    /// From here on the bytes of a file are kept.
    fn sync(&mut self, path: &Path) -> Result<()>;
    /// Gives a file another name, in place of any other of that name.
    fn rename(&mut self, from: &Path, to: &Path) -> Result<()>;
    /// From here on the names in a folder are kept.
    fn sync_folder(&mut self, folder: &Path) -> Result<()>;
}

/// The file system. The file that is appended to stays open, and locked for others who would append.
#[derive(Debug, Default)]
pub struct Files {
    open: Option<(PathBuf, File)>,
}

impl Files {
    fn appended(&mut self, path: &Path) -> Result<&mut File> {
        if self.open.as_ref().is_none_or(|(known, _)| known != path) {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            file.try_lock().map_err(|_| Error::new(ErrorKind::ResourceBusy, "another program writes to it"))?;
            self.open = Some((path.to_path_buf(), file));
        }
        self.open.as_mut().map(|(_, file)| file).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Disk for Files {
    fn read(&mut self, path: &Path) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(mut file) => file.read_to_end(&mut bytes).map(|_| Some(bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        File::create(path)?.write_all(bytes)
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        let file = self.appended(path)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(bytes)
    }

    fn truncate(&mut self, path: &Path, bytes: u64) -> Result<()> {
        self.appended(path)?.set_len(bytes)
    }

    fn sync(&mut self, path: &Path) -> Result<()> {
        match &self.open {
            Some((known, file)) if known == path => file.sync_data(),
            _ => OpenOptions::new().write(true).open(path)?.sync_all(),
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_folder(&mut self, folder: &Path) -> Result<()> {
        // Elsewhere a folder cannot be opened, and names are kept with the file.
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    }
}
