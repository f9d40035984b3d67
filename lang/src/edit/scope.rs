//! Who speaks of whom in one file.
//!
//! A name of a statement is hidden inside of a function by a parameter of the same name, and inside of a block by a
//! definition of the block; all definitions of a block see each other. The words of scenes, songs, automation and
//! commands are names of statements too; clips have names of their own that nothing here touches.

use super::{Edit, Refusal, Splice, Text, refuse};
use crate::ast::{Def, Expr, ExprKind, Ident, Item};
use crate::source::Span;
use crate::visit;

/// What surrounds an expression.
pub(super) struct Around<'a> {
    /// Names that are bound between the statement and the expression.
    pub bound: Vec<&'a str>,
    /// Inside a function or lambda: each call computes it anew.
    pub called: bool,
}

impl<'a> Around<'a> {
    fn with(&self, names: impl Iterator<Item = &'a Ident>, called: bool) -> Around<'a> {
        let mut bound = self.bound.clone();
        bound.extend(names.map(|name| name.name.as_str()));
        Around { bound, called: self.called || called }
    }
}

/// Calls `see` with every expression of a statement and what surrounds it.
pub(super) fn walk<'a>(item: &'a Item, see: &mut impl FnMut(&'a Expr, &Around<'a>)) {
    let top = Around { bound: Vec::new(), called: false };
    match item {
        Item::Def(def) => definition(def, &top, see),
        item => visit::roots(item).into_iter().for_each(|expr| below(expr, &top, see)),
    }
}

fn definition<'a>(def: &'a Def, around: &Around<'a>, see: &mut impl FnMut(&'a Expr, &Around<'a>)) {
    let params = def.params.iter().flatten().map(|param| &param.name);
    let inner = around.with(params, def.params.is_some());
    visit::definition(def).into_iter().for_each(|expr| below(expr, &inner, see));
}

fn below<'a>(expr: &'a Expr, around: &Around<'a>, see: &mut impl FnMut(&'a Expr, &Around<'a>)) {
    see(expr, around);
    match &expr.kind {
        ExprKind::Lambda { params, body } => below(body, &around.with(params.iter(), true), see),
        ExprKind::Block { defs, value } => {
            let inner = around.with(defs.iter().map(|def| &def.name), false);
            defs.iter().for_each(|def| definition(def, &inner, see));
            value.iter().for_each(|value| below(value, &inner, see));
        }
        _ => visit::children(expr).into_iter().for_each(|child| below(child, around, see)),
    }
}

/// The one statement of a name.
pub(super) fn statement(read: &Text<'_>, name: &str) -> Result<usize, Refusal> {
    let named = |i: &usize| read.stmts[*i].item.name().is_some_and(|ident| ident.name == name);
    let found: Vec<usize> = (0..read.stmts.len()).filter(named).collect();
    read.readable(name)?;
    match found[..] {
        [one] => Ok(one),
        [] => refuse(format!("no statement of this file is named `{name}`")),
        _ => refuse(format!("`{name}` is defined {} times: leave one first", found.len())),
    }
}

/// Where a value is used: its place in the file, and what is around.
pub(super) struct Use {
    pub span: Span,
    /// Inside a function or lambda.
    pub called: bool,
    /// Names that are bound there.
    pub bound: Vec<String>,
    /// Called, indexed, or asked for a field or its past.
    pub handled: bool,
}

/// The expressions that speak of the statement `name`.
pub(super) fn uses(read: &Text<'_>, name: &str) -> Vec<Use> {
    let mut uses = Vec::new();
    let is = |expr: &Expr| matches!(&expr.kind, ExprKind::Name(n) if n == name);
    for stmt in &read.stmts {
        let mut handled = Vec::new();
        walk(&stmt.item, &mut |expr, around| match &expr.kind {
            ExprKind::Call { callee: base, .. }
            | ExprKind::Index { base, .. }
            | ExprKind::Field { base, .. }
            | ExprKind::Prime(base)
                if is(base) =>
            {
                handled.push(base.span);
            }
            _ if is(expr) && !around.bound.contains(&name) => uses.push(Use {
                span: expr.span.shift(stmt.offset),
                called: around.called,
                bound: around.bound.iter().map(|name| name.to_string()).collect(),
                handled: handled.contains(&expr.span),
            }),
            _ => {}
        });
    }
    uses
}

/// Words outside of expressions that speak of the statement `name`.
pub(super) fn words(read: &Text<'_>, name: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for stmt in &read.stmts {
        let mut see = |ident: &Ident| {
            if ident.name == name {
                found.push(ident.span.shift(stmt.offset));
            }
        };
        match &*stmt.item {
            Item::Scene { slots, then, .. } => {
                slots.iter().for_each(|slot| see(&slot.track));
                then.iter().for_each(|choice| see(&choice.name));
            }
            Item::Arrange { sections, .. } => {
                for section in sections {
                    see(&section.scene);
                    section.lanes.iter().filter_map(|(path, _)| path.first()).for_each(&mut see);
                }
            }
            Item::Automate { path, .. } | Item::Map { path, .. } => path.first().into_iter().for_each(see),
            Item::Command(command) => command.path.first().into_iter().for_each(see),
            _ => {}
        }
    }
    found
}

/// One splice for the name and for each place that speaks of it.
pub(super) fn rename(read: &Text<'_>, name: &str, to: &str) -> Result<Edit, Refusal> {
    let stmt = &read.stmts[statement(read, name)?];
    read.fresh(to)?;
    let own = stmt.item.name().map(|ident| ident.span.shift(stmt.offset));
    let mut spans: Vec<Span> = own.into_iter().chain(words(read, name)).collect();
    spans.extend(uses(read, name).iter().map(|used| used.span));
    spans.sort_by_key(|span| span.start);
    spans.dedup();
    if spans.iter().any(|span| read.at(*span) != name) {
        return refuse(format!("a place that speaks of `{name}` could not be found to the letter"));
    }
    let splice = |span: Span| Splice { range: span.start as usize..span.end as usize, text: to.to_string() };
    Ok(Edit::new(spans.into_iter().map(splice).collect()))
}

/// One splice for each place; all must hold the same word.
pub(super) fn rename_places(read: &Text<'_>, places: &[Span], to: &str) -> Result<Edit, Refusal> {
    read.fresh(to)?;
    let mut spans = places.to_vec();
    spans.sort_by_key(|span| span.start);
    spans.dedup();
    let Some(first) = spans.first() else { return refuse("there is no name here") };
    let name = read.at(*first);
    read.readable(name)?;
    if name.is_empty() || spans.iter().any(|span| read.at(*span) != name) {
        return refuse("the text has changed");
    }
    let splice = |span: Span| Splice { range: span.start as usize..span.end as usize, text: to.to_string() };
    Ok(Edit::new(spans.into_iter().map(splice).collect()))
}
