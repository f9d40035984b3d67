//! The schedule stage: from values to loops.
//!
//! Nodes are partitioned by strongly connected components over all edges, those through memory included. What is not part of a
//! loop is computed over time, a vector of frames at once, and there lanes meet; a loop of one lane goes frame by frame; a loop of
//! several lanes goes a vector of lanes at once, group by group; a loop that mixes lanes goes frame by frame with all lanes side by side. Neighbours of one
//! kind are merged into a [`Region`], which becomes one function, until it is as large as the code generator likes
//! ([`LIMIT`]: compile time grows faster than size). Values that cross regions pass through buffers.
//!
//! Block-rate values come first, in regions of their own; constants, lines, rows and inputs are cheap to fetch and belong to
//! every region that needs them.

pub mod buffers;
pub mod drawn;
pub mod layout;
pub mod moving;
pub mod regions;
pub mod rest;

use crate::codegen::isa::Isa;
use crate::exec::padded;
use crate::graph::check::GraphInfo;
use crate::graph::few::{Few, few};
use crate::graph::idle::{Parts, parts};
use crate::graph::ops::canonical;
use crate::graph::{CellId, Graph, Node, NodeId, Rate, RingId};
use crate::program::Layout;
use layout::StateLayout;
use rest::Rest;
use rustc_hash::FxHashMap as HashMap;
use std::fmt::Write;

/// Estimated instructions at which a region is full. A single loop may exceed it. Measured: twice as much spills registers, half
/// as much costs more in buffers than it saves.
pub const LIMIT: u32 = 150;

/// Loop-carried values up to which groups are computed side by side: about as many as there are registers.
pub const SIDE_BY_SIDE: u32 = 12;

/// Loop-carried values at which a region is full: few enough to stay in registers beside what is computed.
pub const CARRIED: u32 = 8;

/// The shape of a region's loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// No loop: values of block rate, once a quantum.
    Block,
    /// No loop of values, fewer lanes than a vector has: as many frames at once as fill it. With 1, as many frames as a vector has
    /// lanes, values of all widths side by side, and lanes that meet.
    Flat(u32),
    /// A loop of one lane: frame by frame.
    Scalar,
    /// Several lanes that do not meet: a vector of lanes at once, frame by frame, one group after another.
    Uniform(u32),
    /// A loop in which lanes meet: frame by frame, all lanes unrolled.
    Mixed,
}

/// Something that a region does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// Computes a node.
    Node(NodeId),
    /// Writes a ring.
    Write(RingId),
    /// Stores a value that belongs to every region, since it is heard.
    Copy(NodeId),
    /// Fixes the ends of a line for this quantum.
    Line(NodeId),
}

/// A function of generated code.
#[derive(Clone, Debug)]
pub struct Region {
    /// The shape of its loop.
    pub kind: Kind,
    /// What it does, in order.
    pub items: Vec<Item>,
    /// The cells that it reads and therefore keeps.
    pub cells: Vec<CellId>,
    /// Estimated instructions.
    pub weight: u32,
    /// In a uniform loop, groups of four lanes that are computed side by side: while one waits for itself, others go on.
    pub groups: u32,
    /// The part that it belongs to ([`crate::graph::idle`]); 0 always runs.
    pub part: u8,
}

/// How a region gets at a value that it does not compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The same constant in every lane.
    Constant(u32),
    /// Computed once a quantum by a block region.
    Block,
    /// Drawn between two values that a block region left.
    Line,
    /// From a row, an input, or the frame counter.
    Direct,
    /// Computed by one region, through a buffer for the others.
    Computed,
    /// The same cell as another node reads.
    Alias(NodeId),
    /// Nobody needs it.
    Dead,
}

/// Regions in the order of their calls, and where everything lies.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The functions.
    pub regions: Vec<Region>,
    /// How each node is reached.
    pub access: Vec<Access>,
    /// Where a node's buffer starts in the scratch, if it has one.
    pub home: Vec<Option<u32>>,
    /// Where a block-rate value, or the two ends of a line, start in the scratch.
    pub block: Vec<Option<u32>>,
    /// Places in the state.
    pub state: StateLayout,
    /// Everything's place, for the instance.
    pub layout: Layout,
    /// What is planned: the graph that was given, with its banks of voices in fewer lanes, too ([`crate::graph::few`]).
    pub graph: Graph,
    /// What the validator found.
    pub info: GraphInfo,
    /// The vectors that it is planned for.
    pub isa: Isa,
    /// Lanes of a vector.
    pub full: u32,
    /// What may sleep.
    pub parts: Parts,
    /// Its banks of voices in fewer lanes.
    pub few: Vec<Few>,
    /// For each region of block rate, which come first: the bits of its parameters ([`moving`]).
    pub moves: Vec<u64>,
    /// What stands for the delays of taps, and for what hangs on the same lines, while they rest ([`rest`]).
    pub rests: HashMap<NodeId, Rest>,
}

