//! Running a patch: memory, and one call per quantum.
//!
//! An [`Instance`] owns everything that moves: state, delay lines, scratch, parameters, and the control rows that the engine
//! writes. It is allocated off the audio thread; [`Instance::run`] then neither allocates nor locks. Machine code and the
//! interpreter run over the same memory in the same layout, so each can stand in for the other, and a swap from one patch to
//! the next is the same for both: small state is copied, delay lines change hands.
//!
//! After every quantum a cell that is no longer a finite number starts anew, so that one bad sample cannot silence a patch, and one
//! that holds less than [`TINY`] is empty, so that tails end.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::codegen::cache::Cache;
use crate::codegen::guard;
use crate::codegen::isa::Isa;
use crate::codegen::jit::{JitCode, jit};
use crate::graph::check::{GraphError, check};
use crate::graph::idle::LARGEST;
use crate::graph::interp::InterpCode;
use crate::graph::ops::flush;
use crate::graph::{CellId, FrameId, Graph, Node, ParamId, QUANTUM, RingId, Row, RowId, SampleId};
use crate::kernel::Kernels;
use crate::passes::fast::Target;
use crate::passes::pack::{Packed, pack};
use crate::passes::{Passes, optimise_for};
use crate::program::{Layout, Patch};
pub use crate::quantum::{Memory, Quantum, buffer_index, buffer_len, padded};
pub use crate::sample::{PAGE, SampleMemory};
use crate::schedule::moving;
use crate::sleep::{self, Sleep};
use crate::words::Words;
use std::ops::Range;
use std::sync::Arc;

pub mod image;
pub(crate) mod rings;

use rings::RingMemory;
pub use rings::{Pour, RingPtr};

/// What runs a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Machine code, for the vectors of [`Isa::chosen`].
    Jit,
    /// Machine code for vectors that the caller names.
    Isa(Isa),
    /// The reference interpreter.
    Interp,
}

/// How to compile a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// Frames per second.
    pub sample_rate: u32,
    /// Which rewrites are allowed.
    pub passes: Passes,
    /// Machine code, or the reference interpreter.
    pub backend: Backend,
    /// Run Cranelift's verifier.
    pub verify: bool,
}

/// Why a graph has no code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The graph is not valid: a fault of the front end, or a cycle of the user's.
    #[error("invalid graph: {}", .0.iter().map(|e| e.to_string()).collect::<Vec<_>>().join("; "))]
    Graph(Vec<GraphError>),
    /// The code generator refused.
    #[error("code generation failed: {0}")]
    Codegen(String),
}

/// How to run a patch.
pub enum Code {
    /// By machine code.
    Jit(JitCode),
    /// By the reference interpreter.
    Interp(InterpCode),
}

/// Validates, optimises, schedules and emits.
pub fn compile(graph: &Graph, options: &Options) -> Result<Patch, CompileError> {
    compile_with(graph, options, patch_hash(graph, options), &mut Cache::default(), &mut |_| {})
}

