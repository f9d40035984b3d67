//! More to compute than there is time for: what is left out, in which order, that nobody hears it go, and that it comes back.
//!
//! The clock is made up. A block takes a time that follows from what the engine says it plays, and from a load that the test chooses; the watchdog
//! hears of that time and of nothing else. So every run is the same, on any machine.

mod common;

use common::counting::{Counting, touches};
use common::{RATE, Text, options};
use modurust_runtime::command::{Command, EngineCommand, EngineNotice, Notice};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::overload::{MOST, QUALITY, VOICES, Watchdog, coarse, words};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::swap::Control;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Long chords, of voices with a release and of voices that have none but their gate.
const SONG: &str = "
tempo 60bpm
soft(freq, gate, vel) = sin(freq) * adsr(gate, 5ms, 10ms, 0.8, 20ms) * vel * 0.1
hard(freq, gate) = sin(freq) * gate * 0.05
track a = \"[0,2,4,7,9,11,14,16]\" >> slow(16) >> scale(c2, major) >> with(vel: \"0.9 0.4\") >> poly(8, soft)
track b = \"[0,4,7,11]\" >> slow(16) >> scale(c1, major) >> poly(4, hard)
";

/// The same with a track whose cost is that of its oversampling, and with a stage behind that remembers.
const BENT: &str = "
track c = sin(110hz) >> oversample(8, x => fold(x * 3)) * 0.1 >> lpf(2khz)
";

fn program(text: &str) -> Program {
    programs(text).swap_remove(0)
}

/// A text with factors of quality as they are, halved once and halved twice.
fn programs(text: &str) -> Vec<Program> {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let compile = |coarse| {
        compiler.coarsen(coarse);
        let outcome = compiler.compile(&Text(text.into()), &["a.modu".into()]);
        outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
    };
    (0..=coarse(MOST)).map(compile).collect()
}

/// What was seen of a block.
#[derive(Clone, Copy)]
struct Seen {
    level: u8,
    held: usize,
    open: usize,
    coarse: u8,
    meters: bool,
    load: f64,
}

/// Plays blocks of 64 frames while the machine gets slower and faster as `slow` says; `shed` is how a level is carried out.
fn play(
    seconds: f64,
    slow: impl Fn(f64) -> f64,
    shed: impl FnMut(&mut Engine, &mut Control, u8),
) -> (Vec<f32>, Vec<Seen>) {
    play_of(SONG, seconds, slow, shed)
}

/// Time from a level to a program that is as coarse as it says, seconds.
const COMPILING: f64 = 0.02;

/// The same of any text. Stands in for the session as well: a level that says so brings another program.
fn play_of(
    text: &str,
    seconds: f64,
    slow: impl Fn(f64) -> f64,
    mut shed: impl FnMut(&mut Engine, &mut Control, u8),
) -> (Vec<f32>, Vec<Seen>) {
    let programs = programs(text);
    let shares: Vec<f64> = programs.iter().map(|p| p.patch.work as f64 / programs[0].patch.work as f64).collect();
    let (mut engine, mut control, _taps) =
        Engine::new(&EngineOptions::new(RATE), Some(programs[0].clone())).expect("an engine");
    let (mut sound, mut seen, mut dog) = (Vec::new(), Vec::new(), Watchdog::default());
    let (mut wanted, mut playing, mut before, mut due) = (0, 0, 0, None);
    let block = 64.0 / f64::from(RATE);
    for i in 0..(seconds / block) as usize {
        let mut out = [0.0; 128];
        let fades = engine.is_fading();
        engine.process(&mut out, 2);
        sound.extend(out);
        while let Some(notice) = control.notice() {
            if matches!(notice, EngineNotice::Adopted { .. }) {
                (before, playing) = (playing, wanted);
            }
        }
        // While a swap fades, both programs are computed.
        let beside = if fades || engine.is_fading() { shares[usize::from(before)] } else { 0.0 };
        let [held, open, all] = engine.voices();
        let meters = engine.eased() <= QUALITY;
        let voices = 0.7 * held as f64 / all.max(1) as f64;
        let whole = 0.2 + voices + if meters { 0.1 } else { 0.0 };
        let load = slow(i as f64 * block) * whole * (shares[usize::from(playing)] + beside);
        let level = dog.block(64, RATE, load * block);
        seen.push(Seen { level, held, open, coarse: playing, meters, load });
        shed(&mut engine, &mut control, level);
        let now = control.meters().eased.load(Relaxed);
        if coarse(now) != wanted {
            wanted = coarse(now);
            due = Some(i as f64 * block + COMPILING);
        }
        if due.is_some_and(|due| i as f64 * block >= due) {
            control.publish(&programs[usize::from(wanted)], None);
            due = None;
        }
        control.collect();
    }
    (sound, seen)
}

