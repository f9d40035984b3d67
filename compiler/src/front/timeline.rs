//! Clips, scenes, arrangements, automation and commands: from text to the data of [`crate::score::timeline`].
//!
//! A `clips` block is an expression and is met while its strip is elaborated. The statements are resolved afterwards, when every
//! set, strip and parameter is known; they may stand in any order and in any file of the session. A name that leads nowhere is
//! an error, unless the session has nothing of the kind at all: then the file is one of several that are opened together, and a
//! warning says what stays silent until they are.

use crate::front::elab::Elab;
use crate::front::names;
use crate::front::number::canonical;
use crate::front::scope::*;
use crate::front::strips::{File, origin};
use crate::front::value::*;
use crate::graph::ParamId;
use crate::score::timeline::*;
use crate::score::{self, Ratio};
use modurust_lang::ast::{self, Expr, ExprKind, Ident, Item};
use modurust_lang::units::{Dim, Unit};
use modurust_lang::{Span, Stmt};
use rustc_hash::FxHashMap as HashMap;

/// A parameter that has a name to be moved by.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// In the graph as it is elaborated.
    pub param: ParamId,
    /// What it measures.
    pub dim: Dim,
    /// From where to where it may be moved, as the code wants it.
    pub range: Option<(f32, f32)>,
}

/// Words after `then` that are no names.
fn follow_word(word: &str) -> Option<Follow> {
    Some(match word {
        "next" => Follow::Next,
        "prev" => Follow::Prev,
        "any" => Follow::Any,
        "again" => Follow::Again,
        "stop" => Follow::Stop,
        _ => return None,
    })
}

fn curve(curve: ast::Curve) -> score::Curve {
    match curve {
        ast::Curve::Lin => score::Curve::Lin,
        ast::Curve::Exp => score::Curve::Exp,
        ast::Curve::Hold => score::Curve::Hold,
        ast::Curve::Sine => score::Curve::Sine,
        ast::Curve::Spline => score::Curve::Spline,
    }
}

/// Even steps in dB or semitones are equal ratios of gain or frequency.
pub(super) fn curve_of(written: ast::Curve, dim: Dim) -> score::Curve {
    match (curve(written), dim) {
        (score::Curve::Lin, Dim::Gain | Dim::Pitch) => score::Curve::Exp,
        (other, _) => other,
    }
}

pub(super) fn dotted(path: &[Ident]) -> String {
    path.iter().map(|word| word.name.as_str()).collect::<Vec<_>>().join(".")
}

fn span_of(path: &[Ident]) -> Span {
    path.iter().map(|word| word.span).reduce(Span::to).unwrap_or_default()
}

impl<'a> Elab<'a> {
    /// A span of the current origin as a place in the file.
    pub(super) fn place_of(&self, span: Span) -> Place {
        Place { file: self.at.file, span: span.shift(self.at.offset) }
    }

    // ---- clips ----

