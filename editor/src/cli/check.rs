//! `modurust check`: what is wrong with files, and what the compiler makes of them.
//!
//! Files given together form one session, as they do when they play; `--each` looks at every file by itself.

use super::emit::{self, Stage};
use super::render::PassesArg;
use super::work::{self, Work};
use super::{Failure, terminal};
use modurust_runtime::compiler::front::{Compiler, Options};
use modurust_runtime::compiler::lang::{Diagnostic, Severity, Source};
use serde::Serialize;

/// What `check` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files that play together
    #[arg(required = true)]
    files: Vec<String>,
    /// Look at every file by itself
    #[arg(long)]
    each: bool,
    /// Print the diagnostics as a JSON array
    #[arg(long, conflicts_with = "emit")]
    json: bool,
    /// Print a stage of the compiler
    #[arg(long, value_name = "STAGE")]
    emit: Option<Stage>,
    /// Measure each region of the schedule, in nanoseconds per frame
    #[arg(long, requires = "emit")]
    profile: bool,
    /// Which rewrites the compiler may use, for the stages after them
    #[arg(long, default_value = "fast")]
    passes: PassesArg,
    /// Frames per second
    #[arg(long, default_value_t = work::RATE, value_parser = work::rate)]
    rate: u32,
}

#[derive(Serialize)]
struct Row {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    severity: &'static str,
    code: &'static str,
    /// The stable code, for `modurust explain`.
    id: &'static str,
    message: String,
    label: Option<String>,
    help: Option<String>,
    note: Option<String>,
}

/// Checks.
pub fn run(args: &Args) -> Result<(), Failure> {
    let sessions: Vec<&[String]> = if args.each { args.files.chunks(1).collect() } else { vec![&args.files] };
    let mut compiler = Compiler::new(Options { passes: args.passes.into(), ..work::options(args.rate) });
    let mut rows = Vec::new();
    let mut failed = false;
    for files in sessions {
        let work = Work::files(files)?;
        let (diagnostics, sources) = match args.emit {
            Some(stage) => emit::emit(&mut compiler, &work, stage, args.profile)?,
            None => {
                let outcome = work.outcome(&mut compiler)?;
                (outcome.diagnostics, outcome.sources)
            }
        };
        if args.json {
            rows.extend(diagnostics.iter().map(|d| row(d, &sources)));
        } else {
            work::tell(&diagnostics, &sources);
        }
        failed |= diagnostics.iter().any(Diagnostic::is_error);
        if !args.json && args.emit.is_none() && !diagnostics.iter().any(Diagnostic::is_error) {
            let warnings = match diagnostics.len() {
                0 => String::new(),
                1 => ", 1 warning".to_string(),
                n => format!(", {n} warnings"),
            };
            terminal::print(&format!("{}: no errors{warnings}\n", files.join(" ")))?;
        }
    }
    if args.json {
        terminal::print_json(&rows)?;
    }
    if failed { Err(Failure::Text) } else { Ok(()) }
}

fn row(diagnostic: &Diagnostic, sources: &[Source]) -> Row {
    let source = work::source_of(diagnostic.file, sources);
    let place = |byte| source.map_or((1, 1), |source| source.position(byte));
    let (line, column) = place(diagnostic.span.start);
    let (end_line, end_column) = place(diagnostic.span.end.max(diagnostic.span.start));
    Row {
        file: source.map(|s| s.name.clone()).unwrap_or_default(),
        line,
        column,
        end_line,
        end_column,
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        code: diagnostic.code,
        id: modurust_runtime::compiler::lang::codes::of(diagnostic).code,
        message: diagnostic.message.clone(),
        label: diagnostic.label.clone(),
        help: diagnostic.help.clone(),
        note: diagnostic.note.clone(),
    }
}
