//! What the tests of the command share: running it with a limit of time, and folders that go away.

#![allow(dead_code, reason = "each test binary uses a part")]

use modurust_runtime::wav;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The command under test.
pub const MODURUST: &str = env!("CARGO_BIN_EXE_modurust");

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it took.
    pub time: Duration,
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON: {e}\n{self:?}"))
    }

    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

/// Runs the command in a folder, for a minute at most.
pub fn run_in(folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(MODURUST);
    command.args(args).current_dir(folder).env_remove("MODURUST_LOG").env_remove("NO_COLOR");
    finish(command, Duration::from_secs(60))
}

/// Runs the command in the workspace's root.
pub fn run(args: &[&str]) -> Ran {
    run_in(&root(), args)
}

/// Runs a command to its end, which must come within `limit`.
pub fn finish(mut command: Command, limit: Duration) -> Ran {
    let begin = Instant::now();
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{shown}: {e}"));
    let out = reader(child.stdout.take());
    let err = reader(child.stderr.take());
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if begin.elapsed() > limit {
            let _ = child.kill();
            panic!("{shown} did not end within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let time = begin.elapsed();
    let text = |handle: std::thread::JoinHandle<String>| handle.join().expect("a reader ends");
    Ran { code: status.code().unwrap_or(-1), out: text(out), err: text(err), time }
}

fn reader(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    let mut stream = stream.expect("a piped stream");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The blocks of a kind in a page of Markdown, each with the line that it starts in.
pub fn blocks(text: &str, kind: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String, bool)> = None;
    for (i, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(info)) => open = Some((i + 2, String::new(), info.trim() == kind)),
            (Some(_), Some(_)) => {
                if let Some((start, body, true)) = open.take() {
                    found.push((start, body));
                }
            }
            (Some((_, body, _)), None) => {
                body.push_str(line);
                body.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Asks a process to end, as Ctrl-C does.
pub fn interrupt(child: &Child) {
    // The shell's own `kill`: a small system has no program of that name.
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(sent.is_ok_and(|s| s.success()), "the process was gone");
}

/// A recording of a sine of at most this frequency and level has no gap and no click.
pub fn listen(take: &Path, frames: u64, freq: f32, level: f32) {
    let sound = wav::read(take).expect("the recording");
    assert_eq!((sound.channels, sound.sample_rate), (2, 48_000));
    assert_eq!(sound.samples.len() as u64, frames * 2);
    let left: Vec<f32> = sound.samples.iter().step_by(2).copied().collect();
    // What plays may begin later than the recording; from then on it is faded in within 20 ms.
    let begin = left.iter().position(|x| x.abs() > 0.9 * level).expect("something plays");
    // The largest step of the sine itself, and what one cannot hear.
    let slope = std::f32::consts::TAU * freq / 48_000.0 * level + 1e-3;
    for (i, pair) in left.windows(2).enumerate() {
        assert!((pair[1] - pair[0]).abs() <= slope, "a click at frame {i}: {} {}", pair[0], pair[1]);
    }
    // A period of 110 Hz or more is shorter than 10 ms: no such stretch is silent, but for the fade at the end.
    let playing = left.len() - 48_000 / 5;
    for (i, stretch) in left[begin..playing].chunks_exact(480).enumerate() {
        let peak = stretch.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        assert!(peak > 0.5 * level, "a gap at frame {}: {peak}", begin + i * 480);
    }
    assert!(left[left.len() - 16..].iter().all(|x| x.abs() < 1e-3), "the end was not faded");
}

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the editor stands in the workspace").to_path_buf()
}

/// A file of the folder of examples.
pub fn example(name: &str) -> String {
    root().join("examples").join(name).display().to_string()
}

/// Every example, by path.
pub fn examples() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("examples"))
        .expect("the examples")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "modu"))
        .collect();
    files.sort();
    assert!(files.len() >= 7, "examples are missing");
    files
}

/// A folder that goes away with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder.
    pub fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("modurust-cli-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Scratch(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it and returns its path as text.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file for the test");
        path.display().to_string()
    }

    /// The path of a file in it.
    pub fn at(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
