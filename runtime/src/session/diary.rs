//! The journal of a session: what of it is kept, and when.

use super::SessionOptions;
use crate::command::Notice;
use crate::journal::{Entry, State, Texts};
use crate::keeper::Keeper;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

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
        Diary { keeper, last, bars: 0.0, at: Instant::now() }
    }

    /// Keeps the position, once a second while time passes.
    pub fn place(&mut self, bars: f64) {
        if self.at.elapsed() < Duration::from_secs(1) || bars == self.bars {
            return;
        }
        (self.bars, self.at) = (bars, Instant::now());
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        self.keeper.keep(Entry::Place { bars, at: since.as_millis() as u64 });
    }
}
