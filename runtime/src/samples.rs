//! Files of sound: decoded, brought to the session's rate, kept.
//!
//! A [`Bank`] answers at once. Offline it decodes where it is asked, since a render waits for its sounds. Live it has a worker: what
//! is asked for and not there is decoded in the background, and until then the old sound of a changed file plays on, or nothing does.
//! When it is there the text is compiled again, which makes no code; the program differs in its sounds alone and comes in under
//! the fade of a swap. The callback sees nothing of all this but pointers that hold.
//!
//! A file that is too long to be held is read from disk while it plays (`stream`); offline all of it is there.

pub use crate::decode::{LONGEST, read};
use crate::stream;
use crate::stretch::{align, stretch};
use modurust_compiler::exec::SampleMemory;
use modurust_compiler::graph::Sample;
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What a file was when it was decoded: length and time of its last change.
type Stamp = (u64, Option<SystemTime>);
/// A sample at a rate.
type Key = (Sample, u32);
/// What [`Sample::stretch`] is for a sample as it was recorded.
const AS_IT_IS: u32 = 1_000_000;

#[derive(Clone)]
struct Entry {
    stamps: Vec<Stamp>,
    memory: Arc<SampleMemory>,
    /// The newest stamps that the worker was asked for.
    asked: Vec<Stamp>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    complaints: Vec<String>,
}

impl Inner {
    fn put(
        &mut self,
        key: Key,
        stamps: Vec<Stamp>,
        (memory, complaints): (Arc<SampleMemory>, Vec<String>),
    ) -> Arc<SampleMemory> {
        self.complaints.extend(complaints);
        self.entries.insert(key, Entry { asked: stamps.clone(), stamps, memory: Arc::clone(&memory) });
        memory
    }
}

/// Decoded files by their names.
#[derive(Clone, Default)]
pub struct Bank {
    inner: Arc<Mutex<Inner>>,
    worker: Option<Sender<(Key, Vec<Stamp>)>>,
}

impl std::fmt::Debug for Bank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.worker.is_some() { "a bank with a worker" } else { "a bank" })
    }
}

impl Bank {
    /// A bank that decodes where it is asked.
    pub fn new() -> Bank {
        Bank::default()
    }

    /// A bank that decodes in the background and calls `ready` whenever something has come. Its thread ends with the last handle.
    pub fn with_worker(ready: impl Fn() + Send + 'static) -> std::io::Result<Bank> {
        let (worker, jobs) = channel::<(Key, Vec<Stamp>)>();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let own = Arc::clone(&inner);
        std::thread::Builder::new().name("modurust-samples".into()).spawn(move || {
            while let Ok((key, stamps)) = jobs.recv() {
                let loaded = load(&key.0, key.1, true);
                own.lock().unwrap_or_else(PoisonError::into_inner).put(key, stamps, loaded);
                ready();
            }
        })?;
        Ok(Bank { inner, worker: Some(worker) })
    }

    /// The sound of a sample at a rate. Empty while a worker is at it, or when there is none; a file that is to be stretched
    /// otherwise than before plays on as it was until that is done.
    pub fn get(&self, sample: &Sample, rate: u32) -> Arc<SampleMemory> {
        let files = &sample.files;
        let stamps: Vec<Stamp> = files.iter().map(|file| stamp(file)).collect();
        let key = (sample.clone(), rate);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = inner.entries.get(&key)
            && entry.stamps == stamps
        {
            return Arc::clone(&entry.memory);
        }
        let Some(worker) = &self.worker else {
            let loaded = load(sample, rate, false);
            return inner.put(key, stamps, loaded);
        };
        let like = inner.entries.iter().find(|((known, at), entry)| {
            known.files == *files
                && known.head == sample.head
                && *at == rate
                && entry.stamps == stamps
                && !entry.memory.is_empty()
        });
        let memory = like.map_or_else(|| Arc::new(SampleMemory::empty()), |(_, entry)| Arc::clone(&entry.memory));
        let nothing = || Entry { stamps: Vec::new(), memory, asked: Vec::new() };
        let entry = inner.entries.entry(key.clone()).or_insert_with(nothing);
        if entry.asked != stamps {
            entry.asked.clone_from(&stamps);
            let memory = Arc::clone(&entry.memory);
            let there = files.iter().find(|file| Path::new(file.as_str()).is_file());
            if let Some(file) = there.filter(|_| memory.is_empty()) {
                inner.complaints.push(format!("`{file}` is being read; it is silent until then"));
            }
            let _ = worker.send((key, stamps));
            return memory;
        }
        Arc::clone(&entry.memory)
    }

    /// What could not be played, and why; each is told once.
    pub fn take_complaints(&self) -> Vec<String> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut complaints = std::mem::take(&mut inner.complaints);
        for ((sample, rate), entry) in inner.entries.iter().filter(|((sample, _), _)| sample.head > 0) {
            let missed = entry.memory.take_missed();
            if let (1.., Some(file)) = (missed, sample.files.first()) {
                let ms = missed as f64 / f64::from(*rate) * 1e3;
                complaints.push(format!("`{file}` was read too late: {ms:.0} ms of it were silent"));
            }
        }
        complaints
    }
}

fn stamp(file: &str) -> Stamp {
    std::fs::metadata(file).map_or((0, None), |m| (m.len(), m.modified().ok()))
}

/// Decodes files; what cannot be decoded is an empty file and a complaint. A file that is not there is told by the compiler.
fn load(sample: &Sample, rate: u32, live: bool) -> (Arc<SampleMemory>, Vec<String>) {
    let mut complaints = Vec::new();
    if let (1.., Some(file)) = (sample.head, sample.files.first()) {
        let opened = std::panic::catch_unwind(|| stream::open(Path::new(file), (sample.head, rate), live));
        let opened = opened.unwrap_or_else(|_| Err("it is damaged".into()));
        let memory = opened.unwrap_or_else(|why| {
            complaints.push(format!("`{file}` cannot be played: {why}"));
            Arc::new(SampleMemory::empty())
        });
        return (memory, complaints);
    }
    let mut sounds = Vec::with_capacity(sample.files.len());
    for file in &sample.files {
        let path = Path::new(file);
        sounds.push(if path.is_file() {
            // A decoder that panics on a broken file is a complaint, not an end.
            let read = std::panic::catch_unwind(|| read(path, rate)).unwrap_or_else(|_| Err("it is damaged".into()));
            let sound = read.unwrap_or_else(|why| {
                complaints.push(format!("`{file}` cannot be played: {why}"));
                Vec::new()
            });
            let frames = |moment: u32| f64::from(moment) * f64::from(rate) / 1e6;
            let anchors: Vec<_> = sample.anchors.iter().map(|[from, to]| (frames(*from), frames(*to))).collect();
            match sample.stretch {
                _ if !anchors.is_empty() => align(&sound, &anchors, rate),
                AS_IT_IS => sound,
                millionths => stretch(&sound, f64::from(millionths) / f64::from(AS_IT_IS), rate),
            }
        } else {
            Vec::new()
        });
    }
    if sounds.iter().all(Vec::is_empty) {
        return (Arc::new(SampleMemory::empty()), complaints);
    }
    (Arc::new(SampleMemory::of(&sounds)), complaints)
}

/// True for a file that is read from disk while it plays: decoded it would fill memory for minutes of sound.
pub fn is_long(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or("").to_ascii_lowercase();
    let most = match end.as_str() {
        "mp3" | "ogg" => 4 << 20,
        "flac" => 20 << 20,
        _ => 40 << 20,
    };
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() > most)
}
