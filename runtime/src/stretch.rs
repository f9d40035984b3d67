//! Longer or shorter at the same pitch: WSOLA with fixed transients.
//!
//! Windows of the sound are laid over each other at even distances; where each is taken from follows the stretched time, moved by a
//! few milliseconds so that it goes on best from the window before (waveform similarity overlap-add: Verhelst and Roelands, "An
//! overlap-add technique based on waveform similarity", ICASSP 1993). Around an onset time runs as it was recorded and nothing is
//! moved, so attacks stay sharp, sound once, and fall where stretched time puts them; what lies between gives or takes the
//! difference. A factor of 1 gives the sound back. With anchors ([`align`]) the factor is another one between each two of them.

/// Length of a window, seconds.
const WINDOW: f64 = 0.04;
/// Farthest that a window is moved, seconds.
const REACH: f64 = 0.012;
/// What runs unstretched around an onset, seconds before and after it: at least half a window, so that it is in none that is moved.
const BEFORE: f64 = 0.022;
const AFTER: f64 = 0.05;
/// Least distance of onsets, seconds.
const APART: f64 = 0.09;
/// A rise of energy by this factor within 5 ms is an onset.
const RISE: f64 = 6.0;
/// Every so many frames are compared at first.
const COARSE: usize = 4;

/// Factors that are carried out.
pub const RANGE: (f64, f64) = (0.125, 8.0);

type Frame = [f32; 2];

/// The sound `factor` times as long.
pub fn stretch(sound: &[Frame], factor: f64, rate: u32) -> Vec<Frame> {
    let factor = if factor.is_finite() { factor.clamp(RANGE.0, RANGE.1) } else { 1.0 };
    let course = Course { to: &|from| (from * factor, factor), knees: &[], end: sound.len() as f64 * factor };
    lay(sound, &course, rate)
}

/// The sound with some of its moments moved: anchors are frames of the sound, and frames of the result, both rising. Between two of them
/// time runs evenly; before the first and after the last as it was recorded. What would come before the beginning is left out.
pub fn align(sound: &[Frame], anchors: &[(f64, f64)], rate: u32) -> Vec<Frame> {
    let (Some(first), Some(last)) = (anchors.first(), anchors.last()) else { return sound.to_vec() };
    let to = |from: f64| {
        let next = anchors.partition_point(|a| a.0 <= from);
        let (Some(a), Some(b)) = (next.checked_sub(1).and_then(|i| anchors.get(i)), anchors.get(next)) else {
            let near = if next == 0 { first } else { last };
            return (from - near.0 + near.1, 1.0);
        };
        let factor = (b.1 - a.1) / (b.0 - a.0);
        (a.1 + (from - a.0) * factor, factor)
    };
    let end = to(sound.len() as f64).0.max(0.0);
    lay(sound, &Course { to: &to, knees: anchors, end }, rate)
}

/// How a sound is laid into time.
struct Course<'a> {
    /// The place of a frame, and how much longer time is there.
    to: &'a dyn Fn(f64) -> (f64, f64),
    /// Frames of the sound at which that changes, and their places.
    knees: &'a [(f64, f64)],
    /// Where the sound ends.
    end: f64,
}

fn lay(sound: &[Frame], course: &Course, rate: u32) -> Vec<Frame> {
    let length = course.end.round() as usize;
    if sound.is_empty() || length == 0 {
        return Vec::new();
    }
    let hop = ((WINDOW / 2.0 * f64::from(rate)) as usize / COARSE * COARSE).max(COARSE);
    let reach = (REACH * f64::from(rate)) as i64;
    let mono: Vec<f32> = sound.iter().map(|[l, r]| l + r).collect();
    let times = Times::new(&mono, course, rate);
    let window: Vec<f32> = (0..2 * hop)
        .map(|i| (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / (2 * hop) as f64).cos()) as f32)
        .collect();
    let mut out = vec![[0.0f32; 2]; length + 4 * hop];
    let mut before: Option<i64> = None;
    // The first window begins before the sound, so that every frame is in two.
    for m in 0..length.div_ceil(hop) + 1 {
        let centre = (m * hop) as f64;
        let (at, fixed) = times.input(centre);
        let wanted = at.round() as i64 - hop as i64;
        let from = match before {
            Some(last) if !fixed => similar(&mono, last + hop as i64, wanted, reach, hop),
            _ => wanted,
        };
        before = Some(from);
        for (i, weight) in window.iter().enumerate() {
            let Some(frame) = usize::try_from(from + i as i64).ok().and_then(|i| sound.get(i)) else { continue };
            let to = &mut out[m * hop + i];
            to[0] += frame[0] * weight;
            to[1] += frame[1] * weight;
        }
    }
    out.drain(..hop);
    out.truncate(length);
    out
}

