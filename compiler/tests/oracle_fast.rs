//! The fast passes against double precision: what they lose is bounded by what rounding loses anyway.
//!
//! For every graph there is the exact sound (double precision, unoptimised), and some sounds that are as good as any with 32
//! bits: the unoptimised graph in 32 bits, and double precision with every result rounded by chance. The fast graph may be
//! farther from the exact sound than the farthest of those by a factor ([`BOUND`]). Where they part altogether, the graph is
//! chaotic: it is skipped, counted, and the count is bounded.

mod common;

use common::{Rng, random_graph, shrink};
use modurust_compiler::exec::{Backend, Instance, Options, compile};
use modurust_compiler::graph::check::{GraphInfo, check};
use modurust_compiler::graph::ops::Op;
use modurust_compiler::graph::oracle::Oracle;
use modurust_compiler::graph::{Graph, Node, ParamId, QUANTUM, RowId, text};
use modurust_compiler::passes::{Passes, optimise};
use std::sync::Arc;

/// How many times farther from the exact sound than rounding the fast graph may be.
const BOUND: f64 = 16.0;

/// Below this share of the peak nothing is judged: some units in the last place of 32 bits.
const FLOOR: f64 = 5e-7;

/// A graph whose rounding noise passes this share of its peak is chaotic.
const CHAOS: f64 = 1e-3;

/// What came out of a comparison.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// Within the bound, so many times the rounding noise.
    Near(f64),
    /// Nobody can say what it should sound like.
    Chaotic,
    /// Outside of the bound.
    Far(String),
}

fn instance(graph: &Graph, passes: Passes) -> Instance {
    let options = Options { sample_rate: 48_000, passes, backend: Backend::Interp, verify: false };
    Instance::new(Arc::new(compile(graph, &options).expect("valid")))
}

/// Plain numbers: the corners of the format are for the exact oracle.
fn number(r: &mut Rng) -> f32 {
    match r.below(4) {
        0 => r.below(9) as f32 - 4.0,
        1 => r.unit() * 100.0,
        _ => r.unit(),
    }
}

/// The same control values for everything that runs.
fn control(graph: &Graph, r: &mut Rng, instances: &mut [Instance], oracles: &mut [Oracle]) {
    for p in 0..graph.params.len() {
        if r.chance(30) {
            let value = number(r);
            instances.iter_mut().for_each(|i| i.set_param(ParamId(p as u32), value));
            oracles.iter_mut().for_each(|o| o.params[p] = value);
        }
    }
    for row in 0..graph.rows.len() {
        let words = modurust_compiler::exec::buffer_len(graph.rows[row].lanes);
        let mut value = number(r);
        let values: Vec<f32> = (0..words)
            .map(|_| {
                if r.chance(5) {
                    value = number(r);
                }
                value
            })
            .collect();
        instances.iter_mut().for_each(|i| i.row_mut(RowId(row as u32)).copy_from_slice(&values));
        oracles.iter_mut().for_each(|o| o.rows[row].copy_from_slice(&values));
    }
    let channels = instances[0].input_count();
    for channel in 0..channels {
        let values: Vec<f32> = (0..QUANTUM).map(|_| r.unit()).collect();
        instances
            .iter_mut()
            .filter(|i| channel < i.input_count())
            .for_each(|i| i.input_mut(channel).copy_from_slice(&values));
        oracles.iter_mut().for_each(|o| o.inputs[channel].copy_from_slice(&values));
    }
}

