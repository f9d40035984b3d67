//! What combines patterns: rhythms, masks, arithmetic, fields, choice by number.
//!
//! The rule for structure from the left: an event of the left keeps its whole; the right is asked where the left's part lies,
//! and the result's part is what both share. A continuous right side must be asked over the whole instead, so that it is
//! sampled where the event begins and not where the query happens to cut it.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::node::{Factor, JoinMode, List, Operator};
use super::query::{Query, note_of};
use super::rhythm::{MAX_STEPS, euclid};
use super::{Event, FieldId, PatId, Ratio, Tail, Value, harmony};

/// Most numbers that `a .. b` counts.
const MAX_RANGE: f64 = 1024.0;

type Span = (Ratio, Ratio);

fn overlap(a: Span, b: Span) -> Option<Span> {
    let span = (a.0.max(b.0), a.1.min(b.1));
    (span.0 < span.1).then_some(span)
}

impl Query<'_> {
    /// For each event of `left`, the events of `right` that hold while it does, as `f` combines them.
    fn join_left(
        &mut self,
        left: PatId,
        right: PatId,
        (begin, end): Span,
        f: &mut dyn FnMut(&Self, &Event, &Event) -> Option<Event>,
    ) {
        let sampled = self.is_continuous(right);
        self.each(left, begin, end, |q, l| {
            let from = q.out.len();
            let (b, e) = if sampled { l.whole } else { l.part };
            q.ask(right, b, e);
            let mut kept = from;
            for i in from..q.out.len() {
                let r = q.out.events[i];
                let Some(part) = overlap(l.part, r.part) else {
                    continue;
                };
                let Some(event) = f(q, &l, &r) else { continue };
                let whole = if l.continuous { part } else { l.whole };
                q.out.events[kept] = Event { whole, part, continuous: l.continuous, ..event };
                kept += 1;
            }
            q.out.events.truncate(kept);
        });
    }

    #[inline(never)]
    pub fn structure(&mut self, bools: PatId, p: PatId, begin: Ratio, end: Ratio) {
        self.join_left(bools, p, (begin, end), &mut |q, b, e| q.score.is_true(b.value).then_some(*e));
    }

    #[inline(never)]
    pub fn mask(&mut self, bools: PatId, p: PatId, begin: Ratio, end: Ratio) {
        self.join_left(p, bools, (begin, end), &mut |q, e, b| q.score.is_true(b.value).then_some(*e));
    }

    #[inline(never)]
    pub fn tail(&mut self, left: PatId, right: PatId, begin: Ratio, end: Ratio) {
        self.join_left(left, right, (begin, end), &mut |_, l, r| {
            let mut event = *l;
            event.tail.push(r.value);
            r.tail.values().iter().for_each(|v| event.tail.push(*v));
            Some(event)
        });
    }

    #[inline(never)]
    pub fn euclid(&mut self, p: PatId, rhythm: List, begin: Ratio, end: Ratio) {
        let score = self.score;
        self.euclid_steps(p, rhythm.of(&score.rhythms), begin, end);
    }

    #[inline(never)]
    pub fn euclid_by(&mut self, p: PatId, (k, n, r): (Factor, Factor, Factor), begin: Ratio, end: Ratio) {
        self.with_factor(k, begin, end, &mut |q, k, b, e| {
            q.with_factor(n, b, e, &mut |q, n, b, e| {
                q.with_factor(r, b, e, &mut |q, r, b, e| {
                    let mut steps = [false; MAX_STEPS];
                    let len = euclid(k.floor(), n.floor(), r.floor(), &mut steps);
                    q.euclid_steps(p, &steps[..len], b, e);
                });
            });
        });
    }

    fn euclid_steps(&mut self, p: PatId, steps: &[bool], begin: Ratio, end: Ratio) {
        let n = steps.len() as i64;
        if n == 0 {
            return;
        }
        let sampled = self.is_continuous(p);
        self.cycles(begin, end, |q, c, b, e| {
            let base = Ratio::int(c);
            let first = ((b - base) * Ratio::int(n)).floor().clamp(0, n);
            for s in first..n {
                let whole = (base + Ratio::new(s, n), base + Ratio::new(s + 1, n));
                if whole.0 >= e {
                    break;
                }
                let Some(part) = overlap(whole, (b, e)) else {
                    continue;
                };
                if !steps[s as usize] {
                    continue;
                }
                let from = q.out.len();
                let (b, e) = if sampled { whole } else { part };
                q.ask(p, b, e);
                q.retain(from, |event| {
                    let Some(part) = overlap(event.part, part) else {
                        return false;
                    };
                    *event = Event { whole, part, continuous: false, ..*event };
                    true
                });
            }
        });
    }

    /// Asks `inner` squeezed into the whole of an event, and cuts what it says to the event.
    fn squeezed(&mut self, outer: &Event, f: impl FnOnce(&mut Self, Ratio, Ratio)) {
        let (start, len) = (outer.whole.0, outer.whole.1 - outer.whole.0);
        if !len.is_positive() {
            return;
        }
        let cycle = Ratio::int(start.floor());
        let from = self.out.len();
        f(self, (outer.part.0 - start) / len + cycle, (outer.part.1 - start) / len + cycle);
        self.map_time(from, |t| (t - cycle) * len + start);
        self.retain(from, |e| {
            let (Some(whole), Some(part)) = (overlap(e.whole, outer.whole), overlap(e.part, outer.part)) else {
                return false;
            };
            (e.whole, e.part) = (whole, part);
            true
        });
    }

    #[inline(never)]
    pub fn range(&mut self, left: PatId, right: PatId, begin: Ratio, end: Ratio) {
        self.each(left, begin, end, |q, a| {
            let Some(low) = a.value.number().filter(|_| !a.continuous) else {
                return;
            };
            q.squeezed(&a, |q, b, e| {
                q.each(right, b, e, |q, r| {
                    if let Some(high) = r.value.number() {
                        q.count(low, high, &a, &r);
                    }
                });
            });
        });
    }

    /// All numbers from `low` to `high` in equal steps of the cycle, while `r` lasts.
    fn count(&mut self, low: f64, high: f64, a: &Event, r: &Event) {
        let distance = (high - low).abs();
        if !distance.is_finite() {
            return;
        }
        let n = distance.min(MAX_RANGE - 1.0).floor() as i64 + 1;
        let sign = if low < high { 1.0 } else { -1.0 };
        let (begin, end) = r.part;
        self.cycles(begin, end, |q, c, b, e| {
            let base = Ratio::int(c);
            let first = ((b - base) * Ratio::int(n)).floor().clamp(0, n);
            for s in first..n {
                let step = (base + Ratio::new(s, n), base + Ratio::new(s + 1, n));
                if step.0 >= e {
                    break;
                }
                if let (Some(whole), Some(part)) = (overlap(step, r.whole), overlap(step, (b, e))) {
                    q.out.push(Event { whole, part, value: Value::Num(low + sign * s as f64), ..*a });
                }
            }
        });
    }

    #[inline(never)]
    pub fn pick(&mut self, selector: PatId, list: List, (squeeze, wrap): (bool, bool), begin: Ratio, end: Ratio) {
        let score = self.score;
        let pats = list.of(&score.lists);
        if pats.is_empty() {
            return;
        }
        let last = pats.len() as i64 - 1;
        self.each(selector, begin, end, |q, s| {
            let Some(n) = s.value.number() else { return };
            let n = n.round() as i64;
            let n = if wrap { n.rem_euclid(last + 1) } else { n.clamp(0, last) };
            let chosen = pats[n as usize];
            if squeeze && !s.continuous {
                q.squeezed(&s, |q, b, e| q.ask(chosen, b, e));
            } else {
                q.ask(chosen, s.part.0, s.part.1);
            }
        });
    }

    #[inline(never)]
    pub fn binop(&mut self, (op, join): (Operator, JoinMode), left: PatId, right: PatId, begin: Ratio, end: Ratio) {
        let span = (begin, end);
        match join {
            JoinMode::In => match self.constant(right) {
                Some((value, tail)) => {
                    // The same everywhere: no need to ask.
                    let from = self.out.len();
                    self.ask(left, begin, end);
                    let notes = &self.score.word_notes;
                    self.retain(from, |l| operate_event(notes, op, l, value, tail));
                }
                None => self.join_left(left, right, span, &mut |q, l, r| q.combined(op, l, r)),
            },
            JoinMode::Squeeze => self.squeeze_join(op, (left, right), false, span),
            JoinMode::SqueezeOut => self.squeeze_join(op, (right, left), true, span),
            JoinMode::Reset => self.restart(op, (left, right), false, span),
            JoinMode::Restart => self.restart(op, (left, right), true, span),
            JoinMode::Out => self.join_left(right, left, span, &mut |q, r, l| q.combined(op, l, r)),
            JoinMode::Mix => self.each(left, begin, end, |q, l| {
                let from = q.out.len();
                q.ask(right, l.part.0, l.part.1);
                let mut kept = from;
                for i in from..q.out.len() {
                    let r = q.out.events[i];
                    let whole = match (l.continuous, r.continuous) {
                        (true, _) => Some(r.whole),
                        (_, true) => Some(l.whole),
                        _ => overlap(l.whole, r.whole),
                    };
                    let (Some(whole), Some(part)) = (whole, overlap(l.part, r.part)) else {
                        continue;
                    };
                    let Some(event) = q.combined(op, &l, &r) else {
                        continue;
                    };
                    let continuous = l.continuous && r.continuous;
                    q.out.events[kept] = Event { whole, part, continuous, ..event };
                    kept += 1;
                }
                q.out.events.truncate(kept);
            }),
        }
    }

    /// A cycle of `inner` in each event of `outer`. `swapped`: the inner one is the left operand.
    fn squeeze_join(&mut self, op: Operator, (outer, inner): (PatId, PatId), swapped: bool, (begin, end): Span) {
        self.each(outer, begin, end, |q, o| {
            if o.continuous {
                return;
            }
            let from = q.out.len();
            q.squeezed(&o, |q, b, e| q.ask(inner, b, e));
            let mut kept = from;
            for i in from..q.out.len() {
                let event = q.out.events[i];
                let (l, r) = if swapped { (&event, &o) } else { (&o, &event) };
                let Some(result) = q.combined(op, l, r) else { continue };
                q.out.events[kept] =
                    Event { whole: event.whole, part: event.part, continuous: event.continuous, ..result };
                kept += 1;
            }
            q.out.events.truncate(kept);
        });
    }

    /// `left` begins anew at each event of `right`: its cycle, or from its very start.
    fn restart(&mut self, op: Operator, (left, right): (PatId, PatId), from_start: bool, (begin, end): Span) {
        self.each(right, begin, end, |q, r| {
            if r.continuous {
                return;
            }
            let onset = r.whole.0;
            let shift = if from_start { onset } else { onset - Ratio::int(onset.floor()) };
            let from = q.out.len();
            q.ask(left, r.part.0 - shift, r.part.1 - shift);
            q.map_time(from, |t| t + shift);
            let mut kept = from;
            for i in from..q.out.len() {
                let event = q.out.events[i];
                let whole = if event.continuous { Some(event.whole) } else { overlap(event.whole, r.whole) };
                let (Some(whole), Some(part)) = (whole, overlap(event.part, r.part)) else { continue };
                let Some(result) = q.combined(op, &event, &r) else { continue };
                q.out.events[kept] = Event { whole, part, continuous: event.continuous, ..result };
                kept += 1;
            }
            q.out.events.truncate(kept);
        });
    }

    /// Two events as one: the left one's place in the text, the fields of both.
    fn combined(&self, op: Operator, l: &Event, r: &Event) -> Option<Event> {
        let mut event = *l;
        if !operate_event(&self.score.word_notes, op, &mut event, r.value, r.tail) {
            return None;
        }
        for i in (0..super::MAX_FIELDS).filter(|i| r.mask & !l.mask & (1 << i) != 0) {
            event.set_field(FieldId(i as u8), r.fields[i]);
        }
        Some(event)
    }

    #[inline(never)]
    pub fn field(&mut self, p: PatId, field: FieldId, source: PatId, begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        let fixed = self.constant(source);
        for i in from..self.out.len() {
            let event = self.out.events[i];
            let (at, until) = if event.continuous { event.part } else { event.whole };
            let found = match fixed {
                Some((value, _)) => Some(value),
                None => {
                    // A short look: an event that holds at the onset has a part that begins there.
                    let mark = self.out.len();
                    self.ask(source, at, at + (until - at) * Ratio::new(1, 16));
                    let found = self.out.events[mark..].iter().find(|e| e.part.0 == at).map(|e| e.value);
                    self.out.events.truncate(mark);
                    found
                }
            };
            if let Some(x) = found.and_then(|v| self.field_number(field, v)) {
                self.out.events[i].set_field(field, x as f32);
            }
        }
    }

    /// A value as the number of a field.
    fn field_number(&self, field: FieldId, value: Value) -> Option<f64> {
        let pitch = |note: f64| {
            if field == FieldId::FREQ { harmony::midi_to_hz(note) } else { note }
        };
        match value {
            Value::Num(x) | Value::Freq(x) => Some(x),
            Value::Note(n) => Some(pitch(n)),
            Value::Word(s) => match self.score.word(s) {
                "t" | "true" => Some(1.0),
                "f" | "false" => Some(0.0),
                _ => note_of(&self.score.word_notes, s.0).map(pitch),
            },
        }
    }
}

