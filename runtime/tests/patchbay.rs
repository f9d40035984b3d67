//! Ports that come and go in the middle of notes, on a system that the test plugs and unplugs.

mod common;

use common::RATE;
use modurust_compiler::exec::Backend as Code;
use modurust_compiler::front::Options;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::passes::Passes;
use modurust_runtime::command::{Command, Notice};
use modurust_runtime::engine::Engine;
use modurust_runtime::grid::Grid;
use modurust_runtime::grid::map::{KNOWN, Map};
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

/// Lights of a grid by their notes, as they were sent last.
fn lights(desk: &Desk) -> BTreeMap<u8, u8> {
    let wires = desk.0.lock().unwrap();
    let notes = wires.said.iter().filter(|(_, bytes)| bytes[0] & 0xe0 == 0x80);
    notes.map(|(_, bytes)| (bytes[1], if bytes[0] == 0x90 { bytes[2] } else { 0 })).collect()
}

#[test]
fn pads_launch_clips_and_show_them_and_play_no_notes() {
    let text = "tempo 240
tone(freq, gate) = gate * 0.1
track a = clips { one: \"c3\"  two: \"c4\" } >> mono(tone)
track b = clips { one: \"c3\" } >> mono(tone)
scene drop { a: two, b: one }
track keys = midi() >> poly(4, tone)
stop a
stop b
";
    let mut stage = Stage::new(text);
    stage.desk.0.lock().unwrap().sinks = vec!["Launchpad Mini MK3".into()];
    let (map, wrong) = Map::read(KNOWN[0].1);
    assert_eq!(wrong, Vec::<String>::new());
    let grid = Grid::start(&stage.session, map).expect("a thread");
    stage.plug(&["Launchpad Mini MK3"]);
    let [stopped, playing, empty] = [1, 21, 0];
    let shows = |wanted: &[(u8, u8)]| {
        let wanted = wanted.to_vec();
        move |_: f32, desk: &Desk| {
            let lit = lights(desk);
            wanted.iter().all(|(note, colour)| lit.get(note).copied().unwrap_or(0) == *colour)
        }
    };
    let hello = [0xf0, 0, 0x20, 0x29, 2, 0x0d, 0x0e, 1, 0xf7];
    stage.until("it is greeted", |_, desk| desk.0.lock().unwrap().said.iter().any(|(_, bytes)| *bytes == hello));
    stage.until("what there is", shows(&[(81, stopped), (71, stopped), (82, stopped), (72, empty), (83, empty)]));
    stage.desk.play("Launchpad Mini MK3", 0, &[0x90, 71, 100]);
    stage.until("a clip is launched", shows(&[(81, stopped), (71, playing), (82, stopped)]));
    stage.desk.play("Launchpad Mini MK3", 0, &[0x90, 83, 100]);
    stage.desk.play("Launchpad Mini MK3", 0, &[0xb0, 89, 127]);
    stage.until("a scene is launched", shows(&[(71, playing), (82, playing)]));
    stage.desk.play("Launchpad Mini MK3", 0, &[0xb0, 91, 127]);
    stage.until("a track is stopped", shows(&[(71, stopped), (82, playing)]));
    assert_eq!(stage.engine.held_keys(), 0, "pads are no keys");
    // Plugged anew it is lit anew.
    stage.plug(&[]);
    stage.desk.0.lock().unwrap().said.clear();
    stage.plug(&["Launchpad Mini MK3"]);
    stage.until("it is lit anew", shows(&[(81, stopped), (71, stopped), (82, playing)]));
    drop(grid);
    let bye = [0xf0, 0, 0x20, 0x29, 2, 0x0d, 0x0e, 0, 0xf7];
    stage.until("good-bye", |_, desk| desk.0.lock().unwrap().said.iter().any(|(_, bytes)| *bytes == bye));
    assert!(lights(&stage.desk).values().all(|colour| *colour == 0));
    stage.desk.play("Launchpad Mini MK3", 0, &[0x90, 60, 100]);
    stage.until("then it is a keyboard like any other", |_, _| true);
    let begin = Instant::now();
    while stage.engine.held_keys() == 0 {
        stage.run();
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn the_computers_keyboard_plays() {
    let mut stage = Stage::new("tone(freq, gate) = gate * freq / 1000hz\nout = midi('computer') >> mono(tone)\n");
    let key = |stage: &Stage, note, down| stage.session.send(Command::Key { note, down });
    key(&stage, 69, true);
    stage.until("a note sounds", |x, _| (x - 0.44).abs() < 1e-3);
    key(&stage, 81, true);
    stage.until("the next", |x, _| (x - 0.88).abs() < 1e-3);
    key(&stage, 81, false);
    stage.until("back to the key that is held", |x, _| (x - 0.44).abs() < 1e-3);
    key(&stage, 69, false);
    stage.until("none is held", |x, _| x == 0.0);
}

#[test]
fn a_text_that_sends_later_is_heard_at_once_by_a_thread_that_slept() {
    let mut stage = Stage::new("out = 0\n");
    stage.desk.0.lock().unwrap().sinks = vec!["Digitone".into()];
    std::thread::sleep(Duration::from_millis(300));
    assert!(!stage.session.meters().bell.is_busy());
    let text = "tempo 240\ntrack gear = \"c4*4\" >> midi_out('digitone', 2)\n";
    stage.session.send(Command::Text { file: "a.modu".into(), text: text.into() });
    stage.until("a note is sent", |_, desk| !desk.0.lock().unwrap().said.is_empty());
    assert!(stage.session.meters().bell.is_busy());
    stage.session.send(Command::Text { file: "a.modu".into(), text: "out = 0\n".into() });
    stage.until("nothing more is to be sent", |_, _| true);
    let begin = Instant::now();
    while stage.session.meters().bell.is_busy() {
        stage.run();
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
    let wires = stage.desk.0.lock().unwrap();
    let (on, off) = (|b: &[u8]| b[0] == 0x91, |b: &[u8]| b[0] == 0x81);
    let count = |what: &dyn Fn(&[u8]) -> bool| wires.said.iter().filter(|(_, bytes)| what(bytes)).count();
    assert!(count(&on) >= 1 && count(&off) <= count(&on));
}
