//! Banks of voices: what has a lane for each voice of a player, and could be computed for some of them alone.
//!
//! `poly(16, f)` makes one body of sixteen lanes. A lane is a voice's; with channels or what packing has put side by side, a voice has
//! several. From the rows of a unit on, [`banks`] follows which lane is whose. What is found is a *bank* if voices do not meet in it,
//! what comes from outside is the same for all of them, and only sums over all voices leave it.
//!
//! A voice that rests adds a zero to these sums. A bank in which few voices sound can therefore be computed by code for few lanes
//! ([`super::few`]): two voices that sound are in whatever lanes two; more must each keep their place in the order of the sum, which
//! folds halves, so a voice has the lane that is its number modulo the number of lanes. Then no bit changes.

use super::check::GraphInfo;
use super::ops::Op;
use super::{Graph, Node, NodeId, Rate, operands};
use std::sync::Arc;

/// Voices from which on a bank is worth code for fewer.
const LEAST: u32 = 4;
/// Most voices; a word has a bit for each.
pub const MOST: u32 = 64;

/// The voice of each lane.
pub type Voices = Arc<[u16]>;

/// What has a lane for each voice of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Bank {
    /// The sequenced unit.
    pub unit: u32,
    /// How many voices.
    pub voices: u32,
    /// Whose the lanes of each value are, for values that belong to the bank.
    pub of: Vec<Option<Voices>>,
    /// Sums over all voices, by which it is heard.
    pub sums: Vec<NodeId>,
}

impl Bank {
    /// The lanes that are kept where only voices below `n` are.
    pub fn kept(voices: &[u16], n: u32) -> Vec<u32> {
        (0..voices.len() as u32).filter(|&lane| u32::from(voices[lane as usize]) < n).collect()
    }
}

/// Banks whose values are all computed in one part; `of` has the part of each node.
pub fn banks(graph: &Graph, info: &GraphInfo, of: &[u8]) -> Vec<Bank> {
    let mut units: Vec<(u32, u32)> = graph.rows.iter().map(|row| (row.unit, row.lanes)).collect();
    units.sort_unstable();
    units.dedup();
    units.retain(|(_, lanes)| (LEAST..=MOST).contains(lanes));
    units.iter().filter_map(|&(unit, voices)| bank(graph, info, of, unit, voices)).collect()
}

