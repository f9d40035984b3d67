//! What `bench` measures, and how.
//!
//! Work is timed by the clock that counts what this process computed ([`cpu`]). Sound comes from a whole engine, as a device
//! asks for it; the edits are made to the text, as a player makes them, and go the whole way to the first block that has them.

use super::Failure;
use super::bench::Args;
use super::terminal::{self, Level};
use super::work::{self, Work};
use modurust_runtime::command::EngineNotice;
use modurust_runtime::compiler::codegen::{guard, isa::Isa};
use modurust_runtime::compiler::exec::{Code, Instance};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::graph::QUANTUM;
use modurust_runtime::compiler::lang::ast::{Item, Stmt};
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::compiler::lang::{FileId, Source, parse};
use modurust_runtime::compiler::program::{Patch, Program, Unit, UnitKind};
use modurust_runtime::compiler::score::{Ratio, ScoreBuilder, Value};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::swap::Control;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is found for one file.
#[derive(Serialize, Deserialize)]
pub struct Figures {
    pub file: String,
    pub ns_per_frame: f64,
    pub core_percent: f64,
    /// Everything but sound, microseconds for 64 frames: patterns, launches, tempo, lanes, voices.
    pub events_us: f64,
    /// That, as a share of the time that 64 frames last.
    pub events_percent: f64,
    pub compile_ms: f64,
    pub compile_cold_ms: f64,
    pub sound_ms: f64,
    /// `None` if the text has no number that could be another.
    pub number_ms: Option<f64>,
    pub number_code: Option<bool>,
    /// `None` if the text has neither a track nor `out`.
    pub track_ms: Option<f64>,
    /// Where the time of that edit goes: stages of the compiler in their order, then `swap`; milliseconds by the wall clock.
    pub stages_ms: Vec<(String, f64)>,
    pub swap_ms: Option<f64>,
    pub worst_block: f64,
    /// Tracks on which a note is held, and nanoseconds per frame; empty where there are fewer than two.
    pub tracks: Vec<(u32, f64)>,
    /// Voices that hold a note, and nanoseconds per frame; empty where there are no banks.
    pub sounding: Vec<(u32, f64)>,
    pub isa: String,
    pub voices: u32,
    pub nodes: usize,
    pub rate: u32,
    pub block: u32,
    pub frames: u64,
    pub code_bytes: Option<usize>,
    pub optimised: bool,
}

/// Runs of the engine, of which the best counts.
const RUNS: usize = 3;
/// Compilations and swaps, of which the middle one counts.
const TIMES: usize = 9;
/// What an edit adds, to be swapped in.
const TRACK: &str = "\ntrack modurust_bench_edit = sin(220hz) * -40db\n";
/// What an edit puts behind a track.
const STAGE: &str = " >> softclip";

