//! Voices at rest: what happens behind an envelope that has ended.
//!
//! In `saw(freq) >> lpf(800hz) * adsr(gate)` the oscillator and the filter run on while the envelope is zero. Nobody hears them,
//! but the filter's state would be there in the next note: it could be left out only by changing that. So the graph says what a
//! voice is like before a note: *where an envelope is zero, what it shuts in is empty.* Its product is then zero, whatever moves
//! behind it, and the cells and delay lines that are heard through it alone hold their first values:
//!
//! ```text
//! y = x * env                         y = select(env, x * env, 0)
//! s.next = f(x, s)                    s.next = select(env, f(x, s), init)
//! ```
//!
//! Counters, which phases are, go on: from them alone is known where they would be. A note so begins with empty filters and with
//! an oscillator wherever it has come to; nothing is cut, since all this is heard times zero.
//!
//! An *envelope* is a value that moves with notes alone, by way of their gates, and is zero before the first of them; what it shuts in
//! is what moves by itself. Envelopes that sum to a voice shut in what each is in front of. With that, [`crate::graph::idle`] can prove that a voice rests.

use crate::codegen::guard;
use crate::front::segment::Given;
use crate::graph::check::order;
use crate::graph::ops::{Op, canonical};
use crate::graph::{CellId, FrameId, Graph, Node, NodeId, RowId, Ty, operands};
use crate::passes::cross::operands_mut;
use crate::program::{FieldSource, Unit};
use rustc_hash::FxHashMap as HashMap;

/// A cell by which the signal of another part comes in, and what is known of that.
pub(super) struct Port {
    pub cell: CellId,
    pub given: Given,
}

/// What is known of each value.
pub(super) struct Facts {
    /// It depends on the gate of a note.
    pub gated: Vec<bool>,
    /// It moves by itself.
    pub moving: Vec<bool>,
    /// What it is before any note; 0 for what moves by itself.
    pub words: Vec<u32>,
    /// It is zero before any note, whatever the numbers of the text are.
    zero: Vec<bool>,
}

/// Says of the voices of a graph what they are like at rest. `voiced` are the values that were made for voices; what is written to the
/// cells `heard` is heard as the outs are.
pub(super) fn rest(graph: Graph, units: &[Unit], voiced: &[NodeId], facts: &Facts, heard: &[CellId]) -> Graph {
    if units.is_empty() || voiced.is_empty() {
        return graph;
    }
    // The envelope of each product with what moves.
    let mut envelope: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    for &id in voiced {
        if let Node::Op(Op::Mul, args) = graph.node(id) {
            let shuts =
                |a: NodeId, b: NodeId| facts.gated[a.index()] && facts.zero[a.index()] && facts.moving[b.index()];
            envelope[id.index()] = match args[..] {
                [a, b] if shuts(a, b) => Some(a),
                [a, b] if shuts(b, a) => Some(b),
                _ => None,
            };
        }
    }
    if envelope.iter().all(Option::is_none) {
        return graph;
    }
    const OPEN: u32 = u32::MAX;
    let mut seen = vec![0; graph.nodes.len()];
    let taken = heard.iter().filter_map(|cell| graph.cells[cell.index()].next);
    reach(&graph, &envelope, graph.outs.iter().map(|out| out.node).chain(taken).collect(), OPEN, &mut seen);
    let mut products: HashMap<NodeId, Vec<NodeId>> = HashMap::default();
    for (id, env) in envelope.iter().enumerate() {
        if let Some(env) = env {
            products.entry(*env).or_default().push(NodeId(id as u32));
        }
    }
    let mut shut = Shut { envelope, products, before: vec![Vec::new(); graph.nodes.len()] };
    let mut all: Vec<NodeId> = shut.products.keys().copied().collect();
    all.sort_unstable();
    for (turn, &env) in all.iter().enumerate() {
        let products = shut.products[&env].iter();
        let sides = products.flat_map(|id| operands(graph.node(*id)).iter().copied().filter(|n| *n != env));
        // What lies behind something that is heard is heard: the search ends there, and stays inside of a voice.
        for id in reach(&graph, &shut.envelope, sides.collect(), turn as u32 + 1, &mut seen) {
            shut.before[id.index()].push(env);
        }
    }
    let lanes = lanes(&graph);
    let mut writer = Writer {
        graph: &graph,
        lanes: &lanes,
        units,
        shut: &shut,
        out: graph.without_nodes(),
        new: Vec::new(),
        open: HashMap::default(),
    };
    writer.nodes(&all);
    writer.memory(facts);
    ordered(writer.out)
}

