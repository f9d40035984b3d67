//! Patterns as functions of time.
//!
//! A pattern answers one question: which events lie in this span of cycles? One cycle is one bar; time is an exact [`Ratio`]. A
//! [`Score`] is an immutable arena of such functions, built once by a [`ScoreBuilder`] off the audio thread and then only
//! asked. [`Score::query`] writes into an [`EventBuf`] of fixed capacity, never allocates, never panics, and its work is
//! bounded; a combinator asks its child for another span and rescales the events that the child just wrote, in place.
//!
//! An event has a `whole`, the span that it means, and a `part`, the piece of it that the query saw. Only an event whose part
//! begins with its whole starts to sound ([`Event::is_onset`]); cutting a query at any point therefore never doubles a note.
//! Chance is a pure hash of time (see `random`), so a replay is identical, and a pattern has no state to carry across edits.

mod build;
mod build_chord;
mod build_more;
pub mod chords;
mod copy;
mod facts;
pub mod harmony;
pub mod launch;
mod mini;
mod node;
mod query;
mod query_join;
mod query_more;
mod query_time;
pub mod random;
pub mod ratio;
mod rhythm;
pub mod tempo;
mod text;
pub mod timeline;

pub use build::ScoreBuilder;
pub use build_chord::CHORD_OCTAVE;
pub use copy::Copier;
use launch::Launches;
pub use node::{Curve, Factor, JoinMode, Map, Operator, Scope, Signal};
pub use query::line;
pub use ratio::Ratio;
pub use text::{TextError, TextEvent, event_text, onsets_of, value_text};

/// A pattern of a [`Score`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatId(pub u32);

/// An interned word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(pub u16);

/// A named field of events; at most [`MAX_FIELDS`] per score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u8);

impl FieldId {
    /// `freq`
    pub const FREQ: FieldId = FieldId(0);
    /// `vel`
    pub const VEL: FieldId = FieldId(1);
    /// `gate`: length as a share of the event
    pub const GATE: FieldId = FieldId(2);
}

/// Most named fields of one score.
pub const MAX_FIELDS: usize = 16;
/// Most values behind the first of `a:b:c`.
pub const MAX_TAIL: usize = 3;
/// Deepest tree of patterns; a deeper one is silent and [`ScoreBuilder::overflowed`].
pub const MAX_DEPTH: u32 = 128;

/// What an event carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A plain number.
    Num(f64),
    /// A MIDI note number, perhaps between keys.
    Note(f64),
    /// A frequency in Hz.
    Freq(f64),
    /// A word: a sample, a clip, a part of a kit.
    Word(Sym),
}

impl Default for Value {
    fn default() -> Value {
        Value::Num(0.0)
    }
}

impl Value {
    /// The number inside; words have none.
    pub fn number(self) -> Option<f64> {
        match self {
            Value::Num(x) | Value::Note(x) | Value::Freq(x) => Some(x),
            Value::Word(_) => None,
        }
    }

    /// The value with its number changed; words stay.
    pub fn map(self, f: impl Fn(f64) -> f64) -> Value {
        match self {
            Value::Num(x) => Value::Num(f(x)),
            Value::Note(x) => Value::Note(f(x)),
            Value::Freq(x) => Value::Freq(f(x)),
            word => word,
        }
    }

    /// Frequency in Hz of a note or frequency; a plain number is a MIDI note number.
    pub fn freq(self) -> Option<f64> {
        match self {
            Value::Num(x) | Value::Note(x) => Some(harmony::midi_to_hz(x)),
            Value::Freq(x) => Some(x),
            Value::Word(_) => None,
        }
    }
}

/// The values behind the first of `a:b:c`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tail {
    len: u8,
    items: [Value; MAX_TAIL],
}

impl PartialEq for Tail {
    fn eq(&self, o: &Tail) -> bool {
        self.values() == o.values()
    }
}

impl Tail {
    /// The values in order.
    pub fn values(&self) -> &[Value] {
        &self.items[..usize::from(self.len)]
    }

    /// Adds one; more than fit are left out.
    pub fn push(&mut self, value: Value) {
        if let Some(slot) = self.items.get_mut(usize::from(self.len)) {
            *slot = value;
            self.len += 1;
        }
    }

    /// The first value, such as the `3` of `bd:3`.
    pub fn first(&self) -> Option<Value> {
        self.values().first().copied()
    }
}

/// A set of [`FieldId`]s: bit `i` is field `i`.
pub type FieldSet = u16;

/// One event of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// The span that the event means, in cycles.
    pub whole: (Ratio, Ratio),
    /// The piece of it that the query saw.
    pub part: (Ratio, Ratio),
    /// The value.
    pub value: Value,
    /// The rest of `a:b:c`.
    pub tail: Tail,
    /// Values of named fields; only those in `mask` count.
    pub fields: [f32; MAX_FIELDS],
    /// Which fields are set.
    pub mask: FieldSet,
    /// From a signal such as a ramp: `whole` is the span asked for, and `value` holds at its begin.
    pub continuous: bool,
    /// Bytes of the atom in the text of its pattern.
    pub source: (u32, u32),
    /// Which pattern text: the origin given to the builder.
    pub pattern: u32,
}

impl Default for Event {
    fn default() -> Event {
        Event {
            whole: (Ratio::ZERO, Ratio::ZERO),
            part: (Ratio::ZERO, Ratio::ZERO),
            value: Value::default(),
            tail: Tail::default(),
            fields: [0.0; MAX_FIELDS],
            mask: 0,
            continuous: false,
            source: (0, 0),
            pattern: 0,
        }
    }
}

