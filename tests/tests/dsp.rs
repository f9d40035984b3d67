//! The library against closed forms and outside references: functions of `math` against double precision, oscillators by their
//! spectra, filters and envelopes by the answers of other programs.

use modurust_tests::facts::spectrum;
use modurust_tests::sound::{RATE, hear};
use std::f64::consts::TAU;

/// `x` on the left, `f(x)` on the right, over many `x` from `low` to `high` in a scrambled order.
fn sampled(call: &str, low: f64, high: f64) -> Vec<(f64, f64)> {
    // The frame times an odd number runs through all phases.
    let x = format!("{low} + {} * prim.turn(prim.imul(prim.frame(), prim.toint(178947)))", high - low);
    let [x, y] = hear(&format!("{{ x = {x}  [x, {call}] }}"), 0.5);
    x.into_iter().zip(y).map(|(x, y)| (f64::from(x), f64::from(y))).collect()
}

struct Claim {
    call: &'static str,
    range: (f64, f64),
    truth: fn(f64) -> f64,
    /// Relative to the true value, not absolute.
    relative: bool,
    bound: f64,
}

const fn claim(call: &'static str, range: (f64, f64), truth: fn(f64) -> f64, relative: bool, bound: f64) -> Claim {
    Claim { call, range, truth, relative, bound }
}

