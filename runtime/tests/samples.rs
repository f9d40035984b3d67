//! Recorded sound from the file to the ear: decoding, rates, slices, loops, kits, and files that come late or broken.

use modurust_runtime::command::Notice;
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, Options};
use modurust_runtime::compiler::graph::Sample;
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::device::{RenderOptions, render};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::samples::{Bank, read};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::wav::{Bits, SoundFile, WavFile};
use modurust_runtime::world::FileWorld;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const RATE: u32 = 48_000;

fn one(file: String) -> Sample {
    Sample { files: vec![file], stretch: 1_000_000, anchors: Vec::new(), head: 0 }
}

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
fn events_cut_samples_turn_them_round_and_change_their_speed() {
    let dir = folder("cut");
    let n = 96_000;
    let sound = ramp(n);
    write(&dir.join("own/bd.wav"), RATE, n, &sound);
    // 120 bpm: the file is as long as a bar.
    let at = |place: f64| place as f32 * 0.5;
    let cases: [(&str, &[(f64, f32)]); 7] = [
        ("\"bd\"", &[(0.1, at(0.1)), (0.9, at(0.9))]),
        ("\"bd\" >> chop(4)", &[(0.1, at(0.1)), (0.4, at(0.4)), (0.9, at(0.9))]),
        ("\"bd\" >> chop(4) >> rev", &[(0.1, at(0.85)), (0.4, at(0.65)), (0.9, at(0.15))]),
        ("\"bd bd\" >> striate(2)", &[(0.1, at(0.1)), (0.35, at(0.1)), (0.6, at(0.6)), (0.85, at(0.6))]),
        ("\"bd\" >> with(speed: -1)", &[(0.1, at(0.9)), (0.8, at(0.2))]),
        ("\"bd bd\" >> with(speed: \"2 -2\")", &[(0.1, at(0.2)), (0.4, at(0.8)), (0.6, at(0.8)), (0.9, at(0.2))]),
        ("\"bd\" >> with(begin: 0.5, end: 0.75)", &[(0.1, at(0.6)), (0.2, at(0.7)), (0.3, 0.0), (0.9, 0.0)]),
    ];
    for (pattern, wanted) in cases {
        let heard = hear(&dir, &format!("out = {pattern} >> kit('own')"), n as u64);
        for (place, want) in wanted {
            let got = heard[(place * n as f64) as usize];
            assert!((got - want).abs() < 1e-3, "{pattern} at {place}: {got} for {want}");
        }
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_loop_keeps_step_with_a_tempo_that_moves() {
    let dir = folder("step");
    let n = 50_000;
    write(&dir.join("r.wav"), RATE, n, ramp(n));
    // Bars of 96,000 and 128,000 frames in turn; the loop takes both.
    let heard = hear(&dir, "tempo \"<120 90>\"\nout = 'r.wav' >> loop(2bars)", 800_000);
    let bars = [(0, 96_000), (96_000, 128_000), (224_000, 96_000), (320_000, 128_000), (448_000, 96_000)];
    for (bar, (begin, length)) in bars.into_iter().enumerate() {
        for part in [0.02, 0.3, 0.5, 0.77, 0.98] {
            let want = ((bar % 2) as f64 + part) / 2.0 * 0.5;
            let got = heard[begin + (f64::from(length) * part) as usize];
            assert!((f64::from(got) - want).abs() < 2e-4, "bar {bar} at {part}: {got} for {want}");
        }
    }
    // Nothing jumps but at the seam of the loop.
    let seams = |i: usize| [224_000, 448_000, 672_000].iter().any(|s| i.abs_diff(*s) < 500);
    let worst = heard.windows(2).enumerate().skip(1000).filter(|(i, _)| !seams(*i)).map(|(_, w)| (w[1] - w[0]).abs());
    assert!(worst.fold(0.0, f32::max) < 1e-4);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_warped_sample_has_the_session_s_beat_and_its_own_pitch() {
    let dir = folder("warp");
    // Eight beats at 100 bpm with a click on each; the session plays at 125.
    let beat = 28_800;
    write(&dir.join("clicks.wav"), RATE, 8 * beat, |i| {
        [0.8 * (-((i % beat) as f32) / 60.0).exp() * if i % 2 == 0 { 1.0 } else { -1.0 }; 2]
    });
    let heard = hear(&dir, "tempo 125bpm\nout = 'clicks.wav' >> warp(100bpm)", 20 * 23_040);
    let mut clicks: Vec<usize> = Vec::new();
    for (i, x) in heard.iter().enumerate() {
        if x.abs() > 0.5 && clicks.last().is_none_or(|last| i - last > 2000) {
            clicks.push(i);
        }
    }
    assert!(clicks.len() >= 19, "{clicks:?}");
    for click in &clicks {
        let off = (click + 11_520) % 23_040;
        assert!(off.abs_diff(11_520) < 96, "a click at {click}");
    }
    let tone = |i: usize| [(i as f64 / f64::from(RATE) * 500.0 * std::f64::consts::TAU).sin() as f32 * 0.5; 2];
    write(&dir.join("tone.wav"), RATE, 8 * beat, tone);
    for bpm in [80, 125] {
        let heard = hear(&dir, &format!("tempo {bpm}bpm\nout = 'tone.wav' >> warp(100bpm)"), 96_000);
        let rises = heard[4800..].windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0).count() as f64;
        let freq = rises / 91_200.0 * f64::from(RATE);
        assert!((freq - 500.0).abs() < 5.0, "{bpm} bpm: {freq} Hz");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn channels_are_mixed_to_two_sides() {
    let dir = folder("channels");
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let cases: [(&[f32], [f32; 2]); 5] = [
        (&[0.5], [0.5, 0.5]),
        (&[0.25, -0.5], [0.25, -0.5]),
        (&[0.1, 0.2, 0.3], [0.1 + half * 0.3, 0.2 + half * 0.3]),
        (&[0.1, 0.2, 0.3, 0.4], [0.1 + half * 0.3, 0.2 + half * 0.4]),
        (&[0.1, 0.2, 0.3, 0.9, 0.05, 0.06], [0.1 + half * 0.35, 0.2 + half * 0.36]),
    ];
    for (frame, want) in cases {
        let path = dir.join("c.wav");
        let mut file = WavFile::create(&path, frame.len() as u16, RATE, Bits::F32).unwrap();
        (0..100).for_each(|_| file.write(frame).unwrap());
        file.finish().unwrap();
        let got = read(&path, RATE).unwrap();
        assert_eq!(got.len(), 100);
        assert!(got.iter().all(|g| (g[0] - want[0]).abs() < 1e-6 && (g[1] - want[1]).abs() < 1e-6), "{frame:?}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

/// Small files of every kind that is read.
fn kinds(dir: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::new();
    for (name, bits) in [("a.wav", Bits::F32), ("b.wav", Bits::I16), ("c.flac", Bits::I16)] {
        let path = dir.join(name);
        let mut file = SoundFile::create(&path, 2, RATE, bits).unwrap();
        file.write(&(0..800).map(|i| (i as f32 * 0.05).sin() * 0.5).collect::<Vec<f32>>()).unwrap();
        file.finish().unwrap();
        all.push((name, std::fs::read(&path).unwrap()));
    }
    // AIFF: one channel of 16 bits, 100 frames, 44.1 kHz as an 80-bit float.
    let mut aiff = b"FORM\0\0\0\0AIFFCOMM\0\0\0\x12\0\x01\0\0\0\x64\0\x10\x40\x0e\xac\x44\0\0\0\0\0\0SSND\0\0\0\xd0\0\0\0\0\0\0\0\0".to_vec();
    aiff.extend((0..100u16).flat_map(|i| (i * 300).to_be_bytes()));
    let length = aiff.len() as u32 - 8;
    aiff[4..8].copy_from_slice(&length.to_be_bytes());
    all.push(("d.aiff", aiff));
    // MP3: frames of layer III, 128 kbit/s at 44.1 kHz, whose side information says that nothing sounds.
    let mut frame = vec![0u8; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
    all.push(("e.mp3", frame.repeat(6)));
    // Ogg: a page that opens a Vorbis stream, and nothing after it.
    let mut ogg = b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis\0\0\0\0\x02\x44\xac\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xb8\x01".to_vec();
    ogg.extend([0; 40]);
    all.push(("f.ogg", ogg));
    all
}

#[test]
fn every_kind_of_file_is_read() {
    let dir = folder("kinds");
    for (name, bytes) in kinds(&dir) {
        std::fs::write(dir.join(name), bytes).unwrap();
        let got = read(&dir.join(name), RATE);
        if name == "f.ogg" {
            assert!(got.is_err());
            continue;
        }
        let frames = got.unwrap_or_else(|why| panic!("{name}: {why}")).len();
        let wanted = match name {
            "d.aiff" => 109..110,
            "e.mp3" => 1000..10_000,
            _ => 400..401,
        };
        assert!(wanted.contains(&frames), "{name}: {frames} frames");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_broken_file_is_a_complaint_and_never_an_end() {
    let dir = folder("broken");
    // What a decoder does with nonsense is caught; its reasons need not be shown.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for (name, whole) in kinds(&dir) {
        let file = dir.join(name);
        let listen = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let memory = Bank::new().get(&one(file.to_str().unwrap().into()), RATE);
            assert!((0..4000).all(|i| memory.get(i).is_finite()));
        };
        for cut in (0..whole.len()).step_by(if whole.len() > 1000 { 7 } else { 1 }) {
            listen(&whole[..cut]);
        }
        for _ in 0..300 {
            let mut bent = whole.clone();
            for _ in 0..1 + random() % 8 {
                let place = if random() % 2 == 0 { random() % bent.len().min(80) } else { random() % bent.len() };
                bent[place] = random() as u8;
            }
            listen(&bent);
        }
        listen(&(0..2000).map(|_| random() as u8).collect::<Vec<u8>>());
    }
    std::panic::set_hook(hook);
    let file = dir.join("a.wav");
    std::fs::write(&file, "this is no sound").unwrap();
    let bank = Bank::new();
    assert!(bank.get(&one(file.to_str().unwrap().into()), RATE).is_empty());
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

#[test]
fn a_sound_that_comes_says_nothing_of_the_text_again() {
    let dir = folder("again");
    write(&dir.join("a.wav"), RATE, 4800, |_| [0.25; 2]);
    let file = dir.join("a.modu");
    std::fs::write(&file, "out = play('a.wav', loop: on) + play('nowhere.wav')").unwrap();
    let (session, mut engine) =
        Session::new(SessionOptions::new(vec![file.to_str().unwrap().into()], options(Backend::Jit))).unwrap();
    let mut buffer = vec![0.0f32; 128];
    let begin = Instant::now();
    while buffer.iter().all(|x| *x < 0.2) && begin.elapsed() < Duration::from_secs(20) {
        engine.process(&mut buffer, 2);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(buffer.iter().any(|x| *x > 0.2), "the sound never came");
    let told = session.notices();
    let diagnostics = told.iter().filter(|n| matches!(n, Notice::Diagnostics { .. })).count();
    assert_eq!(diagnostics, 1, "{told:?}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn samples_sound_the_same_beside_what_rests() {
    let dir = folder("rest");
    let sound = |i: usize| [((i * 7919) % 1000) as f32 / 2000.0 + 0.1; 2];
    write(&dir.join("r.wav"), RATE, 9000, sound);
    write(&dir.join("own/bd.wav"), RATE, 3000, sound);
    let text = "tempo 240bpm
lead(freq, gate) = saw(freq) * adsr(gate, 2ms, 10ms, 0.5, 15ms)
track chops = \"<[0 2] ~ ~ ~ 3*4 ~ ~>\" >> slice('r.wav', 4)
track kit = \"<bd*2 ~ ~ [~ bd] ~>\" >> kit('own')
track keys = \"<~ 0 ~ ~ ~ ~>\" >> scale(a3, minor) >> poly(3, lead) * 0.3";
    // Sixteen bars, of which most are silent. Machine code leaves out what rests, the interpreter computes everything.
    let heard = hear(&dir, text, 16 * 48_000);
    let loud = heard.iter().filter(|x| x.abs() > 0.01).count();
    assert!((30_000..600_000).contains(&loud), "{loud} frames are loud");
    let file = dir.join("a.modu").to_str().unwrap().to_string();
    let outcome = Compiler::new(options(Backend::Jit)).compile(&FileWorld::new(), &[file]);
    let (mut engine, _control, _taps) = Engine::new(&EngineOptions::new(RATE), outcome.program).unwrap();
    let mut block = [0.0; 2 * 64];
    let resting: Vec<usize> = (0..16 * 750)
        .map(|_| {
            engine.process(&mut block, 2);
            engine.resting()
        })
        .collect();
    assert!(resting.iter().any(|n| *n > 0) && resting.windows(2).any(|n| n[1] < n[0]), "nothing sleeps and wakes");
    std::fs::remove_dir_all(dir).unwrap();
}

/// Frames at which something begins.
fn onsets(heard: &[f32]) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for (i, x) in heard.iter().enumerate() {
        if x.abs() > 0.2 && found.last().is_none_or(|last| i - last > 4_800) {
            found.push(i);
        }
    }
    found
}

#[test]
fn anchors_keep_a_recording_on_the_bars_whatever_the_tempo_does() {
    let dir = folder("anchors");
    // Bars as somebody played them; the last moment is the end of the fourth.
    let moments = [0.3, 2.41, 4.28, 6.5, 8.37];
    let click = |i: usize| {
        let past = moments.map(|m| i as f64 - m * f64::from(RATE)).into_iter().filter(|past| *past >= 0.0);
        [past.fold(0.0, |sum, past| sum + 0.8 * (-past / 200.0).exp()) as f32; 2]
    };
    write(&dir.join("take.wav"), RATE, 9 * 48_000, click);
    let list = moments.map(|m| format!("{m}s")).join(", ");
    let near = |found: &[usize], wanted: &[usize], what: &str| {
        let off = found.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(usize::MAX);
        // Two milliseconds: no ear tells them apart.
        assert!(found.len() == wanted.len() && off <= 96, "{what}: {found:?}, not {wanted:?}");
    };
    let frames = 16 * 48_000;
    for tempo in ["120bpm", "\"<110 126>\"", "120bpm ~> 140bpm over 6bars"] {
        let heard = hear(&dir, &format!("tempo {tempo}\nout = 'take.wav' >> anchors({list})"), frames);
        let bars = format!("tempo {tempo}\nping(gate) = perc(gate, 5ms)\ntrack t = \"0\" >> mono(ping)\n");
        let wanted = onsets(&hear(&dir, &bars, frames));
        // The very first is where the recording fades in.
        near(&onsets(&heard[4_800..]), &wanted[1..].iter().map(|f| f - 4_800).collect::<Vec<_>>(), tempo);
    }
    // By the sections of a song: once, and between them evenly.
    let song = "tempo 120bpm\nscene intro {}\nscene verse {}\narrange { intro 2bars  verse 3bars }\n";
    let heard = hear(&dir, &format!("{song}out = 'take.wav' >> anchors(intro: 0.3s, verse: 4.28s)"), frames);
    let even = ((2.41 - 0.3) / (4.28 - 0.3) * 192_000.0) as usize;
    let wanted = [even, 192_000, 192_000 + (2.22 * 48_000.0) as usize, 192_000 + (4.09 * 48_000.0) as usize];
    near(&onsets(&heard[4_800..]), &wanted.map(|f| f - 4_800), "sections");
    // What cannot be is told.
    let told = |call: &str| {
        std::fs::write(dir.join("a.modu"), format!("{song}out = 'take.wav' >> {call}")).unwrap();
        let file = dir.join("a.modu").to_str().unwrap().to_string();
        Compiler::new(options(Backend::Interp)).compile(&FileWorld::new(), &[file]).render(false)
    };
    assert!(told("anchors(1s)").contains("two bars at least"));
    assert!(told("anchors(intr: 1s)").contains("did you mean `intro`?"));
    assert!(told("anchors(intro: 3s, verse: 1s)").contains("does not come after"));
    assert!(told("anchors(0s, 0.01s)").contains("stretched too far"));
    assert!(told("anchors(0s, verse: 4s)").contains("have names and some have not"));
    assert!(told("anchors(0s, 800hz)").contains("error"));
    std::fs::remove_dir_all(&dir).unwrap();
}
