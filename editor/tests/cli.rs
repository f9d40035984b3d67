//! The contract of the command: exit codes, JSON, and what is written where.

mod common;

use common::{Scratch, example, run, run_in};
use serde_json::{Value, json};

/// True if an object has exactly these fields, or more.
fn has(value: &Value, fields: &[&str]) -> bool {
    fields.iter().all(|field| value.get(field).is_some())
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let scratch = Scratch::new();
    let good = scratch.file("good.modu", "out = sin(440hz) * -12db\n");
    let bad = scratch.file("bad.modu", "out = sin(440s\n");
    let wav = scratch.at("a.wav");
    let cases: &[(i32, &[&str])] = &[
        (0, &["--help"]),
        (0, &["--version"]),
        (0, &["check", &good]),
        (0, &["devices"]),
        (0, &["doc"]),
        (0, &["events", "bd sn"]),
        (0, &["render", &good, "-o", &wav, "--for", "100ms"]),
        (0, &["play", &good, "--device", "null", "--for", "100ms"]),
        (1, &["check", &bad]),
        (1, &["check", &bad, "--json"]),
        (1, &["check", &bad, "--emit", "graph"]),
        (1, &["render", &bad, "-o", &wav]),
        (1, &["render", &good, "--json", "--at", &format!("1s={bad}")]),
        (1, &["render", "-e", "sin(440s)", "-o", &wav]),
        (1, &["play", &bad, "--device", "null", "--for", "1s"]),
        (1, &["play", &bad, "--device", "null", "--no-watch"]),
        (1, &["bench", &bad]),
        (1, &["fmt", &bad]),
        (1, &["fmt", "--check", &bad]),
        (1, &["events", "bd [sn"]),
        (1, &["events", "-e", "nobody"]),
        (1, &["events", "-e", "sin(440hz)"]),
        (2, &[]),
        (2, &["play"]),
        (2, &["render", &good]),
        (2, &["render", &good, "-o", &wav, "--for", "10"]),
        (2, &["render", &good, "-o", &wav, "--for", "0s"]),
        (2, &["render", &good, "-o", &wav, "--rate", "7"]),
        (2, &["render", &good, "-o", &wav, "--bits", "8"]),
        (2, &["render", &good, "-o", &wav, "--at", "2s"]),
        (2, &["render", &good, "-o", &good]),
        (2, &["render", &good, "-o", &wav, "--for", "100000s"]),
        (2, &["render", &good, "-e", "1", "-o", &wav]),
        (2, &["play", &good, "--json"]),
        (2, &["fmt"]),
        (2, &["events"]),
        (2, &["doc", "nobody_knows_this"]),
        (2, &["explode"]),
        (3, &["check", "nowhere.modu"]),
        (3, &["fmt", "nowhere.modu"]),
        (3, &["play", "nowhere.modu"]),
        (3, &["bench", "nowhere.modu"]),
        (3, &["render", "nowhere.modu", "-o", &wav]),
        (3, &["check", scratch.path().to_str().unwrap()]),
        (3, &["render", &good, "-o", &scratch.at("no/such/folder.wav"), "--for", "100ms"]),
    ];
    for (code, args) in cases {
        let ran = run(args).expect(*code);
        // Nothing fails in silence: not on standard error, unless JSON was asked for.
        let json = args.first() == Some(&"check") && args.contains(&"--json");
        assert_eq!(ran.err.is_empty(), *code == 0 || json, "{args:?}: {ran:?}");
        if *code == 3 && args.contains(&"nowhere.modu") {
            assert!(ran.err.contains("nowhere.modu: no such file"), "{}", ran.err);
        }
        // What people read on a terminal in colour is plain in a pipe.
        assert!(!ran.err.contains('\x1b') && !ran.out.contains('\x1b'), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_text_with_errors_changes_nothing() {
    let scratch = Scratch::new();
    scratch.file("bad.modu", "out = sin(440hz) >> nobody\n");
    scratch.file("a.wav", "the last take");
    run_in(scratch.path(), &["render", "bad.modu", "-o", "a.wav", "--stems", "stems"]).expect(1);
    assert_eq!(std::fs::read_to_string(scratch.at("a.wav")).unwrap(), "the last take");
    assert!(!scratch.path().join("stems").exists());
}

#[test]
fn fmt_writes_what_check_asks_for_and_nothing_into_a_text_with_errors() {
    let scratch = Scratch::new();
    let read = |name: &str| std::fs::read_to_string(scratch.at(name)).unwrap();
    scratch.file("a.modu", "a=1  // é\nout = sin( 440hz )\n");
    scratch.file("b.modu", "a = 1\n");
    let broken = "a=1\nout = sin( 440hz\n";
    scratch.file("bad.modu", broken);
    let checked = run_in(scratch.path(), &["fmt", "--check", "a.modu", "b.modu"]).expect(1);
    assert!((checked.out + &checked.err).contains("a.modu"));
    assert_eq!(read("a.modu"), "a=1  // é\nout = sin( 440hz )\n");
    let wrote = run_in(scratch.path(), &["fmt", "bad.modu", "a.modu", "b.modu"]).expect(1);
    assert!(wrote.err.contains("bad.modu:2"), "{}", wrote.err);
    assert_eq!(read("bad.modu"), broken);
    assert_eq!(read("a.modu"), "a = 1  // é\nout = sin(440hz)\n");
    run_in(scratch.path(), &["fmt", "--check", "a.modu", "b.modu"]).expect(0);
}

#[test]
fn rendering_is_the_same_bits_in_every_way() {
    let acid = example("acid.modu");
    let render = |options: &[&str]| {
        let ran = run(&[&["render", &acid, "--for", "2bars", "--json"], options].concat()).expect(0);
        let summary = ran.json();
        assert!(has(&summary, &["frames", "rate", "channels", "peak", "rms", "hash", "swaps"]), "{summary}");
        assert_eq!(summary["frames"], json!(174_545));
        assert_eq!((&summary["rate"], &summary["channels"], &summary["swaps"]), (&json!(48_000), &json!(2), &json!(0)));
        let peak = summary["peak"].as_f64().unwrap();
        assert!(peak > 0.05 && peak < 1.0, "{summary}");
        assert_eq!(ran.out.lines().count(), 1);
        summary["hash"].as_str().unwrap().to_string()
    };
    let hash = render(&[]);
    assert_eq!(hash.len(), 16);
    for block in ["1", "7", "64", "512"] {
        assert_eq!(render(&["--block", block]), hash, "block {block}");
    }
    let exact = render(&["--passes", "exact"]);
    assert_eq!(render(&["--passes", "exact", "--backend", "interp"]), exact, "the interpreter differs");
}

#[test]
fn chance_follows_the_seed() {
    let scratch = Scratch::new();
    let noisy = scratch.file("noisy.modu", "track a = \"c3*8?\" >> mono(lead)\n");
    let hash =
        |seed: &str| run(&["render", &noisy, "--for", "1s", "--json", "--seed", seed]).expect(0).json()["hash"].clone();
    assert_eq!(hash("7"), hash("7"));
    assert_ne!(hash("7"), hash("8"));
}

#[test]
fn edits_can_be_swapped_in_while_rendering() {
    let scratch = Scratch::new();
    let song = scratch.file("song.modu", "track a = sin(220hz) * -12db\n");
    let same = scratch.file("same.modu", "track a = sin(220hz) * -12db\n");
    let number = scratch.file("number.modu", "track a = sin(330hz) * -12db\n");
    let code = scratch.file("code.modu", "track a = sin(330hz) >> lpf(500hz) * -12db\n");
    let render = |at: &[String]| {
        let mut args = vec!["render", song.as_str(), "--for", "2s", "--json"];
        for edit in at {
            args.extend(["--at", edit.as_str()]);
        }
        run(&args).expect(0).json()
    };
    let plain = render(&[]);
    let unchanged = render(&[format!("1s={same}")]);
    assert_eq!(plain["hash"], unchanged["hash"], "the same text is no edit");
    // Given in any order, carried out in the order of time.
    let both = render(&[format!("1s={code}"), format!("0.5s={number}")]);
    assert_ne!(plain["hash"], both["hash"]);
    assert_eq!(both["swaps"], json!(2));
    let changes: Vec<&str> =
        both["adopted"].as_array().unwrap().iter().map(|a| a["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["numbers", "code"]);
    assert_eq!(both["adopted"][0]["frame"], json!(24_000));
}

#[test]
fn files_are_written_as_asked() {
    let scratch = Scratch::new();
    scratch.file("two.modu", "track low = sin(110hz) * -12db\ntrack high = sin(880hz) * -12db\n");
    for (bits, bytes) in [("32f", 4), ("24", 3), ("16", 2)] {
        run_in(scratch.path(), &["render", "two.modu", "-o", "a.wav", "--for", "0.5s", "--bits", bits]).expect(0);
        let size = std::fs::metadata(scratch.at("a.wav")).unwrap().len();
        let sound = 24_000 * 2 * bytes;
        assert!((sound..sound + 200).contains(&size), "{bits}: {size}");
    }
    let summary =
        run_in(scratch.path(), &["render", "two.modu", "--stems", "stems", "--for", "1s", "--json"]).expect(0).json();
    assert_eq!(summary["stems"], json!(["stems/high.wav", "stems/low.wav"]));
    assert!(scratch.path().join("stems/low.wav").exists());
    // Above full scale is told, not changed.
    let loud = run(&["render", "-e", "sin(100hz) * 6db", "-o", &scratch.at("loud.wav"), "--for", "1s"]).expect(0);
    assert!(loud.err.contains("above 0 dBFS"), "{}", loud.err);
}

#[test]
fn a_set_of_tracks_is_rendered_below_full_scale() {
    let scratch = Scratch::new();
    let quiet = scratch.file("quiet.modu", "track a = saw(110hz) * -6db\ntrack b = sin(220hz) * -9db\n");
    let loud = scratch.file("loud.modu", "track a = saw(110hz)\ntrack b = sin(220hz) * lfsquare(3hz)\n");
    let own = scratch.file("own.modu", "track a = saw(110hz) * 3db\ntrack b = sin(220hz) * 3db\nbus master = in\n");
    let wire = scratch.file("wire.modu", "out = saw(110hz) * 6db\n");
    let render = |options: &[&str]| run(&[&["render", "--for", "2s", "--json"], options].concat()).expect(0);
    let peak = |options: &[&str]| render(options).json()["peak"].as_f64().unwrap();
    // The limiter is no delay, and below its ceiling it changes no bit.
    let through = render(&[&quiet]).json();
    let beside = render(&[&quiet, "--no-limiter"]).json();
    assert_eq!((&through["hash"], &through["frames"]), (&beside["hash"], &json!(96_000)));
    assert_eq!(through["limited"], json!(0));
    let ran = render(&[&loud]);
    assert!(ran.err.contains("--no-limiter") && ran.json()["limited"].as_u64().unwrap() > 10_000, "{}", ran.err);
    assert!((0.95..=0.967).contains(&peak(&[&loud])));
    assert!(peak(&[&loud, "--no-limiter"]) > 1.5);
    // Who writes a master, or a wire, has the last word.
    assert!(peak(&[&own]) > 1.5, "{}", peak(&[&own]));
    assert!(peak(&[&wire]) > 1.5);
    for block in ["1", "7", "512"] {
        assert_eq!(render(&[&loud, "--block", block]).json()["hash"], ran.json()["hash"], "block {block}");
    }
}

#[test]
fn an_expression_is_a_patch() {
    let scratch = Scratch::new();
    let wav = scratch.at("a.wav");
    let ran = run(&["render", "-e", "-sin(440hz) * -12db", "-o", &wav, "--for", "1s", "--json"]).expect(0);
    assert!((ran.json()["rms"].as_f64().unwrap() - 0.177_6).abs() < 1e-3, "{}", ran.out);
    // What is wrong is shown where it was written, not where it was put.
    let wrong = run(&["render", "-e", "saw(55hz) >> lpf(800ms)", "-o", &wav]).expect(1);
    assert!(wrong.err.contains("-e:1:18") && wrong.err.contains("\n1 | saw(55hz) >> lpf(800ms)\n"), "{}", wrong.err);
    assert!(!wrong.err.contains("out ="), "{}", wrong.err);
}

#[test]
fn check_answers_in_json() {
    let scratch = Scratch::new();
    let file = scratch.file("a.modu", "lead = saw(55hz)\nout = lead >> lpf(800ms)\n");
    let rows = run(&["check", &file, "--json"]).expect(1).json();
    let row = &rows[0];
    assert_eq!(row["file"], json!(file));
    assert_eq!((&row["line"], &row["column"]), (&json!(2), &json!(19)));
    assert_eq!((&row["end_line"], &row["end_column"]), (&json!(2), &json!(24)));
    assert_eq!((&row["severity"], &row["code"]), (&json!("error"), &json!("unit")));
    assert!(row["message"].as_str().unwrap().contains("`lpf` wants a frequency"), "{row}");
    assert!(row["help"].as_str().unwrap().contains("800hz"), "{row}");
    assert_eq!(run(&["check", &example("acid.modu"), "--json"]).expect(0).json(), json!([]));
}

#[test]
fn check_looks_at_files_together_or_each() {
    let scratch = Scratch::new();
    scratch.file("voice.modu", "hum(freq, gate) = saw(freq) * ad(gate, 1ms, 200ms)\n");
    scratch.file("song.modu", "track a = \"c3 e3\" >> mono(hum)\n");
    let together = run_in(scratch.path(), &["check", "song.modu", "voice.modu"]).expect(0);
    assert!(together.out.contains("no errors"), "{}", together.out);
    run_in(scratch.path(), &["check", "--each", "song.modu", "voice.modu"]).expect(1);
}

#[test]
fn every_stage_can_be_seen() {
    let acid = example("acid.modu");
    for (stage, words) in [
        ("ast", &["(def acid", "(params freq gate (accent 0)", "(track bass"][..]),
        ("graph", &["cell", "out \"master\"", "row"]),
        ("schedule", &["lanes", "nodes"]),
        ("clif", &["function", "block0"]),
        ("score", &["tempo 132/1 beats 4/1", "mono voices 1", "accent", "0/1 1/16 a1"]),
    ] {
        let ran = run(&["check", &acid, "--emit", stage]).expect(0);
        for word in words {
            assert!(ran.out.contains(word), "{stage} has no `{word}`:\n{}", &ran.out[..ran.out.len().min(3000)]);
        }
    }
}

#[test]
fn each_region_has_its_cost() {
    let acid = example("acid.modu");
    let regions = |args: &[&str]| -> Vec<Vec<String>> {
        let ran = run(&[&["check", acid.as_str(), "--emit", "schedule"], args].concat()).expect(0);
        let is_region = |words: &Vec<String>| words.get(2).is_some_and(|word| word == "lanes");
        ran.out.lines().map(|line| line.split(' ').map(str::to_string).collect()).filter(is_region).collect()
    };
    let number = |words: &[String], name: &str| -> f64 {
        let at = words.iter().position(|word| word == name).unwrap_or_else(|| panic!("no `{name}`: {words:?}"));
        words[at + 1].parse().unwrap_or_else(|_| panic!("`{name}` is no number: {words:?}"))
    };
    let plain = regions(&[]);
    assert!(plain.len() > 2, "{plain:?}");
    for words in &plain {
        assert!(number(words, "ops") > 0.0 && number(words, "lanes") >= 1.0);
        let code = words.iter().position(|word| word == "code").expect("code");
        assert!(words[code + 2].parse::<u32>().is_ok_and(|bytes| bytes > 0) && words[code + 3] == "bytes", "{words:?}");
        assert!(!words.contains(&"ns".to_string()), "nothing was measured: {words:?}");
    }
    let measured = regions(&["--profile"]);
    assert_eq!(measured.len(), plain.len());
    assert!(measured.iter().all(|words| number(words, "ns").is_finite()));
    assert!(measured.iter().any(|words| number(words, "ns") > 0.0), "{measured:?}");
    assert_eq!(run(&["check", &acid, "--profile"]).code, 2, "there is nothing to be measured without a schedule");
}

#[test]
fn events_are_exact() {
    let rows = run(&["events", "bd [sn sn:2]", "--json"]).expect(0).json();
    assert_eq!(
        rows,
        json!([
            {"begin": "0/1", "end": "1/2", "value": "bd", "source": [0, 2]},
            {"begin": "1/2", "end": "3/4", "value": "sn", "source": [4, 6]},
            {"begin": "3/4", "end": "1/1", "value": ["sn", 2], "source": [7, 11]},
        ])
    );
    let cycles = run(&["events", "<a b c>", "--cycles", "3", "--json"]).expect(0).json();
    assert_eq!(cycles[2]["begin"], json!("2/1"));
    let thirds = run(&["events", "0 1 2"]).expect(0);
    assert!(thirds.out.starts_with("0/1  1/3  0\n"), "{}", thirds.out);
    let scaled = run(&["events", "-e", "\"0 2\" >> scale(a3, minor) >> with(cut: \"1 2\")", "--json"]).expect(0).json();
    assert_eq!((&scaled[0]["value"], &scaled[1]["value"]), (&json!("a3"), &json!("c4")));
    assert_eq!(scaled[1]["fields"], json!({"cut": 2.0}));
    assert_eq!(scaled[1]["source"], json!([3, 4]));
    let wrong = run(&["events", "bd [sn"]).expect(1);
    assert!(wrong.err.contains("pattern:1:4"), "{}", wrong.err);
}

#[test]
fn bench_measures_each_file() {
    let ran = run(&["bench", &example("hello.modu"), &example("acid.modu"), "--json", "--for", "500ms"]).expect(0);
    let rows: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        let fields = [
            "file",
            "ns_per_frame",
            "core_percent",
            "compile_ms",
            "compile_cold_ms",
            "swap_ms",
            "isa",
            "voices",
            "nodes",
        ];
        assert!(has(row, &fields), "{row}");
        let figure = |name: &str| row[name].as_f64().unwrap();
        assert!(figure("ns_per_frame") > 0.0 && figure("compile_ms") > 0.0 && figure("swap_ms") > 0.0, "{row}");
        assert!((figure("core_percent") - figure("ns_per_frame") * 48_000.0 / 1e7).abs() < 1e-6, "{row}");
    }
    assert_eq!((&rows[0]["voices"], &rows[1]["voices"]), (&json!(0), &json!(1)));
    assert!(rows[0]["nodes"].as_u64() < rows[1]["nodes"].as_u64());
}

#[test]
fn bench_measures_nodes_by_themselves() {
    let out = run(&["bench", "--nodes", "--json", "lpf", "sample.sampleplay", "sin(220hz) * 0.5"]).expect(0).out;
    let costs: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(costs.len(), 3, "{out}");
    for cost in &costs {
        let ns = |field: &str| cost[field].as_f64().expect("a number");
        assert!(ns("example_ns") > 0.0 && ns("ns") <= ns("example_ns"), "{cost}");
    }
    // The saw before the filter is not the filter's.
    assert!(costs[0]["source_ns"].as_f64() > Some(0.0) && costs[1]["source_ns"] == 0.0, "{out}");
    run(&["bench", "--nodes", "nothing_of_that_name"]).expect(1);
}

#[test]
fn bench_measures_edits_by_kinds() {
    let out = run(&["bench", "--edit", &example("first_set.modu")]).expect(0).out;
    for kind in ["by a new compiler", "a number in a track", "a note in a pattern", "a stage added", "an error mended"]
    {
        let line = out.lines().find(|line| line.contains(kind)).unwrap_or_else(|| panic!("no line for {kind}:\n{out}"));
        let figures: Vec<f64> = line.split_whitespace().rev().take(6).filter_map(|word| word.parse().ok()).collect();
        let [worst, middle, least, ..] = figures[..] else { panic!("six figures: {line}") };
        assert!(figures.len() == 6 && 0.0 < least && least <= middle && middle <= worst, "{line}");
    }
    let file = run(&["bench", "--edit", "nowhere.modu"]).expect(3);
    assert!(file.err.contains("nowhere.modu"), "{}", file.err);
}

#[test]
fn doc_knows_the_library_the_compiler_and_the_primitives() {
    let all = run(&["doc"]).expect(0).out;
    for name in ["lpf", "every", "acid", "prim.add", "math.sin"] {
        assert!(all.contains(name), "{name} is not listed");
    }
    let lpf = run(&["doc", "lpf"]).expect(0).out;
    for words in ["lpf(x, freq: hz = 1khz in 20hz..20khz log", "Low-pass", "ex: ", "std/filter"] {
        assert!(lpf.contains(words), "{words}: {lpf}");
    }
    assert!(run(&["doc", "every"]).expect(0).out.contains("every(pattern, n, f)"));
    assert!(run(&["doc", "prim.add"]).expect(0).out.contains("primitive"));
    assert!(run(&["doc", "filter"]).expect(0).out.contains("hpf"));
    assert!(run(&["doc", "lpff"]).expect(2).err.contains("lpf"));
}

#[test]
fn devices_always_has_one() {
    let rows = run(&["devices", "--json"]).expect(0).json();
    let rows = rows.as_array().unwrap();
    assert!(rows.iter().any(|row| row["name"] == json!("null")));
    assert_eq!(rows.iter().filter(|row| row["default"] == json!(true)).count(), 1, "{rows:?}");
    assert!(rows.iter().all(|row| has(row, &["kind", "host", "name", "description", "rate", "channels"])));
}

#[test]
fn devices_tells_of_midi_or_that_there_is_none() {
    let told = run(&["devices"]).expect(0).out;
    assert!(told.contains("There is no MIDI of the system here: ") || told.contains("midi('keys')"), "{told}");
}

#[test]
fn a_reader_that_goes_away_is_no_accident() {
    let command = format!(
        "'{}' doc | head -n 1; '{}' check '{}' --emit graph | head -n 1",
        common::MODURUST,
        common::MODURUST,
        example("acid.modu")
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &command]);
    let ran = common::finish(shell, std::time::Duration::from_secs(30)).expect(0);
    assert_eq!((ran.out.lines().count(), ran.err.as_str()), (2, ""));
}

#[test]
fn a_track_sounds_the_same_whatever_comes_and_goes_beside_it() {
    // Tracks of one shape are computed as lanes of one body: every edit packs them anew.
    let scratch = Scratch::new();
    let track = |name: &str, source: &str, k: u32| {
        format!("track {name} = {source} >> svf({k}00hz + 100hz * sin({k}hz), q: {k}) >> echo(30ms) * 0.2\n")
    };
    let (a, b, c) = (track("a", "saw(55hz)", 8), track("b", "noise", 7), track("c", "sin(330hz)", 9));
    scratch.file("alone.modu", &b);
    scratch.file("three.modu", a.clone() + &b + &c);
    scratch.file("five.modu", track("new", "noise", 5) + &a + &b + &c + &track("d", "noise", 6));
    let render = |args: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        run_in(scratch.path(), &args).expect(0);
    };
    render("render alone.modu --for 1s --stems alone");
    render("render three.modu --for 1s --stems edited --at 0.2s=five.modu --at 0.5s=three.modu --at 0.7s=alone.modu");
    let stem = |folder: &str| std::fs::read(scratch.path().join(folder).join("b.wav")).expect("a stem");
    assert!(stem("alone").len() > 48_000 * 4);
    assert!(stem("alone") == stem("edited"), "the track b is not what it is alone");
}

#[test]
fn the_width_of_vectors_can_be_forced() {
    let scratch = Scratch::new();
    let out = scratch.at("x.wav");
    let hash = |args: &[&str]| {
        let base = ["render", "-e", "saw(110hz) >> lpf(800hz)", "--for", "1s", "--json", "-o", &out];
        let report: Value = serde_json::from_str(&run(&[&base[..], args].concat()).expect(0).out).unwrap();
        report["hash"].clone()
    };
    assert_eq!(hash(&[]), hash(&["--isa", "128"]));
    let wrong = run(&["render", "-e", "1", "-o", "x.wav", "--isa", "mmx"]).expect(2).err;
    assert!(wrong.contains("128, avx2, avx512"), "{wrong}");
}
