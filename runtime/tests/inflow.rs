//! Sound that comes in by another clock: no gap, no click, and nothing allocated, however the clocks drift and callbacks are late.

mod common;

use common::counting::{Counting, touches};
use modurust_compiler::graph::QUANTUM;
use modurust_runtime::device::inflow::{Inflow, pair};
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const HZ: f64 = 997.0;

/// Two callbacks by two made-up clocks.
struct Desk {
    /// Frames of a block that comes in, and of one that goes out.
    blocks: (usize, usize),
    /// Frames a second: what both say, and what the first truly has.
    rates: (u32, u32, f64),
    /// Up to so late, seconds.
    late: f64,
}

struct Played {
    out: Vec<f32>,
    inflow: Inflow,
    touched: u64,
}

impl Desk {
    /// Plays so many seconds; sound comes in between two moments.
    fn play(&self, seconds: f64, comes: impl Fn(f64) -> bool) -> Played {
        let (from, to, truly) = self.rates;
        let (mut source, mut inflow) = pair(2, from, to).unwrap();
        let (start, mut random) = (Instant::now(), common::Random(5));
        let mut late = || self.late * random.below(1001) as f64 / 1000.0;
        let moment = |at: f64| start + Duration::from_secs_f64(at);
        let (mut came, mut went, mut touched) = (0usize, 0usize, 0);
        let mut out = Vec::with_capacity(((seconds + 1.0) * f64::from(to)) as usize);
        // Whole blocks are there when their last frame is.
        let (mut next_in, mut next_out) = (self.blocks.0 as f64 / truly + late(), late());
        while next_out < seconds {
            if next_in <= next_out {
                let sine = |frame: usize, channel: usize| {
                    let x = (TAU * HZ * (came + frame) as f64 / truly).sin() as f32;
                    if channel == 0 { x * 0.5 } else { -x * 0.25 }
                };
                if comes(next_in) {
                    touched += touches(|| source.put(self.blocks.0, moment(next_in), sine));
                }
                came += self.blocks.0;
                next_in = (came + self.blocks.0) as f64 / truly + late();
            } else {
                let mut sides = 0.0f32;
                touched += touches(|| {
                    inflow.give(self.blocks.1 / QUANTUM, moment(next_out), |channels| {
                        // There is room for all of it.
                        out.extend_from_slice(&channels[0]);
                        let twice = |(left, right): (&f32, &f32)| (left + 2.0 * right).abs();
                        sides = channels[0].iter().zip(&channels[1]).map(twice).fold(sides, f32::max);
                    });
                });
                assert!(sides < 1e-6, "the sides stay together");
                went += self.blocks.1;
                next_out = went as f64 / f64::from(to) + late();
            }
        }
        Played { out, inflow, touched }
    }
}

/// What is left of a tenth of a second when its best sine of a frequency is taken out, as a share of it.
fn rest(sound: &[f32], rate: u32, hz: f64) -> f64 {
    let part = |f: fn(f64) -> f64| -> f64 {
        let of = |(i, x): (usize, &f32)| f64::from(*x) * f(TAU * hz * i as f64 / f64::from(rate));
        sound.iter().enumerate().map(of).sum::<f64>() * 2.0 / sound.len() as f64
    };
    let (a, b) = (part(f64::cos), part(f64::sin));
    let left = sound.iter().enumerate().map(|(i, x)| {
        let phase = TAU * hz * i as f64 / f64::from(rate);
        (f64::from(*x) - a * phase.cos() - b * phase.sin()).powi(2)
    });
    (left.sum::<f64>() / (sound.len() as f64 * (a * a + b * b) / 2.0)).sqrt()
}

#[test]
fn a_sine_of_another_clock_comes_through_without_a_gap() {
    for (blocks, rates, late) in [
        ((480, 256), (48_000, 48_000, 48_000.0 * 1.0003), 0.0015),
        ((256, 256), (48_000, 48_000, 48_000.0 * 0.9998), 0.001),
        ((128, 1024), (44_100, 48_000, 44_100.0), 0.0015),
        ((1024, 64), (48_000, 96_000, 48_000.0 * 1.0001), 0.0),
    ] {
        let desk = Desk { blocks, rates, late };
        let Played { out, inflow, touched } = desk.play(60.0, |_| true);
        let (from, to, truly) = rates;
        let drift = truly / f64::from(from) - 1.0;
        assert_eq!((inflow.gaps(), touched), (0, 0), "{blocks:?} {rates:?}");
        assert!((inflow.drift() - drift).abs() < 6e-5, "{blocks:?}: {} for {drift}", inflow.drift());
        // From ten seconds on, piece by piece: a click would be left beside the sine, and speed that is off by 30 millionths leaves -41 dB.
        let piece = to as usize / 10;
        let worst = out[10 * to as usize..].chunks_exact(piece).map(|sound| rest(sound, to, HZ)).fold(0.0, f64::max);
        println!("{blocks:?} {rates:?}: {:.1} dB beside the sine, drift {:.1e}", 20.0 * worst.log10(), inflow.drift());
        assert!(worst < 0.02, "{blocks:?} {rates:?}: {worst}");
        let heard = out.iter().position(|x| *x != 0.0).unwrap() as f64 / f64::from(to);
        let blocks = blocks.0 as f64 / f64::from(from) + blocks.1 as f64 / f64::from(to);
        assert!(heard < 3.0 * blocks + 0.03, "it begins after {heard} s");
    }
}

#[test]
fn an_input_that_is_pulled_out_is_silent_and_comes_back() {
    let desk = Desk { blocks: (256, 256), rates: (48_000, 48_000, 48_000.0 * 1.0002), late: 0.001 };
    let Played { out, inflow, .. } = desk.play(20.0, |at| !(8.0..10.0).contains(&at));
    let loud = |from: f64, to: f64| {
        let range = (from * 48_000.0) as usize..(to * 48_000.0) as usize;
        out[range].iter().fold(0.0f32, |most, x| most.max(x.abs()))
    };
    assert!(loud(6.0, 7.0) > 0.49 && loud(8.2, 9.9) == 0.0 && loud(10.2, 11.0) > 0.49);
    assert_eq!(inflow.gaps(), 1, "once it ran dry");
    assert!(rest(&out[17 * 48_000..17 * 48_000 + 4800], 48_000, HZ) < 0.02);
}
