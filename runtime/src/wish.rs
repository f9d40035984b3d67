//! The words of a performance: what is asked of the launcher, and what it tells.
//!
//! Plain data of fixed size. What the commands of a text ask for is worked out here, on the control side, and so is where everything of
//! an edited text was before.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::launcher::bars;
use modurust_compiler::program::Program;
use modurust_compiler::score::Ratio;
use modurust_compiler::score::timeline::{Action, Timeline, When};
use std::collections::BTreeSet;

/// What can be launched or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A clip of a set.
    Clip {
        /// The set.
        set: u32,
        /// The clip.
        clip: u32,
    },
    /// Whatever a set plays.
    Set(u32),
    /// A scene.
    Scene(u32),
    /// A song.
    Song(u32),
    /// Everything.
    All,
}

/// When a launch takes effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantise {
    /// At once.
    Now,
    /// At the next multiple of so many bars, or here if this is one.
    Bars(Ratio),
}

/// A wish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    /// What.
    pub what: What,
    /// Launch it, or stop it.
    pub launch: bool,
    /// Go on in the new clip where the old one was.
    pub legato: bool,
    /// When.
    pub at: Quantise,
}

/// A parameter that jumps at a position: mute and solo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// When.
    pub at: Quantise,
    /// Which parameter of the program.
    pub param: u32,
    /// Where to.
    pub value: f32,
}

/// A song from one of its places on, as if played from its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    /// When.
    pub at: Quantise,
    /// The song.
    pub song: u32,
    /// From where, in bars.
    pub from: Ratio,
    /// To where; then it goes round.
    pub to: Option<Ratio>,
}

/// A clip that a hand has launched before, in another life of this piece, and that goes on as if it had played all along.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GoOn {
    /// The set.
    pub set: u32,
    /// The clip, or nothing for one that was stopped.
    pub clip: Option<u32>,
    /// Where it began.
    pub since: Ratio,
}

/// What a command of the text, or of a hand, asks of the audio side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    /// Launch or stop something.
    Order(Order),
    /// Move a parameter.
    Move(Move),
    /// Play a song from a place.
    Jump(Jump),
    /// Go on with a clip.
    GoOn(GoOn),
}

/// Something that happened, for views and for capture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Happened {
    /// A set plays a clip, or nothing, from a position on.
    Clip {
        /// The set.
        set: u32,
        /// The clip.
        clip: Option<u32>,
        /// From here on.
        at: Ratio,
        /// It counts from here: earlier than `at` if it goes on in the place of another.
        since: Ratio,
        /// Launched by hand or a scene, and not by a song.
        by_hand: bool,
    },
    /// A launch waits.
    Queued {
        /// The set.
        set: u32,
        /// The clip, or a stop.
        clip: Option<u32>,
        /// Until here.
        at: Ratio,
    },
    /// A scene plays.
    Scene {
        /// The scene.
        scene: u32,
        /// From here on.
        at: Ratio,
        /// Part of a song.
        by_song: bool,
    },
    /// A song plays, or plays no more.
    Song {
        /// The song.
        song: Option<u32>,
        /// From here on.
        at: Ratio,
    },
}

/// What a view shows of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SetView {
    /// The clip that plays.
    pub playing: Option<u32>,
    /// Where it began.
    pub origin: Option<Ratio>,
    /// A launch that waits: the clip (`None` stops) and when.
    pub queued: Option<(Option<u32>, Ratio)>,
    /// When the clip goes on by itself.
    pub follow: Option<Ratio>,
    /// Launched by hand while a song plays.
    pub by_hand: bool,
}

