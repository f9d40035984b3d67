//! Which parts of a graph may sleep, and what to look at to know that they do.
//!
//! Work that is not there shall cost nothing, and change nothing. So a part of a graph is left out only while it is *proved* that
//! computing it would give what is there already. Nothing listens for silence below some level: an echo in its gap is as quiet.
//!
//! Nodes are sorted by the tracks that wake them ([`keys`]): those whose rows of notes they are computed from. What runs by
//! itself (an LFO, a free oscillator) belongs to the track that alone hears it. The nodes of one set of tracks are a *part*: the
//! voices and effects of a track, a bus with all that is sent to it, a sum of a few tracks on their way to the master. Part 0 is what
//! always runs.
//!
//! A part may sleep if [`absorb`](super::absorb) finds, by computing with what is known of values, that from a certain state on nothing
//! of it changes but what runs by itself:
//!
//! - *held* cells keep their bits. Whether they do is seen: a quantum with the same rows that leaves them as they were will be
//!   followed by equal ones;
//! - *zero* cells and rings hold nothing but zeros, and stay so: a filter or an echo behind an input that is zero;
//! - *running* cells are counters (`p' = p + step`) whose step keeps its bits. What n quanta add is n times what one adds;
//! - *guards* are values that choose zero instead of what still moves: the envelope of a voice that has ended.
//!
//! Voices of a player are a part by themselves where they can be ([`super::bank`]): a voice that rests beside others that sound
//! is left out, too ([`super::few`]).
//!
//! Everything that others read of the part then keeps its bits, which are still where the last quantum left them. The part wakes
//! with the first quantum in which a row or a parameter changes; its counters are put forward, and all else is as it was.

use super::absorb::absorb;
use super::bank::{Bank, banks};
use super::check::GraphInfo;
use super::ops::Op;
use super::{CellId, Graph, Node, NodeId, OutKind, Rate, RingId, operands};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// Most tracks and buses that sleep, and most banks of voices.
pub const MOST: usize = 63;

/// Estimated instructions a frame from which on a part is worth a question of its own.
const LEAST: u32 = 60;

/// From so many sums over tracks on, one that sleeps as a whole is worth a question: whoever listens then reads one value for four.
const BRANCH: u32 = 3;

/// No part sleeps while a parameter is greater, of either sign: what moves by parameters is then known to stay finite.
pub const LARGEST: f32 = 1e9;

/// Tracks that are told apart; those beyond never sleep.
const TRACKS: usize = 126;

/// In the key of what never sleeps.
const ALWAYS: u128 = 1 << 127;

/// A part that may sleep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Sequenced units whose rows it depends on.
    pub units: Vec<u32>,
    /// Parts that it reads, by number.
    pub needs: Vec<u8>,
    /// Cells that must keep their bits.
    pub held: Vec<CellId>,
    /// Cells that must be zero.
    pub zero: Vec<CellId>,
    /// Counters that run on.
    pub running: Vec<CellId>,
    /// Rings that must hold zeros.
    pub rings: Vec<RingId>,
    /// Values that must be zero in every lane.
    pub guards: Vec<NodeId>,
    /// Set for a part that is the voices of a unit and nothing else.
    pub bank: Option<Bank>,
}

/// A graph in parts.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The part of each node.
    pub of: Vec<u8>,
    /// The part in which each ring is written.
    pub ring: Vec<u8>,
    /// Part `i + 1` is `parts[i]`; what reads others comes after them.
    pub parts: Vec<Part>,
    /// Why the others cannot sleep: estimated instructions, and the reason.
    pub refused: Vec<(u32, String)>,
}

/// By which tracks nodes are woken: a bit for each, none for what nobody or everybody hears.
pub struct Keys {
    /// Of each node.
    pub of: Vec<u128>,
    /// Whether rows have a say in it.
    pub noted: Vec<bool>,
    /// The track of each sequenced unit.
    units: HashMap<u32, usize>,
}

/// Sorts nodes by the tracks that wake them.
pub fn keys(graph: &Graph, info: &GraphInfo) -> Keys {
    let units = tracks(graph);
    let mut of = vec![0u128; graph.nodes.len()];
    loop {
        let mut changed = false;
        for &id in &info.order {
            let mut key = sources(graph, id).fold(0, |key, n| key | of[n.index()]);
            key |= match graph.node(id) {
                Node::Row(r) => units.get(&graph.rows[r.index()].unit).map_or(ALWAYS, |&track| 1 << track),
                Node::Input(_) => ALWAYS,
                // Nothing is proved of what a kernel remembers.
                Node::Tap(r, _) if graph.rings[r.index()].kernel.is_some() => ALWAYS,
                _ => 0,
            };
            changed |= std::mem::replace(&mut of[id.index()], key) != key;
        }
        if !changed {
            break;
        }
    }
    let noted = of.iter().map(|key| *key != 0).collect();
    lone(graph, &mut of);
    Keys { of, noted, units }
}

