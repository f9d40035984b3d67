//! Evaluation as a transaction per binding: what is good of an edit goes in, what is broken keeps its last good version.
//!
//! A live text is compiled in rounds. The first takes the text as it stands; if it has no error, that is all. Otherwise each
//! statement with an error is put back to the text that it had when it was last good (or left out, if it never was), and the
//! result is elaborated again, until no error is left. An error may also come from elsewhere: a statement that nobody touched fails
//! because what it uses, or what uses it, was edited or deleted. Then those go back too, nearest first, and at the end each of them is
//! tried once more, so that no more is held than must be. The texts of the last round are the new last good ones, so there
//! is always a set of statements that is known to play.
//!
//! ```text
//! last good                 the edit                   what plays
//! cut = 400hz               cut = 900hz                cut = 900hz
//! bass = saw(55hz)          bass = saw(55hz            bass = saw(55hz)      `bass` keeps its last good version
//! track a = bass >> lpf(cut)  (the same)               track a = bass >> lpf(cut)
//! ```
//!
//! Statements are known by what they are about ([`key`]): a name, a setting's word, a scene. Commands have no last good
//! version: a broken one is not carried out.

use crate::front::strips::File;
use crate::front::{Compiler, Outcome, Round, World};
use crate::graph::Sample;
use crate::sample::SampleMemory;
use modurust_lang::ast::Item;
use modurust_lang::token::{self, Kind, tokens};
use modurust_lang::{Diagnostic, FileId, Source, Span, distance, split};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// More rounds than this are not tried one by one: all that changed goes back.
const ROUNDS: usize = 40;
/// As many statements are tried once more after others had to go back.
const TRIED_AGAIN: usize = 16;

/// A binding that does not play as the text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The file that it stands in, or stood.
    pub file: String,
    /// Its name, or the words that it is known by: `scene drop`, `tempo`.
    pub name: String,
    /// What plays in its place.
    pub fate: Fate,
}

/// What plays in the place of a broken binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its last good version.
    Kept,
    /// Nothing: there is no earlier version.
    Silent,
}

/// The statements that were last good, by file, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    files: BTreeMap<String, Vec<(Option<String>, String)>>,
}

impl Kept {
    fn of(round: &Round) -> Kept {
        let mut files = BTreeMap::new();
        for (file, source) in round.files.iter().zip(&round.sources) {
            // Names that are only known to be broken stand behind the text.
            let written = statements(file, source).filter(|(_, _, text)| !text.is_empty());
            let stmts = written.map(|(_, key, text)| (key, text.to_string())).collect();
            files.insert(file.path.clone(), stmts);
        }
        Kept { files }
    }

    fn text(&self, path: &str) -> Option<String> {
        let stmts = self.files.get(path)?;
        Some(stmts.iter().map(|(_, text)| format!("{text}\n")).collect())
    }
}

/// What a statement is about: the same key, the same thing. `None` for what has no earlier version, such as a command.
///
/// A definition, track or bus is its name; everything else has a word before: `set tempo`, `scene drop`, `use ./acid`.
pub fn key(item: &Item, text: &str) -> Option<String> {
    let dotted =
        |path: &[modurust_lang::ast::Ident]| path.iter().map(|w| w.name.as_str()).collect::<Vec<_>>().join(".");
    Some(match item {
        Item::Use { path, .. } => format!("use {path}"),
        Item::Setting { name, .. } => format!("set {}", name.name),
        Item::Meter { from: None, .. } => "set meter".into(),
        Item::Meter { from: Some(from), .. } => format!("set meter from {}", modurust_lang::print::print_expr(from)),
        Item::Def(def) => def.name.name.clone(),
        Item::Strip { name, .. } => name.name.clone(),
        Item::Scene { name, .. } => format!("scene {}", name.name),
        Item::Arrange { name, .. } => format!("arrange {}", name.as_ref().map_or("song", |n| &n.name)),
        Item::Automate { path, .. } => format!("automate {}", dotted(path)),
        Item::Map { source, path, .. } => {
            format!("map {} -> {}", modurust_lang::print::print_expr(source), dotted(path))
        }
        Item::Command(_) => return None,
        Item::Broken { .. } => return key_of_broken(text),
    })
}

