//! Every operation of the table: its own cases, and random bits, in the interpreter, in scalar code and in vector code.

mod common;

use common::{Rng, instance};
use modurust_compiler::exec::{Backend, Instance, buffer_index};
use modurust_compiler::graph::ops::{ALL, Op, canonical, hash_word, same};
use modurust_compiler::graph::{FrameId, Graph, Node, NodeId, Out, OutKind, QUANTUM, Row, RowId, Ty};
use modurust_compiler::passes::Passes;

/// The ways an operation is emitted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// One lane, four frames at once.
    Time,
    /// One lane, frame by frame, since it is part of a loop.
    Scalar,
    /// Four lanes at once.
    Lanes,
}

/// A graph that applies an operation to rows: the high and low half of each word travel as whole numbers, so that no bit is
/// lost and floats of every kind arrive.
fn graph(op: Op, shape: Shape) -> Graph {
    let mut g = Graph::new();
    let info = op.info();
    let lanes = if shape == Shape::Lanes { 4 } else { 1 };
    let mut args = Vec::new();
    for (i, &ty) in info.types.iter().enumerate() {
        let half = |g: &mut Graph, field: u32| {
            g.rows.push(Row { unit: 0, field, lanes });
            let row = g.push(Node::Row(RowId(g.rows.len() as u32 - 1)));
            g.op(Op::Toint, &[row])
        };
        let (high, low) = (half(&mut g, 2 * i as u32), half(&mut g, 2 * i as u32 + 1));
        let sixteen = g.push(Node::Const(Ty::I32, vec![16]));
        let high = g.op(Op::Ishl, &[high, sixteen]);
        let word = g.op(Op::Ior, &[high, low]);
        args.push(if ty == Ty::F32 { g.op(Op::Float, &[word]) } else { word });
    }
    if shape == Shape::Scalar {
        args[0] = in_loop(&mut g, args[0], info.types[0]);
    }
    let result = g.op(op, &args);
    if shape == Shape::Scalar {
        let next = g.push(Node::Const(Ty::I32, vec![0]));
        let bits = if info.result == Ty::F32 { g.op(Op::Bits, &[result]) } else { result };
        g.cells[0].next = Some(g.op(Op::Iand, &[bits, next]));
    }
    // Results travel as two halves, too.
    let bits = if info.result == Ty::F32 { g.op(Op::Bits, &[result]) } else { result };
    let (sixteen, mask) = (g.push(Node::Const(Ty::I32, vec![16])), g.push(Node::Const(Ty::I32, vec![0xffff])));
    let high = g.op(Op::Ushr, &[bits, sixteen]);
    let low = g.op(Op::Iand, &[bits, mask]);
    let halves = [high, low].map(|half| g.op(Op::Fromint, &[half]));
    for lane in 0..lanes {
        let pair: Vec<NodeId> = halves.iter().map(|&h| g.push(Node::Shuffle(h, vec![lane]))).collect();
        let node = g.push(Node::Join(pair));
        g.outs.push(Out { name: format!("{lane}"), kind: OutKind::Track, node, frame: FrameId(0) });
    }
    g
}

/// The same value, made to depend on the last sample by bits that are always zero.
fn in_loop(g: &mut Graph, x: NodeId, ty: Ty) -> NodeId {
    let cell = g.cell(FrameId(0), "loop", Ty::I32, 1, 0);
    let read = g.push(Node::Read(cell));
    match ty {
        Ty::I32 => g.op(Op::Ior, &[x, read]),
        Ty::F32 => {
            let on = g.op(Op::Fromint, &[read]);
            g.op(Op::Select, &[on, on, x])
        }
    }
}

