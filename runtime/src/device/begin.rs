//! A rendering that begins in the middle: finding the frame, and coming there.
//!
//! The frame of a place in bars is found by letting the music pass once without sound. Then a rendering comes there in one of three
//! ways ([`Way`]). It computes what lies before and lets nobody hear it: every bit is that of the whole rendering. It takes the nearest
//! checkpoint before the place and computes the rest: the same bits, sooner. Or it passes over everything: notes, clips, tempo and
//! lanes are as if played from the start, and sound begins from silence. That equals the whole once what sounded before would have
//! died away, but for oscillators that nobody starts: their phase is where they have come since the place.

use super::offline::RenderError;
use crate::checkpoint::{Checkpoint, Checkpoints, EVERY};
use crate::engine::{Engine, EngineOptions};
use crate::limiter::Limiter;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::program::Program;
use modurust_compiler::score::Ratio;
use std::path::PathBuf;

/// Where a rendering begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Begin {
    /// At so many bars from the start.
    Bars(Ratio),
    /// At a frame.
    Frame(u64),
}

/// How a rendering comes to where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// By computing everything before.
    #[default]
    Whole,
    /// By the checkpoints of a folder, which are written there on the way.
    Checkpoints(PathBuf),
    /// By passing over the sound.
    Jump,
}

/// Longest time before a place, seconds.
const LONGEST: u64 = 24 * 3600;

/// The first frame that is heard.
pub fn frame_of(program: &Program, begin: Begin) -> Result<u64, RenderError> {
    let bars = match begin {
        Begin::Frame(frame) => return Ok(frame),
        Begin::Bars(bars) if !bars.is_positive() => return Ok(0),
        Begin::Bars(bars) => bars,
    };
    let rate = program.patch.sample_rate;
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(rate), Some(program.clone()))?;
    let mut last_jump = None;
    while engine.frame() < LONGEST * u64::from(rate) {
        engine.pass_over();
        while control.notice().is_some() {}
        if let Some(frame) = engine.reached(bars) {
            return Ok(frame);
        }
        // A loop that has gone round once without coming there never will.
        if let Some(to) = engine.jumped()
            && last_jump.replace(to) == Some(to)
        {
            break;
        }
    }
    Err(RenderError::Unreached { bars: bars.to_f64() })
}

/// Brings an engine towards a frame, as far as its sound need not be computed; `passed` is called before each quantum.
pub(super) fn approach(
    engine: &mut Engine,
    limiter: Option<&mut Limiter>,
    (checkpoints, jump): (Option<&mut Checkpoints>, bool),
    frame: u64,
    mut passed: impl FnMut(),
) {
    let quantum = frame / QUANTUM as u64 * QUANTUM as u64;
    let mut pass = |engine: &mut Engine, to: u64| {
        while engine.frame() < to {
            passed();
            engine.pass_over();
        }
    };
    if jump {
        pass(engine, quantum);
    }
    let Some(checkpoints) = checkpoints else { return };
    let words = engine.image_len() + limiter.as_ref().map_or(0, |l| l.image().len());
    let Some(Checkpoint { frame, words, .. }) = checkpoints.latest(quantum, words) else { return };
    pass(engine, frame);
    let (sound, rest) = words.split_at(engine.image_len().min(words.len()));
    engine.restore(sound);
    if let Some(limiter) = limiter {
        limiter.restore(rest);
    }
}

/// Writes a checkpoint before every so many bars.
pub(super) struct Keeper {
    next: i64,
}

impl Keeper {
    /// For an engine that is about to play.
    pub fn new(engine: &Engine) -> Keeper {
        Keeper { next: following(engine.cycle()) }
    }

    /// Writes one if a bar begins in the coming quantum. The engine must be between quanta.
    pub fn keep(
        &mut self,
        engine: &mut Engine,
        limiter: Option<&Limiter>,
        checkpoints: &Checkpoints,
    ) -> Result<(), RenderError> {
        if engine.cycle_after() <= Ratio::int(self.next) {
            return Ok(());
        }
        let bar = self.next;
        self.next = following(engine.cycle_after());
        let mut words = engine.image();
        words.extend(limiter.map_or(Vec::new(), Limiter::image));
        let checkpoint = Checkpoint { frame: engine.frame(), bar, words };
        match checkpoints.write(&checkpoint) {
            Ok(_) => Ok(()),
            Err(source) => Err(RenderError::Folder { path: checkpoints.folder().to_path_buf(), source }),
        }
    }
}

/// The first multiple of [`EVERY`] after a position.
fn following(cycle: Ratio) -> i64 {
    (cycle / Ratio::int(EVERY)).floor() * EVERY + EVERY
}
