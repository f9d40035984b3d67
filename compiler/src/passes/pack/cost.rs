//! Which groups pay.
//!
//! The unit is one vector instruction per frame. A vector has [`WIDTH`] lanes of 32 bits.
//!
//! - What goes forward costs `weight * padded lanes / WIDTH`, packed or not, since one lane is computed over time and many over
//!   frames and lanes together. Packing it gains nothing by itself (a little code: [`CODE`]), and loses when lanes are padded.
//! - A loop goes frame by frame: a copy costs `weight` for every vector of lanes it has, one lane as much as eight. Packing gains
//!   all but one copy.
//! - A seam costs [`SEAM`] for every lane: where lanes that were computed apart are joined, and where packed lanes are taken by
//!   what is not packed. Constants and lines cost nothing to join, and what all copies share is spread for little. Taps inside of a
//!   loop, which stay apart, cost [`TIGHT`] for every lane: frame by frame, nothing hides them.
//! - What is computed once a quantum costs so little that only its code counts: it is packed.
//!
//! So two recursions are worth packing and forward code between them is, too; a chain that starts and ends apart is not. The
//! choice starts with everything packed and changes single groups as long as that lowers the sum.

use super::blocks::Blocks;
use super::grow::{Growth, NONE};
use crate::exec::padded;
use crate::graph::{Node, NodeId, Rate, operands};

/// Lanes of a vector.
const WIDTH: u32 = 8;
/// Joining or taking apart, per lane.
const SEAM: f32 = 0.5;
/// The same inside of a loop that goes frame by frame.
const TIGHT: f32 = 1.0;
/// What a copy of a node costs that only its code counts for.
const CODE: f32 = 0.02;
/// Rounds of changing single groups.
const ROUNDS: usize = 4;

/// What a group costs by itself, and its seams.
#[derive(Default)]
struct Bill {
    packed: f32,
    apart: f32,
    /// Seams with other groups: cost if one is packed and the other is not.
    seams: Vec<(u32, f32)>,
}

/// Sets [`super::Group::packed`].
pub(super) fn choose(blocks: &Blocks, growth: &mut Growth) {
    let mut bills: Vec<Bill> = growth.groups.iter().map(|_| Bill::default()).collect();
    for id in 0..growth.groups.len() {
        bill(blocks, growth, id, &mut bills);
    }
    for _ in 0..ROUNDS {
        let mut changed = false;
        for id in (0..bills.len()).rev() {
            let bill = &bills[id];
            if growth.groups[id].rows.is_empty() {
                continue;
            }
            let sum = |packed: bool| {
                let seams = bill.seams.iter().filter(|(g, _)| growth.groups[*g as usize].packed != packed);
                (if packed { bill.packed } else { bill.apart }) + seams.map(|(_, cost)| cost).sum::<f32>()
            };
            let better = sum(true) <= sum(false);
            changed |= better != growth.groups[id].packed;
            growth.groups[id].packed = better;
        }
        if !changed {
            break;
        }
    }
}

fn bill(blocks: &Blocks, growth: &Growth, id: usize, bills: &mut [Bill]) {
    let (graph, info) = (blocks.graph, blocks.info);
    let group = &growth.groups[id];
    let (mut packed, mut apart) = (0.0, 0.0);
    let sample = |n: NodeId| info.rate[n.index()] == Rate::Sample;
    let mut seams: Vec<(u32, f32)> = Vec::new();
    let wide = group.rows.iter().flatten().map(|n| info.lanes[n.index()]).max().unwrap_or(1);
    for row in &group.rows {
        let (copies, lanes) = (row.len() as u32, info.lanes[row[0].index()]);
        apart += CODE * (copies - 1) as f32;
        if !sample(row[0]) {
            continue;
        }
        let all = (copies * lanes) as f32;
        let weight = weight(graph.node(row[0]));
        if matches!(graph.node(row[0]), Node::Tap(..)) {
            // The tap itself is the same either way; its delay, its value and what is written to its ring cross over.
            packed += 2.0 * TIGHT * all;
        } else if group.looped {
            apart += weight * (copies * lanes.div_ceil(WIDTH)) as f32;
            packed += weight * (copies * wide).div_ceil(WIDTH) as f32;
        } else {
            apart += weight * copies as f32 * padded(lanes) as f32 / WIDTH as f32;
            packed += weight * padded(copies * lanes) as f32 / WIDTH as f32;
        }
        // What comes in.
        for slot in 0..operands(graph.node(row[0])).len() {
            let arg = |node: NodeId| blocks.args(node).get(slot).copied().unwrap_or(node);
            let first = arg(row[0]);
            let shared = row.iter().all(|&n| arg(n) == first);
            let free = |n: NodeId| !sample(n) || matches!(graph.node(n), Node::Line(_) | Node::Const(..));
            if row.iter().all(|&n| free(arg(n))) {
                continue;
            }
            let other = growth.group_of[first.index()];
            if other == id as u32 {
                continue;
            }
            if other != NONE && !shared {
                seams.push((other, SEAM * all));
            } else {
                packed += if shared { SEAM } else { SEAM * all };
            }
        }
        // What goes out to where there are no groups; the seams with groups were or will be seen from the other end.
        let mut out = false;
        for node in row {
            for &user in growth.users.of(node.index()) {
                out |= growth.group_of[user as usize] == NONE;
            }
        }
        packed += if out { SEAM * all } else { 0.0 };
    }
    for &(other, cost) in &seams {
        bills[other as usize].seams.push((id as u32, cost));
    }
    let bill = &mut bills[id];
    (bill.packed, bill.apart) = (packed, apart);
    bill.seams.extend(seams);
}

/// Vector instructions of a node.
fn weight(node: &Node) -> f32 {
    match node {
        Node::Op(op, _) => op.weight() as f32,
        Node::Reduce(..) => 2.0,
        _ => 1.0,
    }
}
