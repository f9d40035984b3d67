//! What the window shows: one text, what plays of it, and what is selected.
//!
//! There is no second model of the piece. The text is the piece; all else here is derived from it (trees, errors), told by the engine
//! (levels, clips), or of the hands and eyes (the cursor, the view, numbers that were moved and not yet written). Everything that
//! changes goes through [`Model::act`]; views get a [`See`], which they can only look at.

mod disk;
mod hands;
mod hear;
mod pages;
mod slots;

pub use disk::layout_file;
use hear::told;
pub use pages::Tab;
use pages::{Page, short};

use super::act::{Act, Extent};
use super::history::History;
use super::keymap::Keymap;
use super::lit::Lit;
use super::look::{Look, Split, Wants};
use super::monitor::Watch;
use super::player::Player;
use super::steps::{Step, Steps, between, floor, moved};
use super::theme::{THEMES, Theme};
use super::words;
use crate::cli::work;
use crate::piano;
use crate::repl::buffer;
use modurust_runtime::command::{Command, Perform};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::ide::{self, Document, Symbol};
use modurust_runtime::compiler::lang::edit::Edit;
use modurust_runtime::compiler::lang::parse::Parser;
use modurust_runtime::compiler::lang::{Severity, codes};
use modurust_runtime::feedback::Feedback;
use modurust_runtime::world::FileWorld;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long what was evaluated is lit.
pub const FLASH: Duration = Duration::from_millis(150);
/// How long a second wish to quit counts.
const TWICE: Duration = Duration::from_secs(4);

/// Something wrong with the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where; within the text.
    pub span: Range<usize>,
    /// The line, from 0.
    pub line: usize,
    /// An error, or a warning.
    pub error: bool,
    /// Its code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would help.
    pub help: Option<String>,
}

/// A line that is told, and how bad it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// One line.
    pub text: String,
    /// Something is wrong.
    pub bad: bool,
}

/// What views look at.
pub struct See<'a> {
    /// The file of the text.
    pub file: &'a str,
    /// All files of the piece, the first one first.
    pub tabs: &'a [Tab],
    /// What is wrong in files that are not open, by file.
    pub elsewhere: &'a [(String, Problem)],
    /// The text.
    pub text: &'a str,
    /// Counts its changes.
    pub rev: u64,
    /// Its trees.
    pub document: &'a Document,
    /// Its statements that have a name.
    pub symbols: &'a [Symbol],
    /// What is wrong with it.
    pub problems: &'a [Problem],
    /// The text that plays; another one than `text` after typing.
    pub running: &'a str,
    /// The cursor, in bytes.
    pub at: usize,
    /// The name of the statement that the cursor stands in.
    pub selected: Option<&'a str>,
    /// Where hexes lie, as lines of the layout file.
    pub layout: &'a str,
    /// Numbers that hands have moved.
    pub overlay: &'a BTreeMap<String, f32>,
    /// Steps of patterns that sound now, in bytes.
    pub sounding: &'a [Range<usize>],
    /// What was evaluated a moment ago.
    pub flash: Option<Range<usize>>,
    /// What is selected, what feeds it and what it feeds, as it sounds; of what can be looked at, while somebody has time to.
    pub watched: &'a [Watch],
    /// The slot that waits for its bar.
    pub switching: Option<usize>,
    /// How everything stands.
    pub feedback: &'a Feedback,
    /// Colours.
    pub theme: &'a Theme,
    /// Keys.
    pub keymap: &'a Keymap,
    /// What is shown.
    pub look: &'a Look,
    /// The history.
    pub history: &'a History,
}

/// The name of the statement that the cursor of a page stands in.
fn selected(page: &Page) -> Option<&str> {
    let (_, stmt) = page.document.statement(page.at)?;
    stmt.item.name().map(|name| name.name.as_str())
}

/// Texts that were sent to be played, and what was done.
struct Waiting {
    /// Of the first file.
    text: String,
    /// Of the others, by their path from there.
    files: BTreeMap<String, Arc<str>>,
    say: String,
}

