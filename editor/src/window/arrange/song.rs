//! What a text says of time: sections, the clips of their scenes, automations; and how a gesture rewrites it.

use super::takes::Take;
use super::{Act, EMPTY, Note, See, rewritten};
use crate::window::bake::plain;
use modurust_runtime::compiler::ide::Document;
use modurust_runtime::compiler::lang::ast::{Clip, Curve, Expr, ExprKind, Item, Stmt, UnaryOp};
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use modurust_runtime::compiler::lang::units::Unit;
use modurust_runtime::compiler::lang::visit;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::{EventBuf, Ratio, Value};
use std::ops::Range;

/// A line of the arrangement.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The scene or song that it plays.
    pub scene: String,
    /// Its first bar, from 0.
    pub from: f64,
    /// How long.
    pub bars: f64,
    /// Its place in the text.
    pub at: usize,
    /// The literal of its length.
    length: Range<usize>,
    unit: Option<Unit>,
    /// The clip that each track plays, in the order of [`Song::tracks`].
    pub clips: Vec<Option<String>>,
}

/// A point of an automation.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When, in bars.
    pub bars: f64,
    /// Its number, in the unit of its literal; `None` for a pattern.
    pub value: Option<f64>,
    /// The value as it is written.
    pub text: String,
    /// How it is reached.
    pub curve: Curve,
    time: Range<usize>,
    place: Range<usize>,
    unit: Option<Unit>,
}

/// An automation.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// What moves.
    pub name: String,
    /// Its place in the text.
    pub at: usize,
    /// In time.
    pub points: Vec<Point>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Song {
    /// The first arrangement's name.
    pub name: Option<String>,
    /// Its lines.
    pub sections: Vec<Section>,
    /// Tracks that scenes speak of.
    pub tracks: Vec<String>,
    /// Automations.
    pub lanes: Vec<Lane>,
    /// Strips that play a recording as it is: name, place in the text, recording.
    pub takes: Vec<(String, usize, Take)>,
    /// Recordings that are clips: track, clip, recording.
    clips: Vec<(String, String, Take)>,
    beats: f64,
}

impl Song {
    /// Reads a text.
    pub fn read(document: &Document) -> Song {
        let stmts = &document.stmts;
        let beats = stmts.iter().find_map(|stmt| match &*stmt.item {
            Item::Meter { beats, unit, from: None, .. } => Some(f64::from(*beats) * 4.0 / f64::from(*unit)),
            _ => None,
        });
        let mut song = Song { beats: beats.unwrap_or(4.0), ..Song::default() };
        for stmt in stmts {
            if let Item::Scene { slots, .. } = &*stmt.item {
                for slot in slots {
                    if !song.tracks.contains(&slot.track.name) {
                        song.tracks.push(slot.track.name.clone());
                    }
                }
            }
        }
        song.arrangement(stmts);
        song.recordings(stmts);
        song.lanes = stmts.iter().filter_map(|stmt| song.lane(document.text(), stmt)).collect();
        song
    }

    /// How long it is, in bars.
    pub fn bars(&self) -> f64 {
        let sections = self.sections.last().map_or(0.0, |last| last.from + last.bars);
        let points = self.lanes.iter().filter_map(|lane| lane.points.last()).map(|point| point.bars);
        let bars = points.fold(sections, f64::max);
        if bars > 0.0 && bars.is_finite() { bars } else { EMPTY }
    }

    fn recordings(&mut self, stmts: &[Stmt]) {
        let (mut takes, mut clips) = (Vec::new(), Vec::new());
        let length = |expr: &Expr| self.length(expr).map(|(bars, _)| bars);
        let section =
            |name: &str| self.sections.iter().find(|section| section.scene == name).map(|section| section.from);
        for stmt in stmts {
            let Item::Strip { bus: false, name, value, .. } = &*stmt.item else { continue };
            let of = |expr: &Expr, clip| Take::of(expr, stmt.offset as usize, clip, &length, &section);
            if let Some(set) = set(value) {
                let take = |clip: &Clip| Some((name.name.clone(), clip.name.name.clone(), of(&clip.value, true)?));
                clips.extend(set.iter().filter_map(take));
            } else if let Some(take) = of(value, false) {
                takes.push((name.name.clone(), (stmt.offset + name.span.start) as usize, take));
            }
        }
        (self.takes, self.clips) = (takes, clips);
    }

