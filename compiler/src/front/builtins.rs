//! Functions of the compiler itself: what cannot be written in the language.
//!
//! One table, [`all`]: name, how it is called, one sentence, category, and what it does. Documentation, completion and the
//! elaborator read it. Primitives of [`crate::graph::ops`] join it by themselves; those that the library wraps are reached
//! as `prim.name`.

use crate::front::call::ArgVal;
use crate::front::elab::Elab;
use crate::front::scope::ScopeId;
use crate::front::value::*;
use crate::front::{mixer, number, outside, pattern_table, samples, spectral, tables, tools, voices};
use crate::graph::ops::Op;
use modurust_lang::ast::{Arg, Expr, ExprKind};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;
use rustc_hash::FxHashMap as HashMap;
use std::sync::OnceLock;

/// What a builtin does.
#[derive(Clone, Copy)]
pub enum Run {
    /// A function of the elaborator.
    Fn(for<'a> fn(&mut Elab<'a>, &mut Call<'a>) -> Value<'a>),
    /// An operation of the graph, lane by lane.
    Op(Op),
}

/// A function of the compiler.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// How it is called: `every(pattern, n, f)`.
    pub signature: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Where it is listed.
    pub category: &'static str,
    /// What it does.
    pub run: Run,
}

/// The functions that make sound of something; those over patterns are in [`pattern_table`].
static BUILTINS: &[Builtin] = &[
    Builtin {
        name: "channels",
        signature: "channels(x)",
        doc: "How many channels a signal has, known at compile time.",
        category: "signal tools",
        run: Run::Fn(tools::channels),
    },
    Builtin {
        name: "fields",
        signature: "fields(x, name: value, ..)",
        doc: "A signal with others beside it, reached by name: `svf(x, 800hz).hp`.",
        category: "signal tools",
        run: Run::Fn(tools::fields),
    },
    Builtin {
        name: "index",
        signature: "index(x)",
        doc: "0, 1, 2 .. in the channels of a signal.",
        category: "signal tools",
        run: Run::Fn(tools::index),
    },
    Builtin {
        name: "knob",
        signature: "knob(default, range)",
        doc: "A number that can be moved by hand, with its range.",
        category: "outside",
        run: Run::Fn(tools::knob),
    },
    Builtin {
        name: "map",
        signature: "map(x, from, to, curve = lin)",
        doc: "From one range to another, in even steps or (`exp`) even ratios: `map(x, 0..1, 200hz..4khz, exp)`.",
        category: "math",
        run: Run::Fn(tools::map),
    },
    Builtin {
        name: "mix",
        signature: "mix(x)",
        doc: "The sum of all channels.",
        category: "signal tools",
        run: Run::Fn(tools::mix_all),
    },
    Builtin {
        name: "par",
        signature: "par(n, k => ..)",
        doc: "n copies side by side as channels; k counts from 0.",
        category: "signal tools",
        run: Run::Fn(tools::par),
    },
    Builtin {
        name: "scope",
        signature: "scope(x, name = 'scope')",
        doc: "Shows a signal on its way: `:scope NAME` draws its wave, its spectrum and its level. It is handed on unchanged.",
        category: "signal tools",
        run: Run::Fn(tools::scope),
    },
    Builtin {
        name: "send",
        signature: "send(x, bus, gain = 0db, pre: off)",
        doc: "Adds a signal to the input of a bus, behind the strip's fader or before it, and hands it on unchanged.",
        category: "signal tools",
        run: Run::Fn(mixer::send),
    },
    Builtin {
        name: "sum",
        signature: "sum(n, k => ..)",
        doc: "The sum of n copies; k counts from 0.",
        category: "signal tools",
        run: Run::Fn(tools::sum),
    },
    Builtin {
        name: "chain",
        signature: "chain(n, x, (x, k) => ..)",
        doc: "n copies one after another; k counts from 0.",
        category: "signal tools",
        run: Run::Fn(tools::chain),
    },
    Builtin {
        name: "mono",
        signature: "mono(pattern, voice, glide: 0s)",
        doc: "Plays a pattern on one voice; a new note takes it over, sliding in `glide`.",
        category: "voices",
        run: Run::Fn(voices::mono),
    },
    Builtin {
        name: "poly",
        signature: "poly(pattern, n, voice, mpe: off)",
        doc: "Plays a pattern on n voices, summed with 6 dB of room for chords; when all are busy the oldest is taken.",
        category: "voices",
        run: Run::Fn(voices::poly),
    },
    Builtin {
        name: "kit",
        signature: "kit(pattern, 'tr909')",
        doc: "Plays the words of a pattern on the drums of a kit.",
        category: "voices",
        run: Run::Fn(voices::kit),
    },
];

