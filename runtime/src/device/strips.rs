//! Tracks and buses on their way to ports of their own.
//!
//! A strip flows through a tap, as into a recording, but into the period in which the whole plays it: the newest frame that has come is that of the
//! last quantum computed, so the end of a period is found by counting back from it. It is as late as the whole, which the limiter delays, so
//! both may be mixed with each other; nothing limits it. A strip that the text no longer has is silent, and keeps its ports.

#![cfg_attr(not(feature = "jack"), allow(dead_code, reason = "only JACK has such ports"))]
#![deny(clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::tap::Spout;
use modurust_compiler::score::Ratio;

/// A track or bus, and where its frames come.
#[derive(Debug)]
pub(crate) struct Strip {
    /// What it is called.
    pub name: String,
    spout: Spout,
}

impl Strip {
    /// Lets it flow, from now on.
    pub fn new(name: &str, spout: Spout) -> Strip {
        spout.valve.open(name, Ratio::ZERO, 0);
        Strip { name: name.into(), spout }
    }

    /// Reads a period into a port for each side. So many frames have come that are to be heard later.
    pub fn read(&mut self, ahead: usize, sides: [&mut [f32]; 2]) {
        let [left, right] = sides;
        let frames = left.len().min(right.len());
        let due = self.spout.ring.slots().saturating_sub(ahead);
        if let Ok(chunk) = self.spout.ring.read_chunk(due.saturating_sub(frames)) {
            // Nobody listened for a while.
            chunk.commit_all();
        }
        let due = due.min(frames);
        let silent = frames - due;
        left[..silent].fill(0.0);
        right[..silent].fill(0.0);
        let Ok(chunk) = self.spout.ring.read_chunk(due) else { return };
        let (first, second) = chunk.as_slices();
        let sound = first.iter().chain(second);
        for ((l, r), frame) in left[silent..].iter_mut().zip(&mut right[silent..]).zip(sound) {
            (*l, *r) = (frame[0], frame[1]);
        }
        chunk.commit_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::Valve;
    use rtrb::RingBuffer;
    use std::sync::Arc;

    #[test]
    fn a_period_ends_with_what_is_due() {
        let (mut into, ring) = RingBuffer::new(1000);
        let mut strip = Strip::new("bass", Spout { ring, valve: Arc::new(Valve::default()) });
        let mut sounds = 0;
        let mut come = |frames: usize| {
            for _ in 0..frames {
                sounds += 1;
                let _ = into.push([sounds as f32, -(sounds as f32)]);
            }
        };
        let mut read = |ahead: usize| {
            let (mut left, mut right) = ([9.0; 100], [9.0; 100]);
            strip.read(ahead, [&mut left, &mut right]);
            assert!(left.iter().zip(&right).all(|(l, r)| *l == -*r));
            (left[0], left[99])
        };
        assert_eq!(read(72), (0.0, 0.0), "nothing has come");
        come(128);
        assert_eq!(read(72), (0.0, 56.0), "its beginning");
        come(128);
        assert_eq!(read(100), (57.0, 156.0));
        come(640);
        assert_eq!(read(72), (725.0, 824.0), "what was missed is left out");
    }
}