    /// The recording that a clip is.
    pub fn clip_take(&self, track: &str, clip: &str) -> Option<&Take> {
        self.clips.iter().find(|(of, name, _)| of == track && name == clip).map(|(.., take)| take)
    }

    /// Files of all recordings.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let takes = self.takes.iter().map(|(.., take)| take);
        takes.chain(self.clips.iter().map(|(.., take)| take)).map(|take| take.file.as_str())
    }

    /// The bar at which the clip of a track that plays in a section was begun.
    pub fn begun(&self, track: usize, section: usize) -> f64 {
        let same = |i: &usize| self.sections[*i].clips[track] == self.sections[section].clips[track];
        (0..=section).rev().take_while(same).last().map_or(0.0, |first| self.sections[first].from)
    }

    fn arrangement(&mut self, stmts: &[Stmt]) {
        let found = stmts.iter().find_map(|stmt| match &*stmt.item {
            Item::Arrange { name, sections } => Some((stmt.offset as usize, name, sections)),
            _ => None,
        });
        let Some((offset, name, sections)) = found else { return };
        self.name = Some(name.as_ref().map_or_else(|| "song".to_string(), |name| name.name.clone()));
        let mut from = 0.0;
        let mut clips: Vec<Option<String>> = vec![None; self.tracks.len()];
        for section in sections {
            let Some((bars, unit)) = self.length(&section.length) else { continue };
            let scene = stmts.iter().find_map(|stmt| match &*stmt.item {
                Item::Scene { name, slots, .. } if name.name == section.scene.name => Some(slots),
                _ => None,
            });
            // A track that a scene does not name goes on with what it plays.
            for slot in scene.into_iter().flatten() {
                if let Some(track) = self.tracks.iter().position(|track| *track == slot.track.name) {
                    clips[track] = slot.clip.as_ref().map(|clip| clip.name.clone());
                }
            }
            let span = section.length.span;
            self.sections.push(Section {
                scene: section.scene.name.clone(),
                from,
                bars,
                at: offset + section.scene.span.start as usize,
                length: offset + span.start as usize..offset + span.end as usize,
                unit,
                clips: clips.clone(),
            });
            from += bars;
        }
    }

    /// A length that stands there as a number, in bars. Seconds depend on the tempo and are not drawn.
    fn length(&self, expr: &Expr) -> Option<(f64, Option<Unit>)> {
        let ExprKind::Number { value, unit, .. } = expr.kind else { return None };
        let bars = match unit {
            Some(Unit::Bar) => value,
            Some(Unit::Beat) => value / self.beats,
            Some(Unit::Whole) => value * 4.0 / self.beats,
            None if value == 0.0 => 0.0,
            _ => return None,
        };
        Some((bars, unit)).filter(|(bars, _)| bars.is_finite() && *bars >= 0.0)
    }

    fn lane(&self, text: &str, stmt: &Stmt) -> Option<Lane> {
        let Item::Automate { path, points } = &*stmt.item else { return None };
        let offset = stmt.offset as usize;
        let range = |expr: &Expr| offset + expr.span.start as usize..offset + expr.span.end as usize;
        let point = |(time, value, curve): &(Expr, Expr, Curve)| {
            let (bars, _) = self.length(time)?;
            let place = range(value);
            let number = number(value);
            let text = text.get(place.clone())?.to_string();
            Some(Point {
                bars,
                value: number.map(|(value, _)| value),
                text,
                curve: *curve,
                time: range(time),
                place,
                unit: number.and_then(|(_, unit)| unit),
            })
        };
        let name = path.iter().map(|word| word.name.as_str()).collect::<Vec<_>>().join(".");
        let at = offset + path.first()?.span.start as usize;
        Some(Lane { name, at, points: points.iter().filter_map(point).collect() })
    }
}

