//! Calls of the text's own functions, and what becomes of them when these are edited.
//!
//! A function is inlined wherever it is called, so an edit of one reaches all its callers. But what a call makes hangs on the function, on
//! what this asks for, and on the arguments; it does not hang on the caller. So a part notes its calls, each with what came of it, with holes
//! for the arguments. In a later text one call of each kind is made again, to see what comes of it now. If that differs in numbers at most,
//! all parts with such calls get the numbers, and are not elaborated again:
//!
//! ```text
//! push(x) = x >> drive(6db)          track a = riff >> mono(v) >> push      %40 = param 7 ; ..
//! push(x) = x >> drive(7db)          push(%36) is made once more            %40 = param 9 ; .. in a, b, c
//! ```
//!
//! The same goes for a setting, a value or another function that a function asks for, and for a name that it asks for under another
//! name now. What was made for the comparison is thrown away.
//!
//! Only the outermost calls are noted, with numbers and signals as arguments; what else a function does than to make values
//! (patterns, sends, messages) is not, and whoever calls such a one is elaborated again.

use crate::front::call::ArgVal;
use crate::front::elab::Elab;
use crate::front::parts::Part;
use crate::front::recall::{CallKind, Foreign, HOLE, Made, Noting, OTHER, Said};
use crate::front::scope::*;
use crate::front::settings::Settings;
use crate::front::validity::Seen;
use crate::front::value::*;
use crate::graph::{FrameId, Node, NodeId, ParamId, RingId};
use modurust_lang::ast::ExprKind;
use modurust_lang::{Span, visit};
use rustc_hash::FxHashMap as HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A call of a part.
pub(super) struct Call {
    pub noted: Arc<Noted>,
    /// The first node that it made, if it made any.
    node: NodeId,
    /// Its place, the first that it made.
    pub place: FrameId,
    /// The place around it.
    around: FrameId,
    args: Vec<Option<Value<'static>>>,
    holes: Vec<NodeId>,
    hint: u64,
    bank: Option<u32>,
    depth: u32,
}

impl Call {
    /// Gives its values other numbers.
    pub fn renumber(&mut self, node: impl Fn(NodeId) -> NodeId, frame: impl Fn(FrameId) -> FrameId) {
        (self.node, self.place, self.around) = (node(self.node), frame(self.place), frame(self.around));
        self.holes.iter_mut().for_each(|hole| *hole = node(*hole));
        let value = |value: &Value<'static>| value.renumbered(&|id| Some(node(id)), &|ring: RingId| Some(ring));
        self.args.iter_mut().for_each(|arg| *arg = arg.as_ref().and_then(value));
    }

    /// The number in the arena of a value of what it made.
    fn node(&self, id: NodeId) -> NodeId {
        match id.0 {
            hole if hole >= HOLE => self.holes[(hole - HOLE) as usize],
            other if other >= OTHER => NodeId(other - OTHER),
            own => NodeId(self.node.0 + own),
        }
    }
}

/// What is known of calls of a kind.
pub(super) struct Noted {
    function: TopName,
    /// The place of the statement of the function.
    pub statement: u32,
    /// What that said.
    pub form: u64,
    reads: Vec<(TopName, Seen)>,
    /// Settings that were asked for, and all of them.
    pub asked: (u8, Arc<Settings>),
    made: Arc<Made>,
}

impl Noted {
    /// What was asked for.
    pub fn reads(&self) -> &[(TopName, Seen)] {
        &self.reads
    }

    /// The same of a function that says this, and asks for that.
    pub fn with(&self, reads: Vec<(TopName, Seen)>, form: u64) -> Noted {
        let asked = (self.asked.0, Arc::clone(&self.asked.1));
        Noted { form, reads, asked, made: Arc::clone(&self.made), ..*self }
    }
}

/// How what a call makes differs from what it made: numbers in nodes, words of places, and names of values.
pub(super) struct Change {
    params: Vec<(u32, ParamId)>,
    hints: Vec<(u32, u64)>,
    named: Vec<(Said, Said)>,
}

/// What becomes of a call in a text.
#[derive(Clone)]
pub(super) enum Verdict {
    /// It is what it was.
    Same,
    /// It is, but for this.
    Changed(Arc<Noted>, Arc<Change>),
    /// It is another.
    Other,
}

/// What is known of calls in a text.
#[derive(Default)]
pub(super) struct Calls {
    /// Those that were noted in this text, by kind.
    kinds: HashMap<CallKind, Arc<Noted>>,
    /// What became of them in this text, by address; who is here stays there.
    verdicts: HashMap<usize, (Arc<Noted>, Verdict)>,
    /// Of functions, by what their statements say.
    signatures: HashMap<u64, u64>,
}

