//! Hands on voices: live notes begin, are bent and pressed, and end.
//!
//! A live note is not in any pattern, yet what a text does to patterns is to be done to it: transposed, put into a scale, made a chord. So
//! for each key that goes down the pattern of every unit that listens is asked for the moment of that key, with the note as an
//! argument ([`LiveNote`]), and what comes out begins to sound. The voice remembers its [`Key`]; when that comes up, the voice is let go,
//! whatever the text has become since then. A unit of one voice goes back to the key that is still down, as players of such instruments
//! expect.
//!
//! Here also lies what stands outside: the last value of every controller, so that an edit that asks for one finds it where it is.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::inbox::{PORTS, PortName};
use crate::midi::Message;
use crate::midi::keyboard::{Keyboard, Play, Touch};
use crate::sequencer::set_fields;
use crate::tap::source;
use crate::transport::Transport;
use crate::voice::{NEVER, UnitState, UnitTable};
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::program::{FieldSource, Program, Unit, UnitKind};
use modurust_compiler::score::launch::{Launches, LiveNote};
use modurust_compiler::score::{Event, EventBuf, FieldId, LiveSource, Ratio, Score, Value};

/// Keys that are remembered while they are down, for units of one voice.
const DOWN: usize = 128;
/// Values from outside that are remembered.
const SEEN: usize = 1024;
/// Most that one message means: ends and touches of 16 channels, and some.
const PLAYS: usize = 64;
/// How much of a cycle a live note is asked for.
const MOMENT: i64 = 1 << 16;

/// A key: port, channel, note, and a bit that makes it different from none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u32);

impl Key {
    /// Of a port, a channel 0 to 15 and a note 0 to 127.
    pub fn new(port: u8, channel: u8, note: u8) -> Key {
        Key(1 << 31 | u32::from(port) << 16 | u32::from(channel) << 8 | u32::from(note))
    }

    fn of(bits: u32) -> Option<Key> {
        (bits != 0).then_some(Key(bits))
    }

    /// As a number that is not 0.
    pub fn bits(self) -> u32 {
        self.0
    }

    fn port(self) -> u8 {
        (self.0 >> 16) as u8
    }

    fn channel(self) -> u8 {
        (self.0 >> 8) as u8
    }

    fn note(self) -> u8 {
        self.0 as u8
    }
}

/// What keys play on: the program and the time of this quantum.
pub(crate) struct Stage<'a> {
    pub table: &'a mut UnitTable,
    pub program: &'a Program,
    pub launches: &'a mut Launches,
    pub transport: &'a Transport,
    /// First frame of the quantum.
    pub base: u64,
    /// Where the event falls.
    pub frame: u64,
}

impl Stage<'_> {
    fn offset(&self) -> usize {
        (self.frame.saturating_sub(self.base) as usize).min(QUANTUM - 1)
    }
}

#[derive(Clone, Debug)]
struct Port {
    name: PortName,
    board: Keyboard,
}

/// A key that is down.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Down {
    key: Key,
    velocity: f32,
}

/// All ports, and what they hold.
pub(crate) struct Keys {
    ports: Box<[Port]>,
    /// In the order in which they went down.
    down: Vec<Down>,
    events: EventBuf,
    /// Paths of the controllers, of the wheel and of the pressure.
    controllers: Box<[u64]>,
    wheel: u64,
    pressure: u64,
    seen: Vec<(u64, f32)>,
    /// What one message means.
    plays: Vec<Play>,
}

impl Keys {
    pub fn new() -> Keys {
        let port = Port { name: PortName::NONE, board: Keyboard::default() };
        Keys {
            ports: vec![port; PORTS].into(),
            down: Vec::with_capacity(DOWN),
            events: EventBuf::new(64),
            controllers: (0..128).map(|n| source(&format!("cc/{n}"))).collect(),
            wheel: source("bend"),
            pressure: source("press"),
            seen: Vec::with_capacity(SEEN),
            plays: Vec::with_capacity(PLAYS),
        }
    }

    /// A port is there under a name; a new program listens to ports in its own way.
    pub fn plug(&mut self, port: u8, name: PortName, program: &Program) {
        if let Some(slot) = self.ports.get_mut(usize::from(port)) {
            *slot = Port { name, board: Keyboard::default() };
        }
        self.listen(program);
    }

    /// A port has another name; what it holds sounds on.
    pub fn rename(&mut self, port: u8, name: PortName, program: &Program) {
        if let Some(slot) = self.ports.get_mut(usize::from(port)) {
            slot.name = name;
        }
        self.listen(program);
    }

    /// Ports that a unit of the program takes for an instrument of MPE are one, until they say something else.
    pub fn listen(&mut self, program: &Program) {
        for port in &mut self.ports {
            let mpe = program
                .units
                .iter()
                .filter(|unit| unit.mpe)
                .any(|unit| sources(unit, &program.score).any(|(_, source)| port.name.has(&source.device)));
            port.board.assume(mpe);
        }
    }

    /// What a port is called.
    pub fn name(&self, port: u8) -> Option<&PortName> {
        self.ports.get(usize::from(port)).map(|port| &port.name)
    }

