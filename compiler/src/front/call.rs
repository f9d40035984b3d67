//! Calls: which function, which argument for which parameter, and in which unit.
//!
//! What is piped enters the first call on the right of `>>`, or is named `it` there. A parameter's unit comes from its type
//! or its default; an argument is brought to it where that is lossless to the eye (a note is a frequency, beats are a time)
//! and refused with a mend where it is not (a plain number is not a time).

use crate::front::elab::{Elab, Pending};
use crate::front::glance::{hash_expr, literal_dim, uses_it};
use crate::front::names;
use crate::front::number;
use crate::front::recall::DEEPEST;
use crate::front::scope::*;
use crate::front::types::Kind;
use crate::front::value::*;
use crate::graph::FrameId;
use modurust_lang::ast::{Arg, Expr, ExprKind, Ident, Param};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;
use std::sync::Arc;

/// An evaluated argument and where it was written.
#[derive(Clone)]
pub struct ArgVal<'a> {
    /// Its name, if it was given by name.
    pub name: Option<&'a str>,
    /// Its value.
    pub value: Value<'a>,
    /// Where it was written.
    pub span: Span,
    /// In which text.
    pub origin: Origin,
}

/// What a parameter asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Want {
    /// Anything, as it is.
    Any,
    /// A signal or number of a dimension.
    Dim(Dim),
    /// A gain, handed over as a linear factor.
    Linear,
    /// Anything that can be a signal.
    Signal,
    /// A signal of so many channels, or of any number that the body asks for by a name.
    Channels(Option<u32>),
    /// A value of a kind that is no signal.
    Kind(Kind),
}

impl<'a> Elab<'a> {
    /// An argument at a span of the current origin.
    pub(super) fn arg(&self, value: Value<'a>, span: Span) -> ArgVal<'a> {
        ArgVal { name: None, value, span, origin: self.at }
    }

    /// The value that is waiting to be piped into an expression.
    pub(super) fn take_pending(&mut self, expr: &Expr) -> Option<ArgVal<'a>> {
        let at = self.pending.iter().rposition(|p| std::ptr::eq(p.target, expr))?;
        let pending = self.pending.remove(at);
        Some(ArgVal { name: None, value: pending.value, span: pending.span, origin: pending.origin })
    }

