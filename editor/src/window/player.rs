//! What the window plays through: a session and its device, on a thread of their own.
//!
//! The window owns neither the engine nor what looks after it. This thread reads notices, brings back a device that was lost, and wakes the window when there is
//! something to see; the window sends commands, takes what came, and waits for nothing. If the window dies and is built anew, nothing of
//! this notices.

use crate::cli::osc::OscArgs;
use crate::cli::ports::Ports;
use modurust_runtime::command::{Command, Notice};
use modurust_runtime::device::{Choice, Running};
use modurust_runtime::engine::Engine;
use modurust_runtime::feedback::Feedback;
use modurust_runtime::meter::Meters;
use modurust_runtime::osc::dispatch::Eval;
use modurust_runtime::performance::Picture;
use modurust_runtime::remote::Remote;
use modurust_runtime::session::Session;
#[cfg(test)]
use std::cell::RefCell;
#[cfg(test)]
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the session and the device are looked after.
const TICK: Duration = Duration::from_millis(15);
/// Time for the sound to fade before the device stops.
const FADE: Duration = Duration::from_millis(70);

/// The session as the window needs it.
pub(crate) trait Player {
    /// Asks for something; answers are notices.
    fn send(&mut self, command: Command);
    /// What happened since the last call.
    fn notices(&mut self) -> Vec<Notice>;
    /// How everything stands.
    fn feedback(&self) -> Arc<Feedback>;
    /// What was launched, as views see it.
    fn picture(&self) -> Picture;
    /// Where the sound goes.
    fn device(&self) -> String;
    /// What can be looked at while it sounds.
    fn meters(&self) -> Option<Arc<Meters>> {
        None
    }
    /// Statements that other programs want evaluated.
    fn asked(&mut self) -> Vec<Eval> {
        Vec::new()
    }
}

/// Whom to wake: set once the window is there.
pub(crate) type Waker = Arc<OnceLock<egui::Context>>;

