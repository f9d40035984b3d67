//! What an inner name stands for, for `:scope`: the text, with a tap where the name is defined.
//!
//! Only outputs can be looked at, and what a name inside of a binding stands for is none. So while somebody looks, the text that plays
//! has `scope(.., 'bass.wet')` around that definition: an output beside the others, which nobody hears. The text that is edited and
//! saved never has it, and state and sound are what they were.

use modurust_runtime::compiler::lang::ast::{Def, Expr, ExprKind, Item};
use modurust_runtime::compiler::lang::{FileId, Source, Span, parse, visit};

/// The text with a tap at a definition, by its path (`slow`, `bass.wet`, `bass.wet.env`); its output is called like the path.
/// Otherwise why not, for people.
pub fn tapped(text: &str, path: &str) -> Result<String, String> {
    let stmts = parse::parse(FileId(0), &Source::new("", text)).stmts;
    let mut words = path.split('.');
    let first = words.next().unwrap_or_default();
    let Some(stmt) = stmts.iter().rev().find(|stmt| stmt.item.name().is_some_and(|name| name.name == first)) else {
        return Err(format!("nothing is called `{first}`"));
    };
    let Some(mut at) = value(&stmt.item) else { return Err(format!("`{first}` is no sound")) };
    let mut around = first.to_string();
    for word in words {
        let defs = inner(at);
        let Some(def) = defs.iter().find(|def| def.name.name == word) else {
            let names: Vec<&str> = defs.iter().map(|def| def.name.name.as_str()).collect();
            return Err(match names.is_empty() {
                true => format!("there is no name inside of `{around}`"),
                false => format!("inside of `{around}` there is no `{word}`: there are {}", names.join(", ")),
            });
        };
        at = &def.body;
        around = format!("{around}.{word}");
    }
    let Span { start, end } = at.span.shift(stmt.offset);
    let (start, end) = (start as usize, end as usize);
    // On a line of its own: the definition may end in a comment.
    Ok(format!("{}scope({}\n  , '{path}'){}", &text[..start], &text[start..end], &text[end..]))
}

/// Paths of all names inside of the statements of a text.
pub fn paths(text: &str) -> Vec<String> {
    fn below(around: &str, expr: &Expr, paths: &mut Vec<String>) {
        for def in inner(expr) {
            let path = format!("{around}.{}", def.name.name);
            below(&path, &def.body, paths);
            paths.push(path);
        }
    }
    let mut paths = Vec::new();
    for stmt in parse::parse(FileId(0), &Source::new("", text)).stmts {
        if let (Some(name), Some(value)) = (stmt.item.name(), value(&stmt.item)) {
            below(&name.name, value, &mut paths);
        }
    }
    paths
}

/// What a statement says that its name stands for.
fn value(item: &Item) -> Option<&Expr> {
    match item {
        Item::Def(def) => Some(&def.body),
        Item::Strip { value, .. } => Some(value),
        _ => None,
    }
}

/// The definitions in an expression that are in no other definition.
fn inner(expr: &Expr) -> Vec<&Def> {
    let (mut defs, mut open) = (Vec::new(), vec![expr]);
    while let Some(expr) = open.pop() {
        match &expr.kind {
            ExprKind::Block { defs: own, value } => {
                defs.extend(own);
                open.extend(value.as_deref());
            }
            _ => open.extend(visit::children(expr)),
        }
    }
    defs
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "slow = lfsin(1hz) // so\ntrack bass = {\n  wet = {\n    env = noise\n    env * 2 }\n  wet >> lpf(1khz)\n} * -6db\n";

    #[test]
    fn a_tap_stands_around_a_definition() {
        let text = tapped(TEXT, "slow").unwrap();
        assert!(text.starts_with("slow = scope(lfsin(1hz)\n  , 'slow') // so\n"), "{text}");
        let text = tapped(TEXT, "bass.wet.env").unwrap();
        assert!(text.contains("env = scope(noise\n  , 'bass.wet.env')\n    env * 2 }"), "{text}");
        for path in ["slow", "bass.wet", "bass.wet.env"] {
            let parsed = parse::parse(FileId(0), &Source::new("", tapped(TEXT, path).unwrap()));
            assert!(parsed.diagnostics.is_empty(), "{path}: {:?}", parsed.diagnostics);
        }
    }

    #[test]
    fn who_asks_for_another_name_is_told_which_there_are() {
        assert_eq!(tapped(TEXT, "bass.dry"), Err("inside of `bass` there is no `dry`: there are wet".into()));
        assert_eq!(tapped(TEXT, "slow.dry"), Err("there is no name inside of `slow`".into()));
        assert_eq!(tapped(TEXT, "lead"), Err("nothing is called `lead`".into()));
        assert_eq!(paths(TEXT), ["bass.wet.env", "bass.wet"]);
    }
}
