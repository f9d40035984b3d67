//! Few voices of a bank sound: which of them are computed, and where.
//!
//! A voice rests when what [`crate::graph::idle`] has proved of its bank holds for its own lanes: its rows and the parameters are what
//! they were, its envelopes were zero for a quantum, and its memory stayed as it was. From then on it adds a zero to the sums of its
//! bank, and only its counters run. So a bank that has code for fewer lanes ([`crate::graph::few`]) is computed by the narrowest that
//! has a lane for every voice that does not rest.
//!
//! Code for few lanes has memory of its own. When the lanes are given to other voices, memory goes back to where all voices have
//! theirs and from there to the lanes; counters of voices that had no lane are put forward by what a quantum adds. The order of a
//! sum over more than two voices is kept by giving a voice the lane that is its number modulo the number of lanes; where two want
//! the same, wider code is taken.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::exec::padded;
use crate::graph::{QUANTUM, RowId};
use crate::program::Guard;
use crate::sleep::Memory;
use crate::words::Words;

/// Most voices that have lanes in code for few.
const SLOTS: usize = 32;

/// While all voices are computed, one in so many quanta is looked at.
const SELDOM: u32 = 8;

/// How memory behaves while a voice rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It keeps its bits.
    Held,
    /// It is zero.
    Zero,
    /// It counts.
    Running,
}

/// A piece of memory that each voice of a bank has.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What of it.
    pub kind: Kind,
    /// Words of state, those of a voice after those of the last.
    pub words: Box<[u32]>,
}

/// Code of a bank for few lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct Copied {
    /// Its bit in [`crate::exec::Quantum::awake`].
    pub bit: u32,
    /// Lanes for so many voices.
    pub voices: u32,
    /// Words of state for each cell of the bank.
    pub cells: Vec<Box<[u32]>>,
    /// Where its guards are, and the lanes of each voice.
    pub guards: Vec<(Guard, Box<[u32]>)>,
    /// Its rows: the row of the bank, and the number of its own ([`crate::program::Layout::more_rows`]).
    pub rows: Vec<(RowId, usize)>,
    /// Words of scratch from which on it has some of these constants: those of all voices, channel by channel.
    pub given: Vec<(u32, Box<[u32]>)>,
}

/// A bank that is computed in fewer lanes, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Bank {
    /// The part that it is.
    pub sleeper: usize,
    /// The sequenced unit.
    pub unit: u32,
    /// How many voices, 64 at most.
    pub voices: u32,
    /// Its memory.
    pub cells: Vec<Cell>,
    /// Values that are zero where a voice rests, and the lanes of each voice.
    pub guards: Vec<(Guard, Box<[u32]>)>,
    /// From few lanes to many.
    pub copies: Vec<Copied>,
}

impl Bank {
    fn all(&self) -> u64 {
        u64::MAX >> (64 - self.voices.clamp(1, 64))
    }
}

/// The voices of a bank at run time.
#[derive(Debug)]
pub struct Voices {
    /// The code that runs, if it is that for few lanes.
    copy: Option<usize>,
    /// Whose its lanes are.
    slots: [u8; SLOTS],
    /// Voices that are not known to rest.
    awake: u64,
    /// Those for which the code that runs was chosen.
    served: u64,
    /// Voices whose rows have changed since the last quantum.
    woken: u64,
    /// Nothing is known of any voice.
    shaken: bool,
    /// Something that all voices hear moved in the last quantum: what remembers it for a sample is still on its way in this one.
    moved: bool,
    /// Voices whose envelopes were zero in the last quantum that was looked at.
    shut: u64,
    /// Those of them that may be found to rest after this quantum.
    drowsy: u64,
    /// The memory of these before the quantum, cell by cell, voice by voice.
    before: Box<[u32]>,
    /// What a quantum adds to counters of voices that rest.
    steps: Box<[u32]>,
    /// Quanta that counters of voices without a lane are behind.
    behind: u32,
    turn: u32,
}

