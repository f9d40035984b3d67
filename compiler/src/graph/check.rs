//! The validator: what a graph must be before anybody asks what it sounds like.
//!
//! It finds the type, lanes and rate of every node, an order in which operands come before users, and the loops: strongly
//! connected components over all edges, those through memory included. A tap in one component with what is written to its
//! ring is inside a feedback and cannot read the present. Code behind this stage relies on all of it and checks nothing.
//!
//! A tap whose delay is always a quantum or more is *late*: everything that it reads was written before the quantum began. It
//! closes no loop within a quantum, and therefore counts as no edge: an echo is no recursion, and what stands around it is
//! computed over time. How short a delay may become is found by [`bounds`], and front end and passes see to it that an echo of
//! the library's or of the text's own numbers is written so that it can be ([`crate::passes::cut`]).

use crate::graph::bounds::{Bounds, bounds};
use crate::graph::ir::{CellId, Graph, Node, NodeId, OutKind, QUANTUM, Rate, RingId, Ty, operands};
use crate::graph::ops::Op;
use smallvec::SmallVec;

/// Longest ring, in samples: indices are computed in floats and must be exact.
pub const LONGEST: u32 = 1 << 22;

/// Most lanes of a node.
pub const WIDEST: u32 = 1 << 12;

/// What is wrong with a graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A node refers to a node that is not there.
    #[error("node {} refers to node {}, which does not exist", .node.0, .missing.0)]
    Operand {
        /// The user.
        node: NodeId,
        /// The operand.
        missing: NodeId,
    },
    /// A node refers to a parameter, row, cell or ring that is not there.
    #[error("node {} refers to {what} {index}, which does not exist", .node.0)]
    Reference {
        /// The user.
        node: NodeId,
        /// What kind of thing.
        what: &'static str,
        /// Its index.
        index: u32,
    },
    /// An operation has too many or too few operands.
    #[error("node {}: {} takes {} operands, not {given}", .node.0, .op.info().name, .op.info().args.len())]
    Arity {
        /// The operation.
        node: NodeId,
        /// Which.
        op: Op,
        /// How many it was given.
        given: usize,
    },
    /// An operand has the wrong type.
    #[error("node {}: operand {arg} must be {want:?}", .node.0)]
    Type {
        /// The user.
        node: NodeId,
        /// Which operand.
        arg: usize,
        /// What it must be.
        want: Ty,
    },
    /// Lane counts do not fit.
    #[error("node {}: lanes {given:?} do not fit", .node.0)]
    Lanes {
        /// The node.
        node: NodeId,
        /// What it was given.
        given: Vec<u32>,
    },
    /// A line over something that is not a block-rate float.
    #[error("node {}: only a block-rate float can be drawn as a line", .0.0)]
    Line(NodeId),
    /// A cell without a next value, or with one of wrong type or lanes.
    #[error("cell {} ({name}): {fault}", .cell.0)]
    Cell {
        /// The cell.
        cell: CellId,
        /// Its name.
        name: String,
        /// What is wrong.
        fault: &'static str,
    },
    /// A ring without an input, or with one of wrong type or lanes, or of wrong capacity.
    #[error("ring {} ({name}): {fault}", .ring.0)]
    Ring {
        /// The ring.
        ring: RingId,
        /// Its name.
        name: String,
        /// What is wrong.
        fault: &'static str,
    },
    /// A row of impossible width.
    #[error("row {0} has an impossible number of lanes")]
    Row(u32),
    /// An output that is not two floats.
    #[error("output {name}: {fault}")]
    Out {
        /// Its name.
        name: String,
        /// What is wrong.
        fault: &'static str,
    },
    /// Values that need each other in the same sample.
    #[error("nodes {:?} need each other in the same sample", .0.iter().map(|n| n.0).collect::<Vec<_>>())]
    Cycle(Vec<NodeId>),
}

