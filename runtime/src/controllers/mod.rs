//! Gamepads and whatever else hands move, between the system and the engine.
//!
//! A [`Backend`] is a system with devices: gamepads (`pads`), anything that describes itself by the tables of USB ([`hid`], `raw`), or what a
//! test plugs and unplugs. A thread asks it and puts what has moved into the engine, under every path by which the text of now names it: a
//! part of the device's name, in any case, and the name of the control.
//!
//! ```text
//! hid('xbox').lx        hid/xbox/lx        stick of anything with `xbox` in its name, -1 to 1
//! button('launch', 3)   button/launch/3    its third button, as `hid('launch').b3`
//! ```
//!
//! What is unplugged goes back to rest, so that no gate stays open. A text that names a device finds it where it stands.

pub mod hid;
#[cfg(feature = "controllers")]
pub mod pads;
#[cfg(feature = "controllers")]
pub mod raw;

use crate::inbox::Incoming;
use crate::remote::Remote;
use crate::session::{Session, SharedIntake};
use crate::tap::source;
use modurust_compiler::program::{Patch, Program};
use modurust_compiler::score::timeline::Timeline;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a backend may wait for something to happen.
const PATIENCE: Duration = Duration::from_millis(4);

/// How long systems may take to open before the music goes on without them.
const OPENED: Duration = Duration::from_millis(500);

/// What a device does. Devices are told apart by numbers of the backend's choice.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It is there, under a name.
    Plugged(u64, String),
    /// It is gone.
    Gone(u64),
    /// One of its controls stands at 0 to 1, or -1 to 1 for what has a middle.
    Moved(u64, String, f32),
}

/// A system with devices.
pub trait Backend: Send {
    /// Tells what has happened since the last call; waits for it no longer than `patience`.
    fn poll(&mut self, patience: Duration, tell: &mut dyn FnMut(Event));
}

/// Makes the systems that this build knows, on the thread that asks them; and a line for each that this machine has not.
pub type Systems = Box<dyn FnOnce() -> (Vec<Box<dyn Backend>>, Vec<String>) + Send>;

/// Those of the machine.
pub fn systems() -> (Vec<Box<dyn Backend>>, Vec<String>) {
    #[cfg(feature = "controllers")]
    {
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for system in [pads::open(), raw::open()] {
            match system {
                Ok(backend) => there.push(backend),
                Err(why) => missing.push(why),
            }
        }
        (there, missing)
    }
    #[cfg(not(feature = "controllers"))]
    (Vec::new(), vec!["this build hears none: build it with `--features controllers`".to_string()])
}

/// Everything outside that a program listens to, by its path: signals, and what moves numbers.
pub fn paths(program: &Program) -> impl Iterator<Item = &str> {
    let params = program.patch.graph.params.iter().map(|param| &*param.name);
    params.chain(program.timeline.mappings.iter().map(|mapping| mapping.source.as_str()))
}

/// The devices that a program listens to, as its text names them.
pub fn asked_by(program: &Program) -> Vec<String> {
    let mut all: Vec<String> = paths(program).filter_map(|path| Some(Wish::of(path)?.device)).collect();
    all.sort();
    all.dedup();
    all
}

/// What the thread knows, for others.
#[derive(Default)]
struct Known {
    names: Vec<String>,
    missing: Vec<String>,
}

/// Devices that are listened to until this is dropped.
pub struct Controllers {
    stop: Arc<AtomicBool>,
    known: Arc<Mutex<Known>>,
    thread: Option<JoinHandle<()>>,
}

impl Controllers {
    /// Begins to listen, for a session. `Err` says why there is no thread for it.
    pub fn start(session: &Session, systems: Systems) -> std::io::Result<Controllers> {
        let (stop, known) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Known::default())));
        let mut desk = Desk::new(Arc::clone(session.intake()), session.remote(), Arc::clone(&known));
        let stopped = Arc::clone(&stop);
        let (ready, opened) = channel();
        let run = move || {
            let (mut backends, missing) = systems();
            desk.known.lock().unwrap_or_else(PoisonError::into_inner).missing = missing;
            backends.iter_mut().enumerate().for_each(|(number, backend)| {
                backend.poll(Duration::ZERO, &mut |event| desk.hear(number, event));
            });
            let _ = ready.send(());
            while !stopped.load(Ordering::Relaxed) {
                if backends.is_empty() {
                    return;
                }
                for (number, backend) in backends.iter_mut().enumerate() {
                    backend.poll(PATIENCE, &mut |event| desk.hear(number, event));
                }
                desk.follow();
            }
        };
        let thread = Some(std::thread::Builder::new().name("modurust-hands".into()).spawn(run)?);
        // What takes longer to be opened is told as missing, and heard all the same.
        let _ = opened.recv_timeout(OPENED);
        Ok(Controllers { stop, known, thread })
    }

    /// What a text misses of the devices that it names, in lines.
    pub fn misses(&self, program: &Program) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let there = |part: &str| known.names.iter().any(|name| name.to_lowercase().contains(part));
        let absent: Vec<String> = asked_by(program).into_iter().filter(|part| !there(part)).collect();
        if absent.is_empty() {
            return Vec::new();
        }
        let why = known.missing.iter().map(|why| format!("some controllers are not heard: {why}"));
        why.chain(
            absent.iter().map(|part| format!("there is no `{part}` yet: it is heard as soon as it is plugged in")),
        )
        .collect()
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A control that a text listens to.
#[derive(Clone, Debug, PartialEq)]
struct Wish {
    path: u64,
    /// A part of the device's name, in lower case.
    device: String,
    control: String,
}

