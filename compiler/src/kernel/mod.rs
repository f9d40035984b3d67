//! Kernels: what is done to a whole quantum, or to a spectrum, between quanta.
//!
//! Some work does not go frame by frame: a Fourier transform looks at a thousand frames and has its answer once in a while. A *kernel* is
//! such work as a function of Rust. It writes a ring instead of a value of the graph ([`crate::graph::Ring::kernel`]), before each quantum, from what
//! other rings hold by then, and it remembers what it must in words behind its ring:
//!
//! ```text
//! x -> [ring] -> fft -> [ring: spectra] -> freeze -> [ring: spectra] -> ifft -> [ring] -> tap
//! ```
//!
//! So a kernel is memory like any delay line, and whatever is done with those is done with it: it is kept in an edit if its size is
//! the same, it goes over in a swap by pointer, it is part of an image, and a value that hangs on it closes no loop within a
//! quantum. Interpreter and machine code call the same function at the same time, so they agree to the bit. Tools (plans, tables,
//! scratch) are made with the instance, off the audio thread; [`Kernels::run`] neither allocates nor locks.
//!
//! Spectra come at *ticks*, the multiples of their hop on the absolute counter of frames. So nothing depends on the size of blocks.
//! What kernels there are stands in tables, an [`Info`] each.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

pub mod analysis;
pub mod convolve;
pub mod spectra;
pub mod transform;
pub mod vocoder;

use crate::codegen::guard;
use crate::exec::rings::{RingPtr, memory_start};
use crate::exec::{SampleMemory, padded};
use crate::graph::{Graph, QUANTUM, RingId, SampleId};
pub use realfft::num_complex::Complex32;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// What a kernel reads, or makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A value for each frame.
    Signal,
    /// Spectra of real sound, `n / 2 + 1` points each, at ticks.
    Spectrum,
}

/// Everything known about a kind of kernel.
pub struct Info {
    /// Its name in the language, behind `prim.`, and in the text form of graphs.
    pub name: &'static str,
    /// What it is called with.
    pub signature: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// What it reads, beside its controls.
    pub reads: &'static [Shape],
    /// Names of its controls: signals of which it knows the last value before a tick.
    pub controls: &'static [&'static str],
    /// Whether it knows a recording.
    pub sample: bool,
    /// Frames of the past that it reads of a signal.
    pub longest: fn(Work) -> u32,
    /// What it makes.
    pub makes: Shape,
    /// By how many frames what it makes is late.
    pub latency: fn(Work) -> u32,
    /// Frames of its ring: how far ahead it writes.
    pub ahead: fn(Work) -> u32,
    /// Words that it remembers for each lane, spectra of its own not counted.
    pub words: fn(Work) -> usize,
    /// Its tools, for so many lanes and frames per second.
    pub make: fn(Work, usize, f32) -> Box<dyn Run>,
}

/// Every kind of kernel.
pub fn all() -> impl Iterator<Item = Kind> {
    transform::TABLE
        .iter()
        .chain(spectra::TABLE)
        .chain(vocoder::TABLE)
        .chain(convolve::TABLE)
        .chain(analysis::TABLE)
        .map(Kind)
}

/// A kind of kernel: an entry of a table.
#[derive(Clone, Copy)]
pub struct Kind(&'static Info);

impl Kind {
    /// The kind of a name.
    pub fn named(name: &str) -> Option<Kind> {
        all().find(|kind| kind.0.name == name)
    }

    /// Its entry.
    pub fn info(self) -> &'static Info {
        self.0
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Kind) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Kind {}

impl Hash for Kind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

/// What a kernel does, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Work {
    /// Which kind.
    pub kind: Kind,
    /// Points of a transform, a power of two; of kernels without one, a size of their own.
    pub n: u32,
    /// Frames from spectrum to spectrum.
    pub hop: u32,
    /// Where chance starts.
    pub seed: u32,
}

impl Work {
    /// By how many frames what it makes is late.
    pub fn latency(self) -> u32 {
        (self.kind.info().latency)(self)
    }

    /// Spectra that may become due in one quantum.
    fn slots(self) -> usize {
        QUANTUM.div_ceil(self.hop.max(1) as usize)
    }

