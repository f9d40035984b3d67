//! Random graphs sound the same in every way of running them: interpreter or machine code, optimised or not.

mod common;

use common::{Rng, agree, graph_with, liveliness, random_graph, shrink};
use modurust_compiler::graph::ops::Op;
use modurust_compiler::graph::{FrameId, Graph, Node, Out, OutKind, Param, ParamId, Row, RowId, Ty, text};
use modurust_compiler::passes::pack::{Packed, pack, pack_all};
use modurust_compiler::passes::{Passes, optimise};
use std::sync::Arc;

fn check_seed(seed: u64, size: usize, quanta: u64) {
    let graph = random_graph(seed, size);
    if let Err(error) = agree(&graph, seed, quanta) {
        let small = shrink(&graph, |g| agree(g, seed, quanta).is_err());
        let why = agree(&small, seed, quanta).err().unwrap_or_default();
        panic!("seed {seed}: {error}\nshrunk: {why}\n{}", text::print(&small));
    }
}

#[test]
fn small_graphs_agree() {
    (0..200).for_each(|seed| check_seed(seed, 12 + (seed as usize % 30), 5));
}

#[test]
fn large_graphs_agree() {
    (1000..1100).for_each(|seed| check_seed(seed, 60 + (seed as usize % 80), 4));
}

#[test]
fn graphs_that_read_samples_agree() {
    let (mut heard, mut reads) = (0, 0);
    for seed in 5000..5150 {
        let graph = graph_with(seed, 20 + (seed as usize % 60), 2);
        agree(&graph, seed, 4).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        reads += graph.nodes.iter().filter(|n| matches!(n, Node::Peek(..))).count();
        heard += usize::from(liveliness(&graph, seed).1);
    }
    assert!(reads > 300 && heard > 50, "{reads} reads, {heard} graphs move");
}

#[test]
fn random_graphs_are_worth_comparing() {
    let sounds: Vec<(f32, bool)> = (0..200).map(|seed| liveliness(&random_graph(seed, 40), seed)).collect();
    let lively = sounds.iter().filter(|(finite, changes)| *finite > 0.5 && *changes).count();
    assert!(lively > 80, "only {lively} of 200 random graphs move");
}

#[test]
fn random_graphs_are_often_packed() {
    let named = |seed| optimise(&random_graph(seed, 20 + (seed as usize % 80)), Passes::Exact);
    let lanes = |packed: Packed| packed.cells.iter().any(|place| place.lane > 0);
    let count = |pack: fn(&Graph) -> Packed| (0..200).filter(|&seed| lanes(pack(&named(seed)))).count();
    let (all, paying) = (count(pack_all), count(|graph| pack(graph, Passes::Exact)));
    assert!(all > 40 && paying > 3, "of 200, {all} can be packed, and {paying} are");
}

/// A value of `n` lanes goes to `m` lanes in any order, is joined with others, and is summed; in a loop if `looped`.
fn meeting(n: u32, m: u32, looped: bool) -> Graph {
    let mut r = Rng::new(u64::from(n * 64 + m));
    let mut g = Graph::new();
    let frame = g.frame(FrameId(0), "patch", true, 0);
    Arc::make_mut(&mut g.rows).push(Row { unit: 0, field: 0, lanes: n });
    let mut x = g.push(Node::Row(RowId(0)));
    let cell = looped.then(|| g.cell(frame, "c", Ty::F32, n, 0));
    if let Some(cell) = cell {
        let (last, half) = (g.push(Node::Read(cell)), g.constant(0.5));
        let back = g.op(Op::Mul, &[last, half]);
        x = g.op(Op::Add, &[x, back]);
    }
    let map = |r: &mut Rng, from: u32, to: u32| (0..to).map(|_| r.below(from as usize) as u32).collect();
    let shuffled = map(&mut r, n, m);
    let y = g.push(Node::Shuffle(x, shuffled));
    let joined = g.push(Node::Join(vec![y, x, y]));
    let each = [1, 2, n + 2 * m].into_iter().filter(|k| (n + 2 * m).is_multiple_of(*k)).max_by_key(|_| r.next());
    let sum = g.push(Node::Reduce(joined, each.unwrap_or(1)));
    let total = g.push(Node::Reduce(joined, 1));
    if let Some(cell) = cell {
        let (top, map) = (g.constant(2.0), map(&mut r, each.unwrap_or(1), n));
        let back = g.push(Node::Shuffle(sum, map));
        g.cells[cell.index()].next = Some(g.op(Op::Min, &[back, top]));
    }
    let one = g.push(Node::Shuffle(sum, vec![0]));
    let node = g.push(Node::Join(vec![total, one]));
    g.outs.push(Out { name: "o".into(), kind: OutKind::Master, node, frame });
    g
}

