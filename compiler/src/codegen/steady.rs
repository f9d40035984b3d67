//! Regions twice: for delays that move, and for delays that rest.
//!
//! A delay that is a number of the text is drawn as a line, so that it can move; then every frame has a place of its own to read at.
//! Nearly always it rests, and a line that rests is where it began: what is read is one piece for the whole quantum. A region with
//! such delays is written both ways, and decides for every quantum by the slopes that were left for its lines. Both ways compute the
//! same bits. What else is worked out of these lines alone is taken as a number where they rest ([`crate::schedule::rest`]).

use crate::codegen::x86::asm::{Patch, Written};
use crate::exec::{Quantum, padded};
use crate::graph::{Graph, Node, NodeId};
use crate::schedule::{Access, Item, Kind, Region, Schedule, resolve};
use std::mem::offset_of;

/// The words of the scratch that are 0 while all lines rest by which taps of a region are delayed.
pub fn slopes(graph: &Graph, schedule: &Schedule, region: &Region) -> Vec<u32> {
    let word = |line: NodeId| {
        let lanes = schedule.info.lanes[line.index()];
        let slope = schedule.block[line.index()].map(|at| at + padded(lanes) as u32);
        slope.into_iter().flat_map(move |at| at..at + lanes)
    };
    let mut words: Vec<u32> = lines(graph, schedule, region).into_iter().flat_map(word).collect();
    words.sort_unstable();
    words
}

/// The lines by which those taps of a region are delayed that read in one piece while these rest.
pub fn lines(graph: &Graph, schedule: &Schedule, region: &Region) -> Vec<NodeId> {
    let mut all = Vec::new();
    for item in &region.items {
        let Item::Node(id) = item else { continue };
        let Node::Tap(ring, delay) = graph.node(*id) else { continue };
        let delay = resolve(&schedule.access, *delay);
        let lanes = schedule.info.lanes[delay.index()];
        let one_piece = lanes == 1 || lanes == graph.rings[ring.index()].lanes && region.kind != Kind::Mixed;
        if !one_piece {
            continue;
        }
        match (schedule.access[delay.index()], schedule.rests.get(&delay)) {
            (Access::Line, _) => all.push(delay),
            (_, Some(rest)) => all.extend(&rest.lines),
            _ => {}
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Code that goes on with `rests` if the words at all these places are 0, of either sign, and with `moves` if not. All three begin
/// at multiples of 64 bytes.
pub fn either(places: &[u32], rests: &Written, moves: &Written) -> Written {
    let mut patches = Vec::new();
    let mut code = vec![0x48, 0x8b, 0x87]; // mov rax, [rdi + buffers]
    code.extend((offset_of!(Quantum, buffers) as i32).to_le_bytes());
    code.extend([0x31, 0xc9]); // xor ecx, ecx
    for &place in places {
        code.extend([0x0b, 0x88]); // or ecx, [rax + word]
        patches.push(Patch { at: code.len() as u32, place });
        code.extend([0; 4]);
    }
    code.extend([0x01, 0xc9]); // add ecx, ecx: the sign goes
    let first = (code.len() + 11).next_multiple_of(64);
    let second = (first + rests.bytes.len()).next_multiple_of(64);
    for (jump, target) in [(&[0x0f, 0x84][..], first), (&[0xe9][..], second)] {
        code.extend(jump);
        let distance = target - (code.len() + 4);
        code.extend((distance as i32).to_le_bytes());
    }
    for (start, part) in [(first, rests), (second, moves)] {
        code.resize(start, 0xcc);
        code.extend(&part.bytes);
        patches.extend(part.patches.iter().map(|patch| Patch { at: patch.at + start as u32, ..*patch }));
    }
    Written { bytes: code, patches }
}
