//! Playing through a sound server: what a JACK client records is what the file says.
//!
//! The server runs without hardware. Where there is none, or the feature `jack` was not built, the test says so and passes, unless
//! `MODURUST_REQUIRE_JACK=1` forbids that.

mod common;

/// Says why nothing was tested, where that is allowed.
fn skip(why: &str) {
    let required = std::env::var("MODURUST_REQUIRE_JACK").is_ok_and(|v| v == "1");
    assert!(!required, "not tested: {why}");
    println!("skipped: {why}");
}

#[cfg(not(feature = "jack"))]
#[test]
fn sound_arrives_at_the_server() {
    skip("the feature `jack` was not built");
}

#[cfg(feature = "jack")]
#[test]
fn sound_arrives_at_the_server() {
    with_jack::test();
}

#[cfg(not(feature = "jack"))]
#[test]
fn the_way_round_is_measured() {
    skip("the feature `jack` was not built");
}

#[cfg(feature = "jack")]
#[test]
fn the_way_round_is_measured() {
    with_jack::measure();
}

#[cfg(not(feature = "jack"))]
#[test]
fn single_tracks_have_ports() {
    skip("the feature `jack` was not built");
}

#[cfg(feature = "jack")]
#[test]
fn single_tracks_have_ports() {
    with_jack::strips();
}

#[cfg(feature = "jack")]
mod with_jack {
    use super::common::{MODURUST, Scratch, finish, interrupt};
    use super::skip;
    use modurust_runtime::wav;
    use std::io::Read;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    /// A process that ends with the test.
    struct Guard(Child);

