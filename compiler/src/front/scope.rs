//! Names in scope.
//!
//! A scope is a set of bindings with a parent. Bindings of a block are lazy: each is evaluated when first asked for, so they
//! may stand in any order and refer to each other. One that is asked for while it is being evaluated is a feedback: it gets a
//! stand-in node that is tied to the result afterwards; one that is asked for with a prime gets a cell. Scopes and lazy
//! bindings live in arenas of the elaborator, so that closures may refer to them freely.

use crate::front::value::{Shape, Value, hash_text};
use crate::graph::{CellId, FrameId, NodeId};
use modurust_lang::ast::{Def, Expr, Ident, Param};
use modurust_lang::source::{FileId, Span};
use rustc_hash::FxHashMap as HashMap;
use std::cell::RefCell;
use std::sync::Arc;

/// A scope of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeId(pub u32);

/// A lazy binding of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LazyId(pub u32);

/// Where the text being evaluated stands: spans inside count from `offset` of `file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    /// The file.
    pub file: FileId,
    /// Start of the statement.
    pub offset: u32,
    /// Part of the library: literals are constants, errors belong to the caller.
    pub library: bool,
}

/// A function of the text with the scope that it was defined in.
pub struct Closure<'a> {
    /// Its name; `fn` for a lambda.
    pub name: &'a str,
    /// Its parameters.
    pub params: Params<'a>,
    /// Its body.
    pub body: &'a Expr,
    /// Where its free names are found.
    pub scope: ScopeId,
    /// Where its text stands.
    pub origin: Origin,
}

/// What a value is called, and where that is said.
pub type Called = (Arc<str>, Option<(Origin, Span)>);

/// Parameters of a definition, or the bare names of a lambda.
#[derive(Clone, Copy)]
pub enum Params<'a> {
    /// `f(x, q = 1)`
    Full(&'a [Param]),
    /// `(x, k) => ..`
    Bare(&'a [Ident]),
}

impl<'a> Params<'a> {
    /// How many.
    pub fn len(self) -> usize {
        match self {
            Params::Full(p) => p.len(),
            Params::Bare(p) => p.len(),
        }
    }

    /// True when there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The name of one.
    pub fn name(self, i: usize) -> &'a str {
        match self {
            Params::Full(p) => &p[i].name.name,
            Params::Bare(p) => &p[i].name,
        }
    }

    /// The full form of one, if it has it.
    pub fn full(self, i: usize) -> Option<&'a Param> {
        match self {
            Params::Full(p) => p.get(i),
            Params::Bare(_) => None,
        }
    }

    /// The place of a name.
    pub fn find(self, name: &str) -> Option<usize> {
        (0..self.len()).find(|&i| self.name(i) == name)
    }
}

/// How far a lazy binding has come.
#[derive(Clone)]
pub enum State<'a> {
    /// Nobody asked yet.
    Waiting,
    /// Being evaluated.
    Running,
    /// Its value.
    Done(Value<'a>),
}

/// A definition of a block or file that is evaluated when asked for.
pub struct Lazy<'a> {
    /// The definition.
    pub def: &'a Def,
    /// Where it stands.
    pub origin: Origin,
    /// Where the names of its body are found.
    pub scope: ScopeId,
    /// Where its state lives.
    pub frame: FrameId,
    /// The call of a function of the library that it is part of ([`Elab::call`](super::elab::Elab)).
    pub call: Option<u64>,
    /// How far it is.
    pub state: State<'a>,
    /// Shape that a stand-in or cell is given before the value is known; corrected and tried again if it was too small.
    pub guess: Shape,
    /// The stand-in for uses during evaluation.
    pub stand_in: Option<NodeId>,
    /// The cell for uses with a prime.
    pub cell: Option<CellId>,
}

/// What a name stands for.
#[derive(Clone)]
pub enum Binding<'a> {
    /// A value: a parameter, a piped value.
    Value(Value<'a>),
    /// A definition.
    Lazy(LazyId),
}

/// A set of names.
#[derive(Default)]
struct Scope<'a> {
    /// Where to look when a name is not here.
    parent: Option<ScopeId>,
    names: Names<'a>,
}

/// As many names are looked through one by one.
const FEW: usize = 8;

