//! Building a score: the common patterns.
//!
//! Every method takes patterns already built and returns a new one. Nothing fails: what makes no sense (speed 0, an empty
//! list) is silence, and a tree deeper than [`MAX_DEPTH`] becomes silent and sets [`ScoreBuilder::overflowed`], so that
//! a query never runs out of stack. Functions of patterns (`every(4, rev)`) are applied by the caller: he gives both results.

use super::node::{Factor, Kind, List, Node, Slot};
use super::rhythm::{MAX_STEPS, euclid};
use super::{FieldId, LiveSource, MAX_DEPTH, MAX_FIELDS, PatId, Ratio, Score, Sym, Tail, Value, harmony};
use crate::lang::pattern::PatternError;

/// Makes a [`Score`].
#[derive(Debug)]
pub struct ScoreBuilder {
    pub(super) score: Score,
    overflow: bool,
    silence: PatId,
    /// What is wrong in the texts built so far that only their meaning shows: a chord that nobody knows.
    pub(super) complaints: Vec<PatternError>,
}

impl ScoreBuilder {
    /// An empty score whose chance follows `seed`. The fields `freq`, `vel` and `gate` exist from the start.
    pub fn new(seed: u64) -> ScoreBuilder {
        let field_names = ["freq", "vel", "gate"].map(str::to_owned).to_vec();
        let score = Score { seed, field_names, ..Score::default() };
        let mut builder = ScoreBuilder { score, overflow: false, silence: PatId(0), complaints: Vec::new() };
        builder.silence = builder.add(Kind::Silence);
        builder
    }

    /// Changes the seed.
    pub fn set_seed(&mut self, seed: u64) {
        self.score.seed = seed;
    }

    /// The finished score.
    pub fn finish(self) -> Score {
        self.score
    }

    /// The score so far, for queries at compile time.
    pub fn score(&self) -> &Score {
        &self.score
    }

    /// Something did not fit: a tree too deep, too many words.
    pub fn overflowed(&self) -> bool {
        self.overflow
    }

    /// The number of a word, the same for the same text.
    pub fn sym(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.score.find_word(text) {
            return sym;
        }
        match u16::try_from(self.score.words.len()) {
            Ok(n) if n < u16::MAX => {
                self.score.words.push(text.to_owned());
                self.score.word_notes.push(harmony::note_number(text));
                Sym(n)
            }
            _ => {
                self.overflow = true;
                Sym(u16::MAX)
            }
        }
    }

    /// The field of a name, new if need be; `None` when all are taken.
    pub fn field(&mut self, name: &str) -> Option<FieldId> {
        if let Some(field) = self.score.find_field(name) {
            return Some(field);
        }
        let n = self.score.field_names.len();
        if n >= MAX_FIELDS {
            return None;
        }
        self.score.field_names.push(name.to_owned());
        Some(FieldId(n as u8))
    }

    pub(super) fn add(&mut self, kind: Kind) -> PatId {
        let nodes = &self.score.nodes;
        let (mut depth, mut continuous, mut known, mut sets, mut sources) = (0, false, true, 0, 0);
        kind.children(&self.score.lists, &self.score.slots, |p| match nodes.get(p.0 as usize) {
            Some(child) => {
                depth = depth.max(child.depth + 1);
                continuous |= child.continuous;
                sets |= child.sets;
                sources |= child.sources;
            }
            None => known = false,
        });
        let of = |p: PatId| nodes.get(p.0 as usize).is_some_and(|n| n.continuous);
        // Where the structure comes from one side only, so does continuity: the other is sampled.
        match kind {
            Kind::Live { source } => sources |= 1 << source.min(63),
            Kind::Ramp { .. } | Kind::Signal { .. } | Kind::ChooseAt { .. } => continuous = true,
            Kind::Arp { index, .. } => continuous = of(index),
            Kind::Inner { list, .. } => continuous = list.of(&self.score.lists).iter().any(|p| of(*p)),
            Kind::Clips { set, .. } | Kind::ClipIndex { set } | Kind::ClipShare { set, .. } => sets |= 1 << set.min(63),
            Kind::Tail { left, .. } | Kind::Field { p: left, .. } => continuous = of(left),
            Kind::Mask { p, .. } => continuous = of(p),
            Kind::Struct { bools, .. } => continuous = of(bools),
            Kind::Euclid { .. } | Kind::EuclidBy { .. } => continuous = false,
            _ => {}
        }
        if depth > MAX_DEPTH || !known {
            self.overflow = true;
            return self.silence;
        }
        let Ok(id) = u32::try_from(self.score.nodes.len()) else {
            self.overflow = true;
            return self.silence;
        };
        self.score.nodes.push(Node { kind, continuous, depth, sets, sources });
        PatId(id)
    }

