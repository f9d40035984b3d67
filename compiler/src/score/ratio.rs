//! Exact time.
//!
//! A [`Ratio`] is a reduced fraction of two `i64`, the denominator positive. Products go through `i128`, so nothing wraps. A
//! result too large for 64 bits becomes the nearest fraction that fits (best approximation by continued fractions) or the
//! largest value: arithmetic never panics, in the audio callback least of all. Use the `checked_` forms to learn of it.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A fraction: reduced, denominator > 0, so equality is equality of parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    num: i64,
    den: i64,
}

impl Default for Ratio {
    fn default() -> Ratio {
        Ratio::ZERO
    }
}

/// Greatest common divisor; 0 only for two zeros.
/// The engine asks for every quantum, with a power of two on one side: what is common in twos is found without a division.
fn gcd64(mut a: u64, mut b: u64) -> u64 {
    if a == 0 || b == 0 {
        return a | b;
    }
    let twos = (a | b).trailing_zeros();
    (a, b) = (a >> a.trailing_zeros(), b >> b.trailing_zeros());
    while b > 1 {
        (a, b) = (b, a % b);
    }
    // 1 divides everything; 0 is where the division came out even.
    (if b == 1 { 1 } else { a }) << twos
}

fn gcd128(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        if let (Ok(x), Ok(y)) = (u64::try_from(a), u64::try_from(b)) {
            return u128::from(gcd64(x, y));
        }
        (a, b) = (b, a % b);
    }
    a
}

/// The nearest fraction that fits: the last convergent whose parts are below 2^62.
fn nearest(num: i128, den: i128) -> Ratio {
    const LIMIT: u128 = 1 << 62;
    let negative = num < 0;
    let (mut a, mut b) = (num.unsigned_abs(), den.unsigned_abs());
    let (mut h0, mut h1, mut k0, mut k1) = (0u128, 1u128, 1u128, 0u128);
    while b != 0 {
        let q = a / b;
        let (Some(h2), Some(k2)) =
            (q.checked_mul(h1).and_then(|x| x.checked_add(h0)), q.checked_mul(k1).and_then(|x| x.checked_add(k0)))
        else {
            break;
        };
        if h2 > LIMIT || k2 > LIMIT {
            break;
        }
        (h0, h1, k0, k1) = (h1, h2, k1, k2);
        (a, b) = (b, a % b);
    }
    // Too large even for its whole part: the largest value. (Too small falls out as 0/1.)
    let (h, k) = if k1 == 0 { (LIMIT, 1) } else { (h1, k1) };
    Ratio { num: if negative { -(h as i64) } else { h as i64 }, den: k as i64 }
}

impl Ratio {
    /// 0
    pub const ZERO: Ratio = Ratio { num: 0, den: 1 };
    /// 1
    pub const ONE: Ratio = Ratio { num: 1, den: 1 };

    /// `num / den`, reduced. A zero denominator gives zero.
    pub fn new(num: i64, den: i64) -> Ratio {
        if den == 1 {
            return Ratio { num, den };
        }
        if den == 0 {
            return Ratio::ZERO;
        }
        let g = gcd64(num.unsigned_abs(), den.unsigned_abs());
        match (i64::try_from(g), num == i64::MIN || den == i64::MIN) {
            (Ok(g), false) => {
                let sign = den.signum();
                Ratio { num: sign * (num / g), den: sign * (den / g) }
            }
            _ => Ratio::wide(i128::from(num), i128::from(den)),
        }
    }

    /// A whole number.
    pub const fn int(n: i64) -> Ratio {
        Ratio { num: n, den: 1 }
    }

    /// The reduced fraction if it fits in 64 bits.
    fn exact(num: i128, den: i128) -> Option<Ratio> {
        let g = gcd128(num.unsigned_abs(), den.unsigned_abs());
        if g == 0 || den == 0 {
            return None;
        }
        let g = i128::try_from(g).ok()?;
        let sign = den.signum();
        Some(Ratio { num: i64::try_from(sign * (num / g)).ok()?, den: i64::try_from(sign * (den / g)).ok()? })
    }

