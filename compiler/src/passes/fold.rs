//! Computes what is constant, with the interpreter's own functions in the interpreter's own mode of the processor.

use crate::codegen::guard::flushed;
use crate::graph::ops::Op;
use crate::graph::{Ty, fold_lanes};

/// A constant: its type and its lanes.
pub type Words<'a> = (Ty, &'a [u32]);

/// An operation on constants.
pub fn op(op: Op, args: &[Words]) -> Vec<u32> {
    let lanes = args.iter().map(|(_, words)| words.len()).max().unwrap_or(1);
    let lane =
        |i: usize| -> Vec<u32> { args.iter().map(|(_, words)| words[if words.len() == 1 { 0 } else { i }]).collect() };
    let given: Vec<Vec<u32>> = (0..lanes).map(lane).collect();
    flushed(|| given.iter().map(|args| (op.info().interp)(args)).collect())
}

/// The sums of a reduction to `lanes` lanes.
pub fn reduce(words: &[u32], lanes: u32) -> Vec<u32> {
    let n = words.len() / lanes as usize;
    let sum = |words: &[u32]| {
        let mut terms: Vec<f32> = words.iter().map(|&w| f32::from_bits(w)).collect();
        fold_lanes(&mut terms, |a, b| a + b).to_bits()
    };
    flushed(|| words.chunks(n).map(sum).collect())
}

/// A line from a constant to itself, by the formula of every line.
pub fn line(words: &[u32]) -> Vec<u32> {
    let lane = |&w: &u32| {
        let (old, new) = (f32::from_bits(w), f32::from_bits(w));
        (old + (new - old) * 1.0).to_bits()
    };
    flushed(|| words.iter().map(lane).collect())
}
