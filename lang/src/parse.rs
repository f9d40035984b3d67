//! Text to trees, statement by statement.
//!
//! [`crate::split`] cuts a file into chunks and checks quotes, brackets and depth; pest reads one chunk; `build`
//! makes the tree; `recover` turns pest's position into words. What a chunk gave is kept by its text, so that after
//! an edit only the edited statement is read again. Nothing here fails: a statement that cannot be read becomes
//! [`Item::Broken`] with one diagnostic, and its neighbours are none the worse.

use crate::ast::{Expr, Item, Stmt};
use crate::build::Build;
use crate::diag::Diagnostic;
use crate::source::{FileId, Source, Span};
use crate::{recover, split};
use pest::Parser as _;
use rustc_hash::FxHashMap as HashMap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The grammar of a statement, as pest reads it.
pub const GRAMMAR: &str = include_str!("grammar.pest");

/// pest's parser; only this module and the builder see it. What it generates has no documentation.
#[allow(missing_docs)]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar.pest"]
    pub struct Grammar;
}
use grammar::Grammar;
pub(crate) use grammar::Rule;

/// More than this many statements in one file are not read.
pub const MAX_STATEMENTS: usize = 50_000;

/// More than this many diagnostics for one file are not kept.
pub const MAX_DIAGNOSTICS: usize = 1_000;

/// Texts that the cache keeps before the ones unused since the last turn are dropped, or twice as many as the files of the session have.
const CACHE_ENTRIES: usize = 256;

/// Longer texts are not cached: they are rare, and keys cost memory.
const CACHE_TEXT: usize = 16 * 1024;

/// The trees of a file and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// In the order of the text.
    pub stmts: Vec<Stmt>,
    /// In the order of the text; at most one error per statement.
    pub diagnostics: Vec<Diagnostic>,
}

/// What one chunk gave: items with their place in the chunk, diagnostics with spans in the chunk.
#[derive(Debug, Default)]
struct Reading {
    items: Vec<(u32, Arc<Item>)>,
    diagnostics: Vec<Diagnostic>,
}

/// A parser that remembers statements by their text.
#[derive(Debug, Default)]
pub struct Parser {
    recent: HashMap<String, Arc<Reading>>,
    older: HashMap<String, Arc<Reading>>,
    /// Statements of each file when it was parsed last.
    sizes: BTreeMap<u32, usize>,
}

impl Parser {
    /// A parser that remembers nothing yet.
    pub fn new() -> Parser {
        Parser::default()
    }

    /// Parses a file. Statements whose text was seen before share their tree with the earlier parse.
    pub fn parse(&mut self, file: FileId, source: &Source) -> Parsed {
        let mut parsed = Parsed::default();
        let mut hidden = 0;
        self.sizes.insert(file.0, 0);
        for (n, chunk) in split::split(&source.text).enumerate() {
            if n == MAX_STATEMENTS {
                let span = Span::new(chunk.offset, chunk.offset + 1);
                let message = format!("a file may have at most {MAX_STATEMENTS} statements");
                let error = Diagnostic::error("limit", file, span, message);
                parsed.diagnostics.truncate(MAX_DIAGNOSTICS - 1);
                parsed.diagnostics.push(error.help("move the rest to a second file"));
                break;
            }
            self.sizes.insert(file.0, n + 1);
            let reading = self.read(chunk.text);
            let offset = chunk.offset as u32;
            parsed.stmts.extend(reading.items.iter().map(|(at, item)| Stmt {
                file,
                offset: offset + at,
                item: item.clone(),
            }));
            for found in &reading.diagnostics {
                if parsed.diagnostics.len() < MAX_DIAGNOSTICS {
                    let span = found.span.shift(offset);
                    parsed.diagnostics.push(Diagnostic { file, span, ..found.clone() });
                } else {
                    hidden += 1;
                }
            }
        }
        if let Some(last) = parsed.diagnostics.last_mut().filter(|_| hidden > 0) {
            last.note = Some(format!("{hidden} more errors in this file are not shown"));
        }
        parsed
    }

    fn read(&mut self, text: &str) -> Arc<Reading> {
        if let Some(reading) = self.recent.get(text) {
            return reading.clone();
        }
        let reading = self.older.remove(text).unwrap_or_else(|| Arc::new(read(text)));
        if text.len() <= CACHE_TEXT {
            if self.recent.len() >= CACHE_ENTRIES.max(2 * self.sizes.values().sum::<usize>()) {
                self.older = std::mem::take(&mut self.recent);
            }
            self.recent.insert(text.to_string(), reading.clone());
        }
        reading
    }
}

/// Parses a file once, without remembering anything.
pub fn parse(file: FileId, source: &Source) -> Parsed {
    Parser::new().parse(file, source)
}

