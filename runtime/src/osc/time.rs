//! Time tags: moments as OSC writes them.
//!
//! A tag counts seconds since 1900 in 64 bits, 32 of them behind the point (NTP, RFC 5905). It goes round every 136 years, next in 2036, so
//! two tags are compared by their difference, which is right within 68 years.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900 to 1970.
const TO_1970: u64 = 2_208_988_800;
/// The tag that means at once.
const AT_ONCE: u64 = 1;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub u64);

impl Tag {
    /// A tag as it is sent; `None` for the one that means at once.
    pub fn new(bits: u64) -> Option<Tag> {
        (bits != AT_ONCE).then_some(Tag(bits))
    }

    /// This moment by the clock of the system.
    pub fn now() -> Tag {
        Tag::at(SystemTime::now())
    }

    /// A moment by the clock of the system.
    pub fn at(time: SystemTime) -> Tag {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        Tag((since.as_secs().wrapping_add(TO_1970) << 32) | fraction)
    }

    /// Seconds from another moment to this one; negative if this one comes first.
    pub fn since(self, other: Tag) -> f64 {
        self.0.wrapping_sub(other.0) as i64 as f64 / 4_294_967_296.0
    }

    /// So much later.
    pub fn after(self, time: Duration) -> Tag {
        Tag(self.0.wrapping_add(fractions(time)))
    }

    /// So much earlier.
    pub fn before(self, time: Duration) -> Tag {
        Tag(self.0.wrapping_sub(fractions(time)))
    }
}

/// A time in the fractions of seconds that tags count.
fn fractions(time: Duration) -> u64 {
    (time.as_nanos() as u64 as u128 * 4_294_967_296 / 1_000_000_000) as u64
}

/// A moment by both clocks of the system: the one that tags speak of, and the one that never jumps.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the one.
    pub tag: Tag,
    /// By the other.
    pub instant: Instant,
}

/// Clocks that are read within this are read at once.
const APART: Duration = Duration::from_micros(5);

impl Moment {
    /// This moment.
    pub fn now() -> Moment {
        let read = || {
            let before = Instant::now();
            let tag = Tag::now();
            let apart = before.elapsed();
            (apart, Moment { tag, instant: before + apart / 2 })
        };
        // Between two readings the system may do something else: then they are read again.
        let mut best = read();
        for _ in 0..8 {
            if best.0 <= APART {
                break;
            }
            let next = read();
            best = if next.0 < best.0 { next } else { best };
        }
        best.1
    }

    /// The tag of a moment of the clock that never jumps.
    pub fn tag_of(&self, instant: Instant) -> Tag {
        match instant.checked_duration_since(self.instant) {
            Some(ahead) => self.tag.after(ahead),
            None => self.tag.before(self.instant - instant),
        }
    }

    /// The moment that a tag means, by the clock that never jumps.
    pub fn instant_of(&self, tag: Tag) -> Instant {
        let ahead = tag.since(self.tag);
        let span = Duration::from_secs_f64(ahead.abs());
        if ahead >= 0.0 { self.instant + span } else { self.instant.checked_sub(span).unwrap_or(self.instant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_ntp() {
        let time = UNIX_EPOCH + Duration::from_millis(1500);
        assert_eq!(Tag::at(time), Tag(((TO_1970 + 1) << 32) | (1 << 31)));
        assert_eq!(Tag::at(time + Duration::from_secs(3)).since(Tag::at(time)), 3.0);
        assert_eq!(Tag::at(time).since(Tag::at(time + Duration::from_millis(250))), -0.25);
        assert_eq!(Tag::at(time).after(Duration::from_millis(250)).since(Tag::at(time)), 0.25);
        assert_eq!((Tag::new(1), Tag::new(2)), (None, Some(Tag(2))));
    }

    #[test]
    fn tags_are_moments_of_the_other_clock() {
        let now = Moment::now();
        let later = now.tag.after(Duration::from_millis(1500));
        assert!(now.instant_of(later).duration_since(now.instant).abs_diff(Duration::from_millis(1500)) < APART);
        for ms in [-1500i64, 0, 2500] {
            let time = Duration::from_millis(ms.unsigned_abs());
            let at = if ms < 0 { now.instant - time } else { now.instant + time };
            assert!((now.tag_of(at).since(now.tag) - ms as f64 / 1000.0).abs() < 1e-9, "{ms}");
            assert!(now.instant_of(now.tag_of(at)).duration_since(at) < Duration::from_nanos(2), "{ms}");
        }
        let again = Moment::now();
        let drift = again.tag.since(now.tag) - again.instant.duration_since(now.instant).as_secs_f64();
        assert!(drift.abs() < 1e-3, "{drift}");
    }

    #[test]
    fn the_round_of_2036_is_no_gap() {
        let last = Tag(u64::MAX - (1 << 31));
        let next = last.after(Duration::from_secs(1));
        assert_eq!(next.since(last), 1.0);
        assert!(next.0 < last.0);
    }
}
