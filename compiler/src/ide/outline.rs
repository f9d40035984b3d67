//! What a text consists of: its statements as an outline, its words by what they mean.

use crate::ide::document::Document;
use crate::ide::resolve::{Bound, Target};
use crate::ide::topic;
use modurust_lang::ast::{Def, ExprKind, Item, Stmt};
use modurust_lang::source::Span;
use modurust_lang::token::{COMMANDS, Kind, PLACED, SETTINGS, tokens};
use modurust_lang::visit;
use rustc_hash::FxHashMap;

/// An entry of the outline.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// How it is called, or what it is.
    pub detail: String,
    /// What it is.
    pub kind: SymbolKind,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub selection: Span,
    /// What it consists of: definitions of its block, clips, sections.
    pub children: Vec<Symbol>,
}

/// What an entry of the outline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// A definition without parameters.
    Value,
    /// A track.
    Track,
    /// A bus.
    Bus,
    /// A scene.
    Scene,
    /// A song.
    Song,
    /// A clip.
    Clip,
    /// `tempo`, `meter` and the like.
    Setting,
}

/// The statements that name something, in order.
pub fn symbols(document: &Document) -> Vec<Symbol> {
    let ends = document.stmts.iter().skip(1).map(|stmt| stmt.offset as usize).chain([document.text().len()]);
    document.stmts.iter().zip(ends).filter_map(|(stmt, end)| symbol(document, stmt, end)).collect()
}

fn symbol(document: &Document, stmt: &Stmt, end: usize) -> Option<Symbol> {
    let start = stmt.offset as usize;
    let text = document.text().get(start..end)?;
    // What follows a statement up to the next one, blank lines and comments, is no part of it.
    let last = tokens(text).filter(|t| !matches!(t.kind, Kind::Comment | Kind::Doc)).last()?;
    let span = Span::new(start, start + last.span.end as usize);
    let make = |name: &str, selection: Span, kind, detail: String, children| Symbol {
        name: name.to_string(),
        detail,
        kind,
        span,
        selection: selection.shift(stmt.offset),
        children,
    };
    let found = match &*stmt.item {
        Item::Def(def) => Symbol { span, ..of_def(def, stmt.offset) },
        Item::Setting { name, .. } => make(&name.name, name.span, SymbolKind::Setting, String::new(), Vec::new()),
        Item::Broken { name: Some(name), span: place } => {
            make(name, *place, SymbolKind::Value, "cannot be read".to_string(), Vec::new())
        }
        item => {
            let name = item.name()?;
            let (kind, detail) = match item {
                Item::Strip { bus: true, .. } => (SymbolKind::Bus, "bus"),
                Item::Strip { .. } => (SymbolKind::Track, "track"),
                Item::Scene { .. } => (SymbolKind::Scene, "scene"),
                _ => (SymbolKind::Song, "song"),
            };
            make(&name.name, name.span, kind, detail.to_string(), inner(item, stmt.offset))
        }
    };
    Some(Symbol { selection: within(found.selection, found.span), ..found })
}

/// A selection lies in its span, as editors insist.
fn within(selection: Span, span: Span) -> Span {
    let start = selection.start.clamp(span.start, span.end);
    Span { start, end: selection.end.clamp(start, span.end) }
}

fn of_def(def: &Def, offset: u32) -> Symbol {
    let function = def.params.is_some() || matches!(def.body.kind, ExprKind::Lambda { .. });
    let mut children = Vec::new();
    of_expr(&def.body, offset, &mut children);
    Symbol {
        name: def.name.name.clone(),
        detail: if def.params.is_some() { topic::head(&def.name.name, def) } else { String::new() },
        kind: if function { SymbolKind::Function } else { SymbolKind::Value },
        span: def.name.span.to(def.body.span).shift(offset),
        selection: def.name.span.shift(offset),
        children,
    }
}

fn inner(item: &Item, offset: u32) -> Vec<Symbol> {
    let mut children = Vec::new();
    visit::roots(item).into_iter().for_each(|expr| of_expr(expr, offset, &mut children));
    children
}

