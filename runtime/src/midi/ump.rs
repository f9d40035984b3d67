//! Universal MIDI Packets (M2-104-UM): messages of MIDI 2.0 in words of 32 bits, and back.
//!
//! The first four bits of a packet are its type, which decides how many words it has; the next four its group. Voices travel in the full
//! resolution of [`Message`] (type 4), what concerns everybody as it always was (type 1), and time codes as system exclusive data (type 3).
//! What an old device sends through such a wire (type 2) is read by the reader of bytes, one for each group, so it means the
//! same. Packets of other types are stepped over whole.
//!
//! ```text
//! 4 g 9 c  nn 00  vvvv 0000        a key goes down: group, channel, note, velocity
//! ```

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::wire::{self, Reader as Bytes};
use super::{Message, Voice};

/// Groups of channels.
const GROUPS: usize = 16;
/// Words of the longest packet.
const LONGEST: usize = 4;

/// How many words a packet has, by its first.
pub fn length(word: u32) -> usize {
    match word >> 28 {
        0x0..=0x2 | 0x6 | 0x7 => 1,
        0x3 | 0x4 | 0x8..=0xa => 2,
        0xb | 0xc => 3,
        _ => 4,
    }
}

/// What a port has said so far. Takes all its memory at construction.
pub struct Reader {
    /// For what is said in the words of MIDI 1.0, by group.
    bytes: Box<[Bytes]>,
    packet: [u32; LONGEST],
    count: usize,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { bytes: (0..GROUPS).map(|_| Bytes::default()).collect(), packet: [0; LONGEST], count: 0 }
    }
}

impl Reader {
    /// Takes words of a stream; packets may be cut anywhere. `hear` gets each message with its group, 0 to 15.
    pub fn feed(&mut self, words: &[u32], mut hear: impl FnMut(u8, Message)) {
        for word in words {
            if let Some(slot) = self.packet.get_mut(self.count) {
                *slot = *word;
            }
            self.count += 1;
            if self.count >= length(self.packet[0]) {
                self.count = 0;
                self.packet(&mut hear);
            }
        }
    }

    fn packet(&mut self, hear: &mut impl FnMut(u8, Message)) {
        let [first, second, ..] = self.packet;
        let group = (first >> 24 & 0x0f) as u8;
        let Some(bytes) = self.bytes.get_mut(usize::from(group)) else { return };
        let [_, status, one, two] = first.to_be_bytes();
        match first >> 28 {
            // What a status asks for besides is there in any case, and left out of the message.
            0x1 if status >= 0xf1 && status != 0xf7 => {
                let data = [status, one & 0x7f, two & 0x7f];
                let length = match status {
                    0xf2 => 3,
                    0xf1 | 0xf3 => 2,
                    _ => 1,
                };
                bytes.message(data.get(..length).unwrap_or(&[]), |message| hear(group, message));
            }
            0x2 if (0x80..0xf0).contains(&status) => {
                let length = if matches!(status & 0xf0, 0xc0 | 0xd0) { 2 } else { 3 };
                let data = [status, one & 0x7f, two & 0x7f];
                bytes.message(data.get(..length).unwrap_or(&[]), |message| hear(group, message));
            }
            0x3 => {
                let (kind, count) = (status >> 4, usize::from(status & 0x0f).min(6));
                let [third, fourth, fifth, sixth] = second.to_be_bytes();
                let data = [one, two, third, fourth, fifth, sixth].map(|byte| byte & 0x7f);
                let mut heard = |message| hear(group, message);
                // Whole, first, middle and last parts of a message.
                if kind == 0 || kind == 1 {
                    bytes.feed(&[0xf0], &mut heard);
                }
                if kind <= 3 {
                    bytes.feed(data.get(..count).unwrap_or(&[]), &mut heard);
                }
                if kind == 0 || kind == 3 {
                    bytes.feed(&[0xf7], &mut heard);
                }
            }
            0x4 => {
                if let Some(voice) = voice(status >> 4, one, two, second) {
                    hear(group, Message::Channel(status & 0x0f, voice));
                }
            }
            _ => {}
        }
    }
}

