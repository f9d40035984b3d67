//! The functions over patterns.
//!
//! The score's builder has the meaning of every function; this file brings arguments to it. An argument that is a number may be a
//! pattern of numbers everywhere ([`Elab::over`]): the function is built once for each value that the pattern has, and a node of the
//! score plays the one that holds. A function that takes a function (`every(4, rev)`) pipes the pattern into the argument and hands
//! both versions on. Names and meanings are Strudel's; what it does not say is TidalCycles'.

use crate::front::builtins::{Call, Item};
use crate::front::call::ArgVal;
use crate::front::elab::Elab;
use crate::front::value::*;
use crate::score::{self, Factor, FieldId, JoinMode, Map, Operator, PatId, Ratio, Scope, Signal};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;

/// Most parts into which a sample is cut.
const MOST_PARTS: u32 = 256;

/// A number that may change with time.
#[derive(Clone, Copy)]
pub(super) enum Amount {
    /// Always the same.
    Fixed(f64),
    /// The numbers of a pattern, written there.
    Pattern(PatId, Span),
}

pub(super) fn done<'a>(pattern: Option<PatId>) -> Value<'a> {
    pattern.map_or(Value::Broken, Value::Pat)
}

impl<'a> Elab<'a> {
    /// The pattern that a call works on.
    pub(super) fn input(&mut self, call: &mut Call<'a>) -> Option<PatId> {
        let arg = self.want(call, "pattern")?;
        self.pattern(arg.value, arg.span)
    }

    /// A number that may be a pattern. Lengths become bars.
    pub(super) fn amount(&mut self, call: &mut Call<'a>, name: &str) -> Option<Amount> {
        let arg = self.want(call, name)?;
        self.amount_of(arg)
    }

    fn amount_of(&mut self, arg: ArgVal<'a>) -> Option<Amount> {
        match arg.value {
            Value::Num(num) if matches!(num.dim, Dim::Beats | Dim::Time) => Some(Amount::Fixed(self.bars(num))),
            Value::Num(num) => Some(Amount::Fixed(num.value)),
            value => Some(Amount::Pattern(self.pattern(value, arg.span)?, arg.span)),
        }
    }

    fn amount_or(&mut self, call: &mut Call<'a>, name: &str, default: f64) -> Option<Amount> {
        if call.left() > 0 { self.amount(call, name) } else { Some(Amount::Fixed(default)) }
    }

    /// Builds a pattern for each value of an amount; the one whose value holds is heard.
    pub(super) fn over(&mut self, amount: Amount, f: &mut dyn FnMut(&mut Self, f64) -> Option<PatId>) -> Option<PatId> {
        match amount {
            Amount::Fixed(n) => f(self, n),
            Amount::Pattern(pattern, span) => self.over_values(pattern, span, &mut |e, value| {
                let number = value.number().or_else(|| match value {
                    score::Value::Word(word) => score::harmony::note_number(e.score.score().word(word)),
                    _ => None,
                });
                let Some(n) = number else {
                    let text = score::value_text(e.score.score(), value);
                    e.error("type", span, format!("this wants numbers, and `{text}` is none")).help =
                        Some("write `\"<2 3>\"`".into());
                    return None;
                };
                f(e, n)
            }),
        }
    }

    /// Builds a pattern for each value of a pattern.
    pub(super) fn over_values(
        &mut self,
        pattern: PatId,
        span: Span,
        f: &mut dyn FnMut(&mut Self, score::Value) -> Option<PatId>,
    ) -> Option<PatId> {
        let Some(keys) = self.score.score().values(pattern) else {
            self.error("type", span, "this argument changes all the time, here steps are wanted").help =
                Some("sample it: `>> segment(8)`".into());
            return None;
        };
        let pats = keys.iter().map(|key| f(self, *key)).collect::<Option<Vec<_>>>()?;
        Some(self.score.inner(pattern, &keys, &pats))
    }

    /// The pattern with a function applied.
    fn changed(&mut self, call: &mut Call<'a>, pattern: PatId) -> Option<PatId> {
        let f = self.function(call)?;
        self.applied(&f, call, pattern)
    }

