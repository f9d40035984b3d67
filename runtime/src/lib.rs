//! Time: threads, devices, the engine.
//!
//! Two sides meet here. The *audio side* ([`engine`], [`transport`], [`sequencer`], [`voice`], [`limiter`], [`meter`]) runs in a
//! device's callback: it allocates nothing, frees nothing, waits for nothing. The *control side* ([`session`], [`watch`],
//! [`world`], [`recorder`], [`device`]) does everything else. Between them there are rings, atomics and one mailbox ([`swap`]).
//!
//! ```text
//! files -> watch -> session -> compiler -> Program -> swap::Control => mailbox => engine::Engine -> device
//! ```
//!
//! The promises that the audio side makes, and the tests that hold them, are in `CONTRACT.md` beside this crate's manifest.

mod agenda;
pub mod bell;
pub mod bridge;
pub mod checkpoint;
pub mod clock;
pub mod command;
pub mod controllers;
mod decode;
pub mod device;
pub mod disk;
pub mod engine;
pub mod export;
pub mod feedback;
pub mod fifo;
pub mod flac;
pub mod follow;
pub mod grid;
pub mod growing;
mod handover;
mod hold;
pub mod inbox;
mod jobs;
pub mod journal;
pub mod keeper;
pub mod keys;
pub mod lanes;
pub mod launcher;
pub mod limiter;
pub mod loudness;
pub mod meter;
pub mod metronome;
pub mod midi;
pub mod osc;
pub mod outbox;
pub mod overload;
pub mod patchbay;
pub mod peaks;
pub mod performance;
pub mod preroll;
pub mod recorder;
pub mod remote;
pub mod samples;
pub mod scope;
mod scribe;
pub mod sequencer;
pub mod session;
pub mod song;
mod steer;
mod stream;
pub mod stretch;
pub mod swap;
pub mod tap;
pub mod timecode;
pub mod transport;
pub mod voice;
pub mod watch;
pub mod wav;
pub mod wish;
pub mod world;

pub use modurust_compiler as compiler;

/// What [`handover`] is made of; a test puts other atomics in their place.
mod sync {
    pub use std::hint::spin_loop as spin;
    pub use std::sync::Arc;
    pub use std::sync::atomic::{AtomicPtr, Ordering};
}
