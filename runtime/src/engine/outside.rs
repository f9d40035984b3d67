//! What comes from outside, heard at its frame: keys on voices, controllers on parameters, commands.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use super::{Engine, NOW};
use crate::command::{EngineCommand, EngineNotice};
use crate::fifo::Fifo;
use crate::follow::{Follower, Told};
use crate::inbox::{Heard, Incoming, PortName, Timed};
use crate::keys::{Keys, Stage};
use crate::midi::{Exclusive, Message, System};
use crate::outbox::{Departure, Outbox};
use crate::swap::Active;
use crate::timecode::{self, TimeCode};
use modurust_compiler::graph::{ParamId, QUANTUM};
use modurust_compiler::score::Ratio;
use rtrb::Producer;
use std::sync::Arc;

/// An error of place from which on time jumps, seconds.
const JUMP: f64 = 0.06;
/// What jitter leaves of an error at most, seconds: so much is made up for slowly, since it would be heard as a tempo that wavers.
const NEAR: f64 = 0.001;
/// Times in which a smaller one is made up for, and what is beyond that, seconds.
const SLOWLY: f64 = 2.0;
const QUICKLY: f64 = 0.5;

impl Engine {
    /// Sends an event into the engine from the thread that calls [`Engine::process`], and only from there. `frame` is one of the
    /// engine's; 0, or one that has passed, is at once.
    pub fn tell(&mut self, frame: u64, what: Incoming) {
        self.inbox.put(Timed { frame, what });
    }

    /// From now on sound comes in from the thread that calls [`Engine::process`], by [`Engine::sound_in`].
    pub fn take_sound(&mut self, inlet: Producer<f32>) {
        self.inlet = Some(inlet);
    }

    /// Takes in some frames of sound: `at(frame, channel)`. The engine hears them in the order in which they come, each once, from the
    /// next quantum on; what finds no room is left out.
    pub fn sound_in(&mut self, frames: usize, at: impl Fn(usize, usize) -> f32) {
        let (Some(inlet), Some((_, channels))) = (&mut self.inlet, &self.input) else { return };
        let channels = (*channels).max(1);
        let frames = frames.min(inlet.slots() / channels);
        let Ok(chunk) = inlet.write_chunk_uninit(frames * channels) else { return };
        chunk.fill_from_iter((0..frames * channels).map(|i| at(i / channels, i % channels)));
    }

    /// Audio input of the quantum; silence where none has come.
    pub(super) fn feed(&mut self) {
        let Some((ring, channels)) = &mut self.input else { return };
        let channels = *channels;
        let mut fading = self.fading.as_mut().and_then(|(parcel, _)| parcel.outgoing());
        let wanted = self.active.instance.input_count();
        let wanted_old = fading.as_ref().map_or(0, |a| a.instance.input_count());
        let ready = ring.slots().min(QUANTUM * channels);
        let Ok(chunk) = ring.read_chunk(ready) else { return };
        if wanted > 0 || wanted_old > 0 {
            let (first, second) = chunk.as_slices();
            for channel in 0..channels {
                for i in 0..QUANTUM {
                    let at = i * channels + channel;
                    let x = first.get(at).or_else(|| second.get(at - first.len())).copied().unwrap_or(0.0);
                    if channel < wanted {
                        self.active.instance.input_mut(channel)[i] = x;
                    }
                    if channel < wanted_old
                        && let Some(old) = &mut fading
                    {
                        old.instance.input_mut(channel)[i] = x;
                    }
                }
            }
        }
        chunk.commit_all();
    }

    /// The engine's frame that the next call of [`Engine::process`] hands out first.
    pub fn next_frame(&self) -> u64 {
        self.state.frame.saturating_sub(self.fifo.as_deref().map_or(0, Fifo::ready) as u64)
    }

    /// Takes in what happens in the coming quantum: commands at once, since they decide what is played; the rest is heard when
    /// patterns have been.
    pub(super) fn receive(&mut self) {
        self.now.clear();
        self.inbox.collect();
        self.chased();
        let end = self.state.frame + QUANTUM as u64;
        while self.now.len() < NOW {
            let Some(event) = self.inbox.next(end) else { return };
            let frame = event.frame.max(self.state.frame);
            match event.what {
                Incoming::Command(command) => self.carry_out(command, frame),
                Incoming::Transport(rolls, seconds) => self.roll(rolls, seconds, frame),
                Incoming::Midi(port, Message::System(system)) => self.follow(port, system, frame),
                _ => self.now.push(Timed { frame, ..event }),
            }
        }
    }

