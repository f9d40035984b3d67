//! From the grammar's pairs to the tree.
//!
//! The grammar takes any text whose brackets match; what is missing or misplaced shows as an absent child or as a production
//! of its own, and is put into words here. Reading goes on after an error, so one look tells all of them.

use super::{Atom, Element, Group, Join, MAX_OPS, MAX_REPEAT, Mini, Op, PatternError, Sequence, Step};
use crate::source::Span;
use pest::Parser;
use pest::iterators::Pair;

#[derive(pest_derive::Parser)]
#[grammar = "pattern/pattern.pest"]
struct Grammar;

/// Reads a text whose brackets match.
pub(super) fn read(text: &str) -> (Mini, Vec<PatternError>) {
    let mut reader = Reader { errors: Vec::new(), seeds: 0 };
    let body = match Grammar::parse(Rule::text, text) {
        Ok(mut pairs) => match pairs.next().and_then(|t| t.into_inner().next()) {
            Some(group) => reader.group(group, Place::Top),
            None => Group::default(),
        },
        Err(error) => {
            // The grammar should take everything; if it does not, say where it stopped.
            let (start, end) = match error.location {
                pest::error::InputLocation::Pos(at) => (at, at),
                pest::error::InputLocation::Span(span) => span,
            };
            let end = text[end..].chars().next().map_or(end, |c| end + c.len_utf8());
            reader.errors.push(PatternError::error(Span::new(start, end), "this makes no sense here"));
            Group::default()
        }
    };
    (Mini { body }, reader.errors)
}

/// What surrounds a group.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Top,
    Square,
    Curly,
    Angle,
}

struct Reader {
    errors: Vec<PatternError>,
    seeds: u32,
}

fn span(pair: &Pair<'_, Rule>) -> Span {
    let s = pair.as_span();
    Span::new(s.start(), s.end())
}

/// A plain decimal number or a fraction `3%8`; words such as `inf` are words.
fn number(text: &str) -> Option<f64> {
    if let Some((a, b)) = text.split_once('%') {
        return number(a).zip(number(b)).map(|(a, b)| a / b).filter(|x| x.is_finite());
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'e'));
    if !plain || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse::<f64>().ok().filter(|x| x.is_finite())
}

/// The number of an operator, with Tidal's fractions: `1%6`.
fn op_number(text: &str) -> f64 {
    number(text).filter(|x| x.is_finite()).unwrap_or(0.0)
}

/// What an operator does, for messages.
fn op_word(rule: Rule) -> &'static str {
    match rule {
        Rule::fast => "`*` needs a number after it: `bd*2`",
        Rule::slower => "`/` needs a number after it: `bd/2`",
        Rule::tail => "`:` needs a number after it: `bd:3`",
        Rule::range => "`..` needs a number after it: `0 .. 7`",
        Rule::chord => "`'` needs the name of a chord after it: `c'maj`",
        _ => "`%` needs a number after it: `{a b c}%4`",
    }
}

