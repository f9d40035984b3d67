//! Recordings in the arrangement: which files the text plays as they were recorded, how they lie in time, and the anchors that hold them there.
//!
//! What a file looks like is read once, beside everything else; how it lies is read from the text: `anchors` says which of its moments are bars,
//! `warp` its tempo, `loop` how long it is, and a clip that is a file plays as it is. A recording is drawn as it is heard, so the parts between two
//! anchors are as wide as their bars. An anchor that is moved is its literal rewritten, in the unit that stands there.

use super::draw::Sheet;
use super::{Act, See};
use crate::window::bake::plain;
use egui::{Color32, Mesh, Painter, Rect, Shape};
use modurust_runtime::compiler::lang::ast::{Arg, Expr, ExprKind};
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use modurust_runtime::compiler::lang::units::Unit;
use modurust_runtime::compiler::lang::visit;
use modurust_runtime::peaks::Peaks;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::SystemTime;

/// Endings of files of sound.
const SOUNDS: [&str; 6] = [".wav", ".flac", ".aiff", ".aif", ".ogg", ".mp3"];
/// Most pieces that are drawn of what goes round.
const ROUNDS: usize = 256;
/// Anchors stay this far apart, seconds.
const APART: f64 = 0.001;

/// A moment of a recording that is kept on a place of the music.
#[derive(Clone, Debug, PartialEq)]
pub struct Anchor {
    /// The section that it names.
    pub section: Option<String>,
    /// Seconds from the start of the recording.
    pub moment: f64,
    /// Where it is heard, in bars.
    pub bars: f64,
    /// Its literal.
    pub at: Range<usize>,
    unit: Unit,
}

/// How a recording lies in time.
#[derive(Clone, Debug, PartialEq)]
enum Lies {
    /// Between its anchors, and round after so many bars; `None`: once, as the song goes.
    Anchored(Option<f64>),
    /// Recorded at a tempo.
    Tempo(f64),
    /// All of it is so many bars long.
    Fits(f64),
    /// As it is, once.
    Freely,
}

/// A file that the text plays as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// As it is written.
    pub file: String,
    /// In the order of the text.
    pub anchors: Vec<Anchor>,
    lies: Lies,
}

/// A stretch of a recording: its bars, and its seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    pub bars: [f64; 2],
    pub seconds: [f64; 2],
    /// It was heard before: what goes round.
    pub again: bool,
}

impl Piece {
    /// The second that is heard at a bar.
    pub fn second(&self, bar: f64) -> f64 {
        let part = (bar - self.bars[0]) / (self.bars[1] - self.bars[0]).max(1e-9);
        self.seconds[0] + part * (self.seconds[1] - self.seconds[0])
    }
}

/// A function that plays a file, and what it is given beside that.
type How<'a> = (&'a str, &'a [Arg]);

/// What an expression plays: a file, and the call that says how.
fn played(expr: &Expr) -> Option<(&str, Option<How<'_>>)> {
    let file = |expr: &'_ Expr| matches!(&expr.kind, ExprKind::Text(text) if SOUNDS.iter().any(|end| text.to_lowercase().ends_with(end)));
    match &expr.kind {
        ExprKind::Text(text) if file(expr) => Some((text, None)),
        ExprKind::Pipe { left, right } => match played(left) {
            Some((file, None)) => how(right, false).map(|how| (file, Some(how))),
            found => found.or_else(|| played(right)),
        },
        ExprKind::Call { args, .. } => match args.first() {
            Some(first) if file(&first.value) => {
                let ExprKind::Text(text) = &first.value.kind else { return None };
                how(expr, true).map(|how| (text.as_str(), Some(how)))
            }
            _ => args.iter().filter(|arg| !file(&arg.value)).find_map(|arg| played(&arg.value)),
        },
        _ => visit::children(expr).into_iter().filter(|child| !file(child)).find_map(played),
    }
}

/// The first call of something that plays a file, and what it is given beside the file.
fn how(expr: &Expr, given: bool) -> Option<How<'_>> {
    match &expr.kind {
        ExprKind::Call { callee, args } => match &callee.kind {
            ExprKind::Name(name) if matches!(name.as_str(), "anchors" | "warp" | "loop") => {
                Some((name, if given { args.get(1..).unwrap_or_default() } else { args }))
            }
            _ => None,
        },
        ExprKind::Pipe { left, .. } | ExprKind::Binary { left, .. } => how(left, given),
        _ => None,
    }
}

