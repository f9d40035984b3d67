//! Longer or shorter at the same pitch: a phase vocoder with fixed transients.
//!
//! Windows of the sound are laid over each other at even distances; where each is taken from follows the stretched time. Their partials are
//! turned so that they go on from the window before ([`Grains`], [`advance`]), those of both channels by as much. Around an onset time runs
//! as it was recorded and nothing is turned, so attacks stay sharp, sound once, and fall where stretched time puts them; what lies between
//! gives or takes the difference. A factor of 1 gives the sound back. With anchors ([`align`]) the factor is another one between each
//! two of them.

use modurust_compiler::kernel::vocoder::{Grains, advance};

/// Length of a window, seconds, less what makes it no power of two.
const WINDOW: f64 = 0.047;
/// Windows that each frame is in.
const OVERLAP: usize = 8;
/// What runs unstretched around an onset, seconds before and after it: at least half a window, so that it is in none that is moved.
const BEFORE: f64 = 0.0235;
const AFTER: f64 = 0.05;
/// Least distance of onsets, seconds.
const APART: f64 = 0.09;
/// A rise of energy by this factor within 5 ms is an onset.
const RISE: f64 = 6.0;
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
    let window = ((WINDOW * f64::from(rate)) as usize).next_power_of_two() / 2;
    let (window, half) = (window.max(64), window.max(64) / 2);
    let hop = window / OVERLAP;
    let mono: Vec<f32> = sound.iter().map(|[l, r]| l + r).collect();
    let times = Times::new(&mono, course, rate);
    let mut sides = [Grains::new(window), Grains::new(window)];
    let mut turns = vec![0.0; half + 1];
    let mut out = vec![[0.0f32; 2]; length + 2 * window];
    let mut before: Option<(f64, bool)> = None;
    // The first window lies half before the sound, so that every frame is in as many.
    for begin in (0..length + window).step_by(hop) {
        let (at, fixed) = times.input(begin as f64 - half as f64);
        let at = at.round();
        // Where time begins to run as recorded, and at first, nothing is turned.
        let on = before.filter(|(_, was)| *was || !fixed).map(|(last, _)| hop as f64 - (at - last));
        before = Some((at, fixed));
        for (side, grains) in sides.iter_mut().enumerate() {
            grains.read(at, 1.0, &mut |first, to| {
                for (i, x) in to.iter_mut().enumerate() {
                    let frame = usize::try_from(first + i as i64).ok().and_then(|i| sound.get(i));
                    *x = frame.map_or(0.0, |frame| frame[side]);
                }
            });
        }
        if !sides.iter_mut().all(|grains| grains.transform()) {
            turns.fill(0.0);
            continue;
        }
        advance(&sides, &mut turns, on, 1.0);
        for (side, grains) in sides.iter_mut().enumerate() {
            let heard = grains.sounding(&turns, hop);
            out[begin..begin + window].iter_mut().zip(heard).for_each(|(to, x)| to[side] += x);
        }
    }
    out.drain(..window);
    out.truncate(length);
    out
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
                // What begins with the sound runs as recorded from there on.
                if corners.len() == 1 && (to - last_to - from + last_from).abs() < 64.0 {
                    corners.push((to + after, from + after));
                    fixed.push((to - before, to + after));
                }
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

    /// Cents off, and decibels to the loudest of what is not the tone, by fitting the tone to the sound.
    fn purity(sound: &[Frame], freq: f64) -> (f64, f64) {
        let turn = |i: usize| i as f64 * freq / f64::from(RATE) * std::f64::consts::TAU;
        let fit = |part: &[Frame], from: usize| {
            let sums = part.iter().enumerate().fold((0.0, 0.0), |(c, s), (i, x)| {
                let (sin, cos) = turn(from + i).sin_cos();
                (c + f64::from(x[0]) * cos, s + f64::from(x[0]) * sin)
            });
            (2.0 * sums.0 / part.len() as f64, 2.0 * sums.1 / part.len() as f64)
        };
        // How much the phase moves between two seconds' quarters says how far off the pitch is.
        let quarter = RATE as usize / 4;
        let (a, b) = (fit(&sound[..quarter], 0), fit(&sound[sound.len() - quarter..], sound.len() - quarter));
        let moved = (b.0.atan2(b.1) - a.0.atan2(a.1) + 9.0 * std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
            - std::f64::consts::PI;
        let seconds = (sound.len() - quarter) as f64 / f64::from(RATE);
        let cents = (1.0 + moved / std::f64::consts::TAU / seconds / freq).log2() * 1200.0;
        // Quarters one by one, so that a slow drift of phase is no noise.
        let (mut left, mut all) = (0.0f64, 0.0f64);
        for part in sound.chunks_exact(quarter) {
            let (c, s) = fit(part, 0);
            for (i, x) in part.iter().enumerate() {
                let (sin, cos) = turn(i).sin_cos();
                left += (f64::from(x[0]) - c * cos - s * sin).powi(2);
                all += f64::from(x[0]).powi(2);
            }
        }
        (cents, 10.0 * (left / all).log10())
    }

    #[test]
    fn a_tone_stays_pure() {
        for freq in [1000.0, 997.3, 441.7] {
            for factor in [0.5, 0.83, 1.0, 1.37, 2.0] {
                let wave = |i: usize| (i as f64 / f64::from(RATE) * freq * std::f64::consts::TAU).sin() as f32 * 0.5;
                let sound: Vec<Frame> = (0..3 * RATE as usize).map(|i| [wave(i); 2]).collect();
                let long = stretch(&sound, factor, RATE);
                let quarter = long.len() / 4;
                let (cents, rest) = purity(&long[quarter..3 * quarter], freq);
                println!("{freq} Hz, x{factor}: {cents:.3} cents, {rest:.1} dB");
                assert!(cents.abs() < 0.5 && rest < -60.0, "{freq} Hz, x{factor}: {cents} cents, {rest} dB");
            }
        }
    }

    #[test]
    fn clicks_keep_their_place_within_two_milliseconds() {
        let mut sound = vec![[0.0f32; 2]; 96_000];
        let places: Vec<usize> = (0..9).map(|k| 5000 + k * 9600).collect();
        places.iter().for_each(|at| sound[*at] = [0.9; 2]);
        for factor in [0.5, 0.7, 1.0, 1.4, 2.0] {
            let long = stretch(&sound, factor, RATE);
            for at in &places {
                let want = (*at as f64 * factor) as usize;
                let near = want - 1500..(want + 1500).min(long.len());
                let found = near.clone().max_by(|a, b| long[*a][0].abs().total_cmp(&long[*b][0].abs())).unwrap_or(0);
                assert!(found.abs_diff(want) <= 96, "x{factor}: {found}, not {want}");
                // It sounds once.
                let echo = near.filter(|i| i.abs_diff(found) > 96).map(|i| long[i][0].abs()).fold(0.0, f32::max);
                assert!(echo < 0.05 && long[found][0] > 0.8, "x{factor} at {want}: {echo}, {}", long[found][0]);
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
