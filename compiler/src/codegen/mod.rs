//! The code generator: a schedule becomes machine code.
//!
//! [`region`] writes the loop of a region, [`body`] the values inside it, [`emit`] single operations, all as Cranelift's intermediate code; [`jit`] turns
//! that into executable memory; [`guard`] is the door through which all of it is called.

pub mod body;
pub mod emit;
pub mod guard;
pub mod jit;
pub mod region;

use crate::graph::Graph;
use crate::schedule::Schedule;

/// The intermediate code of every region as text, before anything depends on the machine.
pub fn text(graph: &Graph, schedule: &Schedule) -> Result<String, String> {
    jit::text(graph, schedule)
}
