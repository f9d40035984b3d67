//! Time anchors: moments of a recording that are kept on the beats of the session, or on the sections of its song.
//!
//! `anchors(slot, 0.1s, 2.02s, 3.9s, every: 1bar)` says where bars begin in a recording that nobody played to a click; it goes round from
//! the first moment to the last. `anchors(slot, intro: 0.3s, verse: 14.1s)` names moments after sections of the song: each is heard where
//! its section begins, once, as the song goes. The recording is laid out once at its own pitch, so that its beats are even at the tempo of
//! the text; when the tempo moves it stays on them, as `warp` does.

use crate::front::builtins::Call;
use crate::front::call::Want;
use crate::front::elab::Elab;
use crate::front::names;
use crate::front::outside::take;
use crate::front::strips::{File, origin};
use crate::front::value::*;
use crate::program::UnitKind;
use crate::score::{self, Ratio};
use modurust_lang::Span;
use modurust_lang::ast::Item;
use modurust_lang::units::Dim;
use std::sync::Arc;

/// How much longer or shorter a part of a recording may become.
const RANGE: (f64, f64) = (0.125, 8.0);

/// A moment of a recording, in seconds, and its place in bars.
struct Anchor {
    moment: f64,
    bars: Ratio,
    span: Span,
}

impl<'a> Elab<'a> {
    /// Where sections of the first song begin; the first of a name counts.
    pub(super) fn find_sections(&mut self, files: &'a [File]) {
        let stmts = files.iter().filter(|f| !f.used).flat_map(|f| &f.stmts);
        let Some((stmt, sections)) = stmts.into_iter().find_map(|stmt| match &*stmt.item {
            Item::Arrange { sections, .. } => Some((stmt, sections)),
            _ => None,
        }) else {
            return;
        };
        self.at = origin(stmt);
        let (scope, mut at) = (self.root, Ratio::ZERO);
        for section in sections {
            if !self.sections.iter().any(|(name, _)| *name == section.scene.name) {
                self.sections.push((section.scene.name.clone(), at));
            }
            let Some(length) = self.position(scope, &section.length) else { return };
            at = at + length.bars(self.bars_per_second());
        }
    }

    /// The moments that a call gives, in order; nothing if one of them is wrong, which is told.
    fn anchors_of(&mut self, call: &mut Call<'a>, every: Ratio) -> Option<Vec<Anchor>> {
        let mut anchors: Vec<Anchor> = Vec::new();
        let mut named = None;
        // Nobody notes what is asked of the song, so this is asked anew for every text.
        self.parts.asks_the_song();
        for (name, item) in call.rest() {
            let arg = self.item(item, call.scope);
            let span = arg.span;
            if *named.get_or_insert(name.is_some()) != name.is_some() {
                self.error("type", span, "some of these moments have names and some have not").help =
                    Some("name all of them after sections, or give those of bars that follow each other".into());
                return None;
            }
            let moment = match self.coerce(arg, Want::Dim(Dim::Time), "anchors", "moment") {
                Value::Num(num) if (0.0..=4000.0).contains(&num.value) => num.value,
                Value::Broken => return None,
                _ => {
                    self.error("type", span, "an anchor is a moment of the recording").help =
                        Some("write it in seconds from its start: `2.31s`".into());
                    return None;
                }
            };
            let bars = match name {
                None => every * Ratio::int(anchors.len() as i64),
                Some(name) => match self.sections.iter().find(|(section, _)| section == name) {
                    Some((_, bars)) => *bars,
                    None => {
                        let all: Vec<&str> = self.sections.iter().map(|(name, _)| name.as_str()).collect();
                        let help = match names::closest(name, all.iter().copied()) {
                            Some(close) => format!("did you mean `{close}`?"),
                            None if all.is_empty() => "write a song: `arrange { intro 8bars  verse 16bars }`".into(),
                            None => format!("it has: {}", all.join(", ")),
                        };
                        self.error("name", span, format!("the song has no section `{name}`")).help = Some(help);
                        return None;
                    }
                },
            };
            anchors.push(Anchor { moment, bars, span });
        }
        anchors.sort_by_key(|anchor| anchor.bars);
        if anchors.len() < if named == Some(true) { 1 } else { 2 } {
            self.error("arity", call.span, "`anchors` wants the moments of two bars at least").help =
                Some(format!("write `{}`", call.signature));
            return None;
        }
        let bar = self.beats_per_bar().to_f64() * 60.0 / self.bpm().to_f64();
        for pair in anchors.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            let factor = (b.bars - a.bars).to_f64() * bar / (b.moment - a.moment);
            let (wrong, help) = if b.moment <= a.moment {
                ("this moment does not come after the one before it", "give the moments as they follow each other")
            } else if !(RANGE.0..=RANGE.1).contains(&factor) {
                ("the recording would be stretched too far here", "a part may become 8 times as long or as short")
            } else {
                continue;
            };
            let span = if a.moment >= b.moment && a.span.start > b.span.start { a.span } else { b.span };
            self.error("type", span, wrong).help = Some(help.into());
            return None;
        }
        Some(anchors)
    }
}

/// `anchors(slot, 0s, 1.9s, .., every: 1bar)`, `anchors(slot, intro: 0.3s, verse: 14.1s)`
pub(super) fn anchors<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let slot = take!(e.slot_arg(call, "slot"));
    let every = match call.take_named("every") {
        Some(item) => {
            let arg = e.item(item, call.scope);
            take!(e.length_in_bars(arg, "anchors", "every"))
        }
        None => Ratio::ONE,
    };
    let by_name = call.is_named();
    let anchors = take!(e.anchors_of(call, every));
    let beat = 60.0 / e.bpm().to_f64();
    let beats = |bars: Ratio| (bars * e.beats_per_bar()).to_f64();
    let micro = |seconds: f64| (seconds * 1e6).round().clamp(0.0, f64::from(u32::MAX)) as u32;
    let moved = anchors.iter().map(|a| [micro(a.moment), micro(beats(a.bars) * beat)]).collect();
    let round = if by_name { 0.0 } else { beats(every) * (anchors.len() - 1) as f64 };
    let slot = Value::Slot(Arc::new(Sample { anchors: moved, ..Sample::clone(&slot) }));
    let own = Value::Num(Num::new(beat, Dim::Time, 0));
    let one = e.score.pure(score::Value::Num(0.0));
    let per_bar = e.beats_per_bar();
    let pattern = e.score.fast(one, per_bar);
    let given = vec![("slot", slot), ("own", own), ("pieces", Value::Num(Num::constant(round)))];
    e.played((pattern, "sampleanchored"), (UnitKind::Mono, 1, true), given, call.span)
}
