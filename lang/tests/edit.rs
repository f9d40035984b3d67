//! What structured edits promise: bytes outside the splices stay, comments stay, an edit's inverse gives the old text
//! back, the text is always read as meant, and what cannot be done is refused as a whole.

use modurust_lang::ast::Item;
use modurust_lang::dice::Dice;
use modurust_lang::edit::{Edit, Op, Planner, Slot, Splice, plan};
use modurust_lang::print::print_item;
use modurust_lang::token::{Kind, tokens};
use modurust_lang::{ExprKind, FileId, Source, Span, visit};

fn at(text: &str, part: &str) -> Span {
    let start = text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"));
    Span::new(start, start + part.len())
}

#[track_caller]
fn becomes(text: &str, op: &Op, wanted: &str) {
    let edit = plan(text, op).unwrap_or_else(|why| panic!("{op:?} was refused: {why}\n{text}"));
    let out = edit.apply(text).unwrap();
    assert_eq!(out, wanted);
    assert_eq!(edit.inverse(text).unwrap().apply(&out).unwrap(), text);
}

#[track_caller]
fn refused(text: &str, op: &Op, why: &str) {
    let reason = plan(text, op).expect_err("this must be refused").reason;
    assert!(reason.contains(why), "{reason}");
}

fn set(text: &str, call: &str, name: &str, value: &str) -> Op {
    Op::Set { call: at(text, call), slot: Slot::Named(name.into()), value: value.into() }
}

#[test]
fn arguments_are_set_where_they_stand_or_added() {
    let text = "// fat\r\nbass = lpf(osc, cutoff:  800hz)   // dark\r\n";
    let call = "lpf(osc, cutoff:  800hz)";
    becomes(text, &set(text, call, "cutoff", "950hz"), &text.replace("800hz", "950hz"));
    becomes(text, &set(text, call, "q", "2"), &text.replace("800hz)", "800hz, q: 2)"));
    let first = Op::Set { call: at(text, call), slot: Slot::Nth(0), value: "saw(c2)".into() };
    becomes(text, &first, &text.replace("osc", "saw(c2)"));
    let open = "a = f(\n  x,  // one\n)";
    becomes(open, &set(open, "f(\n  x,  // one\n)", "q", "1"), "a = f(\n  x, q: 1  // one\n)");
    becomes("a = f()", &set("a = f()", "f()", "q", "1"), "a = f(q: 1)");
    refused(text, &set(text, call, "q", "2)("), "");
    refused(text, &set(text, call, "q", "2 // x"), "one line");
    refused(text, &set(text, "osc", "q", "2"), "only a call");
}

#[test]
fn inputs_take_brackets_only_where_they_need_them() {
    let connect = |text: &str, input: &str, source: &str| Op::Connect { input: at(text, input), source: source.into() };
    let text = "a = b * 800hz\n";
    becomes(text, &connect(text, "800hz", "lfo"), "a = b * lfo\n");
    becomes(text, &connect(text, "800hz", "x + y"), "a = b * (x + y)\n");
    becomes("a = f(b)\n", &connect("a = f(b)\n", "b", "x + y"), "a = f(x + y)\n");
    let wire = "a = f(b)  // c\n";
    let insert = |stage: &str| Op::Insert { wire: at(wire, "b"), stage: stage.into() };
    becomes(wire, &insert("drive(2)"), "a = f(b >> drive(2))  // c\n");
    let sum = "a = x * y\n";
    let insert = Op::Insert { wire: at(sum, "y"), stage: "drive(2)".into() };
    becomes(sum, &insert, "a = x * (y >> drive(2))\n");
}

#[test]
fn renaming_follows_the_scopes() {
    let text = "osc = saw(c2)\nf(osc) = osc * 2\ng = k => { osc = k  osc }\ntrack t = osc + f(osc: osc)\nmute osc\n";
    let op = |to: &str| Op::Rename { name: "osc".into(), to: to.into() };
    let wanted = "src = saw(c2)\nf(osc) = osc * 2\ng = k => { osc = k  osc }\ntrack t = src + f(osc: src)\nmute src\n";
    becomes(text, &op("src"), wanted);
    refused(text, &op("t"), "already means");
    refused(text, &op("c4"), "cannot be a name");
    refused(text, &op("if"), "cannot be a name");
    refused("a = 1\nb = (a", &Op::Rename { name: "a".into(), to: "z".into() }, "mend that first");
    refused("a = 1\na = 2", &Op::Rename { name: "a".into(), to: "z".into() }, "2 times");
}

