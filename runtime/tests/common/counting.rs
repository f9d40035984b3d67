//! An allocator that counts what a thread asks of it while it is watched. A test binary makes it its own:
//!
//! ```text
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//! assert_eq!(touches(|| engine.process(&mut block, 2)), 0);
//! ```
//!
//! What other threads do meanwhile is not counted, so that a control side may allocate as it likes. Taking, giving back and growing
//! count alike.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static TOUCHED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted.
pub struct Counting;

fn touch() {
    if WATCHED.try_with(Cell::get).unwrap_or(false) {
        let _ = TOUCHED.try_with(|t| t.set(t.get() + 1));
    }
}

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        touch();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        touch();
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        touch();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// How often this thread goes to the allocator in `work`.
pub fn touches(work: impl FnOnce()) -> u64 {
    let before = TOUCHED.get();
    WATCHED.set(true);
    work();
    WATCHED.set(false);
    TOUCHED.get() - before
}
