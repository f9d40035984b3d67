//! Graphs by hand: what the validator refuses, the text form, the hash, and what happens to memory.

mod common;

use common::{Rng, instance, random_graph};
use modurust_compiler::codegen::isa::Isa;
use modurust_compiler::exec::{Backend, Instance, Options, compile, hash, patch_hash, word_moves};
use modurust_compiler::graph::check::{GraphError, check};
use modurust_compiler::graph::ops::Op;
use modurust_compiler::graph::{
    CellId, FrameId, Graph, Node, NodeId, Out, OutKind, Param, ParamId, QUANTUM, Rate, RingId, Row, RowId, Ty, text,
};
use modurust_compiler::passes::{Passes, optimise};
use std::sync::Arc;

const BOTH: [Backend; 2] = [Backend::Interp, Backend::Jit];

fn out(g: &mut Graph, x: NodeId, frame: FrameId) {
    let node = g.push(Node::Join(vec![x, x]));
    g.outs.push(Out { name: "master".into(), kind: OutKind::Master, node, frame });
}

fn row(g: &mut Graph, lanes: u32) -> NodeId {
    let field = g.rows.len() as u32;
    Arc::make_mut(&mut g.rows).push(Row { unit: 0, field, lanes });
    g.push(Node::Row(RowId(field)))
}

fn param(g: &mut Graph, value: f32) -> NodeId {
    let name = format!("p{}", g.params.len()).into();
    Arc::make_mut(&mut g.params).push(Param { frame: FrameId(0), name, value });
    g.push(Node::Param(ParamId(g.params.len() as u32 - 1)))
}

/// A sum that keeps what it is given: `y = y' + x`.
fn integrator(g: &mut Graph, frame: FrameId, x: NodeId) -> (CellId, NodeId) {
    let cell = g.cell(frame, "sum", Ty::F32, 1, 0);
    let read = g.push(Node::Read(cell));
    let sum = g.op(Op::Add, &[read, x]);
    g.cells[cell.index()].next = Some(sum);
    (cell, sum)
}

/// A row, late by a ring.
fn echo(delay: f32) -> Graph {
    let mut g = Graph::new();
    let x = row(&mut g, 1);
    let ring = g.ring(FrameId(0), "line", 1, 200);
    g.rings[0].input = Some(x);
    let delay = g.constant(delay);
    let y = g.push(Node::Tap(ring, delay));
    out(&mut g, y, FrameId(0));
    g
}

fn fill(instance: &mut Instance, x: impl Fn(usize) -> f32) {
    instance.row_mut(RowId(0)).iter_mut().enumerate().for_each(|(i, word)| *word = x(i));
}

fn left(instance: &Instance) -> Vec<f32> {
    (0..QUANTUM).map(|i| instance.out_frame(0, i)[0]).collect()
}

#[test]
fn text_round_trip() {
    for seed in 0..200 {
        let mut graph = random_graph(seed, 40);
        Arc::make_mut(&mut graph.params)[0].name = "bass \"wet\"\n\\ é".into();
        let printed = text::print(&graph);
        let parsed = text::parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
        assert_eq!(text::print(&parsed), printed);
        assert_eq!(hash(&parsed), hash(&graph));
    }
    assert_eq!(text::parse("%0 = const f32 1.0\n%2 = frame").unwrap_err().line, 2);
    assert_eq!(text::parse("%0 = nonsense %1").unwrap_err().expected, "an operation");
}

