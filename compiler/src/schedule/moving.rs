//! Which parameters a value of block rate hangs on.
//!
//! Such values stay in the scratch until one of their parameters moves, and a part that hears a parameter cannot sleep while it does.
//! Nothing else need be computed anew: an automated level wakes its own track, and no other. Parameters are kept apart by the bits of
//! a word, neighbours by one bit if there are many of them; what belongs together stands together in a text.

use super::Region;
use crate::graph::check::GraphInfo;
use crate::graph::idle::still;
use crate::graph::{Graph, Node, operands};

/// The bit of what is new: all that was never computed.
const NEW: u32 = 63;

/// The bit of a parameter, of so many.
pub fn bit(param: usize, count: usize) -> u64 {
    1 << (param * NEW as usize / count.max(1)).min(NEW as usize - 1)
}

/// For each value that nothing but parameters move: the bits of those that it hangs on.
pub fn bits(graph: &Graph, info: &GraphInfo) -> Vec<u64> {
    let (mut bits, still) = (vec![0; graph.nodes.len()], still(graph, info));
    for &id in &info.order {
        bits[id.index()] = match graph.node(id) {
            Node::Param(p) => bit(p.index(), graph.params.len()),
            node if still[id.index()] => operands(node).iter().fold(0, |all, n| all | bits[n.index()]),
            _ => 0,
        };
    }
    bits
}

/// The bits by which a region of block rate is computed.
pub fn of_region(region: &Region, bits: &[u64]) -> u64 {
    let of = |item: &super::Item| match item {
        super::Item::Node(id) | super::Item::Line(id) | super::Item::Copy(id) => bits[id.index()],
        super::Item::Write(_) => 0,
    };
    region.items.iter().fold(1 << NEW, |all, item| all | of(item))
}

/// The bits of the parameters that each part hears ([`crate::graph::idle`]); those of part `i + 1` are the `i`th.
pub fn of_parts(graph: &Graph, bits: &[u64], of: &[u8], rings: &[u8], parts: usize) -> Vec<u64> {
    let mut all = vec![1 << NEW; parts + 1];
    for (node, &part) in graph.nodes.iter().zip(of) {
        let fed = if let Node::Read(c) = node { graph.cells[c.index()].next } else { None };
        // Copies of a bank hear what it does.
        let Some(all) = all.get_mut(usize::from(part)) else { continue };
        *all |= operands(node).iter().chain(&fed).fold(0, |all, n| all | bits[n.index()]);
    }
    for (ring, &part) in graph.rings.iter().zip(rings) {
        all[usize::from(part)] |= ring.input.map_or(0, |n| bits[n.index()]);
    }
    all.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::{NEW, bit};

    #[test]
    fn parameters_share_bits_with_neighbours_only_and_never_that_of_what_is_new() {
        for count in [1, 2, 62, 63, 64, 200, 5000] {
            let all: Vec<u64> = (0..count).map(|p| bit(p, count)).collect();
            assert!(all.windows(2).all(|pair| pair[0] <= pair[1]), "{count}");
            assert!(count > 63 || all.windows(2).all(|pair| pair[0] < pair[1]), "{count}");
            assert!(all.iter().all(|bit| bit.count_ones() == 1 && bit >> NEW == 0), "{count}");
        }
    }
}
