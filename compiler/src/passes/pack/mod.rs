//! Packs what is written n times into one body of n lanes.
//!
//! `poly` and channels make nodes of many lanes, but eight tracks with a filter each, the combs of a reverb, or
//! `sum(64, k => ..)` arrive as many bodies of one lane. A loop of one lane goes frame by frame and waits for itself, while eight
//! such loops cost as much as one once they are the lanes of a vector; and code is made once instead of n times.
//!
//! ```text
//! %7 = read a ; %9 = mul %7 0.5 ; a.next = %9        %3 = read ab[2] ; %4 = mul %3 (0.5 0.7) ; ab.next = %4
//! %8 = read b ; %6 = mul %8 0.7 ; b.next = %6    =>
//! ```
//!
//! The steps, each near linear in the size of the graph:
//!
//! 1. [`blocks`]: strongly connected components; those that are loops get a hash of their shape, in which constants, parameters,
//!    rows, rings and all that comes from outside are the same. Loops of one shape that do not need each other become a group.
//! 2. [`grow`]: from these groups along operands and users: nodes that do the same for every copy become groups, too, as long as
//!    groups do not come to need each other.
//! 3. [`cost`]: which of the groups pay. Joining lanes and taking them apart costs more than arithmetic.
//! 4. [`build`]: the new graph. Operands that differ from copy to copy are joined, equal ones stay one lane, what is left outside
//!    takes its lanes by shuffles. Rings stay as they are, since they change hands by pointer in a swap: only what is computed from
//!    and for them is packed.
//!
//! No bit changes: every lane goes through the same operations in the same order as before.
//!
//! Memory keeps its names: a cell of the graph before packing is a run of lanes of a cell after it ([`Packed::cells`]).

mod blocks;
mod build;
mod cost;
mod grow;

use crate::graph::check::{GraphInfo, check, known};
use crate::graph::ops::Op;
use crate::graph::{CellId, Graph, Node, NodeId};
use crate::passes::{Passes, dead, share};

/// Most lanes that packing makes: buffers of a quantum stay inside the nearest cache.
pub const MOST: u32 = 64;

/// A packed graph, and where the memory of the unpacked one is.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The graph to be run. Parameters, rows, rings, frames and outs are those of the unpacked graph.
    pub graph: Graph,
    /// Where each cell of the unpacked graph lies.
    pub cells: Vec<Place>,
    /// What the validator has found in it, if it was asked.
    pub info: Option<GraphInfo>,
}

/// Lanes of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The cell of the packed graph.
    pub cell: CellId,
    /// Its first lane that is meant; the others follow.
    pub lane: u32,
}

/// Nodes that do the same thing n times.
struct Group {
    /// Each row is one node of the body, in every copy; operands come before users.
    rows: Vec<Vec<NodeId>>,
    /// A loop through memory, as opposed to a single row that goes forward.
    looped: bool,
    /// Whether it will be packed.
    packed: bool,
}

/// Packs a graph that the other passes are done with, operands before users, where it pays. With [`Passes::None`] it stays as it is.
pub fn pack(graph: &Graph, passes: Passes) -> Packed {
    packed(graph, passes != Passes::None, false)
}

/// Packs whatever can be packed, for tests.
pub fn pack_all(graph: &Graph) -> Packed {
    packed(graph, true, true)
}

fn packed(graph: &Graph, wanted: bool, everything: bool) -> Packed {
    let unchanged = |info: Option<GraphInfo>| {
        let place = |c: usize| Place { cell: CellId(c as u32), lane: 0 };
        Packed { graph: graph.clone(), cells: (0..graph.cells.len()).map(place).collect(), info }
    };
    if !wanted || graph.cells.len() < 2 {
        return unchanged(None);
    }
    // Sharing has left one read of every cell.
    let mut read = vec![false; graph.cells.len()];
    let twice = |node: &Node| matches!(node, Node::Read(c) if std::mem::replace(&mut read[c.index()], true));
    let info = known(graph);
    if graph.nodes.iter().any(twice) {
        return unchanged(Some(info));
    }
    let blocks = blocks::Blocks::new(graph, &info);
    let (loops, turns) = blocks.loops();
    if loops.is_empty() {
        return unchanged(Some(info));
    }
    let mut growth = grow::Growth::new(&blocks, loops, turns);
    growth.grow();
    let mut order = growth.order();
    if !everything {
        cost::choose(&blocks, &mut growth);
        growth.settle();
        order = growth.order();
    }
    if !growth.groups.iter().any(|group| group.packed) {
        return unchanged(Some(info));
    }
    let mut packed = build::build(&blocks, &growth, &order);
    packed.graph = dead::nodes(&share::share(&packed.graph));
    // What a tap may read is inferred. Should packing have hidden from the validator what it knew, nothing was won.
    match check(&packed.graph) {
        Ok(after) if taps(graph, &info) == taps(&packed.graph, &after) => Packed { info: Some(after), ..packed },
        _ => unchanged(Some(info)),
    }
}

/// Taps of each kind: inside of a feedback, late, others.
fn taps(graph: &Graph, info: &GraphInfo) -> [usize; 3] {
    let mut count = [0; 3];
    for (id, _) in graph.nodes.iter().enumerate().filter(|(_, node)| matches!(node, Node::Tap(..))) {
        count[if info.tap_recursive[id] { 0 } else { 1 + usize::from(!info.tap_late[id]) }] += 1;
    }
    count
}

/// True when the order of operands does not matter.
fn commutes(op: Op) -> bool {
    share::commutes(op)
}

/// What a node does, without what it does it to: equal for nodes that can be lanes of one.
fn kind(graph: &Graph, node: NodeId) -> u64 {
    let mix = |kind: u64, x: u64| mix(mix(0, kind), x);
    match graph.node(node) {
        Node::Op(op, _) => mix(1, *op as u64),
        Node::Read(c) => {
            let cell = &graph.cells[c.index()];
            mix(2, u64::from(cell.init) << 1 | u64::from(cell.ty == crate::graph::Ty::F32))
        }
        Node::Tap(r, _) => mix(3, u64::from(graph.rings[r.index()].lanes)),
        Node::Shuffle(_, map) => map.iter().fold(4, |h, &lane| mix(h, u64::from(lane))),
        Node::Reduce(_, lanes) => mix(5, u64::from(*lanes)),
        Node::Join(parts) => mix(6, parts.len() as u64),
        Node::Line(_) => 7,
        Node::Const(..) => 8,
        Node::Param(_) => 9,
        Node::Row(_) => 10,
        Node::Frame => 11,
        Node::Input(_) => 12,
        Node::Peek(s, _) => mix(13, u64::from(s.0)),
    }
}

/// A step of a hash.
fn mix(h: u64, x: u64) -> u64 {
    let h = (h ^ x).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h ^ h >> 29
}
