//! A value under another name: every statement that names it is another text, and all of them say what they said.
//!
//! That is so if one definition of a value is gone and one has come, if these are equal but for the name, and if the text never spoke of
//! the new name before, and speaks of the old one no more. Then the statements in which only that word is another keep their places
//! ([`super::places`]), and what was made of them is spoken of by the new name: what parts and calls asked for, the last value of the
//! name, and the hashes by which calls of one function are told apart, since arguments are hashed as they are written.
//!
//! The definition itself is elaborated again. Mostly its value comes out the same, as after any other edit, and no user is touched. Where
//! the name matters, as it does to chance in a pattern, the users are elaborated again as well.

use crate::front::calls::Noted;
use crate::front::glance::hash_spelt;
use crate::front::kept::Arenas;
use crate::front::parts::LAMBDA;
use crate::front::scope::TopName;
use crate::front::validity::{Ask, Seen};
use crate::front::value::{hash_text, mix};
use crate::graph::FrameId;
use modurust_lang::ast::{ExprKind, Item};
use modurust_lang::respell::Respell;
use modurust_lang::token::{Kind, tokens};
use modurust_lang::visit;
use modurust_lang::{Diagnostic, Span};
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;

/// A rename between two texts.
#[derive(Debug)]
pub(super) struct Renamed {
    from: String,
    to: String,
    /// Statements that speak of it: as they were, and as they are.
    pub forms: HashMap<u64, u64>,
    /// The same of what tells calls apart.
    hints: HashMap<u64, u64>,
}

/// True if a text speaks of a name.
fn speaks_of(text: &str, name: &str) -> bool {
    text.contains(name) && tokens(text).any(|t| t.kind == Kind::Word && t.text(text) == name)
}

/// Where a statement speaks of a name, in the order of the text.
fn spans_of(item: &Item, name: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    visit::exprs(item, &mut |expr| {
        if matches!(&expr.kind, ExprKind::Name(known) if known == name) {
            spans.push(expr.span);
        }
    });
    spans.extend(item.name().filter(|own| own.name == name).map(|own| own.span));
    spans.sort_unstable_by_key(|span| span.start);
    spans
}

impl Renamed {
    /// What was renamed, if that is all that became of a name: `gone` and `come` are definitions of values.
    pub fn new(gone: &str, come: &str, before: &[String], now: &[&str]) -> Option<Renamed> {
        let special = |name: &str| name == "out" || name.starts_with('_');
        let clear = !special(gone)
            && !special(come)
            && !before.iter().any(|text| speaks_of(text, come))
            && !now.iter().any(|text| speaks_of(text, gone));
        let (from, to) = (gone.to_string(), come.to_string());
        clear.then(|| Renamed { from, to, forms: HashMap::default(), hints: HashMap::default() })
    }

    pub fn to(&self) -> &str {
        &self.to
    }

    pub fn from(&self) -> &str {
        &self.from
    }

    /// A statement of the new text as one of the old, if that is what it is: the old tree with the new name, and for each place
    /// behind a name that was renamed, now or before (`known`), how far it is to the new text.
    pub fn spelt(&self, new: &Item, old: &Item, known: &[(u32, i64)]) -> Option<(Item, Vec<(u32, i64)>)> {
        let Renamed { from, to, .. } = self;
        // Names on the tape are as long as they were first, whatever they are called by now.
        let (here, there) = (spans_of(new, to), spans_of(old, from));
        if here.is_empty() || here.len() != there.len() {
            return None;
        }
        let length = |span: &Span| i64::from(span.end) - i64::from(span.start);
        let mut sum = 0;
        let mut longer: Vec<(u32, i64)> =
            known.iter().map(|(at, shift)| (*at, shift - std::mem::replace(&mut sum, *shift))).collect();
        longer.retain(|(at, _)| there.iter().all(|span| span.end != *at));
        longer.extend(here.iter().zip(&there).map(|(here, there)| (there.end, length(here) - length(there))));
        longer.sort_unstable();
        let total = |sum: &mut i64, (at, by): (u32, i64)| {
            *sum += by;
            Some((at, *sum))
        };
        let shifts: Vec<(u32, i64)> = longer.into_iter().scan(0, total).collect();
        let back = |at: u32| {
            let behind = shifts.partition_point(|(end, shift)| i64::from(*end) + shift <= i64::from(at));
            (i64::from(at) - behind.checked_sub(1).map_or(0, |last| shifts[last].1)) as u32
        };
        let (as_before, as_now) =
            (|word: &str| (word == to).then(|| from.clone()), |word: &str| (word == from).then(|| to.clone()));
        let before = Respell { word: &as_before, own: &as_before, place: &back }.item(new);
        if before != *old {
            return None;
        }
        let item = Respell { word: &as_now, own: &as_now, place: &|at| at }.item(old);
        Some((item, shifts))
    }

