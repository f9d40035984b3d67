//! The audio thread's side: one quantum after another, and nothing that could make it wait.
//!
//! [`Engine::process`] is the only function that a device calls. It hands out frames of any block size from whole quanta of 64
//! frames, and for each quantum does, in this order: commands; a new program, if one is due; time; patterns into rows;
//! parameters; generated code; the fade of a swap; faults and meters; recording; the limiter.
//!
//! Nothing in here allocates, frees, locks, waits or calls the system. What must be freed goes back to the control side by a
//! ring; what cannot be passed on is counted. See `CONTRACT.md` for the clauses and the tests that hold them.
//!
//! ```text
//! let (mut engine, mut control) = Engine::new(&EngineOptions::new(48_000), Some(program));
//! engine.process(&mut block, 2);          // any size, also 0
//! control.publish(&edited, None);         // another thread: the next quantum swaps it in
//! ```

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::bridge::Bridge;
use crate::clock::Clock;
use crate::command::{ChangeKind, EngineCommand, EngineNotice};
use crate::fifo::Fifo;
use crate::follow::Follower;
use crate::handover::Kept;
use crate::hold::Holds;
use crate::inbox::{Heard, Inbox, Intake, PortName, Timed};
use crate::keys::Keys;
use crate::lanes::Lanes;
use crate::launcher::Launcher;
use crate::limiter::Limiter;
use crate::meter::{Meters, SLOTS, Still};
use crate::metronome::Metronome;
use crate::outbox::{Departure, Letter, Outbox};
use crate::sequencer::{self, Sequencer};
use crate::swap::{Active, Control, Mailbox, Parcel, Receiver};
use crate::tap::{self, Spout, Tap};
use crate::timecode::TimeCode;
use crate::transport::{Source, Transport};
use modurust_compiler::exec::{self, Backend};
use modurust_compiler::graph::{Graph, OutKind, ParamId, QUANTUM, SampleId};
use modurust_compiler::passes::Passes;
use modurust_compiler::program::{Program, Timing};
use modurust_compiler::score::timeline::Target;
use modurust_compiler::score::{EventBuf, Ratio, ScoreBuilder};
use rtrb::{Consumer, Producer, RingBuffer};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

mod ahead;
mod ease;
mod mix;
mod obey;
mod outside;
mod rate;

/// Length of the fade between two programs, seconds; rounded up to whole quanta.
pub const FADE: f64 = 0.02;

/// Events from outside that one quantum hears; more wait for the next.
const NOW: usize = 512;

/// How an engine is built.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineOptions {
    /// Frames per second.
    pub sample_rate: u32,
    /// Limits what leaves [`Engine::process`]: for loudspeakers, not for files.
    pub limiter: bool,
    /// Parcels that may wait to be freed before swaps are postponed.
    pub retire: usize,
    /// Frames that a recorder may lag behind; 0 for no recorder.
    pub tap: usize,
    /// Frames of audio input that may wait, and its channels; (0, 0) for none.
    pub input: (usize, usize),
}

