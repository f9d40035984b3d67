//! Recorded sound from the file to the ear: decoding, rates, slices, loops, kits, and files that come late or broken.

use modurust_runtime::command::Notice;
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, Options};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::device::{RenderOptions, render};
use modurust_runtime::samples::{Bank, read};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::wav::{Bits, WavFile};
use modurust_runtime::world::FileWorld;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const RATE: u32 = 48_000;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("modurust-samples-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn write(path: &Path, rate: u32, frames: usize, sound: impl Fn(usize) -> [f32; 2]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let samples: Vec<f32> = (0..frames).flat_map(sound).collect();
    let mut file = WavFile::create(path, 2, rate, Bits::F32).unwrap();
    file.write(&samples).unwrap();
    file.finish().unwrap();
}

fn options(backend: Backend) -> Options {
    Options { sample_rate: RATE, passes: Passes::Fast, backend, seed: 0, verify: true }
}

/// The left side of a text that lies in a folder.
fn hear(dir: &Path, text: &str, frames: u64) -> Vec<f32> {
    let file = dir.join("a.modu");
    std::fs::write(&file, text).unwrap();
    let (mut first, mut hashes) = (Vec::new(), Vec::new());
    for (backend, block) in [(Backend::Jit, 64), (Backend::Jit, 17), (Backend::Interp, 64)] {
        let outcome = Compiler::new(options(backend)).compile(&FileWorld::new(), &[file.to_str().unwrap().into()]);
        assert!(outcome.diagnostics.is_empty(), "{}", outcome.render(false));
        let mut heard = Vec::new();
        let mut wanted = RenderOptions::new(outcome.program.unwrap(), frames);
        (wanted.block, wanted.heard) = (block, Some(&mut heard));
        hashes.push(render(wanted).unwrap().hash);
        if first.is_empty() {
            first = heard.chunks_exact(2).map(|f| f[0]).collect();
        }
    }
    assert_eq!(hashes[0], hashes[1], "block sizes differ");
    assert_eq!(hashes[0], hashes[2], "the interpreter differs");
    first
}

/// A ramp: frame `i` of `n` says where it is.
fn ramp(n: usize) -> impl Fn(usize) -> [f32; 2] {
    move |i| [(i + 1) as f32 / n as f32 * 0.5; 2]
}

