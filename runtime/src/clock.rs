//! Which frame plays when: the map between the clock of the system and the frames of the engine.
//!
//! A device asks for blocks at moments that are late by chance and early never. So the earliest of half a second counts: what comes
//! earlier than it should moves the map at once, what comes later only if all of that time was late, as after a hole, or as the two clocks
//! drift apart. A device that knows when a block was due says so, and then the map is exact.
//!
//! The wrapper of the callback writes, once a block (the engine itself counts frames and knows no clock); whoever wants to know reads, as often as they like, and neither waits for the other. A frame's moment is
//! that at which its block begins to be computed: it is heard later by what the device keeps back, always the same.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::*, fence};
use std::time::{Duration, Instant};

/// How long a block may be late until the map follows, nanoseconds.
const WINDOW: i64 = 500_000_000;
/// Later than this it is a hole, and the map begins anew.
const HOLE: i64 = 250_000_000;

/// The map.
#[derive(Debug)]
pub struct Clock {
    base: Instant,
    /// Odd while the rest is written; 0 before the first block.
    turn: AtomicU32,
    frame: AtomicU64,
    /// The moment of the frame, since `base`.
    nanos: AtomicI64,
    rate: AtomicU32,
    /// Frames of the last block.
    block: AtomicU32,
    // The writer's own: the smallest lateness since then.
    least: AtomicI64,
    since: AtomicI64,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock {
            base: Instant::now(),
            turn: AtomicU32::new(0),
            frame: AtomicU64::new(0),
            nanos: AtomicI64::new(0),
            rate: AtomicU32::new(0),
            block: AtomicU32::new(0),
            least: AtomicI64::new(i64::MAX),
            since: AtomicI64::new(0),
        }
    }
}

impl Clock {
    /// A block that begins with `frame` was asked for at a moment, at so many frames a second. From one thread at a time.
    pub fn tick(&self, frame: u64, rate: u32, at: Instant) {
        let nanos = at.saturating_duration_since(self.base).as_nanos() as i64;
        let (last, before) = (self.frame.load(Relaxed), self.nanos.load(Relaxed));
        let known = self.turn.load(Relaxed) > 0 && self.rate.load(Relaxed) == rate && frame >= last;
        let due = before + length(frame.saturating_sub(last), rate);
        if known {
            self.block.store((frame - last).min(1 << 16) as u32, Relaxed);
        }
        let late = nanos - due;
        let mut moment = due;
        if !known || !(0..=HOLE).contains(&late) {
            moment = nanos;
        } else {
            let least = self.least.load(Relaxed).min(late);
            self.least.store(least, Relaxed);
            if nanos - self.since.load(Relaxed) < WINDOW {
                return self.write(frame, moment, rate);
            }
            moment += least;
        }
        self.least.store(i64::MAX, Relaxed);
        self.since.store(nanos, Relaxed);
        self.write(frame, moment, rate);
    }

    /// A block that begins with `frame` is due at a moment, as a device knows whose own clock is smooth. From one thread at a time.
    pub fn due(&self, frame: u64, rate: u32, at: Instant) {
        let nanos = at.saturating_duration_since(self.base).as_nanos() as i64;
        let block = frame.saturating_sub(self.frame.load(Relaxed));
        self.block.store(block.min(1 << 16) as u32, Relaxed);
        // Whoever ticks afterwards begins from here.
        self.least.store(i64::MAX, Relaxed);
        self.since.store(nanos, Relaxed);
        self.write(frame, nanos, rate);
    }

    fn write(&self, frame: u64, nanos: i64, rate: u32) {
        let turn = self.turn.load(Relaxed);
        self.turn.store(turn | 1, Relaxed);
        // Who sees one of these sees that they are being written.
        fence(Release);
        self.frame.store(frame, Relaxed);
        self.nanos.store(nanos, Relaxed);
        self.rate.store(rate, Relaxed);
        self.turn.store((turn | 1).wrapping_add(1).max(2), Release);
    }

    /// A frame, its moment, and the rate.
    fn read(&self) -> Option<(u64, i64, u32)> {
        loop {
            let turn = self.turn.load(Acquire);
            if turn == 0 {
                return None;
            }
            let all = (self.frame.load(Relaxed), self.nanos.load(Relaxed), self.rate.load(Relaxed));
            fence(Acquire);
            if turn & 1 == 0 && self.turn.load(Relaxed) == turn {
                return Some(all);
            }
            std::hint::spin_loop();
        }
    }