/// A voice by its kind, the two bytes behind it, and its data.
fn voice(kind: u8, one: u8, two: u8, data: u32) -> Option<Voice> {
    let (note, low) = (one & 0x7f, two & 0x7f);
    Some(match kind {
        0x0 => Voice::NoteController { note, index: low, value: data },
        0x2 => Voice::Registered { bank: note, index: low, value: data },
        0x3 => Voice::Assignable { bank: note, index: low, value: data },
        0x6 => Voice::NoteBend { note, value: data },
        0x8 => Voice::Off { note, velocity: (data >> 16) as u16 },
        0x9 => Voice::On { note, velocity: (data >> 16) as u16 },
        0xa => Voice::NotePressure { note, value: data },
        0xb => Voice::Controller { index: note, value: data },
        0xc => Voice::Program { program: (data >> 24 & 0x7f) as u8 },
        0xd => Voice::Pressure { value: data },
        0xe => Voice::Bend { value: data },
        // Controllers of the maker for one note, steps of parameters, and what becomes of old notes: nothing here has them.
        _ => return None,
    })
}

/// A message as packets of a group, 0 to 15.
pub fn write(group: u8, message: &Message, mut put: impl FnMut(&[u32])) {
    let group = u32::from(group & 0x0f) << 24;
    match *message {
        Message::Channel(channel, voice) => {
            let (kind, one, two, data) = match voice {
                Voice::NoteController { note, index, value } => (0x0, note, index, value),
                Voice::Registered { bank, index, value } => (0x2, bank, index, value),
                Voice::Assignable { bank, index, value } => (0x3, bank, index, value),
                Voice::NoteBend { note, value } => (0x6, note, 0, value),
                Voice::Off { note, velocity } => (0x8, note, 0, u32::from(velocity) << 16),
                Voice::On { note, velocity } => (0x9, note, 0, u32::from(velocity) << 16),
                Voice::NotePressure { note, value } => (0xa, note, 0, value),
                Voice::Controller { index, value } => (0xb, index, 0, value),
                Voice::Program { program } => (0xc, 0, 0, u32::from(program & 0x7f) << 24),
                Voice::Pressure { value } => (0xd, 0, 0, value),
                Voice::Bend { value } => (0xe, 0, 0, value),
            };
            let head = 0x4 << 28 | group | kind << 20 | u32::from(channel & 0x0f) << 16;
            put(&[head | u32::from(one & 0x7f) << 8 | u32::from(two & 0x7f), data]);
        }
        Message::System(_) | Message::Exclusive(_) => wire::write(message, |bytes| match bytes {
            [0xf0, data @ .., 0xf7] => exclusive(group, data, &mut put),
            [status, data @ ..] => {
                let byte = |at: usize| u32::from(data.get(at).copied().unwrap_or(0));
                put(&[0x1 << 28 | group | u32::from(*status) << 16 | byte(0) << 8 | byte(1)]);
            }
            [] => {}
        }),
    }
}