/// Parses one expression; spans count from the start of `text`.
pub fn parse_expr(file: FileId, text: &str) -> (Option<Expr>, Vec<Diagnostic>) {
    match pairs(Rule::one_expr, text, |build, pair| build.expr(pair)) {
        Ok(mut exprs) => match exprs.pop() {
            Some((_, _, Ok(expr))) => (Some(expr), Vec::new()),
            Some((_, _, Err(found))) => (None, vec![Diagnostic { file, ..*found }]),
            None => (None, Vec::new()),
        },
        Err(found) => (None, vec![Diagnostic { file, ..*found }]),
    }
}

/// Reads a chunk: usually one statement, but statements may follow each other on a line.
fn read(text: &str) -> Reading {
    let broken = |start: u32, end: u32| {
        let name = split::head_name(&text[start as usize..]).map(str::to_string);
        Arc::new(Item::Broken { name, span: Span { start: 0, end: end - start } })
    };
    let mut reading = Reading::default();
    match pairs(Rule::file, text, |build, pair| build.item(pair)) {
        Ok(stmts) => {
            for (i, (span, bare, stmt)) in stmts.into_iter().enumerate() {
                // The first statement starts with the chunk, so that its doc lines lie in it.
                let mut at = if i == 0 { 0 } else { span.start };
                match stmt {
                    Ok(item) => reading.items.push((at, Arc::new(item))),
                    Err(found) => {
                        // A value alone was meant as more of the statement before it, which is not as meant either.
                        if let Some((before, _)) = reading.items.pop_if(|_| bare) {
                            at = before;
                        }
                        reading.items.push((at, broken(at, span.end)));
                        reading.diagnostics.push(*found);
                    }
                }
            }
        }
        Err(found) => {
            reading.items.push((0, broken(0, text.len() as u32)));
            reading.diagnostics.push(*found);
        }
    }
    reading
}

/// A statement that is only a value.
fn is_bare(pair: &Pair) -> bool {
    pair.as_rule() == Rule::item && pair.clone().into_inner().len() == 1
}

type Pair<'a> = pest::iterators::Pair<'a, Rule>;
/// A tree, or the one thing that is wrong with it. Boxed: it is rare, and results are passed about a lot.
pub(crate) type Built<T> = Result<T, Box<Diagnostic>>;

/// Scans and parses `text`, then builds each top pair up to the first with a mistake: its span in the text, whether it is only a
/// value, and what was built. (Values may follow each other by the thousand, and to explain each takes the whole text.)
fn pairs<T>(
    rule: Rule,
    text: &str,
    mut make: impl FnMut(&mut Build<'_>, Pair<'_>) -> Built<T>,
) -> Built<Vec<(Span, bool, Built<T>)>> {
    if text.len() > split::MAX_STATEMENT {
        let message = format!("this statement is longer than {} KiB", split::MAX_STATEMENT / 1024);
        let found = Diagnostic::error("limit", FileId::default(), Span::new(0, 0), message);
        return Err(Box::new(found.help("give parts of it names of their own")));
    }
    let scan = split::scan(text)?;
    let mut top = match Grammar::parse(rule, &scan.code) {
        Ok(top) => top,
        Err(_) => return Err(explain(rule, text, &scan)),
    };
    let Some(top) = top.next() else {
        return Ok(Vec::new());
    };
    let mut made = Vec::new();
    for pair in top.into_inner().filter(|pair| pair.as_rule() != Rule::EOI) {
        let span = Span::new(pair.as_span().start(), pair.as_span().end());
        let base = if made.is_empty() { 0 } else { span.start };
        let mut build = Build::new(text, &scan.code, if rule == Rule::file { base } else { 0 });
        let bare = is_bare(&pair);
        let built = make(&mut build, pair);
        let wrong = built.is_err();
        made.push((span, bare, built));
        if wrong {
            break;
        }
    }
    Ok(made)
}

/// One at a time: pest's switch for detail is global, and off costs nothing where speed counts.
static DETAIL: Mutex<()> = Mutex::new(());

/// Parses again with pest's record of the furthest token, and says what is wrong there.
fn explain(rule: Rule, text: &str, scan: &split::Scan<'_>) -> Box<Diagnostic> {
    let at = {
        let _one = DETAIL.lock().unwrap_or_else(PoisonError::into_inner);
        pest::set_error_detail(true);
        let failed = Grammar::parse(rule, &scan.code);
        pest::set_error_detail(false);
        match failed {
            Err(error) => error.parse_attempts().map_or(0, |attempts| attempts.max_position),
            Ok(_) => 0,
        }
    };
    if let Some(quote) = scan.long_pattern {
        // A forgotten quote pairs with the next pattern's first one: a word then touches it, or reading stops
        // behind it.
        let end = text[quote + 1..].find('"').map_or(text.len(), |n| quote + n + 2);
        let touched = text.as_bytes().get(end).is_some_and(|b| split::is_word_byte(*b));
        if touched || at >= end && scan.code[end..at].trim().is_empty() {
            return split::unclosed_quote(text, quote);
        }
    }
    Box::new(recover::explain(&scan.code, at))
}
