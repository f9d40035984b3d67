//! Laws of patterns, on trees drawn at random: cuts do not matter, opposites cancel, nothing panics.

use modurust_compiler::lang::pattern;
use modurust_compiler::score::{
    Curve, Event, EventBuf, Factor, FieldId, JoinMode, Map, Operator, PatId, Ratio, Scope, Score, ScoreBuilder, Signal,
    Value, event_text, harmony, onsets_of, random,
};

/// xorshift64*: enough for tests.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 33) % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    fn ratio(&mut self) -> Ratio {
        Ratio::new(self.below(6) as i64 + 1, self.below(4) as i64 + 1)
    }
}

/// A text of the notation.
fn text(rng: &mut Rng, depth: u32) -> String {
    let mut out = String::new();
    for i in 0..=rng.below(3) {
        if i > 0 {
            out.push_str(rng.pick(&[" ", " ", " ", " ", " . ", " _ "]));
        }
        let inside = if depth == 0 { String::new() } else { text(rng, depth - 1) };
        match rng.below(if depth == 0 { 2 } else { 7 }) {
            0 => out.push_str(rng.pick(&["bd", "sd", "~", "hh:3", "c#4", "-"])),
            1 => out.push_str(rng.pick(&["0", "1", "-3", "0.5", "7"])),
            2 => out.push_str(&format!("<{inside}>")),
            3 => out.push_str(&format!("{{{inside}}}%{}", rng.pick(&["2", "3", "<2 4>"]))),
            4 => out.push_str(&format!("[{inside}, {}]", text(rng, depth - 1))),
            5 => out.push_str(&format!("[{inside}|{}]", text(rng, depth - 1))),
            _ => out.push_str(&format!("[{inside}]")),
        }
        for _ in 0..rng.below(3) {
            out.push_str(rng.pick(&[
                "*2",
                "/2",
                "*1.5",
                "*<2 3>",
                "*[1 2]",
                "!2",
                "@2",
                "?",
                "?0.3",
                "(3,8)",
                "(<2 -3>,5,1)",
                ":2",
                "/3",
                "(3,8,<0 2>)",
            ]));
        }
    }
    out
}

fn mini(b: &mut ScoreBuilder, text: &str) -> PatId {
    let (mini, errors) = pattern::parse(text);
    assert!(!errors.iter().any(|e| e.is_error()), "{text}: {errors:?}");
    b.mini(&mini, 3, random::of_text("tests.pattern"))
}

