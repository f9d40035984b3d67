//! Grids of pads: a pad launches a clip and shows what it does.
//!
//! A [`Map`] says what lies where. The tracks with clips are the columns, their clips the rows, both in the order of the text. What comes from
//! ports of the device is no music: the engine passes it to the thread here, which asks the session for launches as a hand does. Lights
//! go the way of everything that leaves by MIDI; only what has changed is sent, and no more than the wire bears beside notes. A device that is
//! plugged in anew is lit anew.

pub mod map;

use crate::command::{Command, Perform};
use crate::feedback::{EVERY, Feedback};
use crate::inbox::{Heard, Incoming, PortName};
use crate::midi::Message;
use crate::remote::Remote;
use crate::session::{Session, SharedIntake};
use map::{Key, Map, Role, Shown};
use modurust_compiler::score::timeline::{ClipSet, Timeline};
use rtrb::Consumer;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often presses are looked for.
const LOOK: Duration = Duration::from_millis(4);
/// Lights that are sent in a second, and at once.
const RATE: f64 = 400.0;
const BURST: f64 = 64.0;

/// Columns: the sets of clips that belong to a track.
fn columns(timeline: &Timeline) -> impl Iterator<Item = (&str, &ClipSet)> {
    timeline.sets.iter().map(|set| (if set.strip.is_empty() { set.binding.as_str() } else { set.strip.as_str() }, set))
}

/// What a press asks for, if there is something at that place.
pub fn launches(role: Role, timeline: &Timeline) -> Option<Command> {
    let column = |at: usize| columns(timeline).nth(at);
    let (path, launch) = match role {
        Role::Clip { column: at, row } => {
            let (track, set) = column(at)?;
            (format!("{track}.{}", set.clips.get(row)?.name), true)
        }
        Role::Scene(at) => (timeline.scenes.get(at)?.name.clone(), true),
        Role::Stop(at) => (column(at)?.0.to_string(), false),
    };
    Some(Command::Perform(Perform::Launch { path, launch, legato: false, at: None }))
}

/// What a key shows.
pub fn shows(role: Role, timeline: &Timeline, feedback: &Feedback) -> Shown {
    match role {
        Role::Clip { column, row } => {
            let Some((track, set)) = columns(timeline).nth(column) else { return Shown::Empty };
            let Some(clip) = set.clips.get(row) else { return Shown::Empty };
            let known = feedback.clips.iter().find(|clips| clips.track == track);
            let is = |name: &Option<String>| name.as_ref() == Some(&clip.name);
            match known {
                Some(clips) if clips.queued.as_ref().is_some_and(is) => Shown::Queued,
                Some(clips) if is(&clips.playing) => Shown::Playing,
                _ => Shown::Stopped,
            }
        }
        Role::Scene(at) => match timeline.scenes.get(at) {
            Some(scene) if feedback.scene.as_ref() == Some(&scene.name) => Shown::Playing,
            Some(_) => Shown::Scene,
            None => Shown::Empty,
        },
        Role::Stop(at) => {
            if columns(timeline).nth(at).is_some() {
                Shown::Scene
            } else {
                Shown::Empty
            }
        }
    }
}

/// What was sent to the lights, and how many more may be.
#[derive(Debug)]
pub struct Lights {
    lit: BTreeMap<Key, u8>,
    left: f64,
    at: Instant,
}

impl Lights {
    /// Nothing is known of any light at a moment.
    pub fn new(now: Instant) -> Lights {
        Lights { lit: BTreeMap::new(), left: BURST, at: now }
    }

    /// What is to be sent now so that keys show their colours; the rest is for later.
    pub fn change(&mut self, wanted: impl Iterator<Item = (Key, u8)>, now: Instant) -> Vec<Message> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left, self.at) = ((self.left + passed * RATE).min(BURST), now);
        let mut messages = Vec::new();
        for (key, colour) in wanted {
            if self.lit.get(&key) == Some(&colour) {
                continue;
            }
            if self.left < 1.0 {
                break;
            }
            self.left -= 1.0;
            self.lit.insert(key, colour);
            messages.push(key.light(colour));
        }
        messages
    }
}

