//! What is played by OSC: addresses, answers, refusals, other people's programs, and a flood of nonsense that nobody hears.

mod common;

use common::{RATE, asked, options};
use modurust_runtime::command::{Command, Notice, Perform};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::device::{self, DeviceOptions};
use modurust_runtime::engine::Engine;
use modurust_runtime::launcher::Happened;
use modurust_runtime::osc::codec::{Frames, framed, unpack};
use modurust_runtime::osc::counters::Counters;
use modurust_runtime::osc::dispatch::{Dispatcher, Peer};
use modurust_runtime::osc::time::{Moment, Tag};
use modurust_runtime::osc::{Osc, OscBundle, OscMessage, OscOptions, OscPacket, OscTime, OscType, encoder};
use modurust_runtime::session::{Session, SessionOptions};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SET: &str = "tempo 120bpm
cutoff = knob(800hz, 200hz..8khz)
held(freq, gate, cut = 0.5 in 0..1) = gate * cut * freq / 1khz
track bass = \"0\" >> scale(a2, chromatic) >> mono(held) * 0.5 >> lpf(cutoff)
track drums = clips { a: \"0\"  fill: \"12\"  last: \"24\" } >> scale(a2, chromatic) >> mono(held)
track deck = sin(220hz) * osc('/deck/cut')
scene intro { drums: a }
scene drop { drums: fill }
launch drums.a
";

/// Longest wait for an answer; on a quiet machine it is a thousandth of that.
const PATIENCE: Duration = Duration::from_secs(10);

fn session() -> (Session, Engine) {
    session_of(SET)
}

fn session_of(text: &str) -> (Session, Engine) {
    let texts = BTreeMap::from([("set.modu".to_string(), text.to_string())]);
    let options = SessionOptions {
        texts,
        watch: false,
        limiter: false,
        ..SessionOptions::new(vec!["set.modu".into()], options(Backend::Jit))
    };
    let (session, engine) = Session::new(options).unwrap();
    assert!(!session.snapshot().stale, "{:?}", session.notices());
    (session, engine)
}

fn message(address: &str, args: Vec<OscType>) -> OscMessage {
    OscMessage { addr: address.into(), args }
}

fn bytes(address: &str, args: Vec<OscType>) -> Vec<u8> {
    encoder::encode(&OscPacket::Message(message(address, args))).unwrap()
}

/// A session that plays by the clock, and listens.
struct Stage {
    osc: Osc,
    session: Arc<Session>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stage {
    fn new() -> Stage {
        let (session, mut engine) = session();
        let listen = "127.0.0.1:0".parse().unwrap();
        let osc = Osc::start(&OscOptions { listen, allow: Vec::new() }, session.remote(), None).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                engine.process(&mut [0.0; 2 * 256], 2);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Stage { osc, session: Arc::new(session), stop, thread: Some(thread) }
    }

    fn client(&self) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.osc.address()).unwrap();
        Client(socket)
    }

    /// Waits until it is so.
    #[track_caller]
    fn until(&self, what: &str, so: impl Fn(&Session) -> bool) {
        let begin = Instant::now();
        while !so(&self.session) {
            assert!(begin.elapsed() < PATIENCE, "{what} never came");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

struct Client(UdpSocket);

impl Client {
    fn send(&self, address: &str, args: Vec<OscType>) {
        self.0.send(&bytes(address, args)).unwrap();
    }

    /// The next message that comes.
    fn next(&self, patience: Duration) -> Option<OscMessage> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 65_536];
        let length = self.0.recv(&mut buffer).ok()?;
        let mut messages = unpack(&buffer[..length]).unwrap();
        assert_eq!(messages.len(), 1);
        messages.pop().map(|timed| timed.message)
    }

    /// Sends, and waits for the first answer.
    #[track_caller]
    fn ask(&self, address: &str, args: Vec<OscType>) -> OscMessage {
        self.send(address, args);
        self.next(PATIENCE).unwrap_or_else(|| panic!("{address} is not answered"))
    }
}

fn float(x: f32) -> Vec<OscType> {
    vec![OscType::Float(x)]
}

fn word(text: &str) -> Vec<OscType> {
    vec![OscType::String(text.into())]
}

#[test]
fn parameters_are_told_and_asked() {
    let stage = Stage::new();
    let client = stage.client();
    assert_eq!(client.ask("/cutoff", vec![]), message("/cutoff", float(800.0)));
    client.send("/cutoff", float(1500.0));
    assert_eq!(client.ask("/cutoff", vec![]), message("/cutoff", float(1500.0)), "at once");
    stage.until("the value", |s| s.feedback().value("cutoff") == Some(1500.0));
    assert_eq!(client.ask("/cutoff", vec![]), message("/cutoff", float(1500.0)), "and later");
    // Beyond the range of the text it is the end of it, whatever type it comes in.
    client.send("/cutoff", vec![OscType::Int(100_000)]);
    stage.until("the end of the range", |s| s.feedback().value("cutoff") == Some(8000.0));
    client.send("/bass/cut", vec![OscType::Double(-3.0)]);
    stage.until("the range of a voice", |s| s.feedback().value("bass.cut") == Some(0.0));
    client.send("/bass/level", float(0.25));
    client.send("/bass/mute", vec![OscType::Bool(true)]);
    stage.until("level and mute", |s| {
        let feedback = s.feedback();
        feedback.value("bass.level") == Some(0.25) && feedback.value("bass.mute") == Some(1.0)
    });
    // A pattern means all that fit.
    client.send("/{bass,drums}/pan", float(-0.5));
    stage.until("a pattern", |s| ["bass.pan", "drums.pan"].iter().all(|p| s.feedback().value(p) == Some(-0.5)));
    assert_ne!(stage.session.feedback().value("deck.pan"), Some(-0.5));
    // The longer ways to say it.
    client.send("/param/cutoff", float(1000.0));
    client.send("/track/bass/level", float(0.75));
    client.send("/param/drums.cut", float(0.25));
    stage.until("long names", |s| {
        let feedback = s.feedback();
        [("cutoff", 1000.0), ("bass.level", 0.75), ("drums.cut", 0.25)]
            .iter()
            .all(|(n, x)| feedback.value(n) == Some(*x))
    });
    assert_eq!(client.ask("/get/drums.cut", vec![]), message("/value/drums.cut", float(0.25)));
    assert_eq!(client.ask("/get/tempo", vec![]), message("/value/tempo", float(120.0)));
    client.send("/subscribe", vec![OscType::String("bass.level".into()), OscType::Int(20)]);
    assert_eq!(client.next(PATIENCE), Some(message("/value/bass.level", float(0.75))));
    client.send("/unsubscribe", word("bass.level"));
    // Solo in place: the others are mute, and as they were when it ends.
    let mutes = |s: &Session| ["bass", "drums", "deck"].map(|t| s.feedback().value(&format!("{t}.mute")).unwrap());
    client.send("/track/deck/solo", vec![OscType::Int(1)]);
    stage.until("a solo", |s| mutes(s) == [1.0, 1.0, 0.0]);
    assert_eq!(client.ask("/deck/solo", vec![]), message("/deck/solo", vec![OscType::Int(1)]));
    client.send("/deck/solo", vec![OscType::Int(0)]);
    stage.until("its end", |s| mutes(s) == [1.0, 0.0, 0.0]);
    // What the text hears is louder.
    client.send("/deck/cut", float(0.5));
    stage.until("the sound", |s| s.feedback().level("deck").is_some_and(|level| level.peak[0] > 0.4));
}

#[test]
fn launches_and_time() {
    let stage = Stage::new();
    let client = stage.client();
    let clip = |name: &'static str| {
        move |s: &Session| {
            let feedback = s.feedback();
            feedback.clips.first().is_some_and(|clips| clips.playing.as_deref() == Some(name))
        }
    };
    stage.until("the text's own clip", clip("a"));
    for (address, args, plays) in [
        ("/drums/clip/fill", vec![], "fill"),
        ("/drums/clip/last", float(1.0), "last"),
        ("/drums/clip", word("a"), "a"),
        ("/launch", word("drums.fill"), "fill"),
        ("/scene/intro", vec![OscType::Bool(true)], "a"),
        ("/scene", word("drop"), "fill"),
    ] {
        client.send(address, args);
        stage.until(address, clip(plays));
    }
    assert_eq!(client.ask("/drums/clip", vec![]), message("/drums/clip", word("fill")));
    assert_eq!(client.ask("/scene", vec![]), message("/scene", word("drop")));
    // A button that is let go does nothing.
    client.send("/drums/clip/a", float(0.0));
    client.send("/tempo", float(90.0));
    assert_eq!(client.ask("/tempo", vec![]), message("/tempo", float(90.0)));
    stage.until("the tempo", |s| (s.feedback().bpm - 90.0).abs() < 1e-6);
    assert!(clip("fill")(&stage.session));
    client.send("/pause", vec![]);
    stage.until("a pause", |s| !s.feedback().playing);
    client.send("/seek", float(33.0));
    stage.until("the place", |s| s.meters().cycle() == 32.0);
    assert_eq!(client.ask("/seek", vec![]), message("/seek", float(33.0)));
    assert_eq!(client.ask("/playing", vec![]), message("/playing", vec![OscType::Int(0)]));
    client.send("/play", vec![]);
    stage.until("time", |s| s.meters().cycle() > 32.0);
    client.send("/drums/stop", vec![]);
    stage.until("a stop", |s| s.feedback().clips[0].playing.is_none());
    client.send("/launch", word("drums.a"));
    stage.until("a clip", clip("a"));
    client.send("/stop", vec![]);
    stage.until("a stop of all", |s| s.feedback().clips[0].playing.is_none());
}