    fn wide(num: i128, den: i128) -> Ratio {
        if den == 0 {
            return Ratio::ZERO;
        }
        Ratio::exact(num, den).unwrap_or_else(|| nearest(if den < 0 { num.saturating_neg() } else { num }, den))
    }

    /// The simplest fraction within rounding of `x`: 0.1 is 1/10, 0.333333333333 is 1/3 only if it was meant so to 12 digits.
    /// Not finite gives zero.
    pub fn from_f64(x: f64) -> Ratio {
        if !x.is_finite() {
            return Ratio::ZERO;
        }
        if x.fract() == 0.0 && x.abs() < 9e15 {
            return Ratio::int(x as i64);
        }
        if x.abs() >= 9e15 {
            return Ratio::int(if x < 0.0 { -9_000_000_000_000_000 } else { 9_000_000_000_000_000 });
        }
        let tolerance = (x.abs() * 1e-13).max(1e-15);
        let (mut h0, mut h1, mut k0, mut k1) = (0i64, 1i64, 1i64, 0i64);
        let mut rest = x.abs();
        for _ in 0..40 {
            let q = rest.floor();
            if q > 1e12 {
                break;
            }
            let q = q as i64;
            let (Some(h2), Some(k2)) =
                (q.checked_mul(h1).and_then(|v| v.checked_add(h0)), q.checked_mul(k1).and_then(|v| v.checked_add(k0)))
            else {
                break;
            };
            if k2 > 1_000_000_000_000 {
                break;
            }
            (h0, h1, k0, k1) = (h1, h2, k1, k2);
            if (h1 as f64 / k1 as f64 - x.abs()).abs() <= tolerance || rest - q as f64 == 0.0 {
                break;
            }
            rest = 1.0 / (rest - q as f64);
        }
        Ratio::new(if x < 0.0 { -h1 } else { h1 }, k1.max(1))
    }

    /// Numerator.
    pub const fn num(self) -> i64 {
        self.num
    }

