//! How late sound is that goes out and comes in again: by a cable from an output to an input, or a microphone at a loudspeaker.
//!
//! Noise is played, and what comes in is compared with it at every lateness, by way of their spectra. The lateness at which they are alike most
//! is that of the whole way, in frames: blocks, converters, air. Recordings of inputs are late by as much, and are put right by it
//! ([`crate::session::SessionOptions::latency`]).

use realfft::RealFftPlanner;

/// How much more alike than at any lateness by chance what comes in must be.
const CLEAR: f32 = 8.0;

/// A text for it: strips `probe`, which is heard, and `heard`, which is not loud enough to go round.
pub const TEXT: &str = "track probe = noise * -20db\ntrack heard = input(1) * -120db\n";

/// By how many frames `heard` is later than `played`; `None` if it is not the same sound. Both begin at the same frame; the second half of
/// what they last is the longest lateness that is found.
pub fn lateness(played: &[f32], heard: &[f32]) -> Option<usize> {
    let frames = played.len().min(heard.len());
    let size = (2 * frames).next_power_of_two().max(2);
    let mut planner = RealFftPlanner::<f32>::new();
    let (there, back) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    // Loudness says nothing, and a resting level neither.
    let prepared = |sound: &[f32]| {
        let mean = sound.iter().sum::<f32>() / frames.max(1) as f32;
        let power = sound.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>();
        let mut all = there.make_input_vec();
        let scale = if power > 0.0 && power.is_finite() { power.sqrt().recip() } else { 0.0 };
        all.iter_mut().zip(sound).for_each(|(to, x)| *to = (x - mean) * scale);
        all
    };
    let spectrum = |sound: &[f32]| {
        let mut bins = there.make_output_vec();
        there.process(&mut prepared(sound.get(..frames)?), &mut bins).ok()?;
        Some(bins)
    };
    let (mut product, other) = (spectrum(heard)?, spectrum(played)?);
    product.iter_mut().zip(&other).for_each(|(a, b)| *a *= b.conj());
    // Rounding leaves a little in what must be real.
    product.first_mut()?.im = 0.0;
    product.last_mut()?.im = 0.0;
    let mut alike = back.make_output_vec();
    back.process(&mut product, &mut alike).ok()?;
    let alike = alike.get(..frames / 2)?;
    let spread = (alike.iter().map(|x| x * x).sum::<f32>() / alike.len().max(1) as f32).sqrt();
    let (at, most) = alike.iter().enumerate().map(|(at, x)| (at, x.abs())).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (most > CLEAR * spread && spread > 0.0).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise by chance.
    fn noise(seed: u64, frames: usize) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..frames).map(|_| next()).collect()
    }

    #[test]
    fn the_lateness_is_found_to_the_frame_also_in_a_room() {
        let played = noise(1, 48_000);
        for late in [0, 1, 64, 517, 9_600, 23_000] {
            // Softer, upside down, with the noise of a room as loud as itself and an echo.
            let room = noise(2, 48_000);
            let at = |i: usize| if i >= late { played[i - late] } else { 0.0 };
            let echo = |i: usize| if i >= late + 300 { played[i - late - 300] } else { 0.0 };
            let heard: Vec<f32> = (0..48_000).map(|i| -1e-6 * (at(i) + 0.5 * echo(i) + room[i])).collect();
            assert_eq!(lateness(&played, &heard), Some(late));
        }
    }

    #[test]
    fn what_is_not_the_same_sound_is_not_late() {
        let played = noise(3, 48_000);
        assert_eq!(lateness(&played, &noise(4, 48_000)), None);
        assert_eq!(lateness(&played, &vec![0.0; 48_000]), None);
        assert_eq!(lateness(&played, &vec![f32::NAN; 48_000]), None);
        assert_eq!((lateness(&[], &[]), lateness(&played, &[])), (None, None));
        let hum: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.0065).sin()).collect();
        assert_eq!(lateness(&played, &hum), None);
    }
}
