//! The workloads of `benches/` are what they claim to be: they sound as the same work does in other systems, nothing in them
//! is folded away, and a changed number compiles nothing.
//!
//! The figures are peak and root mean square of the left channel over twenty seconds. Where nothing is random they come from
//! the same graph in double precision (closed forms, or Faust's with `-double`), and the bounds are narrow; the single precision
//! of other systems lets phases drift and moves a peak by up to 3 %. Where noise is the source, every generator has figures of
//! its own: the bounds are about twice as wide as what eight seeds of ours span, and hold what Faust makes of it.

use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, Options};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::device::{RenderOptions, render};
use modurust_tests::facts;
use modurust_tests::sound::{self, Texts};

/// A figure, and by which share of it a right system may differ.
type Bound = (f64, f64);

/// Peak and RMS of the left channel over [`SECONDS`].
const WORKLOADS: &[(&str, Bound, Bound)] = &[
    ("w1", (0.8206, 0.001), (0.22567, 0.0005)),
    ("w1_sum", (0.8206, 0.001), (0.22567, 0.0005)),
    ("w2", (0.4185, 0.003), (0.09311, 0.001)),
    // The same voices out of step: their powers add up.
    ("poly", (0.35, 0.1), (0.0732, 0.02)),
    ("w3", (0.52, 0.15), (0.0674, 0.02)),
    ("w3b", (1.85, 0.25), (0.1477, 0.02)),
    ("w5", (0.9358, 0.001), (0.17694, 0.0005)),
    ("w7", (0.5736, 0.001), (0.37694, 0.0005)),
    ("w8", (0.722, 0.015), (0.2785, 0.02)),
    ("eq", (0.236, 0.06), (0.09103, 0.003)),
    ("organ", (0.4351, 0.001), (0.09539, 0.0005)),
    ("echoes", (0.4767, 0.015), (0.08066, 0.003)),
    ("kit", (0.4937, 0.003), (0.14002, 0.001)),
    ("acid", (0.3506, 0.001), (0.08064, 0.0005)),
    // One arithmetic and no peer: patterns as Strudel has them, of a seed.
    ("dense", (0.65, 0.1), (0.0952, 0.02)),
    ("set", (0.89056, 0.02), (0.16778, 0.02)),
    ("freeze", (0.44773, 0.001), (0.14366, 0.001)),
    ("midside", (0.70795, 0.0001), (0.1931, 0.002)),
];

const SECONDS: f64 = 20.0;

fn text(name: &str) -> String {
    let path = format!("{}/../benches/{name}.modu", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The passes that a player gets.
fn options() -> Options {
    Options { passes: Passes::Fast, ..sound::options(Backend::Jit) }
}

fn compile(compiler: &mut Compiler, text: &str) -> (Program, bool) {
    let outcome = compiler.compile(&Texts::one(text), &["a.modu".into()]);
    assert!(outcome.diagnostics.is_empty(), "{}", outcome.render(false));
    (outcome.program.expect("a program without messages"), outcome.generated)
}

#[test]
fn every_workload_is_in_the_table() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches");
    let files = std::fs::read_dir(folder).expect("the workloads").flatten().map(|entry| entry.path());
    for file in files.filter(|file| file.extension().is_some_and(|e| e == "modu")) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(WORKLOADS.iter().any(|row| row.0 == name), "{name} has no figures here");
    }
}

#[test]
fn every_workload_sounds_as_in_other_systems() {
    let mut faults = Vec::new();
    for &(name, peak, rms) in WORKLOADS {
        let (program, _) = compile(&mut Compiler::new(options()), &text(name));
        let (found_peak, found_rms) = figures(program);
        for (what, found, (want, share)) in [("peak", found_peak, peak), ("rms", found_rms, rms)] {
            if (found / want - 1.0).abs() > share || found.is_nan() {
                faults.push(format!("{name}: {what} {found:.5}, not {want} within {:.2} %", share * 100.0));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_number_of_a_workload_stays_a_parameter() {
    for &(name, ..) in WORKLOADS {
        let text = text(name);
        let mut compiler = Compiler::new(options());
        let (program, _) = compile(&mut compiler, &text);
        let numbers = numbers(&text);
        assert!(!numbers.is_empty(), "{name} has no numbers");
        for (begin, end) in numbers {
            let value: f64 = text[begin..end].parse().expect("a number");
            let edited = format!("{}{}{}", &text[..begin], value * 1.015625, &text[end..]);
            let (edited, generated) = compile(&mut compiler, &edited);
            let place = format!("{name}: `{}` at byte {begin}", &text[begin..(end + 4).min(text.len())]);
            assert!(!generated, "{place} is part of the code");
            if !within(&text[..begin], "prim.ring") {
                let values = |program: &Program| (program.params.clone(), program.timing);
                assert_ne!(values(&edited), values(&program), "{place} is no parameter");
            }
        }
    }
}

/// Peak and RMS of the left channel. What is played by a pattern sounds alike on both sides.
fn figures(program: Program) -> (f64, f64) {
    if program.units.is_empty() {
        let [left, _] = sound::run(&program, SECONDS);
        return (facts::peak(&left), facts::rms(&left));
    }
    let frames = SECONDS * f64::from(sound::RATE);
    let report = render(RenderOptions::new(program, frames as u64)).expect("rendering to nowhere");
    (f64::from(report.peak), f64::from(report.rms))
}

/// True if a text ends within the arguments of a call. The longest delay of a line is room in memory, in steps.
fn within(text: &str, call: &str) -> bool {
    let mut depth = 0;
    for (at, c) in text.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth > 0 => depth -= 1,
            '(' => return text[..at].ends_with(call),
            _ => {}
        }
    }
    false
}

/// Where the numbers stand that are no count and no index: those with a point or a unit.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"//") {
            at += bytes[at..].iter().take_while(|b| **b != b'\n').count();
        } else if bytes[at].is_ascii_alphabetic() || bytes[at] == b'_' {
            at += bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        } else if bytes[at].is_ascii_digit() {
            let begin = at;
            at += bytes[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
            let unit = bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
            if unit || text[begin..at].contains('.') {
                found.push((begin, at));
            }
        } else {
            at += 1;
        }
    }
    found
}
