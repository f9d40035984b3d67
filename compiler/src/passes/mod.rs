//! The passes stage: the same sound from less work.
//!
//! [`cross`] is part of what a graph means: it draws lines where block-rate values meet samples, and runs first, so that no
//! later rewrite can move the border. [`cut`] comes even earlier, from the front end, since it looks at the numbers of the text:
//! it opens feedback whose delay is long. The others change no bit of the sound: [`fold`] computes constants with the
//! interpreter's own functions, [`simplify`] knows the identities that hold for every value (NaN and minus zero included),
//! [`share`] gives equal values one node, [`dead`] drops what nobody hears. [`pack`] comes last: what is there
//! n times becomes one body of n lanes, while the graph before it keeps the names of all memory.

pub mod cross;
pub mod cut;
pub mod dead;
pub mod fold;
pub mod pack;
pub mod share;
pub mod simplify;

use crate::graph::Graph;

/// Which rewrites are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Passes {
    /// Only what the meaning of a graph demands. For tests.
    None,
    /// Rewrites that keep every bit.
    Exact,
    /// Rewrites that keep the sound within a stated error, too. (None are written yet.)
    Fast,
}

/// Rewrites a graph that the validator has accepted. Parameters, rows, frames and outs keep their numbers; nodes, cells and
/// rings may get new ones.
pub fn optimise(graph: &Graph, passes: Passes) -> Graph {
    let mut graph = cross::cross(graph);
    if passes == Passes::None {
        return graph;
    }
    // One round reaches nearly everything: operands are rewritten before their users. The second catches what sharing found.
    for _ in 0..2 {
        let before = graph.nodes.len();
        graph = share::share(&graph);
        graph = dead::dead(&graph);
        if graph.nodes.len() == before {
            break;
        }
    }
    graph
}
