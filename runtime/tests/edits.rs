//! A session of two hundred edits, written down (`sessions/night.edits`): numbers, notes, stages, voices, tracks, renames, tempo.
//!
//! What is heard of it is what the interpreter makes of the same programs, swapped in at the same frames, bit for bit; no swap makes a larger
//! step than its two programs make by themselves; and if every other text is one that cannot be, nothing of the sound changes, and the answer
//! comes at once. Every run of the tests plays it offline, with edits some dozens of milliseconds apart, and a piece of it through the null
//! device. As it would be played, two edits a second while something else keeps both cores busy for seven tenths of the time:
//!
//! ```text
//! STEPS=200 PACE=500 LOAD=70 cargo test -p modurust-runtime --test edits by_the_clock -- --nocapture
//! UPDATE_EXPECT=1 cargo test -p modurust-runtime --test edits clicks      # draws docs/pictures/edits.svg
//! ```

mod chart;
mod common;

use chart::Case;
use common::{RATE, Random, Text, asked, options};
use modurust_runtime::command::{ChangeKind, Command, Notice};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::{self, DeviceOptions};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::swap::change;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const FILE: &str = "night.modu";
/// Frames of a fade, in whole quanta.
const FADE: usize = 15 * 64;
/// What the straight line of a fade adds to a step, for programs that differ by full scale.
const SLOPE: f32 = 1e-3;

/// The texts of the session, the first and one after each edit.
fn texts() -> Vec<String> {
    let mut blocks = include_str!("sessions/night.edits").split("\n\n").map(str::trim_end);
    let mut lines: Vec<&str> = blocks.next().expect("a first text").lines().collect();
    let mut texts = vec![lines.join("\n") + "\n"];
    for block in blocks {
        let part = |sign: &str| block.lines().find_map(|line| line.strip_prefix(sign));
        match (part("- "), part("+ ")) {
            (Some(old), new) => {
                let at = lines.iter().position(|line| *line == old).unwrap_or_else(|| panic!("`{old}` is not there"));
                lines.splice(at..=at, new);
            }
            (None, new) => lines.extend(new),
        }
        texts.push(lines.join("\n") + "\n");
    }
    texts
}

fn compile(compiler: &mut Compiler, text: &str) -> Program {
    let outcome = compiler.compile(&Text(text.to_string()), &[FILE.to_string()]);
    assert!(!outcome.diagnostics.iter().any(|d| d.is_error()), "{}", outcome.render(false));
    outcome.program.expect("a text without errors is a program")
}

/// The left and right samples of so many frames, with programs that come at frames.
fn play(first: &Program, swaps: &[(u64, Program)], frames: usize) -> Vec<f32> {
    let (mut engine, mut control, _) = Engine::new(&EngineOptions::new(RATE), Some(first.clone())).expect("an engine");
    let mut out = vec![0.0f32; frames * 2];
    let mut swaps = swaps.iter();
    for block in out.chunks_mut(128) {
        if !control.is_pending()
            && let Some((at, program)) = swaps.as_slice().first()
            && *at <= engine.frame()
        {
            swaps.next();
            control.publish(program, None).expect("another program");
        }
        engine.process(block, 2);
        control.collect();
        while control.notice().is_some() {}
    }
    assert!(swaps.as_slice().is_empty(), "some swaps are left");
    out
}

fn first_difference(a: &[f32], b: &[f32]) -> Option<usize> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits())
}

/// The largest step from one frame to the next.
fn step(sound: &[f32]) -> f32 {
    sound.iter().zip(sound.iter().skip(2)).map(|(a, b)| (b - a).abs()).fold(0.0, f32::max)
}

/// When each edit of a session offline comes: whole quanta, at least two fades apart.
fn moments(count: usize) -> Vec<u64> {
    let mut random = Random(2001);
    let mut at = 0;
    let next = |_| {
        at += 64 * (30 + random.below(30));
        at
    };
    (0..count).map(next).collect()
}

#[test]
fn the_interpreter_migrates_as_machine_code_does() {
    let texts = texts();
    assert_eq!(texts.len(), 201);
    let moments = moments(200);
    let frames = *moments.last().expect("two hundred") as usize + 4_800;
    let [heard, right] = [Backend::Jit, Backend::Interp].map(|backend| {
        let mut compiler = Compiler::new(options(backend));
        let mut programs = texts.iter().map(|text| compile(&mut compiler, text));
        let first = programs.next().expect("a first");
        let swaps: Vec<_> = moments.iter().copied().zip(programs).collect();
        play(&first, &swaps, frames)
    });
    assert_eq!(first_difference(&heard, &right), None);
    assert!(heard.iter().any(|x| x.abs() > 0.1) && heard.iter().all(|x| x.abs() < 2.0));
}

