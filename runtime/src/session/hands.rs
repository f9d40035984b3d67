//! What a session is asked for, carried out: commands to the engine, names to numbers.
//!
//! A command with a frame goes into the engine's inbox, and acts there at that frame; all others take the ring of commands.

use super::Inner;
use crate::command::{Command, EngineCommand, Notice, Perform};
use crate::controllers::paths;
use crate::inbox::{Incoming, KEYBOARD, PortName};
use crate::journal::Entry;
use crate::launcher::{Order, Quantise, Wish, bars};
use crate::midi::{Message, Voice};
use crate::performance::resolve;
use crate::tap::source;
use modurust_compiler::lang::units::Dim;
use modurust_compiler::program::Program;
use modurust_compiler::score::Ratio;
use std::sync::PoisonError;
use std::time::Instant;

/// How fast keys are pressed that cannot tell.
const SPEED: u16 = 0xc000;

/// What stands outside, by its path, as a text says it.
fn outside_text(path: &str) -> Option<String> {
    let (kind, rest) = path.split_once('/')?;
    let apart = || rest.rsplit_once('/');
    Some(match kind {
        "osc" => format!("osc('/{rest}')"),
        "hid" => apart().map(|(device, control)| format!("hid('{device}').{control}"))?,
        "button" => apart().map(|(device, number)| format!("button('{device}', {number})"))?,
        "key" => format!("key('{rest}')"),
        "sysex" => apart().map(|(device, bytes)| format!("sysex('{device}', '{}')", bytes.replace('-', " ")))?,
        _ => return None,
    })
}

impl Inner {
    /// Puts something into the engine's inbox. False if there is no room.
    fn put(&self, frame: u64, what: Incoming) -> bool {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        intake.as_mut().is_some_and(|intake| intake.put(frame, what))
    }

    pub(super) fn engine(&mut self, command: EngineCommand) {
        let sent = match self.moment {
            Some(frame) => self.put(frame, Incoming::Command(command)),
            None => self.control.send(command),
        };
        if !sent {
            self.tell(Notice::Refused { message: "the engine does not answer".into() });
        }
    }

    /// Waits for something outside to move, for a number.
    fn learn(&mut self, name: Option<String>) {
        if let Some(name) = &name
            && !self.control.program().patch.graph.params.iter().any(|p| *p.name == **name)
        {
            self.tell(Notice::Refused { message: format!("there is no parameter `{name}`") });
            return;
        }
        self.engine(EngineCommand::Learn(name.is_some()));
        self.learns = name;
    }

    /// Something has moved: the line that lets it move what was waiting.
    pub(super) fn moved(&mut self, path: u64) {
        let Some(name) = self.learns.take() else { return };
        let controllers = (0..128).map(|n| (format!("cc/{n}"), format!("cc({n})")));
        let others = [("bend".to_string(), "bend()".to_string()), ("press".to_string(), "press()".to_string())];
        let named = |path: &str| Some((path.to_string(), outside_text(path)?));
        let program = self.control.program();
        let mut known = controllers.chain(others).chain(paths(program).filter_map(named));
        let Some((_, source_text)) = known.find(|(known, _)| source(known) == path) else {
            self.tell(Notice::Refused { message: "what has moved has no name in a text".into() });
            return;
        };
        let knob = program.knobs.iter().find(|knob| *knob.name == *name);
        let range = knob.and_then(|knob| knob.range.map(|range| range_text(knob.dim, range))).unwrap_or_default();
        self.tell(Notice::Learned { line: format!("map {source_text} -> {name}{range}") });
    }

    /// A key of the computer's keyboard, as a port of its own.
    fn typed(&mut self, note: u8, down: bool) {
        if !std::mem::replace(&mut self.typed, true) {
            self.put(0, Incoming::Plugged(KEYBOARD, PortName::new("computer keyboard")));
        }
        let voice = match down {
            true => Voice::On { note, velocity: SPEED },
            false => Voice::Off { note, velocity: SPEED },
        };
        self.put(0, Incoming::Midi(KEYBOARD, Message::Channel(0, voice)));
    }

    pub(super) fn command(&mut self, command: Command, at: Instant) {
        match command {
            Command::Compile => self.compile(at),
            Command::Snap { letter, text } => {
                if let Some(diary) = &self.journal {
                    diary.keeper.keep(Entry::Snap { letter, text });
                }
            }
            Command::Text { file, text } => {
                self.overlays.insert(file, text);
                self.compile(at);
            }
            Command::Store { slot, texts, plays } => self.store(slot, texts, plays),
            Command::Switch { slot, texts, apart } => self.switch(slot, texts, apart, at),
            Command::Open(files) => {
                self.files = files;
                self.compile(at);
            }
            Command::Param { name, value } => {
                if self.control.is_pending() {
                    self.waiting.push((name.clone(), value));
                }
                self.param(&name, value);
            }
            Command::Learn(name) => self.learn(name),
            Command::Key { note, down } => self.typed(note & 0x7f, down),
            Command::Play => self.engine(EngineCommand::Play),
            Command::Pause => self.engine(EngineCommand::Pause),
            Command::Seek(cycle) => self.engine(EngineCommand::Seek(cycle)),
            Command::Tempo(bpm) if bpm.is_positive() => self.tempo(bpm),
            Command::Tempo(_) => {
                self.tell(Notice::Refused { message: "a tempo is more than 0 beats per minute".into() })
            }
            Command::Perform(what) => self.perform(what, at),
            Command::At { frame, command } => {
                self.moment = Some(frame);
                self.command(*command, at);
                self.moment = None;
            }
            Command::Keep(path) => {
                let rate = self.control.playing().0.patch.sample_rate;
                self.scribe.keep(&path, rate);
            }
            Command::Hush => self.engine(EngineCommand::Hush),
            Command::Panic => self.engine(EngineCommand::Panic),
        }
    }

