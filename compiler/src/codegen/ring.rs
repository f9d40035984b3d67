//! Delay lines as loops read and write them.
//!
//! A quantum is written in one piece, twice where it is the first of its ring, so that what is read never wraps. A delay that is known,
//! or holds for a quantum, is an address: the frames are read in one piece. Else every frame has a place of its own and is gathered.
//! Where what is read has been written in the same round or the few before, whole vectors are kept and put together, since memory
//! takes its time.

use crate::codegen::body::Body;
use crate::codegen::emit::{Bin, Val};
use crate::codegen::machine::{At, Back, Base, Machine, Pointer, Ptr, RingAt};
use crate::exec::padded;
use crate::graph::{NodeId, QUANTUM, RingId, Ty};
use crate::schedule::{Access, Kind, resolve};

impl<M: Machine> Body<'_, M> {
    /// The pointer of a place in a ring.
    pub(super) fn ring_pointer(&self, ring: RingId, at: RingAt) -> Pointer {
        let r = &self.graph.rings[ring.index()];
        Pointer::Ring { ring: ring.0, mask: r.capacity - 1, stride: padded(r.lanes) as u32 * 4, at }
    }

    /// Where a tap reads, if that is one place known for the whole quantum, and how many frames behind it. Known delays share
    /// their pointers: each counts from the quantum in which it begins, which is followed by at least one more.
    pub(super) fn back(&self, id: NodeId, ring: RingId, delay: NodeId) -> Option<(RingAt, u32)> {
        let (least, most) = self.info.tap_range(id, self.graph.rings[ring.index()].capacity);
        let delay = resolve(&self.schedule.access, delay);
        if self.lanes(delay) > 1 {
            return None;
        }
        match self.schedule.access[delay.index()] {
            Access::Constant(word) => {
                let x = f32::from_bits(word);
                let x = if x > least as f32 { x } else { least as f32 };
                let frames = if x < most as f32 { x.floor() as u32 } else { most };
                let whole = frames.next_multiple_of(QUANTUM as u32);
                Some((RingAt::Back(Back::Frames(whole)), whole - frames))
            }
            _ => self.holds(delay).map(|word| (RingAt::Back(Back::Word { word, least, most }), 0)),
        }
    }

    /// The place in the scratch of a value that has one for the whole quantum: the start of a line that rests is all of it, and
    /// what is worked out of such lines has a twin.
    fn holds(&self, id: NodeId) -> Option<u32> {
        let place = |id: NodeId| self.schedule.block[id.index()];
        match self.schedule.access[id.index()] {
            Access::Block => Some(place(id).expect("block values that cross regions have a place")),
            Access::Line if self.rests => Some(place(id).expect("lines have a place")),
            _ if self.rests => place(self.schedule.rests.get(&id)?.twin),
            _ => None,
        }
    }

    /// Where the lanes of a tap read, if each has a place of its own that is known for the whole quantum. Not where groups of
    /// lanes follow each other, or where vectors are too short to be read whole.
    pub(super) fn backs(&self, id: NodeId, ring: RingId, delay: NodeId) -> Option<Vec<RingAt>> {
        let r = &self.graph.rings[ring.index()];
        let (least, most) = self.info.tap_range(id, r.capacity);
        let delay = resolve(&self.schedule.access, delay);
        let full = self.m.lanes();
        let whole = match self.region.kind {
            Kind::Flat(_) => true,
            Kind::Uniform(n) => n <= self.region.groups * full && padded(n) >= 4,
            _ => false,
        };
        if !whole || r.lanes == 1 || r.lanes != self.lanes(delay) {
            return None;
        }
        let word = self.holds(delay)?;
        Some((0..r.lanes).map(|lane| RingAt::Back(Back::Word { word: word + lane, least, most })).collect())
    }

    /// Writes a ring. A quantum never wraps, since it divides the capacity and starts at a multiple of itself.
    pub(super) fn write(&mut self, ring: RingId) {
        let r = &self.graph.rings[ring.index()];
        let (_, width) = self.shape(r.lanes);
        let input = self.get(r.input.expect("checked"), r.lanes);
        let places = [RingAt::Head, RingAt::Mirror].map(|at| Base::Ptr(self.pointers[&self.ring_pointer(ring, at)]));
        let mut written = Vec::new();
        for (g, x) in input.into_iter().enumerate() {
            self.m.width(width);
            let x = self.m.finite(x);
            written.push(x);
            for base in places {
                let at = self.at_frame(base, 0, r.lanes);
                self.m.store(x, width, at.plus(g * width as usize));
            }
        }
        self.written.insert(ring, written);
    }

    /// Reads a ring some samples back.
    pub(super) fn tap(&mut self, id: NodeId, ring: RingId, delay: NodeId) -> Vec<Val> {
        let r = &self.graph.rings[ring.index()];
        let lanes = self.lanes(id);
        let (_, width) = self.shape(lanes);
        if let Some((at, behind)) = self.back(id, ring, delay) {
            if let (RingAt::Back(Back::Frames(whole)), Some(now)) = (at, self.written_now(ring)) {
                return vec![self.shifted(ring, whole - behind, now)];
            }
            let base = Base::Ptr(self.pointers[&self.ring_pointer(ring, at)]);
            return self.frames(base, behind * padded(r.lanes) as u32, Ty::F32, r.lanes);
        }
        if let Some(places) = self.backs(id, ring, delay) {
            return self.lane_by_lane(ring, &places);
        }
        let pad = padded(r.lanes) as u32;
        let (least, most) = self.info.tap_range(id, r.capacity);
        let base = Base::Ptr(self.pointers[&self.ring_pointer(ring, RingAt::Start)]);
        let mask = r.capacity - 1;
        let now = self.frame();
        let one = self.lanes(delay) == 1;
        let flat = matches!(self.region.kind, Kind::Flat(_));
        // The place of the delay decides: one for all lanes of a frame, or one for each.
        let own = if one && !flat { 1 } else { lanes };
        let now = if own == 1 { vec![now] } else { self.spread_frame(now, own) };
        let delays = self.get(delay, own);
        let mut places = Vec::new();
        self.m.width(self.shape(own).1);
        for (now, delay) in now.into_iter().zip(delays) {
            // Words from the ring's first frame.
            let back = self.m.clamp(delay, least as f32, most as f32);
            let back = self.m.whole(back);
            let at = self.m.bin(Bin::Isub, now, back);
            let mask = self.m.constant(Ty::I32, mask);
            let at = self.m.bin(Bin::And, at, mask);
            let stride = self.m.constant(Ty::I32, pad);
            places.push(if pad == 1 { at } else { self.m.bin(Bin::Imul, at, stride) });
        }
        let at = At { base, frame: 0, grouped: r.lanes > 1, word: 0 };
        if own == 1 && !flat {
            let (count, width) = self.shape(r.lanes);
            let mut parts = Vec::new();
            for g in 0..count {
                let read = if r.lanes == 1 { 1 } else { width };
                let x = self.m.load_from(Ty::F32, read, at.plus(g * width as usize), places[0]);
                parts.push(if r.lanes == 1 { self.m.splat(Ty::F32, width, x) } else { x });
            }
            return parts;
        }
        let mut parts = Vec::new();
        for (g, mut index) in places.into_iter().enumerate() {
            self.m.width(width);
            let first = g as u32 * width;
            if r.lanes > 1 {
                let lanes: Vec<u32> = (0..width).map(|i| if flat { (first + i) % pad } else { i }).collect();
                let lanes = self.m.words(Ty::I32, &lanes);
                index = self.m.bin(Bin::Iadd, index, lanes);
            }
            let at = if r.lanes > 1 && !flat { at.plus(first as usize) } else { at };
            parts.push(self.m.gather(width, at, index));
        }
        parts
    }

    /// What this round has written to a ring, where it is a single vector of frames.
    fn written_now(&self, ring: RingId) -> Option<Val> {
        let parts = self.written.get(&ring).filter(|_| self.region.kind == Kind::Flat(1))?;
        if let [now] = parts[..] { Some(now) } else { None }
    }

    /// A ring of one lane some frames before what this round has written: of two whole vectors, since a load across what has just
    /// been stored would wait until that has reached memory.
    fn shifted(&mut self, ring: RingId, frames: u32, now: Val) -> Val {
        let full = self.m.lanes();
        let (vectors, by) = (frames / full, frames % full);
        let after = self.piece(ring, vectors, now);
        if by == 0 {
            return after;
        }
        let before = self.piece(ring, vectors + 1, now);
        self.m.shift_in(before, after, by)
    }

    fn piece(&mut self, ring: RingId, vectors: u32, now: Val) -> Val {
        if vectors == 0 {
            return now;
        }
        if let Some(&piece) = self.pieces.get(&(ring, vectors)) {
            return piece;
        }
        let frames = vectors * self.m.lanes();
        let whole = frames.next_multiple_of(QUANTUM as u32);
        let place = self.ring_pointer(ring, RingAt::Back(Back::Frames(whole)));
        let at = self.at_frame(Base::Ptr(self.pointers[&place]), whole - frames, 1);
        let piece = self.m.load(Ty::F32, self.m.lanes(), at);
        self.pieces.insert((ring, vectors), piece);
        piece
    }

    /// A tap whose lanes have places of their own: frames follow each other in each, so a vector is read from every place, and its
    /// lane is taken.
    fn lane_by_lane(&mut self, ring: RingId, places: &[RingAt]) -> Vec<Val> {
        let lanes = places.len() as u32;
        let pad = padded(lanes) as u32;
        let (count, width) = self.shape(lanes);
        let bases: Vec<Ptr> = places.iter().map(|at| self.pointers[&self.ring_pointer(ring, *at)]).collect();
        let mut parts = Vec::new();
        for g in 0..count as u32 {
            let mut part = None;
            for (lane, &base) in bases.iter().enumerate() {
                let here = |i: &u32| (g * width + i) % pad == lane as u32;
                let words = (0..width).filter(here).fold(0, |words, i| words | 1 << i);
                let at = self.at_frame(Base::Ptr(base), g * width, lanes);
                part = match part {
                    _ if words == 0 => part,
                    None => Some(self.m.load(Ty::F32, width, at)),
                    Some(part) => Some(self.m.merge(width, part, at, words)),
                };
            }
            // All lanes of a part may be padding.
            let at = self.at_frame(Base::Ptr(bases[0]), g * width, lanes);
            parts.push(part.unwrap_or_else(|| self.m.load(Ty::F32, width, at)));
        }
        parts
    }
}
