//! Nothing on the audio side touches the allocator: counted, not promised.
//!
//! The allocator of this test binary counts what a thread takes and gives back while it is inside `Engine::process`.

mod common;

use common::counting::{self, Counting};
use common::{Build, RATE, Random, dense, song};
use modurust_runtime::command::{EngineCommand, EngineNotice};
use modurust_runtime::compiler::program::{Program, UnitKind};
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::tap::Spout;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// `process` under watch; how often this thread went to the allocator inside.
fn watched(engine: &mut Engine, out: &mut [f32]) -> u64 {
    counting::touches(|| engine.process(out, 2))
}

#[test]
fn the_watch_works() {
    assert!(counting::touches(|| drop(std::hint::black_box(Box::new(1)))) >= 2);
}

#[test]
fn ten_thousand_swaps_and_no_allocation() {
    let programs = [dense(false), dense(true), song(100.0), song(200.0), song(300.0)];
    let mut options = EngineOptions::new(RATE);
    options.limiter = true;
    options.tap = 4096;
    let (mut engine, mut control, mut taps) = Engine::new(&options, Some(programs[0].clone())).unwrap();
    taps.spouts.truncate(1);
    taps.spouts[0].valve.open("master", Ratio::ZERO, 0);
    let mut random = Random(4242);
    let mut out = vec![0.0; 2 * 4096];
    engine.warm();
    let (mut swaps, mut codes) = (0, 0);
    let mut mine = 0;
    while swaps < 10_000 {
        // One in eight changes code.
        let next = if random.below(8) == 0 { &programs[random.below(5) as usize] } else { control.program() };
        let mut next = next.clone();
        let mut params = next.params.to_vec();
        for value in &mut params {
            *value = random.below(1000) as f32;
        }
        next.params = Arc::new(params);
        control.publish(&next, None);
        let epoch = control.epoch();
        control.send(EngineCommand::Param { epoch, index: 0, value: random.below(500) as f32 });
        if random.below(50) == 0 {
            control.send(EngineCommand::Tempo(Ratio::int(random.below(300) as i64 + 30)));
            control.send(EngineCommand::Seek(Ratio::new(random.below(999) as i64, 7)));
        }
        if random.below(100) == 0 {
            control.send([EngineCommand::Hush, EngineCommand::Panic, EngineCommand::Pause][random.below(3) as usize]);
            control.send(EngineCommand::Play);
        }
        let frames = random.below(200) as usize;
        mine += watched(&mut engine, &mut out[..frames * 2]);
        while let Some(notice) = control.notice() {
            if let EngineNotice::Adopted { kind, .. } = notice {
                swaps += 1;
                codes += u64::from(kind == modurust_runtime::command::ChangeKind::Code);
            }
        }
        if let Some(Spout { ring, .. }) = taps.spouts.first_mut() {
            while ring.pop().is_ok() {}
        }
    }
    assert!(codes > 500, "{codes} changes of code");
    assert_eq!(mine, 0, "allocations and frees inside process");
}

#[test]
fn no_allocation_on_a_thread_of_its_own() {
    let programs = [song(100.0), dense(false), dense(true)];
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(programs[0].clone())).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let touched = Arc::new(AtomicU64::new(0));
    let sum = Arc::clone(&touched);
    let audio = std::thread::spawn(move || {
        engine.warm();
        let mut out = [0.0; 128];
        let mut blocks = 0u64;
        while !flag.load(Ordering::Relaxed) {
            sum.fetch_add(watched(&mut engine, &mut out), Ordering::Relaxed);
            blocks += 1;
            assert!(out.iter().all(|x| x.is_finite()));
        }
        (engine, blocks)
    });
    let mut random = Random(9);
    let mut adopted = 0;
    let begin = std::time::Instant::now();
    while adopted < 300 && begin.elapsed().as_secs() < 60 {
        control.publish(&programs[random.below(3) as usize], None);
        std::thread::sleep(std::time::Duration::from_micros(random.below(900)));
        control.collect();
        while let Some(notice) = control.notice() {
            adopted += u64::from(matches!(notice, EngineNotice::Adopted { .. }));
        }
    }
    stop.store(true, Ordering::Relaxed);
    let (engine, blocks) = audio.join().unwrap();
    assert!(adopted >= 300 && blocks > 1000, "{adopted} swaps, {blocks} blocks");
    assert_eq!(touched.load(Ordering::Relaxed), 0);
    drop(engine);
}