impl Calls {
    /// Begins a text.
    pub fn start(&mut self) {
        self.kinds.clear();
        self.verdicts.clear();
    }
}

impl<'a> Elab<'a> {
    /// What is seen of a function without calling it: nothing for what is none.
    pub(super) fn signature(&mut self, id: LazyId) -> Option<u64> {
        let (def, form) = (self.lazies[id.0 as usize].def, self.form(id));
        let params = def.params.as_deref()?;
        Some(*self.parts.calls.signatures.entry(form).or_insert_with(|| {
            // Who plays voices asks whether they can end.
            let mut ends = false;
            let is_gate = |kind: &ExprKind| matches!(kind, ExprKind::Name(name) if name == "gate");
            visit::expr_and_below(&def.body, &mut |expr| ends |= is_gate(&expr.kind));
            params.iter().fold(mix(hash_text(&def.name.name), u64::from(ends)), |all, param| {
                mix(mix(all, hash_text(&param.name.name)), u64::from(param.default.is_some()))
            })
        }))
    }

    /// Calls a function with what goes to its parameters; one of the text is noted.
    pub(super) fn called(
        &mut self,
        f: &Arc<Closure<'a>>,
        slots: Vec<Option<ArgVal<'a>>>,
        span: Span,
        hint: u64,
    ) -> Value<'a> {
        let own = !f.origin.library && self.scopes.is_file(f.scope) && matches!(f.params, Params::Full(_));
        if !own || self.parts.is_in_call() {
            return self.inlined(f, slots, span, hint);
        }
        let statement = f.origin.offset;
        let Some((kind, holes)) = self.kind_of_own(f, &slots) else {
            self.parts.sees_all_of(statement);
            return self.inlined(f, slots, span, hint);
        };
        let args = slots.iter().map(|slot| slot.as_ref().and_then(|arg| arg.value.plain())).collect();
        let (ends, outside, said, seeds) = (self.ends(), self.outside_of_call(), self.said.len(), self.seeds.len());
        let (logged, pieces, asked) = (self.scopes.logged(), self.parts.pieces_so_far(), self.asked.take());
        let (around, bank, depth) = (self.frame, self.bank, self.depth);
        self.parts.set_in_call(true);
        let value = self.inlined(f, slots, span, hint);
        self.parts.set_in_call(false);
        let own_asked = self.asked.take();
        self.asked.add(asked);
        let alone = outside == self.outside_of_call() && pieces == self.parts.pieces_so_far();
        let noted = match self.parts.calls.kinds.get(&kind) {
            _ if !alone => None,
            Some(noted) => Some(Arc::clone(noted)),
            None => {
                let reads = self.reads_since(logged);
                let seeds = self.seeds[seeds..].iter().map(|(node, _)| (*node, around)).collect();
                let named =
                    self.said[said..].iter().filter_map(|id| self.named.get(id).map(|(n, at)| (*id, n.clone(), *at)));
                let noting = Noting { seeds, named: named.collect(), deepest: depth, ..Noting::default() };
                let made = self.made_since(ends, &holes, noting, &value, Foreign::Allowed);
                let function = TopName(f.scope, hash_text(f.name));
                let asked = (own_asked, Arc::clone(&self.settings));
                reads.zip(made).map(|(reads, made)| {
                    let (form, made) = (self.parts.form(statement), Arc::new(made));
                    let noted = Arc::new(Noted { function, statement, form, reads, asked, made });
                    self.parts.calls.kinds.insert(kind, Arc::clone(&noted));
                    noted
                })
            }
        };
        match noted {
            Some(noted) => {
                let (node, place) = (NodeId(ends.nodes), FrameId(ends.frames));
                let call = Call { noted, node, place, around, args, holes, hint, bank, depth };
                self.parts.note_call(call, logged..self.scopes.logged());
            }
            None => self.not_noted(statement, own_asked, logged..self.scopes.logged()),
        }
        value
    }

    /// A call cannot be noted: what was asked for in it, settings and the names of this stretch of the log, the part itself asked for.
    pub(super) fn not_noted(&mut self, statement: u32, asked: u8, names: Range<usize>) {
        self.asked.add(asked);
        self.parts.sees_all_of(statement);
        for name in &self.scopes.logged_since(names.start)[..names.len()] {
            if let Some(Binding::Lazy(id)) = self.scopes.top(*name) {
                self.parts.sees_all_of(self.lazies[id.0 as usize].origin.offset);
            }
        }
    }

    /// The kind of a call of a function of the text, and its holes; nothing for what no two calls have in common.
    fn kind_of_own(&self, f: &Closure<'a>, slots: &[Option<ArgVal<'a>>]) -> Option<(CallKind, Vec<NodeId>)> {
        let place = mix(u64::from(f.origin.file.0) + 1, u64::from(f.origin.offset) << 32 | u64::from(self.depth));
        let (mut kind, mut holes) = (self.kind_of_call(place), Vec::new());
        let fits = slots.iter().all(|slot| match slot {
            Some(arg) => self.add_to_kind(&mut kind, &mut holes, &arg.value),
            None => kind.add_nothing(),
        });
        fits.then_some((kind, holes))
    }

    /// What was asked of the top level since so many names were noted; nothing if the part asked for itself.
    fn reads_since(&self, logged: usize) -> Option<Vec<(TopName, Seen)>> {
        let mut reads: Vec<(TopName, Seen)> = Vec::new();
        for name in self.scopes.logged_since(logged) {
            if reads.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let seen = match self.scopes.top(name) {
                Some(Binding::Lazy(id)) if self.parts.is_open(*id) => return None,
                Some(Binding::Lazy(id)) if self.parts.was_forced(*id) => self.seen_value(*id),
                _ => self.seen(name),
            };
            reads.push((name, seen));
        }
        Some(reads)
    }

    /// What becomes of a call of a part in this text.
    pub(super) fn verdict(&mut self, key: u32, nth: usize) -> Verdict {
        let Some(call) = self.parts.kept.get(&key).and_then(|part| part.calls.get(nth)) else { return Verdict::Other };
        let noted = Arc::clone(&call.noted);
        let address = Arc::as_ptr(&noted).addr();
        if let Some((_, verdict)) = self.parts.calls.verdicts.get(&address) {
            return verdict.clone();
        }
        let verdict = match self.is_as_noted(&noted) {
            true => Verdict::Same,
            false => match self.made_again(key, nth).map(|new| (change(&noted.made, &new.made), new)) {
                Some((Some(change), new)) => Verdict::Changed(new, Arc::new(change)),
                _ => Verdict::Other,
            },
        };
        self.parts.calls.verdicts.insert(address, (noted, verdict.clone()));
        verdict
    }

    fn is_as_noted(&mut self, noted: &Noted) -> bool {
        let same = |e: &Self| match e.scopes.top(noted.function) {
            Some(Binding::Lazy(id)) => e.form(*id) == noted.form,
            _ => false,
        };
        same(self)
            && self.would_be_told(noted.asked.0, &noted.asked.1)
            && noted.reads.iter().all(|(name, seen)| self.is_as_seen(*name, *seen))
    }

    /// Makes a call once more, notes what comes of it, and throws that away.
    fn made_again(&mut self, key: u32, nth: usize) -> Option<Arc<Noted>> {
        let call = self.parts.kept.get(&key)?.calls.get(nth)?;
        let Some(&Binding::Lazy(id)) = self.scopes.top(call.noted.function) else { return None };
        let Lazy { def, origin, scope, .. } = self.lazies[id.0 as usize];
        let params = def.params.as_deref().filter(|params| params.len() == call.args.len())?;
        let arg = |value: &Value<'static>| ArgVal { name: None, value: value.clone(), span: Span::default(), origin };
        let slots = call.args.iter().map(|value| value.as_ref().map(arg)).collect();
        let (hint, around, bank, depth) = (call.hint, call.around, call.bank, call.depth);
        let f =
            Arc::new(Closure { name: &def.name.name, params: Params::Full(params), body: &def.body, scope, origin });
        let ends = self.ends();
        let outer = self.begin(None);
        (self.at, self.frame, self.bank, self.depth) = (origin, around, bank, depth);
        self.called(&f, slots, Span::default(), hint);
        let mut part = self.end(outer, "");
        let noted = part.calls.pop().filter(|_| part.keep && part.diagnostics.is_empty()).map(|call| call.noted);
        // Values of the top level that were asked for first are there to stay.
        let whole = match part.pieces[..] {
            [] => true,
            [(from, to)] => from == ends && to == self.ends(),
            _ => false,
        };
        if whole {
            self.cut_off(ends);
        }
        self.parts.goes_on(self.ends());
        noted
    }

    /// Brings the calls of a part up to date. False if it is to be elaborated instead.
    pub(super) fn bring_up(&mut self, key: u32, changes: &[(usize, Arc<Noted>, Arc<Change>)]) -> bool {
        if changes.is_empty() {
            return true;
        }
        let Some(part) = self.parts.kept.get_mut(&key) else { return false };
        let mut new: Vec<(u32, ParamId)> = Vec::new();
        for (nth, _, change) in changes {
            let first = part.calls[*nth].node.0;
            new.extend(change.params.iter().map(|(at, param)| (first + at, *param)));
        }
        let mut params: HashMap<ParamId, ParamId> = HashMap::default();
        let own = |part: &Part| part.pieces.iter().map(|(from, to)| from.nodes..to.nodes).collect::<Vec<_>>();
        if !new.is_empty() {
            for (at, param) in &new {
                if let Node::Param(old) = self.graph.nodes[*at as usize] {
                    params.entry(old).or_insert(*param);
                }
            }
            // Each stands for one other, in all of the part.
            let mut fresh: Vec<ParamId> = params.values().copied().collect();
            fresh.sort_unstable();
            let mut rest = new.iter();
            let mut fits = fresh.windows(2).all(|pair| pair[0] != pair[1]);
            let mut next = rest.next();
            for at in own(part).into_iter().flatten() {
                let Node::Param(old) = self.graph.nodes[at as usize] else { continue };
                fits &= match next.filter(|(place, _)| *place == at) {
                    Some((_, param)) => {
                        next = rest.next();
                        params[&old] == *param
                    }
                    None => !params.contains_key(&old) && fresh.binary_search(&old).is_err(),
                };
            }
            let value = part.value.clone();
            // Who reads a number of a value looks at it; what is computed from it is no number yet.
            if !fits || next.is_some() || !value.as_ref().is_none_or(|value| self.is_computed(value)) {
                return false;
            }
            for (at, param) in &new {
                self.graph.nodes[*at as usize] = Node::Param(*param);
            }
        }
        let Some(part) = self.parts.kept.get_mut(&key) else { return false };
        for (nth, noted, change) in changes {
            let call = &mut part.calls[*nth];
            if !change.hints.is_empty() {
                let frames = Arc::make_mut(&mut self.graph.frames);
                change.hints.iter().for_each(|(at, hint)| frames[(call.place.0 + at) as usize].hint = *hint);
            }
            for ((old, name, place), (_, new, now)) in &change.named {
                if let Some(known) = self.named.get_mut(&call.node(*old))
                    && (&known.0, known.1) == (name, *place)
                {
                    *known = (Arc::clone(new), *now);
                }
            }
            call.noted = Arc::clone(noted);
        }
        if !new.is_empty() || changes.iter().any(|(.., change)| !change.hints.is_empty()) {
            self.parts.comes_again(key, params);
        }
        true
    }
}

