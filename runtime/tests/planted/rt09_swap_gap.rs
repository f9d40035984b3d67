//! RT9: a swap misses no frame and doubles none. Planted: a callback that throws one frame away in each swap.
//!
//! Programs that sound the same but are other code are swapped all the time; what is heard is what is heard without any swap, to the
//! bit. `storm.rs` does the same with texts, for longer.

use super::common::{Build, song};
use super::{Callback, Played, Verdict, honest};
use modurust_runtime::compiler::program::{Program, UnitKind};

/// The song, after a track that is silent.
fn longer() -> Program {
    let mut b = Build::new();
    let frame = b.frame("extra");
    let zero = b.graph.constant(0.0);
    let sound = b.oscillator(frame, zero, 1);
    let silent = b.graph.op(modurust_runtime::compiler::graph::ops::Op::Mul, &[sound, zero]);
    b.mono("extra", silent);
    let notes = b.notes(&[48.0, 60.0, 63.0, 67.0, 70.0, 72.0, 55.0]);
    b.synth("poly", UnitKind::Poly, 6, notes);
    let bass = b.notes(&[36.0, 36.0, 43.0]);
    b.synth("bass", UnitKind::Mono, 1, bass);
    b.drone("drone", 110.0);
    b.echo("echo", 330.0);
    b.finish()
}

fn check(callback: Callback) -> Verdict {
    let (mut plain, mut played) = (Played::of(vec![song(110.0)]), Played::of(vec![song(110.0), longer()]));
    let [mut right, mut heard] = [[0.0f32; 2 * 1024]; 2];
    for swap in 0..60 {
        played.edit();
        plain.engine.process(&mut right, 2);
        callback(&mut played.engine, &mut heard);
        if let Some(at) = right.iter().zip(&heard).position(|(a, b)| a.to_bits() != b.to_bits()) {
            return Err(format!("swap {swap}: sample {at} is {}, not {}", heard[at], right[at]));
        }
    }
    Ok(())
}

pub fn holds() -> Verdict {
    check(&mut honest)
}

pub fn planted() -> Verdict {
    let mut epoch = 0;
    check(&mut |engine, out| {
        let now = engine.program().patch.hash;
        engine.process(out, 2);
        if engine.program().patch.hash != now && epoch > 3 {
            engine.process(&mut [0.0; 2], 2);
        }
        epoch += 1;
    })
}