/// Time that this process has computed; on systems without such a clock, time.
pub fn cpu() -> Duration {
    #[cfg(unix)]
    if let Ok(time) = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID) {
        return time.into();
    }
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Milliseconds computed since.
fn ms(begin: Duration) -> f64 {
    cpu().saturating_sub(begin).as_secs_f64() * 1e3
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// An engine, and what asks it for sound.
struct Player {
    engine: Engine,
    control: Control,
    buffer: Vec<f32>,
}

impl Player {
    fn new(program: &Program, block: u32) -> Result<Player, Failure> {
        let options = EngineOptions::new(program.patch.sample_rate);
        let (engine, control, _) = Engine::new(&options, Some(program.clone())).map_err(Failure::outside)?;
        engine.warm();
        Ok(Player { engine, control, buffer: vec![0.0; block as usize * 2] })
    }

    fn block(&mut self) {
        self.engine.process(&mut self.buffer, 2);
    }

    /// Nanoseconds per frame over so many frames.
    fn speed(&mut self, frames: u64) -> f64 {
        let blocks = frames.div_ceil(self.buffer.len() as u64 / 2);
        let begin = cpu();
        for _ in 0..blocks {
            self.block();
        }
        let run = ms(begin) * 1e6 / (blocks * self.buffer.len() as u64 / 2) as f64;
        while self.control.notice().is_some() {}
        run
    }

    /// Microseconds for a quantum without its sound, over so many frames.
    fn events(&mut self, frames: u64) -> f64 {
        let quanta = frames.div_ceil(QUANTUM as u64);
        let begin = cpu();
        for _ in 0..quanta {
            self.engine.pass_over();
        }
        let took = ms(begin) * 1e3 / quanta as f64;
        while self.control.notice().is_some() {}
        took
    }

    /// Sends a program and plays the block in which it is adopted; `None` if nothing would change.
    fn swap(&mut self, next: &Program) -> Option<()> {
        self.control.publish(next, None)?;
        let mut adopted = false;
        // A block may be shorter than a quantum.
        for _ in 0..64 {
            self.block();
            while let Some(notice) = self.control.notice() {
                adopted |= matches!(notice, EngineNotice::Adopted { .. });
            }
            if adopted {
                return Some(());
            }
        }
        None
    }

    /// Plays until fades have ended, and frees what was replaced.
    fn settle(&mut self) {
        let frames = u64::from(self.engine.sample_rate()) / 20;
        self.speed(frames);
        self.control.collect();
    }
}

/// Measures a file.
pub fn file(args: &Args, file: &str) -> Result<Figures, Failure> {
    let work = Work::files(&[file.to_string()])?;
    let options = work::options(args.rate);
    let begin = Instant::now();
    let program = work.compile(&mut Compiler::new(options))?;
    let compile_cold_ms = begin.elapsed().as_secs_f64() * 1e3;
    let compile_ms = repeated(|| {
        let mut compiler = Compiler::new(options);
        let begin = Instant::now();
        let outcome = work.outcome(&mut compiler)?;
        let took = begin.elapsed().as_secs_f64() * 1e3;
        drop(outcome);
        Ok(Some(took))
    })?;
    let sound_ms = repeated(|| {
        let mut compiler = Compiler::new(options);
        let begin = cpu();
        let program = work.outcome(&mut compiler)?.program.ok_or(Failure::Text)?;
        Player::new(&program, args.block)?.block();
        Ok(Some(ms(begin)))
    })?;
    let frames = args.length.frames(&program.timing, args.rate).filter(|frames| *frames > 0);
    let frames = frames.ok_or_else(|| Failure::Usage("`--for` is nothing, or too long".into()))?;
    let ns_per_frame = speed(&program, args, frames)?;
    let mut events_us = f64::INFINITY;
    for _ in 0..RUNS {
        events_us = events_us.min(Player::new(&program, args.block)?.events(frames));
    }
    let text = work.text()?;
    let number = number(args, file, &program, &text)?;
    let track = track(args, file, &program, &text)?;
    Ok(Figures {
        file: file.to_string(),
        ns_per_frame,
        core_percent: ns_per_frame * f64::from(args.rate) / 1e7,
        events_us,
        events_percent: events_us * f64::from(args.rate) / QUANTUM as f64 / 1e4,
        compile_ms: compile_ms.unwrap_or(compile_cold_ms),
        compile_cold_ms,
        sound_ms: sound_ms.unwrap_or(compile_cold_ms),
        number_ms: number.map(|(ms, _)| ms),
        number_code: number.map(|(_, code)| code),
        track_ms: track.as_ref().map(|edit| edit.ms),
        stages_ms: track.map_or_else(Vec::new, |edit| edit.stages),
        swap_ms: swap(args, file, &program, &text)?,
        worst_block: worst_block(&program, args, frames)?,
        tracks: tracks(&program, args, frames)?,
        sounding: sounding(&program, args, frames)?,
        isa: format!("{} {}", std::env::consts::ARCH, Isa::chosen().name()),
        voices: program.units.iter().filter(|u| u.kind != UnitKind::Hold).map(|u| u.voices).sum(),
        nodes: program.patch.graph.nodes.len(),
        rate: args.rate,
        block: args.block,
        frames,
        code_bytes: match &program.patch.code {
            Code::Jit(code) => Some(code.bytes),
            Code::Interp(_) => None,
        },
        optimised: !cfg!(debug_assertions),
    })
}

/// The middle of several figures; those that cannot be taken are left out.
fn repeated(mut figure: impl FnMut() -> Result<Option<f64>, Failure>) -> Result<Option<f64>, Failure> {
    let mut figures = Vec::new();
    for _ in 0..TIMES {
        figures.extend(figure()?);
    }
    Ok(median(figures))
}

fn speed(program: &Program, args: &Args, frames: u64) -> Result<f64, Failure> {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let mut player = Player::new(program, args.block)?;
        player.settle();
        let run = player.speed(frames);
        best = best.min(run);
        terminal::log(Level::Debug, || format!("{run:.1} ns per frame"));
    }
    Ok(best)
}

/// The longest block as a multiple of the middle one.
fn worst_block(program: &Program, args: &Args, frames: u64) -> Result<f64, Failure> {
    let mut player = Player::new(program, args.block)?;
    player.settle();
    let blocks = frames.div_ceil(u64::from(args.block));
    let mut took = Vec::with_capacity(blocks as usize);
    for _ in 0..blocks {
        let begin = Instant::now();
        player.block();
        took.push(begin.elapsed().as_secs_f64());
    }
    let worst = took.iter().copied().fold(0.0, f64::max);
    Ok(median(took).map_or(1.0, |middle| worst / middle.max(1e-9)))
}