/// Functions for the library only, reached as `prim.name`.
static INTRINSICS: &[Builtin] = &[
    Builtin {
        name: "frame",
        signature: "prim.frame()",
        doc: "Frames since the start, a 32-bit count.",
        category: "primitives",
        run: Run::Fn(tools::frame),
    },
    Builtin {
        name: "harmonics",
        signature: "prim.harmonics(table)",
        doc: "Amplitude and phase (in turns, of a sine) of each harmonic of one period, as an array of pairs.",
        category: "primitives",
        run: Run::Fn(tables::harmonics),
    },
    Builtin {
        name: "line",
        signature: "prim.line(x)",
        doc: "A value that changes once a quantum, drawn as a line now: what is made of it agrees sample by sample.",
        category: "primitives",
        run: Run::Fn(tools::line),
    },
    Builtin {
        name: "mix",
        signature: "prim.mix(x)",
        doc: "The sum of all channels, also where a parameter is called mix.",
        category: "primitives",
        run: Run::Fn(tools::mix_all),
    },
    Builtin {
        name: "follow",
        signature: "prim.follow(slot, x, page, missed)",
        doc: "x itself; tells which page of a slot is played, and 1 where it was not there, so that it can be read ahead.",
        category: "primitives",
        run: Run::Fn(samples::follow),
    },
    Builtin {
        name: "peek",
        signature: "prim.peek(slot, index)",
        doc: "A word of a sample's memory by its 32-bit number; 0 outside of it.",
        category: "primitives",
        run: Run::Fn(samples::peek),
    },
    Builtin {
        name: "quality",
        signature: "prim.quality(factor)",
        doc: "The factor; where there is no time for it, half or a quarter of it, whole and 1 at least.",
        category: "primitives",
        run: Run::Fn(tools::quality),
    },
    Builtin {
        name: "ring",
        signature: "prim.ring(x, longest)",
        doc: "A delay line with the input x.",
        category: "primitives",
        run: Run::Fn(tools::ring),
    },
    Builtin {
        name: "seed",
        signature: "prim.seed()",
        doc: "A 32-bit number of its own for each place and voice.",
        category: "primitives",
        run: Run::Fn(tools::seed),
    },
    Builtin {
        name: "sinc",
        signature: "prim.sinc(n, cutoff, beta: 8.96)",
        doc: "n coefficients of a low-pass filter under a Kaiser window, with the cutoff as a part of the sample rate; their sum is 1.",
        category: "primitives",
        run: Run::Fn(tables::sinc),
    },
    Builtin {
        name: "some",
        signature: "prim.some(n, 'what is wrong', 'the mend')",
        doc: "n, if that is a number above 0; else what is wrong is told to whoever called the function.",
        category: "primitives",
        run: Run::Fn(tools::some),
    },
    Builtin {
        name: "tap",
        signature: "prim.tap(ring, samples)",
        doc: "A delay line, whole samples ago.",
        category: "primitives",
        run: Run::Fn(tools::tap),
    },
];

fn ops() -> &'static [Builtin] {
    static OPS: OnceLock<Vec<Builtin>> = OnceLock::new();
    OPS.get_or_init(|| {
        crate::graph::ops::ALL
            .iter()
            .map(|&op| {
                let info = op.info();
                Builtin {
                    name: info.name,
                    signature: info.name,
                    doc: info.doc,
                    category: "primitives",
                    run: Run::Op(op),
                }
            })
            .collect()
    })
}

