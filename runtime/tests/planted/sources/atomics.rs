//! A callback as it may be: under the same lints, and clippy has nothing to say.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use std::sync::atomic::{AtomicU32, Ordering};

/// Fills a block.
pub fn process(level: &AtomicU32, out: &mut [f32]) {
    out.fill(f32::from_bits(level.load(Ordering::Relaxed)));
}
