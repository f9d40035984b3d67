//! Parts that come again, and stay where they are.
//!
//! A statement that was edited is elaborated again, and so is one that asked for something that is another now. Often the same comes of it,
//! for all that a graph is: another note is another pattern, another cutoff another parameter, another name another place. So when a
//! part is done, it is held beside what the part of that name made in the text before, value by value. If they differ in nothing that the
//! stages behind ask for, the new part takes the place of the old one: parameters, names and patterns are written there, and what was made is
//! thrown away.
//!
//! ```text
//! before     track a: %7 .. %12     track b: %13 .. %40
//! a, edited  track a: %41 .. %46    the same, but for a parameter in %43: written to %9, and %41 .. are free again
//! ```
//!
//! So whoever refers to a signal of the part goes on referring to it, and the arenas do not grow. What was made of the part, its segment,
//! gets the new parameters, unless these stages would come to something else: what a voice is before notes hangs on the signs of parameters,
//! and which feedbacks are long on the values of those that delays are made of.
//!
//! Only parts in one piece are compared, and none with kernels. A part whose statement still stands in the text stays what it is.

use crate::front::elab::Elab;
use crate::front::parts::{Ends, Part};
use crate::front::segment::{Segment, Wish};
use crate::front::settle::Plan;
use crate::front::stand_ins::is_hollow;
use crate::front::value::{Sig, Value};
use crate::graph::ops::Op;
use crate::graph::*;
use crate::passes::cut::Limit;
use crate::program::{FieldSource, Unit};
use rustc_hash::FxHashMap as HashMap;
use std::ops::Range;
use std::sync::Arc;

/// How a part that took the place of another differs from it.
pub(super) struct Again {
    /// The number of the other.
    pub before: u64,
    /// The other had another name.
    renamed: bool,
    /// Its parameters, each with the one that is there now; those that are not among them are what they were.
    params: Option<HashMap<ParamId, ParamId>>,
    /// The same of constants that chance starts from.
    pub seeds: Vec<Chance>,
}

/// The words of a constant that chance starts from, as they were and as they are.
type Chance = (Vec<u32>, Vec<u32>);

impl Again {
    /// For a part that was given some other numbers where it is.
    pub fn with(before: u64, params: HashMap<ParamId, ParamId>) -> Again {
        Again { before, renamed: false, params: Some(params), seeds: Vec::new() }
    }

    /// True if some number is another than under this name before.
    fn differs(&self) -> bool {
        self.renamed || !self.seeds.is_empty() || self.params.iter().flatten().any(|(old, new)| old != new)
    }
}

/// From the numbers of what a part made to those of another.
struct Numbers<'e> {
    from: &'e [(Ends, Ends)],
    to: &'e [(Ends, Ends)],
    params: HashMap<ParamId, ParamId>,
    back: HashMap<ParamId, ParamId>,
    seeds: Vec<(NodeId, NodeId)>,
}

type Of = fn(&Ends) -> u32;
fn of_nodes(ends: &Ends) -> u32 {
    ends.nodes
}
fn of_cells(ends: &Ends) -> u32 {
    ends.cells
}
fn of_rings(ends: &Ends) -> u32 {
    ends.rings
}
fn of_frames(ends: &Ends) -> u32 {
    ends.frames
}
fn of_rows(ends: &Ends) -> u32 {
    ends.rows
}
fn of_units(ends: &Ends) -> u32 {
    ends.units
}

/// The number in one list of pieces for that in another; the same for what is in none.
#[inline]
fn renumbered(from: &[(Ends, Ends)], to: &[(Ends, Ends)], of: impl Fn(&Ends) -> u32, id: u32) -> u32 {
    if let ([(begin, end)], [(other, _)]) = (from, to) {
        return if (of(begin)..of(end)).contains(&id) { id - of(begin) + of(other) } else { id };
    }
    let mut before = 0;
    for (begin, end) in from {
        if (of(begin)..of(end)).contains(&id) {
            let mut nth = before + id - of(begin);
            for (begin, end) in to {
                let count = of(end) - of(begin);
                if nth < count {
                    return of(begin) + nth;
                }
                nth -= count;
            }
            return u32::MAX;
        }
        before += of(end) - of(begin);
    }
    id
}

/// True where a seed meets the time. Nothing is known of what comes of that; elsewhere somebody might have looked at the number.
fn is_timed(arena: &Graph, node: &Node) -> bool {
    matches!(node, Node::Op(Op::Ixor, args) if args.iter().any(|x| matches!(arena.node(*x), Node::Frame)))
}

