//! What reaches beyond the patch: inputs, controllers, devices, samples, models.
//!
//! Every name exists, with its types, so that a text can be written and checked whatever is plugged in. A controller is a
//! parameter with a path (`cc/74`), which whoever listens to the outside moves like any other. What this version does not play
//! yet is noted by [`Elab::later`] and told in one warning; it is silent, or lets its sound pass, as the table says.

use crate::exclusive::{Template, Wrong};
use crate::front::anchors;
use crate::front::builtins::{Builtin, Call, Run};
use crate::front::call::{ArgVal, Want};
use crate::front::elab::Elab;
use crate::front::midi_file;
use crate::front::mixer;
use crate::front::names;
use crate::front::samples;
use crate::front::scope::ScopeId;
use crate::front::timeline::Control;
use crate::front::value::*;
use crate::graph::ops::Op;
use crate::graph::{Leaving, Node, NodeId, Out, OutKind};
use crate::program::{FieldSource, Outlet, Unit, UnitField, UnitKind, Wire, socket_address, source};
use crate::score::{LiveSource, PatId};
use modurust_lang::Span;
use modurust_lang::ast::{Expr, ExprKind};
use modurust_lang::units::Dim;
use std::sync::Arc;

/// An entry of the table.
const fn entry(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    category: &'static str,
    run: for<'a> fn(&mut Elab<'a>, &mut Call<'a>) -> Value<'a>,
) -> Builtin {
    Builtin { name, signature, doc, category, run: Run::Fn(run) }
}

/// Notes that an instrument outside holds at a time.
const OUT_VOICES: u32 = 32;

/// Longest address of OSC that events leave under, bytes.
const LONGEST_ADDRESS: usize = 120;

const OUTSIDE: &str = "outside";
const SAMPLES: &str = "samples";

/// Every function of this file.
#[rustfmt::skip]
pub static TABLE: &[Builtin] = &[
    entry("input", "input(n = 1)", "An input of the sound card, counted from 1.", OUTSIDE, input),
    entry("midi", "midi('device', ch: 1)", "The notes of a keyboard by a part of its name (without one: of any), or of a file (`midi('riff.mid')`), as a pattern; without `ch` of all channels.", OUTSIDE, midi),
    entry("midi_out", "midi_out(pattern, 'device', ch = 1, clock: off, offset: 0ms, cc74: x, bend: x, press: x, program: n)", "Plays a pattern on an instrument outside, which may hear the clock of the session as well; all of it leaves later by `offset`, up to a second. Signals turn controllers (`cc74:`, of 14 bits `fine7:`, `nrpn300:`, `rpn0:`; 0 to 1), the wheel (-1 to 1), pressure and the sound (1 to 128).", OUTSIDE, midi_out),
    entry("sysex_out", "sysex_out(pattern, 'device', 'f0 43 10 xx f7', offset: 0ms)", "Sends a system exclusive message to an instrument outside at each event, with the number of the event in it: 0 to 127 at `xx`, or 0 to 16383 at `yy xx`.", OUTSIDE, sysex_out),
    entry("osc_out", "osc_out(pattern, 'host:port', '/path', offset: 0ms)", "Sends the events of a pattern by OSC, in bundles with the time of their exact frame: a number or word as it is, a note as its number (60 is c4), velocity and seconds.", OUTSIDE, osc_out),
    entry("cc", "cc(n)", "A controller of any MIDI device, 0 to 1.", OUTSIDE, cc),
    entry("encoder", "encoder(n, 'twos')", "An endless knob of any MIDI device, which says how far it was turned: by its controller and what it writes for one step back, `'twos'` (127), `'offset'` (63) or `'sign'` (65). 0 to 1, from 0 on; what it is mapped to is turned from where it stands.", OUTSIDE, encoder),
    entry("bend", "bend()", "The pitch wheel of any MIDI device, -1 to 1.", OUTSIDE, bend),
    entry("press", "press()", "The pressure of any MIDI device, 0 to 1.", OUTSIDE, press),
    entry("sysex", "sysex('device', 'f0 43 10 xx f7')", "The number at `xx` of the last system exclusive message of this form that came from a device, 0 to 1; `yy` has the higher 7 bits of one, `..` is any byte.", OUTSIDE, sysex),
    entry("osc", "osc('/path')", "The last value that came by OSC under a path.", OUTSIDE, osc),
    entry("hid", "hid('name')", "A gamepad or the like by a part of its name; its sticks (-1 to 1), levers and buttons (0 to 1) are fields: `hid('pad').lx`, `.a`, `.b3`.", OUTSIDE, hid),
    entry("key", "key('space')", "1 while a key of the computer is held, when its keys play (`:keys`, `play-keys`).", OUTSIDE, key),
    entry("button", "button('device', n)", "1 while the nth button of a device is held: `hid('device').bn`.", OUTSIDE, button),
    entry("play", "play(slot, rate: 1, start: 0, loop: off)", "Plays a sample from its start.", SAMPLES, samples::play),
    entry("slice", "slice(pattern, slot, n, fit: 2bars)", "Plays the n parts of a sample by their numbers.", SAMPLES, samples::slice),
    entry("warp", "warp(slot, tempo)", "Plays a sample recorded at a tempo in the tempo of the session.", SAMPLES, samples::warp),
    entry("anchors", "anchors(slot, 0s, 1.9s, .., every: 1bar)", "A recording whose moments are kept on the beats of the session, or on the sections of its song: `anchors(slot, verse: 8.2s)`.", SAMPLES, anchors::anchors),
    entry("grain", "grain(slot, pos: 0, size: 60ms, density: 20hz, pitch: 0st, jitter: 0, reverse: 0, spread: 0, window: 1)", "A cloud of short pieces of a sample.", SAMPLES, samples::grain),
    entry("loop", "loop(slot, length)", "A sample over and over, fitted into a length.", SAMPLES, samples::looped),
    entry("sampler", "sampler(pattern, slot, root: c4)", "Plays notes on a sample that was played at the pitch `root`.", SAMPLES, samples::sampler),
    entry("rec", "rec(x, length, again: 0, dub: 0, undo: 0, clear: 0)", "Records what comes in over a length, and plays it from then on; gates record it again or add to it, triggers undo and clear.", SAMPLES, samples::rec),
    entry("stems", "stems('song.wav')", "The parts of a recording, separated once: `.vocals .drums .bass .other`.", SAMPLES, stems),
    entry("timestretch", "timestretch(slot, factor)", "A sample, longer or shorter, at its own pitch.", SAMPLES, samples::timestretch),
    entry("ai", "ai('model.onnx', x, latency: 2048smp)", "A model that turns sound into sound; dry until it is ready.", SAMPLES, ai),
    entry("to", "to(x, bus)", "Leads a strip to a bus and nowhere else, behind its fader: the bus is a group.", "signal tools", mixer::to),
];

