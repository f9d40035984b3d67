//! What a port remembers, and what its messages mean for notes.
//!
//! A key that goes down begins a note, one that comes up ends it, unless a pedal holds it. The wheel, the pressure and controller 74 of a
//! channel bend, press and slide all of its notes. MPE (M1-100-UM) gives every note a channel of its own: a *zone* has a master channel,
//! whose wheel bends all notes of the zone, and members from there inwards, whose wheels bend their own. What a note is bent by is the sum
//! of both, each in its own range: two semitones for masters and ordinary channels, 48 for members, unless a device says otherwise.
//!
//! ```text
//! 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
//! M m m m m m m - -  -  -  -  m  m  m  M       two zones: six members below, three above
//! ```

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::{Message, Voice, scale, unit, wheel};

/// Bend of ordinary channels and masters, semitones.
const RANGE: f32 = 2.0;
/// Bend of members of a zone, semitones.
const MEMBER_RANGE: f32 = 48.0;
/// The controller that MPE calls timbre, and players slide.
const SLIDE: u8 = 74;

/// What a hand does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Play {
    /// A note begins.
    On {
        /// 0 to 15.
        channel: u8,
        /// 0 to 127.
        note: u8,
        /// 0 to 1.
        velocity: f32,
    },
    /// Notes of a channel end: bit `n` is note `n`.
    Lift {
        /// 0 to 15.
        channel: u8,
        /// Which.
        notes: u128,
    },
    /// All that is known of how the notes of a channel are held, or one of them.
    Touch {
        /// 0 to 15.
        channel: u8,
        /// One note, or all.
        note: Option<u8>,
        /// How.
        touch: Touch,
    },
    /// A controller that is for everybody: its number, and where it stands, 0 to 1.
    Control(u8, f32),
    /// The wheel for everybody, -1 to 1.
    Wheel(f32),
    /// The pressure for everybody, 0 to 1.
    Pressure(f32),
}

/// How a note is held.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Touch {
    /// Semitones.
    pub bend: f32,
    /// -1 to 1.
    pub wheel: f32,
    /// 0 to 1.
    pub press: f32,
    /// 0 to 1.
    pub slide: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    wheel: f32,
    press: f32,
    slide: f32,
    /// Semitones, if a device has said so.
    range: Option<f32>,
    pedal: bool,
    /// Notes whose keys are down.
    down: u128,
    /// Notes whose keys are up and which a pedal holds.
    kept: u128,
}

/// The memory of one port. Of fixed size; never allocates.
#[derive(Clone, Debug, Default)]
pub struct Keyboard {
    channels: [Channel; 16],
    /// Members of the zones at the lower and at the upper end; 0 is no zone.
    zones: [u8; 2],
    /// The device has spoken of zones.
    said: bool,
    /// The text wants a zone of all channels unless the device says something.
    assumed: bool,
}

fn bit(note: u8) -> u128 {
    1 << (note & 0x7f)
}

impl Keyboard {
    /// Takes every channel for one of a zone with 15 members, unless the device says something else; or no longer.
    pub fn assume(&mut self, mpe: bool) {
        self.assumed = mpe;
    }

    fn zones(&self) -> [u8; 2] {
        if self.said || !self.assumed { self.zones } else { [15, 0] }
    }

    /// The master of the zone that a channel is a member of.
    fn master(&self, channel: u8) -> Option<u8> {
        let [lower, upper] = self.zones();
        match channel {
            1..=15 if channel <= lower => Some(0),
            0..=14 if channel >= 15 - upper.min(15) => Some(15),
            _ => None,
        }
    }

    /// The channels that hear what is said to one: itself, and if it is a master its members.
    fn heard_by(&self, channel: u8) -> impl Iterator<Item = u8> + use<> {
        let [lower, upper] = self.zones();
        let members = match channel {
            0 if lower > 0 => 1..lower + 1,
            15 if upper > 0 => 15 - upper..15,
            _ => 0..0,
        };
        std::iter::once(channel).chain(members)
    }

