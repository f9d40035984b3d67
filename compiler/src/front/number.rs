//! Arithmetic on numbers known at compile time, with what they measure.
//!
//! `800hz * 2` is a frequency, `-12db` stays in decibels and becomes a factor in a product, `440hz + 7st` is a frequency,
//! `1 / 3hz` is a time. The result remembers the literals that it came from ([`Num::key`]).

use crate::front::settings::Clock;
use crate::front::value::{Num, hash_text, mix};
use modurust_lang::ast::BinaryOp;
use modurust_lang::units::Dim;

/// A linear factor from decibels.
pub fn db_to_linear(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// A frequency from a MIDI note number; note 69 is 440 Hz.
pub fn note_to_hz(note: f64) -> f64 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}

/// A number as code wants it: decibels as a factor, notes in hertz, beats in seconds.
pub fn canonical(num: Num, clock: Clock<'_>) -> Num {
    let made = match num.dim {
        Dim::Gain => num.derive(db_to_linear(num.value), Dim::None, 0x11),
        Dim::Pitch => num.derive(note_to_hz(num.value), Dim::Frequency, 0x12),
        Dim::Beats => num.derive(num.value * clock.beat(), Dim::Time, 0x13),
        _ => num,
    };
    // The node of a live number has this value already.
    Num { live: num.live, ..made }
}

/// The dimension of a product, quotient, or `None` where it has no name.
pub fn product(a: Dim, b: Dim) -> Dim {
    match (a, b) {
        (Dim::None, d) | (d, Dim::None) => d,
        _ => Dim::None,
    }
}

/// The dimension of a quotient.
pub fn quotient(a: Dim, b: Dim) -> Dim {
    match (a, b) {
        (d, Dim::None) => d,
        (Dim::None, Dim::Frequency) => Dim::Time,
        (Dim::None, Dim::Time) => Dim::Frequency,
        _ => Dim::None,
    }
}

/// `a op b`, or what is wrong with it: "add a frequency to a time".
pub fn binary(op: BinaryOp, a: Num, b: Num, clock: Clock<'_>) -> Result<Num, String> {
    use BinaryOp::*;
    let tag = mix(0x100, op as u64);
    let make = |value: f64, dim: Dim| a.derive2(b, value, dim, tag);
    Ok(match op {
        Add | Sub => return sum(op, a, b, clock),
        Mul | Div => {
            let (a, b) = match (a.dim, b.dim) {
                (Dim::Beats | Dim::Interval, Dim::None) | (Dim::None, Dim::Beats | Dim::Interval) => (a, b),
                (Dim::Beats, Dim::Beats) | (Dim::Interval, Dim::Interval) => (a, b),
                _ => (canonical(a, clock), canonical(b, clock)),
            };
            if op == Mul {
                make(a.value * b.value, product(a.dim, b.dim))
            } else {
                make(a.value / b.value, quotient(a.dim, b.dim))
            }
        }
        Pow => {
            let (a, b) = (canonical(a, clock), canonical(b, clock));
            make(a.value.powf(b.value), Dim::None)
        }
        Lt | Le | Gt | Ge | Eq | Ne => {
            let (a, b) = if a.dim == b.dim { (a, b) } else { (canonical(a, clock), canonical(b, clock)) };
            let truth = match op {
                Lt => a.value < b.value,
                Le => a.value <= b.value,
                Gt => a.value > b.value,
                Ge => a.value >= b.value,
                Eq => a.value == b.value,
                _ => a.value != b.value,
            };
            make(f64::from(u8::from(truth)), Dim::None)
        }
        And => make(f64::from(u8::from(a.value != 0.0 && b.value != 0.0)), Dim::None),
        Or => make(f64::from(u8::from(a.value != 0.0 || b.value != 0.0)), Dim::None),
        Range => a,
    })
}

fn sum(op: BinaryOp, a: Num, b: Num, clock: Clock<'_>) -> Result<Num, String> {
    let sign = if op == BinaryOp::Add { 1.0 } else { -1.0 };
    let tag = mix(0x200, op as u64);
    let make = |value: f64, dim: Dim| Ok(a.derive2(b, value, dim, tag));
    match (a.dim, b.dim) {
        (x, y) if x == y => {
            let dim = if op == BinaryOp::Sub && x == Dim::Pitch { Dim::Interval } else { x };
            make(a.value + sign * b.value, dim)
        }
        (Dim::Frequency, Dim::Interval) => make(a.value * (sign * b.value / 12.0).exp2(), Dim::Frequency),
        (Dim::Pitch, Dim::Interval | Dim::None) => make(a.value + sign * b.value, Dim::Pitch),
        (Dim::Interval | Dim::None, Dim::Pitch) if op == BinaryOp::Add => make(a.value + b.value, Dim::Pitch),
        (Dim::Interval, Dim::Frequency) if op == BinaryOp::Add => {
            make(b.value * (a.value / 12.0).exp2(), Dim::Frequency)
        }
        (Dim::Gain | Dim::Pitch | Dim::Beats, _) | (_, Dim::Gain | Dim::Pitch | Dim::Beats) => {
            let (x, y) = (canonical(a, clock), canonical(b, clock));
            if x.dim == y.dim || x.dim == Dim::None || y.dim == Dim::None {
                return Ok(x.derive2(y, x.value + sign * y.value, if x.dim == Dim::None { y.dim } else { x.dim }, tag));
            }
            Err(mismatch(op, a.dim, b.dim))
        }
        (Dim::None, d) | (d, Dim::None) => make(a.value + sign * b.value, d),
        (x, y) => Err(mismatch(op, x, y)),
    }
}

