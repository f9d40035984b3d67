//! The loop of a region: what it carries, and where that is kept.
//!
//! Whatever changes from frame to frame is carried by the loop in registers. Everything else has an address that was computed
//! before the loop. [`Body`] fills the loop.

use crate::codegen::body::{Body, carried, words_of};
use crate::codegen::machine::{At, Base, Carry, Machine, Shape};
use crate::exec::padded;
use crate::graph::{Graph, QUANTUM};
use crate::schedule::{Kind, Region, Schedule};

/// Emits the code of a region; `rests` says that delays which could move do not ([`crate::codegen::steady`]).
pub fn region<M: Machine>(m: &mut M, graph: &Graph, schedule: &Schedule, region: &Region, rests: bool) {
    let full = m.lanes();
    let mut body = Body::new(m, graph, schedule, region, rests);
    if region.kind == Kind::Block {
        region.items.iter().for_each(|&item| body.item(item));
        return;
    }
    let step = words_of(region, full);
    let (pad, groups) = match region.kind {
        Kind::Flat(n) => (padded(n) as u32, None),
        Kind::Uniform(n) => {
            let pad = padded(n) as u32;
            let (step, all) = (region.groups * full, n.next_multiple_of(full.min(pad)));
            (pad, (all > step).then_some((step, all)))
        }
        Kind::Scalar | Kind::Mixed | Kind::Block => (1, None),
    };
    debug_assert!((QUANTUM as u32).is_multiple_of(step));
    let mut carries = Vec::new();
    let mut counts = Vec::new();
    for &id in &region.cells {
        let cell = &graph.cells[id.index()];
        let (count, width) = carried(region, cell.lanes, full);
        let at = At { base: Base::State, frame: 0, grouped: true, word: schedule.state.cells[id.index()] as i32 };
        // In code without loops of values only the last frame of what is carried counts.
        let pad = padded(cell.lanes) as u32;
        let last = if matches!(region.kind, Kind::Flat(_)) && pad < full { pad } else { 0 };
        carries.extend((0..count).map(|g| Carry { ty: cell.ty, width, at: at.plus(g * width as usize), last }));
        counts.push(count);
    }
    let values = body.m.open(Shape { step, pad, groups }, &carries);
    let mut values = values.into_iter();
    for (&id, count) in region.cells.iter().zip(counts) {
        body.carry(id, values.by_ref().take(count).collect());
    }
    region.items.iter().for_each(|&item| body.item(item));
    let next: Vec<_> = region.cells.iter().flat_map(|&cell| body.next(cell)).collect();
    body.m.close(&next);
}
