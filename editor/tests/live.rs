//! Playing while the file is edited: answers come soon, and the sound neither stops nor clicks.

mod common;

use common::{MODURUST, Scratch, interrupt, listen, run};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longest wait for anything; answers are a thousand times quicker, but the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer to an edit that passes here, milliseconds. On a quiet machine it is below 20.
const ANSWER: f64 = 400.0;

/// A command that runs, and what it says on standard error.
struct Live {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Live {
    fn start(args: &[&str]) -> Live {
        let mut child = Command::new(MODURUST)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let (send, lines) = channel();
        let errors = BufReader::new(child.stderr.take().expect("a piped stream"));
        std::thread::spawn(move || errors.lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
        Live { child, lines, said: Vec::new() }
    }

    /// Waits for a line with these words, and returns it.
    #[track_caller]
    fn wait(&mut self, words: &str) -> String {
        let begin = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(begin.elapsed()) {
            let Ok(line) = self.lines.recv_timeout(left) else { break };
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
        panic!("never said `{words}`, but:\n{}", self.said.join("\n"));
    }

    /// Ctrl-C; then what it wrote on standard output.
    fn stop(mut self) -> String {
        interrupt(&self.child);
        let begin = Instant::now();
        while self.child.try_wait().expect("a child can be waited for").is_none() {
            assert!(begin.elapsed() < PATIENCE, "Ctrl-C did not stop it");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut out = String::new();
        self.child.stdout.take().expect("a piped stream").read_to_string(&mut out).expect("text");
        let status = self.child.wait().expect("it ended");
        self.said.extend(self.lines.iter());
        assert_eq!(status.code(), Some(0), "{}", self.said.join("\n"));
        assert!(!self.said.iter().any(|line| line.contains("panicked")), "{}", self.said.join("\n"));
        out
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Milliseconds out of a line such as `edit: numbers, playing after 7.1 ms`.
fn answer(line: &str) -> f64 {
    let after = line.split(" after ").nth(1).unwrap_or_else(|| panic!("no time in `{line}`"));
    after.split(' ').next().and_then(|ms| ms.parse().ok()).unwrap_or_else(|| panic!("no time in `{line}`"))
}

/// Saves as editors do that write another file first and rename it.
fn save_by_rename(file: &str, text: &str) {
    let other = format!("{file}.new");
    std::fs::write(&other, text).expect("a new file");
    std::fs::rename(&other, file).expect("a rename");
}

#[test]
fn edits_are_answered_while_it_plays() {
    let scratch = Scratch::new();
    let text = "level = -10db\ntrack tone = sin(220hz) * level\n";
    let file = scratch.file("song.modu", text);
    let take = scratch.at("take.wav");
    let mut live =
        Live::start(&["play", &file, "--device", "null", "--record", &take, "--for", "120s", "--json", "-v"]);
    live.wait("compiled in");
    std::thread::sleep(Duration::from_millis(500));
    let mut answers = Vec::new();
    let mut edit = |live: &mut Live, save: &dyn Fn(), words: &str| {
        save();
        answers.push((words.to_string(), answer(&live.wait(words))));
        std::thread::sleep(Duration::from_millis(400));
    };
    edit(&mut live, &|| std::fs::write(&file, text.replace("220hz", "230hz")).unwrap(), "edit: numbers");
    let inserted = text.replace("220hz) *", "230hz) >> lpf(3khz) *");
    edit(&mut live, &|| save_by_rename(&file, &inserted), "edit: code");
    edit(&mut live, &|| std::fs::write(&file, inserted.replace("level\n", "level)\n")).unwrap(), "edit: error");
    assert!(live.said.iter().any(|line| line.contains("song.modu:2:")), "{:?}", live.said);
    assert!(live.said.iter().any(|line| line.contains("help: ")), "{:?}", live.said);
    assert!(live.said.iter().any(|line| line.contains("the last good `tone` plays on")), "{:?}", live.said);
    edit(&mut live, &|| std::fs::write(&file, inserted.replace("-10db", "-12db")).unwrap(), "edit: numbers");
    let summary: Value = serde_json::from_str(&live.stop()).expect("JSON");
    println!("answers in ms: {answers:?}");
    for (words, ms) in &answers {
        assert!(*ms < ANSWER, "{words} after {ms} ms");
    }
    let changes: Vec<&str> =
        summary["edits"].as_array().unwrap().iter().map(|e| e["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["numbers", "code", "error", "numbers"], "{summary}");
    assert_eq!(summary["recording_lost"], 0);
    let recorded = summary["recorded"].as_u64().unwrap();
    assert!(recorded >= 48_000 && recorded <= summary["frames"].as_u64().unwrap(), "{summary}");
    listen(Path::new(&take), recorded, 230.0, 0.3163);
}

#[test]
fn a_file_that_is_wrong_from_the_start_can_be_mended() {
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", "out = sin(440hz\n");
    let mut live = Live::start(&["play", &file, "--device", "null", "-v"]);
    live.wait("error[");
    live.wait("silence until it is mended");
    std::thread::sleep(Duration::from_millis(200));
    std::fs::write(&file, "out = sin(440hz) * -12db\n").unwrap();
    live.wait("edit: code");
    let out = live.stop();
    assert!(out.contains("playing") && out.contains("bar 1"), "{out}");
}

#[test]
fn a_used_file_is_watched_too() {
    let scratch = Scratch::new();
    let voice = scratch.file("voice.modu", "hum(freq, gate) = sin(freq) * gate * -12db\n");
    let song = scratch.file("song.modu", "use ./voice\ntrack a = \"c4\" >> mono(hum)\n");
    let mut live = Live::start(&["play", &song, "--device", "null", "-v"]);
    live.wait("compiled in");
    std::thread::sleep(Duration::from_millis(200));
    std::fs::write(&voice, "hum(freq, gate) = tri(freq) * gate * -12db\n").unwrap();
    live.wait("edit: code");
    std::fs::write(&song, "use ./voice\ntrack a = \"c4 e4\" >> mono(hum)\n").unwrap();
    live.wait("edit: patterns");
    live.stop();
}

#[test]
fn the_transport_is_shown_and_ends_when_asked() {
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", "tempo 240bpm\nout = sin(440hz) * -12db\n");
    let ran = run(&["play", &file, "--device", "null", "--for", "2bars"]).expect(0);
    assert!(ran.out.contains("\nbar 1") && ran.out.contains("\nbar 2  peak -12.0 dB"), "{}", ran.out);
    assert!(ran.time < Duration::from_secs(10), "{:?}", ran.time);
    let summary =
        run(&["play", &file, "--device", "null", "--for", "250ms", "--rate", "44100", "--json"]).expect(0).json();
    for field in ["device", "rate", "frames", "seconds", "edits", "xruns", "load", "recorded"] {
        assert!(summary.get(field).is_some(), "{field}: {summary}");
    }
    assert_eq!(summary["rate"], 44_100);
    assert!(summary["frames"].as_u64().unwrap() >= 11_025, "{summary}");
}

#[test]
fn without_a_device_it_goes_on() {
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", "out = sin(440hz) * -12db\n");
    let ran = run(&["play", &file, "--device", "no such device", "--for", "200ms"]).expect(0);
    let lines: Vec<&str> = ran.err.lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with("no audio device: using null"), "{}", ran.err);
}

#[test]
fn of_an_edit_with_an_error_the_rest_is_heard() {
    let scratch = Scratch::new();
    let text = "track low = sin(110hz) * 0.2\ntrack high = sin(220hz) * 0.1\n";
    let file = scratch.file("song.modu", text);
    let take = scratch.at("take.wav");
    let mut live =
        Live::start(&["play", &file, "--device", "null", "--record", &take, "--for", "120s", "--json", "-v"]);
    live.wait("compiled in");
    std::thread::sleep(Duration::from_millis(300));
    std::fs::write(&file, text.replace("110hz)", "110hz").replace("220hz", "230hz")).unwrap();
    live.wait("note: `low` keeps its last good version");
    live.wait("the last good `low` plays on");
    live.wait("edit: numbers");
    std::thread::sleep(Duration::from_millis(300));
    // One goes, the other comes back; a new one is wrong from its start.
    std::fs::write(&file, "track low = sin(120hz) * 0.2\ntrack new = sinn(3)\n").unwrap();
    live.wait("`new` left out until mended");
    live.wait("edit: code");
    std::thread::sleep(Duration::from_millis(300));
    let summary: Value = serde_json::from_str(&live.stop()).expect("JSON");
    listen(Path::new(&take), summary["recorded"].as_u64().unwrap(), 230.0, 0.3);
}

#[test]
fn quantise_says_when_an_edit_is_heard() {
    let scratch = Scratch::new();
    // A bar of 240 bpm is a second.
    let text = "tempo 240bpm\nquantise 1bar\ntrack tone = sin(220hz) * 0.2\n";
    let file = scratch.file("song.modu", text);
    let mut live = Live::start(&["play", &file, "--device", "null", "--for", "120s", "--json", "-v"]);
    live.wait("compiled in");
    for edit in ["sin(230hz)", "tri(230hz)"] {
        std::thread::sleep(Duration::from_millis(200));
        std::fs::write(&file, text.replace("sin(220hz)", edit)).unwrap();
        live.wait("playing after");
    }
    let summary: Value = serde_json::from_str(&live.stop()).expect("JSON");
    let edits = summary["edits"].as_array().unwrap();
    assert_eq!(edits.len(), 2, "{summary}");
    for edit in edits {
        let frame = edit["frame"].as_u64().unwrap();
        // The swap is at the quantum of 64 frames that holds the bar line.
        assert!(frame >= 47_940 && (frame + 63) % 48_000 < 64, "{summary}");
    }
}

#[test]
fn what_a_crash_ends_goes_on_at_its_bar_with_its_last_good_version() {
    let scratch = Scratch::new();
    let text = "tempo 960bpm\ntrack a = sin(440hz) * 0.1\ntrack b = sin(660hz) * 0.1\n";
    let file = scratch.file("resume.modu", text);
    let mut live = Live::start(&["play", &file, "--device", "null", "-v"]);
    live.wait("compiled in");
    std::thread::sleep(Duration::from_millis(2500));
    live.child.kill().expect("it runs");
    live.child.wait().expect("it has ended");
    // While nobody played it, the file was broken.
    std::fs::write(&file, text.replace("sin(660hz)", "sin(660)")).expect("a file");
    let mut live = Live::start(&["play", &file, "--device", "null", "--resume"]);
    live.wait("note: `b` keeps its last good version");
    let line = live.wait("going on at bar ");
    let bar: u32 =
        line.split_whitespace().filter_map(|word| word.trim_matches(',').parse().ok()).next().expect("a bar");
    assert!((4..=11).contains(&bar), "a second is four bars: {line}");
    live.stop();
    let mut fresh = Live::start(&["play", &file, "--device", "null"]);
    fresh.wait("`b` left out until mended");
    fresh.stop();
}