/// The builtin of a name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    static NAMED: OnceLock<Named> = OnceLock::new();
    NAMED.get_or_init(|| named(BUILTINS.iter().chain(outside::TABLE).chain(pattern_table::all()))).get(name).copied()
}

/// The function over patterns of a name: what is meant where the library has a sound of the same name and a pattern comes in.
pub fn of_patterns(name: &str) -> Option<&'static Builtin> {
    pattern_table::find(name)
}

/// An operation on patterns that says where the rhythm comes from: `add.out`.
pub fn joined(name: &str, join: &str) -> Option<&'static Builtin> {
    pattern_table::find_joined(name, join)
}

/// Every function of the compiler.
pub fn all() -> impl Iterator<Item = &'static Builtin> {
    BUILTINS.iter().chain(outside::TABLE).chain(pattern_table::all())
}

/// The names of all builtins and plain primitives.
pub fn names() -> impl Iterator<Item = &'static str> {
    // Names of two letters (`eq`, `or`) are near to everything.
    all().map(|b| b.name).filter(|n| n.len() > 2).chain(PLAIN.iter().copied())
}

/// Primitives that may be called without `prim.`, since they mean to a player what they say.
const PLAIN: &[&str] = &["abs", "ceil", "floor", "max", "min", "round", "select", "sqrt", "trunc"];

/// A primitive that may be called by its plain name.
pub fn primitive(name: &str) -> Option<&'static Builtin> {
    PLAIN.contains(&name).then(|| ops().iter().find(|b| b.name == name)).flatten()
}

/// Builtins by name.
pub(super) type Named = HashMap<&'static str, &'static Builtin>;

/// Builtins by name; of two of one name the first.
pub(super) fn named(all: impl Iterator<Item = &'static Builtin>) -> Named {
    let mut named = Named::default();
    for b in all {
        named.entry(b.name).or_insert(b);
    }
    named
}

/// A primitive or intrinsic: `prim.name`.
pub fn intrinsic(name: &str) -> Option<&'static Builtin> {
    static NAMED: OnceLock<Named> = OnceLock::new();
    NAMED.get_or_init(|| named(INTRINSICS.iter().chain(spectral::table()).chain(ops()))).get(name).copied()
}

/// Every primitive, for documentation.
pub fn primitives() -> impl Iterator<Item = Builtin> {
    INTRINSICS.iter().chain(spectral::table()).chain(ops()).copied()
}

impl Builtin {
    /// True if it may stand alone, without a call: `perlin`.
    pub fn stands_alone(&self) -> bool {
        !self.signature.contains('(') && matches!(self.run, Run::Fn(_))
    }
}

/// An argument that may still be text.
#[derive(Clone)]
pub enum Item<'a> {
    /// Evaluated.
    Value(ArgVal<'a>),
    /// To be evaluated, or understood as a word.
    Expr(&'a Expr),
}

impl Item<'_> {
    /// Where it was written.
    pub fn span(&self) -> Span {
        match self {
            Item::Value(arg) => arg.span,
            Item::Expr(expr) => expr.span,
        }
    }
}

/// The arguments of a call to a builtin, taken one by one.
pub struct Call<'a> {
    /// The builtin's name.
    pub name: &'static str,
    /// How it is called.
    pub signature: &'static str,
    /// Where its arguments' names are found.
    pub scope: ScopeId,
    /// The whole call.
    pub span: Span,
    items: Vec<(Option<&'a str>, Item<'a>)>,
}

