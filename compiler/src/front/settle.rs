//! Settling: the elaborator's graph, with stand-ins and leftovers, becomes a graph in order.
//!
//! Stand-ins of feedback are replaced by what they stand for, nodes are put in an order where operands come first, and what
//! nothing hears is left out, parameters too (so that a pattern's numbers change no code). A loop that passes through no
//! cell and no ring has no first value to start from: it is reported with the names on the way round.

use crate::front::elab::Elab;
use crate::graph::*;
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;

/// How far the walk has come with a node.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done(NodeId),
}

impl Elab<'_> {
    /// The settled graph; errors are reported for loops without delay.
    pub fn settle(&mut self) -> Graph {
        let old = std::mem::take(&mut self.graph);
        let mut walk = Walk {
            marks: vec![Mark::New; old.nodes.len()],
            cells: vec![None; old.cells.len()],
            rings: vec![None; old.rings.len()],
            params: vec![None; old.params.len()],
            pending: Vec::new(),
            rates: Vec::new(),
            aliases: std::mem::take(&mut self.aliases),
            new: Graph {
                frames: old.frames.clone(),
                rows: old.rows.clone(),
                samples: old.samples.clone(),
                ..Graph::default()
            },
            old: &old,
        };
        let mut outs = Vec::with_capacity(old.outs.len());
        let mut loops = Vec::new();
        for out in &old.outs {
            match walk.visit(out.node) {
                Ok(node) => outs.push(Out { node, ..out.clone() }),
                Err(cycle) => loops.push(cycle),
            }
        }
        while let Some(memory) = walk.pending.pop() {
            let (source, target) = match memory {
                Memory::Cell(from, to) => (old.cells[from.index()].next, Memory::Cell(from, to)),
                Memory::Ring(from, to) => (old.rings[from.index()].input, Memory::Ring(from, to)),
            };
            let Some(source) = source else { continue };
            match (walk.visit(source), target) {
                (Ok(node), Memory::Cell(_, to)) => walk.new.cells[to.index()].next = Some(node),
                (Ok(node), Memory::Ring(_, to)) => walk.new.rings[to.index()].input = Some(node),
                (Err(cycle), _) => loops.push(cycle),
            }
        }
        let bodies = std::mem::take(&mut self.bodies);
        let inside = bodies.into_iter().flatten().filter_map(|old| match walk.marks.get(old as usize) {
            Some(Mark::Done(node)) => Some(*node),
            _ => None,
        });
        self.voiced = inside.collect();
        let params = walk.params;
        let mut graph = walk.new;
        graph.outs = outs;
        self.settle_timeline(&graph, &params);
        loops.sort();
        loops.dedup();
        if let Some(cycle) = loops.first() {
            self.report_loop(cycle);
        }
        graph
    }

    fn report_loop(&mut self, cycle: &[NodeId]) {
        let mut names: Vec<(String, Option<crate::front::scope::LazyId>)> = Vec::new();
        for node in cycle {
            if let Some((name, lazy)) = self.named.get(node)
                && names.last().is_none_or(|(last, _)| last != name)
            {
                names.push((name.clone(), *lazy));
            }
        }
        if names.len() > 1 && names.first().map(|n| &n.0) == names.last().map(|n| &n.0) {
            names.pop();
        }
        let first = names.first().cloned();
        let name = first.as_ref().map_or("this", |f| f.0.as_str()).to_string();
        let round = names.iter().map(|n| n.0.as_str()).chain([name.as_str()]).collect::<Vec<_>>().join(" -> ");
        let place = first.and_then(|f| f.1).map(|id| {
            let lazy = &self.lazies[id.0 as usize];
            (lazy.origin, lazy.def.name.span)
        });
        let (origin, span) = place.unwrap_or((self.at, modurust_lang::Span::default()));
        let diagnostic = self.error_at(origin, "cycle", span, format!("`{name}` depends on itself without a delay"));
        diagnostic.label = Some(round);
        diagnostic.help = Some(format!("write `{name}'` (one sample ago) or put a `delay(..)` into the loop"));
    }
}

#[derive(Clone, Copy)]
enum Memory {
    Cell(CellId, CellId),
    Ring(RingId, RingId),
}

struct Walk<'g> {
    old: &'g Graph,
    new: Graph,
    marks: Vec<Mark>,
    cells: Vec<Option<CellId>>,
    rings: Vec<Option<RingId>>,
    params: Vec<Option<ParamId>>,
    pending: Vec<Memory>,
    aliases: HashMap<NodeId, NodeId>,
    rates: Vec<Rate>,
}

