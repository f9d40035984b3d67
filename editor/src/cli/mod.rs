//! The command line: names, options, outputs and exit codes that other people's scripts may rely on.
//!
//! One file a command. Each has its arguments as a `clap` structure and a function that carries it out and returns
//! `Result<(), Failure>`; a [`Failure`] knows its exit code, and is told to people in one place, here.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the program text has errors; they are on standard error, and nothing else was changed |
//! | 2 | wrong usage |
//! | 3 | a file, device or other outside thing failed |

pub(crate) mod begin;
mod bench;
mod check;
mod devices;
pub(crate) mod doc;
mod edits;
pub(crate) mod emit;
mod events;
mod explain;
mod fmt;
mod length;
mod lsp;
mod measure;
mod midi_file;
mod nodes;
pub(crate) mod osc;
mod osc_layout;
pub(crate) mod output;
pub mod picture;
pub mod plan;
mod play;
pub(crate) mod ports;
mod reference;
mod render;
mod sets;
pub(crate) mod status;
mod supervise;
pub(crate) mod terminal;
mod textmate;
mod tone;
mod tree;
pub(crate) mod work;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use modurust_runtime::compiler::codegen::isa::Isa;
use std::process::ExitCode;

/// Plays, renders and checks patches written in Modu.
#[derive(Parser)]
#[command(name = "modurust", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Tell more on standard error; twice tells all (MODURUST_LOG=error|warn|info|debug does the same)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Width of vectors: 128, avx2, avx512, or portable (128, by Cranelift alone); the widest of the processor unless said otherwise (MODURUST_ISA does the same)
    #[arg(long, global = true, value_name = "NAME")]
    isa: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Play files, and swap in every saved edit
    Play(play::Args),
    /// Play, and edit line by line
    Repl(crate::repl::Args),
    /// Play, and edit in a window: code, hexes, clips, arrangement
    Edit(Box<crate::window::Args>),
    /// Render to a WAV file, faster than real time
    Render(render::Args),
    /// Say what is wrong with files, or show what the compiler makes of them
    Check(check::Args),
    /// Say what an edit keeps, moves, makes and drops of what sounds
    Plan(plan::Args),
    /// Format files in place
    Fmt(fmt::Args),
    /// List the events of a pattern
    Events(events::Args),
    /// Measure how much of the machine files need
    Bench(bench::Args),
    /// Explain a node or function; with no name, list all
    Doc(doc::Args),
    /// Explain an error by its code, with a wrong and a right example
    Explain(explain::Args),
    /// Serve an editor by the Language Server Protocol
    Lsp(lsp::Args),
    /// List the outputs that sound can go to
    Devices(devices::Args),
    /// Make faders and buttons for a set, for Open Stage Control
    OscLayout(osc_layout::Args),
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The text has errors, which have been printed.
    Text,
    /// The arguments make no sense; what to write instead.
    Usage(String),
    /// A file, a device or another outside thing failed.
    Outside(anyhow::Error),
}

impl Failure {
    /// Something outside failed: one line that names it.
    pub fn outside(error: impl Into<anyhow::Error>) -> Failure {
        Failure::Outside(error.into())
    }

    /// The same, from words.
    pub fn because(message: impl std::fmt::Display) -> Failure {
        Failure::Outside(anyhow::anyhow!("{message}"))
    }

    fn code(&self) -> u8 {
        match self {
            Failure::Text => 1,
            Failure::Usage(_) => 2,
            Failure::Outside(_) => 3,
        }
    }
}

/// Reads the arguments, carries out the command, and tells how it went.
pub(crate) fn run() -> ExitCode {
    // Wrong arguments end here, with exit code 2; so do `--help` and `--version`, with 0.
    let cli = Cli::parse();
    terminal::set_level(cli.verbose);
    let chosen = cli.isa.as_deref().map_or(Ok(()), choose_isa);
    let result = chosen.and_then(|()| carry_out(&cli.command));
    let Err(failure) = result else { return ExitCode::SUCCESS };
    match &failure {
        Failure::Text => {}
        Failure::Usage(message) => {
            let _ = Cli::command().error(clap::error::ErrorKind::ValueValidation, message).print();
        }
        Failure::Outside(error) => terminal::error(&error.to_string()),
    }
    ExitCode::from(failure.code())
}

/// Chooses the vectors that code is made for.
fn choose_isa(name: &str) -> Result<(), Failure> {
    let isa = Isa::named(name).ok_or_else(|| {
        let names: Vec<&str> = Isa::ALL.iter().map(|isa| isa.name()).collect();
        Failure::Usage(format!("`--isa` takes one of {}, not `{name}`", names.join(", ")))
    })?;
    if isa.force() { Ok(()) } else { Err(Failure::because(format!("this processor has no {name}"))) }
}

fn carry_out(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Play(args) => play::run(args),
        Command::Repl(args) => crate::repl::run(args),
        Command::Edit(args) => crate::window::run(args),
        Command::Render(args) => render::run(args),
        Command::Check(args) => check::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Fmt(args) => fmt::run(args),
        Command::Events(args) => events::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Doc(args) => doc::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Lsp(args) => lsp::run(args),
        Command::Devices(args) => devices::run(args),
        Command::OscLayout(args) => osc_layout::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