/// The clips of an expression.
fn set(expr: &Expr) -> Option<&[Clip]> {
    match &expr.kind {
        ExprKind::Clips(clips) => Some(clips),
        _ => visit::children(expr).into_iter().find_map(set),
    }
}

/// A number and its unit, with a sign perhaps.
fn number(expr: &Expr) -> Option<(f64, Option<Unit>)> {
    match &expr.kind {
        ExprKind::Number { value, unit, .. } => Some((*value, *unit)),
        ExprKind::Unary { op: UnaryOp::Neg, x } => number(x).map(|(value, unit)| (-value, unit)),
        _ => None,
    }
}

impl Lane {
    /// The values from its lower to its upper edge.
    pub fn range(&self) -> (f64, f64) {
        let values = || self.points.iter().filter_map(|point| point.value);
        let (low, high) = values().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
        let decibels = self.points.iter().any(|point| point.unit == Some(Unit::Decibel));
        match self.name.rsplit('.').next() {
            Some("level") if decibels => (low.min(-30.0), high.max(6.0)),
            Some("pan") => (-1.0, 1.0),
            _ if low > high => (0.0, 1.0),
            _ => {
                let room = ((high - low) * 0.25).max(high.abs() * 0.25).max(1e-3);
                let floor = if low >= 0.0 { 0.0 } else { low - room };
                (floor.min(low), high + room)
            }
        }
    }

    /// A value as it would be written.
    pub fn said(&self, value: f64) -> String {
        let unit = self.points.iter().find_map(|point| point.unit);
        written(value, unit)
    }
}

fn written(value: f64, unit: Option<Unit>) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        1.0.. => 1,
        _ => 3,
    };
    format!("{}{}", plain(value, digits), unit.map_or("", Unit::spelling))
}

fn bars_text(bars: f64) -> String {
    format!("{}bar", plain(bars, 6))
}

/// A section's length, in the unit that stands there.
pub fn set_length(see: &See<'_>, section: &Section, bars: f64) -> Option<Act> {
    // Beats and note values become bars: the whole number under the hand is one of bars.
    let text = format!("{}bars", plain(bars, 6));
    let edit = Edit { splices: vec![Splice { range: section.length.clone(), text: text.clone() }] };
    rewritten(see, &edit.apply(see.text)?, format!("{} is {text} long", section.scene))
}

/// Moves a point.
pub fn move_point(see: &See<'_>, lane: &Lane, point: usize, at: f64, value: f64) -> Option<Act> {
    let point = &lane.points[point];
    let mut splices = Vec::new();
    if at != point.bars {
        splices.push(Splice { range: point.time.clone(), text: bars_text(at) });
    }
    let text = written(value, point.unit);
    if point.value != Some(value) {
        splices.push(Splice { range: point.place.clone(), text: text.clone() });
    }
    let edit = Edit { splices };
    rewritten(see, &edit.apply(see.text)?, format!("{} is {text} at bar {}", lane.name, plain(at + 1.0, 3)))
}

/// A point more, where it belongs in time.
pub fn add_point(see: &See<'_>, lane: &Lane, at: f64, value: f64) -> Option<Act> {
    if lane.points.iter().any(|point| (point.bars - at).abs() < 1e-6) {
        return Some(Act::Say("there is a point already".into()));
    }
    let unit = lane.points.iter().find_map(|point| point.unit);
    let text = format!("{}: {}", bars_text(at), written(value, unit));
    let splice = match lane.points.iter().find(|point| point.bars > at) {
        Some(after) => Splice { range: after.time.start..after.time.start, text: format!("{text}, ") },
        None => {
            let last = lane.points.last()?;
            let end = end_of(see.text, last.place.end);
            Splice { range: end..end, text: format!(", {text}") }
        }
    };
    let edit = Edit { splices: vec![splice] };
    rewritten(see, &edit.apply(see.text)?, format!("a point of {} at bar {}", lane.name, plain(at + 1.0, 3)))
}

