//! Identity of state: which memory of a new patch is which memory of the old one.
//!
//! State belongs to a place in the tree of names ([`crate::graph::Frame`]), never to a position in the code. Two trees are
//! matched from the root down:
//!
//! 1. named children (bindings) by their name;
//! 2. unnamed children (calls) by the longest common subsequence of their labels, so that a stage put into a pipe disturbs no
//!    other; among equally long ones the one where more calls have equal arguments ([`Frame::hint`]), then equal shapes, wins;
//!    calls that changed places (same label and arguments, left over on both sides) are matched after that;
//! 3. named children left over on both sides whose shapes (labels and memory, all the way down) are equal: a rename;
//! 4. calls left over between the same neighbours, a stage in the place of another: the calls of one core inside them that hold memory, such as
//!    the phase of `saw` and of `tri`, or the two integrators of `lpf` and of `hpf`;
//! 5. calls left over anywhere whose labels, arguments and shapes are equal: taken out into a name or a function, or put back.
//!
//! Inside two matched places, cells match by name and type (the cell of `b'` is called `b`, and follows a rename), rings by name, each in order and those of equal size first. Where channels come to be,
//! each of them has the memory of the one that was there; where they go, the first stay. Memory of unlike kinds never mixes, since labels of what
//! holds it, names and types must agree.
//!
//! ```text
//! old  bass: saw lpf delay          new  bass: saw lpf drive delay        kept saw lpf delay, made drive
//! ```
//!
//! The result is a list of copies and moves, made off the audio thread, plus a report of what happened in words.

use crate::graph::{CellId, Frame, FrameId, Graph, RingId, Ty};
use crate::program::{Unit, UnitKind};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Products of list lengths beyond this are matched in order instead of optimally.
const LCS_LIMIT: usize = 4_000_000;

/// A piece of memory in the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// Path and name: `bass/lpf/y`. A moved piece reads `old -> new`.
    pub key: String,
    /// `cell`, `cell[8]`, `delay` or `voices`.
    pub kind: String,
}

/// What a swap does to memory, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Goes on under the same path.
    pub kept: Vec<Piece>,
    /// Goes on under another path.
    pub moved: Vec<Piece>,
    /// Starts anew.
    pub made: Vec<Piece>,
    /// Is gone.
    pub dropped: Vec<Piece>,
}

/// How to carry state from an old patch to a new one.
#[derive(Clone, Debug, Default)]
pub struct StateMap {
    /// Cells to copy: new, old, number of lanes. The one lane of an old cell may go into several.
    pub cells: Vec<(CellId, CellId, u32)>,
    /// Rings to move.
    pub rings: Vec<(RingId, RingId)>,
    /// Rings of another size to copy: new, old.
    pub pours: Vec<(RingId, RingId)>,
    /// Units whose voices go on: new, old.
    pub units: Vec<(usize, usize)>,
    /// Parameters that are the same: new, old.
    pub params: Vec<(usize, usize)>,
    /// All of it in words.
    pub report: Report,
}

impl StateMap {
    /// The plan from one graph and its units to another.
    pub fn between(old: &Graph, old_units: &[Unit], new: &Graph, new_units: &[Unit]) -> StateMap {
        let (old_tree, new_tree) = (Tree::new(old), Tree::new(new));
        let mut matcher = Matcher {
            old: &old_tree,
            new: &new_tree,
            pairs: vec![None; new.frames.len()],
            taken: vec![false; old.frames.len()],
        };
        if !old.frames.is_empty() && !new.frames.is_empty() {
            matcher.run();
        }
        let pairs = matcher.pairs;
        let mut map = StateMap::default();
        map.match_units(old, old_units, new, new_units, &pairs);
        map.match_cells(old, old_units, new, new_units, &pairs);
        map.match_rings((old, old_units), (new, new_units), &pairs);
        map.match_params(old, new, &pairs);
        for list in [&mut map.report.kept, &mut map.report.moved, &mut map.report.made, &mut map.report.dropped] {
            list.sort();
        }
        map
    }

    /// True if every piece of memory of the new patch goes on and none of the old is left over.
    pub fn is_full(&self) -> bool {
        self.report.made.is_empty() && self.report.dropped.is_empty()
    }

