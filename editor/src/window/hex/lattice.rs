//! The lattice that hexes lie on: flat-top cells, their neighbours, and the way between points of the screen and cells.
//!
//! A cell is a column `q` and an axial height `r`: odd columns lie half a cell lower, and `r` counts along the slanted axis, so that
//! all arithmetic is plain addition (Red Blob Games, "Hexagonal Grids", 2013). People read rows instead, which run level across the
//! screen: [`Cell::row`]. Signals flow down and to the right, so the three upper left sides of a cell take what comes in and the
//! three others give what goes out. Lengths are in radii of a cell, from its centre to a corner, and y points down.

/// Half the distance between two rows, in radii: the square root of three quarters.
pub const HALF: f32 = 0.866_025_4;

/// A place on the lattice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    /// Column, growing to the right.
    pub q: i32,
    /// Axial height, growing downwards.
    pub r: i32,
}

/// A side of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Takes what comes in.
    Top,
    /// Takes what comes in.
    TopLeft,
    /// Takes what comes in.
    BottomLeft,
    /// Gives what goes out.
    TopRight,
    /// Gives what goes out.
    BottomRight,
    /// Gives what goes out.
    Bottom,
}

impl Side {
    /// Those that take, then those that give.
    pub const ALL: [Side; 6] =
        [Side::Top, Side::TopLeft, Side::BottomLeft, Side::TopRight, Side::BottomRight, Side::Bottom];
    /// Those that take what comes in, in the order in which they are used.
    pub const IN: [Side; 3] = [Side::TopLeft, Side::Top, Side::BottomLeft];
    /// Those that give.
    pub const OUT: [Side; 3] = [Side::TopRight, Side::BottomRight, Side::Bottom];

    /// The step to the cell on this side.
    pub fn step(self) -> Cell {
        let (q, r) = match self {
            Side::Top => (0, -1),
            Side::TopLeft => (-1, 0),
            Side::BottomLeft => (-1, 1),
            Side::TopRight => (1, -1),
            Side::BottomRight => (1, 0),
            Side::Bottom => (0, 1),
        };
        Cell { q, r }
    }

    /// The side that the neighbour there turns to us.
    #[cfg(test)]
    pub fn opposite(self) -> Side {
        match self {
            Side::Top => Side::Bottom,
            Side::TopLeft => Side::BottomRight,
            Side::BottomLeft => Side::TopRight,
            Side::TopRight => Side::BottomLeft,
            Side::BottomRight => Side::TopLeft,
            Side::Bottom => Side::Top,
        }
    }

    /// Takes what comes in.
    pub fn takes(self) -> bool {
        Side::IN.contains(&self)
    }

    /// The middle of the side, from the centre, in radii.
    pub fn middle(self) -> [f32; 2] {
        let [x, y] = self.step().centre();
        [x / 2.0, y / 2.0]
    }
}

impl Cell {
    /// The cell in a column and a row as people count them.
    pub fn at(column: i32, row: i32) -> Cell {
        Cell { q: column, r: row - column.div_euclid(2) }
    }

    /// The row that it lies in; cells of odd columns lie half a row lower.
    pub fn row(self) -> i32 {
        self.r + self.q.div_euclid(2)
    }

    /// Its centre, in radii from the centre of cell 0, 0.
    pub fn centre(self) -> [f32; 2] {
        let (q, r) = (self.q as f32, self.r as f32);
        [1.5 * q, 2.0 * HALF * (r + q / 2.0)]
    }

    /// The cell that a point lies in, in radii.
    pub fn under(point: [f32; 2]) -> Cell {
        let q = point[0] / 1.5;
        let r = point[1] / (2.0 * HALF) - q / 2.0;
        let s = -q - r;
        let (mut round_q, mut round_r, round_s) = (q.round(), r.round(), s.round());
        // The coordinate that was rounded furthest gives way, so that the three sum up to nothing.
        let (dq, dr, ds) = ((round_q - q).abs(), (round_r - r).abs(), (round_s - s).abs());
        if dq > dr && dq > ds {
            round_q = -round_r - round_s;
        } else if dr > ds {
            round_r = -round_q - round_s;
        }
        Cell { q: round_q as i32, r: round_r as i32 }
    }