/// Stages, and the milliseconds that each took.
type Stages = Vec<(String, f64)>;

/// A clock that is read at the end of each stage.
struct Clock {
    last: Instant,
    stages: Stages,
}

impl Clock {
    /// A stage that comes more than once counts as one.
    fn ended(&mut self, stage: &str) {
        let now = Instant::now();
        let took = now.duration_since(std::mem::replace(&mut self.last, now)).as_secs_f64() * 1e3;
        match self.stages.iter_mut().find(|(name, _)| name == stage) {
            Some((_, ms)) => *ms += took,
            None => self.stages.push((stage.to_string(), took)),
        }
    }
}

/// What an edit took, from its text to the first block with it.
struct Edit {
    ms: f64,
    /// Whether it made code.
    generated: bool,
    stages: Stages,
}

/// From an edited text to its first block, by a compiler that knows the original.
fn edit(args: &Args, file: &str, program: &Program, edited: &str) -> Result<Option<Edit>, Failure> {
    let work = Work::files(&[file.to_string()])?;
    let mut compiler = Compiler::new(work::options(args.rate));
    work.outcome(&mut compiler)?;
    let mut work = work;
    work.replace(edited.to_string());
    let mut player = Player::new(program, args.block)?;
    player.settle();
    let clock = Arc::new(Mutex::new(Clock { last: Instant::now(), stages: Vec::new() }));
    let read = |clock: &Mutex<Clock>, stage: &str| {
        clock.lock().unwrap_or_else(PoisonError::into_inner).ended(stage);
    };
    let shared = Arc::clone(&clock);
    compiler.watch(move |stage| read(&shared, stage));
    let begin = cpu();
    let outcome = work.outcome(&mut compiler)?;
    let Some(next) = outcome.program else { return Ok(None) };
    if player.swap(&next).is_none() {
        return Ok(None);
    }
    let ms = ms(begin);
    read(&clock, "swap");
    let stages = std::mem::take(&mut clock.lock().unwrap_or_else(PoisonError::into_inner).stages);
    Ok(Some(Edit { ms, generated: outcome.generated, stages }))
}

/// Turns one number: the first that is a parameter.
fn number(args: &Args, file: &str, program: &Program, text: &str) -> Result<Option<(f64, bool)>, Failure> {
    let mut found = None;
    for (begin, end) in numbers(text) {
        let Ok(value) = text[begin..end].parse::<f64>() else { continue };
        let edited = format!("{}{}{}", &text[..begin], value * 1.015625, &text[end..]);
        match edit(args, file, program, &edited)? {
            Some(Edit { generated: false, .. }) => {
                let ms = repeated(|| Ok(edit(args, file, program, &edited)?.map(|edit| edit.ms)))?;
                return Ok(ms.map(|ms| (ms, false)));
            }
            Some(made) => found = found.or(Some((made.ms, true))),
            None => {}
        }
    }
    Ok(found)
}

/// Where the digits of numbers stand.
fn numbers(text: &str) -> impl Iterator<Item = (usize, usize)> {
    tokens(text).filter(|token| token.kind == Kind::Number).map(|token| {
        let digits = token.text(text).bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        (token.span.start as usize, token.span.start as usize + digits)
    })
}

/// Puts one more stage behind the last track, or behind `out`. The edit of the middle duration counts.
fn track(args: &Args, file: &str, program: &Program, text: &str) -> Result<Option<Edit>, Failure> {
    let source = Source::new(file, text);
    let end = |stmt: &Stmt| match &*stmt.item {
        Item::Strip { bus: false, value, .. } => Some((stmt.offset + value.span.end) as usize),
        Item::Def(def) if def.name.name == "out" => Some((stmt.offset + def.body.span.end) as usize),
        _ => None,
    };
    let Some(at) = parse(FileId(0), &source).stmts.iter().filter_map(end).next_back() else { return Ok(None) };
    let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else { return Ok(None) };
    let edited = format!("{before}{STAGE}{after}");
    let mut edits = Vec::new();
    for _ in 0..TIMES {
        edits.extend(edit(args, file, program, &edited)?);
    }
    edits.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    let middle = edits.len() / 2;
    Ok(edits.into_iter().nth(middle))
}

