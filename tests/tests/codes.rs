//! The table of codes: each wrong example gives exactly its code, each right one no error; and messages speak to players.

use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::lang::{self, Diagnostic, codes};
use modurust_tests::sound::{Texts, options};
use modurust_tests::suite::{annotations, home, sections};

fn check(text: &str) -> (Vec<Diagnostic>, String) {
    let (_, diagnostics, sources) =
        Compiler::new(options(Backend::Jit)).elaborate(&Texts::one(text), &["a.modu".into()]);
    let shown = lang::diag::render(&diagnostics, &sources, false);
    (diagnostics, shown)
}

#[test]
fn every_code_has_examples_that_hold() {
    let mut faults = Vec::new();
    for row in codes::CODES {
        if !row.wrong.is_empty() {
            let (diagnostics, shown) = check(row.wrong);
            let found: Vec<_> = diagnostics.iter().filter(|d| d.is_error()).map(|d| codes::of(d).code).collect();
            if found != [row.code] {
                faults.push(format!("{}: the wrong example gives {found:?}\n{shown}", row.code));
            }
        }
        let (diagnostics, shown) = check(row.right);
        if diagnostics.iter().any(|d| d.is_error()) {
            faults.push(format!("{}: the right example has errors\n{shown}", row.code));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_hundred_wrong_programs_have_a_place_and_a_mend() {
    let (mut wrong, mut faults) = (0, Vec::new());
    for file in ["errors.modu", "mistakes.modu"] {
        let text = std::fs::read_to_string(home().join("suite").join(file)).expect("a suite");
        for section in sections(file, &text) {
            let text = &section.texts[0].1;
            wrong += usize::from(!annotations(text).is_empty());
            let (diagnostics, shown) = check(text);
            for d in diagnostics {
                let inside = d.span.start <= d.span.end && (d.span.end as usize) <= text.len();
                let on_edge =
                    text.is_char_boundary(d.span.start as usize) && text.is_char_boundary(d.span.end as usize);
                if !inside || !on_edge {
                    faults.push(format!("{}: the place lies outside of the text\n{shown}", section.place));
                }
                if d.is_error() && d.help.is_none() && d.code != "pattern" {
                    faults.push(format!("{}: no mend\n{shown}", section.place));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    assert!(wrong >= 130, "{wrong} wrong programs");
}

/// The names of the grammar's rules that are no ordinary words.
fn rule_names() -> Vec<String> {
    let grammar = include_str!("../../lang/src/grammar.pest");
    let mini = include_str!("../../lang/src/pattern/pattern.pest");
    let heads =
        grammar.lines().chain(mini.lines()).filter_map(|line| line.split_once('=').map(|(head, _)| head.trim()));
    heads
        .filter(|h| h.contains('_') && h.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .map(str::to_string)
        .collect()
}

#[test]
fn no_message_speaks_of_the_rules_of_the_grammar() {
    let rules = rule_names();
    assert!(rules.len() >= 8, "{rules:?}");
    for file in ["errors.modu", "mistakes.modu"] {
        let text = std::fs::read_to_string(home().join("suite").join(file)).expect("a suite");
        for section in sections(file, &text) {
            for d in check(&section.texts[0].1).0 {
                let said = format!("{} {} {}", d.message, d.label.unwrap_or_default(), d.help.unwrap_or_default());
                let word =
                    said.split(|c: char| !c.is_alphanumeric() && c != '_').find(|w| rules.iter().any(|r| r == w));
                // `for_` is what a player is told to call a variable that he called `for`.
                assert!(word.is_none_or(|w| said.contains(&format!("call it `{w}`"))), "{word:?} in {said}");
            }
        }
    }
}