    /// Launches, stops, and what else a hand does to time.
    pub(super) fn perform(&mut self, what: Perform, at: Instant) {
        let refused = |message: String| Notice::Refused { message };
        let here = Ratio::from_f64(self.control.meters().cycle());
        match what {
            Perform::Tap => {
                if let Some(bpm) = self.desk.tap(at) {
                    self.tempo(bpm);
                    self.tell(Notice::Tapped { bpm: bpm.to_f64() });
                }
            }
            Perform::Nudge(ms) => {
                let rate = f64::from(self.control.program().patch.sample_rate);
                self.engine(EngineCommand::Nudge((ms * rate / 1000.0).clamp(-1e6, 1e6) as i64));
            }
            Perform::Loop(over) => self.engine(EngineCommand::Loop(over)),
            Perform::CountIn(bars) => {
                let cycle = Ratio::int(here.floor());
                self.engine(EngineCommand::CountIn { cycle, bars });
                self.engine(EngineCommand::Play);
            }
            Perform::SetCue(name) => self.desk.set_cue(name, here),
            Perform::Cue(name) => match self.desk.cue(&name) {
                Some(cycle) => self.engine(EngineCommand::Seek(cycle)),
                None => self.tell(refused(format!("there is no cue `{name}`"))),
            },
            Perform::Metronome(on) => self.engine(EngineCommand::Metronome(on)),
            Perform::Launch { path, launch, legato, at } => {
                // What only the program that waits has is launched with it.
                let playing = resolve(&self.control.playing().0.timeline, &path);
                let later = playing.is_none();
                let Some(what) = playing.or_else(|| resolve(&self.control.program().timeline, &path)) else {
                    self.tell(refused(format!("there is no clip, scene or song `{path}`")));
                    return;
                };
                let (program, epoch) = self.control.playing();
                let Program { timeline, timing, .. } = if later { self.control.program() } else { program };
                let quantise = timeline.settings.quantise;
                let at = at.unwrap_or_else(|| quantise.map_or(Quantise::Now, |q| Quantise::Bars(bars(q, timing))));
                let wish = Wish::Order(Order { what, launch, legato, at });
                if !later {
                    self.engine(EngineCommand::Wish { epoch, wish });
                } else if !self.control.wish(wish) {
                    self.tell(refused("the engine does not answer".into()));
                }
            }
        }
    }

    pub(super) fn tempo(&mut self, bpm: Ratio) {
        if let Some(diary) = &self.journal {
            diary.keeper.keep(Entry::Tempo(bpm.to_f64()));
        }
        self.engine(EngineCommand::Tempo(bpm));
    }

    pub(super) fn param(&mut self, name: &str, value: f32) {
        // What was worked out of numbers, such as the coefficients of a filter, would be no filter in other hands.
        if name.contains('#') && !name.contains('/') {
            let message = format!("`{name}` has no name in the text: give the number one, `cut = 800hz`, to move it");
            return self.tell(Notice::Refused { message });
        }
        let (program, epoch) = self.control.playing();
        match program.patch.graph.params.iter().position(|p| *p.name == *name) {
            Some(index) if value.is_finite() => {
                if let Some(diary) = &self.journal {
                    diary.keeper.keep(Entry::Number { name: name.into(), value });
                }
                // What stands outside is remembered by the engine: other texts find it there.
                if name.contains('/') {
                    match self.moment {
                        Some(frame) => self.put(frame, Incoming::Step(source(name), value)),
                        None => self.put(0, Incoming::Value(source(name), value)),
                    };
                } else {
                    self.engine(EngineCommand::Param { epoch, index: index as u32, value });
                }
            }
            Some(_) => self.tell(Notice::Refused { message: format!("`{name}` wants a number") }),
            // The program that waits may have it.
            None if self.waiting.iter().any(|(waiting, _)| waiting == name) => {}
            None => self.tell(Notice::Refused { message: format!("there is no parameter `{name}`") }),
        }
    }
}

/// A range as a line of the text ends with it.
fn range_text(dim: Dim, (from, to): (f32, f32)) -> String {
    match dim {
        Dim::Frequency => format!(" {from}hz..{to}hz exp"),
        Dim::Time => format!(" {from}s..{to}s"),
        Dim::Tempo => format!(" {from}bpm..{to}bpm"),
        _ => format!(" {from}..{to}"),
    }
}
