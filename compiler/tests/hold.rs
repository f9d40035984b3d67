//! A live evaluation is a transaction per binding: what is good goes in, what is broken keeps its last good version.

mod common;

use common::Rng;
use modurust_compiler::exec::Backend;
use modurust_compiler::front::hold::{Fate, Held};
use modurust_compiler::front::{Compiler, Options, Outcome, World};
use modurust_compiler::passes::Passes;
use std::collections::BTreeMap;

struct Files(BTreeMap<String, String>);

impl World for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or("no such file".into())
    }
}

struct Live {
    compiler: Compiler,
    files: Files,
}

impl Live {
    fn new() -> Live {
        let options =
            Options { sample_rate: 48_000, passes: Passes::Fast, backend: Backend::Interp, seed: 0, verify: false };
        Live { compiler: Compiler::new(options), files: Files(BTreeMap::new()) }
    }

    fn save(&mut self, file: &str, text: &str) -> Outcome {
        self.files.0.insert(file.into(), text.into());
        self.compiler.evaluate(&self.files, &["a.modu".into()])
    }

    fn eval(&mut self, text: &str) -> Outcome {
        self.save("a.modu", text)
    }

    /// What a text alone would be.
    fn strict(&self, text: &str) -> Outcome {
        let mut files = self.files.0.clone();
        files.insert("a.modu".into(), text.into());
        Compiler::new(*self.compiler.options()).compile(&Files(files), &["a.modu".into()])
    }

    /// Evaluates `text` and asserts that what plays is what `plays` alone would be.
    #[track_caller]
    fn same(&mut self, text: &str, plays: &str) -> Outcome {
        let outcome = self.eval(text);
        let wanted = self.strict(plays);
        assert!(wanted.program.is_some(), "{}", wanted.render(false));
        assert_eq!(seen(&outcome), seen(&wanted), "{}", outcome.render(false));
        outcome
    }
}

/// All that is heard of a program: the graph by name, parameters, patterns, tempo.
fn seen(outcome: &Outcome) -> Option<(u64, Vec<u32>, String, String)> {
    let p = outcome.program.as_ref()?;
    let params = p.params.iter().map(|v| v.to_bits()).collect();
    Some((p.patch.hash, params, format!("{:?}", p.score), format!("{:?}", p.timing)))
}

fn held(name: &str, fate: Fate) -> Held {
    Held { file: "a.modu".into(), name: name.into(), fate }
}

const SET: &str = "tempo 120bpm\ncut = 400hz\nbass = saw(55hz)\ntrack a = bass >> lpf(cut)\ntrack b = sin(220hz)\n";

#[test]
fn good_bindings_go_in_and_a_broken_one_keeps_its_version() {
    for broken in ["saw(55hz", "sow(110hz)", "saw(110ms)", "", "\"bd\" >>"] {
        let mut live = Live::new();
        live.same(SET, SET);
        let edit = SET.replace("saw(55hz)", broken).replace("400hz", "900hz").replace("220hz", "330hz");
        let plays = SET.replace("400hz", "900hz").replace("220hz", "330hz");
        let outcome = live.same(&edit, &plays);
        assert_eq!(outcome.held, [held("bass", Fate::Kept)], "{broken}");
        let text = outcome.render(false);
        assert!(text.contains("note: `bass` keeps its last good version"), "{text}");
        // It is still kept after another edit, and changes when it is mended.
        live.same(&edit.replace("330hz", "340hz"), &plays.replace("330hz", "340hz"));
        let mended = plays.replace("saw(55hz)", "tri(60hz)");
        assert!(live.same(&mended, &mended).held.is_empty());
    }
}

#[test]
fn a_deleted_binding_goes_beside_a_broken_one_and_a_new_one_comes() {
    let mut live = Live::new();
    live.eval("track a = sin(1hz)\ntrack b = sin(2hz)\ntrack c = sin(3hz)\n");
    let outcome = live.same(
        "track a = sin(1hz\ntrack c = sin(4hz)\ntrack d = sin(5hz)\n",
        "track a = sin(1hz)\ntrack c = sin(4hz)\ntrack d = sin(5hz)\n",
    );
    assert_eq!(outcome.held, [held("a", Fate::Kept)]);
}

#[test]
fn with_errors_from_the_start_the_good_ones_play() {
    let mut live = Live::new();
    let outcome =
        live.same("track a = sin(1hz\ntrack b = sin(2hz)\nx = foo(3)\ntrack c = x * 2\n", "track b = sin(2hz)\n");
    assert_eq!(outcome.held, [held("a", Fate::Silent), held("x", Fate::Silent), held("c", Fate::Silent)]);
    assert_eq!(outcome.diagnostics.iter().filter(|d| d.is_error()).count(), 2);
    let text = outcome.render(false);
    assert!(text.contains("`a` was never good"), "{text}");
    assert!(text.contains("warning[held W0807]: `c` is left out: it needs what has an error"), "{text}");
}

#[test]
fn what_is_deleted_but_needed_plays_on() {
    let mut live = Live::new();
    live.eval(SET);
    let renamed = SET.replace("cut = 400hz", "cutoff = 500hz");
    let outcome = live.eval(&renamed);
    assert!(outcome.program.is_some());
    assert_eq!(outcome.held, [held("cut", Fate::Kept)]);
    let text = outcome.render(false);
    assert!(text.contains("`cut` is gone from the text, but is still needed"), "{text}");
    let done = renamed.replace("lpf(cut)", "lpf(cutoff)");
    assert!(live.same(&done, &done).held.is_empty());
}

