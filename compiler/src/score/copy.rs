//! A score without what nobody plays, in the order in which it is played.
//!
//! Between edits a builder keeps all that it ever built, so that what is unchanged need not be built again. What goes into a
//! program is copied out of it, from the patterns that are played down: the copy depends on these alone, not on what was built
//! before or in between. Numbers of words, fields, sets of clips and texts are given anew, in the order in which they are met.

use super::node::{Factor, Kind, List, Slot};
use super::{FieldId, PatId, Ratio, Score, ScoreBuilder, Sym, Tail, Value};
use rustc_hash::FxHashMap as HashMap;
use smallvec::SmallVec;

/// Copies patterns of one score into another.
pub struct Copier<'a> {
    old: &'a Score,
    new: ScoreBuilder,
    /// What stands for each pattern that was met.
    made: Vec<Option<PatId>>,
    words: Vec<Option<Sym>>,
    origins: HashMap<u32, u32>,
    /// The number of each set of clips.
    sets: &'a HashMap<u32, u32>,
}

impl Score {
    /// True if two patterns are made alike, so that one may stand for the other. Clips are told from others by their place alone.
    pub fn alike(&self, a: PatId, b: PatId) -> bool {
        let none = HashMap::default();
        let copy = |p: PatId| {
            let mut copy = Copier::new(self, &none);
            let p = copy.pattern(p);
            (p, format!("{:?}", copy.finish()))
        };
        let clips = |p: PatId| self.nodes.get(p.0 as usize).is_none_or(|node| node.sets != 0);
        a == b || !clips(a) && !clips(b) && copy(a) == copy(b)
    }
}

