//! Texts that are kept compiled and switched on the bar: code is at hand, no switch clicks, and what has memory of its own stands still
//! while others play and goes on where it stood, bit for bit.

mod common;

use common::{RATE, Text, options};
use modurust_runtime::command::{Command, EngineNotice, Notice};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::swap::Apart;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const FILE: &str = "set.modu";
/// Frames of a fade, in whole quanta.
const FADE: u64 = 15 * 64;
/// What the straight line of a fade adds to a step.
const SLOPE: f32 = 1e-3;

fn compile(compiler: &mut Compiler, text: &str) -> Program {
    let outcome = compiler.compile(&Text(text.to_string()), &[FILE.to_string()]);
    assert!(!outcome.diagnostics.iter().any(|d| d.is_error()), "{}", outcome.render(false));
    outcome.program.expect("a text without errors is a program")
}

/// The left side of so many frames of programs that are gone over to at frames, with the frames at which that was done.
fn play(first: &Program, switches: &[(u64, &Program, Option<Apart>)], frames: usize) -> (Vec<f32>, Vec<u64>) {
    let options = EngineOptions { limiter: false, ..EngineOptions::new(RATE) };
    let (mut engine, mut control, _) = Engine::new(&options, Some(first.clone())).expect("an engine");
    let (mut out, mut block, mut done) = (Vec::with_capacity(frames), [0.0f32; 128], Vec::new());
    let mut switches = switches.iter();
    while out.len() < frames {
        if !control.is_pending()
            && let Some((at, program, apart)) = switches.as_slice().first()
            && *at <= engine.frame()
        {
            switches.next();
            match apart {
                Some(apart) => control.publish_apart(program, Ratio::ZERO, *apart).expect("a change"),
                None => control.publish(program, None).expect("another program"),
            };
        }
        engine.process(&mut block, 2);
        out.extend(block.chunks_exact(2).map(|frame| frame[0]));
        control.collect();
        while let Some(notice) = control.notice() {
            if let EngineNotice::Adopted { frame, .. } = notice {
                done.push(frame);
            }
        }
    }
    (out, done)
}

fn step(sound: &[f32]) -> f32 {
    sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

/// Sound that goes on by itself: phases, filters, echoes, a loop of one sample, a reverb, a spectrum, a bus.
const DRONES: [&str; 5] = [
    "out = saw(110hz) >> lpf(600hz + 300hz * sin(0.7hz), q: 3) * 0.3\n",
    "out = tri(97hz) * 0.2 * (0.5 + 0.5 * lfsquare(3hz)) >> echo(0.37s) * 0.5\n",
    "out = pluck(110hz, lfsquare(2hz)) * 0.2 >> reverb(3s) * 0.5\n",
    "out = tri(220hz) * 0.2 >> fft(1024) >> blur(200ms) >> ifft\n",
    "bus room = in >> delay(0.25s) * 0.6\ntrack a = sin(151hz) * 0.2 >> send(room, -3db)\n",
];

#[test]
fn what_has_memory_of_its_own_goes_on_where_it_stood() {
    for text in DRONES {
        let mut compiler = Compiler::new(options(Backend::Jit));
        let [a, b] = [text, "out = sin(300hz) * 0.1\n"].map(|text| compile(&mut compiler, text));
        let (alone, _) = play(&a, &[], 110_000);
        let to = |from, to| Some(Apart { from: Some(from), to });
        // For no multiple of any delay, and twice.
        let switches = [
            (24_000, &b, to(0, 1)),
            (24_000 + 64 * 177, &a, to(1, 0)),
            (60_032, &b, to(0, 1)),
            (60_032 + 64 * 301, &a, to(1, 0)),
        ];
        let (heard, done) = play(&a, &switches, 110_000);
        assert_eq!(done.len(), 4, "{text}");
        let mut stood = 0;
        let mut at = 0;
        for pair in done.chunks(2) {
            assert!(alone[at..pair[0] as usize - stood] == heard[at + stood..pair[0] as usize], "{text}");
            // It ran on through the fade, and fades in again.
            stood += (pair[1] - pair[0] - FADE) as usize;
            at = (pair[1] + FADE) as usize - stood;
        }
        let rest = heard.len() - stood - at;
        assert!(rest > 20_000 && alone[at..at + rest] == heard[at + stood..], "{text}");
        assert!(alone[at..].iter().any(|x| x.abs() > 0.01), "{text}");
    }
}

#[test]
fn no_switch_clicks_whether_state_is_carried_or_apart() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let programs: Vec<Program> = DRONES.iter().map(|text| compile(&mut compiler, text)).collect();
    let own: Vec<f32> = programs.iter().map(|program| step(&play(program, &[], 96_000).0)).collect();
    for apart in [false, true] {
        for (i, j) in (0..DRONES.len()).flat_map(|i| (0..DRONES.len()).map(move |j| (i, j))).filter(|(i, j)| i != j) {
            let to = |from, to| apart.then_some(Apart { from: Some(from), to });
            let (a, b) = (&programs[i], &programs[j]);
            let switches = [(24_000, b, to(i, j)), (31_040, a, to(j, i)), (40_064, b, to(i, j))];
            let (heard, done) = play(a, &switches, 50_000);
            let bound = own[i].max(own[j]) + SLOPE;
            for at in done {
                let during = step(&heard[at as usize - 1..(at + FADE + 1) as usize]);
                assert!(during <= bound, "{i} to {j}, apart: {apart}: {during} where {bound} is allowed");
            }
        }
    }
}

