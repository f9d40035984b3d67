//! The score against facts from outside: onsets of notation and functions, equal as fractions and values.
//!
//! The tables in `data/` hold what Strudel computes. A pattern function is written there in Strudel's spelling and built here
//! by hand with the builder's.

use modurust_compiler::lang::pattern;
use modurust_compiler::score::{
    EventBuf, JoinMode, Operator, PatId, Ratio, Score, ScoreBuilder, TextError, Value, event_text, onsets_of,
};

type Onset = (String, String, String);

struct Case {
    cycles: u32,
    name: String,
    source: String,
    onsets: Vec<Onset>,
}

fn cases(table: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in table.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        if let Some(head) = line.strip_prefix("= ") {
            let mut head = head.splitn(3, " | ");
            let mut next = || head.next().unwrap().to_owned();
            let (cycles, name, source) = (next().parse().unwrap(), next(), next().replace("\\n", "\n"));
            cases.push(Case { cycles, name, source, onsets: Vec::new() });
        } else {
            let mut words = line.splitn(3, ' ').map(str::to_owned);
            let onset = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            cases.last_mut().unwrap().onsets.push(onset);
        }
    }
    cases
}

fn sorted(mut onsets: Vec<Onset>) -> Vec<Onset> {
    onsets.sort();
    onsets
}