    fn state(&mut self, channel: u8) -> &mut Channel {
        &mut self.channels[usize::from(channel & 0x0f)]
    }

    fn of(&self, channel: u8) -> &Channel {
        &self.channels[usize::from(channel & 0x0f)]
    }

    fn range(&self, channel: u8) -> f32 {
        let usual = if self.master(channel).is_some() { MEMBER_RANGE } else { RANGE };
        self.of(channel).range.unwrap_or(usual)
    }

    /// How the notes of a channel are held.
    pub fn touch(&self, channel: u8) -> Touch {
        let own = self.of(channel);
        let mut touch =
            Touch { bend: own.wheel * self.range(channel), wheel: own.wheel, press: own.press, slide: own.slide };
        if let Some(master) = self.master(channel) {
            let all = self.of(master);
            touch.bend += all.wheel * self.range(master);
            touch.press = touch.press.max(all.press);
            touch.slide = touch.slide.max(all.slide);
        }
        touch
    }

    fn tell(&self, channel: u8, hear: &mut impl FnMut(Play)) {
        for channel in self.heard_by(channel) {
            hear(Play::Touch { channel, note: None, touch: self.touch(channel) });
        }
    }

    fn pedal_of(&self, channel: u8) -> bool {
        self.of(channel).pedal || self.master(channel).is_some_and(|master| self.of(master).pedal)
    }

    /// Takes a message of a channel.
    pub fn hear(&mut self, message: &Message, mut hear: impl FnMut(Play)) {
        let Message::Channel(channel, voice) = *message else { return };
        let channel = channel & 0x0f;
        let hear = &mut hear;
        match voice {
            Voice::On { note, velocity } => {
                let again = (self.of(channel).down | self.of(channel).kept) & bit(note);
                if again != 0 {
                    hear(Play::Lift { channel, notes: again });
                }
                let state = self.state(channel);
                state.down |= bit(note);
                state.kept &= !bit(note);
                let velocity = f32::from(velocity) / f32::from(u16::MAX);
                hear(Play::On { channel, note: note & 0x7f, velocity });
            }
            Voice::Off { note, .. } => {
                let pedal = self.pedal_of(channel);
                let state = self.state(channel);
                if state.down & bit(note) == 0 {
                    return;
                }
                state.down &= !bit(note);
                if pedal {
                    state.kept |= bit(note);
                } else {
                    hear(Play::Lift { channel, notes: bit(note) });
                }
            }
            Voice::Bend { value } => {
                self.state(channel).wheel = wheel(value);
                self.tell(channel, hear);
                if self.master(channel).is_none() {
                    hear(Play::Wheel(wheel(value)));
                }
            }
            Voice::Pressure { value } => {
                self.state(channel).press = unit(value);
                self.tell(channel, hear);
                if self.master(channel).is_none() {
                    hear(Play::Pressure(unit(value)));
                }
            }
            Voice::NotePressure { note, value } => {
                let touch = Touch { press: unit(value), ..self.touch(channel) };
                hear(Play::Touch { channel, note: Some(note), touch });
            }
            Voice::NoteBend { note, value } => {
                // Without a range of its own a note is bent as far as a member of a zone.
                let own = wheel(value);
                let touch = self.touch(channel);
                let touch = Touch { bend: touch.bend + own * MEMBER_RANGE, wheel: own, ..touch };
                hear(Play::Touch { channel, note: Some(note), touch });
            }
            Voice::NoteController { note, index, value } => {
                if index == SLIDE {
                    let touch = Touch { slide: unit(value), ..self.touch(channel) };
                    hear(Play::Touch { channel, note: Some(note), touch });
                }
            }
            Voice::Controller { index, value } => self.control(channel, index, value, hear),
            Voice::Registered { bank: 0, index: 0, value } => {
                let (whole, cents) = (scale::down(value, 32, 7), scale::down(value, 32, 14) & 0x7f);
                let range = whole as f32 + cents as f32 / 100.0;
                match self.master(channel) {
                    // The range of one member is that of all.
                    Some(master) => {
                        for member in self.heard_by(master).skip(1) {
                            self.state(member).range = Some(range);
                        }
                        self.tell(master, hear);
                    }
                    None => {
                        self.state(channel).range = Some(range);
                        self.tell(channel, hear);
                    }
                }
            }
            Voice::Registered { bank: 0, index: 6, value } if channel == 0 || channel == 15 => {
                self.configure(channel, scale::down(value, 32, 7) as u8, hear);
            }
            Voice::Registered { .. } | Voice::Assignable { .. } | Voice::Program { .. } => {}
        }
    }

