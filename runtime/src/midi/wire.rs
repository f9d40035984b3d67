//! The bytes of MIDI 1.0, to messages and back.
//!
//! A [`Reader`] takes what comes out of a port, whole messages or a stream of single bytes with running status, and survives anything.
//! What takes several messages in MIDI 1.0 becomes one: registered and other parameters with their data, and controllers of 14 bits.
//! Of system exclusive messages the whole times of time code are read, and all others passed on as they are, if they are not too long. Values are scaled up as the standard says ([`super::scale`]).

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::{Exclusive, Message, System, Voice, scale};
use midly::MidiMessage;
use midly::live::{LiveEvent, MtcQuarterFrameMessage, SystemCommon, SystemRealtime};
use midly::stream::MidiStream;
use modurust_compiler::exclusive::LONGEST;

midly::stack_buffer! {
    /// Bytes of a message under way; a longer system exclusive message is dropped.
    struct Room([u8; 4096]);
}

/// The device of a system exclusive message that means all of them.
const EVERYBODY: u8 = 0x7f;

/// No parameter is chosen.
const NONE: u16 = 0x3fff;

/// What a channel has said of the next data.
#[derive(Clone, Copy, Debug)]
struct Channel {
    /// The parameter that data is for, and whether it is a registered one.
    number: u16,
    registered: bool,
    data: u16,
    /// First halves of controllers of 14 bits, once they have come.
    coarse: [Option<u8>; 32],
}

const AT_FIRST: Channel = Channel { number: NONE, registered: true, data: 0, coarse: [None; 32] };

/// What a port has said so far. Never allocates.
pub struct Reader {
    stream: MidiStream<Room>,
    channels: [Channel; 16],
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { stream: MidiStream::with_buffer(Room::new()), channels: [AT_FIRST; 16] }
    }
}

impl Reader {
    /// Takes bytes of a stream; they may end anywhere.
    pub fn feed(&mut self, bytes: &[u8], mut hear: impl FnMut(Message)) {
        let Reader { stream, channels } = self;
        stream.feed(bytes, |event| translate(&event, channels, &mut hear));
    }

    /// Takes a whole message, as most ports give them.
    pub fn message(&mut self, bytes: &[u8], mut hear: impl FnMut(Message)) {
        let Reader { stream, channels } = self;
        stream.feed(bytes, |event| translate(&event, channels, &mut hear));
        stream.flush(|event| translate(&event, channels, &mut hear));
    }
}

fn translate(event: &LiveEvent, channels: &mut [Channel; 16], hear: &mut impl FnMut(Message)) {
    match event {
        LiveEvent::Midi { channel, message } => {
            let number = channel.as_int();
            let Some(state) = channels.get_mut(usize::from(number)) else { return };
            voice(message, state, &mut |voice| hear(Message::Channel(number, voice)));
        }
        LiveEvent::Realtime(realtime) => {
            let system = match realtime {
                SystemRealtime::TimingClock => System::Clock,
                SystemRealtime::Start => System::Start,
                SystemRealtime::Continue => System::Continue,
                SystemRealtime::Stop => System::Stop,
                SystemRealtime::ActiveSensing => System::Sensing,
                SystemRealtime::Reset => System::Reset,
                SystemRealtime::Undefined(_) => return,
            };
            hear(Message::System(system));
        }
        LiveEvent::Common(common) => match common {
            SystemCommon::SongPosition(at) => hear(Message::System(System::Position(at.as_int()))),
            SystemCommon::SongSelect(song) => hear(Message::System(System::Song(song.as_int()))),
            SystemCommon::MidiTimeCodeQuarterFrame(piece, bits) => {
                hear(Message::System(System::TimeCode(piece_number(*piece) << 4 | bits.as_int())));
            }
            // A whole time of time code, to whatever device.
            SystemCommon::SysEx([a, _, b, c, hours, minutes, seconds, frames])
                if [*a, *b, *c].map(|x| x.as_int()) == [0x7f, 1, 1] =>
            {
                let time = [hours, minutes, seconds, frames].map(|part| part.as_int());
                hear(Message::System(System::Wound(time)));
            }
            SystemCommon::SysEx(data) => {
                if let Some(message) = Exclusive::new(data.iter().map(|byte| byte.as_int())) {
                    hear(Message::Exclusive(message));
                }
            }
            _ => {}
        },
    }
}