    /// Floats of a spectrum: real and imaginary parts.
    fn floats(self) -> usize {
        self.n as usize + 2
    }

    /// Words that it keeps for so many lanes: its spectra, then what it remembers.
    pub fn words(self, lanes: u32) -> u32 {
        let info = self.kind.info();
        let spectra = if info.makes == Shape::Spectrum { self.slots() * self.floats() } else { 0 };
        (lanes as usize * (spectra + (info.words)(self))) as u32
    }

    /// The ticks of a quantum: those that are due when it begins.
    fn ticks(self, frame: u64) -> impl Iterator<Item = u64> + use<> {
        let hop = u64::from(self.hop.max(1));
        let first = (frame + 1).saturating_sub(QUANTUM as u64).div_ceil(hop);
        (first..=frame / hop).map(move |k| k * hop)
    }

    /// Where the spectrum of a tick lies in memory.
    fn slot(self, tick: u64, lane: usize, lanes: usize) -> Range<usize> {
        let slot = (tick / u64::from(self.hop.max(1))) as usize % self.slots();
        let at = (slot * lanes + lane) * self.floats();
        at..at + self.floats()
    }

    /// Where what it remembers of a lane lies.
    fn own(self, lane: usize, lanes: usize) -> Range<usize> {
        let info = self.kind.info();
        let spectra = if info.makes == Shape::Spectrum { self.slots() * self.floats() * lanes } else { 0 };
        let words = (info.words)(self);
        spectra + lane * words..spectra + (lane + 1) * words
    }
}

/// What writes a ring.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// What it does.
    pub work: Work,
    /// The rings of what it reads.
    pub reads: Vec<RingId>,
    /// The rings of its controls.
    pub controls: Vec<RingId>,
    /// A recording that it knows.
    pub sample: Option<SampleId>,
    /// Words behind its ring.
    pub words: u32,
}

impl Kernel {
    /// All rings that it reads.
    pub fn rings(&self) -> impl Iterator<Item = RingId> + '_ {
        self.reads.iter().chain(&self.controls).copied()
    }

    /// The same with other numbers for rings and samples.
    pub fn with(
        &self,
        mut ring: impl FnMut(RingId) -> RingId,
        mut sample: impl FnMut(SampleId) -> SampleId,
    ) -> Arc<Kernel> {
        Arc::new(Kernel {
            reads: self.reads.iter().map(|r| ring(*r)).collect(),
            controls: self.controls.iter().map(|r| ring(*r)).collect(),
            sample: self.sample.map(&mut sample),
            ..*self
        })
    }

    /// All of it but its kind in words.
    pub fn numbers(&self) -> Vec<u32> {
        let Work { n, hop, seed, .. } = self.work;
        let sample = self.sample.map_or(0, |s| s.0 + 1);
        let head = [n, hop, seed, self.words, sample, self.reads.len() as u32];
        head.into_iter().chain(self.rings().map(|r| r.0)).collect()
    }

    /// What [`Kernel::numbers`] were made of.
    pub fn of(kind: Kind, numbers: &[u32]) -> Option<Kernel> {
        let (&[n, hop, seed, words, sample, reads], rings) = numbers.split_first_chunk()?;
        let rings: Vec<RingId> = rings.iter().map(|r| RingId(*r)).collect();
        let (reads, controls) = rings.split_at_checked(reads as usize)?;
        let (reads, controls, sample) = (reads.to_vec(), controls.to_vec(), sample.checked_sub(1).map(SampleId));
        Some(Kernel { work: Work { kind, n, hop, seed }, reads, controls, sample, words })
    }

    /// True if all that it reads is there, of the right kind, and not made of itself; `mine` is the ring that it writes.
    pub fn fits(&self, graph: &Graph, mine: RingId) -> bool {
        let (info, lanes) = (self.work.kind.info(), graph.rings[mine.index()].lanes);
        let early = |r: &RingId| r.index() < mine.index();
        let read = |(r, shape): (&RingId, &Shape)| {
            let ring = &graph.rings[r.index()];
            (ring.lanes == 1 || ring.lanes == lanes)
                && match (shape, &ring.kernel) {
                    (Shape::Signal, None) => ring.capacity > (info.longest)(self.work) + QUANTUM as u32,
                    (Shape::Spectrum, Some(kernel)) => {
                        let work = kernel.work;
                        work.kind.info().makes == Shape::Spectrum && (work.n, work.hop) == (self.work.n, self.work.hop)
                    }
                    _ => false,
                }
        };
        let control = |r: &RingId| {
            let ring = &graph.rings[r.index()];
            ring.kernel.is_none() && (ring.lanes == 1 || ring.lanes == lanes)
        };
        (self.reads.len(), self.controls.len()) == (info.reads.len(), info.controls.len())
            && self.work.n.is_power_of_two()
            && self.work.hop > 0
            && self.words == self.work.words(lanes)
            && graph.rings[mine.index()].capacity > (info.ahead)(self.work) + QUANTUM as u32
            && self.sample.is_some() == info.sample
            && self.sample.is_none_or(|s| s.index() < graph.samples.len())
            // Rings come after those that their kernels read, so that they can be computed in order.
            && self.rings().all(|r| early(&r))
            && self.reads.iter().zip(info.reads).all(read)
            && self.controls.iter().all(control)
    }
}