    /// The neighbour on a side.
    pub fn beside(self, side: Side) -> Cell {
        let step = side.step();
        Cell { q: self.q + step.q, r: self.r + step.r }
    }

    /// The side of this cell that another one touches.
    pub fn side_of(self, other: Cell) -> Option<Side> {
        Side::ALL.into_iter().find(|side| self.beside(*side) == other)
    }

    /// Steps from cell to cell between two.
    pub fn distance(self, other: Cell) -> u32 {
        let (q, r) = ((self.q - other.q).abs(), (self.r - other.r).abs());
        let s = (self.q + self.r - other.q - other.r).abs();
        (q.max(r).max(s)) as u32
    }

    /// The cells so many steps away, clockwise from the one to the right of the top.
    pub fn ring(self, steps: u32) -> Vec<Cell> {
        if steps == 0 {
            return vec![self];
        }
        let walk = [Side::BottomRight, Side::Bottom, Side::BottomLeft, Side::TopLeft, Side::Top, Side::TopRight];
        let mut cell = Cell { q: self.q, r: self.r - steps as i32 };
        let mut found = Vec::with_capacity(6 * steps as usize);
        for side in walk {
            for _ in 0..steps {
                cell = cell.beside(side);
                found.push(cell);
            }
        }
        found
    }
}

/// The corners of a cell of radius 1 around its centre, clockwise from the right.
pub const CORNERS: [[f32; 2]; 6] = [[1.0, 0.0], [0.5, HALF], [-0.5, HALF], [-1.0, 0.0], [-0.5, -HALF], [0.5, -HALF]];

/// The corners at the ends of a side, as numbers of [`CORNERS`].
pub fn ends(side: Side) -> [usize; 2] {
    match side {
        Side::BottomRight => [0, 1],
        Side::Bottom => [1, 2],
        Side::BottomLeft => [2, 3],
        Side::TopLeft => [3, 4],
        Side::Top => [4, 5],
        Side::TopRight => [5, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> impl Iterator<Item = Cell> {
        (-12..=12).flat_map(|q| (-12..=12).map(move |r| Cell { q, r }))
    }

    #[test]
    fn every_point_well_inside_of_a_cell_leads_back_to_it() {
        for cell in cells() {
            let [x, y] = cell.centre();
            for [dx, dy] in CORNERS.into_iter().chain([[0.0, 0.0]]) {
                assert_eq!(Cell::under([x + 0.98 * dx, y + 0.98 * dy]), cell);
            }
            assert_eq!(Cell::at(cell.q, cell.row()), cell);
        }
    }

    #[test]
    fn neighbours_see_each_other_from_opposite_sides() {
        for cell in cells() {
            for side in Side::ALL {
                let other = cell.beside(side);
                assert_eq!(other.beside(side.opposite()), cell);
                assert_eq!(cell.side_of(other), Some(side));
                assert_ne!(side.takes(), side.opposite().takes(), "what one gives the other takes");
                // The shared side has the same corners seen from both.
                let [x, y] = cell.centre();
                let [u, v] = other.centre();
                let [mx, my] = side.middle();
                let [nx, ny] = side.opposite().middle();
                assert!((x + mx - u - nx).abs() < 1e-4 && (y + my - v - ny).abs() < 1e-4);
                let [a, b] = ends(side).map(|corner| CORNERS[corner]);
                assert!(((a[0] + b[0]) / 2.0 - mx).abs() < 1e-6 && ((a[1] + b[1]) / 2.0 - my).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn rings_hold_exactly_the_cells_of_their_distance() {
        let centre = Cell { q: 3, r: -2 };
        for steps in 0..6 {
            let mut ring = centre.ring(steps);
            ring.sort();
            let mut wanted: Vec<Cell> = cells().filter(|cell| cell.distance(centre) == steps).collect();
            wanted.sort();
            assert_eq!(ring, wanted, "{steps}");
        }
    }

    #[test]
    fn rows_run_level() {
        assert!((Cell::at(0, 3).centre()[1] - Cell::at(4, 3).centre()[1]).abs() < 1e-4);
        assert!(Cell::at(1, 3).centre()[1] > Cell::at(0, 3).centre()[1]);
        assert_eq!(Cell::at(-1, 0).row(), 0);
    }
}
