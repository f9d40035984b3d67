//! Ports of MIDI that come and go, between the system and the engine.
//!
//! A [`Backend`] is a system with ports: that of the operating system ([`system`]), or what a test plugs and unplugs. A [`Patchbay`] looks
//! at it a few times a second. A source that is there gets a number and is listened to; when it goes, whatever it holds ends, and when it
//! is back it is known by its name. What leaves the engine goes to every sink that has the instrument's name in its own, at its moment
//! ([`Clock`](crate::clock::Clock)).
//!
//! A thread that has nothing to send sleeps until it is time to look, or until a program comes that sends ([`Bell`](crate::bell::Bell)).
//!
//! What comes is heard a block after its moment, always the same time, so that blocks do not make music uneven.

pub mod system;

use crate::inbox::{Incoming, KEYBOARD, PortName};
use crate::meter::Meters;
use crate::midi::wire::{self, Reader};
use crate::outbox::Departure;
use crate::session::{Session, SharedIntake};
use modurust_compiler::program::{Program, Unit, Wire};
use rtrb::Consumer;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often ports are looked for.
const LOOK: Duration = Duration::from_millis(250);
/// How long what leaves is looked for after a program that leaves something.
const LINGER: Duration = Duration::from_secs(2);
/// How often what leaves is looked for, while there may be something.
const SEND: Duration = Duration::from_millis(1);
/// Sleep is this late at times; what is due within it is sent.
const EARLY: Duration = Duration::from_micros(200);

/// What a source says, and when.
pub type Hear = Box<dyn FnMut(Instant, &[u8]) + Send>;
/// Sends a message to a sink.
pub type Speak = Box<dyn FnMut(&[u8]) + Send>;

/// A system with ports.
pub trait Backend: Send {
    /// The names of what can be listened to now; equal names are different devices.
    fn sources(&mut self) -> Vec<String>;
    /// The names of what can be spoken to now.
    fn sinks(&mut self) -> Vec<String>;
    /// Listens to the `nth` source of a name until the result is dropped. `Err` says why not.
    fn listen(&mut self, name: &str, nth: usize, hear: Hear) -> Result<Box<dyn Any + Send>, String>;
    /// Speaks to the first sink of a name. `Err` says why not.
    fn speak(&mut self, name: &str) -> Result<Speak, String>;
}

/// A source by its name, and which of several of that name.
type Source = (String, usize);

/// Ports that are looked after until this is dropped.
pub struct Patchbay {
    stop: Arc<AtomicBool>,
    meters: Arc<Meters>,
    ports: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Patchbay {
    /// Begins to look after the ports of a system, for a session. `Err` says why there is no thread for it.
    pub fn start(session: &Session, backend: Box<dyn Backend>) -> std::io::Result<Patchbay> {
        let (stop, ports) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let mut work = Work {
            backend,
            intake: Arc::clone(session.intake()),
            meters: Arc::clone(session.meters()),
            post: session.take_post(),
            open: BTreeMap::new(),
            sinks: BTreeMap::new(),
            waiting: Vec::new(),
            ports: Arc::clone(&ports),
        };
        let stopped = Arc::clone(&stop);
        let run = move || {
            let (mut looked, mut busy): (Option<Instant>, Option<Instant>) = (None, None);
            while !stopped.load(Ordering::Relaxed) {
                if looked.is_none_or(|at| at.elapsed() >= LOOK) {
                    work.look();
                    looked = Some(Instant::now());
                }
                work.send();
                if work.meters.bell.is_busy() || !work.waiting.is_empty() {
                    busy = Some(Instant::now());
                }
                let soon = busy.is_some_and(|at| at.elapsed() < LINGER);
                work.meters.bell.wait(if soon { SEND } else { LOOK });
            }
            work.close();
        };
        let thread = Some(std::thread::Builder::new().name("modurust-midi".into()).spawn(run)?);
        Ok(Patchbay { stop, meters: Arc::clone(session.meters()), ports, thread })
    }

    /// Sources that are listened to.
    pub fn ports(&self) -> u32 {
        self.ports.load(Ordering::Relaxed)
    }
}

impl Drop for Patchbay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.meters.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// True if a program plays, or is played by, something outside.
pub fn asked_by(program: &Program) -> bool {
    let plays = |unit: &Unit| unit.outlet.as_ref().is_some_and(|outlet| !matches!(outlet.wire, Wire::Osc { .. }));
    program.units.iter().any(|unit| unit.live != 0 || plays(unit))
}

struct Work {
    backend: Box<dyn Backend>,
    intake: SharedIntake,
    meters: Arc<Meters>,
    post: Option<Consumer<Departure>>,
    open: BTreeMap<Source, (u8, Box<dyn Any + Send>)>,
    sinks: BTreeMap<String, Speak>,
    waiting: Vec<Departure>,
    ports: Arc<AtomicU32>,
}

fn put(intake: &SharedIntake, frame: u64, what: Incoming) {
    if let Some(intake) = intake.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        intake.put(frame, what);
    }
}

