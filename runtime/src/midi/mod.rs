//! MIDI: what comes from keyboards and controllers, and what goes to instruments.
//!
//! Inside there is one vocabulary, [`Message`], in the resolution of MIDI 2.0: velocities have 16 bits, controllers 32, and notes may have
//! controllers of their own. [`wire`] makes it of the bytes of MIDI 1.0 and back, [`ump`] of the packets of MIDI 2.0. [`keyboard`] is what
//! a port remembers: pedals, bends and their ranges, the zones of MPE; it turns messages into what hands do to notes.
//!
//! ```text
//! bytes -> wire::Reader \
//!                        Message -> inbox -> keyboard -> keys -> voices
//! packets -> ump ------ /
//! ```
//!
//! All of this is plain data of fixed size; the audio side uses it as well as the control side.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

pub mod keyboard;
pub mod scale;
pub mod ump;
pub mod wire;

use modurust_compiler::exclusive::LONGEST;

/// The wheel at rest.
pub const CENTRE: u32 = 0x8000_0000;

/// What a channel is told, or all of them.
#[allow(clippy::large_enum_variant, reason = "the audio side neither allocates nor frees, so nothing is boxed")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Message {
    /// For a channel, 0 to 15.
    Channel(u8, Voice),
    /// For everybody.
    System(System),
    /// What only its maker knows.
    Exclusive(Exclusive),
}

/// A system exclusive message, without memory of its own. Longer ones than [`LONGEST`] are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Exclusive {
    bytes: [u8; LONGEST],
    len: u8,
}

impl Exclusive {
    /// Of the bytes between the first and the last, of 7 bits each; `None` if there are too many.
    pub fn new(data: impl IntoIterator<Item = u8>) -> Option<Exclusive> {
        let (mut bytes, mut len) = ([0; LONGEST], 0u8);
        for byte in data {
            *bytes.get_mut(usize::from(len))? = byte & 0x7f;
            len += 1;
        }
        Some(Exclusive { bytes, len })
    }

    /// The bytes between the first and the last.
    pub fn data(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl std::fmt::Debug for Exclusive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exclusive({:02x?})", self.data())
    }
}

/// What a channel is told. Notes are numbered 0 to 127, 60 is c4; values fill their type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Voice {
    /// A key goes down.
    On {
        /// The key.
        note: u8,
        /// How fast.
        velocity: u16,
    },
    /// A key comes up.
    Off {
        /// The key.
        note: u8,
        /// How fast.
        velocity: u16,
    },
    /// The pressure of one key.
    NotePressure {
        /// The key.
        note: u8,
        /// How much.
        value: u32,
    },
    /// The wheel of one note ([`CENTRE`] is at rest).
    NoteBend {
        /// The key.
        note: u8,
        /// Where it stands.
        value: u32,
    },
    /// A controller of one note.
    NoteController {
        /// The key.
        note: u8,
        /// Which controller.
        index: u8,
        /// Where it stands.
        value: u32,
    },
    /// A controller of the channel.
    Controller {
        /// 0 to 127.
        index: u8,
        /// Where it stands.
        value: u32,
    },
    /// A registered parameter (RPN).
    Registered {
        /// First half of its number.
        bank: u8,
        /// Second half of its number.
        index: u8,
        /// Where it stands.
        value: u32,
    },
    /// A parameter of the maker (NRPN).
    Assignable {
        /// First half of its number.
        bank: u8,
        /// Second half of its number.
        index: u8,
        /// Where it stands.
        value: u32,
    },
    /// Another sound.
    Program {
        /// 0 to 127.
        program: u8,
    },
    /// The pressure of all keys.
    Pressure {
        /// How much.
        value: u32,
    },
    /// The wheel of the channel ([`CENTRE`] is at rest).
    Bend {
        /// Where it stands.
        value: u32,
    },
}

/// What everybody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// One of 24 ticks of a quarter note.
    Clock,
    /// Time begins, from the first beat.
    Start,
    /// Time goes on.
    Continue,
    /// Time stands still.
    Stop,
    /// Where time goes on, in sixteenth notes from the beginning.
    Position(u16),
    /// A quarter of a frame of time code: which piece, and its four bits.
    TimeCode(u8),
    /// Where a tape that stands was wound to: hours with the rate of pictures in their bits 5 and 6, minutes, seconds, frames.
    Wound([u8; 4]),
    /// A song is chosen.
    Song(u8),
    /// The sender is there.
    Sensing,
    /// Everything begins anew.
    Reset,
}

/// A share of the whole, 0 to 1.
pub fn unit(value: u32) -> f32 {
    (f64::from(value) / f64::from(u32::MAX)) as f32
}

/// How far a wheel stands from its rest, -1 to 1.
pub fn wheel(value: u32) -> f32 {
    let from_centre = f64::from(value) - f64::from(CENTRE);
    let whole = if from_centre < 0.0 { f64::from(CENTRE) } else { f64::from(u32::MAX - CENTRE) };
    (from_centre / whole) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_the_middle_are_exact() {
        assert_eq!((unit(0), unit(u32::MAX)), (0.0, 1.0));
        assert_eq!((wheel(0), wheel(CENTRE), wheel(u32::MAX)), (-1.0, 0.0, 1.0));
    }
}
