//! What becomes of a quantum after it was computed: the fade between two programs, and the gain of a hush.

use super::{Engine, State, copy};
use modurust_compiler::graph::QUANTUM;

/// A fade from the program before, quanta.
#[derive(Clone, Copy)]
pub(super) struct Fade {
    done: u32,
    /// In so many only the old one is heard, while lines of the new one fill.
    still: u32,
    /// In so many the new one comes.
    comes: u32,
}

impl Fade {
    /// How far the new program has come in a frame of the quantum at hand, 0 to 1.
    fn gain(self, frame: usize) -> f32 {
        let at = (self.done as usize * QUANTUM + frame + 1).saturating_sub(self.still as usize * QUANTUM);
        (at as f32 / (self.comes as usize * QUANTUM) as f32).min(1.0)
    }
}

impl State {
    /// The fade of a swap that comes now. Two programs side by side take the time of two: where something is left out already there is none
    /// for long, and what comes then is mostly the same sound with fewer or more values between its samples.
    pub(super) fn next_fade(&self) -> Fade {
        let (still, comes) = if self.ease.hurries() { (1, 1) } else { (0, self.fade_quanta) };
        Fade { done: 0, still, comes }
    }
}

impl Engine {
    /// Runs the old program beside the new one: `old + (new - old) * g`, with `g` rising in a straight line. Where both are
    /// equal, so is the result.
    pub(super) fn fade(&mut self, out: &mut [[f32; 2]; QUANTUM]) {
        let Some((mut parcel, fade)) = self.fading.take() else { return };
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
                let g = fade.gain(i);
                for c in 0..2 {
                    new[c] = old[c] + (new[c] - old[c]) * g;
                }
            }
        }
        let fade = Fade { done: fade.done + 1, ..fade };
        if fade.done < fade.still + fade.comes {
            self.fading = Some((parcel, fade));
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
