//! What chooses patterns by value, and what changes values.
//!
//! [`Kind::Inner`](super::node::Kind::Inner) is how any argument of any function may be a pattern: the builder makes one pattern
//! for each value that the argument can take, and the query plays the one whose value holds now. The events keep the wholes of the
//! chosen pattern and are cut to the time for which it is chosen.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::node::{List, Map};
use super::query::Query;
use super::{Event, PatId, Ratio, Value, harmony, random};

/// Most pieces that a shuffle cuts a cycle into.
pub(crate) const MAX_PIECES: usize = 64;

/// True if two values are the same key: numbers by their value, whatever they measure.
pub(crate) fn same_key(a: Value, b: Value) -> bool {
    match (a, b) {
        (Value::Word(a), Value::Word(b)) => a == b,
        (Value::Word(_), _) | (_, Value::Word(_)) => false,
        (a, b) => a.number().zip(b.number()).is_some_and(|(a, b)| a.to_bits() == b.to_bits() || a == b),
    }
}

impl Query<'_> {
    /// The place of a value among the keys; a number that is not there takes the nearest.
    fn key(&self, value: Value, keys: List) -> Option<usize> {
        let keys = keys.of(&self.score.values);
        if let Some(at) = keys.iter().position(|k| same_key(*k, value)) {
            return Some(at);
        }
        let x = value.number()?;
        let distance = |k: &Value| k.number().map(|k| (k - x).abs()).filter(|d| !d.is_nan());
        let near = keys.iter().enumerate().filter_map(|(i, k)| Some((i, distance(k)?)));
        near.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
    }

    #[inline(never)]
    pub fn inner(&mut self, selector: PatId, (keys, list): (List, List), begin: Ratio, end: Ratio) {
        let score = self.score;
        let pats = list.of(&score.lists);
        self.each(selector, begin, end, |q, s| {
            if let Some(&p) = q.key(s.value, keys).and_then(|i| pats.get(i)) {
                q.ask(p, s.part.0, s.part.1);
            }
        });
    }

    /// The launched clip of a set; while one fades into another, both, by their velocities. A note of a clip ends where the next launch is known to be.
    #[inline(never)]
    pub fn clips(&mut self, set: u32, list: List, begin: Ratio, end: Ratio) {
        let (score, launches) = (self.score, self.launches);
        let pats = list.of(&score.lists);
        let Some(history) = launches.sets.get(set as usize) else {
            if let Some(&first) = pats.first() {
                self.ask(first, begin, end);
            }
            return;
        };
        history.heard(begin, end, |b, e, launch, next| {
            let Some(&p) = launch.clip.and_then(|clip| pats.get(clip as usize)) else { return };
            let shift = launch.origin;
            let from = self.out.len();
            self.ask(p, b - shift, e - shift);
            self.map_time(from, |t| t + shift);
            let next = next.filter(|next| next.fade.is_positive());
            if next.is_none() && !launch.fade.is_positive() {
                return;
            }
            self.retain(from, |e| {
                let mut share = launch.shares(e.whole.0).0;
                if let Some(next) = next {
                    e.whole.1 = e.whole.1.min(next.from + next.fade);
                    share *= if e.whole.0 < next.from { 1.0 } else { next.shares(e.whole.0).1 };
                }
                if share != 1.0 {
                    let vel = e.field(super::FieldId::VEL).unwrap_or(1.0);
                    e.set_field(super::FieldId::VEL, vel * share);
                }
                true
            });
        });
    }

    #[inline(never)]
    pub fn clip_index(&mut self, set: u32, begin: Ratio, end: Ratio) {
        let event = |b: Ratio, e: Ratio, value: f64| Event {
            whole: (b, e),
            part: (b, e),
            value: Value::Num(value),
            ..Event::default()
        };
        let launches = self.launches;
        let Some(history) = launches.sets.get(set as usize) else {
            self.out.push(event(begin, end, 0.0));
            return;
        };
        let mut at = begin;
        history.cut(begin, end, |b, e, launch| {
            if at < b {
                self.out.push(event(at, b, -1.0));
            }
            self.out.push(event(b, e, launch.clip.map_or(-1.0, f64::from)));
            at = e;
        });
        if at < end {
            self.out.push(event(at, end, -1.0));
        }
    }

    #[inline(never)]
    pub fn clip_share(&mut self, set: u32, clip: u32, begin: Ratio, end: Ratio) {
        let event = |b: Ratio, e: Ratio, value: f32, continuous: bool| Event {
            whole: (b, e),
            part: (b, e),
            value: Value::Num(f64::from(value)),
            continuous,
            ..Event::default()
        };
        let launches = self.launches;
        let Some(history) = launches.sets.get(set as usize) else {
            self.out.push(event(begin, end, f32::from(u8::from(clip == 0)), false));
            return;
        };
        let mut at = begin;
        history.cut(begin, end, |b, e, launch| {
            if at < b {
                self.out.push(event(at, b, 0.0, false));
            }
            let before = history.launches().iter().rev().find(|l| l.from < launch.from);
            let (is, was) = (launch.clip == Some(clip), before.is_some_and(|l| l.clip == Some(clip)));
            let share = |at: Ratio| match (is, was) {
                (true, false) => launch.shares(at).0,
                (false, true) => launch.shares(at).1,
                _ => f32::from(u8::from(is)),
            };
            // A little longer than the fade, so that the line of its last quantum comes to its end.
            let fades = launch.fade.is_positive() && is != was;
            let until = if fades { (launch.from + launch.fade + Ratio::new(1, 64)).min(e) } else { b };
            if b < until {
                self.out.push(event(b, until, share(b), true));
            }
            let rest = until.max(b);
            if rest < e {
                self.out.push(event(rest, e, share(rest), false));
            }
            at = e;
        });
        if at < end {
            self.out.push(event(at, end, 0.0, false));
        }
    }

    #[inline(never)]
    pub fn lookup(&mut self, p: PatId, (keys, to): (List, List), drop: bool, begin: Ratio, end: Ratio) {
        let score = self.score;
        let (keys, to) = (keys.of(&score.values), to.of(&score.values));
        let from = self.out.len();
        self.ask(p, begin, end);
        self.retain(from, |e| match keys.iter().position(|k| same_key(*k, e.value)).and_then(|i| to.get(i)) {
            Some(&value) => {
                e.value = value;
                true
            }
            None => !drop,
        });
    }

    #[inline(never)]
    pub fn map_values(&mut self, p: PatId, f: Map, begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        for i in from..self.out.len() {
            let value = self.out.events[i].value;
            self.out.events[i].value = match f {
                Map::Floor => value.map(f64::floor),
                Map::Round => value.map(f64::round),
                Map::Not => Value::Num(f64::from(u8::from(!self.score.is_true(value)))),
            };
        }
    }

    /// Scales the velocity of every event; one that has none counts as 1.
    #[inline(never)]
    pub fn accent(&mut self, p: PatId, by: f32, begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        for e in self.out.events.iter_mut().skip(from) {
            let vel = e.field(super::FieldId::VEL).unwrap_or(1.0);
            e.set_field(super::FieldId::VEL, vel * by);
        }
    }

    /// Pieces of the cycle in another order: each once, or any at random.
    #[inline(never)]
    pub fn shuffle(&mut self, p: PatId, n: usize, (seed, each_once): (u64, bool), begin: Ratio, end: Ratio) {
        let n = n.clamp(1, MAX_PIECES);
        self.cycles(begin, end, |q, c, b, e| {
            let mut order = [(0u64, 0usize); MAX_PIECES];
            for (i, slot) in order[..n].iter_mut().enumerate() {
                *slot = (random::combine(random::combine(seed, c as u64), i as u64), i);
            }
            if each_once {
                order[..n].sort_unstable();
            } else {
                for slot in &mut order[..n] {
                    slot.1 = ((random::unit(slot.0) * n as f64) as usize).min(n - 1);
                }
            }
            for (i, &(_, source)) in order[..n].iter().enumerate() {
                let cell = (
                    Ratio::int(c) + Ratio::new(i as i64, n as i64),
                    Ratio::int(c) + Ratio::new(i as i64 + 1, n as i64),
                );
                let (b, e) = (b.max(cell.0), e.min(cell.1));
                if b < e {
                    let shift = Ratio::new(i as i64 - source as i64, n as i64);
                    let from = q.out.len();
                    q.ask(p, b - shift, e - shift);
                    q.map_time(from, |t| t + shift);
                }
            }
        });
    }

    /// A continuous choice: at each moment the value of one of the patterns.
    #[inline(never)]
    pub fn choose_at(&mut self, list: List, seed: u64, begin: Ratio, end: Ratio) {
        let score = self.score;
        let pats = list.of(&score.lists);
        if pats.is_empty() {
            return;
        }
        let i = ((random::at(seed, begin) * pats.len() as f64) as usize).min(pats.len() - 1);
        let mark = self.out.len();
        self.ask(pats[i], begin, begin + (end - begin) * Ratio::new(1, 16));
        let found = self.out.events[mark..].iter().find(|e| e.part.0 == begin).copied();
        self.out.events.truncate(mark);
        if let Some(event) = found {
            let span = (begin, end);
            self.out.push(Event { whole: span, part: span, continuous: true, ..event });
        }
    }

    /// The `index`th of the notes that sound together, in the rhythm of `index`.
    #[inline(never)]
    pub fn arp(&mut self, p: PatId, index: PatId, begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        let to = self.out.len();
        for first in from..to {
            let lead = self.out.events[first];
            let together = |e: &Event| e.whole == lead.whole && e.part == lead.part;
            if self.out.events[from..first].iter().any(together) {
                continue;
            }
            let count = self.out.events[first..to].iter().filter(|e| together(e)).count();
            let mark = self.out.len();
            self.ask(index, lead.part.0, lead.part.1);
            let mut kept = mark;
            for i in mark..self.out.len() {
                let at = self.out.events[i];
                let Some(n) = at.value.number().filter(|n| n.is_finite()) else { continue };
                let n = (n.floor().clamp(-1e9, 1e9) as i64).rem_euclid(count as i64) as usize;
                let Some(note) = self.out.events[first..to].iter().filter(|e| together(e)).nth(n).copied() else {
                    continue;
                };
                self.out.events[kept] = Event { whole: at.whole, part: at.part, ..note };
                kept += 1;
            }
            self.out.events.truncate(kept);
        }
        self.out.events.drain(from..to);
    }

    /// Notes as keys of a tuning: key 0 is the root, fractions lie between keys.
    #[inline(never)]
    pub fn tune(&mut self, p: PatId, root: f64, (steps, period): (List, f64), begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        let steps = steps.of(&self.score.tables);
        let notes = &self.score.word_notes;
        let tuned = |key: f64| {
            let (low, rest) = (key.floor(), key - key.floor());
            let at = |key: f64| harmony::degree(key, steps, period);
            root + at(low) + (at(low + 1.0) - at(low)) * rest
        };
        for e in self.out.events.iter_mut().skip(from) {
            e.value = match e.value {
                Value::Num(n) => Value::Note(tuned(n)),
                Value::Note(n) => Value::Note(tuned(n - root)),
                Value::Word(s) => super::query::note_of(notes, s.0).map_or(e.value, |n| Value::Note(tuned(n - root))),
                value => value,
            };
        }
    }
}
