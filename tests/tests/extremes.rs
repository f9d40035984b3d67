//! What the library does where nobody wants to be: at both ends of every range, with what is no number at the input, with a
//! gain of 300 dB, at other sample rates, and between the samples of a limited sound.

use modurust_runtime::compiler::lang::ast::{Def, Item, Param};
use modurust_runtime::compiler::lang::library::{Entry, library};
use modurust_tests::facts;
use modurust_tests::sound::{RATE, hear, hear_at};
use std::f64::consts::PI;

fn definition(entry: &'static Entry) -> Option<&'static Def> {
    if let Item::Def(def) = &*entry.stmt().item { Some(def) } else { None }
}

/// Entries that turn one sound into another and need nothing else. Those of spectra need a spectrum.
fn effects() -> impl Iterator<Item = (&'static Entry, Vec<&'static Param>)> {
    library().entries().iter().filter_map(|entry| {
        let params: Vec<_> = definition(entry)?.params.iter().flatten().collect();
        let effect = params.first()?.name.name == "x" && params[1..].iter().all(|p| p.default.is_some());
        (effect && !["math", "spectral"].contains(&entry.module)).then_some((entry, params))
    })
}

/// Entries that sound by themselves, with a gate that goes up and down if they have one.
fn sources() -> impl Iterator<Item = (&'static Entry, Vec<&'static Param>)> {
    library().entries().iter().filter_map(|entry| {
        let params: Vec<_> = definition(entry)?.params.iter().flatten().collect();
        let alone = params.iter().all(|p| p.default.is_some() || p.name.name == "gate");
        (alone && entry.module != "math" && entry.name != "wholephase").then_some((entry, params))
    })
}

/// The text of the two ends of a parameter's range.
fn ends(entry: &Entry, param: &Param) -> Option<[String; 2]> {
    let range = param.range.as_ref()?;
    let text = |at: modurust_runtime::compiler::lang::Span| entry.text[at.start as usize..at.end as usize].to_string();
    Some([text(range.low.span), text(range.high.span)])
}

#[test]
fn every_number_may_stand_at_both_ends_of_its_range() {
    let mut faults = Vec::new();
    let mut heard = 0;
    let chord = "(sin(220hz) + sin(277hz) + noise * 0.3) * 0.166 >> ";
    let calls = effects().map(|all| (chord, all)).chain(sources().map(|all| ("", all)));
    for (fed, (entry, params)) in calls {
        let gate = if params.iter().any(|p| p.name.name == "gate") { "gate: lfsquare(4hz), " } else { "" };
        for param in &params {
            // What a number shapes cannot be a signal, and is held by what uses it.
            for end in ends(entry, param).into_iter().flatten() {
                if param.name.name == "gate" || entry.name == "hadamard" {
                    continue;
                }
                let expr = format!("{fed}{}.{}({gate}{}: {end})", entry.module, entry.name, param.name.name);
                let [left, _] = hear(&expr, 0.5);
                heard += 1;
                // A mode or a comb at its longest rings up; nothing runs away.
                if !facts::finite(&left) || facts::peak(&left) > 100.0 {
                    faults.push(format!("{expr}: peak {}", facts::peak(&left)));
                }
            }
        }
    }
    assert!(heard > 400, "only {heard} were heard");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_effect_recovers_from_what_is_no_number_and_from_huge_values() {
    let mut faults = Vec::new();
    for (entry, _) in effects() {
        for bad in ["0 / noise * 0", "1 / (0 * noise)", "noise * 1e15"] {
            let expr = format!(
                "select(prim.fromint(prim.frame()) < 4800, {bad}, 0) + sin(440hz) * 0.1 >> {}.{}()",
                entry.module, entry.name
            );
            let [left, right] = hear(&expr, 3.0);
            let tail = |side: &[f32]| side[RATE as usize * 5 / 2..].to_vec();
            let ends = [tail(&left), tail(&right)];
            // What rings for long has not forgotten 300 dB by then, but it is on its way.
            if !ends.iter().all(|side| facts::finite(side) && facts::peak(side) < 1e14) {
                faults.push(format!("{expr}: {}", facts::peak(&ends[0])));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is made of single samples, which are shorter at a higher rate, or has its power in every hertz.
const OF_SAMPLES: &[&str] = &["edge", "grown", "trigger", "impulse", "dust", "onezero", "modal", "membrane", "hiss"];

#[test]
fn effects_and_instruments_are_as_loud_at_every_rate() {
    let mut faults = Vec::new();
    let chord = "(sin(220hz) + sin(277hz)) * 0.2 >> ";
    let calls = effects().map(|all| (chord, all)).chain(sources().map(|all| ("", all)));
    for (fed, (entry, params)) in calls {
        if OF_SAMPLES.contains(&entry.name) {
            continue;
        }
        let gate = if params.iter().any(|p| p.name.name == "gate") { "gate: lfsquare(1hz)" } else { "" };
        let expr = format!("{fed}{}.{}({gate})", entry.module, entry.name);
        let level = |rate: u32| {
            let [left, _] = hear_at(&expr, 1.0, rate);
            20.0 * facts::rms(&left).max(1e-9).log10()
        };
        let (low, usual, high) = (level(44_100), level(RATE), level(96_000));
        // Cymbals have treble that only a higher rate can hold.
        if usual > -70.0 && ((low - usual).abs() > 1.25 || (high - usual).abs() > 1.75) {
            faults.push(format!("{expr}: {low:.1} dB, {usual:.1} dB, {high:.1} dB"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The highest level of the wave through the samples: of four times as many, by 48 samples around each under a Kaiser window. The
/// meter of ITU-R BS.1770 is of this kind, with 12.
fn true_peak(x: &[f32]) -> f64 {
    const REACH: i32 = 24;
    // The modified Bessel function of order 0, by its series.
    let bessel = |v: f64| {
        (1..30)
            .fold((1.0, 1.0), |(sum, term), k| {
                let term = term * (v / 2.0 / f64::from(k)).powi(2);
                (sum + term, term)
            })
            .0
    };
    let weight = |t: f64| {
        let sinc = if t == 0.0 { 1.0 } else { (PI * t).sin() / (PI * t) };
        sinc * bessel(6.0 * (1.0 - (t / f64::from(REACH)).powi(2)).max(0.0).sqrt()) / bessel(6.0)
    };
    let phases: Vec<Vec<f64>> =
        (0..4).map(|k| (1 - REACH..=REACH).map(|j| weight(f64::from(j) - f64::from(k) / 4.0)).collect()).collect();
    let around = x.windows(2 * REACH as usize);
    around.fold(0.0, |most: f64, x| {
        let level = |phase: &Vec<f64>| phase.iter().zip(x).map(|(w, x)| w * f64::from(*x)).sum::<f64>().abs();
        phases.iter().map(level).fold(most, f64::max)
    })
}

#[test]
fn the_limiter_holds_its_ceiling_between_the_samples_as_well() {
    let mut faults = Vec::new();
    let x = hear("sin(11.1khz, phase: 0.13) * 0.5", 1.0)[0].clone();
    assert!((true_peak(&x) - 0.5).abs() < 1e-3, "the measure is off: {}", true_peak(&x));
    for sound in [
        "sin(12khz, phase: 0.125) * 2",
        "sin(440hz) * 4",
        "noise * 3 >> butter_lp(19khz, order: 12)",
        "noise * 3",
        "saw(110hz) * 4",
        "square(5khz) * 3",
        "(saw(110hz) + saw(138.6hz) + saw(164.8hz)) * 2",
        "sin(11.9khz) * 3 * (0.1 + 0.9 * (lfsquare(7hz) > 0))",
        "kick(lfsquare(4hz), 1) * 6 + hat(lfsquare(9hz), 1) * 4",
        "impulse(50hz) * 8",
        "sin(997hz) * (1 + 9 * impulse(11hz))",
    ] {
        for ceiling in [-6.0, -1.0, -0.3] {
            let [left, right] = hear(&format!("{sound} >> limit({ceiling}db)"), 1.0);
            for side in [left, right] {
                let over = 20.0 * true_peak(&side[4800..]).log10() - ceiling;
                println!("{over:+.3} dB over {ceiling}: {sound}");
                let most = if sound == "noise * 3" { 0.7 } else { 0.005 };
                if over > most {
                    faults.push(format!("{sound} >> limit({ceiling}db): {over:.2} dB over"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
