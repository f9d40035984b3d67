//! The words of the language itself: how they are written and what they do, a sentence each.
//!
//! The lists of words are in [`modurust_lang::token`]; a test holds this table to them. Completion, the text under the cursor and the
//! reference are made of it.

/// A word with an example of its use.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Where it can stand.
    pub place: Where,
}

/// Where a word can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// At the beginning of a statement.
    Statement,
    /// Where a value is wanted.
    Value,
    /// Behind a value, or inside of another form.
    After,
}

macro_rules! words {
    ($($place:ident: $($word:literal $form:literal $doc:literal;)*)*) => {
        /// The table, in the order in which a reference tells it.
        pub static WORDS: &[Word] = &[$($(Word { word: $word, form: $form, doc: $doc, place: Where::$place },)*)*];
    };
}

words! {
    Statement:
    "track" "track bass = \"0 3 7\" >> scale(a1, minor) >> mono(acid)" "A voice of the mix: heard, with a level and a place of its own.";
    "bus" "bus room = in >> reverb(4s)" "A strip that tracks send to; `in` is the sum of what comes. `bus master` is the last of all.";
    "use" "use ./voices as v" "Takes definitions from another file, or names a module of the library.";
    "scene" "scene drop { drums: b, bass: off } for 16bars then groove" "Clips that are launched together.";
    "arrange" "arrange { intro 8bars  drop 16bars { bass.cutoff: 200hz ~> 2khz } }" "Scenes one after another: a song.";
    "map" "map cc(74) -> bass.cutoff 200hz..8khz exp" "Lets something outside move a value.";
    "automate" "automate bass.cutoff { 0bar: 200hz, 8bar: 2khz exp }" "Moves a value along the song.";
    "launch" "launch drums.fill at next bar" "Starts a clip, a scene or the song.";
    "play" "play song from 16bars to 24bars" "Plays a song from a place as if from its start; with `to` it goes round.";
    "stop" "stop drums at next 4bars" "Stops the clip of a track.";
    "mute" "mute drums" "Silences a track.";
    "solo" "solo bass" "Silences all tracks but this one.";
    "record" "record master to 'take.wav'" "Writes what is heard to a file; `record all to 'folder'` writes every track.";
    "export" "export song to 'set.wav' stems" "Renders to a file, with `stems` a file for each track.";
    "tempo" "tempo 124bpm" "Beats per minute: a number, a ramp or a pattern.";
    "meter" "meter 7/8" "How many beats a bar has; `meter 3/4 from 16bars` changes it on the way.";
    "seed" "seed 7" "Where all chance begins.";
    "quantise" "quantise 1bar" "When changes take effect.";
    "swing" "swing 56%" "Moves every second sixteenth: 50% is straight.";
    "link" "link on" "Follows the clock of others: that of MIDI, or the transport of JACK.";
    "xfade" "xfade 20ms" "How long an edit of code fades; in a song, how long a section fades into the next.";
    "tuning" "tuning 'just.scl'" "The scale of all notes, from a Scala file.";
    "modu" "modu 1" "The version of the language that the text is written in.";

    Value:
    "if" "if x > 0 then a else b" "One of two values, chosen at every sample.";
    "not" "not x" "1 for what is 0, else 0.";
    "it" "x >> it * 0.5 + (it >> reverb(3s))" "What was piped in, where it is needed more than once.";
    "clips" "clips { a: \"bd*4\" for 8bars then b  b: \"bd sd\" }" "Patterns of which one plays at a time.";
    "in" "bus room = in >> reverb(4s)" "What is sent to a bus; behind a parameter, its range.";

    After:
    "then" "if x > 0 then a else b" "What is meant if so; behind a clip or scene, what comes next.";
    "else" "if x > 0 then a else b" "What is meant if not.";
    "for" "a: \"bd*4\" for 8bars" "How long a clip or a scene plays.";
    "and" "a and b" "1 where both are not 0.";
    "or" "a or b" "1 where one is not 0.";
    "over" "200hz ~> 2khz over 8bars" "How long a ramp takes; else as long as what surrounds it.";
    "exp" "200hz ~> 2khz over 8bars exp" "A ramp in even ratios, as ears hear pitch.";
    "lin" "0 ~> 1 over 8bars lin" "A ramp in even steps.";
    "hold" "0 ~> 1 over 8bars hold" "Stays, then jumps.";
    "sine" "0 ~> 1 over 8bars sine" "A ramp with soft ends.";
    "spline" "8bars: 2khz spline" "Reaches a point of an automation on a smooth curve through the points around it.";
    "from" "play song from 16bars to 24bars" "Where it begins.";
    "log" "freq: hz = 1khz in 20hz..20khz log" "A knob that moves in even ratios.";
    "as" "use ./voices as v" "The name that a file's definitions are reached by.";
    "at" "launch drums.fill at next bar" "When a command takes effect.";
    "now" "stop drums at now" "At once.";
    "next" "launch drop at next 4bars" "At the next multiple of a length.";
    "off" "scene break { drums: off }" "Nothing plays on this track; as a number, 0.";
    "to" "record master to 'take.wav'" "The file that is written.";
    "stems" "export song to 'set.wav' stems" "A file for each track.";
    "preroll" "record master to 'take.wav' preroll" "With the half minute before.";
}

/// What is said about a word of the language.
pub fn find(word: &str) -> Option<&'static Word> {
    WORDS.iter().find(|w| w.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_lang::token::{COMMANDS, KEYWORDS, PLACED, SETTINGS};

    #[test]
    fn every_word_of_the_language_is_told_once() {
        let mut listed: Vec<&str> = [KEYWORDS, SETTINGS, COMMANDS, PLACED].concat();
        let mut told: Vec<&str> = WORDS.iter().map(|w| w.word).collect();
        listed.sort_unstable();
        told.sort_unstable();
        assert_eq!(listed, told);
        for w in WORDS {
            assert!(w.doc.ends_with('.') && w.form.contains(w.word), "{}", w.word);
        }
    }
}
