//! Numbers of the text as knobs: where in its range a literal stands, and how it is written when it is turned.
//!
//! A number keeps the unit that it was written with, and is written as short as its three digits allow: `1.2khz` becomes `1.3khz`,
//! never `1300hz` or `1.2999999khz`. Where the library says no range, a knob goes from nothing to four times the value.

use super::graph::Port;
use super::signature::base;
use modurust_runtime::compiler::lang::ast::{Expr, ExprKind, UnaryOp};
use modurust_runtime::compiler::lang::parse::parse_expr;
use modurust_runtime::compiler::lang::source::FileId;
use modurust_runtime::compiler::lang::units::Unit;

/// A number as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// In its own unit.
    pub value: f64,
    /// `khz`; empty for a plain number. As it was written.
    pub unit: String,
    /// How many base units its unit is.
    pub scale: f64,
    /// The base unit.
    pub base: &'static str,
}

impl Literal {
    /// Reads `-6db`, `1.2khz`, `0.5`; `None` for notes and what is no number.
    pub fn read(text: &str) -> Option<Literal> {
        let expr = parse_expr(FileId(0), text).0?;
        fn number(expr: &Expr) -> Option<(f64, Option<Unit>)> {
            match &expr.kind {
                ExprKind::Number { value, unit, .. } => Some((*value, *unit)),
                ExprKind::Unary { op: UnaryOp::Neg, x } => number(x).map(|(value, unit)| (-value, unit)),
                _ => None,
            }
        }
        let (value, unit) = number(&expr)?;
        let (scale, base) = unit.map_or((1.0, ""), base);
        let written = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic() && c != '%');
        // `1e-3s` has a letter that is no unit.
        let unit = unit.map_or("", |unit| if Unit::parse(written) == Some(unit) { written } else { unit.spelling() });
        Some(Literal { value, unit: unit.to_string(), scale, base })
    }

    /// The same number with another value, as it is written.
    pub fn with(&self, value: f64) -> String {
        format!("{}{}", short(value), self.unit)
    }
}

/// A number with three digits that count, as short as it can be.
pub fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_string();
    }
    let digits = value.abs().log10().floor();
    let grain = 10f64.powf(digits - 2.0).min(1.0);
    let rounded = (value / grain).round() * grain;
    let decimals = (2.0 - digits).clamp(0.0, 9.0) as usize;
    let text = format!("{rounded:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// A knob.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// The number that it turns.
    pub literal: Literal,
    /// Ends of its travel, in the unit of the literal.
    pub low: f64,
    /// The other end.
    pub high: f64,
    /// Even ratios instead of even steps.
    pub log: bool,
}

impl Knob {
    /// The knob of a port whose literal has this text.
    pub fn of(port: &Port, text: &str) -> Option<Knob> {
        let literal = Literal::read(text)?;
        let fits = |unit: &str| unit == literal.base || literal.base.is_empty() && unit.is_empty();
        let (low, high, log) = match port.range {
            Some((low, high, log)) if fits(&port.unit) => (low / literal.scale, high / literal.scale, log),
            _ => match literal.unit.as_str() {
                "db" => (-60.0, 12.0, false),
                "%" => (0.0, 100.0, false),
                "hz" | "khz" => (20.0 / literal.scale, 20_000.0 / literal.scale, true),
                _ if literal.value < 0.0 => (4.0 * literal.value, -4.0 * literal.value, false),
                _ if literal.value == 0.0 => (0.0, 1.0, false),
                _ => (0.0, 4.0 * literal.value, false),
            },
        };
        let (low, high) = (low.min(literal.value), high.max(literal.value));
        let log = log && low > 0.0;
        (high > low).then_some(Knob { literal, low, high, log })
    }

    /// Where it stands, 0 to 1.
    pub fn position(&self) -> f64 {
        let value = self.literal.value;
        match self.log {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    /// The text of the number with the knob at a position.
    pub fn at(&self, position: f64) -> String {
        let t = position.clamp(0.0, 1.0);
        let value = match self.log {
            true => self.low * (self.high / self.low).powf(t),
            false => self.low + (self.high - self.low) * t,
        };
        self.literal.with(value)
    }

    /// The text of the number some steps on: a hundredth of the travel each, but never less than shows.
    pub fn stepped(&self, steps: f64) -> String {
        let now = self.literal.with(self.literal.value);
        (1..40).map(|n| self.at(self.position() + steps * 0.01 * f64::from(n))).find(|text| *text != now).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::hex::graph::{Reader, Value};
    use crate::window::hex::properties::read_with;

    #[test]
    fn numbers_keep_their_unit_and_are_short() {
        let with = |text: &str, value: f64| Literal::read(text).unwrap().with(value);
        assert_eq!(with("1.2khz", 1.3), "1.3khz");
        assert_eq!(with("1.2khz", 1.299_999_9), "1.3khz");
        assert_eq!(with("800hz", 952.38), "952hz");
        assert_eq!(with("-6db", -7.256), "-7.26db");
        assert_eq!(with("2", 0.001_234_5), "0.00123");
        assert_eq!(with("8bars", 16.0), "16bars");
        assert_eq!(with("440hz", 12_345.6), "12346hz");
        assert_eq!(with("1", 0.0), "0");
        assert!(Literal::read("c4").is_none() && Literal::read("x + 1").is_none());
    }

    #[test]
    fn knobs_go_through_the_range_of_the_library() {
        let text = "a = lpf(0, 1.2khz, q: 2) * -6db\n";
        let patch = read_with(&mut Reader::default(), text);
        let hex = patch.whole.hex("a").unwrap();
        let knob = |name: &str| {
            let port = hex.ports.iter().find(|port| port.name == name).unwrap();
            let Value::Literal(at) = &port.value else { panic!("{port:?}") };
            Knob::of(port, &text[at.clone()]).unwrap()
        };
        let freq = knob("freq");
        assert_eq!((freq.low, freq.high, freq.log), (0.02, 20.0, true));
        assert_eq!((freq.at(0.0), freq.at(1.0)), ("0.02khz".to_string(), "20khz".to_string()));
        assert!((freq.position() - 0.592_7).abs() < 1e-3, "{}", freq.position());
        assert_eq!(freq.stepped(1.0), "1.29khz");
        assert_eq!(knob("gain").at(1.0), "12db");
        // A knob of a whole number moves, however small the step.
        let step = knob("q");
        assert_ne!(step.stepped(0.01), "2");
    }
}