#[test]
fn functions_are_as_exact_as_they_say() {
    let claims = [
        claim("math.sin(x)", (-1000.0, 1000.0), f64::sin, false, 2e-7),
        claim("math.cos(x)", (-1000.0, 1000.0), f64::cos, false, 2e-7),
        claim("math.tan(x)", (-1.5, 1.5), f64::tan, true, 4e-7),
        claim("sinturn(x)", (-30.0, 30.0), |x| (x * TAU).sin(), false, 2e-7),
        claim("exp2(x)", (-126.0, 126.0), f64::exp2, true, 2e-7),
        claim("exp(x)", (-87.0, 88.0), f64::exp, true, 2e-7),
        claim("log2(x)", (0.0001, 4.0), f64::log2, true, 3e-7),
        claim("log2(x)", (1.0, 1e6), f64::log2, true, 3e-7),
        claim("log(x)", (0.5, 2.0), f64::ln, true, 3e-7),
        claim("pow(x, 0.5)", (0.0, 10.0), f64::sqrt, true, 3e-7),
        claim("pow(x, 3)", (-10.0, 10.0), |x| x.powi(3), true, 5e-7),
        claim("pow(x, 10)", (0.1, 4.0), |x| x.powi(10), true, 1.2e-6),
        claim("pow(x, -2)", (-10.0, 10.0), |x| x.powi(-2), true, 4e-7),
        claim("tanh(x)", (-10.0, 10.0), f64::tanh, true, 4e-7),
        claim("tanh(x)", (-0.01, 0.01), f64::tanh, true, 4e-7),
        claim("atan(x)", (-10.0, 10.0), f64::atan, false, 2e-7),
        claim("dbtoa(x)", (-120.0, 60.0), |x| 10f64.powf(x / 20.0), true, 2e-7),
        claim("atodb(x)", (0.0001, 2.0), |x| 20.0 * x.log10(), false, 1e-5),
        claim("mtof(x)", (0.0, 127.0), |x| 440.0 * ((x - 69.0) / 12.0).exp2(), true, 6e-7),
    ];
    let mut faults = Vec::new();
    for claim in &claims {
        let mut worst = (0.0, 0.0);
        for (x, y) in sampled(claim.call, claim.range.0, claim.range.1) {
            let truth = (claim.truth)(x);
            let error = if claim.relative && truth != 0.0 { (y / truth - 1.0).abs() } else { (y - truth).abs() };
            if error > worst.0 || error.is_nan() {
                worst = (error, x);
            }
        }
        if worst.0.is_nan() || worst.0 > claim.bound {
            faults.push(format!("{} is off by {:e} at {}", claim.call, worst.0, worst.1));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn special_values_of_powers() {
    let value = |x: f64, y: f64| f64::from(hear(&format!("pow({x} + 0 * noise, {y})"), 0.01)[0][10]);
    assert_eq!([value(0.0, 3.0), value(0.0, 0.0), value(5.0, 0.0), value(-2.0, 0.5)], [0.0, 1.0, 1.0, 0.0]);
    assert!((value(-2.0, 3.0) + 8.0).abs() < 1e-5 && (value(-2.0, 2.0) - 4.0).abs() < 1e-5);
}

/// The loudest thing in a spectrum that is not a multiple of the fundamental, in decibels below the fundamental.
fn alias(wave: &str, hz: f64) -> (f64, f64) {
    const FRAMES: usize = 1 << 16;
    // An odd bin: no multiple of it meets another's alias.
    let bin = (hz / f64::from(RATE) * FRAMES as f64 / 2.0).round() as usize * 2 + 1;
    let exact = bin as f64 * f64::from(RATE) / FRAMES as f64;
    let [x, _] = hear(&wave.replace("HZ", &format!("{exact}hz")), 1.5);
    let power = spectrum(&x[x.len() - FRAMES..]);
    let far = |i: usize| (i % bin).min(bin - i % bin) > 14;
    let other = (20..power.len()).filter(|i| far(*i)).map(|i| power[i]).fold(0.0, f64::max);
    let near = (bin - 3..bin + 4).max_by(|a, b| power[*a].total_cmp(&power[*b])).unwrap_or(bin);
    (10.0 * (other / power[near]).log10(), near as f64 / bin as f64)
}

#[test]
fn oscillators_do_not_alias() {
    const TABLE: &str = "wavetable([0, 0.9, 1, 0.3, -0.2, -1, -0.5, -0.4], HZ)";
    const PITCHES: [f64; 9] = [55.0, 110.0, 220.0, 440.0, 880.0, 1500.0, 2500.0, 4000.0, 5000.0];
    let mut faults = Vec::new();
    println!("| wave | {} |", PITCHES.map(|hz| format!("{hz} Hz")).join(" | "));
    let waves = [
        "sin(HZ)",
        "saw(HZ)",
        "square(HZ)",
        "pulse(HZ, width: 0.3)",
        "pulse(HZ, width: 0.1)",
        "pulse(HZ, width: 0.01)",
        "tri(HZ)",
        "additive(HZ, [1, 0.5, 0.3, 0.2])",
        TABLE,
    ];
    for wave in waves {
        let measured = PITCHES.map(|hz| alias(wave, hz));
        println!(
            "| `{}` | {} |",
            wave.replace("HZ", ".."),
            measured.map(|(level, _)| format!("{level:.0}")).join(" | ")
        );
        for ((level, pitch), hz) in measured.into_iter().zip(PITCHES) {
            if level > -60.0 || (pitch - 1.0).abs() > 1e-9 {
                faults.push(format!("{wave} at {hz} Hz: alias {level:.1} dBc, pitch {pitch}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The measure sees a saw that is not band-limited.
    assert!(alias("lfsaw(HZ)", 5000.0).0 > -30.0);
}

/// Level of a sine after an effect, in decibels.
fn gain(effect: &str, hz: f64) -> f64 {
    let [x, _] = hear(&format!("sin({hz}hz) >> {effect}"), 1.0);
    let tail = &x[RATE as usize / 2..];
    10.0 * (2.0 * tail.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / tail.len() as f64).log10()
}

/// Bristow-Johnson's cookbook: numerator and denominator at a frequency, in decibels.
fn cookbook(b: [f64; 3], a: [f64; 3], hz: f64) -> f64 {
    let w = TAU * hz / f64::from(RATE);
    let size = |c: [f64; 3]| {
        let re = c[0] + c[1] * w.cos() + c[2] * (2.0 * w).cos();
        let im = c[1] * w.sin() + c[2] * (2.0 * w).sin();
        re * re + im * im
    };
    10.0 * (size(b) / size(a)).log10()
}

#[test]
fn filters_follow_the_cookbook() {
    let (hz, q, amp) = (1500.0, 1.7, 10f64.powf(6.0 / 40.0));
    let (s, c) = (TAU * hz / f64::from(RATE)).sin_cos();
    let alpha = s / (2.0 * q);
    let plain = [1.0 + alpha, -2.0 * c, 1.0 - alpha];
    let beta = 2.0 * amp.sqrt() * alpha;
    let shelf = |sign: f64, c: f64| {
        let b = [
            (amp + 1.0) - sign * (amp - 1.0) * c + beta,
            sign * 2.0 * ((amp - 1.0) - sign * (amp + 1.0) * c),
            (amp + 1.0) - sign * (amp - 1.0) * c - beta,
        ];
        let a = [
            (amp + 1.0) + sign * (amp - 1.0) * c + beta,
            -sign * 2.0 * ((amp - 1.0) + sign * (amp + 1.0) * c),
            (amp + 1.0) + sign * (amp - 1.0) * c - beta,
        ];
        (b.map(|v| v * amp), a)
    };
    let (low, high) = (shelf(1.0, c), shelf(-1.0, c));
    let cases = [
        ("lpf(1500hz, q: 1.7)", [(1.0 - c) / 2.0, 1.0 - c, (1.0 - c) / 2.0], plain),
        ("hpf(1500hz, q: 1.7)", [(1.0 + c) / 2.0, -1.0 - c, (1.0 + c) / 2.0], plain),
        ("bpf(1500hz, q: 1.7)", [alpha, 0.0, -alpha], plain),
        ("notch(1500hz, q: 1.7)", [1.0, -2.0 * c, 1.0], plain),
        ("allpass2(1500hz, q: 1.7)", [1.0 - alpha, -2.0 * c, 1.0 + alpha], plain),
        (
            "peak(1500hz, q: 1.7, gain: 6db)",
            [1.0 + alpha * amp, -2.0 * c, 1.0 - alpha * amp],
            [1.0 + alpha / amp, -2.0 * c, 1.0 - alpha / amp],
        ),
        ("lowshelf(1500hz, q: 1.7, gain: 6db)", low.0, low.1),
        ("highshelf(1500hz, q: 1.7, gain: 6db)", high.0, high.1),
    ];
    let mut faults = Vec::new();
    for (effect, b, a) in cases {
        for at in [100.0, 700.0, 1400.0, 2500.0, 9000.0] {
            let (want, got) = (cookbook(b, a, at), gain(effect, at));
            if (want - got).abs() > 0.01 {
                faults.push(format!("{effect} at {at} Hz: {got:.3} dB, not {want:.3}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A sine of 440 Hz that is loud for half of the time, as the library makes it and as the formulas below hear it.
const BURSTS: &str = "sin(440hz) * (0.05 + 0.9 * (prim.fromint(prim.frame()) < 9600))";

/// Runs a recurrence over the bursts and compares it with what the library makes of them.
fn follows(effect: &str, mut step: impl FnMut(f64) -> f64) -> f64 {
    let [x, _] = hear(BURSTS, 0.4);
    let [y, _] = hear(&format!("{BURSTS} >> {effect}"), 0.4);
    x.iter().zip(&y).fold(0.0, |worst: f64, (x, y)| worst.max((step(f64::from(*x)) - f64::from(*y)).abs()))
}

#[test]
fn followers_and_the_compressor_follow_their_formulas() {
    let pole = |t: f64| (-1.0 / (t * f64::from(RATE))).exp();
    let mut y = 0.0;
    let error = follows("smooth(20ms)", |x| {
        y = (1.0 - pole(0.02)) * x + pole(0.02) * y;
        y
    });
    assert!(error < 1e-5, "smooth is off by {error:e}");
    // Peaks that fall, then smoothed.
    let (mut held, mut level) = (0.0f64, 0.0);
    let error = follows("follow(5ms, 80ms)", |x| {
        held = (x.abs() * (1.0 - pole(0.08)) + pole(0.08) * held).max(x.abs());
        level = (1.0 - pole(0.005)) * held + pole(0.005) * level;
        level
    });
    assert!(error < 1e-5, "follow is off by {error:e}");
    // Level with two times, decibels above the threshold, their share taken back, smoothed by half of the attack.
    let (mut level, mut gain) = (0.0f64, 0.0);
    let error = follows("comp(-20db, ratio: 4, attack: 5ms, release: 80ms)", |x| {
        let p = if x.abs() > level { pole(0.005) } else { pole(0.08) };
        level = (1.0 - p) * x.abs() + p * level;
        let over = (20.0 * level.max(1e-30).log10() + 20.0).max(0.0) * (1.0 / 4.0 - 1.0);
        gain = (1.0 - pole(0.0025)) * over + pole(0.0025) * gain;
        x * 10f64.powf(gain / 20.0)
    });
    assert!(error < 1e-4, "comp is off by {error:e}");
}
