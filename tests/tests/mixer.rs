//! The mixer is language: faders, sends, groups, mute, solo in place, crossfades. All sounds here are constants, so a level is a sample.

use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::recorder::{Recorder, What};
use modurust_runtime::swap::Control;
use modurust_runtime::tap::TAPS;
use modurust_runtime::wav::{self, Bits};
use modurust_tests::sound::{RATE, Texts, compile, options, program};

/// Frames of a bar.
const BAR: usize = 48_000;

struct Desk {
    engine: Engine,
    control: Control,
    compiler: Compiler,
}

impl Desk {
    fn new(text: &str) -> Desk {
        let mut compiler = Compiler::new(options(Backend::Jit));
        let program = compiler.compile(&Texts::one(text), &["a.modu".into()]).program.expect("a good text");
        let (engine, control, _) = Engine::new(&EngineOptions::new(RATE), Some(program)).unwrap();
        Desk { engine, control, compiler }
    }

    /// The left side after so many bars.
    fn after(&mut self, bars: f64) -> f32 {
        self.left(bars).last().copied().unwrap_or(0.0)
    }

    fn left(&mut self, bars: f64) -> Vec<f32> {
        let mut out = vec![0.0; (bars * BAR as f64) as usize * 2];
        self.engine.process(&mut out, 2);
        while self.control.notice().is_some() {}
        self.control.collect();
        out.chunks(2).map(|frame| frame[0]).collect()
    }

    /// An edit, once it is in.
    fn edit(&mut self, text: &str) -> f32 {
        let outcome = self.compiler.compile(&Texts::one(text), &["a.modu".into()]);
        let messages = outcome.render(false);
        self.control.publish(&outcome.program.unwrap_or_else(|| panic!("{messages}")), None);
        self.after(0.25)
    }
}

#[track_caller]
fn near(found: f32, wanted: f64) {
    assert!((f64::from(found) - wanted).abs() < 1e-5, "{found}, not {wanted}");
}

#[test]
fn what_is_sent_follows_the_fader_unless_it_is_sent_before_it() {
    let text = |send: &str, level: &str| {
        format!(
            "tempo 240bpm\nbus room = in * 0.5\nbus master = in\ntrack a = [0.25, 0.25] >> send(room, 0.5{send})\n\
             scene s {{}}\narrange {{ s 8bars {{ a.level: {level} }} }}\n"
        )
    };
    near(Desk::new(&text("", "1")).after(1.0), 0.25 + 0.0625);
    near(Desk::new(&text("", "0.5")).after(1.0), 0.125 + 0.03125);
    near(Desk::new(&text(", pre: on", "0.5")).after(1.0), 0.125 + 0.0625);
    near(Desk::new(&text(", pre: off", "0.5")).after(1.0), 0.125 + 0.03125);
    // Mute is for all that a strip sends.
    for send in ["", ", pre: on"] {
        near(Desk::new(&format!("{}mute a\n", text(send, "1"))).after(1.0), 0.0);
    }
    let wrong = compile("bus room = in\ntrack a = sin(1hz) >> send(room, pre: 'x')\n", Backend::Interp).render(false);
    assert!(wrong.contains("`pre` is `on` or `off`") && wrong.contains("pre: on"), "{wrong}");
}

#[test]
fn a_bus_is_a_group_of_the_tracks_that_lead_to_it() {
    let text = "tempo 240bpm
track kick = [0.25, 0.25] >> to(drums)
track snare = [0.125, 0.125] >> to(drums)
track bass = [0.5, 0.5]
bus drums = in * 0.5 >> to(rhythm)
bus rhythm = in
scene s {}
arrange { s 1bar  s 1bar { kick.level: 0.5 }  s 1bar { kick.level: 0.5, drums.level: 0.5 }  s 1bar { rhythm.level: 0, bass.level: 0.5 } }
";
    let mut desk = Desk::new(text);
    near(desk.after(0.9), 0.5 + 0.1875);
    near(desk.after(1.0), 0.5 + 0.125);
    near(desk.after(1.0), 0.5 + 0.0625);
    near(desk.after(1.0), 0.25);
    let loops = compile("bus a = in >> to(b)\nbus b = in >> to(a)\ntrack x = sin(1hz) >> to(a)\n", Backend::Interp);
    let said = loops.render(false);
    assert!(said.contains("leads to itself") && said.contains("b -> a -> b") && said.contains("leave out"), "{said}");
}

