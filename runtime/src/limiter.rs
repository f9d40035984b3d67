//! The safety limiter of the live device.
//!
//! It looks 1.5 ms ahead and only ever attenuates. Both channels share one gain. Below the ceiling it changes no bit: it is a
//! delay. Above, the gain comes down in a straight line before the peak arrives and returns slowly after it.
//!
//! How it holds its promise: the gain that a frame needs is held for the window (a sliding minimum), let go slowly, and averaged
//! over the window. Every term of that average lies in the hold of the frame that is leaving the delay, so the average cannot
//! exceed what this frame needs. Gains are kept as fixed-point integers, which makes the running sum exact: a window full of
//! ones averages to exactly one.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

/// Highest sample that leaves the limiter: -0.3 dBFS.
pub const CEILING: f32 = 0.966_050_9;
/// How far it looks ahead, seconds.
pub const LOOKAHEAD: f32 = 0.0015;
const RELEASE: f64 = 0.08;
const ONE: u64 = 1 << 30;

/// A stereo-linked lookahead limiter. Allocates at construction only.
#[derive(Debug)]
pub struct Limiter {
    delay: Box<[[f32; 2]]>,
    held: Box<[u64]>,
    /// Candidates for the minimum of the window: (frame, gain), gains rising from front to back; a ring.
    queue: Box<[(u64, u64)]>,
    front: usize,
    count: usize,
    at: usize,
    frame: u64,
    sum: u64,
    gain: u64,
    release: f64,
    reduction: f32,
}

impl Limiter {
    /// A limiter at rest. `rate` is in frames per second.
    pub fn new(rate: u32) -> Limiter {
        let window = ((rate as f32 * LOOKAHEAD).round() as usize).max(1);
        Limiter {
            delay: vec![[0.0; 2]; window].into_boxed_slice(),
            held: vec![ONE; window + 1].into_boxed_slice(),
            queue: vec![(0, 0); window + 2].into_boxed_slice(),
            front: 0,
            count: 0,
            at: 0,
            frame: 0,
            sum: ONE * (window as u64 + 1),
            gain: ONE,
            release: 1.0 - (-1.0 / (RELEASE * f64::from(rate))).exp(),
            reduction: 1.0,
        }
    }

    /// Delay in frames.
    pub fn latency(&self) -> usize {
        self.delay.len()
    }

    /// The gain in force, 0..1.
    pub fn gain(&self) -> f32 {
        self.reduction
    }

    fn needed(frame: [f32; 2]) -> u64 {
        let peak = frame[0].abs().max(frame[1].abs());
        if peak <= CEILING { ONE } else { (f64::from(CEILING) / f64::from(peak) * ONE as f64) as u64 }
    }

    /// The smallest gain needed by the last `window + 1` frames.
    fn hold(&mut self, gain: u64) -> u64 {
        let size = self.queue.len();
        while self.count > 0 && self.queue[(self.front + self.count - 1) % size].1 >= gain {
            self.count -= 1;
        }
        self.queue[(self.front + self.count) % size] = (self.frame, gain);
        self.count += 1;
        if self.queue[self.front].0 + (self.held.len() as u64) <= self.frame {
            self.front = (self.front + 1) % size;
            self.count -= 1;
        }
        self.queue[self.front].1
    }

    /// Limits one frame; what comes out went in [`Limiter::latency`] frames ago. Values that are not finite count as 0.
    pub fn step(&mut self, input: [f32; 2]) -> [f32; 2] {
        let input = input.map(|x| if x.is_finite() { x } else { 0.0 });
        let held = self.hold(Limiter::needed(input));
        self.gain = if held <= self.gain {
            held
        } else {
            // The last step up lands exactly on the goal.
            (self.gain + (((held - self.gain) as f64 * self.release) as u64).max(64)).min(held)
        };
        let slot = (self.frame % self.held.len() as u64) as usize;
        self.sum = self.sum - self.held[slot] + self.gain;
        self.held[slot] = self.gain;
        self.frame += 1;
        let output = std::mem::replace(&mut self.delay[self.at], input);
        self.at = (self.at + 1) % self.delay.len();
        if self.sum == ONE * self.held.len() as u64 {
            self.reduction = 1.0;
            return output;
        }
        let gain = self.sum as f64 / (ONE * self.held.len() as u64) as f64;
        self.reduction = gain as f32;
        // Rounding may leave the ceiling by one unit in the last place.
        output.map(|x| ((f64::from(x) * gain) as f32).clamp(-CEILING, CEILING))
    }

