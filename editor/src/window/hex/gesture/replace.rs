//! Another node in the place of one: arguments that both know stay, each at the place or under the name that it had.

use super::super::graph::{What, range};
use super::super::template;
use super::{Plan, Planned, refuse, span};
use modurust_runtime::compiler::lang::ast::{Expr, ExprKind};
use modurust_runtime::compiler::lang::edit::{Op, Refusal};
use modurust_runtime::compiler::lang::parse::parse_expr;
use modurust_runtime::compiler::lang::source::FileId;
use std::ops::Range;

impl Plan<'_> {
    pub(super) fn replace(&mut self, key: &str, kind: &str) -> Result<Planned, Refusal> {
        let hex = self.readable(key)?.clone();
        let own = hex.chips.iter().find(|chip| chip.label == hex.kind).map(|chip| chip.span.clone());
        let place = match hex.what {
            What::Chip => Some(hex.span.clone()),
            _ => own,
        };
        let say = format!("{} is {kind} now", hex.name);
        let piped = place.as_ref().is_some_and(|place| {
            let stage = |expr: &Expr, at: &dyn Fn(&Expr) -> Range<usize>| match &expr.kind {
                ExprKind::Pipe { right, .. } => at(right).start == place.start,
                _ => false,
            };
            self.around(place, stage).is_some()
        });
        let Some(place) = place else {
            // A number or a name becomes what comes into the new node.
            if !matches!(hex.what, What::Value | What::Track) {
                return refuse(format!("`{}` cannot become another node", hex.name));
            }
            let old = self.slice(&hex.body).to_string();
            let source = template::takes(&mut self.hands.signatures, kind).then_some(old.as_str());
            let Some(text) = template::call(&mut self.hands.signatures, kind, source) else {
                return refuse(format!("there is no node `{kind}`"));
            };
            let edit = self.op(&Op::Connect { input: span(&hex.body), source: text })?;
            return Ok(Planned { edit, say, select: None });
        };
        let old = self.slice(&place).to_string();
        let text = self.swapped(&old, kind, piped)?;
        // Where only the word changes, only the word is touched.
        let edit = match (old.split_once('('), text.split_once('(')) {
            (Some((word, rest)), Some((new, same))) if rest == same => {
                let callee = place.start..place.start + word.trim_end().len();
                self.op(&Op::Connect { input: span(&callee), source: new.to_string() })?
            }
            _ => self.op(&Op::Connect { input: span(&place), source: text })?,
        };
        Ok(Planned { edit, say, select: None })
    }

    /// A call of `kind` with the arguments of an old call that it knows as well.
    fn swapped(&mut self, old: &str, kind: &str, piped: bool) -> Result<String, Refusal> {
        let signatures = &mut self.hands.signatures;
        let Some(template) =
            (if piped { template::stage(signatures, kind) } else { template::call(signatures, kind, None) })
        else {
            return refuse(format!("there is no node `{kind}` that could stand here"));
        };
        let called = parse_expr(FileId(0), old).0.map(|expr| expr.kind);
        let Some(ExprKind::Call { callee, args }) = called else { return Ok(template) };
        let word = range(callee.span);
        let mut params = |name: &str| -> Vec<String> {
            let signature = signatures.global(name, false);
            signature.map_or_else(Vec::new, |s| s.params.iter().map(|param| param.name.clone()).collect())
        };
        let (was, now) = (params(&old[word]), params(kind));
        let skip = usize::from(piped);
        let mut nth = skip;
        let mut kept: Vec<(String, bool, String)> = Vec::new();
        for arg in &args {
            let text = old[range(arg.value.span)].to_string();
            let name = match &arg.name {
                Some(name) => Some(name.name.clone()),
                None => {
                    nth += 1;
                    was.get(nth - 1).cloned()
                }
            };
            // What comes in first comes in first there too, whatever it is called.
            let first = arg.name.is_none() && nth == 1 && !piped;
            match name {
                Some(_) if first && !now.is_empty() => kept.push((now[0].clone(), true, text)),
                Some(name) if now.contains(&name) => kept.push((name, arg.name.is_none(), text)),
                _ => {}
            }
        }
        let needed = parse_expr(FileId(0), &template).0.map(|expr| expr.kind);
        if let Some(ExprKind::Call { args, .. }) = needed {
            let mut nth = skip;
            for arg in &args {
                let name = arg.name.as_ref().map(|name| name.name.clone());
                let place = name.is_none();
                nth += usize::from(place);
                let Some(name) = name.or_else(|| now.get(nth - 1).cloned()) else { continue };
                if place && !kept.iter().any(|(known, ..)| *known == name) {
                    kept.push((name, true, template[range(arg.value.span)].to_string()));
                }
            }
        }
        // In order as far as they follow each other, then by name.
        let mut out: Vec<String> = Vec::new();
        let mut rest = kept;
        let mut next = skip;
        while let Some(i) = now.get(next).and_then(|name| rest.iter().position(|(n, place, _)| n == name && *place)) {
            out.push(rest.remove(i).2);
            next += 1;
        }
        out.extend(rest.into_iter().map(|(name, _, text)| format!("{name}: {text}")));
        Ok(if out.is_empty() && piped { kind.to_string() } else { format!("{kind}({})", out.join(", ")) })
    }
}
