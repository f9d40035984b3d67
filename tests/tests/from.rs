//! A rendering that begins in the middle is the rest of the whole one.
//!
//! With what lies before computed, or taken from checkpoints, every bit is the same, wherever it begins and whatever moves there. With
//! what lies before passed over it is the same once the past has died away, for everything that notes begin.

use modurust_runtime::checkpoint::EVERY;
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::lang::dice::Dice;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::begin::frame_of;
use modurust_runtime::device::{Begin, RenderError, RenderOptions, RenderReport, Way, render};
use modurust_runtime::world::FileWorld;
use modurust_tests::sound::options;
use std::path::PathBuf;

fn compile(text: &str) -> Program {
    let mut world = FileWorld::new();
    world.overlay("../examples/from.modu", text);
    let outcome = Compiler::new(options(Backend::Jit)).compile(&world, &["../examples/from.modu".to_string()]);
    let messages = outcome.render(false);
    outcome.program.unwrap_or_else(|| panic!("{messages}\n{text}"))
}

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("modurust-from-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

fn hear(program: &Program, frames: u64, from: Begin, way: Way) -> (Vec<f32>, RenderReport) {
    let mut heard = Vec::new();
    let options = RenderOptions::new(program.clone(), frames);
    let report = render(RenderOptions { from, way, limiter: true, heard: Some(&mut heard), ..options }).unwrap();
    (heard, report)
}

/// Compares the rest of a rendering with those that begin at some bars.
fn holds(name: &str, program: &Program, seconds: u64, places: &[Ratio]) {
    let frames = seconds * 48_000;
    let dir = folder(name);
    let kept = || Way::Checkpoints(dir.clone());
    let (whole, report) = hear(program, frames, Begin::Frame(0), kept());
    assert!(report.peak > 0.01, "{name}: there is nothing to hear");
    let (plain, _) = hear(program, frames, Begin::Frame(0), Way::Whole);
    assert!(whole == plain, "{name}: writing checkpoints changes the sound");
    for &bars in places {
        let first = frame_of(program, Begin::Bars(bars)).unwrap();
        assert!(first < frames, "{name}: {bars:?} lies behind the end");
        for way in [kept(), Way::Whole] {
            let (part, report) = hear(program, frames - first, Begin::Bars(bars), way.clone());
            assert!(report.refused.is_empty(), "{:?}", report.refused);
            let rest = &whole[first as usize * 2..];
            let off = rest.iter().zip(&part).position(|(a, b)| a.to_bits() != b.to_bits());
            assert_eq!((off, part.len()), (None, rest.len()), "{name} from {bars:?} bars, {way:?}");
        }
    }
    let _ = std::fs::remove_dir_all(&dir);
}

/// Clips with follow actions, an arrangement with lanes, moving tempo, another meter, an echo and a reverb.
const SONG: &str = "tempo 620bpm
meter 3/4 from 9bars
cut = knob(20hz, 20hz..2khz)
dub(x, t: s, fb = 0.6) = { y = x + fb * y' >> delay(t) >> bpf(900hz) >> softclip
  x + y }
track drums = clips {
  a: \"bd*4, hh*8?\"
  b: \"bd*4, ~ cp ~ cp, hh*8\" for 3bars then fill
  fill: \"bd*4, cp(5,8), hh*16\" for 1bar then b(2) | a
} >> kit('tr909') >> dub(150ms) * -9db
track bass = clips { a: \"0 ~ 0 ~ 3 ~ 5 ~\"  b: \"0 0 12 0 3 3 10 7\" >> every(4, rev) } >> scale(f1, minor) >> mono(acid) * -6db
track pad = clips { a: \"<[0,2,4] [5,7,9]>/2\" } >> scale(f3, minor) >> poly(8, strings) >> reverb(2s) * -12db
bus master = in >> hpf(cut) >> limit(-0.3db)
scene intro { drums: a, pad: a }
scene groove { drums: b, bass: a, pad: a }
scene drop { drums: b, bass: b }
arrange {
  intro 6bars
  groove 9bars { bass.cutoff: 200hz ~> 1.5khz exp }
  drop 8bars xfade 2bars { cut: 20hz ~> 800hz exp, tempo: 620bpm ~> 700bpm }
  groove 20bars
}
automate pad.level { 0bar: -24db, 13bar: 0db exp, 17bar: -6db hold }
";

#[test]
fn every_bit_of_a_song_is_the_same_from_any_bar() {
    let places = [1, 8, 9, 15, 16, 17, 24].map(Ratio::int);
    let places = [&places[..], &[Ratio::new(61, 8), Ratio::new(50, 3)]].concat();
    holds("song", &compile(SONG), 12, &places);
}

#[test]
fn every_bit_of_the_examples_is_the_same() {
    let read = |name: &str| std::fs::read_to_string(format!("../examples/{name}.modu")).unwrap();
    let five_minutes = compile(&read("five_minutes").replace("124bpm", "496bpm").replace("126bpm", "500bpm"));
    holds("five", &five_minutes, 26, &[16, 17, 47].map(Ratio::int));
    for name in ["breaks", "first_set", "drums"] {
        holds(name, &compile(&read(name)), 19, &[Ratio::new(33, 4), Ratio::int(8)]);
    }
}

#[test]
fn every_bit_of_random_sets_is_the_same() {
    for seed in 0..16u64 {
        let mut dice = Dice::new(seed);
        let mut of = |list: &[&'static str]| dice.pick(list);
        let mut text = format!(
            "tempo {}\n{}\nquantise 1bar\n",
            of(&["760bpm", "\"<700 820>\"", "700bpm ~> 900bpm over 12bars", "\"700 800 900\""]),
            of(&["", "meter 5/8 from 3bars", "meter 3/4 from 10bars", "swing 60%"]),
        );
        for track in 0..3 {
            let pattern = |of: &mut dyn FnMut(&[&'static str]) -> &'static str| {
                let notes = of(&["0 3 7 10", "0*8?", "~ 5 ~ [7 9 12]", "<0 12> [3 5]*2", "0(3,8,<0 2>)", "0 _ _ 4"]);
                format!("\"{notes}\" {}", of(&["", ">> every(3, rev)", ">> degradeBy(0.3)", ">> add(\"<0 2 5>\")"]))
            };
            let value = if of(&["clips", "one"]) == "clips" {
                let (a, b) = (pattern(&mut of), pattern(&mut of));
                let (x, y) = (of(&["next", "any", "b(2) | a", "again"]), of(&["a", "next", "any"]));
                format!("clips {{ a: {a} for 2bars then {x}\n  b: {b} for 3/2bars then {y} }}")
            } else {
                pattern(&mut of)
            };
            let voice =
                of(&["mono(acid)", "poly(4, pluck)", "poly(3, pad)", "mono(bass, glide: 30ms)", "poly(2, organ)"]);
            let effect = of(&[
                "",
                ">> echo(3/16n)",
                ">> chorus",
                ">> phaser",
                ">> lpf(200hz ~> 3khz over 9bars exp)",
                ">> pan(lfsin(1bar))",
            ]);
            text += &format!("track t{track} = {value} >> scale(a2, minor) >> {voice} {effect} * -9db\n");
        }
        text += of(&["", "automate t0.level { 0bar: 0db, 7bar: -9db, 12bar: 0db sine }\n"]);
        let places = [dice.below(40), dice.below(70), 64].map(|n| Ratio::new(n as i64, 8));
        holds(&format!("random-{seed}"), &compile(&text), 5, &places);
    }
}

#[test]
fn a_jump_is_the_rest_once_the_past_has_died_away() {
    // All of it is begun by notes: samples, envelopes, gates. What still sounds at a jump has ended a second later.
    let text = "tempo 480bpm
tone(freq, gate, vel) = gate * vel * freq / 2khz * adsr(gate, 2ms, 60ms, 0.4, 80ms)
track drums = clips {
  a: \"bd(3,8), ~ sd:1 ~ sd, hh*8?0.3\" for 3bars then b(2) | again
  b: \"bd*4 , hh*16\" for 2bars then a
} >> kit('dust') >> pan(0.2) * 0.5
track chops = \"0 3 2*2 7 <4 12> 5 6 [14 15]\" >> slice('amen.wav', 16, fit: 1bar)
track held = clips { x: \"<[0,3,7] [5,8]>*2\"  y: \"0*8\" } >> scale(a2, minor) >> poly(4, tone) * 0.5
scene one { drums: a, held: x }
scene two { drums: b, held: y }
arrange { one 9bars  two 30bars { held.level: -20db ~> 0db, tempo: 480bpm ~> 560bpm } }
automate drums.level { 4bar: -3db, 20bar: 0db spline }
";
    let program = compile(text);
    let frames = 16 * 48_000;
    let (whole, _) = hear(&program, frames, Begin::Frame(0), Way::Whole);
    for bars in [Ratio::int(3), Ratio::new(25, 2), Ratio::int(17)] {
        let first = frame_of(&program, Begin::Bars(bars)).unwrap();
        let (part, _) = hear(&program, frames - first, Begin::Bars(bars), Way::Jump);
        let rest = &whole[first as usize * 2..];
        let settled = 2 * 48_000;
        assert!(rest[settled..].iter().any(|x| x.abs() > 0.1));
        let off = rest[settled..].iter().zip(&part[settled..]).position(|(a, b)| a != b);
        assert_eq!((off, part.len()), (None, rest.len()), "from {bars:?} bars");
        assert!(rest[..settled] != part[..settled], "something sounded on into {bars:?}");
    }
}

#[test]
fn checkpoints_of_another_text_and_damaged_ones_are_left_out() {
    let dir = folder("other");
    let text = "tempo 960bpm\ntrack t = \"0 3 7\" >> scale(a2, minor) >> mono(acid) >> echo(100ms) * -9db\n";
    let place = Begin::Bars(Ratio::int(EVERY + 1));
    let program = compile(text);
    hear(&program, 5 * 48_000, Begin::Frame(0), Way::Checkpoints(dir.clone()));
    let (right, report) = hear(&program, 48_000, place, Way::Checkpoints(dir.clone()));
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let edited = compile(&text.replace("100ms", "110ms"));
    let (sound, report) = hear(&edited, 48_000, place, Way::Checkpoints(folder("none")));
    let (other, told) = hear(&edited, 48_000, place, Way::Checkpoints(dir.clone()));
    assert!(told.refused[0].contains("of another text") && report.refused.is_empty(), "{:?}", told.refused);
    assert!(other == sound && sound != right);
    hear(&program, 5 * 48_000, Begin::Frame(0), Way::Checkpoints(dir.clone()));
    for file in std::fs::read_dir(&dir).unwrap().flatten() {
        let mut bytes = std::fs::read(file.path()).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(file.path(), bytes).unwrap();
    }
    let (again, report) = hear(&program, 48_000, place, Way::Checkpoints(dir.clone()));
    assert!(report.refused.iter().any(|line| line.contains("damaged")), "{:?}", report.refused);
    assert!(again == right);
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn a_place_behind_a_loop_is_refused() {
    let program = compile(&format!("{SONG}play song from 2bars to 4bars\n"));
    let options = RenderOptions { from: Begin::Bars(Ratio::int(9)), ..RenderOptions::new(program, 48_000) };
    let why = render(options).unwrap_err();
    assert!(matches!(why, RenderError::Unreached { .. }) && why.to_string().contains("9 bars"), "{why}");
}