impl Take {
    /// Of an expression whose statement begins at a byte. `length` tells lengths in bars, `section` where sections begin. A clip may be a bare file.
    pub fn of(
        expr: &Expr,
        offset: usize,
        clip: bool,
        length: &dyn Fn(&Expr) -> Option<f64>,
        section: &dyn Fn(&str) -> Option<f64>,
    ) -> Option<Take> {
        let (file, how) = played(expr)?;
        let take = |lies, anchors| Some(Take { file: file.to_string(), anchors, lies });
        let Some((name, args)) = how else { return take(Lies::Freely, Vec::new()).filter(|_| clip) };
        let named = |wanted: &str| args.iter().find(|arg| arg.name.as_ref().is_some_and(|name| name.name == wanted));
        match name {
            "warp" => match args.first()?.value.kind {
                ExprKind::Number { value, .. } if value >= 1.0 => take(Lies::Tempo(value), Vec::new()),
                _ => None,
            },
            "loop" => take(Lies::Fits(length(&args.first()?.value).filter(|bars| *bars > 0.0)?), Vec::new()),
            _ => {
                let every = named("every").map_or(Some(1.0), |arg| length(&arg.value))?;
                let mut anchors: Vec<Anchor> = Vec::new();
                let is_every = |arg: &&Arg| arg.name.as_ref().is_some_and(|name| name.name == "every");
                for arg in args.iter().filter(|arg| !is_every(arg)) {
                    let ExprKind::Number { value, unit: Some(unit), .. } = arg.value.kind else { return None };
                    let moment = value / per_second(unit)?;
                    let name = arg.name.as_ref().map(|name| name.name.clone());
                    let bars = match &name {
                        Some(name) => section(name)?,
                        None => every * anchors.len() as f64,
                    };
                    let span = arg.value.span;
                    let at = offset + span.start as usize..offset + span.end as usize;
                    anchors.push(Anchor { section: name, moment, bars, at, unit });
                }
                let by_name = anchors.iter().any(|anchor| anchor.section.is_some());
                let round = every * (anchors.len() as f64 - 1.0);
                let lies = Lies::Anchored((!by_name && round > 0.0).then_some(round));
                take(lies, anchors).filter(|take| !take.anchors.is_empty())
            }
        }
    }

    /// Its stretches up to a bar, for a recording of so many seconds, where a bar lasts so many and has so many beats.
    pub fn pieces(&self, seconds: f64, bar: f64, beats: f64, until: f64) -> Vec<Piece> {
        let mut once: Vec<Piece> = Vec::new();
        let round = match &self.lies {
            Lies::Anchored(round) => {
                let mut anchors: Vec<&Anchor> = self.anchors.iter().collect();
                anchors.sort_by(|a, b| a.bars.total_cmp(&b.bars));
                let piece = |pair: &[&Anchor]| Piece {
                    bars: [pair[0].bars, pair[1].bars],
                    seconds: [pair[0].moment, pair[1].moment],
                    again: false,
                };
                once.extend(anchors.windows(2).map(piece));
                if let (None, Some(last)) = (round, anchors.last()) {
                    let end = last.bars + (seconds - last.moment).max(0.0) / bar;
                    once.push(Piece { bars: [last.bars, end], seconds: [last.moment, seconds], again: false });
                }
                *round
            }
            Lies::Tempo(bpm) => {
                let bars = seconds * bpm / 60.0 / beats;
                once.push(Piece { bars: [0.0, bars], seconds: [0.0, seconds], again: false });
                Some(bars)
            }
            Lies::Fits(bars) => {
                once.push(Piece { bars: [0.0, *bars], seconds: [0.0, seconds], again: false });
                Some(*bars)
            }
            Lies::Freely => {
                once.push(Piece { bars: [0.0, seconds / bar], seconds: [0.0, seconds], again: false });
                None
            }
        };
        let Some(round) = round.filter(|round| *round > 1e-3) else { return once };
        let times = ((until / round).ceil().max(1.0) as usize).min(ROUNDS);
        let shift = |n: usize, piece: &Piece| Piece {
            bars: piece.bars.map(|bars| bars + n as f64 * round),
            again: n > 0,
            ..*piece
        };
        (0..times).flat_map(|n| once.iter().map(move |piece| shift(n, piece))).collect()
    }

    /// A moment between the anchors beside one of them.
    pub fn bounded(&self, anchor: usize, moment: f64) -> f64 {
        let here = self.anchors[anchor].bars;
        let others = || self.anchors.iter().filter(|other| other.bars != here);
        let low = others().filter(|other| other.bars < here).map(|other| other.moment + APART).fold(0.0, f64::max);
        let high = others().filter(|other| other.bars > here).map(|other| other.moment - APART).fold(4000.0, f64::min);
        moment.clamp(low, high.max(low))
    }

