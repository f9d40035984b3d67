//! Texts that nobody meant: the examples cut short, with words doubled and lost, and rubbish of several kinds.
//!
//! Each must be answered with diagnostics and exit code 1 within a second, or be valid after all; none may panic, hang, or take
//! more memory than a phone has.

mod common;

use common::{MODURUST, Scratch, examples, finish};
use modurust_runtime::compiler::lang::dice::Dice;
use std::process::Command;
use std::time::Duration;

/// Longest answer.
const LIMIT: Duration = Duration::from_secs(1);
/// Address space, kilobytes: generated code reserves some, so this is more than what is used.
const MEMORY: u32 = 2_000_000;

/// Words, numbers, signs and blanks, as byte ranges.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut tokens: Vec<(usize, usize)> = Vec::new();
    let mut last = None;
    for (at, c) in text.char_indices() {
        let kind = if c.is_alphanumeric() || c == '_' {
            0
        } else if c.is_whitespace() {
            1
        } else {
            2 + at
        };
        match tokens.last_mut() {
            Some(token) if last == Some(kind) => token.1 = at + c.len_utf8(),
            _ => tokens.push((at, at + c.len_utf8())),
        }
        last = Some(kind);
    }
    tokens.retain(|&(a, b)| !text[a..b].trim().is_empty());
    tokens
}

/// Texts with their names.
fn variants() -> Vec<(String, Vec<u8>)> {
    let mut dice = Dice::new(0x5eed_0fa1);
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let texts: Vec<(String, String)> = examples()
        .iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    for round in 0..8 {
        for (name, text) in &texts {
            let tokens = tokens(text);
            let (a, b) = tokens[dice.below(tokens.len())];
            let word = &text[a..b];
            let mut cut = dice.below(text.len());
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            found.push((format!("{name} cut at {cut}, {round}"), text[..cut].into()));
            found.push((
                format!("{name} with {word:?} doubled at {a}"),
                format!("{}{word}{}", &text[..b], &text[b..]).into(),
            ));
            found.push((format!("{name} without {word:?} at {a}"), format!("{}{}", &text[..a], &text[b..]).into()));
        }
    }
    let rubbish = |dice: &mut Dice, n: usize| (0..n).map(|_| dice.below(256) as u8).collect::<Vec<u8>>();
    for n in [1, 100, 5_000, 200_000] {
        found.push((format!("{n} random bytes"), rubbish(&mut dice, n)));
    }
    found.push(("zeros".into(), vec![0; 4096]));
    found.push(("a line of 10 MB".into(), b"out = x + ".repeat(1 << 20)));
    found.push(("a word of 10 MB".into(), b"x".repeat(10 << 20)));
    found.push(("10000 statements of one name".into(), b"a = 1\n".repeat(10_000)));
    for piece in ["\"a\" ", "'a' ", "\"", "'", "x ", "1 "] {
        found.push((format!("100000 of {piece:?} in a row"), format!("out = {}", piece.repeat(100_000)).into()));
    }
    found.push(("a string of 10 MB".into(), [b"out = \"", &b"bd ".repeat(3 << 20)[..]].concat()));
    for (open, close) in
        [("(", ")"), ("[", "]"), ("{", "}"), ("\"[", "]\""), ("-", ""), ("f(", ")"), ("<", ">"), ("x => ", "")]
    {
        let deep = 100_000;
        found.push((format!("{deep} of {open:?}, open"), format!("out = {}", open.repeat(deep)).into()));
        found.push((
            format!("{deep} of {open:?}"),
            format!("out = {}1{}", open.repeat(deep), close.repeat(deep)).into(),
        ));
    }
    found.push((
        "100000 brackets in a pattern".into(),
        format!("out = \"{}bd{}\"", "[".repeat(100_000), "]".repeat(100_000)).into(),
    ));
    found
}

#[test]
fn broken_texts_are_answered() {
    let scratch = Scratch::new();
    let variants = variants();
    assert!(variants.len() >= 200, "{} variants", variants.len());
    let (mut faults, mut valid, mut slowest) = (Vec::new(), 0, (Duration::ZERO, String::new()));
    for (name, text) in &variants {
        let file = scratch.file("broken.modu", text);
        let check = || {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" check \"$1\""), MODURUST, &file]);
            finish(command, Duration::from_secs(60))
        };
        // What else the machine does is not the command's fault: the best of three tries counts.
        let mut ran = check();
        for _ in 0..2 {
            if ran.time > LIMIT {
                let again = check();
                ran = if again.time < ran.time { again } else { ran };
            }
        }
        valid += usize::from(ran.code == 0);
        let fine = match ran.code {
            0 => true,
            1 => ran.err.contains("error[") && ran.err.contains("broken.modu:"),
            _ => false,
        };
        let internal = ran.err.contains("error[internal ");
        if !fine || internal || ran.err.contains("panicked") || ran.time > LIMIT {
            let err: String = ran.err.chars().take(600).collect();
            faults.push(format!("{name}: exit {} after {:?}\n{err}", ran.code, ran.time));
        }
        if ran.time > slowest.0 {
            slowest = (ran.time, name.clone());
        }
    }
    println!("{} texts, {valid} of them valid; the slowest took {:?}: {}", variants.len(), slowest.0, slowest.1);
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    // Most doubled and lost words do harm; if they did none, nothing would be tested.
    assert!(valid < variants.len() / 2, "{valid} of {} texts are valid", variants.len());
}
