//! Every mistake by its code: what `modurust explain E0301` shows.
//!
//! One table. A [`Diagnostic`] carries the word of its kind and its message; [`of`] finds the row that speaks of it: the first of
//! its kind one of whose pieces stands in the message, or the row of the kind without pieces. A code never changes its meaning and
//! is never used again. The tests run every row: `wrong` gives exactly its code, `right` gives no error.

use crate::diag::Diagnostic;

/// A row of the table.
#[derive(Debug)]
pub struct Code {
    /// `E0301`; warnings begin with `W`.
    pub code: &'static str,
    /// The word in the diagnostic: `unit`.
    pub kind: &'static str,
    /// Pieces of messages that are meant, if not all of this kind are.
    pub pieces: &'static [&'static str],
    /// In a few words.
    pub title: &'static str,
    /// What it is about, and how to think of it.
    pub text: &'static str,
    /// A program with the mistake.
    pub wrong: &'static str,
    /// The same without.
    pub right: &'static str,
}

/// The row of a diagnostic.
pub fn of(diagnostic: &Diagnostic) -> &'static Code {
    let kind = diagnostic.code;
    let rows = || CODES.iter().filter(|row| row.kind == kind && row.code.starts_with('W') != diagnostic.is_error());
    let says = |row: &&Code| row.pieces.iter().any(|piece| diagnostic.message.contains(piece));
    rows()
        .find(says)
        .or_else(|| rows().find(|row| row.pieces.is_empty()))
        .or_else(|| CODES.iter().find(|row| row.kind == kind))
        .unwrap_or(&CODES[0])
}

/// The row of a code or, in words, of a kind.
pub fn find(code: &str) -> Option<&'static Code> {
    let wanted = code.trim();
    CODES
        .iter()
        .find(|row| row.code.eq_ignore_ascii_case(wanted))
        .or_else(|| CODES.iter().find(|row| row.kind == wanted && row.pieces.is_empty()))
}

macro_rules! codes {
    ($($code:literal $kind:literal [$($piece:literal),*] $title:literal: $text:literal; $wrong:literal => $right:literal)*) => {
        /// The table, by code.
        pub static CODES: &[Code] = &[$(Code {
            code: $code, kind: $kind, pieces: &[$($piece),*], title: $title, text: $text, wrong: $wrong, right: $right,
        }),*];
    };
}

