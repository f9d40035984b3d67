//! Questions while writing: each answer is asked for at a place marked `|` in a text, as an editor would ask.

mod common;

use common::Rng;
use modurust_compiler::front::World;
use modurust_compiler::ide::*;
use modurust_compiler::lang::parse::Parser;
use modurust_compiler::lang::source::Span;

const SONG: &str = "\
/// A bass of its own.
/// ex: acid(55hz, 1)
acid(freq, gate, cutoff: hz = 400hz in 50hz..5khz log) = {
  env = ad(gate, 3ms, 180ms)
  saw(freq) >> ladder(cutoff * (1 + 6*env), res: 0.85) * env
}
bus room = in >> reverb(4s)
track bass = \"0 3 7\" >> scale(a1, minor) >> mono(acid) >> send(room, -9db)
track drums = clips { a: \"bd*4\" for 8bars then b  b: \"bd sd\" } >> kit('tr909')
scene drop { drums: b, bass: off } for 16bars
launch drums.b at next bar
automate bass.cutoff { 0bar: 200hz, 8bar: 2khz exp }
";

/// A text with a `|` in it: without it, and the byte.
fn at(text: &str) -> (Document, usize) {
    let place = text.find('|').expect("a place");
    (Document::new("song.modu", &text.replacen('|', "", 1)), place)
}

/// The song with a line behind it.
fn song(line: &str) -> (Document, usize) {
    let place = SONG.len() + line.find('|').expect("a place");
    (Document::new("song.modu", &format!("{SONG}{}", line.replacen('|', "", 1))), place)
}

fn labels(text: &str) -> Vec<String> {
    let (document, place) = song(text);
    complete(&document, place).into_iter().map(|c| c.label).collect()
}

#[track_caller]
fn proposes(text: &str, wanted: &[&str], unwanted: &[&str]) {
    let found = labels(text);
    for name in wanted {
        assert!(found.iter().any(|f| f == name), "`{text}` does not propose {name}: {found:?}");
    }
    for name in unwanted {
        assert!(!found.iter().any(|f| f == name), "`{text}` proposes {name}");
    }
}

#[test]
fn what_stands_before_decides_what_is_proposed() {
    proposes("x = |", &["sin", "acid", "bass", "if", "clips", "sr"], &["track", "then", "x", "prim.add"]);
    proposes("|", &["track", "tempo", "launch", "acid"], &["then"]);
    proposes("tr|", &["track"], &["bus"]);
    proposes("x = saw(55hz) >> lp|", &["lpf"], &["sin", "bass"]);
    proposes("x = saw(55hz) >> lpf(|", &["freq", "q", "sin"], &["x"]);
    proposes("x = lpf(|", &["x", "freq", "q"], &[]);
    proposes("x = saw(55hz) >> lpf(q: 2, |", &["freq"], &["q"]);
    proposes("x = acid(55hz, 1, cut|", &["cutoff"], &["freq"]);
    proposes("x = sin(440|", &["hz", "khz", "ms", "db"], &["sin"]);
    proposes("x = sin(1.5k|", &["khz"], &["hz"]);
    proposes("x = delay(3/16n|", &["n"], &["hz"]);
    proposes("x = filter.|", &["lpf", "svf"], &["sin"]);
    proposes("x = prim.|", &["add", "ring"], &["lpf"]);
    proposes("x = svf(noise, 800hz).|", &["hp", "bp", "notch"], &["lpf"]);
    proposes("automate bass.|", &["level", "pan"], &[]);
    proposes("launch drums.|", &["a", "b"], &[]);
    proposes("use st|", &["std/filter", "std/osc"], &[]);
    proposes("x = 200hz ~> 2khz |", &["over", "exp"], &["sin"]);
    proposes("x = f(a) = {\n  cut = 3\n  saw(1hz) >> lpf(|", &["cut"], &[]);
    proposes("lead(freq, bright = 2) = sin(br|", &["bright"], &["freq"]);
    proposes("x = par(4, kk => |", &["kk"], &[]);
    proposes("track t = \"bd |\" >> kit('tr909')", &["bd", "hh", "oh"], &["sin"]);
    proposes("track t = \"bd\" >> kit('|", &["tr909"], &["sin"]);
    proposes("track t = \"0\" >> scale(a1, |", &["minor", "dorian"], &[]);
    proposes("x = 3 // lp|", &[], &["lpf"]);
    proposes("x = SinOsc|", &["sin"], &[]);
}

#[test]
fn a_proposal_has_its_line_and_what_it_replaces() {
    let (document, place) = song("x = saw(55hz) >> lpfo|o");
    let none = complete(&document, place);
    assert!(none.is_empty(), "{none:?}");
    let (document, place) = song("x = saw(55hz) >> lp|f");
    let found = complete(&document, place);
    let lpf = found.iter().find(|c| c.label == "lpf").expect("lpf");
    assert!(lpf.detail.starts_with("lpf(x, freq: hz"), "{lpf:?}");
    assert_eq!(lpf.doc, "Low-pass filter, two poles, 12 dB an octave.");
    assert_eq!(lpf.replace, Span::new(place - 2, place + 1));
    let (document, place) = song("x = ac|");
    let acid = complete(&document, place).into_iter().find(|c| c.label == "acid").expect("acid");
    assert_eq!((acid.doc.as_str(), acid.kind), ("A bass of its own.", CompletionKind::Function));
    let (document, place) = song("x = acid(|");
    let argument = complete(&document, place).into_iter().find(|c| c.label == "cutoff").expect("cutoff");
    assert_eq!((argument.insert.as_str(), argument.kind), ("cutoff: ", CompletionKind::Argument));
}

#[test]
fn every_name_that_there_is_has_a_line() {
    let (document, place) = song("x = |");
    for c in complete(&document, place) {
        let own = matches!(c.label.as_str(), "bass" | "drums" | "room" | "drop");
        assert!(own || !c.doc.is_empty(), "{c:?}");
    }
}

fn hint(text: &str) -> Vec<(String, Option<String>)> {
    let (document, place) = song(text);
    let shown =
        |h: SignatureHelp| (h.signature.clone(), h.active.map(|i| h.signature[h.params[i].clone()].to_string()));
    signature(&document, place).into_iter().map(shown).collect()
}

#[test]
fn the_signature_marks_the_parameter_that_comes_now() {
    let active = |text: &str| hint(text).first().and_then(|(_, active)| active.clone());
    assert_eq!(active("x = lpf(|").as_deref(), Some("x"));
    assert!(active("x = lpf(saw(55hz), |").unwrap().starts_with("freq"));
    assert!(active("x = saw(55hz) >> lpf(|").unwrap().starts_with("freq"));
    assert!(active("x = saw(55hz) >> lpf(800hz, |)").unwrap().starts_with("q"));
    assert!(active("x = saw(55hz) >> lpf(q: |)").unwrap().starts_with("q"));
    assert!(active("x = saw(55hz) >> 0.5 * lpf(|)").unwrap().starts_with("freq"));
    assert_eq!(active("x = saw(55hz) >> lpf(it, |) + it").map(|p| p[..4].to_string()).as_deref(), Some("freq"));
    assert_eq!(active("x = saw(55hz) >> sum(3, k => lpf(|").as_deref(), Some("x"));
    assert!(active("x = acid(1hz, [2, 3], |").unwrap().starts_with("cutoff"));
    assert_eq!(active("x = cat(\"a\", \"b\", \"c\", |").as_deref(), Some(".."));
    assert_eq!(active("x = lpf(1, 2hz, 3, |"), None);
    assert_eq!(hint("x = lpf(|").len(), 1);
    assert_eq!(hint("x = echo(|").len(), 2, "a sound and a pattern");
    assert!(
        hint("x = nothing_of_the_kind(|").is_empty()
            && hint("x = (1 + |").is_empty()
            && hint("x = lpf(1) |").is_empty()
    );
}

fn says(text: &str) -> String {
    let (document, place) = song(text);
    hover(&document, place).map_or(String::new(), |h| h.text)
}

#[test]
fn words_numbers_and_notes_are_told() {
    assert!(says("x = l|pf(noise)").contains("lpf(x, freq: hz = 1khz in 20hz..20khz log, q = 0.707 in 0.1..20)"));
    assert!(says("x = lpf|(noise)").contains("12 dB an octave"));
    assert!(
        says("x = ac|id(55hz, 1)").contains("A bass of its own.") && says("x = ac|id(55hz, 1)").contains("song.modu")
    );
    assert!(says("x = acid(55hz, 1, cut|off: 3hz)").contains("a parameter of `acid`"));
    assert!(says("x = lpf(noise, q|: 3)").contains("q = 0.707 in 0.1..20"));
    assert!(says("x = ba|ss").contains("track bass ="));
    assert!(says("tem|po 120bpm").contains("Beats per minute"));
    assert!(says("x = 1 ~> 2 ov|er 3bars").contains("How long a ramp takes"));
    assert_eq!(says("x = 44|0hz"), "a frequency: a4");
    assert_eq!(says("x = 445h|z"), "a frequency: a4 +20 cents");
    assert!(says("x = 1 * 6|db").contains("times 1.995"), "{}", says("x = 1 * 6|db"));
    assert!(says("x = delay(noise, 3/1|6n)").contains("0.75 beats"));
    assert_eq!(says("x = sin(a|4)"), "440 hz, MIDI note 69");
    assert!(says("use std/fil|ter").contains("lpf"));
    // Half a statement has words, too.
    assert!(says("x = (lp|f(").contains("12 dB an octave"));
    assert_eq!(says("x = 3 // lp|f"), "");
}

/// What the text says at the places that are found.
fn found(document: &Document, spans: &[Span]) -> Vec<String> {
    let text = document.text();
    let line = |s: &Span| text[..s.start as usize].matches('\n').count() + 1;
    spans.iter().map(|s| format!("{}:{}", line(s), &text[s.start as usize..s.end as usize])).collect()
}

#[test]
fn definitions_and_references_are_those_of_the_language() {
    let place = |part: &str| SONG.find(part).expect("there") + 1;
    let document = Document::new("song.modu", SONG);
    let refs = |part: &str| found(&document, &references(&document, place(part)));
    assert_eq!(refs("acid(freq"), ["3:acid", "8:acid"]);
    assert_eq!(refs("cutoff: hz"), ["3:cutoff", "5:cutoff"]);
    assert_eq!(refs("env = ad"), ["4:env", "5:env", "5:env"]);
    assert_eq!(refs("bass = "), ["8:bass", "10:bass", "12:bass"]);
    assert_eq!(refs("room = "), ["7:room", "8:room"]);
    assert_eq!(refs("b: \"bd sd\""), ["9:b", "9:b", "10:b", "11:b"]);
    let def = |part: &str| definition(&document, place(part));
    assert_eq!(found(&document, &[def("env), res")[0].span]), ["4:env"]);
    assert_eq!(def("ladder(")[0].file, Location::Library("filter"));
    assert!(def("mono(acid)").is_empty(), "what the compiler has by itself is defined nowhere");
    let (document, place) = at("x = 1\nf(x) = { x = x + 1  g = y => x * y  x }\nz = |x + f(x)\n");
    assert_eq!(found(&document, &references(&document, place)), ["1:x", "3:x", "3:x"]);
}

struct Files(&'static [(&'static str, &'static str)]);

impl World for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, text)| text.to_string())
            .ok_or_else(|| "no such file".into())
    }
}