    /// `clips { a: "bd*4"  b: "bd*4, hh*8" for 8bars then a }`: the clip that is launched.
    pub(super) fn eval_clips(&mut self, scope: ScopeId, clips: &'a [ast::Clip], span: Span) -> Value<'a> {
        if clips.is_empty() {
            self.error("syntax", span, "these clips are none").help = Some("write `clips { a: \"bd*4\" }`".into());
            return Value::Broken;
        }
        if self.bank.is_some() {
            self.error("type", span, "a voice cannot have clips of its own").help =
                Some("give the clips to the track: `track x = clips { .. } >> mono(voice)`".into());
            return Value::Broken;
        }
        let known = |name: &str| clips.iter().position(|c| c.name.name == name).map(|i| i as u32);
        let mut values = Vec::with_capacity(clips.len());
        let mut made: Vec<Clip> = Vec::with_capacity(clips.len());
        let mut broken = false;
        for clip in clips {
            let name = &clip.name;
            if made.iter().any(|c| c.name == name.name) {
                self.error("name", name.span, format!("there are two clips called `{}`", name.name)).help =
                    Some("give one of them another name".into());
                broken = true;
            }
            let value = self.eval(scope, &clip.value);
            let value = self.slot_clip(value, clip.value.span);
            broken |= matches!(value, Value::Broken);
            values.push((value, clip.value.span));
            let length = clip.length.as_ref().and_then(|e| self.length(scope, e));
            let names = || clips.iter().map(|c| c.name.name.as_str()).collect::<Vec<_>>();
            let then = self.choices(scope, &clip.then, "clip", known, names);
            if length.is_none() && !then.is_empty() && clip.length.is_none() {
                let message = format!("`{}` never ends, so nothing follows it", name.name);
                self.warn("clip", clip.then[0].name.span, message).help =
                    Some(format!("say how long it plays: `for 8bars then {}`", clip.then[0].name.name));
            }
            let place = self.place_of(name.span);
            made.push(Clip { name: name.name.clone(), pattern: None, length, then, place });
        }
        if broken {
            return Value::Broken;
        }
        let patterns = values.iter().all(|(v, _)| matches!(v, Value::Pat(_) | Value::Num(_) | Value::Line { .. }));
        let id = SetId(self.sets.len() as u32);
        self.parts.depends_on_strip();
        let (strip, binding, place) = (self.strip.clone(), self.binding.clone(), self.place_of(span));
        self.sets.push(ClipSet { strip, binding, clips: made, place });
        if patterns {
            let mut pats = Vec::with_capacity(values.len());
            for (i, (value, span)) in values.into_iter().enumerate() {
                let Some(pattern) = self.pattern(value, span) else { return Value::Broken };
                pats.push(pattern);
                self.sets[id.0 as usize].clips[i].pattern = Some(pattern);
            }
            return Value::Pat(self.score.clips(id, &pats));
        }
        // Clips of sound: all run, the one that is launched is heard; where songs fade, each by its share.
        let index = self.score.clip_index(id);
        let index = if self.fades() { None } else { Some(self.hold(index, false)) };
        let mut sum: Option<Sig> = None;
        for (i, (value, span)) in values.into_iter().enumerate() {
            let Some(sig) = self.signal(value, span) else { return Value::Broken };
            let on = match index {
                Some(index) => {
                    let number = self.lower(Num::constant(i as f64));
                    self.named_op("eq", &[index, number])
                }
                None => {
                    let share = self.score.clip_share(id, i as u32);
                    self.hold(share, false)
                }
            };
            let heard = self.named_op("mul", &[sig, on]);
            sum = Some(match sum {
                None => heard,
                Some(sum) => self.named_op("add", &[sum, heard]),
            });
        }
        sum.map_or(Value::Broken, Value::Sig)
    }

    fn choices<'n>(
        &mut self,
        scope: ScopeId,
        then: &'a [ast::Choice],
        what: &str,
        known: impl Fn(&str) -> Option<u32>,
        names: impl Fn() -> Vec<&'n str>,
    ) -> Vec<Choice> {
        let mut choices = Vec::with_capacity(then.len());
        for choice in then {
            let name = &choice.name;
            let to = match known(&name.name).map(Follow::To).or_else(|| follow_word(&name.name)) {
                Some(to) => to,
                None => {
                    let names = names();
                    let words = ["next", "prev", "any", "again", "stop"];
                    let help = match names::closest(&name.name, names.iter().copied().chain(words)) {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => format!("there are: {}; or next, prev, any, again, stop", names.join(", ")),
                    };
                    self.error("name", name.span, format!("no {what} is called `{}`", name.name)).help = Some(help);
                    continue;
                }
            };
            let weight = match choice.weight.as_ref().map(|w| (self.eval(scope, w), w.span)) {
                None => 1.0,
                Some((Value::Num(n), _)) if n.dim == Dim::None && n.value >= 0.0 => n.value,
                Some((Value::Broken, _)) => continue,
                Some((_, span)) => {
                    self.error("type", span, "a weight is a plain number, not negative").help =
                        Some(format!("write `{}(3)`", name.name));
                    continue;
                }
            };
            choices.push(Choice { to, weight, place: self.place_of(name.span) });
        }
        if !choices.is_empty() && choices.iter().all(|c| c.weight == 0.0) {
            self.error("type", then[0].name.span, "all weights are 0, so nothing could follow").help =
                Some("give at least one of them a weight above 0".into());
        }
        choices
    }

