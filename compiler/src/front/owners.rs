//! Whose the values of the arena are, and how often they change.
//!
//! A node belongs to the part that made it, for as long as the arena lives: this is noted once, when the part is done. Which place of
//! the text a part has is another thing from text to text. So nodes point to the serial number of their part, and serial numbers
//! to places of the text; a number that was given to a part of an earlier text is known by the place not pointing back. Nothing
//! here grows with the text when one statement of it is edited.
//!
//! Of the values that parts take from each other it is also kept how often they change. That hangs on nodes alone, which stay what
//! they are once their part is done; only what stand-ins stand for is another thing in another text, and they are taken for signals.

use crate::front::parts::Ends;
use crate::front::settle::rate;
use crate::front::stand_ins::StandIns;
use crate::graph::{Graph, NodeId, Rate};
use rustc_hash::FxHashMap as HashMap;

/// Nobody of this text.
pub(super) const NOBODY: u32 = u32::MAX;

/// The owners of nodes.
#[derive(Default)]
pub(super) struct Owners {
    /// By node, the serial number of its part; 0 is none.
    serials: Vec<u32>,
    /// By serial number, the place of a part in a text, perhaps an earlier one.
    places: Vec<u32>,
    /// The serial numbers of this text, in its order.
    now: Vec<u32>,
    /// Rates of nodes that were asked for.
    rates: HashMap<NodeId, Rate>,
}

impl Owners {
    /// What a part made is its own.
    pub fn own(&mut self, serial: u64, pieces: &[(Ends, Ends)]) {
        for (from, to) in pieces {
            let (from, to) = (from.nodes as usize, to.nodes as usize);
            self.serials.resize(self.serials.len().max(to), 0);
            self.serials[from..to].fill(serial as u32);
        }
    }

    /// The parts of a text, in its order.
    pub fn lay(&mut self, serials: impl Iterator<Item = u64>) {
        self.now.clear();
        self.now.extend(serials.map(|serial| serial as u32));
        let most = self.now.iter().max().map_or(0, |most| *most as usize + 1);
        self.places.resize(self.places.len().max(most), NOBODY);
        for (place, serial) in self.now.iter().enumerate() {
            self.places[*serial as usize] = place as u32;
        }
    }

    /// The place in this text of a part.
    pub fn place(&self, serial: u64) -> Option<u32> {
        let place = *self.places.get(serial as usize)?;
        (self.now.get(place as usize) == Some(&(serial as u32))).then_some(place)
    }

    /// The place of the part that made a node, or [`NOBODY`].
    pub fn of(&self, node: NodeId) -> u32 {
        let serial = self.serials.get(node.index()).copied().unwrap_or(0);
        self.place(u64::from(serial)).unwrap_or(NOBODY)
    }

    /// How often a node changes.
    pub fn rate(
        &mut self,
        graph: &Graph,
        aliases: &HashMap<NodeId, NodeId>,
        stand_ins: &StandIns,
        node: NodeId,
    ) -> Rate {
        *self.rates.entry(node).or_insert_with(|| rate(graph, aliases, stand_ins, node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_an_earlier_text_owns_nothing() {
        let end = |nodes| Ends { nodes, ..Ends::default() };
        let mut owners = Owners::default();
        owners.own(1, &[(end(0), end(2)), (end(3), end(4))]);
        owners.own(2, &[(end(2), end(3))]);
        owners.lay([2, 1].into_iter());
        let all = |owners: &Owners| (0..5).map(|n| owners.of(NodeId(n))).collect::<Vec<_>>();
        assert_eq!(all(&owners), [1, 1, 0, 1, NOBODY]);
        owners.own(3, &[(end(4), end(5))]);
        owners.lay([2, 3].into_iter());
        assert_eq!(all(&owners), [NOBODY, NOBODY, 0, NOBODY, 1]);
        assert_eq!((owners.place(1), owners.place(2), owners.place(3)), (None, Some(0), Some(1)));
    }
}