fn ease(engine: &mut Engine, _: &mut Control, level: u8) {
    engine.ease(level);
}

/// The largest step from frame to frame, of either side.
fn step(sound: &[f32]) -> f32 {
    sound.windows(3).map(|w| (w[2] - w[0]).abs()).fold(0.0, f32::max)
}

/// A second of quiet, two in which the load goes up to one and a half times of what there is time for, three there, and long quiet.
fn ramp(t: f64) -> f64 {
    match t {
        t if t < 1.0 => 0.5,
        t if t < 3.0 => 0.5 + (t - 1.0) * 0.5,
        t if t < 6.0 => 1.5,
        _ => 0.3,
    }
}

/// What is wrong with how a level is carried out.
fn judge(shed: impl FnMut(&mut Engine, &mut Control, u8)) -> Result<(), String> {
    let (whole, _) = play(15.0, |_| 0.0, |_, _, _| {});
    let (sound, _) = play(15.0, ramp, shed);
    // Behind the attack of the chord, which both have.
    let from = RATE as usize / 2 * 2;
    let (allowed, found) = (step(&whole[from..]) + 0.001, step(&sound[from..]));
    println!("largest step {found:.4}, allowed {allowed:.4}");
    let silent = sound[from..].chunks(RATE as usize / 10).position(|part| part.iter().all(|x| x.abs() < 1e-4));
    match silent {
        _ if found > allowed => Err(format!("a step of {found}, where {allowed} is allowed")),
        Some(at) => Err(format!("a gap {at} twentieths of a second after the first half")),
        None => Ok(()),
    }
}

#[test]
fn voices_go_first_then_meters_and_all_come_back() {
    let (_, seen) = play(15.0, ramp, ease);
    let worst = seen.iter().map(|s| s.load).fold(0.0, f64::max);
    assert!(worst < 1.0, "no deadline is missed on the way to half as much again: {worst}");
    let at = |t: f64| seen[(t * f64::from(RATE) / 64.0) as usize];
    assert_eq!((at(0.9).level, at(0.9).held, at(0.9).open), (0, 12, 12));
    // One level after the other; a level leaves no more notes than it says.
    assert!(seen.windows(2).all(|w| w[0].level.abs_diff(w[1].level) <= 1));
    for level in 0..=VOICES {
        let left = |n: usize| (n * usize::from(8 - level)).div_ceil(8).max(1);
        let (all, _) = (left(8) + left(4), ());
        let found: Vec<usize> = seen.windows(2).filter(|w| w[0].level == level).map(|w| w[1].open).collect();
        assert!(found.iter().all(|open| *open == all), "level {level}: {found:?}");
    }
    let late = at(5.9);
    assert!(late.load <= 0.9 && late.level > 0 && late.held < 12, "it helps: {} at level {}", late.load, late.level);
    let most = seen.iter().map(|s| s.level).max();
    let after = seen.iter().rposition(|s| Some(s.level) == most).expect("a level");
    let back: Vec<f64> = seen
        .windows(2)
        .enumerate()
        .filter(|(i, w)| *i > after && w[1].level < w[0].level)
        .map(|(i, _)| i as f64 * 64.0 / f64::from(RATE))
        .collect();
    println!("worst level {most:?}; levels given back at {back:.2?} s");
    assert!(
        back.first().is_some_and(|t| *t > 6.5) && back.windows(2).all(|w| w[1] - w[0] > 0.9),
        "hysteresis: {back:?}"
    );
    assert_eq!((at(14.9).level, at(14.9).open), (0, 12));
}

/// How far behind its time the sound is at most, seconds, up to the end of `seen`: what a device must hold ready.
fn behind(seen: &[Seen]) -> f64 {
    let block = 64.0 / f64::from(RATE);
    let late = seen.iter().scan(0.0f64, |late, s| {
        *late = (*late + (s.load - 1.0) * block).max(0.0);
        Some(*late)
    });
    late.fold(0.0, f64::max)
}

