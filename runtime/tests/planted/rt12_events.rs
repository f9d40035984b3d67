//! RT12: an event is heard at its frame, at each place of a quantum. Planted: a callback in which what happens within a block happens at its
//! beginning.
//!
//! Steps of 65 frames come by every offset of a quantum. What is heard is the number of the step itself.

use super::common::{RATE, probe, timing};
use super::{Callback, Played, Verdict, honest};
use modurust_runtime::compiler::program::UnitKind;
use modurust_runtime::compiler::score::{Ratio, Value};

const STEP: usize = 65;

fn check(callback: Callback) -> Verdict {
    let bpm = Ratio::int(60 * i64::from(RATE) * 4) / Ratio::int(STEP as i64 * 8);
    let steps = |b: &mut super::common::Build| {
        let steps: Vec<_> = (1..9).map(|n| b.score.pure(Value::Num(f64::from(n)))).collect();
        b.score.fastcat(&steps)
    };
    let mut played = Played::of(vec![probe(steps, UnitKind::Mono, timing(bpm))]);
    let mut out = vec![0.0f32; 2 * STEP * 200];
    out.chunks_mut(128).for_each(|block| callback(&mut played.engine, block));
    for (frame, pair) in out.chunks_exact(2).enumerate() {
        let right = (frame / STEP % 8) as f32 + 1.0;
        if pair[0] != right {
            return Err(format!("frame {frame} has step {}, not {right}", pair[0]));
        }
    }
    Ok(())
}

pub fn holds() -> Verdict {
    check(&mut honest)
}

pub fn planted() -> Verdict {
    check(&mut |engine, out| {
        engine.process(out, 2);
        let last = [out[out.len() - 2], out[out.len() - 1]];
        out.chunks_exact_mut(2).for_each(|pair| pair.copy_from_slice(&last));
    })
}
