//! RT7: what is not a number is contained: it is never heard, and the sound is there again within ten milliseconds. Planted: a feedback
//! of the callback's own, in which it stays for ever.
//!
//! The sound comes from outside, where anything may come from: a tone with some values that are none, through a filter and an echo that
//! would both remember them. That every effect of the library recovers, says `tests/tests/extremes.rs`.

use super::common::{RATE, Text, options};
use super::{Callback, Verdict, honest};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::engine::{Engine, EngineOptions};

/// Frames in which what comes in is no number.
const BAD: std::ops::Range<usize> = 9_600..9_640;

fn check(callback: Callback) -> Verdict {
    let text = "out = input(1) >> lpf(2khz) >> echo(0.1s) * 0.5\n";
    let outcome = Compiler::new(options(Backend::Jit)).compile(&Text(text.into()), &["a.modu".to_string()]);
    let program = outcome.program.expect("it has no errors");
    let engine = EngineOptions { input: (RATE as usize, 1), ..EngineOptions::new(RATE) };
    let (mut engine, _control, mut taps) = Engine::new(&engine, Some(program)).expect("an engine");
    let input = taps.input.as_mut().expect("an input");
    let strange = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN];
    for i in 0..RATE as usize {
        let tone = (i as f32 * 0.05).sin();
        let _ = input.push(if BAD.contains(&i) { strange[i % 4] } else { tone });
    }
    let mut out = vec![0.0f32; 2 * RATE as usize];
    out.chunks_mut(128).for_each(|block| callback(&mut engine, block));
    if let Some(at) = out.iter().position(|x| !x.is_finite()) {
        return Err(format!("sample {at} is {}", out[at]));
    }
    let loud = |frames: std::ops::Range<usize>| out[2 * frames.start..2 * frames.end].iter().any(|x| x.abs() > 0.1);
    let back = BAD.end + RATE as usize / 100;
    if !loud(1_000..BAD.start) || !loud(back..back + 200) {
        return Err("the sound does not come back".into());
    }
    Ok(())
}

pub fn holds() -> Verdict {
    check(&mut honest)
}

pub fn planted() -> Verdict {
    let (mut level, mut block) = (0.0f32, 0);
    check(&mut |engine, out| {
        engine.process(out, 2);
        block += 1;
        // A gain that follows the level, and a level that once is no number.
        level = 0.9 * level + if block == 100 { f32::NAN } else { out[0].abs() };
        out.iter_mut().for_each(|x| *x *= 1.0 / (1.0 + 0.01 * level));
    })
}
