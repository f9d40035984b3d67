//! Cranelift as a machine: one lane as scalars, up to four as a vector of 128 bits.
//!
//! This is the machine of every processor, and of code that moves lanes about. Masks exist as vectors only: choosing by one has no
//! branch. A single lane therefore borrows a vector for them and leaves it again; on the machine that is the same register.

use crate::codegen::emit::{Bin, Cmp, Emit, Shift, Un, Val};
use crate::codegen::machine::{At, Back, Base, Carry, Machine, Pointer, Ptr, RingAt, Shape};
use crate::exec::{Quantum, RingPtr};
use crate::graph::{QUANTUM, Ty};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F32X4, F64, F64X2, I8X16, I32, I32X4, I64};
use cranelift_codegen::ir::{
    Block, BlockArg, ConstantData, Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value,
    ValueDef,
};
use cranelift_frontend::FunctionBuilder;
use rustc_hash::FxHashMap as HashMap;
use std::mem::{offset_of, size_of};

/// Flags of loads and stores: nothing traps, nothing is promised about alignment.
fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// Flags of a bitcast between vectors.
fn little() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

/// The machine type of one lane or more.
fn machine(ty: Ty, wide: bool) -> Type {
    match (ty, wide) {
        (Ty::F32, false) => F32,
        (Ty::F32, true) => F32X4,
        (Ty::I32, false) => I32,
        (Ty::I32, true) => I32X4,
    }
}

fn val(x: Value) -> Val {
    Val(x.as_u32())
}

fn value(x: Val) -> Value {
    Value::from_u32(x.0)
}

/// The loops that are open.
struct Loops {
    head: Block,
    after: Block,
    index: Value,
    left: Vec<Value>,
    carried: Vec<Carry>,
    shape: Shape,
    /// Head, exit and counter of the loop over groups.
    groups: Option<(Block, Block, Value)>,
}

/// A function of Cranelift being written.
pub struct Clif<'a, 'f> {
    b: &'a mut FunctionBuilder<'f>,
    quantum: Value,
    state: Value,
    buffers: Value,
    frame: Value,
    pointers: Vec<Value>,
    wide: bool,
    loops: Option<Loops>,
    group: Option<Value>,
    /// Addresses of the current round.
    addresses: HashMap<(Base, u32, bool), Value>,
}

impl<'a, 'f> Clif<'a, 'f> {
    /// Opens a function that takes a quantum.
    pub fn new(b: &'a mut FunctionBuilder<'f>) -> Self {
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let quantum = b.block_params(entry)[0];
        let word = |b: &mut FunctionBuilder, ty, at: usize| b.ins().load(ty, flags(), quantum, at as i32);
        let state = word(b, I64, offset_of!(Quantum, state));
        let buffers = word(b, I64, offset_of!(Quantum, buffers));
        let frame = word(b, I32, offset_of!(Quantum, frame));
        let (pointers, addresses) = (Vec::new(), HashMap::default());
        Clif { b, quantum, state, buffers, frame, pointers, wide: false, loops: None, group: None, addresses }
    }

    /// Ends the function.
    pub fn finish(self) {
        self.b.ins().return_(&[]);
        self.b.seal_all_blocks();
    }

    fn ty(&self, ty: Ty) -> Type {
        machine(ty, self.wide)
    }

    fn type_of(&self, x: Val) -> Type {
        self.b.func.dfg.value_type(value(x))
    }

    fn vector(&mut self, ty: Type, words: &[u32]) -> Value {
        let word = |i: usize| words.get(i).or(words.last()).copied().unwrap_or(0);
        let bytes: Vec<u8> = (0..4).flat_map(|i| word(i).to_le_bytes()).collect();
        let data = self.b.func.dfg.constants.insert(ConstantData::from(bytes));
        self.b.ins().vconst(ty, data)
    }

    fn cast_to(&mut self, ty: Type, x: Value) -> Value {
        if self.b.func.dfg.value_type(x) == ty { x } else { self.b.ins().bitcast(ty, little(), x) }
    }

    /// The bits as integers of as many lanes.
    fn bits(&mut self, x: Val) -> Value {
        let ty = if self.type_of(x).is_vector() { I32X4 } else { I32 };
        self.cast_to(ty, value(x))
    }

