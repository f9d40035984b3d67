//! The README keeps its word: its commands run, and its programs sound.
//!
//! Blocks that open with `sh test` are run line by line by a shell, in a folder with a copy of the examples; blocks that open with
//! `modu` are rendered.

mod common;

use common::{MODURUST, Scratch, blocks, finish, root, run};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("the README")
}

#[test]
fn commands_run() {
    let scratch = Scratch::new();
    let examples = scratch.path().join("examples");
    std::fs::create_dir(&examples).unwrap();
    for file in std::fs::read_dir(root().join("examples")).unwrap().flatten().filter(|f| f.path().is_file()) {
        std::fs::copy(file.path(), examples.join(file.file_name())).unwrap();
    }
    let program = Path::new(MODURUST).parent().expect("a folder").display().to_string();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap_or_default());
    let blocks = blocks(&readme(), "sh test");
    assert!(blocks.len() >= 3, "the README has no commands to run");
    for (line, script) in blocks {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &script]).current_dir(scratch.path()).env("PATH", &path);
        let ran = finish(shell, Duration::from_secs(120));
        assert_eq!(ran.code, 0, "README.md:{line}\n{script}\n{ran:?}");
        assert!(!ran.err.contains("panicked"), "README.md:{line}\n{}", ran.err);
    }
}

#[test]
fn programs_sound() {
    let scratch = Scratch::new();
    let blocks = blocks(&readme(), "modu");
    assert!(blocks.len() >= 3, "the README has no programs");
    for (line, text) in blocks {
        let file = scratch.file("readme.modu", &text);
        let ran = run(&["render", &file, "--for", "4bars", "--json", "--takes"]);
        assert_eq!(ran.code, 0, "README.md:{line}\n{text}\n{}", ran.err);
        let summary = ran.json();
        assert!(summary["peak"].as_f64().unwrap() > 0.01, "README.md:{line} is silent\n{text}");
        assert!(ran.err.is_empty(), "README.md:{line}\n{text}\n{}", ran.err);
    }
}