/// The same for text that cannot be read, as far as its beginning can.
fn key_of_broken(text: &str) -> Option<String> {
    let head = split::head_word(text)?;
    let code = &text[split::code_start(text)..];
    let rest = &code[head.len()..];
    let next = || rest.split(|c: char| c.is_whitespace() || c == '{').find(|w| !w.is_empty());
    Some(match head {
        "use" => format!("use {}", next()?),
        "scene" => format!("scene {}", split::head_name(text)?),
        "arrange" => format!("arrange {}", split::head_word(rest).unwrap_or("song")),
        "automate" => format!("automate {}", next()?),
        word if token::SETTINGS.contains(&word) => format!("set {word}"),
        word if token::COMMANDS.contains(&word) || word == "launch" => return None,
        _ => split::head_name(text)?.to_string(),
    })
}

/// The binding that a key names, if it is one that other statements speak of.
fn binding(key: &str) -> Option<&str> {
    (!key.contains(' ')).then_some(key)
}

/// A key in words.
fn shown(key: &str) -> &str {
    key.strip_prefix("set ").unwrap_or(key)
}

/// The statements of a file: where, what about, and their text up to the next.
fn statements<'a>(file: &'a File, source: &'a Source) -> impl Iterator<Item = (u32, Option<String>, &'a str)> {
    file.stmts.iter().enumerate().map(|(i, stmt)| {
        let end = file.stmts.get(i + 1).map_or(source.text.len(), |next| next.offset as usize);
        let text = source.text[stmt.offset as usize..end].trim_end();
        (stmt.offset, key(&stmt.item, text), text)
    })
}

/// Words of a text that may be names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).filter(|t| matches!(t.kind, Kind::Word | Kind::Path)).map(|t| t.text(text))
}

/// How a statement takes part in the next round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// As the text says.
    Now,
    /// As it last was good.
    Held,
    /// Deleted, but still needed: as it last was good.
    Back,
    /// Not at all, and its name is known to be broken.
    Lost,
    /// Not at all, as if it were not there.
    Out,
}

struct Entry {
    key: Option<String>,
    text: String,
    /// Where it stands in the user's text; `None` if it was deleted.
    place: Option<u32>,
    /// Its last good text, if that is another one.
    kept: Option<String>,
    /// There is no last good text.
    fresh: bool,
    state: State,
    /// An error of the first round stands in it.
    faulty: bool,
    /// It went back because of another.
    along: bool,
}

impl Entry {
    fn name(&self) -> Option<&str> {
        self.key.as_deref().and_then(binding)
    }

    fn changed(&self) -> bool {
        self.state == State::Now && (self.kept.is_some() || self.fresh)
    }

    /// What takes part in the next round.
    fn effective(&self) -> Option<&str> {
        match self.state {
            State::Now => Some(&self.text),
            State::Held | State::Back => self.kept.as_deref(),
            State::Lost | State::Out => None,
        }
    }
}

struct Trial {
    /// By file: path and statements.
    files: Vec<(String, Vec<Entry>)>,
}

/// The texts of a round.
struct Assembled<'a> {
    /// By path.
    texts: BTreeMap<&'a str, String>,
    /// By file: where each entry starts.
    ranges: Vec<Vec<(u32, usize)>>,
    /// Names that are broken whatever the texts say, with the path of their file.
    lost: Vec<(String, String)>,
}

/// Where a round found errors: file and entry.
type At = (usize, usize);

/// The user's world, with the texts of a round laid over it; files that are gone are as they last were.
struct Overlay<'a> {
    world: &'a dyn World,
    texts: BTreeMap<&'a str, String>,
    kept: &'a Kept,
}

impl World for Overlay<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        match self.texts.get(path) {
            Some(text) => Ok(text.clone()),
            None => self.world.read(path).or_else(|why| self.kept.text(path).ok_or(why)),
        }
    }

    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        self.world.bytes(path)
    }

    fn exists(&self, path: &str) -> bool {
        self.world.exists(path)
    }

    fn library(&self, module: &str) -> Option<String> {
        self.world.library(module)
    }

    fn folder(&self, path: &str) -> Vec<String> {
        self.world.folder(path)
    }

    fn is_long(&self, path: &str) -> bool {
        self.world.is_long(path)
    }

    fn sample(&self, sample: &Sample, rate: u32) -> Arc<SampleMemory> {
        self.world.sample(sample, rate)
    }
}

