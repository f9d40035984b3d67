//! What is written when a node comes out of the browser: a call that sounds at once.
//!
//! The values come from the first example of the node's documentation, so that what the library shows is what a hand gets; what an
//! example does not say is filled in by unit. Where a sound or notes must come in and nothing is there yet stands `0`: silence.

use super::graph::Rate;
use super::signature::{Parameter, Signatures};
use modurust_runtime::compiler::ide::topic::{self, CONSTANTS};
use modurust_runtime::compiler::lang::ast::{Expr, ExprKind, UnaryOp};
use modurust_runtime::compiler::lang::parse::parse_expr;
use modurust_runtime::compiler::lang::source::FileId;
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::compiler::lang::visit;
use modurust_runtime::compiler::lang::{is_reserved, note_number};

/// What can be made that is no call.
pub const PLAIN: &[(&str, &str)] = &[
    ("out", "What is heard."),
    ("track", "A voice of the mixer, with a fader of its own."),
    ("bus", "A room or a group: what is sent to it comes in as `in`."),
    ("pattern", "Notes or words in time, in the mini-notation."),
    ("number", "A number with a name."),
    ("voice", "A function of a note, to be drawn inside: it has `freq` and `gate`."),
    ("parameter", "What the function that was entered is given."),
    ("*", "Times: one by another, a level by an envelope."),
    ("+", "Plus: two and more together."),
    ("-", "Minus: one without another."),
    ("/", "One divided by another."),
];

/// Operators, what is called after them, and what changes nothing.
const OPERATORS: [(&str, &str, &str); 4] =
    [("*", "times", "1"), ("+", "plus", "0"), ("-", "minus", "0"), ("/", "over", "1")];

/// True for numbers that are always there.
pub fn is_constant(name: &str) -> bool {
    CONSTANTS.iter().any(|(constant, _)| *constant == name)
}

/// The statement of a new node; `source` feeds its first input.
pub fn statement(signatures: &mut Signatures, kind: &str, name: &str, source: Option<&str>) -> Option<String> {
    Some(match kind {
        "out" => format!("out = {}", source.unwrap_or("0")),
        "track" => format!("track {name} = {}", source.unwrap_or("0")),
        "bus" => format!("bus {name} = in"),
        "pattern" => format!("{name} = \"0 3 5 7\""),
        "number" => format!("{name} = 1"),
        "voice" => format!("{name}(freq, gate) = {{\n  0\n}}"),
        kind => format!("{name} = {}", call(signatures, kind, source)?),
    })
}

/// The definition of a new node in a block: what it cannot do without comes from parameters of the same name, if there are some.
pub fn local(
    signatures: &mut Signatures,
    kind: &str,
    name: &str,
    source: Option<&str>,
    locals: &[&str],
) -> Option<String> {
    if PLAIN.iter().any(|(plain, _)| *plain == kind) && operator(kind).is_none() {
        return statement(signatures, kind, name, source);
    }
    Some(format!("{name} = {}", call_with(signatures, kind, source, locals)?))
}

fn operator(kind: &str) -> Option<(&'static str, &'static str, &'static str)> {
    OPERATORS.into_iter().find(|(sign, ..)| *sign == kind)
}

/// A call of a node with all that it needs.
pub fn call(signatures: &mut Signatures, kind: &str, source: Option<&str>) -> Option<String> {
    call_with(signatures, kind, source, &[])
}

fn call_with(signatures: &mut Signatures, kind: &str, source: Option<&str>, locals: &[&str]) -> Option<String> {
    if let Some((sign, _, nothing)) = operator(kind) {
        return Some(format!("{} {sign} {nothing}", source.unwrap_or("0")));
    }
    let params = params(signatures, kind)?;
    let Some(params) = params else { return Some(kind.to_string()) };
    let named = |first: &Parameter| source == Some(&*first.name) || locals.contains(&&*first.name);
    if let Some(first) = params.first().filter(|first| named(first)) {
        // A note's frequency, its gate: an oscillator and an envelope are played.
        let mut args = given(kind, &params);
        let shown = given(kind, &params[..1]).len();
        args.splice(..shown, [first.name.clone()]);
        return Some(format!("{kind}({})", args.join(", ")));
    }
    let (fed, rest) = match params.first() {
        Some(first) if first.default.is_none() && first.rate != Rate::Control => {
            let silence = if first.rate == Rate::Event { "\"0 3 5 7\"" } else { "0" };
            (vec![source.unwrap_or(silence).to_string()], &params[1..])
        }
        _ => (Vec::new(), &params[..]),
    };
    let args: Vec<String> = fed.into_iter().chain(given(kind, rest)).collect();
    Some(format!("{kind}({})", args.join(", ")))
}

