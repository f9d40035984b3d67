//! Files, threads and devices: from a saved edit to the sound, and rendering to files.

mod common;

use common::{RATE, song};
use modurust_runtime::command::{ChangeKind, Command, Notice, Perform};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Options;
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::{self, DeviceOptions, RenderOptions, render};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::launcher::Quantise;
use modurust_runtime::recorder::{Recorder, What};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::watch::Watcher;
use modurust_runtime::wav::{self, Bits};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("modurust-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn null() -> DeviceOptions {
    DeviceOptions { name: Some("null".into()), rate: Some(RATE), block: Some(128), ..DeviceOptions::default() }
}

#[test]
fn saves_of_every_kind_are_seen_once() {
    let dir = folder("watch");
    let (file, other) = (dir.join("a.modu"), dir.join("b.modu"));
    std::fs::write(&file, "1").unwrap();
    let (send, changes) = channel();
    let watcher = Watcher::new(move |c| drop(send.send((c, Instant::now())))).unwrap();
    let link = dir.join("link.modu");
    let far = folder("watch-far");
    std::fs::write(far.join("real.modu"), "1").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(far.join("real.modu"), &link).unwrap();
    watcher.watch([file.clone(), link.clone(), dir.join("later.modu")]);
    std::thread::sleep(Duration::from_millis(100));
    let expect = |what: &str, path: &Path, edit: &dyn Fn()| {
        edit();
        let (changed, seen) = changes.recv_timeout(Duration::from_secs(5)).expect(what);
        assert_eq!(changed.files, [path.to_path_buf()], "{what}");
        assert!(seen - changed.at < Duration::from_millis(200), "{what}: {:?}", seen - changed.at);
        assert!(changes.recv_timeout(Duration::from_millis(60)).is_err(), "{what}: once");
    };
    expect("written in place", &file, &|| std::fs::write(&file, "22").unwrap());
    expect("renamed over", &file, &|| {
        std::fs::write(&other, "333").unwrap();
        std::fs::rename(&other, &file).unwrap();
    });
    expect("moved away and written anew", &file, &|| {
        std::fs::rename(&file, dir.join("a.modu~")).unwrap();
        std::fs::write(&file, "4444").unwrap();
    });
    expect("truncated, then written a little later", &file, &|| {
        let handle = std::fs::File::create(&file).unwrap();
        std::thread::sleep(Duration::from_millis(4));
        use std::io::Write;
        (&handle).write_all(b"55555").unwrap();
    });
    expect("a file that was not there", &dir.join("later.modu"), &|| {
        std::fs::write(dir.join("later.modu"), "x").unwrap()
    });
    #[cfg(unix)]
    expect("behind a link", &link, &|| std::fs::write(far.join("real.modu"), "2").unwrap());
    // The same content, or another file: nothing.
    std::fs::write(&file, "55555").unwrap();
    std::fs::write(dir.join("else.txt"), "1").unwrap();
    assert!(changes.recv_timeout(Duration::from_millis(100)).is_err());
    drop(watcher);
    std::fs::remove_dir_all(dir).unwrap();
    std::fs::remove_dir_all(far).unwrap();
}

