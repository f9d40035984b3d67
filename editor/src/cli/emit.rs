//! `modurust check --emit`: the stages of the compiler as text.
//!
//! | stage | is |
//! |---|---|
//! | `ast` | the tree of each statement |
//! | `graph` | the graph as elaborated, before any rewrite |
//! | `schedule` | regions, after the rewrites: the shape of the loop, its lanes, operations per frame (estimated), code, and what is computed |
//! | `clif` | the intermediate code of every region, before anything depends on the machine |
//! | `asm` | the machine code of every region, as it runs |
//! | `score` | tempo, sequenced units, and the onsets of their first cycles |

use super::Failure;
use super::measure;
use super::terminal;
use super::work::Work;
use clap::ValueEnum;
use modurust_runtime::compiler::codegen::{self, isa::Isa, jit::RegionCode};
use modurust_runtime::compiler::exec::{self, Code};
use modurust_runtime::compiler::front::{self, Compiler, Elaborated};
use modurust_runtime::compiler::graph::check::check;
use modurust_runtime::compiler::graph::text;
use modurust_runtime::compiler::lang::{Diagnostic, Source, parse};
use modurust_runtime::compiler::lang::{FileId, Stmt};
use modurust_runtime::compiler::passes::{optimise, pack::pack};
use modurust_runtime::compiler::program::{FieldSource, Patch, Unit, UnitKind};
use modurust_runtime::compiler::schedule;
use modurust_runtime::compiler::score::{self, EventBuf, Ratio};
use modurust_runtime::world::FileWorld;
use std::fmt::Write;
use std::sync::Arc;

/// A stage of the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// The tree of each statement
    Ast,
    /// The graph as elaborated
    Graph,
    /// Regions and what they compute
    Schedule,
    /// Intermediate code
    Clif,
    /// Machine code
    Asm,
    /// Patterns and what they drive
    Score,
}

/// Cycles of which the onsets are listed.
const CYCLES: i64 = 4;

/// Prints a stage of a session, as far as its text can be understood, and hands on what is wrong with it.
pub fn emit(
    compiler: &mut Compiler,
    work: &Work,
    stage: Stage,
    profile: bool,
) -> Result<(Vec<Diagnostic>, Vec<Source>), Failure> {
    let (shown, diagnostics, sources) = of_files(compiler, work.world(), &work.roots, stage, profile)?;
    terminal::print(&shown)?;
    Ok((diagnostics, sources))
}

/// A stage as text, as far as the files can be understood.
pub fn of_files(
    compiler: &mut Compiler,
    world: &FileWorld,
    roots: &[String],
    stage: Stage,
    profile: bool,
) -> Result<(String, Vec<Diagnostic>, Vec<Source>), Failure> {
    let passes = compiler.options().passes;
    let (elaborated, diagnostics, sources) = compiler.elaborate(world, roots);
    if stage == Stage::Ast {
        return Ok((tree(&sources), diagnostics, sources));
    }
    let Some(elaborated) = elaborated else { return Ok((String::new(), diagnostics, sources)) };
    let shown = match stage {
        Stage::Ast => String::new(),
        Stage::Graph => text::print(&elaborated.graph),
        Stage::Score => score_text(&elaborated),
        Stage::Schedule | Stage::Clif | Stage::Asm => {
            let invalid = |errors: Vec<_>| Failure::because(format!("the graph is not valid: {errors:?}"));
            check(&elaborated.graph).map_err(invalid)?;
            let graph = pack(&optimise(&elaborated.graph, passes), passes).graph;
            let info = check(&graph).map_err(invalid)?;
            let schedule = schedule::schedule(&graph, &info, Isa::chosen());
            if stage == Stage::Clif {
                codegen::text(&schedule.graph, &schedule).map_err(|why| Failure::because(format!("no code: {why}")))?
            } else {
                let profile = profile && stage == Stage::Schedule;
                let regions = Regions::new(&elaborated, compiler.options(), profile)?;
                let more = |i: usize| regions.about(i);
                let plan = schedule::print_with(&schedule.graph, &schedule, more);
                if stage == Stage::Asm { regions.listing(&plan) } else { format!("{}\n{plan}", text::print(&graph)) }
            }
        }
    };
    Ok((shown, diagnostics, sources))
}

/// What is known of the regions of a program.
struct Regions {
    patch: Arc<Patch>,
    code: Vec<RegionCode>,
    /// Nanoseconds per frame of each, if they were measured.
    cost: Option<Vec<f64>>,
}

impl Regions {
    fn new(elaborated: &Elaborated, options: &front::Options, profile: bool) -> Result<Regions, Failure> {
        let front::Options { sample_rate, passes, backend, verify, .. } = *options;
        let patch = exec::compile(&elaborated.graph, &exec::Options { sample_rate, passes, backend, verify });
        let patch = Arc::new(patch.map_err(|why| Failure::because(format!("no code: {why}")))?);
        let Code::Jit(code) = &patch.code else { return Err(Failure::because("no code: it is interpreted")) };
        let cost = profile.then(|| measure::regions(Arc::clone(&patch), code.regions().len()));
        let code = code.regions().to_vec();
        Ok(Regions { patch, code, cost })
    }

