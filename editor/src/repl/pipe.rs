//! `modurust repl --pipe`: statements on standard input, answers on standard output, for editors.
//!
//! ```text
//! in    lines; a block ends with a blank line, or where a line begins with `:`, which is a block of its own. A blank line inside of
//!       open brackets belongs to the block; two blank lines, or the end of the input, always end it.
//! out   for each block: a line for each statement, `ok NAME`, `held NAME` (it has an error and keeps its last good version),
//!       `left-out NAME` (it has an error and never was good) or `done NAME` (a command); then lines for people; then a line with a
//!       single `.`. A line for people that begins with `.` has one more.
//! ```
//!
//! All statements of a block go in together. What happens unasked (a device that is gone) comes as a block that begins with `note`. At the
//! end of the input the sound fades and the program ends.

use super::input::{State, state};
use super::live::Answer;

/// Lines on their way to a block.
#[derive(Debug, Default)]
pub struct Blocks {
    text: String,
    blank: bool,
}

impl Blocks {
    /// Takes a line; the blocks that it ends.
    pub fn line(&mut self, line: &str) -> Vec<String> {
        let mut done = Vec::new();
        if line.trim().is_empty() {
            let open = matches!(state(self.text.trim_end()), State::Open(n) if n > 0);
            if self.blank || !open {
                done.extend(self.take());
            } else {
                self.text.push('\n');
                self.blank = true;
            }
            return done;
        }
        self.blank = false;
        if line.starts_with(':') {
            done.extend(self.take());
            done.push(line.trim().to_string());
            return done;
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
        done
    }

    /// What is left at the end of the input.
    pub fn take(&mut self) -> Option<String> {
        self.blank = false;
        let text = std::mem::take(&mut self.text);
        (!text.trim().is_empty()).then_some(text)
    }
}

/// An answer as it is written.
pub fn written(answer: &Answer) -> String {
    let mut out = String::new();
    for done in &answer.done {
        out.push_str(format!("{} {}", done.word, done.name).trim_end());
        out.push('\n');
    }
    for line in answer.text.lines() {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(".\n");
    out
}

#[cfg(test)]
mod tests {
    use super::super::live::Done;
    use super::*;

    fn blocks(text: &str) -> Vec<String> {
        let mut blocks = Blocks::default();
        let mut all: Vec<String> = text.split('\n').flat_map(|line| blocks.line(line)).collect();
        all.extend(blocks.take());
        all
    }

    #[test]
    fn a_blank_line_ends_a_block() {
        assert_eq!(blocks("a = 1\nb = 2\n\n\nc = 3"), ["a = 1\nb = 2\n", "c = 3\n"]);
        assert_eq!(blocks("v(x) = {\n  a = 1\n\n  x\n}\n\nb = 2\n\n"), ["v(x) = {\n  a = 1\n\n  x\n}\n", "b = 2\n"]);
        assert_eq!(blocks("a = f(\n\n\nb = 2\n\n"), ["a = f(\n\n", "b = 2\n"]);
        assert_eq!(blocks("a = 1\n:cpu\n  :x\n\n"), ["a = 1\n", ":cpu", "  :x\n"]);
        assert!(blocks("\n \n\n").is_empty());
    }

    #[test]
    fn answers_end_with_a_point() {
        let done = vec![Done { word: "ok", name: "bass".into() }, Done { word: "left-out", name: String::new() }];
        let answer = Answer { done, text: ".5\nwords\n".into(), quit: false };
        assert_eq!(written(&answer), "ok bass\nleft-out\n..5\nwords\n.\n");
        assert_eq!(written(&Answer::default()), ".\n");
    }
}
