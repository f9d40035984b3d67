//! Graphs with kernels, for tests.
//!
//! A kernel wants a ring to read, spectra if it works on them, and somebody who hears it. What lies before and behind it here is a
//! random graph, so that it meets every kind of loop.
#![allow(dead_code)]

use super::{Rng, random_graph};
use modurust_compiler::graph::ops::Op;
use modurust_compiler::graph::{Graph, Node, NodeId, RingId, Sample, SampleId};
use modurust_compiler::kernel::{Kernel, Kind, Shape, Work};
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
pub fn with_kernel(seed: u64, kind: Kind) -> Graph {
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
