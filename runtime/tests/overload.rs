//! More to compute than there is time for: what is left out, in which order, that nobody hears it go, and that it comes back.
//!
//! The clock is made up. A block takes a time that follows from what the engine says it plays, and from a load that the test chooses; the watchdog
//! hears of that time and of nothing else. So every run is the same, on any machine.

mod common;

use common::counting::{Counting, touches};
use common::{RATE, Text, options};
use modurust_runtime::command::EngineCommand;
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::overload::{MOST, VOICES, Watchdog, words};
use modurust_runtime::swap::Control;

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

fn program(text: &str) -> Program {
    let outcome = Compiler::new(options(Backend::Jit)).compile(&Text(text.into()), &["a.modu".into()]);
    outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

/// What was seen of a block.
#[derive(Clone, Copy)]
struct Seen {
    level: u8,
    held: usize,
    open: usize,
    load: f64,
}

/// Plays blocks of 64 frames while the machine gets slower and faster as `slow` says; `shed` is how a level is carried out.
fn play(
    seconds: f64,
    slow: impl Fn(f64) -> f64,
    mut shed: impl FnMut(&mut Engine, &mut Control, u8),
) -> (Vec<f32>, Vec<Seen>) {
    let (mut engine, mut control, _taps) =
        Engine::new(&EngineOptions::new(RATE), Some(program(SONG))).expect("an engine");
    let (mut sound, mut seen, mut dog) = (Vec::new(), Vec::new(), Watchdog::default());
    let block = 64.0 / f64::from(RATE);
    for i in 0..(seconds / block) as usize {
        let mut out = [0.0; 128];
        engine.process(&mut out, 2);
        sound.extend(out);
        let [held, open, all] = engine.voices();
        let meters = if engine.eased() > VOICES { 0.0 } else { 0.1 };
        let load = slow(i as f64 * block) * (0.2 + 0.7 * held as f64 / all as f64 + meters);
        let level = dog.block(64, RATE, load * block);
        seen.push(Seen { level, held, open, load });
        shed(&mut engine, &mut control, level);
        while control.notice().is_some() {}
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
    assert!((0..=VOICES).all(|level| peak(level) > 0.0));
    peak(MOST);
    assert_eq!(peak(MOST), 0.0);
    assert!(peak(0) > 0.0);
    assert!(
        words(3).contains("5 of 8 voices")
            && !words(3).contains("meters")
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
