//! Registers for a straight line of code, and the code itself.
//!
//! The body of a loop has no branches, so it is known of every value where it is needed next. Going through the list once, a
//! value that has no register left is put aside that is needed latest (Belady 1966): to the stack, or nowhere if memory has it
//! anyway. What the loop carries has a register of its own, as long as there are enough; the rest stays in memory. The value that
//! goes on to the next round is computed right into that register where nobody needs the old one any more.

use super::asm::{Asm, Code as Op, Form, Mem, Rm, gpr};
use super::{Code, Inst, Known, X86};
use crate::codegen::emit::{Bin, Cmp, Shift, Un, Val};
use crate::codegen::machine::{At, Back, Base, Pointer, RingAt, Shape};
use crate::exec::{Quantum, RingPtr};
use crate::graph::QUANTUM;
use std::mem::{offset_of, size_of};

/// A position after every instruction: the end of the round.
const END: u32 = u32::MAX - 1;
/// Never needed again.
const NEVER: u32 = u32::MAX;

/// Where a value is.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// In a vector register (or mask register, for a mask).
    reg: Option<u8>,
    /// In a slot of the stack.
    slot: Option<i32>,
    /// In memory that does not change while the value is needed.
    home: Option<(At, Code, u32)>,
}

struct Alloc<'a> {
    m: &'a X86,
    asm: Asm,
    shape: Shape,
    places: Vec<Place>,
    /// Where each value is needed, last first.
    uses: Vec<Vec<u32>>,
    /// What each register holds.
    held: [Option<Val>; 32],
    /// Registers that are not given away: of what is carried, and of the instruction at hand.
    carried: u32,
    busy: u32,
    count: u8,
    masks: [Option<Val>; 8],
    /// The register that a value must be computed into.
    wished: Vec<Option<u8>>,
    slots: i32,
    position: u32,
}

/// The machine code of a region. `Err` if it needs more masks or carries more than there are registers.
pub fn code(m: &X86) -> Result<Vec<u8>, String> {
    let shape = m.shape.ok_or("a region without a loop")?;
    let n = m.values.len();
    let count = if m.masks() { 32 } else { 16 };
    if m.carried.len() > count as usize * 2 / 3 && m.carried.iter().any(|(carry, _)| carry.last > 0) {
        return Err("more is carried than there are registers".into());
    }
    let mut alloc = Alloc {
        m,
        asm: Asm::new(m.masks()),
        shape,
        places: vec![Place::default(); n],
        uses: vec![Vec::new(); n],
        held: [None; 32],
        carried: 0,
        busy: 0,
        count,
        masks: [None; 8],
        wished: vec![None; n],
        slots: m.pointers.len() as i32 * 8,
        position: 0,
    };
    alloc.region()?;
    Ok(alloc.asm.finish())
}

/// 0, 1, 2: 128, 256, 512 bits.
fn size(width: u32) -> u8 {
    match width {
        16 => 2,
        8 => 1,
        _ => 0,
    }
}