#[test]
fn statements_come_and_go_with_their_comments() {
    let text = "// head\n\n// why\nb = saw(c2) * 2  // loud\n  // >> off\nc = b + 1\n";
    let extract = Op::Extract { expr: at(text, "saw(c2)"), name: "osc".into() };
    let wanted = "// head\n\nosc = saw(c2)\n// why\nb = osc * 2  // loud\n  // >> off\nc = b + 1\n";
    becomes(text, &extract, wanted);
    becomes(text, &Op::Delete { name: "b".into() }, "// head\n\nc = 0 + 1\n");
    let last = Op::Move { name: "b".into(), before: None };
    becomes(text, &last, "// head\n\nc = b + 1\n// why\nb = saw(c2) * 2  // loud\n  // >> off\n");
    let up = Op::Move { name: "c".into(), before: Some("b".into()) };
    becomes(text, &up, "// head\n\nc = b + 1\n// why\nb = saw(c2) * 2  // loud\n  // >> off\n");
    refused(text, &Op::Inline { name: "b".into() }, "comments");
    let plain = "b = x + y\nc = b * 2\n";
    becomes(plain, &Op::Inline { name: "b".into() }, "c = (x + y) * 2\n");
    refused("b = noise\nc = b * b", &Op::Inline { name: "b".into() }, "2 times");
    refused("b = noise\nf(x) = b * x", &Op::Inline { name: "b".into() }, "each call");
    refused("b = x\nc = { x = 1  b + x }", &Op::Inline { name: "b".into() }, "something else");
    let inner = "f(x) = x + noise\n";
    refused(inner, &Op::Extract { expr: at(inner, "x + noise"), name: "n".into() }, "only here");
    refused(inner, &Op::Extract { expr: at(inner, "noise"), name: "n".into() }, "shared by all");
    refused("track t = x\nscene s { t: a }", &Op::Delete { name: "t".into() }, "line 2");
    refused("f(x) = x\ng = f(2)", &Op::Delete { name: "f".into() }, "line 2");
}

/// One of several, if there is one.
fn of<T: Clone>(dice: &mut Dice, all: &[T]) -> Option<T> {
    all.get(dice.below(all.len())).cloned()
}

#[test]
fn statements_are_added_written_again_and_removed() {
    let add = |text: &str, after: Option<&str>| Op::Add { text: text.into(), after: after.map(str::to_string) };
    becomes("", &add("a = 1", None), "a = 1\n");
    becomes("a = 1", &add("b = 2", None), "a = 1\nb = 2");
    becomes("a = 1  // x\r\n\r\nc = 3\r\n", &add("b = 2", Some("a")), "a = 1  // x\r\nb = 2\r\n\r\nc = 3\r\n");
    becomes("a = 1 b = 2\n", &add("c = 3", Some("a")), "a = 1 b = 2\nc = 3\n");
    refused("a = 1\n", &add("b = ", None), "could no longer be read");
    refused("a = 1\n", &add("b = 1\nc = 2", None), "could no longer be read");
    let twice = |to: &str| Op::Duplicate { name: "e".into(), to: to.into() };
    let text = "// loop\ne = x + e' * 0.5  // more\nout = e\n";
    becomes(text, &twice("e_2"), "// loop\ne = x + e' * 0.5  // more\ne_2 = x + e_2' * 0.5\nout = e\n");
    refused(text, &twice("out"), "already means");
    let mute = "a = 1\nmute a  // for now\nb = 2\n";
    becomes(mute, &Op::Remove { at: at(mute, "mute").start }, "a = 1\nb = 2\n");
    refused(mute, &Op::Remove { at: 1 }, "no statement");
}

#[test]
fn a_stage_is_taken_out_of_its_pipe() {
    let text = "t = osc >> lpf(800hz) >> send(room, -9db) * 2\n";
    let pipe = |part: &str| Op::Unstage { pipe: at(text, part) };
    becomes(text, &pipe("osc >> lpf(800hz)"), "t = osc >> send(room, -9db) * 2\n");
    refused(text, &pipe("lpf(800hz)"), "no stage");
    let noted = "t = osc  // a\n  >> lpf(2hz)\n";
    refused(noted, &Op::Unstage { pipe: at(noted, "osc  // a\n  >> lpf(2hz)") }, "comment");
}

