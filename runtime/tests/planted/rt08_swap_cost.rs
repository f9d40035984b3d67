//! RT8: what a swap costs the callback does not depend on how long its delays are. Planted: a callback that copies forty seconds of delay
//! when a program is taken.
//!
//! Time of this thread's processor for the block in which a program is taken, at its least of many, for a delay of half a second and for one
//! of forty: other programs and the machine's moods only make it longer. A delay that gets another size is copied before the swap, over as many
//! blocks as that takes, and none of these may cost more for a longer one.

use super::common::{Build, RATE};
use super::{Callback, Played, Verdict, honest};
use modurust_runtime::compiler::graph::Node;
use modurust_runtime::compiler::graph::ops::Op;
use modurust_runtime::compiler::program::Program;

/// Time of this thread's processor, in microseconds.
fn clock() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to `now` alone.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// A tone with an echo of so many frames, and some tracks more.
fn echo(frames: u32, more: usize) -> Program {
    let mut b = Build::new();
    let frame = b.frame("echo");
    let freq = b.graph.constant(220.0);
    let sound = b.oscillator(frame, freq, 1);
    let ring = b.graph.ring(frame, "d", 1, frames);
    let time = b.graph.constant(frames as f32 - 100.0);
    let tap = b.graph.push(Node::Tap(ring, time));
    let half = b.graph.constant(0.5);
    let back = b.graph.op(Op::Mul, &[tap, half]);
    let sum = b.graph.op(Op::Add, &[sound, back]);
    b.graph.rings[ring.index()].input = Some(sum);
    b.mono("echo", sum);
    (0..more).for_each(|i| b.drone(&format!("more{i}"), 100.0));
    b.finish()
}

/// The least time of a block in which a program is taken.
fn least(frames: u32, callback: Callback) -> f64 {
    let mut played = Played::of(vec![echo(frames, 0), echo(frames, 1)]);
    let mut least = f64::MAX;
    for _ in 0..40 {
        played.edit();
        let begin = clock();
        callback(&mut played.engine, &mut [0.0; 128]);
        least = least.min(clock() - begin);
        assert!(played.engine.is_fading(), "the program was taken in this block");
        (0..20).for_each(|_| played.engine.process(&mut [0.0; 128], 2));
    }
    least
}

/// The middle time of the blocks in which a delay is copied into one of twice its size, the least of several edits, and how many there are.
fn pouring(frames: u32) -> (f64, usize) {
    let mut played = Played::of(vec![echo(frames, 0), echo(2 * frames, 0)]);
    let (mut least, mut blocks) = (f64::MAX, 0);
    (0..2 * frames / 64).for_each(|_| played.engine.process(&mut [0.0; 128], 2));
    for _ in 0..4 {
        played.edit();
        let mut times = Vec::new();
        while !played.engine.is_fading() {
            let begin = clock();
            honest(&mut played.engine, &mut [0.0; 128]);
            times.push(clock() - begin);
        }
        blocks = times.len();
        times.sort_by(f64::total_cmp);
        least = least.min(times[blocks / 2]);
        (0..20).for_each(|_| played.engine.process(&mut [0.0; 128], 2));
    }
    (least, blocks)
}

fn check(callback: Callback) -> Verdict {
    let (short, long) = (least(RATE / 2, callback), least(40 * RATE, callback));
    println!("a swap with half a second of delay {short:.1} us, with forty seconds {long:.1} us");
    if long <= 2.0 * short + 20.0 { Ok(()) } else { Err(format!("{short:.1} us became {long:.1} us")) }
}

pub fn holds() -> Verdict {
    let ((short, few), (long, many)) = (pouring(RATE / 2), pouring(40 * RATE));
    println!(
        "a delay of half a second is copied in {few} blocks of {short:.1} us, one of forty in {many} of {long:.1} us"
    );
    if long > 2.0 * short + 20.0 || many < 10 * few {
        return Err(format!("copying: {short:.1} us became {long:.1} us, {few} blocks {many}"));
    }
    check(&mut honest)
}

pub fn planted() -> Verdict {
    let (memory, mut copy) = (vec![1.0f32; 40 * RATE as usize], vec![0.0f32; 40 * RATE as usize]);
    check(&mut |engine, out| {
        let fading = engine.is_fading();
        engine.process(out, 2);
        let rings = &engine.program().patch.graph.rings;
        let words = rings.iter().map(|ring| ring.capacity as usize).sum::<usize>().min(memory.len());
        if engine.is_fading() && !fading {
            copy[..words].copy_from_slice(&memory[..words]);
            std::hint::black_box(&mut copy);
        }
    })
}
