//! The values inside a loop.
//!
//! A value is a list of parts. In code without loops of values ([`Kind::Flat`]) a part is a full vector of consecutive words: frames
//! of one lane, or the lanes of some frames. In a uniform loop the parts are the vectors of the groups that are computed side by
//! side; in a loop frame by frame a single lane is one scalar, and several lanes are as many vectors as they need. What a region
//! does not compute itself is fetched when first asked for: constants, rows, inputs, lines, block values, buffers.

use crate::codegen::emit::{Bin, Val};
use crate::codegen::machine::{At, Back, Base, Machine, Pointer, Ptr, RingAt};
use crate::exec::{Quantum, padded};
use crate::graph::check::GraphInfo;
use crate::graph::ops::{Op, canonical};
use crate::graph::{CellId, Graph, Node, NodeId, RingId, Ty, fold_lanes, operands};
use crate::schedule::{Access, Item, Kind, Region, Schedule, resolve};
use rustc_hash::FxHashMap as HashMap;
use std::mem::offset_of;

/// A field of the quantum, as a word of it.
macro_rules! field {
    ($name:ident) => {
        (offset_of!(Quantum, $name) / 4) as u32
    };
}

/// One round of a region's loop.
pub struct Body<'b, M> {
    pub(super) m: &'b mut M,
    graph: &'b Graph,
    schedule: &'b Schedule,
    info: &'b GraphInfo,
    region: &'b Region,
    parts: HashMap<NodeId, Vec<Val>>,
    /// Single lanes spread over vectors, where scalars and vectors meet.
    spread: HashMap<(Val, u32), Val>,
    cells: HashMap<CellId, Vec<Val>>,
    pointers: HashMap<Pointer, Ptr>,
}

impl<'b, M: Machine> Body<'b, M> {
    /// A body whose pointers are there already.
    pub fn new(m: &'b mut M, graph: &'b Graph, schedule: &'b Schedule, region: &'b Region) -> Self {
        let (parts, spread, cells) = (HashMap::default(), HashMap::default(), HashMap::default());
        let info = &schedule.info;
        let mut body = Body { m, graph, schedule, info, region, parts, spread, cells, pointers: HashMap::default() };
        body.find_pointers();
        body
    }

    /// Gives a cell the value that the loop carries.
    pub fn carry(&mut self, cell: CellId, parts: Vec<Val>) {
        self.cells.insert(cell, parts);
    }

    fn lanes(&self, id: NodeId) -> u32 {
        self.info.lanes[id.index()]
    }

    fn ty(&self, id: NodeId) -> Ty {
        self.info.ty[id.index()]
    }

    /// Number of parts of a value of so many lanes, and lanes of a part.
    pub fn shape(&self, lanes: u32) -> (usize, u32) {
        shape(self.region, lanes, self.m.lanes())
    }

    /// Computes an item, and stores it if others need it.
    pub fn item(&mut self, item: Item) {
        match item {
            Item::Node(id) => {
                let parts = self.compute(id);
                if let (Kind::Block, Some(at)) = (self.region.kind, self.schedule.block[id.index()]) {
                    self.store_block(id, at, &parts);
                } else if self.region.kind != Kind::Block {
                    self.store(id, &parts);
                }
                self.parts.insert(id, parts);
            }
            Item::Copy(id) => {
                let parts = self.all(id);
                self.store(id, &parts);
            }
            Item::Line(id) => self.line_ends(id),
            Item::Write(ring) => self.write(ring),
        }
    }

    /// What a cell becomes after this round.
    pub fn next(&mut self, cell: CellId) -> Vec<Val> {
        let cell = &self.graph.cells[cell.index()];
        let (count, width) = self.shape(cell.lanes);
        let next = cell.next.expect("checked");
        (0..count).map(|g| self.get(next, g, width)).collect()
    }

