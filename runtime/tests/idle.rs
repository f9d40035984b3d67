//! Sleep inside the engine: a set whose tracks play now and then sounds the same, to the bit, by machine code that leaves out what
//! rests and by the interpreter that computes everything, through edits, seeks, pauses, hushes, tempo, and numbers moved by hand and by
//! the text.

mod common;

use common::{RATE, Random, Text};
use modurust_runtime::command::EngineCommand;
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, Options};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::engine::{Engine, EngineOptions};

fn compile(text: &str, backend: Backend) -> Program {
    let options = Options { sample_rate: RATE, passes: Passes::Fast, backend, seed: 0, verify: true };
    let outcome = Compiler::new(options).compile(&Text(text.to_string()), &["a.modu".to_string()]);
    outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

const HEAD: &str = "
tempo 240bpm
lead(freq, gate, vel) = saw(freq) >> lpf(800hz, q: 2) * adsr(gate, 2ms, 10ms, 0.5, 15ms) * vel
ping(freq, gate) = sin(freq) * perc(gate, 5ms)
bus room = in >> chorus(0.3) >> allpass(3ms, 0.3)
";

/// A text of the same tracks with other notes, numbers and stages.
fn edit(random: &mut Random) -> String {
    let pick = |random: &mut Random, of: &[&'static str]| of[random.below(of.len() as u64) as usize];
    let notes = ["<0 ~ ~ ~>", "<~ ~ [0 4 7] ~>", "~", "<0 [2 3] ~ ~ ~>", "[0,4,7] ~ ~ ~ ~ ~ ~ ~", "<~ 0*8>"];
    let stages = ["", " >> drive(6db)", " >> lpf(1khz + 400hz * lfsin(2hz))", " >> phaser(rate: 0.4hz)"];
    let mut text = HEAD.to_string();
    for track in 0..3 {
        let (pattern, stage) = (pick(random, &notes), pick(random, &stages));
        let voice = if track == 0 { "poly(6, lead)" } else { "poly(3, ping)" };
        text += &format!(
            "track t{track} = \"{pattern}\" >> scale(c4, major) >> {voice}{stage} * -9db >> send(room, -6db)\n"
        );
    }
    text += pick(random, &["", "automate t0.level { 0bar: 0db, 2bar: -12db }\n"]);
    text
}

/// What a script has sounded like, and in how many quanta of it something slept.
fn play(seed: u64, backend: Backend) -> (Vec<u32>, u64) {
    let mut random = Random(seed * 2 + 1);
    let program = compile(&edit(&mut random), backend);
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program)).expect("an engine");
    let (mut sound, mut slept) = (Vec::new(), 0);
    for _ in 0..60 {
        let command = match random.below(16) {
            0 => Some(EngineCommand::Seek(Ratio::new(random.below(16) as i64, 4))),
            1 => Some(EngineCommand::Pause),
            2 | 3 => Some(EngineCommand::Play),
            4 => Some(EngineCommand::Tempo(Ratio::int(200 + random.below(80) as i64))),
            5 => Some(EngineCommand::Hush),
            6 => Some(EngineCommand::Panic),
            7 | 8 => {
                let index = random.below(control.program().params.len().max(1) as u64) as u32;
                let value = control.program().params.get(index as usize).map_or(0.0, |value| value * 0.75);
                Some(EngineCommand::Param { epoch: control.epoch(), index, value })
            }
            9 => {
                control.publish(&compile(&edit(&mut random), backend), None);
                None
            }
            _ => None,
        };
        if let Some(command) = command {
            assert!(control.send(command));
        }
        // A hush ends with the next edit only.
        if matches!(command, Some(EngineCommand::Hush | EngineCommand::Panic)) {
            control.publish(&compile(&edit(&mut random), backend), None);
        }
        let mut block = vec![0.0; (1 + random.below(6000)) as usize * 2];
        engine.process(&mut block, 2);
        sound.extend(block.iter().map(|x| x.to_bits()));
        slept += u64::from(engine.resting() > 0);
        control.collect();
        while control.notice().is_some() {}
    }
    (sound, slept)
}

#[test]
fn a_set_that_rests_sounds_as_one_that_is_computed() {
    let (mut slept, mut loud) = (0, 0);
    for seed in 1..4 {
        let (right, _) = play(seed, Backend::Interp);
        let (sound, rested) = play(seed, Backend::Jit);
        assert_eq!(right.len(), sound.len());
        let differs = right.iter().zip(&sound).position(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed}: the first sample that differs");
        loud += sound.iter().filter(|x| f32::from_bits(**x).abs() > 0.001).count();
        slept += rested;
    }
    assert!(loud > 10_000, "hardly anything sounds: {loud}");
    assert!(slept > 40, "hardly anything sleeps: {slept}");
}
