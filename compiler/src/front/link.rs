//! From parts to a program: what belongs to this text is copied out of the arenas, in the order of the parts.
//!
//! The arenas hold what was made for this text and for earlier ones ([`super::parts`]). Here the tables of this text are written:
//! places in the tree of names, control rows, sequenced units, sets of clips, messages. The graph itself is copied from what is
//! heard down, by [`super::settle`], and the score from what is played down, by [`Copier`].

use crate::front::elab::Elab;
use crate::front::layout::Layout;
use crate::front::stand_ins::Role;
use crate::front::timeline::Control;
use crate::graph::Row;
use crate::program::{FieldSource, Knob, Unit};
use crate::score::timeline::{Motion, Timeline};
use crate::score::{Copier, PatId, Score};
use modurust_lang::Diagnostic;
use modurust_lang::units::Dim;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::sync::Arc;

/// The session's swing is that of sixteenths: so many pairs a bar.
const SWUNG: i64 = 8;
/// Nothing of this text.
const NONE: u32 = u32::MAX;

/// The tables of a text, and where each thing of the arenas went.
pub(super) struct Tables {
    pub layout: Layout,
    /// Places in the tree of names are where they were in the last text.
    pub settled: bool,
    pub rows: Vec<Row>,
    pub units: Vec<Unit>,
    row_of: Vec<u32>,
}

impl Tables {
    /// A control row.
    pub fn row(&self, id: crate::graph::RowId) -> crate::graph::RowId {
        crate::graph::RowId(self.row_of.get(id.index()).copied().filter(|new| *new != NONE).unwrap_or(0))
    }
}

/// What of the parts was gathered so far, in their order.
#[derive(Default)]
pub(super) struct Gathered {
    sends: usize,
    /// By number of their name, how many signals parts send.
    sent: HashMap<u32, u32>,
    rest: usize,
    told: HashSet<(u32, u32, u32)>,
    /// The number of each set of clips in the text.
    pub sets: HashMap<u32, u32>,
}

