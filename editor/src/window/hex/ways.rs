//! How each wire is seen: as an arrow on a shared side, as a line along borders, or as a ghost of its source.
//!
//! Where a hex lies beside what feeds it, on one of its three sides for inputs, the shared side has an arrow. Otherwise a line leads
//! there. A source that many hear would draw a star of lines; those that lie far off get a ghost beside them instead, a small copy with
//! the name of the source. Two wires never share a side while another one is free.

use super::graph::{Picture, Role};
use super::lattice::{Cell, Side};
use super::route::{route, sides};
use std::collections::HashMap;

/// Readers from which on those that are far get ghosts.
const MANY: usize = 3;
/// What is further than this is far.
const FAR: u32 = 2;

/// How a wire is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// On the side that both share.
    Touch,
    /// Along borders; points in radii.
    Line(Vec<[f32; 2]>),
    /// A small copy of the source at this side.
    Ghost,
}

/// A wire on the lattice.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Its number in the picture.
    pub wire: usize,
    /// The side of the taker by which it comes in.
    pub side: Side,
    /// How it is drawn.
    pub shape: Shape,
    /// The first that comes in by this side; others say nothing of their port.
    pub first: bool,
}

/// The ways of all wires but those of a hex to itself.
pub fn ways(view: &Picture, cells: &[Cell], at: &HashMap<Cell, usize>) -> Vec<Way> {
    let mut taken: HashMap<(usize, Side), usize> = HashMap::new();
    let mut ghosts: Vec<Cell> = Vec::new();
    let mut readers: HashMap<usize, usize> = HashMap::new();
    view.wires
        .iter()
        .filter(|wire| wire.role != Role::Use)
        .for_each(|wire| *readers.entry(wire.from).or_default() += 1);
    let mut ways: Vec<Option<Way>> = vec![None; view.wires.len()];
    let mut claim = |to: usize, side: Side| {
        let count = taken.entry((to, side)).or_default();
        *count += 1;
        *count == 1
    };
    for (number, wire) in view.wires.iter().enumerate() {
        let side = cells[wire.to].side_of(cells[wire.from]).filter(|side| side.takes());
        if let Some(side) = side {
            ways[number] = Some(Way { wire: number, side, shape: Shape::Touch, first: claim(wire.to, side) });
        }
    }
    for (number, wire) in view.wires.iter().enumerate() {
        if ways[number].is_some() || wire.from == wire.to {
            continue;
        }
        let (from, to) = (cells[wire.from], cells[wire.to]);
        let free: Vec<Side> = Side::IN.into_iter().filter(|side| !taken.contains_key(&(wire.to, *side))).collect();
        let many = readers.get(&wire.from).copied().unwrap_or(0) >= MANY && wire.role != Role::Use;
        let beside = |side: &Side| {
            let cell = to.beside(*side);
            !at.contains_key(&cell) && !ghosts.contains(&cell)
        };
        let ghost = if many && from.distance(to) > FAR { free.iter().copied().find(beside) } else { None };
        let (side, shape) = match ghost {
            Some(side) => {
                ghosts.push(to.beside(side));
                (side, Shape::Ghost)
            }
            None => {
                let (out, into) = sides(from, to, &free);
                (into, Shape::Line(route(from, out, to, into)))
            }
        };
        let count = taken.entry((wire.to, side)).or_default();
        *count += 1;
        ways[number] = Some(Way { wire: number, side, shape, first: *count == 1 });
    }
    ways.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::graph::Reader;
    use super::super::place::place;
    use super::super::properties::read_with;
    use super::*;

    fn of(text: &str) -> (Picture, Vec<Way>) {
        let picture = read_with(&mut Reader::default(), text).whole;
        let cells = place(picture.hexes.len(), &picture.pairs(), &[]);
        let at = cells.iter().enumerate().map(|(i, cell)| (*cell, i)).collect();
        let ways = ways(&picture, &cells, &at);
        (picture, ways)
    }

    #[test]
    fn a_chain_touches_and_a_far_wire_is_a_line() {
        let (picture, ways) = of("a = saw(1hz)\nb = lpf(a)\nc = hpf(b)\nd = c + a\n");
        let touch = |i: usize| ways[i].shape == Shape::Touch;
        assert_eq!(ways.len(), picture.wires.len());
        assert!(touch(0) && touch(1) && touch(2) && !touch(3), "{ways:?}");
        assert!(ways.iter().all(|way| way.side.takes()));
    }

    #[test]
    fn what_many_hear_has_ghosts_where_it_is_far() {
        let readers: String = (0..9).map(|i| format!("r{i} = lpf(e * {i}, lfo)\n")).collect();
        let chain = "s = saw(1hz)\nb = lpf(s)\nc = hpf(b)\nd = hpf(c)\ne = hpf(d)\n";
        let (_, ways) = of(&format!("lfo = sin(1hz)\n{chain}{readers}x = hpf(lfo)\n"));
        assert!(ways.iter().any(|way| way.shape == Shape::Ghost), "{ways:?}");
        assert!(of("a = a' + 1\n").1.is_empty());
    }
}
