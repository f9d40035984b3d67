//! Building a score: the rest of the pattern functions.
//!
//! Many of them are only other ways to combine the common ones; those with a node of their own are the ones that need it.

use super::node::{Curve, Factor, JoinMode, Kind, Operator, Scope, Signal};
use super::timeline::SetId;
use super::{PatId, Ratio, ScoreBuilder, Value};

/// Most numbers of a `run` and steps of an `iter`.
const MAX_RUN: i64 = 1024;

impl ScoreBuilder {
    /// The clip of a set that is launched; `clips` are its patterns. Position 0 of a clip is where it was launched.
    pub fn clips(&mut self, set: SetId, clips: &[PatId]) -> PatId {
        let list = self.list(clips);
        self.add(Kind::Clips { set: set.0, list })
    }

    /// The number of the clip that is launched, held; -1 for none.
    pub fn clip_index(&mut self, set: SetId) -> PatId {
        self.add(Kind::ClipIndex { set: set.0 })
    }

    /// How loud a clip of a set is: 1 while it is launched, else 0, and a line between them where one fades into another.
    pub fn clip_share(&mut self, set: SetId, clip: u32) -> PatId {
        self.add(Kind::ClipShare { set: set.0, clip })
    }

    /// Forwards, then backwards.
    pub fn palindrome(&mut self, p: PatId) -> PatId {
        let back = self.rev(p);
        self.last_of(2, back, p)
    }

    /// Starts one `n`th later each time round; a cycle of `p` lasts for `n`.
    pub fn iter(&mut self, n: i64, p: PatId) -> PatId {
        self.rotations(n, p, 1)
    }

    /// Starts one `n`th earlier each time round.
    pub fn iter_back(&mut self, n: i64, p: PatId) -> PatId {
        self.rotations(n, p, -1)
    }

    fn rotations(&mut self, n: i64, p: PatId, sign: i64) -> PatId {
        let n = n.clamp(0, MAX_RUN);
        let turned: Vec<PatId> = (0..n).map(|i| self.early(p, Ratio::new(sign * i, n))).collect();
        self.cat(&turned)
    }

    /// Repeats each event `n` times within itself.
    pub fn ply(&mut self, p: PatId, n: impl Into<Factor>) -> PatId {
        let n = self.settle(n.into());
        self.add(Kind::Ply { p, n })
    }

    /// Squeezes each cycle between two places of the cycle; silence around it.
    pub fn compress(&mut self, p: PatId, begin: Ratio, end: Ratio) -> PatId {
        if begin > end || begin.is_negative() || end > Ratio::ONE {
            return self.silence();
        }
        self.slots(&[(begin, end, p)])
    }

    /// Speeds up, and plays each cycle once only: silence until the next.
    pub fn fast_gap(&mut self, p: PatId, by: Ratio) -> PatId {
        if !by.is_positive() {
            return self.silence();
        }
        self.slots(&[(Ratio::ZERO, by.recip(), p)])
    }

    /// Only what lies between two places of each cycle, stretched to the whole.
    pub fn zoom(&mut self, p: PatId, begin: Ratio, end: Ratio) -> PatId {
        let len = end - begin;
        if !len.is_positive() {
            return self.silence();
        }
        self.slots(&[(-begin / len, (Ratio::ONE - begin) / len, p)])
    }

    /// The first part of each cycle, over and over; negative: the last part.
    pub fn linger(&mut self, p: PatId, by: Ratio) -> PatId {
        if by.is_zero() { self.silence() } else { self.add(Kind::Linger { p, by }) }
    }

    /// Each cycle `n` times before the next.
    pub fn repeat_cycles(&mut self, p: PatId, n: impl Into<Ratio>) -> PatId {
        let n = n.into();
        match self.kind(p) {
            _ if !n.is_positive() => self.silence(),
            // The same in every cycle anyway.
            Kind::Pure { .. } | Kind::Silence => p,
            _ if n == Ratio::ONE => p,
            _ => self.add(Kind::Repeat { p, n }),
        }
    }

