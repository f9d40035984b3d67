//! The values inside a loop.
//!
//! A value is a list of parts. In code without loops of values ([`Kind::Flat`]) a part is a full vector of consecutive words: the
//! lanes of one frame after those of the last. `Flat(1)` takes as many frames at once as a vector has lanes, so a value of n lanes
//! has n parts, and values of all widths live side by side; `Flat(n)` takes only frames for one part, and repeats what has one lane.
//! In a uniform loop the parts are the vectors of the groups that are computed side by side; in a loop frame by frame several lanes
//! are as many vectors as they need. What a region does not compute itself is fetched when first asked for: constants, rows,
//! inputs, lines, block values, buffers. Where lanes meet is the matter of [`crate::codegen::lanes`].

use crate::codegen::emit::{Bin, Val};
use crate::codegen::lanes::Lanes;
use crate::codegen::machine::{At, Back, Base, Machine, Pointer, Ptr, RingAt};
use crate::codegen::steady;
use crate::exec::{Quantum, padded};
use crate::graph::check::GraphInfo;
use crate::graph::ops::{Op, canonical};
use crate::graph::{CellId, Graph, Node, NodeId, QUANTUM, RingId, Ty, operands};
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
    pub(super) graph: &'b Graph,
    pub(super) schedule: &'b Schedule,
    pub(super) info: &'b GraphInfo,
    pub(super) region: &'b Region,
    /// Lines by which taps are delayed are where they began.
    pub(super) rests: bool,
    /// These lines.
    resting: Vec<NodeId>,
    parts: HashMap<NodeId, Vec<Val>>,
    /// Single lanes spread over several.
    spread: HashMap<(Val, u32), Vec<Val>>,
    /// How far a line has come, by lanes.
    ramps: HashMap<u32, Vec<Val>>,
    /// Halves of values whose lanes are taken apart; true for the upper ones.
    pub(super) halves: HashMap<(Lanes, bool), Lanes>,
    cells: HashMap<CellId, Vec<Val>>,
    /// What this round has written to rings.
    pub(super) written: HashMap<RingId, Vec<Val>>,
    /// Pieces of rings that start at whole vectors before this round, by how many.
    pub(super) pieces: HashMap<(RingId, u32), Val>,
    pub(super) pointers: HashMap<Pointer, Ptr>,
}

impl<'b, M: Machine> Body<'b, M> {
    /// A body whose pointers are there already. `rests`: see [`crate::codegen::steady`].
    pub fn new(m: &'b mut M, graph: &'b Graph, schedule: &'b Schedule, region: &'b Region, rests: bool) -> Self {
        let mut body = Body {
            m,
            graph,
            schedule,
            info: &schedule.info,
            region,
            rests,
            resting: if rests { steady::lines(graph, schedule, region) } else { Vec::new() },
            parts: HashMap::default(),
            spread: HashMap::default(),
            ramps: HashMap::default(),
            halves: HashMap::default(),
            cells: HashMap::default(),
            written: HashMap::default(),
            pieces: HashMap::default(),
            pointers: HashMap::default(),
        };
        body.find_pointers();
        body
    }

    /// Gives a cell the value that the loop carries.
    pub fn carry(&mut self, cell: CellId, parts: Vec<Val>) {
        self.cells.insert(cell, parts);
    }

    pub(super) fn lanes(&self, id: NodeId) -> u32 {
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
                let parts = match self.still(id) {
                    Some(at) => self.block_value(at, self.ty(id), self.lanes(id)),
                    None => self.compute(id),
                };
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
        let next = self.get(cell.next.expect("checked"), cell.lanes);
        // In code without loops of values only the last frame goes on.
        let (count, _) = carried(self.region, cell.lanes, self.m.lanes());
        next[next.len() - count..].to_vec()
    }

