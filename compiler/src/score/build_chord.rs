//! Building a score: patterns chosen by value, chords, tunings.
//!
//! [`ScoreBuilder::inner`] makes any argument patternable: the caller builds one pattern for each value of the argument.

use super::node::{Kind, List, Map};
use super::query_more::MAX_PIECES;
use super::{PatId, ScoreBuilder, Value, chords};
use crate::lang::Span;
use crate::lang::diag::Severity;
use crate::lang::pattern::{Element, PatternError};

/// Octave that chords of symbols stand in.
pub const CHORD_OCTAVE: i32 = 3;

impl ScoreBuilder {
    /// Plays the pattern of the value that `selector` has: `pats[i]` for `keys[i]`. Events keep the wholes of what is chosen. A
    /// number that is no key takes the nearest.
    pub fn inner(&mut self, selector: PatId, keys: &[Value], pats: &[PatId]) -> PatId {
        match pats {
            [] => self.silence(),
            [one] if matches!(self.kind(selector), Kind::Pure { .. }) => *one,
            _ => {
                let (keys, list) = (self.values(keys), self.list(pats));
                self.add(Kind::Inner { selector, keys, list })
            }
        }
    }

    /// Replaces values: `keys[i]` by `to[i]`. Others stay, or drop out.
    pub fn lookup(&mut self, p: PatId, keys: &[Value], to: &[Value], drop: bool) -> PatId {
        let (keys, to) = (self.values(keys), self.values(to));
        self.add(Kind::Lookup { p, keys, to, drop })
    }

    /// Changes each value by itself.
    pub fn map(&mut self, p: PatId, f: Map) -> PatId {
        self.add(Kind::Map { p, f })
    }

    /// Scales the velocity of all events.
    pub fn accent(&mut self, p: PatId, by: f32) -> PatId {
        if by == 1.0 { p } else { self.add(Kind::Accent { p, by }) }
    }

    /// Cuts each cycle into `n` pieces and plays each once, in an order of chance.
    pub fn shuffle(&mut self, n: i64, p: PatId, seed: u64) -> PatId {
        self.pieces(n, p, seed, true)
    }

    /// Cuts each cycle into `n` pieces and plays any of them, `n` a cycle.
    pub fn scramble(&mut self, n: i64, p: PatId, seed: u64) -> PatId {
        self.pieces(n, p, seed, false)
    }

    fn pieces(&mut self, n: i64, p: PatId, seed: u64, each_once: bool) -> PatId {
        match n {
            ..=0 => self.silence(),
            1 => p,
            n => self.add(Kind::Shuffle { p, n: n.min(MAX_PIECES as i64) as u32, seed, each_once }),
        }
    }

    /// At each moment the value of one of several, by chance: a signal, to be sampled.
    pub fn choose_at(&mut self, pats: &[PatId], seed: u64) -> PatId {
        let list = self.list(pats);
        self.add(Kind::ChooseAt { list, seed })
    }

    /// The notes that sound together one by one: `index` says which, and when. Numbers wrap.
    pub fn arp(&mut self, p: PatId, index: PatId) -> PatId {
        self.add(Kind::Arp { p, index })
    }

    /// Notes become keys of a tuning. `steps` are semitones above `root` (a MIDI number) within `period`; plain numbers count keys
    /// from the root.
    pub fn tune(&mut self, p: PatId, root: f64, steps: &[f64], period: f64) -> PatId {
        let start = self.score.tables.len() as u32;
        self.score.tables.extend_from_slice(steps);
        let steps = List { start, len: steps.len() as u32 };
        self.add(Kind::Tune { p, root, steps, period })
    }