impl Elab<'_> {
    /// What stands for what the parts done since the last call send, by bus.
    pub(super) fn gather_sends(&mut self) {
        let live = self.parts.live[self.gathered.sends..].to_vec();
        self.gathered.sends = self.parts.live.len();
        for key in live {
            let part = self.parts.part(key);
            if part.sends.is_empty() {
                continue;
            }
            let (word, sends) = (part.word, part.sends.clone());
            let name = Arc::clone(&self.parts.names[word as usize]);
            for (bus, node) in sends {
                let nth = self.gathered.sent.entry(word).or_default();
                *nth += 1;
                let role = Role::Send(*nth);
                let stand_in = self.stand_in_for(&name, role);
                self.stands_for(stand_in, node, key);
                self.sends.push((bus, stand_in));
            }
        }
    }

    /// The controls of the session, and of the parts that were gathered: a name may come twice, the first is meant.
    fn all_controls(&self) -> impl Iterator<Item = &HashMap<Arc<str>, Control>> {
        let parts = self.parts.live[..self.gathered.rest].iter().map(|key| &self.parts.part(*key).controls);
        std::iter::once(&self.controls).chain(parts.filter(|controls| !controls.is_empty()))
    }

    /// What can be moved by a name.
    pub(super) fn control_of(&self, name: &str) -> Option<Control> {
        self.all_controls().find_map(|controls| controls.get(name)).copied()
    }

    /// What can be moved and has a unit or a range, in the order of its names.
    pub(super) fn knobs(&self) -> Vec<Knob> {
        let all = self.all_controls().flatten().filter(|(_, c)| c.range.is_some() || c.dim != Dim::None);
        let mut all: Vec<Knob> =
            all.map(|(name, c)| Knob { name: Arc::clone(name), dim: c.dim, range: c.range }).collect();
        // A stable order: of two with a name the first is meant.
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|b, a| a.name == b.name);
        all
    }

    /// The names of all that can be moved, in order.
    pub(super) fn movable(&self) -> Vec<String> {
        let mut all: Vec<String> = self.all_controls().flat_map(|c| c.keys()).map(|name| name.to_string()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Sets of clips and messages of the parts done since the last call become those of the session.
    pub(super) fn gather(&mut self) {
        let live = self.parts.live[self.gathered.rest..].to_vec();
        self.gathered.rest = self.parts.live.len();
        let mut led = Vec::new();
        for &key in &live {
            let part = self.parts.part(key);
            for &(what, at, span) in &part.later {
                if !self.later.iter().any(|(known, ..)| *known == what) {
                    self.later.push((what, at, span));
                }
            }
            for diagnostic in &part.diagnostics {
                // One mistake gives one error, also where several parts meet it.
                let place = (diagnostic.file.0, diagnostic.span.start, diagnostic.span.end);
                if !diagnostic.is_error() || self.gathered.told.insert(place) {
                    self.diagnostics.push(diagnostic.clone());
                }
            }
            for (from, to) in part.pieces.iter() {
                for set in from.sets..to.sets {
                    self.gathered.sets.insert(set, self.timeline.sets.len() as u32);
                    self.timeline.sets.push(self.sets[set as usize].clone());
                }
            }
            for feed in &part.feeds {
                if !self.timeline.feeds.contains(feed) {
                    self.timeline.feeds.push(feed.clone());
                }
            }
            led.extend(part.led.iter().cloned());
        }
        for led in led {
            self.led.push(led);
            self.refuse_round_trip();
        }
    }

    /// The tables of the text, and sets of clips that the session itself has.
    pub(super) fn tables(&mut self) -> Tables {
        for (from, to) in self.parts.all().last().into_iter().flat_map(|session| session.pieces.iter()) {
            for set in from.sets..to.sets {
                self.gathered.sets.insert(set, self.timeline.sets.len() as u32);
                self.timeline.sets.push(self.sets[set as usize].clone());
            }
        }
        let mut layout = std::mem::take(&mut self.layout);
        let settled = !layout.lay(&self.graph, self.parts.all());
        let row_of = vec![NONE; self.graph.rows.len()];
        let mut tables = Tables { layout, settled, rows: Vec::new(), units: Vec::new(), row_of };
        let mut unit_of = vec![NONE; self.units.len()];
        for (from, to) in self.parts.all().flat_map(|part| part.pieces.iter()) {
            for id in from.units..to.units {
                unit_of[id as usize] = tables.units.len() as u32;
                let unit = self.units[id as usize].clone();
                tables.units.push(Unit { frame: tables.layout.frame(unit.frame), ..unit });
            }
            for id in from.rows..to.rows {
                tables.row_of[id as usize] = tables.rows.len() as u32;
                tables.rows.push(self.graph.rows[id as usize].clone());
            }
        }
        for row in &mut tables.rows {
            row.unit = unit_of[row.unit as usize];
        }
        tables
    }

    /// The score of the text: what units, clips and lanes play. And what its literals are here, by their numbers there.
    pub(super) fn score_of(&mut self, units: &mut [Unit]) -> (Score, Vec<u32>) {
        let mut copy = Copier::new(self.score.score(), &self.gathered.sets);
        for unit in units {
            unit.pattern = copy.pattern(unit.pattern);
            unit.live = copy.live(unit.pattern);
            if let Some(amount) = self.swing.filter(|_| unit.swings) {
                unit.pattern = copy.swing(unit.pattern, amount, SWUNG);
            }
            unit.word = unit.word.map(|word| copy.word(word));
            unit.choke = unit.choke.map(|word| copy.word(word));
            for field in &mut unit.fields {
                if let FieldSource::Named(named) = field.source {
                    field.source = FieldSource::Named(copy.field(named));
                }
            }
        }
        patterns(&mut self.timeline, |pattern| *pattern = copy.pattern(*pattern));
        let literals = copy.literals();
        (copy.finish(), literals)
    }

    /// Where the texts of these literals begin.
    pub(super) fn literals(&self, of: &[u32], places: &super::places::Places) -> Vec<(modurust_lang::FileId, u32)> {
        let start = |(file, start): &(modurust_lang::FileId, u32)| match file.0 < modurust_lang::library::FIRST_FILE {
            true => (*file, places.in_text(modurust_lang::Span { start: *start, end: *start }).start),
            false => (*file, *start),
        };
        of.iter().filter_map(|literal| self.patterns.get(*literal as usize)).map(start).collect()
    }

    /// Places of messages and of the timeline become those of the text.
    pub(super) fn in_text(&mut self, places: &super::places::Places) {
        let own = |file: modurust_lang::FileId| file.0 < modurust_lang::library::FIRST_FILE;
        for Diagnostic { file, span, .. } in &mut self.diagnostics {
            if own(*file) {
                *span = places.in_text(*span);
            }
        }
        self.timeline.places(|place| {
            if own(place.file) {
                place.span = places.in_text(place.span);
            }
        });
    }
}

/// Every pattern of a timeline.
fn patterns(timeline: &mut Timeline, mut f: impl FnMut(&mut PatId)) {
    for clip in timeline.sets.iter_mut().flat_map(|set| &mut set.clips) {
        clip.pattern.iter_mut().for_each(&mut f);
    }
    let lanes = timeline.arrangements.iter_mut().flat_map(|a| &mut a.sections).flat_map(|s| &mut s.lanes);
    let motions = lanes.map(|lane| &mut lane.motion).chain(&mut timeline.settings.tempo);
    for motion in motions {
        if let Motion::Pattern(pattern) = motion {
            f(pattern);
        }
    }
    let points = timeline.automations.iter_mut().flat_map(|a| &mut a.points);
    points.filter_map(|point| point.pattern.as_mut()).for_each(&mut f);
    timeline.tempo.pattern.iter_mut().for_each(f);
}
