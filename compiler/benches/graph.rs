//! How fast code is made and how fast it runs. Figures depend on the machine; run alone:
//! `cargo bench -p modurust-compiler`

#[path = "../tests/common/mod.rs"]
mod common;

use common::random_graph;
use modurust_compiler::codegen::isa::Isa;
use modurust_compiler::exec::{Backend, Instance, Options, compile};
use modurust_compiler::graph::ops::Op;
use modurust_compiler::graph::{FrameId, Graph, Node, NodeId, Out, OutKind, QUANTUM, Row, RowId, Ty};
use modurust_compiler::passes::Passes;
use std::sync::Arc;
use std::time::Instant;

const OPTIONS: Options = Options { sample_rate: 48_000, passes: Passes::Exact, backend: Backend::Jit, verify: false };

fn master(g: &mut Graph, x: NodeId) {
    let node = g.push(Node::Join(vec![x, x]));
    g.outs.push(Out { name: "master".into(), kind: OutKind::Master, node, frame: FrameId(0) });
}

/// A row of `lanes` lanes, so that nothing folds.
fn row(g: &mut Graph, lanes: u32) -> NodeId {
    let field = g.rows.len() as u32;
    Arc::make_mut(&mut g.rows).push(Row { unit: 0, field, lanes });
    g.push(Node::Row(RowId(field)))
}

/// A biquad in direct form 1.
fn biquad(g: &mut Graph, x: NodeId, lanes: u32) -> NodeId {
    let ks: Vec<NodeId> = [0.2, 0.4, 0.2, -0.9, 0.4].iter().map(|&k| g.constant(k)).collect();
    let cell = |g: &mut Graph, name: &str| g.cell(FrameId(0), name, Ty::F32, lanes, 0);
    let cells: Vec<_> = ["x1", "x2", "y1", "y2"].iter().map(|name| cell(g, name)).collect();
    let reads: Vec<NodeId> = cells.iter().map(|&c| g.push(Node::Read(c))).collect();
    let mut terms = vec![g.op(Op::Mul, &[x, ks[0]])];
    for (read, k) in reads.iter().zip(&ks[1..]) {
        terms.push(g.op(Op::Mul, &[*read, *k]));
    }
    let a = g.op(Op::Add, &[terms[0], terms[1]]);
    let b = g.op(Op::Add, &[a, terms[2]]);
    let c = g.op(Op::Sub, &[b, terms[4]]);
    let y = g.op(Op::Sub, &[c, terms[3]]);
    for (cell, next) in cells.iter().zip([x, reads[0], y, reads[2]]) {
        g.cells[cell.index()].next = Some(next);
    }
    y
}

/// A saw from an integer phase, a rational shaper and a biquad, per lane.
fn voice(g: &mut Graph, lanes: u32) -> NodeId {
    let step = row(g, lanes);
    let step = g.op(Op::Phase, &[step]);
    let cell = g.cell(FrameId(0), "phase", Ty::I32, lanes, 0);
    let phase = g.push(Node::Read(cell));
    g.cells[cell.index()].next = Some(g.op(Op::Iadd, &[phase, step]));
    let saw = g.op(Op::Unit, &[phase]);
    let square = g.op(Op::Mul, &[saw, saw]);
    let (k, one) = (g.constant(27.0), g.constant(9.0));
    let top = g.op(Op::Add, &[square, k]);
    let top = g.op(Op::Mul, &[saw, top]);
    let nine = g.op(Op::Mul, &[square, one]);
    let bottom = g.op(Op::Add, &[nine, k]);
    let shaped = g.op(Op::Div, &[top, bottom]);
    biquad(g, shaped, lanes)
}

/// Nanoseconds per frame, the least of many runs.
fn speed(graph: &Graph) -> f64 {
    let patch = compile(graph, &OPTIONS).expect("valid");
    if std::env::var_os("SCHEDULE").is_some() {
        let info = modurust_compiler::graph::check::check(&patch.graph).expect("valid");
        let schedule = modurust_compiler::schedule::schedule(&patch.graph, &info, Isa::Portable);
        println!("{}", modurust_compiler::schedule::print(&patch.graph, &schedule));
    }
    let mut instance = Instance::new(Arc::new(patch));
    for row in 0..graph.rows.len() as u32 {
        instance.row_mut(RowId(row)).iter_mut().enumerate().for_each(|(i, x)| *x = 0.01 + i as f32 * 1e-5);
    }
    let mut best = f64::MAX;
    for round in 0..300u64 {
        let start = Instant::now();
        for i in 0..50 {
            instance.run((round * 50 + i) * QUANTUM as u64);
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / (50.0 * QUANTUM as f64));
    }
    best
}

/// Milliseconds to compile, the least of some runs, and bytes of code.
fn latency(graph: &Graph) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..15 {
        let start = Instant::now();
        let patch = compile(graph, &OPTIONS).expect("valid");
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        drop(patch);
    }
    best
}

