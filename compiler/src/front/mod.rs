//! The front stage: names, units, functions and patterns become a graph and a score.
//!
//! [`Compiler::compile`] is the door that every user of this crate goes through: it reads the files of a session, parses
//! them (unchanged statements come from a cache), elaborates them, and makes machine code unless a patch of the same
//! structure is at hand, which is the case when only numbers or patterns were edited.

mod again;
mod anchors;
mod ask;
pub mod builtins;
mod call;
mod calls;
mod commands;
mod elab;
mod feedback;
mod glance;
mod harmony;
pub mod hold;
mod join;
mod kept;
mod layout;
mod link;
mod lookup;
mod midi_file;
mod mixer;
mod names;
mod number;
mod outside;
mod owners;
mod parts;
mod pattern_fns;
mod pattern_table;
mod patterns;
mod places;
mod recall;
mod renamed;
mod rest;
mod runs;
pub mod samples;
mod scope;
mod segment;
mod settings;
mod settle;
mod signal;
mod spectral;
mod stand_ins;
mod strips;
mod tables;
mod timeline;
mod tools;
mod tuning;
mod types;
mod validity;
mod value;
mod voices;

use crate::codegen::cache::Cache;
use crate::exec::{self, Backend, SampleMemory};
use crate::graph::{Graph, Sample};
use crate::passes::Passes;
use crate::program::{Patch, Program};
use elab::Elab;
use modurust_lang::ast::Item;
use modurust_lang::parse::Parser;
use modurust_lang::{Diagnostic, FileId, Source};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use strips::File;
pub use types::type_names;

/// Where text comes from. The compiler itself does no IO.
pub trait World: Sync {
    /// The text of a file. `path` is as the user named it, or beside the file that names it. `Err` says why not.
    fn read(&self, path: &str) -> Result<String, String>;

    /// The bytes of a file that is no text.
    fn bytes(&self, _path: &str) -> Result<Vec<u8>, String> {
        Err("there are no files here".into())
    }

    /// True if there is such a file, whatever it holds.
    fn exists(&self, path: &str) -> bool {
        self.read(path).is_ok()
    }

    /// The names in a folder, in order; none if there is no such folder.
    fn folder(&self, _path: &str) -> Vec<String> {
        Vec::new()
    }

    /// True for a file that is too long to be held in memory.
    fn is_long(&self, _path: &str) -> bool {
        false
    }

    /// The sound of a sample at a rate, its files one after another as `stdlib/sample.modu` reads them. What is not decoded yet, or
    /// cannot be, is empty.
    fn sample(&self, _sample: &Sample, _rate: u32) -> Arc<SampleMemory> {
        Arc::new(SampleMemory::empty())
    }

    /// The path of a module in the user's own library, for `use acid` where no such file lies beside the text.
    fn library(&self, _module: &str) -> Option<String> {
        None
    }
}

/// How to compile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Frames per second.
    pub sample_rate: u32,
    /// Which rewrites are allowed.
    pub passes: Passes,
    /// Machine code, or the reference interpreter.
    pub backend: Backend,
    /// Seed of every random choice, unless the text sets one.
    pub seed: u64,
    /// Run Cranelift's verifier.
    pub verify: bool,
}

/// What came of it.
#[derive(Clone)]
pub struct Outcome {
    /// The program, unless the text has errors.
    pub program: Option<Program>,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// Every file that was read, in the order of [`FileId`]; the roots come first.
    pub sources: Vec<Source>,
    /// True when machine code was made, false when a patch at hand served (a number or pattern edit).
    pub generated: bool,
    /// What does not play as the text says: after [`Compiler::evaluate`] of a text with errors.
    pub held: Vec<hold::Held>,
}

impl Outcome {
    /// The diagnostics as text; `colour` adds ANSI escapes.
    pub fn render(&self, colour: bool) -> String {
        modurust_lang::diag::render(&self.diagnostics, &self.sources, colour)
    }
}

