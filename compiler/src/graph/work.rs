//! How much a quantum can cost at most, known before it runs.
//!
//! A graph has no loop but over frames and lanes, so what it does is a sum: every value of block rate once, every other for each frame, in
//! as many lanes as it has (a sum of lanes in as many as it sums), and what is kept of it: cells, delay lines, outputs. The reference
//! interpreter counts what it does ([`crate::exec::Instance::executed`]), which is never more; machine code leaves out what rests. Kernels
//! ([`crate::kernel`]) are beside it: what they do follows from their size alone.

use crate::graph::check::GraphInfo;
use crate::graph::ir::{Graph, Node, QUANTUM, Rate};

/// Operations on one lane that a quantum takes at most. `info` is that of the graph.
pub fn most(graph: &Graph, info: &GraphInfo) -> u64 {
    let (mut once, mut each) = (0, 0);
    for (id, node) in graph.nodes.iter().enumerate() {
        let lanes = match node {
            Node::Reduce(x, _) => info.lanes[x.index()],
            _ => info.lanes[id],
        };
        // The ends of a line are found once, the line is drawn for every frame.
        let (first, then) = match (node, info.rate[id]) {
            (Node::Line(_), _) => (lanes, lanes),
            (_, Rate::Sample) => (0, lanes),
            _ => (lanes, 0),
        };
        (once, each) = (once + u64::from(first), each + u64::from(then));
    }
    let cells = graph.cells.iter().filter(|cell| cell.next.is_some()).map(|cell| cell.lanes);
    let rings = graph.rings.iter().filter(|ring| ring.input.is_some()).map(|ring| ring.lanes);
    let outs = graph.outs.iter().map(|_| 2);
    each += cells.chain(rings).chain(outs).map(u64::from).sum::<u64>();
    once + each * QUANTUM as u64
}
