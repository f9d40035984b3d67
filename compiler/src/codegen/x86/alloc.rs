//! Registers for a straight line of code, and the code itself.
//!
//! The body of a loop has no branches, so it is known of every value where it is needed next. Going through the list once, a
//! value that has no register left is put aside that is needed latest (Belady 1966): to the stack, or nowhere if memory has it
//! anyway. What the loop carries has a register of its own, as long as there are enough; the rest stays in memory. The value that
//! goes on to the next round is computed right into that register where nobody needs the old one any more.

use super::asm::{Asm, Code as Op, Form, Mem, Rm, Written, gpr};
use super::content::{Content, Place as Memory};
use super::{Code, Inst, Known, X86};
use crate::codegen::emit::Val;
use crate::codegen::machine::{At, Back, Base, Pointer, RingAt, Shape};
use crate::exec::{Quantum, RingPtr};
use crate::graph::QUANTUM;
use std::mem::offset_of;

/// A position after every instruction: the end of the round.
const END: u32 = u32::MAX - 1;
/// Never needed again.
pub(super) const NEVER: u32 = u32::MAX;

/// Where a value is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// In a vector register (or mask register, for a mask).
    pub(super) reg: Option<u8>,
    /// In a slot of the stack.
    pub(super) slot: Option<i32>,
    /// In memory that does not change while the value is needed.
    pub(super) home: Option<(At, Code, u32)>,
}

/// The state of the walk through the list.
pub(super) struct Alloc<'a> {
    pub(super) m: &'a X86,
    content: &'a Content,
    pub(super) asm: Asm,
    pub(super) shape: Shape,
    pub(super) places: Vec<Place>,
    /// Where each value is needed, last first.
    pub(super) uses: Vec<Vec<u32>>,
    /// What each register holds.
    pub(super) held: [Option<Val>; 32],
    /// Registers that are not given away: of what is carried, and of the instruction at hand.
    pub(super) carried: u32,
    pub(super) busy: u32,
    pub(super) count: u8,
    pub(super) masks: [Option<Val>; 8],
    /// The register that a value must be computed into.
    pub(super) wished: Vec<Option<u8>>,
    pub(super) slots: i32,
    pub(super) position: u32,
}