    fn function(&mut self, call: &mut Call<'a>) -> Option<Item<'a>> {
        let item = call.take("f");
        if item.is_none() {
            let message = format!("`{}` wants a function", call.name);
            self.error("arity", call.span, message).help = Some(format!("it is called as `{}`", call.signature));
        }
        item
    }

    fn applied(&mut self, f: &Item<'a>, call: &Call<'a>, pattern: PatId) -> Option<PatId> {
        let span = f.span();
        let value = self.transform(f.clone(), call.scope, Value::Pat(pattern), span);
        self.pattern(value, span)
    }

    fn other(&mut self, call: &mut Call<'a>, name: &str) -> Option<PatId> {
        let arg = self.want(call, name)?;
        self.pattern_operand((arg.value, arg.span))
    }

    /// The seed of a call: given by name, or its place among the calls of its binding.
    fn chance(&mut self, call: &mut Call<'a>) -> Option<u64> {
        if let Some(item) = call.take_named("seed") {
            let arg = self.item(item, call.scope);
            let Value::Num(num) = arg.value else {
                self.error("type", arg.span, "a seed is a number").help = Some("write `seed: 3`".into());
                return None;
            };
            return Some(num.value.to_bits());
        }
        let place = mix(hash_text(&self.binding), hash_text(call.name));
        Some(mix(place, self.occurrence(place)))
    }
}

fn ratio(x: f64) -> Ratio {
    Ratio::from_f64(x)
}

macro_rules! functions {
    ($($name:ident => |$e:ident, $call:ident, $p:ident| $body:expr;)*) => { $(
        pub(super) fn $name<'a>($e: &mut Elab<'a>, $call: &mut Call<'a>) -> Value<'a> {
            let run = |$e: &mut Elab<'a>, $call: &mut Call<'a>| -> Option<PatId> { let $p = $e.input($call)?; $body };
            done(run($e, $call))
        }
    )* };
}

functions! {
    fast => |e, call, p| { let n = e.amount(call, "n")?; e.over(n, &mut |e, n| Some(e.score.fast(p, ratio(n)))) };
    slow => |e, call, p| { let n = e.amount(call, "n")?; e.over(n, &mut |e, n| Some(e.score.slow(p, ratio(n)))) };
    rev => |e, call, p| { let _ = call; Some(e.score.rev(p)) };
    palindrome => |e, call, p| { let _ = call; Some(e.score.palindrome(p)) };
    every => |e, call, p| {
        let n = e.amount(call, "n")?;
        let changed = e.changed(call, p)?;
        e.over(n, &mut |e, n| Some(e.score.every(ratio(n.floor()), changed, p)))
    };
    last_of => |e, call, p| {
        let n = e.amount(call, "n")?;
        let changed = e.changed(call, p)?;
        e.over(n, &mut |e, n| Some(e.score.last_of(ratio(n.floor()), changed, p)))
    };
    when => |e, call, p| {
        let arg = e.want(call, "condition")?;
        let condition = e.pattern(arg.value, arg.span)?;
        let changed = e.changed(call, p)?;
        e.over_values(condition, arg.span, &mut |e, value| Some(if e.score.score().is_true(value) { changed } else { p }))
    };
    early => |e, call, p| { let t = e.amount(call, "cycles")?; e.over(t, &mut |e, t| Some(e.score.early(p, ratio(t)))) };
    late => |e, call, p| { let t = e.amount(call, "cycles")?; e.over(t, &mut |e, t| Some(e.score.late(p, ratio(t)))) };
    off => |e, call, p| {
        let t = e.amount(call, "cycles")?;
        let f = e.function(call)?;
        e.over(t, &mut |e, t| {
            let later = e.score.late(p, ratio(t));
            let changed = e.applied(&f, call, later)?;
            Some(e.score.stack(&[p, changed]))
        })
    };
    superimpose => |e, call, p| {
        let mut all = vec![p];
        all.extend(layers(e, call, p)?);
        Some(e.score.stack(&all))
    };
    layer => |e, call, p| { let all = layers(e, call, p)?; Some(e.score.stack(&all)) };
    jux => |e, call, p| { let changed = e.changed(call, p)?; Some(sides(e, p, changed, 1.0)) };
    jux_by => |e, call, p| {
        let by = e.amount(call, "by")?;
        let changed = e.changed(call, p)?;
        e.over(by, &mut |e, by| Some(sides(e, p, changed, by)))
    };
    echo => |e, call, p| {
        let times = e.amount(call, "times")?;
        let time = e.amount(call, "time")?;
        let fall = e.amount(call, "feedback")?;
        e.over(times, &mut |e, times| e.over(time, &mut |e, time| e.over(fall, &mut |e, fall| {
            let times = times.floor().clamp(0.0, 64.0) as i32;
            let copies: Vec<PatId> = (0..times).map(|i| {
                let quiet = e.score.accent(p, fall.powi(i) as f32);
                e.score.late(quiet, ratio(time) * Ratio::int(i64::from(i)))
            }).collect();
            Some(e.score.stack(&copies))
        })))
    };
    ply => |e, call, p| { let n = e.amount(call, "n")?; e.over(n, &mut |e, n| Some(e.score.ply(p, ratio(n)))) };
    iter => |e, call, p| { let n = e.amount(call, "n")?; e.over(n, &mut |e, n| Some(e.score.iter(n.floor() as i64, p))) };
    iter_back => |e, call, p| {
        let n = e.amount(call, "n")?;
        e.over(n, &mut |e, n| Some(e.score.iter_back(n.floor() as i64, p)))
    };
    euclid => |e, call, p| {
        let (k, n) = (e.amount(call, "k")?, e.amount(call, "n")?);
        let r = e.amount_or(call, "rotation", 0.0)?;
        Some(e.score.euclid(factor(k), factor(n), factor(r), p))
    };
    euclid_legato => |e, call, p| {
        let (k, n) = (e.amount(call, "k")?, e.amount(call, "n")?);
        let r = e.amount_or(call, "rotation", 0.0)?;
        e.over(k, &mut |e, k| e.over(n, &mut |e, n| e.over(r, &mut |e, r| {
            Some(e.score.euclid_legato(k.floor() as i64, n.floor() as i64, r.floor() as i64, p))
        })))
    };
    compress => |e, call, p| {
        let (b, end) = (e.amount(call, "begin")?, e.amount(call, "end")?);
        e.over(b, &mut |e, b| e.over(end, &mut |e, end| Some(e.score.compress(p, ratio(b), ratio(end)))))
    };
    zoom => |e, call, p| {
        let (b, end) = (e.amount(call, "begin")?, e.amount(call, "end")?);
        e.over(b, &mut |e, b| e.over(end, &mut |e, end| Some(e.score.zoom(p, ratio(b), ratio(end)))))
    };
    linger => |e, call, p| { let t = e.amount(call, "part")?; e.over(t, &mut |e, t| Some(e.score.linger(p, ratio(t)))) };
    fast_gap => |e, call, p| {
        let n = e.amount(call, "n")?;
        e.over(n, &mut |e, n| Some(e.score.fast_gap(p, ratio(n))))
    };
    inside => |e, call, p| {
        let n = e.amount(call, "n")?;
        let f = e.function(call)?;
        e.over(n, &mut |e, n| {
            let slow = e.score.slow(p, ratio(n));
            let changed = e.applied(&f, call, slow)?;
            Some(e.score.fast(changed, ratio(n)))
        })
    };
    outside => |e, call, p| {
        let n = e.amount(call, "n")?;
        let f = e.function(call)?;
        e.over(n, &mut |e, n| {
            let fast = e.score.fast(p, ratio(n));
            let changed = e.applied(&f, call, fast)?;
            Some(e.score.slow(changed, ratio(n)))
        })
    };
    chunk => |e, call, p| chunks(e, call, p, false);
    chunk_back => |e, call, p| chunks(e, call, p, true);
    segment => |e, call, p| { let n = e.amount(call, "n")?; e.over(n, &mut |e, n| Some(e.score.segment(ratio(n), p))) };
    range => |e, call, p| {
        let (low, high) = (e.other(call, "low")?, e.other(call, "high")?);
        let span = e.score.binop(Operator::Sub, high, low);
        let scaled = e.score.binop(Operator::Mul, p, span);
        Some(e.score.binop(Operator::Add, scaled, low))
    };
    brak => |e, call, p| { let _ = call; Some(e.score.brak(p)) };
    press => |e, call, p| { let _ = call; Some(e.score.press(p)) };
    press_by => |e, call, p| {
        let t = e.amount(call, "share")?;
        e.over(t, &mut |e, t| Some(e.score.press_by(p, ratio(t))))
    };
    swing => |e, call, p| {
        let amount = e.amount(call, "amount")?;
        let steps = e.amount_or(call, "steps", 8.0)?;
        e.over(amount, &mut |e, amount| e.over(steps, &mut |e, steps| Some(if amount >= 1.0 {
            // Strudel's: a number of cells, each swung by a third.
            swung(e, p, 1.0 / 3.0, amount)
        } else {
            e.score.swing(p, ratio(amount.clamp(0.01, 0.99)), steps.floor() as i64)
        })))
    };
    swing_by => |e, call, p| {
        let (amount, n) = (e.amount(call, "amount")?, e.amount(call, "n")?);
        e.over(amount, &mut |e, amount| e.over(n, &mut |e, n| Some(swung(e, p, amount, n))))
    };
    struct_ => |e, call, p| {
        let arg = e.want(call, "rhythm")?;
        let rhythm = e.pattern(arg.value, arg.span)?;
        Some(e.score.struct_(rhythm, p))
    };
    mask => |e, call, p| {
        let arg = e.want(call, "rhythm")?;
        let rhythm = e.pattern(arg.value, arg.span)?;
        Some(e.score.mask(rhythm, p))
    };
    reset => |e, call, p| { let by = e.other(call, "by")?; Some(keep_with(e, JoinMode::Reset, p, by)) };
    restart => |e, call, p| { let by = e.other(call, "by")?; Some(keep_with(e, JoinMode::Restart, p, by)) };
    invert => |e, call, p| { let _ = call; Some(e.score.map(p, Map::Not)) };
    floor => |e, call, p| { let _ = call; Some(e.score.map(p, Map::Floor)) };
    round => |e, call, p| { let _ = call; Some(e.score.map(p, Map::Round)) };
    repeat_cycles => |e, call, p| {
        let n = e.amount(call, "n")?;
        e.over(n, &mut |e, n| Some(e.score.repeat_cycles(p, ratio(n))))
    };
    ribbon => |e, call, p| {
        let (offset, cycles) = (e.amount(call, "offset")?, e.amount(call, "cycles")?);
        e.over(offset, &mut |e, offset| {
            e.over(cycles, &mut |e, cycles| Some(e.score.ribbon(p, ratio(offset), ratio(cycles))))
        })
    };
    degrade => |e, call, p| drop_by(e, call, p, 0.5, false);
    degrade_by => |e, call, p| drop_by(e, call, p, 0.5, false);
    undegrade_by => |e, call, p| drop_by(e, call, p, 0.5, true);
    sometimes => |e, call, p| some(e, call, p, Some(0.5), Scope::Event);
    often => |e, call, p| some(e, call, p, Some(0.75), Scope::Event);
    rarely => |e, call, p| some(e, call, p, Some(0.25), Scope::Event);
    almost_never => |e, call, p| some(e, call, p, Some(0.1), Scope::Event);
    almost_always => |e, call, p| some(e, call, p, Some(0.9), Scope::Event);
    sometimes_by => |e, call, p| some(e, call, p, None, Scope::Event);
    some_cycles => |e, call, p| some(e, call, p, Some(0.5), Scope::Cycle);
    some_cycles_by => |e, call, p| some(e, call, p, None, Scope::Cycle);
    shuffle => |e, call, p| {
        let (seed, n) = (e.chance(call)?, e.amount(call, "n")?);
        e.over(n, &mut |e, n| Some(e.score.shuffle(n.floor() as i64, p, seed)))
    };
    scramble => |e, call, p| {
        let (seed, n) = (e.chance(call)?, e.amount(call, "n")?);
        e.over(n, &mut |e, n| Some(e.score.scramble(n.floor() as i64, p, seed)))
    };
    legato => |e, call, p| { let by = e.other(call, "share")?; Some(e.score.with_field(p, FieldId::GATE, by)) };
}

fn factor(amount: Amount) -> Factor {
    match amount {
        Amount::Fixed(n) => Factor::Fixed(ratio(n)),
        Amount::Pattern(pattern, _) => Factor::Pattern(pattern),
    }
}

/// The pattern under each of the functions that are left.
fn layers<'a>(e: &mut Elab<'a>, call: &mut Call<'a>, p: PatId) -> Option<Vec<PatId>> {
    if call.left() == 0 {
        e.function(call);
        return None;
    }
    let items = call.rest();
    items.iter().map(|(_, item)| e.applied(item, call, p)).collect()
}