    /// Denominator, always positive.
    pub const fn den(self) -> i64 {
        self.den
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// Largest whole number not above.
    pub const fn floor(self) -> i64 {
        self.num.div_euclid(self.den)
    }

    /// Smallest whole number not below.
    pub fn ceil(self) -> i64 {
        let down = self.floor();
        if self.den == 1 { down } else { down.saturating_add(1) }
    }

    /// Less than zero.
    pub const fn is_negative(self) -> bool {
        self.num < 0
    }

    /// Zero.
    pub const fn is_zero(self) -> bool {
        self.num == 0
    }

    /// Greater than zero.
    pub const fn is_positive(self) -> bool {
        self.num > 0
    }

    /// 1 / self; zero stays zero.
    pub fn recip(self) -> Ratio {
        Ratio::new(self.den, self.num)
    }

    /// The sum if it is exact in 64 bits.
    pub fn checked_add(self, o: Ratio) -> Option<Ratio> {
        let (a, b, c, d) = (i128::from(self.num), i128::from(self.den), i128::from(o.num), i128::from(o.den));
        Ratio::exact((a * d).checked_add(c * b)?, b * d)
    }

    /// The product if it is exact in 64 bits.
    pub fn checked_mul(self, o: Ratio) -> Option<Ratio> {
        Ratio::exact(i128::from(self.num) * i128::from(o.num), i128::from(self.den) * i128::from(o.den))
    }
}

impl Add for Ratio {
    type Output = Ratio;
    fn add(self, o: Ratio) -> Ratio {
        if self.den == o.den
            && let Some(num) = self.num.checked_add(o.num)
        {
            return Ratio::new(num, self.den);
        }
        if let (Some(a), Some(b), Some(den)) =
            (self.num.checked_mul(o.den), o.num.checked_mul(self.den), self.den.checked_mul(o.den))
            && let Some(num) = a.checked_add(b)
        {
            return Ratio::new(num, den);
        }
        let (a, b, c, d) = (i128::from(self.num), i128::from(self.den), i128::from(o.num), i128::from(o.den));
        // |a*d| and |c*b| are below 2^126: their sum fits.
        Ratio::wide(a * d + c * b, b * d)
    }
}

impl Neg for Ratio {
    type Output = Ratio;
    fn neg(self) -> Ratio {
        Ratio { num: self.num.saturating_neg(), den: self.den }
    }
}

impl Sub for Ratio {
    type Output = Ratio;
    fn sub(self, o: Ratio) -> Ratio {
        self + -o
    }
}

impl Mul for Ratio {
    type Output = Ratio;
    fn mul(self, o: Ratio) -> Ratio {
        if let (Some(num), Some(den)) = (self.num.checked_mul(o.num), self.den.checked_mul(o.den)) {
            return Ratio::new(num, den);
        }
        Ratio::wide(i128::from(self.num) * i128::from(o.num), i128::from(self.den) * i128::from(o.den))
    }
}

impl Div for Ratio {
    type Output = Ratio;
    // Dividing fractions is multiplying by the reciprocal.
    #[allow(clippy::suspicious_arithmetic_impl)]
    /// Division by zero gives zero: a pattern that does so is silent, not fatal.
    fn div(self, o: Ratio) -> Ratio {
        self * o.recip()
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, o: &Ratio) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}

impl Ord for Ratio {
    fn cmp(&self, o: &Ratio) -> Ordering {
        if self.den == o.den {
            return self.num.cmp(&o.num);
        }
        (i128::from(self.num) * i128::from(o.den)).cmp(&(i128::from(o.num) * i128::from(self.den)))
    }
}

impl From<i64> for Ratio {
    fn from(n: i64) -> Ratio {
        Ratio::int(n)
    }
}

impl std::fmt::Debug for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for Ratio {
    /// Always with a denominator: `3/8`, `2/1`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduces_and_orders() {
        assert_eq!(Ratio::new(6, -4), Ratio::new(-3, 2));
        assert!(Ratio::new(1, 3) < Ratio::new(1, 2));
        assert_eq!(Ratio::new(-1, 2).floor(), -1);
        assert_eq!(Ratio::new(1, 3) + Ratio::new(1, 6), Ratio::new(1, 2));
        assert_eq!(Ratio::new(5, 0), Ratio::ZERO);
        assert_eq!(Ratio::new(i64::MIN, i64::MIN), Ratio::ONE);
    }

    #[test]
    fn from_decimals() {
        for (x, n, d) in [(1.5, 3, 2), (0.1, 1, 10), (-0.25, -1, 4), (0.333, 333, 1000), (1.0 / 3.0, 1, 3), (7.0, 7, 1)]
        {
            assert_eq!(Ratio::from_f64(x), Ratio::new(n, d), "{x}");
        }
        assert_eq!(Ratio::from_f64(f64::NAN), Ratio::ZERO);
    }

    #[test]
    fn never_panics_and_stays_near() {
        let big = Ratio::new(i64::MAX, 3);
        let tiny = Ratio::new(1, i64::MAX - 2);
        for a in [big, tiny, -big, Ratio::new(i64::MIN, 1), Ratio::new(i64::MAX - 1, i64::MAX)] {
            for b in [big, tiny, -tiny, Ratio::new(i64::MIN, 7), Ratio::int(1)] {
                let (sum, product, quotient) = (a + b, a * b, a / b);
                assert!(sum.den() > 0 && product.den() > 0 && quotient.den() > 0);
                let _ = (a - b, a.cmp(&b), a.floor(), a.ceil());
            }
        }
        let x = Ratio::new(1_000_000_007, 998_244_353);
        let y = x * x * x;
        assert!((y.to_f64() - x.to_f64().powi(3)).abs() < 1e-12);
    }
}
