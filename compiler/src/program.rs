//! What compiling yields: code, layout, score, and the plan to go from one to the next.
//!
//! A [`Patch`] is immutable and shared. An [`crate::exec::Instance`] is its memory. A [`Program`] adds what needs no code:
//! parameter values, patterns, tempo. Two programs with the same [`Patch::hash`] share code and memory: going from one to the
//! other writes numbers and swaps a score, and compiles nothing.

use crate::exclusive::Template;
use crate::exec::{Code, SampleMemory};
use crate::graph::{Graph, RingId, RowId};
use crate::score::timeline::Timeline;
use crate::score::{FieldId, PatId, Ratio, Score, Sym};
use modurust_lang::units::Dim;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// A patch ready to run at one sample rate.
pub struct Patch {
    /// The optimised graph before packing. Its cells are the memory by name, wherever their lanes lie.
    pub graph: Graph,
    /// How to run it.
    pub code: Code,
    /// Where everything lies in memory.
    pub layout: Layout,
    /// Content hash of the graph without parameter values, rate and passes included.
    pub hash: u64,
    /// Frames per second.
    pub sample_rate: u32,
    /// Operations on one lane that a quantum takes at most ([`crate::graph::work`]).
    pub work: u64,
}

/// Where everything lies. Sizes are in 32-bit words; lanes are padded ([`crate::exec::padded`]).
///
/// A buffer is `[QUANTUM][padded lanes]`, and so are rows and delay lines. The lanes of a cell lie side by side in the state;
/// between cells there may be padding.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Words of state; cell `i` starts at `cells[i]`.
    pub state_words: usize,
    /// Start of each cell of [`Patch::graph`].
    pub cells: Vec<u32>,
    /// Words of scratch for values that cross regions.
    pub buffer_words: usize,
    /// Where each output's buffer starts in the scratch.
    pub outs: Vec<u32>,
    /// The part that computes each output ([`crate::graph::idle`]); 0 always runs.
    pub out_parts: Vec<u8>,
    /// Parts that may sleep, by the bit that tells generated code to compute them.
    pub sleepers: Vec<Sleeper>,
    /// Banks of voices that are computed in fewer lanes, too.
    pub banks: Vec<crate::few::Bank>,
    /// Lanes of the rows that such code reads; they come after those of the graph.
    pub more_rows: Vec<u32>,
    /// What each word of state starts as.
    pub inits: Vec<u32>,
    /// The words of state that must stay finite, in pieces from the first on: where each ends, and the bit of
    /// [`crate::exec::Quantum::awake`] without which nothing of it changes, or 0.
    pub guarded: Vec<(u32, u128)>,
}

/// A part that may sleep ([`crate::graph::idle::Part`]), in words of memory; each range is first word and end.
#[derive(Clone, Debug, Default)]
pub struct Sleeper {
    /// Sequenced units whose rows it depends on.
    pub units: Vec<u32>,
    /// The bits of parameters that it depends on ([`crate::schedule::moving`]).
    pub params: u64,
    /// Parts that it reads, by their place in the list.
    pub needs: Vec<usize>,
    /// State that must keep its bits.
    pub held: Vec<(u32, u32)>,
    /// State that must be zero.
    pub zero: Vec<(u32, u32)>,
    /// Counters.
    pub running: Vec<(u32, u32)>,
    /// Delay lines that must hold zeros.
    pub rings: Vec<RingId>,
    /// Values that must be zero throughout a quantum.
    pub guards: Vec<Guard>,
}

/// Where a value is that must be zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Guard {
    /// A buffer in the scratch.
    Scratch {
        /// Its first word.
        at: u32,
        /// Its lanes.
        lanes: u32,
    },
    /// A row.
    Row {
        /// Which.
        row: RowId,
        /// Its lanes.
        lanes: u32,
    },
    /// Nowhere: it is never known to be zero.
    Never,
}

/// How a pattern drives the voices of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UnitKind {
    /// n voices; a new note takes a free one or steals.
    Poly,
    /// One voice; a new note takes it over.
    Mono,
    /// No notes: the event's value is held in field 0.
    Hold,
}

/// A sequenced unit: a pattern, its voices, and the fields that its rows carry.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The identity of its voices across edits: path of names.
    pub path: String,
    /// Place in the tree of names of the patch's graph.
    pub frame: crate::graph::FrameId,
    /// How notes meet voices.
    pub kind: UnitKind,
    /// Number of voices.
    pub voices: u32,
    /// The pattern.
    pub pattern: PatId,
    /// Only events of this word, for drum kits.
    pub word: Option<Sym>,
    /// A word whose events silence this unit (an open hat by a closed one).
    pub choke: Option<Sym>,
    /// The sources of live notes that its pattern has ([`Score::live`]).
    pub live: u64,
    /// A channel of MIDI for each voice, whatever the device says of itself.
    pub mpe: bool,
    /// Where its events leave, if they do.
    pub outlet: Option<Arc<Outlet>>,
    /// It follows the swing of the session.
    pub swings: bool,
    /// Field `i` of the unit's rows.
    pub fields: Vec<UnitField>,
}

