//! What the builtins on signals do: channels, copies, knobs, sends, and the memory that the library builds on.

use crate::front::builtins::{Call, Item};
use crate::front::elab::Elab;
use crate::front::number;
use crate::front::value::*;
use crate::graph::*;
use modurust_lang::ast::{BinaryOp, Expr, ExprKind};
use modurust_lang::units::Dim;
use std::sync::Arc;

pub(super) fn mix_all<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    Value::Sig(e.mix_channels(sig))
}

/// `scope(x, name = 'scope')`: an output beside those of tracks, which nobody hears.
pub(super) fn scope<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    if let Some(expr) = call.next_expr("name")
        && e.is_unquoted(call.scope, expr, call.name, "a text for `name`", "")
    {
        return Value::Broken;
    }
    let name = match call.take("name").map(|item| e.item(item, call.scope)) {
        None => "scope".to_string(),
        Some(arg) => match &arg.value {
            Value::Text(name) => name.to_string(),
            _ => {
                e.error("type", arg.span, "a scope is named in single quotes").help =
                    Some("write `scope('bass')`".into());
                return Value::Broken;
            }
        },
    };
    if e.bank.is_some() {
        e.error("type", call.span, "a scope shows one signal, and a voice is many").help =
            Some("put it behind the voices: `poly(8, pad) >> scope('pad')`".into());
        return Value::Broken;
    }
    let Some(sig) = e.signal(x.value.clone(), x.span) else { return Value::Broken };
    let Some(node) = e.stereo(sig, x.span) else { return Value::Broken };
    e.graph.outs.push(Out { name, kind: OutKind::Scope, node, frame: e.frame });
    x.value
}

pub(super) fn channels<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    Value::Num(Num::constant(f64::from(sig.shape.channels)))
}

pub(super) fn quality<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(factor) = e.count(call, "factor", 4096) else { return Value::Broken };
    Value::Num(Num::constant(e.in_time(f64::from(factor))))
}

pub(super) fn index<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    let bits = (0..sig.shape.channels).map(|c| (c as f32).to_bits()).collect();
    let node = e.graph.push(Node::Const(Ty::F32, bits));
    Value::Sig(Sig { node, shape: Shape { channels: sig.shape.channels, banked: false }, dim: Dim::None })
}

impl Elab<'_> {
    /// A number of the text goes from one to another, if it gets a name to be moved by.
    pub(super) fn note_range(&mut self, num: Num, low: Num, high: Num) {
        let clock = self.clock();
        // A bare number is of the unit that it bounds.
        let bound =
            |x: Num| number::canonical(Num { dim: if x.dim == Dim::None { num.dim } else { x.dim }, ..x }, clock);
        self.ranges.insert(num.key, (bound(low).value as f32, bound(high).value as f32));
    }
}

/// `knob(default, range)`: a number, named where it is bound, or after its place.
pub(super) fn knob<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(default) = e.want(call, "default") else { return Value::Broken };
    let range = call.take("range").map(|item| e.item(item, call.scope));
    let Value::Num(num) = default.value else {
        e.error("type", default.span, "a knob wants a number to start from").help =
            Some("write `knob(0.5, 0..1)`".into());
        return Value::Broken;
    };
    match range.map(|r| (r.value, r.span)) {
        None => Value::Num(num),
        Some((Value::Range(low, high), span)) => {
            if num.value < low.value || num.value > high.value {
                e.warn("range", span, "the knob starts outside its range").help =
                    Some("let the first number lie within the second".into());
            }
            e.note_range(num, low, high);
            Value::Num(num)
        }
        Some((Value::Broken, _)) => Value::Broken,
        Some((_, span)) => {
            e.error("type", span, "the range of a knob goes from number to number").help =
                Some("write `knob(0.5, 0..1)`".into());
            Value::Broken
        }
    }
}

pub(super) fn fields<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let fields = call.named();
    let Some(main) = e.want(call, "x") else { return Value::Broken };
    let (frame, origin) = (e.here(), e.at);
    Value::Record(Arc::new(Record { main: main.value, fields, scope: call.scope, frame, origin }))
}

