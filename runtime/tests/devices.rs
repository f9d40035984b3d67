//! Devices that misbehave: unplugged, plugged in again at another rate, stalled, late, with blocks of any size and channels of any number.
//!
//! The device here is played by the test, and so is the clock: a block of n frames takes n frames of time, and so does the null device. What must hold is
//! said by exact arithmetic: the position in bars is the sum over all frames that were computed, each by the rate that it was computed at.

mod common;

use common::{Random, Text, asked, options};
use modurust_runtime::command::{Command, EngineCommand, EngineNotice, Notice};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, Options};
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::{Choice, DeviceOptions, Line, Opener, Output, Running};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::launcher::{Happened, Order, Quantise, What, Wish};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::swap::Control;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const RATES: [u32; 3] = [44_100, 48_000, 96_000];
/// Bars take half a second.
const BPM: i64 = 480;
const SONG: &str = "
tempo 480bpm
ping(freq, gate) = sin(freq) * adsr(gate, 1ms, 5ms, 0.5, 5ms)
track a = sin(220hz) * 0.3
track d = clips {
  x: \"0*4\"
  y: \"7*8\"
} >> scale(c4, major) >> mono(ping) * 0.2
";

/// The socket, and what is plugged into it.
#[derive(Default)]
struct Socket {
    plugged: bool,
    rate: u32,
    channels: usize,
    /// It is there, and cannot be opened.
    refuses: bool,
    /// Whoever plays: a line, its rate, and whether it is heard.
    line: Option<(Line, u32, bool)>,
    opened: u64,
}

type Shared = Arc<Mutex<Socket>>;

struct Device {
    socket: Shared,
    rate: u32,
    heard: bool,
}

/// Lets go of the line.
struct Guard(Shared, u64);

impl Drop for Guard {
    fn drop(&mut self) {
        let mut socket = self.0.lock().unwrap();
        if socket.opened == self.1 {
            socket.line = None;
        }
    }
}

impl Output for Device {
    fn rate(&self) -> u32 {
        self.rate
    }
    fn block(&self) -> Option<u32> {
        None
    }
    fn describe(&self) -> String {
        format!("{} at {} Hz", if self.heard { "card" } else { "nothing" }, self.rate)
    }
    fn heard(&self) -> bool {
        self.heard
    }
    fn start(self: Box<Self>, line: Line) -> Result<Box<dyn Any>, String> {
        let mut socket = self.socket.lock().unwrap();
        if self.heard && (socket.refuses || !socket.plugged) {
            return Err("busy".into());
        }
        socket.opened += 1;
        socket.line = Some((line, self.rate, self.heard));
        Ok(Box::new(Guard(Arc::clone(&self.socket), socket.opened)))
    }
}

fn opener(socket: &Shared) -> Opener {
    let socket = Arc::clone(socket);
    Arc::new(move |wish| open(&socket, wish))
}

fn open(socket: &Shared, wish: &DeviceOptions) -> Choice {
    let (plugged, rate) = {
        let socket = socket.lock().unwrap();
        (socket.plugged && wish.name.as_deref() != Some("null"), socket.rate)
    };
    let rate = if plugged { rate } else { wish.rate.unwrap_or(rate) };
    Choice::of(Box::new(Device { socket: Arc::clone(socket), rate, heard: plugged }), wish, opener(socket))
}

/// A block from whoever plays; the frames of the engine, at which rate, and whether it is heard.
fn block(socket: &Shared, frames: usize, channels: usize, out: &mut Vec<f32>) -> Option<(u32, bool)> {
    let (line, rate, heard) = socket.lock().unwrap().line.clone()?;
    out.clear();
    out.resize(frames * channels, 9.0);
    line.fill_by(out, channels, || 0.0);
    Some((rate, heard))
}