/// The numbers in a mask.
fn each(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = mask.trailing_zeros();
        (mask != 0).then(|| {
            mask &= mask - 1;
            lowest as usize
        })
    })
}

/// The part of a list that a voice, or a lane, of so many has.
fn of(words: &[u32], which: usize, count: u32) -> &[u32] {
    let each = words.len() / count.max(1) as usize;
    words.get(which * each..(which + 1) * each).unwrap_or(&[])
}

impl Voices {
    /// All of them may sound.
    pub fn new(bank: &Bank) -> Voices {
        let words = bank.cells.iter().map(|cell| cell.words.len()).sum();
        Voices {
            copy: None,
            slots: [0; SLOTS],
            awake: bank.all(),
            served: 0,
            woken: 0,
            shaken: true,
            moved: true,
            shut: 0,
            drowsy: 0,
            before: vec![0; words].into(),
            steps: vec![0; words].into(),
            behind: 0,
            turn: 0,
        }
    }

    /// Rows of some voices are not what they were.
    pub fn stir(&mut self, voices: u64) {
        self.woken |= voices;
    }

    /// Nothing may be taken to be what it was.
    pub fn shake(&mut self) {
        self.shaken = true;
    }

    /// Number of voices that are computed.
    pub fn computed(&self, bank: &Bank) -> u32 {
        self.copy.map_or(bank.voices, |copy| bank.copies[copy].voices)
    }

    /// Before a quantum of a bank that does not sleep: the code to be run, if it is not that for all voices. `moved`: something
    /// that all voices hear is not what it was.
    pub fn before(&mut self, bank: &Bank, moved: bool, memory: &mut Memory, rows: &mut [Words]) -> Option<usize> {
        let moved = std::mem::take(&mut self.shaken) || moved;
        let woken = std::mem::take(&mut self.woken) & bank.all();
        self.awake = if moved { bank.all() } else { self.awake | woken };
        // Who sounds is nearly always who sounded.
        let settled = !moved && self.awake == self.served;
        let wanted = if settled { self.copy } else { self.wanted(bank, moved) };
        let stays = settled
            || self.copy == wanted
                && wanted.is_none_or(|copy| each(self.awake).all(|v| self.seated(bank, copy).any(|s| s == v)));
        if !stays {
            self.unite(bank, memory.state, memory.inits);
            if let Some(copy) = wanted {
                self.slots = self.seats(bank.copies[copy].voices as usize);
                (self.copy, self.behind) = (Some(copy), 0);
                self.carry(bank, memory.state, true);
                self.give(bank, copy, memory.buffers);
            }
        }
        self.served = self.awake;
        if let Some(copy) = self.copy {
            self.behind += 1;
            if !stays || woken != 0 {
                self.fill(bank, copy, memory, rows);
            }
        }
        let lately = std::mem::replace(&mut self.moved, moved);
        self.drowsy = if moved || lately { 0 } else { self.shut & self.awake & !woken };
        for voice in each(self.drowsy) {
            let mut at = 0;
            for (i, cell) in bank.cells.iter().enumerate() {
                let many = cell.words.len() / bank.voices as usize;
                let words = self.words(bank, i, voice);
                let to = at + voice * many;
                for (slot, &word) in self.before[to..to + many].iter_mut().zip(words) {
                    *slot = memory.state[word as usize];
                }
                at += cell.words.len();
            }
        }
        self.shut &= !woken;
        self.copy
    }

