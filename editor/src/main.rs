//! The hands: the command `modurust`.
//!
//! This crate only translates. Arguments become options and commands of the runtime, what comes back becomes lines for people or
//! JSON for programs. Nothing here computes sound or knows the language; whatever a command needs beyond that belongs to a crate
//! below, where the other front ends find it too.
//!
//! ```text
//! modurust play song.modu      compile, play, watch
//! modurust render song.modu    the same engine, as fast as it goes, into a file
//! modurust check song.modu     what the compiler has to say
//! ```

mod cli;
mod lsp;
mod piano;
mod repl;
mod window;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