    /// One lane in a vector whose other lanes are unused.
    fn widen(&mut self, x: Value) -> Value {
        match self.b.func.dfg.value_type(x) {
            F32 => self.b.ins().scalar_to_vector(F32X4, x),
            I32 => self.b.ins().scalar_to_vector(I32X4, x),
            _ => x,
        }
    }

    /// The lane back, when one lane is what is emitted.
    fn narrow(&mut self, x: Value) -> Val {
        val(if self.wide { x } else { self.b.ins().extractlane(x, 0) })
    }

    /// What a value is when it is the same constant in every lane.
    fn known(&self, x: Val) -> Option<u32> {
        let ValueDef::Result(inst, _) = self.b.func.dfg.value_def(value(x)) else { return None };
        match self.b.func.dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits() as u32),
            InstructionData::UnaryConst { opcode: Opcode::Vconst, constant_handle } => {
                let data = self.b.func.dfg.constants.get(constant_handle).as_slice();
                let word = |i: usize| u32::from_le_bytes([data[i], data[i + 1], data[i + 2], data[i + 3]]);
                let first = word(0);
                (data.len() == 16 && (4..16).step_by(4).all(|i| word(i) == first)).then_some(first)
            }
            _ => None,
        }
    }

    fn shift_by(&mut self, kind: Shift, x: Value, amount: Value) -> Value {
        match kind {
            Shift::Left => self.b.ins().ishl(x, amount),
            Shift::Right => self.b.ins().ushr(x, amount),
            Shift::Signed => self.b.ins().sshr(x, amount),
        }
    }

    /// A place that moves, as a base and an offset in bytes.
    fn place(&mut self, at: At) -> (Value, i32) {
        let key = (at.base, at.frame, at.grouped);
        let address = match self.addresses.get(&key) {
            Some(&address) => address,
            None => {
                let mut address = match at.base {
                    Base::State => self.state,
                    Base::Buffers => self.buffers,
                    Base::Quantum => self.quantum,
                    Base::Ptr(p) => self.pointers[p.0 as usize],
                };
                if at.frame > 0
                    && let Some(loops) = &self.loops
                {
                    let offset = self.b.ins().imul_imm_s(loops.index, i64::from(at.frame));
                    address = self.b.ins().iadd(address, offset);
                }
                if let (true, Some(group)) = (at.grouped, self.group) {
                    address = self.b.ins().iadd(address, group);
                }
                self.addresses.insert(key, address);
                address
            }
        };
        (address, at.word * 4)
    }

    /// The frame at `mask` behind a ring's base.
    fn in_ring(&mut self, base: Value, frame: Value, mask: u32, stride: u32) -> Value {
        let at = self.b.ins().band_imm_u(frame, i64::from(mask));
        let at = self.b.ins().uextend(I64, at);
        let at = self.b.ins().imul_imm_s(at, i64::from(stride));
        self.b.ins().iadd(base, at)
    }

    /// A delay as frames.
    fn frames_back(&mut self, back: Back) -> Value {
        match back {
            Back::Frames(n) => self.b.ins().iconst(I32, i64::from(n)),
            Back::Word { word, least, most } => {
                let x = val(self.b.ins().load(F32, flags(), self.buffers, word as i32 * 4));
                let wide = std::mem::replace(&mut self.wide, false);
                let x = self.clamp(x, least as f32, most as f32);
                let x = self.whole(x);
                self.wide = wide;
                value(x)
            }
        }
    }

    /// Two words of memory as the first lanes of a vector.
    fn load_two(&mut self, ty: Ty, at: At) -> Value {
        let (address, offset) = self.place(at);
        let x = self.b.ins().load(F64, flags(), address, offset);
        let x = self.b.ins().scalar_to_vector(F64X2, x);
        self.cast_to(machine(ty, true), x)
    }

    fn bytes_shuffle(&mut self, x: Value, y: Value, lanes: [u8; 4]) -> Value {
        let ty = self.b.func.dfg.value_type(x);
        let bytes: Vec<u8> = lanes.iter().flat_map(|&lane| (0..4).map(move |k| lane * 4 + k)).collect();
        let mask = self.b.func.dfg.immediates.push(ConstantData::from(bytes));
        let x16 = self.b.ins().bitcast(I8X16, little(), x);
        let y16 = if x == y { x16 } else { self.b.ins().bitcast(I8X16, little(), y) };
        let z = self.b.ins().shuffle(x16, y16, mask);
        self.b.ins().bitcast(ty, little(), z)
    }

    fn element(&mut self, address: Value, index: Value) -> Value {
        let index = self.b.ins().uextend(I64, index);
        let index = self.b.ins().ishl_imm_u(index, 2);
        self.b.ins().iadd(address, index)
    }
}