    /// One `n`th of each cycle comes from `transformed`, the next one in the next cycle. As in Strudel each cycle of the
    /// source lasts for `n` cycles then: build both from [`repeat_cycles`](Self::repeat_cycles), or leave it out.
    pub fn chunk(&mut self, n: i64, transformed: PatId, plain: PatId) -> PatId {
        self.chunks(n, transformed, plain, false)
    }

    /// As [`chunk`](Self::chunk), going backwards through the cycle.
    pub fn chunk_back(&mut self, n: i64, transformed: PatId, plain: PatId) -> PatId {
        self.chunks(n, transformed, plain, true)
    }

    fn chunks(&mut self, n: i64, a: PatId, b: PatId, back: bool) -> PatId {
        if n < 1 { self.silence() } else { self.add(Kind::Chunk { a, b, n: n.min(MAX_RUN), back }) }
    }

    /// Pushes every other half of a cell late: a cycle has `per_cycle` cells, and the first half of each takes `amount` of it.
    /// 1/2 is straight; 8 cells swing sixteenths.
    pub fn swing(&mut self, p: PatId, amount: Ratio, per_cycle: i64) -> PatId {
        let amount = amount.max(Ratio::new(1, 100)).min(Ratio::new(99, 100));
        if amount == Ratio::new(1, 2) || per_cycle < 1 {
            return p;
        }
        self.add(Kind::Swing { p, amount, per_cycle })
    }

    /// `transformed` with a probability, else `plain`: for each event, or for each cycle. To move only the chosen events, apply
    /// the function to [`undegrade`](Self::undegrade) and stack it with [`degrade`](Self::degrade) instead.
    pub fn sometimes(&mut self, prob: f64, transformed: PatId, plain: PatId, scope: Scope, seed: u64) -> PatId {
        match scope {
            Scope::Event => {
                let kept = self.degrade(plain, prob, seed);
                let changed = self.undegrade(transformed, prob, seed);
                self.stack(&[kept, changed])
            }
            Scope::Cycle => self.add(Kind::Chance { prob, seed, a: transformed, b: plain }),
        }
    }

    /// Combines values; the rhythm comes from the left.
    pub fn binop(&mut self, op: Operator, left: PatId, right: PatId) -> PatId {
        self.binop_with(op, JoinMode::In, left, right)
    }

    /// Combines values; the rhythm comes from where `join` says.
    pub fn binop_with(&mut self, op: Operator, join: JoinMode, left: PatId, right: PatId) -> PatId {
        self.add(Kind::Binop { op, join, left, right })
    }

    /// A line from one number to another over some cycles from time 0; before it the first value holds, after it the last.
    pub fn ramp(&mut self, from: f64, to: f64, over_cycles: Ratio, curve: Curve) -> PatId {
        self.add(Kind::Ramp { from, to, over: over_cycles, curve })
    }

    /// The numbers 0 to n - 1.
    pub fn run(&mut self, n: i64) -> PatId {
        let steps: Vec<PatId> = (0..n.clamp(0, MAX_RUN)).map(|i| self.pure(Value::Num(i as f64))).collect();
        self.fastcat(&steps)
    }

    /// Samples `p` at `n` equal steps of a cycle.
    pub fn segment(&mut self, n: impl Into<Factor>, p: PatId) -> PatId {
        let one = self.pure(Value::Num(1.0));
        let pulse = self.fast(one, n);
        self.struct_(pulse, p)
    }

    /// Every other cycle squeezed and pushed late, for a broken beat.
    pub fn brak(&mut self, p: PatId) -> PatId {
        let silence = self.silence();
        let half = self.fastcat(&[p, silence]);
        let broken = self.late(half, Ratio::new(1, 4));
        self.last_of(2, broken, p)
    }

