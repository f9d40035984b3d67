//! The automatic layout: which cell a hex lies in when nobody has put it anywhere.
//!
//! Signals flow to the right: a hex lies in a column behind all that feed it (the longest path counts), in the row in which they lie.
//! A chain runs level, since neighbours of one row touch by a side that gives and one that takes. What is connected forms a
//! block of its own, blocks lie below each other in the order of the text, and hexes that are connected with nothing fill rows at
//! the end. Everything follows from the order of hexes and wires alone, so a text looks the same on every machine. Loops are cut
//! where the text closes them.
//!
//! Cells that a user has chosen are kept, and so are those of a moment ago, lest an edit shuffle what nobody touched; a new hex then
//! lies beside what it is connected to.

use super::lattice::{Cell, Side};
use std::collections::HashSet;

/// A column with more hexes becomes several.
const TALL: usize = 9;
/// Hexes without wires in a row.
const WIDE: usize = 8;

/// Gives each of `count` hexes a cell of its own. `wires` lead from supplier to user; `fixed` are cells that are settled already (of
/// two in one cell the first has it).
pub fn place(count: usize, wires: &[(usize, usize)], fixed: &[Option<Cell>]) -> Vec<Cell> {
    let wires: Vec<(usize, usize)> =
        wires.iter().copied().filter(|(a, b)| a != b && *a < count && *b < count).collect();
    let mut cells: Vec<Option<Cell>> = vec![None; count];
    let mut taken = HashSet::new();
    for (cell, fixed) in cells.iter_mut().zip(fixed) {
        *cell = fixed.filter(|fixed| taken.insert(*fixed));
    }
    if taken.is_empty() {
        return automatic(count, &wires);
    }
    let whole = automatic(count, &wires);
    // Those first whose neighbours have places already.
    loop {
        let near = |i: usize| {
            let supplier = wires.iter().find_map(|(a, b)| if *b == i { cells[*a].map(|c| (c, true)) } else { None });
            let user = || wires.iter().find_map(|(a, b)| if *a == i { cells[*b].map(|c| (c, false)) } else { None });
            supplier.or_else(user)
        };
        let open = |i: &usize| cells[*i].is_none();
        let next = (0..count).filter(open).find_map(|i| near(i).map(|near| (i, Some(near))));
        let Some((i, near)) = next.or_else(|| (0..count).find(open).map(|i| (i, None))) else { break };
        let cell = match near {
            Some((cell, true)) => beside(cell, [Side::BottomRight, Side::TopRight, Side::Bottom], &taken),
            Some((cell, false)) => beside(cell, [Side::TopLeft, Side::BottomLeft, Side::Top], &taken),
            None => free(whole[i], &taken),
        };
        taken.insert(cell);
        cells[i] = Some(cell);
    }
    cells.into_iter().map(Option::unwrap_or_default).collect()
}

fn beside(cell: Cell, sides: [Side; 3], taken: &HashSet<Cell>) -> Cell {
    let wanted = sides.into_iter().map(|side| cell.beside(side)).find(|cell| !taken.contains(cell));
    wanted.unwrap_or_else(|| free(cell.beside(sides[0]), taken))
}

/// The free cell nearest to one.
pub fn free(cell: Cell, taken: &HashSet<Cell>) -> Cell {
    let mut rings = (0..).map(|steps| cell.ring(steps));
    // So many cells cannot all be taken.
    rings.by_ref().flatten().find(|cell| !taken.contains(cell)).unwrap_or(cell)
}

fn automatic(count: usize, wires: &[(usize, usize)]) -> Vec<Cell> {
    let mut users = vec![Vec::new(); count];
    let mut suppliers = vec![Vec::new(); count];
    for (from, to) in acyclic(count, wires) {
        users[from].push(to);
        suppliers[to].push(from);
    }
    let layer = layers(&users, &suppliers);
    let mut cells = vec![Cell::default(); count];
    let mut top = 0;
    let mut alone = Vec::new();
    for block in blocks(&users, &suppliers) {
        match block[..] {
            [one] => alone.push(one),
            _ => top += lay(&block, &layer, &suppliers, top, &mut cells) + 1,
        }
    }
    for (i, hex) in alone.into_iter().enumerate() {
        cells[hex] = Cell::at((i % WIDE) as i32, top + (i / WIDE) as i32);
    }
    cells
}

