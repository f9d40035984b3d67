//! What is written where: results on standard output, everything for people on standard error.
//!
//! Writing never fails loudly. A reader that went away (`modurust doc | head`) ends the command quietly; a closed standard error
//! is ignored. Colour is for terminals only, and never where `NO_COLOR` is set.

use super::Failure;
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What ended the command.
    Error,
    /// What the user should know.
    Warn,
    /// What happens.
    Info,
    /// Every detail.
    Debug,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Warn as u8);

/// Sets the level: the higher of `MODURUST_LOG` and the number of `-v`s.
pub fn set_level(verbose: u8) {
    let named = match std::env::var("MODURUST_LOG").unwrap_or_default().to_lowercase().as_str() {
        "off" | "error" => Level::Error,
        "info" => Level::Info,
        "debug" | "trace" => Level::Debug,
        _ => Level::Warn,
    };
    let asked = match verbose {
        0 => Level::Error,
        1 => Level::Info,
        _ => Level::Debug,
    };
    LEVEL.store(named.max(asked) as u8, Ordering::Relaxed);
}

/// True if messages of this level are told.
pub fn tells(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// Writes on standard error, as it is.
pub fn complain(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// A line on standard error, if the level is told.
pub fn log(level: Level, line: impl FnOnce() -> String) {
    if tells(level) {
        complain(&format!("{}\n", line()));
    }
}

/// One line about what ended the command.
pub fn error(message: &str) {
    complain(&format!("{}: {message}\n", paint("1;31", "error")));
}

/// One line about something that the user should know.
pub fn warn(message: &str) {
    log(Level::Warn, || format!("{}: {message}", paint("1;33", "warning")));
}

/// One line about something that was left undone, and how it is done.
pub fn note(message: &str) {
    log(Level::Warn, || format!("{}: {message}", paint("1;36", "note")));
}

fn allowed() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// True if standard error takes colours.
pub fn colour() -> bool {
    allowed() && std::io::stderr().is_terminal()
}

/// True if standard output takes colours.
pub fn colour_out() -> bool {
    allowed() && std::io::stdout().is_terminal()
}

/// True if a line on standard output can be written over.
pub fn rewritable() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn paint(code: &str, text: &str) -> String {
    if colour() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
}

/// Text for standard output in bold, where that shows.
pub fn bold(text: &str) -> String {
    if colour_out() { format!("\x1b[1m{text}\x1b[0m") } else { text.to_string() }
}

/// Writes on standard output. A reader that went away ends the program, quietly and well.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::because(format!("cannot write to standard output: {error}"))),
    }
}

/// Writes one JSON value on one line of standard output.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|e| Failure::because(format!("no JSON of this: {e}")))?;
    print(&format!("{text}\n"))
}

/// Rows as columns, each as wide as its widest cell, two blanks apart.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, &width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A level in decibels, for people.
pub fn decibels(level: f32) -> String {
    if level > 0.0 { format!("{:.1} dB", 20.0 * level.log10()) } else { "silent".to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_string(), "b".to_string()], vec!["long".to_string()]];
        assert_eq!(table(&rows), "a     b\nlong\n");
    }

    #[test]
    fn levels_in_words() {
        assert_eq!(decibels(1.0), "0.0 dB");
        assert_eq!(decibels(0.0), "silent");
        assert!(Level::Debug > Level::Info && Level::Info > Level::Warn);
    }
}
