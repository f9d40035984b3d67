//! `modurust repl`: the same session as `play`, edited line by line.
//!
//! Three parties. The *main* thread owns the session, the device and the text ([`live`]); it also writes the status row. A *reader*
//! thread waits for somebody to type ([`line`]) or for an editor to send ([`pipe`]), hands each input over and writes the answer. The
//! session has its own threads. So whatever the reader waits for, sound and status go on.
//!
//! ```text
//! buffer    the text: statements spliced in, versions of bindings        pure
//! input     is it finished, or are brackets open?                        pure
//! words     the table of commands                                        pure
//! live      statements -> text -> session -> answer
//! acts, inspect, scope, inside    what the commands do
//! ```

mod acts;
pub(crate) mod buffer;
mod input;
mod inside;
mod inspect;
mod line;
mod live;
mod pipe;
mod scope;
mod screen;
mod words;

use crate::cli::begin::Begin;
use crate::cli::osc::OscArgs;
use crate::cli::output::Output;
use crate::cli::ports::Ports;
use crate::cli::status::Reading;
use crate::cli::{Failure, terminal, work};
use live::{Answer, Known, Live};
use modurust_runtime::command::{Command, Notice};
use modurust_runtime::osc::dispatch::Eval;
use modurust_runtime::session::{Session, SessionOptions};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Cmd, CompletionType, Config, Editor, ExternalPrinter, KeyEvent};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The name of a text that has no file yet.
const UNNAMED: &str = "untitled";
/// How often things are looked after.
const TICK: Duration = Duration::from_millis(15);
/// Longest wait for the last sound to fade.
const FADE: Duration = Duration::from_millis(400);

/// What `repl` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files that play together; the first is the text that is edited
    files: Vec<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    osc: OscArgs,
    /// Read statements from standard input and answer on standard output, for editors
    #[arg(long)]
    pipe: bool,
    /// Go on where the last time ended, by a crash or not: with the text that played and what `:snap` remembered, at that bar
    #[arg(long, requires = "files")]
    resume: bool,
}

/// An input, and where its answer goes.
struct Request {
    text: String,
    reply: Sender<Answer>,
}

/// Says something while somebody types.
type Say = Box<dyn FnMut(String) + Send>;

/// Starts, and serves until somebody leaves.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let begin = Begin::new(&args.files, args.resume)?;
    let mut roots = args.files.clone();
    let file = roots.first().cloned().unwrap_or_else(|| UNNAMED.to_string());
    if roots.is_empty() {
        roots.push(file.clone());
    }
    let choice = args.output.choose(&roots)?;
    let rate = choice.rate();
    let (session, engine) = Session::new(SessionOptions {
        edited: true,
        colour: terminal::colour_out() && !args.pipe,
        recorded: args.output.records(),
        inputs: args.output.inputs(),
        latency: args.output.latency(),
        texts: BTreeMap::from([(file.clone(), begin.text.clone())]),
        journal: begin.journal,
        resume: args.resume,
        ..SessionOptions::new(roots.clone(), work::options(rate))
    })
    .map_err(Failure::outside)?;
    let recorder = args.output.recorder(&session, rate, false)?;
    let osc = args.osc.start(&session)?;
    let running = choice.start(engine);
    let ports = Ports::open(&session, &running, &args.osc);
    session.watch_device(running.gauge());
    let known = Arc::new(Mutex::new(Known::default()));
    let mut live = Live {
        session,
        running,
        ports,
        roots,
        late: Vec::from_iter((begin.text != begin.saved).then(|| Notice::File {
            message: format!("the text is the one that played last: `:diff` shows what {file} does not have"),
        })),
        file,
        saved: begin.saved,
        buffer: buffer::Buffer::new(begin.text),
        snaps: begin.snaps,
        compiler: live::compiler(rate),
        known: Arc::clone(&known),
        struck: Vec::new(),
    };
    live.learn();
    let (requests, inbox) = channel::<Request>();
    let stop = Arc::new(AtomicBool::new(false));
    let mut screen = screen::Screen::new(!args.pipe);
    let say = if args.pipe { start_pipe(requests, &stop)? } else { start_typing(requests, &stop, &known, &live)? };
    let evals = osc.as_ref().map(|heard| &heard.evals);
    let ended = serve(&mut live, (&inbox, evals), &stop, &mut screen, say);
    screen.leave();
    drop(osc);
    fade(&live, rate);
    args.output.finish(recorder)?;
    live.running.stop();
    ended
}

