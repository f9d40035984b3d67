//! Paths of unlike latency meet in time.
//!
//! What went through a kernel may be late: by n frames for spectra of n points. Every kernel says by how much ([`crate::kernel::Info::latency`]),
//! and here it is made up for wherever a late value meets another one: in a sum, a product, a join of channels, what is written to a
//! delay line, a bus, the master. The other is delayed by the difference, so that both are of the same moment:
//!
//! ```text
//! x - (x >> fft(1024) >> ifft)      becomes      tap(ring(x), 1024) - (x >> fft(1024) >> ifft)
//! ```
//!
//! Latencies are the longest ways through the graph. Numbers that move with parameters alone are never delayed: a knob acts at once.
//! Within a feedback nothing is made up for, since a way round has no end; neither is it from one output to another, as strips are
//! heard by their meters. What a kernel reads beside late spectra is delayed before it is made spectra.
//!
//! This is part of what a text means, not an optimisation: the front end ends with it, and every evaluator sees its result.

use crate::graph::check::{GraphInfo, check, components};
use crate::graph::ops::Op;
use crate::graph::{CellId, FrameId, Graph, Node, NodeId, QUANTUM, Rate, RingId, Ty, operands};
use crate::passes::cross::operands_mut;
use rustc_hash::FxHashMap as HashMap;

/// How often a kernel may ask for its spectra to be later. A spectrum of what it is to be compared with would ask for ever.
const ROUNDS: usize = 8;

/// A graph in which late values meet others in time; `None` if nothing has to be delayed. Values come out in any order.
pub fn align(graph: &Graph) -> Option<Graph> {
    let late = |ring: &crate::graph::Ring| ring.kernel.as_ref().is_some_and(|kernel| kernel.work.latency() > 0);
    if !graph.rings.iter().any(late) {
        return None;
    }
    let info = check(graph).ok()?;
    let lateness = Lateness::of(graph, &info);
    let mut delays = Delays { out: graph.clone(), info: &info, known: HashMap::default() };
    let free = free(graph, &info);
    for &id in &info.order {
        let mine = lateness.of[id.index()];
        let mut node = graph.node(id).clone();
        for n in operands_mut(&mut node).iter_mut().filter(|n| !free[n.index()] && lateness.apart(id.0, n.0)) {
            *n = delays.by(*n, mine - lateness.of[n.index()]);
        }
        delays.out.nodes[id.index()] = node;
    }
    for (r, ring) in graph.rings.iter().enumerate() {
        let at = (graph.nodes.len() + r) as u32;
        if let Some(n) = ring.input
            && !free[n.index()]
            && lateness.apart(at, n.0)
        {
            let by = lateness.of[at as usize] - lateness.of[n.index()];
            delays.out.rings[r].input = Some(delays.by(n, by));
        }
    }
    (delays.out.rings.len() > graph.rings.len()).then_some(delays.out)
}

/// How late everything is, in frames: nodes, then what is written to rings.
struct Lateness {
    of: Vec<u32>,
    component: Vec<u32>,
}

impl Lateness {
    fn of(graph: &Graph, info: &GraphInfo) -> Lateness {
        let nodes = graph.nodes.len() as u32;
        let mut delays: Vec<Vec<u32>> = vec![Vec::new(); graph.rings.len()];
        for node in &graph.nodes {
            if let Node::Tap(r, delay) = node {
                delays[r.index()].push(delay.0);
            }
        }
        // What each vertex is made of: values, then writings of rings.
        let (mut starts, mut targets) = (vec![0], Vec::new());
        for node in &graph.nodes {
            targets.extend(operands(node).iter().map(|n| n.0));
            match node {
                Node::Read(c) => targets.extend(graph.cells[c.index()].next.map(|n| n.0)),
                Node::Tap(r, _) => targets.push(nodes + r.0),
                _ => {}
            }
            starts.push(targets.len() as u32);
        }
        for (ring, delays) in graph.rings.iter().zip(&delays) {
            targets.extend(ring.input.map(|n| n.0));
            targets.extend(ring.kernel.iter().flat_map(|kernel| kernel.rings()).map(|r| nodes + r.0));
            // A line is as late as the signals that say where it is read.
            targets.extend(delays);
            starts.push(targets.len() as u32);
        }
        let (component, count) = components(&starts, &targets);
        let mut by_component: Vec<u32> = (0..component.len() as u32).collect();
        by_component.sort_by_key(|v| component[*v as usize]);
        let own = |v: u32| match v.checked_sub(nodes).map(|r| &graph.rings[r as usize].kernel) {
            Some(Some(kernel)) => kernel.work.latency(),
            _ => 0,
        };
        let mut of = vec![0; component.len()];
        let mut least = vec![0u32; count as usize];
        let free = free(graph, info);
        for _ in 0..ROUNDS {
            let mut late = least.clone();
            for &v in &by_component {
                let mine = component[v as usize] as usize;
                for &from in &targets[starts[v as usize] as usize..starts[v as usize + 1] as usize] {
                    let theirs = component[from as usize] as usize;
                    if theirs != mine && !free.get(from as usize).is_some_and(|free| *free) {
                        late[mine] = late[mine].max(late[theirs] + own(from));
                    }
                }
            }
            of = component.iter().map(|c| late[*c as usize]).collect();
            // Spectra, and signals on their way to a kernel, meet in the kernel. What it reads was made before.
            let mut want = of[nodes as usize..].to_vec();
            let mut raised = false;
            let kernels = graph.rings.iter().enumerate().filter_map(|(r, ring)| Some((r, ring.kernel.as_ref()?)));
            for (r, kernel) in kernels.rev() {
                for read in kernel.rings() {
                    let c = component[(nodes + read.0) as usize] as usize;
                    let due = want[r].saturating_sub(own(nodes + read.0));
                    if want[read.index()] < due && c != component[nodes as usize + r] as usize {
                        (want[read.index()], least[c]) = (due, least[c].max(due));
                        raised = true;
                    }
                }
            }
            if !raised {
                break;
            }
        }
        Lateness { of, component }
    }

