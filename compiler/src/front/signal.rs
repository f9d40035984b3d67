//! Values as signals: lowering numbers, spreading lanes, arithmetic with dimensions.

use crate::front::elab::Elab;
use crate::front::number;
use crate::front::scope::ScopeId;
use crate::front::settings::Setting;
use crate::front::value::*;
use crate::graph::ops::Op;
use crate::graph::*;
use crate::passes::fold;
use modurust_lang::ast::{BinaryOp, Expr};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;
use smallvec::SmallVec;
use std::sync::Arc;

impl<'a> Elab<'a> {
    /// A value as a signal; an error is reported if it cannot be one.
    pub(super) fn signal(&mut self, value: Value<'a>, span: Span) -> Option<Sig> {
        match value {
            Value::Num(num) => Some(self.lower(num)),
            Value::Sig(sig) => Some(sig),
            Value::Array(items) => self.join(&items, span),
            Value::Pat(_) | Value::Line { .. } => {
                let pattern = self.pattern(value, span)?;
                Some(self.hold(pattern, false))
            }
            Value::Fn(ref f) if f.params.is_empty() || self.callable_bare(f) => {
                let result = self.call(value, Vec::new(), span, 0);
                self.signal(result, span)
            }
            Value::Builtin(_) => {
                let result = self.call(value, Vec::new(), span, 0);
                self.signal(result, span)
            }
            Value::Record(record) => self.signal(record.main.clone(), span),
            Value::Broken => None,
            Value::Slot(_) => {
                self.later("samples", span);
                Some(self.lower(Num::constant(0.0)))
            }
            other => {
                let article = other.article();
                let help = match &other {
                    Value::Fn(f) => {
                        let names = (0..f.params.len()).map(|i| f.params.name(i)).collect::<Vec<_>>().join(", ");
                        format!("call it: `{}({names})`", f.name)
                    }
                    Value::Spec(..) => "go back to sound: add `>> ifft`".to_string(),
                    Value::Device(_) => "name one of its controls, as in `hid('pad').lx`".to_string(),
                    Value::Text(text) if text.contains('.') => format!("play the file: `play('{text}')`"),
                    Value::Bus(_) => "send to a bus with `>> send(name, -9db)`".to_string(),
                    _ => "give a number, a signal or a pattern".to_string(),
                };
                self.error("type", span, format!("this wants a signal, got {article}")).help = Some(help);
                None
            }
        }
    }

    /// True for a function all of whose parameters have defaults: `noise` means `noise()`.
    pub(super) fn callable_bare(&self, f: &crate::front::scope::Closure<'a>) -> bool {
        (0..f.params.len()).all(|i| f.params.full(i).is_some_and(|p| p.default.is_some()))
    }

    /// A number as a node: a constant, or a parameter if the user wrote it.
    pub(super) fn lower(&mut self, num: Num) -> Sig {
        let num = number::canonical(num, self.clock());
        let node = match num.live {
            Some(node) => node,
            None if num.key == 0 => self.graph.constant(num.value as f32),
            None => self.param(num),
        };
        Sig { node, shape: Shape::MONO, dim: num.dim }
    }

    /// The channels of several values, one after another.
    fn join(&mut self, items: &Arc<Vec<Value<'a>>>, span: Span) -> Option<Sig> {
        let mut parts = Vec::with_capacity(items.len());
        for item in items.iter() {
            // Intervals stay intervals: they are added to a frequency later.
            parts.push(self.signal(item.clone(), span)?);
        }
        let Some(first) = parts.first().copied() else {
            self.error("type", span, "an empty array is not a signal").help = Some("put a signal into it".into());
            return None;
        };
        if parts.len() == 1 {
            return Some(first);
        }
        let banked = parts.iter().any(|p| p.shape.banked);
        let channels = parts.iter().map(|p| p.shape.channels).sum();
        let nodes = parts.iter().map(|p| self.spread(*p, Shape { banked, ..p.shape })).collect();
        let node = self.graph.push(Node::Join(nodes));
        Some(Sig { node, shape: Shape { channels, banked }, dim: first.dim })
    }