    /// The machine code under the line of each region; `plan` has a line for each.
    fn listing(&self, plan: &str) -> String {
        let Code::Jit(code) = &self.patch.code else { return String::new() };
        let (graph, layout) = (&self.patch.graph, &self.patch.layout);
        let state = |bytes: u32| {
            let word = bytes / 4;
            let cells = layout.cells.iter().zip(&graph.cells);
            let (start, cell) = cells.filter(|(start, _)| **start <= word).max_by_key(|(start, _)| **start)?;
            let lane = word - start;
            let path = graph.path(cell.frame);
            (lane < cell.lanes.max(1)).then(|| match cell.lanes {
                0 | 1 => format!("{path}/{}", cell.name),
                _ => format!("{path}/{}[{lane}]", cell.name),
            })
        };
        let mut out = String::from(
            "; rdi: the quantum, rsi: state, rdx: buffers, rcx and r8: frames that are done; > is jumped to\n",
        );
        for (i, line) in plan.lines().take(self.code.len()).enumerate() {
            let _ = writeln!(out, "\n; region {line}");
            // Cranelift gives registers as it likes.
            let names = |bytes: u32| if self.code[i].vectors { state(bytes) } else { None };
            out.push_str(&codegen::listing::listing(code.code(i), &names));
        }
        out
    }

    /// ` ns 1.25 code avx2 340 bytes`
    fn about(&self, i: usize) -> String {
        let cost = self.cost.as_ref().map_or(String::new(), |cost| format!(" ns {:.2}", cost[i]));
        let RegionCode { vectors, bytes } = self.code[i];
        let by = if vectors { Isa::chosen().name() } else { "cranelift" };
        format!("{cost} code {by} {bytes} bytes")
    }
}

/// The trees of all files of the session.
fn tree(sources: &[Source]) -> String {
    let mut out = String::new();
    for (i, source) in sources.iter().enumerate() {
        let _ = writeln!(out, "file {}", source.name);
        for Stmt { offset, item, .. } in &parse(FileId(i as u32), source).stmts {
            let (line, _) = source.position(*offset);
            let _ = write!(out, "line {line} {}", super::tree::item(item));
        }
    }
    out
}

fn score_text(elaborated: &Elaborated) -> String {
    let mut out = String::new();
    let timing = &elaborated.timing;
    let fraction = |r: Ratio| format!("{}/{}", r.num(), r.den());
    let _ = writeln!(out, "tempo {} beats {}", fraction(timing.bpm), fraction(timing.beats_per_bar));
    for unit in &elaborated.units {
        let _ = writeln!(out, "{}", unit_text(elaborated, unit));
        let mut buffer = EventBuf::new(65_536);
        elaborated.score.query(unit.pattern, Ratio::ZERO, Ratio::int(CYCLES), &mut buffer);
        let mut onsets: Vec<_> = buffer.onsets().collect();
        onsets.sort_by_key(|e| (e.whole, e.source));
        for event in onsets {
            let _ = write!(out, "  {} {} ", fraction(event.whole.0), fraction(event.whole.1));
            let _ = write!(out, "{}", score::event_text(&elaborated.score, event));
            for field in (0..score::MAX_FIELDS as u8).map(score::FieldId) {
                if let Some(value) = event.field(field) {
                    let _ = write!(out, " {} {value}", elaborated.score.field_name(field));
                }
            }
            out.push('\n');
        }
        if buffer.lost() > 0 {
            let _ = writeln!(out, "  and {} more", buffer.lost());
        }
    }
    out
}

fn unit_text(elaborated: &Elaborated, unit: &Unit) -> String {
    let kind = match unit.kind {
        UnitKind::Poly => "poly",
        UnitKind::Mono => "mono",
        UnitKind::Hold => "hold",
    };
    let mut line = format!("unit {} {kind} voices {}", unit.path, unit.voices);
    let word = |sym| elaborated.score.word(sym);
    if let Some(sym) = unit.word {
        let _ = write!(line, " word {}", word(sym));
    }
    if let Some(sym) = unit.choke {
        let _ = write!(line, " choke {}", word(sym));
    }
    if unit.mpe {
        line.push_str(" mpe");
    }
    for field in &unit.fields {
        let name = match field.source {
            FieldSource::Freq => "freq",
            FieldSource::Gate => "gate",
            FieldSource::Frames => "frames",
            FieldSource::Bar => "bar",
            FieldSource::Beat => "beat",
            FieldSource::Vel => "vel",
            FieldSource::Value => "value",
            FieldSource::Press => "press",
            FieldSource::Slide => "slide",
            FieldSource::Bend => "bend",
            FieldSource::Step(_) => "step",
            FieldSource::Named(id) => elaborated.score.field_name(id),
        };
        let _ = write!(line, " {name} {}", field.default);
    }
    line
}