impl Numbers<'_> {
    #[inline]
    fn at(&self, of: impl Fn(&Ends) -> u32, id: u32) -> u32 {
        renumbered(self.from, self.to, of, id)
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
        NodeId(self.at(of_nodes, id.0))
    }

    fn frame(&self, id: FrameId) -> FrameId {
        FrameId(self.at(of_frames, id.0))
    }

    /// Both stand for the other, and for nothing else.
    fn pair(&mut self, old: ParamId, new: ParamId) -> bool {
        *self.params.entry(old).or_insert(new) == new && *self.back.entry(new).or_insert(old) == old
    }

    fn is_seed(&self, id: NodeId) -> bool {
        self.seeds.iter().any(|(seed, _)| *seed == id)
    }

    /// Whether what was made under the old numbers is what was made under the new ones.
    fn alike(&mut self, arena: &Graph, aliases: &HashMap<NodeId, NodeId>, units: &[Unit]) -> Option<bool> {
        for (old, new) in self.pairs(of_nodes)? {
            let (a, b) = (&arena.nodes[old], &arena.nodes[new]);
            let same = match (a, b) {
                (Node::Const(t, x), Node::Const(u, y)) if t == u && x == y => true,
                (Node::Const(Ty::I32, x), Node::Const(Ty::I32, y)) if x.len() == y.len() => {
                    self.seeds.push((NodeId(old as u32), NodeId(new as u32)));
                    true
                }
                (Node::Param(p), Node::Param(q)) => self.pair(*p, *q),
                (Node::Row(r), Node::Row(s)) => self.at(of_rows, r.0) == s.0,
                (Node::Frame, Node::Frame) => true,
                (Node::Input(x), Node::Input(y)) => x == y,
                (Node::Op(x, _), Node::Op(y, _)) => x == y,
                (Node::Read(c), Node::Read(d)) => self.at(of_cells, c.0) == d.0,
                (Node::Tap(r, _), Node::Tap(s, _)) => self.at(of_rings, r.0) == s.0,
                (Node::Peek(s, _), Node::Peek(t, _)) => s == t,
                (Node::Shuffle(_, x), Node::Shuffle(_, y)) => x == y,
                (Node::Reduce(_, x), Node::Reduce(_, y)) => x == y,
                (Node::Join(_), Node::Join(_)) if is_hollow(a) => {
                    let behind = |id: usize| aliases.get(&NodeId(id as u32)).copied();
                    behind(old).map(|x| self.node(x)) == behind(new)
                }
                (Node::Join(_), Node::Join(_)) | (Node::Line(_), Node::Line(_)) => true,
                _ => false,
            };
            let (x, y) = (operands(a), operands(b));
            if !same || x.len() != y.len() || !x.iter().zip(y).all(|(x, y)| self.node(*x) == *y) {
                return None;
            }
            if !self.seeds.is_empty() && x.iter().any(|x| self.is_seed(*x)) && !is_timed(arena, a) {
                return None;
            }
        }
        let cells = self.pairs(of_cells)?.all(|(old, new)| {
            let (a, b) = (&arena.cells[old], &arena.cells[new]);
            (a.ty, a.lanes, a.init, &a.name) == (b.ty, b.lanes, b.init, &b.name)
                && self.frame(a.frame) == b.frame
                && a.next.map(|x| self.node(x)) == b.next
                && !a.next.is_some_and(|x| self.is_seed(x))
        });
        let rings = self.pairs(of_rings)?.all(|(old, new)| {
            let (a, b) = (&arena.rings[old], &arena.rings[new]);
            (a.lanes, a.capacity, &a.name) == (b.lanes, b.capacity, &b.name)
                && self.frame(a.frame) == b.frame
                && a.input.map(|x| self.node(x)) == b.input
                && a.kernel.is_none()
                && b.kernel.is_none()
        });
        let frames = self
            .pairs(of_frames)?
            .all(|(old, new)| arena.frames[old].parent.map(|parent| self.frame(parent)) == arena.frames[new].parent);
        let rows = self.pairs(of_rows)?.all(|(old, new)| {
            let (a, b) = (&arena.rows[old], &arena.rows[new]);
            (self.at(of_units, a.unit), a.field, a.lanes) == (b.unit, b.field, b.lanes)
        });
        let gate = |unit: &Unit| unit.fields.iter().map(|f| f.source == FieldSource::Gate).collect::<Vec<_>>();
        let units = self.pairs(of_units)?.all(|(old, new)| {
            let (a, b) = (&units[old], &units[new]);
            self.frame(a.frame) == b.frame && a.voices == b.voices && gate(a) == gate(b)
        });
        Some(cells && rings && frames && rows && units)
    }

    /// The same of what leads out of a part.
    fn lead_alike(&self, old: &Part, new: &Part) -> bool {
        // What is made one after another stays so.
        let body = |(old, new): (&Range<u32>, &Range<u32>)| {
            let end = |range: &Range<u32>, last: u32| if range.is_empty() { range.end } else { last + 1 };
            let last = self.at(of_nodes, old.end.wrapping_sub(1));
            old.len() == new.len() && self.at(of_nodes, old.start) == new.start && end(new, last) == new.end
        };
        let out = |(old, new): (&Out, &Out)| {
            (old.kind, self.node(old.node), self.frame(old.frame)) == (new.kind, new.node, new.frame)
        };
        old.bodies.len() == new.bodies.len()
            && old.bodies.iter().zip(&new.bodies).all(body)
            && old.outs.len() == new.outs.len()
            && old.outs.iter().zip(&new.outs).all(out)
            && old.node.map(|node| self.node(node)) == new.node
            && !new.node.is_some_and(|node| self.seeds.iter().any(|(_, seed)| *seed == node))
    }

    /// Constants that chance starts from, and what they are now; nothing if they cannot be told from others.
    fn chances(&self, arena: &Graph) -> Option<Vec<Chance>> {
        let bits = |id: NodeId| if let Node::Const(_, bits) = arena.node(id) { bits.clone() } else { Vec::new() };
        let mut seeds: Vec<Chance> = Vec::new();
        for (old, new) in &self.seeds {
            let (old, new) = (bits(*old), bits(*new));
            match seeds.iter().find(|(known, _)| *known == old) {
                Some((_, known)) if *known == new => {}
                Some(_) => return None,
                // Stages put zeros where there were none.
                None if old.iter().all(|word| *word == 0) => return None,
                None => seeds.push((old, new)),
            }
        }
        let told_apart = |(old, new): (usize, usize)| match (&arena.nodes[old], &arena.nodes[new]) {
            (Node::Const(Ty::I32, a), Node::Const(Ty::I32, b)) => a != b || seeds.iter().all(|(old, _)| old != a),
            _ => true,
        };
        (seeds.is_empty() || self.pairs(of_nodes)?.all(told_apart)).then_some(seeds)
    }
}

