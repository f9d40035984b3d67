//! What lies before, between and behind the loops.
//!
//! From every group the growth looks up the operands: if those of the copies are nodes that do the same, they become a row of
//! lanes, too. And down to the users: users of corresponding nodes that are made in the same way ([`Blocks::shape`]) become one.
//! What the rows are made of is then looked at in turn. Constants, parameters, rows of the engine and taps end the growth; their
//! lanes are joined.
//!
//! Groups must not need each other in a circle. The loops do not, by the order in which they were taken; a grown group that would
//! close a circle is given up when the order of everything is found.

use super::blocks::{Blocks, Lists};
use super::{Group, MOST, mix};
use crate::graph::ops::Op;
use crate::graph::{Node, NodeId, Rate, operands};
use rustc_hash::FxHashMap as HashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Terms from which on a sum is worth a node of its own.
pub(super) const FEWEST: u32 = 4;

/// Not in any group.
pub(super) const NONE: u32 = u32::MAX;

/// What an addition is to a sum of many terms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// Nothing.
    None,
    /// One of its additions.
    Part,
    /// The last one.
    Whole,
}

pub(super) struct Growth<'b, 'a> {
    blocks: &'b Blocks<'a>,
    pub groups: Vec<Group>,
    /// The group of each node, or [`NONE`].
    pub group_of: Vec<u32>,
    /// Users of each node: operations, and reads of what the node is written to.
    pub users: Lists,
    /// An order of blocks in which the loops' groups can be taken at once.
    turns: Vec<u32>,
    /// Additions of sums of many terms, which become one node if the terms are lanes.
    pub sums: Vec<Sum>,
    /// Terms of each addition; 0 for what is none.
    terms: Vec<u32>,
}

impl<'b, 'a> Growth<'b, 'a> {
    pub fn new(blocks: &'b Blocks<'a>, groups: Vec<Group>, turns: Vec<u32>) -> Self {
        let graph = blocks.graph;
        let edges = graph.nodes.iter().enumerate().flat_map(|(user, node)| {
            let fed = if let Node::Read(c) = node { graph.cells[c.index()].next } else { None };
            operands(node).iter().copied().chain(fed).map(move |n| (n.0, user as u32))
        });
        let users = Lists::new(graph.nodes.len(), edges);
        let group_of = vec![NONE; graph.nodes.len()];
        let (sums, terms) = (vec![Sum::None; graph.nodes.len()], vec![0; graph.nodes.len()]);
        let mut growth = Growth { blocks, groups: Vec::new(), group_of, users, turns, sums, terms };
        growth.find_sums();
        for group in groups {
            growth.seat(group);
        }
        growth
    }

    fn seat(&mut self, group: Group) {
        let id = self.groups.len() as u32;
        for node in group.rows.iter().flatten() {
            self.group_of[node.index()] = id;
        }
        self.groups.push(group);
    }

    /// True for a node that may join a new row. A delay stays by itself: how long it is at least is found by looking at it, and
    /// lanes would hide that.
    fn open(&self, node: NodeId) -> bool {
        let delays = |&user: &u32| matches!(self.blocks.graph.nodes[user as usize], Node::Tap(..));
        let free = self.group_of[node.index()] == NONE && self.blocks.free(node);
        free && self.sums[node.index()] == Sum::None && !self.users.of(node.index()).iter().any(delays)
    }

    /// Finds the sums: counts terms from below, then marks from above.
    fn find_sums(&mut self) {
        for &node in &self.blocks.info.order {
            if self.adds(node) {
                let (a, b) = self.sides(node);
                let (a, b) = (self.count(a), self.count(b));
                self.terms[node.index()] = if a == b || a == b + 1 { a + b } else { 2 };
            }
        }
        for &root in self.blocks.info.order.iter().rev() {
            if self.terms[root.index()] >= FEWEST && self.sums[root.index()] == Sum::None {
                let mut parts = Vec::new();
                self.terms_of(root, &mut parts);
                parts.iter().for_each(|n| self.sums[n.index()] = Sum::Part);
                self.sums[root.index()] = Sum::Whole;
            }
        }
    }

    /// True for an addition of samples that goes forward. Of one lane: lanes of terms with several would have to be sorted first.
    fn adds(&self, node: NodeId) -> bool {
        let sum = matches!(self.blocks.graph.node(node), Node::Op(Op::Add, _));
        sum && self.blocks.info.lanes[node.index()] == 1
            && self.blocks.free(node)
            && self.blocks.info.rate[node.index()] == Rate::Sample
    }