/// A session that sounds. Dropping it lets the sound fade and stops the device.
pub(crate) struct Sounding {
    remote: Remote,
    notices: Receiver<Notice>,
    evals: Receiver<Eval>,
    device: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread has. The device is opened there, too: the handle of a stream belongs to the thread that made it.
struct Keeper {
    session: Session,
    running: Running,
    ports: Ports,
    device: Arc<Mutex<String>>,
    notices: Sender<Notice>,
    /// Statements that came by OSC, and where they are wanted.
    evals: (Option<Receiver<Eval>>, Sender<Eval>),
    waker: Waker,
}

impl Sounding {
    /// Plays an engine on a device, and looks after both from now on.
    pub fn start(
        session: Session,
        (choice, engine): (Choice, Engine),
        (osc, evals): (OscArgs, Option<Receiver<Eval>>),
        waker: Waker,
    ) -> std::io::Result<Sounding> {
        let (notify, notices) = channel();
        let (ask, asked) = channel();
        let device = Arc::new(Mutex::new(String::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let remote = session.remote();
        let (ends, named) = (Arc::clone(&stop), Arc::clone(&device));
        let thread = std::thread::Builder::new().name("modurust-keeper".into()).spawn(move || {
            let running = choice.start(engine);
            let ports = Ports::open(&session, &running, &osc);
            session.watch_device(running.gauge());
            *named.lock().unwrap_or_else(PoisonError::into_inner) = running.describe().to_string();
            let evals = (evals, ask);
            Keeper { session, running, ports, device: named, notices: notify, evals, waker }.run(&ends);
        })?;
        Ok(Sounding { remote, notices, evals: asked, device, stop, thread: Some(thread) })
    }
}

impl Keeper {
    fn run(mut self, stop: &AtomicBool) {
        let mut seen = 0;
        let mut dead = false;
        while !stop.load(Ordering::Relaxed) {
            let mut notices: Vec<Notice> = self.session.wait(TICK).into_iter().collect();
            notices.extend(self.session.notices());
            notices.extend(self.session.attend(&mut self.running));
            if notices.iter().any(|notice| matches!(notice, Notice::Adopted { .. }))
                && let Some(program) = self.session.snapshot().program
            {
                notices.extend(self.running.deaf(&program));
                let told = self.ports.attend(&self.session, &self.running, &program);
                notices.extend(told.lines().map(|line| Notice::Device { message: line.to_string() }));
            }
            if !dead && self.running.stats().dead {
                dead = true;
                let message = "the engine failed and is silent: save, and start again with `--resume`".to_string();
                notices.push(Notice::Device { message });
            }
            let feedback = self.session.feedback();
            // While time stands still only what happens is worth a look.
            let moved = feedback.number != seen && feedback.playing;
            seen = feedback.number;
            let mut news = !notices.is_empty();
            for eval in self.evals.0.iter().flat_map(Receiver::try_iter) {
                let _ = self.evals.1.send(eval);
                news = true;
            }
            if notices.iter().any(|notice| matches!(notice, Notice::Device { .. })) {
                *self.device.lock().unwrap_or_else(PoisonError::into_inner) = self.running.describe().to_string();
            }
            for notice in notices {
                let _ = self.notices.send(notice);
            }
            if (news || moved)
                && let Some(ctx) = self.waker.get()
            {
                ctx.request_repaint();
            }
        }
        self.session.send(Command::Hush);
        let begin = Instant::now();
        while begin.elapsed() < FADE {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.running.stop();
    }
}

impl Player for Sounding {
    fn send(&mut self, command: Command) {
        self.remote.send(command);
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.notices.try_iter().collect()
    }

    fn feedback(&self) -> Arc<Feedback> {
        self.remote.feedback()
    }

    fn picture(&self) -> Picture {
        self.remote.snapshot().picture
    }

    fn meters(&self) -> Option<Arc<Meters>> {
        Some(Arc::clone(self.remote.meters()))
    }

    fn device(&self) -> String {
        self.device.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn asked(&mut self) -> Vec<Eval> {
        self.evals.try_iter().collect()
    }
}

impl Drop for Sounding {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What an unheard session was sent, in order.
#[cfg(test)]
pub(crate) type Sent = Rc<RefCell<Vec<Command>>>;

/// A session without a device, which notes what it is sent.
#[cfg(test)]
pub(crate) struct Unheard {
    session: Session,
    sent: Sent,
    engine: Rc<RefCell<Engine>>,
}

#[cfg(test)]
impl Unheard {
    /// Plays a text under a name that no file has.
    pub fn new(file: &str, text: &str) -> (Unheard, Sent) {
        use crate::cli::work;
        use modurust_runtime::session::SessionOptions;
        let options = SessionOptions {
            texts: [(file.to_string(), text.to_string())].into(),
            edited: true,
            watch: false,
            ..SessionOptions::new(vec![file.to_string()], work::options(work::RATE))
        };
        let (session, engine) = Session::new(options).expect("a session needs no device");
        let sent = Sent::default();
        (Unheard { session, sent: sent.clone(), engine: Rc::new(RefCell::new(engine)) }, sent)
    }

    /// What would play it, for a test that lets time go on.
    pub fn engine(&self) -> Rc<RefCell<Engine>> {
        Rc::clone(&self.engine)
    }
}

#[cfg(test)]
impl Player for Unheard {
    fn send(&mut self, command: Command) {
        self.sent.borrow_mut().push(command.clone());
        self.session.send(command);
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.session.notices()
    }

    fn feedback(&self) -> Arc<Feedback> {
        self.session.feedback()
    }

    fn picture(&self) -> Picture {
        self.session.snapshot().picture
    }

    fn meters(&self) -> Option<Arc<Meters>> {
        Some(Arc::clone(self.session.meters()))
    }

    fn device(&self) -> String {
        "no device".into()
    }
}
