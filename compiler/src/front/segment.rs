//! Segments: pieces of a settled graph that are kept between texts.
//!
//! A segment is a graph by itself, with numbers of its own. What it takes from others is read from cells that nobody writes to, its
//! *ports*; what others want of it is written to cells that nobody reads. Both are gone when segments are put together ([`super::join`]). So the
//! stages that work on graphs see one like any other.

use crate::front::again::Lent;
use crate::front::parts::Part;
use crate::front::rest::{self, Port};
use crate::front::settle::Plan;
use crate::front::stand_ins::is_hollow;
use crate::graph::*;
use crate::passes::cross::operands_mut;
use crate::passes::cut::Limit;
use crate::program::Unit;
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;

/// How far the walk has come with a node.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mark {
    New,
    Open,
    Done(NodeId),
}

/// What is known of a signal that one segment gives to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Given {
    pub ty: Ty,
    pub lanes: u32,
    /// It depends on the gate of a note.
    pub gated: bool,
    /// It moves by itself.
    pub moving: bool,
    /// What it is before any note; 0 for what moves by itself, of which nobody asks.
    pub word: u32,
}

/// What a cell of a segment is.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// Memory.
    Memory,
    /// Where a signal comes in: which.
    Port(usize),
    /// Where one is taken from.
    Export,
}

/// Where a node of a segment is in the whole: so many nodes behind the first one, or at the other end of a port.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    Own(u32),
    Port(u32),
}

/// Nodes, cells and rings: how many, or how many before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    pub nodes: u32,
    pub cells: u32,
    pub rings: u32,
}

/// One segment.
pub(super) struct Segment {
    /// Its parts, by their serial numbers.
    pub serials: Vec<u64>,
    /// What others want, as nodes of the arena.
    pub wanted: Vec<NodeId>,
    /// What is known of that, and the cell where it is taken from.
    pub exports: Vec<(Given, CellId)>,
    /// What it takes, as nodes of the arena, and what was known of it.
    pub ports: Vec<(NodeId, Given)>,
    /// The graph, with numbers of its own.
    pub graph: Graph,
    /// What each of its cells is.
    pub cells: Vec<Use>,
    /// Where its nodes are in the whole.
    pub slots: Vec<Slot>,
    /// How much of it there is in the whole.
    pub size: Size,
    /// The nodes that lead out of it, to ports, parameters, rows and samples: where they are in the whole, and here.
    pub leaves: Vec<(u32, u32)>,
    /// Parameters of the arena, each with the node that had it first, and the name of the part of that.
    pub params: Vec<(ParamId, NodeId, u32)>,
    /// Rows of the arena.
    pub rows: Vec<RowId>,
    /// Samples of the arena.
    pub samples: Vec<SampleId>,
    /// Outs by part, each as a part has them.
    pub outs: Vec<(u64, usize)>,
    /// What others want, whatever stands for it.
    pub sources: Vec<NodeId>,
    /// By parameter, whether a delay hangs on it.
    pub timed: Vec<bool>,
    /// What was decided of those.
    pub limits: Vec<Limit>,
    /// By parameter, whether its own parts have it.
    pub own: Vec<bool>,
    /// Parameters of numbers that are copied from other parts.
    pub lent: Vec<Lent>,
}

/// What a segment is made of.
pub(super) struct Wish<'e> {
    /// Its parts, by their place in the text.
    pub group: &'e [u32],
    /// The parts themselves.
    pub parts: Vec<&'e Part>,
    /// What others want.
    pub wanted: Vec<NodeId>,
    /// What is known of the signals of others.
    pub known: &'e HashMap<NodeId, Given>,
}

