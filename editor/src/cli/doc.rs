//! `modurust doc`: what there is to build with.
//!
//! Nothing is written here: the words come from the doc comments of the standard library, from the compiler's table of functions,
//! and from the table of primitives. What is added there is found here.

use super::length::Length;
use super::{Failure, play, terminal};
use modurust_runtime::compiler::front::builtins;
use modurust_runtime::compiler::graph::ops;
use modurust_runtime::compiler::lang::ast::{Item, Param};
use modurust_runtime::compiler::lang::distance;
use modurust_runtime::compiler::lang::library::{Entry, library};
use modurust_runtime::compiler::lang::print::print_expr;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What `doc` takes.
#[derive(clap::Args)]
pub struct Args {
    /// A node or function, such as lpf, math.sin or prim.add; or a category
    #[arg(required_if_eq("play", "true"))]
    name: Option<String>,
    /// Play its first example
    #[arg(long)]
    play: bool,
    /// How long it is played: 4s, 2bars
    #[arg(long = "for", value_name = "LENGTH", default_value = "4s", requires = "play")]
    length: Length,
    /// The output, or a part of its name; `null` plays by the clock, without sound
    #[arg(long, value_name = "NAME", requires = "play")]
    device: Option<String>,
}

/// Something that can be explained.
#[derive(Clone, Debug)]
struct Topic {
    /// As it is asked for.
    name: String,
    category: String,
    signature: String,
    summary: String,
    body: String,
    examples: Vec<String>,
    /// Where it is defined.
    home: String,
}

/// The category of primitives, which players rarely need: listed by name only where all is listed.
const PRIMITIVES: &str = "primitives";

/// Explains.
pub fn run(args: &Args) -> Result<(), Failure> {
    let topics = topics();
    let Some(name) = &args.name else { return terminal::print(&overview(&topics)) };
    let found = find(&topics, name);
    if !found.is_empty() {
        let pages: Vec<String> = found.iter().map(|topic| page(topic)).collect();
        terminal::print(&pages.join("\n"))?;
        return if args.play { sound(args, found[0]) } else { Ok(()) };
    }
    let of_category: Vec<&Topic> = topics.iter().filter(|t| t.category == *name).collect();
    if !of_category.is_empty() {
        return terminal::print(&listing(&of_category));
    }
    let close = topics.iter().map(|t| t.name.as_str()).filter(|t| distance(t, name) <= 2).take(3).collect::<Vec<_>>();
    let hint = match close.as_slice() {
        [] => "`modurust doc` lists all there is".to_string(),
        names => format!("did you mean {}?", names.join(", ")),
    };
    Err(Failure::Usage(format!("there is nothing called `{name}`: {hint}")))
}

/// Plays the first example of a topic, as a file of its own.
fn sound(args: &Args, topic: &Topic) -> Result<(), Failure> {
    let Some(example) = topic.examples.first() else {
        return Err(Failure::Usage(format!("`{}` has no example to play", topic.name)));
    };
    let path = std::env::temp_dir().join(format!("modurust-example-{}.modu", std::process::id()));
    std::fs::write(&path, format!("out = {example}\n")).map_err(Failure::outside)?;
    let played = play::run(&play::Args::once(path.display().to_string(), args.device.clone(), args.length));
    // A file that is gone already is as good as removed.
    let _ = std::fs::remove_file(&path);
    played
}

/// Everything, by category and name.
fn topics() -> Vec<Topic> {
    let mut topics: Vec<Topic> = library().entries().iter().map(of_library).collect();
    topics.extend(builtins::all().map(|builtin| Topic {
        name: builtin.name.to_string(),
        category: builtin.category.to_string(),
        signature: builtin.signature.to_string(),
        summary: builtin.doc.to_string(),
        body: String::new(),
        examples: Vec::new(),
        home: "the compiler".to_string(),
    }));
    topics.extend(ops::ALL.iter().map(|op| {
        let info = op.info();
        // A primitive that players may call needs no `prim.`
        let plain = builtins::primitive(info.name).is_some();
        let name = if plain { info.name.to_string() } else { format!("prim.{}", info.name) };
        Topic {
            signature: format!("{name}({})", info.args.join(", ")),
            name,
            category: if plain { "math".to_string() } else { PRIMITIVES.to_string() },
            summary: info.doc.trim().to_string(),
            body: String::new(),
            examples: Vec::new(),
            home: "a primitive of the compiler".to_string(),
        }
    }));
    topics.sort_by(|a, b| (&a.category, &a.name).cmp(&(&b.category, &b.name)));
    topics
}

