//! What came by OSC, counted by what became of it.
//!
//! Whatever is sent is either accepted or counted under the reason why it is not, so a player who hears nothing asks `/modurust/counters`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($name:ident: $doc:literal)*) => {
        /// Counts since the start.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $doc] pub $name: AtomicU64,)*
        }

        impl Counters {
            /// All of them, by name.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Relaxed)),)*]
            }
        }
    };
}

counters! {
    packets: "Datagrams and frames that came."
    messages: "Messages in packets that could be read."
    accepted: "Messages that were carried out or answered."
    forbidden: "Packets from machines that are not on the list."
    oversize: "Packets, strings or lists of arguments beyond the limits."
    malformed: "Packets that are no OSC."
    nested: "Bundles in bundles deeper than the limit."
    crowded: "Bundles with more messages than the limit, and messages that would wait where too many do."
    unknown: "Messages to addresses that are not there."
    refused: "Messages whose arguments do not fit."
    not_numbers: "Messages with values that are not finite."
    blobs: "Messages with blobs or arrays, which nothing here takes."
    late: "Messages of bundles whose time had passed when they came."
    answers: "Messages sent."
    unsent: "Messages that could not be sent."
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
