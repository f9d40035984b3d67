//! `modurust lsp`: the language server, over standard input and output.

use super::Failure;
use crate::lsp;

/// What `lsp` takes: nothing. Editors start it, and tell it the rest.
#[derive(clap::Args)]
pub struct Args {
    /// Speak over standard input and output, which is what happens in any case
    #[arg(long)]
    stdio: bool,
}

/// Serves until the editor says that it is done.
pub fn run(_args: &Args) -> Result<(), Failure> {
    lsp::serve().map_err(Failure::outside)
}
