//! The sound behind a sample of a graph: words in a row that nobody writes any more.
//!
//! Code sees the words by their number ([`crate::graph::Node::Peek`]) and knows nothing of what they mean. What they mean is agreed
//! between [`SampleMemory::of`] and the library (`stdlib/sample.modu`): how many files there are, for each file its length in frames
//! and where it begins in sixteens of words, then the frames in pairs, with silence between files so that what reads between
//! frames needs no borders. Numbers are floats, so that all words are of one kind; lengths and places are whole and exact.

use crate::exec::clean;

/// Words of silence around each file, at least.
const GAP: usize = 16;

/// Recorded sound, or nothing. Shared by the programs that play it, and freed off the audio thread.
#[derive(PartialEq, Eq)]
pub struct SampleMemory {
    /// How many words follow, then the words.
    words: Box<[u32]>,
    hash: u64,
}

impl SampleMemory {
    /// Words as they are; what is not finite becomes 0, so that none of it can stick in a filter.
    pub fn new(words: &[f32]) -> SampleMemory {
        let words = &words[..words.len().min(i32::MAX as usize)];
        let bits = words.iter().map(|&x| clean(x).to_bits());
        let words: Box<[u32]> = std::iter::once(words.len() as u32).chain(bits).collect();
        let step = |h: u64, w: &u32| (h ^ u64::from(*w)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = words.iter().fold(0xcbf2_9ce4_8422_2325, step);
        SampleMemory { words, hash }
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
            Some(&word) => f32::from_bits(word),
            None => 0.0,
        }
    }

    /// Hash of the content.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Where the count is that the words follow.
    pub(crate) fn pointer(&self) -> *const u32 {
        self.words.as_ptr()
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
}