impl<'a> Elab<'a> {
    /// An argument in a unit, a number or signal; `None` if it is missing or an error was reported.
    pub(super) fn unit_arg(&mut self, call: &mut Call<'a>, name: &str, want: Want) -> Option<Sig> {
        let arg = self.want(call, name)?;
        let span = arg.span;
        let function = call.name;
        let value = self.coerce(arg, want, function, name);
        self.signal(value, span)
    }

    /// The same, by name only; `Some(None)` if it was left out.
    pub(super) fn named_unit(&mut self, call: &mut Call<'a>, name: &str, want: Want) -> Option<Option<Sig>> {
        let Some(item) = call.take_named(name) else { return Some(None) };
        let arg = self.item(item, call.scope);
        let span = arg.span;
        let function = call.name;
        let value = self.coerce(arg, want, function, name);
        self.signal(value, span).map(Some)
    }

    /// An argument that is a text, `what`; a name that nothing is called is one whose quotes were forgotten.
    pub(super) fn quoted(&mut self, call: &mut Call<'a>, name: &str, what: &str, ending: &str) -> Option<ArgVal<'a>> {
        if let Some(expr) = call.next_expr(name)
            && self.is_unquoted(call.scope, expr, call.name, what, ending)
        {
            return None;
        }
        self.want(call, name)
    }

    /// True, and told, if an expression is a text without its quotes: `amen`, `amen.wav`. `ending` is what such texts end with, or
    /// begin with.
    pub(super) fn is_unquoted(
        &mut self,
        scope: ScopeId,
        expr: &'a Expr,
        function: &str,
        what: &str,
        ending: &str,
    ) -> bool {
        let (base, text) = match &expr.kind {
            ExprKind::Name(name) if ending == "/" => (name, format!("/{name}")),
            ExprKind::Name(name) => (name, format!("{name}{ending}")),
            ExprKind::Field { base, name } => match &base.kind {
                ExprKind::Name(base) => (base, format!("{base}.{}", name.name)),
                _ => return false,
            },
            _ => return false,
        };
        let is_field = matches!(expr.kind, ExprKind::Field { .. });
        if is_field && names::is_module(base) || self.lookup(scope, base, expr.span).is_some() {
            return false;
        }
        // A slip in a name of the text is a slip in a name.
        let own = self.scopes.visible(scope);
        if names::closest(base, own.iter().map(String::as_str)).is_some() {
            return false;
        }
        let message = format!("`{function}` wants {what}, and nothing is called `{base}`");
        self.error("type", expr.span, message).help = Some(format!("a text stands in single quotes: `'{text}'`"));
        true
    }

    /// The path of a message.
    fn path(&mut self, call: &mut Call<'a>) -> Option<ArgVal<'a>> {
        self.quoted(call, "path", "a text for `path`", "/")
    }

    fn text_arg(&mut self, call: &mut Call<'a>, name: &str) -> Option<Arc<str>> {
        let arg = self.quoted(call, name, &format!("a text for `{name}`"), "")?;
        match arg.value {
            Value::Text(text) => Some(text),
            other => {
                let article = other.article();
                let message = format!("`{}` wants a text for `{name}`, got {article}", call.name);
                self.error("type", arg.span, message).help =
                    Some(format!("write it in single quotes: `{}`", call.signature));
                None
            }
        }
    }

    pub(super) fn slot_arg(&mut self, call: &mut Call<'a>, name: &str) -> Option<Arc<Sample>> {
        let arg = self.quoted(call, name, "a sample", ".wav")?;
        self.slot(arg, call.name)
    }

    /// A sample: a file by its name, or what was made of one.
    pub(super) fn slot(&mut self, arg: ArgVal<'a>, function: &str) -> Option<Arc<Sample>> {
        match arg.value {
            Value::Slot(slot) => Some(slot),
            Value::Text(file) => Some(self.open_slot(&file, arg.span)),
            other => {
                let article = other.article();
                self.error("type", arg.span, format!("`{function}` wants a sample, got {article}")).help =
                    Some("name a file in single quotes: `'amen.wav'`".into());
                None
            }
        }
    }

    pub(super) fn open_slot(&mut self, file: &Arc<str>, span: Span) -> Arc<Sample> {
        let path = self.sources_dir(file);
        if !self.file_exists(&path) {
            self.warn("silent", span, format!("there is no file `{file}`, so this sample is silent")).help =
                Some("put the file beside the patch; it plays as soon as it is there".into());
        }
        Arc::new(Sample {
            files: vec![Arc::from(path)],
            stretch: samples::AS_IT_IS,
            anchors: Vec::new(),
            head: 0,
            part: None,
        })
    }

    /// A parameter that the outside moves, by its path.
    fn outside_param(&mut self, path: String) -> Value<'a> {
        let known = self.outside.get(&path).copied();
        let param = known.unwrap_or_else(|| self.add_param(path.clone(), 0.0));
        self.outside.insert(path.clone(), param);
        self.controls.insert(path.into(), Control { param, dim: Dim::None, range: None });
        let node = self.graph.push(Node::Param(param));
        Value::Sig(Sig { node, shape: Shape::MONO, dim: Dim::None })
    }

    /// The same as a signal that steps at the very frames at which values come: the parameter, and what makes steps of its lines.
    fn outside_signal(&mut self, path: String) -> Value<'a> {
        let step = FieldSource::Step(source(&path));
        let Value::Sig(value) = self.outside_param(path) else { return Value::Broken };
        let silence = self.score.silence();
        let row = self.hold_of(silence, "outside", UnitField { source: step, default: 0.0 });
        let row = Sig { node: row, ..value };
        Value::Sig(self.named_op("add", &[value, row]))
    }