/// The model.
pub(crate) struct Model {
    player: Box<dyn Player>,
    /// The file that is open, those that were, and the name of the first.
    page: Page,
    shelf: Vec<Page>,
    root: String,
    revs: u64,
    tabs: Vec<Tab>,
    /// What is wrong in files that are not open, by file.
    elsewhere: Vec<(String, Problem)>,
    steps: Steps,
    /// The history of what played.
    pub history: History,
    /// Commits that wait for the compiler.
    waiting: Vec<Waiting>,
    /// The code pane scrolls to the cursor.
    pub reveal: bool,
    overlay: BTreeMap<String, f32>,
    flash: Option<(Range<usize>, Instant)>,
    parser: Parser,
    compiler: Compiler,
    world: FileWorld,
    lit: Lit,
    sounding: Vec<Range<usize>>,
    watched: hands::Watched,
    feedback: Arc<Feedback>,
    /// What is shown.
    pub look: Look,
    /// What the frame is to do.
    pub wants: Wants,
    /// The last that was told.
    pub status: Status,
    /// Keys.
    pub keymap: Keymap,
    clicks: bool,
    asked_to_quit: Option<Instant>,
    /// The slot that the next text is played as.
    through: Option<usize>,
    /// The slot that waits for its bar, and whether it is on its way to the engine.
    switching: Option<(usize, bool)>,
}

impl Model {
    /// A file, its text, where its hexes lie, and what plays it.
    pub fn new(player: Box<dyn Player>, file: &str, text: &str, layout: &str, history: History) -> Model {
        let feedback = player.feedback();
        let mut model = Model {
            player,
            page: Page::new(file, text, layout, 1),
            shelf: Vec::new(),
            root: file.into(),
            revs: 1,
            tabs: Vec::new(),
            elsewhere: Vec::new(),
            steps: Steps { file: file.into(), ..Steps::default() },
            history,
            waiting: Vec::new(),
            reveal: false,
            overlay: BTreeMap::new(),
            flash: None,
            parser: Parser::new(),
            compiler: Compiler::new(work::options(work::RATE)),
            world: FileWorld::new(),
            lit: Lit::default(),
            sounding: Vec::new(),
            watched: hands::Watched::default(),
            feedback,
            look: Look::default(),
            wants: Wants::default(),
            status: Status::default(),
            keymap: Keymap::standard(),
            clicks: false,
            asked_to_quit: None,
            through: None,
            switching: None,
        };
        model.read();
        model.wait("opened".into());
        model.keep_slots();
        model
    }