/// Names: most scopes are those of calls and have few.
#[derive(Default)]
struct Names<'a> {
    list: Vec<(&'a str, Binding<'a>)>,
    /// Where each is, if they are many.
    places: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    fn place(&self, name: &str) -> Option<usize> {
        match self.list.len() > FEW {
            true => self.places.get(name).copied(),
            false => self.list.iter().position(|(known, _)| *known == name),
        }
    }

    fn insert(&mut self, name: &'a str, binding: Binding<'a>) -> Option<Binding<'a>> {
        if let Some(at) = self.place(name) {
            return Some(std::mem::replace(&mut self.list[at].1, binding));
        }
        self.list.push((name, binding));
        match self.list.len() {
            n if n > FEW + 1 => drop(self.places.insert(name, n - 1)),
            n if n > FEW => self.places.extend(self.list.iter().enumerate().map(|(at, (name, _))| (*name, at))),
            _ => {}
        }
        None
    }
}

/// A name that was looked for at the top level of a file: the scope of the file and a hash of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TopName(pub ScopeId, pub u64);

/// All scopes of one elaboration.
#[derive(Default)]
pub struct Scopes<'a> {
    all: Vec<Scope<'a>>,
    /// What stands at the top level of the files.
    tops: HashMap<TopName, Binding<'a>>,
    /// As many scopes, from the first, are top levels.
    files: u32,
    /// Names that were looked for there, in order, since the log was last taken; found or not.
    log: RefCell<Vec<TopName>>,
}

impl<'a> Scopes<'a> {
    /// A new empty scope.
    pub fn add(&mut self, parent: Option<ScopeId>) -> ScopeId {
        self.all.push(Scope { parent, names: Names::default() });
        ScopeId(self.all.len() as u32 - 1)
    }

    /// Scopes made so far are the top levels of the files: from now on it is noted what is looked for there.
    pub fn note_tops(&mut self) {
        self.files = self.all.len() as u32;
        for (id, scope) in self.all.iter().enumerate() {
            for (name, binding) in &scope.names.list {
                self.tops.insert(TopName(ScopeId(id as u32), hash_text(name)), binding.clone());
            }
        }
    }

    /// What stands at the top level under a name that was noted.
    pub fn top(&self, name: TopName) -> Option<&Binding<'a>> {
        self.tops.get(&name)
    }

    /// How many names were noted since the log was taken.
    pub fn logged(&self) -> usize {
        self.log.borrow().len()
    }

    /// The names noted since there were so many.
    pub fn logged_since(&self, logged: usize) -> Vec<TopName> {
        self.log.borrow()[logged..].to_vec()
    }

    /// True for the top level of a file.
    pub fn is_file(&self, scope: ScopeId) -> bool {
        scope.0 > 0 && scope.0 < self.files
    }

    /// The names noted since the last call.
    pub fn take_log(&self) -> Vec<TopName> {
        self.log.take()
    }

    /// Goes on with a log that was taken.
    pub fn resume_log(&self, log: Vec<TopName>) {
        self.log.replace(log);
    }

    /// Binds a name; the old binding of the same scope comes back.
    pub fn bind(&mut self, scope: ScopeId, name: &'a str, binding: Binding<'a>) -> Option<Binding<'a>> {
        if scope.0 < self.files {
            self.tops.insert(TopName(scope, hash_text(name)), binding.clone());
        }
        self.all[scope.0 as usize].names.insert(name, binding)
    }

    /// Finds a name here or in a parent.
    pub fn find(&self, scope: ScopeId, name: &str) -> Option<Binding<'a>> {
        let mut at = Some(scope);
        while let Some(id) = at {
            let scope = &self.all[id.0 as usize];
            // The first scope is the library's, which has no names of its own.
            if id.0 > 0 && id.0 < self.files {
                self.log.borrow_mut().push(TopName(id, hash_text(name)));
            }
            if let Some(at) = scope.names.place(name) {
                return Some(scope.names.list[at].1.clone());
            }
            at = scope.parent;
        }
        None
    }

    /// The names of one scope alone.
    pub fn own(&self, scope: ScopeId) -> Vec<String> {
        let names = self.all[scope.0 as usize].names.list.iter();
        let mut out: Vec<String> = names.map(|(name, _)| name.to_string()).collect();
        out.sort();
        out
    }

    /// Every name that can be seen from a scope.
    pub fn visible(&self, scope: ScopeId) -> Vec<String> {
        let mut out = Vec::new();
        let mut at = Some(scope);
        while let Some(id) = at {
            let scope = &self.all[id.0 as usize];
            out.extend(scope.names.list.iter().map(|(name, _)| name.to_string()));
            at = scope.parent;
        }
        out.sort();
        out.dedup();
        out
    }
}
