//! Meaning: from tree to machine code and score.
//!
//! Pure functions; no clock, no device; threads only inside, to compile side by side. The stages, a folder each, in the order of the flow:
//!
//! ```text
//! lang::Stmt -> front  (names, units, channels; functions disappear)      -> graph::Graph + score::Score
//!            -> graph  (validator, rates, interpreter, identity of state)
//!            -> passes (fold, share, drop, cross rates; exact)
//!            -> schedule (regions, buffers)
//!            -> codegen (Cranelift)                                        -> program::Patch
//! ```
//!
//! Beside the flow, [`ide`] answers who writes: what is this, what can follow, who speaks of it.

pub mod codegen;
pub mod exclusive;
pub mod exec;
pub mod few;
pub mod front;
pub mod graph;
pub mod ide;
pub mod kernel;
pub mod passes;
pub mod program;
pub mod quantum;
pub mod sample;
pub mod schedule;
pub mod score;
pub mod sleep;
mod words;

pub use modurust_lang as lang;
