//! The graph IR: a DAG of values plus cells and rings.
//!
//! A *node* is a value with a number of *lanes* (1, or one per voice, channel or both). Operations work lane by lane; an
//! operand of one lane is spread over all. Any other change of lanes is explicit ([`Node::Shuffle`], [`Node::Reduce`],
//! [`Node::Join`]), so everything behind this stage needs no idea of channels or voices, and a bank of n voices is one body.
//!
//! Memory is explicit too. A *cell* is read this sample ([`Node::Read`]) and written for the next (its `next`); a *ring* is
//! written every sample (its `input`) and read some samples back ([`Node::Tap`]). Nothing else can loop: a cycle of edges that
//! passes through no cell and no ring is refused by the validator.
//!
//! Rates are inferred, not written: constants, values computed once a quantum of [`QUANTUM`] frames, and samples. A value
//! of block rate that meets a sample is drawn as a line from its last value to its new one by [`Node::Line`], which a pass
//! inserts, so that no parameter ever steps.
//!
//! Example, `y = y' + a * (x - y')` with x a parameter:
//! ```text
//! %0 = param 0 ; %1 = const 0.1 ; %2 = read c0 ; %3 = sub %0 %2 ; %4 = mul %1 %3 ; %5 = add %2 %4 ; c0.next = %5
//! ```

use super::leaving::Leaving;
use crate::graph::ops::Op;
use crate::kernel::Kernel;
use std::sync::Arc;

/// Frames per call of generated code. Events inside a quantum arrive as rows of values, never as split calls.
pub const QUANTUM: usize = 64;

macro_rules! handle {
    ($($(#[$doc:meta])* $name:ident),*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl $name {
            /// As an index.
            pub fn index(self) -> usize { self.0 as usize }
        }
    )* };
}
handle! {
    /// A value of the graph.
    NodeId,
    /// One sample of memory.
    CellId,
    /// A delay line.
    RingId,
    /// A parameter: a number that moves without compiling.
    ParamId,
    /// A control row: one field of one sequenced unit, written by the engine, a value per frame and voice.
    RowId,
    /// A sample: recorded sound that is read and never written.
    SampleId,
    /// A place in the tree of names that gives state its identity.
    FrameId
}

/// The type of a node's lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ty {
    /// 32-bit float.
    F32,
    /// 32-bit integer: phases (a cycle is 2^32), counters, hashes. Wraps.
    I32,
}

/// How often a value changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rate {
    /// Never.
    Const,
    /// Once a quantum.
    Block,
    /// Every frame.
    Sample,
}

/// Operands of an operation: few, and kept in place, since a patch has thousands.
pub type Args = smallvec::SmallVec<[NodeId; 4]>;

/// A value. Lane counts and types are found by [`crate::graph::check`].
#[derive(Debug, PartialEq)]
pub enum Node {
    /// Bits of a constant, one entry per lane (or one for all).
    Const(Ty, Vec<u32>),
    /// A parameter; block rate, one lane. Smoothed by the engine.
    Param(ParamId),
    /// A control row; sample rate, one lane per voice of its unit.
    Row(RowId),
    /// Frames since the engine started, modulo 2^32; sample rate, I32, one lane.
    Frame,
    /// An audio input channel; sample rate, one lane.
    Input(u32),
    /// An operation of the table, lane by lane.
    Op(Op, Args),
    /// What a cell held at the end of the last sample.
    Read(CellId),
    /// The ring's input `delay` samples ago, lane by lane: `delay` is F32, rounded down, clamped to `0..=capacity - 1 - QUANTUM`
    /// outside a feedback loop and to at least 1 inside one. A delay that is always a quantum or more closes no loop
    /// ([`crate::graph::check::GraphInfo::tap_late`]).
    Tap(RingId, NodeId),
    /// The word of a sample at an index, lane by lane; 0 outside of it. The index is I32. Sample rate, since the memory behind it may
    /// come late ([`crate::exec::SampleMemory`]).
    Peek(SampleId, NodeId),
    /// Lane `i` of the result is lane `map[i]` of the operand.
    Shuffle(NodeId, Vec<u32>),
    /// Sums lanes: lane `j` of `lanes` results is the sum of operand lanes `i` with `i / n == j`, where `n` is operand lanes /
    /// `lanes`. The order is that of [`fold_lanes`], which vectors like. (The elaborator orders lanes by a shuffle first when
    /// needed.) F32 only.
    Reduce(NodeId, u32),
    /// Lanes of all operands, one after another.
    Join(Vec<NodeId>),
    /// A block-rate value drawn as a line over the quantum: `old + (new - old) * (frame + 1) / QUANTUM`, constant from the
    /// first quantum of an instance on. Inserted by the crossing pass, and where the library asks for it. F32.
    Line(NodeId),
}