/// What is behind which envelope.
struct Shut {
    /// Of each product with what moves.
    envelope: Vec<Option<NodeId>>,
    /// And the other way: the products of each envelope.
    products: HashMap<NodeId, Vec<NodeId>>,
    /// The envelopes in front of each value that is not heard without.
    before: Vec<Vec<NodeId>>,
}

/// What is heard from some values on without passing an envelope; each is marked by `mark`. Where a greater mark is, the search
/// ends.
fn reach(
    graph: &Graph,
    envelope: &[Option<NodeId>],
    mut work: Vec<NodeId>,
    mark: u32,
    seen: &mut [u32],
) -> Vec<NodeId> {
    let mut found = Vec::new();
    while let Some(id) = work.pop() {
        if seen[id.index()] >= mark {
            continue;
        }
        seen[id.index()] = mark;
        found.push(id);
        match (envelope[id.index()], graph.node(id)) {
            (Some(env), _) => work.push(env),
            (None, node) => {
                work.extend(operands(node));
                match node {
                    Node::Read(c) => work.extend(graph.cells[c.index()].next),
                    Node::Tap(r, _) => work.extend(graph.fed(*r)),
                    _ => {}
                }
            }
        }
    }
    found
}

/// Finds out what is known of each value.
pub(super) fn facts(graph: &Graph, units: &[Unit], ports: &[Port]) -> Facts {
    let n = graph.nodes.len();
    // What is known of each value, as bits, so that those of operands are gathered at once.
    let mut bits = vec![0u8; n];
    let mut known = vec![None; graph.cells.len()];
    for port in ports {
        known[port.cell.index()] = Some(port.given);
    }
    loop {
        let mut changed = false;
        for (id, node) in graph.nodes.iter().enumerate() {
            let of = match node {
                Node::Row(r) => bit(GATED, gate(graph, units, *r)),
                Node::Frame | Node::Input(_) => MOVING,
                Node::Tap(_, x) | Node::Peek(_, x) => bits[x.index()] | MOVING,
                Node::Read(c) => match known[c.index()] {
                    Some(given) => bit(GATED, given.gated) | bit(MOVING, given.moving),
                    None => {
                        let cell = &graph.cells[c.index()];
                        cell.next.map_or(0, |next| bits[next.index()]) | bit(MOVING, cell.ty == Ty::I32)
                    }
                },
                node => operands(node).iter().fold(0, |all, x| all | bits[x.index()]),
            };
            changed |= std::mem::replace(&mut bits[id], of) != of;
        }
        if !changed {
            break;
        }
    }
    let of = |bit: u8| bits.iter().map(|bits| bits & bit > 0).collect::<Vec<bool>>();
    let (gated, moving) = (of(GATED), of(MOVING));
    let words = guard::flushed(|| before_notes(graph, units, &moving));
    let zero = words.iter().zip(&moving).map(|(word, moving)| word << 1 == 0 && !moving).collect();
    Facts { gated, moving, words, zero }
}

/// It depends on the gate of a note.
const GATED: u8 = 1;
/// It moves by itself.
const MOVING: u8 = 2;

fn bit(bit: u8, is: bool) -> u8 {
    if is { bit } else { 0 }
}

