//! A query allocates nothing: counted, over everything a score can do, in windows as small as an audio block.

use modurust_compiler::lang::pattern;
use modurust_compiler::score::{
    Curve, EventBuf, FieldId, JoinMode, Map, Operator, PatId, Ratio, Scope, ScoreBuilder, Value, harmony,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        COUNT.with(|c| c.set(c.get() + 1));
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn mini(b: &mut ScoreBuilder, text: &str) -> PatId {
    b.mini(&pattern::parse(text).0, 0, 0)
}

#[test]
fn queries_do_not_allocate() {
    let mut b = ScoreBuilder::new(1);
    let drums =
        mini(&mut b, "bd(<3 5>,8), [~ cp]*2, hh*8?0.2, <~ ~ ~ oh*2>, [a|b] {c d e}%<4 2> 0 .. <3 4> x:<1 2> y!2/3");
    let line = mini(&mut b, "0 [4 7] <9 11> ~");
    let (back, two) = (b.rev(line), mini(&mut b, "<2 3> 1"));
    let line = b.every(4, back, line);
    let line = b.fast(line, two);
    let line = b.scale(line, 57.0, harmony::scale("minor").unwrap(), 12.0);
    let cutoff = b.ramp(300.0, 2000.0, Ratio::int(16), Curve::Exp);
    let line = b.with_field(line, FieldId::VEL, two);
    let line = b.with_field(line, FieldId(3), cutoff);
    let mut all = vec![drums, line, b.swing(drums, Ratio::new(56, 100), 8)];
    all.push(b.binop_with(Operator::Add, JoinMode::Mix, line, two));
    all.push(b.euclid(two, 8, 1, line));
    all.push(b.ply(line, two));
    all.push(b.squeeze(two, &[line, drums]));
    all.push(b.linger(drums, Ratio::new(1, 4)));
    all.push(b.sometimes(0.5, back, line, Scope::Event, 3));
    all.push(b.ribbon(drums, Ratio::ONE, Ratio::int(2)));
    all.push(b.chunk(4, back, line));
    all.push(b.inner(two, &[Value::Num(2.0), Value::Num(1.0)], &[line, drums]));
    for join in [JoinMode::Squeeze, JoinMode::SqueezeOut, JoinMode::Reset, JoinMode::Restart] {
        all.push(b.binop_with(Operator::Add, join, line, two));
    }
    all.push(b.shuffle(7, line, 2));
    all.push(b.arp(line, two));
    all.push(b.tune(line, 60.0, &[0.0, 2.0, 5.0], 12.0));
    let any = b.choose_at(&[line, two], 4);
    all.push(b.struct_(two, any));
    let quiet = b.accent(line, 0.5);
    all.push(b.map(quiet, Map::Round));
    all.push(b.lookup(two, &[Value::Num(2.0)], &[Value::Num(3.0)], true));
    all.push(mini(&mut b, "c'maj'i e'<min7 m>'[o d1]"));
    let noise = b.perlin(5);
    all.push(b.segment(16, noise));
    let top = b.stack(&all);
    let score = b.finish();
    let mut out = EventBuf::new(512);
    let (mut at, mut queries, mut onsets) = (Ratio::ZERO, 0, 0);
    let before = COUNT.with(Cell::get);
    while at < Ratio::int(8) {
        for frames in [64, 128, 441, 37, 1] {
            let end = at + Ratio::new(frames, 96_000);
            out.clear();
            score.query(top, at, end, &mut out);
            onsets += out.onsets().count();
            at = end;
            queries += 1;
        }
    }
    assert_eq!(COUNT.with(Cell::get) - before, 0, "over {queries} queries");
    assert!(onsets > 500, "{onsets}");
}
