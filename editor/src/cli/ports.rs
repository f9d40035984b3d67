//! Ports of MIDI and letters by OSC, for commands that play.
//!
//! Ports are those of the system, where the sound device has none of its own. A system without a sequencer is told of in one line, once
//! somebody's text plays a keyboard or an instrument. Letters are sent from the first text on that has `osc_out`; whom they are held back
//! from is told once.

use super::osc::OscArgs;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::device::Running;
use modurust_runtime::osc::courier::{Courier, addressed, allowed};
use modurust_runtime::patchbay::{Patchbay, asked_by, system};
use modurust_runtime::session::Session;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Ports while a session plays.
pub(crate) struct Ports {
    _bay: Option<Patchbay>,
    /// Why there are none.
    why: Option<String>,
    courier: Option<Courier>,
    /// Machines that may be sent to beside this one.
    allow: Vec<IpAddr>,
    /// Who is not, which was told.
    held_back: BTreeSet<SocketAddr>,
}

impl Ports {
    /// Opens the ports of the system, unless the device has its own.
    pub fn open(session: &Session, running: &Running, osc: &OscArgs) -> Ports {
        let bay = match running.has_ports() {
            true => Ok(None),
            false => system::open()
                .and_then(|backend| Patchbay::start(session, backend).map(Some).map_err(|e| e.to_string())),
        };
        let why = bay.as_ref().err().cloned();
        let allow = osc.allowed().to_vec();
        Ports { _bay: bay.ok().flatten(), why, courier: None, allow, held_back: BTreeSet::new() }
    }

    /// Looks at a program that plays now, and tells what it misses, once.
    pub fn attend(&mut self, session: &Session, program: &Program) -> String {
        let mut told = String::new();
        if let Some(why) = self.why.take_if(|_| asked_by(program)) {
            told = format!(
                "there is no MIDI here: {why}; everything else goes on, and `--device jack` has ports of its own\n"
            );
        }
        let addressed = addressed(program);
        if self.courier.is_none() && !addressed.is_empty() {
            match Courier::start(session, &self.allow) {
                Ok(courier) => self.courier = Some(courier),
                Err(why) => told += &format!("`osc_out` sends nothing: {why}\n"),
            }
        }
        for to in addressed.into_iter().filter(|to| !allowed(to.ip(), &self.allow)) {
            if self.held_back.insert(to) {
                let ip = to.ip();
                told += &format!(
                    "`osc_out` to {to} is held back: to send to other machines, start with --osc-allow {ip}\n"
                );
            }
        }
        told
    }
}
