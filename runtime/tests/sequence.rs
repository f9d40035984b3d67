//! Events fall on exact frames, whatever the tempo and the block size.

mod common;

use common::{Build, RATE, Random, probe, song, timing};
use modurust_runtime::command::{EngineCommand, EngineNotice};
use modurust_runtime::compiler::graph::ops::Op;
use modurust_runtime::compiler::program::{FieldSource, Program, UnitKind};
use modurust_runtime::compiler::score::{Ratio, Value};
use modurust_runtime::device::{RenderOptions, render};
use modurust_runtime::engine::{Engine, EngineOptions};

/// Left and right of `frames` frames.
fn play(program: Program, frames: usize) -> Vec<[f32; 2]> {
    let (mut engine, _control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program)).unwrap();
    let mut out = vec![0.0; frames * 2];
    engine.process(&mut out, 2);
    out.chunks(2).map(|f| [f[0], f[1]]).collect()
}

/// A value per step: step `k` of the cycle is worth `k + 1`.
fn counting(b: &mut Build, steps: i64) -> modurust_runtime::compiler::score::PatId {
    let pats: Vec<_> = (0..steps).map(|k| b.score.pure(Value::Num(k as f64 + 1.0))).collect();
    b.score.fastcat(&pats)
}

#[test]
fn onsets_and_ends_against_exact_arithmetic() {
    let mut random = Random(99);
    for _ in 0..40 {
        let bpm = Ratio::new(random.below(900_000) as i64 + 20_000, 1000);
        let steps = random.below(30) as i64 + 1;
        let program = probe(|b| counting(b, steps), UnitKind::Mono, timing(bpm));
        let per_bar = program.timing.frames_per_bar(RATE);
        let out = play(program, 60_000);
        let mut expected_gate = vec![0.0f32; out.len()];
        let mut expected_value = vec![0.0f32; out.len()];
        for k in 0.. {
            let frame = |k: i64| {
                // floor(k / steps * per_bar)
                (i128::from(k) * i128::from(per_bar.num())).div_euclid(i128::from(steps) * i128::from(per_bar.den()))
                    as usize
            };
            let (begin, end) = (frame(k), frame(k + 1));
            if begin >= out.len() {
                break;
            }
            expected_value[begin..].fill((k % steps) as f32 + 1.0);
            let fall = (end - 1).max(begin + 1);
            expected_gate[begin..fall.min(out.len())].fill(1.0);
        }
        for (f, frame) in out.iter().enumerate() {
            assert_eq!(frame[0], expected_value[f], "value at {f}, {bpm} bpm, {steps} steps");
            assert_eq!(frame[1], expected_gate[f], "gate at {f}, {bpm} bpm, {steps} steps");
        }
    }
}

#[test]
fn an_event_at_every_offset_of_a_quantum() {
    // 65 frames a step: every offset 0..64 comes up.
    let per_bar = Ratio::int(65 * 8);
    let bpm = Ratio::int(60 * i64::from(RATE) * 4) / per_bar;
    let out = play(probe(|b| counting(b, 8), UnitKind::Mono, timing(bpm)), 65 * 200);
    for (f, frame) in out.iter().enumerate() {
        assert_eq!(frame[0], (f / 65 % 8) as f32 + 1.0);
        assert_eq!(frame[1], if f % 65 == 64 { 0.0 } else { 1.0 });
    }
}

#[test]
fn a_value_is_held_and_a_ramp_is_drawn() {
    let out = play(probe(|b| counting(b, 4), UnitKind::Hold, timing(Ratio::int(120))), 96_000);
    assert!(out.iter().enumerate().all(|(f, x)| x[0] == (f / 24_000) as f32 + 1.0));
    let ramp = probe(|b| b.score.saw(), UnitKind::Hold, timing(Ratio::int(120)));
    let out = play(ramp, 90_000);
    for (f, x) in out.iter().enumerate().skip(64) {
        assert!((x[0] - f as f32 / 96_000.0).abs() < 2e-3, "{f}: {}", x[0]);
    }
    assert!(out.windows(2).skip(64).all(|w| (w[1][0] - w[0][0]).abs() < 1e-4), "no steps");
}

#[test]
fn block_sizes_change_no_bit() {
    let hash = |block: usize| {
        let mut options = RenderOptions::new(song(110.0), 100_000);
        options.block = block;
        options.at = vec![(30_000, song(220.0)), (30_100, song(110.0)), (60_001, song(333.0))];
        let report = render(options).unwrap();
        assert_eq!(report.swaps, 3);
        assert!(report.peak > 0.1 && report.faults.is_empty() && report.lost == 0);
        (report.hash, report.adopted)
    };
    let expected = hash(64);
    assert_eq!(expected.1[0].0, 30_016, "the first quantum at or after the frame");
    for block in [1, 7, 16, 127, 512, 4096] {
        assert_eq!(hash(block), expected, "{block}");
    }
}

