//! Where state lies. The same for machine code and the interpreter, so that one can go on where the other stopped.
//!
//! Float cells come first, so that what must stay finite is one range; then integer cells, then the last value of each line.

use crate::exec::padded;
use crate::graph::check::GraphInfo;
use crate::graph::{Graph, Node, Ty};

/// Places in the state, in words.
#[derive(Clone, Debug, Default)]
pub struct StateLayout {
    /// Start of each cell.
    pub cells: Vec<u32>,
    /// For each node that is a line, the start of its last value; else unused.
    pub lines: Vec<u32>,
    /// Size of the state.
    pub words: usize,
}

/// Lays out the state of a graph.
pub fn state_layout(graph: &Graph, info: &GraphInfo) -> StateLayout {
    let mut out = StateLayout { cells: vec![0; graph.cells.len()], lines: vec![0; graph.nodes.len()], words: 0 };
    // No vector crosses a cache line.
    let place = |words: &mut usize, lanes: u32| {
        *words = words.next_multiple_of(padded(lanes).min(16));
        let at = *words as u32;
        *words += padded(lanes);
        at
    };
    for ty in [Ty::F32, Ty::I32] {
        for (cell, at) in graph.cells.iter().zip(&mut out.cells).filter(|(cell, _)| cell.ty == ty) {
            *at = place(&mut out.words, cell.lanes);
        }
    }
    for (id, node) in graph.nodes.iter().enumerate() {
        if matches!(node, Node::Line(_)) {
            out.lines[id] = place(&mut out.words, info.lanes[id]);
        }
    }
    out
}
