//! Gamepads and other devices of hands, from recorded reports and plugged by the test: signals move, come to rest, and are found by edits.

mod common;

use common::RATE;
use modurust_compiler::exec::Backend as Code;
use modurust_compiler::front::Options;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::passes::Passes;
use modurust_runtime::command::{Command, Notice};
use modurust_runtime::controllers::hid::Reader;
use modurust_runtime::controllers::{Backend, Controllers, Event};
use modurust_runtime::engine::Engine;
use modurust_runtime::session::{Session, SessionOptions};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A recording in the form of hid-recorder: descriptor, name, reports.
fn recording(file: &str) -> (Reader, String, Vec<Vec<u8>>) {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    let bytes = |words: &str| -> Vec<u8> {
        let bytes: Vec<u8> =
            words.split_whitespace().skip(1).map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect();
        assert_eq!(words.split_whitespace().next().map(str::to_string), Some(bytes.len().to_string()), "{words}");
        bytes
    };
    let line = |kind: &'static str| text.lines().filter_map(move |line| line.strip_prefix(kind)).map(str::to_string);
    let descriptor = bytes(&line("R: ").next().expect("a descriptor"));
    let reports = line("E: ").map(|line| bytes(line.split_once(' ').expect("seconds").1)).collect();
    (Reader::new(&descriptor), line("N: ").next().expect("a name"), reports)
}

#[test]
fn recorded_reports_say_what_hands_do() {
    let told = |file: &str| -> Vec<String> {
        let (mut reader, _, reports) = recording(file);
        let mut lines = Vec::new();
        for report in reports {
            let mut line = String::new();
            reader.report(&report, |name, value| line += &format!("{name} {value:.2} "));
            lines.push(line.trim_end().to_string());
        }
        lines
    };
    let still = |buttons: usize| (1..=buttons).map(|n| format!("b{n} 0.00")).collect::<Vec<_>>().join(" ");
    let sense = told("dualsense.hid");
    let hat = "up 0.00 right 0.00 down 0.00 left 0.00";
    assert_eq!(sense[0], format!("x 0.00 y 0.00 z 0.00 rz 0.00 rx -1.00 ry -1.00 {hat} {}", still(15)));
    assert_eq!(
        sense[1..],
        [
            "x 1.00",
            "y -1.00 rx -0.50 ry 1.00 b2 1.00",
            "x 0.00 y 0.00 rx -1.00 ry -1.00 up 1.00 right 1.00 down 0.00 left 0.00 b2 0.00",
            "x -1.00 y -1.00",
            ""
        ]
    );
    let pad = told("horipad.hid");
    assert_eq!(pad[0], format!("{} {hat} x 0.00 y 0.00 z 0.00 rz 0.00", still(16)));
    assert_eq!(pad[1], "b3 1.00 b16 1.00 up 0.00 right 1.00 down 0.00 left 0.00 x -1.00 rz 1.00");
    assert_eq!(pad[2], format!("b3 0.00 b16 0.00 {hat} x 0.00 rz 0.00"));
}

/// Devices that the test plugs and moves.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<VecDeque<Event>>>);

impl Backend for Table {
    fn poll(&mut self, patience: Duration, tell: &mut dyn FnMut(Event)) {
        std::thread::sleep(patience.min(Duration::from_millis(1)));
        let all: Vec<Event> = self.0.lock().unwrap().drain(..).collect();
        all.into_iter().for_each(tell);
    }
}

struct Stage {
    table: Table,
    session: Session,
    engine: Engine,
    controllers: Controllers,
}

impl Stage {
    fn new(text: &str) -> Stage {
        let options = Options { sample_rate: RATE, passes: Passes::Exact, backend: Code::Jit, seed: 1, verify: false };
        let mut wished = SessionOptions::new(vec!["a.modu".into()], options);
        wished.texts.insert("a.modu".into(), text.into());
        (wished.watch, wished.limiter) = (false, false);
        let (session, engine) = Session::new(wished).expect("a session");
        assert!(!session.snapshot().stale, "{:?}", session.notices());
        let table = Table::default();
        let system = table.clone();
        let systems = move || (vec![Box::new(system) as Box<dyn Backend>], vec!["no joysticks".to_string()]);
        let controllers = Controllers::start(&session, Box::new(systems)).expect("a thread");
        Stage { table, session, engine, controllers }
    }

