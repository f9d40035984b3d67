//! A process that crashes is started again where it was, and everything else ends as it would without anybody watching.
#![cfg(target_os = "linux")]

mod common;

use common::{MODURUST, Scratch, interrupt, run};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// A bar takes half a second.
const SONG: &str = "tempo 480bpm\ntrack a = sin(220hz) * 0.1\n";

/// The command, with somebody who watches over it.
struct Watched {
    child: Child,
    lines: Receiver<(String, Instant)>,
}

impl Watched {
    fn start(args: &[&str]) -> Watched {
        let mut child = Command::new(MODURUST)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let (send, lines) = channel();
        let errors = BufReader::new(child.stderr.take().expect("a piped stream"));
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).all(|line| send.send((line, Instant::now())).is_ok())
        });
        Watched { child, lines }
    }

    /// Waits for a line with these words; the line, and when it came.
    #[track_caller]
    fn wait(&self, words: &str) -> (String, Instant) {
        let (begin, mut said) = (Instant::now(), Vec::new());
        while let Some(left) = PATIENCE.checked_sub(begin.elapsed()) {
            let Ok((line, at)) = self.lines.recv_timeout(left) else { break };
            if line.contains(words) {
                return (line, at);
            }
            said.push(line);
        }
        panic!("never said `{words}`, but: {said:#?}");
    }

    /// The process that plays.
    fn player(&self) -> Option<u32> {
        players(self.child.id()).first().copied()
    }

    /// Ends what plays by a fault.
    fn crash(&self) {
        let player = self.player().expect("somebody plays");
        let begin = Instant::now();
        // The first of these is caught by what looks after stacks that overflow, and let pass from then on.
        while std::fs::metadata(format!("/proc/{player}")).is_ok() && self.player() == Some(player) {
            assert!(begin.elapsed() < PATIENCE, "it does not crash");
            let _ = Command::new("sh").args(["-c", &format!("kill -SEGV {player}")]).stderr(Stdio::null()).status();
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The exit code, when it comes.
    fn code(mut self) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("it did not end");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Children of a process.
fn players(of: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("Linux").flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    // `pid (name) state parent ..`
    let parent = |id: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    ids.filter(|id| parent(*id) == Some(of)).collect()
}

#[test]
fn a_crash_is_a_short_gap_and_time_goes_on() {
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", SONG);
    let watched = Watched::start(&["play", &file, "--supervise", "--device", "null", "-v"]);
    let (_, begin) = watched.wait("compiled in");
    let mut gaps = Vec::new();
    // Before the second crash the file gets an error: what was good plays on, behind the crash, too.
    for crash in 0..2 {
        std::thread::sleep(Duration::from_millis(2300));
        watched.crash();
        watched.wait("it crashed (SIGSEGV)");
        let (line, at) = watched.wait("going on at bar ");
        let mut numbers = line.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u64>().ok());
        let (bar, beat, ms) = (numbers.next(), numbers.next(), numbers.next().expect("milliseconds"));
        let bars = bar.expect("a bar") as f64 - 1.0 + (beat.expect("a beat") as f64 - 1.0) / 4.0;
        let expected = (at - begin).as_secs_f64() / 0.5;
        println!("{line}: expected {expected:.2} bars, found {bars:.2}");
        gaps.push(ms);
        assert!((bars - expected).abs() < 1.0, "{line}: {bars} bars, where {expected} have passed");
        if crash == 0 {
            std::fs::write(&file, SONG.replace("220", "230")).unwrap();
            watched.wait("edit: numbers");
            std::fs::write(&file, SONG.replace("sin(220hz)", "sin(")).unwrap();
            watched.wait("edit: error");
            // So that it is kept.
            std::thread::sleep(Duration::from_millis(300));
        }
    }
    println!("gaps: {gaps:?} ms");
    assert!(gaps.iter().all(|ms| *ms < 3_000), "{gaps:?}");
    interrupt(&watched.child);
    assert_eq!(watched.code(), Some(0));
}

#[test]
fn what_crashes_again_and_again_is_given_up() {
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", SONG);
    let watched = Watched::start(&["play", &file, "--supervise", "--device", "null", "-v"]);
    watched.wait("compiled in");
    for _ in 0..2 {
        watched.crash();
        watched.wait("going on at bar ");
    }
    watched.crash();
    watched.wait("3 times in a row (SIGSEGV)");
    assert_eq!(watched.code(), Some(3));
}

#[test]
fn every_other_end_is_passed_on() {
    let (alone, over) = (["play", "no.modu"], ["play", "no.modu", "--supervise"]);
    let [alone, over] = [run(&alone), run(&over)];
    assert_eq!((over.code, &over.err), (alone.code, &alone.err));
    assert_eq!(run(&["play", "no.modu", "--supervise", "--for", "1s"]).code, 2);
    // A signal that is no fault of the program ends both.
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", SONG);
    let watched = Watched::start(&["play", &file, "--supervise", "--device", "null", "-v"]);
    watched.wait("compiled in");
    let player = watched.player().expect("somebody plays");
    Command::new("sh").args(["-c", &format!("kill -KILL {player}")]).status().expect("a shell");
    assert_eq!(watched.code(), Some(128 + 9));
    // And without whoever watches nobody plays on.
    let mut watched = Watched::start(&["play", &file, "--supervise", "--device", "null", "-v"]);
    watched.wait("compiled in");
    let player = watched.player().expect("somebody plays");
    watched.child.kill().expect("it runs");
    let begin = Instant::now();
    while std::fs::read_to_string(format!("/proc/{player}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begin.elapsed() < PATIENCE, "it plays on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// At a terminal somebody watches without being asked, and Ctrl-C is one Ctrl-C.
#[test]
fn a_terminal_works_as_ever() {
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", SONG);
    for (args, processes) in [("", 1), ("--no-supervise", 0)] {
        // A shell that is interrupted, too, goes on to its second command only if it handles that.
        let line = format!("trap : INT; {MODURUST} play {file} --device null -v {args}; echo ended with $?");
        let spawned = Command::new("script")
            .args(["-qc", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = spawned else {
            println!("skipped: there is no `script`");
            return;
        };
        let mut out = child.stdout.take().expect("a piped stream");
        let (send, said) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut bytes) {
                let _ = send.send(String::from_utf8_lossy(&bytes[..n]).into_owned());
            }
        });
        let mut text = String::new();
        let mut until = |words: &str| {
            let begin = Instant::now();
            while !text.contains(words) {
                match said.recv_timeout(PATIENCE.saturating_sub(begin.elapsed())) {
                    Ok(part) => text.push_str(&part),
                    Err(_) => panic!("never `{words}`: {text}"),
                }
            }
        };
        until("load ");
        let shell = players(child.id())[0];
        let command = players(shell);
        let found: usize = command.iter().map(|id| players(*id).len()).sum();
        assert_eq!(found, processes, "{command:?} `{args}`");
        child.stdin.as_mut().expect("a piped stream").write_all(b"\x03").expect("a terminal");
        until("ended with 0");
        let _ = child.kill();
        let _ = child.wait();
    }
}
