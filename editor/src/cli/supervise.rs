//! A small process that watches over the one that plays, and starts it again if it crashes.
//!
//! What plays is a child with the same arguments; this process waits for it and does nothing else, so there is nothing in it that could crash. A child
//! that dies by a fault of the program (a signal such as SIGSEGV, or a panic) is started again with the texts, numbers and the position of the journal, the
//! position carried on to now by the clock. Any other end is the end of both, with the child's exit code.
//!
//! Ctrl-C reaches both at a terminal. It is passed on to the child by its standard input, for a signal that came to this process alone: `s` asks for
//! an end, `k` does not ask, and where the input ends, this process is gone. Asking twice for one Ctrl-C changes nothing.

use super::Failure;
use super::terminal;
use std::io::{Read, Write};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A child that lives no longer than this has crashed quickly.
const QUICK: Duration = Duration::from_secs(10);
/// Quick crashes in a row after which it is given up.
const TRIES: u32 = 3;
/// What the child is told by: 0, or when the one before it crashed, in milliseconds since 1970.
pub const ARGUMENT: &str = "--supervised";

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// Plays in a child for as long as it does, and ends as it ends.
pub fn run() -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(Failure::outside)?;
    let voice: Arc<Mutex<Option<ChildStdin>>> = Arc::default();
    let (asked, heard) = (AtomicBool::new(false), Arc::clone(&voice));
    let handler = move || {
        let word = if asked.swap(true, Ordering::Relaxed) { b"k" } else { b"s" };
        if let Some(voice) = heard.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = voice.write_all(word);
        }
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::because(format!("cannot listen for Ctrl-C: {e}")))?;
    let (mut crashed, mut quick) = (0, 0);
    loop {
        let begin = Instant::now();
        let mut child = Command::new(&program)
            .args(std::env::args_os().skip(1))
            .args([ARGUMENT, &crashed.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .map_err(Failure::outside)?;
        *voice.lock().unwrap_or_else(PoisonError::into_inner) = child.stdin.take();
        let status = child.wait().map_err(Failure::outside)?;
        *voice.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let Err(why) = ended(status) else { std::process::exit(code(status)) };
        crashed = now();
        quick = if begin.elapsed() < QUICK { quick + 1 } else { 1 };
        if terminal::rewritable() {
            terminal::print("\r\x1b[2K")?;
        }
        if quick >= TRIES {
            return Err(Failure::because(format!(
                "it crashed {quick} times in a row ({why}); this is a fault of the program, please report it"
            )));
        }
        terminal::complain(&format!(
            "it crashed ({why}), and is started again; this is a fault of the program, please report it\n"
        ));
    }
}

/// `Err` for a crash, in words.
fn ended(status: ExitStatus) -> Result<(), String> {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let faults = [(4, "SIGILL"), (5, "SIGTRAP"), (6, "SIGABRT"), (7, "SIGBUS"), (8, "SIGFPE"), (11, "SIGSEGV")];
        let name = faults.iter().find(|fault| fault.0 == signal).map(|fault| fault.1);
        return name.map_or(Ok(()), |name| Err(name.to_string()));
    }
    match status.code() {
        // The commands own the codes from 0 to 3; 130 is a second Ctrl-C.
        Some(0..=3 | 130) => Ok(()),
        Some(101) => Err("a panic".to_string()),
        _ => Err(status.to_string()),
    }
}

/// The exit code that says the same; a signal is told as shells do.
fn code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(1)
}

/// In the child: listens to what is passed on to it.
pub fn listen(stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let mut word = [0];
        loop {
            match std::io::stdin().read(&mut word) {
                Ok(1) if word == *b"k" => std::process::exit(130),
                Ok(1) => stop.store(true, Ordering::Relaxed),
                _ => break,
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}
