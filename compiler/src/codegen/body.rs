//! The values inside a loop.
//!
//! A value is a list of parts. Over time it is one vector of four frames; in a uniform loop it is the vectors of the groups that
//! are computed side by side (a single lane is spread over one); in a loop frame by frame a single lane is one scalar, and several lanes are vectors of four. What a
//! region does not compute itself is fetched when first asked for: constants, rows, inputs, lines, block values, buffers.

use crate::codegen::emit::Emit;
use crate::codegen::region::{Bases, GROUP, Place, foreign, machine, ours, shuffle};
use crate::exec::{Quantum, RingPtr, padded};
use crate::graph::check::GraphInfo;
use crate::graph::ops::Op;
use crate::graph::{CellId, Graph, Node, NodeId, RingId, Ty};
use crate::schedule::{Access, Item, Kind, Region, Schedule, resolve};
use cranelift_codegen::ir::types::{F32, F32X4, I32, I32X4, I64};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;
use rustc_hash::FxHashMap as HashMap;
use std::mem::{offset_of, size_of};

/// One round of a region's loop.
pub struct Body<'a, 'b, 'f> {
    b: &'a mut FunctionBuilder<'f>,
    graph: &'b Graph,
    schedule: &'b Schedule,
    info: &'b GraphInfo,
    kind: Kind,
    groups: usize,
    bases: Bases,
    place: Place,
    parts: HashMap<NodeId, Vec<Value>>,
    /// Single lanes spread over four, where scalars and vectors meet.
    spread: HashMap<Value, Value>,
    cells: HashMap<CellId, Vec<Value>>,
    /// Addresses of the current frame in buffers of one lane and of groups.
    one: Option<Value>,
    four: Option<Value>,
}

impl<'a, 'b, 'f> Body<'a, 'b, 'f> {
    /// A body at a place of the loop.
    pub fn new(
        b: &'a mut FunctionBuilder<'f>,
        graph: &'b Graph,
        schedule: &'b Schedule,
        region: &'b Region,
        bases: Bases,
        place: Place,
    ) -> Self {
        let (parts, spread, cells) = (HashMap::default(), HashMap::default(), HashMap::default());
        let (info, kind, groups) = (&schedule.info, region.kind, region.groups as usize);
        Body { b, graph, schedule, info, kind, groups, bases, place, parts, spread, cells, one: None, four: None }
    }

    /// Gives a cell the value that the loop carries.
    pub fn carry(&mut self, cell: CellId, parts: Vec<Value>) {
        self.cells.insert(cell, parts);
    }

    /// True when a value of one lane is a vector, too.
    fn vectors(&self) -> bool {
        matches!(self.kind, Kind::Time | Kind::Uniform(_))
    }

    fn lanes(&self, id: NodeId) -> u32 {
        self.info.lanes[id.index()]
    }

    fn ty(&self, id: NodeId) -> Ty {
        self.info.ty[id.index()]
    }

    /// Number of parts of a value of that many lanes.
    fn count(&self, lanes: u32) -> usize {
        match self.kind {
            _ if lanes == 1 => 1,
            Kind::Time => 1,
            Kind::Uniform(_) => self.groups,
            Kind::Block | Kind::Scalar | Kind::Mixed => lanes.div_ceil(4) as usize,
        }
    }

