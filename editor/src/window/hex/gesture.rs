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

mod inside;
mod remove;
mod replace;
mod strip;
mod voice;
mod write;

use super::graph::{Category, Hex, Patch, Picture, Port, Rate, Role, Site, Value, What};
use super::knob::{Literal, short};
use super::signature::Signatures;
use super::template;
use modurust_runtime::compiler::ide;
use modurust_runtime::compiler::lang::ast::{Expr, ExprKind};
use modurust_runtime::compiler::lang::edit::{Edit, Op, Planner, Refusal, Splice};
use modurust_runtime::compiler::lang::parse::parse_expr;
use modurust_runtime::compiler::lang::source::{FileId, Span};
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::compiler::lang::visit;
use std::ops::Range;

/// What begins the comment behind a binding that is bypassed; what it was stands behind that.
pub const BYPASSED: &str = "// bypassed: ";

/// What can be done to a patch. Hexes are named by key, ports by number.
// The text of a variant names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum Gesture {
    /// A new node below `near`, a statement, or a definition of the block that was entered; `source` feeds its first input. The kind may
    /// say a name: `env = ad`.
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
    /// Writes other numbers in the place of some, in the order of the text.
    Set { values: Vec<(Range<usize>, String)> },
    /// Lets what comes out be looked at while it sounds. Done again, no longer.
    Monitor { hex: String },
    /// What was typed for an input; nothing takes it out again. A number behind the last input means an argument: `accent: 1`.
    Write { hex: String, port: usize, value: String },
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
            Gesture::Set { values } => {
                let (mut say, mut splices) = (Vec::new(), Vec::new());
                for (at, value) in values {
                    say.push(format!("{} becomes {value}", self.slice(at)));
                    splices.extend(self.op(&Op::Connect { input: span(at), source: value.clone() })?.splices);
                }
                let edit = Edit { splices };
                self.hands.planner.check(self.text, &edit, 0)?;
                done(edit, say.join(", "), None)
            }
            Gesture::Monitor { hex } => self.monitor(hex),
            Gesture::Write { hex, port, value } => self.write(hex, *port, value),
            Gesture::Rename { hex, to } => {
                let found = self.readable(hex)?.clone();
                let edit = match self.patch.whole.hex(hex) {
                    Some(_) => self.op(&Op::Rename { name: hex.clone(), to: to.clone() })?,
                    None => match (ide::rename(self.patch.document, found.span.start, to), hex.split_once('.')) {
                        (Err(_), Some((function, _))) if found.what == What::Param => {
                            self.rename_field(function, found.span.start, to)?
                        }
                        (edit, _) => edit?,
                    },
                };
                let outer = hex.rsplit_once('.').map(|(outer, _)| format!("{outer}.{to}"));
                done(edit, format!("{} is called {to}", found.name), Some(outer.unwrap_or_else(|| to.clone())))
            }
            Gesture::Extract { span: at } => {
                let kind = head(self.slice(at));
                let name = template::fresh(self.text, &kind);
                let whole = self.stage(at);
                match self.op(&Op::Extract { expr: span(&whole), name: name.clone() }) {
                    Ok(edit) => done(edit, format!("{kind} is called {name}"), Some(name)),
                    // What has its meaning only inside gets its name inside.
                    Err(_) if self.view.of.is_some() => self.extract_inside(at, &kind),
                    Err(why) => Err(why),
                }
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
            None => refuse(format!("`{}` lives inside of its binding: leave it first (Backspace)", hex.name)),
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

    fn add(&mut self, kind: &str, near: Option<&str>, source: Option<&str>) -> Result<Planned, Refusal> {
        let (name, kind) = match kind.split_once('=') {
            Some((name, kind)) => (Some(name.trim()), kind.trim()),
            None => (None, kind.trim()),
        };
        if self.view.of.is_some() {
            return self.add_inside((kind, name), near, source);
        }
        if kind == "parameter" {
            return refuse("a parameter belongs to a function: enter one first");
        }
        if kind == "out" && self.patch.whole.hex("out").is_some() {
            return refuse("there is an `out` already: connect to that");
        }
        let name = match name {
            _ if kind == "out" => "out".to_string(),
            Some(name) => self.free(name)?.to_string(),
            None => template::fresh(self.text, kind),
        };
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

    /// A name that nothing in the file has.
    fn free<'n>(&self, name: &'n str) -> Result<&'n str, Refusal> {
        inside::proper(name)?;
        let word = |token: modurust_runtime::compiler::lang::token::Token| {
            token.kind == Kind::Word && token.text(self.text) == name
        };
        if tokens(self.text).any(word) {
            return refuse(format!("`{name}` already means something in this file: choose another name"));
        }
        Ok(name)
    }

    fn connect(&mut self, from: &str, to: &str, port: usize) -> Result<Planned, Refusal> {
        let (giver, taker) = (self.hex(from)?.clone(), self.readable(to)?.clone());
        let Some(port) = taker.ports.get(port) else { return refuse(format!("`{}` has no such input", taker.name)) };
        let say = format!("connect {} to {}.{}", giver.name, taker.name, port.name);
        let done = |edit| Ok(Planned { edit, say, select: None });
        if port.site == Site::Send {
            return done(self.send(from, &taker)?);
        }
        if taker.what == What::Param {
            return refuse(format!("`{}` is given by who calls this", taker.name));
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
        if self.view.of.is_some() {
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