/// A primitive on plain numbers whose result may shape the graph, so that it must stay a number: `par(floor(n / 2), ..)`.
pub fn apply(name: &str, args: &[Num]) -> Option<Num> {
    if args.iter().any(|n| n.dim != Dim::None) {
        return None;
    }
    let value = match (name, args) {
        ("floor", [x]) => x.value.floor(),
        ("ceil", [x]) => x.value.ceil(),
        ("round", [x]) => x.value.round_ties_even(),
        ("trunc", [x]) => x.value.trunc(),
        ("abs", [x]) => x.value.abs(),
        ("sqrt", [x]) if x.value >= 0.0 => x.value.sqrt(),
        ("min", [x, y]) => x.value.min(y.value),
        ("max", [x, y]) => x.value.max(y.value),
        _ => return None,
    };
    let tag = mix(0x300, hash_text(name));
    match args {
        [x] => Some(x.derive(value, Dim::None, tag)),
        [x, y] => Some(x.derive2(*y, value, Dim::None, tag)),
        _ => None,
    }
}

/// Words for a sum that has no meaning.
pub fn mismatch(op: BinaryOp, a: Dim, b: Dim) -> String {
    if op == BinaryOp::Add {
        format!("{} and {} cannot be added", a.article(), b.article())
    } else {
        format!("{} cannot be taken from {}", b.article(), a.article())
    }
}

/// A number in the words of its unit, for messages: `0.8 s`, `440 hz`.
pub fn show(num: Num) -> String {
    let value = (num.value * 1e6).round() / 1e6;
    match num.dim {
        Dim::None => format!("{value}"),
        Dim::Frequency => format!("{value} hz"),
        Dim::Time => format!("{value} s"),
        Dim::Beats => format!("{value} beats"),
        Dim::Gain => format!("{value} dB"),
        Dim::Pitch => format!("note {value}"),
        Dim::Interval => format!("{value} st"),
        Dim::Angle => format!("{value} rad"),
        Dim::Tempo => format!("{value} bpm"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::settings::Asked;

    fn num(value: f64, dim: Dim) -> Num {
        Num::new(value, dim, 7)
    }

    #[test]
    fn dimensions_follow_the_words() {
        let asked = Asked::default();
        let clock = Clock::new(0.5, &asked);
        let go = |op, a, b| binary(op, a, b, clock).map(|n| (n.value, n.dim));
        let (hz, s, none) = (Dim::Frequency, Dim::Time, Dim::None);
        assert_eq!(go(BinaryOp::Mul, num(800.0, hz), num(2.0, none)), Ok((1600.0, hz)));
        assert_eq!(go(BinaryOp::Div, num(1.0, none), num(4.0, hz)), Ok((0.25, s)));
        assert_eq!(go(BinaryOp::Add, num(440.0, hz), num(12.0, Dim::Interval)), Ok((880.0, hz)));
        assert_eq!(go(BinaryOp::Add, num(1.0, s), num(1.0, Dim::Beats)), Ok((1.5, s)));
        assert_eq!(go(BinaryOp::Add, num(-6.0, Dim::Gain), num(-6.0, Dim::Gain)), Ok((-12.0, Dim::Gain)));
        let (gain, dim) = go(BinaryOp::Mul, num(2.0, none), num(-20.0, Dim::Gain)).unwrap();
        assert!((gain - 0.2).abs() < 1e-12 && dim == none);
        assert!(go(BinaryOp::Add, num(1.0, s), num(4.0, hz)).is_err());
    }

    #[test]
    fn provenance_tells_derivations_apart() {
        let asked = Asked::default();
        let clock = Clock::new(0.5, &asked);
        let x = num(3.0, Dim::None);
        let by = |k: f64| binary(BinaryOp::Mul, x, Num::constant(k), clock).unwrap().key;
        assert_ne!(by(2.0), by(3.0));
        assert_eq!(by(2.0), by(2.0));
        assert_eq!(binary(BinaryOp::Add, Num::constant(1.0), Num::constant(2.0), clock).unwrap().key, 0);
        let y = Num { key: 9, ..x };
        let order = |a, b| binary(BinaryOp::Sub, a, b, clock).unwrap().key;
        assert_ne!(order(x, y), order(y, x));
    }
}
