//! Lines that loops read, drawn before them.
//!
//! A line is two ends; whoever needs it draws it where it is needed, a vector of frames at once, which costs next to nothing. A loop
//! that goes frame by frame would draw it frame by frame. So what a loop reads of a line is a copy of it, which is no part of the
//! loop: it is drawn in one piece for the whole quantum, and read from its buffer. A copy belongs to a part, and sleeps with it.

use crate::graph::check::GraphInfo;
use crate::graph::idle::Parts;
use crate::graph::{Graph, Node, NodeId, Rate};
use crate::passes::cross::operands_mut;
use rustc_hash::FxHashMap as HashMap;

/// Puts copies of lines of one lane in front of the loops that read them.
pub fn drawn(graph: &mut Graph, info: &mut GraphInfo, parts: &mut Parts) {
    let mut size = vec![0u32; info.scc_count as usize];
    info.scc.iter().for_each(|&c| size[c as usize] += 1);
    let mut copies: HashMap<(NodeId, u8), NodeId> = HashMap::default();
    let mut order = Vec::with_capacity(info.order.len());
    for id in std::mem::take(&mut info.order) {
        let (i, part) = (id.index(), parts.of[id.index()]);
        let looped = size[info.scc[i] as usize] > 1 && info.rate[i] == Rate::Sample;
        if looped && matches!(graph.node(id), Node::Op(..)) {
            let mut node = graph.node(id).clone();
            for operand in operands_mut(&mut node) {
                if !matches!(graph.node(*operand), Node::Line(_)) || info.lanes[operand.index()] > 1 {
                    continue;
                }
                *operand = *copies.entry((*operand, part)).or_insert_with(|| {
                    let copy = graph.push(Node::Shuffle(*operand, vec![0]));
                    order.push(copy);
                    info.ty.push(info.ty[operand.index()]);
                    info.lanes.push(1);
                    info.rate.push(Rate::Sample);
                    info.scc.push(info.scc_count);
                    info.scc_count += 1;
                    info.tap_recursive.push(false);
                    info.tap_late.push(false);
                    parts.of.push(part);
                    copy
                });
            }
            graph.nodes[i] = node;
        }
        order.push(id);
    }
    info.order = order;
}