fn program(rate: u32, text: &str) -> Program {
    let options = Options { sample_rate: rate, ..options(Backend::Jit) };
    let outcome = Compiler::new(options).compile(&Text(text.into()), &["a.modu".into()]);
    outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

/// Bars in so many frames.
fn bars(frames: u64, rate: u32) -> Ratio {
    Ratio::new(frames as i64 * BPM, i64::from(rate) * 60 * 4)
}

/// A played machine: everything that a sequence works on.
struct Stage {
    socket: Shared,
    running: Running,
    control: Control,
    programs: BTreeMap<u32, [Program; 2]>,
    /// Which text plays.
    text: usize,
    /// Microseconds.
    now: u64,
    /// Frames that were computed so far, and the bars that they make.
    frame: u64,
    bars: Ratio,
    /// A launch that has not happened yet: the clip, and not before this.
    launched: Option<(u32, Ratio, bool)>,
    launches: u64,
    happened: u64,
    xruns: (u64, u64),
    /// Since when the device can be played on.
    able: Option<u64>,
    longest: u64,
    returns: u64,
    out: Vec<f32>,
}

impl Stage {
    fn new(programs: &BTreeMap<u32, [Program; 2]>, rate: u32) -> Stage {
        Stage::with(programs, rate, true)
    }

    fn with(programs: &BTreeMap<u32, [Program; 2]>, rate: u32, plugged: bool) -> Stage {
        let socket = Shared::default();
        *socket.lock().unwrap() = Socket { plugged, rate, channels: 2, ..Socket::default() };
        let options = EngineOptions { limiter: true, ..EngineOptions::new(rate) };
        let (engine, control, _) = Engine::new(&options, Some(programs[&rate][0].clone())).expect("an engine");
        let running = open(&socket, &DeviceOptions::default()).start(engine);
        Stage {
            socket,
            running,
            control,
            programs: programs.clone(),
            text: 0,
            now: 0,
            frame: 0,
            bars: Ratio::ZERO,
            launched: None,
            launches: 0,
            happened: 0,
            xruns: (0, 0),
            able: None,
            longest: 0,
            returns: 0,
            out: Vec::new(),
        }
    }

    /// One callback. What it played is looked at.
    fn callback(&mut self, frames: usize, channels: usize) -> Result<(), String> {
        let Some((rate, heard)) = block(&self.socket, frames, channels, &mut self.out) else {
            return Err("nobody plays".into());
        };
        self.now += frames as u64 * 1_000_000 / u64::from(rate);
        let frame = self.control.meters().frame.load(Ordering::Relaxed);
        let computed = frame.checked_sub(self.frame).ok_or("frames were forgotten")?;
        self.bars = self.bars + bars(computed, rate);
        self.frame = frame;
        let off = (self.control.meters().cycle() - self.bars.to_f64()).abs() * f64::from(rate) / 2.0;
        if off > 1e-5 && frame > 0 {
            return Err(format!("{off} frames beside the place, at {} bars", self.bars.to_f64()));
        }
        if self.out.iter().any(|x| !x.is_finite() || x.abs() > 1.0) {
            return Err("a block was not written, or too loud".into());
        }
        if channels > 2 && self.out.chunks(channels).any(|frame| frame[2..].iter().any(|x| *x != 0.0)) {
            return Err("a channel that should be silent sounds".into());
        }
        if heard && frames >= 512 && channels > 0 && self.out.iter().all(|x| *x == 0.0) {
            return Err("silence".into());
        }
        Ok(())
    }

    /// Lets time pass on whatever plays, with blocks of all sizes.
    fn pass(&mut self, random: &mut Random, micros: u64) -> Result<(), String> {
        let end = self.now + micros;
        while self.now < end {
            let heard = self.socket.lock().unwrap().line.as_ref().is_some_and(|l| l.2);
            let channels = self.socket.lock().unwrap().channels;
            let (frames, channels) = match random.below(8) {
                _ if !heard => (512, 2),
                0 => (0, channels),
                1 => (1 + random.below(64) as usize, channels),
                2 => (4096, channels),
                _ => (1 + random.below(1024) as usize, channels),
            };
            self.callback(frames, channels)?;
            self.attend()?;
        }
        Ok(())
    }

    /// What the session would do.
    fn attend(&mut self) -> Result<(), String> {
        for notice in self.running.poll_at(Duration::from_micros(self.now)) {
            if let Notice::Xruns { count } = notice {
                self.xruns.1 = count;
            }
        }
        if let Some(rate) = self.running.wanted_rate() {
            let (control, program) = (&mut self.control, &self.programs[&rate][self.text]);
            // It may have gone again meanwhile; then there is the null device.
            let _ = self.running.retune(|mut engine| {
                control.retune(&mut engine, program);
                Some(engine)
            });
        }
        self.control.collect();
        while let Some(notice) = self.control.notice() {
            if let EngineNotice::Happened(Happened::Clip { clip, at, .. }) = notice
                && let Some((wanted, from, grid)) = self.launched
                && clip == Some(wanted)
            {
                if at < from || grid && at.den() != 1 {
                    return Err(format!("a clip that was launched at {from:?} began at {at:?}"));
                }
                self.happened += 1;
                self.launched = None;
            }
        }
        let (plugged, refuses) = {
            let socket = self.socket.lock().unwrap();
            (socket.plugged, socket.refuses)
        };
        if !self.running.is_null() {
            if let Some(since) = self.able.take() {
                self.returns += 1;
                self.longest = self.longest.max(self.now - since);
            }
        } else if plugged && !refuses {
            let since = *self.able.get_or_insert(self.now);
            if self.now - since > 1_000_000 {
                return Err(format!("not back after {} us", self.now - since));
            }
        } else {
            self.able = None;
        }
        Ok(())
    }

    fn launch(&mut self, random: &mut Random) {
        if self.launched.is_some() {
            return;
        }
        let (clip, grid) = (random.below(2) as u32, random.below(2) == 0);
        let at = if grid { Quantise::Bars(Ratio::ONE) } else { Quantise::Now };
        let order = Order { what: What::Clip { set: 0, clip }, launch: true, legato: false, at };
        let epoch = self.control.playing().1;
        assert!(self.control.send(EngineCommand::Wish { epoch, wish: Wish::Order(order) }));
        self.launched = Some((clip, self.bars, grid));
        self.launches += 1;
    }

    /// Something happens to the device, or to what plays.
    fn step(&mut self, random: &mut Random) -> Result<(), String> {
        let line = self.socket.lock().unwrap().line.clone().filter(|line| line.2);
        match random.below(12) {
            // Unplugged; the stream says so, or simply asks for nothing any more.
            0..=2 => {
                self.socket.lock().unwrap().plugged = false;
                match (line, random.below(2)) {
                    (Some((line, ..)), 0) => line.gone(),
                    (Some(_), _) => {
                        for _ in 0..100 {
                            self.now += 20_000;
                            self.attend()?;
                            if self.running.is_null() {
                                break;
                            }
                        }
                        if !self.running.is_null() {
                            return Err("a device that asks for nothing is taken for one that plays".into());
                        }
                    }
                    _ => {}
                }
            }
            3..=5 => {
                let mut socket = self.socket.lock().unwrap();
                if !socket.plugged {
                    (socket.plugged, socket.refuses) = (true, random.below(4) == 0);
                    socket.rate = RATES[random.below(3) as usize];
                    socket.channels = [2, 2, 1, 3, 5, 0][random.below(6) as usize];
                } else {
                    socket.refuses = false;
                }
            }
            // Another rate under way: the stream ends, and the device has another.
            6 => {
                self.socket.lock().unwrap().rate = RATES[random.below(3) as usize];
                if let Some((line, ..)) = line {
                    line.gone();
                }
            }
            7 => {
                // A stall is no end.
                let before = self.running.is_null();
                for _ in 0..25 {
                    self.now += 20_000;
                    self.attend()?;
                }
                if self.running.is_null() && !before {
                    return Err("a stall of half a second was taken for the end".into());
                }
            }
            8 => {
                if let Some((line, ..)) = line {
                    line.late();
                    self.xruns.0 += 1;
                }
            }
            9 => {
                self.text ^= 1;
                let rate = self.control.program().patch.sample_rate;
                self.control.publish(&self.programs[&rate][self.text], None);
            }
            _ => self.launch(random),
        }
        Ok(())
    }
}

/// A sequence of mishaps; how often the device came back, and the longest way back in microseconds.
fn sequence(programs: &BTreeMap<u32, [Program; 2]>, seed: u64) -> Result<(u64, u64), String> {
    let mut random = Random(seed * 2 + 1);
    let mut stage = Stage::new(programs, RATES[(seed % 3) as usize]);
    for _ in 0..12 {
        stage.step(&mut random)?;
        let micros = random.below(40_000);
        stage.pass(&mut random, micros)?;
    }
    // In the end all is well, and everything that was asked for has happened.
    {
        let mut socket = stage.socket.lock().unwrap();
        (socket.plugged, socket.refuses, socket.channels) = (true, false, 2);
    }
    let end = stage.now + 1_000_000;
    while stage.now < end && (stage.running.is_null() || stage.launched.is_some()) {
        stage.pass(&mut random, 20_000)?;
    }
    if stage.running.is_null() || stage.launched.is_some() || stage.launches != stage.happened {
        let (sent, happened) = (stage.launches, stage.happened);
        return Err(format!("on null: {}; {sent} launches, {happened} happened", stage.running.is_null()));
    }
    stage.attend()?;
    if stage.xruns.0 != stage.xruns.1 {
        return Err(format!("{} late blocks, {} told", stage.xruns.0, stage.xruns.1));
    }
    let cycle = stage.running.stop().map(|engine| engine.cycle());
    if cycle != Some(stage.bars) {
        return Err(format!("at {cycle:?}, not at {:?}", stage.bars));
    }
    Ok((stage.returns, stage.longest))
}

fn programs() -> BTreeMap<u32, [Program; 2]> {
    let other = SONG.replace("sin(220hz) * 0.3", "tri(220hz) * 0.3 >> lpf(2khz)");
    RATES.map(|rate| (rate, [program(rate, SONG), program(rate, &other)])).into()
}

#[test]
fn whatever_a_device_does_the_music_goes_on() {
    let (sequences, programs) = (asked("DEVICES", 10_000), programs());
    let begin = Instant::now();
    // Two threads, every second sequence each.
    let part = &|first: u64| {
        let (mut returns, mut longest) = (0, 0);
        for seed in (first..sequences).step_by(2) {
            let (back, way) = sequence(&programs, seed).unwrap_or_else(|why| panic!("sequence {seed}: {why}"));
            (returns, longest) = (returns + back, longest.max(way));
        }
        (returns, longest)
    };
    let parts = std::thread::scope(|scope| [0, 1].map(|first| scope.spawn(move || part(first))).map(|t| t.join()));
    let [(a, x), (b, y)] = parts.map(|part| part.expect("no sequence fails"));
    let (returns, longest) = (a + b, x.max(y));
    println!(
        "{sequences} sequences in {:.1} s: the device came back {returns} times, after {} ms at most",
        begin.elapsed().as_secs_f64(),
        longest / 1000
    );
    assert!(returns > sequences / 2, "hardly ever was a device lost: {returns}");
}

/// One that is plugged in when everything plays already is played on two seconds later, at its own rate.
#[test]
fn a_device_that_was_not_there_at_the_start_is_found_later() {
    for rate in [48_000, 44_100] {
        let mut stage = Stage::with(&programs(), 48_000, false);
        let mut random = Random(7);
        stage.pass(&mut random, 5_000_000).unwrap();
        let heard = |stage: &Stage| stage.socket.lock().unwrap().line.as_ref().is_some_and(|line| line.2);
        assert!(!heard(&stage));
        {
            let mut socket = stage.socket.lock().unwrap();
            (socket.plugged, socket.rate) = (true, rate);
        }
        let begin = stage.now;
        while !heard(&stage) {
            stage.pass(&mut random, 10_000).unwrap();
            assert!(stage.now - begin < 2_200_000, "it is not played on");
        }
        stage.pass(&mut random, 1_000_000).unwrap();
        assert!(heard(&stage));
    }
}

/// What the test calls a loss is seen: a place that is one frame off, and a launch that goes with what it speaks of.
#[test]
fn a_lost_place_and_a_lost_launch_would_be_found() {
    let planted = |frames: i64, text: &str| {
        let mut stage = Stage::new(&programs(), 48_000);
        let mut random = Random(5);
        stage.pass(&mut random, 300_000).unwrap();
        {
            let mut socket = stage.socket.lock().unwrap();
            socket.rate = 44_100;
            socket.line.as_ref().expect("a line").0.gone();
        }
        while stage.running.wanted_rate().is_none() {
            stage.callback(512, 2).unwrap();
            stage.running.poll_at(Duration::from_micros(stage.now));
        }
        stage.launch(&mut random);
        let here = stage.bars + bars(frames as u64, 44_100);
        let (control, program) = (&mut stage.control, program(44_100, text));
        let back = stage.running.retune(|mut engine| {
            control.retune(&mut engine, &program);
            if frames > 0 {
                control.send(EngineCommand::Seek(here));
            }
            Some(engine)
        });
        back.expect("the device takes it");
        let wrong = (0..100).find_map(|_| stage.callback(512, 2).and_then(|()| stage.attend()).err());
        (wrong, stage.launches - stage.happened)
    };
    assert_eq!(planted(0, SONG), (None, 0));
    let (wrong, _) = planted(1, SONG);
    assert!(wrong.as_ref().is_some_and(|why| why.contains("beside the place")), "{wrong:?}");
    assert_eq!(planted(0, "tempo 480bpm\ntrack a = sin(220hz) * 0.3\n"), (None, 1));
}

#[test]
fn at_another_rate_the_sound_goes_on_where_it_was() {
    let text = "tempo 120bpm\ntrack a = sin(100hz) * 0.5\n";
    let [low, high] = [48_000, 96_000].map(|rate| program(rate, text));
    let (mut engine, mut control, _) = Engine::new(&EngineOptions::new(48_000), Some(low)).expect("an engine");
    let mut out = vec![0.0; 2 * 64 * 100];
    engine.process(&mut out, 2);
    let (before, last) = (out[out.len() - 4], out[out.len() - 2]);
    let index = control.program().patch.graph.params.iter().position(|p| p.value == 0.5).expect("the level") as u32;
    control.retune(&mut engine, &high);
    let mut next = [0.0; 2 * 64 * 100];
    engine.process(&mut next, 2);
    // A step of the wave at twice the rate is half as long.
    let (step, expected) = (next[0] - last, last - before);
    assert!(last.abs() > 0.01 && (step - expected).abs() < 0.2 * expected.abs(), "{before} {last} | {} ", next[0]);
    let ups = next.chunks(2).map(|f| f[0]).collect::<Vec<_>>().windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
    assert!((6..=7).contains(&ups), "100 Hz in a fifteenth of a second: {ups}");
    // What a hand moved stays moved.
    let epoch = control.playing().1;
    control.send(EngineCommand::Param { epoch, index, value: 0.1 });
    engine.process(&mut next, 2);
    control.retune(&mut engine, &program(44_100, text));
    engine.process(&mut next, 2);
    let peak = next.iter().fold(0f32, |peak, x| peak.max(x.abs()));
    assert!((0.05..0.12).contains(&peak), "{peak}");
}

#[test]
fn a_session_follows_its_device_to_another_rate() {
    let socket = Shared::default();
    *socket.lock().unwrap() = Socket { plugged: true, rate: 48_000, channels: 2, ..Socket::default() };
    let file = "song.modu".to_string();
    let mut with = SessionOptions::new(vec![file.clone()], options(Backend::Jit));
    with.watch = false;
    with.texts = BTreeMap::from([(file.clone(), SONG.to_string())]);
    let (session, engine) = Session::new(with).expect("a session");
    let mut running = open(&socket, &DeviceOptions::default()).start(engine);
    let mut out = Vec::new();
    let mut told = Vec::new();
    let mut play = |running: &mut Running, blocks: usize| {
        for _ in 0..blocks {
            block(&socket, 256, 2, &mut out);
            told.extend(session.attend(running));
        }
        (out.iter().any(|x| *x != 0.0), told.len())
    };
    assert!(play(&mut running, 200).0);
    let rate_of = || session.snapshot().program.map(|p| p.patch.sample_rate);
    for rate in [44_100, 96_000, 48_000] {
        let before = session.meters().cycle();
        {
            let mut socket = socket.lock().unwrap();
            socket.rate = rate;
            socket.line.as_ref().expect("a line").0.gone();
        }
        let begin = Instant::now();
        play(&mut running, 1);
        while running.is_null() && begin.elapsed() < Duration::from_secs(20) {
            play(&mut running, 1);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!((running.rate(), rate_of(), running.is_null()), (rate, Some(rate), false));
        let after = session.meters().cycle();
        assert!(after >= before, "{before} bars, then {after}");
        // Edits go on, at the new rate.
        session.send(Command::Text { file: file.clone(), text: SONG.replace("220hz", &format!("{}hz", rate / 100)) });
        let begin = Instant::now();
        let mut adopted = false;
        while !adopted && begin.elapsed() < Duration::from_secs(20) {
            play(&mut running, 1);
            adopted = session.notices().iter().any(|n| matches!(n, Notice::Adopted { .. }));
        }
        assert!(adopted && play(&mut running, 20).0, "at {rate} Hz");
    }
    // A text with an error and no device: what was good plays on at the next rate.
    session.send(Command::Text { file, text: SONG.replace("sin(220hz)", "sinn(220hz)") });
    std::thread::sleep(Duration::from_millis(100));
    socket.lock().unwrap().rate = 44_100;
    socket.lock().unwrap().line.as_ref().expect("a line").0.gone();
    let begin = Instant::now();
    while running.rate() != 44_100 && begin.elapsed() < Duration::from_secs(20) {
        play(&mut running, 1);
        std::thread::sleep(Duration::from_millis(5));
    }
    play(&mut running, 8);
    assert!(play(&mut running, 8).0 && session.snapshot().stale, "the last good version sounds");
    assert!(
        told.iter().any(|n| matches!(n, Notice::Device { message } if message.contains("on card at 44100 Hz"))),
        "{told:?}"
    );
}
