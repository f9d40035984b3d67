//! Products and sums in one: `x * y + z` is one operation, rounded once.
//!
//! A product joins its sums if nothing but sums needs it, so that none is left over. Inside a loop it joins anyway: the way round is
//! shorter, and the product that others need is computed beside it. Where both terms are products, the later one joins.

use crate::graph::check::known;
use crate::graph::ops::Op;
use crate::graph::{Graph, Node, NodeId, operands};
use crate::passes::gather::uses;
use crate::passes::share::rebuild;
use smallvec::smallvec;

/// Joins products to sums. Nodes come out in order; products that nothing needs any more stay for [`super::dead`].
pub fn contract(graph: &Graph) -> Graph {
    let info = known(graph);
    let uses = uses(graph);
    // How many sums could take each product.
    let mut sums = vec![0; graph.nodes.len()];
    let fits = |sum: NodeId, n: NodeId| {
        matches!(graph.node(n), Node::Op(Op::Mul, _)) && info.lanes[n.index()] == info.lanes[sum.index()]
    };
    for (id, node) in graph.nodes.iter().enumerate() {
        if let Node::Op(Op::Add | Op::Sub, args) = node
            && args[0] != args[1]
        {
            args.iter().filter(|n| fits(NodeId(id as u32), **n)).for_each(|n| sums[n.index()] += 1);
        }
    }
    let mut place = vec![0; graph.nodes.len()];
    for (i, id) in info.order.iter().enumerate() {
        place[id.index()] = i;
    }
    rebuild(graph, &info.order, |b, id, node| {
        let (Node::Op(op @ (Op::Add | Op::Sub), new), Node::Op(_, old)) = (&node, graph.node(id)) else {
            return b.add(node);
        };
        let joins = |i: usize| {
            let (n, other) = (old[i], old[1 - i]);
            let all = sums[n.index()] == uses.count[n.index()];
            let same_loop = info.scc[n.index()] == info.scc[id.index()];
            n != other && fits(id, n) && (all || same_loop) && matches!(b.graph.node(new[i]), Node::Op(Op::Mul, _))
        };
        // In order of the loop, since reassociation put the later term second; a term of the loop before one from outside.
        let rank = |i: usize| (info.scc[old[i].index()] == info.scc[id.index()], i);
        let Some(i) = (0..2).filter(|&i| joins(i)).max_by_key(|&i| rank(i)) else { return b.add(node) };
        let Node::Op(_, factors) = b.graph.node(new[i]) else { return b.add(node) };
        let (mut x, mut y, z) = (factors[0], factors[1], new[1 - i]);
        let mut away = *op == Op::Sub && i == 1;
        for factor in [&mut x, &mut y] {
            if let Node::Op(Op::Neg, inner) = b.graph.node(*factor)
                && !(*op == Op::Sub && i == 0)
            {
                (*factor, away) = (inner[0], !away);
            }
        }
        let fused = match (*op, i, away) {
            (Op::Sub, 0, _) => Op::Fms,
            (_, _, true) => Op::Fnma,
            (_, _, false) => Op::Fma,
        };
        debug_assert!(operands(&node).len() == 2);
        b.add(Node::Op(fused, smallvec![x, y, z]))
    })
}
