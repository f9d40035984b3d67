//! Steps back and forth, and the small arithmetic of texts under edits.
//!
//! Every change of the text or of the places of hexes is a step, whoever made it. Letters typed in one breath in one place are one step. What
//! was taken back can be done again until something else is done; the history, which is another thing, keeps all that played.

use super::history::splice;
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Steps that are kept.
const MOST: usize = 1 << 16;
/// Typing within this time is one step.
const BREATH: Duration = Duration::from_millis(900);

/// One step.
pub struct Step {
    /// What was done.
    pub edit: Edit,
    /// What takes it back.
    pub back: Edit,
    /// Places of hexes before and after.
    pub layout: Option<(Arc<str>, Arc<str>)>,
    /// It was played at once.
    pub evaluated: bool,
    /// When it was typed last.
    typed: Option<Instant>,
    /// What it was.
    pub say: String,
    /// The file that it was done in.
    pub file: String,
}

impl Step {
    /// A change that was played at once.
    pub fn whole(edit: Edit, back: Edit, say: &str) -> Step {
        Step { edit, back, layout: None, evaluated: true, typed: None, say: say.into(), file: String::new() }
    }

    /// Hexes that were moved.
    pub fn places(before: Arc<str>, after: Arc<str>, say: String) -> Step {
        let layout = Some((before, after));
        let (edit, back) = (Edit::default(), Edit::default());
        Step { edit, back, layout, evaluated: false, typed: None, say, file: String::new() }
    }
}

/// The steps that were done, and those that were taken back.
#[derive(Default)]
pub struct Steps {
    /// Done; the last one is the next to be taken back.
    pub past: Vec<Step>,
    /// Taken back.
    pub future: Vec<Step>,
    /// The file that steps are done in now.
    pub file: String,
}

impl Steps {
    /// Something was done.
    pub fn push(&mut self, step: Step) {
        let step = Step { file: self.file.clone(), ..step };
        self.future.clear();
        self.past.push(step);
        if self.past.len() > MOST {
            self.past.remove(0);
        }
    }

    /// `old` became `new` by typing. Letters of one breath in one place are one step; a new line begins another.
    pub fn typed(&mut self, old: &str, new: &str, now: Instant) {
        let edit = between(old, new);
        let Some(back) = edit.inverse(old) else { return };
        let line = edit.splices.iter().any(|splice| splice.text.contains('\n'));
        let goes_on = |step: &&mut Step| {
            let close = step.edit.splices.first().zip(edit.splices.first());
            step.file == self.file
                && step.typed.is_some_and(|at| now - at < BREATH)
                && close.is_some_and(|(a, b)| b.range.start.abs_diff(a.range.start + a.text.len()) <= 1)
        };
        match self.past.last_mut().filter(|_| !line).filter(goes_on) {
            Some(step) => {
                let before = step.back.apply(old).unwrap_or_default();
                step.edit = between(&before, new);
                step.back = step.edit.inverse(&before).unwrap_or_default();
                step.typed = Some(now);
                self.future.clear();
            }
            None => {
                self.push(Step { typed: Some(now), evaluated: false, ..Step::whole(edit, back, "typed") });
            }
        }
    }
}

/// The change from one text to another, as one splice.
pub fn between(old: &str, new: &str) -> Edit {
    if old == new {
        return Edit::default();
    }
    let (from, to, with) = splice(old, new);
    Edit { splices: vec![Splice { range: from..to, text: new[with].to_string() }] }
}

/// The nearest place that is no middle of a character.
pub fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Where a byte of the text before an edit lies after it; what was replaced moves to the end of what came.
pub fn moved(edit: &Edit, at: usize) -> usize {
    let mut shift = 0isize;
    for splice in &edit.splices {
        if splice.range.end <= at {
            shift += splice.text.len() as isize - splice.range.len() as isize;
        } else if splice.range.start < at {
            return (splice.range.start as isize + shift) as usize + splice.text.len();
        }
    }
    at.saturating_add_signed(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_one_breath_are_one_step_and_a_line_another() {
        let mut steps = Steps::default();
        let texts = ["", "a", "ab", "ab\n", "ab\nc", "x ab\nc"];
        let now = Instant::now();
        texts.windows(2).for_each(|pair| steps.typed(pair[0], pair[1], now));
        assert_eq!(steps.past.len(), 3);
        let back = steps.past.iter().rev().fold(texts[5].to_string(), |text, step| step.back.apply(&text).unwrap());
        assert_eq!(back, "");
        steps.typed(texts[5], "x ab\ncd", now + BREATH * 2);
        assert_eq!(steps.past.len(), 4);
    }

    #[test]
    fn a_place_moves_with_what_is_before_it() {
        let edit = Edit { splices: vec![Splice { range: 2..4, text: "xyz".into() }] };
        assert_eq!([0, 2, 3, 4, 9].map(|at| moved(&edit, at)), [0, 2, 5, 5, 10]);
    }
}