    /// A part of a value with so many lanes.
    fn get(&mut self, id: NodeId, part: usize, width: u32) -> Val {
        let id = resolve(&self.schedule.access, id);
        let ty = self.ty(id);
        if let Access::Constant(word) = self.schedule.access[id.index()] {
            self.m.width(width);
            return self.m.constant(ty, word);
        }
        let (_, own) = self.shape(self.lanes(id));
        let one = self.lanes(id) == 1;
        let x = self.all(id)[if one { 0 } else { part }];
        if !one || own == width {
            return x;
        }
        if let Some(&x) = self.spread.get(&(x, width)) {
            return x;
        }
        let wide = self.m.splat(ty, width, x);
        self.spread.insert((x, width), wide);
        wide
    }

    /// All parts of a value.
    fn all(&mut self, id: NodeId) -> Vec<Val> {
        let id = resolve(&self.schedule.access, id);
        if let Some(parts) = self.parts.get(&id) {
            return parts.clone();
        }
        let parts = self.fetch(id);
        self.parts.insert(id, parts.clone());
        parts
    }

    /// A value that another region computes, or none has to.
    fn fetch(&mut self, id: NodeId) -> Vec<Val> {
        let (lanes, ty) = (self.lanes(id), self.ty(id));
        let (count, width) = self.shape(lanes);
        match self.schedule.access[id.index()] {
            Access::Constant(word) => {
                self.m.width(width);
                vec![self.m.constant(ty, word); count]
            }
            Access::Block => {
                let at = self.schedule.block[id.index()].expect("block values that cross regions have a place");
                self.block_value(at, ty, lanes)
            }
            Access::Line => self.line(id),
            Access::Direct => self.direct(id),
            Access::Computed => {
                let at = self.schedule.home[id.index()].expect("values that cross regions have a buffer");
                self.frames(Base::Buffers, at, ty, lanes)
            }
            Access::Alias(_) | Access::Dead => unreachable!("resolved and needed"),
        }
    }

    /// Where the frames of a value of so many lanes are, from a word behind a base on.
    fn at_frame(&self, base: Base, word: u32, lanes: u32) -> At {
        At { base, frame: padded(lanes) as u32, grouped: lanes > 1, word: word as i32 }
    }

    /// A value of which memory has a word per frame and lane.
    fn frames(&mut self, base: Base, word: u32, ty: Ty, lanes: u32) -> Vec<Val> {
        let (count, width) = self.shape(lanes);
        let at = self.at_frame(base, word, lanes);
        match self.region.kind {
            Kind::Flat(n) if lanes == 1 => vec![self.m.expand(ty, width, padded(n) as u32, at)],
            Kind::Uniform(_) if lanes == 1 => vec![self.m.spread(ty, width, at)],
            _ => (0..count).map(|g| self.m.load(ty, width, at.plus(g * width as usize))).collect(),
        }
    }

    /// A value that does not change in the quantum: padded lanes.
    fn block_value(&mut self, word: u32, ty: Ty, lanes: u32) -> Vec<Val> {
        let (count, width) = self.shape(lanes);
        let at = At { base: Base::Buffers, frame: 0, grouped: lanes > 1, word: word as i32 };
        match self.region.kind {
            Kind::Flat(n) if lanes > 1 => vec![self.m.repeat(ty, width, padded(n) as u32, at)],
            _ if lanes == 1 && width > 1 => vec![self.m.spread(ty, width, at)],
            _ => (0..count).map(|g| self.m.load(ty, width, at.plus(g * width as usize))).collect(),
        }
    }

    fn line(&mut self, id: NodeId) -> Vec<Val> {
        let lanes = self.lanes(id);
        let (_, width) = self.shape(lanes);
        let at = self.schedule.block[id.index()].expect("lines have a place");
        let old = self.block_value(at, Ty::F32, lanes);
        let slope = self.block_value(at + padded(lanes) as u32, Ty::F32, lanes);
        let (_, own) = self.shape(1);
        let mut t = self.frames(Base::Quantum, field!(ramp), Ty::F32, 1)[0];
        if own != width {
            t = self.m.splat(Ty::F32, width, t);
        }
        self.m.width(width);
        let mut points = Vec::new();
        for (old, slope) in old.into_iter().zip(slope) {
            let rise = self.m.bin(Bin::Mul, slope, t);
            points.push(self.m.bin(Bin::Add, old, rise));
        }
        points
    }

