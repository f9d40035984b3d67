//! Long files, read from disk while they play.
//!
//! The sound lies in pages ([`SampleMemory::paged`]). A thread looks every few milliseconds which page is played, brings those ahead
//! of it in the direction of play, and takes away what lies far off. The first second is always there, so that a file begins at once and
//! goes round without a hole. The audio side reads what is there, tells where it is, and never waits: a page that comes too late is
//! silence, and counted. The thread ends with the last holder of the memory.
//!
//! A file of another rate is resampled piece by piece, each with some frames before it that are thrown away, so that a page is the
//! same wherever reading began.

use crate::decode::{Frame, Source, read, resample};
use modurust_compiler::exec::{PAGE, SampleMemory};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Pages that are brought ahead of the playhead: four seconds at 48 kHz.
const AHEAD: i64 = 48;
/// Pages that are kept behind it.
const BEHIND: i64 = 8;
/// First pages of the file, which stay.
const FIRST: usize = 12;
/// Pages that there is room for.
const ROOM: usize = 96;
/// How often the thread looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long a page that was taken away is left alone: a quantum that reads it is over by then.
const REST: Duration = Duration::from_millis(100);
/// Frames before a piece that is resampled, and pages of a piece.
const WARM: u64 = 8192;
const PIECE: usize = 8;

/// Opens a file to be streamed at a rate. Its first pages are there when it comes back; `live` starts the thread that brings the
/// others, else all are there. `key` is the number of the playhead and the rate.
pub fn open(path: &Path, (head, rate): (u32, u32), live: bool) -> Result<Arc<SampleMemory>, String> {
    let mut source = Source::open(path)?;
    let told = source.frames.filter(|n| *n > 0).zip(source.rate);
    let hash = hash_of(path, head);
    let Some((frames, own)) = told.filter(|_| live) else {
        return whole(path, source, rate, hash);
    };
    let total = (u128::from(frames) * u128::from(rate)).div_ceil(u128::from(own)) as u64;
    // A file that cannot be gone back in is held as a whole.
    if source.seek(0).is_err() {
        return whole(path, Source::open(path)?, rate, hash);
    }
    let memory = Arc::new(SampleMemory::paged(total, ROOM, hash));
    let mut pager = Pager {
        path: path.to_path_buf(),
        source,
        rates: (own, rate),
        pages: total.div_ceil(PAGE as u64) as usize,
        at: None,
        pending: Vec::new(),
        ready: BTreeMap::new(),
        placed: BTreeMap::new(),
        free: (0..ROOM).collect(),
        resting: VecDeque::new(),
    };
    for page in 0..FIRST.min(pager.pages) {
        pager.bring(&memory, page);
    }
    let held = Arc::downgrade(&memory);
    std::thread::Builder::new()
        .name("modurust-stream".into())
        .spawn(move || pager.run(&held))
        .map_err(|why| why.to_string())?;
    Ok(memory)
}

/// All of a file in pages that stay.
fn whole(path: &Path, mut source: Source, rate: u32, hash: u64) -> Result<Arc<SampleMemory>, String> {
    let mut sound = Vec::new();
    while source.more(&mut sound)? {
        if sound.len() as u64 > 4 * 3600 * 48_000 {
            return Err("it is longer than four hours".into());
        }
    }
    let own = source.rate.unwrap_or(rate);
    if own != rate {
        sound = resample(&sound, own, rate).map_err(|e| e.to_string())?;
    }
    if sound.is_empty() {
        return Err(read(path, rate).err().unwrap_or_else(|| "it holds no sound".into()));
    }
    let memory = SampleMemory::paged(sound.len() as u64, sound.len().div_ceil(PAGE), hash);
    for (page, frames) in sound.chunks(PAGE).enumerate() {
        memory.place(page, page, frames);
    }
    Ok(Arc::new(memory))
}

/// What tells this sound from others: the file as it is now, and who plays it.
fn hash_of(path: &Path, head: u32) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    let data = std::fs::metadata(path).ok();
    (path, head, data.as_ref().map(std::fs::Metadata::len)).hash(&mut hasher);
    data.and_then(|d| d.modified().ok()).hash(&mut hasher);
    hasher.finish()
}

/// Brings pages.
struct Pager {
    path: PathBuf,
    source: Source,
    /// The file's, and that of the session.
    rates: (u32, u32),
    pages: usize,
    /// The frame of the file that the decoder yields next, behind what is pending.
    at: Option<u64>,
    pending: Vec<Frame>,
    /// Pages that are decoded and have no room yet.
    ready: BTreeMap<usize, Vec<Frame>>,
    /// Pages that are there, and in which room.
    placed: BTreeMap<usize, usize>,
    free: Vec<usize>,
    /// Rooms that may still be read.
    resting: VecDeque<(Instant, usize)>,
}