impl Elab<'_> {
    /// Lets a part that was just made take the place of another of which the same came, if that is so. The other is gone then. `of_same`:
    /// both are of one statement, whatever that is called.
    pub(super) fn take_place(&mut self, part: &mut Part, old: &Part, of_same: bool) -> bool {
        let now = self.ends();
        let (from, whole) = match part.pieces[..] {
            [] => (now, true),
            [(from, to)] => (from, to == now),
            _ => return false,
        };
        if !whole || !old.keep || !part.keep {
            return false;
        }
        let (params, back) = (HashMap::default(), HashMap::default());
        let mut numbers = Numbers { from: &old.pieces, to: &part.pieces, params, back, seeds: Vec::new() };
        if numbers.alike(&self.graph, &self.aliases, &self.units) != Some(true) || !numbers.lead_alike(old, part) {
            return false;
        }
        let Some(seeds) = numbers.chances(&self.graph) else { return false };
        let pairs = |of: Of| numbers.pairs(of).into_iter().flatten();
        for (at, new) in pairs(of_nodes) {
            if let Node::Param(_) | Node::Const(Ty::I32, _) = self.graph.nodes[new] {
                self.graph.nodes[at] = self.graph.nodes[new].clone();
            }
        }
        let frames = Arc::make_mut(&mut self.graph.frames);
        for (at, new) in pairs(of_frames) {
            let (a, b) = (&frames[at], &frames[new]);
            if (a.named, a.hint) == (b.named, b.hint) && a.label == b.label {
                continue;
            }
            frames[at] = Frame { parent: frames[at].parent, ..frames[new].clone() };
        }
        for (at, new) in pairs(of_units) {
            self.units[at] = Unit { frame: self.units[at].frame, ..self.units[new].clone() };
        }
        let params = std::mem::take(&mut numbers.params);
        let (to, of) = (Arc::clone(&old.pieces), Arc::clone(&part.pieces));
        let node = |id: NodeId| NodeId(renumbered(&of, &to, of_nodes, id.0));
        let frame = |id: FrameId| FrameId(renumbered(&of, &to, of_frames, id.0));
        let ring = |id: RingId| RingId(renumbered(&of, &to, of_rings, id.0));
        let said: Vec<NodeId> = self.said.extract_if(.., |id| id.0 >= from.nodes).collect();
        for id in said {
            if let Some(name) = self.named.remove(&id) {
                self.named.insert(node(id), name);
            }
            self.aliases.remove(&id);
        }
        part.node = part.node.map(node);
        part.value = part.value.take().and_then(|value| value.renumbered(&|id| Some(node(id)), &|id| Some(ring(id))));
        part.outs.iter_mut().for_each(|out| (out.node, out.frame) = (node(out.node), frame(out.frame)));
        part.sends.iter_mut().for_each(|(_, sent)| *sent = node(*sent));
        part.seeds.iter_mut().for_each(|(seed, _)| *seed = node(*seed));
        part.calls.iter_mut().for_each(|call| call.renumber(node, frame));
        part.bodies.clone_from(&old.bodies);
        part.refs.clone_from(&old.refs);
        // Sets of clips stay where they were made.
        let mut pieces = old.pieces.to_vec();
        pieces.iter_mut().for_each(|(a, b)| (a.sets, b.sets) = (now.sets, now.sets));
        if let Some(first) = pieces.first_mut() {
            first.0.sets = from.sets;
        }
        (part.pieces, part.closed) = (pieces.into(), old.closed);
        part.again =
            Some(Again { before: old.serial, renamed: old.word != part.word && !of_same, params: Some(params), seeds });
        self.truncate(from);
        true
    }

    /// Takes what was made since these ends out of the arenas.
    pub(super) fn cut_off(&mut self, from: Ends) {
        for id in self.said.extract_if(.., |id| id.0 >= from.nodes) {
            self.named.remove(&id);
            self.aliases.remove(&id);
        }
        self.truncate(from);
    }

    fn truncate(&mut self, from: Ends) {
        self.graph.nodes.truncate(from.nodes as usize);
        self.graph.cells.truncate(from.cells as usize);
        self.graph.rings.truncate(from.rings as usize);
        Arc::make_mut(&mut self.graph.frames).truncate(from.frames as usize);
        Arc::make_mut(&mut self.graph.rows).truncate(from.rows as usize);
        self.units.truncate(from.units as usize);
        // They are remembered by the numbers of places.
        self.guesses.clear();
    }

    /// Gives a part the seed of this text, where it needs nothing else. False if somebody might have looked at the numbers.
    pub(super) fn seed_anew(&mut self, part: &mut Part) -> bool {
        let seeds: HashMap<NodeId, u64> = part.seeds.iter().copied().collect();
        let arena = &self.graph;
        let own = || part.pieces.iter().flat_map(|(from, to)| &arena.nodes[from.nodes as usize..to.nodes as usize]);
        let meets = |node: &Node| operands(node).iter().any(|x| seeds.contains_key(x));
        let cells = part.pieces.iter().flat_map(|(from, to)| &arena.cells[from.cells as usize..to.cells as usize]);
        let kept = cells.filter_map(|cell| cell.next).any(|x| seeds.contains_key(&x));
        if kept || own().any(|node| meets(node) && !is_timed(arena, node)) {
            return false;
        }
        let mut chances: Vec<Chance> = Vec::with_capacity(seeds.len());
        for (id, place) in &part.seeds {
            let Node::Const(_, old) = arena.node(*id) else { return false };
            if old.iter().all(|word| *word == 0) || chances.iter().any(|(known, _)| known == old) {
                return false;
            }
            chances.push((old.clone(), self.seeds_of(*place, old.len() as u32)));
        }
        let counters =
            |node: &&Node| matches!(node, Node::Const(Ty::I32, bits) if chances.iter().any(|(old, _)| old == bits));
        if own().filter(counters).count() != chances.len() || part.value.as_ref().is_some_and(|v| !self.is_computed(v))
        {
            return false;
        }
        for ((id, _), (_, new)) in part.seeds.iter().zip(&chances) {
            self.graph.nodes[id.index()] = Node::Const(Ty::I32, new.clone());
        }
        part.again = Some(Again { before: part.serial, renamed: false, params: None, seeds: chances });
        true
    }

    /// True if who asked for the value of a part may be told that it is what it was, as far as numbers in its nodes go. They are looked at
    /// where nothing is computed yet.
    pub(super) fn is_as_it_was(&self, part: &Part) -> bool {
        let differs = part.again.as_ref().is_some_and(Again::differs);
        !differs || part.value.as_ref().is_some_and(|value| self.is_computed(value))
    }

    pub(super) fn is_computed(&self, value: &Value<'_>) -> bool {
        let plain = |node: NodeId| {
            matches!(self.graph.node(node), Node::Const(..) | Node::Param(_) | Node::Join(_) | Node::Shuffle(..))
        };
        match value {
            Value::Sig(Sig { node, .. }) => !plain(*node),
            Value::Num(num) => num.live.is_none_or(|node| !plain(node)),
            Value::Array(items) => items.iter().all(|item| self.is_computed(item)),
            _ => true,
        }
    }
}

