//! Structured edits: what a view does to a text, as splices.
//!
//! A view never prints a tree back. It asks for an [`Op`], [`plan`] answers with an [`Edit`]: ranges of bytes and what
//! stands there afterwards, all other bytes untouched. An edit has an inverse that gives back the old text to the byte,
//! so that undo needs no copies. An operation is done as a whole or refused with a [`Refusal`] that says why: when a
//! name is taken, when a comment would be lost, when a statement in the way cannot be read, and whenever the new text
//! would not be read as meant. The last is looked up, not argued: the text is parsed again, and what was put in must be
//! one expression there.
//!
//! ```text
//! bass = saw(110hz) >> lpf(800hz)     Set { call: `lpf(800hz)`, slot: Named("q"), value: "2" }
//! bass = saw(110hz) >> lpf(800hz, q: 2)
//! ```
//!
//! Expressions are named by their range of bytes in the file (as the tree gives it), statements by their name. Edits
//! concern one file: who renames what other files use renames it there too.

mod scope;
mod statement;

use crate::ast::{Expr, ExprKind, Item, Stmt};
use crate::parse::{self, Parser};
use crate::print::print_expr;
use crate::source::{FileId, Source, Span};
use crate::token::{Kind, tokens};
use crate::{is_reserved, note_number};
use std::cell::RefCell;
use std::fmt;

/// Which argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    /// By name: `q: 2`. Added behind the others if the call does not give it.
    Named(String),
    /// By place among those without a name, from 0; one behind the last adds it.
    Nth(usize),
}

/// What can be asked for.
// The text of a variant names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Gives an argument of a call a value.
    Set { call: Span, slot: Slot, value: String },
    /// Lets an input be fed by something else: what stands at `input` becomes `source`.
    Connect { input: Span, source: String },
    /// Puts a stage behind what stands at `wire`: `x` becomes `x >> stage`.
    Insert { wire: Span, stage: String },
    /// Gives a statement another name, wherever it is spoken of.
    Rename { name: String, to: String },
    /// Puts one word in the place of another at each of these places. Whose places they are is known to the caller (a parameter, a
    /// definition of a block); that the new word is free and that all can be read as before is looked at here.
    RenamePlaces { places: Vec<Span>, to: String },
    /// Gives an expression a statement of its own above the one that it stands in.
    Extract { expr: Span, name: String },
    /// Puts a definition where it is used, and removes it.
    Inline { name: String },
    /// Removes a statement with the comments that belong to it. Where its value was used stands `0`: silence.
    Delete { name: String },
    /// Puts a statement with its comments above another, or at the end of the file.
    Move { name: String, before: Option<String> },
    /// Writes a new statement below the one of that name, or at the end of the file. Its text begins in the first column.
    Add { text: String, after: Option<String> },
    /// Takes a stage out of a pipe: `x >> stage` becomes `x`. `pipe` is the whole of both.
    Unstage { pipe: Span },
    /// Writes a statement once more below itself, under another name.
    Duplicate { name: String, to: String },
    /// Removes the statement that begins at this byte, which nobody speaks of, with the comments that belong to it.
    Remove { at: u32 },
}

/// Why an operation was not done, and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A sentence for people.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { reason: reason.into() })
}

/// New text for a range of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// What goes, in bytes of the text before the edit.
    pub range: std::ops::Range<usize>,
    /// What comes.
    pub text: String,
}

/// Splices in the order of the text that do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The splices; all ranges count in the text before the edit.
    pub splices: Vec<Splice>,
}

impl Edit {
    fn new(mut splices: Vec<Splice>) -> Edit {
        splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
        Edit { splices }
    }

    /// The text after the edit; `None` if the ranges do not fit this text.
    pub fn apply(&self, text: &str) -> Option<String> {
        let mut out = String::with_capacity(text.len() + 64);
        let mut done = 0;
        for splice in &self.splices {
            out.push_str(text.get(done..splice.range.start)?);
            text.get(splice.range.clone())?;
            out.push_str(&splice.text);
            done = splice.range.end;
        }
        out.push_str(text.get(done..)?);
        Some(out)
    }

    /// The edit that takes this one back: applied to the new text it gives `text`, the old one.
    pub fn inverse(&self, text: &str) -> Option<Edit> {
        let mut moved = 0isize;
        let mut splices = Vec::with_capacity(self.splices.len());
        for Splice { range, text: new } in &self.splices {
            let start = range.start.checked_add_signed(moved)?;
            splices.push(Splice { range: start..start + new.len(), text: text.get(range.clone())?.to_string() });
            moved += new.len() as isize - range.len() as isize;
        }
        Some(Edit { splices })
    }

