//! Calls of the library that come again.
//!
//! A function of the library is inlined wherever it is called, and what it makes hangs on its arguments alone: on the numbers among them,
//! on lanes and units of the signals, not on where these come from. So what a call made is noted, with holes for the signals, and the
//! next call of the same kind is a copy of it: in another track, or in the next text, where one number of a track is another and all its
//! other calls are what they were.
//!
//! ```text
//! lpf(%7, 800hz)      %8 = param 3 ; %9 = mul %8 %.. ; %10 = read c4 ; ..     noted, with a hole for %7
//! lpf(%52, 800hz)     the same behind %52, with cells and places of its own
//! ```
//!
//! Noise starts from where it stands in the tree of names, so its seeds are worked out for every copy. A call that does more than to make
//! values, such as one that plays a sample, sends, or warns, is elaborated each time, and so is one that is given functions or patterns.

use crate::front::elab::Elab;
use crate::front::scope::*;
use crate::front::value::*;
use crate::graph::*;
use modurust_lang::ast::Expr;
use modurust_lang::source::Span;
use rustc_hash::FxHashMap as HashMap;
use smallvec::SmallVec;
use std::cell::Cell as Flag;
use std::sync::Arc;

/// Functions may call each other so deep.
pub(super) const DEEPEST: u32 = 90;
/// So many kinds of calls are noted before all of them are forgotten: several times what the largest sets have.
const KINDS: usize = 1 << 14;
/// The numbers of holes begin here.
pub(super) const HOLE: u32 = 1 << 31;
/// Those of values of others, here.
pub(super) const OTHER: u32 = 1 << 30;

/// What a call is like: the function, the voices around it, and its arguments. Two calls of one kind make the same.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct CallKind(SmallVec<[u64; 24]>);

/// A name and its place, of a value.
pub(super) type Said = (NodeId, Arc<str>, Option<(Origin, Span)>);

/// What a call made. Values are numbered from its first one, holes from [`HOLE`], and values of others from [`OTHER`].
pub(super) struct Made {
    pub nodes: Vec<Node>,
    pub cells: Vec<Cell>,
    pub rings: Vec<Ring>,
    /// Places by their place below the one that it stands in, which is 0.
    pub frames: Vec<Frame>,
    /// Constants that chance starts from, with their place.
    pub seeds: Vec<(NodeId, FrameId)>,
    pub named: Vec<Said>,
    pub aliases: Vec<(NodeId, NodeId)>,
    pub value: Value<'static>,
    depth: u32,
}

/// All that were noted, by kind; nothing for those that cannot be.
#[derive(Default)]
pub(super) struct Recalled(HashMap<CallKind, Option<Arc<Made>>>);

/// A call that is being noted.
#[derive(Default)]
pub(super) struct Noting {
    pub seeds: Vec<(NodeId, FrameId)>,
    pub named: Vec<Said>,
    /// The deepest call in it.
    pub deepest: u32,
    /// Something was done that a copy cannot do.
    pub unfit: Flag<bool>,
}

/// What a call may not touch: so many there were before it.
#[derive(PartialEq)]
pub(super) struct Outside([usize; 16]);

/// Whether a call may refer to values that are neither its own nor its arguments.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Foreign {
    Allowed,
    Unfit,
}

impl CallKind {
    /// An argument that is not given.
    pub fn add_nothing(&mut self) -> bool {
        self.0.push(6);
        true
    }
}

impl<'a> Elab<'a> {
    /// The kind of a call of a function, as far as that and the voices around it go.
    pub(super) fn kind_of_call(&self, function: u64) -> CallKind {
        let mut kind = CallKind::default();
        kind.0.push(function);
        kind.0.push(u64::from(self.bank.unwrap_or(0)));
        kind
    }