/// System exclusive data, six bytes a packet.
fn exclusive(group: u32, data: &[u8], put: &mut impl FnMut(&[u32])) {
    let parts = data.len().div_ceil(6).max(1);
    for part in 0..parts {
        let kind = match (part == 0, part + 1 == parts) {
            (true, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (false, true) => 3,
        };
        let bytes = data.get(part * 6..).unwrap_or(&[]);
        let byte = |at: usize| bytes.get(at).filter(|_| at < 6).map_or(0, |byte| u32::from(*byte));
        let head = 0x3 << 28 | group | kind << 20 | (bytes.len().min(6) as u32) << 16;
        put(&[head | byte(0) << 8 | byte(1), byte(2) << 24 | byte(3) << 16 | byte(4) << 8 | byte(5)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CENTRE, Exclusive, System, scale};
    use super::*;

    fn words(group: u8, message: Message) -> Vec<u32> {
        let mut words = Vec::new();
        write(group, &message, |packet| words.extend_from_slice(packet));
        words
    }

    fn read(words: &[u32]) -> Vec<(u8, Message)> {
        let mut heard = Vec::new();
        Reader::default().feed(words, |group, message| heard.push((group, message)));
        heard
    }

    /// Numbers by chance.
    fn random(state: &mut u64) -> u32 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 32) as u32
    }

    #[test]
    fn packets_are_those_of_the_standard() {
        // Figures of M2-104-UM, chapter 7: note on, registered controller, program change, wheel, clock, song position.
        let of = |voice| words(2, Message::Channel(5, voice));
        assert_eq!(of(Voice::On { note: 60, velocity: 0xc104 }), [0x4295_3c00, 0xc104_0000]);
        assert_eq!(of(Voice::Registered { bank: 0, index: 6, value: 0x1e00_0000 }), [0x4225_0006, 0x1e00_0000]);
        assert_eq!(of(Voice::Program { program: 9 }), [0x42c5_0000, 0x0900_0000]);
        assert_eq!(of(Voice::Bend { value: CENTRE }), [0x42e5_0000, 0x8000_0000]);
        assert_eq!(words(0, Message::System(System::Clock)), [0x10f8_0000]);
        assert_eq!(words(15, Message::System(System::Position(0x84))), [0x1ff2_0401]);
        let whole = words(1, Message::System(System::Wound([0x21, 2, 3, 4])));
        assert_eq!(whole, [0x3116_7f7f, 0x0101_2102, 0x3132_0304, 0]);
    }

    #[test]
    fn every_message_comes_back_in_full() {
        let mut state = 7;
        for _ in 0..20_000 {
            let [a, b, value, kind] = [0; 4].map(|_| random(&mut state));
            let (note, index, velocity) = (a as u8 & 0x7f, b as u8 & 0x7f, value as u16);
            let voice = match kind % 11 {
                0 => Voice::On { note, velocity },
                1 => Voice::Off { note, velocity },
                2 => Voice::NotePressure { note, value },
                3 => Voice::NoteBend { note, value },
                4 => Voice::NoteController { note, index, value },
                5 => Voice::Controller { index, value },
                6 => Voice::Registered { bank: note, index, value },
                7 => Voice::Assignable { bank: note, index, value },
                8 => Voice::Program { program: note },
                9 => Voice::Pressure { value },
                _ => Voice::Bend { value },
            };
            let (group, message) = ((kind >> 16) as u8 & 15, Message::Channel((kind >> 8) as u8 & 15, voice));
            assert_eq!(read(&words(group, message)), [(group, message)]);
        }
        let systems = [System::Clock, System::Start, System::Continue, System::Stop, System::Sensing, System::Reset];
        let more =
            [System::Position(0x3fff), System::TimeCode(0x35), System::Song(9), System::Wound([0x61, 59, 58, 24])];
        for system in systems.into_iter().chain(more) {
            assert_eq!(read(&words(3, Message::System(system))), [(3, Message::System(system))]);
        }
        for length in [1, 5, 6, 7, 12, 254] {
            let message = Message::Exclusive(Exclusive::new((0..length).map(|i| i as u8 & 0x7f)).unwrap());
            assert_eq!(read(&words(9, message)), [(9, message)], "{length}");
        }
    }

    #[test]
    fn an_old_device_means_the_same_through_a_new_wire() {
        let mut state = 11;
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let (mut bytes, mut packets) = (Bytes::default(), Reader::default());
        for _ in 0..20_000 {
            let chance = random(&mut state).to_be_bytes();
            // Mostly controllers, among them those that belong together.
            let status = if chance[0] < 128 { 0xb0 | chance[0] & 15 } else { 0x80 | (chance[0] % 0x70) };
            let (one, two) = (chance[1] & 0x7f, chance[2] & 0x7f);
            let length = if matches!(status & 0xf0, 0xc0 | 0xd0) { 2 } else { 3 };
            bytes.message(&[status, one, two][..length], |message| old.push(message));
            let word = 0x2 << 28 | u32::from(status) << 16 | u32::from(one) << 8 | u32::from(two);
            packets.feed(&[word], |_, message| new.push(message));
        }
        assert!(old.len() > 10_000);
        assert_eq!(old, new);
        let loud = scale::up(127, 7, 16) as u16;
        assert_eq!(read(&[0x2592_3c7f]), [(5, Message::Channel(2, Voice::On { note: 60, velocity: loud }))]);
    }

    #[test]
    fn words_by_chance_are_survived_and_the_next_packet_is_read() {
        let mut state = 3;
        let mut reader = Reader::default();
        for _ in 0..1_000_000 {
            reader.feed(&[random(&mut state)], |group, message| {
                let Message::Channel(channel, _) = message else { return };
                assert!(group < 16 && channel < 16);
            });
        }
        // Words of nothing end whatever packet is under way.
        let message = Message::Channel(1, Voice::Pressure { value: 77 });
        let mut heard = Vec::new();
        reader.feed(&[0; LONGEST], |_, message| heard.push(message));
        reader.feed(&words(0, message), |_, message| heard.push(message));
        assert_eq!(heard.last(), Some(&message));
    }
}
