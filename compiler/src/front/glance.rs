//! What is seen from an expression as it is written, before anything of it is known.

use crate::front::value::{hash_text, mix};
use modurust_lang::ast::{Expr, ExprKind, UnaryOp};
use modurust_lang::units::Dim;

/// The dimension of a default, seen from its text.
pub(super) fn literal_dim(expr: &Expr) -> Option<Dim> {
    match &expr.kind {
        ExprKind::Number { unit, .. } => Some(unit.map_or(Dim::None, |u| u.dim())),
        ExprKind::Note(_) => Some(Dim::Pitch),
        ExprKind::Unary { op: UnaryOp::Neg, x } => literal_dim(x),
        ExprKind::Call { callee, args } if matches!(&callee.kind, ExprKind::Name(n) if n == "knob") => {
            args.first().and_then(|a| literal_dim(&a.value))
        }
        _ => None,
    }
}

/// True when an expression names the piped value.
pub(super) fn uses_it(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::It => true,
        ExprKind::Call { callee, args } => uses_it(callee) || args.iter().any(|a| uses_it(&a.value)),
        ExprKind::Index { base, index } => uses_it(base) || uses_it(index),
        ExprKind::Field { base, .. } => uses_it(base),
        ExprKind::Prime(x) | ExprKind::Unary { x, .. } => uses_it(x),
        ExprKind::Binary { left, right, .. } => uses_it(left) || uses_it(right),
        // What stands right of an inner `>>` has an `it` of its own.
        ExprKind::Pipe { left, .. } => uses_it(left),
        ExprKind::Ramp { from, to, over, .. } => uses_it(from) || uses_it(to) || over.as_deref().is_some_and(uses_it),
        ExprKind::Lambda { body, .. } => uses_it(body),
        ExprKind::If { cond, then, other } => uses_it(cond) || uses_it(then) || uses_it(other),
        ExprKind::Block { defs, value } => {
            defs.iter().any(|d| uses_it(&d.body)) || value.as_deref().is_some_and(uses_it)
        }
        ExprKind::Array(items) => items.iter().any(uses_it),
        ExprKind::Clips(clips) => clips.iter().any(|c| uses_it(&c.value)),
        _ => false,
    }
}

/// Hash of an expression without its place.
pub(super) fn hash_expr(expr: &Expr) -> u64 {
    hash_spelt(expr, &|name| name)
}

/// The same, with names spelt otherwise.
pub(super) fn hash_spelt<'a>(expr: &'a Expr, spelt: &impl Fn(&'a str) -> &'a str) -> u64 {
    let hash_expr = |expr: &'a Expr| hash_spelt(expr, spelt);
    let list = |seed: u64, items: &mut dyn Iterator<Item = &'a Expr>| items.fold(seed, |h, e| mix(h, hash_expr(e)));
    match &expr.kind {
        ExprKind::Number { value, unit, .. } => mix(value.to_bits(), unit.map_or(1, |u| u as u64 + 2)),
        ExprKind::Note(n) => mix(0x40, *n as u64),
        ExprKind::Text(t) => mix(0x41, hash_text(t)),
        ExprKind::Name(t) => mix(0x41, hash_text(spelt(t))),
        ExprKind::Pattern { text, .. } => mix(0x42, hash_text(text)),
        ExprKind::It => 0x43,
        ExprKind::Call { callee, args } => list(mix(0x44, hash_expr(callee)), &mut args.iter().map(|a| &a.value)),
        ExprKind::Index { base, index } => mix(hash_expr(base), hash_expr(index)),
        ExprKind::Field { base, name } => mix(hash_expr(base), hash_text(&name.name)),
        ExprKind::Prime(x) => mix(0x45, hash_expr(x)),
        ExprKind::Unary { op, x } => mix(0x46 + *op as u64, hash_expr(x)),
        ExprKind::Binary { op, left, right } => mix(mix(0x50 + *op as u64, hash_expr(left)), hash_expr(right)),
        ExprKind::Pipe { left, right } => mix(mix(0x60, hash_expr(left)), hash_expr(right)),
        ExprKind::Ramp { from, to, .. } => mix(mix(0x61, hash_expr(from)), hash_expr(to)),
        ExprKind::Lambda { body, .. } => mix(0x62, hash_expr(body)),
        ExprKind::If { cond, then, other } => list(0x63, &mut [&**cond, &**then, &**other].into_iter()),
        ExprKind::Block { defs, value } => {
            let h = list(0x64, &mut defs.iter().map(|d| &d.body));
            value.as_deref().map_or(h, |v| mix(h, hash_expr(v)))
        }
        ExprKind::Array(items) => list(0x65, &mut items.iter()),
        ExprKind::Clips(clips) => list(0x66, &mut clips.iter().map(|c| &c.value)),
        ExprKind::Broken => 0x67,
    }
}