/// Where to take a window near `wanted`, so that it goes on like the sound at `next`.
fn similar(mono: &[f32], next: i64, wanted: i64, reach: i64, hop: usize) -> i64 {
    if next == wanted {
        return wanted;
    }
    let at = |i: i64| usize::try_from(i).ok().and_then(|i| mono.get(i)).copied().unwrap_or(0.0);
    let score = |from: i64, step: usize| {
        let (mut product, mut energy) = (0.0f64, 1e-9f64);
        for i in (0..2 * hop as i64).step_by(step) {
            let (a, b) = (f64::from(at(next + i)), f64::from(at(from + i)));
            product += a * b;
            energy += b * b;
        }
        product / energy.sqrt()
    };
    let best = |candidates: &mut dyn Iterator<Item = i64>, step: usize| {
        // Of equals the first is taken, so the middle comes first.
        let mut best = (wanted, score(wanted, step));
        for from in candidates {
            let value = score(from, step);
            if value > best.1 {
                best = (from, value);
            }
        }
        best.0
    };
    let coarse = best(&mut (-reach..=reach).step_by(COARSE).map(|d| wanted + d), COARSE);
    let near = COARSE as i64;
    best(&mut (-near..=near).map(|d| (coarse + d).clamp(wanted - reach, wanted + reach)), 2)
}

/// How stretched time runs.
struct Times {
    /// Corners: a place of the result, and the place of the sound that it is. Between them time is even.
    corners: Vec<(f64, f64)>,
    /// Stretches of the result that run as recorded.
    fixed: Vec<(f64, f64)>,
}

impl Times {
    fn new(mono: &[f32], course: &Course, rate: u32) -> Times {
        let (before, after) = (BEFORE * f64::from(rate), AFTER * f64::from(rate));
        let mut corners = vec![((course.to)(0.0).0, 0.0)];
        let mut fixed = Vec::new();
        let mut knees = course.knees.iter().map(|(from, to)| (*to, *from)).peekable();
        // Those that lie in what runs as recorded are passed over: what they would move is moved with its onset.
        let mut bend = |corners: &mut Vec<(f64, f64)>, until: (f64, f64)| {
            while let Some(knee) = knees.next_if(|k| k.0 < until.0 && k.1 < until.1) {
                if corners.last().is_some_and(|last| knee.0 > last.0 && knee.1 > last.1) {
                    corners.push(knee);
                }
            }
        };
        for onset in onsets(mono, rate) {
            let from = onset as f64;
            let (to, factor) = (course.to)(from);
            // Of a shortened sound less is left as it was.
            let after = before.max(after * factor.min(1.0));
            let &(last_to, last_from) = corners.last().expect("there is a first");
            if to - before <= last_to || from - before <= last_from {
                continue;
            }
            bend(&mut corners, (to - before, from - before));
            corners.extend([(to - before, from - before), (to + after, from + after)]);
            fixed.push((to - before, to + after));
        }
        let end = mono.len() as f64;
        bend(&mut corners, (course.end, end));
        corners.retain(|c| c.0 < course.end && c.1 < end);
        corners.push((course.end, end));
        Times { corners, fixed }
    }

    /// The place of the sound for a place of the result, and whether it runs as recorded there.
    fn input(&self, to: f64) -> (f64, bool) {
        let next = self.corners.partition_point(|c| c.0 <= to).clamp(1, self.corners.len() - 1);
        let ((t0, f0), (t1, f1)) = (self.corners[next - 1], self.corners[next]);
        let part = if t1 > t0 { (to - t0) / (t1 - t0) } else { 0.0 };
        let fixed = self.fixed.partition_point(|f| f.1 < to);
        (f0 + (f1 - f0) * part, self.fixed.get(fixed).is_some_and(|f| f.0 <= to))
    }
}

