//! Graphs with kernels: every way of running them agrees to the bit, and their text form comes back.
//! That nothing of them allocates while it runs is counted in `graph_alloc`.

mod common;

use common::spectra::with_kernel;
use common::{agree, instance};
use modurust_compiler::exec::Backend;
use modurust_compiler::graph::{RingId, check::check, oracle::Oracle, text};
use modurust_compiler::kernel::{self, Kernel, Kind};
use modurust_compiler::passes::Passes;
use std::sync::Arc;

#[test]
fn every_kernel_agrees_in_every_way_of_running_it() {
    for kind in kernel::all() {
        for seed in 0..6 {
            let graph = with_kernel(seed, kind);
            assert!(check(&graph).is_ok(), "{kind:?}: {:?}", check(&graph).err());
            agree(&graph, seed, 14).unwrap_or_else(|why| panic!("{kind:?}, seed {seed}: {why}"));
            assert_eq!(text::parse(&text::print(&graph)).expect("its own text"), graph);
        }
    }
}

#[test]
fn what_a_kernel_is_decides_the_hash() {
    let kinds: Vec<u64> = kernel::all().skip(1).map(|kind| text::hash(&with_kernel(1, kind))).collect();
    assert!((1..kinds.len()).all(|i| !kinds[..i].contains(&kinds[i])), "{kinds:?}");
}

#[test]
fn a_kernel_that_reads_what_is_not_there_is_refused() {
    let good = with_kernel(2, Kind::named("freeze").expect("it is there"));
    let at = good.rings.iter().position(|r| r.name.as_ref() == "freeze").expect("it is there");
    let with = |change: &dyn Fn(&mut Kernel)| {
        let mut bad = good.clone();
        change(Arc::make_mut(bad.rings[at].kernel.as_mut().expect("a kernel")));
        check(&bad).is_err()
    };
    assert!(!with(&|_| {}));
    assert!(with(&|k| k.reads[0] = RingId(at as u32)), "itself");
    assert!(with(&|k| k.reads[0] = RingId(999)), "nothing");
    assert!(with(&|k| k.reads.clear()), "too little");
    assert!(with(&|k| k.work.hop *= 2), "another hop");
    assert!(with(&|k| k.words -= 1), "too little memory");
}

#[test]
fn the_oracle_hears_kernels() {
    let graph = with_kernel(3, Kind::named("ifft").expect("it is there"));
    let info = check(&graph).expect("a valid graph");
    let mut oracle = Oracle::new(&graph, &info);
    let mut machine = instance(&graph, Passes::None, Backend::Interp).expect("it compiles");
    let mut heard = 0.0f64;
    for quantum in 0..14 {
        oracle.run(quantum * 64);
        machine.run(quantum * 64);
        for i in 0..64 {
            let (a, b) = (oracle.outs[0][i], machine.out_frame(0, i).map(f64::from));
            if (0..2).all(|k| a[k].is_finite() && b[k].is_finite()) {
                heard = heard.max(a[0].abs());
                assert!((0..2).all(|k| (a[k] - b[k]).abs() <= 1e-3 * (1.0 + b[k].abs())), "{quantum} {i}: {a:?} {b:?}");
            }
        }
    }
    assert!(heard > 0.0, "it is silent");
}
