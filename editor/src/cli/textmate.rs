//! The TextMate grammar, `editor/vscode/syntaxes/modu.tmLanguage.json`: colours for editors that take such grammars.
//!
//! `modurust doc --textmate` prints it, from the tables of `lang::token` that the tokenizer itself reads; a test compares the file.
//! Regular expressions are Oniguruma's.

use modurust_runtime::compiler::lang::token::{COMMANDS, KEYWORDS, OPERATORS, PLACED, SETTINGS};
use modurust_runtime::compiler::lang::units::SPELLINGS;
use serde_json::{Value, json};

/// Whole words.
fn words(words: &[&str]) -> String {
    format!("\\b(?:{})\\b", words.join("|"))
}

/// A sign as a regular expression.
fn sign(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\{c}") }).collect()
}

/// The grammar.
pub fn grammar() -> Value {
    let named = |name: &str, pattern: String| json!({"name": format!("{name}.modu"), "match": pattern});
    let units: Vec<String> = SPELLINGS.iter().map(|(spelling, _)| sign(spelling)).collect();
    let operators: Vec<String> = OPERATORS.iter().map(|operator| sign(operator)).collect();
    let begins: Vec<&str> = SETTINGS.iter().chain(COMMANDS).copied().collect();
    let unit = units.join("|");
    json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "Modu",
        "scopeName": "source.modu",
        "fileTypes": ["modu"],
        "patterns": [
            named("comment.line.documentation", "^\\s*///(?!/).*$".into()),
            named("comment.line.double-slash", "//.*$".into()),
            {
                "name": "string.quoted.double.pattern.modu",
                "begin": "\"",
                "end": "\"",
                "patterns": [
                    named("keyword.operator.pattern", "[\\[\\]<>{}(),|~*/!@?:^_.%-]".into()),
                    named("constant.numeric.pattern", "\\b[0-9]+(?:\\.[0-9]+)?\\b".into()),
                ],
            },
            // One sample ago: it touches what it belongs to, a text does not.
            named("keyword.operator.prime", "(?<=[A-Za-z0-9_)\\]'])'".into()),
            named("string.quoted.single", "'[^'\\n]*'".into()),
            {
                "match": "^(use)\\s+((?:\\.{1,2}/)*[A-Za-z_0-9/]+)",
                "captures": {"1": {"name": "keyword.control.modu"}, "2": {"name": "entity.name.namespace.modu"}},
            },
            named("keyword.other", format!("^(?:{})\\b(?!\\s*=|\\()", begins.join("|"))),
            named("keyword.control", words(KEYWORDS)),
            named("constant.numeric.note", "\\b[a-g][#b]?[0-9](?![A-Za-z0-9_])".into()),
            {
                "match": format!("\\b([0-9]+(?:/[0-9]+(?=[a-z])|\\.[0-9]+)?(?:e-?[0-9]+)?)({unit})?(?![A-Za-z0-9_])"),
                "captures": {"1": {"name": "constant.numeric.modu"}, "2": {"name": "keyword.other.unit.modu"}},
            },
            {
                "match": "^([A-Za-z_][A-Za-z0-9_]*)(?=\\([^=]*\\)\\s*=|\\s*=(?![=>]))",
                "name": "entity.name.function.modu",
            },
            named("keyword.other.placed", format!("{}(?!\\s*[(:=])", words(PLACED))),
            named("variable.parameter", "\\b[A-Za-z_][A-Za-z0-9_]*(?=\\s*:)".into()),
            named("support.function", "\\b[A-Za-z_][A-Za-z0-9_]*(?=\\()".into()),
            named("support.function", "(?<=>>)\\s*[A-Za-z_][A-Za-z0-9_]*".into()),
            named("keyword.operator", operators.join("|")),
        ],
    })
}
