//! A click on every beat: for playing along, never in a recording.
//!
//! The click is a short decaying sine whose phase counts from its own first frame, so it is the same at every tempo and block size. The
//! first beat of a bar is higher.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::transport::Piece;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::program::Timing;
use modurust_compiler::score::Ratio;
use modurust_compiler::score::tempo::TempoMap;

/// Length of a click, seconds.
const LENGTH: f64 = 0.03;
/// Pitches of the first beat and of the others, Hz.
const PITCH: (f32, f32) = (1760.0, 1320.0);
/// Peak of a click.
const LEVEL: f32 = 0.4;

/// The metronome of an engine.
#[derive(Debug, Default)]
pub struct Metronome {
    /// Heard or not.
    pub on: bool,
    /// First frame and pitch of the click that sounds.
    click: Option<(u64, f32)>,
}

impl Metronome {
    /// Adds the clicks of the quantum that begins at frame `base`.
    pub fn run(
        &mut self,
        pieces: &[Piece],
        (map, timing): (&TempoMap, &Timing),
        (base, rate): (u64, u32),
        out: &mut [[f32; 2]; QUANTUM],
    ) {
        let mut from = 0;
        if self.on {
            for piece in pieces {
                let (beats, _) = map.meter(timing, piece.begin);
                let mut next = beat_at_or_after(piece.begin, beats);
                while next < piece.end {
                    let frame = piece.mark.frame_of(next).clamp(base as i64, base as i64 + QUANTUM as i64 - 1) as u64;
                    let at = (frame - base) as usize;
                    self.sound(base, rate, from..at, out);
                    from = at;
                    let pitch = if next.den() == 1 { PITCH.0 } else { PITCH.1 };
                    self.click = Some((frame, pitch));
                    let after = beat_at_or_after(next + Ratio::new(1, 1 << 20), beats);
                    if after <= next {
                        break;
                    }
                    next = after;
                }
            }
        }
        self.sound(base, rate, from..QUANTUM, out);
    }

    fn sound(&mut self, base: u64, rate: u32, range: std::ops::Range<usize>, out: &mut [[f32; 2]; QUANTUM]) {
        let Some((start, pitch)) = self.click else { return };
        for i in range {
            let seconds = (base + i as u64).saturating_sub(start) as f64 / f64::from(rate);
            if seconds > LENGTH {
                self.click = None;
                return;
            }
            let t = seconds as f32;
            let click = LEVEL * (std::f32::consts::TAU * pitch * t).sin() * (-t * 150.0).exp();
            out[i] = out[i].map(|x| x + click);
        }
    }
}

/// The first beat at or after a position; every bar begins with one.
fn beat_at_or_after(cycle: Ratio, beats: Ratio) -> Ratio {
    let bar = Ratio::int(cycle.floor());
    let within = ((cycle - bar) * beats).ceil();
    let at = bar + Ratio::int(within) / beats;
    at.min(bar + Ratio::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_of_uneven_bars() {
        let seven = Ratio::new(7, 2);
        assert_eq!(beat_at_or_after(Ratio::ZERO, seven), Ratio::ZERO);
        assert_eq!(beat_at_or_after(Ratio::new(1, 100), seven), Ratio::new(2, 7));
        assert_eq!(beat_at_or_after(Ratio::new(9, 10), seven), Ratio::ONE);
        assert_eq!(beat_at_or_after(Ratio::new(-1, 8), Ratio::int(4)), Ratio::ZERO);
    }
}
