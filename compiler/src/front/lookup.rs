//! What a name stands for.
//!
//! Looked for in this order: bindings in scope, constants, functions of the compiler, the library, primitives with a plain name. Where
//! the library and the functions over patterns share a name (`echo`), what comes in decides.

use crate::front::builtins;
use crate::front::elab::Elab;
use crate::front::scope::*;
use crate::front::value::*;
use crate::graph::FrameId;
use modurust_lang::ast::Expr;
use modurust_lang::source::Span;
use modurust_lang::units::Dim;

impl<'a> Elab<'a> {
    pub(super) fn eval_name(&mut self, scope: ScopeId, expr: &'a Expr, name: &'a str) -> Value<'a> {
        let Some(value) = self.lookup(scope, name, expr.span) else {
            self.take_pending(expr);
            self.unknown_name(scope, name, expr.span);
            return Value::Broken;
        };
        match self.take_pending(expr) {
            Some(piped) => {
                let value = self.meant(scope, name, value, Some(&piped.value));
                self.call(value, vec![piped], expr.span, 0)
            }
            None => match value {
                Value::Builtin(builtin) if builtin.stands_alone() => self.call(value, Vec::new(), expr.span, 0),
                value => value,
            },
        }
    }

    /// Where the library and the functions over patterns share a name, what comes in decides.
    pub(super) fn meant(&self, scope: ScopeId, name: &str, value: Value<'a>, first: Option<&Value<'a>>) -> Value<'a> {
        if !matches!(first, Some(Value::Pat(_) | Value::Line { .. })) || self.scopes.find(scope, name).is_some() {
            return value;
        }
        builtins::of_patterns(name).map_or(value, Value::Builtin)
    }

    /// What a name stands for: a binding, a builtin, a library function, a primitive on floats.
    pub(super) fn lookup(&mut self, scope: ScopeId, name: &str, span: Span) -> Option<Value<'a>> {
        if let Some(binding) = self.scopes.find(scope, name) {
            return Some(match binding {
                Binding::Value(value) => value,
                Binding::Lazy(lazy) => self.force(lazy, span),
            });
        }
        if let Some(value) = self.constant(name) {
            return Some(value);
        }
        let builtin = builtins::find(name);
        let of_patterns = builtins::of_patterns(name).is_some();
        if let Some(builtin) = builtin.filter(|_| !of_patterns) {
            return Some(Value::Builtin(builtin));
        }
        if let Some(lazy) = self.library_entry(None, name) {
            return Some(self.force(lazy, span));
        }
        builtins::primitive(name).or(builtin).map(Value::Builtin)
    }

    fn constant(&self, name: &str) -> Option<Value<'a>> {
        let (value, dim) = match name {
            "sr" => (self.sample_rate, Dim::Frequency),
            "tau" => (std::f64::consts::TAU, Dim::None),
            "pi" => (std::f64::consts::PI, Dim::None),
            "on" => (1.0, Dim::None),
            "off" => (0.0, Dim::None),
            _ => return None,
        };
        Some(Value::Num(Num::new(value, dim, 0)))
    }

    /// A definition of the library, by name and perhaps module. Parsed when first asked for.
    pub(super) fn library_entry(&mut self, module: Option<&str>, name: &str) -> Option<LazyId> {
        let library = modurust_lang::library::library();
        let entry = match module {
            Some(module) => library.find_in(module, name)?,
            None => library.find(name)?,
        };
        let key = (entry.module, entry.name);
        if let Some(&lazy) = self.library.get(&key) {
            return Some(lazy);
        }
        let stmt = entry.stmt();
        let modurust_lang::Item::Def(def) = &*stmt.item else { return None };
        let origin = Origin { file: stmt.file, offset: stmt.offset, library: true };
        let lazy = self.lazy(def, origin, self.library_scope, FrameId(0));
        self.library.insert(key, lazy);
        Some(lazy)
    }

    /// Calls a library function with signals and numbers.
    pub(super) fn library_call(
        &mut self,
        module: Option<&str>,
        name: &str,
        args: &[Value<'a>],
        span: Span,
    ) -> Value<'a> {
        let Some(lazy) = self.library_entry(module, name) else {
            self.error("name", span, format!("the library has no `{name}`"));
            return Value::Broken;
        };
        let function = self.force(lazy, span);
        let args = args.iter().map(|value| self.arg(value.clone(), span)).collect();
        self.call(function, args, span, 0)
    }
}
