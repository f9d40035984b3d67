//! Expressions: pest's flat lists to our tree.
//!
//! The grammar delivers an expression as one list of operands, their suffixes (calls, fields, primes) and
//! operators; here it is put in order by precedence climbing, with the table of [`crate::operators`]. This costs one pair per token
//! where a grammar with a rule per level would cost a dozen. The number of links on any way down the tree is
//! bounded here too.

use crate::ast::*;
use crate::build::{self, Build, Pair, Pairs, next};
use crate::operators::{find, level, level_of};
use crate::parse::{Built, Rule};
use crate::recover;
use crate::source::Span;
use crate::units::Unit;
use std::iter::Peekable;
use std::sync::Arc;

type Ops<'a> = Peekable<Pairs<'a>>;

/// Links on the way from a statement to its deepest leaf: every walker of the tree recurses, on stacks that are not
/// ours.
const MAX_LINKS: usize = 600;

/// The curve of its word.
pub(crate) fn curve(word: &str) -> Curve {
    match word {
        "exp" => Curve::Exp,
        "hold" => Curve::Hold,
        "sine" => Curve::Sine,
        "spline" => Curve::Spline,
        _ => Curve::Lin,
    }
}

fn node(kind: ExprKind, span: Span) -> Expr {
    Expr { kind, span }
}

