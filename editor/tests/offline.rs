//! What is written to files: songs to their end, stems, exports and recordings that the text asks for, formats.

mod common;

use common::{Scratch, run, run_in};
use modurust_runtime::{samples, wav};
use std::path::Path;

const RATE: u32 = 48_000;

/// Two files of one session: clips, and the song that plays them; 240 bpm, so a bar is a second.
const CLIPS: &str = "
tempo 240bpm
pluck_(freq, gate, vel) = sin(freq) * ad(gate, 1ms, 100ms) * vel * 0.3
track lead = clips { a: \"0 4 7 4\" b: \"12 11 7 4\" } >> scale(c4, major) >> poly(4, pluck_) >> send(room, -6db)
track low = \"0*4\" >> scale(c2, major) >> mono(pluck_)
bus room = in >> delay(125ms) >> echo(170ms)
scene one { lead: a }
scene two { lead: b }
";
const SONG: &str = "
bus master = in >> hpf(30hz) * 0.8
arrange {
  one 1bar
  two 2bars { master.level: 0db ~> -3db }
}
";

fn sides(path: &Path) -> Vec<f32> {
    wav::read(path).unwrap_or_else(|e| panic!("{e}")).samples
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

#[test]
fn a_song_is_rendered_to_its_end_and_until_it_has_died_away() {
    let scratch = Scratch::new();
    scratch.file("clips.modu", CLIPS);
    scratch.file("song.modu", SONG);
    let render = |more: &[&str]| {
        run_in(scratch.path(), &[&["render", "clips.modu", "song.modu", "--json"], more].concat()).expect(0)
    };
    let whole = render(&["-o", "whole.wav"]);
    assert!(whole.err.is_empty(), "{}", whole.err);
    let whole = whole.json();
    let part = render(&["-o", "part.wav", "--for", "3bars"]).json();
    assert_eq!(part["frames"], 3 * RATE);
    let (all, song) = (sides(&scratch.path().join("whole.wav")), sides(&scratch.path().join("part.wav")));
    // The song is the same, bit for bit; then it dies away, and a second of silence is kept.
    assert_eq!(all.len() as u64, whole["frames"].as_u64().unwrap() * 2);
    assert!(all[..song.len()] == song[..]);
    let second = 2 * RATE as usize;
    let (tail, rest) = all[song.len()..].split_at(all.len() - song.len() - second);
    assert!(peak(rest) < 3.2e-5 && peak(&tail[tail.len() - 2..]) >= 3.1e-5, "{}", peak(rest));
    assert!(tail.len() > RATE as usize / 2 && peak(&tail[..RATE as usize / 2]) > 0.001, "the echo was cut off");
    // No note begins behind the end: the free track has one on every beat.
    let beat = second / 4;
    for (i, stretch) in tail.chunks(beat).enumerate().skip(1) {
        assert!(peak(stretch) < 0.05, "beat {i} behind the end sounds: {}", peak(stretch));
    }
    for block in ["1", "17", "4096"] {
        assert_eq!(render(&["--block", block]).json()["hash"], whole["hash"], "blocks of {block}");
    }
    // What never ends is cut, and told.
    scratch.file("drone.modu", "track drone = sin(110hz) * 0.1\n");
    let drone = run_in(scratch.path(), &["render", "clips.modu", "song.modu", "drone.modu", "--json"]).expect(0);
    assert_eq!(drone.json()["frames"], 33 * RATE);
    assert!(drone.err.contains("still sounded 30 s after the end"), "{}", drone.err);
}

#[test]
fn stems_sum_up_to_what_the_master_chain_is_given() {
    let scratch = Scratch::new();
    scratch.file("clips.modu", CLIPS);
    scratch.file("more.modu", "track aside = noise * 0.1 >> to(group)\nbus group = in >> lpf(2khz)\n");
    scratch.file("song.modu", SONG);
    scratch.file(
        "open.modu",
        SONG.replace("bus master = in >> hpf(30hz) * 0.8\n", "").replace("{ master.level: 0db ~> -3db }", ""),
    );
    let render = |last: &str, more: &[&str]| {
        let files = ["render", "clips.modu", "more.modu", last, "--for", "3bars"];
        run_in(scratch.path(), &[&files, more].concat()).expect(0);
    };
    render("open.modu", &["-o", "sum.wav", "--no-limiter"]);
    render("song.modu", &["--stems", "stems"]);
    let mut names: Vec<String> = std::fs::read_dir(scratch.path().join("stems"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["aside.wav", "group.wav", "lead.wav", "low.wav", "room.wav"]);
    let mut total = vec![0.0f64; 6 * RATE as usize];
    for name in &names {
        let stem = sides(&scratch.path().join("stems").join(name));
        assert_eq!(stem.len(), total.len(), "{name}");
        total.iter_mut().zip(stem).for_each(|(sum, x)| *sum += f64::from(x));
    }
    let sum = sides(&scratch.path().join("sum.wav"));
    let worst = total.iter().zip(&sum).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-6 && peak(&sum) > 0.1, "{worst}");
}

#[test]
fn the_text_asks_for_exports_and_recordings() {
    let scratch = Scratch::new();
    scratch.file("clips.modu", CLIPS);
    let commands = "export song to 'set.wav' stems\nexport two to 'two.flac'\nexport low to 'low.wav'\nrecord lead to 'lead.wav'\n";
    scratch.file("song.modu", format!("{SONG}{commands}"));
    let files = [scratch.at("clips.modu"), scratch.at("song.modu")];
    // Paths count from the text, not from where the command runs.
    let bare = run(&["render", &files[0], &files[1]]).expect(0);
    let lead = scratch.path().join("lead.wav");
    assert!(bare.err.contains("`--takes`") && !lead.exists(), "a take is written when asked for: {bare:?}");
    let ran = run(&["render", &files[0], &files[1], "--takes"]).expect(0);
    assert!(ran.err.is_empty() && ran.out.contains("set.wav") && ran.out.contains("two.flac"), "{ran:?}");
    let read = |name: &str| samples::read(&scratch.path().join(name), RATE).unwrap_or_else(|e| panic!("{name}: {e}"));
    scratch.file("plain.modu", SONG);
    run_in(scratch.path(), &["render", "clips.modu", "plain.modu", "-o", "plain.wav", "--stems", "plain"]).expect(0);
    assert_eq!(read("set.wav"), read("plain.wav"));
    for stem in ["lead", "low", "room"] {
        assert_eq!(read(&format!("set-stems/{stem}.wav")), read(&format!("plain/{stem}.wav")), "{stem}");
    }
    assert_eq!(read("low.wav"), read("plain/low.wav"));
    assert_eq!(read("lead.wav"), read("plain/lead.wav"));
    // A scene without a length is played for eight bars.
    let two = read("two.flac").len() as u32;
    assert!((9 * RATE..11 * RATE).contains(&two), "{two}");
    // A file that is read is never written.
    scratch.file("bad.modu", "track a = play('set.wav')\nrecord a to 'set.wav'\n");
    let refused = run_in(scratch.path(), &["render", "bad.modu", "--takes"]).expect(2);
    assert!(refused.err.contains("would be written over"), "{}", refused.err);
}

#[test]
fn a_rendering_from_a_bar_is_the_rest_of_the_whole() {
    let scratch = Scratch::new();
    scratch.file("clips.modu", CLIPS);
    scratch.file("song.modu", SONG);
    let render = |out: &str, more: &[&str]| {
        let ran = run_in(scratch.path(), &[&["render", "clips.modu", "song.modu", "-o", out], more].concat()).expect(0);
        (sides(&scratch.path().join(out)), ran.err)
    };
    let (whole, _) = render("whole.wav", &["--stems", "stems", "--checkpoints", "kept"]);
    let bar = 2 * RATE as usize;
    for from in ["bar2", "1bar", "4beats", "1s"] {
        assert!(render("part.wav", &["--from", from]).0 == whole[bar..], "{from}");
        let (part, err) = render("kept.wav", &["--from", from, "--checkpoints", "kept", "--stems", "part"]);
        assert!(part == whole[bar..] && err.is_empty(), "{from}: {err}");
    }
    let stem = |folder: &str| sides(&scratch.path().join(folder).join("room.wav"));
    assert!(stem("part") == stem("stems")[bar..] && peak(&stem("part")) > 0.001);
    let (jump, _) = render("jump.wav", &["--from", "bar2", "--jump"]);
    assert!(jump.len().abs_diff(whole.len() - bar) < bar && peak(&jump) > 0.1);
    let wrong = run_in(scratch.path(), &["render", "song.modu", "-o", "x.wav", "--from", "bar0"]).expect(2);
    assert!(wrong.err.contains("counted from 1"), "{}", wrong.err);
}

#[test]
fn formats_hold_what_was_rendered() {
    let scratch = Scratch::new();
    let text = scratch.file("a.modu", "out = [sin(440hz), noise] * -12db\n");
    let render = |out: &str, bits: &str| {
        run(&["render", &text, "-o", &scratch.at(out), "--for", "0.5s", "--bits", bits]).expect(0);
        samples::read(&scratch.path().join(out), RATE).unwrap_or_else(|e| panic!("{out}: {e}"))
    };
    let float = render("a.wav", "32f");
    for (out, bits, step) in [
        ("b.wav", "16", 32_768.0f32),
        ("c.wav", "24", 8_388_608.0),
        ("d.flac", "16", 32_768.0),
        ("e.flac", "24", 8_388_608.0),
    ] {
        let whole = render(out, bits);
        assert_eq!(whole.len(), float.len(), "{out}");
        let worst = float.iter().flatten().zip(whole.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Dither is at most one step to either side, rounding half a step.
        assert!(worst > 0.2 / step && worst < 1.6 / step + 1e-7, "{out}: {worst}");
    }
    // A tone below half a step is still there, in the noise: it would be lost by rounding alone.
    run(&["render", "-e", "sin(1khz) * -96db", "-o", &scratch.at("low.wav"), "--for", "1s", "--bits", "16"]).expect(0);
    let low = samples::read(&scratch.path().join("low.wav"), RATE).unwrap();
    let tone = |i: usize| (i as f64 / f64::from(RATE) * 1000.0 * std::f64::consts::TAU).sin();
    let found: f64 =
        low.iter().enumerate().map(|(i, x)| f64::from(x[0]) * tone(i)).sum::<f64>() * 2.0 / low.len() as f64;
    let level = 20.0 * found.abs().log10();
    assert!((level + 96.0).abs() < 1.0, "{level} dB");
}

#[test]
fn what_plays_is_recorded_by_its_line_and_never_over_another_take() {
    let scratch = Scratch::new();
    let text = "track a = sin(200hz) * 0.5\nrecord master to 'take.wav'\nexport a to 'a.wav'\n";
    let file = scratch.file("a.modu", text);
    for take in ["take.wav", "take-2.wav"] {
        let ran = run(&["play", &file, "--device", "null", "--for", "500ms"]).expect(0);
        assert!(ran.err.contains("recording to") && ran.err.contains(take), "{}", ran.err);
        assert!(peak(&sides(&scratch.path().join(take))) > 0.49);
    }
    assert!(peak(&sides(&scratch.path().join("a.wav"))) > 0.49);
    // Single strips, one of them from a bar on.
    let text = "tempo 480bpm\ntrack a = sin(200hz) * 0.5\ntrack b = sin(300hz) * 0.25\nrecord a to 'one.wav'\n\
                record b at next bar to 'two.wav'\n";
    let file = scratch.file("b.modu", text);
    let ran = run(&["play", &file, "--device", "null", "--for", "900ms"]).expect(0);
    let (one, two) = (sides(&scratch.path().join("one.wav")), sides(&scratch.path().join("two.wav")));
    assert!((0.49..0.51).contains(&peak(&one)) && (0.24..0.26).contains(&peak(&two)), "{}", ran.err);
}

#[test]
fn a_lane_moves_a_filter_by_the_name_of_its_cutoff() {
    let scratch = Scratch::new();
    let text =
        "cut = 200hz\ntrack a = noise * 0.3 >> lpf(cut)\nscene s {}\narrange { s 2bars { cut: 100hz ~> 10khz } }\n";
    let file = scratch.file("a.modu", text);
    run(&["render", &file, "-o", &scratch.at("a.wav"), "--for", "2bars"]).expect(0);
    let heard = sides(&scratch.path().join("a.wav"));
    let level = |part: &[f32]| (part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32).sqrt();
    let (first, last) = (level(&heard[..heard.len() / 8]), level(&heard[heard.len() / 8 * 7..]));
    assert!(last > 3.0 * first, "{first} {last}");
}

#[test]
fn a_plan_tells_what_an_edit_does() {
    let scratch = Scratch::new();
    let old = scratch.file("old.modu", "out = saw(110hz) >> lpf(800hz) >> delay(0.2s)\n");
    let new = scratch.file("new.modu", "out = saw(120hz) >> lpf(800hz) >> drive(6db) >> hpf(50hz) >> delay(0.2s)\n");
    let told = run(&["plan", &old, &new]).expect(0).out;
    assert!(told.starts_with("changes: code\nkept: ") && told.contains("\ndropped: 0\n"), "{told}");
    let plan = run(&["plan", &old, &new, "--json"]).expect(0).json();
    let keys = |what: &str| -> Vec<String> {
        let rows = plan[what].as_array().expect("a list").iter();
        rows.map(|row| format!("{} {}", row["key"].as_str().unwrap(), row["kind"].as_str().unwrap())).collect()
    };
    assert!(keys("kept").iter().any(|k| k.starts_with("out/saw") && k.ends_with(" cell")), "{plan}");
    assert!(keys("kept").iter().any(|k| k.starts_with("out/delay") && k.ends_with(" delay")), "{plan}");
    assert!(keys("made").iter().all(|k| k.starts_with("out/hpf")), "{plan}");
    assert_eq!(plan["change"], "code");
    assert_eq!(run(&["plan", &old, &old, "--json"]).expect(0).json()["change"], "nothing");
    let wrong = scratch.file("wrong.modu", "out = sinn(3hz)\n");
    assert!(run(&["plan", &old, &wrong]).expect(1).err.contains("wrong.modu:1:"));
}