/// A parameter that a segment has from another part, and the node there.
pub(super) type Lent = (NodeId, ParamId);

impl Segment {
    /// Gives the segment of a part to the one that took its place.
    pub fn comes_again(&mut self, plan: &Plan<'_>, wish: &Wish<'_>, again: &Again) -> bool {
        let [part] = wish.parts[..] else { return false };
        let same = self.serials == [again.before]
            && self.wanted == wish.wanted
            && self.sources.iter().zip(&wish.wanted).all(|(source, id)| *source == plan.source(*id))
            && self.ports.iter().all(|(id, given)| wish.known.get(id) == Some(given));
        if !same
            || !self.takes(plan.arena, |param| {
                Some(again.params.as_ref().and_then(|all| all.get(&param)).copied().unwrap_or(param))
            })
        {
            return false;
        }
        for (out, (_, nth)) in self.graph.outs.iter_mut().zip(&self.outs) {
            (out.name, out.frame) = (part.outs[*nth].name.clone(), part.outs[*nth].frame);
        }
        for node in self.graph.nodes.iter_mut().filter(|_| !again.seeds.is_empty()) {
            if let Node::Const(Ty::I32, bits) = node
                && let Some((_, new)) = again.seeds.iter().find(|(old, _)| old == bits)
            {
                bits.clone_from(new);
            }
        }
        self.params.iter_mut().for_each(|(_, node, word)| *word = plan.word(*node));
        self.outs.iter_mut().for_each(|(serial, _)| *serial = part.serial);
        self.serials = vec![part.serial];
        true
    }