    /// Two edits as one: `next` counts in the text that this one makes of `text`. `None` if ranges do not fit.
    pub fn then(&self, text: &str, next: &Edit) -> Option<Edit> {
        let middle = self.apply(text)?;
        // What the text in the middle consists of: old bytes, or new text.
        let (mut pieces, mut old) = (Vec::new(), 0);
        for Splice { range, text: new } in &self.splices {
            pieces.push((Some(old..range.start), range.start - old));
            pieces.push((None, new.len()));
            old = range.end;
        }
        pieces.push((Some(old..text.len()), text.len() - old));
        let mut out: Vec<(Option<std::ops::Range<usize>>, String)> = Vec::new();
        let take = |from: usize, to: usize, out: &mut Vec<(Option<std::ops::Range<usize>>, String)>| -> Option<()> {
            let mut at = 0;
            for (kept, len) in &pieces {
                let (start, end) = (from.max(at), to.min(at + len));
                if start < end {
                    match kept {
                        Some(range) => {
                            out.push((Some(range.start + start - at..range.start + end - at), String::new()));
                        }
                        None => out.push((None, middle.get(start..end)?.to_string())),
                    }
                }
                at += len;
            }
            Some(())
        };
        let mut done = 0;
        for splice in &next.splices {
            take(done, splice.range.start, &mut out)?;
            out.push((None, splice.text.clone()));
            done = splice.range.end;
        }
        take(done, middle.len(), &mut out)?;
        let (mut splices, mut at, mut new) = (Vec::new(), 0, String::new());
        for (kept, text) in out {
            match kept {
                Some(range) if range.start == at && new.is_empty() => at = range.end,
                Some(range) => {
                    splices.push(Splice { range: at..range.start, text: std::mem::take(&mut new) });
                    at = range.end;
                }
                None => new.push_str(&text),
            }
        }
        if at < text.len() || !new.is_empty() {
            splices.push(Splice { range: at..text.len(), text: new });
        }
        Some(Edit { splices })
    }
}

/// A file that was read for an edit.
struct Text<'a> {
    text: &'a str,
    parser: &'a RefCell<Parser>,
    stmts: Vec<Stmt>,
    errors: usize,
}

impl<'a> Text<'a> {
    fn read(text: &'a str, parser: &'a RefCell<Parser>) -> Text<'a> {
        let parsed = parser.borrow_mut().parse(FileId(0), &Source::new("", text));
        Text { text, parser, stmts: parsed.stmts, errors: parsed.diagnostics.len() }
    }

    /// The same file after an edit.
    fn after<'b>(&'b self, text: &'b str) -> Text<'b> {
        Text::read(text, self.parser)
    }

    fn at(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The statement and the expression that stand exactly there; of several the outermost.
    fn find(&self, span: Span) -> Option<(usize, Expr)> {
        let last = self.stmts.partition_point(|stmt| stmt.offset <= span.start).checked_sub(1)?;
        let stmt = &self.stmts[last];
        let mut found = None;
        crate::visit::exprs(&stmt.item, &mut |expr| {
            if found.is_none() && expr.span.shift(stmt.offset) == span {
                found = Some(expr.clone());
            }
        });
        Some((last, found?))
    }

    fn expr(&self, span: Span) -> Result<(usize, Expr), Refusal> {
        self.find(span).map_or_else(|| refuse("there is no expression at this place: the text has changed"), Ok)
    }

    fn line(&self, byte: u32) -> usize {
        self.text.as_bytes()[..byte as usize].iter().filter(|b| **b == b'\n').count() + 1
    }

    /// Refuses if a statement that cannot be read has this word: nobody can say what it means there.
    fn readable(&self, name: &str) -> Result<(), Refusal> {
        for stmt in &self.stmts {
            if let Item::Broken { span, .. } = &*stmt.item {
                let span = span.shift(stmt.offset);
                if has_word(self.at(span), name) {
                    let line = self.line(span.start);
                    return refuse(format!("line {line} speaks of `{name}` and has an error: mend that first"));
                }
            }
        }
        Ok(())
    }

    /// Refuses a word that cannot name something new.
    fn fresh(&self, name: &str) -> Result<(), Refusal> {
        let mut words = tokens(name);
        let one = matches!((words.next(), words.next()), (Some(word), None)
            if word.kind == Kind::Word && word.text(name) == name);
        if !one || is_reserved(name) || note_number(name).is_some() {
            return refuse(format!("`{name}` cannot be a name: write letters, digits and `_`, as in `bass_2`"));
        }
        if has_word(self.text, name) {
            return refuse(format!("`{name}` already means something in this file: choose another name"));
        }
        Ok(())
    }
}

