//! The control side: from edits to sound, and what there is to tell.
//!
//! Two threads behind one handle. The *session* thread owns the engine's control side: it carries out commands, publishes programs,
//! frees what is retired, and passes notices on. The *worker* owns the compiler, so that a slow compilation delays no command; of
//! several edits that wait for it only the newest is compiled, unless another asks for something once ([`crate::jobs`]). An evaluation is a transaction per binding
//! ([`Compiler::evaluate`]): the good bindings go in at one sample, where `quantise` says, and broken ones keep their last good
//! version. A compiler that panics is a diagnostic, not an end.
//!
//! ```text
//! let (session, engine) = Session::new(SessionOptions::new(files, compile))?;
//! let mut running = device::choose(&device).start(engine);
//! while let Some(notice) = session.wait(timeout) { .. }        // and session.send(Command::Play), from any thread
//! ```

use crate::command::{ChangeKind, Command, EngineNotice, Notice};
use crate::device::Gauge;
use crate::engine::{Engine, EngineError, EngineOptions, Taps};
use crate::feedback::{Feedback, Observer};
use crate::inbox::{Heard, Intake};
use crate::jobs::{Job, Jobs, Purpose, saved};
use crate::journal::{Entry, Texts};
use crate::launcher::{Links, bars};
use crate::meter::Meters;
use crate::outbox::{Departure, Letter};
use crate::performance::{Desk, Picture};
use crate::preroll::Preroll;
use crate::remote::Remote;
use crate::samples::Bank;
use crate::scribe::Scribe;
use crate::swap::Control;
use crate::watch::{Changed, WatchError, Watcher};
use crate::world::FileWorld;
use modurust_compiler::front::{Compiler, Options, Outcome};
use modurust_compiler::graph::OutKind;
use modurust_compiler::graph::state::Report;
use modurust_compiler::program::Program;
use modurust_compiler::score::timeline::Timeline;
use rtrb::Consumer;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

mod attend;
mod diary;
mod hands;
mod slots;
use attend::Tuning;
use diary::{Diary, kept};
use slots::Slots;

/// Bytes of stack of the thread that compiles; what is not used costs nothing.
const WORKER_STACK: usize = 16 << 20;

/// Frames of sound that comes in and waits for the engine: four of the longest blocks.
const INPUT: usize = 1 << 14;

/// How a session begins.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The files that play, as the user named them.
    pub files: Vec<String>,
    /// Texts that are read in place of files of these names.
    pub texts: BTreeMap<String, String>,
    /// How to compile; its sample rate is the engine's.
    pub compile: Options,
    /// Compile again when a file changes.
    pub watch: bool,
    /// Colour in diagnostics.
    pub colour: bool,
    /// Limits what is heard.
    pub limiter: bool,
    /// Frames that a recorder may lag behind; 0 for no recorder.
    pub tap: usize,
    /// Channels of sound that comes in.
    pub inputs: usize,
    /// By so many frames sound that comes in is later than what it is played to ([`crate::device::latency`]): recordings of strips that hear an
    /// input begin as much later, so that they lie where they were played.
    pub latency: u64,
    /// Who holds the session edits the first file, and others whose text came by [`Command::Text`]: when one of them is saved by somebody else
    /// that is told ([`Notice::Edited`]), and its text comes by [`Command::Text`].
    pub edited: bool,
    /// Who holds the session records what plays ([`Session::take_tap`]): the text does not.
    pub recorded: bool,
    /// Where what is played is kept ([`crate::keeper::place`]); `None`: nowhere.
    pub journal: Option<PathBuf>,
    /// Go on from what was kept: at the bar, with the numbers that hands moved, and with the last good version of what has errors now.
    pub resume: bool,
    /// What is gone on from ended by a crash a moment ago: play the texts that played then until a file is saved, from where time has come to since.
    pub crashed: bool,
}

