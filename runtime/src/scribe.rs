//! Files that the text asks for while it plays: `record master to 'take.wav'` and `export song to 'set.wav'`.
//!
//! A line that is new is carried out once. A recording goes on until its line is taken out or the session ends; it never writes over a
//! file that is there, since a take cannot be played again. An export is rendered by a thread of its own, beside the music.

use crate::command::Notice;
use crate::device::render;
use crate::engine::Taps;
use crate::export::{self, Export, Record};
use crate::meter::Meters;
use crate::recorder::Recorder;
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
    meters: Arc<Meters>,
    notify: Sender<Notice>,
    running: Option<Running>,
    exports: Vec<JoinHandle<()>>,
}

impl Scribe {
    /// Nothing is written yet.
    pub fn new(taps: Arc<Mutex<Taps>>, meters: Arc<Meters>, notify: Sender<Notice>) -> Scribe {
        Scribe { taps, meters, notify, running: None, exports: Vec::new() }
    }

    fn tell(&self, message: String) {
        let _ = self.notify.send(Notice::File { message });
    }

    /// Carries out what a program asks for and the one before did not.
    pub fn follow(&mut self, program: &Program, before: Option<&Program>) {
        let gone = |running: &mut Running| !program.timeline.commands.iter().any(|c| c.key == running.key);
        if let Some(running) = self.running.take_if(gone) {
            self.stop(running);
        }
        for record in export::records(program, before) {
            self.record(record, program.patch.sample_rate);
        }
        self.exports.retain(|thread| !thread.is_finished());
        for export in export::exports(program, before) {
            self.export(export, program.clone());
        }
    }

    fn record(&mut self, record: Record, rate: u32) {
        let Record { take, stems, key } = record;
        if take.strip != "master" || stems.is_some() {
            let strip = take.strip;
            self.tell(format!(
                "only `master` is recorded while it plays; `modurust render` writes `{strip}` and stems"
            ));
            return;
        }
        let ring = self.taps.lock().unwrap_or_else(PoisonError::into_inner).recorder.take();
        let Some(ring) = ring else {
            self.tell(format!("`{}` is not recorded: another recording runs", take.path.display()));
            return;
        };
        let path = free(&take.path);
        match Recorder::start(ring, Arc::clone(&self.meters), &path, rate, Bits::F32) {
            Ok(recorder) => {
                self.tell(format!("recording to {}", path.display()));
                self.running = Some(Running { key, path, recorder });
            }
            Err(why) => self.tell(format!("nothing is recorded: {why}")),
        }
    }

    fn stop(&self, running: Running) {
        let (ring, recorded) = running.recorder.stop();
        self.taps.lock().unwrap_or_else(PoisonError::into_inner).recorder = ring;
        let path = running.path.display();
        self.tell(match recorded {
            Ok(recorded) if recorded.lost > 0 => {
                format!("recorded {path}; the disk was too slow, {} frames are missing", recorded.lost)
            }
            Ok(_) => format!("recorded {path}"),
            Err(why) => format!("the recording failed: {why}"),
        });
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
        if let Some(running) = self.running.take() {
            self.stop(running);
        }
        // What was asked for is finished: it is faster than real time.
        for thread in self.exports.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The path, or the first like it that is free: `take.wav`, `take-2.wav`.
fn free(path: &Path) -> PathBuf {
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
