//! Samples: recorded sound as a value, and what plays it.
//!
//! A slot is named by its file in single quotes, or by a kit's folder; it becomes a sample of the graph, whose memory the control side
//! brings when it is decoded. How it is played is written in the library (`stdlib/sample.modu`); what stands here finds files, makes
//! patterns into voices, and hands the slot to the library's players.

use crate::front::builtins::Call;
use crate::front::call::{ArgVal, Want};
use crate::front::elab::Elab;
use crate::front::names;
use crate::front::outside::take;
use crate::front::value::*;
use crate::front::voices::Plan;
use crate::graph::{Node, Out, OutKind, SampleId};
use crate::program::UnitKind;
use crate::score::{self, PatId, Ratio};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;
use std::sync::Arc;

/// Endings of files that are sounds.
pub const SOUNDS: &[&str] = &["wav", "flac", "ogg", "mp3", "aif", "aiff"];
/// What [`Sample::stretch`] is for a sample as it was recorded.
pub const AS_IT_IS: u32 = 1_000_000;
/// Voices of a `sampler`, unless the text says otherwise.
const SAMPLER_VOICES: u32 = 8;

impl<'a> Elab<'a> {
    /// The sample of the graph for a slot: one for equal files.
    pub(super) fn sample_of(&mut self, slot: &Sample) -> SampleId {
        let files: Vec<String> = slot.files.iter().map(|f| f.to_string()).collect();
        let sample =
            crate::graph::Sample { files, stretch: slot.stretch, anchors: slot.anchors.clone(), head: slot.head };
        let known = self.graph.samples.iter().position(|s| *s == sample);
        let at = known.unwrap_or_else(|| {
            self.graph.samples.push(sample);
            self.graph.samples.len() - 1
        });
        SampleId(at as u32)
    }