impl Emit for Clif<'_, '_> {
    fn constant(&mut self, ty: Ty, word: u32) -> Val {
        val(match (ty, self.wide) {
            (Ty::F32, false) => self.b.ins().f32const(f32::from_bits(word)),
            (Ty::I32, false) => self.b.ins().iconst(I32, i64::from(word)),
            _ => self.vector(self.ty(ty), &[word]),
        })
    }

    fn un(&mut self, op: Un, x: Val) -> Val {
        let v = value(x);
        let (floats, ints) = (self.ty(Ty::F32), self.ty(Ty::I32));
        val(match op {
            Un::Neg => self.b.ins().fneg(v),
            Un::Abs => self.b.ins().fabs(v),
            Un::Sqrt => self.b.ins().sqrt(v),
            Un::Floor => self.b.ins().floor(v),
            Un::Ceil => self.b.ins().ceil(v),
            Un::Trunc => self.b.ins().trunc(v),
            Un::Round => self.b.ins().nearest(v),
            Un::FromInt => self.b.ins().fcvt_from_sint(floats, v),
            Un::ToInt => self.b.ins().fcvt_to_sint_sat(ints, v),
            Un::Wrap => {
                // 2^31 saturates one short of the wrap; its mask is -1.
                let n = self.b.ins().fcvt_to_sint_sat(ints, v);
                let top = self.f(2_147_483_648.0);
                let mask = self.compare(Cmp::Eq, x, top);
                let mask = self.narrow(value(mask));
                self.b.ins().isub(n, value(mask))
            }
        })
    }

    fn bin(&mut self, op: Bin, x: Val, y: Val) -> Val {
        let (a, b) = (value(x), value(y));
        val(match op {
            Bin::Add => self.b.ins().fadd(a, b),
            Bin::Sub => self.b.ins().fsub(a, b),
            Bin::Mul => self.b.ins().fmul(a, b),
            Bin::Div => self.b.ins().fdiv(a, b),
            Bin::Min | Bin::Max => {
                // With the operands themselves this is one instruction.
                let (p, q) = if op == Bin::Min { (x, y) } else { (y, x) };
                let mask = self.compare(Cmp::Lt, p, q);
                return self.pick(mask, x, y);
            }
            Bin::And | Bin::Or | Bin::Xor => {
                let (a, b) = (self.bits(x), self.bits(y));
                match op {
                    Bin::And => self.b.ins().band(a, b),
                    Bin::Or => self.b.ins().bor(a, b),
                    _ => self.b.ins().bxor(a, b),
                }
            }
            Bin::Iadd => self.b.ins().iadd(a, b),
            Bin::Isub => self.b.ins().isub(a, b),
            Bin::Imul => self.b.ins().imul(a, b),
        })
    }

    fn fma(&mut self, x: Val, y: Val, z: Val) -> Val {
        let (x, y, z) = (value(x), value(y), value(z));
        if crate::graph::ops::has_fma() {
            return val(self.b.ins().fma(x, y, z));
        }
        // Without, an exact product and two roundings, lane by lane.
        let one = |b: &mut FunctionBuilder, x, y, z| {
            let [x, y, z] = [x, y, z].map(|v| b.ins().fpromote(F64, v));
            let product = b.ins().fmul(x, y);
            let sum = b.ins().fadd(product, z);
            b.ins().fdemote(F32, sum)
        };
        if !self.b.func.dfg.value_type(z).is_vector() {
            return val(one(self.b, x, y, z));
        }
        let mut out = z;
        for lane in 0..4 {
            let [x, y, z] = [x, y, z].map(|v| self.b.ins().extractlane(v, lane));
            let sum = one(self.b, x, y, z);
            out = self.b.ins().insertlane(out, sum, lane);
        }
        val(out)
    }

