//! `modurust bench --edit`: what an edit of a long text costs until its graph is there.
//!
//! A player changes a word and saves; then the text is read (`parse`), names, units and patterns are worked out (`check`), and the graph
//! of the whole set is written (`lower`). This is measured by kinds of edits, each made many times at other places, one after the other, so
//! that no text has been seen before. Times are time of the processor, without making code; beside them stands what the same
//! text takes a compiler that has seen nothing yet, the library being parsed.
//!
//! The places are found in the text, so any set can be measured: numbers and stages in its tracks, digits in its patterns, definitions that
//! others use. Beside the set that comes with the program, made-up ones of several shapes are measured ([`super::sets`]).

use super::Failure;
use super::measure::cpu;
use super::sets;
use super::terminal;
use super::work;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::lang::ast::Item;
use modurust_runtime::compiler::lang::dice::Dice;
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::compiler::lang::{FileId, Source, parse};
use modurust_runtime::world::FileWorld;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The set that is measured unless another is named: about five hundred lines.
const LONG: (&str, &str) = ("long.modu", include_str!("../../../benches/edit/long.modu"));
/// Edits of a kind.
const TIMES: usize = 24;
/// Compilations by new compilers.
const FRESH: usize = 9;
/// What the made-up sets are drawn from.
const SEED: u64 = 1;
/// The first line of a table.
const WHOLE: &str = "the whole text, by a new compiler";
/// The stages that a compiler tells of.
const STAGES: [&str; 3] = ["parse", "check", "lower"];

/// A statement of a text.
struct Place {
    begin: usize,
    end: usize,
    /// Its name, and what it is.
    name: String,
    track: bool,
    function: bool,
    value: bool,
}

/// The statements of a text, in order.
fn places(text: &str) -> Vec<Place> {
    let stmts = parse::parse(FileId(0), &Source::new("edit", text)).stmts;
    let end = |i: usize| stmts.get(i + 1).map_or(text.len(), |next| next.offset as usize);
    let place = |(i, stmt): (usize, &modurust_runtime::compiler::lang::Stmt)| {
        let begin = stmt.offset as usize;
        // Comments between statements belong to none.
        let code = text[begin..end(i)].lines().rev().skip_while(|l| l.trim().is_empty() || l.starts_with("//"));
        let lines = code.count();
        let length = text[begin..].split_inclusive('\n').take(lines).map(str::len).sum::<usize>();
        Place {
            begin,
            end: begin + text[begin..begin + length].trim_end().len(),
            name: stmt.item.name().map_or(String::new(), |name| name.name.clone()),
            track: matches!(&*stmt.item, Item::Strip { bus: false, .. }),
            function: matches!(&*stmt.item, Item::Def(def) if def.params.is_some()),
            value: matches!(&*stmt.item, Item::Def(def) if def.params.is_none()),
        }
    };
    stmts.iter().enumerate().map(place).collect()
}

/// A text with a piece of it exchanged.
fn with(text: &str, begin: usize, end: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..begin], &text[end..])
}

/// The nth place of a kind, round and round.
fn nth(text: &str, n: usize, is: impl Fn(&Place) -> bool) -> Option<Place> {
    let mut all: Vec<Place> = places(text).into_iter().filter(is).collect();
    if all.is_empty() { None } else { Some(all.swap_remove(n * 7 % all.len())) }
}

/// Another number in a statement: the last one that has a unit, or a plain one.
fn number(text: &str, place: &Place, n: usize) -> Option<String> {
    let own = &text[place.begin..place.end];
    let (at, token) =
        tokens(own).filter(|t| t.kind == Kind::Number).map(|t| (t.span.start as usize, t.text(own))).last()?;
    let digits = token.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let value: f64 = token[..digits].parse().ok()?;
    let begin = place.begin + at;
    Some(with(text, begin, begin + digits, &format!("{}", value * (1.0 + (n + 1) as f64 / 512.0))))
}

