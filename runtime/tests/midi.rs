//! Hands on voices, through the whole engine: notes at their frames, bends of MPE, pedals, edits under held keys, and floods.

mod common;

use common::RATE;
use modurust_compiler::exec::Backend;
use modurust_compiler::front::{Compiler, Options};
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::passes::Passes;
use modurust_compiler::program::Program;
use modurust_runtime::command::EngineCommand;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::inbox::{Incoming, PortName};
use modurust_runtime::midi::wire::{self, Reader};
use modurust_runtime::midi::{CENTRE, Message, System, Voice, scale};
use modurust_runtime::outbox::Departure;
use modurust_runtime::swap::Control;
use modurust_runtime::world::FileWorld;

/// Rectangular sound while a key is held; its height is the frequency by 10,000.
const BLOCKS: &str = "tone(freq, gate) = gate * freq / 10000hz\n";

fn program(text: &str) -> Program {
    program_at(RATE, text)
}

fn program_at(rate: u32, text: &str) -> Program {
    let mut world = FileWorld::new();
    world.overlay("a.modu", text);
    let options = Options { sample_rate: rate, passes: Passes::Exact, backend: Backend::Jit, seed: 1, verify: false };
    let outcome = Compiler::new(options).compile(&world, &["a.modu".to_string()]);
    assert!(outcome.diagnostics.iter().all(|d| !d.is_error()), "{}", outcome.render(false));
    outcome.program.expect("a program")
}

struct Stage {
    engine: Engine,
    control: Control,
    out: Vec<[f32; 2]>,
}

impl Stage {
    fn new(text: &str) -> Stage {
        let (engine, control, _) = Engine::new(&EngineOptions::new(RATE), Some(program(text))).expect("an engine");
        let mut stage = Stage { engine, control, out: Vec::new() };
        stage.engine.tell(0, Incoming::Plugged(0, PortName::new("Launchkey MK3")));
        stage.run(1);
        stage
    }

    fn send(&mut self, frame: u64, channel: u8, voice: Voice) {
        self.engine.tell(frame, Incoming::Midi(0, Message::Channel(channel, voice)));
    }

    fn on(&mut self, frame: u64, channel: u8, note: u8) {
        self.send(frame, channel, Voice::On { note, velocity: 0xffff });
    }

    fn off(&mut self, frame: u64, channel: u8, note: u8) {
        self.send(frame, channel, Voice::Off { note, velocity: 0 });
    }

    fn run(&mut self, quanta: usize) {
        let mut block = [[0.0f32; 2]; QUANTUM];
        for _ in 0..quanta {
            self.engine.process(block.as_flattened_mut(), 2);
            self.out.extend_from_slice(&block);
        }
    }

    /// The left channel at a frame.
    fn at(&self, frame: u64) -> f32 {
        self.out[frame as usize][0]
    }
}

fn hz(note: f32) -> f32 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}

/// What a key sounds like by [`BLOCKS`] on voices of `poly`, which are halved.
fn height(note: f32) -> f32 {
    hz(note) / 20_000.0
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-5
}

#[test]
fn a_note_sounds_from_its_frame_to_its_frame_a_thousand_times() {
    let mut stage = Stage::new(&format!("{BLOCKS}out = midi('launchkey') >> poly(4, tone)\n"));
    let mut random = common::Random(7);
    for _ in 0..1000 {
        let from = stage.engine.next_frame() + random.below(200);
        let until = from + 1 + random.below(150);
        let note = 30 + random.below(60) as u8;
        stage.on(from, 0, note);
        stage.off(until, 0, note);
        stage.run(8);
        let expected = height(f32::from(note));
        for frame in [from, until - 1] {
            assert!(near(stage.at(frame), expected), "{frame} of {from}..{until}: {} {expected}", stage.at(frame));
        }
        assert_eq!((stage.at(from - 1), stage.at(until)), (0.0, 0.0), "{from}..{until}");
    }
    assert_eq!(stage.engine.held_keys(), 0);
}

