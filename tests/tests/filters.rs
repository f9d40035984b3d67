//! Every linear filter of the library against its transfer function: magnitude and phase at 200 frequencies, by the spectrum of
//! its answer to an impulse. And what no transfer function says: energy, whole delays, behaviour at extremes.
//!
//! `cargo test -p modurust-tests --test filters -- --nocapture closed` prints the table of `docs/sound.md`.

use modurust_tests::facts;
use modurust_tests::sound::{RATE, hear, hear_at};
use realfft::RealFftPlanner;
use realfft::num_complex::Complex64 as C;
use std::f64::consts::{PI, TAU};

/// A transfer function: from a frequency in hertz and the sample rate.
type Transfer = Box<dyn Fn(f64, f64) -> C>;

struct Claim {
    effect: String,
    truth: Transfer,
    /// Relative to the largest magnitude.
    bound: f64,
}

/// The analogue frequency that the bilinear transform puts at `hz`, in units of the one at `cutoff`.
fn s(hz: f64, cutoff: f64, rate: f64) -> C {
    C::new(0.0, (PI * hz / rate).tan() / (PI * cutoff / rate).tan())
}

/// `n` samples of delay.
fn z(hz: f64, rate: f64, n: f64) -> C {
    C::from_polar(1.0, -TAU * hz / rate * n)
}

fn claim(effect: impl Into<String>, bound: f64, truth: impl Fn(f64, f64) -> C + 'static) -> Claim {
    Claim { effect: effect.into(), truth: Box::new(truth), bound }
}

/// A two-pole filter by its numerator over s^2 + s / q + 1, with its cutoff and q.
fn second(name: &str, cutoff: f64, q: f64, top: impl Fn(C) -> C + 'static) -> Claim {
    let bound = if q > 10.0 || cutoff < 100.0 { 1e-4 } else { 1e-5 };
    claim(name.replace("FQ", &format!("{cutoff}hz, q: {q}")), bound, move |hz, rate| {
        let s = s(hz, cutoff, rate);
        top(s) / (s * s + s / q + 1.0)
    })
}

/// A Butterworth low-pass prototype of some order.
fn butterworth(order: u32, s: C) -> C {
    let pole = |k: u32| C::from_polar(1.0, PI * (0.5 + (2.0 * f64::from(k) + 1.0) / (2.0 * f64::from(order))));
    (0..order).map(|k| 1.0 / (s - pole(k))).product()
}

/// An analogue frequency without a cutoff.
fn warped(hz: f64, rate: f64) -> f64 {
    (PI * hz / rate).tan()
}

fn two_poles() -> Vec<Claim> {
    let mut claims = Vec::new();
    for (cutoff, q) in [(1000.0, 0.7), (60.0, 2.0), (7000.0, 0.5), (2500.0, 15.0)] {
        let k = 1.0 / q;
        claims.push(second("lpf(FQ)", cutoff, q, |_| C::from(1.0)));
        claims.push(second("hpf(FQ)", cutoff, q, |s| s * s));
        claims.push(second("bpf(FQ)", cutoff, q, move |s| s * k));
        claims.push(second("notch(FQ)", cutoff, q, |s| s * s + 1.0));
        claims.push(second("allpass2(FQ)", cutoff, q, move |s| s * s - s * k + 1.0));
        claims.push(second("svf(FQ).lp", cutoff, q, |_| C::from(1.0)));
        claims.push(second("svf(FQ).hp", cutoff, q, |s| s * s));
        claims.push(second("svf(FQ).bp", cutoff, q, |s| s));
        claims.push(second("svf(FQ).notch", cutoff, q, |s| s * s + 1.0));
        claims.push(second("svf(FQ).peak", cutoff, q, |s| s * s - 1.0));
        claims.push(second("svf(FQ).ap", cutoff, q, move |s| s * s - s * k + 1.0));
    }
    claims
}