const SET: &str = "tempo 240bpm
bus drums = in
bus room = in * 0.5
track kick = [0.25, 0.25] >> to(drums)
track snare = [0.125, 0.125] >> send(room) >> to(drums)
track bass = [0.0625, 0.0625] >> send(room)
track lead = [0.03125, 0.03125] >> send(room, 1, pre: on)
";

#[test]
fn a_solo_is_in_place_and_ends_with_its_line() {
    let (kick, snare, bass, lead) = (0.25, 0.125 * 1.5, 0.0625 * 1.5, 0.03125 * 1.5);
    let heard = |lines: &str| Desk::new(&format!("{SET}{lines}")).after(1.0);
    near(heard(""), kick + snare + bass + lead);
    // With its share of the room, and nobody else's.
    near(heard("solo bass\n"), bass);
    near(heard("solo bass\nsolo lead\n"), bass + lead);
    // A group with its members; the room of one of them is theirs.
    near(heard("solo drums\n"), kick + snare);
    near(heard("solo kick\n"), kick);
    near(heard("solo drums\nmute kick\n"), snare);
    near(heard("mute room\n"), 0.25 + 0.125 + 0.0625 + 0.03125);
    let mut desk = Desk::new(SET);
    near(desk.after(1.0), kick + snare + bass + lead);
    near(desk.edit(&format!("{SET}solo bass\nmute lead\n")), bass);
    near(desk.edit(&format!("{SET}solo bass\nsolo lead\nmute lead\n")), bass);
    near(desk.edit(&format!("{SET}solo bass\nsolo lead\n")), bass + lead);
    near(desk.edit(&format!("{SET}mute lead\n")), kick + snare + bass);
    near(desk.edit(SET), kick + snare + bass + lead);
}

