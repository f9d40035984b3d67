//! Commands in the words of the program that came in between.
//!
//! A command names a parameter, a clip or a scene by its number in the program that its sender saw. The audio thread may have taken
//! another program in that very moment; the command means the same thing there, under another number or under none. Every parcel
//! brings the table for this ([`Bridge`]), made on the control side; the engine keeps that of the newest program. One bridge is
//! enough: commands that were sent before a program was published are carried out before it is taken.
//!
//! The same table turns what a text asked for into the words of the next text, where the first was called back before it played.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::launcher::{GoOn, Jump, Links, Move, Order, What, Wish};
use modurust_compiler::program::Program;

/// Numbers of one program in another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bridge {
    /// Number of the program before.
    pub from: u64,
    /// For each old parameter the new one.
    params: Vec<Option<u32>>,
    /// Sets, scenes and songs.
    pub links: Links,
}

impl Bridge {
    /// From the program numbered `from` to another. `params` are pairs of new and old.
    pub fn between(old: &Program, from: u64, new: &Program, params: &[(usize, usize)]) -> Bridge {
        let mut table = vec![None; old.params.len()];
        for &(new, old) in params {
            if let Some(slot) = table.get_mut(old) {
                *slot = Some(new as u32);
            }
        }
        Bridge { from, params: table, links: Links::between(&old.timeline, &new.timeline) }
    }

    /// The new number of a parameter.
    pub fn param(&self, old: u32) -> Option<u32> {
        self.params.get(old as usize).copied().flatten()
    }

    /// A wish in the new numbers, if what it speaks of is still there.
    pub fn wish(&self, wish: Wish) -> Option<Wish> {
        Some(match wish {
            Wish::Order(order) => Wish::Order(Order { what: self.what(order.what)?, ..order }),
            Wish::Move(to) => Wish::Move(Move { param: self.param(to.param)?, ..to }),
            Wish::GoOn(on) => {
                let What::Set(set) = self.what(What::Set(on.set))? else { return None };
                let clip = match on.clip {
                    Some(clip) => match self.what(What::Clip { set: on.set, clip })? {
                        What::Clip { clip, .. } => Some(clip),
                        _ => return None,
                    },
                    None => None,
                };
                Wish::GoOn(GoOn { set, clip, ..on })
            }
            Wish::Jump(jump) => Wish::Jump(Jump { song: self.song(jump.song)?, ..jump }),
        })
    }

    fn what(&self, what: What) -> Option<What> {
        let set = |old: u32| self.links.sets.iter().position(|link| link.from == Some(old as usize));
        Some(match what {
            What::Clip { set: old, clip } => {
                let set = set(old)?;
                What::Clip { set: set as u32, clip: self.links.sets[set].clip(clip)? }
            }
            What::Set(old) => What::Set(set(old)? as u32),
            What::Scene(old) => What::Scene(self.links.scenes.get(old as usize).copied().flatten()?),
            What::Song(old) => What::Song(self.song(old)?),
            What::All => What::All,
        })
    }

    fn song(&self, old: u32) -> Option<u32> {
        self.links.songs.get(old as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::silence;
    use crate::launcher::{Quantise, Wish};
    use modurust_compiler::lang::{FileId, Span};
    use modurust_compiler::score::timeline::{Clip, ClipSet, Place, Timeline};
    use std::sync::Arc;

    fn program(sets: &[(&str, &[&str])], params: usize) -> Program {
        let place = Place { file: FileId(0), span: Span::default() };
        let clip = |name: &&str| Clip { name: name.to_string(), pattern: None, length: None, then: Vec::new(), place };
        let set = |(strip, clips): &(&str, &[&str])| ClipSet {
            strip: strip.to_string(),
            binding: strip.to_string(),
            clips: clips.iter().map(clip).collect(),
            place,
        };
        let timeline = Timeline { sets: sets.iter().map(set).collect(), ..Timeline::default() };
        let params = Arc::new(vec![0.0; params]);
        Program { timeline: Arc::new(timeline), params, ..silence(48_000).unwrap() }
    }

    #[test]
    fn numbers_follow_their_names() {
        let old = program(&[("a", &["x", "y"]), ("b", &["z"])], 3);
        let new = program(&[("c", &["w"]), ("b", &["v", "z"]), ("a", &["y"])], 4);
        let bridge = Bridge::between(&old, 7, &new, &[(3, 0), (1, 2)]);
        let order = |what| Wish::Order(Order { what, launch: true, legato: false, at: Quantise::Now });
        let clip = |set, clip| order(What::Clip { set, clip });
        assert_eq!(
            (bridge.param(0), bridge.param(1), bridge.param(2), bridge.param(9)),
            (Some(3), None, Some(1), None)
        );
        assert_eq!(bridge.wish(clip(0, 1)), Some(clip(2, 0)));
        assert_eq!(bridge.wish(clip(1, 0)), Some(clip(1, 1)));
        assert_eq!(bridge.wish(clip(0, 0)), None, "`x` is gone");
        assert_eq!(bridge.wish(order(What::Set(0))), Some(order(What::Set(2))));
        assert_eq!(bridge.wish(order(What::All)), Some(order(What::All)));
        assert_eq!(bridge.wish(order(What::Scene(0))), None);
        let mute = |param| Wish::Move(Move { at: Quantise::Now, param, value: 1.0 });
        assert_eq!(bridge.wish(mute(2)), Some(mute(1)));
    }
}
