//! What is said about the word, number or note at a place.

use crate::ide::document::Document;
use crate::ide::position::floor;
use crate::ide::resolve::{Bound, Target};
use crate::ide::topic::{self, Topic};
use crate::ide::words;
use modurust_lang::ast::{Expr, ExprKind, Item};
use modurust_lang::library::library;
use modurust_lang::print::note_word;
use modurust_lang::source::Span;
use modurust_lang::token::{Kind, Token, tokens};
use modurust_lang::units::Dim;
use modurust_lang::{note_number, split, visit};
use std::fmt::Write;

/// What is said, in Markdown, and about which bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Hover {
    /// The word.
    pub span: Span,
    /// The words about it.
    pub text: String,
}

/// What is at a byte; `None` where there is nothing to say.
pub fn hover(document: &Document, at: usize) -> Option<Hover> {
    let text = document.text();
    let token = token_at(text, floor(text, at))?;
    let word = token.text(text);
    let about = match token.kind {
        Kind::Number => number(document, token.span),
        Kind::Note => note_number(word).map(note),
        Kind::Keyword => words::find(word).map(of_word),
        Kind::Path => path(word),
        Kind::Word => of_name(document, &token, word),
        _ => None,
    };
    about.map(|text| Hover { span: token.span, text })
}

/// The token that a byte stands in, or directly behind.
pub(super) fn token_at(text: &str, at: usize) -> Option<Token> {
    let start = split::split(text).take_while(|chunk| chunk.offset <= at).last().map_or(0, |chunk| chunk.offset);
    let shifted = tokens(&text[start..]).map(|t| Token { span: t.span.shift(start as u32), ..t });
    let touching: Vec<Token> =
        shifted.take_while(|t| t.span.start as usize <= at).filter(|t| at <= t.span.end as usize).collect();
    // Of two that touch, a word is meant rather than a sign; else the one in front of which the place stands.
    let word = |t: &&Token| matches!(t.kind, Kind::Word | Kind::Keyword | Kind::Note | Kind::Number | Kind::Path);
    touching.iter().rev().find(word).or(touching.last()).copied()
}

fn of_name(document: &Document, token: &Token, word: &str) -> Option<String> {
    let known = document.occurrences().iter().find(|o| o.span == token.span).map(|o| o.target.clone());
    // In a statement that cannot be read, or for a word of the grammar, the word alone decides.
    let target = known.unwrap_or_else(|| match words::find(word) {
        Some(_) => Target::Field,
        None => crate::ide::resolve::top_level(document, word),
    });
    match target {
        Target::Statement(number) => statement(document, number),
        Target::Used(file, number) => statement(&document.used[file].document, number),
        Target::Local(place, bound) => local(document, place, bound),
        Target::Global(name) => pages(&topic::find(&name)),
        Target::Module(name) => {
            let module = crate::ide::resolve::aliased(document, &name).unwrap_or(&name);
            let used = document.used.iter().find(|used| used.alias.as_deref() == Some(&name));
            used.map(|used| format!("the file `{}`", used.document.source.name)).or_else(|| path(module))
        }
        Target::Argument(function, param) => {
            let about = |topic: &Topic| {
                let range = topic.params().into_iter().find(|range| topic.param_name(range) == Some(&param))?;
                Some(format!("{}\n\na parameter of `{function}`: {}", code(&topic.signature[range]), topic.summary))
            };
            topic::find(&function).into_iter().find_map(about)
        }
        Target::Field | Target::Unknown => words::find(word).map(of_word),
    }
}

fn code(text: &str) -> String {
    format!("```modu\n{text}\n```")
}

fn of_word(word: &words::Word) -> String {
    format!("{}\n\n{}", code(word.form), word.doc)
}

/// All about some topics.
fn pages(topics: &[&Topic]) -> Option<String> {
    let pages: Vec<String> = topics.iter().map(|topic| page(topic)).collect();
    (!pages.is_empty()).then(|| pages.join("\n\n---\n\n"))
}