    /// A zone is made, changed or taken away. All notes end, since they may change hands.
    fn configure(&mut self, master: u8, members: u8, hear: &mut impl FnMut(Play)) {
        let members = members.min(15);
        let (mine, other) = if master == 0 { (0, 1) } else { (1, 0) };
        self.release(hear);
        self.said = true;
        self.zones[mine] = members;
        // The newer zone takes what it needs; one without members is none.
        self.zones[other] = self.zones[other].min(14 - members.min(14));
        for channel in self.heard_by(master) {
            *self.state(channel) = Channel::default();
        }
        self.tell(master, hear);
    }

    fn control(&mut self, channel: u8, index: u8, value: u32, hear: &mut impl FnMut(Play)) {
        let member = self.master(channel).is_some();
        match index {
            SLIDE => {
                self.state(channel).slide = unit(value);
                self.tell(channel, hear);
            }
            64 => {
                self.state(channel).pedal = unit(value) >= 0.5;
                for channel in self.heard_by(channel) {
                    if !self.pedal_of(channel) {
                        let notes = std::mem::take(&mut self.state(channel).kept);
                        if notes != 0 {
                            hear(Play::Lift { channel, notes });
                        }
                    }
                }
            }
            // All sound off, all notes off, and the changes of mode that mean the same.
            120 | 123..=127 => {
                for channel in self.heard_by(channel) {
                    self.end(channel, hear);
                }
            }
            121 => {
                for channel in self.heard_by(channel) {
                    let state = self.state(channel);
                    let kept = std::mem::take(&mut state.kept);
                    *state = Channel { down: state.down, range: state.range, ..Channel::default() };
                    if kept != 0 {
                        hear(Play::Lift { channel, notes: kept });
                    }
                }
                self.tell(channel, hear);
            }
            _ => {}
        }
        if !member && index < 120 {
            hear(Play::Control(index, unit(value)));
        }
    }

    fn end(&mut self, channel: u8, hear: &mut impl FnMut(Play)) {
        let state = self.state(channel);
        let notes = state.down | state.kept;
        (state.down, state.kept) = (0, 0);
        hear(Play::Lift { channel, notes });
    }

    /// Ends all notes: the port is gone, or means something else from now on.
    pub fn release(&mut self, hear: &mut impl FnMut(Play)) {
        for channel in 0..16 {
            self.end(channel, hear);
        }
    }

