//! What goes out, each at its frame: notes of `midi_out`, the clock, and events of `osc_out`.
//!
//! A unit with an outlet has voices like any other; when the gate of one rises or falls, a message is made of it. The clock has 24 ticks
//! for a quarter note, which fall on the frames of their positions, so it goes with the music to the frame, whatever the tempo does. The
//! [`Outbox`] holds what was made until whoever plays the sound takes it: a device with ports of its own in the same period, a thread
//! otherwise. What goes by OSC is said as its event begins, becomes a [`Letter`] with its frame, and leaves at once, by a ring: it is whoever
//! gets it that waits for its time.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::agenda::Agenda;
use crate::inbox::PortName;
use crate::midi::{Exclusive, Message, System, Voice};
use crate::steer::{self, Steered};
use crate::transport::Piece;
use crate::voice::UnitState;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::program::{self, FieldSource, Timing, Unit};
use modurust_compiler::score::tempo::TempoMap;
use modurust_compiler::score::{Ratio, Score, Value};
use rtrb::{Consumer, Producer, RingBuffer};
use std::net::SocketAddr;

/// Messages that wait to be taken.
const WAITING: usize = 2048;
/// Instruments that hear the clock.
pub const CLOCKED: usize = 8;
/// Ticks of a quarter note.
const TICKS: i64 = 24;
/// Velocity of a note that ends.
const SPEED: u16 = 0x8000;
/// Velocity of a note that says none.
pub const VELOCITY: f32 = 0.8;
/// Letters that wait to be fetched.
const LETTERS: usize = 1024;
/// Arguments of a letter.
const ARGUMENTS: usize = 3;

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Departure {
    /// The engine's frame.
    pub frame: u64,
    /// A part of the instrument's name, in lower case.
    pub device: PortName,
    /// What.
    pub message: Message,
}

/// Where the events of a unit leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlet {
    /// How.
    pub wire: Wire,
    /// By so much later, seconds.
    pub offset: f64,
}

/// How events leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire {
    /// As notes, to an instrument with this in its name, on a channel 0 to 15.
    Midi(PortName, u8),
    /// As system exclusive messages, to an instrument.
    Exclusive(PortName),
    /// As messages of OSC, to somebody, under an address.
    Osc(SocketAddr, PortName),
}

impl Outlet {
    /// What a unit says of itself.
    pub fn of(outlet: &program::Outlet) -> Outlet {
        let wire = match &outlet.wire {
            program::Wire::Midi { device, channel, .. } => Wire::Midi(PortName::new(device), *channel),
            program::Wire::Exclusive { device, .. } => Wire::Exclusive(PortName::new(device)),
            program::Wire::Osc { to, address } => Wire::Osc(*to, PortName::exact(address)),
        };
        Outlet { wire, offset: outlet.offset }
    }

    /// True if an instrument is played, with notes that begin and end.
    pub fn plays(&self) -> bool {
        matches!(self.wire, Wire::Midi(..))
    }

    fn frame(&self, frame: u64, rate: u32) -> u64 {
        frame + later(self.offset, rate)
    }
}

/// So many seconds in frames.
fn later(offset: f64, rate: u32) -> u64 {
    (offset.clamp(0.0, 1.0) * f64::from(rate)).round() as u64
}

/// An event that begins, on its way out by OSC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// Frame of the quantum.
    pub offset: u8,
    /// What it is.
    pub value: Value,
    /// The number behind it (`bd:3`).
    pub tail: Option<f32>,
    /// 0 to 1.
    pub velocity: f32,
    /// How long it lasts, if that is known.
    pub frames: Option<u64>,
}

/// A message of OSC, without memory of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letter {
    /// The engine's frame.
    pub frame: u64,
    /// To whom.
    pub to: SocketAddr,
    /// Its address.
    pub address: PortName,
    /// The first argument, if it is a word.
    pub word: Option<PortName>,
    numbers: [f32; ARGUMENTS],
    count: u8,
}

impl Letter {
    /// Arguments that are numbers, behind the word.
    pub fn numbers(&self) -> &[f32] {
        self.numbers.get(..usize::from(self.count)).unwrap_or(&[])
    }