    /// What views look at.
    pub fn see(&self) -> See<'_> {
        self.see_of(&self.page)
    }

    fn see_of<'a>(&'a self, page: &'a Page) -> See<'a> {
        let open = page.file == self.page.file;
        See {
            file: &page.file,
            tabs: &self.tabs,
            elsewhere: &self.elsewhere,
            text: &page.text,
            rev: page.rev,
            document: &page.document,
            symbols: &page.symbols,
            problems: &page.problems,
            running: &page.running,
            at: page.at,
            selected: selected(page),
            layout: &page.layout,
            overlay: &self.overlay,
            sounding: if open { &self.sounding } else { &[] },
            flash: self.flash.as_ref().filter(|(_, at)| open && at.elapsed() < FLASH).map(|(range, _)| range.clone()),
            watched: &self.watched.list,
            switching: self.switching.map(|(slot, _)| slot),
            feedback: &self.feedback,
            theme: self.theme(),
            keymap: &self.keymap,
            look: &self.look,
            history: &self.history,
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.page.text
    }

    /// The file that it is written to.
    pub fn file(&self) -> &str {
        &self.page.file
    }

    /// True if a file holds something else.
    pub fn unsaved(&self) -> bool {
        self.pages().any(|page| page.text != page.saved)
    }

    /// Where the sound goes.
    pub fn device(&self) -> String {
        self.player.device()
    }

    /// The theme.
    pub fn theme(&self) -> &'static Theme {
        &THEMES[self.look.theme % THEMES.len()]
    }

    /// The name of the statement that the cursor stands in.
    fn selected(&self) -> Option<&str> {
        selected(&self.page)
    }

    /// Carries out what a gesture asks for.
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Edit { edit, say } => self.edit(edit, say),
            Act::Draw { edit, layout, say } => self.draw(edit, layout.into(), say),
            Act::Try(edit) => self.try_out(edit.as_ref()),
            Act::Typed { text, at } => self.typed(&text, at),
            Act::Evaluate(extent) => self.evaluate(extent),
            Act::Select { at, reveal } => {
                self.page.at = floor(&self.page.text, at);
                self.reveal |= reveal;
            }
            Act::Layout { text, say } => self.place(text.into(), say),
            Act::Overlay { name, value } => {
                self.player.send(Command::Param { name: name.clone(), value });
                self.say(format!("{name} is {value:.4} until the text says otherwise"));
                self.overlay.insert(name, value);
            }
            Act::Tempo(bpm) => self.tempo(bpm),
            Act::Key { name, down } => {
                let name = format!("key/{name}");
                if self.feedback.value(&name).is_some() {
                    self.player.send(Command::Param { name, value: f32::from(u8::from(down)) });
                }
            }
            Act::Send(command) => {
                self.say(told(&command));
                self.player.send(command);
            }
            Act::Say(text) => self.say(text),
            Act::Show(view) => {
                self.say(format!("{} view", view.name()));
                self.look.view = view;
                if self.look.split == Split::Code {
                    self.look.split = Split::Both;
                }
            }
            Act::Word(name) => match words::word(name) {
                Some(word) => (word.run)(self),
                None => self.complain(format!("there is no command `{name}`")),
            },
            Act::Open(file) => self.open(&file),
            Act::Go(id) => self.go(id, String::new()),
            Act::Slot { slot, store } => self.slot(slot, store),
        }
    }

    /// One line for the status line.
    pub fn say(&mut self, text: impl Into<String>) {
        self.status = Status { text: text.into(), bad: false };
    }

    /// The same about something that is wrong.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.status = Status { text: text.into(), bad: true };
    }

    /// Hears what happened, and reads the text if it has changed.
    pub fn attend(&mut self) {
        let before = self.feedback.number;
        self.feedback = self.player.feedback();
        self.player.notices().into_iter().for_each(|notice| self.hear(notice));
        if let Some(wrong) = self.history.complaint() {
            self.complain(wrong);
        }
        for asked in self.player.asked() {
            let mut answer = String::from("understood\n");
            self.at_first(|model| match buffer::with_all(&model.page.text, &asked.text) {
                Ok(text) => model.edit(between(&model.page.text, &text), "by OSC".into()),
                Err(messages) => answer = messages,
            });
            let _ = asked.reply.send(answer);
        }
        if self.feedback.number != before && self.page.text == self.page.running {
            self.sounding = self.lit.spans(self.feedback.cycle, &self.player.picture());
        } else if self.page.text != self.page.running {
            self.sounding.clear();
        }
        self.read();
        if self.feedback.number != before {
            self.watch();
        }
        self.flash.take_if(|(_, at)| at.elapsed() >= FLASH);
    }

    /// Trees and errors of the text as it is now.
    fn read(&mut self) {
        if self.page.read == self.page.rev {
            return;
        }
        self.page.read = self.page.rev;
        self.world.overlay(self.page.file.clone(), self.page.text.clone());
        self.page.document = Document::read(&self.page.file, &self.page.text, &self.world, &mut self.parser);
        self.page.symbols = ide::symbols(&self.page.document);
        let (compiler, world, file) = (&mut self.compiler, &self.world, std::slice::from_ref(&self.root));
        // A fault of the compiler is no reason to lose the window.
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compiler.elaborate(world, file)));
        let Ok((elaborated, found, sources)) = found else {
            self.compiler = Compiler::new(work::options(work::RATE));
            return;
        };
        let here = sources.iter().position(|source| source.name == self.page.file);
        (self.page.problems, self.elsewhere) = (Vec::new(), Vec::new());
        for d in &found {
            let Some(source) = sources.get(d.file.0 as usize) else { continue };
            let text = &source.text;
            let start = floor(text, d.span.start as usize);
            let problem = Problem {
                span: start..floor(text, d.span.end as usize).max(start),
                line: text[..start].matches('\n').count(),
                error: d.severity == Severity::Error,
                code: codes::of(d).code,
                message: d.message.clone(),
                help: d.help.clone(),
            };
            match Some(d.file.0 as usize) == here {
                true => self.page.problems.push(problem),
                false => self.elsewhere.push((source.name.clone(), problem)),
            }
        }
        self.lit = elaborated.map(|elaborated| Lit::new(elaborated, here)).unwrap_or_default();
        self.sounding.clear();
        self.find_tabs();
    }

    /// A whole change: one step, evaluated at once.
    fn edit(&mut self, edit: Edit, say: String) {
        if self.change(edit, &say) {
            self.play(say);
        }
    }

    /// A whole change, which is not heard yet. False if there is none.
    fn change(&mut self, edit: Edit, say: &str) -> bool {
        if edit.splices.is_empty() {
            return false;
        }
        let (Some(text), Some(back)) = (edit.apply(&self.page.text), edit.inverse(&self.page.text)) else {
            self.complain("the text has changed in between: try again");
            return false;
        };
        self.page.at = floor(&text, moved(&edit, self.page.at));
        self.steps.push(Step::whole(edit, back, say));
        self.put(text);
        true
    }

    fn typed(&mut self, text: &str, at: usize) {
        self.page.at = floor(text, at);
        if text != self.page.text {
            self.steps.typed(&self.page.text, text, Instant::now());
            self.put(text.to_string());
        }
    }

    fn place(&mut self, layout: Arc<str>, say: String) {
        if layout != self.page.layout {
            let before = std::mem::replace(&mut self.page.layout, Arc::clone(&layout));
            self.steps.push(Step::places(before, layout, say));
        }
    }

    fn put(&mut self, text: String) {
        self.page.text = text;
        self.revs += 1;
        self.page.rev = self.revs;
        // What is wrong in the others may be another now.
        self.shelf.iter_mut().for_each(|page| page.read = 0);
    }

    /// Takes the last change back.
    pub fn undo(&mut self) {
        if !self.back() {
            self.say("there is nothing to take back");
        }
    }

    /// Takes the last change back; false if there is none.
    pub fn back(&mut self) -> bool {
        let Some(step) = self.steps.past.pop() else { return false };
        self.turn_to(&step.file);
        self.step(&step.back, step.layout.as_ref().map(|(before, _)| before), step.evaluated);
        self.say(format!("taken back: {}", step.say));
        self.steps.future.push(step);
        true
    }

    /// Does again what was taken back.
    pub fn redo(&mut self) {
        let Some(step) = self.steps.future.pop() else { return self.say("there is nothing to do again") };
        self.turn_to(&step.file);
        self.step(&step.edit, step.layout.as_ref().map(|(_, after)| after), step.evaluated);
        self.say(format!("done again: {}", step.say));
        self.steps.past.push(step);
    }

    fn step(&mut self, edit: &Edit, layout: Option<&Arc<str>>, evaluated: bool) {
        if let Some(layout) = layout {
            self.page.layout = Arc::clone(layout);
        }
        if let Some(text) = edit.apply(&self.page.text).filter(|text| *text != self.page.text) {
            self.page.at = floor(&text, edit.splices.first().map_or(self.page.at, |splice| splice.range.start));
            self.reveal = true;
            self.put(text);
            if evaluated {
                self.play("taken back".into());
            }
        }
    }

    /// Sends the text to be played.
    fn play(&mut self, say: String) {
        self.page.running.clone_from(&self.page.text);
        self.send_text(say);
    }

    /// What plays from now on becomes a commit when it is compiled.
    fn wait(&mut self, say: String) {
        let (text, files) = (self.root_page().running.clone(), self.kept_files());
        self.waiting.push(Waiting { text, files, say });
    }

    fn send_text(&mut self, say: String) {
        self.read();
        // What the text says now counts for every number that it changes; the rest stays where hands have put it.
        self.wait(say);
        let command = self.command();
        self.player.send(command);
    }

    fn evaluate(&mut self, extent: Extent) {
        match extent {
            Extent::File => {
                self.flash = Some((0..self.page.text.len(), Instant::now()));
                self.play("the whole text".into());
            }
            Extent::Block => {
                let parts = buffer::parts(&self.page.text);
                let part = parts.iter().rev().find(|part| part.range.start <= self.page.at).or(parts.first());
                let Some(part) = part else { return self.say("there is nothing to play") };
                let statement = self.page.text[part.range.clone()].to_string();
                self.flash = Some((part.range.clone(), Instant::now()));
                if part.command {
                    return self.order(&statement);
                }
                let say = part.key.as_deref().map_or("a statement", buffer::shown).to_string();
                let running = buffer::with(&self.page.running, part.key.as_deref(), &statement);
                // If that makes the two equal but for the order of statements, they are equal.
                let same = buffer::changed(&running, &self.page.text).is_empty();
                self.page.running = if same { self.page.text.clone() } else { running };
                self.send_text(say);
            }
        }
    }

    /// `launch x`, once.
    fn order(&mut self, statement: &str) {
        let mut words = statement.split_whitespace();
        match (words.next(), words.next()) {
            (Some(verb @ ("launch" | "stop")), Some(path)) => {
                let launch = Perform::Launch { path: path.into(), launch: verb == "launch", legato: false, at: None };
                self.act(Act::Send(Command::Perform(launch)));
            }
            _ => {
                // Everything else that is done once is done by the session when its line is new.
                self.page.running = self.page.text.clone();
                self.send_text(statement.lines().next().unwrap_or("a command").to_string());
            }
        }
    }

    /// Writes the tempo into the text.
    pub fn tempo(&mut self, bpm: f64) {
        self.at_first(|model| model.set_tempo(bpm));
    }

    fn set_tempo(&mut self, bpm: f64) {
        let bpm = (bpm * 10.0).round() / 10.0;
        let text = buffer::with(&self.page.text, Some("set tempo"), &format!("tempo {bpm}bpm"));
        // A text without a tempo gets it as its first line.
        let text = match buffer::key_of(&self.page.text, "tempo") {
            Some(_) => text,
            None => format!("tempo {bpm}bpm\n\n{}", self.page.text),
        };
        self.edit(between(&self.page.text, &text), format!("tempo {bpm}"));
    }

    /// Goes to the next error behind the cursor; behind the last one of a file, to another file that has some.
    pub fn next_error(&mut self) {
        let behind = self.page.problems.iter().find(|problem| problem.span.start > self.page.at);
        let here = |problem: &Problem| (self.page.file.clone(), problem.clone());
        let found = behind.map(here).or(self.elsewhere.first().cloned()).or(self.page.problems.first().map(here));
        match found {
            Some((file, problem)) => {
                self.go_to(&file, problem.span.start);
                let help = problem.help.map_or(String::new(), |help| format!("; {help}"));
                let name = if self.tabs.len() > 1 { format!("{} ", short(&file)) } else { String::new() };
                self.complain(format!("{} {name}line {}: {}{help}", problem.code, problem.line + 1, problem.message));
            }
            None => self.say("no errors"),
        }
    }

    /// Goes to the definition of the word under the cursor.
    pub fn go_to_definition(&mut self) {
        match ide::definition(&self.page.document, self.page.at).first() {
            Some(place) if place.file == ide::Location::Here => {
                self.act(Act::Select { at: place.span.start as usize, reveal: true });
            }
            Some(ide::Place { file: ide::Location::Used(number), span }) => {
                let (number, at) = (*number, span.start as usize);
                if let Some(file) = self.page.document.used.get(number).map(|used| used.document.source.name.clone()) {
                    self.go_to(&file, at);
                }
            }
            Some(_) => self.say("it is defined in the library: the browser and `modurust doc` tell of it"),
            None => self.say("nothing is defined under this name here"),
        }
    }

    /// Lets time go on or stand still.
    pub fn play_pause(&mut self) {
        let command = if self.feedback.playing { Command::Pause } else { Command::Play };
        self.act(Act::Send(command));
    }

    /// The click.
    pub fn metronome(&mut self) {
        self.clicks = !self.clicks;
        self.act(Act::Send(Command::Perform(Perform::Metronome(self.clicks))));
    }

    /// The computer's keys play notes, or do what they did before; then whatever they hold ends.
    pub fn play_keys(&mut self) {
        self.look.keys = !self.look.keys;
        if self.look.keys {
            self.say("the keys play notes as `midi('computer')`; Escape ends it");
            return;
        }
        piano::NOTES.for_each(|note| self.player.send(Command::Key { note, down: false }));
        self.say("the keys write again");
    }

    /// Code and view, code, view.
    pub fn next_layout(&mut self) {
        self.look.split = match self.look.split {
            Split::Both => Split::Code,
            Split::Code => Split::View,
            Split::View => Split::Both,
        };
    }

    /// On and off the stage.
    pub fn stage(&mut self) {
        self.look.stage = !self.look.stage;
        self.wants.focus_code = true;
    }

    /// Everything larger or smaller.
    pub fn zoom(&mut self, by: f32) {
        self.look.zoom = (self.look.zoom * by).clamp(0.5, 4.0);
    }

    /// The next theme.
    pub fn next_theme(&mut self) {
        self.look.theme = (self.look.theme + 1) % THEMES.len();
        self.say(format!("theme: {}", self.theme().name));
    }

    /// Closes the window; while something plays or is not saved, only when asked twice.
    pub fn quit(&mut self) {
        let twice = self.asked_to_quit.is_some_and(|at| at.elapsed() < TWICE);
        if twice || (!self.feedback.playing && !self.unsaved()) {
            self.wants.close = true;
        } else {
            self.asked_to_quit = Some(Instant::now());
            let unsaved = if self.unsaved() { "; the text is not saved (the history has all that played)" } else { "" };
            self.complain(format!("again to end the sound and quit{unsaved}"));
        }
    }

    /// Goes to a commit.
    fn go(&mut self, id: u64, say: String) {
        let Some(commit) = self.history.go(id).cloned() else { return };
        let say = if say.is_empty() { format!("to {} ({})", commit.id, commit.say) } else { say };
        self.set_files(&commit.files, &say);
        self.at_first(|model| {
            if *commit.layout != *model.page.layout {
                model.place(Arc::clone(&commit.layout), "places".into());
            }
            model.edit(between(&model.page.text, &commit.text), say.clone());
        });
        self.say(say);
    }
}
