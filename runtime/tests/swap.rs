//! Swaps: state goes on, the sound goes on, and what is equal stays equal.

mod common;

use common::{Build, RATE, Random, song};
use modurust_runtime::command::{ChangeKind, EngineCommand, EngineNotice};
use modurust_runtime::compiler::graph::ops::Op;
use modurust_runtime::compiler::program::{Program, UnitKind};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::swap::Control;

fn engine(program: Program) -> (Engine, Control) {
    let (engine, control, _) = Engine::new(&EngineOptions::new(RATE), Some(program)).unwrap();
    (engine, control)
}

fn run(engine: &mut Engine, frames: usize) -> Vec<f32> {
    let mut out = vec![0.0; frames * 2];
    engine.process(&mut out, 2);
    out
}

/// The song with one more track, silent or not, before the others: same sound, other code.
fn longer(gain: f32) -> Program {
    let mut b = Build::new();
    let frame = b.frame("extra");
    let freq = b.graph.constant(200.0);
    let sound = b.oscillator(frame, freq, 1);
    let gain = b.graph.constant(gain);
    let sound = b.graph.op(Op::Mul, &[sound, gain]);
    b.mono("extra", sound);
    let notes = b.notes(&[48.0, 60.0, 63.0, 67.0, 70.0, 72.0, 55.0]);
    b.synth("poly", UnitKind::Poly, 6, notes);
    let bass = b.notes(&[36.0, 36.0, 43.0]);
    b.synth("bass", UnitKind::Mono, 1, bass);
    b.drone("drone", 110.0);
    b.echo("echo", 330.0);
    b.finish()
}

#[test]
fn the_same_program_is_no_swap() {
    let (_, mut control) = engine(song(110.0));
    assert!(control.publish(&song(110.0), None).is_none());
}

#[test]
fn a_swap_to_equal_sound_changes_no_bit() {
    // The new patch has a silent track more: every other piece of memory must be carried over exactly.
    let (mut plain, _c) = engine(song(110.0));
    let (mut swapped, mut control) = engine(song(110.0));
    assert_eq!(run(&mut plain, 33_333), run(&mut swapped, 33_333));
    for i in 0..6 {
        let next = if i % 2 == 0 { longer(0.0) } else { song(110.0) };
        let published = control.publish(&next, None).unwrap();
        assert_eq!(published.kind, ChangeKind::Code);
        let report = published.report.unwrap();
        assert_eq!((report.kept.len() >= 8, report.moved.len()), (true, 0), "{report:?}");
        assert_eq!(run(&mut plain, 20_001), run(&mut swapped, 20_001), "swap {i}");
        assert!(matches!(control.notice(), Some(EngineNotice::Adopted { kind: ChangeKind::Code, .. })));
        assert_eq!(control.collect(), 1);
    }
}

#[test]
fn an_edited_pattern_keeps_the_rest() {
    let song = |last: f64| {
        let mut b = Build::new();
        let notes = b.notes(&[48.0, 60.0, 63.0, last]);
        b.synth("poly", UnitKind::Poly, 6, notes);
        b.finish()
    };
    let (mut plain, _c) = engine(song(67.0));
    let (mut edited, mut control) = engine(song(67.0));
    run(&mut plain, 10_000);
    run(&mut edited, 10_000);
    assert_eq!(control.publish(&song(70.0), None).unwrap().kind, ChangeKind::Score);
    // The edited step begins at 3/4 of the bar: until then nothing differs, sounding notes included.
    assert_eq!(run(&mut plain, 62_000), run(&mut edited, 62_000));
    assert_ne!(run(&mut plain, 4_000), run(&mut edited, 4_000));
}

#[test]
fn a_number_moves_smoothly_and_lands_exactly() {
    // The sound is the parameter itself.
    let level = |x: f32| {
        let mut b = Build::new();
        let frame = b.frame("a");
        let x = b.param(frame, "a.x", x);
        let one = b.graph.push(modurust_runtime::compiler::graph::Node::Frame);
        let zero = b.graph.constant(0.0);
        let one = b.graph.op(Op::Fromint, &[one]);
        let one = b.graph.op(Op::Mul, &[one, zero]);
        let sound = b.graph.op(Op::Add, &[x, one]);
        b.mono("a", sound);
        b.finish()
    };
    let (mut engine, mut control) = engine(level(1.0));
    assert!(run(&mut engine, 128).iter().all(|x| *x == 1.0));
    assert_eq!(control.publish(&level(3.0), None).unwrap().kind, ChangeKind::Number);
    let out = run(&mut engine, 512);
    let left: Vec<f32> = out.iter().step_by(2).copied().collect();
    assert!(left.windows(2).all(|w| w[1] >= w[0] && w[1] - w[0] < 0.01), "a straight line");
    assert!(left[254] < 3.0 && left[255] == 3.0 && left[511] == 3.0, "four quanta: {} {}", left[254], left[255]);
    // A hand moves it; an edit that does not touch this number leaves it where the hand put it.
    let epoch = control.epoch();
    control.send(EngineCommand::Param { epoch, index: 0, value: 7.0 });
    assert_eq!(run(&mut engine, 512)[1000], 7.0);
    control.send(EngineCommand::Param { epoch: epoch + 1, index: 0, value: 9.0 });
    assert_eq!(run(&mut engine, 512)[1000], 7.0, "a command for another program is left out");
    let mut slower = level(3.0);
    slower.timing.bpm = modurust_runtime::compiler::score::Ratio::int(90);
    assert!(control.publish(&slower, None).is_some());
    assert_eq!(run(&mut engine, 512)[1000], 7.0);
}

