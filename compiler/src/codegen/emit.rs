//! What the emitters of the table of operations are written with.
//!
//! Comparisons are masks, and masks exist as vectors only: choosing by one has no branch. A single lane therefore borrows a
//! vector for them and leaves it again; on the machine that is the same register.

use crate::graph::Ty;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F32X4, I32, I32X4};
use cranelift_codegen::ir::{
    ConstantData, Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value, ValueDef,
};
use cranelift_frontend::FunctionBuilder;

/// What an emitter may use: a builder, and whether values have four lanes or one.
pub struct Emit<'a, 'b> {
    /// Where instructions go.
    pub b: &'a mut FunctionBuilder<'b>,
    /// Four lanes.
    pub wide: bool,
}

/// Flags of a bitcast between vectors.
pub fn little() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

impl Emit<'_, '_> {
    /// The machine type of a value.
    pub fn ty(&self, ty: Ty) -> Type {
        match (ty, self.wide) {
            (Ty::F32, false) => F32,
            (Ty::F32, true) => F32X4,
            (Ty::I32, false) => I32,
            (Ty::I32, true) => I32X4,
        }
    }

    fn vector(&mut self, ty: Type, word: u32) -> Value {
        let bytes: Vec<u8> = std::iter::repeat_n(word.to_le_bytes(), 4).flatten().collect();
        let data = self.b.func.dfg.constants.insert(ConstantData::from(bytes));
        self.b.ins().vconst(ty, data)
    }

    /// A constant, in every lane.
    pub fn constant(&mut self, ty: Ty, word: u32) -> Value {
        match (ty, self.wide) {
            (Ty::F32, false) => self.b.ins().f32const(f32::from_bits(word)),
            (Ty::I32, false) => self.b.ins().iconst(I32, i64::from(word)),
            _ => self.vector(self.ty(ty), word),
        }
    }

    /// A float constant.
    pub fn f(&mut self, x: f32) -> Value {
        self.constant(Ty::F32, x.to_bits())
    }

    /// An integer constant.
    pub fn i(&mut self, x: i32) -> Value {
        self.constant(Ty::I32, x as u32)
    }

    /// The same bits as another type of equal size.
    fn cast(&mut self, ty: Type, x: Value) -> Value {
        if self.b.func.dfg.value_type(x) == ty { x } else { self.b.ins().bitcast(ty, little(), x) }
    }

    /// Float bits as an integer.
    pub(crate) fn ints(&mut self, x: Value) -> Value {
        self.cast(self.ty(Ty::I32), x)
    }

    /// Integer bits as a float.
    pub(crate) fn floats(&mut self, x: Value) -> Value {
        self.cast(self.ty(Ty::F32), x)
    }

    /// One lane in a vector whose other lanes are unused. Masks only exist as vectors: a choice by mask has no branch.
    fn widen(&mut self, x: Value) -> Value {
        match self.b.func.dfg.value_type(x) {
            F32 => self.b.ins().scalar_to_vector(F32X4, x),
            I32 => self.b.ins().scalar_to_vector(I32X4, x),
            _ => x,
        }
    }

    /// The lane back, when one lane is what is emitted.
    pub(crate) fn narrow(&mut self, x: Value) -> Value {
        if self.wide { x } else { self.b.ins().extractlane(x, 0) }
    }

    /// A comparison of floats as a mask.
    pub(crate) fn mask(&mut self, cc: FloatCC, x: Value, y: Value) -> Value {
        let (x, y) = (self.widen(x), self.widen(y));
        self.b.ins().fcmp(cc, x, y)
    }

    /// A comparison of integers as a mask.
    pub(crate) fn int_mask(&mut self, cc: IntCC, x: Value, y: Value) -> Value {
        let (x, y) = (self.widen(x), self.widen(y));
        self.b.ins().icmp(cc, x, y)
    }

    /// The mask of what is not zero.
    pub(crate) fn truth(&mut self, x: Value) -> Value {
        let zero = self.f(0.0);
        self.mask(FloatCC::NotEqual, x, zero)
    }

    /// A mask as the signal 1 or 0.
    pub(crate) fn signal(&mut self, mask: Value) -> Value {
        let one = self.vector(I32X4, 1f32.to_bits());
        let bits = self.b.ins().band(mask, one);
        let x = self.cast(F32X4, bits);
        self.narrow(x)
    }

    /// A comparison as the signal 1 or 0.
    pub(crate) fn cmp(&mut self, cc: FloatCC, x: Value, y: Value) -> Value {
        let mask = self.mask(cc, x, y);
        self.signal(mask)
    }

    /// `x` under the mask, else `y`.
    pub(crate) fn pick(&mut self, mask: Value, x: Value, y: Value) -> Value {
        let (x, y) = (self.widen(x), self.widen(y));
        let ty = self.b.func.dfg.value_type(x);
        let mask = self.cast(ty, mask);
        let z = self.b.ins().bitselect(mask, x, y);
        self.narrow(z)
    }

