//! Parts: statements of the top level, elaborated by themselves and kept between edits.
//!
//! A track, a bus and a definition of a value are a *part* each. A part starts with a clean slate (no voice around it, no call
//! that it stands in), so that it is the same whoever asks for it first, and what it makes is noted: pieces of the arenas of
//! the elaborator, messages, controls, what it sends. It is also noted which names of the top level it asked for, and what these
//! stood for:
//!
//! ```text
//! cut = 400hz                        part 1: reads nothing
//! v(freq) = saw(freq) >> lpf(cut)    no part: a function is elaborated where it is called
//! track a = "0 3" >> mono(v)         part 2: reads mono, v, saw, lpf, cut, adsr ..
//! ```
//!
//! The arenas live on between edits and only grow. In the next text a part is taken as it is if its statement is the same and every name
//! that it asked for stands for the same thing: nothing, the same function, or an equal value. Otherwise it is elaborated
//! again, by the same evaluator. A value that comes out equal stops the wave there. What a program gets is copied out of the arenas in an order
//! that depends on the text alone ([`super::link`]), so nobody can tell whether a part was kept; a test compares.
//!
//! What clips in a definition belong to, and whose fader its sends follow, is said by the first strip that asks for it: such a part is kept for
//! that strip alone. What a part was told of files is noted as well, and asked again. Parts with errors and those that go round in a circle
//! through each other are not kept.

use crate::front::again::Again;
use crate::front::calls::{Call, Calls};
use crate::front::elab::Elab;
use crate::front::glance::hash_expr;
use crate::front::layout::{Pieces, is_closed};
use crate::front::mixer::Gain;
use crate::front::owners::Owners;
use crate::front::scope::*;
use crate::front::settings::Settings;
use crate::front::stand_ins::StandIns;
use crate::front::timeline::Control;
use crate::front::validity::Ask;
use crate::front::value::*;
use crate::graph::{FrameId, NodeId, Out, ParamId};
use modurust_lang::ast::ExprKind;
use modurust_lang::{Diagnostic, Span};
use rustc_hash::{FxBuildHasher, FxHashMap as HashMap, FxHashSet as HashSet};
use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// The part that is the session itself: no statement stands there.
const SESSION: u32 = u32::MAX;

/// What marks the version of a function among those of values: the rest is what its statement says.
pub(super) const LAMBDA: u64 = 1 << 63;

/// How far the arenas are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Ends {
    pub nodes: u32,
    pub cells: u32,
    pub rings: u32,
    pub frames: u32,
    pub rows: u32,
    pub units: u32,
    pub sets: u32,
}

impl Ends {
    fn min(self, other: Ends) -> Ends {
        Ends {
            nodes: self.nodes.min(other.nodes),
            cells: self.cells.min(other.cells),
            rings: self.rings.min(other.rings),
            frames: self.frames.min(other.frames),
            rows: self.rows.min(other.rows),
            units: self.units.min(other.units),
            sets: self.sets.min(other.sets),
        }
    }
}

/// What is asked of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Bytes,
    Text,
    Exists,
    IsLong,
    Folder,
}

/// A question about a file, its path, and a hash of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub question: Question,
    pub path: String,
    pub answer: u64,
}