    /// The notes of a source, as a hand plays them.
    pub fn live(&mut self, source: LiveSource) -> PatId {
        let source = self.source(source);
        self.add(Kind::Live { source })
    }

    /// The number of a source of live notes.
    pub(super) fn source(&mut self, source: LiveSource) -> u32 {
        let sources = &mut self.score.sources;
        let known = sources.iter().position(|known| *known == source);
        known.unwrap_or_else(|| {
            sources.push(source);
            sources.len() - 1
        }) as u32
    }

    pub(super) fn list(&mut self, pats: &[PatId]) -> List {
        let start = self.score.lists.len() as u32;
        self.score.lists.extend_from_slice(pats);
        List { start, len: pats.len() as u32 }
    }

    pub(super) fn values(&mut self, values: &[Value]) -> List {
        let start = self.score.values.len() as u32;
        self.score.values.extend_from_slice(values);
        List { start, len: values.len() as u32 }
    }

    /// What was wrong in the texts built since the last call, with places in their own text.
    pub fn take_complaints(&mut self) -> Vec<PatternError> {
        std::mem::take(&mut self.complaints)
    }

    pub(super) fn kind(&self, p: PatId) -> Kind {
        self.score.nodes.get(p.0 as usize).map_or(Kind::Silence, |n| n.kind)
    }

    /// A factor that is a single number becomes fixed.
    pub(super) fn settle(&self, factor: Factor) -> Factor {
        if let Factor::Pattern(p) = factor
            && let Kind::Pure { value, .. } = self.kind(p)
            && let Some(x) = value.number()
        {
            return Factor::Fixed(Ratio::from_f64(x));
        }
        factor
    }

    /// No events.
    pub fn silence(&mut self) -> PatId {
        self.silence
    }

    /// A value once per cycle.
    pub fn pure(&mut self, value: Value) -> PatId {
        self.pure_at(value, Tail::default(), (0, 0), u32::MAX)
    }

    /// A value once per cycle, with what hangs on it and where it was written.
    pub fn pure_at(&mut self, value: Value, tail: Tail, source: (u32, u32), pattern: u32) -> PatId {
        self.add(Kind::Pure { value, tail, source, pattern })
    }

    /// A word once per cycle.
    pub fn word(&mut self, text: &str) -> PatId {
        let sym = self.sym(text);
        self.pure(Value::Word(sym))
    }

    /// Speeds up: `fast(2)` plays two cycles in one. Speed 0 and below is silence.
    pub fn fast(&mut self, p: PatId, by: impl Into<Factor>) -> PatId {
        self.fast_scaled(p, by.into(), Ratio::ONE, false)
    }

    /// Slows down.
    pub fn slow(&mut self, p: PatId, by: impl Into<Factor>) -> PatId {
        self.fast_scaled(p, by.into(), Ratio::ONE, true)
    }

    pub(super) fn fast_scaled(&mut self, p: PatId, by: Factor, scale: Ratio, slow: bool) -> PatId {
        match self.settle(by) {
            Factor::Fixed(n) => {
                let n = n * scale;
                let n = if slow { n.recip() } else { n };
                match self.kind(p) {
                    _ if !n.is_positive() => self.silence,
                    Kind::Silence => p,
                    _ if n == Ratio::ONE => p,
                    _ => self.add(Kind::Fast { p, by: n }),
                }
            }
            Factor::Pattern(factor) => self.add(Kind::FastBy { p, factor, scale, slow }),
        }
    }

