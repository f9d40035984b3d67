//! Files of sound: decoded, brought to the session's rate, kept.
//!
//! A [`Bank`] answers at once. Offline it decodes where it is asked, since a render waits for its sounds. Live it has a worker: what
//! is asked for and not there is decoded in the background, and until then the old sound of a changed file plays on, or nothing does.
//! When it is there the text is compiled again, which makes no code; the program differs in its sounds alone and comes in under
//! the fade of a swap. The callback sees nothing of all this but pointers that hold.
//!
//! Decoding is Symphonia's work, resampling rubato's. A file that breaks off is played as far as it goes.

use modurust_compiler::exec::SampleMemory;
use rubato::{FftFixedIn, Resampler};
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use symphonia::core::audio::SampleBuffer;
use symphonia::core::errors::Error;
use symphonia::core::io::MediaSourceStream;
use symphonia::core::probe::Hint;

/// Longest file, seconds; all of it is held in memory.
pub const LONGEST: u64 = 600;
/// Frames that the resampler takes at once.
const CHUNK: usize = 1024;

/// What a file was when it was decoded: length and time of its last change.
type Stamp = (u64, Option<SystemTime>);
/// Files one after another, at a rate.
type Key = (Vec<String>, u32);

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
        (memory, complaints): (SampleMemory, Vec<String>),
    ) -> Arc<SampleMemory> {
        let memory = Arc::new(memory);
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
                let loaded = load(&key.0, key.1);
                own.lock().unwrap_or_else(PoisonError::into_inner).put(key, stamps, loaded);
                ready();
            }
        })?;
        Ok(Bank { inner, worker: Some(worker) })
    }

    /// The sound of files at a rate, one after another. Empty while a worker is at it, or when there is none.
    pub fn get(&self, files: &[String], rate: u32) -> Arc<SampleMemory> {
        let stamps: Vec<Stamp> = files.iter().map(|file| stamp(file)).collect();
        let key = (files.to_vec(), rate);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = inner.entries.get(&key)
            && entry.stamps == stamps
        {
            return Arc::clone(&entry.memory);
        }
        let Some(worker) = &self.worker else {
            let loaded = load(files, rate);
            return inner.put(key, stamps, loaded);
        };
        let nothing = || Entry { stamps: Vec::new(), memory: Arc::new(SampleMemory::empty()), asked: Vec::new() };
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
        std::mem::take(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner).complaints)
    }
}

fn stamp(file: &str) -> Stamp {
    std::fs::metadata(file).map_or((0, None), |m| (m.len(), m.modified().ok()))
}

/// Decodes files; what cannot be decoded is an empty file and a complaint. A file that is not there is told by the compiler.
fn load(files: &[String], rate: u32) -> (SampleMemory, Vec<String>) {
    let mut complaints = Vec::new();
    let mut sounds = Vec::with_capacity(files.len());
    for file in files.iter() {
        let path = Path::new(file);
        sounds.push(if path.is_file() {
            // A decoder that panics on a broken file is a complaint, not an end.
            let read = std::panic::catch_unwind(|| read(path, rate)).unwrap_or_else(|_| Err("it is damaged".into()));
            read.unwrap_or_else(|why| {
                complaints.push(format!("`{file}` cannot be played: {why}"));
                Vec::new()
            })
        } else {
            Vec::new()
        });
    }
    if sounds.iter().all(Vec::is_empty) {
        return (SampleMemory::empty(), complaints);
    }
    (SampleMemory::of(&sounds), complaints)
}

/// A file as stereo frames at a rate. More channels than two are mixed to the sides in turn.
pub fn read(path: &Path, rate: u32) -> Result<Vec<[f32; 2]>, String> {
    let why = |error: Error| match error {
        Error::IoError(error) => error.to_string(),
        Error::Unsupported(what) => format!("this kind of file is not known ({what})"),
        other => other.to_string(),
    };
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let mut hint = Hint::new();
    if let Some(end) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(end);
    }
    let probe = symphonia::default::get_probe();
    let probed = probe.format(&hint, stream, &Default::default(), &Default::default()).map_err(why)?;
    let mut format = probed.format;
    let track = format.default_track().ok_or("it holds no sound")?;
    let id = track.id;
    let mut decoder = symphonia::default::get_codecs().make(&track.codec_params, &Default::default()).map_err(why)?;
    let (mut frames, mut own) = (Vec::<[f32; 2]>::new(), rate);
    // What breaks off is played as far as it goes.
    while let Ok(packet) = format.next_packet() {
        if packet.track_id() != id {
            continue;
        }
        let decoded = match decoder.decode(&packet) {
            Ok(decoded) => decoded,
            Err(Error::DecodeError(_)) => continue,
            Err(_) => break,
        };
        let spec = *decoded.spec();
        let channels = spec.channels.count();
        if channels == 0 || !(1000..=768_000).contains(&spec.rate) {
            return Err("it has no channels, or an impossible rate".into());
        }
        own = spec.rate;
        let mut buffer = SampleBuffer::<f32>::new(decoded.capacity() as u64, spec);
        buffer.copy_interleaved_ref(decoded);
        frames.extend(buffer.samples().chunks_exact(channels).map(stereo));
        if frames.len() as u64 > LONGEST * u64::from(own) {
            return Err(format!("it is longer than {} minutes", LONGEST / 60));
        }
    }
    if frames.is_empty() {
        return Err("it holds no sound".into());
    }
    if own == rate { Ok(frames) } else { resample(&frames, own, rate).map_err(|e| e.to_string()) }
}

fn stereo(frame: &[f32]) -> [f32; 2] {
    match frame {
        [x] => [*x; 2],
        [l, r] => [*l, *r],
        more => std::array::from_fn(|side| more.iter().skip(side).step_by(2).sum()),
    }
}

/// From one rate to another, in step with the original: frame `i` is what sounded `i / to` seconds after the beginning.
fn resample(frames: &[[f32; 2]], from: u32, to: u32) -> Result<Vec<[f32; 2]>, Box<dyn std::error::Error>> {
    let mut resampler = FftFixedIn::<f32>::new(from as usize, to as usize, CHUNK, 2, 2)?;
    let wanted = (frames.len() as u64 * u64::from(to)).div_ceil(u64::from(from)) as usize;
    let late = resampler.output_delay();
    let mut out: Vec<[f32; 2]> = Vec::with_capacity(wanted + late + 2 * CHUNK);
    let mut at = 0;
    while out.len() < wanted + late {
        let n = resampler.input_frames_next();
        let side =
            |c: usize| -> Vec<f32> { (at..at + n).map(|i| frames.get(i).map_or(0.0, |frame| frame[c])).collect() };
        let sides = resampler.process(&[side(0), side(1)], None)?;
        out.extend(sides[0].iter().zip(&sides[1]).map(|(&l, &r)| [l, r]));
        at += n;
    }
    out.drain(..late);
    out.truncate(wanted);
    Ok(out)
}
