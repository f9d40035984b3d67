//! Files of strips: what `--stems`, `record` and `export` ask for beside the whole.
//!
//! A strip is a track or a bus, behind its fader. Without the strip that is called `master` the files of a folder sum up to what the
//! master chain is given. All files are as long as the rendering, silent while their strip is not there.

use super::offline::RenderError;
use crate::engine::Engine;
use crate::wav::{Bits, SoundFile, WavError};
use modurust_compiler::graph::OutKind;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One strip into one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The track or bus; `master` is the whole.
    pub strip: String,
    /// The file.
    pub path: PathBuf,
}

struct Open {
    file: SoundFile,
    frames: u64,
}

/// Files that are being written.
pub(super) struct Takes {
    folder: Option<PathBuf>,
    single: Vec<Take>,
    files: BTreeMap<PathBuf, Open>,
    rate: u32,
    bits: Bits,
}

impl Takes {
    /// Every strip into a folder, and some into files of their own; nothing if neither is asked for.
    pub fn new(
        folder: Option<PathBuf>,
        single: Vec<Take>,
        rate: u32,
        bits: Bits,
    ) -> Result<Option<Takes>, RenderError> {
        if folder.is_none() && single.is_empty() {
            return Ok(None);
        }
        if let Some(path) = &folder {
            make_folder(path)?;
        }
        let mut takes = Takes { folder, single, files: BTreeMap::new(), rate, bits };
        for path in takes.single.iter().map(|take| take.path.clone()).collect::<Vec<_>>() {
            takes.open(&path)?;
        }
        Ok(Some(takes))
    }

    fn open(&mut self, path: &Path) -> Result<(), WavError> {
        if !self.files.contains_key(path) {
            let file = SoundFile::create(path, 2, self.rate, self.bits)?;
            self.files.insert(path.to_path_buf(), Open { file, frames: 0 });
        }
        Ok(())
    }

    /// Adds some frames of every strip, of the quantum that the engine has just computed, behind the `before` frames so far.
    pub fn add(&mut self, engine: &Engine, frames: Range<usize>, before: u64) -> Result<(), WavError> {
        for (i, out) in engine.program().patch.graph.outs.iter().enumerate() {
            let whole = out.kind == OutKind::Master;
            if out.kind == OutKind::Scope || !out.kind.is_heard() {
                continue;
            }
            // What the bus `master` makes is the whole, but for the limiter.
            if out.name == "master" && !whole {
                continue;
            }
            let stem = self.folder.as_ref().filter(|_| !whole).map(|f| f.join(format!("{}.wav", file_name(&out.name))));
            let single = self.single.iter().filter(|t| t.strip == out.name).map(|t| t.path.clone());
            for path in stem.into_iter().chain(single).collect::<Vec<_>>() {
                self.open(&path)?;
                let Some(open) = self.files.get_mut(&path) else { continue };
                if open.frames < before {
                    open.file.silence((before - open.frames) * 2)?;
                }
                for frame in frames.clone() {
                    let frame = engine.out_frame(i, frame).map(|x| if x.is_finite() { x } else { 0.0 });
                    open.file.write(&frame)?;
                }
                open.frames = before + frames.len() as u64;
            }
        }
        Ok(())
    }

    /// Closes all files, `total` frames long.
    pub fn finish(self, total: u64) -> Result<Vec<PathBuf>, WavError> {
        let mut paths = Vec::new();
        for (path, mut open) in self.files {
            open.file.silence((total - open.frames.min(total)) * 2)?;
            open.file.finish()?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// A strip's name as a file's.
fn file_name(strip: &str) -> String {
    strip.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

fn make_folder(path: &Path) -> Result<(), RenderError> {
    std::fs::create_dir_all(path).map_err(|source| RenderError::Folder { path: path.to_path_buf(), source })
}