#[test]
fn what_a_text_does_to_patterns_is_done_to_hands() {
    let mut stage = Stage::new(&format!("{BLOCKS}out = midi() >> transpose(12st) >> poly(4, tone)\n"));
    stage.on(100, 3, 60);
    stage.run(4);
    assert!(near(stage.at(100), height(72.0)), "{} {}", stage.at(100), height(72.0));
    let mut other = Stage::new(&format!("{BLOCKS}out = midi('keystep') >> poly(4, tone)\n"));
    other.on(100, 3, 60);
    let mut channel = Stage::new(&format!("{BLOCKS}out = midi('launch', ch: 2) >> poly(4, tone)\n"));
    channel.on(100, 3, 60);
    for stage in [&mut other, &mut channel] {
        stage.run(4);
        assert_eq!(stage.at(120), 0.0);
    }
    channel.on(400, 1, 60);
    channel.run(4);
    assert!(channel.at(400) > 0.0);
}

#[test]
fn ten_notes_of_mpe_bend_apart() {
    for said in [true, false] {
        let mpe = if said { "" } else { ", mpe: on" };
        let mut stage = Stage::new(&format!("{BLOCKS}out = midi() >> poly(16, tone{mpe})\n"));
        if said {
            stage.send(0, 0, Voice::Registered { bank: 0, index: 6, value: scale::up(10 << 7, 14, 32) });
        }
        for i in 0..10u8 {
            let begin = 1000 + 2000 * u64::from(i);
            stage.on(begin, i + 1, 40 + i);
            // A bend of its own: half of 48 semitones by i / 10.
            let value = CENTRE + (u64::from(u32::MAX - CENTRE) * u64::from(i) / 20) as u32;
            stage.send(begin + 500, i + 1, Voice::Bend { value });
        }
        stage.run(400);
        let mut expected = 0.0;
        for i in 0..10u8 {
            let begin = 1000 + 2000 * u64::from(i);
            let straight = expected + height(f32::from(40 + i));
            assert!(near(stage.at(begin + 400), straight), "{i}: {} {straight}", stage.at(begin + 400));
            expected += height(f32::from(40 + i) + 24.0 * f32::from(i) / 10.0);
            assert!((stage.at(begin + 600) - expected).abs() < 1e-4, "{i}: {} {expected}", stage.at(begin + 600));
        }
        // The master bends all, two semitones.
        stage.send(0, 0, Voice::Bend { value: u32::MAX });
        stage.run(4);
        let (last, bent) = (stage.out.last().unwrap()[0], expected * 2f32.powf(2.0 / 12.0));
        assert!((last - bent).abs() < 1e-3, "{last} {bent}");
        (0..10).for_each(|i| stage.off(0, i + 1, 40 + i));
        stage.run(2);
        assert_eq!((stage.out.last().unwrap()[0], stage.engine.held_keys()), (0.0, 0));
    }
}

#[test]
fn pressure_slide_and_wheel_reach_voices_that_ask() {
    let voice = "v(freq, gate, press = 0, slide = 0, bend = 0) = gate * (press + slide * 10 + bend * 100)\n";
    let mut stage = Stage::new(&format!("{voice}out = midi() >> mono(v)\n"));
    stage.on(0, 0, 60);
    stage.send(0, 0, Voice::Pressure { value: CENTRE });
    stage.send(0, 0, Voice::Controller { index: 74, value: u32::MAX });
    stage.run(3);
    assert!((stage.out.last().unwrap()[0] - 10.5).abs() < 1e-4, "{:?}", stage.out.last());
    stage.send(0, 0, Voice::Bend { value: 0 });
    stage.run(3);
    assert!((stage.out.last().unwrap()[0] + 89.5).abs() < 1e-3, "{:?}", stage.out.last());
}

#[test]
fn one_voice_goes_back_to_the_key_that_is_still_down() {
    let mut stage = Stage::new(&format!("{BLOCKS}out = midi() >> mono(tone)\n"));
    stage.on(100, 0, 60);
    stage.on(200, 0, 67);
    stage.off(300, 0, 67);
    stage.off(400, 0, 60);
    stage.run(10);
    assert!(near(stage.at(150), hz(60.0) / 1e4) && near(stage.at(250), hz(67.0) / 1e4));
    assert!(near(stage.at(300), hz(60.0) / 1e4) && near(stage.at(350), hz(60.0) / 1e4), "back, without a stroke");
    assert_eq!(stage.at(400), 0.0);
}