impl Compiler {
    /// Compiles files that are being played: a transaction per binding. Good bindings go in together; a broken one keeps its last
    /// good version, whatever depends on it goes on working, and its error says so. There is a program unless the compiler
    /// itself failed. [`Outcome::held`] names what does not play as the text says.
    pub fn evaluate(&mut self, world: &dyn World, roots: &[String]) -> Outcome {
        let first = self.round(world, roots, &[]);
        if first.elaborated.is_some() {
            let kept = Kept::of(&first);
            let outcome = self.finish(world, first);
            if outcome.program.is_some() {
                self.kept = kept;
            }
            return outcome;
        }
        let kept = std::mem::take(&mut self.kept);
        let mut trial = Trial::new(&first, &kept);
        let found = self.settle_on(&mut trial, world, roots, &first, &kept);
        let (mut diagnostics, sources) = (first.diagnostics, first.sources);
        let held = trial.tell(&mut diagnostics, &sources, found.is_some());
        let Some(last) = found else {
            self.kept = kept;
            return Outcome { program: None, diagnostics, sources, generated: false, held };
        };
        let next = Kept::of(&last);
        let made = self.finish(world, last);
        self.kept = if made.program.is_some() { next } else { kept };
        if made.program.is_none() {
            diagnostics.extend(made.diagnostics.into_iter().filter(|d| d.code == "internal"));
        }
        Outcome { program: made.program, diagnostics, sources, generated: made.generated, held }
    }

    /// Rounds until there is no error.
    fn settle_on(
        &mut self,
        trial: &mut Trial,
        world: &dyn World,
        roots: &[String],
        first: &Round,
        kept: &Kept,
    ) -> Option<Round> {
        let mut along = false;
        let faults = trial.faults_of_first(first);
        if !trial.go_back(&faults, &mut along, kept) && !first.diagnostics.iter().any(|d| d.code == "file") {
            trial.all_back(kept);
        }
        for n in 0.. {
            let (round, faults) = self.try_round(trial, world, roots, kept);
            if round.elaborated.is_some() {
                // A strip that needs what was lost: what it was before may not.
                if trial.hold_silent(&round) {
                    continue;
                }
                return Some(if along { self.try_again(trial, world, roots, kept, round) } else { round });
            }
            let went = n < ROUNDS && trial.go_back(&faults, &mut along, kept);
            if !went && !trial.all_back(kept) {
                return None;
            }
        }
        None
    }

    fn try_round(&mut self, trial: &Trial, world: &dyn World, roots: &[String], kept: &Kept) -> (Round, Vec<At>) {
        let Assembled { texts, ranges, lost } = trial.assemble();
        let round = self.round(&Overlay { world, texts, kept }, roots, &lost);
        let mut faults = BTreeSet::new();
        for error in round.diagnostics.iter().filter(|d| d.is_error()) {
            let Some(path) = round.sources.get(error.file.0 as usize).map(|s| &s.name) else { continue };
            let Some(file) = trial.files.iter().position(|(p, _)| p == path) else { continue };
            let found = ranges[file].iter().rev().find(|(start, _)| *start <= error.span.start);
            faults.extend(found.map(|(_, entry)| (file, *entry)));
        }
        (round, faults.into_iter().collect())
    }

    /// What went back because of others is tried once more, so that no more is held than must be.
    fn try_again(
        &mut self,
        trial: &mut Trial,
        world: &dyn World,
        roots: &[String],
        kept: &Kept,
        mut best: Round,
    ) -> Round {
        let all: Vec<At> = trial.all().filter(|at| trial.at(*at).along).take(TRIED_AGAIN).collect();
        for at in all {
            let state = trial.at(at).state;
            trial.at_mut(at).state = if state == State::Back { State::Out } else { State::Now };
            let (round, _) = self.try_round(trial, world, roots, kept);
            if round.elaborated.is_some() && round.broken_strips.len() <= best.broken_strips.len() {
                best = round;
            } else {
                trial.at_mut(at).state = state;
            }
        }
        best
    }
}

impl Trial {
    fn new(first: &Round, kept: &Kept) -> Trial {
        let files = first.files.iter().zip(&first.sources).map(|(file, source)| {
            let old = kept.files.get(&file.path).map_or(&[][..], Vec::as_slice);
            let mut entries = Vec::with_capacity(file.stmts.len());
            for (offset, key, text) in statements(file, source) {
                let before = old.iter().find(|(k, _)| key.is_some() && *k == key).map(|(_, text)| text.clone());
                entries.push(Entry {
                    key,
                    text: text.to_string(),
                    place: Some(offset),
                    fresh: before.is_none(),
                    kept: before.filter(|before| before != text),
                    state: State::Now,
                    faulty: false,
                    along: false,
                });
            }
            if file.stmts.is_empty() && source.text.is_empty() {
                // A file that cannot be read is as it was.
                entries.extend(old.iter().map(|(key, text)| back(key.clone(), text)));
            }
            hold_hidden(&mut entries, old, file);
            (file.path.clone(), entries)
        });
        Trial { files: files.collect() }
    }

