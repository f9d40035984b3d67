//! RT2: no module of the audio side has a lock, a channel, a clock, a print or an `unwrap`. Planted: `sources/lock.rs`, and a module that
//! does not ask for the check.
//!
//! An uncontended lock is a few instructions and no call, so no run can find it; it is forbidden by name. `clippy.toml` has the names, each
//! module of the audio side turns the lints on, and clippy is a step of every check of the project. Here the modules are looked at for the
//! lines that turn them on, and clippy is run on the planted source, to see that the names are those of today.

use super::Verdict;
use std::path::Path;
use std::process::Command;

/// What turns the lints on.
const ON: [&str; 2] = [
    "#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]",
    "#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]",
];

/// What the callback runs: of this crate, and of the compiler. Children of a folder's `mod.rs` have its lints.
const MODULES: [&[&str]; 2] = [
    &[
        "bridge",
        "engine",
        "fifo",
        "handover",
        "lanes",
        "launcher",
        "limiter",
        "meter",
        "metronome",
        "overload",
        "scope",
        "sequencer",
        "song",
        "swap",
        "tap",
        "transport",
        "voice",
        "wish",
    ],
    &[
        "exec",
        "few",
        "kernel/mod",
        "sample",
        "score/launch",
        "score/query",
        "score/query_join",
        "score/query_more",
        "score/query_time",
        "score/random",
        "score/ratio",
        "score/tempo",
        "sleep",
    ],
];

fn asks(name: &str, text: &str) -> Verdict {
    match ON.iter().find(|line| !text.lines().any(|own| own == **line)) {
        Some(line) => Err(format!("{name} lacks {line}")),
        None => Ok(()),
    }
}

/// What clippy says of a source that stands alone.
fn clippy(source: &Path) -> Verdict {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let out = std::env::temp_dir().join(format!("modurust-clippy-{}", std::process::id()));
    std::fs::create_dir_all(&out).expect("a folder for what it makes");
    let said = Command::new("clippy-driver")
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--out-dir"])
        .args([&out, source])
        .env("CLIPPY_CONF_DIR", root)
        .output()
        .expect("clippy is installed: rustup component add clippy");
    let _ = std::fs::remove_dir_all(out);
    let text = String::from_utf8_lossy(&said.stderr);
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    if said.status.success() { Ok(()) } else { Err(errors.join("; ")) }
}

/// A source beside this one.
fn source(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/planted/sources").join(name)
}

pub fn holds() -> Verdict {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    for (folder, names) in ["runtime", "compiler"].iter().zip(MODULES) {
        for name in names {
            let path = root.join(folder).join("src").join(format!("{name}.rs"));
            let text = std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
            asks(name, &text)?;
        }
    }
    clippy(&source("atomics.rs"))
}

/// Each mistake of the source must be told, not the first alone.
pub fn planted() -> Verdict {
    let told = clippy(&source("lock.rs")).err().unwrap_or_default();
    for wanted in ["Mutex", "mpsc::Sender", "Instant", "sleep", "println", "unwrap", "expect", "panic"] {
        assert!(told.contains(wanted), "{wanted} was not found: {told}");
    }
    assert!(asks("a module", "//! Does not ask.\n").is_err());
    Err(told)
}
