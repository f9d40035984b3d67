//! What a machine must do beside arithmetic: memory, lanes and the loop of a region.
//!
//! [`crate::codegen::region`] and [`crate::codegen::body`] say what a region computes in these words. A machine has full vectors
//! of [`Machine::lanes`] lanes; a value has one lane, all of them, or a power of two between. A region is at most two loops: over
//! groups of lanes, and inside over the frames of a quantum. What changes from round to round is carried by the inner loop.

use crate::codegen::emit::{Emit, Val};
use crate::graph::Ty;

/// An address that holds for a whole call, computed before the loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ptr(pub u32);

/// What a [`Ptr`] leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pointer {
    /// Parameters.
    Params,
    /// A row.
    Row(u32),
    /// An input channel.
    Input(u32),
    /// A sample.
    Sample(u32),
    /// A place in a ring whose frames are `stride` bytes; `mask` is its capacity - 1.
    Ring {
        /// Which.
        ring: u32,
        /// Capacity - 1.
        mask: u32,
        /// Bytes of a frame.
        stride: u32,
        /// Where in it.
        at: RingAt,
    },
}

/// Places in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RingAt {
    /// Its first frame, to read at computed places.
    Start,
    /// This quantum, to be written.
    Head,
    /// Where this quantum must stand a second time: at the end if it is the first of the ring, else where it is.
    Mirror,
    /// This quantum so many frames ago, to be read in one piece.
    Back(Back),
}

/// A delay that holds for a whole quantum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Back {
    /// Known.
    Frames(u32),
    /// The float at a word of the scratch, clamped to a range and rounded down.
    Word {
        /// Word of the scratch.
        word: u32,
        /// Least frames.
        least: u32,
        /// Most frames.
        most: u32,
    },
}

/// Where an address starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// State.
    State,
    /// Scratch.
    Buffers,
    /// The quantum itself.
    Quantum,
    /// A pointer.
    Ptr(Ptr),
}

/// An address inside the loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At {
    /// Where it starts.
    pub base: Base,
    /// Words of a frame if the address moves with the frames, else 0.
    pub frame: u32,
    /// Whether it moves with the groups of lanes.
    pub grouped: bool,
    /// Words behind all that.
    pub word: i32,
}

impl At {
    /// An address that does not move.
    pub fn fixed(base: Base, word: u32) -> At {
        At { base, frame: 0, grouped: false, word: word as i32 }
    }

    /// So many words further.
    pub fn plus(self, words: usize) -> At {
        At { word: self.word + words as i32, ..self }
    }
}

/// The loops of a region.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Shape {
    /// Frames that one round computes.
    pub step: u32,
    /// Words of a frame of the values that have several lanes.
    pub pad: u32,
    /// Words from group to group, and how many words all groups have, if there is more than one.
    pub groups: Option<(u32, u32)>,
}

/// A value that the inner loop carries: loaded before it, stored after it.
#[derive(Clone, Copy, Debug)]
pub struct Carry {
    /// Type.
    pub ty: Ty,
    /// Lanes.
    pub width: u32,
    /// Where it is kept.
    pub at: At,
    /// Only so many last lanes are kept, and repeated when loaded; 0 keeps all.
    pub last: u32,
}

/// A machine to write a region for.
pub trait Machine: Emit {
    /// Lanes of a full vector.
    fn lanes(&self) -> u32;
    /// This machine as one that emits operations.
    fn emit(&mut self) -> &mut dyn Emit;
    /// Lanes of what is emitted from here on.
    fn width(&mut self, width: u32);

    /// A pointer. Before the loops only.
    fn pointer(&mut self, pointer: Pointer) -> Ptr;
    /// Opens the loops, and hands out what is carried.
    fn open(&mut self, shape: Shape, carried: &[Carry]) -> Vec<Val>;
    /// Closes the loops with what is carried on.
    fn close(&mut self, next: &[Val]);

    /// `width` words in a row.
    fn load(&mut self, ty: Ty, width: u32, at: At) -> Val;
    /// One word in every lane.
    fn spread(&mut self, ty: Ty, width: u32, at: At) -> Val;
    /// `width / each` words in a row, each in `each` neighbouring lanes.
    fn expand(&mut self, ty: Ty, width: u32, each: u32, at: At) -> Val;
    /// `period` words in a row, over and over.
    fn repeat(&mut self, ty: Ty, width: u32, period: u32, at: At) -> Val;
    /// Stores `width` words in a row.
    fn store(&mut self, value: Val, width: u32, at: At);
    /// A vector of known words.
    fn words(&mut self, ty: Ty, words: &[u32]) -> Val;
    /// The words at `at` + index, lane by lane.
    fn gather(&mut self, width: u32, at: At, index: Val) -> Val;
    /// `width` words in a row from `at` + the first lane of `index` on.
    fn load_from(&mut self, ty: Ty, width: u32, at: At, index: Val) -> Val;
    /// `x` with some of its words, the bits of `words`, from as many words in a row.
    fn merge(&mut self, width: u32, x: Val, at: At, words: u32) -> Val;
    /// One lane in all lanes of a vector.
    fn splat(&mut self, ty: Ty, width: u32, x: Val) -> Val;
    /// The lanes of `before` and `now` one after another, from `by` lanes before the border on.
    fn shift_in(&mut self, before: Val, now: Val, by: u32) -> Val;

    /// What is added to the number of a word of the second vector in [`Machine::permute`].
    const SECOND: u8 = 64;

    /// `width` words of two vectors in any order; `None` where any will do. The same vector may be both.
    fn permute(&mut self, ty: Ty, width: u32, x: Val, y: Val, order: &[Option<u8>]) -> Val;
}