#[test]
fn controllers_move_parameters_and_are_found_by_edits() {
    let mut stage = Stage::new("out = saw(100hz) * 0\n");
    stage.send(0, 5, Voice::Controller { index: 74, value: u32::MAX });
    stage.run(4);
    stage.control.publish(&program("out = cc(74)\n"), None);
    stage.run(60);
    assert_eq!(stage.out.last().unwrap()[0], 1.0, "a controller is where it stands");
    stage.send(0, 5, Voice::Controller { index: 74, value: 0 });
    stage.run(8);
    assert_eq!(stage.out.last().unwrap()[0], 0.0);
}

#[test]
fn edits_and_seeks_leave_held_keys_alone_and_their_ends_are_heard() {
    let mut stage = Stage::new(&format!("{BLOCKS}out = midi() >> poly(4, tone)\n"));
    stage.on(0, 0, 60);
    stage.run(4);
    stage.engine.tell(0, Incoming::Command(EngineCommand::Seek(modurust_compiler::score::Ratio::int(5))));
    stage.run(2);
    assert!(near(stage.out.last().unwrap()[0], height(60.0)), "a seek");
    // The unit stays, its pattern listens elsewhere: the key still ends its note.
    stage.control.publish(&program(&format!("{BLOCKS}out = midi('other') >> poly(4, tone) * 1.5\n")), None);
    stage.run(60);
    assert!(near(stage.out.last().unwrap()[0], 1.5 * height(60.0)), "an edit");
    stage.off(0, 0, 60);
    stage.run(2);
    assert_eq!(stage.out.last().unwrap()[0], 0.0);
}

#[test]
fn a_port_that_is_unplugged_holds_nothing_and_comes_back() {
    let mut stage = Stage::new(&format!("{BLOCKS}out = midi('launchkey') >> poly(4, tone)\n"));
    stage.send(0, 0, Voice::Controller { index: 64, value: u32::MAX });
    stage.on(0, 0, 60);
    stage.off(0, 0, 60);
    stage.on(0, 0, 64);
    stage.run(3);
    assert!(stage.out.last().unwrap()[0] > 0.0);
    stage.engine.tell(0, Incoming::Gone(0));
    stage.run(2);
    assert_eq!((stage.out.last().unwrap()[0], stage.engine.held_keys()), (0.0, 0));
    stage.on(0, 0, 62);
    stage.run(2);
    assert_eq!(stage.out.last().unwrap()[0], 0.0, "a port without a name is nobody's");
    stage.engine.tell(0, Incoming::Plugged(0, PortName::new("Launchkey MK3")));
    stage.on(0, 0, 62);
    stage.run(2);
    assert!(near(stage.out.last().unwrap()[0], height(62.0)));
}

#[test]
fn a_million_random_bytes_leave_no_note_behind() {
    let mut stage =
        Stage::new(&format!("{BLOCKS}out = (midi() >> poly(16, tone)) + (midi('launch') >> mono(tone)) + cc(1) * 0\n"));
    let mut random = common::Random(99);
    let mut reader = Reader::default();
    let mut sent = 0;
    while sent < 1_000_000 {
        let bytes: Vec<u8> = (0..200)
            .map(|_| match random.below(4) {
                // Bytes that are likely to mean something, and any others.
                0 => 0x80 | random.below(128) as u8,
                _ => random.below(256) as u8 & if random.below(8) > 0 { 0x7f } else { 0xff },
            })
            .collect();
        sent += bytes.len();
        let base = stage.engine.next_frame();
        reader.feed(&bytes, |message| {
            let frame = base + random.below(64);
            stage.engine.tell(frame, Incoming::Midi(0, message));
        });
        stage.run(1);
        assert!(stage.out.iter().all(|frame| frame[0].is_finite()));
        stage.out.clear();
    }
    for channel in 0..16 {
        stage.send(0, channel, Voice::Controller { index: 123, value: 0 });
    }
    stage.run(4);
    assert_eq!((stage.engine.held_keys(), stage.engine.missed()), (0, 0));
    assert_eq!(stage.out.last().unwrap()[0], 0.0);
}

/// What leaves in some quanta.
fn departures(stage: &mut Stage, quanta: usize) -> Vec<Departure> {
    let mut all = Vec::new();
    for _ in 0..quanta {
        stage.run(1);
        stage.engine.take_departures(u64::MAX, |departure| all.push(departure));
    }
    all
}