/// What the validator finds out.
#[derive(Clone, Debug)]
pub struct GraphInfo {
    /// All nodes, operands before users.
    pub order: Vec<NodeId>,
    /// Type of each node.
    pub ty: Vec<Ty>,
    /// Lanes of each node.
    pub lanes: Vec<u32>,
    /// Rate of each node.
    pub rate: Vec<Rate>,
    /// Component of each node. Numbers ascend along edges, so that a component only needs those of lower number.
    pub scc: Vec<u32>,
    /// Component of the writing of each ring.
    pub ring_scc: Vec<u32>,
    /// Number of components.
    pub scc_count: u32,
    /// For taps: true when the tap is part of what is written to its ring in the same quantum.
    pub tap_recursive: Vec<bool>,
    /// For taps: true when the delay is always a quantum or more, so that what is read was written before this quantum.
    pub tap_late: Vec<bool>,
    /// For taps: true when the delay is always [`STEP`] or more, so that what is read was written before this vector of frames.
    pub tap_far: Vec<bool>,
}

/// Frames of the longest vector.
pub const STEP: u32 = 16;

impl GraphInfo {
    /// Smallest and largest delay of a tap.
    pub fn tap_range(&self, node: NodeId, capacity: u32) -> (u32, u32) {
        let at = node.index();
        let least = match () {
            () if self.tap_late[at] => QUANTUM as u32,
            () if self.tap_far[at] => STEP,
            () => u32::from(self.tap_recursive[at]),
        };
        (least, capacity - 1 - QUANTUM as u32)
    }
}

/// Strongly connected components of a graph given by predecessors, in flat form: those of vertex `v` are
/// `targets[starts[v]..starts[v + 1]]`. Components are numbered so that predecessors have lower or equal numbers.
pub fn components(starts: &[u32], targets: &[u32]) -> (Vec<u32>, u32) {
    const NEW: u32 = u32::MAX;
    let n = starts.len() - 1;
    let (mut index, mut low, mut component) = (vec![NEW; n], vec![0; n], vec![NEW; n]);
    let (mut next, mut count) = (0, 0);
    let (mut stack, mut calls) = (Vec::with_capacity(n), Vec::<(u32, u32)>::new());
    for root in 0..n {
        if index[root] != NEW {
            continue;
        }
        calls.push((root as u32, starts[root]));
        'visit: while let Some((v, mut edge)) = calls.pop() {
            let at = v as usize;
            if index[at] == NEW {
                index[at] = next;
                low[at] = next;
                next += 1;
                stack.push(v);
            }
            while edge < starts[at + 1] {
                let w = targets[edge as usize] as usize;
                edge += 1;
                if index[w] == NEW {
                    calls.extend([(v, edge), (w as u32, starts[w])]);
                    continue 'visit;
                }
                if component[w] == NEW {
                    low[at] = low[at].min(index[w]);
                }
            }
            if low[at] == index[at] {
                while let Some(w) = stack.pop() {
                    component[w as usize] = count;
                    if w == v {
                        break;
                    }
                }
                count += 1;
            }
            if let Some(&(parent, _)) = calls.last() {
                low[parent as usize] = low[parent as usize].min(low[at]);
            }
        }
    }
    (component, count)
}

/// Checks a graph and infers what it leaves unsaid.
pub fn check(graph: &Graph) -> Result<GraphInfo, Vec<GraphError>> {
    Ok(with_loops(graph, shapes(graph)?))
}

/// What [`check`] finds in a graph that a pass has made of a valid one, operands before users: nothing is validated again.
pub fn known(graph: &Graph) -> GraphInfo {
    with_loops(graph, known_shapes(graph))
}

/// [`known`] without loops and delays.
pub fn known_shapes(graph: &Graph) -> Shapes {
    let order: Vec<NodeId> = (0..graph.nodes.len() as u32).map(NodeId).collect();
    let (mut ty, mut lanes) = (Vec::with_capacity(order.len()), Vec::with_capacity(order.len()));
    for node in &graph.nodes {
        let (t, n) = shape(graph, node, &ty, &lanes);
        ty.push(t);
        lanes.push(n);
    }
    let rate = rates(graph, &order);
    Shapes { order, ty, lanes, rate }
}