    /// An argument more; its signals are added to the holes. False for what no two calls have in common.
    pub(super) fn add_to_kind(&self, kind: &mut CallKind, holes: &mut Vec<NodeId>, value: &Value<'a>) -> bool {
        let words = &mut kind.0;
        match value {
            Value::Num(num) => {
                words.extend([1 | (num.dim as u64) << 8, num.value.to_bits(), num.key]);
                if let Some(node) = num.live {
                    self.add_hole(kind, holes, node);
                }
            }
            Value::Sig(Sig { node, shape, dim }) => {
                let lanes = u64::from(shape.channels) << 1 | u64::from(shape.banked);
                words.extend([2 | (*dim as u64) << 8, lanes]);
                self.add_hole(kind, holes, *node);
            }
            Value::Text(text) => words.extend([3, text.len() as u64, hash_text(text)]),
            Value::Array(items) => {
                words.extend([4, items.len() as u64]);
                return items.iter().all(|item| self.add_to_kind(kind, holes, item));
            }
            Value::Range(low, high) => {
                words.push(5);
                return [low, high].iter().all(|num| self.add_to_kind(kind, holes, &Value::Num(**num)));
            }
            _ => return false,
        }
        true
    }

    fn add_hole(&self, kind: &mut CallKind, holes: &mut Vec<NodeId>, node: NodeId) {
        // Which of them are one.
        kind.0.push(holes.iter().position(|known| *known == node).unwrap_or(holes.len()) as u64);
        holes.push(node);
        self.outline(kind, node);
    }

    /// What may be asked of a signal at compile time: constants fold, and a bound is sought behind those that rearrange lanes.
    fn outline(&self, CallKind(words): &mut CallKind, node: NodeId) {
        match self.graph.node(node) {
            Node::Const(ty, bits) => {
                words.extend([1 | (*ty as u64) << 8, bits.len() as u64]);
                words.extend(bits.iter().map(|word| u64::from(*word)));
            }
            Node::Param(param) => words.extend([2, u64::from(param.0)]),
            Node::Join(parts) if !parts.is_empty() => {
                words.extend([3, parts.len() as u64]);
                let parts: SmallVec<[NodeId; 8]> = parts.iter().copied().collect();
                parts.iter().for_each(|part| self.outline_of(words, *part));
            }
            Node::Shuffle(x, _) => {
                words.push(4);
                self.outline_of(words, *x);
            }
            _ => words.push(5 | (self.ty(node) as u64) << 8),
        }
    }

    fn outline_of(&self, words: &mut SmallVec<[u64; 24]>, node: NodeId) {
        let mut kind = CallKind(std::mem::take(words));
        self.outline(&mut kind, node);
        *words = kind.0;
    }

