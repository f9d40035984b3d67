//! The one table of primitive operations. Everything else reads it.
//!
//! An entry gives a primitive its name, its documentation, the types of its arguments and result, what the interpreter does,
//! what the code generator emits, and cases that every evaluator must meet. The language's library composes the rest (sine,
//! tangent, exponential, noise) from these, so all evaluators agree to the bit without a call into a mathematics library.
//!
//! Three rules make that agreement possible. No value is ever subnormal: code runs with subnormals flushed to zero, and what
//! comes from outside is flushed at the door ([`flush`]). The payload and sign of a NaN are never observable: [`Op::Bits`],
//! [`Op::Copysign`] and [`Op::Mantissa`] look away. And `min`/`max` are a comparison and a choice, as the machine has them.
//!
//! What is emitted is said over any number of lanes ([`crate::codegen::emit`]), so one entry serves every machine.

use crate::codegen::emit::{Bin, Cmp, Emit, Shift, Un, Val};
use crate::graph::ir::Ty;

/// A value of one lane as the machine word that it is stored in.
pub trait Word: Copy {
    /// The type in the graph.
    const TY: Ty;
    /// From the word.
    fn of(word: u32) -> Self;
    /// To the word.
    fn word(self) -> u32;
}

impl Word for f32 {
    const TY: Ty = Ty::F32;
    fn of(word: u32) -> f32 {
        f32::from_bits(word)
    }
    fn word(self) -> u32 {
        self.to_bits()
    }
}

impl Word for i32 {
    const TY: Ty = Ty::I32;
    fn of(word: u32) -> i32 {
        word as i32
    }
    fn word(self) -> u32 {
        self as u32
    }
}

/// A float without subnormals: those become zero of the same sign.
pub fn flush(x: f32) -> f32 {
    f32::from_bits(flush_bits(x.to_bits()))
}

/// [`flush`] on the word of a float, for any mode of the processor.
pub fn flush_bits(bits: u32) -> u32 {
    if bits & 0x7f80_0000 == 0 { bits & 0x8000_0000 } else { bits }
}

/// A constant as the evaluators see it: floats without subnormals.
pub fn canonical(ty: Ty, bits: u32) -> u32 {
    match ty {
        Ty::F32 => flush_bits(bits),
        Ty::I32 => bits,
    }
}

/// True when two words are the same value: equal, or floats that are both NaN.
pub fn same(ty: Ty, a: u32, b: u32) -> bool {
    a == b || ty == Ty::F32 && f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan()
}

/// True when the processor has a fused multiply-add.
pub fn has_fma() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return true;
}

/// `x * y + z`, rounded once. Where the processor has no such operation the product is exact and the sum is rounded twice, to
/// double precision and to single; generated code does the same there, and no pass makes use of it.
fn fused(x: f32, y: f32, z: f32) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "fma")]
        fn one(x: f32, y: f32, z: f32) -> f32 {
            x.mul_add(y, z)
        }
        if has_fma() {
            // SAFETY: the processor has it.
            return unsafe { one(x, y, z) };
        }
        (f64::from(x) * f64::from(y) + f64::from(z)) as f32
    }
    #[cfg(not(target_arch = "x86_64"))]
    x.mul_add(y, z)
}

/// Everything known about a primitive.
pub struct OpInfo {
    /// The name in the language and in the text form.
    pub name: &'static str,
    /// One line for the user.
    pub doc: &'static str,
    /// Names of the arguments.
    pub args: &'static [&'static str],
    /// Types of the arguments.
    pub types: &'static [Ty],
    /// Type of the result.
    pub result: Ty,
    /// One lane, on words. Runs with subnormals flushed, or on values that cannot make one.
    pub interp: fn(&[u32]) -> u32,
    /// Any number of lanes.
    pub emit: fn(&mut dyn Emit, &[Val]) -> Val,
    /// Arguments and results that every evaluator must meet.
    pub cases: fn() -> Vec<(Vec<u32>, u32)>,
}

fn truth(x: bool) -> f32 {
    if x { 1.0 } else { 0.0 }
}

// The mixer of `hash`: multipliers found by a search of ours for even avalanche (see the test), odd so that nothing is lost.
const HASH: [u32; 3] = [0x9e6c_63d1, 0x85b2_4a5d, 0xc3a1_9e37];