    /// Rows, inputs and the frame counter.
    fn direct(&mut self, id: NodeId) -> Vec<Val> {
        let lanes = self.lanes(id);
        let pointer = match self.graph.node(id) {
            Node::Row(r) => Pointer::Row(r.0),
            Node::Input(c) => Pointer::Input(*c),
            _ => return vec![self.frame()],
        };
        let base = Base::Ptr(self.pointers[&pointer]);
        let parts = self.frames(base, 0, Ty::F32, lanes);
        self.m.width(self.shape(lanes).1);
        parts.into_iter().map(|x| self.m.flush(x)).collect()
    }

    /// The frame counter, as a value of one lane.
    fn frame(&mut self) -> Val {
        let (_, width) = self.shape(1);
        let index = self.frames(Base::Quantum, field!(index), Ty::I32, 1)[0];
        let first = self.m.spread(Ty::I32, width, At::fixed(Base::Quantum, field!(frame)));
        self.m.width(width);
        self.m.bin(Bin::Iadd, first, index)
    }

    /// Computes a node of this region.
    fn compute(&mut self, id: NodeId) -> Vec<Val> {
        let graph = self.graph;
        match graph.node(id) {
            Node::Op(op, args) => self.op(id, *op, args),
            Node::Read(cell) => self.read(*cell),
            Node::Tap(ring, delay) => self.tap(id, *ring, *delay),
            Node::Shuffle(x, map) => {
                let lanes: Vec<(NodeId, u32)> = map.iter().map(|&lane| (*x, lane)).collect();
                self.collect(self.ty(id), &lanes)
            }
            Node::Join(args) => {
                let lanes: Vec<(NodeId, u32)> =
                    args.iter().flat_map(|&x| (0..self.info.lanes[x.index()]).map(move |lane| (x, lane))).collect();
                self.collect(self.ty(id), &lanes)
            }
            Node::Reduce(x, lanes) => self.reduce(*x, *lanes),
            Node::Param(p) => {
                let base = Base::Ptr(self.pointers[&Pointer::Params]);
                vec![self.m.load(Ty::F32, 1, At::fixed(base, p.0))]
            }
            Node::Const(ty, bits) => self.constants(*ty, bits),
            Node::Row(_) | Node::Input(_) | Node::Frame | Node::Line(_) => self.fetch(id),
        }
    }

    /// Constants with lanes of their own; in block regions only.
    fn constants(&mut self, ty: Ty, bits: &[u32]) -> Vec<Val> {
        let (count, width) = self.shape(bits.len() as u32);
        let word = |i: usize| canonical(ty, bits.get(i).copied().unwrap_or(0));
        let width = width as usize;
        let part = |g: usize| -> Vec<u32> { (g * width..(g + 1) * width).map(word).collect() };
        (0..count).map(|g| self.m.words(ty, &part(g))).collect()
    }

    fn op(&mut self, id: NodeId, op: Op, args: &[NodeId]) -> Vec<Val> {
        let (count, width) = self.shape(self.lanes(id));
        let mut parts = Vec::with_capacity(count);
        for g in 0..count {
            let args: smallvec::SmallVec<[Val; 4]> = args.iter().map(|&n| self.get(n, g, width)).collect();
            self.m.width(width);
            parts.push((op.info().emit)(self.m.emit(), &args));
        }
        parts
    }

    fn read(&mut self, cell: CellId) -> Vec<Val> {
        let carried = self.cells[&cell].clone();
        let Kind::Flat(n) = self.region.kind else { return carried };
        // The last frame of the round before, and all but the last of this one.
        let next = self.graph.cells[cell.index()].next.expect("checked");
        let now = self.get(next, 0, self.m.lanes());
        vec![self.m.shift_in(carried[0], now, padded(n) as u32)]
    }

    /// Stores a value to its buffer, if others need it.
    fn store(&mut self, id: NodeId, parts: &[Val]) {
        let Some(home) = self.schedule.home[id.index()] else { return };
        let lanes = self.lanes(id);
        let (_, width) = self.shape(lanes);
        let at = self.at_frame(Base::Buffers, home, lanes);
        for (g, &part) in parts.iter().enumerate() {
            self.m.store(part, width, at.plus(g * width as usize));
        }
    }

