//! Ports of MIDI, grids, controllers and letters by OSC, for commands that play.
//!
//! Ports are those of the system, where the sound device has none of its own. A system without a sequencer is told of in one line, once
//! somebody's text plays a keyboard or an instrument. Letters are sent from the first text on that has `osc_out`; whom they are held back
//! from is told once.

use super::osc::OscArgs;
use modurust_runtime::compiler::graph::OutKind;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::controllers::{self, Controllers};
use modurust_runtime::device::Running;
use modurust_runtime::grid::Grid;
use modurust_runtime::grid::map::{KNOWN, Map};
use modurust_runtime::osc::courier::{Courier, addressed, allowed};
use modurust_runtime::patchbay::{Patchbay, asked_by, system};
use modurust_runtime::session::Session;
use modurust_runtime::tap::TAPS;
use modurust_runtime::world::read_text;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// What a command that plays takes for devices of hands.
#[derive(clap::Args, Clone, Default)]
pub(crate) struct HandArgs {
    /// A grid of pads that launches clips and shows them: launchpad-mk3, launchpad-mini, apc-mini, or a file that says what lies where
    #[arg(long, value_name = "NAME|FILE")]
    grid: Option<String>,
    /// Ports of JACK for single tracks and buses, beside those of the whole, by name; `all` for every one
    #[arg(long = "ports", value_name = "TRACK,..", value_delimiter = ',')]
    strips: Vec<String>,
}

/// The map of a grid, and what is wrong with it.
fn map_of(grid: &str) -> (Option<Map>, Vec<String>) {
    let known = KNOWN.iter().find(|(name, _)| *name == grid).map(|(_, text)| text.to_string());
    let text = known.map_or_else(|| read_text(Path::new(grid)), Ok);
    match text {
        Ok(text) => {
            let (map, wrong) = Map::read(&text);
            let usable = !map.device.is_empty();
            (usable.then_some(map), wrong.into_iter().map(|line| format!("{grid}, {line}")).collect())
        }
        Err(why) => {
            let known: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
            (None, vec![format!("{grid}: {why}; `--grid` takes a file, or one of {}", known.join(", "))])
        }
    }
}

/// Ports while a session plays.
pub(crate) struct Ports {
    // First: it says good-bye to its lights by the ports.
    _grid: Option<Grid>,
    hands: Option<Controllers>,
    _bay: Option<Patchbay>,
    /// What is to be told with the next program, and what was.
    told: BTreeSet<String>,
    late: Vec<String>,
    /// Why there are none.
    why: Option<String>,
    courier: Option<Courier>,
    /// Machines that may be sent to beside this one.
    allow: Vec<IpAddr>,
    /// Who is not, which was told.
    held_back: BTreeSet<SocketAddr>,
    /// Strips that are to have ports of their own, and those that have some.
    strips: Vec<String>,
    led: BTreeSet<String>,
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
        let (map, mut late) = osc.hands.grid.as_deref().map(map_of).unwrap_or_default();
        let grid = map.map(|map| Grid::start(session, map)).transpose();
        late.extend(grid.as_ref().err().map(|why| format!("the grid does not play: {why}")));
        Ports {
            _grid: grid.ok().flatten(),
            hands: None,
            _bay: bay.ok().flatten(),
            told: BTreeSet::new(),
            late,
            why,
            courier: None,
            allow,
            held_back: BTreeSet::new(),
            strips: osc.hands.strips.clone(),
            led: BTreeSet::new(),
        }
    }

    /// Gives strips of a program ports of their own, as far as that is asked for. What cannot be is told.
    fn lead(&mut self, session: &Session, running: &Running, program: &Program) -> String {
        let mut told = String::new();
        let strips = program.patch.graph.outs.iter().filter(|out| out.kind == OutKind::Track);
        for strip in strips.map(|out| out.name.as_str()) {
            let asked = self.strips.iter().any(|name| name == "all" || name == strip);
            if !asked || !self.led.insert(strip.into()) {
                continue;
            }
            match session.take_tap() {
                Some(tap) => running.lead(strip, tap),
                None => {
                    told += &format!("`{strip}` has no ports: there are {TAPS} for ports and recordings together\n")
                }
            }
        }
        told
    }

    /// Looks at a program that plays now, and tells what it misses, once.
    pub fn attend(&mut self, session: &Session, running: &Running, program: &Program) -> String {
        let mut told = self.lead(session, running, program);
        if let Some(why) = self.why.take_if(|_| asked_by(program)) {
            told += &format!(
                "there is no MIDI here: {why}; everything else goes on, and `--device jack` has ports of its own\n"
            );
        }
        let mut lines = std::mem::take(&mut self.late);
        if self.hands.is_none() && !controllers::asked_by(program).is_empty() {
            match Controllers::start(session, Box::new(controllers::systems)) {
                Ok(hands) => self.hands = Some(hands),
                Err(why) => lines.push(format!("no controllers are heard: {why}")),
            }
        }
        lines.extend(self.hands.iter().flat_map(|hands| hands.misses(program)));
        for line in lines {
            if self.told.insert(line.clone()) {
                told += &format!("{line}\n");
            }
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
