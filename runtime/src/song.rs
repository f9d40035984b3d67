//! A song as what it plays in the order of time: its sections, with nested songs opened.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::launcher::bars;
use modurust_compiler::program::Timing;
use modurust_compiler::score::Ratio;
use modurust_compiler::score::timeline::{Arrangement, Play, Timeline};

/// Deepest nesting of songs.
const DEPTH: usize = 8;

/// A section of a song, nested songs opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// What plays.
    pub scene: u32,
    /// Its length in bars.
    pub length: Ratio,
    /// How long the section before fades out while it fades in, in bars.
    pub fade: Ratio,
}

/// The `n`th section of a song in the order of time, nested songs opened. A section that plays a song
/// lasts as long as it says; what of the song lies beyond is left out.
pub fn section_of(timeline: &Timeline, timing: &Timing, song: &Arrangement, n: usize) -> Option<Part> {
    let mut left = n;
    walk(timeline, timing, song, None, DEPTH, &mut left)
}

fn walk(
    timeline: &Timeline,
    timing: &Timing,
    song: &Arrangement,
    room: Option<Ratio>,
    depth: usize,
    left: &mut usize,
) -> Option<Part> {
    let mut room = room;
    for section in &song.sections {
        let mut length = bars(section.length, timing);
        if let Some(room) = room {
            length = length.min(room);
        }
        if !length.is_positive() {
            continue;
        }
        match section.play {
            Play::Scene(scene) if *left == 0 => {
                let fade = section.xfade.map_or(Ratio::ZERO, |fade| bars(fade, timing).min(length));
                return Some(Part { scene, length, fade });
            }
            Play::Scene(_) => *left -= 1,
            Play::Arrangement(inner) if depth > 0 => {
                let inner = timeline.arrangements.get(inner as usize)?;
                if let Some(found) = walk(timeline, timing, inner, Some(length), depth - 1, left) {
                    return Some(found);
                }
            }
            Play::Arrangement(_) => {}
        }
        room = room.map(|room| room - length);
    }
    None
}

/// Length of a song in bars.
pub fn song_length(timeline: &Timeline, timing: &Timing, song: &Arrangement) -> Ratio {
    let lengths = (0..100_000).map_while(|n| section_of(timeline, timing, song, n));
    lengths.fold(Ratio::ZERO, |sum, part| sum + part.length)
}
