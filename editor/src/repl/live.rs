//! What plays, and the text that it plays: statements in, answers out.
//!
//! An input is one transaction. Its statements are laid into the text, the text is evaluated, and what the compiler holds back is taken
//! out of the text again: afterwards the text says what plays, and saving it never writes down a mistake. A bare expression is
//! what `out` plays from now on. `launch` and its kin are done, once, and leave no trace in the text.

use super::buffer::{self, Buffer, shown};
use crate::cli::ports::Ports;
use crate::cli::terminal;
use crate::cli::work;
use modurust_runtime::command::{ChangeKind, Command, Notice, Perform};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::front::hold::{Fate, Held};
use modurust_runtime::compiler::lang::ast::{At, Item};
use modurust_runtime::compiler::lang::{FileId, Source, parse};
use modurust_runtime::compiler::program::Program;
use modurust_runtime::device::Running;
use modurust_runtime::session::Session;
use modurust_runtime::wish::in_place;
use modurust_runtime::world::{FileWorld, read_text};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for an evaluation.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest wait for a refusal.
const REFUSAL: Duration = Duration::from_millis(60);

/// What became of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// `ok`, `held`, `left-out`, `done`.
    pub word: &'static str,
    /// Its name; empty if it has none.
    pub name: String,
}

/// What is said to an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// By statement.
    pub done: Vec<Done>,
    /// Lines for people.
    pub text: String,
    /// The sound is to end.
    pub quit: bool,
}

impl Answer {
    /// All of it, in lines.
    pub fn told(&self) -> String {
        let done = self.done.iter().map(|done| format!("{} {}\n", done.word, done.name));
        format!("{}{}", done.collect::<String>(), self.text)
    }

    /// Only words.
    pub fn say(text: impl Into<String>) -> Answer {
        Answer { text: text.into(), ..Answer::default() }
    }
}

/// What the line editor knows of the text while something is typed.
#[derive(Debug, Default)]
pub struct Known {
    /// The file that the text stands for.
    pub file: String,
    /// The text.
    pub text: String,
    /// Numbers that can be moved.
    pub params: Vec<String>,
    /// What can be launched.
    pub launches: Vec<String>,
}

/// The state of the REPL.
pub struct Live {
    pub session: Session,
    pub running: Running,
    pub ports: Ports,
    /// The file that the text stands for.
    pub file: String,
    /// What the file held when it was last read or written.
    pub saved: String,
    pub roots: Vec<String>,
    pub buffer: Buffer,
    pub snaps: BTreeMap<char, String>,
    pub compiler: Compiler,
    pub known: Arc<Mutex<Known>>,
    /// What came while something else was waited for.
    pub late: Vec<Notice>,
    /// Keys of the computer that are held, and until when.
    pub struck: Vec<(Instant, String)>,
}

/// What an evaluation yielded.
struct Evaluated {
    held: Vec<Held>,
    text: String,
    kind: Option<ChangeKind>,
    ms: f64,
}

impl Live {
    /// Looks after the device, which may come back with another sample rate.
    pub fn attend(&mut self) -> Vec<Notice> {
        let told = self.session.attend(&mut self.running);
        self.compiler.retune(self.running.rate());
        told
    }

    /// The world as the compiler sees it: files, and the text in the place of its file.
    pub fn world(&self) -> FileWorld {
        let mut world = FileWorld::new();
        world.overlay(self.file.clone(), self.buffer.text());
        world
    }

    /// The program that was published last.
    pub fn program(&self) -> Option<Program> {
        self.session.snapshot().program
    }