fn bank(graph: &Graph, info: &GraphInfo, of: &[u8], unit: u32, voices: u32) -> Option<Bank> {
    let mut bank = Bank { unit, voices, of: vec![None; graph.nodes.len()], sums: Vec::new() };
    let row = |node: &Node| matches!(node, Node::Row(r) if graph.rows[r.index()].unit == unit);
    let home = of[graph.nodes.iter().position(row)?];
    // Cells are known by what is written to them, so it goes round until nothing new is found.
    loop {
        let mut changed = false;
        for &id in info.order.iter().filter(|id| info.rate[id.index()] == Rate::Sample && of[id.index()] == home) {
            let found = lanes(graph, info, &bank, id)?;
            if found.is_some() && bank.of[id.index()] != found {
                // Whose a lane is never changes once it is known.
                if bank.of[id.index()].is_some() {
                    return None;
                }
                bank.of[id.index()] = found;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    if home == 0 {
        return None;
    }
    let inside = |n: NodeId| bank.of[n.index()].is_some();
    let members = (0..graph.nodes.len() as u32).map(NodeId).filter(|n| inside(*n));
    let mut loops = vec![false; info.scc_count as usize];
    for id in members {
        loops[info.scc[id.index()] as usize] = true;
        for n in operands(graph.node(id)).iter().filter(|n| !inside(**n)) {
            narrow(graph, info, voices, *n, bank.of[id.index()].as_deref()?)?;
        }
    }
    for (id, node) in graph.nodes.iter().enumerate().filter(|(id, _)| bank.of[*id].is_none()) {
        let hears = operands(node).iter().any(|n| inside(*n));
        let sum = matches!(node, Node::Reduce(..)) && of[id] == home;
        if hears && !sum || loops[info.scc[id] as usize] {
            return None;
        }
        if hears {
            bank.sums.push(NodeId(id as u32));
        }
    }
    let outside = graph.rings.iter().filter_map(|ring| ring.input).chain(graph.outs.iter().map(|out| out.node));
    if bank.sums.is_empty() || outside.into_iter().any(inside) {
        return None;
    }
    Some(bank)
}

/// Whose the lanes of a value are, if they are voices'. Outer `None` where voices meet in another way than in a sum over all.
#[allow(clippy::option_option)]
fn lanes(graph: &Graph, info: &GraphInfo, bank: &Bank, id: NodeId) -> Option<Option<Voices>> {
    let of = |n: NodeId| own(graph, bank.voices, n).or_else(|| bank.of[n.index()].clone());
    Some(match graph.node(id) {
        Node::Row(r) => {
            let row = &graph.rows[r.index()];
            (row.unit == bank.unit).then(|| (0..bank.voices as u16).collect())
        }
        Node::Read(c) => graph.cells[c.index()].next.and_then(of),
        Node::Shuffle(x, map) => of(*x).map(|v| map.iter().map(|&lane| v[lane as usize]).collect()),
        Node::Join(parts) => {
            let all: Vec<Option<Voices>> = parts.iter().map(|n| of(*n)).collect();
            // Cells whose lanes are not known yet may still be found.
            let all = all.into_iter().collect::<Option<Vec<_>>>();
            all.map(|all| all.iter().flat_map(|v| v.iter().copied()).collect())
        }
        Node::Reduce(x, lanes) => match of(*x) {
            None => None,
            Some(voices) => {
                let each = voices.len() / *lanes as usize;
                let mut groups = voices.chunks_exact(each);
                if groups.clone().all(|group| group.iter().all(|v| *v == group[0])) {
                    Some(groups.map(|group| group[0]).collect())
                } else if groups.all(|group| over_all(group, bank.voices as usize)) {
                    None
                } else {
                    return None;
                }
            }
        },
        Node::Tap(r, delay) => {
            let fed = graph.fed(*r).into_iter().any(|n| of(n).is_some());
            if fed || of(*delay).is_some() {
                return None;
            }
            None
        }
        Node::Op(_, args) => same(args.iter().filter_map(|n| of(*n)), info.lanes[id.index()])?,
        Node::Peek(_, x) => of(*x),
        Node::Const(..) | Node::Param(_) | Node::Frame | Node::Input(_) | Node::Line(_) => None,
    })
}

/// Whose the lanes of a constant are that is another for each voice, as the seeds of noises.
fn own(graph: &Graph, voices: u32, id: NodeId) -> Option<Voices> {
    let Node::Const(_, bits) = graph.node(id) else { return None };
    let lanes: Voices = (0..bits.len() as u32).map(|lane| (lane % voices) as u16).collect();
    let each = bits.len() as u32 >= voices && (bits.len() as u32).is_multiple_of(voices);
    (each && !uniform(bits, &lanes)).then_some(lanes)
}

/// What all operands agree on.
#[allow(clippy::option_option)]
fn same(mut all: impl Iterator<Item = Voices>, lanes: u32) -> Option<Option<Voices>> {
    let Some(first) = all.next() else { return Some(None) };
    (first.len() == lanes as usize && all.all(|other| other == first)).then_some(Some(first))
}

/// True if a sum folds channels onto each other before it comes to voices: its lanes are all voices in order, some times.
fn over_all(group: &[u16], voices: usize) -> bool {
    let times = group.len() / voices;
    let in_order = group.iter().enumerate().all(|(i, v)| usize::from(*v) == i % voices);
    in_order
        && group.len().is_multiple_of(voices)
        && (times == 1 || voices.is_power_of_two() && times.is_power_of_two())
}

/// How to get at a value from outside in fewer lanes.
#[derive(Clone, Debug, PartialEq)]
pub enum Narrow {
    /// It has one lane.
    As(NodeId),
    /// The same node over operands that are narrow; a constant or shuffle keeps some of its lanes.
    Of(Vec<Narrow>),
    /// A constant of which each voice has its own.
    Own,
}

/// How a value from outside of a bank of `count` voices is had for some of them; `None` if voices differ in it and it is no constant.
pub fn narrow(graph: &Graph, info: &GraphInfo, count: u32, id: NodeId, voices: &[u16]) -> Option<Narrow> {
    if info.lanes[id.index()] == 1 {
        return Some(Narrow::As(id));
    }
    if info.lanes[id.index()] as usize != voices.len() {
        return None;
    }
    let all = |args: &[NodeId]| args.iter().map(|n| narrow(graph, info, count, *n, voices)).collect::<Option<Vec<_>>>();
    match graph.node(id) {
        Node::Const(_, bits) if uniform(bits, voices) => Some(Narrow::Of(Vec::new())),
        Node::Const(..) => (own(graph, count, id).as_deref() == Some(voices)).then_some(Narrow::Own),
        Node::Shuffle(_, map) => uniform(map, voices).then(|| Narrow::Of(Vec::new())),
        Node::Line(x) => Some(Narrow::Of(all(&[*x])?)),
        Node::Op(_, args) if info.rate[id.index()] < Rate::Sample => Some(Narrow::Of(all(args)?)),
        _ => None,
    }
}

/// True if the lanes of every voice hold the same, in order.
fn uniform(words: &[u32], voices: &[u16]) -> bool {
    if words.len() == 1 {
        return true;
    }
    let of = |voice: u16| words.iter().zip(voices).filter(move |(_, v)| **v == voice).map(|(word, _)| *word);
    let most = voices.iter().copied().max().unwrap_or(0);
    (1..=most).all(|voice| of(voice).eq(of(0)))
}

/// True if nobody can tell the sign of a sum that is zero: those who hear it take its size, or choose zero where that is small.
pub fn unsigned(graph: &Graph, sum: NodeId) -> bool {
    let size = |n: NodeId| matches!(graph.node(n), Node::Op(Op::Abs, args) if args[0] == sum);
    let positive = |n: NodeId| matches!(graph.node(n), Node::Const(_, bits) if bits.iter().all(|b| *b == 0));
    let above = |n: NodeId| match graph.node(n) {
        Node::Op(Op::Not, args) => match graph.node(args[0]) {
            Node::Op(Op::Le, args) => {
                let limit = |bits: &u32| f32::from_bits(*bits) >= 0.0;
                size(args[0]) && matches!(graph.node(args[1]), Node::Const(_, bits) if bits.iter().all(limit))
            }
            _ => false,
        },
        _ => false,
    };
    let fed = graph.cells.iter().filter_map(|cell| cell.next).chain(graph.rings.iter().filter_map(|ring| ring.input));
    let blind = |node: &Node| match node {
        Node::Op(Op::Abs, _) => true,
        Node::Op(Op::Select, args) => args[1] == sum && args[0] != sum && above(args[0]) && positive(args[2]),
        _ => false,
    };
    graph.nodes.iter().filter(|node| operands(node).contains(&sum)).all(blind)
        && !graph.outs.iter().any(|out| out.node == sum)
        && !fed.into_iter().any(|n| n == sum)
}