#[test]
fn the_validator_refuses() {
    type Edit = fn(&mut Graph);
    let refused: [(&str, Edit); 10] = [
        ("does not exist", |g| g.nodes.push(Node::Op(Op::Neg, vec![NodeId(99)].into()))),
        ("takes 2 operands", |g| g.nodes.push(Node::Op(Op::Add, vec![NodeId(0)].into()))),
        ("must be I32", |g| g.nodes.push(Node::Op(Op::Turn, vec![NodeId(0)].into()))),
        ("do not fit", |g| {
            let pair = g.push(Node::Const(Ty::F32, vec![0; 2]));
            let triple = g.push(Node::Const(Ty::F32, vec![0; 3]));
            g.op(Op::Add, &[pair, triple]);
        }),
        ("do not fit", |g| g.nodes.push(Node::Shuffle(NodeId(0), vec![0, 1]))),
        ("never written", |g| g.cells.iter_mut().for_each(|c| c.next = None)),
        ("no power of two", |g| {
            g.ring(FrameId(0), "odd", 1, 10);
            g.rings[0].input = Some(NodeId(0));
            g.rings[0].capacity = 200;
        }),
        ("two lanes", |g| g.outs[0].node = NodeId(0)),
        ("as a line", |g| g.nodes.push(Node::Line(NodeId(0)))),
        ("parameter 7", |g| g.nodes.push(Node::Param(ParamId(7)))),
    ];
    for (expected, edit) in refused {
        let mut g = Graph::new();
        let x = row(&mut g, 1);
        let (_, sum) = integrator(&mut g, FrameId(0), x);
        out(&mut g, sum, FrameId(0));
        check(&g).expect("valid before");
        edit(&mut g);
        let errors = check(&g).expect_err(expected);
        let said: Vec<String> = errors.iter().map(|e| e.to_string()).collect();
        assert!(said.iter().any(|s| s.contains(expected)), "{said:?} lacks {expected:?}");
    }
}

#[test]
fn a_cycle_names_its_nodes() {
    let mut g = Graph::new();
    let x = row(&mut g, 1);
    let a = g.op(Op::Add, &[x, NodeId(2)]);
    g.op(Op::Neg, &[a]);
    assert_eq!(check(&g).unwrap_err(), vec![GraphError::Cycle(vec![NodeId(1), NodeId(2)])]);
}

#[test]
fn rates_and_feedback_are_found() {
    let mut g = Graph::new();
    let p = param(&mut g, 1.0);
    let k = g.constant(2.0);
    let scaled = g.op(Op::Mul, &[p, k]);
    let ring = g.ring(FrameId(0), "loop", 1, 100);
    let inside = g.push(Node::Tap(ring, scaled));
    let sum = g.op(Op::Add, &[inside, scaled]);
    g.rings[0].input = Some(sum);
    let outside = g.push(Node::Tap(ring, k));
    let info = check(&g).unwrap();
    assert_eq!(info.rate[scaled.index()], Rate::Block);
    assert_eq!(info.rate[sum.index()], Rate::Sample);
    assert!(info.tap_recursive[inside.index()] && !info.tap_recursive[outside.index()]);
    assert_eq!(info.scc[inside.index()], info.scc[sum.index()]);
    assert!(info.scc[outside.index()] > info.scc[sum.index()]);
}

#[test]
fn the_hash_ignores_values_and_names_of_places() {
    let mut g = Graph::new();
    let p = param(&mut g, 1.0);
    out(&mut g, p, FrameId(0));
    let h = hash(&g);
    let mut moved = g.clone();
    Arc::make_mut(&mut moved.params)[0].value = 2.0;
    moved.frame(FrameId(0), "elsewhere", true, 1);
    assert_eq!(hash(&moved), h);
    let mut renamed = g.clone();
    Arc::make_mut(&mut renamed.params)[0].name = "q".into();
    assert_ne!(hash(&renamed), h);
    let mut other = g.clone();
    other.constant(1.0);
    assert_ne!(hash(&other), h);
    let options = Options { sample_rate: 48_000, passes: Passes::Exact, backend: Backend::Jit, verify: false };
    assert_ne!(patch_hash(&g, &options), patch_hash(&g, &Options { sample_rate: 44_100, ..options }));
    assert_eq!(compile(&g, &options).unwrap().hash, patch_hash(&moved, &options));
}

#[test]
fn optimising_keeps_indices_and_drops_the_rest() {
    let mut g = Graph::new();
    param(&mut g, 1.0);
    let p = param(&mut g, 3.0);
    let x = row(&mut g, 1);
    integrator(&mut g, FrameId(0), x);
    let one = g.constant(1.0);
    let four = g.constant(4.0);
    let y = g.op(Op::Mul, &[x, one]);
    let z = g.op(Op::Div, &[y, four]);
    let w = g.op(Op::Add, &[z, p]);
    out(&mut g, w, FrameId(0));
    let small = optimise(&g, Passes::Exact);
    assert_eq!((small.params.len(), small.rows.len(), small.cells.len()), (2, 1, 0));
    assert!(!small.nodes.iter().any(|n| matches!(n, Node::Op(Op::Div, _) | Node::Join(_))), "{}", text::print(&small));
    // Mono until the end: one addition of one lane, spread over the output.
    assert_eq!(small.nodes.len(), 7, "{}", text::print(&small));
}

