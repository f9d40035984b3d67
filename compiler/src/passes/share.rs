//! Gives equal values one node.
//!
//! One walk in order: operands are replaced by what they became, constants are computed ([`fold`]), identities applied
//! ([`simplify`]), and what is left is looked up among the nodes that exist already. Operands of operations that commute are
//! sorted for the comparison, which changes no value.

use crate::graph::ops::{Op, canonical};
use crate::graph::{Args, Graph, Node, NodeId, Ty, operands};
use crate::passes::cross::operands_mut;
use crate::passes::{fold, simplify};
use rustc_hash::FxHashMap as HashMap;
use smallvec::SmallVec;
use std::collections::hash_map::Entry;

/// The graph being built, with what is known about its nodes.
pub struct Builder {
    /// The nodes so far; cells, rings, outs and names of the source.
    pub graph: Graph,
    /// Lanes of each node.
    pub lanes: Vec<u32>,
    /// Type of each node.
    pub ty: Vec<Ty>,
    known: HashMap<Key, NodeId>,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Const(Ty, Vec<u32>),
    Leaf(u8, u32),
    Op(Op, Args),
    Tap(u32, NodeId),
    Shuffle(NodeId, Vec<u32>),
    Reduce(NodeId, u32),
    Join(Vec<NodeId>),
    Line(NodeId),
}

/// True when the order of operands does not matter.
pub fn commutes(op: Op) -> bool {
    use Op::{Add, And, Eq, Iadd, Iand, Ieq, Imul, Ior, Ixor, Mul, Ne, Or};
    matches!(op, Add | Mul | Eq | Ne | And | Or | Iadd | Imul | Iand | Ior | Ixor | Ieq)
}

fn key(node: &Node) -> Key {
    match node {
        Node::Const(ty, bits) => Key::Const(*ty, bits.clone()),
        Node::Param(p) => Key::Leaf(0, p.0),
        Node::Row(r) => Key::Leaf(1, r.0),
        Node::Frame => Key::Leaf(2, 0),
        Node::Input(c) => Key::Leaf(3, *c),
        Node::Read(c) => Key::Leaf(4, c.0),
        Node::Op(op, args) => {
            let mut args = args.clone();
            if commutes(*op) {
                args.sort();
            } else if matches!(op, Op::Fma | Op::Fms | Op::Fnma) {
                args[..2].sort();
            }
            Key::Op(*op, args)
        }
        Node::Tap(r, x) => Key::Tap(r.0, *x),
        Node::Shuffle(x, map) => Key::Shuffle(*x, map.clone()),
        Node::Reduce(x, lanes) => Key::Reduce(*x, *lanes),
        Node::Join(args) => Key::Join(args.clone()),
        Node::Line(x) => Key::Line(*x),
    }
}

impl Builder {
    /// The words of a constant node.
    pub fn words(&self, id: NodeId) -> Option<(Ty, &[u32])> {
        match self.graph.node(id) {
            Node::Const(ty, bits) => Some((*ty, bits)),
            _ => None,
        }
    }

    /// The node of a value, simplified; its operands must be nodes of this builder.
    pub fn add(&mut self, mut node: Node) -> NodeId {
        if let Node::Const(ty, bits) = &mut node {
            bits.iter_mut().for_each(|b| *b = canonical(*ty, *b));
        }
        if let Some(folded) = self.fold(&node) {
            node = folded;
        }
        if let Some(id) = simplify::simplify(self, &node) {
            return id;
        }
        let (ty, lanes) = self.shape(&node);
        match self.known.entry(key(&node)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                self.ty.push(ty);
                self.lanes.push(lanes);
                *place.insert(self.graph.push(node))
            }
        }
    }

    fn fold(&self, node: &Node) -> Option<Node> {
        // Most nodes have an operand that moves: look before collecting.
        let args: Option<SmallVec<[fold::Words; 4]>> = operands(node).iter().map(|&n| self.words(n)).collect();
        let args = args?;
        let (ty, first) = *args.first()?;
        Some(match node {
            Node::Op(op, _) => Node::Const(op.info().result, fold::op(*op, &args)),
            Node::Shuffle(_, map) => Node::Const(ty, map.iter().map(|&i| first[i as usize]).collect()),
            Node::Reduce(_, lanes) => Node::Const(ty, fold::reduce(first, *lanes)),
            Node::Join(_) => Node::Const(ty, args.iter().flat_map(|(_, words)| words.iter().copied()).collect()),
            Node::Line(_) => Node::Const(ty, fold::line(first)),
            _ => return None,
        })
    }

    fn shape(&self, node: &Node) -> (Ty, u32) {
        let widest = |args: &[NodeId]| args.iter().map(|n| self.lanes[n.index()]).max().unwrap_or(1);
        match node {
            Node::Const(ty, bits) => (*ty, bits.len() as u32),
            Node::Param(_) | Node::Input(_) => (Ty::F32, 1),
            Node::Row(r) => (Ty::F32, self.graph.rows[r.index()].lanes),
            Node::Frame => (Ty::I32, 1),
            Node::Read(c) => (self.graph.cells[c.index()].ty, self.graph.cells[c.index()].lanes),
            Node::Op(op, args) => (op.info().result, widest(args)),
            Node::Tap(r, x) => (Ty::F32, self.graph.rings[r.index()].lanes.max(self.lanes[x.index()])),
            Node::Shuffle(x, map) => (self.ty[x.index()], map.len() as u32),
            Node::Reduce(_, lanes) => (Ty::F32, *lanes),
            Node::Join(args) => (self.ty[args[0].index()], args.iter().map(|n| self.lanes[n.index()]).sum()),
            Node::Line(x) => (self.ty[x.index()], self.lanes[x.index()]),
        }
    }
}

/// Rewrites a graph whose nodes are in order.
pub fn share(graph: &Graph) -> Graph {
    let order: Vec<NodeId> = (0..graph.nodes.len() as u32).map(NodeId).collect();
    rebuild(graph, &order, |builder, _, node| builder.add(node))
}

/// Builds a graph anew, node by node in an order that has operands before users. `make` gets each node with its operands
/// already replaced, and says what takes its place.
pub fn rebuild(graph: &Graph, order: &[NodeId], mut make: impl FnMut(&mut Builder, NodeId, Node) -> NodeId) -> Graph {
    let mut builder =
        Builder { graph: graph.without_nodes(), lanes: Vec::new(), ty: Vec::new(), known: HashMap::default() };
    let mut new: Vec<NodeId> = vec![NodeId(0); graph.nodes.len()];
    for &id in order {
        let mut node = graph.node(id).clone();
        for operand in operands_mut(&mut node) {
            *operand = new[operand.index()];
        }
        new[id.index()] = make(&mut builder, id, node);
    }
    let mut out = builder.graph;
    let moved = |n: NodeId| new[n.index()];
    for cell in &mut out.cells {
        cell.next = cell.next.map(moved);
    }
    for ring in &mut out.rings {
        ring.input = ring.input.map(moved);
    }
    for o in &mut out.outs {
        o.node = moved(o.node);
    }
    out
}