/// Plans the loops of a valid graph for vectors.
pub fn schedule(graph: &Graph, info: &GraphInfo, isa: Isa) -> Schedule {
    let full = isa.lanes();
    let mut parts = parts(graph, info);
    let rows = graph.rows.len();
    let (mut graph, mut info, few) =
        few(graph, info, &mut parts).unwrap_or_else(|| (graph.clone(), info.clone(), Vec::new()));
    let sums: Vec<(NodeId, NodeId)> = few.iter().flat_map(|few| few.sums.iter().copied()).collect();
    let given: Vec<NodeId> = few.iter().flat_map(|few| few.given.iter().map(|(id, _)| *id)).collect();
    let rests = if full > 4 { rest::rests(&mut graph, &mut info, &given) } else { HashMap::default() };
    parts.of.resize(graph.nodes.len(), 0);
    drawn::drawn(&mut graph, &mut info, &mut parts);
    let mut access = access(&graph, &info, &sums, &rests);
    given.iter().for_each(|id| access[id.index()] = Access::Block);
    let regions = regions::regions(&graph, &info, &access, &parts, (&sums, &given), full);
    let state = layout::state_layout(&graph, &info);
    let plan = buffers::buffers(&graph, &info, &access, &regions, &parts, &few, &rests);
    let outs = graph.outs.iter().map(|out| plan.home[resolve(&access, out.node).index()].unwrap_or(0)).collect();
    let bits = moving::bits(&graph, &info);
    let heard = moving::of_parts(&graph, &bits, &parts.of, &parts.ring, parts.parts.len());
    let places = layout::Places { graph: &graph, info: &info, access: &access, state: &state, plan: &plan };
    let sleepers = layout::sleepers(&places, &parts, &heard);
    let banks = layout::banks(&places, &parts, &few, rows);
    let part = |out: &crate::graph::Out| match access[out.node.index()] {
        Access::Computed | Access::Alias(_) => parts.of[resolve(&access, out.node).index()],
        _ => 0,
    };
    let layout = Layout {
        state_words: state.words,
        cells: state.cells.clone(),
        buffer_words: plan.words,
        outs,
        out_parts: graph.outs.iter().map(part).collect(),
        sleepers,
        banks,
        more_rows: graph.rows[rows..].iter().map(|row| row.lanes).collect(),
        inits: layout::inits(&graph, &state),
        guarded: layout::guarded(&graph, &state, &parts.of),
    };
    let blocks = regions.iter().take_while(|region| region.kind == Kind::Block);
    let moves = blocks.map(|region| moving::of_region(region, &bits)).collect();
    Schedule {
        regions,
        access,
        home: plan.home,
        block: plan.block,
        state,
        layout,
        graph,
        info,
        isa,
        full,
        parts,
        few,
        moves,
        rests,
    }
}

/// The node that stands for a node.
pub fn resolve(access: &[Access], id: NodeId) -> NodeId {
    match access[id.index()] {
        Access::Alias(other) => other,
        _ => id,
    }
}

/// Finds what is needed and how it is reached.
fn access(graph: &Graph, info: &GraphInfo, sums: &[(NodeId, NodeId)], rests: &HashMap<NodeId, Rest>) -> Vec<Access> {
    let mut access = vec![Access::Dead; graph.nodes.len()];
    let mut reader: Vec<Option<NodeId>> = vec![None; graph.cells.len()];
    let mut tapped = vec![false; graph.rings.len()];
    let mut work: Vec<NodeId> = graph.outs.iter().map(|out| out.node).chain(sums.iter().map(|(_, few)| *few)).collect();
    while let Some(id) = work.pop() {
        if access[id.index()] != Access::Dead {
            continue;
        }
        work.extend(crate::graph::operands(graph.node(id)));
        work.extend(rests.get(&id).map(|rest| rest.twin));
        access[id.index()] = match graph.node(id) {
            Node::Const(ty, bits) if bits.iter().all(|b| *b == bits[0]) => Access::Constant(canonical(*ty, bits[0])),
            Node::Line(_) => Access::Line,
            Node::Row(_) | Node::Input(_) | Node::Frame => Access::Direct,
            _ if info.rate[id.index()] < Rate::Sample => Access::Block,
            Node::Read(c) => match reader[c.index()] {
                Some(first) => Access::Alias(first),
                None => {
                    reader[c.index()] = Some(id);
                    work.extend(graph.cells[c.index()].next);
                    Access::Computed
                }
            },
            Node::Tap(r, _) => {
                if !std::mem::replace(&mut tapped[r.index()], true) {
                    work.extend(graph.fed(*r));
                }
                Access::Computed
            }
            _ => Access::Computed,
        };
    }
    access
}

