//! Stand-ins: signals of the top level by name, whatever makes them.
//!
//! The master sums all strips, and a bus what is sent to it. If they referred to the values themselves, an edit of one track would
//! make these sums anew, and all that hears them. So they refer to *stand-ins*, which are given once for a name and stay: the sum of
//! what is sent to a bus, what comes out of a strip, the nth signal that a part sends. What each stands for is said by every text
//! (`Elab::aliases`), and found when segments are put together.
//!
//! A stand-in is taken for a signal, since what it stands for in the next text is not known.

use crate::front::elab::Elab;
use crate::front::parts::Parts;
use crate::graph::{Node, NodeId};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// What a stand-in stands for, of the part of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// What is sent to a bus.
    Input,
    /// What comes out of a track or a bus.
    Strip,
    /// What `out` says.
    Out,
    /// What is sent: the first of its name, the second ..
    Send(u32),
}

/// All stand-ins.
#[derive(Default)]
pub(super) struct StandIns {
    /// By number of the name and role; of this text and of earlier ones.
    known: HashMap<(u32, Role), NodeId>,
    all: HashSet<NodeId>,
    /// Of this text: those that something stands behind, with the place of the statement of the part that makes it.
    made: Vec<(NodeId, u32)>,
}

impl StandIns {
    /// Begins a text.
    pub fn start(&mut self) {
        self.made.clear();
    }

    /// True for a stand-in, of whatever text.
    pub fn contains(&self, node: NodeId) -> bool {
        self.all.contains(&node)
    }

    /// The stand-ins of this text, each with the place of the statement of its part.
    pub fn made(&self) -> &[(NodeId, u32)] {
        &self.made
    }
}

/// True for what may be a stand-in by its form: nothing else joins nothing.
pub(super) fn is_hollow(node: &Node) -> bool {
    matches!(node, Node::Join(parts) if parts.is_empty())
}

impl Parts {
    /// The stand-in for a signal of a name, if there is one.
    fn stand_in(&mut self, name: &str, role: Role) -> ((u32, Role), Option<NodeId>) {
        let key = (self.word(name), role);
        (key, self.stand_ins.known.get(&key).copied())
    }
}

impl Elab<'_> {
    /// The stand-in for a signal of a name.
    pub(super) fn stand_in_for(&mut self, name: &str, role: Role) -> NodeId {
        let (key, known) = self.parts.stand_in(name, role);
        known.unwrap_or_else(|| {
            let node = self.graph.push(Node::Join(Vec::new()));
            self.parts.stand_ins.known.insert(key, node);
            self.parts.stand_ins.all.insert(node);
            node
        })
    }

    /// In this text a stand-in stands for a node of the part of a statement.
    pub(super) fn stands_for(&mut self, stand_in: NodeId, node: NodeId, key: u32) {
        self.aliases.insert(stand_in, node);
        self.parts.stand_ins.made.push((stand_in, key));
    }
}
