//! RT4: the work of a quantum is bounded, however much waits. Planted: a callback that does not stop before everything that was sent is
//! carried out.
//!
//! The ring of commands is filled to the brim; then one block of a quantum may take so many of them and no more. How many it took
//! is how many find room again.

use super::{Callback, Played, Verdict, honest};
use modurust_runtime::command::EngineCommand;

/// Commands that a quantum carries out at most: 64, and as many again if a program is taken in it.
const MOST: usize = 2 * 64;

fn check(callback: Callback) -> Verdict {
    let mut played = Played::new();
    let command = |i: usize| EngineCommand::Param { epoch: 0, index: 0, value: i as f32 };
    let fill = |played: &mut Played| (0..).take_while(|i| played.control.send(command(*i))).count();
    let room = fill(&mut played);
    assert!(room > 4 * MOST, "a ring of {room} is too small to tell");
    for block in 0..20 {
        played.edit();
        callback(&mut played.engine, &mut [0.0; 128]);
        let done = fill(&mut played);
        if done == 0 || done > MOST {
            return Err(format!("block {block} carried out {done} commands"));
        }
    }
    Ok(())
}

pub fn holds() -> Verdict {
    check(&mut honest)
}

pub fn planted() -> Verdict {
    check(&mut |engine, out| (0..20).for_each(|_| engine.process(out, 2)))
}