#[test]
fn no_swap_clicks() {
    let texts = texts();
    let mut compiler = Compiler::new(options(Backend::Jit));
    let programs: Vec<Program> = texts.iter().map(|text| compile(&mut compiler, text)).collect();
    let moments = moments(200);
    let swaps: Vec<_> = moments.iter().copied().zip(programs[1..].iter().cloned()).collect();
    let frames = *moments.last().expect("two hundred") as usize + 4_800;
    let heard = play(&programs[0], &swaps, frames);
    // What each program does by itself, in the bar in which it is swapped in.
    let own = |program: &Program| step(&play(program, &[], 2 * RATE as usize));
    let steps: Vec<f32> = programs.iter().map(own).collect();
    let case = |i: usize| {
        let at = moments[i] as usize;
        let mut bound = steps[i].max(steps[i + 1]) + SLOPE;
        let during = 2 * (at - 1)..2 * (at + FADE + 1);
        if step(&heard[during.clone()]) > bound {
            // A note or a drum may begin just then: what the session is without this edit, and if it had come a fade earlier.
            let earlier: Vec<_> =
                swaps[..i].iter().cloned().chain([((at - FADE) as u64, swaps[i].1.clone())]).collect();
            for swaps in [&swaps[..i], &earlier] {
                let other = play(&programs[0], swaps, at + FADE + 1);
                bound = bound.max(step(&other[during.clone()]) + SLOPE);
            }
        }
        let sound = heard[2 * at.saturating_sub(FADE)..2 * (at + 2 * FADE)].to_vec();
        Case { edit: i + 1, step: step(&heard[2 * (at - 1)..2 * (at + FADE + 1)]), bound, sound }
    };
    let mut cases: Vec<Case> = (0..200).map(case).collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/pictures/edits.svg");
        std::fs::write(place, chart::draw(&cases, FADE)).expect("the picture can be written");
    }
    cases.sort_by(|a, b| (b.step / b.bound).total_cmp(&(a.step / a.bound)));
    let worst = &cases[0];
    println!("the worst of 200: edit {}, a step of {:.4} where {:.4} is allowed", worst.edit, worst.step, worst.bound);
    for case in &cases {
        assert!(case.step <= case.bound, "edit {}: {} > {}:\n{}", case.edit, case.step, case.bound, texts[case.edit]);
    }
}

/// Numbers that move the place where a delay line is read: it is not heard on its way there, as a head that is dragged over the tape would be.
#[test]
fn an_edited_delay_does_not_click() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    for (text, from, to) in [
        ("out = sin(100hz) >> delay(0.2s) * 0.5\n", "0.2s", "0.3s"),
        ("out = sin(100hz) >> echo(0.25s) * 0.5\n", "0.25s", "0.1s"),
        ("out = sin(100hz) >> delay(5ms + 2ms * lfsin(0.3hz), interp: 'cubic') * 0.5\n", "5ms", "9ms"),
        ("tempo 120bpm\nout = sin(100hz) >> echo(3/16n) * 0.5\n", "120bpm", "90bpm"),
    ] {
        let [a, b] = [text.to_string(), text.replacen(from, to, 1)].map(|text| compile(&mut compiler, &text));
        assert_eq!(change(&a, &b), ChangeKind::Number, "{text}");
        let own = [&a, &b].map(|program| step(&play(program, &[], 48_000)[48_000..]));
        let heard = play(&a, &[(24_000, b)], 48_000);
        let (step, bound) = (step(&heard[40_000..]), own[0].max(own[1]) + SLOPE);
        assert!(step <= bound, "{from} to {to}: a step of {step}, {bound} is allowed");
    }
}

/// A click is seen: the same judgement of a swap without a fade.
#[test]
fn a_hard_cut_is_a_click() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let [a, b] = ["out = sin(55hz) * 0.5", "out = sin(55hz, 0.5) * 0.5"].map(|text| compile(&mut compiler, text));
    let [a, b] = [a, b].map(|program| play(&program, &[], 10_000));
    let cut: Vec<f32> = a[..10_000].iter().chain(&b[10_000..]).copied().collect();
    assert!(step(&cut) > step(&a).max(step(&b)) + SLOPE, "{} {}", step(&cut), step(&a));
}

