//! A window on the sound of one output: its last frames, for whoever wants to draw them, without locks.
//!
//! The audio side writes into a ring of atomic words while somebody looks ([`Scope::open`]), and does nothing otherwise. The ring is
//! twice as long as what may be asked for, so what is read is not written over meanwhile; a reader that pauses for longer than that sees
//! a seam in the picture and nothing worse.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// Most frames that can be asked for.
pub const FRAMES: usize = 8192;
const ROOM: usize = 2 * FRAMES;
const CLOSED: u32 = u32::MAX;

/// The window.
#[derive(Debug)]
pub struct Scope {
    out: AtomicU32,
    /// Frames since it was opened.
    written: AtomicU64,
    words: Box<[[AtomicU32; 2]]>,
}

impl Default for Scope {
    fn default() -> Scope {
        let words = (0..ROOM).map(|_| Default::default()).collect();
        Scope { out: AtomicU32::new(CLOSED), written: AtomicU64::new(0), words }
    }
}

impl Scope {
    /// Looks at an output of the program that plays, from the next quantum on.
    pub fn open(&self, out: usize) {
        self.out.store(CLOSED, Release);
        self.written.store(0, Release);
        self.out.store(u32::try_from(out).unwrap_or(CLOSED), Release);
    }

    /// Looks no longer.
    pub fn close(&self) {
        self.out.store(CLOSED, Release);
    }

    /// The output that is looked at.
    pub fn opened(&self) -> Option<usize> {
        Some(self.out.load(Acquire)).filter(|out| *out != CLOSED).map(|out| out as usize)
    }

    /// Frames since it was opened.
    pub fn written(&self) -> u64 {
        self.written.load(Acquire)
    }

    /// The last frames, at most so many and at most [`FRAMES`], oldest first.
    pub fn read(&self, frames: usize) -> Vec<[f32; 2]> {
        let written = self.written();
        let count = written.min(frames.min(FRAMES) as u64);
        let word = |at: u64| self.words[at as usize % ROOM].each_ref().map(|word| f32::from_bits(word.load(Relaxed)));
        (written - count..written).map(word).collect()
    }

    /// Adds a quantum of an output, `[frame][2]` words.
    pub(crate) fn show(&self, out: usize, words: &[f32]) {
        if self.out.load(Relaxed) as usize != out {
            return;
        }
        let written = self.written.load(Relaxed);
        for (at, frame) in (written..).zip(words.chunks_exact(2)) {
            for (to, word) in self.words[at as usize % ROOM].iter().zip(frame) {
                to.store(word.to_bits(), Relaxed);
            }
        }
        self.written.store(written + words.len() as u64 / 2, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_frames_are_seen_while_it_is_open() {
        let scope = Scope::default();
        let quantum = |n: u32| -> Vec<f32> { (0..128).map(|i| (n * 128 + i) as f32).collect() };
        scope.show(3, &quantum(0));
        assert!(scope.read(10).is_empty());
        scope.open(3);
        for n in 0..400 {
            scope.show(3, &quantum(n));
            scope.show(4, &quantum(1000));
        }
        assert_eq!(scope.written(), 400 * 64);
        assert_eq!(scope.read(2), [[51_196.0, 51_197.0], [51_198.0, 51_199.0]]);
        let all = scope.read(1 << 20);
        assert_eq!(all.len(), FRAMES);
        assert!(all.windows(2).all(|w| w[1][0] == w[0][0] + 2.0 && w[0][1] == w[0][0] + 1.0));
        scope.close();
        scope.show(3, &quantum(7));
        assert_eq!(scope.written(), 400 * 64);
    }
}
