//! What the builtins on signals do: channels, copies, knobs, sends, and the memory that the library builds on.

use crate::front::builtins::Call;
use crate::front::call::Want;
use crate::front::elab::Elab;
use crate::front::value::*;
use crate::graph::*;
use modurust_lang::units::Dim;
use std::rc::Rc;

pub(super) fn mix_all<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    Value::Sig(e.mix_channels(sig))
}

pub(super) fn channels<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    Value::Num(Num::constant(f64::from(sig.shape.channels)))
}

pub(super) fn index<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    let bits = (0..sig.shape.channels).map(|c| (c as f32).to_bits()).collect();
    let node = e.graph.push(Node::Const(Ty::F32, bits));
    Value::Sig(Sig { node, shape: Shape { channels: sig.shape.channels, banked: false }, dim: Dim::None })
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

/// Evaluates `k => ..` for every k; the copies are bodies of their own.
fn copies<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<Vec<Sig>> {
    let n = e.count(call, "n", 1024)?;
    let f = e.want(call, "f")?;
    let mut out = Vec::with_capacity(n as usize);
    for k in 0..n {
        let k = e.arg(Value::Num(Num::constant(f64::from(k))), f.span);
        let value = e.call(f.value.clone(), vec![k], f.span, 0);
        out.push(e.signal(value, f.span)?);
    }
    Some(out)
}

pub(super) fn par<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    match copies(e, call) {
        Some(sigs) => Value::Array(Rc::new(sigs.into_iter().map(Value::Sig).collect())),
        None => Value::Broken,
    }
}

pub(super) fn sum<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(mut sigs) = copies(e, call) else { return Value::Broken };
    if sigs.is_empty() {
        return Value::Broken;
    }
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

pub(super) fn send<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(bus) = e.want(call, "bus") else { return Value::Broken };
    let gain = match call.take("gain") {
        Some(item) => {
            let arg = e.item(item, call.scope);
            e.coerce(arg, Want::Linear, "send", "gain")
        }
        None => Value::Num(Num::constant(1.0)),
    };
    let Value::Bus(bus_index) = bus.value else {
        e.error("type", bus.span, "a signal is sent to a bus").help =
            Some("define one: `bus verb = in >> reverb(3s)`".into());
        return Value::Broken;
    };
    if e.bank.is_some() {
        e.error("type", call.span, "a voice cannot send; its track can").help =
            Some("write `>> poly(8, voice) >> send(verb, -9db)`".into());
        return Value::Broken;
    }
    let (Some(sig), Some(gain)) = (e.signal(x.value, x.span), e.signal(gain, call.span)) else { return Value::Broken };
    let sent = e.named_op("mul", &[sig, gain]);
    let Some(node) = e.stereo(sent, call.span) else { return Value::Broken };
    e.buses[bus_index].sends.push(node);
    Value::Sig(sig)
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
    let place = e.place_hash() ^ e.seed;
    let voices = e.bank.unwrap_or(1);
    let bits = (0..voices).map(|v| mix(place, u64::from(v)) as u32).collect();
    let node = e.graph.push(Node::Const(Ty::I32, bits));
    Value::Sig(Sig { node, shape: Shape { channels: 1, banked: voices > 1 }, dim: Dim::None })
}

pub(super) fn ring<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(x) = e.want(call, "x") else { return Value::Broken };
    let Some(longest) = e.want(call, "longest") else { return Value::Broken };
    let Some(sig) = e.signal(x.value, x.span) else { return Value::Broken };
    let seconds = e.longest(&longest.value);
    let samples = (seconds * e.sample_rate).ceil().clamp(1.0, 48_000.0 * 60.0 * 4.0);
    let (frame, lanes) = (e.here(), sig.shape.lanes(e.voices()));
    let ring = e.graph.ring(frame, "ring", lanes, samples as u32);
    e.graph.rings[ring.index()].input = Some(sig.node);
    Value::Ring(ring, sig.shape)
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
    /// Reads a ring; a delay of more lanes than the ring has widens the ring.
    fn tap(&mut self, id: RingId, shape: Shape, delay: Sig) -> Value<'a> {
        let wide = shape.join(delay.shape);
        if wide.lanes(self.voices()) != self.graph.rings[id.index()].lanes
            && let Some(input) = self.graph.rings[id.index()].input
        {
            let lanes = wide.lanes(self.voices());
            let input = self.spread(Sig { node: input, shape, dim: Dim::None }, wide);
            let ring = &mut self.graph.rings[id.index()];
            (ring.input, ring.lanes) = (Some(input), lanes);
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

    /// Hash of the place in the tree of names, with the number of equal calls before it.
    fn place_hash(&self) -> u64 {
        let mut hash = 0x5EED;
        let mut at = Some(self.frame);
        while let Some(id) = at {
            let frame = &self.graph.frames[id.index()];
            let twins = self.graph.frames[..id.index()]
                .iter()
                .filter(|f| f.parent == frame.parent && f.label == frame.label)
                .count();
            hash = mix(hash, mix(hash_text(&frame.label), twins as u64));
            at = frame.parent;
        }
        hash
    }
}
