//! Patterns: literals, the functions over them, and patterns held as signals.
//!
//! The score's builder has the meaning of every function; this file brings arguments to it. A function that takes a function
//! (`every(4, rev)`) pipes the pattern into the argument and hands both versions on.

use crate::front::builtins::{Call, Item};
use crate::front::call::ArgVal;
use crate::front::elab::Elab;
use crate::front::number;
use crate::front::scope::ScopeId;
use crate::front::timeline::curve_of;
use crate::front::value::*;
use crate::graph::*;
use crate::program::{FieldSource, Unit, UnitField, UnitKind};
use crate::score::timeline::Length;
use crate::score::{self, Factor, Operator, PatId, Ratio};
use modurust_lang::ast::{self, BinaryOp, Expr, ExprKind};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;

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
        let origin = self.patterns.len() as u32;
        self.patterns.push((self.at.file, self.at.offset + text_start));
        // Chance depends on the binding and not on the place in the file.
        let path = mix(hash_text(&self.binding), hash_text(text));
        Value::Pat(self.score.mini(&mini, origin, path))
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

    /// Bars in a second, as the session begins.
    pub(super) fn bars_per_second(&self) -> Ratio {
        self.timing.bpm / Ratio::int(60) / self.timing.beats_per_bar
    }

    /// A length in bars; a plain number counts cycles.
    fn bars(&self, num: Num) -> f64 {
        let per_bar = self.timing.beats_per_bar.to_f64();
        match num.dim {
            Dim::Beats => num.value / per_bar,
            Dim::Time => num.value / self.clock().beat / per_bar,
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
            _ => {
                self.error("type", span, "patterns can be added, subtracted, multiplied and divided").help =
                    Some("use one of + - * /".into());
                return Value::Broken;
            }
        };
        let (Some(a), Some(b)) = (self.pattern_operand(l), self.pattern_operand(r)) else { return Value::Broken };
        Value::Pat(self.score.binop(op, a, b))
    }

    /// An interval or note in arithmetic counts semitones.
    fn pattern_operand(&mut self, operand: (Value<'a>, Span)) -> Option<PatId> {
        match operand.0 {
            Value::Num(num) if matches!(num.dim, Dim::Interval | Dim::Pitch) => {
                Some(self.score.pure(score::Value::Num(num.value)))
            }
            value => self.pattern(value, operand.1),
        }
    }

    /// A pattern as a signal: each value is held until the next. `freq` makes notes frequencies.
    pub(super) fn hold(&mut self, pattern: PatId, freq: bool) -> Sig {
        let frame = self.graph.frame(self.frame, "hold", false, 0);
        let source = if freq { FieldSource::Freq } else { FieldSource::Value };
        let field = UnitField { source, default: 0.0 };
        let unit = Unit {
            path: self.graph.path(frame),
            frame,
            kind: UnitKind::Hold,
            voices: 1,
            pattern,
            word: None,
            choke: None,
            fields: vec![field],
        };
        self.units.push(unit);
        let node = self.row(0, 1);
        Sig { node, shape: Shape::MONO, dim: if freq { Dim::Frequency } else { Dim::None } }
    }

    /// A row of the unit that was added last.
    pub(super) fn row(&mut self, field: u32, lanes: u32) -> NodeId {
        let unit = self.units.len() as u32 - 1;
        self.graph.rows.push(Row { unit, field, lanes });
        let row = RowId(self.graph.rows.len() as u32 - 1);
        self.graph.push(Node::Row(row))
    }

    /// The pattern that a call works on.
    fn input(&mut self, call: &mut Call<'a>) -> Option<PatId> {
        let arg = self.want(call, "pattern")?;
        self.pattern(arg.value, arg.span)
    }

    /// A number that may be a pattern.
    fn factor(&mut self, call: &mut Call<'a>, name: &str) -> Option<Factor> {
        let arg = self.want(call, name)?;
        match arg.value {
            Value::Num(num) => Some(Factor::Fixed(Ratio::from_f64(num.value))),
            Value::Pat(pattern) => Some(Factor::Pattern(pattern)),
            other => {
                let article = other.article();
                self.error(
                    "type",
                    arg.span,
                    format!("`{}` wants a number or a pattern for `{name}`, got {article}", call.name),
                )
                .help = Some("write `2`, or `\"<2 3>\"` to change it every cycle".into());
                None
            }
        }
    }

    /// A number known at compile time.
    fn fixed(&mut self, call: &mut Call<'a>, name: &str) -> Option<f64> {
        let arg = self.want(call, name)?;
        match arg.value {
            Value::Num(num) if num.dim == Dim::Beats || num.dim == Dim::Time => Some(self.bars(num)),
            Value::Num(num) => Some(num.value),
            other => {
                let article = other.article();
                self.error("type", arg.span, format!("`{}` wants a number for `{name}`, got {article}", call.name))
                    .help = Some("write a plain number".into());
                None
            }
        }
    }

    /// The pattern with a function applied.
    fn changed(&mut self, call: &mut Call<'a>, pattern: PatId) -> Option<PatId> {
        let Some(item) = call.take("f") else {
            let message = format!("`{}` wants a function", call.name);
            self.error("arity", call.span, message).help = Some(format!("it is called as `{}`", call.signature));
            return None;
        };
        let span = item.span();
        let value = self.transform(item, call.scope, Value::Pat(pattern), span);
        self.pattern(value, span)
    }
}

