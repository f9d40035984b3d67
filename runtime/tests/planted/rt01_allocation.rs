//! RT1: the callback neither allocates nor frees. Planted: one that remembers a sample of every block in a vector.
//!
//! The allocator of this binary counts what the thread asks of it inside the callback, while programs are swapped all the time. A vector
//! grows rarely, so the check must run for more than a few blocks.

use super::common::counting::touches;
use super::{Callback, Played, Verdict, honest};

fn check(callback: Callback) -> Verdict {
    let mut played = Played::new();
    let mut out = [0.0; 256];
    let mut count = 0;
    for block in 0..4_000 {
        if block % 20 == 0 {
            played.edit();
        }
        count += touches(|| callback(&mut played.engine, &mut out));
    }
    if count == 0 { Ok(()) } else { Err(format!("{count} calls of the allocator")) }
}

pub fn holds() -> Verdict {
    check(&mut honest)
}

pub fn planted() -> Verdict {
    let mut heard = Vec::new();
    check(&mut |engine, out| {
        engine.process(out, 2);
        heard.push(out[0]);
    })
}