#[test]
fn an_edit_that_breaks_others_waits_for_them() {
    let f = "f(x) = x * 0.5\ntrack a = f(sin(1hz))\ntrack b = sin(2hz)\n";
    let mut live = Live::new();
    live.eval(f);
    // The function wants more now; its user was not touched.
    let edit = f.replace("f(x) = x * 0.5", "f(x, gain) = x * gain").replace("2hz", "3hz");
    let outcome = live.same(&edit, &f.replace("2hz", "3hz"));
    assert_eq!(outcome.held, [held("f", Fate::Kept)]);
    // A user hands over what the body cannot take; the function was not touched.
    let mut live = Live::new();
    live.eval("f(x) = x >> lpf(800hz)\ntrack a = f(noise)\ntrack b = sin(2hz)\n");
    let outcome = live.same(
        "f(x) = x >> lpf(800hz)\ntrack a = f('no sound')\ntrack b = sin(3hz)\n",
        "f(x) = x >> lpf(800hz)\ntrack a = f(noise)\ntrack b = sin(3hz)\n",
    );
    assert_eq!(outcome.held, [held("a", Fate::Kept)]);
    // A new name hides one of the library that others use.
    let mut live = Live::new();
    live.eval("track a = noise >> lpf(800hz)\n");
    live.same("lpf = 3hhz\ntrack a = noise >> lpf(800hz)\n", "track a = noise >> lpf(800hz)\n");
    live.same("lpf = 3\ntrack a = noise >> lpf(800hz)\n", "track a = noise >> lpf(800hz)\n");
}

#[test]
fn a_new_part_that_is_broken_leaves_its_user_as_it_was() {
    let mut live = Live::new();
    live.eval("track a = noise >> lpf(800hz)\n");
    let outcome = live.same("cut = 800hhz\ntrack a = noise >> lpf(cut)\n", "track a = noise >> lpf(800hz)\n");
    assert_eq!(outcome.held, [held("cut", Fate::Silent), held("a", Fate::Kept)]);
}

#[test]
fn a_misspelt_head_and_a_swallowed_line_delete_nothing() {
    let mut live = Live::new();
    live.eval(SET);
    live.same(&SET.replace("track b", "trak b"), SET);
    live.same(&SET.replace("bass = saw(55hz)", "bas = saw(55hz"), SET);
    live.same(&SET.replace("bass = saw(55hz)\ntrack a", "bass = saw(55hz\n  track a"), SET);
    live.same(&SET.replace("tempo 120bpm", "tempo 120hz"), SET);
    live.same(&format!("{SET}track b = sin(330hz)\n"), SET);
}

#[test]
fn used_files_are_held_as_well() {
    let mut live = Live::new();
    let song = "use ./v\ntrack a = \"c4\" >> mono(hum)\n";
    live.files.0.insert("v.modu".into(), "hum(freq, gate) = sin(freq) * gate\n".into());
    let good = seen(&live.eval(song));
    assert_eq!(seen(&live.save("v.modu", "hum(freq, gate) = sin(freq * gate\n")), good);
    live.files.0.remove("v.modu");
    let outcome = live.eval(song);
    assert_eq!(seen(&outcome), good, "{}", outcome.render(false));
    assert!(outcome.diagnostics.iter().any(|d| d.is_error()));
    live.files.0.remove("a.modu");
    assert_eq!(seen(&live.compiler.evaluate(&live.files, &["a.modu".into()])), good);
}

#[test]
fn commands_with_errors_are_left_out() {
    let mut live = Live::new();
    let set = "track d = clips { a: \"bd\"  b: \"sn\" } >> kit('tr909')\n";
    live.eval(set);
    let outcome = live.eval(&format!("{set}launch d.c\nlaunch d.b\n"));
    let program = outcome.program.as_ref().expect("it plays");
    assert_eq!(program.timeline.commands.len(), 1, "{}", outcome.render(false));
}

#[test]
fn rapid_edits_good_and_bad_lose_no_last_good_binding() {
    let good = ["sin(110hz)", "saw(220hz) * 0.3", "noise >> lpf(900hz)", "tri(g * 2)", "sin(h)", "f(0.5)"];
    let bad =
        ["sin(110hz", "sow(3)", "noise >> lpf(800ms)", "\"bd", "1 +", "f(1, 2, 3)", "{ }", "gone * 2", "= 3", ")"];
    let mut dice = Rng::new(0x5EED);
    for _ in 0..30 {
        let mut live = Live::new();
        let names = ["p", "q", "r", "s"];
        let head = "g = 100hz\nh = 3hz\nf(x) = sin(440hz) * x\n";
        // What each track must play: its last good text.
        let mut last: Vec<Option<&str>> = vec![None; names.len()];
        let mut now: Vec<Option<&str>> = vec![None; names.len()];
        for _ in 0..25 {
            for _ in 0..1 + dice.below(2) {
                let i = dice.below(names.len());
                now[i] = match dice.below(5) {
                    0 => None,
                    1 | 2 => Some(bad[dice.below(bad.len())]),
                    _ => Some(good[dice.below(good.len())]),
                };
            }
            for i in 0..names.len() {
                match now[i] {
                    None => last[i] = None,
                    Some(text) if good.contains(&text) => last[i] = Some(text),
                    Some(_) => {}
                }
            }
            let text = |parts: &[Option<&str>]| {
                let tracks = names.iter().zip(parts).filter_map(|(n, t)| Some(format!("track {n} = {}\n", (*t)?)));
                format!("{head}{}", tracks.collect::<String>())
            };
            let outcome = live.eval(&text(&now));
            let wanted = live.strict(&text(&last));
            assert_eq!(
                seen(&outcome),
                seen(&wanted),
                "{}\nplays\n{}\n{}",
                text(&now),
                text(&last),
                outcome.render(false)
            );
        }
    }
}
