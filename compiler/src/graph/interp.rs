//! The reference interpreter: what a graph means, said as plainly as possible.
//!
//! It walks the graph sample by sample in the validator's order, lane by lane, with the functions of the table of operations.
//! It runs any valid graph, optimised or not, over the same state, rings, rows and outputs as machine code, so one can take
//! over from the other, and every difference of a bit between the two is a fault of one of them. It does not allocate.

use crate::exec::{Memory, buffer_index, buffer_len};
use crate::graph::check::{GraphInfo, WIDEST};
use crate::graph::ir::{CellId, Graph, Node, NodeId, QUANTUM, Rate, RingId, SampleId, fold_lanes, operands};
use crate::graph::ops::{Op, canonical};
use crate::program::Layout;
use crate::schedule::layout::{StateLayout, guarded, inits, state_layout};

/// A graph prepared for interpretation.
pub struct InterpCode {
    steps: Vec<Step>,
    /// How many of the steps run once a quantum; they come first.
    block: usize,
    cells: Vec<Store>,
    outs: Vec<(Place, u32)>,
}

/// Where the lanes of a value are kept while a frame is computed.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    lanes: u32,
}

impl Place {
    /// The word of a lane; one lane stands for all.
    fn word(self, scratch: &[u32], lane: usize) -> u32 {
        scratch[self.at + if self.lanes == 1 { 0 } else { lane }]
    }
}

/// A cell's next value.
struct Store {
    from: Place,
    at: usize,
    lanes: u32,
}

/// One value, or the writing of one ring.
struct Step {
    to: Place,
    what: What,
}

enum What {
    Const(Vec<u32>),
    Param(usize),
    Row(crate::graph::RowId),
    Frame,
    Input(u32),
    Op(Op, Vec<Place>),
    Read(usize),
    Tap {
        ring: RingId,
        lanes: u32,
        delay: Place,
        range: (u32, u32),
    },
    Peek(SampleId, Place),
    Shuffle(Place, Vec<u32>),
    Reduce(Place),
    Join(Vec<Place>),
    /// Once a quantum: the ends of the line, kept in its last two thirds.
    LineStart {
        from: Place,
        state: usize,
    },
    Line,
    Write {
        ring: RingId,
        lanes: u32,
        from: Place,
    },
}

impl InterpCode {
    /// Prepares a valid graph. The layout has the state of machine code for the same graph, and scratch of its own.
    pub fn new(graph: &Graph, info: &GraphInfo) -> (InterpCode, Layout) {
        let state = state_layout(graph, info);
        let mut at = graph.outs.len() * buffer_len(2);
        let mut places = Vec::with_capacity(graph.nodes.len());
        for (node, &lanes) in graph.nodes.iter().zip(&info.lanes) {
            places.push(Place { at, lanes });
            at += lanes as usize * if matches!(node, Node::Line(_)) { 3 } else { 1 };
        }
        let build = Build { graph, info, places: &places, state: &state };
        let mut steps: Vec<Step> = Vec::new();
        for &id in info.order.iter().filter(|id| info.rate[id.index()] < Rate::Sample) {
            steps.push(build.step(id));
        }
        for (id, node) in graph.nodes.iter().enumerate() {
            if let Node::Line(x) = node {
                let what = What::LineStart { from: places[x.index()], state: state.lines[id] as usize };
                steps.push(Step { to: places[id], what });
            }
        }
        let block = steps.len();
        steps.extend(actions(graph, info).into_iter().filter_map(|action| match action {
            Action::Node(id) => Some(build.step(id)),
            Action::Write(ring) => build.write(ring),
        }));
        let cell = |(id, cell): (usize, &crate::graph::Cell)| {
            cell.next.map(|n| Store { from: places[n.index()], at: state.cells[id] as usize, lanes: cell.lanes })
        };
        let cells = graph.cells.iter().enumerate().filter_map(cell).collect();
        let outs: Vec<(Place, u32)> =
            graph.outs.iter().enumerate().map(|(i, o)| (places[o.node.index()], (i * buffer_len(2)) as u32)).collect();
        let (inits, guarded) = (inits(graph, &state), guarded(graph, &state, &vec![0; graph.nodes.len()]));
        let layout = Layout {
            inits,
            guarded,
            state_words: state.words,
            cells: state.cells,
            buffer_words: at,
            outs: outs.iter().map(|(_, at)| *at).collect(),
            out_parts: Vec::new(),
            sleepers: Vec::new(),
            banks: Vec::new(),
            more_rows: Vec::new(),
        };
        (InterpCode { steps, block, cells, outs }, layout)
    }

