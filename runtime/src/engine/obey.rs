//! Commands of the control side, and of whoever is outside, carried out between two quanta.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::Engine;
use crate::bridge::Bridge;
use crate::command::{EngineCommand, EngineNotice};
use crate::sequencer;
use modurust_compiler::graph::FrameId;
use modurust_compiler::program::{Program, Timing};
use modurust_compiler::score::Ratio;

impl Engine {
    /// Carries out commands.
    pub(super) fn obey(&mut self) {
        // A bound on the work of one quantum.
        for _ in 0..64 {
            let Ok(command) = self.commands.pop() else { return };
            self.carry_out(command, self.state.frame);
        }
    }

    /// Carries out a command at a frame of this quantum: launches at that frame, all else at the first.
    pub(super) fn carry_out(&mut self, command: EngineCommand, at: u64) {
        let frame = self.state.frame;
        match command {
            EngineCommand::Param { epoch, index, value } => match self.in_today(epoch, index, Bridge::param) {
                Some(index) => self.active.params.aim(index as usize, value),
                None => self.notify(EngineNotice::Stale),
            },
            EngineCommand::Play => {
                self.state.hushed = false;
                self.state.transport.play(frame);
            }
            EngineCommand::Pause => {
                self.state.transport.pause(frame);
                sequencer::release_played(&mut self.active.table, frame);
            }
            EngineCommand::Seek(cycle) => {
                sequencer::release_played(&mut self.active.table, frame);
                let from = self.state.transport.cursor();
                self.state.transport.seek(frame, cycle);
                self.relocate(from);
            }
            EngineCommand::CountIn { cycle, bars } => {
                sequencer::release_played(&mut self.active.table, frame);
                let from = self.state.transport.cursor();
                self.state.transport.seek(frame, cycle);
                self.relocate(from);
                self.state.transport.count_in(frame, cycle, bars);
            }
            EngineCommand::Learn(on) => self.learns = on,
            EngineCommand::Metronome(on) => self.state.metronome.on = on,
            EngineCommand::Loop(over) => {
                self.state.transport.set_loop(over);
                self.state.launcher.end_round();
            }
            EngineCommand::Nudge(frames) => self.state.transport.nudge(frame, frames),
            EngineCommand::Tempo(bpm) => {
                let timing = Timing { bpm, ..self.state.transport.timing() };
                self.retime(timing, true);
            }
            EngineCommand::Wish { epoch, wish } => match self.in_today(epoch, wish, Bridge::wish) {
                Some(wish) => {
                    let now = self.state.transport.cycle(at).max(self.state.transport.cursor());
                    self.state.launcher.wish(&self.active.program.timeline, wish, now);
                }
                None => self.notify(EngineNotice::Stale),
            },
            EngineCommand::Hush | EngineCommand::Panic => {
                sequencer::release_all(&mut self.active.table, frame);
                self.keys.forget();
                self.state.hushed = true;
                if command == EngineCommand::Panic {
                    self.state.gain = 0.0;
                    self.active.instance.reset(FrameId(0));
                }
            }
        }
    }

    /// What was said in the words of the program numbered `epoch`, in the words of the one that plays.
    fn in_today<T>(&self, epoch: u64, said: T, over: impl Fn(&Bridge, T) -> Option<T>) -> Option<T> {
        match &self.state.bridge {
            _ if epoch == self.active.epoch => Some(said),
            bridge if epoch == bridge.from => over(bridge, said),
            _ => None,
        }
    }

    /// After a jump of time: launches go with it.
    fn relocate(&mut self, from: Ratio) {
        let to = self.state.transport.cursor();
        let Program { timeline, timing, .. } = &self.active.program;
        self.state.launcher.seek(timeline, timing, from, to);
    }

    pub(super) fn retime(&mut self, timing: Timing, by_hand: bool) {
        if self.state.transport.retime(self.state.frame, timing, by_hand) {
            sequencer::retime(&mut self.active.table, &self.state.transport, self.state.frame);
        }
    }
}
