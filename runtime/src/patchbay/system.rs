//! The ports of the operating system, through midir: those of ALSA on Linux, and of their like elsewhere.
//!
//! Besides the ports that are there, it opens one of its own, `modurust`, to which other programs connect. Where the system has no
//! sequencer, [`open`] says so, and everything else goes on.

use super::{Backend, Hear, Speak};
use midir::{Ignore, MidiInput, MidiOutput};
use std::any::Any;
use std::time::Instant;

/// What others see of us.
const NAME: &str = "modurust";

/// The ports of the system; `Err` says why there are none.
pub fn open() -> Result<Box<dyn Backend>, String> {
    // Why there is no sequencer comes back as an error; what the library prints besides is for nobody.
    crate::device::hush_alsa();
    let input = MidiInput::new(NAME).map_err(|e| e.to_string())?;
    let output = MidiOutput::new(NAME).map_err(|e| e.to_string())?;
    Ok(Box::new(System { input, output }))
}

/// The names of what can be listened to and spoken to now, but for our own ports; `Err` says why there are none.
pub fn list() -> Result<(Vec<String>, Vec<String>), String> {
    let mut system = open()?;
    let others = |names: Vec<String>| names.into_iter().filter(|name| !is_ours(name)).collect();
    Ok((others(system.sources()), others(system.sinks())))
}

struct System {
    input: MidiInput,
    output: MidiOutput,
}

/// Our own ports are not to be heard by ourselves.
fn is_ours(name: &str) -> bool {
    name.starts_with(NAME)
}

impl Backend for System {
    fn sources(&mut self) -> Vec<String> {
        let ports = self.input.ports();
        let names = ports.iter().filter_map(|port| self.input.port_name(port).ok()).filter(|name| !is_ours(name));
        let own = cfg!(unix).then(|| NAME.to_string());
        own.into_iter().chain(names).collect()
    }

    fn sinks(&mut self) -> Vec<String> {
        let ports = self.output.ports();
        ports.iter().filter_map(|port| self.output.port_name(port).ok()).filter(|name| !is_ours(name)).collect()
    }

    fn listen(&mut self, name: &str, nth: usize, mut hear: Hear) -> Result<Box<dyn Any + Send>, String> {
        let mut input = MidiInput::new(NAME).map_err(|e| e.to_string())?;
        input.ignore(Ignore::ActiveSense);
        // The moment of the call: stamps of the system count from a beginning of their own.
        let hear = move |_: u64, bytes: &[u8], (): &mut ()| hear(Instant::now(), bytes);
        #[cfg(unix)]
        if name == NAME {
            use midir::os::unix::VirtualInput;
            let connection = input.create_virtual("in", hear, ()).map_err(|e| e.to_string())?;
            return Ok(Box::new(connection));
        }
        let ports = input.ports();
        let mut named = ports.iter().filter(|port| input.port_name(port).is_ok_and(|known| known == name));
        let port = named.nth(nth).cloned().ok_or_else(|| format!("{name} is gone"))?;
        let connection = input.connect(&port, "in", hear, ()).map_err(|e| e.to_string())?;
        Ok(Box::new(connection))
    }

    fn speak(&mut self, name: &str) -> Result<Speak, String> {
        let output = MidiOutput::new(NAME).map_err(|e| e.to_string())?;
        let ports = output.ports();
        let mut named = ports.iter().filter(|port| output.port_name(port).is_ok_and(|known| known == name));
        let port = named.next().cloned().ok_or_else(|| format!("{name} is gone"))?;
        let mut connection = output.connect(&port, "out").map_err(|e| e.to_string())?;
        // One that is unplugged is found out by the next look.
        Ok(Box::new(move |bytes| {
            let _ = connection.send(bytes);
        }))
    }
}