    /// Plays each cycle backwards.
    pub fn rev(&mut self, p: PatId) -> PatId {
        self.add(Kind::Rev { p })
    }

    /// `transformed` in the first of every `n` cycles, `plain` in the others.
    pub fn every(&mut self, n: impl Into<Factor>, transformed: PatId, plain: PatId) -> PatId {
        let n = self.settle(n.into());
        self.add(Kind::Every { n, last: false, a: transformed, b: plain })
    }

    /// `transformed` in the last of every `n` cycles, `plain` in the others.
    pub fn last_of(&mut self, n: impl Into<Factor>, transformed: PatId, plain: PatId) -> PatId {
        let n = self.settle(n.into());
        self.add(Kind::Every { n, last: true, a: transformed, b: plain })
    }

    /// All at once.
    pub fn stack(&mut self, pats: &[PatId]) -> PatId {
        match pats {
            [] => self.silence,
            [one] => *one,
            _ => {
                let list = self.list(pats);
                self.add(Kind::Stack { list })
            }
        }
    }

    /// A cycle of each in turn. None of them loses cycles while it waits.
    pub fn cat(&mut self, pats: &[PatId]) -> PatId {
        match pats {
            [] => self.silence,
            [one] => *one,
            _ => {
                let list = self.list(pats);
                self.add(Kind::Cat { list })
            }
        }
    }

    /// All in one cycle, each as long as its weight says. Weights of 0 and below are left out.
    pub fn seq(&mut self, parts: &[(Ratio, PatId)]) -> PatId {
        let total = parts.iter().filter(|(w, _)| w.is_positive()).fold(Ratio::ZERO, |sum, (w, _)| sum + *w);
        if !total.is_positive() {
            return self.silence;
        }
        if let [(_, one)] = parts {
            return *one;
        }
        let mut slots = Vec::with_capacity(parts.len());
        let mut at = Ratio::ZERO;
        for &(weight, pat) in parts.iter().filter(|(w, _)| w.is_positive()) {
            let next = at + weight;
            slots.push((at / total, next / total, pat));
            at = next;
        }
        self.slots(&slots)
    }

    /// All in one cycle, equally long.
    pub fn fastcat(&mut self, pats: &[PatId]) -> PatId {
        let parts: Vec<_> = pats.iter().map(|&p| (Ratio::ONE, p)).collect();
        self.seq(&parts)
    }

    pub(super) fn slots(&mut self, slots: &[(Ratio, Ratio, PatId)]) -> PatId {
        let start = self.score.slots.len() as u32;
        for &(begin, end, pat) in slots {
            let len = end - begin;
            if len.is_positive() {
                self.score.slots.push(Slot { begin, end, len, inv: len.recip(), pat });
            }
        }
        let len = self.score.slots.len() as u32 - start;
        self.add(Kind::Seq { slots: List { start, len } })
    }

    /// Earlier by some cycles.
    pub fn early(&mut self, p: PatId, by: Ratio) -> PatId {
        self.late(p, -by)
    }

    /// Later by some cycles.
    pub fn late(&mut self, p: PatId, by: Ratio) -> PatId {
        if by.is_zero() { p } else { self.add(Kind::Late { p, by }) }
    }

    /// The values of `p` in the rhythm of `bools`, where that is true: a number that is not 0, a word that is not `f` or
    /// `false`.
    pub fn struct_(&mut self, bools: PatId, p: PatId) -> PatId {
        self.add(Kind::Struct { bools, p })
    }

    /// Keeps the events of `p` where `bools` is true, with the rhythm of `p`.
    pub fn mask(&mut self, bools: PatId, p: PatId) -> PatId {
        self.add(Kind::Mask { bools, p })
    }

