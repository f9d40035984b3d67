//! Opens feedback whose delay is long.
//!
//! A delay of a quantum or more closes no loop within a quantum, so what stands around it needs no frame by frame. The
//! validator sees that by itself where the delay is constant or bounded from below, as in `max(t, 2ms)`. A delay that is a
//! number of the text is neither: it is a parameter, and may be turned down while the code plays on. So the decision is
//! written into the graph here: at the numbers that the text has now, is the delay comfortably long? Then it becomes
//! `max(delay, 64)`, and the validator can prove the rest.
//!
//! Likewise from 32 frames on, by `max(delay, 16)`: such a feedback closes within a quantum, but not within a vector of frames, so it is
//! computed a vector at a time ([`crate::schedule::regions`]).
//!
//! The hash of a patch ignores the values of parameters but not what is written into its graph. A text whose delay falls
//! below the limit is therefore another patch: it is compiled anew, without the `max`, and never glides into a wrong bound. Only
//! a command that moves a parameter without a change of the text can meet it, after turning the delay down to half and less.
//!
//! ```text
//! %3 = mul %param %48000 ; %4 = tap r0 %3      becomes      %5 = max %3 %64 ; %4 = tap r0 %5
//! ```

use crate::graph::bounds::{Bounds, bounds};
use crate::graph::check::{STEP, recursive};
use crate::graph::ops::Op;
use crate::graph::{Graph, Node, NodeId, ParamId, QUANTUM};
use crate::passes::cross::rewrite;

/// A delay by the numbers of the text is long at so many times the least, so that there is room to turn it down.
const ROOM: f32 = 2.0;

/// A delay on which something was decided: the same is decided as long as its least value is from `from` to below `to`; never, if it is
/// known where it was not, which is written as NaN.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The delay, before it is held above a limit.
    pub delay: NodeId,
    from: f32,
    to: f32,
}

impl Limit {
    /// True if a graph whose parameters have these values is cut in the same way.
    pub fn all_hold(limits: &[Limit], graph: &Graph, param: impl Fn(ParamId) -> f32) -> bool {
        let order: Vec<NodeId> = (0..graph.nodes.len() as u32).map(NodeId).collect();
        let known = bounds(graph, &order, limits.iter().map(|limit| limit.delay), |p| Bounds::point(param(p)));
        limits.iter().all(|limit| match known[limit.delay.index()].filter(|b| !b.nan) {
            Some(b) => limit.from <= b.low && b.low < limit.to,
            None => limit.from.is_nan(),
        })
    }
}

/// Writes into a graph which of its feedbacks are long, and says on what that hangs. A graph without such comes back as it is. Operands come before users, and
/// nodes stay in order.
pub fn cut(graph: Graph) -> (Graph, Vec<Limit>) {
    if graph.rings.is_empty() {
        return (graph, Vec::new());
    }
    let order: Vec<NodeId> = (0..graph.nodes.len() as u32).map(NodeId).collect();
    let delay = |node: &Node| if let Node::Tap(_, delay) = node { Some(*delay) } else { None };
    let now = |p: crate::graph::ParamId| Bounds::point(graph.params[p.index()].value);
    let known = bounds(&graph, &order, graph.nodes.iter().filter_map(delay), now);
    let low = |node: &Node| Some(known[delay(node)?.index()].filter(|b| !b.nan)?.low);
    // Where no delay is long, nobody has to know about feedbacks.
    if !graph.nodes.iter().any(|node| low(node).is_some_and(|low| low >= ROOM * STEP as f32)) {
        let limit = |node: &Node| {
            let (from, to) =
                if low(node).is_some() { (f32::NEG_INFINITY, ROOM * STEP as f32) } else { (f32::NAN, 0.0) };
            Some(Limit { delay: delay(node)?, from, to })
        };
        let limits = graph.nodes.iter().filter_map(limit).collect();
        return (graph, limits);
    }
    let (recursive, far) = recursive(&graph, &order);
    let least = |(id, node): (usize, &Node)| {
        let low = low(node).filter(|_| recursive[id])?;
        let proven = if far[id] { STEP } else { 0 };
        let long = |least: &f32| low >= ROOM * least && proven < *least as u32;
        [QUANTUM as f32, STEP as f32].into_iter().find(long)
    };
    let least: Vec<Option<f32>> = graph.nodes.iter().enumerate().map(least).collect();
    let steps = |id: usize| {
        if far[id] {
            [f32::NEG_INFINITY, ROOM * QUANTUM as f32, f32::INFINITY].to_vec()
        } else {
            [f32::NEG_INFINITY, ROOM * STEP as f32, ROOM * QUANTUM as f32, f32::INFINITY].to_vec()
        }
    };
    let span = |(id, node): (usize, &Node)| {
        delay(node).filter(|_| recursive[id])?;
        let Some(low) = low(node) else { return Some((f32::NAN, 0.0)) };
        let steps = steps(id);
        steps.windows(2).find(|pair| pair[0] <= low && low < pair[1]).map(|pair| (pair[0], pair[1]))
    };
    let spans: Vec<Option<(f32, f32)>> = graph.nodes.iter().enumerate().map(span).collect();
    let mut limits = Vec::new();
    let mut limit = |span: Option<(f32, f32)>, delay| limits.extend(span.map(|(from, to)| Limit { delay, from, to }));
    if least.iter().all(Option::is_none) {
        graph.nodes.iter().zip(spans).for_each(|(node, span)| {
            if let Some(delay) = delay(node) {
                limit(span, delay);
            }
        });
        return (graph, limits);
    }
    let graph = rewrite(&graph, &order, |out, id, node| {
        if let Node::Tap(_, delay) = node {
            limit(spans[id.index()], *delay);
            if let Some(least) = least[id.index()] {
                let least = out.constant(least);
                *delay = out.op(Op::Max, &[*delay, least]);
            }
        }
    });
    (graph, limits)
}