/// Peaks and shelves, after Bristow-Johnson's cookbook.
fn equalisers() -> Vec<Claim> {
    let mut claims = Vec::new();
    for (cutoff, q, db) in [(1500.0, 1.7, 6.0), (300.0, 0.7, -15.0), (6000.0, 0.5, 12.0)] {
        let a = 10f64.powf(db / 40.0);
        let with = format!("{cutoff}hz, q: {q}, gain: {db}db");
        let bell = move |hz, rate| {
            let s = s(hz, cutoff, rate);
            (s * s + s * a / q + 1.0) / (s * s + s / (a * q) + 1.0)
        };
        let low = move |hz, rate| {
            let (s, k) = (s(hz, cutoff, rate), a.sqrt() / q);
            a * (s * s + s * k + a) / (s * s * a + s * k + 1.0)
        };
        let high = move |hz, rate| {
            let (s, k) = (s(hz, cutoff, rate), a.sqrt() / q);
            a * (s * s * a + s * k + 1.0) / (s * s + s * k + a)
        };
        claims.push(claim(format!("peak({with})"), 1e-5, bell));
        claims.push(claim(format!("svf({with}).bell"), 1e-5, bell));
        claims.push(claim(format!("lowshelf({with})"), 1e-5, low));
        claims.push(claim(format!("svf({with}).lowshelf"), 1e-5, low));
        claims.push(claim(format!("highshelf({with})"), 1e-5, high));
        claims.push(claim(format!("svf({with}).highshelf"), 1e-5, high));
    }
    claims
}

fn butterworths() -> Vec<Claim> {
    let mut claims = Vec::new();
    for (order, cutoff) in [(1, 1000.0), (2, 200.0), (3, 5000.0), (4, 1000.0), (7, 900.0), (16, 3000.0)] {
        let with = format!("{cutoff}hz, order: {order}");
        claims.push(claim(format!("butter_lp({with})"), 1e-5, move |hz, rate| butterworth(order, s(hz, cutoff, rate))));
        claims.push(claim(format!("butter_hp({with})"), 1e-5, move |hz, rate| {
            if hz == 0.0 { C::from(0.0) } else { butterworth(order, 1.0 / s(hz, cutoff, rate)) }
        }));
    }
    for (half, low, high) in [(1, 500.0, 2000.0), (2, 700.0, 900.0), (3, 3000.0, 12_000.0), (4, 200.0, 1000.0)] {
        let with = format!("{low}hz, {high}hz, order: {}", 2 * half);
        // s + wc^2 / s over the width of the band.
        let band = move |hz: f64, rate| {
            let (a, b, w) = (warped(low, rate), warped(high, rate), warped(hz, rate));
            C::new(0.0, (w * w - a * b) / (w * (b - a)))
        };
        claims.push(claim(format!("butter_bp({with})"), 2e-5, move |hz, rate| butterworth(half, band(hz, rate))));
        claims.push(claim(format!("butter_bs({with})"), 2e-5, move |hz, rate| {
            let s = band(hz, rate);
            if s.norm() < 1e-9 { C::from(0.0) } else { butterworth(half, 1.0 / s) }
        }));
    }
    claims
}

