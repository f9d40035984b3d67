//! Cheaper operations of nearly the same result.
//!
//! A quotient by a constant is a product with its reciprocal; several quotients by one value share its reciprocal; adding zero
//! and multiplying by it need nothing (for finite values); signs move into sums; a phase that is wrapped already is not wrapped
//! again. Relative error of a quotient: one and a half
//! units in the last place instead of a half.

use crate::graph::bounds::{Bounds, bounds};
use crate::graph::check::known_shapes;
use crate::graph::ops::Op;
use crate::graph::{Graph, Node, NodeId, Ty};
use crate::passes::share::{Builder, rebuild};
use crate::passes::simplify::spread;
use smallvec::smallvec;

/// Makes operations cheaper. Nodes come out in order.
pub fn strength(graph: &Graph) -> Graph {
    let info = known_shapes(graph);
    // How many quotients each value divides.
    let mut divides = vec![0; graph.nodes.len()];
    for node in &graph.nodes {
        if let Node::Op(Op::Div, args) = node {
            divides[args[1].index()] += 1;
        }
    }
    let wrapped = wrapped(graph, &info.order);
    rebuild(graph, &info.order, |b, id, node| {
        let Node::Op(op, args) = &node else { return b.add(node) };
        if wrapped[id.index()] && b.lanes[args[0].index()] == info.lanes[id.index()] {
            return args[0];
        }
        let shared = *op == Op::Div && matches!(graph.node(id), Node::Op(_, old) if divides[old[1].index()] > 1);
        match cheaper(b, *op, args, shared) {
            Some(new) if b.lanes[new.index()] == info.lanes[id.index()] => new,
            Some(new) => spread(b, new, info.lanes[id.index()]),
            None => b.add(node),
        }
    })
}

/// The nodes `x - round(x)` whose x lies within half a unit of zero anyway, where rounding gives 0.
fn wrapped(graph: &Graph, order: &[NodeId]) -> Vec<bool> {
    let inner = |node: &Node| match node {
        Node::Op(Op::Sub, args) => match graph.node(args[1]) {
            Node::Op(Op::Round, of) if of[0] == args[0] => Some(args[0]),
            _ => None,
        },
        _ => None,
    };
    let known = bounds(graph, order, graph.nodes.iter().filter_map(inner), |_| Bounds::FINITE);
    let near = |x: NodeId| known[x.index()].is_some_and(|b| !b.nan && b.low >= -0.5 && b.high <= 0.5);
    graph.nodes.iter().map(|node| inner(node).is_some_and(near)).collect()
}

/// A value that is nearly the same and costs less, perhaps of one lane for all.
fn cheaper(b: &mut Builder, op: Op, args: &[NodeId], shared: bool) -> Option<NodeId> {
    let zero = |b: &Builder, n: NodeId| b.words(n).is_some_and(|(_, words)| words.iter().all(|w| w << 1 == 0));
    let negated = |b: &Builder, n: NodeId| match b.graph.node(n) {
        Node::Op(Op::Neg, inner) => Some(inner[0]),
        _ => None,
    };
    let constant = |b: &mut Builder, words: Vec<u32>| b.add(Node::Const(Ty::F32, words));
    let (x, y) = (args[0], *args.get(1)?);
    let (op, x, y) = match op {
        Op::Div => {
            let inverse = match b.words(y).map(|(_, words)| reciprocals(words)) {
                Some(inverse) => constant(b, inverse?),
                None if shared && b.words(x).is_none() => {
                    let one = constant(b, vec![1f32.to_bits()]);
                    b.add(Node::Op(Op::Div, smallvec![one, y]))
                }
                None => return None,
            };
            (Op::Mul, x, inverse)
        }
        Op::Mul if zero(b, x) || zero(b, y) => return Some(constant(b, vec![0])),
        Op::Mul => (Op::Mul, negated(b, x)?, negated(b, y)?),
        Op::Add if zero(b, x) => return Some(y),
        Op::Add | Op::Sub if zero(b, y) => return Some(x),
        Op::Add => match (negated(b, x), negated(b, y)) {
            (_, Some(y)) => (Op::Sub, x, y),
            (Some(x), None) => (Op::Sub, y, x),
            (None, None) => return None,
        },
        Op::Sub if zero(b, x) => return Some(b.add(Node::Op(Op::Neg, smallvec![y]))),
        Op::Sub => (Op::Add, x, negated(b, y)?),
        _ => return None,
    };
    Some(b.add(Node::Op(op, smallvec![x, y])))
}

/// Reciprocals, if all of them are normal numbers.
fn reciprocals(words: &[u32]) -> Option<Vec<u32>> {
    let one = |&w: &u32| {
        let r = 1.0 / f32::from_bits(w);
        r.is_normal().then(|| r.to_bits())
    };
    words.iter().map(one).collect()
}
