//! Asking a score.
//!
//! [`Query`] walks the arena with one method per kind of node. A method asks its child, then edits the events that the child
//! appended: rescales their times, drops some, replaces them. Where a node must hold events while it asks again (a rhythm per
//! value of a factor), they stay in the same buffer below the new ones and are taken out at the end. Each visit of a node or
//! cycle costs one unit of work; when the budget is spent the rest of the answer is given up and counted as lost, so that the
//! most absurd pattern costs a bounded time in the callback.
//!
//! This file has the sources, sequences and speeds; `query_time` what bends time, `query_join` what combines patterns,
//! `query_more` what chooses patterns by value and what changes values.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::launch::Launches;
use super::node::{Curve, Factor, Kind, List, Signal};
use super::{Event, EventBuf, PatId, Ratio, Score, Tail, Value, harmony, random};

/// One query under way.
pub(super) struct Query<'a> {
    pub score: &'a Score,
    pub launches: &'a Launches,
    pub out: &'a mut EventBuf,
}

/// Entry: sets the budget and goes.
pub(super) fn run(score: &Score, pat: PatId, (begin, end): (Ratio, Ratio), launches: &Launches, out: &mut EventBuf) {
    out.work = u32::try_from(out.capacity).unwrap_or(u32::MAX).saturating_mul(16).saturating_add(4096);
    Query { score, launches, out }.ask(pat, begin, end);
}

