//! Delays that rest, though they are worked out for every frame.
//!
//! A fractional delay is `floor(a + b)` of two lines, and a tap of it has to read at a place of its own in every frame, since the
//! lines may move. While they rest all of that is one number. So what a tap's delay is worked out of, if it is nothing but
//! operations on lines, constants and values of block rate, is written once more at block rate, with the ends of lines for lines: a
//! *twin*. Where the slopes of these lines are 0 the twin has the same bits as the delay in every frame, and the tap reads one piece
//! ([`crate::codegen::steady`]).

use crate::graph::check::GraphInfo;
use crate::graph::{Graph, Node, NodeId, Rate, operands};
use rustc_hash::FxHashMap as HashMap;

/// What stands for a delay while it rests.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The delay at block rate.
    pub twin: NodeId,
    /// The lines that it moves by.
    pub lines: Vec<NodeId>,
}

/// Operations of which a delay may be made: what costs more than this once a quantum is no address.
const MOST: usize = 24;

/// Adds the twins of all delays that have one to a graph; by the delays. What is `given` is nobody's to compute with.
pub fn rests(graph: &mut Graph, info: &mut GraphInfo, given: &[NodeId]) -> HashMap<NodeId, Rest> {
    let delays: Vec<NodeId> =
        graph.nodes.iter().filter_map(|n| if let Node::Tap(_, d) = n { Some(*d) } else { None }).collect();
    let (mut twins, mut rests) = (HashMap::default(), HashMap::default());
    for delay in delays {
        let worked_out = matches!(graph.node(delay), Node::Op(..)) && info.rate[delay.index()] == Rate::Sample;
        if !worked_out || rests.contains_key(&delay) {
            continue;
        }
        let Some((cone, lines)) = cone(graph, info, delay, given) else { continue };
        for id in cone {
            if twins.contains_key(&id) {
                continue;
            }
            let mut node = graph.node(id).clone();
            if let Node::Op(_, args) = &mut node {
                args.iter_mut().for_each(|arg| *arg = still(graph, &twins, *arg));
            }
            twins.insert(id, push(graph, info, node, id));
        }
        rests.insert(delay, Rest { twin: twins[&delay], lines });
    }
    rests
}

/// An operand of a twin: a twin, the end of a line, or what is of block rate by itself.
fn still(graph: &Graph, twins: &HashMap<NodeId, NodeId>, id: NodeId) -> NodeId {
    match graph.node(id) {
        Node::Line(end) => *end,
        _ => twins.get(&id).copied().unwrap_or(id),
    }
}

/// The operations that a delay is made of, operands first, and its lines; `None` if anything else has a part in it.
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

/// A node of block rate with the type and the lanes of another. Nothing needs it but a tap, so it may come last.
fn push(graph: &mut Graph, info: &mut GraphInfo, node: Node, like: NodeId) -> NodeId {
    let id = graph.push(node);
    info.order.push(id);
    info.ty.push(info.ty[like.index()]);
    info.lanes.push(info.lanes[like.index()]);
    info.rate.push(Rate::Block);
    info.scc.push(info.scc_count);
    info.scc_count += 1;
    info.tap_recursive.push(false);
    info.tap_late.push(false);
    id
}
