//! Lines where block-rate values meet samples.
//!
//! A value that is computed once a quantum would step from quantum to quantum; where a sample-rate node, a cell, a ring or an
//! output takes it, it is drawn as a line instead. Integers are not drawn: they hold.
//!
//! Likewise for taps inside a feedback, which cannot read the present: their least delay is written into the graph here, so that
//! a rewrite that opens a loop, or finds the same tap outside of it, does not change what is read. Where they are known to be long
//! that is so by itself.

use crate::graph::check::known;
use crate::graph::ops::Op;
use crate::graph::{Graph, Node, NodeId, Rate, Ty};

/// Inserts a line at every crossing. Nodes come in and out with operands before users.
pub fn cross(graph: &Graph) -> Graph {
    let info = known(graph);
    let mut out = graph.without_nodes();
    let mut new: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    let mut lines: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    let needs_line = |n: NodeId| info.rate[n.index()] == Rate::Block && info.ty[n.index()] == Ty::F32;
    let at = |new: &[Option<NodeId>], n: NodeId| new[n.index()].expect("operands come first");
    let mut sampled = |out: &mut Graph, new: &[Option<NodeId>], n: NodeId| {
        let mapped = at(new, n);
        if !needs_line(n) {
            return mapped;
        }
        *lines[n.index()].get_or_insert_with(|| out.push(Node::Line(mapped)))
    };
    for &id in &info.order {
        let mut node = graph.node(id).clone();
        let is_line = matches!(node, Node::Line(_));
        let draw = info.rate[id.index()] == Rate::Sample && !is_line;
        for operand in operands_mut(&mut node) {
            *operand = if draw { sampled(&mut out, &new, *operand) } else { at(&new, *operand) };
        }
        if let Node::Tap(_, delay) = &mut node
            && info.tap_recursive[id.index()]
            && !info.tap_far[id.index()]
        {
            let one = out.constant(1.0);
            *delay = out.op(Op::Max, &[*delay, one]);
        }
        new[id.index()] = Some(out.push(node));
    }
    for i in 0..out.cells.len() {
        out.cells[i].next = graph.cells[i].next.map(|n| sampled(&mut out, &new, n));
    }
    for i in 0..out.rings.len() {
        out.rings[i].input = graph.rings[i].input.map(|n| sampled(&mut out, &new, n));
    }
    for i in 0..out.outs.len() {
        out.outs[i].node = sampled(&mut out, &new, graph.outs[i].node);
    }
    out
}

/// Writes a graph anew, node by node in an order in which operands come first. `change` sees each node with its operands as they are
/// now, and may write others before it.
pub fn rewrite(graph: &Graph, order: &[NodeId], mut change: impl FnMut(&mut Graph, NodeId, &mut Node)) -> Graph {
    let mut out = graph.without_nodes();
    let mut new = vec![NodeId(0); graph.nodes.len()];
    for &id in order {
        let mut node = graph.node(id).clone();
        operands_mut(&mut node).iter_mut().for_each(|n| *n = new[n.index()]);
        change(&mut out, id, &mut node);
        new[id.index()] = out.push(node);
    }
    let moved = |n: NodeId| new[n.index()];
    out.cells.iter_mut().for_each(|c| c.next = c.next.map(moved));
    out.rings.iter_mut().for_each(|r| r.input = r.input.map(moved));
    out.outs.iter_mut().for_each(|o| o.node = moved(o.node));
    out
}

/// The operands of a node, to be changed.
pub fn operands_mut(node: &mut Node) -> &mut [NodeId] {
    match node {
        Node::Op(_, args) => args,
        Node::Join(parts) => parts,
        Node::Tap(_, x) | Node::Peek(_, x) | Node::Shuffle(x, _) | Node::Reduce(x, _) | Node::Line(x) => {
            std::slice::from_mut(x)
        }
        Node::Const(..) | Node::Param(_) | Node::Row(_) | Node::Frame | Node::Input(_) | Node::Read(_) => &mut [],
    }
}
