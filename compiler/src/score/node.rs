//! The nodes of the arena.
//!
//! A node is small, `Copy`, and refers to its children by number; children are always older than their parent, so the arena
//! has no cycles. What varies in length (lists of children, steps of a sequence, rhythms, scales) lies in side tables of the
//! [`super::Score`] and is named by a [`List`].

use super::{FieldId, PatId, Ratio, Sym, Tail, Value};

/// A number that is fixed, or changes with time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Factor {
    /// Always the same.
    Fixed(Ratio),
    /// The numbers of a pattern, each while its event lasts.
    Pattern(PatId),
}

impl From<i64> for Factor {
    fn from(n: i64) -> Factor {
        Factor::Fixed(Ratio::int(n))
    }
}

impl From<Ratio> for Factor {
    fn from(n: Ratio) -> Factor {
        Factor::Fixed(n)
    }
}

impl From<PatId> for Factor {
    fn from(p: PatId) -> Factor {
        Factor::Pattern(p)
    }
}

/// How a ramp moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curve {
    /// Equal steps.
    #[default]
    Lin,
    /// Equal ratios; linear if the ends have different signs or one is 0.
    Exp,
    /// Stays, then jumps.
    Hold,
    /// Half a cosine.
    Sine,
    /// Smooth through several points without overshoot; between two alone, level at both.
    Spline,
}

/// What a random alteration decides on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Each event for itself.
    #[default]
    Event,
    /// Each cycle as a whole.
    Cycle,
}

/// Where the structure of a combination of two patterns comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinMode {
    /// From the left.
    #[default]
    In,
    /// From the right.
    Out,
    /// From both: an event wherever two overlap.
    Mix,
    /// A cycle of the right is squeezed into each event of the left.
    Squeeze,
    /// A cycle of the left is squeezed into each event of the right.
    SqueezeOut,
    /// The left begins its cycle anew at each event of the right.
    Reset,
    /// The left begins anew from its first cycle at each event of the right.
    Restart,
}

/// What is done to a value by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// Down to a whole number.
    Floor,
    /// To the nearest whole number.
    Round,
    /// 1 for what is false, 0 for what is true.
    Not,
}

/// Operations on the values of two patterns. Comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Min,
    Max,
    /// The right value.
    Set,
    /// The left value.
    Keep,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}

/// Continuous patterns, 0..1, one period per cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Rises from 0 to 1.
    Saw,
    /// Falls from 1 to 0.
    Isaw,
    /// `(sin + 1) / 2`
    Sine,
    /// `(cos + 1) / 2`
    Cosine,
    /// Up and down.
    Tri,
    /// 0, then 1.
    Square,
    /// White noise.
    Rand,
    /// Smooth noise.
    Perlin,
}

/// A piece of a side table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    pub start: u32,
    pub len: u32,
}

impl List {
    /// The piece of `table` that this names.
    pub fn of<T>(self, table: &[T]) -> &[T] {
        let start = self.start as usize;
        table.get(start..start + self.len as usize).unwrap_or(&[])
    }
}

/// A cycle of `pat` squeezed between two places of each cycle. A slot may reach beyond its cycle; what lies outside is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub begin: Ratio,
    pub end: Ratio,
    /// `end - begin`
    pub len: Ratio,
    /// `1 / len`
    pub inv: Ratio,
    pub pat: PatId,
}

/// A node and what its parents ask of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    /// Some of its events are continuous: their value depends on where the query begins.
    pub continuous: bool,
    /// Height of the tree below.
    pub depth: u32,
    /// Sets of clips below: bit `i` is set `i`, the last bit all beyond.
    pub sets: u64,
    /// Sources of live notes below: bit `i` is source `i`, the last bit all beyond.
    pub sources: u64,
}

