//! `modurust play`: compile, play, watch, and swap in every saved edit.
//!
//! The session does the work; this file starts it, tells what it has to tell, and stops it. Of a text with errors the good bindings
//! play, and the broken ones as they last were good. If nothing of a file can be heard from the start there is silence until
//! it is mended, unless nobody would mend it (`--no-watch`, `--for`): then the command ends with exit code 1.

use super::Failure;
use super::length::Length;
use super::osc::OscArgs;
use super::output::Output;
use super::ports::Ports;
use super::status::{Reading, Status, position};
use super::supervise;
use super::terminal::{self, Level};
use super::work::{self, Work};
use crate::repl::buffer;
use modurust_runtime::command::{ChangeKind, Command, Notice};
use modurust_runtime::compiler::front::hold::{Fate, Held};
use modurust_runtime::compiler::graph::OutKind;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::device::{DeviceStats, Running};
use modurust_runtime::keeper;
use modurust_runtime::osc::dispatch::Eval;
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::world::read_text;
use serde::Serialize;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// What `play` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files that play together
    #[arg(required = true)]
    files: Vec<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    osc: OscArgs,
    /// Stop after 10s, 8bars
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<Length>,
    /// Leave saved edits alone
    #[arg(long)]
    no_watch: bool,
    /// Go on where the last time ended, by the crash of a machine or not: at that bar, with the numbers that hands moved
    #[arg(long)]
    resume: bool,
    /// Start it again where it was if it crashes; on by itself at a terminal
    #[arg(long, conflicts_with_all = ["length", "no_watch"])]
    supervise: bool,
    /// Do not start it again if it crashes
    #[arg(long, conflicts_with = "supervise")]
    no_supervise: bool,
    /// For the process that starts it again: when the one before this crashed
    #[arg(long, hide = true, value_name = "MS")]
    supervised: Option<u64>,
    /// Print one JSON object at the end
    #[arg(long, requires = "length")]
    json: bool,
}

impl Args {
    /// One file, once, for so long.
    pub fn once(file: String, device: Option<String>, length: Length) -> Args {
        Args {
            files: vec![file],
            output: Output::to(device),
            osc: OscArgs::default(),
            length: Some(length),
            no_watch: true,
            resume: false,
            supervise: false,
            no_supervise: true,
            supervised: None,
            json: false,
        }
    }

    /// True if this process is to watch over another that plays.
    fn watches_over(&self) -> bool {
        let live = !self.no_watch && self.length.is_none() && std::io::stdout().is_terminal();
        self.supervised.is_none() && (self.supervise || live && !self.no_supervise)
    }

    /// When the process crashed that this one stands in for.
    fn crashed(&self) -> Option<u64> {
        self.supervised.filter(|at| *at > 0)
    }
}

/// How often the session and the device are looked after.
const TICK: Duration = Duration::from_millis(15);
/// Longest wait for the last sound to fade.
const FADE: Duration = Duration::from_millis(400);

/// What is printed with `--json`.
#[derive(Serialize)]
struct Summary<'a> {
    device: &'a str,
    rate: u32,
    frames: u64,
    seconds: f64,
    edits: &'a [Edit],
    xruns: u64,
    overloads: u64,
    load: f32,
    recorded: Option<u64>,
    recording_lost: u64,
}

/// An edit that was answered.
#[derive(Serialize)]
struct Edit {
    change: &'static str,
    frame: Option<u64>,
    ms: Option<f64>,
    compile_ms: Option<f64>,
}

/// What plays, and what is known of it.
struct Player {
    session: Session,
    running: Running,
    ports: Ports,
    status: Status,
    edits: Vec<Edit>,
    /// The compilation that the next adoption belongs to, milliseconds.
    compiled: Option<f64>,
    started: bool,
    /// When the process before this one crashed, until this one sounds.
    crashed: Option<u64>,
    /// The first file, and what it held when statements were put into its text, which then was this.
    file: String,
    put: Option<(String, String)>,
}

/// True if a track, a bus or `out` is heard.
fn sounds(program: &Program) -> bool {
    program.patch.graph.outs.iter().any(|out| out.kind == OutKind::Track)
}