    fn at(&self, (file, entry): At) -> &Entry {
        &self.files[file].1[entry]
    }

    fn at_mut(&mut self, (file, entry): At) -> &mut Entry {
        &mut self.files[file].1[entry]
    }

    fn all(&self) -> impl Iterator<Item = At> + use<> {
        let sizes: Vec<usize> = self.files.iter().map(|(_, entries)| entries.len()).collect();
        sizes.into_iter().enumerate().flat_map(|(file, n)| (0..n).map(move |entry| (file, entry)))
    }

    fn faults_of_first(&mut self, first: &Round) -> Vec<At> {
        let mut faults = BTreeSet::new();
        for error in first.diagnostics.iter().filter(|d| d.is_error()) {
            let at = self.of_place(error.file, error.span);
            faults.extend(at);
            if let Some(at) = at {
                self.at_mut(at).faulty = true;
            }
        }
        faults.into_iter().collect()
    }

    /// The statement at a place of the user's text.
    fn of_place(&self, file: FileId, span: Span) -> Option<At> {
        let entries = &self.files.get(file.0 as usize)?.1;
        let before = |e: &Entry| e.place.is_some_and(|place| place <= span.start);
        let entry = (0..entries.len()).filter(|i| before(&entries[*i])).max_by_key(|i| entries[*i].place)?;
        Some((file.0 as usize, entry))
    }

    /// Puts statements with errors back, or what they depend on. False if nothing could be done.
    fn go_back(&mut self, faults: &[At], along: &mut bool, kept: &Kept) -> bool {
        let mut any = false;
        for &at in faults.iter().rev() {
            let entry = self.at(at);
            if !entry.changed() {
                continue;
            }
            let twice = self.all().any(|other| {
                other != at
                    && entry.key.is_some()
                    && self.at(other).key == entry.key
                    && self.at(other).effective().is_some()
            });
            let fresh = entry.fresh;
            self.at_mut(at).state = match (fresh, twice) {
                (_, true) => State::Out,
                (true, _) => State::Lost,
                (false, _) => State::Held,
            };
            any = true;
        }
        if !any {
            // Only statements that are as they were: the reason lies elsewhere.
            for &at in faults {
                any |= self.others_back(at, kept);
            }
            *along |= any;
        }
        any
    }

    /// What stands behind an error in a statement that nobody touched, nearest first.
    fn others_back(&mut self, at: At, kept: &Kept) -> bool {
        let needed = self.needed(self.at(at));
        if self.bring_back(kept, |key| binding(key).is_some_and(|name| needed.contains(name))) {
            return true;
        }
        let is_needed = |e: &Entry| e.name().is_some_and(|name| needed.contains(name));
        if self.revert(State::Out, is_needed) {
            return true;
        }
        if let Some(name) = self.at(at).name().map(str::to_string) {
            let uses = |user: &At| self.at(*user).changed() && self.needed(self.at(*user)).contains(&name);
            let users: Vec<At> = self.all().filter(|user| *user != at && uses(user)).collect();
            for &user in &users {
                let entry = self.at_mut(user);
                (entry.state, entry.along) = (if entry.fresh { State::Lost } else { State::Held }, true);
            }
            if !users.is_empty() {
                return true;
            }
        }
        let global = |key: &str| key.starts_with("set ") || key.starts_with("use ");
        let back = self.bring_back(kept, global);
        self.revert(State::Out, |e| e.key.as_deref().is_some_and(global)) || back
    }

    /// Everything as it was.
    fn all_back(&mut self, kept: &Kept) -> bool {
        let back = self.bring_back(kept, |_| true);
        self.revert(State::Out, |_| true) || back
    }

    /// Puts changed statements back. `fresh` is for those that never were good.
    fn revert(&mut self, fresh: State, which: impl Fn(&Entry) -> bool) -> bool {
        let mut any = false;
        for entry in self.files.iter_mut().flat_map(|(_, entries)| entries) {
            if entry.changed() && which(entry) {
                (entry.state, entry.along) = (if entry.fresh { fresh } else { State::Held }, true);
                any = true;
            }
        }
        any
    }