/// A node as a stage of a pipe: without what is piped into it.
pub fn stage(signatures: &mut Signatures, kind: &str) -> Option<String> {
    let params = params(signatures, kind)??;
    let args = given(kind, params.get(1..)?);
    Some(if args.is_empty() { kind.to_string() } else { format!("{kind}({})", args.join(", ")) })
}

/// True if something comes into the first parameter of a node.
pub fn takes(signatures: &mut Signatures, kind: &str) -> bool {
    let first = params(signatures, kind).flatten().and_then(|params| params.into_iter().next());
    first.is_some_and(|first| first.default.is_none() && first.rate != Rate::Control)
}

/// The parameters of a node, `None` inside if it is no function. `Rate::Audio` for those that are called `x`.
fn params(signatures: &mut Signatures, kind: &str) -> Option<Option<Vec<Parameter>>> {
    let topic = *topic::find(kind).first()?;
    let pattern = matches!(topic.category.as_str(), "patterns" | "harmony");
    let signature = signatures.global(kind, pattern)?;
    Some(signature.function.then(|| signature.params.clone()))
}

/// What is given for the parameters behind the first input, as arguments.
fn given(kind: &str, params: &[Parameter]) -> Vec<String> {
    // Fields have names that only a voice knows.
    if kind == "with" {
        return Vec::new();
    }
    let example = example(kind);
    let mut args = Vec::new();
    let mut in_order = true;
    for (i, param) in params.iter().enumerate() {
        let shown = example.iter().find(|(name, place, _)| match name {
            Some(name) => *name == param.name,
            None => *place == i,
        });
        let value = match shown {
            Some((_, _, value)) => Some(value.clone()),
            None if param.default.is_none() => Some(needed(kind, param)),
            None => None,
        };
        let Some(value) = value else {
            in_order = false;
            continue;
        };
        let required = param.default.is_none();
        // The first two speak for themselves; what comes behind, or out of order, says its name.
        if in_order && (required || i == 0) { args.push(value) } else { args.push(format!("{}: {value}", param.name)) }
    }
    args
}

/// A value for a parameter that has none.
fn needed(kind: &str, param: &Parameter) -> String {
    let value = match (param.name.as_str(), param.unit.as_str()) {
        ("voice", _) => "organ",
        ("f" | "g", _) => "rev",
        ("each", _) => "k => k",
        ("gate" | "trig", _) => "lfsquare(2hz)",
        ("n" | "k" | "times", _) => "4",
        ("name", _) if kind == "kit" => "'tr909'",
        ("name", _) if kind == "scale" => "minor",
        ("name", _) => "'x'",
        ("root", _) => "c4",
        ("scale", _) => "minor",
        (_, "hz") => "220hz",
        (_, "s") => "200ms",
        (_, "db") => "-6db",
        _ if param.rate == Rate::Audio => "0",
        _ => "1",
    };
    value.to_string()
}

