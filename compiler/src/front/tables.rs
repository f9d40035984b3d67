//! Numbers that are worked out once, at compile time, in double precision: coefficients of filters and spectra of tables.
//!
//! The library has them as arrays of plain numbers, so that they fold into the code like any constant.

use crate::front::builtins::Call;
use crate::front::elab::Elab;
use crate::front::value::*;
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

/// Longest table or filter.
const MOST: u32 = 4096;
/// The shape of the Kaiser window: side lobes 90 dB down.
const BETA: f64 = 8.96;

/// An array of plain numbers.
fn array<'a>(values: impl IntoIterator<Item = f64>) -> Value<'a> {
    Value::Array(Arc::new(values.into_iter().map(|x| Value::Num(Num::constant(x))).collect()))
}

/// The modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-16 {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}

/// A sinc under a Kaiser window (Kaiser, 1974).
fn windowed_sinc(n: u32, cutoff: f64, beta: f64) -> Vec<f64> {
    let middle = f64::from(n - 1) / 2.0;
    let tap = |i: u32| {
        let t = f64::from(i) - middle;
        let wave = if t == 0.0 { 2.0 * cutoff } else { (TAU * cutoff * t).sin() / (PI * t) };
        let edge = if n > 1 { t / middle } else { 0.0 };
        wave * bessel(beta * (1.0 - edge * edge).max(0.0).sqrt())
    };
    let taps: Vec<f64> = (0..n).map(tap).collect();
    let sum: f64 = taps.iter().sum();
    taps.into_iter().map(|x| x / sum).collect()
}

pub(super) fn sinc<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(n) = e.count(call, "n", MOST) else { return Value::Broken };
    let Some(Value::Num(cutoff)) = e.want(call, "cutoff").map(|arg| arg.value) else { return Value::Broken };
    let beta = match call.take_named("beta").map(|item| e.item(item, call.scope).value) {
        None => BETA,
        Some(Value::Num(beta)) => beta.value.clamp(0.0, 20.0),
        Some(_) => return Value::Broken,
    };
    array(windowed_sinc(n, cutoff.value.clamp(1e-6, 0.5), beta))
}

/// Amplitude, and phase as a sine in turns, of each harmonic up to half of the length of a period.
fn spectrum(table: &[f64]) -> Vec<[f64; 2]> {
    let n = table.len();
    let part = |k: usize| {
        let scale = if 2 * k == n { 1.0 } else { 2.0 } / n as f64;
        let sum = |f: fn(f64) -> f64| -> f64 {
            table.iter().enumerate().map(|(i, x)| x * f(TAU * ((i * k) % n) as f64 / n as f64)).sum()
        };
        let (cosine, sine) = (scale * sum(f64::cos), scale * sum(f64::sin));
        [cosine.hypot(sine), cosine.atan2(sine) / TAU]
    };
    (1..=n / 2).map(part).collect()
}

pub(super) fn harmonics<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(table) = e.want(call, "table") else { return Value::Broken };
    let values = match e.constants(&table.value) {
        Some(values) if (2..=MOST as usize).contains(&values.len()) => values,
        _ => {
            e.error("type", table.span, format!("a table holds 2 to {MOST} plain numbers")).help =
                Some("write `[0, 0.5, 1, 0.2]`".into());
            return Value::Broken;
        }
    };
    Value::Array(Arc::new(spectrum(&values).into_iter().map(array).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_windowed_sinc_passes_and_stops() {
        let taps = windowed_sinc(128, 0.125, BETA);
        let gain = |f: f64| {
            let (re, im) = taps.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, x)| {
                let w = TAU * f * i as f64;
                (re + x * w.cos(), im + x * w.sin())
            });
            f64::hypot(re, im)
        };
        assert!((gain(0.0) - 1.0).abs() < 1e-12 && (gain(0.08) - 1.0).abs() < 1e-3 && gain(0.17) < 1e-4);
    }

    #[test]
    fn the_spectrum_of_a_table_gives_it_back() {
        let table = [0.3, -0.2, 0.9, 0.1, -0.7, -0.4];
        let mean = table.iter().sum::<f64>() / 6.0;
        let parts = spectrum(&table);
        for (i, x) in table.iter().enumerate() {
            let wave: f64 = (1..)
                .zip(&parts)
                .map(|(k, [size, phase])| size * (TAU * (f64::from(k) * i as f64 / 6.0 + phase)).sin())
                .sum();
            assert!((mean + wave - x).abs() < 1e-12);
        }
    }
}