    /// Goes with the clock of a port, if the text says `link on`: with one port at a time, the first that ticks.
    fn follow(&mut self, port: u8, system: System, frame: u64) {
        if !self.active.program.timeline.settings.link {
            self.leader = None;
            return;
        }
        let gone = |last: u64| frame.saturating_sub(last) > 2 * u64::from(self.state.rate);
        match self.leader {
            Some((leader, last)) if leader != port && !gone(last) => return,
            Some((leader, last)) if leader == port && !gone(last) => {}
            _ => {
                self.follower = Follower::new(self.state.rate);
                self.code = TimeCode::new(self.state.rate);
            }
        }
        self.leader = Some((port, frame));
        if let System::TimeCode(_) | System::Wound(_) = system {
            // A device that has both is followed by its clock, which knows the tempo.
            let ticks = self.follower.last().is_some_and(|last| frame as f64 - last < 2.0 * f64::from(self.state.rate));
            if !ticks {
                self.chase(system, frame);
            }
            return;
        }
        let per_bar = Ratio::int(24) * self.state.transport.timing().beats_per_bar;
        match self.follower.hear(system, frame) {
            Told::Nothing => {}
            Told::Begins(ticks) => {
                self.carry_out(EngineCommand::Seek(Ratio::int(ticks) / per_bar), frame);
                self.carry_out(EngineCommand::Play, frame);
            }
            Told::Stops => self.carry_out(EngineCommand::Pause, frame),
            Told::Ticks => self.keep_up(per_bar),
        }
    }

    /// Goes with time code. Its seconds are those of the music at the tempo of the text.
    fn chase(&mut self, system: System, frame: u64) {
        let told = match system {
            System::TimeCode(bits) => self.code.quarter(bits, frame),
            System::Wound(time) => self.code.whole(time),
            _ => return,
        };
        match told {
            timecode::Told::Nothing => {}
            timecode::Told::At(seconds) => {
                let bars = seconds / self.bar_seconds();
                self.carry_out(EngineCommand::Seek(Ratio::from_f64(bars)), frame);
            }
            timecode::Told::Begins => {
                let Some(bars) = self.taped(1.0) else { return };
                self.carry_out(EngineCommand::Seek(Ratio::from_f64(bars)), frame);
                self.carry_out(EngineCommand::Play, frame);
            }
            timecode::Told::Runs => {
                let Some(speed) = self.code.speed() else { return };
                let Some(bars) = self.taped(speed) else { return };
                self.approach(Some(bars), self.active.program.timing.bpm.to_f64() * speed);
            }
            timecode::Told::Stops => self.carry_out(EngineCommand::Pause, frame),
        }
    }

    /// How long a bar lasts at the tempo of the text, seconds.
    fn bar_seconds(&self) -> f64 {
        let timing = &self.active.program.timing;
        60.0 * timing.beats_per_bar.to_f64() / timing.bpm.to_f64()
    }

    /// Where the tape is at the first frame of the coming quantum, bars.
    fn taped(&self, speed: f64) -> Option<f64> {
        let (at, seconds) = self.code.place()?;
        let passed = (self.state.frame as f64 - at) / f64::from(self.state.rate) * speed;
        Some(((seconds + passed) / self.bar_seconds()).max(0.0))
    }

    /// Silence of the time code that is followed is a stop.
    fn chased(&mut self) {
        if self.code.stopped(self.state.frame) && self.active.program.timeline.settings.link {
            self.carry_out(EngineCommand::Pause, self.state.frame);
        }
    }

    /// Goes with the transport of the device, if the text says `link on`. Its place is that of the music at the tempo of now.
    fn roll(&mut self, rolls: bool, seconds: f64, frame: u64) {
        if !self.active.program.timeline.settings.link {
            return;
        }
        let bars = seconds.max(0.0) * f64::from(self.state.rate) / self.state.transport.frames_per_bar().to_f64();
        if rolls {
            self.carry_out(EngineCommand::Seek(Ratio::from_f64(bars)), frame);
            self.carry_out(EngineCommand::Play, frame);
        } else {
            self.carry_out(EngineCommand::Pause, frame);
        }
    }

    /// Brings tempo and place to those of the clock, a few times a beat: small errors by a little more or less tempo, large ones by a jump.
    fn keep_up(&mut self, per_bar: Ratio) {
        let Some(bpm) = self.follower.bpm() else { return };
        let Some((at, ticks)) = self.follower.place() else { return self.approach(None, bpm) };
        if ticks % 6 == 0 {
            let passed = (self.state.frame as f64 - at) * bpm * 24.0 / (60.0 * f64::from(self.state.rate));
            self.approach(Some((ticks as f64 + passed) / per_bar.to_f64()), bpm);
        }
    }

