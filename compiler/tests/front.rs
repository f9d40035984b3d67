//! The front stage from outside: what texts mean as graphs, and what wrong texts are told.
//!
//! Only primitives and functions of the text are used, so that the standard library may change freely.

use modurust_compiler::exec::Backend;
use modurust_compiler::front::{Compiler, Elaborated, Options, World};
use modurust_compiler::graph::{Node, OutKind};
use modurust_compiler::passes::Passes;
use modurust_compiler::program::{FieldSource, UnitKind};

/// Files by name.
struct Files(Vec<(&'static str, String)>);

impl World for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.iter().find(|(name, _)| *name == path).map(|(_, text)| text.clone()).ok_or_else(|| "no such file".into())
    }
}

fn options() -> Options {
    Options { sample_rate: 48_000, passes: Passes::Exact, backend: Backend::Jit, seed: 0, verify: true }
}

fn elaborate(text: &str) -> (Option<Elaborated>, String) {
    let files = Files(vec![("a.modu", text.to_string())]);
    let (elaborated, diagnostics, sources) = Compiler::new(options()).elaborate(&files, &["a.modu".to_string()]);
    (elaborated, modurust_lang::diag::render(&diagnostics, &sources, false))
}

fn good(text: &str) -> Elaborated {
    let (elaborated, messages) = elaborate(text);
    elaborated.unwrap_or_else(|| panic!("{messages}"))
}

/// The text is refused with exactly one error that contains every piece.
fn refused(text: &str, pieces: &[&str]) {
    let (elaborated, messages) = elaborate(text);
    assert!(elaborated.is_none(), "accepted: {text}");
    for piece in pieces {
        assert!(messages.contains(piece), "no `{piece}` in:\n{messages}");
    }
    assert_eq!(messages.matches("error[").count(), 1, "{messages}");
}

#[test]
fn literals_of_the_user_are_parameters_and_a_changed_number_changes_no_structure() {
    let a = good("out = prim.fromint(prim.frame()) * 0.5 + 3hz");
    let b = good("out = prim.fromint(prim.frame()) * 0.25 + 4hz");
    let c = good("out = prim.fromint(prim.frame()) * 0.25 - 4hz");
    let hash = modurust_compiler::exec::hash;
    assert_eq!(a.graph.params.len(), 2);
    assert_eq!(hash(&a.graph), hash(&b.graph));
    assert_ne!(hash(&a.graph), hash(&c.graph));
    assert_ne!(a.graph.params, b.graph.params);
}

#[test]
fn a_prime_makes_one_cell_with_the_channels_of_its_value() {
    let e = good("smooth(x, c = 0.1) = { y = y' + c * (x - y') }\nout = mix(smooth([1, 2, 3]))");
    assert_eq!(e.graph.cells.len(), 1);
    assert_eq!(e.graph.cells[0].lanes, 3);
    assert_eq!(e.graph.path(e.graph.cells[0].frame), "out/smooth");
    assert_eq!(&*e.graph.cells[0].name, "y");
}

#[test]
fn nested_loops_settle_on_their_shapes() {
    let text = "lp(x) = { y = y' + 0.1 * (x - y') }\n\
                echo(x) = { e = x + 0.5 * lp(lp(e')) }\n\
                out = echo(echo([1, 2]))";
    let e = good(text);
    assert_eq!(e.graph.cells.len(), 6);
    assert!(e.graph.cells.iter().all(|c| c.lanes == 2 && c.next.is_some()));
}

#[test]
fn names_of_a_block_may_stand_in_any_order_when_a_ring_is_in_the_loop() {
    let text = "pluck(x) = { s = prim.tap(r, 100)\n  r = prim.ring(x + 0.9 * avg, 0.1s)\n  avg = (s + s') / 2\n  s }\nout = pluck(1)";
    let e = good(text);
    assert_eq!((e.graph.rings.len(), e.graph.cells.len()), (1, 1));
    assert!(e.graph.rings[0].input.is_some());
}

