//! What becomes of a device that goes away: the null device in its place, and the way back.
//!
//! A device is gone when its stream says so, or when it has asked for nothing for a while. From then on the engine runs by the clock, so time
//! and launches go on, and the device that was wished for is looked for again and again, as is one that was never there. It may come back with another sample rate. Then it waits
//! until somebody who can compile has brought the engine to that rate ([`Running::retune`], [`crate::session::Session::attend`]).

use super::{Choice, DeviceOptions, Kind, Live, Running};
use crate::command::Notice;
use crate::engine::Engine;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often a device that is gone is looked for.
pub const AGAIN: Duration = Duration::from_millis(250);
/// How often one is looked for that was not there at the start.
pub const SELDOM: Duration = Duration::from_secs(2);
/// A device that asks for nothing for so long is gone, unless its blocks are that long.
pub const STALLED: Duration = Duration::from_millis(750);

impl Running {
    /// [`Running::poll`] at a time of the caller's clock, which only goes forward.
    pub fn poll_at(&mut self, now: Duration) -> Vec<Notice> {
        let stalled = self.stalled(now);
        if (self.shared.gone.swap(false, Ordering::AcqRel) || stalled) && !self.is_null() {
            self.fall_back(Some("the audio device is gone: using null until it is back".to_string()));
            self.every = AGAIN;
            self.look = Some(now + AGAIN);
        }
        if self.look.is_some_and(|at| now >= at) {
            self.look = self.look_for().then(|| now + self.every);
        }
        let mut notices: Vec<Notice> =
            self.message.take().map(|message| Notice::Device { message }).into_iter().collect();
        let count = self.shared.xruns.load(Ordering::Relaxed);
        if count > self.told {
            self.told = count;
            notices.push(Notice::Xruns { count });
        }
        notices.extend(self.load());
        notices.extend(self.howl());
        notices
    }

    /// True if the device has asked for nothing for too long.
    fn stalled(&mut self, now: Duration) -> bool {
        let blocks = self.shared.blocks.load(Ordering::Relaxed);
        let seen = self.seen.filter(|(count, _)| *count == blocks && !self.is_null());
        let (_, since) = *self.seen.insert(seen.unwrap_or((blocks, now)));
        let four = Duration::from_secs_f64(4.0 * f64::from(self.block) / f64::from(self.rate.max(1)));
        now.saturating_sub(since) > STALLED.max(four)
    }

    /// Looks for the device that was wished for. True if it is still to be looked for.
    fn look_for(&mut self) -> bool {
        let rate = self.wish.rate.or(Some(self.rate));
        let choice = (self.opener)(&DeviceOptions { rate, ..self.wish.clone() });
        if choice.is_null() {
            return true;
        }
        if choice.rate != self.rate {
            self.waiting = Some(choice);
            return false;
        }
        self.go_over(choice).is_err()
    }

    /// The sample rate that the engine must have before it can go on on the device that waits for it.
    pub fn wanted_rate(&self) -> Option<u32> {
        self.waiting.as_ref().map(|choice| choice.rate)
    }

    /// Takes the engine out of the device that plays, lets `with` bring it to the [wanted rate](Running::wanted_rate), and goes on on the device that
    /// waits. `Err` says why it does not play there.
    pub fn retune(&mut self, with: impl FnOnce(Engine) -> Option<Engine>) -> Result<(), String> {
        let Some(choice) = self.waiting.take() else { return Ok(()) };
        self.driver = None;
        let engine = self.slot.take().and_then(|live| with(live.engine)).ok_or("the engine is lost")?;
        let fits = engine.sample_rate() == choice.rate;
        self.rate = engine.sample_rate();
        self.slot.put(Box::new(Live::new(engine, self.rate)));
        if fits {
            // If it has gone meanwhile, it is looked for again.
            let played = self.go_over(choice);
            self.look = played.is_err().then_some(Duration::ZERO);
            return played;
        }
        self.fall_back(None);
        Err(format!("the session cannot play at {} Hz", choice.rate))
    }

    /// Leaves the device that waits alone, and says why.
    pub fn stay(&mut self, why: String) {
        self.waiting = None;
        self.message = Some(why);
    }

    /// Goes on on a device of this rate. The engine begins there with a short rise, since what it plays did not begin there.
    fn go_over(&mut self, choice: Choice) -> Result<(), String> {
        self.driver = None;
        let live = self.slot.take().ok_or("the engine is lost")?;
        self.slot.put(Box::new(Live::new(live.engine, self.rate).rising()));
        let name = choice.describe();
        if choice.block > 0 {
            self.block = choice.block;
        }
        let started = self.begin(choice.kind);
        match &started {
            Ok(()) => {
                self.message = Some(format!("on {name}"));
                self.name = name;
            }
            Err(_) => self.fall_back(None),
        }
        started
    }

    /// Goes on on another device. If that has another sample rate it [waits](Running::wanted_rate). `Err` says why everything stays as it was.
    pub fn change(&mut self, name: &str) -> Result<(), String> {
        let wish = DeviceOptions { name: Some(name.to_string()), ..self.wish.clone() };
        let choice = (self.opener)(&DeviceOptions { rate: Some(self.rate), block: Some(self.block), ..wish.clone() });
        if let Some(why) = choice.message().filter(|_| choice.is_null()) {
            return Err(why.to_string());
        }
        self.wish = DeviceOptions { rate: None, ..wish };
        self.look = None;
        if choice.rate != self.rate {
            self.waiting = Some(choice);
            return Ok(());
        }
        self.waiting = None;
        let changed = self.go_over(choice);
        // It is told by whoever asked for it.
        self.message = None;
        changed
    }
}

impl Choice {
    /// True for the null device, and for what stands in for one.
    pub fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Null => true,
            Kind::Card(_) => false,
            Kind::Other(output) => !output.heard(),
        }
    }

    /// A device that is brought along; `opener` is asked for it again when it is gone, and for `null` meanwhile.
    pub fn of(output: Box<dyn super::Output>, wish: &DeviceOptions, opener: super::Opener) -> Choice {
        let (rate, block) = (output.rate(), output.block().unwrap_or(0));
        Choice {
            kind: Kind::Other(output),
            rate,
            block,
            message: None,
            wish: wish.clone(),
            opener: Arc::clone(&opener),
        }
    }
}