impl SessionOptions {
    /// Watching, limited, with four seconds for a recorder, without colour.
    pub fn new(files: Vec<String>, compile: Options) -> SessionOptions {
        SessionOptions {
            files,
            texts: BTreeMap::new(),
            compile,
            watch: true,
            colour: false,
            limiter: true,
            tap: 4 * compile.sample_rate as usize,
            inputs: 0,
            latency: 0,
            edited: false,
            recorded: false,
            journal: None,
            resume: false,
            crashed: false,
        }
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// No engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No watcher.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What can be asked of a session at any time.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The program that was published last.
    pub program: Option<Program>,
    /// What the last change of code did to state.
    pub report: Option<Report>,
    /// True if the text as it stands has errors, and something older plays in part.
    pub stale: bool,
    /// What is launched and queued.
    pub picture: Picture,
}

pub(crate) enum Message {
    Command(Command, Instant),
    Changed(Changed),
    Compiled(Box<Done>),
    /// A sound has been decoded.
    Sound,
    Retune(u32, Sender<bool>),
    Seat(Box<Engine>, Sender<Box<Engine>>),
    Stop,
}

#[derive(Clone)]
pub(crate) struct Done {
    outcome: Result<Outcome, String>,
    ms: f64,
    at: Instant,
    quiet: bool,
    asked: BTreeSet<String>,
    purpose: Purpose,
    coarse: u8,
    number: u64,
    texts: BTreeMap<String, String>,
}

/// Where what comes from outside goes in, for all that listen to it.
pub type SharedIntake = Arc<Mutex<Option<Intake>>>;

/// A handle to a running session. Dropping it ends its threads, not the engine.
pub struct Session {
    remote: Remote,
    notices: Mutex<Receiver<Notice>>,
    device: Arc<Mutex<Option<Gauge>>>,
    intake: SharedIntake,
    post: Mutex<Option<Consumer<Departure>>>,
    letters: Mutex<Option<Consumer<Letter>>>,
    heard: Mutex<Option<Consumer<Heard>>>,
    taps: Arc<Mutex<Taps>>,
    thread: Option<JoinHandle<()>>,
    recorded: bool,
}

/// Compiles files; a panic of the compiler is an error message.
pub fn compile(compiler: &mut Compiler, world: &FileWorld, roots: &[String]) -> Result<Outcome, String> {
    caught(|| compiler.compile(world, roots))
}

/// The same for files that are being played: a broken binding keeps its last good version ([`Compiler::evaluate`]).
pub fn evaluate(compiler: &mut Compiler, world: &FileWorld, roots: &[String]) -> Result<Outcome, String> {
    caught(|| compiler.evaluate(world, roots))
}

fn caught(work: impl FnOnce() -> Outcome) -> Result<Outcome, String> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        format!("error[internal E0901]: the compiler failed: {}\n", text.unwrap_or("no reason given"))
    })
}