/// One pattern on the left, the other on the right: the field `pan`.
fn sides(e: &mut Elab<'_>, left: PatId, right: PatId, by: f64) -> PatId {
    let Some(pan) = e.score.field("pan") else { return e.score.stack(&[left, right]) };
    let [left, right] = [(left, -by), (right, by)].map(|(p, at)| {
        let at = e.score.pure(score::Value::Num(at));
        e.score.with_field(p, pan, at)
    });
    e.score.stack(&[left, right])
}

fn chunks<'a>(e: &mut Elab<'a>, call: &mut Call<'a>, p: PatId, back: bool) -> Option<PatId> {
    let n = e.amount(call, "n")?;
    let f = e.function(call)?;
    e.over(n, &mut |e, n| {
        let n = n.floor().clamp(0.0, 1024.0) as i64;
        let repeated = e.score.repeat_cycles(p, n);
        let changed = e.applied(&f, call, repeated)?;
        Some(if back { e.score.chunk_back(n, changed, repeated) } else { e.score.chunk(n, changed, repeated) })
    })
}

/// The second half of each of `n` cells comes late by half of `amount` of a cell.
fn swung(e: &mut Elab<'_>, p: PatId, amount: f64, n: f64) -> PatId {
    let slow = e.score.slow(p, ratio(n));
    let late = e.score.late(slow, ratio(amount / 2.0));
    let (zero, one) = (score::Value::Num(0.0), score::Value::Num(1.0));
    let (first, second) = (e.score.pure(zero), e.score.pure(one));
    let half = e.score.fastcat(&[first, second]);
    let both = e.score.inner(half, &[zero, one], &[slow, late]);
    e.score.fast(both, ratio(n))
}

