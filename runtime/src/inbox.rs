//! What comes from outside, each at its frame.
//!
//! Keyboards, controllers, OSC and clocks send one kind of thing into the engine: [`Timed`] events, which say at which frame of the
//! engine they happen. An [`Intake`] is where threads put them; the callback of a device may put its own in directly. The engine takes
//! out, before each quantum, what falls into it, in the order of time; what is for later waits. What says frame 0, or one that has passed,
//! happens at once.
//!
//! All memory is taken at construction. What finds no room is counted, and told.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::agenda::Agenda;
use crate::command::EngineCommand;
use crate::midi::Message;
use rtrb::{Consumer, Producer, RingBuffer};

/// Events between a thread and the engine.
const RING: usize = 2048;
/// Events that wait for their frame.
const WAITING: usize = 4096;
/// Events taken from the ring in one quantum: a bound on its work.
const TAKEN: usize = 256;

/// Ports that are told apart.
pub const PORTS: usize = 16;

/// The port of the computer's own keyboard.
pub const KEYBOARD: u8 = PORTS as u8 - 1;

/// Longest name of a port, bytes.
const NAME: usize = 120;

/// A port's name in lower case, or another short text, without memory of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PortName {
    bytes: [u8; NAME],
    len: u8,
}

impl PortName {
    /// No name.
    pub const NONE: PortName = PortName { bytes: [0; NAME], len: 0 };

    /// The beginning of a name, in lower case.
    pub fn new(name: &str) -> PortName {
        PortName::exact(&name.to_lowercase())
    }

    /// The beginning of a text as it is.
    pub fn exact(text: &str) -> PortName {
        let mut port = PortName::NONE;
        for (to, from) in port.bytes.iter_mut().zip(text.bytes()) {
            *to = from;
            port.len += 1;
        }
        port
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        let name = self.bytes.get(..usize::from(self.len)).unwrap_or(&[]);
        // A name that is cut within a letter ends before it.
        std::str::from_utf8(name)
            .unwrap_or_else(|e| name.get(..e.valid_up_to()).map_or("", |n| std::str::from_utf8(n).unwrap_or("")))
    }

    /// True if a part of the name is `part`, which is in lower case; every name has the empty part.
    pub fn has(&self, part: &str) -> bool {
        let name = self.bytes.get(..usize::from(self.len)).unwrap_or(&[]);
        part.is_empty() || name.windows(part.len()).any(|window| window == part.as_bytes())
    }
}

impl std::fmt::Debug for PortName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// What happens.
#[allow(clippy::large_enum_variant, reason = "the audio side neither allocates nor frees, so nothing is boxed")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Incoming {
    /// A message of a port.
    Midi(u8, Message),
    /// A port is there, under a name.
    Plugged(u8, PortName),
    /// A port has another name from now on.
    Named(u8, PortName),
    /// A port is gone: what it holds ends.
    Gone(u8),
    /// Where something outside stands, by its path ([`crate::tap::source`] of `cc/74`, `osc/deck/cut`). It is remembered for texts to
    /// come.
    Value(u64, f32),
    /// The same, and what hears it steps at the frame, where [`Incoming::Value`] glides.
    Step(u64, f32),
    /// A parameter of the text by the hash of its name, and where to.
    Param(u64, f32),
    /// The transport of the device begins or stands still, or is elsewhere: whether it rolls, and its place, seconds.
    Transport(bool, f64),
    /// From now on what comes from ports with this in their names plays nothing and is passed on ([`Heard`]); of no port, if that is no name.
    Reserve(PortName),
    /// A message for instruments with this in their names, which leaves at its frame.
    Depart(PortName, Message),
    /// A command.
    Command(EngineCommand),
}

/// What a port that is reserved does.
#[allow(clippy::large_enum_variant, reason = "the audio side neither allocates nor frees, so nothing is boxed")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard {
    /// It is there.
    There,
    /// It says something.
    Said(Message),
}

/// Something and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timed {
    /// The engine's frame; 0 is at once.
    pub frame: u64,
    /// What.
    pub what: Incoming,
}

/// Where a thread puts what comes in.
pub struct Intake {
    ring: Producer<Timed>,
    lost: u64,
}

impl Intake {
    /// Sends an event. False if the engine has no room for it, or is gone.
    pub fn put(&mut self, frame: u64, what: Incoming) -> bool {
        let sent = !self.ring.is_abandoned() && self.ring.push(Timed { frame, what }).is_ok();
        self.lost += u64::from(!sent);
        sent
    }

    /// Events that found no room.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

/// The engine's end.
pub(crate) struct Inbox {
    ring: Consumer<Timed>,
    waiting: Agenda<Timed>,
}

impl Inbox {
    pub fn new() -> (Inbox, Intake) {
        let (producer, ring) = RingBuffer::new(RING);
        (Inbox { ring, waiting: Agenda::new(WAITING) }, Intake { ring: producer, lost: 0 })
    }

    /// Adds an event; of several for one frame the first goes first.
    pub fn put(&mut self, event: Timed) {
        self.waiting.put(event.frame, event);
    }

    /// Takes in what threads have sent.
    pub fn collect(&mut self) {
        for _ in 0..TAKEN {
            let Ok(event) = self.ring.pop() else { return };
            self.put(event);
        }
    }

    /// The next event before a frame.
    pub fn next(&mut self, end: u64) -> Option<Timed> {
        self.waiting.next(end)
    }

    /// Events that found no room.
    pub fn lost(&self) -> u64 {
        self.waiting.lost()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time() {
        let (mut inbox, mut intake) = Inbox::new();
        for (frame, value) in [(70, 1.0), (5, 2.0), (0, 3.0), (70, 4.0), (5, 5.0)] {
            assert!(intake.put(frame, Incoming::Value(1, value)));
        }
        inbox.collect();
        let mut take = |end| std::iter::from_fn(|| inbox.next(end)).map(|e| (e.frame, e.what)).collect::<Vec<_>>();
        let value = |v| Incoming::Value(1, v);
        assert_eq!(take(64), [(0, value(3.0)), (5, value(2.0)), (5, value(5.0))]);
        assert_eq!(take(128), [(70, value(1.0)), (70, value(4.0))]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (mut inbox, mut intake) = Inbox::new();
        let sent = (0..RING as u64 + 3).filter(|i| intake.put(i + 1_000_000, Incoming::Gone(0))).count();
        assert_eq!((sent, intake.lost()), (RING, 3));
        (0..RING / TAKEN).for_each(|_| inbox.collect());
        (0..WAITING as u64).for_each(|i| inbox.put(Timed { frame: 9_000_000 + i, what: Incoming::Gone(1) }));
        assert_eq!(inbox.lost(), RING as u64);
        assert!(inbox.next(1000).is_none());
    }

    #[test]
    fn names_are_found_by_a_part() {
        let name = PortName::new("Launchkey MK3 MIDI 1 with a name that is longer than there is room");
        assert!(name.has("launchkey") && name.has("") && name.has("mk3") && !name.has("keystep"));
        assert!(PortName::NONE.has("") && !PortName::NONE.has("x"));
    }
}