/// What a statement made.
pub(super) struct Part {
    /// The number of the name of the strip or definition.
    pub word: u32,
    /// What it made in the arenas: from, to.
    pub pieces: Pieces,
    /// Its places in the tree of names hang on nothing of other parts.
    pub closed: bool,
    /// What it asked for of the top level, in order, and the calls in which more was asked for.
    pub reads: Arc<[Ask]>,
    /// The calls of functions of the text that it noted.
    pub calls: Vec<Call>,
    pub value: Option<Value<'static>>,
    version: u64,
    /// Of a strip: its two channels.
    pub node: Option<NodeId>,
    /// Of a sum: its terms.
    terms: Vec<NodeId>,
    /// What its statement said.
    pub form: u64,
    /// No other elaboration has this number.
    pub serial: u64,
    /// The signals of other parts that it refers to, once that is known.
    pub refs: Option<Vec<NodeId>>,
    pub diagnostics: Vec<Diagnostic>,
    pub controls: HashMap<Arc<str>, Control>,
    pub later: Vec<(&'static str, Origin, Span)>,
    pub outs: Vec<Out>,
    pub bodies: Vec<std::ops::Range<u32>>,
    pub sends: Vec<(String, NodeId)>,
    pub led: Vec<(String, String, Origin, Span)>,
    pub feeds: Vec<(String, String)>,
    /// What it was told of files.
    pub heard: Arc<[Heard]>,
    /// The strip that it was elaborated for, if that makes a difference.
    pub strip: Option<String>,
    /// Settings that it asked for, and all settings as it was elaborated.
    pub asked: (u8, Arc<Settings>),
    /// Constants that chance starts from, each with a hash of its place.
    pub seeds: Vec<(NodeId, u64)>,
    /// It may be taken as it is.
    pub keep: bool,
    /// It took the place of another.
    pub again: Option<Again>,
}

/// A part that is being elaborated.
#[derive(Default)]
pub(super) struct Open {
    pub lazy: Option<LazyId>,
    pub pieces: Vec<(Ends, Ends)>,
    pub from: Ends,
    pub forced: HashSet<LazyId>,
    /// Calls that were noted so far, and where they stand in the log of names.
    pub calls: Vec<(Call, std::ops::Range<usize>)>,
    /// Functions, by the place of their statements, that were called without that.
    pub exact: HashSet<u32>,
    /// Such a call is on its way.
    pub in_call: bool,
    heard: RefCell<Vec<Heard>>,
    /// It is not to be kept.
    pub volatile: Cell<bool>,
    /// It is another for another strip.
    strip: Cell<bool>,
}

/// What is put aside while a part is elaborated.
pub(super) struct Outer<'a> {
    log: Vec<TopName>,
    diagnostics: Vec<Diagnostic>,
    controls: HashMap<Arc<str>, Control>,
    later: Vec<(&'static str, Origin, Span)>,
    outs: Vec<Out>,
    bodies: Vec<std::ops::Range<u32>>,
    sends: Vec<(String, NodeId)>,
    occurrences: HashMap<u64, u64>,
    counted: Vec<u64>,
    pending: Vec<crate::front::elab::Pending<'a>>,
    at: Origin,
    site: Option<(Origin, Span)>,
    bank: Option<u32>,
    depth: u32,
    binding: String,
    frame: FrameId,
    led: Vec<(String, String, Origin, Span)>,
    feeds: Vec<(String, String)>,
    gains: HashMap<String, Gain>,
    call: Option<u64>,
    asked: u8,
    seeds: Vec<(NodeId, u64)>,
}

/// All parts, and how far this text has come with them.
#[derive(Default)]
pub(super) struct Parts {
    /// By the place of their statements, of this text and of earlier ones.
    pub kept: HashMap<u32, Part>,
    /// The last of each kind: those of one name are of a kind, and those of one body.
    latest: HashMap<u64, u32>,
    /// The places of the statements of this text, rising.
    pub statements: Vec<u32>,
    /// What each of them says.
    pub forms: HashMap<u32, u64>,
    /// The last value of each definition, with its number.
    last: HashMap<TopName, (Value<'static>, u64)>,
    pub stamp: u64,
    /// What stands for their signals.
    pub stand_ins: StandIns,
    /// Of this text: definitions of the top level come first among all.
    tops: u32,
    pub versions: Vec<u64>,
    pub open: Vec<Open>,
    /// Parts of this text, in the order in which they were done.
    pub live: Vec<u32>,
    /// Whose the nodes of the arena are.
    pub owners: Owners,
    /// Names of parts, numbered as they come.
    words: HashMap<Arc<str>, u32>,
    /// The same by number; the first is that of nobody.
    pub names: Vec<Arc<str>>,
    /// Settings of the last text.
    pub settings: Option<Arc<Settings>>,
    /// There are parts of an earlier text.
    pub resumed: bool,
    /// What was told of files for this text.
    pub answers: RefCell<HashMap<(Question, String), u64>>,
    /// Calls of functions of the text, of this text and of earlier ones.
    pub calls: Calls,
    /// This cannot be told from what is kept: all is to be elaborated anew.
    pub bail: bool,
}

impl Parts {
    /// What the statement of a part says in this text; 0 if there is none.
    pub fn form(&self, key: u32) -> u64 {
        self.forms.get(&statement(key)).copied().unwrap_or(0)
    }