/// One quantum of an operation on words.
fn run(op: Op, shape: Shape, instance: &mut Instance, given: &[Vec<u32>]) -> Vec<u32> {
    let lanes = if shape == Shape::Lanes { 4 } else { 1 };
    for (arg, _) in op.info().types.iter().enumerate() {
        for (half, shift) in [16, 0].into_iter().enumerate() {
            let row = instance.row_mut(RowId((arg * 2 + half) as u32));
            for (k, words) in given.iter().enumerate() {
                row[buffer_index(lanes, k % lanes as usize, k / lanes as usize)] = (words[arg] >> shift & 0xffff) as f32;
            }
        }
    }
    instance.run(0);
    let word = |k: usize| {
        let [high, low] = instance.out_frame(k % lanes as usize, k / lanes as usize);
        (high as u32) << 16 | low as u32
    };
    (0..given.len()).map(word).collect()
}

/// What an operation makes of values as they arrive: without subnormals, results without the payload of a NaN.
fn expected(op: Op, words: &[u32]) -> u32 {
    let info = op.info();
    let words: Vec<u32> = words.iter().zip(info.types).map(|(&w, &ty)| canonical(ty, w)).collect();
    modurust_compiler::codegen::guard::flushed(|| (info.interp)(&words))
}

fn compare(op: Op, given: &[Vec<u32>]) {
    for shape in [Shape::Time, Shape::Scalar, Shape::Lanes] {
        let graph = graph(op, shape);
        let mut instance = instance(&graph, Passes::Exact, Backend::Jit).unwrap_or_else(|e| panic!("{op:?}: {e}"));
        let size = if shape == Shape::Lanes { 4 * QUANTUM } else { QUANTUM };
        for chunk in given.chunks(size) {
            let got = run(op, shape, &mut instance, chunk);
            for (words, got) in chunk.iter().zip(got) {
                let want = expected(op, words);
                assert!(same(op.info().result, got, want), "{op:?} {shape:?} of {words:08x?}: {got:08x}, not {want:08x}");
            }
        }
    }
}

#[test]
fn every_case() {
    for &op in ALL {
        let info = op.info();
        let cases = (info.cases)();
        assert!(!cases.is_empty() || op == Op::Hash, "{op:?} has no cases");
        for (given, want) in &cases {
            let got = expected(op, given);
            assert!(same(info.result, got, *want), "{op:?} of {given:08x?}: {got:08x}, not {want:08x}");
        }
        let given: Vec<Vec<u32>> = cases.into_iter().map(|(given, _)| given).collect();
        compare(op, &given);
    }
}

#[test]
fn random_bits() {
    let count = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let mut r = Rng::new(7);
    for &op in ALL {
        let word = |r: &mut Rng, ty: Ty| match (ty, r.below(3)) {
            (Ty::F32, 0) => r.float().to_bits(),
            (Ty::I32, 0) => r.next() >> (r.next() % 32),
            _ => r.next(),
        };
        let given: Vec<Vec<u32>> =
            (0..count).map(|_| op.info().types.iter().map(|&ty| word(&mut r, ty)).collect()).collect();
        compare(op, &given);
    }
}

#[test]
fn every_operation_is_documented() {
    for &op in ALL {
        let info = op.info();
        assert!(info.doc.trim().ends_with('.'), "{op:?}");
        assert_eq!(Op::named(info.name), Some(op));
        assert_eq!(info.args.len(), info.types.len());
    }
}

#[test]
fn the_hash_mixes() {
    // Flipping any bit of the input flips every bit of the output about half the time.
    const N: u32 = 20_000;
    for bit in 0..32 {
        let mut flips = [0u32; 32];
        for x in 0..N {
            let change = hash_word(x) ^ hash_word(x ^ 1 << bit);
            flips.iter_mut().enumerate().for_each(|(i, n)| *n += change >> i & 1);
        }
        for (i, n) in flips.iter().enumerate() {
            let share = f64::from(*n) / f64::from(N);
            assert!((0.4..0.6).contains(&share), "input bit {bit} flips output bit {i} in {share:.3} of all cases");
        }
    }
}