impl Pager {
    fn run(mut self, held: &Weak<SampleMemory>) {
        let (mut last, mut backwards) = (0, false);
        loop {
            let Some(memory) = held.upgrade() else { return };
            let head = (memory.head() as usize).min(self.pages.saturating_sub(1));
            if head != last {
                // A jump is no direction.
                backwards = head + 1 == last || (backwards && head < last && last - head < AHEAD as usize);
                last = head;
            }
            let busy = self.follow(&memory, head, backwards);
            drop(memory);
            if !busy {
                std::thread::sleep(LOOK);
            }
        }
    }

    /// Brings the next page that is wanted. False if all are there.
    fn follow(&mut self, memory: &SampleMemory, head: usize, backwards: bool) -> bool {
        while self.resting.front().is_some_and(|(since, _)| since.elapsed() > REST) {
            self.free.extend(self.resting.pop_front().map(|(_, room)| room));
        }
        let (ahead, behind) = if backwards { (BEHIND, AHEAD) } else { (AHEAD, BEHIND) };
        let near = |page: usize| {
            let far = page as i64 - head as i64;
            page < FIRST || (-behind..=ahead).contains(&far)
        };
        let away: Vec<usize> = self.placed.keys().copied().filter(|page| !near(*page)).collect();
        for page in away {
            memory.forget(page);
            if let Some(room) = self.placed.remove(&page) {
                self.resting.push_back((Instant::now(), room));
            }
        }
        self.ready.retain(|page, _| near(*page));
        let there = |n: i64| {
            let page = head as i64 + if backwards { -n } else { n };
            usize::try_from(page).ok().filter(|page| *page < self.pages && !self.placed.contains_key(page))
        };
        // A file that goes round comes back to its first pages, which are there.
        let Some(page) = (0..AHEAD).find_map(there) else { return false };
        self.bring(memory, page)
    }

    /// Puts a page where it can be read. False if there is no room now.
    fn bring(&mut self, memory: &SampleMemory, page: usize) -> bool {
        let Some(room) = self.free.pop() else { return false };
        if !self.ready.contains_key(&page) {
            self.decode(page);
        }
        let sound = self.ready.remove(&page).unwrap_or_default();
        memory.place(page, room, &sound);
        self.placed.insert(page, room);
        true
    }

    /// Decodes a page and some after it.
    fn decode(&mut self, page: usize) {
        let (own, rate) = self.rates;
        let (from, to) = ((page * PAGE) as u64, ((page + PIECE) * PAGE) as u64);
        if own == rate {
            let sound = self.frames(from, to);
            self.keep(page, &sound);
            return;
        }
        // Whole steps of the resampler, so that every piece falls on the same grid.
        let common = gcd(own, rate);
        let (step_in, step_out) = (u64::from(own / common), u64::from(rate / common));
        let first = from.saturating_sub(WARM) / step_out;
        let last = (to + WARM).div_ceil(step_out);
        let sound = self.frames(first * step_in, last * step_in);
        let Ok(sound) = resample(&sound, own, rate) else { return };
        let skip = (from - first * step_out) as usize;
        self.keep(page, sound.get(skip..(skip + PIECE * PAGE).min(sound.len())).unwrap_or(&[]));
    }

    fn keep(&mut self, page: usize, sound: &[Frame]) {
        for (i, frames) in sound.chunks(PAGE).enumerate() {
            self.ready.insert(page + i, frames.to_vec());
        }
    }

    /// Frames of the file; what cannot be read is missing at the end.
    fn frames(&mut self, from: u64, to: u64) -> Vec<Frame> {
        let begin = self.at.map(|at| at - self.pending.len() as u64);
        let within = begin.zip(self.at).is_some_and(|(begin, at)| begin <= from && from <= at + 4 * PAGE as u64);
        if !within {
            self.pending.clear();
            self.at = self.source.seek(from).ok();
            if self.at.is_none() {
                // Some files cannot be gone about in once they have ended.
                self.source = match Source::open(&self.path) {
                    Ok(source) => source,
                    Err(_) => return Vec::new(),
                };
                self.at = self.source.seek(from).ok();
            }
        }
        let Some(mut at) = self.at else { return Vec::new() };
        while at < to {
            let before = self.pending.len();
            match self.source.more(&mut self.pending) {
                Ok(true) => at += (self.pending.len() - before) as u64,
                _ => break,
            }
        }
        self.at = Some(at);
        let begin = at - self.pending.len() as u64;
        let cut = |frame: u64| (frame.saturating_sub(begin) as usize).min(self.pending.len());
        let sound = self.pending[cut(from)..cut(to)].to_vec();
        // What lies far behind is not asked for again.
        self.pending.drain(..cut(to.saturating_sub(2 * WARM)));
        sound
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
