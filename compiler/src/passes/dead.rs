//! Drops what nobody hears: everything that no output reaches through operands, cells and rings.
//!
//! Cells and rings get new numbers; parameters, rows, frames and outs keep theirs, since the engine addresses those by index.

use crate::graph::{CellId, Graph, Node, NodeId, RingId, operands};
use crate::passes::cross::operands_mut;

/// Drops what nobody hears. Nodes must be in order.
pub fn dead(graph: &Graph) -> Graph {
    let mut live = vec![false; graph.nodes.len()];
    let (mut live_cells, mut live_rings) = (vec![false; graph.cells.len()], vec![false; graph.rings.len()]);
    let mut work: Vec<NodeId> = graph.outs.iter().map(|out| out.node).collect();
    while let Some(id) = work.pop() {
        if std::mem::replace(&mut live[id.index()], true) {
            continue;
        }
        work.extend(operands(graph.node(id)));
        match graph.node(id) {
            Node::Read(c) if !std::mem::replace(&mut live_cells[c.index()], true) => {
                work.extend(graph.cells[c.index()].next);
            }
            Node::Tap(r, _) if !live_rings[r.index()] => {
                graph.behind(*r, &mut |ring| live_rings[ring.index()] = true);
                work.extend(graph.fed(*r));
            }
            _ => {}
        }
    }
    let nodes = numbers(&live);
    let (cells, rings) = (numbers(&live_cells), numbers(&live_rings));
    let mut out = Graph { cells: Vec::new(), rings: Vec::new(), ..graph.without_nodes() };
    let moved = |n: NodeId| NodeId(nodes[n.index()]);
    for (node, _) in graph.nodes.iter().zip(&live).filter(|(_, live)| **live) {
        let mut node = node.clone();
        for operand in operands_mut(&mut node) {
            *operand = moved(*operand);
        }
        match &mut node {
            Node::Read(c) => *c = CellId(cells[c.index()]),
            Node::Tap(r, _) => *r = RingId(rings[r.index()]),
            _ => {}
        }
        out.nodes.push(node);
    }
    for (cell, _) in graph.cells.iter().zip(&live_cells).filter(|(_, live)| **live) {
        let mut cell = cell.clone();
        cell.next = cell.next.map(moved);
        out.cells.push(cell);
    }
    for (ring, _) in graph.rings.iter().zip(&live_rings).filter(|(_, live)| **live) {
        let mut ring = ring.clone();
        ring.input = ring.input.map(moved);
        ring.kernel = ring.kernel.map(|kernel| kernel.with(|r| RingId(rings[r.index()]), |s| s));
        out.rings.push(ring);
    }
    for o in &mut out.outs {
        o.node = moved(o.node);
    }
    out
}

/// Drops nodes that no output, cell or ring is computed from. Cells and rings stay, with their numbers.
pub fn nodes(graph: &Graph) -> Graph {
    let mut live = vec![false; graph.nodes.len()];
    let cells = graph.cells.iter().filter_map(|cell| cell.next);
    let rings = graph.rings.iter().filter_map(|ring| ring.input);
    let mut work: Vec<NodeId> = graph.outs.iter().map(|out| out.node).chain(cells).chain(rings).collect();
    while let Some(id) = work.pop() {
        if !std::mem::replace(&mut live[id.index()], true) {
            work.extend(operands(graph.node(id)));
        }
    }
    let numbers = numbers(&live);
    let moved = |n: &mut NodeId| *n = NodeId(numbers[n.index()]);
    let mut out = graph.without_nodes();
    for (node, _) in graph.nodes.iter().zip(&live).filter(|(_, live)| **live) {
        out.nodes.push(node.clone());
    }
    out.nodes.iter_mut().for_each(|node| operands_mut(node).iter_mut().for_each(moved));
    out.cells.iter_mut().filter_map(|cell| cell.next.as_mut()).for_each(moved);
    out.rings.iter_mut().filter_map(|ring| ring.input.as_mut()).for_each(moved);
    out.outs.iter_mut().for_each(|o| moved(&mut o.node));
    out
}

/// New numbers of what stays.
fn numbers(live: &[bool]) -> Vec<u32> {
    let mut next = 0;
    let number = |&live: &bool| {
        let n = next;
        next += u32::from(live);
        n
    };
    live.iter().map(number).collect()
}