    /// Evaluates statements, or an expression.
    pub fn evaluate(&mut self, input: &str) -> Answer {
        let alone = matches!(parse::parse_expr(FileId(0), input.trim()), (Some(_), errors) if errors.is_empty());
        let input = if alone { &format!("out = {}", input.trim()) } else { input };
        let parts = buffer::parts(input);
        let mut answer = Answer::default();
        let mut wanted = self.buffer.text().to_string();
        let (mut kept, mut orders) = (Vec::new(), Vec::new());
        for part in parts {
            let text = &input[part.range];
            if part.command {
                orders.push(text);
            } else {
                wanted = buffer::with(&wanted, part.key.as_deref(), text);
                kept.push((part.key, text));
            }
        }
        if !kept.is_empty() {
            let evaluated = self.settle(&wanted);
            self.accept(&wanted, &kept, evaluated, &mut answer);
        }
        for order in orders {
            self.order(order, &mut answer);
        }
        self.learn();
        answer
    }

    /// Takes what is good of a text, and tells.
    fn accept(&mut self, wanted: &str, kept: &[(Option<String>, &str)], evaluated: Evaluated, answer: &mut Answer) {
        let Evaluated { held, text, kind, ms } = evaluated;
        let mut accepted = self.buffer.text().to_string();
        for (key, statement) in kept {
            let name = key.as_deref().map_or("", shown);
            let fate = held.iter().find(|h| h.name == name && h.file == self.file).map(|h| h.fate);
            let word = match (fate, kind) {
                _ if key.is_none() => "left-out",
                (Some(Fate::Silent), _) => "left-out",
                (Some(Fate::Kept), _) | (None, None) => "held",
                (None, Some(_)) => "ok",
            };
            if word == "ok" {
                accepted = buffer::with(&accepted, key.as_deref(), statement);
            }
            answer.done.push(Done { word, name: name.to_string() });
        }
        if accepted != wanted {
            self.settle(&accepted);
        }
        self.buffer.commit(accepted);
        answer.text.push_str(&text);
        if let Some(kind) = kind.filter(|_| text.is_empty()) {
            let names: Vec<&str> = answer.done.iter().map(|d| d.name.as_str()).collect();
            answer.text.push_str(&format!("{}: {}, {ms:.1} ms\n", names.join(" "), kind.word()));
        }
    }

    /// Evaluates a whole text that was good before or comes from a file, and takes it as it is.
    pub fn replace(&mut self, text: &str) -> Answer {
        let evaluated = self.settle(text);
        self.learn();
        Answer::say(evaluated.text)
    }

    /// Lets the session evaluate a text, and waits for what comes of it.
    fn settle(&mut self, text: &str) -> Evaluated {
        self.evaluated(Command::Text { file: self.file.clone(), text: text.to_string() })
    }

    /// Plays another file in the place of the one that is edited, and edits it.
    pub fn open(&mut self, file: String, text: String) -> Answer {
        self.file.clone_from(&file);
        self.roots[0] = file;
        let evaluated = self.evaluated(Command::Open(self.roots.clone()));
        self.saved.clone_from(&text);
        self.buffer.commit(text);
        self.learn();
        Answer::say(evaluated.text)
    }

    /// The file was saved by somebody else: what changed in it goes into the text, and is told.
    pub fn follow(&mut self) -> Option<String> {
        let theirs = read_text(Path::new(&self.file)).ok()?;
        let told = buffer::changed(&self.saved, &theirs);
        let merged = buffer::merged(&self.saved, &theirs, self.buffer.text());
        self.saved = theirs;
        if merged == self.buffer.text() {
            return None;
        }
        let Evaluated { text, kind, ms, .. } = self.settle(&merged);
        self.buffer.commit(merged);
        self.learn();
        let kind = kind.map_or("nothing", ChangeKind::word);
        let names: Vec<&str> = told.iter().map(|key| shown(key)).collect();
        let names = if names.is_empty() { "words between statements".into() } else { names.join(" ") };
        Some(format!("{} was saved: {names}: {kind}, {ms:.1} ms\n{text}", self.file))
    }

