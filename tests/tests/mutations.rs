//! Ten thousand seeded mutations of programs go through the front stages: no panic, every place inside its file.
//!
//! The mean time is printed; `cargo test --release -p modurust-tests --test mutations --
//! --nocapture` shows it.

use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, World};
use modurust_runtime::compiler::lang::dice::Dice;
use modurust_tests::sound::options;
use modurust_tests::suite::home;
use std::time::{Duration, Instant};

struct Files(Vec<(String, String)>);

impl World for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.iter().find(|(name, _)| name == path).map(|(_, text)| text.clone()).ok_or_else(|| "no such file".into())
    }
}

fn programs() -> Vec<String> {
    let mut out = Vec::new();
    for folder in ["../examples", "../lang/tests/programs"] {
        let mut files: Vec<_> = std::fs::read_dir(home().join(folder)).expect("programs").flatten().collect();
        files.sort_by_key(|f| f.path());
        for file in files.iter().filter(|f| f.path().extension().is_some_and(|e| e == "modu")) {
            out.push(std::fs::read_to_string(file.path()).expect("text"));
        }
    }
    out
}

/// Pieces that players and other tools write.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    ">>",
    "~>",
    "=>",
    "=",
    ",",
    ":",
    "..",
    "hz",
    "ms",
    "bars",
    "db",
    " if ",
    " then ",
    " else ",
    "\n",
    "  ",
    "track ",
    "clips ",
    "launch x",
    "scene ",
    "440",
    "0",
    "-1",
    "1e9",
    "x'",
    "é",
    "\u{1F3B5}",
    "\t",
    "//",
    "///",
    "sin",
    "mono(acid)",
    "use ",
    " it ",
    "a1",
    "for ",
    "\0",
    "%",
    "@",
    "?",
    "sig[n]",
    "fft(64)",
    "knob(1, 0..2)",
    "poly(8, ",
];

fn mutate(text: &str, programs: &[String], dice: &mut Dice) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(chars.len() + 1);
        let len = dice.below(12).min(chars.len() - at);
        match dice.below(7) {
            0 => drop(chars.drain(at..at + len)),
            1 => drop(chars.splice(at..at, PIECES[dice.below(PIECES.len())].chars())),
            2 => drop(chars.splice(at..at + len.min(1), PIECES[dice.below(PIECES.len())].chars())),
            3 => {
                let piece: Vec<char> = chars[at..at + len].to_vec();
                let to = dice.below(chars.len() + 1);
                chars.splice(to..to, piece);
            }
            4 => chars.truncate(at),
            5 => {
                // A line of another program.
                let other = &programs[dice.below(programs.len())];
                let lines: Vec<&str> = other.lines().collect();
                let line = format!("\n{}\n", lines[dice.below(lines.len())]);
                chars.splice(at..at, line.chars());
            }
            _ => {
                if at + 1 < chars.len() {
                    chars.swap(at, at + 1);
                }
            }
        }
    }
    chars.into_iter().collect()
}

/// What some mutations have come to.
#[derive(Default)]
struct Found {
    wrong: usize,
    total: Duration,
    longest: Duration,
}

/// Checks so many mutations of the programs, with a compiler that sees one after another.
fn check(programs: &[String], seed: u64, numbers: std::ops::Range<usize>) -> Found {
    let mut dice = Dice::new(seed);
    let mut compiler = Compiler::new(options(Backend::Interp));
    let mut found = Found::default();
    for n in numbers {
        // Those of one program follow each other, as in a night.
        let text = mutate(&programs[n / 25 % programs.len()], programs, &mut dice);
        let files = Files(vec![("a.modu".into(), text.clone()), ("acid.modu".into(), programs[0].clone())]);
        let begin = Instant::now();
        let (elaborated, diagnostics, sources) = compiler.elaborate(&files, &["a.modu".into()]);
        let took = begin.elapsed();
        found.total += took;
        found.longest = found.longest.max(took);
        found.wrong += usize::from(elaborated.is_none());
        let errors = diagnostics.iter().filter(|d| d.is_error()).count();
        assert_eq!(elaborated.is_none(), errors > 0, "mutation {n}\n{text}");
        for d in &diagnostics {
            assert_ne!(d.code, "internal", "mutation {n}: {}\n{text}", d.message);
            let source = sources.get(d.file.0 as usize).unwrap_or_else(|| panic!("mutation {n}: no such file\n{text}"));
            let (start, end) = (d.span.start as usize, d.span.end as usize);
            // At the end of a file one may point behind its last byte.
            let inside = start <= end && end <= source.text.len().max(1);
            assert!(inside, "mutation {n}: {}: {start}..{end} of {}\n{text}", d.message, source.text.len());
            assert!(
                source.text.get(start..end).is_some() || source.text.is_empty(),
                "mutation {n}: {}\n{text}",
                d.message
            );
        }
    }
    found
}

#[test]
fn mutated_programs_are_told_what_is_wrong_inside_their_files() {
    const COUNT: usize = 10_000;
    let programs = programs();
    let halves = std::thread::scope(|scope| {
        let half = |n: usize| {
            scope.spawn({
                let programs = &programs;
                move || check(programs, 0x5EED_CAFE + n as u64, n * COUNT / 2..(n + 1) * COUNT / 2)
            })
        };
        [half(0), half(1)].map(|half| half.join().expect("a half"))
    });
    let wrong: usize = halves.iter().map(|half| half.wrong).sum();
    let total: Duration = halves.iter().map(|half| half.total).sum();
    let longest = halves.iter().map(|half| half.longest).max().unwrap_or_default();
    assert!(wrong > COUNT / 4, "only {wrong} of {COUNT} mutations are wrong");
    println!("{COUNT} mutations, {wrong} with errors: mean {:?}, longest {longest:?}", total / COUNT as u32);
}