    /// Goes on at a tempo, towards a place in bars, if there is one.
    fn approach(&mut self, there: Option<f64>, bpm: f64) {
        let mut wanted = bpm;
        if let Some(there) = there {
            let here = self.state.transport.cycle(self.state.frame).to_f64();
            let late = (there - here) * self.state.transport.frames_per_bar().to_f64() / f64::from(self.state.rate);
            if late.abs() > JUMP {
                self.carry_out(EngineCommand::Seek(Ratio::from_f64(there.max(0.0))), self.state.frame);
            } else {
                let near = late.clamp(-NEAR, NEAR);
                wanted *= 1.0 + (near / SLOWLY + (late - near) / QUICKLY).clamp(-0.02, 0.02);
            }
        }
        let bpm = Ratio::new((wanted.clamp(1.0, 2000.0) * 1000.0).round() as i64, 1000);
        if bpm != self.state.transport.timing().bpm {
            self.carry_out(EngineCommand::Tempo(bpm), self.state.frame);
        }
    }

    /// Beats per minute of a clock that is followed.
    pub fn followed(&self) -> Option<f64> {
        self.leader.and_then(|_| self.follower.bpm())
    }

    /// Hears what happens in this quantum.
    pub(super) fn hear(&mut self) {
        for i in 0..self.now.len() {
            let Some(Timed { frame, what }) = self.now.get(i).copied() else { return };
            if self.overhears(&what) {
                continue;
            }
            let Engine { active, state, keys, outbox, .. } = self;
            let Active { program, table, .. } = active;
            let (launches, transport) = (&mut state.launcher.launches, &state.transport);
            let mut stage = Stage { table, program, launches, transport, base: state.frame, frame };
            match what {
                Incoming::Midi(port, Message::Exclusive(message)) => self.exclusive(port, &message),
                Incoming::Midi(port, message) => {
                    // Values find their parameters behind what keys have done.
                    let mut values = [(0, 0.0); 4];
                    let mut count = 0;
                    keys.hear(port, &message, &mut stage, |path, value| {
                        if let Some(slot) = values.get_mut(count) {
                            *slot = (path, value);
                            count += 1;
                        }
                    });
                    for (path, value) in values.into_iter().take(count) {
                        self.value(path, value);
                    }
                }
                Incoming::Plugged(port, name) => {
                    keys.gone(port, &mut stage);
                    keys.plug(port, name, &active.program);
                }
                Incoming::Named(port, name) => keys.rename(port, name, &active.program),
                Incoming::Gone(port) => keys.gone(port, &mut stage),
                Incoming::Value(path, value) => self.value(path, value),
                Incoming::Step(path, value) => {
                    self.step(path, value, frame);
                    self.value(path, value);
                }
                Incoming::Param(path, value) if value.is_finite() => {
                    if let Some(param) = active.param(path) {
                        active.params.aim(param, value);
                    }
                }
                Incoming::Depart(device, message) => outbox.put(Departure { frame, device, message }),
                Incoming::Reserve(name) => self.reserved = name,
                Incoming::Param(..) | Incoming::Transport(..) | Incoming::Command(_) => {}
            }
        }
    }

    /// Passes on what a port says that is reserved. True if it is nobody else's.
    fn overhears(&mut self, what: &Incoming) -> bool {
        let reserved = |name: &PortName| self.reserved != PortName::NONE && name.has(self.reserved.as_str());
        let heard = match what {
            Incoming::Midi(port, message) if self.keys.name(*port).is_some_and(reserved) => Heard::Said(*message),
            // It is a port like any other besides.
            Incoming::Plugged(_, name) | Incoming::Named(_, name) if reserved(name) => Heard::There,
            _ => return false,
        };
        // A full ring is that of somebody who does not listen.
        let _ = self.heard.push(heard);
        heard != Heard::There
    }

    /// Something outside stands elsewhere from a frame of this quantum on: its parameter draws a line over the quantum, and rows make a step
    /// of it.
    fn step(&mut self, path: u64, value: f32, frame: u64) {
        let Engine { active: Active { instance, table, params, outside, .. }, state, .. } = self;
        let offset = (frame.saturating_sub(state.frame) as usize).min(QUANTUM - 1);
        let mut before = None;
        for &(_, param, unit) in outside.steps.iter().filter(|(known, ..)| *known == path) {
            let Some(stood) = before.or_else(|| params.value(param)) else { return };
            before = Some(stood);
            if params.put(param, value) {
                instance.set_param(ParamId(param as u32), value);
            }
            if let Some(state) = table.get_mut(unit).filter(|_| value.is_finite()) {
                state.square(0, 0, offset, value - stood);
            }
        }
    }

