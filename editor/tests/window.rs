//! The real window, on a virtual screen: a script that types, presses and looks, and what is drawn.
//!
//! Without Xvfb it says that it is skipped, unless MODURUST_REQUIRE_X is set.
#![cfg(target_os = "linux")]

mod common;

use common::{MODURUST, Scratch, finish};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A screen of nobody's.
struct Screen {
    server: Child,
    display: String,
}

impl Screen {
    fn open() -> Option<Screen> {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"]);
        let server = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut server) = server else {
            assert!(std::env::var_os("MODURUST_REQUIRE_X").is_none(), "there is no Xvfb");
            eprintln!("skipped: there is no Xvfb");
            return None;
        };
        let mut number = String::new();
        BufReader::new(server.stdout.take()?).read_line(&mut number).ok()?;
        Some(Screen { server, display: format!(":{}", number.trim()) })
    }

    fn edit(&self, folder: &std::path::Path, args: &[&str]) -> common::Ran {
        let mut command = Command::new(MODURUST);
        command.arg("edit").args(args).args(["--device", "null"]).current_dir(folder);
        command.env("DISPLAY", &self.display).env("LIBGL_ALWAYS_SOFTWARE", "1").env_remove("WAYLAND_DISPLAY");
        finish(command, Duration::from_secs(90))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Width, height and pixels of a picture.
fn picture(path: &std::path::Path) -> (usize, usize, Vec<[u8; 3]>) {
    let file = BufReader::new(std::fs::File::open(path).expect("the picture was taken"));
    let mut reader = png::Decoder::new(file).read_info().expect("a picture");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut bytes).expect("its pixels");
    let pixels = bytes[..info.buffer_size()].chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
    (info.width as usize, info.height as usize, pixels)
}

#[test]
fn a_script_types_plays_takes_back_and_saves() {
    let Some(screen) = Screen::open() else { return };
    let folder = Scratch::new();
    folder.file("song.modu", "tempo 120bpm\ntrack a = sin(220hz) * -12db\n");
    folder.file(
        "steps.txt",
        "wait 300ms\nkey ctrl+e\nkey ctrl+end\ntype \"track b = saw(110hz) >> lpf(400hz) * -12db\\n\"\nkey ctrl+shift+enter\n\
         expect status \"code\"\nexpect text \"track b = saw\"\nshot code.png\nkey f3\nexpect name \"no clips yet\"\nkey ctrl+s\n\
         expect status \"saved\"\nkey ctrl+z\nkey ctrl+k\ntype \"panic\"\nkey enter\nexpect status \"silent\"\nkey f10\n\
         expect name \"leave\"\nshot stage.png\nrun second-window\nwait 400ms\nrun second-window\nwait 100ms\nquit\n",
    );
    let ran = screen.edit(folder.path(), &["song.modu", "--script", "steps.txt", "--size", "1280x720"]);
    ran.expect(0);
    let saved = std::fs::read_to_string(folder.at("song.modu")).expect("the file");
    assert_eq!(saved, "tempo 120bpm\ntrack a = sin(220hz) * -12db\ntrack b = saw(110hz) >> lpf(400hz) * -12db\n");
    let history = std::fs::read_to_string(folder.path().join(".modurust/song.modu.history")).expect("the history");
    assert!(history.lines().count() >= 2, "{history}");
    for name in ["code.png", "stage.png"] {
        let (width, height, pixels) = picture(&folder.path().join(name));
        assert_eq!((width, height), (1280, 720));
        let mut colours: Vec<_> = pixels.clone();
        colours.sort_unstable();
        colours.dedup();
        assert!(colours.len() > 40, "{name} has {} colours", colours.len());
        // Nothing is drawn light on light: most of it is the dark ground.
        let dark = pixels.iter().filter(|p| p.iter().all(|c| *c < 64)).count();
        assert!(dark * 10 > pixels.len() * 7, "{name}");
    }
}

