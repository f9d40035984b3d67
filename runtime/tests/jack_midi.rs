//! A keyboard in another process, through a sound server: every note begins and ends at its frame, and sound that comes in goes out.
//!
//! The other process is this binary once more, as `peer`: it sends notes at frames of its choice and listens to what comes back, in one
//! callback, so it knows to the frame how late each is.
#![cfg(feature = "jack")]

mod common;
#[path = "common/server.rs"]
mod server;

use common::RATE;
use jack::{AudioIn, Client, ClientOptions, Control, MidiOut, Port, ProcessScope, RawMidi};
use modurust_compiler::exec::Backend;
use modurust_compiler::front::{Compiler, Options};
use modurust_compiler::passes::Passes;
use modurust_runtime::device::{self, DeviceOptions};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::world::FileWorld;
use server::{claim, server, until};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

const NOTES: usize = 1000;

/// What the other process does, in its callback.
struct Peer {
    out: Port<MidiOut>,
    listen: Port<AudioIn>,
    random: common::Random,
    now: u64,
    /// When the last message is to be sent, or was.
    at: u64,
    down: bool,
    sent: bool,
    left: usize,
    late: std::sync::mpsc::Sender<i64>,
}

impl Peer {
    fn process(&mut self, scope: &ProcessScope) -> Control {
        let frames = u64::from(scope.n_frames());
        if !self.sent && self.at < self.now + frames && self.left > 0 {
            let bytes = if self.down { [0x80, 60, 64] } else { [0x90, 60, 100] };
            let time = self.at.saturating_sub(self.now) as u32;
            self.at = self.now + u64::from(time);
            if self.out.writer(scope).write(&RawMidi { time, bytes: &bytes }).is_ok() {
                (self.sent, self.down) = (true, !self.down);
            }
        } else {
            // Nothing is to be sent, and the buffer must say so.
            self.out.writer(scope);
        }
        let heard = self.listen.as_slice(scope).iter().position(|x| (*x > 0.5) == self.down);
        if let Some(heard) = heard.filter(|_| self.sent) {
            let heard = self.now + heard as u64;
            let _ = self.late.send(heard as i64 - self.at as i64);
            (self.sent, self.at) = (false, self.now + frames + self.random.below(200));
            self.left -= 1;
        }
        self.now += frames;
        Control::Continue
    }
}

/// The other process; nothing without being asked.
#[test]
fn peer() {
    if std::env::var("MODURUST_TEST_PEER").is_err() {
        return;
    }
    let (client, _) = Client::new("peer", ClientOptions::NO_START_SERVER).expect("a client");
    let out = client.register_port("out", MidiOut::default()).expect("a port");
    let listen = client.register_port("in", AudioIn::default()).expect("a port");
    let (late, told) = channel();
    let left = 2 * NOTES;
    let mut peer =
        Peer { out, listen, random: common::Random(5), now: 0, at: 24_000, down: false, sent: false, left, late };
    let handler =
        jack::contrib::ClosureProcessHandler::new(move |_: &Client, scope: &ProcessScope| peer.process(scope));
    let active = client.activate_async((), handler).expect("an active client");
    active.as_client().connect_ports_by_name("modurust:out_1", "peer:in").expect("a connection");
    active.as_client().connect_ports_by_name("peer:out", "modurust:midi_in_1").expect("a connection");
    let mut all: BTreeMap<i64, usize> = BTreeMap::new();
    for _ in 0..left {
        match told.recv_timeout(Duration::from_secs(20)) {
            Ok(late) => *all.entry(late).or_default() += 1,
            Err(_) => break,
        }
    }
    println!("late: {all:?}");
    drop(active);
}

#[test]
fn notes_of_another_process_sound_at_their_frames() {
    let name = format!("modurustm{}", std::process::id());
    claim(&name);
    let Some(_server) = server(&name) else {
        println!("skipped: there is no jackd");
        return;
    };
    let wish = DeviceOptions { name: Some("jack".into()), inputs: 1, ..DeviceOptions::default() };
    let mut choice = device::choose(&wish);
    until("the server runs", || {
        choice = device::choose(&wish);
        choice.message().is_none()
    });
    let mut world = FileWorld::new();
    world.overlay("a.modu", "tone(gate) = gate\nout = midi('peer') >> mono(tone) + input(1)\n");
    let options = Options { sample_rate: RATE, passes: Passes::Exact, backend: Backend::Jit, seed: 1, verify: false };
    let program = Compiler::new(options).compile(&world, &["a.modu".into()]).program;
    let engine_options = EngineOptions { input: (4096, 1), ..EngineOptions::new(RATE) };
    let (mut engine, _control, mut taps) = Engine::new(&engine_options, program).expect("an engine");
    engine.take_sound(taps.input.take().expect("an inlet"));
    let mut running = choice.start(engine);
    assert!(!running.is_null(), "{:?}", running.poll());
    let peer = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "peer", "--nocapture"])
        .env("MODURUST_TEST_PEER", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a peer");
    let (done, told) = channel();
    std::thread::spawn(move || done.send(peer.wait_with_output()));
    let output = loop {
        // Names of ports come by this.
        running.poll();
        if let Ok(output) = told.recv_timeout(Duration::from_millis(20)) {
            break String::from_utf8_lossy(&output.expect("an end").stdout).into_owned();
        }
    };
    let line = output.lines().find_map(|line| line.split_once("late: ")).map(|(_, all)| all.to_string());
    let stats = running.stats();
    println!("{line:?}, {stats:?}");
    let line = line.expect("the peer has counted");
    let count = |entry: &str| -> Option<(i64, usize)> {
        let (late, count) = entry.split_once(": ")?;
        Some((late.parse().ok()?, count.parse().ok()?))
    };
    let all: Vec<(i64, usize)> = line.trim_matches(['{', '}']).split(", ").filter_map(count).collect();
    // The way round through the server is one period, or none. Where a busy machine misses a deadline the server leaves periods out,
    // whole ones; what would have been heard in one of these is heard as the next begins.
    assert_eq!(all.iter().map(|(_, count)| count).sum::<usize>(), 2 * NOTES, "{line}");
    let hidden = all.iter().filter(|(late, _)| *late < 0 || late % 128 != 0).map(|(_, count)| *count).sum::<usize>();
    assert!(hidden as u64 <= stats.xruns, "{line}, {stats:?}");
    let most = all.iter().map(|(_, count)| *count).max().unwrap_or(0);
    assert!(most >= 2 * NOTES * 9 / 10, "{line}");
}