    /// The node with the lanes of a wider shape. Channels wrap, voices repeat; one lane needs nothing.
    pub(super) fn spread(&mut self, sig: Sig, shape: Shape) -> NodeId {
        let voices = self.voices();
        let (have, want) = (sig.shape.lanes(voices), shape.lanes(voices));
        if have == want {
            return sig.node;
        }
        let own = if sig.shape.banked { voices } else { 1 };
        let map = (0..shape.channels)
            .flat_map(|c| {
                (0..want / shape.channels).map(move |v| (c % sig.shape.channels) * own + if own > 1 { v } else { 0 })
            })
            .collect();
        self.graph.push(Node::Shuffle(sig.node, map))
    }

    /// The type of a node's lanes.
    pub(super) fn ty(&self, node: NodeId) -> Ty {
        match self.graph.node(node) {
            Node::Const(ty, _) => *ty,
            Node::Frame => Ty::I32,
            Node::Op(op, _) => op.info().result,
            Node::Read(cell) => self.graph.cells[cell.index()].ty,
            Node::Shuffle(x, _) => self.ty(*x),
            Node::Join(parts) => parts.first().map_or(Ty::F32, |x| self.ty(*x)),
            _ => Ty::F32,
        }
    }

    /// Applies an operation lane by lane. The dimension is the caller's business.
    pub(super) fn apply(&mut self, op: Op, args: &[Sig]) -> Sig {
        let shape = args.iter().fold(Shape::MONO, |shape, arg| shape.join(arg.shape));
        if let Some(node) = self.fold(op, args) {
            return Sig { node: self.graph.push(node), shape, dim: Dim::None };
        }
        let nodes = args
            .iter()
            .map(|arg| if arg.shape.lanes(self.voices()) == 1 { arg.node } else { self.spread(*arg, shape) })
            .collect();
        let node = self.graph.push(Node::Op(op, nodes));
        Sig { node, shape, dim: Dim::None }
    }

    /// An operation on constants is done at once: the library computes a good deal from its own numbers.
    fn fold(&self, op: Op, args: &[Sig]) -> Option<Node> {
        let mut lanes = 1;
        let mut words: SmallVec<[(Ty, &[u32]); 4]> = SmallVec::new();
        for arg in args {
            let Node::Const(ty, bits) = self.graph.node(arg.node) else { return None };
            // Channels that wrap are left to the general way.
            if bits.len() > 1 && lanes > 1 && bits.len() != lanes {
                return None;
            }
            lanes = lanes.max(bits.len());
            words.push((*ty, bits));
        }
        // What folds from a seed is another number elsewhere, and by another seed.
        if !self.seeds.is_empty() && args.iter().any(|arg| self.seeds.iter().any(|(seed, _)| *seed == arg.node)) {
            self.asked.note(Setting::Seed);
            self.noting.iter().for_each(|noting| noting.unfit.set(true));
        }
        Some(Node::Const(op.info().result, fold::op(op, &words)))
    }