/// Filters that are made of delays, and those of one pole.
fn combs() -> Vec<Claim> {
    let mut claims = Vec::new();
    for (n, g) in [(37.0, 0.7), (441.0, -0.6)] {
        claims.push(claim(format!("comb_fb({n}smp, {g})"), 1e-5, move |hz, r| 1.0 / (1.0 - g * z(hz, r, n))));
        claims.push(claim(format!("comb_ff({n}smp, {g})"), 1e-5, move |hz, r| 1.0 + g * z(hz, r, n)));
        claims.push(claim(format!("allpass({n}smp, {g})"), 1e-5, move |hz, r| {
            (z(hz, r, n) - g) / (1.0 - g * z(hz, r, n))
        }));
        claims.push(claim(format!("comb_lp({}smp, {g}, damp: 0.3)", n + 0.4), 1e-5, move |hz, r| {
            let late = z(hz, r, n) * 0.6 + z(hz, r, n + 1.0) * 0.4;
            1.0 / (1.0 - g * late * 0.7 / (1.0 - 0.3 * z(hz, r, 1.0)))
        }));
    }
    claims.push(claim("delay(100.37smp)", 1e-5, |hz, r| 0.63 * z(hz, r, 100.0) + 0.37 * z(hz, r, 101.0)));
    claims.push(claim("delay(50.3smp, interp: 'allpass')", 1e-5, |hz, r| {
        let c = (1.0 - 1.3) / (1.0 + 1.3);
        z(hz, r, 49.0) * (c + z(hz, r, 1.0)) / (1.0 + c * z(hz, r, 1.0))
    }));
    claims.push(claim("delay(50.25smp, interp: 'cubic')", 1e-5, |hz, r| {
        let weight =
            |k: i32| -> f64 { (-1..3).filter(|j| *j != k).map(|j| (0.25 - f64::from(j)) / f64::from(k - j)).product() };
        (-1..3).map(|k| weight(k) * z(hz, r, 50.0 + f64::from(k))).sum()
    }));
    claims.push(claim("dcblock", 1e-5, |hz, r| (1.0 - z(hz, r, 1.0)) / (1.0 - 0.995 * z(hz, r, 1.0))));
    claims.push(claim("onezero(0.6)", 1e-6, |hz, r| 1.0 - 0.6 * z(hz, r, 1.0)));
    claims.push(claim("onepole(700hz)", 1e-5, |hz, r| {
        let p = (-TAU * 700.0 / r).exp();
        (1.0 - p) / (1.0 - p * z(hz, r, 1.0))
    }));
    claims.push(claim("smooth(3ms)", 1e-5, |hz, r| {
        let p = (-1.0 / (0.003 * r)).exp();
        (1.0 - p) / (1.0 - p * z(hz, r, 1.0))
    }));
    claims.push(claim("fir([0.2, -0.5, 0.1, 0.7])", 1e-6, |hz, r| {
        0.2 - 0.5 * z(hz, r, 1.0) + 0.1 * z(hz, r, 2.0) + 0.7 * z(hz, r, 3.0)
    }));
    claims.push(claim("moog_vcf(1200hz, res: 0.4)", 1e-4, |hz, r| {
        let w = TAU * 1200.0 / r;
        w.powi(4) / ((1.0 - (1.0 - w) * z(hz, r, 1.0)).powi(4) + 1.6 * w.powi(4) * z(hz, r, 1.0))
    }));
    claims.push(claim("modal([600hz, 1700hz], [0.3s, 0.1s], [0.5, 0.3])", 1e-4, |hz, r| {
        let mode = |f: f64, t: f64| {
            let p = C::from_polar(10f64.powf(-3.0 / (t * r)), TAU * f / r);
            (p * z(hz, r, 1.0) / (1.0 - p * z(hz, r, 1.0))
                - p.conj() * z(hz, r, 1.0) / (1.0 - p.conj() * z(hz, r, 1.0)))
                / C::new(0.0, 2.0)
        };
        0.5 * mode(600.0, 0.3) + 0.3 * mode(1700.0, 0.1)
    }));
    claims
}

/// Banks of the filters above.
fn banks() -> Vec<Claim> {
    let edge = |f: f64| move |hz, rate| butterworth(2, s(hz, f, rate));
    let (low, high) = (edge(400.0), edge(4000.0));
    let turn = |f: f64| {
        move |hz, rate| {
            let s = s(hz, f, rate);
            (s * s - s * 2f64.sqrt() + 1.0) / (s * s + s * 2f64.sqrt() + 1.0)
        }
    };
    let with = "crossover(it, [400hz, 4khz])";
    let top = move |hz, rate| {
        let s = s(hz, 400.0, rate);
        (s * s * butterworth(2, s)).powi(2)
    };
    vec![
        claim(format!("{with}[0]"), 2e-5, move |hz, r| low(hz, r).powi(2) * turn(4000.0)(hz, r)),
        claim(format!("{with}[1]"), 2e-5, move |hz, r| top(hz, r) * high(hz, r).powi(2)),
        claim(format!("mix({with})"), 2e-5, move |hz, r| turn(400.0)(hz, r) * turn(4000.0)(hz, r)),
        claim("resonators([500hz, 1200hz], 100ms, [1, 0.5])", 1e-4, |hz, r| {
            let band = |f: f64, gain: f64| {
                let (s, q) = (s(hz, f, r), PI * f * 0.1 / 1000f64.ln());
                gain * s / q / (s * s + s / q + 1.0)
            };
            band(500.0, 1.0) + band(1200.0, 0.5)
        }),
    ]
}

