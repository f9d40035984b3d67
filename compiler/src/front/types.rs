//! Types of parameters: what their words ask for, and how an argument is brought to it.
//!
//! `x: sig[2]` wants two channels, `x: sig[n]` binds `n` to those that come; `hz`, `s`, `db` want a unit; `pat`, `fn`, `slot`,
//! `spec`, `text` and `bus` want a value that is no signal.

use crate::front::call::{ArgVal, Want};
use crate::front::elab::Elab;
use crate::front::names;
use crate::front::scope::*;
use crate::front::value::*;
use modurust_lang::ast::{Expr, ExprKind};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;

/// Kinds of value that a parameter's type can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `pat`
    Pattern,
    /// `fn`
    Function,
    /// `slot`
    Slot,
    /// `spec`
    Spec,
    /// `text`
    Text,
    /// `bus`
    Bus,
}

impl Kind {
    fn article(self) -> &'static str {
        match self {
            Kind::Pattern => "a pattern",
            Kind::Function => "a function",
            Kind::Slot => "a sample",
            Kind::Spec => "a spectrum",
            Kind::Text => "a text",
            Kind::Bus => "a bus",
        }
    }

    fn mend(self) -> &'static str {
        match self {
            Kind::Pattern => "write a pattern in double quotes: `\"0 3 7\"`",
            Kind::Function => "give a function by its name, or write one: `x => x * 2`",
            Kind::Slot => "name a file in single quotes: `'amen.wav'`",
            Kind::Spec => "make one with `>> fft(2048)`",
            Kind::Text => "write a text in single quotes",
            Kind::Bus => "define one: `bus verb = in >> reverb(3s)`",
        }
    }
}

impl<'a> Elab<'a> {
    pub(super) fn coerce_kind(&mut self, arg: ArgVal<'a>, kind: Kind, function: &str, param: &str) -> Value<'a> {
        let good = match (kind, &arg.value) {
            (_, Value::Broken)
            | (Kind::Pattern, Value::Pat(_))
            | (Kind::Function, Value::Fn(_) | Value::Builtin(_))
            | (Kind::Slot, Value::Slot(_))
            | (Kind::Spec, Value::Spec(..))
            | (Kind::Text, Value::Text(_))
            | (Kind::Bus, Value::Bus(_)) => true,
            // Numbers and ramps are patterns of one value.
            (Kind::Pattern, Value::Num(_) | Value::Line { .. }) => {
                return self.pattern(arg.value, arg.span).map_or(Value::Broken, Value::Pat);
            }
            (Kind::Slot, Value::Text(_)) => return self.slot(arg, function).map_or(Value::Broken, Value::Slot),
            _ => false,
        };
        if good {
            return arg.value;
        }
        let message = format!("`{function}` wants {} for `{param}`, got {}", kind.article(), arg.value.article());
        self.error("type", arg.span, message).help = Some(kind.mend().into());
        Value::Broken
    }

    /// A signal of exactly so many channels; one channel is heard on all.
    pub(super) fn coerce_channels(
        &mut self,
        value: Value<'a>,
        span: Span,
        channels: Option<u32>,
        function: &str,
        param: &str,
    ) -> Value<'a> {
        let Some(sig) = self.signal(value, span) else { return Value::Broken };
        let Some(channels) = channels else { return Value::Sig(sig) };
        let have = sig.shape.channels;
        if have == channels {
            return Value::Sig(sig);
        }
        if have == 1 {
            let shape = Shape { channels, ..sig.shape };
            return Value::Sig(Sig { node: self.spread(sig, shape), shape, dim: sig.dim });
        }
        let message = format!("`{function}` wants {channels} channels for `{param}`, got {have}");
        self.error("type", span, message).help =
            Some(format!("make them {channels}: `mix(x)` makes one, `x[0]` takes one"));
        Value::Broken
    }

