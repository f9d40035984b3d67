//! Voices of a unit and the rows of numbers that they become.
//!
//! A [`RowMem`] is what generated code reads: a value per frame and voice for one quantum. It is written as steps at exact
//! frames, and only when something changes; a row that is constant and already holds its value is left alone. A [`Unit`]
//! (`UnitState`) adds who plays what: gates, ends of notes, and which voice is taken next.
//!
//! A voice that is taken over while its gate is up, or whose gate fell in this very frame, has its gate at 0 for one frame and
//! at 1 from the next, so that an envelope always sees it rise. The end of a note is one frame early for the same reason.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::outbox::{Outlet, Said};
use modurust_compiler::exec::padded;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::program::{FieldSource, Unit, UnitKind};
use modurust_compiler::score::{Ratio, Score};

mod shed;
mod table;
use shed::Shed;
pub use table::UnitTable;

/// No frame.
pub const NEVER: u64 = u64::MAX;

/// The bit of a voice in a word; those above the 64th are the 64th.
pub fn bit(voice: usize) -> u64 {
    1 << voice.min(63)
}

/// Four lanes, aligned as vector loads want them.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Quad(pub [f32; 4]);

/// One field of one unit for one quantum: `[QUANTUM][padded voices]`.
#[derive(Debug)]
pub struct RowMem {
    data: Box<[Quad]>,
    values: Box<[f32]>,
    /// Per voice, how many frames from the start still hold an older value.
    stale: Box<[u8]>,
    any_stale: bool,
}

impl RowMem {
    /// A row that holds `value` everywhere.
    pub fn new(voices: usize, value: f32) -> RowMem {
        let voices = voices.max(1);
        let words = padded(voices as u32) * QUANTUM;
        RowMem {
            data: vec![Quad([value; 4]); words / 4].into_boxed_slice(),
            values: vec![value; voices].into_boxed_slice(),
            stale: vec![0; voices].into_boxed_slice(),
            any_stale: false,
        }
    }

    /// What generated code reads. Stays the same for the life of the row, also when the row is moved.
    pub fn pointer(&self) -> *const f32 {
        self.data.as_ptr().cast()
    }

    /// Number of voices.
    pub fn voices(&self) -> usize {
        self.values.len()
    }

    /// The value that a voice holds at the end of the quantum.
    pub fn value(&self, voice: usize) -> f32 {
        self.values.get(voice).copied().unwrap_or(0.0)
    }

    /// What the row holds at a frame of the quantum.
    pub fn at(&self, voice: usize, frame: usize) -> f32 {
        let (quad, lane) = self.place(voice, frame);
        self.data.get(quad).map_or(0.0, |q| q.0[lane])
    }

    fn place(&self, voice: usize, frame: usize) -> (usize, usize) {
        let at = frame * padded(self.values.len() as u32) + voice;
        (at / 4, at % 4)
    }

    fn fill(&mut self, voice: usize, from: usize, to: usize, value: f32) {
        for frame in from..to {
            let (quad, lane) = self.place(voice, frame);
            if let Some(q) = self.data.get_mut(quad) {
                q.0[lane] = value;
            }
        }
    }

    /// Begins a quantum: every frame holds the last value of the one before. The voices for which that changes anything ([`bit`]).
    pub fn level(&mut self) -> u64 {
        if !self.any_stale {
            return 0;
        }
        let mut changed = 0;
        for voice in 0..self.values.len() {
            let upto = usize::from(self.stale[voice]);
            if upto > 0 {
                self.stale[voice] = 0;
                changed |= bit(voice);
                let value = self.values[voice];
                self.fill(voice, 0, upto, value);
            }
        }
        self.any_stale = false;
        changed
    }

    /// Steps to `value` from `frame` of this quantum on. True if that is another value.
    pub fn step(&mut self, voice: usize, frame: usize, value: f32) -> bool {
        let Some(slot) = self.values.get_mut(voice) else { return false };
        if slot.to_bits() == value.to_bits() {
            return false;
        }
        *slot = value;
        let frame = frame.min(QUANTUM - 1);
        self.fill(voice, frame, QUANTUM, value);
        if frame > 0 {
            self.stale[voice] = self.stale[voice].max(frame as u8);
            self.any_stale = true;
        }
        true
    }

