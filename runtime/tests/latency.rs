//! Recordings of inputs lie where they were played, by the latency that was measured.

mod common;

use common::options;
use modurust_runtime::command::{Command, Notice};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::wav;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// By how many frames of 1000 a sine of 48 Hz is later than another.
fn later(a: &[f32], b: &[f32]) -> f64 {
    let phase = |sound: &[f32]| {
        let turn = |i: usize| std::f64::consts::TAU * (i % 1000) as f64 / 1000.0;
        let sums = sound.chunks_exact(2).take(10_000).enumerate().fold((0.0, 0.0), |(c, s), (i, frame)| {
            (c + f64::from(frame[0]) * turn(i).cos(), s + f64::from(frame[0]) * turn(i).sin())
        });
        sums.0.atan2(sums.1) / std::f64::consts::TAU * 1000.0
    };
    (phase(b) - phase(a)).rem_euclid(1000.0)
}

#[test]
fn recordings_of_inputs_lie_where_they_were_played() {
    let folder = std::env::temp_dir().join(format!("modurust-late-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let tracks = "track own = sin(48hz) * 0.5\ntrack mic = (input(1) >> lpf(8khz)) * 0.5\n";
    let take = |latency: u64| {
        let to = folder.join(format!("take{latency}"));
        let text = format!("{tracks}record all at now to '{}'\n", to.display());
        let mut wished = SessionOptions::new(vec!["set.modu".into()], options(Backend::Jit));
        wished.texts = BTreeMap::from([("set.modu".to_string(), text)]);
        (wished.watch, wished.inputs, wished.latency) = (false, 1, latency);
        let (session, mut engine) = Session::new(wished).expect("a session");
        assert!(!session.snapshot().stale, "{:?}", session.notices());
        let mut out = [[0.0f32; 2]; 64];
        let mut run = |blocks: u64| {
            for _ in 0..blocks {
                let first = engine.next_frame();
                let at = |frame: usize| (first + frame as u64) % 1000;
                engine.sound_in(64, |frame, _| (std::f32::consts::TAU * at(frame) as f32 / 1000.0).sin());
                engine.process(out.as_flattened_mut(), 2);
                if first % 512 == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        };
        run(1200);
        session.send(Command::Text { file: "set.modu".into(), text: tracks.into() });
        let (begin, mut ended) = (Instant::now(), 0);
        while ended < 3 {
            run(8);
            ended += session
                .notices()
                .iter()
                .filter(|notice| matches!(notice, Notice::File { message } if message.starts_with("recorded ")))
                .count();
            assert!(begin.elapsed() < Duration::from_secs(20), "recordings do not end");
            std::thread::sleep(Duration::from_millis(1));
        }
        let sound = |name: &str| wav::read(&to.join(name)).expect("a take").samples;
        later(&sound("own.wav"), &sound("mic.wav"))
    };
    let (as_it_came, put_right) = (take(0), take(480));
    let moved = (put_right - as_it_came).rem_euclid(1000.0);
    assert!((moved - 480.0).abs() < 1.0, "{as_it_came} {put_right}");
    std::fs::remove_dir_all(folder).expect("the folder");
}
