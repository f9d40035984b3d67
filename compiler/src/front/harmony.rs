//! Harmony: scales, chords, arpeggios, tunings.
//!
//! Chord symbols are words (`"<C^7 A7 Dm7 G7>"`); a chord, a voicing and a bass line are three readings of them, so that
//! `chord`, `voicing` and `rootNotes` may stand on one pattern.

use crate::front::builtins::{Call, Item};
use crate::front::call::ArgVal;
use crate::front::elab::Elab;
use crate::front::pattern_fns::{Amount, done};
use crate::front::scope::ScopeId;
use crate::front::value::*;
use crate::score::{self, CHORD_OCTAVE, PatId};
use modurust_lang::ast::{Expr, ExprKind};
use modurust_lang::source::Span;
use modurust_lang::units::Dim;

/// `scale(a1, minor)`, `scale("<c3 a2>", "<major minor>")`, `scale('c4:minor')`, `scale(c3, major, tuning: 'just.scl')`
pub(super) fn scale<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    done(scale_of(e, call))
}

/// The steps that a scale may have: always the same, or by the words of a pattern.
enum Steps {
    Fixed(Vec<f64>),
    Words(PatId, Span),
}

fn scale_of<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<PatId> {
    let pattern = e.input(call)?;
    let root = e.want(call, "root")?;
    let (root, steps) = match root.value {
        // Root and name in one, as elsewhere: 'c4:minor'.
        Value::Text(ref text) => {
            let (note, name) = text.split_once(':').unwrap_or((text, "major"));
            let Some(note) = score::harmony::note_number(note) else {
                e.error("name", root.span, format!("`{note}` is no note to stand a scale on")).help =
                    Some("write `scale(a1, minor)` or `scale('a1:minor')`".into());
                return None;
            };
            (Amount::Fixed(note), Steps::Fixed(e.named_steps(name, root.span)?))
        }
        Value::Num(num) if matches!(num.dim, Dim::Pitch | Dim::None) => {
            (Amount::Fixed(num.value), e.scale_steps(call)?)
        }
        Value::Pat(pattern) => (Amount::Pattern(pattern, root.span), e.scale_steps(call)?),
        other => {
            let article = other.article();
            e.error("type", root.span, format!("a scale stands on a note, got {article}")).help =
                Some("write `scale(a1, minor)`".into());
            return None;
        }
    };
    let tuning = match call.take_named("tuning") {
        None => e.default_tuning(),
        Some(Item::Expr(expr)) if e.is_unquoted(call.scope, expr, call.name, "a text for `tuning`", ".scl") => {
            return None;
        }
        Some(item) => {
            let arg = e.item(item, call.scope);
            Some(e.tuning(&arg)?)
        }
    };
    e.over(root, &mut |e, root| match &steps {
        Steps::Fixed(steps) => Some(e.tuned_scale(pattern, root, steps, tuning.as_deref())),
        Steps::Words(words, span) => e.over_values(*words, *span, &mut |e, value| {
            let name = score::value_text(e.score.score(), value);
            let steps = e.named_steps(&name, *span)?;
            Some(e.tuned_scale(pattern, root, &steps, tuning.as_deref()))
        }),
    })
}

/// `"<C Am>" >> chord`: the notes of chord symbols, from the root up.
pub(super) fn chord<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some((symbols, span)) = symbols(e, call) else { return Value::Broken };
    let base = f64::from(12 * (CHORD_OCTAVE + 1));
    let notes = e.chord_notes(symbols, span, &|root, above| above.iter().map(|n| base + root + n).collect());
    if let Some(notes) = notes {
        e.symbols.insert(notes, symbols);
    }
    done(notes)
}

/// `"<C^7 A7>" >> voicing`: the notes of chord symbols, close together below a top note.
pub(super) fn voicing<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some((symbols, span)) = symbols(e, call) else { return Value::Broken };
    let top = match call.take("top") {
        None => 72.0,
        Some(item) => match e.item(item, call.scope).value {
            Value::Num(num) if matches!(num.dim, Dim::Pitch | Dim::None) => num.value,
            _ => {
                e.error("type", call.span, "the top of a voicing is a note").help =
                    Some("write `voicing(top: c5)`".into());
                return Value::Broken;
            }
        },
    };
    let notes = e.chord_notes(symbols, span, &|root, above| score::chords::voicing(root, above, top));
    if let Some(notes) = notes {
        e.symbols.insert(notes, symbols);
    }
    done(notes)
}

