//! Sound to numbers: peak, RMS, offset, the strongest frequency.

use realfft::RealFftPlanner;

/// Largest absolute sample.
pub fn peak(x: &[f32]) -> f64 {
    x.iter().fold(0.0, |m, v| m.max(f64::from(v.abs())))
}

/// Root mean square.
pub fn rms(x: &[f32]) -> f64 {
    (x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / x.len().max(1) as f64).sqrt()
}

/// Mean.
pub fn dc(x: &[f32]) -> f64 {
    x.iter().map(|v| f64::from(*v)).sum::<f64>() / x.len().max(1) as f64
}

/// Largest step between neighbours.
pub fn step(x: &[f32]) -> f64 {
    x.windows(2).fold(0.0, |m, w| m.max(f64::from((w[1] - w[0]).abs())))
}

/// True if every sample is a finite number.
pub fn finite(x: &[f32]) -> bool {
    x.iter().all(|v| v.is_finite())
}

/// Power of each bin under a Gaussian window (whose peaks are parabolas in decibels), over the largest power of two that fits, from the end.
pub fn spectrum(x: &[f32]) -> Vec<f64> {
    let n = if x.len().is_power_of_two() { x.len() } else { x.len().next_power_of_two() / 2 };
    let mut buffer: Vec<f64> = x[x.len() - n..]
        .iter()
        .enumerate()
        .map(|(i, v)| f64::from(*v) * (-32.0 * (i as f64 / n as f64 - 0.5).powi(2)).exp())
        .collect();
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(n);
    let mut bins = plan.make_output_vec();
    plan.process(&mut buffer, &mut bins).expect("sizes agree");
    bins.iter().map(|c| c.norm_sqr()).collect()
}

/// The strongest frequency in Hz, between bins by a parabola.
pub fn peak_hz(x: &[f32], rate: f64) -> f64 {
    let power = spectrum(x);
    let n = (power.len() - 1) * 2;
    let at = (1..power.len() - 1).max_by(|a, b| power[*a].total_cmp(&power[*b])).unwrap_or(1);
    let log = |i: usize| power[i].max(1e-300).ln();
    let (a, b, c) = (log(at - 1), log(at), log(at + 1));
    let shift = 0.5 * (a - c) / (a - 2.0 * b + c);
    (at as f64 + if shift.is_finite() { shift } else { 0.0 }) * rate / n as f64
}
