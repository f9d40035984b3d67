//! The code generator: a schedule becomes machine code.
//!
//! [`region`] writes the loop of a region, [`body`] the values inside it, [`lanes`] where they meet and [`peek`] reads of samples,
//! for any [`machine`]; [`emit`] has the words of single operations. [`clif`] and [`native`] are every processor's, by Cranelift;
//! [`x86`] has the wide vectors of one. [`cache`] has what was made before. [`jit`] turns it into executable memory; [`guard`] is
//! the door through which all of it is called, [`listing`] reads it back for people. [`isa`] chooses the width of vectors; [`steady`] tells delays that rest from those that move.

pub mod body;
pub mod cache;
pub mod clif;
pub mod emit;
pub mod guard;
pub mod isa;
pub mod jit;
pub mod lanes;
pub mod listing;
pub mod machine;
pub mod native;
pub mod peek;
pub mod region;
mod ring;
pub mod steady;
pub mod x86;

use crate::graph::Graph;
use crate::schedule::Schedule;

/// The intermediate code of every region as text, before anything depends on the machine.
pub fn text(graph: &Graph, schedule: &Schedule) -> Result<String, String> {
    native::text(graph, schedule)
}
