//! A sound server without hardware, and tools that speak with it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with the test.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Politely first: a server that is killed leaves its name behind, and the system keeps eight of them at most.
        let _ = Command::new("sh").args(["-c", &format!("kill {}", self.0.id())]).status();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(3) && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server of this name; `None` where there is none.
pub fn server(name: &str) -> Option<Server> {
    let args = ["-R", "-P", "20", "-n", name, "-d", "dummy", "-r", "48000", "-p", "128", "-C", "2", "-P", "2"];
    let child = Command::new("jackd").args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    Some(Server(child))
}

/// Lets this process and its children speak with a server of our own.
pub fn claim(name: &str) {
    // SAFETY: others read the environment through the standard library, which locks it, until a client of the server is opened, by the
    // test that calls this first.
    unsafe {
        std::env::set_var("JACK_DEFAULT_SERVER", name);
        std::env::set_var("JACK_NO_START_SERVER", "1");
    }
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
