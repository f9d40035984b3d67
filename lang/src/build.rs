//! pest's pairs to our tree.
//!
//! The grammar is looser than the language on purpose (see grammar.pest), so here is decided what a head, a
//! parameter, a lambda's names are, with better words than a grammar has when they are not. The first mistake ends
//! the statement: one mistake, one error. Here are statements; expressions are in `operand.rs`, which continues the
//! same builder.

use crate::ast::*;
use crate::diag::Diagnostic;
use crate::parse::{Built, Rule};
use crate::recover;
use crate::source::{FileId, Span};
use crate::units::Unit;
use crate::{doc, operand};

pub(crate) type Pair<'a> = pest::iterators::Pair<'a, Rule>;
pub(crate) type Pairs<'a> = pest::iterators::Pairs<'a, Rule>;

/// Words that mean something where a name stands, so nothing can be called so.
const RESERVED: &[&str] = &[
    "use", "as", "track", "bus", "scene", "arrange", "automate", "launch", "for", "then", "if", "else", "off", "in",
    "it", "and", "or", "not",
];

/// True for a word of the language that cannot be a name.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// The MIDI number of a note word such as `c4`, `f#2`, `eb3`; c4 is 60.
pub fn note_number(word: &str) -> Option<i32> {
    let mut bytes = word.bytes();
    let degree = match bytes.next()? {
        b'c' => 0,
        b'd' => 2,
        b'e' => 4,
        b'f' => 5,
        b'g' => 7,
        b'a' => 9,
        b'b' => 11,
        _ => return None,
    };
    let mut next = bytes.next()?;
    let shift = match next {
        b'#' => 1,
        b'b' => -1,
        _ => 0,
    };
    if shift != 0 {
        next = bytes.next()?;
    }
    let octave = next.is_ascii_digit().then(|| i32::from(next - b'0'))?;
    bytes.next().is_none().then_some(12 * (octave + 1) + degree + shift)
}

/// The next pair, which the grammar promises.
pub(crate) fn next<'i>(pairs: &mut Pairs<'i>) -> Pair<'i> {
    pairs.next().expect("the grammar puts a pair here")
}

/// The next pair if it is of a kind.
fn next_if<'i>(pairs: &mut Pairs<'i>, rule: Rule) -> Option<Pair<'i>> {
    if pairs.peek()?.as_rule() == rule { pairs.next() } else { None }
}

/// Builds the trees of one statement.
pub(crate) struct Build<'a> {
    text: &'a str,
    code: &'a str,
    base: u32,
    /// Links from the statement to the place that is being built; see `operand.rs`.
    pub(crate) links: usize,
}