/// What the commands of a text ask for: those that are not in the text before. `mute` and `solo` end with their lines.
pub fn wishes(program: &Program, before: Option<&Program>) -> Vec<Wish> {
    let Program { timeline, timing, patch, .. } = program;
    let known = |key: u64| before.is_some_and(|b| b.timeline.commands.iter().any(|c| c.key == key));
    let mut all = Vec::new();
    let quantised = timeline.settings.quantise.map_or(Quantise::Now, |q| Quantise::Bars(bars(q, timing)));
    // When a line that is gone, or the newest one, opens and shuts strips.
    let (mut switch, mut said) = (quantised, Vec::new());
    for command in timeline.commands.iter().filter(|c| !known(c.key)) {
        let at = match command.at {
            When::Now => Quantise::Now,
            When::Next(length) => Quantise::Bars(bars(length, timing)),
            When::Quantised => quantised,
        };
        let order = |what: What, launch: bool| Wish::Order(Order { what, launch, legato: false, at });
        match &command.action {
            Action::LaunchClip(set, clip) => all.push(order(What::Clip { set: set.0, clip: *clip }, true)),
            Action::LaunchScene(scene) => all.push(order(What::Scene(*scene), true)),
            Action::LaunchArrangement(song) => all.push(order(What::Song(*song), true)),
            Action::PlayArrangement { song, from, to } => {
                let (from, to) = (bars(*from, timing), to.map(|to| bars(to, timing)));
                all.push(Wish::Jump(Jump { at, song: *song, from, to }));
            }
            Action::StopSet(set) => all.push(order(What::Set(set.0), false)),
            Action::StopScene(scene) => all.push(order(What::Scene(*scene), false)),
            Action::StopArrangement(song) => all.push(order(What::Song(*song), false)),
            Action::Mute(strip) => {
                said.push(strip);
                switch = at;
            }
            Action::Solo(_) => switch = at,
            Action::Record { .. } | Action::Export { .. } => {}
        }
    }
    let (was, is) = (before.map_or_else(BTreeSet::new, |b| muted(&b.timeline)), muted(timeline));
    for strip in timeline.strips.iter().map(String::as_str).chain(["master"]) {
        let silent = is.contains(strip);
        if silent != was.contains(strip) || (silent && said.iter().any(|s| *s == strip)) {
            let name = format!("{strip}.mute");
            let param = patch.graph.params.iter().position(|p| *p.name == *name);
            let value = f32::from(u8::from(silent));
            all.extend(param.map(|param| Wish::Move(Move { at: switch, param: param as u32, value })));
        }
    }
    all
}

/// Strips that are silent by the `mute` and `solo` lines of a text, which hold as long as they stand there.
///
/// A solo is in place: with the strips that it names everything sounds that leads to them (the tracks of a group) and that they lead
/// to (the bus of a reverb); all other strips are silent.
fn muted(timeline: &Timeline) -> BTreeSet<&str> {
    let mut muted = BTreeSet::new();
    let mut open = BTreeSet::new();
    for command in &timeline.commands {
        match &command.action {
            Action::Mute(strip) => drop(muted.insert(strip.as_str())),
            Action::Solo(strip) => drop(open.insert(strip.as_str())),
            _ => {}
        }
    }
    if open.is_empty() {
        return muted;
    }
    let open = in_place(timeline, open);
    let others = timeline.strips.iter().map(String::as_str);
    muted.extend(others.filter(|strip| *strip != "master" && !open.contains(strip)));
    muted
}

/// What is heard of a mixer when some strips are soloed in place.
pub fn in_place<'a>(timeline: &'a Timeline, solos: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut open: BTreeSet<&str> = solos.into_iter().collect();
    // Against the stream first: what feeds a bus that is heard because of its sender is not meant.
    let feeds = || timeline.feeds.iter().map(|(from, to)| (from.as_str(), to.as_str()));
    while let Some((from, _)) = feeds().find(|(from, to)| open.contains(to) && !open.contains(from)) {
        open.insert(from);
    }
    while let Some((_, to)) = feeds().find(|(from, to)| open.contains(from) && !open.contains(to)) {
        open.insert(to);
    }
    open
}

/// Where the sets, scenes and songs of a new text were in the old one. Made on the control side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    /// For each new set.
    pub sets: Vec<SetLink>,
    /// For each old scene the new one.
    pub scenes: Vec<Option<u32>>,
    /// For each old song the new one.
    pub songs: Vec<Option<u32>>,
}

/// A set of the new text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetLink {
    /// The old set.
    pub from: Option<usize>,
    /// For each old clip the new one.
    pub clips: Vec<Option<u32>>,
}

impl SetLink {
    /// The new number of an old clip.
    pub fn clip(&self, old: u32) -> Option<u32> {
        self.clips.get(old as usize).copied().flatten()
    }
}

impl Links {
    /// Finds everything again: by name, and a clip that was renamed by its place, if nothing else was put there.
    pub fn between(old: &Timeline, new: &Timeline) -> Links {
        let sets = new.sets.iter().map(|set| {
            let from = old.sets.iter().position(|o| (&o.strip, &o.binding) == (&set.strip, &set.binding));
            let clips = from.map_or(Vec::new(), |from| {
                let before = &old.sets[from].clips;
                let find = |(i, clip): (usize, &modurust_compiler::score::timeline::Clip)| {
                    set.find(&clip.name).or_else(|| {
                        let here = set.clips.get(i)?;
                        let renamed = set.clips.len() == before.len() && !before.iter().any(|b| b.name == here.name);
                        renamed.then_some(i as u32)
                    })
                };
                before.iter().enumerate().map(find).collect()
            });
            SetLink { from, clips }
        });
        Links {
            sets: sets.collect(),
            scenes: old.scenes.iter().map(|s| new.scene(&s.name)).collect(),
            songs: old.arrangements.iter().map(|a| new.arrangement(&a.name)).collect(),
        }
    }
}
