//! Looking inside of what plays: types, graph, code, state, load, memory. What can be seen of the sound is in [`super::scope`].

use super::live::Live;
use crate::cli::emit::{self, Stage};
use crate::cli::{plan, terminal};
use modurust_runtime::compiler::exec;
use modurust_runtime::compiler::graph::QUANTUM;
use modurust_runtime::compiler::lang::{Source, diag};
use std::sync::atomic::Ordering;

impl Live {
    /// `:t saw(55hz)`
    pub fn type_of(&mut self, text: &str) -> String {
        let world = self.world();
        let (found, diagnostics) = self.compiler.describe(&world, &self.roots, text);
        match found {
            Some(found) => format!("{found}\n"),
            None => diag::render(&diagnostics, &[Source::new(":t", text)], terminal::colour_out()),
        }
    }

    /// The machine code of the text, or only regions that speak of something.
    pub fn code(&mut self, word: &str) -> String {
        let text = self.stage(Stage::Asm);
        let (head, regions) = text.split_once("\n\n").unwrap_or((&text, ""));
        let found: Vec<&str> = regions.split("\n\n").filter(|region| region.contains(word)).collect();
        match (word, found.is_empty()) {
            ("", _) => text,
            (_, true) => format!("no region has state of `{word}`; `:asm` shows all\n"),
            (_, false) => format!("{head}\n\n{}\n", found.join("\n\n").trim_end()),
        }
    }

    /// A stage of the compiler.
    pub fn stage(&mut self, stage: Stage) -> String {
        let world = self.world();
        match emit::of_files(&mut self.compiler, &world, &self.roots, stage, false) {
            Ok((text, diagnostics, sources)) if text.is_empty() => {
                diag::render(&diagnostics, &sources, terminal::colour_out())
            }
            Ok((text, ..)) => text,
            Err(_) => "this text makes no code\n".into(),
        }
    }

    /// What became of state in the last change of code.
    pub fn plan(&self) -> String {
        let Some(report) = self.session.snapshot().report else {
            return "no code has changed yet\n".into();
        };
        plan::text(&report, 20)
    }

    /// How busy the machine is.
    pub fn load(&self) -> String {
        let stats = self.running.stats();
        format!(
            "load {:.1}% of a core, at most {:.1}% in a block; {} deadlines missed, {} blocks too late, {} events lost; at most {:.0} operations a frame\n",
            stats.load * 100.0,
            stats.peak_load * 100.0,
            stats.xruns,
            stats.overloads,
            self.session.meters().lost.load(Ordering::Relaxed),
            self.program().map_or(0.0, |program| program.patch.work as f64 / QUANTUM as f64)
        )
    }

    /// What the patch needs.
    pub fn memory(&self) -> String {
        let Some(program) = self.program() else { return "nothing plays\n".into() };
        let patch = &program.patch;
        let kib = |words: usize| words as f64 * 4.0 / 1024.0;
        let rings: usize = patch.graph.rings.iter().map(|r| exec::padded(r.lanes.max(1)) * r.capacity as usize).sum();
        format!(
            "state {:.1} KiB, delay lines {:.1} KiB, buffers {:.1} KiB; {} nodes, {} parameters, quanta of {QUANTUM} frames\n",
            kib(patch.layout.state_words),
            kib(rings),
            kib(patch.layout.buffer_words),
            patch.graph.nodes.len(),
            patch.graph.params.len()
        )
    }
}
