//! Rewrites that keep the sound within a stated error, for playing; see `docs/exactness.md`.
//!
//! Everything else in this stage keeps every bit. What is here changes rounding, as the real numbers would allow: a product
//! with the reciprocal instead of a quotient, products and sums in an order that makes loops short, a product and a sum in one
//! rounding. The result is again a graph: interpreter and machine code agree on it to the bit, and what it lost is measured
//! against the unoptimised graph in double precision (`tests/oracle_fast.rs`).
//!
//! Three rewrites, each once: [`strength`] makes operations cheaper, [`reassociate`] puts what waits for the loop last,
//! [`contract`] joins products to sums. Compensated sums (Kahan) and constants in two parts (Cody and Waite) survive them: terms
//! are only moved inside a loop, only if all of the loop's own but one are products, and never against their order elsewhere.

use crate::graph::Graph;
use crate::passes::{contract::contract, dead::dead, reassociate::reassociate, strength::strength};

/// What the processor that the code is for can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// It has a fused multiply-add.
    pub fma: bool,
}

impl Target {
    /// The processor that this runs on.
    pub fn host() -> Target {
        Target { fma: crate::graph::ops::has_fma() }
    }
}

/// Rewrites a graph that went through the exact passes; `ended` is told the name of each when it is done.
pub fn fast(graph: &Graph, target: Target, ended: &mut dyn FnMut(&'static str)) -> Graph {
    let mut graph = strength(graph);
    ended("strength");
    graph = reassociate(&graph);
    ended("reassociate");
    if target.fma {
        graph = contract(&graph);
        ended("contract");
    }
    graph = dead(&graph);
    ended("dead");
    graph
}