impl Session {
    /// Compiles the files and makes an engine that plays them from frame 0, without what has errors. What happened is
    /// told by the first notices.
    pub fn new(options: SessionOptions) -> Result<(Session, Engine), SessionError> {
        let mut compiler = Compiler::new(options.compile);
        let job = Job {
            roots: options.files.clone(),
            overlays: options.texts.clone(),
            rate: options.compile.sample_rate,
            coarse: 0,
            at: Instant::now(),
            quiet: false,
            purpose: Purpose::Play,
            number: 0,
        };
        let (inbox, messages) = channel();
        let ready = inbox.clone();
        let bank = Bank::with_worker(move || drop(ready.send(Message::Sound)))?;
        let (notify, notices) = channel();
        let (keeper, before) = kept(&options, &notify);
        if !before.good.is_empty() {
            // What was good the last time is held in place of what is broken now.
            drop(work(&mut compiler, Job { overlays: before.good.clone(), ..job.clone() }, &bank));
        }
        let texts = if options.crashed { before.last.clone() } else { options.texts };
        let first = work(&mut compiler, Job { overlays: texts.clone(), ..job }, &bank);
        let program = first.outcome.as_ref().ok().and_then(|o| o.program.clone());
        let engine_options = EngineOptions {
            limiter: options.limiter,
            tap: options.tap,
            input: (INPUT, options.inputs),
            ..EngineOptions::new(options.compile.sample_rate)
        };
        let (mut engine, control, mut taps) = Engine::new(&engine_options, program.clone())?;
        if let Some(inlet) = taps.input.take() {
            engine.take_sound(inlet);
        }
        let snapshot = Arc::new(Mutex::new(Snapshot::default()));
        let watcher = if options.watch {
            let inbox = inbox.clone();
            Some(Watcher::new(move |changed| drop(inbox.send(Message::Changed(changed))))?)
        } else {
            None
        };
        let (jobs, queue) = channel::<Job>();
        let results = inbox.clone();
        let sounds = bank.clone();
        // With this much stack the front end of the compiler need not take another for each text.
        let worker = std::thread::Builder::new().name("modurust-compile".into()).stack_size(WORKER_STACK);
        worker.spawn(move || {
            let mut queue = Jobs::new(queue);
            while let Some(job) = queue.take() {
                if results.send(Message::Compiled(Box::new(work(&mut compiler, job, &sounds)))).is_err() {
                    return;
                }
            }
        })?;
        let meters = Arc::clone(control.meters());
        let intake: SharedIntake = Arc::new(Mutex::new(taps.intake.take()));
        let (post, letters) = (Mutex::new(taps.post.take()), Mutex::new(taps.letters.take()));
        let heard = Mutex::new(taps.heard.take());
        let taps = Arc::new(Mutex::new(taps));
        let for_text = if options.recorded { Arc::default() } else { Arc::clone(&taps) };
        let spout = taps.lock().unwrap_or_else(PoisonError::into_inner).spouts.pop();
        let preroll =
            spout.map(|spout| Preroll::new(spout, options.compile.sample_rate, Arc::clone(&meters))).transpose()?;
        let scribe = Scribe::new(for_text, notify.clone(), Arc::clone(&meters), preroll, options.latency);
        let device = Arc::new(Mutex::new(None));
        let observer = Observer::new(Arc::clone(&device));
        let remote = Remote::new(inbox, Arc::clone(&snapshot), observer.store(), meters);
        let mut inner = Inner {
            control,
            observer,
            jobs,
            notify,
            watcher,
            files: options.files,
            overlays: texts,
            colour: options.colour,
            edited: options.edited,
            snapshot: Arc::clone(&snapshot),
            waiting: Vec::new(),
            since: None,
            lost: 0,
            desk: Desk::default(),
            intake: Arc::clone(&intake),
            learns: None,
            typed: false,
            moment: None,
            bank,
            tuning: Tuning::new(options.compile.sample_rate),
            scribe,
            journal: keeper.map(|keeper| Diary::new(keeper, before.last.clone())),
            slots: Slots::default(),
            timelines: vec![(0, program.as_ref().map(|p| Arc::clone(&p.timeline)).unwrap_or_default())],
        };
        inner.first(first, program);
        inner.go_on(&before, options.crashed);
        let thread = std::thread::Builder::new().name("modurust-session".into()).spawn(move || inner.run(&messages))?;
        let session = Session {
            remote,
            notices: Mutex::new(notices),
            device,
            intake,
            post,
            letters,
            heard,
            taps,
            thread: Some(thread),
            recorded: options.recorded,
        };
        Ok((session, engine))
    }

    /// Asks for something. Answers are notices.
    pub fn send(&self, command: Command) {
        self.remote.send(command);
    }

