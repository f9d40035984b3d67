//! Patterns as text: for the command line, tests and messages.
//!
//! A player who wonders what a notation means asks for its onsets and sees begin, end and value of each, times as exact
//! fractions of a cycle. Values are written the way one writes them in a pattern.

use super::{Event, EventBuf, Ratio, Score, ScoreBuilder, Value, harmony};
use crate::lang::pattern::{self, PatternError};

/// An onset in plain words: begin, end, value, bytes of its atom.
pub type TextEvent = (Ratio, Ratio, String, (u32, u32));

/// Why a text has no onsets.
#[derive(Clone, Debug, PartialEq)]
pub enum TextError {
    /// It could not be read; warnings are left out.
    Syntax(Vec<PatternError>),
    /// More events, or deeper nesting, than can be listed.
    TooDense,
}

/// Most events that [`onsets_of`] lists.
const MAX_EVENTS: usize = 100_000;

/// The onsets of a text in its first cycles, in order of begin, end and value.
pub fn onsets_of(text: &str, cycles: u32) -> Result<Vec<TextEvent>, TextError> {
    let (mini, errors) = pattern::parse(text);
    let errors: Vec<PatternError> = errors.into_iter().filter(PatternError::is_error).collect();
    if !errors.is_empty() {
        return Err(TextError::Syntax(errors));
    }
    let mut builder = ScoreBuilder::new(0);
    let pat = builder.mini(&mini, 0, 0);
    let complaints = builder.take_complaints();
    if !complaints.is_empty() {
        return Err(TextError::Syntax(complaints));
    }
    if builder.overflowed() {
        return Err(TextError::TooDense);
    }
    let score = builder.finish();
    let mut out = EventBuf::new(16_384);
    let mut onsets = Vec::new();
    for cycle in 0..i64::from(cycles) {
        out.clear();
        score.query(pat, Ratio::int(cycle), Ratio::int(cycle + 1), &mut out);
        if out.lost() > 0 || onsets.len() > MAX_EVENTS {
            return Err(TextError::TooDense);
        }
        onsets.extend(out.onsets().map(|e| (e.whole.0, e.whole.1, event_text(&score, e), e.source)));
    }
    onsets.sort();
    Ok(onsets)
}

/// The value of an event as one writes it, lists joined by colons: `bd:3`.
pub fn event_text(score: &Score, event: &Event) -> String {
    let mut text = value_text(score, event.value);
    for value in event.tail.values() {
        text.push(':');
        text.push_str(&value_text(score, *value));
    }
    text
}

/// A value as one writes it: `0.5`, `7`, `bd`, `c#4`, `440hz`.
pub fn value_text(score: &Score, value: Value) -> String {
    match value {
        Value::Num(x) => format!("{x}"),
        Value::Note(n) if n.fract() == 0.0 => harmony::note_name(n),
        Value::Note(n) => format!("note {n}"),
        Value::Freq(hz) => format!("{hz}hz"),
        Value::Word(s) => score.word(s).to_owned(),
    }
}
