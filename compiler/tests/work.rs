//! The work of a quantum is bounded before it runs: what the interpreter counts is never more than what the graph says, for any graph, and
//! for no graph much less. Planted: counts that forget something, and a run that does something twice.
//!
//! `GRAPHS=100000 cargo test -p modurust-compiler --test work -- --nocapture`

mod common;

use common::{Rng, graph_with, instance, perturb, random_graph};
use modurust_compiler::exec::Backend;
use modurust_compiler::graph::check::check;
use modurust_compiler::graph::{Graph, Node, QUANTUM, Rate};
use modurust_compiler::passes::Passes;
use modurust_compiler::program::Patch;

fn graphs() -> u64 {
    std::env::var("GRAPHS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000)
}

fn graph(seed: u64) -> Graph {
    let size = 5 + (seed as usize * 7) % 60;
    if seed.is_multiple_of(3) { graph_with(seed, size, 2) } else { random_graph(seed, size) }
}

/// A bound for a patch and the graph that it was made of.
type Bound<'a> = &'a dyn Fn(&Patch, &Graph) -> u64;

/// What the patch says.
fn said(patch: &Patch, _: &Graph) -> u64 {
    patch.work
}

/// The largest count of some quanta, and what `bound` says; `times` a quantum is run.
fn look(seed: u64, passes: Passes, times: u64, bound: Bound) -> (u64, u64) {
    let graph = graph(seed);
    let mut instances = vec![instance(&graph, passes, Backend::Interp).expect("a valid graph")];
    let (mut most, mut r) = (0, Rng::new(seed));
    for quantum in 0..3 {
        perturb(&mut instances, &graph, &mut r);
        let mut done = 0;
        for _ in 0..times {
            instances[0].run(quantum * QUANTUM as u64);
            done += instances[0].executed();
        }
        most = most.max(done);
    }
    (most, bound(instances[0].patch(), &graph))
}

#[test]
fn no_quantum_does_more_than_its_graph_says() {
    let (mut all, mut bounds) = (0, 0);
    for seed in 0..graphs() {
        let passes = if seed % 2 == 0 { Passes::None } else { Passes::Exact };
        let (done, most) = look(seed, passes, 1, &said);
        assert!(done <= most && done > 0, "seed {seed}: {done} operations, where {most} are said to be the most");
        (all, bounds) = (all + done, bounds + most);
    }
    let share = all as f64 / bounds as f64;
    println!("{} graphs: {all} operations counted, {:.1} % of what is said", graphs(), share * 100.0);
    assert!(share > 0.9, "the bound says little: {share}");
}

#[test]
fn a_bound_that_forgets_and_work_that_is_done_twice_are_found() {
    // Values alone, without what is kept of them; and values as if each had one lane.
    let values = |_: &Patch, graph: &Graph| {
        let info = check(graph).expect("a valid graph");
        let each = (0..graph.nodes.len()).filter(|i| info.rate[*i] == Rate::Sample).map(|i| u64::from(info.lanes[i]));
        let once = (0..graph.nodes.len()).filter(|i| info.rate[*i] != Rate::Sample).map(|i| u64::from(info.lanes[i]));
        each.sum::<u64>() * QUANTUM as u64 + once.sum::<u64>()
    };
    let narrow = |_: &Patch, graph: &Graph| graph.nodes.len() as u64 * QUANTUM as u64;
    let found = |times: u64, bound: Bound| {
        (0..200)
            .filter(|seed| {
                let (done, said) = look(*seed, Passes::None, times, bound);
                done > said
            })
            .count()
    };
    assert_eq!(found(1, &said), 0);
    assert!(found(1, &values) > 50 && found(1, &narrow) > 50);
    assert_eq!(found(2, &said), 200, "a quantum that is computed twice");
    let sums = (0..200).filter(|seed| graph(*seed).nodes.iter().any(|n| matches!(n, Node::Reduce(..)))).count();
    assert!(sums > 20, "hardly any sums: {sums}");
}