    /// Words that are chord symbols become their notes, as `notes` places them: root (semitones above c) and notes above it to
    /// MIDI numbers. The words that are no symbols come back.
    pub fn chord_symbols(&mut self, p: PatId, notes: &dyn Fn(f64, &[f64]) -> Vec<f64>) -> (PatId, Vec<String>) {
        let mut unknown = Vec::new();
        let mut known: Vec<(Value, Vec<f64>)> = Vec::new();
        for sym in self.score.words(p) {
            let text = self.score.word(sym).to_owned();
            match chords::symbol(&text) {
                Some((root, above)) => known.push((Value::Word(sym), notes(root, &above))),
                None => unknown.push(text),
            }
        }
        let most = known.iter().map(|(_, notes)| notes.len()).max().unwrap_or(0);
        let voices: Vec<PatId> = (0..most)
            .map(|i| {
                let with = known.iter().filter_map(|(key, notes)| Some((*key, Value::Note(*notes.get(i)?))));
                let (keys, to): (Vec<Value>, Vec<Value>) = with.unzip();
                self.lookup(p, &keys, &to, true)
            })
            .collect();
        (self.stack(&voices), unknown)
    }

    /// `c'maj'i`: chords on the notes of `p`.
    pub(super) fn mini_chord(
        &mut self,
        p: PatId,
        parts: &[Element],
        span: Span,
        make: &mut dyn FnMut(&mut Self, &Element) -> PatId,
    ) -> PatId {
        for sym in self.score.words(p) {
            if self.score.word_notes.get(usize::from(sym.0)).is_none_or(Option::is_none) {
                let message = format!("a chord stands on a note, and `{}` is none", self.score.word(sym));
                self.complain(span, message, "write `c'maj` or `e3'min7`");
                return self.silence();
            }
        }
        let Some((name, modifiers)) = parts.split_first() else { return p };
        let mut read = Vec::with_capacity(parts.len());
        read.push(self.part(name, make));
        for modifier in modifiers {
            read.push(self.part(modifier, make));
        }
        self.chord_parts(p, &read, Vec::new(), span)
    }

    /// A part of a chord: a word, or a pattern of words.
    fn part(&mut self, element: &Element, make: &mut dyn FnMut(&mut Self, &Element) -> PatId) -> Part {
        match element {
            Element::Atom(atom) => Part::Word(atom.text.clone(), atom.span),
            other => Part::Pattern(make(self, other)),
        }
    }

    /// Applies the parts of a chord one after another; the first is its name.
    fn chord_parts(&mut self, p: PatId, parts: &[Part], notes: Vec<f64>, span: Span) -> PatId {
        let Some((part, rest)) = parts.split_first() else {
            let voices: Vec<PatId> = notes
                .iter()
                .map(|n| {
                    let up = self.pure(Value::Num(*n));
                    self.binop(super::Operator::Add, p, up)
                })
                .collect();
            return self.stack(&voices);
        };
        match part {
            Part::Word(word, at) => match next_notes(&notes, word) {
                Some(notes) => self.chord_parts(p, rest, notes, span),
                None => {
                    if notes.is_empty() {
                        let message = format!("no chord is called `{word}`");
                        self.complain(*at, message, "some chords: maj min maj7 min7 dom7 dim aug sus4 add9 m7b5");
                    } else {
                        let message = format!("`{word}` does nothing to a chord");
                        self.complain(
                            *at,
                            message,
                            "write a number of notes, `i` to invert, `o` to open, `d1` to drop a note",
                        );
                    }
                    self.silence()
                }
            },
            Part::Pattern(selector) => {
                let selector = *selector;
                let Some(keys) = self.score.values(selector) else {
                    self.complain(span, "this chord changes in too many ways".into(), "use fewer names");
                    return self.silence();
                };
                let pats: Vec<PatId> = keys
                    .iter()
                    .map(|key| {
                        let word = super::value_text(&self.score, *key);
                        let mut all = vec![Part::Word(word, span)];
                        all.extend_from_slice(rest);
                        self.chord_parts(p, &all, notes.clone(), span)
                    })
                    .collect();
                self.inner(selector, &keys, &pats)
            }
        }
    }

    fn complain(&mut self, span: Span, message: String, help: &str) {
        self.complaints.push(PatternError { severity: Severity::Error, span, message, help: Some(help.to_owned()) });
    }
}

#[derive(Clone)]
enum Part {
    Word(String, Span),
    Pattern(PatId),
}

/// The notes after one more part.
fn next_notes(notes: &[f64], word: &str) -> Option<Vec<f64>> {
    if notes.is_empty() {
        return chords::chord(word);
    }
    let mut notes = notes.to_vec();
    chords::modify(&mut notes, word).map(|()| notes)
}
