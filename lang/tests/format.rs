//! What the formatter promises: nothing but blanks changes, the tree stays, once is enough, and texts that are laid
//! out well stay as they are.

use modurust_lang::dice::Dice;
use modurust_lang::format::{format, same_meaning};
use modurust_lang::{FileId, Source};

fn formatted(text: &str) -> String {
    let out = format(FileId(0), &Source::new("test.modu", text)).text;
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(bare(&out), bare(text), "only blanks may change");
    assert!(same_meaning(text, &out), "{text}\nbecame\n{out}");
    let again = format(FileId(0), &Source::new("test.modu", out.as_str())).text;
    assert_eq!(again, out, "once is enough for\n{text}");
    out
}

#[track_caller]
fn becomes(text: &str, wanted: &str) {
    let wrong = format(FileId(0), &Source::new("test.modu", text)).diagnostics;
    assert!(wrong.is_empty(), "{text}\ncannot be read: {wrong:?}");
    assert_eq!(formatted(text), wanted, "from\n{text}");
}

fn files(folder: &str) -> Vec<(String, String)> {
    let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "modu"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_library_the_examples_and_the_benches_are_formatted() {
    for folder in ["../stdlib", "../examples", "../benches", "tests/programs"] {
        for (name, text) in files(folder) {
            let out = formatted(&text);
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                std::fs::write(&name, &out).unwrap();
                continue;
            }
            let line = text.lines().zip(out.lines()).find(|(old, new)| old != new);
            assert!(out == text, "run `modurust fmt {name}`: {line:?}");
        }
    }
}

#[test]
fn blanks_between_tokens() {
    becomes("a=1+2 *x", "a = 1 + 2 * x\n");
    becomes("a=6*env+4*x^2", "a = 6*env + 4*x^2\n");
    becomes("a = 6 *env", "a = 6 * env\n");
    becomes("f( x,q :hz=1 in -1 .. 1  log )=x", "f(x, q: hz = 1 in -1..1 log) = x\n");
    becomes("a = f( -x , q:[ 1,-2 ] )[ 0 ].b''>>g", "a = f(-x, q: [1, -2])[0].b'' >> g\n");
    becomes("a = - - x - -y", "a = --x - -y\n");
    becomes("a = not(x) and(y)", "a = not (x) and (y)\n");
    becomes("a = { b=1  b*2 }", "a = { b = 1  b*2 }\n");
    becomes("a = par(3,k=>{k})", "a = par(3, k => { k })\n");
    becomes("a = {}", "a = {}\n");
    becomes("tempo\t120bpm   // fast", "tempo 120bpm  // fast\n");
    becomes("use   ../a/b @1.2  as  c", "use ../a/b@1.2 as c\n");
    becomes("meter 7/8", "meter 7/8\n");
    becomes("meter 3/4  from  8bars", "meter 3/4 from 8bars\n");
    becomes("play song  from 1bar to  2bars", "play song from 1bar to 2bars\n");
    becomes("a = 3/8n+3 / 8", "a = 3/8n + 3 / 8\n");
    becomes("automate a.b{0bar:1,8bar:2 hold}", "automate a.b { 0bar: 1, 8bar: 2 hold }\n");
    becomes("scene s{a:b,c:off}for 2bars then s(3)|t", "scene s { a: b, c: off } for 2bars then s(3) | t\n");
    becomes("a = x ~>y over  (3) exp", "a = x ~> y over (3) exp\n");
}

#[test]
fn lines_are_indented_by_what_they_belong_to() {
    becomes("a = x\n>> f\n      >> g", "a = x\n  >> f\n  >> g\n");
    becomes("a(x) =\n f(x)\n>> g", "a(x) =\n  f(x)\n    >> g\n");
    becomes("a = {\n b = x\n >> f\n\n\n b\n  }\n>> g", "a = {\n  b = x\n    >> f\n\n  b\n}\n  >> g\n");
    becomes("a = { b = 1\n c = 2\n   b + c }", "a = { b = 1\n      c = 2\n      b + c }\n");
    becomes("a = f(1, k => {\n k\n})", "a = f(1, k => {\n  k\n})\n");
    becomes("a = f(x,\n      y)\nb = f(x,\n  y)", "a = f(x,\n      y)\nb = f(x,\n  y)\n");
    becomes("a = [\n 1,\n 2\n]", "a = [\n  1,\n  2\n]\n");
    becomes(
        "track t = clips {\n  a: b\n   c: d for 1bar\n    } >> e",
        "track t = clips {\n  a: b\n  c: d for 1bar\n} >> e\n",
    );
    becomes("ff(x,\n  y) = {\n x\n  }", "ff(x,\n    y) = {\n  x\n}\n");
    becomes("a =\n if x\n then y\n else {\n z\n }", "a =\n  if x\n  then y\n  else {\n    z\n  }\n");
    becomes("   a = 1\n   b = 2", "a = 1\nb = 2\n");
}