    /// After it: who rests.
    pub fn after(&mut self, bank: &Bank, memory: &Memory) {
        self.turn = self.turn.wrapping_add(1);
        if self.copy.is_none() && self.drowsy == 0 && !self.turn.is_multiple_of(SELDOM) {
            return;
        }
        self.shut = 0;
        for voice in each(self.awake) {
            self.shut |= u64::from(self.is_shut(bank, voice, memory)) << voice;
        }
        for voice in each(self.drowsy & self.shut) {
            let mut at = 0;
            let rests = bank.cells.iter().enumerate().all(|(i, cell)| {
                let many = cell.words.len() / bank.voices as usize;
                let before = &self.before[at + voice * many..];
                at += cell.words.len();
                self.words(bank, i, voice).iter().zip(before).all(|(&word, before)| {
                    let now = memory.state[word as usize];
                    match cell.kind {
                        Kind::Held => now == *before,
                        Kind::Zero => now << 1 == 0 && before << 1 == 0,
                        Kind::Running => true,
                    }
                })
            });
            if rests {
                self.awake &= !(1 << voice);
                self.count(bank, voice, memory.state);
            }
        }
        self.drowsy = 0;
    }

    /// Notes what the last quantum has added to the counters of a voice.
    fn count(&mut self, bank: &Bank, voice: usize, state: &[u32]) {
        let mut at = 0;
        for (i, cell) in bank.cells.iter().enumerate() {
            let many = cell.words.len() / bank.voices as usize;
            let from = at + voice * many;
            for k in 0..if cell.kind == Kind::Running { many } else { 0 } {
                let word = self.words(bank, i, voice)[k] as usize;
                self.steps[from + k] = state[word].wrapping_sub(self.before[from + k]);
            }
            at += cell.words.len();
        }
    }

    /// Brings all memory to where every voice has its own; from here on all are computed.
    /// Lanes that were somebody's are as they were at first, so that equal sounds have equal memory.
    pub fn unite(&mut self, bank: &Bank, state: &mut [u32], inits: &[u32]) {
        let Some(copy) = self.copy else { return };
        self.carry(bank, state, false);
        for &word in bank.copies[copy].cells.iter().flatten() {
            state[word as usize] = inits[word as usize];
        }
        let seated = self.seated(bank, copy).fold(0u64, |mask, voice| mask | 1 << voice);
        let mut at = 0;
        for cell in &bank.cells {
            if cell.kind == Kind::Running {
                let many = cell.words.len() / bank.voices as usize;
                for k in each(bank.all() & !seated).flat_map(|voice| voice * many..(voice + 1) * many) {
                    let word = &mut state[cell.words[k] as usize];
                    *word = word.wrapping_add(self.steps[at + k].wrapping_mul(self.behind));
                }
            }
            at += cell.words.len();
        }
        (self.copy, self.behind, self.drowsy, self.served) = (None, 0, 0, 0);
    }

    /// The narrowest code that has a lane for every voice that sounds.
    fn wanted(&self, bank: &Bank, moved: bool) -> Option<usize> {
        let count = self.awake.count_ones();
        let fits = |n: u32| {
            let mut taken = 0u64;
            let free = |voice: usize| {
                let lane = 1 << (voice as u32 % n);
                let free = taken & lane == 0;
                taken |= lane;
                free
            };
            count <= n && (n == 2 || each(self.awake).all(free))
        };
        // When nobody sounds, the bank itself is about to sleep.
        (count > 0 && !moved).then(|| bank.copies.iter().position(|copy| fits(copy.voices)))?
    }

    /// Gives lanes to the voices that sound, and what is left to others.
    fn seats(&self, n: usize) -> [u8; SLOTS] {
        let mut slots = [u8::MAX; SLOTS];
        for voice in each(self.awake) {
            // Of two voices any may come first.
            let lane = if slots[voice % n] == u8::MAX { voice % n } else { (voice + 1) % n };
            slots[lane] = voice as u8;
        }
        for lane in 0..n {
            if slots[lane] == u8::MAX {
                let free = |voice: &u8| !slots.contains(voice);
                slots[lane] = std::iter::once(lane as u8).chain(0..n as u8 + 1).find(free).unwrap_or(0);
            }
        }
        slots
    }

    fn seated(&self, bank: &Bank, copy: usize) -> impl Iterator<Item = usize> {
        let n = bank.copies[copy].voices as usize;
        self.slots.into_iter().take(n).map(usize::from)
    }