/// All about one thing, in Markdown.
fn page(topic: &Topic) -> String {
    let mut out = code(&topic.signature);
    for part in [&topic.summary, &topic.body].into_iter().filter(|part| !part.is_empty()) {
        let _ = write!(out, "\n\n{part}");
    }
    if !topic.examples.is_empty() {
        let _ = write!(out, "\n\n{}", code(&topic.examples.join("\n")));
    }
    let _ = match topic.category.as_str() {
        "" => write!(out, "\n\nin `{}`", topic.home),
        category => write!(out, "\n\n{category}, in {}", topic.home),
    };
    out
}

fn statement(document: &Document, number: usize) -> Option<String> {
    let stmt = document.stmts.get(number)?;
    if let Item::Def(def) = &*stmt.item
        && (def.params.is_some() || def.doc.is_some())
    {
        return Some(page(&topic::of_def(def, &document.source.name)));
    }
    Some(code(first_line(document.text(), stmt.offset as usize)))
}

/// A line of code, its comments above left out.
fn first_line(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or("");
    let rest = rest.get(split::code_start(rest)..).unwrap_or(rest);
    rest.lines().next().unwrap_or("").trim_end()
}

fn local(document: &Document, place: Span, bound: Bound) -> Option<String> {
    let text = document.text();
    let (_, stmt) = document.statement(place.start as usize)?;
    if bound == Bound::Param
        && let Item::Def(def) = &*stmt.item
        && let Some(param) = def.params.iter().flatten().find(|p| p.name.span.shift(stmt.offset) == place)
    {
        return Some(format!("{}\n\na parameter of `{}`", code(&topic::declared(param)), def.name.name));
    }
    let word = text.get(place.start as usize..place.end as usize)?;
    let line = text[..place.start as usize].rfind('\n').map_or(0, |n| n + 1);
    Some(match bound {
        Bound::Param => format!("{}\n\na parameter", code(word)),
        Bound::Def | Bound::Clip => code(first_line(text, line).trim_start()),
    })
}

fn path(path: &str) -> Option<String> {
    let module = path.rsplit('/').next()?;
    let names: Vec<&str> = library().module(module).map(|entry| entry.name).collect();
    (!names.is_empty() && !path.starts_with('.')).then(|| format!("`std/{module}`: {}", names.join(", ")))
}

fn note(number: i32) -> String {
    let hz = 440.0 * ((f64::from(number) - 69.0) / 12.0).exp2();
    format!("{} hz, MIDI note {number}", short(hz))
}

/// What a number measures, in other units.
fn number(document: &Document, span: Span) -> Option<String> {
    let (_, stmt) = document.statement(span.start as usize)?;
    let mut found: Option<&Expr> = None;
    visit::exprs(&stmt.item, &mut |expr| {
        if expr.span.shift(stmt.offset) == span && found.is_none() {
            found = Some(expr);
        }
    });
    let ExprKind::Number { value, ratio, unit: Some(unit) } = &found?.kind else { return None };
    let value = ratio.map_or(*value, |(n, d)| f64::from(n) / f64::from(d));
    use modurust_lang::units::Unit;
    let more = match (unit, unit.dim()) {
        (_, Dim::Frequency) => {
            let hz = if *unit == Unit::Khz { value * 1e3 } else { value };
            let note = 69.0 + 12.0 * (hz / 440.0).log2();
            let near = note.round();
            let name = if hz > 0.0 { note_word(near as i32).unwrap_or_default() } else { String::new() };
            match name.as_str() {
                "" => String::new(),
                name if (note - near).abs() < 0.005 => format!(": {name}"),
                name => format!(": {name} {:+.0} cents", (note - near) * 100.0),
            }
        }
        (_, Dim::Gain) => format!(": times {} (negative: divided)", short(10f64.powf(value / 20.0))),
        (Unit::Whole, _) => format!(": {} beats", short(value * 4.0)),
        (_, Dim::Interval) => {
            let semitones = match unit {
                Unit::Octave => value * 12.0,
                Unit::Cent => value / 100.0,
                _ => value,
            };
            format!(": times {}", short((semitones / 12.0).exp2()))
        }
        (_, Dim::Angle) => format!(": {} radians", short(value.to_radians())),
        _ => String::new(),
    };
    Some(format!("{}{more}", unit.dim().article()))
}

/// Four significant digits or so.
fn short(x: f64) -> String {
    let digits = (3 - x.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{x:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}