fn has_word(text: &str, name: &str) -> bool {
    tokens(text).any(|token| !matches!(token.kind, Kind::Comment | Kind::Doc) && token.text(text) == name)
        // A path such as `./acid` names its last word; an unclosed quote may hold anything.
        || tokens(text).any(|token| matches!(token.kind, Kind::Path | Kind::Unknown) && token.text(text).contains(name))
}

fn has_comment(text: &str) -> bool {
    tokens(text).any(|token| matches!(token.kind, Kind::Comment | Kind::Doc))
}

/// What an operation changes in a text, or why it cannot be done. The text may have errors elsewhere.
pub fn plan(text: &str, op: &Op) -> Result<Edit, Refusal> {
    Planner::default().plan(text, op)
}

/// [`plan`] for one text after another: statements that did not change are not read again.
#[derive(Debug, Default)]
pub struct Planner {
    parser: RefCell<Parser>,
}

impl Planner {
    /// See [`plan`].
    pub fn plan(&self, text: &str, op: &Op) -> Result<Edit, Refusal> {
        plan_in(&Text::read(text, &self.parser), op)
    }

    /// Refuses an edit that was put together elsewhere, unless the text can be read behind it as before and has so many statements
    /// more (or fewer).
    pub fn check(&self, text: &str, edit: &Edit, statements: isize) -> Result<(), Refusal> {
        checked(&Text::read(text, &self.parser), edit, statements)
    }
}

fn plan_in(read: &Text<'_>, op: &Op) -> Result<Edit, Refusal> {
    let (edit, statements) = match op {
        Op::Set { call, slot, value } => (set(read, *call, slot, value)?, 0),
        Op::Connect { input, source } => (replace(read, *input, source)?, 0),
        Op::Insert { wire, stage } => (insert(read, *wire, stage)?, 0),
        Op::Rename { name, to } => (scope::rename(read, name, to)?, 0),
        Op::RenamePlaces { places, to } => (scope::rename_places(read, places, to)?, 0),
        Op::Extract { expr, name } => (statement::extract(read, *expr, name)?, 1),
        Op::Inline { name } => (statement::inline(read, name)?, -1),
        Op::Delete { name } => (statement::delete(read, name)?, -1),
        Op::Move { name, before } => (statement::shift(read, name, before.as_deref())?, 0),
        Op::Add { text, after } => (statement::add(read, text, after.as_deref())?, 1),
        Op::Unstage { pipe } => (unstage(read, *pipe)?, 0),
        Op::Duplicate { name, to } => (statement::duplicate(read, name, to)?, 1),
        Op::Remove { at } => (statement::remove(read, *at)?, -1),
    };
    checked(read, &edit, statements)?;
    Ok(edit)
}

fn checked(read: &Text<'_>, edit: &Edit, statements: isize) -> Result<(), Refusal> {
    let after = edit.apply(read.text).map_or_else(|| refuse("two parts of the change touch each other"), Ok)?;
    let new = read.after(&after);
    if new.errors > read.errors || new.stmts.len() as isize != read.stmts.len() as isize + statements {
        return refuse("the text could no longer be read: this place takes something else");
    }
    Ok(())
}

/// `x >> stage` becomes `x`; what surrounds the pipe must go on to mean the same.
fn unstage(read: &Text<'_>, span: Span) -> Result<Edit, Refusal> {
    let (stmt, expr) = read.expr(span)?;
    let ExprKind::Pipe { left, .. } = &expr.kind else {
        return refuse("this is no stage: nothing is piped into it");
    };
    let left = left.span.shift(read.stmts[stmt].offset);
    if has_comment(&read.text[left.end as usize..span.end as usize]) {
        return refuse("a comment inside would be lost: move it first");
    }
    Ok(Edit::new(vec![Splice { range: left.end as usize..span.end as usize, text: String::new() }]))
}

/// A value in its canonical form, to compare with.
fn value_of(value: &str) -> Result<String, Refusal> {
    // A line break at its end would end a comment in it, a comment would swallow what follows.
    if has_comment(value) || value.contains('\n') {
        return refuse("a value stands in one line, without comments");
    }
    match parse::parse_expr(FileId(0), value) {
        (Some(expr), errors) if errors.is_empty() => Ok(print_expr(&expr)),
        (_, errors) => refuse(errors.first().map_or("this is no value".into(), |error| error.message.clone())),
    }
}

