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
    // Values of several lanes are loaded as vectors and start at multiples of four.
    let place = |words: &mut usize, lanes: u32| {
        if lanes > 1 {
            *words = words.next_multiple_of(4);
        }
        let at = *words as u32;
        *words += padded(lanes);
        at
    };
    for ty in [Ty::F32, Ty::I32] {
        for (cell, at) in graph.cells.iter().zip(&mut out.cells).filter(|(cell, _)| cell.ty == ty) {
            *at = place(&mut out.words, cell.lanes);
        }
    }
    // A line is kept like any block-rate value: padded, and one lane spread over four.
    out.words = out.words.next_multiple_of(4);
    for (id, node) in graph.nodes.iter().enumerate() {
        if matches!(node, Node::Line(_)) {
            out.lines[id] = out.words as u32;
            out.words += info.lanes[id].next_multiple_of(4) as usize;
        }
    }
    out
}
