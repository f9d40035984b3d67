//! Where state lies. The same for machine code and the interpreter, so that one can go on where the other stopped.
//!
//! Float cells come first, so that what must stay finite is one range; then integer cells, then the last value of each line.

use super::buffers::Buffers;
use super::{Access, resolve};
use crate::exec::padded;
use crate::graph::check::GraphInfo;
use crate::graph::idle::Parts;
use crate::graph::{CellId, Graph, Node, Ty};
use crate::program::{Guard, Sleeper};

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

/// Where to look whether parts may sleep.
pub fn sleepers(
    graph: &Graph,
    info: &GraphInfo,
    access: &[Access],
    parts: &Parts,
    heard: &[u64],
    state: &StateLayout,
    plan: &Buffers,
) -> Vec<Sleeper> {
    let words = |cells: &[CellId]| {
        let lanes = |c: &CellId| (state.cells[c.index()], state.cells[c.index()] + graph.cells[c.index()].lanes);
        let mut all: Vec<(u32, u32)> = cells.iter().map(lanes).collect();
        all.sort_unstable();
        // What lies side by side is looked at in one piece.
        all.dedup_by(|next, last| {
            let joins = last.1 == next.0;
            last.1 = if joins { next.1 } else { last.1 };
            joins
        });
        all
    };
    let sleeper = |(part, heard): (&crate::graph::idle::Part, &u64)| Sleeper {
        params: *heard,
        units: part.units.clone(),
        needs: part.needs.iter().map(|need| usize::from(*need) - 1).collect(),
        held: words(&part.held),
        zero: words(&part.zero),
        running: words(&part.running),
        rings: part.rings.clone(),
        guards: part
            .guards
            .iter()
            .map(|guard| {
                let id = resolve(access, *guard);
                let lanes = info.lanes[id.index()];
                match (plan.home[id.index()], graph.node(id)) {
                    (Some(at), _) => Guard::Scratch { at, lanes },
                    (None, Node::Row(row)) => Guard::Row { row: *row, lanes },
                    (None, _) => Guard::Never,
                }
            })
            .collect(),
    };
    parts.parts.iter().zip(heard).map(sleeper).collect()
}