    /// What is added to a line over the quantum (`Node::Line`), so that it steps by `by` at `frame` instead.
    pub fn square(&mut self, voice: usize, frame: usize, by: f32) {
        if voice >= self.values.len() {
            return;
        }
        for i in 0..QUANTUM {
            let (line, step) = (by * ((i + 1) as f32 / QUANTUM as f32), if i >= frame { by } else { 0.0 });
            let x = self.at(voice, i) + (step - line);
            self.fill(voice, i, i + 1, x);
        }
        self.stale[voice] = QUANTUM as u8;
        self.any_stale = true;
    }

    /// Draws a line from what the row holds at `frame` to `value` one frame past the end of the quantum. True if that is another value.
    pub fn slope(&mut self, voice: usize, frame: usize, value: f32) -> bool {
        let frame = frame.min(QUANTUM - 1);
        let from = self.at(voice, frame);
        let Some(slot) = self.values.get_mut(voice) else { return false };
        if slot.to_bits() == value.to_bits() && from.to_bits() == value.to_bits() {
            return false;
        }
        *slot = value;
        for i in frame..QUANTUM {
            let x = from + (value - from) * ((i - frame) as f32 / (QUANTUM - frame) as f32);
            self.fill(voice, i, i + 1, x);
        }
        self.stale[voice] = QUANTUM as u8;
        self.any_stale = true;
        true
    }

    /// Draws a line over the quantum, from the value held to `value` one frame past its end. True if that is another value.
    pub fn line(&mut self, voice: usize, value: f32) -> bool {
        let Some(slot) = self.values.get_mut(voice) else { return false };
        let from = *slot;
        if from.to_bits() == value.to_bits() {
            return false;
        }
        *slot = value;
        for frame in 0..QUANTUM {
            let x = from + (value - from) * (frame as f32 / QUANTUM as f32);
            self.fill(voice, frame, frame + 1, x);
        }
        self.stale[voice] = QUANTUM as u8;
        self.any_stale = true;
        true
    }
}

/// One voice's notes.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// The gate is up, or will be at `rise`.
    pub held: bool,
    /// Serial number of the last begin or end of a note: smaller is longer ago.
    pub since: u64,
    /// Frame at which the gate rises, after one frame at 0.
    pub rise: u64,
    /// Frame at which the gate falls.
    pub fall: u64,
    /// Frame at which it fell last.
    pub fell: u64,
    /// End of the note, in cycles.
    pub end: Ratio,
    /// The key that holds it ([`crate::keys::Key`]), or 0 for a note of the text.
    pub key: u32,
    /// Frequency of the note before any bend, Hz.
    pub freq: f32,
}

impl Voice {
    const IDLE: Voice =
        Voice { held: false, since: 0, rise: NEVER, fall: NEVER, fell: NEVER, end: Ratio::ZERO, key: 0, freq: 0.0 };
}

/// A gate that rises or falls, for an instrument outside.
#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    /// Frame of the quantum.
    pub offset: u8,
    /// Which voice.
    pub voice: u8,
    /// Rises.
    pub down: bool,
}

/// Strokes of a unit in one quantum.
const STROKES: usize = 256;

/// Voices and rows of one unit.
#[derive(Debug)]
pub struct UnitState {
    /// How notes meet voices.
    pub kind: UnitKind,
    /// At least one.
    pub voices: Box<[Voice]>,
    /// A row per field.
    pub rows: Box<[RowMem]>,
    gates: Box<[bool]>,
    /// Where events leave.
    pub outlet: Option<Outlet>,
    /// What an instrument is still to be told.
    pub strokes: Vec<Stroke>,
    /// What is still to be said by OSC.
    pub said: Vec<Said>,
    /// The key that each voice holds there.
    pub notes: Box<[u8]>,
    /// The field of velocities.
    vel: Option<usize>,
    /// What is left out of each voice.
    shed: Box<[Shed]>,
    /// Some gate of a voice that is left out comes down.
    fades: bool,
    serial: u64,
    /// Voices whose gate is up, or will be.
    held: usize,
    /// Some row is not level.
    stepped: bool,
    /// Voices whose rows are not what they were.
    stirred: u64,
}

