//! Taps: single strips, or the whole, on their way from the engine to a recording.
//!
//! An engine has a few taps from its start, each a ring and a valve. The control side opens a valve for a strip by its name, and says at
//! which multiple of bars it begins to flow; the engine finds the frame of that place in its own quantum, so takes that are opened for
//! one place begin together, to the frame. A strip that an edit takes away is silent until it is there again, so that what follows
//! stays in time.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::transport::Piece;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::score::Ratio;
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Taps of an engine.
pub const TAPS: usize = 32;

/// One quantum of stereo.
type Quantum = [[f32; 2]; QUANTUM];

/// What a valve that is shut lets through.
const SHUT: u64 = 0;

/// A strip's name as the engine knows it; `master` is the whole.
pub use modurust_compiler::program::source;

/// What both sides see of a tap.
#[derive(Debug, Default)]
pub struct Valve {
    source: AtomicU64,
    /// Counts how often it was opened.
    turn: AtomicU32,
    grid: [AtomicI64; 2],
    /// Not before this frame.
    from: AtomicU64,
    lost: AtomicU64,
}

impl Valve {
    /// Lets a strip through from the next multiple of `grid` bars on, at once if that is 0, but not before the quantum that holds the
    /// frame `from`.
    pub fn open(&self, strip: &str, grid: Ratio, from: u64) {
        self.from.store(from, Ordering::Relaxed);
        self.grid[0].store(grid.num(), Ordering::Relaxed);
        self.grid[1].store(grid.den(), Ordering::Relaxed);
        self.turn.fetch_add(1, Ordering::Relaxed);
        self.source.store(source(strip), Ordering::Release);
    }

    /// Lets nothing through.
    pub fn shut(&self) {
        self.source.store(SHUT, Ordering::Release);
    }

    /// True while a strip is let through, or waits for its place.
    pub fn is_open(&self) -> bool {
        self.source.load(Ordering::Acquire) != SHUT
    }

    /// Frames that found no room in the ring since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn grid(&self) -> Ratio {
        let den = self.grid[1].load(Ordering::Relaxed);
        if den > 0 { Ratio::new(self.grid[0].load(Ordering::Relaxed), den) } else { Ratio::ZERO }
    }
}

/// The control side's end of a tap.
#[derive(Debug)]
pub struct Spout {
    /// What flows.
    pub ring: Consumer<[f32; 2]>,
    /// Opens and shuts it.
    pub valve: Arc<Valve>,
}

/// The engine's end.
pub(crate) struct Tap {
    ring: Producer<[f32; 2]>,
    valve: Arc<Valve>,
    turn: u32,
    flows: bool,
}

/// Taps whose rings hold so many frames; none if that is 0.
pub(crate) fn taps(frames: usize) -> (Box<[Tap]>, Vec<Spout>) {
    let count = if frames == 0 { 0 } else { TAPS };
    let tap = |_| {
        let ((ring, out), valve) = (RingBuffer::new(frames), Arc::new(Valve::default()));
        (Tap { ring, valve: Arc::clone(&valve), turn: 0, flows: false }, Spout { ring: out, valve })
    };
    let (ours, theirs): (Vec<Tap>, Vec<Spout>) = (0..count).map(tap).unzip();
    (ours.into_boxed_slice(), theirs)
}

impl Tap {
    /// Passes a quantum on that begins at `frame` and covers some pieces. `strip` writes that of a name, if there is one.
    pub fn run(&mut self, pieces: &[Piece], frame: u64, whole: &Quantum, strip: impl Fn(u64, &mut Quantum) -> bool) {
        let name = self.valve.source.load(Ordering::Acquire);
        if name == SHUT {
            self.flows = false;
            return;
        }
        let turn = self.valve.turn.load(Ordering::Relaxed);
        if turn != self.turn {
            (self.turn, self.flows) = (turn, false);
        }
        let mut first = 0;
        if !self.flows {
            if frame + (QUANTUM as u64) <= self.valve.from.load(Ordering::Relaxed) {
                return;
            }
            let Some(begin) = begin(pieces, frame, self.valve.grid()) else { return };
            (self.flows, first) = (true, begin);
        }
        let mut own = [[0.0; 2]; QUANTUM];
        let sound = if name == source("master") {
            whole
        } else {
            strip(name, &mut own);
            &own
        };
        let sound = &sound[first..];
        if self.ring.push_entire_slice(sound).is_err() {
            self.valve.lost.fetch_add(sound.len() as u64, Ordering::Relaxed);
        }
    }
}

/// The first frame of a quantum at which a multiple of `grid` bars lies.
fn begin(pieces: &[Piece], frame: u64, grid: Ratio) -> Option<usize> {
    if !grid.is_positive() {
        return Some(0);
    }
    pieces.iter().filter(|piece| !piece.silent).find_map(|piece| {
        let next = Ratio::int((piece.begin / grid).ceil()) * grid;
        let at = (next < piece.end).then(|| piece.mark.frame_of(next))?;
        Some((at - frame as i64).clamp(0, QUANTUM as i64 - 1) as usize)
    })
}
