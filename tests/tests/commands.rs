//! What is asked for is done: once, in order, and whatever program comes in at that moment.
//!
//! Instruments are gates here: a voice is `gate * freq`, so the sound tells which clip plays.

use modurust_runtime::command::{ChangeKind, Command, EngineCommand, EngineNotice, Notice, Perform};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::{self, DeviceOptions};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::launcher::{Happened, Order, Quantise, Wish};
use modurust_runtime::performance::resolve;
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::swap::{Control, change};
use modurust_tests::sound::{RATE, Texts, options};
use std::time::{Duration, Instant};

/// Frames of a bar at the tempo of every text here.
const BAR: usize = 24_000;
const SET: &str = "tempo 480bpm
held(freq, gate, vel) = gate * vel * freq / 1khz
track t = clips { a: \"0\"  b: \"12\"  c: \"24\" } >> scale(a2, chromatic) >> mono(held)
track u = clips { x: \"0\" for 2bars then y | x  y: \"5\" } >> scale(a2, chromatic) >> mono(held)
scene one { t: a, u: x } for 8bars then two
scene two { t: b }
arrange later { one 4bars  two 4bars { t.level: 0.2 ~> 0.4 } }
automate u.level { 0bars: 0.1, 4bars: 0.5 }
launch t.a
launch u.x at next bar
";

fn compile(compiler: &mut Compiler, text: &str) -> Program {
    let outcome = compiler.compile(&Texts::one(text), &["a.modu".into()]);
    let messages = outcome.render(false);
    outcome.program.unwrap_or_else(|| panic!("{messages}\n{text}"))
}

/// What was launched, and whether a command was left out.
fn process(engine: &mut Engine, control: &mut Control, frames: usize) -> (Vec<Happened>, bool) {
    let (mut happened, mut stale) = (Vec::new(), false);
    for _ in 0..frames / 64 {
        engine.process(&mut [0.0; 128], 2);
        control.collect();
        while let Some(notice) = control.notice() {
            match notice {
                EngineNotice::Happened(what) => happened.push(what),
                EngineNotice::Stale => stale = true,
                _ => {}
            }
        }
    }
    (happened, stale)
}

/// Names of the clips of the track `t` that were launched, in order.
fn launched(program: &Program, happened: &[Happened]) -> Vec<String> {
    let sets = &program.timeline.sets;
    let name = |what: &Happened| match what {
        Happened::Clip { set, clip: Some(clip), .. } if sets[*set as usize].strip == "t" => {
            Some(sets[*set as usize].clips[*clip as usize].name.clone())
        }
        _ => None,
    };
    happened.iter().filter_map(name).collect()
}

#[test]
fn words_that_move_are_no_change() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let before = compile(&mut compiler, SET);
    let edits = [
        format!("// a comment\n\n{SET}"),
        SET.replace("track u", "// over two\n// lines\ntrack u").replace("launch t.a", "\n\nlaunch t.a // now"),
        SET.replace("{ a:", "{\n  // first\n  a:").replace("  b: \"12\"", "\n  b: \"12\""),
        SET.replace("4bars {", "4bars\n  {").replace("{ 0bars", "{\n  0bars"),
    ];
    for text in edits {
        assert_eq!(change(&before, &compile(&mut compiler, &text)), ChangeKind::None, "{text}");
    }
    let other = SET.replace("for 2bars", "for 3bars");
    assert_eq!(change(&before, &compile(&mut compiler, &other)), ChangeKind::Score);
}

#[test]
fn a_command_for_the_program_before_is_obeyed() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let before = compile(&mut compiler, SET);
    // Every number is another one in the new program.
    let text = SET.replace("track t =", "track first = clips { p: sin(1hz) q: sin(2hz) } * 0.1\ntrack t =");
    let text = text.replace("{ a: \"0\"  b: \"12\"", "{ b: \"12\"  a: \"0\"");
    let after = compile(&mut compiler, &text);
    let index = |program: &Program| {
        program.patch.graph.params.iter().position(|p| &*p.name == "u.level").expect("a level") as u32
    };
    assert_ne!(index(&before), index(&after));
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(before.clone())).unwrap();
    process(&mut engine, &mut control, BAR);
    let (epoch, what) = (control.epoch(), resolve(&before.timeline, "t.b").unwrap());
    control.publish(&after, None);
    process(&mut engine, &mut control, 64);
    assert!(!control.is_pending());
    let wish = Wish::Order(Order { what, launch: true, legato: false, at: Quantise::Now });
    assert!(control.send(EngineCommand::Wish { epoch, wish }));
    let (happened, stale) = process(&mut engine, &mut control, BAR);
    assert_eq!((launched(&after, &happened), stale), (vec!["b".to_string()], false));
    // What the new text no longer has is told.
    let gone =
        compile(&mut compiler, &SET.replace("  b: \"12\"", "").replace("scene two { t: b }", "scene two { t: c }"));
    let (epoch, what) = (control.epoch(), resolve(&after.timeline, "t.b").unwrap());
    control.publish(&gone, None);
    process(&mut engine, &mut control, 64);
    let wish = Wish::Order(Order { what, launch: true, legato: false, at: Quantise::Now });
    assert!(control.send(EngineCommand::Wish { epoch, wish }));
    let (happened, stale) = process(&mut engine, &mut control, BAR);
    assert!(stale && launched(&gone, &happened).is_empty(), "{happened:?}");
}