/// A tree of functions over texts.
fn tree(b: &mut ScoreBuilder, rng: &mut Rng, depth: u32) -> PatId {
    if depth == 0 {
        let text = text(rng, 1);
        return mini(b, &text);
    }
    let p = tree(b, rng, depth - 1);
    let q = if rng.below(3) == 0 { tree(b, rng, depth - 1) } else { mini(b, "0 1 [2 3]") };
    let (seed, n) = (rng.next(), rng.below(4) as i64 + 1);
    let r = rng.ratio();
    match rng.below(46) {
        0 => b.fast(p, r),
        1 => b.slow(p, r),
        2 => b.rev(p),
        3 => b.every(n, q, p),
        4 => b.last_of(n, q, p),
        5 => b.stack(&[p, q]),
        6 => b.cat(&[p, q, p]),
        7 => b.seq(&[(r, p), (Ratio::ONE, q)]),
        8 => b.early(p, r),
        9 => b.late(p, Ratio::new(n, 16)),
        10 => b.palindrome(p),
        11 => b.iter(n, p),
        12 => b.ply(p, r),
        13 => b.compress(p, Ratio::new(1, 8), Ratio::new(7, 8)),
        14 => b.zoom(p, Ratio::new(1, 8), Ratio::new(5, 8)),
        15 => b.fast_gap(p, r),
        16 => b.linger(p, Ratio::new(1, n)),
        17 => b.linger(p, Ratio::new(-1, 4)),
        18 => b.struct_(q, p),
        19 => b.mask(q, p),
        20 => b.euclid(3, 8, n, p),
        21 => b.euclid(q, 8, 0, p),
        22 => b.swing(p, Ratio::new(56, 100), 8),
        23 => b.degrade(p, 0.4, seed),
        24 => b.sometimes(0.5, q, p, Scope::Event, seed),
        25 => b.sometimes(0.5, q, p, Scope::Cycle, seed),
        26 => b.binop(Operator::Add, p, q),
        27 => b.binop_with(Operator::Mul, JoinMode::Mix, p, q),
        28 => b.with_field(p, FieldId::VEL, q),
        29 => b.scale(p, 57.0, harmony::scale("minor").unwrap(), 12.0),
        30 => b.choose(&[p, q], seed),
        31 => {
            let noise = b.perlin(seed);
            b.segment(n * 2, noise)
        }
        32 => b.chunk(n, q, p),
        33 => b.press(p),
        34 => b.squeeze(q, &[p, q]),
        35 => b.inner(q, &[Value::Num(0.0), Value::Num(2.0)], &[p, q]),
        36 => b.binop_with(Operator::Add, JoinMode::Squeeze, p, q),
        37 => b.binop_with(Operator::Keep, JoinMode::Restart, p, q),
        38 => b.binop_with(Operator::Add, JoinMode::Reset, p, q),
        39 => b.shuffle(n + 1, p, seed),
        40 => b.scramble(n + 1, p, seed),
        41 => {
            let any = b.choose_at(&[p, q], seed);
            b.struct_(q, any)
        }
        42 => b.tune(p, 60.0, &[0.0, 2.1, 4.9], 12.0),
        43 => b.lookup(p, &[Value::Num(1.0)], &[Value::Num(9.0)], n > 2),
        44 => {
            let quiet = b.accent(p, 0.5);
            b.map(quiet, Map::Floor)
        }
        _ => b.ribbon(p, r, Ratio::int(n)),
    }
}

type Key = (Ratio, Ratio, String, u16, String);

fn key(score: &Score, e: &Event) -> Key {
    (e.whole.0, e.whole.1, event_text(score, e), e.mask, format!("{:?}{:?}", e.fields, e.source))
}

fn ask(score: &Score, p: PatId, begin: Ratio, end: Ratio, out: &mut EventBuf) -> Vec<Key> {
    out.clear();
    score.query(p, begin, end, out);
    let mut keys: Vec<Key> = out.onsets().map(|e| key(score, e)).collect();
    keys.sort();
    keys
}

#[test]
fn cuts_do_not_matter() {
    let mut rng = Rng(0x1234_5678_9ABC_DEF1);
    let mut out = EventBuf::new(60_000);
    let (mut compared, mut dense) = (0, 0);
    for round in 0..600 {
        let mut b = ScoreBuilder::new(round);
        let p = tree(&mut b, &mut rng, 1 + (round % 4) as u32);
        let score = b.finish();
        let begin = Ratio::new(rng.below(64) as i64 - 16, 16);
        let cut = begin + Ratio::new(rng.below(96) as i64 + 1, 48);
        let end = cut + Ratio::new(rng.below(96) as i64 + 1, 40);
        let all = ask(&score, p, begin, end, &mut out);
        let mut lost = out.lost();
        let mut cut_up = ask(&score, p, begin, cut, &mut out);
        lost += out.lost();
        cut_up.extend(ask(&score, p, cut, end, &mut out));
        lost += out.lost();
        if lost > 0 {
            dense += 1;
            continue;
        }
        cut_up.sort();
        compared += all.len();
        assert_eq!(all, cut_up, "round {round}, {begin} {cut} {end}");
    }
    assert!(compared > 2_000 && dense < 60, "{compared} events compared, {dense} too dense");
}

