//! Encodings: the few dozen instructions that loops over vectors need, in VEX and in EVEX form.
//!
//! Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: 2.3 (VEX), 2.7 (EVEX) and the pages of each instruction.
//! Constants stand behind the code and are addressed relative to it; [`Asm::finish`] puts them there.

use rustc_hash::FxHashMap as HashMap;

/// General registers, by their numbers.
pub mod gpr {
    /// Scratch for addresses.
    pub const RAX: u8 = 0;
    /// Bytes of the frames that are done, in a value of one lane.
    pub const RCX: u8 = 1;
    /// Scratch words.
    pub const RDX: u8 = 2;
    /// Scratch words of the current group of lanes.
    pub const RBX: u8 = 3;
    /// The stack.
    pub const RSP: u8 = 4;
    /// State of the current group of lanes.
    pub const RBP: u8 = 5;
    /// State.
    pub const RSI: u8 = 6;
    /// The quantum.
    pub const RDI: u8 = 7;
    /// Bytes of the frames that are done, in a value of several lanes.
    pub const R8: u8 = 8;
    /// Bytes of the groups of lanes that are done.
    pub const R9: u8 = 9;
    /// Scratch for indices.
    pub const R10: u8 = 10;
    /// Scratch for indices.
    pub const R11: u8 = 11;
}

/// A place in memory.
#[derive(Clone, Copy, Debug)]
pub struct Mem {
    /// Register that it starts at.
    pub base: u8,
    /// Register that is added, times 1, 2, 4 or 8. A vector register in a gather.
    pub index: Option<(u8, u8)>,
    /// Bytes.
    pub disp: i32,
    /// A number of the list of places ([`super::content`]), whose bytes are added when the code is linked.
    pub place: Option<u32>,
}

impl Mem {
    /// Bytes behind a register.
    pub fn at(base: u8, disp: i32) -> Mem {
        Mem { base, index: None, disp, place: None }
    }

    /// At a place behind a register.
    pub fn of(base: u8, place: u32) -> Mem {
        Mem { place: Some(place), ..Mem::at(base, 0) }
    }
}

/// The operand that may be memory.
#[derive(Clone, Copy, Debug)]
pub enum Rm {
    /// A register.
    Reg(u8),
    /// Memory.
    Mem(Mem),
    /// One word of memory in every lane (EVEX only).
    Splat(Mem),
    /// A word of the pool in every lane.
    Word(u32),
    /// What the pool has there, as it is.
    Vector(u32),
}

/// What identifies an instruction: opcode map (1: 0F, 2: 0F38, 3: 0F3A), prefix (0, 1: 66, 2: F3, 3: F2), W, opcode.
#[derive(Clone, Copy, Debug)]
pub struct Code(pub u8, pub u8, pub u8, pub u8);

/// Everything of an instruction but its operand in memory.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What it is.
    pub code: Code,
    /// 0, 1, 2: 128, 256, 512 bits.
    pub size: u8,
    /// The register of the reg field.
    pub reg: u8,
    /// The register of the vvvv field; 0 if it has none.
    pub with: u8,
    /// An immediate byte.
    pub imm: Option<u8>,
    /// A mask register (EVEX).
    pub mask: u8,
    /// Lanes outside of the mask become 0.
    pub zero: bool,
    /// Bytes of memory that are touched: short displacements count in them (EVEX).
    pub bytes: i32,
}

impl Form {
    /// An instruction on full vectors.
    pub fn new(code: Code, size: u8, reg: u8, with: u8) -> Form {
        Form { code, size, reg, with, imm: None, mask: 0, zero: false, bytes: 16 << size }
    }

    /// With an immediate.
    pub fn imm(self, imm: u8) -> Form {
        Form { imm: Some(imm), ..self }
    }

    /// Under a mask.
    pub fn mask(self, mask: u8, zero: bool) -> Form {
        Form { mask, zero, ..self }
    }

    /// Touching so many bytes of memory.
    pub fn bytes(self, bytes: i32) -> Form {
        Form { bytes, ..self }
    }
}

/// Where a constant is needed: the end of the displacement, bytes that follow it, and the constant.
struct Fixup {
    at: usize,
    after: usize,
    entry: usize,
}

/// Four bytes of code to which the bytes of a place are added when it is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Where they begin.
    pub at: u32,
    /// Number of the place.
    pub place: u32,
}

