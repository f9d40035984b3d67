//! Swaps leave nothing behind: neither code, nor mappings, nor memory. Alone in its binary, since it measures the process.
//!
//! The suite swaps some thousand times. For a hundred thousand: `SWAPS=100000 cargo test --release -p modurust-runtime --test memory`.
#![cfg(target_os = "linux")]

mod common;

use common::memory::Memory;
use common::{RATE, Text, asked, options};
use modurust_runtime::compiler::exec::{Backend, Code};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::engine::{Engine, EngineOptions};

/// More programs than finished patches are kept, so that every swap has code put together anew. They keep and lose state and delays.
fn text(n: usize) -> String {
    let delay = if n.is_multiple_of(3) { " >> delay(100ms) * 0.5" } else { "" };
    format!("out = sin({}hz){}{delay} * 0.1\n", 200 + n, " >> lpf(2khz)".repeat(n % 4))
        + &format!("track t = saw(55hz){} * 0.1", " >> softclip".repeat(n % 5))
}

#[test]
fn swaps_leave_nothing_behind() {
    let swaps = asked("SWAPS", 2_000) as usize;
    let mut compiler = Compiler::new(options(Backend::Jit));
    let mut compile = |n: usize| -> Program {
        let outcome = compiler.compile(&Text(text(n % 60)), &["a.modu".to_string()]);
        assert!(outcome.generated, "a patch was at hand");
        outcome.program.unwrap_or_else(|| panic!("no program"))
    };
    let (mut engine, mut control, _) = Engine::new(&EngineOptions::new(RATE), Some(compile(0))).unwrap();
    let mut out = vec![0.0; 2 * 1024];
    let (mut made, mut at_hand) = (0, 0);
    let mut swap = |n: usize| {
        let next = compile(n);
        if let Code::Jit(code) = &next.patch.code {
            made += code.made;
            at_hand += code.regions().len() - code.made;
        }
        control.publish(&next, None).expect("a swap of code");
        // Longer than a fade.
        engine.process(&mut out, 2);
        engine.process(&mut out, 2);
        assert!(!control.is_pending() && out.iter().all(|x| x.is_finite()));
        while control.notice().is_some() {}
        assert_eq!(control.collect(), 1, "swap {n}");
    };
    // Until the allocator has what it needs for all programs.
    (1..600).for_each(&mut swap);
    let before = Memory::now();
    (600..600 + swaps).for_each(&mut swap);
    let after = Memory::now();
    println!("{swaps} swaps: {before:?} became {after:?}; {made} regions made, {at_hand} at hand");
    let grown = |part: fn(&Memory) -> i64| part(&after) - part(&before);
    assert!(grown(|m| m.resident) < 2048, "{before:?} became {after:?}");
    assert!(grown(|m| m.mappings) <= 4 && grown(|m| m.code) <= 256, "{before:?} became {after:?}");
    assert!(at_hand > made * 10, "code was at hand");
}