    /// Computes one quantum. How many operations on one lane that took.
    pub fn run(&self, memory: &mut Memory) -> u64 {
        let mut done = 0;
        for step in &self.steps[..self.block] {
            done += step.run(memory, 0);
        }
        for i in 0..QUANTUM {
            for step in &self.steps[self.block..] {
                done += step.run(memory, i);
            }
            for cell in &self.cells {
                for lane in 0..cell.lanes as usize {
                    memory.state[cell.at + lane] = cell.from.word(memory.buffers, lane);
                    done += 1;
                }
            }
            for (from, at) in &self.outs {
                for lane in 0..2 {
                    memory.buffers[*at as usize + buffer_index(2, lane, i)] = from.word(memory.buffers, lane);
                    done += 1;
                }
            }
        }
        done
    }
}

/// What building a step needs.
struct Build<'a> {
    graph: &'a Graph,
    info: &'a GraphInfo,
    places: &'a [Place],
    state: &'a StateLayout,
}

impl Build<'_> {
    fn place(&self, id: NodeId) -> Place {
        self.places[id.index()]
    }

    fn step(&self, id: NodeId) -> Step {
        let all = |args: &[NodeId]| args.iter().map(|&n| self.place(n)).collect();
        let what = match self.graph.node(id) {
            Node::Const(ty, bits) => What::Const(bits.iter().map(|&b| canonical(*ty, b)).collect()),
            Node::Param(p) => What::Param(p.index()),
            Node::Row(r) => What::Row(*r),
            Node::Frame => What::Frame,
            Node::Input(c) => What::Input(*c),
            Node::Op(op, args) => What::Op(*op, all(args)),
            Node::Read(CellId(c)) => What::Read(self.state.cells[*c as usize] as usize),
            Node::Tap(r, delay) => {
                let ring = &self.graph.rings[r.index()];
                let range = self.info.tap_range(id, ring.capacity);
                What::Tap { ring: *r, lanes: ring.lanes, delay: self.place(*delay), range }
            }
            Node::Peek(s, x) => What::Peek(*s, self.place(*x)),
            Node::Shuffle(x, map) => What::Shuffle(self.place(*x), map.clone()),
            Node::Reduce(x, _) => What::Reduce(self.place(*x)),
            Node::Join(args) => What::Join(all(args)),
            Node::Line(_) => What::Line,
        };
        Step { to: self.place(id), what }
    }

    fn write(&self, ring: RingId) -> Option<Step> {
        let r = &self.graph.rings[ring.index()];
        let from = self.place(r.input?);
        Some(Step { to: from, what: What::Write { ring, lanes: r.lanes, from } })
    }
}

/// What is done for every sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Compute a value.
    Node(NodeId),
    /// Write a ring.
    Write(RingId),
}

/// Sample-rate values and ring writes in an order in which a tap outside a feedback comes after what is written in the same
/// sample.
pub fn actions(graph: &Graph, info: &GraphInfo) -> Vec<Action> {
    let (mut written, mut actions) = (vec![false; graph.rings.len()], Vec::new());
    let mut done = vec![false; graph.nodes.len()];
    let mut work: Vec<(NodeId, bool)> = info.order.iter().rev().map(|&n| (n, false)).collect();
    // A tap that may come before what is written to its ring in the same sample.
    let free = |id: NodeId| info.tap_recursive[id.index()] || info.tap_late[id.index()];
    // Depth first, since a ring's input may come later in the order than a tap outside its feedback.
    while let Some((id, ready)) = work.pop() {
        if done[id.index()] {
            continue;
        }
        let late_ring = match graph.node(id) {
            Node::Tap(r, _) if !free(id) && !written[r.index()] => Some(*r),
            _ => None,
        };
        if !ready {
            work.push((id, true));
            work.extend(operands(graph.node(id)).iter().map(|&n| (n, false)));
            work.extend(late_ring.and_then(|r| graph.rings[r.index()].input).map(|n| (n, false)));
            continue;
        }
        if let Some(r) = late_ring {
            actions.push(Action::Write(r));
            written[r.index()] = true;
        }
        done[id.index()] = true;
        if info.rate[id.index()] == Rate::Sample {
            actions.push(Action::Node(id));
        }
    }
    let rest = (0..graph.rings.len()).filter(|&r| !written[r]);
    actions.extend(rest.map(|r| Action::Write(RingId(r as u32))));
    actions
}