/// The constant arguments of a node in its example: name, place behind the first input, text.
fn example(kind: &str) -> Vec<(Option<String>, usize, String)> {
    let Some(text) = topic::find(kind).first().and_then(|topic| topic.examples.first().cloned()) else {
        return Vec::new();
    };
    let Some(expr) = parse_expr(FileId(0), &text).0 else { return Vec::new() };
    let (mut found, mut piped) = (None, Vec::new());
    visit::expr_and_below(&expr, &mut |expr| match &expr.kind {
        ExprKind::Pipe { right, .. } => piped.push(head(right).span),
        ExprKind::Call { callee, args } if found.is_none() => {
            if matches!(&callee.kind, ExprKind::Name(name) if name == kind) {
                found = Some((expr.span, args.clone()));
            }
        }
        _ => {}
    });
    let Some((span, args)) = found else { return Vec::new() };
    let mut signatures = Signatures::default();
    // Without a pipe the first argument is the input itself.
    let skip = usize::from(takes(&mut signatures, kind) && !piped.contains(&span));
    let mut place = 0;
    let mut out = Vec::new();
    for arg in &args {
        let name = arg.name.as_ref().map(|name| name.name.clone());
        let at = place;
        place += usize::from(name.is_none());
        if constant(&arg.value) && (name.is_some() || at >= skip) {
            let value = text[arg.value.span.start as usize..arg.value.span.end as usize].to_string();
            out.push((name, at.saturating_sub(skip), value));
        }
    }
    out
}

/// The first call of a stage.
fn head(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Binary { left, .. } => head(left),
        _ => expr,
    }
}

fn constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { .. } | ExprKind::Note(_) | ExprKind::Text(_) => true,
        ExprKind::Unary { op: UnaryOp::Neg, x } => constant(x),
        ExprKind::Array(items) => items.iter().all(constant),
        _ => false,
    }
}

/// A name for a new node that nothing in the text has: `lpf1`, `lpf2`.
pub fn fresh(text: &str, kind: &str) -> String {
    let stem = operator(kind).map_or_else(|| kind.rsplit('.').next().unwrap_or(kind), |(_, word, _)| word);
    let words: std::collections::HashSet<&str> =
        tokens(text).filter(|token| !matches!(token.kind, Kind::Comment | Kind::Doc)).map(|t| t.text(text)).collect();
    let dash = if stem.ends_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
    let free = |name: &String| {
        !words.contains(name.as_str())
            && note_number(name).is_none()
            && !is_reserved(name)
            && topic::find(name).is_empty()
            // An unclosed quote may hold anything.
            && !words.iter().any(|word| word.len() > 24 && word.contains(name.as_str()))
    };
    (1..).map(|n| format!("{stem}{dash}{n}")).find(free).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_runtime::compiler::lang::parse;
    use modurust_runtime::compiler::lang::source::Source;

    #[test]
    fn a_new_node_has_the_values_of_its_example() {
        let mut signatures = Signatures::default();
        let mut one = |kind: &str, source| statement(&mut signatures, kind, "n", source).unwrap();
        assert_eq!(one("lpf", Some("osc")), "n = lpf(osc, 800hz, q: 2)");
        assert_eq!(one("lpf", None), "n = lpf(0, 800hz, q: 2)");
        assert!(one("saw", None).starts_with("n = saw(1"), "{}", one("saw", None));
        assert_eq!(one("noise", None), "n = noise");
        assert_eq!(one("mono", Some("line")), "n = mono(line, organ)");
        assert_eq!(one("kit", None), "n = kit(\"0 3 5 7\", 'tr909')");
        assert_eq!(one("track", None), "track n = 0");
        assert_eq!(stage(&mut signatures, "lpf").unwrap(), "lpf(800hz, q: 2)");
    }

    #[test]
    fn every_node_of_the_library_can_be_written() {
        let mut signatures = Signatures::default();
        let listed =
            topic::all().iter().filter(|topic| topic.category != topic::PRIMITIVES && !topic.name.contains('.'));
        for topic in listed.filter(|topic| !is_constant(&topic.name) && !is_reserved(&topic.name)) {
            let text = statement(&mut signatures, &topic.name, "n", Some("osc")).unwrap();
            let read = parse(FileId(0), &Source::new("", &*text));
            assert!(read.diagnostics.is_empty(), "{text}: {:?}", read.diagnostics[0].message);
        }
    }

    #[test]
    fn new_names_are_free() {
        assert_eq!(fresh("lpf1 = 1\n// lpf2\n", "lpf"), "lpf2");
        assert_eq!(fresh("", "b"), "b10", "b1 to b9 are notes");
        assert_eq!(fresh("", "svf2"), "svf2_1");
    }
}