#[test]
fn names_of_used_files_are_known() {
    let files = Files(&[
        ("a/voices.modu", "/// Bright.\nlead(freq, wide = 2) = sin(freq)\n_own = 3\n"),
        ("a/fx.modu", "dub(x) = x\n"),
    ]);
    let text =
        "use ./voices\nuse ./fx as fx\nuse std/filter as f\nout = lead(440hz, wide: 3) >> fx.dub >> f.lpf(2khz)\n";
    let document = Document::read("a/song.modu", text, &files, &mut Parser::new());
    let place = |part: &str| text.find(part).expect("there") + 1;
    let place_of = |part: &str| definition(&document, place(part)).into_iter().next().map(|p| (p.file, p.span.start));
    assert_eq!(place_of("lead("), Some((Location::Used(0), 12)));
    assert_eq!(place_of("wide: 3"), Some((Location::Used(0), 23)));
    assert_eq!(place_of("dub >>"), Some((Location::Used(1), 0)));
    assert_eq!(place_of("lpf(2khz").map(|p| p.0), Some(Location::Library("filter")));
    assert_eq!(place_of("voices"), Some((Location::Used(0), 0)));
    assert_eq!(place_of("std/filter"), Some((Location::Library("filter"), 0)));
    assert!(hover(&document, place("lead(")).unwrap().text.contains("Bright."));
    let labels = |text: &str, at: usize| -> Vec<String> {
        let document = Document::read("a/song.modu", text, &files, &mut Parser::new());
        complete(&document, at).into_iter().map(|c| c.label).collect()
    };
    let more = format!("{text}x = fx.");
    assert_eq!(labels(&more, more.len()), ["dub"]);
    let more = format!("{text}x = f.");
    assert!(labels(&more, more.len()).contains(&"lpf".to_string()));
    let more = format!("{text}x = ");
    let all = labels(&more, more.len());
    assert!(all.contains(&"lead".to_string()) && !all.contains(&"_own".to_string()));
    assert!(rename(&document, place("lead("), "solo_lead").unwrap_err().reason.contains("rename it there"));
}

