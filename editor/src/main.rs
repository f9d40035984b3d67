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
    // The kernel would make pages of 2 MiB of whatever is used of them: a window of half an hour held twice the memory that it had asked for,
    // and sound was not computed any faster. Where this is refused nothing is lost.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
    cli::run()
}
