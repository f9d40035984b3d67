//! The functions over patterns as one writes them, against facts from outside: onsets equal as fractions, values as numbers.
//!
//! `data/language.txt` holds expressions and the onsets that Strudel 1.2.6 computes for the same functions with the same arguments,
//! fixed and patterned, alone and in chains.

use modurust_compiler::exec::Backend;
use modurust_compiler::front::{Compiler, Evaluated, Options};
use modurust_compiler::passes::Passes;
use modurust_compiler::score::{EventBuf, Ratio, event_text};

fn compiler() -> Compiler {
    let (passes, backend) = (Passes::Exact, Backend::Interp);
    Compiler::new(Options { sample_rate: 48_000, passes, backend, seed: 0, verify: false })
}

fn evaluate(text: &str) -> Result<Evaluated, String> {
    let (evaluated, diagnostics, _) = compiler().pattern(text);
    evaluated.ok_or_else(|| format!("{text}: {diagnostics:?}"))
}

type Onset = (Ratio, Ratio, String);

fn onsets(text: &str, cycles: i64) -> Result<Vec<Onset>, String> {
    let evaluated = evaluate(text)?;
    let mut out = EventBuf::new(16_384);
    let mut found = Vec::new();
    for cycle in 0..cycles {
        out.clear();
        evaluated.score.query(evaluated.pattern, Ratio::int(cycle), Ratio::int(cycle + 1), &mut out);
        assert_eq!(out.lost(), 0, "{text}");
        found.extend(out.onsets().map(|e| (e.whole.0, e.whole.1, number(&event_text(&evaluated.score, e)))));
    }
    found.sort();
    Ok(found)
}

/// Numbers to seven digits: the two sides may round differently in the last.
fn number(text: &str) -> String {
    text.parse::<f64>().map_or(text.to_owned(), |x| format!("{:.7}", if x == 0.0 { 0.0 } else { x }))
}

fn ratio(text: &str) -> Ratio {
    let (a, b) = text.split_once('/').unwrap();
    Ratio::new(a.parse().unwrap(), b.parse().unwrap())
}