    // ---- lengths ----

    /// A length of time, more than nothing.
    pub(super) fn length(&mut self, scope: ScopeId, expr: &'a Expr) -> Option<Length> {
        let length = self.position(scope, expr)?;
        let (Length::Bars(x) | Length::Seconds(x)) = length;
        if x.is_positive() {
            return Some(length);
        }
        self.error("type", expr.span, "this lasts no time").help =
            Some("write a length above 0, such as `8bars`".into());
        None
    }

    /// A place in time: a length that may be 0.
    pub(super) fn position(&mut self, scope: ScopeId, expr: &'a Expr) -> Option<Length> {
        // Whole bars are that whatever the meter.
        if let ExprKind::Number { value, ratio: None, unit: Some(Unit::Bar) } = expr.kind
            && value.fract() == 0.0
        {
            return Some(Length::Bars(Ratio::from_f64(value)));
        }
        let value = self.eval(scope, expr);
        let Value::Num(num) = value else {
            if !matches!(value, Value::Broken) {
                let article = value.article();
                self.error("type", expr.span, format!("a length was wanted, got {article}")).help =
                    Some("write `8bars`, `2beats`, `3/4n` or `10s`".into());
            }
            return None;
        };
        match num.dim {
            Dim::Beats => Some(Length::Bars(Ratio::from_f64(num.value) / self.beats_per_bar())),
            Dim::Time => Some(Length::Seconds(Ratio::from_f64(num.value))),
            Dim::None if num.value == 0.0 => Some(Length::Bars(Ratio::ZERO)),
            dim => {
                let help = match dim {
                    Dim::None => format!("did you mean `{}bars`?", num.value),
                    _ => "write `8bars`, `2beats`, `3/4n` or `10s`".into(),
                };
                self.error("unit", expr.span, format!("a length was wanted, got {}", dim.article())).help = Some(help);
                None
            }
        }
    }

    // ---- statements ----

    /// Resolves every scene, arrangement, automation and command of the session.
    pub(super) fn resolve_timeline(&mut self, files: &'a [File]) {
        let stmts: Vec<&'a Stmt> = files.iter().filter(|f| !f.used).flat_map(|f| &f.stmts).collect();
        self.binding = String::new();
        self.name_scenes_and_songs(&stmts);
        let mut songs = 0;
        let mut keys: HashMap<u64, u64> = HashMap::default();
        for stmt in &stmts {
            self.at = origin(stmt);
            match &*stmt.item {
                Item::Scene { name, slots, length, then } => self.scene(name, slots, length.as_ref(), then),
                Item::Arrange { sections, .. } => {
                    self.arrangement(songs, sections);
                    songs += 1;
                }
                Item::Automate { path, points } => self.automation(path, points),
                Item::Map { source, path, range, curve } => self.mapping(source, path, range.as_ref(), *curve),
                Item::Command(command) => self.command(command, &mut keys),
                _ => {}
            }
        }
        self.refuse_endless_songs();
        self.tell_unlaunched();
    }

