//! RT11: the same bits, whatever blocks a device asks for. Planted: a callback that smooths a level once a block.

use super::{Callback, Played, Verdict, honest};

/// A second in blocks of one length, with swaps at whole quanta.
fn play(block: usize, callback: Callback) -> Vec<u32> {
    let mut played = Played::new();
    let mut heard = Vec::new();
    for part in 0..4 {
        let mut out = vec![0.0f32; 2 * 64 * 190];
        out.chunks_mut(2 * block).for_each(|out| callback(&mut played.engine, out));
        heard.extend(out.iter().map(|x| x.to_bits()));
        if part < 3 {
            played.edit();
        }
    }
    heard
}

fn check(callback: Callback) -> Verdict {
    let right = play(64 * 190, callback);
    for block in [1, 7, 16, 64, 127, 512, 4096] {
        let heard = play(block, callback);
        if let Some(at) = right.iter().zip(&heard).position(|(a, b)| a != b) {
            return Err(format!("in blocks of {block} frames sample {at} is another"));
        }
    }
    Ok(())
}

pub fn holds() -> Verdict {
    check(&mut honest)
}

pub fn planted() -> Verdict {
    let mut level = 0.0f32;
    check(&mut |engine, out| {
        engine.process(out, 2);
        level += 0.1 * (1.0 - level);
        out.iter_mut().for_each(|x| *x *= level);
    })
}
