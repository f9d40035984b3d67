//! Loops of one shape.
//!
//! A block is a strongly connected component over all edges, those through memory included: mostly a single node, sometimes a
//! loop. Merging blocks that do not need each other leaves a graph without new loops, and this is all that packing must heed: a
//! tap inside a feedback stays inside, one outside stays outside.
//!
//! The shape of a loop is a hash of every node in it: what it does, to which nodes of the loop (three rounds, so that what comes
//! back through memory is seen), with everything from outside taken as equal. Nodes of equal hash correspond; whether they truly
//! do is then compared node by node, so a collision costs speed, not correctness.
//!
//! Which loops become one group is decided along a topological order: of the loops that are ready those of one shape are taken
//! together, and a shape waits as long as others can go on without it, until all of its loops are there. Copies thus meet even
//! if they lie at different depths, and loops in series are never merged.

use super::{Group, MOST, commutes, kind, mix};
use crate::graph::check::GraphInfo;
use crate::graph::idle::keys;
use crate::graph::{Graph, Node, NodeId, Rate, operands};
use rustc_hash::FxHashMap as HashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Rounds of hashing: what a node reads, what was written there, what that was made of.
const ROUNDS: usize = 3;

/// Lists of u32 in one piece.
pub(super) struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// From pairs (list, item), in their order.
    pub fn new(lists: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Lists {
        let mut starts = vec![0u32; lists + 1];
        for (list, _) in pairs.clone() {
            starts[list as usize + 1] += 1;
        }
        for i in 0..lists {
            starts[i + 1] += starts[i];
        }
        let mut at = starts.clone();
        let mut items = vec![0; starts[lists] as usize];
        for (list, item) in pairs {
            let slot = &mut at[list as usize];
            items[*slot as usize] = item;
            *slot += 1;
        }
        Lists { starts, items }
    }

    pub fn of(&self, list: usize) -> &[u32] {
        &self.items[self.starts[list] as usize..self.starts[list + 1] as usize]
    }
}

/// A graph in blocks.
pub(super) struct Blocks<'a> {
    pub graph: &'a Graph,
    pub info: &'a GraphInfo,
    /// Nodes of each block, operands before users.
    pub nodes: Lists,
    /// Blocks that need each block, once for every edge.
    pub users: Lists,
    /// Edges into each block.
    pub missing: Vec<u32>,
    /// True for blocks that are loops.
    pub looped: Vec<bool>,
    /// Hash of the way in which a node is made; everything from outside of what can be packed is 1.
    pub shape: Vec<u64>,
    /// Hash of each loop.
    key: Vec<u64>,
    /// By which tracks each node is woken; 0 for what always runs.
    wakes: Vec<u64>,
}

