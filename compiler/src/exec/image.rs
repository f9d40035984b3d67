//! The memory of an instance as words: what sound depends on and nothing else can tell.
//!
//! State and delay lines are all that outlives a quantum. Scratch is computed anew from them, rows and parameters belong to whoever
//! writes them, and who sleeps is found out again. So an instance that is given the image of another one of its patch, its rows and
//! its parameters goes on bit for bit as that one does; a checkpoint of a rendering stands on this.
//!
//! ```text
//! image = words of state, then of each delay line in turn
//! ```

use super::rings::{self, RingMemory};
use super::{Instance, padded};
use crate::graph::text;
use crate::program::Patch;
use std::ops::Range;
use std::sync::Arc;

/// FNV-1a over words.
fn fold(hash: u64, word: u32) -> u64 {
    (hash ^ u64::from(word)).wrapping_mul(0x0000_0100_0000_01b3)
}

/// A number for the meaning of an image: equal for patches whose instances can take each other's.
pub fn meaning(patch: &Patch) -> u64 {
    let graph = text::hash(&patch.graph);
    let head = [graph as u32, (graph >> 32) as u32, patch.hash as u32, (patch.hash >> 32) as u32];
    let rings = patch.graph.rings.iter().flat_map(|ring| [ring.capacity, ring.lanes]);
    let layout = patch.layout.cells.iter().copied().chain([patch.layout.state_words as u32]);
    head.into_iter().chain(layout).chain(rings).fold(0xcbf2_9ce4_8422_2325, fold)
}

/// Where the words of a ring lie, those that stand twice left out: what was written, and what its kernel remembers.
fn ring_words(patch: &Patch, ring: usize) -> [Range<usize>; 2] {
    let ring = &patch.graph.rings[ring];
    let (own, pad) = (rings::memory_start(ring), padded(ring.lanes));
    [0..ring.capacity as usize * pad, own..own + ring.kernel.as_ref().map_or(0, |kernel| kernel.words as usize)]
}

impl Instance {
    /// Words of an image.
    pub fn image_len(&self) -> usize {
        let rings = (0..self.write.len()).flat_map(|ring| ring_words(&self.patch, ring));
        self.patch.layout.state_words + rings.map(|words| words.len()).sum::<usize>()
    }

    /// The memory of now, between two quanta.
    pub fn image(&mut self) -> Vec<u32> {
        self.settle();
        let mut words = Vec::with_capacity(self.image_len());
        words.extend_from_slice(&self.state.all()[..self.patch.layout.state_words]);
        for (i, ring) in self.write.iter().enumerate() {
            ring_words(&self.patch, i).into_iter().for_each(|at| words.extend_from_slice(&memory(ring)[at]));
        }
        words
    }

    /// Takes the memory of another instance of this patch ([`meaning`]). False, and nothing is changed, if it has another length. What
    /// is no number in it is handled as if it had come about here.
    pub fn restore(&mut self, image: &[u32]) -> bool {
        if image.len() != self.image_len() {
            return false;
        }
        self.settle();
        let (state, mut rest) = image.split_at(self.patch.layout.state_words);
        self.state.all_mut()[..state.len()].copy_from_slice(state);
        for i in 0..self.write.len() {
            let (again, places) =
                (super::QUANTUM * padded(self.patch.graph.rings[i].lanes), ring_words(&self.patch, i));
            let (end, ring) = (places[0].end, memory_mut(&mut self.write[i]));
            for at in places {
                let (mine, others) = rest.split_at(at.len());
                rest = others;
                ring[at].copy_from_slice(mine);
            }
            ring.copy_within(..again, end);
            self.sleep.know(i, 0);
        }
        self.stir_all();
        self.quantum.first = [0; 4];
        self.moved = [u64::MAX; 2];
        true
    }
}

fn memory(ring: &RingMemory) -> &[u32] {
    // SAFETY: nothing runs while the instance is borrowed, and the slice does not outlive that.
    unsafe { (*ring.0.get()).all() }
}

fn memory_mut(ring: &mut Arc<RingMemory>) -> &mut [u32] {
    // SAFETY: an instance that shares the ring only runs on this thread, after this call; no other reference is alive.
    unsafe { (*ring.0.get()).all_mut() }
}
