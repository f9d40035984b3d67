//! Values that are typed at an input: a number, a name, a pattern, an expression, in the place where the input is written.
//!
//! ```text
//! freq        cutoff * (1 + 6 * env)     lpf(osc, 800hz)  becomes  lpf(osc, cutoff * (1 + 6 * env))
//! q           2                          .. , q: 2)       an input that had nothing is named
//! q           (nothing)                  the argument goes again
//! pattern     0 3 [5 7]                  "0 3 [5 7]"      quotes are added, `=` in front means an expression
//! accent: 1   an argument of any name, for those that take some (`with`)
//! ```

use super::super::graph::{Hex, Port, Site, Value, What, range};
use super::{Plan, Planned, refuse, span};
use modurust_runtime::compiler::lang::ast::ExprKind;
use modurust_runtime::compiler::lang::edit::{Edit, Op, Refusal, Slot, Splice};
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::compiler::lang::visit;
use std::ops::Range;

impl Plan<'_> {
    /// Writes what was typed for an input of a hex, by its number; a number behind the last means an argument that says its name.
    pub(super) fn write(&mut self, key: &str, port: usize, value: &str) -> Result<Planned, Refusal> {
        let hex = self.readable(key)?.clone();
        let (named, value) = match argument(value) {
            Some((name, rest)) => (Some(name), rest),
            None => (None, value.trim()),
        };
        let port = match named {
            Some(name) => hex.ports.iter().find(|port| port.param == name && port.site != Site::Fixed).cloned(),
            None => hex.ports.get(port).cloned(),
        };
        let name = named.map(str::to_string).or_else(|| port.as_ref().map(|port| port.name.clone()));
        let Some(name) = name else { return refuse("an argument says its name: `accent: 1`") };
        let say = if value.is_empty() {
            format!("{}.{name} is as if nothing were said", hex.name)
        } else {
            format!("{}.{name} is {value}", hex.name)
        };
        let edit = match port {
            Some(port) => self.fill(&hex, &port, value)?,
            None if value.is_empty() => return refuse(format!("`{}` has no `{name}`", hex.name)),
            None => {
                let call = self.called(&hex)?;
                self.op(&Op::Set { call: span(&call), slot: Slot::Named(name), value: value.to_string() })?
            }
        };
        Ok(Planned { edit, say, select: None })
    }

    fn fill(&mut self, hex: &Hex, port: &Port, value: &str) -> Result<Edit, Refusal> {
        let old = match &port.value {
            Value::Literal(at) | Value::Other(at) => self.slice(at).to_string(),
            _ => String::new(),
        };
        let typed = match value.strip_prefix('=') {
            Some(rest) => rest.trim().to_string(),
            None if old.starts_with('"') && !value.is_empty() && !value.contains('"') => format!("\"{value}\""),
            None => value.to_string(),
        };
        match &port.site {
            // The value that a parameter has when nobody gives one stands behind its name.
            Site::Expr(at) if hex.what == What::Param && at.is_empty() => {
                if typed.is_empty() {
                    return Ok(Edit::default());
                }
                let splices = vec![Splice { range: at.clone(), text: format!(" = {typed}") }];
                let edit = Edit { splices };
                self.hands.planner.check(self.text, &edit, 0)?;
                Ok(edit)
            }
            Site::Expr(at) if typed.is_empty() => self.emptied(at, port),
            Site::Expr(at) => self.op(&Op::Connect { input: span(at), source: typed }),
            Site::Argument(..) | Site::Term(_) if typed.is_empty() => refuse(format!("`{}` has no value", port.name)),
            Site::Argument(call, name) => {
                self.op(&Op::Set { call: span(call), slot: Slot::Named(name.clone()), value: typed })
            }
            Site::Term(at) => {
                let sum = format!("{} + {typed}", self.slice(at));
                self.op(&Op::Connect { input: span(at), source: sum })
            }
            Site::Send => refuse("what is sent to a bus is said by who sends it: connect that to it (c)"),
            Site::Fixed => refuse(format!("`{}` is written elsewhere: change it in the text", port.name)),
        }
    }

    /// Takes an argument out of its call, or puts the default in its place where others behind it count on theirs.
    fn emptied(&mut self, at: &Range<usize>, port: &Port) -> Result<Edit, Refusal> {
        let Some((_, stmt)) = self.patch.document.statement(at.start) else { return refuse("the text has changed") };
        let here = |span: modurust_runtime::compiler::lang::source::Span| range(span.shift(stmt.offset));
        let mut cut = None;
        visit::exprs(&stmt.item, &mut |expr| {
            let ExprKind::Call { args, .. } = &expr.kind else { return };
            let Some(nth) = args.iter().position(|arg| here(arg.value.span) == *at) else { return };
            let named = args[nth].name.is_some();
            if !named && args[nth + 1..].iter().any(|arg| arg.name.is_none()) {
                return;
            }
            let start = |nth: usize| {
                let arg = &args[nth];
                here(arg.name.as_ref().map_or(arg.value.span, |name| name.span)).start
            };
            // With the comma before it, or the one behind it if it is the first.
            cut = Some(match (nth.checked_sub(1), args.get(nth + 1)) {
                (Some(before), _) => here(args[before].value.span).end..at.end,
                (None, Some(_)) => start(0)..start(1),
                (None, None) => start(0)..at.end,
            });
        });
        match (cut, &port.default) {
            (Some(range), _) if port.default.is_some() || port.rate != super::Rate::Audio => {
                let edit = Edit { splices: vec![Splice { range, text: String::new() }] };
                self.hands.planner.check(self.text, &edit, 0)?;
                Ok(edit)
            }
            (_, Some(default)) => self.op(&Op::Connect { input: span(at), source: default.clone() }),
            _ => self.op(&Op::Connect { input: span(at), source: "0".to_string() }),
        }
    }

    /// The outermost call of a hex that takes arguments.
    fn called(&self, hex: &Hex) -> Result<Range<usize>, Refusal> {
        let own = hex.chips.iter().find(|chip| chip.label == hex.kind).map(|chip| chip.span.clone());
        match hex.what {
            What::Chip => Ok(hex.span.clone()),
            _ => own.map_or_else(|| refuse(format!("`{}` calls nothing that takes arguments", hex.name)), Ok),
        }
    }
}

