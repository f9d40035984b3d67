//! Clips edited while they play: they keep their place, end where they are deleted, and leave no note behind. And sections of a
//! song that fade into each other.
//!
//! The instruments here are only gates: a voice is `gate * freq`, so the sound is the sum of the notes that are held, and a note
//! that hangs can not hide.

use modurust_runtime::command::EngineCommand;
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::launcher::{Order, Quantise, What, Wish, bars};
use modurust_runtime::performance::resolve;
use modurust_runtime::swap::Control;
use modurust_tests::sound::{RATE, Texts, options};

/// Frames of a bar at the tempo of every text here.
const BAR: usize = 24_000;
const HEAD: &str = "tempo 480bpm\nquantise 1/2bar\nheld(freq, gate, vel) = gate * vel * freq / 1khz\n";

/// Numbers that look random; the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

#[derive(Clone)]
struct Clip {
    name: String,
    pattern: String,
    end: String,
}

#[derive(Clone)]
struct Track {
    name: String,
    voices: &'static str,
    clips: Vec<Clip>,
}

/// A set as the player sees it.
#[derive(Clone)]
struct Set {
    tracks: Vec<Track>,
    scene: Option<(usize, usize)>,
    names: usize,
}

const PATTERNS: &[&str] =
    &["0 3 7 10", "0*8", "~ 5 ~ [7 9 12]", "<0 12> [3 5]*2", "0(3,8)", "[0,3,7] ~ [2,5]*2", "0 _ _ 4?", "~", "7 9!3"];

impl Set {
    fn name(&mut self, head: &str) -> String {
        self.names += 1;
        format!("{head}{}", self.names)
    }

    fn clip(&mut self, dice: &mut Dice, follows: bool) -> Clip {
        let name = self.name("k");
        let end = if follows {
            dice.of(&["", "", "for 1bar then next", "for 3/2bars then any", "for 1/2bar then stop"])
        } else {
            ""
        };
        Clip { name, pattern: dice.of(PATTERNS).into(), end: end.into() }
    }

    fn track(&mut self, dice: &mut Dice, follows: bool) {
        let clips = (0..1 + dice.below(3)).map(|_| self.clip(dice, follows)).collect();
        let (name, voices) = (self.name("t"), dice.of(&["poly(4, held)", "mono(held)", "poly(2, held)"]));
        self.tracks.push(Track { name, voices, clips });
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_string();
        for Track { name, voices, clips } in &self.tracks {
            text += &format!("track {name} = clips {{\n");
            for clip in clips {
                text += &format!("  {}: \"{}\" {}\n", clip.name, clip.pattern, clip.end);
            }
            text += &format!("}} >> scale(a2, minor) >> {voices}\n");
        }
        if let Some((track, clip)) = self.scene {
            let track = &self.tracks[track % self.tracks.len()];
            text += &format!("scene s {{ {}: {} }}\n", track.name, track.clips[clip % track.clips.len()].name);
        }
        text
    }

    /// One edit, as a player makes them.
    fn edit(&mut self, dice: &mut Dice) -> &'static str {
        let track = dice.below(self.tracks.len());
        let clip = dice.below(self.tracks[track].clips.len());
        match dice.below(10) {
            0..=2 => {
                self.tracks[track].clips[clip].pattern = dice.of(PATTERNS).into();
                "a pattern"
            }
            3 => {
                self.tracks[track].clips[clip].name = self.name("r");
                "a renamed clip"
            }
            4 if self.tracks[track].clips.len() > 1 => {
                self.tracks[track].clips.remove(clip);
                "a deleted clip"
            }
            5 => {
                let made = self.clip(dice, true);
                self.tracks[track].clips.insert(clip, made);
                "a new clip"
            }
            6 => {
                self.tracks[track].clips.rotate_left(1);
                "clips in another order"
            }
            7 if self.tracks.len() > 1 => {
                self.tracks.remove(track);
                "a deleted track"
            }
            8 if self.tracks.len() < 4 => {
                self.track(dice, true);
                "a new track"
            }
            _ => {
                self.tracks[track].voices = dice.of(&["poly(4, held)", "mono(held)", "poly(2, held) * 0.5"]);
                "other voices"
            }
        }
    }
}

