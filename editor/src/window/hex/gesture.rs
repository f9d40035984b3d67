//! What a hand does to a patch, planned as an edit of its text.
//!
//! A [`Gesture`] names hexes by their keys in the picture that is looked at. [`plan`] answers with splices, all or nothing, or with the
//! reason why not; it draws nothing and keeps nothing, so that whatever a hand can do can be tested without a window. New text looks
//! like its neighbours: a statement stands in a line of its own below the one it belongs to, a number keeps its unit, and no other byte
//! is touched.
//!
//! ```text
//! bass = lpf(osc, 800hz)      Connect { from: lfo, to: bass, port: freq }
//! bass = lpf(osc, map(lfo, -1..1, 400hz..1.6khz, exp))
//! ```

use super::graph::{Category, Hex, Patch, Picture, Port, Rate, Role, Site, Value, What};
use super::knob::{Literal, short};
use super::signature::Signatures;
use super::template;
use modurust_runtime::compiler::ide;
use modurust_runtime::compiler::lang::ast::{Expr, ExprKind, Item};
use modurust_runtime::compiler::lang::edit::{Edit, Op, Planner, Refusal, Splice};
use modurust_runtime::compiler::lang::parse::{parse, parse_expr};
use modurust_runtime::compiler::lang::source::{FileId, Source, Span};
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::compiler::lang::visit;
use std::ops::Range;

/// What begins the comment behind a binding that is bypassed; what it was stands behind that.
const BYPASSED: &str = "// bypassed: ";

/// What can be done to a patch. Hexes are named by key, ports by number.
// The text of a variant names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum Gesture {
    /// A new node below the statement `near`; `source` feeds its first input.
    Add { kind: String, near: Option<String>, source: Option<String> },
    /// What `from` gives goes into a port of `to`.
    Connect { from: String, to: String, port: usize },
    /// Takes a wire away, by its number.
    Disconnect { wire: usize },
    /// Puts a node into a wire.
    Insert { wire: usize, kind: String },
    /// Gives a wire a name of its own.
    Split { wire: usize },
    /// Puts another node in the place of one; arguments of the same name stay.
    Replace { hex: String, kind: String },
    /// Writes another number in the place of one.
    Set { at: Range<usize>, value: String },
    /// Another name.
    Rename { hex: String, to: String },
    /// Gives a call inside of a binding a name of its own.
    Extract { span: Range<usize> },
    /// Puts a binding where it is used.
    Inline { hex: String },
    /// The same once more.
    Duplicate { hex: String },
    /// Away with it.
    Delete { hex: String },
    /// Lets what comes in go out unchanged; a track falls silent. Done again, as before.
    Bypass { hex: String },
    /// Lets this alone be heard. Done again, as before.
    Solo { hex: String },
}

/// A gesture that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The splices.
    pub edit: Edit,
    /// What was done, for the status line: "connect lfo to bass.freq".
    pub say: String,
    /// The hex that is looked at from now on, if it is another.
    pub select: Option<String>,
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { reason: reason.into() })
}

fn span(range: &Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

/// Plans gestures; keeps what it has read.
#[derive(Default)]
pub struct Hands {
    planner: Planner,
    signatures: Signatures,
}

impl Hands {
    /// What a gesture changes in the text, or why it cannot be done. `view` is the picture that is looked at: the whole of the patch, or
    /// what is inside of `entered`.
    pub fn plan(&mut self, patch: Patch<'_>, view: &Picture, gesture: &Gesture) -> Result<Planned, Refusal> {
        let mut plan = Plan { hands: self, patch, view, text: patch.document.text() };
        plan.gesture(gesture)
    }
}

struct Plan<'a> {
    hands: &'a mut Hands,
    patch: Patch<'a>,
    view: &'a Picture,
    text: &'a str,
}

