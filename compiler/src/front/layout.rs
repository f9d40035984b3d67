//! Where the places of parts lie in the tree of names of the whole.
//!
//! The arena has the places of this text and of earlier ones; a text has its own, part by part. The tree of the last text is not thrown
//! away: parts that come to lie where they lay stay, others are moved along, and only those that are new are written. Where a
//! patch still holds the tree, it is copied first, and where nothing is another it is shared.
//!
//! That works since a place hangs on the root or on another of its own part. Were it not so somewhere, all is laid out anew.

use crate::front::parts::{Ends, Part};
use crate::graph::{Frame, FrameId, Graph};
use std::sync::Arc;
use std::vec::IntoIter;

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
        let stays = |(old, new): &(&Laid, &Laid)| (old.serial, old.start) == (new.serial, new.start);
        let head = self.laid.iter().zip(&now).take_while(stays).count();
        if head == now.len() && head == self.laid.len() {
            return anew;
        }
        let gone = self.laid.split_off(head);
        gone.iter().flat_map(Laid::ids).for_each(|id| self.of[id as usize] = NONE);
        for laid in &now[head..] {
            laid.ids().zip(laid.start..).for_each(|(id, at)| self.of[id as usize] = at);
        }
        self.place(arena, &now[head..], gone.into_iter());
        self.laid = now;
        true
    }

    /// Writes the places of parts that are not where they were: over others as long as these are as many, else behind the rest, moved
    /// there if they were in the last text.
    fn place(&mut self, arena: &Graph, now: &[Laid], mut gone: IntoIter<Laid>) {
        let of = |id: FrameId| FrameId(self.of[id.index()]);
        let written = |id: u32| {
            let Frame { parent, ref label, named, hint } = arena.frames[id as usize];
            Frame {
                parent: parent.map(|parent| if parent.0 == 0 { parent } else { of(parent) }),
                label: Arc::clone(label),
                named,
                hint,
            }
        };
        let frames = Arc::make_mut(&mut self.frames);
        let mut now = now.iter();
        let mut next = now.next();
        while let (Some(new), Some(old)) = (next, gone.as_slice().first()) {
            if (new.start, new.count) != (old.start, old.count) {
                break;
            }
            if new.serial != old.serial {
                new.ids().zip(new.start as usize..).for_each(|(id, at)| frames[at] = written(id));
            }
            gone.next();
            next = now.next();
        }
        let Some(first) = next else {
            let end = gone.as_slice().first().map_or(frames.len(), |old| old.start as usize);
            return frames.truncate(end);
        };
        let (mut rest, mut at) = (frames.split_off(first.start as usize).into_iter(), first.start);
        for new in std::iter::once(first).chain(now) {
            let known = gone.as_slice().iter().position(|old| old.serial == new.serial);
            let Some(old) = known.and_then(|n| gone.nth(n)) else {
                frames.extend(new.ids().map(written));
                continue;
            };
            if let Some(skip) = (old.start - at).checked_sub(1) {
                rest.nth(skip as usize);
            }
            at = old.start + old.count;
            frames.extend(rest.by_ref().take(old.count as usize).map(|mut frame| {
                if let Some(parent) = frame.parent.as_mut().filter(|parent| parent.0 > 0) {
                    parent.0 = parent.0 - old.start + new.start;
                }
                frame
            }));
        }
    }
}

/// True if all places of a part hang on the root or on each other.
pub(super) fn is_closed(arena: &Graph, pieces: &[(Ends, Ends)]) -> bool {
    let own = |id: FrameId| id.0 == 0 || pieces.iter().any(|(from, to)| (from.frames..to.frames).contains(&id.0));
    let all = pieces.iter().flat_map(|(from, to)| &arena.frames[from.frames as usize..to.frames as usize]);
    all.filter_map(|frame| frame.parent).all(own)
}
