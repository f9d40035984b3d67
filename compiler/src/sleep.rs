//! Parts of a patch fall asleep and wake.
//!
//! [`crate::graph::idle`] has proved, when the patch was compiled, what a part must be like so that computing it changes nothing but
//! its counters. Here that is looked at, once a quantum: before it, whether the part could sleep (its rows and parameters as in the
//! quantum before, what it reads asleep, its memory empty), and after it, whether it truly stayed as it was. Then its bit in
//! [`crate::exec::Quantum::awake`] is cleared, and generated code leaves it out until something changes.
//!
//! Counters of a part that sleeps stand where they stood. They are put forward when it wakes, or when anybody wants to see them
//! ([`Sleep::settle`]). The interpreter never sleeps: it says what is right.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::few::Voices;
use crate::graph::QUANTUM;
use crate::program::{Guard, Layout, Sleeper};
use crate::words::Words;

/// A part at run time.
#[derive(Debug, Default)]
struct Part {
    /// It may fall asleep after this quantum.
    drowsy: bool,
    /// While it sleeps: the last quantum that its counters know of.
    since: u64,
    /// Words that must stay, before this quantum.
    held: Box<[u32]>,
    /// Counters before the last quantum that was computed; of a part that sleeps, what a quantum adds.
    counters: Box<[u32]>,
}

/// Who sleeps. In sets of parts each has a bit.
#[derive(Debug, Default)]
pub struct Sleep {
    parts: Box<[Part]>,
    /// All parts.
    all: u128,
    /// Those that sleep.
    asleep: u128,
    /// Those for which something that they depend on has changed since the last quantum.
    stirred: u128,
    /// By part: those that read it.
    feeds: Box<[u128]>,
    /// Quanta that have begun.
    now: u64,
    /// By unit: the parts that it wakes.
    wakes: Box<[Box<[u16]>]>,
    /// By ring: frames that have been zero without a break.
    empty: Box<[u32]>,
    /// Of each bank that is computed in fewer lanes, too: its voices.
    voices: Box<[Voices]>,
    /// By part: its number among these banks.
    banks: Box<[Option<u16>]>,
}

/// What is looked at.
pub struct Memory<'a> {
    /// State words.
    pub state: &'a mut [u32],
    /// What each of them starts as.
    pub inits: &'a [u32],
    /// Scratch words.
    pub buffers: &'a mut [u32],
    /// The words of a row, as many as are asked for.
    pub row: &'a dyn Fn(crate::graph::RowId, usize) -> &'a [f32],
    /// The words of a ring that this quantum has written.
    pub ring: &'a dyn Fn(crate::graph::RingId) -> &'a [f32],
    /// Frames of a ring, those that stand twice included.
    pub frames: &'a dyn Fn(crate::graph::RingId) -> u32,
}

/// Members of a set, in ascending order.
fn members(mut set: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let first = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(first)
    })
}

fn words(ranges: &[(u32, u32)]) -> usize {
    ranges.iter().map(|(from, to)| (to - from) as usize).sum()
}

/// The words of some ranges, in pieces.
fn pieces<'a>(all: &'a [u32], ranges: &'a [(u32, u32)]) -> impl Iterator<Item = &'a [u32]> {
    ranges.iter().filter_map(|&(from, to)| all.get(from as usize..to as usize))
}

/// True for floats that are all zero, of either sign.
fn zero(words: &[u32]) -> bool {
    words.iter().all(|word| word << 1 == 0)
}

fn zeros(values: &[f32]) -> bool {
    values.iter().all(|x| *x == 0.0)
}

impl Sleep {
    /// Everything awake.
    pub fn new(layout: &Layout, rings: usize) -> Sleep {
        let sleepers = &layout.sleepers;
        let part = |sleeper: &Sleeper| Part {
            held: vec![0; words(&sleeper.held)].into(),
            counters: vec![0; words(&sleeper.running)].into(),
            ..Part::default()
        };
        let units = sleepers.iter().flat_map(|s| &s.units).max().map_or(0, |unit| *unit as usize + 1);
        let wakes = |unit: usize| {
            let woken = sleepers.iter().enumerate().filter(|(_, s)| s.units.contains(&(unit as u32)));
            woken.map(|(i, _)| i as u16).collect()
        };
        let feeds = |part: usize| {
            let reads = |s: &Sleeper| s.needs.contains(&part);
            sleepers.iter().enumerate().filter(|(_, s)| reads(s)).fold(0, |set, (i, _)| set | 1 << i)
        };
        let bank = |part: usize| layout.banks.iter().position(|bank| bank.sleeper == part).map(|bank| bank as u16);
        Sleep {
            voices: layout.banks.iter().map(Voices::new).collect(),
            banks: (0..sleepers.len()).map(bank).collect(),
            all: (0..sleepers.len()).fold(0, |set, i| set | 1 << i),
            asleep: 0,
            stirred: 0,
            feeds: (0..sleepers.len()).map(feeds).collect(),
            now: 0,
            parts: sleepers.iter().map(part).collect(),
            wakes: (0..units).map(wakes).collect(),
            empty: vec![0; rings].into(),
        }
    }