/// Of taps: which are part of what is written to their ring in the same quantum, and which of all are far back, as in
/// [`GraphInfo::tap_far`]. `order` has operands before users; nothing is validated.
pub fn recursive(graph: &Graph, order: &[NodeId]) -> (Vec<bool>, Vec<bool>) {
    let loops = Loops::of(graph, order);
    (loops.tap_recursive, loops.tap_far)
}

fn with_loops(graph: &Graph, Shapes { order, ty, lanes, rate }: Shapes) -> GraphInfo {
    let Loops { scc, ring_scc, scc_count, tap_recursive, tap_late, tap_far } = Loops::of(graph, &order);
    GraphInfo { order, ty, lanes, rate, scc, ring_scc, scc_count, tap_recursive, tap_late, tap_far }
}

/// What of [`GraphInfo`] is about loops.
struct Loops {
    scc: Vec<u32>,
    ring_scc: Vec<u32>,
    scc_count: u32,
    tap_recursive: Vec<bool>,
    tap_late: Vec<bool>,
    tap_far: Vec<bool>,
}

impl Loops {
    fn of(graph: &Graph, order: &[NodeId]) -> Loops {
        let [tap_late, tap_far] = late(graph, order);
        let vertices = graph.nodes.len() + graph.rings.len();
        let (mut starts, mut targets) = (Vec::with_capacity(vertices + 1), Vec::with_capacity(2 * vertices));
        starts.push(0);
        let writes = graph.nodes.len() as u32;
        for (node, late) in graph.nodes.iter().zip(&tap_late) {
            targets.extend(operands(node).iter().map(|n| n.0));
            match node {
                Node::Read(cell) => targets.extend(graph.cells[cell.index()].next.map(|n| n.0)),
                Node::Tap(ring, _) if !late => targets.push(writes + ring.0),
                _ => {}
            }
            starts.push(targets.len() as u32);
        }
        for ring in &graph.rings {
            targets.extend(ring.input.map(|n| n.0));
            starts.push(targets.len() as u32);
        }
        let (mut scc, scc_count) = components(&starts, &targets);
        let ring_scc = scc.split_off(graph.nodes.len());
        let recursive = |(id, node): (usize, &Node)| matches!(node, Node::Tap(r, _) if !tap_late[id] && ring_scc[r.index()] == scc[id]);
        let tap_recursive = graph.nodes.iter().enumerate().map(recursive).collect();
        Loops { scc, ring_scc, scc_count, tap_recursive, tap_late, tap_far }
    }
}

/// What the validator finds out about each node by itself.
pub struct Shapes {
    /// All nodes, operands before users.
    pub order: Vec<NodeId>,
    /// Type of each node.
    pub ty: Vec<Ty>,
    /// Lanes of each node.
    pub lanes: Vec<u32>,
    /// Rate of each node.
    pub rate: Vec<Rate>,
}

