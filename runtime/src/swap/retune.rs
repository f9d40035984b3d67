//! From one sample rate to another, while nobody runs the engine.
//!
//! A program is made for one rate, so a device that has another needs the program again. It goes in like an edit: cells, voices, parameters, launches
//! and the position in the bar go over. What is measured in samples begins anew, which is what lies in delay lines: echoes, reverbs and loops.

use super::{Active, Body, Control, Parcel, Performance, map_of, plan};
use crate::bridge::Bridge;
use crate::command::ChangeKind;
use crate::engine::Engine;
use crate::launcher::Launcher;
use modurust_compiler::program::Program;

impl Control {
    /// Brings an engine to the rate of a program, which plays from the next quantum on. Every command that was sent is carried out before; a program that waits is
    /// called back. The number of the program. May allocate: the engine must not be in a callback.
    pub fn retune(&mut self, engine: &mut Engine, program: &Program) -> u64 {
        engine.obey_all();
        let (wishes, _) = self.call_back(program);
        // What lies there is of the other rate.
        self.left = Default::default();
        self.counter += 1;
        let epoch = self.counter;
        let map = map_of(&self.base, program);
        let bridge = Bridge::between(&self.base, self.base_epoch, program, &map.params);
        let mut plan = plan(&self.base, program, map);
        plan.rings.clear();
        plan.pours.clear();
        let next = Box::new(Active::new(program.clone(), epoch, &[]));
        (self.seen, self.seen_next) = (next.params.seen(), None);
        let body = Body::Replace(next, plan);
        let performance = Performance { launcher: Box::new(Launcher::new(&program.timeline, 0)), tempo: true };
        engine.retune(Parcel {
            epoch,
            kind: ChangeKind::Code,
            body,
            bridge,
            due: true,
            wishes,
            performance: Some(performance),
            apart: None,
        });
        self.mailbox.store(None);
        (self.base, self.base_epoch) = (program.clone(), epoch);
        self.collect();
        epoch
    }
}
