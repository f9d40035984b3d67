//! What an expression can be while it is elaborated.
//!
//! Elaboration is an evaluation at compile time: functions, arrays and patterns are values and leave no trace in the graph;
//! a signal is a node of it. A number stays a number as long as it can (so that it may shape the graph: the 16 of
//! `poly(16, ..)`) and becomes a node when a signal is wanted: a constant, or a parameter if a literal of the user's own text
//! had a part in it ([`Num::key`]), so that changing the literal compiles nothing.

use crate::front::builtins::Builtin;
use crate::front::scope::{Closure, Origin, ScopeId};
use crate::graph::{FrameId, NodeId, RingId};
use crate::score::PatId;
use modurust_lang::ast::Expr;
use modurust_lang::units::Dim;
use std::sync::Arc;

/// The lanes of a signal: channels, each perhaps with one lane per voice of the enclosing bank.
///
/// Lane `c * voices + v` is channel `c` of voice `v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels, 1 or more.
    pub channels: u32,
    /// One lane per voice of the bank that is being elaborated.
    pub banked: bool,
}

impl Shape {
    /// One channel, no voices.
    pub const MONO: Shape = Shape { channels: 1, banked: false };

    /// Number of lanes in a bank of `voices`.
    pub fn lanes(self, voices: u32) -> u32 {
        self.channels * if self.banked { voices } else { 1 }
    }

    /// The shape of an operation on both: channels of the wider, voices if either has them.
    pub fn join(self, other: Shape) -> Shape {
        Shape { channels: self.channels.max(other.channels), banked: self.banked || other.banked }
    }
}

/// A number known at compile time, in canonical units: hertz, seconds, beats, decibels, MIDI notes, semitones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Num {
    /// The value.
    pub value: f64,
    /// What it measures.
    pub dim: Dim,
    /// 0 for a constant; else a hash of the user's literals that it was computed from and how.
    pub key: u64,
    /// Its parameter, or what is computed from it, if it has a name to be moved by. The node has the value as the code wants it;
    /// `value` is what the text says, for all that shapes the graph.
    pub live: Option<NodeId>,
}

impl Num {
    /// A constant.
    pub fn constant(value: f64) -> Num {
        Num { value, dim: Dim::None, key: 0, live: None }
    }

    /// A number that nobody moves yet.
    pub fn new(value: f64, dim: Dim, key: u64) -> Num {
        Num { value, dim, key, live: None }
    }

    /// A number derived from this one: same provenance, another value and dimension. `tag` tells derivations apart.
    pub fn derive(self, value: f64, dim: Dim, tag: u64) -> Num {
        Num::new(value, dim, if self.key == 0 { 0 } else { mix(self.key, tag) })
    }

    /// A number derived from two.
    pub fn derive2(self, other: Num, value: f64, dim: Dim, tag: u64) -> Num {
        let key = if self.key == 0 && other.key == 0 {
            0
        } else {
            mix(mix(self.key.max(1), other.key ^ self.value.to_bits().min(1)), tag ^ constant_part(self, other))
        };
        Num::new(value, dim, key)
    }
}

/// A constant operand tells `2 * x` from `3 * x`: both have the provenance of `x`.
fn constant_part(a: Num, b: Num) -> u64 {
    if a.key == 0 {
        a.value.to_bits()
    } else if b.key == 0 {
        b.value.to_bits()
    } else {
        0
    }
}

/// Mixes two words into one.
pub fn mix(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    x = (x ^ (x >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^ (x >> 29)
}

/// Hash of a text.
pub fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01B3))
}

/// A node with its lanes and what it measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sig {
    /// The node.
    pub node: NodeId,
    /// Its lanes.
    pub shape: Shape,
    /// What it measures, if that is known.
    pub dim: Dim,
}

/// What [`Value::Record`] holds: the signal that it is, and expressions that are evaluated where they stand, when asked for.
pub struct Record<'a> {
    /// What it is where a signal is wanted.
    pub main: Value<'a>,
    /// Fields by name.
    pub fields: Vec<(&'a str, &'a Expr)>,
    /// Where their names are found.
    pub scope: ScopeId,
    /// Where their state lives.
    pub frame: FrameId,
    /// In which text.
    pub origin: Origin,
}