/// Plays.
pub fn run(args: &Args) -> Result<(), Failure> {
    if args.watches_over() {
        return supervise::run();
    }
    let work = Work::files(&args.files)?;
    let choice = args.output.choose(&args.files)?;
    let rate = choice.rate();
    let on_disk = std::path::Path::new(&args.files[0]).is_file();
    let (session, engine) = Session::new(SessionOptions {
        watch: !args.no_watch,
        colour: terminal::colour(),
        recorded: args.output.records(),
        inputs: args.output.inputs(),
        latency: args.output.latency(),
        journal: keeper::place(&args.files[0]).filter(|_| (!args.no_watch || args.resume) && on_disk),
        resume: args.resume || args.crashed().is_some(),
        crashed: args.crashed().is_some(),
        ..SessionOptions::new(work.roots.clone(), work::options(rate))
    })
    .map_err(Failure::outside)?;
    let patient = !args.no_watch && args.length.is_none();
    let program = session.snapshot().program;
    let stale = session.snapshot().stale;
    if !patient && stale && !program.as_ref().is_some_and(sounds) {
        for notice in session.notices() {
            if let Notice::Diagnostics { text, .. } = notice {
                terminal::complain(&text);
            }
        }
        return Err(Failure::Text);
    }
    let timing = program.map(|p| p.timing);
    let frames = match (&args.length, &timing) {
        (Some(length), Some(timing)) => {
            let frames = length.frames(timing, rate).filter(|frames| *frames > 0);
            Some(frames.ok_or_else(|| Failure::Usage("`--for` is nothing, or too long".into()))?)
        }
        _ => None,
    };
    let recorder = args.output.recorder(&session, rate, args.crashed().is_some())?;
    let stop = Arc::new(AtomicBool::new(false));
    obey_interrupts(&stop)?;
    if args.supervised.is_some() {
        supervise::listen(&stop);
    }
    let osc = args.osc.start(&session)?;
    let running = choice.start(engine);
    let ports = Ports::open(&session, &running, &args.osc);
    session.watch_device(running.gauge());
    let mut player = Player {
        session,
        running,
        ports,
        status: Status::new(!args.json),
        edits: Vec::new(),
        compiled: None,
        started: false,
        crashed: args.crashed(),
        file: args.files[0].clone(),
        put: None,
    };
    if !args.json {
        let watched = if args.no_watch { "" } else { ", watched" };
        terminal::print(&format!(
            "playing {}{watched}, on {}; Ctrl-C stops\n",
            work.roots.join(" "),
            player.running.describe()
        ))?;
    }
    player.refresh();
    let begin = Instant::now();
    player.play(&stop, frames, args.supervised.is_some(), osc.as_ref().map(|heard| &heard.evals))?;
    drop(osc);
    let stats = player.fade();
    let recorded = args.output.finish(recorder)?;
    if args.json {
        terminal::print_json(&Summary {
            device: player.running.describe(),
            rate,
            frames: player.session.meters().frame.load(Ordering::Relaxed),
            seconds: begin.elapsed().as_secs_f64(),
            edits: &player.edits,
            xruns: stats.xruns,
            overloads: stats.overloads,
            load: stats.load,
            recorded: recorded.map(|r| r.frames),
            recording_lost: recorded.map_or(0, |r| r.lost),
        })?;
    }
    player.running.stop();
    Ok(())
}

/// The first interrupt asks for an end, the second does not ask.
fn obey_interrupts(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    // Not `stop` itself: whoever watches over this process may pass the same interrupt on.
    let (stop, asked) = (Arc::clone(stop), AtomicBool::new(false));
    let handler = move || {
        stop.store(true, Ordering::Relaxed);
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::because(format!("cannot listen for Ctrl-C: {e}")))
}

