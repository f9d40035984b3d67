//! What moves by the text: lanes of sections, and automation.
//!
//! The value of everything that moves is a function of the position in the song, worked out anew once a quantum from the text alone.
//! So a jump needs no chase: what a section before has left behind is found by looking back to it. Between two quanta the value is
//! drawn as a line; a jump of a `hold` lies within one quantum (1.3 ms) of its place.

use crate::launcher::bars;
use modurust_compiler::program::Timing;
use modurust_compiler::score::timeline::{Arrangement, Automation, Motion, Play, Section, Target, Timeline};
use modurust_compiler::score::{EventBuf, Ratio, Score, line};

/// Deepest nesting of songs.
const DEPTH: usize = 8;

/// What the values of lanes are worked out from.
#[derive(Clone, Copy)]
pub struct Lanes<'a> {
    /// The text.
    pub timeline: &'a Timeline,
    /// Its tempo, for lengths in seconds.
    pub timing: &'a Timing,
    /// Its patterns.
    pub score: &'a Score,
}

impl Lanes<'_> {
    /// Calls `f` with every target that a song moves, and its value at a position since the song's begin. Where several sections
    /// move one target, the last call is the one that counts.
    pub fn of_song(&self, song: &Arrangement, at: Ratio, room: &mut EventBuf, f: &mut dyn FnMut(&Target, f64)) {
        self.walk(song, Ratio::ZERO, None, at, (DEPTH, room), f);
    }

    fn walk(
        &self,
        song: &Arrangement,
        begin: Ratio,
        room: Option<Ratio>,
        at: Ratio,
        (depth, events): (usize, &mut EventBuf),
        f: &mut dyn FnMut(&Target, f64),
    ) {
        let (mut begin, mut room) = (begin, room);
        for section in &song.sections {
            let mut length = bars(section.length, self.timing);
            if let Some(room) = room {
                length = length.min(room);
            }
            if begin > at {
                return;
            }
            if !length.is_positive() {
                continue;
            }
            if let Play::Arrangement(inner) = section.play
                && depth > 0
                && let Some(inner) = self.timeline.arrangements.get(inner as usize)
            {
                self.walk(inner, begin, Some(length), at, (depth - 1, events), f);
            }
            self.of_section(section, length, (at - begin).min(length), events, f);
            begin = begin + length;
            room = room.map(|room| room - length);
        }
    }

    fn of_section(
        &self,
        section: &Section,
        length: Ratio,
        at: Ratio,
        room: &mut EventBuf,
        f: &mut dyn FnMut(&Target, f64),
    ) {
        for lane in &section.lanes {
            let value = match lane.motion {
                Motion::Fixed(value) => Some(value),
                Motion::Line { from, to, over, curve } => {
                    let over = over.map_or(length, |l| bars(l, self.timing));
                    Some(line(from, to, at.to_f64() / over.to_f64(), curve))
                }
                Motion::Pattern(pattern) => {
                    room.clear();
                    self.score.query(pattern, at, at + Ratio::new(1, 4096), room);
                    room.events().iter().find(|e| e.part.0 == at).and_then(|e| e.value.number())
                }
            };
            if let Some(value) = value {
                f(&lane.target, value);
            }
        }
    }

    /// The value of an automation at a position since the begin of the song; before its first point there is none.
    pub fn of_automation(&self, automation: &Automation, at: Ratio) -> Option<f64> {
        let place = |i: usize| automation.points.get(i).map(|p| bars(p.at, self.timing));
        let next = (0..automation.points.len()).find(|i| place(*i).is_some_and(|p| p > at));
        let next = next.unwrap_or(automation.points.len());
        let before = automation.points.get(next.checked_sub(1)?)?;
        let (Some(after), Some(from), Some(to)) = (automation.points.get(next), place(next - 1), place(next)) else {
            return Some(before.value);
        };
        Some(line(before.value, after.value, ((at - from) / (to - from)).to_f64(), after.curve))
    }
}
