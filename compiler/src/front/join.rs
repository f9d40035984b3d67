//! Segments put one after another: the graph of a text.
//!
//! The numbers of a segment become those of the whole, and what comes in by a port becomes what gives it. The graph of the last text is
//! not thrown away for that. As long as segments come to lie where they lay, only those that are new are written; from the first that
//! does not, the nodes of the others are moved along, and their operands with them. So an edit of a number writes one
//! track, and one more stage in a track moves what is behind it.

use crate::front::link::Tables;
use crate::front::segment::{Given, Segment, Use};
use crate::graph::*;
use crate::passes::cross::operands_mut;
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;

/// All segments that are kept; those of the text at hand in order.
#[derive(Default)]
pub(super) struct Segments {
    kept: HashMap<u64, (u64, Segment)>,
    now: Vec<u64>,
    stamp: u64,
    last: Option<(Arc<Graph>, Vec<Placed>)>,
}

/// A segment in the graph of the whole: its numbers there.
#[derive(PartialEq)]
struct Placed {
    /// Which segment; no other has this number.
    id: u64,
    nodes: u32,
    cells: u32,
    rings: u32,
    ports: Vec<NodeId>,
    params: Vec<ParamId>,
    rows: Vec<RowId>,
    samples: Vec<SampleId>,
    /// How many nodes it has in the whole.
    len: u32,
}

impl Segments {
    /// Goes on with a segment that was made of the same parts, for the same ends, from the same. False if there is none.
    pub fn reuse(&mut self, serials: &[u64], wanted: &[NodeId], known: &HashMap<NodeId, Given>) -> bool {
        let same = self.kept.get(&serials[0]).is_some_and(|(_, segment)| {
            segment.serials == serials
                && segment.wanted == wanted
                && segment.ports.iter().all(|(id, given)| known.get(id) == Some(given))
        });
        if same {
            self.now.push(serials[0]);
        }
        same
    }

    /// Adds a segment.
    pub fn add(&mut self, segment: Segment) {
        self.stamp += 1;
        self.now.push(segment.serials[0]);
        self.kept.insert(segment.serials[0], (self.stamp, segment));
    }

    /// What the last segment gives.
    pub fn last(&self) -> impl Iterator<Item = (NodeId, Given)> + '_ {
        let last = self.now.last().and_then(|serial| self.kept.get(serial));
        last.into_iter().flat_map(|(_, s)| s.wanted.iter().copied().zip(s.exports.iter().map(|(given, _)| *given)))
    }

    /// Puts the segments of the text together, and forgets all others. Comes with the new number of each parameter of the arena.
    /// `position` says where a part stands in the text.
    pub fn join(
        &mut self,
        arena: &Graph,
        tables: &mut Tables,
        position: &HashMap<u64, usize>,
    ) -> (Arc<Graph>, Vec<Option<ParamId>>) {
        let now = std::mem::take(&mut self.now);
        // While somebody still reads it, the last graph is not ours to write to.
        let last = self.last.take().and_then(|(graph, placed)| Some((Arc::try_unwrap(graph).ok()?.nodes, placed)));
        let (nodes, before) = last.unwrap_or_default();
        let mut joiner = Joiner {
            arena,
            tables,
            out: Graph { nodes, ..Graph::default() },
            given: HashMap::default(),
            params: vec![None; arena.params.len()],
            samples: vec![None; arena.samples.len()],
            ordinals: HashMap::default(),
            next: 0,
            new: Vec::new(),
            moved: None,
        };
        let (mut outs, mut kept, mut placed) = (Vec::new(), HashMap::default(), Vec::with_capacity(now.len()));
        let mut before = before.into_iter();
        for serial in now {
            let Some((id, segment)) = self.kept.remove(&serial) else { continue };
            placed.push(joiner.add(id, &segment, &mut before));
            for (out, (part, nth)) in segment.graph.outs.iter().zip(&segment.outs) {
                let kind = match out.kind {
                    OutKind::Head(sample) => OutKind::Head(joiner.sample(segment.samples[sample.index()])),
                    kind => kind,
                };
                let (node, frame) = (joiner.new[out.node.index()], joiner.tables.frame(out.frame));
                outs.push((position.get(part).copied(), *nth, Out { name: out.name.clone(), kind, node, frame }));
            }
            kept.insert(serial, (id, segment));
        }
        self.kept = kept;
        outs.sort_by_key(|(part, nth, _)| (*part, *nth));
        let Joiner { mut out, params, next, .. } = joiner;
        out.nodes.truncate(next as usize);
        out.outs = outs.into_iter().map(|(.., out)| out).collect();
        out.frames = Arc::new(std::mem::take(&mut tables.frames));
        out.rows = Arc::new(std::mem::take(&mut tables.rows));
        let out = Arc::new(out);
        self.last = Some((Arc::clone(&out), placed));
        (out, params)
    }
}

