//! Clips, scenes, arrangements, automation and commands as data: exact, resolved, placed; and what wrong ones are told.

use modurust_compiler::exec::Backend;
use modurust_compiler::front::{Compiler, Elaborated, Options, World};
use modurust_compiler::passes::Passes;
use modurust_compiler::score::timeline::*;
use modurust_compiler::score::{Curve, Ratio};

/// Files by name.
struct Files(Vec<(&'static str, String)>);

impl World for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.iter().find(|(name, _)| *name == path).map(|(_, text)| text.clone()).ok_or_else(|| "no such file".into())
    }
}

fn elaborate(texts: &[&str]) -> (Option<Elaborated>, String) {
    let names = ["a.modu", "b.modu"];
    let files = Files(names.iter().zip(texts).map(|(name, text)| (*name, text.to_string())).collect());
    let roots: Vec<String> = files.0.iter().map(|(name, _)| name.to_string()).collect();
    let options =
        Options { sample_rate: 48_000, passes: Passes::Exact, backend: Backend::Interp, seed: 0, verify: true };
    let (elaborated, diagnostics, sources) = Compiler::new(options).elaborate(&files, &roots);
    (elaborated, modurust_lang::diag::render(&diagnostics, &sources, false))
}

fn good(texts: &[&str]) -> Elaborated {
    let (elaborated, messages) = elaborate(texts);
    elaborated.unwrap_or_else(|| panic!("{messages}"))
}

/// The text is refused with exactly one error that contains every piece.
fn refused(text: &str, pieces: &[&str]) {
    let text = format!("{SET}{text}\n");
    let (elaborated, messages) = elaborate(&[&text]);
    assert!(elaborated.is_none(), "accepted: {text}");
    for piece in pieces {
        assert!(messages.contains(piece), "no `{piece}` in:\n{messages}");
    }
    assert_eq!(messages.matches("error[").count(), 1, "{messages}");
}