    /// Number of terms that an operand brings to a sum: its own, if it is an addition for this sum alone.
    fn count(&self, operand: NodeId) -> u32 {
        let inner = self.users.of(operand.index()).len() == 1;
        if inner { self.terms[operand.index()].max(1) } else { 1 }
    }

    /// The operands of an addition, the one with more terms first.
    fn sides(&self, sum: NodeId) -> (NodeId, NodeId) {
        let args = operands(self.blocks.graph.node(sum));
        let swapped = self.count(args[0]) < self.count(args[1]);
        if swapped { (args[1], args[0]) } else { (args[0], args[1]) }
    }

    /// The terms of a sum in the order of [`crate::graph::fold_lanes`]: what that adds last are the sums of every second term. The
    /// additions are noted in `parts`.
    pub fn terms_of(&self, sum: NodeId, parts: &mut Vec<NodeId>) -> Vec<NodeId> {
        parts.push(sum);
        let (a, b) = self.sides(sum);
        if self.terms[sum.index()] != self.count(a) + self.count(b) {
            return vec![a, b];
        }
        // Both sides have half of the terms, so this goes no deeper than the logarithm of their number.
        let mut side = |n: NodeId| if self.count(n) > 1 { self.terms_of(n, parts) } else { vec![n] };
        let (evens, odds) = (side(a), side(b));
        let mut all = Vec::with_capacity(evens.len() + odds.len());
        for (i, even) in evens.iter().enumerate() {
            all.push(*even);
            all.extend(odds.get(i));
        }
        all
    }

    /// Adds rows until there are no more.
    pub fn grow(&mut self) {
        let mut at = 0;
        while at < self.groups.len() {
            for row in 0..self.groups[at].rows.len() {
                let nodes = self.groups[at].rows[row].clone();
                self.grow_up(&nodes);
                self.grow_down(&nodes);
            }
            at += 1;
        }
    }

    fn grow_up(&mut self, row: &[NodeId]) {
        let graph = self.blocks.graph;
        let args: Vec<_> = row.iter().map(|&n| self.blocks.args(n)).collect();
        for i in 0..args.iter().map(|a| a.len()).min().unwrap_or(0) {
            self.row(args.iter().map(|a| a[i]).collect());
        }
        let written = |n: &NodeId| if let Node::Read(c) = graph.node(*n) { graph.cells[c.index()].next } else { None };
        let written: Vec<NodeId> = row.iter().filter_map(written).collect();
        if written.len() == row.len() {
            self.row(written);
        }
    }

    /// Makes a row of nodes if they can be lanes of one.
    fn row(&mut self, nodes: Vec<NodeId>) {
        let (graph, info) = (self.blocks.graph, self.blocks.info);
        let can = |n: NodeId| {
            let of = n.index();
            let cell = match graph.node(n) {
                Node::Read(c) => graph.cells[c.index()].lanes,
                _ => 0,
            };
            (self.blocks.kind(n), info.lanes[of], info.ty[of], info.rate[of] == Rate::Sample, cell)
        };
        let first = can(nodes[0]);
        let wide = nodes.len() * first.1 as usize > 4 * MOST as usize;
        if nodes.len() < 2 || wide || !nodes.iter().all(|&n| self.open(n) && can(n) == first) {
            return;
        }
        // Each node has one seat.
        let mut sorted = nodes.clone();
        sorted.sort_unstable();
        if sorted.windows(2).all(|w| w[0] != w[1]) {
            self.seat(Group { rows: vec![nodes], looped: false, packed: true });
        }
    }