impl EngineOptions {
    /// For a rate, with no limiter, no recorder and no input.
    pub fn new(sample_rate: u32) -> EngineOptions {
        EngineOptions { sample_rate, limiter: false, retire: 16, tap: 0, input: (0, 0) }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A program for another sample rate.
    #[error("the program was compiled for {program} Hz, the engine runs at {engine} Hz")]
    Rate {
        /// Rate of the program.
        program: u32,
        /// Rate of the engine.
        engine: u32,
    },
    /// The silent program could not be made.
    #[error("no silent program: {0}")]
    Silence(#[from] exec::CompileError),
}

/// A program that says nothing, to start from.
pub fn silence(sample_rate: u32) -> Result<Program, exec::CompileError> {
    let options = exec::Options { sample_rate, passes: Passes::Exact, backend: Backend::Interp, verify: false };
    Ok(Program {
        samples: Arc::default(),
        patch: Arc::new(exec::compile(&Graph::new(), &options)?),
        score: Arc::new(ScoreBuilder::new(0).finish()),
        units: Arc::new(Vec::new()),
        params: Arc::new(Vec::new()),
        timing: Timing { bpm: Ratio::int(120), beats_per_bar: Ratio::int(4) },
        timeline: Arc::default(),
        knobs: Arc::default(),
    })
}

/// Everything that the audio thread owns. Made and dropped elsewhere.
pub struct Engine {
    // First, so that it is dropped before the program that took over its memory.
    fading: Option<(Box<Parcel>, mix::Fade)>,
    active: Active,
    receiver: Receiver,
    inbox: Inbox,
    keys: Keys,
    holds: Holds,
    /// Whoever learns is told what moves next.
    learns: bool,
    follower: Follower,
    code: TimeCode,
    /// To a thread that sends what leaves, where the device has no ports of its own.
    post: Option<Producer<Departure>>,
    /// Ports that are none of the engine's, and where what they say goes.
    reserved: PortName,
    heard: Producer<Heard>,
    /// The port whose clock is followed, and the frame of its last tick.
    leader: Option<(u8, u64)>,
    outbox: Outbox,
    /// What comes from outside in this quantum.
    now: Vec<Timed>,
    commands: Consumer<EngineCommand>,
    notices: Producer<EngineNotice>,
    meters: Arc<Meters>,
    taps: Box<[Tap]>,
    input: Option<(Consumer<f32>, usize)>,
    /// The other end, if whoever calls puts sound in as well.
    inlet: Option<Producer<f32>>,
    limiter: Option<Limiter>,
    /// Taken out while it is filled; a box, since what it holds is not to be copied each time.
    fifo: Option<Box<Fifo>>,
    state: State,
}

/// What is neither a program nor an end of a ring.
struct State {
    frame: u64,
    rate: u32,
    transport: Transport,
    sequencer: Sequencer,
    launcher: Box<Launcher>,
    /// For commands that were meant for the program before.
    bridge: Bridge,
    metronome: Metronome,
    /// For the patterns of lanes.
    room: EventBuf,
    fade_quanta: u32,
    ease: ease::Ease,
    hushed: bool,
    gain: f32,
    gain_step: f32,
    smooth: f32,
    /// Frame from which an output may report its next fault.
    faults: Box<[u64]>,
}

/// Both ends of what leaves the engine besides sound.
#[derive(Default)]
pub struct Taps {
    /// What recordings read: frames before the limiter.
    pub spouts: Vec<Spout>,
    /// Where audio input goes, interleaved.
    pub input: Option<Producer<f32>>,
    /// Where threads put what comes from outside.
    pub intake: Option<Intake>,
    /// What leaves, where the device has no ports of its own.
    pub post: Option<Consumer<Departure>>,
    /// What leaves by OSC.
    pub letters: Option<Consumer<Letter>>,
    /// What ports say that are reserved.
    pub heard: Option<Consumer<Heard>>,
}

impl Engine {
    /// An engine that plays `program` from frame 0 (silence if there is none), and its control side.
    pub fn new(options: &EngineOptions, program: Option<Program>) -> Result<(Engine, Control, Taps), EngineError> {
        let rate = options.sample_rate;
        let program = match program {
            Some(program) if program.patch.sample_rate != rate => {
                return Err(EngineError::Rate { program: program.patch.sample_rate, engine: rate });
            }
            Some(program) => program,
            None => silence(rate)?,
        };
        let mailbox = Arc::new(Mailbox::empty());
        let (retire_in, retire_out) = RingBuffer::new(options.retire.max(1));
        let (commands_in, commands_out) = RingBuffer::new(1024);
        let (notices_in, notices_out) = RingBuffer::new(1024);
        let (inbox, intake) = Inbox::new();
        let (post, posted) = RingBuffer::new(NOW);
        let (heard, overheard) = RingBuffer::new(NOW);
        let (outbox, letters) = Outbox::new();
        let (taps, spouts) = tap::taps(options.tap);
        let (input_in, input_out) = pair(options.input.0 * options.input.1);
        let meters = Arc::new(Meters::default());
        meters.bell.comes(&program);
        let fade_quanta = ((FADE * f64::from(rate) / QUANTUM as f64).ceil() as u32).max(1);
        let state = State {
            frame: 0,
            rate,
            transport: Transport::new(rate, program.timing, 0),
            sequencer: Sequencer::new(),
            launcher: Box::new(first_launcher(&program)),
            bridge: Bridge::default(),
            metronome: Metronome::default(),
            room: EventBuf::new(64),
            fade_quanta,
            ease: ease::Ease::default(),
            hushed: false,
            gain: 1.0,
            gain_step: 1.0 / fade_quanta as f32,
            smooth: 1.0 - (-(QUANTUM as f32) / (0.05 * rate as f32)).exp(),
            faults: vec![0; SLOTS].into_boxed_slice(),
        };
        let active = Active::new(program.clone(), 0, &[]);
        let seen = active.params.seen();
        let engine = Engine {
            fading: None,
            active,
            receiver: Receiver { mailbox: Arc::clone(&mailbox), retire: retire_in },
            inbox,
            keys: Keys::new(),
            holds: Holds::new(),
            learns: false,
            follower: Follower::new(rate),
            code: TimeCode::new(rate),
            post: Some(post),
            reserved: PortName::NONE,
            heard,
            leader: None,
            outbox,
            now: Vec::with_capacity(NOW),
            commands: commands_out,
            notices: notices_in,
            meters: Arc::clone(&meters),
            taps,
            input: input_out.map(|ring| (ring, options.input.1)),
            inlet: None,
            limiter: options.limiter.then(|| Limiter::new(rate)),
            fifo: Some(Box::default()),
            state,
        };
        let control = Control {
            mailbox,
            retire: retire_out,
            commands: commands_in,
            notices: notices_out,
            meters,
            letters: Kept::new(),
            base: program,
            base_epoch: 0,
            pending: None,
            seen,
            seen_next: None,
            counter: 0,
            left: Default::default(),
        };
        Ok((
            engine,
            control,
            Taps {
                spouts,
                input: input_in,
                intake: Some(intake),
                post: Some(posted),
                letters: Some(letters),
                heard: Some(overheard),
            },
        ))
    }

    /// To be called once on the thread that will call [`Engine::process`], before its deadlines count: the mailbox allocates its
    /// per-thread part here.
    pub fn warm(&self) {
        self.receiver.warm();
    }

    /// Fills interleaved `out` of `channels` channels. Any number of frames, also none.
    pub fn process(&mut self, out: &mut [f32], channels: usize) {
        let Some(mut fifo) = self.fifo.take() else { return };
        fifo.fill(out, channels, |quantum| self.quantum(quantum));
        self.fifo = Some(fifo);
    }

    /// The next frame to be computed; a multiple of [`QUANTUM`].
    pub fn frame(&self) -> u64 {
        self.state.frame
    }

    /// Which frame plays when; whoever runs the engine writes it.
    pub(crate) fn clock(&self) -> &Clock {
        &self.meters.clock
    }

    /// Frames per second.
    pub fn sample_rate(&self) -> u32 {
        self.state.rate
    }

    /// Delay of the limiter, frames.
    pub fn latency(&self) -> usize {
        self.limiter.as_ref().map_or(0, Limiter::latency)
    }

    /// Position in bars at the next frame.
    pub fn cycle(&self) -> Ratio {
        self.state.transport.cycle(self.state.frame)
    }

    /// Ends the music at a position in bars: notes end there, and what they leave behind fades as it will.
    pub fn end_at(&mut self, cycle: Ratio) {
        self.state.transport.set_end(cycle);
    }

    /// The frame in which the music ended, if it has.
    pub fn ended(&self) -> Option<u64> {
        self.state.transport.ended()
    }

    /// The program that plays.
    pub fn program(&self) -> &Program {
        &self.active.program
    }

    /// One frame of an output in the last quantum.
    pub fn out_frame(&self, out: usize, i: usize) -> [f32; 2] {
        self.active.instance.out_frame(out, i)
    }

    /// Parts of the program that are left out because they rest.
    pub fn resting(&self) -> usize {
        self.active.instance.resting()
    }

    /// Players for which there is something to do, of all that the program has.
    pub fn astir(&self) -> usize {
        self.active.table.astir()
    }

    /// True while an old program is fading out.
    pub fn is_fading(&self) -> bool {
        self.fading.is_some()
    }

    fn notify(&mut self, notice: EngineNotice) {
        // A full ring means that nobody listens.
        let _ = self.notices.push(notice);
    }

    /// Everything of a quantum that comes before its sound. False if nobody hears it: then time passes, and nothing is to be computed.
    fn prepare(&mut self) -> bool {
        self.obey();
        self.adopt();
        self.receive();
        let frame = self.state.frame;
        self.feed();
        let heard = !self.state.hushed || self.state.gain > 0.0;
        if heard {
            Sequencer::begin(&mut self.active.table);
            self.shed();
            self.pass(true);
            self.hear();
            let Active { instance, table, params, .. } = &mut self.active;
            Sequencer::finish(table, frame);
            for &(param, value) in self.state.launcher.moves() {
                params.aim(param as usize, value);
            }
            params.advance(|i, value| instance.set_param(ParamId(i as u32), value));
            self.automate();
            let Active { instance, table, .. } = &mut self.active;
            table.each_astir(|unit, state| {
                let voices = state.take_stirred();
                if voices != 0 {
                    instance.stir_voices(unit as u32, voices);
                }
            });
        } else {
            self.pass(false);
        }
        self.depart();
        heard
    }

    /// Computes one quantum.
    fn quantum(&mut self, out: &mut [[f32; 2]; QUANTUM]) {
        let frame = self.state.frame;
        if self.prepare() {
            self.active.run(frame);
            self.steer();
        }
        self.gather(out);
        self.fade(out);
        self.level(out);
        let gain = self.state.gain;
        for tap in &mut self.taps {
            let Active { instance, names, .. } = &self.active;
            tap.run(self.state.transport.pieces(), frame, out, |name, to| {
                // What was hushed is not computed: its outputs still have what they had.
                let strip = names.iter().position(|known| *known == name).filter(|_| gain > 0.0);
                strip.inspect(|strip| copy(instance.out(*strip), to)).is_some()
            });
        }
        let State { transport, metronome, rate, .. } = &mut self.state;
        let Program { timeline, timing, .. } = &self.active.program;
        metronome.run(transport.pieces(), (&timeline.tempo, timing), (frame, *rate), out);
        if let Some(limiter) = &mut self.limiter {
            for frame in out.iter_mut() {
                *frame = limiter.step(*frame);
            }
        }
        self.go_on();
    }

    /// The next quantum.
    fn go_on(&mut self) {
        self.state.frame += QUANTUM as u64;
        let cycle = self.state.transport.cycle(self.state.frame).to_f64();
        let gain = self.limiter.as_ref().map_or(1.0, Limiter::gain);
        self.meters.place(self.state.frame, cycle, gain, self.state.sequencer.lost());
        self.meters.pace(&self.state.transport);
    }

    /// Time passes: the pieces of the quantum, what is launched in them, and, where it is heard, what plays.
    fn pass(&mut self, heard: bool) {
        let frame = self.state.frame;
        let Active { program, table, moves_tempo, .. } = &mut self.active;
        let State { transport, launcher, room, sequencer, .. } = &mut self.state;
        if let Some((at, to, round)) = launcher.take_jump() {
            transport.play(frame);
            transport.jump(at, to, round);
        }
        let Program { timeline, timing, score, .. } = program;
        let lanes = Lanes { timeline, timing, score };
        let room = RefCell::new(room);
        let song = |cycle: Ratio| {
            let (index, begin) = launcher.song_at(cycle)?;
            let (mut tempo, song) = (None, timeline.arrangements.get(index as usize)?);
            let mut events = room.try_borrow_mut().ok()?;
            lanes.of_song(song, cycle - begin, &mut events, &mut |target, value| {
                if *target == Target::Tempo {
                    tempo = Some(value);
                }
            });
            tempo
        };
        let moved = moves_tempo.then_some(&song as &dyn Fn(Ratio) -> Option<f64>);
        let source = Source { score, map: &timeline.tempo, song: moved };
        transport.advance(frame, QUANTUM as u64, Some(source));
        if transport.take_changed() {
            sequencer::retime(table, transport, frame);
        }
        launcher.level();
        let mut first = 0;
        while first < transport.pieces().len() {
            let pieces = &transport.pieces()[first..];
            let count = 1 + pieces[1..].iter().position(|p| p.jump).unwrap_or(pieces.len() - 1);
            for piece in &pieces[..count] {
                if piece.jump {
                    launcher.seek(timeline, timing, piece.jumped_from, piece.begin);
                }
                if !piece.silent {
                    launcher.run(timeline, timing, piece.begin, piece.end);
                }
            }
            if heard {
                let launched = (&launcher.launches, launcher.cuts());
                sequencer.run(table, (&program.units, score), transport, launched, (frame, first..first + count));
            }
            first += count;
        }
        if launcher.take_begun() {
            transport.forget();
        }
        for i in 0..self.state.launcher.log().len() {
            let happened = self.state.launcher.log()[i];
            self.notify(EngineNotice::Happened(happened));
        }
        self.state.launcher.clear_log();
    }

    /// Puts every parameter that the text moves where it belongs at the end of the quantum.
    fn automate(&mut self) {
        let Active { instance, params, program, .. } = &mut self.active;
        let Program { timeline, timing, score, .. } = &*program;
        if timeline.arrangements.is_empty() && timeline.automations.is_empty() {
            return;
        }
        let State { transport, launcher, room, .. } = &mut self.state;
        let Some(at) = transport.pieces().last().filter(|p| !p.silent).map(|p| p.end) else { return };
        let lanes = Lanes { timeline, timing, score };
        let mut put = |param: u32, value: f64| {
            if params.put(param as usize, value as f32) {
                instance.set_param(ParamId(param), value as f32);
            }
        };
        let song = launcher.song_at(at);
        let begin = song.map_or(Ratio::ZERO, |s| s.1);
        for automation in &timeline.automations {
            if let (Target::Param(param), Some(value)) =
                (&automation.target, lanes.of_automation(automation, at - begin, room))
            {
                put(*param, value);
            }
        }
        if let Some(song) = song.and_then(|(index, _)| timeline.arrangements.get(index as usize)) {
            lanes.of_song(song, at - begin, room, &mut |target, value| {
                if let Target::Param(param) = target {
                    put(*param, value);
                }
            });
        }
    }

    /// Takes a new program, if one is due and the last swap is over.
    fn adopt(&mut self) {
        if self.fading.is_some() {
            return;
        }
        let frame = self.state.frame;
        let transport = &self.state.transport;
        let reached = |grid| {
            let next = (transport.cursor() / grid).ceil();
            !transport.playing() || Ratio::int(next) * grid < transport.cycle(frame + QUANTUM as u64)
        };
        let Some(mut parcel) = self.receiver.due(frame, &self.active, reached) else { return };
        // What was sent before the program was published is meant for an older one, and goes first.
        self.obey();
        let (epoch, kind) = (parcel.epoch(), parcel.kind());
        let before = self.active.program.timing;
        let fades = parcel.exchange(&mut self.active, frame);
        self.go_over(&mut parcel, frame, before);
        self.state.hushed = false;
        // Meters have measured another program meanwhile.
        self.active.still = Still::default();
        if fades {
            self.fading = Some((parcel, self.state.next_fade()));
        } else {
            self.receiver.give_back(parcel);
        }
        if kind == ChangeKind::Code {
            self.meters.clear(epoch);
        } else {
            self.meters.epoch.store(epoch, Relaxed);
        }
        self.notify(EngineNotice::Adopted { epoch, frame, kind });
    }

    /// What else goes over to the program that a parcel has brought, in the coming quantum from `frame` on.
    fn go_over(&mut self, parcel: &mut Parcel, frame: u64, before: Timing) {
        self.state.sequencer.forget();
        self.state.ease.again();
        let now = self.state.transport.cursor();
        if parcel.exchange_launcher(&mut self.state.launcher, &self.active.program.timeline, now) {
            self.state.transport.reread(frame);
        }
        parcel.exchange_bridge(&mut self.state.bridge);
        if self.active.program.timing != before {
            self.retime(self.active.program.timing, false);
        }
        self.listen();
        if let Some(old) = parcel.outgoing() {
            Self::ends(&mut self.outbox, old, (frame, self.state.rate));
        }
    }

    /// The master output, every value finite; faults and meters of all outputs.
    fn gather(&mut self, out: &mut [[f32; 2]; QUANTUM]) {
        let silent = self.state.hushed && self.state.gain == 0.0;
        if silent || self.active.master.is_none() {
            out.fill([0.0; 2]);
        }
        if silent {
            return;
        }
        let outs = self.active.program.patch.graph.outs.len();
        let (eased, looked_at) = (self.state.ease.meters(), self.meters.looked_at());
        self.active.still.begin(self.active.instance.awake());
        for i in 0..outs {
            if !looked_at && self.active.still.has(i) {
                continue;
            }
            match self.active.program.patch.graph.outs[i].kind {
                OutKind::Head(sample) => {
                    self.tell_head(i, sample);
                    continue;
                }
                OutKind::Leaves(_) => continue,
                OutKind::Master | OutKind::Track | OutKind::Scope => {}
            }
            let words = self.active.instance.out(i);
            let rests = eased || self.active.instance.out_rests(i) && self.meters.rests(i);
            let finite = rests || self.meters.measure(i, words, self.state.smooth);
            if !eased {
                self.meters.show(i, words);
            }
            if self.active.master == Some(i) {
                self.meters.heard.show(0, words);
                copy(words, out);
            } else if rests && !eased {
                self.active.still.add(i);
            }
            if !finite
                && let Some(quiet_until) = self.state.faults.get_mut(i)
                && *quiet_until <= self.state.frame
            {
                *quiet_until = self.state.frame + u64::from(self.state.rate);
                let (epoch, out) = (self.active.epoch, i as u32);
                self.notify(EngineNotice::Fault { epoch, out });
            }
        }
    }

    /// Tells whoever reads a sample from disk where it is played, and what came too late.
    fn tell_head(&self, out: usize, sample: SampleId) {
        let words = self.active.instance.out(out);
        let missed = words.chunks_exact(2).filter(|w| w[1] > 0.0).count() as u64;
        let page = words.get(words.len().saturating_sub(2)).map_or(0.0, |x| x.max(0.0));
        self.active.instance.sample(sample).follow(page as u32, missed);
    }
}

/// The launcher of a program that begins, with the commands of its text.
fn first_launcher(program: &Program) -> Launcher {
    let mut launcher = Launcher::new(&program.timeline, 0);
    for wish in crate::launcher::wishes(program, None) {
        launcher.wish(&program.timeline, wish, Ratio::ZERO);
    }
    launcher
}

fn pair<T>(capacity: usize) -> (Option<Producer<T>>, Option<Consumer<T>>) {
    if capacity == 0 {
        return (None, None);
    }
    let (producer, consumer) = RingBuffer::new(capacity);
    (Some(producer), Some(consumer))
}

/// `[frame][2]` words to stereo; what is not finite becomes 0.
fn copy(words: &[f32], out: &mut [[f32; 2]; QUANTUM]) {
    for (to, &word) in out.as_flattened_mut().iter_mut().zip(words) {
        *to = if word.is_finite() { word } else { 0.0 };
    }
}