/// `"<C^7 A7>" >> rootNotes(2)`: the roots of chord symbols.
pub(super) fn root_notes<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some((symbols, span)) = symbols(e, call) else { return Value::Broken };
    let octave = match call.left() {
        0 => Some(Amount::Fixed(2.0)),
        _ => e.amount(call, "octave"),
    };
    let Some(octave) = octave else { return Value::Broken };
    done(e.over(octave, &mut |e, octave| {
        e.chord_notes(symbols, span, &|root, _| vec![root + 12.0 * (octave.floor() + 1.0)])
    }))
}

/// The pattern of chord symbols of a call: its input, or what the notes of its input were made from.
fn symbols<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<(PatId, Span)> {
    let arg = e.want(call, "pattern")?;
    let pattern = e.pattern(arg.value, arg.span)?;
    Some((e.symbols.get(&pattern).copied().unwrap_or(pattern), arg.span))
}

/// `arp("0 1 2 3")`: notes that sound together, one by one.
pub(super) fn arp<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let run = |e: &mut Elab<'a>, call: &mut Call<'a>| {
        let pattern = e.input(call)?;
        let index = e.want(call, "index")?;
        let index = e.pattern(index.value, index.span)?;
        Some(e.score.arp(pattern, index))
    };
    done(run(e, call))
}

/// `tuning('just.scl')`, `tuning(19)`: notes as keys of a tuning that stands on `root`.
pub(super) fn tuning<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let run = |e: &mut Elab<'a>, call: &mut Call<'a>| {
        let pattern = e.input(call)?;
        let arg = e.want(call, "tuning")?;
        let keys = e.tuning(&arg)?;
        let root = match call.take("root") {
            None => 60.0,
            Some(item) => {
                let arg = e.item(item, call.scope);
                let Value::Num(num) = arg.value else {
                    e.error("type", arg.span, "a tuning stands on a note").help = Some("write `root: c4`".into());
                    return None;
                };
                num.value
            }
        };
        let period = keys.last().copied().unwrap_or(12.0);
        let mut steps = vec![0.0];
        steps.extend_from_slice(&keys[..keys.len() - 1]);
        Some(e.score.tune(pattern, root, &steps, period))
    };
    done(run(e, call))
}

/// `transpose(7)`, `transpose("<0 5>")`: moves notes by semitones.
pub(super) fn transpose<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let run = |e: &mut Elab<'a>, call: &mut Call<'a>| {
        let pattern = e.input(call)?;
        let by = e.want(call, "interval")?;
        let by = e.pattern_operand((by.value, by.span))?;
        Some(e.score.binop(score::Operator::Add, pattern, by))
    };
    done(run(e, call))
}

impl<'a> Elab<'a> {
    /// Symbols as notes; those that nobody knows are told.
    fn chord_notes(&mut self, symbols: PatId, span: Span, notes: &dyn Fn(f64, &[f64]) -> Vec<f64>) -> Option<PatId> {
        let (pattern, unknown) = self.score.chord_symbols(symbols, notes);
        if let Some(word) = unknown.first() {
            self.error("name", span, format!("no chord is called `{word}`")).help =
                Some("write chords as on a lead sheet: `\"<C Am7 F^7 G7sus4>\"`".into());
            return None;
        }
        Some(pattern)
    }

    /// A scale in equal temperament, or with its keys at the places that a tuning gives them.
    fn tuned_scale(&mut self, pattern: PatId, root: f64, steps: &[f64], tuning: Option<&[f64]>) -> PatId {
        let Some(tuning) = tuning else { return self.score.scale(pattern, root, steps, 12.0) };
        // A tuning of n notes a period replaces the keys that the scale counts.
        let period = tuning.last().copied().unwrap_or(12.0);
        let keys = tuning.len();
        let tuned = steps.iter().map(|&step| {
            let key = step.round().max(0.0) as usize;
            let (turns, key) = (key / keys, key % keys);
            turns as f64 * period + if key == 0 { 0.0 } else { tuning[key - 1] }
        });
        let tuned = tuned.collect::<Vec<_>>();
        self.score.scale(pattern, root, &tuned, period)
    }

