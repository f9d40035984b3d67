//! Edits make code for what is new, and take the rest from what was made before.

use modurust_compiler::codegen::cache::Cache;
use modurust_compiler::exec::{Backend, Code, Options, compile_with};
use modurust_compiler::front::{self, Compiler, World};
use modurust_compiler::graph::Graph;
use modurust_compiler::passes::Passes;
use modurust_compiler::program::Patch;
use std::sync::Arc;

struct Text<'a>(&'a str);

impl World for Text<'_> {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.to_string())
    }
}

/// A compiler that compares code at hand with code made anew.
fn compiler(backend: Backend) -> Compiler {
    Compiler::new(front::Options { sample_rate: 48_000, passes: Passes::Fast, backend, seed: 0, verify: true })
}

fn patch(compiler: &mut Compiler, text: &str) -> Arc<Patch> {
    let outcome = compiler.compile(&Text(text), &["a.modu".to_string()]);
    match outcome.program {
        Some(program) => program.patch,
        None => panic!("{}", outcome.render(false)),
    }
}

/// Regions that were made, and all of them.
fn made(patch: &Patch) -> (usize, usize) {
    match &patch.code {
        Code::Jit(code) => (code.made, code.regions().len()),
        Code::Interp(_) => panic!("no machine code"),
    }
}

/// Tracks of as many kinds, with delays, filters and parameters of their own.
const SET: [&str; 8] = [
    "track a = sin(110hz + 3hz * sin(2hz)) * 0.3",
    "track b = saw(55hz) >> lpf(800hz, q: 3) * 0.2",
    "track c = noise >> hpf(6khz) * 0.1",
    "track d = square(220hz) * 0.2 >> delay(250ms) * 0.5",
    "track e = tri(330hz) >> svf(1khz, q: 4).bp * 0.4",
    "track f = sin(sin(70hz) * 40hz + 300hz) >> tanh * 0.3",
    "track g = saw(82hz) * 0.4 >> echo(375ms, 0.4) * 0.3",
    "track h = pulse(98hz, width: 0.3) >> peak(700hz, q: 1, gain: 4db) * 0.2",
];

/// The set with something put behind one of its tracks.
fn set(at: usize, stage: &str) -> String {
    let line = |(i, line): (usize, &&str)| if i == at { format!("{line}{stage}\n") } else { format!("{line}\n") };
    SET.iter().enumerate().map(line).collect()
}

#[test]
fn a_stage_more_in_a_track_makes_few_regions() {
    for backend in [Backend::Jit, Backend::Isa(modurust_compiler::codegen::isa::Isa::Portable)] {
        for at in 0..SET.len() {
            let mut compiler = compiler(backend);
            let (first, all) = made(&patch(&mut compiler, &set(SET.len(), "")));
            assert_eq!(first, all, "a new compiler makes everything");
            let (fresh, all) = made(&patch(&mut compiler, &set(at, " >> softclip")));
            // Cranelift's code has addresses in it.
            if backend == Backend::Jit {
                assert!(fresh <= 3 && all > 12, "track {at}: {fresh} of {all} regions were made");
            }
            let (fresh, all) = made(&patch(&mut compiler, &set(at, " >> lpf(3khz)")));
            if backend == Backend::Jit {
                assert!(fresh < all / 2, "track {at}: {fresh} of {all} regions were made for a filter");
            }
        }
    }
}

#[test]
fn what_was_made_before_is_not_made_again() {
    let mut compiler = compiler(Backend::Jit);
    // More of them than finished patches are kept.
    let stages: Vec<String> = (0..12).map(|n| " >> softclip".repeat(n)).collect();
    stages.iter().for_each(|stage| drop(patch(&mut compiler, &set(0, stage))));
    let again = patch(&mut compiler, &set(0, &stages[1]));
    assert_eq!(made(&again).0, 0);
}

#[test]
fn another_number_makes_no_code() {
    let mut compiler = compiler(Backend::Jit);
    let first = patch(&mut compiler, &set(SET.len(), ""));
    for (from, to) in [("800hz", "900hz"), ("250ms", "260ms"), ("0.3", "0.35"), ("4db", "-2db")] {
        let text = set(SET.len(), "").replace(from, to);
        assert_ne!(text, set(SET.len(), ""));
        assert!(Arc::ptr_eq(&first, &patch(&mut compiler, &text)), "{from} to {to}");
    }
}

#[test]
fn a_cache_does_not_grow_without_end() {
    let mut compiler = compiler(Backend::Interp);
    let mut graph = |text: &str| compiler.elaborate(&Text(text), &["a.modu".to_string()]).0.expect("a good text").graph;
    let options = Options { sample_rate: 48_000, passes: Passes::Fast, backend: Backend::Jit, verify: false };
    let hot = graph(&set(SET.len(), ""));
    let mut cache = Cache::default();
    compile_with(&hot, &options, 0, &mut cache, &mut |_| {}).expect("compiles");
    let room = cache.size().1 * 3;
    let mut cache = Cache::with_room(room);
    let mut make = |graph: &Graph| {
        let patch = compile_with(graph, &options, 0, &mut cache, &mut |_| {}).expect("compiles");
        (made(&patch).0, cache.size().1)
    };
    let stage = |n: usize, k: usize| if n >> k & 1 == 1 { " >> tanh" } else { " >> softclip" };
    let (mut most, mut shrunk) = (0, 0);
    for n in 0..60 {
        let chain = (0..12).map(|k| stage(n, k)).collect::<String>();
        let (_, size) = make(&graph(&set(n % 8, &chain)));
        assert!(size <= room, "{size} bytes are kept in {room}");
        shrunk += usize::from(size < most);
        most = size;
        // What is played all the time stays.
        let (fresh, _) = make(&hot);
        assert!(n == 0 || fresh == 0, "{n}: {fresh}");
    }
    assert!(shrunk > 0, "it was never full");
}
