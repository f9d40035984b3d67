//! The packed graph.
//!
//! Everything is made in the order that the growth has found. A node of the old graph is then some lanes of nodes of the new one:
//! a whole node, or any lanes in any order. Shuffles and joins are not made but only noted that way, until somebody needs a node
//! of just these lanes.

use super::blocks::Blocks;
use super::grow::{Element, FEWEST, Growth, Sum};
use super::{Packed, Place};
use crate::graph::{Args, Cell, CellId, Graph, Node, NodeId};
use crate::passes::cross::operands_mut;
use rustc_hash::FxHashMap as HashMap;

/// Lanes of new nodes.
type Lanes = Vec<(NodeId, u32)>;

/// What an old node has become.
#[derive(Clone)]
enum Value {
    None,
    Whole(NodeId),
    /// So many lanes of a node from one on.
    Slice(NodeId, u32),
    Lanes(Lanes),
}

struct Build<'b, 'a> {
    blocks: &'b Blocks<'a>,
    growth: &'b Growth<'b, 'a>,
    out: Graph,
    /// Lanes of each new node.
    wide: Vec<u32>,
    values: Vec<Value>,
    cells: Vec<Option<Place>>,
    /// Values of cells whose lanes are part of a wider one, for reads outside of the group.
    known: HashMap<Lanes, NodeId>,
}

/// Makes the new graph.
pub(super) fn build<'b, 'a>(blocks: &'b Blocks<'a>, growth: &'b Growth<'b, 'a>, order: &[Element]) -> Packed {
    let graph = blocks.graph;
    let mut out = graph.without_nodes();
    out.cells.clear();
    let mut build = Build {
        blocks,
        growth,
        out,
        wide: Vec::new(),
        values: vec![Value::None; graph.nodes.len()],
        cells: vec![None; graph.cells.len()],
        known: HashMap::default(),
    };
    // The next values of cells are known at the end.
    let mut nexts: Vec<Vec<NodeId>> = Vec::new();
    for element in order {
        match *element {
            Element::Block(block) => build.block(block, &mut nexts),
            Element::Group(g) => {
                for row in &growth.groups[g as usize].rows {
                    build.row(row, &mut nexts);
                }
            }
        }
    }
    build.finish(&nexts)
}

impl Build<'_, '_> {
    fn push(&mut self, node: Node, lanes: u32) -> NodeId {
        self.wide.push(lanes);
        self.out.push(node)
    }

    fn lanes(&self, old: NodeId) -> u32 {
        self.blocks.info.lanes[old.index()]
    }

    /// The lanes of an old node.
    fn each(&self, old: NodeId) -> Lanes {
        let n = self.lanes(old);
        match &self.values[old.index()] {
            Value::None => unreachable!("operands come first"),
            Value::Whole(new) => (0..n).map(|lane| (*new, lane)).collect(),
            Value::Slice(new, from) => (0..n).map(|lane| (*new, from + lane)).collect(),
            Value::Lanes(lanes) => lanes.clone(),
        }
    }

    /// A new node that is an old one.
    fn single(&mut self, old: NodeId) -> NodeId {
        if let Value::Whole(new) = self.values[old.index()] {
            return new;
        }
        let lanes = self.each(old);
        self.gather(lanes)
    }

    /// A new node of given lanes.
    fn gather(&mut self, lanes: Lanes) -> NodeId {
        let whole = |lanes: &[(NodeId, u32)], wide: &[u32]| {
            let first = lanes[0].0;
            let same = lanes.iter().enumerate().all(|(i, l)| *l == (first, i as u32));
            (same && wide[first.index()] == lanes.len() as u32).then_some(first)
        };
        if let Some(node) = whole(&lanes, &self.wide) {
            return node;
        }
        if let Some(&known) = self.known.get(&lanes) {
            return known;
        }
        let count = lanes.len() as u32;
        let first = lanes[0].0;
        let id = if lanes.iter().all(|l| l.0 == first) {
            let map = lanes.iter().map(|l| l.1).collect();
            self.push(Node::Shuffle(first, map), count)
        } else {
            // Every lane once, in the order of their first use; then as often as they are needed.
            let mut seen: HashMap<(NodeId, u32), u32> = HashMap::default();
            let mut once: Lanes = Vec::new();
            let mut map = Vec::with_capacity(lanes.len());
            for lane in &lanes {
                let next = once.len() as u32;
                let at = *seen.entry(*lane).or_insert(next);
                if at == next {
                    once.push(*lane);
                }
                map.push(at);
            }
            let parts: Vec<NodeId> =
                once.chunk_by(|a, b| a.0 == b.0).map(|run| run.to_vec()).map(|run| self.gather(run)).collect();
            let joined = self.push(Node::Join(parts), once.len() as u32);
            if once.len() == lanes.len() { joined } else { self.push(Node::Shuffle(joined, map), count) }
        };
        self.known.insert(lanes, id);
        id
    }

