//! Texts to sound, without devices: compile a text and run its instance quantum by quantum.

use modurust_runtime::compiler::exec::{Backend, Instance, SampleMemory};
use modurust_runtime::compiler::front::{Compiler, Options, Outcome, World};
use modurust_runtime::compiler::graph::{QUANTUM, Sample, SampleId};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::program::Program;
use std::sync::Arc;

/// Frames per second of every test that does not say otherwise.
pub const RATE: u32 = 48_000;

/// The file that examples of the library play: a second of 440 Hz, 6 dB below full scale.
pub const TONE: &str = "tone.wav";

/// Files in memory.
pub struct Texts(pub Vec<(String, String)>);

impl Texts {
    /// One file, `a.modu`.
    pub fn one(text: &str) -> Texts {
        Texts(vec![("a.modu".into(), text.into())])
    }
}

impl World for Texts {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.iter().find(|(name, _)| name == path).map(|(_, text)| text.clone()).ok_or_else(|| "no such file".into())
    }

    fn exists(&self, path: &str) -> bool {
        path == TONE || self.read(path).is_ok()
    }

    fn sample(&self, sample: &Sample, rate: u32) -> Arc<SampleMemory> {
        let tone = |i: u32| [(f64::from(i) / f64::from(rate) * 440.0 * std::f64::consts::TAU).sin() as f32 * 0.5; 2];
        let length = (u64::from(rate) * u64::from(sample.stretch) / 1_000_000) as u32;
        let sound = |file: &String| if file == TONE { (0..length).map(tone).collect() } else { Vec::new() };
        Arc::new(SampleMemory::of(&sample.files.iter().map(sound).collect::<Vec<_>>()))
    }
}

/// The usual options: machine code, exact passes, verifier on.
pub fn options(backend: Backend) -> Options {
    Options { sample_rate: RATE, passes: Passes::Exact, backend, seed: 0, verify: true }
}

/// Compiles one text.
pub fn compile(text: &str, backend: Backend) -> Outcome {
    compile_at(text, backend, RATE)
}

/// Compiles one text for a sample rate.
pub fn compile_at(text: &str, backend: Backend, rate: u32) -> Outcome {
    let options = Options { sample_rate: rate, ..options(backend) };
    Compiler::new(options).compile(&Texts::one(text), &["a.modu".into()])
}

/// Compiles a text that must be right.
///
/// # Panics
/// With the diagnostics if it is not.
pub fn program(text: &str, backend: Backend) -> Program {
    let outcome = compile(text, backend);
    let messages = outcome.render(false);
    outcome.program.unwrap_or_else(|| panic!("{text}\n{messages}"))
}

/// Left and right of a program's master that needs no events, for some seconds.
pub fn run(program: &Program, seconds: f64) -> [Vec<f32>; 2] {
    let mut instance = Instance::new(Arc::clone(&program.patch));
    for (i, memory) in program.samples.iter().enumerate() {
        instance.set_sample(SampleId(i as u32), Arc::clone(memory));
    }
    let master = program.patch.graph.outs.len() - 1;
    let frames = (seconds * f64::from(program.patch.sample_rate)) as usize;
    let mut sides = [Vec::with_capacity(frames), Vec::with_capacity(frames)];
    for quantum in 0..frames.div_ceil(QUANTUM) {
        instance.run((quantum * QUANTUM) as u64);
        for i in 0..QUANTUM {
            let [left, right] = instance.out_frame(master, i);
            sides[0].push(left);
            sides[1].push(right);
        }
    }
    sides
}

/// The sound of one expression, left and right.
pub fn hear(expr: &str, seconds: f64) -> [Vec<f32>; 2] {
    run(&program(&format!("out = {expr}"), Backend::Jit), seconds)
}

/// The sound of one expression with the rewrites that players hear by default, left and right.
///
/// # Panics
/// With the diagnostics if it is wrong.
pub fn hear_fast(expr: &str, seconds: f64) -> [Vec<f32>; 2] {
    let options = Options { passes: Passes::Fast, ..options(Backend::Jit) };
    let outcome = Compiler::new(options).compile(&Texts::one(&format!("out = {expr}")), &["a.modu".into()]);
    let messages = outcome.render(false);
    run(&outcome.program.unwrap_or_else(|| panic!("{expr}\n{messages}")), seconds)
}

/// The sound of one expression at a sample rate, left and right.
///
/// # Panics
/// With the diagnostics if it is wrong.
pub fn hear_at(expr: &str, seconds: f64, rate: u32) -> [Vec<f32>; 2] {
    let outcome = compile_at(&format!("out = {expr}"), Backend::Jit, rate);
    let messages = outcome.render(false);
    run(&outcome.program.unwrap_or_else(|| panic!("{expr}\n{messages}")), seconds)
}