impl Player {
    /// Until somebody stops it, or `frames` have been played.
    fn play(
        &mut self,
        stop: &AtomicBool,
        frames: Option<u64>,
        supervised: bool,
        evals: Option<&Receiver<Eval>>,
    ) -> Result<(), Failure> {
        loop {
            for Eval { text, reply } in evals.into_iter().flat_map(Receiver::try_iter) {
                let _ = reply.send(self.evaluate(&text));
            }
            let first = self.session.wait(TICK);
            let mut notices: Vec<Notice> = first.into_iter().collect();
            notices.extend(self.session.notices());
            notices.extend(self.session.attend(&mut self.running));
            for notice in notices {
                self.tell(notice)?;
            }
            let stats = self.running.stats();
            self.sounds_again()?;
            if stats.dead {
                self.status.clear()?;
                if supervised {
                    // The process that watches over this one starts it again.
                    std::process::exit(101);
                }
                return Err(Failure::because(
                    "the engine failed and is silent: this is a fault of the program, please report it",
                ));
            }
            let done = frames.is_some_and(|frames| self.session.meters().frame.load(Ordering::Relaxed) >= frames);
            if done || stop.load(Ordering::Relaxed) {
                return self.status.clear();
            }
            self.show(&stats)?;
        }
    }

    /// Tells, with the first sound after a crash, where it goes on and how long it was away.
    fn sounds_again(&mut self) -> Result<(), Failure> {
        let meters = self.session.meters();
        if meters.frame.load(Ordering::Relaxed) > 0
            && let Some(at) = self.crashed.take()
        {
            let (cycle, ms) = (meters.cycle(), supervise::now().saturating_sub(at));
            let (bar, beat) = position(cycle, self.status.beats_per_bar);
            self.say(&format!("going on at bar {bar}.{beat}, {ms} ms after the crash\n"))?;
        }
        Ok(())
    }

    /// Puts statements into the first text, until its file is saved. What is wrong with them is told like any other edit.
    fn evaluate(&mut self, input: &str) -> String {
        let saved = match read_text(Path::new(&self.file)) {
            Ok(saved) => saved,
            Err(why) => return format!("{}: {why}\n", self.file),
        };
        // What was put into an older file is gone with it.
        let before = self.put.take().filter(|(file, _)| *file == saved).map_or_else(|| saved.clone(), |(_, text)| text);
        match buffer::with_all(&before, input) {
            Ok(text) => {
                self.put = Some((saved, text.clone()));
                self.session.send(Command::Text { file: self.file.clone(), text });
                "understood\n".into()
            }
            Err(messages) => {
                self.put = Some((saved, before));
                messages
            }
        }
    }

