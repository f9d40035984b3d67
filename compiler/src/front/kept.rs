//! What the front stages keep between texts: the arenas of the elaborator, its parts, and the places of statements.
//!
//! All of it is a memory of work and nothing else: dropped at any time, the next text comes out the same, only later. It is dropped
//! when the files of the session are others, when most of the arenas is of texts that are gone, when the settings move that everything
//! depends on, and when the elaborator finds a case that it cannot tell from what is kept ([`super::parts`]).

use crate::front::elab::Elab;
use crate::front::join::Segments;
use crate::front::layout::Layout;
use crate::front::parts::Parts;
use crate::front::places::Places;
use crate::front::recall::Recalled;
use crate::front::scope::Called;
use crate::front::segment::Mark;
use crate::front::strips::File;
use crate::front::value::{Shape, hash_text};
use crate::graph::{Graph, NodeId, ParamId};
use crate::program::Unit;
use crate::score::timeline::ClipSet;
use crate::score::{MAX_FIELDS, PatId, ScoreBuilder};
use modurust_lang::FileId;
use rustc_hash::FxHashMap as HashMap;

/// So many values of texts that are gone are always kept: those of some hundred edits, after which one is as slow as the first.
const SPARE: usize = 1 << 14;

/// The arenas.
pub(super) struct Arenas {
    pub graph: Graph,
    score: ScoreBuilder,
    units: Vec<Unit>,
    sets: Vec<ClipSet>,
    params: HashMap<u64, ParamId>,
    outside: HashMap<String, ParamId>,
    symbols: HashMap<PatId, PatId>,
    named: HashMap<NodeId, Called>,
    aliases: HashMap<NodeId, NodeId>,
    patterns: Vec<(FileId, u32)>,
    literal_ids: HashMap<(FileId, u32), u32>,
    pub parts: Parts,
    segments: Segments,
    layout: Layout,
    marks: Vec<Mark>,
    shapes: HashMap<(u64, usize), Shape>,
    recalled: Recalled,
}

/// Everything that is kept.
#[derive(Default)]
pub(super) struct Memory {
    pub places: Places,
    arenas: Option<Arenas>,
    /// How large the arenas were when they were made from nothing.
    fresh: usize,
    files: Vec<(u64, bool)>,
}

impl Memory {
    /// The statements of a text, on the tape, and the arenas of the last one if they are of use.
    pub fn begin(&mut self, files: &[File], texts: &[&str]) -> (Vec<File>, Option<Arenas>) {
        let now: Vec<(u64, bool)> = files.iter().map(|f| (hash_text(&f.path), f.used)).collect();
        let mut arenas = self.arenas.take().filter(|arenas| arenas.are_worth_it(self.fresh) && now == self.files);
        self.files = now;
        if arenas.is_none() || !self.places.has_room() {
            self.places = Places::default();
            let (laid_out, _) = self.places.laid_out(files, texts);
            return (laid_out, None);
        }
        let (laid_out, renamed) = self.places.laid_out(files, texts);
        if let Some((arenas, renamed)) = arenas.as_mut().zip(renamed) {
            arenas.rename(&renamed);
        }
        (laid_out, arenas)
    }

    /// Keeps the arenas for the next text; they were made from nothing or go on those of the text before.
    pub fn keep(&mut self, arenas: Arenas, from_nothing: bool) {
        if from_nothing {
            self.fresh = arenas.size();
        }
        self.arenas = Some(arenas);
    }
}

impl Arenas {
    /// What there is most of: values, patterns, frames and numbers.
    fn size(&self) -> usize {
        let Graph { nodes, frames, params, .. } = &self.graph;
        nodes.len() + frames.len() + params.len() + self.score.score().pattern_count()
    }

    /// Not much more than twice of it is of texts that are gone, and there is room for what comes. An edit of a number may leave the values
    /// alone and bring patterns, so all of it counts; `fresh` is the size that it had when it was made of one text.
    fn are_worth_it(&self, fresh: usize) -> bool {
        self.size() <= 3 * fresh + SPARE && self.score.score().field_count() < MAX_FIELDS && !self.score.overflowed()
    }
}

impl<'a> Elab<'a> {
    /// Goes on with the arenas of an earlier text.
    pub(super) fn resume(&mut self, arenas: Arenas) {
        (self.graph, self.score, self.units, self.sets) = (arenas.graph, arenas.score, arenas.units, arenas.sets);
        (self.params, self.outside, self.symbols) = (arenas.params, arenas.outside, arenas.symbols);
        (self.named, self.aliases, self.patterns) = (arenas.named, arenas.aliases, arenas.patterns);
        (self.parts, self.segments, self.layout) = (arenas.parts, arenas.segments, arenas.layout);
        (self.marks, self.shapes, self.recalled) = (arenas.marks, arenas.shapes, arenas.recalled);
        self.literal_ids = arenas.literal_ids;
        self.score.set_seed(self.settings.seed);
    }

    /// The arenas, for the next text.
    pub(super) fn into_arenas(mut self) -> Arenas {
        self.graph.outs.clear();
        Arenas {
            graph: self.graph,
            score: self.score,
            units: self.units,
            sets: self.sets,
            params: self.params,
            outside: self.outside,
            symbols: self.symbols,
            named: self.named,
            aliases: self.aliases,
            patterns: self.patterns,
            literal_ids: self.literal_ids,
            parts: self.parts,
            segments: self.segments,
            layout: self.layout,
            marks: self.marks,
            shapes: self.shapes,
            recalled: self.recalled,
        }
    }
}