fn notes(all: &[Departure]) -> Vec<(u64, u8, bool)> {
    let note = |d: &Departure| match d.message {
        Message::Channel(channel, Voice::On { note, .. }) => Some((d.frame, channel, note, true)),
        Message::Channel(channel, Voice::Off { note, .. }) => Some((d.frame, channel, note, false)),
        _ => None,
    };
    all.iter()
        .filter_map(note)
        .inspect(|n| assert_eq!(n.1, 2))
        .map(|(frame, _, note, down)| (frame, note, down))
        .collect()
}

#[test]
fn patterns_play_instruments_at_their_frames() {
    // A bar lasts 96,000 frames at 48 kHz.
    let text = "tempo 120\ntrack gear = \"c2 ~ g2 c3\" >> midi_out('Digitone', 3)\n";
    let mut stage = Stage::new(text);
    let all = departures(&mut stage, 3000);
    assert!(all.iter().all(|d| d.device == PortName::new("digitone")));
    let expected: Vec<(u64, u8, bool)> = (0..2u64)
        .flat_map(|bar| {
            let at = |quarter: u64| bar * 96_000 + quarter * 24_000;
            [(0, 36), (2, 43), (3, 48)].map(|(q, note)| [(at(q), note, true), (at(q + 1) - 1, note, false)])
        })
        .flatten()
        .collect();
    let heard = notes(&all);
    assert_eq!(&heard[..expected.len() - 1], &expected[..expected.len() - 1]);
    // What is held ends when the text no longer plays it.
    let held = heard.iter().filter(|n| n.2).count() - heard.iter().filter(|n| !n.2).count();
    stage.control.publish(&program("tempo 120\nout = saw(100hz) * 0\n"), None);
    let ends = notes(&departures(&mut stage, 60)).iter().filter(|n| !n.2).count();
    assert_eq!((held, ends), (1, 1), "the third bar had begun");
    stage.control.publish(&program(text), None);
    let begun = notes(&departures(&mut stage, 720));
    assert!(begun.last().is_some_and(|n| n.2), "{begun:?}");
    stage.control.publish(&program("tempo 120\nout = saw(100hz) * 0\n"), None);
    let ends = notes(&departures(&mut stage, 60));
    assert_eq!(ends.iter().map(|n| (n.1, n.2)).collect::<Vec<_>>(), [(begun.last().unwrap().1, false)]);
}

#[test]
fn the_clock_goes_with_the_music() {
    let mut stage = Stage::new("tempo 125\ntrack gear = \"c2\" >> midi_out('Digitone', 3, clock: on)\n");
    // The first quantum has passed.
    let mut all = departures(&mut stage, 1500 * 4);
    let told = |all: &[Departure]| {
        let system = |d: &Departure| if let Message::System(s) = d.message { Some((d.frame, s)) } else { None };
        all.iter().filter_map(system).collect::<Vec<_>>()
    };
    let ticks: Vec<u64> = told(&all).iter().filter(|(_, s)| *s == System::Clock).map(|(frame, _)| *frame).collect();
    // 960 frames a tick; the one of frame 0 was told in the first quantum, and was not taken within a second or was.
    let first = ticks[0] / 960;
    let expected: Vec<u64> = (first..first + ticks.len() as u64).map(|tick| tick * 960).collect();
    assert_eq!(ticks, expected);
    assert!(ticks.len() > 390);
    stage.engine.tell(0, Incoming::Command(EngineCommand::Pause));
    all = departures(&mut stage, 100);
    assert_eq!(told(&all).iter().map(|(_, s)| *s).collect::<Vec<_>>(), [System::Stop]);
    stage.engine.tell(0, Incoming::Command(EngineCommand::Seek(modurust_compiler::score::Ratio::int(2))));
    stage.engine.tell(0, Incoming::Command(EngineCommand::Play));
    all = departures(&mut stage, 3);
    assert_eq!(
        told(&all).iter().map(|(_, s)| *s).collect::<Vec<_>>()[..3],
        [System::Position(32), System::Continue, System::Clock]
    );
}