    /// Stores a block-rate value to its place.
    fn store_block(&mut self, id: NodeId, word: u32, parts: &[Val]) {
        let (_, width) = self.shape(self.lanes(id));
        for (g, &part) in parts.iter().enumerate() {
            self.m.store(part, width, At::fixed(Base::Buffers, word).plus(g * width as usize));
        }
    }

    /// Leaves the start and the slope of a line for the loops, and keeps its end for the next quantum.
    fn line_ends(&mut self, id: NodeId) {
        let Node::Line(x) = *self.graph.node(id) else { unreachable!("an item of a line") };
        let lanes = self.lanes(id);
        let (count, width) = self.shape(lanes);
        let at = At::fixed(Base::Buffers, self.schedule.block[id.index()].expect("lines have a place"));
        let kept = At::fixed(Base::State, self.schedule.state.lines[id.index()]);
        for g in 0..count {
            let behind = g * width as usize;
            let new = self.get(x, g, width);
            let first = self.m.spread(Ty::I32, width, At::fixed(Base::Quantum, field!(first)));
            let old = self.m.load(Ty::F32, width, kept.plus(behind));
            self.m.width(width);
            let zero = self.m.i(0);
            let first = self.m.compare(crate::codegen::emit::Cmp::Ilt, first, zero);
            let old = self.m.pick(first, new, old);
            let slope = self.m.bin(Bin::Sub, new, old);
            self.m.store(new, width, kept.plus(behind));
            self.m.store(old, width, at.plus(behind));
            self.m.store(slope, width, at.plus(behind + padded(lanes)));
        }
    }

    /// The pointer of a place in a ring.
    fn ring_pointer(&self, ring: RingId, at: RingAt) -> Pointer {
        let r = &self.graph.rings[ring.index()];
        Pointer::Ring { ring: ring.0, mask: r.capacity - 1, stride: padded(r.lanes) as u32 * 4, at }
    }

    /// Where a tap reads, if that is known for the whole quantum.
    fn back(&self, id: NodeId, ring: RingId, delay: NodeId) -> Option<RingAt> {
        let (least, most) = self.info.tap_range(id, self.graph.rings[ring.index()].capacity);
        let delay = resolve(&self.schedule.access, delay);
        if self.lanes(delay) > 1 {
            return None;
        }
        let back = match self.schedule.access[delay.index()] {
            Access::Constant(word) => {
                let x = f32::from_bits(word);
                let x = if x > least as f32 { x } else { least as f32 };
                Back::Frames(if x < most as f32 { x.floor() as u32 } else { most })
            }
            Access::Block => {
                let word = self.schedule.block[delay.index()].expect("block values that cross regions have a place");
                Back::Word { word, least, most }
            }
            _ => return None,
        };
        Some(RingAt::Back(back))
    }

    /// Computes the addresses that the region needs.
    fn find_pointers(&mut self) {
        let mut found = Vec::new();
        let direct = |id: NodeId, found: &mut Vec<Pointer>| match self.graph.node(resolve(&self.schedule.access, id)) {
            Node::Row(r) => found.push(Pointer::Row(r.0)),
            Node::Input(c) => found.push(Pointer::Input(*c)),
            _ => {}
        };
        for item in &self.region.items {
            match *item {
                Item::Node(id) => {
                    let node = self.graph.node(id);
                    operands(node).iter().for_each(|&n| direct(n, &mut found));
                    match node {
                        Node::Param(_) => found.push(Pointer::Params),
                        Node::Read(c) => {
                            self.graph.cells[c.index()].next.into_iter().for_each(|n| direct(n, &mut found));
                        }
                        Node::Tap(r, delay) => {
                            let at = self.back(id, *r, *delay).unwrap_or(RingAt::Start);
                            found.push(self.ring_pointer(*r, at));
                        }
                        _ => {}
                    }
                }
                Item::Copy(id) => direct(id, &mut found),
                Item::Line(_) => {}
                Item::Write(r) => {
                    self.graph.rings[r.index()].input.into_iter().for_each(|n| direct(n, &mut found));
                    found.push(self.ring_pointer(r, RingAt::Head));
                    found.push(self.ring_pointer(r, RingAt::Mirror));
                }
            }
        }
        for pointer in found {
            if !self.pointers.contains_key(&pointer) {
                let p = self.m.pointer(pointer);
                self.pointers.insert(pointer, p);
            }
        }
    }

