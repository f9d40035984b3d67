//! RT3: the callback asks neither the system nor the allocator for anything: the kernel itself kills whoever does the one, and the other is counted.
//!
//! A process of its own takes the engine to a thread, and forbids that thread every system call but the one by which it ends (seccomp, the
//! filter of Linux). Nothing has to be intercepted and nothing is missed: sleeping, yielding, waiting for a lock, asking for pages, and
//! files all are calls. A little memory is none, so the allocator of the same process counts what that thread asks of it. Each of these
//! is planted in turn, and must be fatal. An uncontended lock is neither; that no module of the audio side has one, says RT2.

use super::Verdict;
use super::common::{RATE, Random, counting, dense, song};
use modurust_runtime::command::{EngineCommand, EngineNotice};
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::engine::{Engine, EngineOptions};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// How the process ends when it went to the allocator.
const ALLOCATED: i32 = 3;

/// What the process is to do, if it is one of these.
const CHILD: &str = "MODURUST_SYSCALLS_CHILD";

/// From here on this thread is killed, with its process, at any system call but the end of the process.
fn forbid() {
    let code = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        // The number of the call.
        code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_exit_group as u32),
        code(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        code(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program points to a filter that lives until the call has returned.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, std::ptr::from_ref(&program)) == 0
    };
    assert!(done, "the kernel has no seccomp: {}", std::io::Error::last_os_error());
}

/// Ends the process, by the one call that is left.
fn end(status: i32) -> ! {
    // SAFETY: nothing is run at the end, and nothing needs to be.
    unsafe { libc::_exit(status) }
}

/// What is done inside the callback that must not be.
fn plant(what: &str, lock: &Mutex<()>) {
    match what {
        "sleep" => std::thread::sleep(std::time::Duration::from_micros(1)),
        "yield" => std::thread::yield_now(),
        "lock" => drop(lock.lock()),
        "pages" => drop(std::hint::black_box(vec![1u8; 8 << 20])),
        "memory" => drop(std::hint::black_box(Box::new(1u8))),
        "file" => drop(std::fs::metadata("/")),
        "print" => println!("here"),
        _ => {}
    }
}

/// Blocks, swaps and commands on one side, swaps of code and numbers, tempi and launches from the other.
fn perform(what: &str) -> ! {
    // At 120 beats a minute one of them has 240 notes a second.
    let programs = [song(100.0), dense(false), dense(true)];
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(programs[0].clone())).unwrap();
    let (blocks, swaps, commands) = match what {
        "nothing" => (1_000_000, 10_000, 100_000),
        _ => (100, 0, 0),
    };
    let counts = Arc::new([const { AtomicU64::new(0) }; 2]);
    let (seen, what) = (Arc::clone(&counts), what.to_string());
    let lock = Arc::new(Mutex::new(()));
    let (theirs, ready) = (Arc::clone(&lock), Arc::new(AtomicBool::new(false)));
    let forbidden = Arc::clone(&ready);
    // Somebody has the lock for good.
    let held = lock.lock();
    std::thread::spawn(move || {
        engine.warm();
        let mut out = [0.0; 128];
        forbid();
        forbidden.store(true, Ordering::Release);
        let mut block = 0u64;
        let over = || [swaps, commands].iter().zip(&*seen).all(|(wanted, n)| n.load(Ordering::Relaxed) >= *wanted);
        let touches = counting::touches(|| {
            while block < blocks || !over() {
                engine.process(&mut out, 2);
                if block == 50 {
                    plant(&what, &theirs);
                }
                block += 1;
            }
        });
        end(if touches == 0 { 0 } else { ALLOCATED });
    });
    while !ready.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    let mut random = Random(31);
    loop {
        let mut next = programs[random.below(3) as usize].clone();
        if random.below(3) == 0 {
            let params = next.params.iter().map(|x| x * (0.9 + random.below(20) as f32 / 100.0));
            next.params = Arc::new(params.collect());
        }
        control.publish(&next, None);
        let epoch = control.epoch();
        for _ in 0..10 {
            let sent = control.send(EngineCommand::Param { epoch, index: 0, value: random.below(500) as f32 });
            counts[1].fetch_add(u64::from(sent), Ordering::Relaxed);
        }
        if random.below(9) == 0 {
            control.send(EngineCommand::Tempo(Ratio::int(random.below(300) as i64 + 30)));
            control.send(EngineCommand::Seek(Ratio::new(random.below(999) as i64, 7)));
        }
        std::thread::sleep(std::time::Duration::from_micros(100));
        control.collect();
        while let Some(notice) = control.notice() {
            if matches!(notice, EngineNotice::Adopted { .. }) {
                counts[0].fetch_add(1, Ordering::Relaxed);
            }
        }
        std::hint::black_box(&held);
    }
}

#[test]
fn child() {
    if let Ok(what) = std::env::var(CHILD) {
        perform(&what);
    }
}

fn run(what: &str) -> (ExitStatus, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["rt03_system_call::child", "--exact", "--nocapture"])
        .env(CHILD, what)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap(), said)
}

/// 10^6 blocks, 10^4 swaps, 10^5 commands that were taken, and more notes than that.
pub fn holds() -> Verdict {
    let (status, said) = run("nothing");
    if status.success() { Ok(()) } else { Err(format!("{status:?} {said}")) }
}

pub fn planted() -> Verdict {
    for what in ["sleep", "yield", "lock", "pages", "file", "print"] {
        let (status, said) = run(what);
        assert_eq!(status.signal(), Some(libc::SIGSYS), "{what}: {status:?} {said}");
    }
    let (status, said) = run("memory");
    assert_eq!(status.code(), Some(ALLOCATED), "{status:?} {said}");
    Err("all of them are fatal".into())
}