/// [`check`] without loops and delays.
fn shapes(graph: &Graph) -> Result<Shapes, Vec<GraphError>> {
    let mut errors = references(graph);
    if !errors.is_empty() {
        return Err(errors);
    }
    let order = order(graph).map_err(|cycle| vec![GraphError::Cycle(cycle)])?;
    let mut inference =
        Inference { graph, ty: vec![Ty::F32; graph.nodes.len()], lanes: vec![1; graph.nodes.len()], errors: vec![] };
    for &id in &order {
        inference.node(id);
    }
    let Inference { ty, lanes, errors: found, .. } = inference;
    errors.extend(found);
    let rate = rates(graph, &order);
    memory(graph, &ty, &lanes, &mut errors);
    for (id, node) in graph.nodes.iter().enumerate() {
        if let Node::Line(x) = node
            && (rate[x.index()] == Rate::Sample || ty[x.index()] != Ty::F32)
        {
            errors.push(GraphError::Line(NodeId(id as u32)));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Shapes { order, ty, lanes, rate })
}

/// The taps whose delay is a quantum or more, and those where it is a vector or more, whatever the parameters are.
fn late(graph: &Graph, order: &[NodeId]) -> [Vec<bool>; 2] {
    // A line between two long delays may be rounded to less, but a late tap is clamped to its least in every evaluator.
    let ends = |n: NodeId| if let Node::Line(x) = graph.node(n) { *x } else { n };
    let delay = |node: &Node| if let Node::Tap(_, delay) = node { Some(ends(*delay)) } else { None };
    let known = bounds(graph, order, graph.nodes.iter().filter_map(delay), |_| Bounds::FINITE);
    [QUANTUM as u32, STEP].map(|least| {
        let long = |n: NodeId| known[n.index()].is_some_and(|b| !b.nan && b.low >= least as f32);
        graph.nodes.iter().map(|node| delay(node).is_some_and(long)).collect()
    })
}

/// Everything that a node or a piece of memory points to must be there.
fn references(graph: &Graph) -> Vec<GraphError> {
    let mut errors = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        let node_id = NodeId(id as u32);
        for &missing in operands(node) {
            if missing.index() >= graph.nodes.len() {
                errors.push(GraphError::Operand { node: node_id, missing });
            }
        }
        let (what, index, count) = match node {
            Node::Param(p) => ("parameter", p.0, graph.params.len()),
            Node::Row(r) => ("row", r.0, graph.rows.len()),
            Node::Read(c) => ("cell", c.0, graph.cells.len()),
            Node::Tap(r, _) => ("ring", r.0, graph.rings.len()),
            Node::Peek(s, _) => ("sample", s.0, graph.samples.len()),
            Node::Input(c) => ("input channel", *c, 256),
            _ => continue,
        };
        if index as usize >= count {
            errors.push(GraphError::Reference { node: node_id, what, index });
        }
    }
    let exists = |n: NodeId| n.index() < graph.nodes.len();
    for (id, cell) in graph.cells.iter().enumerate() {
        let fault = match cell.next {
            None => "it is never written",
            Some(n) if !exists(n) => "what is written to it does not exist",
            Some(_) if cell.frame.index() >= graph.frames.len() => "its frame does not exist",
            Some(_) if cell.lanes == 0 || cell.lanes > WIDEST => "it has an impossible number of lanes",
            _ => continue,
        };
        errors.push(GraphError::Cell { cell: CellId(id as u32), name: cell.name.to_string(), fault });
    }
    for (id, ring) in graph.rings.iter().enumerate() {
        let fault = match ring.input {
            _ if ring.kernel.as_ref().is_some_and(|kernel| !kernel.fits(graph, RingId(id as u32))) => {
                "its kernel reads what is not there"
            }
            Some(_) if ring.kernel.is_some() => "it is written twice",
            None if ring.kernel.is_none() => "it is never written",
            Some(n) if !exists(n) => "what is written to it does not exist",
            _ if ring.frame.index() >= graph.frames.len() => "its frame does not exist",
            _ if ring.lanes == 0 || ring.lanes > WIDEST => "it has an impossible number of lanes",
            _ if !ring.capacity.is_power_of_two() || ring.capacity < 2 * QUANTUM as u32 => {
                "its capacity is no power of two above a quantum"
            }
            _ if ring.capacity > LONGEST => "it is too long",
            _ => continue,
        };
        errors.push(GraphError::Ring { ring: RingId(id as u32), name: ring.name.to_string(), fault });
    }
    for (id, row) in graph.rows.iter().enumerate() {
        if row.lanes == 0 || row.lanes > WIDEST {
            errors.push(GraphError::Row(id as u32));
        }
    }
    for out in &graph.outs {
        if matches!(out.kind, OutKind::Head(s) if s.index() >= graph.samples.len()) {
            errors.push(GraphError::Out { name: out.name.clone(), fault: "its sample does not exist" });
        }
        if !exists(out.node) {
            errors.push(GraphError::Out { name: out.name.clone(), fault: "its value does not exist" });
        }
    }
    errors
}