    /// A block as it was.
    fn block(&mut self, block: u32, nexts: &mut Vec<Vec<NodeId>>) {
        for i in 0..self.blocks.nodes.of(block as usize).len() {
            let node = NodeId(self.blocks.nodes.of(block as usize)[i]);
            self.copy(node, nexts);
        }
    }

    /// A node as it was.
    fn copy(&mut self, old: NodeId, nexts: &mut Vec<Vec<NodeId>>) {
        if let Some(sum) = self.sum(old) {
            self.values[old.index()] = Value::Whole(sum);
            return;
        }
        let mut node = self.blocks.graph.node(old).clone();
        let lanes = self.lanes(old);
        let value = match &mut node {
            Node::Shuffle(x, map) => {
                let from = self.each(*x);
                Value::Lanes(map.iter().map(|&i| from[i as usize]).collect())
            }
            Node::Join(parts) if parts.iter().any(|x| !matches!(self.values[x.index()], Value::Whole(_))) => {
                Value::Lanes(parts.iter().flat_map(|&x| self.each(x)).collect())
            }
            Node::Read(cell) => self.read(&[*cell], nexts),
            node => {
                for operand in operands_mut(node) {
                    *operand = self.single(*operand);
                }
                Value::Whole(self.push(node.clone(), lanes))
            }
        };
        self.values[old.index()] = value;
    }

    /// A sum whose terms are lanes, as one node.
    fn sum(&mut self, old: NodeId) -> Option<NodeId> {
        if self.growth.sums[old.index()] != Sum::Whole {
            return None;
        }
        let terms = self.growth.terms_of(old, &mut Vec::new());
        let all: Lanes = terms.iter().map(|&x| self.each(x)[0]).collect();
        // Not if they would have to be joined first.
        let mut sources: Vec<NodeId> = all.iter().map(|lane| lane.0).collect();
        sources.sort_unstable();
        sources.dedup();
        if sources.len() * FEWEST as usize > all.len() {
            return None;
        }
        let all = self.gather(all);
        Some(self.push(Node::Reduce(all, 1), 1))
    }

    /// What cells of one kind hold, side by side.
    fn read(&mut self, olds: &[CellId], nexts: &mut Vec<Vec<NodeId>>) -> Value {
        let graph = self.blocks.graph;
        if let Some(place) = self.cells[olds[0].index()] {
            // A second read of a cell.
            let wide = self.out.cells[place.cell.index()].lanes;
            let node = self.push(Node::Read(place.cell), wide);
            return if wide == graph.cells[olds[0].index()].lanes {
                Value::Whole(node)
            } else {
                Value::Slice(node, place.lane)
            };
        }
        let first = &graph.cells[olds[0].index()];
        let cell = CellId(self.out.cells.len() as u32);
        let lanes = first.lanes * olds.len() as u32;
        self.out.cells.push(Cell { lanes, next: None, ..first.clone() });
        for (i, old) in olds.iter().enumerate() {
            self.cells[old.index()] = Some(Place { cell, lane: i as u32 * first.lanes });
        }
        nexts.push(olds.iter().filter_map(|old| graph.cells[old.index()].next).collect());
        Value::Whole(self.push(Node::Read(cell), lanes))
    }