#[test]
fn a_parameter_is_drawn_as_a_line() {
    for backend in BOTH {
        let mut g = Graph::new();
        let p = param(&mut g, 1.0);
        out(&mut g, p, FrameId(0));
        let mut instance = instance(&g, Passes::Exact, backend).unwrap();
        instance.run(0);
        assert!(left(&instance).iter().all(|x| *x == 1.0), "constant from the first frame on");
        instance.set_param(ParamId(0), 2.0);
        instance.set_param(ParamId(0), f32::NAN);
        instance.run(64);
        let want: Vec<f32> = (0..QUANTUM).map(|i| 1.0 + (i + 1) as f32 / 64.0).collect();
        assert_eq!(left(&instance), want);
        instance.run(128);
        assert!(left(&instance).iter().all(|x| *x == 2.0));
    }
}

#[test]
fn a_tap_counts_samples() {
    for backend in BOTH {
        for delay in [0usize, 1, 3, 63, 64, 65, 200] {
            let mut instance = instance(&echo(delay as f32 + 0.75), Passes::Exact, backend).unwrap();
            for quantum in 0..8 {
                fill(&mut instance, |i| (quantum * QUANTUM + i + 1) as f32);
                instance.run((quantum * QUANTUM) as u64);
                for (i, x) in left(&instance).iter().enumerate() {
                    let want = (quantum * QUANTUM + i + 1).saturating_sub(delay) as f32;
                    assert_eq!(*x, want, "{backend:?} delay {delay} quantum {quantum} frame {i}");
                }
            }
        }
    }
}

#[test]
fn a_tap_means_the_same_inside_and_outside_of_its_feedback() {
    // The inner tap cannot read the present, the outer one can, though both say 0: they must not become one.
    for backend in BOTH {
        let mut g = Graph::new();
        let x = row(&mut g, 1);
        let ring = g.ring(FrameId(0), "loop", 1, 10);
        let zero = g.constant(0.0);
        let outside = g.push(Node::Tap(ring, zero));
        let inside = g.push(Node::Tap(ring, zero));
        let sum = g.op(Op::Add, &[x, inside]);
        g.rings[0].input = Some(sum);
        out(&mut g, outside, FrameId(0));
        for passes in [Passes::None, Passes::Exact] {
            let mut instance = instance(&g, passes, backend).unwrap();
            fill(&mut instance, |_| 1.0);
            instance.run(0);
            assert_eq!(left(&instance)[..3], [1.0, 2.0, 3.0]);
        }
    }
}

#[test]
fn one_bad_sample_is_contained() {
    for backend in BOTH {
        let mut g = Graph::new();
        let x = row(&mut g, 1);
        let (_, sum) = integrator(&mut g, FrameId(0), x);
        let ring = g.ring(FrameId(0), "line", 1, 100);
        g.rings[0].input = Some(sum);
        let zero = g.constant(0.0);
        let tap = g.push(Node::Tap(ring, zero));
        out(&mut g, tap, FrameId(0));
        let mut instance = instance(&g, Passes::Exact, backend).unwrap();
        fill(&mut instance, |i| if i == 10 { f32::NAN } else { 1.0 });
        instance.run(0);
        // What is written to a ring is finite; the sum itself is lost until the quantum ends.
        assert_eq!(left(&instance)[9..12], [10.0, 0.0, 0.0]);
        assert_eq!(instance.cell(CellId(0)), [0]);
        fill(&mut instance, |_| 1.0);
        instance.run(64);
        assert_eq!(left(&instance)[..3], [1.0, 2.0, 3.0]);
    }
}