    /// Brings deleted statements back.
    fn bring_back(&mut self, kept: &Kept, which: impl Fn(&str) -> bool) -> bool {
        let mut any = false;
        for (path, entries) in &mut self.files {
            let Some(old) = kept.files.get(path) else { continue };
            for (n, (key, text)) in old.iter().enumerate() {
                let Some(key) = key.as_ref().filter(|key| which(key)) else { continue };
                if entries.iter().any(|e| e.key.as_ref() == Some(key)) {
                    continue;
                }
                let at = position(entries, &old[..n]);
                entries.insert(at, Entry { along: true, ..back(Some(key.clone()), text) });
                any = true;
            }
        }
        any
    }

    /// Every name that a statement needs, directly or not, in its new and its old version.
    fn needed(&self, entry: &Entry) -> BTreeSet<String> {
        let mut needed = BTreeSet::new();
        let mut open: Vec<&Entry> = vec![entry];
        while let Some(entry) = open.pop() {
            for word in words(&entry.text).chain(entry.kept.as_deref().into_iter().flat_map(words)) {
                if Some(word) != entry.name() && needed.insert(word.to_string()) {
                    open.extend(self.files.iter().flat_map(|(_, e)| e).filter(|e| e.name() == Some(word)));
                }
            }
        }
        needed
    }

    /// Strips that are silent because something that they need is lost: one that was edited goes back to what it was; for one that
    /// was not, the lost name hides what was meant; a new one is lost as well.
    fn hold_silent(&mut self, round: &Round) -> bool {
        let silent = |e: &Entry| e.name().is_some_and(|name| round.broken_strips.iter().any(|strip| strip == name));
        let mut any = false;
        for at in self.all().filter(|at| silent(self.at(*at)) && self.at(*at).effective().is_some()).collect::<Vec<_>>()
        {
            let entry = self.at(at);
            if entry.changed() {
                let state = if entry.fresh { State::Lost } else { State::Held };
                (self.at_mut(at).state, any) = (state, true);
                continue;
            }
            let needed = self.needed(entry);
            for hidden in self.files.iter_mut().flat_map(|(_, entries)| entries) {
                if hidden.state == State::Lost && hidden.name().is_some_and(|name| needed.contains(name)) {
                    (hidden.state, any) = (State::Out, true);
                }
            }
        }
        any
    }

    /// The texts of a round.
    fn assemble(&self) -> Assembled<'_> {
        let mut texts = BTreeMap::new();
        let mut ranges = Vec::with_capacity(self.files.len());
        let mut lost = Vec::new();
        let entries = || self.files.iter().flat_map(|(_, entries)| entries);
        for (path, all) in &self.files {
            let (mut text, mut starts) = (String::new(), Vec::with_capacity(all.len()));
            for (i, entry) in all.iter().enumerate() {
                match (entry.effective(), entry.name()) {
                    (Some(effective), _) => {
                        starts.push((text.len() as u32, i));
                        text.push_str(effective);
                        text.push('\n');
                    }
                    (None, Some(name))
                        if entry.state == State::Lost
                            && !entries().any(|e| e.name() == Some(name) && e.effective().is_some()) =>
                    {
                        lost.push((path.clone(), name.to_string()));
                    }
                    _ => {}
                }
            }
            texts.insert(path.as_str(), text);
            ranges.push(starts);
        }
        Assembled { texts, ranges, lost }
    }

    /// Adds to the errors what became of their statements, and a line for whatever else does not play as written.
    fn tell(&self, diagnostics: &mut Vec<Diagnostic>, sources: &[Source], plays: bool) -> Vec<Held> {
        if !plays {
            for error in diagnostics.iter_mut().filter(|d| d.is_error()) {
                error.note.get_or_insert_with(|| "the last good program plays on".into());
            }
            return Vec::new();
        }
        let mut held: Vec<Held> = Vec::new();
        for (file, entries) in &self.files {
            for entry in entries {
                let fate = match entry.state {
                    State::Now => continue,
                    State::Held | State::Back => Fate::Kept,
                    State::Lost | State::Out => Fate::Silent,
                };
                let Some(key) = entry.key.as_deref().filter(|_| entry.place.is_some() || fate == Fate::Kept) else {
                    continue;
                };
                held.push(Held { file: file.clone(), name: shown(key).to_string(), fate });
            }
        }
        for error in diagnostics.iter_mut().filter(|d| d.is_error() && d.note.is_none()) {
            let Some(entry) = self.of_place(error.file, error.span).map(|at| self.at(at)) else {
                error.note = Some("what was last read of it plays on".into());
                continue;
            };
            let name = entry.key.as_deref().map(shown);
            error.note = match (entry.state, name) {
                (State::Held, Some(name)) => Some(format!("`{name}` keeps its last good version")),
                (State::Lost, Some(name)) => {
                    Some(format!("`{name}` was never good: it is left out until it is mended"))
                }
                (State::Lost | State::Out, None) => Some("this line is left out until it is mended".into()),
                (State::Out, Some(name)) => Some(format!("this `{name}` is left out until it is mended")),
                _ => None,
            };
        }
        let place =
            diagnostics.iter().find(|d| d.is_error()).map_or((FileId(0), Span::default()), |d| (d.file, d.span));
        for (file, (_, entries)) in self.files.iter().enumerate() {
            for entry in entries.iter().filter(|e| !e.faulty && e.state != State::Now) {
                let Some(name) = entry.key.as_deref().map(shown) else { continue };
                let message = match (entry.state, entry.place) {
                    (State::Held, _) => format!("`{name}` keeps its last good version: it does not go with the rest"),
                    (State::Back, _) if entry.along => {
                        format!("`{name}` is gone from the text, but is still needed: it plays on")
                    }
                    (State::Back, _) => format!("`{name}` seems to be part of what cannot be read here: it plays on"),
                    (State::Lost | State::Out, Some(_)) => {
                        format!("`{name}` is left out: it needs what has an error, or breaks what plays")
                    }
                    _ => continue,
                };
                let (id, span) = match entry.place {
                    Some(start) => {
                        let start = start as usize + split::code_start(&entry.text);
                        let line = sources.get(file).map_or("", |s| &s.text[start.min(s.text.len())..]);
                        (FileId(file as u32), Span::new(start, start + line.lines().next().map_or(0, str::len)))
                    }
                    None => place,
                };
                diagnostics.push(Diagnostic::warning("held", id, span, message));
            }
        }
        diagnostics.sort_by_key(|d| (d.file, d.span.start));
        held
    }
}

