//! Reads of samples: words of a memory that nobody writes, at places that the graph computes.
//!
//! The first word of a sample is how many follow; what is asked for outside of them is 0. A place outside is turned into the first
//! word before it is read, so no lane of a gather leaves the memory.

use crate::codegen::body::Body;
use crate::codegen::emit::{Bin, Cmp, Val};
use crate::codegen::machine::{At, Base, Machine, Pointer};
use crate::graph::{NodeId, SampleId, Ty};

impl<M: Machine> Body<'_, M> {
    /// The words of a sample at an index, lane by lane.
    pub(super) fn peek(&mut self, id: NodeId, sample: SampleId, index: NodeId) -> Vec<Val> {
        let lanes = self.lanes(id);
        let (_, width) = self.shape(lanes);
        let at = At::fixed(Base::Ptr(self.pointers[&Pointer::Sample(sample.0)]), 0);
        let words = self.m.spread(Ty::I32, width, at);
        let mut parts = Vec::new();
        for index in self.get(index, lanes) {
            self.m.width(width);
            let (below, one) = (self.m.i(-1), self.m.i(1));
            let above = self.m.compare(Cmp::Ilt, below, index);
            let under = self.m.compare(Cmp::Ilt, index, words);
            let inside = self.m.both(above, under);
            let place = self.m.bin(Bin::Iadd, index, one);
            let place = self.m.keep(inside, place);
            let x = if width == 1 { self.m.load_from(Ty::F32, 1, at, place) } else { self.m.gather(width, at, place) };
            parts.push(self.m.keep(inside, x));
        }
        parts
    }
}
