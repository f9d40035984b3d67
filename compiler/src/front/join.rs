//! Segments put one after another: the graph of a text.
//!
//! The numbers of a segment become those of the whole, and what comes in by a port becomes what gives it. The graph of the last text is
//! not thrown away for that: segments that are kept are brought where they belong ([`super::runs`]), and their numbers are raised or
//! lowered by as much as they were moved. Only what leads out of a segment, its ports, parameters, rows and samples, is looked up one
//! by one, where it is another. So an edit of a number writes one track, and one more stage in a track moves what is behind it.
//!
//! Parameters, samples and outs are few and are numbered anew each time; the name of a parameter is spelt once.

use crate::front::link::Tables;
use crate::front::owners::Owners;
use crate::front::runs::{self, Move};
use crate::front::segment::{Given, Segment, Size, Slot, Use, Wish};
use crate::front::settle::Plan;
use crate::graph::*;
use crate::kernel::Kernel;
use crate::passes::cross::operands_mut;
use rustc_hash::FxHashMap as HashMap;
use std::ops::Range;
use std::sync::Arc;

/// All segments that are kept; those of the text at hand in order.
#[derive(Default)]
pub(super) struct Segments {
    kept: HashMap<u64, Box<Kept>>,
    now: Vec<u64>,
    stamp: u64,
    /// The number of the text, and that of the last one whose segments were put together.
    turn: u64,
    joined: u64,
    last: Option<(Arc<Graph>, Vec<Placed>)>,
    /// By parameter of the arena, the name that it had last.
    names: Vec<Option<Named>>,
}

/// A segment, its number, which no other has, and the last text that it was of, of all and of those that were put together.
struct Kept {
    id: u64,
    turn: u64,
    joined: Option<u64>,
    segment: Segment,
    /// Its chance starts from elsewhere than in the last graph.
    reseeded: bool,
}

/// A parameter's name: number of the part's name, ordinal in it, and both in words.
struct Named {
    word: u32,
    ordinal: u32,
    name: Arc<str>,
}

/// The graph of the last text, and where its segments lie.
pub(super) type Last = (Graph, Vec<Placed>);

/// A segment in the graph of the whole: its numbers there.
pub(super) struct Placed {
    /// Which segment; no other has this number.
    id: u64,
    /// What is before it.
    start: Size,
    size: Size,
    ports: Vec<NodeId>,
    params: Vec<ParamId>,
    rows: Vec<RowId>,
    samples: Vec<SampleId>,
}

impl Placed {
    /// The number in the whole of a node of the segment.
    fn node(&self, slot: Slot) -> NodeId {
        match slot {
            Slot::Own(at) => NodeId(self.start.nodes + at),
            Slot::Port(port) => self.ports[port as usize],
        }
    }

    /// True if what leads out of the segment leads where it led.
    fn leads_as(&self, old: &Placed) -> bool {
        self.ports == old.ports && self.params == old.params && self.rows == old.rows && self.samples == old.samples
    }

    /// Its places in one of the lists of the graph.
    fn range(&self, of: impl Fn(&Size) -> u32) -> Range<usize> {
        let start = of(&self.start) as usize;
        start..start + of(&self.size) as usize
    }
}

impl Segments {
    /// Goes on with a segment that was made of the same parts, for the same ends, from the same. False if there is none.
    pub fn reuse(
        &mut self,
        plan: &Plan<'_>,
        serials: &[u64],
        wanted: &[NodeId],
        known: &HashMap<NodeId, Given>,
    ) -> bool {
        let Some(Kept { turn, segment, .. }) = self.kept.get_mut(&serials[0]).map(|kept| &mut **kept) else {
            return false;
        };
        let same = segment.serials == serials
            && segment.wanted == wanted
            && segment.ports.iter().all(|(id, given)| known.get(id) == Some(given))
            && segment.borrows_as_before(plan.arena);
        if same {
            segment.borrows_from(plan);
            *turn = self.turn;
            self.now.push(serials[0]);
        }
        same
    }

    /// Goes on with the segment of a part whose place another took. False if that would not do.
    pub fn again(&mut self, plan: &Plan<'_>, wish: &Wish<'_>) -> bool {
        let [part] = wish.parts[..] else { return false };
        let Some(again) = &part.again else { return false };
        let Some(mut kept) = self.kept.remove(&again.before) else { return false };
        if !kept.segment.comes_again(plan, wish, again) {
            return false;
        }
        kept.reseeded |= !again.seeds.is_empty();
        kept.turn = self.turn;
        self.now.push(part.serial);
        self.kept.insert(part.serial, kept);
        true
    }

    /// Adds a segment.
    pub fn add(&mut self, segment: Segment) {
        self.stamp += 1;
        self.now.push(segment.serials[0]);
        let (serial, kept) =
            (segment.serials[0], Kept { id: self.stamp, turn: self.turn, joined: None, segment, reseeded: false });
        self.kept.insert(serial, Box::new(kept));
    }