/// The splice that puts `value` there, with brackets if it would be torn apart without.
fn put(read: &Text<'_>, span: Span, value: &str) -> Result<Splice, Refusal> {
    let wanted = value_of(value)?;
    let range = span.start as usize..span.end as usize;
    for (text, skip) in [(value.trim().to_string(), 0), (format!("({})", value.trim()), 1)] {
        let splice = Splice { range: range.clone(), text };
        let after = Edit { splices: vec![splice.clone()] }.apply(read.text).unwrap_or_default();
        let end = range.start + splice.text.len();
        let new = read.after(&after);
        let whole = |skip| new.find(Span::new(range.start + skip, end - skip));
        let found = whole(0).or_else(|| whole(skip));
        if found.is_some_and(|(_, expr)| print_expr(&expr) == wanted) && new.errors <= read.errors {
            return Ok(splice);
        }
    }
    refuse("this place takes no such value")
}

/// Puts a value in the place of an expression.
fn replace(read: &Text<'_>, span: Span, value: &str) -> Result<Edit, Refusal> {
    read.expr(span)?;
    if has_comment(read.at(span)) {
        return refuse("a comment inside would be lost: move it first");
    }
    Ok(Edit::new(vec![put(read, span, value)?]))
}

fn set(read: &Text<'_>, span: Span, slot: &Slot, value: &str) -> Result<Edit, Refusal> {
    let (stmt, call) = read.expr(span)?;
    let ExprKind::Call { args, .. } = &call.kind else {
        return refuse("only a call has arguments");
    };
    let offset = read.stmts[stmt].offset;
    let given = match slot {
        Slot::Named(name) => args.iter().find(|arg| arg.name.as_ref().is_some_and(|n| n.name == *name)),
        Slot::Nth(n) => args.iter().filter(|arg| arg.name.is_none()).nth(*n),
    };
    if let Some(arg) = given {
        return replace(read, arg.value.span.shift(offset), value);
    }
    value_of(value)?;
    let new = match slot {
        Slot::Named(name) if note_number(name).is_none() && !is_reserved(name) => format!("{name}: {}", value.trim()),
        Slot::Named(name) => return refuse(format!("`{name}` names no parameter")),
        Slot::Nth(n) if *n == args.len() => value.trim().to_string(),
        Slot::Nth(_) => return refuse("arguments before this one are missing, or have names: set it by its name"),
    };
    // Behind the last token in the bracket: a comma there may stand already, and comments stay where they are.
    let text = read.at(span);
    let mut inner: Vec<_> = tokens(text).filter(|token| !matches!(token.kind, Kind::Comment | Kind::Doc)).collect();
    inner.pop();
    let Some(last) = inner.last() else { return refuse("this call has no bracket") };
    let at = span.start as usize + last.span.end as usize;
    let lead = match (args.is_empty(), last.kind) {
        (true, _) => "",
        (_, Kind::Comma) => " ",
        _ => ", ",
    };
    let edit = Edit::new(vec![Splice { range: at..at, text: format!("{lead}{new}") }]);
    let after = edit.apply(read.text).unwrap_or_default();
    let end = span.end as usize + edit.splices[0].text.len();
    match read.after(&after).find(Span::new(span.start as usize, end)) {
        Some((_, Expr { kind: ExprKind::Call { args: now, .. }, .. })) if now.len() == args.len() + 1 => Ok(edit),
        _ => refuse("this argument cannot be added here"),
    }
}

fn insert(read: &Text<'_>, span: Span, stage: &str) -> Result<Edit, Refusal> {
    read.expr(span)?;
    value_of(stage)?;
    let old = read.at(span);
    if has_comment(old) || old.contains('\n') {
        return refuse("what feeds this goes over several lines: give it a name first");
    }
    // What is looser than a pipe stands in brackets before it, and so does a stage that is one.
    let bare = format!("{old} >> {stage}");
    let parts = |text: &str| match parse::parse_expr(FileId(0), text).0.map(|expr| expr.kind) {
        Some(ExprKind::Pipe { left, right }) => Some((print_expr(&left), print_expr(&right))),
        _ => None,
    };
    let wanted = Some((value_of(old)?, value_of(stage)?));
    let forms = [bare, format!("({old}) >> {stage}"), format!("{old} >> ({stage})"), format!("({old}) >> ({stage})")];
    match forms.iter().find(|form| parts(form) == wanted) {
        Some(form) => Ok(Edit::new(vec![put(read, span, form)?])),
        None => refuse("this cannot be a stage"),
    }
}