/// Frames at which something begins: the energy of 5 ms rises far above that of the 20 ms before.
fn onsets(mono: &[f32], rate: u32) -> Vec<usize> {
    let step = (rate as usize / 200).max(1);
    let energy: Vec<f64> =
        mono.chunks(step).map(|c| c.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>()).collect();
    let loudest = energy.iter().copied().fold(0.0, f64::max);
    let apart = (APART * 200.0) as usize;
    let mut found: Vec<usize> = Vec::new();
    for i in 0..energy.len() {
        let past = &energy[i.saturating_sub(4)..i];
        let level = past.iter().sum::<f64>() / past.len().max(1) as f64;
        let rises = energy[i] > RISE * level && energy[i] > loudest * 1e-3;
        if rises && found.last().is_none_or(|last| i - last > apart) {
            found.push(i);
        }
    }
    // To the frame: where the loudness of the step first comes up.
    let precise = |i: usize| {
        let part = &mono[i * step..((i + 1) * step).min(mono.len())];
        let peak = part.iter().fold(0.0f32, |p, x| p.max(x.abs()));
        i * step + part.iter().position(|x| x.abs() > 0.2 * peak).unwrap_or(0)
    };
    found.into_iter().map(precise).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    fn tone(freq: f64, seconds: f64) -> Vec<Frame> {
        let wave = |i: usize| (i as f64 / f64::from(RATE) * freq * std::f64::consts::TAU).sin() as f32 * 0.5;
        (0..(seconds * f64::from(RATE)) as usize).map(|i| [wave(i), -wave(i)].map(|x| x + wave(2 * i) * 0.2)).collect()
    }

    #[test]
    fn a_factor_of_one_gives_the_sound_back() {
        let sound = tone(313.0, 0.7);
        let same = stretch(&sound, 1.0, RATE);
        let worst = sound.iter().flatten().zip(same.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(same.len() == sound.len() && worst < 1e-5, "{worst}");
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_its_level() {
        for freq in [110.0, 440.0, 1234.5] {
            for factor in [0.5, 0.8, 1.07, 1.5, 3.0] {
                let sound: Vec<Frame> = tone(freq, 1.0).iter().map(|f| [f[0] - f[1]; 2]).collect();
                let long = stretch(&sound, factor, RATE);
                assert_eq!(long.len(), (f64::from(RATE) * factor).round() as usize);
                // Zero crossings count the pitch, in the middle, where both windows are full.
                let middle = &long[4000..long.len() - 4000];
                let rises = middle.windows(2).filter(|w| w[0][0] <= 0.0 && w[1][0] > 0.0).count();
                let wanted = freq * middle.len() as f64 / f64::from(RATE);
                let off = (rises as f64 - wanted).abs();
                assert!(off < 1.5 + 0.003 * wanted, "{freq} Hz, x{factor}: {rises} periods, not {wanted}");
                let level = |part: &[Frame]| {
                    (part.iter().map(|f| f64::from(f[0]) * f64::from(f[0])).sum::<f64>() / part.len() as f64).sqrt()
                };
                let whole = level(&sound[4000..44_000]);
                for (i, part) in middle.chunks_exact(2400).enumerate() {
                    let part = level(part) / whole;
                    assert!((0.9..1.1).contains(&part), "{freq} Hz, x{factor}: {part} at {i}");
                }
            }
        }
    }

    #[test]
    fn clicks_stay_sharp_sound_once_and_fall_in_place() {
        let mut sound = vec![[0.0f32; 2]; 96_000];
        for k in 0..8 {
            for i in 0..400 {
                sound[3000 + k * 11_000 + i] =
                    [0.8 * (-(i as f32) / 80.0).exp() * if i % 2 == 0 { 1.0 } else { -1.0 }; 2];
            }
        }
        for factor in [0.75, 1.0, 1.3, 2.0] {
            let long = stretch(&sound, factor, RATE);
            let peaks: Vec<usize> =
                (1..long.len()).filter(|&i| long[i][0].abs() > 0.6 && long[i - 1][0].abs() < 0.6).collect();
            let mut first: Vec<usize> = Vec::new();
            for peak in peaks {
                if first.last().is_none_or(|last| peak - last > 500) {
                    first.push(peak);
                }
            }
            assert_eq!(first.len(), 8, "x{factor}: {first:?}");
            for (k, at) in first.iter().enumerate() {
                let want = (3000 + k * 11_000) as f64 * factor;
                assert!((*at as f64 - want).abs() < 48.0, "x{factor}: click {k} at {at}, not {want}");
            }
        }
    }

    #[test]
    fn nothing_is_too_short_or_too_odd() {
        for n in [0, 1, 2, 100, 2000] {
            for factor in [0.0, 0.1, 1.0, 100.0, f64::NAN, f64::INFINITY] {
                let _ = stretch(&vec![[0.5; 2]; n], factor, RATE);
            }
        }
    }
}