    fn write(&mut self, numbers: &[f32]) {
        for x in numbers {
            if let Some(slot) = self.numbers.get_mut(usize::from(self.count)) {
                *slot = if x.is_finite() { *x } else { 0.0 };
                self.count += 1;
            }
        }
    }

    /// Of an event: a word, and the number behind it; a number; or the number of a note, its velocity, and seconds.
    fn of(said: &Said, (to, address): (SocketAddr, PortName), score: &Score, (frame, rate): (u64, u32)) -> Letter {
        let mut letter = Letter { frame, to, address, word: None, numbers: [0.0; ARGUMENTS], count: 0 };
        let note = match said.value {
            Value::Word(word) => {
                letter.word = Some(PortName::exact(score.word(word)));
                None
            }
            Value::Num(x) => {
                letter.write(&[x as f32]);
                None
            }
            Value::Note(note) => Some(note),
            Value::Freq(hz) => Some(69.0 + 12.0 * (hz / 440.0).log2()),
        };
        match note {
            Some(note) => {
                letter.write(&[note as f32, said.velocity]);
                let seconds = said.frames.map(|frames| frames as f32 / rate.max(1) as f32);
                letter.write(seconds.as_slice());
            }
            None => letter.write(said.tail.as_slice()),
        }
        letter
    }
}

/// The system exclusive message of a unit with the number of an event in it.
fn exclusive(said: &Said, unit: &Unit) -> Option<Message> {
    let program::Wire::Exclusive { template, .. } = &unit.outlet.as_ref()?.wire else { return None };
    let number = match said.value {
        Value::Word(_) => said.tail.unwrap_or(0.0),
        value => value.number()? as f32,
    };
    let (bytes, len) = template.fill(number.round().clamp(0.0, f32::from(template.most())) as u16);
    Exclusive::new(bytes.into_iter().take(len)).map(Message::Exclusive)
}

/// What waits to be taken, in the order of time.
pub(crate) struct Outbox {
    waiting: Agenda<Departure>,
    clock: Clock,
    letters: Producer<Letter>,
    steered: Steered,
}

impl Outbox {
    pub fn new() -> (Outbox, Consumer<Letter>) {
        let (letters, fetched) = RingBuffer::new(LETTERS);
        let waiting = Agenda::new(WAITING);
        (Outbox { waiting, clock: Clock::default(), letters, steered: Steered::new() }, fetched)
    }

    /// Adds a message; of several for one frame the first goes first.
    pub fn put(&mut self, departure: Departure) {
        self.waiting.put(departure.frame, departure);
    }

    /// Takes what is due before a frame.
    pub fn take(&mut self, end: u64, mut f: impl FnMut(Departure)) {
        while let Some(departure) = self.waiting.next(end) {
            f(departure);
        }
    }

    /// Messages that found no room.
    pub fn lost(&self) -> u64 {
        self.waiting.lost()
    }

    /// What voices have done in the quantum from `base` on, as messages.
    pub fn collect(&mut self, state: &mut UnitState, unit: &Unit, score: &Score, (base, rate): (u64, u32)) {
        let Some(outlet) = state.outlet else { return };
        let (device, channel) = match outlet.wire {
            Wire::Midi(device, channel) => (device, channel),
            Wire::Exclusive(device) => {
                for i in 0..state.said.len() {
                    let Some(said) = state.said.get(i).copied() else { break };
                    if let Some(message) = exclusive(&said, unit) {
                        let frame = outlet.frame(base + u64::from(said.offset), rate);
                        self.put(Departure { frame, device, message });
                    }
                }
                state.said.clear();
                return;
            }
            Wire::Osc(to, address) => {
                for said in state.said.drain(..) {
                    let frame = outlet.frame(base + u64::from(said.offset), rate);
                    // A ring that nobody empties is that of somebody who sends nothing.
                    let _ = self.letters.push(Letter::of(&said, (to, address), score, (frame, rate)));
                }
                return;
            }
        };
        for i in 0..state.strokes.len() {
            let Some(stroke) = state.strokes.get(i).copied() else { break };
            let (voice, offset) = (usize::from(stroke.voice), usize::from(stroke.offset));
            let value = |source: FieldSource| {
                let field = unit.fields.iter().position(|field| field.source == source)?;
                state.rows.get(field).map(|row| row.at(voice, offset))
            };
            let message = if stroke.down {
                let freq = value(FieldSource::Freq).unwrap_or(440.0);
                let key = 69.0 + 12.0 * (freq / 440.0).log2();
                let note = key.round().clamp(0.0, 127.0) as u8;
                let velocity = value(FieldSource::Vel).unwrap_or(VELOCITY).clamp(0.0, 1.0);
                let velocity = ((velocity * f32::from(u16::MAX)) as u16).max(1 << 9);
                if let Some(known) = state.notes.get_mut(voice) {
                    *known = note;
                }
                Voice::On { note, velocity }
            } else {
                Voice::Off { note: state.notes.get(voice).copied().unwrap_or(0), velocity: SPEED }
            };
            let message = Message::Channel(channel, message);
            let frame = outlet.frame(base + u64::from(stroke.offset), rate);
            self.put(Departure { frame, device, message });
        }
        state.strokes.clear();
    }

