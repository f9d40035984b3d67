//! What a text sends by OSC: every event once, with its values, at the moment of its frame.

mod common;

use common::{RATE, options};
use modurust_compiler::exec::Backend;
use modurust_runtime::engine::Engine;
use modurust_runtime::inbox::{Incoming, PortName};
use modurust_runtime::midi::{Message, Voice};
use modurust_runtime::osc::OscType::{self, Float, String as Word};
use modurust_runtime::osc::codec::{Timed, unpack};
use modurust_runtime::osc::courier::Courier;
use modurust_runtime::osc::time::Moment;
use modurust_runtime::session::{Session, SessionOptions};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

const BLOCK: u64 = 256;

/// A session whose blocks are due at moments that the test says, and somebody who listens.
struct Stage {
    session: Session,
    engine: Engine,
    courier: Courier,
    socket: UdpSocket,
    start: Instant,
    frame: u64,
}

impl Stage {
    /// Plays a text in which `PORT` is where the listener is.
    fn new(text: &str) -> Stage {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let text = text.replace("PORT", &socket.local_addr().unwrap().port().to_string());
        let wish = SessionOptions {
            texts: BTreeMap::from([("a.modu".to_string(), text)]),
            watch: false,
            ..SessionOptions::new(vec!["a.modu".into()], options(Backend::Jit))
        };
        let (session, engine) = Session::new(wish).unwrap();
        assert!(!session.snapshot().stale, "{:?}", session.notices());
        let courier = Courier::start(&session, &[]).unwrap();
        Stage { session, engine, courier, socket, start: Instant::now(), frame: 0 }
    }

    fn run(&mut self, blocks: u64) {
        for _ in 0..blocks {
            let due = self.start + Duration::from_secs_f64(self.frame as f64 / f64::from(RATE));
            self.session.meters().clock.tick(self.frame, RATE, due);
            self.engine.process(&mut [0.0; 2 * BLOCK as usize], 2);
            self.frame += BLOCK;
        }
    }

    /// Everything that comes: frames by the time tags, addresses, values.
    fn heard(&self, count: usize) -> Vec<(f64, String, Vec<OscType>)> {
        self.socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut heard, mut buffer, now) = (Vec::new(), [0; 65_536], Moment::now());
        let mut patience = |heard: usize| {
            // Whatever else might come has some time to.
            if heard >= count {
                self.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            }
            self.socket.recv(&mut buffer).ok().map(|length| unpack(&buffer[..length]).unwrap())
        };
        while let Some(messages) = patience(heard.len()) {
            for Timed { at, message } in messages {
                let at = at.expect("a time");
                let start = now.tag_of(self.start);
                heard.push((at.since(start) * f64::from(RATE), message.addr, message.args));
            }
        }
        heard
    }
}

fn is(heard: &[(f64, String, Vec<OscType>)], wanted: &[(f64, &str, Vec<OscType>)]) {
    let mut heard = heard.to_vec();
    heard.sort_by(|a, b| (a.0.round(), &a.1).partial_cmp(&(b.0.round(), &b.1)).unwrap());
    assert_eq!(heard.len(), wanted.len(), "{heard:?}");
    for ((at, address, args), (frame, path, values)) in heard.iter().zip(wanted) {
        assert_eq!((address.as_str(), args), (*path, values), "{heard:?}");
        // A tag has the two clocks of the system between it and the frame, which are read apart by some microseconds.
        assert!((at - frame).abs() < 1.0, "{path}: frame {frame} has the tag of {at}");
    }
}

#[test]
fn numbers_words_and_notes_leave_with_the_time_of_their_frames() {
    let mut stage = Stage::new(
        "tempo 120bpm
track a = \"0.25 <1.5 -3>\" >> osc_out('PORT', '/light')
track b = \"bd sn:3\" >> osc_out('127.0.0.1:PORT', '/drum')
track c = \"~ [c4,e4]\" >> osc_out('localhost:PORT', '/synth/note', offset: 25ms)
",
    );
    // Two bars of two seconds, and the first frames of the third.
    stage.run(2 * 96_000 / BLOCK);
    let note = |n: f32| vec![Float(n), Float(0.8), Float(1.0)];
    let word = |w: &str| Word(w.into());
    let bar = |begin: f64, second: f32| {
        [
            (begin, "/drum", vec![word("bd")]),
            (begin, "/light", vec![Float(0.25)]),
            (begin + 48_000.0, "/drum", vec![word("sn"), Float(3.0)]),
            (begin + 48_000.0, "/light", vec![Float(second)]),
            (begin + 49_200.0, "/synth/note", note(60.0)),
            (begin + 49_200.0, "/synth/note", note(64.0)),
        ]
    };
    is(&stage.heard(12), &[bar(0.0, 1.5), bar(96_000.0, -3.0)].concat());
    assert_eq!(stage.courier.sent(), 12);
}

#[test]
fn what_falls_on_one_frame_is_one_bundle() {
    let mut stage = Stage::new("tempo 120bpm\ntrack a = \"0,4,7\" >> osc_out('PORT', '/x')\n");
    stage.run(4);
    let mut buffer = [0; 65_536];
    stage.socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let length = stage.socket.recv(&mut buffer).unwrap();
    let values: Vec<OscType> = unpack(&buffer[..length]).unwrap().into_iter().flat_map(|t| t.message.args).collect();
    assert_eq!(values, [Float(0.0), Float(4.0), Float(7.0)]);
}

#[test]
fn keys_are_passed_on_at_their_frames() {
    let mut stage = Stage::new("track a = midi('keys') >> transpose(12st) >> osc_out('PORT', '/key')\n");
    stage.engine.tell(0, Incoming::Plugged(0, PortName::new("Keys")));
    let on = |note| Incoming::Midi(0, Message::Channel(0, Voice::On { note, velocity: u16::MAX }));
    stage.engine.tell(700, on(60));
    stage.engine.tell(1500, on(64));
    stage.run(10);
    let key = |note: f32| vec![Float(note), Float(1.0)];
    is(&stage.heard(2), &[(700.0, "/key", key(72.0)), (1500.0, "/key", key(76.0))]);
}
