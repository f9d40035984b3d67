//! For every clause of `CONTRACT.md` a check, the engine that keeps it, and a planted violation that the same check must find. A check that
//! finds nothing wrong with what is wrong would be worth nothing.
//!
//! A file per clause: `holds` judges the engine, `planted` judges something that breaks the clause, mostly a callback that does what the
//! engine does and one thing more ([`Callback`]). Here all of them are run, and the table is compared with the contract, so that no clause
//! is without one.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "../common/mod.rs"]
mod common;
mod rt01_allocation;
mod rt02_lock;
mod rt03_system_call;
mod rt04_work;
mod rt05_panic;
mod rt06_subnormals;
mod rt07_no_number;
mod rt08_swap_cost;
mod rt09_swap_gap;
mod rt10_hand_over;
mod rt11_blocks;
mod rt12_events;
mod rt13_pages;
#[expect(clippy::duplicate_mod, reason = "one file under two sets of atomics")]
mod strict;
#[expect(clippy::duplicate_mod, reason = "one file under two sets of atomics")]
mod weak;

use common::counting::Counting;
use common::{RATE, dense, song};
use modurust_runtime::compiler::program::Program;
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::swap::Control;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a check says: what is wrong, if anything is.
type Verdict = Result<(), String>;

/// What a device calls: fills a block of two channels.
type Callback<'a> = &'a mut dyn FnMut(&mut Engine, &mut [f32]);

/// What the engine does, and no more.
fn honest(engine: &mut Engine, out: &mut [f32]) {
    engine.process(out, 2);
}

/// An engine, and whoever edits what it plays.
struct Played {
    engine: Engine,
    control: Control,
    programs: Vec<Program>,
    edits: usize,
}

impl Played {
    fn new() -> Played {
        Played::of(vec![song(100.0), dense(false), song(200.0), dense(true)])
    }

    fn of(programs: Vec<Program>) -> Played {
        let (engine, control, _) =
            Engine::new(&EngineOptions::new(RATE), programs.first().cloned()).expect("an engine at its rate");
        engine.warm();
        Played { engine, control, programs, edits: 0 }
    }

    /// The next program.
    fn edit(&mut self) {
        self.edits += 1;
        self.control.publish(&self.programs[self.edits % self.programs.len()], None);
        self.control.collect();
        while self.control.notice().is_some() {}
    }
}

macro_rules! clauses {
    ($($id:literal $module:ident)*) => {
        const CLAUSES: &[&str] = &[$($id),*];

        mod holds {
            $(#[test] fn $module() { super::$module::holds().unwrap(); })*
        }

        mod caught {
            $(#[test] fn $module() {
                let verdict = super::$module::planted();
                println!("{}: {verdict:?}", $id);
                assert!(verdict.is_err(), "the planted violation was not found");
            })*
        }
    };
}

clauses! {
    "RT1" rt01_allocation
    "RT2" rt02_lock
    "RT3" rt03_system_call
    "RT4" rt04_work
    "RT5" rt05_panic
    "RT6" rt06_subnormals
    "RT7" rt07_no_number
    "RT8" rt08_swap_cost
    "RT9" rt09_swap_gap
    "RT10" rt10_hand_over
    "RT11" rt11_blocks
    "RT12" rt12_events
    "RT13" rt13_pages
}

#[test]
fn every_clause_of_the_contract_is_here() {
    let contract = include_str!("../../CONTRACT.md");
    let rows = contract.lines().filter_map(|line| line.strip_prefix("| RT"));
    let ids: Vec<String> = rows.map(|row| format!("RT{}", row.split(' ').next().unwrap_or(""))).collect();
    assert_eq!(ids, CLAUSES);
}