/// What a node does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Silence,
    /// The note that a hand plays now ([`super::launch::LiveNote`]), of one of the sources of the score.
    Live {
        source: u32,
    },
    /// One event per cycle.
    Pure {
        value: Value,
        tail: Tail,
        source: (u32, u32),
        pattern: u32,
    },
    /// Slots within each cycle, rising: sequences, compress, zoom, fast_gap.
    Seq {
        slots: List,
    },
    /// All at once.
    Stack {
        list: List,
    },
    /// A cycle of each in turn; none skips cycles.
    Cat {
        list: List,
    },
    Fast {
        p: PatId,
        by: Ratio,
    },
    /// Faster by `factor * scale`, or slower.
    FastBy {
        p: PatId,
        factor: PatId,
        scale: Ratio,
        slow: bool,
    },
    Late {
        p: PatId,
        by: Ratio,
    },
    Rev {
        p: PatId,
    },
    /// `a` in the first (or last) of every `n` cycles, else `b`.
    Every {
        n: Factor,
        last: bool,
        a: PatId,
        b: PatId,
    },
    /// Each cycle n times.
    Repeat {
        p: PatId,
        n: Ratio,
    },
    /// Keeps the events whose chance lies below `prob` (`keep`), or the others.
    Degrade {
        p: PatId,
        prob: f64,
        seed: u64,
        keep: bool,
    },
    Choose {
        list: List,
        seed: u64,
    },
    Chance {
        prob: f64,
        seed: u64,
        a: PatId,
        b: PatId,
    },
    Euclid {
        p: PatId,
        rhythm: List,
    },
    EuclidBy {
        p: PatId,
        pulses: Factor,
        steps: Factor,
        rotation: Factor,
    },
    Struct {
        bools: PatId,
        p: PatId,
    },
    Mask {
        bools: PatId,
        p: PatId,
    },
    Tail {
        left: PatId,
        right: PatId,
    },
    Range {
        left: PatId,
        right: PatId,
    },
    Pick {
        selector: PatId,
        list: List,
        squeeze: bool,
        wrap: bool,
    },
    Ply {
        p: PatId,
        n: Factor,
    },
    /// Each event begins late by a share of its length.
    Press {
        p: PatId,
        by: Ratio,
    },
    Linger {
        p: PatId,
        by: Ratio,
    },
    Ribbon {
        p: PatId,
        offset: Ratio,
        len: Ratio,
    },
    Chunk {
        a: PatId,
        b: PatId,
        n: i64,
        back: bool,
    },
    Swing {
        p: PatId,
        amount: Ratio,
        per_cycle: i64,
    },
    Binop {
        op: Operator,
        join: JoinMode,
        left: PatId,
        right: PatId,
    },
    Field {
        p: PatId,
        field: FieldId,
        from: PatId,
    },
    Scale {
        p: PatId,
        root: f64,
        steps: List,
        period: f64,
    },
    ToNotes {
        p: PatId,
    },
    /// Notes as keys of a tuning.
    Tune {
        p: PatId,
        root: f64,
        steps: List,
        period: f64,
    },
    /// Plays the pattern of the value that the selector has now. `keys` are values, `list` a pattern for each.
    Inner {
        selector: PatId,
        keys: List,
        list: List,
    },
    /// The clip of a set that is launched, counted from its own beginning.
    Clips {
        set: u32,
        list: List,
    },
    /// The number of the clip that is launched, -1 for none.
    ClipIndex {
        set: u32,
    },
    /// How loud a clip of a set is.
    ClipShare {
        set: u32,
        clip: u32,
    },
    /// Replaces values; those without a key stay, or drop out.
    Lookup {
        p: PatId,
        keys: List,
        to: List,
        drop: bool,
    },
    Map {
        p: PatId,
        f: Map,
    },
    /// Scales velocity.
    Accent {
        p: PatId,
        by: f32,
    },
    Shuffle {
        p: PatId,
        n: u32,
        seed: u64,
        each_once: bool,
    },
    /// At each moment the value of one of several.
    ChooseAt {
        list: List,
        seed: u64,
    },
    /// Picks from the notes that sound together.
    Arp {
        p: PatId,
        index: PatId,
    },
    Filter {
        p: PatId,
        sym: Sym,
    },
    Ramp {
        from: f64,
        to: f64,
        over: Ratio,
        curve: Curve,
    },
    Signal {
        signal: Signal,
        seed: u64,
    },
}

impl Kind {
    /// Calls `f` with every child.
    pub fn children(&self, lists: &[PatId], slots: &[Slot], mut f: impl FnMut(PatId)) {
        let factor = |x: &Factor, f: &mut dyn FnMut(PatId)| {
            if let Factor::Pattern(p) = x {
                f(*p);
            }
        };
        match self {
            Kind::Silence | Kind::Live { .. } | Kind::Pure { .. } | Kind::Ramp { .. } | Kind::Signal { .. } => {}
            Kind::ClipIndex { .. } | Kind::ClipShare { .. } => {}
            Kind::Seq { slots: list } => list.of(slots).iter().for_each(|s| f(s.pat)),
            Kind::Stack { list }
            | Kind::Cat { list }
            | Kind::Choose { list, .. }
            | Kind::ChooseAt { list, .. }
            | Kind::Clips { list, .. } => {
                list.of(lists).iter().for_each(|p| f(*p));
            }
            Kind::Fast { p, .. }
            | Kind::Late { p, .. }
            | Kind::Rev { p }
            | Kind::Repeat { p, .. }
            | Kind::Degrade { p, .. }
            | Kind::Euclid { p, .. }
            | Kind::Press { p, .. }
            | Kind::Linger { p, .. }
            | Kind::Ribbon { p, .. }
            | Kind::Swing { p, .. }
            | Kind::Scale { p, .. }
            | Kind::ToNotes { p }
            | Kind::Tune { p, .. }
            | Kind::Lookup { p, .. }
            | Kind::Map { p, .. }
            | Kind::Accent { p, .. }
            | Kind::Shuffle { p, .. }
            | Kind::Filter { p, .. } => f(*p),
            Kind::Arp { p, index } => {
                f(*p);
                f(*index);
            }
            Kind::FastBy { p, factor, .. } => {
                f(*p);
                f(*factor);
            }
            Kind::Ply { p, n } => {
                f(*p);
                factor(n, &mut f);
            }
            Kind::Every { n, a, b, .. } => {
                f(*a);
                f(*b);
                factor(n, &mut f);
            }
            Kind::Chance { a, b, .. } | Kind::Chunk { a, b, .. } => {
                f(*a);
                f(*b);
            }
            Kind::EuclidBy { p, pulses, steps, rotation } => {
                f(*p);
                for x in [pulses, steps, rotation] {
                    factor(x, &mut f);
                }
            }
            Kind::Struct { bools, p } | Kind::Mask { bools, p } => {
                f(*p);
                f(*bools);
            }
            Kind::Tail { left, right } | Kind::Range { left, right } | Kind::Binop { left, right, .. } => {
                f(*left);
                f(*right);
            }
            Kind::Pick { selector, list, .. } | Kind::Inner { selector, list, .. } => {
                f(*selector);
                list.of(lists).iter().for_each(|p| f(*p));
            }
            Kind::Field { p, from, .. } => {
                f(*p);
                f(*from);
            }
        }
    }
}
