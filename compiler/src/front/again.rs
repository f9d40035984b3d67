//! Segments that come again under other numbers.
//!
//! A statement that was edited is elaborated again, and what comes of it has numbers of its own in the arenas. Often it is the same for
//! all that a graph is: another note is another pattern, another cutoff another parameter, another name another place. So before
//! a segment is made of it, it is held beside what the segment of that name was made of, node by node. If they differ in nothing that the
//! stages behind ask for, the segment stays and gets the new numbers.
//!
//! These stages ask for more than the form: what a voice is before notes hangs on the signs of parameters, and which feedbacks are long on
//! the values of those that delays are made of. Only segments of one part are compared, and none with kernels.

use crate::front::layout::Pieces;
use crate::front::parts::{Ends, Part};
use crate::front::segment::{Segment, Wish};
use crate::front::settle::Plan;
use crate::front::stand_ins::is_hollow;
use crate::graph::*;
use crate::program::{FieldSource, Unit};
use rustc_hash::FxHashMap as HashMap;
use std::ops::Range;

/// What a segment was made of.
pub(super) struct Made {
    /// The number of the name of its part.
    pub word: u32,
    pieces: Pieces,
    bodies: Vec<Range<u32>>,
    outs: Vec<(OutKind, NodeId, FrameId)>,
    /// What others want, whatever stands for it.
    sources: Vec<NodeId>,
    /// Parameters of numbers that are copied from other parts.
    lent: Vec<ParamId>,
}

impl Made {
    /// Notes what a segment is made of; nothing if that is more than one part.
    pub fn of(plan: &Plan<'_>, wish: &Wish<'_>, lent: Vec<ParamId>) -> Option<Made> {
        let [part] = wish.parts[..] else { return None };
        Some(Made {
            word: part.word,
            pieces: part.pieces.clone(),
            bodies: part.bodies.clone(),
            outs: outs(part),
            sources: wish.wanted.iter().map(|id| plan.source(*id)).collect(),
            lent,
        })
    }
}

fn outs(part: &Part) -> Vec<(OutKind, NodeId, FrameId)> {
    part.outs.iter().map(|out| (out.kind, out.node, out.frame)).collect()
}

/// From the numbers of what a part made to those of another.
struct Numbers<'e> {
    from: &'e [(Ends, Ends)],
    to: &'e [(Ends, Ends)],
    params: HashMap<ParamId, ParamId>,
    back: HashMap<ParamId, ParamId>,
}

type Of = fn(&Ends) -> u32;
const NODES: Of = |ends| ends.nodes;
const CELLS: Of = |ends| ends.cells;
const RINGS: Of = |ends| ends.rings;
const FRAMES: Of = |ends| ends.frames;
const ROWS: Of = |ends| ends.rows;
const UNITS: Of = |ends| ends.units;

impl Numbers<'_> {
    /// The other number; the same for what is not of the part.
    fn at(&self, of: Of, id: u32) -> u32 {
        let mut before = 0;
        for (from, to) in self.from {
            if (of(from)..of(to)).contains(&id) {
                let mut nth = before + id - of(from);
                for (from, to) in self.to {
                    let count = of(to) - of(from);
                    if nth < count {
                        return of(from) + nth;
                    }
                    nth -= count;
                }
                return u32::MAX;
            }
            before += of(to) - of(from);
        }
        id
    }

    /// All numbers of both, side by side; nothing if they are not as many.
    fn pairs(&self, of: Of) -> Option<impl Iterator<Item = (usize, usize)> + use<>> {
        let all = |pieces: &[(Ends, Ends)]| pieces.iter().map(|(from, to)| of(from)..of(to)).collect::<Vec<_>>();
        let count = |all: &[Range<u32>]| all.iter().map(|range| range.len()).sum::<usize>();
        let (from, to) = (all(self.from), all(self.to));
        let index = |ranges: Vec<Range<u32>>| ranges.into_iter().flatten().map(|id| id as usize);
        (count(&from) == count(&to)).then(|| index(from).zip(index(to)))
    }

    fn node(&self, id: NodeId) -> NodeId {
        NodeId(self.at(NODES, id.0))
    }

    fn frame(&self, id: FrameId) -> FrameId {
        FrameId(self.at(FRAMES, id.0))
    }

    /// Both stand for the other, and for nothing else.
    fn pair(&mut self, old: ParamId, new: ParamId) -> bool {
        *self.params.entry(old).or_insert(new) == new && *self.back.entry(new).or_insert(old) == old
    }

    /// Whether what was made under the old numbers is what was made under the new ones.
    fn alike(&mut self, plan: &Plan<'_>, units: &[Unit]) -> Option<bool> {
        let arena = plan.arena;
        for (old, new) in self.pairs(NODES)? {
            let (a, b) = (&arena.nodes[old], &arena.nodes[new]);
            let same = match (a, b) {
                (Node::Const(t, x), Node::Const(u, y)) => t == u && x == y,
                (Node::Param(p), Node::Param(q)) => self.pair(*p, *q),
                (Node::Row(r), Node::Row(s)) => self.at(ROWS, r.0) == s.0,
                (Node::Frame, Node::Frame) => true,
                (Node::Input(x), Node::Input(y)) => x == y,
                (Node::Op(x, _), Node::Op(y, _)) => x == y,
                (Node::Read(c), Node::Read(d)) => self.at(CELLS, c.0) == d.0,
                (Node::Tap(r, _), Node::Tap(s, _)) => self.at(RINGS, r.0) == s.0,
                (Node::Peek(s, _), Node::Peek(t, _)) => s == t,
                (Node::Shuffle(_, x), Node::Shuffle(_, y)) => x == y,
                (Node::Reduce(_, x), Node::Reduce(_, y)) => x == y,
                (Node::Join(_), Node::Join(_)) if is_hollow(a) => {
                    let behind = |id: usize| plan.aliases.get(&NodeId(id as u32)).copied();
                    behind(old).map(|x| self.node(x)) == behind(new)
                }
                (Node::Join(_), Node::Join(_)) | (Node::Line(_), Node::Line(_)) => true,
                _ => false,
            };
            let (x, y) = (operands(a), operands(b));
            if !same || x.len() != y.len() || !x.iter().zip(y).all(|(x, y)| self.node(*x) == *y) {
                return None;
            }
        }
        let cells = self.pairs(CELLS)?.all(|(old, new)| {
            let (a, b) = (&arena.cells[old], &arena.cells[new]);
            (a.ty, a.lanes, a.init, &a.name) == (b.ty, b.lanes, b.init, &b.name)
                && self.frame(a.frame) == b.frame
                && a.next.map(|x| self.node(x)) == b.next
        });
        let rings = self.pairs(RINGS)?.all(|(old, new)| {
            let (a, b) = (&arena.rings[old], &arena.rings[new]);
            (a.lanes, a.capacity, &a.name) == (b.lanes, b.capacity, &b.name)
                && self.frame(a.frame) == b.frame
                && a.input.map(|x| self.node(x)) == b.input
                && a.kernel.is_none()
                && b.kernel.is_none()
        });
        let frames = self
            .pairs(FRAMES)?
            .all(|(old, new)| arena.frames[old].parent.map(|parent| self.frame(parent)) == arena.frames[new].parent);
        let rows = self.pairs(ROWS)?.all(|(old, new)| {
            let (a, b) = (&arena.rows[old], &arena.rows[new]);
            (self.at(UNITS, a.unit), a.field, a.lanes) == (b.unit, b.field, b.lanes)
        });
        let gate = |unit: &Unit| unit.fields.iter().map(|f| f.source == FieldSource::Gate).collect::<Vec<_>>();
        let units = self.pairs(UNITS)?.all(|(old, new)| {
            let (a, b) = (&units[old], &units[new]);
            self.frame(a.frame) == b.frame && a.voices == b.voices && gate(a) == gate(b)
        });
        Some(cells && rings && frames && rows && units)
    }
}

