//! The elaborator: evaluates a tree into nodes.
//!
//! Every expression is evaluated in a scope (names), a frame (place in the tree of names, which gives state its identity) and
//! an origin (where the text stands). Functions are inlined per call; each call is a frame of its own.

use crate::front::join::Segments;
use crate::front::layout::Layout;
use crate::front::link::Gathered;
use crate::front::mixer::Gain;
use crate::front::parts::{Parts, Question};
use crate::front::recall::{Noting, Recalled};
use crate::front::scope::*;
use crate::front::segment::Mark;
use crate::front::settings::{Asked, Settings};
use crate::front::timeline::Control;
use crate::front::value::*;
use crate::front::{LEAST_ROOM, STACK, World};
use crate::graph::ops::Op;
use crate::graph::*;
use crate::program::{Timing, Unit};
use crate::score::timeline::{ClipSet, Timeline};
use crate::score::{PatId, Ratio, ScoreBuilder};
use modurust_lang::ast::{Def, Expr, ExprKind, UnaryOp};
use modurust_lang::source::{FileId, Span};
use modurust_lang::units::{Dim, Unit as LangUnit};
use modurust_lang::{Diagnostic, Severity};
use rustc_hash::FxHashMap as HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// A patch beyond this many nodes is refused: it would neither compile in time nor play.
const MAX_NODES: usize = 400_000;

/// A bus while it is elaborated.
pub struct Bus {
    /// Its name.
    pub name: String,
    /// Stand-in for its `in`.
    pub input: NodeId,
}

/// The elaborator and all that it makes.
pub struct Elab<'a> {
    /// The graph being built.
    pub graph: Graph,
    /// The score being built.
    pub score: ScoreBuilder,
    /// Sequenced units being built.
    pub units: Vec<Unit>,
    /// Values made for voices, before the graph is settled, of the part being elaborated.
    pub bodies: Vec<std::ops::Range<u32>>,
    /// What went wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// What the text sets for all of it; read by who says so ([`crate::front::settings`]).
    pub(super) settings: Arc<Settings>,
    /// Settings that the part being elaborated asked for.
    pub(super) asked: Asked,
    /// Constants of it that chance starts from, each with a hash of its place.
    pub(super) seeds: Vec<(NodeId, u64)>,
    /// Clips, scenes, arrangements, automation, commands.
    pub timeline: Timeline,
    /// Parameters that can be moved by a name, of the part being elaborated.
    pub controls: HashMap<Arc<str>, Control>,
    /// From where to where knobs go, by the provenance of their numbers.
    pub(super) ranges: HashMap<u64, (f32, f32)>,
    /// Clip sets as they are met; the timeline has those of the text in their order.
    pub(super) sets: Vec<ClipSet>,
    /// The strip being elaborated.
    pub strip: String,
    /// What is understood but not heard yet, with the first place of each, of the part being elaborated.
    pub(super) later: Vec<(&'static str, Origin, Span)>,
    /// The session's swing, for every pattern that is played.
    pub(super) swing: Option<Ratio>,
    /// Where the sections of the session's first song begin, in bars.
    pub(super) sections: Vec<(String, Ratio)>,
    /// Strips that lead to a bus and nowhere else, with the place that says so, of the part being elaborated; at the end of all.
    pub(super) led: Vec<(String, String, Origin, Span)>,
    /// Which strip sends to which bus, of the part being elaborated.
    pub(super) feeds: Vec<(String, String)>,
    /// Faders of strips, in the part being elaborated.
    pub(super) gains: HashMap<String, Gain>,
    /// Strips with errors, which have been told.
    pub broken_strips: Vec<String>,
    /// Frames per second.
    pub sample_rate: f64,
    /// Names.
    pub scopes: Scopes<'a>,
    /// Definitions.
    pub lazies: Vec<Lazy<'a>>,
    /// Buses.
    pub buses: Vec<Bus>,
    /// What the part being elaborated sends: the bus, and stereo nodes.
    pub(super) sends: Vec<(String, NodeId)>,
    /// Origins of pattern literals: file and first byte of the text, by the id that events carry.
    pub patterns: Vec<(FileId, u32)>,
    /// The same the other way.
    pub(super) literal_ids: HashMap<(FileId, u32), u32>,
    /// Names of results and stand-ins, to print loops.
    pub named: HashMap<NodeId, Called>,
    /// What stand-ins stand for.
    pub aliases: HashMap<NodeId, NodeId>,
    /// The nodes that names or what they stand for were noted of, of this text.
    pub(super) said: Vec<NodeId>,
    pub(super) world: &'a dyn World,
    /// Names of the files, to find others beside them.
    pub paths: Vec<String>,
    pub(super) root: ScopeId,
    pub(super) frame: FrameId,
    pub(super) at: Origin,
    pub(super) site: Option<(Origin, Span)>,
    pub(super) bank: Option<u32>,
    pub(super) depth: u32,
    /// Name that parameters of literals are called after.
    pub(super) binding: String,
    pub(super) pending: Vec<Pending<'a>>,
    /// How often something equal was met in a binding.
    pub(super) occurrences: HashMap<u64, u64>,
    /// The same as they were counted, to go back.
    pub(super) counted: Vec<u64>,
    /// The chord symbols that notes were made from.
    pub(super) symbols: HashMap<PatId, PatId>,
    pub(super) params: HashMap<u64, ParamId>,
    /// Parameters that the outside moves, and those of faders, by their path.
    pub(super) outside: HashMap<String, ParamId>,
    /// Statements that are elaborated by themselves, of this text and of earlier ones.
    pub(super) parts: Parts,
    pub(super) gathered: Gathered,
    pub(super) segments: Segments,
    pub(super) layout: Layout,
    pub(super) marks: Vec<Mark>,
    pub(super) journal: Vec<LazyId>,
    pub(super) guesses: HashMap<(FrameId, *const Def), Shape>,
    /// What the call of a function of the library that is being elaborated is like: two of one number differ in no shape.
    pub(super) call: Option<u64>,
    /// Shapes of feedback in such calls, of this text and of earlier ones, by number of the call and address of the definition.
    pub(super) shapes: HashMap<(u64, usize), Shape>,
    /// Calls of the library that were noted, of this text and of earlier ones, and the one that is being noted.
    pub(super) recalled: Recalled,
    pub(super) noting: Option<Noting>,
    pub(super) library: HashMap<(&'static str, &'static str), LazyId>,
    pub(super) library_scope: ScopeId,
}