/// What values are in the first frame while no gate is up. Numbers of the text and of notes are put at some place where nothing
/// vanishes, since they may change without another compilation; only which side of zero they are on is kept. All lanes of a value count as alike.
/// Of what moves by itself, and of what comes of it, nobody asks.
fn before_notes(graph: &Graph, units: &[Unit], moving: &[bool]) -> Vec<u32> {
    let mut words: Vec<u32> = Vec::with_capacity(graph.nodes.len());
    for (node, moving) in graph.nodes.iter().zip(moving) {
        let of = |n: &NodeId| words[n.index()];
        let word = match node {
            _ if *moving => 0,
            Node::Const(ty, bits) => bits.iter().map(|b| canonical(*ty, *b)).find(|b| b << 1 != 0).unwrap_or(0),
            Node::Row(r) if gate(graph, units, *r) => 0,
            Node::Param(p) => (0.7 + 0.01 * (p.0 % 7) as f32).copysign(graph.params[p.index()].value).to_bits(),
            Node::Row(r) => (0.6 + 0.01 * (r.0 % 7) as f32).to_bits(),
            Node::Frame | Node::Input(_) | Node::Tap(..) | Node::Peek(..) => 1f32.to_bits(),
            Node::Read(c) => canonical(graph.cells[c.index()].ty, graph.cells[c.index()].init),
            Node::Shuffle(x, _) | Node::Reduce(x, _) | Node::Line(x) => of(x),
            Node::Join(parts) => parts.iter().map(of).find(|word| word << 1 != 0).unwrap_or(0),
            Node::Op(op, args) => {
                let given: smallvec::SmallVec<[u32; 4]> = args.iter().map(of).collect();
                (op.info().interp)(&given)
            }
        };
        words.push(word);
    }
    words
}

/// True for a row of gates.
fn gate(graph: &Graph, units: &[Unit], row: RowId) -> bool {
    let row = &graph.rows[row.index()];
    let field = units.get(row.unit as usize).and_then(|unit| unit.fields.get(row.field as usize));
    field.is_some_and(|field| field.source == FieldSource::Gate)
}

/// The graph being written.
struct Writer<'a> {
    graph: &'a Graph,
    lanes: &'a [u32],
    units: &'a [Unit],
    shut: &'a Shut,
    out: Graph,
    /// What stands for each value.
    new: Vec<NodeId>,
    /// Of each envelope: not zero where it is open and one in front of it is.
    open: HashMap<NodeId, NodeId>,
}