    /// How many things outside have moved so far.
    pub fn seen_count(&self) -> usize {
        self.seen.len()
    }

    /// One of them by its path, and where it stands.
    pub fn seen_at(&self, at: usize) -> Option<(u64, f32)> {
        self.seen.get(at).copied()
    }

    /// Notes that are held by keys and pedals of all ports.
    pub fn held(&self) -> u32 {
        self.ports.iter().map(|port| port.board.held()).sum()
    }

    /// Where something outside stands, by its path.
    pub fn seen(&self, path: u64) -> Option<f32> {
        self.seen.iter().find(|(known, _)| *known == path).map(|(_, value)| *value)
    }

    /// Remembers where something outside stands.
    pub fn see(&mut self, path: u64, value: f32) {
        if let Some(slot) = self.seen.iter_mut().find(|(known, _)| *known == path) {
            slot.1 = value;
        } else if self.seen.len() < self.seen.capacity() {
            self.seen.push((path, value));
        }
    }

    /// Takes a message of a port. `value` gets what it says to everybody.
    pub fn hear(&mut self, port: u8, message: &Message, stage: &mut Stage, mut value: impl FnMut(u64, f32)) {
        let Keys { ports, down, events, plays, controllers, wheel, pressure, .. } = self;
        let Some(Port { name, board }) = ports.get_mut(usize::from(port)) else { return };
        plays.clear();
        board.hear(message, |play| note_down(plays, play));
        for play in plays.iter() {
            match *play {
                Play::Control(index, x) => {
                    if let Some(path) = controllers.get(usize::from(index)) {
                        value(*path, x);
                    }
                }
                Play::Wheel(x) => value(*wheel, x),
                Play::Pressure(x) => value(*pressure, x),
                play => Hand { port, name, board, down, events }.play(play, stage),
            }
        }
    }

    /// A port is gone: whatever it holds ends.
    pub fn gone(&mut self, port: u8, stage: &mut Stage) {
        let Keys { ports, down, events, plays, .. } = self;
        let Some(Port { name, board }) = ports.get_mut(usize::from(port)) else { return };
        plays.clear();
        board.release(&mut |play| note_down(plays, play));
        for play in plays.iter() {
            Hand { port, name, board, down, events }.play(*play, stage);
        }
        *name = PortName::NONE;
        *board = Keyboard::default();
    }

    /// Forgets the keys that are down: a hush has ended their notes.
    pub fn forget(&mut self) {
        self.down.clear();
        for port in &mut self.ports {
            port.board.release(&mut |_| {});
        }
    }
}

fn note_down(plays: &mut Vec<Play>, play: Play) {
    if plays.len() < plays.capacity() {
        plays.push(play);
    }
}

/// The sources that a unit listens to, with their numbers.
fn sources<'a>(unit: &Unit, score: &'a Score) -> impl Iterator<Item = (u32, &'a LiveSource)> + use<'a> {
    let live = unit.live;
    score.sources().iter().enumerate().map(|(i, s)| (i as u32, s)).filter(move |(i, _)| live & (1 << i.min(&63)) != 0)
}

/// One port at work.
struct Hand<'a> {
    port: u8,
    name: &'a PortName,
    board: &'a Keyboard,
    down: &'a mut Vec<Down>,
    events: &'a mut EventBuf,
}

