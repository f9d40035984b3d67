//! The formatter: blanks and indentation, and nothing else.
//!
//! [`format`] never touches a token, a comment or a line break's place; it decides what stands between them. So it
//! cannot lose anything, and where lines break stays the player's choice. The rules:
//!
//! - a statement begins in column 0; what goes on is indented by two; what is inside a bracket that ends a line is
//!   indented by two from that line; after `{ a = ..` on one line the next line stands below the `a`
//! - one blank around operators, after commas and colons, none inside `( )` and `[ ]`; `*`, `/` and `^` may touch both
//!   sides, and `..` always does
//! - columns that were lined up stay so: a gap of two or more blanks that puts a token below or above another one's
//!   column (for numbers, also one's end) is kept, and tightened; comments behind adjacent lines always line up
//! - at most one empty line, no blanks at the end of a line, a line break at the end of the file
//!
//! A statement that cannot be read is left as it is, with its diagnostic.

use crate::ast::{Def, Expr, ExprKind, Item, UnaryOp};
use crate::diag::Diagnostic;
use crate::parse;
use crate::print;
use crate::source::{FileId, Source};
use crate::split;
use crate::token::{Kind, tokens};
use crate::visit;
use std::collections::HashSet;

/// What came of formatting.
#[derive(Clone, Debug)]
pub struct Formatted {
    /// The new text.
    pub text: String,
    /// Why statements were left as they were. Spans count in the old text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Formats a file.
pub fn format(file: FileId, source: &Source) -> Formatted {
    let parsed = parse::parse(file, source);
    let mut text = layout(&source.text);
    // What was lined up before may line up otherwise after other columns moved: once more settles it.
    for _ in 0..4 {
        let again = layout(&text);
        if again == text {
            break;
        }
        text = again;
    }
    // Blanks cannot change a tree as long as the rules below are right; if they are not, the text stays as it is.
    if !same_meaning(&source.text, &text) {
        debug_assert!(false, "formatting changed what this says:\n{}\nto:\n{text}", source.text);
        text = source.text.to_string();
    }
    Formatted { text, diagnostics: parsed.diagnostics }
}

/// True if two texts have the same statements.
pub fn same_meaning(a: &str, b: &str) -> bool {
    let read = |text: &str| {
        let source = Source::new("", text);
        let parsed = parse::parse(FileId(0), &source);
        let items = parsed.stmts.iter().map(|stmt| match &*stmt.item {
            Item::Broken { span, .. } => {
                let span = span.shift(stmt.offset);
                text[span.start as usize..span.end as usize].to_string()
            }
            item => print::print_item(item),
        });
        items.collect::<Vec<_>>()
    };
    read(a) == read(b)
}

/// A token and what stood before it.
struct Tok<'a> {
    kind: Kind,
    text: &'a str,
    /// Line breaks before it: 0, 1, or 2 for an empty line.
    breaks: u8,
    /// Blanks before it, if it is not the first of its line.
    gap: usize,
    /// Column in the source of its first character and behind its last.
    column: usize,
    end: usize,
    /// A definition, clip, section or point begins here, or a statement.
    entry: bool,
    /// A statement begins here.
    statement: bool,
    /// A minus that has no left operand.
    unary: bool,
    /// Stays in this column: a comment between statements, or a statement that cannot be read.
    fixed: Option<usize>,
    /// Blanks before it after formatting, without alignment, and the column that alignment asks for.
    room: usize,
    at_least: usize,
}

impl Tok<'_> {
    fn first(&self) -> bool {
        self.breaks > 0
    }

    fn is_comment(&self) -> bool {
        matches!(self.kind, Kind::Comment | Kind::Doc)
    }

    fn ends_value(&self) -> bool {
        matches!(
            self.kind,
            Kind::Word | Kind::Note | Kind::Number | Kind::Pattern | Kind::Text | Kind::Close | Kind::Prime
        )
    }
}