#[test]
fn a_feedback_met_inside_another_that_widens_is_still_itself() {
    let text = "f(x) = { late = prim.tap(r, [480, 528])\n  dark = late + 0.5 * (dark' - late)\n  r = prim.ring(x + 0.9 * dark, 80ms)\n  late }\nout = f(1)";
    let e = good(text);
    assert_eq!((e.graph.cells.len(), e.graph.cells[0].lanes, e.graph.rings[0].lanes), (1, 2, 2));
    let dark = e.graph.cells[0].next.expect("closed");
    assert!(!matches!(e.graph.node(dark), Node::Tap(..)), "the damping is lost: {:?}", e.graph.nodes);
}

#[test]
fn a_memory_that_is_read_twice_is_one() {
    let e = good("f(x) = { y = x * 2\n  y + y' + y' }\nout = f(prim.fromint(prim.frame()))");
    assert_eq!(e.graph.cells.len(), 1);
}

#[test]
fn a_line_is_drawn_only_where_a_value_changes_once_a_quantum() {
    let e = good("out = prim.line(0.5 * 2) + prim.line(prim.fromint(prim.frame()))");
    assert_eq!(e.graph.nodes.iter().filter(|n| matches!(n, Node::Line(_))).count(), 1);
}

#[test]
fn a_loop_without_delay_prints_the_way_round() {
    refused("f(x) = { a = x + b\n  b = a * 2\n  a }\nout = f(1)", &["error[cycle ", "a -> b -> a", "a'"]);
}

#[test]
fn a_voice_is_one_body_whatever_the_number_of_voices() {
    let voice = "tone(freq, gate, vel, bright = 2) = freq * gate * vel * bright\n";
    let small = good(&format!("{voice}track t = \"c4 e4\" >> poly(2, tone)"));
    let large = good(&format!("{voice}track t = \"c4 e4\" >> poly(64, tone)"));
    assert_eq!(small.graph.nodes.len(), large.graph.nodes.len());
    let unit = &large.units[0];
    assert_eq!((unit.kind, unit.voices), (UnitKind::Poly, 64));
    let sources = unit.fields.iter().map(|f| f.source).collect::<Vec<_>>();
    assert_eq!(sources, [FieldSource::Freq, FieldSource::Gate, FieldSource::Vel]);
    assert!(large.graph.params.iter().any(|p| &*p.name == "t.bright" && p.value == 2.0));
    assert!(large.graph.nodes.iter().any(|n| matches!(n, Node::Reduce(_, 1))));
}

#[test]
fn fields_of_events_become_rows_and_others_take_defaults() {
    let text = "tone(freq, gate, cut = 400hz, acc = 0.5) = freq * gate * cut * acc\n\
                track t = \"c4 e4\" >> with(acc: \"1 0\", cut: 300hz ~> 2khz over 16bars) >> mono(tone)";
    let e = good(text);
    let fields = &e.units[0].fields;
    assert_eq!(fields.len(), 4);
    assert!(matches!(fields[2].source, FieldSource::Named(_)));
    assert_eq!((fields[2].default, fields[3].default), (400.0, 0.5));
}

#[test]
fn what_is_piped_enters_the_first_call_or_it() {
    let text = "gain(x, g = 2) = x * g\nadd1(x) = x + 1\n";
    let same = |a: &str, b: &str| {
        let (a, b) = (good(&format!("{text}out = {a}")), good(&format!("{text}out = {b}")));
        assert_eq!(a.graph.nodes, b.graph.nodes);
    };
    same("3 >> gain(0.5) * add1(4)", "gain(3, 0.5) * add1(4)");
    same("3 >> add1", "add1(3)");
    same("3 >> it * 2 + add1(it)", "3 * 2 + add1(3)");
    same("3 >> (x => x * 2)", "3 * 2");
    refused("out = 3 >> 2 * 4", &["error[pipe ", "`it`"]);
}

