//! The cheapest instructions for a permutation of words.
//!
//! An order names for each word of the result a word of two vectors: below [`OTHER`] of the first, from there on of the second, or
//! nothing. Tried in turn: nothing at all, one instruction with its order in an immediate byte, one with its order in a vector (AVX-512
//! has that for two vectors), a pair whose second half swaps quarters, and at last one permutation for each vector and a blend.

use super::{Code, X86};
use crate::codegen::emit::Val;
use crate::codegen::machine::Machine;
use crate::graph::Ty;

/// What is added to the number of a word of the second vector.
pub const OTHER: u8 = 64;

/// The order of a permutation.
pub type Order = Vec<Option<u8>>;

/// Instructions on two vectors (or the same twice) with their order in a byte: the halves of 128 bits each for themselves, but for
/// `Halves` and `Quarters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// `vpermilps`: any order of one vector.
    Within,
    /// `vshufps`: two words of the first, then two of the second.
    Shuffle,
    /// `vunpcklps`: the lower words of both in turn.
    Low,
    /// `vunpckhps`: the upper words of both in turn.
    High,
    /// `vblendps`: words that stay where they are (not with AVX-512).
    Blend,
    /// `vperm2f128`: two halves of 128 bits of either (eight words, not with AVX-512).
    Halves,
    /// `vpermpd`: quarters of 64 bits of one vector (eight words).
    Quarters,
}

/// The byte with which an instruction makes this order, if it can.
fn fits(by: By, order: &Order, evex: bool) -> Option<u8> {
    let n = order.len();
    let each = |i: usize| order.get(i).copied().flatten();
    let mut byte = 0u8;
    // Sets a field of the byte, or finds that it must be something else.
    let mut known = [None::<u8>; 8];
    let mut set = |field: usize, value: u8, bits: usize| {
        let old = known[field].replace(value);
        if old.is_none() {
            byte |= value << (field * bits);
        }
        old.is_none_or(|old| old == value)
    };
    let base = |i: usize| (i / 4 * 4) as u8;
    let all = (0..n).all(|i| {
        let Some(word) = each(i) else { return true };
        let (other, word) = (word >= OTHER, word % OTHER);
        let within = (word & !3) == base(i);
        let k = i % 4;
        match by {
            By::Within => !other && within && set(k, word & 3, 2),
            By::Shuffle => other == (k >= 2) && within && set(k, word & 3, 2),
            By::Low | By::High => {
                let first = if by == By::High { 2 } else { 0 };
                other == (k % 2 == 1) && word == base(i) + first + k as u8 / 2
            }
            By::Blend => word as usize == i && n <= 8 && !evex && set(i, u8::from(other), 1),
            By::Halves => n == 8 && !evex && word & 3 == k as u8 && set(i / 4, u8::from(other) * 2 + word / 4, 4),
            By::Quarters => n == 8 && !other && word & 1 == i as u8 & 1 && set(i / 2, word / 2, 2),
        }
    });
    all.then_some(byte)
}

const ALL: [By; 7] = [By::Within, By::Blend, By::Shuffle, By::Low, By::High, By::Halves, By::Quarters];

fn swapped(order: &Order) -> Order {
    order.iter().map(|word| word.map(|w| if w >= OTHER { w - OTHER } else { w + OTHER })).collect()
}

impl X86 {
    /// See [`Machine::permute`].
    pub(super) fn permuted(&mut self, width: u32, x: Val, y: Val, order: &[Option<u8>]) -> Val {
        let first = |word: &u8| if x == y { word % OTHER } else { *word };
        let order: Order = order.iter().map(|word| word.as_ref().map(first)).collect();
        // Registers are as wide as the highest word that is asked for.
        let highest = order.iter().flatten().map(|w| u32::from(w % OTHER)).max().unwrap_or(0);
        let size = width.max(highest + 1).next_power_of_two().max(4);
        let (uses_x, uses_y) =
            (order.iter().flatten().any(|w| *w < OTHER), order.iter().flatten().any(|w| *w >= OTHER));
        let (x, y, mut order) = if uses_y && !uses_x { (y, x, swapped(&order)) } else { (x, y, order) };
        let two = uses_x && uses_y;
        let stays = |word: (usize, &Option<u8>)| word.1.is_none_or(|w| usize::from(w) == word.0);
        if !two && order.iter().enumerate().all(stays) {
            return x;
        }
        if !two && width > 1 && order.iter().flatten().all(|w| *w == 0) {
            return self.splat(Ty::F32, width, x);
        }
        order.resize(size as usize, None);
        if let Some(z) = self.at_once(size, x, y, &order) {
            return z;
        }
        if self.masks() || !two {
            return self.by_table(size, x, y, &order, two);
        }
        if size == 8 {
            // Where two vectors are mixed within halves, quarters may still have to change places.
            let mut inner = order.clone();
            for k in 0..2 {
                inner.swap(2 + k, 4 + k);
            }
            if let Some(z) = self.at_once(size, x, y, &inner) {
                let quarters: Order = [0, 1, 4, 5, 2, 3, 6, 7].map(Some).into();
                return self.at_once(size, z, z, &quarters).unwrap_or(z);
            }
        }
        let mut parts = Vec::new();
        for (source, other) in [(x, false), (y, true)] {
            let own = |word: Option<u8>| word.filter(|w| (*w >= OTHER) == other).map(|w| w % OTHER);
            let own: Order = order.iter().map(|word| own(*word)).collect();
            parts.push(self.permuted(size, source, source, &own));
        }
        let place = |(i, word): (usize, &Option<u8>)| word.map(|w| i as u8 + if w >= OTHER { OTHER } else { 0 });
        let blend: Order = order.iter().enumerate().map(place).collect();
        let byte = fits(By::Blend, &blend, false).unwrap_or(0);
        self.push(Code::Shuffle(By::Blend, byte), size, &parts, None)
    }

    /// One instruction with its order in a byte.
    fn at_once(&mut self, size: u32, x: Val, y: Val, order: &Order) -> Option<Val> {
        let evex = self.masks();
        for (x, y, order) in [(x, y, order.clone()), (y, x, swapped(order))] {
            // One vector may stand for both.
            let doubled = order.iter().flatten().all(|w| *w < OTHER);
            let twice = |i: usize, by: By| match by {
                By::Shuffle => i % 4 >= 2,
                By::Low | By::High => i % 2 == 1,
                _ => false,
            };
            for by in ALL {
                let tried: Order = if doubled {
                    let second = |(i, w): (usize, &Option<u8>)| w.map(|w| if twice(i, by) { w + OTHER } else { w });
                    order.iter().enumerate().map(second).collect()
                } else {
                    order.clone()
                };
                if let Some(byte) = fits(by, &tried, evex) {
                    let one = matches!(by, By::Within | By::Quarters);
                    let second = if doubled { x } else { y };
                    let args = if one { vec![x] } else { vec![x, second] };
                    return Some(self.push(Code::Shuffle(by, byte), size, &args, None));
                }
            }
        }
        None
    }

    /// With the order in a vector.
    fn by_table(&mut self, size: u32, x: Val, y: Val, order: &Order, two: bool) -> Val {
        let word = |w: Option<u8>| {
            let w = w.unwrap_or(0);
            u32::from(w % OTHER) + if w >= OTHER { size } else { 0 }
        };
        let words: Vec<u32> = order.iter().map(|w| word(*w)).collect();
        let table = self.words(Ty::I32, &words);
        if two || size == 4 {
            return self.push(Code::Mix, size, &[table, x, y], None);
        }
        self.push(Code::Permute, size, &[table, x], None)
    }
}
