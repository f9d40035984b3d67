//! What reading promises: good programs give no diagnostics, any text at all gives a tree and diagnostics inside
//! the text, soon, and what is printed reads as the same tree.

use modurust_lang::dice::Dice;
use modurust_lang::print::print_item;
use modurust_lang::{FileId, Item, Source, parse};
use std::time::{Duration, Instant};

/// The programs of the manual.
fn programs() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs");
    let mut programs: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    programs.sort();
    assert!(programs.len() >= 12);
    programs
}

/// Statements that the programs do not use, each written as it is printed.
const CANONICAL: &[&str] = &[
    "use ../lib/x@1.2 as b",
    "meter 7/8",
    "meter 3/4 from 16bars",
    "seed (1 + 2) * 3",
    "link off",
    "/// Summary.\n///\n/// ex: lpf(x)\nlpf(x: sig[2], freq: hz = 1khz in 20hz..20khz log, q = 0.7 in -1..1) = x",
    "f() = 1",
    "a = b.c(1, x: 2)[3].d'' + \"bd*2 [sn, ~]\"' - 'text'.x",
    "a = -b ^ 2 * (-c) ^ 2 ^ -d",
    "a = (2 ^ 3) ^ 4 - (b - c) - d / (e * f)",
    "a = not b == c and d or not (e and f)",
    "a = b + (not c) < 0..n - 1",
    "a = (b >> c) * d >> e >> (f >> g)",
    "a = (b ~> c over 8bars exp) ~> d sine >> e",
    "a = if b then c else if d then e else f >> g",
    "a = (if b then c else d) + 1",
    "a = f((x, k) => x * k >> it, y => y, (if x then y else z).w)",
    "a = {}",
    "a = { b }",
    "a = {\n  /// Inner.\n  b(x) = x ~> 2 over 1bar\n  hold = 3\n  hold\n}",
    "a = {\n  b = x ~> 2\n  (hold)\n}",
    "a = {\n  b = c\n  (-d)\n}",
    "a = [[], [1], [c4, f#2, d#3, cb0, b#9]]",
    "a = 3/16n + 50% - 1.5khz * 2b / 8bars",
    "track t = clips {\n  a: b ~> c for 8bars then d(3) | next,\n  hold: e\n}",
    "scene s { t: a, u: off } for 16bars then s(1 + 1) | stop",
    "arrange song {\n  a 8bars xfade 2bars { b.c: 1 ~> 2 exp, tempo: 124bpm }\n  d 1bar\n}",
    "automate a.b {\n  0bars: (1 ~> 2) exp,\n  8bars: 2 hold\n}",
    "launch a.b at next 1bar",
    "play song",
    "play song from 16bars",
    "play song from 16bars to 24bars at now",
    "automate x.y {\n  0bars: 1,\n  8bars: 2 spline\n}",
    "stop a at now",
    "export song to 'x y.wav' stems",
];

/// Parses anything and checks what must hold of any result. True if there was nothing to say.
fn survives(text: &str) -> bool {
    let source = Source::new("test.modu", text);
    let parsed = parse(FileId(0), &source);
    for found in &parsed.diagnostics {
        let (start, end) = (found.span.start as usize, found.span.end as usize);
        assert!(start <= end && end <= text.len(), "{found:?} in {text:?}");
        assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{found:?} in {text:?}");
        assert!(!found.message.is_empty() && found.is_error() && found.help.is_some(), "{found:?}");
    }
    let broken = parsed.stmts.iter().filter(|stmt| matches!(&*stmt.item, Item::Broken { .. })).count();
    assert_eq!(broken, parsed.diagnostics.len(), "one error per broken statement: {text:?}");
    for stmt in parsed.stmts {
        assert!(stmt.offset as usize <= text.len());
        round_trip(&stmt.item, text);
    }
    parsed.diagnostics.is_empty()
}

fn round_trip(item: &Item, text: &str) {
    if matches!(item, Item::Broken { .. }) {
        return;
    }
    let printed = print_item(item);
    let again = parse(FileId(0), &Source::new("print.modu", printed.as_str()));
    assert!(again.diagnostics.is_empty(), "{printed}\nfrom {text:?}\n{:?}", again.diagnostics);
    assert_eq!(again.stmts.len(), 1, "{printed}\nfrom {text:?}");
    assert_eq!(print_item(&again.stmts[0].item), printed, "from {text:?}");
    assert_eq!(bare(&again.stmts[0].item), bare(item), "from {text:?}");
}

/// A tree's debug text without places, as a second opinion on equality that does not rest on the printer.
fn bare(item: &Item) -> String {
    let mut text = format!("{item:?}");
    for word in ["span: Span { start: ", "text_start: "] {
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(i) = rest.find(word) {
            out.push_str(&rest[..i]);
            let tail = &rest[i + word.len()..];
            rest = &tail[tail.find('}').map_or(0, |end| end + 1)..];
        }
        out.push_str(rest);
        text = out;
    }
    text
}