    /// Rows of some voices of a sequenced unit are not what they were; the last of the bits stands for those that have none.
    pub fn stir(&mut self, unit: u32, voices: u64) {
        for &part in self.wakes.get(unit as usize).into_iter().flatten() {
            self.stirred |= 1 << part;
            if let Some(bank) = self.banks[usize::from(part)] {
                self.voices[usize::from(bank)].stir(voices);
            }
        }
    }

    /// Nothing may be taken to be what it was.
    pub fn stir_all(&mut self) {
        self.stirred = self.all;
        self.voices.iter_mut().for_each(Voices::shake);
    }

    /// Nothing is known of a ring.
    pub fn fill(&mut self, ring: usize) {
        if let Some(empty) = self.empty.get_mut(ring) {
            *empty = 0;
        }
    }

    /// Frames that a ring has been empty for.
    pub fn empty(&self, ring: usize) -> u32 {
        self.empty.get(ring).copied().unwrap_or(0)
    }

    /// What is known of a ring that has come from elsewhere.
    pub fn know(&mut self, ring: usize, empty: u32) {
        if let Some(slot) = self.empty.get_mut(ring) {
            *slot = empty;
        }
    }

    /// Number of parts that sleep.
    pub fn asleep(&self) -> usize {
        self.asleep.count_ones() as usize
    }

    /// Voices that are computed, of all that belong to banks which have code for fewer.
    pub fn computed(&self, layout: &Layout) -> (u32, u32) {
        let banks = layout.banks.iter().zip(&self.voices);
        banks.fold((0, 0), |(some, all), (bank, voices)| {
            let asleep = self.asleep >> bank.sleeper & 1 == 1;
            (some + if asleep { 0 } else { voices.computed(bank) }, all + bank.voices)
        })
    }

    /// Puts counters where they would be, and the memory of voices where all have theirs.
    pub fn settle(&mut self, layout: &Layout, state: &mut [u32]) {
        for i in members(self.asleep) {
            self.parts[i].settle(&layout.sleepers[i], state, self.now);
        }
        for (voices, bank) in self.voices.iter_mut().zip(&layout.banks) {
            voices.unite(bank, state, &layout.inits);
        }
    }

    /// Before a quantum: wakes, and tells generated code who is awake. `moving`: the bits of parameters at
    /// whose values of block rate are not what they were ([`crate::schedule::moving`]).
    pub fn before(&mut self, layout: &Layout, moving: u64, memory: &mut Memory, rows: &mut [Words]) -> u128 {
        let (mut awake, stirred) = (0u128, std::mem::take(&mut self.stirred));
        // Who sleeps and is not disturbed is not even asked.
        let mut look = self.all & !self.asleep | stirred;
        if moving != 0 {
            let moved = |i: &usize| layout.sleepers[*i].params & moving != 0;
            look |= members(self.asleep).filter(moved).fold(0, |set, i| set | 1 << i);
        }
        while look != 0 {
            let i = look.trailing_zeros() as usize;
            look &= look - 1;
            let (bit, sleeper, part) = (1 << i, &layout.sleepers[i], &mut self.parts[i]);
            // What reads a part comes after it, and cannot rest while that is awake.
            look |= self.feeds[i];
            let quiet = sleeper.needs.iter().all(|need| self.asleep >> need & 1 == 1);
            let stirred = stirred & bit != 0 || sleeper.params & moving != 0;
            part.drowsy = false;
            if self.asleep & bit != 0 {
                part.settle(sleeper, memory.state, self.now);
                self.asleep &= !bit;
            }
            if let Some(bank) = self.banks[i].map(usize::from) {
                let moved = !quiet || sleeper.params & moving != 0;
                let (voices, bank) = (&mut self.voices[bank], &layout.banks[bank]);
                if let Some(copy) = voices.before(bank, moved, memory, rows) {
                    awake |= 1 << bank.copies[copy].bit;
                    continue;
                }
            }
            awake |= bit;
            let full = |ring: &crate::graph::RingId| self.empty[ring.index()] < (memory.frames)(*ring);
            if stirred || !quiet || !pieces(memory.state, &sleeper.zero).all(zero) || sleeper.rings.iter().any(full) {
                continue;
            }
            part.drowsy = true;
            copy(memory.state, &sleeper.held, &mut part.held);
            copy(memory.state, &sleeper.running, &mut part.counters);
        }
        self.now += 1;
        awake
    }