impl UnitState {
    /// At rest, every field at its default.
    pub fn new(unit: &Unit) -> UnitState {
        let voices = if unit.kind == UnitKind::Poly { unit.voices.max(1) as usize } else { 1 };
        let lanes = unit.voices.max(1) as usize;
        let outlet = unit.outlet.as_deref().map(Outlet::of);
        let plays = outlet.is_some_and(|outlet| outlet.plays());
        UnitState {
            kind: unit.kind,
            voices: vec![Voice::IDLE; voices].into_boxed_slice(),
            rows: unit.fields.iter().map(|f| RowMem::new(lanes, f.default)).collect(),
            gates: unit.fields.iter().map(|f| f.source == FieldSource::Gate).collect(),
            vel: unit.fields.iter().position(|f| f.source == FieldSource::Vel),
            shed: vec![Shed::default(); voices].into_boxed_slice(),
            fades: false,
            outlet,
            strokes: Vec::with_capacity(if plays { STROKES } else { 0 }),
            said: Vec::with_capacity(if outlet.is_some() && !plays { STROKES } else { 0 }),
            notes: vec![0; if plays { voices } else { 0 }].into_boxed_slice(),
            serial: 0,
            held: 0,
            stepped: false,
            stirred: u64::MAX,
        }
    }

    /// Begins a quantum.
    pub fn level(&mut self) {
        if !std::mem::take(&mut self.stepped) {
            return;
        }
        for row in &mut self.rows {
            self.stirred |= row.level();
        }
    }

    /// True if a quantum would change nothing here, and leaves nothing to tell anybody.
    fn at_rest(&self) -> bool {
        self.held == 0
            && !self.stepped
            && !self.fades
            && self.stirred == 0
            && self.strokes.is_empty()
            && self.said.is_empty()
    }

    /// Voices of which a row has changed since this was asked last ([`bit`]).
    pub fn take_stirred(&mut self) -> u64 {
        std::mem::take(&mut self.stirred)
    }

    /// Steps field `field` of a voice.
    pub fn set(&mut self, field: usize, voice: usize, frame: usize, value: f32) {
        if let Some(row) = self.rows.get_mut(field) {
            self.stirred |= u64::from(row.step(voice, frame, value)) * bit(voice);
            self.stepped = true;
        }
    }

    /// Makes a step by `by` at `frame` of the line that a number draws over the quantum, in a field that is added to it.
    pub fn square(&mut self, field: usize, voice: usize, frame: usize, by: f32) {
        if let Some(row) = self.rows.get_mut(field).filter(|_| by != 0.0) {
            row.square(voice, frame, by);
            self.stirred |= bit(voice);
            self.stepped = true;
        }
    }

    /// Draws field `field` of a voice as a line from `frame` of the quantum to its end.
    pub fn slope(&mut self, field: usize, voice: usize, frame: usize, value: f32) {
        if let Some(row) = self.rows.get_mut(field) {
            self.stirred |= u64::from(row.slope(voice, frame, value)) * bit(voice);
            self.stepped = true;
        }
    }

    /// Draws field `field` of a voice as a line over the quantum.
    pub fn draw(&mut self, field: usize, voice: usize, value: f32) {
        if let Some(row) = self.rows.get_mut(field) {
            self.stirred |= u64::from(row.line(voice, value)) * bit(voice);
            self.stepped = true;
        }
    }

    fn gate(&mut self, voice: usize, frame: usize, value: f32) {
        self.stroke(voice, frame, value > 0.0);
        self.stepped = true;
        for (row, is_gate) in self.rows.iter_mut().zip(&self.gates) {
            if *is_gate {
                self.stirred |= u64::from(row.step(voice, frame, value)) * bit(voice);
            }
        }
    }

    fn draw_gate(&mut self, voice: usize, value: f32) {
        self.stepped = true;
        for (row, is_gate) in self.rows.iter_mut().zip(&self.gates) {
            if *is_gate {
                self.stirred |= u64::from(row.line(voice, value)) * bit(voice);
            }
        }
    }

    /// Remembers an event that leaves by OSC; of units for anything else nothing.
    pub fn say(&mut self, said: Said) {
        if self.said.len() < self.said.capacity() {
            self.said.push(said);
        }
    }

    fn stroke(&mut self, voice: usize, frame: usize, down: bool) {
        if self.strokes.len() < self.strokes.capacity() {
            let offset = frame.min(QUANTUM - 1) as u8;
            self.strokes.push(Stroke { offset, voice: voice as u8, down });
        }
    }

