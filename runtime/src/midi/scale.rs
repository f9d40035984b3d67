//! Between the resolutions of MIDI 1.0 and 2.0, as M2-115-U ("MIDI 2.0 bit scaling and resolution") says.
//!
//! Upwards the least, the middle and the greatest value go to the least, the middle and the greatest: the lower half is shifted, and the
//! upper half is filled with copies of its own bits. Downwards bits are cut off, so that every value comes back from a way up and down.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

/// From `from` bits to `to` bits, 1 to 32 and not fewer; bits of `value` beyond `from` are ignored.
pub fn up(value: u32, from: u32, to: u32) -> u32 {
    let from = from.clamp(1, 32);
    let to = to.clamp(from, 32);
    let value = if from < 32 { value & ((1 << from) - 1) } else { value };
    let more = to - from;
    if more == 0 {
        return value;
    }
    let mut result = value << more;
    let centre = 1 << (from - 1);
    if value <= centre {
        return result;
    }
    // The bits below the highest, over and over.
    let bits = from - 1;
    let repeated = value & ((1 << bits) - 1);
    let mut rest = if more > bits { repeated << (more - bits) } else { repeated >> (bits - more) };
    while rest != 0 {
        result |= rest;
        rest = if bits == 0 { 0 } else { rest >> bits };
    }
    result
}

/// From `from` bits to `to` bits, 1 to 32 and not more.
pub fn down(value: u32, from: u32, to: u32) -> u32 {
    value.checked_shr(from.saturating_sub(to)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_middle_and_the_values_of_the_standard() {
        assert_eq!([0, 1, 64, 127].map(|v| up(v, 7, 16)), [0, 0x0200, 0x8000, 0xffff]);
        assert_eq!([0, 1, 64, 127].map(|v| up(v, 7, 32)), [0, 0x0200_0000, 0x8000_0000, 0xffff_ffff]);
        assert_eq!([0, 1, 8192, 16383].map(|v| up(v, 14, 32)), [0, 0x0004_0000, 0x8000_0000, 0xffff_ffff]);
        // Worked out by hand: 0b1010110 has the bits 010110 below its highest.
        assert_eq!(up(0b101_0110, 7, 16), 0b1010_1100_1011_0010);
    }

    #[test]
    fn every_value_comes_back_and_order_stays() {
        for (from, to) in [(7, 14), (7, 16), (7, 32), (14, 16), (14, 32), (16, 32), (1, 8)] {
            let mut last = None;
            for value in 0..1u32 << from {
                let there = up(value, from, to);
                assert_eq!(down(there, to, from), value, "{from} {to}");
                assert!(last.is_none_or(|last| last < there), "{from} {to} {value}");
                last = Some(there);
            }
        }
    }
}