    /// All parts of a value where `lanes` lanes are computed.
    pub(super) fn get(&mut self, id: NodeId, lanes: u32) -> Vec<Val> {
        let id = resolve(&self.schedule.access, id);
        let (ty, (count, width)) = (self.ty(id), self.shape(lanes));
        if let Access::Constant(word) = self.schedule.access[id.index()] {
            self.m.width(width);
            return vec![self.m.constant(ty, word); count];
        }
        let parts = self.all(id);
        if self.lanes(id) > 1 || lanes == 1 {
            return parts;
        }
        match self.region.kind {
            // The same in every frame.
            Kind::Flat(1) if self.schedule.access[id.index()] == Access::Block => return vec![parts[0]; count],
            Kind::Flat(1) | Kind::Mixed | Kind::Block => {}
            Kind::Flat(_) | Kind::Uniform(_) | Kind::Scalar => return vec![parts[0]; count],
        }
        let key = (parts[0], lanes);
        if let Some(wide) = self.spread.get(&key) {
            return wide.clone();
        }
        let wide = if self.region.kind == Kind::Flat(1) {
            self.spread_lane(ty, parts[0], lanes)
        } else {
            vec![self.m.splat(ty, width, parts[0]); count]
        };
        self.spread.insert(key, wide.clone());
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
    pub(super) fn at_frame(&self, base: Base, word: u32, lanes: u32) -> At {
        At { base, frame: padded(lanes) as u32, grouped: lanes > 1, word: word as i32 }
    }

    /// A value of which memory has a word per frame and lane.
    pub(super) fn frames(&mut self, base: Base, word: u32, ty: Ty, lanes: u32) -> Vec<Val> {
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
            Kind::Flat(_) if lanes > 1 => {
                // A frame is a part of a vector, or some vectors.
                let pad = padded(lanes) as u32;
                let period = pad.min(width);
                let one = |at| self.m.repeat(ty, width, period, at);
                let some: Vec<Val> = (0..pad / period).map(|k| at.plus((k * width) as usize)).map(one).collect();
                (0..count).map(|g| some[g % some.len()]).collect()
            }
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
        let ramp = self.ramp(lanes);
        self.m.width(width);
        let mut points = Vec::new();
        for ((old, slope), t) in old.into_iter().zip(slope).zip(ramp) {
            let rise = self.m.bin(Bin::Mul, slope, t);
            points.push(self.m.bin(Bin::Add, old, rise));
        }
        points
    }

    /// How far lines of so many lanes have come.
    fn ramp(&mut self, lanes: u32) -> Vec<Val> {
        if let Some(ramp) = self.ramps.get(&lanes) {
            return ramp.clone();
        }
        let (count, width) = self.shape(lanes);
        let ramp = if self.region.kind == Kind::Flat(1) {
            let pad = padded(lanes) as u32;
            let at = |g: usize| self.at_frame(Base::Quantum, field!(ramp) + g as u32 * width / pad, 1);
            let each = pad.min(width);
            (0..count)
                .map(at)
                .collect::<Vec<_>>()
                .into_iter()
                .map(|at| self.m.expand(Ty::F32, width, each, at))
                .collect()
        } else {
            let one = self.frames(Base::Quantum, field!(ramp), Ty::F32, 1)[0];
            let narrow = matches!(self.region.kind, Kind::Mixed | Kind::Block);
            vec![if narrow { self.m.splat(Ty::F32, width, one) } else { one }; count]
        };
        self.ramps.insert(lanes, ramp.clone());
        ramp
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
    pub(super) fn frame(&mut self) -> Val {
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
            Node::Peek(sample, index) => self.peek(id, *sample, *index),
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

    fn op(&mut self, id: NodeId, op: Op, nodes: &[NodeId]) -> Vec<Val> {
        let lanes = self.lanes(id);
        let (count, width) = self.shape(lanes);
        let args: smallvec::SmallVec<[Vec<Val>; 4]> = nodes.iter().map(|&n| self.get(n, lanes)).collect();
        let seldom = self.seldom(id, op, nodes);
        let mut parts = Vec::with_capacity(count);
        for g in 0..count {
            let args: smallvec::SmallVec<[Val; 4]> = args.iter().map(|parts| parts[g]).collect();
            self.m.width(width);
            parts.push(if seldom {
                let mask = self.m.truth(args[0]);
                self.m.pick_seldom(mask, args[1], args[2])
            } else {
                (op.info().emit)(self.m.emit(), &args)
            });
        }
        parts
    }

    /// True for a choice between two values of a loop by something that the loop does not decide, as when a trigger begins an
    /// envelope anew. What is chosen then is one way round the loop that it nearly never takes.
    fn seldom(&self, id: NodeId, op: Op, args: &[NodeId]) -> bool {
        let scc = |n: NodeId| self.info.scc[resolve(&self.schedule.access, n).index()];
        let looped = matches!(self.region.kind, Kind::Scalar | Kind::Uniform(_) | Kind::Mixed);
        let here = |i: usize| scc(args[i]) == scc(id);
        looped && matches!(op, Op::Select | Op::Iselect) && !here(0) && here(1) && here(2)
    }

    fn read(&mut self, cell: CellId) -> Vec<Val> {
        let carried = self.cells[&cell].clone();
        if !matches!(self.region.kind, Kind::Flat(_)) {
            return carried;
        }
        // The last frame of the round before, and all but the last of this one.
        let cell = &self.graph.cells[cell.index()];
        let now = self.get(cell.next.expect("checked"), cell.lanes);
        let (pad, full) = (padded(cell.lanes), self.m.lanes() as usize);
        let all: Vec<Val> = carried.into_iter().chain(now.iter().copied()).collect();
        if pad >= full {
            return all[..now.len()].to_vec();
        }
        all.windows(2).map(|pair| self.m.shift_in(pair[0], pair[1], pad as u32)).collect()
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
        let (_, width) = self.shape(lanes);
        let at = At::fixed(Base::Buffers, self.schedule.block[id.index()].expect("lines have a place"));
        let kept = At::fixed(Base::State, self.schedule.state.lines[id.index()]);
        for (g, new) in self.get(x, lanes).into_iter().enumerate() {
            let behind = g * width as usize;
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

    /// The place of what stands for a value while the lines that it is worked out of rest.
    fn still(&self, id: NodeId) -> Option<u32> {
        let rest = self.schedule.rests.get(&id).filter(|_| self.rests)?;
        let place = self.schedule.block[rest.twin.index()];
        place.filter(|_| rest.lines.iter().all(|line| self.resting.contains(line)))
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
                            let one = self.back(id, *r, *delay).map(|(at, _)| vec![at]);
                            let places = one.or_else(|| self.backs(id, *r, *delay)).unwrap_or(vec![RingAt::Start]);
                            for at in places {
                                found.push(self.ring_pointer(*r, at));
                                // A vector before it, where two are put together.
                                if let (Kind::Flat(1), RingAt::Back(Back::Frames(n))) = (self.region.kind, at) {
                                    let next = Back::Frames(n + QUANTUM as u32);
                                    found.push(self.ring_pointer(*r, RingAt::Back(next)));
                                }
                            }
                        }
                        Node::Peek(s, _) => found.push(Pointer::Sample(s.0)),
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

    /// The frame counter, of one lane, where `lanes` lanes are computed.
    pub(super) fn spread_frame(&mut self, now: Val, lanes: u32) -> Vec<Val> {
        let (count, width) = self.shape(lanes);
        match self.region.kind {
            Kind::Flat(1) if lanes > 1 => self.spread_lane(Ty::I32, now, lanes),
            Kind::Mixed | Kind::Block => vec![self.m.splat(Ty::I32, width, now); count],
            _ => vec![now; count],
        }
    }
}

/// Number of parts of a value of so many lanes in a region, and lanes of a part, where full vectors have `full` lanes.
pub fn shape(region: &Region, lanes: u32, full: u32) -> (usize, u32) {
    let pad = padded(lanes) as u32;
    match region.kind {
        Kind::Flat(1) => (pad as usize, full),
        Kind::Flat(_) => (1, full),
        Kind::Uniform(n) => (if lanes == 1 { 1 } else { region.groups as usize }, full.min(padded(n) as u32)),
        Kind::Scalar => (1, 1),
        Kind::Block | Kind::Mixed if pad <= full => (1, pad),
        Kind::Block | Kind::Mixed => (lanes.div_ceil(full) as usize, full),
    }
}

/// Number of parts of a cell that go on to the next round, and lanes of a part.
pub fn carried(region: &Region, lanes: u32, full: u32) -> (usize, u32) {
    let (count, width) = shape(region, lanes, full);
    match region.kind {
        Kind::Flat(_) => ((padded(lanes) / full as usize).max(1), full),
        _ => (count, width),
    }
}

/// Frames that one round of a region computes.
pub fn words_of(region: &Region, full: u32) -> u32 {
    match region.kind {
        Kind::Flat(n) => full / padded(n) as u32,
        _ => 1,
    }
}
