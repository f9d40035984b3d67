//! Recordings that a text asks for: nothing is missing, nothing is written over, and a disk that is full is no end of the world.

mod common;

use common::{RATE, asked, options};
use modurust_runtime::command::{Command, EngineCommand, Notice};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::{self, DeviceOptions, RenderOptions, render};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::wav;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("modurust-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Eight tracks of oscillators, filters and echoes.
fn eight() -> String {
    let track = |i: u32| {
        let line = ["0 3 7 <10 12>", "0(5,8)", "<0 5> 7", "0 ~ 3 ~"][i as usize % 4];
        format!(
            "track t{i} = \"{line}\" >> scale(c{}, minor) >> poly(4, sub) >> lpf({}hz) >> delay({}s) * -12db\n",
            2 + i % 3,
            400 + i * 150,
            0.1 + f64::from(i) * 0.03
        )
    };
    format!("tempo 133bpm\n{}", (1..=8).map(track).collect::<String>())
}

struct Playing {
    session: Session,
    running: Option<device::Running>,
    told: Vec<String>,
}

impl Playing {
    fn new(text: &str) -> Playing {
        let texts = BTreeMap::from([("set.modu".to_string(), text.to_string())]);
        let (session, engine) = Session::new(SessionOptions {
            texts,
            watch: false,
            ..SessionOptions::new(vec!["set.modu".into()], options(Backend::Jit))
        })
        .unwrap();
        assert!(!session.snapshot().stale, "{:?}", session.notices());
        let name = Some("null".into());
        let device = DeviceOptions { name, rate: Some(RATE), block: Some(256), ..DeviceOptions::default() };
        let running = Some(device::choose(&device).start(engine));
        Playing { session, running, told: Vec::new() }
    }

    fn edit(&self, text: &str) {
        self.session.send(Command::Text { file: "set.modu".into(), text: text.into() });
    }

    /// Waits for a line about a file.
    #[track_caller]
    fn told(&mut self, words: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(at) = self.told.iter().position(|line| line.contains(words)) {
                return self.told.remove(at);
            }
            assert!(begin.elapsed() < PATIENCE, "never told `{words}`, but {:?}", self.told);
            if let Some(Notice::File { message }) = self.session.wait(Duration::from_millis(50)) {
                self.told.push(message);
            }
        }
    }

    /// Ends the sound, then the session.
    fn end(mut self) -> Vec<String> {
        drop(self.running.take().map(device::Running::stop));
        let Playing { session, mut told, .. } = self;
        let files = |notices: Vec<Notice>| {
            notices.into_iter().filter_map(|n| if let Notice::File { message } = n { Some(message) } else { None })
        };
        told.extend(files(session.notices()));
        told
    }
}

fn compile(text: &str) -> Program {
    let world = common::Text(text.into());
    let outcome = Compiler::new(options(Backend::Jit)).compile(&world, &["set.modu".into()]);
    let messages = outcome.render(false);
    outcome.program.unwrap_or_else(|| panic!("{messages}"))
}