    /// What the last segment gives.
    pub fn last(&self) -> impl Iterator<Item = (NodeId, Given)> + '_ {
        let last = self.now.last().and_then(|serial| self.kept.get(serial)).map(|kept| &kept.segment);
        last.into_iter().flat_map(|s| s.wanted.iter().copied().zip(s.exports.iter().map(|(given, _)| *given)))
    }

    /// The graph of the last text, to be written over; not while somebody still reads it.
    pub fn release(&mut self) -> Last {
        let last = self.last.take().and_then(|(graph, placed)| Some((Arc::try_unwrap(graph).ok()?, placed)));
        let (mut graph, placed) = last.unwrap_or_default();
        (graph.frames, graph.rows, graph.params) = Default::default();
        graph.outs.clear();
        graph.samples.clear();
        (graph, placed)
    }

    /// The parameters of the arena that are heard in a text whose segments are not put together. Those of the last one that were
    /// are kept, for the next; others are forgotten.
    pub fn heard(&mut self, arena: &Graph) -> Vec<Option<ParamId>> {
        let mut heard = vec![None; arena.params.len()];
        for kept in std::mem::take(&mut self.now).iter().filter_map(|serial| self.kept.get(serial)) {
            kept.segment.params.iter().for_each(|(id, ..)| heard[id.index()] = Some(*id));
        }
        let (turn, joined) = (self.turn, self.joined);
        self.kept.retain(|_, kept| kept.turn == turn || kept.joined == Some(joined));
        self.turn += 1;
        heard
    }

    /// Puts the segments of the text together, and forgets all others. Comes with the new number of each parameter of the arena.
    pub fn join(
        &mut self,
        arena: &Graph,
        (graph, before): Last,
        tables: &mut Tables,
        (owners, words): (&Owners, &[Arc<str>]),
    ) -> (Arc<Graph>, Vec<Option<ParamId>>) {
        let now = std::mem::take(&mut self.now);
        self.names.resize_with(self.names.len().max(arena.params.len()), || None);
        let mut joiner = Joiner {
            arena,
            tables,
            words,
            names: &mut self.names,
            out: graph,
            given: HashMap::with_capacity_and_hasher(4 * now.len(), Default::default()),
            numbers: vec![None; arena.params.len()],
            params: Vec::new(),
            samples: vec![None; arena.samples.len()],
            ordinals: vec![0; words.len()],
            next: Size::default(),
        };
        let (mut outs, mut placed) = (Vec::new(), Vec::with_capacity(now.len()));
        let segments: Vec<&Kept> = now.iter().filter_map(|serial| self.kept.get(serial)).map(|kept| &**kept).collect();
        for Kept { id, segment, .. } in segments.iter().copied() {
            let place = joiner.place(*id, segment);
            for (out, (part, nth)) in segment.graph.outs.iter().zip(&segment.outs) {
                let kind = match out.kind {
                    OutKind::Head(sample) => OutKind::Head(joiner.sample(segment.samples[sample.index()])),
                    kind => kind,
                };
                let node = place.node(segment.slots[out.node.index()]);
                let frame = joiner.tables.layout.frame(out.frame);
                outs.push((owners.place(*part), *nth, Out { name: out.name.clone(), kind, node, frame }));
            }
            placed.push(place);
        }
        joiner.put(&segments, &placed, &before);
        outs.sort_unstable_by_key(|(part, nth, _)| (*part, *nth));
        let (frames, rows) = (joiner.tables.layout.frames(), std::mem::take(&mut joiner.tables.rows));
        let Joiner { mut out, numbers, params, .. } = joiner;
        out.outs = outs.into_iter().map(|(.., out)| out).collect();
        out.params = Arc::new(params);
        out.frames = frames;
        out.rows = Arc::new(rows);
        let out = Arc::new(out);
        self.kept.retain(|_, kept| kept.turn == self.turn);
        self.kept.values_mut().for_each(|kept| (kept.reseeded, kept.joined) = (false, Some(self.turn)));
        self.joined = self.turn;
        self.turn += 1;
        self.last = Some((Arc::clone(&out), placed));
        (out, numbers)
    }
}

/// The graph that segments are put into.
struct Joiner<'e> {
    arena: &'e Graph,
    tables: &'e mut Tables,
    words: &'e [Arc<str>],
    names: &'e mut Vec<Option<Named>>,
    /// The graph; at first that of the last text.
    out: Graph,
    /// What segments so far give.
    given: HashMap<NodeId, NodeId>,
    /// The new number of each parameter of the arena.
    numbers: Vec<Option<ParamId>>,
    params: Vec<Param>,
    samples: Vec<Option<SampleId>>,
    /// By name, how many literals of such parts were met.
    ordinals: Vec<u32>,
    /// Where the next segment goes.
    next: Size,
}