/// What an item needs in the same frame or, for a cell that is read, at its end.
pub fn needs(graph: &Graph, access: &[Access], item: Item, mut found: impl FnMut(NodeId)) {
    let mut operand = |n: NodeId| found(resolve(access, n));
    match item {
        Item::Node(id) => {
            crate::graph::operands(graph.node(id)).iter().for_each(|&n| operand(n));
            if let Node::Read(c) = graph.node(id) {
                graph.cells[c.index()].next.into_iter().for_each(&mut operand);
            }
        }
        Item::Write(r) => graph.rings[r.index()].input.into_iter().for_each(&mut operand),
        Item::Line(id) => crate::graph::operands(graph.node(id)).iter().for_each(|&n| operand(n)),
        Item::Copy(id) => operand(id),
    }
}

impl Region {
    /// Estimated operations per frame, with vectors of so many lanes.
    pub fn cost(&self, full: u32) -> f32 {
        let weight = self.weight as f32;
        match self.kind {
            Kind::Block => weight / crate::graph::QUANTUM as f32,
            Kind::Flat(lanes) => weight * padded(lanes) as f32 / full as f32,
            Kind::Scalar | Kind::Mixed => weight,
            Kind::Uniform(lanes) => weight * lanes.div_ceil(full) as f32,
        }
    }
}

/// The schedule as text: a line per region.
pub fn print(graph: &Graph, schedule: &Schedule) -> String {
    print_with(graph, schedule, |_| String::new())
}

/// [`print`] with more about each region, by its number.
pub fn print_with(graph: &Graph, schedule: &Schedule, more: impl Fn(usize) -> String) -> String {
    let mut out = String::new();
    for (i, region) in schedule.regions.iter().enumerate() {
        let (kind, lanes) = match region.kind {
            Kind::Block => ("block", 1),
            Kind::Flat(1) => ("time", 1),
            Kind::Flat(lanes) => ("flat", lanes),
            Kind::Scalar => ("scalar", 1),
            Kind::Uniform(lanes) => ("uniform", lanes),
            Kind::Mixed => ("mixed", widest(region, &schedule.info)),
        };
        let items: Vec<String> = region
            .items
            .iter()
            .map(|item| match item {
                Item::Node(n) => format!("%{}", n.0),
                Item::Write(r) => format!("write({})", r.0),
                Item::Copy(n) => format!("copy(%{})", n.0),
                Item::Line(n) => format!("line(%{})", n.0),
            })
            .collect();
        let cells: Vec<&str> = region.cells.iter().map(|c| graph.cells[c.index()].name.as_ref()).collect();
        let cells = if cells.is_empty() { String::new() } else { format!(" cells {}", cells.join(" ")) };
        let cost = region.cost(schedule.full);
        let part = if region.part == 0 { String::new() } else { format!(" part {}", region.part) };
        writeln!(out, "{i} {kind} lanes {lanes} ops {cost:.1}{part}{} nodes {}{cells}", more(i), items.join(" "))
            .expect("a string takes all text");
    }
    for (i, ring) in graph.rings.iter().enumerate() {
        if let Some(kernel) = &ring.kernel {
            let reads: String = kernel.rings().map(|r| format!(" {}", r.0)).collect();
            writeln!(
                out,
                "kernel {} lanes {} latency {} ring {i} reads{reads}",
                ring.name,
                ring.lanes,
                kernel.work.latency()
            )
            .expect("a string takes all text");
        }
    }
    for (i, part) in schedule.parts.parts.iter().enumerate() {
        let names = |cells: &[CellId]| -> String {
            cells.iter().map(|c| format!(" {}", graph.cells[c.index()].name)).collect()
        };
        let numbers = |label: &str, all: &[u32]| -> String {
            let all: Vec<String> = all.iter().map(u32::to_string).collect();
            if all.is_empty() { String::new() } else { format!(" {label} {}", all.join(" ")) }
        };
        let guards: Vec<String> = part.guards.iter().map(|n| format!(" %{}", n.0)).collect();
        let needs: Vec<u32> = part.needs.iter().map(|n| u32::from(*n)).collect();
        let (units, needs) = (numbers("units", &part.units), numbers("needs", &needs));
        let rings = numbers("rings", &part.rings.iter().map(|r| r.0).collect::<Vec<_>>());
        writeln!(
            out,
            "part {} sleeps:{units}{needs} guards{} held{} zero{}{rings} running{}",
            i + 1,
            guards.concat(),
            names(&part.held),
            names(&part.zero),
            names(&part.running)
        )
        .expect("a string takes all text");
    }
    for few in &schedule.few {
        writeln!(out, "part {} is part {} for {} voices", few.part, few.bank, few.voices)
            .expect("a string takes all text");
    }
    for (weight, why) in &schedule.parts.refused {
        writeln!(out, "ops {weight} never sleep: {why}").expect("a string takes all text");
    }
    out
}

fn widest(region: &Region, info: &GraphInfo) -> u32 {
    let lanes = |item: &Item| match item {
        Item::Node(n) | Item::Copy(n) | Item::Line(n) => info.lanes[n.index()],
        Item::Write(_) => 1,
    };
    region.items.iter().map(lanes).max().unwrap_or(1)
}
