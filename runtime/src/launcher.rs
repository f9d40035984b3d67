//! Clips, scenes and songs: what is launched when, to the exact position.
//!
//! All times here are positions in bars ([`Ratio`]); the sequencer turns them into frames. For every set of clips there is what
//! plays, what is queued, and when the clip that plays goes on by itself. [`Launcher::run`] carries out everything that is due in a
//! span of positions, in the order of time, and leaves the result in the histories that patterns are asked with
//! ([`Launches`]); it also lists the moments at which notes of a set must end.
//!
//! ```text
//! queued launch > follow action of a scene > section of a song > follow action of a clip        (of those due at one position)
//! ```
//!
//! Chance is a hash of seed, set and position, so a set replays identically. A clip that is launched by hand takes its track from the
//! song until `launch song`. Nothing allocates: the tables have [`SETS`] places, and what a text has beyond them stays silent.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::song::{Part, section_of};
pub use crate::wish::{GoOn, Happened, Jump, Links, Move, Order, Quantise, SetLink, SetView, What, Wish, wishes};
use modurust_compiler::program::Timing;
use modurust_compiler::score::launch::{History, Launch, Launches};
use modurust_compiler::score::timeline::{Action, Choice, Follow, Length, Timeline};
use modurust_compiler::score::{Ratio, random};

/// Most sets of clips.
pub const SETS: usize = 64;
/// Most launches and follow actions carried out in one quantum.
const MOST: usize = 256;

/// One set.
#[derive(Clone, Copy, Debug, Default)]
struct Set {
    /// Waiting to be launched (or stopped).
    queued: Option<Queued>,
    /// When the clip that plays goes on by itself.
    follow: Option<Ratio>,
    /// Launched by hand: the song leaves it alone.
    by_hand: bool,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    at: Ratio,
    clip: Option<u32>,
    legato: bool,
    by_hand: bool,
    /// The clip counts from here, wherever it is launched. One that nobody has launched counts from 0, as a pattern would.
    since: Option<Ratio>,
    /// How long it fades in and what was before fades out, in bars.
    fade: Ratio,
}

/// A scene that plays, or a song.
#[derive(Clone, Copy, Debug)]
struct Running {
    index: u32,
    next: Option<Ratio>,
}

/// Where a song is.
#[derive(Clone, Copy, Debug)]
struct Song {
    index: u32,
    begin: Ratio,
    /// Number of the section in the flat order of the song, nested songs opened.
    section: usize,
    next: Ratio,
}

/// From here on notes of the sets in the mask must end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// The position.
    pub at: Ratio,
    /// Bit `i`: set `i`.
    pub sets: u64,
}

/// Launches of a program.
pub struct Launcher {
    /// What patterns are asked with.
    pub launches: Launches,
    sets: Box<[Set]>,
    scene: Option<Running>,
    queued_scene: Option<(u32, Ratio)>,
    song: Option<Song>,
    queued_song: Option<(Option<u32>, Ratio)>,
    /// Asked for, and not yet told to the transport: where, from, to.
    asked: Option<(Ratio, Ratio, Option<Ratio>)>,
    /// The song that the next jump of time begins, and the one that a loop goes round in.
    jump_song: Option<u32>,
    round_song: Option<u32>,
    begun: bool,
    cuts: Vec<Cut>,
    /// Sets whose clip is gone from the text: their notes end when time goes on.
    gone: u64,
    waiting: Vec<(Ratio, u32, f32)>,
    moves: Vec<(u32, f32)>,
    log: Vec<Happened>,
    seed: u64,
}

/// Bars of a length; seconds by the tempo of the text.
pub fn bars(length: Length, timing: &Timing) -> Ratio {
    length.bars(timing.bpm / Ratio::int(60) / timing.beats_per_bar)
}

/// A length must pass, or a follow action would be due again at once.
fn positive(length: Ratio) -> Option<Ratio> {
    length.is_positive().then_some(length)
}

/// The position of a wish: the next multiple at or after `now`.
pub fn next_multiple(now: Ratio, step: Ratio) -> Ratio {
    if !step.is_positive() {
        return now;
    }
    let turns = (now / step).ceil();
    step * Ratio::int(turns)
}