/// Structure and begin from `by` where it is true, values from `p`.
fn keep_with(e: &mut Elab<'_>, join: JoinMode, p: PatId, by: PatId) -> PatId {
    let yes = e.score.pure(score::Value::Num(1.0));
    let by = e.score.mask(by, by);
    let by = e.score.binop(Operator::Set, by, yes);
    e.score.binop_with(Operator::Keep, join, p, by)
}

fn drop_by<'a>(e: &mut Elab<'a>, call: &mut Call<'a>, p: PatId, default: f64, keep: bool) -> Option<PatId> {
    let seed = e.chance(call)?;
    let chance = e.amount_or(call, "chance", default)?;
    e.over(chance, &mut |e, chance| {
        Some(if keep { e.score.undegrade(p, 1.0 - chance, seed) } else { e.score.degrade(p, chance, seed) })
    })
}

/// A function on some events, or in some cycles.
fn some<'a>(e: &mut Elab<'a>, call: &mut Call<'a>, p: PatId, fixed: Option<f64>, scope: Scope) -> Option<PatId> {
    let seed = e.chance(call)?;
    let chance = match fixed {
        Some(chance) => Amount::Fixed(chance),
        None => e.amount(call, "chance")?,
    };
    let f = e.function(call)?;
    e.over(chance, &mut |e, chance| match scope {
        Scope::Event => {
            let (plain, chosen) = (e.score.degrade(p, chance, seed), e.score.undegrade(p, chance, seed));
            let changed = e.applied(&f, call, chosen)?;
            Some(e.score.stack(&[plain, changed]))
        }
        Scope::Cycle => {
            let changed = e.applied(&f, call, p)?;
            Some(e.score.sometimes(chance, changed, p, Scope::Cycle, seed))
        }
    })
}

