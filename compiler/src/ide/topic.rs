//! What there is to build with, and what is said about it.
//!
//! Nothing is written here: the words come from the doc comments of the standard library, from the compiler's table of functions,
//! and from the table of primitives. What is added there is found here, and so in `modurust doc`, in the reference, in completion
//! and under the cursor.

use crate::front::builtins::{self, Builtin};
use crate::graph::ops::{self, Op};
use modurust_lang::ast::{Def, Item, Param};
use modurust_lang::doc::{self, Doc};
use modurust_lang::library::{Entry, library};
use modurust_lang::print::print_expr;
use std::fmt::Write;
use std::sync::OnceLock;

/// Something that can be explained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topic {
    /// As it is asked for: `lpf`, `math.sin`, `prim.add`.
    pub name: String,
    /// Where it is listed.
    pub category: String,
    /// How it is called: `lpf(x, freq: hz = 1khz in 20hz..20khz log, q = 0.707 in 0.1..20)`.
    pub signature: String,
    /// One sentence.
    pub summary: String,
    /// What else there is to say; empty or lines.
    pub body: String,
    /// Expressions that can be played.
    pub examples: Vec<String>,
    /// Where it is defined: `std/filter`, `the compiler`.
    pub home: String,
}

/// The category of primitives, which players rarely need.
pub const PRIMITIVES: &str = "primitives";

/// Names of numbers that are always there, and what they are.
pub const CONSTANTS: &[(&str, &str)] = &[
    ("sr", "The sample rate, as a frequency."),
    ("pi", "Half a turn in radians, 3.14159."),
    ("tau", "A turn in radians, 6.28319."),
    ("on", "1, for what can be switched."),
    ("off", "0, for what can be switched."),
];

/// Everything, by category and name. Made on the first call, which reads the whole library.
pub fn all() -> &'static [Topic] {
    static ALL: OnceLock<Vec<Topic>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut topics: Vec<Topic> = library().entries().iter().map(of_entry).collect();
        topics.extend(builtins::all().map(of_builtin));
        topics.extend(ops::ALL.iter().map(|op| of_op(*op)));
        topics.extend(CONSTANTS.iter().map(|(name, summary)| Topic {
            name: name.to_string(),
            category: "constants".to_string(),
            signature: name.to_string(),
            summary: summary.to_string(),
            home: "the compiler".to_string(),
            ..Topic::default()
        }));
        topics.sort_by(|a, b| (&a.category, &a.name).cmp(&(&b.category, &b.name)));
        topics
    })
}

/// The topics of a name, as a text would mean it: several where what comes in decides (`echo` of a sound, or of a pattern).
/// `module.name` and `std/module.name` find the definition in its module, `prim.name` the primitive.
pub fn find(name: &str) -> Vec<&'static Topic> {
    let exact: Vec<&Topic> = all().iter().filter(|t| t.name == name).collect();
    if !exact.is_empty() {
        return exact;
    }
    let Some((module, last)) = name.rsplit_once(['.', '/']) else { return Vec::new() };
    let home = format!("std/{}", module.trim_start_matches("std/"));
    let in_module = |t: &&Topic| t.name.rsplit('.').next() == Some(last) && (t.home == home || module == "prim");
    all().iter().filter(in_module).collect()
}

/// A definition of the library.
fn of_entry(entry: &Entry) -> Topic {
    // Of equal names the one that is meant without a module goes by its plain name.
    let plain = library().find(entry.name).is_some_and(|first| std::ptr::eq(first, entry));
    let name = if plain { entry.name.to_string() } else { format!("{}.{}", entry.module, entry.name) };
    let signature = match &*entry.stmt().item {
        Item::Def(def) => head(&name, def),
        _ => name.clone(),
    };
    let doc = entry.doc();
    let category = doc.node.as_ref().map_or(entry.module.to_string(), |(category, _)| category.clone());
    of_doc(name, signature, category, format!("std/{}", entry.module), doc)
}

/// A definition of a user's text; `home` is its file.
pub fn of_def(def: &Def, home: &str) -> Topic {
    let doc = def.doc.as_deref().map(doc::parse).unwrap_or_default();
    of_doc(def.name.name.clone(), head(&def.name.name, def), String::new(), home.to_string(), &doc)
}

fn of_doc(name: String, signature: String, category: String, home: String, doc: &Doc) -> Topic {
    let (summary, body, examples) = (doc.summary.clone(), doc.body.clone(), doc.examples.clone());
    Topic { name, category, signature, summary, body, examples, home }
}