    /// True if one needs the other later than it is, and is not in a loop with it.
    fn apart(&self, user: u32, from: u32) -> bool {
        self.component[user as usize] != self.component[from as usize]
            && self.of[user as usize] > self.of[from as usize]
    }
}

/// Values that parameters alone move: they have no time of their own.
fn free(graph: &Graph, info: &GraphInfo) -> Vec<bool> {
    let mut free = vec![false; graph.nodes.len()];
    for &id in &info.order {
        let made = matches!(
            graph.node(id),
            Node::Op(..) | Node::Shuffle(..) | Node::Join(_) | Node::Reduce(..) | Node::Line(_) | Node::Peek(..)
        );
        let all = operands(graph.node(id)).iter().all(|n| free[n.index()]);
        free[id.index()] = info.rate[id.index()] < Rate::Sample || made && all;
    }
    free
}

/// The graph with its delays.
struct Delays<'a> {
    out: Graph,
    info: &'a GraphInfo,
    known: HashMap<(NodeId, u32), NodeId>,
}

impl Delays<'_> {
    /// A value some frames ago.
    fn by(&mut self, x: NodeId, frames: u32) -> NodeId {
        if let Some(&known) = self.known.get(&(x, frames)) {
            return known;
        }
        let late = match self.info.ty[x.index()] {
            Ty::F32 => self.line(x, x, frames),
            Ty::I32 => self.halves(x, frames),
        };
        self.known.insert((x, frames), late);
        late
    }

    fn line(&mut self, of: NodeId, x: NodeId, frames: u32) -> NodeId {
        let (place, lanes) = (self.place(of), self.info.lanes[of.index()]);
        let ring = self.out.ring(place, "align", lanes, frames.min(crate::graph::check::LONGEST - 2 * QUANTUM as u32));
        self.out.rings[ring.index()].input = Some(x);
        let back = self.out.constant(frames as f32);
        self.out.push(Node::Tap(ring, back))
    }

    /// Delay lines hold floats, so a whole number goes in halves, which floats hold exactly.
    fn halves(&mut self, x: NodeId, frames: u32) -> NodeId {
        let sixteen = self.out.push(Node::Const(Ty::I32, vec![16]));
        let mask = self.out.push(Node::Const(Ty::I32, vec![0xffff]));
        let (high, low) = (self.out.op(Op::Ushr, &[x, sixteen]), self.out.op(Op::Iand, &[x, mask]));
        let [high, low] = [high, low].map(|half| {
            let float = self.out.op(Op::Fromint, &[half]);
            let late = self.line(x, float, frames);
            self.out.op(Op::Toint, &[late])
        });
        let high = self.out.op(Op::Ishl, &[high, sixteen]);
        self.out.op(Op::Ior, &[high, low])
    }

    /// Where memory lives that a value is made of, the nearest first; so a delay is found again in an edit.
    fn place(&self, x: NodeId) -> FrameId {
        let (mut open, mut seen) = (vec![x], 0);
        while seen < open.len() && seen < 256 {
            let node = self.out.node(open[seen]);
            match node {
                Node::Read(CellId(c)) => return self.out.cells[*c as usize].frame,
                Node::Tap(RingId(r), _) => return self.out.rings[*r as usize].frame,
                _ => open.extend(operands(node)),
            }
            seen += 1;
        }
        FrameId(0)
    }
}