impl Launcher {
    /// For a program: a song plays if there is one; else every set plays its first clip, unless the text launches something itself.
    pub fn new(timeline: &Timeline, seed: u64) -> Launcher {
        let mut launcher = Launcher {
            launches: Launches { sets: vec![History::default(); SETS], live: None },
            sets: vec![Set::default(); SETS].into_boxed_slice(),
            scene: None,
            queued_scene: None,
            song: None,
            queued_song: None,
            asked: None,
            jump_song: None,
            round_song: None,
            begun: false,
            cuts: Vec::with_capacity(MOST),
            gone: 0,
            waiting: Vec::with_capacity(MOST),
            moves: Vec::with_capacity(MOST),
            log: Vec::with_capacity(MOST),
            seed,
        };
        let launches = timeline.commands.iter().any(|c| {
            matches!(c.action, Action::LaunchClip(..) | Action::LaunchScene(_) | Action::LaunchArrangement(_))
        });
        if !timeline.arrangements.is_empty() {
            launcher.queued_song = Some((Some(0), Ratio::ZERO));
        } else if !launches {
            for (i, _) in timeline.sets.iter().enumerate().take(SETS) {
                let first = Queued {
                    at: Ratio::ZERO,
                    clip: Some(0),
                    legato: false,
                    by_hand: false,
                    since: Some(Ratio::ZERO),
                    fade: Ratio::ZERO,
                };
                launcher.sets[i].queued = Some(first);
            }
        }
        launcher
    }

    /// Moments of the last run at which notes end.
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Parameters that jump in this run, with where to.
    pub fn moves(&self) -> &[(u32, f32)] {
        &self.moves
    }

    /// What happened since the log was emptied.
    pub fn log(&self) -> &[Happened] {
        &self.log
    }

    /// Empties the log.
    pub fn clear_log(&mut self) {
        self.log.clear();
    }

    fn tell(&mut self, happened: Happened) {
        if self.log.len() < self.log.capacity() {
            self.log.push(happened);
        }
    }

    /// Carries a wish out, or queues it.
    pub fn wish(&mut self, timeline: &Timeline, wish: Wish, now: Ratio) {
        match wish {
            Wish::Order(order) => self.order(timeline, order, now),
            Wish::Jump(Jump { at, song, from, to }) => {
                let at = match at {
                    Quantise::Now => now,
                    Quantise::Bars(step) => next_multiple(now, step),
                };
                (self.asked, self.jump_song) = (Some((at, from, to)), Some(song));
            }
            Wish::GoOn(GoOn { set, clip, since }) => {
                let (fade, since) = (Ratio::ZERO, Some(since.min(now)));
                self.queue(set, Queued { at: now, clip, legato: false, by_hand: true, since, fade });
            }
            Wish::Move(Move { at, param, value }) => {
                let at = match at {
                    Quantise::Now => now,
                    Quantise::Bars(step) => next_multiple(now, step),
                };
                if self.waiting.len() < self.waiting.capacity() {
                    self.waiting.push((at, param, value));
                }
            }
        }
    }

    /// A jump of time that was asked for: where, to which position, and up to where it goes round.
    pub fn take_jump(&mut self) -> Option<(Ratio, Ratio, Option<Ratio>)> {
        self.asked.take()
    }

    /// The loop is another one: a song that ends inside it is not begun again.
    pub fn end_round(&mut self) {
        self.round_song = None;
    }