/// Puts the result of an operation into an event; false if there is none.
fn operate_event(notes: &[Option<f64>], op: Operator, l: &mut Event, value: Value, tail: Tail) -> bool {
    match operate(notes, op, l.value, value) {
        Some(result) => {
            l.value = result;
            if op == Operator::Set {
                l.tail = tail;
            }
            true
        }
        None => false,
    }
}

/// Arithmetic on values. A note plus a number is a note, the difference of two notes a number. Words that name notes count as
/// notes; with other words arithmetic changes nothing. Results that are no number fall out.
fn operate(notes: &[Option<f64>], op: Operator, l: Value, r: Value) -> Option<Value> {
    let plain = |v: Value| match v {
        Value::Word(s) => note_of(notes, s.0).map_or(v, Value::Note),
        v => v,
    };
    match op {
        Operator::Set => return Some(r),
        Operator::Keep => return Some(l),
        Operator::Eq => return Some(Value::Num(f64::from(u8::from(l == r)))),
        Operator::Ne => return Some(Value::Num(f64::from(u8::from(l != r)))),
        _ => {}
    }
    let (a, b) = (plain(l), plain(r));
    let (Some(x), Some(y)) = (a.number(), b.number()) else {
        return Some(l);
    };
    let flag = |b: bool| f64::from(u8::from(b));
    let (z, is_flag) = match op {
        Operator::Add => (x + y, false),
        Operator::Sub => (x - y, false),
        Operator::Mul => (x * y, false),
        Operator::Div => (x / y, false),
        Operator::Mod => (x - y * (x / y).floor(), false),
        Operator::Pow => (x.powf(y), false),
        Operator::Min => (x.min(y), false),
        Operator::Max => (x.max(y), false),
        Operator::Lt => (flag(x < y), true),
        Operator::Le => (flag(x <= y), true),
        Operator::Gt => (flag(x > y), true),
        Operator::Ge => (flag(x >= y), true),
        Operator::And => (if x == 0.0 { x } else { y }, true),
        Operator::Or => (if x == 0.0 { y } else { x }, true),
        Operator::Set | Operator::Keep | Operator::Eq | Operator::Ne => return None,
    };
    if !z.is_finite() {
        return None;
    }
    Some(match (a, b) {
        _ if is_flag => Value::Num(z),
        (Value::Note(_), Value::Note(_)) if op == Operator::Sub => Value::Num(z),
        (Value::Freq(_), _) | (_, Value::Freq(_)) => Value::Freq(z),
        (Value::Note(_), _) | (_, Value::Note(_)) => Value::Note(z),
        _ => Value::Num(z),
    })
}
