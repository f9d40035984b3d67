//! What is remembered of texts that are gone has a size that it comes to, and then no more.
//!
//! A compiler is asked for ever new texts: numbers are others, and words are put in where they break something or do not. Bytes that it
//! holds are counted. Alone in its binary, since it counts those of the process.

use modurust_compiler::exec::Backend;
use modurust_compiler::front::{Compiler, Options, World};
use modurust_compiler::passes::Passes;
use modurust_lang::dice::Dice;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

/// The system's allocator, which counts what is held.
struct Held;

static HELD: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Held {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Held = Held;

struct Text(String);

impl World for Text {
    fn read(&self, _path: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

/// What hands put into a text that know nothing.
const LETTERS: [&str; 10] = ["a", "track x = ", "saw(", "110hz", ")", "\"bd*4\"", " >> ", "{", "\n", "0"];

/// A text in which a few things are others than at first: numbers, and what was put in.
fn edit(dice: &mut Dice, first: &str) -> String {
    let mut text = first.to_string();
    for _ in 0..=dice.below(4) {
        let any = dice.below(text.len() + 1);
        let at = (0..=any).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        match text[at..].find(|c: char| c.is_ascii_digit()).filter(|_| dice.below(3) > 0) {
            Some(digit) => text.replace_range(at + digit..=at + digit, &dice.below(10).to_string()),
            None => text.insert_str(at, dice.pick(&LETTERS)),
        }
    }
    text
}

/// The same text with another digit somewhere.
fn moved(dice: &mut Dice, text: &str) -> String {
    let digits: Vec<usize> = text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
    let at = digits[dice.below(digits.len())];
    format!("{}{}{}", &text[..at], 1 + dice.below(9), &text[at + 1..])
}

fn options() -> Options {
    Options { sample_rate: 48_000, passes: Passes::Fast, backend: Backend::Interp, seed: 0, verify: false }
}

/// What is held at most while so many texts are asked for, that `next` makes of the last one; prints how it grows.
fn most_held(what: &str, first: &str, mut next: impl FnMut(&mut Dice, &str) -> String) -> isize {
    let (mut compiler, mut dice) = (Compiler::new(options()), Dice::new(7));
    let (mut text, mut most) = (first.to_string(), 0);
    let texts: usize = std::env::var("TEXTS").ok().and_then(|n| n.parse().ok()).unwrap_or(4000);
    let before = HELD.load(Ordering::Relaxed);
    for n in 1..=texts {
        drop(compiler.elaborate(&Text(text.clone()), &["set.modu".into()]));
        most = most.max(HELD.load(Ordering::Relaxed) - before);
        text = next(&mut dice, &text);
        if n % (texts / 10).max(1) == 0 {
            println!(
                "{what}, {n} texts: {} KiB, at most {} KiB",
                (HELD.load(Ordering::Relaxed) - before) >> 10,
                most >> 10
            );
        }
    }
    most
}

#[test]
fn texts_that_are_gone_leave_no_more_than_a_set_size() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/live_set.modu");
    let first = std::fs::read_to_string(path).unwrap();
    let others = most_held("ever other texts", &first, |dice, _| edit(dice, &first));
    // One that has an error for a long time, while numbers are moved.
    let broken = format!("{first}\ntrack broken = nobody\n");
    let wrong = most_held("with an error", &broken, moved);
    // One of which nothing is good.
    let nothing = "track broken = \"0 3 5 7\" >> scale(c2, minor) >> mono(nobody) >> lpf(800hz)\n";
    let none = most_held("nothing good", nothing, moved);
    assert!(
        others.max(wrong).max(none) < 14 << 20,
        "{others}, {wrong} and {none} bytes are held of a text of {} bytes",
        first.len()
    );
}
