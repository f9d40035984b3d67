//! Gives equal values one node.
//!
//! One walk in order: operands are replaced by what they became, constants are computed ([`fold`]), identities applied
//! ([`simplify`]), and what is left is looked up among the nodes that exist already. Operands of operations that commute are
//! sorted for the comparison, which changes no value.

use crate::graph::check::shape;
use crate::graph::ops::{Op, canonical};
use crate::graph::{Args, CellId, Graph, Node, NodeId, ParamId, RowId, Ty, operands};
use crate::passes::cross::operands_mut;
use crate::passes::{fold, simplify};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxHasher;
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};

/// The graph being built, with what is known about its nodes.
pub struct Builder {
    /// The nodes so far; cells, rings, outs and names of the source.
    pub graph: Graph,
    /// Lanes of each node.
    pub lanes: Vec<u32>,
    /// Type of each node.
    pub ty: Vec<Ty>,
    known: HashTable<NodeId>,
}

/// True when the order of operands does not matter.
pub fn commutes(op: Op) -> bool {
    use Op::{Add, And, Eq, Iadd, Iand, Ieq, Imul, Ior, Ixor, Mul, Ne, Or};
    matches!(op, Add | Mul | Eq | Ne | And | Or | Iadd | Imul | Iand | Ior | Ixor | Ieq)
}

/// The operands of an operation, those that may change places in ascending order.
fn sorted(op: Op, args: &[NodeId]) -> Args {
    let mut args = Args::from_slice(args);
    let free = if commutes(op) {
        args.len()
    } else if matches!(op, Op::Fma | Op::Fms | Op::Fnma) {
        2
    } else {
        0
    };
    args[..free].sort_unstable();
    args
}

/// Equal for equal values.
fn hash(node: &Node) -> u64 {
    let mut h = FxHasher::default();
    std::mem::discriminant(node).hash(&mut h);
    match node {
        Node::Const(ty, words) => (ty, words).hash(&mut h),
        Node::Param(ParamId(i)) | Node::Row(RowId(i)) | Node::Input(i) | Node::Read(CellId(i)) => i.hash(&mut h),
        Node::Frame => {}
        Node::Op(op, args) => (op, sorted(*op, args)).hash(&mut h),
        Node::Tap(ring, x) => (ring, x).hash(&mut h),
        Node::Peek(sample, x) => (sample, x).hash(&mut h),
        Node::Shuffle(x, map) => (x, map).hash(&mut h),
        Node::Reduce(x, lanes) => (x, lanes).hash(&mut h),
        Node::Join(parts) => parts.hash(&mut h),
        Node::Line(x) => x.hash(&mut h),
    }
    h.finish()
}

/// True for equal values.
fn same(a: &Node, b: &Node) -> bool {
    match (a, b) {
        (Node::Op(op, x), Node::Op(other, y)) => op == other && (x == y || sorted(*op, x) == sorted(*op, y)),
        _ => a == b,
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
        let (ty, lanes) = shape(&self.graph, &node, &self.ty, &self.lanes);
        let nodes = &self.graph.nodes;
        let (equal, again) = (|n: &NodeId| same(&nodes[n.index()], &node), |n: &NodeId| hash(&nodes[n.index()]));
        match self.known.entry(hash(&node), equal, again) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let id = NodeId(nodes.len() as u32);
                place.insert(id);
                self.ty.push(ty);
                self.lanes.push(lanes);
                self.graph.push(node)
            }
        }
    }

    fn fold(&self, node: &Node) -> Option<Node> {
        // Most nodes have an operand that moves: look before collecting.
        let constant = |&n: &NodeId| matches!(self.graph.node(n), Node::Const(..));
        if operands(node).is_empty() || !operands(node).iter().all(constant) {
            return None;
        }
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
}

/// Rewrites a graph whose nodes are in order.
pub fn share(graph: &Graph) -> Graph {
    let order: Vec<NodeId> = (0..graph.nodes.len() as u32).map(NodeId).collect();
    rebuild(graph, &order, |builder, _, node| builder.add(node))
}

/// Builds a graph anew, node by node in an order that has operands before users. `make` gets each node with its operands
/// already replaced, and says what takes its place.
pub fn rebuild(graph: &Graph, order: &[NodeId], mut make: impl FnMut(&mut Builder, NodeId, Node) -> NodeId) -> Graph {
    let mut builder = Builder {
        graph: graph.without_nodes(),
        lanes: Vec::with_capacity(graph.nodes.len()),
        ty: Vec::with_capacity(graph.nodes.len()),
        known: HashTable::with_capacity(graph.nodes.len()),
    };
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