impl Work {
    /// What has come is listened to, what has gone is told.
    fn look(&mut self) {
        let mut there: Vec<Source> = Vec::new();
        for name in self.backend.sources() {
            let nth = there.iter().filter(|(known, _)| *known == name).count();
            there.push((name, nth));
        }
        let gone: Vec<Source> = self.open.keys().filter(|source| !there.contains(source)).cloned().collect();
        for source in gone {
            if let Some((port, connection)) = self.open.remove(&source) {
                drop(connection);
                put(&self.intake, 0, Incoming::Gone(port));
            }
        }
        for source in there {
            if self.open.contains_key(&source) {
                continue;
            }
            let taken = |port: &u8| self.open.values().any(|(known, _)| known == port);
            let Some(port) = (0..KEYBOARD).find(|port| !taken(port)) else { break };
            put(&self.intake, 0, Incoming::Plugged(port, PortName::new(&source.0)));
            let hear = self.ear(port);
            // One that refuses is asked again with the next look.
            match self.backend.listen(&source.0, source.1, hear) {
                Ok(connection) => drop(self.open.insert(source, (port, connection))),
                Err(_) => put(&self.intake, 0, Incoming::Gone(port)),
            }
        }
        self.ports.store(self.open.len() as u32, Ordering::Relaxed);
        let sinks = self.backend.sinks();
        self.sinks.retain(|name, _| sinks.contains(name));
    }

    fn ear(&self, port: u8) -> Hear {
        let (intake, meters) = (Arc::clone(&self.intake), Arc::clone(&self.meters));
        let mut reader = Reader::default();
        Box::new(move |at, bytes| {
            let frame = meters.clock.frame_at(at).map_or(0, |frame| frame + meters.clock.block());
            reader.message(bytes, |message| put(&intake, frame, Incoming::Midi(port, message)));
        })
    }

    /// Sends what is due.
    fn send(&mut self) {
        let Some(post) = &mut self.post else { return };
        while let Ok(departure) = post.pop() {
            // What waits longer was made before what does not.
            let at = self.waiting.partition_point(|waiting| waiting.frame <= departure.frame);
            self.waiting.insert(at, departure);
        }
        if self.waiting.is_empty() {
            return;
        }
        let soon = Instant::now() + SEND;
        let due = |departure: &Departure| self.meters.clock.moment_of(departure.frame).is_none_or(|at| at <= soon);
        let count = self.waiting.iter().take_while(|departure| due(departure)).count();
        for departure in self.waiting.drain(..count).collect::<Vec<_>>() {
            if let Some(at) = self.meters.clock.moment_of(departure.frame) {
                let wait = at.saturating_duration_since(Instant::now());
                if wait > EARLY {
                    std::thread::sleep(wait - EARLY);
                }
            }
            self.speak(&departure);
        }
    }

    fn speak(&mut self, departure: &Departure) {
        let wanted = departure.device.as_str();
        if !self.sinks.keys().any(|name| name.to_lowercase().contains(wanted)) {
            for name in self.backend.sinks().into_iter().filter(|name| name.to_lowercase().contains(wanted)) {
                if let Ok(speak) = self.backend.speak(&name) {
                    self.sinks.insert(name, speak);
                }
            }
        }
        for (_, speak) in self.sinks.iter_mut().filter(|(name, _)| name.to_lowercase().contains(wanted)) {
            wire::write(&departure.message, &mut *speak);
        }
    }

    /// Lets go of everything.
    fn close(&mut self) {
        for (port, connection) in std::mem::take(&mut self.open).into_values() {
            drop(connection);
            put(&self.intake, 0, Incoming::Gone(port));
        }
    }
}