impl Writer<'_> {
    /// Writes all values; products with an envelope become choices. Nodes do not stay in order.
    fn nodes(&mut self, envelopes: &[NodeId]) {
        let mut choice = self.graph.nodes.len() as u32;
        for (id, envelope) in self.shut.envelope.iter().enumerate() {
            self.new.push(NodeId(if envelope.is_some() { choice } else { id as u32 }));
            choice += u32::from(envelope.is_some());
        }
        for node in &self.graph.nodes {
            let mut node = node.clone();
            operands_mut(&mut node).iter_mut().for_each(|n| *n = self.new[n.index()]);
            self.out.nodes.push(node);
        }
        let products: Vec<(usize, NodeId)> =
            self.shut.envelope.iter().enumerate().filter_map(|(id, env)| Some((id, (*env)?))).collect();
        // What is chosen by is known once all envelopes are.
        for &(id, env) in &products {
            self.out.op(Op::Select, &[self.new[env.index()], NodeId(id as u32), NodeId(id as u32)]);
        }
        let zero = self.out.constant(0.0);
        for &env in envelopes {
            self.open(env, &mut Vec::new());
        }
        for (id, env) in products {
            let open = self.open.get(&env).copied();
            if let (Some(open), Node::Op(_, args)) = (open, &mut self.out.nodes[self.new[id].index()]) {
                (args[0], args[2]) = (open, zero);
            }
        }
    }

    /// Not zero where an envelope is open and one of those in front of it is: behind either nobody hears it.
    fn open(&mut self, env: NodeId, asked: &mut Vec<NodeId>) -> NodeId {
        if let Some(&open) = self.open.get(&env) {
            return open;
        }
        let own = self.new[env.index()];
        if asked.contains(&env) {
            return own;
        }
        asked.push(env);
        let mut outer: Vec<NodeId> = Vec::new();
        let mut heard = false;
        for id in self.shut.products.get(&env).into_iter().flatten() {
            heard |= self.shut.before[id.index()].is_empty();
            outer.extend(self.shut.before[id.index()].iter().filter(|other| **other != env));
        }
        outer.sort_unstable();
        outer.dedup();
        let lanes = self.lanes[env.index()];
        let mut open = own;
        if !heard
            && !outer.is_empty()
            && let Some(unit) = self.units.iter().find(|unit| lanes.is_multiple_of(unit.voices.max(1)))
            && let Some(front) = self.any(unit.voices.max(1), lanes, &outer, asked)
        {
            open = self.out.op(Op::And, &[own, front]);
        }
        asked.pop();
        if asked.is_empty() {
            self.open.insert(env, open);
        }
        open
    }

    /// Closes memory that is behind envelopes.
    fn memory(&mut self, facts: &Facts) {
        let graph = self.graph;
        // The envelopes that all readers of a piece of memory are shut in by; `None` if one is heard without.
        let (mut cells, mut rings) = (vec![Some(vec![]); graph.cells.len()], vec![Some(vec![]); graph.rings.len()]);
        for (id, node) in graph.nodes.iter().enumerate() {
            let slot: &mut Option<Vec<NodeId>> = match node {
                Node::Read(c) => &mut cells[c.index()],
                Node::Tap(r, _) => &mut rings[r.index()],
                _ => continue,
            };
            match slot {
                Some(all) if !self.shut.before[id].is_empty() => all.extend(&self.shut.before[id]),
                _ => *slot = None,
            }
        }
        // What a kernel reads is heard, whoever shuts what comes of it.
        for r in graph.rings.iter().flat_map(|ring| ring.kernel.iter().flat_map(|kernel| kernel.rings())) {
            rings[r.index()] = None;
        }
        for all in cells.iter_mut().chain(&mut rings).flatten() {
            all.sort_unstable();
            all.dedup();
        }
        for (c, cell) in graph.cells.iter().enumerate() {
            let Some(next) = cell.next else { continue };
            let mut to = self.new[next.index()];
            if (cell.ty == Ty::I32 || facts.moving[next.index()])
                && !counts(graph, c, facts)
                && let Some(envelopes) = &cells[c]
                && let Some(voices) = voices(graph, self.units, cell.frame)
                && let Some(open) = self.any(voices, cell.lanes, envelopes, &mut Vec::new())
            {
                let first = self.out.push(Node::Const(cell.ty, vec![canonical(cell.ty, cell.init)]));
                let op = if cell.ty == Ty::F32 { Op::Select } else { Op::Iselect };
                to = self.out.op(op, &[open, to, first]);
            }
            self.out.cells[c].next = Some(to);
        }
        for (r, ring) in graph.rings.iter().enumerate() {
            let Some(input) = ring.input else { continue };
            let mut to = self.new[input.index()];
            if facts.moving[input.index()]
                && let Some(envelopes) = &rings[r]
                && let Some(voices) = voices(graph, self.units, ring.frame)
                && let Some(open) = self.any(voices, ring.lanes, envelopes, &mut Vec::new())
            {
                let zero = self.out.constant(0.0);
                to = self.out.op(Op::Select, &[open, to, zero]);
            }
            self.out.rings[r].input = Some(to);
        }
        self.out.outs.iter_mut().for_each(|o| o.node = self.new[o.node.index()]);
    }

    /// Not zero where one of the envelopes is open, for so many lanes of voices; `None` where that cannot be said of them.
    fn any(&mut self, voices: u32, lanes: u32, envelopes: &[NodeId], asked: &mut Vec<NodeId>) -> Option<NodeId> {
        let mut open: Option<NodeId> = None;
        for &env in envelopes {
            let base = self.open(env, asked);
            let given = self.lanes[env.index()];
            let fitting = match given {
                n if n == lanes || n == 1 => base,
                // Channels of a voice, which stand one after another, open as its first does.
                n if n.is_multiple_of(voices) && lanes.is_multiple_of(voices) && self.spread(env, voices) => {
                    self.out.push(Node::Shuffle(base, (0..lanes).map(|lane| lane % voices).collect()))
                }
                _ => return None,
            };
            open = Some(open.map_or(fitting, |before| self.out.op(Op::Or, &[before, fitting])));
        }
        open
    }

    /// True for an envelope that is the same for all channels of a voice.
    fn spread(&self, env: NodeId, voices: u32) -> bool {
        match self.graph.node(env) {
            Node::Shuffle(_, map) => map.iter().enumerate().all(|(i, lane)| *lane == i as u32 % voices),
            _ => self.lanes[env.index()] == voices,
        }
    }
}

