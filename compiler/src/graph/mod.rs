//! The graph stage: what a patch computes, before anybody asks how.
//!
//! [`ir`] holds the graph, [`ops`] the one table of primitives, [`check`] the validator that also infers rates, [`bounds`] how
//! large values may become,
//! [`text`] the text form, [`interp`] the reference interpreter, [`oracle`] the same in
//! double precision, [`Leaving`] which signals leave for instruments, [`state`] the identity of state across edits, [`idle`] which parts of it may sleep,
//! [`bank`] which lanes are whose, [`few`] banks of voices in fewer lanes, [`work`] how much a quantum can cost.

mod absorb;
pub mod bank;
pub mod bounds;
pub mod check;
pub mod few;
pub mod idle;
pub mod interp;
pub mod ir;
mod leaving;
pub mod ops;
pub mod oracle;
pub mod state;
pub mod text;
pub mod work;

pub use ir::*;
pub use leaving::{Leaving, Moved};
