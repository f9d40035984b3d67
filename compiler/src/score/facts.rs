//! What can be said of a pattern without playing it.
//!
//! Walks that may allocate: they run once, when a program is compiled, to allot voices, to warn of words without a sample and
//! of patterns too dense to play.

use super::node::{Factor, JoinMode, Kind, Node};
use super::{EventBuf, FieldSet, PatId, Ratio, Score, Sym, Value};
use std::collections::{BTreeSet, HashMap};

/// Cycles over which the values of an argument are looked for.
const LOOK_AHEAD: i64 = 128;
/// Most different values of an argument that is a pattern.
const MAX_VALUES: usize = 128;

impl Score {
    /// Calls `f` once with every node below `pat`.
    fn walk(&self, pat: PatId, mut f: impl FnMut(&Node)) {
        let mut seen = BTreeSet::from([pat]);
        let mut todo = vec![pat];
        while let Some(p) = todo.pop() {
            let Some(node) = self.nodes.get(p.0 as usize) else {
                continue;
            };
            f(node);
            node.kind.children(&self.lists, &self.slots, |child| {
                if seen.insert(child) {
                    todo.push(child);
                }
            });
        }
    }

    /// The words that may sound in `pat`, in the order in which they are met: values, not what steers them.
    pub fn words(&self, pat: PatId) -> Vec<Sym> {
        let mut words = Vec::new();
        let mut add = |word: Sym| {
            if !words.contains(&word) {
                words.push(word);
            }
        };
        let mut seen = BTreeSet::new();
        let mut todo = vec![(pat, None)];
        while let Some((p, only)) = todo.pop() {
            let Some(node) = self.nodes.get(p.0 as usize) else {
                continue;
            };
            if !seen.insert((p, only)) {
                continue;
            }
            let from = todo.len();
            match node.kind {
                Kind::Pure { value: Value::Word(s), .. } if only.is_none_or(|o| o == s) => add(s),
                Kind::Filter { p, sym } if only.is_none_or(|o| o == sym) => todo.push((p, Some(sym))),
                Kind::Filter { .. } | Kind::Range { .. } => {}
                Kind::FastBy { p, .. }
                | Kind::Ply { p, .. }
                | Kind::EuclidBy { p, .. }
                | Kind::Struct { p, .. }
                | Kind::Mask { p, .. }
                | Kind::Tail { left: p, .. }
                | Kind::Field { p, .. } => todo.push((p, only)),
                Kind::Arp { p, .. } => todo.push((p, only)),
                Kind::Lookup { keys, to, drop, p } => {
                    let (keys, to) = (keys.of(&self.values), to.of(&self.values));
                    for word in self.words(p) {
                        let key = keys.iter().position(|k| super::query_more::same_key(*k, Value::Word(word)));
                        match key.and_then(|i| to.get(i)) {
                            Some(Value::Word(s)) if only.is_none_or(|o| o == *s) => add(*s),
                            None if !drop && only.is_none_or(|o| o == word) => add(word),
                            _ => {}
                        }
                    }
                }
                Kind::Every { a, b, .. } => todo.extend([(a, only), (b, only)]),
                Kind::Pick { list, .. } | Kind::Inner { list, .. } => {
                    todo.extend(list.of(&self.lists).iter().map(|p| (*p, only)))
                }
                kind => kind.children(&self.lists, &self.slots, |child| todo.push((child, only))),
            }
            // The last is looked at first.
            todo[from..].reverse();
        }
        words
    }

    /// The values that `pat` may have, in order: numbers and words, without those of its tails. What never changes is found at
    /// once; what is computed is asked for over some cycles. `None` if it is a signal, or has too many.
    pub fn values(&self, pat: PatId) -> Option<Vec<Value>> {
        if self.is_continuous(pat) {
            return None;
        }
        let mut found: Vec<Value> = Vec::new();
        let mut add = |value: Value| {
            if !found.iter().any(|v| super::query_more::same_key(*v, value)) {
                found.push(value);
            }
        };
        let mut out = EventBuf::new(4096);
        for cycle in 0..LOOK_AHEAD {
            out.clear();
            self.query(pat, Ratio::int(cycle), Ratio::int(cycle + 1), &mut out);
            out.events().iter().for_each(|e| add(e.value));
        }
        (found.len() <= MAX_VALUES).then_some(found)
    }

    /// The fields that events of `pat` may have.
    pub fn fields(&self, pat: PatId) -> FieldSet {
        let mut mask = 0;
        self.walk(pat, |node| {
            if let Kind::Field { field, .. } = node.kind {
                mask |= 1u16.checked_shl(u32::from(field.0)).unwrap_or(0);
            }
            if let Kind::Accent { .. } | Kind::Live { .. } = node.kind {
                mask |= 1 << super::FieldId::VEL.0;
            }
        });
        mask
    }