/// The tools of a running kernel.
pub trait Run: Send {
    /// What is to be done before a quantum. Does not allocate, lock, wait or panic.
    fn run(&mut self, io: &mut Io<'_>);

    /// The recording that it knows, off the audio thread.
    fn sample(&mut self, _: &SampleMemory) {}
}

/// A ring as a kernel sees it.
#[derive(Clone, Copy)]
struct Line {
    ring: usize,
    /// Words of a frame.
    pad: usize,
    lanes: usize,
    capacity: usize,
    /// Where memory begins, and how much of it there is.
    memory: usize,
    words: usize,
    work: Option<Work>,
}

impl Line {
    fn new(graph: &Graph, id: RingId) -> Line {
        let ring = &graph.rings[id.index()];
        Line {
            ring: id.index(),
            pad: padded(ring.lanes),
            lanes: ring.lanes as usize,
            capacity: ring.capacity as usize,
            memory: memory_start(ring),
            words: ring.kernel.as_ref().map_or(0, |kernel| kernel.words as usize),
            work: ring.kernel.as_ref().map(|kernel| kernel.work),
        }
    }

    fn at(&self, frame: u64, lane: usize) -> usize {
        (frame as usize & (self.capacity - 1)) * self.pad + lane.min(self.lanes - 1)
    }
}

/// What a kernel reads.
#[derive(Clone, Copy)]
pub struct Reads<'a> {
    rings: &'a [RingPtr],
    reads: &'a [Line],
    controls: &'a [Line],
    frame: u64,
}

impl<'a> Reads<'a> {
    fn words(self, line: &Line) -> &'a [f32] {
        // SAFETY: a ring has so many words ([`crate::exec::rings`]); while kernels run, none of them writes to a ring that is not its own.
        unsafe { std::slice::from_raw_parts(self.rings[line.ring].read, line.memory + line.words) }
    }

    /// The frames of a signal before `end`, as many as there is room for, oldest first.
    pub fn signal(self, k: usize, lane: usize, end: u64, to: &mut [f32]) {
        let line = &self.reads[k];
        let (words, first) = (self.words(line), end.wrapping_sub(to.len() as u64));
        for (i, x) in to.iter_mut().enumerate() {
            *x = words[line.at(first.wrapping_add(i as u64), lane)];
        }
    }

    /// A control's last value before the quantum.
    pub fn control(self, k: usize, lane: usize) -> f32 {
        let line = &self.controls[k];
        self.words(line)[line.at(self.frame.wrapping_sub(1), lane)]
    }

    /// The spectrum of a tick.
    pub fn spectrum(self, k: usize, lane: usize, tick: u64) -> &'a [Complex32] {
        let line = &self.reads[k];
        let slot = line.work.map_or(0..0, |work| work.slot(tick, lane.min(line.lanes - 1), line.lanes));
        complex(&self.words(line)[line.memory..][slot])
    }
}

/// What a kernel writes: its ring, which code reads.
pub struct Writes<'a> {
    words: &'a mut [f32],
    line: Line,
}