impl Clone for Node {
    fn clone(&self) -> Node {
        match self {
            Node::Const(ty, bits) => Node::Const(*ty, bits.clone()),
            Node::Param(p) => Node::Param(*p),
            Node::Row(r) => Node::Row(*r),
            Node::Frame => Node::Frame,
            Node::Input(channel) => Node::Input(*channel),
            // As a block of bytes: a small vector's own clone goes one by one.
            Node::Op(op, args) => Node::Op(*op, Args::from_slice(args)),
            Node::Read(c) => Node::Read(*c),
            Node::Tap(r, delay) => Node::Tap(*r, *delay),
            Node::Peek(s, index) => Node::Peek(*s, *index),
            Node::Shuffle(x, map) => Node::Shuffle(*x, map.clone()),
            Node::Reduce(x, lanes) => Node::Reduce(*x, *lanes),
            Node::Join(parts) => Node::Join(parts.clone()),
            Node::Line(x) => Node::Line(*x),
        }
    }
}

/// One sample of memory per lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Where its name lives.
    pub frame: FrameId,
    /// Its own name inside the frame: `y`, `phase`.
    pub name: Arc<str>,
    /// Type of its lanes.
    pub ty: Ty,
    /// Number of lanes.
    pub lanes: u32,
    /// Bits at the start, in every lane.
    pub init: u32,
    /// What is stored at the end of each sample. `None` only while the graph is being built.
    pub next: Option<NodeId>,
}

/// A delay line per lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// Where its name lives.
    pub frame: FrameId,
    /// Its own name inside the frame.
    pub name: Arc<str>,
    /// Number of lanes.
    pub lanes: u32,
    /// Samples per lane, a power of two, more than the longest delay by a quantum.
    pub capacity: u32,
    /// What is written each sample (F32, finite or replaced by 0). `None` for what a kernel writes, and while the graph is being built.
    pub input: Option<NodeId>,
    /// What writes it between quanta instead ([`crate::kernel`]).
    pub kernel: Option<Arc<Kernel>>,
}

/// A number that moves without compiling: a literal of the user's text, a knob, a strip's level.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Where its name lives.
    pub frame: FrameId,
    /// `bass.cutoff`, or the binding and the ordinal of the literal in it: `bass#3`.
    pub name: Arc<str>,
    /// The value in the text, as code wants it (dB already linear, times in seconds).
    pub value: f32,
}

/// A row of control values, one lane per voice of its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Index of the sequenced unit ([`crate::program::Unit`]).
    pub unit: u32,
    /// Field of the unit: index in its list of fields.
    pub field: u32,
    /// Voices of the unit.
    pub lanes: u32,
}

/// A place in the tree of names: module / binding / inner binding / call.
///
/// Named children are found again by name, unnamed ones (calls in a pipe) by aligning the two ordered lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The place that holds this one; `None` for the root, frame 0.
    pub parent: Option<FrameId>,
    /// The binding's name, or the called function's.
    pub label: Arc<str>,
    /// True for a binding, false for a call.
    pub named: bool,
    /// Hash of the call's arguments as written: breaks ties when calls of one function are aligned.
    pub hint: u64,
}