fn back(key: Option<String>, text: &str) -> Entry {
    Entry {
        key,
        text: text.to_string(),
        place: None,
        kept: Some(text.to_string()),
        fresh: false,
        state: State::Back,
        faulty: false,
        along: false,
    }
}

/// Where a deleted statement stood: behind the nearest one before it that is still there.
fn position(entries: &[Entry], before: &[(Option<String>, String)]) -> usize {
    let of = |key: &Option<String>| entries.iter().position(|e| key.is_some() && e.key == *key);
    before.iter().rev().find_map(|(key, _)| of(key)).map_or(0, |at| at + 1)
}

/// A statement that cannot be read may hide another: its own name may be what is misspelt, or the next one was drawn into it. What is
/// missing at its place is not deleted, then.
fn hold_hidden(entries: &mut Vec<Entry>, old: &[(Option<String>, String)], file: &File) {
    let broken: Vec<usize> =
        (0..file.stmts.len()).filter(|i| matches!(&*file.stmts[*i].item, Item::Broken { .. })).collect();
    let mut found: Vec<(usize, Entry)> = Vec::new();
    for i in broken {
        let of = |e: &Entry| old.iter().position(|(key, _)| key.is_some() && *key == e.key);
        let from = entries[..i].iter().rev().find_map(of).map_or(0, |n| n + 1);
        let to = entries[i + 1..].iter().find_map(of).unwrap_or(old.len());
        let known = of(&entries[i]).is_some();
        let name = split::head_name(&entries[i].text);
        for (key, text) in old.get(from..to.max(from)).unwrap_or(&[]) {
            let Some(key) = key.as_ref().filter(|key| !entries.iter().any(|e| e.key.as_ref() == Some(key))) else {
                continue;
            };
            let theirs = binding(key).unwrap_or(key);
            let spoken = words(&entries[i].text).any(|word| word == theirs);
            let close = |n: &str| {
                let begun = n.len() > 1 && (theirs.starts_with(n) || n.starts_with(theirs));
                begun || distance(n, theirs) * 3 <= theirs.len()
            };
            let meant = !known && name.is_none_or(close);
            if (spoken || meant) && !found.iter().any(|(_, e)| e.key.as_ref() == Some(key)) {
                found.push((i + 1, back(Some(key.clone()), text)));
            }
        }
    }
    for (at, entry) in found.into_iter().rev() {
        entries.insert(at, entry);
    }
}