impl Hand<'_> {
    fn listens(&self, unit: &Unit, score: &Score, key: Key) -> Option<u32> {
        let hears = |source: &LiveSource| {
            self.name.has(&source.device) && source.channel.is_none_or(|channel| channel == key.channel())
        };
        sources(unit, score).find(|(_, source)| hears(source)).map(|(i, _)| i)
    }

    fn play(&mut self, play: Play, stage: &mut Stage) {
        match play {
            Play::On { channel, note, velocity } => {
                let down = Down { key: Key::new(self.port, channel, note), velocity };
                self.down.retain(|known| known.key != down.key);
                if self.down.len() < self.down.capacity() {
                    self.down.push(down);
                }
                for index in 0..stage.table.len().min(stage.program.units.len()) {
                    self.sound(index, down, true, stage);
                }
            }
            Play::Lift { channel, notes } => self.lift(channel, notes, stage),
            Play::Touch { channel, note, touch } => {
                self.touch(stage, touch, |key| key.channel() == channel && note.is_none_or(|note| note == key.note()));
            }
            Play::Control(..) | Play::Wheel(_) | Play::Pressure(_) => {}
        }
    }

    /// Begins the notes that a key means for a unit, or goes back to it without a stroke. False if the unit does not listen to it.
    fn sound(&mut self, index: usize, Down { key, velocity }: Down, stroke: bool, stage: &mut Stage) -> bool {
        let (program, base, frame) = (stage.program, stage.base, stage.frame);
        let Some(unit) = program.units.get(index).filter(|unit| unit.live != 0) else { return false };
        let Some(source) = self.listens(unit, &program.score, key) else { return false };
        let at = stage.transport.cycle(frame);
        let value = Value::Note(f64::from(key.note()));
        stage.launches.live = Some(LiveNote { source, at, value, velocity });
        self.events.clear();
        let end = at + Ratio::new(1, MOMENT);
        program.score.query_launched(unit.pattern, at, end, stage.launches, self.events);
        stage.launches.live = None;
        let Some(state) = stage.table.get_mut(index) else { return false };
        state.advance(base, frame);
        let mut any = false;
        for i in 0..self.events.len() {
            let Some(event) = self.events.events().get(i).copied() else { break };
            let word = if let Value::Word(word) = event.value { Some(word) } else { None };
            if word.is_some() && word == unit.choke {
                state.stop_all(base, frame);
            }
            let plays = unit.word.is_none() || (word.is_some() && word == unit.word);
            // What else the pattern has at this moment begins by itself.
            if plays && event.is_onset() && !event.continuous && event.whole.0 == at {
                any = true;
                begin(
                    state,
                    unit,
                    &event,
                    (key, self.board.touch(key.channel()), stroke),
                    stage.transport,
                    (base, frame),
                );
            }
        }
        any
    }

    /// Keys come up.
    fn lift(&mut self, channel: u8, notes: u128, stage: &mut Stage) {
        let (base, frame, port) = (stage.base, stage.frame, self.port);
        let lifted = |key: Key| key.port() == port && key.channel() == channel && notes >> (key.note() & 0x7f) & 1 == 1;
        self.down.retain(|down| !lifted(down.key));
        for index in 0..stage.table.len() {
            let Some(state) = stage.table.get_mut(index) else { return };
            state.advance(base, frame);
            let ends = |state: &UnitState, voice: usize| {
                let held = state.voices.get(voice).filter(|voice| voice.held);
                held.and_then(|voice| Key::of(voice.key)).is_some_and(lifted)
            };
            if state.kind == UnitKind::Mono && ends(state, 0) {
                // The newest of those that are still down, if the unit hears it.
                let back = (0..self.down.len()).rev().any(|i| {
                    let down = self.down.get(i).copied().filter(|down| down.key.port() == port);
                    down.is_some_and(|down| self.sound(index, down, false, stage))
                });
                if back {
                    continue;
                }
            }
            let Some(state) = stage.table.get_mut(index) else { return };
            for voice in 0..state.voices.len() {
                if !ends(state, voice) {
                    continue;
                }
                let rise = state.voices.get(voice).map_or(NEVER, |voice| voice.rise);
                if rise == NEVER {
                    state.stop(voice, base, frame);
                } else if let Some(voice) = state.voices.get_mut(voice) {
                    // It has not been heard yet: for a frame it is.
                    voice.fall = rise + 1;
                }
            }
        }
    }

    /// Bends, presses and slides what some keys hold.
    fn touch(&mut self, stage: &mut Stage, touch: Touch, of: impl Fn(Key) -> bool) {
        let offset = stage.offset();
        for (index, unit) in stage.program.units.iter().enumerate() {
            for voice in 0..stage.table.get(index).map_or(0, |state| state.voices.len()) {
                let known = stage.table.get(index).and_then(|state| state.voices.get(voice));
                let held = known.filter(|voice| voice.held).and_then(|voice| Key::of(voice.key));
                if held.is_some_and(|key| key.port() == self.port && of(key))
                    && let Some(state) = stage.table.get_mut(index)
                {
                    feel(state, unit, voice, &touch, |state, field, value| state.slope(field, voice, offset, value));
                }
            }
        }
    }
}

/// Puts what a touch says into the fields of a voice.
fn feel(state: &mut UnitState, unit: &Unit, voice: usize, touch: &Touch, put: impl Fn(&mut UnitState, usize, f32)) {
    let freq = state.voices.get(voice).map_or(0.0, |voice| voice.freq);
    for (field, about) in unit.fields.iter().enumerate() {
        let value = match about.source {
            FieldSource::Freq => freq * (touch.bend / 12.0).exp2(),
            FieldSource::Press => touch.press,
            FieldSource::Slide => touch.slide,
            FieldSource::Bend => touch.wheel,
            _ => continue,
        };
        if value.is_finite() {
            put(state, field, value);
        }
    }
}

/// Begins one note of a unit, or goes back to it.
fn begin(
    state: &mut UnitState,
    unit: &Unit,
    event: &Event,
    (key, touch, stroke): (Key, Touch, bool),
    transport: &Transport,
    (base, frame): (u64, u64),
) {
    let offset = frame.saturating_sub(base) as usize;
    let voice = if unit.kind == UnitKind::Poly { state.choose() } else { 0 };
    if unit.kind != UnitKind::Hold {
        if stroke {
            state.start(voice, base, frame, NEVER, event.whole.1);
        }
        let named = event.field(FieldId::FREQ).or(event.value.freq().map(|x| x as f32)).filter(|x| x.is_finite());
        let usual = unit.fields.iter().find(|field| field.source == FieldSource::Freq).map_or(0.0, |f| f.default);
        state.hold(voice, key.bits(), named.unwrap_or(usual));
    }
    set_fields(state, unit, voice, (base, frame), transport, event);
    if unit.kind != UnitKind::Hold {
        feel(state, unit, voice, &touch, |state, field, value| state.set(field, voice, offset, value));
    }
}