    /// Names first, so that scenes may follow each other in any order.
    fn name_scenes_and_songs(&mut self, stmts: &[&'a Stmt]) {
        for stmt in stmts {
            self.at = origin(stmt);
            match &*stmt.item {
                Item::Scene { name, .. } => {
                    if self.timeline.scene(&name.name).is_some() {
                        self.error("name", name.span, format!("there are two scenes called `{}`", name.name)).help =
                            Some("give one of them another name".into());
                        continue;
                    }
                    let place = self.place_of(name.span);
                    let (slots, then) = (Vec::new(), Vec::new());
                    self.timeline.scenes.push(Scene { name: name.name.clone(), slots, length: None, then, place });
                }
                Item::Arrange { name, sections } => {
                    let first = sections.first().map_or(Span::new(0, 7), |s| s.scene.span);
                    let span = name.as_ref().map_or(first, |n| n.span);
                    let name = name.as_ref().map_or("song", |n| n.name.as_str());
                    if self.timeline.arrangement(name).is_some() {
                        self.error("name", span, format!("there are two arrangements called `{name}`")).help =
                            Some("give one of them another name: `arrange outro { .. }`".into());
                    }
                    let place = self.place_of(span);
                    self.timeline.arrangements.push(Arrangement { name: name.into(), sections: Vec::new(), place });
                }
                _ => {}
            }
        }
    }

    fn scene(&mut self, name: &'a Ident, slots: &'a [ast::Slot], length: Option<&'a Expr>, then: &'a [ast::Choice]) {
        let Some(index) = self.timeline.scene(&name.name) else { return };
        if self.timeline.scenes[index as usize].place != self.place_of(name.span) {
            return;
        }
        let scope = self.root;
        let mut made: Vec<Slot> = Vec::with_capacity(slots.len());
        for ast::Slot { track, clip, again } in slots {
            let Some(set) = self.set_named(track, clip.as_ref()) else { continue };
            if made.iter().any(|slot| slot.set == set) {
                self.error("name", track.span, format!("the scene names `{}` twice", track.name)).help =
                    Some("a track plays one clip at a time: remove one".into());
                continue;
            }
            let found = match clip {
                None => None,
                Some(clip) => match self.clip_named(set, clip) {
                    Some(found) => Some(found),
                    None => continue,
                },
            };
            let place = self.place_of(clip.as_ref().map_or(track.span, |clip| track.span.to(clip.span)));
            made.push(Slot { set, clip: found, again: *again, place });
        }
        let length_ = length.and_then(|e| self.length(scope, e));
        let names: Vec<String> = self.timeline.scenes.iter().map(|s| s.name.clone()).collect();
        let known = |name: &str| names.iter().position(|n| n == name).map(|i| i as u32);
        let then_ = self.choices(scope, then, "scene", known, || names.iter().map(String::as_str).collect());
        if length.is_none()
            && let Some(first) = then.first()
        {
            self.warn("clip", first.name.span, format!("`{}` never ends, so nothing follows it", name.name)).help =
                Some(format!("say how long it plays: `for 16bars then {}`", first.name.name));
        }
        let scene = &mut self.timeline.scenes[index as usize];
        (scene.slots, scene.length, scene.then) = (made, length_, then_);
    }

    /// The clip set of a track: of its clips, if there are several, the one that has the clip.
    pub(super) fn set_named(&mut self, track: &Ident, clip: Option<&Ident>) -> Option<SetId> {
        let sets: Vec<SetId> = self.timeline.sets_of(&track.name).collect();
        let having = |set: &&SetId| {
            let set = self.timeline.set(**set);
            clip.is_none_or(|clip| set.is_some_and(|set| set.find(&clip.name).is_some()))
        };
        if let Some(set) = sets.iter().find(having).or(sets.first()) {
            return Some(*set);
        }
        let is_strip = self.timeline.strips.contains(&track.name);
        if is_strip {
            // One that could not be elaborated has been told about.
            if !self.broken_strips.contains(&track.name) {
                self.error("name", track.span, format!("the track `{}` has no clips", track.name)).help =
                    Some(format!("write `track {} = clips {{ a: \"..\" }} >> ..`", track.name));
            }
        } else {
            let names = self.timeline.strips.clone();
            self.missing("track", track, &names);
        }
        None
    }

    pub(super) fn clip_named(&mut self, set: SetId, clip: &Ident) -> Option<u32> {
        let found = self.timeline.set(set)?;
        let index = found.find(&clip.name);
        if index.is_none() {
            let track = if found.strip.is_empty() { found.binding.clone() } else { found.strip.clone() };
            let names: Vec<String> = found.clips.iter().map(|c| c.name.clone()).collect();
            let help = match names::closest(&clip.name, names.iter().map(String::as_str)) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("it has: {}", names.join(", ")),
            };
            self.error("name", clip.span, format!("`{track}` has no clip `{}`", clip.name)).help = Some(help);
        }
        index
    }