#[test]
fn functions_mean_what_they_mean_elsewhere() {
    let mut cases: Vec<(&str, Vec<Onset>)> = Vec::new();
    for line in include_str!("data/language.txt").lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        match line.strip_prefix("= ") {
            Some(text) => cases.push((text, Vec::new())),
            None => {
                let words: Vec<&str> = line.split(' ').collect();
                let onset = (ratio(words[0]), ratio(words[1]), number(words[2]));
                cases.last_mut().unwrap().1.push(onset);
            }
        }
    }
    let mut wrong = Vec::new();
    let count = cases.len();
    for (text, mut expected) in cases {
        expected.sort();
        match onsets(text, 4) {
            Ok(found) if found == expected => {}
            Ok(_) => wrong.push(text.to_owned()),
            Err(error) => wrong.push(error),
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ: {wrong:#?}", wrong.len());
    assert!(count > 100, "{count} cases");
}

/// Onsets as text: `0/1 c3`.
fn told(text: &str, cycles: i64) -> String {
    let evaluated = evaluate(text).unwrap_or_else(|e| panic!("{e}"));
    let mut out = EventBuf::new(4096);
    evaluated.score.query(evaluated.pattern, Ratio::ZERO, Ratio::int(cycles), &mut out);
    let mut all: Vec<_> = out.onsets().map(|e| (e.whole.0, event_text(&evaluated.score, e))).collect();
    all.sort();
    all.iter().map(|(begin, value)| format!("{begin} {value}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn chords_and_their_readings() {
    assert_eq!(told("\"<C Am>\" >> chord", 2), "0/1 c3, 0/1 e3, 0/1 g3, 1/1 a3, 1/1 c4, 1/1 e4");
    assert_eq!(told("\"C^7\" >> voicing", 1), "0/1 b4, 0/1 c5, 0/1 e4, 0/1 g4");
    assert_eq!(told("\"C^7\" >> voicing(top: a4)", 1), "0/1 b3, 0/1 c4, 0/1 e4, 0/1 g4");
    assert_eq!(told("\"<C^7 Am>\" >> chord >> rootNotes(\"<2 1>\")", 2), "0/1 c2, 1/1 a1");
    assert_eq!(told("\"Am\" >> voicing >> arp(\"0 2\")", 1), "0/1 e4, 1/2 c5");
    assert_eq!(told("\"[c3,e3]\" >> arp(\"0 1 2\")", 1), "0/1 c3, 1/3 e3, 2/3 c3");
    assert_eq!(told("\"c'maj'i e'min7'3\"", 1), "0/1 c4, 0/1 e3, 0/1 g3, 1/2 b3, 1/2 e3, 1/2 g3");
    assert!(evaluate("\"bd H7\" >> chord").is_err());
}

#[test]
fn scales_and_tunings_take_patterns() {
    let changing = "\"0 2\" >> scale(\"<c3 a2>\", \"<major minor>\")";
    assert_eq!(told(changing, 2), "0/1 c3, 1/2 e3, 1/1 a2, 3/2 c3");
    assert_eq!(told("\"0 2\" >> scale('a3:harmonic minor')", 1), "0/1 a3, 1/2 c4");
    assert_eq!(told("\"0 19 -19\" >> tuning(19)", 1), "0/1 c4, 1/3 c5, 2/3 c3");
    assert_eq!(told("\"c4 c5\" >> tuning(12, root: a4)", 1), "0/1 c4, 1/2 c5");
    assert!(evaluate("\"0\" >> scale(c3, \"<major minr>\")").is_err());
}

#[test]
fn chance_is_a_hash_of_place_and_time() {
    let twice = "stack(\"1*16?\", \"1*16?\")";
    let one = told("\"1*16?\"", 8).matches('/').count();
    assert_eq!(told(twice, 8), told(twice, 8), "a replay is the same");
    assert_ne!(told(twice, 8).matches('/').count(), 2 * one, "the same text again is another chance");
    let named = "stack(\"0*16\" >> degradeBy(0.5, seed: 3), \"0*16\" >> undegradeBy(0.5, seed: 3))";
    assert_eq!(told(named, 4).split(", ").count(), 64, "equal seeds agree, so both halves make the whole");
    // Each piece once.
    let mut order: Vec<String> = told("\"0 1 2 3\" >> shuffle(4)", 1).split(", ").map(|w| w[4..].to_owned()).collect();
    order.sort();
    assert_eq!(order, ["0", "1", "2", "3"]);
}

#[test]
fn names_shared_with_sounds_go_by_what_comes_in() {
    assert_eq!(told("\"5\" >> sub(2) >> mod(2)", 1), "0/1 1");
    assert_eq!(told("echo(\"1\", 2, 1/4, 0.5)", 1), "0/1 1, 1/4 1");
}

#[test]
fn functions_of_ones_own_take_patterns() {
    let text = "\"0 1\" >> (p => p >> fast(2) >> add(10))";
    assert_eq!(told(text, 1), "0/1 10, 1/4 11, 1/2 10, 3/4 11");
    assert_eq!(told("\"0 1\" >> every(2, p => p + 5)", 2), "0/1 5, 1/2 6, 1/1 0, 3/2 1");
}

#[test]
fn what_cannot_be_is_told_with_a_place() {
    for text in
        ["\"a b\" >> fast(\"<x y>\")", "\"0\" >> degradeBy(sine)", "\"0\" >> pick", "arrange(\"a\")", "\"c'foo\""]
    {
        let (evaluated, diagnostics, _) = compiler().pattern(text);
        assert!(evaluated.is_none(), "{text} was accepted");
        let error = diagnostics.iter().find(|d| d.is_error()).unwrap_or_else(|| panic!("{text}: no error"));
        assert!(error.span.start < error.span.end && error.span.end as usize <= text.len(), "{text}: {error:?}");
    }
}
