//! Ports of MIDI, for commands that play: those of the system, where the sound device has none of its own.
//!
//! A system without a sequencer is told of in one line, once somebody's text plays a keyboard or an instrument.

use modurust_runtime::compiler::program::Program;
use modurust_runtime::device::Running;
use modurust_runtime::patchbay::{Patchbay, asked_by, system};
use modurust_runtime::session::Session;

/// Ports while a session plays.
pub(crate) struct Ports {
    _bay: Option<Patchbay>,
    /// Why there are none.
    why: Option<String>,
}

impl Ports {
    /// Opens the ports of the system, unless the device has its own.
    pub fn open(session: &Session, running: &Running) -> Ports {
        if running.has_ports() {
            return Ports { _bay: None, why: None };
        }
        match system::open().and_then(|backend| Patchbay::start(session, backend).map_err(|e| e.to_string())) {
            Ok(bay) => Ports { _bay: Some(bay), why: None },
            Err(why) => Ports { _bay: None, why: Some(why) },
        }
    }

    /// What a program misses, once.
    pub fn missed(&mut self, program: &Program) -> Option<String> {
        let why = self.why.take_if(|_| asked_by(program))?;
        Some(format!(
            "there is no MIDI here: {why}; everything else goes on, and `--device jack` has ports of its own\n"
        ))
    }
}
