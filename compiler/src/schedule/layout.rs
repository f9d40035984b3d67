//! Where state lies. The same for machine code and the interpreter, so that one can go on where the other stopped.
//!
//! Float cells come first, so that what must stay finite is one range; then integer cells, then the last value of each line.

use super::buffers::Buffers;
use super::{Access, resolve};
use crate::exec::padded;
use crate::few;
use crate::graph::check::GraphInfo;
use crate::graph::few::Few;
use crate::graph::idle::Parts;
use crate::graph::ops::canonical;
use crate::graph::{CellId, Graph, Node, NodeId, Ty};
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

/// All that is planned so far.
pub struct Places<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// What the validator found.
    pub info: &'a GraphInfo,
    /// How nodes are reached.
    pub access: &'a [Access],
    /// Places in the state.
    pub state: &'a StateLayout,
    /// Places in the scratch.
    pub plan: &'a Buffers,
}

impl Places<'_> {
    fn guard(&self, guard: NodeId) -> Guard {
        let id = resolve(self.access, guard);
        let lanes = self.info.lanes[id.index()];
        match (self.plan.home[id.index()], self.graph.node(id)) {
            (Some(at), _) => Guard::Scratch { at, lanes },
            (None, Node::Row(row)) => Guard::Row { row: *row, lanes },
            (None, _) => Guard::Never,
        }
    }
}

/// What each word of state starts as.
pub fn inits(graph: &Graph, state: &StateLayout) -> Vec<u32> {
    let mut inits = vec![0; state.words];
    for (cell, &at) in graph.cells.iter().zip(&state.cells) {
        inits[at as usize..(at + cell.lanes) as usize].fill(canonical(cell.ty, cell.init));
    }
    inits
}

/// The words of state that must stay finite, in pieces: where each ends, and the bit of the part by which alone it changes, or 0.
pub fn guarded(graph: &Graph, state: &StateLayout, of: &[u8]) -> Vec<(u32, u128)> {
    let mut parts = vec![0u8; graph.cells.len()];
    for (node, &part) in graph.nodes.iter().zip(of) {
        if let Node::Read(c) = node {
            parts[c.index()] = part;
        }
    }
    let mut pieces: Vec<(u32, u128)> = Vec::new();
    for ((cell, &at), &part) in graph.cells.iter().zip(&state.cells).zip(&parts).filter(|((c, _), _)| c.ty == Ty::F32) {
        let (end, bit) = (at + cell.lanes, if part == 0 { 0 } else { 1 << (part - 1) });
        match pieces.last_mut() {
            Some(last) if last.1 == bit => last.0 = end,
            _ => pieces.push((end, bit)),
        }
    }
    pieces
}

/// The banks that are computed in fewer lanes, too, and where the memory of their voices is. Rows from `rows` on are those of copies.
pub fn banks(places: &Places, parts: &Parts, few: &[Few], rows: usize) -> Vec<few::Bank> {
    let mut found: Vec<few::Bank> = Vec::new();
    for copy in few {
        let part = &parts.parts[usize::from(copy.bank) - 1];
        let Some(bank) = &part.bank else { continue };
        // The words of each voice, voice by voice.
        let words = |at: u32, voices: &[u16], count: u32| -> Box<[u32]> {
            let of = |v: u32| (0..voices.len() as u32).filter(move |&lane| u32::from(voices[lane as usize]) == v);
            (0..count).flat_map(|v| of(v).map(move |lane| at + lane)).collect()
        };
        let readers = |cell: CellId| {
            let reads = |node: &&Node| matches!(node, Node::Read(c) if *c == cell);
            places.graph.nodes.iter().zip(&bank.of).find(|(node, _)| reads(node)).and_then(|(_, v)| v.clone())
        };
        let kind = |cell: &CellId| match cell {
            cell if part.running.contains(cell) => few::Kind::Running,
            cell if part.zero.contains(cell) => few::Kind::Zero,
            _ => few::Kind::Held,
        };
        let voices: Vec<_> = copy.cells.iter().map(|(wide, _)| readers(*wide).unwrap_or_else(|| [].into())).collect();
        if found.last().is_none_or(|last| last.sleeper != usize::from(copy.bank) - 1) {
            let cells = copy.cells.iter().zip(&voices).map(|((wide, _), of)| few::Cell {
                kind: kind(wide),
                words: words(places.state.cells[wide.index()], of, bank.voices),
            });
            let guard = |guard: &NodeId| {
                let of = bank.of[guard.index()].as_deref().unwrap_or(&[]);
                (places.guard(*guard), words(0, of, bank.voices))
            };
            found.push(few::Bank {
                sleeper: usize::from(copy.bank) - 1,
                unit: bank.unit,
                voices: bank.voices,
                cells: cells.collect(),
                guards: part.guards.iter().map(guard).collect(),
                copies: Vec::new(),
            });
        }
        let below = |of: &[u16]| -> Vec<u16> { of.iter().copied().filter(|v| u32::from(*v) < copy.voices).collect() };
        let cells = copy.cells.iter().zip(&voices);
        let guard = |(few, wide): (&NodeId, &NodeId)| {
            let of = below(bank.of[wide.index()].as_deref().unwrap_or(&[]));
            (places.guard(*few), words(0, &of, copy.voices))
        };
        let given = copy.given.iter().filter_map(|(id, bits)| Some((places.plan.block[id.index()]?, bits)));
        let copied = few::Copied {
            bit: u32::from(copy.part) - 1,
            voices: copy.voices,
            cells: cells
                .map(|((_, few), of)| words(places.state.cells[few.index()], &below(of), copy.voices))
                .collect(),
            guards: copy.guards.iter().zip(&part.guards).map(guard).collect(),
            given: given.map(|(at, bits)| (at, bits.clone().into())).collect(),
            rows: copy.rows.iter().map(|(wide, few)| (*wide, few.index() - rows)).collect(),
        };
        if let Some(last) = found.last_mut() {
            last.copies.push(copied);
        }
    }
    found
}

/// Where to look whether parts may sleep.
pub fn sleepers(places: &Places, parts: &Parts, heard: &[u64]) -> Vec<Sleeper> {
    let (graph, state) = (places.graph, places.state);
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
        guards: part.guards.iter().map(|guard| places.guard(*guard)).collect(),
    };
    parts.parts.iter().zip(heard).map(sleeper).collect()
}