    fn stamp(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// The voice for a new note: the one at rest for the longest, so that a tail sounds on for as long as it can; if all are
    /// held, the oldest note's.
    pub fn choose(&self) -> usize {
        let oldest = |held: bool| {
            let open = self.voices.iter().zip(&self.shed).enumerate().filter(|(_, (_, shed))| !shed.closed);
            open.filter(|(_, (v, _))| v.held == held).min_by_key(|(_, (v, _))| v.since).map(|(i, _)| i)
        };
        oldest(false).or_else(|| oldest(true)).unwrap_or(0)
    }

    /// Begins a note at `frame`, absolute; `base` is the first frame of the quantum. Ends at `fall`.
    pub fn start(&mut self, voice: usize, base: u64, frame: u64, fall: u64, end: Ratio) {
        let stamp = self.stamp();
        let Some(v) = self.voices.get_mut(voice) else { return };
        let again = v.held || v.fell == frame;
        v.rise = if again { frame + 1 } else { NEVER };
        v.fall = fall.max(frame + if again { 2 } else { 1 });
        v.end = end;
        v.key = 0;
        self.held += usize::from(!v.held);
        v.held = true;
        v.since = stamp;
        self.shed[voice].left = 0;
        self.gate(voice, frame.saturating_sub(base) as usize, if again { 0.0 } else { 1.0 });
    }

    /// Ends whatever a voice plays.
    pub fn stop(&mut self, voice: usize, base: u64, frame: u64) {
        let stamp = self.stamp();
        let Some(v) = self.voices.get_mut(voice) else { return };
        if v.held {
            self.held -= 1;
            *v = Voice { held: false, since: stamp, rise: NEVER, fall: NEVER, fell: frame, ..*v };
            self.gate(voice, frame.saturating_sub(base) as usize, 0.0);
        }
    }

    /// Ends the notes of the text; what a hand holds sounds on.
    pub fn stop_played(&mut self, base: u64, frame: u64) {
        for voice in 0..self.voices.len() {
            if self.voices[voice].key == 0 {
                self.stop(voice, base, frame);
            }
        }
    }

    /// Gives the note that a voice has begun to the key that holds it; `freq` is its frequency before any bend, Hz.
    pub fn hold(&mut self, voice: usize, key: u32, freq: f32) {
        if let Some(v) = self.voices.get_mut(voice) {
            (v.key, v.freq) = (key, freq);
        }
    }

    /// Ends everything.
    pub fn stop_all(&mut self, base: u64, frame: u64) {
        for voice in 0..self.voices.len() {
            self.stop(voice, base, frame);
        }
    }

    /// Carries out rises and falls due up to and including `limit`.
    pub fn advance(&mut self, base: u64, limit: u64) {
        if self.held == 0 {
            return;
        }
        for voice in 0..self.voices.len() {
            let Voice { rise, fall, held, .. } = self.voices[voice];
            if !held {
                continue;
            }
            if rise <= limit {
                self.voices[voice].rise = NEVER;
                self.gate(voice, rise.saturating_sub(base) as usize, 1.0);
            }
            if fall <= limit {
                self.stop(voice, base, fall);
            }
        }
    }

    /// Takes over voices and rows of the same unit in an older program. Rows of matched fields are exchanged when both have the
    /// same number of voices, so their memory stays where the old code reads it; else values are copied.
    pub fn adopt(&mut self, old: &mut UnitState, fields: &[(usize, usize)]) {
        self.serial = self.serial.max(old.serial);
        (self.stirred, old.stirred) = (u64::MAX, u64::MAX);
        let mut voices = self.voices.len().min(old.voices.len());
        if old.outlet.is_some() {
            // Another instrument knows nothing of the keys that the old one holds.
            if self.outlet != old.outlet {
                voices = 0;
            }
            for i in voices..old.voices.len() {
                if old.voices[i].held {
                    old.stroke(i, 0, false);
                }
            }
            let kept = voices.min(self.notes.len()).min(old.notes.len());
            self.notes[..kept].copy_from_slice(&old.notes[..kept]);
        }
        for i in 0..voices {
            self.voices[i] = old.voices[i];
            self.shed[i] = old.shed[i];
        }
        self.fades = old.fades;
        self.held = self.voices.iter().filter(|voice| voice.held).count();
        // Rows come as they are, level or not.
        (self.stepped, old.stepped) = (true, true);
        for &(new_field, old_field) in fields {
            let (Some(mine), Some(theirs)) = (self.rows.get_mut(new_field), old.rows.get_mut(old_field)) else {
                continue;
            };
            if mine.values.len() == theirs.values.len() {
                std::mem::swap(mine, theirs);
            } else {
                for voice in 0..mine.values.len().min(theirs.values.len()) {
                    mine.step(voice, 0, theirs.value(voice));
                }
            }
        }
    }
}

/// True if two fields of two scores mean the same.
pub fn same_field(a: FieldSource, a_score: &Score, b: FieldSource, b_score: &Score) -> bool {
    match (a, b) {
        (FieldSource::Named(x), FieldSource::Named(y)) => a_score.field_name(x) == b_score.field_name(y),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_compiler::graph::FrameId;
    use modurust_compiler::program::UnitField;
    use modurust_compiler::score::PatId;

    fn unit(kind: UnitKind, voices: u32) -> UnitState {
        let fields = vec![
            UnitField { source: FieldSource::Freq, default: 440.0 },
            UnitField { source: FieldSource::Gate, default: 0.0 },
        ];
        let unit = Unit {
            path: "u".into(),
            frame: FrameId(0),
            kind,
            voices,
            pattern: PatId(0),
            word: None,
            choke: None,
            live: 0,
            mpe: false,
            outlet: None,
            swings: true,
            fields,
        };
        UnitState::new(&unit)
    }

    #[test]
    fn rows_step_and_level() {
        for voices in [1, 3, 4, 9] {
            let mut row = RowMem::new(voices, 0.5);
            let last = voices - 1;
            row.step(last, 10, 1.0);
            row.step(last, 20, 2.0);
            assert_eq!((row.at(last, 9), row.at(last, 10), row.at(last, 19), row.at(last, 63)), (0.5, 1.0, 1.0, 2.0));
            row.level();
            assert!((0..64).all(|f| row.at(last, f) == 2.0));
            assert!(voices == 1 || (0..64).all(|f| row.at(0, f) == 0.5));
            row.line(last, 4.0);
            assert_eq!((row.at(last, 0), row.at(last, 32)), (2.0, 3.0));
            row.level();
            assert_eq!((row.at(last, 0), row.at(last, 63)), (4.0, 4.0));
        }
    }

    #[test]
    fn rests_longest_first_then_steals_the_oldest() {
        let mut u = unit(UnitKind::Poly, 3);
        for i in 0..3 {
            assert_eq!(u.choose(), i);
            u.start(i, 0, i as u64, NEVER, Ratio::ONE);
        }
        assert_eq!(u.choose(), 0, "all held: the oldest");
        u.stop(2, 0, 5);
        u.stop(1, 0, 6);
        assert_eq!(u.choose(), 2, "the first to be let go");
        u.start(2, 0, 7, NEVER, Ratio::ONE);
        assert_eq!(u.choose(), 1);
    }

    #[test]
    fn a_stolen_gate_falls_for_one_frame() {
        let mut u = unit(UnitKind::Mono, 1);
        u.start(0, 0, 3, 50, Ratio::ONE);
        u.start(0, 0, 20, 60, Ratio::ONE);
        u.advance(0, 63);
        let gate: Vec<f32> = (0..64).map(|f| u.rows[1].at(0, f)).collect();
        assert_eq!(
            (gate[2], gate[3], gate[19], gate[20], gate[21], gate[59], gate[60]),
            (0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0)
        );
    }

    #[test]
    fn a_steal_on_the_last_frame_rises_in_the_next_quantum() {
        let mut u = unit(UnitKind::Mono, 1);
        u.start(0, 0, 3, 500, Ratio::ONE);
        u.start(0, 0, 63, 500, Ratio::ONE);
        u.advance(0, 63);
        assert_eq!(u.rows[1].at(0, 63), 0.0);
        u.level();
        u.advance(64, 127);
        assert!((0..64).all(|f| u.rows[1].at(0, f) == 1.0));
    }

    #[test]
    fn a_gate_that_fell_on_the_same_frame_is_seen_to_fall() {
        let mut u = unit(UnitKind::Mono, 1);
        u.start(0, 0, 3, 20, Ratio::ONE);
        u.advance(0, 20);
        u.start(0, 0, 20, 40, Ratio::ONE);
        u.advance(0, 63);
        assert_eq!(
            (u.rows[1].at(0, 19), u.rows[1].at(0, 20), u.rows[1].at(0, 21), u.rows[1].at(0, 40)),
            (1.0, 0.0, 1.0, 0.0)
        );
    }
}