/// What can be wrong with a text, in a statement that was good: something is put in place of something.
const MISTAKES: &[(&str, &str)] = &[
    ("kit('tr909')", "kit('tr909'"),
    (" * -", " >> nothing_of_this_name * -"),
    ("scale(", "scale(7, "),
    ("poly(", "poly(poly, "),
    ("send(room", "send(rooom"),
    ("hh", "\"hh"),
    ("reverb(1.2s)", "reverb(1.2s, size: 3hz)"),
    ("* vel\n", "* vell\n"),
];

/// Keeps all cores busy for so many hundredths of the time while it lives.
struct Load(Arc<AtomicBool>);

impl Load {
    fn new(percent: u64) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..if percent > 0 { cores } else { 0 } {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let begin = Instant::now();
                    while begin.elapsed() < Duration::from_micros(100 * percent) {
                        std::hint::spin_loop();
                    }
                    std::thread::sleep(Duration::from_micros(100 * (100 - percent)));
                }
            });
        }
        Load(stop)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The notice that answers a text, and how long it took in milliseconds, from the frame or the errors that it tells.
enum Answer {
    Plays(u64),
    Wrong(f64),
}

fn answer(session: &Session, text: &str) -> Answer {
    session.send(Command::Text { file: FILE.to_string(), text: text.to_string() });
    loop {
        match session.wait(Duration::from_secs(20)).unwrap_or_else(|| panic!("no answer to\n{text}")) {
            Notice::Adopted { frame, .. } => return Answer::Plays(frame),
            Notice::Diagnostics { errors: 1.., ms, .. } => return Answer::Wrong(ms.expect("a text that was sent")),
            Notice::Compiled { .. } | Notice::Diagnostics { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn by_the_clock_with_every_other_text_wrong() {
    let (steps, pace) = (asked("STEPS", 40) as usize, Duration::from_millis(asked("PACE", 50)));
    let texts = &texts()[..=steps];
    let mut begin = SessionOptions::new(vec![FILE.to_string()], options(Backend::Jit));
    begin.watch = false;
    begin.texts.insert(FILE.to_string(), texts[0].clone());
    let (session, engine) = Session::new(begin).expect("a session");
    session.notices();
    let mut tap = session.take_tap().expect("a tap");
    tap.valve.open("master", Ratio::ZERO, 0);
    let null =
        DeviceOptions { name: Some("null".into()), rate: Some(RATE), block: Some(64), ..DeviceOptions::default() };
    let running = device::choose(&null).start(engine);
    let load = Load::new(asked("LOAD", 0));
    let (mut heard, mut frames, mut answers, mut random) = (Vec::new(), Vec::new(), Vec::new(), Random(3));
    for (i, text) in texts.iter().enumerate() {
        // What plays, with a mistake: nothing changes.
        let (from, to) = MISTAKES[random.below(MISTAKES.len() as u64) as usize];
        let (from, to) = if text.contains(from) { (from, to) } else { MISTAKES[1] };
        let next = texts.get(i + 1);
        for sent in [Some(&text.replacen(from, to, 1)), next].into_iter().flatten() {
            let at = Instant::now();
            match answer(&session, sent) {
                Answer::Plays(frame) => frames.push(frame),
                Answer::Wrong(ms) => answers.push(ms),
            }
            assert!((0..2).contains(&(answers.len() as i64 - frames.len() as i64)), "of the other kind:\n{sent}");
            std::thread::sleep(pace.saturating_sub(at.elapsed()));
            while let Ok(frame) = tap.ring.pop() {
                heard.extend(frame);
            }
        }
    }
    drop(load);
    let (late, load) = (running.stats().xruns, running.stats().load);
    drop(running);
    assert_eq!((frames.len(), answers.len(), tap.valve.lost()), (steps, steps + 1, 0));
    let mut compiler = Compiler::new(options(Backend::Interp));
    let mut programs = texts.iter().map(|text| compile(&mut compiler, text));
    let first = programs.next().expect("a first");
    let swaps: Vec<_> = frames.into_iter().zip(programs).collect();
    let right = play(&first, &swaps, heard.len() / 2);
    let differs = first_difference(&heard, &right);
    answers.sort_by(f64::total_cmp);
    let (middle, last) = (answers[answers.len() / 2], answers[answers.len() - 1]);
    println!(
        "{steps} edits and {} mistakes in {:.0} s, the callback at {:.0} % and {late} blocks late: {differs:?} differs of {} samples; a mistake is answered in {middle:.1} ms, {last:.1} ms at most",
        answers.len(),
        heard.len() as f64 / 2.0 / f64::from(RATE),
        100.0 * load,
        heard.len(),
    );
    assert_eq!(differs, None);
    // On a machine with other work a single one may be late.
    assert!(middle < 50.0, "{answers:?}");
}

/// What goes on under another name, in another core or in more channels, sounds as if it had always been there: before, after, and whether the right
/// side is a new one.
const EXCHANGED: [(&str, &str, bool); 14] = [
    ("out = saw(110hz) * 0.3", "out = tri(110hz) * 0.3", false),
    ("out = sin(110hz) * 0.3", "out = square(110hz) * 0.3", false),
    ("out = (saw(110hz) + 0.5) >> lpf(3hz) * 0.3", "out = (saw(110hz) + 0.5) >> hpf(3hz) * 0.3", false),
    ("out = (saw(110hz) + 0.5) >> hpf(3hz, q: 1) * 0.3", "out = (saw(110hz) + 0.5) >> bpf(3hz, q: 1) * 0.3", false),
    ("out = (saw(110hz) + 0.5) >> lpf(3hz) * 0.3", "out = (saw(110hz) + 0.5) * [1, 0.5] >> lpf(3hz) * 0.3", true),
    ("out = [saw(110hz) + 0.5, 0.1] >> lpf(3hz) * 0.3", "out = (saw(110hz) + 0.5) >> lpf(3hz) * 0.3", false),
    ("out = (saw(110hz) + 0.5) >> lpf(3hz) * 0.3", "osc = (saw(110hz) + 0.5) >> lpf(3hz)\nout = osc * 0.3", false),
    ("osc = (saw(110hz) + 0.5) >> lpf(3hz)\nout = osc * 0.3", "out = (saw(110hz) + 0.5) >> lpf(3hz) * 0.3", false),
    (
        "out = saw(110hz) >> lpf(8hz) >> delay(0.2s)",
        "out = saw(110hz) >> both\nboth(x) = x >> lpf(8hz) >> delay(0.2s)",
        false,
    ),
    // Delay lines that get another size: channels that come and go, and more room and less.
    ("out = saw(110hz) >> lpf(8hz) >> delay(0.2s)", "out = (saw(110hz) >> lpf(8hz)) * [1, 0.5] >> delay(0.2s)", true),
    ("out = [saw(110hz), 0.1] >> lpf(8hz) >> delay(0.2s)", "out = saw(110hz) >> lpf(8hz) >> delay(0.2s)", false),
    ("out = saw(110hz) >> lpf(8hz) >> delay(0.15s)", "out = saw(110hz) >> lpf(8hz) >> delay(0.5s)", false),
    ("out = saw(110hz) >> lpf(8hz) >> delay(0.5s)", "out = saw(110hz) >> lpf(8hz) >> delay(0.15s)", false),
    (
        "out = (saw(110hz) + 0.5) * 0.2 >> echo(0.1s, fb: 0.8)",
        "out = (saw(110hz) + 0.5) * [0.2, 0.1] >> echo(0.1s, fb: 0.8)",
        true,
    ),
];

#[test]
fn what_is_exchanged_goes_on_without_a_click() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let frames = RATE as usize;
    let at = RATE as u64 / 4 / 64 * 64;
    let silence = compile(&mut compiler, "out = 0 * sin(1hz)\n");
    for (before, after, left) in EXCHANGED {
        let [old, new] = [before, after].map(|text| compile(&mut compiler, &format!("{text}\n")));
        let alone = play(&new, &[], frames);
        // The largest difference behind the fade from what has always played.
        let beside = |sound: &[f32]| {
            let from = 2 * (at as usize + FADE + 16 * 64);
            let pairs = sound[from..].chunks(2).zip(alone[from..].chunks(2));
            let side = |(a, b): (&[f32], &[f32])| {
                if left { (a[0] - b[0]).abs() } else { (a[0] - b[0]).abs().max((a[1] - b[1]).abs()) }
            };
            pairs.map(side).fold(0.0, f32::max)
        };
        let heard = play(&old, &[(at, new.clone())], frames);
        let kept = beside(&heard);
        // Delay lines of another size take some quanta before.
        let during = 2 * (at as usize - 1)..2 * (at as usize + FADE + 16 * 64);
        let bound = step(&play(&old, &[], frames)).max(step(&alone)) + SLOPE;
        let largest = step(&heard[during]);
        // The same without anything that goes on: it must be far off, or this would show nothing.
        let anew = beside(&play(&old, &[(at - 2 * FADE as u64, silence.clone()), (at, new)], frames));
        println!("{after}: {kept:.1e} beside, {anew:.1e} if it begins anew; largest step {largest:.4} of {bound:.4}");
        assert!(kept < 1e-4 && anew > 30.0 * kept.max(1e-5), "{before} -> {after}: {kept} and {anew}");
        assert!(largest <= bound, "{before} -> {after}: a step of {largest}, where {bound} is allowed");
    }
}