/// Another digit in the first pattern of a statement.
fn note(text: &str, place: &Place, n: usize) -> Option<String> {
    let from = place.begin + text[place.begin..place.end].find('"')? + 1;
    let length = text[from..place.end].find('"')?;
    let at = from + text[from..from + length].find(|c: char| c.is_ascii_digit() && c != '0')?;
    let digit = text[at..].chars().next()?.to_digit(10)?;
    // Every time round a digit that was not there.
    Some(with(text, at, at + 1, &format!("{}", 1 + (digit as usize + n / 7) % 9)))
}

/// Whole words of a name, renamed wherever they stand.
fn renamed(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for token in tokens(text).filter(|t| t.kind == Kind::Word && t.text(text) == from) {
        out += &text[at..token.span.start as usize];
        out += to;
        at = token.span.end as usize;
    }
    out + &text[at..]
}

/// How many statements speak of a name.
fn users(text: &str, name: &str) -> usize {
    places(text).iter().filter(|p| tokens(&text[p.begin..p.end]).any(|t| t.text(&text[p.begin..p.end]) == name)).count()
}

/// The function that most statements speak of.
fn common(text: &str) -> Option<Place> {
    places(text).into_iter().filter(|p| p.function).max_by_key(|p| users(text, &p.name))
}

/// A session's setting at another number: where it stands, or in a statement of its own.
fn set(text: &str, name: &str, value: &str) -> Option<String> {
    let known = |p: &&Place| text[p.begin..p.end].split(' ').next() == Some(name);
    let all = places(text);
    let (begin, end) = all.iter().find(known).map_or((0, 0), |p| (p.begin, p.end));
    let new = format!("{name} {value}{}", if end > 0 { "" } else { "\n" });
    Some(with(text, begin, end, &new))
}

type Edit = fn(&str, usize) -> Option<String>;

/// A kind of edit: what comes before it, unmeasured, and itself.
const KINDS: &[(&str, Option<Edit>, Edit)] = &[
    ("a number in a track", None, |t, n| nth(t, n, |p| p.track).and_then(|p| number(t, &p, n))),
    ("a note in a pattern", None, |t, n| {
        let digit = |p: &Place| note(t, p, n).is_some() && (p.track || p.value);
        nth(t, n, digit).and_then(|p| note(t, &p, n))
    }),
    ("a stage added", None, |t, n| {
        nth(t, n, |p| p.track).map(|p| with(t, p.end, p.end, &format!(" >> lpf({}hz)", 9000 + n)))
    }),
    (
        "a stage removed",
        Some(|t, n| nth(t, n, |p| p.track).map(|p| with(t, p.end, p.end, &format!(" >> hpf({}hz)", 20 + n)))),
        |t, n| {
            let at = t.find(&format!(" >> hpf({}hz)", 20 + n))?;
            // A word of another kind, so that this text was not there before.
            let end = at + format!(" >> hpf({}hz)", 20 + n).len();
            Some(with(t, at, end, " * 1"))
        },
    ),
    ("a track added", None, |t, n| {
        nth(t, n, |p| p.track)
            .map(|p| with(t, p.end, p.end, &format!("\ntrack new{n} = saw({}hz) >> lpf(900hz) * -30db", 50 + n)))
    }),
    ("a track removed", None, |t, n| {
        nth(t, n, |p| p.track && users(t, &p.name) == 1).map(|p| with(t, p.begin, p.end, ""))
    }),
    ("a statement moved", None, |t, n| {
        let all: Vec<Place> = places(t).into_iter().filter(|p| p.track).collect();
        let (a, b) = (all.get(n % (all.len().max(2) - 1))?, all.get(n % (all.len().max(2) - 1) + 1)?);
        let (first, second) = (&t[a.begin..a.end], &t[b.begin..b.end]);
        Some(format!("{}{second}{}{first}{}", &t[..a.begin], &t[a.end..b.begin], &t[b.end..]))
    }),
    ("a comment", None, |t, n| nth(t, n, |p| p.track).map(|p| with(t, p.begin, p.begin, &format!("// Word {n}.\n")))),
    ("a binding renamed", None, |t, n| {
        nth(t, n, |p| p.value && users(t, &p.name) > 1).map(|p| renamed(t, &p.name, &format!("{}_{n}", p.name)))
    }),
    ("a number in the function that most use", None, |t, n| common(t).and_then(|p| number(t, &p, n))),
    ("the tempo", None, |t, n| set(t, "tempo", &format!("{}bpm", 101 + n))),
    ("the meter", None, |t, n| set(t, "meter", &format!("{}/4", 3 + n))),
    ("the swing", None, |t, n| set(t, "swing", &format!("{}%", 51 + n))),
    ("the seed", None, |t, n| set(t, "seed", &format!("{}", 101 + n))),
    ("an error put in", None, |t, n| match t.contains("nothing_of_this_name") {
        true => Some(t.replace(" >> nothing_of_this_name", " * 0.5")),
        false => nth(t, n, |p| p.track).map(|p| with(t, p.end, p.end, " >> nothing_of_this_name")),
    }),
    (
        "an error mended",
        Some(|t, n| nth(t, n, |p| p.track).map(|p| with(t, p.end, p.end, " >> nothing_of_this_name"))),
        |t, n| Some(t.replace(" >> nothing_of_this_name", &format!(" * 0.{}", 101 + n))),
    ),
];

