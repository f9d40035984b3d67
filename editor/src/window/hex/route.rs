//! Lines between hexes that do not touch: along the borders of cells, so that no line crosses a hex.
//!
//! Corners of cells form a lattice of their own, in which each has three neighbours. From any corner one of them is nearer to the goal
//! by more than nothing as long as the goal is more than a side away (its direction is within 60 degrees), so a line that always goes
//! there arrives without a search.

use super::lattice::{Cell, Side, ends};

/// A corner of the lattice: the right one of a cell, or the left one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Corner {
    cell: Cell,
    right: bool,
}

impl Corner {
    /// The corner of a cell by its number in [`CORNERS`].
    fn of(cell: Cell, number: usize) -> Corner {
        let at = |q: i32, r: i32, right| Corner { cell: Cell { q: cell.q + q, r: cell.r + r }, right };
        match number % 6 {
            0 => at(0, 0, true),
            1 => at(1, 0, false),
            2 => at(-1, 1, true),
            3 => at(0, 0, false),
            4 => at(-1, 0, true),
            _ => at(1, -1, false),
        }
    }

    fn point(self) -> [f32; 2] {
        let [x, y] = self.cell.centre();
        [if self.right { x + 1.0 } else { x - 1.0 }, y]
    }

    fn neighbours(self) -> [Corner; 3] {
        let at = |q: i32, r: i32| Corner { cell: Cell { q: self.cell.q + q, r: self.cell.r + r }, right: !self.right };
        match self.right {
            true => [at(1, -1), at(1, 0), at(2, -1)],
            false => [at(-1, 1), at(-1, 0), at(-2, 1)],
        }
    }
}

fn square(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

/// The points of a line from a side of one cell to a side of another, in radii.
pub fn route(from: Cell, out: Side, to: Cell, into: Side) -> Vec<[f32; 2]> {
    let middle = |cell: Cell, side: Side| {
        let ([x, y], [dx, dy]) = (cell.centre(), side.middle());
        [x + dx, y + dy]
    };
    let (start, goal) = (middle(from, out), middle(to, into));
    let nearest = |cell: Cell, side: Side, point: [f32; 2]| {
        let [a, b] = ends(side).map(|number| Corner::of(cell, number));
        if square(a.point(), point) <= square(b.point(), point) { a } else { b }
    };
    let mut corner = nearest(from, out, goal);
    let last = nearest(to, into, corner.point());
    let mut points = vec![start, corner.point()];
    // Each step comes nearer, so there are no more of them than twice the cells between.
    let most = 4 * from.distance(to) + 16;
    for _ in 0..most {
        if corner == last {
            break;
        }
        let nearer = corner
            .neighbours()
            .into_iter()
            .min_by(|a, b| square(a.point(), last.point()).total_cmp(&square(b.point(), last.point())));
        corner = nearer.unwrap_or(last);
        points.push(corner.point());
    }
    points.push(goal);
    points
}

/// The side of a hex that a line leaves by, and the one it arrives at, for hexes that do not touch.
pub fn sides(from: Cell, to: Cell, free: &[Side]) -> (Side, Side) {
    let ([ax, ay], [bx, by]) = (from.centre(), to.centre());
    let toward = |side: &Side| {
        let [x, y] = side.middle();
        x * (bx - ax) + y * (by - ay)
    };
    let most = |sides: &[Side], sign: f32| {
        sides.iter().copied().max_by(|a, b| (sign * toward(a)).total_cmp(&(sign * toward(b))))
    };
    let into = if free.is_empty() { &Side::IN[..] } else { free };
    (most(&Side::OUT, 1.0).unwrap_or(Side::Bottom), most(into, -1.0).unwrap_or(Side::Top))
}

/// Which way the arrow at the end of a line points: into a cell by a side, as a unit vector.
pub fn inward(side: Side) -> [f32; 2] {
    let [x, y] = side.middle();
    let length = (x * x + y * y).sqrt();
    [-x / length, -y / length]
}

#[cfg(test)]
mod tests {
    use super::super::lattice::CORNERS;
    use super::*;

    #[test]
    fn corners_are_the_same_from_every_cell_that_has_them() {
        let cell = Cell { q: 2, r: -1 };
        for (number, corner) in CORNERS.into_iter().enumerate() {
            let [x, y] = cell.centre();
            let [px, py] = Corner::of(cell, number).point();
            assert!((x + corner[0] - px).abs() < 1e-4 && (y + corner[1] - py).abs() < 1e-4);
            for other in Corner::of(cell, number).neighbours() {
                assert!((square(other.point(), [px, py]) - 1.0).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn lines_follow_borders_from_side_to_side_and_cross_no_hex() {
        let from = Cell { q: 0, r: 0 };
        for to in (-7..8).flat_map(|q| (-7..8).map(move |r| Cell { q, r })).filter(|to| to.distance(from) > 0) {
            for out in Side::OUT {
                for into in Side::IN {
                    let points = route(from, out, to, into);
                    assert!(points.len() as u32 <= 4 * from.distance(to) + 12, "{to:?}");
                    for pair in points[1..points.len() - 1].windows(2) {
                        assert!((square(pair[0], pair[1]) - 1.0).abs() < 1e-3, "{points:?}");
                        let middle = [(pair[0][0] + pair[1][0]) / 2.0, (pair[0][1] + pair[1][1]) / 2.0];
                        let [x, y] = Cell::under(middle).centre();
                        assert!(square([x, y], middle) > 0.7, "a border lies at the rim of a cell");
                    }
                    // The first and the last half of a side.
                    let n = points.len();
                    assert!((square(points[0], points[1]) - 0.25).abs() < 1e-3);
                    assert!((square(points[n - 2], points[n - 1]) - 0.25).abs() < 1e-3);
                }
            }
            let (out, into) = sides(from, to, &[]);
            assert!(!out.takes() && into.takes());
        }
    }
}