/// A well mixed function of one word.
pub fn hash_word(x: u32) -> u32 {
    let mut x = x.wrapping_add(HASH[0]);
    x = (x ^ (x >> 16)).wrapping_mul(HASH[1]);
    x = (x ^ (x >> 15)).wrapping_mul(HASH[2]);
    x ^ (x >> 16)
}

macro_rules! count {
    () => { 0 };
    ($head:ident $($tail:ident)*) => { 1 + count!($($tail)*) };
}

macro_rules! ops { ($(
    #[doc = $doc:literal]
    $op:ident $name:literal ($($arg:ident: $ty:ident),*) -> $out:ident
    interp $interp:expr; emit |$e:ident| $emit:expr; cases [$(($($given:expr),* => $want:expr)),* $(,)?]
)*) => {
    /// A primitive operation.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[repr(u8)]
    pub enum Op { $(#[doc = $doc] $op),* }

    /// Every primitive, in the order of the table.
    pub static ALL: &[Op] = &[$(Op::$op),*];

    static OPS: &[OpInfo] = &[$(OpInfo {
        name: $name,
        doc: $doc,
        args: &[$(stringify!($arg)),*],
        types: &[$(<$ty as Word>::TY),*],
        result: <$out as Word>::TY,
        interp: |v| {
            let [$($arg),*]: [u32; count!($($arg)*)] = v.try_into().expect("arity");
            $(let $arg = <$ty as Word>::of($arg);)*
            let out: $out = $interp;
            out.word()
        },
        emit: |$e, v| {
            let [$($arg),*]: [Val; count!($($arg)*)] = v.try_into().expect("arity");
            $emit
        },
        cases: || vec![$((vec![$(Word::word($given)),*], Word::word($want))),*],
    }),*];
} }

impl Op {
    /// Its entry in the table.
    pub fn info(self) -> &'static OpInfo {
        &OPS[self as usize]
    }

    /// The primitive of a name.
    pub fn named(name: &str) -> Option<Op> {
        ALL.iter().copied().find(|op| op.info().name == name)
    }

    /// Roughly how many instructions it takes, to keep functions small.
    pub fn weight(self) -> u32 {
        match self {
            Op::Copysign | Op::And | Op::Or | Op::Exponent | Op::Mantissa | Op::Pow2i => 6,
            Op::Toint | Op::Phase | Op::Hash => 12,
            Op::Min | Op::Max | Op::Select | Op::Not | Op::Finite | Op::Bits | Op::Turn | Op::Unit | Op::Iselect => 4,
            Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne | Op::Ieq | Op::Ilt => 3,
            _ => 1,
        }
    }
}

ops! {
    /// Sum of two signals.
    Add "add" (x: f32, y: f32) -> f32
    interp x + y; emit |e| e.bin(Bin::Add, x, y);
    cases [(1.0, 2.0 => 3.0), (-0.0, 0.0 => 0.0), (f32::INFINITY, f32::NEG_INFINITY => f32::NAN)]

    /// Difference of two signals.
    Sub "sub" (x: f32, y: f32) -> f32
    interp x - y; emit |e| e.bin(Bin::Sub, x, y);
    cases [(1.0, 2.0 => -1.0), (0.0, 0.0 => 0.0)]

    /// Product of two signals.
    Mul "mul" (x: f32, y: f32) -> f32
    interp x * y; emit |e| e.bin(Bin::Mul, x, y);
    cases [(3.0, 2.0 => 6.0), (-1.0, 0.0 => -0.0), (1e-30, 1e-30 => 0.0), (1.5e-38, 0.5 => 0.0)]

    /// Product of two signals and the sum with a third, rounded once.
    Fma "fma" (x: f32, y: f32, z: f32) -> f32
    interp fused(x, y, z); emit |e| e.fma(x, y, z);
    cases [(2.0, 3.0, 4.0 => 10.0), (16_777_215.0, 16_777_215.0, -2.814_749_4e14 => 1.0), (f32::INFINITY, 0.0, 1.0 => f32::NAN)]

    /// Product of two signals less a third, rounded once.
    Fms "fms" (x: f32, y: f32, z: f32) -> f32
    interp fused(x, y, -z); emit |e| e.fms(x, y, z);
    cases [(2.0, 3.0, 4.0 => 2.0), (1e-30, 1e-30, 0.0 => 0.0)]

    /// The third signal less the product of two, rounded once.
    Fnma "fnma" (x: f32, y: f32, z: f32) -> f32
    interp fused(-x, y, z); emit |e| e.fnma(x, y, z);
    cases [(2.0, 3.0, 4.0 => -2.0), (0.5, f32::INFINITY, 1.0 => f32::NEG_INFINITY)]

    /// Quotient of two signals.
    Div "div" (x: f32, y: f32) -> f32
    interp x / y; emit |e| e.bin(Bin::Div, x, y);
    cases [(1.0, 4.0 => 0.25), (1.0, 0.0 => f32::INFINITY), (0.0, 0.0 => f32::NAN)]

    /// The signal upside down.
    Neg "neg" (x: f32) -> f32
    interp -x; emit |e| e.un(Un::Neg, x);
    cases [(1.0 => -1.0), (0.0 => -0.0)]

    /// The signal without its sign.
    Abs "abs" (x: f32) -> f32
    interp x.abs(); emit |e| e.un(Un::Abs, x);
    cases [(-2.0 => 2.0), (-0.0 => 0.0)]

    /// The size of `x` with the sign of `y`.
    Copysign "copysign" (x: f32, y: f32) -> f32
    interp if y.is_nan() { x.abs() } else { x.abs().copysign(y) };
    emit |e| {
        let number = e.compare(Cmp::Eq, y, y);
        let y = e.keep(number, y);
        let bits = e.ints(y);
        let top = e.i(i32::MIN);
        let sign = e.bin(Bin::And, bits, top);
        let size = e.un(Un::Abs, x);
        let size = e.ints(size);
        let bits = e.bin(Bin::Or, size, sign);
        e.floats(bits)
    };
    cases [(2.0, -3.0 => -2.0), (-2.0, 0.0 => 2.0), (2.0, -0.0 => -2.0), (-2.0, f32::NAN => 2.0)]

    /// Square root.
    Sqrt "sqrt" (x: f32) -> f32
    interp x.sqrt(); emit |e| e.un(Un::Sqrt, x);
    cases [(9.0 => 3.0), (-1.0 => f32::NAN), (-0.0 => -0.0)]

    /// Largest whole number not above the signal.
    Floor "floor" (x: f32) -> f32
    interp x.floor(); emit |e| e.un(Un::Floor, x);
    cases [(-0.5 => -1.0), (2.75 => 2.0), (-0.0 => -0.0)]

    /// Smallest whole number not below the signal.
    Ceil "ceil" (x: f32) -> f32
    interp x.ceil(); emit |e| e.un(Un::Ceil, x);
    cases [(-0.5 => -0.0), (2.25 => 3.0)]

    /// The signal without its fraction.
    Trunc "trunc" (x: f32) -> f32
    interp x.trunc(); emit |e| e.un(Un::Trunc, x);
    cases [(-1.5 => -1.0), (1.5 => 1.0), (-0.5 => -0.0)]

    /// Nearest whole number; halves go to the even one.
    Round "round" (x: f32) -> f32
    interp x.round_ties_even(); emit |e| e.un(Un::Round, x);
    cases [(0.5 => 0.0), (1.5 => 2.0), (-2.5 => -2.0), (2.6 => 3.0)]

    /// The smaller of two signals.
    Min "min" (x: f32, y: f32) -> f32
    interp if x < y { x } else { y }; emit |e| e.bin(Bin::Min, x, y);
    cases [(1.0, 2.0 => 1.0), (f32::NAN, 2.0 => 2.0), (-0.0, 0.0 => 0.0), (0.0, -0.0 => -0.0)]

    /// The larger of two signals.
    Max "max" (x: f32, y: f32) -> f32
    interp if y < x { x } else { y }; emit |e| e.bin(Bin::Max, x, y);
    cases [(1.0, 2.0 => 2.0), (f32::NAN, 2.0 => 2.0), (2.0, f32::NAN => f32::NAN)]

    /// 1 where `x` is below `y`, else 0.
    Lt "lt" (x: f32, y: f32) -> f32
    interp truth(x < y); emit |e| e.cmp(Cmp::Lt, x, y);
    cases [(1.0, 2.0 => 1.0), (2.0, 2.0 => 0.0), (f32::NAN, 2.0 => 0.0)]

    /// 1 where `x` is not above `y`, else 0.
    Le "le" (x: f32, y: f32) -> f32
    interp truth(x <= y); emit |e| e.cmp(Cmp::Le, x, y);
    cases [(2.0, 2.0 => 1.0), (3.0, 2.0 => 0.0)]

    /// 1 where `x` is above `y`, else 0.
    Gt "gt" (x: f32, y: f32) -> f32
    interp truth(x > y); emit |e| e.cmp(Cmp::Lt, y, x);
    cases [(2.0, 1.0 => 1.0), (2.0, 2.0 => 0.0)]

    /// 1 where `x` is not below `y`, else 0.
    Ge "ge" (x: f32, y: f32) -> f32
    interp truth(x >= y); emit |e| e.cmp(Cmp::Le, y, x);
    cases [(2.0, 2.0 => 1.0), (1.0, 2.0 => 0.0)]

    /// 1 where two signals are equal, else 0.
    Eq "eq" (x: f32, y: f32) -> f32
    interp truth(x == y); emit |e| e.cmp(Cmp::Eq, x, y);
    cases [(2.0, 2.0 => 1.0), (0.0, -0.0 => 1.0), (f32::NAN, f32::NAN => 0.0)]

    /// 1 where two signals differ, else 0.
    Ne "ne" (x: f32, y: f32) -> f32
    interp truth(x != y); emit |e| e.cmp(Cmp::Ne, x, y);
    cases [(2.0, 2.0 => 0.0), (f32::NAN, f32::NAN => 1.0)]

    /// `x` where `c` is not zero, else `y`.
    Select "select" (c: f32, x: f32, y: f32) -> f32
    interp if c != 0.0 { x } else { y };
    emit |e| { let m = e.truth(c); e.pick(m, x, y) };
    cases [(1.0, 5.0, 6.0 => 5.0), (-0.0, 5.0, 6.0 => 6.0), (f32::NAN, 5.0, 6.0 => 5.0)]

    /// 1 where neither signal is zero, else 0.
    And "and" (x: f32, y: f32) -> f32
    interp truth(x != 0.0 && y != 0.0);
    emit |e| { let (p, q) = (e.truth(x), e.truth(y)); let m = e.both(p, q); e.signal(m) };
    cases [(1.0, 2.0 => 1.0), (1.0, 0.0 => 0.0), (0.0, 0.0 => 0.0)]

    /// 1 where one of the signals is not zero, else 0.
    Or "or" (x: f32, y: f32) -> f32
    interp truth(x != 0.0 || y != 0.0);
    emit |e| { let (p, q) = (e.truth(x), e.truth(y)); let m = e.either(p, q); e.signal(m) };
    cases [(1.0, 2.0 => 1.0), (1.0, 0.0 => 1.0), (0.0, -0.0 => 0.0)]

    /// 1 where the signal is zero, else 0.
    Not "not" (x: f32) -> f32
    interp truth(x == 0.0);
    emit |e| { let zero = e.f(0.0); e.cmp(Cmp::Eq, x, zero) };
    cases [(1.0 => 0.0), (0.0 => 1.0), (f32::NAN => 0.0)]

    /// The signal where it is a finite number, else 0.
    Finite "finite" (x: f32) -> f32
    interp if x.is_finite() { x } else { 0.0 }; emit |e| e.finite(x);
    cases [(2.0 => 2.0), (f32::INFINITY => 0.0), (f32::NAN => 0.0), (-0.0 => -0.0)]

    /// Sum of two integers, wrapping.
    Iadd "iadd" (x: i32, y: i32) -> i32
    interp x.wrapping_add(y); emit |e| e.bin(Bin::Iadd, x, y);
    cases [(1, 2 => 3), (i32::MAX, 1 => i32::MIN)]

    /// Difference of two integers, wrapping.
    Isub "isub" (x: i32, y: i32) -> i32
    interp x.wrapping_sub(y); emit |e| e.bin(Bin::Isub, x, y);
    cases [(1, 2 => -1), (i32::MIN, 1 => i32::MAX)]

    /// Product of two integers, wrapping.
    Imul "imul" (x: i32, y: i32) -> i32
    interp x.wrapping_mul(y); emit |e| e.bin(Bin::Imul, x, y);
    cases [(3, -2 => -6), (65_536, 65_536 => 0)]

    /// Bits set in both integers.
    Iand "iand" (x: i32, y: i32) -> i32
    interp x & y; emit |e| e.bin(Bin::And, x, y);
    cases [(12, 10 => 8)]

    /// Bits set in one of the integers.
    Ior "ior" (x: i32, y: i32) -> i32
    interp x | y; emit |e| e.bin(Bin::Or, x, y);
    cases [(12, 10 => 14)]

    /// Bits set in exactly one of the integers.
    Ixor "ixor" (x: i32, y: i32) -> i32
    interp x ^ y; emit |e| e.bin(Bin::Xor, x, y);
    cases [(12, 10 => 6)]

    /// Bits moved up by the low five bits of `y`.
    Ishl "ishl" (x: i32, y: i32) -> i32
    interp x.wrapping_shl(y as u32); emit |e| e.shift(Shift::Left, x, y);
    cases [(3, 2 => 12), (1, 33 => 2)]

    /// Bits moved down by the low five bits of `y`, zeros from above.
    Ushr "ushr" (x: i32, y: i32) -> i32
    interp (x as u32).wrapping_shr(y as u32) as i32; emit |e| e.shift(Shift::Right, x, y);
    cases [(12, 2 => 3), (-1, 28 => 15)]

    /// Bits moved down by the low five bits of `y`, the sign from above.
    Sshr "sshr" (x: i32, y: i32) -> i32
    interp x.wrapping_shr(y as u32); emit |e| e.shift(Shift::Signed, x, y);
    cases [(12, 2 => 3), (-16, 2 => -4)]

    /// 1 where two integers are equal, else 0.
    Ieq "ieq" (x: i32, y: i32) -> f32
    interp truth(x == y);
    emit |e| e.cmp(Cmp::Ieq, x, y);
    cases [(3, 3 => 1.0), (3, 4 => 0.0)]

    /// 1 where the integer `x` is below `y`, else 0.
    Ilt "ilt" (x: i32, y: i32) -> f32
    interp truth(x < y);
    emit |e| e.cmp(Cmp::Ilt, x, y);
    cases [(-3, 3 => 1.0), (3, 3 => 0.0)]

    /// The integer `x` where `c` is not zero, else `y`.
    Iselect "iselect" (c: f32, x: i32, y: i32) -> i32
    interp if c != 0.0 { x } else { y };
    emit |e| { let m = e.truth(c); e.pick(m, x, y) };
    cases [(1.0, 5, 6 => 5), (0.0, 5, 6 => 6)]

    /// The bits of a signal as an integer; of every NaN the same.
    Bits "bits" (x: f32) -> i32
    interp if x.is_nan() { f32::NAN.to_bits() as i32 } else { x.to_bits() as i32 };
    emit |e| {
        let number = e.compare(Cmp::Eq, x, x);
        let nan = e.f(f32::NAN);
        let x = e.pick(number, x, nan);
        e.ints(x)
    };
    cases [(1.0 => 0x3f80_0000), (-f32::NAN => 0x7fc0_0000)]

    /// The signal of given bits, tiny ones zero.
    Float "float" (x: i32) -> f32
    interp flush(f32::from_bits(x as u32));
    emit |e| { let x = e.floats(x); e.flush(x) };
    cases [(0x3f80_0000 => 1.0), (1 => 0.0), (i32::MIN => -0.0)]

    /// The signal without its fraction as an integer; kept in range, NaN becomes 0.
    Toint "toint" (x: f32) -> i32
    interp x as i32;
    emit |e| e.un(Un::ToInt, x);
    cases [(-1.5 => -1), (3e9 => i32::MAX), (-3e9 => i32::MIN), (f32::NAN => 0)]

    /// An integer as a signal.
    Fromint "fromint" (x: i32) -> f32
    interp x as f32;
    emit |e| e.un(Un::FromInt, x);
    cases [(-3 => -3.0), (i32::MAX => 2_147_483_648.0)]

    /// Cycles as a phase, where one cycle is the whole range of an integer.
    Phase "phase" (x: f32) -> i32
    interp {
        let g = x - x.round_ties_even();
        ((g * 4_294_967_296.0) as i32).wrapping_add((g == 0.5) as i32)
    };
    emit |e| e.phase(x);
    cases [(0.25 => 0x4000_0000), (0.5 => i32::MIN), (-0.25 => -0x4000_0000), (7.0 => 0), (1.5 => i32::MIN), (f32::NAN => 0)]

    /// A phase as cycles, 0 up to but not 1.
    Turn "turn" (x: i32) -> f32
    interp ((x as u32 >> 8) as i32) as f32 * (1.0 / 16_777_216.0);
    emit |e| {
        let x = e.by(Shift::Right, x, 8);
        let x = e.un(Un::FromInt, x);
        let k = e.f(1.0 / 16_777_216.0);
        e.bin(Bin::Mul, x, k)
    };
    cases [(0x4000_0000 => 0.25), (i32::MIN => 0.5), (0 => 0.0)]

    /// The exponent of the largest power of two not above the size of the signal; -127 for 0, 128 when not finite.
    Exponent "exponent" (x: f32) -> f32
    interp ((x.to_bits() >> 23 & 255) as i32 - 127) as f32;
    emit |e| {
        let bits = e.ints(x);
        let bits = e.by(Shift::Right, bits, 23);
        let (mask, bias) = (e.i(255), e.i(127));
        let bits = e.bin(Bin::And, bits, mask);
        let bits = e.bin(Bin::Isub, bits, bias);
        e.un(Un::FromInt, bits)
    };
    cases [(8.0 => 3.0), (-0.3 => -2.0), (0.0 => -127.0), (f32::INFINITY => 128.0)]

    /// The size of the signal divided by its largest power of two: 1 up to but not 2.
    Mantissa "mantissa" (x: f32) -> f32
    interp if x.is_nan() { x } else { f32::from_bits(x.to_bits() & 0x007f_ffff | 0x3f80_0000) };
    emit |e| {
        let bits = e.ints(x);
        let (mask, one) = (e.i(0x007f_ffff), e.i(0x3f80_0000));
        let bits = e.bin(Bin::And, bits, mask);
        let bits = e.bin(Bin::Or, bits, one);
        let m = e.floats(bits);
        let number = e.compare(Cmp::Eq, x, x);
        e.pick(number, m, x)
    };
    cases [(12.0 => 1.5), (-0.375 => 1.5), (0.0 => 1.0), (f32::NAN => f32::NAN)]

    /// 2 to the power of the nearest whole number, kept to -126..127.
    Pow2i "pow2i" (x: f32) -> f32
    interp {
        let x = if -126.0 < x { x } else { -126.0 };
        let x = if x < 127.0 { x } else { 127.0 };
        f32::from_bits((x + 8_388_735.0).to_bits() << 23)
    };
    emit |e| {
        let x = e.clamp(x, -126.0, 127.0);
        // The sum ends in the biased exponent; the shift drops the rest.
        let magic = e.f(8_388_735.0);
        let sum = e.bin(Bin::Add, x, magic);
        let bits = e.ints(sum);
        let bits = e.by(Shift::Left, bits, 23);
        e.floats(bits)
    };
    cases [(0.0 => 1.0), (3.0 => 8.0), (-1.0 => 0.5), (500.0 => 1.701_411_8e38), (-500.0 => 1.175_494_4e-38)]

    /// A well mixed integer: the source of all randomness.
    Hash "hash" (x: i32) -> i32
    interp hash_word(x as u32) as i32;
    emit |e| {
        let k = e.i(HASH[0] as i32);
        let x = e.bin(Bin::Iadd, x, k);
        let x = e.mixed(x, 16, HASH[1]);
        let x = e.mixed(x, 15, HASH[2]);
        let y = e.by(Shift::Right, x, 16);
        e.bin(Bin::Xor, x, y)
    };
    cases []

    /// An integer as a signal from -1 up to but not 1.
    Unit "unit" (x: i32) -> f32
    interp (x >> 8) as f32 * (1.0 / 8_388_608.0);
    emit |e| {
        let x = e.by(Shift::Signed, x, 8);
        let x = e.un(Un::FromInt, x);
        let k = e.f(1.0 / 8_388_608.0);
        e.bin(Bin::Mul, x, k)
    };
    cases [(i32::MIN => -1.0), (0x4000_0000 => 0.5), (0 => 0.0)]
}