    /// Sends what makes the session compile, and waits for what comes of it.
    fn evaluated(&mut self, command: Command) -> Evaluated {
        // What was told before is no answer to this.
        self.late.extend(self.session.notices());
        self.session.send(command);
        let mut evaluated = Evaluated { held: Vec::new(), text: String::new(), kind: None, ms: 0.0 };
        let begin = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(begin.elapsed()) {
            match self.session.wait(left) {
                Some(Notice::Diagnostics { text, held, plays, .. }) => {
                    (evaluated.text, evaluated.held) = (text, held);
                    if !plays {
                        return evaluated;
                    }
                }
                Some(Notice::Compiled { ms, kind, .. }) => {
                    (evaluated.kind, evaluated.ms) = (Some(kind), ms);
                    return evaluated;
                }
                Some(other) => self.late.push(other),
                None => break,
            }
        }
        evaluated.text.push_str("the compiler does not answer\n");
        evaluated
    }

    /// `launch drums.fill at next bar`, once.
    fn order(&mut self, text: &str, answer: &mut Answer) {
        let source = Source::new("", format!("{text}\n"));
        let parsed = parse::parse(FileId(0), &source);
        for error in &parsed.diagnostics {
            answer.text.push_str(&modurust_runtime::compiler::lang::diag::render(
                std::slice::from_ref(error),
                std::slice::from_ref(&source),
                terminal::colour_out(),
            ));
        }
        for stmt in &parsed.stmts {
            let Item::Command(command) = &*stmt.item else {
                answer.done.push(Done { word: "left-out", name: String::new() });
                continue;
            };
            let path = command.path.iter().map(|word| word.name.as_str()).collect::<Vec<_>>().join(".");
            let now = matches!(command.at, Some(At::Now)).then_some(modurust_runtime::launcher::Quantise::Now);
            let said = match command.verb.name.as_str() {
                verb @ ("launch" | "stop") => self.ask(Command::Perform(Perform::Launch {
                    path: path.clone(),
                    launch: verb == "launch",
                    legato: false,
                    at: now,
                })),
                "mute" => self.ask(Command::Param { name: format!("{path}.mute"), value: 1.0 }),
                "solo" => {
                    let timeline = self.program().map_or_else(Default::default, |p| p.timeline.clone());
                    let open = in_place(&timeline, [path.as_str()]);
                    let strips = timeline.strips.iter().filter(|strip| *strip != "master");
                    let said: Vec<String> = strips
                        .filter_map(|strip| {
                            let value = f32::from(u8::from(!open.contains(strip.as_str())));
                            self.ask(Command::Param { name: format!("{strip}.mute"), value })
                        })
                        .collect();
                    (!said.is_empty()).then(|| said.concat())
                }
                verb => Some(format!("`{verb}` is understood, but not done by this version\n")),
            };
            let word = if said.is_none() { "done" } else { "left-out" };
            answer.done.push(Done { word, name: path });
            answer.text.push_str(&said.unwrap_or_default());
        }
    }

    /// Sends a command; the refusal, if there is one.
    pub fn ask(&mut self, command: Command) -> Option<String> {
        self.session.send(command);
        let begin = Instant::now();
        while let Some(left) = REFUSAL.checked_sub(begin.elapsed()) {
            match self.session.wait(left) {
                Some(Notice::Refused { message }) => return Some(format!("{message}\n")),
                Some(other) => self.late.push(other),
                None => {}
            }
        }
        None
    }

    /// Tells the line editor what there is now.
    pub fn learn(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.text = self.buffer.text().to_string();
        known.file.clone_from(&self.file);
        if let Some(program) = self.program() {
            known.params =
                program.patch.graph.params.iter().map(|p| p.name.to_string()).filter(|n| !n.contains('#')).collect();
            let timeline = &program.timeline;
            let clips =
                timeline.sets.iter().flat_map(|s| s.clips.iter().map(move |c| format!("{}.{}", s.strip, c.name)));
            let scenes = timeline.scenes.iter().map(|s| s.name.clone());
            known.launches = clips.chain(scenes).chain(timeline.arrangements.iter().map(|a| a.name.clone())).collect();
        }
    }
}

/// A compiler for looking at texts beside the one that plays.
pub fn compiler(rate: u32) -> Compiler {
    Compiler::new(work::options(rate))
}