    /// The steps of the scale of a name.
    fn named_steps(&mut self, name: &str, span: Span) -> Option<Vec<f64>> {
        if let Some(steps) = score::harmony::scale(name) {
            return Some(steps.to_vec());
        }
        let known = score::harmony::SCALES.iter().map(|(n, _)| *n);
        let help = match crate::front::names::closest(name, known) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "some scales: major, minor, dorian, phrygian, lydian, mixolydian, pentatonic".into(),
        };
        self.error("name", span, format!("no scale is called `{name}`")).help = Some(help);
        None
    }

    /// The steps of a scale: a name, a name in quotes, an array of semitones, or a pattern of names.
    fn scale_steps(&mut self, call: &mut Call<'a>) -> Option<Steps> {
        let Some(item) = call.take("name") else {
            self.error("arity", call.span, "`scale` wants the name of a scale").help =
                Some("write `scale(a1, minor)`".into());
            return None;
        };
        let (span, scope): (Span, ScopeId) = (item.span(), call.scope);
        let name = match &item {
            Item::Expr(Expr { kind: ExprKind::Name(name) | ExprKind::Text(name), .. }) => Some(name.clone()),
            _ => None,
        };
        if let Some(name) = name
            && (score::harmony::scale(&name).is_some() || self.scopes.find(scope, &name).is_none())
        {
            return self.named_steps(&name, span).map(Steps::Fixed);
        }
        let arg = self.item(item, scope);
        match arg.value {
            Value::Text(name) => return self.named_steps(&name, span).map(Steps::Fixed),
            Value::Pat(words) => return Some(Steps::Words(words, span)),
            Value::Array(items) => {
                let steps = items.iter().map(|v| if let Value::Num(n) = v { Some(n.value) } else { None });
                if let Some(steps) = steps.collect::<Option<Vec<_>>>()
                    && !steps.is_empty()
                {
                    return Some(Steps::Fixed(steps));
                }
            }
            Value::Broken => return None,
            _ => {}
        }
        self.error("type", arg.span, "a scale is a name or a list of semitones").help =
            Some("write `minor` or `[0, 3, 5, 7, 10]`".into());
        None
    }

    /// The keys of a tuning in semitones above the root, the period last: a Scala file, or so many equal steps an octave.
    pub(super) fn tuning(&mut self, arg: &ArgVal<'a>) -> Option<Vec<f64>> {
        if let Value::Num(num) = &arg.value {
            if num.value.fract() == 0.0 && (1.0..=1024.0).contains(&num.value) {
                let n = num.value as u32;
                return Some((1..=n).map(|k| 12.0 * f64::from(k) / f64::from(n)).collect());
            }
            self.error("type", arg.span, "an octave is cut into 1 to 1024 equal steps").help =
                Some("write `tuning(19)`".into());
            return None;
        }
        let Value::Text(name) = &arg.value else {
            if !matches!(arg.value, Value::Broken) {
                self.error("type", arg.span, "a tuning is a Scala file").help =
                    Some("write `tuning: 'just.scl'`".into());
            }
            return None;
        };
        let file = self.sources_dir(name);
        let text = match self.read_file(&file) {
            Ok(text) => text,
            Err(why) => {
                let message =
                    format!("the tuning `{name}` cannot be read: {why}; equal temperament plays in its place");
                self.warn("silent", arg.span, message).help = Some("put the file beside the patch".into());
                return Some((1..=12).map(f64::from).collect());
            }
        };
        match crate::front::tuning::scala(&text) {
            Ok(keys) => Some(keys),
            Err(why) => {
                self.error("file", arg.span, format!("`{name}` is not a Scala tuning: {why}")).help =
                    Some("a tuning has a name line, the number of notes, and one line per note".into());
                None
            }
        }
    }
}