/// The order that is declared: voices, factors of quality, meters.
#[test]
fn quality_goes_between_voices_and_meters() {
    let text = format!("{SONG}{BENT}");
    // Four times what all of it takes, within forty seconds.
    let slow = |t: f64| match t {
        t if t < 1.0 => 0.5,
        t if t < 41.0 => 0.5 + (t - 1.0) * 0.2,
        _ => 0.3,
    };
    let (_, seen) = play_of(&text, 60.0, slow, ease);
    let first = |found: &dyn Fn(&Seen) -> bool| seen.iter().position(found).map(|i| i as f64 * 64.0 / 48_000.0);
    let steps = [
        first(&|s| s.open < 12),
        first(&|s| s.open == 2),
        first(&|s| s.coarse == 1),
        first(&|s| s.coarse == 2),
        first(&|s| !s.meters),
    ];
    println!("voices, the last of them, half, a quarter, meters from {steps:.2?} s on");
    assert!(steps.iter().all(Option::is_some) && steps.windows(2).all(|w| w[0] < w[1]), "{steps:?}");
    let all = seen.iter().position(|s| !s.meters).expect("a block without meters");
    let late = behind(&seen[..all]);
    println!("{:.2} ms late at most, while there is something left to leave out", late * 1e3);
    assert!(late < 128.0 / f64::from(RATE), "{late} s are more than one of two periods of 128 frames");
    assert!(seen.windows(2).all(|w| w[0].coarse.abs_diff(w[1].coarse) <= 1));
    let last = seen.last().expect("blocks");
    assert_eq!((last.level, last.open, last.coarse, last.meters), (0, 12, 0, true));
}