impl Segment {
    /// Settles parts; in vain where values need each other in the same sample: then the loops come back.
    pub fn new(
        plan: &mut Plan<'_>,
        marks: &mut Vec<Mark>,
        units: &[Unit],
        wish: Wish<'_>,
    ) -> Result<Segment, Vec<Vec<NodeId>>> {
        let arena = plan.arena;
        marks.resize(arena.nodes.len().max(marks.len()), Mark::New);
        let mut walk = Walk {
            plan,
            marks,
            touched: Vec::new(),
            group: wish.group,
            known: wish.known,
            memory: HashMap::default(),
            lines: HashMap::default(),
            params: Vec::new(),
            own: Vec::new(),
            lent: Vec::new(),
            rows: Vec::new(),
            samples: Vec::new(),
            ports: Vec::new(),
            cells: Vec::new(),
            pending: Vec::new(),
            rates: Vec::new(),
            new: Graph::default(),
        };
        let mut loops = Vec::new();
        let mut outs = Vec::new();
        for part in &wish.parts {
            for (nth, out) in part.outs.iter().enumerate() {
                match walk.visit(out.node) {
                    Ok(node) => {
                        let kind = match out.kind {
                            OutKind::Head(sample) => OutKind::Head(walk.sample(sample)),
                            kind => kind,
                        };
                        walk.new.outs.push(Out { name: out.name.clone(), kind, node, frame: out.frame });
                        outs.push((part.serial, nth));
                    }
                    Err(cycle) => loops.push(cycle),
                }
            }
        }
        let mut taken = Vec::with_capacity(wish.wanted.len());
        for &id in &wish.wanted {
            match walk.visit(id) {
                Ok(node) => taken.push(node),
                Err(cycle) => loops.push(cycle),
            }
        }
        loops.extend(walk.memory());
        let bodies = wish.parts.iter().flat_map(|part| part.bodies.iter().cloned()).flatten();
        let inside = bodies.filter_map(|old| match walk.marks[old as usize] {
            Mark::Done(node) => Some(node),
            _ => None,
        });
        let voiced: Vec<NodeId> = inside.collect();
        let Walk {
            plan,
            touched,
            marks,
            params,
            own: owned,
            lent,
            rows,
            samples,
            ports,
            mut cells,
            new: mut graph,
            ..
        } = walk;
        touched.into_iter().for_each(|id: NodeId| marks[id.index()] = Mark::New);
        if !loops.is_empty() {
            return Err(loops);
        }
        // Units of the segment, and its rows by these.
        let range = |part: &&Part| part.pieces.iter().flat_map(|(from, to)| from.units..to.units).collect::<Vec<_>>();
        let own: Vec<u32> = wish.parts.iter().flat_map(range).collect();
        let local: HashMap<u32, u32> = own.iter().enumerate().map(|(i, unit)| (*unit, i as u32)).collect();
        let own: Vec<Unit> = own.iter().map(|unit| units[*unit as usize].clone()).collect();
        let row = |id: &RowId| {
            let row = arena.rows[id.index()].clone();
            Row { unit: local.get(&row.unit).copied().unwrap_or(u32::MAX), ..row }
        };
        graph.rows = Arc::new(rows.iter().map(row).collect());
        graph.params = Arc::new(params.iter().map(|(id, ..)| arena.params[id.index()].clone()).collect());
        graph.samples = samples.iter().map(|id: &SampleId| arena.samples[id.index()].clone()).collect();
        graph.frames = Arc::clone(&arena.frames);
        let (ty, lanes) = (rest::types(&graph), rest::lanes(&graph));
        let made: Vec<Port> = ports.iter().map(|(_, given, cell)| Port { cell: *cell, given: *given }).collect();
        let facts = rest::facts(&graph, &own, &made);
        let mut exports = Vec::with_capacity(taken.len());
        for node in taken {
            let at = node.index();
            let given = Given {
                ty: ty[at],
                lanes: lanes[at],
                gated: facts.gated[at],
                moving: facts.moving[at],
                word: facts.words[at],
            };
            let cell = graph.cell(FrameId(0), "", given.ty, given.lanes, 0);
            graph.cells[cell.index()].next = Some(node);
            exports.push((given, cell));
            cells.push(Use::Export);
        }
        let heard: Vec<CellId> = exports.iter().map(|(_, cell)| *cell).collect();
        let (mut graph, limits) = crate::passes::cut::cut(rest::rest(graph, &own, &voiced, &facts, &heard));
        let (slots, size) = slots(&graph, &cells);
        let leaves = leaves(&graph, &slots);
        let timed = timed(&graph, params.len());
        // What is here only for these stages is brought by the arena when segments are put together.
        (graph.frames, graph.rows, graph.params) = Default::default();
        let sources = wish.wanted.iter().map(|id| plan.source(*id)).collect();
        let serials = wish.parts.iter().map(|part| part.serial).collect();
        let ports = ports.into_iter().map(|(id, given, _)| (id, given)).collect();
        let wanted = wish.wanted;
        Ok(Segment {
            serials,
            wanted,
            exports,
            ports,
            graph,
            cells,
            slots,
            size,
            leaves,
            params,
            rows,
            samples,
            outs,
            sources,
            timed,
            limits,
            own: owned,
            lent,
        })
    }
}