/// One pass over a text.
fn layout(text: &str) -> String {
    let mut toks = read(text);
    for i in 1..toks.len() {
        toks[i].room = room(&toks[i - 1], &toks[i], &toks[i + 1..]);
    }
    let groups = groups(&toks);
    let mut columns = place(&toks);
    // From left to right every group finds its column; a bracket's lines follow what moved above them.
    for _ in 0..8 {
        for group in &groups {
            group.members.iter().for_each(|&i| toks[i].at_least = 0);
            columns = place(&toks);
            let wanted = group.members.iter().map(|&i| group.edge(&toks, &columns, i)).max().unwrap_or(0);
            for &i in &group.members {
                toks[i].at_least = wanted - if group.right { width(toks[i].text) } else { 0 };
            }
            columns = place(&toks);
        }
        let settled = |group: &Group| {
            let edge = |i| group.edge(&toks, &columns, i);
            group.members.windows(2).all(|pair| edge(pair[0]) == edge(pair[1]))
        };
        if groups.iter().all(settled) {
            break;
        }
    }
    write(text, &toks, &columns)
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// The tokens of a file. Statements that cannot be read are one token each.
fn read(text: &str) -> Vec<Tok<'_>> {
    let mut toks = Vec::new();
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut done = start;
    for chunk in split::split(text) {
        comments(text, done, chunk.offset, &mut toks);
        let end = chunk.offset + chunk.text.len();
        done = end;
        let parsed = parse::parse(FileId(0), &Source::new("", chunk.text));
        if !parsed.diagnostics.is_empty() {
            // With the blanks behind it.
            done += text[end..].len() - text[end..].trim_start_matches([' ', '\t', '\r']).len();
            push(text, chunk.offset, done, Kind::Unknown, &mut toks);
            if let Some(tok) = toks.last_mut() {
                tok.fixed = Some(tok.column);
                (tok.entry, tok.statement) = (true, true);
            }
            continue;
        }
        let mut marks = Marks::default();
        for (i, stmt) in parsed.stmts.iter().enumerate() {
            let offset = chunk.offset + stmt.offset as usize;
            let code = if i == 0 { offset + split::code_start(&text[offset..end]) } else { offset };
            marks.statements.insert(code);
            marks.item(&stmt.item, offset as u32);
        }
        for token in tokens(chunk.text) {
            let (from, to) = (token.span.start as usize, token.span.end as usize);
            let trimmed = if matches!(token.kind, Kind::Comment | Kind::Doc) {
                from + chunk.text[from..to].trim_end().len()
            } else {
                to
            };
            push(text, chunk.offset + from, chunk.offset + trimmed, token.kind, &mut toks);
            let Some(tok) = toks.last_mut() else { continue };
            let at = chunk.offset + from;
            tok.statement = marks.statements.contains(&at);
            tok.entry = tok.statement || marks.entries.contains(&at);
            tok.unary = marks.signs.contains(&at);
        }
    }
    comments(text, done, text.len(), &mut toks);
    if let Some(first) = toks.first_mut() {
        first.breaks = 1;
    }
    toks
}

/// Comments between statements.
fn comments<'a>(text: &'a str, from: usize, to: usize, toks: &mut Vec<Tok<'a>>) {
    for token in tokens(&text[from..to]) {
        let (start, end) = (from + token.span.start as usize, from + token.span.end as usize);
        let end = start + text[start..end].trim_end().len();
        push(text, start, end, token.kind, toks);
        let below = toks.len() > 1 && toks[toks.len() - 1].breaks == 1;
        let Some(tok) = toks.last_mut() else { continue };
        // Indented below a statement it goes with that; an indented doc comment is none, and must not become one.
        tok.fixed = Some(match (tok.column, tok.kind) {
            (0, _) => 0,
            (_, Kind::Doc) => 2,
            _ if below => 2,
            _ => 0,
        });
    }
}

fn push<'a>(text: &'a str, start: usize, end: usize, kind: Kind, toks: &mut Vec<Tok<'a>>) {
    let line = text[..start].rfind('\n').map_or(0, |n| n + 1);
    let column = width(text[line..start].trim_start_matches('\u{feff}'));
    let before = toks.last().map_or(0, |tok| tok.text.as_ptr() as usize - text.as_ptr() as usize + tok.text.len());
    let between = &text[before..start];
    let token = &text[start..end];
    let end = match token.rfind('\n') {
        Some(n) => width(&token[n + 1..]),
        None => column + width(token),
    };
    toks.push(Tok {
        kind,
        text: token,
        breaks: between.matches('\n').count().min(2) as u8,
        gap: width(between),
        column,
        end,
        entry: false,
        statement: false,
        unary: false,
        fixed: None,
        room: 0,
        at_least: 0,
    });
}

