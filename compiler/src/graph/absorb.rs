//! Computing with what is known of the values of a part that sleeps.
//!
//! A value either keeps its bits from quantum to quantum, or is zero of either sign, or moves. The rules below say what an
//! operation makes of that; they hold for every frame of a sleep, whatever the values are. Cells begin as held: what reads them then
//! keeps its bits, and if what is written to them does, too, that is so until something outside changes. Where it does not, zero is
//! tried: a filter whose coefficients move stays empty while its input is zero. If that fails the part is refused.
//!
//! A factor that keeps its bits may be infinite, and then its product with zero is no zero. No rule looks at that: a part falls asleep
//! only after a quantum in which its cells were seen to stay as the rules say, with that very factor.

use super::bank::unsigned;
use super::bounds::{Bounds, bounds};
use super::check::GraphInfo;
use super::idle::{LARGEST, Part, Parts, settled};
use super::ops::{Op, canonical};
use super::{Graph, Node, NodeId, Rate, Ty, operands};
use rustc_hash::FxHashSet as HashSet;

/// What is known of a value during a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// The bits of quantum after quantum are the same.
    Held,
    /// Always +0.
    Zero,
    /// Zero of a sign that stays.
    Empty,
    /// Zero, but its sign may change.
    Signed,
    /// Moves, but is a finite number.
    Finite,
    /// Anything.
    Any,
}
use Known::{Any, Empty, Finite, Held, Signed, Zero};

impl Known {
    fn held(self) -> bool {
        matches!(self, Held | Empty | Zero)
    }

    fn zero(self) -> bool {
        matches!(self, Zero | Empty | Signed)
    }
}

/// How a cell behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Keeps its bits.
    Held,
    /// Keeps its bits, which are zero.
    Empty,
    /// Zero of either sign.
    Zero,
    /// Counts.
    Running,
}

/// What is asked of a part that sleeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// That its memory keeps its bits, whatever they are.
    Held,
    /// That zero is chosen wherever notes can choose it, too.
    Chosen,
    /// That memory which is no envelope's is empty, too.
    Empty,
}

struct Proof<'a> {
    graph: &'a Graph,
    info: &'a GraphInfo,
    bounds: Vec<Option<Bounds>>,
    known: Vec<Known>,
    cells: Vec<Kind>,
    /// Rings known to be zero while their part sleeps.
    rings: Vec<bool>,
    /// Values that only parameters move, and such values of the sample before.
    still: Vec<bool>,
    /// Values that notes decide.
    noted: &'a [bool],
    guards: Vec<NodeId>,
    wish: Wish,
}

/// Fills in what each part must be like to sleep. Parts that cannot come back, with the reason. `noted` are the values that rows of
/// notes have a say in. Banks that cannot become part of what they were taken out of: their numbers come second.
pub fn absorb(graph: &Graph, info: &GraphInfo, noted: &[bool], parts: &mut Parts) -> (Vec<(u8, String)>, Vec<u8>) {
    let (mut refused, mut merged): (Vec<(u8, String)>, Vec<u8>) = (Vec::new(), Vec::new());
    let wanted = (0..graph.nodes.len() as u32).map(NodeId).filter(|n| info.ty[n.index()] == Ty::F32);
    let mut proof = Proof {
        graph,
        info,
        bounds: bounds(graph, &info.order, wanted, |_| Bounds::new(-LARGEST, LARGEST)),
        known: Vec::new(),
        cells: vec![Kind::Held; graph.cells.len()],
        rings: vec![false; graph.rings.len()],
        still: settled(graph, info),
        noted,
        guards: Vec::new(),
        wish: Wish::Held,
    };
    proof.known = (0..graph.nodes.len() as u32).map(|n| proof.moving(NodeId(n))).collect();
    for part in 1..=parts.parts.len() as u8 {
        let nodes: Vec<NodeId> = info.order.iter().copied().filter(|n| parts.of[n.index()] == part).collect();
        // What is asked for least comes first: the more must be zero, the later a part sleeps.
        let at = usize::from(part) - 1;
        let mut asked = |wish| {
            let found = proof.part(&nodes, part, parts, wish)?;
            match &parts.parts[at].bank {
                Some(bank) if !bank.sums.iter().all(|sum| proof.adds_nothing(*sum)) => Err("its sums keep more".into()),
                _ => Ok(found),
            }
        };
        let found = asked(Wish::Held).or_else(|_: String| asked(Wish::Chosen)).or_else(|_| asked(Wish::Empty));
        for (ring, place) in proof.rings.iter_mut().zip(&parts.ring).filter(|(_, place)| **place == part) {
            *ring = found.is_ok() && *place == part;
        }
        match found {
            Ok(mut found) => {
                found.needs.retain(|need| refused.iter().all(|(other, _)| other != need));
                found.units = std::mem::take(&mut parts.parts[at].units);
                found.bank = parts.parts[at].bank.take();
                parts.parts[at] = found;
            }
            Err(why) => {
                for &id in &nodes {
                    proof.known[id.index()] = proof.moving(id);
                }
                if parts.parts[at].bank.is_some() {
                    let home = (at + 1..parts.parts.len()).find(|i| parts.parts[*i].bank.is_none()).unwrap_or(at);
                    nodes.iter().for_each(|id| parts.of[id.index()] = home as u8 + 1);
                    merged.push(part);
                } else {
                    refused.push((part, why));
                }
            }
        }
    }
    (refused, merged)
}

