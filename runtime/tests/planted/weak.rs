//! The hand-over of the runtime, built with atomics that put nothing in order: every access is `Relaxed`, whatever the file asks for.
//!
//! It is the planted violation of RT10. On the processor of most machines it would work nearly always, which is why it is
//! tried by loom.
#![allow(dead_code)]

pub mod sync {
    //! What the file asks for by `super::sync`.
    pub use loom::sync::Arc;
    pub use loom::sync::atomic::Ordering;
    pub use loom::thread::yield_now as spin;

    /// As loom's, without order.
    pub struct AtomicPtr<T>(loom::sync::atomic::AtomicPtr<T>);

    impl<T> AtomicPtr<T> {
        pub fn new(pointer: *mut T) -> Self {
            AtomicPtr(loom::sync::atomic::AtomicPtr::new(pointer))
        }

        pub fn swap(&self, pointer: *mut T, _: Ordering) -> *mut T {
            self.0.swap(pointer, Ordering::Relaxed)
        }

        pub fn compare_exchange(
            &self,
            before: *mut T,
            pointer: *mut T,
            _: Ordering,
            _: Ordering,
        ) -> Result<*mut T, *mut T> {
            self.0.compare_exchange(before, pointer, Ordering::Relaxed, Ordering::Relaxed)
        }

        pub fn load(&self, _: Ordering) -> *mut T {
            self.0.load(Ordering::Relaxed)
        }
    }
}

#[path = "../../src/handover.rs"]
pub mod handover;