/// Machine code that may lie anywhere, and leaves open where its memory is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The code.
    pub bytes: Vec<u8>,
    /// What is left open.
    pub patches: Vec<Patch>,
}

/// Machine code being written.
pub struct Asm {
    /// The code so far.
    pub bytes: Vec<u8>,
    /// EVEX forms, else VEX.
    pub evex: bool,
    pool: Vec<Vec<u32>>,
    known: HashMap<Vec<u32>, usize>,
    fixups: Vec<Fixup>,
    patches: Vec<Patch>,
}

impl Asm {
    /// No code yet.
    pub fn new(evex: bool) -> Asm {
        Asm {
            bytes: Vec::new(),
            evex,
            pool: Vec::new(),
            known: HashMap::default(),
            fixups: Vec::new(),
            patches: Vec::new(),
        }
    }

    fn entry(&mut self, words: Vec<u32>) -> usize {
        let next = self.pool.len();
        let entry = *self.known.entry(words.clone()).or_insert(next);
        if entry == next {
            self.pool.push(words);
        }
        entry
    }

    /// Adds a vector to the pool.
    pub fn vector(&mut self, words: &[u32]) -> u32 {
        let mut words = words.to_vec();
        words.resize(16, 0);
        self.entry(words) as u32
    }

    /// Adds a word to the pool, in every lane where an instruction cannot spread it.
    pub fn word(&mut self, word: u32) -> u32 {
        let words = if self.evex { vec![word] } else { vec![word; 8] };
        self.entry(words) as u32
    }

    /// A vector instruction.
    pub fn vex(&mut self, form: Form, rm: Rm) {
        let Form { code: Code(map, pp, w, op), size, reg, with, imm, mask, zero, bytes } = form;
        let (x, b, splat) = match rm {
            Rm::Reg(r) => (if self.evex { r >> 4 & 1 } else { 0 }, r >> 3 & 1, false),
            Rm::Mem(m) => (m.index.map_or(0, |(i, _)| i >> 3 & 1), m.base >> 3 & 1, false),
            Rm::Splat(m) => (m.index.map_or(0, |(i, _)| i >> 3 & 1), m.base >> 3 & 1, true),
            Rm::Word(_) => (0, 0, self.evex),
            Rm::Vector(_) => (0, 0, false),
        };
        let not = |bit: u8| (bit & 1) ^ 1;
        let top = not(reg >> 3) << 7 | not(x) << 6 | not(b) << 5;
        let low = !with & 15;
        if self.evex {
            // The fifth bit of a vector register used as an index shares the place of vvvv's.
            let gather = match rm {
                Rm::Mem(Mem { index: Some((i, _)), .. }) if i >= 16 => 1,
                _ => 0,
            };
            self.bytes.push(0x62);
            self.bytes.push(top | not(reg >> 4) << 4 | map);
            self.bytes.push(w << 7 | low << 3 | 1 << 2 | pp);
            let fifth = not(with >> 4 | gather);
            self.bytes.push(u8::from(zero) << 7 | size << 5 | u8::from(splat) << 4 | fifth << 3 | mask);
        } else {
            self.bytes.extend([0xc4, top | map, w << 7 | low << 3 | size << 2 | pp]);
        }
        self.bytes.push(op);
        let unit = if !self.evex {
            1
        } else if splat {
            4
        } else {
            bytes
        };
        self.operand(reg, rm, unit, usize::from(imm.is_some()));
        self.bytes.extend(imm);
    }

    /// Mod, register and memory; `unit` is what short displacements count in.
    fn operand(&mut self, reg: u8, rm: Rm, unit: i32, after: usize) {
        let reg = (reg & 7) << 3;
        let m = match rm {
            Rm::Reg(r) => return self.bytes.push(0xc0 | reg | r & 7),
            Rm::Word(entry) | Rm::Vector(entry) => return self.relative(reg, entry as usize, after),
            Rm::Mem(m) | Rm::Splat(m) => m,
        };
        let whole = m.disp % unit == 0 && m.place.is_none();
        let short = whole.then(|| i8::try_from(m.disp / unit).ok()).flatten();
        let mode = match short {
            Some(0) if m.base & 7 != 5 => 0,
            Some(_) => 0x40,
            None => 0x80,
        };
        match m.index {
            Some((index, scale)) => {
                let scale = scale.trailing_zeros() as u8;
                self.bytes.extend([mode | reg | 4, scale << 6 | (index & 7) << 3 | m.base & 7]);
            }
            None if m.base & 7 == 4 => self.bytes.extend([mode | reg | 4, 0x24]),
            None => self.bytes.push(mode | reg | m.base & 7),
        }
        match (mode, short) {
            (0x40, Some(short)) => self.bytes.push(short as u8),
            (0x80, _) => {
                let at = self.bytes.len() as u32;
                self.patches.extend(m.place.map(|place| Patch { at, place }));
                self.bytes.extend(m.disp.to_le_bytes());
            }
            _ => {}
        }
    }