    /// The path of something outside, by the node of its parameter or signal.
    pub(super) fn path_outside(&self, node: NodeId) -> Option<String> {
        let param = match self.graph.nodes.get(node.index())? {
            Node::Op(Op::Add, args) => {
                let steps = |field: &UnitField| matches!(field.source, FieldSource::Step(_));
                let Node::Row(row) = self.graph.nodes.get(args.get(1)?.index())? else { return None };
                let unit = self.units.get(self.graph.rows.get(row.index())?.unit as usize)?;
                unit.fields.first().filter(|field| steps(field))?;
                *args.first()?
            }
            _ => node,
        };
        let Node::Param(param) = self.graph.nodes.get(param.index())? else { return None };
        self.outside.iter().find(|(_, known)| *known == param).map(|(path, _)| path.clone())
    }

    /// Events that leave: voices without sound.
    fn send_out(&mut self, pattern: PatId, outlet: Outlet) {
        let (label, hint) = match &outlet.wire {
            Wire::Midi { device, .. } => ("midi_out", hash_text(device)),
            Wire::Exclusive { template, .. } => ("sysex_out", hash_text(&template.to_string())),
            Wire::Osc { address, .. } => ("osc_out", hash_text(address)),
        };
        let frame = self.graph.frame(self.frame, label, false, hint);
        let live = self.score.score().live(pattern);
        let field = |source, default| UnitField { source, default };
        let fields = vec![field(FieldSource::Freq, 440.0), field(FieldSource::Gate, 0.0), field(FieldSource::Vel, 0.8)];
        self.units.push(Unit {
            path: self.graph.path(frame),
            frame,
            kind: UnitKind::Poly,
            voices: OUT_VOICES,
            pattern,
            word: None,
            choke: None,
            live,
            mpe: false,
            outlet: Some(Arc::new(outlet)),
            // A hand swings by itself.
            swings: live == 0,
            fields,
        });
    }

