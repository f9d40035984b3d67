//! Wakes a thread of the control side when there is something for it to do.
//!
//! Whoever sends what leaves looks for it once a millisecond while there is something that leaves, and sleeps otherwise: until somebody
//! rings, or it is time to look for ports. The audio side never rings, since that would be a call of the system: it is the control side that
//! knows first when a program leaves anything.

use modurust_compiler::graph::OutKind;
use modurust_compiler::program::{Program, Wire};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A bell, and whether there is something that leaves by MIDI.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
    program: AtomicBool,
    others: AtomicU32,
}

/// True if a program sends anything by MIDI.
fn speaks(program: &Program) -> bool {
    let by_midi = |wire: &Wire| !matches!(wire, Wire::Osc { .. });
    let unit = |unit: &modurust_compiler::program::Unit| unit.outlet.as_ref().is_some_and(|out| by_midi(&out.wire));
    program.units.iter().any(unit) || program.patch.graph.outs.iter().any(|out| matches!(out.kind, OutKind::Leaves(_)))
}

impl Bell {
    /// Wakes whoever waits, or lets the next that would wait go on.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_all();
    }

    /// Waits until somebody rings, or so long.
    pub fn wait(&self, patience: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.heard.wait_timeout_while(rung, patience, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }

    /// A program is on its way to the engine.
    pub fn comes(&self, program: &Program) {
        if self.program.swap(speaks(program), Ordering::Relaxed) != speaks(program) {
            self.ring();
        }
    }

    /// Somebody else sends by MIDI from now on, or no longer.
    pub fn speaks(&self, on: bool) {
        match on {
            true => drop(self.others.fetch_add(1, Ordering::Relaxed)),
            false => drop(self.others.fetch_sub(1, Ordering::Relaxed)),
        }
        self.ring();
    }

    /// True if something may leave by MIDI.
    pub fn is_busy(&self) -> bool {
        self.program.load(Ordering::Relaxed) || self.others.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn whoever_waits_is_woken_and_a_ring_before_is_not_lost() {
        let bell = std::sync::Arc::new(Bell::default());
        let (begin, long) = (Instant::now(), Duration::from_secs(60));
        bell.ring();
        bell.wait(long);
        let other = std::sync::Arc::clone(&bell);
        let thread = std::thread::spawn(move || other.wait(long));
        std::thread::sleep(Duration::from_millis(20));
        bell.speaks(true);
        thread.join().expect("an end");
        assert!(begin.elapsed() < Duration::from_secs(30) && bell.is_busy());
        bell.speaks(false);
        assert!(!bell.is_busy());
    }
}
