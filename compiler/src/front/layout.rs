//! Where the places of parts lie in the tree of names of the whole.
//!
//! The arena has the places of this text and of earlier ones; a text has its own, part by part. The tree of the last text is not thrown
//! away: parts that stay are brought where they belong ([`super::runs`]), and only those that are new are written. Where a
//! patch still holds the tree, it is copied first, and where nothing is another it is shared.
//!
//! That works since a place hangs on the root or on another of its own part. Were it not so somewhere, all is laid out anew.

use crate::front::parts::{Ends, Part};
use crate::front::runs::{self, Move};
use crate::graph::{Frame, FrameId, Graph};
use std::sync::Arc;

/// Nothing of this text.
const NONE: u32 = u32::MAX;

/// The pieces of a part in the arenas.
pub(super) type Pieces = Arc<[(Ends, Ends)]>;

/// The tree of names of a text.
#[derive(Default)]
pub(super) struct Layout {
    frames: Arc<Vec<Frame>>,
    /// By place of the arena, where it went.
    of: Vec<u32>,
    laid: Vec<Laid>,
}

/// A part in the tree.
struct Laid {
    serial: u64,
    start: u32,
    count: u32,
    pieces: Pieces,
}

impl Laid {
    /// Its places in the arena, without the root, which nobody made.
    fn ids(&self) -> impl Iterator<Item = u32> + use<> {
        let pieces = Arc::clone(&self.pieces);
        (0..pieces.len()).flat_map(move |i| pieces[i].0.frames.max(1)..pieces[i].1.frames)
    }
}

impl Layout {
    /// Where a place of the arena went; the root for what is not of this text.
    pub fn frame(&self, id: FrameId) -> FrameId {
        match self.of.get(id.index()) {
            Some(&new) if new != NONE => FrameId(new),
            _ => FrameId(0),
        }
    }

    /// The tree.
    pub fn frames(&self) -> Arc<Vec<Frame>> {
        Arc::clone(&self.frames)
    }

    /// Lays out the parts of a text. False if all is where it was.
    pub fn lay<'p>(&mut self, arena: &Graph, parts: impl Iterator<Item = &'p Part>) -> bool {
        let (mut now, mut next, mut anew) = (Vec::with_capacity(self.laid.len() + 8), 1, self.frames.is_empty());
        for &Part { serial, ref pieces, closed, .. } in parts {
            anew |= !closed;
            let count: u32 = pieces.iter().map(|(from, to)| to.frames.saturating_sub(from.frames.max(1))).sum();
            if count > 0 {
                now.push(Laid { serial, start: next, count, pieces: Arc::clone(pieces) });
                next += count;
            }
        }
        if anew {
            self.laid.clear();
            Arc::make_mut(&mut self.frames).splice(.., [arena.frames[0].clone()]);
            self.of.clear();
        }
        self.of.resize(self.of.len().max(arena.frames.len()), NONE);
        let same = |(old, new): (&Laid, &Laid)| (old.serial, old.start) == (new.serial, new.start);
        if self.laid.len() == now.len() && self.laid.iter().zip(&now).all(same) {
            return anew;
        }
        let serials = |all: &[Laid]| all.iter().map(|laid| laid.serial).collect::<Vec<_>>();
        let kept = runs::kept(&serials(&self.laid), &serials(&now));
        self.place(arena, &now, &kept, next);
        self.laid = now;
        true
    }

    /// Moves the places of parts that were in the last text, and writes those of others.
    fn place(&mut self, arena: &Graph, now: &[Laid], kept: &[Option<usize>], length: u32) {
        let mut gone = vec![true; self.laid.len()];
        kept.iter().flatten().for_each(|at| gone[*at] = false);
        for (laid, _) in self.laid.iter().zip(gone).filter(|(_, gone)| *gone) {
            laid.ids().for_each(|id| self.of[id as usize] = NONE);
        }
        let known: Vec<Option<u32>> = kept.iter().map(|at| Some(self.laid[(*at)?].start)).collect();
        let pairs = || now.iter().zip(&known);
        for (new, _) in pairs().filter(|(new, from)| **from != Some(new.start)) {
            new.ids().zip(new.start..).for_each(|(id, at)| self.of[id as usize] = at);
        }
        let frames = Arc::make_mut(&mut self.frames);
        let run = |(new, from): (&Laid, &Option<u32>)| Some(Move { from: (*from)?, to: new.start, count: new.count });
        runs::slide(frames, &pairs().filter_map(run).collect::<Vec<_>>(), length, &arena.frames[0]);
        for (new, from) in pairs().filter(|(new, from)| **from != Some(new.start)) {
            let places = &mut frames[new.start as usize..(new.start + new.count) as usize];
            match from {
                Some(from) => {
                    let by = new.start.wrapping_sub(*from);
                    let parents = places.iter_mut().filter_map(|place| place.parent.as_mut());
                    parents.filter(|parent| parent.0 > 0).for_each(|parent| parent.0 = parent.0.wrapping_add(by));
                }
                None => {
                    for (place, id) in places.iter_mut().zip(new.ids()) {
                        let own = &arena.frames[id as usize];
                        let of = |parent: FrameId| FrameId(if parent.0 == 0 { 0 } else { self.of[parent.index()] });
                        *place = Frame { parent: own.parent.map(of), label: Arc::clone(&own.label), ..*own };
                    }
                }
            }
        }
    }
}

/// True if all places of a part hang on the root or on each other.
pub(super) fn is_closed(arena: &Graph, pieces: &[(Ends, Ends)]) -> bool {
    let own = |id: FrameId| id.0 == 0 || pieces.iter().any(|(from, to)| (from.frames..to.frames).contains(&id.0));
    let all = pieces.iter().flat_map(|(from, to)| &arena.frames[from.frames as usize..to.frames as usize]);
    all.filter_map(|frame| frame.parent).all(own)
}
