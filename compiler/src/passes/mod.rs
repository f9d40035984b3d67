//! The passes stage: the same sound from less work.
//!
//! [`gather`] and [`cross`] are part of what a graph means: they bring block-rate values together and draw lines where those
//! meet samples, and run first, so that no later rewrite can move the border. [`cut`] comes even earlier, from the front end, since it looks at the numbers of the text:
//! it opens feedback whose delay is long; so does [`align`], which delays what meets something late. The others change no bit of the sound: [`fold`] computes constants with the
//! interpreter's own functions, [`apart`] lays delay lines out as they are read, [`simplify`] knows the identities that hold for every value (NaN and minus zero included),
//! [`share`] gives equal values one node, [`dead`] drops what nobody hears. What [`fast`] does beyond that changes rounding,
//! within a bound that `docs/exactness.md` states. [`pack`] comes last: what is there n times becomes one body of n lanes,
//! while the graph before it keeps the names of all memory.

pub mod align;
pub mod apart;
pub mod contract;
pub mod cross;
pub mod cut;
pub mod dead;
pub mod fast;
pub mod fold;
pub mod gather;
pub mod pack;
pub mod reassociate;
pub mod share;
pub mod simplify;
pub mod strength;

use crate::graph::Graph;
use crate::graph::check::{GraphInfo, check};
use fast::Target;

/// Which rewrites are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Passes {
    /// Only what the meaning of a graph demands. For tests.
    None,
    /// Rewrites that keep every bit.
    Exact,
    /// Rewrites that keep the sound within a stated error, too ([`fast`]).
    Fast,
}

/// Rewrites a graph that the validator has accepted. Parameters, rows, frames and outs keep their numbers; nodes, cells and
/// rings may get new ones.
pub fn optimise(graph: &Graph, passes: Passes) -> Graph {
    let Ok(info) = check(graph) else { return graph.clone() };
    optimise_for(graph, &info, passes, Target::host(), &mut |_| {})
}

/// [`optimise`] for a given processor; `ended` is told the name of each pass when it is done.
pub fn optimise_for(
    graph: &Graph,
    info: &GraphInfo,
    passes: Passes,
    target: Target,
    ended: &mut dyn FnMut(&'static str),
) -> Graph {
    let graph = gather::gather(graph, info);
    ended("gather");
    let mut graph = cross::cross(&graph);
    ended("cross");
    if passes == Passes::None {
        return graph;
    }
    graph = apart::apart(graph);
    ended("apart");
    // One round reaches everything: operands are rewritten before their users, and no other pass leaves anything to be shared.
    graph = share::share(&graph);
    ended("share");
    graph = dead::dead(&graph);
    ended("dead");
    if passes == Passes::Fast { fast::fast(&graph, target, ended) } else { graph }
}
