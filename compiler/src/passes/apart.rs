//! Delay lines that are read at a place of their own in every lane become lines of one lane.
//!
//! The frames of a ring lie side by side, all lanes of one after all lanes of the other. Where every lane is read at the same
//! delay, as in a stereo echo, that is a run of memory. In a feedback delay network every lane is read elsewhere: a reader of one
//! lane fetches all of them, and of eight lanes seven eighths of what comes from memory is thrown away. As eight rings, each is
//! read and written in runs, a vector of frames at once.
//!
//! Only rings whose delays are numbers that rest or glide are taken apart, and only those with [`FEWEST`] lanes or more: with two the loss
//! is small, and an edit that gives both channels of an echo one time, or takes it back, would lose what sounds. Each lane keeps its
//! bits.
//!
//! ```text
//! %9 = tap r0 %join(a, b, c, d)     becomes     %9 = join(tap r0 a, tap r1 b, tap r2 c, tap r3 d)
//! ```

use crate::graph::check::{Shapes, known_shapes};
use crate::graph::{Graph, Node, NodeId, Rate, Ring, RingId};
use crate::passes::cross::operands_mut;
use crate::passes::gather::uses;
use std::collections::BTreeMap;

/// Lanes from which on a ring is taken apart.
pub const FEWEST: u32 = 4;

/// Takes rings apart whose lanes are read at different places. Operands must come before users, as [`super::cross`] leaves them. A
/// graph without such rings comes back as it is.
pub fn apart(graph: Graph) -> Graph {
    if graph.rings.iter().all(|r| r.lanes < FEWEST) {
        return graph;
    }
    let shapes = known_shapes(&graph);
    let split = scattered(&graph, &shapes);
    if !split.contains(&true) {
        return graph;
    }
    let mut out = graph.without_nodes();
    out.rings.clear();
    let mut first = Vec::with_capacity(graph.rings.len());
    for (ring, &split) in graph.rings.iter().zip(&split) {
        first.push(out.rings.len() as u32);
        let (count, lanes) = if split { (ring.lanes, 1) } else { (1, ring.lanes) };
        out.rings.extend((0..count).map(|_| Ring { lanes, input: None, ..ring.clone() }));
    }
    let count = uses(&graph).count;
    let new = vec![NodeId(0); graph.nodes.len()];
    let mut apart = Apart { graph: &graph, shapes: &shapes, count, split, first, out, new, lanes: BTreeMap::new() };
    for id in 0..graph.nodes.len() {
        apart.node(NodeId(id as u32));
    }
    apart.finish()
}

/// Which rings are read at a place of its own in each lane, and by nothing else.
fn scattered(graph: &Graph, shapes: &Shapes) -> Vec<bool> {
    let mut taps = vec![(false, true); graph.rings.len()];
    for node in &graph.nodes {
        let Node::Tap(r, delay) = node else { continue };
        let lanes = graph.rings[r.index()].lanes;
        let still = shapes.rate[delay.index()] < Rate::Sample || matches!(graph.node(*delay), Node::Line(_));
        let own = lanes >= FEWEST && shapes.lanes[delay.index()] == lanes && still && differs(graph, *delay);
        let (any, all) = &mut taps[r.index()];
        (*any, *all) = (true, *all && own);
    }
    for r in graph.rings.iter().flat_map(|ring| ring.kernel.iter().flat_map(|kernel| kernel.rings())) {
        taps[r.index()].1 = false;
    }
    taps.into_iter().map(|(any, all)| any && all).collect()
}

/// True if the lanes of a value need not be equal, as far as its making tells.
fn differs(graph: &Graph, id: NodeId) -> bool {
    match graph.node(id) {
        Node::Const(_, words) => words.iter().any(|w| *w != words[0]),
        Node::Join(parts) => parts.iter().any(|x| *x != parts[0] || differs(graph, *x)),
        Node::Shuffle(x, map) => map.iter().any(|i| *i != map[0]) && differs(graph, *x),
        Node::Op(_, args) => args.iter().any(|x| differs(graph, *x)),
        Node::Line(x) => differs(graph, *x),
        _ => false,
    }
}

struct Apart<'a> {
    graph: &'a Graph,
    shapes: &'a Shapes,
    count: Vec<u32>,
    split: Vec<bool>,
    /// The ring that stands for the first lane of each.
    first: Vec<u32>,
    out: Graph,
    new: Vec<NodeId>,
    /// Lanes by themselves.
    lanes: BTreeMap<(NodeId, u32), NodeId>,
}

