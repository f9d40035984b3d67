//! `modurust fmt`: blanks and indentation as they are in the library and the examples.
//!
//! Files change in place, and only where something is to change. `-` reads standard input and writes standard output, which is
//! what an editor's filter command wants. A text with errors is told, and stays as it is to the byte: who formats on
//! saving must not find half of a file moved while a bracket is open.

use super::Failure;
use super::terminal;
use super::work;
use modurust_runtime::compiler::lang::format::format;
use modurust_runtime::compiler::lang::{FileId, Source};
use modurust_runtime::world::read_text;
use std::io::Read;
use std::path::Path;

/// What `fmt` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files to format in place; `-` formats standard input to standard output
    #[arg(required = true)]
    files: Vec<String>,
    /// Change nothing; name the files that would change, and exit with 1 if there are any
    #[arg(long)]
    check: bool,
}

/// Formats.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut failure = None;
    for file in &args.files {
        let text = read(file)?;
        let source = Source::new(if file == "-" { "standard input" } else { file }, text);
        let mut formatted = format(FileId(0), &source);
        if !formatted.diagnostics.is_empty() {
            work::tell(&formatted.diagnostics, std::slice::from_ref(&source));
            failure = Some(Failure::Text);
            formatted.text = source.text.to_string();
        }
        let changed = formatted.text != *source.text;
        match (args.check, file.as_str()) {
            (true, _) if changed => {
                terminal::print(&format!("{}\n", source.name))?;
                failure = Some(Failure::Text);
            }
            (true, _) => {}
            (false, "-") => terminal::print(&formatted.text)?,
            (false, _) if changed => replace(Path::new(file), &formatted.text)?,
            (false, _) => {}
        }
    }
    failure.map_or(Ok(()), Err)
}

fn read(file: &str) -> Result<String, Failure> {
    if file != "-" {
        return read_text(Path::new(file)).map_err(|why| Failure::because(format!("{file}: {why}")));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|e| Failure::because(format!("standard input: {e}")))?;
    Ok(text)
}

/// Writes a file so that it is whole at any moment: beside it first, then in its place. A link keeps its target.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::because(format!("{}: {e}", path.display()));
    let path = path.canonicalize().map_err(failed)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".formatting");
    let beside = path.with_file_name(name);
    let written = std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(&path)?.permissions()))
        .and_then(|()| std::fs::rename(&beside, &path));
    written.inspect_err(|_| drop(std::fs::remove_file(&beside))).map_err(failed)
}
