//! Notes to sound: patterns drive voices.
//!
//! A voice is a function whose parameters are bound by name: `freq gate vel` and any field that the pattern's events carry
//! become control rows with one lane per voice; the others take their defaults, which then belong to the track
//! (`bass.cutoff`). The body is elaborated once, whatever the number of voices.

use crate::front::builtins::Call;
use crate::front::call::{ArgVal, Want};
use crate::front::elab::Elab;
use crate::front::names;
use crate::front::scope::*;
use crate::front::value::*;
use crate::program::{FieldSource, Unit, UnitField, UnitKind};
use crate::score::{self, EventBuf, FieldSet, PatId, Ratio, Sym};
use modurust_lang::ast::ExprKind;
use modurust_lang::source::Span;
use modurust_lang::units::Dim;
use modurust_lang::visit;
use std::sync::Arc;

/// `poly` leaves room for chords: 6 dB. Fixed, so that a changed number of voices changes no level.
const CHORD_HEADROOM: f64 = 0.5;

/// How a unit is made.
pub(super) struct Plan<'a> {
    /// How notes meet voices.
    pub kind: UnitKind,
    /// How many.
    pub voices: u32,
    /// The word that is played, for drums.
    pub word: Option<Sym>,
    /// The word that silences it.
    pub choke: Option<Sym>,
    /// What its place in the tree of names is called.
    pub label: &'static str,
    /// Keeps time: the swing of the session is not for it.
    pub straight: bool,
    /// A channel of MIDI for each voice.
    pub mpe: bool,
    /// Arguments that are there already.
    pub given: Vec<(&'static str, Value<'a>)>,
}

/// `poly(pattern, n, voice)`: voices are summed 6 dB down.
pub(super) fn poly<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(pattern) = notes(e, call) else { return Value::Broken };
    let Some(n) = e.count(call, "n", 256) else { return Value::Broken };
    let Some(voice) = e.want(call, "voice") else { return Value::Broken };
    let Some(mpe) = mpe(e, call) else { return Value::Broken };
    let plan = Plan {
        kind: UnitKind::Poly,
        voices: n,
        word: None,
        choke: None,
        label: "poly",
        straight: false,
        mpe,
        given: Vec::new(),
    };
    e.voices_of(pattern, voice, plan, None, call.span)
}

/// `mpe: on`: a channel of MIDI for each voice.
fn mpe<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<bool> {
    let Some(item) = call.take_named("mpe") else { return Some(false) };
    let arg = e.item(item, call.scope);
    match arg.value {
        Value::Num(n) => Some(n.value != 0.0),
        Value::Broken => None,
        _ => {
            e.error("type", arg.span, "`mpe` is on or off").help = Some("write `mpe: on`".into());
            None
        }
    }
}

/// `mono(pattern, voice, glide: 60ms)`
pub(super) fn mono<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(pattern) = notes(e, call) else { return Value::Broken };
    let Some(voice) = e.want(call, "voice") else { return Value::Broken };
    let glide = match call.take("glide") {
        None => None,
        Some(item) => {
            let arg = e.item(item, call.scope);
            match e.coerce(arg, Want::Dim(Dim::Time), "mono", "glide") {
                Value::Broken => return Value::Broken,
                value => Some(value),
            }
        }
    };
    let plan = Plan {
        kind: UnitKind::Mono,
        voices: 1,
        word: None,
        choke: None,
        label: "mono",
        straight: false,
        mpe: false,
        given: Vec::new(),
    };
    e.voices_of(pattern, voice, plan, glide, call.span)
}