impl<'a> Build<'a> {
    /// `text` is the chunk, `code` the same without comments; spans count from `base`.
    pub fn new(text: &'a str, code: &'a str, base: u32) -> Build<'a> {
        Build { text, code, base, links: 0 }
    }

    pub(crate) fn span(&self, pair: &Pair) -> Span {
        let span = pair.as_span();
        Span { start: span.start() as u32 - self.base, end: span.end() as u32 - self.base }
    }

    /// A diagnostic's span counts from the chunk, not from the statement.
    pub(crate) fn in_chunk(&self, span: Span) -> Span {
        span.shift(self.base)
    }

    pub(crate) fn fail<T>(
        &self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Built<T> {
        Err(Box::new(Diagnostic::error(code, FileId::default(), self.in_chunk(span), message).help(help)))
    }

    /// The general complaint about what stands at or after byte `at` of the chunk, as if the grammar had stopped
    /// there.
    pub(crate) fn unexpected<T>(&self, at: usize) -> Built<T> {
        Err(Box::new(recover::explain(self.code, at)))
    }

    /// A top-level statement.
    pub fn item(&mut self, pair: Pair) -> Built<Item> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut inner = pair.into_inner();
        Ok(match rule {
            Rule::use_ => self.use_(inner, span)?,
            Rule::meter => self.meter(inner, span)?,
            Rule::setting => {
                let name = self.word(&next(&mut inner));
                Item::Setting { name, value: self.expr(next(&mut inner))? }
            }
            Rule::strip => {
                let bus = next(&mut inner).as_str() == "bus";
                let name = self.name(&next(&mut inner))?;
                Item::Strip { bus, name, value: self.expr(next(&mut inner))? }
            }
            Rule::scene => self.scene(inner)?,
            Rule::arrange => {
                let name = next_if(&mut inner, Rule::ident);
                let name = name.map(|pair| self.name(&pair)).transpose()?;
                let sections = inner.map(|pair| self.section(pair)).collect::<Built<_>>()?;
                Item::Arrange { name, sections }
            }
            Rule::automate => {
                let path = self.dotted(&next(&mut inner));
                let points = inner.map(|pair| self.point(pair)).collect::<Built<_>>()?;
                Item::Automate { path, points }
            }
            Rule::mapping => {
                let source = self.expr(next(&mut inner))?;
                let path = self.dotted(&next(&mut inner));
                let range = next_if(&mut inner, Rule::expr).map(|pair| self.expr(pair)).transpose()?;
                let curve = inner.next().map_or(Curve::Lin, |pair| operand::curve(pair.as_str()));
                Item::Map { source, path, range, curve }
            }
            Rule::command => Item::Command(self.command(inner, span)?),
            _ => return self.def_or_line(inner, span),
        })
    }

    fn use_(&mut self, inner: Pairs, span: Span) -> Built<Item> {
        let (mut path, mut version, mut alias) = (String::new(), None, None);
        for part in inner {
            match part.as_rule() {
                Rule::path => path = part.as_str().to_string(),
                Rule::version => version = Some(part.as_str().to_string()),
                _ => alias = Some(self.name(&part)?),
            }
        }
        Ok(Item::Use { path, version, alias, span })
    }

    fn meter(&mut self, mut inner: Pairs, span: Span) -> Built<Item> {
        let (beats, unit) = (next(&mut inner), next(&mut inner));
        match (beats.as_str().parse(), unit.as_str().parse::<u32>()) {
            (Ok(beats), Ok(unit)) if (1..=256).contains(&beats) && unit.is_power_of_two() && unit <= 64 => {
                let from = match inner.next() {
                    Some(part) => match self.from(part)? {
                        (from, None) => Some(from),
                        (_, Some(to)) => {
                            let help = "write the next meter on a line of its own: `meter 4/4 from 24bars`";
                            return self.fail("syntax", to.span, "a meter holds until the next one", help);
                        }
                    },
                    None => None,
                };
                Ok(Item::Meter { beats, unit, from, span })
            }
            _ => self.fail(
                "syntax",
                span,
                "there is no such meter",
                "a meter counts note values of 2, 4, 8 or 16: `meter 7/8`",
            ),
        }
    }

    fn scene(&mut self, mut inner: Pairs) -> Built<Item> {
        let name = self.name(&next(&mut inner))?;
        let (mut slots, mut length, mut then) = (Vec::new(), None, Vec::new());
        for part in inner {
            match part.as_rule() {
                Rule::slot => {
                    let mut inner = part.into_inner();
                    let track = self.name(&next(&mut inner))?;
                    let clip = next(&mut inner);
                    let clip = if clip.as_str() == "off" { None } else { Some(self.name(&clip)?) };
                    slots.push(Slot { track, clip, again: inner.next().is_some() });
                }
                Rule::for_ => length = Some(self.expr(next(&mut part.into_inner()))?),
                _ => then = self.choices(part)?,
            }
        }
        Ok(Item::Scene { name, slots, length, then })
    }

    /// `then a(3) | b`
    pub(crate) fn choices(&mut self, pair: Pair) -> Built<Vec<Choice>> {
        let mut choices = Vec::new();
        for choice in pair.into_inner() {
            let mut inner = choice.into_inner();
            let name = self.name(&next(&mut inner))?;
            choices.push(Choice { name, weight: inner.next().map(|pair| self.expr(pair)).transpose()? });
        }
        Ok(choices)
    }

    fn section(&mut self, pair: Pair) -> Built<Section> {
        let mut inner = pair.into_inner();
        let scene = self.name(&next(&mut inner))?;
        let length = self.quantity(&next(&mut inner))?;
        let (mut xfade, mut lanes) = (None, Vec::new());
        for part in inner {
            let fade = part.as_rule() == Rule::xfade;
            let mut inner = part.into_inner();
            let first = next(&mut inner);
            if fade {
                xfade = Some(self.quantity(&first)?);
            } else {
                lanes.push((self.dotted(&first), self.expr(next(&mut inner))?));
            }
        }
        Ok(Section { scene, length, xfade, lanes })
    }

    fn point(&mut self, pair: Pair) -> Built<(Expr, Expr, Curve)> {
        let mut inner = pair.into_inner();
        let at = self.quantity(&next(&mut inner))?;
        let value = self.expr(next(&mut inner))?;
        Ok((at, value, inner.next().map_or(Curve::Lin, |pair| operand::curve(pair.as_str()))))
    }

    /// `from 16bars to 24bars`
    fn from(&mut self, pair: Pair) -> Built<(Expr, Option<Expr>)> {
        let mut inner = pair.into_inner();
        let from = self.quantity(&next(&mut inner))?;
        let to = inner.next().map(|pair| self.quantity(&pair)).transpose()?;
        Ok((from, to))
    }

    fn command(&mut self, mut inner: Pairs, span: Span) -> Built<Command> {
        let verb = self.word(&next(&mut inner));
        let path = self.dotted(&next(&mut inner));
        let (mut from, mut at, mut to, mut stems, mut preroll) = (None, None, None, false, false);
        for part in inner {
            match part.as_rule() {
                Rule::from_ => from = Some(self.from(part)?),
                Rule::at_ => {
                    let when = next(&mut part.into_inner());
                    at = Some(match when.as_rule() {
                        Rule::now => At::Now,
                        Rule::quantity => At::Next(self.quantity(&when)?),
                        _ => At::Next(Expr {
                            kind: ExprKind::Number { value: 1.0, ratio: None, unit: Unit::parse(when.as_str()) },
                            span: self.span(&when),
                        }),
                    });
                }
                Rule::to_ => {
                    let text = next(&mut part.into_inner());
                    to = Some(text.as_str().trim_matches('\'').to_string());
                }
                Rule::preroll => preroll = true,
                _ => stems = true,
            }
        }
        let writes = matches!(verb.name.as_str(), "record" | "export");
        let target = path.last().map_or("", |word| word.name.as_str());
        if writes && to.is_none() {
            let help = format!("write `{} {target} to 'take.wav'`", verb.name);
            return self.fail("syntax", span, format!("`{}` wants a file to write to", verb.name), help);
        }
        let exports = verb.name == "export";
        if exports && at.is_some() || !writes && (to.is_some() || stems) {
            let (extra, verbs) = if exports {
                ("at", "`launch`, `play`, `stop`, `mute`, `solo` and `record`")
            } else {
                ("to", "`record` and `export`")
            };
            let message = format!("`{}` takes no `{extra}`", verb.name);
            return self.fail("syntax", span, message, format!("only {verbs} take it"));
        }
        if preroll && verb.name != "record" {
            let message = format!("`{}` takes no `preroll`", verb.name);
            let help = "only `record` knows what was played before: `record master to 'take.wav' preroll`";
            return self.fail("syntax", span, message, help);
        }
        if from.is_some() && verb.name != "play" {
            let message = format!("`{}` takes no `from`", verb.name);
            let help = format!("write `play {target} from 16bars to 24bars`");
            return self.fail("syntax", span, message, help);
        }
        Ok(Command { verb, path, from, at, to, stems, preroll })
    }

    fn def_or_line(&mut self, mut inner: Pairs, span: Span) -> Built<Item> {
        let head = next(&mut inner);
        if let Some(body) = inner.next() {
            return Ok(Item::Def(self.def(head, body)?));
        }
        // A wrong unit and the like is the better thing to say.
        self.expr(head.clone())?;
        let end = (span.end + self.base) as usize;
        if !self.code[end..].trim_start().is_empty() {
            return self.unexpected(end);
        }
        // What has no name after a whole statement was meant as more of that statement.
        if self.base > 0 {
            return self.unexpected(self.base as usize);
        }
        let text = head.as_str();
        if let "play" | "stop" | "mute" | "solo" | "record" | "export" = text {
            return self.fail(
                "syntax",
                span,
                format!("`{text}` of what?"),
                format!("name a track or a scene: `{text} drums`"),
            );
        }
        if let Some(example) = recover::setting_example(text) {
            return self.fail("syntax", span, format!("`{text}` wants a value"), format!("write `{example}`"));
        }
        let shown = if text.len() <= 40 && !text.contains('\n') { text } else { ".." };
        self.fail("syntax", span, "this line has no name, so nothing plays it", format!("give it one: `out = {shown}`"))
    }

    /// `name = body` or `name(params) = body`
    pub(crate) fn def(&mut self, head: Pair, body: Pair) -> Built<Def> {
        let doc = doc::above(self.text, head.as_span().start());
        let span = self.span(&head);
        let mut parts = head.into_inner();
        let first = next(&mut parts);
        let name = match first.as_rule() {
            Rule::name | Rule::sharp => self.name(&first)?,
            Rule::quantity => {
                let name = first.as_str();
                let message = format!("a name cannot begin with a digit: `{name}`");
                return self.fail("syntax", self.span(&first), message, format!("call it `x{name}`"));
            }
            _ => {
                return self.fail(
                    "syntax",
                    span,
                    "left of `=` stands the name that is defined, and nothing else",
                    "write `name = ..` or `name(a, b) = ..`; to compare, write `==`",
                );
            }
        };
        let params = match parts.next() {
            None => None,
            Some(call) if call.as_rule() == Rule::call && parts.next().is_none() => Some(self.params(call)?),
            Some(other) if other.as_rule() == Rule::prime => {
                let message = format!("`{0}'` is what `{0}` was one sample ago, it cannot be set", name.name);
                return self.fail("syntax", span, message, format!("define `{} = ..`", name.name));
            }
            Some(other) if other.as_rule() == Rule::field => {
                return self.fail(
                    "syntax",
                    span,
                    "a value inside another one cannot be set here",
                    "give the parameter where its owner is used, or write `automate`",
                );
            }
            Some(_) => {
                return self.fail(
                    "syntax",
                    span,
                    "left of `=` stands the name that is defined, and nothing else",
                    "write `name = ..` or `name(a, b) = ..`; to compare, write `==`",
                );
            }
        };
        Ok(Def { name, params, body: self.expr(body)?, doc })
    }

    fn params(&mut self, call: Pair) -> Built<Vec<Param>> {
        call.into_inner().map(|arg| self.param(arg)).collect()
    }

    fn param(&mut self, arg: Pair) -> Built<Param> {
        let span = self.span(&arg);
        let mut inner = arg.into_inner();
        let name = next_if(&mut inner, Rule::ident);
        let expr = next(&mut inner);
        let mut words = expr.into_inner();
        let word = next(&mut words);
        let (name, ty) = match name {
            None if matches!(word.as_rule(), Rule::name | Rule::sharp) && words.is_empty() => (self.name(&word)?, None),
            Some(name) if word.as_rule() == Rule::name => {
                let channels = next_if(&mut words, Rule::index);
                let channels = channels.map(|pair| self.expr(next(&mut pair.into_inner()))).transpose()?;
                if !words.is_empty() {
                    return self.bad_param(span);
                }
                (self.name(&name)?, Some((self.word(&word), channels)))
            }
            _ => return self.bad_param(span),
        };
        let mut param = Param { name, ty, default: None, range: None };
        for part in inner {
            let is_default = part.as_rule() == Rule::default;
            let mut inner = part.into_inner();
            let expr = self.expr(next(&mut inner))?;
            if is_default {
                param.default = Some(expr);
                continue;
            }
            let span = expr.span;
            let ExprKind::Binary { op: BinaryOp::Range, left, right } = expr.kind else {
                return self.fail("syntax", span, "after `in` stands a range", "write `in 20hz..20khz`");
            };
            param.range = Some(Range { low: *left, high: *right, log: inner.next().is_some() });
        }
        Ok(param)
    }

    fn bad_param<T>(&self, span: Span) -> Built<T> {
        self.fail(
            "syntax",
            span,
            "this is not the name of a parameter",
            "a parameter is `cutoff`, `cutoff = 1khz` or `cutoff: hz = 1khz in 20hz..20khz log`",
        )
    }

    /// A word, whatever it is.
    pub(crate) fn word(&self, pair: &Pair) -> Ident {
        Ident { name: pair.as_str().to_string(), span: self.span(pair) }
    }

    /// A word that names something: not a note, not a word of the language.
    pub(crate) fn name(&self, pair: &Pair) -> Built<Ident> {
        let word = pair.as_str();
        let span = self.in_chunk(self.span(pair));
        if note_number(word).is_some() {
            return Err(Box::new(recover::note_name(word, span)));
        }
        if is_reserved(word) {
            return Err(Box::new(recover::reserved_name(word, span)));
        }
        Ok(self.word(pair))
    }

    /// `bass.cutoff`
    fn dotted(&self, pair: &Pair) -> Vec<Ident> {
        let mut start = self.span(pair).start;
        let mut path = Vec::new();
        for name in pair.as_str().split('.') {
            let end = start + name.len() as u32;
            path.push(Ident { name: name.to_string(), span: Span { start, end } });
            start = end + 1;
        }
        path
    }
}