    /// Writes a ring. A quantum never wraps, since it divides the capacity and starts at a multiple of itself.
    fn write(&mut self, ring: RingId) {
        let r = &self.graph.rings[ring.index()];
        let (count, width) = self.shape(r.lanes);
        let input = r.input.expect("checked");
        let places = [RingAt::Head, RingAt::Mirror].map(|at| Base::Ptr(self.pointers[&self.ring_pointer(ring, at)]));
        for g in 0..count {
            let x = self.get(input, g, width);
            self.m.width(width);
            let x = self.m.finite(x);
            for base in places {
                let at = self.at_frame(base, 0, r.lanes);
                self.m.store(x, width, at.plus(g * width as usize));
            }
        }
    }

    /// Reads a ring some samples back.
    fn tap(&mut self, id: NodeId, ring: RingId, delay: NodeId) -> Vec<Val> {
        let r = &self.graph.rings[ring.index()];
        let lanes = self.lanes(id);
        let (count, width) = self.shape(lanes);
        if let Some(at) = self.back(id, ring, delay) {
            let base = Base::Ptr(self.pointers[&self.ring_pointer(ring, at)]);
            return self.frames(base, 0, Ty::F32, r.lanes);
        }
        let pad = padded(r.lanes) as u32;
        let (least, most) = self.info.tap_range(id, r.capacity);
        let base = Base::Ptr(self.pointers[&self.ring_pointer(ring, RingAt::Start)]);
        let mask = r.capacity - 1;
        let now = self.frame();
        let one = self.lanes(delay) == 1;
        let flat = matches!(self.region.kind, Kind::Flat(_));
        // Words from the ring's first frame, for each lane of a delay.
        let places = |body: &mut Self, part: usize, width: u32, own: u32| {
            let delay = body.get(delay, part, width);
            let now = if own == width { now } else { body.m.splat(Ty::I32, width, now) };
            body.m.width(width);
            let back = body.m.clamp(delay, least as f32, most as f32);
            let back = body.m.whole(back);
            let at = body.m.bin(Bin::Isub, now, back);
            let mask = body.m.constant(Ty::I32, mask);
            let at = body.m.bin(Bin::And, at, mask);
            let stride = body.m.constant(Ty::I32, pad);
            if pad == 1 { at } else { body.m.bin(Bin::Imul, at, stride) }
        };
        let (_, own) = self.shape(1);
        if one && !flat {
            // One place for all lanes.
            let index = places(self, 0, own, own);
            let (count, width) = self.shape(r.lanes);
            let at = At { base, frame: 0, grouped: r.lanes > 1, word: 0 };
            let mut parts = Vec::new();
            for g in 0..count {
                let x =
                    self.m.load_from(Ty::F32, if r.lanes == 1 { 1 } else { width }, at.plus(g * width as usize), index);
                parts.push(if r.lanes == 1 { self.m.splat(Ty::F32, width, x) } else { x });
            }
            return parts;
        }
        let at = At { base, frame: 0, grouped: r.lanes > 1, word: 0 };
        let mut parts = Vec::new();
        for g in 0..count {
            let mut index = places(self, g, width, own);
            self.m.width(width);
            if r.lanes > 1 {
                let lanes: Vec<u32> = (0..width).map(|i| if flat { i % pad } else { i }).collect();
                let lanes = self.m.words(Ty::I32, &lanes);
                index = self.m.bin(Bin::Iadd, index, lanes);
            }
            let at = if r.lanes > 1 { at.plus(g * width as usize) } else { at };
            parts.push(self.m.gather(width, at, index));
        }
        parts
    }

