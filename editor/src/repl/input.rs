//! Whether a text is finished: the state of its brackets, and what its last word still wants.
//!
//! Asked on every Enter, so it must be right for half-typed text: an open bracket or pattern goes on, and so does a line that ends with
//! an operator. A wrong bracket or a text in single quotes that is not closed on its line goes on for ever, so that counts as finished and
//! is told by the compiler. An empty line always finishes.

use modurust_runtime::compiler::lang::token::{Kind, tokens};

/// What a text wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be evaluated.
    Finished,
    /// More must come: so many brackets are open.
    Open(usize),
}

/// The state of a text.
pub fn state(text: &str) -> State {
    if text.trim_start().starts_with(':') || text.ends_with("\n\n") || (text.ends_with('\n') && !text.contains('"')) {
        return State::Finished;
    }
    let mut open: Vec<&str> = Vec::new();
    let mut last = None;
    for token in tokens(text) {
        let word = token.text(text);
        match token.kind {
            Kind::Open => open.push(word),
            Kind::Close => match (open.pop(), word) {
                (Some("("), ")") | (Some("["), "]") | (Some("{"), "}") => {}
                _ => return State::Finished,
            },
            Kind::Unknown if word.starts_with('"') => return State::Open(open.len() + 1),
            Kind::Unknown => return State::Finished,
            _ => {}
        }
        if !matches!(token.kind, Kind::Comment | Kind::Doc) {
            last = Some((token.kind, word));
        }
    }
    let goes_on = match last {
        Some((Kind::Operator | Kind::Comma | Kind::Colon, _)) => true,
        Some((Kind::Keyword, word)) => matches!(word, "and" | "or" | "not" | "if" | "then" | "else"),
        _ => false,
    };
    if open.is_empty() && !goes_on { State::Finished } else { State::Open(open.len()) }
}

/// What was typed in several lines as a file would hold it: a line that goes on is indented, since one that begins in the first
/// column begins a statement.
pub fn laid_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.lines() {
        let goes_on = !out.is_empty() && matches!(state(out.trim_end_matches('\n')), State::Open(_));
        if goes_on && !line.starts_with([' ', '\t']) {
            out.push_str("  ");
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_brackets_and_operators_go_on() {
        for (text, open) in
            [("f(", 1), ("v(x) = {", 1), ("a = [(1, 2", 2), ("t = \"bd sn", 1), ("a = 1 +", 0), ("a = b >>", 0)]
        {
            assert_eq!(state(text), State::Open(open), "{text}");
        }
        assert_eq!(state("a ="), State::Open(0));
        assert_eq!(state("f(x,\n  y"), State::Open(1));
        assert_eq!(state("a = if b then"), State::Open(0));
    }

    #[test]
    fn what_cannot_be_finished_by_more_text_is_finished() {
        for text in [
            "a = 1",
            "a = f(1)",
            "a = 1)",
            "a = (1]",
            ":save",
            "a = 'open",
            "",
            "a = y'",
            "f(\n",
            "a = 1 // (",
            "t = \"bd\n\n",
        ] {
            assert_eq!(state(text), State::Finished, "{text}");
        }
        assert_eq!(state("t = \"bd\n"), State::Open(1));
    }

    #[test]
    fn lines_that_go_on_are_indented() {
        assert_eq!(laid_out("v(x) = {\na = 1\nx + a\n}\nb = 2"), "v(x) = {\n  a = 1\n  x + a\n  }\nb = 2\n");
        assert_eq!(laid_out("a = b\n  >> f"), "a = b\n  >> f\n");
    }
}