impl Wish {
    fn of(path: &str) -> Option<Wish> {
        let (device, control) = match path.strip_prefix("hid/") {
            Some(rest) => rest.rsplit_once('/').map(|(device, control)| (device, control.to_string()))?,
            None => {
                let (device, number) = path.strip_prefix("button/")?.rsplit_once('/')?;
                (device, format!("b{number}"))
            }
        };
        Some(Wish { path: source(path), device: device.to_lowercase(), control })
    }
}

/// A device that is there.
#[derive(Default)]
struct Device {
    name: String,
    lower: String,
    values: BTreeMap<String, f32>,
}

/// All devices, and what the text of now asks of them.
struct Desk {
    intake: SharedIntake,
    remote: Remote,
    known: Arc<Mutex<Known>>,
    devices: BTreeMap<(usize, u64), Device>,
    of: Option<(Arc<Patch>, Arc<Timeline>)>,
    wishes: Vec<Wish>,
}

impl Desk {
    fn new(intake: SharedIntake, remote: Remote, known: Arc<Mutex<Known>>) -> Desk {
        Desk { intake, remote, known, devices: BTreeMap::new(), of: None, wishes: Vec::new() }
    }

    fn put(&self, path: u64, value: f32) {
        if let Some(intake) = self.intake.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            intake.put(0, Incoming::Value(path, value));
        }
    }

    fn hear(&mut self, system: usize, event: Event) {
        match event {
            Event::Plugged(number, name) => {
                let lower = name.to_lowercase();
                self.devices.insert((system, number), Device { name, lower, values: BTreeMap::new() });
            }
            Event::Gone(number) => {
                if let Some(device) = self.devices.remove(&(system, number)) {
                    device.values.keys().for_each(|control| self.tell(&device.lower, control, 0.0));
                }
            }
            Event::Moved(number, control, value) => {
                let Some(device) = self.devices.get_mut(&(system, number)).filter(|_| value.is_finite()) else {
                    return;
                };
                if device.values.insert(control.clone(), value) != Some(value) {
                    let name = device.lower.clone();
                    self.tell(&name, &control, value);
                }
                return;
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).names =
            self.devices.values().map(|device| device.name.clone()).collect();
    }

    /// Says where a control stands to all that ask for it.
    fn tell(&self, device: &str, control: &str, value: f32) {
        for wish in self.wishes.iter().filter(|wish| wish.control == *control && device.contains(&wish.device)) {
            self.put(wish.path, value);
        }
    }

    /// Looks whether there is another text, which is told where everything stands.
    fn follow(&mut self) {
        let Some(program) = self.remote.program() else { return };
        let same = |(patch, timeline): &(Arc<Patch>, Arc<Timeline>)| {
            Arc::ptr_eq(patch, &program.patch) && Arc::ptr_eq(timeline, &program.timeline)
        };
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        let wishes: Vec<Wish> = paths(&program).filter_map(Wish::of).collect();
        for wish in wishes.iter().filter(|wish| !self.wishes.contains(wish)) {
            let fits = |device: &&Device| device.lower.contains(&wish.device);
            let stands = |device: &Device| device.values.get(&wish.control).copied();
            self.devices.values().filter(fits).filter_map(stands).for_each(|value| self.put(wish.path, value));
        }
        (self.wishes, self.of) = (wishes, Some((program.patch, program.timeline)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_texts_name_devices_and_controls() {
        let wish = |path: &str| Wish::of(path).map(|wish| (wish.device, wish.control));
        let is = |device: &str, control: &str| Some((device.to_string(), control.to_string()));
        assert_eq!(wish("hid/Xbox/lx"), is("xbox", "lx"));
        assert_eq!(wish("button/launch pad/12"), is("launch pad", "b12"));
        assert_eq!((wish("cc/74"), wish("hid/x"), wish("osc/hid/x")), (None, None, None));
    }
}