    /// Each event begins halfway through itself.
    pub fn press(&mut self, p: PatId) -> PatId {
        self.press_by(p, Ratio::new(1, 2))
    }

    /// Each event begins late by a share of its length.
    pub fn press_by(&mut self, p: PatId, by: Ratio) -> PatId {
        if by.is_negative() || by >= Ratio::ONE { self.silence() } else { self.add(Kind::Press { p, by }) }
    }

    /// Each for a number of cycles, then from the start.
    pub fn arrange(&mut self, sections: &[(Ratio, PatId)]) -> PatId {
        let total = sections.iter().filter(|(n, _)| n.is_positive()).fold(Ratio::ZERO, |sum, (n, _)| sum + *n);
        if !total.is_positive() {
            return self.silence();
        }
        let parts: Vec<_> = sections.iter().map(|&(n, p)| (n, self.fast(p, n))).collect();
        let all = self.seq(&parts);
        self.slow(all, total)
    }

    /// Plays the pattern whose number `selector` gives, as long as it does; numbers are rounded, those outside
    /// take the first or last.
    pub fn pick(&mut self, selector: PatId, pats: &[PatId]) -> PatId {
        self.picked(selector, pats, false, false)
    }

    /// As [`pick`](Self::pick), numbers wrap.
    pub fn pick_wrapped(&mut self, selector: PatId, pats: &[PatId]) -> PatId {
        self.picked(selector, pats, false, true)
    }

    /// Squeezes a cycle of the chosen pattern into each event of `selector`; numbers wrap.
    pub fn squeeze(&mut self, selector: PatId, pats: &[PatId]) -> PatId {
        self.picked(selector, pats, true, true)
    }

    /// As [`squeeze`](Self::squeeze); numbers outside take the first or last.
    pub fn inhabit(&mut self, selector: PatId, pats: &[PatId]) -> PatId {
        self.picked(selector, pats, true, false)
    }

    fn picked(&mut self, selector: PatId, pats: &[PatId], squeeze: bool, wrap: bool) -> PatId {
        if pats.is_empty() {
            return self.silence();
        }
        let list = self.list(pats);
        self.add(Kind::Pick { selector, list, squeeze, wrap })
    }

    /// Loops `cycles` cycles from `offset`.
    pub fn ribbon(&mut self, p: PatId, offset: Ratio, cycles: Ratio) -> PatId {
        if cycles.is_positive() { self.add(Kind::Ribbon { p, offset, len: cycles }) } else { self.silence() }
    }

    /// A continuous pattern in 0..1.
    pub fn signal(&mut self, signal: Signal, seed: u64) -> PatId {
        self.add(Kind::Signal { signal, seed })
    }

    /// Rises from 0 to 1 in each cycle.
    pub fn saw(&mut self) -> PatId {
        self.signal(Signal::Saw, 0)
    }

    /// A sine in 0..1.
    pub fn sine(&mut self) -> PatId {
        self.signal(Signal::Sine, 0)
    }

    /// A triangle in 0..1.
    pub fn tri(&mut self) -> PatId {
        self.signal(Signal::Tri, 0)
    }

    /// 0 in the first half of a cycle, 1 in the second.
    pub fn square(&mut self) -> PatId {
        self.signal(Signal::Square, 0)
    }

    /// White noise in 0..1.
    pub fn rand(&mut self, seed: u64) -> PatId {
        self.signal(Signal::Rand, seed)
    }

    /// Smooth noise in 0..1.
    pub fn perlin(&mut self, seed: u64) -> PatId {
        self.signal(Signal::Perlin, seed)
    }

    /// 0..1 becomes `low..high`.
    pub fn range(&mut self, p: PatId, low: f64, high: f64) -> PatId {
        let (span, base) = (self.pure(Value::Num(high - low)), self.pure(Value::Num(low)));
        let scaled = self.binop(Operator::Mul, p, span);
        self.binop(Operator::Add, scaled, base)
    }
}
