//! The sound behind a sample of a graph: words in a row that code only reads.
//!
//! Code sees the words by their number ([`crate::graph::Node::Peek`]) and knows nothing of what they mean. What they mean is agreed
//! between this file and the library (`stdlib/sample.modu`). Held in memory ([`SampleMemory::of`]): how many files there are, for each
//! file its length in frames and where it begins in sixteens of words, then the frames in pairs, with silence between files so that
//! what reads between frames needs no borders. Read from disk on the way ([`SampleMemory::paged`]): how long it is, then for every
//! page of [`PAGE`] frames where it is, then room for some pages. Numbers are floats, so that all words are of one kind.
//!
//! A thread of the control side brings pages and takes them away while code reads. Words are atomic, a page is told only when it is
//! there, and room is used again only long after its page was taken away ([`SampleMemory::forget`]), so nobody waits for anybody.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::exec::clean;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Words of silence around each file, at least.
const GAP: usize = 16;
/// Frames of a page.
pub const PAGE: usize = 4096;

/// Recorded sound, or nothing. Shared by the programs that play it, and freed off the audio thread.
pub struct SampleMemory {
    /// How many words follow, then the words.
    words: Box<[AtomicU32]>,
    hash: u64,
    /// Of paged memory: the page that is played, and frames that were not there in time.
    head: AtomicU32,
    missed: AtomicU64,
}

