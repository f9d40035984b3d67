//! Patterns: literals, what else may stand for one, and patterns held as signals.
//!
//! Wherever a pattern is wanted, a number is one that never changes, an array is a sequence, a ramp is a slow signal, and an
//! oscillator of the library without arguments (`saw`) is one period a cycle, from 0 to 1. The functions over patterns are in
//! `pattern_fns` and `harmony`.

use crate::front::elab::Elab;
use crate::front::number;
use crate::front::scope::ScopeId;
use crate::front::timeline::curve_of;
use crate::front::value::*;
use crate::graph::*;
use crate::program::{FieldSource, Unit, UnitField, UnitKind};
use crate::score::timeline::Length;
use crate::score::{self, Operator, PatId, Signal};
use modurust_lang::ast::{self, BinaryOp, Expr};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;
use std::sync::Arc;

impl<'a> Elab<'a> {
    /// `"bd*2 sn"`
    pub(super) fn pattern_literal(&mut self, text: &str, text_start: u32) -> Value<'a> {
        let (mini, errors) = modurust_lang::pattern::parse(text);
        let mut broken = false;
        for error in errors {
            let span = error.span.shift(text_start);
            let diagnostic = if error.is_error() {
                broken = true;
                self.error("pattern", span, error.message)
            } else {
                self.warn("pattern", span, error.message)
            };
            diagnostic.help = error.help;
        }
        if broken {
            return Value::Broken;
        }
        let place = (self.at.file, self.at.offset + text_start);
        let next = self.patterns.len() as u32;
        let origin = *self.literal_ids.entry(place).or_insert(next);
        if origin == next {
            self.patterns.push(place);
        }
        // Chance depends on the binding and not on the place in the file; the same text again is another chance.
        let path = mix(hash_text(&self.binding), hash_text(text));
        let path = match self.occurrence(path) {
            0 => path,
            n => mix(path, n),
        };
        let pattern = self.score.mini(&mini, origin, path);
        let complaints = self.score.take_complaints();
        for complaint in &complaints {
            let span = complaint.span.shift(text_start);
            self.error("pattern", span, complaint.message.clone()).help = complaint.help.clone();
        }
        if complaints.is_empty() { Value::Pat(pattern) } else { Value::Broken }
    }

    /// How often a key was asked for before: what tells equal things in one binding apart.
    pub(super) fn occurrence(&mut self, key: u64) -> u64 {
        self.counted.push(key);
        let count = self.occurrences.entry(key).or_insert(0);
        *count += 1;
        *count - 1
    }

    /// `a ~> b over 8bars exp`
    pub(super) fn eval_ramp(
        &mut self,
        scope: ScopeId,
        from: &'a Expr,
        to: &'a Expr,
        over: Option<&'a Expr>,
        curve: ast::Curve,
    ) -> Value<'a> {
        let from_value = self.eval(scope, from);
        let to_value = self.eval(scope, to);
        let over = match over {
            None => None,
            Some(expr) => match self.length(scope, expr) {
                Some(length) => Some(length),
                None => return Value::Broken,
            },
        };
        match (from_value, to_value) {
            (Value::Broken, _) | (_, Value::Broken) => Value::Broken,
            (Value::Num(from), Value::Num(to)) => Value::Line { from, to, over, curve },
            _ => {
                self.error("type", from.span.to(to.span), "a ramp goes from number to number").help =
                    Some("write `200hz ~> 2khz over 8bars`".into());
                Value::Broken
            }
        }
    }

    /// An expression as a pattern, outside any session.
    pub(super) fn pattern_of(&mut self, expr: &'a Expr) -> Option<PatId> {
        let scope = self.root;
        let value = self.eval(scope, expr);
        self.pattern(value, expr.span)
    }

    /// A length in bars; a plain number counts cycles.
    pub(super) fn bars(&self, num: Num) -> f64 {
        let per_bar = || self.beats_per_bar().to_f64();
        match num.dim {
            Dim::Beats => num.value / per_bar(),
            Dim::Time => num.value / self.clock().beat() / per_bar(),
            _ => num.value,
        }
    }

    /// A value as a pattern; an error is reported if it cannot be one.
    pub(super) fn pattern(&mut self, value: Value<'a>, span: Span) -> Option<PatId> {
        match value {
            Value::Pat(pattern) => Some(pattern),
            Value::Num(num) => {
                let value = match num.dim {
                    Dim::Frequency => score::Value::Freq(num.value),
                    Dim::Pitch => score::Value::Note(num.value),
                    _ => score::Value::Num(number::canonical(num, self.clock()).value),
                };
                Some(self.score.pure(value))
            }
            Value::Line { from, to, over, curve } => {
                let (a, b) = (number::canonical(from, self.clock()), number::canonical(to, self.clock()));
                let bars = over.unwrap_or(Length::BAR).bars(self.bars_per_second());
                let curve = curve_of(curve, from.dim);
                Some(self.score.ramp(a.value, b.value, bars, curve))
            }
            Value::Array(items) => {
                let parts = items.iter().map(|item| self.pattern(item.clone(), span)).collect::<Option<Vec<_>>>()?;
                Some(self.score.fastcat(&parts))
            }
            Value::Fn(f) if f.origin.library && wave(f.name).is_some() => {
                wave(f.name).map(|signal| self.score.signal(signal, 0))
            }
            Value::Broken => None,
            other => {
                let article = other.article();
                let help = match other {
                    Value::Sig(_) => "patterns come in double quotes: `\"0 3 7\" >> fast(2) >> mono(acid)`",
                    _ => "write a pattern in double quotes",
                };
                self.error("type", span, format!("this wants a pattern, got {article}")).help = Some(help.into());
                None
            }
        }
    }

    /// `a + b` where one side is a pattern: the structure comes from the left.
    pub(super) fn pattern_binary(
        &mut self,
        op: BinaryOp,
        l: (Value<'a>, Span),
        r: (Value<'a>, Span),
        span: Span,
    ) -> Value<'a> {
        let op = match op {
            BinaryOp::Add => Operator::Add,
            BinaryOp::Sub => Operator::Sub,
            BinaryOp::Mul => Operator::Mul,
            BinaryOp::Div => Operator::Div,
            BinaryOp::Pow => Operator::Pow,
            BinaryOp::Lt => Operator::Lt,
            BinaryOp::Le => Operator::Le,
            BinaryOp::Gt => Operator::Gt,
            BinaryOp::Ge => Operator::Ge,
            BinaryOp::Eq => Operator::Eq,
            BinaryOp::Ne => Operator::Ne,
            BinaryOp::And => Operator::And,
            BinaryOp::Or => Operator::Or,
            BinaryOp::Range => {
                self.error("type", span, "a range goes from number to number").help =
                    Some("write `>> range(0, 7)` to scale a signal, `\"0 .. 7\"` to count".into());
                return Value::Broken;
            }
        };
        let (Some(a), Some(b)) = (self.pattern_operand(l), self.pattern_operand(r)) else { return Value::Broken };
        Value::Pat(self.score.binop(op, a, b))
    }

    /// An interval or note in arithmetic counts semitones.
    pub(super) fn pattern_operand(&mut self, operand: (Value<'a>, Span)) -> Option<PatId> {
        match operand.0 {
            Value::Num(num) if matches!(num.dim, Dim::Interval | Dim::Pitch) => {
                Some(self.score.pure(score::Value::Num(num.value)))
            }
            value => self.pattern(value, operand.1),
        }
    }

    /// A pattern as a signal: each value is held until the next. `freq` makes notes frequencies.
    pub(super) fn hold(&mut self, pattern: PatId, freq: bool) -> Sig {
        let source = if freq { FieldSource::Freq } else { FieldSource::Value };
        let node = self.hold_of(pattern, "hold", UnitField { source, default: 0.0 });
        Sig { node, shape: Shape::MONO, dim: if freq { Dim::Frequency } else { Dim::None } }
    }

    /// The row of one field that a pattern, or what comes from outside, steps.
    pub(super) fn hold_of(&mut self, pattern: PatId, label: &'static str, field: UnitField) -> NodeId {
        let frame = self.graph.frame(self.frame, label, false, 0);
        let unit = Unit {
            path: self.graph.path(frame),
            frame,
            kind: UnitKind::Hold,
            voices: 1,
            pattern,
            word: None,
            choke: None,
            live: 0,
            mpe: false,
            outlet: None,
            swings: false,
            fields: vec![field],
        };
        self.units.push(unit);
        self.row(0, 1)
    }

    /// A row of the unit that was added last.
    pub(super) fn row(&mut self, field: u32, lanes: u32) -> NodeId {
        let unit = self.units.len() as u32 - 1;
        Arc::make_mut(&mut self.graph.rows).push(Row { unit, field, lanes });
        let row = RowId(self.graph.rows.len() as u32 - 1);
        self.graph.push(Node::Row(row))
    }
}

/// The pattern that an oscillator of the library stands for.
fn wave(name: &str) -> Option<Signal> {
    match name {
        "saw" => Some(Signal::Saw),
        "tri" => Some(Signal::Tri),
        "square" => Some(Signal::Square),
        "sin" => Some(Signal::Sine),
        "cos" => Some(Signal::Cosine),
        _ => None,
    }
}