/// What an output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutKind {
    /// The whole: two lanes, what is heard.
    Master,
    /// A track's or bus's own sound before its strip: two lanes, for meters, stems and fault finding.
    Track,
    /// A signal on its way, for pictures and levels alone.
    Scope,
    /// Where a sample is played that is read from disk on the way: the page, and 1 where it was not there in time.
    Head(SampleId),
    /// A signal that turns something of an instrument outside.
    Leaves(Leaving),
}

impl OutKind {
    /// True if it is sound, or shown as if it were.
    pub fn is_heard(self) -> bool {
        !matches!(self, OutKind::Head(_) | OutKind::Leaves(_))
    }

    /// A word for hashes.
    pub fn word(self) -> u32 {
        match self {
            OutKind::Master => 0,
            OutKind::Track => 1,
            OutKind::Scope => 2,
            OutKind::Leaves(_) => 3,
            OutKind::Head(sample) => 4 + sample.0,
        }
    }
}

/// A value that the engine reads after each quantum. Two F32 lanes, sample rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Out {
    /// `master`, or the track's name.
    pub name: String,
    /// What for.
    pub kind: OutKind,
    /// The value.
    pub node: NodeId,
    /// The track's frame: its state is reset when it goes wrong.
    pub frame: FrameId,
}

/// Recorded sound, by its files. The control side brings the memory; until then it is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Paths of the files, in the order of their numbers.
    pub files: Vec<String>,
    /// How much longer it is made at its own pitch, in millionths: 1,000,000 leaves it as it is.
    pub stretch: u32,
    /// Moments of the recording, and those that they are moved to at its own pitch, in microseconds, both rising; in place of `stretch`.
    pub anchors: Vec<[u32; 2]>,
    /// 0 if all of it is held in memory; else it is read from disk while it plays, for the playhead of this number.
    pub head: u32,
}

/// A whole patch. What no pass rewrites is shared between the graphs of all stages: write to it by [`Arc::make_mut`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Values, operands before users (but for cells and rings, nothing refers forward).
    pub nodes: Vec<Node>,
    /// Memory of one sample.
    pub cells: Vec<Cell>,
    /// Delay lines.
    pub rings: Vec<Ring>,
    /// Parameters.
    pub params: Arc<Vec<Param>>,
    /// Control rows.
    pub rows: Arc<Vec<Row>>,
    /// Samples.
    pub samples: Vec<Sample>,
    /// Tree of names. Frame 0 is the root.
    pub frames: Arc<Vec<Frame>>,
    /// What is heard.
    pub outs: Vec<Out>,
}

impl Graph {
    /// An empty graph with its root frame.
    pub fn new() -> Graph {
        let root = Frame { parent: None, label: "".into(), named: true, hint: 0 };
        Graph { frames: Arc::new(vec![root]), ..Graph::default() }
    }

    /// The same cells, rings, parameters, rows, samples, names and outs, without values.
    pub fn without_nodes(&self) -> Graph {
        Graph {
            nodes: Vec::with_capacity(self.nodes.len()),
            cells: self.cells.clone(),
            rings: self.rings.clone(),
            params: Arc::clone(&self.params),
            rows: Arc::clone(&self.rows),
            samples: self.samples.clone(),
            frames: Arc::clone(&self.frames),
            outs: self.outs.clone(),
        }
    }

    /// Adds a value.
    pub fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// Adds a float constant.
    pub fn constant(&mut self, x: f32) -> NodeId {
        self.push(Node::Const(Ty::F32, vec![x.to_bits()]))
    }

    /// Adds an operation.
    pub fn op(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        self.push(Node::Op(op, Args::from_slice(args)))
    }

    /// The value of an id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Adds a cell whose `next` is still open.
    pub fn cell(&mut self, frame: FrameId, name: &str, ty: Ty, lanes: u32, init: u32) -> CellId {
        self.cells.push(Cell { frame, name: name.into(), ty, lanes, init, next: None });
        CellId(self.cells.len() as u32 - 1)
    }