/// Factors that go down and come back are heard as little as an edit.
#[test]
fn nobody_hears_a_factor_change() {
    let slow = |t: f64| if (1.0..2.0).contains(&t) { 9.0 } else { 0.3 };
    let bent = format!("tempo 60bpm\n{BENT}");
    let (whole, _) = play_of(&bent, 16.0, slow, |_, _, _| {});
    let (sound, seen) = play_of(&bent, 16.0, slow, ease);
    assert!(
        (0..=2).all(|coarse| seen.iter().any(|s| s.coarse == coarse)) && seen.last().is_some_and(|s| s.coarse == 0)
    );
    let (allowed, found) = (step(&whole) + 0.001, step(&sound));
    println!("largest step {found:.4}, allowed {allowed:.4}");
    assert!(found <= allowed, "a step of {found}, where {allowed} is allowed");
    // What was left out shows between, and nothing of it is left at the end.
    let differs = |from: f64, to: f64| {
        let part = |sound: &[f32]| sound[(from * 96_000.0) as usize..(to * 96_000.0) as usize].to_vec();
        part(&whole).iter().zip(part(&sound)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let (before, between, after) = (differs(0.0, 1.0), differs(1.5, 2.0), differs(15.0, 16.0));
    println!("differs by {before}, {between:.5} and {after} before, between and after");
    assert!(before == 0.0 && (1e-5..0.02).contains(&between) && after < 1e-6, "{before}, {between}, {after}");
}

#[test]
fn a_sudden_overload_is_over_soon() {
    let (_, seen) = play(3.0, |t| if t < 1.0 { 0.5 } else { 1.5 }, ease);
    let late: Vec<f64> =
        (0..).zip(&seen).filter(|(_, s)| s.load > 1.0).map(|(i, _)| f64::from(i) * 64.0 / 48_000.0).collect();
    println!("late from {:?} s to {:?} s", late.first(), late.last());
    assert!(late.len() > 5 && late.last().is_some_and(|t| *t < 1.1), "{late:?}");
}

#[test]
fn meters_stand_still_at_the_last_level_only() {
    let (mut engine, control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program(SONG))).expect("an engine");
    let master = control.program().patch.graph.outs.len() - 1;
    let mut peak = |level: u8| {
        engine.ease(level);
        let mut out = [0.0; 1280];
        engine.process(&mut out, 2);
        control.meters().take(master).peak[0]
    };
    assert!((0..=QUALITY).all(|level| peak(level) > 0.0));
    peak(MOST);
    assert_eq!(peak(MOST), 0.0);
    assert!(peak(0) > 0.0);
    assert!(
        words(3).contains("5 of 8 voices")
            && !words(3).contains("oversample")
            && words(8).contains("half of its factor")
            && !words(9).contains("meters")
            && words(MOST).contains("meters stand still")
    );
}

#[test]
fn nobody_hears_a_voice_go() {
    judge(ease).unwrap();
}

/// The same with every gate cut at once, and with all sound taken away.
#[test]
fn a_hard_cut_would_be_found() {
    let cut = |command: EngineCommand| {
        let mut last = 0;
        judge(move |_, control, level| {
            if std::mem::replace(&mut last, level) < level {
                assert!(control.send(command));
            }
        })
    };
    for command in [EngineCommand::Pause, EngineCommand::Panic] {
        let found = cut(command);
        assert!(found.is_err(), "{command:?} was not found");
        println!("{command:?}: {found:?}");
    }
}

#[test]
fn below_the_bound_no_bit_changes() {
    let (plain, _) = play(2.0, |_| 0.85, |_, _, _| {});
    let (watched, seen) = play(2.0, |_| 0.85, ease);
    assert!(seen.iter().all(|s| s.level == 0) && plain.iter().any(|x| *x != 0.0));
    assert!(plain.iter().zip(&watched).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn a_swap_keeps_what_is_left_out_and_nothing_allocates() {
    let (mut engine, mut control, _taps) =
        Engine::new(&EngineOptions::new(RATE), Some(program(SONG))).expect("an engine");
    let other = program(&SONG.replace("sin(freq) * gate * 0.05", "tri(freq) * gate * 0.05"));
    let mut out = [0.0; 1280];
    engine.warm();
    engine.process(&mut out, 2);
    engine.ease(5);
    engine.process(&mut out, 2);
    let before = engine.voices();
    control.publish(&other, None);
    let touched = touches(|| {
        for level in [5, 5, 6, 8, 3, 0, 5] {
            engine.ease(level);
            engine.process(&mut out, 2);
        }
        engine.process(&mut out, 2);
    });
    assert_eq!(touched, 0);
    assert_eq!(before[1], 5, "3 of 8 and 2 of 4");
    assert_eq!(engine.voices()[1], 5);
}

/// Plays until the program of the session is as wanted, or twenty seconds are over.
fn until(session: &Session, engine: &mut Engine, wanted: impl Fn(&Program) -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(20) {
        engine.process(&mut [0.0; 256], 2);
        let adopted = session.notices().iter().any(|n| matches!(n, Notice::Adopted { .. }));
        if adopted && session.snapshot().program.is_some_and(|program| wanted(&program)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// The session makes what plays anew at the levels that ask for it, edits that come meanwhile as well, and all of it as it was when there is time.
#[test]
fn a_session_compiles_for_the_time_there_is() {
    let name = "a.modu".to_string();
    let mut asked = SessionOptions::new(vec![name.clone()], options(Backend::Jit));
    (asked.watch, asked.texts) = (false, [(name.clone(), BENT.to_string())].into());
    let (session, mut engine) = Session::new(asked).expect("a session");
    let edited = BENT.replace("2khz", "900hz") + "track d = sin(100hz) * 0.1\n";
    let (first, then) = (programs(BENT), programs(&edited));
    let work = |program: &Program| program.patch.work;
    assert!(session.snapshot().program.is_some_and(|p| work(&p) == work(&first[0])));
    for level in [8, 9] {
        engine.ease(level);
        let wanted = work(&first[usize::from(level - VOICES)]);
        assert!(until(&session, &mut engine, |p| work(p) == wanted), "level {level}");
    }
    session.send(Command::Text { file: name, text: edited });
    assert!(until(&session, &mut engine, |p| work(p) == work(&then[2])), "an edit meanwhile");
    engine.ease(VOICES);
    assert!(until(&session, &mut engine, |p| p.patch.hash == then[0].patch.hash), "there is time again");
    // Nothing of this text asks how much time there is.
    let plain = "track d = sin(100hz) * 0.1\n".to_string();
    session.send(Command::Text { file: "a.modu".into(), text: plain });
    assert!(until(&session, &mut engine, |p| work(p) < work(&then[2])));
    engine.ease(MOST);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(300) {
        engine.process(&mut [0.0; 256], 2);
        assert!(session.notices().is_empty(), "something happened");
        std::thread::sleep(Duration::from_millis(1));
    }
}