/// The wires without those that close a loop, going through hexes in order.
fn acyclic(count: usize, wires: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut next = vec![Vec::new(); count];
    wires.iter().for_each(|(from, to)| next[*from].push(*to));
    // 0 unseen, 1 on the way, 2 done.
    let mut state = vec![0u8; count];
    let mut kept = Vec::with_capacity(wires.len());
    let mut way: Vec<(usize, usize)> = Vec::new();
    for start in 0..count {
        if state[start] != 0 {
            continue;
        }
        state[start] = 1;
        way.push((start, 0));
        while let Some((hex, at)) = way.last_mut() {
            let hex = *hex;
            let Some(to) = next[hex].get(*at).copied() else {
                state[hex] = 2;
                way.pop();
                continue;
            };
            *at += 1;
            if state[to] != 1 {
                kept.push((hex, to));
            }
            if state[to] == 0 {
                state[to] = 1;
                way.push((to, 0));
            }
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// The column of each hex: behind all suppliers; what has none lies right before its first user.
fn layers(users: &[Vec<usize>], suppliers: &[Vec<usize>]) -> Vec<usize> {
    let mut layer = vec![0usize; users.len()];
    let mut open: Vec<usize> = suppliers.iter().map(Vec::len).collect();
    let mut ready: Vec<usize> = (0..users.len()).filter(|i| open[*i] == 0).collect();
    while let Some(hex) = ready.pop() {
        for user in &users[hex] {
            layer[*user] = layer[*user].max(layer[hex] + 1);
            open[*user] -= 1;
            if open[*user] == 0 {
                ready.push(*user);
            }
        }
    }
    for hex in 0..users.len() {
        if suppliers[hex].is_empty()
            && let Some(first) = users[hex].iter().map(|user| layer[*user]).min()
        {
            layer[hex] = first.saturating_sub(1);
        }
    }
    layer
}

/// What is connected with each other, each in order.
fn blocks(users: &[Vec<usize>], suppliers: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; users.len()];
    let mut blocks = Vec::new();
    for start in 0..users.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let (mut block, mut at) = (vec![start], 0);
        while let Some(hex) = block.get(at).copied() {
            at += 1;
            for other in users[hex].iter().chain(&suppliers[hex]).copied() {
                if !std::mem::replace(&mut seen[other], true) {
                    block.push(other);
                }
            }
        }
        block.sort_unstable();
        blocks.push(block);
    }
    blocks
}

/// Lays one block below `top`; comes back with how many rows it takes.
fn lay(block: &[usize], layer: &[usize], suppliers: &[Vec<usize>], top: i32, cells: &mut [Cell]) -> i32 {
    let first = block.iter().map(|hex| layer[*hex]).min().unwrap_or(0);
    let last = block.iter().map(|hex| layer[*hex]).max().unwrap_or(0);
    let (mut column, mut rows) = (0, 1);
    for depth in first..=last {
        let mut here: Vec<usize> = block.iter().copied().filter(|hex| layer[*hex] == depth).collect();
        // Twice the mean row of what feeds it, so that halves are whole numbers.
        let wanted = |hex: usize| {
            let fed = &suppliers[hex];
            let sum: i32 = fed.iter().map(|from| 2 * (cells[*from].row() - top)).sum();
            if fed.is_empty() { None } else { Some(sum / fed.len() as i32) }
        };
        let wish: Vec<Option<i32>> = here.iter().map(|hex| wanted(*hex)).collect();
        let mut order: Vec<usize> = (0..here.len()).collect();
        order.sort_by_key(|i| (wish[*i].unwrap_or(i32::MAX), here[*i]));
        let columns = here.len().div_ceil(TALL).max(1);
        let mut next = vec![0; columns];
        for (n, i) in order.iter().enumerate() {
            let column_of = n % columns;
            let row = next[column_of].max(if columns == 1 { wish[*i].unwrap_or(0) / 2 } else { 0 });
            next[column_of] = row + 1;
            cells[here[*i]] = Cell::at(column + column_of as i32, top + row);
        }
        rows = rows.max(next.into_iter().max().unwrap_or(1));
        column += columns as i32;
        here.clear();
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_runtime::compiler::lang::dice::Dice;

    fn unique(cells: &[Cell]) -> bool {
        cells.iter().collect::<HashSet<_>>().len() == cells.len()
    }

    #[test]
    fn a_chain_runs_level_and_touches_by_the_right_sides() {
        let cells = place(4, &[(0, 1), (1, 2), (2, 3)], &[]);
        assert_eq!(cells, (0..4).map(|column| Cell::at(column, 0)).collect::<Vec<_>>());
        for pair in cells.windows(2) {
            assert!(pair[1].side_of(pair[0]).is_some_and(Side::takes));
        }
    }

    #[test]
    fn what_feeds_lies_to_the_left_of_what_is_fed() {
        let mut dice = Dice::new(11);
        for _ in 0..300 {
            let count = 1 + dice.below(40);
            let wires: Vec<(usize, usize)> =
                (0..dice.below(60)).map(|_| (dice.below(count), dice.below(count))).filter(|(a, b)| a < b).collect();
            let cells = place(count, &wires, &[]);
            assert!(unique(&cells));
            for (from, to) in &wires {
                assert!(cells[*from].q < cells[*to].q, "{wires:?} {cells:?}");
            }
            assert_eq!(place(count, &wires, &[]), cells);
        }
    }

    #[test]
    fn loops_and_wires_to_oneself_have_a_place() {
        let cells = place(3, &[(0, 1), (1, 2), (2, 0), (1, 1), (7, 0)], &[]);
        assert!(unique(&cells));
        assert!(cells[0].q < cells[1].q && cells[1].q < cells[2].q);
    }

    #[test]
    fn chosen_cells_win_and_the_rest_makes_room() {
        let mut dice = Dice::new(12);
        for _ in 0..300 {
            let count = 1 + dice.below(30);
            let wires: Vec<(usize, usize)> =
                (0..dice.below(50)).map(|_| (dice.below(count), dice.below(count))).collect();
            let any = |dice: &mut Dice| Cell { q: dice.below(6) as i32 - 3, r: dice.below(6) as i32 - 3 };
            let fixed: Vec<Option<Cell>> =
                (0..count).map(|_| if dice.chance(50) { Some(any(&mut dice)) } else { None }).collect();
            let cells = place(count, &wires, &fixed);
            assert!(unique(&cells));
            let mut seen = HashSet::new();
            for (cell, fixed) in cells.iter().zip(&fixed) {
                if let Some(fixed) = fixed.filter(|fixed| seen.insert(*fixed)) {
                    assert_eq!(*cell, fixed);
                }
            }
        }
    }

    #[test]
    fn a_new_hex_lies_beside_what_it_is_connected_to() {
        let old = [Some(Cell::at(5, 5)), Some(Cell::at(6, 5)), None, None];
        let cells = place(4, &[(0, 1), (1, 2), (3, 0)], &old);
        assert!(cells[2].side_of(cells[1]).is_some_and(Side::takes));
        assert!(cells[0].side_of(cells[3]).is_some_and(Side::takes));
    }

    #[test]
    fn many_hexes_are_placed_in_a_moment() {
        let wires: Vec<(usize, usize)> = (0..2_000).map(|i| (i / 2, i + 1)).collect();
        let begin = std::time::Instant::now();
        assert!(unique(&place(2_001, &wires, &[])));
        assert!(begin.elapsed().as_secs_f64() < 2.0, "{:?}", begin.elapsed());
    }
}
