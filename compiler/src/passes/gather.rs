//! Brings together what changes only once a quantum, before lines are drawn.
//!
//! In `(x * a) * b`, with a signal x and two knobs, each product would meet a line of its own. As `x * (a * b)` it is one line,
//! and one product of the two is taken once a quantum. Sums likewise. A quotient by a knob becomes a product with its
//! reciprocal, which is drawn as the line: no division for every sample.
//!
//! Like [`super::cross`] this is part of what a graph means, since it decides which value a line is drawn through while a
//! number moves. Only values that nothing else uses are taken apart.

use crate::graph::check::GraphInfo;
use crate::graph::ops::Op;
use crate::graph::{Args, Graph, Node, NodeId, Rate, operands};
use crate::passes::cross::operands_mut;
use smallvec::{SmallVec, smallvec};

/// Brings block-rate factors and terms together. Nodes come out with operands before users.
pub fn gather(graph: &Graph, info: &GraphInfo) -> Graph {
    let uses = uses(graph);
    let mut gather = Gather { graph, info, uses: &uses, out: graph.without_nodes(), new: Vec::new() };
    gather.new = vec![NodeId(0); graph.nodes.len()];
    for &id in &info.order {
        gather.node(id);
    }
    let Gather { mut out, new, .. } = gather;
    let moved = |n: NodeId| new[n.index()];
    out.cells.iter_mut().for_each(|c| c.next = c.next.map(moved));
    out.rings.iter_mut().for_each(|r| r.input = r.input.map(moved));
    out.outs.iter_mut().for_each(|o| o.node = moved(o.node));
    out
}

/// Who uses a value.
pub struct Uses {
    /// How often: by other values, by memory, by outputs.
    pub count: Vec<u32>,
    /// The value that uses it, if nothing else does and it does so once.
    pub only: Vec<Option<NodeId>>,
}

/// Who uses each value.
pub fn uses(graph: &Graph) -> Uses {
    let mut uses = Uses { count: vec![0; graph.nodes.len()], only: vec![None; graph.nodes.len()] };
    let mut used = |n: NodeId, by: Option<NodeId>| {
        uses.count[n.index()] += 1;
        uses.only[n.index()] = by.filter(|_| uses.count[n.index()] == 1);
    };
    for (id, node) in graph.nodes.iter().enumerate() {
        operands(node).iter().for_each(|&n| used(n, Some(NodeId(id as u32))));
    }
    let memory = graph.cells.iter().filter_map(|c| c.next).chain(graph.rings.iter().filter_map(|r| r.input));
    memory.chain(graph.outs.iter().map(|o| o.node)).for_each(|n| used(n, None));
    uses
}

struct Gather<'a> {
    graph: &'a Graph,
    info: &'a GraphInfo,
    uses: &'a Uses,
    out: Graph,
    new: Vec<NodeId>,
}

/// A factor or term: the node, and whether it divides or is taken away.
type Part = (NodeId, bool);
/// Mostly few.
type Parts = SmallVec<[Part; 8]>;