    fn tell(&mut self, old: Option<String>, new: Option<String>, kind: String) {
        match (old, new) {
            (Some(old), Some(new)) if old == new => self.report.kept.push(Piece { key: new, kind }),
            (Some(old), Some(new)) => self.report.moved.push(Piece { key: format!("{old} -> {new}"), kind }),
            (None, Some(key)) => self.report.made.push(Piece { key, kind }),
            (Some(key), None) => self.report.dropped.push(Piece { key, kind }),
            (None, None) => {}
        }
    }

    fn match_units(
        &mut self,
        old: &Graph,
        old_units: &[Unit],
        new: &Graph,
        new_units: &[Unit],
        pairs: &[Option<FrameId>],
    ) {
        let mut free: HashMap<(FrameId, u8), Vec<usize>> = HashMap::new();
        for (i, unit) in old_units.iter().enumerate() {
            free.entry((unit.frame, kind_code(unit.kind))).or_default().push(i);
        }
        let mut taken = vec![false; old_units.len()];
        for (i, unit) in new_units.iter().enumerate() {
            let from = pairs.get(unit.frame.index()).copied().flatten();
            let list = from.and_then(|frame| free.get_mut(&(frame, kind_code(unit.kind))));
            let found = list.and_then(|list| {
                // Several units of one place are told apart by path, then by order.
                let at = list.iter().position(|&j| old_units[j].path == unit.path).or(if list.is_empty() {
                    None
                } else {
                    Some(0)
                })?;
                Some(list.remove(at))
            });
            let name = Some(unit_key(new, unit));
            if let Some(j) = found {
                taken[j] = true;
                self.units.push((i, j));
                self.tell(Some(unit_key(old, &old_units[j])), name, "voices".into());
            } else {
                self.tell(None, name, "voices".into());
            }
        }
        for (j, unit) in old_units.iter().enumerate().filter(|(j, _)| !taken[*j]) {
            let _ = j;
            self.tell(Some(unit_key(old, unit)), None, "voices".into());
        }
    }

    fn match_cells(
        &mut self,
        old: &Graph,
        old_units: &[Unit],
        new: &Graph,
        new_units: &[Unit],
        pairs: &[Option<FrameId>],
    ) {
        let lanes = Lanes::of((old, old_units), (new, new_units), &self.units);
        let mut free: BTreeMap<(FrameId, &str, bool), Vec<usize>> = BTreeMap::new();
        for (i, cell) in old.cells.iter().enumerate() {
            free.entry((cell.frame, cell.name.as_ref(), cell.ty == Ty::I32)).or_default().push(i);
        }
        let renamed = renamed(old, new, pairs);
        let mut taken = vec![false; old.cells.len()];
        for (i, cell) in new.cells.iter().enumerate() {
            let from = pairs.get(cell.frame.index()).copied().flatten();
            let list = from.and_then(|frame| {
                let key = |name| (frame, name, cell.ty == Ty::I32);
                let own = key(cell.name.as_ref());
                let before = || renamed.get(cell.name.as_ref()).map(|name| key(*name));
                free.get_mut(&if free.contains_key(&own) { own } else { before()? })
            });
            let single = from.is_some_and(|from| lanes.are_channels(cell.frame, from));
            let found = list.and_then(|list| {
                let same = |&j: &usize| {
                    let theirs = old.cells[j].lanes;
                    theirs == cell.lanes || lanes.are_voices(cell.frame, cell.lanes, theirs)
                };
                let channels = single && !list.is_empty();
                let at = list.iter().position(same).or(channels.then_some(0))?;
                Some(list.remove(at))
            });
            let name = Some(key(new, cell.frame, &cell.name));
            let kind = cell_kind(cell.lanes);
            if let Some(j) = found {
                taken[j] = true;
                let theirs = old.cells[j].lanes;
                // A new channel begins with what the only one has; noise and phases of their own begin as they are made.
                let spread = single && theirs == 1 && cell.ty == Ty::F32;
                let lanes = if spread { cell.lanes } else { cell.lanes.min(theirs) };
                self.cells.push((CellId(i as u32), CellId(j as u32), lanes));
                self.tell(Some(key(old, old.cells[j].frame, &old.cells[j].name)), name, kind);
            } else {
                self.tell(None, name, kind);
            }
        }
        for (j, cell) in old.cells.iter().enumerate() {
            if !taken[j] {
                self.tell(Some(key(old, cell.frame, &cell.name)), None, cell_kind(cell.lanes));
            }
        }
    }