    /// After a quantum: who falls asleep.
    pub fn after(&mut self, layout: &Layout, memory: &mut Memory) {
        for (voices, bank) in self.voices.iter_mut().zip(&layout.banks) {
            if self.asleep >> bank.sleeper & 1 == 0 {
                voices.after(bank, memory);
            }
        }
        for i in members(self.all & !self.asleep) {
            let (part, sleeper) = (&mut self.parts[i], &layout.sleepers[i]);
            for ring in &sleeper.rings {
                let empty = &mut self.empty[ring.index()];
                *empty = if zeros((memory.ring)(*ring)) { empty.saturating_add(QUANTUM as u32) } else { 0 };
            }
            if !part.drowsy || !same(memory.state, &sleeper.held, &part.held) {
                continue;
            }
            let open = |guard: &Guard| match *guard {
                Guard::Scratch { at, lanes } => !buffer(memory.buffers, at, lanes).is_some_and(zero_lanes(lanes)),
                Guard::Row { row, lanes } => !zero_rows((memory.row)(row, crate::exec::buffer_len(lanes)), lanes),
                Guard::Never => true,
            };
            let empty = |ring: &crate::graph::RingId| self.empty[ring.index()] >= (memory.frames)(*ring);
            if sleeper.guards.iter().any(open)
                || !pieces(memory.state, &sleeper.zero).all(zero)
                || !sleeper.rings.iter().all(empty)
            {
                continue;
            }
            // From here on the counters hold what a quantum adds.
            let now = pieces(memory.state, &sleeper.running).flatten();
            part.counters.iter_mut().zip(now).for_each(|(before, now)| *before = now.wrapping_sub(*before));
            self.asleep |= 1 << i;
            part.since = self.now;
        }
    }
}

impl Part {
    /// Puts the counters of a part that sleeps to where they are after the quantum `now`.
    fn settle(&mut self, sleeper: &Sleeper, state: &mut [u32], now: u64) {
        // A step so many times, modulo 2^32 as the counter itself.
        let behind = (now - std::mem::replace(&mut self.since, now)) as u32;
        if behind == 0 {
            return;
        }
        let mut steps = self.counters.iter();
        for &(from, to) in &sleeper.running {
            let Some(words) = state.get_mut(from as usize..to as usize) else { continue };
            for (word, step) in words.iter_mut().zip(&mut steps) {
                *word = word.wrapping_add(step.wrapping_mul(behind));
            }
        }
    }
}

fn copy(state: &[u32], ranges: &[(u32, u32)], to: &mut [u32]) {
    let mut at = 0;
    for piece in pieces(state, ranges) {
        to[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
    }
}

fn same(state: &[u32], ranges: &[(u32, u32)], before: &[u32]) -> bool {
    let mut rest = before;
    pieces(state, ranges).all(|piece| {
        let (mine, others) = rest.split_at(piece.len());
        rest = others;
        mine == piece
    })
}

fn buffer(buffers: &[u32], at: u32, lanes: u32) -> Option<&[u32]> {
    buffers.get(at as usize..at as usize + crate::exec::buffer_len(lanes))
}

/// Lanes that only fill up a frame may hold anything.
fn zero_lanes(lanes: u32) -> impl Fn(&[u32]) -> bool {
    let (pad, lanes) = (crate::exec::padded(lanes), lanes as usize);
    move |words| {
        if pad == lanes { zero(words) } else { words.chunks_exact(pad).all(|frame| zero(&frame[..lanes])) }
    }
}

fn zero_rows(values: &[f32], lanes: u32) -> bool {
    values.chunks_exact(crate::exec::padded(lanes)).all(|frame| zeros(&frame[..lanes as usize]))
}