/// Arithmetic: `add(12)`, `add.out("0 7")`. The name says which operation and where the rhythm comes from.
pub(super) fn operator<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let run = |e: &mut Elab<'a>, call: &mut Call<'a>| {
        let (op, join) = call.name.split_once('.').unwrap_or((call.name, "in"));
        let (op, join) = (operation(op)?, joining(join)?);
        let left = e.input(call)?;
        let right = e.other(call, "n")?;
        Some(e.score.binop_with(op, join, left, right))
    };
    done(run(e, call))
}

/// The operation of a name.
pub(super) fn operation(name: &str) -> Option<Operator> {
    Some(match name {
        "add" => Operator::Add,
        "sub" => Operator::Sub,
        "mul" => Operator::Mul,
        "div" => Operator::Div,
        "mod" => Operator::Mod,
        "pow" => Operator::Pow,
        "set" => Operator::Set,
        "keep" => Operator::Keep,
        "lt" => Operator::Lt,
        "lte" => Operator::Le,
        "gt" => Operator::Gt,
        "gte" => Operator::Ge,
        "eq" => Operator::Eq,
        "ne" => Operator::Ne,
        "and" => Operator::And,
        "or" => Operator::Or,
        _ => return None,
    })
}

/// Where the rhythm of an operation comes from, by name.
pub(super) fn joining(name: &str) -> Option<JoinMode> {
    Some(match name {
        "in" => JoinMode::In,
        "out" => JoinMode::Out,
        "mix" => JoinMode::Mix,
        "squeeze" => JoinMode::Squeeze,
        "squeezeout" => JoinMode::SqueezeOut,
        "reset" => JoinMode::Reset,
        "restart" => JoinMode::Restart,
        _ => return None,
    })
}