impl Joiner<'_> {
    /// Finds a place for a segment behind the others.
    fn place(&mut self, id: u64, segment: &Segment) -> Placed {
        let given = |id: &NodeId| self.given.get(id).copied().unwrap_or(NodeId(0));
        let place = Placed {
            id,
            start: self.next,
            size: segment.size,
            ports: segment.ports.iter().map(|(id, _)| given(id)).collect(),
            params: segment.params.iter().map(|(id, _, word)| self.param(*id, *word)).collect(),
            rows: segment.rows.iter().map(|row| self.tables.row(*row)).collect(),
            samples: segment.samples.iter().map(|id| self.sample(*id)).collect(),
        };
        self.next.nodes += segment.size.nodes;
        self.next.cells += segment.size.cells;
        self.next.rings += segment.size.rings;
        for (id, (_, cell)) in segment.wanted.iter().zip(&segment.exports) {
            if let Some(node) = segment.graph.cells[cell.index()].next {
                self.given.insert(*id, place.node(segment.slots[node.index()]));
            }
        }
        place
    }

    /// Writes the graph over that of the last text.
    fn put(&mut self, segments: &[&Kept], places: &[Placed], before: &[Placed]) {
        let ids = |all: &[Placed]| all.iter().map(|place| place.id).collect::<Vec<_>>();
        let kept = runs::kept(&ids(before), &ids(places));
        let moves = |of: fn(&Size) -> u32| {
            let known = places.iter().zip(&kept).filter_map(|(place, known)| Some((place, &before[(*known)?])));
            let all = known.map(|(to, old)| Move { from: of(&old.start), to: of(&to.start), count: of(&to.size) });
            all.collect::<Vec<_>>()
        };
        let (root, name) = (FrameId(0), Arc::<str>::from(""));
        let cell = Cell { frame: root, name: Arc::clone(&name), ty: Ty::F32, lanes: 1, init: 0, next: None };
        let ring = Ring { frame: root, name, lanes: 1, capacity: 0, input: None, kernel: None };
        runs::slide(&mut self.out.nodes, &moves(|size| size.nodes), self.next.nodes, &Node::Frame);
        runs::slide(&mut self.out.cells, &moves(|size| size.cells), self.next.cells, &cell);
        runs::slide(&mut self.out.rings, &moves(|size| size.rings), self.next.rings, &ring);
        for ((kept, place), known) in segments.iter().zip(places).zip(kept) {
            match known.map(|at| &before[at]) {
                Some(old) => {
                    self.mend(&kept.segment, place, old);
                    if kept.reseeded {
                        self.reseed(&kept.segment, place);
                    }
                }
                None => self.write(&kept.segment, place),
            }
        }
    }

    /// Brings the numbers of a segment up to date that was kept.
    fn mend(&mut self, segment: &Segment, place: &Placed, old: &Placed) {
        let (from, to, leads) = (old.start, place.start, place.leads_as(old));
        if from != to {
            let by = |from: u32, to: u32| to.wrapping_sub(from);
            let (nodes, cells, rings) = (by(from.nodes, to.nodes), by(from.cells, to.cells), by(from.rings, to.rings));
            for node in &mut self.out.nodes[place.range(|size| size.nodes)] {
                operands_mut(node).iter_mut().for_each(|x| x.0 = x.0.wrapping_add(nodes));
                match node {
                    Node::Read(c) => c.0 = c.0.wrapping_add(cells),
                    Node::Tap(r, _) => r.0 = r.0.wrapping_add(rings),
                    _ => {}
                }
            }
        }
        if from != to || !leads {
            for &(own, local) in &segment.leaves {
                let node = &mut self.out.nodes[(to.nodes + own) as usize];
                fit(node, &segment.graph.nodes[local as usize], segment, place);
            }
        }
        let settled = self.tables.settled;
        if from != to || !leads || !settled {
            let layout = &self.tables.layout;
            let at = |x: NodeId| place.node(segment.slots[x.index()]);
            for (cell, own) in self.out.cells[place.range(|size| size.cells)].iter_mut().zip(memory(segment)) {
                (cell.frame, cell.next) = (layout.frame(own.frame), own.next.map(at));
            }
            for (ring, own) in self.out.rings[place.range(|size| size.rings)].iter_mut().zip(&segment.graph.rings) {
                (ring.frame, ring.input) = (layout.frame(own.frame), own.input.map(at));
                if own.kernel.is_some() && (from.rings != to.rings || !leads) {
                    ring.kernel = kernel(own, place);
                }
            }
        }
    }

    /// Writes the constants of a segment that chance starts from.
    fn reseed(&mut self, segment: &Segment, place: &Placed) {
        for (local, slot) in segment.graph.nodes.iter().zip(&segment.slots) {
            if let (Node::Const(Ty::I32, _), Slot::Own(own)) = (local, slot) {
                self.out.nodes[(place.start.nodes + own) as usize].clone_from(local);
            }
        }
    }

    /// Writes a segment, over whatever is there.
    fn write(&mut self, segment: &Segment, place: &Placed) {
        let layout = &self.tables.layout;
        let at = |x: NodeId| place.node(segment.slots[x.index()]);
        for (slot, own) in self.out.cells[place.range(|size| size.cells)].iter_mut().zip(memory(segment)) {
            *slot = Cell { frame: layout.frame(own.frame), next: own.next.map(at), ..own.clone() };
        }
        for (slot, own) in self.out.rings[place.range(|size| size.rings)].iter_mut().zip(&segment.graph.rings) {
            let (frame, input) = (layout.frame(own.frame), own.input.map(at));
            *slot = Ring { frame, name: Arc::clone(&own.name), input, kernel: kernel(own, place), ..*own };
        }
        let mut memory = place.start.cells;
        let number = |what: &Use| {
            memory += u32::from(matches!(what, Use::Memory));
            CellId(memory.wrapping_sub(1))
        };
        let cells: Vec<CellId> = segment.cells.iter().map(number).collect();
        let own = segment.graph.nodes.iter().zip(&segment.slots).filter(|(_, slot)| matches!(slot, Slot::Own(_)));
        for (slot, (local, _)) in self.out.nodes[place.range(|size| size.nodes)].iter_mut().zip(own) {
            let mut node = local.clone();
            fit(&mut node, local, segment, place);
            match &mut node {
                Node::Read(c) => *c = cells[c.index()],
                Node::Tap(r, _) => r.0 += place.start.rings,
                _ => {}
            }
            *slot = node;
        }
    }

    /// A literal without a name of its own is called after the part that has it first, and counted there.
    fn param(&mut self, id: ParamId, word: u32) -> ParamId {
        if let Some(known) = self.numbers[id.index()] {
            return known;
        }
        let Param { frame, ref name, value } = self.arena.params[id.index()];
        let mut name = Arc::clone(name);
        if name.is_empty() {
            let ordinal = self.ordinals[word as usize];
            self.ordinals[word as usize] += 1;
            let slot = &mut self.names[id.index()];
            name = match slot {
                Some(known) if (known.word, known.ordinal) == (word, ordinal) => Arc::clone(&known.name),
                _ => {
                    let name = Arc::<str>::from(format!("{}#{ordinal}", self.words[word as usize]));
                    *slot = Some(Named { word, ordinal, name: Arc::clone(&name) });
                    name
                }
            };
        }
        let new = ParamId(self.params.len() as u32);
        self.params.push(Param { frame, name, value });
        self.numbers[id.index()] = Some(new);
        new
    }

    /// Samples are numbered as they are met, and so are the playheads of those that are read from disk.
    fn sample(&mut self, id: SampleId) -> SampleId {
        *self.samples[id.index()].get_or_insert_with(|| {
            let mut sample = self.arena.samples[id.index()].clone();
            if sample.head > 0 {
                sample.head = self.out.samples.iter().map(|s| s.head).max().unwrap_or(0) + 1;
            }
            self.out.samples.push(sample);
            SampleId(self.out.samples.len() as u32 - 1)
        })
    }
}