#[test]
fn a_rendering_in_files() {
    let dir = folder("render");
    let report = |bits, name: &str| {
        let mut options = RenderOptions::new(song(110.0), 30_000);
        options.out = Some(dir.join(name));
        options.bits = bits;
        render(options).unwrap()
    };
    let float = report(Bits::F32, "f.wav");
    let sound = wav::read(&dir.join("f.wav")).unwrap();
    assert_eq!((sound.samples.len(), sound.channels, sound.sample_rate), (60_000, 2, RATE));
    let mut hash = wav::SoundHash::default();
    hash.add(&sound.samples);
    assert_eq!(hash, float.hash);
    assert_eq!(report(Bits::I16, "s.wav").hash, float.hash);
    let whole = wav::read(&dir.join("s.wav")).unwrap();
    assert!(sound.samples.iter().zip(&whole.samples).all(|(a, b)| (a.clamp(-1.0, 1.0) - b).abs() < 1e-4));
    // Stems add up to the whole.
    let mut options = RenderOptions::new(song(110.0), 30_000);
    options.stems = Some(dir.join("stems"));
    let mut told = vec![];
    let mut progress = |done, all| told.push((done, all));
    options.progress = Some(&mut progress);
    let stems = render(options).unwrap();
    assert_eq!((stems.hash, stems.stems.len()), (float.hash, 4));
    assert_eq!(told.last(), Some(&(30_000, 30_000)));
    let mut sum = vec![0.0; 60_000];
    for stem in &stems.stems {
        let stem = wav::read(stem).unwrap();
        sum.iter_mut().zip(&stem.samples).for_each(|(s, x)| *s += x);
    }
    assert!(sum.iter().zip(&sound.samples).all(|(a, b)| (a - b).abs() < 1e-5));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_recording_is_what_was_played() {
    let dir = folder("record");
    let mut options = EngineOptions::new(RATE);
    options.limiter = true;
    options.tap = 48_000;
    let (mut engine, _control, mut taps) = Engine::new(&options, Some(song(110.0))).unwrap();
    let ring = taps.spouts.pop().unwrap();
    let recorder =
        Recorder::start(ring, What::now("master"), &dir.join("r.wav"), (RATE, Bits::F32), Box::new(|_| {})).unwrap();
    let mut out = vec![0.0; 2 * 640];
    for _ in 0..50 {
        engine.process(&mut out, 2);
        std::thread::sleep(Duration::from_millis(1));
    }
    let (ring, recorded) = recorder.stop();
    assert_eq!(recorded.unwrap().frames, 32_000);
    let sound = wav::read(&dir.join("r.wav")).unwrap();
    let mut options = RenderOptions::new(song(110.0), 32_000);
    options.out = Some(dir.join("o.wav"));
    render(options).unwrap();
    assert_eq!(sound, wav::read(&dir.join("o.wav")).unwrap(), "before the limiter");
    // A second one begins where it is started.
    let recorder =
        Recorder::start(ring.unwrap(), What::now("master"), &dir.join("r2.wav"), (RATE, Bits::I24), Box::new(|_| {}))
            .unwrap();
    engine.process(&mut out, 2);
    assert_eq!(recorder.stop().1.unwrap().frames, 640);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_null_device_keeps_time() {
    let (engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(song(110.0))).unwrap();
    let choice = device::choose(&null());
    assert_eq!((choice.rate(), choice.message()), (RATE, None));
    let begin = Instant::now();
    let mut running = choice.start(engine);
    assert!(running.is_null());
    std::thread::sleep(Duration::from_millis(300));
    control.publish(&song(220.0), None);
    std::thread::sleep(Duration::from_millis(200));
    let (frames, time) = (running.stats().frames as f64, begin.elapsed().as_secs_f64());
    assert!(matches!(control.notice(), Some(modurust_runtime::command::EngineNotice::Adopted { .. })));
    // A machine under load may give up time, and says so.
    assert!((frames / f64::from(RATE) - time).abs() < 0.05 || running.stats().xruns > 0, "{frames} frames in {time} s");
    assert!(!running.poll().iter().any(|n| matches!(n, Notice::Device { .. })));
    assert!(control.meters().take(4).peak[0] > 0.0);
    let engine = running.stop().unwrap();
    assert_eq!(engine.frame() % 64, 0);
}

#[test]
fn a_missing_device_is_one_line() {
    let mut options = null();
    options.name = Some("no such card".into());
    let choice = device::choose(&options);
    assert!(choice.message().unwrap().starts_with("no audio device: using null ("), "{:?}", choice.message());
    assert_eq!(choice.message().unwrap().lines().count(), 1);
    assert!(device::list().iter().any(|d| d.name == "null"));
}

fn options(files: Vec<String>) -> SessionOptions {
    let compile = Options { sample_rate: RATE, passes: Passes::Exact, backend: Backend::Jit, seed: 0, verify: false };
    SessionOptions::new(files, compile)
}

/// Waits for a notice.
fn until(session: &Session, what: &str, wanted: impl Fn(&Notice) -> bool) -> Notice {
    let begin = Instant::now();
    let mut seen = vec![];
    while begin.elapsed() < Duration::from_secs(20) {
        if let Some(notice) = session.wait(Duration::from_millis(100)) {
            if wanted(&notice) {
                return notice;
            }
            seen.push(notice);
        }
    }
    panic!("{what}: {seen:?}");
}

#[test]
fn an_edited_file_is_heard() {
    let dir = folder("session");
    let file = dir.join("song.modu");
    std::fs::write(&file, "track a = saw(110hz) * 0.3\n").unwrap();
    let (session, engine) = Session::new(options(vec![file.to_str().unwrap().into()])).unwrap();
    let running = device::choose(&null()).start(engine);
    until(&session, "the first program", |n| matches!(n, Notice::Compiled { .. }));
    std::thread::sleep(Duration::from_millis(50));
    let mut times = vec![];
    for level in ["0.2", "0.5", "0.4", "0.1"] {
        std::fs::write(&file, format!("track a = saw(110hz) * {level}\n")).unwrap();
        let notice = until(&session, "a number", |n| matches!(n, Notice::Adopted { .. }));
        let Notice::Adopted { kind: ChangeKind::Number, ms: Some(ms), .. } = notice else { panic!("{notice:?}") };
        times.push(ms);
    }
    println!("number edits, file event to sound: {times:.1?} ms");
    std::fs::write(&file, "track a = saw(110hz) * 0.3 + saw(220hz) * 0.1\n").unwrap();
    let notice = until(&session, "code", |n| matches!(n, Notice::Adopted { .. }));
    let Notice::Adopted { kind: ChangeKind::Code, ms: Some(ms), .. } = notice else { panic!("{notice:?}") };
    println!("code edit, file event to sound: {ms:.1} ms");
    let report = session.snapshot().report.unwrap();
    assert!(!report.kept.is_empty() && !report.made.is_empty(), "{report:?}");
    // An error: the last good version plays on.
    std::fs::write(&file, "track a = saw(110hz) >> lpf(\n").unwrap();
    let notice = until(&session, "errors", |n| matches!(n, Notice::Diagnostics { .. }));
    assert!(
        matches!(&notice, Notice::Diagnostics { errors, text, .. } if *errors > 0 && text.contains("song.modu")),
        "{notice:?}"
    );
    // On a busy machine the next quantum, and the word that the text is stale, may come a little later.
    let start = std::time::Instant::now();
    let (mut stale, mut peak) = (false, 0f32);
    while !(stale && peak > 0.0) && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(2));
        stale = session.snapshot().stale;
        peak = peak.max(session.meters().take(0).peak[0]);
    }
    assert!(stale && peak > 0.0, "stale {stale}, peak {peak}");
    // Text that is not saved.
    session.send(Command::Text { file: file.to_str().unwrap().into(), text: "track a = saw(55hz)\n".into() });
    until(&session, "unsaved text", |n| matches!(n, Notice::Adopted { .. }));
    assert!(!session.snapshot().stale);
    session.send(Command::Param { name: "nothing.at.all".into(), value: 1.0 });
    until(&session, "a refusal", |n| matches!(n, Notice::Refused { .. }));
    // What was worked out of a number is no knob.
    session.send(Command::Text {
        file: file.to_str().unwrap().into(),
        text: "track a = noise * 0.1 >> lpf(800hz)\n".into(),
    });
    until(&session, "a filter", |n| matches!(n, Notice::Adopted { .. }));
    let program = session.snapshot().program.unwrap();
    let worked: Vec<String> =
        program.patch.graph.params.iter().map(|p| p.name.to_string()).filter(|name| name.contains('#')).collect();
    assert!(!worked.is_empty());
    for name in worked {
        session.send(Command::Param { name, value: 1e30 });
        until(&session, "a refusal", |n| matches!(n, Notice::Refused { message } if message.contains("has no name")));
    }
    std::thread::sleep(Duration::from_millis(100));
    assert!(session.meters().take(0).peak[0] < 1.0);
    drop(session);
    drop(running);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_text_with_errors_plays_silence() {
    let dir = folder("broken");
    let file = dir.join("song.modu");
    std::fs::write(&file, "track a = saw(110hz >>\n").unwrap();
    let (session, mut engine) = Session::new(options(vec![file.to_str().unwrap().into()])).unwrap();
    let notices = session.notices();
    assert!(matches!(&notices[..], [Notice::Diagnostics { .. }, Notice::Compiled { .. }]), "{notices:?}");
    let program = session.snapshot().program.expect("what is left without the broken track");
    assert!(program.patch.graph.outs.len() == 1 && session.snapshot().stale, "the master alone");
    let mut out = [1.0; 256];
    engine.process(&mut out, 2);
    assert!(out.iter().all(|x| *x == 0.0));
    std::fs::remove_dir_all(dir).unwrap();
}

/// What a set plays, since when, and whether a hand has launched it.
type View = (Option<u32>, Option<Ratio>, bool);

/// A session that ends as in a crash, and another one: what a hand launched or stopped goes on, and counts from where it began.
#[test]
fn what_a_hand_has_launched_goes_on_after_a_crash() {
    let dir = folder("launched");
    let text = "tempo 480bpm\nheld(freq, gate) = gate * sin(freq) * 0.1\n\
                track t = clips { a: \"0\"  b: \"0 7\" } >> scale(a3, major) >> mono(held)\n\
                track u = clips { a: \"0\"  b: \"0 7\" } >> scale(a3, major) >> mono(held)\n\
                track v = clips { a: \"0\"  b: \"0 7\" } >> scale(a3, major) >> mono(held)\n";
    let begin = |resume: bool| {
        let mut start = options(vec!["song.modu".into()]);
        start.watch = false;
        start.texts.insert("song.modu".into(), text.into());
        (start.journal, start.resume, start.crashed) = (Some(dir.join("song.modu")), resume, resume);
        let (session, engine) = Session::new(start).unwrap();
        (session, device::choose(&null()).start(engine))
    };
    let views = |session: &Session| {
        let sets = session.snapshot().picture.sets;
        sets.iter().map(|set| (set.playing, set.origin, set.by_hand)).collect::<Vec<View>>()
    };
    let wait = |session: &Session, wanted: &dyn Fn(&[View]) -> bool| {
        let begin = Instant::now();
        while !wanted(&views(session)) {
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", views(session));
            std::thread::sleep(Duration::from_millis(2));
        }
        views(session)
    };
    let (session, running) = begin(false);
    wait(&session, &|sets| sets.len() == 3);
    let launch = |path: &str, launch| {
        let bar = Some(Quantise::Bars(Ratio::ONE));
        session.send(Command::Perform(Perform::Launch { path: path.into(), launch, legato: false, at: bar }));
    };
    launch("t.b", true);
    launch("u", false);
    let before = wait(&session, &|sets| sets[0].0 == Some(1) && sets[1].0.is_none());
    assert!(before[0].1.is_some_and(|origin| origin.is_positive()), "{before:?}");
    // Until all of it, and a position behind the launch, is on the disk.
    std::thread::sleep(Duration::from_millis(1500));
    drop((running, session));
    let (session, running) = begin(true);
    let after = wait(&session, &|sets| sets.len() == 3 && sets[0].0 == Some(1));
    assert_eq!(after, before);
    drop((running, session));
    std::fs::remove_dir_all(&dir).unwrap();
}

/// What is written between the reading of a file and the first look of the thread is an edit, however busy the machine is.
#[test]
fn a_save_in_the_moment_of_the_beginning_is_seen() {
    let dir = folder("beginning");
    for round in 0..20 {
        let file = dir.join(format!("{round}.modu"));
        std::fs::write(&file, "one").unwrap();
        let (send, seen) = channel();
        let watcher = Watcher::new(move |changed| drop(send.send(changed.files))).unwrap();
        watcher.begin([file.clone()]);
        std::fs::write(&file, "two").unwrap();
        assert_eq!(seen.recv_timeout(Duration::from_secs(20)), Ok(vec![file]));
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
