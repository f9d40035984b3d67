//! RT10: what the two sides hand to each other arrives whole, once, and is freed by the control side. Planted: the same hand-over
//! without order between its accesses, and a control side that does not keep its letters.
//!
//! The file `src/handover.rs` itself is what is tried, in all interleavings, by loom ([`super::strict`], [`super::weak`]). What stands for
//! the mailbox is a cell that both sides may read and change in one step, as `arc-swap` gives it; what stands for the ring that leads back is
//! a queue of bounded length, as `rtrb` gives it. Both crates are tested by their authors.
//! Every run of the tests tries what can happen when the threads are interrupted three times; all there is is tried in a minute and a half by
//! `PREEMPTIONS=0 cargo test -p modurust-runtime --test planted rt10`.

use super::common::asked;
use super::{Verdict, strict, weak};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

loom::thread_local! {
    /// This thread must not free.
    static AUDIO: std::cell::Cell<bool> = std::cell::Cell::new(false);
}

/// Fails where the audio side frees something, unless it has failed before.
fn let_go(what: &str) {
    assert!(std::thread::panicking() || !AUDIO.with(|audio| audio.get()), "the audio side frees {what}");
}

/// A program on its way: its words are written by plain stores, so loom tells whoever reads them out of order.
struct Parcel {
    words: UnsafeCell<u32>,
    freed: Arc<AtomicUsize>,
}

impl Drop for Parcel {
    fn drop(&mut self) {
        let_go("a program");
        self.freed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The exchange, over one of the two builds of the hand-over: `$keeps` says whether the control side keeps its letters.
macro_rules! exchange {
    ($build:ident, $keeps:expr) => {
        || {
            use $build::handover::{Handover, Kept};
            struct Letter(Handover<Parcel>);
            impl Drop for Letter {
                fn drop(&mut self) {
                    let_go("a letter");
                }
            }
            let mailbox: Arc<Mutex<Option<Arc<Letter>>>> = Arc::new(Mutex::new(None));
            let (back, freed) = (Arc::new(Mutex::new(VecDeque::new())), Arc::new(AtomicUsize::new(0)));
            let (inbox, outbox) = (Arc::clone(&mailbox), Arc::clone(&back));
            let audio = thread::spawn(move || {
                AUDIO.with(|audio| audio.set(true));
                for _ in 0..2 {
                    let letter = inbox.lock().unwrap().clone();
                    // One parcel may wait to be freed: while it does, nothing is taken.
                    let room = outbox.lock().unwrap().is_empty();
                    let Some(letter) = letter.filter(|letter| room && !letter.0.is_empty()) else { continue };
                    // Something is done to it before it is taken, and seen by whoever takes it.
                    // SAFETY: as below.
                    letter.0.lend(|parcel| parcel.words.with_mut(|words| unsafe { *words += 100 }));
                    if let Some(parcel) = letter.0.take() {
                        // SAFETY: loom tells an access that nothing puts in order, here and below.
                        let words = parcel.words.with(|words| unsafe { *words });
                        assert!([1, 2, 11, 12].contains(&(words % 100)), "half a program: {words}");
                        let mut back = outbox.lock().unwrap();
                        assert!(back.is_empty(), "there is no room for what comes back");
                        back.push_back(parcel);
                    }
                }
                AUDIO.with(|audio| audio.set(false));
            });
            let mut kept = Kept::new();
            let mut pending: Option<Arc<Letter>> = None;
            for n in 1..=2 {
                // The newest wins: what nobody has taken is called back.
                drop(pending.take().and_then(|letter| letter.0.take()));
                drop(back.lock().unwrap().pop_front());
                let parcel = Box::new(Parcel { words: UnsafeCell::new(0), freed: Arc::clone(&freed) });
                // SAFETY: as above.
                parcel.words.with_mut(|words| unsafe { *words = n });
                let letter = Arc::new(Letter(Handover::new(parcel)));
                if $keeps {
                    kept.keep(&letter);
                }
                *mailbox.lock().unwrap() = Some(Arc::clone(&letter));
                // A wish comes to a program that waits.
                if let Some(parcel) = letter.0.take() {
                    // SAFETY: as above.
                    parcel.words.with_mut(|words| unsafe { *words += 10 });
                    letter.0.put(parcel);
                }
                pending = Some(letter);
                kept.release();
            }
            if !$keeps {
                // Nobody but the mailbox has it now, and the mailbox is emptied.
                drop(pending.take());
                drop(mailbox.lock().unwrap().take());
            }
            audio.join().unwrap();
            drop(pending);
            drop(mailbox.lock().unwrap().take());
            kept.release();
            drop((kept, back.lock().unwrap().drain(..).count()));
            assert_eq!(freed.load(Ordering::Relaxed), 2, "each program is freed once");
        }
    };
}

fn model(what: impl Fn() + Sync + Send + 'static) -> Verdict {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(asked("PREEMPTIONS", 3) as usize).filter(|bound| *bound > 0);
    let tried = catch_unwind(AssertUnwindSafe(|| model.check(what)));
    tried.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        text.unwrap_or("something is wrong").lines().next().unwrap_or("").to_string()
    })
}

pub fn holds() -> Verdict {
    model(exchange!(strict, true))
}

pub fn planted() -> Verdict {
    let careless = model(exchange!(strict, false));
    assert!(careless.is_err(), "a control side that keeps nothing was not found");
    let weak = model(exchange!(weak, true));
    weak.map_err(|weak| format!("{weak}; {}", careless.unwrap_err()))
}