/// How one differs from another, if no more than that.
fn change(old: &Made, new: &Made) -> Option<Change> {
    let same = old.nodes.len() == new.nodes.len()
        && old.frames.len() == new.frames.len()
        && (&old.cells, &old.rings, &old.seeds, &old.aliases) == (&new.cells, &new.rings, &new.seeds, &new.aliases)
        && old.named.len() == new.named.len()
        && old.value.same(&new.value);
    if !same {
        return None;
    }
    let mut change = Change { params: Vec::new(), hints: Vec::new(), named: Vec::new() };
    for (at, (a, b)) in old.nodes.iter().zip(&new.nodes).enumerate() {
        match (a, b) {
            (Node::Param(p), Node::Param(q)) if p == q => {}
            (Node::Param(_), Node::Param(q)) => change.params.push((at as u32, *q)),
            // Each call has those of its own place.
            (Node::Const(t, x), Node::Const(u, y)) if t == u && x.len() == y.len() => {
                if x != y && !old.seeds.iter().any(|(seed, _)| seed.index() == at) {
                    return None;
                }
            }
            (a, b) if a == b => {}
            _ => return None,
        }
    }
    for (at, (a, b)) in old.frames.iter().zip(&new.frames).enumerate() {
        if (a.parent, a.named, &a.label) != (b.parent, b.named, &b.label) {
            return None;
        }
        // That of the call itself is said by the caller.
        if a.hint != b.hint && at > 0 {
            change.hints.push((at as u32, b.hint));
        }
    }
    for (a, b) in old.named.iter().zip(&new.named) {
        if a.0 != b.0 {
            return None;
        }
        if a != b {
            change.named.push((a.clone(), b.clone()));
        }
    }
    Some(change)
}
