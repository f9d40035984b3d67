//! The language server, seen by those who use it: a client library that others wrote, and a real editor in a terminal.
//!
//! `scripts/setup.sh test` brings both. Where one is missing the test says that it is skipped; with `MODURUST_REQUIRE_LSP_CLIENT=1`
//! or `MODURUST_REQUIRE_NVIM=1` that is a failure.

mod common;

use common::{MODURUST, Scratch, finish, root};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Says that a test cannot be run; a failure where it must.
fn skip(what: &str, must: &str) {
    assert!(std::env::var_os(must).is_none(), "{what} is missing: run `sh scripts/setup.sh test`");
    eprintln!("skipped: {what} is missing, which `sh scripts/setup.sh test` brings");
}

#[test]
fn a_client_that_others_wrote_has_a_whole_session() {
    let python = root().join("target/lsp-client/bin/python");
    if !python.exists() {
        return skip("the client of the language server", "MODURUST_REQUIRE_LSP_CLIENT");
    }
    let scratch = Scratch::new();
    let mut command = Command::new(python);
    command.arg(root().join("editor/tests/lsp/client.py")).arg(MODURUST).arg(scratch.path());
    let ran = finish(command, Duration::from_secs(150));
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.trim_end().ends_with("28 steps"), "{}", ran.out);
}

/// An editor in a terminal of its own.
struct Screen(String);

impl Screen {
    fn tmux(&self, args: &[&str]) -> String {
        let out = Command::new("tmux").args(["-L", &self.0, "-f", "/dev/null"]).args(args).output().expect("tmux");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn text(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let text = self.text();
            if wanted(&text) {
                return text;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{what} never came:\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn neovim_shows_what_the_server_says() {
    let has =
        |program: &str, flag: &str| Command::new(program).arg(flag).output().is_ok_and(|out| out.status.success());
    if !has("nvim", "--version") || !has("tmux", "-V") {
        return skip("Neovim or tmux", "MODURUST_REQUIRE_NVIM");
    }
    let scratch = Scratch::new();
    let song = scratch.file(
        "song.modu",
        "/// A bass of its own.\nacid(freq, gate) = saw(freq)+gate\nout = saw(55hz) >> lpf(800ms)\n",
    );
    let init = root().join("editor/tests/lsp/init.lua").display().to_string();
    let screen = Screen(format!("modurust-lsp-{}", std::process::id()));
    let home = scratch.path().display();
    // A home of its own: no set-up of the user's, nothing left behind.
    let run = format!(
        "env HOME={home} XDG_CONFIG_HOME={home} XDG_DATA_HOME={home} XDG_STATE_HOME={home} XDG_CACHE_HOME={home} \
         MODURUST={MODURUST} nvim -n -u {init} {song}"
    );
    screen.tmux(&["new-session", "-d", "-x", "130", "-y", "30", &run]);
    screen.wait("the error", |text| text.contains("`lpf` wants a frequency for `freq`, got a time"));
    // What is under the cursor.
    screen.keys(&["/lpf", "Enter", "K"]);
    screen.wait("the documentation", |text| text.contains("12 dB an octave"));
    // The error is mended, and its mark goes.
    screen.keys(&["Escape", "/800ms", "Enter", "cw", "800hz", "Escape"]);
    screen.wait("a text without errors", |text| text.contains("lpf(800hz)") && !text.contains("wants a frequency"));
    // A word is completed.
    screen.keys(&["G", "o", "x = ac", "C-x", "C-o"]);
    screen.wait("the completion", |text| text.contains("acid(freq, gate)") && text.contains("x = acid"));
    screen.keys(&["C-y", "Escape"]);
    // A name is changed wherever it stands, and the text is laid out.
    screen.keys(&[":lua vim.lsp.buf.rename('voice_1')", "Enter"]);
    screen.wait("the new name", |text| text.contains("voice_1(freq, gate) =") && text.contains("x = voice_1"));
    screen.keys(&[":lua Format()", "Enter"]);
    screen.wait("the new layout", |text| text.contains("saw(freq) + gate"));
    screen.keys(&[":wq", "Enter"]);
    let begin = Instant::now();
    while !std::fs::read_to_string(&song).unwrap_or_default().contains("voice_1") {
        assert!(begin.elapsed() < Duration::from_secs(20), "nothing was saved:\n{}", screen.text());
        std::thread::sleep(Duration::from_millis(50));
    }
    let saved = std::fs::read_to_string(&song).expect("the text");
    assert!(saved.contains("lpf(800hz)") && saved.contains("x = voice_1"), "{saved}");
}

#[test]
fn what_is_no_message_ends_the_server_with_a_reason() {
    for bytes in [
        &b"hello\r\n\r\n"[..],
        b"Content-Length: 5\r\n\r\n{\"a\"}",
        b"Content-Length: 999999\r\n\r\n{}",
        b"\xff\0",
        b"",
    ] {
        let mut child = Command::new(MODURUST)
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server");
        child.stdin.take().expect("a pipe").write_all(bytes).expect("it reads");
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break status;
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{bytes:?} is waited for for ever");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut err = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
        assert_eq!(status.code(), Some(3), "{bytes:?}: {err}");
        assert!(!err.contains("panicked") && err.lines().count() == 1, "{bytes:?}: {err}");
    }
}