#[test]
fn renaming_changes_what_speaks_of_the_name_and_nothing_else() {
    let document = Document::new("song.modu", SONG);
    let place = |part: &str| SONG.find(part).expect("there") + 1;
    let becomes =
        |part: &str, to: &str| rename(&document, place(part), to).map(|edit| edit.apply(SONG).expect("it fits"));
    assert_eq!(becomes("env = ad", "shape_").unwrap(), SONG.replace("env", "shape_"));
    let bass = SONG.replace("bass =", "deep =").replace("bass:", "deep:").replace("bass.", "deep.");
    assert_eq!(becomes("bass = ", "deep").unwrap(), bass);
    assert_eq!(becomes("b: \"bd sd\"", "full").unwrap().matches("full").count(), 4);
    assert!(becomes("env = ad", "acid").unwrap_err().reason.contains("already means"));
    assert!(becomes("env = ad", "then").unwrap_err().reason.contains("cannot be a name"));
    assert!(becomes("ladder(", "x_").unwrap_err().reason.contains("not of this file"));
    assert!(becomes("freq, gate", "hertz").unwrap_err().reason.contains("voice"));
    let (document, place) = at("f(x, q| = 2) = x * q\nout = f(1, q: 3)\n");
    let text = document.text().to_string();
    let after = rename(&document, place, "amount").unwrap().apply(&text).unwrap();
    assert_eq!(after, "f(x, amount = 2) = x * amount\nout = f(1, amount: 3)\n");
}