fn done<'a>(pattern: Option<PatId>) -> Value<'a> {
    pattern.map_or(Value::Broken, Value::Pat)
}

macro_rules! simple {
    ($($name:ident => |$e:ident, $call:ident, $p:ident| $body:expr;)*) => { $(
        pub(super) fn $name<'a>($e: &mut Elab<'a>, $call: &mut Call<'a>) -> Value<'a> {
            let run = |$e: &mut Elab<'a>, $call: &mut Call<'a>| -> Option<PatId> { let $p = $e.input($call)?; Some($body) };
            done(run($e, $call))
        }
    )* };
}

simple! {
    fast => |e, call, p| { let n = e.factor(call, "n")?; e.score.fast(p, n) };
    slow => |e, call, p| { let n = e.factor(call, "n")?; e.score.slow(p, n) };
    rev => |e, call, p| { let _ = call; e.score.rev(p) };
    palindrome => |e, call, p| { let _ = call; e.score.palindrome(p) };
    every => |e, call, p| {
        let n = e.factor(call, "n")?;
        let changed = e.changed(call, p)?;
        e.score.every(n, changed, p)
    };
    early => |e, call, p| { let t = e.fixed(call, "cycles")?; e.score.early(p, Ratio::from_f64(t)) };
    late => |e, call, p| { let t = e.fixed(call, "cycles")?; e.score.late(p, Ratio::from_f64(t)) };
    off => |e, call, p| {
        let t = e.fixed(call, "cycles")?;
        let changed = e.changed(call, p)?;
        let later = e.score.late(changed, Ratio::from_f64(t));
        e.score.stack(&[p, later])
    };
    superimpose => |e, call, p| { let changed = e.changed(call, p)?; e.score.stack(&[p, changed]) };
    ply => |e, call, p| { let n = e.factor(call, "n")?; e.score.ply(p, n) };
    iter => |e, call, p| { let n = e.count(call, "n", 256)?; e.score.iter(i64::from(n), p) };
    euclid => |e, call, p| {
        let k = e.factor(call, "k")?;
        let n = e.factor(call, "n")?;
        let r = if call.left() > 0 { e.factor(call, "rotation")? } else { Factor::Fixed(Ratio::ZERO) };
        e.score.euclid(k, n, r, p)
    };
    degrade => |e, call, p| {
        let chance = if call.left() > 0 { e.fixed(call, "chance")? } else { 0.5 };
        let seed = e.place();
        e.score.degrade(p, chance, seed)
    };
    swing => |e, call, p| {
        let amount = e.fixed(call, "amount")?.clamp(0.01, 0.99);
        let steps = if call.left() > 0 { e.count(call, "steps", 256)? } else { 8 };
        e.score.swing(p, Ratio::from_f64(amount), i64::from(steps))
    };
    add => |e, call, p| { let n = e.other(call, "n")?; e.score.binop(Operator::Add, p, n) };
    mul => |e, call, p| { let n = e.other(call, "n")?; e.score.binop(Operator::Mul, p, n) };
    transpose => |e, call, p| { let n = e.other(call, "interval")?; e.score.binop(Operator::Add, p, n) };
}

impl<'a> Elab<'a> {
    fn other(&mut self, call: &mut Call<'a>, name: &str) -> Option<PatId> {
        let arg = self.want(call, name)?;
        self.pattern_operand((arg.value, arg.span))
    }

    /// A seed of this call's place.
    fn place(&self) -> u64 {
        mix(hash_text(&self.binding), self.patterns.len() as u64)
    }
}

fn many<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<Vec<PatId>> {
    let mut out = Vec::new();
    for (_, item) in call.rest() {
        let ArgVal { value, span, .. } = e.item(item, call.scope);
        out.push(e.pattern(value, span)?);
    }
    Some(out)
}

pub(super) fn stack<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let all = many(e, call);
    done(all.map(|all| e.score.stack(&all)))
}

pub(super) fn cat<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let all = many(e, call);
    done(all.map(|all| e.score.cat(&all)))
}

