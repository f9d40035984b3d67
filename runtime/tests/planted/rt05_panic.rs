//! RT5: the callback does not panic. Planted: an index that is one too far when the block is short.
//!
//! Blocks of all lengths, also none, with swaps, seeks, hushes and numbers that are none. That no module of the audio side names what
//! panics, says RT2.

use super::common::Random;
use super::{Callback, Played, Verdict, honest};
use modurust_runtime::command::EngineCommand;
use modurust_runtime::compiler::score::Ratio;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn check(callback: Callback) -> Verdict {
    let (mut played, mut random) = (Played::new(), Random(5));
    let mut out = [0.0; 2 * 512];
    for block in 0..3_000 {
        if random.below(5) == 0 {
            played.edit();
        }
        let (epoch, index) = (played.control.epoch(), random.below(9) as u32);
        let value = [0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::MAX][random.below(6) as usize];
        played.control.send(match random.below(40) {
            0 => EngineCommand::Seek(Ratio::new(random.below(1 << 40) as i64, 7)),
            1 => EngineCommand::Tempo(Ratio::new(random.below(1 << 20) as i64 + 1, 1 << 10)),
            2 => EngineCommand::Hush,
            3 => EngineCommand::Panic,
            4 => EngineCommand::Pause,
            5 => EngineCommand::Nudge(random.below(1 << 30) as i64 - (1 << 29)),
            6 => EngineCommand::Loop(Some((Ratio::new(1, 9), Ratio::new(1, random.below(99) as i64 + 9)))),
            7..10 => EngineCommand::Play,
            _ => EngineCommand::Param { epoch, index, value },
        });
        let frames = random.below(513) as usize;
        let call = AssertUnwindSafe(|| callback(&mut played.engine, &mut out[..frames * 2]));
        if catch_unwind(call).is_err() {
            return Err(format!("a panic in block {block}, of {frames} frames"));
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
        out[8] *= 0.5;
    })
}
