//! Puts what waits for the loop last.
//!
//! A loop can run no faster than the way from what was kept of the last sample to what is kept of this one. In
//! `y = ((b * x + c * y') + d * x')` the way leads through a product and two sums; as `(b * x + d * x') + c * y'` through one
//! fused operation, and all the rest is computed outside of the loop, over time. So factors and terms of a loop are ordered by
//! the time at which they are there: first what does not come from the loop, last what comes from the value that was ready last.
//!
//! Nothing moves outside of loops, where only throughput counts and order costs nothing, but for sums of many terms: those
//! become trees, whose branches do not wait for each other. And in a loop a sum only moves if all of the loop's own terms but one are
//! products of which nothing else knows: what rounding loses is then no more than it was, and compensated sums, whose terms
//! are plain, stay as they are.

use crate::graph::check::{GraphInfo, known};
use crate::graph::ops::Op;
use crate::graph::{Graph, Node, NodeId, operands};
use crate::passes::gather::{Uses, uses};
use crate::passes::share::{Builder, rebuild};
use smallvec::{SmallVec, smallvec};

/// Sums of so many terms become trees.
const MANY: usize = 8;

/// How many terms a branch of a tree has.
const BRANCHES: usize = 4;

/// Reorders products and sums. Nodes come out in order.
pub fn reassociate(graph: &Graph) -> Graph {
    let info = known(graph);
    let find = Find { graph, info: &info, uses: &uses(graph), looped: looped(graph, &info) };
    let arrival = arrival(graph, &info, &find.looped);
    let mut new: Vec<NodeId> = vec![NodeId(0); graph.nodes.len()];
    rebuild(graph, &info.order, |b, id, node| {
        let built = match graph.node(id) {
            Node::Op(op, _) if find.category(*op).is_some() && !find.inner(id) => {
                let product = find.category(*op) == Some(true);
                let mut parts = find.parts(id, product);
                let moved =
                    |parts: &[Part]| parts.iter().map(|(n, away)| (new[n.index()], *away)).collect::<Vec<Part>>();
                if find.looped[id.index()] && parts.len() > 2 && (product || find.weighted(&parts, id)) {
                    parts.sort_by_key(|(n, _)| if find.together(*n, id) { arrival[n.index()] } else { i64::MIN });
                    Some(chain(b, product, &moved(&parts)))
                } else if !product && !find.looped[id.index()] && parts.len() >= MANY {
                    Some(tree(b, moved(&parts)))
                } else {
                    None
                }
            }
            _ => None,
        };
        let built = built.unwrap_or_else(|| b.add(node));
        new[id.index()] = built;
        built
    })
}

/// A factor or term: the node, and whether it is taken away.
type Part = (NodeId, bool);
/// Mostly few.
type Parts = SmallVec<[Part; 8]>;

struct Find<'a> {
    graph: &'a Graph,
    info: &'a GraphInfo,
    uses: &'a Uses,
    /// Nodes that are part of a loop within the quantum.
    looped: Vec<bool>,
}

impl Find<'_> {
    /// True for products, false for sums.
    fn category(&self, op: Op) -> Option<bool> {
        match op {
            Op::Mul => Some(true),
            Op::Add | Op::Sub => Some(false),
            _ => None,
        }
    }

    /// True when both are in the same loop.
    fn together(&self, a: NodeId, b: NodeId) -> bool {
        self.looped[a.index()] && self.info.scc[a.index()] == self.info.scc[b.index()]
    }

    /// True when a value is part of its only user's product or sum.
    fn inner(&self, id: NodeId) -> bool {
        let Some(user) = self.uses.only[id.index()] else { return false };
        let (Node::Op(op, _), Node::Op(outer, _)) = (self.graph.node(id), self.graph.node(user)) else { return false };
        self.category(*op).is_some()
            && self.category(*op) == self.category(*outer)
            && self.info.lanes[id.index()] == self.info.lanes[user.index()]
    }

    /// The factors or terms in their order.
    fn parts(&self, root: NodeId, product: bool) -> Parts {
        let (mut parts, mut work): (Parts, Parts) = (Parts::new(), smallvec![(root, false)]);
        while let Some((id, away)) = work.pop() {
            match self.graph.node(id) {
                Node::Op(op, args) if self.category(*op) == Some(product) && (id == root || self.inner(id)) => {
                    work.push((args[1], away ^ (*op == Op::Sub)));
                    work.push((args[0], away));
                }
                _ => parts.push((id, away)),
            }
        }
        parts
    }

    /// True when all terms from the loop but one are products that nothing else needs.
    fn weighted(&self, parts: &[Part], root: NodeId) -> bool {
        let plain =
            |id: NodeId| self.uses.count[id.index()] > 1 || !matches!(self.graph.node(id), Node::Op(Op::Mul, _));
        parts.iter().filter(|(n, _)| self.together(*n, root) && plain(*n)).count() <= 1
    }
}