    /// The machine shifts all lanes alike, so lanes with amounts of their own go singly.
    fn shift(&mut self, kind: Shift, x: Val, y: Val) -> Val {
        if let Some(amount) = self.known(y) {
            return self.by(kind, x, amount & 31);
        }
        let mask = self.b.ins().iconst(I32, 31);
        if !self.wide {
            let amount = self.b.ins().band(value(y), mask);
            return val(self.shift_by(kind, value(x), amount));
        }
        let mut out = value(x);
        for lane in 0..4 {
            let (a, n) = (self.b.ins().extractlane(value(x), lane), self.b.ins().extractlane(value(y), lane));
            let n = self.b.ins().band(n, mask);
            let r = self.shift_by(kind, a, n);
            out = self.b.ins().insertlane(out, r, lane);
        }
        val(out)
    }

    fn by(&mut self, kind: Shift, x: Val, n: u32) -> Val {
        let n = self.b.ins().iconst(I32, i64::from(n));
        val(self.shift_by(kind, value(x), n))
    }

    fn compare(&mut self, cmp: Cmp, x: Val, y: Val) -> Val {
        let (x, y) = (self.widen(value(x)), self.widen(value(y)));
        val(match cmp {
            Cmp::Lt => self.b.ins().fcmp(FloatCC::LessThan, x, y),
            Cmp::Le => self.b.ins().fcmp(FloatCC::LessThanOrEqual, x, y),
            Cmp::Eq => self.b.ins().fcmp(FloatCC::Equal, x, y),
            Cmp::Ne => self.b.ins().fcmp(FloatCC::NotEqual, x, y),
            Cmp::Ieq => self.b.ins().icmp(IntCC::Equal, x, y),
            Cmp::Ilt => self.b.ins().icmp(IntCC::SignedLessThan, x, y),
        })
    }

    fn both(&mut self, m: Val, n: Val) -> Val {
        val(self.b.ins().band(value(m), value(n)))
    }

    fn either(&mut self, m: Val, n: Val) -> Val {
        val(self.b.ins().bor(value(m), value(n)))
    }

    fn pick(&mut self, mask: Val, x: Val, y: Val) -> Val {
        let (x, y) = (self.widen(value(x)), self.widen(value(y)));
        let ty = self.b.func.dfg.value_type(x);
        let mask = self.cast_to(ty, value(mask));
        let z = self.b.ins().bitselect(mask, x, y);
        self.narrow(z)
    }

    fn keep(&mut self, mask: Val, x: Val) -> Val {
        let x = self.widen(value(x));
        let ty = self.b.func.dfg.value_type(x);
        let bits = self.cast_to(I32X4, x);
        let bits = self.b.ins().band(value(mask), bits);
        let x = self.cast_to(ty, bits);
        self.narrow(x)
    }

    fn cast(&mut self, ty: Ty, x: Val) -> Val {
        let wide = self.type_of(x).is_vector();
        val(self.cast_to(machine(ty, wide), value(x)))
    }
}

impl Machine for Clif<'_, '_> {
    fn lanes(&self) -> u32 {
        4
    }

    fn emit(&mut self) -> &mut dyn Emit {
        self
    }

    fn width(&mut self, width: u32) {
        self.wide = width > 1;
    }

    fn pointer(&mut self, pointer: Pointer) -> Ptr {
        let table = |s: &mut Self, at: usize| s.b.ins().load(I64, flags(), s.quantum, at as i32);
        let p = match pointer {
            Pointer::Params => table(self, offset_of!(Quantum, params)),
            Pointer::Row(r) => {
                let table = table(self, offset_of!(Quantum, rows));
                self.b.ins().load(I64, flags(), table, r as i32 * 8)
            }
            Pointer::Input(c) => {
                let table = table(self, offset_of!(Quantum, inputs));
                self.b.ins().load(I64, flags(), table, c as i32 * 8)
            }
            Pointer::Sample(s) => {
                let table = table(self, offset_of!(Quantum, samples));
                self.b.ins().load(I64, flags(), table, s as i32 * 8)
            }
            Pointer::Ring { ring, mask, stride, at } => {
                let table = table(self, offset_of!(Quantum, rings));
                let field = match at {
                    RingAt::Start | RingAt::Back(_) => offset_of!(RingPtr, read),
                    RingAt::Head | RingAt::Mirror => offset_of!(RingPtr, write),
                };
                let base =
                    self.b.ins().load(I64, flags(), table, (ring as usize * size_of::<RingPtr>() + field) as i32);
                match at {
                    RingAt::Start => base,
                    RingAt::Head => self.in_ring(base, self.frame, mask, stride),
                    RingAt::Mirror => {
                        let head = self.in_ring(base, self.frame, mask, stride);
                        let end = self.b.ins().iadd_imm_s(base, (i64::from(mask) + 1) * i64::from(stride));
                        let first = self.b.ins().icmp(IntCC::Equal, head, base);
                        self.b.ins().select(first, end, head)
                    }
                    RingAt::Back(back) => {
                        let back = self.frames_back(back);
                        let frame = self.b.ins().isub(self.frame, back);
                        self.in_ring(base, frame, mask, stride)
                    }
                }
            }
        };
        self.pointers.push(p);
        Ptr(self.pointers.len() as u32 - 1)
    }

