//! Looking inside of what plays: types, graph, code, state, levels, load, memory.

use super::live::Live;
use crate::cli::emit::{self, Stage};
use crate::cli::terminal;
use modurust_runtime::compiler::exec;
use modurust_runtime::compiler::graph::QUANTUM;
use modurust_runtime::compiler::graph::state::Piece;
use modurust_runtime::compiler::lang::{Source, diag};
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long levels are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Cells of a level's bar.
const CELLS: usize = 24;

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

    /// The graph, or code, of the text.
    pub fn stage(&mut self, code: bool) -> String {
        let stage = if code { Stage::Clif } else { Stage::Graph };
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
        let mut out = String::new();
        let parts: [(&str, &[Piece]); 4] =
            [("kept", &report.kept), ("moved", &report.moved), ("made", &report.made), ("dropped", &report.dropped)];
        for (word, pieces) in parts {
            let _ = writeln!(out, "{word}: {}", pieces.len());
            for piece in pieces.iter().take(20) {
                let _ = writeln!(out, "  {} ({})", piece.key, piece.kind);
            }
            if pieces.len() > 20 {
                let _ = writeln!(out, "  and {} more", pieces.len() - 20);
            }
        }
        out
    }

    /// Levels of the outputs over a moment.
    pub fn scope(&self, name: &str) -> String {
        let Some(program) = self.program() else { return "nothing plays\n".into() };
        let outs: Vec<(usize, String)> =
            program.patch.graph.outs.iter().map(|o| o.name.to_string()).enumerate().collect();
        let wanted: Vec<&(usize, String)> = outs.iter().filter(|(_, o)| name.is_empty() || o == name).collect();
        if wanted.is_empty() {
            let names: Vec<&str> = outs.iter().map(|(_, o)| o.as_str()).collect();
            return format!("`{name}` is no output: there are {}\n", names.join(", "));
        }
        let mut peaks = vec![[0f32; 2]; wanted.len()];
        let begin = Instant::now();
        while begin.elapsed() < LOOK {
            std::thread::sleep(Duration::from_millis(10));
            for (peaks, (out, _)) in peaks.iter_mut().zip(&wanted) {
                let reading = self.session.meters().take(*out);
                for (peak, new) in peaks.iter_mut().zip(reading.peak) {
                    *peak = peak.max(new);
                }
            }
        }
        let rows = wanted.iter().zip(&peaks).map(|((out, name), peaks)| {
            let rms = self.session.meters().take(*out).rms;
            let bar = |peak: f32| {
                let full =
                    ((20.0 * peak.max(1e-9).log10() + 48.0) / 48.0 * CELLS as f32).clamp(0.0, CELLS as f32) as usize;
                format!("[{}{}]", "#".repeat(full), " ".repeat(CELLS - full))
            };
            let rms = (rms[0].max(rms[1])).abs();
            vec![
                name.clone(),
                bar(peaks[0]),
                bar(peaks[1]),
                terminal::decibels(peaks[0].max(peaks[1])),
                format!("rms {}", terminal::decibels(rms)),
            ]
        });
        terminal::table(&rows.collect::<Vec<_>>())
    }

    /// How busy the machine is.
    pub fn load(&self) -> String {
        let stats = self.running.stats();
        format!(
            "load {:.1}% of a core, at most {:.1}% in a block; {} deadlines missed, {} blocks too late, {} events lost\n",
            stats.load * 100.0,
            stats.peak_load * 100.0,
            stats.xruns,
            stats.overloads,
            self.session.meters().lost.load(Ordering::Relaxed)
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
