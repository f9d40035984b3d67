//! Voices that are left out for a while, because there is more to compute than there is time for ([`crate::overload`]).
//!
//! A voice is *closed*: no note goes to it until it is opened again. If it plays one, its gate comes down in a straight line over some quanta, and then the
//! note has ended; a release takes its course. What rests costs nothing (`compiler/src/few`), so a closed voice soon saves its share.

use super::{NEVER, UnitState};
use modurust_compiler::graph::QUANTUM;
use std::cmp::Ordering;

/// What is left out of a voice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shed {
    pub closed: bool,
    /// Quanta until its gate is down.
    pub left: u8,
}

impl UnitState {
    /// Leaves so many voices open, from now on. Closes those at rest first, then the quietest by the velocity of its note, and of equally quiet
    /// ones the oldest. The gate of a voice that is closed comes down within `quanta`.
    pub fn keep_open(&mut self, count: usize, quanta: u8) {
        let mut open = self.shed.iter().filter(|shed| !shed.closed).count();
        while open > count.max(1) {
            let Some(voice) = self.least() else { break };
            self.shed[voice] = Shed { closed: true, left: if self.voices[voice].held { quanta.max(1) } else { 0 } };
            self.voices[voice].rise = NEVER;
            self.fades |= self.voices[voice].held;
            open -= 1;
        }
        // A voice whose gate still comes down is not needed at once.
        while open < count.min(self.shed.len()) {
            let closed = self.shed.iter().enumerate().filter(|(_, shed)| shed.closed);
            let Some((voice, _)) = closed.min_by_key(|(_, shed)| shed.left) else { break };
            self.shed[voice].closed = false;
            open += 1;
        }
    }

    /// The open voice that is missed the least.
    fn least(&self) -> Option<usize> {
        let loud = |voice: usize| self.vel.and_then(|field| self.rows.get(field)).map_or(1.0, |row| row.value(voice));
        let order = |a: usize, b: usize| -> Ordering {
            let (x, y) = (&self.voices[a], &self.voices[b]);
            let quiet = if x.held && y.held { loud(a).total_cmp(&loud(b)) } else { Ordering::Equal };
            x.held.cmp(&y.held).then(quiet).then(x.since.cmp(&y.since))
        };
        (0..self.voices.len()).filter(|voice| !self.shed[*voice].closed).min_by(|a, b| order(*a, *b))
    }

    /// Draws a quantum of the gates that come down, from frame `base` on; over `quanta` in all. To be called once a quantum, when its rows
    /// are level.
    pub fn fade_closed(&mut self, base: u64, quanta: u8) {
        if !std::mem::take(&mut self.fades) {
            return;
        }
        for voice in 0..self.voices.len() {
            let Shed { left, .. } = self.shed[voice];
            if left == 0 || !self.voices[voice].held {
                self.shed[voice].left = 0;
                continue;
            }
            let left = left - 1;
            self.shed[voice].left = left;
            self.draw_gate(voice, f32::from(left) / f32::from(quanta.max(1)));
            if left == 0 {
                self.stop(voice, base, base + QUANTUM as u64 - 1);
            } else {
                self.fades = true;
            }
        }
    }

    /// Voices to which notes go.
    pub fn open_voices(&self) -> usize {
        self.shed.iter().filter(|shed| !shed.closed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NEVER, UnitState};
    use modurust_compiler::graph::FrameId;
    use modurust_compiler::program::{FieldSource, Unit, UnitField, UnitKind};
    use modurust_compiler::score::{PatId, Ratio};

    fn player(voices: u32) -> UnitState {
        let field = |source| UnitField { source, default: 0.0 };
        UnitState::new(&Unit {
            path: "u".into(),
            frame: FrameId(0),
            kind: UnitKind::Poly,
            voices,
            pattern: PatId(0),
            word: None,
            choke: None,
            swings: true,
            live: 0,
            mpe: false,
            outlet: None,
            fields: [FieldSource::Freq, FieldSource::Gate, FieldSource::Vel].map(field).to_vec(),
        })
    }

    /// Begins a note of a velocity in the voice that is next.
    fn note(unit: &mut UnitState, velocity: f32) -> usize {
        let voice = unit.choose();
        unit.start(voice, 0, 0, NEVER, Ratio::ONE);
        unit.set(2, voice, 0, velocity);
        voice
    }

    #[test]
    fn rest_goes_before_quiet_and_quiet_before_old() {
        let mut unit = player(6);
        for velocity in [0.9, 0.3, 0.8, 0.3, 0.9] {
            note(&mut unit, velocity);
        }
        let mut order = Vec::new();
        for count in (1..6).rev() {
            unit.keep_open(count, 4);
            order.extend((0..6).filter(|v| unit.shed[*v].closed && !order.contains(v)).collect::<Vec<_>>());
        }
        assert_eq!(order, [5, 1, 3, 2, 0], "at rest; quietest, older first; then the older of two loud ones");
        assert_eq!(note(&mut unit, 1.0), 4, "the only voice that is left is taken over");
        unit.keep_open(0, 4);
        assert_eq!(unit.open_voices(), 1, "a player keeps one");
    }

    #[test]
    fn a_gate_comes_down_in_a_line_and_the_voice_is_free_when_it_is_opened() {
        let mut unit = player(2);
        let (first, second) = (note(&mut unit, 1.0), note(&mut unit, 1.0));
        unit.keep_open(1, 4);
        let mut gate = Vec::new();
        for quantum in 0..5 {
            unit.level();
            unit.fade_closed(quantum * 64, 4);
            gate.extend((0..64).map(|frame| unit.rows[1].at(first, frame)));
        }
        assert!(gate.windows(2).all(|w| w[1] <= w[0] && w[0] - w[1] < 0.004), "{gate:?}");
        assert_eq!((gate[0], gate[4 * 64]), (1.0, 0.0));
        assert!(!unit.voices[first].held && unit.voices[second].held);
        unit.keep_open(2, 4);
        assert_eq!(note(&mut unit, 1.0), first);
        assert_eq!(unit.rows[1].value(first), 1.0);
    }
}