#[test]
fn what_is_wrong_is_answered_with_what_was_meant() {
    let stage = Stage::new();
    let client = stage.client();
    let why = |address: &str, args: Vec<OscType>| {
        let answer = client.ask(address, args);
        assert_eq!((answer.addr.as_str(), &answer.args[0]), ("/error", &OscType::String(address.into())));
        answer.args[1].to_string()
    };
    assert!(why("/cutof", float(1.0)).contains("did you mean /cutoff"));
    assert!(!why("/nothing/like/it", vec![]).contains("did you mean"));
    assert!(why("/cutoff", word("loud")).contains("wants one number"));
    assert!(why("/drums/clip", word("chorus")).contains("a, fill, last"));
    assert!(why("/cutoff", float(f32::NAN)).contains("not a finite number"));
    assert!(why("/cutoff", vec![OscType::Double(1e300)]).contains("not a finite number"));
    assert!(why("/drums/meter", float(1.0)).contains("only be asked"));
    // A question about questions, and blobs.
    client.send("/cutoff", vec![OscType::Blob(vec![0; 64])]);
    let counters = client.ask("/modurust/counters", vec![]);
    let count = |name: &str| {
        let at = counters.args.iter().position(|arg| *arg == OscType::String(name.into())).unwrap();
        counters.args[at + 1].clone().int().unwrap()
    };
    let seen = ["unknown", "refused", "not_numbers", "blobs", "malformed"].map(count);
    assert_eq!(seen, [2, 3, 2, 1, 0]);
    // A flood of mistakes is answered a few times and counted whole.
    for _ in 0..200 {
        client.send("/x", vec![]);
    }
    let begin = Instant::now();
    let mut answered = 0;
    while begin.elapsed() < Duration::from_millis(500) {
        answered += u32::from(client.next(Duration::from_millis(50)).is_some());
    }
    assert!((1..=60).contains(&answered), "{answered}");
    assert!(stage.osc.counters().unknown.load(Ordering::Relaxed) > 150);
}

