//! RealtimeSanitizer over the callback: a second net beside the counting allocator and the kernel's filter, with a trace of where it happened.
//!
//! Its archive comes with the stable toolchain for Linux, and is only linked into this binary: it takes the place of what the C library offers
//! (memory, locks, files, waiting), and ends the process with a report when one of them is called between `enter` and `exit`. It needs no
//! flag of the compiler for that. It sees neither an uncontended lock of std (no call), nor a clock (vDSO), nor sleeping: see RT2 and RT3.
//!
//! `cargo test -p modurust-runtime --features rtsan --test sanitizer`; `make test` asks for it where the archive is.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use common::{RATE, Random, dense, song};
use modurust_runtime::command::EngineCommand;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::engine::{Engine, EngineOptions};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[link(name = "rustc-stable_rt.rtsan", kind = "static", modifiers = "+whole-archive")]
unsafe extern "C" {
    fn __rtsan_ensure_initialized();
    fn __rtsan_realtime_enter();
    fn __rtsan_realtime_exit();
}

const CHILD: &str = "MODURUST_SANITIZER_CHILD";
/// How a process ends that the sanitizer ends.
const CAUGHT: i32 = 43;

fn plant(what: &str, lock: &Mutex<()>) {
    match what {
        "memory" => drop(std::hint::black_box(Box::new(1u8))),
        "lock" => drop(lock.lock()),
        "yield" => std::thread::yield_now(),
        "file" => drop(std::hint::black_box(std::fs::File::open("/"))),
        _ => {}
    }
}

/// Blocks under the sanitizer, with edits and commands between them.
fn perform(what: &str) {
    // SAFETY: to be called once, before the others.
    unsafe { __rtsan_ensure_initialized() };
    let programs = [song(100.0), dense(false), song(200.0), dense(true)];
    let (mut engine, mut control, _taps) =
        Engine::new(&EngineOptions::new(RATE), Some(programs[0].clone())).expect("an engine");
    engine.warm();
    // Somebody else has the lock for good.
    let lock = Arc::new(Mutex::new(()));
    let theirs = Arc::clone(&lock);
    std::thread::spawn(move || {
        let _held = theirs.lock();
        std::thread::sleep(Duration::from_secs(3600));
    });
    std::thread::sleep(Duration::from_millis(50));
    let (mut random, mut out) = (Random(43), [0.0; 256]);
    for block in 0..40_000 {
        if random.below(20) == 0 {
            control.publish(&programs[random.below(4) as usize], None);
            control.collect();
        }
        let (epoch, index, value) = (control.epoch(), 0, random.below(500) as f32);
        control.send(EngineCommand::Param { epoch, index, value });
        if random.below(99) == 0 {
            control.send(EngineCommand::Seek(Ratio::new(random.below(999) as i64, 7)));
        }
        // SAFETY: the two belong together, and nothing unwinds between them.
        unsafe { __rtsan_realtime_enter() };
        engine.process(&mut out, 2);
        if block == 500 {
            plant(what, &lock);
        }
        // SAFETY: as above.
        unsafe { __rtsan_realtime_exit() };
        while control.notice().is_some() {}
    }
}

#[test]
fn child() {
    if let Ok(what) = std::env::var(CHILD) {
        perform(&what);
    }
}

fn run(what: &str) -> (Option<i32>, String) {
    let output = Command::new(std::env::current_exe().expect("a name"))
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, what)
        .stdout(Stdio::null())
        .output()
        .expect("a process");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_sanitizer_finds_nothing_in_the_callback() {
    let (code, said) = run("nothing");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn the_sanitizer_finds_what_is_planted() {
    for (what, called) in [("memory", "malloc"), ("lock", "syscall"), ("yield", "sched_yield"), ("file", "open")] {
        let (code, said) = run(what);
        assert!(code == Some(CAUGHT) && said.contains(called), "{what}: {code:?} {said}");
    }
}