#[test]
fn programs_are_read_without_complaint() {
    for (name, text) in programs() {
        let source = Source::new(name, text.as_str());
        let parsed = parse(FileId(0), &source);
        let shown = modurust_lang::diag::render(&parsed.diagnostics, std::slice::from_ref(&source), false);
        assert!(parsed.diagnostics.is_empty(), "{shown}");
        assert!(!parsed.stmts.is_empty());
    }
}

#[test]
fn canonical_text_is_printed_as_it_was_written() {
    for text in CANONICAL {
        let source = Source::new("test.modu", *text);
        let parsed = parse(FileId(0), &source);
        let shown = modurust_lang::diag::render(&parsed.diagnostics, std::slice::from_ref(&source), false);
        assert!(parsed.diagnostics.is_empty(), "{shown}");
        assert_eq!(parsed.stmts.len(), 1, "{text}");
        assert_eq!(print_item(&parsed.stmts[0].item), *text);
    }
}

#[test]
fn every_prefix_and_suffix_survives() {
    for (_, text) in programs() {
        assert!(survives(&text));
        for (i, _) in text.char_indices() {
            survives(&text[..i]);
            survives(&text[i..]);
        }
    }
}

#[test]
fn random_mutations_survive() {
    const PIECES: &[&str] = &[
        "(", ")", "[", "]", "{", "}", "\"", "'", "=", "=>", ">>", "~>", " ", "\n", "\n  ", ",", ":", ".", "..", "-",
        "+", "not ", "if ", " then ", " else ", "for ", "a1", "x", "8bars", "3/16n", "800htz", "//", "///", "é", "“",
        "\0", "\t", "in ", "it", "exp ", "hold", "track ", "clips {", "@", "|", "1.5", "%", "^", "#",
    ];
    let mut corpus: Vec<String> = programs().into_iter().map(|(_, text)| text).collect();
    corpus.extend(CANONICAL.iter().map(|text| text.to_string()));
    let mut dice = Dice::new(7);
    let mut good = 0;
    for _ in 0..5_000 {
        let mut text = corpus[dice.below(corpus.len())].clone();
        for _ in 0..1 + dice.below(3) {
            let chars: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
            let (a, b) = (chars[dice.below(chars.len())], chars[dice.below(chars.len())]);
            let (a, b) = (a.min(b), a.max(b).min(a.min(b) + 12));
            let b = (b..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap();
            match dice.below(4) {
                0 => text.replace_range(a..b, ""),
                1 => {
                    let piece = text[a..b].to_string();
                    text.insert_str(a, &piece);
                }
                2 => text.replace_range(a..b, PIECES[dice.below(PIECES.len())]),
                _ => text.insert_str(a, PIECES[dice.below(PIECES.len())]),
            }
        }
        good += usize::from(survives(&text));
    }
    // Some mutations are harmless; if none were, the test would not test the round trip.
    assert!(good > 200, "{good}");
}

#[test]
fn a_broken_statement_hurts_no_other() {
    let text = "a = 1\nb = (2\ntrack c = \"bd\nbus d = in >>\ne = 5\n";
    let parsed = parse(FileId(0), &Source::new("test.modu", text));
    let said: Vec<_> = parsed.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(said, ["bracket", "quote", "syntax"]);
    let names: Vec<_> = parsed
        .stmts
        .iter()
        .map(|stmt| match &*stmt.item {
            Item::Broken { name, .. } => format!("broken {}", name.as_deref().unwrap_or("?")),
            item => print_item(item),
        })
        .collect();
    assert_eq!(names, ["a = 1", "broken b", "broken c", "broken d", "e = 5"]);
}

#[test]
fn a_pattern_may_run_over_indented_lines() {
    let code = |text: &str| parse(FileId(0), &Source::new("test.modu", text)).diagnostics.first().map(|d| d.code);
    assert_eq!(code("a = \"bd sn // x\n  hh*2\"\n  >> f\nb = 1"), None);
    assert_eq!(code("a = \"bd sn\n  hh*2\" >> f(1 2)"), Some("syntax"));
    assert_eq!(code("a = f(\"bd sn,\n  \"hh*2\")"), Some("quote"));
    assert_eq!(code("a = f(\"bd sn,\n  \"hh*2)"), Some("quote"));
}

#[test]
fn unchanged_statements_keep_their_tree() {
    let mut parser = parse::Parser::new();
    let before = parser.parse(FileId(0), &Source::new("test.modu", "a = 1\nb = 2\n"));
    let after = parser.parse(FileId(0), &Source::new("test.modu", "// new\na = 1\nc = 3\nb = 2\n"));
    assert!(std::sync::Arc::ptr_eq(&before.stmts[1].item, &after.stmts[2].item));
    assert_eq!((before.stmts[1].offset, after.stmts[2].offset), (6, 19));
}

fn soon(what: &str, text: &str) -> Vec<&'static str> {
    let start = Instant::now();
    let parsed = parse(FileId(0), &Source::new("test.modu", text));
    let took = start.elapsed();
    // What takes more than linear time here takes hours; a busy machine takes a few seconds.
    assert!(took < Duration::from_secs(60), "{what}: {took:?}");
    assert!(parsed.stmts.len() <= parse::MAX_STATEMENTS && parsed.diagnostics.len() <= parse::MAX_DIAGNOSTICS);
    parsed.diagnostics.iter().map(|found| found.code).collect()
}

