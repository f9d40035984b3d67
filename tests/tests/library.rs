//! The standard library keeps its word: every entry is documented, every example sounds, every `test:` line holds.

use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::lang::library::library;
use modurust_tests::facts;
use modurust_tests::sound::{RATE, compile, hear, program, run};

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
fn every_example_sounds_and_stays_below_full_scale() {
    let mut faults = Vec::new();
    for entry in library().entries() {
        for example in &entry.doc().examples {
            let outcome = compile(&format!("out = {example}"), Backend::Jit);
            let Some(program) = &outcome.program else {
                faults.push(format!("{}: {example}\n{}", entry.name, outcome.render(false)));
                continue;
            };
            let sides = run(program, 1.0);
            for side in &sides {
                if !facts::finite(side) {
                    faults.push(format!("{}: not finite: {example}", entry.name));
                }
                if facts::peak(side) > 1.0 {
                    faults.push(format!("{}: peak {:.3}: {example}", entry.name, facts::peak(side)));
                }
            }
            if facts::rms(&sides[0]) < 1e-5 && facts::rms(&sides[1]) < 1e-5 {
                faults.push(format!("{}: silent: {example}", entry.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
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