    /// Whether events of `pat` are continuous, so that it is a signal more than a rhythm.
    pub fn is_continuous(&self, pat: PatId) -> bool {
        self.nodes.get(pat.0 as usize).is_some_and(|n| n.continuous)
    }

    /// A rough upper bound of the events in one cycle.
    pub fn density(&self, pat: PatId) -> f64 {
        self.density_of(pat, &mut HashMap::new())
    }

    /// The largest number that a pattern holds, as far as can be seen.
    fn largest(&self, factor: Factor) -> f64 {
        match factor {
            Factor::Fixed(n) => n.to_f64(),
            Factor::Pattern(p) => {
                let mut most = 0.0f64;
                self.walk(p, |node| {
                    if let Kind::Pure { value, .. } = node.kind {
                        most = most.max(value.number().unwrap_or(0.0).abs());
                    }
                });
                most
            }
        }
    }

    fn density_of(&self, pat: PatId, known: &mut HashMap<PatId, f64>) -> f64 {
        if let Some(&d) = known.get(&pat) {
            return d;
        }
        let Some(node) = self.nodes.get(pat.0 as usize) else {
            return 0.0;
        };
        let mut of = |p: PatId| self.density_of(p, known);
        let d = match node.kind {
            Kind::Silence | Kind::Live { .. } => 0.0,
            Kind::ClipIndex { .. } | Kind::ClipShare { .. } => 1.0,
            Kind::Pure { .. } | Kind::Ramp { .. } | Kind::Signal { .. } => 1.0,
            // A slot longer than its cycle shows a part of it.
            Kind::Seq { slots } => slots.of(&self.slots).iter().map(|s| of(s.pat) / s.len.to_f64().max(1.0)).sum(),
            Kind::Stack { list } => list.of(&self.lists).iter().map(|p| of(*p)).sum(),
            Kind::Cat { list } | Kind::Choose { list, .. } | Kind::ChooseAt { list, .. } | Kind::Clips { list, .. } => {
                list.of(&self.lists).iter().map(|p| of(*p)).fold(0.0, f64::max)
            }
            Kind::Fast { p, by } => of(p) * by.to_f64(),
            Kind::FastBy { p, factor, scale, slow } => {
                let n = self.largest(Factor::Pattern(factor)) * scale.to_f64();
                of(p) * if slow { 1.0 } else { n }
            }
            Kind::Late { p, .. }
            | Kind::Rev { p }
            | Kind::Repeat { p, .. }
            | Kind::Degrade { p, .. }
            | Kind::Press { p, .. }
            | Kind::Ribbon { p, .. }
            | Kind::Swing { p, .. }
            | Kind::Scale { p, .. }
            | Kind::ToNotes { p }
            | Kind::Tune { p, .. }
            | Kind::Lookup { p, .. }
            | Kind::Map { p, .. }
            | Kind::Accent { p, .. }
            | Kind::Shuffle { p, .. }
            | Kind::Filter { p, .. }
            | Kind::Linger { p, .. }
            | Kind::Field { p, .. }
            | Kind::Mask { p, .. } => of(p),
            Kind::Every { a, b, .. } | Kind::Chance { a, b, .. } | Kind::Chunk { a, b, .. } => of(a).max(of(b)),
            Kind::Euclid { p, rhythm } => {
                rhythm.of(&self.rhythms).iter().filter(|b| **b).count() as f64 * of(p).max(1.0)
            }
            Kind::EuclidBy { p, pulses, .. } => self.largest(pulses) * of(p).max(1.0),
            Kind::Struct { bools, p } => of(bools).max(of(p)),
            Kind::Tail { left, .. } => of(left),
            Kind::Range { left, right } => {
                let span = self.largest(Factor::Pattern(left)) + self.largest(Factor::Pattern(right));
                of(left) * (span + 1.0)
            }
            Kind::Pick { selector, list, squeeze, .. } => {
                let most = list.of(&self.lists).iter().map(|p| of(*p)).fold(0.0, f64::max);
                if squeeze { most * of(selector) } else { most.max(of(selector)) }
            }
            Kind::Inner { selector, list, .. } => {
                let most = list.of(&self.lists).iter().map(|p| of(*p)).fold(0.0, f64::max);
                most.max(of(selector))
            }
            Kind::Arp { p, index } => of(p).max(of(index)),
            Kind::Ply { p, n } => of(p) * self.largest(n),
            Kind::Binop { left, right, join: JoinMode::Squeeze | JoinMode::SqueezeOut, .. } => of(left) * of(right),
            Kind::Binop { left, right, .. } => of(left).max(of(right)),
        };
        known.insert(pat, d);
        d
    }
}