/// One after another.
fn chain(b: &mut Builder, product: bool, parts: &[Part]) -> NodeId {
    let mut parts: Vec<Part> = parts.to_vec();
    // Something that is not taken away comes first, if there is such a thing.
    if let Some(first) = parts.iter().position(|p| !p.1) {
        let first = parts.remove(first);
        parts.insert(0, first);
    }
    let (start, away) = parts[0];
    let mut sum = start;
    if away {
        sum = b.add(Node::Op(Op::Neg, smallvec![sum]));
    }
    for &(n, away) in &parts[1..] {
        let op = match (product, away) {
            (true, _) => Op::Mul,
            (false, false) => Op::Add,
            (false, true) => Op::Sub,
        };
        sum = b.add(Node::Op(op, smallvec![sum, n]));
    }
    sum
}

/// A tree: sums of neighbours, then sums of these. Neighbours in a text are tracks that rest together, and a branch whose
/// terms all sleep sleeps with them ([`crate::graph::idle`]).
fn tree(b: &mut Builder, mut terms: Vec<Part>) -> NodeId {
    while terms.len() > 1 {
        terms = terms.chunks(BRANCHES).map(|some| (chain(b, false, some), false)).collect();
    }
    terms[0].0
}

/// Which nodes are part of a loop within the quantum.
fn looped(graph: &Graph, info: &GraphInfo) -> Vec<bool> {
    let mut size = vec![0; info.scc_count as usize];
    info.scc.iter().for_each(|&c| size[c as usize] += 1);
    let own = |(id, node): (usize, &Node)| match node {
        // A cell that keeps itself is a loop of one.
        Node::Read(c) => graph.cells[c.index()].next == Some(NodeId(id as u32)),
        _ => false,
    };
    let alone: Vec<bool> = graph.nodes.iter().enumerate().map(own).collect();
    (0..graph.nodes.len()).map(|id| size[info.scc[id] as usize] > 1 || alone[id]).collect()
}

/// When each value of a loop is there, in cycles of a machine. What was kept is there the earlier the earlier it was
/// computed in the sample before: that is found in a first round, in which all of it is there at once.
fn arrival(graph: &Graph, info: &GraphInfo, looped: &[bool]) -> Vec<i64> {
    let mut arrival = vec![0; graph.nodes.len()];
    for round in 0..2 {
        let last = arrival.clone();
        for &id in info.order.iter().filter(|id| looped[id.index()]) {
            let same = |n: &NodeId| looped[n.index()] && info.scc[n.index()] == info.scc[id.index()];
            arrival[id.index()] = match graph.node(id) {
                Node::Read(c) if round > 0 => {
                    graph.cells[c.index()].next.filter(same).map_or(0, |n| last[n.index()]) - FAR
                }
                node => {
                    operands(node).iter().filter(|n| same(n)).map(|n| arrival[n.index()]).max().unwrap_or(-FAR)
                        + latency(node)
                }
            };
        }
    }
    arrival
}

/// Before everything that a loop computes.
const FAR: i64 = 1 << 32;

/// Cycles until a value is there.
fn latency(node: &Node) -> i64 {
    match node {
        Node::Op(Op::Div | Op::Sqrt, _) => 12,
        Node::Op(Op::Neg | Op::Abs | Op::Min | Op::Max | Op::Select, _) => 2,
        Node::Op(op, _) => 4 * i64::from(op.weight().min(4)),
        Node::Tap(..) | Node::Peek(..) => 8,
        _ => 1,
    }
}
