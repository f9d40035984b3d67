//! The memory of delay lines, and how it changes hands.
//!
//! In a swap a ring goes over by pointer, however long it is. The program before plays on for the length of a fade: it reads the memory
//! that has gone over, in which the new one has just written the same frames, and what it writes goes to memory that nobody reads.
//! So a program that comes for a swap brings no memory for rings that it will be given: all of those point to one piece that is as
//! large as the largest of them, and it is this piece that the old program writes to afterwards.

use super::{Instance, padded};
use crate::graph::{Graph, QUANTUM, Ring, RingId};
use crate::words::Words;
use std::cell::UnsafeCell;
use std::sync::Arc;

/// A ring as generated code sees it. Reading and writing part after a swap: see [`Instance::move_rings`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RingPtr {
    /// `[capacity + QUANTUM][padded lanes]`: the first quantum stands again at the end, so that any run of up to a quantum of
    /// frames is in one piece.
    pub read: *const f32,
    /// As `read`, which it equals until the ring is moved away.
    pub write: *mut f32,
    /// Capacity - 1.
    pub mask: u32,
    pad: u32,
}

impl RingPtr {
    pub(crate) fn new(ring: &Ring, memory: &RingMemory) -> RingPtr {
        RingPtr { read: memory.pointer(), write: memory.pointer(), mask: ring.capacity - 1, pad: 0 }
    }
}

/// The memory of a ring. Shared by an instance and the one that it was moved away from, which must run on the same thread.
pub(crate) struct RingMemory(pub(super) UnsafeCell<Words>);

// SAFETY: only touched by `run`, through pointers; instances that share a ring run one after the other (`move_rings`).
unsafe impl Send for RingMemory {}
// SAFETY: as above.
unsafe impl Sync for RingMemory {}

impl RingMemory {
    fn new(words: usize) -> Arc<RingMemory> {
        Arc::new(RingMemory(UnsafeCell::new(Words::new(words))))
    }

    fn pointer(&self) -> *mut f32 {
        // SAFETY: no reference to the words outlives this expression.
        unsafe { (*self.0.get()).pointer() }
    }
}

/// Words of a ring with the quantum that stands again at its end, and with what its kernel remembers behind that.
fn words(ring: &Ring) -> usize {
    memory_start(ring) + ring.kernel.as_ref().map_or(0, |kernel| kernel.words as usize)
}

/// The first word that its kernel remembers.
pub(crate) fn memory_start(ring: &Ring) -> usize {
    (ring.capacity as usize + QUANTUM) * padded(ring.lanes)
}

/// Memory for all rings of a graph. Those that will be given theirs share a piece.
pub(crate) fn memory(graph: &Graph, given: &[RingId]) -> Vec<Arc<RingMemory>> {
    let longest = given.iter().map(|r| words(&graph.rings[r.index()])).max();
    let shared = longest.map(RingMemory::new);
    let mut all: Vec<Option<Arc<RingMemory>>> = vec![None; graph.rings.len()];
    given.iter().for_each(|r| all[r.index()].clone_from(&shared));
    graph.rings.iter().zip(all).map(|(ring, given)| given.unwrap_or_else(|| RingMemory::new(words(ring)))).collect()
}

impl Instance {
    /// True if a ring of another instance's patch can become this one's ring.
    fn fits(&self, new: RingId, old: &Instance, from: RingId) -> bool {
        let (a, b) = (&self.patch.graph.rings[new.index()], &old.patch.graph.rings[from.index()]);
        let work = |ring: &Ring| ring.kernel.as_ref().map(|kernel| (kernel.work, kernel.words));
        (a.capacity, padded(a.lanes), work(a)) == (b.capacity, padded(b.lanes), work(b))
    }

    /// Takes over delay lines by pointer: (ring here, ring of `old`). Rings of unlike size are left alone.
    ///
    /// `old` may still run for a fade, on the same thread: it goes on reading the moved memory, and what it writes goes to
    /// the memory that this instance came with.
    pub fn move_rings(&mut self, old: &mut Instance, pairs: &[(RingId, RingId)]) {
        for &(new, from) in pairs {
            if !self.fits(new, old, from) {
                continue;
            }
            let (n, o) = (new.index(), from.index());
            self.sleep.know(n, old.sleep.empty(o));
            old.sleep.know(o, 0);
            old.sleep.stir_all();
            std::mem::swap(&mut self.write[n], &mut old.write[o]);
            // The old owner keeps a share of what it reads, so nothing is freed here and nothing dangles there.
            let fresh = std::mem::replace(&mut self.read[n], self.write[n].clone());
            drop(fresh);
            self.ring_ptrs[n].read = self.read[n].pointer();
            self.ring_ptrs[n].write = self.write[n].pointer();
            old.ring_ptrs[o].write = old.write[o].pointer();
        }
    }
}