    /// Frames of the last block: what comes in that time is not too late if it waits as long.
    pub fn block(&self) -> u64 {
        u64::from(self.block.load(Relaxed))
    }

    /// True once there was a block.
    pub fn runs(&self) -> bool {
        self.turn.load(Acquire) > 0
    }

    /// The frame of a moment, to the nearest; `None` before the first block. Moments of long ago are frame 0.
    pub fn frame_at(&self, at: Instant) -> Option<u64> {
        let (frame, nanos, rate) = self.read()?;
        let at = at.saturating_duration_since(self.base).as_nanos() as i64;
        let frames = (i128::from(at - nanos) * i128::from(rate) + 500_000_000).div_euclid(1_000_000_000);
        Some((i128::from(frame) + frames).max(0) as u64)
    }

    /// The moment of a frame; `None` before the first block.
    pub fn moment_of(&self, frame: u64) -> Option<Instant> {
        let (last, nanos, rate) = self.read()?;
        let nanos = if frame >= last { nanos + length(frame - last, rate) } else { nanos - length(last - frame, rate) };
        self.base.checked_add(Duration::from_nanos(nanos.max(0) as u64))
    }
}

/// So many frames, in nanoseconds.
fn length(frames: u64, rate: u32) -> i64 {
    ((u128::from(frames) * 1_000_000_000 + u128::from(rate / 2)) / u128::from(rate.max(1))) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    fn micros(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    #[test]
    fn late_blocks_do_not_move_the_map() {
        let clock = Clock::default();
        let start = clock.base + micros(700);
        assert_eq!(clock.frame_at(start), None);
        // Blocks of 256 frames, each up to 5 ms late, now and then in time.
        for block in 0..2000u64 {
            let late = [4000, 5000, 0, 2500, 3000][block as usize % 5];
            clock.tick(
                block * 256,
                RATE,
                start + Duration::from_nanos(length(block * 256, RATE) as u64) + micros(late),
            );
            if block > 2 {
                assert_eq!(clock.frame_at(start + micros(1_000_000)), Some(48_000), "block {block}");
            }
        }
        let moment = clock.moment_of(96_000).unwrap();
        assert!(moment.duration_since(start).abs_diff(Duration::from_secs(2)) < micros(2), "{moment:?}");
    }

    #[test]
    fn a_device_that_knows_is_believed_at_once() {
        let clock = Clock::default();
        for block in 0..100u64 {
            // From the fiftieth on everything is a period late, which no tick would be believed for half a second.
            let at = length(block * 256 + if block < 50 { 0 } else { 256 }, RATE);
            let at = clock.base + Duration::from_nanos(at as u64);
            clock.due(block * 256, RATE, at);
            assert_eq!(clock.frame_at(at), Some(block * 256));
            assert_eq!(clock.moment_of(block * 256), Some(at));
        }
        assert_eq!(clock.block(), 256);
    }

    #[test]
    fn a_hole_and_a_drift_are_followed() {
        let clock = Clock::default();
        // The device's clock is 100 millionths slow; after a thousand blocks there is a hole of a third of a second.
        let start = clock.base;
        let mut error = 0i64;
        for block in 0..4000u64 {
            let hole = if block >= 1000 { 333_333_333 } else { 0 };
            let at = length(block * 256, RATE) + length(block * 256, RATE) / 10_000 + hole;
            let at = start + Duration::from_nanos(at as u64);
            clock.tick(block * 256, RATE, at + micros(block % 7));
            let seen = clock.frame_at(at).unwrap() as i64;
            error = error.max((seen - block as i64 * 256).abs());
        }
        // As far as the clocks drift apart in two windows.
        assert!(error <= 5, "{error} frames");
        // Another rate is another map.
        let at = start + micros(60_000_000);
        clock.tick(2_000_000, 44_100, at);
        assert_eq!(clock.frame_at(at + micros(1_000_000)), Some(2_044_100));
    }

    #[test]
    fn both_sides_see_whole_maps() {
        let clock = std::sync::Arc::new(Clock::default());
        let writer = std::sync::Arc::clone(&clock);
        let start = clock.base;
        let thread = std::thread::spawn(move || {
            for block in 0..200_000u64 {
                writer.tick(block * 64, RATE, start + Duration::from_nanos(length(block * 64, RATE) as u64));
            }
        });
        while !thread.is_finished() {
            assert!(clock.frame_at(start + micros(1_000_000)).is_none_or(|frame| frame.abs_diff(48_000) <= 1));
        }
        thread.join().unwrap();
    }
}