    /// No sound.
    pub(super) fn silence(&mut self) -> Value<'a> {
        Value::Sig(self.lower(Num::constant(0.0)))
    }

    /// A field of what is not a module: a part of a recording, an axis of a device.
    pub(super) fn outside_field(
        &mut self,
        value: &Value<'a>,
        name: &str,
    ) -> Option<Result<Value<'a>, Vec<&'static str>>> {
        const PARTS: [&str; 4] = ["vocals", "drums", "bass", "other"];
        match value {
            Value::Slot(slot) if slot.part.is_some() => Some(match PARTS.iter().find(|part| **part == name) {
                Some(part) => Ok(Value::Slot(Arc::new(Sample { part: Some(part), ..Sample::clone(slot) }))),
                None => Err(PARTS.to_vec()),
            }),
            Value::Device(device) => Some(Ok(self.outside_param(format!("{device}/{name}")))),
            _ => None,
        }
    }
}

/// Takes an argument that every path needs, or ends in a broken value.
macro_rules! take {
    ($option:expr) => {
        match $option {
            Some(value) => value,
            None => return Value::Broken,
        }
    };
}
pub(super) use take;

fn input<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let n = if call.left() > 0 { take!(e.count(call, "n", 64)) } else { 1 };
    let node = e.graph.push(Node::Input(n - 1));
    Value::Sig(Sig { node, shape: Shape::MONO, dim: Dim::None })
}

fn midi<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let name = if call.left() > 0 { take!(e.text_arg(call, "device")) } else { Arc::from("") };
    let mut ch = None;
    if let Some(item) = call.take_named("ch") {
        let arg = e.item(item, call.scope);
        ch = Some(take!(channel(e, call, arg)));
    }
    if [".mid", ".midi", ".smf"].iter().any(|end| name.to_ascii_lowercase().ends_with(end)) {
        let read = e.read_bytes(&e.sources_dir(&name));
        let beats = e.beats_per_bar();
        match read.and_then(|bytes| midi_file::pattern(&bytes, ch, beats, &mut e.score)) {
            Ok(pattern) => return Value::Pat(pattern),
            Err(why) => {
                e.warn("silent", call.span, format!("`{name}` cannot be played: {why}")).help =
                    Some("put the file beside the patch".into());
                let silence = e.score.silence();
                return Value::Pat(e.score.to_notes(silence));
            }
        }
    }
    let source = LiveSource { device: name.to_lowercase(), channel: ch.map(|ch| ch as u8 - 1) };
    Value::Pat(e.score.live(source))
}

fn channel<'a>(e: &mut Elab<'a>, call: &Call<'a>, arg: ArgVal<'a>) -> Option<u32> {
    match arg.value {
        Value::Num(n) if n.value.fract() == 0.0 && (1.0..=16.0).contains(&n.value) => Some(n.value as u32),
        Value::Broken => None,
        _ => {
            e.error("type", arg.span, format!("`{}` wants a channel from 1 to 16", call.name)).help =
                Some("write a whole number, such as `1`".into());
            None
        }
    }
}