    fn match_rings(
        &mut self,
        (old, old_units): (&Graph, &[Unit]),
        (new, new_units): (&Graph, &[Unit]),
        pairs: &[Option<FrameId>],
    ) {
        let lanes = Lanes::of((old, old_units), (new, new_units), &self.units);
        let mut free: BTreeMap<(FrameId, &str), Vec<usize>> = BTreeMap::new();
        for (j, ring) in old.rings.iter().enumerate() {
            free.entry((ring.frame, ring.name.as_ref())).or_default().push(j);
        }
        let mut found: Vec<Option<usize>> = vec![None; new.rings.len()];
        let mut taken = vec![false; old.rings.len()];
        // Those of another size take what is left.
        for same in [true, false] {
            for (i, ring) in new.rings.iter().enumerate() {
                let Some(from) = pairs.get(ring.frame.index()).copied().flatten() else { continue };
                let Some(list) = free.get_mut(&(from, ring.name.as_ref())).filter(|_| found[i].is_none()) else {
                    continue;
                };
                let goes = |&j: &usize| {
                    let theirs = &old.rings[j];
                    let like = lanes.are_channels(ring.frame, from)
                        || lanes.are_voices(ring.frame, ring.lanes, theirs.lanes)
                        || ring.lanes == theirs.lanes;
                    match same {
                        true => (ring.lanes, ring.capacity) == (theirs.lanes, theirs.capacity),
                        false => like && ring.kernel.is_none() && theirs.kernel.is_none(),
                    }
                };
                if let Some(at) = list.iter().position(goes) {
                    let (j, id) = (list.remove(at), RingId(i as u32));
                    (found[i], taken[j]) = (Some(j), true);
                    let to = if same { &mut self.rings } else { &mut self.pours };
                    to.push((id, RingId(j as u32)));
                }
            }
        }
        for (ring, found) in new.rings.iter().zip(found) {
            let before = found.map(|j| key(old, old.rings[j].frame, &old.rings[j].name));
            self.tell(before, Some(key(new, ring.frame, &ring.name)), "delay".into());
        }
        for (ring, _) in old.rings.iter().zip(taken).filter(|(_, taken)| !taken) {
            self.tell(Some(key(old, ring.frame, &ring.name)), None, "delay".into());
        }
    }

    fn match_params(&mut self, old: &Graph, new: &Graph, pairs: &[Option<FrameId>]) {
        let mut free: HashMap<(FrameId, &str), Vec<usize>> = HashMap::new();
        for (j, param) in old.params.iter().enumerate().rev() {
            free.entry((param.frame, param.name.as_ref())).or_default().push(j);
        }
        for (i, param) in new.params.iter().enumerate() {
            let from = pairs.get(param.frame.index()).copied().flatten();
            if let Some(j) =
                from.and_then(|frame| free.get_mut(&(frame, param.name.as_ref()))).and_then(|list| list.pop())
            {
                self.params.push((i, j));
            }
        }
    }
}

/// What names of the new graph were in the old one, where that was another.
fn renamed<'a>(old: &'a Graph, new: &'a Graph, pairs: &[Option<FrameId>]) -> HashMap<&'a str, &'a str> {
    let both =
        new.frames.iter().zip(pairs).filter_map(|(frame, from)| Some((frame, &old.frames[from.as_ref()?.index()])));
    let others = both.filter(|(new, old)| new.named && old.named && new.label != old.label);
    others.map(|(new, old)| (new.label.as_ref(), old.label.as_ref())).collect()
}

/// What the lanes of memory are, in two graphs.
struct Lanes<'a> {
    old: &'a Graph,
    new: &'a Graph,
    /// By place of the new graph, the voices (new, old) of units that go on.
    voices: HashMap<FrameId, (u32, u32)>,
    /// By place, the voices of all units of the old graph, and of the new one.
    banks: [HashMap<FrameId, (u32, u32)>; 2],
}

