//! `modurust doc`: what there is to build with.
//!
//! Nothing is written here: the words are the topics of [`topic`], which completion and the reference are made of as well.

use super::length::Length;
use super::tone::Folder;
use super::{Failure, play, reference, terminal, textmate};
use modurust_runtime::compiler::ide::topic::{self, PRIMITIVES, Topic};
use modurust_runtime::compiler::lang::distance;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What `doc` takes.
#[derive(clap::Args)]
pub struct Args {
    /// A node or function, such as lpf, math.sin or prim.add; or a category
    #[arg(required_if_eq("play", "true"))]
    name: Option<String>,
    /// Print the reference as Markdown: words, units, types, functions, errors, grammar
    #[arg(long, conflicts_with_all = ["name", "play"])]
    markdown: bool,
    /// Print the TextMate grammar, by which editors colour
    #[arg(long, conflicts_with_all = ["name", "play", "markdown"])]
    textmate: bool,
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

/// Explains.
pub fn run(args: &Args) -> Result<(), Failure> {
    if args.markdown {
        return terminal::print(&reference::markdown());
    }
    if args.textmate {
        let grammar = serde_json::to_string_pretty(&textmate::grammar()).map_err(Failure::outside)?;
        return terminal::print(&format!("{grammar}\n"));
    }
    let topics = topic::all();
    let Some(name) = &args.name else { return terminal::print(&overview(topics)) };
    let found = topic::find(name);
    if !found.is_empty() {
        let pages: Vec<String> = found.iter().map(|topic| page(topic)).collect();
        terminal::print(&pages.join("\n"))?;
        return if args.play { sound(args, found[0]) } else { Ok(()) };
    }
    match category(name) {
        Some(listing) => terminal::print(&listing),
        None => Err(Failure::Usage(unknown(name))),
    }
}

/// All about a name, or a category, or what might have been meant.
pub fn explain(name: &str) -> String {
    let pages: Vec<String> = topic::find(name).into_iter().map(page).collect();
    if pages.is_empty() { category(name).unwrap_or_else(|| format!("{}\n", unknown(name))) } else { pages.join("\n") }
}

fn category(name: &str) -> Option<String> {
    let of_category: Vec<&Topic> = topic::all().iter().filter(|t| t.category == *name).collect();
    (!of_category.is_empty()).then(|| listing(&of_category))
}

fn unknown(name: &str) -> String {
    let near = topic::all().iter().map(|t| t.name.as_str()).filter(|t| distance(t, name) <= 2);
    let hint = match near.take(3).collect::<Vec<_>>().as_slice() {
        [] => "`modurust doc` lists all there is".to_string(),
        names => format!("did you mean {}?", names.join(", ")),
    };
    format!("there is nothing called `{name}`: {hint}")
}

/// Plays the first example of a topic, as a file of its own.
fn sound(args: &Args, topic: &Topic) -> Result<(), Failure> {
    let Some(example) = topic.examples.first() else {
        return Err(Failure::Usage(format!("`{}` has no example to play", topic.name)));
    };
    let folder = Folder::new()?;
    play::run(&play::Args::once(folder.example(example)?, args.device.clone(), args.length))
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