fn midi_out<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let arg = take!(e.want(call, "pattern"));
    let pattern = take!(e.pattern(arg.value, arg.span));
    let words = !e.score.score().words(pattern).is_empty();
    let pattern = if words { e.score.to_notes(pattern) } else { pattern };
    let device = take!(e.text_arg(call, "device")).to_lowercase();
    let mut ch = 1;
    if let Some(item) = call.take("ch") {
        let arg = e.item(item, call.scope);
        ch = take!(channel(e, call, arg));
    }
    let mut clock = false;
    if let Some(item) = call.take_named("clock") {
        let arg = e.item(item, call.scope);
        clock = match arg.value {
            Value::Num(n) => n.value != 0.0,
            Value::Broken => return Value::Broken,
            _ => {
                e.error("type", arg.span, "`clock` is on or off").help = Some("write `clock: on`".into());
                return Value::Broken;
            }
        };
    }
    let offset = take!(offset(e, call));
    let channel = ch as u8 - 1;
    for name in call.names() {
        let (Ok(what), Some(item)) = (name.parse(), call.take_named(name)) else { continue };
        let arg = e.item(item, call.scope);
        let span = arg.span;
        let sig = take!(e.signal(arg.value, span));
        if e.bank.is_some() {
            e.error("type", span, "a controller turns for a whole channel, and a voice is many").help =
                Some("put `midi_out` behind the pattern: `\"c2 g2\" >> midi_out('digitone', 3, cc74: lfo)`".into());
            return Value::Broken;
        }
        let node = take!(e.stereo(sig, span));
        let kind = OutKind::Leaves(Leaving { what, channel, offset: (offset * 1e6).round() as u32 });
        e.graph.outs.push(Out { name: device.clone(), kind, node, frame: e.frame });
    }
    e.send_out(pattern, Outlet { wire: Wire::Midi { device, channel, clock }, offset });
    e.silence()
}

/// The text of a system exclusive message.
fn template<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<Template> {
    let arg = e.quoted(call, "bytes", "a text for `bytes`", "")?;
    let read = match &arg.value {
        Value::Text(text) => Template::parse(text),
        Value::Broken => return None,
        _ => Err(Wrong::Empty),
    };
    match read {
        Ok(template) => Some(template),
        Err(why) => {
            e.error("type", arg.span, format!("this is no system exclusive message: {why}")).help =
                Some("write its bytes as manuals print them: `'f0 43 10 7f 1c xx f7'`".into());
            None
        }
    }
}

fn sysex_out<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let arg = take!(e.want(call, "pattern"));
    let pattern = take!(e.pattern(arg.value, arg.span));
    let device = take!(e.text_arg(call, "device")).to_lowercase();
    let template = take!(template(e, call));
    if template.is_open() {
        e.error("type", call.span, "a message that is sent has no byte that may be any").help =
            Some("write the byte that the instrument wants in the place of `..`".into());
        return Value::Broken;
    }
    let offset = take!(offset(e, call));
    e.send_out(pattern, Outlet { wire: Wire::Exclusive { device, template }, offset });
    e.silence()
}

fn sysex<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let device = take!(e.text_arg(call, "device")).to_lowercase();
    let template = take!(template(e, call));
    e.outside_param(format!("sysex/{device}/{template}"))
}

fn osc_out<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let arg = take!(e.want(call, "pattern"));
    let pattern = take!(e.pattern(arg.value, arg.span));
    let score = e.score.score();
    let words = score.words(pattern);
    let notes = !words.is_empty() && words.iter().all(|word| score.is_note(*word));
    let pattern = if notes { e.score.to_notes(pattern) } else { pattern };
    let to = take!(e.quoted(call, "host:port", "a text for `host:port`", ":57120"));
    let Value::Text(text) = &to.value else {
        e.error("type", to.span, "`osc_out` wants to know whom to send to").help =
            Some("write `osc_out('127.0.0.1:57120', '/path')`".into());
        return Value::Broken;
    };
    let Some(to) = socket_address(text) else {
        e.error("type", to.span, format!("`{text}` is no address with a port")).help =
            Some("write numbers, such as `'192.168.0.20:57120'`, or a port alone for this machine".into());
        return Value::Broken;
    };
    let path = take!(e.path(call));
    let Value::Text(address) = &path.value else {
        e.error("type", path.span, "`osc_out` wants the path of its messages").help =
            Some("write `osc_out('127.0.0.1:57120', '/path')`".into());
        return Value::Broken;
    };
    // What else has a meaning in patterns of addresses is no part of one.
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"#*,?[]{}".contains(&byte);
    if !address.starts_with('/') || address.len() > LONGEST_ADDRESS || !address.bytes().all(plain) {
        let message = format!("`{address}` is no path of OSC: it begins with `/`, and has none of `# * , ? [ ] {{ }}`");
        e.error("type", path.span, message).help = Some("write `'/synth/note'`, for instance".into());
        return Value::Broken;
    }
    let address = address.to_string();
    let offset = take!(offset(e, call));
    e.send_out(pattern, Outlet { wire: Wire::Osc { to, address }, offset });
    e.silence()
}