#[test]
fn random_blocks_change_no_bit() {
    let mut random = Random(5);
    let expected = play(song(55.0), 50_000);
    for _ in 0..5 {
        let (mut engine, _control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(song(55.0))).unwrap();
        let mut all = Vec::new();
        while all.len() < expected.len() {
            let mut out = vec![9.0; random.below(300) as usize * 2];
            engine.process(&mut out, 2);
            all.extend(out.chunks(2).map(|f| [f[0], f[1]]));
        }
        assert_eq!(&all[..expected.len()], &expected[..]);
    }
}

#[test]
fn tempo_changes_lose_and_double_nothing() {
    // Sixteen steps a bar; the tempo changes at random frames. Steps must come in order, each once, and the time of each is
    // within a frame of the exact integral of the tempo.
    let mut random = Random(1234);
    let program = probe(|b| counting(b, 16), UnitKind::Mono, timing(Ratio::int(120)));
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program)).unwrap();
    let mut position = 0.0f64;
    let mut bpm = Ratio::int(120);
    let mut last = 0.0f32;
    let mut steps = 0;
    for _ in 0..3000 {
        if random.below(3) == 0 {
            bpm = Ratio::new(random.below(97_900) as i64 + 2_000, 100);
            assert!(control.send(EngineCommand::Tempo(bpm)));
        }
        let per_bar = timing(bpm).frames_per_bar(RATE).to_f64();
        let mut out = [0.0; 128];
        engine.process(&mut out, 2);
        for frame in out.chunks(2) {
            if frame[0] != last {
                assert_eq!(frame[0], last % 16.0 + 1.0, "steps come in order");
                let exact = f64::from(steps) / 16.0;
                let late = (position - exact) * per_bar;
                // On the frame in which the exact time lies.
                assert!((-1.01..0.01).contains(&late), "step {steps} is {late} frames late");
                last = frame[0];
                steps += 1;
            }
            position += 1.0 / per_bar;
        }
    }
    assert!(steps > 100, "{steps}");
}

#[test]
fn pause_and_seek() {
    let program = probe(|b| counting(b, 4), UnitKind::Mono, timing(Ratio::int(120)));
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program)).unwrap();
    let run = |engine: &mut Engine, frames: usize| {
        let mut out = vec![0.0; frames * 2];
        engine.process(&mut out, 2);
        out
    };
    run(&mut engine, 640);
    control.send(EngineCommand::Pause);
    let out = run(&mut engine, 64_000);
    assert!(out.chunks(2).all(|f| f == [1.0, 0.0]), "the note ends, nothing begins");
    control.send(EngineCommand::Seek(Ratio::new(7, 4)));
    control.send(EngineCommand::Play);
    let out = run(&mut engine, 64);
    assert_eq!(&out[..2], [4.0, 1.0]);
    control.send(EngineCommand::Hush);
    let out = run(&mut engine, 4800);
    assert!(out[2 * 960..].iter().all(|x| *x == 0.0));
    control.send(EngineCommand::Play);
    assert!(run(&mut engine, 48_000).iter().any(|x| *x != 0.0));
}

#[test]
fn long_chords_steal_and_end() {
    // Nine notes at once on four voices, every half bar; when the pattern is gone, so are its notes.
    let mut b = Build::new();
    let pats: Vec<_> = (0..9).map(|i| b.score.pure(Value::Note(50.0 + f64::from(i)))).collect();
    let chord = b.score.stack(&pats);
    let chord = b.score.fast(chord, 2);
    b.synth("chord", UnitKind::Poly, 4, chord);
    let mut quiet = Build::new();
    let rest = quiet.score.silence();
    quiet.synth("chord", UnitKind::Poly, 4, rest);
    let mut options = RenderOptions::new(b.finish(), 96_000);
    options.at = vec![(60_000, quiet.finish())];
    let report = render(options).unwrap();
    assert_eq!((report.lost, report.swaps), (0, 1));
    assert!(report.peak > 0.2);
    assert_eq!(report.adopted[0].1, modurust_runtime::command::ChangeKind::Score);
}

#[test]
fn words_and_chokes() {
    // An open hat at 0 and 1/2, a closed one at 1/4: the closed one ends the first open note early.
    let mut b = Build::new();
    let (oh, hh) = (b.score.word("oh"), b.score.word("hh"));
    let rest = b.score.silence();
    let pattern = b.score.fastcat(&[oh, hh, oh, rest]);
    let long = b.score.fastcat(&[oh, oh]);
    let closed = b.score.fastcat(&[rest, hh, rest, rest]);
    let both = b.score.stack(&[long, closed]);
    let frame = b.frame("kit");
    let rows = b.unit(frame, UnitKind::Mono, 1, both, &[FieldSource::Gate]);
    let other = b.unit(frame, UnitKind::Mono, 1, pattern, &[FieldSource::Gate]);
    b.units[0].word = b.score.score().find_word("oh");
    b.units[0].choke = b.score.score().find_word("hh");
    b.units[1].word = b.score.score().find_word("hh");
    b.track("kit", rows[0], other[0]);
    let out = play(b.finish(), 96_000);
    let spans = |c: usize| {
        let mut edges = vec![];
        for f in 1..out.len() {
            if out[f][c] != out[f - 1][c] {
                edges.push(f);
            }
        }
        edges
    };
    assert_eq!((out[0][0], spans(0)), (1.0, vec![24_000, 48_000, 95_999]));
    assert_eq!((out[0][1], spans(1)), (0.0, vec![24_000, 47_999]));
}