fn many<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<Vec<PatId>> {
    let mut out = Vec::new();
    for (_, item) in call.rest() {
        let ArgVal { value, span, .. } = e.item(item, call.scope);
        out.push(e.pattern(value, span)?);
    }
    Some(out)
}

macro_rules! lists {
    ($($name:ident => |$e:ident, $call:ident, $all:ident| $body:expr;)*) => { $(
        pub(super) fn $name<'a>($e: &mut Elab<'a>, $call: &mut Call<'a>) -> Value<'a> {
            let run = |$e: &mut Elab<'a>, $call: &mut Call<'a>| -> Option<PatId> { $body };
            done(run($e, $call))
        }
    )* };
}

lists! {
    stack => |e, call, all| { let all = many(e, call)?; Some(e.score.stack(&all)) };
    cat => |e, call, all| { let all = many(e, call)?; Some(e.score.cat(&all)) };
    seq => |e, call, all| { let all = many(e, call)?; Some(e.score.fastcat(&all)) };
    rand_cat => |e, call, all| { let seed = e.chance(call)?; let all = many(e, call)?; Some(e.score.choose(&all, seed)) };
    choose => |e, call, all| { let seed = e.chance(call)?; let all = many(e, call)?; Some(e.score.choose_at(&all, seed)) };
    time_cat => |e, call, all| { let all = weighted(e, call)?; Some(e.score.seq(&all)) };
    arrange => |e, call, all| { let all = weighted(e, call)?; Some(e.score.arrange(&all)) };
    run => |e, call, all| {
        let n = e.amount(call, "n")?;
        e.over(n, &mut |e, n| Some(e.score.run(n.floor().clamp(0.0, 1024.0) as i64)))
    };
    irand => |e, call, all| {
        let (seed, n) = (e.chance(call)?, e.other(call, "n")?);
        let noise = e.score.rand(seed);
        let scaled = e.score.binop(Operator::Mul, noise, n);
        Some(e.score.map(scaled, Map::Floor))
    };
    rand => |e, call, all| { let seed = e.chance(call)?; Some(e.score.rand(seed)) };
    perlin => |e, call, all| { let seed = e.chance(call)?; Some(e.score.perlin(seed)) };
    sine => |e, call, all| { let _ = call; Some(e.score.sine()) };
    cosine => |e, call, all| { let _ = call; Some(e.score.signal(Signal::Cosine, 0)) };
    isaw => |e, call, all| { let _ = call; Some(e.score.signal(Signal::Isaw, 0)) };
    silence => |e, call, all| { let _ = call; Some(e.score.silence()) };
    pick => |e, call, all| { let (s, all) = picked(e, call)?; Some(e.score.pick(s, &all)) };
    pick_wrapped => |e, call, all| { let (s, all) = picked(e, call)?; Some(e.score.pick_wrapped(s, &all)) };
    squeeze => |e, call, all| { let (s, all) = picked(e, call)?; Some(e.score.squeeze(s, &all)) };
    inhabit => |e, call, all| { let (s, all) = picked(e, call)?; Some(e.score.inhabit(s, &all)) };
}