fn compile(compiler: &mut Compiler, text: &str) -> Program {
    let outcome = compiler.compile(&Texts::one(text), &["a.modu".into()]);
    let messages = outcome.render(false);
    outcome.program.unwrap_or_else(|| panic!("{messages}\n{text}"))
}

fn process(engine: &mut Engine, control: &mut Control, frames: usize) -> Vec<f32> {
    let mut out = vec![0.0; frames * 2];
    for block in out.chunks_mut(2 * 256) {
        engine.process(block, 2);
        control.collect();
        while control.notice().is_some() {}
    }
    out
}

/// As a session does: where the text says.
fn publish(control: &mut Control, program: &Program) {
    let grid = program.timeline.settings.quantise.map_or(Ratio::ZERO, |q| bars(q, &program.timing));
    control.publish_on(program, grid);
}

fn order(control: &mut Control, what: What, launch: bool, at: Quantise) {
    let epoch = control.epoch();
    assert!(control.send(EngineCommand::Wish { epoch, wish: Wish::Order(Order { what, launch, legato: false, at }) }));
}

#[test]
fn a_thousand_edits_leave_no_note_hanging() {
    let mut edits = 0;
    for seed in 0..40 {
        let mut dice = Dice(seed * 7919 + 1);
        let mut set = Set { tracks: Vec::new(), scene: None, names: 0 };
        for _ in 0..2 {
            set.track(&mut dice, true);
        }
        let mut compiler = Compiler::new(options(Backend::Jit));
        let program = compile(&mut compiler, &set.text());
        let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program)).unwrap();
        let mut script = Vec::new();
        for round in 0..25 {
            script.push(set.edit(&mut dice));
            set.scene = (dice.below(3) == 0).then(|| (dice.below(9), dice.below(9)));
            let program = compile(&mut compiler, &set.text());
            publish(&mut control, &program);
            edits += 1;
            process(&mut engine, &mut control, 64 * (1 + dice.below(BAR / 64)));
            if !control.is_pending() && dice.below(2) == 0 {
                let track = &set.tracks[dice.below(set.tracks.len())];
                let clip = &track.clips[dice.below(track.clips.len())];
                let what = resolve(&program.timeline, &format!("{}.{}", track.name, clip.name)).unwrap();
                order(&mut control, what, dice.below(5) > 0, Quantise::Bars(Ratio::new(1, 4)));
            }
            process(&mut engine, &mut control, 64 * (1 + dice.below(BAR / 64)));
            if round % 5 == 4 {
                // Every swap comes in, then all is stopped: a held note of any of the edits would sound for ever.
                process(&mut engine, &mut control, BAR);
                order(&mut control, What::All, false, Quantise::Now);
                process(&mut engine, &mut control, 2 * BAR);
                let rest = process(&mut engine, &mut control, BAR / 2);
                let loudest = rest.iter().fold(0.0f32, |a, x| a.max(x.abs()));
                assert!(loudest == 0.0, "seed {seed}, round {round}: {loudest} hangs after {script:?}\n{}", set.text());
            }
        }
    }
    assert_eq!(edits, 1000);
}