#[test]
fn everything_is_listed_and_values_are_subscribed() {
    let stage = Stage::new();
    let client = stage.client();
    client.send("/modurust/list", word("/drums"));
    let mut listed = Vec::new();
    while let Some(OscMessage { args, .. }) = client.next(PATIENCE).filter(|m| !m.args.is_empty()) {
        listed.push(args[0].to_string().trim_start_matches("(s) ").to_string());
    }
    for address in ["/drums/clip", "/drums/clip/fill", "/drums/cut", "/drums/level", "/drums/meter", "/drums/stop"] {
        assert!(listed.iter().any(|known| known == address), "{address} is not in {listed:?}");
    }
    assert!(listed.is_sorted(), "{listed:?}");
    let status = client.ask("/modurust/status", vec![]);
    assert!(status.args.contains(&OscType::String("load".into())), "{status}");
    client.send("/subscribe", vec![OscType::String("/seek".into()), OscType::Float(1000.0)]);
    let begin = Instant::now();
    let mut places = Vec::new();
    while begin.elapsed() < Duration::from_secs(1) {
        places.extend(client.next(Duration::from_millis(20)).map(|m| m.args[0].clone().float().unwrap()));
    }
    assert!((3..=32).contains(&places.len()), "{} in a second", places.len());
    assert!(places.is_sorted(), "{places:?}");
    client.send("/unsubscribe", word("/seek"));
    while client.next(Duration::from_millis(200)).is_some() {
        assert!(begin.elapsed() < PATIENCE, "it goes on");
    }
    assert!(client.ask("/subscribe", word("/play")).args[1].to_string().contains("no value"));
}