/// Places of the tree that a layout must know: bytes in the file.
#[derive(Default)]
struct Marks {
    statements: HashSet<usize>,
    entries: HashSet<usize>,
    signs: HashSet<usize>,
}

impl Marks {
    fn item(&mut self, item: &Item, offset: u32) {
        let mut enter = |span: crate::Span| {
            self.entries.insert(span.shift(offset).start as usize);
        };
        match item {
            Item::Scene { slots, .. } => slots.iter().for_each(|slot| enter(slot.track.span)),
            Item::Arrange { sections, .. } => {
                for section in sections {
                    enter(section.scene.span);
                    section.lanes.iter().filter_map(|(path, _)| path.first()).for_each(|word| enter(word.span));
                }
            }
            Item::Automate { points, .. } => points.iter().for_each(|(at, ..)| enter(at.span)),
            _ => {}
        }
        visit::exprs(item, &mut |expr| self.expr(expr, offset));
    }

    fn expr(&mut self, expr: &Expr, offset: u32) {
        let start = |span: crate::Span| span.shift(offset).start as usize;
        match &expr.kind {
            ExprKind::Block { defs, value } => {
                self.entries.extend(defs.iter().map(|def: &Def| start(def.name.span)));
                self.entries.extend(value.iter().map(|value| start(value.span)));
            }
            ExprKind::Clips(clips) => self.entries.extend(clips.iter().map(|clip| start(clip.name.span))),
            ExprKind::Unary { op: UnaryOp::Neg, .. } => {
                self.signs.insert(start(expr.span));
            }
            _ => {}
        }
    }
}