/// Where events leave.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlet {
    /// By what, and to whom.
    pub wire: Wire,
    /// By so much later than their frame, seconds, 0 to 1.
    pub offset: f64,
}

/// How events leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// As notes, to an instrument of MIDI.
    Midi {
        /// A part of its name, in lower case.
        device: String,
        /// Channel, 0 to 15.
        channel: u8,
        /// It hears the clock.
        clock: bool,
    },
    /// As system exclusive messages, to an instrument of MIDI.
    Exclusive {
        /// A part of its name, in lower case.
        device: String,
        /// The message; the number of an event goes into it.
        template: Template,
    },
    /// As messages of OSC.
    Osc {
        /// To whom.
        to: SocketAddr,
        /// The address of every message.
        address: String,
    },
}

/// `PORT` or `ADDRESS:PORT`, of this machine unless another is named; names other than `localhost` are none.
pub fn socket_address(text: &str) -> Option<SocketAddr> {
    let port = text.parse::<u16>().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    port.or_else(|_| text.replace("localhost", "127.0.0.1").parse()).ok()
}

/// One field of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitField {
    /// What it carries.
    pub source: FieldSource,
    /// Value of a voice that has not played yet, and of events without the field.
    pub default: f32,
}

/// Where the value of a field comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldSource {
    /// Frequency of the event's note, Hz.
    Freq,
    /// 1 while the note is held, else 0.
    Gate,
    /// Velocity 0..1.
    Vel,
    /// How long the event lasts by the tempo at its beginning, in frames.
    Frames,
    /// How long a bar lasts by the tempo at its beginning, in frames.
    Bar,
    /// Where the event begins, in beats of the session's meter.
    Beat,
    /// The event's plain value; words are their tail number (`bd:3`) or 0.
    Value,
    /// Pressure of the finger that holds a live note, 0 to 1.
    Press,
    /// Controller 74 of the channel of a live note, 0 to 1.
    Slide,
    /// The pitch wheel of the channel of a live note, -1 to 1. [`FieldSource::Freq`] follows it besides.
    Bend,
    /// A named field of the event.
    Named(FieldId),
    /// What is added to a parameter that the world outside moves: it draws a line over the quantum ([`crate::graph::Node::Line`]), and
    /// where a value comes with a frame this makes a step of it. Else 0. For the parameter of this name ([`source`]).
    Step(u64),
}

/// A name, of a strip, a parameter, or something outside by its path, as a number that is not 0.
pub fn source(name: &str) -> u64 {
    let hash = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, hash) | 1
}

/// Everything that plays.
#[derive(Clone)]
pub struct Program {
    /// Code and layout.
    pub patch: Arc<Patch>,
    /// Patterns.
    pub score: Arc<Score>,
    /// Sequenced units, in the order that the graph's rows refer to.
    pub units: Arc<Vec<Unit>>,
    /// Values of the patch's parameters, in its order.
    pub params: Arc<Vec<f32>>,
    /// The sounds of the graph's samples, in its order; what is not decoded yet is empty.
    pub samples: Arc<Vec<Arc<SampleMemory>>>,
    /// Time.
    pub timing: Timing,
    /// Clips, scenes, arrangements, automation and commands; automation refers to `params`.
    pub timeline: Arc<Timeline>,
    /// What has a name to be moved by, and a unit or a range, in the order of the names; parameters of the patch have these names.
    pub knobs: Arc<Vec<Knob>>,
}

/// A parameter with a name to be moved by.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// `bass.cutoff`, `cc/74`, `osc/deck/cut`.
    pub name: Arc<str>,
    /// What it measures, as code wants it: gains are factors, notes are hertz.
    pub dim: Dim,
    /// From where to where it goes, if the text says so.
    pub range: Option<(f32, f32)>,
}

/// Tempo and meter, exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Beats per minute.
    pub bpm: Ratio,
    /// Beats in a bar (4 in 4/4, 7/2 quarter beats in 7/8). One cycle of a pattern is one bar.
    pub beats_per_bar: Ratio,
}

impl Timing {
    /// Frames in a bar: 60 * rate * beats / bpm.
    pub fn frames_per_bar(&self, sample_rate: u32) -> Ratio {
        Ratio::new(60 * i64::from(sample_rate), 1) * self.beats_per_bar / self.bpm
    }
}