/// Until somebody leaves.
fn serve(
    live: &mut Live,
    (inbox, evals): (&Receiver<Request>, Option<&Receiver<Eval>>),
    stop: &AtomicBool,
    screen: &mut screen::Screen,
    mut say: Say,
) -> Result<(), Failure> {
    loop {
        match inbox.recv_timeout(TICK) {
            Ok(Request { text, reply }) => {
                let answer = if text.trim_start().starts_with(':') { live.word(&text) } else { live.evaluate(&text) };
                let quit = answer.quit;
                let _ = reply.send(answer);
                if quit {
                    return Ok(());
                }
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        for Eval { text, reply } in evals.into_iter().flat_map(Receiver::try_iter) {
            // Words are for those who sit here: they read and write files.
            let _ = reply.send(live.evaluate(&text).told());
        }
        live.lift(None);
        let mut notices = std::mem::take(&mut live.late);
        notices.extend(live.session.notices());
        notices.extend(live.attend());
        if let Some(program) = live.program() {
            notices.extend(live.running.deaf(&program));
            let told = live.ports.attend(&live.session, &live.running, &program);
            Some(told).filter(|told| !told.is_empty()).into_iter().for_each(&mut say);
        }
        for notice in notices {
            let words = match notice {
                Notice::Edited { file } if file == live.file => live.follow(),
                Notice::Learned { line } => Some(format!("{line}\n{}", live.evaluate(&line).told())),
                notice => words_of(notice),
            };
            words.into_iter().for_each(&mut say);
        }
        let stats = live.running.stats();
        if stats.dead {
            screen.leave();
            return Err(Failure::because(
                "the engine failed and is silent: this is a fault of the program, please report it",
            ));
        }
        let snapshot = live.session.snapshot();
        let feedback = live.session.feedback();
        let reading = Reading {
            cycle: live.session.meters().cycle(),
            peak: feedback.peak(),
            number: feedback.number,
            load: stats.load,
            xruns: stats.xruns,
        };
        let beats = snapshot.program.as_ref().map_or(4.0, |p| p.timing.beats_per_bar.to_f64());
        screen.show(&reading, beats, &live.file);
    }
}

/// What happened unasked, for people.
fn words_of(notice: Notice) -> Option<String> {
    Some(match notice {
        Notice::Fault { track } => {
            format!("`{track}` made a value that is no number; it was silenced for that moment\n")
        }
        Notice::Tapped { bpm } => format!("{bpm:.1} bpm, until the text changes its tempo\n"),
        Notice::Lost { events } => format!("{events} events so far found no room and were left out\n"),
        Notice::Device { message }
        | Notice::Load { message }
        | Notice::Refused { message }
        | Notice::Sample { message }
        | Notice::File { message } => format!("{message}\n"),
        Notice::Diagnostics { text, .. } => text,
        Notice::Learned { line } => format!("{line}\n"),
        Notice::Edited { .. } | Notice::Compiled { .. } | Notice::Adopted { .. } | Notice::Xruns { .. } => return None,
    })
}

/// Lets the sound fade.
fn fade(live: &Live, rate: u32) {
    let meters = live.session.meters();
    live.session.send(Command::Hush);
    let begin = Instant::now();
    // The command first goes through the session's thread; then the engine fades in 20 ms.
    std::thread::sleep(TICK * 2);
    let goal = meters.frame.load(Ordering::Relaxed) + u64::from(rate) / 25;
    while meters.frame.load(Ordering::Relaxed) < goal && begin.elapsed() < FADE {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Hands an input over and waits for its answer.
fn ask(requests: &Sender<Request>, text: String) -> Option<Answer> {
    let (reply, answer) = channel();
    requests.send(Request { text, reply }).ok()?;
    answer.recv().ok()
}

fn start_pipe(requests: Sender<Request>, stop: &Arc<AtomicBool>) -> Result<Say, Failure> {
    let ended = Arc::clone(stop);
    ctrlc::set_handler(move || ended.store(true, Ordering::Relaxed))
        .map_err(|e| Failure::because(format!("cannot listen for Ctrl-C: {e}")))?;
    std::thread::Builder::new()
        .name("modurust-pipe".into())
        .spawn(move || {
            let mut blocks = pipe::Blocks::default();
            let mut serve = |block: String| {
                let answer = ask(&requests, block);
                answer.is_some_and(|answer| terminal::print(&pipe::written(&answer)).is_ok() && !answer.quit)
            };
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if !blocks.line(&line).into_iter().all(&mut serve) {
                    return;
                }
            }
            if let Some(block) = blocks.take() {
                serve(block);
            }
        })
        .map_err(Failure::outside)?;
    Ok(Box::new(|text| {
        let _ = terminal::print(&pipe::written(&Answer::say(format!("note\n{text}"))));
    }))
}

/// Where what was typed is remembered across runs.
fn history() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(own) = set("MODURUST_HISTORY") {
        return Some(own);
    }
    let data = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")))?;
    let folder = data.join("modurust");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

type Typing = Editor<line::Line, FileHistory>;

fn start_typing(
    requests: Sender<Request>,
    stop: &Arc<AtomicBool>,
    known: &Arc<Mutex<Known>>,
    live: &Live,
) -> Result<Say, Failure> {
    let config = Config::builder()
        .history_ignore_space(true)
        .max_history_size(10_000)
        .map_err(Failure::outside)?
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Typing::with_config(config).map_err(Failure::outside)?;
    editor.set_helper(Some(line::Line::new(Arc::clone(known), terminal::colour_out())));
    editor.bind_sequence(KeyEvent::alt('\r'), Cmd::Newline);
    let history = history();
    if let Some(path) = &history {
        // The first run has none.
        let _ = editor.load_history(path);
    }
    // While a line is typed Ctrl-C is a key; while something is evaluated it must not end the sound.
    let typing = Arc::new(AtomicBool::new(false));
    let (asked, ended) = (Arc::clone(&typing), Arc::clone(stop));
    let handler = move || {
        if asked.load(Ordering::Relaxed) {
            ended.store(true, Ordering::Relaxed);
        }
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::because(format!("cannot listen for Ctrl-C: {e}")))?;
    let mut printer = editor.create_external_printer().ok();
    terminal::print(&format!(
        "playing {}, on {}; :help lists commands, Ctrl-D leaves\n",
        live.roots.join(" "),
        live.running.describe()
    ))?;
    std::thread::Builder::new()
        .name("modurust-typing".into())
        .spawn(move || {
            while let Some(text) = read(&mut editor, &typing) {
                if let Some(path) = &history {
                    let _ = editor.add_history_entry(text.trim_end());
                    let _ = editor.append_history(path);
                }
                if text.trim() == ":keys" {
                    if keys(&requests).is_none() {
                        return;
                    }
                    continue;
                }
                let Some(answer) = ask(&requests, input::laid_out(&text)) else { return };
                if terminal::print(&answer.text).is_err() || answer.quit {
                    return;
                }
            }
        })
        .map_err(Failure::outside)?;
    Ok(Box::new(move |text| match &mut printer {
        Some(printer) => drop(printer.print(text)),
        None => terminal::complain(&text),
    }))
}

/// Lets the computer's keys play until Escape; `None` if nobody answers any more.
fn keys(requests: &Sender<Request>) -> Option<()> {
    let _ = terminal::print("the keys play: z to / from c3, q to p from c4; Escape ends it\n");
    let term = console::Term::stdout();
    loop {
        let name = match term.read_key() {
            Ok(console::Key::Char(' ')) => "space".to_string(),
            Ok(console::Key::Char(letter)) => letter.to_string(),
            Ok(console::Key::Enter) => "enter".to_string(),
            Ok(console::Key::ArrowUp) => "arrowup".to_string(),
            Ok(console::Key::ArrowDown) => "arrowdown".to_string(),
            Ok(console::Key::ArrowLeft) => "arrowleft".to_string(),
            Ok(console::Key::ArrowRight) => "arrowright".to_string(),
            Ok(console::Key::Escape | console::Key::CtrlC) | Err(_) => break,
            Ok(_) => continue,
        };
        ask(requests, format!(":key {name}"))?;
    }
    terminal::print("the keys write again\n").ok()
}

/// The next input; `None` when somebody wants to leave and means it.
fn read(editor: &mut Typing, typing: &AtomicBool) -> Option<String> {
    let mut given_up = false;
    let typed = editor.helper().map(|line| Arc::clone(&line.typed)).unwrap_or_default();
    loop {
        typed.store(false, Ordering::Relaxed);
        typing.store(true, Ordering::Relaxed);
        let line = editor.readline("modu> ");
        typing.store(false, Ordering::Relaxed);
        let leave = match line {
            Ok(line) if line.trim().is_empty() => false,
            Ok(line) => return Some(line),
            Err(ReadlineError::Interrupted) if !given_up || typed.load(Ordering::Relaxed) => {
                given_up = true;
                let _ = terminal::print("the sound goes on; Ctrl-C once more asks whether to leave\n");
                continue;
            }
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => true,
            Err(_) => return None,
        };
        given_up = false;
        if leave {
            typing.store(true, Ordering::Relaxed);
            let sure = editor.readline("stop the sound and leave? [y/N] ");
            typing.store(false, Ordering::Relaxed);
            match sure {
                Ok(answer) if answer.trim().eq_ignore_ascii_case("y") => return None,
                Err(ReadlineError::Eof) if !std::io::stdin().is_terminal() => return None,
                _ => {}
            }
        }
    }
}