#[test]
fn a_swap_keeps_cells() {
    let mut g = Graph::new();
    let x = row(&mut g, 1);
    let (_, sum) = integrator(&mut g, FrameId(0), x);
    out(&mut g, sum, FrameId(0));
    // The new graph has another cell before the old one.
    let mut h = Graph::new();
    let x = row(&mut h, 1);
    let (_, other) = integrator(&mut h, FrameId(0), x);
    let zero = h.constant(0.0);
    let silent = h.op(Op::Mul, &[other, zero]);
    let (_, sum) = integrator(&mut h, FrameId(0), x);
    let both = h.op(Op::Add, &[sum, silent]);
    out(&mut h, both, FrameId(0));
    for (from, to) in [(Backend::Jit, Backend::Jit), (Backend::Interp, Backend::Jit), (Backend::Jit, Backend::Interp)] {
        let mut old = instance(&g, Passes::Exact, from).unwrap();
        fill(&mut old, |_| 1.0);
        old.run(0);
        let mut new = instance(&h, Passes::Exact, to).unwrap();
        fill(&mut new, |_| 1.0);
        let moves = word_moves(new.patch(), old.patch(), &[(CellId(1), CellId(0), 1)]);
        new.copy_words(&old, &moves);
        new.run(64);
        assert_eq!(left(&new)[..2], [65.0, 66.0]);
    }
}

#[test]
fn a_swap_moves_rings_and_the_old_plays_on() {
    for backend in BOTH {
        let mut old = instance(&echo(100.0), Passes::Exact, backend).unwrap();
        for quantum in 0..4 {
            fill(&mut old, |i| (quantum * QUANTUM + i) as f32);
            old.run((quantum * QUANTUM) as u64);
        }
        let mut new = instance(&echo(150.0), Passes::Exact, backend).unwrap();
        new.move_rings(&mut old, &[(RingId(0), RingId(0))]);
        fill(&mut new, |_| -1.0);
        fill(&mut old, |_| 1e9);
        // Both read what was there; only the new one writes.
        for quantum in 4..6 {
            old.run(quantum * 64);
            new.run(quantum * 64);
            assert_eq!(left(&new)[0], (quantum * 64) as f32 - 150.0);
            if quantum == 4 {
                assert_eq!(left(&old)[0], 156.0);
            }
        }
        drop(old);
        for quantum in 6..12 {
            new.run(quantum * 64);
        }
        assert!(left(&new).iter().all(|x| *x == -1.0), "nothing of what the old one wrote is heard");
        // A ring of another size stays where it is.
        let mut longer = echo(10.0);
        longer.rings[0].capacity = 1024;
        let mut longer = instance(&longer, Passes::Exact, backend).unwrap();
        longer.move_rings(&mut new, &[(RingId(0), RingId(0))]);
        longer.run(768);
        assert_eq!(left(&longer)[0], 0.0);
    }
}

#[test]
fn a_reset_is_for_one_track() {
    for backend in BOTH {
        let mut g = Graph::new();
        let (a, b) = (g.frame(FrameId(0), "a", true, 0), g.frame(FrameId(0), "b", true, 0));
        let inner = g.frame(a, "inner", false, 0);
        let x = row(&mut g, 1);
        let (_, first) = integrator(&mut g, inner, x);
        let (_, second) = integrator(&mut g, b, x);
        let node = g.push(Node::Join(vec![first, second]));
        g.outs.push(Out { name: "master".into(), kind: OutKind::Master, node, frame: a });
        let mut instance = instance(&g, Passes::Exact, backend).unwrap();
        fill(&mut instance, |_| 1.0);
        instance.run(0);
        instance.reset(a);
        instance.run(64);
        assert_eq!(instance.out_frame(0, 0), [1.0, 65.0]);
    }
}

#[test]
fn foreign_rows_are_played() {
    for backend in BOTH {
        let mut instance = instance(&echo(0.0), Passes::Exact, backend).unwrap();
        let memory: Vec<f32> = (0..QUANTUM).map(|i| i as f32).collect();
        // SAFETY: a quantum of one lane, which outlives the last run.
        unsafe { instance.bind_row(RowId(0), memory.as_ptr()) };
        instance.run(0);
        assert_eq!(left(&instance), memory);
    }
}

