//! `modurust explain E0301`: what a code is about, with a wrong and a right example.

use super::{Failure, terminal};
use modurust_runtime::compiler::lang::codes::{self, Code};

/// What `explain` takes.
#[derive(clap::Args)]
pub struct Args {
    /// A code as messages show it, such as E0301, or the word beside it, such as `unit`; without one, all are listed
    code: Option<String>,
}

/// Explains.
pub fn run(args: &Args) -> Result<(), Failure> {
    let Some(code) = &args.code else {
        let rows: Vec<Vec<String>> =
            codes::CODES.iter().map(|row| vec![row.code.into(), row.kind.into(), row.title.into()]).collect();
        return terminal::print(&terminal::table(&rows));
    };
    match codes::find(code) {
        Some(row) => terminal::print(&page(row)),
        None => Err(Failure::Usage(format!("there is no code `{code}`; `modurust explain` lists them"))),
    }
}

/// A page about a code.
pub fn page(row: &Code) -> String {
    let mut out = format!("{}: {}\n\n", terminal::bold(&format!("{} {}", row.code, row.kind)), row.title);
    for line in fold(row.text, 88) {
        out += &format!("{line}\n");
    }
    for (word, text) in [("wrong", row.wrong), ("right", row.right)] {
        if !text.is_empty() {
            out += &format!("\n{word}:\n");
            text.lines().for_each(|line| out += &format!("    {line}\n"));
        }
    }
    out
}

/// Words in lines of at most `width` characters.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("never empty");
        if !last.is_empty() && last.chars().count() + word.chars().count() >= width {
            lines.push(word.to_string());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_words() {
        assert_eq!(fold("one two three", 8), ["one two", "three"]);
    }
}