    /// Computes an item, and stores it if others need it.
    pub fn item(&mut self, item: Item) {
        match item {
            Item::Node(id) => {
                let parts = self.compute(id);
                if let (Kind::Block, Some(at)) = (self.kind, self.schedule.block[id.index()]) {
                    self.store_block(at, &parts);
                } else if self.kind != Kind::Block {
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
    pub fn next(&mut self, cell: CellId) -> Vec<Value> {
        let lanes = self.graph.cells[cell.index()].lanes;
        let next = self.graph.cells[cell.index()].next.expect("checked");
        let count = self.count(lanes);
        (0..count).map(|g| self.get(next, g, self.vectors() || lanes > 1)).collect()
    }

    /// A part of a value as scalar or vector.
    fn get(&mut self, id: NodeId, part: usize, wide: bool) -> Value {
        let id = resolve(&self.schedule.access, id);
        if let Access::Constant(word) = self.schedule.access[id.index()] {
            let ty = self.ty(id);
            return Emit { b: self.b, wide }.constant(ty, word);
        }
        let one = self.lanes(id) == 1;
        let parts = self.all(id);
        let value = parts[if one { 0 } else { part }];
        if wide && !self.b.func.dfg.value_type(value).is_vector() {
            let ty = machine(self.ty(id), true);
            if let Some(&spread) = self.spread.get(&value) {
                return spread;
            }
            let spread = self.b.ins().splat(ty, value);
            self.spread.insert(value, spread);
            return spread;
        }
        value
    }

    /// All parts of a value.
    fn all(&mut self, id: NodeId) -> Vec<Value> {
        let id = resolve(&self.schedule.access, id);
        if let Some(parts) = self.parts.get(&id) {
            return parts.clone();
        }
        let parts = self.fetch(id);
        self.parts.insert(id, parts.clone());
        parts
    }

    fn emit(&mut self, wide: bool) -> Emit<'_, 'f> {
        Emit { b: self.b, wide }
    }

    /// A value that another region computes, or none has to.
    fn fetch(&mut self, id: NodeId) -> Vec<Value> {
        let (lanes, ty) = (self.lanes(id), self.ty(id));
        let wide = self.vectors() || lanes > 1;
        match self.schedule.access[id.index()] {
            Access::Constant(word) => {
                let value = self.emit(wide).constant(ty, word);
                vec![value; self.count(lanes)]
            }
            Access::Block => {
                let at = self.schedule.block[id.index()].expect("block values that cross regions have a place");
                self.block_value(at, ty, lanes)
            }
            Access::Line => self.line(id),
            Access::Direct => self.direct(id),
            Access::Computed => {
                let at = self.schedule.home[id.index()].expect("values that cross regions have a buffer") as i32 * 4;
                if lanes == 1 {
                    let address = self.address_one();
                    let value = self.load_one(ty, address, at, true);
                    vec![value]
                } else {
                    let address = self.address_four();
                    let ty = machine(ty, true);
                    (0..self.count(lanes))
                        .map(|g| self.b.ins().load(ty, ours(), address, at + g as i32 * GROUP))
                        .collect()
                }
            }
            Access::Alias(_) | Access::Dead => unreachable!("resolved and needed"),
        }
    }

    /// The address of the current frame in buffers of one lane.
    fn address_one(&mut self) -> Value {
        if let Some(address) = self.one {
            return address;
        }
        let address = self.b.ins().iadd(self.bases.buffers, self.place.one);
        self.one = Some(address);
        address
    }

    /// The address of the current frame in the current group of buffers of several lanes.
    fn address_four(&mut self) -> Value {
        if let Some(address) = self.four {
            return address;
        }
        let address = self.in_group(self.bases.buffers);
        self.four = Some(address);
        address
    }

    /// The current frame of the current group behind a base.
    fn in_group(&mut self, base: Value) -> Value {
        let address = self.b.ins().iadd(base, self.place.four);
        match self.place.group {
            Some(group) => {
                let offset = self.b.ins().imul_imm_s(group, i64::from(GROUP / 16));
                self.b.ins().iadd(address, offset)
            }
            None => address,
        }
    }

    /// A value of one lane from memory with one word per frame.
    fn load_one(&mut self, ty: Ty, address: Value, at: i32, aligned: bool) -> Value {
        let flags = if aligned { ours() } else { foreign() };
        match self.kind {
            Kind::Time => self.b.ins().load(machine(ty, true), flags, address, at),
            Kind::Uniform(_) => {
                let value = self.b.ins().load(machine(ty, false), flags, address, at);
                self.b.ins().splat(machine(ty, true), value)
            }
            _ => self.b.ins().load(machine(ty, false), flags, address, at),
        }
    }

    /// A value that does not change in the quantum: padded lanes, one lane spread over four.
    fn block_value(&mut self, at: u32, ty: Ty, lanes: u32) -> Vec<Value> {
        let at = at as i32 * 4;
        let wide = self.vectors() || lanes > 1;
        let base = match self.place.group {
            Some(group) if lanes > 1 => self.b.ins().iadd(self.bases.buffers, group),
            _ => self.bases.buffers,
        };
        (0..self.count(lanes)).map(|g| self.b.ins().load(machine(ty, wide), ours(), base, at + g as i32 * 16)).collect()
    }

    fn line(&mut self, id: NodeId) -> Vec<Value> {
        let lanes = self.lanes(id);
        let at = self.schedule.block[id.index()].expect("lines have a place");
        let old = self.block_value(at, Ty::F32, lanes);
        let slope = self.block_value(at + lanes.next_multiple_of(4), Ty::F32, lanes);
        let t = self.ramp(lanes > 1);
        let point = |(old, slope): (Value, Value)| {
            let rise = self.b.ins().fmul(slope, t);
            self.b.ins().fadd(old, rise)
        };
        old.into_iter().zip(slope).map(point).collect()
    }

    /// How far lines have come.
    fn ramp(&mut self, wide: bool) -> Value {
        let address = self.b.ins().iadd(self.bases.quantum, self.place.one);
        let t = self.load_one(Ty::F32, address, offset_of!(Quantum, ramp) as i32, true);
        if wide && !self.vectors() { self.b.ins().splat(F32X4, t) } else { t }
    }

    /// Rows, inputs and the frame counter.
    fn direct(&mut self, id: NodeId) -> Vec<Value> {
        let lanes = self.lanes(id);
        let (table, entry) = match self.graph.node(id) {
            Node::Row(r) => (offset_of!(Quantum, rows), r.0),
            Node::Input(c) => (offset_of!(Quantum, inputs), *c),
            _ => return vec![self.frame(id)],
        };
        let table = self.b.ins().load(I64, ours(), self.bases.quantum, table as i32);
        let base = self.b.ins().load(I64, ours(), table, entry as i32 * 8);
        let wide = self.vectors() || lanes > 1;
        let values: Vec<Value> = if lanes == 1 {
            let address = self.b.ins().iadd(base, self.place.one);
            vec![self.load_one(Ty::F32, address, 0, false)]
        } else {
            let address = self.in_group(base);
            (0..self.count(lanes)).map(|g| self.b.ins().load(F32X4, foreign(), address, g as i32 * GROUP)).collect()
        };
        values.into_iter().map(|v| self.emit(wide).flush(v)).collect()
    }

    /// The frame counter, as scalar.
    fn frame_scalar(&mut self) -> Value {
        let i = self.b.ins().ushr_imm_u(self.place.one, 2);
        let i = self.b.ins().ireduce(I32, i);
        self.b.ins().iadd(self.bases.frame, i)
    }

    fn frame(&mut self, id: NodeId) -> Value {
        let frame = match self.graph.node(id) {
            Node::Frame => self.frame_scalar(),
            _ => unreachable!("direct values are rows, inputs and the frame"),
        };
        match self.kind {
            Kind::Time => self.over_time(frame),
            Kind::Uniform(_) => self.b.ins().splat(I32X4, frame),
            _ => frame,
        }
    }

    /// A frame and the three after it.
    fn over_time(&mut self, frame: Value) -> Value {
        let frame = self.b.ins().splat(I32X4, frame);
        let bytes: Vec<u8> = (0..4u32).flat_map(u32::to_le_bytes).collect();
        let steps = self.b.func.dfg.constants.insert(ConstantData::from(bytes));
        let steps = self.b.ins().vconst(I32X4, steps);
        self.b.ins().iadd(frame, steps)
    }

    /// Computes a node of this region.
    fn compute(&mut self, id: NodeId) -> Vec<Value> {
        let graph = self.graph;
        match graph.node(id) {
            Node::Op(op, args) => self.op(id, *op, args),
            Node::Read(cell) => self.read(*cell),
            Node::Tap(ring, delay) => self.tap(id, *ring, *delay),
            Node::Shuffle(x, map) => {
                let lanes: Vec<(NodeId, u32)> = map.iter().map(|&lane| (*x, lane)).collect();
                self.gather(self.ty(id), &lanes)
            }
            Node::Join(args) => {
                let lanes: Vec<(NodeId, u32)> =
                    args.iter().flat_map(|&x| (0..self.info.lanes[x.index()]).map(move |lane| (x, lane))).collect();
                self.gather(self.ty(id), &lanes)
            }
            Node::Reduce(x, lanes) => self.reduce(*x, *lanes),
            Node::Param(p) => {
                let params = self.b.ins().load(I64, ours(), self.bases.quantum, offset_of!(Quantum, params) as i32);
                vec![self.b.ins().load(F32, ours(), params, p.0 as i32 * 4)]
            }
            Node::Const(ty, bits) => self.constants(*ty, bits),
            Node::Row(_) | Node::Input(_) | Node::Frame | Node::Line(_) => self.fetch(id),
        }
    }

    /// Constants with lanes of their own; in block regions only.
    fn constants(&mut self, ty: Ty, bits: &[u32]) -> Vec<Value> {
        let word = |i: usize| crate::graph::ops::canonical(ty, bits.get(i).copied().unwrap_or(0));
        let group = |g: usize| {
            let bytes: Vec<u8> = (0..4).flat_map(|lane| word(g * 4 + lane).to_le_bytes()).collect();
            let data = self.b.func.dfg.constants.insert(ConstantData::from(bytes));
            self.b.ins().vconst(machine(ty, true), data)
        };
        (0..bits.len().div_ceil(4)).map(group).collect()
    }

    fn op(&mut self, id: NodeId, op: Op, args: &[NodeId]) -> Vec<Value> {
        let lanes = self.lanes(id);
        let wide = self.vectors() || lanes > 1;
        let count = self.count(lanes);
        let part = |g: usize| {
            let args: Vec<Value> = args.iter().map(|&n| self.get(n, g, wide)).collect();
            (op.info().clif)(&mut self.emit(wide), &args)
        };
        (0..count).map(part).collect()
    }

    fn read(&mut self, cell: CellId) -> Vec<Value> {
        let carried = self.cells[&cell].clone();
        if self.kind != Kind::Time {
            return carried;
        }
        // The last frame of the round before, and the first three of this one.
        let next = self.graph.cells[cell.index()].next.expect("checked");
        let now = self.get(next, 0, true);
        vec![shuffle(self.b, carried[0], now, [3, 4, 5, 6])]
    }

    /// Stores a value to its buffer, if others need it.
    fn store(&mut self, id: NodeId, parts: &[Value]) {
        let Some(at) = self.schedule.home[id.index()] else { return };
        let at = at as i32 * 4;
        if self.lanes(id) == 1 {
            let address = self.address_one();
            self.b.ins().store(ours(), parts[0], address, at);
        } else {
            let address = self.address_four();
            for (g, &part) in parts.iter().enumerate() {
                self.b.ins().store(ours(), part, address, at + g as i32 * GROUP);
            }
        }
    }

    /// Stores a block-rate value to its place.
    fn store_block(&mut self, at: u32, parts: &[Value]) {
        for (g, &part) in parts.iter().enumerate() {
            let ty = self.b.func.dfg.value_type(part);
            let part = if ty.is_vector() { part } else { self.b.ins().splat(ty.by(4).expect("a vector"), part) };
            self.b.ins().store(ours(), part, self.bases.buffers, at as i32 * 4 + g as i32 * 16);
        }
    }

    /// Leaves the start and the slope of a line for the loops, and keeps its end for the next quantum.
    fn line_ends(&mut self, id: NodeId) {
        let Node::Line(x) = *self.graph.node(id) else { unreachable!("an item of a line") };
        let lanes = self.lanes(id);
        let at = self.schedule.block[id.index()].expect("lines have a place");
        let kept = self.schedule.state.lines[id.index()] as i32 * 4;
        let first = self.b.ins().load(F32X4, ours(), self.bases.quantum, offset_of!(Quantum, first) as i32);
        let (mut starts, mut slopes) = (Vec::new(), Vec::new());
        for g in 0..lanes.div_ceil(4) as usize {
            let new = self.get(x, g, true);
            let old = self.b.ins().load(F32X4, ours(), self.bases.state, kept + g as i32 * 16);
            let old = self.b.ins().bitselect(first, new, old);
            starts.push(old);
            slopes.push(self.b.ins().fsub(new, old));
            self.b.ins().store(ours(), new, self.bases.state, kept + g as i32 * 16);
        }
        self.store_block(at, &starts);
        self.store_block(at + lanes.next_multiple_of(4), &slopes);
    }

    /// A pointer out of a ring's descriptor.
    fn ring(&mut self, ring: RingId, field: usize) -> Value {
        let table = self.b.ins().load(I64, ours(), self.bases.quantum, offset_of!(Quantum, rings) as i32);
        self.b.ins().load(I64, ours(), table, (ring.0 as usize * size_of::<RingPtr>() + field) as i32)
    }

    /// Writes a ring. A quantum never wraps, since it divides the capacity and starts at a multiple of itself.
    fn write(&mut self, ring: RingId) {
        let r = &self.graph.rings[ring.index()];
        let (lanes, capacity, input) = (r.lanes, r.capacity, r.input.expect("checked"));
        let stride = padded(lanes) as i64;
        let base = self.ring(ring, offset_of!(RingPtr, write));
        let start = self.b.ins().band_imm_u(self.bases.frame, i64::from(capacity - 1));
        let start = self.b.ins().uextend(I64, start);
        let start = self.b.ins().imul_imm_s(start, stride * 4);
        let offset = self.b.ins().imul_imm_s(self.place.one, stride);
        let address = self.b.ins().iadd(base, start);
        let mut address = self.b.ins().iadd(address, offset);
        if let Some(group) = self.place.group {
            address = self.b.ins().iadd(address, group);
        }
        let wide = self.vectors() || lanes > 1;
        for g in 0..self.count(lanes) {
            let x = self.get(input, g, wide);
            let x = self.emit(wide).finite(x);
            self.b.ins().store(ours(), x, address, g as i32 * 16);
        }
    }

    /// Reads a ring some samples back.
    fn tap(&mut self, id: NodeId, ring: RingId, delay: NodeId) -> Vec<Value> {
        let (lanes, one_delay) = (self.lanes(id), self.lanes(delay) == 1);
        let r = &self.graph.rings[ring.index()];
        let (ring_lanes, capacity) = (r.lanes, r.capacity);
        let (least, most) = self.info.tap_range(id, capacity);
        let base = self.ring(ring, offset_of!(RingPtr, read));
        let stride = padded(ring_lanes) as i64 * 4;
        let mask = i64::from(capacity - 1);
        let now = self.frame_scalar();
        if one_delay && self.kind != Kind::Time {
            // One place for all lanes.
            let delay = self.get(delay, 0, false);
            let vector = self.b.func.dfg.value_type(delay).is_vector();
            let delay = if vector { self.b.ins().extractlane(delay, 0) } else { delay };
            let mut e = self.emit(false);
            let back = e.clamp(delay, least as f32, most as f32);
            let back = e.index(back);
            let at = self.b.ins().isub(now, back);
            let at = self.b.ins().band_imm_u(at, mask);
            let mut address = self.element(base, at, stride);
            if ring_lanes == 1 {
                let x = self.b.ins().load(F32, ours(), address, 0);
                return vec![if self.vectors() { self.b.ins().splat(F32X4, x) } else { x }];
            }
            if let Some(group) = self.place.group {
                address = self.b.ins().iadd(address, group);
            }
            return (0..self.count(lanes)).map(|g| self.b.ins().load(F32X4, ours(), address, g as i32 * 16)).collect();
        }
        let now = if self.kind == Kind::Time { self.over_time(now) } else { self.b.ins().splat(I32X4, now) };
        let count = self.count(lanes);
        let part = |g: usize| {
            let delay = self.get(delay, g, true);
            let mut e = self.emit(true);
            let back = e.clamp(delay, least as f32, most as f32);
            let back = e.index(back);
            let at = self.b.ins().isub(now, back);
            let mask = self.emit(true).constant(Ty::I32, mask as u32);
            let at = self.b.ins().band(at, mask);
            let (base, lane_bytes) = match (self.kind, ring_lanes) {
                (Kind::Time, _) | (_, 1) => (base, 0),
                _ => {
                    let group = self.place.group;
                    (group.map_or(base, |group| self.b.ins().iadd(base, group)), 4)
                }
            };
            let mut out = None;
            for lane in 0..4u8 {
                let at = self.b.ins().extractlane(at, lane);
                let address = self.element(base, at, stride);
                let x = self.b.ins().load(F32, ours(), address, lane_bytes * (i32::from(lane) + g as i32 * 4));
                out = Some(match out {
                    None => self.b.ins().scalar_to_vector(F32X4, x),
                    Some(vector) => self.b.ins().insertlane(vector, x, lane),
                });
            }
            out.expect("four lanes")
        };
        (0..count).map(part).collect()
    }

    /// The address of an element.
    fn element(&mut self, base: Value, index: Value, stride: i64) -> Value {
        let index = self.b.ins().uextend(I64, index);
        let offset = self.b.ins().imul_imm_s(index, stride);
        self.b.ins().iadd(base, offset)
    }

    /// Sums of lanes, in ascending order.
    fn reduce(&mut self, x: NodeId, lanes: u32) -> Vec<Value> {
        let n = self.lanes(x) / lanes;
        let mut sums = Vec::new();
        for j in 0..lanes {
            let mut sum = self.lane(x, j * n);
            for k in 1..n {
                let term = self.lane(x, j * n + k);
                sum = self.b.ins().fadd(sum, term);
            }
            sums.push(sum);
        }
        if lanes == 1 {
            return sums;
        }
        sums.chunks(4).map(|four| self.pack(four)).collect()
    }

    /// One lane of a value, as scalar.
    fn lane(&mut self, x: NodeId, lane: u32) -> Value {
        if self.lanes(x) == 1 {
            return self.get(x, 0, false);
        }
        let part = self.get(x, lane as usize / 4, true);
        self.b.ins().extractlane(part, (lane % 4) as u8)
    }

    /// Up to four scalars as a vector.
    fn pack(&mut self, lanes: &[Value]) -> Value {
        let ty = self.b.func.dfg.value_type(lanes[0]).by(4).expect("a vector");
        let first = self.b.ins().scalar_to_vector(ty, lanes[0]);
        let mut out = first;
        for (i, &lane) in lanes.iter().enumerate().skip(1) {
            out = self.b.ins().insertlane(out, lane, i as u8);
        }
        out
    }

    /// Lanes of other values, in any order.
    fn gather(&mut self, ty: Ty, lanes: &[(NodeId, u32)]) -> Vec<Value> {
        if let [(x, lane)] = *lanes {
            return vec![self.lane(x, lane)];
        }
        lanes.chunks(4).map(|four| self.gather_four(ty, four)).collect()
    }

    fn gather_four(&mut self, ty: Ty, lanes: &[(NodeId, u32)]) -> Value {
        let (first, lane) = lanes[0];
        if lanes.iter().all(|l| *l == lanes[0]) {
            let x = self.lane(first, lane);
            return self.b.ins().splat(machine(ty, true), x);
        }
        // Vectors that the lanes come from; two at most can be shuffled in one go.
        let mut sources: Vec<(NodeId, u32)> = Vec::new();
        for &(x, lane) in lanes {
            if !sources.contains(&(x, lane / 4)) {
                sources.push((x, lane / 4));
            }
        }
        let vectors = sources.iter().all(|(x, _)| self.lanes(*x) > 1);
        if !vectors || sources.len() > 2 {
            let scalars: Vec<Value> = lanes.iter().map(|&(x, lane)| self.lane(x, lane)).collect();
            return self.pack(&scalars);
        }
        let parts: Vec<Value> = sources.iter().map(|&(x, part)| self.get(x, part as usize, true)).collect();
        let pick = |i: usize| {
            let (x, lane) = lanes[i.min(lanes.len() - 1)];
            let from = sources.iter().position(|s| *s == (x, lane / 4)).unwrap_or(0);
            (from * 4) as u8 + (lane % 4) as u8
        };
        let mut order = [pick(0), pick(1), pick(2), pick(3)];
        if sources.len() == 1 && lanes.iter().enumerate().all(|(i, _)| order[i] == i as u8) {
            return parts[0];
        }
        if sources.len() == 1 {
            order = order.map(|lane| lane % 4);
        }
        shuffle(self.b, parts[0], parts[parts.len() - 1], order)
    }
}