#[test]
fn parts_tile_the_whole_and_lie_in_the_span() {
    let mut rng = Rng(99);
    let mut out = EventBuf::new(60_000);
    for round in 0..300 {
        let mut b = ScoreBuilder::new(round);
        let p = tree(&mut b, &mut rng, 2);
        let score = b.finish();
        let (begin, end) = (Ratio::new(1, 7), Ratio::new(23, 10));
        score.query(p, begin, end, &mut out);
        for e in out.events() {
            assert!(e.part.0 >= begin && e.part.1 <= end && e.part.0 < e.part.1, "{e:?}");
            assert!(e.whole.0 <= e.part.0 && e.part.1 <= e.whole.1, "{e:?}");
        }
        out.clear();
    }
}

#[test]
fn opposites_cancel() {
    let mut rng = Rng(7);
    let mut out = EventBuf::new(60_000);
    for round in 0..200 {
        let mut b = ScoreBuilder::new(round);
        let p = tree(&mut b, &mut rng, 2);
        let (n, shift) = (rng.ratio(), rng.ratio());
        let slow = b.slow(p, n);
        let same = [
            b.fast(slow, n),
            {
                let back = b.rev(p);
                b.rev(back)
            },
            {
                let late = b.late(p, shift);
                b.early(late, shift)
            },
            {
                let (kept, dropped) = (b.degrade(p, 0.3, round), b.undegrade(p, 0.3, round));
                b.stack(&[kept, dropped])
            },
        ];
        let score = b.finish();
        let span = (Ratio::ZERO, Ratio::int(3));
        let plain = ask(&score, p, span.0, span.1, &mut out);
        let lost = out.lost();
        for (i, q) in same.into_iter().enumerate() {
            let other = ask(&score, q, span.0, span.1, &mut out);
            if lost + out.lost() == 0 {
                assert_eq!(plain, other, "round {round}, pair {i}");
            }
        }
    }
}

#[test]
fn replay_is_identical_and_seeds_differ() {
    let texts = ["hh*16?", "[a|b|c|d]*8", "bd? sd? hh? cp?"];
    for text in texts {
        let play = |seed: u64| {
            let mut b = ScoreBuilder::new(seed);
            let p = mini(&mut b, text);
            let score = b.finish();
            ask(&score, p, Ratio::ZERO, Ratio::int(16), &mut EventBuf::new(4096))
        };
        assert_eq!(play(1), play(1), "{text}");
        assert_ne!(play(1), play(2), "{text}");
    }
    // Each `?` decides for itself.
    let onsets = onsets_of("[a?, b?]", 200).unwrap();
    let both = (0..200).filter(|c| onsets.iter().filter(|o| o.0 == Ratio::int(*c)).count() == 2).count();
    assert!((30..70).contains(&both), "{both}");
}

#[test]
fn any_bytes_never_panic() {
    let mut rng = Rng(0xDEAD_BEEF);
    let alphabet: Vec<char> = "abc0123489 .,|~-_!@?*/:%^<>[]{}()#é\n".chars().collect();
    let mut out = EventBuf::new(256);
    let mut played = 0;
    for _ in 0..6_000 {
        let n = rng.below(30);
        let text: String = (0..n).map(|_| alphabet[rng.below(alphabet.len() as u64) as usize]).collect();
        let (mini, _) = pattern::parse(&text);
        let mut b = ScoreBuilder::new(0);
        // Even a tree that came with errors must be safe to play.
        let p = b.mini(&mini, 0, 0);
        let score = b.finish();
        out.clear();
        score.query(p, Ratio::new(-1, 3), Ratio::int(4), &mut out);
        played += usize::from(!out.is_empty());
        let (_, _, density) = (score.words(p), score.fields(p), score.density(p));
        assert!(!density.is_nan());
    }
    assert!(played > 100, "{played}");
}