    /// Lets the sound fade, so that neither ears nor a recording hear a cut.
    fn fade(&mut self) -> DeviceStats {
        let meters = Arc::clone(self.session.meters());
        let rate = f64::from(self.session.snapshot().program.map_or(work::RATE, |p| p.patch.sample_rate));
        self.session.send(Command::Hush);
        let begin = Instant::now();
        // The command first goes through the session's thread; then the engine fades in 20 ms.
        std::thread::sleep(TICK * 2);
        let goal = meters.frame.load(Ordering::Relaxed) + (rate * 0.04) as u64;
        while meters.frame.load(Ordering::Relaxed) < goal && begin.elapsed() < FADE {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.running.stats()
    }

    fn show(&mut self, stats: &DeviceStats) -> Result<(), Failure> {
        let (meters, feedback) = (self.session.meters(), self.session.feedback());
        let reading = Reading {
            cycle: meters.cycle(),
            peak: feedback.peak(),
            number: feedback.number,
            load: stats.load,
            xruns: stats.xruns,
        };
        self.status.show(&reading)
    }

    /// Looks at the program that plays now.
    fn refresh(&mut self) {
        let snapshot = self.session.snapshot();
        self.status.stale = snapshot.stale;
        if let Some(program) = snapshot.program {
            self.status.beats_per_bar = program.timing.beats_per_bar.to_f64();
            if let Some(Notice::Device { message }) = self.running.deaf(&program) {
                terminal::complain(&format!("{message}\n"));
            }
            terminal::complain(&self.ports.attend(&self.session, &self.running, &program));
        }
    }

    /// One line, or more, about what happened.
    fn tell(&mut self, notice: Notice) -> Result<(), Failure> {
        match notice {
            // The first file is nobody's but the session's here, and nobody taps.
            Notice::Edited { .. } | Notice::Tapped { .. } | Notice::Learned { .. } => {}
            Notice::Compiled { ms, generated, kind } => self.compiled(ms, generated, kind)?,
            Notice::Diagnostics { text, errors, held, plays, ms } => {
                self.say(&text)?;
                self.refresh();
                if errors > 0 {
                    self.refused(&held, plays, ms)?;
                }
            }
            Notice::Adopted { frame, kind, ms } => self.adopted(frame, kind, ms)?,
            Notice::Fault { track } => {
                self.say(&format!("`{track}` made a value that is no number; it was silenced for that moment\n"))?;
            }
            Notice::Lost { events } => {
                self.say(&format!("{events} events so far found no room and were left out\n"))?
            }
            Notice::Xruns { count } => {
                self.status.clear()?;
                terminal::log(Level::Info, || format!("{count} deadlines missed so far"));
            }
            Notice::Device { message }
            | Notice::Load { message }
            | Notice::Refused { message }
            | Notice::Sample { message }
            | Notice::File { message } => self.say(&format!("{message}\n"))?,
        }
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.status.clear()?;
        terminal::complain(text);
        Ok(())
    }

    /// An edit with errors.
    fn refused(&mut self, held: &[Held], plays: bool, ms: Option<f64>) -> Result<(), Failure> {
        let names = |fate: Fate| {
            let names: Vec<String> = held.iter().filter(|h| h.fate == fate).map(|h| format!("`{}`", h.name)).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let sounds = self.session.snapshot().program.is_some_and(|p| sounds(&p));
        let mut states: Vec<String> = Vec::new();
        if !sounds {
            states.push("silence until it is mended".into());
        } else if !plays {
            states.push("the last good program plays on".into());
        } else {
            states.extend(names(Fate::Kept).map(|names| format!("the last good {names} plays on")));
            states.extend(names(Fate::Silent).map(|names| format!("{names} left out until mended")));
        }
        self.say(&format!("{}\n", states.join("; ")))?;
        terminal::log(Level::Info, || format!("edit: error, told{}", after(ms)));
        self.edits.push(Edit { change: "error", frame: None, ms, compile_ms: None });
        Ok(())
    }

    fn compiled(&mut self, ms: f64, generated: bool, kind: ChangeKind) -> Result<(), Failure> {
        self.refresh();
        let first = !std::mem::replace(&mut self.started, true);
        self.compiled = Some(ms);
        self.status.clear()?;
        if first {
            terminal::log(Level::Info, || format!("compiled in {ms:.1} ms"));
        } else if kind == ChangeKind::None {
            terminal::log(Level::Info, || format!("edit: nothing changed, compiled in {ms:.1} ms"));
        } else {
            let what = if generated { "new code" } else { "no new code" };
            terminal::log(Level::Debug, || format!("edit: {}, {what}, compiled in {ms:.1} ms", kind.word()));
        }
        Ok(())
    }

    fn adopted(&mut self, frame: u64, kind: ChangeKind, ms: Option<f64>) -> Result<(), Failure> {
        self.refresh();
        self.status.clear()?;
        let compile_ms = self.compiled.take();
        let of_which = compile_ms.map_or(String::new(), |ms| format!(", compiled in {ms:.1} ms"));
        terminal::log(Level::Info, || {
            format!("edit: {}, playing{}{of_which}, from frame {frame}", kind.word(), after(ms))
        });
        if kind == ChangeKind::Code
            && let Some(report) = self.session.snapshot().report
        {
            let (kept, moved, made, dropped) =
                (report.kept.len(), report.moved.len(), report.made.len(), report.dropped.len());
            terminal::log(Level::Debug, || {
                format!("state: {kept} kept, {moved} moved, {made} made, {dropped} dropped")
            });
        }
        self.edits.push(Edit { change: kind.word(), frame: Some(frame), ms, compile_ms });
        Ok(())
    }
}

fn after(ms: Option<f64>) -> String {
    ms.map_or(String::new(), |ms| format!(" after {ms:.1} ms"))
}