    fn relative(&mut self, reg: u8, entry: usize, after: usize) {
        self.bytes.push(reg | 5);
        self.bytes.extend([0; 4]);
        self.fixups.push(Fixup { at: self.bytes.len(), after, entry });
    }

    /// An instruction on general registers of 64 bits: opcode, reg field, register or memory.
    pub fn wide(&mut self, op: u8, reg: u8, rm: Rm) {
        self.general(true, op, reg, rm);
    }

    /// An instruction on general registers of 32 bits.
    pub fn narrow(&mut self, op: u8, reg: u8, rm: Rm) {
        self.general(false, op, reg, rm);
    }

    fn general(&mut self, wide: bool, op: u8, reg: u8, rm: Rm) {
        let (x, b) = match rm {
            Rm::Reg(r) => (0, r >> 3 & 1),
            Rm::Mem(m) => (m.index.map_or(0, |(i, _)| i >> 3 & 1), m.base >> 3 & 1),
            _ => (0, 0),
        };
        self.bytes.push(0x40 | u8::from(wide) << 3 | (reg >> 3 & 1) << 2 | x << 1 | b);
        self.bytes.push(op);
        self.operand(reg, rm, 1, 0);
    }

    /// Loads 64 bits.
    pub fn load(&mut self, to: u8, from: Mem) {
        self.wide(0x8b, to, Rm::Mem(from));
    }

    /// Stores 64 bits.
    pub fn save(&mut self, from: u8, to: Mem) {
        self.wide(0x89, from, Rm::Mem(to));
    }

    /// An operation of a 64-bit register with a constant; `kind` is the reg field (0 add, 4 and, 5 sub, 7 compare).
    pub fn constant(&mut self, kind: u8, reg: u8, value: i32) {
        self.wide(0x81, kind, Rm::Reg(reg));
        self.bytes.extend(value.to_le_bytes());
    }

    /// The same on the lower 32 bits.
    pub fn constant32(&mut self, kind: u8, reg: u8, value: i32) {
        self.narrow(0x81, kind, Rm::Reg(reg));
        self.bytes.extend(value.to_le_bytes());
    }

    /// `to = from * value`, 64 bits.
    pub fn multiply(&mut self, to: u8, from: u8, value: i32) {
        self.wide(0x69, to, Rm::Reg(from));
        self.bytes.extend(value.to_le_bytes());
    }

    /// Copies 64 bits from register to register.
    pub fn copy(&mut self, to: u8, from: u8) {
        self.wide(0x8b, to, Rm::Reg(from));
    }

    /// Back to `target` while the last comparison was below.
    pub fn loop_back(&mut self, target: usize) {
        self.bytes.extend([0x0f, 0x82]);
        let end = self.bytes.len() as i64 + 4;
        self.bytes.extend(((target as i64 - end) as i32).to_le_bytes());
    }

    /// The code with its constants behind it. Vectors are aligned as long as the code is, to 64 bytes.
    pub fn finish(mut self) -> Written {
        let mut order: Vec<usize> = (0..self.pool.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(self.pool[i].len()));
        let mut places = vec![0; self.pool.len()];
        if !order.is_empty() {
            self.bytes.resize(self.bytes.len().next_multiple_of(64), 0xcc);
        }
        for i in order {
            places[i] = self.bytes.len();
            self.bytes.extend(self.pool[i].iter().flat_map(|w| w.to_le_bytes()));
        }
        for Fixup { at, after, entry } in &self.fixups {
            let distance = places[*entry] as i64 - (at + after) as i64;
            self.bytes[at - 4..*at].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        Written { bytes: self.bytes, patches: self.patches }
    }
}