/// A grid that plays until this is dropped.
pub struct Grid {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Grid {
    /// Begins, for a session. `Err` says why there is no thread for it.
    pub fn start(session: &Session, map: Map) -> std::io::Result<Grid> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            device: PortName::new(&map.device),
            map,
            intake: Arc::clone(session.intake()),
            remote: session.remote(),
            heard: session.take_heard(),
            lights: Lights::new(Instant::now()),
        };
        let stopped = Arc::clone(&stop);
        let run = move || {
            let mut looked: Option<Instant> = None;
            work.begin();
            while !stopped.load(Ordering::Relaxed) {
                work.hear();
                if looked.is_none_or(|at| at.elapsed() >= EVERY) {
                    looked = Some(Instant::now());
                    work.light();
                }
                std::thread::sleep(LOOK);
            }
            work.end();
        };
        let thread = Some(std::thread::Builder::new().name("modurust-grid".into()).spawn(run)?);
        Ok(Grid { stop, thread })
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    map: Map,
    device: PortName,
    intake: SharedIntake,
    remote: Remote,
    heard: Option<Consumer<Heard>>,
    lights: Lights,
}

impl Work {
    fn put(&self, what: Incoming) {
        if let Some(intake) = self.intake.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            intake.put(0, what);
        }
    }

    fn send(&self, messages: impl IntoIterator<Item = Message>) {
        messages.into_iter().for_each(|message| self.put(Incoming::Depart(self.device, message)));
    }

    fn begin(&mut self) {
        self.remote.meters().bell.speaks(true);
        self.put(Incoming::Reserve(self.device));
        self.greet();
    }

    /// The device is there, with all its lights out.
    fn greet(&mut self) {
        self.send(self.map.hello.iter().map(|message| Message::Exclusive(*message)));
        self.lights = Lights::new(Instant::now());
    }

    fn hear(&mut self) {
        while let Some(heard) = self.heard.as_mut().and_then(|heard| heard.pop().ok()) {
            match heard {
                Heard::There => self.greet(),
                Heard::Said(message) => {
                    let role = Key::pressed(&message).and_then(|key| self.map.role(key));
                    let command = role.zip(self.remote.program());
                    if let Some(command) = command.and_then(|(role, program)| launches(role, &program.timeline)) {
                        self.remote.send(command);
                    }
                }
            }
        }
    }

    fn light(&mut self) {
        let feedback = self.remote.feedback();
        let Some(program) = &feedback.program else { return };
        let colour = |role| self.map.colour(shows(role, &program.timeline, &feedback));
        let wanted = self.map.keys().map(|(key, role)| (key, colour(role)));
        let messages = self.lights.change(wanted, Instant::now());
        self.send(messages);
    }

    /// Lights out.
    fn end(&mut self) {
        let lit: Vec<Key> = self.lights.lit.iter().filter(|(_, colour)| **colour > 0).map(|(key, _)| *key).collect();
        self.send(lit.into_iter().map(|key| key.light(0)));
        self.send(self.map.bye.iter().map(|message| Message::Exclusive(*message)));
        self.put(Incoming::Reserve(PortName::NONE));
        self.remote.meters().bell.speaks(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lights_change_only_when_they_must_and_no_faster_than_a_wire_bears() {
        let start = Instant::now();
        let mut lights = Lights::new(start);
        let keys = |colour: u8| (0..100).map(move |number| (Key { controller: false, number }, colour));
        assert_eq!(lights.change(keys(5), start).len(), BURST as usize);
        assert_eq!(lights.change(keys(5), start).len(), 0);
        let later = start + Duration::from_millis(50);
        assert_eq!(lights.change(keys(5), later).len(), 20);
        assert_eq!(lights.change(keys(5), later + Duration::from_secs(1)).len(), 16);
        assert_eq!(lights.change(keys(5), later + Duration::from_secs(2)).len(), 0, "nothing has changed");
        // Whatever flickers, a second has no more than the rate and what was saved.
        let begin = later + Duration::from_secs(10);
        let sent: usize =
            (0..1000).map(|ms| lights.change(keys(ms as u8 % 2), begin + Duration::from_millis(ms)).len()).sum();
        assert!((400..=464).contains(&sent), "{sent}");
    }
}
