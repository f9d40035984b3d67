//! How a function is called, as ports need it: names, units, ranges and defaults of its parameters, and what it is for.
//!
//! What the library and the text define has trees; what the compiler has built in says it in a line, which is taken apart.

use super::graph::{Category, Rate};
use modurust_runtime::compiler::ide::topic::{self, Topic};
use modurust_runtime::compiler::ide::{Document, Target};
use modurust_runtime::compiler::lang::ast::{Def, Expr, ExprKind, Item, Param, UnaryOp};
use modurust_runtime::compiler::lang::library::library;
use modurust_runtime::compiler::lang::parse::parse_expr;
use modurust_runtime::compiler::lang::print::print_expr;
use modurust_runtime::compiler::lang::source::FileId;
use modurust_runtime::compiler::lang::units::Unit;
use std::collections::HashMap;
use std::sync::Arc;

/// How a function is called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// Its parameters, in order.
    pub params: Vec<Parameter>,
    /// What it is for.
    pub category: Category,
    /// More arguments of the kind of the last may follow.
    pub more: bool,
    /// True if it must be called to be anything: it has parameters.
    pub function: bool,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `hz`, `s`; empty for a plain number or a signal.
    pub unit: String,
    /// As it is written.
    pub default: Option<String>,
    /// Lowest, highest, in even ratios. In hertz, seconds and so on.
    pub range: Option<(f64, f64, bool)>,
    /// What flows in.
    pub rate: Rate,
}

/// Signatures that were asked for.
#[derive(Default)]
pub struct Signatures {
    known: HashMap<String, Option<Arc<Signature>>>,
}

impl Signatures {
    /// The signature of what a word stands for, if that is known without evaluating. `piped` tells a sound from a pattern where a name
    /// means both: true if what comes in is a pattern.
    pub fn of(&mut self, document: &Document, target: &Target, pattern: bool) -> Option<Arc<Signature>> {
        match target {
            Target::Statement(number) => of_item(&document.stmts.get(*number)?.item).map(Arc::new),
            Target::Used(file, number) => {
                of_item(&document.used.get(*file)?.document.stmts.get(*number)?.item).map(Arc::new)
            }
            Target::Global(name) => self.global(name, pattern),
            _ => None,
        }
    }

    /// The signature of something that is always there.
    pub fn global(&mut self, name: &str, pattern: bool) -> Option<Arc<Signature>> {
        // Asked first: all topics are looked through otherwise.
        let key = format!("{name} {pattern}");
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let topics = topic::find(name);
        let of_patterns = |topic: &&&Topic| matches!(topic.category.as_str(), "patterns" | "harmony" | "time");
        let topic = match topics.iter().find(|topic| of_patterns(topic) == pattern) {
            Some(topic) => *topic,
            None => *topics.first()?,
        };
        let listed = Category::of(&topic.category);
        let entry = if topic.home.starts_with("std/") {
            library().find(&topic.name).filter(|entry| topic.home.ends_with(entry.module))
        } else {
            None
        };
        let found = match entry.map(|entry| &*entry.stmt().item) {
            Some(Item::Def(def)) => Signature { category: listed, ..of_def(def) },
            _ => of_topic(topic, listed),
        };
        let found = Some(Arc::new(found));
        self.known.insert(key, found.clone());
        found
    }
}

fn of_item(item: &Item) -> Option<Signature> {
    match item {
        Item::Def(def) => Some(of_def(def)),
        _ => None,
    }
}

/// The category of a definition of the text is found by who looks into it.
fn of_def(def: &Def) -> Signature {
    let params = def.params.as_deref().unwrap_or(&[]);
    Signature {
        params: params.iter().map(of_param).collect(),
        category: Category::Control,
        more: false,
        // `noise()` may be written `noise`, and is a source either way.
        function: !params.is_empty() || matches!(def.body.kind, ExprKind::Lambda { .. }),
    }
}

