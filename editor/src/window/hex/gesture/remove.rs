//! Away with a hex: a stage out of its pipe, a definition out of its block, a statement with what speaks of it as a strip.

use super::super::graph::What;
use super::strip::command_at;
use super::{Plan, Planned, call_of, refuse, span};
use modurust_runtime::compiler::lang::ast::ExprKind;
use modurust_runtime::compiler::lang::edit::{Edit, Op, Refusal};
use modurust_runtime::compiler::lang::parse::parse;
use modurust_runtime::compiler::lang::source::{FileId, Source};
use modurust_runtime::compiler::lang::visit;

impl Plan<'_> {
    pub(super) fn delete(&mut self, key: &str) -> Result<Planned, Refusal> {
        let hex = self.hex(key)?.clone();
        if hex.what == What::Chip {
            let pipe = self.around(&hex.span, |expr, at| match &expr.kind {
                ExprKind::Pipe { right, .. } => at(right) == hex.span,
                _ => false,
            });
            let Some(pipe) = pipe else {
                return refuse("this is needed by what is around it: put something else in its place");
            };
            let edit = self.op(&Op::Unstage { pipe: span(&pipe) })?;
            return Ok(Planned { edit, say: format!("{} taken out", hex.name), select: None });
        }
        if self.view.of.is_some() && matches!(hex.what, What::Value | What::Function | What::Param) {
            return self.delete_inside(key);
        }
        let name = self.binding(key)?.key.clone();
        let uses = self.view.find(key).map_or(0, |hex| self.view.wires.iter().filter(|wire| wire.from == hex).count());
        // Lines that mute or solo it go first, and stages that send to it.
        let mut edit = Edit::default();
        loop {
            let text = edit.apply(self.text).unwrap_or_default();
            let Some(op) = leftover(&text, &name) else { break };
            let next = self.hands.planner.plan(&text, &op)?;
            let Some(both) = edit.then(self.text, &next) else { return refuse("the text has changed") };
            edit = both;
        }
        let edit = self.then(edit, |_| Ok(Op::Delete { name: name.clone() }))?;
        let used = match uses {
            0 => String::new(),
            1 => ": what used it hears silence".to_string(),
            n => format!(": {n} that used it hear silence"),
        };
        Ok(Planned { edit, say: format!("{name} deleted{used}"), select: None })
    }
}

/// What has to go before a strip can: lines that mute it or let it be heard alone, and stages that send to it.
fn leftover(text: &str, name: &str) -> Option<Op> {
    if let Some(at) = command_at(text, "mute", name).or_else(|| command_at(text, "solo", name)) {
        return Some(Op::Remove { at });
    }
    let read = parse(FileId(0), &Source::new("", text));
    read.stmts.iter().find_map(|stmt| {
        let mut found = None;
        visit::exprs(&stmt.item, &mut |expr| {
            if let ExprKind::Pipe { right, .. } = &expr.kind
                && found.is_none()
                && call_of(right, &["send", "to"])
                && let ExprKind::Call { args, .. } = &right.kind
                && args.first().is_some_and(|arg| matches!(&arg.value.kind, ExprKind::Name(n) if n == name))
            {
                found = Some(Op::Unstage { pipe: expr.span.shift(stmt.offset) });
            }
        });
        found
    })
}