/// The definitions and clips of an expression; what those consist of stands below them.
fn of_expr(expr: &modurust_lang::ast::Expr, offset: u32, out: &mut Vec<Symbol>) {
    match &expr.kind {
        ExprKind::Block { defs, value } => {
            out.extend(defs.iter().map(|def| of_def(def, offset)));
            value.iter().for_each(|value| of_expr(value, offset, out));
        }
        ExprKind::Clips(clips) => out.extend(clips.iter().map(|clip| Symbol {
            name: clip.name.name.clone(),
            detail: "clip".to_string(),
            kind: SymbolKind::Clip,
            span: clip.name.span.to(clip.value.span).shift(offset),
            selection: clip.name.span.shift(offset),
            children: Vec::new(),
        })),
        _ => visit::children(expr).into_iter().for_each(|child| of_expr(child, offset, out)),
    }
}

/// What a word is to the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A comment, or documentation.
    Comment,
    /// A word of the language.
    Keyword,
    /// A function.
    Function,
    /// A value with a name.
    Variable,
    /// A parameter, or the name of an argument.
    Parameter,
    /// A clip, a field, a part of a value.
    Property,
    /// A module or a path.
    Namespace,
    /// A number with its unit, a note.
    Number,
    /// A pattern.
    Pattern,
    /// A text.
    Text,
    /// An operator.
    Operator,
}

/// A piece of text and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The bytes; they may go over several lines.
    pub span: Span,
    /// What they are.
    pub class: Class,
    /// The word gives a name.
    pub defines: bool,
    /// The word is of the library or the compiler.
    pub library: bool,
}

/// Every piece of a text that has a meaning, in order and apart from each other. Brackets and commas have none.
pub fn highlight(document: &Document) -> Vec<Mark> {
    let known: FxHashMap<Span, (&Target, bool)> =
        document.occurrences().iter().map(|o| (o.span, (&o.target, o.defines))).collect();
    let text = document.text();
    let mark = |token: modurust_lang::token::Token| {
        let word = token.text(text);
        let plain = |class| Some(Mark { span: token.span, class, defines: false, library: false });
        match token.kind {
            Kind::Doc | Kind::Comment => plain(Class::Comment),
            Kind::Keyword => plain(Class::Keyword),
            Kind::Note | Kind::Number => plain(Class::Number),
            Kind::Pattern => plain(Class::Pattern),
            Kind::Text => plain(Class::Text),
            Kind::Path => plain(Class::Namespace),
            Kind::Operator | Kind::Prime => plain(Class::Operator),
            Kind::Word => match known.get(&token.span) {
                Some((target, defines)) => {
                    let (class, library) = class_of(document, target);
                    Some(Mark { span: token.span, class, defines: *defines, library })
                }
                None if SETTINGS.contains(&word) || COMMANDS.contains(&word) || PLACED.contains(&word) => {
                    plain(Class::Keyword)
                }
                None => plain(Class::Variable),
            },
            _ => None,
        }
    };
    tokens(text).filter_map(mark).collect()
}

fn class_of(document: &Document, target: &Target) -> (Class, bool) {
    let of = |document: &Document, number: usize| match &*document.stmts[number].item {
        Item::Def(def) if def.params.is_some() || matches!(def.body.kind, ExprKind::Lambda { .. }) => Class::Function,
        _ => Class::Variable,
    };
    match target {
        Target::Statement(number) => (of(document, *number), false),
        Target::Used(file, number) => (of(&document.used[*file].document, *number), false),
        Target::Local(_, Bound::Param) => (Class::Parameter, false),
        Target::Local(_, Bound::Def) => (Class::Variable, false),
        Target::Local(_, Bound::Clip) | Target::Field => (Class::Property, false),
        Target::Argument(..) => (Class::Parameter, false),
        Target::Module(_) => (Class::Namespace, true),
        Target::Global(name) => {
            let function = topic::find(name).first().is_none_or(|topic| topic.is_function());
            (if function { Class::Function } else { Class::Variable }, true)
        }
        Target::Unknown => (Class::Variable, false),
    }
}
