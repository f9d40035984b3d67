//! Whole quanta in, blocks of any size out.
//!
//! Generated code always computes [`QUANTUM`] frames, aligned to the engine's own count. A device asks for what it likes. This
//! buffer stands between: it holds one quantum and hands out its frames, asking for the next when it is empty. Output bits
//! therefore do not depend on the sizes of blocks. It adds no delay, since a quantum is computed when its first frame is wanted.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use modurust_compiler::graph::QUANTUM;

/// One quantum of stereo and how much of it has been handed out.
#[derive(Debug)]
pub struct Fifo {
    frames: [[f32; 2]; QUANTUM],
    at: usize,
}

impl Default for Fifo {
    fn default() -> Fifo {
        Fifo { frames: [[0.0; 2]; QUANTUM], at: QUANTUM }
    }
}

impl Fifo {
    /// Frames that are ready.
    pub fn ready(&self) -> usize {
        QUANTUM - self.at
    }

    /// Fills interleaved `out` of `channels` channels, calling `next` for each quantum that is needed. Two channels are left and
    /// right; of more, the others are silent; one is the mean of both. A last frame that is not whole stays silent.
    pub fn fill(&mut self, out: &mut [f32], channels: usize, mut next: impl FnMut(&mut [[f32; 2]; QUANTUM])) {
        if channels == 0 {
            return;
        }
        let whole = out.len() / channels * channels;
        let (mut out, part) = out.split_at_mut(whole);
        part.fill(0.0);
        while !out.is_empty() {
            if self.at == QUANTUM {
                next(&mut self.frames);
                self.at = 0;
            }
            let frames = self.ready().min(out.len() / channels);
            let from = &self.frames[self.at..self.at + frames];
            let (now, rest) = out.split_at_mut(frames * channels);
            match channels {
                1 => now.iter_mut().zip(from).for_each(|(mono, [left, right])| *mono = (left + right) * 0.5),
                2 => now.copy_from_slice(from.as_flattened()),
                _ => {
                    for (frame, stereo) in now.chunks_exact_mut(channels).zip(from) {
                        frame.fill(0.0);
                        frame[..2].copy_from_slice(stereo);
                    }
                }
            }
            self.at += frames;
            out = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_sequence_of_blocks_gives_the_same_frames() {
        let mut count = 0.0;
        let mut next = |q: &mut [[f32; 2]; QUANTUM]| {
            for f in q {
                *f = [count, -count];
                count += 1.0;
            }
        };
        let mut fifo = Fifo::default();
        let mut all = Vec::new();
        for (i, size) in [0, 1, 63, 64, 65, 7, 0, 200, 3].into_iter().enumerate() {
            let mut block = vec![9.0; size * 2];
            fifo.fill(&mut block, 2, &mut next);
            all.extend(block.chunks(2).map(|f| f[0]));
            assert!(i != 3 || fifo.ready() == 0, "whole quanta so far");
        }
        assert!(all.iter().enumerate().all(|(i, x)| *x == i as f32));
    }

    #[test]
    fn channels() {
        let mut next = |q: &mut [[f32; 2]; QUANTUM]| q.fill([0.5, 0.25]);
        let mut fifo = Fifo::default();
        let mut out = [9.0; 3];
        fifo.fill(&mut out[..1], 1, &mut next);
        assert_eq!(out[0], 0.375);
        fifo.fill(&mut out, 3, &mut next);
        assert_eq!(out, [0.5, 0.25, 0.0]);
        fifo.fill(&mut out, 2, &mut next);
        assert_eq!(out, [0.5, 0.25, 0.0], "half a frame is silent");
        fifo.fill(&mut out, 0, &mut next);
    }
}