/// `accent: "1 0"`: the name of an argument and its value.
fn argument(typed: &str) -> Option<(&str, &str)> {
    let mut words = tokens(typed);
    let (word, colon) = (words.next()?, words.next()?);
    let fits = word.kind == Kind::Word && colon.text(typed) == ":";
    fits.then(|| (word.text(typed), typed[colon.span.end as usize..].trim()))
}

#[cfg(test)]
mod tests {
    use super::super::super::properties::Drawing;
    use super::super::Gesture;

    #[track_caller]
    fn write(text: &str, hex: &str, port: &str, value: &str) -> Result<String, String> {
        let mut drawing = Drawing::of(text);
        let patch = drawing.patch();
        let ports = &patch.whole.hex(hex).expect("there is such a hex").ports;
        let port = ports.iter().position(|p| p.name == port).unwrap_or(ports.len());
        let gesture = Gesture::Write { hex: hex.into(), port, value: value.into() };
        let planned = drawing.plan(&gesture).map_err(|why| why.reason)?;
        Ok(planned.edit.apply(text).expect("the splices fit"))
    }

    #[test]
    fn what_is_typed_stands_where_its_input_is_written() {
        let text = "p = \"0 3\"  // line\nl = lpf(osc, 800hz)\nosc = saw(110hz)\nw = with(p, accent: 1)\nout = l\n";
        let with = |from: &str, to: &str| Ok(text.replace(from, to));
        assert_eq!(write(text, "l", "freq", "osc * 2khz + 1"), with("800hz", "osc * 2khz + 1"));
        assert_eq!(write(text, "l", "q", "2"), with("800hz", "800hz, q: 2"));
        assert_eq!(write(text, "l", "", "q: 2"), with("800hz", "800hz, q: 2"));
        assert_eq!(write(text, "p", "pattern", "0 <3 5>(3,8)"), with("\"0 3\"", "\"0 <3 5>(3,8)\""));
        assert_eq!(write(text, "p", "pattern", "= osc"), with("\"0 3\"", "osc"));
        assert_eq!(
            write(text, "w", "", "cut: 1 ~> 2 over 4bars"),
            with("accent: 1", "accent: 1, cut: 1 ~> 2 over 4bars")
        );
        assert_eq!(write(text, "w", "", "accent: "), with(", accent: 1", ""));
        assert_eq!(write(text, "l", "freq", ""), with(", 800hz", ""));
        assert_eq!(write(text, "out", "+", "osc * 2"), with("= l\n", "= l + osc * 2\n"));
        assert!(write(text, "l", "freq", "1khz,").is_err());
        assert!(write(text, "p", "", "q: 2").unwrap_err().contains("only a call"));
    }
}