/// [`compile`] for a hash of the caller's, with code that is at hand; `ended` is told the name of each stage when it is done.
pub fn compile_with(
    graph: &Graph,
    options: &Options,
    hash: u64,
    cache: &mut Cache,
    ended: &mut dyn FnMut(&'static str),
) -> Result<Patch, CompileError> {
    let info = check(graph).map_err(CompileError::Graph)?;
    ended("check");
    let named = optimise_for(graph, &info, options.passes, Target::host(), ended);
    let packed = pack(&named, options.passes);
    ended("pack");
    assemble(named, &packed, options, hash, cache, ended)
}

/// Schedules and emits what packing has made of a graph that the other passes are done with.
pub fn assemble(
    named: Graph,
    packed: &Packed,
    options: &Options,
    hash: u64,
    cache: &mut Cache,
    ended: &mut dyn FnMut(&'static str),
) -> Result<Patch, CompileError> {
    let info = match &packed.info {
        Some(info) => info,
        None => &check(&packed.graph).map_err(CompileError::Graph)?,
    };
    ended("check");
    let (code, mut layout) = match options.backend {
        Backend::Jit | Backend::Isa(_) => {
            let isa = if let Backend::Isa(isa) = options.backend { isa } else { Isa::chosen() };
            if !isa.is_here() {
                return Err(CompileError::Codegen(format!("this processor has no {}", isa.name())));
            }
            let schedule = crate::schedule::schedule(&packed.graph, info, isa);
            ended("schedule");
            let code = jit(&schedule.graph, &schedule, options.verify, cache).map_err(CompileError::Codegen)?;
            ended("codegen");
            (Code::Jit(code), schedule.layout)
        }
        Backend::Interp => {
            let (code, layout) = InterpCode::new(&packed.graph, info);
            (Code::Interp(code), layout)
        }
    };
    layout.cells = packed.cells.iter().map(|place| layout.cells[place.cell.index()] + place.lane).collect();
    let work = crate::graph::work::most(&packed.graph, info);
    Ok(Patch { graph: named, work, code, layout, hash, sample_rate: options.sample_rate })
}

/// Hash of what decides code, layout and the meaning of indices: everything but parameter values and the tree of names.
pub fn hash(graph: &Graph) -> u64 {
    crate::graph::text::hash(graph)
}

/// [`hash`] with the options: two graphs of equal hash may share a [`Patch`].
pub fn patch_hash(graph: &Graph, options: &Options) -> u64 {
    let mut h = hash(graph);
    let backend = match options.backend {
        Backend::Jit => 0,
        Backend::Interp => 1,
        Backend::Isa(isa) => 2 + isa as u32,
    };
    for word in [options.sample_rate, options.passes as u32, backend] {
        h = (h ^ u64::from(word)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    h
}

/// Words of state that go over in a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WordMove {
    /// First word in the new state.
    pub to: u32,
    /// First word in the old state.
    pub from: u32,
    /// How many.
    pub count: u32,
}

/// The moves that carry the first lanes of cells over: (cell of `new`, cell of `old`, number of lanes). A cell of one lane goes into as many as
/// are asked for. Cells of unlike type are left alone. Made off the audio thread; however the two patches pack their cells, what is left to do is to copy words.
pub fn word_moves(new: &Patch, old: &Patch, pairs: &[(CellId, CellId, u32)]) -> Vec<WordMove> {
    let mut moves = Vec::with_capacity(pairs.len());
    for &(to, from, lanes) in pairs {
        let (a, b) = (&new.graph.cells[to.index()], &old.graph.cells[from.index()]);
        if a.ty == b.ty {
            let (to, from) = (new.layout.cells[to.index()], old.layout.cells[from.index()]);
            let lanes = lanes.min(a.lanes);
            if b.lanes == 1 {
                moves.extend((0..lanes).map(|lane| WordMove { to: to + lane, from, count: 1 }));
            } else {
                moves.push(WordMove { to, from, count: lanes.min(b.lanes) });
            }
        }
    }
    // What lies side by side in both goes in one piece.
    moves.sort_unstable();
    moves.dedup_by(|next, last| {
        let joins = last.to + last.count == next.to && last.from + last.count == next.from;
        last.count += if joins { next.count } else { 0 };
        joins
    });
    moves
}

/// A cell that holds less than this after a quantum is empty: 2^-100, 600 dB below full scale.
pub const TINY: f32 = 1.0 / (1u128 << 100) as f32;

/// The memory of a running patch.
pub struct Instance {
    patch: Arc<Patch>,
    quantum: Box<Quantum>,
    state: Words,
    buffers: Words,
    params: Vec<f32>,
    row_ptrs: Vec<*const f32>,
    rows: Vec<Words>,
    /// Rows of few voices, written here.
    more_rows: Vec<Words>,
    input_ptrs: Vec<*const f32>,
    inputs: Vec<Words>,
    sample_ptrs: Vec<*const u32>,
    samples: Vec<Arc<SampleMemory>>,
    ring_ptrs: Vec<RingPtr>,
    read: Vec<Arc<RingMemory>>,
    write: Vec<Arc<RingMemory>>,
    kernels: Kernels,
    sleep: Sleep,
    /// Which parameters have moved since the last quantum, and before it ([`crate::schedule::moving`]): block-rate code runs for
    /// two quanta, one for the new values, one for the lines to arrive.
    moved: [u64; 2],
    /// Parameters at whose values nothing may sleep.
    wild: usize,
    executed: u64,
}

// SAFETY: the pointers lead into memory that the instance owns (or shares as `RingMemory`), or that `bind_row` was promised.
unsafe impl Send for Instance {}

impl Instance {
    /// Allocates and initialises everything. Parameters have the values of the graph, rows and inputs are silent.
    pub fn new(patch: Arc<Patch>) -> Instance {
        Instance::beside(patch, &[])
    }

    /// [`Instance::new`] for a swap in which the rings `given` will be those of another instance ([`Instance::move_rings`]): it has no
    /// memory for them before that, and must not run.
    pub fn beside(patch: Arc<Patch>, given: &[RingId]) -> Instance {
        let graph = &patch.graph;
        let mut state = Words::new(patch.layout.state_words);
        state.all_mut()[..patch.layout.inits.len()].copy_from_slice(&patch.layout.inits);
        let rows: Vec<Words> = graph.rows.iter().map(|row| Words::new(buffer_len(row.lanes))).collect();
        let inputs: Vec<Words> = (0..channels(graph)).map(|_| Words::new(QUANTUM)).collect();
        let read = rings::memory(graph, given);
        let mut buffers = Words::new(patch.layout.buffer_words);
        let params: Vec<f32> = graph.params.iter().map(|p| clean(p.value)).collect();
        let more_rows: Vec<Words> = patch.layout.more_rows.iter().map(|lanes| Words::new(buffer_len(*lanes))).collect();
        let row_ptrs: Vec<*const f32> = rows.iter().chain(&more_rows).map(|w| w.floats().as_ptr()).collect();
        let input_ptrs: Vec<*const f32> = inputs.iter().map(|w| w.floats().as_ptr()).collect();
        let ring_ptrs: Vec<RingPtr> = graph.rings.iter().zip(&read).map(|(r, m)| RingPtr::new(r, m)).collect();
        let nothing = Arc::new(SampleMemory::empty());
        let samples = vec![nothing; graph.samples.len()];
        let sample_ptrs: Vec<*const u32> = samples.iter().map(|s| s.pointer()).collect();
        let quantum = Box::new(Quantum {
            ramp: std::array::from_fn(|i| (i + 1) as f32 / QUANTUM as f32),
            index: std::array::from_fn(|i| i as i32),
            first: [u32::MAX; 4],
            moving: u64::MAX,
            state: state.all_mut().as_mut_ptr(),
            buffers: buffers.all_mut().as_mut_ptr(),
            params: params.as_ptr(),
            rows: row_ptrs.as_ptr(),
            inputs: input_ptrs.as_ptr(),
            rings: ring_ptrs.as_ptr(),
            samples: sample_ptrs.as_ptr(),
            frame: 0,
            awake: u128::MAX,
        });
        let wild = params.iter().map(|value| wild(*value)).sum();
        let sleep = Sleep::new(&patch.layout, graph.rings.len());
        let write = read.clone();
        let kernels = Kernels::new(graph, patch.sample_rate);
        Instance {
            kernels,
            patch,
            quantum,
            state,
            buffers,
            params,
            row_ptrs,
            rows,
            more_rows,
            input_ptrs,
            inputs,
            sample_ptrs,
            samples,
            ring_ptrs,
            read,
            write,
            sleep,
            moved: [u64::MAX; 2],
            wild,
            executed: 0,
        }
    }

    /// What it runs.
    pub fn patch(&self) -> &Arc<Patch> {
        &self.patch
    }

    /// Points the quantum to the memory, and tells it the time.
    fn begin(&mut self, frame: u64) {
        debug_assert!(frame.is_multiple_of(QUANTUM as u64), "quanta are aligned");
        let quantum = &mut *self.quantum;
        quantum.frame = frame & !(QUANTUM as u64 - 1);
        quantum.state = self.state.all_mut().as_mut_ptr();
        quantum.buffers = self.buffers.all_mut().as_mut_ptr();
        quantum.params = self.params.as_ptr();
        quantum.rows = self.row_ptrs.as_ptr();
        quantum.inputs = self.input_ptrs.as_ptr();
        quantum.rings = self.ring_ptrs.as_ptr();
        quantum.samples = self.sample_ptrs.as_ptr();
        quantum.moving = self.moved[0] | self.moved[1];
        let moving = if self.wild > 0 { u64::MAX } else { quantum.moving };
        self.look(|sleep, layout, memory, (quantum, rows)| quantum.awake = sleep.before(layout, moving, memory, rows));
    }

    fn end(&mut self) {
        self.quantum.first = [0; 4];
        self.moved = [0, self.moved[0]];
        self.contain();
        self.look(|sleep, layout, memory, _| sleep.after(layout, memory));
    }

    /// [`Instance::run`] by machine code, as if parameters moved and nothing slept: `ended` is told each region that ran. For measuring.
    pub fn run_each(&mut self, frame: u64, ended: &mut dyn FnMut(usize)) {
        self.moved = [u64::MAX; 2];
        self.settle();
        self.stir_all();
        self.begin(frame);
        self.kernels.run(frame, &self.ring_ptrs);
        if let Code::Jit(code) = &self.patch.code {
            // SAFETY: the code was made for this layout, and every pointer leads to memory of that layout.
            unsafe { code.run_each(&mut self.quantum, ended) };
        }
        self.end();
    }

    /// Operations on one lane in the last quantum, as the interpreter counted them; machine code counts none.
    pub fn executed(&self) -> u64 {
        self.executed
    }

    /// Computes one quantum. `frame` counts from the start of the engine in steps of [`QUANTUM`].
    pub fn run(&mut self, frame: u64) {
        self.begin(frame);
        self.kernels.run(frame, &self.ring_ptrs);
        let quantum = &mut *self.quantum;
        match &self.patch.code {
            // SAFETY: the code was made for this layout, and every pointer leads to memory of that layout.
            Code::Jit(code) => unsafe { code.run(quantum) },
            Code::Interp(code) => {
                let mut memory = Memory {
                    state: self.state.all_mut(),
                    buffers: self.buffers.all_mut(),
                    params: &self.params,
                    rows: &self.row_ptrs,
                    inputs: &self.input_ptrs,
                    rings: &self.ring_ptrs,
                    samples: &self.samples,
                    ramp: &quantum.ramp,
                    first: quantum.first[0] != 0,
                    frame: quantum.frame,
                };
                self.executed = guard::flushed(|| code.run(&mut memory));
            }
        }
        self.end();
    }

    /// Looks at who sleeps, if anybody can.
    fn look(&mut self, what: impl FnOnce(&mut Sleep, &Layout, &mut sleep::Memory, (&mut Quantum, &mut [Words]))) {
        let patch = &self.patch;
        if patch.layout.sleepers.is_empty() {
            return;
        }
        let (rings, rows, frame) = (&self.ring_ptrs, &self.row_ptrs, self.quantum.frame);
        let mut memory = sleep::Memory {
            state: self.state.all_mut(),
            inits: &patch.layout.inits,
            buffers: self.buffers.all_mut(),
            // SAFETY: a row has the layout of a buffer of its lanes (`new`, `bind_row`), which nobody asks for more of.
            row: &|row, words| unsafe { std::slice::from_raw_parts(rows[row.index()], words) },
            ring: &|ring| {
                let (pad, at) = (padded(patch.graph.rings[ring.index()].lanes), &rings[ring.index()]);
                let first = (frame as u32 & at.mask) as usize * pad;
                // SAFETY: a quantum never wraps, and nothing writes to the ring while this is looked at.
                unsafe { std::slice::from_raw_parts(at.write.add(first), QUANTUM * pad) }
            },
            frames: &|ring| patch.graph.rings[ring.index()].capacity + QUANTUM as u32,
        };
        what(&mut self.sleep, &patch.layout, &mut memory, (&mut self.quantum, &mut self.more_rows));
    }

    /// Rows of a sequenced unit change with this quantum. Whoever writes to memory given to [`Instance::bind_row`] says so.
    pub fn stir(&mut self, unit: u32) {
        self.stir_voices(unit, u64::MAX);
    }

    /// [`Instance::stir`], if it is known of which voices; those above the 64th are the 64th.
    pub fn stir_voices(&mut self, unit: u32, voices: u64) {
        self.sleep.stir(unit, voices);
    }

    /// Anything may have changed since the last quantum.
    pub fn stir_all(&mut self) {
        self.sleep.stir_all();
    }

    /// Brings all state to where it would be if nothing slept. To be called before state is read.
    pub fn settle(&mut self) {
        self.sleep.settle(&self.patch.layout, self.state.all_mut());
    }

    /// Voices that the last quantum has computed, of how many: of those players whose few voices have code of their own.
    pub fn computed_voices(&self) -> (u32, u32) {
        self.sleep.computed(&self.patch.layout)
    }

    /// True while an output keeps the words that it had in the last quantum, since the part that it belongs to sleeps.
    pub fn out_rests(&self, out: usize) -> bool {
        let part = self.patch.layout.out_parts.get(out).copied().unwrap_or(0);
        part != 0 && self.quantum.awake >> (part - 1) & 1 == 0
    }

    /// The parts that do not sleep, a bit each: whatever [`Instance::out_rests`] says stays true as long as these are the same.
    pub fn awake(&self) -> u128 {
        self.quantum.awake
    }

    /// Number of parts that sleep ([`crate::sleep`]).
    pub fn resting(&self) -> usize {
        self.sleep.asleep()
    }

    /// Cells that are no longer finite start anew, and those that hold next to nothing are empty: rounding would hold some filters at
    /// a last tiny value for ever.
    fn contain(&mut self) {
        let (state, layout) = (self.state.all_mut(), &self.patch.layout);
        let (mut first, awake) = (0, self.quantum.awake);
        for &(end, bit) in &layout.guarded {
            let piece = std::mem::replace(&mut first, end as usize)..end as usize;
            if bit & awake != bit {
                continue;
            }
            for (word, &init) in state[piece.clone()].iter_mut().zip(&layout.inits[piece]) {
                let size = *word & 0x7fff_ffff;
                let large = if size >= 0x7f80_0000 { init } else { *word };
                *word = if size < TINY.to_bits() { 0 } else { large };
            }
        }
    }

    /// Moves a parameter. What is not a finite number is ignored.
    pub fn set_param(&mut self, param: ParamId, value: f32) {
        let slot = &mut self.params[param.index()];
        if value.is_finite() && slot.to_bits() != flush(value).to_bits() {
            self.wild = self.wild + wild(value) - wild(*slot);
            *slot = flush(value);
            self.moved[0] |= moving::bit(param.index(), self.params.len());
        }
    }

    /// Gives a sample its sound, off the audio thread: what was there before is freed.
    pub fn set_sample(&mut self, sample: SampleId, memory: Arc<SampleMemory>) {
        self.sample_ptrs[sample.index()] = memory.pointer();
        self.kernels.set_sample(sample, &memory);
        self.samples[sample.index()] = memory;
    }

    /// The sound of a sample.
    pub fn sample(&self, sample: SampleId) -> &SampleMemory {
        &self.samples[sample.index()]
    }

    /// A parameter's value.
    pub fn param(&self, param: ParamId) -> f32 {
        self.params[param.index()]
    }

    /// The instance's own memory of a row, laid out as a buffer ([`crate::program::Layout`]); played unless another is bound.
    pub fn row_mut(&mut self, row: RowId) -> &mut [f32] {
        self.row_voices_mut(row, u64::MAX)
    }

    /// [`Instance::row_mut`], if only these voices will have other values ([`Instance::stir_voices`]).
    pub fn row_voices_mut(&mut self, row: RowId, voices: u64) -> &mut [f32] {
        let Row { unit, lanes, .. } = self.patch.graph.rows[row.index()];
        let len = buffer_len(lanes);
        self.stir_voices(unit, voices);
        &mut self.rows[row.index()].floats_mut()[..len]
    }

    /// Plays a row from foreign memory.
    ///
    /// # Safety
    /// The memory must have the row's layout and stay until the last run, or until another is bound.
    pub unsafe fn bind_row(&mut self, row: RowId, memory: *const f32) {
        self.row_ptrs[row.index()] = memory;
        self.stir(self.patch.graph.rows[row.index()].unit);
    }

    /// An output of the last quantum: `[QUANTUM][2]`.
    pub fn out(&self, out: usize) -> &[f32] {
        let at = self.patch.layout.outs[out] as usize;
        &self.buffers.floats()[at..at + buffer_len(2)]
    }

    /// One frame of an output.
    pub fn out_frame(&self, out: usize, i: usize) -> [f32; 2] {
        let words = self.out(out);
        [words[i * 2], words[i * 2 + 1]]
    }

    /// Number of audio input channels that the patch reads.
    pub fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// The next quantum of an input channel.
    pub fn input_mut(&mut self, channel: usize) -> &mut [f32] {
        &mut self.inputs[channel].floats_mut()[..QUANTUM]
    }

    /// The lanes of a cell, as words of state.
    pub fn cell_words(&self, cell: CellId) -> Range<usize> {
        let at = self.patch.layout.cells[cell.index()] as usize;
        at..at + self.patch.graph.cells[cell.index()].lanes as usize
    }

    /// The words of a cell.
    pub fn cell(&self, cell: CellId) -> &[u32] {
        &self.state.all()[self.cell_words(cell)]
    }

    /// The words of a cell, to be written.
    pub fn cell_mut(&mut self, cell: CellId) -> &mut [u32] {
        let range = self.cell_words(cell);
        self.settle();
        self.stir_all();
        &mut self.state.all_mut()[range]
    }

    /// Takes over words of state, as [`word_moves`] has listed them for the two patches. `old` must be settled.
    pub fn copy_words(&mut self, old: &Instance, moves: &[WordMove]) {
        self.settle();
        self.stir_all();
        let (state, from) = (self.state.all_mut(), old.state.all());
        for m in moves {
            let (to, at, n) = (m.to as usize, m.from as usize, m.count as usize);
            if let (Some(to), Some(from)) = (state.get_mut(to..to + n), from.get(at..at + n)) {
                to.copy_from_slice(from);
            }
        }
    }

    /// Starts all cells under a place of the tree of names anew.
    pub fn reset(&mut self, frame: FrameId) {
        self.settle();
        self.stir_all();
        let graph = &self.patch.graph;
        for (cell, &at) in graph.cells.iter().zip(&self.patch.layout.cells) {
            let mut place = Some(cell.frame);
            while place.is_some_and(|p| p != frame) {
                place = place.and_then(|p| graph.frames[p.index()].parent);
            }
            if place.is_some() {
                let range = at as usize..at as usize + cell.lanes as usize;
                self.state.all_mut()[range.clone()].copy_from_slice(&self.patch.layout.inits[range]);
            }
        }
    }
}

/// 1 for a value of a parameter at which nothing may sleep.
fn wild(value: f32) -> usize {
    usize::from(value.abs() > LARGEST)
}

/// A parameter's value as code may see it.
pub(crate) fn clean(value: f32) -> f32 {
    if value.is_finite() { flush(value) } else { 0.0 }
}

/// Number of input channels that a graph reads.
fn channels(graph: &Graph) -> u32 {
    let channel = |node: &Node| if let Node::Input(channel) = node { channel + 1 } else { 0 };
    graph.nodes.iter().map(channel).max().unwrap_or(0)
}