#[test]
fn notes_of_a_slot_end_when_it_is_left() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let voice = "v(freq, gate) = sin(freq) * adsr(gate, 5ms, 50ms, 0.8, 100ms)\n";
    let a = compile(
        &mut compiler,
        &format!("tempo 30bpm\n{voice}track t = \"0\" >> scale(c4, minor) >> poly(4, v) * 0.3\n"),
    );
    let b = compile(&mut compiler, "tempo 30bpm\nout = sin(300hz) * 0.1\n");
    let to = |from, to| Some(Apart { from: Some(from), to });
    let (heard, done) = play(&a, &[(24_000, &b, to(0, 1)), (48_000, &a, to(1, 0))], 90_000);
    // The note of the first bar is let go of, and rings out where it stood; the next one comes with the next bar.
    let later = done[1] as usize + 12_000;
    assert!(heard[..24_000].iter().any(|x| x.abs() > 0.1));
    assert!(heard[later..].iter().all(|x| x.abs() < 1e-3), "{:?}", heard[later..].iter().copied().fold(0.0, f32::max));
}

/// As much memory as there are slots: what is edited while it waits, called back and left again and again keeps no more.
#[test]
fn memory_that_was_left_is_bounded() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let programs: Vec<Program> = DRONES.iter().map(|text| compile(&mut compiler, text)).collect();
    let options = EngineOptions::new(RATE);
    let (mut engine, mut control, _) = Engine::new(&options, Some(programs[0].clone())).expect("an engine");
    let mut block = [0.0f32; 128];
    let mut here = 0;
    for round in 0..200usize {
        let next = (here + 1 + round / 4 % 4) % 5;
        control.publish_apart(&programs[next], Ratio::ZERO, Apart { from: Some(here), to: next }).expect("a change");
        if round % 3 == 0 {
            // Called back before it was taken: the next comes in its place.
            control.publish(&programs[next], None).expect("it waits on");
        }
        for _ in 0..20 {
            engine.process(&mut block, 2);
            control.collect();
            while control.notice().is_some() {}
        }
        assert!(!control.is_pending() && control.left() <= 4, "{}", control.left());
        here = next;
    }
    assert_eq!(control.left(), 4);
}

fn until(session: &Session, engine: &mut Engine, what: &str, wanted: impl Fn(&Notice) -> bool) -> Notice {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what} never came");
        engine.process(&mut [0.0; 128], 2);
        if let Some(notice) = session.wait(Duration::from_millis(1)).filter(&wanted) {
            return notice;
        }
    }
}

#[test]
fn a_slot_is_at_hand_and_comes_with_the_bar() {
    let texts = |text: &str| BTreeMap::from([(FILE.to_string(), text.to_string())]);
    let first = "tempo 120bpm\ntrack a = saw(55hz) * 0.1\n";
    let other = "tempo 120bpm\ntrack b = tri(77hz) >> reverb(2s) * 0.1\n";
    let options = SessionOptions {
        texts: texts(first),
        edited: true,
        watch: false,
        ..SessionOptions::new(vec![FILE.to_string()], options(Backend::Jit))
    };
    let (session, mut engine) = Session::new(options).expect("a session");
    session.send(Command::Store { slot: 0, texts: texts(first), plays: true });
    session.send(Command::Store { slot: 1, texts: texts(other), plays: false });
    // The worker has done both when it has done what comes behind them.
    std::thread::sleep(Duration::from_millis(50));
    for apart in [false, true] {
        for (slot, text) in [(1, other), (0, first)] {
            session.send(Command::Switch { slot, texts: texts(text), apart });
            until(&session, &mut engine, "the code", |notice| matches!(notice, Notice::Compiled { .. }));
            let adopted = until(&session, &mut engine, "the bar", |notice| matches!(notice, Notice::Adopted { .. }));
            let Notice::Adopted { frame, .. } = adopted else { unreachable!("it was asked for") };
            // A bar of 4 beats at 120 has 96,000 frames.
            assert!(frame % 96_000 == 0, "{frame} is no beginning of a bar");
            let program = session.snapshot().program.expect("it plays");
            assert_eq!(program.patch.graph.outs.iter().any(|out| &*out.name == "b"), slot == 1);
        }
    }
    // An edit of the text goes on from what the slot holds: what is broken keeps the version of the slot.
    session.send(Command::Switch { slot: 1, texts: texts(other), apart: false });
    until(&session, &mut engine, "the bar", |notice| matches!(notice, Notice::Adopted { .. }));
    let broken = other.replace("tri(77hz)", "tri(77hz");
    session.send(Command::Text { file: FILE.into(), text: broken });
    let told = until(&session, &mut engine, "the mistake", |notice| matches!(notice, Notice::Diagnostics { .. }));
    let Notice::Diagnostics { held, plays, .. } = told else { unreachable!("it was asked for") };
    assert!(plays && held.len() == 1 && held[0].name == "b", "{held:?}");
    assert_eq!(held[0].fate, modurust_runtime::compiler::front::hold::Fate::Kept);
}