    /// What a signal that leaves has done in the quantum from `base` on.
    pub fn steer(&mut self, wire: &steer::Wire, words: &[f32], (base, rate): (u64, u32)) {
        let mut steered = std::mem::take(&mut self.steered);
        steered.turn(wire, words, (base, rate), |departure| self.put(departure));
        self.steered = steered;
    }

    /// The ticks of the quantum that begins at frame `base`, for instruments that hear the clock, each by its seconds later.
    pub fn tick(
        &mut self,
        devices: &[(PortName, f64)],
        pieces: &[Piece],
        (map, timing): (&TempoMap, &Timing),
        (base, rate): (u64, u32),
    ) {
        if devices.is_empty() && self.clock == Clock::default() {
            return;
        }
        let mut clock = self.clock;
        clock.run(pieces, (map, timing), base, |frame, system| {
            for (device, offset) in devices {
                let frame = frame + later(*offset, rate);
                self.put(Departure { frame, device: *device, message: Message::System(system) });
            }
        });
        self.clock = clock;
    }
}

/// What the clock has told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Clock {
    running: bool,
    /// Where time will go on, which has been told: a multiple of a sixteenth.
    waits: Option<Ratio>,
}

impl Clock {
    fn run(
        &mut self,
        pieces: &[Piece],
        (map, timing): (&TempoMap, &Timing),
        base: u64,
        mut tell: impl FnMut(u64, System),
    ) {
        if pieces.iter().all(|piece| piece.silent) {
            if std::mem::take(&mut self.running) {
                tell(base, System::Stop);
            }
            self.waits = None;
            return;
        }
        for piece in pieces.iter().filter(|piece| !piece.silent) {
            let (beats, _) = map.meter(timing, piece.begin);
            let inside =
                |at: Ratio| piece.mark.frame_of(at).clamp(base as i64, base as i64 + QUANTUM as i64 - 1) as u64;
            if piece.jump && std::mem::take(&mut self.running) {
                tell(inside(piece.begin), System::Stop);
            }
            if piece.jump {
                self.waits = None;
            }
            if !self.running && self.waits.is_none() {
                let begin = grid(piece.begin, beats * Ratio::int(4));
                let sixteenths = (begin * beats * Ratio::int(4)).floor();
                if sixteenths != 0 {
                    tell(inside(piece.begin), System::Position(sixteenths.clamp(0, 0x3fff) as u16));
                }
                self.waits = Some(begin);
            }
            let mut next = grid(piece.begin, beats * Ratio::int(TICKS));
            while next < piece.end {
                let frame = inside(next);
                if self.waits.is_some_and(|at| at <= next) {
                    tell(frame, if next.is_zero() { System::Start } else { System::Continue });
                    (self.running, self.waits) = (true, None);
                }
                tell(frame, System::Clock);
                let after = grid(next + Ratio::new(1, 1 << 20), beats * Ratio::int(TICKS));
                if after <= next {
                    break;
                }
                next = after;
            }
        }
    }
}

/// The first of so many equal parts of a bar that begins at or after a position.
fn grid(cycle: Ratio, parts: Ratio) -> Ratio {
    let bar = Ratio::int(cycle.floor());
    let within = ((cycle - bar) * parts).ceil();
    (bar + Ratio::int(within) / parts).min(bar + Ratio::ONE)
}