/// The cells of a segment that are memory.
fn memory(segment: &Segment) -> impl Iterator<Item = &Cell> {
    let all = segment.graph.cells.iter().zip(&segment.cells);
    all.filter(|(_, what)| matches!(what, Use::Memory)).map(|(cell, _)| cell)
}

/// The kernel of a ring of a segment, with the numbers of the whole.
fn kernel(ring: &Ring, place: &Placed) -> Option<Arc<Kernel>> {
    let number = |ring: RingId| RingId(ring.0 + place.start.rings);
    ring.kernel.as_ref().map(|kernel| kernel.with(number, |sample| place.samples[sample.index()]))
}

/// Gives a node of the whole the operands that it has in its segment, and its parameter, row or sample.
fn fit(node: &mut Node, local: &Node, segment: &Segment, place: &Placed) {
    let pairs = operands_mut(node).iter_mut().zip(operands(local));
    pairs.for_each(|(x, own)| *x = place.node(segment.slots[own.index()]));
    match (node, local) {
        (Node::Param(p), Node::Param(own)) => *p = place.params[own.index()],
        (Node::Row(r), Node::Row(own)) => *r = place.rows[own.index()],
        (Node::Peek(s, _), Node::Peek(own, _)) => *s = place.samples[own.index()],
        _ => {}
    }
}
