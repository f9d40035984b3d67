//! Files that the text asks for while it plays: `record master to 'take.wav'` and `export song to 'set.wav'`.
//!
//! A line that is new is carried out once. A recording begins where its line says, at the session's `quantise` if it says nothing, and goes
//! on until its line is taken out or the session ends; several may run, each of its own strip. None writes over a file that is there,
//! since a take cannot be played again. Beside each lies the text that plays, since a take without it is only sound. An export is rendered by a thread of its own, beside the music.

use crate::command::Notice;
use crate::device::{Take, render};
use crate::engine::Taps;
use crate::export::{self, Export, Record};
use crate::meter::Meters;
use crate::preroll::Preroll;
use crate::recorder::{self, Recorder, What};
use crate::tap::TAPS;
use crate::wav::{Bits, WavError};
use modurust_compiler::graph::ir::operands;
use modurust_compiler::graph::{Graph, Node, NodeId, OutKind};
use modurust_compiler::program::Program;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
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
    meters: Arc<Meters>,
    preroll: Option<Preroll>,
    /// Files that play, and what is in them.
    texts: Vec<(String, String)>,
    /// By so many frames sound that comes in is late.
    latency: u64,
}

/// True if something that comes in is heard in a strip.
fn hears_input(graph: &Graph, strip: &str) -> bool {
    let outs = graph.outs.iter().filter(|out| out.kind == OutKind::Track && out.name == strip);
    let mut waiting: Vec<NodeId> = outs.map(|out| out.node).collect();
    let mut seen = vec![false; graph.nodes.len()];
    while let Some(id) = waiting.pop() {
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        let node = graph.node(id);
        match node {
            Node::Input(_) => return true,
            Node::Read(cell) => waiting.extend(graph.cells[cell.index()].next),
            Node::Tap(ring, _) => waiting.extend(graph.rings[ring.index()].input),
            _ => {}
        }
        waiting.extend(operands(node));
    }
    false
}

impl Scribe {
    /// Nothing is written yet. What was played a while ago is kept by `preroll`, if there is one.
    pub fn new(
        taps: Arc<Mutex<Taps>>,
        notify: Sender<Notice>,
        meters: Arc<Meters>,
        preroll: Option<Preroll>,
        latency: u64,
    ) -> Scribe {
        let (running, exports, texts) = (Vec::new(), Vec::new(), Vec::new());
        Scribe { taps, notify, running, exports, meters, preroll, texts, latency }
    }

    /// The texts that play from now on.
    pub fn play(&mut self, texts: Vec<(String, String)>) {
        self.texts = texts;
    }

    /// Writes the last half minute into a file.
    pub fn keep(&mut self, path: &Path, rate: u32) {
        let Some(preroll) = &self.preroll else {
            return self.tell("nothing is kept here: there is no recorder".into());
        };
        let (frames, path, notify) = (preroll.kept(), free(path), self.notify.clone());
        self.beside(&path);
        let work = move || {
            let seconds = frames.len() as f64 / f64::from(rate);
            let message = match recorder::keep(&frames, &path, rate, Bits::F32) {
                Ok(()) => format!("kept the last {seconds:.1} s in {}", path.display()),
                Err(why) => format!("nothing is kept: {why}"),
            };
            let _ = notify.send(Notice::File { message });
        };
        self.work("modurust-keep", work);
    }

    /// Does something beside the music, which is waited for at the end.
    fn work(&mut self, name: &str, work: impl FnOnce() + Send + 'static) {
        match std::thread::Builder::new().name(name.into()).spawn(work) {
            Ok(thread) => self.exports.push(thread),
            Err(why) => self.tell(format!("nothing is written: {why}")),
        }
    }

    /// Puts the texts that play beside a take: `take.modu`, and `take-2.modu` if there are more.
    fn beside(&self, take: &Path) {
        for (_, text) in &self.texts {
            let path = take.with_extension("modu");
            let path =
                if std::fs::read_to_string(&path).is_ok_and(|there| there == *text) { path } else { free(&path) };
            if let Err(why) = std::fs::write(&path, text) {
                self.tell(format!("{}: {why}", path.display()));
            }
        }
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
        self.preroll.iter().for_each(|preroll| preroll.retune(program.patch.sample_rate));
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
        let rate = program.patch.sample_rate;
        // Several begin together, once all of them are ready.
        let from = if takes.len() > 1 { self.meters.frame.load(Relaxed) + u64::from(rate) / 20 } else { 0 };
        for (i, Take { strip, path }) in takes.into_iter().enumerate() {
            let path = free(&path);
            if i == 0 {
                self.beside(&path);
            }
            let notify = self.notify.clone();
            let tell = Box::new(move |message| drop(notify.send(Notice::File { message })));
            if let Some(preroll) = self.preroll.as_ref().filter(|_| record.preroll && strip == "master") {
                let recorder = Recorder::go_on(preroll.follow(), &path, (rate, Bits::F32), tell);
                self.begun(record.key, path, recorder);
                continue;
            }
            let spout = self.taps.lock().unwrap_or_else(PoisonError::into_inner).spouts.pop();
            let Some(spout) = spout else {
                self.tell(format!(
                    "`{}` is not recorded: {TAPS} recordings run, or `--record` has them",
                    path.display()
                ));
                return;
            };
            // Of the whole, which hears everything, only a part is late.
            let late = if strip != "master" && hears_input(&program.patch.graph, &strip) { self.latency } else { 0 };
            let what = What { strip: &strip, grid: record.grid, from, late };
            let recorder = Recorder::start(spout, what, &path, (rate, Bits::F32), tell);
            self.begun(record.key, path, recorder);
        }
    }

    fn begun(&mut self, key: u64, path: PathBuf, recorder: Result<Recorder, WavError>) {
        match recorder {
            Ok(recorder) => {
                self.tell(format!("recording to {}", path.display()));
                self.running.push(Running { key, path, recorder });
            }
            Err(why) => self.tell(format!("nothing is recorded: {why}")),
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
                Err(why) => format!("the recording ended before: {why}"),
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
        self.work("modurust-export", work);
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