#[test]
fn lanes_meet_in_any_number() {
    for n in [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 33, 40] {
        for (k, m) in [1, 2, 3, 4, 6, 8, 11, 16, 19, 32].into_iter().enumerate() {
            let graph = meeting(n, m, (n as usize + k) % 2 == 1);
            agree(&graph, u64::from(n), 3).unwrap_or_else(|e| panic!("{n} to {m}: {e}\n{}", text::print(&graph)));
        }
    }
}

/// A ring of `n` lanes that is read with a delay for each, known or moving with a parameter; in a filter's loop if `looped`. Beside it
/// a ring of one lane with taps at every distance.
fn tapped(n: u32, looped: bool, moving: bool) -> Graph {
    let mut g = Graph::new();
    let frame = g.frame(FrameId(0), "patch", true, 0);
    Arc::make_mut(&mut g.rows).push(Row { unit: 0, field: 0, lanes: n });
    Arc::make_mut(&mut g.params).push(Param { frame, name: "p".into(), value: 0.25 });
    let row = g.push(Node::Row(RowId(0)));
    let ring = g.ring(frame, "r", n, 300);
    let mut r = Rng::new(u64::from(n));
    let own = (0..n).map(|_| (64.0 + r.below(200) as f32).to_bits()).collect();
    let mut delay = g.push(Node::Const(Ty::F32, own));
    if moving {
        let (param, low, high) = (g.push(Node::Param(ParamId(0))), g.constant(64.0), g.constant(280.0));
        let moved = g.op(Op::Add, &[delay, param]);
        let moved = g.op(Op::Max, &[moved, low]);
        let moved = g.op(Op::Min, &[moved, high]);
        delay = g.push(Node::Line(moved));
    }
    let late = g.push(Node::Tap(ring, delay));
    let half = g.constant(0.5);
    let mut heard = g.op(Op::Mul, &[late, half]);
    if looped {
        let cell = g.cell(frame, "c", Ty::F32, n, 0);
        let last = g.push(Node::Read(cell));
        heard = g.op(Op::Fma, &[last, half, late]);
        g.cells[cell.index()].next = Some(heard);
    }
    let back = g.op(Op::Fma, &[heard, half, row]);
    let top = g.constant(4.0);
    g.rings[ring.index()].input = Some(g.op(Op::Min, &[back, top]));
    let one = g.push(Node::Reduce(heard, 1));
    let line = g.ring(frame, "line", 1, 100);
    g.rings[line.index()].input = Some(one);
    let mut sum = one;
    for k in (0..20).chain([31, 32, 33, 48, 63, 64, 65, 80, 99]) {
        let k = g.constant(k as f32);
        let tap = g.push(Node::Tap(line, k));
        sum = g.op(Op::Fma, &[sum, half, tap]);
    }
    let node = g.push(Node::Join(vec![sum, one]));
    g.outs.push(Out { name: "o".into(), kind: OutKind::Master, node, frame });
    g
}

#[test]
fn taps_with_delays_of_their_own() {
    for n in [1, 2, 3, 4, 6, 8, 9, 16, 20, 33] {
        for (looped, moving) in [(false, false), (true, false), (false, true), (true, true)] {
            let graph = tapped(n, looped, moving);
            let what = format!("{n} lanes, looped {looped}, moving {moving}");
            agree(&graph, u64::from(n), 12).unwrap_or_else(|e| panic!("{what}: {e}\n{}", text::print(&graph)));
        }
    }
}

/// More on request: `ORACLE_SEEDS=100000 cargo test --release -p modurust-compiler --test oracle many`.
#[test]
fn many_graphs_agree() {
    let count = std::env::var("ORACLE_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(200);
    let first = std::env::var("ORACLE_FIRST").ok().and_then(|s| s.parse().ok()).unwrap_or(1_000_000);
    (first..first + count).for_each(|seed| check_seed(seed, 10 + (seed as usize % 90), 4));
}
