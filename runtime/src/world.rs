//! The files that programs are made of.
//!
//! The compiler does no IO; it asks a [`World`]. This one reads files, with unsaved texts of an editor laid over them, and
//! remembers what it was asked for, also in vain, so that the watcher knows what to watch.

use crate::samples::{self, Bank};
use modurust_compiler::exec::SampleMemory;
use modurust_compiler::front::World;
use modurust_compiler::graph::Sample;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Largest text, bytes.
pub const MAX_TEXT: u64 = 16 << 20;

/// Files on disk.
#[derive(Debug, Default)]
pub struct FileWorld {
    overlays: BTreeMap<String, String>,
    asked: Mutex<BTreeSet<String>>,
    bank: Bank,
}

impl FileWorld {
    /// The files as they are.
    pub fn new() -> FileWorld {
        FileWorld::default()
    }

    /// The files as they are, with sounds from a bank.
    pub fn with_bank(bank: Bank) -> FileWorld {
        FileWorld { bank, ..FileWorld::default() }
    }

    /// Where sounds are kept.
    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// Reads `text` in place of the file from now on.
    pub fn overlay(&mut self, file: impl Into<String>, text: impl Into<String>) {
        self.overlays.insert(file.into(), text.into());
    }

    /// Reads the file itself again.
    pub fn remove_overlay(&mut self, file: &str) {
        self.overlays.remove(file);
    }

    /// Every path that was asked for so far, found or not.
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every path that was asked for, found or not, and forgets them.
    pub fn take_asked(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl World for FileWorld {
    fn read(&self, path: &str) -> Result<String, String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_string());
        if let Some(text) = self.overlays.get(path) {
            return Ok(text.clone());
        }
        read_text(Path::new(path))
    }

    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_string());
        read_bytes(Path::new(path))
    }

    fn exists(&self, path: &str) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_string());
        self.overlays.contains_key(path) || Path::new(path).is_file()
    }

    fn folder(&self, path: &str) -> Vec<String> {
        let path = if path.is_empty() { "." } else { path };
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    fn is_long(&self, path: &str) -> bool {
        samples::is_long(Path::new(path))
    }

    fn sample(&self, sample: &Sample, rate: u32) -> Arc<SampleMemory> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).extend(sample.files.iter().cloned());
        self.bank.get(sample, rate)
    }

    fn library(&self, module: &str) -> Option<String> {
        let path = user_library()?.join(format!("{module}.modu"));
        Some(path.to_string_lossy().into_owned())
    }
}

/// The folder of the user's own modules: `MODURUST_LIB`, or `modurust/lib` in the user's data folder.
fn user_library() -> Option<std::path::PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(std::path::PathBuf::from);
    if let Some(own) = set("MODURUST_LIB") {
        return Some(own);
    }
    let data = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")))?;
    Some(data.join("modurust/lib"))
}

/// A file as text. Bytes that are no UTF-8 become replacement characters, which the parser then points at.
pub fn read_text(path: &Path) -> Result<String, String> {
    let text = match String::from_utf8(read_bytes(path)?) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let why = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        _ => error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(why)?;
    if file.metadata().map_err(why)?.is_dir() {
        return Err("it is a directory".to_string());
    }
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large, whatever its size claims to be.
    file.take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(why)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(format!("it is larger than {} MB", MAX_TEXT >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_says_what_is_not() {
        let dir = std::env::temp_dir().join(format!("modurust-world-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("a.modu");
        std::fs::write(&file, b"\xef\xbb\xbfa = 1 // \xff").unwrap();
        let name = file.to_str().unwrap();
        let mut world = FileWorld::new();
        assert_eq!(world.read(name).unwrap(), "a = 1 // \u{fffd}");
        world.overlay(name, "b = 2");
        assert_eq!(world.read(name).unwrap(), "b = 2");
        world.remove_overlay(name);
        assert!(world.read(dir.to_str().unwrap()).unwrap_err().contains("directory"));
        assert_eq!(world.read("nowhere.modu").unwrap_err(), "no such file");
        assert_eq!(world.take_asked().len(), 3);
        std::fs::write(&file, vec![b' '; (MAX_TEXT + 1) as usize]).unwrap();
        assert!(world.read(name).unwrap_err().contains("16 MB"));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