impl Build<'_> {
    /// An expression.
    pub fn expr(&mut self, pair: Pair) -> Built<Expr> {
        let span = self.span(&pair);
        let inner = pair.into_inner();
        let links = inner.len();
        self.links += links;
        if self.links > MAX_LINKS {
            return self.fail(
                "limit",
                Span { start: span.start, end: span.start + 1 },
                format!("this expression is longer than {MAX_LINKS} links"),
                "give a part of it a name of its own and use the name here",
            );
        }
        let built = self.climb(&mut inner.peekable(), 0);
        self.links -= links;
        built
    }

    /// Reads operators that hold at least as tightly as `min`.
    fn climb(&mut self, ops: &mut Ops, min: u8) -> Built<Expr> {
        let mut left = self.prefix(ops)?;
        while let Some(op) = ops.peek() {
            match op.as_rule() {
                Rule::op => {
                    let op = find(op.as_str()).unwrap_or(BinaryOp::Pow);
                    let level = level_of(op);
                    if level < min {
                        break;
                    }
                    ops.next();
                    // `^` alone groups to the right.
                    let right = self.climb(ops, if op == BinaryOp::Pow { level } else { level + 1 })?;
                    let span = left.span.to(right.span);
                    left = node(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span);
                }
                Rule::pipe if min <= level::PIPE => {
                    ops.next();
                    let right = self.climb(ops, level::RAMP)?;
                    let span = left.span.to(right.span);
                    left = node(ExprKind::Pipe { left: Box::new(left), right: Box::new(right) }, span);
                }
                Rule::rampto if min <= level::RAMP => {
                    ops.next();
                    left = self.ramp(left, ops)?;
                }
                _ => break,
            }
        }
        Ok(left)
    }

    fn ramp(&mut self, from: Expr, ops: &mut Ops) -> Built<Expr> {
        let to = self.climb(ops, level::OR)?;
        let mut span = from.span.to(to.span);
        let over = match ops.next_if(|pair| pair.as_rule() == Rule::over) {
            Some(_) => Some(Box::new(self.climb(ops, level::OR)?)),
            None => None,
        };
        if let Some(over) = &over {
            span = span.to(over.span);
        }
        let mut shape = Curve::Lin;
        if let Some(pair) = ops.next_if(|pair| pair.as_rule() == Rule::curve) {
            shape = curve(pair.as_str());
            span = span.to(self.span(&pair));
        }
        Ok(node(ExprKind::Ramp { from: Box::new(from), to: Box::new(to), over, curve: shape }, span))
    }

    fn prefix(&mut self, ops: &mut Ops) -> Built<Expr> {
        let first = ops.next().expect("the grammar puts an operand here");
        if first.as_rule() == Rule::neg {
            let (op, level) = match first.as_str() {
                "-" => (UnaryOp::Neg, level::NEG),
                _ => (UnaryOp::Not, level::NOT),
            };
            let x = self.climb(ops, level)?;
            let span = self.span(&first).to(x.span);
            return Ok(node(ExprKind::Unary { op, x: Box::new(x) }, span));
        }
        if let Some(body) = ops.next_if(|pair| pair.as_rule() == Rule::expr) {
            let span = self.span(&first);
            let params = self.lambda_params(first)?;
            let body = Box::new(self.expr(body)?);
            let span = span.to(body.span);
            return Ok(node(ExprKind::Lambda { params, body }, span));
        }
        let mut x = self.primary(first)?;
        while let Some(suffix) = ops.peek() {
            let end = self.span(suffix);
            let kind = match suffix.as_rule() {
                Rule::call => {
                    let args = next_args(ops).map(|arg| self.arg(arg)).collect::<Built<_>>()?;
                    ExprKind::Call { callee: Box::new(x), args }
                }
                Rule::index => {
                    let index = Box::new(self.expr(next(&mut next_args(ops)))?);
                    ExprKind::Index { base: Box::new(x), index }
                }
                Rule::field => {
                    let name = suffix.as_str()[1..].to_string();
                    ops.next();
                    let name = Ident { name, span: Span { start: end.start + 1, end: end.end } };
                    ExprKind::Field { base: Box::new(x), name }
                }
                Rule::prime => {
                    ops.next();
                    ExprKind::Prime(Box::new(x))
                }
                Rule::expr => {
                    return self.fail(
                        "syntax",
                        end,
                        "left of `=>` stand only the names of what goes in",
                        "write `x => ..` or `(x, k) => ..`",
                    );
                }
                _ => break,
            };
            let span = match &kind {
                ExprKind::Call { callee: base, .. }
                | ExprKind::Index { base, .. }
                | ExprKind::Field { base, .. }
                | ExprKind::Prime(base) => base.span.to(end),
                _ => end,
            };
            x = node(kind, span);
        }
        Ok(x)
    }

    fn arg(&mut self, pair: Pair) -> Built<Arg> {
        let mut inner = pair.into_inner();
        let mut value = next(&mut inner);
        let mut name = None;
        if value.as_rule() == Rule::ident {
            name = Some(self.name(&value)?);
            value = next(&mut inner);
        }
        if let Some(extra) = inner.next() {
            let span = self.span(&extra);
            if extra.as_rule() == Rule::default && name.is_none() {
                let (name, value) = (value.as_str(), next(&mut extra.into_inner()));
                let help = format!("write `{name}: {}`", value.as_str());
                return self.fail("syntax", span, "an argument is named with `:`, not with `=`", help);
            }
            return self.fail(
                "syntax",
                span,
                "only a parameter of a definition has a default or a range",
                "give just the value: `cutoff: 1khz`",
            );
        }
        Ok(Arg { name, value: self.expr(value)? })
    }

    fn lambda_params(&self, pair: Pair) -> Built<Vec<Ident>> {
        let words = match pair.as_rule() {
            Rule::name => return Ok(vec![self.name(&pair)?]),
            Rule::paren => pair.into_inner(),
            _ => return self.bad_lambda(&pair),
        };
        let mut params = Vec::new();
        for word in words {
            let mut parts = word.clone().into_inner();
            let name = next(&mut parts);
            if !matches!(name.as_rule(), Rule::name | Rule::sharp) || !parts.is_empty() {
                return self.bad_lambda(&word);
            }
            params.push(self.name(&name)?);
        }
        Ok(params)
    }

    fn bad_lambda<T>(&self, pair: &Pair) -> Built<T> {
        self.fail(
            "syntax",
            self.span(pair),
            "left of `=>` stand only the names of what goes in",
            "write `x => ..` or `(x, k) => ..`",
        )
    }

    fn primary(&mut self, pair: Pair) -> Built<Expr> {
        let span = self.span(&pair);
        let text = pair.as_str();
        let kind = match pair.as_rule() {
            Rule::name | Rule::sharp => match build::note_number(text) {
                Some(note) => ExprKind::Note(note),
                None if text == "it" => ExprKind::It,
                None => ExprKind::Name(text.to_string()),
            },
            Rule::quantity => return self.quantity(&pair),
            Rule::pattern => {
                let text = Arc::from(&text[1..text.len() - 1]);
                ExprKind::Pattern { text, text_start: span.start + 1 }
            }
            Rule::string => ExprKind::Text(text[1..text.len() - 1].to_string()),
            Rule::paren => {
                let mut inner = pair.into_inner();
                let x = self.expr(next(&mut inner))?;
                if let Some(second) = inner.next() {
                    return self.fail(
                        "syntax",
                        self.span(&second),
                        "round brackets hold one value",
                        "a list is written `[a, b]`; a call's `(` touches the name: `f(a, b)`",
                    );
                }
                // The tree needs no brackets, but the place of the whole is that of the brackets.
                return Ok(node(x.kind, span));
            }
            Rule::array => ExprKind::Array(pair.into_inner().map(|x| self.expr(x)).collect::<Built<_>>()?),
            Rule::block => self.block(pair)?,
            Rule::if_ => {
                let mut inner = pair.into_inner();
                let cond = Box::new(self.expr(next(&mut inner))?);
                let then = Box::new(self.expr(next(&mut inner))?);
                ExprKind::If { cond, then, other: Box::new(self.expr(next(&mut inner))?) }
            }
            _ => ExprKind::Clips(pair.into_inner().map(|clip| self.clip(clip)).collect::<Built<_>>()?),
        };
        Ok(node(kind, span))
    }

    fn block(&mut self, pair: Pair) -> Built<ExprKind> {
        let mut items = pair.into_inner();
        let (mut defs, mut value) = (Vec::new(), None);
        while let Some(item) = items.next() {
            let mut inner = item.into_inner();
            let head = next(&mut inner);
            match inner.next() {
                Some(body) => defs.push(self.def(head, body)?),
                None if items.is_empty() => value = Some(Box::new(self.expr(head)?)),
                // Only the last may be without a name: what follows it was not meant to begin something new.
                None => {
                    let end = head.as_span().end();
                    self.expr(head)?;
                    return self.unexpected(end);
                }
            }
        }
        Ok(ExprKind::Block { defs, value })
    }

    fn clip(&mut self, pair: Pair) -> Built<Clip> {
        let mut inner = pair.into_inner();
        let name = self.name(&next(&mut inner))?;
        let mut clip = Clip { name, value: self.expr(next(&mut inner))?, length: None, then: Vec::new() };
        for part in inner {
            match part.as_rule() {
                Rule::for_ => clip.length = Some(self.expr(next(&mut part.into_inner()))?),
                _ => clip.then = self.choices(part)?,
            }
        }
        Ok(clip)
    }

    /// A number with or without a unit: `440hz`, `3/16n`, `50%`.
    pub(crate) fn quantity(&mut self, pair: &Pair) -> Built<Expr> {
        let span = self.span(pair);
        let text = pair.as_str();
        let bytes = text.as_bytes();
        let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut end = digits(0);
        let mut ratio = None;
        if bytes.get(end) == Some(&b'/') {
            let slash = end;
            end = digits(slash + 1);
            ratio = text[..slash].parse().ok().zip(text[slash + 1..end].parse().ok()).filter(|r: &(u32, u32)| r.1 > 0);
            if ratio.is_none() {
                return self.fail("syntax", span, "there is no such fraction", "write for example `3/16n`");
            }
        } else {
            if bytes.get(end) == Some(&b'.') {
                end = digits(end + 1);
            }
            // `e` begins an exponent only before digits; otherwise it begins a (wrong) unit.
            if bytes.get(end) == Some(&b'e') {
                let sign = end + 1 + usize::from(bytes.get(end + 1) == Some(&b'-'));
                if bytes.get(sign).is_some_and(u8::is_ascii_digit) {
                    end = digits(sign);
                }
            }
        }
        let value = match ratio {
            Some((over, under)) => f64::from(over) / f64::from(under),
            None => text[..end].parse().unwrap_or(f64::INFINITY),
        };
        if !value.is_finite() {
            return self.fail(
                "syntax",
                span,
                "this number is too large",
                "nothing audible needs more than a few digits",
            );
        }
        let unit = match &text[end..] {
            "" => None,
            suffix => match Unit::parse(suffix) {
                Some(unit) => Some(unit),
                None => {
                    return Err(Box::new(recover::unknown_unit(&text[..end], suffix, self.in_chunk(span))));
                }
            },
        };
        Ok(node(ExprKind::Number { value, ratio, unit }, span))
    }
}

fn next_args<'i>(ops: &mut Ops<'i>) -> Pairs<'i> {
    ops.next().expect("peeked").into_inner()
}