#[test]
fn absurd_patterns_are_bounded() {
    let mut b = ScoreBuilder::new(0);
    let mut bomb = mini(&mut b, "a*1000000");
    for _ in 0..50 {
        bomb = b.stack(&[bomb, bomb]);
        bomb = b.fast(bomb, 1000);
    }
    let mut quiet = b.silence();
    for _ in 0..100 {
        quiet = b.stack(&[quiet, quiet]);
    }
    let mut tiny = mini(&mut b, "a b c");
    for _ in 0..50 {
        tiny = b.slow(tiny, Ratio::new(1_000_003, 1_000_033));
        tiny = b.ply(tiny, Ratio::new(998_244_353, 3));
    }
    assert!(!b.overflowed());
    let mut deep = bomb;
    for _ in 0..500 {
        deep = b.rev(deep);
    }
    assert!(b.overflowed());
    let score = b.finish();
    let mut out = EventBuf::new(512);
    for p in [bomb, quiet, tiny, deep] {
        out.clear();
        score.query(p, Ratio::ZERO, Ratio::int(4), &mut out);
        score.query(p, Ratio::int(i64::MAX - 1), Ratio::int(i64::MAX), &mut out);
        score.query(p, Ratio::int(i64::MIN), Ratio::int(i64::MAX), &mut out);
    }
    assert!(out.len() <= 512);
}

/// The deepest tree must fit on the small stack of an audio thread.
#[test]
fn depth_fits_a_small_stack() {
    let run = || {
        let mut b = ScoreBuilder::new(0);
        let (mut p, two) = (mini(&mut b, "0 1"), mini(&mut b, "2 [2 1]"));
        let mut turn = 0;
        loop {
            let next = match turn % 6 {
                0 => b.euclid(two, two, two, p),
                1 => b.binop_with(Operator::Add, JoinMode::Mix, p, two),
                2 => b.squeeze(p, &[p, two]),
                3 => b.rev(p),
                4 => b.ply(p, 1),
                _ => b.seq(&[(Ratio::ONE, p), (Ratio::int(2), two)]),
            };
            if b.overflowed() {
                break;
            }
            (p, turn) = (next, turn + 1);
        }
        let score = b.finish();
        let mut out = EventBuf::new(512);
        score.query(p, Ratio::ZERO, Ratio::new(1, 1000), &mut out);
        turn
    };
    let turns = std::thread::Builder::new().stack_size(512 * 1024).spawn(run).unwrap().join().unwrap();
    assert!(turns > 100, "{turns}");
}

#[test]
fn ramps_hold_their_ends() {
    let mut b = ScoreBuilder::new(0);
    let ramp = b.ramp(100.0, 400.0, Ratio::int(4), Curve::Exp);
    let signal = b.signal(Signal::Tri, 0);
    let score = b.finish();
    let mut out = EventBuf::new(8);
    let mut at = |p: PatId, n, d| {
        out.clear();
        score.query(p, Ratio::new(n, d), Ratio::new(n, d) + Ratio::new(1, 64), &mut out);
        assert!(out.events()[0].continuous && out.len() == 1);
        out.events()[0].value.number().unwrap()
    };
    assert_eq!((at(ramp, -1, 1), at(ramp, 0, 1), at(ramp, 4, 1), at(ramp, 9, 1)), (100.0, 100.0, 400.0, 400.0));
    assert!((at(ramp, 2, 1) - 200.0).abs() < 1e-9);
    assert_eq!((at(signal, 1, 4), at(signal, 1, 2), at(signal, 3, 4)), (0.5, 1.0, 0.5));
}

