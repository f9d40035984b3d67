//! Between which bounds values stay: intervals, from the leaves up.
//!
//! Rounding never turns two numbers round, so an operation on the ends of intervals, done in the precision of the signal itself,
//! gives ends that hold for every value between, rounding included. What nobody can know (cells, rows, inputs) is unbounded.
//! All lanes of a value share one interval.
//!
//! The validator asks whether a delay is always longer than a quantum, the pass [`crate::passes::cut`] whether it is so at the
//! numbers of the text.

use crate::graph::ops::{Op, canonical, flush};
use crate::graph::{Graph, Node, NodeId, ParamId, Ty, operands};

/// The least and greatest of a value's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// No number is below.
    pub low: f32,
    /// No number is above.
    pub high: f32,
    /// False when it is always a number.
    pub nan: bool,
}

impl Bounds {
    /// Anything at all.
    pub const ANY: Bounds = Bounds { low: f32::NEG_INFINITY, high: f32::INFINITY, nan: true };
    /// Any finite number.
    pub const FINITE: Bounds = Bounds { low: f32::MIN, high: f32::MAX, nan: false };

    /// Every number from `low` to `high`.
    pub fn new(low: f32, high: f32) -> Bounds {
        Bounds { low, high, nan: false }
    }

    /// One number.
    pub fn point(x: f32) -> Bounds {
        Bounds { low: flush(x), high: flush(x), nan: x.is_nan() }
    }

    /// What covers both.
    fn hull(self, other: Bounds) -> Bounds {
        Bounds { low: self.low.min(other.low), high: self.high.max(other.high), nan: self.nan || other.nan }
    }

    fn size(self) -> f32 {
        self.low.abs().max(self.high.abs())
    }

    fn infinite(self) -> bool {
        self.size().is_infinite()
    }

    fn has_zero(self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }

    /// The hull of some results; one that is no number says that there may be such.
    fn of(results: &[f32], nan: bool) -> Bounds {
        let mut out = Bounds { low: f32::INFINITY, high: f32::NEG_INFINITY, nan };
        for &x in results {
            if x.is_nan() {
                return Bounds::ANY;
            }
            out.low = out.low.min(flush(x));
            out.high = out.high.max(flush(x));
        }
        out
    }

    /// Room for the rounding of a few additions, whatever their order.
    fn widened(self) -> Bounds {
        let room = self.size() * 1e-5;
        Bounds { low: self.low - room, high: self.high + room, ..self }
    }
}

/// Bounds of the wanted values and of all that they are computed from; `None` for the rest, and for integers. `order` has
/// operands before users, and `param` says what is known of parameters.
pub fn bounds(
    graph: &Graph,
    order: &[NodeId],
    wanted: impl IntoIterator<Item = NodeId>,
    param: impl Fn(ParamId) -> Bounds,
) -> Vec<Option<Bounds>> {
    let mut needed = vec![false; graph.nodes.len()];
    let mut work: Vec<NodeId> = wanted.into_iter().collect();
    while let Some(id) = work.pop() {
        // What was read from a ring is bounded, wherever it was read.
        if !std::mem::replace(&mut needed[id.index()], true)
            && !matches!(graph.node(id), Node::Tap(..) | Node::Peek(..))
        {
            work.extend(operands(graph.node(id)));
        }
    }
    let mut known: Vec<Option<Bounds>> = vec![None; graph.nodes.len()];
    for &id in order.iter().filter(|id| needed[id.index()]) {
        known[id.index()] = node(graph, &known, id, &param);
    }
    known
}

fn node(graph: &Graph, known: &[Option<Bounds>], id: NodeId, param: &impl Fn(ParamId) -> Bounds) -> Option<Bounds> {
    let of = |n: NodeId| known[n.index()].unwrap_or(Bounds::ANY);
    Some(match graph.node(id) {
        Node::Const(Ty::I32, _) | Node::Frame => return None,
        Node::Const(ty, bits) => bits
            .iter()
            .map(|&b| Bounds::point(f32::from_bits(canonical(*ty, b))))
            .reduce(Bounds::hull)
            .unwrap_or(Bounds::ANY),
        Node::Param(p) => param(*p),
        Node::Row(_) | Node::Input(_) | Node::Read(_) => Bounds::ANY,
        Node::Tap(..) | Node::Peek(..) => Bounds::FINITE,
        Node::Shuffle(x, _) => of(*x),
        Node::Join(parts) => parts.iter().map(|&x| of(x)).reduce(Bounds::hull).unwrap_or(Bounds::ANY),
        // At most as many terms as a value may have lanes.
        Node::Reduce(x, _) => {
            let (b, n) = (of(*x), crate::graph::check::WIDEST as f32);
            Bounds { low: b.low.min(b.low * n), high: b.high.max(b.high * n), nan: b.nan || b.infinite() }.widened()
        }
        Node::Line(x) => {
            let b = of(*x).widened();
            Bounds { nan: b.nan || b.infinite(), ..b }
        }
        Node::Op(op, args) => {
            if op.info().result == Ty::I32 {
                return None;
            }
            let same = args.len() == 2 && args[0] == args[1];
            if let Some(rest) = remainder(graph, *op, args) {
                let nan = of(args[0]).nan || of(args[0]).infinite();
                return Some(Bounds { nan, ..rest });
            }
            let arg = |i: usize| args.get(i).map_or(Bounds::ANY, |&n| of(n));
            operation(*op, arg(0), arg(1), arg(2), same)
        }
    })
}

