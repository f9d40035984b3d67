//! A live run, written down as an arrangement, sounds the same.

use modurust_runtime::command::{EngineCommand, EngineNotice};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::launcher::{Happened, Order, Quantise, Wish};
use modurust_runtime::performance::{capture, resolve};
use modurust_runtime::world::FileWorld;
use modurust_tests::sound::{RATE, options};

const SET: &str = "tempo 150bpm
track drums = clips {
  a: \"bd*4\"
  b: \"bd sn [bd bd] sn, hh*8?\" for 3/2bars then c(2) | b
  c: \"bd*2 sn*4\" for 1/2bars then b
} >> kit('tr909') * -8db
track bass = clips { x: \"0 3 <5 7> 10\"  y: \"0*4 12*3\" for 2bars then stop } >> scale(a1, minor) >> mono(acid) * -9db
";

fn compile(text: &str) -> Program {
    let mut world = FileWorld::new();
    world.overlay("set.modu", text);
    let outcome = Compiler::new(options(Backend::Jit)).compile(&world, &["set.modu".to_string()]);
    let messages = outcome.render(false);
    outcome.program.unwrap_or_else(|| panic!("{messages}\n{text}"))
}

/// Plays blocks, with launches before some of them; the sound and what happened.
fn play(program: &Program, blocks: usize, script: &[(usize, &str, bool, Ratio)]) -> (Vec<f32>, Vec<Happened>) {
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program.clone())).unwrap();
    let (mut sound, mut happened) = (Vec::new(), Vec::new());
    for block in 0..blocks {
        for (_, path, launch, step) in script.iter().filter(|s| s.0 == block) {
            let what = resolve(&program.timeline, path).expect("a name of the text");
            let order = Order { what, launch: *launch, legato: false, at: Quantise::Bars(*step) };
            assert!(control.send(EngineCommand::Wish { epoch: 0, wish: Wish::Order(order) }));
        }
        let mut out = [0.0f32; 1024];
        engine.process(&mut out, 2);
        sound.extend_from_slice(&out);
        while let Some(notice) = control.notice() {
            if let EngineNotice::Happened(what) = notice {
                happened.push(what);
            }
        }
    }
    (sound, happened)
}

#[test]
fn a_captured_run_sounds_the_same() {
    let program = compile(SET);
    let bar = program.timing.frames_per_bar(RATE).floor() as usize;
    let bars = 12;
    let blocks = bar * bars / 512;
    let one = Ratio::ONE;
    let script = [
        (blocks / 12, "drums.b", true, one),
        (blocks / 4, "bass.y", true, Ratio::new(1, 3)),
        (blocks / 2, "bass.x", true, Ratio::new(1, 4)),
        (blocks * 2 / 3, "drums", false, Ratio::new(1, 2)),
        (blocks * 3 / 4, "drums.a", true, one),
    ];
    let (live, happened) = play(&program, blocks, &script);
    let text = capture(&program.timeline, &happened, Ratio::ZERO, Ratio::int(bars as i64));
    assert!(text.matches("part_").count() > 8, "{text}");
    let (song, _) = play(&compile(&format!("{SET}\n{text}")), blocks, &[]);
    assert!(live.iter().any(|x| x.abs() > 0.05));
    let differs = live.iter().zip(&song).position(|(a, b)| a != b);
    assert_eq!(differs, None, "sample of {} frames a bar, in:\n{text}", bar * 2);
}

#[test]
fn a_night_with_the_example_set_is_captured() {
    let text = std::fs::read_to_string("../examples/five_minutes.modu").unwrap().replace("124bpm", "496bpm");
    let (set, _) = text.split_once("\narrange {").expect("the example has a song");
    let program = compile(set);
    assert!(program.timeline.sets.len() >= 6 && program.timeline.scenes.len() >= 4);
    let bar = program.timing.frames_per_bar(RATE).floor() as usize;
    let bars = 44;
    let at = |bar_number: usize| bar * bar_number / 512;
    let one = Ratio::ONE;
    let script = [
        (0, "intro", true, one),
        (at(3), "groove", true, one),
        (at(12), "arp.up", true, Ratio::new(1, 4)),
        (at(19), "high", true, Ratio::int(4)),
        (at(31), "rest", true, one),
        (at(33), "perc", false, Ratio::new(1, 2)),
        (at(38), "groove", true, Ratio::int(2)),
        (at(41), "chords", false, one),
    ];
    let (live, happened) = play(&program, bar * bars / 512, &script);
    let song = capture(&program.timeline, &happened, Ratio::ZERO, Ratio::int(bars as i64));
    let (again, _) = play(&compile(&format!("{set}\n{song}")), bar * bars / 512, &[]);
    assert!(live.iter().any(|x| x.abs() > 0.2));
    let differs = live.iter().zip(&again).position(|(a, b)| a != b);
    assert_eq!(differs, None, "sample of {} frames a bar, in:\n{song}", bar * 2);
}