    /// A name that leads nowhere: an error, or a warning where the session has nothing of its kind.
    pub(super) fn missing(&mut self, what: &str, name: &Ident, known: &[String]) {
        let message = format!("no {what} is called `{}`", name.name);
        if known.is_empty() {
            // The first is told: they are all in the file that is not open.
            if self.diagnostics.iter().any(|d| d.code == "silent" && d.message.starts_with(&format!("no {what} "))) {
                return;
            }
            self.warn("silent", name.span, format!("{message} here, so this does nothing")).help =
                Some("open the file that has it together with this one".into());
            return;
        }
        let help = match names::closest(&name.name, known.iter().map(String::as_str)) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        self.error("name", name.span, message).help = Some(help);
    }

    fn arrangement(&mut self, index: usize, sections: &'a [ast::Section]) {
        let scope = self.root;
        let mut made = Vec::with_capacity(sections.len());
        for section in sections {
            let name = &section.scene.name;
            let scene = self.timeline.scene(name).map(Play::Scene);
            let play = scene.or_else(|| self.timeline.arrangement(name).map(Play::Arrangement));
            if play.is_none() {
                let names: Vec<String> = self.timeline.scenes.iter().map(|s| s.name.clone()).collect();
                self.missing("scene", &section.scene, &names);
            }
            let length = self.length(scope, &section.length);
            let xfade = section.xfade.as_ref().and_then(|e| self.length(scope, e));
            let lanes = section.lanes.iter().filter_map(|(path, value)| self.lane(path, value)).collect();
            let (Some(play), Some(length)) = (play, length) else { continue };
            made.push(Section { play, length, xfade, lanes, place: self.place_of(section.scene.span) });
        }
        if sections.is_empty() {
            self.warn("silent", Span::new(0, 7), "this arrangement has no sections").help =
                Some("write `arrange { intro 8bars  drop 16bars }`".into());
        }
        self.timeline.arrangements[index].sections = made;
    }

    /// A song that plays itself has no end.
    fn refuse_endless_songs(&mut self) {
        let count = self.timeline.arrangements.len();
        let next = |i: usize| {
            self.timeline.arrangements[i].sections.iter().filter_map(|s| match s.play {
                Play::Arrangement(a) => Some(a as usize),
                Play::Scene(_) => None,
            })
        };
        let mut endless = None;
        for start in 0..count {
            let (mut seen, mut open) = (vec![false; count], vec![start]);
            while let Some(i) = open.pop() {
                for to in next(i) {
                    if to == start {
                        endless = Some(start);
                    } else if !std::mem::replace(&mut seen[to], true) {
                        open.push(to);
                    }
                }
            }
        }
        let Some(start) = endless else { return };
        let Arrangement { name, place, .. } = self.timeline.arrangements[start].clone();
        self.at = Origin { file: place.file, offset: 0, library: false };
        self.error("cycle", place.span, format!("the arrangement `{name}` plays itself")).help =
            Some("let one of its sections be a scene".into());
        for arrangement in &mut self.timeline.arrangements {
            arrangement.sections.retain(|s| matches!(s.play, Play::Scene(_)));
        }
    }