/// From a compiled program to its first block, there and back again. A file that leaves no room for another track has no figure.
fn swap(args: &Args, file: &str, program: &Program, text: &str) -> Result<Option<f64>, Failure> {
    let mut work = Work::files(&[file.to_string()])?;
    work.replace(format!("{text}\n{TRACK}"));
    let Some(edited) = work.outcome(&mut Compiler::new(work::options(args.rate)))?.program else { return Ok(None) };
    let mut player = Player::new(program, args.block)?;
    let mut there = false;
    repeated(|| {
        player.settle();
        there = !there;
        let next = if there { &edited } else { program };
        let begin = cpu();
        Ok(player.swap(next).map(|()| ms(begin)))
    })
}

/// 0, 1, 2, 4 and so on up to all.
fn doubling(most: u32) -> Vec<u32> {
    let powers = std::iter::successors(Some(1u32), |n| n.checked_mul(2)).take_while(|n| *n < most);
    std::iter::once(0).chain(powers).chain([most]).collect()
}

/// Nanoseconds per frame while so many voices of every bank hold a note for as long as it is measured.
fn sounding(program: &Program, args: &Args, frames: u64) -> Result<Vec<(u32, f64)>, Failure> {
    let banks = program.units.iter().filter(|unit| unit.kind == UnitKind::Poly).map(|unit| unit.voices);
    let Some(most) = banks.max().filter(|most| *most > 1) else { return Ok(Vec::new()) };
    let held = |n: u32| Ok((n, speed(&hold(program, |unit| n.min(unit.voices)), args, frames)?));
    doubling(most).into_iter().map(held).collect()
}

/// Nanoseconds per frame while a note is held on so many tracks, in the order of the text.
fn tracks(program: &Program, args: &Args, frames: u64) -> Result<Vec<(u32, f64)>, Failure> {
    let name = |unit: &Unit| unit.path.split('/').next().unwrap_or_default().to_string();
    let mut names: Vec<String> = Vec::new();
    for unit in program.units.iter().filter(|unit| unit.kind != UnitKind::Hold) {
        if !names.contains(&name(unit)) {
            names.push(name(unit));
        }
    }
    if names.len() < 2 {
        return Ok(Vec::new());
    }
    let held = |n: u32| {
        let playing = &names[..n as usize];
        let held = hold(program, |unit| u32::from(playing.contains(&name(unit))));
        Ok((n, speed(&held, args, frames)?))
    };
    doubling(names.len() as u32).into_iter().map(held).collect()
}

/// The program with nothing in its patterns but so many notes for every player.
fn hold(program: &Program, notes: impl Fn(&Unit) -> u32) -> Program {
    /// Bars that a note lasts: longer than any run.
    const LONG: Ratio = Ratio::int(1 << 20);
    let mut score = ScoreBuilder::new(0);
    let mut units: Vec<Unit> = (*program.units).clone();
    for unit in &mut units {
        let word = unit.word.map(|sym| program.score.word(sym).to_string());
        let notes: Vec<_> = (0..notes(unit))
            .filter(|_| unit.kind != UnitKind::Hold)
            .map(|i| {
                let note = match &word {
                    Some(word) => Value::Word(score.sym(word)),
                    // Spread over four octaves by steps that do not repeat soon.
                    None => Value::Note(36.0 + f64::from(i * 7 % 48)),
                };
                let note = score.pure(note);
                score.slow(note, LONG)
            })
            .collect();
        unit.pattern = if notes.is_empty() { score.silence() } else { score.stack(&notes) };
        unit.word = word.map(|word| score.sym(&word));
        unit.choke = None;
    }
    Program { score: Arc::new(score.finish()), units: Arc::new(units), ..program.clone() }
}

/// Quanta for which regions are measured.
const QUANTA: u64 = 4_000;

/// Nanoseconds per frame of each of the regions of a patch, by the wall clock: the least that one of its calls took. Values of
/// block rate are computed in every quantum; rows and inputs are silent.
pub fn regions(patch: Arc<Patch>, count: usize) -> Vec<f64> {
    let mut instance = Instance::new(patch);
    let mut least = vec![f64::INFINITY; count];
    // What reading the clock and entering code take is no work of a region.
    let mut nothing = f64::INFINITY;
    for quantum in 0..QUANTA {
        let mut last = Instant::now();
        let mut took = || {
            let now = Instant::now();
            now.duration_since(std::mem::replace(&mut last, now)).as_secs_f64()
        };
        guard::flushed(|| ());
        nothing = nothing.min(took());
        instance.run_each(quantum * QUANTUM as u64, &mut |region| least[region] = least[region].min(took()));
    }
    least.iter().map(|took| (took - nothing).max(0.0) * 1e9 / QUANTUM as f64).collect()
}