/// Values that are the same in every frame while no parameter moves, whatever is played.
pub fn still(graph: &Graph, info: &GraphInfo) -> Vec<bool> {
    let mut still = vec![false; graph.nodes.len()];
    stills(graph, info, &mut still);
    still
}

/// Those, and what is made of them a sample later: the same in every frame, too, once the cells between have stayed as they were
/// for a quantum.
pub fn settled(graph: &Graph, info: &GraphInfo) -> Vec<bool> {
    let mut still = still(graph, info);
    loop {
        let mut more = false;
        for (id, node) in graph.nodes.iter().enumerate() {
            if let Node::Read(c) = node
                && !still[id]
                && graph.cells[c.index()].next.is_some_and(|n| still[n.index()])
            {
                still[id] = true;
                more = true;
            }
        }
        if !more {
            return still;
        }
        stills(graph, info, &mut still);
    }
}

fn stills(graph: &Graph, info: &GraphInfo, still: &mut [bool]) {
    for &id in &info.order {
        let node = graph.node(id);
        let made = matches!(node, Node::Op(..) | Node::Shuffle(..) | Node::Join(_) | Node::Reduce(..) | Node::Line(_));
        let of = |n: &NodeId| still[n.index()];
        still[id.index()] |= info.rate[id.index()] < Rate::Sample || made && operands(node).iter().all(of);
    }
}

/// The track of each unit: the first output that hears it. Tracks come before the buses that hear them, too.
fn tracks(graph: &Graph) -> HashMap<u32, usize> {
    let mut units = HashMap::default();
    let mut seen = vec![false; graph.nodes.len()];
    for (track, out) in
        graph.outs.iter().enumerate().filter(|(_, out)| !matches!(out.kind, OutKind::Scope | OutKind::Leaves(_)))
    {
        let mut work = vec![out.node];
        while let Some(id) = work.pop() {
            if std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            if let (Node::Row(r), true) = (graph.node(id), track < TRACKS) {
                units.entry(graph.rows[r.index()].unit).or_insert(track);
            }
            work.extend(sources(graph, id));
        }
    }
    units
}

/// What a value is made of, through memory, too.
fn sources(graph: &Graph, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
    let fed = match graph.node(id) {
        Node::Read(c) => graph.cells[c.index()].next.into_iter().collect(),
        Node::Tap(r, _) => graph.fed(*r),
        _ => smallvec::SmallVec::new(),
    };
    operands(graph.node(id)).iter().copied().chain(fed)
}

/// What runs by itself gets the key of those who hear it, if they have one key.
fn lone(graph: &Graph, of: &mut [u128]) {
    let free: Vec<bool> = of.iter().map(|key| *key == 0).collect();
    let mut heard: Vec<Option<u128>> = of.iter().map(|key| (*key != 0).then_some(*key)).collect();
    for out in graph.outs.iter().filter(|out| free[out.node.index()]) {
        heard[out.node.index()] = Some(ALWAYS);
    }
    loop {
        let mut changed = false;
        for user in (0..graph.nodes.len() as u32).rev().map(NodeId) {
            let Some(key) = heard[user.index()] else { continue };
            for n in sources(graph, user).filter(|n| free[n.index()]) {
                let slot = &mut heard[n.index()];
                let both = slot.map_or(key, |known| if known == key { key } else { ALWAYS });
                changed |= slot.replace(both) != Some(both);
            }
        }
        if !changed {
            break;
        }
    }
    for (key, heard) in of.iter_mut().zip(heard) {
        *key = heard.unwrap_or(0);
        if *key & ALWAYS != 0 {
            *key = 0;
        }
    }
}

/// The keys of sums over several tracks, whose terms sleep apart and whose sum can sleep with all of them.
fn branches(graph: &Graph, info: &GraphInfo, keys: &[u128]) -> HashSet<u128> {
    let mut found = HashSet::default();
    let mut sums = vec![0u32; keys.len()];
    for &id in &info.order {
        let (Node::Op(Op::Add, args), key) = (graph.node(id), keys[id.index()]) else { continue };
        if info.rate[id.index()] < Rate::Sample || args.iter().any(|n| [0, key].contains(&keys[n.index()])) {
            continue;
        }
        sums[id.index()] = 1 + args.iter().map(|n| sums[n.index()]).sum::<u32>();
        if sums[id.index()] >= BRANCH {
            sums[id.index()] = 0;
            found.insert(key);
        }
    }
    found
}