impl Gather<'_> {
    fn node(&mut self, id: NodeId) {
        let mut node = self.graph.node(id).clone();
        if let Node::Op(op, _) = node
            && self.info.rate[id.index()] == Rate::Sample
            && matches!(op, Op::Mul | Op::Div | Op::Add | Op::Sub)
            && !self.inner(id)
        {
            let product = matches!(op, Op::Mul | Op::Div);
            let (samples, blocks) = self.parts(id, product);
            let moving = blocks.iter().filter(|(n, _)| self.info.rate[n.index()] == Rate::Block).count();
            let divides = product && blocks.iter().any(|b| b.1);
            if moving > 1 || (moving == 1 && divides) {
                self.new[id.index()] = self.rebuild(product, &samples, &blocks);
                return;
            }
        }
        operands_mut(&mut node).iter_mut().for_each(|n| *n = self.new[n.index()]);
        self.new[id.index()] = self.out.push(node);
    }

    /// True when a value is part of its only user's product or sum.
    fn inner(&self, id: NodeId) -> bool {
        let Some(user) = self.uses.only[id.index()] else { return false };
        let same = self.info.lanes[id.index()] == self.info.lanes[user.index()];
        let (Node::Op(op, args), Node::Op(outer, of)) = (self.graph.node(id), self.graph.node(user)) else {
            return false;
        };
        let divisor = |args: &Args| self.info.rate[args[1].index()] == Rate::Block;
        same && match (op, outer) {
            (Op::Mul, Op::Mul) | (Op::Add | Op::Sub, Op::Add | Op::Sub) => true,
            (Op::Mul, Op::Div) => of[0] == id && divisor(of),
            (Op::Div, Op::Mul) => divisor(args),
            (Op::Div, Op::Div) => of[0] == id && divisor(of) && divisor(args),
            _ => false,
        }
    }

    /// Takes a product or sum apart. Quotients of samples by samples are left whole.
    fn parts(&self, root: NodeId, product: bool) -> (Parts, Parts) {
        let rate = |n: NodeId| self.info.rate[n.index()];
        let (mut samples, mut blocks) = (Parts::new(), Parts::new());
        let mut work: Parts = smallvec![(root, false)];
        while let Some((id, inverse)) = work.pop() {
            if rate(id) < Rate::Sample {
                blocks.push((id, inverse));
                continue;
            }
            match self.graph.node(id) {
                Node::Op(op, args) if id == root || self.inner(id) => match (product, op) {
                    (true, Op::Div) if rate(args[1]) == Rate::Block => {
                        blocks.push((args[1], true));
                        work.push((args[0], inverse));
                    }
                    (true, Op::Mul) | (false, Op::Add | Op::Sub) => {
                        work.push((args[1], inverse ^ (*op == Op::Sub)));
                        work.push((args[0], inverse));
                    }
                    _ => samples.push((id, inverse)),
                },
                _ => samples.push((id, inverse)),
            }
        }
        (samples, blocks)
    }

    /// The parts of block rate first, in their order, then the samples with them.
    fn rebuild(&mut self, product: bool, samples: &[Part], blocks: &[Part]) -> NodeId {
        let (join, part) = if product { (Op::Mul, Op::Div) } else { (Op::Add, Op::Sub) };
        let block = self.chain(join, part, blocks);
        let sample = self.chain(join, part, samples);
        self.out.push(Node::Op(join, smallvec![sample, block]))
    }

    /// The parts put together, beginning with one that needs no turning round if there is one.
    fn chain(&mut self, join: Op, part: Op, parts: &[Part]) -> NodeId {
        let first = parts.iter().position(|p| !p.1).unwrap_or(0);
        let (start, inverse) = parts[first];
        let mut sum = self.new[start.index()];
        if inverse {
            let neutral = self.out.constant(if join == Op::Mul { 1.0 } else { 0.0 });
            sum = self.out.push(Node::Op(part, smallvec![neutral, sum]));
        }
        for (_, &(n, inverse)) in parts.iter().enumerate().filter(|(i, _)| *i != first) {
            let args: Args = smallvec![sum, self.new[n.index()]];
            sum = self.out.push(Node::Op(if inverse { part } else { join }, args));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::check::check;
    use crate::graph::text;
    use crate::passes::{Passes, optimise};

    /// How many nodes of a kind the optimised graph of a text has: lines, divisions at sample rate.
    fn count(nodes: &str) -> (usize, usize) {
        let text = format!(
            "row 0 unit 0 field 0 lanes 1\nparam 0 in 0 \"a\" 2.0\nparam 1 in 0 \"b\" 3.0\n%0 = row 0\n%1 = param 0\n%2 = param 1\n{nodes}"
        );
        let mut graph = text::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let last = NodeId(graph.nodes.len() as u32 - 1);
        let node = graph.push(Node::Join(vec![last, last]));
        let out = crate::graph::Out {
            name: "master".into(),
            kind: crate::graph::OutKind::Master,
            node,
            frame: crate::graph::FrameId(0),
        };
        graph.outs.push(out);
        let graph = optimise(&graph, Passes::Exact);
        let rate = check(&graph).expect("valid").rate;
        let lines = graph.nodes.iter().filter(|n| matches!(n, Node::Line(_))).count();
        let quotient = |(i, n): (usize, &Node)| matches!(n, Node::Op(Op::Div, _)) && rate[i] == Rate::Sample;
        (lines, graph.nodes.iter().enumerate().filter(|x| quotient(*x)).count())
    }

    #[test]
    fn knobs_meet_before_they_are_drawn() {
        assert_eq!(count("%3 = mul %0 %1\n%4 = mul %3 %2"), (1, 0));
        assert_eq!(count("%3 = mul %1 %0\n%4 = mul %2 %3"), (1, 0));
        assert_eq!(count("%3 = sub %0 %1\n%4 = add %3 %2"), (1, 0));
        assert_eq!(count("%3 = sub %1 %0\n%4 = sub %2 %3"), (1, 0));
        assert_eq!(count("%3 = div %0 %1"), (1, 0));
        assert_eq!(count("%3 = div %0 %1\n%4 = div %3 %2"), (1, 0));
        // What is divided is a knob: nothing to gain.
        assert_eq!(count("%3 = div %1 %0"), (1, 1));
        // A product that is needed elsewhere stays.
        assert_eq!(count("%3 = mul %0 %1\n%4 = mul %3 %2\n%5 = sub %4 %3"), (2, 0));
    }
}
