//! Every operation of the table: its own cases, and random bits, in the interpreter, in scalar code and in vector code.

mod common;

use common::{Rng, instance};
use modurust_compiler::exec::{Backend, Instance, buffer_index};
use modurust_compiler::graph::ops::{ALL, Op, canonical, hash_word, same};
use modurust_compiler::graph::{FrameId, Graph, Node, NodeId, Out, OutKind, QUANTUM, Row, RowId, Ty};
use modurust_compiler::passes::Passes;
use std::sync::Arc;

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
            Arc::make_mut(&mut g.rows).push(Row { unit: 0, field, lanes });
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
                row[buffer_index(lanes, k % lanes as usize, k / lanes as usize)] =
                    (words[arg] >> shift & 0xffff) as f32;
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
                assert!(
                    same(op.info().result, got, want),
                    "{op:?} {shape:?} of {words:08x?}: {got:08x}, not {want:08x}"
                );
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

/// Every operation with every constant in every place: what the passes make of it keeps every bit.
#[test]
fn rewriting_keeps_every_bit() {
    const FLOATS: [f32; 16] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -0.25,
        0.1,
        1e-40,
        -1e-45,
        f32::MIN_POSITIVE,
        8.5e37,
        f32::MAX,
        f32::INFINITY,
        -3e9,
        f32::NAN,
        0.999_999_94,
    ];
    const INTS: [i32; 8] = [0, 1, -1, 2, 33, i32::MIN, i32::MAX, 0x3f80_0001];
    let all = |ty: Ty| match ty {
        Ty::F32 => FLOATS.map(f32::to_bits).to_vec(),
        Ty::I32 => INTS.map(|x| x as u32).to_vec(),
    };
    for &op in ALL {
        let info = op.info();
        let n = info.types.len();
        for mask in 0..1usize << n {
            let constant = |i: usize| mask >> i & 1 == 1;
            // A combination of constants is one graph; the rest comes in by rows, all values one after another.
            let mut combinations: Vec<Vec<u32>> = vec![vec![]];
            for (i, &ty) in info.types.iter().enumerate() {
                let words = if constant(i) { all(ty) } else { vec![0] };
                combinations = combinations
                    .iter()
                    .flat_map(|c| words.iter().map(move |&w| [c.as_slice(), &[w]].concat()))
                    .collect();
            }
            for words in combinations {
                rewriting(op, &words, constant);
            }
        }
    }
    fn rewriting(op: Op, words: &[u32], constant: impl Fn(usize) -> bool) {
        let info = op.info();
        let mut g = Graph::new();
        let mut args = Vec::new();
        for (i, &ty) in info.types.iter().enumerate() {
            args.push(if constant(i) {
                g.push(Node::Const(ty, vec![words[i]]))
            } else {
                Arc::make_mut(&mut g.rows).push(Row { unit: 0, field: i as u32, lanes: 1 });
                let row = g.push(Node::Row(RowId(g.rows.len() as u32 - 1)));
                if ty == Ty::F32 { row } else { g.op(Op::Toint, &[row]) }
            });
        }
        let mut x = g.op(op, &args);
        let halves = if info.result == Ty::I32 {
            let sixteen = g.push(Node::Const(Ty::I32, vec![16]));
            let high = g.op(Op::Ushr, &[x, sixteen]);
            let low = g.op(Op::Ishl, &[x, sixteen]);
            let low = g.op(Op::Ushr, &[low, sixteen]);
            let high = g.op(Op::Fromint, &[high]);
            x = g.op(Op::Fromint, &[low]);
            vec![high, x]
        } else {
            vec![x, x]
        };
        let node = g.push(Node::Join(halves));
        g.outs.push(Out { name: "x".into(), kind: OutKind::Track, node, frame: FrameId(0) });
        let mut ways = [Passes::None, Passes::Exact].map(|p| instance(&g, p, Backend::Interp).unwrap());
        for way in &mut ways {
            for row in 0..g.rows.len() {
                // Strides that meet every pair.
                let value = |i: usize| FLOATS[if row == 0 { i % 16 } else { (i + i / 16 * row) % 16 }];
                way.row_mut(RowId(row as u32)).iter_mut().enumerate().for_each(|(i, x)| *x = value(i));
            }
            way.run(0);
        }
        for i in 0..QUANTUM {
            let [want, got] = [0, 1].map(|w| ways[w].out_frame(0, i).map(f32::to_bits));
            for lane in 0..2 {
                assert!(
                    same(Ty::F32, want[lane], got[lane]),
                    "{op:?} {words:08x?} frame {i}: {got:08x?}, not {want:08x?}"
                );
            }
        }
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
