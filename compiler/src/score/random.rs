//! Chance without state.
//!
//! Every random choice is a hash of where it stands and when it happens: seed of the program, path of the binding, place in
//! the pattern's text, cycle and onset. The same program therefore plays the same notes on every replay, however its time is
//! cut into blocks, and an edit elsewhere does not disturb it. The mixer is the 64-bit finaliser of the splitmix generator.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::Ratio;

/// Mixes 64 bits so that every input bit reaches every output bit.
pub fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A hash of two numbers, order mattering.
pub fn combine(a: u64, b: u64) -> u64 {
    mix(mix(a) ^ b.rotate_left(32))
}

/// A hash of a text, for binding paths.
pub fn of_text(text: &str) -> u64 {
    text.bytes().fold(mix(text.len() as u64), |h, b| combine(h, u64::from(b)))
}

/// A number in 0..1 from a hash.
pub fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// A number in 0..1 for a moment.
pub fn at(seed: u64, time: Ratio) -> f64 {
    unit(combine(combine(seed, time.num() as u64), time.den() as u64))
}

/// A number in 0..1 for a cycle.
pub fn of_cycle(seed: u64, cycle: i64) -> f64 {
    unit(combine(seed, cycle as u64))
}

/// Which of `n` things a cycle chooses.
pub fn choice(seed: u64, cycle: i64, n: usize) -> usize {
    ((of_cycle(seed, cycle) * n as f64) as usize).min(n.saturating_sub(1))
}

/// Smooth noise in 0..1: random at whole cycles, half a cosine between.
pub fn perlin(seed: u64, time: f64) -> f64 {
    let cycle = time.floor();
    let (a, b) = (of_cycle(seed, cycle as i64), of_cycle(seed, (cycle as i64).wrapping_add(1)));
    let t = time - cycle;
    let s = 0.5 - 0.5 * (t * std::f64::consts::PI).cos();
    a + (b - a) * s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_and_repeatable() {
        let n = 20_000;
        let mean = (0..n).map(|i| at(7, Ratio::new(i, 16))).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let low = (0..n).filter(|&i| of_cycle(combine(3, 1), i) < 0.25).count() as f64 / n as f64;
        assert!((low - 0.25).abs() < 0.01, "{low}");
        assert_eq!(at(7, Ratio::new(2, 4)), at(7, Ratio::new(1, 2)));
        assert_ne!(at(7, Ratio::new(1, 2)), at(8, Ratio::new(1, 2)));
    }

    #[test]
    fn seeds_do_not_follow_each_other() {
        // Drops of two seeds agree half of the time.
        let same = (0..10_000).filter(|&i| (of_cycle(1, i) < 0.5) == (of_cycle(2, i) < 0.5)).count();
        assert!((4_700..5_300).contains(&same), "{same}");
    }
}
