//! Memory of its own for each of some slots: what sounds in one of them stands still while another plays, and goes on where it stood.
//!
//! A swap carries state over, so that an edit is not heard. Who goes between two pieces may want the opposite: the echo of one is not to
//! ring in the other. Then the program that comes brings the memory that its slot had when it was left, or fresh memory, and what it takes the place of
//! fades out like any other and goes back to the control side, which keeps its memory for the next time. Where the text of the slot is
//! another by then, that memory goes over to it as in an edit, before it is sent. Delay lines are written by the number of the frame, so
//! memory goes by a time of its own, which stands still with it ([`Active::run`]).
//!
//! ```text
//! sounding   A A A A | B B B B | A A A ..      | fades of 20 ms
//! left       - - - - | A A A A | B B B ..      at most one memory a slot
//! ```

use super::{Active, Body, Control, Parcel, Plan, Published, map_of, plan};
use modurust_compiler::graph::RingId;
use modurust_compiler::program::Program;
use modurust_compiler::score::Ratio;

/// Slots that may have memory of their own.
pub const SLOTS: usize = 8;

/// Between which slots a swap goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Whose memory sounds; it is kept. `None`: nobody's, it is freed.
    pub from: Option<usize>,
    /// Whose memory comes in.
    pub to: usize,
}

/// The memory of slots that do not sound. At most one for each.
#[derive(Default)]
pub(crate) struct Left([Option<Box<Active>>; SLOTS]);

impl Left {
    /// A parcel that the engine gave back: its memory is kept if a slot was left by it, or freed.
    pub(super) fn keep(&mut self, parcel: Parcel) {
        let from = parcel.apart.and_then(|apart| apart.from).and_then(|from| self.0.get_mut(from));
        if let (Some(place), Body::Replace(active, _)) = (from, parcel.body) {
            *place = Some(active);
        }
    }

    /// A parcel that was never taken: the slot whose memory it had keeps that.
    pub(super) fn put_back(&mut self, parcel: Parcel) {
        let to = parcel.apart.and_then(|apart| self.0.get_mut(apart.to));
        if let (Some(place), Body::Replace(active, _)) = (to, parcel.body) {
            *place = Some(active);
        }
    }

    /// A program with the memory of a slot, and what else happens when it comes in after `base`: all that plays there ends.
    pub(super) fn enter(&mut self, apart: Apart, base: &Program, program: &Program, epoch: u64) -> (Box<Active>, Plan) {
        let next = match self.0.get_mut(apart.to).and_then(Option::take) {
            None => Box::new(Active::new(program.clone(), epoch, &[])),
            Some(mut old) => {
                let mut plan = plan(&old.program, program, map_of(&old.program, program));
                let given: Vec<RingId> = plan.rings.iter().map(|(new, _)| *new).collect();
                let mut next = Box::new(Active::new(program.clone(), epoch, &given));
                old.instance.settle();
                let all = usize::MAX;
                next.instance.pour(&old.instance, &mut plan.pours, old.ran, all);
                next.take_over(&mut old, &plan);
                next.bind_rows();
                next
            }
        };
        (next, Plan { vanished: (0..base.units.len()).collect(), ..Plan::default() })
    }
}

impl Control {
    /// Publishes a program with memory of its own at the next multiple of `grid` bars, or at once while time stands still. Always a change of code.
    pub fn publish_apart(&mut self, program: &Program, grid: Ratio, apart: Apart) -> Option<Published> {
        self.put(program, None, Some(grid).filter(|grid| *grid > Ratio::ZERO), Some(apart))
    }

    /// Forgets the memory of a slot: what sounds now is its memory.
    pub fn forget_left(&mut self, slot: usize) {
        if let Some(place) = self.left.0.get_mut(slot) {
            *place = None;
        }
    }

    /// How many slots that do not sound have memory of their own.
    pub fn left(&self) -> usize {
        self.left.0.iter().flatten().count()
    }
}