    /// True once after a song was begun by a jump of time.
    pub fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }

    /// What a set does.
    pub fn view(&self, set: usize) -> SetView {
        let (Some(state), Some(history)) = (self.sets.get(set), self.launches.sets.get(set)) else {
            return SetView::default();
        };
        let last = history.last();
        SetView {
            playing: last.and_then(|l| l.clip),
            origin: last.filter(|l| l.clip.is_some()).map(|l| l.origin),
            queued: state.queued.map(|q| (q.clip, q.at)),
            follow: state.follow,
            by_hand: state.by_hand,
        }
    }

    /// The scene that plays and the song that plays, by number.
    pub fn running(&self) -> (Option<u32>, Option<u32>) {
        (self.scene.map(|s| s.index), self.song.map(|s| s.index))
    }

    /// The song at a position: its number and where it began.
    pub fn song_at(&self, cycle: Ratio) -> Option<(u32, Ratio)> {
        match (self.song, self.queued_song) {
            (_, Some((song, at))) if at <= cycle => song.map(|index| (index, at)),
            (Some(song), _) => Some((song.index, song.begin)),
            _ => None,
        }
    }

    /// Queues a wish. `now` is the first position that is not played yet.
    pub fn order(&mut self, timeline: &Timeline, order: Order, now: Ratio) {
        let at = match order.at {
            Quantise::Now => now,
            Quantise::Bars(step) => next_multiple(now, step),
        };
        let queue = |clip: Option<u32>| Queued {
            at,
            clip,
            legato: order.legato,
            by_hand: true,
            since: None,
            fade: Ratio::ZERO,
        };
        match (order.what, order.launch) {
            (What::Clip { set, clip }, true) => self.queue(set, queue(Some(clip))),
            (What::Clip { set, .. } | What::Set(set), _) => self.queue(set, queue(None)),
            (What::Scene(scene), true) => self.queued_scene = Some((scene, at)),
            (What::Scene(scene), false) => {
                for slot in timeline.scenes.get(scene as usize).map_or(&[][..], |s| &s.slots) {
                    self.queue(slot.set.0, queue(None));
                }
            }
            (What::Song(song), true) => self.queued_song = Some((Some(song), at)),
            (What::Song(_), false) => self.queued_song = Some((None, at)),
            (What::All, _) => {
                self.queued_song = Some((None, at));
                (self.scene, self.queued_scene) = (None, None);
                for set in 0..timeline.sets.len().min(SETS) {
                    self.queue(set as u32, queue(None));
                }
            }
        }
    }

    fn queue(&mut self, set: u32, queued: Queued) {
        if let Some(state) = self.sets.get_mut(set as usize) {
            state.queued = Some(queued);
            self.tell(Happened::Queued { set, clip: queued.clip, at: queued.at });
        }
    }

    /// The first position at or after which something is due.
    pub fn due(&self) -> Option<Ratio> {
        self.due_in(self.sets.len())
    }

    /// [`Launcher::due`] among the first sets: of the others there is no clip.
    fn due_in(&self, sets: usize) -> Option<Ratio> {
        // Asked for every quantum, mostly with nothing in any set.
        let mut first: Option<Ratio> = None;
        let mut ask = |at: Option<Ratio>| {
            if let Some(at) = at {
                first = Some(first.map_or(at, |first| first.min(at)));
            }
        };
        for set in self.sets.iter().take(sets) {
            if let Some(queued) = &set.queued {
                ask(Some(queued.at));
            }
            ask(set.follow);
        }
        ask(self.scene.and_then(|s| s.next));
        ask(self.queued_scene.map(|q| q.1));
        ask(self.queued_song.map(|q| q.1));
        ask(self.song.map(|s| s.next));
        self.waiting.iter().for_each(|w| ask(Some(w.0)));
        first
    }

    /// Begins a quantum: forgets the cuts and moves of the last.
    pub fn level(&mut self) {
        self.cuts.clear();
        self.moves.clear();
    }

    /// Carries out what is due before `end`; what is late takes effect at `begin`.
    pub fn run(&mut self, timeline: &Timeline, timing: &Timing, begin: Ratio, end: Ratio) {
        let gone = std::mem::take(&mut self.gone);
        if gone != 0 {
            self.cut(begin, gone);
        }
        for _ in 0..MOST {
            let Some(due) = self.due_in(timeline.sets.len()).filter(|due| *due < end) else { return };
            self.step(timeline, timing, due, due.max(begin));
        }
    }

    /// One thing that was due at `due` and happens at `at`.
    fn step(&mut self, timeline: &Timeline, timing: &Timing, due: Ratio, at: Ratio) {
        if let Some(i) = self.waiting.iter().position(|w| w.0 == due) {
            let (_, param, value) = self.waiting.remove(i);
            if self.moves.len() < self.moves.capacity() {
                self.moves.push((param, value));
            }
            return;
        }
        if let Some((song, _)) = self.queued_song.filter(|q| q.1 == due) {
            self.queued_song = None;
            self.start_song(timeline, timing, song, at);
            return;
        }
        if let Some((scene, _)) = self.queued_scene.filter(|q| q.1 == due) {
            self.queued_scene = None;
            self.start_scene(timeline, timing, scene, at, None);
            return;
        }
        let queued = self.sets.iter().position(|s| s.queued.is_some_and(|q| q.at == due));
        if let Some(set) = queued
            && let Some(queued) = self.sets[set].queued.take()
        {
            self.start_clip(timeline, timing, set, queued, at);
            return;
        }
        if let Some(running) = self.scene.filter(|s| s.next == Some(due)) {
            self.scene = None;
            let Some(scene) = timeline.scenes.get(running.index as usize) else { return };
            let count = timeline.scenes.len() as u32;
            match self.choose(&scene.then, u64::MAX, running.index, count, at) {
                Some(Some(next)) => self.start_scene(timeline, timing, next, at, None),
                Some(None) => {
                    for slot in &scene.slots {
                        let stop =
                            Queued { at, clip: None, legato: false, by_hand: true, since: None, fade: Ratio::ZERO };
                        self.start_clip(timeline, timing, slot.set.0 as usize, stop, at);
                    }
                }
                None => {}
            }
            return;
        }
        if let Some(song) = self.song.filter(|s| s.next == due) {
            self.next_section(timeline, timing, song, at);
            return;
        }
        if let Some(set) = self.sets.iter().position(|s| s.follow == Some(due)) {
            self.sets[set].follow = None;
            let now = self.launches.sets[set].last().and_then(|l| l.clip);
            let (Some(clip), Some(clips)) = (now, timeline.sets.get(set).map(|s| &s.clips)) else { return };
            let Some(then) = clips.get(clip as usize).map(|c| &c.then) else { return };
            let by_hand = self.sets[set].by_hand;
            let queued = |clip| Queued { at, clip, legato: false, by_hand, since: None, fade: Ratio::ZERO };
            match self.choose(then, set as u64, clip, clips.len() as u32, at) {
                Some(next) => self.start_clip(timeline, timing, set, queued(next), at),
                // Nothing said: it goes round.
                None => self.start_clip(timeline, timing, set, queued(Some(clip)), at),
            }
        }
    }

    /// What comes next: `Some(None)` is a stop, `None` if nothing was said.
    fn choose(&self, then: &[Choice], salt: u64, now: u32, count: u32, at: Ratio) -> Option<Option<u32>> {
        let total: f64 = then.iter().map(|c| c.weight.max(0.0)).sum();
        if then.is_empty() || count == 0 || total <= 0.0 {
            return None;
        }
        let seed = random::combine(self.seed, salt);
        let mut left = random::at(seed, at) * total;
        let chosen = then.iter().find(|c| {
            left -= c.weight.max(0.0);
            left < 0.0
        });
        Some(match chosen.or(then.last())?.to {
            Follow::To(index) => Some(index),
            Follow::Next => Some((now + 1) % count),
            Follow::Prev => Some((now + count - 1) % count),
            Follow::Again => Some(now),
            Follow::Stop => None,
            Follow::Any if count == 1 => Some(now),
            Follow::Any => {
                let other = (random::at(random::combine(seed, 1), at) * f64::from(count - 1)) as u32;
                Some(if other.min(count - 2) >= now { other.min(count - 2) + 1 } else { other })
            }
        })
    }

    fn start_clip(&mut self, timeline: &Timeline, timing: &Timing, set: usize, queued: Queued, at: Ratio) {
        let (Some(state), Some(history)) = (self.sets.get_mut(set), self.launches.sets.get_mut(set)) else { return };
        let clips = timeline.sets.get(set).map_or(&[][..], |s| &s.clips);
        let clip = queued.clip.and_then(|i| clips.get(i as usize));
        let before = history.last();
        let origin = match before.filter(|l| queued.legato && l.clip.is_some()) {
            Some(launch) => launch.origin,
            None => queued.since.unwrap_or(at),
        };
        if before.is_some() || clip.is_some() {
            let clip = queued.clip.filter(|_| clip.is_some());
            history.push(Launch { from: at, clip, origin, fade: queued.fade });
        }
        state.by_hand = queued.by_hand;
        // A clip that goes on in the place of another keeps its turn in time.
        state.follow = clip.and_then(|c| c.length).and_then(|l| positive(bars(l, timing))).map(|length| {
            let mut next = origin + length;
            while next <= at {
                next = next + length;
            }
            next
        });
        if before.is_some_and(|l| l.clip.is_some()) && !queued.fade.is_positive() {
            self.cut(at, 1 << set.min(63));
        }
        let (clip, by_hand) = (queued.clip.filter(|_| clip.is_some()), queued.by_hand);
        self.tell(Happened::Clip { set: set as u32, clip, at, since: origin, by_hand });
    }

    fn cut(&mut self, at: Ratio, sets: u64) {
        if let Some(cut) = self.cuts.iter_mut().find(|c| c.at == at) {
            cut.sets |= sets;
        } else if self.cuts.len() < self.cuts.capacity() {
            self.cuts.push(Cut { at, sets });
        }
    }

    /// Launches what a scene says. As part of a song it fades in; else its tracks are taken from the song.
    fn start_scene(&mut self, timeline: &Timeline, timing: &Timing, index: u32, at: Ratio, by_song: Option<Ratio>) {
        let (by_hand, fade) = (by_song.is_none(), by_song.unwrap_or(Ratio::ZERO));
        let Some(scene) = timeline.scenes.get(index as usize) else { return };
        self.tell(Happened::Scene { scene: index, at, by_song: !by_hand });
        for slot in &scene.slots {
            let set = slot.set.0 as usize;
            if !by_hand && self.sets.get(set).is_some_and(|s| s.by_hand) {
                continue;
            }
            // A clip that goes on from one section of a song into the next keeps its place.
            let playing = self.launches.sets.get(set).and_then(History::last).and_then(|l| l.clip);
            if !by_hand && playing.is_some() && playing == slot.clip && !slot.again {
                continue;
            }
            if let Some(state) = self.sets.get_mut(set) {
                // A clip that waits for a later moment is not asked for any more.
                state.queued = None;
            }
            let clip = Queued { at, clip: slot.clip, legato: false, by_hand, since: None, fade };
            self.start_clip(timeline, timing, set, clip, at);
        }
        if by_hand {
            let next = scene.length.and_then(|l| positive(bars(l, timing))).map(|l| at + l);
            self.scene = Some(Running { index, next });
        }
    }

    fn start_song(&mut self, timeline: &Timeline, timing: &Timing, song: Option<u32>, at: Ratio) {
        (self.scene, self.round_song) = (None, self.round_song.filter(|round| song == Some(*round)));
        for set in self.sets.iter_mut() {
            set.by_hand = false;
        }
        let Some(index) = song.filter(|i| timeline.arrangements.get(*i as usize).is_some()) else {
            if self.song.take().is_some() {
                self.silence(timeline, timing, at);
            }
            return;
        };
        self.tell(Happened::Song { song: Some(index), at });
        let song = Song { index, begin: at, section: usize::MAX, next: at };
        self.song = Some(song);
        self.next_section(timeline, timing, song, at);
    }

    /// Everything that a song played ends.
    fn silence(&mut self, timeline: &Timeline, timing: &Timing, at: Ratio) {
        for set in 0..timeline.sets.len().min(SETS) {
            if !self.sets[set].by_hand {
                let stop = Queued { at, clip: None, legato: false, by_hand: false, since: None, fade: Ratio::ZERO };
                self.start_clip(timeline, timing, set, stop, at);
            }
        }
    }

    fn next_section(&mut self, timeline: &Timeline, timing: &Timing, song: Song, at: Ratio) {
        let section = song.section.wrapping_add(1);
        let Some(arrangement) = timeline.arrangements.get(song.index as usize) else { return };
        match section_of(timeline, timing, arrangement, section) {
            Some(Part { scene, length, fade }) => {
                self.song = Some(Song { section, next: at + length, ..song });
                self.enter(timeline, timing, scene, at, fade);
            }
            None => {
                self.song = None;
                self.tell(Happened::Song { song: None, at });
                self.silence(timeline, timing, at);
            }
        }
    }

    /// A section begins: its scene plays, and tracks that it does not name are silent.
    fn enter(&mut self, timeline: &Timeline, timing: &Timing, scene: u32, at: Ratio, fade: Ratio) {
        let slots = timeline.scenes.get(scene as usize).map_or(&[][..], |s| &s.slots);
        for set in 0..timeline.sets.len().min(SETS) {
            if !self.sets[set].by_hand && !slots.iter().any(|slot| slot.set.0 as usize == set) {
                let stop = Queued { at, clip: None, legato: false, by_hand: false, since: None, fade };
                self.start_clip(timeline, timing, set, stop, at);
            }
        }
        self.start_scene(timeline, timing, scene, at, Some(fade));
    }

    /// After a jump of time: queued launches and follow actions move with it; a song is found again as if played from its start.
    pub fn seek(&mut self, timeline: &Timeline, timing: &Timing, from: Ratio, to: Ratio) {
        let shift = to - from;
        if let Some(song) = self.jump_song.take() {
            (self.round_song, self.begun) = (Some(song), true);
            // The whole performance is the song's: what was launched by hand is not.
            for set in self.sets.iter_mut() {
                set.by_hand = false;
            }
            (self.scene, self.queued_scene) = (None, None);
            self.chase(timeline, timing, song, Ratio::ZERO, to);
            if let Some(song) = self.song {
                self.tell(Happened::Song { song: Some(song.index), at: to });
            }
            return;
        }
        match (self.song, self.queued_song) {
            // One that was about to begin counts as begun.
            (None, Some((Some(index), begin))) if begin <= from => self.chase(timeline, timing, index, begin, to),
            (Some(song), _) => self.chase(timeline, timing, song.index, song.begin, to),
            // It ended before the end of the loop.
            (None, None) if self.round_song.is_some() => {
                let song = self.round_song.unwrap_or_default();
                self.chase(timeline, timing, song, Ratio::ZERO, to);
            }
            _ => {}
        }
        let by_song = self.song.is_some();
        for set in 0..SETS {
            let state = &mut self.sets[set];
            if by_song && !state.by_hand {
                continue;
            }
            if let Some(queued) = &mut state.queued {
                queued.at = queued.at + shift;
            }
            state.follow = state.follow.map(|f| f + shift);
            if let Some(last) = self.launches.sets[set].last() {
                let moved = Launch { from: to.min(last.from + shift), origin: last.origin + shift, ..last };
                self.launches.sets[set] = History::default();
                self.launches.sets[set].push(moved);
            }
        }
        if let Some(scene) = &mut self.scene {
            scene.next = scene.next.map(|n| n + shift);
        }
        self.queued_scene = self.queued_scene.map(|(s, at)| (s, at + shift));
        self.queued_song = self.queued_song.map(|(s, at)| (s, (at + shift).max(to)));
    }

    /// The state at `to` of a song that began at `begin`, without sounding what lies between.
    fn chase(&mut self, timeline: &Timeline, timing: &Timing, index: u32, begin: Ratio, to: Ratio) {
        for set in 0..SETS {
            if !self.sets[set].by_hand {
                self.sets[set] = Set::default();
                self.launches.sets[set] = History::default();
            }
        }
        self.song = None;
        let begin = if to < begin { to } else { begin };
        self.queued_song = Some((Some(index), begin));
        let hands: u64 =
            self.sets.iter().enumerate().filter(|(_, s)| s.by_hand).fold(0, |m, (i, _)| m | 1 << i.min(63));
        // Everything that lies before happens at its own position.
        for _ in 0..MOST * 64 {
            let Some(due) = self.due().filter(|due| *due < to) else { break };
            self.step(timeline, timing, due, due);
            for (i, set) in self.sets.iter_mut().enumerate() {
                set.by_hand |= hands & (1 << i.min(63)) != 0;
            }
        }
        self.level();
        self.log.clear();
    }

    /// Begins a program at a position of its song, as if it had been played from the start.
    pub fn begin_at(&mut self, timeline: &Timeline, timing: &Timing, to: Ratio) {
        if let Some((Some(index), begin)) = self.queued_song {
            self.chase(timeline, timing, index, begin, to);
            return;
        }
        for _ in 0..MOST * 64 {
            let Some(due) = self.due().filter(|due| *due < to) else { break };
            self.step(timeline, timing, due, due);
        }
        self.level();
        self.log.clear();
    }

    /// Goes over to an edited text: sets and clips are found again by name. A clip that is gone plays on nowhere.
    pub fn adopt(&mut self, old: &Launcher, links: &Links) {
        for (set, link) in links.sets.iter().enumerate().take(SETS) {
            let Some(from) = link.from.filter(|from| *from < SETS) else { continue };
            let mut state = old.sets[from];
            if let Some(queued) = &mut state.queued {
                queued.clip = queued.clip.and_then(|c| link.clip(c));
            }
            let mut history = old.launches.sets[from];
            history.renumber(|c| link.clip(c));
            if history.last().is_some_and(|l| l.clip.is_none()) {
                state.follow = None;
                if old.launches.sets[from].last().is_some_and(|l| l.clip.is_some()) {
                    self.gone |= 1 << set.min(63);
                }
            }
            (self.sets[set], self.launches.sets[set]) = (state, history);
        }
        let scene = |i: u32| links.scenes.get(i as usize).copied().flatten();
        self.scene = old.scene.and_then(|s| Some(Running { index: scene(s.index)?, ..s }));
        self.queued_scene = old.queued_scene.and_then(|(s, at)| Some((scene(s)?, at)));
        let song = |i: u32| links.songs.get(i as usize).copied().flatten();
        self.song = old.song.and_then(|s| Some(Song { index: song(s.index)?, ..s }));
        self.queued_song = old.queued_song.and_then(|(s, at)| Some((Some(song(s?)?), at)));
        (self.asked, self.jump_song, self.begun) = (old.asked, old.jump_song.and_then(song), old.begun);
        self.round_song = old.round_song.and_then(song);
    }
}
