//! A callback as it must not be: it locks, sends, looks at a clock, sleeps, prints, and panics. Clippy must tell each of them.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use std::sync::Mutex;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What the callback has.
pub struct Shared {
    /// Numbers that another thread changes.
    pub params: Mutex<Vec<f32>>,
    /// To whoever wants to know.
    pub notices: Sender<u64>,
}

/// Fills a block.
pub fn process(shared: &Shared, out: &mut [f32]) {
    let begin = Instant::now();
    let params = shared.params.lock().unwrap();
    out.fill(*params.first().expect("a number"));
    std::thread::sleep(Duration::from_micros(1));
    println!("{:?}", begin.elapsed());
    if shared.notices.send(0).is_err() {
        panic!("nobody listens");
    }
}
