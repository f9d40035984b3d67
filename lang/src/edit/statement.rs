//! Edits of whole statements: to take one out of another, to put it back, to remove and to move it.
//!
//! A statement owns its lines: the comments directly above it, what follows it on its last line, and comments that are
//! indented below it. Those go where it goes. What is only one node in the graph must stay one: an expression that each
//! call of a function computes anew is not taken out of it, and a value that several use is not written several times,
//! unless it is a constant.

use super::scope::{self, Use, statement, uses, words};
use super::{Edit, Refusal, Splice, Text, has_comment, put, refuse};
use crate::ast::{Expr, ExprKind, Item};
use crate::source::Span;
use crate::token::{Kind, tokens};
use crate::{split, visit};
use std::ops::Range;

/// The bytes of a statement that has its lines for itself: all of them, and from its first to its last token.
fn lines(read: &Text<'_>, stmt: usize) -> Result<(Range<usize>, Range<usize>), Refusal> {
    let text = read.text;
    let offset = read.stmts[stmt].offset as usize;
    let Some(chunk) =
        split::split(text).find(|chunk| chunk.offset <= offset && offset < chunk.offset + chunk.text.len())
    else {
        return refuse("the statement was not found");
    };
    let end = chunk.offset + chunk.text.len();
    if read.stmts.iter().filter(|other| (chunk.offset..end).contains(&(other.offset as usize))).count() != 1 {
        return refuse("another statement stands on the same line: give each a line of its own");
    }
    let code = chunk.offset + split::code_start(chunk.text);
    let last = tokens(chunk.text).filter(|token| !matches!(token.kind, Kind::Comment | Kind::Doc)).last();
    let code_end = last.map_or(end, |token| chunk.offset + token.span.end as usize);
    let mut start = text[..code].rfind('\n').map_or(0, |n| n + 1);
    if start == 0 && text.starts_with('\u{feff}') {
        start = '\u{feff}'.len_utf8();
    }
    if !text[start..code].trim().is_empty() {
        return refuse("another statement stands on the same line: give each a line of its own");
    }
    while let Some(above) = text[..start].strip_suffix('\n').map(|head| head.rfind('\n').map_or(0, |n| n + 1))
        && text[above..start].starts_with("//")
    {
        start = above;
    }
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |n| from + n + 1);
    let mut stop = line_end(code_end);
    let behind = text[code_end..stop].trim();
    if !behind.is_empty() && !behind.starts_with("//") {
        return refuse("another statement stands on the same line: give each a line of its own");
    }
    while text[stop..line_end(stop)].starts_with([' ', '\t']) && text[stop..line_end(stop)].trim().starts_with("//") {
        stop = line_end(stop);
    }
    Ok((start..stop, code..code_end))
}

fn newline(text: &str) -> &'static str {
    if text.find('\n').is_some_and(|n| text[..n].ends_with('\r')) { "\r\n" } else { "\n" }
}

/// A value that is the same wherever and however often it is written.
fn constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { .. } | ExprKind::Note(_) | ExprKind::Text(_) => true,
        ExprKind::Unary { x, .. } => constant(x),
        ExprKind::Binary { left, right, .. } => constant(left) && constant(right),
        _ => false,
    }
}

/// The names and `it` in an expression.
fn spoken(expr: &Expr) -> (Vec<String>, bool) {
    let (mut names, mut it) = (Vec::new(), false);
    visit::expr_and_below(expr, &mut |expr| match &expr.kind {
        ExprKind::Name(name) => names.push(name.clone()),
        ExprKind::It => it = true,
        _ => {}
    });
    (names, it)
}

pub(super) fn extract(read: &Text<'_>, span: Span, name: &str) -> Result<Edit, Refusal> {
    let (stmt, expr) = read.expr(span)?;
    read.fresh(name)?;
    if has_comment(read.at(span)) || read.at(span).contains('\n') {
        return refuse("this goes over several lines: give parts of it names first");
    }
    let Some((called, bound)) = around(read, stmt, expr.span) else {
        return refuse("there is no expression at this place: the text has changed");
    };
    let (names, it) = spoken(&expr);
    if let Some(local) = names.iter().find(|name| bound.contains(name)) {
        return refuse(format!("`{local}` has its meaning only here, and this depends on it"));
    }
    if it {
        return refuse("`it` has its meaning only here, and this depends on it");
    }
    if called && !constant(&expr) {
        return refuse("each call of the function has this for itself: one statement would be shared by all");
    }
    let (whole, _) = lines(read, stmt)?;
    let text = format!("{name} = {}{}", read.at(span), newline(read.text));
    let used = put(read, span, name)?;
    // Above the comments that belong to the statement, which stay with it.
    Ok(Edit::new(vec![Splice { range: whole.start..whole.start, text }, used]))
}

/// What surrounds an expression: whether a function, and the names that are bound.
fn around(read: &Text<'_>, stmt: usize, span: Span) -> Option<(bool, Vec<String>)> {
    let mut found = None;
    scope::walk(&read.stmts[stmt].item, &mut |expr, around| {
        if found.is_none() && expr.span == span {
            found = Some((around.called, around.bound.iter().map(|name| name.to_string()).collect()));
        }
    });
    found
}