    fn lane(&mut self, path: &'a [Ident], value: &'a Expr) -> Option<Lane> {
        let (target, dim) = self.target(path)?;
        let scope = self.root;
        let value_ = self.eval(scope, value);
        let motion = match value_ {
            Value::Broken => return None,
            Value::Num(num) => Motion::Fixed(self.moved(num, dim, path, value.span)?.0),
            Value::Line { from, to, over, curve } => {
                let (from, written) = self.moved(from, dim, path, value.span)?;
                let (to, _) = self.moved(to, dim, path, value.span)?;
                Motion::Line { from, to, over, curve: curve_of(curve, written) }
            }
            Value::Pat(pattern) => Motion::Pattern(pattern),
            other => {
                let article = other.article();
                self.error("type", value.span, format!("a lane is a number, a ramp or a pattern, got {article}"))
                    .help = Some(format!("write `{}: 200hz ~> 2khz`", dotted(path)));
                return None;
            }
        };
        Some(Lane { target, motion, place: self.place_of(span_of(path).to(value.span)) })
    }

    fn automation(&mut self, path: &'a [Ident], points: &'a [(Expr, Expr, ast::Curve)]) {
        let Some((target, dim)) = self.target(path) else { return };
        let scope = self.root;
        let mut made: Vec<Point> = Vec::with_capacity(points.len());
        let bars_per_second = self.bars_per_second();
        for (at, value, curve) in points {
            let Some(time) = self.position(scope, at) else { continue };
            if made.last().is_some_and(|last| time.bars(bars_per_second) < last.at.bars(bars_per_second)) {
                self.error("type", at.span, "this point comes before the one above it").help =
                    Some("write the points in the order of time".into());
                continue;
            }
            let place = self.place_of(at.span.to(value.span));
            let num = match self.eval(scope, value) {
                Value::Num(num) => num,
                Value::Broken => continue,
                Value::Pat(pattern) => {
                    let curve = score::Curve::Hold;
                    made.push(Point { at: time, value: 0.0, pattern: Some(pattern), curve, place });
                    continue;
                }
                other => {
                    let article = other.article();
                    self.error("type", value.span, format!("a point is a number or a pattern, got {article}")).help =
                        Some("write `8bar: 2khz exp`".into());
                    continue;
                }
            };
            let Some((number, written)) = self.moved(num, dim, path, value.span) else { continue };
            made.push(Point { at: time, value: number, pattern: None, curve: curve_of(*curve, written), place });
        }
        let place = self.place_of(span_of(path));
        self.timeline.automations.push(Automation { target, points: made, place });
    }

    /// What comes from outside moves a value, within a range: that of the line, or its knob's.
    fn mapping(&mut self, source: &'a Expr, path: &'a [Ident], range: Option<&'a Expr>, curve: ast::Curve) {
        let scope = self.root;
        let outside = match self.eval(scope, source) {
            Value::Broken => return,
            Value::Sig(sig) => self.path_outside(sig.node),
            _ => None,
        };
        let Some(source) = outside else {
            self.error("type", source.span, "what moves a value comes from outside").help =
                Some("write `map cc(74) -> bass.cutoff`, or `encoder(74)`, `bend()`, `press()`, `osc('/x')`".into());
            return;
        };
        let Some((target, dim)) = self.target(path) else { return };
        let span = span_of(path);
        if target == Target::Tempo {
            self.error("type", span, "the tempo cannot be mapped").help =
                Some("`automate tempo { .. }` moves it, and `link on` follows a clock".into());
            return;
        }
        let (from, to, written) = match range {
            Some(range) => {
                let (low, high) = match self.eval(scope, range) {
                    Value::Range(low, high) => (low, high),
                    Value::Broken => return,
                    other => {
                        let article = other.article();
                        self.error("type", range.span, format!("a range was wanted, got {article}")).help =
                            Some("write `200hz..8khz`".into());
                        return;
                    }
                };
                let Some((from, written)) = self.moved(low, dim, path, range.span) else { return };
                let Some((to, _)) = self.moved(high, dim, path, range.span) else { return };
                (from, to, written)
            }
            None => {
                let known = self.control_of(&dotted(path)).and_then(|control| control.range).unwrap_or((0.0, 1.0));
                (f64::from(known.0), f64::from(known.1), dim)
            }
        };
        let place = self.place_of(span);
        let (from, to, curve) = (from as f32, to as f32, curve_of(curve, written));
        self.timeline.mappings.push(Mapping { source, target, from, to, curve, place });
    }

