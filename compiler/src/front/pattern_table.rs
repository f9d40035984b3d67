//! The table of functions over patterns: part of [`super::builtins`], apart because it is long.
//!
//! One line a function: how it is called, one sentence, what it does. A signature without parentheses may stand alone as a pattern
//! (`perlin >> segment(8)`). Where the library has a sound of the same name (`echo`, `sub`), the function is meant when what comes
//! in is a pattern.

use crate::front::builtins::{Builtin, Named, Run, named};
use crate::front::{harmony, pattern_fns as f};
use rustc_hash::FxHashMap as HashMap;
use std::sync::OnceLock;

macro_rules! table {
    ($name:ident, $category:literal: $($signature:literal $doc:literal $run:path;)*) => {
        static $name: &[Builtin] = &[$(Builtin {
            name: head($signature),
            signature: $signature,
            doc: $doc,
            category: $category,
            run: Run::Fn($run),
        },)*];
    };
}

/// The name at the head of a signature.
const fn head(signature: &'static str) -> &'static str {
    let bytes = signature.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b'(' {
        end += 1;
    }
    signature.split_at(end).0
}

table! { PATTERNS, "patterns":
    "add(pattern, n)" "Adds to every value. Rhythm from the left; `add.out` from the right, `add.mix` from both." f::operator;
    "almostAlways(pattern, f)" "Applies f to nine events of ten, by chance." f::almost_always;
    "almostNever(pattern, f)" "Applies f to one event of ten, by chance." f::almost_never;
    "and(pattern, b)" "b where the pattern is true, else the pattern's own false." f::operator;
    "arrange([n, pattern], ..)" "Each pattern for n cycles, then from the start." f::arrange;
    "brak(pattern)" "Every other cycle squeezed and pushed late, for a broken beat." f::brak;
    "cat(a, b, ..)" "One pattern a cycle, in turn." f::cat;
    "choose(a, b, .., seed: n)" "At each moment the value of one of several, by chance: a signal to sample with `segment` or `struct`." f::choose;
    "chooseCycles(a, b, .., seed: n)" "One of several, by chance, anew in each cycle." f::rand_cat;
    "chop(pattern, n)" "Cuts every event into n parts, each of which plays its part of a sample (fields `begin` and `end`)." f::chop;
    "chunk(pattern, n, f)" "Applies f to one nth of the cycle, the next nth in each next cycle; a cycle of the pattern lasts for n." f::chunk;
    "chunkBack(pattern, n, f)" "As `chunk`, going backwards." f::chunk_back;
    "compress(pattern, begin, end)" "Squeezes each cycle between two places of the cycle." f::compress;
    "cosine" "A cosine from 0 to 1, one period a cycle." f::cosine;
    "degrade(pattern, chance = 50%, seed: n)" "Drops events by chance." f::degrade;
    "degradeBy(pattern, chance, seed: n)" "Drops events by chance: 0 keeps all, 1 drops all." f::degrade_by;
    "div(pattern, n)" "Divides every value." f::operator;
    "early(pattern, cycles)" "Moves a pattern back in time." f::early;
    "echo(pattern, times, time, feedback)" "Repeats of a pattern, each later by time and softer by feedback; the first is the pattern itself." f::echo;
    "eq(pattern, n)" "1 where a value equals n, else 0." f::operator;
    "euclid(pattern, k, n, rotation = 0)" "k onsets spread over n steps." f::euclid;
    "euclidLegato(pattern, k, n, rotation = 0)" "As `euclid`, each event held until the next." f::euclid_legato;
    "euclidLegatoRot(pattern, k, n, rotation)" "As `euclidLegato`, rotated right." f::euclid_legato;
    "euclidRot(pattern, k, n, rotation)" "k onsets spread over n steps, rotated right." f::euclid;
    "every(pattern, n, f)" "Applies f in the first of every n cycles." f::every;
    "fast(pattern, n)" "n times as fast." f::fast;
    "fastcat(a, b, ..)" "All patterns in one cycle, equally long." f::seq;
    "fastGap(pattern, n)" "n times as fast, once a cycle; silence until the next." f::fast_gap;
    "firstOf(pattern, n, f)" "Applies f in the first of every n cycles." f::every;
    "floor(pattern)" "Down to whole numbers." f::floor;
    "gt(pattern, n)" "1 where a value is greater than n, else 0." f::operator;
    "gte(pattern, n)" "1 where a value is at least n, else 0." f::operator;
    "inhabit(numbers, [a, b, ..])" "Squeezes a cycle of the chosen pattern into each event of the numbers, which stop at the first and last." f::inhabit;
    "inside(pattern, n, f)" "Applies f to n cycles as if they were one." f::inside;
    "inv(pattern)" "True for false and false for true." f::invert;
    "invert(pattern)" "True for false and false for true." f::invert;
    "irand(n, seed: s)" "Whole numbers from 0 to below n, by chance: a signal to sample with `segment` or `struct`." f::irand;
    "isaw" "Falls from 1 to 0 in each cycle." f::isaw;
    "iter(pattern, n)" "Starts one nth later each cycle." f::iter;
    "iterBack(pattern, n)" "Starts one nth earlier each cycle." f::iter_back;
    "jux(pattern, f)" "The pattern on the left, a changed copy on the right (field `pan`)." f::jux;
    "juxBy(pattern, by, f)" "As `jux`, so far apart as by says." f::jux_by;
    "keep(pattern, other)" "The pattern's own values; with `keep.out` in the rhythm of the other." f::operator;
    "lastOf(pattern, n, f)" "Applies f in the last of every n cycles." f::last_of;
    "late(pattern, cycles)" "Moves a pattern forward in time." f::late;
    "layer(pattern, f, g, ..)" "Changed copies of a pattern at once, without the pattern itself." f::layer;
    "legato(pattern, share)" "How much of its event a note lasts: 0.5 is staccato, 1 until the next." f::legato;
    "linger(pattern, part)" "The first part of each cycle over and over; negative: the last part." f::linger;
    "lt(pattern, n)" "1 where a value is less than n, else 0." f::operator;
    "lte(pattern, n)" "1 where a value is at most n, else 0." f::operator;
    "mask(pattern, rhythm)" "Keeps events while the rhythm is true." f::mask;
    "mod(pattern, n)" "What is left of every value after whole multiples of n." f::operator;
    "mul(pattern, n)" "Multiplies every value." f::operator;
    "ne(pattern, n)" "1 where a value differs from n, else 0." f::operator;
    "off(pattern, cycles, f)" "Adds a changed copy a little later." f::off;
    "often(pattern, f)" "Applies f to three events of four, by chance." f::often;
    "or(pattern, b)" "The pattern's own value where it is true, else b." f::operator;
    "outside(pattern, n, f)" "Applies f to one nth of a cycle as if it were one." f::outside;
    "palindrome(pattern)" "Forwards and backwards in turn." f::palindrome;
    "perlin" "Smooth noise from 0 to 1." f::perlin;
    "pick(numbers, [a, b, ..])" "The pattern of the number that holds; numbers stop at the first and last." f::pick;
    "pickmod(numbers, [a, b, ..])" "As `pick`, numbers wrap." f::pick_wrapped;
    "ply(pattern, n)" "Repeats every event n times in its place." f::ply;
    "pow(pattern, n)" "Every value to the power of n." f::operator;
    "press(pattern)" "Each event begins halfway through itself." f::press;
    "pressBy(pattern, share)" "Each event begins late by a share of itself." f::press_by;
    "rand" "Noise from 0 to 1: a signal to sample with `segment` or `struct`." f::rand;
    "randcat(a, b, .., seed: n)" "One of several, by chance, anew in each cycle." f::rand_cat;
    "range(pattern, low, high)" "0..1 becomes low..high." f::range;
    "rarely(pattern, f)" "Applies f to one event of four, by chance." f::rarely;
    "repeatCycles(pattern, n)" "Each cycle n times before the next." f::repeat_cycles;
    "reset(pattern, rhythm)" "The pattern's cycle begins anew at each true event of the rhythm." f::reset;
    "restart(pattern, rhythm)" "The pattern begins anew, from cycle 0, at each true event of the rhythm." f::restart;
    "rev(pattern)" "Every cycle backwards." f::rev;
    "ribbon(pattern, offset, cycles)" "Loops so many cycles from an offset." f::ribbon;
    "round(pattern)" "To the nearest whole numbers." f::round;
    "run(n)" "The numbers from 0 to n - 1." f::run;
    "scramble(pattern, n, seed: s)" "Cuts the cycle into n pieces and plays any of them, by chance." f::scramble;
    "segment(pattern, n)" "Samples a pattern or signal n times a cycle." f::segment;
    "seq(a, b, ..)" "All patterns in one cycle, equally long." f::seq;
    "set(pattern, other)" "The values of the other in the rhythm of the pattern." f::operator;
    "shuffle(pattern, n, seed: s)" "Cuts the cycle into n pieces and plays each once, in an order of chance." f::shuffle;
    "silence" "No events." f::silence;
    "sine" "A sine from 0 to 1, one period a cycle." f::sine;
    "slow(pattern, n)" "n times as slow." f::slow;
    "slowcat(a, b, ..)" "One pattern a cycle, in turn." f::cat;
    "somecycles(pattern, f)" "Applies f in every other cycle, by chance." f::some_cycles;
    "somecyclesBy(pattern, chance, f)" "Applies f in some cycles, by chance." f::some_cycles_by;
    "sometimes(pattern, f)" "Applies f to half of the events, by chance." f::sometimes;
    "sometimesBy(pattern, chance, f)" "Applies f to events by chance." f::sometimes_by;
    "squeeze(numbers, [a, b, ..])" "Squeezes a cycle of the chosen pattern into each event of the numbers, which wrap." f::squeeze;
    "stack(a, b, ..)" "All patterns at once." f::stack;
    "stepcat([weight, pattern], ..)" "All patterns in one cycle, each as long as its weight says." f::time_cat;
    "striate(pattern, n)" "The first nth of every sample of the pattern, then the second, and so on, all in one cycle." f::striate;
    "struct(pattern, rhythm)" "The values of a pattern in the rhythm of another, where that is true." f::struct_;
    "sub(pattern, n)" "Subtracts from every value." f::operator;
    "superimpose(pattern, f, ..)" "A pattern and changed copies at once." f::superimpose;
    "swing(pattern, amount, steps = 8)" "Delays every second half of `steps` pairs a bar: 50% is straight, 66% a triplet." f::swing;
    "swingBy(pattern, amount, n)" "The second half of each of n cells a cycle comes late by half the amount." f::swing_by;
    "timeCat([weight, pattern], ..)" "All patterns in one cycle, each as long as its weight says." f::time_cat;
    "undegradeBy(pattern, chance, seed: n)" "Keeps events by chance, those that `degradeBy` of one minus the chance drops." f::undegrade_by;
    "when(pattern, condition, f)" "Applies f while a pattern is true." f::when;
    "with(pattern, field: value, ..)" "Gives events fields that a voice can take as parameters." f::with;
    "zoom(pattern, begin, end)" "Only what lies between two places of each cycle, stretched to the whole." f::zoom;
}

table! { HARMONY, "harmony":
    "arp(pattern, index)" "Notes that sound together, one by one: index says which, and when." harmony::arp;
    "chord(symbols)" "The notes of chord symbols from the root up: `\"<C Am7 F^7 G7>\"`." harmony::chord;
    "rootNotes(symbols, octave = 2)" "The roots of chord symbols, for a bass." harmony::root_notes;
    "scale(pattern, root, name)" "Numbers as degrees of a scale on a root note: `scale(a1, minor)`; also of a tuning, `tuning: 'just.scl'`." harmony::scale;
    "transpose(pattern, interval)" "Moves notes by an interval." harmony::transpose;
    "tuning(pattern, 'just.scl' or steps, root = c4)" "Notes as keys of a Scala tuning, or of so many equal steps an octave." harmony::tuning;
    "voicing(symbols, top = c5)" "The notes of chord symbols, close together below a top note." harmony::voicing;
}

/// Where the rhythm of an operation may come from, in names such as `add.out`.
const JOINS: [&str; 7] = ["in", "out", "mix", "squeeze", "squeezeout", "reset", "restart"];

/// `add.out` and its like.
fn joined() -> &'static [Builtin] {
    static JOINED: OnceLock<Vec<Builtin>> = OnceLock::new();
    JOINED.get_or_init(|| {
        let operations = PATTERNS.iter().filter(|b| f::operation(b.name).is_some());
        operations
            .flat_map(|b| {
                JOINS.iter().map(|join| Builtin {
                    name: String::leak(format!("{}.{join}", b.name)),
                    signature: String::leak(format!("{}.{join}(pattern, n)", b.name)),
                    ..*b
                })
            })
            .collect()
    })
}

/// The operation `name` with its rhythm from `join`.
pub(super) fn find_joined(name: &str, join: &str) -> Option<&'static Builtin> {
    static NAMED: OnceLock<HashMap<(&'static str, &'static str), &'static Builtin>> = OnceLock::new();
    let parts = || joined().iter().filter_map(|b| Some((b.name.split_once('.')?, b)));
    NAMED.get_or_init(|| parts().collect()).get(&(name, join)).copied()
}

/// All of them, by category and name.
pub(super) fn all() -> impl Iterator<Item = &'static Builtin> {
    PATTERNS.iter().chain(HARMONY)
}

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    static NAMED: OnceLock<Named> = OnceLock::new();
    NAMED.get_or_init(|| named(all())).get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_told_in_sentences() {
        for table in [PATTERNS, HARMONY] {
            for pair in table.windows(2) {
                let fold = |name: &str| name.to_ascii_lowercase();
                assert!(fold(pair[0].name) < fold(pair[1].name), "{} {}", pair[0].name, pair[1].name);
            }
            for b in table {
                assert!(b.doc.ends_with('.') && b.doc.len() < 130, "{}", b.name);
            }
        }
        assert!(find_joined("add", "out").is_some() && find_joined("add", "up").is_none());
    }
}