    /// Moves memory to the lanes of the code that runs, or back.
    fn carry(&self, bank: &Bank, state: &mut [u32], there: bool) {
        let Some(copy) = self.copy else { return };
        let copied = &bank.copies[copy];
        for (cell, few) in bank.cells.iter().zip(&copied.cells) {
            for (lane, voice) in self.seated(bank, copy).enumerate() {
                let pairs = of(&cell.words, voice, bank.voices).iter().zip(of(few, lane, copied.voices));
                for (&wide, &few) in pairs {
                    let (from, to) = if there { (wide, few) } else { (few, wide) };
                    state[to as usize] = state[from as usize];
                }
            }
        }
    }

    /// Gives the code for few lanes the constants of their voices.
    fn give(&self, bank: &Bank, copy: usize, buffers: &mut [u32]) {
        let n = bank.copies[copy].voices as usize;
        for (at, all) in &bank.copies[copy].given {
            for (channel, words) in all.chunks_exact(bank.voices as usize).enumerate() {
                for (lane, voice) in self.seated(bank, copy).enumerate() {
                    buffers[*at as usize + channel * n + lane] = words[voice];
                }
            }
        }
    }

    /// Copies rows to where the code for few lanes reads them.
    fn fill(&self, bank: &Bank, copy: usize, memory: &Memory, rows: &mut [Words]) {
        let copied = &bank.copies[copy];
        let (pad, narrow) = (padded(bank.voices), padded(copied.voices));
        for &(row, own) in &copied.rows {
            let from = (memory.row)(row, pad * QUANTUM);
            let to = &mut rows[own].floats_mut()[..narrow * QUANTUM];
            for (lane, voice) in self.seated(bank, copy).enumerate() {
                for (to, from) in to.chunks_exact_mut(narrow).zip(from.chunks_exact(pad)) {
                    to[lane] = from[voice];
                }
            }
        }
    }

    /// Where a voice has its words of a cell in this quantum.
    fn words<'b>(&self, bank: &'b Bank, cell: usize, voice: usize) -> &'b [u32] {
        match self.copy {
            None => of(&bank.cells[cell].words, voice, bank.voices),
            Some(copy) => {
                let lane = self.seated(bank, copy).position(|v| v == voice).unwrap_or(0);
                of(&bank.copies[copy].cells[cell], lane, bank.copies[copy].voices)
            }
        }
    }

    /// True if all guards of a voice were zero throughout the quantum.
    fn is_shut(&self, bank: &Bank, voice: usize, memory: &Memory) -> bool {
        let (guards, which, count) = match self.copy {
            None => (&bank.guards, voice, bank.voices),
            Some(copy) => {
                let lane = self.seated(bank, copy).position(|v| v == voice).unwrap_or(0);
                (&bank.copies[copy].guards, lane, bank.copies[copy].voices)
            }
        };
        guards.iter().zip(&bank.guards).all(|((guard, lanes), (wide, all))| {
            let zero = |words: &[u32], pad: usize, lanes: &[u32]| {
                let lanes = |i: usize| lanes.iter().all(|lane| words[i * pad + *lane as usize] << 1 == 0);
                // The last frame tells most often.
                lanes(QUANTUM - 1) && (0..QUANTUM - 1).all(lanes)
            };
            match (*guard, *wide) {
                (Guard::Scratch { at, lanes: n }, _) => {
                    let words = memory.buffers.get(at as usize..at as usize + crate::exec::buffer_len(n));
                    words.is_some_and(|words| zero(words, padded(n), of(lanes, which, count)))
                }
                (_, Guard::Row { row, lanes: n }) => {
                    let (words, pad) = ((memory.row)(row, crate::exec::buffer_len(n)), padded(n));
                    let lanes = of(all, voice, bank.voices);
                    words.chunks_exact(pad).all(|frame| lanes.iter().all(|lane| frame[*lane as usize] == 0.0))
                }
                _ => false,
            }
        })
    }
}