    /// What happened since the last call, without waiting.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect()
    }

    /// The next notice, or `None` after `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(timeout).ok()
    }

    /// The program and what became of state.
    pub fn snapshot(&self) -> Snapshot {
        self.remote.snapshot()
    }

    /// Meters and position.
    pub fn meters(&self) -> &Arc<Meters> {
        self.remote.meters()
    }

    /// How everything stands, as of the last thirtieth of a second.
    pub fn feedback(&self) -> Arc<Feedback> {
        self.remote.feedback()
    }

    /// Another handle, for another thread; it hears no notices.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// The device whose load and missed deadlines are part of the feedback from now on.
    pub fn watch_device(&self, gauge: Gauge) {
        *self.device.lock().unwrap_or_else(PoisonError::into_inner) = Some(gauge);
    }

    /// Where threads of the control side put what comes in from outside, each event at its frame.
    pub fn intake(&self) -> &SharedIntake {
        &self.intake
    }

    /// What leaves the engine; to whoever asks first ([`crate::patchbay`]).
    pub fn take_post(&self) -> Option<Consumer<Departure>> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What leaves the engine by OSC; to whoever asks first ([`crate::osc::courier`]).
    pub fn take_letters(&self) -> Option<Consumer<Letter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What ports say that are reserved; to whoever asks first ([`crate::grid`]).
    pub fn take_heard(&self) -> Option<Consumer<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A tap that a recording can read; at most [`crate::tap::TAPS`] of them.
    pub fn take_tap(&self) -> Option<crate::tap::Spout> {
        self.taps.lock().unwrap_or_else(PoisonError::into_inner).spouts.pop()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.remote.post(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(compiler: &mut Compiler, job: Job, bank: &Bank) -> Done {
    let begin = Instant::now();
    compiler.retune(job.rate);
    compiler.coarsen(job.coarse);
    let mut world = FileWorld::with_bank(bank.clone());
    for (file, text) in &job.overlays {
        world.overlay(file.clone(), text.clone());
    }
    let outcome = match job.purpose {
        // What is good of a text that nobody hears is nothing to go back to.
        Purpose::Keep(_) => compile(compiler, &world, &job.roots),
        _ => evaluate(compiler, &world, &job.roots),
    };
    let ms = begin.elapsed().as_secs_f64() * 1e3;
    let Job { at, quiet, purpose, coarse, number, overlays: texts, .. } = job;
    Done { outcome, ms, at, quiet, asked: world.take_asked(), purpose, coarse, number, texts }
}

/// What the session thread owns.
struct Inner {
    control: Control,
    observer: Observer,
    jobs: Sender<Job>,
    notify: Sender<Notice>,
    watcher: Option<Watcher>,
    files: Vec<String>,
    overlays: BTreeMap<String, String>,
    colour: bool,
    edited: bool,
    snapshot: Arc<Mutex<Snapshot>>,
    /// Parameters to be set when the program that has them plays.
    waiting: Vec<(String, f32)>,
    /// The event that the pending program answers.
    since: Option<Instant>,
    lost: u64,
    desk: Desk,
    /// The number that waits for something to move it.
    learns: Option<String>,
    /// The computer's keyboard has played.
    typed: bool,
    intake: SharedIntake,
    /// The frame at which what is asked for is to act.
    moment: Option<u64>,
    bank: Bank,
    scribe: Scribe,
    journal: Option<Diary>,
    /// In whose numbers the engine speaks of clips: the program that plays, then those that are under way.
    timelines: Vec<(u64, Arc<Timeline>)>,
    tuning: Tuning,
    slots: Slots,
}

impl Inner {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            // Short naps while somebody waits for an answer.
            let nap = Duration::from_millis(if self.since.is_some() { 1 } else { 10 });
            match messages.recv_timeout(nap) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Message::Command(command, at)) => self.command(command, at),
                Ok(Message::Changed(changed)) => {
                    self.changed(changed);
                }
                Ok(Message::Compiled(done)) => self.compiled(*done),
                Ok(Message::Retune(rate, ready)) => self.retune(rate, ready),
                Ok(Message::Seat(engine, back)) => self.seat(engine, &back),
                Ok(Message::Sound) => {
                    self.job(Instant::now(), self.overlays.clone(), true);
                    self.keep_slots();
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.tick();
        }
    }

    fn tell(&self, notice: Notice) {
        let _ = self.notify.send(notice);
    }

    fn changed(&mut self, mut changed: Changed) {
        if let Some(own) = self.files.first().filter(|_| self.edited).cloned() {
            // Those that it has changed are in its hands as well.
            let held = |name: &str| name == own || self.overlays.contains_key(name);
            let (edited, others): (Vec<_>, Vec<_>) =
                changed.files.into_iter().partition(|file| held(&file.to_string_lossy()));
            for file in edited {
                self.tell(Notice::Edited { file: file.to_string_lossy().into_owned() });
            }
            changed.files = others;
            if changed.files.is_empty() {
                return;
            }
        }
        for file in &changed.files {
            self.overlays.retain(|name, _| *name != *file.to_string_lossy());
        }
        let mut overlays = self.overlays.clone();
        overlays.extend(saved(&changed.files));
        self.job(changed.at, overlays, false);
        self.keep_slots();
    }

    fn compile(&self, at: Instant) {
        self.job(at, self.overlays.clone(), false);
    }

    fn job(&self, at: Instant, overlays: BTreeMap<String, String>, quiet: bool) {
        self.job_for(Purpose::Play, at, overlays, quiet);
    }

    fn job_for(&self, purpose: Purpose, at: Instant, overlays: BTreeMap<String, String>, quiet: bool) {
        let (roots, number) = (self.files.clone(), self.slots.number);
        let Tuning { rate, coarse, .. } = self.tuning;
        let _ = self.jobs.send(Job { roots, overlays, rate, coarse, at, quiet, purpose, number });
    }

    /// What the first compilation yielded; the engine has its program already.
    fn first(&mut self, done: Done, program: Option<Program>) {
        if let Some(watcher) = &self.watcher {
            watcher.begin(done.asked.iter().chain(&self.files).map(PathBuf::from));
        }
        let outcome = self.diagnostics(done.outcome, None);
        self.keep(outcome.as_ref());
        let stale = outcome.as_ref().is_none_or(|o| o.diagnostics.iter().any(|d| d.is_error()));
        if let Some(outcome) = outcome
            && program.is_some()
        {
            self.tell(Notice::Compiled { ms: done.ms, generated: outcome.generated, kind: ChangeKind::Code });
        }
        if let Some(program) = &program {
            self.scribe.follow(program, None);
        }
        let mut snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.stale = stale;
        snapshot.program = program;
    }

    /// Keeps the texts that play.
    fn keep(&mut self, outcome: Option<&Outcome>) {
        let Some(outcome) = outcome.filter(|o| o.program.is_some()) else { return };
        let own = outcome.sources.iter().filter(|s| self.files.contains(&s.name));
        self.scribe.play(own.map(|s| (s.name.clone(), s.text.to_string())).collect());
        let Some(diary) = &mut self.journal else { return };
        let texts: Texts = outcome.sources.iter().map(|s| (s.name.clone(), s.text.to_string())).collect();
        if diary.last != texts {
            let good = !outcome.diagnostics.iter().any(|d| d.is_error());
            diary.keeper.keep(Entry::Texts { roots: self.files.clone(), texts: texts.clone(), good });
            diary.last = texts;
        }
    }

    fn watch(&self, asked: &BTreeSet<String>) {
        if let Some(watcher) = &self.watcher {
            watcher.watch(asked.iter().chain(&self.files).map(PathBuf::from));
        }
    }

    /// Tells errors and warnings of a text that was edited then.
    fn diagnostics(&self, outcome: Result<Outcome, String>, edited: Option<Instant>) -> Option<Outcome> {
        let ms = edited.map(|at| at.elapsed().as_secs_f64() * 1e3);
        match outcome {
            Ok(outcome) => {
                if !outcome.diagnostics.is_empty() {
                    let errors = outcome.diagnostics.iter().filter(|d| d.is_error()).count();
                    let (held, plays) = (outcome.held.clone(), outcome.program.is_some());
                    self.tell(Notice::Diagnostics { text: outcome.render(self.colour), errors, held, plays, ms });
                }
                Some(outcome)
            }
            Err(text) => {
                self.tell(Notice::Diagnostics { text, errors: 1, held: Vec::new(), plays: false, ms });
                None
            }
        }
    }

    fn compiled(&mut self, done: Done) {
        self.watch(&done.asked);
        let Some(done) = self.slots.take(done) else { return };
        let outcome = if done.quiet { done.outcome.ok() } else { self.diagnostics(done.outcome, Some(done.at)) };
        self.keep(outcome.as_ref());
        let stale = outcome.as_ref().is_none_or(|o| o.diagnostics.iter().any(|d| d.is_error()));
        let Some((program, generated)) = outcome.and_then(|o| Some((o.program?, o.generated))) else {
            self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).stale = true;
            self.tuning.give_up(self.control.program());
            return;
        };
        let Some(program) = self.tuning.take(program, self.control.program()) else { return };
        // A slot was switched on since; what was compiled for before is not heard any more.
        if done.number < self.slots.number {
            return;
        }
        let before = self.control.playing().0;
        let sounds = before.patch.graph.outs.iter().any(|out| out.kind == OutKind::Track);
        let grid = program.timeline.settings.quantise.map(|quantise| bars(quantise, &program.timing));
        let published = match (done.purpose, grid.filter(|_| sounds)) {
            (Purpose::Switch(slot, apart), grid) => self.publish_slot(&program, grid, slot, apart),
            // What waits for its bar waits on.
            (Purpose::Ease, _) if !self.control.is_pending() => self.control.publish(&program, None),
            (_, Some(grid)) => self.control.publish_on(&program, grid),
            (_, None) => self.control.publish(&program, None),
        };
        self.timelines.extend(published.as_ref().map(|p| (p.epoch, Arc::clone(&program.timeline))));
        let kind = published.as_ref().map_or(ChangeKind::None, |p| p.kind);
        self.since = if published.is_some() && !done.quiet {
            Some(done.at)
        } else {
            self.since.filter(|_| self.control.is_pending())
        };
        if !done.quiet {
            self.tell(Notice::Compiled { ms: done.ms, generated, kind });
        }
        let last = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).program.clone();
        self.scribe.follow(&program, last.as_ref());
        let mut snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.program = Some(program);
        snapshot.stale = stale;
        if let Some(report) = published.and_then(|p| p.report) {
            snapshot.report = Some(report);
        }
    }

    /// What is known of clips goes over to the numbers of the program that plays from now on.
    fn follow(&mut self, epoch: u64) {
        let Some(at) = self.timelines.iter().position(|(e, _)| *e == epoch) else { return };
        let ((_, old), (_, new)) = (&self.timelines[0], &self.timelines[at]);
        if !Arc::ptr_eq(old, new) {
            let links = Links::between(old, new);
            self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).picture.follow(&links);
        }
        self.timelines.drain(..at);
    }

    /// Passes on what the engine says, and frees what it gave back.
    fn tick(&mut self) {
        self.control.collect();
        self.ease();
        if let Some(diary) = &mut self.journal {
            diary.place(self.control.meters().cycle());
        }
        for message in self.bank.take_complaints() {
            self.tell(Notice::Sample { message });
        }
        while let Some(notice) = self.control.notice() {
            match notice {
                EngineNotice::Adopted { epoch, frame, kind } => {
                    self.follow(epoch);
                    let current = epoch == self.control.epoch();
                    let ms = self.since.filter(|_| current).map(|at| at.elapsed().as_secs_f64() * 1e3);
                    if current {
                        self.since = None;
                    }
                    self.tell(Notice::Adopted { frame, kind, ms });
                }
                EngineNotice::Fault { epoch, out } => {
                    let outs = &self.control.program().patch.graph.outs;
                    let track =
                        outs.get(out as usize).filter(|_| epoch == self.control.epoch()).map(|o| o.name.clone());
                    self.tell(Notice::Fault { track: track.unwrap_or_else(|| format!("output {out}")) });
                }
                EngineNotice::Happened(happened) => {
                    if let Some(diary) = &self.journal {
                        diary.launched(&self.timelines[0].1, happened);
                    }
                    self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).picture.take(happened);
                }
                EngineNotice::Moved { path } => self.moved(path),
                EngineNotice::Stale => {
                    let message = "the last edit took away what this command is about: nothing was done".into();
                    self.tell(Notice::Refused { message });
                }
            }
        }
        if !self.waiting.is_empty() && !self.control.is_pending() {
            for (name, value) in std::mem::take(&mut self.waiting) {
                self.param(&name, value);
            }
        }
        if self.observer.due() {
            let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
            self.observer.look(&self.control, &self.timelines[0].1, &snapshot.picture);
        }
        let lost = self.control.meters().lost.load(Ordering::Relaxed);
        if lost > self.lost {
            self.lost = lost;
            self.tell(Notice::Lost { events: lost });
        }
    }
}