/// `kit(pattern, 'tr909')`
pub(super) fn kit<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some((pattern, pattern_span)) = input(e, call) else { return Value::Broken };
    if let Some((word, span)) = call.next_word("name")
        && e.scopes.find(call.scope, word).is_none()
        && (names::is_module(word) || e.has_kit(word))
    {
        e.error("type", span, "a kit is named in single quotes").help = Some(format!("write `kit('{word}')`"));
        return Value::Broken;
    }
    if let Some((word, span)) = call.next_word("name")
        && e.lookup(call.scope, word, span).is_none()
    {
        e.error("type", span, "a kit is named in single quotes").help = Some(format!(
            "`kit('{word}')` plays the sound files of a folder `{word}` beside the text, which is not there; 'tr909' always is"
        ));
        return Value::Broken;
    }
    let Some(name) = e.want(call, "name") else { return Value::Broken };
    let Value::Text(kit) = &name.value else {
        e.error("type", name.span, "a kit is named in single quotes").help = Some("write `kit('tr909')`".into());
        return Value::Broken;
    };
    let library = modurust_lang::library::library();
    if !names::is_module(kit) && !e.has_kit(kit) {
        return e.no_kit(kit, name.span);
    }
    let words = e.score.score().words(pattern);
    if words.is_empty() {
        e.error("pattern", pattern_span, "this pattern has no words for a kit to play").help =
            Some("write drums by name: `\"bd ~ sd ~\"`".into());
        return Value::Broken;
    }
    let mut total: Option<Sig> = None;
    for sym in words.iter().copied() {
        let word = e.score.score().word(sym).to_string();
        if !names::is_module(kit) {
            let saved = e.frame;
            e.frame = e.graph.frame(saved, &word, true, 0);
            let plan = Plan { word: Some(sym), ..drum(None) };
            let sound = e.kit_word(kit, &word, plan, (pattern, call.span));
            e.frame = saved;
            let Some(sig) = sound.and_then(|sound| e.signal(sound, call.span)) else { return Value::Broken };
            total = Some(total.map_or(sig, |sum| e.named_op("add", &[sum, sig])));
            continue;
        }
        let Some(lazy) = e.library_entry(Some(kit), &word) else {
            let known = library.module(kit).map(|e| e.name.to_string()).collect::<Vec<_>>();
            let help = match names::closest(&word, known.iter().map(String::as_str)) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("it has: {}", known.join(" ")),
            };
            let (origin, span) = e.place_of_word(pattern, sym).unwrap_or((e.at, pattern_span));
            e.error_at(origin, "name", span, format!("the kit `{kit}` has no `{word}`")).help = Some(help);
            return Value::Broken;
        };
        let value = e.force(lazy, name.span);
        // A closed hat cuts an open one.
        let choke = if word == "oh" { words.iter().copied().find(|w| e.score.score().word(*w) == "hh") } else { None };
        let voice = ArgVal { value, ..name.clone() };
        let saved = e.frame;
        e.frame = e.graph.frame(saved, &word, true, 0);
        let plan = Plan { word: Some(sym), ..drum(choke) };
        let sound = e.voices_of(pattern, voice, plan, None, call.span);
        e.frame = saved;
        let Some(sig) = e.signal(sound, call.span) else { return Value::Broken };
        total = Some(match total {
            None => sig,
            Some(sum) => e.named_op("add", &[sum, sig]),
        });
    }
    total.map_or(Value::Broken, Value::Sig)
}

/// A drum of a kit.
fn drum<'a>(choke: Option<Sym>) -> Plan<'a> {
    Plan {
        kind: UnitKind::Mono,
        voices: 1,
        word: None,
        choke,
        label: "drum",
        straight: false,
        mpe: false,
        given: Vec::new(),
    }
}

/// The pattern of a call, in which words such as `c4` are notes.
fn notes<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<PatId> {
    let (pattern, _) = input(e, call)?;
    let words = !e.score.score().words(pattern).is_empty();
    Some(if words { e.score.to_notes(pattern) } else { pattern })
}

fn input<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<(PatId, Span)> {
    let arg = e.want(call, "pattern")?;
    let span = arg.span;
    Some((e.pattern(arg.value, span)?, span))
}