    /// A function of the library as a voice.
    fn player(&mut self, name: &str, span: Span) -> Option<ArgVal<'a>> {
        let lazy = self.library_entry(None, name)?;
        let value = self.force(lazy, span);
        Some(self.arg(value, span))
    }

    /// Plays a pattern by a player of the library that is given a slot and more.
    pub(super) fn played(
        &mut self,
        (pattern, player): (PatId, &str),
        (kind, voices, straight): (UnitKind, u32, bool),
        given: Vec<(&'static str, Value<'a>)>,
        span: Span,
    ) -> Value<'a> {
        let Some(voice) = self.player(player, span) else { return Value::Broken };
        self.voices_of(
            pattern,
            voice,
            Plan { kind, voices, word: None, choke: None, label: "sample", straight, mpe: false, given },
            None,
            span,
        )
    }

    /// A length as bars; seconds by the tempo of the text.
    pub(super) fn length_in_bars(&mut self, arg: ArgVal<'a>, function: &str, name: &str) -> Option<Ratio> {
        let span = arg.span;
        let bars = match &arg.value {
            Value::Num(num) if num.dim == Dim::Time => Ratio::from_f64(num.value) * self.bars_per_second(),
            _ => match self.coerce(arg, Want::Dim(Dim::Beats), function, name) {
                Value::Num(num) => Ratio::from_f64(num.value) / self.beats_per_bar(),
                Value::Broken => return None,
                _ => {
                    let message = format!("`{function}` wants a length that is known");
                    self.error("type", span, message).help = Some("write it in bars: `2bars`".into());
                    return None;
                }
            },
        };
        if !bars.is_positive() {
            self.error("type", span, "this lasts no time").help =
                Some("write a length above 0, such as `2bars`".into());
            return None;
        }
        Some(bars)
    }

    /// A slot that is made longer or shorter at its own pitch.
    fn stretched(&mut self, slot: &Sample, factor: f64) -> Arc<Sample> {
        let stretch = (f64::from(slot.stretch) * factor.clamp(0.125, 8.0)).round().clamp(125_000.0, 8_000_000.0);
        Arc::new(Sample { stretch: stretch as u32, ..slot.clone() })
    }

    /// A file that stands where a clip does plays over and over at its own speed; every other value is what it is.
    pub(super) fn slot_clip(&mut self, value: Value<'a>, span: Span) -> Value<'a> {
        let slot = match value {
            Value::Text(file) => self.open_slot(&file, span),
            Value::Slot(slot) => slot,
            value => return value,
        };
        self.over_and_over(slot, span)
    }

    /// A sample at its own speed, over and over.
    pub(super) fn over_and_over(&mut self, slot: Arc<Sample>, span: Span) -> Value<'a> {
        let (one, zero) = (Value::Num(Num::constant(1.0)), Value::Num(Num::constant(0.0)));
        self.played_from(slot, [one.clone(), zero, one], span)
    }

    /// A sample from a place on, at a rate, once or over and over. A long file is read from disk on the way, for a playhead of its
    /// own; not where there are several voices, each with another place.
    fn played_from(&mut self, slot: Arc<Sample>, [rate, start, over]: [Value<'a>; 3], span: Span) -> Value<'a> {
        let long = slot.stretch == AS_IT_IS && self.bank.is_none() && slot.files.iter().any(|file| self.is_long(file));
        let gate = Value::Num(Num::constant(1.0));
        if !long {
            return self.library_call(None, "sampleplay", &[Value::Slot(slot), gate, rate, start, over], span);
        }
        let head = self.graph.samples.iter().map(|s| s.head).max().unwrap_or(0) + 1;
        let slot = Value::Slot(Arc::new(Sample { head, ..Sample::clone(&slot) }));
        self.library_call(None, "samplestream", &[slot, gate, rate, start, over], span)
    }

    /// The files of a kit's folder that answer to a word: `bd/*.wav` or `bd*.wav`, in the order of their names.
    fn kit_files(&self, folder: &str, word: &str) -> Vec<Arc<str>> {
        let sound = |name: &str| {
            name.rsplit_once('.').is_some_and(|(_, end)| SOUNDS.contains(&end.to_ascii_lowercase().as_str()))
        };
        let inner = format!("{folder}/{word}");
        let deep = self.folder(&inner);
        if !deep.is_empty() {
            return deep.into_iter().filter(|f| sound(f)).map(|f| Arc::from(format!("{inner}/{f}"))).collect();
        }
        let mine = |name: &String| {
            let rest = name.strip_prefix(word);
            sound(name) && rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        };
        self.folder(folder).into_iter().filter(mine).map(|f| Arc::from(format!("{folder}/{f}"))).collect()
    }

    /// The words that a kit's folder has.
    fn kit_words(&self, folder: &str) -> Vec<String> {
        let word = |name: String| {
            let end = name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len());
            name[..end].to_string()
        };
        let mut words: Vec<String> = self.folder(folder).into_iter().map(word).filter(|w| !w.is_empty()).collect();
        words.dedup();
        words
    }

    /// True if there is a kit of this name beside the text.
    pub(super) fn has_kit(&self, name: &str) -> bool {
        !self.folder(&self.sources_dir(name)).is_empty()
    }

    /// Plays one word of a pattern from a kit's folder.
    pub(super) fn kit_word(
        &mut self,
        kit: &str,
        word: &str,
        plan: Plan<'a>,
        place: (PatId, Span),
    ) -> Option<Value<'a>> {
        let folder = self.sources_dir(kit);
        let files = self.kit_files(&folder, word);
        if files.is_empty() {
            let words = self.kit_words(&folder);
            let help = match names::closest(word, words.iter().map(String::as_str)) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("it has: {}", words.join(" ")),
            };
            let (pattern, span) = place;
            let (origin, span) = self.place_of_word(pattern, plan.word?).unwrap_or((self.at, span));
            let message = format!("the folder `{kit}` has no sound for `{word}`");
            self.error_at(origin, "name", span, message).help = Some(help);
            return None;
        }
        let slot = Value::Slot(Arc::new(Sample { files, stretch: AS_IT_IS, anchors: Vec::new(), head: 0, part: None }));
        let voice = self.player("samplehit", place.1)?;
        let plan = Plan { given: vec![("slot", slot)], ..plan };
        Some(self.voices_of(place.0, voice, plan, None, place.1))
    }
}