/// Splits a valid graph into parts, and proves which of them may sleep.
pub fn parts(graph: &Graph, info: &GraphInfo) -> Parts {
    let keys = keys(graph, info);
    let mut found = Parts { of: vec![0; graph.nodes.len()], ring: vec![0; graph.rings.len()], ..Parts::default() };
    if keys.units.is_empty() {
        return found;
    }
    let mut weights: HashMap<u128, u32> = HashMap::default();
    for (id, key) in keys.of.iter().enumerate() {
        if let (Node::Op(op, _), Rate::Sample) = (&graph.nodes[id], info.rate[id]) {
            *weights.entry(*key).or_default() += op.weight() * info.lanes[id].div_ceil(8);
        }
    }
    let branches = branches(graph, info, &keys.of);
    let worth = |key: u128, weight: u32| key != 0 && (weight >= LEAST || branches.contains(&key));
    let mut large: Vec<u128> = weights.iter().filter(|(k, w)| worth(**k, **w)).map(|(k, _)| *k).collect();
    if large.len() > MOST {
        large.sort_unstable_by_key(|k| (std::cmp::Reverse(weights[k]), *k));
        large.truncate(MOST);
    }
    // What is heard by more tracks comes later.
    large.sort_unstable_by_key(|k| (k.count_ones(), *k));
    let mut home: HashMap<u128, u8> = HashMap::default();
    for key in keys.of.iter().filter(|k| **k != 0) {
        // What is too small goes with the next larger that sleeps less.
        let place = large.iter().position(|l| l == key).or_else(|| large.iter().position(|l| l & key == *key));
        home.entry(*key).or_insert(place.map_or(0, |i| i as u8 + 1));
    }
    for (id, key) in keys.of.iter().enumerate() {
        found.of[id] = home.get(key).copied().unwrap_or(0);
    }
    for (ring, place) in graph.rings.iter().zip(&mut found.ring) {
        *place = ring.input.map_or(0, |n| found.of[n.index()]);
    }
    found.parts = large
        .iter()
        .map(|key| {
            let mut units: Vec<u32> =
                keys.units.iter().filter(|(_, track)| key >> **track & 1 == 1).map(|(unit, _)| *unit).collect();
            units.sort_unstable();
            Part { units, ..Part::default() }
        })
        .collect();
    let weight = |part: &u8, of: &[u8]| -> u32 {
        let mine = |(id, node): (usize, &Node)| match node {
            Node::Op(op, _) if of[id] == *part => op.weight() * info.lanes[id].div_ceil(8),
            _ => 0,
        };
        graph.nodes.iter().enumerate().map(mine).sum()
    };
    found.split(graph, banks(graph, info, &found.of));
    let (refused, merged) = absorb(graph, info, &keys.noted, &mut found);
    found.refused = refused.iter().map(|(part, why)| (weight(part, &found.of), why.clone())).collect();
    found.without(&refused.iter().map(|(part, _)| *part).chain(merged).collect::<Vec<_>>());
    found
}

impl Parts {
    /// Makes banks parts of their own, each before the part that it was in.
    fn split(&mut self, graph: &Graph, mut banks: Vec<Bank>) {
        banks.truncate(MOST);
        let home = |bank: &Bank| self.of[bank.sums[0].index()];
        let mut homes: Vec<(u8, Option<Bank>)> = banks.into_iter().map(|bank| (home(&bank), Some(bank))).collect();
        let mut number = vec![0u8; self.parts.len() + 1];
        let mut of = vec![0u8; graph.nodes.len()];
        for (i, part) in std::mem::take(&mut self.parts).into_iter().enumerate() {
            let mine = homes.iter_mut().filter(|(home, _)| usize::from(*home) == i + 1);
            for bank in mine.filter_map(|(_, bank)| bank.take()) {
                let next = self.parts.len() as u8 + 1;
                bank.of.iter().zip(&mut of).filter(|(voices, _)| voices.is_some()).for_each(|(_, of)| *of = next);
                bank.sums.iter().for_each(|sum| of[sum.index()] = next);
                self.parts.push(Part { units: vec![bank.unit], bank: Some(bank), ..Part::default() });
            }
            self.parts.push(part);
            number[i + 1] = self.parts.len() as u8;
        }
        for (place, new) in self.of.iter_mut().zip(of) {
            *place = if new != 0 { new } else { number[usize::from(*place)] };
        }
        self.ring.iter_mut().for_each(|place| *place = number[usize::from(*place)]);
    }

    /// Parts that always run, after all, become part 0.
    fn without(&mut self, refused: &[u8]) {
        let mut number = vec![0u8; self.parts.len() + 1];
        let mut next = 0;
        for (part, number) in number.iter_mut().enumerate().skip(1) {
            if !refused.contains(&(part as u8)) {
                next += 1;
                *number = next;
            }
        }
        let mut at = 0;
        self.parts.retain(|_| {
            at += 1;
            number[at] != 0
        });
        for part in &mut self.parts {
            part.needs.iter_mut().for_each(|need| *need = number[usize::from(*need)]);
            part.needs.retain(|need| *need != 0);
        }
        for place in self.of.iter_mut().chain(&mut self.ring) {
            *place = number[usize::from(*place)];
        }
    }
}