#[test]
fn frames_over_tcp_and_questions_over_http() {
    let stage = Stage::new();
    let address = stage.osc.address();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let sent = [framed(&bytes("/cutoff", float(900.0))), framed(&bytes("/cutoff", vec![]))].concat();
    // In pieces, as a network may bring them.
    for piece in sent.chunks(7) {
        stream.write_all(piece).unwrap();
    }
    let (mut frames, mut answer, mut buffer) = (Frames::default(), None, [0; 512]);
    while answer.is_none() {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "the connection was closed");
        frames.take(&buffer[..length], |packet| answer = unpack(packet.unwrap()).unwrap().pop());
    }
    assert_eq!(answer.unwrap().message, message("/cutoff", float(900.0)));
    let http = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let get = |target: &str| http(&format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    let tree = get("/");
    assert!(tree.starts_with("HTTP/1.1 200 OK\r\n"), "{tree}");
    for part in [
        "\"FULL_PATH\":\"/cutoff\",\"DESCRIPTION\":\"the number `cutoff`\",\"ACCESS\":3,\"TYPE\":\"f\",\"RANGE\":[{\"MIN\":200,\"MAX\":8000}],\"UNIT\":[\"frequency.hz\"],\"VALUE\":[900]",
        "\"VALS\":[\"a\",\"fill\",\"last\"]",
        "\"FULL_PATH\":\"/drums/clip/fill\"",
    ] {
        assert!(tree.contains(part), "no {part} in {tree}");
    }
    assert!(get("/cutoff?VALUE").ends_with("\r\n\r\n{\"VALUE\":[900]}"));
    assert!(get("/?HOST_INFO").contains(&format!("\"OSC_PORT\":{}", address.port())));
    assert!(get("/nowhere").starts_with("HTTP/1.1 404"));
    assert!(get("/drums?VALUE").starts_with("HTTP/1.1 204"));
    assert!(http("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").starts_with("HTTP/1.1 403"));
    assert!(http("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 403"));
    let host = "Host: 127.0.0.1\r\n\r\n";
    // The first letter tells HTTP from frames.
    assert!(http(&format!("GIVE / HTTP/1.1\r\n{host}")).starts_with("HTTP/1.1 405"));
}

