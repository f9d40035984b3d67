//! Numbers that hands have moved, written into the text.
//!
//! `bass.cutoff` is the argument, the definition or the ramp of that name in the statement `bass`; its literal is written anew in the unit that
//! it has. A strip's `level`, `pan` and `mute` have no literal: they become, or change, an automation of one point, which is how the
//! language says where a fader stands. An automation of several points is a movement, and stays.

use crate::repl::buffer;
use modurust_runtime::compiler::lang::ast::{Def, Expr, ExprKind, Item};
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use modurust_runtime::compiler::lang::units::{Dim, Unit};
use modurust_runtime::compiler::lang::{FileId, Source, parse, visit};
use modurust_runtime::feedback::Feedback;
use std::collections::BTreeMap;

/// What came of it.
#[derive(Debug, Default, PartialEq)]
pub struct Baked {
    /// The text with the numbers in it.
    pub text: String,
    /// Names that stand nowhere in the text.
    pub left: Vec<String>,
}

/// Writes numbers into a text.
pub fn bake(text: &str, feedback: &Feedback, moved: &BTreeMap<String, f32>) -> Baked {
    let mut baked = Baked { text: text.to_string(), left: Vec::new() };
    for (name, value) in moved {
        let fader = name.rsplit_once('.').filter(|(strip, part)| {
            matches!(*part, "level" | "pan" | "mute") && feedback.levels.iter().any(|level| level.name == *strip)
        });
        let written = match fader {
            Some((_, part)) => fade(&baked.text, name, part, *value),
            None => number(&baked.text, name, *value),
        };
        match written {
            Some(text) => baked.text = text,
            None => baked.left.push(name.clone()),
        }
    }
    baked
}

/// An automation of one point.
fn fade(text: &str, name: &str, part: &str, value: f32) -> Option<String> {
    let value = if part == "level" { decibels(value) } else { plain(f64::from(value), 3) };
    let parsed = parse::parse(FileId(0), &Source::new("", text));
    let automation = parsed.stmts.iter().find_map(|stmt| match &*stmt.item {
        Item::Automate { path, points }
            if path.iter().map(|word| word.name.as_str()).collect::<Vec<_>>().join(".") == name =>
        {
            Some((stmt.offset, points))
        }
        _ => None,
    });
    match automation {
        Some((offset, points)) => {
            let [(_, point, _)] = points.as_slice() else { return None };
            splice(text, point, offset, value)
        }
        None => Some(buffer::with(text, None, &format!("automate {name} {{ 0bar: {value} }}"))),
    }
}

/// A literal with a name.
fn number(text: &str, name: &str, value: f32) -> Option<String> {
    let mut path = name.split('.');
    let (binding, word) = (path.next()?, path.next_back());
    let parsed = parse::parse(FileId(0), &Source::new("", text));
    let stmt = parsed.stmts.iter().find(|stmt| stmt.item.name().is_some_and(|name| name.name == binding))?;
    let mut found: Vec<&Expr> = Vec::new();
    match word {
        None => found.extend(visit::roots(&stmt.item)),
        Some(word) => visit::exprs(&stmt.item, &mut |expr| match &expr.kind {
            ExprKind::Call { args, .. } => {
                let named = args.iter().filter(|arg| arg.name.as_ref().is_some_and(|name| name.name == word));
                found.extend(named.map(|arg| &arg.value));
            }
            ExprKind::Block { defs, .. } => found.extend(named(defs, word)),
            _ => {}
        }),
    }
    let literal = found.iter().find_map(|expr| literal(expr))?;
    let ExprKind::Number { value: old, unit, .. } = literal.kind else { return None };
    splice(text, literal, stmt.offset, written(f64::from(value), old, unit)?)
}

fn named<'a>(defs: &'a [Def], word: &str) -> Option<&'a Expr> {
    defs.iter().find(|def| def.name.name == word).map(|def| &def.body)
}

/// The number itself, or the first argument of `knob`.
fn literal(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Number { .. } => Some(expr),
        ExprKind::Call { callee, args } if matches!(&callee.kind, ExprKind::Name(name) if name == "knob") => {
            args.first().and_then(|arg| literal(&arg.value))
        }
        _ => None,
    }
}

fn splice(text: &str, expr: &Expr, offset: u32, with: String) -> Option<String> {
    let span = expr.span.shift(offset);
    Edit { splices: vec![Splice { range: span.start as usize..span.end as usize, text: with }] }.apply(text)
}

/// A value as code has it, in the unit that its literal had; a length in beats moves with the tempo and has no such value.
pub fn written(value: f64, old: f64, unit: Option<Unit>) -> Option<String> {
    let scale = match unit {
        None => 1.0,
        Some(Unit::Decibel) => return Some(decibels(value as f32)),
        Some(Unit::Percent) => 100.0,
        Some(Unit::Khz) => 1e-3,
        Some(Unit::Millisecond) => 1e3,
        Some(Unit::Microsecond) => 1e6,
        Some(Unit::Cent) => 100.0,
        Some(Unit::Octave) => 1.0 / 12.0,
        Some(Unit::Degree) => 180.0 / std::f64::consts::PI,
        Some(Unit::Hz | Unit::Second | Unit::Semitone | Unit::Bpm) => 1.0,
        Some(unit) if unit.dim() == Dim::Beats => return None,
        Some(_) => return None,
    };
    // As many digits as a hand can tell apart, and no fewer than were written.
    let digits = 3 + old.abs().max(value.abs()).max(1e-9).log10().floor().min(0.0).abs() as usize;
    Some(format!("{}{}", plain(value * scale, digits), unit.map_or("", Unit::spelling)))
}

/// A gain as decibels, to a tenth.
pub fn decibels(gain: f32) -> String {
    if gain <= 1e-5 { "-100db".into() } else { format!("{}db", plain(f64::from(20.0 * gain.log10()), 1)) }
}

/// A number without zeros behind it that say nothing.
pub fn plain(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baked(text: &str, name: &str, value: f32) -> Baked {
        bake(text, &Feedback::default(), &[(name.to_string(), value)].into())
    }

    #[test]
    fn a_number_keeps_its_unit() {
        for (text, name, value, new) in [
            ("a = lpf(saw(1), cutoff: 1.2khz)\n", "a.cutoff", 1300.0, "a = lpf(saw(1), cutoff: 1.3khz)\n"),
            ("a = {\n  x = 20ms\n  saw(x)\n}\n", "a.x", 0.035, "a = {\n  x = 35ms\n  saw(x)\n}\n"),
            ("x = knob(30%, 0..1)\n", "x", 0.5, "x = knob(50%, 0..1)\n"),
            ("x = -3\n", "y", 0.5, "x = -3\n"),
        ] {
            assert_eq!(baked(text, name, value).text, new);
        }
        assert_eq!(baked("a = 1\n", "b.c", 1.0).left, ["b.c"]);
    }

    #[test]
    fn decibels_are_told_to_a_tenth() {
        assert_eq!([decibels(1.0), decibels(0.5), decibels(0.0)], ["0db", "-6db", "-100db"]);
    }
}
