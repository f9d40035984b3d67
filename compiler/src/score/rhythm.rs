//! Rhythms spread as evenly as they can be.
//!
//! The construction is Bjorklund's: as many groups "1" as pulses and "0" as rests; pair the groups of the two kinds until at
//! most one odd group is left over. The groups of a kind are all alike, so two short strings and two counts are enough, and
//! the whole runs on the stack: patterned arguments are worked out inside a query.

/// Most steps of a rhythm.
pub(crate) const MAX_STEPS: usize = 256;

/// A string of pulses and rests.
#[derive(Clone, Copy)]
struct Group {
    steps: [bool; MAX_STEPS],
    len: usize,
}

impl Group {
    fn new(step: bool) -> Group {
        let mut steps = [false; MAX_STEPS];
        steps[0] = step;
        Group { steps, len: 1 }
    }

    fn append(&mut self, other: &Group) {
        let end = (self.len + other.len).min(MAX_STEPS);
        let room = end - self.len;
        self.steps[self.len..end].copy_from_slice(&other.steps[..room]);
        self.len = end;
    }
}

/// Writes the rhythm of `pulses` in `steps`, rotated right, and returns the number of steps. Negative pulses invert; more
/// pulses than steps fill them all. A rotation by a whole turn or more turns nothing, as in Strudel.
pub(crate) fn euclid(pulses: i64, steps: i64, rotation: i64, out: &mut [bool; MAX_STEPS]) -> usize {
    let steps = steps.clamp(0, MAX_STEPS as i64);
    let ons = pulses.saturating_abs().min(steps);
    let (mut ones, mut zeros) = (ons as usize, (steps - ons) as usize);
    let (mut x, mut y) = (Group::new(true), Group::new(false));
    while ones.min(zeros) > 1 {
        if ones > zeros {
            // The pairs become the first kind; what is left of the ones, the second.
            let left = x;
            x.append(&y);
            (ones, zeros, y) = (zeros, ones - zeros, left);
        } else {
            x.append(&y);
            zeros -= ones;
        }
    }
    let mut at = 0;
    let mut flat = [false; MAX_STEPS];
    for (group, count) in [(&x, ones), (&y, zeros)] {
        for _ in 0..count {
            for &step in &group.steps[..group.len] {
                if at < MAX_STEPS {
                    flat[at] = step != (pulses < 0);
                    at += 1;
                }
            }
        }
    }
    let turn = if rotation.saturating_abs() < steps { rotation.rem_euclid(steps.max(1)) as usize } else { 0 };
    for (i, &step) in flat[..at].iter().enumerate() {
        out[(i + turn) % at] = step;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(k: i64, n: i64, r: i64) -> String {
        let mut out = [false; MAX_STEPS];
        let n = euclid(k, n, r, &mut out);
        out[..n].iter().map(|&b| if b { 'x' } else { '.' }).collect()
    }

    #[test]
    fn known_rhythms() {
        assert_eq!(text(3, 8, 0), "x..x..x.");
        assert_eq!(text(5, 8, 0), "x.xx.xx.");
        assert_eq!(text(3, 8, 3), ".x.x..x.");
        assert_eq!(text(-3, 8, 0), ".xx.xx.x");
        assert_eq!(text(0, 4, 0), "....");
        assert_eq!(text(9, 4, 0), "xxxx");
        assert_eq!(text(3, 0, 1), "");
    }

    #[test]
    fn always_the_right_number_of_pulses() {
        for n in 0..40 {
            for k in 0..=n {
                for r in [-3, 0, 1, 7, 100] {
                    let t = text(k, n, r);
                    assert_eq!(t.len() as i64, n);
                    assert_eq!(t.matches('x').count() as i64, k, "{k} {n} {r}");
                }
            }
        }
        assert_eq!(text(i64::MIN, i64::MAX, i64::MIN).len(), MAX_STEPS);
    }
}
