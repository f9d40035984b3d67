//! Random graphs sound the same in every way of running them: interpreter or machine code, optimised or not.

mod common;

use common::{agree, liveliness, random_graph, shrink};
use modurust_compiler::graph::{Graph, text};
use modurust_compiler::passes::pack::{Packed, pack, pack_all};
use modurust_compiler::passes::{Passes, optimise};

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

/// More on request: `ORACLE_SEEDS=100000 cargo test --release -p modurust-compiler --test oracle many`.
#[test]
fn many_graphs_agree() {
    let count = std::env::var("ORACLE_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(200);
    let first = std::env::var("ORACLE_FIRST").ok().and_then(|s| s.parse().ok()).unwrap_or(1_000_000);
    (first..first + count).for_each(|seed| check_seed(seed, 10 + (seed as usize % 90), 4));
}