#[test]
fn others_are_heard_only_if_they_are_named() {
    let (session, _engine) = session();
    let start = |listen: &str, allow: &[&str]| {
        let allow = allow.iter().map(|ip| ip.parse().unwrap()).collect();
        Osc::start(&OscOptions { listen: listen.parse().unwrap(), allow }, session.remote(), None)
    };
    let refused = start("0.0.0.0:0", &[]).err().map(|why| why.to_string());
    assert!(refused.is_some_and(|why| why.contains("--osc-allow")));
    let osc = start("0.0.0.0:0", &["192.0.2.7"]).unwrap();
    let taken = start(&osc.address().to_string(), &["192.0.2.7"]).err().map(|why| why.to_string());
    assert!(taken.is_some_and(|why| why.contains("choose another port")));
    // From this machine by its address in the network, which is not the loopback one and not on the list.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
    let Some(own) = own.ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified()) else {
        eprintln!("skipped in part: this machine has no address but the loopback one");
        return;
    };
    let socket = UdpSocket::bind(SocketAddr::new(own, 0)).unwrap();
    socket.send_to(&bytes("/cutoff", vec![]), SocketAddr::new(own, osc.address().port())).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(socket.recv(&mut [0; 64]).is_err(), "a stranger was answered");
    assert_eq!(osc.counters().forbidden.load(Ordering::Relaxed), 1);
    assert_eq!(osc.counters().packets.load(Ordering::Relaxed), 0);
}