/// Takes a point out; the last one stays.
pub fn remove_point(see: &See<'_>, lane: &Lane, index: usize) -> Option<Act> {
    if lane.points.len() < 2 {
        return Some(Act::Say("the last point stays; delete the line to end the automation".into()));
    }
    let point = &lane.points[index];
    let range = match lane.points.get(index + 1) {
        Some(after) => point.time.start..after.time.start,
        None => end_of(see.text, lane.points[index - 1].place.end)..end_of(see.text, point.place.end),
    };
    let edit = Edit { splices: vec![Splice { range, text: String::new() }] };
    rewritten(see, &edit.apply(see.text)?, format!("no point of {} there", lane.name))
}

/// Behind the curve that follows a value: at the next comma or bracket.
fn end_of(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    let stop = rest.find([',', '}', '\n']).unwrap_or(rest.len());
    from + rest[..stop].trim_end().len()
}

/// What each track plays in each section, as small rectangles.
pub fn notes(song: &Song, program: &Program) -> Vec<Vec<Vec<Note>>> {
    let mut buffer = EventBuf::new(2048);
    let mut picture = |track: &str, section: &Section, clip: &str| -> Vec<Note> {
        let sets = &program.timeline.sets;
        let set = sets.iter().find(|set| set.strip == track || (set.strip.is_empty() && set.binding == track));
        let pattern =
            set.and_then(|set| set.clips.iter().find(|known| known.name == clip)).and_then(|clip| clip.pattern);
        let Some(pattern) = pattern else { return Vec::new() };
        buffer.clear();
        // A long section repeats; what is drawn of it is enough.
        let bars = section.bars.min(32.0);
        program.score.query(pattern, Ratio::ZERO, Ratio::from_f64(bars), &mut buffer);
        let height = |value: Value| match value {
            Value::Note(key) | Value::Num(key) => key,
            Value::Freq(hz) => 69.0 + 12.0 * (hz / 440.0).log2(),
            Value::Word(word) => {
                program.score.word(word).bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte)) as f64
                    % 7.0
            }
        };
        let found: Vec<(f64, f64, f64)> = buffer
            .onsets()
            .map(|event| (event.whole.0.to_f64(), event.whole.1.to_f64(), height(event.value)))
            .collect();
        let (low, high) =
            found.iter().fold((f64::MAX, f64::MIN), |(low, high), note| (low.min(note.2), high.max(note.2)));
        let scale = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
        found.into_iter().map(|(from, to, value)| Note { from, to, high: scale(value) }).collect()
    };
    let row = |(i, track): (usize, &String)| {
        let clip =
            |section: &Section| section.clips[i].as_ref().map_or_else(Vec::new, |clip| picture(track, section, clip));
        song.sections.iter().map(clip).collect()
    };
    song.tracks.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_that_a_scene_leaves_alone_goes_on() {
        let text = "meter 3/4\nscene a { x: one, y: two }\nscene b { x: off }\narrange { a 2bars  b 3beats  a 1/2n }\n\
                    automate y.level { 0bar: -6db, 3beats: \"0 1\", 4bar: 0db exp }\n";
        let song = Song::read(&Document::new("", text));
        assert_eq!(song.tracks, ["x", "y"]);
        let times: Vec<(f64, f64)> = song.sections.iter().map(|section| (section.from, section.bars)).collect();
        assert_eq!(times, [(0.0, 2.0), (2.0, 1.0), (3.0, 2.0 / 3.0)]);
        assert_eq!(song.sections[1].clips, [None, Some("two".to_string())]);
        let points: Vec<(f64, Option<f64>)> =
            song.lanes[0].points.iter().map(|point| (point.bars, point.value)).collect();
        assert_eq!(points, [(0.0, Some(-6.0)), (1.0, None), (4.0, Some(0.0))]);
        assert_eq!(song.lanes[0].said(-0.75), "-0.75db");
    }
}
