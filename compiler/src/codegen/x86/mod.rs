//! Our own vector code for x86-64: four or eight lanes with AVX2 and FMA, sixteen with AVX-512.
//!
//! Cranelift has vectors of 128 bits only, and moves values to where they wait. A region is one loop over vectors, without branches:
//! little more is needed than the encodings of some dozen instructions ([`asm`], `write`), lanes that change places ([`permute`]), and
//! registers for a straight line of code ([`alloc`]).
//! This file is the machine in between: it writes down what [`crate::codegen::body`] asks for, as a list of [`Inst`].
//!
//! Constants cost no register: they are operands in memory, spread over the lanes by the instruction where it can.

pub mod alloc;
pub mod asm;
pub mod content;
pub mod permute;
mod write;

use crate::codegen::emit::{Bin, Cmp, Emit, Shift, Un, Val};
use crate::codegen::machine::{At, Carry, Machine, Pointer, Ptr, Shape};
use crate::graph::Ty;
use rustc_hash::FxHashMap as HashMap;

/// What a value is.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Known {
    /// The result of an instruction, or carried by the loop.
    Vector,
    /// A mask (AVX-512).
    Mask,
    /// A constant in every lane.
    Word(u32),
    /// A vector of constants.
    Words(Vec<u32>),
}

/// Signs of [`Code::Fma`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// `a * b + c`
    Plus,
    /// `a * b - c`
    Less,
    /// `c - a * b`
    Away,
}

/// An instruction of the list.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Code {
    /// On two operands.
    Bin(Bin),
    /// On one; [`Un::Neg`], [`Un::Abs`] and [`Un::ToInt`] are written as others.
    Un(Un),
    /// `a * b + c`, or with another sign of the product or of what is added.
    Fma(Sign),
    /// By the operand `b`, below 32.
    Shift(Shift),
    /// By a constant.
    By(Shift, u32),
    /// To a mask.
    Compare(Cmp),
    /// Where both masks hold.
    Both,
    /// Where one of the masks holds.
    Either,
    /// `b` where the mask `a` holds, else `c`.
    Pick,
    /// The same, but `b` is waited for only if the mask holds anywhere.
    Seldom,
    /// `b` where the mask `a` holds, else 0.
    Keep,
    /// Words in a row.
    Load,
    /// One word in every lane.
    Spread,
    /// So many words, over and over.
    Repeat(u32),
    /// Words of `b` in the order of `a`.
    Permute,
    /// Words of `b` and `c` in the order of `a` (AVX-512).
    Mix,
    /// Words of `a` and `b` in an order that is a byte.
    Shuffle(permute::By, u8),
    /// The words behind the address at the indices `a`.
    Gather,
    /// Words in a row behind the address and the first lane of `a`.
    LoadFrom,
    /// `a` with some of its words, by bits, from words in a row.
    Merge(u32),
    /// Stores `a`.
    Store,
    /// The first lane of `a` in all lanes.
    Splat,
    /// The last lanes of `a`, so many, then the first of `b`.
    ShiftIn(u32),
}

/// One step of the loop.
#[derive(Clone, Copy, Debug)]
pub struct Inst {
    /// What it does.
    pub code: Code,
    /// Lanes.
    pub width: u32,
    /// Its result; for a store, none.
    pub to: Option<Val>,
    /// Its operands; unused ones repeat the first.
    pub args: [Option<Val>; 3],
    /// Its place in memory.
    pub at: Option<At>,
}

/// A region being written.
pub struct X86 {
    full: u32,
    width: u32,
    /// What each value is.
    pub values: Vec<Known>,
    words: HashMap<u32, Val>,
    /// The body of the loop.
    pub insts: Vec<Inst>,
    /// What is computed before the loops.
    pub pointers: Vec<Pointer>,
    /// The loops.
    pub shape: Option<Shape>,
    /// What the loop carries: the value at its start, and on its way to the next round.
    pub carried: Vec<(Carry, Val)>,
    /// What goes on to the next round.
    pub next: Vec<Val>,
}