#[test]
fn a_clock_from_outside_is_followed() {
    let mut stage = Stage::new("tempo 120\nlink on\nout = saw(100hz) * 0\n");
    let mut random = common::Random(3);
    let (bpm, begin) = (127.3, 30_000.0);
    let period = 60.0 * f64::from(RATE) / (bpm * 24.0);
    let place = |frame: u64| (frame as f64 - begin) / (period * 96.0);
    stage.engine.tell(20_000, Incoming::Midi(2, Message::System(System::Start)));
    let mut worst: f64 = 0.0;
    let mut beat = (0, 0.0);
    for tick in 0..24 * 4 * 12u64 {
        // Up to 3 ms early or late.
        let late = (random.below(2001) as f64 / 1000.0 - 1.0) * 0.003 * f64::from(RATE);
        let frame = (begin + period * tick as f64 + late) as u64;
        stage.engine.tell(frame, Incoming::Midi(2, Message::System(System::Clock)));
        // Another clock is not heard.
        stage.engine.tell(frame, Incoming::Midi(3, Message::System(System::Clock)));
        while stage.engine.frame() < frame + 64 {
            stage.run(1);
        }
        stage.out.clear();
        if tick == 191 {
            let followed = stage.engine.followed().expect("a tempo");
            assert!((followed - bpm).abs() < 0.1, "{followed} after two bars");
        }
        if tick % 24 == 23 {
            // The tempo that is played, not only the one that is thought to be right.
            let now = (stage.engine.frame(), stage.engine.cycle().to_f64());
            let played = (now.1 - beat.1) * 4.0 * 60.0 * f64::from(RATE) / (now.0 - beat.0) as f64;
            assert!(tick < 24 * 9 || (played - bpm).abs() < 0.1, "{played} bpm at tick {tick}");
            beat = now;
        }
        if tick > 24 * 4 * 4 {
            let frame = stage.engine.frame();
            worst = worst.max((stage.engine.cycle().to_f64() - place(frame)).abs() * period * 96.0 / f64::from(RATE));
        }
    }
    assert!(worst < 0.003, "{worst} s from the clock");
    stage.engine.tell(0, Incoming::Midi(2, Message::System(System::Stop)));
    stage.run(2);
    let stands = stage.engine.cycle();
    stage.run(10);
    assert_eq!(stage.engine.cycle(), stands);
    stage.engine.tell(0, Incoming::Midi(2, Message::System(System::Position(32))));
    stage.engine.tell(0, Incoming::Midi(2, Message::System(System::Continue)));
    stage.engine.tell(0, Incoming::Midi(2, Message::System(System::Clock)));
    stage.run(1);
    assert!((stage.engine.cycle().to_f64() - 2.0).abs() < 0.01, "{:?}", stage.engine.cycle());
}

#[test]
fn a_controller_takes_hold_of_a_number_when_it_comes_by() {
    let text = "cut = knob(0.5, 0..1)\nmap cc(7) -> cut 0..2\nout = cut\n";
    let mut stage = Stage::new(text);
    let turn = |stage: &mut Stage, share: f64| {
        let value = (share * f64::from(u32::MAX)) as u32;
        stage.send(0, 0, Voice::Controller { index: 7, value });
        stage.run(8);
        stage.out.last().unwrap()[0]
    };
    assert_eq!(turn(&mut stage, 1.0), 0.5, "it is elsewhere");
    assert_eq!(turn(&mut stage, 0.75), 0.5);
    assert!(near(turn(&mut stage, 0.2), 0.4), "it has come by");
    assert!(near(turn(&mut stage, 0.9), 1.8));
    // The text says otherwise: it must come by again.
    stage.control.publish(&program(&text.replace("0.5", "0.3")), None);
    stage.run(60);
    assert!(near(stage.out.last().unwrap()[0], 0.3));
    assert!(near(turn(&mut stage, 0.8), 0.3));
    assert!(near(turn(&mut stage, 0.1), 0.2));
    let exp = "cut = knob(200, 100..1000)\nmap bend() -> cut 100..1000 exp\nout = cut / 1000\n";
    let mut stage = Stage::new(exp);
    stage.send(0, 0, Voice::Bend { value: 0 });
    stage.send(1, 0, Voice::Bend { value: CENTRE });
    stage.run(8);
    assert!((stage.out.last().unwrap()[0] - 0.316_227_76).abs() < 1e-4, "{:?}", stage.out.last());
}

