//! The words that begin with a colon: one table for reading, completing and explaining them.

/// A command.
#[derive(Debug)]
pub struct Word {
    /// Without the colon.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What it does, in a line.
    pub doc: &'static str,
}

macro_rules! words {
    ($($name:literal $takes:literal: $doc:literal)*) => {
        /// Every command, in the order of the help.
        pub static WORDS: &[Word] = &[$(Word { name: $name, takes: $takes, doc: $doc }),*];
    };
}

words! {
    "help" "[WORD]": "all commands, or one"
    "doc" "NAME": "explains a function or node"
    "t" "EXPR": "the type, channels and rate of an expression"
    "ir" "": "the graph of what is written"
    "asm" "[WORD]": "the machine code, region by region, or only regions that speak of a name"
    "plan" "": "what the last change of code kept, moved, made and dropped"
    "scope" "[NAME] [spectrum]": "levels and the wave of what is heard, of one output, or of a name inside of a binding (`bass.wet`), or its frequencies"
    "cpu" "": "load, missed deadlines, events that were lost"
    "mem" "": "memory of the patch that plays"
    "list" "[NAME]": "the text, or one statement of it"
    "back" "[NAME]": "undoes the last change, or the last of one binding"
    "delete" "NAME": "takes a binding out of the text; its sound fades"
    "snap" "A..H": "remembers the text under a letter"
    "recall" "A..H": "goes back to a remembered text"
    "diff" "[A..H]": "what differs from the file, or from a remembered text"
    "save" "[FILE]": "writes the text"
    "load" "[FILE]": "reads the text anew, or another file and edits that; what is saved to it comes in by itself"
    "play" "": "time goes on; ends a hush"
    "pause" "": "time stands still"
    "seek" "BAR": "jumps to a bar, counted from 1"
    "loop" "FROM TO | off": "goes round from a bar to the beginning of another"
    "tempo" "BPM": "writes the tempo into the text"
    "tap" "": "a tap on the beat; from the second on they set the tempo"
    "nudge" "MS": "pushes time later over the next bar, or earlier if negative"
    "cue" "NAME": "jumps to a place that was named"
    "setcue" "NAME": "names the place of now"
    "count-in" "BARS": "so many silent bars, then from the beginning of this bar"
    "metronome" "on | off": "a click on every beat"
    "launch" "NAME": "launches a clip, scene or song, when `quantise` says"
    "stop" "NAME": "stops what a track, scene or song plays"
    "set" "NAME VALUE": "moves a number by its name: `:set bass.level 0.5`"
    "learn" "NAME": "writes a line by which the next controller that moves moves a number: `:learn bass.cutoff`"
    "keys" "": "the computer's keys play notes, as `midi('computer')`, and `key('x')`, until Escape"
    "key" "LETTER": "strikes a key of the computer for a quarter of a second"
    "hush" "": "notes end and the sound fades until the next edit or `:play`"
    "panic" "": "silence at once; everything begins anew"
    "keep" "FILE": "writes the last half minute of what was heard to a file"
    "devices" "": "where sound can go"
    "device" "[NAME]": "sends the sound to another device, `null` to none; or says which one plays"
    "quit" "": "stops the sound and leaves"
}

/// The command and the rest of the line, if it is one; `Err` is a word that nobody knows.
pub fn read(line: &str) -> Option<Result<(&'static Word, &str), String>> {
    let rest = line.trim().strip_prefix(':')?;
    let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let exact = WORDS.iter().find(|word| word.name == name);
    let mut begun = WORDS.iter().filter(|word| word.name.starts_with(name) && !name.is_empty());
    let found = exact.or_else(|| begun.next().filter(|_| begun.next().is_none()));
    Some(found.map(|word| (word, rest.trim())).ok_or_else(|| name.to_string()))
}

/// The word that was meant.
pub fn near(name: &str) -> Option<&'static str> {
    let near = |word: &&Word| modurust_runtime::compiler::lang::distance(name, word.name) <= 1 + name.len() / 4;
    WORDS.iter().find(near).map(|word| word.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_their_beginning_if_it_is_theirs_alone() {
        let name = |line: &str| read(line).map(|found| found.map(|(word, rest)| (word.name, rest.to_string())));
        assert_eq!(name(":back bass"), Some(Ok(("back", "bass".into()))));
        assert_eq!(name(" :t  sin(1hz) "), Some(Ok(("t", "sin(1hz)".into()))));
        assert_eq!(name(":metro on"), Some(Ok(("metronome", "on".into()))));
        assert_eq!(name(":s"), Some(Err("s".into())));
        assert_eq!(name(":xyz"), Some(Err("xyz".into())));
        assert_eq!(name("a = 1"), None);
    }

    #[test]
    fn names_are_their_own() {
        let mut names: Vec<_> = WORDS.iter().map(|word| word.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WORDS.len());
        assert!(WORDS.iter().all(|word| !word.doc.is_empty()));
    }
}