#[test]
fn a_fault_is_contained_and_told() {
    // 0 / 0 whenever the gate is up.
    let mut b = Build::new();
    let note = b.notes(&[60.0, 60.0]);
    let frame = b.frame("bad");
    let rows = b.unit(frame, UnitKind::Mono, 1, note, &[FieldSource::Gate]);
    let one = b.graph.constant(1.0);
    let low = b.graph.op(Op::Sub, &[one, rows[0]]);
    let low = b.graph.op(Op::Max, &[low, low]);
    let bad = b.graph.op(Op::Div, &[low, low]);
    b.mono("bad", bad);
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(b.finish())).unwrap();
    let mut out = vec![0.0; 96_000];
    engine.process(&mut out, 2);
    assert!(out.iter().all(|x| x.is_finite()));
    assert_eq!(out[2 * 47_999], 1.0, "back at once when it is well again");
    let faults: Vec<_> = std::iter::from_fn(|| control.notice()).collect();
    assert_eq!(faults.len(), 2, "told once a second for each output: {faults:?}");
    assert!(matches!(faults[0], EngineNotice::Fault { epoch: 0, out: 0 }));
    assert!(control.meters().take(0).fault);
}

/// Seventy units that play a note now and then, by patterns as long as eight bars: each is heard on its frames, though nearly all of
/// them are left alone nearly always; and after a jump of time as well.
#[test]
fn many_that_rest_are_left_alone_and_miss_nothing() {
    const UNITS: usize = 70;
    let mut random = Random(31);
    let mut b = Build::new();
    b.timing = timing(Ratio::new(random.below(100_000) as i64 + 90_000, 1000));
    let mut onsets = Vec::new();
    for unit in 0..UNITS {
        let (steps, bars) = (random.below(61) + 3, 1 << random.below(4));
        let rests = unit % 7 == 0;
        let plays: Vec<bool> = (0..steps).map(|_| !rests && random.below(steps) < 2).collect();
        let (note, rest) = (b.score.pure(Value::Num(1.0)), b.score.silence());
        let parts: Vec<_> = plays.iter().map(|plays| if *plays { note } else { rest }).collect();
        let pattern = b.score.fastcat(&parts);
        let pattern = b.score.slow(pattern, bars);
        let frame = b.frame(&format!("u{unit}"));
        let rows = b.unit(frame, UnitKind::Mono, 1, pattern, &[FieldSource::Gate]);
        b.mono(&format!("u{unit}"), rows[0]);
        onsets.push((steps as i64, bars, plays));
    }
    let per_bar = b.timing.frames_per_bar(RATE);
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(b.finish())).expect("an engine");
    let (mut astir, mut quanta, mut heard) = (0, 0, 0);
    // From bar 0 on, then from bar 3 on.
    for (from, bars) in [(0, 9), (3, 6)] {
        // A pause ends what sounds, so that a note at the beginning is seen to rise in its own frame.
        assert!(control.send(EngineCommand::Pause));
        engine.process(&mut [0.0; 128], 2);
        assert!(control.send(EngineCommand::Seek(Ratio::int(from))) && control.send(EngineCommand::Play));
        let (first, mut gates, mut rises) = (engine.frame(), [0.0f32; UNITS], Vec::new());
        let frames = (Ratio::int(bars) * per_bar).floor() as u64 / 64 * 64;
        while engine.frame() < first + frames {
            let begin = engine.frame() - first;
            engine.process(&mut [0.0; 128], 2);
            (astir, quanta) = (astir + engine.astir(), quanta + 1);
            for (unit, last) in gates.iter_mut().enumerate() {
                for i in 0..64 {
                    let gate = engine.out_frame(unit, i)[0];
                    if std::mem::replace(last, gate) == 0.0 && gate > 0.0 {
                        rises.push((unit, begin + i as u64));
                    }
                }
            }
        }
        // A step begins on floor((k / steps * its bars - from) * frames of a bar).
        let mut due = Vec::new();
        for (unit, (steps, long, plays)) in onsets.iter().enumerate() {
            let at = |k: i64| ((Ratio::new(k * long, *steps) - Ratio::int(from)) * per_bar).floor();
            let played = (0..).take_while(|k| at(*k) < frames as i64).filter(|k| plays[(k % steps) as usize]);
            due.extend(played.map(at).filter(|frame| *frame >= 0).map(|frame| (unit, frame as u64)));
        }
        rises.sort_unstable();
        assert_eq!(rises, due, "from bar {from}");
        heard += rises.len();
    }
    assert!(heard > 200, "{heard} notes");
    assert!(astir < quanta * UNITS / 4, "{astir} of {} are looked at", quanta * UNITS);
}