/// Pairs of a length and a pattern: `[2, "a b"]`.
fn weighted<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<Vec<(Ratio, PatId)>> {
    let mut out = Vec::new();
    for (_, item) in call.rest() {
        let ArgVal { value, span, .. } = e.item(item, call.scope);
        let pair = match &value {
            Value::Array(items) => match items.as_slice() {
                [Value::Num(n), pattern] => Some((*n, pattern.clone())),
                _ => None,
            },
            Value::Broken => return None,
            _ => None,
        };
        let Some((n, pattern)) = pair else {
            e.error("type", span, format!("`{}` wants pairs of a length and a pattern", call.name)).help =
                Some("write `[2, \"a b\"]`".into());
            return None;
        };
        let length = if matches!(n.dim, Dim::Beats | Dim::Time) { e.bars(n) } else { n.value };
        out.push((ratio(length), e.pattern(pattern, span)?));
    }
    Some(out)
}

/// A selector and the patterns that it selects from, in either order: an array, or all arguments after the selector.
fn picked<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<(PatId, Vec<PatId>)> {
    let mut selector = None;
    let mut all = Vec::new();
    for (_, item) in call.rest() {
        let ArgVal { value, span, .. } = e.item(item, call.scope);
        match value {
            Value::Array(items) if all.is_empty() => {
                all = items.iter().map(|item| e.pattern(item.clone(), span)).collect::<Option<Vec<_>>>()?;
            }
            value => {
                let pattern = e.pattern(value, span)?;
                if selector.is_none() { selector = Some(pattern) } else { all.push(pattern) }
            }
        }
    }
    match (selector, all.is_empty()) {
        (Some(selector), false) => Some((selector, all)),
        _ => {
            e.error("arity", call.span, format!("`{}` wants numbers and the patterns to choose from", call.name))
                .help = Some(format!("write `\"<0 1>\" >> {}([\"a b\", \"c\"])`", call.name));
            None
        }
    }
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

/// Fields that say which part of a sample is played: the `i`th of `n`.
fn part_of<'a>(e: &mut Elab<'a>, pattern: PatId, i: u32, n: u32, span: Span) -> Option<PatId> {
    let (Some(begin), Some(end)) = (e.score.field("begin"), e.score.field("end")) else {
        e.error("limit", span, "events have room for 16 different fields in one session").help =
            Some("use fewer field names".into());
        return None;
    };
    let place = |i: u32| score::Value::Num(f64::from(i) / f64::from(n));
    let (from, to) = (e.score.pure(place(i)), e.score.pure(place(i + 1)));
    let pattern = e.score.with_field(pattern, begin, from);
    Some(e.score.with_field(pattern, end, to))
}

pub(super) fn chop<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(pattern) = e.input(call) else { return Value::Broken };
    let Some(n) = e.count(call, "n", MOST_PARTS) else { return Value::Broken };
    let mut parts = Vec::new();
    for i in 0..n {
        let one = e.score.pure(score::Value::Num(0.0));
        let Some(part) = part_of(e, one, i, n, call.span) else { return Value::Broken };
        parts.push(part);
    }
    let parts = e.score.fastcat(&parts);
    Value::Pat(e.score.binop_with(Operator::Keep, JoinMode::Squeeze, pattern, parts))
}

pub(super) fn striate<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(pattern) = e.input(call) else { return Value::Broken };
    let Some(n) = e.count(call, "n", MOST_PARTS) else { return Value::Broken };
    let mut parts = Vec::new();
    for i in 0..n {
        let Some(part) = part_of(e, pattern, i, n, call.span) else { return Value::Broken };
        parts.push(part);
    }
    Value::Pat(e.score.fastcat(&parts))
}