/// The worst error over 200 frequencies, as a part of the largest magnitude, and where it is.
fn error(claim: &Claim, rate: u32) -> (f64, f64) {
    const FRAMES: usize = 1 << 17;
    let effect = claim.effect.as_str();
    let seconds = FRAMES as f64 / f64::from(rate) + 0.01;
    let [x, _] = hear_at(&format!("impulse(0hz) >> {effect}"), seconds, rate);
    let mut buffer: Vec<f64> = x[..FRAMES].iter().map(|v| f64::from(*v)).collect();
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(FRAMES);
    let mut bins = plan.make_output_vec();
    plan.process(&mut buffer, &mut bins).expect("sizes agree");
    let top = 0.495 * f64::from(rate);
    let points: Vec<(f64, C, C)> = (0..200)
        .map(|i| {
            let bin = (20.0 * (top / 20.0f64).powf(f64::from(i) / 199.0) / f64::from(rate) * FRAMES as f64).round();
            let hz = bin * f64::from(rate) / FRAMES as f64;
            (hz, bins[bin as usize], (claim.truth)(hz, f64::from(rate)))
        })
        .collect();
    let largest = points.iter().fold(0.0f64, |m, (_, _, want)| m.max(want.norm()));
    let off = |(hz, got, want): &(f64, C, C)| ((got - want).norm() / largest, *hz);
    points.iter().map(off).max_by(|a, b| a.0.total_cmp(&b.0)).expect("points")
}