    /// `a >> b`
    pub(super) fn eval_pipe(&mut self, scope: ScopeId, left: &'a Expr, right: &'a Expr) -> Value<'a> {
        let value = self.eval(scope, left);
        self.pipe_value(scope, value, left.span, right)
    }

    /// Pipes a value into an expression.
    pub(super) fn pipe_value(&mut self, scope: ScopeId, value: Value<'a>, span: Span, right: &'a Expr) -> Value<'a> {
        let inner = self.scopes.add(Some(scope));
        self.scopes.bind(inner, "it", Binding::Value(value.clone()));
        if uses_it(right) {
            return self.eval(inner, right);
        }
        let Some(target) = self.first_call(inner, right) else {
            let shown = if matches!(right.kind, ExprKind::Number { .. }) { "a number" } else { "what stands here" };
            self.error("pipe", right.span, format!("nothing can be piped into this: {shown} takes no input")).help =
                Some("what is piped enters the first call on the right of `>>`, or `it`: write `>> it * 2`".into());
            return Value::Broken;
        };
        let depth = self.pending.len();
        self.pending.push(Pending { target: std::ptr::from_ref(target), value, span, origin: self.at });
        let result = self.eval(inner, right);
        // If an error kept the call from being reached, the value is dropped here.
        self.pending.truncate(depth);
        result
    }

    /// The first call in reading order.
    fn first_call(&mut self, scope: ScopeId, expr: &'a Expr) -> Option<&'a Expr> {
        match &expr.kind {
            ExprKind::Call { callee, .. } => match &callee.kind {
                ExprKind::Call { .. } => self.first_call(scope, callee),
                ExprKind::Field { base, name } if self.joined(scope, base, &name.name).is_some() => Some(expr),
                ExprKind::Field { base, .. } if !self.is_module(scope, base) => {
                    self.first_call(scope, base).or(Some(expr))
                }
                _ => Some(expr),
            },
            ExprKind::Name(name) => self.names_function(scope, name).then_some(expr),
            ExprKind::Field { base, name } => {
                if self.is_module(scope, base) || self.joined(scope, base, &name.name).is_some() {
                    Some(expr)
                } else {
                    self.first_call(scope, base)
                }
            }
            ExprKind::Lambda { .. } => Some(expr),
            ExprKind::Index { base, .. } => self.first_call(scope, base),
            ExprKind::Prime(x) | ExprKind::Unary { x, .. } => self.first_call(scope, x),
            ExprKind::Binary { left, right, .. } | ExprKind::Ramp { from: left, to: right, .. } => {
                self.first_call(scope, left).or_else(|| self.first_call(scope, right))
            }
            ExprKind::Pipe { left, .. } => self.first_call(scope, left),
            ExprKind::Array(items) => items.iter().find_map(|item| self.first_call(scope, item)),
            _ => None,
        }
    }

    fn names_function(&mut self, scope: ScopeId, name: &str) -> bool {
        match self.scopes.find(scope, name) {
            Some(Binding::Value(value)) => matches!(value, Value::Fn(_) | Value::Builtin(_)),
            Some(Binding::Lazy(id)) => {
                let def = self.lazies[id.0 as usize].def;
                def.params.is_some() || matches!(def.body.kind, ExprKind::Lambda { .. })
            }
            None => {
                crate::front::builtins::find(name).is_some()
                    || self.library_entry(None, name).is_some_and(|id| self.lazies[id.0 as usize].def.params.is_some())
                    || crate::front::builtins::primitive(name).is_some()
                    // An unknown name is taken for a call, so that the error is about the name.
                    || !matches!(name, "sr" | "tau" | "pi" | "on" | "off")
            }
        }
    }

    /// `add.out`: an operation on patterns with its rhythm from somewhere.
    fn joined(&self, scope: ScopeId, base: &Expr, join: &str) -> Option<&'static crate::front::builtins::Builtin> {
        let ExprKind::Name(name) = &base.kind else { return None };
        let found = crate::front::builtins::joined(name, join)?;
        self.scopes.find(scope, name).is_none().then_some(found)
    }

    /// True when `base` in `base.name` is a module and not a value.
    fn is_module(&self, scope: ScopeId, base: &Expr) -> bool {
        let ExprKind::Name(name) = &base.kind else { return false };
        match self.scopes.find(scope, name) {
            Some(Binding::Value(Value::Module(_) | Value::Library(_))) => true,
            Some(_) => false,
            None => name == "prim" || names::is_module(name),
        }
    }

    /// `module.name`, and later `value.name`.
    pub(super) fn eval_field(&mut self, scope: ScopeId, expr: &'a Expr, base: &'a Expr, name: &'a Ident) -> Value<'a> {
        let Some(value) = self.field(scope, base, name) else { return Value::Broken };
        match self.take_pending(expr) {
            Some(piped) => self.call(value, vec![piped], expr.span, 0),
            None => value,
        }
    }

    fn field(&mut self, scope: ScopeId, base: &'a Expr, name: &'a Ident) -> Option<Value<'a>> {
        if let Some(builtin) = self.joined(scope, base, &name.name) {
            return Some(Value::Builtin(builtin));
        }
        if self.is_module(scope, base) {
            let ExprKind::Name(module) = &base.kind else { return None };
            if let Some(Binding::Value(Value::Module(inner))) = self.scopes.find(scope, module) {
                let value = match self.scopes.find(inner, &name.name) {
                    Some(Binding::Lazy(id)) => Some(self.force(id, name.span)),
                    Some(Binding::Value(value)) => Some(value),
                    None => None,
                };
                if value.is_none() {
                    let names = self.scopes.own(inner);
                    let names: Vec<_> = names.iter().map(String::as_str).collect();
                    self.no_such_part(module, name, &names);
                }
                return value;
            }
            if module == "prim" {
                let found = crate::front::builtins::intrinsic(&name.name);
                if found.is_none() {
                    self.error("name", name.span, format!("there is no primitive `{}`", name.name));
                }
                return found.map(Value::Builtin);
            }
            let known = match self.scopes.find(scope, module) {
                Some(Binding::Value(Value::Library(known))) => known,
                _ => Arc::from(module.as_str()),
            };
            let Some(lazy) = self.library_entry(Some(&known), &name.name) else {
                let names: Vec<_> = modurust_lang::library::library().module(&known).map(|e| e.name).collect();
                self.no_such_part(module, name, &names);
                return None;
            };
            return Some(self.force(lazy, name.span));
        }
        if let ExprKind::Name(first) = &base.kind
            && crate::front::samples::SOUNDS.contains(&name.name.as_str())
            && self.lookup(scope, first, base.span).is_none()
        {
            self.error("type", base.span.to(name.span), "a file is named in single quotes").help =
                Some(format!("write `'{first}.{}'`", name.name));
            return None;
        }
        if let Some(theirs) = self.foreign_field(scope, base, &name.name) {
            self.unknown_name(scope, &theirs, base.span.to(name.span));
            return None;
        }
        let value = self.eval(scope, base);
        match self.outside_field(&value, &name.name) {
            Some(Ok(value)) => return Some(value),
            Some(Err(known)) => {
                self.no_such_field(name, &known);
                return None;
            }
            None => {}
        }
        match value {
            Value::Broken => None,
            Value::Record(record) => self.record_field(&record, name),
            value => {
                let article = value.article();
                let is_function =
                    matches!(self.lookup(scope, &name.name, name.span), Some(Value::Fn(_) | Value::Builtin(_)));
                self.error("name", name.span, format!("{article} has no `.{}`", name.name)).help =
                    Some(names::part(&name.name, is_function));
                None
            }
        }
    }

    fn no_such_field(&mut self, name: &Ident, known: &[&str]) {
        let help = match names::closest(&name.name, known.iter().copied()) {
            Some(close) => format!("did you mean `.{close}`?"),
            None => format!("it has: .{}", known.join(", .")),
        };
        self.error("name", name.span, format!("there is no `.{}` here", name.name)).help = Some(help);
    }

    /// A field, evaluated as if it stood where the record was made.
    fn record_field(&mut self, record: &Record<'a>, name: &Ident) -> Option<Value<'a>> {
        let Some((_, expr)) = record.fields.iter().find(|(field, _)| *field == name.name) else {
            let known = record.fields.iter().map(|(field, _)| *field).collect::<Vec<_>>();
            self.no_such_field(name, &known);
            return None;
        };
        let saved = (self.at, self.frame, self.site);
        if !self.at.library && record.origin.library {
            self.site = Some((self.at, name.span));
        }
        (self.at, self.frame) = (record.origin, record.frame);
        let value = self.eval(record.scope, expr);
        (self.at, self.frame, self.site) = saved;
        Some(value)
    }

    /// `os.osc`, `SinOsc.ar`: a name of another tool, whose first word nobody knows here.
    fn foreign_field(&mut self, scope: ScopeId, base: &Expr, name: &str) -> Option<String> {
        let ExprKind::Name(first) = &base.kind else { return None };
        let foreign =
            modurust_lang::elsewhere::FAUST.contains(&first.as_str()) || matches!(name, "ar" | "kr" | "ir" | "new");
        let known = self.scopes.find(scope, first).is_some();
        (foreign && !known).then(|| format!("{first}.{name}"))
    }

    fn no_such_part(&mut self, module: &str, name: &modurust_lang::ast::Ident, names: &[&str]) {
        let help = match names::closest(&name.name, names.iter().copied()) {
            Some(close) => format!("did you mean `{module}.{close}`?"),
            None => format!("it has: {}", names.join(", ")),
        };
        self.error("name", name.span, format!("the module `{module}` has no `{}`", name.name)).help = Some(help);
    }

    /// `f(x, q: 2)`
    pub(super) fn eval_call(&mut self, scope: ScopeId, expr: &'a Expr, callee: &'a Expr, args: &'a [Arg]) -> Value<'a> {
        let piped = self.take_pending(expr);
        let function = match &callee.kind {
            ExprKind::Name(name) => match self.lookup(scope, name, callee.span) {
                Some(value) => {
                    let first = match (&piped, args.first()) {
                        (Some(piped), _) => Some(piped.value.clone()),
                        // Looked at only where two things share the name, and evaluated once more with the rest.
                        (None, Some(arg)) if crate::front::builtins::of_patterns(name).is_some() => {
                            match &arg.value.kind {
                                ExprKind::Pattern { .. } => Some(Value::Pat(crate::score::PatId(0))),
                                _ => None,
                            }
                        }
                        _ => None,
                    };
                    self.meant(scope, name, value, first.as_ref())
                }
                None => {
                    self.unknown_name(scope, name, callee.span);
                    Value::Broken
                }
            },
            ExprKind::Field { base, name } => self.field(scope, base, name).unwrap_or(Value::Broken),
            _ => self.eval(scope, callee),
        };
        if let Value::Builtin(builtin) = function {
            return self.call_builtin(builtin, scope, piped, args, expr.span);
        }
        let mut values = Vec::with_capacity(args.len() + 1);
        let was_piped = piped.is_some();
        values.extend(piped);
        for (nth, arg) in args.iter().enumerate() {
            let name = arg.name.as_ref().map(|n| n.name.as_str());
            let value = match wants_text(&function, name, nth + usize::from(was_piped)) {
                Some((f, what, ending)) if self.is_unquoted(scope, &arg.value, f, &what, ending) => Value::Broken,
                _ => self.eval(scope, &arg.value),
            };
            values.push(ArgVal { name, value, span: arg.value.span, origin: self.at });
        }
        if matches!(function, Value::Broken) {
            return Value::Broken;
        }
        let hint = args.iter().fold(u64::from(was_piped), |h, arg| mix(h, hash_expr(&arg.value)));
        self.call(function, values, expr.span, hint)
    }

    /// Calls a value with evaluated arguments. `hint` tells calls of one function apart.
    pub(super) fn call(&mut self, function: Value<'a>, args: Vec<ArgVal<'a>>, span: Span, hint: u64) -> Value<'a> {
        match function {
            Value::Fn(closure) => self.call_closure(&closure, args, span, hint),
            Value::Builtin(builtin) => self.call_builtin_values(builtin, args, span),
            Value::Broken => Value::Broken,
            other if args.is_empty() => other,
            other => {
                let article = other.article();
                self.error("type", span, format!("only a function can be called, this is {article}")).help =
                    Some("remove the parentheses, or put an operator between".into());
                Value::Broken
            }
        }
    }

    fn call_closure(&mut self, f: &Arc<Closure<'a>>, args: Vec<ArgVal<'a>>, span: Span, hint: u64) -> Value<'a> {
        if self.depth > DEEPEST {
            self.error("cycle", span, format!("`{}` calls itself without end", f.name)).help =
                Some("a function cannot call itself; feedback is written with a prime: `y = x + 0.5 * y'`".into());
            return Value::Broken;
        }
        match self.assign(f, args, span) {
            Some(slots) => self.called(f, slots, span, hint),
            None => Value::Broken,
        }
    }

    /// The value of a function's body for what goes to its parameters.
    pub(super) fn inlined(
        &mut self,
        f: &Arc<Closure<'a>>,
        slots: Vec<Option<ArgVal<'a>>>,
        span: Span,
        hint: u64,
    ) -> Value<'a> {
        let (at, frame, site, call) = (self.at, self.frame, self.site, self.call.take());
        if !at.library && f.origin.library {
            self.site = Some((at, span));
        }
        self.depth += 1;
        if let Some(noting) = &mut self.noting {
            noting.deepest = noting.deepest.max(self.depth);
        }
        self.frame = self.graph.frame(frame, f.name, false, hint);
        let scope = self.scopes.add(Some(f.scope));
        let of_library = f.origin.library && f.scope == self.library_scope;
        let body = std::ptr::from_ref(f.body).addr() as u64;
        let mut like = of_library.then(|| mix(body, u64::from(self.bank.unwrap_or(0))));
        let mut kind = (of_library && self.noting.is_none()).then(|| self.kind_of_call(body));
        let (mut broken, mut holes) = (false, Vec::new());
        for (i, slot) in slots.into_iter().enumerate() {
            let value = self.parameter(f, i, slot, scope);
            broken |= matches!(value, Value::Broken);
            like = like.zip(value.outline()).map(|(like, outline)| mix(like, outline));
            kind = kind.and_then(|mut kind| self.add_to_kind(&mut kind, &mut holes, &value).then_some(kind));
            self.scopes.bind(scope, f.params.name(i), Binding::Value(value));
        }
        (self.at, self.call) = (f.origin, like);
        let value = match kind {
            _ if broken => Value::Broken,
            Some(kind) => self.recalled(kind, &holes, scope, f.body),
            None => self.eval(scope, f.body),
        };
        self.depth -= 1;
        (self.at, self.frame, self.site, self.call) = (at, frame, site, call);
        value
    }

    /// The value of a parameter: the argument in the wanted unit, or the default.
    fn parameter(&mut self, f: &Closure<'a>, i: usize, slot: Option<ArgVal<'a>>, scope: ScopeId) -> Value<'a> {
        let full = f.params.full(i);
        let want = match full.and_then(|p| p.ty.as_ref()) {
            Some(ty) => {
                let saved = (self.at, std::mem::take(&mut self.site));
                self.at = f.origin;
                let want = self.typed(ty, scope);
                (self.at, self.site) = saved;
                want
            }
            None => full.map_or(Want::Any, |p| wanted(p, f.origin.library)),
        };
        let value = self.argument(f, i, slot, scope, want);
        if want == Want::Channels(None)
            && let (Value::Sig(sig), Some(Some((_, Some(size))))) = (&value, full.map(|p| p.ty.as_ref()))
            && let ExprKind::Name(n) = &size.kind
        {
            let count = Num::constant(f64::from(sig.shape.channels));
            self.scopes.bind(scope, n, Binding::Value(Value::Num(count)));
        }
        value
    }

    fn argument(
        &mut self,
        f: &Closure<'a>,
        i: usize,
        slot: Option<ArgVal<'a>>,
        scope: ScopeId,
        want: Want,
    ) -> Value<'a> {
        let full = f.params.full(i);
        match slot {
            Some(arg) => self.coerce(arg, want, f.name, f.params.name(i)),
            None => {
                let Some(default) = full.and_then(|p| p.default.as_ref()) else { return Value::Broken };
                let at = self.at;
                self.at = f.origin;
                let value = self.eval(scope, default);
                let arg = ArgVal { name: None, value, span: default.span, origin: self.at };
                let value = self.coerce(arg, want, f.name, f.params.name(i));
                self.at = at;
                value
            }
        }
    }

    /// Which argument goes to which parameter.
    fn assign(&mut self, f: &Closure<'a>, args: Vec<ArgVal<'a>>, span: Span) -> Option<Vec<Option<ArgVal<'a>>>> {
        let n = f.params.len();
        let mut slots: Vec<Option<ArgVal<'a>>> = vec![None; n];
        let mut next = 0;
        let (named, positional): (Vec<_>, Vec<_>) = args.into_iter().partition(|arg| arg.name.is_some());
        for arg in named {
            let name = arg.name.unwrap_or("");
            match f.params.find(name) {
                Some(i) if slots[i].is_none() => slots[i] = Some(arg),
                Some(_) => {
                    self.error_at(arg.origin, "arity", arg.span, format!("`{name}` is given twice")).help =
                        Some("remove one of them".into());
                    return None;
                }
                None => {
                    let known = (0..n).map(|i| f.params.name(i).to_string()).collect::<Vec<_>>();
                    let help = match names::closest(name, known.iter().map(String::as_str)) {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => format!("it has: {}", known.join(", ")),
                    };
                    self.error_at(arg.origin, "arity", arg.span, format!("`{}` has no parameter `{name}`", f.name))
                        .help = Some(help);
                    return None;
                }
            }
        }
        for arg in positional {
            while next < n && slots[next].is_some() {
                next += 1;
            }
            if next == n {
                let names = (0..n).map(|i| f.params.name(i)).collect::<Vec<_>>().join(", ");
                self.error_at(
                    arg.origin,
                    "arity",
                    arg.span,
                    format!("`{}` takes {n} argument{}, this is one too many", f.name, if n == 1 { "" } else { "s" }),
                )
                .help = Some(format!("it is called as `{}({names})`", f.name));
                return None;
            }
            slots[next] = Some(arg);
        }
        let missing = (0..n)
            .filter(|&i| slots[i].is_none() && f.params.full(i).is_none_or(|p| p.default.is_none()))
            .map(|i| format!("`{}`", f.params.name(i)))
            .collect::<Vec<_>>();
        if !missing.is_empty() {
            let names = (0..n).map(|i| f.params.name(i)).collect::<Vec<_>>().join(", ");
            let help =
                if missing.len() == 1 && f.params.full(0).is_some_and(|p| p.default.is_none()) && slots[0].is_none() {
                    format!("pipe a signal into it, or write `{}({names})`", f.name)
                } else {
                    format!("write `{}({names})`", f.name)
                };
            self.error("arity", span, format!("`{}` wants {}", f.name, missing.join(" and "))).help = Some(help);
            return None;
        }
        Some(slots)
    }

    /// An argument in the unit that a parameter wants.
    pub(super) fn coerce(&mut self, arg: ArgVal<'a>, want: Want, function: &str, param: &str) -> Value<'a> {
        let ArgVal { value, span, origin, .. } = arg;
        let dim = match want {
            Want::Any => return value,
            Want::Signal => match value {
                value @ (Value::Pat(_) | Value::Line { .. } | Value::Array(_)) => {
                    let at = std::mem::replace(&mut self.at, origin);
                    let sig = self.signal(value, span).map_or(Value::Broken, Value::Sig);
                    self.at = at;
                    return sig;
                }
                value => return value,
            },
            Want::Kind(kind) => {
                let at = std::mem::replace(&mut self.at, origin);
                let value = self.coerce_kind(ArgVal { name: None, value, span, origin }, kind, function, param);
                self.at = at;
                return value;
            }
            Want::Channels(channels) => {
                let at = std::mem::replace(&mut self.at, origin);
                let value = self.coerce_channels(value, span, channels, function, param);
                self.at = at;
                return value;
            }
            Want::Linear => Dim::None,
            Want::Dim(dim) => dim,
        };
        match value {
            Value::Num(num) => self.coerce_number(num, dim, want, (origin, span), function, param),
            Value::Array(items) => {
                let items = items
                    .iter()
                    .map(|item| {
                        self.coerce(ArgVal { name: None, value: item.clone(), span, origin }, want, function, param)
                    })
                    .collect::<Vec<_>>();
                if items.iter().any(|v| matches!(v, Value::Broken)) {
                    Value::Broken
                } else {
                    Value::Array(Arc::new(items))
                }
            }
            Value::Pat(pattern) => {
                let sig = self.hold(pattern, dim == Dim::Frequency);
                Value::Sig(Sig { dim, ..sig })
            }
            value => {
                let at = std::mem::replace(&mut self.at, origin);
                let sig = self.signal(value, span);
                self.at = at;
                match sig {
                    Some(sig) => self.coerce_signal(sig, dim, (origin, span), function, param),
                    None => Value::Broken,
                }
            }
        }
    }

    pub(super) fn coerce_number(
        &mut self,
        num: Num,
        dim: Dim,
        want: Want,
        place: (Origin, Span),
        function: &str,
        param: &str,
    ) -> Value<'a> {
        let good = match (dim, num.dim) {
            (a, b) if a == b => Some(num),
            (Dim::Frequency, Dim::Pitch) | (Dim::Time, Dim::Beats) => Some(number::canonical(num, self.clock())),
            (Dim::Frequency, Dim::Beats) => {
                let made = num.derive(1.0 / (num.value * self.clock().beat()).max(1e-9), Dim::Frequency, 0x31);
                Some(Num { live: num.live.map(|node| self.reciprocal(node)), ..made })
            }
            (Dim::None, Dim::Gain) => Some(number::canonical(num, self.clock())),
            (Dim::Gain, Dim::None) => Some(Num { dim, live: None, ..num }),
            (Dim::Interval | Dim::Angle, Dim::None) => Some(Num { dim, ..num }),
            (Dim::Beats, Dim::Time) => {
                Some(Num { live: num.live, ..num.derive(num.value / self.clock().beat(), Dim::Beats, 0x32) })
            }
            // Nothing is nothing in every unit.
            (_, Dim::None) if num.value == 0.0 => Some(Num { dim, ..num }),
            _ => None,
        };
        if let Some(num) = good {
            return Value::Num(num);
        }
        let wants = if want == Want::Linear { "a gain" } else { dim.article() };
        let message = format!("`{function}` wants {wants} for `{param}`, got {}", num.dim.article());
        let (origin, span) = place;
        let diagnostic = self.error_at(origin, "unit", span, message);
        diagnostic.label = Some(number::show(num));
        diagnostic.help = Some(unit_mend(num, dim));
        Value::Broken
    }

    fn coerce_signal(&mut self, sig: Sig, dim: Dim, place: (Origin, Span), function: &str, param: &str) -> Value<'a> {
        let span = place.1;
        match (dim, sig.dim) {
            (a, b) if a == b || b == Dim::None || a == Dim::None => Value::Sig(sig),
            (Dim::Frequency, Dim::Pitch) => match self.library_call(None, "mtof", &[Value::Sig(sig)], span) {
                Value::Sig(sig) => Value::Sig(Sig { dim, ..sig }),
                _ => Value::Broken,
            },
            _ => {
                let message = format!("`{function}` wants {} for `{param}`, got {}", dim.article(), sig.dim.article());
                let help = match (dim, sig.dim) {
                    (Dim::Frequency, Dim::Time) => "the frequency of a period t is `1 / t`",
                    (Dim::Time, Dim::Frequency) => "the period of a frequency f is `1 / f`",
                    _ => "bring it to the wanted unit first",
                };
                self.error_at(place.0, "unit", span, message).help = Some(help.into());
                Value::Broken
            }
        }
    }

    /// Reports an unknown name with what was probably meant.
    pub(super) fn unknown_name(&mut self, scope: ScopeId, name: &str, span: Span) {
        let mut known = self.scopes.visible(scope);
        known.extend(crate::front::builtins::names().map(str::to_string));
        known.extend(modurust_lang::library::library().entries().iter().map(|e| e.name.to_string()));
        let help = names::suggest(name, &known, &self.timeline.strips);
        self.error("name", span, format!("nothing is called `{name}`")).help = Some(help);
    }

    /// The frame of the call being elaborated.
    pub(super) fn here(&self) -> FrameId {
        self.frame
    }
}