    /// Adds a ring whose `input` is still open. `longest` is in samples; the capacity leaves room for a quantum.
    pub fn ring(&mut self, frame: FrameId, name: &str, lanes: u32, longest: u32) -> RingId {
        let capacity = (longest + 2 * QUANTUM as u32).next_power_of_two();
        self.rings.push(Ring { frame, name: name.into(), lanes, capacity, input: None, kernel: None });
        RingId(self.rings.len() as u32 - 1)
    }

    /// The values that are written to a ring, or to those that its kernel is made of.
    pub fn fed(&self, ring: RingId) -> smallvec::SmallVec<[NodeId; 2]> {
        let mut found = smallvec::SmallVec::new();
        self.behind(ring, &mut |ring| found.extend(self.rings[ring.index()].input));
        found
    }

    /// A ring and all that its kernel reads, directly or by other kernels.
    pub fn behind(&self, ring: RingId, met: &mut dyn FnMut(RingId)) {
        met(ring);
        if let Some(kernel) = &self.rings[ring.index()].kernel {
            kernel.rings().for_each(|ring| self.behind(ring, met));
        }
    }

    /// Adds a place to the tree of names.
    pub fn frame(&mut self, parent: FrameId, label: &str, named: bool, hint: u64) -> FrameId {
        Arc::make_mut(&mut self.frames).push(Frame { parent: Some(parent), label: label.into(), named, hint });
        FrameId(self.frames.len() as u32 - 1)
    }

    /// The place as a path: `bass/acid/ladder`.
    pub fn path(&self, frame: FrameId) -> String {
        let mut parts = Vec::new();
        let mut at = Some(frame);
        while let Some(id) = at {
            let frame = &self.frames[id.index()];
            if !frame.label.is_empty() {
                parts.push(&*frame.label);
            }
            at = frame.parent;
        }
        parts.reverse();
        parts.join("/")
    }
}

/// The order of a sum over lanes: the upper half is added to the lower one until one lane is left. `n` that is no power of two
/// is split after the largest power of two below it, and what has no partner waits.
pub fn fold_lanes<T: Copy>(lanes: &mut [T], mut add: impl FnMut(T, T) -> T) -> T {
    let mut n = lanes.len();
    while n > 1 {
        let half = n.next_power_of_two() / 2;
        for i in half..n {
            lanes[i - half] = add(lanes[i - half], lanes[i]);
        }
        n = half;
    }
    lanes[0]
}

/// The values that a node is computed from in the same sample (a cell's `next` and a ring's `input` are not among them).
pub fn operands(node: &Node) -> &[NodeId] {
    match node {
        Node::Op(_, args) => args,
        Node::Join(parts) => parts,
        Node::Tap(_, x) | Node::Peek(_, x) | Node::Shuffle(x, _) | Node::Reduce(x, _) | Node::Line(x) => {
            std::slice::from_ref(x)
        }
        Node::Const(..) | Node::Param(_) | Node::Row(_) | Node::Frame | Node::Input(_) | Node::Read(_) => &[],
    }
}

/// The parameters on which it depends where a delay line is read, one entry for each: those of times of delays, depths of choruses and the
/// like. What reaches a delay through memory, as the rate of an oscillator does, is not among them.
pub fn read_heads(graph: &Graph) -> Vec<bool> {
    let mut heads = vec![false; graph.params.len()];
    let mut met = vec![false; graph.nodes.len()];
    let times = graph.nodes.iter().filter_map(|node| if let Node::Tap(_, time) = node { Some(*time) } else { None });
    let mut open: Vec<NodeId> = times.collect();
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut met[id.index()], true) {
            continue;
        }
        let node = &graph.nodes[id.index()];
        if let Node::Param(param) = node {
            heads[param.index()] = true;
        }
        open.extend(operands(node));
    }
    heads
}
