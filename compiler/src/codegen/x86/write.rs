//! The instructions of the list as machine code.
//!
//! Each takes its operands from where [`super::alloc`] has them, lets go of those that nobody needs any more, and gets a register
//! for its result, which may be one of those.

use super::alloc::{Alloc, NEVER, size};
use super::asm::{Code as Op, Form, Mem, Rm, gpr};
use super::permute::By;
use super::{Code, Inst, Known, Sign};
use crate::codegen::emit::{Bin, Cmp, Shift, Un, Val};
use crate::codegen::machine::Base;

impl Alloc<'_> {
    pub(super) fn inst(&mut self, inst: &Inst) -> Result<(), String> {
        // Operands keep their registers until all of them are found: this may be where they are needed last.
        let vectors = inst.args.iter().flatten().filter(|x| self.m.values[x.0 as usize] == Known::Vector);
        self.busy = vectors.filter_map(|x| self.places[x.0 as usize].reg).fold(0, |busy, reg| busy | 1 << reg);
        let size = size(inst.width);
        let arg = |i: usize| inst.args[i].ok_or("an operand is missing");
        let evex = self.asm.evex;
        match inst.code {
            Code::Bin(op) => {
                let swaps = !matches!(op, Bin::Sub | Bin::Div | Bin::Min | Bin::Max | Bin::Isub);
                let (mut x, mut y) = (arg(0)?, arg(1)?);
                if swaps && self.waits(x) && !self.waits(y) {
                    (x, y) = (y, x);
                }
                let a = self.register(x);
                let b = self.term(y);
                self.three(inst, bin(op), a, b);
            }
            Code::Shift(kind) => {
                let op = match kind {
                    Shift::Left => 0x47,
                    Shift::Right => 0x45,
                    Shift::Signed => 0x46,
                };
                let a = self.register(arg(0)?);
                let b = self.operand(arg(1)?);
                self.three(inst, Op(2, 1, 0, op), a, b);
            }
            Code::Permute => {
                let a = self.register(arg(0)?);
                let b = self.operand(arg(1)?);
                self.three(inst, Op(2, 1, 0, 0x16), a, b);
            }
            Code::Mix => {
                // The order is replaced by the result, which must be apart from both vectors.
                let a = self.register(arg(1)?);
                let b = self.operand(arg(2)?);
                let to = self.to(inst);
                self.fetch(arg(0)?, to);
                self.asm.vex(Form::new(Op(2, 1, 0, 0x77), size, to, a), b);
                self.release(inst);
            }
            Code::Shuffle(by, byte) => {
                let (op, imm) = match by {
                    By::Within => (Op(3, 1, 0, 0x04), true),
                    By::Quarters => (Op(3, 1, 1, 0x01), true),
                    By::Shuffle => (Op(1, 0, 0, 0xc6), true),
                    By::Low => (Op(1, 0, 0, 0x14), false),
                    By::High => (Op(1, 0, 0, 0x15), false),
                    By::Blend => (Op(3, 1, 0, 0x0c), true),
                    By::Halves => (Op(3, 1, 0, 0x06), true),
                };
                let one = matches!(by, By::Within | By::Quarters);
                let a = if one { 0 } else { self.register(arg(0)?) };
                let last = arg(usize::from(!one))?;
                // A constant of the pool is whole, not to be spread.
                let b = match self.operand(last) {
                    Rm::Word(_) => Rm::Reg(self.register(last)),
                    b => b,
                };
                self.release(inst);
                let to = self.to(inst);
                let form = Form::new(op, size, to, a);
                self.asm.vex(if imm { form.imm(byte) } else { form }, b);
            }
            Code::Un(op) => {
                let a = self.operand(arg(0)?);
                self.release(inst);
                let to = self.to(inst);
                let round = |mode: u8| Form::new(Op(3, 1, 0, 0x08), size, to, 0).imm(8 | mode);
                let form = match op {
                    Un::Sqrt => Form::new(Op(1, 0, 0, 0x51), size, to, 0),
                    Un::FromInt => Form::new(Op(1, 0, 0, 0x5b), size, to, 0),
                    Un::Wrap => Form::new(Op(1, 2, 0, 0x5b), size, to, 0),
                    Un::Floor => round(1),
                    Un::Ceil => round(2),
                    Un::Trunc => round(3),
                    Un::Round => round(0),
                    Un::Neg | Un::Abs | Un::ToInt => return Err("an operation that is written as others".into()),
                };
                self.asm.vex(form, a);
            }
            Code::By(kind, n) => {
                let a = self.register(arg(0)?);
                self.release(inst);
                let to = self.to(inst);
                let kind = match kind {
                    Shift::Left => 6,
                    Shift::Right => 2,
                    Shift::Signed => 4,
                };
                self.asm.vex(Form::new(Op(1, 1, 0, 0x72), size, kind, to).imm(n as u8), Rm::Reg(a));
            }
            Code::Compare(cmp) => self.compare(inst, cmp)?,
            Code::Both | Code::Either if evex => {
                let masks = [0, 1].map(|i| inst.args[i].and_then(|x| self.places[x.0 as usize].reg).unwrap_or(0));
                self.release(inst);
                let to = self.mask(inst.to.ok_or("no result")?)?;
                self.on_masks(if inst.code == Code::Both { 0x41 } else { 0x45 }, to, masks[0], masks[1]);
            }
            Code::Both | Code::Either => {
                let a = self.register(arg(0)?);
                let b = self.operand(arg(1)?);
                self.three(inst, bin(if inst.code == Code::Both { Bin::And } else { Bin::Or }), a, b);
            }
            Code::Pick | Code::Keep => self.choose(inst)?,
            Code::Seldom => self.seldom(inst)?,
            Code::Fma(sign) => self.fma(inst, sign)?,
            // What is spread and needed once is spread where it is needed.
            Code::Spread if self.is_late(inst) => {}
            Code::Load | Code::Spread | Code::Repeat(_) => {
                let to = self.to(inst);
                let at = inst.at.ok_or("no address")?;
                self.load(inst.code, inst.width, to, at);
            }
            Code::Gather => {
                // Result, indices and mask must be three registers.
                let index = self.register(arg(0)?);
                let to = self.to(inst);
                let at = inst.at.ok_or("no address")?;
                let mem = Mem { index: Some((index, 4)), ..self.address(at) };
                if evex {
                    let free = (1..8).find(|&k| self.masks[k].is_none()).ok_or("too many masks at once")? as u8;
                    self.on_masks(0x46, free, free, free);
                    let form = Form::new(Op(2, 1, 0, 0x92), size, to, 0).mask(free, false).bytes(4);
                    self.asm.vex(form, Rm::Mem(mem));
                } else {
                    let mask = self.take();
                    self.asm.vex(Form::new(Op(1, 1, 0, 0x76), size, mask, mask), Rm::Reg(mask));
                    self.asm.vex(Form::new(Op(2, 1, 0, 0x92), size, to, mask), Rm::Mem(mem));
                }
                self.release(inst);
            }
            Code::LoadFrom => {
                let index = self.register(arg(0)?);
                self.release(inst);
                let to = self.to(inst);
                self.asm.vex(Form::new(Op(1, 1, 0, 0x7e), 0, index, 0), Rm::Reg(gpr::RAX));
                let at = inst.at.ok_or("no address")?;
                let mem = Mem { index: Some((gpr::RAX, 4)), ..self.address(at) };
                self.words(0x10, to, inst.width, Rm::Mem(mem));
            }
            Code::Merge(words) => {
                let a = self.register(arg(0)?);
                self.release(inst);
                let to = self.to(inst);
                let at = inst.at.ok_or("no address")?;
                let mem = Rm::Mem(self.address(at));
                if evex {
                    let free = (1..8).find(|&k| self.masks[k].is_none()).ok_or("too many masks at once")? as u8;
                    self.asm.bytes.push(0xb8); // mov eax
                    self.asm.bytes.extend(words.to_le_bytes());
                    self.asm.bytes.extend([0xc5, 0xf8, 0x92, 0xc0 | free << 3]); // kmovw
                    self.asm.vex(Form::new(Op(2, 1, 0, 0x65), size, to, a).mask(free, false), mem);
                } else {
                    self.asm.vex(Form::new(Op(3, 1, 0, 0x0c), size, to, a).imm(words as u8), mem);
                }
            }
            Code::Store => {
                let a = self.register(arg(0)?);
                let at = inst.at.ok_or("no address")?;
                self.store(a, inst.width, at);
                self.release(inst);
            }
            Code::Splat => {
                let a = self.register(arg(0)?);
                self.release(inst);
                let to = self.to(inst);
                self.asm.vex(Form::new(Op(2, 1, 0, 0x18), size, to, 0), Rm::Reg(a));
            }
            Code::ShiftIn(by) => {
                let (before, now) = (self.register(arg(0)?), self.register(arg(1)?));
                let to = self.to(inst);
                if evex {
                    let form = Form::new(Op(3, 1, 0, 0x03), size, to, now).imm((inst.width - by) as u8);
                    self.asm.vex(form, Rm::Reg(before));
                } else if size == 0 {
                    let form = Form::new(Op(3, 1, 0, 0x0f), size, to, now).imm(16 - 4 * by as u8);
                    self.asm.vex(form, Rm::Reg(before));
                } else {
                    // The upper half of what was and the lower of what is; then words across each border.
                    let form = Form::new(Op(3, 1, 0, 0x06), size, to, before).imm(0x21);
                    self.asm.vex(form, Rm::Reg(now));
                    let within = match by {
                        0..4 => Some((now, Rm::Reg(to), 16 - 4 * by as u8)),
                        4 => None,
                        _ => Some((to, Rm::Reg(before), 32 - 4 * by as u8)),
                    };
                    if let Some((high, low, bytes)) = within {
                        self.asm.vex(Form::new(Op(3, 1, 0, 0x0f), size, to, high).imm(bytes), low);
                    }
                }
                self.release(inst);
            }
        }
        // What nobody needs leaves its register at once; what memory has need not be saved.
        if let (Some(to), Code::Load | Code::Spread | Code::Repeat(_), Some(at)) = (inst.to, inst.code, inst.at)
            && at.base != Base::State
        {
            self.places[to.0 as usize].home = Some((at, inst.code, inst.width));
        }
        Ok(())
    }

    /// True if an instruction can take this from memory as it is needed (AVX-512).
    fn is_late(&self, inst: &Inst) -> bool {
        let unchanging = inst.at.is_some_and(|at| at.base != Base::State);
        let once =
            inst.to.is_some_and(|to| self.uses[to.0 as usize].len() == 1 && self.wished[to.0 as usize].is_none());
        self.asm.evex && inst.width >= 4 && unchanging && once
    }

    fn to(&mut self, inst: &Inst) -> u8 {
        inst.to.map_or(0, |to| self.result(to))
    }

    /// An instruction of three registers, or two and memory.
    fn three(&mut self, inst: &Inst, op: Op, a: u8, b: Rm) {
        self.release(inst);
        let to = self.to(inst);
        self.asm.vex(Form::new(op, size(inst.width), to, a), b);
    }

    /// An operation on masks: always in its short VEX form.
    fn on_masks(&mut self, op: u8, to: u8, a: u8, b: u8) {
        self.asm.bytes.extend([0xc5, 0x80 | (!a & 15) << 3 | 1 << 2, op, 0xc0 | to << 3 | b]);
    }

    fn compare(&mut self, inst: &Inst, cmp: Cmp) -> Result<(), String> {
        let (Some(x), Some(y), Some(to)) = (inst.args[0], inst.args[1], inst.to) else {
            return Err("an operand is missing".into());
        };
        let size = size(inst.width);
        // The machine compares integers for greater.
        let (x, y) = if cmp == Cmp::Ilt && !self.asm.evex { (y, x) } else { (x, y) };
        let a = self.register(x);
        let b = self.operand(y);
        let float = |predicate: u8| (Op(1, 0, 0, 0xc2), Some(predicate));
        let (op, imm) = match (cmp, self.asm.evex) {
            (Cmp::Lt, _) => float(0x11),
            (Cmp::Le, _) => float(0x12),
            (Cmp::Eq, _) => float(0x00),
            (Cmp::Ne, _) => float(0x04),
            (Cmp::Ieq, true) => (Op(3, 1, 0, 0x1f), Some(0)),
            (Cmp::Ilt, true) => (Op(3, 1, 0, 0x1f), Some(1)),
            (Cmp::Ieq, false) => (Op(1, 1, 0, 0x76), None),
            (Cmp::Ilt, false) => (Op(1, 1, 0, 0x66), None),
        };
        self.release(inst);
        let to = if self.asm.evex { self.mask(to)? } else { self.result(to) };
        self.asm.vex(Form { imm, ..Form::new(op, size, to, a) }, b);
        Ok(())
    }

    /// Choices by a mask.
    fn choose(&mut self, inst: &Inst) -> Result<(), String> {
        let [Some(mask), Some(x), y] = inst.args else { return Err("an operand is missing".into()) };
        let size = size(inst.width);
        if !self.asm.evex {
            let m = self.register(mask);
            let Some(y) = y else {
                let x = self.operand(x);
                self.three(inst, bin(Bin::And), m, x);
                return Ok(());
            };
            let b = self.register(y);
            let a = self.operand(x);
            self.release(inst);
            let to = self.to(inst);
            self.asm.vex(Form::new(Op(3, 1, 0, 0x4a), size, to, b).imm(m << 4), a);
            return Ok(());
        }
        let m = self.places[mask.0 as usize].reg.ok_or("a mask was lost")?;
        if let Some(y) = y {
            let b = self.register(y);
            let a = self.operand(x);
            self.release(inst);
            let to = self.to(inst);
            self.asm.vex(Form::new(Op(2, 1, 0, 0x65), size, to, b).mask(m, false), a);
            return Ok(());
        }
        let a = self.operand(x);
        self.release(inst);
        let to = self.to(inst);
        let form = match a {
            // Words of the pool are spread as they are loaded.
            Rm::Word(_) => Form::new(Op(2, 1, 0, 0x18), size, to, 0).bytes(4),
            _ => Form::new(Op(1, 0, 0, 0x28 - 0x18 * u8::from(!matches!(a, Rm::Reg(_)))), size, to, 0),
        };
        let a = if let Rm::Word(entry) = a { Rm::Vector(entry) } else { a };
        self.asm.vex(form.mask(m, true), a);
        Ok(())
    }

    /// A choice that a jump leaves out while the mask holds nowhere, so that nothing waits for what would be chosen.
    fn seldom(&mut self, inst: &Inst) -> Result<(), String> {
        let [Some(mask), Some(x), Some(y)] = inst.args else { return Err("an operand is missing".into()) };
        let (to, size, evex) = (inst.to.ok_or("no result")?, size(inst.width), self.asm.evex);
        let m = if evex { self.places[mask.0 as usize].reg.ok_or("a mask was lost")? } else { self.register(mask) };
        let (b, a) = (self.register(y), self.operand(x));
        let taken = |reg: u8| matches!(a, Rm::Reg(r) if r == reg) || !evex && m == reg;
        let reg = match self.wished[to.0 as usize] {
            Some(reg) if taken(reg) => return self.choose(inst),
            Some(reg) => {
                self.places[to.0 as usize].reg = Some(reg);
                reg
            }
            None if self.carried >> b & 1 == 0 && self.next_use(y) == NEVER && !taken(b) => {
                self.release(inst);
                self.claim(to, b)
            }
            None => {
                let reg = self.take();
                self.places[to.0 as usize].reg = Some(reg);
                self.held[reg as usize] = Some(to);
                reg
            }
        };
        self.copy(reg, b);
        if evex {
            self.asm.bytes.extend([0xc5, 0xf8, 0x98, 0xc0 | m << 3 | m]); // kortestw
        } else {
            self.asm.vex(Form::new(Op(2, 1, 0, 0x0e), size, m, 0), Rm::Reg(m)); // vtestps
        }
        self.asm.bytes.extend([0x74, 0]); // je
        let start = self.asm.bytes.len();
        match a {
            _ if !evex => self.asm.vex(Form::new(Op(3, 1, 0, 0x4a), size, reg, reg).imm(m << 4), a),
            Rm::Word(_) => self.asm.vex(Form::new(Op(2, 1, 0, 0x18), size, reg, 0).bytes(4).mask(m, false), a),
            Rm::Reg(_) => self.asm.vex(Form::new(Op(1, 0, 0, 0x28), size, reg, 0).mask(m, false), a),
            _ => self.asm.vex(Form::new(Op(1, 0, 0, 0x10), size, reg, 0).mask(m, false), a),
        }
        self.asm.bytes[start - 1] = (self.asm.bytes.len() - start) as u8;
        self.release(inst);
        Ok(())
    }

    /// `x * y + z` and its kin: the result replaces one of the three, best one that nobody needs any more.
    fn fma(&mut self, inst: &Inst, sign: Sign) -> Result<(), String> {
        let by = match sign {
            Sign::Plus => 0,
            Sign::Less => 2,
            Sign::Away => 4,
        };
        let [Some(x), Some(y), Some(z)] = inst.args else { return Err("an operand is missing".into()) };
        let to = inst.to.ok_or("no result")?;
        let size = size(inst.width);
        let dies = |s: &Self, v: Val| {
            let reg = s.places[v.0 as usize].reg;
            reg.filter(|r| s.carried >> r & 1 == 0 && s.next_use(v) == NEVER)
        };
        let a = self.register(x);
        let wished = self.wished[to.0 as usize];
        // x * y + x and the like need no thought when z is copied first.
        let constant = self.m.values[z.0 as usize] != Known::Vector && self.places[z.0 as usize].reg.is_none();
        let plain = x != z && y != z;
        let gives = |s: &Self, v: Val| match wished {
            Some(reg) => s.places[v.0 as usize].reg == Some(reg),
            None => dies(s, v).is_some(),
        };
        let x_goes = plain && x != y && gives(self, x);
        let z_goes = plain && gives(self, z);
        if x_goes && !z_goes {
            // The factor x is replaced; y or z may be memory.
            let (op, with, rm) = if constant {
                (0xa8, self.register(y), self.operand(z))
            } else {
                let with = self.register(z);
                (0x98, with, self.term(y))
            };
            self.release(inst);
            let reg = self.claim(to, a);
            self.asm.vex(Form::new(Op(2, 1, 0, op + by), size, reg, with), rm);
            return Ok(());
        }
        let c = self.register(z);
        let b = self.term(y);
        let reg = if z_goes || constant && wished.is_none() {
            self.release(inst);
            self.claim(to, c)
        } else {
            // A new register, apart from those that are still read.
            let clash = |r: u8| r == a || matches!(b, Rm::Reg(y) if y == r);
            match wished.filter(|r| !clash(*r)) {
                Some(reg) => {
                    self.places[to.0 as usize].reg = Some(reg);
                    self.copy(reg, c);
                    self.release(inst);
                    reg
                }
                None => {
                    let reg = self.take();
                    self.copy(reg, c);
                    self.release(inst);
                    if wished.is_none() {
                        self.places[to.0 as usize].reg = Some(reg);
                        self.held[reg as usize] = Some(to);
                    }
                    reg
                }
            }
        };
        self.asm.vex(Form::new(Op(2, 1, 0, 0xb8 + by), size, reg, a), b);
        if let Some(wish) = wished
            && reg != wish
        {
            self.copy(wish, reg);
            self.places[to.0 as usize].reg = Some(wish);
        }
        Ok(())
    }

    /// Gives a result the register of an operand that was let go, unless it must go elsewhere.
    fn claim(&mut self, to: Val, reg: u8) -> u8 {
        if let Some(wished) = self.wished[to.0 as usize] {
            self.places[to.0 as usize].reg = Some(wished);
            return wished;
        }
        self.places[to.0 as usize].reg = Some(reg);
        self.held[reg as usize] = Some(to);
        reg
    }
}

fn bin(op: Bin) -> Op {
    match op {
        Bin::Add => Op(1, 0, 0, 0x58),
        Bin::Sub => Op(1, 0, 0, 0x5c),
        Bin::Mul => Op(1, 0, 0, 0x59),
        Bin::Div => Op(1, 0, 0, 0x5e),
        Bin::Min => Op(1, 0, 0, 0x5d),
        Bin::Max => Op(1, 0, 0, 0x5f),
        Bin::And => Op(1, 1, 0, 0xdb),
        Bin::Or => Op(1, 1, 0, 0xeb),
        Bin::Xor => Op(1, 1, 0, 0xef),
        Bin::Iadd => Op(1, 1, 0, 0xfe),
        Bin::Isub => Op(1, 1, 0, 0xfa),
        Bin::Imul => Op(2, 1, 0, 0x40),
    }
}
