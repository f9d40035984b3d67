//! A real callback, from a sound server without a sound card. Needs the feature `jack` and the program `jackd`.
#![cfg(feature = "jack")]

mod common;
#[path = "common/server.rs"]
mod server;

use common::{RATE, song};
use modurust_runtime::command::Notice;
use modurust_runtime::device::{self, DeviceOptions};
use modurust_runtime::engine::{Engine, EngineOptions};
use server::{claim, server, until};
use std::time::{Duration, Instant};

#[test]
fn plays_through_jack_and_survives_its_end() {
    let name = format!("modurust{}", std::process::id());
    claim(&name);
    let Some(server) = server(&name) else {
        println!("skipped: there is no jackd");
        return;
    };
    let wish =
        DeviceOptions { name: Some("jack".into()), rate: Some(RATE), block: Some(128), ..DeviceOptions::default() };
    let mut choice = device::choose(&wish);
    until("the server runs", || {
        choice = device::choose(&wish);
        choice.message().is_none()
    });
    assert_eq!((choice.rate(), choice.message()), (RATE, None));
    let (engine, _control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(song(110.0))).unwrap();
    let mut running = choice.start(engine);
    assert!(!running.is_null(), "{:?}", running.poll());
    std::thread::sleep(Duration::from_millis(500));
    let (begin, from) = (Instant::now(), running.stats().frames);
    std::thread::sleep(Duration::from_secs(2));
    let rate = (running.stats().frames - from) as f64 / begin.elapsed().as_secs_f64();
    let stats = running.stats();
    println!("{}: {rate:.1} frames/s, {stats:?}", running.describe());
    // The server's clock drives the callback; a busy machine may make it late, never early.
    assert!(rate > 0.5 * f64::from(RATE) && rate < 1.05 * f64::from(RATE), "{rate} frames a second");
    drop(server);
    let begin = Instant::now();
    let mut told = vec![];
    while !running.is_null() && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
        told.extend(running.poll());
    }
    assert!(told.iter().any(|n| matches!(n, Notice::Device { message } if message.contains("using null"))), "{told:?}");
    let frames = running.stats().frames;
    std::thread::sleep(Duration::from_millis(300));
    assert!(running.stats().frames > frames + 4800, "the engine goes on");
}