/// Where the time of compiling goes.
fn phases(graph: &Graph) {
    use modurust_compiler::{
        codegen::jit::jit,
        graph::check::check,
        passes::{optimise, pack::pack},
        schedule::schedule,
    };
    let start = Instant::now();
    check(graph).expect("valid");
    let checked = start.elapsed();
    let named = optimise(graph, Passes::Exact);
    let rewritten = start.elapsed() - checked;
    let optimised = pack(&named, Passes::Exact).graph;
    let packed = start.elapsed() - checked - rewritten;
    let info = check(&optimised).expect("valid");
    let start = Instant::now();
    let schedule = schedule(&optimised, &info, Isa::Portable);
    let planned = start.elapsed();
    let code = jit(&optimised, &schedule, false, &mut Default::default()).expect("supported");
    let emitted = start.elapsed() - planned;
    println!(
        "  check {checked:.0?}, passes {rewritten:.0?}, packing {packed:.0?}, schedule {planned:.0?}, code {emitted:.0?}: {} nodes, packed {}, {} regions, {} bytes",
        named.nodes.len(),
        optimised.nodes.len(),
        schedule.regions.len(),
        code.bytes
    );
}

/// From a text to a packed graph.
fn text(name: &str, text: &str) {
    struct Text<'a>(&'a str);
    impl modurust_compiler::front::World for Text<'_> {
        fn read(&self, _: &str) -> Result<String, String> {
            Ok(self.0.to_string())
        }
    }
    let options = modurust_compiler::front::Options {
        sample_rate: 48_000,
        passes: Passes::Exact,
        backend: Backend::Jit,
        seed: 0,
        verify: false,
    };
    let mut compiler = modurust_compiler::front::Compiler::new(options);
    for _ in 0..3 {
        let start = Instant::now();
        let (elaborated, ..) = compiler.elaborate(&Text(text), &["a.modu".into()]);
        println!("{name}: {:.1?} to elaborate", start.elapsed());
        phases(&elaborated.expect("a good text").graph);
    }
}

fn main() {
    let mut empty = Graph::new();
    let x = row(&mut empty, 1);
    master(&mut empty, x);
    println!("a row to the output: {:.2} ns/frame", speed(&empty));

    let mut one = Graph::new();
    let x = row(&mut one, 1);
    let y = biquad(&mut one, x, 1);
    master(&mut one, y);
    println!("one biquad: {:.2} ns/frame", speed(&one));

    let mut cascade = Graph::new();
    let mut x = row(&mut cascade, 1);
    for _ in 0..8 {
        x = biquad(&mut cascade, x, 1);
    }
    master(&mut cascade, x);
    println!("8 biquads in a row: {:.2} ns/frame", speed(&cascade));

    for lanes in [4, 16, 64] {
        let mut bank = Graph::new();
        let x = row(&mut bank, lanes);
        let y = biquad(&mut bank, x, lanes);
        let sum = bank.push(Node::Reduce(y, 1));
        master(&mut bank, sum);
        println!("{lanes} biquads in lanes, summed: {:.2} ns/frame", speed(&bank));
    }
    let mut voices = Graph::new();
    let y = voice(&mut voices, 16);
    let sum = voices.push(Node::Reduce(y, 2));
    voices.outs.push(Out { name: "master".into(), kind: OutKind::Master, node: sum, frame: FrameId(0) });
    println!("16 voices (saw, shaper, biquad): {:.2} ns/frame", speed(&voices));

    let mut tracks = Graph::new();
    let mut mix: Option<NodeId> = None;
    for _ in 0..40 {
        let y = voice(&mut tracks, 1);
        mix = Some(match mix {
            Some(m) => tracks.op(Op::Add, &[m, y]),
            None => y,
        });
    }
    let mix = mix.expect("tracks");
    master(&mut tracks, mix);
    println!(
        "40 single voices ({} nodes): {:.2} ns/frame, {:.2} ms to compile",
        tracks.nodes.len(),
        speed(&tracks),
        latency(&tracks)
    );
    phases(&tracks);
    // Many copies of a large body, and a graph in which hardly anything is alike.
    for (copies, stages) in [(64, 5), (500, 1)] {
        let mut g = Graph::new();
        let mut mix: Option<NodeId> = None;
        for _ in 0..copies {
            let mut y = voice(&mut g, 1);
            for _ in 1..stages {
                y = biquad(&mut g, y, 1);
            }
            mix = Some(mix.map_or(y, |m| g.op(Op::Add, &[m, y])));
        }
        master(&mut g, mix.expect("copies"));
        println!("{copies} copies of {} nodes: {:.2} ms to compile", g.nodes.len() / copies, latency(&g));
        phases(&g);
    }
    let large = random_graph(5, 1000);
    println!("random graph of {} nodes: {:.2} ms to compile", large.nodes.len(), latency(&large));
    phases(&large);
    text("64 sines", "out = sum(64, k => sin(40hz * (k + 1)) / (k + 1))");
    let mut tiny = Graph::new();
    let x = row(&mut tiny, 1);
    master(&mut tiny, x);
    println!("smallest graph: {:.2} ms to compile", latency(&tiny));
}