fn of_library(entry: &Entry) -> Topic {
    let doc = entry.doc();
    // Of equal names the one that is meant without a module goes by its plain name.
    let plain = library().find(entry.name).is_some_and(|first| std::ptr::eq(first, entry));
    let name = if plain { entry.name.to_string() } else { format!("{}.{}", entry.module, entry.name) };
    let params = match &*entry.stmt().item {
        Item::Def(def) => def.params.as_ref().map(|params| params.iter().map(param).collect::<Vec<_>>().join(", ")),
        _ => None,
    };
    Topic {
        signature: format!("{name}{}", params.map_or(String::new(), |params| format!("({params})"))),
        name,
        category: doc.node.as_ref().map_or(entry.module.to_string(), |(category, _)| category.clone()),
        summary: doc.summary.clone(),
        body: doc.body.clone(),
        examples: doc.examples.clone(),
        home: format!("std/{}", entry.module),
    }
}

/// A parameter as it is declared.
fn param(param: &Param) -> String {
    let mut text = param.name.name.clone();
    if let Some((ty, channels)) = &param.ty {
        let _ = write!(text, ": {}", ty.name);
        if let Some(channels) = channels {
            let _ = write!(text, "[{}]", print_expr(channels));
        }
    }
    if let Some(default) = &param.default {
        let _ = write!(text, " = {}", print_expr(default));
    }
    if let Some(range) = &param.range {
        let log = if range.log { " log" } else { "" };
        let _ = write!(text, " in {}..{}{log}", print_expr(&range.low), print_expr(&range.high));
    }
    text
}

/// What a name means: itself, or that name in its module.
fn find<'a>(topics: &'a [Topic], name: &str) -> Vec<&'a Topic> {
    let exact: Vec<&Topic> = topics.iter().filter(|t| t.name == name).collect();
    if !exact.is_empty() {
        return exact;
    }
    let (module, last) = name.rsplit_once(['.', '/']).unwrap_or(("", name));
    let home = format!("std/{}", module.trim_start_matches("std/"));
    let in_module = |t: &&Topic| t.name.rsplit('.').next() == Some(last) && (t.home == home || module == "prim");
    topics.iter().filter(in_module).collect()
}

/// All about one thing.
fn page(topic: &Topic) -> String {
    let mut out = format!("{}\n\n  {}\n", terminal::bold(&topic.signature), topic.summary);
    for line in topic.body.lines() {
        let _ = writeln!(out, "  {line}");
    }
    if !topic.examples.is_empty() {
        out.push('\n');
    }
    for example in &topic.examples {
        let _ = writeln!(out, "  ex: {example}");
    }
    let _ = writeln!(out, "\n  {}, in {}", topic.category, topic.home);
    out
}

/// Names and summaries.
fn listing(topics: &[&Topic]) -> String {
    let rows: Vec<Vec<String>> = topics.iter().map(|t| vec![format!("  {}", t.name), t.summary.clone()]).collect();
    terminal::table(&rows)
}

/// All names by category.
fn overview(topics: &[Topic]) -> String {
    let mut categories: BTreeMap<&str, Vec<&Topic>> = BTreeMap::new();
    for topic in topics {
        categories.entry(&topic.category).or_default().push(topic);
    }
    let primitives = categories.remove(PRIMITIVES).unwrap_or_default();
    let mut out = String::new();
    for (category, topics) in categories {
        let _ = writeln!(out, "{}\n{}", terminal::bold(category), listing(&topics));
    }
    let _ = writeln!(out, "{}, of which the library is made", terminal::bold(PRIMITIVES));
    let mut line = String::from(" ");
    for topic in primitives {
        if line.len() + topic.name.len() > 98 {
            let _ = writeln!(out, "{line}");
            line = String::from(" ");
        }
        let _ = write!(line, " {}", topic.name);
    }
    let _ = writeln!(out, "{line}\n\n`modurust doc NAME` explains one of them.");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_pages() {
        let topics = topics();
        let one = |name: &str| {
            let found = find(&topics, name);
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            found[0].clone()
        };
        let lpf = one("lpf");
        assert!(lpf.signature.starts_with("lpf(x, freq: hz = 1khz in 20hz..20khz log"), "{}", lpf.signature);
        assert!(!lpf.examples.is_empty() && lpf.home == "std/filter");
        assert_eq!(one("filter.lpf").name, "lpf");
        assert_eq!(one("std/filter.lpf").name, "lpf");
        assert_eq!(one("sin").category, "osc");
        assert_eq!(one("math.sin").home, "std/math");
        assert_eq!(one("prim.add").category, PRIMITIVES);
        assert_eq!(one("every").home, "the compiler");
        assert!(find(&topics, "nothing_of_the_kind").is_empty());
    }

    #[test]
    fn everything_has_a_summary_and_a_name_of_its_own() {
        let topics = topics();
        for topic in &topics {
            assert!(!topic.summary.is_empty(), "{} has no summary", topic.name);
        }
        // A sound and a function over patterns may share a name (`echo`): what comes in decides, and both are told.
        let of_patterns = |t: &Topic| matches!(t.category.as_str(), "patterns" | "harmony");
        let mut names: Vec<(&str, bool)> = topics.iter().map(|t| (t.name.as_str(), of_patterns(t))).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "two topics share a name");
    }
}
