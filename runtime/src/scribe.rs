//! Files that the text asks for while it plays: `record master to 'take.wav'` and `export song to 'set.wav'`.
//!
//! A line that is new is carried out once. A recording begins where its line says, at the session's `quantise` if it says nothing, and goes
//! on until its line is taken out or the session ends; several may run, each of its own strip. None writes over a file that is there,
//! since a take cannot be played again. An export is rendered by a thread of its own, beside the music.

use crate::command::Notice;
use crate::device::{Take, render};
use crate::engine::Taps;
use crate::export::{self, Export, Record};
use crate::recorder::Recorder;
use crate::tap::TAPS;
use crate::wav::Bits;
use modurust_compiler::program::Program;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A recording that runs.
struct Running {
    key: u64,
    path: PathBuf,
    recorder: Recorder,
}

/// What writes files for a session.
pub(crate) struct Scribe {
    taps: Arc<Mutex<Taps>>,
    notify: Sender<Notice>,
    running: Vec<Running>,
    exports: Vec<JoinHandle<()>>,
}

impl Scribe {
    /// Nothing is written yet.
    pub fn new(taps: Arc<Mutex<Taps>>, notify: Sender<Notice>) -> Scribe {
        Scribe { taps, notify, running: Vec::new(), exports: Vec::new() }
    }

    fn tell(&self, message: String) {
        let _ = self.notify.send(Notice::File { message });
    }

    /// Carries out what a program asks for and the one before did not.
    pub fn follow(&mut self, program: &Program, before: Option<&Program>) {
        let gone = |running: &Running| !program.timeline.commands.iter().any(|c| c.key == running.key);
        let (gone, kept) = std::mem::take(&mut self.running).into_iter().partition(gone);
        self.running = kept;
        self.stop(gone);
        for record in export::records(program, before) {
            self.record(record, program);
        }
        self.exports.retain(|thread| !thread.is_finished());
        for export in export::exports(program, before) {
            self.export(export, program.clone());
        }
    }

    /// Ends recordings and begins those of the program anew: it has another sample rate.
    pub fn retune(&mut self, program: &Program) {
        let running = std::mem::take(&mut self.running);
        self.stop(running);
        for record in export::records(program, None) {
            self.record(record, program);
        }
    }

    fn record(&mut self, record: Record, program: &Program) {
        let mut takes = vec![record.take];
        if let Some(folder) = &record.stems {
            let made = std::fs::create_dir_all(folder);
            if let Err(why) = made {
                self.tell(format!("{}: {why}", folder.display()));
                return;
            }
            let strips = program.timeline.strips.iter().filter(|strip| *strip != "master");
            takes.extend(strips.map(|strip| Take { strip: strip.clone(), path: folder.join(format!("{strip}.wav")) }));
        }
        for Take { strip, path } in takes {
            let spout = self.taps.lock().unwrap_or_else(PoisonError::into_inner).spouts.pop();
            let Some(spout) = spout else {
                self.tell(format!(
                    "`{}` is not recorded: {TAPS} recordings run, or `--record` has them",
                    path.display()
                ));
                return;
            };
            let path = free(&path);
            let what = (strip.as_str(), record.grid);
            match Recorder::start(spout, what, &path, program.patch.sample_rate, Bits::F32) {
                Ok(recorder) => {
                    self.tell(format!("recording to {}", path.display()));
                    self.running.push(Running { key: record.key, path, recorder });
                }
                Err(why) => self.tell(format!("nothing is recorded: {why}")),
            }
        }
    }

    fn stop(&self, running: Vec<Running>) {
        for Running { path, recorder, .. } in running {
            let (spout, recorded) = recorder.stop();
            self.taps.lock().unwrap_or_else(PoisonError::into_inner).spouts.extend(spout);
            let path = path.display();
            self.tell(match recorded {
                Ok(recorded) if recorded.lost > 0 => {
                    format!("recorded {path}; the disk was too slow, {} frames are missing", recorded.lost)
                }
                Ok(_) => format!("recorded {path}"),
                Err(why) => format!("the recording failed: {why}"),
            });
        }
    }

    fn export(&mut self, export: Export, program: Program) {
        let notify = self.notify.clone();
        let path = export.path.display().to_string();
        let work = move || {
            let options = export.options(program);
            let message = match render(options) {
                Ok(report) => {
                    format!("exported {path}: {:.1} s", report.frames as f64 / f64::from(report.rate))
                }
                Err(why) => format!("the export failed: {why}"),
            };
            let _ = notify.send(Notice::File { message });
        };
        match std::thread::Builder::new().name("modurust-export".into()).spawn(work) {
            Ok(thread) => self.exports.push(thread),
            Err(why) => self.tell(format!("the export failed: {why}")),
        }
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        let running = std::mem::take(&mut self.running);
        self.stop(running);
        // What was asked for is finished: it is faster than real time.
        for thread in self.exports.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The path, or the first like it that is free: `take.wav`, `take-2.wav`.
pub fn free(path: &Path) -> PathBuf {
    let numbered = |n: u32| {
        let mut name = path.file_stem().unwrap_or_default().to_os_string();
        name.push(format!("-{n}"));
        let named = path.with_file_name(name);
        path.extension().map_or(named.clone(), |end| named.with_extension(end))
    };
    let paths = std::iter::once(path.to_path_buf()).chain((2..10_000).map(numbered));
    paths.into_iter().find(|path| !path.exists()).unwrap_or_else(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_is_never_written_over() {
        let dir = std::env::temp_dir().join(format!("modurust-scribe-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("take.wav");
        assert_eq!(free(&path), path);
        std::fs::write(&path, "x").unwrap();
        assert_eq!(free(&path), dir.join("take-2.wav"));
        std::fs::write(dir.join("take-2.wav"), "x").unwrap();
        assert_eq!(free(&path), dir.join("take-3.wav"));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
