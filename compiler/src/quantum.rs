//! What code sees of an instance: pointers for machine code, slices for the interpreter, and how words lie in both.
//!
//! A [`Quantum`] leads to all memory; offsets of its fields are part of generated code. A [`Memory`] is the same for the
//! interpreter, which asks for a lane of a frame at a time.

use crate::exec::RingPtr;
use crate::graph::ops::flush;
use crate::graph::{QUANTUM, RingId, RowId};
use crate::sample::SampleMemory;
use std::sync::Arc;

/// Words of one frame of a value with `lanes` lanes: a power of two up to the widest vector, then a multiple of it. Vectors of any
/// width then begin at lanes that are a multiple of it, and frames follow each other without gaps.
pub fn padded(lanes: u32) -> usize {
    if lanes <= 16 { lanes.next_power_of_two() as usize } else { lanes.next_multiple_of(16) as usize }
}

/// Words of a buffer of a value with `lanes` lanes.
pub fn buffer_len(lanes: u32) -> usize {
    padded(lanes) * QUANTUM
}

/// Where lane `lane` of frame `i` lies in a buffer of `lanes` lanes.
pub fn buffer_index(lanes: u32, lane: usize, i: usize) -> usize {
    i * padded(lanes) + lane
}

/// What generated code gets: where everything lies, and when it is. Offsets are part of the code.
#[repr(C, align(64))]
pub struct Quantum {
    /// `(i + 1) / QUANTUM`: how far a line has come.
    pub ramp: [f32; QUANTUM],
    /// 0, 1, 2 ..: the frames of a quantum.
    pub index: [i32; QUANTUM],
    /// All ones in the first quantum of an instance, else zero.
    pub first: [u32; 4],
    /// Not 0 while parameters move, by their bits ([`crate::schedule::moving`]): what depends on nothing else is computed then only.
    pub moving: u64,
    /// State words.
    pub state: *mut u32,
    /// Scratch words.
    pub buffers: *mut u32,
    /// Parameter values.
    pub params: *const f32,
    /// One pointer per row.
    pub rows: *const *const f32,
    /// One pointer per input channel.
    pub inputs: *const *const f32,
    /// One descriptor per ring.
    pub rings: *const RingPtr,
    /// One pointer per sample.
    pub samples: *const *const u32,
    /// First frame of the quantum; a multiple of [`QUANTUM`].
    pub frame: u64,
    /// A bit for each part that may sleep and does not; for a bank whose few voices are computed, the bit of the code for these.
    pub awake: u128,
}

/// What the interpreter sees of an instance.
pub struct Memory<'a> {
    /// State words.
    pub state: &'a mut [u32],
    /// Scratch words.
    pub buffers: &'a mut [u32],
    /// Parameter values.
    pub params: &'a [f32],
    /// How far a line has come, per frame.
    pub ramp: &'a [f32; QUANTUM],
    /// True in the first quantum of an instance.
    pub first: bool,
    /// First frame of the quantum.
    pub frame: u64,
    /// Samples.
    pub samples: &'a [Arc<SampleMemory>],
    pub(crate) rows: &'a [*const f32],
    pub(crate) inputs: &'a [*const f32],
    pub(crate) rings: &'a [RingPtr],
}

impl Memory<'_> {
    /// A lane of a row of `lanes` lanes in frame `i`, flushed.
    pub fn row(&self, row: RowId, lanes: u32, lane: usize, i: usize) -> f32 {
        assert!(lane < lanes as usize && i < QUANTUM);
        // SAFETY: the row has the layout of a buffer of `lanes` lanes (`new`, `bind_row`).
        flush(unsafe { *self.rows[row.index()].add(buffer_index(lanes, lane, i)) })
    }

    /// An input channel in frame `i`, flushed.
    pub fn input(&self, channel: u32, i: usize) -> f32 {
        assert!(i < QUANTUM);
        // SAFETY: an input is a quantum of floats.
        flush(unsafe { *self.inputs[channel as usize].add(i) })
    }

    /// A lane of a ring of `lanes` lanes at an absolute frame.
    pub fn ring(&self, ring: RingId, lanes: u32, lane: usize, frame: u32) -> f32 {
        let ring = &self.rings[ring.index()];
        assert!(lane < lanes as usize);
        // SAFETY: the index is masked to the capacity.
        unsafe { *ring.read.add((frame & ring.mask) as usize * padded(lanes) + lane) }
    }

    /// Writes a lane of a ring of `lanes` lanes at an absolute frame.
    pub fn set_ring(&mut self, ring: RingId, lanes: u32, lane: usize, frame: u32, x: f32) {
        let ring = &self.rings[ring.index()];
        assert!(lane < lanes as usize);
        let at = (frame & ring.mask) as usize * padded(lanes) + lane;
        // SAFETY: the index is masked to the capacity; this instance is the only one that runs.
        unsafe { *ring.write.add(at) = x };
        if frame & ring.mask < QUANTUM as u32 {
            // SAFETY: a quantum of frames follows the capacity.
            unsafe { *ring.write.add(at + (ring.mask as usize + 1) * padded(lanes)) = x };
        }
    }
}