    /// Sums of lanes, in the order of [`fold_lanes`].
    fn reduce(&mut self, x: NodeId, lanes: u32) -> Vec<Val> {
        let n = self.lanes(x) / lanes;
        let (_, width) = self.shape(self.lanes(x));
        if lanes == 1 && n.is_multiple_of(width) && (n / width).is_power_of_two() && width > 1 {
            // Halves of whole vectors first; the rest is inside one.
            let mut parts = self.all(x);
            self.m.width(width);
            let m = &mut *self.m;
            let one = fold_lanes(&mut parts, |a, b| m.bin(Bin::Add, a, b));
            let mut terms: Vec<Val> = (0..width).map(|lane| m.lane(one, lane)).collect();
            m.width(1);
            return vec![fold_lanes(&mut terms, |a, b| m.bin(Bin::Add, a, b))];
        }
        let mut sums = Vec::new();
        for j in 0..lanes {
            let mut terms: Vec<Val> = (0..n).map(|k| self.lane(x, j * n + k)).collect();
            self.m.width(1);
            let m = &mut *self.m;
            sums.push(fold_lanes(&mut terms, |a, b| m.bin(Bin::Add, a, b)));
        }
        let (_, width) = self.shape(lanes);
        sums.chunks(width as usize).map(|some| self.m.pack(Ty::F32, width, some)).collect()
    }

    /// One lane of a value, as scalar.
    fn lane(&mut self, x: NodeId, lane: u32) -> Val {
        if self.lanes(x) == 1 {
            return self.get(x, 0, 1);
        }
        let (_, width) = self.shape(self.lanes(x));
        let part = self.get(x, (lane / width) as usize, width);
        self.m.lane(part, lane % width)
    }

    /// Lanes of other values, in any order.
    fn collect(&mut self, ty: Ty, lanes: &[(NodeId, u32)]) -> Vec<Val> {
        let (_, width) = self.shape(lanes.len() as u32);
        if let [(x, lane)] = *lanes {
            return vec![self.lane(x, lane)];
        }
        lanes.chunks(width as usize).map(|some| self.collect_one(ty, width, some)).collect()
    }

    fn collect_one(&mut self, ty: Ty, width: u32, lanes: &[(NodeId, u32)]) -> Val {
        let (first, lane) = lanes[0];
        if lanes.iter().all(|l| *l == lanes[0]) {
            let x = self.lane(first, lane);
            return self.m.splat(ty, width, x);
        }
        // Vectors that the lanes come from; two at most can be shuffled in one go.
        let (mut sources, mut vectors): (Vec<(NodeId, u32)>, bool) = (Vec::new(), self.m.lanes() == 4);
        for &(x, lane) in lanes {
            let (_, own) = self.shape(self.lanes(x));
            vectors &= own > 1;
            if !sources.contains(&(x, lane / own)) {
                sources.push((x, lane / own));
            }
        }
        if !vectors || sources.len() > 2 {
            let scalars: Vec<Val> = lanes.iter().map(|&(x, lane)| self.lane(x, lane)).collect();
            return self.m.pack(ty, width, &scalars);
        }
        let parts: Vec<Val> = sources
            .iter()
            .map(|&(x, part)| {
                let (_, own) = self.shape(self.lanes(x));
                self.get(x, part as usize, own)
            })
            .collect();
        let pick = |i: usize| {
            let (x, lane) = lanes[i.min(lanes.len() - 1)];
            let (_, own) = self.shape(self.lanes(x));
            let from = sources.iter().position(|s| *s == (x, lane / own)).unwrap_or(0);
            (from * 4) as u8 + (lane % own) as u8
        };
        let order = [pick(0), pick(1), pick(2), pick(3)];
        if sources.len() == 1 && lanes.iter().enumerate().all(|(i, _)| order[i] == i as u8) {
            return parts[0];
        }
        self.m.shuffle(parts[0], parts[parts.len() - 1], order)
    }
}

/// Number of parts of a value of so many lanes in a region, and lanes of a part, where full vectors have `full` lanes.
pub fn shape(region: &Region, lanes: u32, full: u32) -> (usize, u32) {
    let pad = padded(lanes) as u32;
    match region.kind {
        Kind::Flat(_) => (1, full),
        Kind::Uniform(n) => (if lanes == 1 { 1 } else { region.groups as usize }, full.min(padded(n) as u32)),
        Kind::Scalar => (1, 1),
        Kind::Block | Kind::Mixed if pad <= full => (1, pad),
        Kind::Block | Kind::Mixed => (lanes.div_ceil(full) as usize, full),
    }
}