    /// Rewrites an anchor.
    pub fn set_anchor(&self, see: &See<'_>, strip: &str, anchor: usize, moment: f64) -> Option<Act> {
        let old = self.anchors.get(anchor)?;
        let text = old.said(moment);
        let edit = Edit { splices: vec![Splice { range: old.at.clone(), text: text.clone() }] };
        let place = match &old.section {
            Some(section) => format!("where {section} begins"),
            None => format!("at bar {}", plain(old.bars + 1.0, 3)),
        };
        super::rewritten(see, &edit.apply(see.text)?, format!("{strip}: {text} is heard {place}"))
    }

    /// One more moment, in its place among those of bars that follow each other.
    pub fn add_anchor(&self, see: &See<'_>, strip: &str, moment: f64) -> Option<Act> {
        if self.anchors.iter().any(|anchor| anchor.section.is_some()) {
            return Some(Act::Say("these anchors are named after sections: write `verse: 2.31s` into the text".into()));
        }
        if self.anchors.iter().any(|anchor| (anchor.moment - moment).abs() < 2.0 * APART) {
            return Some(Act::Say("there is an anchor already".into()));
        }
        let after = self.anchors.iter().find(|anchor| anchor.moment > moment);
        let text = self.anchors.first()?.said(moment);
        let splice = match after {
            Some(after) => Splice { range: after.at.start..after.at.start, text: format!("{text}, ") },
            None => {
                let end = self.anchors.last()?.at.end;
                Splice { range: end..end, text: format!(", {text}") }
            }
        };
        let edit = Edit { splices: vec![splice] };
        super::rewritten(see, &edit.apply(see.text)?, format!("{strip}: {text} is a bar as well"))
    }

    /// Takes an anchor out, as long as two stay.
    pub fn remove_anchor(&self, see: &See<'_>, strip: &str, anchor: usize) -> Option<Act> {
        if self.anchors.len() < 3 {
            return Some(Act::Say("two anchors stay: what lies between them is held".into()));
        }
        let start = |anchor: &Anchor| match &anchor.section {
            // With its name.
            Some(name) => see.text[..anchor.at.start].rfind(name.as_str()).unwrap_or(anchor.at.start),
            None => anchor.at.start,
        };
        let range = match self.anchors.get(anchor + 1) {
            Some(after) => start(&self.anchors[anchor])..start(after),
            None => self.anchors[anchor - 1].at.end..self.anchors[anchor].at.end,
        };
        let edit = Edit { splices: vec![Splice { range, text: String::new() }] };
        super::rewritten(see, &edit.apply(see.text)?, format!("{strip}: an anchor less"))
    }
}

/// How many of a unit of time are a second.
fn per_second(unit: Unit) -> Option<f64> {
    match unit {
        Unit::Second => Some(1.0),
        Unit::Millisecond => Some(1000.0),
        _ => None,
    }
}

impl Anchor {
    /// A moment as it would be written here.
    pub fn said(&self, moment: f64) -> String {
        let value = moment * per_second(self.unit).unwrap_or(1.0);
        format!("{}{}", plain(value, if self.unit == Unit::Second { 3 } else { 1 }), self.unit.spelling())
    }
}

/// A file that was read, and what it looks like.
type Read = (PathBuf, Option<Peaks>);

/// What is known of a file.
#[derive(Default)]
struct Known {
    peaks: Option<Arc<Peaks>>,
    /// When it was written, as it was read.
    written: Option<SystemTime>,
    /// That was asked since the program changed.
    fresh: bool,
}

/// What files look like, as far as they are read.
pub struct Waves {
    known: BTreeMap<PathBuf, Known>,
    read: (Sender<Read>, Receiver<Read>),
}

impl Default for Waves {
    fn default() -> Waves {
        Waves { known: BTreeMap::new(), read: channel() }
    }
}

impl Waves {
    /// What a file of the program that plays looks like. It is read by a thread of its own, which wakes the window.
    pub fn of(&mut self, ctx: &egui::Context, see: &See<'_>, file: &str) -> Option<Arc<Peaks>> {
        for (path, peaks) in self.read.1.try_iter() {
            self.known.entry(path).or_default().peaks = peaks.map(Arc::new);
        }
        let graph = &see.feedback.program.as_ref()?.patch.graph;
        let files = graph.samples.iter().flat_map(|sample| &sample.files);
        let path = files.map(PathBuf::from).find(|path| path.ends_with(file))?;
        let known = self.known.entry(path.clone()).or_default();
        if !std::mem::replace(&mut known.fresh, true) {
            let written = std::fs::metadata(&path).and_then(|file| file.modified()).ok();
            if written != known.written {
                known.written = written;
                let (tell, ctx) = (self.read.0.clone(), ctx.clone());
                let read = move || {
                    let peaks = Peaks::read(&path).ok();
                    let _ = tell.send((path, peaks));
                    ctx.request_repaint();
                };
                // Without a thread there is no picture, and nothing else is lost.
                let _ = std::thread::Builder::new().name("modurust-peaks".into()).spawn(read);
            }
        }
        known.peaks.clone()
    }