/// How much later than its frame something leaves, seconds.
fn offset<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<f64> {
    let Some(item) = call.take_named("offset") else { return Some(0.0) };
    let arg = e.item(item, call.scope);
    match arg.value {
        Value::Num(n) if n.dim == Dim::Time && (0.0..=1.0).contains(&n.value) => Some(n.value),
        Value::Broken => None,
        _ => {
            e.error("type", arg.span, "`offset` is a time from 0 to 1 s: what leaves can wait, not come early").help =
                Some("write `offset: 20ms`".into());
            None
        }
    }
}

fn cc<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let n = take!(controller_number(e, call));
    e.outside_param(format!("cc/{n}"))
}

fn controller_number<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<f64> {
    let arg = e.want(call, "n")?;
    match arg.value {
        Value::Num(n) if n.value.fract() == 0.0 && (0.0..=127.0).contains(&n.value) => Some(n.value),
        _ => {
            let message = "controllers are numbered from 0 to 127";
            e.error("type", arg.span, message).help = Some(format!("write `{}(74)`", call.name));
            None
        }
    }
}

fn encoder<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let n = take!(controller_number(e, call));
    if let Some(expr) = call.next_expr("code")
        && e.is_unquoted(call.scope, expr, call.name, "a text for `code`", "")
    {
        return Value::Broken;
    }
    let code = match call.take("code").map(|item| e.item(item, call.scope)) {
        None => Arc::from("twos"),
        Some(ArgVal { value: Value::Text(code), .. }) if ["twos", "offset", "sign"].contains(&&*code) => code,
        Some(ArgVal { value: Value::Broken, .. }) => return Value::Broken,
        Some(arg) => {
            e.error("type", arg.span, "an encoder counts by 'twos', 'offset' or 'sign'").help =
                Some("see which value comes for one step back: 127 is `'twos'`, 63 `'offset'`, 65 `'sign'`".into());
            return Value::Broken;
        }
    };
    e.outside_param(format!("encoder/{n}/{code}"))
}

fn bend<'a>(e: &mut Elab<'a>, _: &mut Call<'a>) -> Value<'a> {
    e.outside_param("bend".into())
}

fn press<'a>(e: &mut Elab<'a>, _: &mut Call<'a>) -> Value<'a> {
    e.outside_param("press".into())
}

fn osc<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let arg = take!(e.path(call));
    let Value::Text(path) = &arg.value else {
        // In other tools `osc` is an oscillator.
        e.error("type", arg.span, "`osc` is a value that comes by OSC, under a path").help =
            Some("the oscillator is called `sin`; a value from outside is `osc('/deck/cut')`".into());
        return Value::Broken;
    };
    if !path.starts_with('/') {
        e.error("type", arg.span, "an OSC path begins with `/`").help = Some(format!("write `osc('/{path}')`"));
        return Value::Broken;
    }
    e.outside_signal(format!("osc{path}"))
}

fn hid<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let name = take!(e.text_arg(call, "name"));
    Value::Device(Arc::from(format!("hid/{}", name.to_lowercase())))
}

fn key<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let name = take!(e.text_arg(call, "name"));
    e.outside_param(format!("key/{}", name.to_lowercase()))
}

fn button<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let device = take!(e.text_arg(call, "device"));
    let n = take!(e.count(call, "n", 4096));
    e.outside_param(format!("button/{}/{n}", device.to_lowercase()))
}

fn stems<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = take!(e.slot_arg(call, "slot"));
    e.later("stems (every part is the whole)", call.span);
    Value::Slot(Arc::new(Sample { part: Some("all"), ..Sample::clone(&slot) }))
}

fn ai<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    // The sound may be piped in, and then stands first.
    let piped = if call.piped() { Some(take!(e.want(call, "x"))) } else { None };
    take!(e.text_arg(call, "model"));
    let x = match piped {
        Some(arg) => arg,
        None => take!(e.want(call, "x")),
    };
    take!(e.named_unit(call, "latency", Want::Dim(Dim::Time)));
    e.later("models (the sound passes)", call.span);
    if matches!(x.value, Value::Slot(_) | Value::Text(_)) {
        // The original, until a model is there.
        let slot = take!(e.slot(x, "ai"));
        return e.over_and_over(slot, call.span);
    }
    take!(e.signal(x.value, x.span)).into()
}
