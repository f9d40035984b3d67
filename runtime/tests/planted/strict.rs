//! The hand-over of the runtime, built with loom's atomics: as it is.
//!
//! loom runs a model again and again, with all orders in which its threads may do what they do, and with all values that a load may then
//! see. It follows what a `Release` makes visible to an `Acquire`, and tells any access that nothing puts in order.
#![allow(dead_code)]

pub mod sync {
    //! What the file asks for by `super::sync`.
    pub use loom::sync::Arc;
    pub use loom::sync::atomic::{AtomicPtr, Ordering};
    pub use loom::thread::yield_now as spin;
}

#[path = "../../src/handover.rs"]
pub mod handover;
