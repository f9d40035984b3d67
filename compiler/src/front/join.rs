//! Segments put one after another: the graph of a text.
//!
//! The numbers of a segment become those of the whole, and what comes in by a port becomes what gives it. The graph of the last text is
//! not thrown away for that. As long as segments come to lie where they lay, only those that are new are written; from the first that
//! does not, the values and the memory of the others are moved along, and their operands with them. So an edit of a number writes
//! one track, and one more stage in a track moves what is behind it.
//!
//! Parameters, samples and outs are few and are numbered anew each time; the name of a parameter is spelt once.

use crate::front::layout::Layout;
use crate::front::link::Tables;
use crate::front::owners::Owners;
use crate::front::segment::{Given, Segment, Size, Slot, Use};
use crate::graph::*;
use crate::passes::cross::operands_mut;
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;
use std::vec::{Drain, IntoIter};

/// All segments that are kept; those of the text at hand in order.
#[derive(Default)]
pub(super) struct Segments {
    kept: HashMap<u64, Box<Kept>>,
    now: Vec<u64>,
    stamp: u64,
    /// The number of the text.
    turn: u64,
    last: Option<(Arc<Graph>, Vec<Placed>)>,
    /// Room for what is moved along, so that none is asked for at each edit.
    spare: Spare,
    /// By parameter of the arena, the name that it had last.
    names: Vec<Option<Named>>,
}

/// Room for nodes, cells and rings.
#[derive(Default)]
struct Spare {
    nodes: Vec<Node>,
    cells: Vec<Cell>,
    rings: Vec<Ring>,
}

/// A segment, its number, which no other has, and the last text that it was of.
struct Kept {
    id: u64,
    turn: u64,
    segment: Segment,
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
#[derive(PartialEq)]
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

    /// The number of a node of the segment when it has come to lie somewhere else.
    fn moved(&self, to: &Placed, x: NodeId) -> NodeId {
        let own = x.0.wrapping_sub(self.start.nodes);
        match own < self.size.nodes {
            true => NodeId(own + to.start.nodes),
            false => self.ports.iter().position(|old| *old == x).map_or(x, |port| to.ports[port]),
        }
    }
}

impl Segments {
    /// Goes on with a segment that was made of the same parts, for the same ends, from the same. False if there is none.
    pub fn reuse(&mut self, serials: &[u64], wanted: &[NodeId], known: &HashMap<NodeId, Given>) -> bool {
        let Some(Kept { turn, segment, .. }) = self.kept.get_mut(&serials[0]).map(|kept| &mut **kept) else {
            return false;
        };
        let same = segment.serials == serials
            && segment.wanted == wanted
            && segment.ports.iter().all(|(id, given)| known.get(id) == Some(given));
        if same {
            *turn = self.turn;
            self.now.push(serials[0]);
        }
        same
    }

    /// Adds a segment.
    pub fn add(&mut self, segment: Segment) {
        self.stamp += 1;
        self.now.push(segment.serials[0]);
        self.kept.insert(segment.serials[0], Box::new(Kept { id: self.stamp, turn: self.turn, segment }));
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
    /// are kept, for the next.
    pub fn heard(&mut self, arena: &Graph) -> Vec<Option<ParamId>> {
        let mut heard = vec![None; arena.params.len()];
        for kept in std::mem::take(&mut self.now).iter().filter_map(|serial| self.kept.get(serial)) {
            kept.segment.params.iter().for_each(|(id, _)| heard[id.index()] = Some(*id));
        }
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
            spare: Some(&mut self.spare),
            out: graph,
            given: HashMap::default(),
            numbers: vec![None; arena.params.len()],
            params: Vec::new(),
            samples: vec![None; arena.samples.len()],
            ordinals: vec![0; words.len()],
            next: Size::default(),
            moved: None,
        };
        let (mut outs, mut placed) = (Vec::new(), Vec::with_capacity(now.len()));
        let mut before = before.into_iter();
        for Kept { id, segment, .. } in now.iter().filter_map(|serial| self.kept.get(serial)).map(|kept| &**kept) {
            let place = joiner.add(*id, segment, &mut before);
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
        outs.sort_unstable_by_key(|(part, nth, _)| (*part, *nth));
        let (frames, rows) = (joiner.tables.layout.frames(), std::mem::take(&mut joiner.tables.rows));
        let Joiner { mut out, numbers, params, next, .. } = joiner;
        out.nodes.truncate(next.nodes as usize);
        out.cells.truncate(next.cells as usize);
        out.rings.truncate(next.rings as usize);
        out.outs = outs.into_iter().map(|(.., out)| out).collect();
        out.params = Arc::new(params);
        out.frames = frames;
        out.rows = Arc::new(rows);
        let out = Arc::new(out);
        self.kept.retain(|_, kept| kept.turn == self.turn);
        self.turn += 1;
        self.last = Some((Arc::clone(&out), placed));
        (out, numbers)
    }
}

/// What follows in the last text from the first segment on that lies elsewhere, and what was before.
struct Moved<'e> {
    at: Size,
    nodes: Drain<'e, Node>,
    cells: Drain<'e, Cell>,
    rings: Drain<'e, Ring>,
}

