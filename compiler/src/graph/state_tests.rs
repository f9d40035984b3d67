//! Trees written as text: `name{..}` is a binding, `name(..)` a call; `:h` after a call is its arguments, `.c` a cell, `~r` a ring.

use super::*;
use crate::graph::Ring;
use crate::score::PatId;

/// Builds a graph from a line such as `bass{saw.phase lpf:2.y} out(mix)`.
fn graph(text: &str) -> Graph {
    let mut graph = Graph::new();
    let mut stack = vec![FrameId(0)];
    let mut last = FrameId(0);
    let mut chars = text.chars().peekable();
    let word = |chars: &mut std::iter::Peekable<std::str::Chars>| {
        let mut out = String::new();
        while let Some(c) = chars.next_if(|c| c.is_alphanumeric()) {
            out.push(c);
        }
        out
    };
    while let Some(c) = chars.next() {
        match c {
            ' ' => {}
            '{' | '(' => stack.push(last),
            '}' | ')' => last = stack.pop().expect("balanced"),
            ':' => {
                std::sync::Arc::make_mut(&mut graph.frames)[last.index()].hint =
                    word(&mut chars).parse().expect("a number")
            }
            '.' => {
                let name = word(&mut chars);
                graph.cell(last, &name, Ty::F32, 1, 0);
            }
            '*' => {
                // A cell of eight lanes.
                let name = word(&mut chars);
                graph.cell(last, &name, Ty::F32, 8, 0);
            }
            '#' => {
                let name = word(&mut chars);
                graph.cell(last, &name, Ty::I32, 1, 0);
            }
            '~' => {
                let name = word(&mut chars);
                graph.ring(last, &name, 1, 1000);
            }
            c => {
                let name = format!("{c}{}", word(&mut chars));
                let parent = *stack.last().expect("balanced");
                last = graph.frame(parent, &name, chars.peek() == Some(&'{'), 0);
            }
        }
    }
    graph
}

/// What becomes of memory, as `= kept > moved + made - dropped`.
fn plan(old: &str, new: &str) -> String {
    let map = StateMap::between(&graph(old), &[], &graph(new), &[]);
    let mut words = Vec::new();
    for (mark, list) in
        [('=', &map.report.kept), ('>', &map.report.moved), ('+', &map.report.made), ('-', &map.report.dropped)]
    {
        words.extend(list.iter().map(|piece| format!("{mark}{}", piece.key)));
    }
    words.join(" ")
}