impl<'a> Blocks<'a> {
    pub fn new(graph: &'a Graph, info: &'a GraphInfo) -> Blocks<'a> {
        let count = info.scc_count as usize;
        let nodes = Lists::new(count, info.order.iter().map(|n| (info.scc[n.index()], n.0)));
        let edges = edges(graph, info);
        let mut looped = vec![false; count];
        let mut missing = vec![0; count];
        for &(from, to) in &edges {
            if from == to {
                looped[to as usize] = true;
            } else {
                missing[to as usize] += 1;
            }
        }
        let users = Lists::new(count, edges.iter().copied().filter(|(from, to)| from != to));
        let mut blocks = Blocks {
            graph,
            info,
            nodes,
            users,
            missing,
            looped,
            shape: vec![1; graph.nodes.len()],
            key: vec![0; count],
            wakes: keys(graph, info)
                .of
                .iter()
                .map(|&k| if k == 0 { 0 } else { mix(k as u64, (k >> 64) as u64) })
                .collect(),
        };
        let mut scratch = vec![0; graph.nodes.len()];
        // Blocks are numbered so that what is needed comes first.
        for block in 0..count {
            if blocks.looped[block] {
                blocks.hash_loop(block, &mut scratch);
            } else if let [node] = *blocks.nodes.of(block) {
                blocks.shape[node as usize] = blocks.hash_node(NodeId(node));
            }
        }
        blocks
    }

    /// The first place of memory in a loop. Places are numbered as they come in the text, and copies are put in that order.
    fn memory(&self, block: u32) -> (u32, u32) {
        let cell = |&n: &u32| match self.graph.nodes[n as usize] {
            Node::Read(c) => Some(self.graph.cells[c.index()].frame.0),
            _ => None,
        };
        (self.nodes.of(block as usize).iter().filter_map(cell).min().unwrap_or(u32::MAX), block)
    }

    /// Where a block begins in the graph.
    pub fn age(&self, block: u32) -> u32 {
        self.nodes.of(block as usize).iter().copied().min().unwrap_or(0)
    }

    /// True for a node that goes forward and can be a lane of another.
    pub fn free(&self, node: NodeId) -> bool {
        let leaf = matches!(
            self.graph.node(node),
            Node::Const(..)
                | Node::Param(_)
                | Node::Row(_)
                | Node::Frame
                | Node::Input(_)
                | Node::Tap(..)
                | Node::Peek(..)
        );
        !leaf && !self.looped[self.info.scc[node.index()] as usize]
    }

    /// Operands in an order that copies have in common: those of the same loop first, then by shape, where order does not matter.
    pub fn args(&self, node: NodeId) -> crate::graph::Args {
        let mut args = crate::graph::Args::from_slice(operands(self.graph.node(node)));
        if let Node::Op(op, _) = self.graph.node(node)
            && commutes(*op)
        {
            let scc = |n: NodeId| self.info.scc[n.index()];
            let key = |n: &NodeId| if scc(*n) == scc(node) { (0, self.shape[n.index()]) } else { (1, 0) };
            let inside = self.looped[scc(node) as usize];
            args.sort_by_key(|n| if inside { key(n) } else { (0, self.shape[n.index()]) });
        }
        args
    }

    /// What a node does and when: lanes of one body sleep together, so tracks are not packed with each other.
    pub fn kind(&self, node: NodeId) -> u64 {
        kind(self.graph, node) ^ self.wakes[node.index()]
    }

    /// The shape of a node that goes forward.
    fn hash_node(&self, node: NodeId) -> u64 {
        if !self.free(node) || self.info.rate[node.index()] < Rate::Sample {
            return 1;
        }
        let mut h = mix(self.kind(node), u64::from(self.info.lanes[node.index()]));
        if let Node::Read(c) = self.graph.node(node) {
            let next = self.graph.cells[c.index()].next;
            h = mix(h, next.map_or(0, |n| self.shape[n.index()]));
        }
        self.args(node).iter().fold(h, |h, n| mix(h, self.shape[n.index()]))
    }

    /// The shapes of the nodes of a loop, and the loop's own.
    fn hash_loop(&mut self, block: usize, last: &mut [u64]) {
        let members: Vec<NodeId> = self.nodes.of(block).iter().map(|&n| NodeId(n)).collect();
        let (graph, info) = (self.graph, self.info);
        for &node in &members {
            self.shape[node.index()] = mix(self.kind(node), u64::from(info.lanes[node.index()]));
        }
        for _ in 0..ROUNDS {
            for &node in &members {
                last[node.index()] = self.shape[node.index()];
            }
            for &node in &members {
                let mut h = mix(self.kind(node), u64::from(info.lanes[node.index()]));
                let fed = match graph.node(node) {
                    Node::Read(c) => graph.cells[c.index()].next,
                    Node::Tap(r, _) => graph.rings[r.index()].input,
                    _ => None,
                };
                h = fed.map_or(h, |n| mix(h, last[n.index()]));
                for n in self.args(node) {
                    let inside = info.scc[n.index()] as usize == block;
                    h = mix(h, if inside { self.shape[n.index()] } else { 1 });
                }
                self.shape[node.index()] = h;
            }
        }
        let mut all: Vec<u64> = members.iter().map(|n| self.shape[n.index()]).collect();
        all.sort_unstable();
        let key = all.iter().fold(members.len() as u64, |h, &x| mix(h, x));
        self.key[block] = key;
        for node in members {
            self.shape[node.index()] = mix(self.shape[node.index()], key);
        }
    }

    /// Groups of loops, and the turn of each block in an order in which every group can be taken at once.
    pub fn loops(&self) -> (Vec<Group>, Vec<u32>) {
        let count = self.missing.len();
        let mut missing = self.missing.clone();
        let mut left: HashMap<u64, usize> = HashMap::default();
        for block in (0..count).filter(|b| self.looped[*b]) {
            *left.entry(self.key[block]).or_default() += 1;
        }
        let mut plain: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
        // Loops that are ready, by key. Keys in the order of their first loop, so that nothing depends on hashing.
        let mut waiting: Vec<Vec<u32>> = Vec::new();
        let mut slot: HashMap<u64, usize> = HashMap::default();
        let mut keys: Vec<u64> = Vec::new();
        let mut groups = Vec::new();
        let (mut turns, mut turn) = (vec![0; count], 0);
        let mut fresh: Vec<u32> = (0..count as u32).filter(|&b| missing[b as usize] == 0).collect();
        loop {
            for block in fresh.drain(..) {
                if !self.looped[block as usize] {
                    plain.push(Reverse(block));
                    continue;
                }
                let key = self.key[block as usize];
                let at = *slot.entry(key).or_insert_with(|| {
                    keys.push(key);
                    waiting.push(Vec::new());
                    keys.len() - 1
                });
                waiting[at].push(block);
            }
            let taken = if let Some(Reverse(block)) = plain.pop() {
                vec![block]
            } else {
                let complete = |i: &usize| !waiting[*i].is_empty() && waiting[*i].len() == left[&keys[*i]];
                let most =
                    || (0..keys.len()).filter(|&i| !waiting[i].is_empty()).rev().max_by_key(|&i| waiting[i].len());
                let Some(at) = (0..keys.len()).find(complete).or_else(most) else { break };
                let mut taken = std::mem::take(&mut waiting[at]);
                taken.sort_unstable_by_key(|&b| self.memory(b));
                *left.entry(keys[at]).or_default() -= taken.len();
                self.group(&taken, &mut groups);
                taken
            };
            for block in taken {
                turns[block as usize] = turn;
                turn += 1;
                for &user in self.users.of(block as usize) {
                    missing[user as usize] -= 1;
                    if missing[user as usize] == 0 {
                        fresh.push(user);
                    }
                }
            }
        }
        (groups, turns)
    }

    /// Makes groups of loops with one hash.
    fn group(&self, members: &[u32], groups: &mut Vec<Group>) {
        if members.len() < 2 {
            return;
        }
        let ranked = |block: u32| {
            let mut nodes: Vec<NodeId> = self.nodes.of(block as usize).iter().map(|&n| NodeId(n)).collect();
            nodes.sort_by_key(|n| self.shape[n.index()]);
            nodes
        };
        let first = ranked(members[0]);
        let mut copies = vec![first.clone()];
        copies.extend(members[1..].iter().map(|&b| ranked(b)).filter(|other| self.alike(&first, other)));
        let lanes = first.iter().map(|n| self.info.lanes[n.index()]).max().unwrap_or(1);
        // Rows in the order of the first copy.
        let mut ranks: Vec<usize> = (0..first.len()).collect();
        let place: HashMap<u32, usize> =
            self.nodes.of(members[0] as usize).iter().enumerate().map(|(i, &n)| (n, i)).collect();
        ranks.sort_by_key(|&r| place[&first[r].0]);
        for copies in copies.chunks((MOST / lanes).max(1) as usize).filter(|c| c.len() > 1) {
            let rows = ranks.iter().map(|&r| copies.iter().map(|copy| copy[r]).collect()).collect();
            groups.push(Group { rows, looped: true, packed: true });
        }
    }

    /// True when two loops are the same, node by node in the order given.
    fn alike(&self, a: &[NodeId], b: &[NodeId]) -> bool {
        let (graph, info) = (self.graph, self.info);
        if a.len() != b.len() {
            return false;
        }
        let rank: HashMap<NodeId, usize> = a.iter().chain(b).enumerate().map(|(i, n)| (*n, i % a.len())).collect();
        let same = |x: Option<NodeId>, y: Option<NodeId>| match (x, y) {
            (Some(x), Some(y)) => rank.get(&x) == rank.get(&y),
            (x, y) => x == y,
        };
        a.iter().zip(b).all(|(&x, &y)| {
            let (p, q) = (self.args(x), self.args(y));
            let shape = |n: NodeId| (self.kind(n), info.lanes[n.index()], info.ty[n.index()]);
            let fed = match (graph.node(x), graph.node(y)) {
                (Node::Read(c), Node::Read(d)) => {
                    let (c, d) = (&graph.cells[c.index()], &graph.cells[d.index()]);
                    (c.ty, c.lanes, c.init) == (d.ty, d.lanes, d.init) && same(c.next, d.next)
                }
                (Node::Tap(r, _), Node::Tap(s, _)) => {
                    let (r, s) = (&graph.rings[r.index()], &graph.rings[s.index()]);
                    r.lanes == s.lanes && same(r.input, s.input)
                }
                (Node::Shuffle(_, f), Node::Shuffle(_, g)) => f == g,
                (Node::Op(f, _), Node::Op(g, _)) => f == g,
                (Node::Reduce(_, f), Node::Reduce(_, g)) => f == g,
                (Node::Join(_), Node::Join(_)) => true,
                _ => false,
            };
            fed && shape(x) == shape(y)
                && p.len() == q.len()
                && p.iter().zip(&q).all(|(m, n)| rank.get(m) == rank.get(n))
        })
    }
}

/// Edges between blocks, from what is needed to what needs it; both ends alike inside a loop.
fn edges(graph: &Graph, info: &GraphInfo) -> Vec<(u32, u32)> {
    let mut edges = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        let mine = info.scc[id];
        edges.extend(operands(node).iter().map(|n| (info.scc[n.index()], mine)));
        match node {
            Node::Read(c) => edges.extend(graph.cells[c.index()].next.map(|n| (info.scc[n.index()], mine))),
            Node::Tap(r, _) if !info.tap_late[id] => edges.push((info.ring_scc[r.index()], mine)),
            _ => {}
        }
    }
    for (ring, &mine) in graph.rings.iter().zip(&info.ring_scc) {
        edges.extend(ring.input.map(|n| (info.scc[n.index()], mine)));
    }
    edges
}
