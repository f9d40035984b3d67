//! What a region does, apart from where its memory lies.
//!
//! An edit moves the memory of everything that comes after it: a cell more in one track, and the cells of the next lie some words
//! further. So code leaves open where its memory is: each address of state, scratch, parameters, rows, inputs, samples and rings is a numbered
//! [`Place`], and instructions have four bytes for it that are filled in when the code is linked. Places are numbered in the order in
//! which a region comes to speak of them. With these numbers instead of addresses, the lists of two regions that do the same are
//! equal word by word, and the code of one is that of the other.
//!
//! Cranelift writes addresses into its code, so there they are part of the content ([`Content::fixed`]).

use super::{Known, X86};
use crate::codegen::machine::{At, Back, Base, Pointer, RingAt};
use crate::exec::RingPtr;
use rustc_hash::FxHashMap as HashMap;
use std::hash::{Hash, Hasher};

/// Something that an edit elsewhere may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A word of the state.
    State(i32),
    /// A word of the scratch.
    Buffers(i32),
    /// A parameter.
    Param(i32),
    /// A row.
    Row(u32),
    /// An input channel.
    Input(u32),
    /// A sample.
    Sample(u32),
    /// A ring.
    Ring(u32),
}

impl Place {
    /// The place of an address, if it has one; else its word is part of the code.
    pub fn of(at: At, pointers: &[Pointer]) -> Option<Place> {
        match at.base {
            Base::State => Some(Place::State(at.word)),
            Base::Buffers => Some(Place::Buffers(at.word)),
            Base::Ptr(p) if pointers[p.0 as usize] == Pointer::Params => Some(Place::Param(at.word)),
            Base::Ptr(_) | Base::Quantum => None,
        }
    }

    /// Bytes behind the register that leads there.
    pub fn bytes(self) -> i32 {
        match self {
            Place::State(word) | Place::Buffers(word) | Place::Param(word) => word * 4,
            Place::Row(i) | Place::Input(i) | Place::Sample(i) => i as i32 * size_of::<*const f32>() as i32,
            Place::Ring(i) => i as i32 * size_of::<RingPtr>() as i32,
        }
    }
}

/// Words that are equal for regions that do the same, and the places that they speak of.
#[derive(Default)]
pub struct Content {
    words: Words,
    places: Vec<Place>,
    numbers: HashMap<Place, u32>,
    fixed: bool,
}

/// What is hashed, word by word.
#[derive(Default)]
struct Words(Vec<u32>);

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(4) {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0.push(u32::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, x: u8) {
        self.0.push(u32::from(x));
    }

    fn write_u32(&mut self, x: u32) {
        self.0.push(x);
    }

    // Discriminants and lengths, which are small.
    fn write_isize(&mut self, x: isize) {
        self.0.push(x as u32);
    }

    fn write_usize(&mut self, x: usize) {
        self.0.push(x as u32);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl Content {
    /// Nothing yet, for code that has addresses in it.
    pub fn fixed() -> Content {
        Content { fixed: true, ..Content::default() }
    }

    /// Adds a list.
    pub fn add(&mut self, m: &X86) {
        (m.full, m.values.len() as u32).hash(&mut self.words);
        for (i, known) in m.values.iter().enumerate() {
            // What the others are follows from the instructions.
            if let Known::Word(_) | Known::Words(_) = known {
                (i as u32, known).hash(&mut self.words);
            }
        }
        m.pointers.len().hash(&mut self.words);
        m.pointers.iter().for_each(|&pointer| self.pointer(pointer));
        m.shape.hash(&mut self.words);
        m.carried.len().hash(&mut self.words);
        for (carry, value) in &m.carried {
            (carry.width, carry.last, value).hash(&mut self.words);
            self.at(carry.at, m);
        }
        m.next.hash(&mut self.words);
        m.insts.len().hash(&mut self.words);
        for inst in &m.insts {
            inst.code.hash(&mut self.words);
            let number = |x: Option<crate::codegen::emit::Val>| x.map_or(u32::MAX, |x| x.0);
            let [a, b, c] = inst.args.map(number);
            self.words.0.extend([inst.width, number(inst.to), a, b, c]);
            self.words.0.push(u32::from(inst.at.is_some()));
            if let Some(at) = inst.at {
                self.at(at, m);
            }
        }
    }

    /// Adds a place; its number.
    pub fn place(&mut self, place: Place) -> u32 {
        if self.fixed {
            place.hash(&mut self.words);
        }
        let next = self.places.len() as u32;
        let number = *self.numbers.entry(place).or_insert(next);
        if number == next {
            self.places.push(place);
        }
        self.words.0.push(number);
        number
    }

    /// The number of a place that was added.
    pub fn number(&self, place: Place) -> u32 {
        self.numbers[&place]
    }

    /// The words; equal words mean equal code.
    pub fn words(&self) -> &[u32] {
        &self.words.0
    }

    /// Bytes behind a register, for each place.
    pub fn bytes(&self) -> Vec<i32> {
        self.places.iter().map(|place| place.bytes()).collect()
    }

    fn at(&mut self, at: At, m: &X86) {
        (at.base, at.frame, at.grouped).hash(&mut self.words);
        match Place::of(at, &m.pointers) {
            Some(place) => {
                self.place(place);
            }
            None => self.words.0.push(at.word as u32),
        }
    }

    fn pointer(&mut self, pointer: Pointer) {
        std::mem::discriminant(&pointer).hash(&mut self.words);
        match pointer {
            Pointer::Params => {}
            Pointer::Row(r) => {
                self.place(Place::Row(r));
            }
            Pointer::Input(c) => {
                self.place(Place::Input(c));
            }
            Pointer::Sample(s) => {
                self.place(Place::Sample(s));
            }
            Pointer::Ring { ring, mask, stride, at } => {
                self.place(Place::Ring(ring));
                (mask, stride, std::mem::discriminant(&at)).hash(&mut self.words);
                match at {
                    RingAt::Start | RingAt::Head | RingAt::Mirror => {}
                    RingAt::Back(Back::Frames(n)) => (0u32, n).hash(&mut self.words),
                    RingAt::Back(Back::Word { word, least, most }) => {
                        (1u32, least, most).hash(&mut self.words);
                        self.place(Place::Buffers(word as i32));
                    }
                }
            }
        }
    }
}