    /// A part is given other numbers or words where it is.
    pub fn comes_again(&mut self, key: u32, params: HashMap<ParamId, ParamId>) {
        let Some(part) = self.kept.get_mut(&key) else { return };
        self.stamp += 1;
        (part.serial, part.again) = (self.stamp, Some(Again::with(part.serial, params)));
        self.owners.own(part.serial, &part.pieces);
    }

    /// The last value of a name is that of another.
    pub fn rename_last(&mut self, from: u64, to: u64) {
        let moved: Vec<_> = self.last.extract_if(|name, _| name.1 == from).collect();
        self.last.extend(moved.into_iter().map(|(name, last)| (TopName(name.0, to), last)));
    }

    /// A part of this text.
    pub fn part(&self, key: u32) -> &Part {
        &self.kept[&key]
    }

    /// Begins a text. The outermost part is the session itself.
    pub fn start(&mut self, from: Ends) {
        self.resumed = !self.kept.is_empty();
        (self.live, self.versions, self.bail, self.tops) = (Vec::new(), Vec::new(), false, 0);
        self.stand_ins.start();
        self.calls.start();
        self.answers.get_mut().clear();
        self.word("");
        self.open = vec![Open { from, ..Open::default() }];
    }

    /// Definitions so far are those of the top level.
    pub fn note_tops(&mut self, tops: usize) {
        self.tops = tops as u32;
        self.versions = vec![0; tops];
    }

    /// Notes the signals of others that a part refers to.
    pub fn set_refs(&mut self, key: u32, refs: Vec<NodeId>) {
        if let Some(part) = self.kept.get_mut(&key) {
            part.refs = Some(refs);
        }
    }

    /// True if the part being elaborated is the one that a definition of the top level is elaborated in.
    pub fn is_own(&self, id: LazyId) -> bool {
        !self.is_top(id) || self.open.last().is_some_and(|open| open.lazy == Some(id))
    }

    /// Whether a definition stands at the top level of a file.
    pub fn is_top(&self, id: LazyId) -> bool {
        id.0 < self.tops
    }

    /// What the part being elaborated depends on is noted nowhere.
    pub fn asks_the_song(&self) {
        if let Some(open) = self.open.last() {
            open.volatile.set(true);
        }
    }

    /// How often the part being elaborated was told something of a file.
    pub fn heard(&self) -> usize {
        self.open.last().map_or(0, |open| open.heard.borrow().len())
    }

    /// The part being elaborated was told something of a file.
    pub fn hears<T: Hash>(&self, question: Question, path: &str, answer: &T) {
        let answer = FxBuildHasher.hash_one(answer);
        self.answers.borrow_mut().insert((question, path.to_string()), answer);
        if let Some(open) = self.open.last() {
            open.heard.borrow_mut().push(Heard { question, path: path.to_string(), answer });
        }
    }

    /// The part being elaborated is another for another strip.
    pub fn depends_on_strip(&self) {
        if let Some(open) = self.open.last() {
            open.strip.set(true);
        }
    }

    /// The value of a definition is used by the part being elaborated.
    pub fn uses(&mut self, id: LazyId) {
        if self.is_top(id)
            && let Some(open) = self.open.last_mut()
        {
            open.forced.insert(id);
        }
    }

    /// A definition is asked for while it is elaborated: all parts on the way round hang together.
    pub fn tangle(&mut self, id: LazyId) {
        if !self.is_top(id) {
            return;
        }
        match self.open.iter().rposition(|open| open.lazy == Some(id)) {
            // A feedback within one part.
            Some(at) if at + 1 == self.open.len() => {}
            Some(at) => self.open[at..].iter().for_each(|open| open.volatile.set(true)),
            // It was about to be taken as it is.
            None => self.bail = true,
        }
    }

    /// A definition will be elaborated again.
    pub fn forget(&mut self, id: LazyId, key: u32) {
        if self.is_top(id) {
            self.live.retain(|live| *live != key);
            self.kept.remove(&key);
        }
    }

    /// What was made beyond an end is gone. Calls among it come back.
    pub fn cut(&mut self, end: Ends) -> Vec<(Call, std::ops::Range<usize>)> {
        let mut calls = Vec::new();
        if let Some(open) = self.open.last_mut() {
            calls.extend(open.calls.extract_if(.., |(call, _)| call.place.0 >= end.frames));
            open.from = open.from.min(end);
            for (from, to) in &mut open.pieces {
                (*from, *to) = (from.min(end), to.min(end));
            }
        }
        calls
    }