    /// Applies an operation by name to values.
    pub(super) fn op_on(&mut self, op: Option<Op>, args: &[(Value<'a>, Span)]) -> Value<'a> {
        let Some(op) = op else { return Value::Broken };
        let mut sigs = Vec::with_capacity(args.len());
        for (value, span) in args {
            match self.signal(value.clone(), *span) {
                Some(sig) => sigs.push(sig),
                None => return Value::Broken,
            }
        }
        Value::Sig(self.apply(op, &sigs))
    }

    pub(super) fn named_op(&mut self, name: &str, args: &[Sig]) -> Sig {
        match Op::named(name) {
            Some(op) => self.apply(op, args),
            None => args[0],
        }
    }

    /// `-x`
    pub(super) fn negate(&mut self, value: Value<'a>, span: Span) -> Value<'a> {
        match value {
            Value::Num(num) => {
                let live = num.live.map(|node| match num.dim {
                    Dim::Gain => self.reciprocal(node),
                    _ => self.named_op("neg", &[Sig { node, shape: Shape::MONO, dim: num.dim }]).node,
                });
                Value::Num(Num { live, ..num.derive(-num.value, num.dim, 0x21) })
            }
            Value::Array(items) => {
                Value::Array(Arc::new(items.iter().map(|item| self.negate(item.clone(), span)).collect()))
            }
            Value::Pat(_) => {
                let zero = Value::Num(Num::constant(0.0));
                self.binary(BinaryOp::Sub, (zero, span), (value, span), span)
            }
            value => match self.signal(value, span) {
                Some(sig) => Value::Sig(Sig { dim: sig.dim, ..self.named_op("neg", &[sig]) }),
                None => Value::Broken,
            },
        }
    }

    /// `a op b`
    pub(super) fn binary(&mut self, op: BinaryOp, l: (Value<'a>, Span), r: (Value<'a>, Span), span: Span) -> Value<'a> {
        match (&l.0, &r.0) {
            (Value::Broken, _) | (_, Value::Broken) => Value::Broken,
            (Value::Num(a), Value::Num(b)) => {
                if op == BinaryOp::Range {
                    return Value::Range(*a, *b);
                }
                match number::binary(op, *a, *b, self.clock()) {
                    Ok(num) => {
                        let live = self.live_binary(op, *a, *b, span);
                        Value::Num(Num { live, ..num })
                    }
                    Err(message) => {
                        self.error("type", span, message).help = Some("give both the same unit".into());
                        Value::Broken
                    }
                }
            }
            (Value::Text(a), Value::Text(b)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne) => {
                Value::Num(Num::constant(f64::from(u8::from((a == b) == (op == BinaryOp::Eq)))))
            }
            (Value::Array(a), Value::Array(b))
                if all_numbers(a) && all_numbers(b) && !a.is_empty() && !b.is_empty() =>
            {
                let n = a.len().max(b.len());
                let items =
                    (0..n).map(|i| self.binary(op, (a[i % a.len()].clone(), l.1), (b[i % b.len()].clone(), r.1), span));
                Value::Array(Arc::new(items.collect()))
            }
            (Value::Array(a), Value::Num(_)) if all_numbers(a) => {
                Value::Array(Arc::new(a.iter().map(|x| self.binary(op, (x.clone(), l.1), r.clone(), span)).collect()))
            }
            (Value::Num(_), Value::Array(b)) if all_numbers(b) => {
                Value::Array(Arc::new(b.iter().map(|x| self.binary(op, l.clone(), (x.clone(), r.1), span)).collect()))
            }
            (Value::Pat(_), Value::Pat(_) | Value::Num(_)) | (Value::Num(_), Value::Pat(_)) => {
                self.pattern_binary(op, l, r, span)
            }
            _ => {
                let (Some(a), Some(b)) = (self.signal(l.0, l.1), self.signal(r.0, r.1)) else { return Value::Broken };
                self.binary_signals(op, a, b, span)
            }
        }
    }

    /// `1 / x`
    pub(super) fn reciprocal(&mut self, node: NodeId) -> NodeId {
        let one = self.lower(Num::constant(1.0));
        self.named_op("div", &[one, Sig { node, shape: Shape::MONO, dim: Dim::None }]).node
    }

    /// The node of `a op b` where one of them is moved by its name. Levels in dB are factors here, and notes frequencies.
    fn live_binary(&mut self, op: BinaryOp, a: Num, b: Num, span: Span) -> Option<NodeId> {
        if a.live.is_none() && b.live.is_none() {
            return None;
        }
        let op = match (op, a.dim, b.dim) {
            (BinaryOp::Add, Dim::Gain, Dim::Gain) => BinaryOp::Mul,
            (BinaryOp::Sub, Dim::Gain, Dim::Gain) => BinaryOp::Div,
            // The distance of two notes is no longer in hertz.
            (BinaryOp::Sub, Dim::Pitch, Dim::Pitch) => return None,
            (op, ..) => op,
        };
        let (mut x, mut y) = (self.lower(a), self.lower(b));
        match (a.dim, b.dim) {
            (Dim::Pitch, Dim::None) => y.dim = Dim::Interval,
            (Dim::None, Dim::Pitch) => x.dim = Dim::Interval,
            _ => {}
        }
        match self.binary_signals(op, x, y, span) {
            Value::Sig(sig) => Some(sig.node),
            _ => None,
        }
    }

    fn binary_signals(&mut self, op: BinaryOp, a: Sig, b: Sig, span: Span) -> Value<'a> {
        use BinaryOp::*;
        let (name, dim) = match op {
            Add | Sub => return self.sum_signals(op, a, b, span),
            Mul => ("mul", number::product(a.dim, b.dim)),
            Div => ("div", number::quotient(a.dim, b.dim)),
            Pow => {
                let args = [Value::Sig(Sig { dim: Dim::None, ..a }), Value::Sig(Sig { dim: Dim::None, ..b })];
                return self.library_call(Some("math"), "pow", &args, span);
            }
            Lt => ("lt", Dim::None),
            Le => ("le", Dim::None),
            Gt => ("gt", Dim::None),
            Ge => ("ge", Dim::None),
            Eq => ("eq", Dim::None),
            Ne => ("ne", Dim::None),
            And => ("and", Dim::None),
            Or => ("or", Dim::None),
            Range => {
                self.error("type", span, "a range goes from number to number").help = Some("write `20hz..2khz`".into());
                return Value::Broken;
            }
        };
        Value::Sig(Sig { dim, ..self.named_op(name, &[a, b]) })
    }

    fn sum_signals(&mut self, op: BinaryOp, a: Sig, b: Sig, span: Span) -> Value<'a> {
        let name = if op == BinaryOp::Add { "add" } else { "sub" };
        match (a.dim, b.dim) {
            (Dim::Frequency, Dim::Interval) | (Dim::Interval, Dim::Frequency) => {
                let (freq, interval) = if a.dim == Dim::Frequency { (a, b) } else { (b, a) };
                let scale = self.graph.constant(if op == BinaryOp::Add { 1.0 / 12.0 } else { -1.0 / 12.0 });
                let scale = Sig { node: scale, shape: Shape::MONO, dim: Dim::None };
                let octaves = self.named_op("mul", &[Sig { dim: Dim::None, ..interval }, scale]);
                let ratio = self.library_call(Some("math"), "exp2", &[Value::Sig(octaves)], span);
                match ratio {
                    Value::Sig(ratio) => {
                        Value::Sig(Sig { dim: Dim::Frequency, ..self.named_op("mul", &[freq, ratio]) })
                    }
                    _ => Value::Broken,
                }
            }
            (x, y) if x == y || x == Dim::None || y == Dim::None => {
                let dim = if x == Dim::None { y } else { x };
                Value::Sig(Sig { dim, ..self.named_op(name, &[a, b]) })
            }
            (x, y) => {
                self.error("type", span, number::mismatch(op, x, y)).help = Some("give both the same unit".into());
                Value::Broken
            }
        }
    }

    /// `if c then a else b`: a choice at compile time where the condition is a number, else sample by sample.
    pub(super) fn eval_if(&mut self, scope: ScopeId, cond: &'a Expr, then: &'a Expr, other: &'a Expr) -> Value<'a> {
        match self.eval(scope, cond) {
            Value::Broken => Value::Broken,
            Value::Num(num) if num.live.is_none() => self.eval(scope, if num.value != 0.0 { then } else { other }),
            cond_value => {
                let (a, b) = (self.eval(scope, then), self.eval(scope, other));
                let Some(c) = self.signal(cond_value, cond.span) else { return Value::Broken };
                let (Some(a), Some(b)) = (self.signal(a, then.span), self.signal(b, other.span)) else {
                    return Value::Broken;
                };
                let dim = if a.dim == Dim::None { b.dim } else { a.dim };
                Value::Sig(Sig { dim, ..self.named_op("select", &[c, a, b]) })
            }
        }
    }

    /// `x[i]`: an element of an array, a channel of a signal.
    pub(super) fn eval_index(&mut self, scope: ScopeId, base: &'a Expr, index: &'a Expr, span: Span) -> Value<'a> {
        let base_value = self.eval(scope, base);
        let index_value = self.eval(scope, index);
        let Value::Num(i) = index_value else {
            if !matches!(index_value, Value::Broken) {
                self.error("type", index.span, "a channel is chosen by a plain number").help =
                    Some("write `x[0]`".into());
            }
            return Value::Broken;
        };
        if let Value::Array(items) = &base_value {
            // As with channels: beyond the end it wraps.
            return match items.len() {
                0 => Value::Broken,
                n => items[(i.value.max(0.0) as usize) % n].clone(),
            };
        }
        let Some(sig) = self.signal(base_value, base.span) else { return Value::Broken };
        if i.value < 0.0 || i.value.fract() != 0.0 {
            self.error("type", index.span, "channels count from 0 in whole numbers").help = Some("write `x[0]`".into());
            return Value::Broken;
        }
        let _ = span;
        Value::Sig(self.channel(sig, i.value as u32))
    }

    /// One channel of a signal; counting wraps.
    pub(super) fn channel(&mut self, sig: Sig, channel: u32) -> Sig {
        if sig.shape.channels == 1 {
            return sig;
        }
        let voices = if sig.shape.banked { self.voices() } else { 1 };
        let channel = channel % sig.shape.channels;
        let map = (0..voices).map(|v| channel * voices + v).collect();
        let node = self.graph.push(Node::Shuffle(sig.node, map));
        Sig { node, shape: Shape { channels: 1, banked: sig.shape.banked }, dim: sig.dim }
    }

    /// The sum of all channels.
    pub(super) fn mix_channels(&mut self, sig: Sig) -> Sig {
        if sig.shape.channels == 1 {
            return sig;
        }
        let (n, voices) = (sig.shape.channels, if sig.shape.banked { self.voices() } else { 1 });
        let node = if voices == 1 {
            sig.node
        } else {
            // Reduce sums neighbours: bring the channels of each voice together.
            let map = (0..voices).flat_map(|v| (0..n).map(move |c| c * voices + v)).collect();
            self.graph.push(Node::Shuffle(sig.node, map))
        };
        let node = self.graph.push(Node::Reduce(node, voices));
        Sig { node, shape: Shape { channels: 1, banked: sig.shape.banked }, dim: sig.dim }
    }

    /// The sum over the voices of the bank.
    pub(super) fn mix_voices(&mut self, sig: Sig, voices: u32) -> Sig {
        let shape = Shape { channels: sig.shape.channels, banked: false };
        if !sig.shape.banked || voices == 1 {
            return Sig { shape, ..sig };
        }
        let node = self.graph.push(Node::Reduce(sig.node, sig.shape.channels));
        Sig { node, shape, dim: sig.dim }
    }

    /// The same signal, but +0 wherever it is below 400 dB: tails end, also where rounding holds a filter at some last tiny value, and no
    /// sign of zero tells of what still moves inside. What is not a number stays so, to be found. With that, a track that is silent
    /// can be left out ([`crate::graph::idle`]).
    pub(super) fn ended(&mut self, node: NodeId) -> NodeId {
        let (floor, zero) = (self.graph.constant(1e-20), self.graph.constant(0.0));
        let size = self.graph.op(Op::Abs, &[node]);
        let over = self.graph.op(Op::Le, &[size, floor]);
        let heard = self.graph.op(Op::Not, &[over]);
        self.graph.op(Op::Select, &[heard, node, zero])
    }

    /// Two channels: one is heard on both sides, more than two are spread from left to right.
    pub(super) fn stereo(&mut self, sig: Sig, span: Span) -> Option<NodeId> {
        match sig.shape.channels {
            1 => Some(self.graph.push(Node::Shuffle(sig.node, vec![0, 0]))),
            2 => Some(sig.node),
            _ => match self.library_call(None, "spread", &[Value::Sig(sig)], span) {
                Value::Sig(sig) if sig.shape.channels == 2 => Some(sig.node),
                _ => None,
            },
        }
    }
}

fn all_numbers(items: &[Value<'_>]) -> bool {
    items.iter().all(|item| matches!(item, Value::Num(_)))
}