/// Nodes so that operands come first, or the nodes of a cycle.
pub fn order(graph: &Graph) -> Result<Vec<NodeId>, Vec<NodeId>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    // Nearly always they are in order.
    let sorted = |(id, node): (usize, &Node)| operands(node).iter().all(|n| n.index() < id);
    if graph.nodes.iter().enumerate().all(sorted) {
        return Ok((0..graph.nodes.len() as u32).map(NodeId).collect());
    }
    let mut mark = vec![Mark::New; graph.nodes.len()];
    let mut order = Vec::with_capacity(graph.nodes.len());
    let mut path: Vec<(NodeId, usize)> = Vec::new();
    for root in 0..graph.nodes.len() as u32 {
        if mark[root as usize] == Mark::New {
            path.push((NodeId(root), 0));
            mark[root as usize] = Mark::Open;
        }
        while let Some((id, next)) = path.last_mut() {
            let args = operands(graph.node(*id));
            if let Some(&arg) = args.get(*next) {
                *next += 1;
                match mark[arg.index()] {
                    Mark::New => {
                        mark[arg.index()] = Mark::Open;
                        path.push((arg, 0));
                    }
                    Mark::Open => {
                        let from = path.iter().position(|(n, _)| *n == arg).unwrap_or(0);
                        return Err(path[from..].iter().map(|(n, _)| *n).collect());
                    }
                    Mark::Done => {}
                }
            } else {
                mark[id.index()] = Mark::Done;
                order.push(*id);
                path.pop();
            }
        }
    }
    Ok(order)
}

/// Types and lanes, node by node in order.
struct Inference<'a> {
    graph: &'a Graph,
    ty: Vec<Ty>,
    lanes: Vec<u32>,
    errors: Vec<GraphError>,
}

impl Inference<'_> {
    fn node(&mut self, id: NodeId) {
        let graph = self.graph;
        match graph.node(id) {
            Node::Op(op, args) => {
                let info = op.info();
                if args.len() != info.args.len() {
                    self.errors.push(GraphError::Arity { node: id, op: *op, given: args.len() });
                }
                for (arg, (&n, &want)) in args.iter().zip(info.types).enumerate() {
                    self.want(id, arg, n, want);
                }
                let given: SmallVec<[u32; 8]> = args.iter().map(|n| self.lanes[n.index()]).collect();
                self.spread(id, &given);
            }
            Node::Tap(r, delay) => {
                self.want(id, 0, *delay, Ty::F32);
                self.spread(id, &[graph.rings[r.index()].lanes, self.lanes[delay.index()]]);
            }
            Node::Peek(_, index) => self.want(id, 0, *index, Ty::I32),
            Node::Shuffle(x, map) => {
                let n = self.lanes[x.index()];
                if map.is_empty() || map.iter().any(|&i| i >= n) {
                    self.errors.push(GraphError::Lanes { node: id, given: map.clone() });
                }
            }
            Node::Reduce(x, lanes) => {
                self.want(id, 0, *x, Ty::F32);
                let n = self.lanes[x.index()];
                if *lanes == 0 || !n.is_multiple_of(*lanes) {
                    self.errors.push(GraphError::Lanes { node: id, given: vec![n, *lanes] });
                }
            }
            Node::Join(args) => {
                let ty = args.first().map_or(Ty::F32, |n| self.ty[n.index()]);
                for (arg, &n) in args.iter().enumerate() {
                    self.want(id, arg, n, ty);
                }
            }
            _ => {}
        }
        let (ty, lanes) = shape(graph, graph.node(id), &self.ty, &self.lanes);
        if lanes == 0 || lanes > WIDEST {
            self.errors.push(GraphError::Lanes { node: id, given: vec![lanes] });
        }
        self.ty[id.index()] = ty;
        self.lanes[id.index()] = lanes.max(1);
    }

    fn want(&mut self, node: NodeId, arg: usize, operand: NodeId, want: Ty) {
        if self.ty[operand.index()] != want {
            self.errors.push(GraphError::Type { node, arg, want });
        }
    }

    /// All lanes must be the same number, but that one lane goes with any.
    fn spread(&mut self, node: NodeId, given: &[u32]) {
        let lanes = given.iter().copied().max().unwrap_or(1);
        if lanes > 1 && given.iter().any(|&n| n != 1 && n != lanes) {
            self.errors.push(GraphError::Lanes { node, given: given.to_vec() });
        }
    }
}