#[test]
fn fields_are_sampled_at_the_onset() {
    let mut b = ScoreBuilder::new(0);
    let p = mini(&mut b, "0 0 0 0");
    let vel = mini(&mut b, "<[1 0.5] 0.25>");
    let cutoff = b.ramp(0.0, 8.0, Ratio::int(2), Curve::Lin);
    let freq = mini(&mut b, "a4");
    let field = b.field("cutoff").unwrap();
    let p = b.with_field(p, FieldId::VEL, vel);
    let p = b.with_field(p, field, cutoff);
    let p = b.with_field(p, FieldId::FREQ, freq);
    let score = b.finish();
    let mut out = EventBuf::new(64);
    // Cut where no event begins: what an onset carries does not depend on it.
    for (begin, end) in [(Ratio::ZERO, Ratio::new(13, 10)), (Ratio::new(13, 10), Ratio::int(2))] {
        score.query(p, begin, end, &mut out);
    }
    let found: Vec<_> =
        out.onsets().map(|e| (e.whole.0, e.field(FieldId::VEL), e.field(field), e.field(FieldId::FREQ))).collect();
    let wanted: Vec<_> = [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
        .into_iter()
        .enumerate()
        .map(|(i, v)| (Ratio::new(i as i64, 4), Some(v), Some(i as f32), Some(440.0)))
        .collect();
    assert_eq!(found, wanted);
    assert_eq!(score.fields(p), 0b1011);
}

#[test]
fn swing_bends_every_other_sixteenth() {
    let mut b = ScoreBuilder::new(0);
    let p = mini(&mut b, "hh*16");
    let p = b.swing(p, Ratio::new(56, 100), 8);
    let score = b.finish();
    let onsets = ask(&score, p, Ratio::ZERO, Ratio::ONE, &mut EventBuf::new(64));
    let begins: Vec<Ratio> = onsets.iter().map(|k| k.0).collect();
    assert_eq!(begins[..3], [Ratio::ZERO, Ratio::new(7, 100), Ratio::new(1, 8)]);
    assert_eq!(onsets[0].1, begins[1], "events still touch");
}

#[test]
fn notes_scales_and_words() {
    let mut b = ScoreBuilder::new(0);
    let degrees = mini(&mut b, "0 7 -1 c4 2.9");
    let notes = b.scale(degrees, 45.0, harmony::scale("minor").unwrap(), 12.0);
    let names = mini(&mut b, "c4 eb f#2 60 bd");
    let names = b.to_notes(names);
    let drums = mini(&mut b, "bd sd:2 [hh sd]");
    let sd = b.sym("sd");
    let snares = b.filter_word(drums, sd);
    let score = b.finish();
    let mut out = EventBuf::new(64);
    let mut values = |p| {
        out.clear();
        score.query(p, Ratio::ZERO, Ratio::ONE, &mut out);
        out.events().iter().map(|e| e.value).collect::<Vec<_>>()
    };
    assert_eq!(values(notes), [45.0, 57.0, 43.0, 60.0, 48.0].map(Value::Note));
    let named = values(names);
    assert_eq!(named[..4], [60.0, 51.0, 42.0, 60.0].map(Value::Note));
    assert!(matches!(named[4], Value::Word(_)));
    assert_eq!(values(snares), [Value::Word(sd); 2]);
    assert_eq!(score.words(snares), [sd]);
    assert_eq!(score.words(drums).len(), 3);
    assert_eq!(out.events()[0].tail.first(), Some(Value::Num(2.0)));
}

#[test]
fn density_bounds_what_is_found() {
    let mut rng = Rng(5);
    let mut out = EventBuf::new(60_000);
    let (mut under, mut seen) = (0, 0);
    for _ in 0..300 {
        let mut b = ScoreBuilder::new(0);
        let text = text(&mut rng, 2);
        let p = mini(&mut b, &text);
        let score = b.finish();
        out.clear();
        score.query(p, Ratio::ZERO, Ratio::int(4), &mut out);
        if out.lost() == 0 {
            seen += 1;
            under += usize::from(out.onsets().count() as f64 > 4.0 * score.density(p) + 8.0);
        }
    }
    assert!(seen > 200 && under * 20 < seen, "{under} of {seen} denser than said");
    let mut b = ScoreBuilder::new(0);
    let (bd, by) = (b.word("bd"), mini(&mut b, "<2 8>"));
    let p = b.fast(bd, Factor::Pattern(by));
    assert_eq!(b.finish().density(p), 8.0);
}
