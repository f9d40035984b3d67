//! RT6: subnormal numbers are flushed: a tail that dies away is silence in the end, and costs no more than a loud one. Planted: a callback
//! with a tail of its own, computed in the mode in which the rest of the program runs.
//!
//! A feedback of 0.9 goes through all subnormals within some hundred frames after a click, if nobody stops it.

use super::common::{RATE, Text, options};
use super::{Callback, Played, Verdict, honest};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;

fn check(callback: Callback) -> Verdict {
    let text = "tail(x) = {\n  y = x + 0.9 * y'\n  y\n}\nout = impulse(0hz) >> tail\n";
    let outcome = Compiler::new(options(Backend::Jit)).compile(&Text(text.into()), &["a.modu".to_string()]);
    let mut played = Played::of(vec![outcome.program.expect("it has no errors")]);
    let mut out = vec![0.0f32; 2 * RATE as usize];
    out.chunks_mut(128).for_each(|block| callback(&mut played.engine, block));
    if !out.iter().any(|x| *x > 0.5) {
        return Err("no click".into());
    }
    if let Some(at) = out.iter().position(|x| x.is_subnormal()) {
        return Err(format!("sample {at} is {:e}", out[at]));
    }
    match out.iter().rposition(|x| *x != 0.0) {
        Some(at) if at > 2 * 4_000 => Err(format!("sample {at} still sounds")),
        _ => Ok(()),
    }
}

pub fn holds() -> Verdict {
    check(&mut honest)
}

pub fn planted() -> Verdict {
    let mut tail = 0.0f32;
    check(&mut |engine, out| {
        engine.process(out, 2);
        for x in out {
            tail = *x + 0.95 * tail;
            *x = tail;
        }
    })
}
