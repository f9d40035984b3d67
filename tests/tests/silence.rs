//! Nothing is silent without a line that says why, and nothing that is meant to be silent is complained about.

use modurust_runtime::compiler::exec::Backend;
use modurust_tests::sound::compile;

/// What is said of a text, without colour.
fn said(text: &str) -> String {
    compile(text, Backend::Interp).render(false)
}

const SET: &str = "track a = clips { x: \"0\"  y: \"3\" } >> scale(a1, minor) >> mono(acid)
track b = clips { z: \"0\" } >> scale(a1, minor) >> mono(acid)\n";

#[test]
fn what_is_silent_is_told() {
    let set = |more: &str| format!("{SET}{more}");
    let cases = [
        ("x = saw(110hz)".to_string(), "nothing here makes sound"),
        (set("launch a.x"), "no clip of `b` plays"),
        (set("scene s { a: x }\nlaunch s"), "no clip of `b` plays"),
        (set("scene s { a: x }\narrange { s 4bars }"), "no clip of `b` plays"),
        ("track a = play('missing.wav')".into(), "there is no file `missing.wav`"),
        ("bus room = in >> reverb(2s)\ntrack a = sin(220hz) * 0.1".into(), "nothing is sent to the bus `room`"),
        ("v(freq) = saw(freq)\ntrack a = \"60\" >> poly(4, v)".into(), "`v` has no `gate`"),
        ("v(freq, gate) = saw(freq)\ntrack a = \"60\" >> poly(4, v)".into(), "`v` does not use its `gate`"),
        ("track a = \"0(5,0)\" >> scale(a1, minor) >> mono(acid)".into(), "a rhythm without steps is silent"),
        ("track a = \"60\" >> with(colour: 3) >> mono(acid)".into(), "no parameter `colour`"),
        ("track a = \"bd zz\" >> kit('tr909')".into(), "has no `zz`"),
        ("track a = \"bd sd\"".into(), "a pattern alone makes no sound"),
        ("track a = sin(220hz)\nautomate a.cutof { 0bars: 1, 4bars: 2 }".into(), "nothing called `cutof`"),
        ("tempo = 130\ntrack a = sin(220hz)".into(), "sets nothing"),
    ];
    for (text, words) in &cases {
        let said = said(text);
        assert!(said.contains(words), "{text}\nwanted `{words}`, got:\n{said}");
        assert_eq!(said.matches("warning[").count() + said.matches("error[").count(), 1, "one line:\n{text}\n{said}");
        assert!(said.contains("help: ") || text.contains("(5,0)"), "a mend:\n{text}\n{said}");
    }
}

#[test]
fn what_is_heard_is_not_complained_about() {
    let set = |more: &str| format!("{SET}{more}");
    let cases = [
        SET.to_string(),
        set("launch a.y\nlaunch b.z"),
        set("scene s { a: x, b: z }\nlaunch s"),
        set("scene s { a: x } for 4bars then t\nscene t { b: z }\narrange { s 4bars  t 4bars }"),
        "track a = \"~\" >> scale(a1, minor) >> mono(acid)".into(),
        "v(freq, gate, index = 1) = sin(freq) * gate * index\ntrack a = \"60\" >> with(index: 3) >> poly(4, v)".into(),
        "track a = \"bd sd\" >> with(vel: 0.3) >> kit('tr909')".into(),
        "unused = saw(110hz)\ntrack a = sin(220hz) * 0.1".into(),
    ];
    for text in &cases {
        assert_eq!(said(text), "", "{text}");
    }
}
