//! Bindings that are evaluated when asked for, and what happens when they ask for themselves.
//!
//! Feedback, `y = y' + a * (x - y')`: evaluating `y` meets `y'` while `y` is running, so a cell is made with the shape that is
//! guessed for `y` (one lane). When the value is known and is wider than the guess, everything made since is thrown away and
//! the binding is evaluated again with the right guess. The guesses are remembered by place, so nested loops settle at once.
//!
//! A function of the library that is called with arguments of the same shapes comes to the same guesses, wherever that is. So these
//! are kept, between texts as well, and its loops are evaluated once.

use crate::front::elab::Elab;
use crate::front::scope::*;
use crate::front::value::*;
use crate::graph::*;
use modurust_lang::ast::{Arg, Def, Expr, ExprKind};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;
use std::sync::Arc;

/// Calls nested deeper than this are taken for a function that calls itself.
const MAX_DEPTH: u32 = 96;

/// The arguments of `prim.ring(x, longest)`, if an expression is just that.
fn ring_of(body: &Expr) -> Option<&[Arg]> {
    let ExprKind::Call { callee, args } = &body.kind else { return None };
    let ExprKind::Field { base, name } = &callee.kind else { return None };
    let prim = matches!(&base.kind, ExprKind::Name(base) if base == "prim");
    (prim && name.name == "ring" && args.len() == 2 && args.iter().all(|a| a.name.is_none())).then_some(args)
}

/// What must be forgotten when a binding is evaluated again.
struct Mark {
    nodes: usize,
    cells: usize,
    rings: usize,
    rows: usize,
    frames: usize,
    units: usize,
    diagnostics: usize,
    journal: usize,
    sets: usize,
    sends: usize,
    led: usize,
    feeds: usize,
    outs: usize,
    said: usize,
    counted: usize,
}