    /// `p` in the rhythm of `pulses` spread evenly over `steps`, rotated right.
    pub fn euclid(
        &mut self,
        pulses: impl Into<Factor>,
        steps: impl Into<Factor>,
        rotation: impl Into<Factor>,
        p: PatId,
    ) -> PatId {
        let (pulses, steps, rotation) =
            (self.settle(pulses.into()), self.settle(steps.into()), self.settle(rotation.into()));
        match (pulses, steps, rotation) {
            (Factor::Fixed(k), Factor::Fixed(n), Factor::Fixed(r)) => {
                let mut out = [false; MAX_STEPS];
                let len = euclid(k.floor(), n.floor(), r.floor(), &mut out);
                if len == 0 {
                    return self.silence;
                }
                let start = self.score.rhythms.len() as u32;
                self.score.rhythms.extend_from_slice(&out[..len]);
                self.add(Kind::Euclid { p, rhythm: List { start, len: len as u32 } })
            }
            _ => self.add(Kind::EuclidBy { p, pulses, steps, rotation }),
        }
    }

    /// As [`euclid`](Self::euclid), each event held until the next.
    pub fn euclid_legato(&mut self, pulses: i64, steps: i64, rotation: i64, p: PatId) -> PatId {
        let mut out = [false; MAX_STEPS];
        let len = euclid(pulses, steps, 0, &mut out);
        let Some(first) = out[..len].iter().position(|&b| b) else {
            return self.silence;
        };
        let one = self.pure(Value::Num(1.0));
        let mut parts: Vec<(Ratio, PatId)> = Vec::new();
        for i in 0..len {
            match (out[(first + i) % len], parts.last_mut()) {
                (false, Some(last)) => last.0 = last.0 + Ratio::ONE,
                _ => parts.push((Ratio::ONE, one)),
            }
        }
        let bools = self.seq(&parts);
        let held = self.struct_(bools, p);
        self.late(held, Ratio::new((first as i64).saturating_add(rotation), len as i64))
    }

    /// Drops events with a probability.
    pub fn degrade(&mut self, p: PatId, prob: f64, seed: u64) -> PatId {
        self.add(Kind::Degrade { p, prob, seed, keep: false })
    }

    /// Keeps exactly the events that [`degrade`](Self::degrade) with the same seed would drop.
    pub fn undegrade(&mut self, p: PatId, prob: f64, seed: u64) -> PatId {
        self.add(Kind::Degrade { p, prob, seed, keep: true })
    }

    /// One of several, chosen anew each cycle.
    pub fn choose(&mut self, pats: &[PatId], seed: u64) -> PatId {
        match pats {
            [] => self.silence,
            [one] => *one,
            _ => {
                let list = self.list(pats);
                self.add(Kind::Choose { list, seed })
            }
        }
    }

    /// Sets a field of the events of `p` to the value that `from` has at their onset. A `freq` given as a note becomes Hz.
    pub fn with_field(&mut self, p: PatId, field: FieldId, from: PatId) -> PatId {
        self.add(Kind::Field { p, field, from })
    }

    /// Numbers become notes: degree `n` of a scale. `steps` are semitones above `root_midi` within `period`; degrees wrap in
    /// both directions and round down. Notes, and words that name notes, stay what they are.
    pub fn scale(&mut self, p: PatId, root_midi: f64, steps: &[f64], period: f64) -> PatId {
        let start = self.score.tables.len() as u32;
        self.score.tables.extend_from_slice(steps);
        let steps = List { start, len: steps.len() as u32 };
        self.add(Kind::Scale { p, root: root_midi, steps, period })
    }

    /// Words such as `c4`, `eb`, `f#2` and plain numbers (MIDI) become notes; the octave is 3 if none is given.
    pub fn to_notes(&mut self, p: PatId) -> PatId {
        self.add(Kind::ToNotes { p })
    }

    /// Only the events of a word, with or without a tail.
    pub fn filter_word(&mut self, p: PatId, sym: Sym) -> PatId {
        self.add(Kind::Filter { p, sym })
    }
}