/// Milliseconds of the stages, and of all.
type Times = [f64; 4];

/// A compiler, and a clock that is read at the end of each stage.
struct Bench {
    compiler: Compiler,
    clock: Arc<Mutex<Vec<(&'static str, Duration)>>>,
}

impl Bench {
    fn new(rate: u32) -> Bench {
        let clock = Arc::new(Mutex::new(Vec::new()));
        let mut compiler = Compiler::new(work::options(rate));
        let shared = Arc::clone(&clock);
        compiler.watch(move |stage| shared.lock().unwrap_or_else(PoisonError::into_inner).push((stage, cpu())));
        Bench { compiler, clock }
    }

    fn run(&mut self, world: &FileWorld, file: &str) -> Times {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let begin = cpu();
        let made = self.compiler.elaborate(world, &[file.to_string()]);
        let mut times = [0.0; 4];
        times[3] = (cpu() - begin).as_secs_f64() * 1e3;
        drop(made);
        let mut last = begin;
        for &(stage, at) in self.clock.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(i) = STAGES.iter().position(|known| *known == stage) {
                times[i] += (at - last).as_secs_f64() * 1e3;
            }
            last = at;
        }
        times
    }
}

/// Least, middle and worst.
fn spread(all: &[Times], of: usize) -> [f64; 3] {
    let mut all: Vec<f64> = all.iter().map(|times| times[of]).collect();
    all.sort_by(f64::total_cmp);
    [all[0], all[all.len() / 2], all[all.len() - 1]]
}

/// A set: what it is called, and its text.
struct Set {
    name: String,
    text: String,
    nodes: usize,
}

impl Set {
    /// A text, once it is known to be whole.
    fn new(name: String, text: String, rate: u32) -> Result<Set, Failure> {
        let mut world = FileWorld::new();
        world.overlay(name.clone(), text.clone());
        let (made, diagnostics, sources) =
            Compiler::new(work::options(rate)).elaborate(&world, std::slice::from_ref(&name));
        let Some(made) = made else {
            work::tell(&diagnostics, &sources);
            return Err(Failure::Text);
        };
        Ok(Set { name, text, nodes: made.graph.nodes.len() })
    }

    fn title(&self) -> String {
        let tracks = places(&self.text).iter().filter(|p| p.track).count();
        format!("{}: {} lines, {tracks} tracks, {} nodes\n\n", self.name, self.text.lines().count(), self.nodes)
    }