impl Plan<'_> {
    fn gesture(&mut self, gesture: &Gesture) -> Result<Planned, Refusal> {
        let done = |edit, say: String, select| Ok(Planned { edit, say, select });
        match gesture {
            Gesture::Add { kind, near, source } => self.add(kind, near.as_deref(), source.as_deref()),
            Gesture::Connect { from, to, port } => self.connect(from, to, *port),
            Gesture::Disconnect { wire } => self.disconnect(*wire),
            Gesture::Insert { wire, kind } => self.insert(*wire, Some(kind)),
            Gesture::Split { wire } => self.insert(*wire, None),
            Gesture::Replace { hex, kind } => self.replace(hex, kind),
            Gesture::Set { at, value } => {
                let edit = self.op(&Op::Connect { input: span(at), source: value.clone() })?;
                done(edit, format!("{} becomes {value}", self.slice(at)), None)
            }
            Gesture::Rename { hex, to } => {
                let found = self.readable(hex)?;
                let edit = match self.patch.whole.hex(hex) {
                    Some(_) => self.op(&Op::Rename { name: hex.clone(), to: to.clone() })?,
                    None => ide::rename(self.patch.document, found.span.start, to)?,
                };
                let outer = hex.rsplit_once('.').map(|(outer, _)| format!("{outer}.{to}"));
                done(edit, format!("{} is called {to}", found.name), Some(outer.unwrap_or_else(|| to.clone())))
            }
            Gesture::Extract { span: at } => {
                let kind = head(self.slice(at));
                let name = template::fresh(self.text, &kind);
                let edit = self.op(&Op::Extract { expr: span(at), name: name.clone() })?;
                done(edit, format!("{kind} is called {name}"), Some(name))
            }
            Gesture::Inline { hex } => {
                let into = self.used_by(hex);
                let edit = self.op(&Op::Inline { name: self.binding(hex)?.key.clone() })?;
                done(edit, format!("{hex} stands where it is used"), into)
            }
            Gesture::Duplicate { hex } => {
                let name = self.binding(hex)?.key.clone();
                let to = template::fresh(self.text, name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_'));
                let edit = self.op(&Op::Duplicate { name, to: to.clone() })?;
                done(edit, format!("{to} is a copy of {hex}"), Some(to))
            }
            Gesture::Delete { hex } => self.delete(hex),
            Gesture::Bypass { hex } => self.bypass(hex),
            Gesture::Solo { hex } => self.solo(hex),
        }
    }

    fn op(&self, op: &Op) -> Result<Edit, Refusal> {
        self.hands.planner.plan(self.text, op)
    }

    /// A second operation on what the first has made of the text.
    fn then(&self, first: Edit, op: impl FnOnce(&str) -> Result<Op, Refusal>) -> Result<Edit, Refusal> {
        let Some(middle) = first.apply(self.text) else { return refuse("the text has changed") };
        let second = self.hands.planner.plan(&middle, &op(&middle)?)?;
        first.then(self.text, &second).map_or_else(|| refuse("two parts of the change touch each other"), Ok)
    }

    fn slice(&self, at: &Range<usize>) -> &str {
        self.text.get(at.clone()).unwrap_or("")
    }

    fn hex(&self, key: &str) -> Result<&Hex, Refusal> {
        self.view.hex(key).map_or_else(|| refuse(format!("there is no `{key}` here")), Ok)
    }

    /// A hex whose statement can be read.
    fn readable(&self, key: &str) -> Result<&Hex, Refusal> {
        let hex = self.hex(key)?;
        if hex.stale {
            return refuse(format!("`{}` has an error in the text: mend that first", hex.name));
        }
        Ok(hex)
    }

    /// A hex that is a statement of the file.
    fn binding(&self, key: &str) -> Result<&Hex, Refusal> {
        let hex = self.readable(key)?;
        match self.patch.whole.hex(key) {
            Some(_) => Ok(hex),
            None if hex.what == What::Chip => refuse("this is a part of its binding: give it a name first (x)"),
            None => refuse(format!("`{}` lives inside of its binding: change it in the text", hex.name)),
        }
    }

    /// The word by which a hex can be spoken of in the text.
    fn word(&self, hex: &Hex) -> Result<String, Refusal> {
        match hex.what {
            What::Chip => refuse("this is a part of its binding: give it a name first (x)"),
            _ => Ok(hex.name.clone()),
        }
    }

    fn used_by(&self, key: &str) -> Option<String> {
        let hex = self.view.find(key)?;
        let wire = self.view.wires.iter().find(|wire| wire.from == hex)?;
        Some(self.view.hexes[wire.to].key.clone())
    }

    fn whole(&self) -> Result<(), Refusal> {
        let beyond = |hex: &Hex| matches!(hex.what, What::Chip | What::Param | What::Beyond);
        if self.view.hexes.iter().any(beyond) {
            return refuse("new nodes are put beside bindings: leave this hex first (Backspace)");
        }
        Ok(())
    }

    fn add(&mut self, kind: &str, near: Option<&str>, source: Option<&str>) -> Result<Planned, Refusal> {
        self.whole()?;
        let kind = kind.trim();
        if kind == "out" && self.patch.whole.hex("out").is_some() {
            return refuse("there is an `out` already: connect to that");
        }
        let name = if kind == "out" { "out".to_string() } else { template::fresh(self.text, kind) };
        let source = match source {
            Some(key)
                if self.hex(key).is_ok_and(|hex| matches!(hex.what, What::Track | What::Bus | What::Function)) =>
            {
                None
            }
            Some(key) => Some(self.word(self.readable(key)?)?),
            None => None,
        };
        let statement = template::statement(&mut self.hands.signatures, kind, &name, source.as_deref());
        let Some(text) = statement else { return refuse(format!("there is no node `{kind}`")) };
        let edit = self.op(&Op::Add { text, after: near.map(str::to_string) })?;
        Ok(Planned { edit, say: format!("new {name}"), select: Some(name) })
    }

    fn connect(&mut self, from: &str, to: &str, port: usize) -> Result<Planned, Refusal> {
        let (giver, taker) = (self.hex(from)?.clone(), self.readable(to)?.clone());
        let Some(port) = taker.ports.get(port) else { return refuse(format!("`{}` has no such input", taker.name)) };
        let say = format!("connect {} to {}.{}", giver.name, taker.name, port.name);
        let done = |edit| Ok(Planned { edit, say, select: None });
        if port.site == Site::Send {
            return done(self.send(from, &taker)?);
        }
        let mut source = self.word(&giver)?;
        if matches!(giver.what, What::Track | What::Bus) {
            return refuse(format!("`{source}` is a strip of the mixer: it can only be sent to a bus"));
        }
        if giver.what == What::Function && !matches!(port.param.as_str(), "voice" | "f" | "g" | "each") {
            return refuse(format!("`{source}` is a function: it can only go where a voice or a function is wanted"));
        }
        let ends = (self.view.find(from), self.view.find(to));
        if let (Some(a), Some(b)) = ends
            && (a == b || self.view.reaches(b, a))
        {
            // A loop is closed through the past.
            source.push('\'');
        } else {
            source = self.fitted(source, &giver, port);
        }
        match &port.site {
            Site::Expr(at) => done(self.op(&Op::Connect { input: span(at), source })?),
            Site::Argument(call, name) => {
                let slot = modurust_runtime::compiler::lang::edit::Slot::Named(name.clone());
                done(self.op(&Op::Set { call: span(call), slot, value: source })?)
            }
            Site::Term(at) => {
                let sum = format!("{} + {source}", self.slice(at));
                if sum.contains('\n') {
                    return refuse("the sum goes over several lines: add a line to the text");
                }
                done(self.op(&Op::Connect { input: span(at), source: sum })?)
            }
            Site::Send | Site::Fixed => refuse(format!("nothing can be connected to `{}` here", port.name)),
        }
    }

    /// A wave that goes up and down around nothing, brought into the range of what it moves; the old value stays in the middle.
    fn fitted(&self, source: String, giver: &Hex, port: &Port) -> String {
        let swing = match giver.category {
            Category::Oscillator => "-1..1",
            Category::Envelope => "0..1",
            _ => return source,
        };
        let raw = giver.what == What::Value && giver.chips.first().is_some_and(|chip| chip.label == giver.kind);
        if !raw || port.rate != Rate::Control {
            return source;
        }
        let written = match &port.value {
            Value::Literal(at) => Some(self.slice(at).to_string()),
            _ => port.default.clone(),
        };
        let Some(literal) = written.as_deref().and_then(Literal::read) else { return source };
        if literal.base.is_empty() && port.range.is_none() {
            return source;
        }
        let (v, scale) = (literal.value, literal.scale);
        let (least, most, log) =
            port.range.map_or((f64::MIN, f64::MAX, literal.base == "hz"), |(a, b, log)| (a / scale, b / scale, log));
        let (low, high) = match log && v > 0.0 {
            true => (v / 2.0, v * 2.0),
            false => {
                let reach = if port.range.is_some() { (most - least) / 4.0 } else { v.abs() / 2.0 };
                (v - reach, v + reach)
            }
        };
        let (low, high) = (short(low.max(least)), short(high.min(most)));
        let unit = &literal.unit;
        let curve = if log && v > 0.0 { ", exp" } else { "" };
        format!("map({source}, {swing}, {low}{unit}..{high}{unit}{curve})")
    }

    /// A stage at the end of a binding that sends to a bus.
    fn send(&self, from: &str, bus: &Hex) -> Result<Edit, Refusal> {
        let giver = self.binding(from)?;
        if giver.key == bus.key {
            return refuse("a bus cannot be sent to itself");
        }
        let wires = &self.view.wires;
        let (a, b) = (self.view.find(from), self.view.find(&bus.key));
        if wires.iter().any(|wire| wire.role == Role::Send && Some(wire.from) == a && Some(wire.to) == b) {
            return refuse(format!("`{}` is sent to `{}` already", giver.name, bus.name));
        }
        let stage = format!(" >> send({}, -12db)", bus.name);
        let end = giver.body.end;
        let edit = Edit { splices: vec![Splice { range: end..end, text: stage }] };
        self.hands.planner.check(self.text, &edit, 0)?;
        Ok(edit)
    }

    fn disconnect(&mut self, wire: usize) -> Result<Planned, Refusal> {
        let Some(wire) = self.view.wires.get(wire) else { return refuse("there is no such wire") };
        let (giver, taker) = (&self.view.hexes[wire.from], &self.view.hexes[wire.to]);
        self.readable(if wire.role == Role::Send { &giver.key } else { &taker.key })?;
        let say = format!("disconnect {} from {}", giver.name, taker.name);
        let done = |edit| Ok(Planned { edit, say, select: None });
        if wire.role == Role::Send {
            let Some(pipe) = self.around(&wire.at, |expr, at| match &expr.kind {
                ExprKind::Pipe { right, .. } => at(right).contains(&wire.at.start) && call_of(right, &["send", "to"]),
                _ => false,
            }) else {
                return refuse("this is sent by a call around it: change it in the text");
            };
            return done(self.op(&Op::Unstage { pipe: span(&pipe) })?);
        }
        if wire.role == Role::Use {
            return refuse(format!(
                "`{}` is what `{}` is made of: put something else in its place",
                giver.name, taker.name
            ));
        }
        // The past of a name goes with its prime.
        let past = (wire.at.end < self.text.len() && self.text[wire.at.end..].starts_with('\'')) as usize;
        let at = wire.at.start..wire.at.end + past;
        let map = self.around(&wire.at, |expr, at| match &expr.kind {
            ExprKind::Call { args, .. } => {
                call_of(expr, &["map"]) && args.first().is_some_and(|arg| at(&arg.value) == wire.at)
            }
            _ => false,
        });
        if let Some(call) = map
            && let Some(value) = centre(self.slice(&call))
        {
            return done(self.op(&Op::Connect { input: span(&call), source: value })?);
        }
        let port = taker.ports.get(wire.port);
        let default = port.filter(|port| port.rate == Rate::Control).and_then(|port| port.default.clone());
        done(self.op(&Op::Connect { input: span(&at), source: default.unwrap_or_else(|| "0".to_string()) })?)
    }

    /// The innermost expression around a place that is what is asked for.
    fn around(
        &self,
        place: &Range<usize>,
        is: impl Fn(&Expr, &dyn Fn(&Expr) -> Range<usize>) -> bool,
    ) -> Option<Range<usize>> {
        let (_, stmt) = self.patch.document.statement(place.start)?;
        let at = |expr: &Expr| super::graph::range(expr.span.shift(stmt.offset));
        let mut found = None;
        visit::exprs(&stmt.item, &mut |expr| {
            let here = at(expr);
            if here.start <= place.start && place.end <= here.end && is(expr, &at) {
                found = Some(here);
            }
        });
        found
    }

    fn insert(&mut self, wire: usize, kind: Option<&str>) -> Result<Planned, Refusal> {
        let Some(wire) = self.view.wires.get(wire).cloned() else { return refuse("there is no such wire") };
        let (giver, taker) = (self.view.hexes[wire.from].clone(), self.view.hexes[wire.to].clone());
        if matches!(wire.role, Role::Send | Role::Use) {
            return refuse("nothing can be put into this wire: put it in front of it");
        }
        self.readable(&taker.key)?;
        if let Some(kind) = kind
            && !template::takes(&mut self.hands.signatures, kind)
        {
            return refuse(format!("nothing comes into `{kind}`: it cannot be put into a wire"));
        }
        if self.whole().is_err() {
            let stage = kind.and_then(|kind| template::stage(&mut self.hands.signatures, kind));
            let Some(stage) = stage else { return refuse("wires inside of a hex have no names: extract a part (x)") };
            let edit = self.op(&Op::Insert { wire: span(&wire.at), stage: stage.clone() })?;
            return Ok(Planned { edit, say: format!("{stage} behind {}", giver.name), select: None });
        }
        let source = self.word(&giver)?;
        let (name, text) = match kind {
            Some(kind) => {
                let name = template::fresh(self.text, kind);
                let text = template::statement(&mut self.hands.signatures, kind, &name, Some(&source));
                let Some(text) = text else { return refuse(format!("there is no node `{kind}`")) };
                (name, text)
            }
            None => {
                let name = template::fresh(self.text, &source);
                (name.clone(), format!("{name} = {source}"))
            }
        };
        let replaced = self.op(&Op::Connect { input: span(&wire.at), source: name.clone() })?;
        let after = (!giver.stale).then(|| giver.key.clone());
        let edit = self.then(replaced, |_| Ok(Op::Add { text, after }))?;
        Ok(Planned { edit, say: format!("{name} between {} and {}", giver.name, taker.name), select: Some(name) })
    }

    fn replace(&mut self, key: &str, kind: &str) -> Result<Planned, Refusal> {
        let hex = self.readable(key)?.clone();
        let own = hex.chips.iter().find(|chip| chip.label == hex.kind).map(|chip| chip.span.clone());
        let place = match hex.what {
            What::Chip => Some(hex.span.clone()),
            _ => own,
        };
        let say = format!("{} is {kind} now", hex.name);
        let piped = place.as_ref().is_some_and(|place| {
            let stage = |expr: &Expr, at: &dyn Fn(&Expr) -> Range<usize>| match &expr.kind {
                ExprKind::Pipe { right, .. } => at(right).start == place.start,
                _ => false,
            };
            self.around(place, stage).is_some()
        });
        let Some(place) = place else {
            // A number or a name becomes what comes into the new node.
            if !matches!(hex.what, What::Value | What::Track) {
                return refuse(format!("`{}` cannot become another node", hex.name));
            }
            let old = self.slice(&hex.body).to_string();
            let source = template::takes(&mut self.hands.signatures, kind).then_some(old.as_str());
            let Some(text) = template::call(&mut self.hands.signatures, kind, source) else {
                return refuse(format!("there is no node `{kind}`"));
            };
            let edit = self.op(&Op::Connect { input: span(&hex.body), source: text })?;
            return Ok(Planned { edit, say, select: None });
        };
        let old = self.slice(&place).to_string();
        let text = self.swapped(&old, kind, piped)?;
        // Where only the word changes, only the word is touched.
        let edit = match (old.split_once('('), text.split_once('(')) {
            (Some((word, rest)), Some((new, same))) if rest == same => {
                let callee = place.start..place.start + word.trim_end().len();
                self.op(&Op::Connect { input: span(&callee), source: new.to_string() })?
            }
            _ => self.op(&Op::Connect { input: span(&place), source: text })?,
        };
        Ok(Planned { edit, say, select: None })
    }

    /// A call of `kind` with the arguments of an old call that it knows as well.
    fn swapped(&mut self, old: &str, kind: &str, piped: bool) -> Result<String, Refusal> {
        let signatures = &mut self.hands.signatures;
        let Some(template) =
            (if piped { template::stage(signatures, kind) } else { template::call(signatures, kind, None) })
        else {
            return refuse(format!("there is no node `{kind}` that could stand here"));
        };
        let called = parse_expr(FileId(0), old).0.map(|expr| expr.kind);
        let Some(ExprKind::Call { callee, args }) = called else { return Ok(template) };
        let word = super::graph::range(callee.span);
        let mut params = |name: &str| -> Vec<String> {
            let signature = signatures.global(name, false);
            signature.map_or_else(Vec::new, |s| s.params.iter().map(|param| param.name.clone()).collect())
        };
        let (was, now) = (params(&old[word]), params(kind));
        let skip = usize::from(piped);
        let mut nth = skip;
        let mut kept: Vec<(String, bool, String)> = Vec::new();
        for arg in &args {
            let text = old[super::graph::range(arg.value.span)].to_string();
            let name = match &arg.name {
                Some(name) => Some(name.name.clone()),
                None => {
                    nth += 1;
                    was.get(nth - 1).cloned()
                }
            };
            // What comes in first comes in first there too, whatever it is called.
            let first = arg.name.is_none() && nth == 1 && !piped;
            match name {
                Some(_) if first && !now.is_empty() => kept.push((now[0].clone(), true, text)),
                Some(name) if now.contains(&name) => kept.push((name, arg.name.is_none(), text)),
                _ => {}
            }
        }
        let needed = parse_expr(FileId(0), &template).0.map(|expr| expr.kind);
        if let Some(ExprKind::Call { args, .. }) = needed {
            let mut nth = skip;
            for arg in &args {
                let name = arg.name.as_ref().map(|name| name.name.clone());
                let place = name.is_none();
                nth += usize::from(place);
                let Some(name) = name.or_else(|| now.get(nth - 1).cloned()) else { continue };
                if place && !kept.iter().any(|(known, ..)| *known == name) {
                    kept.push((name, true, template[super::graph::range(arg.value.span)].to_string()));
                }
            }
        }
        // In order as far as they follow each other, then by name.
        let mut out: Vec<String> = Vec::new();
        let mut rest = kept;
        let mut next = skip;
        while let Some(i) = now.get(next).and_then(|name| rest.iter().position(|(n, place, _)| n == name && *place)) {
            out.push(rest.remove(i).2);
            next += 1;
        }
        out.extend(rest.into_iter().map(|(name, _, text)| format!("{name}: {text}")));
        Ok(if out.is_empty() && piped { kind.to_string() } else { format!("{kind}({})", out.join(", ")) })
    }

    fn delete(&mut self, key: &str) -> Result<Planned, Refusal> {
        let hex = self.hex(key)?.clone();
        if hex.what == What::Chip {
            let pipe = self.around(&hex.span, |expr, at| match &expr.kind {
                ExprKind::Pipe { right, .. } => at(right) == hex.span,
                _ => false,
            });
            let Some(pipe) = pipe else {
                return refuse("this is needed by what is around it: put something else in its place");
            };
            let edit = self.op(&Op::Unstage { pipe: span(&pipe) })?;
            return Ok(Planned { edit, say: format!("{} taken out", hex.name), select: None });
        }
        let name = self.binding(key)?.key.clone();
        let uses = self.view.find(key).map_or(0, |hex| self.view.wires.iter().filter(|wire| wire.from == hex).count());
        // Lines that mute or solo it go first, and stages that send to it.
        let mut edit = Edit::default();
        loop {
            let text = edit.apply(self.text).unwrap_or_default();
            let Some(op) = leftover(&text, &name) else { break };
            let next = self.hands.planner.plan(&text, &op)?;
            let Some(both) = edit.then(self.text, &next) else { return refuse("the text has changed") };
            edit = both;
        }
        let edit = self.then(edit, |_| Ok(Op::Delete { name: name.clone() }))?;
        let used = match uses {
            0 => String::new(),
            1 => ": what used it hears silence".to_string(),
            n => format!(": {n} that used it hear silence"),
        };
        Ok(Planned { edit, say: format!("{name} deleted{used}"), select: None })
    }

    fn bypass(&mut self, key: &str) -> Result<Planned, Refusal> {
        let hex = self.binding(key)?.clone();
        if matches!(hex.what, What::Track | What::Bus) {
            return self.command("mute", &hex.name);
        }
        if hex.what == What::Function {
            return refuse(format!("`{}` is a function: bypass what calls it", hex.name));
        }
        let body = self.slice(&hex.body).to_string();
        let end = hex.body.end;
        let line_end = self.text[end..].find('\n').map_or(self.text.len(), |n| end + n);
        let line_end = if self.text[..line_end].ends_with('\r') { line_end - 1 } else { line_end };
        let behind = &self.text[end..line_end];
        if let Some(was) = behind.trim_start().strip_prefix(BYPASSED) {
            if parse_expr(FileId(0), was).0.is_none() {
                return refuse("the comment behind no longer says what it was");
            }
            let splices = vec![Splice { range: hex.body.start..line_end, text: was.to_string() }];
            let edit = Edit { splices };
            self.hands.planner.check(self.text, &edit, 0)?;
            return Ok(Planned { edit, say: format!("{} is back", hex.name), select: None });
        }
        if !behind.trim().is_empty() || body.contains('\n') {
            return refuse("only what stands in a line of its own, without a comment, can be bypassed");
        }
        let through = hex.ports.iter().find_map(|port| match (&port.site, port.rate) {
            (Site::Expr(at), Rate::Audio | Rate::Event) if *at != hex.body => Some(self.slice(at).to_string()),
            _ => None,
        });
        let Some(through) = through else {
            return refuse(format!("nothing comes into `{}` that could go out", hex.name));
        };
        let text = format!("{through}  {BYPASSED}{body}");
        let edit = Edit { splices: vec![Splice { range: hex.body.start..line_end, text }] };
        self.hands.planner.check(self.text, &edit, 0)?;
        Ok(Planned { edit, say: format!("{} is bypassed", hex.name), select: None })
    }

    fn solo(&mut self, key: &str) -> Result<Planned, Refusal> {
        let hex = self.binding(key)?.clone();
        match hex.what {
            What::Track | What::Bus => self.command("solo", &hex.name),
            What::Function => refuse(format!("`{}` is a function: it makes no sound by itself", hex.name)),
            _ => self.listen(&hex),
        }
    }

    /// A line that mutes or solos a strip, or away with it.
    fn command(&mut self, verb: &str, name: &str) -> Result<Planned, Refusal> {
        if let Some(at) = command_at(self.text, verb, name) {
            let edit = self.op(&Op::Remove { at })?;
            return Ok(Planned { edit, say: format!("{name}: no {verb}"), select: None });
        }
        let edit = self.op(&Op::Add { text: format!("{verb} {name}"), after: Some(name.to_string()) })?;
        Ok(Planned { edit, say: format!("{verb} {name}"), select: None })
    }

    /// A value is heard alone by a track of its own.
    fn listen(&mut self, hex: &Hex) -> Result<Planned, Refusal> {
        let name = format!("hear_{}", hex.name);
        if self.patch.whole.hex(&name).is_some() {
            let first = match command_at(self.text, "solo", &name) {
                Some(at) => self.op(&Op::Remove { at })?,
                None => Edit::default(),
            };
            let edit = self.then(first, |_| Ok(Op::Delete { name: name.clone() }))?;
            return Ok(Planned { edit, say: format!("{} is no longer heard alone", hex.name), select: None });
        }
        let text = format!("track {name} = {}", hex.name);
        let first = self.op(&Op::Add { text, after: Some(hex.key.clone()) })?;
        let edit = self.then(first, |_| Ok(Op::Add { text: format!("solo {name}"), after: Some(name.clone()) }))?;
        Ok(Planned { edit, say: format!("{} is heard alone", hex.name), select: None })
    }
}