fn piece_number(piece: MtcQuarterFrameMessage) -> u8 {
    use MtcQuarterFrameMessage::*;
    match piece {
        FramesLow => 0,
        FramesHigh => 1,
        SecondsLow => 2,
        SecondsHigh => 3,
        MinutesLow => 4,
        MinutesHigh => 5,
        HoursLow => 6,
        HoursHigh => 7,
    }
}

fn wide(value: u8) -> u32 {
    scale::up(u32::from(value), 7, 32)
}

fn voice(message: &MidiMessage, state: &mut Channel, hear: &mut impl FnMut(Voice)) {
    let speed = |vel: u8| scale::up(u32::from(vel), 7, 16) as u16;
    match *message {
        MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
            hear(Voice::On { note: key.as_int(), velocity: speed(vel.as_int()) });
        }
        // A note that begins with no speed ends; nobody said how fast.
        MidiMessage::NoteOn { key, .. } => hear(Voice::Off { note: key.as_int(), velocity: speed(64) }),
        MidiMessage::NoteOff { key, vel } => hear(Voice::Off { note: key.as_int(), velocity: speed(vel.as_int()) }),
        MidiMessage::Aftertouch { key, vel } => {
            hear(Voice::NotePressure { note: key.as_int(), value: wide(vel.as_int()) });
        }
        MidiMessage::Controller { controller, value } => {
            control(controller.as_int(), value.as_int(), state, hear);
        }
        MidiMessage::ProgramChange { program } => hear(Voice::Program { program: program.as_int() }),
        MidiMessage::ChannelAftertouch { vel } => hear(Voice::Pressure { value: wide(vel.as_int()) }),
        MidiMessage::PitchBend { bend } => {
            hear(Voice::Bend { value: scale::up(u32::from(bend.0.as_int()), 14, 32) });
        }
    }
}

fn control(index: u8, value: u8, state: &mut Channel, hear: &mut impl FnMut(Voice)) {
    let both = |coarse: u8, fine: u8| scale::up(u32::from(coarse) << 7 | u32::from(fine), 14, 32);
    match index {
        6 => {
            state.data = u16::from(value) << 7;
            parameter(state, hear);
        }
        38 => {
            state.data = state.data & !0x7f | u16::from(value);
            parameter(state, hear);
        }
        96 | 97 => {
            let step = if index == 96 { 1 } else { -1 };
            state.data = state.data.saturating_add_signed(step).min(0x3fff);
            parameter(state, hear);
        }
        98 | 100 => {
            state.registered = index == 100;
            state.number = state.number & !0x7f | u16::from(value);
        }
        99 | 101 => {
            state.registered = index == 101;
            state.number = state.number & 0x7f | u16::from(value) << 7;
        }
        0..=31 => {
            if let Some(slot) = state.coarse.get_mut(usize::from(index)) {
                *slot = Some(value);
            }
            hear(Voice::Controller { index, value: wide(value) });
        }
        32..=63 => {
            // The fine half of a controller whose coarse half has come; else one by itself.
            match state.coarse.get(usize::from(index - 32)).copied().flatten() {
                Some(coarse) => hear(Voice::Controller { index: index - 32, value: both(coarse, value) }),
                None => hear(Voice::Controller { index, value: wide(value) }),
            }
        }
        121 => {
            *state = AT_FIRST;
            hear(Voice::Controller { index, value: wide(value) });
        }
        _ => hear(Voice::Controller { index, value: wide(value) }),
    }
}

fn parameter(state: &Channel, hear: &mut impl FnMut(Voice)) {
    if state.number == NONE {
        return;
    }
    let (bank, index) = ((state.number >> 7) as u8, (state.number & 0x7f) as u8);
    let value = scale::up(u32::from(state.data), 14, 32);
    hear(match state.registered {
        true => Voice::Registered { bank, index, value },
        false => Voice::Assignable { bank, index, value },
    });
}