/// Both ends of a range.
fn range<'a>(e: &mut Elab<'a>, call: &mut Call<'a>, name: &str) -> Option<(Num, Num)> {
    let arg = e.want(call, name)?;
    let Value::Range(low, high) = arg.value else {
        e.error("type", arg.span, format!("`map` wants a range for `{name}`")).help =
            Some("write `map(x, 0..1, 200hz..4khz)`".into());
        return None;
    };
    let clock = e.clock();
    let (low, high) = (number::canonical(low, clock), number::canonical(high, clock));
    if low.dim == high.dim {
        return Some((low, high));
    }
    e.error("unit", arg.span, "both ends of a range want the same unit").help =
        Some("write `200hz..4khz`, not `200..4khz`".into());
    None
}

pub(super) fn map<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let (Some(from), Some(to)) = (range(e, call, "from"), range(e, call, "to")) else { return Value::Broken };
    let curve = call.take("curve").map(|item| {
        (
            item.span(),
            matches!(&item, Item::Expr(expr) if is_word(expr, "exp")),
            matches!(&item, Item::Expr(expr) if is_word(expr, "lin")),
        )
    });
    let exponential = match curve {
        Some((span, false, false)) => {
            e.error("type", span, "the curve of `map` is `lin` or `exp`").help =
                Some("write `map(x, 0..1, 200hz..4khz, exp)`".into());
            return Value::Broken;
        }
        Some((_, exponential, _)) => exponential,
        None => false,
    };
    let Some(x) = e.signal(x.value, x.span) else { return Value::Broken };
    if exponential && (to.0.value <= 0.0 || to.1.value <= 0.0) {
        e.error("range", call.span, "even ratios want both ends above zero").help =
            Some("leave `exp` out, or start from a small number".into());
        return Value::Broken;
    }
    let (from, to) = ((e.lower(from.0), e.lower(from.1)), (e.lower(to.0), e.lower(to.1)));
    let dim = to.0.dim;
    let (way, width) = (e.named_op("sub", &[x, from.0]), e.named_op("sub", &[from.1, from.0]));
    let t = e.named_op("div", &[way, width]);
    if !exponential {
        let rise = e.named_op("sub", &[to.1, to.0]);
        let part = e.named_op("mul", &[t, rise]);
        return Value::Sig(Sig { dim, ..e.named_op("add", &[to.0, part]) });
    }
    let ratio = e.named_op("div", &[to.1, to.0]);
    match e.library_call(Some("math"), "pow", &[Value::Sig(ratio), Value::Sig(t)], call.span) {
        Value::Sig(power) => Value::Sig(Sig { dim, ..e.named_op("mul", &[to.0, power]) }),
        _ => Value::Broken,
    }
}

/// True for an expression that is nothing but a word.
fn is_word(expr: &Expr, word: &str) -> bool {
    matches!(&expr.kind, ExprKind::Name(name) if name == word)
}

/// Evaluates `k => ..` for every k; the copies are bodies of their own. Numbers stay numbers, so that they may shape the graph.
fn copies<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<Vec<Value<'a>>> {
    let n = e.count(call, "n", 1024)?;
    let f = e.want(call, "f")?;
    let mut out = Vec::with_capacity(n as usize);
    for k in 0..n {
        let k = e.arg(Value::Num(Num::constant(f64::from(k))), f.span);
        let value = e.call(f.value.clone(), vec![k], f.span, 0);
        out.push(if let Value::Num(_) = value { value } else { Value::Sig(e.signal(value, f.span)?) });
    }
    Some(out)
}

pub(super) fn par<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    match copies(e, call) {
        Some(values) => Value::Array(Arc::new(values)),
        None => Value::Broken,
    }
}

pub(super) fn sum<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let span = call.span;
    let Some(values) = copies(e, call) else { return Value::Broken };
    if values.iter().all(|value| matches!(value, Value::Num(_))) {
        let add = |e: &mut Elab<'a>, sum, x| e.binary(BinaryOp::Add, (sum, span), (x, span), span);
        return values.into_iter().reduce(|sum, x| add(e, sum, x)).unwrap_or(Value::Broken);
    }
    let sigs: Option<Vec<Sig>> = values.into_iter().map(|value| e.signal(value, span)).collect();
    let Some(mut sigs) = sigs else { return Value::Broken };
    // In the order of a sum over lanes, which these may become.
    Value::Sig(fold_lanes(&mut sigs, |a, b| e.named_op("add", &[a, b])))
}