impl Query<'_> {
    /// Takes one unit of work; false when there is none left.
    pub fn spend(&mut self) -> bool {
        match self.out.work {
            0 => false,
            1 => {
                self.out.work = 0;
                self.out.lost += 1;
                false
            }
            _ => {
                self.out.work -= 1;
                true
            }
        }
    }

    /// Calls `f(cycle, begin, end)` for each cycle that the span touches.
    pub fn cycles(&mut self, begin: Ratio, end: Ratio, mut f: impl FnMut(&mut Self, i64, Ratio, Ratio)) {
        let mut at = begin;
        while at < end && self.spend() {
            let cycle = at.floor();
            let next = Ratio::int(cycle.saturating_add(1)).min(end);
            f(self, cycle, at, next);
            // Only at the end of representable time.
            if next <= at {
                break;
            }
            at = next;
        }
    }

    /// Maps all times of the events from `from` on.
    pub fn map_time(&mut self, from: usize, f: impl Fn(Ratio) -> Ratio) {
        for e in self.out.events.iter_mut().skip(from) {
            let whole = (f(e.whole.0), f(e.whole.1));
            let part_0 = if e.part.0 == e.whole.0 { whole.0 } else { f(e.part.0) };
            let part_1 = if e.part.1 == e.whole.1 { whole.1 } else { f(e.part.1) };
            e.whole = whole;
            e.part = (part_0, part_1);
        }
    }

    /// Keeps the events from `from` on for which `f`, which may change them, says so.
    pub fn retain(&mut self, from: usize, mut f: impl FnMut(&mut Event) -> bool) {
        let mut kept = from;
        for i in from..self.out.events.len() {
            let mut event = self.out.events[i];
            if f(&mut event) {
                self.out.events[kept] = event;
                kept += 1;
            }
        }
        self.out.events.truncate(kept);
    }

    /// Calls `f(value, begin, end)` for the numbers of a factor, each over the time that it holds.
    pub fn with_factor(
        &mut self,
        factor: Factor,
        begin: Ratio,
        end: Ratio,
        f: &mut dyn FnMut(&mut Self, Ratio, Ratio, Ratio),
    ) {
        match factor {
            Factor::Fixed(n) => f(self, n, begin, end),
            Factor::Pattern(p) => {
                let from = self.out.len();
                self.ask(p, begin, end);
                let to = self.out.len();
                for i in from..to {
                    let Event { part, value, .. } = self.out.events[i];
                    if let Some(n) = value.number() {
                        f(self, Ratio::from_f64(n), part.0, part.1);
                    }
                }
                self.out.events.drain(from..to);
            }
        }
    }

    /// Appends the events of `pat` in a span.
    pub fn ask(&mut self, pat: PatId, begin: Ratio, end: Ratio) {
        if begin >= end || !self.spend() {
            return;
        }
        let Some(node) = self.score.nodes.get(pat.0 as usize) else {
            return;
        };
        // One method per kind, none inlined: the frame of this recursion stays small.
        match node.kind {
            Kind::Silence => {}
            Kind::Live { source } => self.live(source, begin, end),
            Kind::Pure { value, tail, source, pattern } => self.pure(begin, end, value, tail, (source, pattern)),
            Kind::Seq { slots } => self.seq(slots, begin, end),
            Kind::Stack { list } => self.stack(list, begin, end),
            Kind::Cat { list } => self.cat(list, begin, end),
            Kind::Fast { p, by } => self.fast(p, by, begin, end),
            Kind::FastBy { p, factor, scale, slow } => self.fast_by(p, factor, (scale, slow), begin, end),
            Kind::Late { p, by } => self.late(p, by, begin, end),
            Kind::Rev { p } => self.rev(p, begin, end),
            Kind::Every { n, last, a, b } => self.every(n, last, (a, b), begin, end),
            Kind::Repeat { p, n } => self.repeat(p, n, begin, end),
            Kind::Degrade { p, prob, seed, keep } => self.degrade(p, prob, (self.chance_of(seed), keep), begin, end),
            Kind::Choose { list, seed } => self.choose(list, self.chance_of(seed), begin, end),
            Kind::Chance { prob, seed, a, b } => self.chance(prob, self.chance_of(seed), (a, b), begin, end),
            Kind::Euclid { p, rhythm } => self.euclid(p, rhythm, begin, end),
            Kind::EuclidBy { p, pulses, steps, rotation } => self.euclid_by(p, (pulses, steps, rotation), begin, end),
            Kind::Struct { bools, p } => self.structure(bools, p, begin, end),
            Kind::Mask { bools, p } => self.mask(bools, p, begin, end),
            Kind::Tail { left, right } => self.tail(left, right, begin, end),
            Kind::Range { left, right } => self.range(left, right, begin, end),
            Kind::Pick { selector, list, squeeze, wrap } => self.pick(selector, list, (squeeze, wrap), begin, end),
            Kind::Ply { p, n } => self.ply(p, n, begin, end),
            Kind::Press { p, by } => self.press(p, by, begin, end),
            Kind::Linger { p, by } => self.linger(p, by, begin, end),
            Kind::Ribbon { p, offset, len } => self.ribbon(p, offset, len, begin, end),
            Kind::Chunk { a, b, n, back } => self.chunk((a, b), n, back, begin, end),
            Kind::Swing { p, amount, per_cycle } => self.swing(p, amount, per_cycle, begin, end),
            Kind::Binop { op, join, left, right } => self.binop((op, join), left, right, begin, end),
            Kind::Field { p, field, from } => self.field(p, field, from, begin, end),
            Kind::Scale { p, root, steps, period } => self.scale(p, root, (steps, period), begin, end),
            Kind::ToNotes { p } => self.notes(p, begin, end),
            Kind::Tune { p, root, steps, period } => self.tune(p, root, (steps, period), begin, end),
            Kind::Inner { selector, keys, list } => self.inner(selector, (keys, list), begin, end),
            Kind::Lookup { p, keys, to, drop } => self.lookup(p, (keys, to), drop, begin, end),
            Kind::Map { p, f } => self.map_values(p, f, begin, end),
            Kind::Accent { p, by } => self.accent(p, by, begin, end),
            Kind::Shuffle { p, n, seed, each_once } => {
                self.shuffle(p, n as usize, (self.chance_of(seed), each_once), begin, end)
            }
            Kind::ChooseAt { list, seed } => self.choose_at(list, self.chance_of(seed), begin, end),
            Kind::Clips { set, list } => self.clips(set, list, begin, end),
            Kind::ClipIndex { set } => self.clip_index(set, begin, end),
            Kind::ClipShare { set, clip } => self.clip_share(set, clip, begin, end),
            Kind::Arp { p, index } => self.arp(p, index, begin, end),
            Kind::Filter { p, sym } => {
                let from = self.out.len();
                self.ask(p, begin, end);
                self.retain(from, |e| e.value == Value::Word(sym));
            }
            Kind::Ramp { from, to, over, curve } => {
                self.continuous(begin, end, line(from, to, begin.to_f64() / over.to_f64(), curve));
            }
            Kind::Signal { signal, seed } => self.continuous(begin, end, wave(signal, self.chance_of(seed), begin)),
        }
    }

    /// The chance of a place, by the seed of all.
    fn chance_of(&self, place: u64) -> u64 {
        random::combine(self.score.seed, place)
    }

    /// Whether some events of a pattern are continuous.
    pub fn is_continuous(&self, pat: PatId) -> bool {
        self.score.nodes.get(pat.0 as usize).is_some_and(|n| n.continuous)
    }

    /// The value of a pattern that is the same in every cycle, if it is one.
    pub fn constant(&self, pat: PatId) -> Option<(Value, Tail)> {
        match self.score.nodes.get(pat.0 as usize)?.kind {
            Kind::Pure { value, tail, .. } => Some((value, tail)),
            _ => None,
        }
    }

    #[inline(never)]
    fn pure(&mut self, begin: Ratio, end: Ratio, value: Value, tail: Tail, (source, pattern): ((u32, u32), u32)) {
        self.cycles(begin, end, |q, c, b, e| {
            let whole = (Ratio::int(c), Ratio::int(c.saturating_add(1)));
            q.out.push(Event { whole, part: (b, e), value, tail, source, pattern, ..Event::default() });
        });
    }

    /// The live note, if it is of this source and begins in the span. How long it will be held nobody knows: it lasts a cycle here.
    #[inline(never)]
    fn live(&mut self, source: u32, begin: Ratio, end: Ratio) {
        let Some(note) = self.launches.live.filter(|n| n.source == source && begin <= n.at && n.at < end) else {
            return;
        };
        let whole = (note.at, note.at + Ratio::ONE);
        let part = (note.at, whole.1.min(end));
        let mut event = Event { whole, part, value: note.value, pattern: u32::MAX, ..Event::default() };
        event.set_field(super::FieldId::VEL, note.velocity);
        self.out.push(event);
    }

    #[inline(never)]
    fn continuous(&mut self, begin: Ratio, end: Ratio, value: f64) {
        let span = (begin, end);
        let value = Value::Num(value);
        self.out.push(Event { whole: span, part: span, value, continuous: true, ..Event::default() });
    }

    #[inline(never)]
    fn seq(&mut self, list: List, begin: Ratio, end: Ratio) {
        let slots = list.of(&self.score.slots);
        self.cycles(begin, end, |q, c, b, e| {
            let base = Ratio::int(c);
            let (b, e) = (b - base, e - base);
            let first = slots.partition_point(|s| s.end <= b);
            for s in &slots[first..] {
                let (b, e) = (b.max(s.begin), e.min(s.end));
                if b >= e {
                    break;
                }
                if let Kind::Pure { value, tail, source, pattern } = q.kind(s.pat)
                    && !s.begin.is_negative()
                    && s.end <= Ratio::ONE
                {
                    // The common leaf, without the detour.
                    let whole = (s.begin + base, s.end + base);
                    let part = (b + base, e + base);
                    q.out.push(Event { whole, part, value, tail, source, pattern, ..Event::default() });
                    continue;
                }
                let from = q.out.len();
                q.ask(s.pat, (b - s.begin) * s.inv + base, (e - s.begin) * s.inv + base);
                let offset = s.begin + base - base * s.len;
                q.map_time(from, |t| t * s.len + offset);
            }
        });
    }

    fn kind(&self, pat: PatId) -> Kind {
        self.score.nodes.get(pat.0 as usize).map_or(Kind::Silence, |n| n.kind)
    }

    #[inline(never)]
    fn stack(&mut self, list: List, begin: Ratio, end: Ratio) {
        for &p in list.of(&self.score.lists) {
            self.ask(p, begin, end);
        }
    }

    #[inline(never)]
    fn cat(&mut self, list: List, begin: Ratio, end: Ratio) {
        let pats = list.of(&self.score.lists);
        let n = pats.len() as i64;
        if n == 0 {
            return;
        }
        self.cycles(begin, end, |q, c, b, e| {
            // Cycle c of the whole is cycle c / n of one of them.
            let shift = Ratio::int(c.saturating_sub(c.div_euclid(n)));
            let from = q.out.len();
            q.ask(pats[c.rem_euclid(n) as usize], b - shift, e - shift);
            q.map_time(from, |t| t + shift);
        });
    }

    #[inline(never)]
    pub fn fast(&mut self, p: PatId, by: Ratio, begin: Ratio, end: Ratio) {
        if !by.is_positive() {
            return;
        }
        let from = self.out.len();
        self.ask(p, begin * by, end * by);
        let inv = by.recip();
        self.map_time(from, |t| t * inv);
    }

    #[inline(never)]
    fn fast_by(&mut self, p: PatId, factor: PatId, (scale, slow): (Ratio, bool), begin: Ratio, end: Ratio) {
        self.with_factor(Factor::Pattern(factor), begin, end, &mut |q, n, b, e| {
            let n = n * scale;
            q.fast(p, if slow { n.recip() } else { n }, b, e);
        });
    }

    #[inline(never)]
    pub fn late(&mut self, p: PatId, by: Ratio, begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin - by, end - by);
        self.map_time(from, |t| t + by);
    }

    #[inline(never)]
    fn scale(&mut self, p: PatId, root: f64, (steps, period): (List, f64), begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        let steps = steps.of(&self.score.tables);
        let notes = &self.score.word_notes;
        for e in self.out.events.iter_mut().skip(from) {
            e.value = match e.value {
                Value::Num(n) => Value::Note(root + harmony::degree(n, steps, period)),
                Value::Word(s) => note_of(notes, s.0).map_or(e.value, Value::Note),
                value => value,
            };
        }
    }

    #[inline(never)]
    fn notes(&mut self, p: PatId, begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        let notes = &self.score.word_notes;
        for e in self.out.events.iter_mut().skip(from) {
            e.value = match e.value {
                Value::Num(n) => Value::Note(n),
                Value::Word(s) => note_of(notes, s.0).map_or(e.value, Value::Note),
                value => value,
            };
        }
    }

    #[inline(never)]
    fn degrade(&mut self, p: PatId, prob: f64, (seed, keep): (u64, bool), begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        self.retain(from, |e| (random::at(seed, e.whole.0) < prob) == keep);
    }

    #[inline(never)]
    fn choose(&mut self, list: List, seed: u64, begin: Ratio, end: Ratio) {
        let pats = list.of(&self.score.lists);
        if pats.is_empty() {
            return;
        }
        self.cycles(begin, end, |q, c, b, e| q.ask(pats[random::choice(seed, c, pats.len())], b, e));
    }

    #[inline(never)]
    fn chance(&mut self, prob: f64, seed: u64, (a, b): (PatId, PatId), begin: Ratio, end: Ratio) {
        self.cycles(begin, end, |q, c, from, to| {
            q.ask(if random::of_cycle(seed, c) < prob { a } else { b }, from, to);
        });
    }
}