/// A graph and what else the text says, before any code: for `check` and for tests.
pub struct Elaborated {
    /// The graph, settled but not optimised. The next text writes over it, unless it is still held then.
    pub graph: Arc<Graph>,
    /// Everything but the code.
    pub score: crate::score::Score,
    /// Sequenced units.
    pub units: Vec<crate::program::Unit>,
    /// Tempo and meter.
    pub timing: crate::program::Timing,
    /// Clips, scenes, arrangements, automation and commands.
    pub timeline: crate::score::timeline::Timeline,
    /// What can be moved by a name.
    pub knobs: Vec<crate::program::Knob>,
    /// File and first byte of each pattern literal's text, by the number that events carry.
    pub literals: Vec<(FileId, u32)>,
}

/// A pattern on its own.
pub struct Evaluated {
    /// The score that it is part of.
    pub score: crate::score::Score,
    /// The pattern.
    pub pattern: crate::score::PatId,
    /// First byte of each pattern literal's text, by the number that events carry.
    pub origins: Vec<u32>,
}

/// No files at all.
struct NoFiles;

impl World for NoFiles {
    fn read(&self, _: &str) -> Result<String, String> {
        Err("an expression has no files".into())
    }
}

/// Patches kept for going back: an undo compiles nothing.
const KEPT_PATCHES: usize = 8;
/// Most files of a session, used ones included.
const MAX_FILES: usize = 256;
/// Elaboration recurses by the depth of the text; this is ample for the nesting that the parser admits.
const STACK: usize = 64 << 20;
/// With less room than this on the stack that it is called on, the front end takes a new one, which costs more than many an edit.
const ROOM: usize = 4 << 20;
/// With less than this, so does the evaluator on its way down.
const LEAST_ROOM: usize = 1 << 20;

/// Compiles programs, remembering parsed statements and finished patches between calls.
pub struct Compiler {
    options: Options,
    parser: Parser,
    patches: Vec<Arc<Patch>>,
    /// The code of regions, of patches that are gone, too.
    cache: Cache,
    kept: hold::Kept,
    /// What was elaborated for earlier texts.
    memory: kept::Memory,
    /// How often factors of quality are halved.
    coarse: u8,
    /// Told the name of each stage when it is done.
    ended: Box<dyn FnMut(&'static str) + Send>,
}

/// What the front stages made of the files.
struct Round {
    elaborated: Option<Elaborated>,
    diagnostics: Vec<Diagnostic>,
    sources: Vec<Source>,
    files: Vec<File>,
    /// Strips that are silent because something that they need is broken.
    broken_strips: Vec<String>,
}

impl Compiler {
    /// A compiler for one sample rate and backend.
    pub fn new(options: Options) -> Compiler {
        let (parser, kept) = (Parser::new(), hold::Kept::default());
        let (cache, memory, ended) = (Cache::default(), kept::Memory::default(), Box::new(|_| {}));
        Compiler { options, parser, patches: Vec::new(), cache, kept, memory, coarse: 0, ended }
    }