    /// Notes that are held by a key or a pedal.
    pub fn held(&self) -> u32 {
        self.channels.iter().map(|c| (c.down | c.kept).count_ones()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::CENTRE;
    use super::*;

    /// Keys, so to speak, of a board that is listened to.
    #[derive(Default)]
    struct Desk {
        board: Keyboard,
        heard: Vec<Play>,
    }

    impl Desk {
        fn send(&mut self, channel: u8, voice: Voice) -> Vec<Play> {
            self.heard.clear();
            let heard = &mut self.heard;
            self.board.hear(&Message::Channel(channel, voice), |play| heard.push(play));
            self.heard.clone()
        }

        fn zone(&mut self, master: u8, members: u32) {
            self.send(master, Voice::Registered { bank: 0, index: 6, value: scale::up(members << 7, 14, 32) });
        }

        fn bends(&self) -> [f32; 16] {
            std::array::from_fn(|channel| self.board.touch(channel as u8).bend)
        }
    }

    const UP: Voice = Voice::Bend { value: u32::MAX };

    #[test]
    fn members_bend_by_themselves_and_by_their_master() {
        let mut desk = Desk::default();
        desk.send(0, UP);
        assert_eq!(desk.bends()[..2], [2.0, 0.0], "ordinary channels");
        desk.zone(0, 6);
        desk.send(1, UP);
        desk.send(0, UP);
        assert_eq!(desk.bends()[..8], [2.0, 50.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0]);
        desk.send(3, Voice::Registered { bank: 0, index: 0, value: scale::up(24 << 7, 14, 32) });
        assert_eq!(desk.bends()[1], 26.0, "the range of one member is that of all");
        desk.send(0, Voice::Registered { bank: 0, index: 0, value: scale::up(12 << 7, 14, 32) });
        assert_eq!(desk.bends()[..3], [12.0, 36.0, 12.0], "and the master's is its own");
        assert!(!desk.send(1, UP).contains(&Play::Wheel(1.0)), "a member is nobody's wheel");
        assert!(desk.send(9, UP).contains(&Play::Wheel(1.0)));
    }

    #[test]
    fn a_newer_zone_takes_channels_from_the_older() {
        let mut desk = Desk::default();
        desk.zone(0, 15);
        assert_eq!(desk.board.zones(), [15, 0]);
        desk.zone(15, 7);
        assert_eq!(desk.board.zones(), [7, 7]);
        assert_eq!((desk.board.master(7), desk.board.master(8)), (Some(0), Some(15)));
        desk.zone(0, 14);
        assert_eq!(desk.board.zones(), [14, 0]);
        desk.zone(0, 0);
        assert_eq!(desk.board.master(3), None);
        desk.zone(3, 5);
        assert_eq!(desk.board.zones(), [0, 0], "only the outer channels can be masters");
    }

    #[test]
    fn timbre_of_what_is_no_master_stays_a_controller() {
        let mut desk = Desk::default();
        desk.zone(0, 6);
        let slide = Voice::Controller { index: 74, value: u32::MAX };
        let heard = desk.send(15, slide);
        assert!(heard.contains(&Play::Control(74, 1.0)));
        assert!((0..15).all(|channel| desk.board.touch(channel).slide == 0.0));
        desk.send(0, slide);
        assert_eq!(desk.board.touch(4).slide, 1.0);
    }

    #[test]
    fn pedals_hold_and_let_go() {
        let mut desk = Desk::default();
        let (on, off) = (Voice::On { note: 60, velocity: 0xffff }, Voice::Off { note: 60, velocity: 0 });
        let pedal = |value| Voice::Controller { index: 64, value };
        let lift = Play::Lift { channel: 2, notes: bit(60) };
        desk.send(2, pedal(u32::MAX));
        assert_eq!(desk.send(2, on), [Play::On { channel: 2, note: 60, velocity: 1.0 }]);
        assert_eq!(desk.send(2, off), []);
        assert_eq!(desk.send(2, on)[0], lift, "struck again: the old one ends");
        desk.send(2, off);
        assert_eq!(desk.send(2, pedal(0))[0], lift);
        assert_eq!((desk.send(2, off), desk.board.held()), (vec![], 0), "an end too many");
        desk.zone(0, 5);
        desk.send(0, pedal(u32::MAX));
        desk.send(2, on);
        assert_eq!(desk.send(2, off), [], "the pedal of the master is for the zone");
        assert!(desk.send(0, pedal(0)).contains(&lift));
    }

    #[test]
    fn zones_are_assumed_until_a_device_speaks() {
        let mut desk = Desk::default();
        desk.board.assume(true);
        desk.send(1, UP);
        assert_eq!(desk.bends()[1], 48.0);
        desk.zone(0, 0);
        desk.send(1, UP);
        assert_eq!(desk.bends()[1], 2.0);
        desk.send(1, Voice::Bend { value: CENTRE });
        assert_eq!(desk.bends()[1], 0.0);
    }
}