#[test]
fn schedule_and_code_have_a_text_form() {
    let mut g = echo(3.0);
    let x = g.outs[0].node;
    let sum = g.push(Node::Reduce(x, 1));
    let (_, sum) = integrator(&mut g, FrameId(0), sum);
    out(&mut g, sum, FrameId(0));
    let g = optimise(&g, Passes::Exact);
    let info = check(&g).unwrap();
    let schedule = modurust_compiler::schedule::schedule(&g, &info, Isa::Portable);
    let text = modurust_compiler::schedule::print(&g, &schedule);
    assert!(text.contains("time lanes 1") && text.contains("scalar lanes 1") && text.contains("cells sum"), "{text}");
    let clif = modurust_compiler::codegen::text(&g, &schedule).unwrap();
    assert!(clif.contains("fadd"), "{clif}");
}

#[test]
fn a_large_graph_is_split() {
    // One long chain and many short ones: no function is large.
    let mut g = Graph::new();
    let x = row(&mut g, 1);
    let mut r = Rng::new(3);
    let mut chain = x;
    for i in 0..4000 {
        let k = g.constant(r.unit());
        chain = g.op(if i % 2 == 0 { Op::Add } else { Op::Mul }, &[chain, k]);
        if i % 40 == 0 {
            chain = integrator(&mut g, FrameId(0), chain).1;
        }
    }
    out(&mut g, chain, FrameId(0));
    let g = optimise(&g, Passes::Exact);
    let schedule = modurust_compiler::schedule::schedule(&g, &check(&g).unwrap(), Isa::Portable);
    assert!(schedule.regions.len() > 12);
    assert!(schedule.regions.iter().all(|r| r.weight <= modurust_compiler::schedule::LIMIT));
    // Buffers are used again: far fewer than values that cross.
    assert!(schedule.layout.buffer_words < 40 * QUANTUM, "{} words", schedule.layout.buffer_words);
}

#[test]
fn instances_can_be_sent() {
    fn sent<T: Send>(_: T) {}
    let mut one = instance(&echo(1.0), Passes::Exact, Backend::Jit).unwrap();
    let patch: Arc<_> = one.patch().clone();
    std::thread::spawn(move || one.run(0)).join().unwrap();
    sent(Instance::new(patch));
}

/// A row in a loop with a delay line: `y = x + 0.5 * ring(y, delay(row))`.
fn feedback(delay: impl Fn(&mut Graph, NodeId) -> NodeId) -> Graph {
    let mut g = Graph::new();
    let x = row(&mut g, 1);
    let moving = row(&mut g, 1);
    let ring = g.ring(FrameId(0), "line", 1, 500);
    let delay = delay(&mut g, moving);
    let tap = g.push(Node::Tap(ring, delay));
    let half = g.constant(0.5);
    let back = g.op(Op::Mul, &[tap, half]);
    let sum = g.op(Op::Add, &[x, back]);
    g.rings[0].input = Some(sum);
    out(&mut g, sum, FrameId(0));
    g
}

