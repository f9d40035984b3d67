//! The transport of a sound server: a text with `link on` rolls when it rolls, where it rolls, and stands when it stands.
#![cfg(feature = "jack")]

mod common;
#[path = "common/server.rs"]
mod server;

use common::RATE;
use jack::{Client, ClientOptions, Frames};
use modurust_compiler::exec::Backend;
use modurust_compiler::front::{Compiler, Options};
use modurust_compiler::passes::Passes;
use modurust_runtime::device::{self, DeviceOptions};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::world::FileWorld;
use server::{claim, server, until};
use std::time::Duration;

/// Frames of a bar at 120 beats per minute.
const BAR: f64 = 2.0 * RATE as f64;

#[test]
fn a_text_goes_with_the_transport_of_the_server() {
    let name = format!("modurustt{}", std::process::id());
    claim(&name);
    let Some(_server) = server(&name) else {
        println!("skipped: there is no jackd");
        return;
    };
    let wish = DeviceOptions { name: Some("jack".into()), ..DeviceOptions::default() };
    let mut choice = device::choose(&wish);
    until("the server runs", || {
        choice = device::choose(&wish);
        choice.message().is_none()
    });
    let mut world = FileWorld::new();
    world.overlay("a.modu", "tempo 120\nlink on\nout = saw(100hz) * 0.1\n");
    let options = Options { sample_rate: RATE, passes: Passes::Exact, backend: Backend::Jit, seed: 1, verify: false };
    let program = Compiler::new(options).compile(&world, &["a.modu".into()]).program;
    let (engine, control, _taps) = Engine::new(&EngineOptions::new(RATE), program).expect("an engine");
    let meters = control.meters().clone();
    let mut running = choice.start(engine);
    assert!(!running.is_null(), "{:?}", running.poll());
    let (conductor, _) = Client::new("conductor", ClientOptions::NO_START_SERVER).expect("a client");
    let transport = conductor.transport();
    let place = || f64::from(transport.query().expect("an answer").pos.frame());
    // What the engine counts next lies behind what the server plays by no more than some periods; a busy machine may look twice late.
    let away = || {
        let looks = (0..20).map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            (meters.cycle() * BAR - place()).abs()
        });
        looks.fold(f64::INFINITY, f64::min)
    };
    for bar in [3.0, 17.25, 0.5] {
        transport.locate((bar * BAR) as Frames).expect("another place");
        transport.start().expect("a start");
        until("it rolls from there", || place() > bar * BAR + 9600.0);
        let away = away();
        println!("from bar {bar}: {away} frames from the server");
        assert!(away <= 4.0 * 128.0, "{away} frames from the server");
        assert!(meters.playing());
        transport.stop().expect("a stop");
        until("it stands", || !meters.playing());
        let stands = meters.cycle();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(meters.cycle(), stands);
    }
}