    /// True while a call that is noted as a whole is on its way.
    pub fn is_in_call(&self) -> bool {
        self.open.last().is_some_and(|open| open.in_call)
    }

    /// Such a call begins or ends.
    pub fn set_in_call(&mut self, is: bool) {
        if let Some(open) = self.open.last_mut() {
            open.in_call = is;
        }
    }

    /// The part being elaborated has made a call, and asked for these names of the log in it.
    pub fn note_call(&mut self, call: Call, asked: std::ops::Range<usize>) {
        if let Some(open) = self.open.last_mut() {
            open.calls.push((call, asked));
        }
    }

    /// The part being elaborated has seen more of a function than a call says: all of its statement.
    pub fn sees_all_of(&mut self, statement: u32) {
        if let Some(open) = self.open.last_mut() {
            open.exact.insert(statement);
        }
    }

    /// What tells whether another part was made on the way.
    pub fn pieces_so_far(&self) -> (usize, Ends) {
        self.open.last().map_or((0, Ends::default()), |open| (open.pieces.len(), open.from))
    }

    /// The part being elaborated goes on here.
    pub fn goes_on(&mut self, from: Ends) {
        if let Some(open) = self.open.last_mut() {
            open.from = from;
        }
    }

    /// True if a definition is the one that the part being elaborated is of.
    pub fn is_open(&self, id: LazyId) -> bool {
        self.open.last().is_some_and(|open| open.lazy == Some(id))
    }

    /// True if the part being elaborated asked for the value of a definition.
    pub fn was_forced(&self, id: LazyId) -> bool {
        self.open.last().is_some_and(|open| open.forced.contains(&id))
    }

    /// The parts of this text, in the order in which they were done.
    pub fn all(&self) -> impl Iterator<Item = &Part> {
        self.live.iter().map(|key| self.part(*key))
    }

    /// The number of a name.
    pub fn word(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.words.get(name) {
            return known;
        }
        let (new, name) = (self.names.len() as u32, Arc::<str>::from(name));
        self.names.push(Arc::clone(&name));
        self.words.insert(name, new);
        new
    }

    pub fn next_stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }
}

impl<'a> Elab<'a> {
    /// How far the arenas are filled.
    pub(super) fn ends(&self) -> Ends {
        Ends {
            nodes: self.graph.nodes.len() as u32,
            cells: self.graph.cells.len() as u32,
            rings: self.graph.rings.len() as u32,
            frames: self.graph.frames.len() as u32,
            rows: self.graph.rows.len() as u32,
            units: self.units.len() as u32,
            sets: self.sets.len() as u32,
        }
    }

    pub(super) fn begin(&mut self, lazy: Option<LazyId>) -> Outer<'a> {
        let now = self.ends();
        if let Some(open) = self.parts.open.last_mut() {
            open.pieces.push((open.from, now));
        }
        self.parts.open.push(Open { lazy, from: now, ..Open::default() });
        Outer {
            log: self.scopes.take_log(),
            diagnostics: std::mem::take(&mut self.diagnostics),
            controls: std::mem::take(&mut self.controls),
            later: std::mem::take(&mut self.later),
            outs: std::mem::take(&mut self.graph.outs),
            bodies: std::mem::take(&mut self.bodies),
            sends: std::mem::take(&mut self.sends),
            occurrences: std::mem::take(&mut self.occurrences),
            counted: std::mem::take(&mut self.counted),
            pending: std::mem::take(&mut self.pending),
            at: self.at,
            site: self.site.take(),
            bank: self.bank.take(),
            depth: std::mem::take(&mut self.depth),
            binding: std::mem::take(&mut self.binding),
            frame: std::mem::replace(&mut self.frame, FrameId(0)),
            led: std::mem::take(&mut self.led),
            feeds: std::mem::take(&mut self.feeds),
            gains: std::mem::take(&mut self.gains),
            call: self.call.take(),
            asked: self.asked.take(),
            seeds: std::mem::take(&mut self.seeds),
        }
    }