/// `prim.peek(slot, index)`
pub(super) fn peek<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = take!(e.slot_arg(call, "slot"));
    let index = take!(e.want(call, "index"));
    let index = take!(e.signal(index.value, index.span));
    let sample = e.sample_of(&slot);
    let node = e.graph.push(Node::Peek(sample, index.node));
    Value::Sig(Sig { node, dim: Dim::None, ..index })
}

/// `prim.follow(slot, x, page, missed)`
pub(super) fn follow<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = take!(e.slot_arg(call, "slot"));
    let x = take!(e.want(call, "x"));
    let mut told = Vec::new();
    for name in ["page", "missed"] {
        let arg = take!(e.want(call, name));
        told.push(take!(e.signal(arg.value, arg.span)).node);
    }
    if e.bank.is_none() {
        let sample = e.sample_of(&slot);
        let node = e.graph.push(Node::Join(told));
        let name = slot.files.first().map_or(String::new(), |file| file.to_string());
        e.graph.outs.push(Out { name, kind: OutKind::Head(sample), node, frame: e.frame });
    }
    x.value
}

/// An argument by name, or a number.
fn or<'a>(e: &mut Elab<'a>, call: &mut Call<'a>, name: &str, want: Want, default: f64) -> Option<Value<'a>> {
    Some(match e.named_unit(call, name, want)? {
        Some(sig) => Value::Sig(sig),
        None => {
            let dim = if let Want::Dim(dim) = want { dim } else { Dim::None };
            Value::Num(Num::new(default, dim, 0))
        }
    })
}

/// `play(slot, rate: 1, start: 0, loop: off)`
pub(super) fn play<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = take!(e.slot_arg(call, "slot"));
    let rate = take!(or(e, call, "rate", Want::Signal, 1.0));
    let start = take!(or(e, call, "start", Want::Signal, 0.0));
    let over = take!(or(e, call, "loop", Want::Signal, 0.0));
    e.played_from(slot, [rate, start, over], call.span)
}

/// `slice(pattern, slot, n, fit: 2bars)`
pub(super) fn slice<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let arg = take!(e.want(call, "pattern"));
    let pattern = take!(e.pattern(arg.value, arg.span));
    let slot = Value::Slot(take!(e.slot_arg(call, "slot")));
    let n = Value::Num(Num::constant(f64::from(take!(e.count(call, "n", 1024)))));
    // No length: at its own speed.
    let fit = match call.take_named("fit") {
        Some(item) => {
            let arg = e.item(item, call.scope);
            take!(e.length_in_bars(arg, "slice", "fit")).to_f64()
        }
        None => 0.0,
    };
    let given = vec![("slot", slot), ("parts", n), ("fit", Value::Num(Num::constant(fit)))];
    e.played((pattern, "sampleslice"), (UnitKind::Mono, 1, false), given, call.span)
}

/// `loop(slot, length)`: every quarter of a bar or less says where in the sample it should be.
pub(super) fn looped<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = Value::Slot(take!(e.slot_arg(call, "slot")));
    let length = take!(e.want(call, "length"));
    let bars = take!(e.length_in_bars(length, "loop", "length"));
    let pieces = (bars * Ratio::int(4)).ceil().clamp(1, 256);
    let counted = e.score.run(pieces);
    let pattern = e.score.slow(counted, bars);
    let given = vec![("slot", slot), ("pieces", Value::Num(Num::constant(pieces as f64)))];
    e.played((pattern, "sampleloop"), (UnitKind::Mono, 1, true), given, call.span)
}