/// Blanks between two tokens of a line, alignment apart.
fn room(before: &Tok<'_>, tok: &Tok<'_>, after: &[Tok<'_>]) -> usize {
    // `6*env` stays so; with a blank on one side it gets two.
    let tight = |left: usize, op: &Tok<'_>, right: Option<&Tok<'_>>| {
        matches!(op.text, "*" | "/" | "^") && left == 0 && right.is_some_and(|t| t.gap == 0 && !t.first())
    };
    let touching = usize::from(tok.gap > 0);
    match (before.kind, tok.kind) {
        _ if tok.is_comment() => 2,
        (Kind::Dot, _) | (_, Kind::Dot | Kind::Prime | Kind::Comma | Kind::Colon) => 0,
        (Kind::Open, Kind::Close) => 0,
        (Kind::Open, _) if before.text == "{" => 1,
        (_, Kind::Close) if tok.text == "}" => 1,
        (Kind::Open, _) | (_, Kind::Close) => 0,
        (Kind::Comma | Kind::Colon, _) => 1,
        _ if matches!(before.text, ".." | "@") || matches!(tok.text, ".." | "@") => 0,
        _ if before.unary => 0,
        (_, Kind::Operator) if !tok.unary && tight(tok.gap, tok, after.first()) => 0,
        (Kind::Operator, _) if matches!(before.text, "*" | "/" | "^") => {
            // The same question, asked from the right: the operator's own gap was answered before.
            usize::from(before.room > 0 || before.first() || tok.gap > 0)
        }
        // A call's bracket touches; nothing else may.
        (_, Kind::Open) if tok.text != "{" && before.ends_value() => touching,
        // Between two entries of a line, and before what is said about a clip.
        _ if (tok.entry || tok.text == "for") && tok.gap > 1 => 2,
        _ => 1,
    }
}

/// Tokens that share a column, or with `right` the column where they end.
struct Group {
    members: Vec<usize>,
    right: bool,
}

impl Group {
    fn edge(&self, toks: &[Tok<'_>], columns: &[usize], i: usize) -> usize {
        columns[i] + if self.right { width(toks[i].text) } else { 0 }
    }
}

/// What was lined up in the source, from left to right.
fn groups(toks: &[Tok<'_>]) -> Vec<Group> {
    let mut lines: Vec<std::ops::Range<usize>> = Vec::new();
    for (i, tok) in toks.iter().enumerate() {
        match lines.last_mut() {
            Some(line) if !tok.first() => line.end = i + 1,
            _ => lines.push(i..i + 1),
        }
    }
    // Lines that can line up: read, more than a comment, and no pattern that spans lines.
    let fit = |line: &std::ops::Range<usize>| {
        toks[line.clone()].iter().all(|tok| tok.fixed.is_none() && !tok.text.contains('\n'))
            && !toks[line.start].is_comment()
    };
    let mut links = Links { parent: (0..toks.len()).collect() };
    let mut right = Links { parent: (0..toks.len()).collect() };
    for pair in lines.windows(2) {
        if !fit(&pair[0]) || !fit(&pair[1]) || toks[pair[1].start].breaks != 1 {
            continue;
        }
        let inner = |line: &std::ops::Range<usize>| line.start + 1..line.end;
        for a in inner(&pair[0]) {
            for b in inner(&pair[1]) {
                let (one, two) = (&toks[a], &toks[b]);
                let comments = one.is_comment() && two.is_comment();
                let apart = one.gap > 0 && two.gap > 0 && one.is_comment() == two.is_comment();
                if comments || apart && one.column == two.column {
                    links.join(a, b);
                }
                if apart && one.end == two.end && one.kind == Kind::Number && two.kind == Kind::Number {
                    right.join(a, b);
                }
            }
        }
    }
    // What more lines share was meant; lines may share a start by chance where numbers end together.
    let ends = right.sets().into_iter().map(|members| Group { members, right: true });
    let mut sets: Vec<Group> =
        ends.chain(links.sets().into_iter().map(|members| Group { members, right: false })).collect();
    sets.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    let mut groups = Vec::new();
    let mut taken = HashSet::new();
    for Group { mut members, right } in sets {
        members.retain(|i| !taken.contains(i));
        let meant = |i: usize| toks[i].gap > toks[i].room.max(1) || toks[i].is_comment();
        if members.len() > 1 && members.iter().any(|&i| meant(i)) {
            taken.extend(members.iter().copied());
            groups.push(Group { members, right });
        }
    }
    groups.sort_by_key(|group| toks[group.members[0]].column);
    groups
}

/// Sets of things that were joined.
struct Links {
    parent: Vec<usize>,
}

impl Links {
    fn root(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    fn sets(&mut self) -> Vec<Vec<usize>> {
        let mut sets: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
        for i in 0..self.parent.len() {
            let root = self.root(i);
            sets.entry(root).or_default().push(i);
        }
        sets.into_values().filter(|set| set.len() > 1).collect()
    }
}

/// What an open bracket means for the lines inside.
struct Frame {
    /// Column of an entry's first line.
    content: usize,
    /// Column of the first line of the entry at hand.
    entry: usize,
    /// Column of the closing bracket, if it begins a line.
    close: usize,
    /// The token that follows the bracket on its line.
    hang: Option<usize>,
    brace: bool,
    /// The line that the entry's column was taken from begins with `if`: its `then` and `else` stand below it.
    starts_with_if: bool,
    /// Column of the line that the bracket stands in: what follows the closing bracket belongs to that.
    line: usize,
}

/// The column of every token.
fn place(toks: &[Tok<'_>]) -> Vec<usize> {
    let top = || Frame { content: 0, entry: 0, close: 0, hang: None, brace: true, starts_with_if: false, line: 0 };
    let mut frames = vec![top()];
    let mut columns: Vec<usize> = Vec::with_capacity(toks.len());
    let mut line = 0;
    for (i, tok) in toks.iter().enumerate() {
        if tok.statement {
            frames = vec![top()];
        }
        let column = if !tok.first() {
            let before = &toks[i - 1];
            let end = match before.text.rfind('\n') {
                Some(n) => width(&before.text[n + 1..]),
                None => columns[i - 1] + width(before.text),
            };
            (end + tok.room).max(tok.at_least)
        } else if let Some(column) = tok.fixed {
            column
        } else {
            // A comment stands where what follows it stands; before a closing bracket, where the entries do.
            let next = (i..toks.len()).find(|&n| !toks[n].is_comment() && toks[n].fixed.is_none());
            let before = (0..i).rev().find(|&n| !toks[n].is_comment());
            indent(toks, &columns, &frames, tok, next.map(|n| (n, &toks[n])), before.map(|n| &toks[n]))
        };
        columns.push(column);
        if tok.first() {
            line = column;
        }
        if tok.first()
            && !tok.is_comment()
            && let Some(frame) = frames.last_mut()
            && tok.kind != Kind::Close
        {
            let before = (0..i).rev().find(|&n| !toks[n].is_comment()).map(|n| &toks[n]);
            if begins_entry(tok, before) || follows_equals(before) {
                (frame.entry, frame.starts_with_if) = (column, tok.text == "if");
            }
        }
        match tok.kind {
            Kind::Open => {
                let next = toks[i + 1..].iter().position(|t| !t.is_comment()).map(|n| i + 1 + n);
                let hang = next.filter(|&n| !(i + 1..=n).any(|k| toks[k].first()) && toks[n].kind != Kind::Close);
                let brace = tok.text == "{";
                let content = match hang {
                    Some(n) if brace => column + 1 + toks[n].room,
                    // Parameters stand further in than the body below them.
                    _ if is_head(toks, i) => line + 4,
                    _ => line + 2,
                };
                let close = if hang.is_some() && brace { column } else { line };
                frames.push(Frame { content, entry: content, close, hang, brace, starts_with_if: false, line });
            }
            Kind::Close if frames.len() > 1 => line = frames.pop().map_or(line, |frame| frame.line),
            _ => {}
        }
    }
    columns
}

/// True for the bracket of a definition's parameters.
fn is_head(toks: &[Tok<'_>], open: usize) -> bool {
    if toks[open].text != "(" || !open.checked_sub(1).is_some_and(|name| toks[name].entry) {
        return false;
    }
    let mut depth = 0;
    let close = toks[open..].iter().position(|tok| {
        depth += i32::from(tok.kind == Kind::Open) - i32::from(tok.kind == Kind::Close);
        depth == 0
    });
    close.and_then(|n| toks.get(open + n + 1)).is_some_and(|tok| tok.text == "=")
}

fn begins_entry(tok: &Tok<'_>, before: Option<&Tok<'_>>) -> bool {
    tok.entry || before.is_none_or(|before| matches!(before.kind, Kind::Open | Kind::Comma))
}

fn follows_equals(before: Option<&Tok<'_>>) -> bool {
    before.is_some_and(|before| before.text == "=" || before.kind == Kind::Colon)
}

/// The column of a token that begins a line.
fn indent(
    toks: &[Tok<'_>],
    columns: &[usize],
    frames: &[Frame],
    tok: &Tok<'_>,
    next: Option<(usize, &Tok<'_>)>,
    before: Option<&Tok<'_>>,
) -> usize {
    let Some(frame) = frames.last() else { return 0 };
    let Some((_, next)) = next else { return frame.entry + 2 };
    if next.statement {
        return 0;
    }
    if next.kind == Kind::Close {
        return if tok.is_comment() { frame.content } else { frame.close };
    }
    if !frame.brace
        && let Some(hang) = frame.hang
    {
        // Below the first thing in the bracket, if that is where it was put.
        return if tok.column == toks[hang].column { columns[hang] } else { frame.content };
    }
    if begins_entry(next, before) {
        return frame.content;
    }
    let below_if = frame.starts_with_if && matches!(next.text, "then" | "else");
    frame.entry + if below_if { 0 } else { 2 }
}

fn write(text: &str, toks: &[Tok<'_>], columns: &[usize]) -> String {
    let crlf = text.find('\n').is_some_and(|n| text[..n].ends_with('\r'));
    let newline = if crlf { "\r\n" } else { "\n" };
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    if text.starts_with('\u{feff}') {
        out.push('\u{feff}');
    }
    let mut column = 0;
    for (i, tok) in toks.iter().enumerate() {
        if tok.first() && i > 0 {
            for _ in 0..tok.breaks {
                out.push_str(newline);
            }
            column = 0;
        }
        out.extend(std::iter::repeat_n(' ', columns[i].saturating_sub(column)));
        out.push_str(tok.text);
        column = match tok.text.rfind('\n') {
            Some(n) => width(&tok.text[n + 1..]),
            None => columns[i] + width(tok.text),
        };
    }
    if !toks.is_empty() {
        out.push_str(newline);
    }
    out
}