impl<'a> Call<'a> {
    /// The next argument without a name, or the one of this name.
    pub fn take(&mut self, name: &str) -> Option<Item<'a>> {
        let at = self
            .items
            .iter()
            .position(|(n, _)| *n == Some(name))
            .or_else(|| self.items.iter().position(|(n, _)| n.is_none()))?;
        Some(self.items.remove(at).1)
    }

    /// The argument of this name, or else the next one without a name, if it is a single word; it is left where it is.
    pub fn next_word(&self, name: &str) -> Option<(&'a str, Span)> {
        let named = self.items.iter().find(|(n, _)| *n == Some(name));
        let (_, item) = named.or_else(|| self.items.iter().find(|(n, _)| n.is_none()))?;
        match item {
            Item::Expr(Expr { kind: ExprKind::Name(word), span }) => Some((word, *span)),
            _ => None,
        }
    }

    /// The argument of this name, or else the next one without a name, if it is yet to be evaluated; it is left where it is.
    pub fn next_expr(&self, name: &str) -> Option<&'a Expr> {
        let named = self.items.iter().find(|(n, _)| *n == Some(name));
        match named.or_else(|| self.items.iter().find(|(n, _)| n.is_none()))? {
            (_, Item::Expr(expr)) => Some(expr),
            _ => None,
        }
    }

    /// The argument of this name, given by name only.
    pub fn take_named(&mut self, name: &str) -> Option<Item<'a>> {
        let at = self.items.iter().position(|(n, _)| *n == Some(name))?;
        Some(self.items.remove(at).1)
    }

    /// The names of the arguments that are left, in order.
    pub fn names(&self) -> Vec<&'a str> {
        self.items.iter().filter_map(|(name, _)| *name).collect()
    }

    /// True if an argument that is left has a name.
    pub fn is_named(&self) -> bool {
        self.items.iter().any(|(name, _)| name.is_some())
    }

    /// All arguments that are left, with their names.
    pub fn rest(&mut self) -> Vec<(Option<&'a str>, Item<'a>)> {
        std::mem::take(&mut self.items)
    }

    /// The arguments given by name that are still text, in order; the others stay.
    pub fn named(&mut self) -> Vec<(&'a str, &'a Expr)> {
        let mut out = Vec::new();
        self.items.retain(|(name, item)| match (name, item) {
            (Some(name), Item::Expr(expr)) => {
                out.push((*name, *expr));
                false
            }
            _ => true,
        });
        out
    }

    /// True when the next argument was piped in or is a value already.
    pub fn piped(&self) -> bool {
        matches!(self.items.first(), Some((None, Item::Value(_))))
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.items.len()
    }
}

