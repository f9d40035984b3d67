//! What a program has to do with the world outside, and the hands on its numbers.
//!
//! `map cc(74) -> bass.cutoff` lets a controller move a number. A controller that stands elsewhere than the number does not tear it away:
//! it takes hold when it comes by (*pickup*, or soft takeover), and has it until a hand, the text or something else moves the number. An endless
//! encoder stands nowhere: it says how far it was turned, and turns the number from where that stands.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::inbox::PortName;
use crate::outbox::CLOCKED;
use crate::steer::Wire;
use crate::swap::ParamTable;
use crate::tap::source;
use modurust_compiler::exclusive::Template;
use modurust_compiler::program::{self, FieldSource, Program, Unit};
use modurust_compiler::score::timeline::{Mapping, Target};
use modurust_compiler::score::{Curve, line};
use std::sync::Arc;

/// How near a controller must come to a number to take hold of it, as a share of its way.
const NEAR: f32 = 0.02;
/// Holds that are remembered.
const HOLDS: usize = 256;

/// A line of the text that lets something outside move a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Map {
    /// Its path, as a hash.
    pub source: u64,
    /// It goes from -1 to 1.
    wheel: bool,
    /// In the numbers of the program.
    pub param: usize,
    /// The same line in other programs.
    key: u64,
    from: f32,
    to: f32,
    curve: Curve,
}

impl Map {
    fn of(program: &Program, mapping: &Mapping) -> Option<Map> {
        let Target::Param(param) = mapping.target else { return None };
        let name = &program.patch.graph.params.get(param as usize)?.name;
        let from = source(&mapping.source);
        Some(Map {
            source: from,
            wheel: mapping.source == "bend",
            param: param as usize,
            key: from.rotate_left(17) ^ source(name),
            from: mapping.from,
            to: mapping.to,
            curve: mapping.curve,
        })
    }

    /// Where a controller stands when the number is here: the way is monotone, whatever its curve.
    fn share_of(&self, value: f32) -> f32 {
        let rises = self.to >= self.from;
        let (mut low, mut high) = (0.0f32, 1.0f32);
        for _ in 0..24 {
            let middle = (low + high) * 0.5;
            if (self.at(middle) < value) == rises {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) * 0.5
    }

    /// Where the number is when the controller stands at `x`.
    fn at(&self, x: f32) -> f32 {
        let share = if self.wheel { (x + 1.0) * 0.5 } else { x };
        line(f64::from(self.from), f64::from(self.to), f64::from(share.clamp(0.0, 1.0)), self.curve) as f32
    }
}

/// How an encoder writes how far it was turned, in 7 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    /// As whole numbers are written: 127 is one step back.
    Twos,
    /// 64 is no step, 63 one back.
    Offset,
    /// The highest bit is the sign: 65 is one step back.
    Sign,
}

/// An endless encoder that a program listens to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Encoder {
    /// The path of its controller, as a hash.
    pub controller: u64,
    /// Its own.
    pub path: u64,
    code: Code,
}

/// Steps of an encoder over the whole of a way.
const STEPS: f32 = 128.0;

impl Encoder {
    /// By its path, `encoder/74/twos`.
    fn of(path: &str) -> Option<Encoder> {
        let (number, code) = path.strip_prefix("encoder/")?.split_once('/')?;
        let code = match code {
            "offset" => Code::Offset,
            "sign" => Code::Sign,
            _ => Code::Twos,
        };
        Some(Encoder { controller: source(&format!("cc/{number}")), path: source(path), code })
    }

    /// By how much of a way it was turned, when its controller says `x`, 0 to 1.
    pub fn by(&self, x: f32) -> f32 {
        let said = (x * 127.0).round().clamp(0.0, 127.0);
        let steps = match self.code {
            Code::Twos if said >= 64.0 => said - 128.0,
            Code::Twos => said,
            Code::Offset => said - 64.0,
            Code::Sign if said >= 64.0 => 64.0 - said,
            Code::Sign => said,
        };
        steps / STEPS
    }
}

/// What of a program concerns the world outside.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    /// Instruments that hear the clock, and by how much later, seconds.
    pub clocked: Arc<[(PortName, f64)]>,
    /// What moves what.
    pub maps: Arc<[Map]>,
    /// Endless encoders.
    pub encoders: Arc<[Encoder]>,
    /// What steps at the frame of a value: its path, its parameter, and the unit of the row that makes a step of the parameter's line.
    pub steps: Arc<[(u64, usize, usize)]>,
    /// System exclusive messages that are listened to: path, a part of the device's name, and what they are.
    pub exclusives: Arc<[(u64, PortName, Template)]>,
    /// Signals that leave.
    pub wires: Arc<[Wire]>,
}