impl<'a> Lanes<'a> {
    fn of(
        (old, old_units): (&'a Graph, &[Unit]),
        (new, new_units): (&'a Graph, &[Unit]),
        go_on: &[(usize, usize)],
    ) -> Self {
        let pair = |&(i, j): &(usize, usize)| (new_units[i].frame, (new_units[i].voices, old_units[j].voices));
        let banks = |units: &[Unit]| units.iter().map(|u| (u.frame, (u.voices, u.voices))).collect();
        Lanes { old, new, voices: go_on.iter().map(pair).collect(), banks: [banks(old_units), banks(new_units)] }
    }

    /// True if lanes are channels, and not voices, in two places.
    fn are_channels(&self, new: FrameId, old: FrameId) -> bool {
        is_single(self.old, old, &self.banks[0]) && is_single(self.new, new, &self.banks[1])
    }

    /// True for memory of a bank of voices whose number has changed: it keeps the voices that both have.
    fn are_voices(&self, new: FrameId, lanes: u32, theirs: u32) -> bool {
        bank(self.new, new, &self.voices) == Some((lanes, theirs))
    }
}

/// The voices (new, old) of the nearest unit that holds a place.
fn bank(graph: &Graph, frame: FrameId, voices: &HashMap<FrameId, (u32, u32)>) -> Option<(u32, u32)> {
    let mut at = Some(frame);
    while let Some(id) = at {
        if let Some(found) = voices.get(&id) {
            return Some(*found);
        }
        at = graph.frames[id.index()].parent;
    }
    None
}

/// True for a place of which there is one, and not one for each voice.
fn is_single(graph: &Graph, frame: FrameId, banks: &HashMap<FrameId, (u32, u32)>) -> bool {
    bank(graph, frame, banks).is_none_or(|(voices, _)| voices == 1)
}

fn kind_code(kind: UnitKind) -> u8 {
    match kind {
        UnitKind::Poly => 0,
        UnitKind::Mono => 1,
        UnitKind::Hold => 2,
    }
}

fn cell_kind(lanes: u32) -> String {
    if lanes == 1 { "cell".into() } else { format!("cell[{lanes}]") }
}

fn key(graph: &Graph, frame: FrameId, name: &str) -> String {
    let path = graph.path(frame);
    if path.is_empty() { name.to_string() } else { format!("{path}/{name}") }
}

fn unit_key(graph: &Graph, unit: &Unit) -> String {
    if unit.path.is_empty() { graph.path(unit.frame) } else { unit.path.clone() }
}

/// A graph's frames with children in order and the shape of everything below.
struct Tree<'a> {
    frames: &'a [Frame],
    children: Vec<Vec<FrameId>>,
    /// Hash of labels and memory below, without the frame's own label.
    shapes: Vec<u64>,
    /// Whether there is any memory below.
    holds: Vec<bool>,
    /// Hash of the memory of the place itself, if it has any.
    own: Vec<Option<u64>>,
}

impl<'a> Tree<'a> {
    fn new(graph: &'a Graph) -> Tree<'a> {
        let n = graph.frames.len();
        let mut children = vec![Vec::new(); n];
        for (i, frame) in graph.frames.iter().enumerate() {
            if let Some(parent) = frame.parent {
                children[parent.index()].push(FrameId(i as u32));
            }
        }
        let mut hashers: Vec<DefaultHasher> = vec![DefaultHasher::new(); n];
        let mut holds = vec![false; n];
        for cell in &graph.cells {
            ("cell", &cell.name, cell.ty, cell.lanes).hash(&mut hashers[cell.frame.index()]);
            holds[cell.frame.index()] = true;
        }
        for ring in &graph.rings {
            ("ring", &ring.name, ring.lanes, ring.capacity).hash(&mut hashers[ring.frame.index()]);
            holds[ring.frame.index()] = true;
        }
        // By names and types, whatever the order and the lanes.
        let mut own: Vec<Option<u64>> = vec![None; n];
        let cells = graph.cells.iter().map(|c| (c.frame, &c.name, c.ty == Ty::I32, 0));
        let rings = graph.rings.iter().map(|r| (r.frame, &r.name, false, r.capacity));
        for (frame, name, whole, capacity) in cells.chain(rings) {
            let mut hasher = DefaultHasher::new();
            (name, whole, capacity).hash(&mut hasher);
            let sum = own[frame.index()].get_or_insert(0);
            *sum = sum.wrapping_add(hasher.finish());
        }
        // Parents come before their children, so backwards every child is done before its parent.
        let mut shapes = vec![0; n];
        for i in (0..n).rev() {
            let mut hasher = hashers[i].clone();
            for child in &children[i] {
                let frame = &graph.frames[child.index()];
                (&frame.label, frame.named, shapes[child.index()]).hash(&mut hasher);
                holds[i] |= holds[child.index()];
            }
            shapes[i] = hasher.finish();
        }
        Tree { frames: &graph.frames, children, shapes, holds, own }
    }

    fn of(&self, id: FrameId) -> &Frame {
        &self.frames[id.index()]
    }

    /// The calls at and below a place that hold memory themselves, in order.
    fn holders(&self, id: FrameId, into: &mut Vec<FrameId>) {
        if self.own[id.index()].is_some() && !self.of(id).named {
            into.push(id);
        }
        for child in &self.children[id.index()] {
            self.holders(*child, into);
        }
    }

    fn split(&self, id: FrameId) -> (Vec<FrameId>, Vec<FrameId>) {
        self.children[id.index()].iter().partition(|child| self.of(**child).named)
    }
}

struct Matcher<'a> {
    old: &'a Tree<'a>,
    new: &'a Tree<'a>,
    /// Old place of each new one.
    pairs: Vec<Option<FrameId>>,
    /// Old places that have a new one.
    taken: Vec<bool>,
}

impl Matcher<'_> {
    fn run(&mut self) {
        self.descend(FrameId(0), FrameId(0));
        // What is left over anywhere, parents before their children.
        let mut free: BTreeMap<(&str, u64, u64), Vec<FrameId>> = BTreeMap::new();
        let key = |tree: &'_ Tree, id: FrameId| (tree.of(id).hint, tree.shapes[id.index()]);
        let (old, new) = (self.old, self.new);
        let call = |tree: &Tree, i: usize| tree.holds[i] && !tree.frames[i].named;
        for i in (0..old.frames.len()).rev().filter(|i| call(old, *i) && !self.taken[*i]) {
            let (hint, shape) = key(old, FrameId(i as u32));
            free.entry((&*old.frames[i].label, hint, shape)).or_default().push(FrameId(i as u32));
        }
        for i in (0..new.frames.len()).filter(|i| call(new, *i)) {
            let (hint, shape) = key(new, FrameId(i as u32));
            if self.pairs[i].is_none()
                && let Some(list) = free.get_mut(&(&*new.frames[i].label, hint, shape))
                && let Some(at) = list.iter().rposition(|id| !self.taken[id.index()])
            {
                let from = list.remove(at);
                self.descend(from, FrameId(i as u32));
            }
        }
    }