    pub(super) fn end(&mut self, outer: Outer<'a>, name: &str) -> Part {
        let now = self.ends();
        let mut open = self.parts.open.pop().unwrap_or_default();
        let mut pieces: Vec<(Ends, Ends)> = Vec::with_capacity(1);
        for (from, to) in std::mem::take(&mut open.pieces).into_iter().chain([(open.from, now)]) {
            match pieces.last_mut() {
                Some((_, end)) if *end == from => *end = to,
                _ => pieces.push((from, to)),
            }
        }
        pieces.retain(|(from, to)| from != to);
        let log = self.scopes.take_log();
        let reads = self.asks(&log, &open);
        self.scopes.resume_log(outer.log);
        let diagnostics = std::mem::replace(&mut self.diagnostics, outer.diagnostics);
        let keep = !open.volatile.get() && !diagnostics.iter().any(Diagnostic::is_error);
        let (serial, closed) = (self.parts.next_stamp(), is_closed(&self.graph, &pieces));
        let part = Part {
            word: self.parts.word(name),
            pieces: pieces.into(),
            closed,
            reads: reads.into(),
            calls: open.calls.into_iter().map(|(call, _)| call).collect(),
            value: None,
            version: 0,
            node: None,
            terms: Vec::new(),
            form: 0,
            serial,
            refs: None,
            diagnostics,
            controls: std::mem::replace(&mut self.controls, outer.controls),
            later: std::mem::replace(&mut self.later, outer.later),
            outs: std::mem::replace(&mut self.graph.outs, outer.outs),
            bodies: std::mem::replace(&mut self.bodies, outer.bodies),
            sends: std::mem::replace(&mut self.sends, outer.sends),
            led: std::mem::replace(&mut self.led, outer.led),
            feeds: std::mem::replace(&mut self.feeds, outer.feeds),
            heard: open.heard.into_inner().into(),
            strip: open.strip.get().then(|| self.strip.clone()),
            asked: (self.asked.take(), Arc::clone(&self.settings)),
            seeds: std::mem::replace(&mut self.seeds, outer.seeds),
            keep,
            again: None,
        };
        self.asked.add(outer.asked);
        (self.occurrences, self.counted, self.pending) = (outer.occurrences, outer.counted, outer.pending);
        (self.at, self.site, self.bank, self.depth) = (outer.at, outer.site, outer.bank, outer.depth);
        (self.binding, self.frame, self.gains, self.call) = (outer.binding, outer.frame, outer.gains, outer.call);
        part
    }

    /// Lets a part take the place of the last one of its kinds, whose statement is gone or made anew.
    fn replace(&mut self, key: u32, kinds: &[u64], part: &mut Part) {
        let gone = |old: &u32| *old == key || self.parts.statements.binary_search(&statement(*old)).is_err();
        let known = kinds.iter().find_map(|kind| self.parts.latest.get(kind).copied().filter(gone));
        let old = known.unwrap_or(key);
        if let Some(before) = self.parts.kept.remove(&old)
            && !self.take_place(part, &before, old == key)
        {
            self.parts.kept.insert(old, before);
        }
    }

    /// Keeps a part, as one of this text.
    fn keep(&mut self, key: u32, kinds: &[u64], part: Part) {
        let part = Part { form: self.parts.form(key), ..part };
        let now = self.ends();
        if let Some(around) = self.parts.open.last_mut() {
            around.from = now;
        }
        self.parts.owners.own(part.serial, &part.pieces);
        self.parts.latest.extend(kinds.iter().map(|kind| (*kind, key)));
        self.parts.kept.insert(key, part);
        self.parts.live.push(key);
    }