    /// The value of a function's body: a copy of what an earlier call of that kind made, or elaborated, and noted for the next.
    pub(super) fn recalled(&mut self, kind: CallKind, holes: &[NodeId], scope: ScopeId, body: &'a Expr) -> Value<'a> {
        match self.recalled.0.get(&kind) {
            Some(None) => return self.eval(scope, body),
            Some(Some(made)) if self.depth + made.depth <= DEEPEST && self.has_room(made.nodes.len()) => {
                let made = Arc::clone(made);
                return self.copied(&made, holes);
            }
            Some(Some(_)) => return self.eval(scope, body),
            None => {}
        }
        let (ends, outside, logged) = (self.ends(), self.outside_of_call(), self.scopes.logged());
        let asked = self.asked.take();
        self.noting = Some(Noting { deepest: self.depth, ..Noting::default() });
        let value = self.eval(scope, body);
        let noting = self.noting.take().unwrap_or_default();
        let fit = !noting.unfit.get() && self.asked.take() == 0;
        let made = match fit && logged == self.scopes.logged() && outside == self.outside_of_call() {
            true => self.made_since(ends, holes, noting, &value, Foreign::Unfit),
            false => None,
        };
        self.asked.add(asked);
        // Texts with ever other numbers would fill any memory; what is used is soon noted again.
        if self.recalled.0.len() >= KINDS {
            self.recalled.0.clear();
        }
        self.recalled.0.insert(kind, made.map(Arc::new));
        value
    }

    pub(super) fn outside_of_call(&self) -> Outside {
        Outside([
            self.units.len(),
            self.graph.rows.len(),
            self.graph.samples.len(),
            self.graph.outs.len(),
            self.sets.len(),
            self.sends.len(),
            self.led.len(),
            self.feeds.len(),
            self.gains.len(),
            self.controls.len(),
            self.diagnostics.len(),
            self.later.len(),
            self.bodies.len(),
            self.patterns.len() + self.score.score().pattern_count(),
            self.counted.len(),
            self.parts.heard(),
        ])
    }

    /// What a call made since these ends, if all of it can be copied.
    pub(super) fn made_since(
        &self,
        from: crate::front::parts::Ends,
        holes: &[NodeId],
        noting: Noting,
        value: &Value<'a>,
        foreign: Foreign,
    ) -> Option<Made> {
        let (graph, own) = (&self.graph, self.frame);
        let node = |id: NodeId| match id.0.checked_sub(from.nodes) {
            Some(at) => Some(NodeId(at)),
            None => match holes.iter().position(|hole| *hole == id) {
                Some(hole) => Some(NodeId(HOLE + hole as u32)),
                None => (foreign == Foreign::Allowed).then_some(NodeId(OTHER + id.0)),
            },
        };
        let cell = |id: CellId| id.0.checked_sub(from.cells).map(CellId);
        let ring = |id: RingId| id.0.checked_sub(from.rings).map(RingId);
        let frame = |id: FrameId| match id.0.checked_sub(from.frames) {
            Some(at) => Some(FrameId(at + 1)),
            None => (id == own).then_some(FrameId(0)),
        };
        let copy = |old: &Node| {
            Some(match old {
                Node::Const(..) | Node::Param(_) | Node::Frame => old.clone(),
                Node::Op(op, args) => Node::Op(*op, args.iter().map(|x| node(*x)).collect::<Option<Args>>()?),
                Node::Read(c) => Node::Read(cell(*c)?),
                Node::Tap(r, x) => Node::Tap(ring(*r)?, node(*x)?),
                Node::Shuffle(x, map) => Node::Shuffle(node(*x)?, map.clone()),
                Node::Reduce(x, lanes) => Node::Reduce(node(*x)?, *lanes),
                Node::Join(parts) => Node::Join(parts.iter().map(|x| node(*x)).collect::<Option<_>>()?),
                Node::Line(x) => Node::Line(node(*x)?),
                Node::Row(_) | Node::Input(_) | Node::Peek(..) => return None,
            })
        };
        let copy_cell =
            |old: &Cell| Some(Cell { frame: frame(old.frame)?, next: Some(node(old.next?)?), ..old.clone() });
        let copy_ring = |old: &Ring| match old.kernel {
            None => Some(Ring { frame: frame(old.frame)?, input: Some(node(old.input?)?), ..old.clone() }),
            Some(_) => None,
        };
        let copy_frame = |old: &Frame| Some(Frame { parent: Some(frame(old.parent?)?), ..old.clone() });
        let new = from.nodes as usize..graph.nodes.len();
        let alias = |id: usize| {
            let old = NodeId(id as u32);
            self.aliases.get(&old).map(|behind| Some((node(old)?, node(*behind)?)))
        };
        let hollow = new.clone().filter(|id| super::stand_ins::is_hollow(&graph.nodes[*id]));
        Some(Made {
            nodes: graph.nodes[new].iter().map(copy).collect::<Option<_>>()?,
            cells: graph.cells[from.cells as usize..].iter().map(copy_cell).collect::<Option<_>>()?,
            rings: graph.rings[from.rings as usize..].iter().map(copy_ring).collect::<Option<_>>()?,
            frames: graph.frames[from.frames as usize..].iter().map(copy_frame).collect::<Option<_>>()?,
            seeds: noting.seeds.iter().map(|(id, place)| Some((node(*id)?, frame(*place)?))).collect::<Option<_>>()?,
            named: noting.named.into_iter().map(|(id, name, at)| Some((node(id)?, name, at))).collect::<Option<_>>()?,
            aliases: hollow.filter_map(alias).collect::<Option<_>>()?,
            value: value.renumbered(&node, &ring)?,
            depth: noting.deepest - self.depth,
        })
    }

    /// What a call made, once more, for the place and the arguments of this one.
    fn copied(&mut self, made: &Made, holes: &[NodeId]) -> Value<'a> {
        let (from, own) = (self.ends(), self.frame);
        let node = |id: NodeId| if id.0 < HOLE { NodeId(from.nodes + id.0) } else { holes[(id.0 - HOLE) as usize] };
        let frame = |id: FrameId| if id.0 == 0 { own } else { FrameId(from.frames + id.0 - 1) };
        let graph = &mut self.graph;
        graph.nodes.extend(made.nodes.iter().map(|old| {
            let mut new = old.clone();
            crate::passes::cross::operands_mut(&mut new).iter_mut().for_each(|x| *x = node(*x));
            match &mut new {
                Node::Read(c) => c.0 += from.cells,
                Node::Tap(r, _) => r.0 += from.rings,
                _ => {}
            }
            new
        }));
        let cell = |old: &Cell| Cell { frame: frame(old.frame), next: old.next.map(node), ..old.clone() };
        graph.cells.extend(made.cells.iter().map(cell));
        let ring = |old: &Ring| Ring { frame: frame(old.frame), input: old.input.map(node), ..old.clone() };
        graph.rings.extend(made.rings.iter().map(ring));
        let place = |old: &Frame| Frame { parent: old.parent.map(frame), ..old.clone() };
        Arc::make_mut(&mut graph.frames).extend(made.frames.iter().map(place));
        for (id, place) in &made.seeds {
            let place = self.place_hash(frame(*place));
            self.graph.nodes[node(*id).index()] = Node::Const(Ty::I32, self.seeds_of(place, self.voices()));
            self.seeds.push((node(*id), place));
        }
        for (id, name, at) in &made.named {
            self.say(node(*id), name, *at);
        }
        for (stand_in, behind) in &made.aliases {
            self.said.push(node(*stand_in));
            self.aliases.insert(node(*stand_in), node(*behind));
        }
        let ring = |id: RingId| Some(RingId(from.rings + id.0));
        made.value.renumbered(&|id| Some(node(id)), &ring).unwrap_or(Value::Broken)
    }

