//! Walks over trees, so that who looks for one kind of node need not name all others.

use crate::ast::*;

/// The expressions directly in a statement, in the order of the text.
pub fn roots(item: &Item) -> Vec<&Expr> {
    let mut roots = Vec::new();
    match item {
        Item::Setting { value, .. } | Item::Strip { value, .. } => roots.push(value),
        Item::Def(def) => of_def(def, &mut roots),
        Item::Scene { length, then, .. } => of_end(length.as_ref(), then, &mut roots),
        Item::Arrange { sections, .. } => {
            for section in sections {
                roots.push(&section.length);
                roots.extend(&section.xfade);
                roots.extend(section.lanes.iter().map(|(_, value)| value));
            }
        }
        Item::Automate { points, .. } => roots.extend(points.iter().flat_map(|(at, value, _)| [at, value])),
        Item::Map { source, range, .. } => {
            roots.push(source);
            roots.extend(range);
        }
        Item::Meter { from, .. } => roots.extend(from),
        Item::Command(Command { from, at, .. }) => {
            if let Some((from, to)) = from {
                roots.push(from);
                roots.extend(to);
            }
            if let Some(At::Next(length)) = at {
                roots.push(length);
            }
        }
        Item::Use { .. } | Item::Broken { .. } => {}
    }
    roots
}

/// The expressions directly in an expression, in the order of the text.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    match &expr.kind {
        ExprKind::Call { callee, args } => {
            found.push(&**callee);
            found.extend(args.iter().map(|arg| &arg.value));
        }
        ExprKind::Index { base, index } => found.extend([&**base, &**index]),
        ExprKind::Field { base: x, .. }
        | ExprKind::Prime(x)
        | ExprKind::Unary { x, .. }
        | ExprKind::Lambda { body: x, .. } => found.push(x),
        ExprKind::Binary { left, right, .. } | ExprKind::Pipe { left, right } => found.extend([&**left, &**right]),
        ExprKind::Ramp { from, to, over, .. } => {
            found.extend([&**from, &**to]);
            found.extend(over.as_deref());
        }
        ExprKind::If { cond, then, other } => found.extend([&**cond, &**then, &**other]),
        ExprKind::Block { defs, value } => {
            defs.iter().for_each(|def| of_def(def, &mut found));
            found.extend(value.as_deref());
        }
        ExprKind::Array(items) => found.extend(items),
        ExprKind::Clips(clips) => {
            for clip in clips {
                found.push(&clip.value);
                of_end(clip.length.as_ref(), &clip.then, &mut found);
            }
        }
        _ => {}
    }
    found
}

/// The expressions directly in a definition, in the order of the text.
pub fn definition(def: &Def) -> Vec<&Expr> {
    let mut found = Vec::new();
    of_def(def, &mut found);
    found
}

fn of_def<'a>(def: &'a Def, found: &mut Vec<&'a Expr>) {
    for param in def.params.iter().flatten() {
        found.extend(param.ty.iter().filter_map(|(_, channels)| channels.as_ref()));
        found.extend(&param.default);
        found.extend(param.range.iter().flat_map(|range| [&range.low, &range.high]));
    }
    found.push(&def.body);
}

fn of_end<'a>(length: Option<&'a Expr>, then: &'a [Choice], found: &mut Vec<&'a Expr>) {
    found.extend(length);
    found.extend(then.iter().filter_map(|choice| choice.weight.as_ref()));
}

/// Calls `see` with every expression of a statement, outer ones first.
pub fn exprs<'a>(item: &'a Item, see: &mut impl FnMut(&'a Expr)) {
    roots(item).into_iter().for_each(|expr| expr_and_below(expr, see));
}

/// Calls `see` with an expression and all in it, outer ones first.
pub fn expr_and_below<'a>(expr: &'a Expr, see: &mut impl FnMut(&'a Expr)) {
    see(expr);
    children(expr).into_iter().for_each(|child| expr_and_below(child, see));
}