codes! {
    "E0001" "syntax" [] "This cannot be read here":
        "The text stops making sense at the marked place. What was wanted there stands below it. A statement begins in the \
        first column with a word: a name and `=`, or a word such as `track`, `bus`, `tempo`. Lines that go on are indented.";
        "out = sin(440hz) 3" => "out = sin(440hz) * 3"
    "E0002" "bracket" [] "A bracket without its partner":
        "Every `(`, `[` and `{` is closed by its own kind. The mark stands under the one that is alone, not at the end of the \
        text where that was noticed.";
        "out = sin(440hz * 2" => "out = sin(440hz * 2)"
    "E0003" "quote" [] "A quote without its partner":
        "A pattern stands between double quotes and may run over indented lines; a text (the name of a file, a kit, a device) \
        stands between single quotes on one line.";
        "track t = \"bd sd >> kit('tr909')" => "track t = \"bd sd\" >> kit('tr909')"
    "E0004" "syntax" ["nothing follows", "nothing on the right", "cannot follow", "nothing stands"] "A value is missing":
        "An operator stands between two values, and `>>` wants something to flow into.";
        "out = sin(440hz) * " => "out = sin(440hz) * 0.5"
    "E0005" "syntax" ["`=` is missing", "a definition is written", "a setting is written", "wants a name"]
        "The `=` of a definition is missing":
        "A definition is `name = value`, a function `name(parameters) = value`, a track `track name = value`. A setting such as \
        `tempo 120bpm` has no sign between the word and its value.";
        "bass sin(55hz)" => "bass = sin(55hz)\nout = bass"
    "E0006" "syntax" ["`,` is missing"] "A comma is missing":
        "Arguments and the entries of a list are parted by commas.";
        "out = lpf(saw(55hz) 800hz)" => "out = lpf(saw(55hz), 800hz)"
    "E0007" "syntax" ["must touch"] "A bracket that does not touch":
        "The `(` of a call and the `[` of a choice touch the name before them. With a blank between, the bracket would begin a \
        value of its own.";
        "out = sin (440hz)" => "out = sin(440hz)"
    "E0008" "syntax" ["is a word of the language"] "A word of the language as a name":
        "A few words cannot be names: use as track bus scene arrange automate launch for then if else off in it and or not.";
        "then = 3" => "then_ = 3\nout = sin(440hz) * then_"
    "E0009" "note-name" [] "A note as a name":
        "`a1`, `c4`, `eb3`, `f#2` are notes wherever they stand, so nothing can be called that.";
        "a1 = sin(440hz)" => "tone1 = sin(440hz)\nout = tone1"
    "E0010" "syntax" ["this `if` has no"] "An `if` that is not finished":
        "Every `if` has a `then` and an `else`: a signal has a value at every moment.";
        "out = sin(if 1 > 2 then 440hz)" => "out = sin(if 1 > 2 then 440hz else 220hz)"
    "E0011" "syntax" ["does not begin a statement"] "A word that begins nothing":
        "Statements begin with a name and `=`, or with use, tempo, meter, seed, quantise, swing, link, xfade, tuning, track, \
        bus, scene, arrange, automate, launch, stop, mute, solo, record, export.";
        "let x = 3" => "x = 3\nout = sin(440hz) * x"
    "E0012" "syntax" [
        "expect `|", "expect `&", "expect `->", "expect `<", "expect `!", "expect `**", "expect `:=", "expect `+=",
        "expect `-=", "expect `*=", "expect `/=", "expect `%", "expect `;", "expect `#", "expect `.", "expect `=",
        "expect `~", "expect `@", "expect `$", "expect `?", "expect `::", "expect `++", "expect `\\", "of another tool",
        "is a dash", "cannot stand in a name", "unusual blank"
    ] "A sign of another language":
        "Signals flow by `>>`. A power is `^`, logic is `and`, `or`, `not`, comments begin with `//`, numbers below one with \
        a zero: `0.5`. There are no semicolons.";
        "out = sin(440hz) |> lpf(800hz)" => "out = sin(440hz) >> lpf(800hz)"
    "E0013" "limit" [] "More than fits":
        "There are bounds that no music needs to cross: the length and depth of a statement, the size of a patch, the number \
        of fields of events. Give a part a name of its own, or use fewer copies.";
        "out = sum(1024, k => sum(1024, j => sin(440hz)))" => "out = sum(8, k => sin(440hz * (k + 1))) / 8"
    "E0014" "syntax" ["takes no `", "wants a file", "does not go so deep"] "A command with too much or too little":
        "`launch drums.fill at next bar`, `stop drums`, `mute drums`, `solo drums`; `record master to 'take.wav'` and \
        `export song to 'set.wav' stems` write a file.";
        "out = sin(440hz)\nrecord master" => "out = sin(440hz)\nrecord master to 'take.wav'"

    "E0101" "name" [] "A name that nobody knows":
        "Names are what the file, the files opened with it, and the library define. Close spellings and the names of other \
        tools are proposed; `modurust doc` lists what there is.";
        "out = saww(110hz)" => "out = saw(110hz)"
    "E0102" "name" ["twice", "there are two"] "Two things with one name":
        "A name means one thing, whatever the order of the lines: that is what lets a line be changed while it sounds.";
        "f = 1\nf = 2\nout = sin(440hz) * f" => "f = 1\ng = 2\nout = sin(440hz) * f * g"
    "E0103" "name" ["the module", "the kit", "there is no kit", "there is no primitive", "there is no `.", "has no `."]
        "A part that is not there":
        "What stands behind the point belongs to what stands before it: a module and its functions, a recording and its stems, \
        a filter and its outputs.";
        "out = math.sinus(1)" => "out = sin(440hz) * math.sin(1)"
    "E0104" "name" ["no scale is called"] "A scale that nobody knows":
        "A scale is a name, or a list of semitones above its root: `scale(a1, [0, 3, 5, 7, 10])`.";
        "track t = \"0 3\" >> scale(a1, minr) >> mono(acid)" => "track t = \"0 3\" >> scale(a1, minor) >> mono(acid)"
    "E0105" "name" ["no scene", "no track", "no clip", "has no clip", "which clip", "to move", "no song", "no track or scene"]
        "A track, clip, scene or parameter that is not there":
        "Scenes name tracks and their clips, arrangements name scenes, `automate` and lanes name what moves: a knob, \
        `bass.cutoff`, `bass.level`, `tempo`.";
        "track d = clips { a: \"bd\" } >> kit('tr909')\nlaunch d.b" => "track d = clips { a: \"bd\" } >> kit('tr909')\nlaunch d.a"
    "E0106" "name" ["`it` stands for"] "`it` without a pipe":
        "`it` is the value that is piped in: `x >> it * 2 + 1`.";
        "out = it * 2" => "out = sin(440hz) >> it * 2"

    "E0201" "arity" [] "An argument is missing":
        "Parameters without a default must be given, in order or by name. What is piped is the first of them.";
        "out = lpf(freq: 400hz)" => "out = lpf(noise, freq: 400hz)"
    "E0202" "arity" ["one too many", "takes fewer"] "One argument too many":
        "A function takes what its definition names.";
        "out = sin(440hz, 0, 0, 0, 0, 0)" => "out = sin(440hz)"
    "E0203" "arity" ["has no parameter"] "A parameter that is not there":
        "Named arguments use the names of the definition; `modurust doc lpf` shows them.";
        "out = noise >> lpf(400hz, reso: 2)" => "out = noise >> lpf(400hz, q: 2)"
    "E0204" "arity" ["is given twice"] "An argument given twice":
        "A parameter has one value.";
        "out = noise >> lpf(q: 1, q: 2)" => "out = noise >> lpf(q: 1)"
    "E0205" "arity" ["which no event gives"] "A voice that wants what events do not have":
        "Events give `freq`, `gate`, `vel` and every field that `with` adds. Other parameters of a voice need a default.";
        "v(freq, gate, hard) = sin(freq) * gate * hard\ntrack t = \"c3\" >> mono(v)"
        => "v(freq, gate, hard = 1) = sin(freq) * gate * hard\ntrack t = \"c3\" >> mono(v)"
    "E0206" "pipe" [] "Nothing to pipe into":
        "What is piped enters the first call on the right of `>>`. Where there is none, name it: `it`.";
        "out = sin(440hz) >> 2 * 3" => "out = sin(440hz) >> it * 2"

    "E0301" "unit" [] "The wrong unit":
        "Numbers say what they measure: 800hz, 30ms, 2bars, -6db, 7st. Notes become frequencies, beats become times by the \
        tempo, dB become factors in products; a plain number never becomes a time or a frequency by itself.";
        "out = noise >> lpf(800ms)" => "out = noise >> lpf(800hz)"
    "E0302" "unit" ["is not a unit"] "A unit that nobody knows":
        "Units are hz khz s ms us smp b bars n bpm db st ct oct deg %, in small letters, touching the number.";
        "out = sin(440Hz)" => "out = sin(440hz)"
    "E0303" "type" ["cannot be added", "cannot be taken"] "Units that do not add":
        "A frequency and a time have no sum. A frequency and an interval have one, as have a time and a length in beats.";
        "out = sin(440hz) * (3hz + 2s)" => "out = sin(440hz + 7st)"
    "E0304" "unit" ["a length was wanted"] "A length without its unit":
        "Lengths are written in bars, beats, note values or seconds: 8bars, 2beats, 3/16n, 10s.";
        "quantise 1\nout = sin(440hz)" => "quantise 1bar\nout = sin(440hz)"

    "E0401" "type" [] "The wrong kind of value":
        "Values are numbers, signals, patterns, functions, samples, spectra, texts, lists. The message says which was wanted.";
        "track t = \"0 3\" >> scale(a1, 3) >> mono(acid)" => "track t = \"0 3\" >> scale(a1, minor) >> mono(acid)"
    "E0402" "type" ["this wants a signal"] "Not a signal":
        "Only what has a value at every moment can be heard or computed with: numbers, signals, lists of them, patterns.";
        "out = lpf * 2" => "out = lpf(noise, 800hz) * 2"
    "E0403" "type" ["wants a pattern"] "Not a pattern":
        "Patterns stand in double quotes. Functions such as `fast` change patterns, not sounds.";
        "out = noise >> fast(2)" => "track t = \"c3 e3\" >> fast(2) >> mono(acid)"
    "E0404" "type" ["a voice"] "Not a voice":
        "A voice is a function of `freq`, `gate`, `vel` and what else it likes: the pattern's events give them.";
        "track t = \"c3\" >> mono(3)" => "v(freq, gate) = sin(freq) * gate\ntrack t = \"c3\" >> mono(v)"
    "E0405" "type" ["whole number", "channels", "A channel", "a channel"] "A number that counts":
        "What shapes the graph is a whole number known when the text is read: voices, copies, channels.";
        "out = sum(2.5, k => sin(100hz * (k + 1)))" => "out = sum(2, k => sin(100hz * (k + 1)))"
    "E0406" "type" ["there is no type"] "A type that nobody knows":
        "Types of parameters are sig, sig[2], num, pat, fn, slot, spec, text, bus, or a unit such as hz, s, db, st.";
        "f(x: signal) = x\nout = f(noise)" => "f(x: sig) = x\nout = f(noise)"
    "E0407" "type" ["a range", "a knob"] "Not a range":
        "A range goes from number to number: `20hz..2khz`.";
        "out = sin(440hz) * knob(0.5, 1)" => "out = sin(440hz) * knob(0.5, 0..1)"
    "E0408" "type" ["spectra", "spectrum"] "Spectra and sound":
        "Between `fft` and `ifft` there are spectra; functions such as `freeze` and `blur` work only there.";
        "out = noise >> blur(200ms)" => "out = noise >> fft(2048) >> blur(200ms) >> ifft"
    "E0409" "type" ["wants a text", "wants a sample", "named in single quotes", "is a Scala file", "an OSC path", "`osc` is"]
        "A text in single quotes":
        "Names of files, kits, devices and paths stand in single quotes.";
        "track t = \"bd\" >> kit(3)" => "track t = \"bd\" >> kit('tr909')"
    "E0410" "type" ["a tempo", "a meter", "a swing", "` cannot be ", "edition"] "A setting with the wrong value":
        "`tempo 124bpm`, `meter 7/8`, `seed 7`, `quantise 1bar`, `swing 56%`, `link on`, `xfade 20ms`, `tuning 'just.scl'`.";
        "tempo 3hz\nout = sin(440hz)" => "tempo 124bpm\nout = sin(440hz)"
    "E0411" "type" ["sent to a bus", "cannot send"] "Not a bus":
        "`bus verb = in >> reverb(3s)` makes one; `>> send(verb, -9db)` on a track feeds it.";
        "verb = 3\nout = noise >> send(verb)" => "bus verb = in >> reverb(3s)\ntrack t = noise >> send(verb, -9db)"
    "E0412" "type" ["lasts no time", "comes before", "a weight", "all weights", "is a number, got", "a lane is"]
        "Time that makes no sense":
        "Clips and sections last longer than nothing, points of an automation stand in the order of time, weights of what \
        follows are not negative.";
        "cut = 400hz\nout = noise >> lpf(cut)\nautomate cut { 8bars: 2khz, 4bars: 1khz }"
        => "cut = 400hz\nout = noise >> lpf(cut)\nautomate cut { 4bars: 1khz, 8bars: 2khz }"

    "E0501" "cycle" [] "A loop without a delay":
        "A value may depend on itself only through time: `y'` is `y` one sample ago, and `delay(t)` is longer ago. The message \
        prints the way round.";
        "f(x) = { a = x + b  b = a * 0.5  a }\nout = f(noise)" => "f(x) = { a = x + b'  b = a * 0.5  a }\nout = f(noise)"
    "E0502" "cycle" ["calls itself", "goes round"] "A function that calls itself":
        "Functions are written out wherever they are called, so one that calls itself has no end. Copies are made by `par`, \
        `sum` and `chain`.";
        "f(x) = f(x) * 2\nout = f(noise)" => "f(x) = x * 2\nout = chain(3, noise, (x, k) => f(x)) * 0.1"
    "E0503" "cycle" ["plays itself"] "A song that plays itself":
        "Sections are scenes, or other arrangements; the chain of arrangements must come to an end.";
        "arrange a { b 1bar }\narrange b { a 1bar }\nout = noise" => "arrange a { b 1bar }\nscene b { }\nout = noise"

    "E0601" "pattern" [] "A pattern that cannot be read":
        "Inside double quotes stands mini-notation: `bd*2 [sd cp] <hh oh> ~`.";
        "track t = \"bd@0 sd\" >> kit('tr909')" => "track t = \"bd@2 sd\" >> kit('tr909')"
    "E0602" "silent" [] "A pattern alone makes no sound":
        "A pattern says when and what; a voice or a kit says how it sounds.";
        "track t = \"0 3 7\"" => "track t = \"0 3 7\" >> scale(a1, minor) >> mono(acid)"

    "E0701" "file" [] "A file that cannot be read":
        "Files are named beside the text that names them: `use ./acid` reads `acid.modu`, `use std/filter` a module of the \
        library, `use acid` one beside the text or of your own library.";
        "use ./gone\nout = sin(440hz)" => "out = sin(440hz)"

    "E0901" "internal" [] "A fault of the program itself":
        "This should not have happened, whatever the text says. What played goes on playing. Please report it with the text.";
        "" => "out = sin(440hz)"

    "W0801" "silent" [] "Something stays silent":
        "Nothing is silent without a line that says why: a bus that nobody feeds, a scene of a file that is not open, a sample \
        that is not there.";
        "" => "bus verb = in >> reverb(3s)\ntrack t = noise >> send(verb, -9db)"
    "W0802" "voice" [] "A voice whose notes never end":
        "A voice without `gate` does not know when its note ends.";
        "" => "v(freq, gate) = sin(freq) * gate\ntrack t = \"c3\" >> mono(v)"
    "W0803" "clip" [] "A clip that nothing follows":
        "`then` says what comes after `for`; without a length a clip plays until another is launched.";
        "" => "track d = clips { a: \"bd\" for 8bars then a } >> kit('tr909')"
    "W0804" "range" [] "A value outside its range":
        "A knob starts within its range.";
        "" => "out = sin(440hz) * knob(0.5, 0..1)"
    "W0805" "later" [] "Understood, but not played by this version":
        "The text is checked in full; what is named stays silent or lets its sound pass.";
        "" => "out = sin(440hz)"
    "W0806" "pattern" [] "A pattern that says nothing":
        "It can be read, but gives no events.";
        "" => "track t = \"bd(3,8)\" >> kit('tr909')"
    "W0807" "held" [] "An older version plays in place of a broken one":
        "A binding with errors keeps its last good text, and all others change. Mend it, and it changes too.";
        "" => "out = sin(440hz)"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Span};

    #[test]
    fn codes_are_in_order_and_every_kind_has_a_general_row() {
        let codes: Vec<_> = CODES.iter().map(|row| row.code).collect();
        assert!(codes.is_sorted() && codes.windows(2).all(|w| w[0] != w[1]), "{codes:?}");
        for row in CODES {
            assert!(CODES.iter().any(|r| r.kind == row.kind && r.pieces.is_empty()), "{}", row.kind);
        }
    }

    #[test]
    fn messages_find_their_rows() {
        let code = |kind, message: &str| of(&Diagnostic::error(kind, FileId(0), Span::default(), message)).code;
        assert_eq!(code("unit", "`Hz` is not a unit"), "E0302");
        assert_eq!(code("unit", "`lpf` wants a frequency for `freq`, got a time"), "E0301");
        assert_eq!(find("e0501").map(|row| row.kind), Some("cycle"));
        assert_eq!(find("cycle").map(|row| row.code), Some("E0501"));
        assert!(find("E9999").is_none());
    }
}