/// `x - round(x)` and its like: what is left of a number without its whole part.
fn remainder(graph: &Graph, op: Op, args: &[NodeId]) -> Option<Bounds> {
    let (Op::Sub, [x, whole]) = (op, args) else { return None };
    match graph.node(*whole) {
        Node::Op(whole, inner) if inner.first() == Some(x) => match whole {
            Op::Round => Some(Bounds::new(-0.5, 0.5)),
            Op::Floor => Some(Bounds::new(0.0, 1.0)),
            Op::Ceil => Some(Bounds::new(-1.0, 0.0)),
            Op::Trunc => Some(Bounds::new(-1.0, 1.0)),
            _ => None,
        },
        _ => None,
    }
}

fn operation(op: Op, x: Bounds, y: Bounds, z: Bounds, same: bool) -> Bounds {
    let rising = |f: fn(f32) -> f32| Bounds { low: flush(f(x.low)), high: flush(f(x.high)), nan: x.nan };
    match op {
        Op::Add => Bounds::of(&[x.low + y.low, x.high + y.high], opposed(x, y)),
        Op::Sub => Bounds::of(&[x.low - y.high, x.high - y.low], opposed(x, negated(y))),
        Op::Mul => product(x, y, same),
        Op::Div if y.has_zero() || (x.infinite() && y.infinite()) => Bounds::ANY,
        Op::Div => Bounds::of(&corners(x, y).map(|(a, b)| a / b), x.nan || y.nan),
        Op::Fma => fused(x, y, z),
        Op::Fms => fused(x, y, negated(z)),
        Op::Fnma => fused(negated(x), y, z),
        Op::Neg => negated(x),
        Op::Abs => Bounds { low: if x.has_zero() { 0.0 } else { x.low.abs().min(x.high.abs()) }, high: x.size(), ..x },
        Op::Copysign => Bounds { low: -x.size(), high: x.size(), ..x },
        Op::Sqrt if x.low < 0.0 => Bounds::ANY,
        Op::Sqrt => rising(f32::sqrt),
        Op::Floor => rising(f32::floor),
        Op::Ceil => rising(f32::ceil),
        Op::Trunc => rising(f32::trunc),
        Op::Round => rising(f32::round_ties_even),
        // Where one of them is no number, the second is taken.
        Op::Min => Bounds { low: x.low.min(y.low), high: if x.nan { y.high } else { x.high.min(y.high) }, nan: y.nan },
        Op::Max => Bounds { low: if x.nan { y.low } else { x.low.max(y.low) }, high: x.high.max(y.high), nan: y.nan },
        Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne | Op::And | Op::Or | Op::Not | Op::Ieq | Op::Ilt => {
            Bounds::new(0.0, 1.0)
        }
        Op::Select => y.hull(z),
        Op::Finite => {
            let inside = Bounds::new(x.low.clamp(f32::MIN, f32::MAX), x.high.clamp(f32::MIN, f32::MAX));
            if x.nan || x.infinite() { inside.hull(Bounds::point(0.0)) } else { inside }
        }
        Op::Turn => Bounds::new(0.0, 1.0),
        Op::Unit => Bounds::new(-1.0, 1.0),
        Op::Fromint => Bounds::new(-2_147_483_648.0, 2_147_483_648.0),
        Op::Exponent => Bounds::new(-127.0, 128.0),
        Op::Mantissa => Bounds { low: 1.0, high: 2.0, ..x },
        Op::Pow2i => {
            let power = |x: f32| f32::from_bits((Op::Pow2i.info().interp)(&[x.to_bits()]));
            Bounds::new(if x.nan { power(f32::NEG_INFINITY) } else { power(x.low) }, power(x.high))
        }
        _ => Bounds::ANY,
    }
}