#[test]
fn columns_that_line_up_stay_lined_up() {
    let kept = [
        "ab  = 1\nabc = 2\n",
        "arrange {\n  a   8bars\n  bc 16bars xfade 1bar\n  d   4bars\n}\n",
        "arrange {\n  intro  16bars\n  groove 32bars\n  rest    8bars\n  intro  24bars\n}\n",
        "arrange {\n  ab  16bars\n  abc 32bars\n  a   8bars\n}\n",
        "scene a   { t: x }\nscene bcd { t: y, u: z }\n",
        "track t = clips {\n  a: \"bd\"        for 1bar then b\n  b: \"bd*4, sn\"  for 2bars\n}\n",
        "a = 1       // one\nbc = 1 + 2  // two\n",
    ];
    for text in kept {
        becomes(text, text);
    }
    becomes("ab    = 1\nabcd  = 22*x", "ab   = 1\nabcd = 22*x\n");
    becomes("a   = 1\n\nbcd = 2", "a = 1\n\nbcd = 2\n");
    becomes("a = 1 // one\nbc = 2       // two", "a = 1   // one\nbc = 2  // two\n");
}

#[test]
fn comments_stay_where_they_stand() {
    becomes(
        "// head\n\n\n\n/// doc\na = { // why\n// inner\n b = 1 // one\n // last\n}\n  // >> off\n\n   // alone\n",
        "// head\n\n/// doc\na = {  // why\n  // inner\n  b = 1  // one\n  // last\n}\n  // >> off\n\n// alone\n",
    );
    becomes("a = x\n// between\n>> f", "a = x\n  // between\n  >> f\n");
    becomes("a = \"bd // no\n   sn\"   >> f", "a = \"bd // no\n   sn\" >> f\n");
    becomes("a = {\n    /// doc\n  b(x)=x\n b\n}", "a = {\n  /// doc\n  b(x) = x\n  b\n}\n");
    becomes("\u{feff}a=1\r\nb  =  2 // é\r\n", "\u{feff}a = 1\r\nb = 2  // é\r\n");
    becomes("", "");
    becomes("// only", "// only\n");
}

#[test]
fn broken_statements_are_left_alone() {
    let source = Source::new("test.modu", "a=1\nb = (2   +\n   3  \nc=f(x\nd  = 4");
    let out = format(FileId(0), &source);
    assert_eq!(out.text, "a = 1\nb = (2   +\n   3  \nc=f(x\nd = 4\n");
    assert_eq!(out.diagnostics.len(), 2);
}

/// Texts whose blanks were thrown about, and texts that were cut and joined anywhere.
#[test]
fn any_text_keeps_its_tree_and_is_done_in_one_go() {
    let mut dice = Dice::new(7);
    let mut texts: Vec<String> = ["../examples", "tests/programs"].iter().flat_map(|f| files(f)).map(|f| f.1).collect();
    let library: Vec<String> = files("../stdlib").into_iter().map(|f| f.1).collect();
    for text in &library {
        texts.extend(text.split("\n\n").take(6).map(str::to_string));
    }
    for round in 0..600 {
        let text = &texts[dice.below(texts.len())];
        let mut out = String::new();
        for c in text.chars() {
            match (c, dice.below(14)) {
                (' ', 0) => out.push_str("    "),
                (' ', 1) => out.push('\t'),
                (' ', 2) => out.push_str("\n  "),
                ('\n', 0) => out.push_str("\n\n\n"),
                ('\n', 1) => out.push_str("   \n"),
                ('\n', 2) => out.push_str(" // x\n"),
                ('\n', 3) => out.push_str("\n "),
                (_, 0) if round % 3 == 0 && dice.below(40) == 0 => {}
                _ => out.push(c),
            }
        }
        formatted(&out);
    }
}

/// Texts of pieces that hardly go together: quotes that may be primes, brackets, comments and words, on lines of their own or not.
#[test]
fn odd_texts_keep_their_tree() {
    const PIECES: [&str; 38] = [
        "x",
        "f(",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "change'",
        "'a b'",
        "'",
        "\"",
        "\"0 3\"",
        ",",
        "0.3",
        "-",
        ">>",
        "=",
        "out =",
        "track a =",
        "clips {",
        "a:",
        "if",
        "then",
        "else",
        "=>",
        "~>",
        "..",
        ".",
        "not",
        "//",
        "/// d",
        "use ./a",
        "é",
        "1/8",
        "y'",
        "*",
    ];
    let mut dice = Dice::new(11);
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..1 + dice.below(14) {
            text += dice.pick(&PIECES);
            text += dice.pick(&["", "", " ", " ", "  ", "\n", "\n  ", "\n\n", "\t"]);
        }
        formatted(&text);
    }
}