/// FNV-1a over words.
fn hash_of(words: impl Iterator<Item = u32>) -> u64 {
    words.fold(0xcbf2_9ce4_8422_2325, |h, w| (h ^ u64::from(w)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl SampleMemory {
    /// Words as they are; what is not finite becomes 0, so that none of it can stick in a filter.
    pub fn new(words: &[f32]) -> SampleMemory {
        let words = &words[..words.len().min(i32::MAX as usize)];
        let bits = || std::iter::once(words.len() as u32).chain(words.iter().map(|&x| clean(x).to_bits()));
        SampleMemory {
            words: bits().map(AtomicU32::new).collect(),
            hash: hash_of(bits()),
            head: AtomicU32::new(0),
            missed: AtomicU64::new(0),
        }
    }

    /// Files of stereo frames, one after another.
    pub fn of(files: &[Vec<[f32; 2]>]) -> SampleMemory {
        let aligned = |n: usize| n.next_multiple_of(GAP);
        let mut begin = aligned(1 + 2 * files.len()) + GAP;
        let mut words = vec![files.len() as f32];
        for file in files {
            words.extend([file.len() as f32, (begin / GAP) as f32]);
            begin = aligned(begin + 2 * file.len()) + GAP;
        }
        for file in files {
            words.resize(aligned(words.len()) + GAP, 0.0);
            words.extend(file.iter().flatten());
        }
        words.resize(aligned(words.len()) + GAP, 0.0);
        SampleMemory::new(&words)
    }

    /// Room for `room` pages of a sound of so many frames, none of which is there yet. `hash` tells it from other sounds.
    pub fn paged(frames: u64, room: usize, hash: u64) -> SampleMemory {
        let pages = frames.div_ceil(PAGE as u64) as usize;
        // Behind the last page there is one that never comes.
        let base = (GAP + pages + 1).next_multiple_of(GAP);
        let mut words = vec![0.0; base + room * 2 * PAGE];
        let split = [frames / PAGE as u64, frames % PAGE as u64].map(|x| x as f32);
        words[..5].copy_from_slice(&[1.0, frames as f32, split[0], split[1], (base / GAP) as f32]);
        SampleMemory { hash, ..SampleMemory::new(&words) }
    }

    /// Puts a page into a room and tells that it is there.
    pub fn place(&self, page: usize, room: usize, sound: &[[f32; 2]]) {
        let base = self.get(4) as usize * GAP + 1 + room * 2 * PAGE;
        let padded = sound.iter().chain(std::iter::repeat(&[0.0; 2]));
        for (i, x) in padded.take(PAGE).flatten().enumerate() {
            if let Some(word) = self.words.get(base + i) {
                word.store(clean(*x).to_bits(), Ordering::Relaxed);
            }
        }
        self.tell(page, (room + 1) as f32);
    }

    /// Tells that a page is not there any more. Its room may be used again when no quantum is left that began before.
    pub fn forget(&self, page: usize) {
        self.tell(page, 0.0);
    }

    fn tell(&self, page: usize, place: f32) {
        if let Some(word) = self.words.get(1 + GAP + page) {
            word.store(place.to_bits(), Ordering::Release);
        }
    }

    /// Told by the audio side: the page that is played, and how many frames were not there in time.
    pub fn follow(&self, page: u32, missed: u64) {
        self.head.store(page, Ordering::Relaxed);
        if missed > 0 {
            self.missed.fetch_add(missed, Ordering::Relaxed);
        }
    }

    /// The page that is played.
    pub fn head(&self) -> u32 {
        self.head.load(Ordering::Relaxed)
    }

    /// Frames that were not there in time, since the last call.
    pub fn take_missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }

    /// Nothing, as of a file that is not there yet.
    pub fn empty() -> SampleMemory {
        SampleMemory::new(&[])
    }

    /// True if there is no sound in it.
    pub fn is_empty(&self) -> bool {
        self.words.len() == 1
    }

    /// The word at an index; 0 outside.
    pub fn get(&self, index: i32) -> f32 {
        match usize::try_from(index).ok().and_then(|i| self.words[1..].get(i)) {
            Some(word) => f32::from_bits(word.load(Ordering::Relaxed)),
            None => 0.0,
        }
    }

    /// Hash of the content; of paged memory, what was given as that.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Where the count is that the words follow.
    pub(crate) fn pointer(&self) -> *const u32 {
        self.words.as_ptr().cast()
    }
}

impl std::fmt::Debug for SampleMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} words, {:016x}", self.words.len() - 1, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_where_the_first_words_say() {
        let files = vec![vec![[1.0, 2.0]; 5], vec![[3.0, f32::NAN]; 40]];
        let memory = SampleMemory::of(&files);
        assert_eq!(memory.get(0), 2.0);
        for (k, file) in files.iter().enumerate() {
            assert_eq!(memory.get(1 + 2 * k as i32), file.len() as f32);
            let begin = memory.get(2 + 2 * k as i32) as i32 * 16;
            let end = begin + 2 * file.len() as i32;
            assert_eq!((memory.get(begin), memory.get(end - 2)), (file[0][0], file[0][0]));
            // Silence on both sides, further than anything reads between frames.
            assert!((1..=8).all(|i| memory.get(end - 1 + i) == 0.0 && memory.get(begin - i) == 0.0), "{k}");
        }
        assert_eq!(memory.get(memory.get(4) as i32 * 16 + 1), 0.0, "what is no number is silence");
        assert_eq!((memory.get(-1), memory.get(i32::MAX), memory.get(i32::MIN)), (0.0, 0.0, 0.0));
        assert!(SampleMemory::empty().is_empty() && SampleMemory::empty().hash() != memory.hash());
    }

    #[test]
    fn pages_come_and_go() {
        let frames = 3 * PAGE as u64 + 100;
        let memory = SampleMemory::paged(frames, 2, 7);
        assert_eq!((memory.get(2), memory.get(3), memory.hash()), (3.0, 100.0, 7));
        let base = memory.get(4) as i32 * 16;
        assert!((0..5).all(|page| memory.get(16 + page) == 0.0));
        memory.place(3, 1, &[[0.25, 0.5]; 100]);
        assert_eq!(memory.get(19), 2.0);
        let at = base + 2 * PAGE as i32;
        assert_eq!((memory.get(at), memory.get(at + 199), memory.get(at + 200)), (0.25, 0.5, 0.0));
        memory.forget(3);
        assert_eq!(memory.get(19), 0.0);
        // What is out of range is left alone.
        memory.place(1 << 20, 1 << 20, &[[1.0; 2]]);
        memory.follow(2, 64);
        assert_eq!((memory.head(), memory.take_missed(), memory.take_missed()), (2, 64, 0));
    }
}
