//! Reads the files given: prints what is wrong with them, and what one line costs.
//!
//! `cargo run --release -p modurust-lang --example read -- lang/tests/programs/*.modu`

use modurust_lang::{FileId, Source, diag, parse};
use std::time::Instant;

fn main() {
    for name in std::env::args().skip(1) {
        let text = match std::fs::read(&name) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                eprintln!("{name}: {error}");
                continue;
            }
        };
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let lines = text.lines().filter(is_code).count().max(1) as u32;
        let source = Source::new(name, text);
        let parsed = parse(FileId(0), &source);
        print!("{}", diag::render(&parsed.diagnostics, std::slice::from_ref(&source), false));
        let rounds = 500;
        let start = Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(parse(FileId(0), &source));
        }
        let took = start.elapsed() / rounds;
        println!("{}: {lines} lines in {took:?}, {:?} a line", source.name, took / lines);
    }
}