    /// Whether a message speaks of the old name, or might propose the new one.
    fn is_told_in(&self, said: &Diagnostic) -> bool {
        let texts = [Some(&said.message), said.label.as_ref(), said.help.as_ref(), said.note.as_ref()];
        said.is_error() || texts.into_iter().flatten().any(|text| speaks_of(text, &self.from))
    }

    /// A statement is this now, and was that.
    pub fn add(&mut self, old: &Arc<Item>, new: &Arc<Item>) {
        self.forms.insert(form(old), form(new));
        let Renamed { from, to, hints, .. } = self;
        visit::exprs(new, &mut |expr| {
            let ExprKind::Call { args, .. } = &expr.kind else { return };
            // As calls do it, with and without something piped in.
            for piped in [0, 1] {
                let hint = |spelt: &dyn Fn(&'_ str) -> bool| {
                    args.iter().fold(piped, |h, arg| {
                        mix(h, hash_spelt(&arg.value, &|name| if spelt(name) { from.as_str() } else { name }))
                    })
                };
                let (was, is) = (hint(&|name| name == to.as_str()), hint(&|_| false));
                if was != is {
                    hints.insert(was, is);
                }
            }
        });
    }
}

/// What a statement is known by as long as it says the same under the same names.
pub(super) fn form(item: &Arc<Item>) -> u64 {
    Arc::as_ptr(item).addr() as u64
}

impl Arenas {
    /// What is kept of the last text speaks of a value by its new name.
    pub fn rename(&mut self, renamed: &Renamed) {
        let (from, to) = (hash_text(&renamed.from), hash_text(&renamed.to));
        // By address: the old ones stay where they are as long as this table is.
        let mut noted: HashMap<usize, (Arc<Noted>, Arc<Noted>)> = HashMap::default();
        let spoken = |asks: &[(TopName, Seen)]| asks.iter().any(|ask| ask.0.1 == from || renamed.is_of(&ask.1));
        let live = std::mem::take(&mut self.parts.live);
        for key in &live {
            let Some(part) = self.parts.kept.get_mut(key) else { continue };
            // What it says may speak of the old name.
            if part.diagnostics.iter().any(|said| renamed.is_told_in(said)) {
                continue;
            }
            // What was renamed itself is elaborated again.
            let own = renamed
                .forms
                .get(&part.form)
                .copied()
                .filter(|_| *self.parts.names[part.word as usize] != *renamed.from);
            let direct = part
                .reads
                .iter()
                .any(|ask| matches!(ask, Ask::Name(name, seen) if name.1 == from || renamed.is_of(seen)));
            let mut touched = own.is_some() || direct;
            part.form = own.unwrap_or(part.form);
            if direct {
                let renew = |ask: &Ask| match *ask {
                    Ask::Name(name, seen) => Ask::Name(renamed.name(name, from, to), renamed.seen(seen)),
                    call => call,
                };
                part.reads = part.reads.iter().map(renew).collect();
            }
            for call in &mut part.calls {
                let old = &call.noted;
                if !spoken(old.reads()) && !renamed.forms.contains_key(&old.form) {
                    continue;
                }
                touched = true;
                let (_, new) = noted.entry(Arc::as_ptr(old).addr()).or_insert_with(|| {
                    let reads = old.reads().iter();
                    let reads = reads.map(|(name, seen)| (renamed.name(*name, from, to), renamed.seen(*seen)));
                    let form = renamed.forms.get(&old.form).copied().unwrap_or(old.form);
                    (Arc::clone(old), Arc::new(old.with(reads.collect(), form)))
                });
                call.noted = Arc::clone(new);
            }
            if touched && !renamed.hints.is_empty() {
                self.hint(*key, &renamed.hints);
            }
        }
        self.parts.live = live;
        self.parts.rename_last(from, to);
    }

