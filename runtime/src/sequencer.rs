//! From patterns to rows: which note falls on which frame.
//!
//! Once a quantum, every unit asks its pattern for the pieces of time that the quantum covers, and turns the answer into steps of its
//! rows. An event that begins at cycle `c` falls on the frame in which the line of its piece has `c`, whatever the tempo was before;
//! its gate falls one frame before its end, so that a note that follows at once is heard as a new one. Where time jumps, and where a
//! clip is launched or stopped, the notes that sound end on that frame.
//!
//! Patterns have no state. What is sounding has: the ends of notes wait in their voices, so a pattern that is edited or taken
//! away still lets go of the notes that it began. Units of one pattern (a drum kit) share one query.
//!
//! Everything is sized in advance: [`EVENTS`] events a pattern and quantum. What finds no room is counted, not kept.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::launcher::Cut;
use crate::outbox::{Said, VELOCITY};
use crate::transport::{Piece, Transport};
use crate::voice::{UnitState, UnitTable};
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::program::{FieldSource, Unit, UnitKind};
use modurust_compiler::score::launch::Launches;
use modurust_compiler::score::{Event, EventBuf, FieldId, PatId, Ratio, Score, Value};
use std::ops::Range;

/// Most events of one pattern in one quantum (1.3 ms at 48 kHz).
pub const EVENTS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A launch ends this unit's notes.
    Cut,
    /// Ends this unit's notes.
    Choke,
    /// Begins a note, or sets a held value.
    Play,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    frame: u64,
    kind: Kind,
    event: u32,
}

/// Units whose patterns are asked ahead.
const AHEAD: usize = 512;

/// Bits of a word of a set.
const WORD: usize = u64::BITS as usize;

/// Quanta for which a unit must be known to begin nothing, so that it is not asked meanwhile.
const LONG: f64 = 4.0;

/// How far patterns are asked ahead, as so many parts of a cycle.
const FAR: i64 = 4;

/// More than rounding moves a position of a year of music.
const ROUNDING: f64 = 1e-6;

/// Pieces of a quantum that are compared quickly; there are hardly ever more than two.
const PIECES: usize = 8;

/// Where a unit's pattern is known to begin nothing. Patterns have no state, so what was found for a span holds for all that lies in it.
#[derive(Clone, Copy)]
struct Quiet {
    pattern: PatId,
    from: Ratio,
    until: Ratio,
    /// The same two, rounded so that it holds inside them: most questions are answered by these.
    within: (f64, f64),
    /// Of the score that was asked.
    epoch: u32,
    /// Quanta to let pass before it is asked ahead again.
    wait: u8,
}

/// Units whose patterns are all known to begin nothing for a while: most of a set, which is not even asked meanwhile.
struct Calm {
    units: [u64; AHEAD / WORD],
    /// Where that holds, cycles.
    within: (f64, f64),
    /// Of the score that was asked.
    epoch: u32,
}

impl Calm {
    const NONE: Calm = Calm { units: [0; AHEAD / WORD], within: (0.0, 0.0), epoch: 0 };

    fn has(&self, unit: usize) -> bool {
        self.units.get(unit / WORD).is_some_and(|word| word >> (unit % WORD) & 1 == 1)
    }

    /// One unit more, that is calm within other bounds, too.
    fn add(&mut self, unit: usize, within: (f64, f64)) {
        if let Some(word) = self.units.get_mut(unit / WORD) {
            *word |= 1 << (unit % WORD);
            self.within = (self.within.0.max(within.0), self.within.1.min(within.1));
        }
    }
}

/// Asks patterns and writes rows. All memory is taken at construction.
pub struct Sequencer {
    events: EventBuf,
    ahead: EventBuf,
    /// Events of a span far ahead.
    far: EventBuf,
    quiet: Box<[Quiet]>,
    calm: Calm,
    epoch: u32,
    due: Vec<Due>,
    lost: u64,
}

impl Default for Sequencer {
    fn default() -> Sequencer {
        let quiet =
            Quiet { pattern: PatId(0), from: Ratio::ZERO, until: Ratio::ZERO, epoch: 0, wait: 0, within: (0.0, 0.0) };
        Sequencer {
            events: EventBuf::new(EVENTS),
            ahead: EventBuf::new(16),
            far: EventBuf::new(EVENTS),
            quiet: vec![quiet; AHEAD].into(),
            calm: Calm::NONE,
            epoch: 1,
            due: Vec::with_capacity(EVENTS),
            lost: 0,
        }
    }
}

