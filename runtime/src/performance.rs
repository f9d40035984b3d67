//! The control side of a performance: names to numbers, taps to a tempo, cues to positions, and what there is to see.
//!
//! A front end speaks of `drums.fill`, of `drop` or of `song`; the audio side knows only numbers of the program that plays. What the
//! audio side tells ([`Happened`]) is kept here as a picture for views and as a list from which an arrangement can be written
//! ([`capture`]).

use crate::launcher::{Happened, Links, SetView, What};
use modurust_compiler::score::Ratio;
use modurust_compiler::score::timeline::{SetId, Timeline};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Taps further apart than this begin anew.
const PATIENCE: Duration = Duration::from_secs(2);
/// Taps that count.
const TAPS: usize = 8;
/// Launches that are remembered for capture.
const REMEMBERED: usize = 10_000;

/// Taps and cues of a session.
#[derive(Debug, Default)]
pub struct Desk {
    taps: Vec<Instant>,
    cues: BTreeMap<String, Ratio>,
}

impl Desk {
    /// A tap on the beat: beats per minute, from the second tap on, to a tenth.
    pub fn tap(&mut self, now: Instant) -> Option<Ratio> {
        if self.taps.last().is_some_and(|last| now.saturating_duration_since(*last) > PATIENCE) {
            self.taps.clear();
        }
        self.taps.push(now);
        if self.taps.len() > TAPS {
            self.taps.remove(0);
        }
        let span = now.saturating_duration_since(*self.taps.first()?).as_secs_f64();
        let beats = self.taps.len() - 1;
        if beats == 0 || span <= 0.0 {
            return None;
        }
        let bpm = (600.0 * beats as f64 / span).round() as i64;
        Some(Ratio::new(bpm.clamp(10, 20_000), 10))
    }

    /// Names a position.
    pub fn set_cue(&mut self, name: String, at: Ratio) {
        self.cues.insert(name, at);
    }

    /// The position of a name.
    pub fn cue(&self, name: &str) -> Option<Ratio> {
        self.cues.get(name).copied()
    }
}

/// What a name can launch or stop: `drums.fill` a clip, `drums` its set, `drop` a scene, `song` an arrangement.
pub fn resolve(timeline: &Timeline, path: &str) -> Option<What> {
    if let Some((track, clip)) = path.rsplit_once('.') {
        return timeline.sets_of(track).find_map(|set| {
            let clip = timeline.set(set)?.find(clip)?;
            Some(What::Clip { set: set.0, clip })
        });
    }
    if let Some(scene) = timeline.scene(path) {
        return Some(What::Scene(scene));
    }
    if let Some(song) = timeline.arrangement(path) {
        return Some(What::Song(song));
    }
    timeline.sets_of(path).next().map(|SetId(set)| What::Set(set))
}

/// What views see of a performance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Each set of clips, in the order of the timeline.
    pub sets: Vec<SetView>,
    /// The scene that was launched last.
    pub scene: Option<u32>,
    /// The song that plays.
    pub song: Option<u32>,
    /// What was launched, in order.
    pub launched: Vec<Happened>,
}

impl Picture {
    fn view(&mut self, set: u32) -> &mut SetView {
        let set = set as usize;
        if self.sets.len() <= set {
            self.sets.resize(set + 1, SetView::default());
        }
        &mut self.sets[set]
    }

    /// Goes over to the numbers of the program that plays from now on. What is gone is a set that is silent, or nothing.
    pub fn follow(&mut self, links: &Links) {
        let set = |old: u32| links.sets.iter().position(|link| link.from == Some(old as usize));
        let clip = |set: usize, old: Option<u32>| old.and_then(|clip| links.sets[set].clip(clip));
        let view = |set: usize| {
            let old = links.sets[set].from.and_then(|from| self.sets.get(from)).copied().unwrap_or_default();
            let queued = old.queued.filter(|(what, _)| what.is_none() || clip(set, *what).is_some());
            SetView { playing: clip(set, old.playing), queued: queued.map(|(what, at)| (clip(set, what), at)), ..old }
        };
        let sets = (0..links.sets.len()).map(view).collect();
        let scene = |old: u32| links.scenes.get(old as usize).copied().flatten();
        let song = |old: u32| links.songs.get(old as usize).copied().flatten();
        self.launched.retain_mut(|happened| match happened {
            Happened::Clip { set: number, clip: what, .. } | Happened::Queued { set: number, clip: what, .. } => {
                let found = set(*number);
                if let Some(found) = found {
                    (*number, *what) = (found as u32, clip(found, *what));
                }
                found.is_some()
            }
            Happened::Scene { scene: number, .. } => {
                let found = scene(*number);
                *number = found.unwrap_or(*number);
                found.is_some()
            }
            Happened::Song { song: number, .. } => {
                *number = number.and_then(song);
                true
            }
        });
        (self.sets, self.scene, self.song) = (sets, self.scene.and_then(scene), self.song.and_then(song));
    }

    /// Takes in what the audio side told.
    pub fn take(&mut self, happened: Happened) {
        match happened {
            Happened::Clip { set, clip, since, by_hand, .. } => {
                *self.view(set) = SetView { playing: clip, origin: clip.map(|_| since), by_hand, ..SetView::default() };
            }
            Happened::Queued { set, clip, at } => self.view(set).queued = Some((clip, at)),
            Happened::Scene { scene, .. } => self.scene = Some(scene),
            Happened::Song { song, .. } => self.song = song,
        }
        if !matches!(happened, Happened::Queued { .. }) && self.launched.len() < REMEMBERED {
            self.launched.push(happened);
        }
    }
}

