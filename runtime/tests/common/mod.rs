//! Programs made by hand, so that these tests need nothing of the language.
#![allow(dead_code)]

pub mod counting;
pub mod memory;

use modurust_runtime::compiler::exec::{self, Backend};
use modurust_runtime::compiler::front::{Options, World};
use modurust_runtime::compiler::graph::ops::Op;
use modurust_runtime::compiler::graph::{FrameId, Graph, Node, NodeId, Out, OutKind, Param, ParamId, Row, RowId, Ty};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::program::{FieldSource, Program, Timing, Unit, UnitField, UnitKind};
use modurust_runtime::compiler::score::{PatId, Ratio, ScoreBuilder, Value};
use std::sync::Arc;

pub const RATE: u32 = 48_000;

/// The only file there is.
pub struct Text(pub String);

impl World for Text {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

/// As a player's text is compiled.
pub fn options(backend: Backend) -> Options {
    Options { sample_rate: RATE, passes: Passes::Fast, backend, seed: 0, verify: false }
}

/// A number that a longer run is asked for by, or what every run of the tests does.
pub fn asked(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// A program under construction.
pub struct Build {
    pub graph: Graph,
    pub score: ScoreBuilder,
    pub units: Vec<Unit>,
    pub timing: Timing,
    pub rate: u32,
    tracks: Vec<NodeId>,
}

impl Build {
    pub fn new() -> Build {
        Build {
            graph: Graph::new(),
            score: ScoreBuilder::new(1),
            units: vec![],
            timing: Timing { bpm: Ratio::int(120), beats_per_bar: Ratio::int(4) },
            rate: RATE,
            tracks: vec![],
        }
    }

    pub fn frame(&mut self, name: &str) -> FrameId {
        self.graph.frame(FrameId(0), name, true, 0)
    }

    /// A number of the text.
    pub fn param(&mut self, frame: FrameId, name: &str, value: f32) -> NodeId {
        Arc::make_mut(&mut self.graph.params).push(Param { frame, name: name.into(), value });
        self.graph.push(Node::Param(ParamId(self.graph.params.len() as u32 - 1)))
    }

    /// A unit that plays a pattern; gives its rows, one per field.
    pub fn unit(
        &mut self,
        frame: FrameId,
        kind: UnitKind,
        voices: u32,
        pattern: PatId,
        fields: &[FieldSource],
    ) -> Vec<NodeId> {
        let unit = self.units.len() as u32;
        let default = |s: &FieldSource| if *s == FieldSource::Freq { 440.0 } else { 0.0 };
        self.units.push(Unit {
            path: self.graph.path(frame),
            frame,
            kind,
            voices,
            pattern,
            word: None,
            choke: None,
            live: 0,
            mpe: false,
            outlet: None,
            swings: true,
            fields: fields.iter().map(|source| UnitField { source: *source, default: default(source) }).collect(),
        });
        (0..fields.len() as u32)
            .map(|field| {
                Arc::make_mut(&mut self.graph.rows).push(Row { unit, field, lanes: voices });
                self.graph.push(Node::Row(RowId(self.graph.rows.len() as u32 - 1)))
            })
            .collect()
    }

    /// A triangle that follows `freq`, with state.
    pub fn oscillator(&mut self, frame: FrameId, freq: NodeId, lanes: u32) -> NodeId {
        let g = &mut self.graph;
        let cell = g.cell(frame, "phase", Ty::I32, lanes, 0);
        let read = g.push(Node::Read(cell));
        let inverse = g.constant(1.0 / self.rate as f32);
        let cycles = g.op(Op::Mul, &[freq, inverse]);
        let step = g.op(Op::Phase, &[cycles]);
        let next = g.op(Op::Iadd, &[read, step]);
        g.cells[cell.index()].next = Some(next);
        let turn = g.op(Op::Turn, &[read]);
        let half = g.constant(0.5);
        let centred = g.op(Op::Sub, &[turn, half]);
        let folded = g.op(Op::Abs, &[centred]);
        let quarter = g.constant(0.25);
        g.op(Op::Sub, &[folded, quarter])
    }

    /// A one-pole follower, with state.
    pub fn smooth(&mut self, frame: FrameId, x: NodeId, a: f32, lanes: u32) -> NodeId {
        let g = &mut self.graph;
        let cell = g.cell(frame, "y", Ty::F32, lanes, 0);
        let read = g.push(Node::Read(cell));
        let a = g.constant(a);
        let gap = g.op(Op::Sub, &[x, read]);
        let step = g.op(Op::Mul, &[gap, a]);
        let y = g.op(Op::Add, &[read, step]);
        g.cells[cell.index()].next = Some(y);
        y
    }

    pub fn track(&mut self, name: &str, left: NodeId, right: NodeId) {
        let node = self.graph.push(Node::Join(vec![left, right]));
        self.graph.outs.push(Out { name: name.into(), kind: OutKind::Track, node, frame: FrameId(0) });
        self.tracks.push(node);
    }

    pub fn mono(&mut self, name: &str, x: NodeId) {
        self.track(name, x, x);
    }

    /// A track of voices, each an oscillator with an envelope.
    pub fn synth(&mut self, name: &str, kind: UnitKind, voices: u32, pattern: PatId) {
        let frame = self.frame(name);
        let rows = self.unit(frame, kind, voices, pattern, &[FieldSource::Freq, FieldSource::Gate]);
        let sound = self.oscillator(frame, rows[0], voices);
        let envelope = self.smooth(frame, rows[1], 0.002, voices);
        let shaped = self.graph.op(Op::Mul, &[sound, envelope]);
        let mixed = self.graph.push(Node::Reduce(shaped, 1));
        self.mono(name, mixed);
    }

    /// A track of one oscillator at a parameter's frequency.
    pub fn drone(&mut self, name: &str, freq: f32) {
        let frame = self.frame(name);
        let freq = self.param(frame, &format!("{name}.freq"), freq);
        let sound = self.oscillator(frame, freq, 1);
        self.mono(name, sound);
    }

    /// A track of a drone through a delay with feedback.
    pub fn echo(&mut self, name: &str, freq: f32) {
        let frame = self.frame(name);
        let freq = self.param(frame, &format!("{name}.freq"), freq);
        let sound = self.oscillator(frame, freq, 1);
        let ring = self.graph.ring(frame, "d", 1, 20_000);
        let time = self.graph.constant(9_000.0);
        let tap = self.graph.push(Node::Tap(ring, time));
        let half = self.graph.constant(0.5);
        let back = self.graph.op(Op::Mul, &[tap, half]);
        let sum = self.graph.op(Op::Add, &[sound, back]);
        self.graph.rings[ring.index()].input = Some(sum);
        self.mono(name, sum);
    }

    /// Notes in a row: MIDI numbers.
    pub fn notes(&mut self, notes: &[f64]) -> PatId {
        let pats: Vec<PatId> = notes.iter().map(|n| self.score.pure(Value::Note(*n))).collect();
        self.score.fastcat(&pats)
    }

    pub fn finish(mut self) -> Program {
        let g = &mut self.graph;
        let zero = g.constant(0.0);
        let mut sum = g.push(Node::Join(vec![zero, zero]));
        for track in &self.tracks {
            sum = g.op(Op::Add, &[sum, *track]);
        }
        g.outs.push(Out { name: "master".into(), kind: OutKind::Master, node: sum, frame: FrameId(0) });
        let options =
            exec::Options { sample_rate: self.rate, passes: Passes::Exact, backend: Backend::Jit, verify: true };
        let params = g.params.iter().map(|p| p.value).collect();
        Program {
            samples: Arc::default(),
            patch: Arc::new(exec::compile(g, &options).expect("a valid graph")),
            score: Arc::new(self.score.finish()),
            units: Arc::new(self.units),
            params: Arc::new(params),
            timing: self.timing,
            timeline: Arc::default(),
            knobs: Arc::default(),
        }
    }
}

/// The rows of a unit as the sound itself: left field 0, right field 1, of one voice.
pub fn probe(build: impl FnOnce(&mut Build) -> PatId, kind: UnitKind, timing: Timing) -> Program {
    let mut b = Build::new();
    b.timing = timing;
    let pattern = build(&mut b);
    let frame = b.frame("probe");
    let rows = b.unit(frame, kind, 1, pattern, &[FieldSource::Value, FieldSource::Gate]);
    b.track("probe", rows[0], rows[1]);
    b.finish()
}

pub fn timing(bpm: Ratio) -> Timing {
    Timing { bpm, beats_per_bar: Ratio::int(4) }
}

/// A fixed sequence of numbers.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
}

/// A song of everything: voices, drone, echo.
pub fn song(drone: f32) -> Program {
    let mut b = Build::new();
    let notes = b.notes(&[48.0, 60.0, 63.0, 67.0, 70.0, 72.0, 55.0]);
    b.synth("poly", UnitKind::Poly, 6, notes);
    let bass = b.notes(&[36.0, 36.0, 43.0]);
    b.synth("bass", UnitKind::Mono, 1, bass);
    b.drone("drone", drone);
    b.echo("echo", 330.0);
    b.finish()
}

/// Many notes at once: 485 a bar.
pub fn dense(extra: bool) -> Program {
    let mut b = Build::new();
    if extra {
        b.drone("extra", 77.0);
    }
    let notes = b.notes(&[40.0, 52.0, 55.0, 59.0, 64.0]);
    let notes = b.score.fast(notes, 97);
    b.synth("poly", UnitKind::Poly, 16, notes);
    b.drone("drone", 110.0);
    b.echo("echo", 220.0);
    b.finish()
}
