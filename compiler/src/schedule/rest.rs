//! Delays that rest, though they are worked out for every frame.
//!
//! A fractional delay is `floor(a + b)` of two lines, and a tap of it has to read at a place of its own in every frame, since the
//! lines may move. While they rest all of that is one number. So what a tap's delay is worked out of, if it is nothing but
//! operations on lines, constants and values of block rate, is written once more at block rate, with the ends of lines for lines: a
//! *twin*. Where the slopes of these lines are 0 the twin has the same bits as the delay in every frame, and the tap reads one piece
//! ([`crate::codegen::steady`]). What else is worked out of the same lines and nothing but them, such as the weights of the frames
//! between which a tap lies, has a twin as well: while the delay rests they are numbers, too.

use crate::graph::check::GraphInfo;
use crate::graph::ir::Args;
use crate::graph::ops::Op;
use crate::graph::{Graph, Node, NodeId, Rate, Ty, operands};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// What stands for a delay, or what else is worked out of its lines, while it rests.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The value at block rate.
    pub twin: NodeId,
    /// The lines that it moves by.
    pub lines: Vec<NodeId>,
}

/// Operations of which a delay may be made: what costs more than this once a quantum is no address.
const MOST: usize = 24;

/// Adds the twins of all delays that have one to a graph, and of what meets other values while it rests with them; by what they stand
/// for. What is `given` is nobody's to compute with.
pub fn rests(graph: &mut Graph, info: &mut GraphInfo, given: &[NodeId]) -> HashMap<NodeId, Rest> {
    let delays: Vec<NodeId> =
        graph.nodes.iter().filter_map(|n| if let Node::Tap(_, d) = n { Some(*d) } else { None }).collect();
    let mut twins = Twins { given, zero: None, of: HashMap::default(), rests: HashMap::default() };
    delays.iter().for_each(|&delay| twins.add(graph, info, delay));
    let mut lines: HashSet<NodeId> = twins.rests.values().flat_map(|rest| rest.lines.iter().copied()).collect();
    lines.extend(delays.iter().filter(|delay| matches!(graph.node(**delay), Node::Line(_))));
    meeting(graph, info, &lines).into_iter().for_each(|id| twins.add(graph, info, id));
    twins.rests
}

/// Values that are worked out of some lines alone, where they meet what is not.
fn meeting(graph: &Graph, info: &GraphInfo, lines: &HashSet<NodeId>) -> Vec<NodeId> {
    let mut still = vec![false; graph.nodes.len()];
    let sampled = |id: NodeId| info.rate[id.index()] == Rate::Sample;
    let mut found = Vec::new();
    for &id in &info.order {
        let node = graph.node(id);
        let operands = operands(node);
        let rests = |n: &NodeId| !sampled(*n) || lines.contains(n) || still[n.index()];
        if matches!(node, Node::Op(..)) && sampled(id) && operands.iter().all(rests) {
            still[id.index()] = true;
        } else if sampled(id) {
            found.extend(operands.iter().filter(|n| still[n.index()]));
        }
    }
    found
}

/// What is made at block rate.
struct Twins<'g> {
    given: &'g [NodeId],
    /// The constant 0.
    zero: Option<NodeId>,
    /// By what they stand for.
    of: HashMap<NodeId, NodeId>,
    rests: HashMap<NodeId, Rest>,
}

impl Twins<'_> {
    /// Adds the twin of a value, if it can have one.
    fn add(&mut self, graph: &mut Graph, info: &mut GraphInfo, value: NodeId) {
        let worked_out = matches!(graph.node(value), Node::Op(..)) && info.rate[value.index()] == Rate::Sample;
        if !worked_out || self.rests.contains_key(&value) {
            return;
        }
        let Some((cone, lines)) = cone(graph, info, value, self.given) else { return };
        for id in cone {
            if self.of.contains_key(&id) {
                continue;
            }
            let mut node = graph.node(id).clone();
            if let Node::Op(_, args) = &mut node {
                args.iter_mut().for_each(|arg| *arg = self.still(graph, info, *arg));
            }
            let twin = push(graph, info, node, id, Rate::Block);
            self.of.insert(id, twin);
        }
        self.rests.insert(value, Rest { twin: self.of[&value], lines });
    }

    /// An operand of a twin: a twin, the end of a line, or what is of block rate by itself. A line that rests is its end + 0, which is
    /// not the same where that is -0.
    fn still(&mut self, graph: &mut Graph, info: &mut GraphInfo, id: NodeId) -> NodeId {
        if let Some(twin) = self.of.get(&id) {
            return *twin;
        }
        let Node::Line(end) = *graph.node(id) else { return id };
        let zero = *self.zero.get_or_insert_with(|| {
            let zero = push(graph, info, Node::Const(Ty::F32, vec![0]), id, Rate::Const);
            info.lanes[zero.index()] = 1;
            zero
        });
        let twin = push(graph, info, Node::Op(Op::Add, Args::from_slice(&[end, zero])), id, Rate::Block);
        self.of.insert(id, twin);
        twin
    }
}

/// The operations that a value is made of, operands first, and its lines; `None` if anything else has a part in it.
fn cone(graph: &Graph, info: &GraphInfo, delay: NodeId, given: &[NodeId]) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
    let (mut ops, mut lines, mut open) = (Vec::new(), Vec::new(), vec![(delay, false)]);
    while let Some((id, entered)) = open.pop() {
        if ops.contains(&id) || lines.contains(&id) {
            continue;
        }
        match graph.node(id) {
            _ if given.contains(&id) => return None,
            _ if info.rate[id.index()] < Rate::Sample => {}
            Node::Line(end) if given.contains(end) => return None,
            Node::Line(_) => lines.push(id),
            Node::Op(..) if entered => ops.push(id),
            node @ Node::Op(..) if open.len() < MOST => {
                open.push((id, true));
                open.extend(operands(node).iter().map(|operand| (*operand, false)));
            }
            _ => return None,
        }
    }
    (!lines.is_empty() && ops.len() <= MOST).then_some((ops, lines))
}

/// A node with the type and the lanes of another. Nothing needs it but what rests, so it may come last.
fn push(graph: &mut Graph, info: &mut GraphInfo, node: Node, like: NodeId, rate: Rate) -> NodeId {
    let id = graph.push(node);
    info.order.push(id);
    info.ty.push(info.ty[like.index()]);
    info.lanes.push(info.lanes[like.index()]);
    info.rate.push(rate);
    info.scc.push(info.scc_count);
    info.scc_count += 1;
    info.tap_recursive.push(false);
    info.tap_late.push(false);
    info.tap_far.push(false);
    id
}