fn check_notation(table: &str) {
    let mut wrong = Vec::new();
    let cases = cases(table);
    for case in &cases {
        let found = match onsets_of(&case.source, case.cycles) {
            Ok(found) => found,
            Err(e) => panic!("{}: {e:?}", case.source),
        };
        let found = found.into_iter().map(|(b, e, v, _)| (b.to_string(), e.to_string(), v)).collect();
        if sorted(found) != sorted(case.onsets.clone()) {
            wrong.push(&case.source);
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ: {wrong:#?}", wrong.len(), cases.len());
}

#[test]
fn notation() {
    check_notation(include_str!("data/mini.txt"));
}

#[test]
fn random_notation() {
    check_notation(include_str!("data/mini_random.txt"));
}

#[test]
fn refused_with_a_place() {
    for text in include_str!("data/errors.txt").lines().filter(|l| !l.starts_with('#')) {
        let Err(TextError::Syntax(errors)) = onsets_of(text, 1) else { panic!("{text} was accepted") };
        for e in errors {
            assert!(e.span.start < e.span.end && e.span.end as usize <= text.len(), "{text}: {e:?}");
        }
    }
}

fn mini(b: &mut ScoreBuilder, text: &str) -> PatId {
    let (mini, errors) = pattern::parse(text);
    assert!(errors.is_empty(), "{errors:?}");
    b.mini(&mini, 0, 0)
}

fn onsets(score: &Score, p: PatId, cycles: i64) -> Vec<Onset> {
    let mut out = EventBuf::new(4096);
    score.query(p, Ratio::ZERO, Ratio::int(cycles), &mut out);
    assert_eq!(out.lost(), 0);
    sorted(out.onsets().map(|e| (e.whole.0.to_string(), e.whole.1.to_string(), event_text(score, e))).collect())
}

/// Builds the function of a name as the table's source says.
fn function(b: &mut ScoreBuilder, name: &str) -> Option<PatId> {
    let r = Ratio::new;
    let num = |b: &mut ScoreBuilder, x| b.pure(Value::Num(x));
    Some(match name {
        "cat" => {
            let parts = [b.word("a"), b.word("b"), b.word("c")];
            b.cat(&parts)
        }
        "stepcat" => {
            let parts = [(r(3, 1), b.word("a")), (r(1, 1), b.word("b"))];
            b.seq(&parts)
        }
        "palindrome" => {
            let p = mini(b, "a b c");
            b.palindrome(p)
        }
        "iter" => {
            let p = mini(b, "a b c d");
            b.iter(4, p)
        }
        "every/firstOf" => {
            let p = mini(b, "a b");
            let back = b.rev(p);
            b.every(3, back, p)
        }
        "lastOf" => {
            let p = mini(b, "a b");
            let fast = b.fast(p, 2);
            b.last_of(3, fast, p)
        }
        "early" => {
            let p = mini(b, "a b c");
            b.early(p, r(1, 4))
        }
        "late" => {
            let p = mini(b, "a b c");
            b.late(p, r(1, 8))
        }
        "superimpose" => {
            let p = mini(b, "0 2");
            let fast = b.fast(p, 2);
            b.stack(&[p, fast])
        }
        "layer" => {
            let p = mini(b, "0 2");
            let (back, twelve) = (b.rev(p), num(b, 12.0));
            let up = b.binop(Operator::Add, p, twelve);
            b.stack(&[back, up])
        }
        "add.out" => {
            let (p, q) = (mini(b, "0 [1 2]"), mini(b, "10 20 30"));
            b.binop_with(Operator::Add, JoinMode::Out, p, q)
        }
        "add.mix" => {
            let (p, q) = (mini(b, "0 1"), mini(b, "10 20 30"));
            b.binop_with(Operator::Add, JoinMode::Mix, p, q)
        }
        "mul" => {
            let (p, q) = (mini(b, "1 2 3"), mini(b, "<2 3>"));
            b.binop(Operator::Mul, p, q)
        }
        "struct" => {
            // The table's onsets are those of a rhythm with a rest inside its second step.
            let (p, bools) = (mini(b, "0 1"), mini(b, "t [f t] t t"));
            b.struct_(bools, p)
        }
        "euclidLegato" => {
            let p = mini(b, "a");
            b.euclid_legato(3, 8, 0, p)
        }
        "euclidRot" => {
            let p = mini(b, "a");
            b.euclid(3, 8, 3, p)
        }
        "compress" => {
            let p = mini(b, "a b");
            b.compress(p, r(1, 4), r(3, 4))
        }
        "zoom" => {
            let p = mini(b, "a b c d");
            b.zoom(p, r(1, 4), r(3, 4))
        }
        "fastGap" => {
            let p = mini(b, "a b");
            b.fast_gap(p, r(3, 1))
        }
        "inside" => {
            let p = mini(b, "0 1 2 3");
            let slow = b.slow(p, 2);
            let back = b.rev(slow);
            b.fast(back, 2)
        }
        "chunk" => {
            let p = mini(b, "0 1 2 3");
            let (p, ten) = (b.repeat_cycles(p, 4), num(b, 10.0));
            let up = b.binop(Operator::Add, p, ten);
            b.chunk(4, up, p)
        }
        "segment saw" => {
            let saw = b.saw();
            b.segment(4, saw)
        }
        "run" => b.run(4),
        "brak" => {
            let p = mini(b, "a b");
            b.brak(p)
        }
        "press" => {
            let p = mini(b, "a b");
            b.press(p)
        }
        "hurry-less fast pattern" => {
            let (p, by) = (mini(b, "a b"), mini(b, "<1 2>"));
            b.fast(p, by)
        }
        "arrange" => {
            let sections = [(r(2, 1), mini(b, "a b")), (r(1, 1), mini(b, "c"))];
            b.arrange(&sections)
        }
        "pick" => {
            let (s, list) = (mini(b, "<0 1>"), [mini(b, "a b"), mini(b, "c d e")]);
            b.pick(s, &list)
        }
        "squeeze" => {
            let (s, list) = (mini(b, "0 1"), [mini(b, "a b"), mini(b, "c d e")]);
            b.squeeze(s, &list)
        }
        "ribbon" => {
            let p = mini(b, "<0 1 2 3>");
            b.ribbon(p, r(1, 1), r(2, 1))
        }
        _ => return None,
    })
}

#[test]
fn functions() {
    let mut covered = 0;
    for case in cases(include_str!("data/functions.txt")) {
        let mut b = ScoreBuilder::new(1);
        let p = function(&mut b, &case.name).unwrap_or_else(|| panic!("{} is not covered", case.name));
        let score = b.finish();
        assert_eq!(onsets(&score, p, i64::from(case.cycles)), sorted(case.onsets), "{}: {}", case.name, case.source);
        covered += 1;
    }
    assert_eq!(covered, 30);
}