#[test]
fn trees() {
    let cases = [
        // (before, after, expected)
        ("bass{saw.p lpf.y}", "bass{saw.p lpf.y}", "=bass/lpf/y =bass/saw/p"),
        // A stage is inserted, removed, put first, put last.
        (
            "bass{saw.p lpf.y ring~d}",
            "bass{saw.p lpf.y drive.z ring~d}",
            "=bass/lpf/y =bass/ring/d =bass/saw/p +bass/drive/z",
        ),
        ("bass{saw.p lpf.y hpf.y}", "bass{saw.p hpf.y}", "=bass/hpf/y =bass/saw/p -bass/lpf/y"),
        ("bass{lpf.y}", "bass{saw.p lpf.y}", "=bass/lpf/y +bass/saw/p"),
        ("bass{lpf.y}", "bass{lpf.y saw.p}", "=bass/lpf/y +bass/saw/p"),
        // Two alike: the one with equal arguments is kept.
        ("b{lpf:1.y lpf:2.y}", "b{lpf:2.y}", "=b/lpf/y -b/lpf/y"),
        // Numbers changed: still the same call.
        ("b{lpf:1.y}", "b{lpf:9.y}", "=b/lpf/y"),
        // Kinds never mix, though names of memory agree.
        ("b{lpf.y}", "b{hpf.y}", "+b/hpf/y -b/lpf/y"),
        ("b{lpf.y}", "b{lpf#y}", "+b/lpf/y -b/lpf/y"),
        ("b{lpf.y}", "b{lpf~y}", "+b/lpf/y -b/lpf/y"),
        ("b{lpf.y}", "b{lpf{}.y}", "+b/lpf/y -b/lpf/y"),
        // Bindings by name in any order; between files too, which share a root.
        ("a{saw.p} b{saw.p}", "b{saw.p} a{saw.p}", "=a/saw/p =b/saw/p"),
        ("a{x{lpf.y} y{lpf.y}}", "a{y{lpf.y} x{lpf.y}}", "=a/x/lpf/y =a/y/lpf/y"),
        // A rename, of a binding, of an inner one, of both.
        ("bass{saw.p lpf.y}", "sub{saw.p lpf.y}", ">bass/lpf/y -> sub/lpf/y >bass/saw/p -> sub/saw/p"),
        ("a{x{lpf.y}}", "a{z{lpf.y}}", ">a/x/lpf/y -> a/z/lpf/y"),
        // Not a rename: the body differs (what is equal in it goes on), or the old name is still there.
        ("a{saw.p}", "b{saw.p lpf.y}", ">a/saw/p -> b/saw/p +b/lpf/y"),
        ("a{saw.p}", "a{saw.p} b{saw.p}", "=a/saw/p +b/saw/p"),
        // A binding is removed, another added: unlike bodies start anew.
        ("a{saw.p} b{lpf.y}", "a{saw.p} c{hpf.y}", "=a/saw/p +c/hpf/y -b/lpf/y"),
        // Stages change places.
        ("a{saw.p lpf.y}", "a{lpf.y saw.p}", "=a/lpf/y =a/saw/p"),
        // A call gets a name.
        ("a{lpf.y}", "a{x{lpf.y}}", ">a/lpf/y -> a/x/lpf/y"),
        // Channels come to be, or go.
        ("b{lpf.y}", "b{lpf*y}", "=b/lpf/y"),
        ("b{lpf*y}", "b{lpf.y}", "=b/lpf/y"),
        // A stage in the place of another: what is of one core goes on, of another kind or another core not.
        (
            "b{lpf(svf.s.t) hp.z}",
            "b{bpf(k{} svf.s.t) hp.z}",
            "=b/hp/z >b/lpf/svf/s -> b/bpf/svf/s >b/lpf/svf/t -> b/bpf/svf/t",
        ),
        ("b{lpf(svf.s.t)}", "b{bpf(svf.t.s)}", ">b/lpf/svf/s -> b/bpf/svf/s >b/lpf/svf/t -> b/bpf/svf/t"),
        ("b{lpf(svf.s)}", "b{bpf(svf#s)}", "+b/bpf/svf/s -b/lpf/svf/s"),
        ("b{lpf(svf.s)}", "b{bpf(pole.s)}", "+b/bpf/pole/s -b/lpf/svf/s"),
        ("b{lpf(svf:1.s) hp.z}", "b{hp.z bpf(svf:2.s)}", "=b/hp/z +b/bpf/svf/s -b/lpf/svf/s"),
        ("b{saw(p{ph.c})}", "b{tri(ph.c)}", ">b/saw/p/ph/c -> b/tri/ph/c"),
        // Taken out into a name or a function, and put back.
        ("a{saw:1.p lpf:2.y}", "osc{saw:1.p} a{lpf:2.y}", "=a/lpf/y >a/saw/p -> osc/saw/p"),
        ("a{saw:1.p lpf:2.y}", "a{both(saw:1.p lpf:2.y)}", ">a/lpf/y -> a/both/lpf/y >a/saw/p -> a/both/saw/p"),
        ("a{both(saw:1.p lpf:2.y)}", "a{saw:1.p lpf:2.y}", ">a/both/lpf/y -> a/lpf/y >a/both/saw/p -> a/saw/p"),
        ("a{saw:1.p}", "b{saw:2.p lpf.y}", "+b/lpf/y +b/saw/p -a/saw/p"),
        // Nested calls: the inner pipes are aligned on their own.
        ("v{voice(saw.p lpf.y)}", "v{voice(saw.p noise#s lpf.y)}", "=v/voice/lpf/y =v/voice/saw/p +v/voice/noise/s"),
        // Two cells of one name in a place go by order.
        ("a{svf.s.s}", "a{svf.s.s.s}", "=a/svf/s =a/svf/s +a/svf/s"),
        // The second of two is changed in kind: the first stays.
        ("a{lpf:1.y lpf:2.y}", "a{lpf:1.y hpf:2.y}", "=a/lpf/y +a/hpf/y -a/lpf/y"),
        ("", "a{saw.p}", "+a/saw/p"),
        ("a{saw.p}", "", "-a/saw/p"),
    ];
    for (before, after, expected) in cases {
        assert_eq!(plan(before, after), expected, "{before}  =>  {after}");
    }
}