impl Event {
    /// Whether the event begins here: its part begins with its whole.
    pub fn is_onset(&self) -> bool {
        self.whole.0 == self.part.0
    }

    /// The value of a field, if it is set.
    pub fn field(&self, field: FieldId) -> Option<f32> {
        let i = usize::from(field.0);
        (i < MAX_FIELDS && self.mask & (1 << i) != 0).then(|| self.fields[i])
    }

    /// Sets a field.
    pub fn set_field(&mut self, field: FieldId, value: f32) {
        let i = usize::from(field.0);
        if i < MAX_FIELDS {
            self.fields[i] = value;
            self.mask |= 1 << i;
        }
    }
}

/// Where a query writes: capacity fixed at construction, pushing never allocates.
pub struct EventBuf {
    events: Vec<Event>,
    capacity: usize,
    lost: usize,
    work: u32,
}

impl Default for EventBuf {
    fn default() -> EventBuf {
        EventBuf::new(512)
    }
}

impl EventBuf {
    /// Room for `capacity` events.
    pub fn new(capacity: usize) -> EventBuf {
        EventBuf { events: Vec::with_capacity(capacity), capacity, lost: 0, work: 0 }
    }

    /// Forgets all events and what was lost.
    pub fn clear(&mut self) {
        self.events.clear();
        self.lost = 0;
    }

    /// Adds an event, or counts it as lost.
    pub fn push(&mut self, event: Event) {
        if self.events.len() < self.capacity {
            self.events.push(event);
        } else {
            self.lost += 1;
        }
    }

    /// What was found, in no particular order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events that begin in the span asked for.
    pub fn onsets(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|e| e.is_onset())
    }

    /// Events that found no room, and spans given up because the query became too much work.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// No events.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Room in all.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

/// All patterns of a program: immutable, cheap to share.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Where its chance starts.
    pub(crate) seed: u64,
    pub(crate) nodes: Vec<node::Node>,
    pub(crate) lists: Vec<PatId>,
    pub(crate) slots: Vec<node::Slot>,
    pub(crate) rhythms: Vec<bool>,
    pub(crate) tables: Vec<f64>,
    pub(crate) values: Vec<Value>,
    pub(crate) words: Vec<String>,
    /// What each word means as a note, ready for the callback.
    pub(crate) word_notes: Vec<Option<f64>>,
    pub(crate) field_names: Vec<String>,
    pub(crate) sources: Vec<LiveSource>,
}

/// Where live notes come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSource {
    /// Part of the device's name, in lower case; empty for every device.
    pub device: String,
    /// Channel, 0 to 15; `None` for all.
    pub channel: Option<u8>,
}

impl Score {
    /// The events of `pat` from `begin` to `end`, in cycles, added to `out`. An empty span has no
    /// events. Never allocates and never panics; events without room are counted in [`EventBuf::lost`].
    pub fn query(&self, pat: PatId, begin: Ratio, end: Ratio, out: &mut EventBuf) {
        query::run(self, pat, (begin, end), &launch::UNLAUNCHED, out);
    }

    /// As [`query`](Self::query), with the clips that were launched.
    pub fn query_launched(&self, pat: PatId, begin: Ratio, end: Ratio, launches: &Launches, out: &mut EventBuf) {
        query::run(self, pat, (begin, end), launches, out);
    }

    /// The sets of clips that a pattern depends on: bit `i` is set `i`, the last bit all beyond.
    pub fn sets(&self, pat: PatId) -> u64 {
        self.nodes.get(pat.0 as usize).map_or(0, |n| n.sets)
    }

    /// The sources of live notes that a pattern depends on: bit `i` is source `i`, the last bit all beyond.
    pub fn live(&self, pat: PatId) -> u64 {
        self.nodes.get(pat.0 as usize).map_or(0, |n| n.sources)
    }

    /// Where live notes come from, by number of the source.
    pub fn sources(&self) -> &[LiveSource] {
        &self.sources
    }

    /// What counts as true: any number but 0, any word but `f` and `false`.
    pub fn is_true(&self, value: Value) -> bool {
        match value {
            Value::Word(s) => !matches!(self.word(s), "f" | "false"),
            value => value.number().is_some_and(|x| x != 0.0 && !x.is_nan()),
        }
    }

    /// Number of patterns.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// No patterns.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The text of a word.
    pub fn word(&self, sym: Sym) -> &str {
        self.words.get(usize::from(sym.0)).map_or("", String::as_str)
    }

    /// True if a word is the name of a note.
    pub fn is_note(&self, sym: Sym) -> bool {
        self.word_notes.get(usize::from(sym.0)).is_some_and(Option::is_some)
    }

    /// The word's number, if any pattern or caller used it.
    pub fn find_word(&self, text: &str) -> Option<Sym> {
        self.words.iter().position(|w| w == text).and_then(|i| u16::try_from(i).ok()).map(Sym)
    }

    /// The name of a field.
    pub fn field_name(&self, field: FieldId) -> &str {
        self.field_names.get(usize::from(field.0)).map_or("", String::as_str)
    }

    /// How many patterns there are.
    pub fn pattern_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many fields have names.
    pub fn field_count(&self) -> usize {
        self.field_names.len()
    }

    /// The field of a name.
    pub fn find_field(&self, name: &str) -> Option<FieldId> {
        self.field_names.iter().position(|n| n == name).and_then(|i| u8::try_from(i).ok()).map(FieldId)
    }
}
