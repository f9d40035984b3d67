//! `modurust bench --nodes`: what each node of the library costs by itself.
//!
//! A node is measured at work, in the first example of its documentation, so what is measured is what the library says and
//! nothing can drift. Where the example feeds it (`saw(110hz) * 0.5 >> lpf(800hz)`) what feeds it is measured alone as
//! well and taken off. Numbers of an example are parameters, as in a player's text. There is no engine around: code
//! runs quantum by quantum, a second at a time, and the least of several seconds counts. What is asleep, as a voice whose
//! envelope has ended, costs nothing, here as on the stage.
//!
//! Behind the table stands what the library as a whole costs: to read all of it, which no text needs, and to compile a text that uses
//! none of it.
//!
//! Instead of the library, names and expressions can be measured: `modurust bench --nodes lpf 'saw(110hz) >> fold'`.

use super::measure::cpu;
use super::tone::Folder;
use super::work::{self, Work};
use super::{Failure, terminal};
use modurust_runtime::compiler::exec::Instance;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::graph::{QUANTUM, SampleId};
use modurust_runtime::compiler::ide::topic;
use modurust_runtime::compiler::lang::library::library;
use modurust_runtime::compiler::program::Program;
use serde::Serialize;
use std::sync::Arc;

/// Seconds of sound, of which the cheapest counts.
const RUNS: usize = 7;

/// What is found for one node. Nanoseconds of the processor per frame.
#[derive(Serialize)]
struct Cost {
    node: String,
    category: String,
    example: String,
    /// Of the whole example.
    example_ns: f64,
    /// Of what feeds the node in it.
    source_ns: f64,
    /// What is left for the node, and whatever stands behind it.
    ns: f64,
    /// From the text to code, in milliseconds.
    compile_ms: f64,
}

/// Measures the named nodes and expressions, or every entry of the library.
pub fn run(names: &[String], rate: u32, json: bool) -> Result<(), Failure> {
    let folder = Folder::new()?;
    let whole = if names.is_empty() && !json { Some(whole(&folder, rate)?) } else { None };
    let wanted = if names.is_empty() {
        library().entries().iter().map(|entry| format!("{}.{}", entry.module, entry.name)).collect()
    } else {
        names.to_vec()
    };
    let mut rows =
        vec![["node", "category", "ns/frame", "example", "fed by", "compile ms"].map(str::to_string).to_vec()];
    for name in &wanted {
        let Some(cost) = measure(&folder, name, rate)? else { continue };
        if json {
            terminal::print_json(&cost)?;
            continue;
        }
        let ns = |ns: f64| format!("{ns:.2}");
        let compile = format!("{:.1}", cost.compile_ms);
        rows.push(vec![cost.node, cost.category, ns(cost.ns), ns(cost.example_ns), ns(cost.source_ns), compile]);
    }
    if json {
        return Ok(());
    }
    terminal::print(&terminal::table(&rows))?;
    whole.map_or(Ok(()), |line| terminal::print(&format!("\n{line}\n")))
}

/// What the whole library costs a process that has not looked at it yet.
fn whole(folder: &Folder, rate: u32) -> Result<String, Failure> {
    let ms = |begin: std::time::Duration| cpu().saturating_sub(begin).as_secs_f64() * 1e3;
    let begin = cpu();
    compile(folder, "0", rate)?;
    let none = ms(begin);
    let begin = cpu();
    let read = library().entries().iter().filter(|entry| entry.diagnostics().is_empty()).count();
    let all = ms(begin);
    Ok(format!(
        "{read} entries of the library read in {all:.1} ms; a text that uses none of them compiled cold in {none:.1} ms"
    ))
}

/// One node, or `None` if it has no example; anything that is no name is measured as it is.
fn measure(folder: &Folder, name: &str, rate: u32) -> Result<Option<Cost>, Failure> {
    let topics = topic::find(name);
    let (category, example) = match topics.first() {
        Some(topic) => match topic.examples.first() {
            Some(example) => (topic.category.clone(), example.clone()),
            None => return Ok(None),
        },
        None => ("expression".to_string(), name.to_string()),
    };
    let begin = cpu();
    let program = compile(folder, &example, rate)?;
    let compile_ms = cpu().saturating_sub(begin).as_secs_f64() * 1e3;
    let example_ns = speed(&program);
    let short = name.rsplit('.').next().unwrap_or(name);
    let fed = match topics.first().and_then(|_| source(&example, short)) {
        // What feeds a node may be a spectrum, which cannot be heard by itself.
        Some(source) => work(folder, source)?.outcome(&mut Compiler::new(work::options(rate)))?.program,
        None => None,
    };
    let source_ns = fed.as_ref().map_or(0.0, speed);
    let ns = (example_ns - source_ns).max(0.0);
    Ok(Some(Cost { node: name.to_string(), category, example, example_ns, source_ns, ns, compile_ms }))
}

/// What is piped into the first call of a name, if the example is such a pipe.
fn source<'a>(example: &'a str, name: &str) -> Option<&'a str> {
    let (at, _) = example.match_indices(" >> ").find(|(at, arrow)| {
        let rest = &example[at + arrow.len()..];
        rest.strip_prefix(name).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })?;
    let before = &example[..at];
    let depth = |open: char, close: char| before.matches(open).count() == before.matches(close).count();
    (depth('(', ')') && depth('[', ']') && depth('{', '}')).then_some(before)
}

fn work(folder: &Folder, expression: &str) -> Result<Work, Failure> {
    Work::files(&[folder.example(expression)?])
}

fn compile(folder: &Folder, expression: &str, rate: u32) -> Result<Program, Failure> {
    work(folder, expression)?.compile(&mut Compiler::new(work::options(rate)))
}

/// Nanoseconds per frame of the cheapest of several seconds.
fn speed(program: &Program) -> f64 {
    let mut instance = Instance::new(Arc::clone(&program.patch));
    for (i, memory) in program.samples.iter().enumerate() {
        instance.set_sample(SampleId(i as u32), Arc::clone(memory));
    }
    let quanta = u64::from(program.patch.sample_rate) / QUANTUM as u64;
    let second = |k: usize| {
        let begin = cpu();
        (0..quanta).for_each(|i| instance.run((k as u64 * quanta + i) * QUANTUM as u64));
        cpu().saturating_sub(begin).as_secs_f64() * 1e9 / (quanta * QUANTUM as u64) as f64
    };
    // The first second warms caches up.
    (0..=RUNS).map(second).skip(1).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn what_feeds_a_node_is_found_in_its_example() {
        assert_eq!(source("saw(110hz) * 0.5 >> lpf(800hz)", "lpf"), Some("saw(110hz) * 0.5"));
        assert_eq!(source("saw(110hz) >> onepole(5hz) >> lpf", "lpf"), Some("saw(110hz) >> onepole(5hz)"));
        assert_eq!(source("saw(110hz) >> lpf2(5hz)", "lpf"), None);
        assert_eq!(source("mix(noise >> lpf(5hz))", "lpf"), None);
        assert_eq!(source("phasor(1hz)", "phasor"), None);
    }
}