/// What played and was not saved is there again, at its bar; the file is as it was until somebody saves.
#[test]
fn it_goes_on_where_the_last_time_ended() {
    let Some(screen) = Screen::open() else { return };
    let folder = Scratch::new();
    let text = "tempo 480bpm\ntrack a = sin(220hz) * -12db\n";
    folder.file("song.modu", text);
    folder.file(
        "first.txt",
        "wait 300ms\nkey ctrl+e\nkey ctrl+end\ntype \"track b = saw(110hz) * -12db\\n\"\nkey ctrl+shift+enter\n\
         expect status \"code\"\nwait 1500ms\nquit\n",
    );
    screen.edit(folder.path(), &["song.modu", "--script", "first.txt"]).expect(0);
    folder.file(
        "second.txt",
        "wait 300ms\nexpect text \"track b = saw(110hz)\"\nexpect status \"going on at bar\"\nquit\n",
    );
    screen.edit(folder.path(), &["song.modu", "--resume", "--script", "second.txt"]).expect(0);
    assert_eq!(std::fs::read_to_string(folder.at("song.modu")).expect("the file"), text);
    folder.file("third.txt", "wait 300ms\nexpect status \"--resume\"\nquit\n");
    screen.edit(folder.path(), &["song.modu", "--script", "third.txt"]).expect(0);
}

#[test]
fn a_window_that_nothing_happens_in_draws_nothing() {
    let Some(screen) = Screen::open() else { return };
    let folder = Scratch::new();
    folder.file("song.modu", "track a = sin(220hz) * -12db\n");
    folder.file("steps.txt", "wait 400ms\nrun play-pause\nwait 600ms\nidle 5s\nquit\n");
    screen.edit(folder.path(), &["song.modu", "--script", "steps.txt"]).expect(0);
}

#[test]
fn chance_breaks_nothing_and_misses_no_deadline() {
    let Some(screen) = Screen::open() else { return };
    let folder = Scratch::new();
    let set = std::fs::read_to_string(common::root().join("examples/live_set.modu")).expect("the example");
    folder.file("song.modu", &set);
    let ran = screen.edit(folder.path(), &["song.modu", "--monkey", "10", "--seed", "3"]).expect(0);
    assert!(ran.out.contains("0 faults"), "{}", ran.out);
}

#[test]
fn letters_are_the_same_after_other_themes() {
    let Some(screen) = Screen::open() else { return };
    let folder = Scratch::new();
    folder.file("song.modu", "tempo 120bpm\n\n// so many letters\ntrack a = saw(110hz) >> lpf(900hz, q: 2) * -12db\n");
    let themes = "run next-theme\nwait 300ms\n".repeat(3);
    let steps = format!("wait 300ms\nrun play-pause\nrun hush\nwait 600ms\nshot a.png\n{themes}shot b.png\nquit\n");
    folder.file("steps.txt", steps);
    screen.edit(folder.path(), &["song.modu", "--script", "steps.txt", "--view", "live"]).expect(0);
    let code = |name: &str| -> Vec<[u8; 3]> {
        let (width, _, pixels) = picture(&folder.path().join(name));
        let rows = (40..400).flat_map(|y| (40..440).map(move |x| y * width + x));
        rows.map(|at| pixels[at]).collect()
    };
    let (before, after) = (code("a.png"), code("b.png"));
    let other = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    assert!(before.iter().any(|p| p[0] > 128), "there are letters");
    assert!(other * 200 < before.len(), "{other} of {} pixels are others", before.len());
}

#[test]
fn a_script_that_expects_what_is_not_so_says_where() {
    let Some(screen) = Screen::open() else { return };
    let folder = Scratch::new();
    folder.file("song.modu", "track a = sin(220hz) * -12db\n");
    folder.file("steps.txt", "expect text \"saw\"\n");
    let ran = screen.edit(folder.path(), &["song.modu", "--script", "steps.txt"]).expect(3);
    assert!(ran.err.contains("line 1") && ran.err.contains("saw"), "{}", ran.err);
}

#[test]
fn without_a_display_it_says_so() {
    let folder = Scratch::new();
    folder.file("song.modu", "out = 0\n");
    let mut command = Command::new(MODURUST);
    command.args(["edit", "song.modu", "--device", "null"]).current_dir(folder.path());
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    let ran = finish(command, Duration::from_secs(20)).expect(3);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("no display"), "{}", ran.err);
}