/// A track that is a step: its left channel tells which clip plays.
const STEP: &str = "tempo 120bpm
held(freq, gate) = gate * freq / 1khz
track t = clips { a: \"0\"  b: \"12\" } >> scale(a2, chromatic) >> mono(held)
launch t.a
";

fn bundle(at: Tag, messages: Vec<OscMessage>) -> Vec<u8> {
    let timetag = OscTime { seconds: (at.0 >> 32) as u32, fractional: at.0 as u32 };
    let content = messages.into_iter().map(OscPacket::Message).collect();
    encoder::encode(&OscPacket::Bundle(OscBundle { timetag, content })).unwrap()
}

/// Waits until a session has done all that it was asked for.
fn settle(session: &Session) {
    session.send(Command::Perform(Perform::Cue("nowhere".into())));
    let begin = Instant::now();
    while !session.notices().iter().any(|n| matches!(n, Notice::Refused { message } if message.contains("nowhere"))) {
        assert!(begin.elapsed() < PATIENCE, "the session does not answer");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_bundle_for_later_acts_at_its_frame() {
    let mut random = common::Random(1900);
    for round in 0..12 {
        let (session, mut engine) = session_of(STEP);
        let start = Moment::now();
        let clock = &session.meters().clock;
        clock.tick(0, RATE, start.instant);
        let counters = Arc::new(Counters::default());
        let mut dispatcher = Dispatcher::new(session.remote(), counters, start);
        let from = Peer::Udp("127.0.0.1:9".parse().unwrap());
        // About a second ahead, anywhere between two frames.
        let ahead = Duration::from_nanos(900_000_000 + random.below(200_000_000));
        let due = (ahead.as_secs_f64() * f64::from(RATE)).round() as usize;
        let messages = vec![message("/t/clip/b", vec![]), message("/t/level", float(0.5))];
        dispatcher.receive(&bundle(start.tag.after(ahead), messages), from, start);
        // Nothing goes on its way until shortly before.
        let moment = |ms: u64| {
            let span = Duration::from_millis(ms);
            Moment { tag: start.tag.after(span), instant: start.instant + span }
        };
        dispatcher.tick(moment(500));
        assert_eq!(dispatcher.waiting(), 2, "round {round}");
        dispatcher.tick(moment(ahead.as_millis() as u64 - 50));
        assert_eq!(dispatcher.waiting(), 0, "round {round}");
        settle(&session);
        let mut out = vec![0.0f32; 2 * 60_032];
        engine.process(&mut out, 2);
        let left: Vec<f32> = out.iter().step_by(2).copied().collect();
        let before = left[40_000];
        let changed = left.iter().skip(40_000).position(|x| *x != before).map(|i| i + 40_000);
        // The level glides from its quantum on, which may begin before.
        let quantum = due / 64 * 64;
        // A new note lets its gate down for a frame.
        let stepped = left.windows(2).skip(40_000).position(|w| (w[1] - w[0]).abs() > 0.05).map(|i| i + 40_001);
        assert!(changed.is_some_and(|at| at >= quantum && at <= due + 1), "round {round}: {changed:?} for {due}");
        assert!(stepped.is_some_and(|at| at.abs_diff(due) <= 1), "round {round}: {stepped:?} for {due}");
        assert_eq!(left[60_000], before, "an octave up at half the level");
    }
}

#[test]
fn a_signal_steps_at_the_frame_of_its_bundle() {
    let mut random = common::Random(8);
    for text in ["out = osc('/x')\n", "cut = knob(0.25, 0..1)\nout = osc('/x') + cut * 0\nmap osc('/x') -> cut\n"] {
        let (session, mut engine) = session_of(text);
        let start = Moment::now();
        session.meters().clock.tick(0, RATE, start.instant);
        let mut dispatcher = Dispatcher::new(session.remote(), Arc::new(Counters::default()), start);
        let from = Peer::Udp("127.0.0.1:9".parse().unwrap());
        // Twenty of them in 60 ms: some quanta have several.
        let ahead = |nanos: u64| Duration::from_nanos(20_000_000 + nanos);
        let mut spans: Vec<Duration> = (0..20).map(|_| ahead(random.below(60_000_000))).collect();
        spans.sort_unstable();
        let value = |i: usize| (1 + i * 7 % 20) as f32 / 32.0;
        for (i, span) in spans.iter().enumerate() {
            dispatcher.receive(&bundle(start.tag.after(*span), vec![message("/x", float(value(i)))]), from, start);
        }
        settle(&session);
        let mut out = vec![0.0f32; 2 * 64 * 100];
        engine.process(&mut out, 2);
        let left: Vec<f32> = out.iter().step_by(2).copied().collect();
        let gain = left[6000] / value(19);
        let frame = |span: &Duration| (span.as_secs_f64() * f64::from(RATE)).round() as usize;
        for (i, span) in spans.iter().enumerate() {
            let (from, to) = (frame(span) + 1, spans.get(i + 1).map_or(left.len(), frame).saturating_sub(1));
            for (at, x) in left.iter().enumerate().take(to).skip(from) {
                assert!((x - value(i) * gain).abs() < 1e-6, "frame {at}: {x}, not {}", value(i) * gain);
            }
        }
        assert!(left.iter().take(frame(&spans[0]) - 1).all(|x| *x == 0.0) && gain > 0.1, "{gain}");
        // Without a time it glides.
        dispatcher.receive(&bytes("/x", float(0.0)), from, Moment::now());
        settle(&session);
        engine.process(&mut out, 2);
        let widest = out.chunks_exact(4).map(|w| (w[2] - w[0]).abs()).fold(0.0, f32::max);
        assert!(out[2 * 6000] == 0.0 && widest < value(19) * gain * 0.3, "{widest}");
    }
}

#[test]
fn a_bundle_by_the_network_acts_at_its_frame() {
    let (session, engine) = session_of(STEP);
    let listen = "127.0.0.1:0".parse().unwrap();
    let osc = Osc::start(&OscOptions { listen, allow: Vec::new() }, session.remote(), None).unwrap();
    let options =
        DeviceOptions { name: Some("null".into()), rate: Some(RATE), block: Some(256), ..DeviceOptions::default() };
    let running = device::choose(&options).start(engine);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let begin = Instant::now();
    while session.meters().frame.load(Ordering::Relaxed) < 4800 {
        assert!(begin.elapsed() < PATIENCE, "nothing plays");
        std::thread::sleep(Duration::from_millis(5));
    }
    for (round, clip) in ["b", "a", "b"].into_iter().enumerate() {
        let now = Moment::now();
        let at = now.tag.after(Duration::from_millis(1000 + 7 * round as u64));
        let due = session.meters().clock.frame_at(now.instant_of(at)).unwrap();
        let launched = session.snapshot().picture.launched.len();
        socket.send_to(&bundle(at, vec![message(&format!("/t/clip/{clip}"), vec![])]), osc.address()).unwrap();
        let place = loop {
            assert!(begin.elapsed() < PATIENCE, "it was not launched");
            let picture = session.snapshot().picture;
            if let Some(Happened::Clip { at, .. }) = picture.launched.get(launched) {
                break *at;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        // A bar is two seconds.
        let frame = (place.to_f64() * 2.0 * f64::from(RATE)).round() as u64;
        assert!(frame.abs_diff(due) <= 1, "round {round}: frame {frame} for {due}");
    }
    drop(running);
}

/// A packet of the corpus, changed by chance.
fn mutated(random: &mut common::Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let any = |random: &mut common::Random| corpus[random.below(corpus.len() as u64) as usize].clone();
    let mut packet = any(random);
    for _ in 0..1 + random.below(3) {
        let length = packet.len() as u64;
        let at = random.below(length.max(1)) as usize;
        let word = at / 4 * 4;
        match random.below(16) {
            0..=2 if length > 0 => packet[at] ^= 1 << random.below(8),
            3 if length > 0 => packet[at] = random.below(256) as u8,
            4 => packet.truncate(at),
            5 => packet.truncate(word),
            6 => packet.insert(at.min(packet.len()), random.below(256) as u8),
            7..=9 if word + 4 <= packet.len() => {
                let odd = [0u32, 1, u32::MAX, 0x7f80_0000, 0x7fc0_0000, 0x8000_0000, 65_536, random.below(64) as u32];
                packet[word..word + 4].copy_from_slice(&odd[random.below(8) as usize].to_be_bytes());
            }
            10 | 11 => {
                // Another type of one of its values.
                let tags = b"ifsbhtdScrmTFNI[]q";
                let begin = packet.iter().position(|byte| *byte == b',').map_or(at, |comma| comma + 1);
                let at = begin + random.below(3) as usize;
                if let Some(tag) = packet.get_mut(at) {
                    *tag = tags[random.below(tags.len() as u64) as usize];
                }
            }
            12 => packet.extend(any(random)),
            13 | 14 => {
                // Bundles around it, at some time.
                let tag = [1, Tag::now().0, Tag::now().0.wrapping_add(random.below(1 << 40)), random.below(u64::MAX)];
                for _ in 0..[1, 1, 2, 15, 40][random.below(5) as usize] {
                    let mut bundle = b"#bundle\0".to_vec();
                    bundle.extend(tag[random.below(4) as usize].to_be_bytes());
                    bundle.extend((packet.len() as u32).to_be_bytes());
                    bundle.extend(&packet);
                    packet = bundle;
                }
            }
            _ => packet = packet.iter().copied().cycle().take(random.below(2000) as usize).collect(),
        }
    }
    packet
}

/// What is nonsense is not heard. `OSC=1000000 cargo test -p modurust-runtime --test osc nonsense` sends a million.
#[test]
fn nonsense_is_counted_and_nothing_else() {
    let all = asked("OSC", 100_000);
    let mut corpus: Vec<Vec<u8>> = vec![
        bytes("/cutoff", float(900.0)),
        bytes("/bass/level", float(0.1)),
        bytes("/drums/clip/fill", vec![]),
        bytes("/launch", word("drums.fill")),
        bytes("/scene/drop", vec![OscType::Int(1)]),
        bytes("/*/mute", vec![OscType::Bool(true), OscType::Nil, OscType::Time((3, 4).into())]),
        bytes("/deck/cut", vec![OscType::Double(0.7)]),
        bytes("/tempo", vec![OscType::Long(33)]),
        bytes("/hush", vec![]),
        bytes("/modurust/list", vec![]),
        bytes("/subscribe", vec![OscType::String("/*/meter".into()), OscType::Float(30.0)]),
    ];
    let content = corpus.iter().map(|p| OscPacket::Message(unpack(p).unwrap().remove(0).message)).collect();
    let bundle = OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content };
    corpus.push(encoder::encode(&OscPacket::Bundle(bundle)).unwrap());
    let ((heard, mut with), (quiet, mut without), (shadow, _engine)) = (session(), session(), session());
    let dispatcher = |session: &Session| {
        let counters = Arc::new(Counters::default());
        (Dispatcher::new(session.remote(), Arc::clone(&counters), Moment::now()), counters)
    };
    let ((mut dispatcher, counters), (mut judge, judged)) = (dispatcher(&heard), dispatcher(&shadow));
    let mut random = common::Random(1789);
    let from = Peer::Udp("127.0.0.1:9".parse().unwrap());
    let (mut sent, mut meant, mut answers) = (0u64, 0u64, 0usize);
    let (mut a, mut b) = ([0.0f32; 512], [0.0f32; 512]);
    while sent < all {
        for _ in 0..500 {
            let packet = mutated(&mut random, &corpus);
            // What chance made a message that is understood, at once or later, is for the judge alone.
            let before = (judged.accepted.load(Ordering::Relaxed), judge.waiting());
            judge.receive(&packet, from, Moment::now());
            if (judged.accepted.load(Ordering::Relaxed), judge.waiting()) != before {
                meant += 1;
                if judge.waiting() > 1000 {
                    judge = Dispatcher::new(shadow.remote(), Arc::clone(&judged), Moment::now());
                }
                continue;
            }
            sent += 1;
            answers += dispatcher.receive(&packet, from, Moment::now()).len();
        }
        dispatcher.tick(Moment::now());
        drop((heard.notices(), shadow.notices()));
        with.process(&mut a, 2);
        without.process(&mut b, 2);
        assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()), "it is heard after {sent}");
    }
    assert!(b.iter().any(|x| *x != 0.0), "nothing was heard at all");
    let counted: BTreeMap<_, _> = counters.all().into_iter().collect();
    println!("{sent} packets, {meant} more were understood; {counted:?}");
    assert_eq!(counted["packets"], sent);
    assert_eq!((counted["accepted"], dispatcher.waiting()), (0, 0));
    assert!(meant > 0 && counted["nested"] + counted["malformed"] + counted["blobs"] + counted["oversize"] < sent);
    for name in ["malformed", "unknown", "refused", "not_numbers", "blobs", "nested"] {
        assert!(counted[name] > 0, "no {name} in {counted:?}");
    }
    assert!(answers <= 25 * (2 + sent as usize / 1000), "{answers} answers");
    drop(quiet);
}

/// Says that a test cannot be run; a failure where it must.
fn skip(what: &str) {
    assert!(std::env::var_os("MODURUST_REQUIRE_OSC").is_none(), "{what} is missing: run `sh scripts/setup.sh test`");
    eprintln!("skipped: {what} is missing, which `sh scripts/setup.sh test` brings");
}

#[test]
fn oscsend_plays() {
    let send = |port: u16, args: &[&str]| {
        let mut command = std::process::Command::new("oscsend");
        command.args(["localhost", &port.to_string()]).args(args);
        command.output().is_ok_and(|out| out.status.success())
    };
    let stage = Stage::new();
    let port = stage.osc.address().port();
    if !send(port, &["/modurust/version"]) {
        return skip("oscsend");
    }
    assert!(send(port, &["/cutoff", "f", "1234"]));
    stage.until("the value", |s| s.feedback().value("cutoff") == Some(1234.0));
    assert!(send(port, &["/drums/clip", "s", "fill"]));
    stage.until("the clip", |s| s.feedback().clips[0].playing.as_deref() == Some("fill"));
    assert!(send(port, &["/bass/mute", "T"]));
    stage.until("the mute", |s| s.feedback().value("bass.mute") == Some(1.0));
}

#[test]
fn python_osc_plays_and_reads_answers() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/osc-client/bin/python");
    if !python.exists() {
        return skip("python-osc");
    }
    let stage = Stage::new();
    let port = stage.osc.address().port().to_string();
    let client =
        std::process::Command::new(python).arg(root.join("runtime/tests/osc/client.py")).arg(port).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&client.stdout), String::from_utf8_lossy(&client.stderr));
    assert!(client.status.success(), "{out}\n{err}");
    assert!(out.trim_end().ends_with("9 steps"), "{out}");
    assert_eq!(stage.osc.counters().malformed.load(Ordering::Relaxed), 0);
}