/// The machine code of a region whose places are numbered by its content. `Err` if it needs more masks or carries more than there
/// are registers.
pub fn code(m: &X86, content: &Content) -> Result<Written, String> {
    // Without a loop it is one round.
    let shape = m.shape.unwrap_or(Shape { step: QUANTUM as u32, pad: 1, groups: None });
    let n = m.values.len();
    let count = if m.masks() { 32 } else { 16 };
    if m.carried.len() > count as usize * 2 / 3 && m.carried.iter().any(|(carry, _)| carry.last > 0) {
        return Err("more is carried than there are registers".into());
    }
    let mut alloc = Alloc {
        m,
        content,
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
pub(super) fn size(width: u32) -> u8 {
    match width {
        16 => 2,
        8 => 1,
        _ => 0,
    }
}

impl Alloc<'_> {
    // ---- the whole ----

    fn region(&mut self) -> Result<(), String> {
        let mut live = self.find_uses();
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
        if self.shape.groups.is_some() {
            for (group, all) in [(gpr::RBX, gpr::RDX), (gpr::RBP, gpr::RSI)] {
                self.asm.wide(0x8d, group, Rm::Mem(Mem { index: Some((gpr::R9, 1)), ..Mem::at(all, 0) }));
            }
        }
        for &k in &kept {
            let (carry, value) = self.m.carried[k];
            let reg = self.places[value.0 as usize].reg.unwrap_or(0);
            let code = if carry.last > 0 { Code::Repeat(carry.last) } else { Code::Load };
            self.load(code, carry.width, reg, carry.at);
        }
        self.settle(&mut live, kept.len());
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
        if step < QUANTUM as i32 * 4 {
            self.asm.constant(0, gpr::RCX, step);
            self.asm.constant(0, gpr::R8, step * self.shape.pad as i32);
            self.asm.constant(7, gpr::RCX, QUANTUM as i32 * 4);
            self.asm.loop_back(head);
        }
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
            let several = matches!(self.m.insts[def].code, Code::Gather | Code::Mix | Code::ShiftIn(_));
            let free = if several { last < def as u32 } else { last <= def as u32 };
            if live[def] && free && self.wished[next.0 as usize].is_none() {
                self.wished[next.0 as usize] = self.places[old.0 as usize].reg;
            }
        }
        kept
    }

    /// Fills registers that a loop frame by frame leaves free with what stays the same in all its rounds, most needed first, since
    /// such loops read memory more often than it answers.
    fn settle(&mut self, live: &mut [bool], carried: usize) {
        if self.shape.step > 1 {
            return;
        }
        let insts = &self.m.insts;
        let same = |inst: &Inst| {
            let load = matches!(inst.code, Code::Load | Code::Spread | Code::Repeat(_));
            load && inst.at.is_some_and(|at| at.frame == 0 && at.base != Base::State)
        };
        // What is held at once besides: from where it is computed to where it is needed last.
        let mut ends = vec![0i32; insts.len() + 1];
        let mut still: Vec<(usize, Val, Option<usize>)> = Vec::new();
        for (i, inst) in insts.iter().enumerate().filter(|(i, _)| live[*i]) {
            let Some(to) = inst.to.filter(|to| self.m.values[to.0 as usize] == Known::Vector) else { continue };
            let uses = &self.uses[to.0 as usize];
            if same(inst) {
                still.push((uses.len(), to, Some(i)));
                continue;
            }
            ends[i] += 1;
            ends[(uses[0] as usize).min(insts.len())] -= 1;
        }
        let most = ends.iter().scan(0, |now, end| {
            *now += end;
            Some(*now)
        });
        // Three are for operands on their way.
        let used = carried + most.max().unwrap_or(0) as usize + 3;
        for (x, _) in self.m.values.iter().enumerate().filter(|(_, known)| matches!(known, Known::Word(_))) {
            still.push((self.uses[x].len(), Val(x as u32), None));
        }
        still.retain(|(uses, _, _)| *uses > 0);
        still.sort_by_key(|(uses, x, _)| (std::cmp::Reverse(*uses), x.0));
        for (reg, (_, x, load)) in
            (carried as u8..).zip(still.into_iter().take((self.count as usize).saturating_sub(used)))
        {
            match load.map(|i| (i, self.m.insts[i])) {
                Some((i, Inst { code, width, at: Some(at), .. })) => {
                    self.load(code, width, reg, at);
                    live[i] = false;
                }
                _ => self.fetch(x, reg),
            }
            self.places[x.0 as usize].reg = Some(reg);
            self.held[reg as usize] = Some(x);
            self.carried |= 1 << reg;
        }
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
            let to = self.address(carry.at);
            self.asm.narrow(0x89, gpr::RAX, Rm::Mem(Mem { disp: to.disp + i * 4, ..to }));
        }
    }

    fn slot(&mut self) -> Mem {
        self.slots += 64;
        Mem::at(gpr::RSP, self.slots - 64)
    }

    // ---- registers ----

    /// Where a value is needed next, after the instruction at hand.
    pub(super) fn next_use(&self, x: Val) -> u32 {
        let (uses, here) = (&self.uses[x.0 as usize], self.position);
        // At the end of the round, what goes on is still needed.
        let later = uses.partition_point(|&u| u > here || u == END);
        later.checked_sub(1).map_or(NEVER, |i| uses[i])
    }

    /// A register for the instruction at hand; what was in it is put aside.
    pub(super) fn take(&mut self) -> u8 {
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
    pub(super) fn fetch(&mut self, x: Val, reg: u8) {
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
    pub(super) fn register(&mut self, x: Val) -> u8 {
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

    /// True for a word in memory that an instruction of arithmetic can spread by itself (AVX-512).
    pub(super) fn waits(&self, x: Val) -> bool {
        let place = self.places[x.0 as usize];
        let spread = matches!(place.home, Some((_, Code::Spread, _)));
        self.asm.evex && spread && place.reg.is_none() && place.slot.is_none()
    }

    /// An operand of arithmetic.
    pub(super) fn term(&mut self, x: Val) -> Rm {
        match self.places[x.0 as usize].home {
            Some((at, _, _)) if self.waits(x) && self.next_use(x) == NEVER => Rm::Splat(self.address(at)),
            _ => self.operand(x),
        }
    }

    /// A value as the operand that may be memory.
    pub(super) fn operand(&mut self, x: Val) -> Rm {
        match &self.m.values[x.0 as usize] {
            Known::Word(word) if self.places[x.0 as usize].reg.is_none() => Rm::Word(self.asm.word(*word)),
            Known::Word(_) => Rm::Reg(self.register(x)),
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
    pub(super) fn release(&mut self, inst: &Inst) {
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
    pub(super) fn result(&mut self, to: Val) -> u8 {
        let wished = self.wished[to.0 as usize];
        let reg = wished.unwrap_or_else(|| self.take());
        self.places[to.0 as usize].reg = Some(reg);
        if wished.is_none() {
            self.held[reg as usize] = Some(to);
        }
        reg
    }

    pub(super) fn mask(&mut self, to: Val) -> Result<u8, String> {
        let free = (1..8).find(|&k| self.masks[k].is_none()).ok_or("too many masks at once")?;
        self.masks[free] = Some(to);
        self.places[to.0 as usize].reg = Some(free as u8);
        Ok(free as u8)
    }

    pub(super) fn copy(&mut self, to: u8, from: u8) {
        if to != from {
            self.asm.vex(Form::new(Op(1, 0, 0, 0x28), size(self.m.full), to, 0), Rm::Reg(from));
        }
    }

    // ---- memory ----

    pub(super) fn address(&mut self, at: At) -> Mem {
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
        match Memory::of(at, &self.m.pointers) {
            Some(place) => Mem { index, ..self.at_place(base, place) },
            None => Mem { index, ..Mem::at(base, at.word * 4) },
        }
    }

    /// A place behind a register.
    fn at_place(&self, base: u8, place: Memory) -> Mem {
        Mem::of(base, self.content.number(place))
    }

    /// A load, a spread or a repeat into a register.
    pub(super) fn load(&mut self, code: Code, width: u32, reg: u8, at: At) {
        let mem = Rm::Mem(self.address(at));
        let size = size(width);
        let w = u8::from(self.asm.evex);
        let form = match code {
            Code::Load => return self.words(0x10, reg, width, mem),
            Code::Spread | Code::Repeat(1) => Form::new(Op(2, 1, 0, 0x18), size, reg, 0).bytes(4),
            // Four lanes are spread by another instruction.
            Code::Repeat(2) if size == 0 => Form::new(Op(1, 3, w, 0x12), size, reg, 0).bytes(8),
            Code::Repeat(2) => Form::new(Op(2, 1, w, 0x19), size, reg, 0).bytes(8),
            Code::Repeat(4) => Form::new(Op(2, 1, 0, 0x1a), size, reg, 0).bytes(16),
            _ => Form::new(Op(2, 1, 0, 0x1b), size, reg, 0).bytes(32),
        };
        self.asm.vex(form, mem);
    }

    pub(super) fn store(&mut self, reg: u8, width: u32, at: At) {
        let mem = Rm::Mem(self.address(at));
        self.words(0x11, reg, width, mem);
    }

    /// Moves `width` words between a register and memory.
    pub(super) fn words(&mut self, op: u8, reg: u8, width: u32, mem: Rm) {
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
        match pointer {
            Pointer::Params => self.asm.load(gpr::RAX, table(offset_of!(Quantum, params))),
            Pointer::Row(r) => {
                self.asm.load(gpr::RAX, table(offset_of!(Quantum, rows)));
                let row = self.at_place(gpr::RAX, Memory::Row(r));
                self.asm.load(gpr::RAX, row);
            }
            Pointer::Input(c) => {
                self.asm.load(gpr::RAX, table(offset_of!(Quantum, inputs)));
                let input = self.at_place(gpr::RAX, Memory::Input(c));
                self.asm.load(gpr::RAX, input);
            }
            Pointer::Sample(s) => {
                self.asm.load(gpr::RAX, table(offset_of!(Quantum, samples)));
                let sample = self.at_place(gpr::RAX, Memory::Sample(s));
                self.asm.load(gpr::RAX, sample);
            }
            Pointer::Ring { ring, mask, stride, at } => {
                self.asm.load(gpr::RAX, table(offset_of!(Quantum, rings)));
                let field = match at {
                    RingAt::Start | RingAt::Back(_) => offset_of!(RingPtr, read),
                    RingAt::Head | RingAt::Mirror => offset_of!(RingPtr, write),
                };
                let entry = self.at_place(gpr::RAX, Memory::Ring(ring));
                self.asm.load(gpr::RAX, Mem { disp: field as i32, ..entry });
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
            let delay = self.at_place(gpr::RDX, Memory::Buffers(word as i32));
            float(self, Op(1, 2, 0, 0x10), Rm::Mem(delay));
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
}
