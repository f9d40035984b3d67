//! Swaps leave nothing behind: neither code, nor mappings, nor memory. Alone in its binary, since it measures the process.
//!
//! The suite swaps some thousand times. For a hundred thousand: `SWAPS=100000 cargo test --release -p modurust-runtime --test memory`.
#![cfg(target_os = "linux")]

use modurust_runtime::compiler::exec::{Backend, Code};
use modurust_runtime::compiler::front::{Compiler, Options, World};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::engine::{Engine, EngineOptions};

const RATE: u32 = 48_000;

struct Text(String);

impl World for Text {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

/// What the process has: resident memory in KiB, mappings, KiB that can be executed.
fn memory() -> [i64; 3] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    let resident = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let executable =
        maps.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|flags| flags.contains('x')));
    let length = |line: &str| {
        let (begin, end) = line.split_whitespace().next()?.split_once('-')?;
        Some(i64::from_str_radix(end, 16).ok()? - i64::from_str_radix(begin, 16).ok()?)
    };
    [resident, maps.lines().count() as i64, executable.filter_map(length).sum::<i64>() / 1024]
}

/// More programs than finished patches are kept, so that every swap has code put together anew. They keep and lose state and delays.
fn text(n: usize) -> String {
    let delay = if n.is_multiple_of(3) { " >> delay(100ms) * 0.5" } else { "" };
    format!("out = sin({}hz){}{delay} * 0.1\n", 200 + n, " >> lpf(2khz)".repeat(n % 4))
        + &format!("track t = saw(55hz){} * 0.1", " >> softclip".repeat(n % 5))
}

#[test]
fn swaps_leave_nothing_behind() {
    let swaps: usize = std::env::var("SWAPS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let options = Options { sample_rate: RATE, passes: Passes::Fast, backend: Backend::Jit, seed: 0, verify: false };
    let mut compiler = Compiler::new(options);
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
    let before = memory();
    (600..600 + swaps).for_each(&mut swap);
    let after = memory();
    let grown = [0, 1, 2].map(|i| after[i] - before[i]);
    println!(
        "{swaps} swaps: {before:?} became {after:?} (KiB resident, mappings, KiB of code); {made} regions made, {at_hand} at hand"
    );
    assert!(grown[0] < 2048, "{before:?} became {after:?}");
    assert!(grown[1] <= 4 && grown[2] <= 256, "{before:?} became {after:?}");
    assert!(at_hand > made * 10, "code was at hand");
}