/// True for a call of one of these.
fn call_of(expr: &Expr, names: &[&str]) -> bool {
    match &expr.kind {
        ExprKind::Call { callee, .. } => {
            matches!(&callee.kind, ExprKind::Name(name) if names.contains(&name.as_str()))
        }
        ExprKind::Binary { left, .. } => call_of(left, names),
        _ => false,
    }
}

/// The first word of an expression, to name something after.
fn head(text: &str) -> String {
    let word = tokens(text).find(|token| token.kind == Kind::Word).map(|token| token.text(text));
    match tokens(text).next().map(|token| token.kind) {
        Some(Kind::Pattern) => "line".to_string(),
        _ => word.unwrap_or("part").to_string(),
    }
}

/// The middle of the range of `map(x, a..b, low..high)`, in its unit.
fn centre(call: &str) -> Option<String> {
    let expr = parse_expr(FileId(0), call).0?;
    let ExprKind::Call { args, .. } = expr.kind else { return None };
    let ExprKind::Binary { left, right, .. } = &args.get(2)?.value.kind else { return None };
    let read = |expr: &Expr| Literal::read(&call[super::graph::range(expr.span)]);
    let (low, high) = (read(left)?, read(right)?);
    if low.unit != high.unit {
        return None;
    }
    let even = args.len() > 3 && low.value > 0.0;
    Some(low.with(if even { (low.value * high.value).sqrt() } else { (low.value + high.value) / 2.0 }))
}