fn of_builtin(builtin: &Builtin) -> Topic {
    Topic {
        name: builtin.name.to_string(),
        category: builtin.category.to_string(),
        signature: builtin.signature.to_string(),
        summary: builtin.doc.to_string(),
        home: "the compiler".to_string(),
        ..Topic::default()
    }
}

fn of_op(op: Op) -> Topic {
    let info = op.info();
    // A primitive that players may call needs no `prim.`
    let plain = builtins::primitive(info.name).is_some();
    let name = if plain { info.name.to_string() } else { format!("prim.{}", info.name) };
    Topic {
        signature: format!("{name}({})", info.args.join(", ")),
        name,
        category: if plain { "math".to_string() } else { PRIMITIVES.to_string() },
        summary: info.doc.trim().to_string(),
        home: "a primitive of the compiler".to_string(),
        ..Topic::default()
    }
}

/// The head of a definition as it is declared.
pub fn head(name: &str, def: &Def) -> String {
    match &def.params {
        Some(params) => format!("{name}({})", params.iter().map(declared).collect::<Vec<_>>().join(", ")),
        None => name.to_string(),
    }
}

/// A parameter as it is declared.
pub fn declared(param: &Param) -> String {
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

impl Topic {
    /// True if it is called with arguments.
    pub fn is_function(&self) -> bool {
        self.signature.contains('(')
    }

    /// The parameters, as ranges of bytes of the signature.
    pub fn params(&self) -> Vec<std::ops::Range<usize>> {
        let bytes = self.signature.as_bytes();
        let Some(open) = bytes.iter().position(|b| *b == b'(') else { return Vec::new() };
        let (mut depth, mut from, mut found) = (0, open + 1, Vec::new());
        for (at, byte) in bytes.iter().enumerate().skip(open) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || depth == 1 && *byte == b',' {
                let text = &self.signature[from..at];
                let start = from + text.len() - text.trim_start().len();
                if !text.trim().is_empty() {
                    found.push(start..start + text.trim().len());
                }
                from = at + 1;
            }
            if depth == 0 {
                break;
            }
        }
        found
    }

    /// The name of a parameter by which it can be given, if it has one: `q` of `q = 0.707 in 0.1..20`.
    pub fn param_name(&self, range: &std::ops::Range<usize>) -> Option<&str> {
        let text = &self.signature[range.clone()];
        let len = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let rest = text[len..].trim_start();
        let named = rest.is_empty() || rest.starts_with(':') || rest.starts_with('=') && !rest.starts_with("=>");
        (len > 0 && named && !text.as_bytes()[0].is_ascii_digit()).then(|| &text[..len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_topics() {
        let one = |name: &str| {
            let found = find(name);
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
        assert!(find("nothing_of_the_kind").is_empty());
    }

    #[test]
    fn everything_has_a_summary_and_a_name_of_its_own() {
        for topic in all() {
            assert!(!topic.summary.is_empty(), "{} has no summary", topic.name);
        }
        // A sound and a function over patterns may share a name (`echo`): what comes in decides, and both are told.
        let of_patterns = |t: &Topic| matches!(t.category.as_str(), "patterns" | "harmony");
        let mut names: Vec<(&str, bool)> = all().iter().map(|t| (t.name.as_str(), of_patterns(t))).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "two topics share a name");
    }

    #[test]
    fn signatures_fall_into_parameters() {
        let params = |signature: &str| {
            let topic = Topic { signature: signature.into(), ..Topic::default() };
            let ranges = topic.params();
            let shown: Vec<String> = ranges
                .iter()
                .map(|r| format!("{}={}", topic.param_name(r).unwrap_or("?"), &signature[r.clone()]))
                .collect();
            shown.join(" | ")
        };
        assert_eq!(params("f(x, q = 1 in 0..(2), r: sig[2])"), "x=x | q=q = 1 in 0..(2) | r=r: sig[2]");
        assert_eq!(params("par(n, k => ..)"), "n=n | ?=k => ..");
        assert_eq!(params("arrange([n, pattern], ..)"), "?=[n, pattern] | ?=..");
        assert_eq!(params("midi('a, b', ch: 1)"), "?='a | ?=b' | ch=ch: 1");
        assert_eq!(params("cosine"), "");
        assert_eq!(params("bend()"), "");
    }
}