pub(super) fn inline(read: &Text<'_>, name: &str) -> Result<Edit, Refusal> {
    let stmt = statement(read, name)?;
    let (whole, code) = lines(read, stmt)?;
    let Item::Def(def) = &*read.stmts[stmt].item else {
        return refuse(format!("`{name}` is no plain definition: it cannot stand inside of another statement"));
    };
    if def.params.is_some() {
        return refuse(format!("`{name}` is a function: only a value can be put where it is used"));
    }
    if whole != (code.start..whole.end) || has_comment(&read.text[whole.clone()]) {
        return refuse(format!("comments belong to `{name}` and would be lost: move them first"));
    }
    if !words(read, name).is_empty() {
        return refuse(format!("`{name}` is moved or launched by its name, which would be gone"));
    }
    let body = read.at(def.body.span.shift(read.stmts[stmt].offset));
    let (names, it) = spoken(&def.body);
    let uses = uses(read, name);
    let one = constant(&def.body);
    if names.iter().any(|n| n == name) || it {
        return refuse(format!("`{name}` depends on itself: that needs a name"));
    }
    if body.contains('\n') {
        return refuse(format!("`{name}` goes over several lines"));
    }
    match &uses[..] {
        [] => return refuse(format!("nothing uses `{name}`: delete it instead")),
        [_] => {}
        _ if !one => return refuse(format!("`{name}` is used {} times: each would have one of its own", uses.len())),
        _ => {}
    }
    let hidden = |used: &Use| names.iter().any(|name| used.bound.contains(name));
    if uses.iter().any(hidden) {
        return refuse(format!("what `{name}` speaks of means something else where it is used"));
    }
    if !one && uses.iter().any(|used| used.called) {
        return refuse(format!("a function uses `{name}`: each call would have one of its own"));
    }
    let mut splices = vec![Splice { range: whole, text: String::new() }];
    for used in &uses {
        splices.push(put(read, used.span, body)?);
    }
    Ok(Edit::new(splices))
}

pub(super) fn delete(read: &Text<'_>, name: &str) -> Result<Edit, Refusal> {
    let stmt = statement(read, name)?;
    let (whole, _) = lines(read, stmt)?;
    let outside = |span: &Span| !whole.contains(&(span.start as usize));
    if let Some(word) = words(read, name).into_iter().find(outside) {
        return refuse(format!("line {} plays or moves `{name}`: take it out there first", read.line(word.start)));
    }
    let mut splices = vec![Splice { range: whole.clone(), text: String::new() }];
    for used in uses(read, name).iter().filter(|used| outside(&used.span)) {
        if used.handled {
            return refuse(format!("line {} needs `{name}`: change that first", read.line(used.span.start)));
        }
        splices.push(put(read, used.span, "0")?);
    }
    Ok(Edit::new(splices))
}

pub(super) fn shift(read: &Text<'_>, name: &str, before: Option<&str>) -> Result<Edit, Refusal> {
    let (whole, _) = lines(read, statement(read, name)?)?;
    let at = match before {
        Some(other) => lines(read, statement(read, other)?)?.0.start,
        None => read.text.len(),
    };
    if (whole.start..=whole.end).contains(&at) {
        return Ok(Edit::default());
    }
    let mut text = read.text[whole.clone()].to_string();
    if !text.ends_with('\n') {
        text.push_str(newline(read.text));
    }
    if at == read.text.len() && !read.text.ends_with('\n') {
        text.insert_str(0, newline(read.text));
    }
    Ok(Edit::new(vec![Splice { range: at..at, text }, Splice { range: whole, text: String::new() }]))
}

/// Below the lines of a statement if it has them for itself, else at the end of the file.
pub(super) fn add(read: &Text<'_>, text: &str, after: Option<&str>) -> Result<Edit, Refusal> {
    let text = text.trim_end();
    if text.is_empty() || text.starts_with([' ', '\t', '\n', '\r']) {
        return refuse("a statement begins in the first column");
    }
    let below = after.and_then(|name| statement(read, name).ok()).and_then(|stmt| lines(read, stmt).ok());
    let at = below.map_or(read.text.len(), |(whole, _)| whole.end);
    let line = newline(read.text);
    let before = if at == 0 || read.text[..at].ends_with('\n') || read.text[..at] == *"\u{feff}" { "" } else { line };
    let behind = if !before.is_empty() && at == read.text.len() { "" } else { line };
    Ok(Edit::new(vec![Splice { range: at..at, text: format!("{before}{text}{behind}") }]))
}

/// The code of a statement once more; where it speaks of itself, the new one speaks of itself.
pub(super) fn duplicate(read: &Text<'_>, name: &str, to: &str) -> Result<Edit, Refusal> {
    let stmt = statement(read, name)?;
    let (_, code) = lines(read, stmt)?;
    read.fresh(to)?;
    let own = read.stmts[stmt].item.name().map(|ident| ident.span.shift(read.stmts[stmt].offset));
    let mut spans: Vec<Span> = own.into_iter().chain(uses(read, name).iter().map(|used| used.span)).collect();
    spans.retain(|span| code.contains(&(span.start as usize)));
    spans.sort_by_key(|span| span.start);
    spans.dedup();
    let (mut text, mut done) = (String::new(), code.start);
    for span in spans {
        text.push_str(&read.text[done..span.start as usize]);
        text.push_str(to);
        done = span.end as usize;
    }
    text.push_str(&read.text[done..code.end]);
    add(read, &text, Some(name))
}

pub(super) fn remove(read: &Text<'_>, at: u32) -> Result<Edit, Refusal> {
    let Some(stmt) = read.stmts.iter().position(|stmt| stmt.offset == at) else {
        return refuse("there is no statement at this place: the text has changed");
    };
    let (whole, _) = lines(read, stmt)?;
    Ok(Edit::new(vec![Splice { range: whole, text: String::new() }]))
}