    /// True if the numbers that are copied from other parts are what they were, or do as well.
    pub fn borrows_as_before(&mut self, arena: &Graph) -> bool {
        let moved = |(node, param): &Lent| !matches!(arena.node(*node), Node::Param(p) if p == param);
        !self.lent.iter().any(moved) || self.takes(arena, Some)
    }

    /// Numbers that are copied from other parts are called after these, which may have another name by now.
    pub fn borrows_from(&mut self, plan: &Plan<'_>) {
        if !self.lent.is_empty() {
            self.params.iter_mut().for_each(|(_, node, word)| *word = plan.word(*node));
        }
    }

    /// Gives it other parameters: `own` for those of its part, and what stands now where numbers were copied from. False if the stages that
    /// made it would come to something else.
    fn takes(&mut self, arena: &Graph, own: impl Fn(ParamId) -> Option<ParamId>) -> bool {
        let now = |node: NodeId| if let Node::Param(p) = arena.node(node) { Some(*p) } else { None };
        let mut new: Vec<ParamId> = Vec::with_capacity(self.params.len());
        for ((old, ..), is_own) in self.params.iter().zip(&self.own) {
            let lent = self.lent.iter().filter(|(_, param)| param == old).map(|(node, _)| now(*node));
            let mut all = is_own.then(|| own(*old)).into_iter().chain(lent);
            // Who has it of his own and borrows it, too, has two of them if they part.
            let Some(Some(one)) = all.next() else { return false };
            if !all.all(|other| other == Some(one)) || new.contains(&one) {
                return false;
            }
            new.push(one);
        }
        let bits = |p: ParamId| arena.params[p.index()].value.to_bits();
        let pairs = || self.params.iter().map(|(old, ..)| *old).zip(new.iter().copied());
        let turned = |(old, new)| (bits(old) ^ bits(new)) >> 31 != 0;
        let late = pairs().zip(&self.timed).any(|((old, new), timed)| *timed && bits(old) != bits(new));
        let value = |param: ParamId| arena.params[new[param.index()].index()].value;
        if pairs().any(turned) || late && !Limit::all_hold(&self.limits, &self.graph, value) {
            return false;
        }
        self.lent.iter_mut().for_each(|(node, param)| *param = now(*node).unwrap_or(*param));
        self.params.iter_mut().zip(new).for_each(|((old, ..), new)| *old = new);
        true
    }
}