    /// What a path moves. Parameters are those of the graph as it is elaborated, until [`Timeline`] is settled.
    fn target(&mut self, path: &[Ident]) -> Option<(Target, Dim)> {
        let name = dotted(path);
        if name == "tempo" {
            return Some((Target::Tempo, Dim::Tempo));
        }
        if let Some(control) = self.control_of(&name) {
            return Some((Target::Param(control.param.0), control.dim));
        }
        let span = span_of(path);
        let (first, rest) = path.split_first()?;
        let is_strip = self.timeline.strips.contains(&first.name);
        if is_strip && self.broken_strips.contains(&first.name) {
            return None;
        }
        let known = self.movable();
        if is_strip && !rest.is_empty() {
            let prefix = format!("{}.", first.name);
            let own: Vec<String> = known.iter().filter_map(|k| k.strip_prefix(&prefix)).map(str::to_string).collect();
            let rest = dotted(rest);
            let help = match names::closest(&rest, own.iter().map(String::as_str)) {
                Some(close) => format!("did you mean `{prefix}{close}`?"),
                None => format!("it has: {}", own.join(", ")),
            };
            self.error("name", span, format!("`{}` has nothing called `{rest}` to move", first.name)).help = Some(help);
            return None;
        }
        let tracks = self.timeline.strips.iter().any(|s| s != "master");
        if !tracks && !rest.is_empty() {
            self.missing("track", first, &[]);
            return None;
        }
        let help = match names::closest(&name, known.iter().map(String::as_str)) {
            Some(close) => format!("did you mean `{close}`?"),
            None => {
                "a knob, a voice's parameter as `bass.cutoff`, a strip's `bass.level`, or `tempo` can be moved".into()
            }
        };
        self.error("name", span, format!("there is nothing called `{name}` to move")).help = Some(help);
        None
    }

    /// A number in the unit of what it moves, as the code wants it, and what it was written in.
    fn moved(&mut self, num: Num, dim: Dim, path: &[Ident], span: Span) -> Option<(f64, Dim)> {
        let place = (self.at, span);
        let want = if dim == Dim::None { crate::front::call::Want::Linear } else { crate::front::call::Want::Dim(dim) };
        match self.coerce_number(num, dim, want, place, &dotted(path), "its value") {
            Value::Num(good) => Some((canonical(good, self.clock()).value, num.dim)),
            _ => None,
        }
    }

    /// Parameters of the elaborated graph become those of the settled one; what nothing heard depends on is told.
    pub(super) fn settle_timeline(&mut self, params: &[Option<ParamId>]) {
        let mut timeline = std::mem::take(&mut self.timeline);
        let mut unheard = Vec::new();
        let mut settle = |target: &mut Target, place: Place| match target {
            Target::Tempo => true,
            Target::Param(old) => match params.get(*old as usize).copied().flatten() {
                Some(new) => {
                    *old = new.0;
                    true
                }
                _ => {
                    unheard.push(place);
                    false
                }
            },
        };
        for section in timeline.arrangements.iter_mut().flat_map(|a| &mut a.sections) {
            section.lanes.retain_mut(|lane| settle(&mut lane.target, lane.place));
        }
        timeline.automations.retain_mut(|a| settle(&mut a.target, a.place));
        timeline.mappings.retain_mut(|m| settle(&mut m.target, m.place));
        for place in unheard {
            self.at = Origin { file: place.file, offset: 0, library: false };
            self.warn("silent", place.span, "nothing that is heard depends on this").help =
                Some("use it on a track, or remove the line".into());
        }
        self.timeline = timeline;
    }
}
