//! Whether a part of an earlier text may be taken as it is.
//!
//! That is so if its statement is the same and whatever it asked for has the same answer: names of the top level, settings, files. What
//! the calls of the text's own functions asked for is a question of its own ([`super::calls`]): if these come to the same but for numbers,
//! the part is given the numbers and taken as well.

use crate::front::calls::Verdict;
use crate::front::elab::Elab;
use crate::front::parts::{Heard, Open, Part, Question};
use crate::front::scope::*;
use crate::front::value::*;
use rustc_hash::{FxBuildHasher, FxHashSet as HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

/// What a name of the top level stood for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Seen {
    /// Nothing there: perhaps a name of the library.
    Absent,
    /// A definition by what its statement says; its value was not asked for, or it is a function.
    Form(u64),
    /// A function of which nothing was seen but what it is called with; its calls are noted.
    Function(u64),
    /// A value by its number.
    Value(u64),
    /// A bus, a module, something that cannot be read.
    Fixed(u64),
}

/// What a part asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// A name of the top level.
    Name(TopName, Seen),
    /// All that a call asked for: which of the part.
    Call(u32),
}

impl Elab<'_> {
    /// What a name stands for now, without asking for a value.
    pub(super) fn seen(&self, name: TopName) -> Seen {
        match self.scopes.top(name) {
            None => Seen::Absent,
            Some(Binding::Lazy(id)) => Seen::Form(self.form(*id)),
            Some(Binding::Value(Value::Bus(bus))) => Seen::Fixed(mix(1, hash_text(&self.buses[*bus].name))),
            Some(Binding::Value(Value::Library(module))) => Seen::Fixed(mix(2, hash_text(module))),
            Some(Binding::Value(Value::Module(scope))) => Seen::Fixed(mix(3, u64::from(scope.0))),
            Some(Binding::Value(_)) => Seen::Fixed(4),
        }
    }

    /// The number of a definition's value. A function is known by its statement.
    pub(super) fn seen_value(&self, id: LazyId) -> Seen {
        let lazy = &self.lazies[id.0 as usize];
        match lazy.state {
            State::Done(_) => Seen::Value(self.parts.versions[id.0 as usize]),
            _ => Seen::Form(self.form(id)),
        }
    }

    /// What the statement of a definition says.
    pub(super) fn form(&self, id: LazyId) -> u64 {
        self.parts.form(self.lazies[id.0 as usize].origin.offset)
    }

    /// What was asked for while a part was elaborated: each name once, and calls where they were.
    pub(super) fn asks(&mut self, log: &[TopName], open: &Open) -> Vec<Ask> {
        let (mut met, mut asks, mut at) = (HashSet::default(), Vec::with_capacity(log.len()), 0);
        for (nth, (_, range)) in open.calls.iter().enumerate() {
            self.names_asked(&log[at..range.start], open, &mut met, &mut asks);
            asks.push(Ask::Call(nth as u32));
            at = range.end;
        }
        self.names_asked(&log[at..], open, &mut met, &mut asks);
        asks
    }

    fn names_asked(&mut self, log: &[TopName], open: &Open, met: &mut HashSet<TopName>, asks: &mut Vec<Ask>) {
        for name in log.iter().copied().filter(|name| met.insert(*name)) {
            match self.scopes.top(name) {
                Some(Binding::Lazy(id)) if open.lazy == Some(*id) => {}
                Some(Binding::Lazy(id)) if open.forced.contains(id) => {
                    let id = *id;
                    let seen = match self.seen_value(id) {
                        Seen::Form(form) if !open.exact.contains(&self.lazies[id.0 as usize].origin.offset) => {
                            self.signature(id).map_or(Seen::Form(form), Seen::Function)
                        }
                        seen => seen,
                    };
                    asks.push(Ask::Name(name, seen));
                }
                _ => asks.push(Ask::Name(name, self.seen(name))),
            }
        }
    }

    /// Whether a name stands for what it stood for. A value is brought up to date on the way.
    pub(super) fn is_as_seen(&mut self, name: TopName, seen: Seen) -> bool {
        match seen {
            Seen::Value(_) => {
                let Some(Binding::Lazy(id)) = self.scopes.top(name).cloned() else { return false };
                if !self.parts.is_top(id) || self.lazies[id.0 as usize].def.params.is_some() {
                    return false;
                }
                match self.lazies[id.0 as usize].state {
                    State::Waiting => {
                        self.top(id);
                    }
                    State::Running => self.parts.bail = true,
                    State::Done(_) => {}
                }
                self.seen_value(id) == seen
            }
            Seen::Function(signature) => match self.scopes.top(name) {
                Some(&Binding::Lazy(id)) => self.signature(id) == Some(signature),
                _ => false,
            },
            seen => self.seen(name) == seen,
        }
    }

    /// Whether a part of an earlier text may be taken as it is. Values that it used are brought up to date on the way, and so is it.
    pub(super) fn is_valid(&mut self, key: u32, lazy: Option<LazyId>) -> bool {
        let Some(part) = self.parts.kept.get(&key) else { return false };
        if !part.keep
            || part.form != self.parts.form(key)
            || part.strip.as_ref().is_some_and(|strip| *strip != self.strip)
        {
            return false;
        }
        let (reads, heard) = (Arc::clone(&part.reads), Arc::clone(&part.heard));
        if !self.would_be_told(part.asked.0, &part.asked.1) || !heard.iter().all(|heard| self.hears_again(heard)) {
            return false;
        }
        let state = |e: &mut Self, state| {
            if let Some(id) = lazy {
                e.lazies[id.0 as usize].state = state;
            }
        };
        state(self, State::Running);
        let mut changes = Vec::new();
        let valid = reads.iter().all(|ask| match *ask {
            Ask::Name(name, seen) => self.is_as_seen(name, seen),
            Ask::Call(nth) => match self.verdict(key, nth as usize) {
                Verdict::Same => true,
                Verdict::Changed(noted, change) => {
                    changes.push((nth as usize, noted, change));
                    true
                }
                Verdict::Other => false,
            },
        });
        state(self, State::Waiting);
        valid && self.bring_up(key, &changes) && self.is_seeded(key)
    }

    /// Whether the chance in a part starts from the seed of this text; it is made to.
    fn is_seeded(&mut self, key: u32) -> bool {
        let other = |part: &&mut Part| !part.seeds.is_empty() && part.asked.1.seed != self.settings.seed;
        if self.parts.kept.get_mut(&key).filter(other).is_none() {
            return true;
        }
        let Some(mut part) = self.parts.kept.remove(&key) else { return false };
        let seeded = self.seed_anew(&mut part);
        if seeded {
            part.serial = self.parts.next_stamp();
            part.asked.1 = Arc::clone(&self.settings);
            self.parts.owners.own(part.serial, &part.pieces);
        }
        self.parts.kept.insert(key, part);
        seeded
    }

    /// Whether a question about a file has the answer that it had. Each is asked once for a text.
    fn hears_again(&mut self, Heard { question, path, answer }: &Heard) -> bool {
        let known = self.parts.answers.get_mut().get(&(*question, path.clone())).copied();
        let now = known.unwrap_or_else(|| {
            let hasher = FxBuildHasher;
            let now = match question {
                Question::Bytes => hasher.hash_one(self.world.bytes(path)),
                Question::Text => hasher.hash_one(self.world.read(path)),
                Question::Exists => hasher.hash_one(self.world.exists(path)),
                Question::IsLong => hasher.hash_one(self.world.is_long(path)),
                Question::Folder => hasher.hash_one(self.world.folder(path)),
            };
            self.parts.answers.get_mut().insert((*question, path.clone()), now);
            now
        });
        now == *answer
    }
}