/// What a word means as a note.
pub(super) fn note_of(notes: &[Option<f64>], sym: u16) -> Option<f64> {
    notes.get(usize::from(sym)).copied().flatten()
}

/// A line at a place from 0 to 1.
pub fn line(from: f64, to: f64, place: f64, curve: Curve) -> f64 {
    // A ramp over no time has arrived; so has one whose place is not a number.
    if place.is_nan() || place >= 1.0 {
        return to;
    }
    if place <= 0.0 {
        return from;
    }
    match curve {
        Curve::Exp if from * to > 0.0 => from * (to / from).powf(place),
        Curve::Lin | Curve::Exp => from + (to - from) * place,
        Curve::Hold => from,
        Curve::Spline => from + (to - from) * place * place * (3.0 - 2.0 * place),
        Curve::Sine => from + (to - from) * (0.5 - 0.5 * (place * std::f64::consts::PI).cos()),
    }
}

/// A signal at a time.
fn wave(signal: Signal, seed: u64, time: Ratio) -> f64 {
    let phase = (time - Ratio::int(time.floor())).to_f64();
    let turn = phase * std::f64::consts::TAU;
    match signal {
        Signal::Saw => phase,
        Signal::Isaw => 1.0 - phase,
        Signal::Sine => 0.5 + 0.5 * turn.sin(),
        Signal::Cosine => 0.5 + 0.5 * turn.cos(),
        Signal::Tri => 1.0 - (2.0 * phase - 1.0).abs(),
        Signal::Square => f64::from(u8::from(phase >= 0.5)),
        Signal::Rand => random::at(seed, time),
        Signal::Perlin => random::perlin(seed, time.to_f64()),
    }
}