/// The value of an expression. `'a` is the life of the trees.
#[derive(Clone)]
pub enum Value<'a> {
    /// A number known at compile time.
    Num(Num),
    /// A signal.
    Sig(Sig),
    /// `[a, b, c]`, joined into channels where a signal is wanted.
    Array(Arc<Vec<Value<'a>>>),
    /// A pattern.
    Pat(PatId),
    /// A line `a ~> b`: a pattern where one is wanted.
    Line { from: Num, to: Num, over: Option<crate::score::timeline::Length>, curve: crate::lang::ast::Curve },
    /// A function of the text.
    Fn(Arc<Closure<'a>>),
    /// A function of the compiler.
    Builtin(&'static Builtin),
    /// `'text'`
    Text(Arc<str>),
    /// A delay line (library only).
    Ring(RingId, Shape),
    /// `20hz..2khz`
    Range(Num, Num),
    /// A sample, or what was made of one.
    Slot(Arc<Sample>),
    /// Spectra.
    Spec(Spec),
    /// A device whose controls are fields: its path.
    Device(Arc<str>),
    /// A module of the library under another name.
    Library(Arc<str>),
    /// A bus, to send to: its index.
    Bus(usize),
    /// A signal with others beside it, reached by name: `svf(x, 800hz).hp`.
    Record(Arc<Record<'a>>),
    /// A file used under a name: its scope.
    Module(crate::front::scope::ScopeId),
    /// An error was reported; whatever is computed from it is silent about it.
    Broken,
}

/// Spectra that a kernel makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// Where it writes them.
    pub ring: RingId,
    /// Points of the transform.
    pub n: u32,
    /// Frames from one to the next.
    pub hop: u32,
    /// Channels of the sound that they are of.
    pub shape: Shape,
}

/// A sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Paths of its files.
    pub files: Vec<Arc<str>>,
    /// How much longer it is made at its own pitch, in millionths.
    pub stretch: u32,
    /// Moments of the recording, and those that they are moved to, in microseconds.
    pub anchors: Vec<[u32; 2]>,
    /// The playhead for which it is read from disk while it plays; 0 if it is held in memory.
    pub head: u32,
    /// Of a separated recording: which part, or `all`.
    pub part: Option<&'static str>,
}

impl Value<'_> {
    /// The same, if it holds nothing of the trees: then it outlives them.
    pub fn plain(&self) -> Option<Value<'static>> {
        Some(match self {
            Value::Num(num) => Value::Num(*num),
            Value::Sig(sig) => Value::Sig(*sig),
            Value::Array(items) => Value::Array(Arc::new(items.iter().map(Value::plain).collect::<Option<_>>()?)),
            Value::Pat(pattern) => Value::Pat(*pattern),
            Value::Line { from, to, over, curve } => Value::Line { from: *from, to: *to, over: *over, curve: *curve },
            Value::Builtin(builtin) => Value::Builtin(builtin),
            Value::Text(text) => Value::Text(Arc::clone(text)),
            Value::Ring(ring, shape) => Value::Ring(*ring, *shape),
            Value::Range(low, high) => Value::Range(*low, *high),
            Value::Slot(slot) => Value::Slot(Arc::clone(slot)),
            Value::Spec(spec) => Value::Spec(*spec),
            Value::Device(path) => Value::Device(Arc::clone(path)),
            Value::Library(module) => Value::Library(Arc::clone(module)),
            Value::Broken => Value::Broken,
            Value::Fn(_) | Value::Bus(_) | Value::Record(_) | Value::Module(_) => return None,
        })
    }

    /// A number that two values have in common only if whatever is computed from either has the same shape, of numbers, texts and signals.
    pub fn outline(&self) -> Option<u64> {
        Some(match self {
            Value::Num(num) => mix(mix(1, num.value.to_bits()), num.dim as u64),
            Value::Sig(Sig { shape, dim, .. }) => {
                mix(mix(2, u64::from(shape.channels) << 1 | u64::from(shape.banked)), *dim as u64)
            }
            Value::Text(text) => mix(3, hash_text(text)),
            Value::Array(items) => {
                items.iter().try_fold(4, |all, item| item.outline().map(|outline| mix(all, outline)))?
            }
            Value::Range(low, high) => mix(mix(5, Value::Num(*low).outline()?), Value::Num(*high).outline()?),
            _ => return None,
        })
    }

    /// True if both are the same for whoever reads them: the same number, text or node.
    pub fn same(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Num(a), Value::Num(b)) => a == b,
            (Value::Sig(a), Value::Sig(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b)),
            (Value::Pat(a), Value::Pat(b)) => a == b,
            (Value::Line { from, to, over, curve }, Value::Line { from: f, to: t, over: o, curve: c }) => {
                (from, to, over, curve) == (f, t, o, c)
            }
            (Value::Builtin(a), Value::Builtin(b)) => std::ptr::eq(*a, *b),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Ring(a, s), Value::Ring(b, t)) => a == b && s == t,
            (Value::Range(a, b), Value::Range(c, d)) => a == c && b == d,
            (Value::Slot(a), Value::Slot(b)) => a == b,
            (Value::Spec(a), Value::Spec(b)) => a == b,
            (Value::Device(a), Value::Device(b)) | (Value::Library(a), Value::Library(b)) => a == b,
            (Value::Broken, Value::Broken) => true,
            _ => false,
        }
    }
}

impl From<Sig> for Value<'_> {
    fn from(sig: Sig) -> Self {
        Value::Sig(sig)
    }
}

impl Value<'_> {
    /// With its article, for messages.
    pub fn article(&self) -> String {
        match self {
            Value::Num(n) => n.dim.article().to_string(),
            Value::Sig(s) if s.dim != Dim::None => format!("{} signal", s.dim.article()),
            Value::Sig(_) | Value::Record(_) => "a signal".into(),
            Value::Array(_) => "an array".into(),
            Value::Pat(_) => "a pattern".into(),
            Value::Line { .. } => "a ramp".into(),
            Value::Fn(_) | Value::Builtin(_) => "a function".into(),
            Value::Text(_) => "a text".into(),
            Value::Ring(..) => "a delay line".into(),
            Value::Range(..) => "a range".into(),
            Value::Bus(_) => "a bus".into(),
            Value::Slot(_) => "a sample".into(),
            Value::Spec(..) => "a spectrum".into(),
            Value::Device(_) => "a device".into(),
            Value::Module(_) | Value::Library(_) => "a module".into(),
            Value::Broken => "something broken".into(),
        }
    }
}
