//! The tree of a program.
//!
//! Plain owned values: a statement is small, is parsed alone and shared by `Arc`. Spans lie beside every node and
//! count from the start of the statement (see [`crate::source`]). Nothing here is resolved: a name is still a word,
//! a unit only a unit.

use crate::source::{FileId, Span};
use crate::units::Unit;
use std::sync::Arc;

/// A top-level statement of a file.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// The file that it stands in.
    pub file: FileId,
    /// Byte in the file where the statement starts: add it to any span inside.
    pub offset: u32,
    /// What it says. Shared with the parse cache.
    pub item: Arc<Item>,
}

/// A word with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The word.
    pub name: String,
    /// Its place.
    pub span: Span,
}

/// What a statement says.
// The text of a variant names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `use ./acid`, `use std/bass@1.2 as b`
    Use { path: String, version: Option<String>, alias: Option<Ident>, span: Span },
    /// `tempo 132bpm`, `seed 7`, `swing 56%`: the word and its value.
    Setting { name: Ident, value: Expr },
    /// `meter 7/8`, `meter 3/4 from 16bars`
    Meter { beats: u32, unit: u32, from: Option<Expr>, span: Span },
    /// `name = expr` or `name(params) = expr`
    Def(Def),
    /// `track name = expr` or `bus name = expr`
    Strip { bus: bool, name: Ident, value: Expr },
    /// `scene drop { drums: b, bass: off } for 16bars then groove(3) | intro(1)`
    Scene { name: Ident, slots: Vec<Slot>, length: Option<Expr>, then: Vec<Choice> },
    /// `arrange song? { section length .. }`
    Arrange { name: Option<Ident>, sections: Vec<Section> },
    /// `automate bass.cutoff { 0bar: 200hz, 8bar: 2khz exp }`
    Automate { path: Vec<Ident>, points: Vec<(Expr, Expr, Curve)> },
    /// `map cc(74) -> bass.cutoff 200hz..8khz exp`
    Map { source: Expr, path: Vec<Ident>, range: Option<Expr>, curve: Curve },
    /// `launch drums.fill at next bar`, `record master to 'take.wav'`: run once
    Command(Command),
    /// Text that could not be read. A diagnostic says why; the name, if one could be seen, keeps its last good
    /// meaning.
    Broken { name: Option<String>, span: Span },
}

impl Item {
    /// The name that the statement gives.
    pub fn name(&self) -> Option<&Ident> {
        match self {
            Item::Def(def) => Some(&def.name),
            Item::Strip { name, .. } | Item::Scene { name, .. } => Some(name),
            Item::Arrange { name, .. } => name.as_ref(),
            _ => None,
        }
    }
}

/// A definition: of a value, or of a function when it has parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Def {
    /// Its name.
    pub name: Ident,
    /// `None` for a plain value, `Some` (perhaps empty) for a function.
    pub params: Option<Vec<Param>>,
    /// The right-hand side.
    pub body: Expr,
    /// Text of the `///` lines above, without the slashes, joined by newlines.
    pub doc: Option<String>,
}

/// A parameter: `freq: hz = 1khz in 20hz..20khz log`
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// The type after the colon: a word such as `hz`, `sig`, and its channel count in brackets.
    pub ty: Option<(Ident, Option<Expr>)>,
    /// Value when the caller gives none.
    pub default: Option<Expr>,
    /// Range after `in`, for knobs and documentation; `log` taper or linear.
    pub range: Option<Range>,
}

/// The range of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Lowest value.
    pub low: Expr,
    /// Highest value.
    pub high: Expr,
    /// Knob moves in equal ratios, not equal steps.
    pub log: bool,
}

/// One weighted way to go on: `groove(3)`
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// A clip, a scene, or `next prev any again stop`.
    pub name: Ident,
    /// 1 when absent.
    pub weight: Option<Expr>,
}

/// A track of a scene: `drums: b`, `bass: off`, `pad: a again`
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// The track.
    pub track: Ident,
    /// The clip; `None` is `off`.
    pub clip: Option<Ident>,
    /// From its beginning, also where the clip plays already.
    pub again: bool,
}

