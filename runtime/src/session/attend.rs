//! A device that comes back with another sample rate: the session makes its program again for that rate.
//!
//! First the worker compiles, while the null device plays on. Then the engine is taken out of the null device, goes over to the new program
//! at the same place of the music, and is given to the device. Edits that come meanwhile are made for the new rate, and go in with it.
//!
//! And one with too little time: the program is made again with less oversampling ([`crate::overload`]), and again when there is time.

use super::{Inner, Message, Session};
use crate::command::Notice;
use crate::device::Running;
use crate::engine::Engine;
use crate::jobs::Purpose;
use crate::overload;
use modurust_compiler::program::Program;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for a program.
const PATIENCE: Duration = Duration::from_secs(20);

/// The sample rate of what is compiled, and a program for an engine that does not have it yet.
pub(super) struct Tuning {
    pub rate: u32,
    /// How often factors of quality are halved.
    pub coarse: u8,
    program: Option<Program>,
    ready: Option<Sender<bool>>,
}

impl Tuning {
    pub fn new(rate: u32) -> Tuning {
        Tuning { rate, coarse: 0, program: None, ready: None }
    }

    /// Keeps a program of another rate than the engine's until the engine comes; gives back any other.
    pub fn take(&mut self, program: Program, playing: &Program) -> Option<Program> {
        if program.patch.sample_rate == playing.patch.sample_rate {
            return Some(program);
        }
        self.program = Some(program);
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(true);
        }
        None
    }

    /// There is no program for the new rate.
    pub fn give_up(&mut self, playing: &Program) {
        if let Some(ready) = self.ready.take() {
            self.rate = playing.patch.sample_rate;
            let _ = ready.send(false);
        }
    }
}

impl Session {
    /// Looks after the device ([`Running::poll`]). If one waits that has another sample rate, the program is compiled for it, which is waited for, and
    /// the engine goes on there at the same place of the music.
    pub fn attend(&self, running: &mut Running) -> Vec<Notice> {
        let mut notices = running.poll();
        let Some(rate) = running.wanted_rate() else { return notices };
        if self.recorded {
            let at = running.rate();
            running.stay(format!(
                "the audio device is back at {rate} Hz, but the recording is made at {at} Hz: using null"
            ));
        } else if let Err(why) = self.tune(running, rate) {
            running.stay(format!("the audio device is not used: {why}"));
        }
        notices.extend(running.poll());
        notices
    }

    fn tune(&self, running: &mut Running, rate: u32) -> Result<(), String> {
        let (ready, is_ready) = channel();
        self.remote.post(Message::Retune(rate, ready));
        if !is_ready.recv_timeout(PATIENCE).unwrap_or(false) {
            return Err(format!("there is no program for {rate} Hz"));
        }
        running.retune(|engine| {
            let (back, is_back) = channel();
            self.remote.post(Message::Seat(Box::new(engine), back));
            is_back.recv().ok().map(|engine| *engine)
        })
    }
}

impl Inner {
    /// Compiles for another rate from now on, and first what plays.
    pub(super) fn retune(&mut self, rate: u32, ready: Sender<bool>) {
        if rate == self.control.program().patch.sample_rate {
            let _ = ready.send(true);
            return;
        }
        (self.tuning.rate, self.tuning.ready) = (rate, Some(ready));
        self.job(Instant::now(), self.overlays.clone(), true);
    }

    /// Compiles what plays with as much quality as there is time for.
    pub(super) fn ease(&mut self) {
        let coarse = overload::coarse(self.control.meters().eased.load(Relaxed));
        if coarse != self.tuning.coarse {
            self.tuning.coarse = coarse;
            self.job_for(Purpose::Ease, Instant::now(), self.overlays.clone(), true);
        }
    }

    /// Lets the engine go over to the program that waits for it.
    pub(super) fn seat(&mut self, mut engine: Box<Engine>, back: &Sender<Box<Engine>>) {
        if let Some(program) = self.tuning.program.take() {
            let epoch = self.control.retune(&mut engine, &program);
            self.timelines.push((epoch, Arc::clone(&program.timeline)));
            self.follow(epoch);
            self.scribe.retune(&program);
            self.since = None;
            self.keep_slots();
            self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).program = Some(program);
        }
        let _ = back.send(engine);
    }
}