    /// Matches two places and all below them.
    fn descend(&mut self, old: FrameId, new: FrameId) {
        let mut open = vec![(old, new)];
        while let Some((old, new)) = open.pop() {
            self.pairs[new.index()] = Some(old);
            self.taken[old.index()] = true;
            let (old_named, old_calls) = self.old.split(old);
            let (new_named, new_calls) = self.new.split(new);
            open.extend(self.by_name(&old_named, &new_named));
            open.extend(self.by_order(&old_calls, &new_calls));
        }
    }

    fn by_name(&self, old: &[FrameId], new: &[FrameId]) -> Vec<(FrameId, FrameId)> {
        let mut pairs = Vec::new();
        let mut left: Vec<Option<FrameId>> = old.iter().copied().map(Some).collect();
        let mut index: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, id) in old.iter().enumerate().rev() {
            index.entry(&*self.old.of(*id).label).or_default().push(i);
        }
        let mut unmatched = Vec::new();
        for &id in new {
            match index.get_mut(&*self.new.of(id).label).and_then(Vec::pop) {
                Some(i) => {
                    pairs.extend(left[i].take().map(|o| (o, id)));
                }
                None => unmatched.push(id),
            }
        }
        // A rename: the same body under another name.
        for id in unmatched {
            let same = |slot: &Option<FrameId>| {
                slot.is_some_and(|o| {
                    self.old.shapes[o.index()] == self.new.shapes[id.index()] && self.old.holds[o.index()]
                })
            };
            let equal = |slot: &Option<FrameId>| {
                same(slot) && slot.is_some_and(|o| self.old.of(o).hint == self.new.of(id).hint)
            };
            if let Some(i) = left.iter().position(equal).or_else(|| left.iter().position(same)) {
                pairs.extend(left[i].take().map(|o| (o, id)));
            }
        }
        pairs
    }

    /// How well two calls fit: 0 not at all; more for equal arguments, more for equal shapes.
    fn weight(&self, old: FrameId, new: FrameId) -> u64 {
        let (o, n) = (self.old.of(old), self.new.of(new));
        if o.label != n.label {
            return 0;
        }
        let shape = u64::from(self.old.shapes[old.index()] == self.new.shapes[new.index()]);
        (1 << 42) + (u64::from(o.hint == n.hint) << 21) + shape
    }

    fn by_order(&self, old: &[FrameId], new: &[FrameId]) -> Vec<(FrameId, FrameId)> {
        const BEST: u64 = (1 << 42) + (1 << 21) + 1;
        let mut pairs = Vec::new();
        // A perfect fit at either end belongs to some best alignment.
        let (mut begin, mut old_end, mut new_end) = (0, old.len(), new.len());
        while begin < old_end.min(new_end) && self.weight(old[begin], new[begin]) == BEST {
            pairs.push((old[begin], new[begin]));
            begin += 1;
        }
        while old_end > begin && new_end > begin && self.weight(old[old_end - 1], new[new_end - 1]) == BEST {
            old_end -= 1;
            new_end -= 1;
            pairs.push((old[old_end], new[new_end]));
        }
        let (old, new) = (&old[begin..old_end], &new[begin..new_end]);
        let mut used = (vec![false; old.len()], vec![false; new.len()]);
        if old.len() * new.len() <= LCS_LIMIT {
            self.align(old, new, &mut used, &mut pairs);
        }
        let aligned = used.clone();
        // What changed places: same label and arguments.
        let mut index: HashMap<(&str, u64), Vec<usize>> = HashMap::new();
        for (i, id) in old.iter().enumerate().rev().filter(|(i, _)| !used.0[*i]) {
            let frame = self.old.of(*id);
            index.entry((&*frame.label, frame.hint)).or_default().push(i);
        }
        for (j, id) in new.iter().enumerate() {
            let frame = self.new.of(*id);
            if !used.1[j]
                && let Some(i) = index.get_mut(&(&*frame.label, frame.hint)).and_then(Vec::pop)
            {
                pairs.push((old[i], *id));
                (used.0[i], used.1[j]) = (true, true);
            }
        }
        self.exchanged((old, new), &aligned, &used, &mut pairs);
        pairs
    }

    /// Stages in the place of others, which is between the same neighbours: what holds memory in them, by its label and memory.
    fn exchanged(
        &self,
        (old, new): (&[FrameId], &[FrameId]),
        aligned: &(Vec<bool>, Vec<bool>),
        used: &(Vec<bool>, Vec<bool>),
        pairs: &mut Vec<(FrameId, FrameId)>,
    ) {
        // A gap is known by how many neighbours lie before it.
        let gaps = |aligned: &[bool]| -> Vec<usize> {
            let before = |count: &mut usize, here: &bool| {
                *count += usize::from(*here);
                Some(*count)
            };
            aligned.iter().scan(0, before).collect()
        };
        let mut free: BTreeMap<(usize, &str, Option<u64>), Vec<FrameId>> = BTreeMap::new();
        let mut found = Vec::new();
        for ((id, gap), _) in old.iter().zip(gaps(&aligned.0)).zip(&used.0).rev().filter(|(_, used)| !**used) {
            self.old.holders(*id, &mut found);
            for holder in found.drain(..).rev() {
                let key = (gap, &*self.old.of(holder).label, self.old.own[holder.index()]);
                free.entry(key).or_default().push(holder);
            }
        }
        for ((id, gap), _) in new.iter().zip(gaps(&aligned.1)).zip(&used.1).filter(|(_, used)| !**used) {
            self.new.holders(*id, &mut found);
            for holder in found.drain(..) {
                let key = (gap, &*self.new.of(holder).label, self.new.own[holder.index()]);
                pairs.extend(free.get_mut(&key).and_then(Vec::pop).map(|from| (from, holder)));
            }
        }
    }

    /// The heaviest common subsequence.
    fn align(
        &self,
        old: &[FrameId],
        new: &[FrameId],
        used: &mut (Vec<bool>, Vec<bool>),
        pairs: &mut Vec<(FrameId, FrameId)>,
    ) {
        let width = new.len() + 1;
        // best[i][j]: the best weight of old[i..] and new[j..].
        let mut best = vec![0u64; (old.len() + 1) * width];
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                let weight = self.weight(old[i], new[j]);
                let together = if weight > 0 { weight + best[(i + 1) * width + j + 1] } else { 0 };
                best[i * width + j] = together.max(best[(i + 1) * width + j]).max(best[i * width + j + 1]);
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < old.len() && j < new.len() {
            let weight = self.weight(old[i], new[j]);
            let here = best[i * width + j];
            if weight > 0 && here == weight + best[(i + 1) * width + j + 1] {
                pairs.push((old[i], new[j]));
                used.0[i] = true;
                used.1[j] = true;
                i += 1;
                j += 1;
            } else if here == best[(i + 1) * width + j] {
                i += 1;
            } else {
                j += 1;
            }
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
