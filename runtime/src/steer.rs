//! Signals that turn the controllers of instruments outside.
//!
//! A signal is looked at frame by frame. Where it has come to another value of what the wire can say (7 bits, 14 for the wheel and fine
//! controllers), that is told, at that frame; but not more than two hundred times a second, since a wire of MIDI carries a thousand messages and has
//! notes to carry as well. A step is told at its frame, a slope in steps, and what stands still not at all, also not after an edit.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::inbox::PortName;
use crate::midi::{Message, Voice, scale};
use crate::outbox::Departure;
use crate::tap::source;
use modurust_compiler::graph::{Leaving, Moved, Out, OutKind};

/// How often something is told at most, a second.
const OFTEN: u32 = 200;
/// Things of instruments that are remembered.
const KNOWN: usize = 256;

/// A signal of a program that leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wire {
    /// The number of its output.
    pub out: usize,
    device: PortName,
    leaving: Leaving,
    /// The same thing of the same instrument in other programs.
    key: u64,
}

impl Wire {
    /// Of an output, if it leaves.
    pub fn of(at: usize, out: &Out) -> Option<Wire> {
        let OutKind::Leaves(leaving) = out.kind else { return None };
        let key = source(&format!("{}/{}/{}", out.name, leaving.channel, leaving.what));
        Some(Wire { out: at, device: PortName::new(&out.name), leaving, key })
    }
}

/// What a wire can say of a signal.
fn step(what: Moved, x: f32) -> u32 {
    let share = |steps: f32| (x.clamp(0.0, 1.0) * steps).round() as u32;
    match what {
        Moved::Controller(_) | Moved::Pressure => share(127.0),
        Moved::Fine(_) | Moved::Registered(_) | Moved::Assignable(_) => share(16_383.0),
        Moved::Bend => {
            let side = if x < 0.0 { 8192.0 } else { 8191.0 };
            (8192.0 + x.clamp(-1.0, 1.0) * side).round() as u32
        }
        Moved::Program => x.round().clamp(1.0, 128.0) as u32 - 1,
    }
}

/// The messages that say it: one, or the two halves of a fine controller.
fn messages(what: Moved, step: u32) -> [Option<Voice>; 2] {
    let wide = |bits: u32| scale::up(step, bits, 32);
    let halves = |number: u16| ((number >> 7) as u8, (number & 0x7f) as u8);
    let one = |voice| [Some(voice), None];
    match what {
        Moved::Controller(n) => one(Voice::Controller { index: n as u8, value: wide(7) }),
        Moved::Fine(n) => [(n, step >> 7), (n + 32, step & 0x7f)]
            .map(|(n, half)| Some(Voice::Controller { index: n as u8, value: scale::up(half, 7, 32) })),
        Moved::Registered(n) => {
            let (bank, index) = halves(n);
            one(Voice::Registered { bank, index, value: wide(14) })
        }
        Moved::Assignable(n) => {
            let (bank, index) = halves(n);
            one(Voice::Assignable { bank, index, value: wide(14) })
        }
        Moved::Bend => one(Voice::Bend { value: wide(14) }),
        Moved::Pressure => one(Voice::Pressure { value: wide(7) }),
        Moved::Program => one(Voice::Program { program: step as u8 }),
    }
}

/// What was told last of one thing.
#[derive(Clone, Copy, Debug)]
struct Known {
    key: u64,
    step: u32,
    frame: u64,
}

/// What instruments were told.
#[derive(Default)]
pub(crate) struct Steered(Vec<Known>);

impl Steered {
    pub fn new() -> Steered {
        Steered(Vec::with_capacity(KNOWN))
    }

    /// Looks at the frames of a signal, two lanes that are equal, from frame `base` on.
    pub fn turn(&mut self, wire: &Wire, words: &[f32], (base, rate): (u64, u32), mut tell: impl FnMut(Departure)) {
        let Wire { device, leaving: Leaving { what, channel, offset }, key, .. } = *wire;
        let (pause, later) = (u64::from(rate / OFTEN), u64::from(offset) * u64::from(rate) / 1_000_000);
        let mut known = self.0.iter().position(|known| known.key == key);
        for (frame, words) in (base..).zip(words.chunks_exact(2)) {
            let Some(x) = words.first().copied().filter(|x| x.is_finite()) else { continue };
            let step = step(what, x);
            let before = known.and_then(|at| self.0.get(at));
            if before.is_some_and(|before| before.step == step || frame < before.frame + pause) {
                continue;
            }
            let now = Known { key, step, frame };
            match known.and_then(|at| self.0.get_mut(at)) {
                Some(slot) => *slot = now,
                None => known = self.add(now),
            }
            for voice in messages(what, step).into_iter().flatten() {
                tell(Departure { frame: frame + later, device, message: Message::Channel(channel, voice) });
            }
        }
    }

    /// Remembers something new, in the place of what has moved least lately if there is no room.
    fn add(&mut self, now: Known) -> Option<usize> {
        if self.0.len() < KNOWN {
            self.0.push(now);
            return Some(self.0.len() - 1);
        }
        let (at, _) = self.0.iter().enumerate().min_by_key(|(_, known)| known.frame)?;
        if let Some(slot) = self.0.get_mut(at) {
            *slot = now;
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_the_middle_are_those_of_the_wire() {
        let steps = |what, all: [f32; 3]| all.map(|x| step(what, x));
        assert_eq!(steps(Moved::Bend, [-1.0, 0.0, 1.0]), [0, 8192, 16_383]);
        assert_eq!(steps(Moved::Controller(1), [-3.0, 0.5, 7.0]), [0, 64, 127]);
        assert_eq!(steps(Moved::Fine(1), [0.0, 0.5, 1.0]), [0, 8192, 16_383]);
        assert_eq!(steps(Moved::Program, [0.0, 5.0, 500.0]), [0, 4, 127]);
    }
}