#[test]
fn a_file_of_the_session_s_rate_plays_bit_for_bit() {
    let dir = folder("exact");
    let sound = |i: usize| [((i * 7919) % 1000) as f32 / 2000.0, 0.25];
    write(&dir.join("a.wav"), RATE, 5000, sound);
    let heard = hear(&dir, "out = play('a.wav')", 6000);
    for (i, x) in heard.iter().enumerate() {
        assert_eq!(*x, if i < 5000 { sound(i)[0] } else { 0.0 }, "frame {i}");
    }
    let twice = hear(&dir, "out = play('a.wav', rate: 2)", 3000);
    assert!((0..2499).all(|i| twice[i] == sound(2 * i)[0]), "every other frame");
    let over = hear(&dir, "out = play('a.wav', loop: on)", 12_000);
    assert!((0..12_000).all(|i| over[i] == sound(i % 5000)[0]), "over and over");
    let back = hear(&dir, "out = play('a.wav', rate: -1)", 4000);
    assert!((0..4000).all(|i| (back[i] - sound(4999 - i)[0]).abs() < 1e-6), "backwards");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_file_of_another_rate_keeps_its_pitch_and_place() {
    let dir = folder("rates");
    for from in [22_050u32, 44_100, 96_000, 11_025] {
        let tone = |rate: u32| {
            move |i: usize| [(i as f64 / f64::from(rate) * 1000.0 * std::f64::consts::TAU).sin() as f32 * 0.5; 2]
        };
        write(&dir.join("t.wav"), from, from as usize, tone(from));
        let got = read(&dir.join("t.wav"), RATE).unwrap();
        assert_eq!(got.len(), RATE as usize);
        let want = tone(RATE);
        let worst = (2000..46_000).map(|i| (got[i][0] - want(i)[0]).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-3, "{from}: {worst}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn slices_begin_where_they_should_and_fit() {
    let dir = folder("slices");
    let n = 48_000;
    write(&dir.join("r.wav"), RATE, n, ramp(n));
    // 120 bpm: a bar is 96,000 frames, so the file plays at half speed, and an eighth of the pattern is 12,000 frames.
    let heard = hear(&dir, "out = \"0 3 ~ 15 <7 1> ~ ~ ~\" >> slice('r.wav', 16, fit: 1bar)", 200_000);
    for (step, k) in [(0usize, 0usize), (1, 3), (3, 15), (4, 7), (8, 0), (12, 1)] {
        let at = step * 12_000 + 1000;
        let want = (k as f32 * 3000.0 + 500.0 + 1.0) / n as f32 * 0.5;
        assert!((heard[at] - want).abs() < 1e-4, "step {step}: {} for {want}", heard[at]);
        // A part lasts a sixteenth of a bar, then there is silence.
        assert!(heard[step * 12_000 + 6010].abs() < 1e-6, "step {step} does not end");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_loop_lasts_its_bars_whatever_the_tempo() {
    let dir = folder("loops");
    let n = 30_000;
    write(&dir.join("r.wav"), RATE, n, ramp(n));
    for (bpm, bars) in [(120, 1), (120, 2), (90, 1), (151, 2)] {
        let text = format!("tempo {bpm}bpm\nout = 'r.wav' >> loop({bars}bars)");
        let long = 4.0 * 60.0 / f64::from(bpm) * f64::from(RATE) * f64::from(bars);
        let heard = hear(&dir, &text, (2.6 * long) as u64);
        for part in [0.1, 0.5, 0.9, 1.1, 1.5, 2.25] {
            let want = (part % 1.0) as f32 * 0.5;
            let got = heard[(part * long) as usize];
            assert!((got - want).abs() < 1e-3, "{bpm} bpm, {bars} bars, at {part}: {got} for {want}");
        }
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_folder_is_a_kit_by_word_and_number() {
    let dir = folder("kit");
    for (file, level) in [("own/bd0.wav", 0.1), ("own/bd1.wav", 0.2), ("own/bd10.wav", 0.4), ("own/sd/deep.wav", 0.3)] {
        write(&dir.join(file), RATE, 3000, |_| [level; 2]);
    }
    let heard = hear(&dir, "out = \"bd bd:1 sd bd:2 bd:4 ~ bd:0 ~\" >> kit('own')", 96_000);
    let levels: Vec<f32> = (0..8).map(|step| heard[step * 12_000 + 1500]).collect();
    // Files are counted around, in the order of their names.
    let want = [0.1, 0.2, 0.3, 0.4, 0.2, 0.0, 0.1, 0.0];
    assert!(levels.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{levels:?}");
    let text = "out = \"bd kick\" >> kit('own')";
    std::fs::write(dir.join("a.modu"), text).unwrap();
    let file = dir.join("a.modu").to_str().unwrap().to_string();
    let outcome = Compiler::new(options(Backend::Jit)).compile(&FileWorld::new(), &[file]);
    let message = outcome.render(false);
    assert!(message.contains("no sound for `kick`") && message.contains("bd sd"), "{message}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_cuts_a_sample_off_does_not_click() {
    let dir = folder("clicks");
    write(&dir.join("hum.wav"), RATE, 48_000, |i| [(i as f32 * 0.01).sin() * 0.5; 2]);
    let heard = hear(&dir, "out = \"0 0.1 0 0 0 0 0 0\" >> fast(2) >> sampler('hum.wav')", 96_000);
    let slices = hear(&dir, "out = \"0 5 2 7 1 9 14 3\" >> fast(4) >> slice('hum.wav', 16, fit: 4bars)", 96_000);
    for heard in [heard, slices] {
        let step = heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.06, "a step of {step}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_broken_file_is_a_complaint_and_never_an_end() {
    let dir = folder("broken");
    let file = dir.join("a.wav");
    write(&file, RATE, 400, |_| [0.5; 2]);
    let whole = std::fs::read(&file).unwrap();
    for cut in 0..whole.len().min(200) {
        std::fs::write(&file, &whole[..cut]).unwrap();
        let _ = read(&file, RATE);
        let mut bent = whole.clone();
        bent[cut] ^= 0xff;
        std::fs::write(&file, &bent).unwrap();
        let path = file.to_str().unwrap().to_string();
        let _ = Bank::new().get(&[path], RATE);
    }
    std::fs::write(&file, "this is no sound").unwrap();
    let bank = Bank::new();
    assert!(bank.get(&[file.to_str().unwrap().into()], RATE).is_empty());
    let complaints = bank.take_complaints();
    assert!(complaints.len() == 1 && complaints[0].contains("a.wav` cannot be played"), "{complaints:?}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_sample_that_comes_late_is_silent_until_then_and_said_once() {
    let dir = folder("late");
    let file = dir.join("a.modu");
    std::fs::write(&file, "out = play('late.wav', loop: on) + sin(100hz) * 0.001").unwrap();
    let mut wanted = SessionOptions::new(vec![file.to_str().unwrap().into()], options(Backend::Jit));
    wanted.limiter = false;
    let (session, mut engine) = Session::new(wanted).unwrap();
    let mut buffer = vec![0.0f32; 128];
    let mut listen = |until: &mut dyn FnMut(f32) -> bool| {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            engine.process(&mut buffer, 2);
            if until(buffer.iter().fold(0.0, |m, x| x.abs().max(m))) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    };
    let mut blocks = 0;
    assert!(listen(&mut |peak| {
        blocks += 1;
        assert!(peak < 0.002, "there is no file yet");
        blocks == 200
    }));
    write(&dir.join("late.wav"), RATE, 4800, |_| [0.25; 2]);
    assert!(listen(&mut |peak| peak > 0.24), "it never came");
    // A file that changes is another sound; the old one plays until the new one is there.
    write(&dir.join("late.wav"), RATE, 4801, |_| [0.5; 2]);
    assert!(
        listen(&mut |peak| {
            assert!(peak > 0.2, "a hole of {peak}");
            peak > 0.49
        }),
        "the change never came"
    );
    let said: Vec<String> = session
        .notices()
        .into_iter()
        .filter_map(|n| if let Notice::Sample { message } = n { Some(message) } else { None })
        .collect();
    assert!(said.len() <= 1 && said.iter().all(|s| s.contains("silent until then")), "{said:?}");
    std::fs::remove_dir_all(dir).unwrap();
}