#[test]
fn an_edited_clip_keeps_its_place_in_the_bar() {
    for seed in 0..60 {
        let mut dice = Dice(seed * 104_729 + 3);
        let mut set = Set { tracks: Vec::new(), scene: None, names: 0 };
        set.track(&mut dice, false);
        set.track(&mut dice, false);
        let first = set.text();
        let mut compiler = Compiler::new(options(Backend::Jit));
        let program = compile(&mut compiler, &first);
        let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program.clone())).unwrap();
        // The second clip of a track, launched off the bar, so that its place is not that of the bar.
        let track = dice.below(2);
        let clip = dice.below(set.tracks[track].clips.len());
        let launched = 64 * (1 + dice.below(BAR / 64));
        let launch = |set: &Set, program: &Program, engine: &mut Engine, control: &mut Control| {
            let name = format!("{}.{}", set.tracks[track].name, set.tracks[track].clips[clip].name);
            let what = resolve(&program.timeline, &name).unwrap();
            process(engine, control, launched);
            order(control, what, true, Quantise::Bars(Ratio::new(1, 8)));
        };
        launch(&set, &program, &mut engine, &mut control);
        let mut at = launched;
        for _ in 0..4 {
            let n = 64 * (1 + dice.below(2 * BAR / 64));
            process(&mut engine, &mut control, n);
            at += n;
            // Another pattern, and another name: neither moves anything.
            let (t, c) = (dice.below(2), dice.below(9));
            let c = c % set.tracks[t].clips.len();
            set.tracks[t].clips[c].pattern = dice.of(PATTERNS).into();
            set.tracks[t].clips[c].name = set.name("r");
            publish(&mut control, &compile(&mut compiler, &set.text()));
        }
        // The edits are in, and what began before has ended.
        process(&mut engine, &mut control, 3 * BAR);
        at += 3 * BAR;
        let edited = process(&mut engine, &mut control, 4 * BAR);
        // The same set that was so from the start.
        let program = compile(&mut Compiler::new(options(Backend::Jit)), &set.text());
        let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program.clone())).unwrap();
        launch(&set, &program, &mut engine, &mut control);
        process(&mut engine, &mut control, at - launched);
        let fresh = process(&mut engine, &mut control, 4 * BAR);
        // Which voice of a chord takes which note may differ, and so the order in which they are added up.
        let off = edited.iter().zip(&fresh).position(|(a, b)| (a - b).abs() > 1e-5);
        assert_eq!(off, None, "seed {seed}\n{first}\nbecame\n{}", set.text());
    }
}

#[test]
fn a_deleted_clip_ends_at_the_next_grid_point() {
    let with = |clips: &str| format!("{HEAD}track t = clips {{ {clips} }} >> scale(a2, minor) >> mono(held)\n");
    for (before, after) in [("a: \"0*16\"  b: \"7*16\"", "b: \"7*16\""), ("a: \"0\"  b: \"7\"", "b: \"7\"  c: \"5\"")] {
        let mut compiler = Compiler::new(options(Backend::Jit));
        let program = compile(&mut compiler, &with(before));
        let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program)).unwrap();
        // A bar and a bit; the grid is half a bar.
        let early = process(&mut engine, &mut control, BAR + 640);
        assert!(early[2 * (BAR + 600)] > 0.0);
        publish(&mut control, &compile(&mut compiler, &with(after)));
        let late = process(&mut engine, &mut control, BAR);
        let grid = BAR / 2 - 640;
        // Until the grid it plays on; a note may end a frame before it.
        let sounding = late[..2 * (grid - 64)].chunks(2).filter(|f| f[0] > 0.0).count();
        assert!(sounding > (grid - 64) * 9 / 10, "{before}: {sounding} of {grid}");
        let rest = &late[2 * (grid + 64)..];
        // What fades is the exchange of code, if there was one.
        let fade = (0.03 * f64::from(RATE)) as usize * 2;
        assert!(rest[fade..].iter().all(|x| *x == 0.0), "{before} -> {after}");
    }
}

#[test]
fn a_section_fades_into_the_next() {
    let text = format!(
        "{HEAD}track t = clips {{ a: \"0*8\"  b: \"12*8\" }} >> scale(a2, chromatic) >> poly(8, held)
track u = clips {{ x: \"0*8\" }} >> scale(a2, chromatic) >> poly(8, held)
scene one {{ t: a, u: x }}
scene two {{ t: b }}
arrange {{ one 4bars  two 4bars xfade 2bars }}
"
    );
    let program = compile(&mut Compiler::new(options(Backend::Jit)), &text);
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(RATE), Some(program)).unwrap();
    let out = process(&mut engine, &mut control, 8 * BAR);
    // A note is 110 Hz low or 220 Hz high, and `poly` halves; the low one is heard twice, on both tracks.
    let at = |eighth: usize| f64::from(out[2 * (eighth * BAR / 8 + BAR / 16)]);
    let (low, high) = (0.055, 0.11);
    for eighth in 0..64 {
        let expected = match eighth {
            0..32 => 2.0 * low,
            32..48 => {
                let place = (eighth - 32) as f64 / 16.0 * std::f64::consts::FRAC_PI_2;
                2.0 * low * place.cos() + high * place.sin()
            }
            _ => high,
        };
        assert!((at(eighth) - expected).abs() < 1e-4, "eighth {eighth}: {} is not {expected}", at(eighth));
    }
}