/// A line of an arrangement: `groove 16bars xfade 2bars { bass.cutoff: 200hz ~> 1khz }`
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The scene or song that plays.
    pub scene: Ident,
    /// How long.
    pub length: Expr,
    /// Crossfade into it.
    pub xfade: Option<Expr>,
    /// Values that move while it plays.
    pub lanes: Vec<(Vec<Ident>, Expr)>,
}

/// A thing done once, when the line is evaluated or new in a watched file.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// `launch play stop mute solo record export`
    pub verb: Ident,
    /// `drums.fill`
    pub path: Vec<Ident>,
    /// `from 16bars to 24bars`, of `play`: where it begins, and the end of the loop.
    pub from: Option<(Expr, Option<Expr>)>,
    /// `at now`, `at next bar`, `at next 4bars`
    pub at: Option<At>,
    /// `to 'set.wav'`
    pub to: Option<String>,
    /// `stems`
    pub stems: bool,
    /// `preroll`
    pub preroll: bool,
}

/// When a command takes effect.
#[derive(Clone, Debug, PartialEq)]
pub enum At {
    /// At once.
    Now,
    /// At the next multiple of a length; `bar` and `beat` are `1bar` and `1beat`.
    Next(Expr),
}

/// How a line moves between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Curve {
    /// Equal steps.
    #[default]
    Lin,
    /// Equal ratios.
    Exp,
    /// Stays, then jumps.
    Hold,
    /// Half a cosine.
    Sine,
    /// Smooth through the points of an automation.
    Spline,
}

/// An expression and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it is, from the start of its statement.
    pub span: Span,
}

/// An argument of a call: `800hz` or `q: 2`
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// The name before the colon.
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
}

/// The kinds of expression.
// The text of a variant names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `440hz`, `3/16n`, `-6`'s `6`: a number as written, and its unit. `3/16n` has `value` 0.1875 and `ratio` (3,
    /// 16).
    Number { value: f64, ratio: Option<(u32, u32)>, unit: Option<Unit> },
    /// `c4`, `f#2` as a MIDI note number (c4 = 60).
    Note(i32),
    /// `'tr909'`
    Text(String),
    /// `"bd*2 sn"`: the raw text between the quotes; `text_start` is its first byte from the start of the statement.
    Pattern { text: Arc<str>, text_start: u32 },
    /// A word: a definition, a parameter, a built-in.
    Name(String),
    /// `it`: what was piped in.
    It,
    /// `f(x, q: 2)`
    Call { callee: Box<Expr>, args: Vec<Arg> },
    /// `x[i]`
    Index { base: Box<Expr>, index: Box<Expr> },
    /// `x.name`
    Field { base: Box<Expr>, name: Ident },
    /// `y'`: y one sample ago
    Prime(Box<Expr>),
    /// `-x`, `not x`
    Unary { op: UnaryOp, x: Box<Expr> },
    /// `a + b`, already by precedence
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr> },
    /// `a >> b`
    Pipe { left: Box<Expr>, right: Box<Expr> },
    /// `a ~> b over 8bars exp`
    Ramp { from: Box<Expr>, to: Box<Expr>, over: Option<Box<Expr>>, curve: Curve },
    /// `(x, k) => x * k`
    Lambda { params: Vec<Ident>, body: Box<Expr> },
    /// `if c then a else b`
    If { cond: Box<Expr>, then: Box<Expr>, other: Box<Expr> },
    /// `{ a = 1  a + 2 }`: its value is the expression, or the last definition
    Block { defs: Vec<Def>, value: Option<Box<Expr>> },
    /// `[a, b, c]`
    Array(Vec<Expr>),
    /// `clips { a: "bd*4" for 8bars then b }`
    Clips(Vec<Clip>),
    /// Something unreadable inside a statement whose rest was kept.
    Broken,
}

/// One clip of a `clips` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Its name.
    pub name: Ident,
    /// What plays.
    pub value: Expr,
    /// `for 8bars`
    pub length: Option<Expr>,
    /// `then fill(3) | b(1)`
    pub then: Vec<Choice>,
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-x`
    Neg,
    /// `not x`
    Not,
}

/// Operators of two operands, loosest first: `or`, `and`, comparisons, `..`, `+ -`, `* /`, `^` (right-associative).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `a..b`
    Range,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `^`
    Pow,
}