#[test]
fn equal_arguments_decide_which_of_two_is_kept() {
    let (old, new) = (graph("b{lpf:1.y lpf:2.y}"), graph("b{lpf:2.y}"));
    let map = StateMap::between(&old, &[], &new, &[]);
    assert_eq!(map.cells, [(CellId(0), CellId(1), 1)]);
    let map = StateMap::between(&new, &[], &old, &[]);
    assert_eq!(map.cells, [(CellId(1), CellId(0), 1)]);
}

#[test]
fn equal_graphs_give_the_identity() {
    let text = "a{saw.p#q lpf:3.y ring~d ring~d} b{poly(voice(saw*p env#s.l) mix)} c{x{saw.p} y{saw.p} saw.p saw.p}";
    let graph = graph(text);
    let map = StateMap::between(&graph, &[], &graph, &[]);
    let cells: Vec<_> =
        (0..graph.cells.len() as u32).map(|i| (CellId(i), CellId(i), graph.cells[i as usize].lanes)).collect();
    assert_eq!(map.cells, cells);
    assert_eq!(map.rings, [(RingId(0), RingId(0)), (RingId(1), RingId(1))]);
    assert!(map.is_full() && map.report.moved.is_empty());
}

#[test]
fn rings_of_another_size_are_poured() {
    let old = graph("a{delay~d ring~e ring~e}");
    for change in [|ring: &mut Ring| ring.capacity *= 2, |ring: &mut Ring| ring.lanes += 1] {
        let mut new = old.clone();
        change(&mut new.rings[1]);
        let map = StateMap::between(&old, &[], &new, &[]);
        assert_eq!(map.rings, [(RingId(0), RingId(0)), (RingId(2), RingId(2))]);
        assert_eq!(map.pours, [(RingId(1), RingId(1))]);
        assert!(map.is_full());
    }
}

fn unit(frame: FrameId, kind: UnitKind, voices: u32, path: &str) -> Unit {
    Unit {
        path: path.into(),
        frame,
        kind,
        voices,
        pattern: PatId(0),
        word: None,
        choke: None,
        live: 0,
        mpe: false,
        outlet: None,
        swings: false,
        fields: vec![],
    }
}

#[test]
fn a_bank_keeps_the_voices_that_both_have() {
    let old = graph("a{poly(saw*p)}");
    let mut new = old.clone();
    new.cells[0].lanes = 12;
    let frame = FrameId(2);
    let before = [unit(frame, UnitKind::Poly, 8, "a/poly")];
    let after = [unit(frame, UnitKind::Poly, 12, "a/poly")];
    let map = StateMap::between(&old, &before, &new, &after);
    assert_eq!(map.cells, [(CellId(0), CellId(0), 8)]);
    assert_eq!(map.units, [(0, 0)]);
    let map = StateMap::between(&old, &before, &new, &[unit(frame, UnitKind::Mono, 12, "a/poly")]);
    assert!(map.cells.is_empty() && map.units.is_empty());
}

#[test]
fn units_of_one_place_are_told_apart_by_path() {
    let tree = graph("kit{bd{drum.e} sd{drum.e}}");
    let units = |names: &[&str]| names.iter().map(|n| unit(FrameId(1), UnitKind::Mono, 1, n)).collect::<Vec<_>>();
    let map = StateMap::between(&tree, &units(&["bd", "sd"]), &tree, &units(&["sd", "bd", "hh"]));
    assert_eq!(map.units, [(0, 1), (1, 0)]);
    assert_eq!(map.report.made.len(), 1);
}

#[test]
fn long_lists_are_matched_in_good_time() {
    let calls = |n: usize| (0..n).map(|i| format!("c{}:{}.y ", i % 7, i)).collect::<String>();
    let (old, new) = (graph(&format!("a{{{}}}", calls(3000))), graph(&format!("a{{x:1.y {}}}", calls(2500))));
    let map = StateMap::between(&old, &[], &new, &[]);
    assert_eq!(map.cells.len(), 2500);
}
