//! RT13: sound that is still on the disk is not waited for. Planted: a callback that turns round and round until the page is there.
//!
//! A file in pages, of which one comes late: it is brought by a thread a good while after it was due. What is played meanwhile is silence,
//! and the time that the block takes of the processor is that of any other. Whoever waits by asking the system is found by RT3.

use super::common::{RATE, options};
use super::{Callback, Verdict, honest};
use modurust_runtime::compiler::exec::{Backend, PAGE, SampleMemory};
use modurust_runtime::compiler::front::{Compiler, World};
use modurust_runtime::compiler::graph::Sample;
use modurust_runtime::engine::{Engine, EngineOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

struct Late(Arc<SampleMemory>);

impl World for Late {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == "a.modu" { Ok("out = play('long.wav')".into()) } else { Err("no such file".into()) }
    }

    fn exists(&self, _: &str) -> bool {
        true
    }

    fn is_long(&self, path: &str) -> bool {
        path == "long.wav"
    }

    fn sample(&self, _: &Sample, _: u32) -> Arc<SampleMemory> {
        Arc::clone(&self.0)
    }
}

fn check(callback: &mut dyn FnMut(&mut Engine, &mut [f32], &AtomicBool)) -> Verdict {
    let memory = Arc::new(SampleMemory::paged(2 * PAGE as u64, 2, 1));
    let page = vec![[0.5f32; 2]; PAGE];
    memory.place(0, 0, &page);
    let outcome = Compiler::new(options(Backend::Jit)).compile(&Late(Arc::clone(&memory)), &["a.modu".into()]);
    let (mut engine, ..) = Engine::new(&EngineOptions::new(RATE), outcome.program).map_err(|why| why.to_string())?;
    let (there, late) = (Arc::new(AtomicBool::new(false)), Duration::from_secs(1));
    let flag = Arc::clone(&there);
    let disk = std::thread::spawn(move || {
        std::thread::sleep(late);
        memory.place(1, 1, &page);
        flag.store(true, Ordering::Release);
        memory.take_missed()
    });
    let begin = Instant::now();
    let mut out = vec![0.0f32; 4 * PAGE];
    out.chunks_mut(128).for_each(|block| callback(&mut engine, block, &there));
    let took = begin.elapsed();
    let missed = disk.join().expect("the page is brought");
    if took > late / 2 {
        return Err(format!("two pages took {took:?}"));
    }
    let heard = |from: usize, to: usize| out[2 * from..2 * to].iter().filter(|x| **x != 0.0).count();
    match (heard(1_000, PAGE), heard(PAGE, 2 * PAGE), missed as usize) {
        (first, 0, PAGE) if first == 2 * (PAGE - 1_000) => Ok(()),
        other => Err(format!("{other:?} samples sound or are missing")),
    }
}

pub fn holds() -> Verdict {
    let callback: Callback = &mut honest;
    check(&mut |engine, out, _| callback(engine, out))
}

pub fn planted() -> Verdict {
    let mut frames = 0;
    check(&mut |engine, out, there| {
        frames += out.len() / 2;
        while frames > PAGE && !there.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        engine.process(out, 2);
    })
}