/// The graph that segments are put into.
struct Joiner<'e> {
    arena: &'e Graph,
    tables: &'e mut Tables,
    /// The graph; beyond `next` its nodes are those of the last text.
    out: Graph,
    /// What segments so far give.
    given: HashMap<NodeId, NodeId>,
    params: Vec<Option<ParamId>>,
    samples: Vec<Option<SampleId>>,
    /// How many literals of each part were met.
    ordinals: HashMap<String, u32>,
    /// Where the next node goes.
    next: u32,
    /// What stands for the nodes of the segment.
    new: Vec<NodeId>,
    /// From the first segment that lies elsewhere on: the nodes of the last text that follow, and the number of the first of them.
    moved: Option<(std::vec::IntoIter<Node>, u32)>,
}

impl Joiner<'_> {
    /// Puts a segment behind the others. `before` are those of the last text that were not met yet.
    fn add(&mut self, id: u64, segment: &Segment, before: &mut std::vec::IntoIter<Placed>) -> Placed {
        let graph = &segment.graph;
        let ports: Vec<NodeId> =
            segment.ports.iter().map(|(id, _)| self.given.get(id).copied().unwrap_or(NodeId(0))).collect();
        self.new.clear();
        let mut next = self.next;
        for node in &graph.nodes {
            let port = match node {
                Node::Read(c) => segment.cells[c.index()].port(),
                _ => None,
            };
            self.new.push(port.map_or(NodeId(next), |port| ports[port]));
            next += u32::from(port.is_none());
        }
        let place = Placed {
            id,
            nodes: self.next,
            cells: self.out.cells.len() as u32,
            rings: self.out.rings.len() as u32,
            ports,
            params: segment.params.iter().map(|(id, node)| self.param(*id, *node)).collect(),
            rows: segment.rows.iter().map(|row| self.tables.row(*row)).collect(),
            samples: segment.samples.iter().map(|id| self.sample(*id)).collect(),
            len: next - self.next,
        };
        self.nodes(segment, &place, before);
        self.next = next;
        for (cell, what) in graph.cells.iter().zip(&segment.cells) {
            if matches!(what, Use::Memory) {
                let next = cell.next.map(|n| self.new[n.index()]);
                self.out.cells.push(Cell { frame: self.tables.frame(cell.frame), next, ..cell.clone() });
            }
        }
        for ring in &graph.rings {
            let input = ring.input.map(|n| self.new[n.index()]);
            let at = |r: RingId| RingId(r.0 + place.rings);
            let kernel = ring.kernel.as_ref().map(|kernel| kernel.with(at, |s| place.samples[s.index()]));
            self.out.rings.push(Ring { frame: self.tables.frame(ring.frame), input, kernel, ..ring.clone() });
        }
        for (id, (_, cell)) in segment.wanted.iter().zip(&segment.exports) {
            if let Some(node) = graph.cells[cell.index()].next {
                self.given.insert(*id, self.new[node.index()]);
            }
        }
        place
    }

    /// The nodes of a segment: where they are, moved there, or written.
    fn nodes(&mut self, segment: &Segment, place: &Placed, before: &mut std::vec::IntoIter<Placed>) {
        if self.moved.is_none() {
            match before.as_slice().first() {
                Some(old) if old == place => {
                    before.next();
                    return;
                }
                Some(old) if old.nodes == place.nodes && old.len == place.len => {
                    before.next();
                    return self.write(segment, place);
                }
                first => {
                    let from = first.map_or(self.out.nodes.len() as u32, |old| old.nodes);
                    let rest = self.out.nodes.split_off(place.nodes as usize);
                    self.moved = Some((rest.into_iter(), from.max(place.nodes)));
                }
            }
        }
        // Those between are of no use any more.
        let known = before.as_slice().iter().position(|old| old.id == place.id);
        let Some(known) = known.and_then(|at| before.nth(at)) else { return self.write(segment, place) };
        let Some((rest, at)) = &mut self.moved else { return };
        let skip = known.nodes - *at;
        if skip > 0 {
            rest.nth(skip as usize - 1);
        }
        *at = known.nodes + known.len;
        for mut node in rest.take(known.len as usize) {
            for x in operands_mut(&mut node) {
                let own = x.0.wrapping_sub(known.nodes);
                *x = match own < known.len {
                    true => NodeId(own + place.nodes),
                    false => known.ports.iter().position(|old| old == x).map_or(*x, |port| place.ports[port]),
                };
            }
            match &mut node {
                Node::Param(p) => *p = renamed(*p, &known.params, &place.params),
                Node::Row(r) => *r = renamed(*r, &known.rows, &place.rows),
                Node::Peek(s, _) => *s = renamed(*s, &known.samples, &place.samples),
                Node::Read(c) => c.0 = c.0 - known.cells + place.cells,
                Node::Tap(r, _) => r.0 = r.0 - known.rings + place.rings,
                _ => {}
            }
            self.out.nodes.push(node);
        }
    }

    /// Writes the nodes of a segment, over others or behind them.
    fn write(&mut self, segment: &Segment, place: &Placed) {
        let mut memory = place.cells;
        let cells: Vec<CellId> = segment
            .cells
            .iter()
            .map(|what| {
                memory += u32::from(matches!(what, Use::Memory));
                CellId(memory.wrapping_sub(1))
            })
            .collect();
        let mut next = place.nodes as usize;
        for (id, node) in segment.graph.nodes.iter().enumerate() {
            // What comes in by a port is there already.
            if self.new[id].index() != next {
                continue;
            }
            let mut node = node.clone();
            operands_mut(&mut node).iter_mut().for_each(|x| *x = self.new[x.index()]);
            match &mut node {
                Node::Param(p) => *p = place.params[p.index()],
                Node::Row(r) => *r = place.rows[r.index()],
                Node::Read(c) => *c = cells[c.index()],
                Node::Tap(r, _) => r.0 += place.rings,
                Node::Peek(s, _) => *s = place.samples[s.index()],
                _ => {}
            }
            match self.out.nodes.get_mut(next) {
                Some(slot) => *slot = node,
                None => self.out.nodes.push(node),
            }
            next += 1;
        }
    }

    /// A literal without a name of its own is called after the part that has it first, and counted there.
    fn param(&mut self, id: ParamId, node: NodeId) -> ParamId {
        *self.params[id.index()].get_or_insert_with(|| {
            let mut param = self.arena.params[id.index()].clone();
            if param.name.is_empty() {
                let owner = self.tables.owner(node.0);
                let ordinal = match self.ordinals.get_mut(owner) {
                    Some(ordinal) => ordinal,
                    None => self.ordinals.entry(owner.to_string()).or_insert(0),
                };
                param.name = format!("{owner}#{ordinal}");
                *ordinal += 1;
            }
            let params = Arc::make_mut(&mut self.out.params);
            params.push(param);
            ParamId(params.len() as u32 - 1)
        })
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

/// What stands at the place of a number that was given before.
fn renamed<T: Copy + PartialEq>(id: T, before: &[T], now: &[T]) -> T {
    before.iter().position(|old| *old == id).and_then(|at| now.get(at).copied()).unwrap_or(id)
}