    /// `x` where `p < q`, else `y`: with the operands themselves this is one instruction.
    pub(crate) fn less(&mut self, p: Value, q: Value, x: Value, y: Value) -> Value {
        let mask = self.mask(FloatCC::LessThan, p, q);
        self.pick(mask, x, y)
    }

    /// `x` under the mask, else 0.
    pub(crate) fn keep(&mut self, mask: Value, x: Value) -> Value {
        let x = self.widen(x);
        let ty = self.b.func.dfg.value_type(x);
        let bits = self.cast(I32X4, x);
        let bits = self.b.ins().band(mask, bits);
        let x = self.cast(ty, bits);
        self.narrow(x)
    }

    /// What a value is when it is the same constant in every lane.
    fn known(&self, x: Value) -> Option<u32> {
        let ValueDef::Result(inst, _) = self.b.func.dfg.value_def(x) else { return None };
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

    /// A shift by the low five bits of `y`. The machine shifts all lanes alike, so lanes with amounts of their own go singly.
    pub(crate) fn shift(&mut self, kind: Shift, x: Value, y: Value) -> Value {
        if let Some(amount) = self.known(y) {
            let amount = self.b.ins().iconst(I32, i64::from(amount & 31));
            return self.shift_by(kind, x, amount);
        }
        if !self.wide {
            let mask = self.b.ins().iconst(I32, 31);
            let amount = self.b.ins().band(y, mask);
            return self.shift_by(kind, x, amount);
        }
        let mut out = x;
        for lane in 0..4 {
            let (a, n) = (self.b.ins().extractlane(x, lane), self.b.ins().extractlane(y, lane));
            let mask = self.b.ins().iconst(I32, 31);
            let n = self.b.ins().band(n, mask);
            let r = self.shift_by(kind, a, n);
            out = self.b.ins().insertlane(out, r, lane);
        }
        out
    }

    pub(crate) fn shift_by(&mut self, kind: Shift, x: Value, amount: Value) -> Value {
        match kind {
            Shift::Left => self.b.ins().ishl(x, amount),
            Shift::Right => self.b.ins().ushr(x, amount),
            Shift::Signed => self.b.ins().sshr(x, amount),
        }
    }

    /// A shift by a constant.
    pub(crate) fn by(&mut self, kind: Shift, x: Value, n: u32) -> Value {
        let n = self.b.ins().iconst(I32, i64::from(n));
        self.shift_by(kind, x, n)
    }

    /// A float without subnormals. The product is exact, and flushing happens in the machine.
    pub fn flush(&mut self, x: Value) -> Value {
        let one = self.f(1.0);
        self.b.ins().fmul(x, one)
    }

    /// A float that is finite: itself, or 0.
    pub fn finite(&mut self, x: Value) -> Value {
        let d = self.b.ins().fsub(x, x);
        let zero = self.f(0.0);
        let mask = self.mask(FloatCC::Equal, d, zero);
        self.keep(mask, x)
    }

    /// The whole part of a float that lies in 0..2^23, as an integer. Adding 2^23 puts it into the lowest bits.
    pub fn index(&mut self, x: Value) -> Value {
        let floor = self.b.ins().floor(x);
        let (magic, mask) = (self.f(8_388_608.0), self.i(0x7f_ffff));
        let sum = self.b.ins().fadd(floor, magic);
        let bits = self.ints(sum);
        self.b.ins().band(bits, mask)
    }

    /// A float clamped to `low..=high`; NaN becomes `low`.
    pub fn clamp(&mut self, x: Value, low: f32, high: f32) -> Value {
        let (low, high) = (self.f(low), self.f(high));
        let x = self.less(low, x, x, low);
        self.less(x, high, x, high)
    }

    /// The i32 phase of a float number of cycles.
    pub(crate) fn phase(&mut self, x: Value) -> Value {
        let whole = self.b.ins().nearest(x);
        let g = self.b.ins().fsub(x, whole);
        let scale = self.f(4_294_967_296.0);
        let scaled = self.b.ins().fmul(g, scale);
        let ty = self.ty(Ty::I32);
        let t = self.b.ins().fcvt_to_sint_sat(ty, scaled);
        // Half a cycle saturates one short of the wrap; its mask is -1.
        let half = self.f(0.5);
        let mask = self.mask(FloatCC::Equal, g, half);
        let mask = self.narrow(mask);
        self.b.ins().isub(t, mask)
    }

    /// `x ^= x >> n; x *= k`
    pub(crate) fn mix(&mut self, x: Value, n: u32, k: u32) -> Value {
        let y = self.by(Shift::Right, x, n);
        let x = self.b.ins().bxor(x, y);
        let k = self.i(k as i32);
        self.b.ins().imul(x, k)
    }
}

/// Directions of a shift.
#[derive(Clone, Copy)]
pub(crate) enum Shift {
    /// Up.
    Left,
    /// Down, zeros from above.
    Right,
    /// Down, the sign from above.
    Signed,
}