/// Where the nodes of a graph will be when its ports are closed, and how much of it is left then.
fn slots(graph: &Graph, cells: &[Use]) -> (Vec<Slot>, Size) {
    let mut nodes = 0;
    let slot = |node: &Node| match node {
        Node::Read(c) if let Use::Port(port) = cells[c.index()] => Slot::Port(port as u32),
        _ => {
            nodes += 1;
            Slot::Own(nodes - 1)
        }
    };
    let slots = graph.nodes.iter().map(slot).collect();
    let cells = cells.iter().filter(|what| matches!(what, Use::Memory)).count() as u32;
    (slots, Size { nodes, cells, rings: graph.rings.len() as u32 })
}

/// By parameter, whether a delay hangs on it.
fn timed(graph: &Graph, params: usize) -> Vec<bool> {
    let (mut timed, mut seen) = (vec![false; params], vec![false; graph.nodes.len()]);
    let delay = |node: &Node| if let Node::Tap(_, delay) = node { Some(*delay) } else { None };
    let mut open: Vec<NodeId> = graph.nodes.iter().filter_map(delay).collect();
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut seen[id.index()], true) {
            match graph.node(id) {
                Node::Param(p) => timed[p.index()] = true,
                // What was read is bounded, wherever it was read.
                Node::Tap(..) | Node::Peek(..) => {}
                node => open.extend(operands(node)),
            }
        }
    }
    timed
}

/// The nodes of a graph that lead out of it.
fn leaves(graph: &Graph, slots: &[Slot]) -> Vec<(u32, u32)> {
    let leaf = |(local, (node, slot)): (usize, (&Node, &Slot))| {
        let named = matches!(node, Node::Param(_) | Node::Row(_) | Node::Peek(..));
        match *slot {
            Slot::Own(own) if named || operands(node).iter().any(|x| matches!(slots[x.index()], Slot::Port(_))) => {
                Some((own, local as u32))
            }
            _ => None,
        }
    };
    graph.nodes.iter().zip(slots).enumerate().filter_map(leaf).collect()
}

#[derive(Clone, Copy)]
enum Memory {
    Cell(CellId, CellId),
    Ring(RingId, RingId),
}

/// The walk from what is heard of a segment, or wanted of it, down to its leaves.
struct Walk<'w, 'e> {
    plan: &'w mut Plan<'e>,
    marks: &'w mut Vec<Mark>,
    touched: Vec<NodeId>,
    group: &'w [u32],
    known: &'w HashMap<NodeId, Given>,
    memory: HashMap<CellId, CellId>,
    lines: HashMap<RingId, RingId>,
    params: Vec<(ParamId, NodeId, u32)>,
    own: Vec<bool>,
    lent: Vec<Lent>,
    rows: Vec<RowId>,
    samples: Vec<SampleId>,
    ports: Vec<(NodeId, Given, CellId)>,
    cells: Vec<Use>,
    pending: Vec<Memory>,
    rates: Vec<Rate>,
    new: Graph,
}

impl Walk<'_, '_> {
    fn mark(&mut self, id: NodeId, mark: Mark) {
        if self.marks[id.index()] == Mark::New {
            self.touched.push(id);
        }
        self.marks[id.index()] = mark;
    }

    fn resolve(&self, id: NodeId) -> NodeId {
        self.plan.resolve(id, self.group)
    }

    /// The signal of another part, as it comes in; nothing for what is of this segment, or to be copied into it.
    fn port(&mut self, id: NodeId) -> Option<NodeId> {
        self.plan.foreign(id, self.group)?;
        let given = *self.known.get(&id)?;
        let cell = self.new.cell(FrameId(0), "", given.ty, given.lanes, given.word);
        let node = self.push(Node::Read(cell), Rate::Sample);
        self.new.cells[cell.index()].next = Some(node);
        self.cells.push(Use::Port(self.ports.len()));
        self.ports.push((id, given, cell));
        Some(node)
    }

    fn push(&mut self, node: Node, rate: Rate) -> NodeId {
        self.rates.push(rate);
        self.new.push(node)
    }