impl<'a> Elab<'a> {
    fn no_kit(&mut self, kit: &str, span: Span) -> Value<'a> {
        self.error("name", span, format!("there is no kit `{kit}`")).help =
            Some("there is 'tr909', and any folder of sound files beside the text".into());
        Value::Broken
    }

    /// Where a word of a pattern stands in the text, if it sounds in the first cycles.
    pub(super) fn place_of_word(&self, pattern: PatId, word: Sym) -> Option<(Origin, Span)> {
        let mut events = EventBuf::new(512);
        let score = self.score.score();
        (0..16).find_map(|cycle| {
            events.clear();
            score.query(pattern, Ratio::int(cycle), Ratio::int(cycle + 1), &mut events);
            let event = events.events().iter().find(|event| event.value == score::Value::Word(word))?;
            let (file, start) = *self.patterns.get(event.pattern as usize)?;
            let origin = Origin { file, offset: 0, library: false };
            Some((origin, Span { start: start + event.source.0, end: start + event.source.1 }))
        })
    }

    /// Plays a pattern on voices and sums them.
    pub(super) fn voices_of(
        &mut self,
        pattern: PatId,
        voice: ArgVal<'a>,
        plan: Plan<'a>,
        glide: Option<Value<'a>>,
        span: Span,
    ) -> Value<'a> {
        let Value::Fn(f) = &voice.value else {
            let article = voice.value.article();
            self.error("type", voice.span, format!("a voice is a function of freq, gate, vel .., got {article}"))
                .help = Some(
                "write `tone(freq, gate) = saw(freq) * adsr(gate, 5ms, 100ms, 0.7, 200ms)` and give `tone`".into(),
            );
            return Value::Broken;
        };
        if self.bank.is_some() {
            self.error("type", span, "a voice cannot play voices of its own").help =
                Some("play both patterns on the track".into());
            return Value::Broken;
        }
        let f = Arc::clone(f);
        let live = self.score.score().live(pattern);
        let (voices, kind) = (plan.voices, plan.kind);
        let outer = (self.frame, self.bank);
        self.frame = self.graph.frame(outer.0, plan.label, false, hash_text(f.name));
        self.bank = Some(voices);
        let unit = Unit {
            path: self.graph.path(self.frame),
            frame: self.frame,
            kind: plan.kind,
            voices,
            pattern,
            word: plan.word,
            choke: plan.choke,
            live,
            mpe: plan.mpe,
            outlet: None,
            // A hand swings by itself.
            swings: !plan.straight && live == 0,
            fields: Vec::new(),
        };
        self.units.push(unit);
        let unit = self.units.len() - 1;
        let first = self.graph.nodes.len() as u32;
        let value = match self.bind_voice(&f, pattern, glide, (&plan.given, voice.span)) {
            Some(args) => self.call(Value::Fn(Arc::clone(&f)), args, span, 0),
            None => Value::Broken,
        };
        let value = self.placed(&f, (pattern, unit), value, span);
        self.bodies.push(first..self.graph.nodes.len() as u32);
        let value = match self.signal(value, span) {
            Some(sig) => {
                let sum = self.mix_voices(sig, voices);
                let sum = Sig { node: self.ended(sum.node), ..sum };
                (self.frame, self.bank) = outer;
                if kind == UnitKind::Poly {
                    let gain = self.lower(Num::constant(CHORD_HEADROOM));
                    Value::Sig(self.named_op("mul", &[sum, gain]))
                } else {
                    Value::Sig(sum)
                }
            }
            None => Value::Broken,
        };
        (self.frame, self.bank) = outer;
        value
    }

    /// Where events say from which side they come (`jux`) and the voice does not ask for it, its sound is panned.
    fn placed(&mut self, f: &Closure<'a>, (pattern, unit): (PatId, usize), value: Value<'a>, span: Span) -> Value<'a> {
        let given = self.score.score().fields(pattern);
        let Some(field) = self.score.score().find_field("pan").filter(|field| given & (1 << field.0) != 0) else {
            return value;
        };
        if f.params.find("pan").is_some() || matches!(value, Value::Broken) {
            return value;
        }
        let index = self.units[unit].fields.len() as u32;
        self.units[unit].fields.push(UnitField { source: FieldSource::Named(field), default: 0.0 });
        let node = self.row_of(unit as u32, index);
        let shape = Shape { channels: 1, banked: self.voices() > 1 };
        let position = Value::Sig(Sig { node, shape, dim: Dim::None });
        self.library_call(None, "pan", &[value, position], span)
    }

    /// The arguments of a voice: rows for what events give, defaults for the rest.
    fn bind_voice(
        &mut self,
        f: &Closure<'a>,
        pattern: PatId,
        glide: Option<Value<'a>>,
        (given_values, span): (&[(&'static str, Value<'a>)], Span),
    ) -> Option<Vec<ArgVal<'a>>> {
        let unit = self.units.len() - 1;
        let given = self.score.score().fields(pattern);
        let live = self.score.score().live(pattern) != 0;
        let mut args = Vec::with_capacity(f.params.len());
        self.tell_unheard(f, given, span);
        for i in 0..f.params.len() {
            let name = f.params.name(i);
            if let Some((_, value)) = given_values.iter().find(|(known, _)| *known == name) {
                args.push(self.voice_arg(name, value.clone(), span));
                continue;
            }
            let field = self.score.score().find_field(name).filter(|field| given & (1 << field.0) != 0);
            let default = f.params.full(i).and_then(|p| p.default.as_ref());
            let (source, fallback, dim) = match (name, field) {
                ("freq", _) => (FieldSource::Freq, 440.0, Dim::Frequency),
                ("gate", _) => (FieldSource::Gate, 0.0, Dim::None),
                ("vel", None) => (FieldSource::Vel, 1.0, Dim::None),
                ("vel", Some(_)) => (FieldSource::Vel, 1.0, Dim::None),
                ("dur", None) if default.is_none() => (FieldSource::Frames, self.sample_rate, Dim::Time),
                ("bar", None) if default.is_none() => (FieldSource::Bar, self.sample_rate, Dim::Time),
                ("beat", None) if default.is_none() => (FieldSource::Beat, 0.0, Dim::None),
                ("n" | "value", None) => (FieldSource::Value, 0.0, Dim::None),
                (_, Some(field)) => {
                    // An event without the field takes the default of the text.
                    self.parts.sees_all_of(f.origin.offset);
                    let value = default.map(|expr| {
                        let at = std::mem::replace(&mut self.at, f.origin);
                        let value = self.eval(f.scope, expr);
                        self.at = at;
                        value
                    });
                    let (fallback, dim) = match value {
                        Some(Value::Num(num)) => {
                            let num = crate::front::number::canonical(num, self.clock());
                            (num.value, num.dim)
                        }
                        _ => (0.0, Dim::None),
                    };
                    (FieldSource::Named(field), fallback, dim)
                }
                ("press", None) if live => (FieldSource::Press, 0.0, Dim::None),
                ("slide", None) if live => (FieldSource::Slide, 0.0, Dim::None),
                ("bend", None) if live => (FieldSource::Bend, 0.0, Dim::None),
                ("press" | "slide" | "bend", None) if default.is_none() => {
                    args.push(self.voice_arg(name, Value::Num(Num::constant(0.0)), span));
                    continue;
                }
                (_, None) => {
                    let Some(expr) = default else {
                        self.error(
                            "arity",
                            span,
                            format!("the voice `{}` wants `{name}`, which no event gives", f.name),
                        )
                        .help =
                            Some(format!("give it a default, or give events the field: `>> with({name}: \"1 2\")`"));
                        return None;
                    };
                    self.parts.sees_all_of(f.origin.offset);
                    let at = std::mem::replace(&mut self.at, f.origin);
                    let value = self.eval(f.scope, expr);
                    self.at = at;
                    // Each track has its own: `bass.cutoff`.
                    let value = match value {
                        Value::Num(num) if num.live.is_none() => {
                            let known = self.ranges.get(&num.key).copied();
                            let num = Num { key: num.key.max(1), ..num };
                            let num = num.derive(num.value, num.dim, mix(hash_text(&self.binding), hash_text(name)));
                            self.ranges.extend(known.map(|range| (num.key, range)));
                            if let Some(range) = f.params.full(i).and_then(|p| p.range.as_ref()) {
                                let at = std::mem::replace(&mut self.at, f.origin);
                                let ends = [&range.low, &range.high].map(|end| self.eval(f.scope, end));
                                self.at = at;
                                if let [Value::Num(low), Value::Num(high)] = ends {
                                    self.note_range(num, low, high);
                                }
                            }
                            let full = format!("{}.{name}", self.binding);
                            Value::Num(self.control(num, full))
                        }
                        value => value,
                    };
                    args.push(self.voice_arg(name, value, span));
                    continue;
                }
            };
            let index = self.units[unit].fields.len() as u32;
            self.units[unit].fields.push(UnitField { source, default: fallback as f32 });
            let node = self.row_of(unit as u32, index);
            let shape = Shape { channels: 1, banked: self.voices() > 1 };
            let mut value = Value::Sig(Sig { node, shape, dim });
            if matches!(source, FieldSource::Frames | FieldSource::Bar) {
                let seconds = self.lower(Num::constant(1.0 / self.sample_rate));
                let row = Sig { node, shape, dim: Dim::None };
                value = Value::Sig(Sig { dim, ..self.named_op("mul", &[row, seconds]) });
            }
            if name == "freq"
                && let Some(glide) = &glide
            {
                value = match self.library_call(None, "glide", &[value, glide.clone()], span) {
                    Value::Sig(sig) => Value::Sig(Sig { dim: Dim::Frequency, ..sig }),
                    _ => return None,
                };
            }
            args.push(self.voice_arg(name, value, span));
        }
        Some(args)
    }

    /// A voice that cannot end, and fields of events that it does not know.
    fn tell_unheard(&mut self, f: &Closure<'a>, given: FieldSet, span: Span) {
        let mut uses = false;
        visit::expr_and_below(f.body, &mut |expr| uses |= matches!(&expr.kind, ExprKind::Name(name) if name == "gate"));
        let why = match f.params.find("gate") {
            None => Some("has no `gate`"),
            Some(_) if !uses => Some("does not use its `gate`"),
            Some(_) => None,
        };
        if let Some(why) = why {
            self.warn("voice", span, format!("`{}` {why}: its notes never end", f.name)).help =
                Some("give it a parameter `gate` and an envelope: `* adsr(gate, 5ms, 100ms, 0.7, 200ms)`".into());
        }
        // The parts of a kit take what they know of what all of them are given; `jux` gives `pan` to whoever wants it.
        if self.units.last().is_some_and(|unit| unit.word.is_some()) {
            return;
        }
        let given = (0..score::MAX_FIELDS as u8).filter(|id| given & (1 << id) != 0).map(score::FieldId);
        let mut names: Vec<String> = given.map(|id| self.score.score().field_name(id).to_string()).collect();
        names.sort_unstable();
        for name in names {
            if !matches!(name.as_str(), "freq" | "vel" | "gate" | "pan") && f.params.find(&name).is_none() {
                let message = format!("`{}` has no parameter `{name}`, so this field is not heard", f.name);
                let known: Vec<&str> = (0..f.params.len()).map(|i| f.params.name(i)).collect();
                self.warn("silent", span, message).help = Some(format!("it has: {}", known.join(", ")));
            }
        }
    }

    fn voice_arg(&self, name: &'a str, value: Value<'a>, span: Span) -> ArgVal<'a> {
        ArgVal { name: Some(name), value, span, origin: self.at }
    }

    fn row_of(&mut self, unit: u32, field: u32) -> crate::graph::NodeId {
        let lanes = self.units[unit as usize].voices;
        Arc::make_mut(&mut self.graph.rows).push(crate::graph::Row { unit, field, lanes });
        let row = crate::graph::RowId(self.graph.rows.len() as u32 - 1);
        self.graph.push(crate::graph::Node::Row(row))
    }
}
