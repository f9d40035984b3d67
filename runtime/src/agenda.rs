//! What waits for its frame: the one queue of whatever comes in before its time, and of whatever leaves later.
//!
//! Things are large and many may wait, so they stay where they were put, and what is kept in order is a heap of their frames and places.
//! Whatever a flood brings, one thing more costs some steps by the logarithm of what waits, on the audio thread as elsewhere.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue by frames, with all its memory from the beginning.
pub(crate) struct Agenda<T> {
    /// The next is the first: its frame, how many were put before it, its place.
    order: BinaryHeap<Reverse<(u64, u64, u16)>>,
    things: Vec<T>,
    free: Vec<u16>,
    room: usize,
    put: u64,
    lost: u64,
}

impl<T: Copy> Agenda<T> {
    /// With room for so many, of which there are places up to 65,536.
    pub fn new(room: usize) -> Agenda<T> {
        let room = room.min(usize::from(u16::MAX) + 1);
        let (order, things) = (BinaryHeap::with_capacity(room), Vec::with_capacity(room));
        Agenda { order, things, free: Vec::with_capacity(room), room, put: 0, lost: 0 }
    }

    /// Adds something; of several for one frame the first goes first. What finds no room is counted.
    pub fn put(&mut self, frame: u64, thing: T) {
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.things.len() < self.room => {
                self.things.push(thing);
                (self.things.len() - 1) as u16
            }
            None => {
                self.lost += 1;
                return;
            }
        };
        if let Some(slot) = self.things.get_mut(usize::from(place)) {
            *slot = thing;
        }
        self.order.push(Reverse((frame, self.put, place)));
        self.put += 1;
    }

    /// Takes the next before a frame.
    pub fn next(&mut self, end: u64) -> Option<T> {
        let Reverse((frame, _, place)) = *self.order.peek()?;
        if frame >= end {
            return None;
        }
        self.order.pop();
        self.free.push(place);
        self.things.get(usize::from(place)).copied()
    }

    /// Things that found no room.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a list that is sorted anew.
    #[test]
    fn whatever_comes_and_goes_the_order_is_that_of_time_then_of_coming() {
        let (mut agenda, mut list, mut lost, mut seed) = (Agenda::new(40), Vec::new(), 0, 7_u64);
        let mut draw = |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        let mut most = 0;
        for step in 0..20_000_u64 {
            if draw(3) > 0 {
                let frame = step / 8 + draw(30);
                agenda.put(frame, step);
                if list.len() < 40 {
                    list.push((frame, step))
                } else {
                    lost += 1
                }
                most = most.max(list.len());
            } else {
                let end = step / 8 + draw(8);
                list.sort();
                while let Some(found) = agenda.next(end) {
                    assert_eq!(found, list.remove(0).1);
                }
                assert!(list.first().is_none_or(|(frame, _)| *frame >= end));
            }
        }
        assert_eq!((most, agenda.lost()), (40, lost));
        assert!(lost > 0);
    }

    #[test]
    fn no_memory_is_taken_later() {
        let mut agenda = Agenda::new(100);
        let before = (agenda.order.capacity(), agenda.things.capacity(), agenda.free.capacity());
        for i in 0..1000_u64 {
            agenda.put(1000 - i, i);
            if i % 7 == 0 {
                while agenda.next(1000 - i / 2).is_some() {}
            }
        }
        assert_eq!(before, (agenda.order.capacity(), agenda.things.capacity(), agenda.free.capacity()));
    }
}