/// Any two edits after one another are one edit, which can be taken back as one.
#[test]
fn two_edits_are_one() {
    let mut dice = Dice::new(5);
    let words = ["", "a", "é", "longer text", "\n"];
    let any = |dice: &mut Dice, text: &str| {
        let mut cuts: Vec<usize> = (0..2 * (1 + dice.below(3))).map(|_| dice.below(text.len() + 1)).collect();
        cuts.iter_mut().for_each(|at| *at = (0..=*at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        cuts.sort_unstable();
        let splice = |cut: &[usize]| Splice { range: cut[0]..cut[1], text: dice.pick(&words).to_string() };
        Edit { splices: cuts.chunks(2).map(splice).collect() }
    };
    for _ in 0..5_000 {
        let text = "0123 é456\r\n🎹789";
        let first = any(&mut dice, text);
        let middle = first.apply(text).unwrap();
        let second = any(&mut dice, &middle);
        let last = second.apply(&middle).unwrap();
        let both = first.then(text, &second).unwrap();
        assert_eq!(both.apply(text).unwrap(), last, "{first:?}\n{second:?}\n{both:?}");
        assert_eq!(both.inverse(text).unwrap().apply(&last).unwrap(), text);
    }
}

struct Seen {
    names: Vec<String>,
    exprs: Vec<(Span, bool)>,
    pipes: Vec<Span>,
    prints: Vec<String>,
    errors: usize,
}

fn see(text: &str, parser: &mut modurust_lang::parse::Parser) -> Seen {
    let parsed = parser.parse(FileId(0), &Source::new("", text));
    let mut seen = Seen {
        names: Vec::new(),
        exprs: Vec::new(),
        pipes: Vec::new(),
        prints: Vec::new(),
        errors: parsed.diagnostics.len(),
    };
    for stmt in &parsed.stmts {
        match &*stmt.item {
            Item::Def(def) => seen.names.push(def.name.name.clone()),
            Item::Strip { name, .. } | Item::Scene { name, .. } => seen.names.push(name.name.clone()),
            _ => {}
        }
        visit::exprs(&stmt.item, &mut |expr| {
            seen.exprs.push((expr.span.shift(stmt.offset), matches!(expr.kind, ExprKind::Call { .. })));
            if matches!(expr.kind, ExprKind::Pipe { .. }) {
                seen.pipes.push(expr.span.shift(stmt.offset));
            }
        });
        seen.prints.push(print_item(&stmt.item));
    }
    seen
}

fn comments(text: &str) -> Vec<&str> {
    tokens(text).filter(|t| matches!(t.kind, Kind::Comment | Kind::Doc)).map(|t| t.text(text).trim_end()).collect()
}

fn any_op(dice: &mut Dice, seen: &Seen, fresh: usize) -> Option<Op> {
    const VALUES: &[&str] =
        &["950hz", "x + y", "-3db", "k => k", "a >> b", "if a then b else c", "lfo", "a ~> b over 2bars", "0..1"];
    let value = of(dice, VALUES)?.to_string();
    let name = of(dice, &seen.names).unwrap_or_else(|| "nobody".into());
    let (span, _) = of(dice, &seen.exprs)?;
    let calls: Vec<Span> = seen.exprs.iter().filter(|(_, call)| *call).map(|(span, _)| *span).collect();
    let stage = seen.pipes.clone();
    Some(match dice.below(12) {
        0 => Op::Set { call: of(dice, &calls)?, slot: Slot::Named("q".into()), value },
        1 => Op::Set { call: of(dice, &calls)?, slot: Slot::Nth(dice.below(3)), value },
        2 => Op::Connect { input: span, source: value },
        3 => Op::Insert { wire: span, stage: of(dice, &["drive(2)", "it * 2", "a >> b"])?.into() },
        4 => Op::Rename { name, to: format!("new_{fresh}") },
        5 => Op::Extract { expr: span, name: format!("new_{fresh}") },
        6 => Op::Inline { name },
        7 => Op::Delete { name },
        9 => Op::Add { text: format!("new_{fresh} = {value}"), after: Some(name) },
        10 => Op::Unstage { pipe: of(dice, &stage)? },
        11 => Op::Duplicate { name, to: format!("new_{fresh}") },
        _ => Op::Move { name, before: if dice.below(2) == 0 { of(dice, &seen.names) } else { None } },
    })
}

fn check(text: &str, op: &Op, edit: &Edit, before: &Seen, parser: &mut modurust_lang::parse::Parser) -> String {
    let out = edit.apply(text).unwrap();
    let shown = || format!("{op:?}\n{text}\nbecame\n{out}");
    let after = see(&out, parser);
    assert!(after.errors <= before.errors, "{}", shown());
    match op {
        Op::Delete { .. } => {}
        // What a comment says in the middle of a statement is said again.
        Op::Duplicate { .. } => assert!(comments(&out).len() >= comments(text).len(), "{}", shown()),
        // Statements go with their comments.
        Op::Move { .. } => {
            let sorted = |text| {
                let mut all = comments(text);
                all.sort_unstable();
                all.join("\n")
            };
            assert_eq!(sorted(text), sorted(&out), "{}", shown());
            let sorted = |seen: &Seen| {
                let mut all = seen.prints.clone();
                all.sort();
                all
            };
            assert_eq!(sorted(before), sorted(&after), "{}", shown());
        }
        _ => assert_eq!(comments(text), comments(&out), "{}", shown()),
    }
    if let Op::Connect { input, source } = op {
        // The same change with brackets for certain says the same.
        let (start, end) = (input.start as usize, input.end as usize);
        let sure = see(&format!("{}({source}){}", &text[..start], &text[end..]), parser);
        if sure.errors <= before.errors {
            assert_eq!(sure.prints, after.prints, "{}", shown());
        }
    }
    assert_eq!(edit.inverse(text).unwrap().apply(&out).unwrap(), text, "{}", shown());
    out
}

/// R3 to R6 and R10 of the round trip: 10,000 sequences of edits, each text taken back to its first byte at the end.
#[test]
fn random_sequences_keep_bytes_and_meaning_and_undo_to_the_start() {
    let halves = std::thread::scope(|scope| {
        let halves = [9, 10].map(|seed| scope.spawn(move || sequences(seed, 5_000)));
        halves.map(|half| half.join().expect("a half"))
    });
    let done: Vec<usize> = (0..12).map(|kind| halves.iter().map(|half| half[kind]).sum()).collect();
    let rare = done.iter().enumerate().filter(|(kind, n)| *kind != 1 && **n < 150).collect::<Vec<_>>();
    assert!(rare.is_empty(), "kinds that were hardly tried: {rare:?}, done {done:?}");
}

/// So many sequences; comes back with how often each kind of edit was made.
fn sequences(seed: u64, count: usize) -> [usize; 12] {
    let starts = [
        "// one\nosc = saw(c2)  // é 🎹\nlfo = sin(2hz)\n\n/// doc\nbass = osc >> lpf(800hz + 2 * lfo, q: -1)\nout = bass\n",
        "f(x, q: hz = 1khz in 20hz..2khz log) = { a = x * q\r\n  b = a' + noise  // in\r\n  b }\r\ntrack t = f(saw(c2)) ^ 2 * -3db\r\nmute t\r\n",
        "a = 1\nb = (a\ntrack u = a >> b(2) >> c(a) * 2\ntrack t = clips { x: \"bd*2\" for 2bars }\nscene s { t: x } for 4bars then s\nd = [a, k => a + k]",
        "\u{feff}p = if x > 1 then y else { z = 1  z }\n\tq = p\nr = q ~> p over 8bars exp\n  // below\nautomate r.x { 0bar: p exp }",
    ];
    let planner = Planner::default();
    let mut parser = modurust_lang::parse::Parser::new();
    let mut dice = Dice::new(seed);
    let mut done = [0; 12];
    for round in 0..count {
        let start = starts[round % starts.len()];
        let mut text = start.to_string();
        let mut back = Vec::new();
        for step in 0..1 + dice.below(6) {
            let seen = see(&text, &mut parser);
            let Some(op) = any_op(&mut dice, &seen, step) else { continue };
            match planner.plan(&text, &op) {
                Ok(edit) => {
                    let kind = match op {
                        Op::Set { .. } => 0,
                        Op::Connect { .. } => 2,
                        Op::Insert { .. } => 3,
                        Op::Rename { .. } => 4,
                        Op::Extract { .. } => 5,
                        Op::Inline { .. } => 6,
                        Op::Delete { .. } => 7,
                        Op::Move { .. } => 8,
                        Op::Add { .. } => 9,
                        Op::Unstage { .. } => 10,
                        Op::Duplicate { .. } => 11,
                        Op::RenamePlaces { .. } | Op::Remove { .. } => unreachable!("not drawn"),
                    };
                    done[kind] += 1;
                    let out = check(&text, &op, &edit, &seen, &mut parser);
                    back.push(edit.inverse(&text).unwrap());
                    text = out;
                }
                Err(why) => {
                    assert!(!why.reason.is_empty());
                }
            }
        }
        for edit in back.iter().rev() {
            text = edit.apply(&text).unwrap();
        }
        assert_eq!(text, start);
    }
    done
}
