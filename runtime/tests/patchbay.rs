//! Ports that come and go in the middle of notes, on a system that the test plugs and unplugs.

mod common;

use common::RATE;
use modurust_compiler::exec::Backend as Code;
use modurust_compiler::front::Options;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::passes::Passes;
use modurust_runtime::command::{Command, Notice};
use modurust_runtime::engine::Engine;
use modurust_runtime::patchbay::{Backend, Hear, Patchbay, Speak};
use modurust_runtime::session::{Session, SessionOptions};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Wires {
    sources: Vec<String>,
    ears: BTreeMap<(String, usize), Hear>,
    sinks: Vec<String>,
    said: Vec<(String, Vec<u8>)>,
}

/// A system whose wires the test holds.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Wires>>);

struct Connection(Desk, (String, usize));

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().ears.remove(&self.1);
    }
}

impl Backend for Desk {
    fn sources(&mut self) -> Vec<String> {
        self.0.lock().unwrap().sources.clone()
    }

    fn sinks(&mut self) -> Vec<String> {
        self.0.lock().unwrap().sinks.clone()
    }

    fn listen(&mut self, name: &str, nth: usize, hear: Hear) -> Result<Box<dyn Any + Send>, String> {
        let source = (name.to_string(), nth);
        self.0.lock().unwrap().ears.insert(source.clone(), hear);
        Ok(Box::new(Connection(self.clone(), source)))
    }

    fn speak(&mut self, name: &str) -> Result<Speak, String> {
        let (desk, name) = (self.clone(), name.to_string());
        Ok(Box::new(move |bytes| desk.0.lock().unwrap().said.push((name.clone(), bytes.to_vec()))))
    }
}

impl Desk {
    fn play(&self, name: &str, nth: usize, bytes: &[u8]) {
        let mut wires = self.0.lock().unwrap();
        let ear = wires.ears.get_mut(&(name.to_string(), nth)).expect("somebody listens");
        ear(Instant::now(), bytes);
    }
}

struct Stage {
    desk: Desk,
    session: Session,
    engine: Engine,
    _patchbay: Patchbay,
}

impl Stage {
    fn new(text: &str) -> Stage {
        let options = Options { sample_rate: RATE, passes: Passes::Exact, backend: Code::Jit, seed: 1, verify: false };
        let mut wished = SessionOptions::new(vec!["a.modu".into()], options);
        wished.texts.insert("a.modu".into(), text.into());
        (wished.watch, wished.limiter) = (false, false);
        let (session, engine) = Session::new(wished).expect("a session");
        let desk = Desk::default();
        let patchbay = Patchbay::start(&session, Box::new(desk.clone())).expect("a thread");
        Stage { desk, session, engine, _patchbay: patchbay }
    }

    /// The last frame of a block.
    fn run(&mut self) -> f32 {
        let mut block = [[0.0f32; 2]; QUANTUM];
        self.engine.process(block.as_flattened_mut(), 2);
        self.engine.post();
        block[QUANTUM - 1][0]
    }

