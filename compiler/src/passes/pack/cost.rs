//! Which groups pay.
//!
//! The unit is half a cycle, about a vector instruction. All constants were measured with loops of the library (one-pole and
//! state-variable filters, envelopes, combs, oscillators) in 1 to 32 copies, packed and apart.
//!
//! - What goes forward costs `weight * padded lanes / WIDTH`, packed or not, since one lane is computed over time and many over
//!   frames and lanes together. Packing it gains nothing by itself (a little code: [`CODE`]), and loses where lanes are padded.
//! - A loop goes frame by frame and takes at least the time of its longest chain, [`LATENCY`] for every operation. Copies that
//!   stand apart share that time with each other as far as they fit into one region; beyond that each costs its weight
//!   ([`SCALAR`]). Packed, all copies cost a chain, or the weight of one for every [`WIDTH`] lanes.
//! - A seam costs [`SEAM`] for every lane: where lanes that were computed apart are joined, and where packed lanes are taken by
//!   what is not packed. Constants and what is computed once a quantum cost nothing to join, and what all copies share is
//!   spread by the load; sums of many terms take lanes as they are. Taps inside of a loop, which stay apart, cost [`TIGHT`] for every lane: frame by frame, nothing hides
//!   them.
//! - What is computed once a quantum costs so little that only its code counts: it is packed.
//!
//! So a few small recursions stay as they are, three filters or eight smoothers do not, and forward code between packed loops is
//! packed, while a chain that starts and ends apart is not. The choice starts with everything packed; then what hangs together and
//! single groups are changed as long as that lowers the sum.

use super::Group;
use super::blocks::Blocks;
use super::grow::{Growth, NONE, Sum};
use crate::exec::padded;
use crate::graph::{Node, NodeId, Rate, Ty, operands};
use crate::schedule;
use rustc_hash::FxHashMap as HashMap;

/// Lanes of a vector.
const WIDTH: u32 = 8;
/// An operation on the way through a loop: four cycles for floats.
const LATENCY: f32 = 8.0;
/// The same for integers, one cycle.
const QUICK: f32 = 2.0;
/// What an operation costs more in loops of one lane, by themselves.
const SCALAR: f32 = 1.3;
/// Joining or taking apart, per lane.
const SEAM: f32 = 1.0;
/// The same inside of a loop that goes frame by frame.
const TIGHT: f32 = 2.0;
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
        let mut changed = together(growth, &bills);
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

/// Takes apart what hangs together by seams and costs less apart: no single group would be the first to go. True if anything
/// changed.
fn together(growth: &mut Growth, bills: &[Bill]) -> bool {
    let (mut seen, mut changed) = (vec![false; bills.len()], false);
    for first in 0..bills.len() {
        let (mut packed, mut apart, mut all, mut work) = (0.0, 0.0, Vec::new(), vec![first as u32]);
        while let Some(id) = work.pop() {
            if !growth.groups[id as usize].packed || std::mem::replace(&mut seen[id as usize], true) {
                continue;
            }
            let bill = &bills[id as usize];
            let outer = bill.seams.iter().filter(|(g, _)| !growth.groups[*g as usize].packed);
            packed += bill.packed + outer.map(|(_, cost)| cost).sum::<f32>();
            apart += bill.apart;
            work.extend(bill.seams.iter().map(|(g, _)| *g));
            all.push(id);
        }
        if apart < packed {
            all.iter().for_each(|&id| growth.groups[id as usize].packed = false);
            changed |= !all.is_empty();
        }
    }
    changed
}

fn bill(blocks: &Blocks, growth: &Growth, id: usize, bills: &mut [Bill]) {
    let (graph, info) = (blocks.graph, blocks.info);
    let group = &growth.groups[id];
    let (mut packed, mut apart, mut work) = (0.0, 0.0, 0.0);
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
        if matches!(graph.node(row[0]), Node::Tap(..) | Node::Peek(..)) {
            // The tap itself is the same either way; its delay, its value and what is written to its ring cross over.
            packed += 2.0 * TIGHT * all;
        } else if group.looped {
            work += if info.ty[row[0].index()] == Ty::I32 { weight / 2.0 } else { weight };
        } else {
            apart += weight * copies as f32 * padded(lanes) as f32 / WIDTH as f32;
            packed += weight * padded(copies * lanes) as f32 / WIDTH as f32;
        }
        // What comes in.
        for slot in 0..operands(graph.node(row[0])).len() {
            let arg = |node: NodeId| blocks.args(node).get(slot).copied().unwrap_or(node);
            let first = arg(row[0]);
            let shared = row.iter().all(|&n| arg(n) == first);
            if shared || row.iter().all(|&n| !sample(arg(n))) {
                continue;
            }
            let other = growth.group_of[first.index()];
            if other == id as u32 {
                continue;
            }
            if other != NONE {
                seams.push((other, SEAM * all));
            } else {
                packed += SEAM * all;
            }
        }
        // What goes out to where there are no groups; the seams with groups were or will be seen from the other end.
        let mut out = false;
        for node in row {
            for &user in growth.users.of(node.index()) {
                out |= growth.group_of[user as usize] == NONE && growth.sums[user as usize] == Sum::None;
            }
        }
        packed += if out { SEAM * all } else { 0.0 };
    }
    if group.looped {
        let (copies, chain) = (group.rows[0].len() as u32, chain(blocks, group));
        let cells = group.rows.iter().filter(|row| matches!(graph.node(row[0]), Node::Read(_))).count() as u32;
        let vectors = wide.div_ceil(WIDTH);
        let together =
            (schedule::CARRIED / (cells * vectors).max(1)).min((schedule::LIMIT as f32 / work) as u32).max(1);
        apart += (chain * copies.div_ceil(together) as f32).max(SCALAR * work * (copies * vectors) as f32);
        packed += chain.max(work * (copies * wide).div_ceil(WIDTH) as f32);
    }
    for &(other, cost) in &seams {
        bills[other as usize].seams.push((id as u32, cost));
    }
    let bill = &mut bills[id];
    (bill.packed, bill.apart) = (packed, apart);
    bill.seams.extend(seams);
}

/// The time of the longest way through a loop in one frame.
fn chain(blocks: &Blocks, group: &Group) -> f32 {
    let mut ends: HashMap<NodeId, f32> = HashMap::default();
    for row in &group.rows {
        let node = row[0];
        let step = match blocks.graph.node(node) {
            Node::Op(_, args) if blocks.info.ty[args[0].index()] == Ty::I32 => QUICK,
            Node::Op(..) => LATENCY,
            _ => 0.0,
        };
        let before = blocks.args(node).iter().filter_map(|n| ends.get(n)).fold(0.0, |a: f32, &b| a.max(b));
        ends.insert(node, before + step);
    }
    ends.values().fold(0.0, |a: f32, &b| a.max(b))
}

/// Vector instructions of a node.
fn weight(node: &Node) -> f32 {
    match node {
        Node::Op(op, _) => op.weight() as f32,
        Node::Reduce(..) => 2.0,
        _ => 1.0,
    }
}