    /// Has `ended` called with the name of each stage when it is done, to find out where the time goes.
    pub fn watch(&mut self, ended: impl FnMut(&'static str) + Send + 'static) {
        self.ended = Box::new(ended);
    }

    /// The options that it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Compiles for another sample rate from now on. What was last good stays so ([`hold`]).
    pub fn retune(&mut self, sample_rate: u32) {
        if sample_rate != self.options.sample_rate {
            let new = Compiler { coarse: self.coarse, ..Compiler::new(Options { sample_rate, ..self.options }) };
            let before = std::mem::replace(self, new);
            (self.kept, self.ended) = (before.kept, before.ended);
        }
    }

    /// Makes less of what is declared to be a question of quality (`prim.quality`, as in `oversample`) from now on: such factors are
    /// halved so many times. 0 is everything.
    pub fn coarsen(&mut self, halvings: u8) {
        self.coarse = halvings;
    }

    /// Compiles files that form one session (they share names). Each root is a path given to `world`.
    pub fn compile(&mut self, world: &dyn World, roots: &[String]) -> Outcome {
        let round = self.round(world, roots, &[]);
        self.finish(world, round)
    }

    /// From a graph to a program.
    fn finish(&mut self, world: &dyn World, round: Round) -> Outcome {
        let Round { elaborated, diagnostics, sources, .. } = round;
        let mut outcome = Outcome { program: None, diagnostics, sources, generated: false, held: Vec::new() };
        let Some(elaborated) = elaborated else { return outcome };
        let params = elaborated.graph.params.iter().map(|p| p.value).collect::<Vec<_>>();
        let options = exec::Options {
            sample_rate: self.options.sample_rate,
            passes: self.options.passes,
            backend: self.options.backend,
            verify: self.options.verify,
        };
        // Names give state its identity, so patches that differ only in names are two.
        let hash = value::mix(exec::patch_hash(&elaborated.graph, &options), names_hash(&elaborated.graph));
        (self.ended)("hash");
        let patch = match self.patches.iter().position(|p| p.hash == hash) {
            Some(at) => {
                let patch = self.patches.remove(at);
                self.patches.push(Arc::clone(&patch));
                patch
            }
            None => match exec::compile_with(&elaborated.graph, &options, hash, &mut self.cache, &mut *self.ended) {
                Ok(patch) => {
                    outcome.generated = true;
                    let patch = Arc::new(patch);
                    self.patches.push(Arc::clone(&patch));
                    if self.patches.len() > KEPT_PATCHES {
                        self.patches.remove(0);
                    }
                    patch
                }
                Err(error) => {
                    let message = format!("the compiler could not make code of this: {error}");
                    let diagnostic = Diagnostic::error("internal", FileId(0), modurust_lang::Span::new(0, 1), message);
                    outcome
                        .diagnostics
                        .push(diagnostic.help("this is a fault of the program, please report it with the text"));
                    return outcome;
                }
            },
        };
        let samples = patch.graph.samples.iter().map(|s| world.sample(s, self.options.sample_rate)).collect();
        outcome.program = Some(Program {
            samples: Arc::new(samples),
            patch,
            score: Arc::new(elaborated.score),
            units: Arc::new(elaborated.units),
            params: Arc::new(params),
            timing: elaborated.timing,
            timeline: Arc::new(elaborated.timeline),
            knobs: Arc::new(elaborated.knobs),
        });
        outcome
    }

    /// The front stages alone.
    pub fn elaborate(
        &mut self,
        world: &dyn World,
        roots: &[String],
    ) -> (Option<Elaborated>, Vec<Diagnostic>, Vec<Source>) {
        let round = self.round(world, roots, &[]);
        (round.elaborated, round.diagnostics, round.sources)
    }

    /// The front stages. `lost` are names that are broken whatever the text says: path of the file, and name.
    fn round(&mut self, world: &dyn World, roots: &[String], lost: &[(String, String)]) -> Round {
        let (mut files, mut sources, mut diagnostics) = self.load(world, roots);
        for (path, name) in lost {
            if let Some(at) = files.iter().position(|f| f.path == *path) {
                let item = Item::Broken { name: Some(name.clone()), span: modurust_lang::Span::default() };
                let offset = sources[at].text.len() as u32;
                files[at].stmts.push(modurust_lang::Stmt { file: FileId(at as u32), offset, item: Arc::new(item) });
            }
        }
        (self.ended)("parse");
        let (options, coarse) = (self.options, self.coarse);
        let paths: Vec<String> = files.iter().map(|f| f.path.clone()).collect();
        let texts: Vec<&str> = sources.iter().map(|s| &*s.text).collect();
        let (laid_out, mut arenas) = self.memory.begin(&files, &texts);
        let (memory, ended) = (&mut self.memory, &mut self.ended);
        let parsed = !diagnostics.iter().any(Diagnostic::is_error);
        let run = || {
            let (mut elab, from_nothing) = loop {
                let from_nothing = arenas.is_none();
                let mut elab = Elab::new(world, options.sample_rate, options.seed);
                elab.paths.clone_from(&paths);
                elab.set().coarse = coarse;
                if let Some(arenas) = arenas.take() {
                    elab.resume(arenas);
                }
                elab.session(&laid_out);
                if !elab.parts.bail {
                    break (elab, from_nothing);
                }
            };
            ended("check");
            let good = parsed && !elab.failed();
            let settled = elab.settle(good);
            let made = settled.map(|(graph, mut units)| (graph, elab.score_of(&mut units), units));
            elab.in_text(&memory.places);
            let failed = elab.failed();
            let (diagnostics, broken) =
                (std::mem::take(&mut elab.diagnostics), std::mem::take(&mut elab.broken_strips));
            let (timing, timeline, knobs) = (elab.settings.timing, std::mem::take(&mut elab.timeline), elab.knobs());
            let literals = made.as_ref().map_or(Vec::new(), |made| elab.literals(&made.1.1, &memory.places));
            memory.keep(elab.into_arenas(), from_nothing);
            let elaborated = made.map(|(graph, (score, _), units)| Elaborated {
                graph,
                score,
                units,
                timing,
                timeline,
                knobs,
                literals,
            });
            (elaborated.filter(|_| !failed), diagnostics, broken)
        };
        // A panic in it is a fault that must not take the sound down.
        let result = stacker::maybe_grow(ROOM, STACK, || catch_unwind(AssertUnwindSafe(run)));
        let mut broken_strips = Vec::new();
        let elaborated = match result {
            Ok((elaborated, more, broken)) => {
                diagnostics.extend(more);
                broken_strips = broken;
                elaborated
            }
            Err(_) => {
                let message = "the compiler failed on this text";
                let diagnostic = Diagnostic::error("internal", FileId(0), modurust_lang::Span::new(0, 1), message);
                diagnostics.push(diagnostic.help("this is a fault of the program, please report it with the text"));
                None
            }
        };
        (self.ended)("lower");
        diagnostics.sort_by_key(|d| (d.file, d.span.start));
        if sources.is_empty() {
            sources.push(Source::new("", ""));
        }
        Round { elaborated: elaborated.filter(|_| parsed), diagnostics, sources, files, broken_strips }
    }

    /// Evaluates an expression that must be a pattern. Spans of diagnostics count from the start of `text`.
    pub fn pattern(&mut self, text: &str) -> (Option<Evaluated>, Vec<Diagnostic>, Vec<Source>) {
        let source = Source::new("pattern", text);
        let (expr, mut diagnostics) = modurust_lang::parse::parse_expr(FileId(0), text);
        let mut evaluated = None;
        if let Some(expr) = expr {
            let mut elab = Elab::new(&NoFiles, self.options.sample_rate, self.options.seed);
            let pattern = elab.pattern_of(&expr);
            diagnostics.append(&mut elab.diagnostics);
            let origins = elab.patterns.iter().map(|(_, start)| *start).collect();
            evaluated = pattern.map(|pattern| Evaluated { score: elab.score.finish(), pattern, origins });
        }
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        (evaluated.filter(|_| !failed), diagnostics, vec![source])
    }

    /// Reads and parses the roots and all that they use.
    fn load(&mut self, world: &dyn World, roots: &[String]) -> (Vec<File>, Vec<Source>, Vec<Diagnostic>) {
        let mut files: Vec<File> = Vec::new();
        let mut sources: Vec<Source> = Vec::new();
        let mut diagnostics = Vec::new();
        for root in roots {
            let text = world.read(root);
            let source = Source::new(root.clone(), text.as_deref().unwrap_or(""));
            let id = FileId(sources.len() as u32);
            sources.push(source);
            if let Err(why) = &text {
                diagnostics.push(Diagnostic::error(
                    "file",
                    id,
                    modurust_lang::Span::default(),
                    format!("`{root}` cannot be read: {why}"),
                ));
            }
            files.push(File { path: root.clone(), stmts: Vec::new(), used: false, uses: Vec::new() });
        }
        let mut at = 0;
        while at < files.len() {
            let id = FileId(at as u32);
            let parsed = self.parser.parse(id, &sources[at]);
            diagnostics.extend(parsed.diagnostics);
            let mut uses = Vec::new();
            for stmt in &parsed.stmts {
                let Item::Use { path, alias, span, version } = &*stmt.item else { continue };
                let module = path.rsplit('/').next().unwrap_or(path);
                let of_library = path == "std" || path.starts_with("std/");
                if !path.starts_with('.') && names::is_module(module) && (of_library || !path.contains('/')) {
                    continue;
                }
                if of_library {
                    let known = modurust_lang::library::library().modules().collect::<Vec<_>>();
                    let message = format!("the library has no module `{module}`");
                    let help = match names::closest(module, known.iter().copied()) {
                        Some(close) => format!("did you mean `std/{close}`?"),
                        None => format!("it has: {}", known.join(", ")),
                    };
                    diagnostics.push(Diagnostic::error("file", id, span.shift(stmt.offset), message).help(help));
                    continue;
                }
                let named = match version {
                    Some(version) => format!("{path}@{version}"),
                    None => path.clone(),
                };
                // Beside the text, then in the user's own library.
                let own = beside(&files[at].path, &format!("{named}.modu"));
                let shared = if path.starts_with('.') { None } else { world.library(&named) };
                let candidates: Vec<String> = std::iter::once(own.clone()).chain(shared).collect();
                let known = candidates.iter().find_map(|c| files.iter().position(|f| f.path == *c));
                let index = known.unwrap_or(files.len());
                if known.is_none() {
                    let mut why = String::new();
                    let read = candidates.iter().find_map(|file| match world.read(file) {
                        Ok(text) => Some((file.clone(), text)),
                        Err(error) => {
                            if why.is_empty() {
                                why = error;
                            }
                            None
                        }
                    });
                    match read {
                        Some((file, text)) if files.len() < MAX_FILES => {
                            sources.push(Source::new(file.clone(), text));
                            files.push(File { path: file, stmts: Vec::new(), used: true, uses: Vec::new() });
                        }
                        Some(_) => {
                            let message = "too many files in one session";
                            diagnostics.push(
                                Diagnostic::error("limit", id, span.shift(stmt.offset), message)
                                    .help("a session has room for 256"),
                            );
                            continue;
                        }
                        None => {
                            let message = format!("`{own}` cannot be read: {why}");
                            let help = match version {
                                Some(version) => {
                                    format!(
                                        "version {version} of a module is a file of its own: `{module}@{version}.modu`"
                                    )
                                }
                                None => "give the path of a file without `.modu`, such as `use ./acid`".into(),
                            };
                            diagnostics
                                .push(Diagnostic::error("file", id, span.shift(stmt.offset), message).help(help));
                            continue;
                        }
                    }
                }
                if index != at {
                    uses.push((index, alias.as_ref().map(|a| a.name.clone())));
                }
            }
            files[at].stmts = parsed.stmts;
            files[at].uses = uses;
            at += 1;
        }
        (files, sources, diagnostics)
    }
}

/// Hash of the tree of names and of what hangs in it.
fn names_hash(graph: &Graph) -> u64 {
    let mut hash = graph.frames.len() as u64;
    for frame in graph.frames.iter() {
        let parent = frame.parent.map_or(u64::MAX, |p| u64::from(p.0));
        hash = value::mix(hash, value::mix(value::hash_text(&frame.label), parent << 1 | u64::from(frame.named)));
    }
    let places = graph.cells.iter().map(|c| (c.frame, &c.name)).chain(graph.rings.iter().map(|r| (r.frame, &r.name)));
    for (frame, name) in places {
        hash = value::mix(hash, value::mix(value::hash_text(name), u64::from(frame.0)));
    }
    graph.outs.iter().fold(hash, |hash, out| value::mix(hash, value::hash_text(&out.name)))
}

/// A path beside another file.
pub(crate) fn beside(file: &str, name: &str) -> String {
    if name.starts_with('/') {
        return name.to_string();
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|p| *p != ".." && !p.is_empty()) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