#[test]
fn patterns_move_what_has_a_name() {
    let text = "tempo 240bpm
track a = [0.25, 0.25]
automate a.level { 0bar: \"1 0.5\", 2bar: 0.25, 3bar: \"<0.75 0>\" }
";
    let mut desk = Desk::new(text);
    desk.after(0.25);
    let levels: Vec<f32> = (0..10).map(|_| desk.after(0.5)).collect();
    for (found, wanted) in levels.iter().zip([0.5, 1.0, 0.5, 0.25, 0.25, 0.0, 0.0, 0.75, 0.75, 0.0]) {
        near(*found, 0.25 * wanted);
    }
    let pan = "tempo 240bpm\ntrack a = [0.25, 0.25]\nautomate a.pan { 0bar: sine >> range(-1, 1) }\n";
    let left = Desk::new(pan).left(1.0);
    near(left[BAR / 4 * 3], 0.25);
    assert!(left[BAR / 4] < 1e-4 && left[BAR / 8] < left[BAR / 16], "{}", left[BAR / 4]);
}

#[test]
fn clips_that_are_sounds_fade_into_each_other() {
    let text = "tempo 240bpm
track a = clips { x: [0.25, 0.25]  y: [0.5, 0.5] }
scene one { a: x }
scene two { a: y }
scene none {}
arrange { one 2bars  two 2bars xfade 1bar  none 2bars xfade 1/2bar  one 1bar }
";
    assert!(compile(text, Backend::Jit).diagnostics.is_empty());
    let left = Desk::new(text).left(7.0);
    let at = |bars: f64| f64::from(left[(bars * BAR as f64) as usize]);
    let turn = std::f64::consts::FRAC_PI_2;
    for (bars, wanted) in [
        (0.5, 0.25),
        (1.99, 0.25),
        (2.25, 0.25 * (turn / 4.0).cos() + 0.5 * (turn / 4.0).sin()),
        (2.5, 0.25 * (turn / 2.0).cos() + 0.5 * (turn / 2.0).sin()),
        (3.01, 0.5),
        (3.9, 0.5),
        (4.25, 0.5 * (turn / 2.0).cos()),
        (4.6, 0.0),
        (6.5, 0.25),
    ] {
        assert!((at(bars) - wanted).abs() < 2e-3, "{} at {bars}, not {wanted}", at(bars));
    }
    // A fade has no step: the largest is that of the sections without one.
    let step = |range: std::ops::Range<usize>| range.map(|i| (left[i + 1] - left[i]).abs()).fold(0.0f32, f32::max);
    assert!(step(0..6 * BAR - 64) < 1e-3, "{}", step(0..6 * BAR - 64));
    // Without a fade nothing of it is in the code.
    let hard = program(&text.replace(" xfade 1bar", "").replace(" xfade 1/2bar", ""), Backend::Jit);
    let (mut engine, ..) = Engine::new(&EngineOptions::new(RATE), Some(hard)).unwrap();
    let mut out = vec![0.0; 2 * 3 * BAR];
    engine.process(&mut out, 2);
    assert_eq!((out[2 * (2 * BAR - 1)], out[2 * 2 * BAR]), (0.25, 0.5), "it changes on the frame");
}

#[test]
fn strips_are_recorded_from_a_bar_on_to_the_frame() {
    let dir = std::env::temp_dir().join(format!("modurust-mixer-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    // A bar is 46,639.676 frames.
    let text = "tempo 247bpm
track a = [0.25, 0.25]
track b = [0.5, 0.5] >> to(group)
bus group = in * 0.5
automate a.level { 0bar: \"<1 0.5 0.25>\" }
";
    let tap = EngineOptions { tap: 1 << 19, ..EngineOptions::new(RATE) };
    let (mut engine, _control, mut taps) = Engine::new(&tap, Some(program(text, Backend::Jit))).unwrap();
    assert_eq!(taps.spouts.len(), TAPS);
    let mut play = |frames: usize| engine.process(&mut vec![0.0; 2 * frames], 2);
    play(64 * 1000);
    let mut start = |strip: &str, grid: Ratio| {
        let spout = taps.spouts.pop().expect("a tap is left");
        let what = What { strip, grid, from: 0, late: 0 };
        let path = dir.join(format!("{strip}.wav"));
        Recorder::start(spout, what, &path, (RATE, Bits::F32), Box::new(|_| {})).unwrap()
    };
    let running = [
        start("a", Ratio::ONE),
        start("group", Ratio::new(1, 2)),
        start("master", Ratio::ONE),
        start("nobody", Ratio::ZERO),
    ];
    play(64 * 1500);
    let total = 64 * 2500;
    let frames = running.map(|recorder| recorder.stop().1.unwrap());
    assert!(frames.iter().all(|recorded| recorded.lost == 0), "{frames:?}");
    // The next bar is the third, the next half bar the fourth.
    let wanted = [total - 93_279, total - 69_959, total - 93_279, 64 * 1500];
    assert_eq!(frames.map(|recorded| recorded.frames), wanted.map(|n| n as u64));
    let left = |strip: &str| -> Vec<f32> {
        let sound = wav::read(&dir.join(format!("{strip}.wav"))).unwrap();
        sound.samples.chunks(2).map(|frame| frame[0]).collect()
    };
    assert!(left("group").iter().all(|x| *x == 0.25) && left("nobody").iter().all(|x| *x == 0.0));
    let (a, all) = (left("a"), left("master"));
    near(a[1000], 0.25 * 0.25);
    near(a[47_000], 0.25);
    assert!(a.iter().zip(&all).all(|(a, all)| (a + 0.25 - all).abs() < 1e-6), "takes of one bar begin together");
    std::fs::remove_dir_all(&dir).unwrap();
}