impl<'a> Elab<'a> {
    /// Calls a builtin whose arguments are text.
    pub(super) fn call_builtin(
        &mut self,
        builtin: &'static Builtin,
        scope: ScopeId,
        piped: Option<ArgVal<'a>>,
        args: &'a [Arg],
        span: Span,
    ) -> Value<'a> {
        let mut items = Vec::with_capacity(args.len() + 1);
        items.extend(piped.map(|arg| (None, Item::Value(arg))));
        items.extend(args.iter().map(|a| (a.name.as_ref().map(|n| n.name.as_str()), Item::Expr(&a.value))));
        self.run_builtin(builtin, Call { name: builtin.name, signature: builtin.signature, scope, span, items })
    }

    /// Calls a builtin with values.
    pub(super) fn call_builtin_values(
        &mut self,
        builtin: &'static Builtin,
        args: Vec<ArgVal<'a>>,
        span: Span,
    ) -> Value<'a> {
        let items = args.into_iter().map(|arg| (arg.name, Item::Value(arg))).collect();
        let scope = self.root;
        self.run_builtin(builtin, Call { name: builtin.name, signature: builtin.signature, scope, span, items })
    }

    fn run_builtin(&mut self, builtin: &'static Builtin, mut call: Call<'a>) -> Value<'a> {
        let value = match builtin.run {
            Run::Fn(run) => run(self, &mut call),
            Run::Op(op) => self.call_op(op, &mut call),
        };
        if !matches!(value, Value::Broken)
            && let Some((name, item)) = call.rest().first()
        {
            let message = match name {
                Some(name) => format!("`{}` has no parameter `{name}`", builtin.name),
                None => format!("`{}` takes fewer arguments", builtin.name),
            };
            let ours = modurust_lang::elsewhere::ours(builtin.name).filter(|_| name.is_none());
            let sounds = ours.map_or(String::new(), |ours| format!("; the sound is `{ours}`"));
            self.error("arity", item.span(), message).help =
                Some(format!("it is called as `{}`{sounds}", builtin.signature));
            return Value::Broken;
        }
        value
    }

    fn call_op(&mut self, op: Op, call: &mut Call<'a>) -> Value<'a> {
        let names = op.info().args;
        let (mut args, mut numbers) = (Vec::with_capacity(names.len()), Vec::with_capacity(names.len()));
        let mut dim = Dim::None;
        for name in names {
            let Some(item) = call.take(name) else {
                let wants = names.join(", ");
                let message = format!(
                    "`{}` wants {} argument{}",
                    call.name,
                    names.len(),
                    if names.len() == 1 { "" } else { "s" }
                );
                self.error("arity", call.span, message).help = Some(format!("write `{}({wants})`", call.name));
                return Value::Broken;
            };
            let arg = self.item(item, call.scope);
            let number = if let Value::Num(num) = arg.value { Some(num) } else { None };
            let Some(sig) = self.signal(arg.value, arg.span) else { return Value::Broken };
            if dim == Dim::None {
                dim = sig.dim;
            }
            args.push(sig);
            numbers.push(number);
        }
        if let Some(numbers) = numbers.into_iter().collect::<Option<Vec<Num>>>()
            && let Some(value) = number::apply(call.name, &numbers)
        {
            // What is moved by its name goes on being moved.
            let moved = numbers.iter().any(|n| n.live.is_some());
            let live = moved.then(|| self.apply(op, &args).node);
            return Value::Num(Num { live, ..value });
        }
        // Rounding, choosing and bounding keep what is measured; the others make a plain number.
        let keeps = matches!(call.name, "abs" | "ceil" | "floor" | "max" | "min" | "round" | "trunc" | "finite");
        let chosen = if call.name == "select" { args[1].dim } else { Dim::None };
        Value::Sig(Sig { dim: if keeps { dim } else { chosen }, ..self.apply(op, &args) })
    }

    /// Evaluates an argument.
    pub(super) fn item(&mut self, item: Item<'a>, scope: ScopeId) -> ArgVal<'a> {
        match item {
            Item::Value(arg) => arg,
            Item::Expr(expr) => {
                let value = self.eval(scope, expr);
                self.arg(value, expr.span)
            }
        }
    }

    /// An argument that must be there.
    pub(super) fn want(&mut self, call: &mut Call<'a>, name: &str) -> Option<ArgVal<'a>> {
        match call.take(name) {
            Some(item) => {
                let arg = self.item(item, call.scope);
                (!matches!(arg.value, Value::Broken)).then_some(arg)
            }
            None => {
                let message = format!("`{}` wants `{name}`", call.name);
                self.error("arity", call.span, message).help = Some(format!("it is called as `{}`", call.signature));
                None
            }
        }
    }

    /// A whole number known at compile time, in a range.
    pub(super) fn count(&mut self, call: &mut Call<'a>, name: &str, most: u32) -> Option<u32> {
        let arg = self.want(call, name)?;
        match arg.value {
            Value::Num(n) if n.value.fract() == 0.0 && n.value >= 1.0 && n.value <= f64::from(most) => {
                Some(n.value as u32)
            }
            other => {
                let article = other.article();
                let shown = if let Value::Num(n) = other { format!("{}", n.value) } else { article };
                let message =
                    format!("`{}` wants a whole number from 1 to {most} for `{name}`, got {shown}", call.name);
                self.error("type", arg.span, message).help = Some("write a number, such as `8`".into());
                None
            }
        }
    }

    /// Pipes a value into an expression that may be a function, a call that lacks its first argument, or use `it`.
    pub(super) fn transform(&mut self, item: Item<'a>, scope: ScopeId, value: Value<'a>, span: Span) -> Value<'a> {
        match item {
            Item::Expr(expr) => self.pipe_value(scope, value, span, expr),
            Item::Value(arg) => {
                let input = self.arg(value, span);
                self.call(arg.value, vec![input], span, 0)
            }
        }
    }
}
