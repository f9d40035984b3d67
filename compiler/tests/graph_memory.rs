//! Code is freed with its patch: a thousand edits leave nothing behind. Alone in its binary, since it measures the process.
#![cfg(target_os = "linux")]

mod common;

use common::random_graph;
use modurust_compiler::exec::{Backend, Instance, Options, compile};
use modurust_compiler::passes::Passes;
use std::sync::Arc;

/// Resident memory in KiB.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn maps() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn a_thousand_edits_leave_nothing() {
    let options = Options { sample_rate: 48_000, passes: Passes::Exact, backend: Backend::Jit, verify: false };
    let edit = |seed: u64| {
        let patch = Arc::new(compile(&random_graph(seed % 20, 60), &options).unwrap());
        Instance::new(patch).run(0);
    };
    (0..100).for_each(edit);
    let before = (resident(), maps());
    (0..1000).for_each(edit);
    let after = (resident(), maps());
    assert!(after.0 - before.0 < 2048, "{before:?} became {after:?} (KiB, maps)");
    assert!(after.1 <= before.1 + 4, "{before:?} became {after:?} (KiB, maps)");
}
