//! How a thing changes hands between two threads that never wait for each other.
//!
//! A [`Handover`] holds one box or none. Whoever takes it gets it whole, and nobody else does; what was written into it before it was put
//! there is seen by whoever takes it. [`Kept`] holds on to shared things until nobody else does, so that the audio thread, which only looks
//! at them, never is the last to let go, and never frees.
//!
//! ```text
//! control   put .................. take (called back)        keep ........... release
//! audio            lend .. take (played)                          look, let go
//! ```
//!
//! Both are so small that all their interleavings can be tried: `tests/planted/rt10_hand_over.rs` builds this file with loom's atomics in
//! place of the real ones ([`super::sync`]), and once more with weaker orders, which must be found out.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::sync::{Arc, AtomicPtr, Ordering, spin};
use std::ptr::{null_mut, without_provenance_mut};

/// One box or none.
pub struct Handover<T>(AtomicPtr<T>);

impl<T> Handover<T> {
    /// With something in it.
    pub fn new(thing: Box<T>) -> Handover<T> {
        Handover(AtomicPtr::new(Box::into_raw(thing)))
    }

    /// What stands for a thing that somebody works on. No box has this address.
    fn lent() -> *mut T {
        without_provenance_mut(1)
    }

    /// Takes what is there, unless somebody has. Waits while it is [lent](Handover::lend), so the side that lends never waits.
    pub fn take(&self) -> Option<Box<T>> {
        loop {
            let thing = self.0.load(Ordering::Acquire);
            if thing.is_null() {
                return None;
            }
            // What was written before it was put here is seen from now on.
            if thing != Self::lent()
                && self.0.compare_exchange(thing, null_mut(), Ordering::AcqRel, Ordering::Acquire).is_ok()
            {
                // SAFETY: the pointer came from `Box::into_raw`, and the exchange gives it to one caller only.
                return Some(unsafe { Box::from_raw(thing) });
            }
            spin();
        }
    }

    /// Works on what is there, if nobody has taken it, and leaves it there: it is not [empty](Handover::is_empty) meanwhile. One side alone may lend.
    pub fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let thing = self.0.load(Ordering::Acquire);
        if thing.is_null() || thing == Self::lent() {
            return None;
        }
        self.0.compare_exchange(thing, Self::lent(), Ordering::AcqRel, Ordering::Acquire).ok()?;
        // SAFETY: the pointer came from `Box::into_raw`, and nobody takes it before it is put back.
        let result = work(unsafe { &mut *thing });
        self.0.swap(thing, Ordering::AcqRel);
        Some(result)
    }

    /// Puts something there. Only whoever took it out may: what is there would be lost.
    pub fn put(&self, thing: Box<T>) {
        // An exchange, like all others here, so that every one of them follows the one before.
        let before = self.0.swap(Box::into_raw(thing), Ordering::AcqRel);
        debug_assert!(before.is_null(), "something was there");
    }

    /// True if it has been taken, for now. Says nothing about what was in it.
    pub fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire).is_null()
    }
}

impl<T> Drop for Handover<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Shared things that are let go of by nobody else last.
pub struct Kept<T>(Vec<Arc<T>>);

impl<T> Kept<T> {
    /// None yet.
    pub fn new() -> Kept<T> {
        Kept(Vec::new())
    }

    /// Keeps a thing until it is [released](Kept::release).
    pub fn keep(&mut self, thing: &Arc<T>) {
        self.0.push(Arc::clone(thing));
    }

    /// Frees what nobody else has any more.
    pub fn release(&mut self) {
        self.0.retain(|thing| Arc::strong_count(thing) > 1);
    }
}