    /// Something outside stands elsewhere.
    fn value(&mut self, path: u64, value: f32) {
        if !value.is_finite() {
            return;
        }
        self.keys.see(path, value);
        if let Some(param) = self.active.param(path) {
            self.active.params.aim(param, value);
        }
        let Active { outside, params, .. } = &mut self.active;
        for map in outside.maps.iter().filter(|map| map.source == path) {
            self.holds.turn(map, value, params);
        }
        if std::mem::take(&mut self.learns) {
            self.notify(EngineNotice::Moved { path });
        }
        for i in 0..self.active.outside.encoders.len() {
            let encoder = self.active.outside.encoders.get(i).filter(|encoder| encoder.controller == path).copied();
            if let Some(encoder) = encoder {
                self.turned(encoder.path, encoder.by(value));
            }
        }
    }

    /// A system exclusive message of a port: what has its form is told its number.
    fn exclusive(&mut self, port: u8, message: &Exclusive) {
        let all = Arc::clone(&self.active.outside.exclusives);
        for (path, device, template) in all.iter() {
            let heard = self.keys.name(port).is_some_and(|name| name.has(device.as_str()));
            if let Some(value) = template.read(message.data()).filter(|_| heard) {
                self.value(*path, value);
            }
        }
    }

    /// An encoder was turned by so much of its way.
    fn turned(&mut self, path: u64, by: f32) {
        let stands = (self.keys.seen(path).unwrap_or(0.0) + by).clamp(0.0, 1.0);
        self.keys.see(path, stands);
        if let Some(param) = self.active.param(path) {
            self.active.params.aim(param, stands);
        }
        let Active { outside, params, .. } = &mut self.active;
        for map in outside.maps.iter().filter(|map| map.source == path) {
            self.holds.push(map, by, params);
        }
    }

    /// A program that is new here finds everything outside where it stands.
    pub(super) fn listen(&mut self) {
        let Engine { active, keys, .. } = self;
        keys.listen(&active.program);
        for at in 0..keys.seen_count() {
            let Some((path, value)) = keys.seen_at(at) else { return };
            if let Some(param) = active.param(path)
                && active.params.target(param) != Some(value)
                && active.params.put(param, value)
            {
                active.instance.set_param(ParamId(param as u32), value);
            }
        }
    }

    /// What voices have done goes out, and the clock with it.
    pub(super) fn depart(&mut self) {
        let Engine { active, outbox, state, .. } = self;
        let Active { program, table, outside, .. } = active;
        table.each_astir(|index, unit| {
            if let Some(about) = program.units.get(index) {
                outbox.collect(unit, about, &program.score, (state.frame, state.rate));
            }
        });
        table.settle();
        // What nobody takes is no use a second later.
        outbox.take(state.frame.saturating_sub(u64::from(state.rate)), |_| {});
        outbox.tick(
            &outside.clocked,
            state.transport.pieces(),
            (&program.timeline.tempo, &program.timing),
            (state.frame, state.rate),
        );
    }

    /// Signals that leave, as far as they have moved in the quantum that was just computed.
    pub(super) fn steer(&mut self) {
        let Engine { active, outbox, state, .. } = self;
        for wire in active.outside.wires.iter() {
            outbox.steer(wire, active.instance.out(wire.out), (state.frame, state.rate));
        }
    }

    /// What ends with a program that is replaced at a frame.
    pub(super) fn ends(outbox: &mut Outbox, old: &mut Active, (frame, rate): (u64, u32)) {
        for (state, unit) in old.table.iter_mut().zip(old.program.units.iter()) {
            outbox.collect(state, unit, &old.program.score, (frame, rate));
        }
    }

    /// Takes what is to leave before a frame, in the order of time; from the thread that calls [`Engine::process`].
    pub fn take_departures(&mut self, end: u64, f: impl FnMut(Departure)) {
        self.outbox.take(end, f);
    }

    /// Gives what was made so far to the thread that sends it ([`super::Taps::post`]).
    pub fn post(&mut self) {
        let Engine { post, outbox, .. } = self;
        let Some(post) = post.as_mut().filter(|post| !post.is_abandoned()) else { return };
        // What finds no room is lost, as on a wire that is too slow.
        outbox.take(u64::MAX, |departure| {
            let _ = post.push(departure);
        });
    }

    /// Messages that nobody took in time.
    pub fn unsent(&self) -> u64 {
        self.outbox.lost()
    }

    /// Events that found no room in the engine.
    pub fn missed(&self) -> u64 {
        self.inbox.lost()
    }

    /// Notes that are held by keys and pedals.
    pub fn held_keys(&self) -> u32 {
        Keys::held(&self.keys)
    }
}
