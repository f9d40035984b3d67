//! Opens feedback whose delay is long.
//!
//! A delay of a quantum or more closes no loop within a quantum, so what stands around it needs no frame by frame. The
//! validator sees that by itself where the delay is constant or bounded from below, as in `max(t, 2ms)`. A delay that is a
//! number of the text is neither: it is a parameter, and may be turned down while the code plays on. So the decision is
//! written into the graph here: at the numbers that the text has now, is the delay comfortably long? Then it becomes
//! `max(delay, 64)`, and the validator can prove the rest.
//!
//! The hash of a patch ignores the values of parameters but not what is written into its graph. A text whose delay falls
//! below the limit is therefore another patch: it is compiled anew, without the `max`, and never glides into a wrong bound. Only
//! a command that moves a parameter without a change of the text can meet it, after turning the delay down to half and less.
//!
//! ```text
//! %3 = mul %param %48000 ; %4 = tap r0 %3      becomes      %5 = max %3 %64 ; %4 = tap r0 %5
//! ```

use crate::graph::bounds::{Bounds, bounds};
use crate::graph::check::recursive;
use crate::graph::ops::Op;
use crate::graph::{Graph, Node, NodeId, QUANTUM};
use crate::passes::cross::rewrite;

/// Samples at which a delay by the numbers of the text is long: twice the least, so that there is room to turn it down.
pub const LONG: f32 = 2.0 * QUANTUM as f32;

/// Writes into a graph which of its feedbacks are long. A graph without such comes back as it is. Operands come before users, and
/// nodes stay in order.
pub fn cut(graph: Graph) -> Graph {
    if graph.rings.is_empty() {
        return graph;
    }
    let order: Vec<NodeId> = (0..graph.nodes.len() as u32).map(NodeId).collect();
    let delay = |node: &Node| if let Node::Tap(_, delay) = node { Some(*delay) } else { None };
    let now = |p: crate::graph::ParamId| Bounds::point(graph.params[p.index()].value);
    let known = bounds(&graph, &order, graph.nodes.iter().filter_map(delay), now);
    let is_long = |n: NodeId| known[n.index()].is_some_and(|b| !b.nan && b.low >= LONG);
    let mut long: Vec<bool> = graph.nodes.iter().map(|node| delay(node).is_some_and(is_long)).collect();
    // Where no delay is long, nobody has to know about feedbacks.
    if long.contains(&true) {
        long.iter_mut().zip(recursive(&graph, &order)).for_each(|(long, recursive)| *long &= recursive);
    }
    if !long.contains(&true) {
        return graph;
    }
    rewrite(&graph, &order, |out, id, node| {
        if let Node::Tap(_, delay) = node
            && long[id.index()]
        {
            let least = out.constant(QUANTUM as f32);
            *delay = out.op(Op::Max, &[*delay, least]);
        }
    })
}