#[test]
fn units_are_brought_over_or_refused_with_a_mend() {
    let osc = "osc(freq: hz) = freq * 1\n";
    let value = |arg: &str| {
        let e = good(&format!("{osc}out = osc({arg})"));
        e.graph.params[0].value
    };
    assert_eq!(value("800hz"), 800.0);
    assert_eq!(value("a4"), 440.0);
    assert_eq!(value("1bar"), 0.5);
    assert_eq!(value("440hz + 12st"), 880.0);
    refused(
        &format!("{osc}out = osc(800)"),
        &["error[unit ", "`osc` wants a frequency for `freq`, got a plain number", "800hz"],
    );
    refused(&format!("{osc}out = osc(800ms)"), &["error[unit ", "got a time", "0.8 s", "800hz"]);
    refused("wait(t: s) = t\nout = wait(0.3)", &["error[unit ", "`0.3s` or `0.3b`"]);
    refused("out = 3hz + 2s", &["error[type ", "a frequency and a time cannot be added"]);
}

#[test]
fn decibels_are_factors_in_products() {
    let e = good("out = 1 * -20db");
    let value = e.graph.params[0].value;
    assert!((value - 0.1).abs() < 1e-6, "{value}");
}

#[test]
fn wrong_calls_are_explained() {
    refused("f(x, q = 1) = x * q\nout = f(1, w: 2)", &["error[arity ", "has no parameter `w`", "`q`"]);
    refused("f(x, q = 1) = x * q\nout = f(1, 2, 3)", &["error[arity ", "takes 2 arguments", "f(x, q)"]);
    refused("f(x, y) = x * y\nout = f(1)", &["error[arity ", "`f` wants `y`"]);
    refused("tone(x) = x\nout = tne(1)", &["error[name ", "nothing is called `tne`", "did you mean `tone`?"]);
    refused("f(x) = f(x)\nout = f(1)", &["error[cycle ", "`f` calls itself"]);
    refused("track t = \"0 3 7\"", &["error[silent ", "a pattern alone makes no sound", "mono"]);
    refused("track t = \"0 [3 7\" >> fast(2)", &["error[pattern "]);
    refused(
        "tone(freq, gate, hard) = freq * gate * hard\ntrack t = \"0\" >> mono(tone)",
        &["error[arity ", "wants `hard`", "with(hard"],
    );
}

#[test]
fn buses_sum_what_is_sent_and_master_processes_the_whole() {
    let text = "bus verb = in * 0.5\nbus master = in * 0.9\ntrack a = [1, 2] >> send(verb, -6db)\ntrack b = 3 >> send(verb, 0db)";
    let e = good(text);
    let names = e.graph.outs.iter().map(|o| (o.name.as_str(), o.kind)).collect::<Vec<_>>();
    let track = OutKind::Track;
    assert_eq!(names, [("a", track), ("b", track), ("verb", track), ("master", track), ("master", OutKind::Master)]);
    let (_, messages) = elaborate("bus verb = in * 0.5\nout = 1");
    assert!(messages.contains("nothing is sent to the bus `verb`"), "{messages}");
}

#[test]
fn a_scope_is_an_output_beside_those_of_tracks() {
    let text = "track a = saw(110hz) * 0.3 >> scope('raw') >> lpf(800hz)\ntrack b = 3 >> scope";
    let e = good(text);
    let names = e.graph.outs.iter().map(|o| (o.name.as_str(), o.kind)).collect::<Vec<_>>();
    let (track, scope) = (OutKind::Track, OutKind::Scope);
    assert_eq!(names[..4], [("raw", scope), ("a", track), ("scope", scope), ("b", track)]);
    refused("out = 1 >> scope(2)", &["error[type ", "single quotes"]);
    let voice = "v(freq, gate) = sin(freq) * gate >> scope\ntrack t = \"0\" >> poly(4, v)";
    refused(voice, &["error[type ", "behind the voices"]);
}

