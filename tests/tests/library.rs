//! The standard library keeps its word: every entry is documented, every example sounds, every `test:` line holds.

use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::lang::ast::{ExprKind, Item};
use modurust_runtime::compiler::lang::library::{Entry, library};
use modurust_tests::facts;
use modurust_tests::sound::{RATE, compile, compile_at, hear, program, run};

#[test]
fn every_entry_is_readable_and_documented() {
    let mut faults = Vec::new();
    for entry in library().entries() {
        let name = format!("{}.{}", entry.module, entry.name);
        for diagnostic in entry.diagnostics() {
            faults.push(format!("{name}: {}", diagnostic.message));
        }
        let doc = entry.doc();
        for (missing, what) in [
            (doc.summary.is_empty(), "summary"),
            (doc.node.is_none(), "node line"),
            (doc.examples.is_empty(), "example"),
            (doc.tests.is_empty(), "test"),
        ] {
            if missing {
                faults.push(format!("{name} has no {what}"));
            }
        }
    }
    assert!(library().entries().len() >= 40, "the library is missing");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_example_sounds_and_stays_below_full_scale_at_three_rates() {
    let mut faults = Vec::new();
    for entry in library().entries() {
        for (example, rate) in entry.doc().examples.iter().flat_map(|e| [44_100, RATE, 96_000].map(|rate| (e, rate))) {
            let outcome = compile_at(&format!("out = {example}"), Backend::Jit, rate);
            let Some(program) = &outcome.program else {
                faults.push(format!("{}: {example}\n{}", entry.name, outcome.render(false)));
                continue;
            };
            let sides = run(program, 1.0);
            for side in &sides {
                if !facts::finite(side) {
                    faults.push(format!("{} at {rate}: not finite: {example}", entry.name));
                }
                if facts::peak(side) > 1.0 {
                    faults.push(format!("{} at {rate}: peak {:.3}: {example}", entry.name, facts::peak(side)));
                }
            }
            if facts::rms(&sides[0]) < 1e-5 && facts::rms(&sides[1]) < 1e-5 {
                faults.push(format!("{} at {rate}: silent: {example}", entry.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Entries of a category.
fn of_category(wanted: &'static str) -> impl Iterator<Item = &'static Entry> {
    library().entries().iter().filter(move |entry| entry.doc().node.as_ref().is_some_and(|(c, _)| c == wanted))
}

/// The loudest sample of both sides.
fn peak_of(expr: &str) -> f64 {
    let [left, right] = hear(expr, 4.0);
    facts::peak(&left).max(facts::peak(&right))
}

#[test]
fn every_instrument_and_drum_peaks_between_12_and_3_db_below_full_scale() {
    let (voices, drums): (Vec<_>, Vec<_>) = (of_category("voice").collect(), of_category("kit").collect());
    assert!(voices.len() >= 15 && drums.len() >= 13, "the instruments are missing");
    let struck = of_category("drums").filter(|entry| {
        let Item::Def(def) = &*entry.stmt().item else { return false };
        def.params.iter().flatten().next().is_some_and(|p| p.name.name == "gate")
    });
    let mut faults = Vec::new();
    for entry in voices.into_iter().chain(drums).chain(struck) {
        let level = 20.0 * peak_of(&format!("{}.{}(gate: lfsquare(0.5hz))", entry.module, entry.name)).log10();
        if !(-12.0..=-3.0).contains(&level) {
            faults.push(format!("{} peaks at {level:.1} dBFS", entry.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_makes_sound_by_itself_stays_below_full_scale_at_its_defaults() {
    let mut faults = Vec::new();
    let mut heard = 0;
    for entry in library().entries() {
        let Item::Def(def) = &*entry.stmt().item else { continue };
        // `wholephase` is a number to calculate with, not a sound.
        if entry.module == "math"
            || entry.name == "wholephase"
            || !def.params.iter().flatten().all(|p| p.default.is_some())
        {
            continue;
        }
        heard += 1;
        let peak = peak_of(&format!("{}.{}()", entry.module, entry.name));
        // A wave between -1 and 1 without what would alias swings past its edges (Gibbs).
        let most = match entry.name {
            "saw" | "pulse" | "square" => 1.15,
            _ => 1.0,
        };
        if peak > most {
            faults.push(format!("{} peaks at {peak}", entry.name));
        }
    }
    assert!(heard > 40, "only {heard} were heard");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_sound_effect_keeps_a_full_scale_chord_below_full_scale_at_its_defaults() {
    // A chord that peaks at -6 dBFS, as a mix does; what boosts by nature (a filter at its resonance) has its gain in its name.
    const CHORD: &str = "(sin(220hz) + sin(277hz) + sin(330hz)) * 0.166";
    let mut faults = Vec::new();
    for module in ["filter", "delay", "reverb", "shape", "dynamics", "mod", "space"] {
        for entry in library().module(module) {
            let Item::Def(def) = &*entry.stmt().item else { continue };
            let params: Vec<_> = def.params.iter().flatten().collect();
            if params.first().is_none_or(|p| p.name.name != "x") || !params[1..].iter().all(|p| p.default.is_some()) {
                continue;
            }
            // A mode rings up, and a matrix adds up: both are parts to build with.
            if ["modal", "hadamard"].contains(&entry.name) {
                continue;
            }
            let peak = peak_of(&format!("{CHORD} >> {module}.{}()", entry.name));
            if peak.is_nan() || peak > 1.0 {
                faults.push(format!("{} peaks at {peak}", entry.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Parameters that are a signal, a gate, a function or an array have no range that could be told.
const RANGELESS: &[&str] = &[
    "x",
    "a",
    "b",
    "by",
    "gate",
    "trigger",
    "hit",
    "sidechain",
    "vel",
    "n",
    "f",
    "k",
    "record",
    "again",
    "dub",
    "undo",
    "clear",
];

#[test]
fn numbers_that_players_turn_have_a_range() {
    let mut faults = Vec::new();
    let plain = ["math", "tr909"];
    for entry in library().entries().iter().filter(|entry| !plain.contains(&entry.module)) {
        let Item::Def(def) = &*entry.stmt().item else { continue };
        for param in def.params.iter().flatten() {
            let number = matches!(param.default.as_ref().map(|d| &d.kind), Some(ExprKind::Number { .. }));
            if number && param.range.is_none() && !RANGELESS.contains(&param.name.name.as_str()) {
                faults.push(format!("{}.{}: `{}`", entry.module, entry.name, param.name.name));
            }
        }
    }
    assert!(faults.is_empty(), "no range: {}", faults.join(", "));
}

/// `rms(sin(8khz) >> lpf(200hz)) < 0.01`: measure, expression, and the bounds that it must lie in.
fn parse(line: &str) -> Option<(&str, &str, f64, f64)> {
    let (left, low, high) = if let Some((left, range)) = line.rsplit_once(" in ") {
        let (low, high) = range.split_once("..")?;
        (left, low.trim().parse().ok()?, high.trim().parse().ok()?)
    } else if let Some((left, bound)) = line.rsplit_once(" < ") {
        (left, f64::NEG_INFINITY, bound.trim().parse().ok()?)
    } else {
        let (left, bound) = line.rsplit_once(" > ")?;
        (left, bound.trim().parse().ok()?, f64::INFINITY)
    };
    let (measure, rest) = left.trim().split_once('(')?;
    Some((measure, rest.strip_suffix(')')?, low, high))
}

fn measure(name: &str, expr: &str) -> Option<f64> {
    let [left, _] = hear(expr, 1.0);
    Some(match name {
        "peak" => facts::peak(&left),
        "rms" => facts::rms(&left),
        "dc" => facts::dc(&left),
        "peak_hz" => facts::peak_hz(&left, f64::from(RATE)),
        _ => return None,
    })
}

#[test]
fn every_test_line_holds() {
    let mut faults = Vec::new();
    for entry in library().entries() {
        for line in &entry.doc().tests {
            let Some((name, expr, low, high)) = parse(line) else {
                faults.push(format!("{}: cannot read: {line}", entry.name));
                continue;
            };
            let outcome = compile(&format!("out = {expr}"), Backend::Jit);
            if outcome.program.is_none() {
                faults.push(format!("{}: {line}\n{}", entry.name, outcome.render(false)));
                continue;
            }
            match measure(name, expr) {
                Some(value) if (low..=high).contains(&value) => {}
                Some(value) => faults.push(format!("{}: {line}, but it is {value:.6}", entry.name)),
                None => faults.push(format!("{}: unknown measure: {line}", entry.name)),
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_test_line_is_caught() {
    let (name, expr, low, high) = parse("rms(sin(440hz)) < 0.5").expect("readable");
    let value = measure(name, expr).expect("known");
    assert!(!(low..=high).contains(&value));
}

#[test]
fn machine_code_and_interpreter_agree_on_every_example() {
    let mut faults = Vec::new();
    for entry in library().entries() {
        for example in &entry.doc().examples {
            let text = format!("out = {example}");
            if compile(&text, Backend::Jit).program.is_none() {
                continue;
            }
            let jit = run(&program(&text, Backend::Jit), 0.1);
            let interp = run(&program(&text, Backend::Interp), 0.1);
            let bits = |x: &[f32]| x.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            if bits(&jit[0]) != bits(&interp[0]) || bits(&jit[1]) != bits(&interp[1]) {
                faults.push(format!("{}: {example}", entry.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