impl<'a> Copier<'a> {
    /// Copies out of `old`. `sets` are the numbers that sets of clips have in the copy.
    pub fn new(old: &'a Score, sets: &'a HashMap<u32, u32>) -> Copier<'a> {
        let (new, made) = (ScoreBuilder::new(old.seed), vec![None; old.nodes.len()]);
        Copier { old, new, made, words: vec![None; old.words.len()], origins: HashMap::default(), sets }
    }

    /// The copy.
    pub fn finish(self) -> Score {
        self.new.finish()
    }

    /// Literals of the copy, by their numbers there: their numbers in the old one.
    pub fn literals(&self) -> Vec<u32> {
        let mut all: Vec<(u32, u32)> = self.origins.iter().map(|(old, new)| (*new, *old)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, old)| old).collect()
    }

    /// A pattern of the copy, swung ([`ScoreBuilder::swing`]).
    pub fn swing(&mut self, p: PatId, amount: Ratio, per_cycle: i64) -> PatId {
        self.new.swing(p, amount, per_cycle)
    }

    /// A word of the copy.
    pub fn word(&mut self, sym: Sym) -> Sym {
        if let Some(&Some(known)) = self.words.get(sym.0 as usize) {
            return known;
        }
        let new = self.new.sym(self.old.word(sym));
        if let Some(slot) = self.words.get_mut(sym.0 as usize) {
            *slot = Some(new);
        }
        new
    }

    /// A field of the copy.
    pub fn field(&mut self, field: FieldId) -> FieldId {
        self.new.field(self.old.field_name(field)).unwrap_or(field)
    }

    fn value(&mut self, value: Value) -> Value {
        match value {
            Value::Word(sym) => Value::Word(self.word(sym)),
            number => number,
        }
    }

    fn tail(&mut self, tail: Tail) -> Tail {
        let mut new = Tail::default();
        tail.values().iter().for_each(|value| new.push(self.value(*value)));
        new
    }

    fn values(&mut self, list: List) -> List {
        let values: SmallVec<[Value; 8]> = list.of(&self.old.values).iter().map(|value| self.value(*value)).collect();
        self.new.values(&values)
    }

    fn numbers(&mut self, list: List) -> List {
        let start = self.new.score.tables.len() as u32;
        self.new.score.tables.extend_from_slice(list.of(&self.old.tables));
        List { start, len: self.new.score.tables.len() as u32 - start }
    }

    fn list(&mut self, list: List) -> List {
        let pats: SmallVec<[PatId; 8]> = list.of(&self.old.lists).iter().map(|p| self.pattern(*p)).collect();
        self.new.list(&pats)
    }

    fn slots(&mut self, list: List) -> List {
        let slots: SmallVec<[Slot; 8]> =
            list.of(&self.old.slots).iter().map(|slot| Slot { pat: self.pattern(slot.pat), ..*slot }).collect();
        let start = self.new.score.slots.len() as u32;
        self.new.score.slots.extend(slots);
        List { start, len: list.len }
    }

    fn factor(&mut self, factor: Factor) -> Factor {
        match factor {
            Factor::Pattern(p) => Factor::Pattern(self.pattern(p)),
            fixed => fixed,
        }
    }

    /// The copy of a pattern and of all below it.
    pub fn pattern(&mut self, p: PatId) -> PatId {
        let at = p.0 as usize;
        let Some(node) = self.old.nodes.get(at) else { return self.new.silence() };
        if let Some(known) = self.made[at] {
            return known;
        }
        let kind = self.kind(node.kind);
        let new = if matches!(kind, Kind::Silence) { self.new.silence() } else { self.new.add(kind) };
        self.made[at] = Some(new);
        new
    }

    /// The sources of live notes that a pattern of the copy depends on ([`Score::live`]).
    pub fn live(&self, p: PatId) -> u64 {
        self.new.score.live(p)
    }

    fn kind(&mut self, kind: Kind) -> Kind {
        match kind {
            Kind::Silence | Kind::Ramp { .. } | Kind::Signal { .. } => kind,
            Kind::Live { source } => Kind::Live {
                source: self.old.sources.get(source as usize).map_or(0, |source| self.new.source(source.clone())),
            },
            Kind::Pure { value, tail, source, pattern } => {
                let next = self.origins.len() as u32;
                // Numbers that the text computes were written nowhere.
                let pattern = if pattern == u32::MAX { pattern } else { *self.origins.entry(pattern).or_insert(next) };
                Kind::Pure { value: self.value(value), tail: self.tail(tail), source, pattern }
            }
            Kind::Seq { slots } => Kind::Seq { slots: self.slots(slots) },
            Kind::Stack { list } => Kind::Stack { list: self.list(list) },
            Kind::Cat { list } => Kind::Cat { list: self.list(list) },
            Kind::Fast { p, by } => Kind::Fast { p: self.pattern(p), by },
            Kind::FastBy { p, factor, scale, slow } => {
                Kind::FastBy { p: self.pattern(p), factor: self.pattern(factor), scale, slow }
            }
            Kind::Late { p, by } => Kind::Late { p: self.pattern(p), by },
            Kind::Rev { p } => Kind::Rev { p: self.pattern(p) },
            Kind::Every { n, last, a, b } => {
                Kind::Every { n: self.factor(n), last, a: self.pattern(a), b: self.pattern(b) }
            }
            Kind::Repeat { p, n } => Kind::Repeat { p: self.pattern(p), n },
            Kind::Degrade { p, prob, seed, keep } => Kind::Degrade { p: self.pattern(p), prob, seed, keep },
            Kind::Choose { list, seed } => Kind::Choose { list: self.list(list), seed },
            Kind::Chance { prob, seed, a, b } => Kind::Chance { prob, seed, a: self.pattern(a), b: self.pattern(b) },
            Kind::Euclid { p, rhythm } => {
                let p = self.pattern(p);
                let start = self.new.score.rhythms.len() as u32;
                self.new.score.rhythms.extend_from_slice(rhythm.of(&self.old.rhythms));
                Kind::Euclid { p, rhythm: List { start, len: rhythm.len } }
            }
            Kind::EuclidBy { p, pulses, steps, rotation } => Kind::EuclidBy {
                p: self.pattern(p),
                pulses: self.factor(pulses),
                steps: self.factor(steps),
                rotation: self.factor(rotation),
            },
            Kind::Struct { bools, p } => Kind::Struct { bools: self.pattern(bools), p: self.pattern(p) },
            Kind::Mask { bools, p } => Kind::Mask { bools: self.pattern(bools), p: self.pattern(p) },
            Kind::Tail { left, right } => Kind::Tail { left: self.pattern(left), right: self.pattern(right) },
            Kind::Range { left, right } => Kind::Range { left: self.pattern(left), right: self.pattern(right) },
            Kind::Pick { selector, list, squeeze, wrap } => {
                Kind::Pick { selector: self.pattern(selector), list: self.list(list), squeeze, wrap }
            }
            Kind::Ply { p, n } => Kind::Ply { p: self.pattern(p), n: self.factor(n) },
            Kind::Press { p, by } => Kind::Press { p: self.pattern(p), by },
            Kind::Linger { p, by } => Kind::Linger { p: self.pattern(p), by },
            Kind::Ribbon { p, offset, len } => Kind::Ribbon { p: self.pattern(p), offset, len },
            Kind::Chunk { a, b, n, back } => Kind::Chunk { a: self.pattern(a), b: self.pattern(b), n, back },
            Kind::Swing { p, amount, per_cycle } => Kind::Swing { p: self.pattern(p), amount, per_cycle },
            Kind::Binop { op, join, left, right } => {
                Kind::Binop { op, join, left: self.pattern(left), right: self.pattern(right) }
            }
            Kind::Field { p, field, from } => {
                Kind::Field { p: self.pattern(p), field: self.field(field), from: self.pattern(from) }
            }
            Kind::Scale { p, root, steps, period } => {
                Kind::Scale { p: self.pattern(p), root, steps: self.numbers(steps), period }
            }
            Kind::ToNotes { p } => Kind::ToNotes { p: self.pattern(p) },
            Kind::Tune { p, root, steps, period } => {
                Kind::Tune { p: self.pattern(p), root, steps: self.numbers(steps), period }
            }
            Kind::Inner { selector, keys, list } => {
                Kind::Inner { selector: self.pattern(selector), keys: self.values(keys), list: self.list(list) }
            }
            Kind::Clips { set, list } => Kind::Clips { set: self.set(set), list: self.list(list) },
            Kind::ClipIndex { set } => Kind::ClipIndex { set: self.set(set) },
            Kind::ClipShare { set, clip } => Kind::ClipShare { set: self.set(set), clip },
            Kind::Lookup { p, keys, to, drop } => {
                Kind::Lookup { p: self.pattern(p), keys: self.values(keys), to: self.values(to), drop }
            }
            Kind::Map { p, f } => Kind::Map { p: self.pattern(p), f },
            Kind::Accent { p, by } => Kind::Accent { p: self.pattern(p), by },
            Kind::Shuffle { p, n, seed, each_once } => Kind::Shuffle { p: self.pattern(p), n, seed, each_once },
            Kind::ChooseAt { list, seed } => Kind::ChooseAt { list: self.list(list), seed },
            Kind::Arp { p, index } => Kind::Arp { p: self.pattern(p), index: self.pattern(index) },
            Kind::Filter { p, sym } => Kind::Filter { p: self.pattern(p), sym: self.word(sym) },
        }
    }

    fn set(&self, set: u32) -> u32 {
        self.sets.get(&set).copied().unwrap_or(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_alike_that_differ_in_no_more_than_their_numbers() {
        let mut build = ScoreBuilder::new(1);
        let mut read = |text: &str, seed: u64| {
            let (mini, errors) = modurust_lang::pattern::parse(text);
            assert!(errors.is_empty(), "{text}");
            build.mini(&mini, 0, seed)
        };
        let [plain, again, other] = [("0 <3 5>*2", 1), ("0 <3 5>*2", 2), ("0 <3 6>*2", 1)].map(|(t, s)| read(t, s));
        let [chance, once_more] = [("0? 3", 1), ("0? 3", 2)].map(|(t, s)| read(t, s));
        let score = build.finish();
        assert!(plain != again && score.alike(plain, again));
        assert!(!score.alike(plain, other), "another note");
        assert!(!score.alike(chance, once_more), "another chance");
    }
}