    /// What new compilers take for all of it.
    fn fresh(&self, rate: u32) -> Vec<Times> {
        let mut world = FileWorld::new();
        world.overlay(self.name.clone(), self.text.clone());
        (0..FRESH).map(|_| Bench::new(rate).run(&world, &self.name)).collect()
    }

    /// What edits of a kind take, one after the other.
    fn edits(&self, (name, before, edit): &(&str, Option<Edit>, Edit), rate: u32) -> Vec<Times> {
        let (mut world, mut bench, mut now) = (FileWorld::new(), Bench::new(rate), self.text.clone());
        world.overlay(self.name.clone(), now.clone());
        bench.run(&world, &self.name);
        let mut times = Vec::new();
        for n in 0..TIMES {
            if let Some(before) = before {
                let Some(next) = before(&now, n) else { continue };
                now = next;
                world.overlay(self.name.clone(), now.clone());
                bench.run(&world, &self.name);
            }
            let Some(next) = edit(&now, n) else { continue };
            let measured = *name != "an error put in" || next.contains("nothing_of_this_name");
            now = next;
            world.overlay(self.name.clone(), now.clone());
            let took = bench.run(&world, &self.name);
            if measured {
                times.push(took);
            }
        }
        times
    }
}

/// Measures and prints: one file; or the set that comes with the program, and beside it the made-up ones, of which the middle is enough.
pub fn run(file: Option<&String>, rate: u32) -> Result<(), Failure> {
    let set = match file {
        Some(file) => Set::new(file.clone(), work::readable(file)?, rate)?,
        None => Set::new(LONG.0.to_string(), LONG.1.to_string(), rate)?,
    };
    let ms = |x: f64| format!("{x:.3}");
    let line = |name: &str, all: &[Times]| {
        let [least, middle, worst] = spread(all, 3);
        let stages = (0..3).map(|stage| ms(spread(all, stage)[1]));
        let mut row = vec![name.to_string()];
        row.extend(stages.chain([ms(least), ms(middle), ms(worst)]));
        row
    };
    let head = ["edit", "parse ms", "check ms", "lower ms", "least", "middle", "worst"];
    let mut rows = vec![head.map(str::to_string).to_vec(), line(WHOLE, &set.fresh(rate))];
    for kind in KINDS {
        let times = set.edits(kind, rate);
        if !times.is_empty() {
            rows.push(line(kind.0, &times));
        }
    }
    terminal::print(&format!("{}{}", set.title(), terminal::table(&rows)))?;
    if file.is_some() {
        return Ok(());
    }
    let mut dice = Dice::new(SEED);
    let made = sets::SHAPES.iter().map(|(name, write)| Set::new(format!("{name}.modu"), write(&mut dice), rate));
    let made = made.collect::<Result<Vec<Set>, Failure>>()?;
    let mut rows = vec![vec!["middle ms".to_string()]];
    rows[0].extend(made.iter().map(|set| set.name.trim_end_matches(".modu").to_string()));
    let middle = |times: &[Times]| if times.is_empty() { "-".into() } else { ms(spread(times, 3)[1]) };
    let mut row = vec![WHOLE.to_string()];
    row.extend(made.iter().map(|set| middle(&set.fresh(rate))));
    rows.push(row);
    for kind in KINDS {
        let mut row = vec![kind.0.to_string()];
        row.extend(made.iter().map(|set| middle(&set.edits(kind, rate))));
        rows.push(row);
    }
    let titles: String = made.iter().map(|set| set.title().replace("\n\n", "\n")).collect();
    terminal::print(&format!("\n{titles}\n{}", terminal::table(&rows)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_sets_are_whole_and_five_hundred_lines_long() {
        let mut dice = Dice::new(SEED);
        for (name, write) in sets::SHAPES {
            let text = write(&mut dice);
            assert!((500..530).contains(&text.lines().count()), "{name} has {} lines", text.lines().count());
            assert!(Set::new(format!("{name}.modu"), text, work::RATE).is_ok(), "{name} has errors");
        }
    }
}