/// A piped value on its way into a call.
pub(super) struct Pending<'a> {
    pub target: *const Expr,
    pub value: Value<'a>,
    pub span: Span,
    pub origin: Origin,
}

impl<'a> Elab<'a> {
    /// An elaborator with an empty graph.
    pub fn new(world: &'a dyn World, sample_rate: u32, seed: u64) -> Elab<'a> {
        let timing = Timing { bpm: Ratio::new(120, 1), beats_per_bar: Ratio::new(4, 1) };
        let settings = Arc::new(Settings { timing, tuning: None, seed, fades: false, coarse: 0 });
        let mut scopes = Scopes::default();
        let library_scope = scopes.add(None);
        let root = scopes.add(Some(library_scope));
        Elab {
            graph: Graph::new(),
            score: ScoreBuilder::new(seed),
            units: Vec::new(),
            bodies: Vec::new(),
            diagnostics: Vec::new(),
            settings,
            asked: Asked::default(),
            seeds: Vec::new(),
            timeline: Timeline::default(),
            controls: HashMap::default(),
            ranges: HashMap::default(),
            sets: Vec::new(),
            strip: String::new(),
            led: Vec::new(),
            sections: Vec::new(),
            feeds: Vec::new(),
            gains: HashMap::default(),
            broken_strips: Vec::new(),
            later: Vec::new(),
            swing: None,
            sample_rate: f64::from(sample_rate),
            scopes,
            lazies: Vec::new(),
            buses: Vec::new(),
            sends: Vec::new(),
            patterns: Vec::new(),
            literal_ids: HashMap::default(),
            named: HashMap::default(),
            aliases: HashMap::default(),
            said: Vec::new(),
            world,
            paths: Vec::new(),
            root,
            frame: FrameId(0),
            at: Origin::default(),
            site: None,
            bank: None,
            depth: 0,
            binding: String::new(),
            pending: Vec::new(),
            occurrences: HashMap::default(),
            counted: Vec::new(),
            symbols: HashMap::default(),
            params: HashMap::default(),
            outside: HashMap::default(),
            parts: Parts::default(),
            gathered: Gathered::default(),
            segments: Segments::default(),
            layout: Layout::default(),
            marks: Vec::new(),
            journal: Vec::new(),
            guesses: HashMap::default(),
            call: None,
            shapes: HashMap::default(),
            recalled: Recalled::default(),
            noting: None,
            library: HashMap::default(),
            library_scope,
        }
    }

    // ---- messages ----

    /// Reports an error at a span of the current origin. Errors inside the library belong to the user's call.
    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.error_at(self.at, code, span, message)
    }