#[test]
fn a_feedback_of_a_vector_or_more_is_no_loop() {
    use modurust_compiler::schedule::{Kind, schedule};
    type Delay = fn(&mut Graph, NodeId) -> NodeId;
    let cases: [(&str, u32, Delay); 12] = [
        ("constant 64", 64, |g, _| g.constant(64.0)),
        ("constant 63.9", 16, |g, _| g.constant(63.9)),
        ("constant 16", 16, |g, _| g.constant(16.0)),
        ("constant 21.5", 16, |g, _| g.constant(21.5)),
        ("constant 15.9", 1, |g, _| g.constant(15.9)),
        ("a row", 1, |_, x| x),
        ("a row of at least 64", 64, |g, x| {
            let k = g.constant(64.0);
            g.op(Op::Max, &[x, k])
        }),
        ("a row of at least 16", 16, |g, x| {
            let k = g.constant(16.0);
            g.op(Op::Max, &[x, k])
        }),
        // With the constant first, what is no number stays so and would read the present.
        ("no number", 1, |g, x| {
            let k = g.constant(64.0);
            g.op(Op::Max, &[k, x])
        }),
        ("100 and up to 30 less", 64, |g, x| {
            let (k, n) = (g.constant(100.0), g.constant(30.0));
            let finite = g.op(Op::Finite, &[x]);
            let whole = g.op(Op::Round, &[finite]);
            let rest = g.op(Op::Sub, &[finite, whole]);
            let rest = g.op(Op::Mul, &[rest, n]);
            g.op(Op::Add, &[rest, k])
        }),
        ("100 and up to 80 less", 16, |g, x| {
            let (k, n) = (g.constant(100.0), g.constant(80.0));
            let finite = g.op(Op::Finite, &[x]);
            let whole = g.op(Op::Round, &[finite]);
            let rest = g.op(Op::Sub, &[finite, whole]);
            let rest = g.op(Op::Mul, &[rest, n]);
            g.op(Op::Add, &[rest, k])
        }),
        ("a parameter", 1, |g, _| param(g, 300.0)),
    ];
    for (what, least, delay) in cases {
        let g = feedback(delay);
        let tap = g.nodes.iter().position(|n| matches!(n, Node::Tap(..))).unwrap();
        for graph in [g.clone(), optimise(&g, Passes::None), optimise(&g, Passes::Exact)] {
            let info = check(&graph).unwrap();
            let taps: Vec<usize> =
                (0..graph.nodes.len()).filter(|&i| matches!(graph.nodes[i], Node::Tap(..))).collect();
            assert!(taps.iter().all(|&t| info.tap_range(NodeId(t as u32), 1 << 16).0 == least), "{what}");
            assert!(taps.iter().all(|&t| info.tap_recursive[t] == (least < 64)), "{what}");
            let plan = schedule(&graph, &info, Isa::Portable);
            let scalar = plan.regions.iter().any(|r| r.kind == Kind::Scalar);
            assert_eq!(scalar, least < 16, "{what}: {}", modurust_compiler::schedule::print(&graph, &plan));
        }
        let mut ways = Vec::new();
        for passes in [Passes::None, Passes::Exact] {
            ways.extend(BOTH.map(|backend| instance(&g, passes, backend).unwrap()));
        }
        let mut r = Rng::new(tap as u64);
        for quantum in 0..20 {
            let (x, y): (Vec<f32>, Vec<f32>) = (0..QUANTUM).map(|_| (r.unit(), r.float() * 100.0)).unzip();
            for way in &mut ways {
                way.row_mut(RowId(0)).copy_from_slice(&x);
                way.row_mut(RowId(1)).copy_from_slice(&y);
                way.run(quantum * 64);
            }
            let heard: Vec<Vec<f32>> = ways.iter().map(left).collect();
            assert!(heard.iter().all(|h| *h == heard[0]), "{what}, quantum {quantum}");
        }
    }
}

#[test]
fn the_numbers_of_a_text_decide_which_feedback_is_cut() {
    use modurust_compiler::passes::cut::{Limit, cut};
    let all = |value: f32| cut(feedback(|g, _| param(g, value)));
    let with = |value: f32| all(value).0;
    let late = |g: &Graph| check(g).unwrap().tap_late.iter().any(|l| *l);
    assert!(late(&with(300.0)) && late(&with(128.0)));
    assert!(!late(&with(127.0)) && !late(&with(3.0)));
    assert_eq!(hash(&with(300.0)), hash(&with(128.0)));
    assert_ne!(hash(&with(300.0)), hash(&with(127.0)));
    let open = echo(300.0);
    assert_eq!(cut(open.clone()).0, open, "what is no feedback stays as it is");
    let values = [0.0, 3.0, 31.0, 32.0, 64.0, 127.0, 128.0, 300.0];
    for (a, b) in values.iter().flat_map(|a| values.map(|b| (*a, b))) {
        let (graph, limits) = all(a);
        let same = hash(&graph) == hash(&with(b));
        assert_eq!(Limit::all_hold(&limits, &graph, |_| b), same, "{a}, then {b}");
    }
}

#[test]
fn all_that_is_equal_is_shared_at_once() {
    use modurust_compiler::graph::text;
    use modurust_compiler::passes::share::share;
    for seed in 0..300 {
        let graph = random_graph(seed, 10 + seed as usize % 90);
        for passes in [Passes::Exact, Passes::Fast] {
            let once = optimise(&graph, passes);
            assert_eq!(text::print(&share(&once)), text::print(&once), "seed {seed}, {passes:?}");
        }
    }
}