    fn tell(&self, events: impl IntoIterator<Item = Event>) {
        self.table.0.lock().unwrap().extend(events);
    }

    #[track_caller]
    fn until(&mut self, what: &str, so: impl Fn(f32) -> bool) {
        let begin = Instant::now();
        loop {
            let mut block = [[0.0f32; 2]; QUANTUM];
            self.engine.process(block.as_flattened_mut(), 2);
            if so(block[QUANTUM - 1][0]) {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "{what}: {}", block[QUANTUM - 1][0]);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_gamepad_moves_signals_and_one_that_is_unplugged_holds_nothing() {
    let mut stage = Stage::new(
        "far = knob(0, 0..16)\nout = hid('DualSense').x + 4 * button('sense', 2) + far\nmap hid('hori').b16 -> far\n",
    );
    let (mut reader, name, reports) = recording("dualsense.hid");
    let program = stage.session.snapshot().program.expect("a program");
    let missed = stage.controllers.misses(&program).join("\n");
    assert!(missed.contains("no joysticks") && missed.contains("no `dualsense` yet") && missed.contains("no `hori`"));
    let mut play = |stage: &Stage, device: u64, report: &[u8]| {
        let mut events = Vec::new();
        reader.report(report, |control, value| events.push(Event::Moved(device, control.to_string(), value)));
        stage.tell(events);
    };
    for device in [7, 8] {
        stage.tell([Event::Plugged(device, name.clone())]);
        play(&stage, device, &reports[0]);
        play(&stage, device, &reports[1]);
        stage.until("the stick stands at the right", |x| x == 1.0);
        play(&stage, device, &reports[2]);
        stage.until("a button is held besides", |x| x == 5.0);
        stage.tell([Event::Gone(device)]);
        stage.until("it is unplugged in the middle of it", |x| x == 0.0);
        play(&stage, device, &reports[3]);
    }
    // Numbers that are none say nothing, of devices that are none neither.
    stage.tell([
        Event::Moved(7, "x".into(), 1.0),
        Event::Plugged(9, "Hori".into()),
        Event::Moved(9, "b16".into(), f32::NAN),
    ]);
    // A controller takes hold of a number when it comes by.
    stage.tell([Event::Moved(9, "b16".into(), 0.0), Event::Moved(9, "b16".into(), 1.0)]);
    stage.until("another device", |x| x == 16.0);
}

#[test]
fn an_edit_finds_a_controller_where_it_stands() {
    let mut stage = Stage::new("out = hid('pad').lx\n");
    stage.tell([
        Event::Plugged(1, "Some Pad".into()),
        Event::Moved(1, "ly".into(), -0.5),
        Event::Moved(1, "lx".into(), 0.25),
    ]);
    stage.until("one stick", |x| x == 0.25);
    stage.session.send(Command::Text { file: "a.modu".into(), text: "out = hid('pad').ly\n".into() });
    stage.until("the other", |x| x == -0.5);
    // What a text listens to can be learned.
    stage
        .session
        .send(Command::Text { file: "a.modu".into(), text: "cut = knob(0, 0..1)\nout = hid('pad').ly + cut\n".into() });
    stage.until("a knob", |x| x == -0.5);
    let begin = Instant::now();
    while stage.session.feedback().value("cut").is_none() {
        stage.until("time goes on", |_| true);
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
    stage.session.send(Command::Learn(Some("cut".into())));
    std::thread::sleep(Duration::from_millis(100));
    stage.until("it waits", |_| true);
    stage.tell([Event::Moved(1, "ly".into(), 1.0)]);
    let mut heard = Vec::new();
    let line = loop {
        stage.until("time goes on", |_| true);
        heard.extend(stage.session.notices());
        let learned = |notice: &Notice| if let Notice::Learned { line } = notice { Some(line.clone()) } else { None };
        if let Some(line) = heard.iter().find_map(learned) {
            break line;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "nothing is learned: {heard:?}");
    };
    assert_eq!(line, "map hid('pad').ly -> cut 0..1");
}
