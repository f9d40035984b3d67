//! Every example plays as it is: it compiles, sounds, stays below full scale, and is the same for the interpreter and for every
//! block size of a device.

use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::device::{RenderOptions, RenderReport, render};
use modurust_runtime::world::FileWorld;
use modurust_tests::sound::{RATE, options};
use std::path::PathBuf;

/// How much of each is heard.
const SECONDS: u64 = 8;
/// How much the interpreter, which is slow, repeats.
const REPEATED: u64 = 1;

fn examples() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let folders = [folder.to_string(), format!("{folder}/tour")];
    let entries =
        folders.iter().flat_map(|f| std::fs::read_dir(f).expect("the examples").flatten().map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "modu")).collect();
    files.sort();
    assert!(files.len() >= 8, "examples are missing");
    files
}

fn program(file: &std::path::Path, backend: Backend) -> Program {
    let path = file.to_string_lossy().into_owned();
    let outcome = Compiler::new(options(backend)).compile(&FileWorld::new(), &[path]);
    let messages = outcome.render(false);
    assert!(outcome.diagnostics.is_empty(), "{messages}");
    outcome.program.expect("a program without messages")
}

fn played(program: &Program, seconds: u64, block: usize) -> RenderReport {
    let mut options = RenderOptions::new(program.clone(), seconds * u64::from(RATE));
    options.block = block;
    render(options).expect("rendering to nowhere")
}

#[test]
fn every_example_sounds_and_leaves_headroom() {
    let mut faults = Vec::new();
    for file in examples() {
        let report = played(&program(&file, Backend::Jit), SECONDS, 64);
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let decibels = 20.0 * report.peak.log10();
        // The first example of all is a plain tone and quiet on purpose.
        let lowest = if name == "hello" { -12.1 } else { -7.0 };
        if !(lowest..=-0.9).contains(&decibels) {
            faults.push(format!("{name} peaks at {decibels:.1} dBFS"));
        }
        if report.rms < 0.01 || report.lost > 0 || !report.faults.is_empty() {
            faults.push(format!("{name}: rms {}, lost {}, faults {:?}", report.rms, report.lost, report.faults));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_example_is_the_same_by_any_road() {
    for file in examples() {
        let jit = program(&file, Backend::Jit);
        let whole = played(&jit, REPEATED, 64).hash;
        for block in [1, 7, 512] {
            assert_eq!(played(&jit, REPEATED, block).hash, whole, "{} in blocks of {block}", file.display());
        }
        let interp = program(&file, Backend::Interp);
        assert_eq!(played(&interp, REPEATED, 64).hash, whole, "{} in the interpreter", file.display());
    }
}