impl Walk<'_> {
    /// What a node stands for.
    fn resolve(&self, mut id: NodeId) -> NodeId {
        // A chain of stand-ins that comes back to its start is left where it is and found as a loop.
        for _ in 0..=self.aliases.len() {
            match self.aliases.get(&id) {
                Some(&next) => id = next,
                None => return id,
            }
        }
        id
    }

    /// Copies a node after its operands, without recursion: patches may be deep.
    fn visit(&mut self, root: NodeId) -> Result<NodeId, Vec<NodeId>> {
        let root = self.resolve(root);
        let mut stack = vec![(root, 0usize, root)];
        while let Some(&mut (id, ref mut next, named)) = stack.last_mut() {
            if self.aliases.contains_key(&id) {
                return Err(vec![id]);
            }
            if matches!(self.marks[id.index()], Mark::Done(_)) {
                stack.pop();
                continue;
            }
            self.marks[id.index()] = Mark::Open;
            let operands = operands(&self.old.nodes[id.index()]);
            if let Some(&via) = operands.get(*next) {
                *next += 1;
                let operand = self.resolve(via);
                match self.marks[operand.index()] {
                    Mark::Done(_) => {}
                    Mark::New => stack.push((operand, 0, via)),
                    Mark::Open => {
                        let start = stack.iter().position(|(n, ..)| *n == operand).unwrap_or(0);
                        // Names hang on stand-ins as well as on results.
                        let mut cycle = vec![via];
                        cycle.extend(stack[start..].iter().rev().flat_map(|(n, _, via)| [*n, *via]));
                        cycle.reverse();
                        for (n, ..) in &stack {
                            self.marks[n.index()] = Mark::New;
                        }
                        return Err(cycle);
                    }
                }
                continue;
            }
            let _ = named;
            let node = self.copy(id);
            let node = match node {
                // A line that was asked for is only needed where a value changes once a quantum.
                Node::Line(x) if self.rates[x.index()] != Rate::Block => x,
                node => {
                    self.rates.push(self.rate(&node));
                    self.new.push(node)
                }
            };
            self.marks[id.index()] = Mark::Done(node);
            stack.pop();
        }
        match self.marks[root.index()] {
            Mark::Done(node) => Ok(node),
            _ => Err(vec![root]),
        }
    }

    /// How often a copied node changes.
    fn rate(&self, node: &Node) -> Rate {
        match node {
            Node::Const(..) => Rate::Const,
            Node::Param(_) => Rate::Block,
            Node::Row(_) | Node::Frame | Node::Input(_) | Node::Read(_) => Rate::Sample,
            Node::Tap(..) | Node::Peek(..) | Node::Line(_) => Rate::Sample,
            node => operands(node).iter().map(|x| self.rates[x.index()]).max().unwrap_or(Rate::Const),
        }
    }

    fn at(&self, id: NodeId) -> NodeId {
        match self.marks[self.resolve(id).index()] {
            Mark::Done(node) => node,
            _ => NodeId(0),
        }
    }

    fn copy(&mut self, id: NodeId) -> Node {
        match &self.old.nodes[id.index()] {
            Node::Op(op, args) => Node::Op(*op, args.iter().map(|a| self.at(*a)).collect()),
            Node::Join(parts) => Node::Join(parts.iter().map(|a| self.at(*a)).collect()),
            Node::Shuffle(x, map) => Node::Shuffle(self.at(*x), map.clone()),
            Node::Reduce(x, lanes) => Node::Reduce(self.at(*x), *lanes),
            Node::Line(x) => Node::Line(self.at(*x)),
            Node::Tap(ring, delay) => Node::Tap(self.ring(*ring), self.at(*delay)),
            Node::Peek(sample, at) => Node::Peek(*sample, self.at(*at)),
            Node::Read(cell) => Node::Read(self.cell(*cell)),
            Node::Param(param) => Node::Param(self.param(*param)),
            Node::Const(..) | Node::Row(_) | Node::Frame | Node::Input(_) => self.old.nodes[id.index()].clone(),
        }
    }

    fn cell(&mut self, id: CellId) -> CellId {
        *self.cells[id.index()].get_or_insert_with(|| {
            self.new.cells.push(Cell { next: None, ..self.old.cells[id.index()].clone() });
            let new = CellId(self.new.cells.len() as u32 - 1);
            self.pending.push(Memory::Cell(id, new));
            new
        })
    }

    fn ring(&mut self, id: RingId) -> RingId {
        *self.rings[id.index()].get_or_insert_with(|| {
            self.new.rings.push(Ring { input: None, ..self.old.rings[id.index()].clone() });
            let new = RingId(self.new.rings.len() as u32 - 1);
            self.pending.push(Memory::Ring(id, new));
            new
        })
    }

    fn param(&mut self, id: ParamId) -> ParamId {
        *self.params[id.index()].get_or_insert_with(|| {
            Arc::make_mut(&mut self.new.params).push(self.old.params[id.index()].clone());
            ParamId(self.new.params.len() as u32 - 1)
        })
    }
}
