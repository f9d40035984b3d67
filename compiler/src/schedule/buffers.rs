//! Where values wait between regions.
//!
//! A value that another region needs gets a buffer from the region that computes it until the last that reads it; then its
//! place is used again. Outputs keep theirs for the engine to read. Block-rate values and the ends of lines have small places
//! of their own.

use super::rest::Rest;
use super::{Access, Item, Kind, Region, needs, resolve};
use crate::exec::{buffer_len, padded};
use crate::graph::check::GraphInfo;
use crate::graph::few::Few;
use crate::graph::idle::Parts;
use crate::graph::{Graph, NodeId};
use rustc_hash::FxHashMap as HashMap;

/// Places in the scratch.
pub struct Buffers {
    /// Start of each node's buffer, if it has one.
    pub home: Vec<Option<u32>>,
    /// Start of the place of each block-rate value and line, if it has one.
    pub block: Vec<Option<u32>>,
    /// Size of the scratch in words.
    pub words: usize,
}

/// Gives every value that crosses regions a place.
pub fn buffers(
    graph: &Graph,
    info: &GraphInfo,
    access: &[Access],
    regions: &[Region],
    parts: &Parts,
    few: &[Few],
    rests: &HashMap<NodeId, Rest>,
) -> Buffers {
    const NEVER: usize = usize::MAX;
    let mut maker: Vec<Option<usize>> = vec![None; graph.nodes.len()];
    let mut last: Vec<usize> = vec![0; graph.nodes.len()];
    let mut crosses = vec![false; graph.nodes.len()];
    // What others read of a part that may sleep stays where it is, for nobody else.
    let mut stays = vec![false; graph.nodes.len()];
    for (r, region) in regions.iter().enumerate() {
        for item in &region.items {
            if let Item::Node(id) | Item::Line(id) | Item::Copy(id) = item {
                maker[id.index()].get_or_insert(r);
            }
        }
    }
    for (r, region) in regions.iter().enumerate() {
        for &item in &region.items {
            needs(graph, access, item, |n| {
                // A value made later is the next value of a cell whose reading region came first; regions forbid that.
                if maker[n.index()].is_some_and(|m| m != r) {
                    crosses[n.index()] = true;
                    last[n.index()] = last[n.index()].max(r);
                    let home = regions[maker[n.index()].unwrap_or(r)].part;
                    stays[n.index()] |= home != 0 && home != region.part;
                }
            });
        }
    }
    for out in &graph.outs {
        let id = resolve(access, out.node);
        crosses[id.index()] = true;
        last[id.index()] = NEVER;
        stays[id.index()] |= parts.of[id.index()] != 0;
    }
    // Somebody looks there whether they are zero.
    for guard in parts.parts.iter().flat_map(|part| &part.guards).chain(few.iter().flat_map(|few| &few.guards)) {
        let id = resolve(access, *guard);
        crosses[id.index()] = true;
        stays[id.index()] = true;
    }
    let mut plan = Buffers { home: vec![None; graph.nodes.len()], block: vec![None; graph.nodes.len()], words: 0 };
    let mut free: HashMap<usize, Vec<u32>> = HashMap::default();
    let mut open: Vec<NodeId> = Vec::new();
    for (r, region) in regions.iter().enumerate().filter(|(_, region)| region.kind != Kind::Block) {
        for item in &region.items {
            let (Item::Node(id) | Item::Copy(id)) = *item else { continue };
            if !crosses[id.index()] {
                continue;
            }
            let size = buffer_len(info.lanes[id.index()]);
            let used = if stays[id.index()] { None } else { free.get_mut(&size).and_then(Vec::pop) };
            let at = used.unwrap_or_else(|| {
                plan.words += size;
                (plan.words - size) as u32
            });
            plan.home[id.index()] = Some(at);
            if !stays[id.index()] {
                open.push(id);
            }
        }
        open.retain(|id| {
            let keep = last[id.index()] > r;
            if !keep {
                free.entry(buffer_len(info.lanes[id.index()])).or_default().extend(plan.home[id.index()]);
            }
            keep
        });
    }
    few.iter().flat_map(|few| &few.given).for_each(|(id, _)| crosses[id.index()] = true);
    rests.values().for_each(|rest| crosses[rest.twin.index()] = true);
    for (id, access) in access.iter().enumerate() {
        let lanes = padded(info.lanes[id]);
        let words = match access {
            Access::Block if crosses[id] => lanes,
            Access::Line => lanes * 2,
            _ => continue,
        };
        // No vector crosses a cache line.
        plan.words = plan.words.next_multiple_of(lanes.min(16));
        plan.block[id] = Some(plan.words as u32);
        plan.words += words;
    }
    // Sums of few voices are stored where those of all are.
    for (sum, few) in few.iter().flat_map(|few| &few.sums) {
        plan.home[few.index()] = plan.home[sum.index()];
    }
    plan
}