#[test]
fn a_fade_has_no_click() {
    // From one drone to another of unlike structure: no step larger than either makes by itself.
    let (mut engine, mut control) = engine(song(110.0));
    run(&mut engine, 9_999);
    let steepest = |out: &[f32]| {
        out.chunks(2).map(|f| f[0]).collect::<Vec<_>>().windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    };
    let before = steepest(&run(&mut engine, 20_000));
    control.publish(&longer(0.5), None);
    let during = steepest(&run(&mut engine, 2_000));
    let after = steepest(&run(&mut engine, 20_000));
    assert!(during <= before.max(after) + 1e-3, "{before} {during} {after}");
}

#[test]
fn a_full_retire_ring_postpones() {
    let mut options = EngineOptions::new(RATE);
    options.retire = 1;
    let (mut engine, mut control, _) = Engine::new(&options, Some(song(110.0))).unwrap();
    // A change of code is adopted and fades; meanwhile a number waits.
    control.publish(&longer(0.0), None);
    run(&mut engine, 64);
    assert!(engine.is_fading());
    control.publish(&song_of(&longer(0.0), 440.0), None);
    run(&mut engine, 64);
    assert!(engine.is_fading() && control.is_pending(), "one swap at a time");
    // The fade ends and its parcel fills the ring: nobody collects, so the number goes on waiting.
    run(&mut engine, 48_000);
    assert!(!engine.is_fading() && control.is_pending());
    assert_eq!(control.collect(), 1);
    run(&mut engine, 64);
    assert!(!control.is_pending());
    assert_eq!(control.collect(), 1);
}

/// A program with another value of its first parameter.
fn song_of(program: &Program, value: f32) -> Program {
    let mut params = program.params.to_vec();
    params[0] = value;
    Program { params: std::sync::Arc::new(params), ..program.clone() }
}

#[test]
fn the_newest_program_wins() {
    let (mut engine, mut control) = engine(song(100.0));
    for i in 0..10 {
        control.publish(&song(200.0 + i as f32), None);
    }
    run(&mut engine, 64);
    let mut adopted = vec![];
    while let Some(notice) = control.notice() {
        adopted.push(notice);
    }
    assert_eq!(adopted, [EngineNotice::Adopted { epoch: 10, frame: 0, kind: ChangeKind::Number }]);
    // Called back to what plays already: nothing happens, and commands still find the program.
    control.publish(&song(300.0), Some(1 << 40));
    assert!(control.publish(&song(209.0), None).is_none());
    assert_eq!(control.epoch(), 10);
}

#[test]
fn at_a_frame() {
    let (mut engine, mut control) = engine(song(100.0));
    control.publish(&song(200.0), Some(1000));
    run(&mut engine, 1000);
    assert!(control.is_pending());
    run(&mut engine, 100);
    assert_eq!(control.notice(), Some(EngineNotice::Adopted { epoch: 1, frame: 1024, kind: ChangeKind::Number }));
}

#[test]
fn a_storm_of_edits_stays_finite_and_frees_everything() {
    let programs = [song(100.0), song(200.0), longer(0.3), longer(0.1), song(300.0)];
    let patch = std::sync::Arc::downgrade(&programs[2].patch);
    let (mut engine, mut control) = engine(programs[0].clone());
    let mut random = Random(77);
    for _ in 0..400 {
        control.publish(&programs[random.below(5) as usize], None);
        let frames = random.below(3000) as usize;
        assert!(run(&mut engine, frames).iter().all(|x| x.is_finite() && x.abs() < 4.0));
        control.collect();
    }
    drop((engine, control, programs));
    assert_eq!(patch.strong_count(), 0, "nothing leaks");
}

#[test]
fn silence_is_a_program_too() {
    let (mut engine, mut control, _) = Engine::new(&EngineOptions::new(RATE), None).unwrap();
    assert!(run(&mut engine, 1000).iter().all(|x| *x == 0.0));
    control.publish(&song(100.0), None);
    assert!(run(&mut engine, 10_000).iter().any(|x| *x != 0.0));
    let wrong = Engine::new(&EngineOptions::new(44_100), Some(song(100.0)));
    assert!(wrong.is_err_and(|e| e.to_string().contains("44100")));
}