impl Reader {
    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(PatternError::error(span, message));
    }

    fn error_help(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(PatternError::error(span, message).help(help));
    }

    fn group(&mut self, pair: Pair<'_, Rule>, place: Place) -> Group {
        let whole = span(&pair);
        let mut group = Group { span: whole, ..Group::default() };
        let mut separator: Option<&str> = None;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::sep => {
                    let (at, text) = (span(&inner), inner.as_str());
                    if text == "|" && matches!(place, Place::Curly | Place::Angle) {
                        self.error_help(at, "`|` does not work inside `< >` or `{ }`", "write `[a | b]`");
                    } else if separator.is_some_and(|s| s != text) {
                        self.error_help(
                            at,
                            "`,` and `|` cannot be mixed: `|` here or `,` there?",
                            "use brackets: `[a | b], c`",
                        );
                    }
                    if separator.is_none() {
                        separator = Some(if text == "|" { "|" } else { "," });
                    }
                }
                _ => group.parts.push(self.sequence(inner)),
            }
        }
        let empty = group.parts.iter().filter(|p| p.steps.is_empty() && !p.marked).map(|p| p.span).collect::<Vec<_>>();
        // The empty text is silence; an empty place beside a comma is a slip, and so is an empty bracket.
        if !(place == Place::Top && group.parts.len() == 1) && self.errors.is_empty() {
            for at in empty {
                if group.parts.len() == 1 {
                    let around = Span { start: whole.start.saturating_sub(1), end: whole.end + 1 };
                    self.error_help(around, "there is nothing in these brackets", "write `~` for a rest");
                } else {
                    self.error_help(at, "there is nothing here to play", "write `~` for a rest");
                }
            }
        }
        if separator == Some("|") {
            group.join = Join::Choose(self.seed());
        }
        group
    }

    fn seed(&mut self) -> u32 {
        self.seeds += 1;
        self.seeds - 1
    }

    fn sequence(&mut self, pair: Pair<'_, Rule>) -> Sequence {
        let whole = span(&pair);
        let mut sequence = Sequence { span: Span { start: whole.end, end: whole.end }, ..Sequence::default() };
        let mut feet: Vec<Vec<Step>> = Vec::new();
        let mut last_foot = None;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::mark => sequence.marked = true,
                Rule::foot => {
                    let at = span(&inner);
                    if sequence.steps.is_empty() {
                        self.error_help(at, "there is nothing before this `.`", "feet are written `a b . c d`");
                    }
                    feet.push(std::mem::take(&mut sequence.steps));
                    last_foot = Some(at);
                }
                _ => {
                    if let Some(step) = self.term(inner) {
                        sequence.steps.push(step);
                    }
                }
            }
        }
        if let Some(at) = last_foot {
            if sequence.steps.is_empty() {
                self.error_help(at, "there is nothing after this `.`", "feet are written `a b . c d`");
            }
            feet.push(std::mem::take(&mut sequence.steps));
            sequence.steps = feet.into_iter().filter(|f| !f.is_empty()).map(foot).collect();
        }
        if let (Some(first), Some(last)) = (sequence.steps.first(), sequence.steps.last()) {
            sequence.span = first.span.to(last.span);
        }
        sequence
    }

    /// A step, or `None` and an error for what is not one.
    fn term(&mut self, pair: Pair<'_, Rule>) -> Option<Step> {
        let at = span(&pair);
        match pair.as_rule() {
            Rule::step => return Some(self.step(pair)),
            Rule::lone => {
                let text = pair.as_str();
                if text.starts_with('%') {
                    self.error_help(at, "`%` belongs to braces", "write `{a b c}%4`");
                } else if text.starts_with('(') {
                    self.error_help(at, "there is no step before this rhythm", format!("write `bd{text}`"));
                } else {
                    self.error_help(
                        at,
                        format!("there is no step before `{text}`"),
                        "it belongs behind a step: `bd*2`, `bd!`, `bd _`",
                    );
                }
            }
            Rule::foot => self.error(at, "feet do not work inside `( )`"),
            Rule::bar => self.error(at, "`|` does not work inside `( )`"),
            _ => {
                let text = pair.as_str();
                self.error(at, format!("`{text}` has no meaning in a pattern"));
            }
        }
        None
    }

    fn step(&mut self, pair: Pair<'_, Rule>) -> Step {
        let whole = span(&pair);
        let mut inner = pair.into_inner();
        let element = match inner.next() {
            Some(first) => self.element(first),
            None => Element::Rest,
        };
        let mut step = Step { element, ops: Vec::new(), weight: 1.0, span: whole };
        let mut repeats = 1.0;
        for op in inner {
            let at = span(&op);
            if step.ops.len() >= MAX_OPS {
                self.error(at, format!("too many operators on one step: {MAX_OPS} at most"));
                break;
            }
            match op.as_rule() {
                Rule::tie => step.weight += 1.0,
                Rule::weight => match op.into_inner().next().map(|n| op_number(n.as_str())) {
                    None => self.error_help(
                        at,
                        "`@` needs a number after it",
                        "write `bd@3` to make a step three times as long",
                    ),
                    Some(n) if n <= 0.0 => {
                        self.error_help(at, "a step cannot have weight 0 or less", "leave the step out instead")
                    }
                    Some(n) if n > 1e6 => self.error(at, "this weight is too large"),
                    Some(n) => step.weight += n - 1.0,
                },
                Rule::repeat => match op.into_inner().next().map_or(2.0, |n| op_number(n.as_str())) {
                    n if n <= 0.0 => {
                        self.error_help(at, "a step cannot repeat 0 times", "leave the step out, or write `~`")
                    }
                    n => {
                        repeats += n - 1.0;
                        if repeats > MAX_REPEAT || repeats <= 0.0 {
                            self.error(at, format!("a step can repeat {MAX_REPEAT} times at most"));
                            repeats = 1.0;
                        }
                        step.ops.retain(|op| !matches!(op, Op::Repeat(_)));
                        step.ops.push(Op::Repeat(repeats));
                        step.weight = repeats;
                    }
                },
                Rule::drop => {
                    let prob = op.into_inner().next().map_or(0.5, |n| op_number(n.as_str()));
                    if !(0.0..=1.0).contains(&prob) {
                        self.error(at, "a chance lies between 0 and 1");
                    }
                    let seed = self.seed();
                    step.ops.push(Op::Drop { prob, seed });
                }
                Rule::euclid => {
                    if let Some(op) = self.euclid(op) {
                        step.ops.push(op);
                    }
                }
                rule => {
                    let Some(operand) = op.into_inner().next() else {
                        self.error(at, op_word(rule));
                        continue;
                    };
                    let operand = self.element(operand);
                    match rule {
                        Rule::fast => {
                            self.factor(&operand, at);
                            step.ops.push(Op::Fast(operand));
                        }
                        Rule::slower => {
                            self.factor(&operand, at);
                            step.ops.push(Op::Slow(operand));
                        }
                        Rule::tail => step.ops.push(Op::Tail(operand)),
                        Rule::chord => match step.ops.last_mut() {
                            Some(Op::Chord(parts)) => parts.push(operand),
                            _ => step.ops.push(Op::Chord(vec![operand])),
                        },
                        _ => {
                            if step.ops.is_empty() {
                                self.numbers(&step.element, "`..` counts from a number to a number");
                            }
                            self.numbers(&operand, "`..` counts from a number to a number");
                            step.ops.push(Op::Range(operand));
                        }
                    }
                }
            }
        }
        step
    }

    fn element(&mut self, pair: Pair<'_, Rule>) -> Element {
        let at = span(&pair);
        match pair.as_rule() {
            Rule::word => {
                let text = pair.as_str().to_owned();
                if text.contains('%') && number(&text).is_none() {
                    self.error_help(at, format!("`{text}` divides by 0"), "write a fraction such as `3%8`");
                }
                Element::Atom(Atom { number: number(&text), text, span: at })
            }
            Rule::sub => Element::Sub(self.inside(pair, Place::Square)),
            Rule::slow => Element::Slow(self.inside(pair, Place::Angle)),
            Rule::brace => Element::Poly { group: self.inside(pair, Place::Curly), steps: None },
            Rule::poly => {
                let mut inner = pair.into_inner();
                let group = inner.next().map(|g| self.group(g, Place::Curly)).unwrap_or_default();
                let steps = inner.next().and_then(|per| {
                    let at = span(&per);
                    match per.into_inner().next() {
                        Some(count) => {
                            let count = self.element(count);
                            self.factor(&count, at);
                            Some(Box::new(count))
                        }
                        None => {
                            self.error(at, op_word(Rule::per));
                            None
                        }
                    }
                });
                Element::Poly { group, steps }
            }
            _ => Element::Rest,
        }
    }

    fn inside(&mut self, pair: Pair<'_, Rule>, place: Place) -> Group {
        pair.into_inner().next().map(|g| self.group(g, place)).unwrap_or_default()
    }

    fn euclid(&mut self, pair: Pair<'_, Rule>) -> Option<Op> {
        let whole = span(&pair);
        let mut args: Vec<Option<Step>> = Vec::new();
        let before = self.errors.len();
        for arg in pair.into_inner() {
            let mut steps: Vec<Step> = arg.into_inner().filter_map(|t| self.term(t)).collect();
            if steps.len() > 1 {
                let at = steps[0].span.to(steps[steps.len() - 1].span);
                self.error_help(at, "more than one step between commas", "use brackets: `bd([3 5],8)`");
            }
            args.push(if steps.is_empty() { None } else { Some(steps.swap_remove(0)) });
        }
        // Strudel lets a comma trail.
        if args.len() == 3 && args[2].is_none() {
            args.pop();
        }
        if args.len() < 2 || args.len() > 3 || args.iter().any(Option::is_none) {
            if self.errors.len() == before {
                self.error_help(
                    whole,
                    "a rhythm is written (pulses,steps) or (pulses,steps,rotation)",
                    "as in `bd(3,8)` or `bd(3,8,2)`",
                );
            }
            return None;
        }
        let mut args = args.into_iter().flatten().map(Box::new);
        let (pulses, steps, rotation) = (args.next()?, args.next()?, args.next());
        for arg in [Some(&pulses), Some(&steps), rotation.as_ref()].into_iter().flatten() {
            self.numbers(&arg.element, "a rhythm is made of numbers");
        }
        let fixed = |s: &Step| match &s.element {
            Element::Atom(Atom { number: Some(n), .. }) if s.ops.is_empty() => Some(*n),
            _ => None,
        };
        match (fixed(&pulses), fixed(&steps)) {
            (_, Some(n)) if n < 1.0 => {
                self.errors.push(PatternError::warning(whole, "a rhythm without steps is silent"));
            }
            (Some(k), Some(n)) if k.abs() > n => {
                self.errors.push(PatternError::warning(
                    whole,
                    format!("{k} pulses do not fit into {n} steps: every step plays"),
                ));
            }
            _ => {}
        }
        Some(Op::Euclid { pulses, steps, rotation })
    }

    /// Complains about a factor that cannot be one.
    fn factor(&mut self, element: &Element, at: Span) {
        self.numbers(element, "speed is a number");
        if let Element::Atom(Atom { number: Some(n), span, .. }) = element {
            if *n < 0.0 {
                self.error_help(*span, "speed cannot be negative", "use `rev` to play backwards");
            } else if *n == 0.0 {
                self.errors.push(PatternError::warning(at, "speed 0 is silence"));
            }
        }
    }

    /// Complains about words where only numbers make sense.
    fn numbers(&mut self, element: &Element, why: &str) {
        match element {
            Element::Rest => {}
            Element::Atom(atom) if atom.number.is_some() => {}
            Element::Atom(atom) => {
                self.error(atom.span, format!("{why}, and `{}` is not a number", atom.text));
            }
            Element::Sub(group) | Element::Slow(group) | Element::Poly { group, .. } => {
                for step in group.parts.iter().flat_map(|p| &p.steps) {
                    self.numbers(&step.element, why);
                }
            }
        }
    }
}

/// Steps between two dots as one step.
fn foot(steps: Vec<Step>) -> Step {
    let span = match (steps.first(), steps.last()) {
        (Some(a), Some(b)) => a.span.to(b.span),
        _ => Span::default(),
    };
    let group = Group { parts: vec![Sequence { steps, marked: false, span }], join: Join::Stack, span };
    Step { element: Element::Sub(group), ops: Vec::new(), weight: 1.0, span }
}
