//! What an expression is: its type, channels, unit and rate, as it would be at the end of a text.
//!
//! ```text
//! saw(110hz) >> pan(0.3)     a signal, 2 channels, every sample
//! "0 3 7"                    a pattern
//! 3/16n                      a length in beats, a number
//! ```

use crate::front::elab::Elab;
use crate::front::scope::{Origin, Params};
use crate::front::settle::rate;
use crate::front::stand_ins::StandIns;
use crate::front::value::Value;
use crate::front::{Compiler, STACK, World};
use crate::graph::Rate;
use modurust_lang::{Diagnostic, FileId, parse};
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Compiler {
    /// Describes an expression in the scope of the files. Spans of diagnostics count from the start of `text`.
    pub fn describe(&mut self, world: &dyn World, roots: &[String], text: &str) -> (Option<String>, Vec<Diagnostic>) {
        let (expr, mut diagnostics) = parse::parse_expr(FileId(0), text);
        let Some(expr) = expr else { return (None, diagnostics) };
        let (files, sources, _) = self.load(world, roots);
        let mut places = super::places::Places::default();
        let texts: Vec<&str> = sources.iter().map(|s| &*s.text).collect();
        let (files, _) = places.laid_out(&files, &texts);
        let options = self.options;
        let run = || {
            let mut elab = Elab::new(world, options.sample_rate, options.seed);
            elab.paths = files.iter().map(|f| f.path.clone()).collect();
            elab.session(&files);
            // Errors of the text are told where it is evaluated.
            elab.diagnostics.clear();
            elab.at = Origin::default();
            let root = elab.root;
            let value = elab.eval(root, &expr);
            let found = (!elab.failed()).then(|| elab.words(&value));
            (found, elab.diagnostics)
        };
        match stacker::grow(STACK, || catch_unwind(AssertUnwindSafe(run))) {
            Ok((found, more)) => {
                diagnostics.extend(more);
                (found, diagnostics)
            }
            Err(_) => (None, diagnostics),
        }
    }
}

impl<'a> Elab<'a> {
    fn words(&self, value: &Value<'a>) -> String {
        match value {
            Value::Num(num) => {
                let unit =
                    if num.dim == modurust_lang::units::Dim::None { "a plain number" } else { num.dim.article() };
                format!("{unit}, {}", num.value)
            }
            Value::Sig(sig) => {
                let channels = match sig.shape.channels {
                    1 => "1 channel".to_string(),
                    n => format!("{n} channels"),
                };
                let rate = match rate(&self.graph, &self.aliases, &StandIns::default(), sig.node) {
                    Rate::Const => "constant",
                    Rate::Block => "moves with its parameters",
                    Rate::Sample => "every sample",
                };
                format!("{}, {channels}, {rate}", value.article())
            }
            Value::Array(items) => {
                let kinds: Vec<String> = items.iter().map(|item| self.words(item)).collect();
                format!("a list of {}: {}", items.len(), kinds.join("; "))
            }
            Value::Fn(closure) => {
                let params = match closure.params {
                    Params::Full(all) => all.iter().map(|p| p.name.name.as_str()).collect::<Vec<_>>(),
                    Params::Bare(all) => all.iter().map(|p| p.name.as_str()).collect(),
                };
                format!("a function of ({})", params.join(", "))
            }
            Value::Builtin(builtin) => format!("a function: {}", builtin.signature),
            Value::Record(record) => {
                let fields: Vec<&str> = record.fields.iter().map(|(name, _)| *name).collect();
                format!("{}, with .{}", self.words(&record.main), fields.join(" ."))
            }
            other => other.article(),
        }
    }
}