    /// The same node of every copy.
    fn row(&mut self, row: &[NodeId], nexts: &mut Vec<Vec<NodeId>>) {
        let (blocks, graph) = (self.blocks, self.blocks.graph);
        let (count, lanes) = (row.len() as u32, self.lanes(row[0]));
        let new = match graph.node(row[0]) {
            Node::Tap(..) | Node::Peek(..) | Node::Shuffle(..) | Node::Join(_) => {
                for &old in row {
                    self.fork(old, nexts);
                }
                return;
            }
            Node::Read(_) => {
                let cell = |n: &NodeId| if let Node::Read(c) = graph.node(*n) { *c } else { unreachable!("one kind") };
                let cells: Vec<CellId> = row.iter().map(cell).collect();
                match self.read(&cells, nexts) {
                    Value::Whole(new) => new,
                    _ => unreachable!("cells of a row are met here first"),
                }
            }
            Node::Op(op, args) => {
                let all: Vec<Args> = row.iter().map(|&n| blocks.args(n)).collect();
                let mut new = Args::new();
                for i in 0..args.len() {
                    let olds: Vec<NodeId> = all.iter().map(|args| args[i]).collect();
                    new.push(self.side_by_side(&olds, lanes));
                }
                // Operands of one lane each are all there is.
                let widest = new.iter().map(|n| self.wide[n.index()]).max().unwrap_or(1);
                if widest == 1 {
                    new[0] = self.gather(vec![(new[0], 0); (count * lanes) as usize]);
                }
                self.push(Node::Op(*op, new), count * lanes)
            }
            Node::Reduce(_, to) => {
                let olds: Vec<NodeId> = row.iter().map(|&n| blocks.args(n)[0]).collect();
                let from: Lanes = olds.iter().flat_map(|&x| self.each(x)).collect();
                let from = self.gather(from);
                self.push(Node::Reduce(from, to * count), count * to)
            }
            Node::Line(_) => {
                let from: Lanes = row.iter().flat_map(|&n| self.each(blocks.args(n)[0])).collect();
                let from = self.gather(from);
                self.push(Node::Line(from), count * lanes)
            }
            _ => unreachable!("leaves are in no group"),
        };
        for (i, old) in row.iter().enumerate() {
            self.values[old.index()] = Value::Slice(new, i as u32 * lanes);
        }
    }

    /// A node of a group that stays apart: a tap, or lanes in another order.
    fn fork(&mut self, old: NodeId, nexts: &mut Vec<Vec<NodeId>>) {
        match self.blocks.graph.node(old) {
            Node::Shuffle(x, map) => {
                let from = self.each(*x);
                self.values[old.index()] = Value::Lanes(map.iter().map(|&i| from[i as usize]).collect());
            }
            Node::Join(parts) => {
                self.values[old.index()] = Value::Lanes(parts.iter().flat_map(|&x| self.each(x)).collect());
            }
            _ => self.copy(old, nexts),
        }
    }

    /// Operands of the copies of a node with so many lanes.
    fn side_by_side(&mut self, olds: &[NodeId], lanes: u32) -> NodeId {
        if self.lanes(olds[0]) == 1 && olds.iter().all(|&x| x == olds[0]) {
            return self.single(olds[0]);
        }
        let spread = |x: &NodeId| {
            let each = self.each(*x);
            if each.len() == 1 { vec![each[0]; lanes as usize] } else { each }
        };
        let all: Lanes = olds.iter().flat_map(spread).collect();
        self.gather(all)
    }

    fn finish(mut self, nexts: &[Vec<NodeId>]) -> Packed {
        for (cell, olds) in nexts.iter().enumerate() {
            let lanes = self.out.cells[cell].lanes / olds.len().max(1) as u32;
            let next = self.side_by_side(olds, lanes);
            self.out.cells[cell].next = Some(next);
        }
        for r in 0..self.out.rings.len() {
            let input = self.blocks.graph.rings[r].input;
            self.out.rings[r].input = input.map(|n| self.single(n));
        }
        for o in 0..self.out.outs.len() {
            self.out.outs[o].node = self.single(self.blocks.graph.outs[o].node);
        }
        // A cell that nobody reads has no place among the packed ones, and keeps its own.
        for (old, cell) in self.blocks.graph.cells.iter().enumerate() {
            if self.cells[old].is_none() {
                let id = CellId(self.out.cells.len() as u32);
                let next = cell.next.map(|n| self.single(n));
                self.out.cells.push(Cell { next, ..cell.clone() });
                self.cells[old] = Some(Place { cell: id, lane: 0 });
            }
        }
        let cells = self.cells.iter().map(|place| place.expect("every cell has a place")).collect();
        Packed { graph: self.out, cells, info: None }
    }
}