#[test]
fn a_used_file_brings_definitions_and_stays_silent() {
    let files = Files(vec![
        ("dir/song.modu", "use ./lib/tone\nuse ./lib/other as o\nout = tone(2) + o.tone(3)".into()),
        ("dir/lib/tone.modu", "tempo 77bpm\ntone(x) = x * k\nk = 5\ntrack t = 9".into()),
        ("dir/lib/other.modu", "tone(x) = x * 7".into()),
    ]);
    let (e, diagnostics, sources) = Compiler::new(options()).elaborate(&files, &["dir/song.modu".to_string()]);
    let e = e.unwrap_or_else(|| panic!("{}", modurust_lang::diag::render(&diagnostics, &sources, false)));
    assert_eq!(e.graph.outs.len(), 2);
    assert_eq!(e.timing.bpm.to_f64(), 120.0);
    assert_eq!(sources.len(), 3);
}

#[test]
fn a_missing_file_says_which() {
    refused("use ./gone\nout = 1", &["error[file ", "gone.modu"]);
}

#[test]
fn errors_in_one_statement_do_not_hide_those_in_another() {
    let (e, messages) = elaborate("a = foo(1)\nb = = 2\nout = bar(2)");
    assert!(e.is_none());
    assert_eq!(messages.matches("error[").count(), 3, "{messages}");
}

#[test]
fn deep_texts_end_in_a_message_and_not_in_a_crash() {
    let sum = format!("out = {}1", "1 + ".repeat(250));
    let (e, messages) = elaborate(&sum);
    assert!(e.is_some(), "{messages}");
    let calls = "f(x) = x\n".to_string() + &format!("out = {}1{}", "f(".repeat(150), ")".repeat(150));
    let _ = elaborate(&calls);
    let copies = "out = sum(1000, a => sum(1000, b => a * b))";
    let (e, messages) = elaborate(copies);
    assert!(e.is_none() && messages.contains("too large"), "{messages}");
}

/// An echo by primitives, as the library writes it.
fn echo(time: &str) -> Elaborated {
    good(&format!(
        "late(line, n) = {{ m = prim.line(n)\n  near = prim.tap(line, floor(m))\n  near + (m - floor(m)) * (prim.tap(line, floor(m) + 1) - near) }}\n\
         wet = 0.1 * prim.unit(prim.frame()) + 0.5 * late(prim.ring(wet, {time}), {time} * sr)\n\
         floor(x) = prim.floor(x)\n\
         out = wet"
    ))
}

#[test]
fn a_long_echo_is_no_recursion_and_a_short_one_is_another_patch() {
    use modurust_compiler::exec::hash;
    let recursive = |e: &Elaborated| {
        let info = modurust_compiler::graph::check::check(&e.graph).expect("valid");
        assert_eq!(e.graph.nodes.iter().filter(|n| matches!(n, Node::Tap(..))).count(), 2);
        info.tap_recursive.iter().filter(|r| **r).count()
    };
    let (long, other, short, shorter) = (echo("300ms"), echo("3ms"), echo("2ms"), echo("1ms"));
    assert_eq!([&long, &other, &short, &shorter].map(recursive), [0, 0, 2, 2]);
    assert_eq!(hash(&long.graph), hash(&other.graph), "a number moved, nothing else");
    assert_eq!(hash(&short.graph), hash(&shorter.graph));
    assert_ne!(hash(&long.graph), hash(&short.graph), "a short echo must not glide into the bound of a long one");
}

#[test]
fn what_is_drawn_between_quanta_is_told_to_move_every_sample() {
    let mut compiler = Compiler::new(options());
    let mut told = |text: &str| {
        let (found, messages) =
            compiler.describe(&Files(vec![("a.modu", "x = 0.5\n".into())]), &["a.modu".to_string()], text);
        found.unwrap_or_else(|| panic!("{messages:?}"))
    };
    assert_eq!(told("prim.line(prim.max(x, 0.1))"), "a signal, 1 channel, every sample");
}