#[test]
fn another_rate_lets_instruments_go_and_finds_controllers_where_they_stand() {
    let mut stage = Stage::new("tempo 120\ntrack gear = \"c2\" >> midi_out('digitone', 3)\n");
    stage.send(0, 0, Voice::Controller { index: 74, value: u32::MAX });
    let begun = notes(&departures(&mut stage, 1600));
    assert_eq!(begun.last().map(|n| (n.1, n.2)), Some((36, true)), "{begun:?}");
    stage.control.retune(&mut stage.engine, &program_at(44_100, "out = cc(74)\n"));
    let ends = notes(&departures(&mut stage, 10));
    assert_eq!(ends.iter().map(|n| (n.1, n.2)).collect::<Vec<_>>(), [(36, false)]);
    assert_eq!(stage.out.last().unwrap()[0], 1.0);
}

#[test]
fn keys_play_instruments_outside_later_by_their_offset() {
    let text = "track gear = midi('launchkey') >> transpose(12st) >> midi_out('digitone', 3, offset: 10ms)\n";
    let mut stage = Stage::new(text);
    stage.on(1000, 0, 60);
    stage.off(3000, 0, 60);
    let all = notes(&departures(&mut stage, 80));
    assert_eq!(all, [(1480, 72, true), (3480, 72, false)]);
}

#[test]
fn a_clock_with_an_offset_ticks_later_by_it() {
    let ticks = |offset: &str| {
        let text = format!("tempo 125\ntrack gear = \"c2\" >> midi_out('Digitone', 3, clock: on{offset})\n");
        let all = departures(&mut Stage::new(&text), 600);
        let clock = all.into_iter().filter(|d| d.message == Message::System(System::Clock));
        clock.map(|d| d.frame).collect::<Vec<_>>()
    };
    let (straight, late) = (ticks(""), ticks(", offset: 5ms"));
    assert!(straight.len() > 30);
    assert!(late.iter().zip(&straight).all(|(late, straight)| *late == straight + 240), "{late:?} {straight:?}");
}

/// What is told to the channel of the instrument beside its notes.
fn turns(all: &[Departure]) -> Vec<(u64, Voice)> {
    let turn = |d: &Departure| match d.message {
        Message::Channel(2, Voice::On { .. } | Voice::Off { .. }) => None,
        Message::Channel(2, voice) => Some((d.frame, voice)),
        other => panic!("{other:?}"),
    };
    all.iter().filter_map(turn).collect()
}

#[test]
fn signals_turn_controllers_at_the_frames_of_their_steps() {
    let text = "tempo 120\ntrack gear = \"c2\" >> midi_out('Digitone', 3, cc74: \"0 0.5 1 0.25\", program: \"1 5\")\n";
    let mut stage = Stage::new(text);
    let all = turns(&departures(&mut stage, 1499));
    let cc = |frame, value: u32| (frame, Voice::Controller { index: 74, value: scale::up(value, 7, 32) });
    let sound = |frame, program| (frame, Voice::Program { program });
    let wanted = [cc(0, 0), sound(0, 0), cc(24_000, 64), cc(48_000, 127), sound(48_000, 4), cc(72_000, 32)].map(Some);
    assert_eq!(all.into_iter().map(Some).collect::<Vec<_>>(), wanted);
    // An edit of something else tells nothing anew.
    stage.control.publish(&program(&text.replace("c2", "c3")), None);
    let all = turns(&departures(&mut stage, 100));
    assert_eq!(all, [cc(96_000, 0), sound(96_000, 0)]);
}

