//! The REPL as one plays it: in a terminal, typed into by tmux, and through a pipe, as editors do.

mod common;

use common::{MODURUST, Scratch, listen};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal of its own, with the REPL in it.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(scratch: &Scratch, args: &str) -> Terminal {
        let socket = scratch.at("tmux");
        let run = format!("exec '{MODURUST}' repl {args}");
        let terminal = Terminal { socket };
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "110",
            "-y",
            "40",
            "-c",
            scratch.path().to_str().unwrap(),
            &run,
        ]);
        terminal.wait("modu>");
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let history = format!("{}.history", self.socket);
        let ran = Command::new("tmux")
            .args(["-S", &self.socket])
            .args(args)
            .env("MODURUST_HISTORY", history)
            .env("TERM", "xterm-256color")
            .output()
            .unwrap_or_else(|e| panic!("tmux is needed here (scripts/setup.sh test installs it): {e}"));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// What is on the screen, lines that were broken joined.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J"])
    }

    #[track_caller]
    fn wait(&self, words: &str) -> String {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(words) {
                return screen;
            }
            assert!(begin.elapsed() < PATIENCE, "`{words}` never came:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// A line, and the words that answer it. The screen is wiped first, so that no older answer counts.
    #[track_caller]
    fn line(&self, text: &str, words: &str) -> String {
        self.clear();
        self.tmux(&["send-keys", "-l", text]);
        self.keys(&["Enter"]);
        self.wait(words)
    }

    fn clear(&self) {
        self.keys(&["C-l"]);
        let begin = Instant::now();
        while self.screen().trim_start().lines().filter(|line| !line.trim().is_empty()).count() > 2
            && begin.elapsed() < PATIENCE
        {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the program has ended.
    fn ended(&self) {
        let begin = Instant::now();
        while !self.tmux(&["list-sessions"]).is_empty() {
            assert!(begin.elapsed() < PATIENCE, "it did not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn a_patch_is_typed_broken_mended_undone_saved_and_reloaded() {
    let scratch = Scratch::new();
    let t = Terminal::start(&scratch, "song.modu --device null --record take.wav");
    t.line("track tone = sin(220hz) * 0.2", "tone: code");
    // Three mistakes: the sound goes on, and each says how to mend it.
    let screen = t.line("track tone = sinn(230hz) * 0.2", "keeps its last good version");
    assert!(screen.contains("did you mean `") && screen.contains("E0101"), "{screen}");
    let screen = t.line("track tone = sin(230ms) * 0.2", "keeps its last good version");
    assert!(screen.contains("error[unit E0301]"), "{screen}");
    t.clear();
    t.tmux(&["send-keys", "-l", "track tone = sin(230hz * 0.2"]);
    // The bracket is open, so Enter goes on; an empty line gives up.
    t.keys(&["Enter", "Enter"]);
    let screen = t.wait("keeps its last good version");
    assert!(screen.contains("never closed"), "{screen}");
    t.line("track tone = sin(230hz) * 0.2", "tone: numbers");
    // Over several lines.
    t.clear();
    for line in ["v(x) = {", "y = x * 2", "y * 0.5", "}"] {
        t.tmux(&["send-keys", "-l", line]);
        t.keys(&["Enter"]);
    }
    t.wait("v: ");
    assert!(t.line(":list v", "y * 0.5").contains("  y = x * 2"));
    // Help while typing; Ctrl-C gives up the line alone.
    t.clear();
    t.tmux(&["send-keys", "-l", "x = noise >> lpf("]);
    t.wait("<- freq");
    t.keys(&["C-c"]);
    t.wait("the sound goes on");
    t.clear();
    t.tmux(&["send-keys", "-l", "x = ladde"]);
    t.keys(&["Tab"]);
    t.wait("ladder");
    t.keys(&["C-c"]);
    t.wait("the sound goes on");
    // Words.
    t.line(":t sin([1hz, 2hz])", "a signal, 2 channels, every sample");
    t.line(":metronome maybe", "a click on every beat");
    t.line(":nothing", "`:help` lists all");
    // Undo, save, go astray, reload.
    t.line(":back tone", "back: track tone = sin(220hz) * 0.2");
    t.line(":save", "saved song.modu");
    let saved = std::fs::read_to_string(scratch.at("song.modu")).expect("it was saved");
    assert_eq!(saved, "track tone = sin(220hz) * 0.2\nv(x) = {\n  y = x * 2\n  y * 0.5\n  }\n");
    t.line("track tone = sin(240hz) * 0.2", "tone: numbers");
    t.line(":diff", "+ track tone = sin(240hz) * 0.2");
    t.line(":load", "loaded song.modu");
    t.line(":list tone", "track tone = sin(220hz) * 0.2");
    // The row at the bottom.
    let last = t.wait("  load ").trim_end().lines().last().unwrap_or("").to_string();
    assert!(last.contains("load") && last.contains("dB") && last.contains("song.modu"), "{last}");
    // Twice Ctrl-C asks, and takes no for an answer.
    t.clear();
    t.keys(&["C-c"]);
    t.wait("the sound goes on");
    t.keys(&["C-c"]);
    t.wait("stop the sound and leave?");
    t.keys(&["n", "Enter"]);
    t.line(":list tone", "track tone = sin(220hz) * 0.2");
    t.keys(&["C-d"]);
    t.wait("stop the sound and leave?");
    t.keys(&["y", "Enter"]);
    t.ended();
    let take = scratch.at("take.wav");
    let frames = modurust_runtime::wav::read(Path::new(&take)).expect("a recording").samples.len() as u64 / 2;
    listen(Path::new(&take), frames, 240.0, 0.2);
    drop(t);
    // What was typed is remembered, and found.
    let t = Terminal::start(&scratch, "song.modu --device null");
    t.keys(&["Up"]);
    t.wait("modu> :list tone");
    t.keys(&["C-c"]);
    t.wait("whether to leave\nmodu>");
    t.keys(&["C-r"]);
    t.wait("reverse-i-search");
    t.tmux(&["send-keys", "-l", "sinn"]);
    t.wait("track tone = sinn(230hz) * 0.2");
}

#[test]
fn the_sound_is_seen_and_an_editor_beside_it_is_followed() {
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", "track tone = sin(100hz) * 0.5\ntrack low = saw(50hz) * 0.1\n");
    scratch.file("clap.wav", "");
    let t = Terminal::start(&scratch, "song.modu --device null");
    // Levels of all, a wave of ten periods from -0.25 to 0.25 (a track stands in the middle), a peak at 100 Hz.
    let screen = t.line(":scope", "20 ms");
    assert!(screen.contains("tone") && screen.contains("low") && screen.contains("master"), "{screen}");
    let screen = t.line(":scope tone", "20 ms");
    assert!(screen.contains('\u{28c0}') || screen.contains('\u{2809}'), "{screen}");
    let screen = t.line(":scope tone spectrum", "Hz");
    assert!(screen.contains("0 dB") && screen.contains("10k"), "{screen}");
    let screen = t.line(":scope nothing", "nothing is called `nothing`");
    assert!(screen.contains("tone, low, master"), "{screen}");
    // What a name inside of a binding stands for, here a constant of 0.25; the text stays what it is.
    t.line("track inner = { part = 0.25  sin(90hz) * part }", "inner: code");
    let screen = t.line(":scope inner.part", "20 ms");
    assert!(screen.contains("inner.part") && screen.contains("0.250"), "{screen}");
    let screen = t.line(":scope inner.parts", "there is no `parts`");
    assert!(screen.contains("there are part"), "{screen}");
    t.line(":list inner", "track inner = { part = 0.25  sin(90hz) * part }");
    t.line(":back", "back");
    // Machine code, with constants and the names of the state.
    let screen = t.line(":asm tone", "ret");
    assert!(screen.contains("tone/"), "{screen}");
    // Completion of what lies in the folder, and of devices.
    t.clear();
    t.tmux(&["send-keys", "-l", "x = play('cl"]);
    t.keys(&["Tab"]);
    t.wait("'clap.wav");
    t.keys(&["C-c"]);
    t.wait("the sound goes on");
    t.line(":device null", "on null");
    // Somebody saves the file: it comes in, and what was typed here stays.
    t.line("track low = saw(60hz) * 0.1", "low: numbers");
    t.clear();
    std::fs::write(&file, "// louder\ntrack tone = sin(100hz) * 0.6\ntrack low = saw(50hz) * 0.1\n").expect("saved");
    t.wait("song.modu was saved: tone: numbers");
    let screen = t.line(":list", "track low = saw(60hz)");
    assert!(screen.contains("track tone = sin(100hz) * 0.6"), "{screen}");
    t.clear();
    std::fs::write(&file, "track tone = sinn(100hz)\ntrack low = saw(50hz) * 0.1\n").expect("saved");
    t.wait("keeps its last good version");
    // Our own saving is no news, and another file can be gone over to.
    t.line(":back", "back");
    t.line(":save", "saved song.modu");
    let other = scratch.file("other.modu", "track tone = sin(120hz) * 0.5\n");
    t.line(":load other.modu", "loaded other.modu");
    t.clear();
    std::fs::write(&other, "track tone = sin(130hz) * 0.5\n").expect("saved");
    t.wait("other.modu was saved: tone: numbers");
    t.line("track tone = sin(140hz) * 0.5", "tone: numbers");
    t.line(":save", "saved other.modu");
    assert_eq!(std::fs::read_to_string(other).expect("it is there"), "track tone = sin(140hz) * 0.5\n");
}

#[test]
fn an_editor_sends_blocks_and_reads_answers() {
    let scratch = Scratch::new();
    let file = scratch.file("song.modu", "track low = sin(110hz) * 0.1\n");
    let mut child = Command::new(MODURUST)
        .args(["repl", "--pipe", &file, "--device", "null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut ask = |text: &str| -> Vec<String> {
        input.write_all(text.as_bytes()).and_then(|()| input.flush()).expect("it reads");
        lines.by_ref().take_while(|line| line != ".").collect()
    };
    // Statements of a block go in together; the good ones, that is.
    let answer = ask("track high = wave(220hz)\nwave(f) = sin(f) * 0.1\ntrack low = sin(120hs) * 0.1\n\n");
    assert_eq!(answer[..3], ["ok high", "ok wave", "held low"], "{answer:?}");
    assert!(answer.iter().any(|line| line.contains("song.modu:1:")), "{answer:?}");
    let text = "track low = sin(110hz) * 0.1\ntrack high = wave(220hz)\nwave(f) = sin(f) * 0.1";
    assert_eq!(ask(":list\n").join("\n"), text);
    assert_eq!(ask("new = = 3\n\n")[0], "left-out new");
    assert_eq!(ask("= 3\n\n")[0], "left-out");
    assert_eq!(ask(":list\n").join("\n"), text);
    assert_eq!(ask("wave(440hz)\n\n")[0], "ok out");
    assert_eq!(ask(":back\n"), ["back"]);
    assert_eq!(ask(":list\n").join("\n"), text);
    assert_eq!(ask("mute low\n\n"), ["done low"]);
    assert_eq!(ask("launch nothing\n\n")[0], "left-out nothing");
    assert_eq!(ask(":snap A\n").len(), 1);
    assert_eq!(ask(":delete high\n"), Vec::<String>::new());
    assert_eq!(ask(":diff A\n"), ["- track high = wave(220hz)"]);
    ask(":recall A\n");
    assert_eq!(ask(":list\n").join("\n"), text);
    for word in [
        ":play",
        ":pause",
        ":seek 2",
        ":loop 1 3",
        ":loop off",
        ":tap",
        ":nudge 3",
        ":setcue a",
        ":cue a",
        ":count-in 1",
        ":hush",
        ":panic",
    ] {
        // One line; a first tap says nothing yet.
        assert_eq!(ask(&format!("{word}\n")).len(), usize::from(word != ":tap"), "{word}");
    }
    for word in [":ir", ":asm", ":plan", ":cpu", ":mem", ":scope", ":devices", ":doc lpf", ":help", ":t 3hz"] {
        assert!(!ask(&format!("{word}\n")).is_empty(), "{word}");
    }
    assert_eq!(ask(":tempo 140\n")[0], "ok tempo");
    drop(input);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// A REPL that is asked through a pipe, as editors do.
struct Piped {
    child: std::process::Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Piped {
    fn start(args: &[&str]) -> Piped {
        let mut child = Command::new(MODURUST)
            .args(["repl", "--pipe", "--device", "null"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        Piped { child, lines: Box::new(lines) }
    }

    /// The answer to an input; what is told unasked comes with it.
    fn ask(&mut self, text: &str) -> Vec<String> {
        let input = self.child.stdin.as_mut().expect("a pipe");
        input.write_all(text.as_bytes()).and_then(|()| input.flush()).expect("it reads");
        let mut told = Vec::new();
        loop {
            let block: Vec<String> = self.lines.by_ref().take_while(|line| line != ".").collect();
            let is_note = block.first().is_some_and(|line| line == "note");
            told.extend(block);
            if !is_note {
                return told;
            }
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }
}

#[test]
fn a_repl_that_is_killed_goes_on_at_its_bar_with_its_text_and_what_it_remembers() {
    let scratch = Scratch::new();
    let file = scratch.file("jam.modu", "tempo 960bpm\ntrack a = sin(440hz) * 0.1\n");
    let mut first = Piped::start(&[&file]);
    assert_eq!(first.ask("track b = tri(220hz) * 0.1\n\n")[0], "ok b");
    first.ask(":snap C\n");
    assert_eq!(first.ask("track b = tri(330hz) * 0.1\n\n")[0], "ok b");
    assert_eq!(first.ask("track b = tri(330ms) * 0.1\n\n")[0], "held b");
    std::thread::sleep(Duration::from_millis(2500));
    first.kill();

    let mut second = Piped::start(&["--resume", &file]);
    let mut told = Vec::new();
    let begin = Instant::now();
    while !told.iter().any(|line: &String| line.starts_with("going on at bar ")) {
        assert!(begin.elapsed() < PATIENCE, "nobody said where it goes on: {told:?}");
        told.extend(second.ask(":list\n"));
    }
    let text = "tempo 960bpm\ntrack a = sin(440hz) * 0.1\ntrack b = tri(330hz) * 0.1";
    assert!(told.join("\n").contains(text), "{told:?}");
    let line = told.iter().find(|line| line.starts_with("going on at bar ")).expect("it was there");
    let bar = line.split_whitespace().find_map(|word| word.trim_matches(',').parse().ok()).unwrap_or(0);
    assert!((4..=14).contains(&bar), "a second is four bars: {line}");
    assert!(told.iter().any(|line| line.contains("the text is the one that played last")), "{told:?}");
    second.ask(":recall C\n");
    assert!(second.ask(":list\n").join("\n").contains("track b = tri(220hz) * 0.1"));
    second.kill();

    // Who does not ask for it begins with the file.
    let mut third = Piped::start(&[&file]);
    assert!(!third.ask(":list\n").join("\n").contains("track b"));
    third.kill();
}