/// What was launched as the text of scenes and an arrangement that play it again: one scene for each combination of clips that
/// sounded, one section for each stretch of time between launches, from `begin` to `end` in bars.
pub fn capture(timeline: &Timeline, launched: &[Happened], begin: Ratio, end: Ratio) -> String {
    let mut playing: Vec<Option<u32>> = vec![None; timeline.sets.len()];
    let mut stretches: Vec<(Ratio, Vec<Option<u32>>)> = Vec::new();
    // Where a clip that played already was launched once more.
    let mut again: Vec<(Ratio, u32)> = Vec::new();
    for happened in launched {
        let Happened::Clip { set, clip, at, .. } = *happened else { continue };
        if at >= end {
            break;
        }
        let Some(slot) = playing.get_mut(set as usize) else { continue };
        let at = at.max(begin);
        let before = stretches.iter().rev().find(|s| s.0 < at).and_then(|s| s.1.get(set as usize).copied().flatten());
        if clip.is_some() && before == clip {
            again.push((at, set));
        }
        *slot = clip;
        match stretches.last_mut().filter(|s| s.0 == at) {
            Some(last) => last.1.clone_from(&playing),
            None => stretches.push((at, playing.clone())),
        }
    }
    if stretches.first().is_none_or(|s| s.0 > begin) {
        stretches.insert(0, (begin, vec![None; timeline.sets.len()]));
    }
    let anew = |at: Ratio, set: usize| again.contains(&(at, set as u32));
    type Part = Vec<(Option<u32>, bool)>;
    let mut names: Vec<(Part, String)> = Vec::new();
    let mut sections = String::new();
    for (i, (at, clips)) in stretches.iter().enumerate() {
        let until = stretches.get(i + 1).map_or(end, |next| next.0);
        let bars = until - *at;
        if !bars.is_positive() {
            continue;
        }
        let clips: Part = clips.iter().enumerate().map(|(i, clip)| (*clip, clip.is_some() && anew(*at, i))).collect();
        let name = match names.iter().find(|(known, _)| *known == clips) {
            Some((_, name)) => name.clone(),
            None => {
                let name = free_name(timeline, names.len() + 1);
                names.push((clips, name.clone()));
                name
            }
        };
        sections.push_str(&format!("  {name} {}\n", length_text(bars)));
    }
    let mut text = String::new();
    for (clips, name) in &names {
        let slots: Vec<String> = timeline
            .sets
            .iter()
            .zip(clips)
            .filter_map(|(set, (clip, again))| {
                let clip = set.clips.get((*clip)? as usize)?;
                let track = if set.strip.is_empty() { &set.binding } else { &set.strip };
                Some(format!("{track}: {}{}", clip.name, if *again { " again" } else { "" }))
            })
            .collect();
        text.push_str(&format!("scene {name} {{ {} }}\n", slots.join(", ")));
    }
    text.push_str(&format!("\narrange take {{\n{sections}}}\n"));
    text
}

/// A length in bars as the language writes it, exactly.
fn length_text(bars: Ratio) -> String {
    if bars.den() == 1 { format!("{}bars", bars.num()) } else { format!("{}/{}bars", bars.num(), bars.den()) }
}

fn free_name(timeline: &Timeline, from: usize) -> String {
    let names = (from..).map(|n| format!("part_{n}"));
    names.into_iter().find(|name| timeline.scene(name).is_none()).unwrap_or_else(|| "part".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_goes_over_to_other_numbers() {
        let links =
            |from: Option<usize>, clips: &[Option<u32>]| crate::launcher::SetLink { from, clips: clips.to_vec() };
        let play = |set, clip| Happened::Clip { set, clip, at: Ratio::ONE, since: Ratio::ONE, by_hand: false };
        let mut picture = Picture::default();
        for happened in [
            play(0, Some(1)),
            play(1, Some(0)),
            play(2, Some(0)),
            Happened::Scene { scene: 1, at: Ratio::ONE, by_song: false },
        ] {
            picture.take(happened);
        }
        picture.take(Happened::Queued { set: 0, clip: Some(0), at: Ratio::int(2) });
        // The third set is gone, a new one stands first, and the clips of the first have changed places.
        let sets = vec![links(None, &[]), links(Some(0), &[Some(1), Some(0)]), links(Some(1), &[None])];
        picture.follow(&Links { sets, scenes: vec![None, Some(0)], songs: Vec::new() });
        assert_eq!(picture.sets.iter().map(|s| s.playing).collect::<Vec<_>>(), [None, Some(0), None]);
        assert_eq!(picture.sets[1].queued, Some((Some(1), Ratio::int(2))));
        assert_eq!(picture.scene, Some(0));
        let scene = Happened::Scene { scene: 0, at: Ratio::ONE, by_song: false };
        assert_eq!(picture.launched, [play(1, Some(0)), play(2, None), scene]);
    }

    #[test]
    fn taps_give_a_tempo() {
        let mut desk = Desk::default();
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(desk.tap(at(0)), None);
        assert_eq!(desk.tap(at(500)), Some(Ratio::int(120)));
        assert_eq!(desk.tap(at(998)), Some(Ratio::new(1202, 10)));
        assert_eq!(desk.tap(at(9000)), None, "a pause begins anew");
        assert_eq!(desk.tap(at(9400)), Some(Ratio::int(150)));
        desk.set_cue("drop".into(), Ratio::int(17));
        assert_eq!((desk.cue("drop"), desk.cue("nowhere")), (Some(Ratio::int(17)), None));
    }
}