    fn open(&mut self, shape: Shape, carried: &[Carry]) -> Vec<Val> {
        let zero = self.b.ins().iconst(I64, 0);
        let groups = shape.groups.map(|_| {
            let (head, after) = (self.b.create_block(), self.b.create_block());
            let group = self.b.append_block_param(head, I64);
            self.b.ins().jump(head, &[zero.into()]);
            self.b.switch_to_block(head);
            (head, after, group)
        });
        self.group = groups.map(|(_, _, group)| group);
        let (head, after) = (self.b.create_block(), self.b.create_block());
        let index = self.b.append_block_param(head, I64);
        let mut first: Vec<BlockArg> = vec![zero.into()];
        let (mut values, mut left) = (Vec::new(), Vec::new());
        for carry in carried {
            let start = match carry.last {
                0 => self.load(carry.ty, carry.width, carry.at),
                period => self.repeat(carry.ty, carry.width, period, carry.at),
            };
            let ty = self.type_of(start);
            first.push(value(start).into());
            values.push(val(self.b.append_block_param(head, ty)));
            left.push(self.b.append_block_param(after, ty));
        }
        self.b.ins().jump(head, &first);
        self.b.switch_to_block(head);
        // What was computed before does not move with the frames; what moves is computed anew each round.
        self.addresses.retain(|(_, frame, _), _| *frame == 0);
        self.loops = Some(Loops { head, after, index, left, carried: carried.to_vec(), shape, groups });
        values
    }

