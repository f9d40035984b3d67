//! What went wrong, where, why, and how to mend it.

use crate::source::{FileId, Source, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement keeps its last good meaning.
    Error,
    /// It plays, but probably not as meant.
    Warning,
}

/// A message about a place in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A short word for the kind: `syntax`, `name`, `unit`, `arity`, `type`, `cycle`, `pattern`.
    pub code: &'static str,
    /// The file.
    pub file: FileId,
    /// Place, counted from the start of the *file*.
    pub span: Span,
    /// What is wrong, in a player's words.
    pub message: String,
    /// Words under the caret, when they add something.
    pub label: Option<String>,
    /// The mend.
    pub help: Option<String>,
    /// A fact worth knowing: what keeps playing.
    pub note: Option<String>,
}

impl Diagnostic {
    /// An error without help yet.
    pub fn error(code: &'static str, file: FileId, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            file,
            span,
            message: message.into(),
            label: None,
            help: None,
            note: None,
        }
    }

    /// A warning without help yet.
    pub fn warning(code: &'static str, file: FileId, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, file, span, message) }
    }

    /// The same with a mend.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The same with words under the caret.
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// The same with a note.
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.note = Some(note.into());
        self
    }

    /// True for an error, false for a warning.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Renders diagnostics for a terminal; `colour` adds ANSI escapes.
///
/// ```text
/// error[unit E0301]: `lpf` wants a frequency, got a time
///   bass.modu:4:24
/// 4 | bass = saw(55hz) >> lpf(800ms)
///   |                         ^^^^^ 0.8 s
///   help: did you mean `800hz`?
/// ```
pub fn render(diagnostics: &[Diagnostic], sources: &[Source], colour: bool) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        render_one(&mut out, diagnostic, sources, colour);
    }
    out
}

fn render_one(out: &mut String, d: &Diagnostic, sources: &[Source], colour: bool) {
    use std::fmt::Write;
    let paint = |code: &str, text: &str| {
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    };
    let word = match d.severity {
        Severity::Error => paint("1;31", &format!("error[{} {}]", d.code, crate::codes::of(d).code)),
        Severity::Warning => paint("1;33", &format!("warning[{} {}]", d.code, crate::codes::of(d).code)),
    };
    let _ = writeln!(out, "{word}: {}", d.message);
    if let Some(source) = sources.get(d.file.0 as usize) {
        let (line, column) = source.position(d.span.start);
        let (end_line, end_column) = source.position(d.span.end.max(d.span.start));
        let _ = writeln!(out, "  {}:{line}:{column}", source.name);
        let text = source.line(line);
        let (shown, cut) = window(text, column);
        let gutter = line.to_string();
        let _ = writeln!(out, "{gutter} | {shown}");
        let width = if end_line == line {
            end_column.saturating_sub(column).max(1)
        } else {
            text.chars().count() + 1 - column.min(text.chars().count())
        };
        let room = shown.chars().count().saturating_sub(column - cut - 1).max(1);
        let carets = paint("1;31", &"^".repeat(width.clamp(1, room)));
        let label = d.label.as_deref().unwrap_or("");
        let line = format!("{} | {}{carets} {label}", " ".repeat(gutter.len()), " ".repeat(column - cut - 1));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    for (word, text) in [("help", &d.help), ("note", &d.note)] {
        if let Some(text) = text {
            let _ = writeln!(out, "  {}: {text}", paint("1;36", word));
        }
    }
}

/// At most 120 characters of a line around a column, and how many were cut on the left. Tabs show as one blank.
fn window(line: &str, column: usize) -> (String, usize) {
    let cut = if column > 100 { column - 40 } else { 0 };
    (line.chars().skip(cut).take(120).map(|c| if c == '\t' || c.is_control() { ' ' } else { c }).collect(), cut)
}