/// `with(accent: "1 0", cutoff: 300hz ~> 2khz over 16bars)`
pub(super) fn with<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(mut pattern) = e.input(call) else { return Value::Broken };
    for (name, item) in call.rest() {
        let span = item.span();
        let Some(name) = name else {
            e.error("arity", span, "`with` wants fields by name").help = Some("write `with(vel: \"1 0.6\")`".into());
            return Value::Broken;
        };
        let arg = e.item(item, call.scope);
        let Some(values) = e.pattern(arg.value, arg.span) else { return Value::Broken };
        let Some(field) = e.score.field(name) else {
            e.error("limit", span, "events have room for 16 different fields in one session").help =
                Some("use fewer field names".into());
            return Value::Broken;
        };
        pattern = e.score.with_field(pattern, field, values);
    }
    Value::Pat(pattern)
}

/// `scale(a1, minor)`, `scale(c3, major, tuning: 'just.scl')`
pub(super) fn scale<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(pattern) = e.input(call) else { return Value::Broken };
    let Some(root) = e.want(call, "root") else { return Value::Broken };
    let root = match root.value {
        Value::Num(num) if matches!(num.dim, Dim::Pitch | Dim::None) => num.value,
        other => {
            let article = other.article();
            e.error("type", root.span, format!("a scale stands on a note, got {article}")).help =
                Some("write `scale(a1, minor)`".into());
            return Value::Broken;
        }
    };
    let Some(item) = call.take("name") else {
        e.error("arity", call.span, "`scale` wants the name of a scale").help = Some("write `scale(a1, minor)`".into());
        return Value::Broken;
    };
    let Some(steps) = e.scale_steps(item, call.scope) else { return Value::Broken };
    let tuning = match call.take_named("tuning") {
        None => e.default_tuning.clone(),
        Some(item) => {
            let arg = e.item(item, call.scope);
            match e.tuning(&arg) {
                Some(tuning) => Some(tuning),
                None => return Value::Broken,
            }
        }
    };
    match tuning {
        None => Value::Pat(e.score.scale(pattern, root, &steps, 12.0)),
        Some(tuning) => {
            // A tuning of n notes a period replaces the keys that the scale counts.
            let period = tuning.last().copied().unwrap_or(12.0);
            let keys = tuning.len();
            let tuned = steps.iter().map(|&step| {
                let key = step.round() as usize;
                let (turns, key) = (key / keys, key % keys);
                turns as f64 * period + if key == 0 { 0.0 } else { tuning[key - 1] }
            });
            let tuned = tuned.collect::<Vec<_>>();
            Value::Pat(e.score.scale(pattern, root, &tuned, period))
        }
    }
}

impl<'a> Elab<'a> {
    /// The steps of a scale: a name, a name in quotes, or an array of semitones.
    fn scale_steps(&mut self, item: Item<'a>, scope: ScopeId) -> Option<Vec<f64>> {
        let span = item.span();
        let name = match &item {
            Item::Expr(Expr { kind: ExprKind::Name(name), .. }) => Some(name.clone()),
            Item::Expr(Expr { kind: ExprKind::Text(name), .. }) => Some(name.clone()),
            _ => None,
        };
        if let Some(name) = name {
            if let Some(steps) = score::harmony::scale(&name) {
                return Some(steps.to_vec());
            }
            if self.scopes.find(scope, &name).is_none() {
                let known = score::harmony::SCALES.iter().map(|(n, _)| *n);
                let help = match crate::front::names::closest(&name, known) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => "some scales: major, minor, dorian, phrygian, lydian, mixolydian, pentatonic".into(),
                };
                self.error("name", span, format!("no scale is called `{name}`")).help = Some(help);
                return None;
            }
        }
        let arg = self.item(item, scope);
        if let Value::Array(items) = &arg.value {
            let steps = items.iter().map(|v| if let Value::Num(n) = v { Some(n.value) } else { None });
            if let Some(steps) = steps.collect::<Option<Vec<_>>>()
                && !steps.is_empty()
            {
                return Some(steps);
            }
        }
        if !matches!(arg.value, Value::Broken) {
            self.error("type", arg.span, "a scale is a name or a list of semitones").help =
                Some("write `minor` or `[0, 3, 5, 7, 10]`".into());
        }
        None
    }

    /// The keys of a Scala tuning file, in semitones above the root, the period last.
    pub(super) fn tuning(&mut self, arg: &ArgVal<'a>) -> Option<Vec<f64>> {
        let Value::Text(name) = &arg.value else {
            if !matches!(arg.value, Value::Broken) {
                self.error("type", arg.span, "a tuning is a Scala file").help =
                    Some("write `tuning: 'just.scl'`".into());
            }
            return None;
        };
        let file = self.sources_dir(name);
        let text = match self.read_file(&file) {
            Ok(text) => text,
            Err(why) => {
                self.error("file", arg.span, format!("the tuning `{name}` cannot be read: {why}")).help =
                    Some("put the file beside the patch".into());
                return None;
            }
        };
        match crate::front::tuning::scala(&text) {
            Ok(keys) => Some(keys),
            Err(why) => {
                self.error("file", arg.span, format!("`{name}` is not a Scala tuning: {why}")).help =
                    Some("a tuning has a name line, the number of notes, and one line per note".into());
                None
            }
        }
    }
}