    /// Reports an error at a span of some origin.
    pub fn error_at(
        &mut self,
        at: Origin,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let (at, span) = if at.library { self.site.unwrap_or((at, span)) } else { (at, span) };
        let diagnostic = Diagnostic::error(code, at.file, span.shift(at.offset), message);
        // One mistake gives one error: a second word about the same place is an echo of the first.
        let echo = self
            .diagnostics
            .iter()
            .position(|d| d.file == diagnostic.file && d.span == diagnostic.span && d.is_error());
        let index = echo.unwrap_or_else(|| {
            self.diagnostics.push(diagnostic);
            self.diagnostics.len() - 1
        });
        &mut self.diagnostics[index]
    }

    /// Reports a warning at a span of the current origin.
    pub fn warn(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let (at, span) = if self.at.library { self.site.unwrap_or((self.at, span)) } else { (self.at, span) };
        self.diagnostics.push(Diagnostic::warning(code, at.file, span.shift(at.offset), message));
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    /// Notes that something is understood but cannot be heard yet.
    pub(super) fn later(&mut self, what: &'static str, span: Span) {
        let (at, span) = if self.at.library { self.site.unwrap_or((self.at, span)) } else { (self.at, span) };
        if !self.later.iter().any(|(known, ..)| *known == what) {
            self.later.push((what, at, span));
        }
    }

    /// One warning for all that is not heard yet.
    pub(super) fn tell_later(&mut self) {
        let Some(&(_, at, span)) = self.later.first() else { return };
        let what = self.later.iter().map(|(what, ..)| *what).collect::<Vec<_>>().join(", ");
        self.at = at;
        self.warn("later", span, format!("understood, but not played by this version: {what}"));
    }

    /// True when an error was reported.
    pub fn failed(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    // ---- expressions ----

    /// Evaluates an expression.
    pub fn eval(&mut self, scope: ScopeId, expr: &'a Expr) -> Value<'a> {
        // Calls leave a place each, even those that only count.
        if !self.has_room(0) {
            // What is kept counts as well: alone it may be small enough.
            self.parts.bail |= self.parts.resumed;
            self.error("limit", expr.span, "this patch is too large to play").help =
                Some("use fewer voices or copies".into());
            return Value::Broken;
        }
        stacker::maybe_grow(LEAST_ROOM, STACK, || self.eval_kind(scope, expr))
    }

    fn eval_kind(&mut self, scope: ScopeId, expr: &'a Expr) -> Value<'a> {
        match &expr.kind {
            ExprKind::Number { value, ratio, unit } => Value::Num(self.literal(*value, *ratio, *unit, expr.span)),
            ExprKind::Note(note) => Value::Num(Num::new(f64::from(*note), Dim::Pitch, self.literal_key(expr.span))),
            ExprKind::Text(text) => Value::Text(Arc::from(text.as_str())),
            ExprKind::Pattern { text, text_start } => self.pattern_literal(text, *text_start),
            ExprKind::Name(name) => self.eval_name(scope, expr, name),
            ExprKind::It => match self.scopes.find(scope, "it") {
                Some(Binding::Value(value)) => value,
                _ => {
                    self.error("name", expr.span, "`it` stands for what is piped in, and nothing is piped here").help =
                        Some("write `x >> ... it ...`".into());
                    Value::Broken
                }
            },
            ExprKind::Call { callee, args } => self.eval_call(scope, expr, callee, args),
            ExprKind::Index { base, index } => self.eval_index(scope, base, index, expr.span),
            ExprKind::Field { base, name } => self.eval_field(scope, expr, base, name),
            ExprKind::Prime(x) => self.eval_prime(scope, x, expr.span),
            ExprKind::Unary { op: UnaryOp::Neg, x } => {
                let value = self.eval(scope, x);
                self.negate(value, x.span)
            }
            ExprKind::Unary { op: UnaryOp::Not, x } => {
                let value = self.eval(scope, x);
                self.op_on(Op::named("not"), &[(value, x.span)])
            }
            ExprKind::Binary { op, left, right } => {
                let l = self.eval(scope, left);
                let r = self.eval(scope, right);
                self.binary(*op, (l, left.span), (r, right.span), expr.span)
            }
            ExprKind::Pipe { left, right } => self.eval_pipe(scope, left, right),
            ExprKind::Ramp { from, to, over, curve } => self.eval_ramp(scope, from, to, over.as_deref(), *curve),
            ExprKind::Lambda { params, body } => {
                let closure = Closure { name: "fn", params: Params::Bare(params), body, scope, origin: self.at };
                let value = Value::Fn(Arc::new(closure));
                match self.take_pending(expr) {
                    Some(piped) => self.call(value, vec![piped], expr.span, 0),
                    None => value,
                }
            }
            ExprKind::If { cond, then, other } => self.eval_if(scope, cond, then, other),
            ExprKind::Block { defs, value } => self.eval_block(scope, defs, value.as_deref(), expr.span),
            ExprKind::Array(items) => {
                let values = items.iter().map(|item| self.eval(scope, item)).collect::<Vec<_>>();
                if values.iter().any(|v| matches!(v, Value::Broken)) {
                    Value::Broken
                } else {
                    Value::Array(Arc::new(values))
                }
            }
            ExprKind::Clips(clips) => self.eval_clips(scope, clips, expr.span),
            ExprKind::Broken => Value::Broken,
        }
    }

    /// A literal in canonical units.
    fn literal(&mut self, value: f64, ratio: Option<(u32, u32)>, unit: Option<LangUnit>, span: Span) -> Num {
        let value = ratio.map_or(value, |(n, d)| f64::from(n) / f64::from(d));
        let (value, dim) = match unit {
            None => (value, Dim::None),
            Some(unit) => {
                let scale = match unit {
                    LangUnit::Percent => 0.01,
                    LangUnit::Khz => 1000.0,
                    LangUnit::Bar => self.beats_per_bar().to_f64(),
                    LangUnit::Whole => 4.0,
                    LangUnit::Millisecond => 1e-3,
                    LangUnit::Microsecond => 1e-6,
                    LangUnit::Sample => 1.0 / self.sample_rate,
                    LangUnit::Cent => 0.01,
                    LangUnit::Octave => 12.0,
                    LangUnit::Degree => std::f64::consts::PI / 180.0,
                    _ => 1.0,
                };
                (value * scale, unit.dim())
            }
        };
        Num::new(value, dim, self.literal_key(span))
    }

    /// The provenance of a literal at a place; 0 in the library, whose literals are constants.
    fn literal_key(&self, span: Span) -> u64 {
        if self.at.library {
            return 0;
        }
        mix(u64::from(self.at.file.0) + 1, u64::from(self.at.offset + span.start) + 1) | 1
    }

    /// Adds a definition to the arena.
    pub(super) fn lazy(&mut self, def: &'a Def, origin: Origin, scope: ScopeId, frame: FrameId) -> LazyId {
        let state = State::Waiting;
        let call = self.call.filter(|_| scope != self.library_scope);
        let lazy = Lazy { def, origin, scope, frame, call, state, guess: Shape::MONO, stand_in: None, cell: None };
        self.lazies.push(lazy);
        LazyId(self.lazies.len() as u32 - 1)
    }

    /// True if the graph may have so many values more.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.graph.nodes.len().max(self.graph.frames.len()) + more <= MAX_NODES
    }

    fn eval_block(&mut self, parent: ScopeId, defs: &'a [Def], value: Option<&'a Expr>, span: Span) -> Value<'a> {
        let scope = self.scopes.add(Some(parent));
        let mut lazies = Vec::with_capacity(defs.len());
        for def in defs {
            let lazy = self.lazy(def, self.at, scope, self.frame);
            if self.scopes.bind(scope, &def.name.name, Binding::Lazy(lazy)).is_some() {
                self.error("name", def.name.span, format!("`{}` is defined twice in this block", def.name.name)).help =
                    Some("give one of them another name".into());
            }
            lazies.push(lazy);
        }
        let result = match (value, lazies.last()) {
            (Some(expr), _) => self.eval(scope, expr),
            (None, Some(&last)) => self.force(last, span),
            (None, None) => {
                self.error("syntax", span, "this block is empty").help =
                    Some("end it with the value that it stands for".into());
                Value::Broken
            }
        };
        if !self.at.library {
            // A binding that the result does not need is still checked.
            for lazy in lazies {
                self.force(lazy, span);
            }
        }
        result
    }

    /// The parameter of a provenance, made when first asked for.
    pub(super) fn param(&mut self, num: Num) -> NodeId {
        let salt = salt(num);
        let id = match self.params.get(&salt) {
            Some(&id) => id,
            None => {
                // It is named when all are known.
                let id = self.add_param(String::new(), num.value as f32);
                self.params.insert(salt, id);
                id
            }
        };
        self.graph.push(Node::Param(id))
    }

    /// The name by which a number of the user's text can be moved: a definition's own, or `bass.cutoff` for one in the block of
    /// a strip or definition.
    pub(super) fn control_name(&self, parent: FrameId, name: &str) -> Option<String> {
        if self.at.library || self.bank.is_some() {
            return None;
        }
        let outer = &self.graph.frames[parent.index()];
        match outer.parent {
            None => Some(name.to_string()),
            Some(FrameId(0)) if outer.named => Some(format!("{}.{name}", outer.label)),
            Some(_) => None,
        }
    }

    /// A number with a name to be moved by: what is computed from it follows. One that has a name already keeps it.
    pub(super) fn control(&mut self, num: Num, name: String) -> Num {
        if num.key == 0 || num.live.is_some() {
            return num;
        }
        let lowered = crate::front::number::canonical(num, self.clock());
        let salt = salt(lowered);
        let param = match self.params.get(&salt) {
            Some(&param) => {
                // The same number, and the binding has another name by now.
                let known = &self.graph.params[param.index()].name;
                if !known.is_empty() && **known != *name {
                    Arc::make_mut(&mut self.graph.params)[param.index()].name = Arc::from(&*name);
                }
                param
            }
            None => {
                let param = self.add_param(name.clone(), lowered.value as f32);
                self.params.insert(salt, param);
                param
            }
        };
        let range = self.ranges.get(&num.key).copied();
        self.controls.entry(name.into()).or_insert(Control { param, dim: lowered.dim, range });
        let node = self.graph.push(Node::Param(param));
        Num { live: Some(node), ..num }
    }

    pub(super) fn add_param(&mut self, name: String, value: f32) -> ParamId {
        Arc::make_mut(&mut self.graph.params).push(Param { frame: FrameId(0), name: name.into(), value });
        ParamId(self.graph.params.len() as u32 - 1)
    }

    /// The scope of the library.
    pub(super) fn library_root(&self) -> ScopeId {
        self.library_scope
    }

    /// A file beside the one that names it.
    pub(super) fn sources_dir(&self, name: &str) -> String {
        let own = self.paths.get(self.at.file.0 as usize).map_or("", String::as_str);
        super::beside(own, name)
    }

    /// The bytes of a file.
    pub(super) fn read_bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        self.told(Question::Bytes, path, self.world.bytes(path))
    }

    /// The text of a file.
    pub(super) fn read_file(&self, path: &str) -> Result<String, String> {
        self.told(Question::Text, path, self.world.read(path))
    }

    /// True if there is such a file.
    pub(super) fn file_exists(&self, path: &str) -> bool {
        self.told(Question::Exists, path, self.world.exists(path))
    }

    /// True for a file that is read from disk while it plays.
    pub(super) fn is_long(&self, path: &str) -> bool {
        self.told(Question::IsLong, path, self.world.is_long(path))
    }

    /// The names in a folder.
    pub(super) fn folder(&self, path: &str) -> Vec<String> {
        self.told(Question::Folder, path, self.world.folder(path))
    }

    /// What a part was told of a file is noted with it.
    fn told<T: Hash>(&self, question: Question, path: &str, answer: T) -> T {
        self.parts.hears(question, path, &answer);
        answer
    }

    /// Voices of the bank being elaborated, or 1.
    pub(super) fn voices(&self) -> u32 {
        self.bank.unwrap_or(1)
    }
}

/// What tells the parameters of numbers apart: provenance, unit, and the value, which may hang on a setting.
fn salt(num: Num) -> u64 {
    mix(mix(num.key, num.dim as u64), num.value.to_bits())
}
