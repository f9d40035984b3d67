//! Sound through spectra: what nobody touches comes back, what is frozen sounds on, edits keep it, and paths of other length meet in time.

use modurust_runtime::compiler::exec::{Backend, Instance, word_moves};
use modurust_runtime::compiler::graph::QUANTUM;
use modurust_runtime::compiler::graph::state::StateMap;
use modurust_runtime::compiler::program::Program;
use modurust_tests::facts::{finite, peak_hz, rms, spectrum};
use modurust_tests::sound::{RATE, hear, program, run};
use std::sync::Arc;

/// A sound with everything in it.
const RICH: &str = "(saw(110hz) * 0.3 + noise * 0.2 + impulse(7hz) * 0.4)";

/// The greatest difference between `y` and `x` some frames earlier, after `from`.
fn off(x: &[f32], y: &[f32], late: usize, from: usize) -> f64 {
    (from.max(late)..y.len()).map(|i| f64::from((y[i] - x[i - late]).abs())).fold(0.0, f64::max)
}

#[test]
fn sound_that_nobody_touches_comes_back() {
    let mut faults = Vec::new();
    for (n, hop) in
        [(1024, 256), (2048, 512), (512, 64), (4096, 1024), (256, 128), (1024, 320), (64, 16), (16, 4), (128, 48)]
    {
        let text = format!("{{ x = {RICH}  [x, prim.ifft(prim.fft(x, {n}, {hop}))] }}");
        // Beside each other both are as late; alone the sound is at once.
        let [x, y] = run(&program(&format!("out = {text}"), Backend::Jit), 0.6);
        let error = off(&x, &y, 0, 0);
        println!("fft({n}, hop: {hop}) >> ifft: off by {error:.1e}");
        let late = if hop % 64 == 0 { n } else { n + 64 };
        let alone = hear(&format!("{{ x = {RICH}  [x, x] }}"), 0.6);
        let lateness = off(&alone[0], &x, late, 0);
        if error > 1e-6 || lateness > 0.0 || rms(&y) < 0.1 {
            faults.push(format!("fft({n}, hop: {hop}) is off by {error:e}, {lateness:e}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_frozen_tone_goes_on_at_its_pitch() {
    // The tone ends after a tenth of a second; the spectrum is held shortly before.
    let text = "{ on = prim.lt(prim.fromint(prim.frame()), 4800)
      sin(1003.7hz) * on >> fft(1024, hop: 256) >> freeze(1 - prim.lt(prim.fromint(prim.frame()), 4400)) >> ifft }";
    let [sound, _] = hear(text, 3.0);
    let end = &sound[2 * RATE as usize..];
    assert!((rms(end) - 0.5f64.sqrt()).abs() < 0.01, "{}", rms(end));
    let hz = peak_hz(end, f64::from(RATE));
    assert!((hz / 1003.7).log2().abs() * 1200.0 < 0.5, "{hz}");
    let power = spectrum(&end[..32768]);
    let top = (0..power.len()).max_by(|a, b| power[*a].total_cmp(&power[*b])).unwrap_or(0);
    let rest = (0..power.len()).filter(|k| k.abs_diff(top) > 12).map(|k| power[k]).fold(0.0, f64::max);
    assert!(10.0 * (rest / power[top]).log10() < -60.0, "{}", 10.0 * (rest / power[top]).log10());
}

/// Runs one program and then another in its place, as an engine does; the left side of both, and which memory went over.
fn edited(before: &Program, after: &Program, frames: usize, at: usize) -> (Vec<f32>, StateMap) {
    let map = StateMap::between(&before.patch.graph, &before.units, &after.patch.graph, &after.units);
    let given: Vec<_> = map.rings.iter().map(|(new, _)| *new).collect();
    let mut old = Instance::new(Arc::clone(&before.patch));
    let mut new = Instance::beside(Arc::clone(&after.patch), &given);
    let mut sound = Vec::new();
    let out = |instance: &Instance| instance.patch().graph.outs.len() - 1;
    for frame in (0..frames).step_by(QUANTUM) {
        if frame == at {
            new.copy_words(&old, &word_moves(&after.patch, &before.patch, &map.cells));
            new.move_rings(&mut old, &map.rings);
        }
        let now = if frame >= at { &mut new } else { &mut old };
        now.run(frame as u64);
        sound.extend((0..QUANTUM).map(|i| now.out_frame(out(now), i)[0]));
        if frame >= at && frame < at + 960 {
            // For the length of a fade the program before plays on, and hears the same.
            old.run(frame as u64);
            let (was, is) = (old.out_frame(out(&old), 63)[0], new.out_frame(out(&new), 63)[0]);
            assert!(was.is_finite() && is.is_finite());
        }
    }
    (sound, map)
}

#[test]
fn a_frozen_sound_outlives_an_edit() {
    for backend in [Backend::Jit, Backend::Interp] {
        let text = |end: &str| {
            format!(
                "out = sin(1000hz) * prim.lt(prim.fromint(prim.frame()), 4800) >> fft(1024, hop: 256)
                 >> freeze(1 - prim.lt(prim.fromint(prim.frame()), 4400)) >> ifft{end}\n"
            )
        };
        let program = |end: &str| program(&text(end), backend);
        let (plain, kept) = edited(&program(""), &program(" >> softclip"), 48_000, 24_000);
        assert!(kept.report.dropped.is_empty(), "{:?}", kept.report);
        assert!(rms(&plain[24_000..]) > 0.5, "{}", rms(&plain[24_000..]));
        // With nothing changed, nothing changes.
        let (same, _) = edited(&program(""), &program(""), 48_000, 24_000);
        let [whole, _] = run(&program(""), 1.0);
        assert!(same.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
    // Another size has no use for it.
    let other = program("out = sin(1000hz) >> fft(2048) >> freeze(0) >> ifft\n", Backend::Jit);
    let first = program("out = sin(1000hz) >> fft(1024) >> freeze(0) >> ifft\n", Backend::Jit);
    let (sound, map) = edited(&first, &other, 48_000, 24_000);
    assert!(finite(&sound) && map.report.dropped.iter().any(|p| p.key.contains("freeze 1024/256")), "{:?}", map.report);
}

#[test]
fn an_image_holds_what_is_frozen() {
    let text = "out = noise * prim.lt(prim.fromint(prim.frame()), 4800) >> fft(512)
      >> freeze(1 - prim.lt(prim.fromint(prim.frame()), 4400)) >> ifft\n";
    let program = program(text, Backend::Jit);
    let mut first = Instance::new(Arc::clone(&program.patch));
    (0..200).for_each(|q| first.run(q * 64));
    let mut second = Instance::new(Arc::clone(&program.patch));
    assert!(second.restore(&first.image()));
    for q in 200..300 {
        first.run(q * 64);
        second.run(q * 64);
        assert_eq!(first.out_frame(0, 17), second.out_frame(0, 17), "quantum {q}");
    }
    assert!(first.out_frame(0, 17)[0] != 0.0);
}

/// The strongest frequency of an expression, once it has settled.
fn hz(expr: &str) -> f64 {
    peak_hz(&hear(expr, 2.0)[0][RATE as usize..], f64::from(RATE))
}

#[test]
fn partials_go_where_they_are_sent() {
    let claims = [
        ("sin(1000hz) >> fft(2048) >> shift(250hz) >> ifft", 1250.0),
        ("sin(1000hz) >> fft(2048) >> shift(-333.3hz) >> ifft", 666.7),
        ("sin(1000hz) >> fft(2048) >> stretch(1.5) >> ifft", 1500.0),
        ("sin(3000hz) >> fft(1024) >> stretch(0.5) >> ifft", 1500.0),
        ("sin(1000hz) >> fft(1024, hop: 256) >> robot >> ifft", 937.5),
    ];
    for (text, want) in claims {
        assert!((hz(text) / want).log2().abs() * 1200.0 < 1.0, "{text}: {} instead of {want}", hz(text));
    }
}

#[test]
fn paths_of_unlike_latency_cancel() {
    let texts = [
        // Beside each other, one behind the other, through a product, a join, a delay line and spectra of another size.
        ("out = { x = RICH  x - (x >> fft(1024) >> ifft) }", 1.0),
        ("out = { x = RICH  x - (x >> fft(256) >> ifft >> fft(2048) >> ifft) }", 1.0),
        ("out = { x = RICH  g = 0.5 + 0.5 * lfsin(3hz)  x * g - (x >> fft(1024) >> ifft) * g }", 1.0),
        (
            "out = { x = RICH  mix([x, -1 * (x >> fft(512, hop: 128) >> ifft), -2 * (x >> fft(64) >> ifft), 2 * x]) }",
            4.0,
        ),
        ("out = { x = RICH  (x >> delay(77smp)) - (x >> fft(1024) >> ifft >> delay(77smp)) }", 1.0),
        ("out = { x = RICH  (x >> lpf(900hz)) - (x >> fft(1024) >> ifft >> lpf(900hz)) }", 1.0),
        (
            "out = { x = RICH  a = x >> fft(512) >> ifft
            (x >> fft(1024) >> ifft) - (morph(x >> fft(1024), a >> fft(1024), 1) >> ifft) }",
            1.0,
        ),
        // Across tracks, buses and what is sent to them.
        ("x = RICH\ntrack a = x\ntrack b = -1 * x >> fft(1024) >> ifft\n", 1.0),
        ("x = RICH\nbus room = in >> fft(1024) >> ifft\ntrack a = -1 * x >> send(room)\ntrack b = 2 * x\n", 2.0),
    ];
    let mut faults = Vec::new();
    for (text, size) in texts {
        let text = text.replace("RICH", RICH);
        let sound = run(&program(&text, Backend::Jit), 1.0)[0].clone();
        let worst = sound.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        if f64::from(worst) > 1e-6 * size {
            faults.push(format!("{worst:e} is left of {text}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_knob_and_a_feedback_wait_for_nobody() {
    let count =
        |text: &str| program(text, Backend::Jit).patch.graph.rings.iter().filter(|r| &*r.name == "align").count();
    assert_eq!(count("out = saw(110hz) >> fft(1024) >> ifft * 0.3 >> lpf(800hz) >> echo(0.2s)\n"), 0);
    assert_eq!(count("out = { x = saw(110hz) * 0.1  y = x + 0.5 * (y' >> fft(1024) >> ifft) }\n"), 0);
    assert_eq!(count("out = { x = saw(110hz) * 0.1  x + (x >> fft(1024) >> ifft) }\n"), 1);
    let [echoes, _] = hear("{ x = impulse(0hz)  y = x + 0.5 * (y' >> fft(1024) >> ifft) }", 0.1);
    // Each round takes the transform and the sample of the feedback.
    assert!(echoes[0] == 1.0 && echoes[1024].abs() < 1e-9);
    assert!((echoes[1025] - 0.5).abs() < 1e-5 && (echoes[2050] - 0.25).abs() < 1e-5, "{:?}", &echoes[1020..1030]);
}

/// Cents off a frequency, and how far everything else is below it, in decibels.
fn purity(sound: &[f32], want: f64) -> (f64, f64) {
    let end = &sound[sound.len() - 65_536..];
    let power = spectrum(end);
    let top = (0..power.len()).max_by(|a, b| power[*a].total_cmp(&power[*b])).unwrap_or(0);
    let rest = (0..power.len()).filter(|k| k.abs_diff(top) > 12).map(|k| power[k]).fold(0.0, f64::max);
    let cents = (peak_hz(end, f64::from(RATE)) / want).log2() * 1200.0;
    (cents, 10.0 * (rest / power[top]).log10())
}

/// Where clicks are: the loudest frame of each piece that is louder than a fifth of the loudest, and nothing like it within 50 ms.
fn clicks(sound: &[f32]) -> Vec<usize> {
    let top = sound.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    let mut found: Vec<usize> = Vec::new();
    for i in 0..sound.len() {
        if sound[i].abs() > 0.2 * top {
            match found.last_mut() {
                Some(last) if i - *last < 2400 => *last = if sound[i].abs() > sound[*last].abs() { i } else { *last },
                _ => found.push(i),
            }
        }
    }
    found
}

#[test]
fn a_shifted_tone_is_pure() {
    let mut faults = Vec::new();
    for freq in [1000.0, 437.3, 3001.7] {
        for st in [-12.0, -7.0, -1.0, 0.5, 3.0, 7.0, 12.0] {
            let [sound, _] = hear(&format!("sin({freq}hz) * 0.5 >> pitchshift({st}st)"), 2.5);
            let (cents, rest) = purity(&sound, freq * 2f64.powf(st / 12.0));
            let level = rms(&sound[48_000..]) / 0.5 / 0.5f64.sqrt();
            println!("{freq} Hz by {st} st: {cents:.3} cents, {rest:.1} dB, level {level:.3}");
            if cents.abs() > 0.5 || rest > -60.0 || !(0.95..1.05).contains(&level) {
                faults.push(format!("{freq} Hz by {st}: {cents:.2} cents, {rest:.1} dB, level {level:.3}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_shift_of_nothing_changes_nothing() {
    let [x, y] = run(&program(&format!("out = {{ x = {RICH}  [x, x >> pitchshift(0st)] }}"), Backend::Jit), 1.0);
    println!("shifted by nothing: off by {:.1e}", off(&x, &y, 0, 0));
    let error = off(&x, &y, 0, 0) / x.iter().fold(0.0f32, |m, x| m.max(x.abs())) as f64;
    assert!(20.0 * error.log10() < -80.0, "{} dB", 20.0 * error.log10());
}

#[test]
fn shifted_clicks_stay_in_place() {
    let mut faults = Vec::new();
    for st in [-12.0, -5.0, 0.0, 4.0, 12.0] {
        for tone in ["0", "sin(300hz) * 0.05"] {
            let text = format!("out = {{ x = impulse(7hz) + {tone}  [x, x >> pitchshift({st}st)] }}");
            let [x, y] = run(&program(&text, Backend::Jit), 2.0);
            let (want, got) = (clicks(&x), clicks(&y));
            println!("{st} st with {tone}: {:?}", want.iter().zip(&got).map(|(a, b)| a.abs_diff(*b)).max());
            let worst = want.iter().zip(&got).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(usize::MAX);
            if want.len() != got.len() || worst > 96 {
                faults.push(format!("{st} with {tone}: {want:?} became {got:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_room_is_its_recording() {
    // The recording that tests play is a second of 440 Hz at half scale; an impulse gives it back from the first frame on.
    let [sound, right] = hear("impulse(0hz) >> convolve('tone.wav')", 1.2);
    let tone = |i: usize| {
        if i < RATE as usize { (i as f64 / f64::from(RATE) * 440.0 * std::f64::consts::TAU).sin() * 0.5 } else { 0.0 }
    };
    let worst = (0..sound.len()).map(|i| (f64::from(sound[i]) - tone(i)).abs()).fold(0.0, f64::max);
    assert!(worst < 2e-6 && sound == right, "{worst:e}");
    // Whatever goes in, against the sum of products.
    let text = "out = { x = noise * 0.01  [x, mix(x >> convolve('tone.wav')) * 0.5] }";
    let [x, y] = run(&program(text, Backend::Jit), 0.3);
    for at in [0, 1, 63, 64, 65, 700, 1023, 1024, 1025, 5000, 12_345] {
        let want: f64 = (0..=at).map(|k| tone(k) * f64::from(x[at - k])).sum();
        assert!((f64::from(y[at]) - want).abs() < 2e-5, "{at}: {}, not {want}", y[at]);
    }
}

/// The mean of the second half of an expression.
fn settled(expr: &str) -> f64 {
    let [sound, _] = hear(expr, 4.0);
    let end = &sound[sound.len() / 2..];
    end.iter().map(|x| f64::from(*x)).sum::<f64>() / end.len() as f64
}

#[test]
fn what_listens_hears_right() {
    let claims = [
        ("analyse(saw(110hz) * 0.4).pitch", 110.0, 0.002),
        ("analyse(sin(1234.5hz) * 0.1).pitch", 1234.5, 0.002),
        ("analyse(tri(61.7hz) * 0.5 + noise * 0.01).pitch", 61.7, 0.01),
        ("analyse(sin(2khz) * 0.5).centroid", 2000.0, 0.01),
        // A sine of full scale at 997 Hz is at -3.01 by ITU-R BS.1770, and half of it 6.02 below.
        ("analyse(sin(997hz) * 0.5).loudness", -9.03, 0.02),
    ];
    for (text, want, share) in claims {
        let found = settled(text);
        assert!((found / want - 1.0f64).abs() < share, "{text}: {found}, not {want}");
    }
    // Four onsets a second, each told once.
    let [told, _] = hear("analyse(impulse(4hz)).onset", 2.0);
    let rises = told.windows(2).filter(|w| w[0] == 0.0 && w[1] != 0.0).count();
    assert_eq!(rises, 8);
}

/// A program of the design, with a sound at its input and a button that is pressed after a second.
fn performed(text: &str) -> Vec<f32> {
    let program = program(text, Backend::Jit);
    let mut instance = Instance::new(Arc::clone(&program.patch));
    let graph = &program.patch.graph;
    let button = graph.params.iter().position(|p| p.name.contains("Launchpad"));
    let master = graph.outs.len() - 1;
    let mut sound = Vec::new();
    for quantum in 0..2250u64 {
        for channel in 0..instance.input_count() {
            let input = instance.input_mut(channel);
            for (i, x) in input.iter_mut().enumerate() {
                let t = (quantum * 64 + i as u64) as f32 / RATE as f32;
                // Nothing comes in after a second and a half.
                *x = if t < 1.5 { 0.5 * (t * 220.0).fract() - 0.25 } else { 0.0 };
            }
        }
        if let Some(button) = button {
            let pressed = (quantum == 750) as u8;
            instance.set_param(modurust_runtime::compiler::graph::ParamId(button as u32), f32::from(pressed));
        }
        instance.run(quantum * 64);
        sound.extend((0..64).map(|i| instance.out_frame(master, i)[0]));
    }
    sound
}

#[test]
fn the_programs_of_the_design_sound() {
    let ice = "hold = button('Launchpad', 1) >> toggle
track ice = input(1) >> fft(4096) >> freeze(hold) >> blur(200ms) >> ifft >> reverb(8s, mix: 0.5)\n";
    let frozen = performed(ice);
    assert!(finite(&frozen) && rms(&frozen[120_000..]) > 0.02, "{}", rms(&frozen[120_000..]));
    let robot = "vocoder(voice, carrier, n = 24) = sum(n, k => {
  f = 90hz * 80^(k / n)
  level = voice >> bpf(f, q: 9) >> follow(8ms)
  carrier >> bpf(f, q: 9) * level * 6db
})
track robot = vocoder(input(1), saw(110hz) * 0.5)\n";
    let spoken = performed(robot);
    assert!(rms(&spoken[24_000..70_000]) > 0.005 && rms(&spoken[120_000..]) < 1e-4, "{}", rms(&spoken[24_000..70_000]));
}