#[test]
fn slopes_are_told_in_steps_and_no_more_often_than_a_wire_bears() {
    let mut stage = Stage::new("track gear = \"c2\" >> midi_out('Digitone', 3, bend: lfsin(0.5hz), offset: 10ms)\n");
    let all = turns(&departures(&mut stage, 750 * 2));
    let bends: Vec<(u64, f64)> = all
        .iter()
        .map(|(frame, voice)| match voice {
            Voice::Bend { value } => (*frame - 480, (f64::from(*value) - f64::from(CENTRE)) / f64::from(CENTRE)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(bends.windows(2).all(|w| w[1].0 - w[0].0 >= 240), "5 ms apart");
    assert!(bends.len() > 390, "{}", bends.len());
    let sine = |frame: u64| (std::f64::consts::TAU * 0.5 * frame as f64 / f64::from(RATE)).sin();
    // A step of 14 bits, and what the sine of the library may differ by in a frame.
    assert!(bends.iter().all(|(frame, x)| (x - sine(*frame)).abs() < 4e-4), "{:?}", &bends[..8]);
}

#[test]
fn fine_controllers_and_parameters_have_fourteen_bits() {
    let text = "track gear = \"c2\" >> midi_out('Digitone', 3, fine7: 0.5, nrpn300: 1, rpn0: 0.25, press: 1)\n";
    let all = departures(&mut Stage::new(text), 4);
    let (mut bytes, mut heard) = (Vec::new(), Vec::new());
    for departure in &all {
        wire::write(&departure.message, |part| bytes.extend_from_slice(part));
    }
    Reader::default().feed(&bytes, |message| heard.push(message));
    let fourteen = |value: u32| scale::up(value, 14, 32);
    for voice in [
        Voice::Controller { index: 7, value: fourteen(8192) },
        Voice::Assignable { bank: 2, index: 44, value: u32::MAX },
        Voice::Registered { bank: 0, index: 0, value: fourteen(4096) },
        Voice::Pressure { value: u32::MAX },
    ] {
        assert!(heard.contains(&Message::Channel(2, voice)), "{voice:?} in {heard:?}");
    }
}

#[test]
fn time_code_is_followed_through_jitter_and_its_silence_is_a_stop() {
    let mut stage = Stage::new("tempo 127bpm\nlink on\nout = saw(100hz) * 0\n");
    let mut random = common::Random(11);
    // Twenty-five pictures a second from a tape that runs a little fast, from 12 seconds on.
    let (speed, begin) = (1.002, 30_000.0);
    let quarter = f64::from(RATE) / (100.0 * speed);
    let bar = 4.0 * 60.0 / 127.0;
    let mut worst: f64 = 0.0;
    for i in 0..2500u64 {
        let picture = 12 * 25 + i / 8 * 2;
        let (seconds, pictures) = ((picture / 25) as u8, (picture % 25) as u8);
        let nibbles = [pictures & 15, pictures >> 4, seconds & 15, seconds >> 4, 0, 0, 0, 1 << 1];
        let late = (random.below(2001) as f64 / 1000.0 - 1.0) * 0.002 * f64::from(RATE);
        let frame = (begin + quarter * i as f64 + late) as u64;
        let bits = (i as u8 % 8) << 4 | nibbles[i as usize % 8];
        stage.engine.tell(frame, Incoming::Midi(2, Message::System(System::TimeCode(bits))));
        while stage.engine.frame() < frame + 64 {
            stage.run(1);
        }
        stage.out.clear();
        if i > 500 {
            let truth = 12.0 + (stage.engine.frame() as f64 - begin) / f64::from(RATE) * speed;
            worst = worst.max((stage.engine.cycle().to_f64() * bar - truth).abs());
        }
    }
    assert!(worst < 0.002, "{worst} s from the tape");
    stage.run(150);
    let stands = stage.engine.cycle();
    stage.run(10);
    assert_eq!(stage.engine.cycle(), stands, "it has stopped");
    stage.engine.tell(0, Incoming::Midi(2, Message::System(System::Wound([1 << 5, 0, 40, 0]))));
    stage.run(2);
    assert!((stage.engine.cycle().to_f64() * bar - 40.0).abs() < 0.001, "{:?}", stage.engine.cycle());
}

#[test]
fn endless_encoders_turn_a_number_from_where_it_stands() {
    for (code, forth, back, far) in [("twos", 1, 127, 62), ("offset", 65, 63, 126), ("sign", 1, 65, 62)] {
        let text = format!("cut = knob(0.5, 0..1)\nmap encoder(7, '{code}') -> cut 0..2\nout = cut\n");
        let mut stage = Stage::new(&text);
        let turn = |stage: &mut Stage, said: u32, times: usize| {
            (0..times).for_each(|_| stage.send(0, 0, Voice::Controller { index: 7, value: scale::up(said, 7, 32) }));
            stage.run(8);
            stage.out.last().unwrap()[0]
        };
        let step = 2.0 / 128.0;
        assert!(near(turn(&mut stage, forth, 1), 0.5 + step), "{code}: it has hold at once");
        assert!(near(turn(&mut stage, back, 3), 0.5 - 2.0 * step), "{code}");
        assert!(near(turn(&mut stage, far, 3), 2.0), "{code}: no further than its range");
        // The text says otherwise: it goes on from there.
        stage.control.publish(&program(&text.replace("0.5", "0.25")), None);
        stage.run(60);
        assert!(near(turn(&mut stage, back, 1), 0.25 - step), "{code}");
    }
    let mut stage = Stage::new("cut = knob(200, 100..1000)\nmap encoder(9) -> cut 100..1000 exp\nout = cut / 1000\n");
    (0..8).for_each(|_| stage.send(0, 0, Voice::Controller { index: 9, value: scale::up(8, 7, 32) }));
    stage.run(8);
    let up = 200.0 * 10.0f32.powf(64.0 / 128.0) / 1000.0;
    assert!((stage.out.last().unwrap()[0] - up).abs() < 1e-4, "{:?} {up}", stage.out.last());
}

#[test]
fn an_encoder_is_a_signal_too_and_edits_find_it_where_it_stands() {
    let mut stage = Stage::new("out = encoder(7)\n");
    (0..4).for_each(|_| stage.send(0, 0, Voice::Controller { index: 7, value: scale::up(16, 7, 32) }));
    stage.run(8);
    assert!(near(stage.out.last().unwrap()[0], 0.5));
    stage.control.publish(&program("out = encoder(7) * 0.5\n"), None);
    stage.run(60);
    assert!(near(stage.out.last().unwrap()[0], 0.25));
}

#[test]
fn system_exclusive_messages_leave_at_the_frames_of_their_events() {
    let mut stage = Stage::new(
        "tempo 120\nout = (\"0 127 ~ 300\" >> sysex_out('digi', 'f0 43 10 xx f7')) + (\"1000\" >> sysex_out('other', '7d yy xx', offset: 10ms))\n",
    );
    let all = departures(&mut stage, 96_000 / 64);
    let of = |d: &Departure| match d.message {
        Message::Exclusive(message) => (d.frame, d.device.as_str().to_string(), message.data().to_vec()),
        _ => panic!("{d:?}"),
    };
    let mut all: Vec<_> = all.iter().map(of).collect();
    all.sort();
    let to = |frame, device: &str, data: &[u8]| (frame, device.to_string(), data.to_vec());
    let wanted = [
        to(0, "digi", &[0x43, 0x10, 0]),
        to(480, "other", &[0x7d, 7, 104]),
        to(24_000, "digi", &[0x43, 0x10, 127]),
        // There is room for no more.
        to(72_000, "digi", &[0x43, 0x10, 127]),
    ];
    assert_eq!(all[..4], wanted);
}

#[test]
fn system_exclusive_messages_move_signals_and_nonsense_moves_nothing() {
    let text = "out = sysex('pad', 'f0 7d .. yy xx f7') + sysex('', '7e 7f')\n";
    let mut stage = Stage::new(text);
    stage.engine.tell(0, Incoming::Plugged(3, PortName::new("Fader Pad")));
    let mut reader = Reader::default();
    let mut send = |stage: &mut Stage, port: u8, bytes: &[u8]| {
        reader.feed(bytes, |message| stage.engine.tell(0, Incoming::Midi(port, message)));
        stage.run(8);
        stage.out.last().unwrap()[0]
    };
    assert_eq!(send(&mut stage, 3, &[0xf0, 0x7d, 9, 0x7f, 0xf8, 0x7f, 0xf7]), 1.0);
    assert_eq!(send(&mut stage, 2, &[0xf0, 0x7d, 9, 0, 0, 0xf7]), 1.0, "another port");
    assert_eq!(send(&mut stage, 3, &[0xf0, 0x7c, 9, 0, 0, 0xf7]), 1.0, "another message");
    assert_eq!(send(&mut stage, 3, &[0xf0, 0x7d, 1, 0x40, 0, 0xf7]), 8192.0 / 16383.0);
    assert_eq!(send(&mut stage, 2, &[0xf0, 0x7e, 0x7f, 0xf7]), 8192.0 / 16383.0 + 1.0);
}