    /// Copies a node after its operands, without recursion: patches may be deep.
    fn visit(&mut self, root: NodeId) -> Result<NodeId, Vec<NodeId>> {
        let root = self.resolve(root);
        let mut stack = vec![(root, 0usize, root)];
        let arena = self.plan.arena;
        while let Some(&mut (id, ref mut next, _)) = stack.last_mut() {
            if matches!(self.marks[id.index()], Mark::Done(_)) {
                stack.pop();
                continue;
            }
            if *next == 0
                && self.marks[id.index()] == Mark::New
                && let Some(node) = self.port(id)
            {
                self.mark(id, Mark::Done(node));
                stack.pop();
                continue;
            }
            if is_hollow(arena.node(id)) && self.plan.aliases.contains_key(&id) {
                for (n, ..) in &stack {
                    self.mark(*n, Mark::New);
                }
                return Err(vec![id]);
            }
            let operand = operands(&arena.nodes[id.index()]).get(*next).copied();
            *next += 1;
            self.mark(id, Mark::Open);
            if let Some(via) = operand {
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
                            self.mark(*n, Mark::New);
                        }
                        return Err(cycle);
                    }
                }
                continue;
            }
            let node = match self.copy(id) {
                // A line that was asked for is only needed where a value changes once a quantum.
                Node::Line(x) if self.rates[x.index()] != Rate::Block => x,
                node => {
                    let rate = self.rate(&node);
                    self.push(node, rate)
                }
            };
            self.mark(id, Mark::Done(node));
            stack.pop();
        }
        match self.marks[root.index()] {
            Mark::Done(node) => Ok(node),
            _ => Err(vec![root]),
        }
    }

    /// What is written to the memory that was met; loops that it is in.
    fn memory(&mut self) -> Vec<Vec<NodeId>> {
        let (arena, mut loops) = (self.plan.arena, Vec::new());
        while let Some(memory) = self.pending.pop() {
            let source = match memory {
                Memory::Cell(from, _) => arena.cells[from.index()].next,
                Memory::Ring(from, _) => arena.rings[from.index()].input,
            };
            let Some(source) = source else { continue };
            match (self.visit(source), memory) {
                (Ok(node), Memory::Cell(_, to)) => self.new.cells[to.index()].next = Some(node),
                (Ok(node), Memory::Ring(_, to)) => self.new.rings[to.index()].input = Some(node),
                (Err(cycle), _) => loops.push(cycle),
            }
        }
        loops
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

    fn copy(&mut self, id: NodeId) -> Node {
        let mut node = self.plan.arena.nodes[id.index()].clone();
        for x in operands_mut(&mut node) {
            *x = match self.marks[self.resolve(*x).index()] {
                Mark::Done(node) => node,
                _ => NodeId(0),
            };
        }
        match &mut node {
            Node::Param(p) => {
                let new = (*p, id, self.plan.word(id));
                *p = ParamId(numbered(&mut self.params, |(known, ..)| *known == new.0, new));
                self.own.resize(self.params.len(), false);
                if self.plan.is_lent(id, self.group) {
                    self.lent.push((id, new.0));
                } else {
                    self.own[p.index()] = true;
                }
            }
            Node::Row(r) => *r = RowId(numbered(&mut self.rows, |known| *known == *r, *r)),
            Node::Peek(s, _) => *s = self.sample(*s),
            Node::Read(c) => *c = self.cell(*c),
            Node::Tap(r, _) => *r = self.ring(*r),
            _ => {}
        }
        node
    }

    fn sample(&mut self, id: SampleId) -> SampleId {
        SampleId(numbered(&mut self.samples, |known| *known == id, id))
    }

    fn cell(&mut self, id: CellId) -> CellId {
        *self.memory.entry(id).or_insert_with(|| {
            self.new.cells.push(Cell { next: None, ..self.plan.arena.cells[id.index()].clone() });
            self.cells.push(Use::Memory);
            let new = CellId(self.new.cells.len() as u32 - 1);
            self.pending.push(Memory::Cell(id, new));
            new
        })
    }

    fn ring(&mut self, id: RingId) -> RingId {
        if let Some(&known) = self.lines.get(&id) {
            return known;
        }
        let mut ring = Ring { input: None, ..self.plan.arena.rings[id.index()].clone() };
        if let Some(kernel) = ring.kernel.take() {
            // What it reads comes first.
            let rings: HashMap<RingId, RingId> = kernel.rings().map(|r| (r, self.ring(r))).collect();
            ring.kernel = Some(kernel.with(|r| rings[&r], |s| self.sample(s)));
        }
        self.new.rings.push(ring);
        let new = RingId(self.new.rings.len() as u32 - 1);
        self.lines.insert(id, new);
        self.pending.push(Memory::Ring(id, new));
        new
    }
}

/// The number of a thing in a list, where it is added if it is new.
fn numbered<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, new: T) -> u32 {
    let at = list.iter().position(is).unwrap_or_else(|| {
        list.push(new);
        list.len() - 1
    });
    at as u32
}
