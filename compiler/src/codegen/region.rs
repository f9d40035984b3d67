//! The loop of a region: where values come from and go to, frame by frame.
//!
//! Whatever changes from frame to frame is carried by the loop in registers: the frame's offset and the cells. Everything else
//! has a base address computed before the loop. [`Body`] fills the loop.

use crate::codegen::body::Body;
use crate::codegen::emit::little;
use crate::exec::{Quantum, padded};
use crate::graph::{CellId, Graph, QUANTUM, Ty};
use crate::schedule::{Kind, Region, Schedule};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F32X4, I8X16, I32, I32X4, I64};
use cranelift_codegen::ir::{BlockArg, ConstantData, InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::FunctionBuilder;
use std::mem::offset_of;

/// Flags of loads and stores to our own aligned memory.
pub fn ours() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Flags for memory that is perhaps not aligned.
pub fn foreign() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// The machine type of one lane or four.
pub fn machine(ty: Ty, wide: bool) -> Type {
    match (ty, wide) {
        (Ty::F32, false) => F32,
        (Ty::F32, true) => F32X4,
        (Ty::I32, false) => I32,
        (Ty::I32, true) => I32X4,
    }
}

/// Bytes between groups of four lanes in a buffer.
pub const GROUP: i32 = (QUANTUM * 16) as i32;

/// Addresses that hold for a whole call.
#[derive(Clone, Copy)]
pub struct Bases {
    /// The quantum itself.
    pub quantum: Value,
    /// State.
    pub state: Value,
    /// Scratch.
    pub buffers: Value,
    /// First frame, modulo 2^32.
    pub frame: Value,
}

/// Where a loop stands.
#[derive(Clone, Copy)]
pub struct Place {
    /// Four times the frame: the offset in a buffer of one lane.
    pub one: Value,
    /// Sixteen times the frame: the offset in a group of four lanes.
    pub four: Value,
    /// Sixteen times the group, when groups go one after another.
    pub group: Option<Value>,
}

/// Emits the function of a region into an empty builder.
pub fn function(b: &mut FunctionBuilder, graph: &Graph, schedule: &Schedule, region: &Region) {
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let quantum = b.block_params(entry)[0];
    let word = |b: &mut FunctionBuilder, ty, offset: usize| b.ins().load(ty, ours(), quantum, offset as i32);
    let state = word(b, I64, offset_of!(Quantum, state));
    let buffers = word(b, I64, offset_of!(Quantum, buffers));
    let frame = word(b, I32, offset_of!(Quantum, frame));
    let bases = Bases { quantum, state, buffers, frame };
    let mut emit = Loop { b, graph, schedule, region, bases };
    match region.kind {
        Kind::Block => emit.block(),
        Kind::Uniform(lanes) => emit.groups(lanes.div_ceil(4)),
        Kind::Time | Kind::Scalar | Kind::Mixed => emit.frames(None),
    }
    b.ins().return_(&[]);
    b.seal_all_blocks();
}

struct Loop<'a, 'b, 'f> {
    b: &'a mut FunctionBuilder<'f>,
    graph: &'b Graph,
    schedule: &'b Schedule,
    region: &'b Region,
    bases: Bases,
}

