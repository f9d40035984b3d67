//! Identities that hold for every value, to the bit.
//!
//! Not here: `x + 0` (it turns minus zero into zero), `x * 0`, `x - x` (infinity), any change of order. Values are never
//! subnormal, which is why multiplying by one changes nothing.
//!
//! The last group keeps one channel one channel as long as possible: an operation on values that were only spread over lanes
//! is done once and spread afterwards.

use crate::graph::ops::Op;
use crate::graph::{Args, Node, NodeId};
use crate::passes::share::Builder;
use smallvec::smallvec;

/// A node with the same value as `node`, if an identity applies.
pub fn simplify(b: &mut Builder, node: &Node) -> Option<NodeId> {
    match node {
        Node::Op(op, args) => {
            let lanes = args.iter().map(|n| b.lanes[n.index()]).max().unwrap_or(1);
            let id = operation(b, *op, args)?;
            // An operand may stand for the result only if it is as wide.
            if b.lanes[id.index()] == lanes {
                return Some(id);
            }
            (b.lanes[id.index()] == 1).then(|| spread(b, id, lanes))
        }
        Node::Shuffle(x, map) => {
            let whole = map.len() as u32 == b.lanes[x.index()];
            if whole && map.iter().enumerate().all(|(i, &j)| i as u32 == j) {
                return Some(*x);
            }
            if let Node::Shuffle(y, inner) = b.graph.node(*x) {
                let (y, map) = (*y, map.iter().map(|&i| inner[i as usize]).collect());
                return Some(b.add(Node::Shuffle(y, map)));
            }
            let Node::Join(parts) = b.graph.node(*x) else { return None };
            let parts = parts.clone();
            heard(b, &parts, map)
        }
        Node::Reduce(x, lanes) => (b.lanes[x.index()] == *lanes).then_some(*x),
        Node::Join(args) => match args.as_slice() {
            [x] => Some(*x),
            [x, rest @ ..] if b.lanes[x.index()] == 1 && rest.iter().all(|y| y == x) => {
                Some(spread(b, *x, args.len() as u32))
            }
            parts if parts.iter().any(|x| matches!(b.graph.node(*x), Node::Join(_))) => {
                let flat = |x: &NodeId| match b.graph.node(*x) {
                    Node::Join(inner) => inner.clone(),
                    _ => vec![*x],
                };
                let parts = parts.iter().flat_map(flat).collect();
                Some(b.add(Node::Join(parts)))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A shuffle of a join without the parts that it does not take.
fn heard(b: &mut Builder, parts: &[NodeId], map: &[u32]) -> Option<NodeId> {
    let place: Vec<(usize, u32)> =
        parts.iter().enumerate().flat_map(|(i, x)| (0..b.lanes[x.index()]).map(move |lane| (i, lane))).collect();
    let mut used = vec![false; parts.len()];
    map.iter().for_each(|&lane| used[place[lane as usize].0] = true);
    if used.iter().all(|used| *used) {
        return None;
    }
    let (mut starts, mut lanes, mut left) = (vec![0; parts.len()], 0, Vec::new());
    for (i, &x) in parts.iter().enumerate().filter(|(i, _)| used[*i]) {
        starts[i] = lanes;
        lanes += b.lanes[x.index()];
        left.push(x);
    }
    let map = map.iter().map(|&lane| place[lane as usize]).map(|(i, lane)| starts[i] + lane).collect();
    let joined = b.add(Node::Join(left));
    Some(b.add(Node::Shuffle(joined, map)))
}

/// One lane, `lanes` times.
pub(super) fn spread(b: &mut Builder, x: NodeId, lanes: u32) -> NodeId {
    if let Some((ty, words)) = b.words(x) {
        let words = vec![words[0]; lanes as usize];
        return b.add(Node::Const(ty, words));
    }
    b.add(Node::Shuffle(x, vec![0; lanes as usize]))
}

/// What a node spreads, if it does nothing else.
fn spread_of(b: &Builder, id: NodeId) -> Option<NodeId> {
    match b.graph.node(id) {
        Node::Shuffle(x, map) if b.lanes[x.index()] == 1 && map.len() > 1 => Some(*x),
        _ => None,
    }
}

/// The word of a constant that is the same in all lanes.
fn uniform(b: &Builder, id: NodeId) -> Option<u32> {
    let (_, words) = b.words(id)?;
    words.iter().all(|&w| w == words[0]).then_some(words[0])
}

fn operation(b: &mut Builder, op: Op, args: &[NodeId]) -> Option<NodeId> {
    let word = |i: usize| args.get(i).and_then(|&n| uniform(b, n));
    let float = |i: usize| word(i).map(f32::from_bits);
    let one_arg = |want: Op| match b.graph.node(args[0]) {
        Node::Op(op, inner) if *op == want => Some(inner[0]),
        _ => None,
    };
    match op {
        Op::Mul => {
            for (i, j) in [(0, 1), (1, 0)] {
                match float(i) {
                    Some(1.0) => return Some(args[j]),
                    Some(-1.0) => return Some(b.add(Node::Op(Op::Neg, smallvec![args[j]]))),
                    _ => {}
                }
            }
        }
        Op::Div => match float(1) {
            Some(1.0) => return Some(args[0]),
            Some(k) if power_of_two(k) => {
                let (ty, lanes) = (b.ty[args[1].index()], b.lanes[args[1].index()]);
                let k = b.add(Node::Const(ty, vec![(1.0 / k).to_bits(); lanes as usize]));
                return Some(b.add(Node::Op(Op::Mul, smallvec![args[0], k])));
            }
            _ => {}
        },
        Op::Sub if word(1) == Some(0.0f32.to_bits()) => return Some(args[0]),
        Op::Add if word(1) == Some((-0.0f32).to_bits()) => return Some(args[0]),
        Op::Add if word(0) == Some((-0.0f32).to_bits()) => return Some(args[1]),
        Op::Neg => {
            if let Some(x) = one_arg(Op::Neg) {
                return Some(x);
            }
        }
        Op::Abs => {
            if one_arg(Op::Abs).is_some() {
                return Some(args[0]);
            }
            if let Some(x) = one_arg(Op::Neg) {
                return Some(b.add(Node::Op(Op::Abs, smallvec![x])));
            }
        }
        Op::Floor | Op::Ceil | Op::Trunc | Op::Round | Op::Finite if one_arg(op).is_some() => return Some(args[0]),
        Op::Min | Op::Max if args[0] == args[1] => return Some(args[0]),
        Op::Select | Op::Iselect => {
            if args[1] == args[2] {
                return Some(args[1]);
            }
            if let Some(c) = float(0) {
                return Some(if c != 0.0 { args[1] } else { args[2] });
            }
        }
        Op::Float => {
            if let Some(x) = one_arg(Op::Bits) {
                return Some(x);
            }
        }
        Op::Iadd | Op::Ior | Op::Ixor if word(1) == Some(0) => return Some(args[0]),
        Op::Iadd | Op::Ior | Op::Ixor if word(0) == Some(0) => return Some(args[1]),
        Op::Isub | Op::Ishl | Op::Ushr | Op::Sshr if word(1) == Some(0) => return Some(args[0]),
        Op::Imul if word(1) == Some(1) => return Some(args[0]),
        Op::Imul if word(0) == Some(1) => return Some(args[1]),
        Op::Iand if word(1) == Some(u32::MAX) => return Some(args[0]),
        Op::Iand if word(0) == Some(u32::MAX) => return Some(args[1]),
        _ => {}
    }
    narrow(b, op, args)
}

/// True for powers of two whose inverse is one, too, and normal.
fn power_of_two(k: f32) -> bool {
    k.to_bits() & 0x007f_ffff == 0 && (2.0f32.powi(-126)..=2.0f32.powi(126)).contains(&k.abs())
}

/// Operands that were spread are taken before the spreading.
fn narrow(b: &mut Builder, op: Op, args: &[NodeId]) -> Option<NodeId> {
    let lanes = args.iter().map(|n| b.lanes[n.index()]).max()?;
    if lanes == 1 || !args.iter().any(|&n| spread_of(b, n).is_some()) {
        return None;
    }
    let mut inner = Args::new();
    for &arg in args {
        let constant = b.words(arg).map(|(ty, words)| (ty, words[0]));
        inner.push(match (spread_of(b, arg), uniform(b, arg).and(constant)) {
            (Some(x), _) => x,
            (None, Some((ty, word))) => b.add(Node::Const(ty, vec![word])),
            (None, None) => arg,
        });
    }
    let id = b.add(Node::Op(op, inner));
    Some(id)
}
