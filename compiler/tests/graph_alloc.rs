//! Running a quantum, moving parameters and swapping state do not allocate. Alone in its binary, since it counts.

mod common;

use common::spectra::with_kernel;
use common::{instance, random_graph};
use modurust_compiler::exec::{Backend, word_moves};
use modurust_compiler::graph::{CellId, FrameId, Graph, ParamId, RingId};
use modurust_compiler::kernel;
use modurust_compiler::passes::Passes;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more.
    let _ = COUNT.try_with(|c| c.set(c.get() + 1));
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs, moves numbers, swaps and resets a graph, and counts.
fn allocations(graph: &Graph, backend: Backend) -> u64 {
    let mut old = instance(graph, Passes::Exact, backend).unwrap();
    let mut new = instance(graph, Passes::Exact, backend).unwrap();
    let cells: Vec<_> = (0..new.patch().graph.cells.len() as u32).map(|c| (CellId(c), CellId(c), 16)).collect();
    let moves = word_moves(new.patch(), old.patch(), &cells);
    let rings: Vec<_> = (0..new.patch().graph.rings.len() as u32).map(|r| (RingId(r), RingId(r))).collect();
    let before = COUNT.with(Cell::get);
    for quantum in 0..8 {
        old.set_param(ParamId(0), quantum as f32);
        old.run(quantum * 64);
    }
    new.copy_words(&old, &moves);
    new.move_rings(&mut old, &rings);
    old.run(512);
    new.run(512);
    new.reset(FrameId(1));
    COUNT.with(Cell::get) - before
}

#[test]
fn running_does_not_allocate() {
    for backend in [Backend::Jit, Backend::Interp] {
        for seed in 0..30 {
            assert_eq!(allocations(&random_graph(seed, 60), backend), 0, "{backend:?} seed {seed}");
        }
        for kind in kernel::all() {
            for seed in 0..4 {
                assert_eq!(allocations(&with_kernel(seed, kind), backend), 0, "{backend:?} {kind:?} seed {seed}");
            }
        }
    }
}
