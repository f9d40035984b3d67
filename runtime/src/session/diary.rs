//! The journal of a session: what of it is kept, and when.

use super::{Inner, SessionOptions};
use crate::command::{EngineCommand, Notice};
use crate::journal::{Entry, State, Texts};
use crate::keeper::Keeper;
use crate::launcher::{GoOn, Happened, Wish};
use modurust_compiler::graph::Param;
use modurust_compiler::program::Timing;
use modurust_compiler::score::Ratio;
use modurust_compiler::score::timeline::{SetId, Timeline};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the position is kept.
const EVERY: Duration = Duration::from_secs(1);

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// Opens the journal that is wished for. What was kept there, if it is asked for.
pub(super) fn kept(options: &SessionOptions, notify: &Sender<Notice>) -> (Option<Keeper>, State) {
    let Some(path) = &options.journal else { return Default::default() };
    let told = notify.clone();
    match Keeper::open(path, move |message| drop(told.send(Notice::File { message }))) {
        Ok((keeper, before)) if options.resume && before.roots == options.files => (Some(keeper), before),
        Ok((keeper, _)) => (Some(keeper), State::default()),
        Err(why) => {
            let message = format!("what is played is not kept: {}: {why}", path.display());
            let _ = notify.send(Notice::File { message });
            Default::default()
        }
    }
}

/// What of this session is in the journal.
pub(super) struct Diary {
    pub keeper: Keeper,
    pub last: Texts,
    bars: f64,
    at: Instant,
}

impl Diary {
    pub fn new(keeper: Keeper, last: Texts) -> Diary {
        // The first position is kept as soon as time passes.
        let at = Instant::now().checked_sub(EVERY).unwrap_or_else(Instant::now);
        Diary { keeper, last, bars: 0.0, at }
    }

    /// Keeps the position, once a second while time passes.
    pub fn place(&mut self, bars: f64) {
        if self.at.elapsed() < EVERY || bars == self.bars {
            return;
        }
        (self.bars, self.at) = (bars, Instant::now());
        self.keeper.keep(Entry::Place { bars, at: now() });
    }

    /// Keeps what a set of clips plays from now on.
    pub fn launched(&self, timeline: &Timeline, happened: Happened) {
        let Happened::Clip { set, clip, since, by_hand, .. } = happened else { return };
        let Some(set) = timeline.set(SetId(set)) else { return };
        let clip = clip.and_then(|clip| set.clips.get(clip as usize)).map(|clip| clip.name.clone());
        let set = (set.strip.clone(), set.binding.clone());
        self.keeper.keep(Entry::Clip { set, clip, since: since.to_f64(), by_hand });
    }
}

impl Inner {
    /// Goes on from what was kept: at the beginning of the bar, or, after a crash, where time has come to since.
    pub(super) fn go_on(&mut self, before: &State, crashed: bool) {
        for (name, value) in &before.numbers {
            let known = |p: &Param| *p.name == **name && !name.contains('#');
            if self.control.program().patch.graph.params.iter().any(known) {
                self.param(name, *value);
            }
        }
        let by_hand = before.tempo.map(Ratio::from_f64).filter(|bpm| bpm.is_positive());
        if let Some(bpm) = by_hand {
            self.engine(EngineCommand::Tempo(bpm));
        }
        if let Some((bars, at)) = before.place {
            self.seek(bars, at, by_hand, crashed);
        }
        let timeline = Arc::clone(&self.control.program().timeline);
        for ((strip, binding), (clip, since)) in &before.clips {
            let known = timeline.sets.iter().position(|set| (&set.strip, &set.binding) == (strip, binding));
            let Some(index) = known else { continue };
            let number = clip.as_ref().map(|clip| timeline.sets[index].find(clip));
            // What the text does not have any more is not launched; what was stopped stays so.
            if number != Some(None) {
                let (set, clip, since) = (index as u32, number.flatten(), Ratio::from_f64(*since));
                self.control.wish(Wish::GoOn(GoOn { set, clip, since }));
            }
        }
    }

    /// To the place of before.
    fn seek(&mut self, bars: f64, at: u64, by_hand: Option<Ratio>, crashed: bool) {
        if crashed {
            let timing = self.control.program().timing;
            let timing = Timing { bpm: by_hand.unwrap_or(timing.bpm), ..timing };
            let bars = bars + now().saturating_sub(at) as f64 * 0.001 / timing.frames_per_bar(1).to_f64();
            self.engine(EngineCommand::Seek(Ratio::from_f64(bars)));
        } else if bars >= 1.0 {
            self.engine(EngineCommand::Seek(Ratio::int(bars as i64)));
            self.tell(Notice::File { message: format!("going on at bar {}, where it ended", bars as i64 + 1) });
        }
    }
}