/// Clips, a song and a tempo that moves.
fn performed(tempo: f64) -> Program {
    use modurust_runtime::compiler::lang::{FileId, Span};
    use modurust_runtime::compiler::score::Curve;
    use modurust_runtime::compiler::score::tempo::TempoMap;
    use modurust_runtime::compiler::score::timeline::*;
    let place = Place { file: FileId(0), span: Span::new(0, 0) };
    let mut b = Build::new();
    let (low, high) = (b.notes(&[40.0, 52.0, 55.0]), b.notes(&[64.0, 67.0]));
    let (low, high) = (b.score.fast(low, 16), b.score.fast(high, 31));
    let clips = b.score.clips(SetId(0), &[low, high]);
    b.synth("poly", UnitKind::Poly, 8, clips);
    let frame = b.frame("x");
    b.param(frame, "x", 0.5);
    let pattern = Some(b.score.ramp(tempo, 300.0, Ratio::int(40), Curve::Lin));
    let mut program = b.finish();
    let clip = |name: &str, to: Follow| Clip {
        name: name.into(),
        pattern: None,
        length: Some(Length::Bars(Ratio::new(1, 7))),
        then: vec![Choice { to, weight: 1.0, place }, Choice { to: Follow::Any, weight: 2.0, place }],
        place,
    };
    let clips = vec![clip("a", Follow::Next), clip("b", Follow::Again)];
    let slots = vec![Slot { set: SetId(0), clip: Some(1), again: false, place }];
    let lanes = vec![
        Lane { target: Target::Tempo, motion: Motion::Fixed(170.0), place },
        Lane { target: Target::Param(0), motion: Motion::Fixed(2.0), place },
    ];
    let section = Section { play: Play::Scene(0), length: Length::Bars(Ratio::new(1, 3)), xfade: None, lanes, place };
    program.timeline = Arc::new(Timeline {
        sets: vec![ClipSet { strip: "poly".into(), binding: "poly".into(), clips, place }],
        scenes: vec![Scene { name: "s".into(), slots, length: Some(Length::BAR), then: vec![], place }],
        arrangements: vec![Arrangement { name: "song".into(), sections: vec![section; 9], place }],
        tempo: TempoMap { pattern, meters: vec![(2, Ratio::new(7, 2))] },
        ..Timeline::default()
    });
    program
}

#[test]
fn launches_and_moving_tempo_do_not_allocate() {
    use modurust_runtime::launcher::{Order, Quantise, What, Wish};
    let programs = [performed(90.0), performed(120.0), dense(false)];
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(programs[0].clone())).unwrap();
    engine.warm();
    let mut random = Random(77);
    let mut out = vec![0.0; 2 * 4096];
    let (mut mine, mut happened) = (0, 0);
    for _ in 0..20_000 {
        if random.below(40) == 0 {
            control.publish(&programs[random.below(3) as usize], None);
        }
        if random.below(3) == 0 {
            let what = match random.below(5) {
                0 => What::Clip { set: 0, clip: random.below(3) as u32 },
                1 => What::Set(0),
                2 => What::Scene(0),
                3 => What::Song(0),
                _ => What::All,
            };
            let (launch, legato) = (random.below(3) > 0, random.below(2) > 0);
            let at = Quantise::Bars(Ratio::new(1, random.below(9) as i64 + 1));
            let epoch = control.epoch();
            let wish = Wish::Order(Order { what, launch, legato, at });
            control.send(EngineCommand::Wish { epoch, wish });
        }
        match random.below(200) {
            0 => drop(control.send(EngineCommand::Loop(Some((Ratio::new(1, 9), Ratio::new(1, 2)))))),
            1 => drop(control.send(EngineCommand::Loop(None))),
            2 => drop(control.send(EngineCommand::Nudge(random.below(2000) as i64 - 1000))),
            3 => drop(control.send(EngineCommand::Metronome(random.below(2) > 0))),
            4 => drop(control.send(EngineCommand::CountIn { cycle: Ratio::ONE, bars: Ratio::new(1, 8) })),
            5 => drop(control.send(EngineCommand::Seek(Ratio::new(random.below(99) as i64, 7)))),
            _ => {}
        }
        let frames = random.below(200) as usize;
        mine += watched(&mut engine, &mut out[..frames * 2]);
        while let Some(notice) = control.notice() {
            happened += u32::from(matches!(notice, EngineNotice::Happened(_)));
        }
    }
    assert!(happened > 2_000, "{happened}");
    assert_eq!(mine, 0, "allocations and frees inside process");
}

/// Prints what a swap costs; asserts nothing, since other processes share the machine.
#[test]
fn figures() {
    let programs = [dense(false), dense(true)];
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(programs[0].clone())).unwrap();
    engine.warm();
    let mut out = [0.0; 128];
    let (mut plain, mut adopting, mut fading, mut preparing) = (vec![], vec![], vec![], vec![]);
    for i in 0..20_000 {
        if i % 40 == 0 {
            let begin = std::time::Instant::now();
            control.publish(&programs[(i / 40 + 1) % 2], None);
            preparing.push(begin.elapsed().as_secs_f64() * 1e6);
        }
        let begin = std::time::Instant::now();
        watched(&mut engine, &mut out);
        let time = begin.elapsed().as_secs_f64() * 1e6;
        if i % 40 == 0 {
            adopting.push(time);
        } else if engine.is_fading() {
            fading.push(time);
        } else {
            plain.push(time);
        }
    }
    for (name, times) in
        [("plain", &mut plain), ("adopting", &mut adopting), ("fading", &mut fading), ("preparing", &mut preparing)]
    {
        times.sort_by(f64::total_cmp);
        let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
        println!(
            "{name}: median {:.1} us, p99 {:.1} us, p99.9 {:.1} us of a 1333 us quantum",
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }
}
