//! What is wrong with a text, as editors show it.

use super::texts::{Open, Texts};
use crate::cli::work;
use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString, Position, Range};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::ide::LineMap;
use modurust_runtime::compiler::lang::{self, Severity, Source, codes};

/// The compiler's front stages, which remember statements that did not change.
pub struct Problems {
    compiler: Compiler,
}

impl Problems {
    /// Nothing remembered yet.
    pub fn new() -> Problems {
        Problems { compiler: Compiler::new(work::options(work::RATE)) }
    }

    /// What is wrong with an open text. What is wrong with a file that it uses stands where it names that file.
    pub fn find(&mut self, texts: &Texts, open: &Open) -> Vec<Diagnostic> {
        let (_, found, sources) = self.compiler.elaborate(texts.world(), std::slice::from_ref(&open.path));
        found.iter().map(|diagnostic| problem(open, diagnostic, &sources)).collect()
    }
}

fn problem(open: &Open, found: &lang::Diagnostic, sources: &[Source]) -> Diagnostic {
    let mut message = found.message.clone();
    let range = match sources.get(found.file.0 as usize) {
        Some(source) if found.file.0 == 0 => {
            let lines = LineMap::new(&source.text);
            let at = |byte: u32| super::texts::place(lines.position(&source.text, byte as usize));
            let (start, end) = (at(found.span.start), at(found.span.end));
            // A place without width is made one character wide: nobody sees it otherwise.
            let end = if end > start { end } else { Position { character: start.character + 1, ..start } };
            Range { start, end }
        }
        Some(source) => {
            let (line, column) = source.position(found.span.start);
            message = format!("{}:{line}:{column}: {message}", source.name);
            named(open, &source.name)
        }
        None => Range::default(),
    };
    for (word, more) in [("", &found.label), ("help: ", &found.help), ("note: ", &found.note)] {
        if let Some(more) = more {
            message += &format!("\n{word}{more}");
        }
    }
    Diagnostic {
        range,
        severity: Some(match found.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(codes::of(found).code.to_string())),
        source: Some("modurust".to_string()),
        message,
        ..Diagnostic::default()
    }
}

/// Where a text names a file that it uses: the line of its `use`, or the first.
fn named(open: &Open, file: &str) -> Range {
    let stem = file.rsplit('/').next().and_then(|name| name.strip_suffix(".modu")).unwrap_or(file);
    let line = open.text().lines().position(|line| line.starts_with("use ") && line.contains(stem)).unwrap_or(0);
    let line = line as u32;
    Range { start: Position::new(line, 0), end: Position::new(line, 4) }
}