#[test]
fn a_rename_changes_exactly_the_references() {
    // Two ways of finding who speaks of a statement (the edits' own, and the resolver) agree over all examples.
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for file in
        std::fs::read_dir(folder).unwrap().flatten().filter(|f| f.path().extension().is_some_and(|e| e == "modu"))
    {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let document = Document::new("song.modu", &text);
        for o in document.occurrences().iter().filter(|o| o.defines && matches!(o.target, Target::Statement(_))) {
            let Ok(edit) = rename(&document, o.span.start as usize, "some_other_name") else { continue };
            let spliced: Vec<usize> = edit.splices.iter().map(|s| s.range.start).collect();
            let spoken: Vec<usize> =
                references(&document, o.span.start as usize).iter().map(|s| s.start as usize).collect();
            assert_eq!(spliced, spoken, "{}", file.path().display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn the_outline_names_statements_and_what_is_in_them() {
    let document = Document::new("song.modu", SONG);
    let shown = |s: &Symbol| format!("{} {:?} {}", s.name, s.kind, s.children.len());
    let all: Vec<String> = symbols(&document).iter().map(shown).collect();
    assert_eq!(all, ["acid Function 1", "room Bus 0", "bass Track 0", "drums Track 2", "drop Scene 0"]);
    for s in symbols(&document) {
        assert!(s.span.start <= s.selection.start && s.selection.end <= s.span.end, "{s:?}");
    }
}

#[test]
fn marks_cover_the_words_by_what_they_mean() {
    let document = Document::new("song.modu", SONG);
    let class = |part: &str| {
        let place = SONG.find(part).expect("there") as u32;
        highlight(&document).into_iter().find(|m| m.span.start == place).map(|m| (m.class, m.defines, m.library))
    };
    assert_eq!(class("/// A"), Some((Class::Comment, false, false)));
    assert_eq!(class("acid(freq"), Some((Class::Function, true, false)));
    assert_eq!(class("freq, gate"), Some((Class::Parameter, true, false)));
    assert_eq!(class("ladder("), Some((Class::Function, false, true)));
    assert_eq!(class("res:"), Some((Class::Parameter, false, false)));
    assert_eq!(class("track bass"), Some((Class::Keyword, false, false)));
    assert_eq!(class("minor"), Some((Class::Variable, false, false)));
    assert_eq!(class("next bar"), Some((Class::Keyword, false, false)));
    assert_eq!(class("\"0 3 7\""), Some((Class::Pattern, false, false)));
    let marks = highlight(&document);
    assert!(marks.windows(2).all(|w| w[0].span.end <= w[1].span.start));
}

#[test]
fn any_text_and_any_place_have_an_answer() {
    const PIECES: &[&str] = &[
        "(",
        ")",
        "{",
        "}",
        "[",
        "\"",
        "'",
        ".",
        ",",
        ":",
        ">>",
        "=>",
        "=",
        "\n",
        "\r",
        "\u{1d11e}",
        "é",
        "//",
        "use ",
        "it",
        "3/",
        "\0",
    ];
    let mut dice = Rng::new(0xC0FF_EE11);
    for n in 0..600 {
        let mut chars: Vec<char> = SONG.chars().collect();
        for _ in 0..1 + dice.below(8) {
            let from = dice.below(chars.len());
            let len = dice.below(30).min(chars.len() - from);
            match dice.below(3) {
                0 => drop(chars.drain(from..from + len)),
                1 => drop(chars.splice(from..from, PIECES[dice.below(PIECES.len())].chars())),
                _ => chars.truncate(from),
            }
            if chars.is_empty() {
                chars.push('x');
            }
        }
        let text: String = chars.into_iter().collect();
        let document = Document::new("song.modu", &text);
        let inside = |s: Span| text.get(s.start as usize..s.end as usize).is_some();
        assert!(document.occurrences().iter().all(|o| inside(o.span)), "{n}\n{text}");
        assert!(highlight(&document).iter().all(|m| inside(m.span)), "{n}\n{text}");
        for s in symbols(&document) {
            assert!(
                inside(s.span) && s.span.start <= s.selection.start && s.selection.end <= s.span.end,
                "{n}\n{text}"
            );
        }
        for _ in 0..6 {
            let place = dice.below(text.len() + 3);
            for c in complete(&document, place) {
                assert!(inside(c.replace), "{n} {place} {c:?}\n{text}");
            }
            signature(&document, place);
            assert!(hover(&document, place).is_none_or(|h| inside(h.span)), "{n} {place}\n{text}");
            assert!(references(&document, place).into_iter().all(inside));
            definition(&document, place);
            if let Ok(edit) = rename(&document, place, "fresh_name") {
                let after = edit.apply(&text).expect("it fits");
                assert_eq!(edit.inverse(&text).unwrap().apply(&after).as_deref(), Some(text.as_str()));
            }
        }
    }
}