/// A message as bytes of MIDI 1.0: some of them need several messages, and notes have no controllers there.
pub fn write(message: &Message, mut put: impl FnMut(&[u8])) {
    let narrow = |value: u32| scale::down(value, 32, 7) as u8;
    match *message {
        Message::System(system) => match system {
            System::Clock => put(&[0xf8]),
            System::Start => put(&[0xfa]),
            System::Continue => put(&[0xfb]),
            System::Stop => put(&[0xfc]),
            System::Sensing => put(&[0xfe]),
            System::Reset => put(&[0xff]),
            System::Position(at) => put(&[0xf2, (at & 0x7f) as u8, (at >> 7 & 0x7f) as u8]),
            System::TimeCode(bits) => put(&[0xf1, bits & 0x7f]),
            System::Wound(time) => {
                let [hours, minutes, seconds, frames] = time.map(|part| part & 0x7f);
                put(&[0xf0, 0x7f, EVERYBODY, 1, 1, hours, minutes, seconds, frames, 0xf7]);
            }
            System::Song(song) => put(&[0xf3, song & 0x7f]),
        },
        Message::Exclusive(message) => {
            let (data, mut bytes) = (message.data(), [0xf0; LONGEST + 2]);
            if let Some(to) = bytes.get_mut(1..=data.len()) {
                to.copy_from_slice(data);
            }
            if let Some(last) = bytes.get_mut(data.len() + 1) {
                *last = 0xf7;
            }
            put(bytes.get(..data.len() + 2).unwrap_or(&[]));
        }
        Message::Channel(channel, voice) => {
            let status = |kind: u8| kind | (channel & 0x0f);
            match voice {
                Voice::On { note, velocity } => {
                    // A velocity of 0 would end it.
                    let velocity = (velocity >> 9).max(1) as u8;
                    put(&[status(0x90), note & 0x7f, velocity]);
                }
                Voice::Off { note, velocity } => put(&[status(0x80), note & 0x7f, (velocity >> 9) as u8]),
                Voice::NotePressure { note, value } => put(&[status(0xa0), note & 0x7f, narrow(value)]),
                Voice::Controller { index, value } => put(&[status(0xb0), index & 0x7f, narrow(value)]),
                Voice::Program { program } => put(&[status(0xc0), program & 0x7f]),
                Voice::Pressure { value } => put(&[status(0xd0), narrow(value)]),
                Voice::Bend { value } => {
                    let value = scale::down(value, 32, 14);
                    put(&[status(0xe0), (value & 0x7f) as u8, (value >> 7) as u8]);
                }
                Voice::Registered { bank, index, value } | Voice::Assignable { bank, index, value } => {
                    let (high, low) = if matches!(voice, Voice::Registered { .. }) { (101, 100) } else { (99, 98) };
                    let value = scale::down(value, 32, 14);
                    put(&[status(0xb0), high, bank & 0x7f]);
                    put(&[status(0xb0), low, index & 0x7f]);
                    put(&[status(0xb0), 6, (value >> 7) as u8]);
                    put(&[status(0xb0), 38, (value & 0x7f) as u8]);
                }
                Voice::NoteBend { .. } | Voice::NoteController { .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CENTRE;
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Message> {
        let mut heard = Vec::new();
        Reader::default().feed(bytes, |message| heard.push(message));
        heard
    }

    #[test]
    fn messages_and_running_status() {
        let on = |note| Message::Channel(2, Voice::On { note, velocity: 0x8000 });
        let clock = Message::System(System::Clock);
        assert_eq!(read(&[0x92, 60, 64, 61, 0xf8, 64]), [on(60), clock, on(61)]);
        let off = Message::Channel(2, Voice::Off { note: 60, velocity: 0x8000 });
        assert_eq!(read(&[0x92, 60, 0]), [off]);
        assert_eq!(read(&[0xe0, 0, 64]), [Message::Channel(0, Voice::Bend { value: CENTRE })]);
        let mut heard = Vec::new();
        Reader::default().message(&[0xf2, 4, 1], |message| heard.push(message));
        assert_eq!(heard, [Message::System(System::Position(132))]);
    }

    #[test]
    fn parameters_and_fine_controllers_become_one_message() {
        let of = |bytes: &[u8]| match read(bytes).pop() {
            Some(Message::Channel(_, voice)) => voice,
            other => panic!("{other:?}"),
        };
        let range = of(&[0xb0, 101, 0, 100, 0, 6, 12]);
        assert_eq!(range, Voice::Registered { bank: 0, index: 0, value: scale::up(12 << 7, 14, 32) });
        let fine = of(&[0xb0, 99, 1, 98, 8, 6, 127, 38, 127]);
        assert_eq!(fine, Voice::Assignable { bank: 1, index: 8, value: u32::MAX });
        assert_eq!(of(&[0xb0, 1, 127, 33, 127]), Voice::Controller { index: 1, value: u32::MAX });
        assert_eq!(of(&[0xb0, 33, 127]), Voice::Controller { index: 33, value: u32::MAX });
        assert_eq!(read(&[0xb0, 101, 127, 100, 127, 6, 12]), [], "no parameter is chosen");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let bend = |value| Voice::Bend { value };
        let voices = [
            Voice::On { note: 1, velocity: 0xffff },
            Voice::Off { note: 127, velocity: 0x8000 },
            Voice::NotePressure { note: 5, value: u32::MAX },
            Voice::Controller { index: 74, value: CENTRE },
            Voice::Program { program: 9 },
            Voice::Pressure { value: 0 },
            bend(u32::MAX),
            bend(0),
            Voice::Registered { bank: 0, index: 6, value: scale::up(15 << 7, 14, 32) },
        ];
        for voice in voices {
            let message = Message::Channel(7, voice);
            let mut bytes = Vec::new();
            write(&message, |part| bytes.extend_from_slice(part));
            assert_eq!(read(&bytes).pop(), Some(message));
        }
        let whole = System::Wound([0x21, 59, 58, 24]);
        for system in [System::Clock, System::Start, System::Stop, System::Continue, System::TimeCode(0x35), whole] {
            let mut heard = None;
            write(&Message::System(system), |part| Reader::default().message(part, |message| heard = Some(message)));
            assert_eq!(heard, Some(Message::System(system)));
        }
    }

    #[test]
    fn long_and_broken_messages_are_survived() {
        let mut bytes = vec![0xf0];
        bytes.extend([1; 10_000]);
        bytes.extend([0xf7, 0xf4, 0xf5, 0x90, 0xb0, 0x80, 60]);
        bytes.extend([0x90, 60, 100]);
        let on = Message::Channel(0, Voice::On { note: 60, velocity: scale::up(100, 7, 16) as u16 });
        assert_eq!(read(&bytes), [on]);
    }

    #[test]
    fn system_exclusive_messages_pass_with_a_clock_among_their_bytes() {
        let of = |data: &[u8]| Message::Exclusive(Exclusive::new(data.iter().copied()).unwrap());
        let clock = Message::System(System::Clock);
        assert_eq!(read(&[0xf0, 0x43, 0xf8, 0x10, 0xf8, 5, 0xf7]), [clock, clock, of(&[0x43, 0x10, 5])]);
        // One that another status cuts off is none, and the other is heard.
        let off = Message::Channel(0, Voice::Off { note: 60, velocity: 0x8000 });
        assert_eq!(read(&[0xf0, 0x43, 0x10, 0x80, 60, 64]).last(), Some(&off));
        for length in [0, 1, LONGEST] {
            let message = of(&vec![7; length]);
            let mut bytes = Vec::new();
            write(&message, |part| bytes.extend_from_slice(part));
            assert_eq!((bytes.len(), read(&bytes)), (length + 2, vec![message]));
        }
        let mut long = vec![0xf0];
        long.extend([1; LONGEST + 1]);
        long.push(0xf7);
        assert_eq!(read(&long), [], "longer ones are left out");
    }
}