/// Two tracks with clips, and a voice without a library.
const SET: &str = "tempo 120bpm
voice(freq, gate, cutoff = 400hz) = prim.fromint(prim.frame()) * freq * gate * cutoff
track bass = clips {
  a: \"c2 c3\"
  b: \"c2*4\" for 8bars then fill(3) | a
  fill: \"c2*16\" for 3/8n then b
} >> mono(voice)
track pad = clips { a: \"c4\" } >> mono(voice)
scene intro { bass: a, pad: off }
scene drop { bass: b } for 16bars then intro(3) | again(1)
";

fn bars(n: i64, d: i64) -> Length {
    Length::Bars(Ratio::new(n, d))
}

#[test]
fn clips_and_scenes_are_resolved() {
    let t = good(&[SET]).timeline;
    assert_eq!(t.strips, ["bass", "pad"]);
    let bass = &t.sets[0];
    assert_eq!((bass.strip.as_str(), bass.clips.len()), ("bass", 3));
    assert_eq!((bass.clips[1].length, bass.clips[2].length), (Some(bars(8, 1)), Some(bars(3, 8))));
    let then: Vec<_> = bass.clips[1].then.iter().map(|c| (c.to, c.weight)).collect();
    assert_eq!(then, [(Follow::To(2), 3.0), (Follow::To(0), 1.0)]);
    let slots: Vec<_> = t.scenes[0].slots.iter().map(|s| (s.set, s.clip)).collect();
    assert_eq!(slots, [(SetId(0), Some(0)), (SetId(1), None)]);
    let then: Vec<_> = t.scenes[1].then.iter().map(|c| (c.to, c.weight)).collect();
    assert_eq!(then, [(Follow::To(0), 3.0), (Follow::Again, 1.0)]);
}

#[test]
fn places_are_those_of_the_text() {
    let t = good(&[SET]).timeline;
    let at = |place: Place| &SET[place.span.start as usize..place.span.end as usize];
    assert_eq!(at(t.sets[0].clips[2].place), "fill");
    assert_eq!(at(t.scenes[0].slots[1].place), "pad");
    assert_eq!(at(t.scenes[1].place), "drop");
    assert_eq!(at(t.scenes[1].then[1].place), "again");
}

#[test]
fn lengths_are_exact_in_every_meter() {
    let text = format!("meter 7/8\n{SET}arrange {{ intro 2bars  drop 7beats  intro 1/3n  drop 1.5s }}");
    let t = good(&[&text]).timeline;
    let lengths: Vec<_> = t.arrangements[0].sections.iter().map(|s| s.length).collect();
    // A bar is seven eighths of a whole note, which has four beats.
    assert_eq!(lengths, [bars(2, 1), bars(2, 1), bars(8, 21), Length::Seconds(Ratio::new(3, 2))]);
}

#[test]
fn files_of_a_session_refer_to_each_other() {
    let song =
        "arrange { intro 8bars  drop 4bars xfade 2bars { bass.cutoff: 200hz ~> 1.5khz exp, tempo: 120bpm ~> 130bpm } }
automate pad.level { 0bar: -24db, 24bar: 0db, 28bar: -6db hold }
export song to 'set.wav' stems";
    let e = good(&[song, SET]);
    let t = &e.timeline;
    let [intro, drop] = &t.arrangements[0].sections[..] else { panic!("two sections") };
    assert_eq!((intro.play, drop.play, drop.xfade), (Play::Scene(0), Play::Scene(1), Some(bars(2, 1))));
    let Target::Param(index) = drop.lanes[0].target else { panic!("a parameter") };
    assert_eq!(&*e.graph.params[index as usize].name, "bass.cutoff");
    assert_eq!(drop.lanes[0].motion, Motion::Line { from: 200.0, to: 1500.0, over: None, curve: Curve::Exp });
    assert_eq!(drop.lanes[1].target, Target::Tempo);
    let automation = &t.automations[0];
    let Target::Param(index) = automation.target else { panic!("a parameter") };
    assert_eq!(&*e.graph.params[index as usize].name, "pad.level");
    // Even steps in dB are equal ratios.
    let points: Vec<_> = automation.points.iter().map(|p| (p.at, p.curve)).collect();
    assert_eq!(points, [(bars(0, 1), Curve::Exp), (bars(24, 1), Curve::Exp), (bars(28, 1), Curve::Hold)]);
    assert!((automation.points[1].value - 1.0).abs() < 1e-12);
    let export = Action::Export { what: Exported::Arrangement(0), file: "set.wav".into(), stems: true };
    assert_eq!(t.commands[0].action, export);
}

#[test]
fn a_meter_changes_and_a_song_is_played_from_a_place() {
    let time = "meter 3/4 from 12bars\nmeter 4/4 from 4bars\nplay song from 2bars to 10.5beats";
    let t = good(&[&format!("meter 7/8\n{SET}arrange {{ intro 8bars }}\n{time}")]).timeline;
    assert_eq!(t.tempo.meters, [(4, Ratio::int(4)), (12, Ratio::int(3))]);
    let (from, to) = (bars(2, 1), Some(bars(3, 1)));
    assert_eq!(t.commands[0].action, Action::PlayArrangement { song: 0, from, to });
    refused("arrange { intro 8bars }\nplay song from 2bars to 7beats", &["the end of the loop comes before its begin"]);
    refused("meter 3/4 from 5beats", &["begin of a bar"]);
    refused("meter 3/4 from 2bars\nmeter 7/8 from 2bars", &["two meters begin at this bar"]);
    refused("arrange { intro 8bars }\nplay intro", &["no song is called `intro`"]);
}

#[test]
fn commands_have_keys_of_their_lines() {
    let keys = |text: &str| {
        let t = good(&[&format!("{SET}{text}")]).timeline;
        t.commands.iter().map(|c| (c.action.clone(), c.at, c.key)).collect::<Vec<_>>()
    };
    let a = keys("launch drop at next 2bars\nlaunch bass.fill at now\nstop bass\nlaunch bass.fill at now");
    assert_eq!(a[0].0, Action::LaunchScene(1));
    assert_eq!(a[0].1, When::Next(bars(2, 1)));
    assert_eq!((a[1].0.clone(), a[1].1), (Action::LaunchClip(SetId(0), 2), When::Now));
    assert_eq!((a[2].0.clone(), a[2].1), (Action::StopSet(SetId(0)), When::Quantised));
    assert_ne!(a[1].2, a[3].2, "the second of two equal lines is another");
    // Moved lines and lines between them change no key.
    let b = keys("stop bass\n\nlaunch   bass.fill at now // again\nmute pad");
    assert_eq!((b[0].2, b[1].2), (a[2].2, a[1].2));
}

#[test]
fn a_named_number_moves_what_is_computed_from_it() {
    let e = good(&[
        "cut = 400hz\nvol = knob(-6db, -60db..0db)\nout = prim.fromint(prim.frame()) * (cut * 2 + 100hz) * -vol
automate cut { 0bar: 100hz, 8bar: 200hz }\nautomate vol { 0bar: 0db }",
    ]);
    let names: Vec<_> = e.graph.params.iter().map(|p| (&*p.name, p.value)).collect();
    assert!(names.contains(&("cut", 400.0)), "{names:?}");
    assert!(names.iter().any(|(name, value)| *name == "vol" && (value - 0.501).abs() < 1e-3), "{names:?}");
    assert_eq!(e.timeline.automations.len(), 2);
}

#[test]
fn names_that_lead_nowhere_are_told() {
    refused("launch intor", &["no scene is called `intor`", "did you mean `intro`?"]);
    refused("launch bass", &["which clip of `bass`?", "launch bass.a"]);
    refused("launch bass.fil", &["`bass` has no clip `fil`", "did you mean `fill`?"]);
    refused("scene x { bas: a }", &["no track is called `bas`", "did you mean `bass`?"]);
    refused("scene x { bass: a, bass: b }", &["names `bass` twice"]);
    refused("scene intro { bass: a }", &["two scenes called `intro`"]);
    refused("arrange { intro 8bars  dorp 8bars }", &["no scene is called `dorp`", "did you mean `drop`?"]);
    refused("arrange { intro 8 }", &["a length was wanted", "did you mean `8bars`?"]);
    refused("arrange { intro 8hz }", &["a length was wanted, got a frequency"]);
    refused("arrange { song 8bars }", &["plays itself"]);
    refused("arrange a { b 1bar }\narrange b { a 1bar }", &["plays itself"]);
    refused("automate bass.cutof { 0bar: 1khz }", &["nothing called `cutof`", "did you mean `bass.cutoff`?"]);
    refused("automate bass.cutoff { 0bar: 2s }", &["wants a frequency", "got a time"]);
    refused("automate bass.cutoff { 4bars: 2khz, 2bars: 1khz }", &["comes before"]);
    refused("record bass", &["wants a file", "record bass to 'take.wav'"]);
    refused("mute bas", &["no track is called `bas`"]);
    refused("track z = clips { a: \"c1\", a: \"c2\" } >> mono(voice)", &["two clips called `a`"]);
    refused("track z = clips { a: \"c1\" for 1bar then b } >> mono(voice)", &["no clip is called `b`"]);
    refused("track z = clips { a: \"c1\" for 0bars then next } >> mono(voice)", &["lasts no time"]);
}

#[test]
fn a_song_without_its_scenes_waits_for_them() {
    let (elaborated, messages) = elaborate(&["arrange { intro 8bars  drop 4bars { pad.level: 0db ~> -6db } }"]);
    assert!(elaborated.is_some(), "{messages}");
    assert_eq!(messages.matches("no scene is called").count(), 1, "{messages}");
    assert!(messages.contains("open the file that has it"), "{messages}");
}

#[test]
fn faders_change_nothing_until_they_are_touched() {
    // min(1, 1 - 0) * (1 * (1 - 0)) is 1 on both sides.
    let e = good(&[SET]);
    let names: Vec<_> = e.graph.params.iter().map(|p| (&*p.name, p.value)).collect();
    for wanted in [("bass.level", 1.0), ("bass.pan", 0.0), ("bass.mute", 0.0), ("pad.level", 1.0)] {
        assert!(names.contains(&wanted), "{names:?}");
    }
}

#[test]
fn what_is_bounded_on_its_way_is_still_moved() {
    // The library bounds what a filter is given, and counts with the result.
    for filter in ["lpf(cut)", "svf(cut)", "lpf(max(cut, 50hz))", "hpf(min(cut, 9khz) * 0.5)"] {
        let text = format!(
            "cut = 300hz\ntrack a = noise >> {filter}\nscene s {{}}\narrange {{ s 1bar {{ cut: 200hz ~> 2khz }} }}\n"
        );
        let (elaborated, messages) = elaborate(&[&text]);
        assert!(messages.is_empty(), "{filter}: {messages}");
        let elaborated = elaborated.expect("it has no errors");
        assert_eq!(elaborated.timeline.arrangements[0].sections[0].lanes.len(), 1, "{filter}");
    }
}