    /// The value of a definition of the top level: as it was, or elaborated as a part of its own.
    pub(super) fn top(&mut self, id: LazyId) -> Value<'a> {
        let lazy = &self.lazies[id.0 as usize];
        let (key, def) = (lazy.origin.offset, lazy.def);
        let place = TopName(lazy.scope, hash_text(&def.name.name));
        if self.is_valid(key, Some(id)) {
            let part = &self.parts.kept[&key];
            if let Some(value) = part.value.clone() {
                self.lazies[id.0 as usize].state = State::Done(value.clone());
                self.parts.versions[id.0 as usize] = part.version;
                self.parts.live.push(key);
                return value;
            }
        }
        let before = self.parts.kept.get(&key).and_then(|part| part.value.clone());
        let outer = self.begin(Some(id));
        let value = self.run(id);
        let mut part = self.end(outer, &def.name.name);
        part.value = value.plain();
        // A pattern of the same statement is what it was if it is made alike: only chance minds what it is called.
        if let (Some(Value::Pat(new)), Some(Value::Pat(old))) = (&part.value, &before)
            && self.score.score().alike(*new, *old)
        {
            part.value = before;
        }
        let kinds = [mix(mix(3, u64::from(place.0.0)), place.1), mix(4, hash_expr(&def.body))];
        if part.value.is_some() {
            self.replace(key, &kinds, &mut part);
        }
        let (plain, value) = match &part.value {
            Some(plain) => (Some(plain.clone()), plain.clone()),
            None => (None, value),
        };
        part.version = match (&plain, self.parts.last.get(&place), &value) {
            (Some(new), Some((old, version)), _) if new.same(old) && self.is_as_it_was(&part) => *version,
            // A function without anything around it is known by its statement.
            (None, _, Value::Fn(f)) if f.scope == self.lazies[id.0 as usize].scope && is_lambda(def) => {
                LAMBDA | self.parts.form(key)
            }
            _ => self.parts.next_stamp(),
        };
        match &plain {
            Some(plain) => self.parts.last.insert(place, (plain.clone(), part.version)),
            None => self.parts.last.remove(&place),
        };
        self.parts.versions[id.0 as usize] = part.version;
        let lazy = &mut self.lazies[id.0 as usize];
        (lazy.state, lazy.stand_in, lazy.cell) = (State::Done(value.clone()), None, None);
        self.keep(key, &kinds, part);
        value
    }

    /// The node of a strip: as it was, or elaborated as a part of its own.
    pub(super) fn strip_part(
        &mut self,
        key: u32,
        name: &str,
        (strip, kinds): (&str, impl FnOnce() -> [u64; 2]),
        make: impl FnOnce(&mut Self) -> Option<NodeId>,
    ) -> Option<NodeId> {
        self.strip = strip.to_string();
        if !self.is_valid(key, None) {
            let outer = self.begin(None);
            let node = make(self);
            let mut part = self.end(outer, name);
            part.node = node;
            let kinds = kinds();
            self.replace(key, &kinds, &mut part);
            self.keep(key, &kinds, part);
        } else {
            self.parts.live.push(key);
        }
        self.strip.clear();
        self.parts.kept[&key].node
    }

    /// The sum of stereo nodes: as it was, or as a part of its own.
    pub(super) fn sum_part(&mut self, key: u32, terms: Vec<NodeId>) -> NodeId {
        let known = self.parts.kept.get(&key).filter(|part| part.terms == terms).and_then(|part| part.node);
        let node = known.unwrap_or_else(|| {
            let outer = self.begin(None);
            let node = self.total(&terms);
            let part = self.end(outer, "");
            self.keep(key, &[], Part { node: Some(node), terms, ..part });
            self.parts.live.pop();
            node
        });
        self.parts.live.push(key);
        node
    }

    /// The session itself is the last part.
    pub(super) fn close_session(&mut self) {
        let kept = std::mem::take(&mut self.diagnostics);
        let (controls, later) = (std::mem::take(&mut self.controls), std::mem::take(&mut self.later));
        let outer = Outer {
            log: Vec::new(),
            diagnostics: kept,
            controls,
            later,
            outs: Vec::new(),
            bodies: Vec::new(),
            sends: Vec::new(),
            occurrences: HashMap::default(),
            counted: Vec::new(),
            pending: Vec::new(),
            at: self.at,
            site: None,
            bank: None,
            depth: 0,
            binding: String::new(),
            frame: FrameId(0),
            led: Vec::new(),
            feeds: Vec::new(),
            gains: HashMap::default(),
            call: None,
            asked: 0,
            seeds: Vec::new(),
        };
        let mut part = self.end(outer, "");
        part.keep = false;
        self.keep(SESSION, &[], part);
    }
}

/// The place of the statement of a part.
fn statement(key: u32) -> u32 {
    key & !(3 << 30)
}

/// `f = (x) => ..`
fn is_lambda(def: &modurust_lang::ast::Def) -> bool {
    matches!(def.body.kind, ExprKind::Lambda { .. })
}