    /// All that it holds, to go on from elsewhere.
    pub fn image(&self) -> Vec<u32> {
        let delay = self.delay.as_flattened().iter().map(|x| x.to_bits());
        let numbers = [self.front as u64, self.count as u64, self.at as u64, self.frame, self.gain];
        let queue = self.queue.iter().flat_map(|(frame, gain)| [*frame, *gain]);
        let all = numbers.into_iter().chain(self.held.iter().copied()).chain(queue);
        delay.chain(all.flat_map(|x| [x as u32, (x >> 32) as u32])).collect()
    }

    /// Goes on where the limiter of an image stood. False, and nothing is changed, if that was one of another rate. Numbers that no
    /// limiter can hold are brought to those that it can.
    pub fn restore(&mut self, image: &[u32]) -> bool {
        if image.len() != self.image().len() {
            return false;
        }
        let (delay, rest) = image.split_at(self.delay.len() * 2);
        for (x, word) in self.delay.as_flattened_mut().iter_mut().zip(delay) {
            *x = Some(f32::from_bits(*word)).filter(|x| x.is_finite()).unwrap_or(0.0);
        }
        let mut numbers = rest.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32);
        let mut next = || numbers.next().unwrap_or(0);
        let size = self.queue.len();
        self.front = next() as usize % size;
        self.count = (next() as usize).min(size - 1);
        self.at = next() as usize % self.delay.len();
        self.frame = next().min(u64::MAX / 2);
        self.gain = next().min(ONE);
        self.held.iter_mut().for_each(|gain| *gain = next().min(ONE));
        for (frame, gain) in self.queue.iter_mut() {
            (*frame, *gain) = (next().min(self.frame), next().min(ONE));
        }
        self.sum = self.held.iter().sum();
        true
    }

    /// Limits interleaved stereo in place; gives the number of frames that were turned down.
    pub fn process(&mut self, stereo: &mut [f32]) -> u64 {
        let mut turned = 0;
        for frame in stereo.chunks_exact_mut(2) {
            let [l, r] = self.step([frame[0], frame[1]]);
            frame[0] = l;
            frame[1] = r;
            turned += u64::from(self.reduction < 1.0);
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White noise, a fixed sequence.
    fn noise(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    #[test]
    fn transparent_below_the_ceiling() {
        let mut limiter = Limiter::new(48_000);
        let mut seed = 1;
        let input: Vec<[f32; 2]> =
            (0..20_000).map(|_| [noise(&mut seed) * CEILING, noise(&mut seed) * CEILING]).collect();
        let output: Vec<[f32; 2]> = input.iter().map(|f| limiter.step(*f)).collect();
        assert_eq!(limiter.latency(), 72);
        assert_eq!(&output[72..], &input[..input.len() - 72]);
    }

    #[test]
    fn never_above_the_ceiling_and_transparent_again_later() {
        for rate in [8_000, 44_100, 96_000] {
            let mut limiter = Limiter::new(rate);
            let mut seed = 7;
            for i in 0..50_000 {
                let level = if i % 997 < 40 { 30.0 } else { 1.0 };
                let out =
                    limiter.step([noise(&mut seed) * level, if i % 5000 == 9 { f32::NAN } else { noise(&mut seed) }]);
                assert!(out.iter().all(|x| x.abs() <= CEILING), "{out:?} at {i}");
            }
            let quiet = [0.25, -0.125];
            for _ in 0..4 * rate {
                limiter.step(quiet);
            }
            assert_eq!(limiter.step(quiet), quiet);
            assert_eq!(limiter.gain(), 1.0);
        }
    }

    #[test]
    fn only_attenuates() {
        let mut limiter = Limiter::new(48_000);
        let mut seed = 3;
        let input: Vec<f32> = (0..30_000).map(|_| noise(&mut seed) * 4.0).collect();
        let output: Vec<f32> = input.iter().map(|x| limiter.step([*x, *x])[0]).collect();
        for (x, y) in input.iter().zip(&output[72..]) {
            assert!(y.abs() <= x.abs() && x.signum() * y.signum() >= 0.0);
        }
    }
}