fn negated(x: Bounds) -> Bounds {
    Bounds { low: -x.high, high: -x.low, ..x }
}

/// True when a sum may be no number.
fn opposed(x: Bounds, y: Bounds) -> bool {
    let (up, down) = (f32::INFINITY, f32::NEG_INFINITY);
    x.nan || y.nan || (x.high == up && y.low == down) || (x.low == down && y.high == up)
}

fn fused(x: Bounds, y: Bounds, z: Bounds) -> Bounds {
    if [x, y, z].iter().any(|b| b.nan || b.infinite()) {
        return Bounds::ANY;
    }
    // In double precision the products are exact; rounding to single keeps the order.
    let all = corners(x, y).map(|(a, b)| f64::from(a) * f64::from(b));
    let least = all.iter().copied().fold(f64::INFINITY, f64::min) + f64::from(z.low);
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max) + f64::from(z.high);
    Bounds::of(&[least as f32, most as f32], false).widened()
}

fn corners(x: Bounds, y: Bounds) -> [(f32, f32); 4] {
    [(x.low, y.low), (x.low, y.high), (x.high, y.low), (x.high, y.high)]
}

fn product(x: Bounds, y: Bounds, same: bool) -> Bounds {
    if (x.infinite() && y.has_zero()) || (y.infinite() && x.has_zero()) {
        return Bounds { low: if same { 0.0 } else { f32::NEG_INFINITY }, high: f32::INFINITY, nan: !same || x.nan };
    }
    let all = Bounds::of(&corners(x, y).map(|(a, b)| a * b), x.nan || y.nan);
    if same { Bounds { low: if x.has_zero() { 0.0 } else { all.low.max(0.0) }, ..all } } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::check::check;

    /// Bounds of the last node of a graph in text form.
    fn last(text: &str) -> Bounds {
        let graph = crate::graph::text::parse(text).expect("a graph");
        let id = NodeId(graph.nodes.len() as u32 - 1);
        let order = check(&graph).expect("valid").order;
        bounds(&graph, &order, [id], |_| Bounds::FINITE)[id.index()].expect("a float")
    }

    #[test]
    fn a_sine_of_anything_is_bounded() {
        let b = last(
            "%0 = frame\n%1 = turn %0\n%2 = round %1\n%3 = sub %1 %2\n%4 = abs %3\n%5 = const f32 0.5\n%6 = sub %5 %4\n\
             %7 = min %4 %6\n%8 = mul %7 %7\n%9 = const f32 -41.3\n%10 = mul %8 %9\n%11 = const f32 6.28\n%12 = add %10 %11\n\
             %13 = mul %7 %12\n%14 = copysign %13 %3",
        );
        assert!(!b.nan && b.low >= -4.0 && b.high <= 4.0, "{b:?}");
    }

    #[test]
    fn the_greater_of_two_is_at_least_either() {
        let b = last("%0 = param 0\n%1 = const f32 64.0\n%2 = max %0 %1\nparam 0 in 0 \"p\" 1.0");
        assert_eq!((b.low, b.nan), (64.0, false));
    }

    /// Every operation at random points inside random intervals stays inside the bounds.
    #[test]
    fn no_value_leaves_its_bounds() {
        let mut seed = 1u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as u32
        };
        const CORNERS: [f32; 8] = [0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, 1e-38, 3e38, 64.0];
        let mut number = || match next() % 4 {
            0 => CORNERS[next() as usize % 8],
            1 => f32::from_bits(next() << 1 ^ next()),
            _ => (next() as f32 / 4e8 - 2.5).powi(3),
        };
        for &op in crate::graph::ops::ALL {
            let info = op.info();
            if info.result != Ty::F32 || info.types.iter().any(|&ty| ty != Ty::F32) {
                continue;
            }
            for _ in 0..20_000 {
                let mut range = [Bounds::ANY; 3];
                let mut words = Vec::new();
                for range in range.iter_mut().take(info.args.len()) {
                    let (a, b, c) = (flush(number()), flush(number()), flush(number()));
                    let mut at = [a, b, c];
                    at.sort_by(f32::total_cmp);
                    let nan = at.iter().any(|x| x.is_nan());
                    *range = if nan { Bounds::ANY } else { Bounds::new(at[0], at[2]) };
                    words.push(at[1].to_bits());
                }
                let got = f32::from_bits(crate::codegen::guard::flushed(|| (info.interp)(&words)));
                let b = operation(op, range[0], range[1], range[2], false);
                let inside = if got.is_nan() { b.nan } else { b.low <= got && got <= b.high };
                assert!(inside, "{op:?} of {words:x?} in {range:?}: {got} is not in {b:?}");
            }
        }
    }
}
