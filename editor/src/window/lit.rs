//! The steps of patterns that sound now, as places of the text.
//!
//! Every event knows the literal and the bytes in it that it came from, so the patterns are asked with what was launched, as the sequencer asks
//! them, for the moment that is heard. It is asked thirty times a second at most, and only while the text is the one that plays.

use modurust_runtime::compiler::front::Elaborated;
use modurust_runtime::compiler::score::launch::{History, Launch, Launches};
use modurust_runtime::compiler::score::{EventBuf, PatId, Ratio, Score};
use modurust_runtime::performance::Picture;
use std::ops::Range;

/// What can be asked for what sounds.
#[derive(Default)]
pub struct Lit {
    score: Option<Score>,
    patterns: Vec<PatId>,
    /// First byte of each literal of the file that is looked at; `None` for those of others.
    literals: Vec<Option<usize>>,
    room: EventBuf,
}

impl Lit {
    /// Of texts that were read; `file` is the number of the one that is looked at.
    pub fn new(elaborated: Elaborated, file: Option<usize>) -> Lit {
        let mut patterns: Vec<PatId> = elaborated.units.iter().map(|unit| unit.pattern).collect();
        patterns.sort_unstable_by_key(|pattern| pattern.0);
        patterns.dedup();
        let here = |(of, start): (modurust_runtime::compiler::lang::FileId, u32)| {
            (Some(of.0 as usize) == file).then_some(start as usize)
        };
        let literals = elaborated.literals.into_iter().map(here).collect();
        Lit { score: Some(elaborated.score), patterns, literals, room: EventBuf::new(256) }
    }

    /// Bytes of the text that sound at a position in bars, in order.
    pub fn spans(&mut self, cycle: f64, picture: &Picture) -> Vec<Range<usize>> {
        let Some(score) = &self.score else { return Vec::new() };
        let history = |view: &modurust_runtime::launcher::SetView| {
            let mut history = History::default();
            let from = view.origin.unwrap_or(Ratio::ZERO);
            history.push(Launch::new(Ratio::int(i64::MIN / 4), view.playing, from));
            history
        };
        let launches = Launches { sets: picture.sets.iter().map(history).collect(), ..Launches::default() };
        let begin = Ratio::new((cycle * 3840.0) as i64, 3840);
        let end = begin + Ratio::new(1, 3840);
        let mut spans = Vec::new();
        for pattern in &self.patterns {
            self.room.clear();
            score.query_launched(*pattern, begin, end, &launches, &mut self.room);
            let places = self.room.events().iter().filter(|event| !event.continuous).filter_map(|event| {
                let start = (*self.literals.get(event.pattern as usize)?)?;
                let (from, to) = event.source;
                (to > from).then_some(start + from as usize..start + to as usize)
            });
            spans.extend(places);
        }
        spans.sort_unstable_by_key(|span: &Range<usize>| (span.start, span.end));
        spans.dedup();
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::work;
    use modurust_runtime::compiler::front::Compiler;
    use modurust_runtime::launcher::SetView;
    use modurust_runtime::world::FileWorld;

    #[test]
    fn what_sounds_is_found_in_the_text() {
        let text = "track d = \"bd [hh hh] <sn cp>\" >> kit('tr909')\ntrack b = clips { a: \"0 3\"  b: \"5 7\" } >> fast(2) >> scale(f1, minor) >> mono(saw)\n";
        let mut world = FileWorld::new();
        world.overlay("a.modu", text);
        let mut compiler = Compiler::new(work::options(work::RATE));
        let (elaborated, problems, _) = compiler.elaborate(&world, &["a.modu".to_string()]);
        let mut lit = Lit::new(elaborated.unwrap_or_else(|| panic!("{problems:?}")), Some(0));
        let view = SetView { playing: Some(1), origin: Some(Ratio::int(1)), ..SetView::default() };
        let picture = Picture { sets: vec![view], ..Picture::default() };
        let mut at = |cycle: f64| lit.spans(cycle, &picture).iter().map(|span| &text[span.clone()]).collect::<Vec<_>>();
        assert_eq!(at(0.1), ["bd", "5"]);
        assert_eq!(at(0.55), ["hh", "5"]);
        assert_eq!(at(1.8), ["cp", "7"]);
        assert_eq!(at(2.7), ["sn", "5"]);
    }

    /// What a compiler remembers of the texts before shows in nothing.
    #[test]
    fn after_edits_it_is_found_as_in_a_new_text() {
        let lines = [
            "track d = \"bd [hh hh] <sn cp>\" >> kit('tr909')\n",
            "melody = \"0 3 <5 7> ~\"\n",
            "track b = melody >> scale(f1, minor) >> mono(saw)\n",
            "track c = clips { a: \"0 3\"  b: \"5 7\" } >> fast(2) >> scale(f1, minor) >> mono(saw)\n",
            "track e = \"0 2 4 5\" >> struct(\"t f t t\") >> scale(c4, major) >> mono(tri)\n",
        ];
        let mut dice = modurust_runtime::compiler::lang::dice::Dice::new(9);
        let spans = |compiler: &mut Compiler, text: &str| {
            let mut world = FileWorld::new();
            world.overlay("a.modu", text);
            let (elaborated, problems, _) = compiler.elaborate(&world, &["a.modu".to_string()]);
            let mut lit = Lit::new(elaborated.unwrap_or_else(|| panic!("{text}{problems:?}")), Some(0));
            let view = SetView { playing: Some(1), origin: Some(Ratio::int(1)), ..SetView::default() };
            let picture = Picture { sets: vec![view], ..Picture::default() };
            [0.1, 0.3, 0.55, 1.8, 2.7].map(|cycle| lit.spans(cycle, &picture))
        };
        let mut compiler = Compiler::new(work::options(work::RATE));
        for _ in 0..60 {
            let mut text = String::new();
            for line in lines {
                let needed = line.starts_with("melody");
                if needed || dice.chance(70) {
                    text += &line.replace("0 3", dice.pick(&["0 3", "0 3", "7 [0 3]"]));
                }
                if dice.chance(20) {
                    text += "// a line\n";
                }
            }
            let fresh = spans(&mut Compiler::new(work::options(work::RATE)), &text);
            assert_eq!(spans(&mut compiler, &text), fresh, "{text}");
        }
    }
}