impl Outside {
    pub fn of(program: &Program) -> Outside {
        let mut devices = Vec::new();
        for outlet in program.units.iter().filter_map(|unit| unit.outlet.as_ref()) {
            let program::Wire::Midi { device, clock: true, .. } = &outlet.wire else { continue };
            let name = PortName::new(device);
            if devices.iter().all(|(known, _)| *known != name) && devices.len() < CLOCKED {
                devices.push((name, outlet.offset));
            }
        }
        let maps = program.timeline.mappings.iter().filter_map(|mapping| Map::of(program, mapping)).collect();
        let outs = program.patch.graph.outs.iter().enumerate();
        let wires = outs.filter_map(|(at, out)| Wire::of(at, out)).collect();
        let params = program.patch.graph.params.iter().map(|param| &*param.name);
        let mapped = program.timeline.mappings.iter().map(|mapping| mapping.source.as_str());
        let exclusives = params.clone().chain(mapped.clone()).filter_map(|path| {
            let (device, template) = path.strip_prefix("sysex/")?.rsplit_once('/')?;
            Some((source(path), PortName::new(device), Template::parse(template).ok()?))
        });
        let exclusives = exclusives.collect();
        let mut encoders: Vec<Encoder> = Vec::new();
        for encoder in params.chain(mapped).filter_map(Encoder::of) {
            if !encoders.contains(&encoder) {
                encoders.push(encoder);
            }
        }
        let step = |(at, unit): (usize, &Unit)| match unit.fields.first()?.source {
            FieldSource::Step(path) => {
                let param = program.patch.graph.params.iter().position(|param| source(&param.name) == path)?;
                Some((path, param, at))
            }
            _ => None,
        };
        let steps = program.units.iter().enumerate().filter_map(step).collect();
        Outside { clocked: devices.into(), maps, encoders: encoders.into(), steps, exclusives, wires }
    }
}

/// How a controller stands to a number.
#[derive(Clone, Copy, Debug)]
struct Hold {
    key: u64,
    /// Where the controller stood last.
    x: f32,
    /// Where it put the number, if it has.
    put: Option<f32>,
}

/// All holds of an engine.
pub(crate) struct Holds(Vec<Hold>);

impl Holds {
    pub fn new() -> Holds {
        Holds(Vec::with_capacity(HOLDS))
    }

    /// A controller stands at `x` now: moves what it has hold of, or takes hold.
    pub fn turn(&mut self, map: &Map, x: f32, params: &mut ParamTable) {
        let Some(now) = params.target(map.param) else { return };
        let value = map.at(x);
        if !value.is_finite() {
            return;
        }
        let known = self.0.iter().position(|hold| hold.key == map.key);
        let before = known.and_then(|at| self.0.get(at)).copied();
        let has = before.is_some_and(|hold| hold.put == Some(now));
        let near = (value - now).abs() <= NEAR * (map.to - map.from).abs();
        let passes = before.is_some_and(|hold| (map.at(hold.x) - now) * (value - now) <= 0.0);
        let takes = has || near || passes;
        self.note(known, Hold { key: map.key, x, put: takes.then_some(value) });
        if takes {
            params.aim(map.param, value);
        }
    }

    /// An encoder was turned by so much of its way: moves what it is for from where that stands.
    pub fn push(&mut self, map: &Map, by: f32, params: &mut ParamTable) {
        let Some(now) = params.target(map.param) else { return };
        let known = self.0.iter().position(|hold| hold.key == map.key);
        let before = known.and_then(|at| self.0.get(at)).filter(|hold| hold.put == Some(now));
        let x = (before.map_or_else(|| map.share_of(now), |hold| hold.x) + by).clamp(0.0, 1.0);
        let value = map.at(x);
        if value.is_finite() {
            self.note(known, Hold { key: map.key, x, put: Some(value) });
            params.aim(map.param, value);
        }
    }

    fn note(&mut self, known: Option<usize>, hold: Hold) {
        if let Some(slot) = known.and_then(|at| self.0.get_mut(at)) {
            *slot = hold;
        } else if self.0.len() < HOLDS {
            self.0.push(hold);
        }
    }
}