impl Sequencer {
    /// A sequencer with room for [`EVENTS`] events a pattern and quantum.
    pub fn new() -> Sequencer {
        Sequencer::default()
    }

    /// Events that found no room since the start.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Forgets what patterns have said: there is another score.
    pub fn forget(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// True if a unit's pattern begins no note in a piece. Asked far ahead and remembered, since most patterns begin nothing in
    /// most quanta; not for patterns that launches decide.
    fn rests(
        &mut self,
        index: usize,
        unit: &Unit,
        (piece, span): (&Piece, (f64, f64)),
        (score, launches): (&Score, &Launches),
    ) -> bool {
        let Some(slot) = self.quiet.get_mut(index) else { return false };
        let known = slot.epoch == self.epoch && slot.pattern == unit.pattern;
        if known && slot.within.0 <= span.0 && span.1 <= slot.within.1 {
            return true;
        }
        if unit.kind == UnitKind::Hold || score.sets(unit.pattern) != 0 {
            return false;
        }
        if known {
            if slot.from <= piece.begin && piece.end <= slot.until {
                return true;
            }
            if slot.wait > 0 {
                slot.wait -= 1;
                return false;
            }
        }
        let end = piece.begin + Ratio::new(1, FAR);
        self.far.clear();
        score.query_launched(unit.pattern, piece.begin, end, launches, &mut self.far);
        let onsets = self.far.events().iter().filter(|event| event.is_onset()).map(|event| event.part.0);
        let until = if self.far.lost() > 0 { piece.begin } else { onsets.fold(end, Ord::min) };
        // Where notes follow each other closely, looking ahead gains nothing.
        let close = until - piece.begin < (piece.end - piece.begin) * Ratio::int(4);
        let wait = if close { 4 } else { 0 };
        let within = (piece.begin.to_f64() + ROUNDING, until.to_f64() - ROUNDING);
        *slot = Quiet { pattern: unit.pattern, from: piece.begin, until, within, epoch: self.epoch, wait };
        piece.end <= until
    }

    /// Begins the rows of all units for a quantum.
    pub fn begin(table: &mut UnitTable) {
        table.each_astir(|_, state| state.level());
    }

    /// Fills the rows of all units to the end of the quantum that begins at frame `base`.
    pub fn finish(table: &mut UnitTable, base: u64) {
        table.each_astir(|_, state| state.advance(base, base + QUANTUM as u64 - 1));
    }

    /// Plays pieces of the quantum that begins at frame `base`: those of the transport with these numbers. A jump of time changes what
    /// is launched, so pieces before and after it are played apart. `cuts` are the launches of these pieces.
    pub fn run(
        &mut self,
        table: &mut UnitTable,
        (units, score): (&[Unit], &Score),
        transport: &Transport,
        (launches, cuts): (&Launches, &[Cut]),
        (base, pieces): (u64, Range<usize>),
    ) {
        let last = base + QUANTUM as u64 - 1;
        let inside = |frame: i64| frame.clamp(base as i64, last as i64) as u64;
        let mut asked: Option<(PatId, usize)> = None;
        let mut spans = [(0.0, 0.0); PIECES];
        for (span, piece) in spans.iter_mut().zip(transport.pieces()) {
            *span = (piece.begin.to_f64(), piece.end.to_f64());
        }
        let span_of = |index: usize| spans.get(index).copied().unwrap_or((0.0, f64::INFINITY));
        let played = || transport.pieces().iter().enumerate().take(pieces.end).skip(pieces.start);
        let turns = played().any(|(_, piece)| piece.jump || piece.ends);
        let within =
            played().filter(|(_, piece)| !piece.silent).fold((f64::INFINITY, f64::NEG_INFINITY), |all, (i, _)| {
                let (from, to) = span_of(i);
                (all.0.min(from), all.1.max(to))
            });
        let Calm { within: calm, epoch, .. } = self.calm;
        let known = !turns && epoch == self.epoch && calm.0 <= within.0 && within.1 <= calm.1;
        let learns = !turns && !known && within.0 < within.1;
        if learns {
            let far = 1.0 / FAR as f64;
            self.calm = Calm { within: (within.0, within.1 + far), epoch: self.epoch, ..Calm::NONE };
        }
        let long = within.1 + LONG * (within.1 - within.0);
        for (number, unit) in units.iter().enumerate().take(table.len()) {
            if known && self.calm.has(number) {
                continue;
            }
            let mut quiet = true;
            for (index, piece) in played() {
                if piece.jump || piece.ends {
                    let frame = inside(piece.mark.frame_of(piece.begin));
                    let Some(state) = table.get_mut(number) else { break };
                    state.advance(base, frame);
                    state.stop_played(base, frame);
                }
                if piece.silent || self.rests(number, unit, (piece, span_of(index)), (score, launches)) {
                    continue;
                }
                quiet = false;
                if asked != Some((unit.pattern, index)) {
                    self.events.clear();
                    score.query_launched(unit.pattern, piece.begin, piece.end, launches, &mut self.events);
                    self.lost += self.events.lost() as u64;
                    asked = Some((unit.pattern, index));
                }
                self.collect(unit, piece, (score.sets(unit.pattern), cuts), base);
                for i in 0..self.due.len() {
                    let (due, Some(state)) = (self.due[i], table.get_mut(number)) else { break };
                    state.advance(base, due.frame);
                    if due.kind == Kind::Cut {
                        state.stop_all(base, due.frame);
                        continue;
                    }
                    let Some(event) = self.events.events().get(due.event as usize).copied() else { continue };
                    match (due.kind, unit.kind) {
                        (Kind::Play, UnitKind::Hold) if event.continuous => {
                            self.draw(state, unit, (score, launches), piece.end, &event);
                        }
                        (Kind::Play, UnitKind::Hold) => {
                            set_fields(state, unit, 0, (base, due.frame), transport, &event)
                        }
                        (Kind::Play, _) => play(state, unit, transport, base, due.frame, &event),
                        _ => state.stop_all(base, due.frame),
                    }
                }
            }
            // What was found to be quiet by exact positions only is about to end.
            let known = self.quiet.get(number).map_or((0.0, 0.0), |slot| slot.within);
            if learns && quiet && known.0 <= within.0 && long <= known.1 {
                self.calm.add(number, known);
            }
        }
    }

    /// Which events concern a unit, in the order of time; what chokes comes before what plays.
    fn collect(&mut self, unit: &Unit, piece: &Piece, (sets, cuts): (u64, &[Cut]), base: u64) {
        self.due.clear();
        let inside = |frame: i64| frame.clamp(base as i64, base as i64 + QUANTUM as i64 - 1) as u64;
        for cut in cuts.iter().filter(|c| c.sets & sets != 0 && piece.begin <= c.at && c.at < piece.end) {
            if self.due.len() < self.due.capacity() {
                self.due.push(Due { frame: inside(piece.mark.frame_of(cut.at)), kind: Kind::Cut, event: 0 });
            }
        }
        for (i, event) in self.events.events().iter().enumerate() {
            let word = match event.value {
                Value::Word(word) => Some(word),
                _ => None,
            };
            // A held value is set by any piece of an event, so that a pattern edited in the middle of one is heard at once.
            let begins = if unit.kind == UnitKind::Hold { true } else { event.is_onset() && !event.continuous };
            if !begins {
                continue;
            }
            let kind = if unit.word.is_none() || (word.is_some() && word == unit.word) {
                Kind::Play
            } else if word.is_some() && word == unit.choke {
                Kind::Choke
            } else {
                continue;
            };
            if self.due.len() == self.due.capacity() {
                self.lost += 1;
                continue;
            }
            self.due.push(Due { frame: inside(piece.mark.frame_of(event.part.0)), kind, event: i as u32 });
        }
        self.due.sort_unstable();
    }

    /// A continuous pattern as a line to where it stands at the end of the quantum.
    fn draw(
        &mut self,
        state: &mut UnitState,
        unit: &Unit,
        (score, launches): (&Score, &Launches),
        end: Ratio,
        event: &Event,
    ) {
        self.ahead.clear();
        score.query_launched(unit.pattern, end, end + Ratio::new(1, 4096), launches, &mut self.ahead);
        let event = self.ahead.events().iter().find(|e| e.continuous).unwrap_or(event);
        for (i, field) in unit.fields.iter().enumerate() {
            let value = field_value(field.source, field.default, event);
            state.draw(i, 0, value);
        }
    }
}

/// Begins a note.
fn play(state: &mut UnitState, unit: &Unit, transport: &Transport, base: u64, frame: u64, event: &Event) {
    let voice = if unit.kind == UnitKind::Poly { state.choose() } else { 0 };
    let (begin, mut end) = event.whole;
    if let Some(share) = event.field(FieldId::GATE) {
        end = begin + (end - begin) * Ratio::from_f64(f64::from(share.clamp(0.0, 64.0)));
    }
    let fall = transport.frame_of(end).saturating_sub(1).max(0) as u64;
    state.start(voice, base, frame, fall, end);
    set_fields(state, unit, voice, (base, frame), transport, event);
}

/// Steps the fields of a voice at a frame of the quantum from `base` on.
pub(crate) fn set_fields(
    state: &mut UnitState,
    unit: &Unit,
    voice: usize,
    (base, frame): (u64, u64),
    transport: &Transport,
    event: &Event,
) {
    for (i, field) in unit.fields.iter().enumerate() {
        let value = match field.source {
            FieldSource::Gate => continue,
            FieldSource::Frames => (transport.frame_of(event.whole.1) - frame as i64).max(1) as f32,
            FieldSource::Bar => transport.frames_per_bar().to_f64() as f32,
            FieldSource::Beat => (event.whole.0 * transport.timing().beats_per_bar).to_f64() as f32,
            source => field_value(source, field.default, event),
        };
        state.set(i, voice, frame.saturating_sub(base) as usize, value);
    }
    if state.said.capacity() > 0 {
        let held = state.voices.get(voice).is_some_and(|voice| voice.key != 0);
        let frames = (transport.frame_of(event.whole.1) - frame as i64).max(1) as u64;
        state.say(Said {
            offset: frame.saturating_sub(base).min(QUANTUM as u64 - 1) as u8,
            value: event.value,
            tail: event.tail.first().and_then(Value::number).map(|x| x as f32),
            velocity: event.field(FieldId::VEL).unwrap_or(VELOCITY),
            // Nobody knows when a hand will let go.
            frames: (!held).then_some(frames),
        });
    }
}

fn field_value(source: FieldSource, default: f32, event: &Event) -> f32 {
    let value = match source {
        FieldSource::Freq => event.field(FieldId::FREQ).or_else(|| event.value.freq().map(|x| x as f32)),
        FieldSource::Vel => event.field(FieldId::VEL),
        FieldSource::Value => match event.value {
            Value::Word(_) => Some(event.tail.first().and_then(Value::number).unwrap_or(0.0) as f32),
            value => value.number().map(|x| x as f32),
        },
        FieldSource::Named(field) => event.field(field),
        FieldSource::Gate | FieldSource::Frames | FieldSource::Bar | FieldSource::Beat => None,
        // Hands give these, and the world outside.
        FieldSource::Press | FieldSource::Slide | FieldSource::Bend | FieldSource::Step(_) => None,
    };
    value.filter(|x| x.is_finite()).unwrap_or(default)
}

/// Recomputes when sounding notes end, after a change of tempo at `frame`.
pub fn retime(table: &mut UnitTable, transport: &Transport, frame: u64) {
    for state in table.iter_mut() {
        for voice in state.voices.iter_mut().filter(|v| v.held && v.fall != crate::voice::NEVER) {
            let fall = transport.frame_of(voice.end).saturating_sub(1).max(0) as u64;
            voice.fall = fall.max(frame).max(if voice.rise == crate::voice::NEVER { 0 } else { voice.rise + 1 });
        }
    }
}

/// Ends every note of the text at `frame`, the first of the coming quantum; what hands hold sounds on.
pub fn release_played(table: &mut UnitTable, frame: u64) {
    for state in table.iter_mut() {
        state.level();
        state.stop_played(frame, frame);
    }
}

/// Ends every note at `frame`, the first of the coming quantum: the rows already stand at their last values, so this is called
/// before [`Sequencer::run`].
pub fn release_all(table: &mut UnitTable, frame: u64) {
    for state in table.iter_mut() {
        state.level();
        state.stop_all(frame, frame);
    }
}