/// What to write instead.
fn unit_mend(num: Num, want: Dim) -> String {
    let number = (num.value * 1e6).round() / 1e6;
    match (want, num.dim) {
        (Dim::Frequency, Dim::None) => format!("did you mean `{number}hz`?"),
        (Dim::Frequency, Dim::Time) if num.value >= 0.02 => format!("did you mean `{}hz`?", number * 1000.0),
        (Dim::Frequency, Dim::Time) => format!("the frequency of this period is `1 / {number}s`"),
        (Dim::Time, Dim::None) => format!("did you mean `{number}s` or `{number}b`?"),
        (Dim::Time, Dim::Frequency) => format!("did you mean `{number}ms`?"),
        (Dim::Tempo, _) => format!("did you mean `{number}bpm`?"),
        (Dim::None, _) => format!("leave the unit out: `{number}`"),
        (Dim::Gain, _) => "give it in dB, such as `-6db`".into(),
        (Dim::Beats, _) => "give it in beats or bars, such as `2bars`".into(),
        _ => format!("give {}", want.article()),
    }
}

/// What a function is called, what its parameter wants that an argument goes to, and how that ends, if it is a sample or a text.
fn wants_text<'a>(function: &Value<'a>, name: Option<&str>, nth: usize) -> Option<(&'a str, String, &'static str)> {
    let Value::Fn(f) = function else { return None };
    let param = f.params.full(name.map_or(Some(nth), |name| f.params.find(name))?)?;
    if param.ty.as_ref().is_some_and(|(word, _)| word.name == "slot") {
        return Some((f.name, "a sample".into(), ".wav"));
    }
    let is_text = matches!(param.default.as_ref()?.kind, ExprKind::Text(_));
    is_text.then(|| (f.name, format!("a text for `{}`", param.name.name), ""))
}

/// What a parameter without a type wants, from its default.
fn wanted(param: &Param, library: bool) -> Want {
    match param.default.as_ref() {
        Some(default) => match literal_dim(default) {
            Some(Dim::Gain) => Want::Linear,
            Some(Dim::Pitch) => Want::Dim(Dim::Frequency),
            Some(dim) => Want::Dim(dim),
            None if library => Want::Signal,
            None => Want::Any,
        },
        None if library => Want::Signal,
        None => Want::Any,
    }
}