    fn grow_down(&mut self, row: &[NodeId]) {
        let info = self.blocks.info;
        let mut slot: HashMap<(u64, u32), usize> = HashMap::default();
        let mut found: Vec<Vec<NodeId>> = Vec::new();
        for node in row {
            let mut seen: Vec<(u64, u32)> = Vec::new();
            let mut last = NONE;
            for &user in self.users.of(node.index()) {
                let user = NodeId(user);
                if user.0 == last || !self.open(user) || info.rate[user.index()] != Rate::Sample {
                    continue;
                }
                last = user.0;
                let place = self.blocks.args(user).iter().position(|n| n == node);
                let label = mix(
                    mix(self.blocks.kind(user), self.blocks.shape[user.index()]),
                    place.map_or(0, |i| i as u64 + 1),
                );
                // Several users of one label are told apart by their order.
                let nth = match seen.iter_mut().find(|(l, _)| *l == label) {
                    Some((_, n)) => {
                        *n += 1;
                        *n
                    }
                    None => {
                        seen.push((label, 0));
                        0
                    }
                };
                let at = *slot.entry((label, nth)).or_insert_with(|| {
                    found.push(Vec::new());
                    found.len() - 1
                });
                found[at].push(user);
            }
        }
        for nodes in found {
            self.row(nodes);
        }
    }

    /// An order of everything, groups in one piece: elements are groups, and blocks outside of groups. Grown groups that need each
    /// other in a circle are taken apart.
    pub fn order(&mut self) -> Vec<Element> {
        let blocks = self.blocks;
        let count = blocks.missing.len();
        let mut missing = blocks.missing.clone();
        // The group of each block, and how many edges its members wait for.
        let mut group_of = vec![NONE; count];
        let mut waits = vec![0u32; self.groups.len()];
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); self.groups.len()];
        for (id, group) in self.groups.iter().enumerate() {
            for node in group.rows.first().into_iter().flatten() {
                let block = blocks.info.scc[node.index()];
                group_of[block as usize] = id as u32;
                waits[id] += missing[block as usize];
                members[id].push(block);
            }
        }
        let mut by_turn: Vec<u32> = (0..count as u32).collect();
        by_turn.sort_by_key(|&b| self.turns[b as usize]);
        // What is ready, in the order of the graph, so that what belongs together stays together.
        let mut ready: BinaryHeap<Reverse<(u32, Element)>> = BinaryHeap::new();
        let alone = |b: u32| Reverse((blocks.age(b), Element::Block(b)));
        let firsts: Vec<u32> = members.iter().map(|m| m.iter().map(|&b| blocks.age(b)).min().unwrap_or(0)).collect();
        let together = |g: u32| Reverse((firsts[g as usize], Element::Group(g)));
        ready
            .extend((0..count as u32).filter(|&b| group_of[b as usize] == NONE && missing[b as usize] == 0).map(alone));
        ready.extend(
            (0..self.groups.len() as u32)
                .filter(|&g| waits[g as usize] == 0 && !members[g as usize].is_empty())
                .map(together),
        );
        let (mut order, mut done, mut pointer) = (Vec::with_capacity(count), vec![false; count], 0);
        loop {
            while let Some(Reverse((_, element))) = ready.pop() {
                order.push(element);
                let these: &[u32] = match &element {
                    Element::Group(g) => &members[*g as usize],
                    Element::Block(b) => std::slice::from_ref(b),
                };
                for &block in these {
                    done[block as usize] = true;
                    for &user in blocks.users.of(block as usize) {
                        missing[user as usize] -= 1;
                        let group = group_of[user as usize];
                        if group == NONE {
                            if missing[user as usize] == 0 {
                                ready.push(alone(user));
                            }
                        } else {
                            waits[group as usize] -= 1;
                            if waits[group as usize] == 0 {
                                ready.push(together(group));
                            }
                        }
                    }
                }
            }
            while pointer < count && done[by_turn[pointer] as usize] {
                pointer += 1;
            }
            let Some(&stuck) = by_turn.get(pointer) else { break };
            // Everything before the first block that waits is done, so it waits for others of its group only.
            let group = group_of[stuck as usize] as usize;
            for &block in &members[group] {
                group_of[block as usize] = NONE;
                if missing[block as usize] == 0 {
                    ready.push(alone(block));
                }
            }
            self.dissolve(group);
        }
        order
    }

    /// Takes a group apart.
    fn dissolve(&mut self, group: usize) {
        for node in std::mem::take(&mut self.groups[group].rows).into_iter().flatten() {
            self.group_of[node.index()] = NONE;
        }
        self.groups[group].packed = false;
    }

    /// Takes all groups apart that are not to be packed.
    pub fn settle(&mut self) {
        for group in (0..self.groups.len()).filter(|&g| !self.groups[g].packed).collect::<Vec<_>>() {
            self.dissolve(group);
        }
    }
}

/// A step of the new graph's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// All copies of a group.
    Group(u32),
    /// A block outside of groups.
    Block(u32),
}
