//! The words in which the table of operations says what to emit.
//!
//! An entry of [`crate::graph::ops`] is written once, over any number of lanes, against [`Emit`]. Each machine speaks these words
//! in its own way: Cranelift for one lane and for four ([`crate::codegen::clif`]), our own vector code for as many as the
//! processor has ([`crate::codegen::x86`]). Whatever can be said in terms of others has its meaning here.
//!
//! Comparisons are masks, which exist to choose by. A branch depends on a sample only where a loop would wait for what it seldom
//! takes ([`Emit::pick_seldom`]).

use crate::graph::Ty;

/// A value of the code being written, as its machine numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Val(pub u32);

/// Operations on two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bin {
    /// Float sum.
    Add,
    /// Float difference.
    Sub,
    /// Float product.
    Mul,
    /// Float quotient.
    Div,
    /// `x` if `x < y`, else `y`.
    Min,
    /// `x` if `y < x`, else `y`.
    Max,
    /// Bits set in both.
    And,
    /// Bits set in one.
    Or,
    /// Bits set in exactly one.
    Xor,
    /// Integer sum, wrapping.
    Iadd,
    /// Integer difference, wrapping.
    Isub,
    /// Integer product, wrapping.
    Imul,
}

/// Operations on one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Un {
    /// The other sign.
    Neg,
    /// No sign.
    Abs,
    /// Square root.
    Sqrt,
    /// Down to a whole number.
    Floor,
    /// Up to a whole number.
    Ceil,
    /// Towards zero to a whole number.
    Trunc,
    /// To the nearest whole number, halves to the even one.
    Round,
    /// Integer to float.
    FromInt,
    /// Float to integer, towards zero, kept in range; NaN becomes 0.
    ToInt,
    /// Float from -2^31 to 2^31 to integer, towards zero, 2^31 wrapping; NaN becomes 0.
    Wrap,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cmp {
    /// Floats: less.
    Lt,
    /// Floats: less or equal.
    Le,
    /// Floats: equal.
    Eq,
    /// Floats: not equal; true where one is NaN.
    Ne,
    /// Integers: equal.
    Ieq,
    /// Signed integers: less.
    Ilt,
}

/// Directions of a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shift {
    /// Up.
    Left,
    /// Down, zeros from above.
    Right,
    /// Down, the sign from above.
    Signed,
}

/// Emits operations lane by lane. Operands have equally many lanes; constants have any number.
pub trait Emit {
    /// A constant, in every lane.
    fn constant(&mut self, ty: Ty, word: u32) -> Val;
    /// An operation on one operand.
    fn un(&mut self, op: Un, x: Val) -> Val;
    /// An operation on two operands.
    fn bin(&mut self, op: Bin, x: Val, y: Val) -> Val;
    /// `x * y + z`, rounded once.
    fn fma(&mut self, x: Val, y: Val, z: Val) -> Val;
    /// A shift by the low five bits of `y`.
    fn shift(&mut self, kind: Shift, x: Val, y: Val) -> Val;
    /// A shift by a constant below 32.
    fn by(&mut self, kind: Shift, x: Val, n: u32) -> Val;
    /// A comparison, as a mask.
    fn compare(&mut self, cmp: Cmp, x: Val, y: Val) -> Val;
    /// Where both masks hold.
    fn both(&mut self, m: Val, n: Val) -> Val;
    /// Where one of the masks holds.
    fn either(&mut self, m: Val, n: Val) -> Val;
    /// `x` under the mask, else `y`.
    fn pick(&mut self, mask: Val, x: Val, y: Val) -> Val;
    /// [`Emit::pick`] where the mask seldom holds anywhere and `x` comes late: a machine may jump over it and need not wait.
    fn pick_seldom(&mut self, mask: Val, x: Val, y: Val) -> Val {
        self.pick(mask, x, y)
    }
    /// `x` under the mask, else 0.
    fn keep(&mut self, mask: Val, x: Val) -> Val;
    /// The same bits, as another type.
    fn cast(&mut self, ty: Ty, x: Val) -> Val;

    /// `x * y - z`, rounded once.
    fn fms(&mut self, x: Val, y: Val, z: Val) -> Val {
        let z = self.un(Un::Neg, z);
        self.fma(x, y, z)
    }

    /// `z - x * y`, rounded once.
    fn fnma(&mut self, x: Val, y: Val, z: Val) -> Val {
        let x = self.un(Un::Neg, x);
        self.fma(x, y, z)
    }

    /// A float constant.
    fn f(&mut self, x: f32) -> Val {
        self.constant(Ty::F32, x.to_bits())
    }

    /// An integer constant.
    fn i(&mut self, x: i32) -> Val {
        self.constant(Ty::I32, x as u32)
    }

    /// Float bits as an integer.
    fn ints(&mut self, x: Val) -> Val {
        self.cast(Ty::I32, x)
    }

    /// Integer bits as a float.
    fn floats(&mut self, x: Val) -> Val {
        self.cast(Ty::F32, x)
    }

    /// The mask of what is not zero.
    fn truth(&mut self, x: Val) -> Val {
        let zero = self.f(0.0);
        self.compare(Cmp::Ne, x, zero)
    }

    /// A mask as the signal 1 or 0.
    fn signal(&mut self, mask: Val) -> Val {
        let one = self.f(1.0);
        self.keep(mask, one)
    }

    /// A comparison as the signal 1 or 0.
    fn cmp(&mut self, cmp: Cmp, x: Val, y: Val) -> Val {
        let mask = self.compare(cmp, x, y);
        self.signal(mask)
    }

    /// A float without subnormals. The product is exact, and flushing happens in the machine.
    fn flush(&mut self, x: Val) -> Val {
        let one = self.f(1.0);
        self.bin(Bin::Mul, x, one)
    }

    /// A float that is finite: itself, or 0.
    fn finite(&mut self, x: Val) -> Val {
        let d = self.bin(Bin::Sub, x, x);
        let zero = self.f(0.0);
        let mask = self.compare(Cmp::Eq, d, zero);
        self.keep(mask, x)
    }

    /// A float clamped to `low..=high`; NaN becomes `low`.
    fn clamp(&mut self, x: Val, low: f32, high: f32) -> Val {
        let (low, high) = (self.f(low), self.f(high));
        let x = self.bin(Bin::Max, x, low);
        self.bin(Bin::Min, x, high)
    }

    /// The whole part of a float that lies in 0..2^23, as an integer. Adding 2^23 puts it into the lowest bits.
    fn whole(&mut self, x: Val) -> Val {
        let floor = self.un(Un::Floor, x);
        let (magic, mask) = (self.f(8_388_608.0), self.i(0x7f_ffff));
        let sum = self.bin(Bin::Add, floor, magic);
        let bits = self.ints(sum);
        self.bin(Bin::And, bits, mask)
    }

    /// The i32 phase of a float number of cycles.
    fn phase(&mut self, x: Val) -> Val {
        let whole = self.un(Un::Round, x);
        let part = self.bin(Bin::Sub, x, whole);
        let scale = self.f(4_294_967_296.0);
        let scaled = self.bin(Bin::Mul, part, scale);
        self.un(Un::Wrap, scaled)
    }

    /// `x ^= x >> n; x *= k`
    fn mixed(&mut self, x: Val, n: u32, k: u32) -> Val {
        let y = self.by(Shift::Right, x, n);
        let x = self.bin(Bin::Xor, x, y);
        let k = self.i(k as i32);
        self.bin(Bin::Imul, x, k)
    }
}