    /// What the type of a parameter asks for; `n` of `sig[n]` is bound to the channels of the argument where it is a name.
    pub(super) fn typed(&mut self, ty: &'a (modurust_lang::ast::Ident, Option<Expr>), scope: ScopeId) -> Want {
        let (name, size) = ty;
        let want = match named_type(&name.name) {
            Some(want) => want,
            None => {
                let help = match names::closest(&name.name, TYPES.iter().map(|(name, _)| *name)) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => {
                        "types are sig, sig[2], num, pat, fn, slot, spec, text, bus, or a unit such as hz, s, db, st"
                            .into()
                    }
                };
                self.error("type", name.span, format!("there is no type `{}`", name.name)).help = Some(help);
                return Want::Any;
            }
        };
        let Some(size) = size else { return want };
        if want != Want::Signal {
            self.error("type", size.span, format!("`{}` has no channels to count", name.name)).help =
                Some("only signals do: `x: sig[2]`".into());
            return want;
        }
        if let ExprKind::Name(n) = &size.kind
            && self.scopes.find(scope, n).is_none()
        {
            return Want::Channels(None);
        }
        match self.eval(scope, size) {
            Value::Num(n) if n.value.fract() == 0.0 && (1.0..=256.0).contains(&n.value) => {
                Want::Channels(Some(n.value as u32))
            }
            Value::Broken => want,
            _ => {
                self.error("type", size.span, "channels are counted by a whole number from 1 to 256").help =
                    Some("write `x: sig[2]`".into());
                want
            }
        }
    }
}

/// Names of types.
const TYPES: &[(&str, Want)] = &[
    ("sig", Want::Signal),
    ("num", Want::Dim(Dim::None)),
    ("hz", Want::Dim(Dim::Frequency)),
    ("khz", Want::Dim(Dim::Frequency)),
    ("freq", Want::Dim(Dim::Frequency)),
    ("frequency", Want::Dim(Dim::Frequency)),
    ("note", Want::Dim(Dim::Frequency)),
    ("s", Want::Dim(Dim::Time)),
    ("ms", Want::Dim(Dim::Time)),
    ("time", Want::Dim(Dim::Time)),
    ("db", Want::Linear),
    ("gain", Want::Linear),
    ("st", Want::Dim(Dim::Interval)),
    ("ct", Want::Dim(Dim::Interval)),
    ("interval", Want::Dim(Dim::Interval)),
    ("deg", Want::Dim(Dim::Angle)),
    ("angle", Want::Dim(Dim::Angle)),
    ("beats", Want::Dim(Dim::Beats)),
    ("bars", Want::Dim(Dim::Beats)),
    ("b", Want::Dim(Dim::Beats)),
    ("bpm", Want::Dim(Dim::Tempo)),
    ("tempo", Want::Dim(Dim::Tempo)),
    ("pat", Want::Kind(Kind::Pattern)),
    ("clips", Want::Kind(Kind::Pattern)),
    ("fn", Want::Kind(Kind::Function)),
    ("slot", Want::Kind(Kind::Slot)),
    ("spec", Want::Kind(Kind::Spec)),
    ("text", Want::Kind(Kind::Text)),
    ("bus", Want::Kind(Kind::Bus)),
    ("any", Want::Any),
];

/// What a type asks for.
fn named_type(name: &str) -> Option<Want> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, want)| *want)
}

/// Every type that a parameter can have, by its name, and what it asks for.
pub fn type_names() -> impl Iterator<Item = (&'static str, String)> {
    let asks = |want: Want| match want {
        Want::Any => "anything".to_string(),
        Want::Dim(dim) => dim.article().to_string(),
        Want::Linear => "a gain: decibels become a factor".to_string(),
        Want::Signal | Want::Channels(_) => {
            "a signal; `sig[2]` one of two channels, `sig[n]` calls their number `n`".to_string()
        }
        Want::Kind(kind) => kind.article().to_string(),
    };
    TYPES.iter().map(move |(name, want)| (*name, asks(*want)))
}
