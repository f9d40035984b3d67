//! Graphs with kernels: every way of running them agrees to the bit, their text form comes back, and nothing of them allocates while
//! it runs.

mod common;

use common::{Rng, agree, instance, random_graph};
use modurust_compiler::exec::Backend;
use modurust_compiler::graph::ops::Op;
use modurust_compiler::graph::{Graph, Node, NodeId, RingId, Sample, SampleId, check::check, oracle::Oracle, text};
use modurust_compiler::kernel::{self, Kernel, Kind, Shape, Work};
use modurust_compiler::passes::Passes;
use std::sync::Arc;

/// A ring that a value is written to.
fn written(g: &mut Graph, x: NodeId, lanes: u32, longest: u32) -> RingId {
    let frame = g.outs[0].frame;
    let ring = g.ring(frame, "x", lanes, longest);
    g.rings[ring.index()].input = Some(x);
    ring
}

/// A kernel of a kind, reading rings that are there.
fn kernel(g: &mut Graph, work: Work, reads: Vec<RingId>, control: RingId) -> RingId {
    let frame = g.outs[0].frame;
    let info = work.kind.info();
    let ring = g.ring(frame, info.name, 2, (info.ahead)(work));
    let controls = vec![control; info.controls.len()];
    let sample = info.sample.then(|| {
        g.samples.push(Sample { files: vec!["0.wav".into()], stretch: 1_000_000, anchors: Vec::new(), head: 0 });
        SampleId(g.samples.len() as u32 - 1)
    });
    let kernel = Kernel { work, reads, controls, sample, words: work.words(2) };
    g.rings[ring.index()].kernel = Some(Arc::new(kernel));
    ring
}

/// A random graph whose first output went through a kernel of a kind, with what it needs before and behind it.
fn graph(seed: u64, kind: Kind) -> Graph {
    let mut g = random_graph(seed, 20);
    let mut r = Rng::new(seed);
    let (n, hop) = r.pick(&[(64, 16), (128, 64), (256, 96), (512, 128)]);
    let work = |kind| Work { kind, n, hop, seed: seed as u32 };
    let named = |name| work(Kind::named(name).expect("a kernel of this name"));
    let dry = g.outs[0].node;
    let x = written(&mut g, dry, 2, (kind.info().longest)(work(kind)).max(n));
    let control = g.constant(0.5);
    let control = written(&mut g, control, 1, 64);
    let info = kind.info();
    let reads = info.reads.iter().map(|shape| match shape {
        Shape::Signal => x,
        Shape::Spectrum => kernel(&mut g, named("fft"), vec![x], control),
    });
    let reads: Vec<RingId> = reads.collect();
    let mut last = kernel(&mut g, work(kind), reads, control);
    if info.makes == Shape::Spectrum {
        last = kernel(&mut g, named("ifft"), vec![last], control);
    }
    let now = g.constant(0.0);
    let wet = g.push(Node::Tap(last, now));
    g.outs[0].node = g.op(Op::Add, &[dry, wet]);
    g
}

#[test]
fn every_kernel_agrees_in_every_way_of_running_it() {
    for kind in kernel::all() {
        for seed in 0..6 {
            let graph = graph(seed, kind);
            assert!(check(&graph).is_ok(), "{kind:?}: {:?}", check(&graph).err());
            agree(&graph, seed, 14).unwrap_or_else(|why| panic!("{kind:?}, seed {seed}: {why}"));
            assert_eq!(text::parse(&text::print(&graph)).expect("its own text"), graph);
        }
    }
}

#[test]
fn what_a_kernel_is_decides_the_hash() {
    let kinds: Vec<u64> = kernel::all().skip(1).map(|kind| text::hash(&graph(1, kind))).collect();
    assert!((1..kinds.len()).all(|i| !kinds[..i].contains(&kinds[i])), "{kinds:?}");
}

#[test]
fn a_kernel_that_reads_what_is_not_there_is_refused() {
    let good = graph(2, Kind::named("freeze").expect("it is there"));
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
    let graph = graph(3, Kind::named("ifft").expect("it is there"));
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