#[test]
fn nesting_is_read_in_linear_time() {
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("f(a: ", ")"),
        ("[", "]"),
        ("{ ", " }"),
        ("{ b = ", " }"),
        ("x[", "]"),
        ("k => ", ""),
        ("(k, j) => ", ""),
        ("if a then b else ", ""),
        ("if ", " then a else b"),
        ("-", ""),
        ("not ", ""),
        ("clips { a: ", " }"),
        ("{ f(a: x[", "]) }"),
        ("{ f(a = ", ") = 1 }"),
    ] {
        let depth = |n: usize| format!("a = {}x{}", open.repeat(n), close.repeat(n));
        let n = if open.starts_with("{ f") { 60 } else { 150 };
        assert!(soon(open, &depth(n)).is_empty(), "{open}");
        assert_eq!(soon(open, &depth(201)), ["limit"], "{open}");
        assert_eq!(soon(open, &depth(100_000 / open.len())).len(), 1, "{open}");
        // Without the end the whole is wrong; finding out must not take exponential time either.
        assert!(soon(open, &format!("a = {}+{}", open.repeat(n), close.repeat(n))).len() == 1, "{open}");
    }
}

#[test]
fn long_chains_are_refused_before_they_hurt() {
    for link in [" >> f", " + x", "'", ".f", "(1)", "^x", " and x"] {
        assert!(soon(link, &format!("a = x{}", link.repeat(250))).is_empty(), "{link}");
        assert_eq!(soon(link, &format!("a = x{}", link.repeat(20_000))), ["limit"], "{link}");
    }
}

#[test]
fn large_texts_are_read_soon() {
    let megabytes = 10 << 20;
    assert_eq!(soon("one long line", &"x".repeat(megabytes)), ["limit"]);
    assert_eq!(soon("long pattern", &format!("a = \"{}\"", "bd ".repeat(megabytes / 3))), ["limit"]);
    assert_eq!(soon("open brackets", &"(".repeat(100_000)), ["limit"]);
    assert_eq!(soon("closing brackets", &format!("a = {}", ")".repeat(100_000))), ["bracket"]);
    assert_eq!(soon("open quotes", &format!("a = {}\"", "\"\n ".repeat(80_000))), ["quote"]);
    for piece in ["\"a\" ", "'a' ", "\"\"", "x ", "1 ", "(1) "] {
        assert_eq!(soon(piece, &format!("a = {}", piece.repeat(100_000))).len(), 1, "{piece}");
    }
    assert_eq!(soon("noughts", &"\0".repeat(100_000)), ["syntax"]);
    assert!(soon("blanks", &" \n".repeat(megabytes / 2)).is_empty());
    assert!(soon("comments", &"// x\n".repeat(megabytes / 5)).is_empty());
    assert!(soon("defs on a line", &format!("a = {{ {} }}", "b=1 ".repeat(50_000))).is_empty());
    assert!(soon("long array", &format!("a = [{}]", "1,".repeat(100_000))).is_empty());
    assert_eq!(soon("wrong array", &format!("a = [{};]", "1,".repeat(100_000))), ["syntax"]);
    assert_eq!(soon("statements", &"a=1\n".repeat(megabytes / 4)), ["limit"]);
    assert_eq!(soon("wrong statements", &"a=\n".repeat(100_000)).len(), parse::MAX_DIAGNOSTICS);
    assert_eq!(soon("doc lines", &"/// x\n".repeat(100_000)).len(), 0);
}

#[test]
fn a_single_expression() {
    let (expr, found) = parse::parse_expr(FileId(0), " saw(55hz) // x\n >> lpf(800hz)");
    assert!(found.is_empty());
    assert_eq!(modurust_lang::print::print_expr(&expr.unwrap()), "saw(55hz) >> lpf(800hz)");
    let (expr, found) = parse::parse_expr(FileId(7), "saw(55hz");
    assert!(expr.is_none() && found[0].code == "bracket" && found[0].file == FileId(7));
    assert!(parse::parse_expr(FileId(0), "").0.is_none());
    assert!(parse::parse_expr(FileId(0), "a = 1").0.is_none());
}
