//! A day of playing in as little time as the machine needs: an edit every five seconds, twelve notes a second, and numbers moved by hand.
//! At the end of every hour the process has what it had after the first one: as much memory, as many mappings, and pages of code
//! for the programs that are alive and for no others. Alone in its binary, since it measures the process.
//!
//! Every run of the tests plays three quarters of an hour and looks every few minutes. A whole day, with 17,280 swaps and more than a million
//! notes: `HOURS=24 cargo test -p modurust-runtime --test day -- --nocapture`. The edits come from 120 texts; with `TEXTS=1000000000` hardly one
//! comes twice, and what is remembered of texts grows until it has its size, which is asserted to be less than 128 MiB.
#![cfg(target_os = "linux")]

mod common;

use common::memory::{Memory, PAGE};
use common::{RATE, Random, Text, asked, options};
use modurust_runtime::command::{EngineCommand, EngineNotice};
use modurust_runtime::compiler::exec::{Backend, Code};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::{Patch, Program};
use modurust_runtime::engine::{Engine, EngineOptions};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// Frames between two edits.
const FRAMES: u64 = 5 * RATE as u64;
/// Notes of a bar, at 175 beats a minute.
const NOTES: u64 = 17;

/// One of many texts: stages and delays come and go, and numbers and notes are others.
fn text(n: u64) -> String {
    let delay = if n.is_multiple_of(3) { " >> delay(100ms) * 0.5" } else { "" };
    let note = |i: u32| n / 7u64.pow(i) % 7;
    format!(
        "tempo 175bpm
blip(freq, gate) = sin(freq) * perc(gate, {}ms)
track t = \"0*13 {} {} {} {}\" >> scale(c4, minor) >> mono(blip){}{delay} * {}
",
        10 + n % 40,
        note(0),
        note(1),
        note(2),
        note(3),
        " >> lpf(2khz)".repeat(n as usize % 4),
        0.1 + (n % 100_000) as f64 / 1e6
    )
}

/// The patches that somebody holds, by where they are, and what pages their code takes.
#[derive(Default)]
struct Living(BTreeMap<usize, Weak<Patch>>);

impl Living {
    fn add(&mut self, program: &Program) {
        self.0.insert(Arc::as_ptr(&program.patch) as usize, Arc::downgrade(&program.patch));
    }

    /// Patches, and KiB of their code in whole pages.
    fn count(&mut self) -> [i64; 2] {
        self.0.retain(|_, patch| patch.strong_count() > 0);
        let pages = |patch: Arc<Patch>| match &patch.code {
            Code::Jit(code) => (code.image as i64 + PAGE - 1) / PAGE * PAGE / 1024,
            Code::Interp(_) => 0,
        };
        [self.0.len() as i64, self.0.values().filter_map(Weak::upgrade).map(pages).sum()]
    }
}

#[test]
fn a_day_leaves_nothing_behind() {
    let (hours, texts) = (asked("HOURS", 0), asked("TEXTS", 120));
    let mut random = Random(24);
    // Without a wish for more: nine pieces of five minutes.
    let (pieces, edits) = if hours > 0 { (hours, 720) } else { (9, 60) };
    let without = Memory::now();
    let mut compiler = Compiler::new(options(Backend::Jit));
    let mut living = Living::default();
    let mut compile = |n: u64, living: &mut Living| -> Program {
        let outcome = compiler.compile(&Text(text(n)), &["a.modu".to_string()]);
        let program = outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
        living.add(&program);
        program
    };
    let (mut engine, mut control, _) =
        Engine::new(&EngineOptions::new(RATE), Some(compile(0, &mut living))).expect("an engine");
    let mut out = vec![0.0f32; 2 * 4000];
    let (mut swaps, mut moved, mut loud) = (0u64, 0u64, 0f32);
    let (mut looks, begin) = (Vec::new(), Instant::now());
    for _ in 0..pieces {
        for _ in 0..edits {
            // Never what plays already.
            while control.publish(&compile(random.below(texts), &mut living), None).is_none() {}
            let level = control.program().patch.graph.params.iter().position(|p| &*p.name == "t.level");
            let level = level.expect("a level") as u32;
            for _ in 0..FRAMES / 4000 {
                engine.process(&mut out, 2);
                let value = 0.5 + (moved % 8) as f32 / 16.0;
                moved += u64::from(control.send(EngineCommand::Param { epoch: control.epoch(), index: level, value }));
                loud = out.iter().map(|x| x.abs()).fold(loud, f32::max);
            }
            control.collect();
            while let Some(notice) = control.notice() {
                swaps += u64::from(matches!(notice, EngineNotice::Adopted { .. }));
            }
        }
        let now = Memory::now();
        let [patches, pages] = living.count();
        let notes = (engine.cycle().to_f64() * NOTES as f64) as u64;
        println!(
            "{:5.2} h of sound: {swaps} swaps, {notes} notes, {moved} numbers; {} KiB resident, {} mappings, {patches} patches of {pages} KiB, {} KiB of code; {:.0} s",
            engine.frame() as f64 / 3600.0 / f64::from(RATE),
            now.resident,
            now.mappings,
            now.code - without.code,
            begin.elapsed().as_secs_f64()
        );
        assert_eq!(now.code - without.code, pages, "pages of code and living programs");
        looks.push(now);
    }
    // A short run is measured when what is kept of texts has come to its size.
    let (first, last) = (looks[if hours > 0 { 0 } else { 4 }], looks[looks.len() - 1]);
    let most = match (hours, texts) {
        (1.., ..=120) => first.resident + first.resident / 100,
        (0, ..=120) => first.resident + first.resident / 10,
        _ => 128 << 10,
    };
    assert!(last.resident <= most, "{} KiB became {}", first.resident, last.resident);
    assert!(last.mappings <= first.mappings + 8, "{} mappings became {}", first.mappings, last.mappings);
    assert_eq!((swaps, loud > 0.01 && loud < 1.0), (pieces * edits, true), "{loud}");
}