#[test]
fn a_number_for_the_program_before_is_moved() {
    let text = "level = 0.1\ntrack t = 1 * level\n";
    let mut compiler = Compiler::new(options(Backend::Jit));
    let before = compile(&mut compiler, text);
    let after = compile(&mut compiler, "track a = sin(100hz) * 0\nlevel = 0.1\ntrack t = 1 * level\n");
    let named = |p: &Program, name: &str| p.patch.graph.params.iter().position(|p| *p.name == *name).unwrap() as u32;
    let index = named(&before, "level");
    assert_ne!(index, named(&after, "level"));
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(before)).unwrap();
    control.publish(&after, None);
    process(&mut engine, &mut control, 64);
    assert!(control.send(EngineCommand::Param { epoch: 0, index, value: 0.5 }));
    let (_, stale) = process(&mut engine, &mut control, BAR);
    let mut block = [0.0; 128];
    engine.process(&mut block, 2);
    assert!(!stale && (block[0] - 0.5).abs() < 1e-6, "{}", block[0]);
}

#[test]
fn what_a_text_that_was_called_back_asked_for_is_done_once() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let text = SET.replace("arrange later { one 4bars  two 4bars { t.level: 0.2 ~> 0.4 } }\n", "");
    let (mut engine, mut control, _taps) =
        Engine::new(&EngineOptions::new(RATE), Some(compile(&mut compiler, &text))).unwrap();
    process(&mut engine, &mut control, BAR + BAR / 2);
    // Three texts before the next bar: the second alone asks for `c`, and then for `b`; the last word counts.
    let texts = [
        text.replace("\"12\"", "\"13\""),
        format!("{text}launch t.c at now\nlaunch t.b at now\n"),
        text.replace("track t", "track zero = sin(1hz) * 0\ntrack t"),
    ];
    let programs: Vec<Program> = texts.iter().map(|text| compile(&mut compiler, text)).collect();
    for program in &programs {
        control.publish_on(program, Ratio::ONE);
    }
    let (happened, _) = process(&mut engine, &mut control, BAR);
    assert_eq!(launched(&programs[2], &happened), ["b"]);
    let (happened, _) = process(&mut engine, &mut control, 4 * BAR);
    assert_eq!(launched(&programs[2], &happened), Vec::<String>::new());
    // Back to what plays, but for the wish.
    control.publish_on(&compile(&mut compiler, &format!("{}launch t.a at now\n", texts[2])), Ratio::ONE);
    assert!(control.publish_on(&programs[2], Ratio::ONE).is_some());
    let (happened, _) = process(&mut engine, &mut control, 2 * BAR);
    assert_eq!(launched(&programs[2], &happened), ["a"]);
}