impl X86 {
    /// Nothing yet, for vectors of 4, 8 or 16 lanes.
    pub fn new(full: u32) -> X86 {
        X86 {
            full,
            width: full,
            values: Vec::new(),
            words: HashMap::default(),
            insts: Vec::new(),
            pointers: Vec::new(),
            shape: None,
            carried: Vec::new(),
            next: Vec::new(),
        }
    }

    /// True with AVX-512.
    pub fn masks(&self) -> bool {
        self.full == 16
    }

    fn value(&mut self, known: Known) -> Val {
        self.values.push(known);
        Val(self.values.len() as u32 - 1)
    }

    fn push(&mut self, code: Code, width: u32, args: &[Val], at: Option<At>) -> Val {
        let mask = self.masks() && matches!(code, Code::Compare(_) | Code::Both | Code::Either);
        let to = self.value(if mask { Known::Mask } else { Known::Vector });
        let args = [0, 1, 2].map(|i| args.get(i).copied());
        self.insts.push(Inst { code, width, to: Some(to), args, at });
        to
    }

    fn op(&mut self, code: Code, args: &[Val]) -> Val {
        self.push(code, self.width, args, None)
    }

    fn fused(&mut self, sign: Sign, x: Val, y: Val, z: Val) -> Val {
        let (x, y) = if self.is_constant(x) { (y, x) } else { (x, y) };
        self.op(Code::Fma(sign), &[x, y, z])
    }

    fn is_constant(&self, x: Val) -> bool {
        matches!(self.values[x.0 as usize], Known::Word(_) | Known::Words(_))
    }
}

impl Emit for X86 {
    fn constant(&mut self, _: Ty, word: u32) -> Val {
        if let Some(&known) = self.words.get(&word) {
            return known;
        }
        let x = self.value(Known::Word(word));
        self.words.insert(word, x);
        x
    }

    fn un(&mut self, op: Un, x: Val) -> Val {
        match op {
            Un::Neg => {
                let sign = self.i(i32::MIN);
                self.bin(Bin::Xor, x, sign)
            }
            Un::Abs => {
                let rest = self.i(i32::MAX);
                self.bin(Bin::And, x, rest)
            }
            Un::ToInt => {
                // What the machine makes of all that is out of range is the least integer, which is right below and never above.
                let n = self.un(Un::Wrap, x);
                let (top, most) = (self.f(2_147_483_648.0), self.i(i32::MAX));
                let above = self.compare(Cmp::Le, top, x);
                self.pick(above, most, n)
            }
            Un::Wrap => {
                let n = self.op(Code::Un(Un::Wrap), &[x]);
                let number = self.compare(Cmp::Eq, x, x);
                self.keep(number, n)
            }
            _ => self.op(Code::Un(op), &[x]),
        }
    }

    fn bin(&mut self, op: Bin, x: Val, y: Val) -> Val {
        let swaps = !matches!(op, Bin::Sub | Bin::Div | Bin::Min | Bin::Max | Bin::Isub);
        // A constant stands second, where it may be memory.
        let (x, y) = if swaps && self.is_constant(x) { (y, x) } else { (x, y) };
        self.op(Code::Bin(op), &[x, y])
    }

    fn fma(&mut self, x: Val, y: Val, z: Val) -> Val {
        self.fused(Sign::Plus, x, y, z)
    }

    fn fms(&mut self, x: Val, y: Val, z: Val) -> Val {
        self.fused(Sign::Less, x, y, z)
    }

    fn fnma(&mut self, x: Val, y: Val, z: Val) -> Val {
        self.fused(Sign::Away, x, y, z)
    }

    fn shift(&mut self, kind: Shift, x: Val, y: Val) -> Val {
        if let Known::Word(n) = self.values[y.0 as usize] {
            return self.by(kind, x, n & 31);
        }
        let mask = self.i(31);
        let y = self.bin(Bin::And, y, mask);
        self.op(Code::Shift(kind), &[x, y])
    }

    fn by(&mut self, kind: Shift, x: Val, n: u32) -> Val {
        self.op(Code::By(kind, n), &[x])
    }

