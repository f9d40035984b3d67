//! The reference, `docs/reference.md`: made of the tables that the language itself is made of, so that it cannot drift.
//!
//! `modurust doc --markdown` prints it. Words come from `ide::words`, operators from the parser's, units from the token tables, types from the front
//! stage, functions from their doc comments, errors from the table of codes, the grammar from its file. A test compares the file with
//! what is printed, and checks every program in it.

use modurust_runtime::compiler::front::type_names;
use modurust_runtime::compiler::ide::topic::{self, PRIMITIVES, Topic};
use modurust_runtime::compiler::ide::words::{WORDS, Where};
use modurust_runtime::compiler::lang::codes::CODES;
use modurust_runtime::compiler::lang::operators::OPERATORS;
use modurust_runtime::compiler::lang::parse::GRAMMAR;
use modurust_runtime::compiler::lang::units::SPELLINGS;
use modurust_runtime::compiler::score::harmony::SCALES;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The whole reference, as Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Reference\n\nMade by `modurust doc --markdown > docs/reference.md` from what the program itself reads; do not edit. \
         [The tour](language.md) tells the same by ear.\n",
    );
    words(&mut out);
    units(&mut out);
    types(&mut out);
    operators(&mut out);
    functions(&mut out);
    scales(&mut out);
    codes(&mut out);
    let _ = write!(
        out,
        "\n## Grammar\n\nAs the parser reads it (a parsing expression grammar, for pest):\n\n```pest\n{GRAMMAR}```\n"
    );
    out
}

/// A row of a table; a bar inside of a cell would end it.
fn row(out: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Code inside of a line.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

fn words(out: &mut String) {
    let places = [
        (Where::Statement, "Words that begin a statement"),
        (Where::Value, "Words that begin a value"),
        (Where::After, "Words behind a value"),
    ];
    for (place, title) in places {
        let _ = write!(out, "\n## {title}\n\n| word | as in | does |\n|---|---|---|\n");
        for word in WORDS.iter().filter(|word| word.place == place) {
            row(out, &[&code(word.word), &code(word.form), word.doc]);
        }
    }
}

fn units(out: &mut String) {
    out.push_str("\n## Units\n\n| after a number | measures |\n|---|---|\n");
    SPELLINGS.iter().for_each(|(spelling, unit)| row(out, &[&code(spelling), unit.dim().article()]));
}

fn types(out: &mut String) {
    out.push_str(
        "\n## Types\n\nBehind the name of a parameter: `freq: hz`, `x: sig[2]`.\n\n| type | wants |\n|---|---|\n",
    );
    type_names().for_each(|(name, doc)| row(out, &[&code(name), &doc]));
}

/// A row for each level of the parser's own table.
fn operators(out: &mut String) {
    out.push_str("\n## Operators\n\nLoosest first; those of a row hold equally.\n\n| operator | is |\n|---|---|\n");
    for level in OPERATORS.chunk_by(|a, b| a.level == b.level) {
        let signs: Vec<String> = level.iter().map(|operator| code(operator.sign)).collect();
        let docs: Vec<&str> = level.iter().map(|operator| operator.doc).filter(|doc| !doc.is_empty()).collect();
        row(out, &[&signs.join(" "), &docs.join("; ")]);
    }
}

fn functions(out: &mut String) {
    let mut categories: BTreeMap<&str, Vec<&Topic>> = BTreeMap::new();
    topic::all().iter().for_each(|topic| categories.entry(&topic.category).or_default().push(topic));
    // What players rarely need comes last.
    let primitives = categories.remove(PRIMITIVES).unwrap_or_default();
    let _ = write!(out, "\n## Functions\n");
    for (category, topics) in categories {
        let _ = write!(out, "\n### {category}\n\n");
        topics.iter().for_each(|topic| entry(out, topic));
    }
    let _ = write!(out, "\n### {PRIMITIVES}\n\nOf these the library is made.\n\n");
    primitives.iter().for_each(|topic| entry(out, topic));
}

fn entry(out: &mut String, topic: &Topic) {
    let _ = write!(out, "- {}: {}", code(&topic.signature), topic.summary);
    for line in topic.body.lines().filter(|line| !line.is_empty()) {
        let _ = write!(out, " {line}");
    }
    let examples: Vec<String> = topic.examples.iter().map(|example| code(example)).collect();
    if !examples.is_empty() {
        let _ = write!(out, " For instance {}.", examples.join(", "));
    }
    out.push('\n');
}

fn scales(out: &mut String) {
    out.push_str("\n## Scales\n\nFor `scale`, in semitones above the root.\n\n| scale | steps |\n|---|---|\n");
    for (name, steps) in SCALES {
        let steps: Vec<String> = steps.iter().map(|step| format!("{:.2}", step)).collect();
        let steps: Vec<&str> = steps.iter().map(|s| s.trim_end_matches('0').trim_end_matches('.')).collect();
        row(out, &[&code(name), &steps.join(" ")]);
    }
}

fn codes(out: &mut String) {
    out.push_str("\n## Errors and warnings\n\n`modurust explain CODE` prints one of them.\n");
    for row in CODES {
        let _ = write!(out, "\n### {}: {}\n\n{}\n", row.code, row.title, row.text);
        if !row.wrong.is_empty() {
            let _ = write!(out, "\nWrong:\n\n```modu wrong {}\n{}\n```\n\nRight:\n", row.code, row.wrong);
        }
        if !row.right.is_empty() {
            let _ = write!(out, "\n```modu right\n{}\n```\n", row.right);
        }
    }
}