impl Moved<'_> {
    /// Goes on to a place.
    fn skip_to(&mut self, to: Size) {
        // An iterator is moved on by n with `nth(n - 1)`.
        let skip = |from: u32, to: u32| (to - from).checked_sub(1).map(|n| n as usize);
        skip(self.at.nodes, to.nodes).map(|n| self.nodes.nth(n));
        skip(self.at.cells, to.cells).map(|n| self.cells.nth(n));
        skip(self.at.rings, to.rings).map(|n| self.rings.nth(n));
        self.at = to;
    }
}

/// The graph that segments are put into.
struct Joiner<'e> {
    arena: &'e Graph,
    tables: &'e mut Tables,
    words: &'e [Arc<str>],
    names: &'e mut Vec<Option<Named>>,
    spare: Option<&'e mut Spare>,
    /// The graph; beyond `next` it is that of the last text.
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
    /// From the first segment on that lies elsewhere.
    moved: Option<Moved<'e>>,
}

impl Joiner<'_> {
    /// Puts a segment behind the others. `before` are those of the last text that were not met yet.
    fn add(&mut self, id: u64, segment: &Segment, before: &mut IntoIter<Placed>) -> Placed {
        let given = |id: &NodeId| self.given.get(id).copied().unwrap_or(NodeId(0));
        let place = Placed {
            id,
            start: self.next,
            size: segment.size,
            ports: segment.ports.iter().map(|(id, _)| given(id)).collect(),
            params: segment.params.iter().map(|(id, word)| self.param(*id, *word)).collect(),
            rows: segment.rows.iter().map(|row| self.tables.row(*row)).collect(),
            samples: segment.samples.iter().map(|id| self.sample(*id)).collect(),
        };
        self.put(segment, &place, before);
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

    /// A segment stays where it is, is moved there, or written.
    fn put(&mut self, segment: &Segment, place: &Placed, before: &mut IntoIter<Placed>) {
        if self.moved.is_none() {
            match before.as_slice().first() {
                Some(old) if old == place => {
                    before.next();
                    return self.name(segment, place);
                }
                Some(old) if old.start == place.start && old.size == place.size => {
                    before.next();
                    return self.write(segment, place);
                }
                _ => {
                    let at = place.start;
                    let Some(spare) = self.spare.take() else { return };
                    spare.nodes.extend(self.out.nodes.drain(at.nodes as usize..));
                    spare.cells.extend(self.out.cells.drain(at.cells as usize..));
                    spare.rings.extend(self.out.rings.drain(at.rings as usize..));
                    let (nodes, cells, rings) = (spare.nodes.drain(..), spare.cells.drain(..), spare.rings.drain(..));
                    self.moved = Some(Moved { at, nodes, cells, rings });
                }
            }
        }
        // Those between are of no use any more.
        let known = before.as_slice().iter().position(|old| old.id == place.id);
        let Some(old) = known.and_then(|at| before.nth(at)) else { return self.write(segment, place) };
        let Some(moved) = &mut self.moved else { return };
        moved.skip_to(old.start);
        let nodes = moved.nodes.by_ref().take(old.size.nodes as usize);
        self.out.nodes.extend(nodes.map(|mut node| {
            operands_mut(&mut node).iter_mut().for_each(|x| *x = old.moved(place, *x));
            match &mut node {
                Node::Param(p) => *p = renamed(*p, &old.params, &place.params),
                Node::Row(r) => *r = renamed(*r, &old.rows, &place.rows),
                Node::Peek(s, _) => *s = renamed(*s, &old.samples, &place.samples),
                Node::Read(c) => c.0 = c.0 - old.start.cells + place.start.cells,
                Node::Tap(r, _) => r.0 = r.0 - old.start.rings + place.start.rings,
                _ => {}
            }
            node
        }));
        let to = |x: Option<NodeId>| x.map(|x| old.moved(place, x));
        let cells = moved.cells.by_ref().take(old.size.cells as usize);
        self.out.cells.extend(cells.map(|cell| Cell { next: to(cell.next), ..cell }));
        let rings = moved.rings.by_ref().take(old.size.rings as usize);
        let ring_to = |ring: RingId| RingId(ring.0 - old.start.rings + place.start.rings);
        let sample_to = |sample: SampleId| renamed(sample, &old.samples, &place.samples);
        self.out.rings.extend(rings.map(|ring| {
            let kernel = ring.kernel.as_ref().map(|kernel| kernel.with(ring_to, sample_to));
            Ring { input: to(ring.input), kernel, ..ring }
        }));
        let Size { nodes, cells, rings } = old.size;
        moved.at =
            Size { nodes: old.start.nodes + nodes, cells: old.start.cells + cells, rings: old.start.rings + rings };
        self.name(segment, place);
    }

    /// Memory that is there already is called by the names that it has in this text.
    fn name(&mut self, segment: &Segment, place: &Placed) {
        if self.tables.settled {
            return;
        }
        let layout: &Layout = &self.tables.layout;
        let own = segment.graph.cells.iter().zip(&segment.cells).filter(|(_, what)| matches!(what, Use::Memory));
        let cells = &mut self.out.cells[place.start.cells as usize..];
        cells.iter_mut().zip(own).for_each(|(cell, (own, _))| cell.frame = layout.frame(own.frame));
        let rings = &mut self.out.rings[place.start.rings as usize..];
        rings.iter_mut().zip(&segment.graph.rings).for_each(|(ring, own)| ring.frame = layout.frame(own.frame));
    }

    /// Writes a segment, over another or behind the rest.
    fn write(&mut self, segment: &Segment, place: &Placed) {
        let layout: &Layout = &self.tables.layout;
        let at = |x: NodeId| place.node(segment.slots[x.index()]);
        let own = segment.graph.cells.iter().zip(&segment.cells).filter(|(_, what)| matches!(what, Use::Memory));
        let cells = own.map(|(c, _)| Cell { frame: layout.frame(c.frame), next: c.next.map(at), ..c.clone() });
        put(&mut self.out.cells, place.start.cells, cells);
        let rings = segment.graph.rings.iter();
        let rings = rings.map(|r| {
            let number = |ring: RingId| RingId(ring.0 + place.start.rings);
            let kernel = r.kernel.as_ref().map(|kernel| kernel.with(number, |s| place.samples[s.index()]));
            Ring { frame: layout.frame(r.frame), input: r.input.map(at), kernel, ..r.clone() }
        });
        put(&mut self.out.rings, place.start.rings, rings);
        let mut memory = place.start.cells;
        let number = |what: &Use| {
            memory += u32::from(matches!(what, Use::Memory));
            CellId(memory.wrapping_sub(1))
        };
        let cells: Vec<CellId> = segment.cells.iter().map(number).collect();
        let own = segment.graph.nodes.iter().zip(&segment.slots).filter(|(_, slot)| matches!(slot, Slot::Own(_)));
        let nodes = own.map(|(node, _)| {
            let mut node = node.clone();
            operands_mut(&mut node).iter_mut().for_each(|x| *x = at(*x));
            match &mut node {
                Node::Param(p) => *p = place.params[p.index()],
                Node::Row(r) => *r = place.rows[r.index()],
                Node::Read(c) => *c = cells[c.index()],
                Node::Tap(r, _) => r.0 += place.start.rings,
                Node::Peek(s, _) => *s = place.samples[s.index()],
                _ => {}
            }
            node
        });
        put(&mut self.out.nodes, place.start.nodes, nodes);
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

/// Writes things from a place on, over others or behind them.
fn put<T>(list: &mut Vec<T>, start: u32, things: impl Iterator<Item = T>) {
    for (at, thing) in (start as usize..).zip(things) {
        match list.get_mut(at) {
            Some(slot) => *slot = thing,
            None => list.push(thing),
        }
    }
}

/// What stands at the place of a number that was given before.
fn renamed<T: Copy + PartialEq>(id: T, before: &[T], now: &[T]) -> T {
    before.iter().position(|old| *old == id).and_then(|at| now.get(at).copied()).unwrap_or(id)
}
