//! Settling: what the elaborator made, with stand-ins and leftovers, becomes a graph in order.
//!
//! It is done by *segments*: a part of the text ([`super::parts`]), or several that need each other in a circle, as two buses that send to
//! each other do. Within a segment stand-ins of feedback are replaced by what they stand for, nodes are put in an order where
//! operands come first, and what nothing hears is left out, parameters too (so that a pattern's numbers change no code). Then it is said
//! how its voices rest ([`super::rest`]) and which of its feedbacks are long ([`crate::passes::cut`]).
//!
//! A segment is kept for the next text as long as its parts are, the same is wanted of it, and the same is known of what it takes from
//! others. Signals of other parts enter it by *ports*, of which type, lanes and a few facts are known; numbers that only move with
//! parameters are copied into it, so that bounds and delays are seen. At the end the segments are put one after another, suppliers
//! first ([`super::join`]), and paths that are late by unlike times are brought together ([`crate::passes::align`]).
//!
//! A loop that passes through no cell and no ring has no first value to start from: it is reported with the names on the way round.

use crate::front::elab::Elab;
use crate::front::owners::{NOBODY, Owners};
use crate::front::parts::Part;
use crate::front::scope::Called;
use crate::front::segment::{Given, Segment, Wish};
use crate::front::stand_ins::{StandIns, is_hollow};
use crate::graph::check::components;
use crate::graph::*;
use crate::program::Unit;
use modurust_lang::Span;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::sync::Arc;

/// The parts of a text as they hang together. Parts are known by their place in the order of the text.
pub(super) struct Plan<'e> {
    pub arena: &'e Graph,
    pub aliases: &'e HashMap<NodeId, NodeId>,
    /// Stand-ins of this text, with the part that makes what they stand for.
    makers: HashMap<NodeId, u32>,
    stand_ins: &'e StandIns,
    pub owners: Owners,
    /// The names of parts, by number.
    words: Vec<u32>,
}

impl Plan<'_> {
    /// What a node stands for, up to the stand-in of a part that is not among `inside`.
    pub fn resolve(&self, mut id: NodeId, inside: &[u32]) -> NodeId {
        if !is_hollow(self.arena.node(id)) {
            return id;
        }
        // A chain of stand-ins that comes back to its start is left where it is and found as a loop.
        for _ in 0..=self.aliases.len() {
            if self.makers.get(&id).is_some_and(|part| !inside.contains(part)) {
                return id;
            }
            match self.aliases.get(&id) {
                Some(&next) => id = next,
                None => return id,
            }
        }
        id
    }

    /// What a node stands for in the end.
    pub fn source(&self, mut id: NodeId) -> NodeId {
        for _ in 0..=self.aliases.len() {
            match self.aliases.get(&id).filter(|_| is_hollow(self.arena.node(id))) {
                Some(&next) => id = next,
                None => break,
            }
        }
        id
    }

    /// The part that a resolved node is a signal of, if that is none of `inside`.
    pub fn foreign(&mut self, id: NodeId, inside: &[u32]) -> Option<u32> {
        if is_hollow(self.arena.node(id))
            && let Some(&part) = self.makers.get(&id)
        {
            return (!inside.contains(&part)).then_some(part);
        }
        let owner = self.owners.of(id);
        let Plan { arena, aliases, stand_ins, owners, .. } = self;
        (owner != NOBODY && !inside.contains(&owner) && owners.rate(arena, aliases, stand_ins, id) == Rate::Sample)
            .then_some(owner)
    }

    /// True for a node of a part that is none of `inside`.
    pub fn is_lent(&self, node: NodeId, inside: &[u32]) -> bool {
        !inside.contains(&self.owners.of(node))
    }

    /// The number of the name of the part that made a node.
    pub fn word(&self, node: NodeId) -> u32 {
        self.words.get(self.owners.of(node) as usize).copied().unwrap_or(0)
    }

    /// The signals of other parts that a part refers to.
    fn refs(&mut self, part: u32, made: &Part) -> Vec<NodeId> {
        let (arena, inside) = (self.arena, [part]);
        let mut met = HashSet::default();
        let mut refs = Vec::new();
        let mut meet = |plan: &mut Self, id: NodeId| {
            // Most operands are its own.
            if plan.owners.of(id) == part && !is_hollow(arena.node(id)) {
                return;
            }
            let mut open = vec![plan.resolve(id, &inside)];
            while let Some(id) = open.pop() {
                if !met.insert(id) {
                    continue;
                }
                if plan.foreign(id, &inside).is_some() {
                    refs.push(id);
                } else if plan.owners.of(id) != part {
                    // What is copied may need signals in turn only if it is one itself.
                    open.extend(operands(arena.node(id)).iter().map(|x| plan.resolve(*x, &inside)));
                }
            }
        };
        // A sum of one is that one.
        made.outs.iter().map(|out| out.node).chain(made.node).for_each(|x| meet(self, x));
        for (from, to) in made.pieces.iter() {
            for node in &arena.nodes[from.nodes as usize..to.nodes as usize] {
                operands(node).iter().for_each(|x| meet(self, *x));
            }
            let cells = arena.cells[from.cells as usize..to.cells as usize].iter().filter_map(|c| c.next);
            let rings = (from.rings..to.rings).flat_map(|r| arena.fed(RingId(r)));
            cells.chain(rings).for_each(|x| meet(self, x));
        }
        refs
    }
}