impl<'a> Elab<'a> {
    /// The value of a definition, evaluated now if it was not.
    pub(super) fn force(&mut self, id: LazyId, span: Span) -> Value<'a> {
        self.parts.uses(id);
        let lazy = &self.lazies[id.0 as usize];
        match &lazy.state {
            State::Done(value) => value.clone(),
            State::Running => {
                self.parts.tangle(id);
                self.stand_in(id, span)
            }
            State::Waiting if lazy.def.params.is_some() => {
                let def = lazy.def;
                let params = Params::Full(def.params.as_deref().unwrap_or(&[]));
                let (scope, origin) = (lazy.scope, lazy.origin);
                Value::Fn(Arc::new(Closure { name: &def.name.name, params, body: &def.body, scope, origin }))
            }
            State::Waiting if self.parts.is_top(id) => self.top(id),
            State::Waiting => self.run(id),
        }
    }

    fn stand_in(&mut self, id: LazyId, span: Span) -> Value<'a> {
        if self.depth > MAX_DEPTH {
            self.error("cycle", span, "this goes round without end");
            return Value::Broken;
        }
        let lazy = &self.lazies[id.0 as usize];
        let shape = lazy.guess;
        let node = match lazy.stand_in {
            Some(node) => node,
            None => {
                let node = self.graph.push(Node::Join(Vec::new()));
                let (name, place) = (Arc::from(&*lazy.def.name.name), Some((lazy.origin, lazy.def.name.span)));
                self.say(node, &name, place);
                self.lazies[id.0 as usize].stand_in = Some(node);
                node
            }
        };
        Value::Sig(Sig { node, shape, dim: Dim::None })
    }

    /// `line = prim.ring(x, longest)`: the ring is known before its input, which may read it, so that rings may feed each other
    /// in any order.
    fn run_ring(&mut self, id: LazyId, args: &'a [Arg]) -> Value<'a> {
        let Lazy { def, origin, scope, frame, .. } = self.lazies[id.0 as usize];
        let saved = (self.at, self.frame, self.call);
        self.call = self.lazies[id.0 as usize].call;
        let memo = (self.graph_frame_key(frame), std::ptr::from_ref(def));
        let mut guess = self.guess(&memo, id);
        let mut value = Value::Broken;
        for _ in 0..6 {
            let mark = self.mark();
            self.at = origin;
            self.frame = self.graph.frame(frame, &def.name.name, true, 0);
            let here = self.frame;
            let longest = self.eval(scope, &args[1].value);
            let ring = self.open_ring(guess, &longest);
            value = Value::Ring(ring, guess);
            self.lazies[id.0 as usize].state = State::Done(value.clone());
            let input = self.eval(scope, &args[0].value);
            let Some(sig) = self.signal(input, args[0].value.span) else {
                value = Value::Broken;
                break;
            };
            self.frame = here;
            let lanes = self.graph.rings[ring.index()].lanes;
            let mut shape = sig.shape.join(guess);
            if lanes > shape.lanes(self.voices()) {
                let channels = if shape.banked { lanes / self.voices() } else { lanes };
                shape = Shape { channels, ..shape };
            }
            if shape != guess {
                guess = shape;
                self.guesses.insert(memo, guess);
                self.rollback(mark);
                continue;
            }
            self.graph.rings[ring.index()].input = Some(self.spread(sig, shape));
            self.guessed(id, shape);
            break;
        }
        (self.at, self.frame, self.call) = saved;
        self.lazies[id.0 as usize].state = State::Done(value.clone());
        self.journal.push(id);
        value
    }

    pub(super) fn run(&mut self, id: LazyId) -> Value<'a> {
        let Lazy { def, origin, scope, frame, .. } = self.lazies[id.0 as usize];
        if let Some(args) = ring_of(&def.body) {
            return self.run_ring(id, args);
        }
        let saved = (self.at, self.frame, self.binding.clone(), self.call);
        self.call = self.lazies[id.0 as usize].call;
        let memo = (self.graph_frame_key(frame), std::ptr::from_ref(def));
        let mut guess = self.guess(&memo, id);
        let mut value = Value::Broken;
        for _ in 0..6 {
            let mark = self.mark();
            {
                let lazy = &mut self.lazies[id.0 as usize];
                (lazy.state, lazy.guess, lazy.stand_in, lazy.cell) = (State::Running, guess, None, None);
            }
            self.at = origin;
            self.frame = self.graph.frame(frame, &def.name.name, true, 0);
            if frame == FrameId(0) && !origin.library {
                self.binding = def.name.name.clone();
            }
            value = self.eval(scope, &def.body);
            let (stand_in, cell) = {
                let lazy = &self.lazies[id.0 as usize];
                (lazy.stand_in, lazy.cell)
            };
            if stand_in.is_none() && cell.is_none() {
                break;
            }
            let Some(sig) = self.signal(value.clone(), def.body.span) else {
                value = Value::Broken;
                self.tie_off(stand_in, cell, guess);
                break;
            };
            let shape = sig.shape.join(guess);
            if shape != guess {
                guess = shape;
                self.guesses.insert(memo, guess);
                self.rollback(mark);
                continue;
            }
            let node = self.spread(sig, shape);
            if let Some(stand_in) = stand_in {
                self.said.push(stand_in);
                self.aliases.insert(stand_in, node);
            }
            if let Some(cell) = cell {
                // A phase is found to be one only now.
                self.graph.cells[cell.index()].ty = self.ty(node);
                self.graph.cells[cell.index()].next = Some(node);
            }
            self.guessed(id, shape);
            value = Value::Sig(Sig { node, shape, dim: sig.dim });
            break;
        }
        if let Value::Num(num) = value
            && let Some(name) = self.control_name(frame, &def.name.name)
        {
            value = Value::Num(self.control(num, name));
        }
        (self.at, self.frame, self.binding, self.call) = saved;
        if let Value::Sig(sig) = &value {
            self.say(sig.node, &Arc::from(&*def.name.name), Some((origin, def.name.span)));
        }
        self.lazies[id.0 as usize].state = State::Done(value.clone());
        self.journal.push(id);
        value
    }

    /// The first guess at the shape of a binding.
    fn guess(&self, memo: &(FrameId, *const Def), id: LazyId) -> Shape {
        let Lazy { def, call, .. } = &self.lazies[id.0 as usize];
        let known = call.and_then(|call| self.shapes.get(&(call, std::ptr::from_ref(*def).addr())));
        known.or_else(|| self.guesses.get(memo)).copied().unwrap_or(Shape::MONO)
    }

    /// What it was.
    fn guessed(&mut self, id: LazyId, shape: Shape) {
        let Lazy { def, call, .. } = &self.lazies[id.0 as usize];
        if let Some(call) = call {
            self.shapes.insert((*call, std::ptr::from_ref(*def).addr()), shape);
        }
    }

    /// Guesses are remembered by place: frames get the same ids again after a rollback.
    fn graph_frame_key(&self, frame: FrameId) -> FrameId {
        FrameId(frame.0.wrapping_mul(0x1_0001) ^ self.graph.frames.len() as u32)
    }

    /// Closes the loop of a broken binding with silence.
    fn tie_off(&mut self, stand_in: Option<NodeId>, cell: Option<CellId>, guess: Shape) {
        let lanes = guess.lanes(self.voices()) as usize;
        let silence = Node::Const(Ty::F32, vec![0; lanes]);
        if let Some(node) = stand_in {
            self.graph.nodes[node.index()] = silence.clone();
        }
        if let Some(cell) = cell {
            let node = self.graph.push(silence);
            self.graph.cells[cell.index()].next = Some(node);
        }
    }

    /// `x'`: the value one sample ago.
    pub(super) fn eval_prime(&mut self, scope: ScopeId, x: &'a Expr, span: Span) -> Value<'a> {
        if let ExprKind::Name(name) = &x.kind
            && let Some(Binding::Lazy(id)) = self.scopes.find(scope, name)
            && self.lazies[id.0 as usize].def.params.is_none()
        {
            self.parts.uses(id);
            match self.lazies[id.0 as usize].state {
                State::Waiting => {
                    self.force(id, x.span);
                }
                State::Running => self.parts.tangle(id),
                State::Done(_) => {}
            }
            let lazy = &self.lazies[id.0 as usize];
            let (frame, shape, value) = match &lazy.state {
                State::Running => (lazy.frame, lazy.guess, None),
                State::Done(value) => (lazy.frame, lazy.guess, Some(value.clone())),
                State::Waiting => return Value::Broken,
            };
            // Parts have no memory in common: each that asks for a value of another has a cell of its own.
            let own = self.parts.is_own(id);
            if let Some(cell) = lazy.cell.filter(|_| own) {
                let node = self.graph.push(Node::Read(cell));
                return Value::Sig(match value {
                    Some(Value::Sig(sig)) => Sig { node, ..sig },
                    _ => Sig { node, shape, dim: Dim::None },
                });
            }
            return match value {
                Some(value) => {
                    let now = self.delay_one(value, if own { frame } else { self.frame }, name, span);
                    if own
                        && let Value::Sig(Sig { node, .. }) = now
                        && let Node::Read(cell) = *self.graph.node(node)
                    {
                        self.lazies[id.0 as usize].cell = Some(cell);
                    }
                    now
                }
                None => {
                    let lanes = shape.lanes(self.voices());
                    let cell = self.graph.cell(frame, name, Ty::F32, lanes, 0);
                    self.lazies[id.0 as usize].cell = Some(cell);
                    let node = self.graph.push(Node::Read(cell));
                    Value::Sig(Sig { node, shape, dim: Dim::None })
                }
            };
        }
        let value = self.eval(scope, x);
        let name = if let ExprKind::Name(name) = &x.kind { name.as_str() } else { "z" };
        self.delay_one(value, self.frame, name, span)
    }

    fn delay_one(&mut self, value: Value<'a>, frame: FrameId, name: &str, span: Span) -> Value<'a> {
        let Some(sig) = self.signal(value, span) else { return Value::Broken };
        let ty = self.ty(sig.node);
        let cell = self.graph.cell(frame, name, ty, sig.shape.lanes(self.voices()), 0);
        self.graph.cells[cell.index()].next = Some(sig.node);
        let node = self.graph.push(Node::Read(cell));
        Value::Sig(Sig { node, ..sig })
    }

    fn mark(&self) -> Mark {
        let g = &self.graph;
        Mark {
            nodes: g.nodes.len(),
            cells: g.cells.len(),
            rings: g.rings.len(),
            rows: g.rows.len(),
            frames: g.frames.len(),
            units: self.units.len(),
            diagnostics: self.diagnostics.len(),
            journal: self.journal.len(),
            sets: self.sets.len(),
            sends: self.sends.len(),
            led: self.led.len(),
            feeds: self.feeds.len(),
            outs: g.outs.len(),
            said: self.said.len(),
            counted: self.counted.len(),
        }
    }

    /// Forgets what was made since a mark. Patterns and parameters stay: an unused one costs nothing.
    fn rollback(&mut self, mark: Mark) {
        self.graph.nodes.truncate(mark.nodes);
        self.graph.cells.truncate(mark.cells);
        self.graph.rings.truncate(mark.rings);
        Arc::make_mut(&mut self.graph.rows).truncate(mark.rows);
        Arc::make_mut(&mut self.graph.frames).truncate(mark.frames);
        self.units.truncate(mark.units);
        self.sets.truncate(mark.sets);
        self.sends.truncate(mark.sends);
        self.led.truncate(mark.led);
        self.feeds.truncate(mark.feeds);
        // Their parameters stay.
        self.gains.clear();
        self.graph.outs.truncate(mark.outs);
        self.diagnostics.truncate(mark.diagnostics);
        for id in self.journal.split_off(mark.journal) {
            let lazy = &mut self.lazies[id.0 as usize];
            (lazy.state, lazy.stand_in, lazy.cell) = (State::Waiting, None, None);
            let key = lazy.origin.offset;
            self.parts.forget(id, key);
        }
        // Bindings that are still running, or were done before, may have met a stand-in or a cell that is gone now.
        for lazy in &mut self.lazies {
            lazy.stand_in = lazy.stand_in.filter(|n| n.index() < mark.nodes);
            lazy.cell = lazy.cell.filter(|c| c.index() < mark.cells);
        }
        let ends = self.ends();
        for (call, asked) in self.parts.cut(ends) {
            self.not_noted(call.noted.statement, call.noted.asked.0, asked);
        }
        let nodes = mark.nodes as u32;
        self.bodies.retain(|body| body.end <= nodes);
        // Only what was said since; of texts before there is much more.
        for at in (mark.said..self.said.len()).rev() {
            let node = self.said[at];
            if node.0 >= nodes {
                self.named.remove(&node);
                self.aliases.remove(&node);
                self.said.swap_remove(at);
            }
        }
        self.seeds.retain(|(node, _)| node.0 < nodes);
        if let Some(noting) = &mut self.noting {
            noting.named.retain(|(node, ..)| node.0 < nodes);
            noting.seeds.retain(|(node, _)| node.0 < nodes);
        }
        for key in self.counted.drain(mark.counted..) {
            if let Some(count) = self.occurrences.get_mut(&key) {
                *count -= 1;
            }
        }
    }
}