#[test]
fn a_session_does_everything_once() {
    let mut start = SessionOptions::new(vec!["a.modu".into()], options(Backend::Jit));
    (start.watch, start.tap) = (false, 0);
    let track =
        |name: &str| format!("track {name} = clips {{ a: \"0\"  b: \"12\" }} >> scale(a2, chromatic) >> mono(held)\n");
    let head = "tempo 480bpm\nheld(freq, gate, vel) = gate * vel * freq / 1khz\n";
    let text = format!("{head}{}{}{}", track("p"), track("q"), track("r"));
    start.texts.insert("a.modu".into(), text.clone());
    let (session, engine) = Session::new(start).unwrap();
    let running =
        device::choose(&DeviceOptions { name: Some("null".into()), ..DeviceOptions::default() }).start(engine);
    let send = |text: String| session.send(Command::Text { file: "a.modu".into(), text });
    let begin = Instant::now();
    // A clip that is launched before the first frame leaves none to be heard before it.
    while session.snapshot().picture.launched.len() < 3 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the first clips play");
        std::thread::sleep(Duration::from_millis(1));
    }
    // Faster than anything can be compiled.
    send(format!("{text}launch p.b at now\n"));
    for i in 1..20 {
        send(text.replacen("\"0\"", &format!("\"{i}\""), 1));
    }
    send(format!("{text}launch q.b at now\n"));
    send(text.clone());
    // A clip that only the text that waits for the bar has.
    send(format!("quantise 1bar\n{}", text.replace("r = clips {", "r = clips { c: \"7\" ")));
    while session.snapshot().program.is_none_or(|p| p.timeline.sets[2].find("c").is_none()) {
        assert!(begin.elapsed() < Duration::from_secs(20), "the last text is compiled");
        std::thread::sleep(Duration::from_millis(1));
    }
    session.send(Command::Perform(Perform::Launch { path: "r.c".into(), launch: true, legato: false, at: None }));
    let set = |wanted: u32| -> Vec<Option<u32>> {
        let launched = session.snapshot().picture.launched;
        let of = |what: &Happened| match what {
            Happened::Clip { set, clip, .. } if *set == wanted => Some(*clip),
            _ => None,
        };
        launched.iter().filter_map(of).collect()
    };
    while set(2).len() < 2 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the clip is launched");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(600));
    let once = vec![Some(0), Some(1)];
    // The clip that played first is the second one of the new text.
    assert_eq!((set(0), set(1), set(2)), (once.clone(), once, vec![Some(1), Some(0)]));
    let refused = |notice: &Notice| matches!(notice, Notice::Refused { .. });
    assert!(!session.notices().iter().any(refused));
    drop(session);
    running.stop();
}

#[test]
fn what_is_seen_of_clips_follows_an_edit() {
    let mut start = SessionOptions::new(vec!["a.modu".into()], options(Backend::Jit));
    (start.watch, start.tap) = (false, 0);
    let text = |clips: &str| {
        format!(
            "tempo 480bpm\nheld(freq, gate, vel) = gate * vel * freq / 1khz\n\
             track p = clips {{ {clips} }} >> scale(a2, chromatic) >> mono(held)\n"
        )
    };
    start.texts.insert("a.modu".into(), text("a: \"0\"  b: \"12\""));
    let (session, engine) = Session::new(start).unwrap();
    let running =
        device::choose(&DeviceOptions { name: Some("null".into()), ..DeviceOptions::default() }).start(engine);
    let begin = Instant::now();
    let wait = |what: &str, until: &dyn Fn() -> bool| {
        while !until() {
            assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let playing = || session.snapshot().picture.sets.first().and_then(|set| set.playing);
    wait("the first clip plays", &|| playing() == Some(0));
    session.send(Command::Perform(Perform::Launch { path: "p.b".into(), launch: true, legato: false, at: None }));
    wait("the second clip plays", &|| playing() == Some(1));
    session.send(Command::Text { file: "a.modu".into(), text: text("b: \"12\"  c: \"7\"  a: \"0\"") });
    wait("the same clip has another number", &|| playing() == Some(0));
    let launched: Vec<Option<u32>> = session
        .snapshot()
        .picture
        .launched
        .iter()
        .filter_map(|what| if let Happened::Clip { clip, .. } = what { Some(*clip) } else { None })
        .collect();
    assert_eq!(launched, [Some(2), Some(0)]);
    drop(session);
    running.stop();
}