    /// Runs until something is so; how long that took.
    fn until(&mut self, what: &str, so: impl Fn(f32, &Desk) -> bool) -> Duration {
        let begin = Instant::now();
        loop {
            let last = self.run();
            if so(last, &self.desk) {
                return begin.elapsed();
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn plug(&mut self, names: &[&str]) {
        self.desk.0.lock().unwrap().sources = names.iter().map(|name| name.to_string()).collect();
        let count = names.len();
        self.until("ports are listened to", |_, desk| desk.0.lock().unwrap().ears.len() == count);
    }
}

#[test]
fn a_keyboard_that_is_pulled_out_leaves_no_note_and_comes_back() {
    let mut stage = Stage::new("tone(freq, gate) = gate\nout = midi('launchkey') >> poly(4, tone)\n");
    for _ in 0..3 {
        stage.plug(&["Launchkey MK3", "Other"]);
        stage.desk.play("Launchkey MK3", 0, &[0x90, 60, 100]);
        stage.until("a note sounds", |x, _| x > 0.0);
        stage.plug(&["Other"]);
        stage.until("it has ended", |x, _| x == 0.0);
        assert_eq!(stage.engine.held_keys(), 0);
        stage.plug(&["Other", "Launchkey MK3"]);
        stage.desk.play("Launchkey MK3", 0, &[0x90, 62, 100]);
        stage.until("a note sounds again", |x, _| x > 0.0);
        stage.desk.play("Launchkey MK3", 0, &[0x80, 62, 0]);
        stage.until("and ends", |x, _| x == 0.0);
    }
    stage.desk.play("Other", 0, &[0x90, 60, 100]);
    (0..20).for_each(|_| assert_eq!(stage.run(), 0.0));
    drop(stage.session);
}

#[test]
fn two_devices_of_one_name_are_two() {
    let mut stage = Stage::new("tone(freq, gate) = gate\nout = midi() >> poly(4, tone)\n");
    stage.plug(&["Pad", "Pad"]);
    stage.desk.play("Pad", 0, &[0x90, 60, 100]);
    stage.desk.play("Pad", 1, &[0x90, 60, 100]);
    stage.until("both sound", |x, _| x == 1.0);
    stage.desk.play("Pad", 0, &[0x80, 60, 0]);
    stage.until("one sounds", |x, _| x == 0.5);
    stage.plug(&["Pad"]);
    stage.until("the other was pulled out", |x, _| x == 0.0);
}

#[test]
fn instruments_are_played_when_they_are_there() {
    let mut stage = Stage::new("tempo 240\ntrack gear = \"c4*4\" >> midi_out('digitone', 2)\n");
    stage.desk.0.lock().unwrap().sinks = vec!["Elektron Digitone".into(), "Other".into()];
    stage.until("a note is sent", |_, desk| desk.0.lock().unwrap().said.len() >= 2);
    let wires = stage.desk.0.lock().unwrap();
    assert!(wires.said.iter().all(|(name, _)| name == "Elektron Digitone"), "{:?}", wires.said);
    assert_eq!(wires.said[0].1[..2], [0x91, 60]);
    assert_eq!(wires.said[1].1[..2], [0x81, 60]);
}

#[test]
fn what_is_learned_is_a_line_that_can_be_taken_back() {
    let text = "cut = knob(0.5, 0..1)\nout = cut\n";
    let mut stage = Stage::new(text);
    stage.plug(&["Pad"]);
    stage.session.send(Command::Learn(Some("nothing".into())));
    stage.session.send(Command::Learn(Some("cut".into())));
    let mut heard = Vec::new();
    let mut wait = |stage: &mut Stage, what: &str, so: &dyn Fn(&Notice) -> bool| -> Notice {
        let begin = Instant::now();
        loop {
            stage.run();
            heard.extend(stage.session.notices());
            if let Some(found) = heard.iter().position(so) {
                return heard.remove(found);
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "{what}: {heard:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    wait(&mut stage, "a refusal", &|n| matches!(n, Notice::Refused { message } if message.contains("nothing")));
    std::thread::sleep(Duration::from_millis(50));
    stage.run();
    stage.desk.play("Pad", 0, &[0xb0, 74, 64]);
    let learned = wait(&mut stage, "a line", &|n| matches!(n, Notice::Learned { .. }));
    let Notice::Learned { line } = learned else { panic!("{learned:?}") };
    assert_eq!(line, "map cc(74) -> cut 0..1");
    let edited = format!("{text}{line}\n");
    stage.session.send(Command::Text { file: "a.modu".into(), text: edited });
    wait(&mut stage, "the edit plays", &|n| matches!(n, Notice::Adopted { .. }));
    stage.desk.play("Pad", 0, &[0xb0, 74, 64]);
    stage.desk.play("Pad", 0, &[0xb0, 74, 127]);
    stage.until("it moves the number", |x, _| x == 1.0);
    stage.session.send(Command::Text { file: "a.modu".into(), text: text.into() });
    wait(&mut stage, "the line is taken back", &|n| matches!(n, Notice::Adopted { .. }));
    stage.desk.play("Pad", 0, &[0xb0, 74, 0]);
    (0..50).for_each(|_| assert_eq!(stage.run(), 1.0, "nothing moves it any more"));
}
