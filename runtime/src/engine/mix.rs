//! What becomes of a quantum after it was computed: the fade between two programs, and the gain of a hush.

use super::{Engine, copy};
use modurust_compiler::graph::QUANTUM;

impl Engine {
    /// Runs the old program beside the new one: `old + (new - old) * g`, with `g` rising in a straight line. Where both are
    /// equal, so is the result.
    pub(super) fn fade(&mut self, out: &mut [[f32; 2]; QUANTUM]) {
        let Some((mut parcel, done)) = self.fading.take() else { return };
        let total = (self.state.fade_quanta as usize * QUANTUM) as f32;
        if let Some(old) = parcel.outgoing() {
            // After the new one: what both share in delay lines is then complete for this quantum.
            // Both read the same rows; who changed them is not followed here.
            old.instance.stir_all();
            old.run(self.state.frame);
            let mut before = [[0.0; 2]; QUANTUM];
            if let Some(master) = old.master {
                copy(old.instance.out(master), &mut before);
            }
            for (i, (new, old)) in out.iter_mut().zip(&before).enumerate() {
                let g = (done as usize * QUANTUM + i + 1) as f32 / total;
                for c in 0..2 {
                    new[c] = old[c] + (new[c] - old[c]) * g;
                }
            }
        }
        if done + 1 < self.state.fade_quanta {
            self.fading = Some((parcel, done + 1));
        } else {
            self.receiver.give_back(parcel);
        }
    }

    /// The gain of a hush. At rest it changes no bit.
    pub(super) fn level(&mut self, out: &mut [[f32; 2]; QUANTUM]) {
        let goal: f32 = if self.state.hushed { 0.0 } else { 1.0 };
        let from = self.state.gain;
        if from == goal {
            if goal == 0.0 {
                out.fill([0.0; 2]);
            }
            return;
        }
        let step = self.state.gain_step;
        // The last step lands exactly.
        let to = if (goal - from).abs() <= step * 1.001 { goal } else { from + step * (goal - from).signum() };
        for (i, frame) in out.iter_mut().enumerate() {
            let gain = from + (to - from) * ((i + 1) as f32 / QUANTUM as f32);
            *frame = frame.map(|x| x * gain);
        }
        self.state.gain = to;
    }
}