    /// Notes what a value is called, for whoever prints a loop.
    pub(super) fn say(&mut self, node: NodeId, name: &Arc<str>, at: Option<(Origin, Span)>) {
        self.said.push(node);
        self.named.entry(node).or_insert_with(|| (Arc::clone(name), at));
        if let Some(noting) = &mut self.noting {
            noting.named.push((node, Arc::clone(name), at));
        }
    }
}

impl Value<'_> {
    /// The same with other numbers for its values and delay lines, if it holds nothing of the trees.
    pub(super) fn renumbered(
        &self,
        node: &impl Fn(NodeId) -> Option<NodeId>,
        ring: &impl Fn(RingId) -> Option<RingId>,
    ) -> Option<Value<'static>> {
        let num = |num: &Num| {
            let live = match num.live {
                Some(live) => Some(node(live)?),
                None => None,
            };
            Some(Num { live, ..*num })
        };
        Some(match self {
            Value::Num(old) => Value::Num(num(old)?),
            Value::Sig(sig) => Value::Sig(Sig { node: node(sig.node)?, ..*sig }),
            Value::Array(items) => {
                let items: Option<Vec<_>> = items.iter().map(|item| item.renumbered(node, ring)).collect();
                Value::Array(Arc::new(items?))
            }
            Value::Ring(id, shape) => Value::Ring(ring(*id)?, *shape),
            Value::Range(low, high) => Value::Range(num(low)?, num(high)?),
            Value::Line { from, to, over, curve } => {
                Value::Line { from: num(from)?, to: num(to)?, over: *over, curve: *curve }
            }
            Value::Spec(spec) => Value::Spec(Spec { ring: ring(spec.ring)?, ..*spec }),
            other => other.plain()?,
        })
    }
}