/// How often a node changes, through what stands for feedback within a part. What stand-ins of parts stand for is not asked.
pub(super) fn rate(graph: &Graph, aliases: &HashMap<NodeId, NodeId>, stand_ins: &StandIns, node: NodeId) -> Rate {
    let (mut open, mut seen, mut rate) = (vec![node], HashSet::default(), Rate::Const);
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if stand_ins.contains(id) {
            return Rate::Sample;
        }
        if let Some(&next) = aliases.get(&id) {
            open.push(next);
            continue;
        }
        let node = graph.node(id);
        match node {
            Node::Row(_) | Node::Frame | Node::Input(_) | Node::Read(_) => return Rate::Sample,
            Node::Tap(..) | Node::Peek(..) | Node::Line(_) => return Rate::Sample,
            Node::Param(_) => rate = rate.max(Rate::Block),
            _ => {}
        }
        open.extend(operands(node));
    }
    rate
}

impl Elab<'_> {
    /// The settled graph and its units, if it is wanted; errors are reported for loops without delay. Of a text that has errors already
    /// only these are: what is kept is that of the last good one, and the next is not far from it.
    pub fn settle(&mut self, wanted: bool) -> Option<(Arc<Graph>, Vec<Unit>)> {
        self.close_session();
        let mut segments = std::mem::take(&mut self.segments);
        let tables = wanted.then(|| (segments.release(), self.tables()));
        let arena = std::mem::take(&mut self.graph);
        let aliases = std::mem::take(&mut self.aliases);
        let live = self.parts.live.clone();
        let mut owners = std::mem::take(&mut self.parts.owners);
        owners.lay(self.parts.all().map(|part| part.serial));
        let stand_ins = std::mem::take(&mut self.parts.stand_ins);
        let words = self.parts.all().map(|part| part.word).collect();
        let maker = |(id, key): &(NodeId, u32)| Some((*id, owners.place(self.parts.part(*key).serial)?));
        let makers = stand_ins.made().iter().filter_map(maker).collect();
        let mut plan = Plan { arena: &arena, aliases: &aliases, makers, stand_ins: &stand_ins, owners, words };
        for (part, key) in live.iter().enumerate() {
            if self.parts.part(*key).refs.is_none() {
                let refs = plan.refs(part as u32, self.parts.part(*key));
                self.parts.set_refs(*key, refs);
            }
        }
        let (order, wants) = self.order(&mut plan, &live);
        let mut known: HashMap<NodeId, Given> = HashMap::with_capacity_and_hasher(4 * live.len(), Default::default());
        let mut loops = Vec::new();
        for group in &order {
            let serials: Vec<u64> = group.iter().map(|part| self.parts.part(live[*part as usize]).serial).collect();
            let wanted: Vec<NodeId> = group.iter().flat_map(|part| &wants[*part as usize]).copied().collect();
            if !segments.reuse(&plan, &serials, &wanted, &known) {
                let parts = group.iter().map(|part| self.parts.part(live[*part as usize])).collect();
                let wish = Wish { group, parts, wanted, known: &known };
                if segments.again(&plan, &wish) {
                    known.extend(segments.last());
                    continue;
                }
                match Segment::new(&mut plan, &mut self.marks, &self.units, wish) {
                    Ok(segment) => segments.add(segment),
                    Err(cycles) => {
                        loops.extend(cycles);
                        continue;
                    }
                }
            }
            known.extend(segments.last());
        }
        let (made, heard) = match tables {
            Some((last, mut tables)) => {
                let words = &self.parts.names;
                let (graph, params) = segments.join(&arena, last, &mut tables, (&plan.owners, words));
                self.layout = tables.layout;
                (Some((graph, tables.units)), params)
            }
            None => (None, segments.heard(&arena)),
        };
        self.parts.owners = plan.owners;
        self.parts.stand_ins = stand_ins;
        (self.segments, self.graph, self.aliases) = (segments, arena, aliases);
        self.settle_timeline(&heard);
        loops.sort();
        loops.dedup();
        // What only hears a loop is found as well, by stand-ins that may be older than the loop; nobody gave these a name.
        let is_named = |cycle: &&Vec<NodeId>| cycle.iter().any(|node| self.named.contains_key(node));
        if let Some(cycle) = loops.iter().find(is_named).or(loops.first()) {
            self.report_loop(cycle);
        }
        made.map(|(graph, units)| (crate::passes::align::align(&graph).map_or(graph, Arc::new), units))
    }

    /// Groups of parts, suppliers first, of those that are heard; and what others want of each part.
    fn order(&self, plan: &mut Plan, live: &[u32]) -> (Vec<Vec<u32>>, Vec<Vec<NodeId>>) {
        let refs = |part: u32| self.parts.part(live[part as usize]).refs.as_deref().unwrap_or_default();
        let (mut starts, mut targets) = (vec![0], Vec::new());
        for part in 0..live.len() as u32 {
            targets.extend(refs(part).iter().filter_map(|id| plan.foreign(*id, &[part])));
            starts.push(targets.len() as u32);
        }
        let (component, count) = components(&starts, &targets);
        let sounds = |part: &u32| !self.parts.part(live[*part as usize]).outs.is_empty();
        let mut open: Vec<u32> = (0..live.len() as u32).filter(sounds).collect();
        let mut heard = vec![false; live.len()];
        while let Some(part) = open.pop() {
            if !std::mem::replace(&mut heard[part as usize], true) {
                open.extend(&targets[starts[part as usize] as usize..starts[part as usize + 1] as usize]);
            }
        }
        let mut groups = vec![Vec::new(); count as usize];
        let mut wanted = vec![Vec::new(); live.len()];
        for part in (0..live.len() as u32).filter(|part| heard[*part as usize]) {
            groups[component[part as usize] as usize].push(part);
            for &id in refs(part) {
                if let Some(from) = plan.foreign(id, &[part])
                    && component[from as usize] != component[part as usize]
                {
                    wanted[from as usize].push(id);
                }
            }
        }
        // Numbers within a part rise as it was elaborated, whatever they are. Those of stand-ins are as old as their names.
        for wanted in &mut wanted {
            wanted.sort_unstable_by_key(|id| (plan.source(*id), *id));
            wanted.dedup();
        }
        groups.retain(|group: &Vec<u32>| !group.is_empty());
        (groups, wanted)
    }

    fn report_loop(&mut self, cycle: &[NodeId]) {
        let mut names: Vec<Called> = Vec::new();
        for node in cycle {
            if let Some((name, place)) = self.named.get(node)
                && names.last().is_none_or(|(last, _)| last != name)
            {
                names.push((name.clone(), *place));
            }
        }
        if names.len() > 1 && names.first().map(|n| &n.0) == names.last().map(|n| &n.0) {
            names.pop();
        }
        let first = names.first().cloned();
        let name = first.as_ref().map_or("this", |f| &*f.0).to_string();
        let round = names.iter().map(|n| &*n.0).chain([name.as_str()]).collect::<Vec<_>>().join(" -> ");
        let (origin, span) = first.and_then(|f| f.1).unwrap_or((self.at, Span::default()));
        let diagnostic = self.error_at(origin, "cycle", span, format!("`{name}` depends on itself without a delay"));
        diagnostic.label = Some(round);
        diagnostic.help = Some(format!("write `{name}'` (one sample ago) or put a `delay(..)` into the loop"));
    }
}