    fn compare(&mut self, cmp: Cmp, x: Val, y: Val) -> Val {
        self.op(Code::Compare(cmp), &[x, y])
    }

    fn both(&mut self, m: Val, n: Val) -> Val {
        self.op(Code::Both, &[m, n])
    }

    fn either(&mut self, m: Val, n: Val) -> Val {
        self.op(Code::Either, &[m, n])
    }

    fn pick(&mut self, mask: Val, x: Val, y: Val) -> Val {
        self.op(Code::Pick, &[mask, x, y])
    }

    fn pick_seldom(&mut self, mask: Val, x: Val, y: Val) -> Val {
        self.op(Code::Seldom, &[mask, x, y])
    }

    fn keep(&mut self, mask: Val, x: Val) -> Val {
        self.op(Code::Keep, &[mask, x])
    }

    fn cast(&mut self, _: Ty, x: Val) -> Val {
        x
    }
}

impl Machine for X86 {
    fn lanes(&self) -> u32 {
        self.full
    }

    fn emit(&mut self) -> &mut dyn Emit {
        self
    }

    fn width(&mut self, width: u32) {
        self.width = width;
    }

    fn pointer(&mut self, pointer: Pointer) -> Ptr {
        self.pointers.push(pointer);
        Ptr(self.pointers.len() as u32 - 1)
    }

    fn open(&mut self, shape: Shape, carried: &[Carry]) -> Vec<Val> {
        self.shape = Some(shape);
        let values: Vec<Val> = carried.iter().map(|_| self.value(Known::Vector)).collect();
        self.carried = carried.iter().copied().zip(values.iter().copied()).collect();
        values
    }

    fn close(&mut self, next: &[Val]) {
        self.next = next.to_vec();
    }

    fn load(&mut self, _: Ty, width: u32, at: At) -> Val {
        self.push(Code::Load, width, &[], Some(at))
    }

    fn spread(&mut self, _: Ty, width: u32, at: At) -> Val {
        self.push(if width == 1 { Code::Load } else { Code::Spread }, width, &[], Some(at))
    }

    fn expand(&mut self, ty: Ty, width: u32, each: u32, at: At) -> Val {
        match width / each {
            1 => self.spread(ty, width, at),
            n if n == width => self.load(ty, width, at),
            n => {
                let few = self.load(ty, n, at);
                let order: Vec<Option<u8>> = (0..width).map(|i| Some((i / each) as u8)).collect();
                self.permuted(width, few, few, &order)
            }
        }
    }

    fn repeat(&mut self, ty: Ty, width: u32, period: u32, at: At) -> Val {
        match period {
            1 => self.spread(ty, width, at),
            n if n == width => self.load(ty, width, at),
            n => self.push(Code::Repeat(n), width, &[], Some(at)),
        }
    }

    fn store(&mut self, value: Val, width: u32, at: At) {
        self.insts.push(Inst { code: Code::Store, width, to: None, args: [Some(value), None, None], at: Some(at) });
    }

    fn words(&mut self, _: Ty, words: &[u32]) -> Val {
        self.value(Known::Words(words.to_vec()))
    }

    fn gather(&mut self, width: u32, at: At, index: Val) -> Val {
        self.push(Code::Gather, width, &[index], Some(at))
    }

    fn load_from(&mut self, _: Ty, width: u32, at: At, index: Val) -> Val {
        self.push(Code::LoadFrom, width, &[index], Some(at))
    }

    fn merge(&mut self, width: u32, x: Val, at: At, words: u32) -> Val {
        self.push(Code::Merge(words), width, &[x], Some(at))
    }

    fn splat(&mut self, _: Ty, width: u32, x: Val) -> Val {
        if width == 1 || self.is_constant(x) { x } else { self.push(Code::Splat, width, &[x], None) }
    }

    fn shift_in(&mut self, before: Val, now: Val, by: u32) -> Val {
        self.push(Code::ShiftIn(by), self.full, &[before, now], None)
    }

    fn permute(&mut self, _: Ty, width: u32, x: Val, y: Val, order: &[Option<u8>]) -> Val {
        self.permuted(width, x, y, order)
    }
}