/// `sampler(pattern, slot, root: c4)`
pub(super) fn sampler<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let arg = take!(e.want(call, "pattern"));
    let pattern = take!(e.pattern(arg.value, arg.span));
    let pattern = if e.score.score().words(pattern).is_empty() { pattern } else { e.score.to_notes(pattern) };
    let slot = Value::Slot(take!(e.slot_arg(call, "slot")));
    let root = take!(or(e, call, "root", Want::Dim(Dim::Frequency), 261.625_565_300_598_6));
    let given = vec![("slot", slot), ("root", root)];
    e.played((pattern, "samplenote"), (UnitKind::Poly, SAMPLER_VOICES, false), given, call.span)
}

/// `warp(slot, tempo)`: the sample at the session's tempo and its own pitch. It is stretched once, for the tempo of the text; its beats
/// fall on those of the session whatever the tempo does.
pub(super) fn warp<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = take!(e.slot_arg(call, "slot"));
    let tempo = take!(e.want(call, "tempo"));
    let span = tempo.span;
    let own = match e.coerce(tempo, Want::Dim(Dim::Tempo), "warp", "tempo") {
        Value::Num(num) if (1.0..=2000.0).contains(&num.value) => num.value,
        Value::Broken => return Value::Broken,
        _ => {
            e.error("type", span, "`warp` wants the tempo in which the sample was recorded").help =
                Some("write a number between 1 and 2000: `warp(124bpm)`".into());
            return Value::Broken;
        }
    };
    let now = e.bpm().to_f64();
    let slot = Value::Slot(e.stretched(&slot, own / now));
    let beat = Value::Num(Num::new(60.0 / now, Dim::Time, 0));
    let one = e.score.pure(score::Value::Num(0.0));
    let beats = e.beats_per_bar();
    let pattern = e.score.fast(one, beats);
    let given = vec![("slot", slot), ("own", beat)];
    e.played((pattern, "samplewarp"), (UnitKind::Mono, 1, true), given, call.span)
}

/// `timestretch(slot, factor)`: by a number the sample is stretched once, by a signal while it plays.
pub(super) fn timestretch<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = take!(e.slot_arg(call, "slot"));
    let factor = take!(e.want(call, "factor"));
    if let Value::Num(num) = &factor.value
        && num.dim == Dim::None
        && num.live.is_none()
        && (0.125..=8.0).contains(&num.value)
    {
        let slot = e.stretched(&slot, num.value);
        return e.over_and_over(slot, call.span);
    }
    let value = e.coerce(factor, Want::Signal, "timestretch", "factor");
    let factor = take!(e.signal(value, call.span));
    let one = e.lower(Num::constant(1.0));
    let speed = e.named_op("div", &[one, factor]);
    e.library_call(None, "samplestretch", &[Value::Slot(slot), Value::Sig(speed)], call.span)
}

/// `grain(slot, pos: 0, size: 60ms, density: 20hz, pitch: 0st, jitter: 0, reverse: 0, spread: 0, window: 1)`
pub(super) fn grain<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = Value::Slot(take!(e.slot_arg(call, "slot")));
    let pos = take!(or(e, call, "pos", Want::Signal, 0.0));
    let size = take!(or(e, call, "size", Want::Dim(Dim::Time), 0.06));
    let density = take!(or(e, call, "density", Want::Dim(Dim::Frequency), 20.0));
    let pitch = take!(or(e, call, "pitch", Want::Dim(Dim::Interval), 0.0));
    let mut args = vec![slot, pos, size, density, pitch];
    for (name, default) in [("jitter", 0.0), ("reverse", 0.0), ("spread", 0.0), ("window", 1.0)] {
        args.push(take!(or(e, call, name, Want::Signal, default)));
    }
    e.library_call(None, "samplecloud", &args, call.span)
}

/// `rec(x, length, again: 0, dub: 0, undo: 0, clear: 0)`
pub(super) fn rec<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let mut args = vec![Value::Sig(take!(e.unit_arg(call, "x", Want::Signal)))];
    args.push(Value::Sig(take!(e.unit_arg(call, "length", Want::Dim(Dim::Time)))));
    for name in ["again", "dub", "undo", "clear"] {
        args.push(take!(or(e, call, name, Want::Signal, 0.0)));
    }
    e.library_call(None, "samplerec", &args, call.span)
}