pub(super) fn chain<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    // The signal may be piped in, and then stands first.
    let piped = call.piped();
    let first = if piped { e.want(call, "x") } else { None };
    let Some(n) = e.count(call, "n", 1024) else { return Value::Broken };
    let Some(x) = first.or_else(|| e.want(call, "x")) else { return Value::Broken };
    let Some(f) = e.want(call, "f") else { return Value::Broken };
    let mut value = x.value;
    for k in 0..n {
        let k = e.arg(Value::Num(Num::constant(f64::from(k))), f.span);
        let input = e.arg(value, f.span);
        value = e.call(f.value.clone(), vec![input, k], f.span, 0);
    }
    value
}

pub(super) fn frame<'a>(e: &mut Elab<'a>, _: &mut Call<'a>) -> Value<'a> {
    let node = e.graph.push(Node::Frame);
    Value::Sig(Sig { node, shape: Shape::MONO, dim: Dim::None })
}

pub(super) fn line<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    let node = e.graph.push(Node::Line(sig.node));
    Value::Sig(Sig { node, ..sig })
}

pub(super) fn seed<'a>(e: &mut Elab<'a>, _: &mut Call<'a>) -> Value<'a> {
    // The path of names and not a counter, so that an edit elsewhere changes no noise.
    let (frame, voices) = (e.frame, e.voices());
    let place = e.place_hash(frame);
    let node = e.graph.push(Node::Const(Ty::I32, e.seeds_of(place, voices)));
    e.seeds.push((node, place));
    if let Some(noting) = &mut e.noting {
        noting.seeds.push((node, frame));
    }
    Value::Sig(Sig { node, shape: Shape { channels: 1, banked: voices > 1 }, dim: Dim::None })
}

pub(super) fn ring<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(longest) = e.want(call, "longest") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    let ring = e.open_ring(sig.shape, &longest.value);
    e.graph.rings[ring.index()].input = Some(sig.node);
    Value::Ring(ring, sig.shape)
}

pub(super) fn some<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(n) = e.want(call, "n") else { return Value::Broken };
    let (Some(wrong), Some(mend)) = (e.want(call, "wrong"), e.want(call, "mend")) else { return Value::Broken };
    match (n.value, wrong.value, mend.value) {
        (Value::Num(num), Value::Text(wrong), Value::Text(mend)) if num.value <= 0.0 => {
            e.error("type", call.span, &*wrong).help = Some(mend.to_string());
            Value::Broken
        }
        (value, ..) => value,
    }
}

pub(super) fn tap<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(ring) = e.want(call, "ring") else { return Value::Broken };
    let Some(delay) = e.want(call, "samples") else { return Value::Broken };
    let Value::Ring(id, shape) = ring.value else {
        e.error("type", ring.span, "`prim.tap` reads a delay line").help =
            Some("make one with `prim.ring(x, longest)`".into());
        return Value::Broken;
    };
    let Some(delay) = e.signal(delay.value, delay.span) else { return Value::Broken };
    e.tap(id, shape, delay)
}

impl<'a> Elab<'a> {
    /// A ring whose input is still open.
    pub(super) fn open_ring(&mut self, shape: Shape, longest: &Value<'a>) -> RingId {
        let samples = (self.longest(longest) * self.sample_rate).ceil().clamp(1.0, 48_000.0 * 60.0 * 4.0);
        let (frame, lanes) = (self.here(), shape.lanes(self.voices()));
        self.graph.ring(frame, "ring", lanes, samples as u32)
    }