fn samples(path: &Path) -> Vec<f32> {
    wav::read(path).unwrap_or_else(|why| panic!("{why}")).samples
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Where a recording begins in a rendering: where what is not silent in it is found there.
fn place(whole: &[f32], take: &[f32]) -> Option<usize> {
    let heard = take.iter().position(|x| *x != 0.0)? / 2 * 2;
    let few = &take[heard..take.len().min(heard + 4096)];
    let last = whole.len().checked_sub(few.len())?;
    (heard..=last).step_by(2).find(|at| same(&whole[*at..at + few.len()], few)).map(|at| at - heard)
}

/// `RECORD=600 cargo test -p modurust-runtime --test recording eight` records for ten minutes.
#[test]
fn eight_tracks_under_load_are_those_of_a_rendering() {
    let seconds = asked("RECORD", 6);
    let dir = folder("eight");
    let takes = dir.join("takes");
    let text = eight();
    // Two threads that would like to have the machine for themselves.
    let stop = Arc::new(AtomicBool::new(false));
    let loads: Vec<_> = (0..2)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut x = 1u64;
                while !stop.load(Ordering::Relaxed) {
                    let begin = Instant::now();
                    while begin.elapsed() < Duration::from_millis(7) {
                        x = x.wrapping_mul(6364136223846793005).wrapping_add(1);
                    }
                    std::thread::sleep(Duration::from_millis(3));
                }
                x
            })
        })
        .collect();
    let mut playing = Playing::new(&format!("{text}record all to '{}'\n", takes.display()));
    std::thread::sleep(Duration::from_secs(seconds));
    // The line goes, and the recording ends.
    playing.edit(&text);
    let ended: Vec<String> = (0..9).map(|_| playing.told("recorded ")).collect();
    assert!(ended.iter().all(|line| !line.contains("missing")), "{ended:?}");
    stop.store(true, Ordering::Relaxed);
    assert!(loads.into_iter().all(|load| load.join().is_ok()));
    assert!(!playing.end().iter().any(|line| line.contains("slow")), "frames are missing");
    // The same offline.
    let mut rendering = RenderOptions::new(compile(&text), (seconds + 5) * u64::from(RATE));
    rendering.stems = Some(dir.join("stems"));
    rendering.out = Some(dir.join("whole.wav"));
    render(rendering).unwrap();
    let whole = samples(&dir.join("whole.wav"));
    let master = samples(&takes.join("master.wav"));
    let begin = place(&whole, &master).expect("the recording is part of the rendering");
    let length = master.len();
    println!("{} frames of nine files, from frame {}", length / 2, begin / 2);
    assert!(length as u64 / 2 > seconds * u64::from(RATE) * 3 / 4, "{length}");
    let differs = whole[begin..].iter().zip(&master).position(|(a, b)| a.to_bits() != b.to_bits());
    assert_eq!(differs.map(|at| at / 2), None, "of {} frames", length / 2);
    for i in 1..=8 {
        let (take, stem) =
            (samples(&takes.join(format!("t{i}.wav"))), samples(&dir.join("stems").join(format!("t{i}.wav"))));
        // They begin together and end when each is told to.
        let common = take.len().min(length);
        assert!(take.len().abs_diff(length) < 2 * RATE as usize, "t{i}: {} {length}", take.len());
        assert!(same(&stem[begin..begin + common], &take[..common]), "t{i} differs");
        assert!(take.iter().any(|x| x.abs() > 1e-3), "t{i} is silent");
    }
    assert!(std::fs::read_to_string(takes.join("master.modu")).unwrap().starts_with(&text));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_was_played_before_can_be_kept() {
    let dir = folder("preroll");
    let text = eight();
    let whole = {
        let mut heard = Vec::new();
        let mut rendering = RenderOptions::new(compile(&text), 12 * u64::from(RATE));
        rendering.heard = Some(&mut heard);
        render(rendering).unwrap();
        heard
    };
    let mut playing = Playing::new(&text);
    std::thread::sleep(Duration::from_millis(700));
    let (kept, take) = (dir.join("kept.wav"), dir.join("take.wav"));
    playing.session.send(Command::Keep(kept.clone()));
    playing.told("kept the last");
    let kept = samples(&kept);
    assert!(kept.len() as u32 / 2 > RATE / 2 && same(&whole[..kept.len()], &kept), "{}", kept.len());
    assert_eq!(std::fs::read_to_string(dir.join("kept.modu")).unwrap(), text);
    // A recording with what was before goes on without a seam.
    let recording = format!("{text}record master to '{}' preroll\n", take.display());
    playing.edit(&recording);
    playing.told("recording to");
    std::thread::sleep(Duration::from_millis(700));
    playing.edit(&text);
    playing.told("recorded ");
    let taken = samples(&take);
    assert!(taken.len() > kept.len() + RATE as usize && same(&whole[..taken.len()], &taken), "{}", taken.len());
    assert_eq!(std::fs::read_to_string(dir.join("take.modu")).unwrap(), recording);
    // Another of the same name lies beside it.
    playing.edit(&format!("{text}record master at now to '{}'\n", dir.join("take.flac").display()));
    playing.told("recording to");
    std::thread::sleep(Duration::from_millis(200));
    playing.edit(&text);
    playing.told("recorded ");
    assert!(std::fs::read(dir.join("take.flac")).unwrap().starts_with(b"fLaC"));
    assert!(!dir.join("take.flac.wav").exists() && dir.join("take-2.modu").exists());
    playing.end();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_ends_a_recording_with_a_whole_file() {
    let dir = folder("full");
    let mount = |args: &[&str]| std::process::Command::new("mount").args(args).output();
    let small = dir.join("small");
    std::fs::create_dir(&small).unwrap();
    let place = small.display().to_string();
    if !mount(&["-t", "tmpfs", "-o", "size=512k", "tmpfs", &place]).is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: a small disk can be mounted by root alone");
        std::fs::remove_dir_all(dir).unwrap();
        return;
    }
    let text = eight();
    let take = small.join("take.wav");
    let mut playing = Playing::new(&format!("{text}record master at now to '{}'\n", take.display()));
    let told = playing.told("the recording ends");
    let found = wav::read(&take).map(|sound| sound.samples);
    playing.edit(&text);
    let after = playing.told("the recording ended before");
    playing.end();
    let unmounted = std::process::Command::new("umount").arg(&place).output();
    assert!(unmounted.is_ok_and(|out| out.status.success()));
    std::fs::remove_dir_all(dir).unwrap();
    let found = found.expect("a file that can be read");
    assert!(told.contains("No space left") && after.contains("No space left"), "{told} {after}");
    // Half a megabyte, of which a text and the file system have a little.
    assert!(found.len() > 100_000 && found.len() < 131_072, "{} samples", found.len());
    let mut heard = Vec::new();
    let mut rendering = RenderOptions::new(compile(&text), 3 * u64::from(RATE));
    rendering.heard = Some(&mut heard);
    render(rendering).unwrap();
    assert!(self::place(&heard, &found).is_some_and(|at| same(&heard[at..at + found.len()], &found)));
}

#[test]
fn what_is_hushed_is_silent_in_every_strip() {
    let program = compile("track a = saw(110hz) * 0.2\n");
    let options = EngineOptions { tap: 1 << 16, ..EngineOptions::new(RATE) };
    let (mut engine, mut control, mut taps) = Engine::new(&options, Some(program)).unwrap();
    let mut tap = taps.spouts.pop().unwrap();
    tap.valve.open("a", Ratio::ZERO, 0);
    let mut block = [0.0; 256];
    let mut heard = |engine: &mut Engine, blocks: usize| -> f32 {
        (0..blocks).for_each(|_| engine.process(&mut block, 2));
        std::iter::from_fn(|| tap.ring.pop().ok()).fold(0.0, |most, frame| most.max(frame[0].abs()))
    };
    assert!(heard(&mut engine, 20) > 0.1);
    control.send(EngineCommand::Hush);
    // The fade is over in 20 ms.
    heard(&mut engine, 10);
    assert_eq!(heard(&mut engine, 20), 0.0);
    control.send(EngineCommand::Play);
    assert!(heard(&mut engine, 20) > 0.1);
}