impl Alloc<'_> {
    // ---- the whole ----

    fn region(&mut self) -> Result<(), String> {
        let live = self.find_uses();
        let kept = self.choose_carried(&live);
        self.asm.bytes.extend([0x53, 0x55]); // push rbx, rbp
        self.asm.constant(5, gpr::RSP, 0);
        let frame = self.asm.bytes.len() - 4;
        self.asm.load(gpr::RSI, Mem::at(gpr::RDI, offset_of!(Quantum, state) as i32));
        self.asm.load(gpr::RDX, Mem::at(gpr::RDI, offset_of!(Quantum, buffers) as i32));
        for (i, pointer) in self.m.pointers.iter().enumerate() {
            self.pointer(*pointer);
            self.asm.save(gpr::RAX, Mem::at(gpr::RSP, i as i32 * 8));
        }
        self.asm.narrow(0x31, gpr::R9, Rm::Reg(gpr::R9)); // xor
        let groups = self.asm.bytes.len();
        self.asm.wide(0x8d, gpr::RBX, Rm::Mem(Mem { base: gpr::RDX, index: Some((gpr::R9, 1)), disp: 0 }));
        self.asm.wide(0x8d, gpr::RBP, Rm::Mem(Mem { base: gpr::RSI, index: Some((gpr::R9, 1)), disp: 0 }));
        for &k in &kept {
            let (carry, value) = self.m.carried[k];
            let reg = self.places[value.0 as usize].reg.unwrap_or(0);
            let code = if carry.last > 0 { Code::Repeat(carry.last) } else { Code::Load };
            self.load(code, carry.width, reg, carry.at);
        }
        self.asm.narrow(0x31, gpr::RCX, Rm::Reg(gpr::RCX));
        self.asm.narrow(0x31, gpr::R8, Rm::Reg(gpr::R8));
        let head = self.asm.bytes.len();
        for (i, inst) in self.m.insts.iter().enumerate() {
            if live[i] {
                self.position = i as u32;
                self.inst(inst)?;
            }
        }
        self.position = END;
        self.carry_on(&kept);
        let step = self.shape.step as i32 * 4;
        self.asm.constant(0, gpr::RCX, step);
        self.asm.constant(0, gpr::R8, step * self.shape.pad as i32);
        self.asm.constant(7, gpr::RCX, QUANTUM as i32 * 4);
        self.asm.loop_back(head);
        for &k in &kept {
            self.leave(k);
        }
        if let Some((step, all)) = self.shape.groups {
            self.asm.constant(0, gpr::R9, step as i32 * 4);
            self.asm.constant(7, gpr::R9, all as i32 * 4);
            self.asm.loop_back(groups);
        }
        let slots = (self.slots + 15) & !15;
        self.asm.bytes[frame..frame + 4].copy_from_slice(&slots.to_le_bytes());
        self.asm.constant(0, gpr::RSP, slots);
        self.asm.bytes.extend([0xc5, 0xf8, 0x77, 0x5d, 0x5b, 0xc3]); // vzeroupper; pop rbp, rbx; ret
        Ok(())
    }

    /// Which instructions are needed, and where each value is.
    fn find_uses(&mut self) -> Vec<bool> {
        let mut live = vec![false; self.m.insts.len()];
        for &next in &self.m.next {
            self.uses[next.0 as usize].push(END);
        }
        for (i, inst) in self.m.insts.iter().enumerate().rev() {
            live[i] = inst.to.is_none_or(|to| !self.uses[to.0 as usize].is_empty());
            if live[i] {
                for arg in inst.args.iter().flatten() {
                    self.uses[arg.0 as usize].push(i as u32);
                }
            }
        }
        live
    }

    /// Gives what is carried its registers; those that get one.
    fn choose_carried(&mut self, live: &[bool]) -> Vec<usize> {
        let most = self.count as usize * 2 / 3;
        let mut kept = Vec::new();
        let carried = &self.m.carried;
        for (k, (carry, value)) in carried.iter().enumerate() {
            let place = &mut self.places[value.0 as usize];
            if k < most {
                place.reg = Some(kept.len() as u8);
                self.held[kept.len()] = Some(*value);
                self.carried |= 1 << kept.len();
                kept.push(k);
            } else {
                place.home = Some((carry.at, Code::Load, carry.width));
            }
        }
        for &k in &kept {
            let (_, old) = carried[k];
            let next = self.m.next[k];
            let Some(def) = self.m.insts.iter().position(|inst| inst.to == Some(next)) else { continue };
            // Uses are listed last first.
            let last = self.uses[old.0 as usize].first().copied().unwrap_or(0);
            let several = self.m.insts[def].code == Code::Gather || matches!(self.m.insts[def].code, Code::ShiftIn(_));
            let free = if several { last < def as u32 } else { last <= def as u32 };
            if live[def] && free && self.wished[next.0 as usize].is_none() {
                self.wished[next.0 as usize] = self.places[old.0 as usize].reg;
            }
        }
        kept
    }

    /// Brings what goes on to where the next round expects it.
    fn carry_on(&mut self, kept: &[usize]) {
        // What stays in memory: old values that go on under another name are saved before theirs is overwritten.
        let in_memory: Vec<usize> = (0..self.m.carried.len()).filter(|k| !kept.contains(k)).collect();
        for k in 0..self.m.carried.len() {
            let next = self.m.next[k];
            let place = self.places[next.0 as usize];
            if place.slot.is_none() && in_memory.iter().any(|&k| self.m.carried[k].1 == next) {
                self.busy = 0;
                let reg = self.register(next);
                self.save(next, reg);
            }
        }
        for &k in &in_memory {
            let (carry, _) = self.m.carried[k];
            self.busy = 0;
            let reg = self.register(self.m.next[k]);
            self.store(reg, carry.width, carry.at);
        }
        let mut moves: Vec<(u8, u8)> = Vec::new();
        let mut loads: Vec<(u8, Val)> = Vec::new();
        for &k in kept {
            let (_, old) = self.m.carried[k];
            let to = self.places[old.0 as usize].reg.unwrap_or(0);
            let next = self.m.next[k];
            match self.places[next.0 as usize].reg {
                Some(from) if from == to => {}
                Some(from) => moves.push((to, from)),
                None => loads.push((to, next)),
            }
        }
        let whole = size(self.m.full);
        let mut late: Vec<(u8, Mem)> = Vec::new();
        while !moves.is_empty() {
            let free = |i: &usize| !moves.iter().any(|(_, from)| *from == moves[*i].0);
            if let Some(i) = (0..moves.len()).find(free) {
                let (to, from) = moves.remove(i);
                self.copy(to, from);
            } else {
                // A ring of moves: one of them goes by the stack.
                let (to, from) = moves.remove(0);
                let slot = self.slot();
                self.asm.vex(Form::new(Op(1, 0, 0, 0x11), whole, from, 0), Rm::Mem(slot));
                late.push((to, slot));
            }
        }
        for (to, value) in loads {
            self.fetch(value, to);
        }
        for (to, slot) in late {
            self.asm.vex(Form::new(Op(1, 0, 0, 0x10), whole, to, 0), Rm::Mem(slot));
        }
    }

    /// Stores what was carried where it is kept.
    fn leave(&mut self, k: usize) {
        let (carry, value) = self.m.carried[k];
        let reg = self.places[value.0 as usize].reg.unwrap_or(0);
        if carry.last == 0 {
            return self.store(reg, carry.width, carry.at);
        }
        // The last words of the vector, by the stack.
        let slot = self.slot();
        self.asm.vex(Form::new(Op(1, 0, 0, 0x11), size(self.m.full), reg, 0), Rm::Mem(slot));
        for i in 0..carry.last as i32 {
            let from = Mem { disp: slot.disp + (self.m.full as i32 - carry.last as i32 + i) * 4, ..slot };
            self.asm.narrow(0x8b, gpr::RAX, Rm::Mem(from));
            let to = self.address(carry.at.plus(i as usize));
            self.asm.narrow(0x89, gpr::RAX, Rm::Mem(to));
        }
    }

    fn slot(&mut self) -> Mem {
        self.slots += 64;
        Mem::at(gpr::RSP, self.slots - 64)
    }

    // ---- registers ----

    /// Where a value is needed next, after the instruction at hand.
    fn next_use(&self, x: Val) -> u32 {
        let (uses, here) = (&self.uses[x.0 as usize], self.position);
        // At the end of the round, what goes on is still needed.
        let later = uses.partition_point(|&u| u > here || u == END);
        later.checked_sub(1).map_or(NEVER, |i| uses[i])
    }

    /// A register for the instruction at hand; what was in it is put aside.
    fn take(&mut self) -> u8 {
        let taken = self.carried | self.busy;
        let free = (0..self.count).find(|&r| taken >> r & 1 == 0 && self.held[r as usize].is_none());
        let reg = free.unwrap_or_else(|| {
            let latest = |&r: &u8| self.held[r as usize].map_or(NEVER, |x| self.next_use(x));
            let reg = (0..self.count).filter(|r| taken >> r & 1 == 0).max_by_key(latest).unwrap_or(self.count - 1);
            if let Some(x) = self.held[reg as usize] {
                self.put_aside(x, reg);
            }
            reg
        });
        self.busy |= 1 << reg;
        reg
    }

    fn put_aside(&mut self, x: Val, reg: u8) {
        let place = self.places[x.0 as usize];
        if place.slot.is_none() && place.home.is_none() && self.next_use(x) != NEVER {
            self.save(x, reg);
        }
        self.places[x.0 as usize].reg = None;
        self.held[reg as usize] = None;
    }

    fn save(&mut self, x: Val, reg: u8) {
        let slot = self.slot();
        self.asm.vex(Form::new(Op(1, 0, 0, 0x11), size(self.m.full), reg, 0), Rm::Mem(slot));
        self.places[x.0 as usize].slot = Some(slot.disp);
    }

    /// Loads a value that is in no register.
    fn fetch(&mut self, x: Val, reg: u8) {
        let whole = size(self.m.full);
        match &self.m.values[x.0 as usize] {
            Known::Word(word) => {
                let entry = self.asm.word(*word);
                let form = Form::new(Op(2, 1, 0, 0x18), whole, reg, 0).bytes(4);
                self.asm.vex(form, Rm::Vector(entry));
            }
            Known::Words(words) => {
                let entry = self.asm.vector(words);
                self.asm.vex(Form::new(Op(1, 0, 0, 0x10), whole, reg, 0), Rm::Vector(entry));
            }
            Known::Vector | Known::Mask => {
                let place = self.places[x.0 as usize];
                if let Some(slot) = place.slot {
                    let mem = Rm::Mem(Mem::at(gpr::RSP, slot));
                    self.asm.vex(Form::new(Op(1, 0, 0, 0x10), whole, reg, 0), mem);
                } else if let Some((at, code, width)) = place.home {
                    self.load(code, width, reg, at);
                }
            }
        }
    }

    /// The register of a value, which it stays in for the instruction at hand.
    fn register(&mut self, x: Val) -> u8 {
        if let Some(reg) = self.places[x.0 as usize].reg {
            self.busy |= 1 << reg;
            return reg;
        }
        let reg = self.take();
        self.fetch(x, reg);
        if self.m.values[x.0 as usize] == Known::Vector {
            self.places[x.0 as usize].reg = Some(reg);
            self.held[reg as usize] = Some(x);
        }
        reg
    }

    /// A value as the operand that may be memory.
    fn operand(&mut self, x: Val) -> Rm {
        match &self.m.values[x.0 as usize] {
            Known::Word(word) => Rm::Word(self.asm.word(*word)),
            Known::Words(words) => Rm::Vector(self.asm.vector(words)),
            Known::Vector | Known::Mask => match self.places[x.0 as usize] {
                Place { reg: None, slot: Some(slot), .. } if self.next_use(x) == NEVER => {
                    Rm::Mem(Mem::at(gpr::RSP, slot))
                }
                _ => Rm::Reg(self.register(x)),
            },
        }
    }

    /// Lets go of operands that nobody needs any more.
    fn release(&mut self, inst: &Inst) {
        for &x in inst.args.iter().flatten() {
            if self.next_use(x) != NEVER {
                continue;
            }
            match self.m.values[x.0 as usize] {
                Known::Mask => {
                    if let Some(mask) = self.places[x.0 as usize].reg.take() {
                        self.masks[mask as usize] = None;
                    }
                }
                _ => {
                    if let Some(reg) = self.places[x.0 as usize].reg
                        && self.carried >> reg & 1 == 0
                    {
                        self.places[x.0 as usize].reg = None;
                        self.held[reg as usize] = None;
                        self.busy &= !(1 << reg);
                    }
                }
            }
        }
    }

    /// A register for the result of the instruction at hand.
    fn result(&mut self, to: Val) -> u8 {
        let wished = self.wished[to.0 as usize];
        let reg = wished.unwrap_or_else(|| self.take());
        self.places[to.0 as usize].reg = Some(reg);
        if wished.is_none() {
            self.held[reg as usize] = Some(to);
        }
        reg
    }

    fn mask(&mut self, to: Val) -> Result<u8, String> {
        let free = (1..8).find(|&k| self.masks[k].is_none()).ok_or("too many masks at once")?;
        self.masks[free] = Some(to);
        self.places[to.0 as usize].reg = Some(free as u8);
        Ok(free as u8)
    }

    fn copy(&mut self, to: u8, from: u8) {
        if to != from {
            self.asm.vex(Form::new(Op(1, 0, 0, 0x28), size(self.m.full), to, 0), Rm::Reg(from));
        }
    }

    // ---- memory ----

    fn address(&mut self, at: At) -> Mem {
        let moves = at.grouped && self.shape.groups.is_some();
        let base = match at.base {
            Base::State if moves => gpr::RBP,
            Base::State => gpr::RSI,
            Base::Buffers if moves => gpr::RBX,
            Base::Buffers => gpr::RDX,
            Base::Quantum => gpr::RDI,
            Base::Ptr(p) => {
                self.asm.load(gpr::R11, Mem::at(gpr::RSP, p.0 as i32 * 8));
                if moves {
                    self.asm.wide(0x03, gpr::R11, Rm::Reg(gpr::R9));
                }
                gpr::R11
            }
        };
        let index = match at.frame {
            0 => None,
            n if n <= 8 => Some((gpr::RCX, n as u8)),
            n if n == self.shape.pad => Some((gpr::R8, 1)),
            n => {
                self.asm.multiply(gpr::R10, gpr::RCX, n as i32);
                Some((gpr::R10, 1))
            }
        };
        Mem { base, index, disp: at.word * 4 }
    }

    /// A load, a spread or a repeat into a register.
    fn load(&mut self, code: Code, width: u32, reg: u8, at: At) {
        let mem = Rm::Mem(self.address(at));
        let size = size(width);
        let w = u8::from(self.asm.evex);
        let form = match code {
            Code::Load => return self.words(0x10, reg, width, mem),
            Code::Spread | Code::Repeat(1) => Form::new(Op(2, 1, 0, 0x18), size, reg, 0).bytes(4),
            Code::Repeat(2) => Form::new(Op(2, 1, w, 0x19), size, reg, 0).bytes(8),
            Code::Repeat(4) => Form::new(Op(2, 1, 0, 0x1a), size, reg, 0).bytes(16),
            _ => Form::new(Op(2, 1, 0, 0x1b), size, reg, 0).bytes(32),
        };
        self.asm.vex(form, mem);
    }

    fn store(&mut self, reg: u8, width: u32, at: At) {
        let mem = Rm::Mem(self.address(at));
        self.words(0x11, reg, width, mem);
    }

    /// Moves `width` words between a register and memory.
    fn words(&mut self, op: u8, reg: u8, width: u32, mem: Rm) {
        let w = u8::from(self.asm.evex);
        let form = match width {
            1 => Form::new(Op(1, 2, 0, op), 0, reg, 0).bytes(4),
            2 => Form::new(Op(1, 3, w, op), 0, reg, 0).bytes(8),
            _ => Form::new(Op(1, 0, 0, op), size(width), reg, 0),
        };
        self.asm.vex(form, mem);
    }

    /// Leaves a pointer in RAX.
    fn pointer(&mut self, pointer: Pointer) {
        let table = |field: usize| Mem::at(gpr::RDI, field as i32);
        let entry = |i: u32, bytes: usize| Mem::at(gpr::RAX, (i as usize * bytes) as i32);
        match pointer {
            Pointer::Params => self.asm.load(gpr::RAX, table(offset_of!(Quantum, params))),
            Pointer::Row(r) => {
                self.asm.load(gpr::RAX, table(offset_of!(Quantum, rows)));
                self.asm.load(gpr::RAX, entry(r, 8));
            }
            Pointer::Input(c) => {
                self.asm.load(gpr::RAX, table(offset_of!(Quantum, inputs)));
                self.asm.load(gpr::RAX, entry(c, 8));
            }
            Pointer::Ring { ring, mask, stride, at } => {
                self.asm.load(gpr::RAX, table(offset_of!(Quantum, rings)));
                let field = match at {
                    RingAt::Start | RingAt::Back(_) => offset_of!(RingPtr, read),
                    RingAt::Head | RingAt::Mirror => offset_of!(RingPtr, write),
                };
                let place = Mem::at(gpr::RAX, (ring as usize * size_of::<RingPtr>() + field) as i32);
                self.asm.load(gpr::RAX, place);
                if at != RingAt::Start {
                    self.in_ring(at, mask as i32, stride as i32);
                }
            }
        }
    }

    /// Adds to RAX, a ring's base, the place of a frame.
    fn in_ring(&mut self, at: RingAt, mask: i32, stride: i32) {
        if let RingAt::Back(Back::Word { word, least, most }) = at {
            let float = |s: &mut Self, op: Op, rm: Rm| s.asm.vex(Form::new(op, 0, 0, 0).bytes(4), rm);
            let [least, most] = [least, most].map(|n| Rm::Vector(self.asm.word((n as f32).to_bits())));
            float(self, Op(1, 2, 0, 0x10), Rm::Mem(Mem::at(gpr::RDX, word as i32 * 4)));
            float(self, Op(1, 2, 0, 0x5f), least);
            float(self, Op(1, 2, 0, 0x5d), most);
            self.asm.vex(Form::new(Op(1, 2, 0, 0x2c), 0, gpr::R11, 0), Rm::Reg(0)); // to integer
        }
        self.asm.narrow(0x8b, gpr::R10, Rm::Mem(Mem::at(gpr::RDI, offset_of!(Quantum, frame) as i32)));
        match at {
            RingAt::Back(Back::Frames(n)) => self.asm.constant32(5, gpr::R10, n as i32),
            RingAt::Back(Back::Word { .. }) => self.asm.narrow(0x2b, gpr::R10, Rm::Reg(gpr::R11)),
            _ => {}
        }
        self.asm.constant32(4, gpr::R10, mask);
        if at == RingAt::Mirror {
            // The first quantum stands again behind the last.
            self.asm.narrow(0x8b, gpr::R11, Rm::Reg(gpr::R10));
            self.asm.constant32(0, gpr::R11, mask + 1);
            self.asm.narrow(0x85, gpr::R10, Rm::Reg(gpr::R10)); // test
            self.asm.bytes.extend([0x4d, 0x0f, 0x44, 0xd3]); // r10 = r11 if zero
        }
        self.asm.multiply(gpr::R10, gpr::R10, stride);
        self.asm.wide(0x03, gpr::RAX, Rm::Reg(gpr::R10)); // add
    }

    // ---- instructions ----

    fn inst(&mut self, inst: &Inst) -> Result<(), String> {
        self.busy = 0;
        let size = size(inst.width);
        let arg = |i: usize| inst.args[i].ok_or("an operand is missing");
        let evex = self.asm.evex;
        match inst.code {
            Code::Bin(op) => {
                let a = self.register(arg(0)?);
                let b = self.operand(arg(1)?);
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
            Code::Fma => self.fma(inst)?,
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
                } else {
                    // The upper half of what was and the lower of what is; then words across each border.
                    let form = Form::new(Op(3, 1, 0, 0x06), size, to, before).imm(0x21);
                    self.asm.vex(form, Rm::Reg(now));
                    if by < 4 {
                        let form = Form::new(Op(3, 1, 0, 0x0f), size, to, now).imm(16 - 4 * by as u8);
                        self.asm.vex(form, Rm::Reg(to));
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

    /// `x * y + z`: the result replaces one of the three, best one that nobody needs any more.
    fn fma(&mut self, inst: &Inst) -> Result<(), String> {
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
        let constant = self.m.values[z.0 as usize] != Known::Vector;
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
                (0x98, with, self.operand(y))
            };
            self.release(inst);
            let reg = self.claim(to, a);
            self.asm.vex(Form::new(Op(2, 1, 0, op), size, reg, with), rm);
            return Ok(());
        }
        let c = self.register(z);
        let b = self.operand(y);
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
        self.asm.vex(Form::new(Op(2, 1, 0, 0xb8), size, reg, a), b);
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
