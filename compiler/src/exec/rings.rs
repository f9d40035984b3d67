//! The memory of delay lines, and how it changes hands.
//!
//! In a swap a ring goes over by pointer, however long it is. The program before plays on for the length of a fade: it reads the memory
//! that has gone over, in which the new one has just written the same frames, and what it writes goes to memory that nobody reads.
//! So a program that comes for a swap brings no memory for rings that it will be given: all of those point to one piece that is as
//! large as the largest of them, and it is this piece that the old program writes to afterwards.
//!
//! A ring that gets another size, since channels come or go or a delay outgrows its room, cannot go over like that. It is *poured*: before the
//! swap, quantum after quantum, a bounded piece of what the old ring holds is copied into the new one, oldest first, until that has caught up with
//! the present ([`Instance::pour`]). What has been written to a ring stays as it is until it is overwritten, so pieces of different quanta fit together.

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

/// A ring that is copied into one of another size, and how far that has come.
#[derive(Clone, Copy, Debug)]
pub struct Pour {
    new: RingId,
    old: RingId,
    /// The frames before this one are done.
    done: u64,
}

impl Pour {
    /// From a ring of the old patch into one of the new.
    pub fn new(new: RingId, old: RingId) -> Pour {
        Pour { new, old, done: 0 }
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

    /// Copies up to `words` words of delay lines of `old` into those of another size here, and a quantum of each at least. True if all is there
    /// that was written before `frame`: only then may the swap come. To be called in each quantum from the first time on, before `old` runs.
    ///
    /// One lane goes into as many as there are here; of several, those that both have. Neither instance may have given its rings away.
    pub fn pour(&mut self, old: &Instance, pours: &mut [Pour], frame: u64, words: usize) -> bool {
        let mut room = words;
        for pour in pours.iter_mut() {
            let (n, o) = (pour.new.index(), pour.old.index());
            let (Some(to), Some(from)) = (self.ring_ptrs.get(n), old.ring_ptrs.get(o)) else { continue };
            let [mine, theirs] =
                [(&self.patch, n), (&old.patch, o)].map(|(patch, i)| patch.graph.rings[i].lanes as usize);
            let [pad, pad_from] = [mine, theirs].map(|lanes| padded(lanes as u32));
            let lanes = if theirs == 1 { mine } else { mine.min(theirs) };
            // What both have room for.
            let oldest = frame.saturating_sub(u64::from(to.mask.min(from.mask)) + 1);
            let first = pour.done.max(oldest);
            // Twice what a quantum adds, so that the present is reached.
            let count = (frame - first).min((room / lanes).max(2 * QUANTUM) as u64);
            for at in first..first + count {
                let here = (at as u32 & to.mask) as usize;
                let there = (at as u32 & from.mask) as usize * pad_from;
                for lane in 0..lanes {
                    // SAFETY: both rings have capacity + QUANTUM frames of their padded lanes, the frame is masked to the capacity, and nobody
                    // else has either while the two instances are borrowed.
                    unsafe {
                        let x = *from.read.add(there + if theirs == 1 { 0 } else { lane });
                        *to.write.add(here * pad + lane) = x;
                        if here < QUANTUM {
                            *to.write.add((here + to.mask as usize + 1) * pad + lane) = x;
                        }
                    }
                }
            }
            pour.done = first + count;
            room = room.saturating_sub(count as usize * lanes);
            self.sleep.know(n, old.sleep.empty(o));
        }
        pours.iter().all(|pour| pour.done == frame)
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
