//! What bends time: backwards, every other cycle, repeats, loops, swing.
//!
//! Each of these is an affine map of time within some cell (a cycle, a loop, a swing cell): ask the child for the image of the
//! span, map the answer back. Maps that differ from cell to cell cut the span at the cells' edges.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::node::Factor;
use super::query::Query;
use super::{Event, PatId, Ratio};

impl Query<'_> {
    #[inline(never)]
    pub fn rev(&mut self, p: PatId, begin: Ratio, end: Ratio) {
        self.cycles(begin, end, |q, c, b, e| {
            // Reflects a time in the middle of its cycle.
            let m = Ratio::int(c.saturating_mul(2).saturating_add(1));
            let from = q.out.len();
            q.ask(p, m - e, m - b);
            for e in q.out.events.iter_mut().skip(from) {
                e.whole = (m - e.whole.1, m - e.whole.0);
                e.part = (m - e.part.1, m - e.part.0);
            }
        });
    }

    #[inline(never)]
    pub fn every(&mut self, n: Factor, last: bool, (a, b): (PatId, PatId), begin: Ratio, end: Ratio) {
        self.with_factor(n, begin, end, &mut |q, n, begin, end| {
            let n = n.floor();
            q.cycles(begin, end, |q, c, from, to| {
                let hit = n >= 1 && c.rem_euclid(n) == if last { n - 1 } else { 0 };
                q.ask(if hit { a } else { b }, from, to);
            });
        });
    }

    #[inline(never)]
    pub fn repeat(&mut self, p: PatId, n: Ratio, begin: Ratio, end: Ratio) {
        if !n.is_positive() {
            return;
        }
        self.cycles(begin, end, |q, c, b, e| {
            let source = (Ratio::int(c) / n).floor();
            let shift = Ratio::int(c.saturating_sub(source));
            let from = q.out.len();
            q.ask(p, b - shift, e - shift);
            q.map_time(from, |t| t + shift);
        });
    }

    #[inline(never)]
    pub fn linger(&mut self, p: PatId, by: Ratio, begin: Ratio, end: Ratio) {
        let len = if by.is_negative() { -by } else { by };
        self.cycles(begin, end, |q, c, b, e| {
            // Where in the cycle the piece that is played again and again begins.
            let start = Ratio::int(c) + if by.is_negative() { Ratio::ONE - len } else { Ratio::ZERO };
            let mut turn = ((b - Ratio::int(c)) / len).floor();
            loop {
                let cell = Ratio::int(c) + len * Ratio::int(turn);
                if cell >= e || !q.spend() {
                    break;
                }
                let shift = cell - start;
                let from = q.out.len();
                q.ask(p, b.max(cell) - shift, e.min(cell + len) - shift);
                q.map_time(from, |t| t + shift);
                turn = turn.saturating_add(1);
            }
        });
    }

    #[inline(never)]
    pub fn ribbon(&mut self, p: PatId, offset: Ratio, len: Ratio, begin: Ratio, end: Ratio) {
        let mut at = begin;
        while at < end && self.spend() {
            let turn = (at / len).floor();
            let cell = (len * Ratio::int(turn), len * Ratio::int(turn.saturating_add(1)));
            let next = cell.1.min(end);
            let shift = cell.0 - offset;
            let from = self.out.len();
            self.ask(p, at - shift, next - shift);
            self.map_time(from, |t| t + shift);
            // What sounds into the loop starts with it; what sounds out of it ends with it.
            for e in self.out.events.iter_mut().skip(from).filter(|e| !e.continuous) {
                e.whole = (e.whole.0.max(cell.0), e.whole.1.min(cell.1));
            }
            if next <= at {
                break;
            }
            at = next;
        }
    }

    #[inline(never)]
    pub fn chunk(&mut self, (a, b): (PatId, PatId), n: i64, back: bool, begin: Ratio, end: Ratio) {
        self.cycles(begin, end, |q, c, from, to| {
            let slot = if back { c.saturating_neg().rem_euclid(n) } else { c.rem_euclid(n) };
            let cell = (Ratio::int(c) + Ratio::new(slot, n), Ratio::int(c) + Ratio::new(slot + 1, n));
            q.ask(b, from, to.min(cell.0));
            q.ask(a, from.max(cell.0), to.min(cell.1));
            q.ask(b, from.max(cell.1), to);
        });
    }

    /// Straight time to swung time is a broken line in each cell; it rises everywhere, so nothing need be cut.
    #[inline(never)]
    pub fn swing(&mut self, p: PatId, amount: Ratio, per_cycle: i64, begin: Ratio, end: Ratio) {
        let n = Ratio::int(per_cycle);
        let half = Ratio::new(1, 2);
        let bend = |t: Ratio, from: Ratio, to: Ratio| {
            let t = t * n;
            let cell = Ratio::int(t.floor());
            let x = t - cell;
            let y = if x < from { x * to / from } else { to + (x - from) * (Ratio::ONE - to) / (Ratio::ONE - from) };
            (cell + y) / n
        };
        let from = self.out.len();
        self.ask(p, bend(begin, amount, half), bend(end, amount, half));
        self.map_time(from, |t| bend(t, half, amount));
    }

    /// Replaces each event of `p` by what `f` makes of it in place of the event.
    pub fn each(&mut self, p: PatId, begin: Ratio, end: Ratio, mut f: impl FnMut(&mut Self, Event)) {
        let from = self.out.len();
        self.ask(p, begin, end);
        let to = self.out.len();
        for i in from..to {
            let event = self.out.events[i];
            f(self, event);
        }
        self.out.events.drain(from..to);
    }

    #[inline(never)]
    pub fn ply(&mut self, p: PatId, n: Factor, begin: Ratio, end: Ratio) {
        self.with_factor(n, begin, end, &mut |q, n, begin, end| {
            if !n.is_positive() {
                return;
            }
            q.each(p, begin, end, |q, event| {
                let step = (event.whole.1 - event.whole.0) / n;
                if event.continuous || !step.is_positive() {
                    q.out.push(event);
                    return;
                }
                // The inner pattern stands at the cycle in which the event begins: that matters when n is not whole.
                let len = event.whole.1 - event.whole.0;
                let origin = event.whole.0 - len * Ratio::int(event.whole.0.floor());
                let mut turn = ((event.part.0 - origin) / step).floor();
                while q.spend() {
                    let cell = (origin + step * Ratio::int(turn), origin + step * Ratio::int(turn.saturating_add(1)));
                    if cell.0 >= event.part.1 {
                        break;
                    }
                    let whole = (cell.0.max(event.whole.0), cell.1.min(event.whole.1));
                    let part = (cell.0.max(event.part.0), cell.1.min(event.part.1));
                    if part.0 < part.1 {
                        q.out.push(Event { whole, part, ..event });
                    }
                    turn = turn.saturating_add(1);
                }
            });
        });
    }

    #[inline(never)]
    pub fn press(&mut self, p: PatId, by: Ratio, begin: Ratio, end: Ratio) {
        let from = self.out.len();
        self.ask(p, begin, end);
        self.retain(from, |e| {
            if e.continuous {
                return true;
            }
            e.whole.0 = e.whole.0 + (e.whole.1 - e.whole.0) * by;
            e.part.0 = e.part.0.max(e.whole.0);
            e.part.0 < e.part.1
        });
    }
}