/// Type and lanes of a node, by those of the nodes before it.
pub fn shape(graph: &Graph, node: &Node, ty: &[Ty], lanes: &[u32]) -> (Ty, u32) {
    let widest = |args: &[NodeId]| args.iter().map(|n| lanes[n.index()]).max().unwrap_or(1);
    match node {
        Node::Const(ty, bits) => (*ty, bits.len() as u32),
        Node::Param(_) | Node::Input(_) => (Ty::F32, 1),
        Node::Row(r) => (Ty::F32, graph.rows[r.index()].lanes),
        Node::Frame => (Ty::I32, 1),
        Node::Read(c) => (graph.cells[c.index()].ty, graph.cells[c.index()].lanes),
        Node::Op(op, args) => (op.info().result, widest(args)),
        Node::Tap(r, delay) => (Ty::F32, graph.rings[r.index()].lanes.max(lanes[delay.index()])),
        Node::Peek(_, index) => (Ty::F32, lanes[index.index()]),
        Node::Shuffle(x, map) => (ty[x.index()], map.len() as u32),
        Node::Reduce(_, lanes) => (Ty::F32, *lanes),
        Node::Join(args) => {
            (args.first().map_or(Ty::F32, |n| ty[n.index()]), args.iter().map(|n| lanes[n.index()]).sum())
        }
        Node::Line(x) => (ty[x.index()], lanes[x.index()]),
    }
}

fn rates(graph: &Graph, order: &[NodeId]) -> Vec<Rate> {
    let mut rate = vec![Rate::Const; graph.nodes.len()];
    for &id in order {
        rate[id.index()] = match graph.node(id) {
            Node::Const(..) => Rate::Const,
            Node::Param(_) => Rate::Block,
            Node::Row(_) | Node::Frame | Node::Input(_) | Node::Read(_) => Rate::Sample,
            Node::Tap(..) | Node::Peek(..) | Node::Line(_) => Rate::Sample,
            node => operands(node).iter().map(|n| rate[n.index()]).max().unwrap_or(Rate::Const),
        };
    }
    rate
}

/// Cells, rings and outs.
fn memory(graph: &Graph, ty: &[Ty], lanes: &[u32], errors: &mut Vec<GraphError>) {
    for (id, cell) in graph.cells.iter().enumerate() {
        let Some(next) = cell.next else { continue };
        let fault = match (ty[next.index()] == cell.ty, lanes[next.index()]) {
            (false, _) => "what is written to it has another type",
            (true, n) if n != 1 && n != cell.lanes => "what is written to it has other lanes",
            _ => continue,
        };
        errors.push(GraphError::Cell { cell: CellId(id as u32), name: cell.name.to_string(), fault });
    }
    for (id, ring) in graph.rings.iter().enumerate() {
        let Some(input) = ring.input else { continue };
        let fault = match (ty[input.index()], lanes[input.index()]) {
            (Ty::I32, _) => "what is written to it is no float",
            (Ty::F32, n) if n != 1 && n != ring.lanes => "what is written to it has other lanes",
            _ => continue,
        };
        errors.push(GraphError::Ring { ring: RingId(id as u32), name: ring.name.to_string(), fault });
    }
    for out in &graph.outs {
        if ty[out.node.index()] != Ty::F32 || lanes[out.node.index()] != 2 {
            errors.push(GraphError::Out { name: out.name.clone(), fault: "it must be two lanes of floats" });
        }
    }
}