impl Segment {
    /// Gives the segment the numbers of another part of which the same comes, if that is so. Of the ports the caller knows.
    pub fn comes_again(&mut self, plan: &Plan<'_>, units: &[Unit], wish: &Wish<'_>) -> bool {
        let ([part], Some(made)) = (&wish.parts[..], &self.made) else { return false };
        let mut numbers =
            Numbers { from: &made.pieces, to: &part.pieces, params: HashMap::default(), back: HashMap::default() };
        let arena = plan.arena;
        let wanted = |(old, new): (&NodeId, &NodeId)| numbers.node(*old) == *new;
        let source = |(old, new): (&NodeId, &NodeId)| numbers.node(*old) == plan.source(*new);
        let body = |(old, new): (&Range<u32>, &Range<u32>)| {
            old.len() == new.len() && old.clone().zip(new.clone()).all(|(old, new)| numbers.at(NODES, old) == new)
        };
        let out = |(old, new): (&(OutKind, NodeId, FrameId), &Out)| {
            (old.0, numbers.node(old.1), numbers.frame(old.2)) == (new.kind, new.node, new.frame)
        };
        let outside = self.wanted.len() == wish.wanted.len()
            && self.wanted.iter().zip(&wish.wanted).all(wanted)
            && made.sources.iter().zip(&wish.wanted).all(source)
            && made.bodies.len() == part.bodies.len()
            && made.bodies.iter().zip(&part.bodies).all(body)
            && made.outs.len() == part.outs.len()
            && made.outs.iter().zip(&part.outs).all(out)
            && self.ports.iter().all(|(id, given)| wish.known.get(id) == Some(given));
        if !outside
            || !made.lent.iter().all(|param| numbers.pair(*param, *param))
            || numbers.alike(plan, units) != Some(true)
        {
            return false;
        }
        let bits = |p: &ParamId| arena.params[p.index()].value.to_bits();
        let fits = |((old, ..), timed): (&(ParamId, NodeId, u32), &bool)| {
            let new = numbers.params.get(old).unwrap_or(old);
            (bits(old) ^ bits(new)) & if *timed { u32::MAX } else { 1 << 31 } == 0
        };
        if !self.params.iter().zip(&self.timed).all(fits) {
            return false;
        }
        self.graph.cells.iter_mut().for_each(|cell| cell.frame = numbers.frame(cell.frame));
        self.graph.rings.iter_mut().for_each(|ring| ring.frame = numbers.frame(ring.frame));
        for (out, (_, nth)) in self.graph.outs.iter_mut().zip(&self.outs) {
            (out.name, out.frame) = (part.outs[*nth].name.clone(), part.outs[*nth].frame);
        }
        for (param, node, word) in &mut self.params {
            *param = numbers.params.get(param).copied().unwrap_or(*param);
            *node = numbers.node(*node);
            *word = plan.word(*node);
        }
        self.rows.iter_mut().for_each(|row| row.0 = numbers.at(ROWS, row.0));
        self.outs.iter_mut().for_each(|(serial, _)| *serial = part.serial);
        self.serials = vec![part.serial];
        self.wanted.clone_from(&wish.wanted);
        let lent = made.lent.clone();
        self.made = Made::of(plan, wish, lent);
        true
    }
}