impl Loop<'_, '_, '_> {
    /// No loop at all.
    fn block(self) {
        let zero = self.b.ins().iconst(I64, 0);
        let place = Place { one: zero, four: zero, group: None };
        let mut body = Body::new(self.b, self.graph, self.schedule, self.region, self.bases, place);
        self.region.items.iter().for_each(|&item| body.item(item));
    }

    /// A loop over groups of four lanes around the loop over frames.
    fn groups(&mut self, groups: u32) {
        let step = self.region.groups;
        if groups == step {
            let zero = self.b.ins().iconst(I64, 0);
            self.frames(Some(zero));
            return;
        }
        let (head, after) = (self.b.create_block(), self.b.create_block());
        let group = self.b.append_block_param(head, I64);
        let zero = self.b.ins().iconst(I64, 0);
        self.b.ins().jump(head, &[zero.into()]);
        self.b.switch_to_block(head);
        self.frames(Some(group));
        let next = self.b.ins().iadd_imm_s(group, i64::from(step * 16));
        let more = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, next, i64::from(groups * 16));
        self.b.ins().brif(more, head, &[next.into()], after, &[]);
        self.b.switch_to_block(after);
    }

    /// Number of parts in which the loop carries a cell.
    fn cell_groups(&self, cell: CellId) -> usize {
        match self.region.kind {
            Kind::Mixed => padded(self.graph.cells[cell.index()].lanes).div_ceil(4),
            Kind::Uniform(_) => self.region.groups as usize,
            Kind::Block | Kind::Time | Kind::Scalar => 1,
        }
    }

    /// The words of state of a cell that the loop carries: one per part.
    fn cell_parts(&self, cell: CellId) -> Vec<i32> {
        let at = self.schedule.state.cells[cell.index()] as i32 * 4;
        let groups = self.cell_groups(cell) as i32;
        (0..groups).map(|g| at + g * 16).collect()
    }

    /// The type in which the loop carries a cell.
    fn cell_type(&self, cell: CellId) -> Type {
        let cell = &self.graph.cells[cell.index()];
        let wide = match self.region.kind {
            Kind::Time | Kind::Uniform(_) => true,
            _ => cell.lanes > 1,
        };
        machine(cell.ty, wide)
    }

    /// The loop over the frames of a quantum. In a loop over time it takes four frames a round.
    fn frames(&mut self, group: Option<Value>) {
        let time = self.region.kind == Kind::Time;
        let lanes = !matches!(self.region.kind, Kind::Time | Kind::Scalar);
        let state = match group {
            Some(group) => self.b.ins().iadd(self.bases.state, group),
            None => self.bases.state,
        };
        let (head, after) = (self.b.create_block(), self.b.create_block());
        let index = self.b.append_block_param(head, I64);
        let zero = self.b.ins().iconst(I64, 0);
        let mut first: Vec<BlockArg> = vec![zero.into()];
        let (mut carried, mut left) = (Vec::new(), Vec::new());
        for &cell in &self.region.cells {
            let ty = self.cell_type(cell);
            for at in self.cell_parts(cell) {
                // Over time only the last lane of what is carried counts: the sample before.
                let value = if time {
                    let one = self.b.ins().load(ty.lane_type(), ours(), state, at);
                    self.b.ins().splat(ty, one)
                } else {
                    self.b.ins().load(ty, ours(), state, at)
                };
                first.push(value.into());
                carried.push(self.b.append_block_param(head, ty));
                left.push(self.b.append_block_param(after, ty));
            }
        }
        self.b.ins().jump(head, &first);
        self.b.switch_to_block(head);
        let (one, four) = match (lanes, time) {
            (true, _) => (self.b.ins().ushr_imm_u(index, 2), index),
            (false, _) => (index, index),
        };
        let place = Place { one, four, group };
        let counts: Vec<usize> = self.region.cells.iter().map(|&cell| self.cell_groups(cell)).collect();
        let mut body = Body::new(self.b, self.graph, self.schedule, self.region, self.bases, place);
        let mut parts = carried.iter().copied();
        let mut counts = counts.into_iter();
        for &cell in &self.region.cells {
            body.carry(cell, parts.by_ref().take(counts.next().unwrap_or(1)).collect());
        }
        self.region.items.iter().for_each(|&item| body.item(item));
        let next: Vec<Value> = self.region.cells.iter().flat_map(|&cell| body.next(cell)).collect();
        drop(body);
        let (step, end) = match (lanes, time) {
            (true, _) => (16, QUANTUM as i64 * 16),
            (false, true) => (16, QUANTUM as i64 * 4),
            (false, false) => (4, QUANTUM as i64 * 4),
        };
        let index = self.b.ins().iadd_imm_s(index, step);
        let more = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, index, end);
        let exit: Vec<BlockArg> = next.iter().map(|v| BlockArg::from(*v)).collect();
        let again: Vec<BlockArg> = std::iter::once(BlockArg::from(index)).chain(exit.iter().copied()).collect();
        self.b.ins().brif(more, head, &again, after, &exit);
        self.b.switch_to_block(after);
        let mut left = left.into_iter();
        for &cell in &self.region.cells {
            for at in self.cell_parts(cell) {
                let value = left.next().expect("as many as carried");
                let value = if time { self.b.ins().extractlane(value, 3) } else { value };
                self.b.ins().store(ours(), value, state, at);
            }
        }
    }
}

/// Lanes of two vectors in a new order: 0 to 3 are of the first, 4 to 7 of the second.
pub fn shuffle(b: &mut FunctionBuilder, x: Value, y: Value, lanes: [u8; 4]) -> Value {
    let ty = b.func.dfg.value_type(x);
    let bytes: Vec<u8> = lanes.iter().flat_map(|&lane| (0..4).map(move |k| lane * 4 + k)).collect();
    let mask = b.func.dfg.immediates.push(ConstantData::from(bytes));
    let x16 = b.ins().bitcast(I8X16, little(), x);
    let y16 = if x == y { x16 } else { b.ins().bitcast(I8X16, little(), y) };
    let z = b.ins().shuffle(x16, y16, mask);
    b.ins().bitcast(ty, little(), z)
}
