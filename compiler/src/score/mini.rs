//! The notation as patterns.
//!
//! Follows Strudel wherever it and Tidal differ: operators apply in the order they are written, `!n` is n cycles' worth of the
//! step squeezed into its place, a rhythm masks what it is applied to, and rotation goes right.

use super::node::{Factor, Kind};
use super::random::combine;
use super::{PatId, Ratio, ScoreBuilder, Tail, Value};
use crate::lang::pattern::{Atom, Element, Group, Join, Mini, Op, Sequence, Step};

/// Longest range that becomes a plain sequence while building.
const MAX_RANGE: i64 = 1024;

/// What is the same for a whole text.
#[derive(Clone, Copy)]
struct Text {
    origin: u32,
    seed: u64,
}

impl ScoreBuilder {
    /// The pattern of a text. `origin` names the text in the events' `pattern`; `path_hash` is that of the binding, so that
    /// the same text elsewhere drops other notes.
    pub fn mini(&mut self, mini: &Mini, origin: u32, path_hash: u64) -> PatId {
        let text = Text { origin, seed: path_hash };
        self.mini_group(&mini.body, text)
    }

    fn mini_group(&mut self, group: &Group, text: Text) -> PatId {
        let parts: Vec<PatId> = group.parts.iter().map(|s| self.mini_sequence(s, text).0).collect();
        match group.join {
            Join::Stack => self.stack(&parts),
            Join::Choose(n) => self.choose(&parts, combine(text.seed, u64::from(n))),
        }
    }

    /// A sequence and its number of steps.
    fn mini_sequence(&mut self, sequence: &Sequence, text: Text) -> (PatId, Ratio) {
        let parts: Vec<(Ratio, PatId)> =
            sequence.steps.iter().map(|step| (Ratio::from_f64(step.weight), self.mini_step(step, text))).collect();
        let total = parts.iter().fold(Ratio::ZERO, |sum, (w, _)| sum + *w);
        (self.seq(&parts), total)
    }

    fn mini_element(&mut self, element: &Element, text: Text) -> PatId {
        match element {
            Element::Rest => self.silence(),
            Element::Atom(atom) => self.mini_atom(atom, text),
            Element::Sub(group) => self.mini_group(group, text),
            Element::Slow(group) => {
                let parts: Vec<PatId> = group
                    .parts
                    .iter()
                    .map(|s| {
                        let (p, steps) = self.mini_sequence(s, text);
                        self.slow(p, steps)
                    })
                    .collect();
                self.stack(&parts)
            }
            Element::Poly { group, steps } => {
                let parts: Vec<(PatId, Ratio)> = group.parts.iter().map(|s| self.mini_sequence(s, text)).collect();
                let base = match steps {
                    Some(steps) => Factor::Pattern(self.mini_element(steps, text)),
                    None => Factor::Fixed(parts.first().map_or(Ratio::ONE, |p| p.1)),
                };
                let parts: Vec<PatId> =
                    parts.into_iter().map(|(p, n)| self.fast_scaled(p, base, n.recip(), false)).collect();
                self.stack(&parts)
            }
        }
    }

    fn mini_atom(&mut self, atom: &Atom, text: Text) -> PatId {
        let value = match atom.number {
            Some(x) => Value::Num(x),
            None => Value::Word(self.sym(&atom.text)),
        };
        self.pure_at(value, Tail::default(), (atom.span.start, atom.span.end), text.origin)
    }

    fn mini_step(&mut self, step: &Step, text: Text) -> PatId {
        let mut p = self.mini_element(&step.element, text);
        for op in &step.ops {
            p = match op {
                Op::Fast(by) => {
                    let by = self.mini_element(by, text);
                    self.fast(p, by)
                }
                Op::Slow(by) => {
                    let by = self.mini_element(by, text);
                    self.slow(p, by)
                }
                Op::Repeat(n) => {
                    let n = Ratio::from_f64(*n);
                    let repeated = self.repeat_cycles(p, n);
                    self.fast(repeated, n)
                }
                Op::Drop { prob, seed } => self.degrade(p, *prob, combine(text.seed, u64::from(*seed))),
                Op::Euclid { pulses, steps, rotation } => {
                    let pulses = self.mini_step(pulses, text);
                    let steps = self.mini_step(steps, text);
                    let rotation = match rotation {
                        Some(r) => Factor::Pattern(self.mini_step(r, text)),
                        None => Factor::Fixed(Ratio::ZERO),
                    };
                    self.euclid(pulses, steps, rotation, p)
                }
                Op::Tail(element) => {
                    let right = self.mini_element(element, text);
                    self.mini_tail(p, right)
                }
                Op::Chord(parts) => {
                    self.mini_chord(p, parts, step.span, &mut |b, element| b.mini_element(element, text))
                }
                Op::Range(element) => {
                    let right = self.mini_element(element, text);
                    self.mini_range(p, right)
                }
            };
        }
        p
    }

    fn mini_tail(&mut self, left: PatId, right: PatId) -> PatId {
        match (self.kind(left), self.kind(right)) {
            (Kind::Pure { value, mut tail, source, pattern }, Kind::Pure { value: next, source: (_, end), .. }) => {
                tail.push(next);
                self.pure_at(value, tail, (source.0, end), pattern)
            }
            _ => self.add(Kind::Tail { left, right }),
        }
    }

    fn mini_range(&mut self, left: PatId, right: PatId) -> PatId {
        if let (Kind::Pure { value: Value::Num(a), source, pattern, .. }, Kind::Pure { value: Value::Num(b), .. }) =
            (self.kind(left), self.kind(right))
        {
            let n = ((b - a).abs().floor() as i64).clamp(0, MAX_RANGE - 1) + 1;
            let sign = if a < b { 1.0 } else { -1.0 };
            let steps: Vec<PatId> = (0..n)
                .map(|i| self.pure_at(Value::Num(a + sign * i as f64), Tail::default(), source, pattern))
                .collect();
            return self.fastcat(&steps);
        }
        self.add(Kind::Range { left, right })
    }
}