impl Proof<'_> {
    /// A value that is computed all the time.
    fn moving(&self, id: NodeId) -> Known {
        let finite = self.bounds[id.index()].is_some_and(|b| !b.nan && b.low.is_finite() && b.high.is_finite());
        match self.graph.node(id) {
            Node::Const(ty, bits) => {
                if bits.iter().all(|&b| canonical(*ty, b) == 0) {
                    Zero
                } else {
                    Held
                }
            }
            _ if self.still[id.index()] => Held,
            _ if finite => Finite,
            _ => Any,
        }
    }

    /// Proves that a part can sleep.
    fn part(&mut self, nodes: &[NodeId], part: u8, parts: &Parts, wish: Wish) -> Result<Part, String> {
        let graph = self.graph;
        let mut cells: Vec<usize> = Vec::new();
        for &id in nodes {
            if let Node::Read(c) = graph.node(id) {
                cells.push(c.index());
            }
        }
        cells.sort_unstable();
        cells.dedup();
        let rings: Vec<usize> = (0..graph.rings.len()).filter(|&r| parts.ring[r] == part).collect();
        rings.iter().for_each(|&r| self.rings[r] = true);
        self.wish = wish;
        // At first all that is not known better is taken as held; what cannot be is found by going round.
        let envelopes = self.behind(&self.guards);
        for &c in &cells {
            let free = wish == Wish::Empty && !envelopes[c] && graph.cells[c].ty == Ty::F32;
            self.cells[c] = match self.counts(c) {
                true => Kind::Running,
                false if free => Kind::Empty,
                false => Kind::Held,
            };
        }
        loop {
            self.guards.clear();
            for &id in nodes {
                self.known[id.index()] = self.node(id);
            }
            let mut changed = false;
            for &c in &cells {
                let next = graph.cells[c].next.map_or(Any, |n| self.known[n.index()]);
                let fits = match self.cells[c] {
                    Kind::Held => next.held(),
                    Kind::Empty => next.held() && next.zero(),
                    // What keeps its bits and was seen to be zero stays so.
                    Kind::Zero => next.zero() || next.held(),
                    Kind::Running => self.step(c).is_some_and(|n| self.known[n.index()].held()),
                };
                if fits {
                    continue;
                }
                let name = || format!("`{}` of `{}`", graph.cells[c].name, graph.path(graph.cells[c].frame));
                if self.cells[c] == Kind::Empty && !next.zero() {
                    self.cells[c] = Kind::Held;
                    changed = true;
                } else if matches!(self.cells[c], Kind::Held | Kind::Empty) && graph.cells[c].ty == Ty::F32 {
                    self.cells[c] = Kind::Zero;
                    changed = true;
                } else {
                    let next = graph.cells[c].next.map_or(0, |n| n.0);
                    return Err(format!("{} goes on changing (%{next}: {})", name(), self.why(graph.cells[c].next)));
                }
            }
            if !changed {
                break;
            }
        }
        for &r in &rings {
            let input = graph.rings[r].input.map_or(Any, |n| self.known[n.index()]);
            if !(input.zero() || input.held()) {
                let (place, why) = (graph.path(graph.rings[r].frame), self.why(graph.rings[r].input));
                return Err(format!("the delay line of `{place}` never empties ({why})"));
            }
        }
        let banks = self.heard(nodes, part, parts)?;
        let mut found = Part { guards: self.guards.clone(), needs: banks, ..Part::default() };
        found.guards.sort_unstable();
        found.guards.dedup();
        for &c in &cells {
            match self.cells[c] {
                Kind::Held => found.held.push(super::CellId(c as u32)),
                Kind::Zero | Kind::Empty => found.zero.push(super::CellId(c as u32)),
                Kind::Running => found.running.push(super::CellId(c as u32)),
            }
        }
        found.held.extend(self.before(nodes, &cells));
        found.rings = rings.iter().map(|&r| super::RingId(r as u32)).collect();
        for &id in nodes {
            let fed = match graph.node(id) {
                Node::Read(c) => graph.cells[c.index()].next.map(|n| parts.of[n.index()]),
                Node::Tap(r, _) => Some(parts.ring[r.index()]),
                _ => None,
            };
            found.needs.extend(operands(graph.node(id)).iter().map(|n| parts.of[n.index()]).chain(fed));
        }
        found.needs.sort_unstable();
        found.needs.dedup();
        // What comes later was taken to move.
        found.needs.retain(|need| *need < part && *need != 0);
        Ok(found)
    }

    /// Cells of other parts in which values that only parameters move are a sample later: that they have come to rest is to be seen.
    fn before(&self, nodes: &[NodeId], own: &[usize]) -> Vec<super::CellId> {
        let (mut found, mut seen) = (Vec::new(), HashSet::default());
        let mut work: Vec<NodeId> = nodes.to_vec();
        while let Some(id) = work.pop() {
            for &n in operands(self.graph.node(id)).iter().filter(|n| self.still[n.index()]) {
                if seen.insert(n) {
                    work.push(n);
                    if let Node::Read(c) = self.graph.node(n)
                        && !own.contains(&c.index())
                    {
                        found.push(*c);
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// True if the terms of a sum are zeros that change no other term.
    fn adds_nothing(&self, sum: NodeId) -> bool {
        operands(self.graph.node(sum)).iter().all(|x| match self.known[x.index()] {
            Zero => true,
            Empty => unsigned(self.graph, sum),
            _ => false,
        })
    }

    /// All that others read keeps its bits. The banks that read anything: they may, since they sleep before.
    fn heard(&self, nodes: &[NodeId], part: u8, parts: &Parts) -> Result<Vec<u8>, String> {
        let graph = self.graph;
        let mut mine = vec![false; graph.nodes.len()];
        nodes.iter().for_each(|n| mine[n.index()] = true);
        let mut heard: Vec<NodeId> = graph.outs.iter().map(|out| out.node).collect();
        let mut banks = Vec::new();
        for (node, &place) in graph.nodes.iter().zip(&parts.of).filter(|(_, place)| **place != part) {
            let fed = if let Node::Read(c) = node { graph.cells[c.index()].next } else { None };
            let read = operands(node).iter().copied().chain(fed);
            if place != 0 && place < part && parts.parts[usize::from(place) - 1].bank.is_some() {
                banks.extend(read.filter(|n| mine[n.index()]).map(|_| place));
            } else {
                heard.extend(read);
            }
        }
        for (ring, _) in graph.rings.iter().zip(&parts.ring).filter(|(_, place)| **place != part) {
            heard.extend(ring.input);
        }
        match heard.iter().find(|n| mine[n.index()] && !self.known[n.index()].held()) {
            None => Ok(banks),
            Some(id) => Err(format!("%{} never comes to rest ({})", id.0, self.why(Some(*id)))),
        }
    }

    /// The first value on the way to another of which nothing is known.
    fn why(&self, from: Option<NodeId>) -> String {
        let Some(mut id) = from else { return String::new() };
        let mut seen = vec![false; self.graph.nodes.len()];
        while !std::mem::replace(&mut seen[id.index()], true) {
            let known = |n: &NodeId| self.known[n.index()];
            let args = operands(self.graph.node(id));
            let worst = args.iter().find(|n| known(n) == Any).or(args.iter().find(|n| known(n) == Finite));
            match worst {
                Some(next) => id = *next,
                None => break,
            }
        }
        format!("%{} is {:?}", id.0, self.known[id.index()])
    }

    /// True for `x <= c`, where `x` is zero and `c` a constant that is not below.
    fn above(&self, id: NodeId) -> bool {
        let Node::Op(Op::Le, args) = self.graph.node(id) else { return false };
        let above = |bits: &u32| f32::from_bits(*bits) >= 0.0;
        let limit = matches!(self.graph.node(args[1]), Node::Const(Ty::F32, bits) if bits.iter().all(above));
        limit && self.known[args[0].index()].zero()
    }

    /// The cells that some values are made of.
    fn behind(&self, values: &[NodeId]) -> Vec<bool> {
        let (mut cells, mut seen) = (vec![false; self.graph.cells.len()], vec![false; self.graph.nodes.len()]);
        let mut work = values.to_vec();
        while let Some(id) = work.pop() {
            if std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            work.extend(operands(self.graph.node(id)));
            if let Node::Read(c) = self.graph.node(id) {
                cells[c.index()] = true;
                work.extend(self.graph.cells[c.index()].next);
            }
        }
        cells
    }

    /// What a counter adds, if a cell is one.
    fn step(&self, cell: usize) -> Option<NodeId> {
        let own = |n: NodeId| matches!(self.graph.node(n), Node::Read(c) if c.index() == cell);
        match self.graph.node(self.graph.cells[cell].next?) {
            Node::Op(Op::Iadd, args) if own(args[0]) => Some(args[1]),
            Node::Op(Op::Iadd, args) if own(args[1]) => Some(args[0]),
            _ => None,
        }
    }

    fn counts(&self, cell: usize) -> bool {
        self.graph.cells[cell].ty == Ty::I32 && self.step(cell).is_some()
    }

    fn node(&mut self, id: NodeId) -> Known {
        let graph = self.graph;
        let of = |n: NodeId| self.known[n.index()];
        match graph.node(id) {
            // What a sample holds may come late.
            Node::Const(..) | Node::Line(_) | Node::Frame | Node::Input(_) | Node::Peek(..) => self.moving(id),
            _ if self.info.rate[id.index()] < Rate::Sample => Held,
            Node::Row(_) | Node::Param(_) => Held,
            Node::Read(c) => match self.cells[c.index()] {
                Kind::Held => Held,
                Kind::Empty => Empty,
                Kind::Zero => Signed,
                Kind::Running => Any,
            },
            Node::Tap(r, _) if self.rings[r.index()] => Signed,
            Node::Tap(..) => Finite,
            Node::Shuffle(x, _) => of(*x),
            Node::Reduce(x, _) => match of(*x) {
                Finite => self.moving(id),
                known => known,
            },
            Node::Join(args) => {
                let all = |test: fn(Known) -> bool| args.iter().all(|&n| test(of(n)));
                match () {
                    () if all(|k| k == Zero) => Zero,
                    () if all(|k| k.held() && k.zero()) => Empty,
                    () if all(Known::held) => Held,
                    () if all(Known::zero) => Signed,
                    () if all(|k| k != Any) => self.moving(id),
                    () => Any,
                }
            }
            Node::Op(op, args) => self.op(id, *op, args),
        }
    }

    fn op(&mut self, id: NodeId, op: Op, args: &[NodeId]) -> Known {
        let known = |i: usize| self.known[args[i].index()];
        let moving = self.moving(id);
        let all = |test: fn(Known) -> bool| args.iter().all(|n| test(self.known[n.index()]));
        // Neither sign of zero nor anything that moves: a fixed function of what keeps its bits.
        let blind = |k: Known| k.held() || k.zero();
        match op {
            Op::Select | Op::Iselect => {
                let (x, y) = (known(1), known(2));
                let held = known(0).held();
                if known(0).zero() {
                    // Should it be no number after all, `x` would be chosen: that is looked at, unless it is the same then.
                    if args[0] != args[1] && !(x.held() || x.zero()) {
                        self.guards.push(args[0]);
                    }
                    return y;
                }
                // An envelope that has ended. What it shuts in may have come to rest before it, as a filter that is read a sample
                // late; then it is still better to know that zero is chosen.
                let product = matches!(self.graph.node(args[1]), Node::Op(Op::Mul, _));
                let chooses =
                    if (product || self.wish != Wish::Held) && y == Zero { !x.zero() } else { !x.held() && y.held() };
                if held && chooses && self.noted[args[0].index()] {
                    self.guards.push(args[0]);
                    return y;
                }
                match () {
                    () if held && x.held() && y.held() && x.zero() && y.zero() => Empty,
                    () if all(Known::held) => Held,
                    () if x.zero() && y.zero() => Signed,
                    () if op == Op::Select && (x.zero() || x == Finite) && (y.zero() || y == Finite) => Finite,
                    () => moving,
                }
            }
            // Zero is not above any size.
            Op::Not if self.above(args[0]) => Zero,
            Op::Add => sum(known(0), known(1), moving),
            Op::Sub if all(|k| k == Zero) => Zero,
            Op::Sub => sum(known(0), negative(known(1)), moving),
            Op::Mul => product(known(0), known(1), moving),
            Op::Fma => sum(product(known(0), known(1), Finite), known(2), moving),
            Op::Fms => sum(product(known(0), known(1), Finite), negative(known(2)), moving),
            Op::Fnma => sum(negative(product(known(0), known(1), Finite)), known(2), moving),
            _ if all(|k| k == Zero) && matches!(op, Op::Abs | Op::Sqrt | Op::Floor | Op::Trunc | Op::Finite) => Zero,
            Op::Abs if known(0).zero() => Zero,
            Op::Neg | Op::Sqrt | Op::Floor | Op::Ceil | Op::Trunc | Op::Round | Op::Finite if known(0).zero() => {
                signed(known(0).held())
            }
            Op::Min | Op::Max if all(Known::zero) => signed(all(Known::held)),
            Op::Div if known(0).zero() && known(1) == Held => signed(known(0).held()),
            _ if all(Known::held) => Held,
            Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne | Op::And | Op::Or | Op::Not if all(blind) => Held,
            Op::Toint | Op::Phase | Op::Exponent | Op::Mantissa | Op::Pow2i if all(blind) => Held,
            // What a sign decides may differ after the sleep.
            Op::Copysign if known(0).zero() => Signed,
            Op::Copysign | Op::Div | Op::Bits if args.iter().any(|n| self.known[n.index()] == Signed) => Any,
            _ => moving,
        }
    }
}

/// Zero, whose sign stays or may change.
fn signed(held: bool) -> Known {
    if held { Empty } else { Signed }
}

fn negative(x: Known) -> Known {
    if x == Zero { Empty } else { x }
}

fn sum(x: Known, y: Known, moving: Known) -> Known {
    match (x, y) {
        (Zero, y) if y.zero() => Zero,
        (x, Zero) if x.zero() => Zero,
        _ if x.zero() && y.zero() => signed(x.held() && y.held()),
        _ if x.held() && y.held() => Held,
        _ if x == Any || y == Any => Any,
        _ => moving,
    }
}

fn product(x: Known, y: Known, moving: Known) -> Known {
    match (x, y) {
        (Any, _) | (_, Any) => Any,
        _ if x.zero() || y.zero() => signed(x.held() && y.held()),
        _ if x.held() && y.held() => Held,
        _ => moving,
    }
}