impl Step {
    /// Does it for a frame. How many operations on one lane that took.
    fn run(&self, m: &mut Memory, i: usize) -> u64 {
        let (at, lanes) = (self.to.at, self.to.lanes as usize);
        let mut done = lanes;
        match &self.what {
            What::Const(words) => m.buffers[at..at + lanes].copy_from_slice(words),
            What::Param(p) => m.buffers[at] = m.params[*p].to_bits(),
            What::Row(row) => {
                for lane in 0..lanes {
                    m.buffers[at + lane] = m.row(*row, self.to.lanes, lane, i).to_bits();
                }
            }
            What::Frame => m.buffers[at] = (m.frame as u32).wrapping_add(i as u32),
            What::Input(channel) => m.buffers[at] = m.input(*channel, i).to_bits(),
            What::Op(op, args) => {
                let mut words = [0; 4];
                for lane in 0..lanes {
                    for (word, arg) in words.iter_mut().zip(args) {
                        *word = arg.word(m.buffers, lane);
                    }
                    m.buffers[at + lane] = (op.info().interp)(&words[..args.len()]);
                }
            }
            What::Read(state) => m.buffers[at..at + lanes].copy_from_slice(&m.state[*state..*state + lanes]),
            What::Tap { ring, lanes: ring_lanes, delay, range } => {
                for lane in 0..lanes {
                    let back = index(f32::from_bits(delay.word(m.buffers, lane)), *range);
                    let frame = (m.frame as u32).wrapping_add(i as u32).wrapping_sub(back);
                    let of = if *ring_lanes == 1 { 0 } else { lane };
                    m.buffers[at + lane] = m.ring(*ring, *ring_lanes, of, frame).to_bits();
                }
            }
            What::Peek(sample, x) => {
                for lane in 0..lanes {
                    let word = x.word(m.buffers, lane) as i32;
                    m.buffers[at + lane] = m.samples[sample.index()].get(word).to_bits();
                }
            }
            What::Shuffle(x, map) => {
                for (lane, &from) in map.iter().enumerate() {
                    m.buffers[at + lane] = m.buffers[x.at + from as usize];
                }
            }
            What::Reduce(x) => {
                let n = (x.lanes / self.to.lanes) as usize;
                done = n * lanes;
                for lane in 0..lanes {
                    let mut terms = [0.0; WIDEST as usize];
                    let words = &m.buffers[x.at + lane * n..][..n];
                    terms.iter_mut().zip(words).for_each(|(term, &word)| *term = f32::from_bits(word));
                    m.buffers[at + lane] = fold_lanes(&mut terms[..n], |a, b| a + b).to_bits();
                }
            }
            What::Join(args) => {
                let mut to = at;
                done = 0;
                for arg in args {
                    done += arg.lanes as usize;
                    m.buffers.copy_within(arg.at..arg.at + arg.lanes as usize, to);
                    to += arg.lanes as usize;
                }
            }
            What::LineStart { from, state } => {
                for lane in 0..lanes {
                    let new = from.word(m.buffers, lane);
                    let old = if m.first { new } else { m.state[state + lane] };
                    let slope = f32::from_bits(new) - f32::from_bits(old);
                    m.buffers[at + lanes + lane] = old;
                    m.buffers[at + 2 * lanes + lane] = slope.to_bits();
                    m.state[state + lane] = new;
                }
            }
            What::Line => {
                for lane in 0..lanes {
                    let old = f32::from_bits(m.buffers[at + lanes + lane]);
                    let slope = f32::from_bits(m.buffers[at + 2 * lanes + lane]);
                    m.buffers[at + lane] = (old + slope * m.ramp[i]).to_bits();
                }
            }
            What::Write { ring, lanes, from } => {
                done = *lanes as usize;
                for lane in 0..*lanes as usize {
                    let x = f32::from_bits(from.word(m.buffers, lane));
                    let x = if x.is_finite() { x } else { 0.0 };
                    m.set_ring(*ring, *lanes, lane, (m.frame as u32).wrapping_add(i as u32), x);
                }
            }
        }
        done as u64
    }
}

/// A delay as whole samples in range; NaN counts as the least.
fn index(delay: f32, (least, most): (u32, u32)) -> u32 {
    let x = if (least as f32) < delay { delay } else { least as f32 };
    let x = if x < most as f32 { x } else { most as f32 };
    x.floor() as u32
}
