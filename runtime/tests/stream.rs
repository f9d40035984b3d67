//! Long files are read from disk while they play: bit for bit, from anywhere, and never waited for.

use modurust_runtime::command::Notice;
use modurust_runtime::compiler::exec::{Backend, PAGE, SampleMemory};
use modurust_runtime::compiler::front::{Compiler, Options, World};
use modurust_runtime::compiler::graph::Sample;
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::device::{RenderOptions, render};
use modurust_runtime::samples::{is_long, read};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::wav::{Bits, WavFile};
use modurust_runtime::world::FileWorld;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const RATE: u32 = 48_000;
/// Frames of a file of 8 bytes a frame that is too long to be held.
const LONG: usize = 5_600_000;

fn options(backend: Backend) -> Options {
    Options { sample_rate: RATE, passes: Passes::Fast, backend, seed: 0, verify: true }
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("modurust-stream-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Every frame of the file says where it is.
fn sound(i: usize) -> f32 {
    ((i * 7919) % 20_000) as f32 / 40_000.0 + 0.1
}

fn write(path: &Path, rate: u32, frames: usize, sound: impl Fn(usize) -> f32) {
    let mut file = WavFile::create(path, 2, rate, Bits::F32).unwrap();
    let samples: Vec<f32> = (0..frames).flat_map(|i| [sound(i); 2]).collect();
    file.write(&samples).unwrap();
    file.finish().unwrap();
    assert!(is_long(path));
}

/// Plays a text for some seconds, at most four times as fast as a device; the left side, from the first sound on.
fn play(dir: &Path, text: &str, seconds: usize) -> (Vec<f32>, Vec<Notice>, usize) {
    let file = dir.join("a.modu");
    std::fs::write(&file, text).unwrap();
    let mut wanted = SessionOptions::new(vec![file.to_str().unwrap().into()], options(Backend::Jit));
    wanted.limiter = false;
    let (session, mut engine) = Session::new(wanted).unwrap();
    let begin = Instant::now();
    let mut buffer = vec![0.0f32; 2 * 480];
    let mut heard = Vec::new();
    while heard.len() < seconds * RATE as usize && begin.elapsed() < Duration::from_secs(60) {
        engine.process(&mut buffer, 2);
        if !heard.is_empty() || buffer.iter().any(|x| *x != 0.0) {
            heard.extend(buffer.iter().step_by(2));
        }
        std::thread::sleep(Duration::from_micros(2500));
    }
    let program = session.snapshot().program.unwrap();
    let words = format!("{:?}", program.samples[0]).split(' ').next().unwrap().parse().unwrap();
    (heard, session.notices(), words)
}

/// Where in the file each frame is, from the first that is sure; how many are not in step with it.
fn out_of_step(heard: &[f32], length: usize, step: i64) -> usize {
    // Behind the fades of the swap and of the start, or later if a busy machine has read nothing yet.
    let sure = |after: usize| {
        let at = (0..length).find(|&i| {
            let place = |k: i64| sound((i as i64 + k * step).rem_euclid(length as i64) as usize);
            (0..8).all(|k| heard[after + k as usize] == place(k))
        });
        Some((after, at? as i64))
    };
    let first = (4000..heard.len() / 4).step_by(RATE as usize / 10).find_map(sure);
    let (after, at) = first.expect("what is heard is in the file");
    let wanted = |k: usize| sound((at + k as i64 * step).rem_euclid(length as i64) as usize);
    heard[after..].iter().enumerate().filter(|(k, x)| **x != wanted(*k)).count()
}

#[test]
fn a_long_file_plays_bit_for_bit_in_little_memory() {
    let dir = folder("exact");
    write(&dir.join("long.wav"), RATE, LONG, sound);
    for (text, step) in [
        ("out = play('long.wav', loop: on)", 1),
        ("out = play('long.wav', start: 0.5, loop: on)", 1),
        ("out = play('long.wav', start: 0.999, loop: on)", 1),
        ("out = play('long.wav', start: 0.7, rate: -1, loop: on)", -1),
        ("out = play('long.wav', start: 0.2, rate: 2, loop: on)", 2),
    ] {
        let (heard, notices, words) = play(&dir, text, 7);
        assert!(words < 1 << 20, "{words} words are held");
        let wrong = out_of_step(&heard, LONG, step);
        let told: Vec<&Notice> = notices.iter().filter(|n| matches!(n, Notice::Sample { .. })).collect();
        let late = told.iter().any(|n| matches!(n, Notice::Sample { message } if message.contains("read too late")));
        assert!(wrong == 0 || late, "{text}: {wrong} frames are wrong, and nothing was told");
        // A machine that is busy with other things may be late; what is heard is then silence, and not much of it.
        assert!(wrong < heard.len() / 4, "{text}: {wrong} frames are wrong: {told:?}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn offline_a_long_file_is_whole_and_the_same_for_every_block_and_backend() {
    let dir = folder("offline");
    write(&dir.join("long.wav"), RATE, LONG, sound);
    let file = dir.join("a.modu");
    std::fs::write(&file, "out = play('long.wav', start: 0.4)").unwrap();
    let mut hashes = Vec::new();
    let first = (LONG as f32 * 0.4).floor() as usize;
    for (backend, block) in [(Backend::Jit, 64), (Backend::Jit, 17), (Backend::Interp, 64)] {
        let outcome = Compiler::new(options(backend)).compile(&FileWorld::new(), &[file.to_str().unwrap().into()]);
        let mut heard = Vec::new();
        let mut wanted = RenderOptions::new(outcome.program.unwrap(), 100_000);
        (wanted.block, wanted.heard) = (block, Some(&mut heard));
        hashes.push(render(wanted).unwrap().hash);
        for (i, frame) in heard.chunks_exact(2).enumerate().skip(400) {
            assert_eq!(frame[0], sound(first + i), "frame {i}");
        }
    }
    assert!(hashes.iter().all(|h| *h == hashes[0]));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_long_file_of_another_rate_is_resampled_as_a_short_one() {
    let dir = folder("rates");
    let tone = |i: usize| (i as f64 / 44_100.0 * 700.0 * std::f64::consts::TAU).sin() as f32 * 0.5;
    write(&dir.join("long.wav"), 44_100, LONG, tone);
    let (heard, _, _) = play(&dir, "out = play('long.wav', start: 0.3, loop: on)", 6);
    // A pure tone of the same pitch and level, without a seam between pieces: y[n+1] + y[n-1] = 2 cos(w) y[n].
    let w = 2.0 * (700.0 / f64::from(RATE) * std::f64::consts::TAU).cos();
    let worst = heard[4000..]
        .windows(3)
        .map(|y| (f64::from(y[2]) + f64::from(y[0]) - w * f64::from(y[1])).abs())
        .fold(0.0, f64::max);
    let peak = heard[4000..].iter().fold(0.0f32, |p, x| p.max(x.abs()));
    assert!(worst < 1e-4 && (peak - 0.5).abs() < 1e-3, "{worst}, peak {peak}");
    assert!(read(&dir.join("long.wav"), RATE).is_ok());
    std::fs::remove_dir_all(dir).unwrap();
}

/// A file in pages of which one is missing.
struct Holes(Arc<SampleMemory>);

impl World for Holes {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == "a.modu" { Ok("out = play('long.wav')".into()) } else { Err("no such file".into()) }
    }

    fn exists(&self, _: &str) -> bool {
        true
    }

    fn is_long(&self, path: &str) -> bool {
        path == "long.wav"
    }

    fn sample(&self, sample: &Sample, _: u32) -> Arc<SampleMemory> {
        assert_eq!(sample.head, 1);
        Arc::clone(&self.0)
    }
}

#[test]
fn what_comes_too_late_is_silence_and_counted() {
    let length = 3 * PAGE + 1000;
    let memory = Arc::new(SampleMemory::paged(length as u64, 4, 1));
    let page = |page: usize| -> Vec<[f32; 2]> { (0..PAGE).map(|i| [sound(page * PAGE + i); 2]).collect() };
    [0, 2].into_iter().for_each(|k| memory.place(k, k, &page(k)));
    memory.place(3, 3, &page(3)[..1000]);
    for backend in [Backend::Jit, Backend::Interp] {
        let outcome = Compiler::new(options(backend)).compile(&Holes(Arc::clone(&memory)), &["a.modu".into()]);
        let mut heard = Vec::new();
        let mut wanted = RenderOptions::new(outcome.program.expect("it has no errors"), 4 * PAGE as u64);
        wanted.heard = Some(&mut heard);
        render(wanted).unwrap();
        for (i, frame) in heard.chunks_exact(2).enumerate().skip(400) {
            let there = i < length && i / PAGE != 1;
            assert_eq!(frame[0], if there { sound(i) } else { 0.0 }, "frame {i}");
        }
        assert_eq!((memory.take_missed(), memory.head()), (PAGE as u64, 3));
    }
}
