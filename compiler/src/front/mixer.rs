//! The mixer as language: faders of strips, sends before and behind them, groups, and who feeds whom.
//!
//! A strip is a track or a bus. Its level, balance and mute are parameters with names (`bass.level`), which hands, lanes, automations
//! and patterns move. What a strip sends follows its fader, as on a desk: `>> send(room, -9db)` grows quieter with the strip, and is
//! silent when the strip is muted; with `pre: on` level and balance do not count, mute still does. `>> to(drums)` leads a strip to a
//! bus and nowhere else, behind its fader as well, which makes a group of the bus.
//!
//! ```text
//! track kick = "bd*4" >> kit('tr909') >> to(drums)      kick.level * .. -> drums -> drums.level * .. -> master
//! ```

use crate::front::builtins::Call;
use crate::front::call::{ArgVal, Want};
use crate::front::elab::Elab;
use crate::front::outside::take;
use crate::front::scope::Origin;
use crate::front::timeline::Control;
use crate::front::value::*;
use crate::graph::{Node, NodeId, Ty};
use modurust_lang::units::Dim;

/// What the fader of a strip does to sound.
#[derive(Clone, Copy)]
pub struct Gain {
    /// Level, balance and mute, for two channels.
    all: Sig,
    /// 1, or 0 while muted.
    open: Sig,
}

const STEREO: Shape = Shape { channels: 2, banked: false };

impl<'a> Elab<'a> {
    /// A strip behind its fader.
    pub(super) fn fader(&mut self, name: &str, node: NodeId) -> NodeId {
        let gain = self.gain(name);
        self.named_op("mul", &[Sig { node, shape: STEREO, dim: Dim::None }, gain.all]).node
    }

    /// Level, balance and mute of a strip: parameters that are moved by hand, by lanes, and by commands.
    fn gain(&mut self, name: &str) -> Gain {
        if let Some(gain) = self.gains.get(name) {
            return *gain;
        }
        let param = |e: &mut Elab<'a>, control: &str, value: f32| {
            let path = format!("{name}.{control}");
            // Parts that follow one fader have nodes of their own, and its parameters in common.
            let known = e.outside.get(&path).copied();
            let param = known.unwrap_or_else(|| e.add_param(path.clone(), value));
            e.outside.insert(path.clone(), param);
            e.controls.insert(path.into(), Control { param, dim: Dim::None, range: None });
            Sig { node: e.graph.push(Node::Param(param)), shape: Shape::MONO, dim: Dim::None }
        };
        let level = param(self, "level", 1.0);
        let pan = param(self, "pan", 0.0);
        let mute = param(self, "mute", 0.0);
        let (zero, one) = (self.lower(Num::constant(0.0)), self.lower(Num::constant(1.0)));
        let left = self.named_op("sub", &[one, pan]);
        let right = self.named_op("add", &[one, pan]);
        let open = self.named_op("sub", &[one, mute]);
        let level = self.named_op("mul", &[level, open]);
        // At the centre both sides are exactly 1: a fader that nobody touched changes no bit.
        let sides = self.graph.push(Node::Join(vec![left.node, right.node]));
        let sides = self.named_op("min", &[Sig { node: sides, shape: STEREO, dim: Dim::None }, one]);
        let sides = self.named_op("max", &[sides, zero]);
        let gain = Gain { all: self.named_op("mul", &[sides, level]), open };
        self.gains.insert(name.to_string(), gain);
        gain
    }

    /// Adds a signal to the input of a bus, behind the fader of the strip that it is sent from, or before it.
    fn send_to(&mut self, x: ArgVal<'a>, bus: ArgVal<'a>, (gain, pre): (Sig, bool), call: &Call<'a>) -> Option<Sig> {
        let Value::Bus(index) = bus.value else {
            self.error("type", bus.span, "a signal is sent to a bus").help =
                Some("define one: `bus verb = in >> reverb(3s)`".into());
            return None;
        };
        if self.bank.is_some() {
            self.error("type", call.span, "a voice cannot send; its track can").help =
                Some(format!("write `>> poly(8, voice) >> {}(verb)`", call.name));
            return None;
        }
        let sig = self.signal(x.value, x.span)?;
        let sent = self.named_op("mul", &[sig, gain]);
        let mut node = self.stereo(sent, call.span)?;
        self.parts.depends_on_strip();
        if !self.strip.is_empty() {
            let strip = self.strip.clone();
            let gain = self.gain(&strip);
            let sent = Sig { node, shape: STEREO, dim: Dim::None };
            node = self.named_op("mul", &[sent, if pre { gain.open } else { gain.all }]).node;
            let feed = (strip, self.buses[index].name.clone());
            if !self.feeds.contains(&feed) {
                self.feeds.push(feed);
            }
        }
        let node = self.ended(node);
        self.sends.push((self.buses[index].name.clone(), node));
        Some(sig)
    }

    /// Groups that lead to each other lead nowhere.
    pub(super) fn refuse_round_trip(&mut self) {
        let Some((first, _, at, span)) = self.led.last().cloned() else { return };
        let mut way = vec![first.clone()];
        while let Some((_, next, ..)) = self.led.iter().rev().find(|(from, ..)| Some(from) == way.last()) {
            way.push(next.clone());
            if *next == first {
                let message = format!("`{first}` leads to itself, so nobody hears it");
                self.error_at(at, "cycle", span, format!("{message}: {}", way.join(" -> "))).help =
                    Some("let one of these buses be heard: leave out its `to`".into());
                return;
            }
            if way.len() > self.led.len() {
                return;
            }
        }
    }
}

/// `send(x, bus, gain = 0db, pre: off)`
pub(super) fn send<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let x = take!(e.want(call, "x"));
    let bus = take!(e.want(call, "bus"));
    let pre = match call.take_named("pre") {
        None => false,
        Some(item) => {
            let arg = e.item(item, call.scope);
            match arg.value {
                Value::Num(num) if num.dim == Dim::None => num.value != 0.0,
                Value::Broken => return Value::Broken,
                other => {
                    let article = other.article();
                    e.error("type", arg.span, format!("`pre` is `on` or `off`, got {article}")).help =
                        Some("write `send(verb, -9db, pre: on)`".into());
                    return Value::Broken;
                }
            }
        }
    };
    let gain = match call.take("gain") {
        Some(item) => {
            let arg = e.item(item, call.scope);
            e.coerce(arg, Want::Linear, "send", "gain")
        }
        None => Value::Num(Num::constant(1.0)),
    };
    let gain = take!(e.signal(gain, call.span));
    e.send_to(x, bus, (gain, pre), call).map_or(Value::Broken, Value::Sig)
}

/// `to(x, bus)`
pub(super) fn to<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let x = take!(e.want(call, "x"));
    let bus = take!(e.want(call, "bus"));
    let gain = e.lower(Num::constant(1.0));
    let group = if let Value::Bus(index) = bus.value { Some(e.buses[index].name.clone()) } else { None };
    let sig = take!(e.send_to(x, bus, (gain, false), call));
    if let Some(group) = group.filter(|_| !e.strip.is_empty()) {
        let Origin { library, .. } = e.at;
        let here = (e.at, call.span);
        let (at, span) = if library { e.site.unwrap_or(here) } else { here };
        e.led.push((e.strip.clone(), group, at, span));
    }
    let lanes = sig.shape.channels as usize;
    let node = e.graph.push(Node::Const(Ty::F32, vec![0; lanes]));
    Value::Sig(Sig { node, shape: Shape { channels: sig.shape.channels, banked: false }, dim: Dim::None })
}