    /// Gives the places of a part the hashes that its calls have now.
    fn hint(&mut self, key: u32, hints: &HashMap<u64, u64>) {
        let Some(part) = self.parts.kept.get_mut(&key) else { return };
        let ids = part.pieces.iter().flat_map(|(from, to)| from.frames..to.frames);
        let graph = &mut self.graph;
        let others: Vec<(FrameId, u64)> =
            ids.filter_map(|id| Some((FrameId(id), *hints.get(&graph.frames[id as usize].hint)?))).collect();
        if others.is_empty() {
            return;
        }
        let frames = Arc::make_mut(&mut graph.frames);
        others.iter().for_each(|(id, hint)| frames[id.index()].hint = *hint);
        self.parts.comes_again(key, HashMap::default());
    }
}

impl Renamed {
    fn is_of(&self, seen: &Seen) -> bool {
        match seen {
            Seen::Form(form) => self.forms.contains_key(form),
            Seen::Value(value) if value & LAMBDA > 0 => self.forms.contains_key(&(value & !LAMBDA)),
            _ => false,
        }
    }

    fn name(&self, name: TopName, from: u64, to: u64) -> TopName {
        if name.1 == from { TopName(name.0, to) } else { name }
    }

    fn seen(&self, seen: Seen) -> Seen {
        let form = |form: u64| self.forms.get(&form).copied().unwrap_or(form);
        match seen {
            Seen::Form(of) => Seen::Form(form(of)),
            Seen::Value(value) if value & LAMBDA > 0 => Seen::Value(form(value & !LAMBDA) | LAMBDA),
            seen => seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_lang::{FileId, Source, parse};

    fn read(text: &str) -> Item {
        (*parse::parse(FileId(0), &Source::new("a", text)).stmts[0].item).clone()
    }

    #[test]
    fn one_name_after_another_is_renamed_in_a_statement() {
        let renamed = |from: &str, to: &str| Renamed::new(from, to, &[], &[]).expect("nothing else is called so");
        let texts = ["a = lpf(cut, q: res) + cut * res", "a = lpf(bright, q: res) + bright * res"];
        let (tape, shifts) =
            renamed("cut", "bright").spelt(&read(texts[1]), &read(texts[0]), &[]).expect("only a name is another");
        assert_eq!(shifts, [(11, 3), (26, 6)]);
        // The second lies before and behind the first, and then the first is renamed again.
        let text = "a = lpf(bright, q: r) + bright * r";
        let (tape, shifts) = renamed("res", "r").spelt(&read(text), &tape, &shifts).expect("only a name is another");
        assert_eq!(shifts, [(11, 3), (19, 1), (26, 4), (32, 2)]);
        let text = "a = lpf(x, q: r) + x * r";
        let (_, shifts) = renamed("bright", "x").spelt(&read(text), &tape, &shifts).expect("only a name is another");
        assert_eq!(shifts, [(11, -2), (19, -4), (26, -6), (32, -8)]);
        assert!(renamed("bright", "x").spelt(&read("a = lpf(x, q: r) + x * 2"), &tape, &shifts).is_none());
    }
}