    impl Drop for Guard {
        fn drop(&mut self) {
            // Politely first: a server that is killed leaves its name behind, and the system keeps eight of them at most.
            let _ = quiet(Command::new("sh").args(["-c", &format!("kill {}", self.0.id())])).status();
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_secs(3) && matches!(self.0.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn quiet(command: &mut Command) -> &mut Command {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
    }

    /// A client command that talks to our server and starts none.
    fn client(program: &str, server: &str) -> Command {
        let mut command = Command::new(program);
        command.env("JACK_DEFAULT_SERVER", server).env("JACK_NO_START_SERVER", "1");
        command
    }

    /// Names of ports, or none while the server does not answer.
    fn ports(server: &str) -> Vec<String> {
        let ran = finish(client("jack_lsp", server), Duration::from_secs(10));
        if ran.code == 0 { ran.out.lines().map(str::to_string).collect() } else { Vec::new() }
    }

    /// Waits until `find` finds something among the ports.
    fn wait_for<T>(server: &str, find: impl Fn(&[String]) -> Option<T>) -> Option<T> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(10) {
            if let Some(found) = find(&ports(server)) {
                return Some(found);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    }

    /// A server without hardware: with real-time scheduling if the system allows it, else with long blocks.
    fn server(name: &str) -> Option<Guard> {
        for options in [&["-R", "-P", "20"][..], &["-r"][..]] {
            let period = if options[0] == "-R" { "128" } else { "1024" };
            let mut command = Command::new("jackd");
            command.args(options).args(["-n", name, "-d", "dummy", "-r", "48000", "-p", period, "-C", "2", "-P", "2"]);
            let guard = Guard(quiet(&mut command).spawn().ok()?);
            if wait_for(name, |ports| ports.iter().any(|p| p == "system:playback_1").then_some(())).is_some() {
                return Some(guard);
            }
        }
        None
    }

    pub fn test() {
        if quiet(Command::new("jackd").arg("--version")).status().is_err() {
            return skip("jackd is not installed");
        }
        let name = format!("modurust{}", std::process::id());
        let Some(_server) = server(&name) else {
            return skip("jackd does not start here, or too many were killed before: see /dev/shm/jack*");
        };
        let scratch = Scratch::new();
        let file = scratch.file("tone.modu", "out = sin(440hz) * -12db\n");
        let player = client(MODURUST, &name)
            .args(["play", &file, "--device", "jack", "--for", "60s", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut player = Guard(player);
        let ours = |ports: &[String]| {
            let found: Vec<String> = ports.iter().filter(|p| p.contains("out_")).cloned().collect();
            (found.len() >= 2).then_some(found)
        };
        let Some(outs) = wait_for(&name, ours) else {
            let _ = player.0.kill();
            let mut said = String::new();
            let _ = player.0.stderr.take().expect("a piped stream").read_to_string(&mut said);
            panic!("no ports of ours, only {:?}; it said: {said}", ports(&name));
        };
        std::thread::sleep(Duration::from_millis(300));
        let take = scratch.at("take.wav");
        let mut record = client("jack_rec", &name);
        record.args(["-f", &take, "-d", "2", "-b", "32", &outs[0]]);
        finish(record, Duration::from_secs(30));
        interrupt(&player.0);
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = player.0.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "Ctrl-C did not stop it");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(0));
        listen(Path::new(&take));
    }

    /// With an output led into an input the way round is a period behind the limiter, whose 72 frames whoever plays along hears, too; without, it is said that nothing came.
    pub fn measure() {
        if quiet(Command::new("jackd").arg("--version")).status().is_err() {
            return skip("jackd is not installed");
        }
        let name = format!("modurustl{}", std::process::id());
        let Some(_server) = server(&name) else {
            return skip("jackd does not start here, or too many were killed before: see /dev/shm/jack*");
        };
        for leads in [true, false] {
            let measuring = client(MODURUST, &name)
                .args(["devices", "--measure", "--device", "jack", "--json"])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the command starts");
            let mut measuring = Guard(measuring);
            let ours = |ports: &[String]| ports.iter().any(|port| port == "modurust:in_1").then_some(());
            wait_for(&name, ours).expect("ports of ours");
            if leads {
                finish(
                    {
                        let mut connect = client("jack_connect", &name);
                        connect.args(["modurust:out_1", "modurust:in_1"]);
                        connect
                    },
                    Duration::from_secs(10),
                );
            }
            let begin = Instant::now();
            while measuring.0.try_wait().expect("a child can be waited for").is_none() {
                assert!(begin.elapsed() < Duration::from_secs(40), "it measures without end");
                std::thread::sleep(Duration::from_millis(20));
            }
            let mut said = String::new();
            measuring.0.stdout.take().expect("a piped stream").read_to_string(&mut said).expect("text");
            let measured: serde_json::Value = serde_json::from_str(&said).expect("JSON");
            println!("{measured}");
            let frames = measured["frames"].as_u64();
            match leads {
                // A loop of JACK is a period late, of 128 frames or 1024.
                true => assert!(frames.is_some_and(|frames| frames > 72 && (frames - 72) % 128 == 0), "{measured}"),
                false => assert_eq!(frames, None),
            }
        }
    }

    /// A track has ports of its name, by which it is heard alone; a new one gets some, one that is gone keeps them.
    pub fn strips() {
        if quiet(Command::new("jackd").arg("--version")).status().is_err() {
            return skip("jackd is not installed");
        }
        let name = format!("modurustp{}", std::process::id());
        let Some(_server) = server(&name) else {
            return skip("jackd does not start here, or too many were killed before: see /dev/shm/jack*");
        };
        let scratch = Scratch::new();
        let file = scratch.file("two.modu", "track a = sin(440hz) * -12db\ntrack b = saw(50hz)\ntrack d = saw(60hz)\n");
        let mut play = client(MODURUST, &name);
        play.args(["play", &file, "--device", "jack", "--for", "120s", "--json", "--ports", "a,c"]);
        let _player = Guard(quiet(&mut play).spawn().expect("the command starts"));
        let has = |port: &'static str| move |ports: &[String]| ports.iter().any(|p| p == port).then_some(());
        wait_for(&name, has("modurust:a_2")).expect("ports of a track");
        let found = ports(&name);
        assert!(!found.iter().any(|port| ["modurust:b_1", "modurust:d_1"].contains(&port.as_str())), "{found:?}");
        std::thread::sleep(Duration::from_millis(300));
        let take = scratch.at("take.wav");
        let mut record = client("jack_rec", &name);
        record.args(["-f", &take, "-d", "2", "-b", "32", "modurust:a_1"]);
        finish(record, Duration::from_secs(30));
        listen(Path::new(&take));
        scratch.file("two.modu", "track c = sin(440hz) * -12db\n");
        // In one listing: a server that is busy answers with none at times.
        let both = |ports: &[String]| {
            let all = ["modurust:a_1", "modurust:c_1"].iter().all(|name| ports.iter().any(|port| port == name));
            all.then_some(())
        };
        wait_for(&name, both).expect("ports of a new track beside those of the one before");
    }

    /// Two seconds of 440 Hz at -12 dB.
    fn listen(take: &Path) {
        let sound = wav::read(take).expect("the recording");
        let samples = &sound.samples;
        assert!(samples.len() >= 90_000, "{} samples", samples.len());
        let square: f64 = samples.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        let rms = (square / samples.len() as f64).sqrt();
        assert!((rms - 0.1776).abs() < 0.01, "rms {rms}");
        let crossings = samples.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        let freq = crossings as f64 * 48_000.0 / samples.len() as f64;
        assert!((freq - 440.0).abs() < 5.0, "{freq} Hz");
    }
}