    /// Files may be others with another program; until that is known they are shown as they were.
    pub fn again(&mut self) {
        self.known.values_mut().for_each(|known| known.fresh = false);
    }
}

/// Draws what of a recording lies in a room, from a bar on.
pub fn wave(
    painter: &Painter,
    sheet: &Sheet<'_>,
    pieces: &[Piece],
    peaks: &Peaks,
    (room, origin): (Rect, f64),
    colour: Color32,
) {
    const STEP: f32 = 1.5;
    // As high as its loudest moment.
    let [low, high] = peaks.between(0.0, peaks.seconds).unwrap_or_default();
    let gain = 0.94 / high.max(-low).max(1e-4);
    let mut mesh = Mesh::default();
    for piece in pieces {
        let (left, right) =
            (sheet.x(origin + piece.bars[0]).max(room.left()), sheet.x(origin + piece.bars[1]).min(room.right()));
        let colour = if piece.again { colour.gamma_multiply(0.5) } else { colour };
        let columns = ((right - left) / STEP).ceil().max(0.0) as usize;
        for i in 0..columns {
            let x = left + i as f32 * STEP;
            let end = (x + STEP).min(right);
            let second = |x: f32| piece.second(sheet.bar(x) - origin);
            let Some([low, high]) = peaks.between(second(x), second(end)) else { continue };
            let half = room.height() / 2.0;
            let y = |level: f32| room.center().y - (level * gain).clamp(-1.0, 1.0) * half;
            let bar = Rect::from_min_max(egui::pos2(x, y(high)), egui::pos2(end, y(low).max(y(high) + 1.0)));
            mesh.add_colored_rect(bar, colour);
        }
    }
    painter.add(Shape::mesh(mesh));
}

#[cfg(test)]
mod tests {
    use super::super::song::Song;
    use super::*;
    use modurust_runtime::compiler::ide::Document;

    const TEXT: &str = "scene intro { d: a }\nscene verse {}\narrange { intro 2bars  verse 4bars }\n\
        track d = clips { a: 'dust/hh.wav'  b: \"bd*4\" } >> kit('tr909')\n\
        track loose = 'amen.wav' >> anchors(0s, 690ms, 1.37s, every: 2beats) * 0.6\n\
        track take = anchors('amen.wav', intro: 0.02s, verse: 1.04s) * 0.3\n\
        track steady = 'amen.wav' >> warp(160bpm) >> lpf(2khz)\ntrack under = 'amen.wav' >> loop(1bar) * 0.5\n\
        track chops = \"0 3\" >> slice('amen.wav', 16, fit: 1bar)\n";

    #[test]
    fn recordings_are_found_and_lie_as_the_text_says() {
        let song = Song::read(&Document::new("", TEXT));
        let names: Vec<&str> = song.takes.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["loose", "take", "steady", "under"]);
        assert_eq!(song.clip_take("d", "a").map(|take| take.file.as_str()), Some("dust/hh.wav"));
        assert!(song.clip_take("d", "b").is_none());
        let pieces = |i: usize, until: f64| song.takes[i].2.pieces(1.5, 2.0, 4.0, until);
        let lies = |pieces: &[Piece]| pieces.iter().map(|p| (p.bars, p.seconds, p.again)).collect::<Vec<_>>();
        assert_eq!(
            lies(&pieces(0, 2.0))[..3],
            [([0.0, 0.5], [0.0, 0.69], false), ([0.5, 1.0], [0.69, 1.37], false), ([1.0, 1.5], [0.0, 0.69], true)]
        );
        assert_eq!(lies(&pieces(1, 6.0)), [([0.0, 2.0], [0.02, 1.04], false), ([2.0, 2.23], [1.04, 1.5], false)]);
        assert_eq!(lies(&pieces(2, 1.0)), [([0.0, 1.0], [0.0, 1.5], false)]);
        assert_eq!(lies(&pieces(3, 1.0)), [([0.0, 1.0], [0.0, 1.5], false)]);
        let take = &song.takes[0].2;
        assert_eq!(&TEXT[take.anchors[1].at.clone()], "690ms");
        assert_eq!((take.anchors[1].said(0.7013), take.anchors[2].said(1.4)), ("701.3ms".into(), "1.4s".into()));
        assert_eq!((take.bounded(1, 9.0), take.bounded(0, -1.0)), (1.37 - APART, 0.0));
    }
}