    /// Reads a ring; a delay of more lanes than the ring has widens the ring.
    fn tap(&mut self, id: RingId, shape: Shape, delay: Sig) -> Value<'a> {
        let wide = shape.join(delay.shape);
        let lanes = wide.lanes(self.voices());
        if lanes != self.graph.rings[id.index()].lanes {
            // An input that is still open is spread when it is known.
            let input = self.graph.rings[id.index()].input;
            let input = input.map(|node| self.spread(Sig { node, shape, dim: Dim::None }, wide));
            let ring = &mut self.graph.rings[id.index()];
            (ring.input, ring.lanes) = (input, lanes);
        }
        let delay = if delay.shape.lanes(self.voices()) == 1 { delay.node } else { self.spread(delay, wide) };
        let node = self.graph.push(Node::Tap(id, delay));
        Value::Sig(Sig { node, shape: wide, dim: Dim::None })
    }

    /// Room for a delay in seconds, from what is known of it at compile time. A user's literal gets room to be turned up
    /// without compiling; a constant of the library is what it is; a signal may be anything up to a second.
    fn longest(&self, value: &Value<'a>) -> f64 {
        match value {
            Value::Num(num) => {
                let seconds = crate::front::number::canonical(*num, self.clock()).value;
                if num.key == 0 { seconds } else { (2.0 * seconds).max(1.0) }
            }
            Value::Array(items) => items.iter().map(|item| self.longest(item)).fold(0.0, f64::max),
            Value::Sig(sig) => self.constant_bound(sig.node).unwrap_or(1.0),
            _ => 1.0,
        }
    }

    /// The largest lane of a constant, looking through joins of constants.
    fn constant_bound(&self, node: NodeId) -> Option<f64> {
        match self.graph.node(node) {
            Node::Const(Ty::F32, bits) => Some(bits.iter().map(|b| f64::from(f32::from_bits(*b))).fold(0.0, f64::max)),
            Node::Join(parts) => {
                parts.iter().map(|x| self.constant_bound(*x)).try_fold(0.0, |a: f64, b| Some(a.max(b?)))
            }
            Node::Shuffle(x, _) => self.constant_bound(*x),
            _ => None,
        }
    }

    /// The numbers of an array, or the lanes of a constant, as they stand in the text.
    pub(super) fn constants(&self, value: &Value<'a>) -> Option<Vec<f64>> {
        match value {
            Value::Num(num) => Some(vec![num.value]),
            Value::Array(items) => {
                items.iter().map(|item| self.constants(item)).try_fold(Vec::new(), |all, x| Some([all, x?].concat()))
            }
            Value::Sig(sig) => self.lanes_of(sig.node),
            _ => None,
        }
    }

    fn lanes_of(&self, node: NodeId) -> Option<Vec<f64>> {
        match self.graph.node(node) {
            Node::Const(Ty::F32, bits) => Some(bits.iter().map(|b| f64::from(f32::from_bits(*b))).collect()),
            Node::Param(p) => Some(vec![f64::from(self.graph.params[p.index()].value)]),
            Node::Join(parts) => {
                parts.iter().map(|x| self.lanes_of(*x)).try_fold(Vec::new(), |all, x| Some([all, x?].concat()))
            }
            _ => None,
        }
    }

    /// Where the chance of a place starts, for each voice. A part that has such constants is seeded anew without being elaborated.
    pub(super) fn seeds_of(&self, place: u64, voices: u32) -> Vec<u32> {
        let chance = place ^ self.settings.seed;
        (0..voices).map(|v| mix(chance, u64::from(v)) as u32).collect()
    }

    /// The same for all lanes of a kernel that stands here.
    pub(super) fn place_seed(&self) -> u32 {
        mix(self.place_hash(self.frame) ^ self.seed(), 0) as u32
    }

    /// Hash of a place in the tree of names, with the number of equal calls before it.
    pub(super) fn place_hash(&self, frame: FrameId) -> u64 {
        let mut hash = 0x5EED;
        let mut at = Some(frame);
        while let Some(id) = at {
            let frame = &self.graph.frames[id.index()];
            // What stands at the root is one of its kind; other places come after the one that holds them.
            let before = match frame.parent {
                Some(FrameId(0)) | None => &[],
                Some(parent) => &self.graph.frames[parent.index() + 1..id.index()],
            };
            let twins = before.iter().filter(|f| f.parent == frame.parent && f.label == frame.label).count();
            hash = mix(hash, mix(hash_text(&frame.label), twins as u64));
            at = frame.parent;
        }
        hash
    }
}