#[test]
fn every_linear_filter_is_its_closed_form() {
    let claims: Vec<Claim> =
        [two_poles(), equalisers(), butterworths(), combs(), banks()].into_iter().flatten().collect();
    assert!(claims.len() > 80);
    let mut faults = Vec::new();
    println!("| filter | worst error, relative to its peak | at |\n|---|---|---|");
    for claim in &claims {
        let (worst, hz) = error(claim, RATE);
        println!("| `{}` | {worst:.1e} | {hz:.0} Hz |", claim.effect);
        if worst.is_nan() || worst > claim.bound {
            faults.push(format!("{}: {worst:.1e} at {hz:.0} Hz, not {:e}", claim.effect, claim.bound));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn filters_are_the_same_filters_at_other_rates() {
    let mut faults = Vec::new();
    for rate in [44_100, 96_000] {
        for claim in [two_poles(), equalisers(), butterworths(), banks()].into_iter().flatten() {
            let (worst, hz) = error(&claim, rate);
            if worst.is_nan() || worst > 4.0 * claim.bound {
                faults.push(format!("{} at {rate}: {worst:.1e} at {hz:.0} Hz", claim.effect));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_measure_sees_a_filter_that_is_slightly_off() {
    let off = second("lpf(FQ)", 1000.0, 2.0, |_| C::from(1.0001));
    assert!(error(&off, RATE).0 > 5e-5);
}

#[test]
fn allpass_filters_keep_all_energy() {
    for effect in [
        "allpass(7ms, 0.6)",
        "allpass2(900hz, q: 3)",
        "svf(5khz, q: 0.6).ap",
        "mix(crossover(it, [200hz, 2khz]))",
        "delay(10.7smp, interp: 'allpass')",
    ] {
        let [x, _] = hear(&format!("impulse(0hz) >> {effect}"), 1.0);
        let energy: f64 = x.iter().map(|v| f64::from(*v).powi(2)).sum();
        assert!((energy - 1.0).abs() < 2e-5, "{effect} has an energy of {energy}");
    }
}

#[test]
fn whole_delays_are_exact() {
    let x = hear("delay(noise, 0smp)", 0.5)[0].clone();
    for n in [1usize, 2, 63, 64, 65, 441, 4800, 11_025] {
        for interp in ["linear", "cubic"] {
            let [y, _] = hear(&format!("delay(noise, {n}smp, interp: '{interp}')"), 0.5);
            let late = (n..y.len()).all(|i| y[i] == x[i - n]);
            let early = y[..n].iter().all(|v| *v == 0.0);
            assert!(late && early, "{n} samples, {interp}");
        }
    }
}

#[test]
fn noise_through_a_filter_has_the_power_that_its_impulse_foretells() {
    for effect in ["lpf(1khz, q: 3)", "bpf(4khz, q: 2)", "butter_bp(500hz, 2khz, order: 4)", "comb_fb(3ms, 0.5)"] {
        let energy: f64 =
            hear(&format!("impulse(0hz) >> {effect}"), 1.0)[0].iter().map(|v| f64::from(*v).powi(2)).sum();
        let power = |expr: &str| facts::rms(&hear(expr, 8.0)[0]).powi(2);
        let ratio = power(&format!("noise >> {effect}")) / (power("noise") * energy);
        assert!((ratio - 1.0).abs() < 0.05, "{effect}: {ratio}");
    }
}

/// Filters with two numbers to move: FREQ and one more.
const MOVED: &[&str] = &[
    "lpf(FREQ, q: 8)",
    "hpf(FREQ, q: 8)",
    "bpf(FREQ, q: 20)",
    "notch(FREQ, q: 8)",
    "allpass2(FREQ, q: 8)",
    "peak(FREQ, q: 4, gain: 12db)",
    "lowshelf(FREQ, gain: 12db)",
    "highshelf(FREQ, gain: -12db)",
    "svf(FREQ, q: 8)",
    "svf(FREQ, q: 8).peak",
    "butter_lp(FREQ, order: 6)",
    "butter_hp(FREQ, order: 6)",
    "butter_bp(FREQ, FREQ * 2, order: 2)",
    "butter_bs(FREQ, FREQ * 2, order: 2)",
    "ladder(FREQ, res: 1)",
    "moog_vcf(FREQ * 0.2, res: 0.8)",
    "diode(FREQ, res: 1)",
    "korg35(FREQ, res: 1)",
    "korg35(FREQ, res: 1).hp",
    "oberheim(FREQ, q: 8, mode: 0)",
    "onepole(FREQ)",
    "formant(2 * FREQ / 1khz)",
    "eq(mid: 12db, mid_freq: FREQ)",
];

#[test]
fn filters_stay_bounded_while_they_are_moved_at_audio_rate_and_at_extremes() {
    let paths = [
        "(2khz + 1.9khz * sin(900hz))",
        "(20hz + 20khz * abs(noise))",
        "(10khz + 10khz * lfsquare(3khz))",
        "0hz",
        "24khz",
        "100khz",
        "(0hz - 500hz)",
    ];
    let mut faults = Vec::new();
    for effect in MOVED {
        for path in paths {
            let expr = format!("noise * 0.5 >> {}", effect.replace("FREQ", path));
            let [x, _] = hear(&expr, 0.5);
            if !facts::finite(&x) || facts::peak(&x) > 100.0 {
                faults.push(format!("{expr}: peak {}", facts::peak(&x)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn filters_recover_from_what_is_no_number_and_from_huge_values() {
    let mut faults = Vec::new();
    for effect in MOVED.iter().map(|effect| effect.replace("FREQ", "1khz")) {
        for bad in ["0 / noise * 0", "1 / (0 * noise)", "noise * 1e30"] {
            // A tenth of a second of it, then silence.
            let gate = "(abs(prim.fromint(prim.frame()) - 7200) < 2400)";
            let expr = format!("select({gate}, {bad}, 0) + sin(440hz) * 0.1 >> {effect}");
            let [x, _] = hear(&expr, 2.0);
            let tail = &x[RATE as usize * 3 / 2..];
            let healed = facts::finite(tail) && facts::peak(tail) < 2.0;
            if !healed {
                faults.push(format!("{expr}: {}", facts::peak(tail)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