/// Puts operands before users.
fn ordered(mut graph: Graph) -> Graph {
    let Ok(order) = order(&graph) else { return graph };
    let mut new = vec![NodeId(0); order.len()];
    order.iter().zip(0..).for_each(|(id, at)| new[id.index()] = NodeId(at));
    let moved = |id: NodeId| new[id.index()];
    let mut take = |id: &NodeId| {
        let mut node = std::mem::replace(&mut graph.nodes[id.index()], Node::Frame);
        operands_mut(&mut node).iter_mut().for_each(|x| *x = moved(*x));
        node
    };
    graph.nodes = order.iter().map(&mut take).collect();
    graph.cells.iter_mut().for_each(|cell| cell.next = cell.next.map(moved));
    graph.rings.iter_mut().for_each(|ring| ring.input = ring.input.map(moved));
    graph.outs.iter_mut().for_each(|out| out.node = moved(out.node));
    graph
}

/// True for a cell that adds a step to itself, which no more than notes move.
fn counts(graph: &Graph, cell: usize, facts: &Facts) -> bool {
    let own = |n: NodeId| matches!(graph.node(n), Node::Read(c) if c.index() == cell);
    let still = |n: NodeId| !facts.moving[n.index()];
    match graph.cells[cell].next.map(|n| graph.node(n)) {
        Some(Node::Op(Op::Iadd, args)) => own(args[0]) && still(args[1]) || own(args[1]) && still(args[0]),
        _ => false,
    }
}

/// The voices of the unit that a place belongs to.
fn voices(graph: &Graph, units: &[Unit], frame: FrameId) -> Option<u32> {
    let mut place = Some(frame);
    while let Some(at) = place {
        if let Some(unit) = units.iter().find(|unit| unit.frame == at) {
            return Some(unit.voices.max(1));
        }
        place = graph.frames[at.index()].parent;
    }
    None
}

/// Types of all values; operands come first.
pub(super) fn types(graph: &Graph) -> Vec<Ty> {
    let mut all: Vec<Ty> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        all.push(match node {
            Node::Const(ty, _) => *ty,
            Node::Frame => Ty::I32,
            Node::Op(op, _) => op.info().result,
            Node::Read(c) => graph.cells[c.index()].ty,
            Node::Shuffle(x, _) | Node::Line(x) => all[x.index()],
            Node::Join(parts) => parts.first().map_or(Ty::F32, |x| all[x.index()]),
            Node::Param(_) | Node::Row(_) | Node::Input(_) => Ty::F32,
            Node::Tap(..) | Node::Peek(..) | Node::Reduce(..) => Ty::F32,
        });
    }
    all
}

/// Lanes of all values; operands come first.
pub(super) fn lanes(graph: &Graph) -> Vec<u32> {
    let mut all: Vec<u32> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let most = |of: &[NodeId]| of.iter().map(|n| all[n.index()]).max().unwrap_or(1);
        let lanes = match node {
            Node::Const(_, bits) => bits.len() as u32,
            Node::Param(_) | Node::Frame | Node::Input(_) => 1,
            Node::Row(r) => graph.rows[r.index()].lanes,
            Node::Read(c) => graph.cells[c.index()].lanes,
            Node::Shuffle(_, map) => map.len() as u32,
            Node::Reduce(_, lanes) => *lanes,
            Node::Join(parts) => parts.iter().map(|n| all[n.index()]).sum(),
            Node::Tap(r, delay) => graph.rings[r.index()].lanes.max(all[delay.index()]),
            Node::Line(_) | Node::Peek(..) | Node::Op(..) => most(operands(node)),
        };
        all.push(lanes);
    }
    all
}