/// Where `verb name` begins.
fn command_at(text: &str, verb: &str, name: &str) -> Option<u32> {
    let read = parse(FileId(0), &Source::new("", text));
    read.stmts.iter().find_map(|stmt| match &*stmt.item {
        Item::Command(command) if command.verb.name == verb => {
            let path: Vec<&str> = command.path.iter().map(|part| part.name.as_str()).collect();
            (path == [name]).then_some(stmt.offset)
        }
        _ => None,
    })
}

/// What has to go before a strip can: lines that mute it or let it be heard alone, and stages that send to it.
fn leftover(text: &str, name: &str) -> Option<Op> {
    if let Some(at) = command_at(text, "mute", name).or_else(|| command_at(text, "solo", name)) {
        return Some(Op::Remove { at });
    }
    let read = parse(FileId(0), &Source::new("", text));
    read.stmts.iter().find_map(|stmt| {
        let mut found = None;
        visit::exprs(&stmt.item, &mut |expr| {
            if let ExprKind::Pipe { right, .. } = &expr.kind
                && found.is_none()
                && call_of(right, &["send", "to"])
                && let ExprKind::Call { args, .. } = &right.kind
                && args.first().is_some_and(|arg| matches!(&arg.value.kind, ExprKind::Name(n) if n == name))
            {
                found = Some(Op::Unstage { pipe: expr.span.shift(stmt.offset) });
            }
        });
        found
    })
}