impl Writes<'_> {
    /// Adds to frames from `first` on.
    pub fn add(&mut self, lane: usize, first: u64, sound: &[f32]) {
        for (i, x) in sound.iter().enumerate() {
            self.words[self.line.at(first.wrapping_add(i as u64), lane)] += x;
        }
    }

    /// Writes frames from `first` on.
    pub fn put(&mut self, lane: usize, first: u64, sound: &[f32]) {
        for (i, x) in sound.iter().enumerate() {
            self.words[self.line.at(first.wrapping_add(i as u64), lane)] = *x;
        }
    }
}

/// All that a kernel has to do with before a quantum.
pub struct Io<'a> {
    /// The first frame of the quantum.
    pub frame: u64,
    /// Lanes of what it reads and makes.
    pub lanes: usize,
    /// What it reads.
    pub reads: Reads<'a>,
    /// What it writes.
    pub writes: Writes<'a>,
    /// Its spectra, and behind them what it remembers.
    pub memory: &'a mut [f32],
}

/// Floats in pairs as complex numbers.
pub fn complex(floats: &[f32]) -> &[Complex32] {
    // SAFETY: a complex number is two floats without padding.
    unsafe { std::slice::from_raw_parts(floats.as_ptr().cast(), floats.len() / 2) }
}

/// [`complex`], to be written.
pub fn complex_mut(floats: &mut [f32]) -> &mut [Complex32] {
    // SAFETY: as `complex`.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), floats.len() / 2) }
}

struct Running {
    mine: Line,
    reads: Vec<Line>,
    controls: Vec<Line>,
    sample: Option<SampleId>,
    run: Box<dyn Run>,
}

/// The kernels of an instance.
pub struct Kernels(Vec<Running>);

impl Kernels {
    /// Tools for all kernels of a valid graph.
    pub fn new(graph: &Graph, rate: u32) -> Kernels {
        let running = |(id, ring): (usize, &crate::graph::Ring)| {
            let kernel = ring.kernel.as_ref()?;
            let lines = |rings: &[RingId]| rings.iter().map(|r| Line::new(graph, *r)).collect();
            Some(Running {
                mine: Line::new(graph, RingId(id as u32)),
                reads: lines(&kernel.reads),
                controls: lines(&kernel.controls),
                sample: kernel.sample,
                run: (kernel.work.kind.info().make)(kernel.work, ring.lanes as usize, rate as f32),
            })
        };
        Kernels(graph.rings.iter().enumerate().filter_map(running).collect())
    }

    /// Gives a recording to those that know it. Off the audio thread.
    pub fn set_sample(&mut self, sample: SampleId, memory: &SampleMemory) {
        self.0.iter_mut().filter(|k| k.sample == Some(sample)).for_each(|k| k.run.sample(memory));
    }

    /// Does all that is to be done before the quantum that begins with `frame`.
    pub fn run(&mut self, frame: u64, rings: &[RingPtr]) {
        if self.0.is_empty() {
            return;
        }
        guard::flushed(|| self.0.iter_mut().for_each(|kernel| kernel.before(frame, rings)));
    }
}

impl Running {
    fn before(&mut self, frame: u64, rings: &[RingPtr]) {
        let (line, ptr) = (self.mine, &rings[self.mine.ring]);
        // What was moved away is written by the program that it went to.
        if !std::ptr::eq(ptr.read, ptr.write) {
            return;
        }
        // SAFETY: a ring has so many words ([`crate::exec::rings`]), and nobody else refers to this one while its kernel runs: a kernel reads
        // other rings only ([`Kernel::fits`]).
        let words = unsafe { std::slice::from_raw_parts_mut(ptr.write, line.memory + line.words) };
        let (words, memory) = words.split_at_mut(line.memory);
        let reads = Reads { rings, reads: &self.reads, controls: &self.controls, frame };
        let mut io = Io { frame, lanes: line.lanes, reads, writes: Writes { words, line }, memory };
        self.run.run(&mut io);
        // The first quantum stands again at the end.
        let words = io.writes.words;
        words.copy_within(..QUANTUM * line.pad, line.capacity * line.pad);
    }
}