impl Apart<'_> {
    fn node(&mut self, id: NodeId) {
        let mut node = self.graph.node(id).clone();
        if let Node::Tap(r, delay) = node
            && self.split[r.index()]
        {
            let parts = (0..self.graph.rings[r.index()].lanes)
                .map(|i| {
                    let delay = self.lane(delay, i);
                    let part = self.out.push(Node::Tap(RingId(self.first[r.index()] + i), delay));
                    self.lanes.insert((id, i), part);
                    part
                })
                .collect();
            node = Node::Join(parts);
        } else {
            operands_mut(&mut node).iter_mut().for_each(|n| *n = self.new[n.index()]);
            if let Node::Tap(r, _) = &mut node {
                *r = RingId(self.first[r.index()]);
            }
        }
        self.new[id.index()] = self.out.push(node);
    }

    /// One lane of a value. What is computed for this alone, or once a quantum, is computed lane by lane.
    fn lane(&mut self, id: NodeId, i: u32) -> NodeId {
        if self.shapes.lanes[id.index()] == 1 {
            return self.new[id.index()];
        }
        if let Some(&known) = self.lanes.get(&(id, i)) {
            return known;
        }
        let graph = self.graph;
        let alone = self.count[id.index()] == 1 || self.shapes.rate[id.index()] < Rate::Sample;
        let lane = match graph.node(id) {
            Node::Const(ty, words) => {
                let word = words.get(i as usize).or(words.first()).copied().unwrap_or(0);
                self.out.push(Node::Const(*ty, vec![word]))
            }
            Node::Shuffle(x, map) => self.lane(*x, map[i as usize]),
            Node::Line(x) => {
                let x = self.lane(*x, i);
                self.out.push(Node::Line(x))
            }
            Node::Join(parts) => {
                let (mut at, mut found) = (i, parts[0]);
                for &part in parts {
                    found = part;
                    let lanes = self.shapes.lanes[part.index()];
                    if at < lanes {
                        break;
                    }
                    at -= lanes;
                }
                self.lane(found, at)
            }
            Node::Op(op, args) if alone => {
                let args = args.iter().map(|x| self.lane(*x, i)).collect();
                self.out.push(Node::Op(*op, args))
            }
            _ => self.out.push(Node::Shuffle(self.new[id.index()], vec![i])),
        };
        self.lanes.insert((id, i), lane);
        lane
    }

    fn finish(mut self) -> Graph {
        let graph = self.graph;
        for (r, ring) in graph.rings.iter().enumerate() {
            let first = self.first[r] as usize;
            let count = if self.split[r] { ring.lanes } else { 1 };
            for i in 0..count {
                let input = ring.input.map(|n| if self.split[r] { self.lane(n, i) } else { self.new[n.index()] });
                self.out.rings[first + i as usize].input = input;
            }
        }
        let Apart { mut out, new, first, .. } = self;
        for ring in &mut out.rings {
            ring.kernel = ring.kernel.take().map(|kernel| kernel.with(|r| RingId(first[r.index()]), |s| s));
        }
        let moved = |n: NodeId| new[n.index()];
        out.cells.iter_mut().for_each(|c| c.next = c.next.map(moved));
        out.outs.iter_mut().for_each(|o| o.node = moved(o.node));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::{Backend, Instance, Options, compile};
    use crate::graph::{QUANTUM, text};
    use crate::passes::Passes;
    use std::sync::Arc;

    const LINES: &str = "param 0 in 0 \"a\" 70.0
param 1 in 0 \"b\" 90.5
ring 0 in 0 \"r\" lanes 4 capacity 256 input %11
%0 = param 0
%1 = param 1
%2 = const f32 130.0
%3 = join %0 %1 %2 %0
%4 = line %3
%5 = tap 0 %4
%6 = shuffle %5 3 2 1 0
%7 = frame
%8 = hash %7
%9 = unit %8
%10 = const f32 0.5
%11 = fma %6 %10 %9
%12 = neg %9
%13 = reduce %5 2
out \"master\" master %13 in 0
";

    #[test]
    fn lanes_that_are_read_elsewhere_get_lines_of_their_own_and_keep_their_bits() {
        let whole = text::parse(LINES).unwrap_or_else(|e| panic!("{e}"));
        let split = apart(whole.clone());
        assert_eq!(split.rings.iter().map(|r| r.lanes).collect::<Vec<_>>(), [1, 1, 1, 1]);
        assert!(split.rings.iter().all(|r| r.name == whole.rings[0].name && r.capacity == 256));
        let sound = |graph: &Graph| {
            let options = Options { sample_rate: 48_000, passes: Passes::None, backend: Backend::Interp, verify: true };
            let mut instance = Instance::new(Arc::new(compile(graph, &options).expect("valid")));
            let mut all = Vec::new();
            for quantum in 0..20 {
                instance.run(quantum * QUANTUM as u64);
                all.extend((0..QUANTUM).flat_map(|i| instance.out_frame(0, i)).map(f32::to_bits));
            }
            all
        };
        let (a, b) = (sound(&whole), sound(&split));
        assert_eq!(a, b);
        assert!(a.iter().any(|x| *x != 0));
    }

    #[test]
    fn one_place_for_all_lanes_is_a_run_of_memory_already() {
        for delay in ["join %0 %0 %0 %0", "shuffle %0 0 0 0 0"] {
            let text = LINES.replace("join %0 %1 %2 %0", delay);
            let graph = text::parse(&text).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(apart(graph).rings.len(), 1, "{delay}");
        }
    }
}