    fn close(&mut self, next: &[Val]) {
        let Some(loops) = self.loops.take() else { return };
        let index = self.b.ins().iadd_imm_s(loops.index, i64::from(loops.shape.step) * 4);
        let more = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, index, QUANTUM as i64 * 4);
        let exit: Vec<BlockArg> = next.iter().map(|v| BlockArg::from(value(*v))).collect();
        let again: Vec<BlockArg> = std::iter::once(BlockArg::from(index)).chain(exit.iter().copied()).collect();
        self.b.ins().brif(more, loops.head, &again, loops.after, &exit);
        self.b.switch_to_block(loops.after);
        self.addresses.clear();
        for (carry, left) in loops.carried.iter().zip(&loops.left) {
            match carry.last {
                0 => self.store(val(*left), carry.width, carry.at),
                n => {
                    for k in 0..n {
                        let lane = self.b.ins().extractlane(*left, (4 - n + k) as u8);
                        self.store(val(lane), 1, carry.at.plus(k as usize));
                    }
                }
            }
        }
        if let (Some((head, after, group)), Some((step, all))) = (loops.groups, loops.shape.groups) {
            let next = self.b.ins().iadd_imm_s(group, i64::from(step) * 4);
            let more = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, next, i64::from(all) * 4);
            self.b.ins().brif(more, head, &[next.into()], after, &[]);
            self.b.switch_to_block(after);
            self.group = None;
            self.addresses.clear();
        }
    }

    fn load(&mut self, ty: Ty, width: u32, at: At) -> Val {
        if width == 2 {
            return val(self.load_two(ty, at));
        }
        let (address, offset) = self.place(at);
        val(self.b.ins().load(machine(ty, width > 1), flags(), address, offset))
    }

    fn spread(&mut self, ty: Ty, width: u32, at: At) -> Val {
        let x = self.load(ty, 1, at);
        self.splat(ty, width, x)
    }

    fn expand(&mut self, ty: Ty, width: u32, each: u32, at: At) -> Val {
        match each {
            1 => self.load(ty, width, at),
            2 => {
                let x = self.load_two(ty, at);
                val(self.bytes_shuffle(x, x, [0, 0, 1, 1]))
            }
            _ => self.spread(ty, width, at),
        }
    }

    fn repeat(&mut self, ty: Ty, width: u32, period: u32, at: At) -> Val {
        match period {
            1 => self.spread(ty, width, at),
            2 => {
                let x = self.load_two(ty, at);
                val(self.bytes_shuffle(x, x, [0, 1, 0, 1]))
            }
            _ => self.load(ty, width, at),
        }
    }

    fn store(&mut self, x: Val, width: u32, at: At) {
        let (address, offset) = self.place(at);
        let mut x = value(x);
        if width == 2 {
            let two = self.cast_to(F64X2, x);
            x = self.b.ins().extractlane(two, 0);
        } else if width == 1 && self.b.func.dfg.value_type(x).is_vector() {
            x = self.b.ins().extractlane(x, 0);
        }
        self.b.ins().store(flags(), x, address, offset);
    }

    fn words(&mut self, ty: Ty, words: &[u32]) -> Val {
        val(self.vector(machine(ty, true), words))
    }

    fn gather(&mut self, width: u32, at: At, index: Val) -> Val {
        let (address, offset) = self.place(at);
        if width == 1 {
            let address = self.element(address, value(index));
            return val(self.b.ins().load(F32, flags(), address, offset));
        }
        let mut out = None;
        for lane in 0..width as u8 {
            let index = self.b.ins().extractlane(value(index), lane);
            let address = self.element(address, index);
            let x = self.b.ins().load(F32, flags(), address, offset);
            out = Some(match out {
                None => self.b.ins().scalar_to_vector(F32X4, x),
                Some(vector) => self.b.ins().insertlane(vector, x, lane),
            });
        }
        val(out.expect("a vector has lanes"))
    }

    fn load_from(&mut self, ty: Ty, width: u32, at: At, index: Val) -> Val {
        let (address, offset) = self.place(at);
        let vector = self.type_of(index).is_vector();
        let index = if vector { self.b.ins().extractlane(value(index), 0) } else { value(index) };
        let address = self.element(address, index);
        if width == 2 {
            let x = self.b.ins().load(F64, flags(), address, offset);
            let x = self.b.ins().scalar_to_vector(F64X2, x);
            return val(self.cast_to(machine(ty, true), x));
        }
        val(self.b.ins().load(machine(ty, width > 1), flags(), address, offset))
    }

    fn merge(&mut self, width: u32, x: Val, at: At, words: u32) -> Val {
        let y = self.load(Ty::F32, width, at);
        let word = |i: u32| Some(i as u8 + if words >> i & 1 == 1 { Self::SECOND } else { 0 });
        let order: Vec<Option<u8>> = (0..width).map(word).collect();
        self.permute(Ty::F32, width, x, y, &order)
    }

    fn splat(&mut self, ty: Ty, width: u32, x: Val) -> Val {
        if width == 1 { x } else { val(self.b.ins().splat(machine(ty, true), value(x))) }
    }

    fn shift_in(&mut self, before: Val, now: Val, by: u32) -> Val {
        let lanes = [0, 1, 2, 3].map(|i| i + 4 - by as u8);
        val(self.bytes_shuffle(value(before), value(now), lanes))
    }

    fn permute(&mut self, _: Ty, width: u32, x: Val, y: Val, order: &[Option<u8>]) -> Val {
        let same = |at: u8| order.iter().enumerate().all(|(i, word)| word.is_none_or(|word| word == at + i as u8));
        let wide = |s: &Self, x: Val| s.type_of(x).is_vector();
        for (x, at) in [(x, 0), (y, Self::SECOND)] {
            if same(at) && wide(self, x) == (width > 1) {
                return x;
            }
        }
        let (x, y) = (self.widen(value(x)), self.widen(value(y)));
        let lane = |i: usize| match order.get(i).copied().flatten() {
            Some(word) if word >= Self::SECOND => 4 + word - Self::SECOND,
            word => word.unwrap_or(i as u8),
        };
        if width == 1 {
            let (from, lane) = if lane(0) < 4 { (x, lane(0)) } else { (y, lane(0) - 4) };
            return val(self.b.ins().extractlane(from, lane));
        }
        val(self.bytes_shuffle(x, y, [0, 1, 2, 3].map(lane)))
    }
}