fn of_param(param: &Param) -> Parameter {
    let named = param.ty.as_ref().map_or("", |(ty, _)| ty.name.as_str());
    let default = param.default.as_ref().map(print_expr);
    let range = param.range.as_ref().and_then(|range| Some((number(&range.low)?.0, number(&range.high)?.0, range.log)));
    let unit = match named {
        "sig" | "" => param.default.as_ref().and_then(number).map_or("", |(_, unit)| unit),
        named => named,
    };
    let audio = matches!(param.name.name.as_str(), "x" | "in" | "a" | "b" | "left" | "right" | "side" | "input");
    let rate = if audio && unit.is_empty() && default.is_none() { Rate::Audio } else { Rate::Control };
    Parameter { name: param.name.name.clone(), unit: unit.to_string(), default, range, rate }
}

/// The value of a number in its base unit, and the name of that.
pub fn number(expr: &Expr) -> Option<(f64, &'static str)> {
    match &expr.kind {
        ExprKind::Number { value, unit, .. } => {
            let (scale, base) = unit.map_or((1.0, ""), base);
            Some((value * scale, base))
        }
        ExprKind::Unary { op: UnaryOp::Neg, x } => number(x).map(|(value, unit)| (-value, unit)),
        _ => None,
    }
}

/// How many of its base unit a unit is, and the base.
pub fn base(unit: Unit) -> (f64, &'static str) {
    match unit {
        Unit::Percent => (0.01, ""),
        Unit::Hz => (1.0, "hz"),
        Unit::Khz => (1000.0, "hz"),
        Unit::Second => (1.0, "s"),
        Unit::Millisecond => (0.001, "s"),
        Unit::Microsecond => (1e-6, "s"),
        Unit::Octave => (12.0, "st"),
        Unit::Semitone => (1.0, "st"),
        Unit::Cent => (0.01, "st"),
        other => (1.0, other.spelling()),
    }
}

/// From the line that says how a function of the compiler is called.
fn of_topic(topic: &Topic, category: Category) -> Signature {
    let mut signature = Signature { category, function: topic.is_function(), ..Signature::default() };
    for at in topic.params() {
        let text = &topic.signature[at.clone()];
        if text == ".." {
            signature.more = true;
            continue;
        }
        let name = match topic.param_name(&at) {
            Some(name) => name.to_string(),
            // `k => ..`, `'tr909'`: an argument without a name, called by what it is.
            None if text.contains("=>") => "each".to_string(),
            None if text.starts_with('\'') => "name".to_string(),
            None => "value".to_string(),
        };
        let rest = text[name.len().min(text.len())..].trim_start();
        let default = rest.strip_prefix(['=', ':']).map(|value| value.trim().to_string());
        let default = default.filter(|value| parse_expr(FileId(0), value).0.is_some() && !value.contains("value"));
        let unit = default
            .as_ref()
            .and_then(|value| parse_expr(FileId(0), value).0)
            .and_then(|expr| number(&expr).map(|(_, unit)| unit));
        let rate = match name.as_str() {
            "pattern" => Rate::Event,
            "x" => Rate::Audio,
            _ => Rate::Control,
        };
        let unit = unit.unwrap_or_default().to_string();
        signature.params.push(Parameter { name, unit, default, range: None, rate });
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_names_units_ranges_and_defaults() {
        let mut signatures = Signatures::default();
        let lpf = signatures.global("lpf", false).unwrap();
        assert_eq!(lpf.category, Category::Filter);
        let names: Vec<&str> = lpf.params.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["x", "freq", "q"]);
        assert_eq!(lpf.params[0].rate, Rate::Audio);
        assert_eq!(lpf.params[1].range, Some((20.0, 20_000.0, true)));
        assert_eq!((lpf.params[1].unit.as_str(), lpf.params[1].default.as_deref()), ("hz", Some("1khz")));
        assert_eq!(signatures.global("echo", true).unwrap().params[0].rate, Rate::Event);
        assert_eq!(signatures.global("echo", false).unwrap().params[0].name, "x");
        let mono = signatures.global("mono", true).unwrap();
        let names: Vec<&str> = mono.params.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["pattern", "voice", "glide"]);
        assert_eq!((mono.category, mono.params[2].unit.as_str()), (Category::Oscillator, "s"));
        assert!(signatures.global("cat", true).unwrap().more);
        assert!(!signatures.global("sine", true).unwrap().function);
        assert!(signatures.global("nothing_such", false).is_none());
    }
}
