//! `modurust plan OLD NEW`: what an edit does to memory, without playing it.
//!
//! Two texts are compiled and compared as a swap compares them: which cells, delay lines and voices go on under their name, which under
//! another, which begin anew and which are gone. `:plan` in the REPL tells the same of the last edit.

use super::work::{self, Work};
use super::{Failure, terminal};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::graph::state::{Piece, Report, StateMap};
use modurust_runtime::swap::change;
use serde::Serialize;
use std::fmt::Write;

/// What `plan` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The text that plays
    old: String,
    /// The text that is to play
    new: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Frames per second
    #[arg(long, default_value_t = work::RATE, value_parser = work::rate)]
    rate: u32,
}

#[derive(Serialize)]
struct Row<'a> {
    key: &'a str,
    kind: &'a str,
}

#[derive(Serialize)]
struct Plan<'a> {
    /// `nothing`, `numbers`, `patterns`, `code`
    change: &'static str,
    kept: Vec<Row<'a>>,
    moved: Vec<Row<'a>>,
    made: Vec<Row<'a>>,
    dropped: Vec<Row<'a>>,
}

/// Compiles both, and tells.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut compiler = Compiler::new(work::options(args.rate));
    let mut work = Work::files(std::slice::from_ref(&args.old))?;
    let old = work.compile(&mut compiler)?;
    work.edit(&args.new)?;
    let new = work.compile(&mut compiler)?;
    let kind = change(&old, &new).word();
    let report = StateMap::between(&old.patch.graph, &old.units, &new.patch.graph, &new.units).report;
    if !args.json {
        return terminal::print(&format!("changes: {kind}\n{}", text(&report, usize::MAX)));
    }
    fn rows(pieces: &[Piece]) -> Vec<Row<'_>> {
        pieces.iter().map(|piece| Row { key: &piece.key, kind: &piece.kind }).collect()
    }
    terminal::print_json(&Plan {
        change: kind,
        kept: rows(&report.kept),
        moved: rows(&report.moved),
        made: rows(&report.made),
        dropped: rows(&report.dropped),
    })
}

/// A report in words, with at most so many pieces of a kind.
pub fn text(report: &Report, most: usize) -> String {
    let mut out = String::new();
    let parts: [(&str, &[Piece]); 4] =
        [("kept", &report.kept), ("moved", &report.moved), ("made", &report.made), ("dropped", &report.dropped)];
    for (word, pieces) in parts {
        let _ = writeln!(out, "{word}: {}", pieces.len());
        for piece in pieces.iter().take(most) {
            let _ = writeln!(out, "  {} ({})", piece.key, piece.kind);
        }
        if pieces.len() > most {
            let _ = writeln!(out, "  and {} more", pieces.len() - most);
        }
    }
    out
}