/// Compares what the fast passes make of `fast`, which is `graph`, with so many sounds of random rounding.
fn compare(graph: &Graph, fast: &Graph, plain: &(Graph, GraphInfo), seed: u64, quanta: u64, others: u64) -> Verdict {
    let mut instances = [instance(graph, Passes::None), instance(fast, Passes::Fast)];
    let mut oracles = vec![Oracle::new(&plain.0, &plain.1)];
    oracles.extend((0..others).map(|k| Oracle::new(&plain.0, &plain.1).noise(seed ^ (k + 1) << 32)));
    let mut r = Rng::new(seed ^ 0xfa57);
    let (mut noise, mut peak, mut worst) = (0f64, 0f64, 0f64);
    for quantum in 0..quanta {
        if quantum > 0 {
            control(graph, &mut r, &mut instances, &mut oracles);
        }
        let frame = quantum * QUANTUM as u64;
        instances.iter_mut().for_each(|i| i.run(frame));
        oracles.iter_mut().for_each(|o| o.run(frame));
        if oracles[0].overflowed {
            return Verdict::Chaotic;
        }
        for i in 0..QUANTUM {
            for out in 0..graph.outs.len() {
                for lane in 0..2 {
                    let exact = oracles[0].outs[out][i][lane];
                    let [plain, fast] = [0, 1].map(|w| f64::from(instances[w].out_frame(out, i)[lane]));
                    let rounded = oracles[1..].iter().map(|o| o.outs[out][i][lane]).chain([plain]);
                    let spread = rounded.map(|x| distance(exact, x)).fold(0.0, f64::max);
                    noise = noise.max(spread);
                    peak = peak.max(if exact.is_finite() { exact.abs() } else { 0.0 });
                    if noise > CHAOS * (1.0 + peak) {
                        return Verdict::Chaotic;
                    }
                    let error = distance(exact, fast);
                    worst = worst.max(error / (noise + FLOOR / BOUND * (1.0 + peak)));
                    if worst > BOUND {
                        return Verdict::Far(format!(
                            "out {out}.{lane} quantum {quantum} frame {i}: {fast}, exactly {exact}, in 32 bits {plain}: {error:e} \
                             with a noise of {noise:e}"
                        ));
                    }
                }
            }
        }
    }
    Verdict::Near(worst)
}

/// How far two values are apart; what is not finite is only near its like.
fn distance(a: f64, b: f64) -> f64 {
    if a == b || (a.is_nan() && b.is_nan()) {
        0.0
    } else if a.is_finite() && b.is_finite() {
        (a - b).abs()
    } else {
        f64::INFINITY
    }
}

fn verdict(graph: &Graph, seed: u64, quanta: u64) -> Verdict {
    let plain = optimise(graph, Passes::None);
    let info = check(&plain).expect("valid");
    let plain = (plain, info);
    match compare(graph, graph, &plain, seed, quanta, 2) {
        // A threshold that is just met: more roundings show it.
        Verdict::Far(_) => compare(graph, graph, &plain, seed, quanta, 40),
        verdict => verdict,
    }
}

/// The share of chaotic graphs.
fn judge(seeds: std::ops::Range<u64>, size: impl Fn(u64) -> usize) -> f64 {
    let (mut chaotic, mut total, mut worst) = (0, 0, 0f64);
    for seed in seeds {
        let mut graph = random_graph(seed, size(seed));
        // The bits of a rounded value are rounding itself: no bound could hold for what is made of them.
        for node in &mut graph.nodes {
            if let Node::Op(op @ Op::Bits, _) = node {
                *op = Op::Toint;
            }
        }
        total += 1;
        match verdict(&graph, seed, 3) {
            Verdict::Near(times) => worst = worst.max(times),
            Verdict::Chaotic => chaotic += 1,
            Verdict::Far(why) => {
                let small = shrink(&graph, |g| matches!(verdict(g, seed, 3), Verdict::Far(_)));
                panic!("seed {seed}: {why}\nshrunk: {:?}\n{}", verdict(&small, seed, 3), text::print(&small));
            }
        }
    }
    println!("{total} graphs, {chaotic} chaotic, worst {worst:.1} times the noise");
    f64::from(chaotic) / f64::from(total)
}

/// `FAST_SEEDS=100000 cargo test --release -p modurust-compiler --test oracle_fast` runs more.
#[test]
fn fast_graphs_are_as_near_as_rounding_lets_them() {
    let count = std::env::var("FAST_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(10_000);
    let chaotic = judge(0..count, |seed| 10 + (seed as usize % 30));
    // About a tenth amplifies what was rounded, and one in twenty meets infinities in its memory.
    assert!(chaotic < 0.2, "{chaotic} of the graphs could not be judged");
}

#[test]
fn a_wrong_rewrite_would_be_seen() {
    // The fast side is another graph: a constant is wrong by a hundred thousandth.
    let right = "row 0 unit 0 field 0 lanes 1\n%0 = row 0\n%1 = const f32 0.3\n%2 = mul %0 %1\n%3 = shuffle %2 0 0\nout \"master\" master %3 in 0";
    let graph = text::parse(right).expect("a graph");
    let wrong = text::parse(&right.replace("0.3\n", "0.300003\n")).expect("a graph");
    let plain = optimise(&graph, Passes::None);
    let info = check(&plain).expect("valid");
    assert!(matches!(compare(&graph, &graph, &(plain.clone(), info.clone()), 1, 3, 2), Verdict::Near(_)));
    assert!(matches!(compare(&graph, &wrong, &(plain, info), 1, 3, 2), Verdict::Far(_)));
}
