//! Another sample rate for an engine that no device runs at the moment.

use super::{Engine, FADE, State};
use crate::follow::Follower;
use crate::limiter::Limiter;
use crate::sequencer;
use crate::swap::Parcel;
use modurust_compiler::graph::QUANTUM;

impl State {
    /// What follows from the rate.
    pub(super) fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
        self.fade_quanta = ((FADE * f64::from(rate) / QUANTUM as f64).ceil() as u32).max(1);
        self.gain_step = 1.0 / self.fade_quanta as f32;
        self.smooth = 1.0 - (-(QUANTUM as f32) / (0.05 * rate as f32)).exp();
    }
}

impl Engine {
    /// Carries out all commands that were sent.
    pub(crate) fn obey_all(&mut self) {
        while !self.commands.is_empty() {
            self.obey();
        }
    }

    /// Goes over to a program of another rate, at the same place of the music. Frames are counted on; what was computed of the quantum before and not
    /// played yet is played first.
    pub(crate) fn retune(&mut self, mut parcel: Parcel) {
        self.fading = None;
        let (frame, epoch, before) = (self.state.frame, parcel.epoch(), self.active.program.timing);
        parcel.exchange(&mut self.active, frame);
        let rate = self.active.program.patch.sample_rate;
        self.state.set_rate(rate);
        self.state.transport.set_rate(frame, rate);
        if self.limiter.is_some() {
            self.limiter = Some(Limiter::new(rate));
        }
        (self.follower, self.leader) = (Follower::new(rate), None);
        self.go_over(&mut parcel, frame, before);
        sequencer::retime(&mut self.active.table, &self.state.transport, frame);
        self.meters.clear(epoch);
    }
}
