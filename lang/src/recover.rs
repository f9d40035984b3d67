//! Why a statement cannot be read, in a player's words.
//!
//! pest knows the furthest place it reached and the rules it tried there; the names of rules are of no use to a
//! player. So from pest only the place is taken. The statement is cut into tokens around it, and a list of the
//! slips that people make most is tried in order; what none of them fits gets the general words: what was not
//! expected, what was wanted, a mend.

use crate::build::{is_reserved, note_number};
use crate::diag::Diagnostic;
use crate::source::{FileId, Span};
use crate::split::{is_prime, is_word_byte};
use crate::units::SPELLINGS;

/// A piece of a statement: a word, a number, a quoted text, an operator or one strange character.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Token<'a> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn first(&self) -> u8 {
        self.text.as_bytes()[0]
    }

    fn is_word(&self) -> bool {
        self.first().is_ascii_alphabetic() || self.first() == b'_'
    }

    fn is_keyword(&self) -> bool {
        self.is_word() && is_reserved(self.text) && !matches!(self.text, "it" | "in" | "off" | "as")
    }

    /// Could begin a value, brackets apart.
    fn begins_value(&self) -> bool {
        (self.is_word() && !self.is_keyword() || matches!(self.text, "if" | "not"))
            || self.first().is_ascii_digit()
            || self.is_quoted()
    }

    fn is_quoted(&self) -> bool {
        self.text.len() > 1 && matches!(self.first(), b'"' | b'\'')
    }

    /// Could end a value.
    fn ends_value(&self) -> bool {
        (self.is_word() && !self.is_keyword())
            || self.first().is_ascii_digit()
            || self.is_quoted()
            || matches!(self.text, ")" | "]" | "}" | "'")
    }

    fn is_operator(&self) -> bool {
        const OPERATORS: &[&str] =
            &[">>", "~>", "=>", "..", "<=", ">=", "==", "!=", "+", "-", "*", "/", "^", "<", ">", "and", "or", "not"];
        OPERATORS.contains(&self.text)
    }
}

/// Two-character operators, ours and those of other languages.
const PAIRS: &[&str] = &[
    ">>", "~>", "=>", "..", "<=", ">=", "==", "!=", "|>", "->", "&&", "||", "**", ":=", "+=", "-=", "*=", "/=", "<-",
    "::", "++", "<>", "//", "<<",
];

fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let b = bytes[i];
        let run = |from: usize, test: fn(u8) -> bool| bytes[from..].iter().take_while(|b| test(**b)).count();
        let len = if b.is_ascii_whitespace() || b.is_ascii_control() {
            i += 1;
            continue;
        } else if b.is_ascii_digit() {
            let mut len = run(i, is_word_byte);
            if bytes.get(i + len) == Some(&b'.') && bytes.get(i + len + 1).is_some_and(u8::is_ascii_digit) {
                len += 1 + run(i + len + 1, is_word_byte);
            }
            len + usize::from(bytes.get(i + len) == Some(&b'%'))
        } else if is_word_byte(b) {
            let len = run(i, is_word_byte);
            // `f#2`
            let sharp = len == 1 && matches!(b, b'a'..=b'g') && bytes.get(i + 1) == Some(&b'#');
            if sharp { 2 + run(i + 2, is_word_byte) } else { len }
        } else if b == b'"' || b == b'\'' && !is_prime(bytes, i) {
            text[i + 1..].find(b as char).map_or(1, |n| n + 2)
        } else if let Some(pair) = PAIRS.iter().find(|pair| text[i..].starts_with(**pair)) {
            pair.len()
        } else {
            text[i..].chars().next().map_or(1, char::len_utf8)
        };
        tokens.push(Token { text: &text[i..i + len], start: i });
        i += len;
    }
    tokens
}

fn error(code: &'static str, start: usize, end: usize, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, FileId::default(), Span::new(start, end), message)
}

/// Everything the slips look at.
struct Place<'a> {
    tokens: &'a [Token<'a>],
    /// Index of the token that was not expected; as many as there are tokens at the end of the text.
    at: usize,
    found: Option<Token<'a>>,
    before: Option<Token<'a>>,
    /// The innermost bracket that is open here, by its index.
    open: Option<usize>,
}

/// Says what is wrong in `text`, which cannot be read beyond byte `at`. The span counts from the start of `text`.
pub(crate) fn explain(text: &str, at: usize) -> Diagnostic {
    let tokens = tokens(text);
    let index = tokens.partition_point(|token| token.end() <= at);
    let mut open = Vec::new();
    for (i, token) in tokens[..index].iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => open.push(i),
            ")" | "]" | "}" => drop(open.pop()),
            _ => {}
        }
    }
    let place = Place {
        tokens: &tokens,
        at: index,
        found: tokens.get(index).copied(),
        before: index.checked_sub(1).map(|i| tokens[i]),
        open: open.last().copied(),
    };
    None.or_else(|| place.strange_character())
        .or_else(|| place.reserved_name())
        .or_else(|| place.foreign_operator())
        .or_else(|| place.gap())
        .or_else(|| place.nothing_follows())
        .or_else(|| place.missing_equals())
        .or_else(|| place.unfinished_if())
        .or_else(|| place.missing_comma())
        .unwrap_or_else(|| place.general(text))
}

impl<'a> Place<'a> {
    fn opener(&self) -> Option<&'a str> {
        self.open.map(|i| self.tokens[i].text)
    }

    /// The word before the open bracket.
    fn owner(&self) -> &'a str {
        self.open.and_then(|i| i.checked_sub(1)).map_or("", |i| self.tokens[i].text)
    }

    fn strange_character(&self) -> Option<Diagnostic> {
        let found = self.found?;
        let c = found.text.chars().next()?;
        let shown = |message: String| error("syntax", found.start, found.end(), message);
        Some(match c {
            '“' | '”' | '„' => error("quote", found.start, found.end(), format!("`{c}` is a printer's quote"))
                .help("patterns stand between plain quotes: \"bd sn\""),
            '‘' | '’' | '´' | '`' => {
                error("quote", found.start, found.end(), format!("`{c}` is not a plain quote"))
                    .help("texts stand between plain quotes: 'tr909'")
            }
            '−' | '–' | '—' => shown(format!("`{c}` is a dash, not a minus")).help("type a plain `-`"),
            c if c.is_whitespace() => {
                shown("there is an unusual blank here".into()).help("delete it and type a plain one")
            }
            c if c.is_alphabetic() && !c.is_ascii() => {
                shown(format!("`{c}` cannot stand in a name")).help("names are made of a-z, A-Z, 0-9 and `_`")
            }
            c if !c.is_ascii() => shown(format!("I did not expect `{c}` here")).help("delete it"),
            _ => return None,
        })
    }

    fn reserved_name(&self) -> Option<Diagnostic> {
        let found = self.found?;
        if found.text.contains('#') && note_number(found.text).is_some() && !found.is_quoted() {
            return Some(note_name(found.text, Span::new(found.start, found.end())));
        }
        // pest may stop before the word or, having tried it as a keyword, after it.
        let named = |at: usize| -> Option<Token> {
            let word = self.tokens.get(at).filter(|word| word.is_keyword())?;
            let opens = at == 0 || matches!(self.tokens[at - 1].text, "(" | "," | "{" | "track" | "bus" | "scene");
            let names = self.tokens.get(at + 1).is_some_and(|next| matches!(next.text, "=" | ":"));
            let lonely = matches!(word.text, "track" | "bus" | "scene" | "arrange" | "automate" | "launch" | "use");
            let wanted = at > 0 && lonely && !self.tokens[at - 1].ends_value();
            (opens && names && !(at == 0 && matches!(word.text, "track" | "bus")) || wanted).then_some(*word)
        };
        let word = named(self.at).or_else(|| named(self.at.checked_sub(1)?))?;
        Some(reserved_name(word.text, Span::new(word.start, word.end())))
    }

    /// `sin (440hz)`, `x [1]`
    fn gap(&self) -> Option<Diagnostic> {
        let (found, before) = (self.found?, self.before?);
        let touches = found.start == before.end();
        if touches || !matches!(found.text, "(" | "[") || !before.ends_value() || before.is_quoted() {
            return None;
        }
        let bracket = found.text;
        let message = format!("the `{bracket}` must touch what it belongs to");
        let found = error("syntax", before.end(), found.end(), message);
        Some(found.help(format!("delete the blank: `{}{bracket}`", before.text)))
    }

    fn nothing_follows(&self) -> Option<Diagnostic> {
        let before = self.before?;
        let ends = self.found.is_none_or(|found| !found.begins_value() && !matches!(found.text, "(" | "[" | "{"));
        if !ends || !(before.is_operator() || matches!(before.text, "=" | ":" | ".")) {
            return None;
        }
        if let Some(found) = self.found.filter(|found| found.is_operator() || found.text == "=") {
            // Two operators in a row: often one of another language.
            let message = format!("`{}` cannot follow `{}`", found.text, before.text);
            let found = error("syntax", found.start, found.end(), message);
            return Some(found.label("a value was wanted").help("delete one of them, or put a value between them"));
        }
        let (message, help) = match before.text {
            ">>" => {
                ("there is nothing on the right of `>>`".into(), "put an effect after it, or delete the `>>`".into())
            }
            other => (format!("nothing follows `{other}`"), format!("put a value after it, or delete the `{other}`")),
        };
        Some(error("syntax", before.start, before.end(), message).label("a value was wanted").help(help))
    }

    fn missing_equals(&self) -> Option<Diagnostic> {
        let head = self.tokens.first()?;
        let is_strip = matches!(head.text, "track" | "bus");
        match (self.at, self.found) {
            (1, found) if is_strip && found.is_none_or(|found| !found.is_word()) => {
                let help = format!("write `{} bass = ..`", head.text);
                Some(error("syntax", head.start, head.end(), format!("`{}` wants a name", head.text)).help(help))
            }
            (2, found) if is_strip && found.is_none_or(|found| found.text != "=") => {
                let name = self.before?;
                let message = format!("`=` is missing after `{}`", name.text);
                let help = format!("write `{} {} = ..`", head.text, name.text);
                Some(error("syntax", name.start, name.end(), message).help(help))
            }
            (1, Some(found)) if head.is_word() && found.text == ":" => {
                let (message, help) = match setting_example(head.text) {
                    Some(example) => ("a setting is written without `:`", format!("write `{example}`")),
                    None => ("a definition is written with `=`", format!("write `{} = ..`", head.text)),
                };
                Some(error("syntax", found.start, found.end(), message).help(help))
            }
            (1, Some(found)) if head.is_word() && found.begins_value() => {
                // Words that begin a line in other languages.
                const FOREIGN: &[(&str, &str)] = &[
                    ("import", "use"),
                    ("include", "use"),
                    ("require", "use"),
                    ("bpm", "tempo"),
                    ("setcpm", "tempo"),
                    ("let", ""),
                    ("var", ""),
                    ("val", ""),
                    ("const", ""),
                    ("def", ""),
                    ("fn", ""),
                    ("function", ""),
                ];
                if let Some((_, ours)) = FOREIGN.iter().find(|(word, _)| *word == head.text) {
                    let help = match *ours {
                        "" => format!("it is not needed: write `{} = ..`", short(found.text)),
                        ours => format!("did you mean `{ours}`?"),
                    };
                    let message = format!("`{}` does not begin a statement", head.text);
                    return Some(error("syntax", head.start, head.end(), message).help(help));
                }
                const HEADS: &[&str] = &[
                    "track", "bus", "scene", "arrange", "automate", "tempo", "meter", "seed", "quantise", "swing",
                    "launch", "play", "stop", "mute", "solo", "record", "export", "use",
                ];
                let near = HEADS.iter().find(|word| head.text != **word && distance(head.text, word) <= 1);
                if let Some(word) = near {
                    let message = format!("`{}` does not begin a statement", head.text);
                    return Some(
                        error("syntax", head.start, head.end(), message).help(format!("did you mean `{word}`?")),
                    );
                }
                if HEADS.contains(&head.text) {
                    return None;
                }
                let message = format!("`=` is missing after `{}`", head.text);
                Some(error("syntax", head.start, head.end(), message).help(format!("write `{} = ..`", head.text)))
            }
            _ => None,
        }
    }

    fn unfinished_if(&self) -> Option<Diagnostic> {
        // `if`s in the same bracket that still wait for their words.
        let from = self.open.map_or(0, |i| i + 1);
        let mut waiting: Vec<(Token, &str)> = Vec::new();
        let mut depth = 0usize;
        for token in &self.tokens[from..self.at] {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                "if" if depth == 0 => waiting.push((*token, "then")),
                "then" if depth == 0 => {
                    if let Some(last) = waiting.last_mut() {
                        last.1 = "else";
                    }
                }
                "else" if depth == 0 => drop(waiting.pop()),
                _ => {}
            }
        }
        let (token, word) = waiting.last()?;
        if let Some(found) = self.found {
            if found.text == *word && self.before.is_some_and(|before| !before.ends_value()) {
                let before = self.before?;
                let message = format!("nothing stands between `{}` and `{}`", before.text, found.text);
                let help = "write `if a > b then x else y`";
                return Some(error("syntax", before.start, found.end(), message).help(help));
            }
            // Anything else than the end of the `if`'s own text is another slip, inside it.
            let two_values = found.begins_value() && self.before.is_some_and(|before| before.ends_value());
            if !two_values && !matches!(found.text, "then" | "else" | "for" | ")" | "]" | "}" | "," | ">>" | "=") {
                return None;
            }
        }
        let message = format!("this `if` has no `{word}`");
        Some(error("syntax", token.start, token.end(), message).help("write `if a > b then x else y`"))
    }

    fn missing_comma(&self) -> Option<Diagnostic> {
        let (found, before) = (self.found?, self.before?);
        let in_list = matches!(self.opener(), Some("(" | "["));
        if !in_list || !before.ends_value() || !(found.begins_value() || matches!(found.text, "(" | "[" | "{")) {
            return None;
        }
        let message = format!("a `,` is missing before `{}`", short(found.text));
        Some(error("syntax", found.start, found.end(), message).help("put a `,` between the two"))
    }

    fn foreign_operator(&self) -> Option<Diagnostic> {
        let found = self.found?;
        if let Some(before) = self.before.filter(|b| found.text == "~" && b.is_word() && b.end() == found.start) {
            let name = format!("{}~", before.text);
            let mend = crate::elsewhere::mend(&name, |_| true);
            let message = format!("`{name}` is a name of another tool");
            let help = mend.unwrap_or_else(|| "names here are made of a-z, A-Z, 0-9 and `_`".into());
            return Some(error("syntax", before.start, found.end(), message).help(help));
        }
        let help = match found.text {
            "|>" | "->" | "<-" => "a signal flows with `>>`; a function is written `x => ..`",
            "&&" => "write `and`",
            "||" => "write `or`",
            "!" => "write `not`",
            "**" => "a power is written `^`",
            ":=" => "write `=`",
            "+=" | "-=" | "*=" | "/=" => "a name has one meaning: write `name = ..` with all of it",
            "%" => "`%` is a unit, as in `50%`; a remainder is `mod(a, b)`",
            ";" => "nothing is needed between statements: begin the next on a new line",
            "#" if self.at > 0 => "what is done to a pattern comes behind it, with `>>`; a comment begins with `//`",
            "#" => "a comment begins with `//`",
            "." if self.tokens.get(self.at + 1).is_some_and(|next| next.first().is_ascii_digit()) => {
                "write the zero before the point: `0.5`"
            }
            "|" if !self.before.is_some_and(|before| before.ends_value()) => "a function is written `x => x * 2`",
            "|" | "$" | "<<" => {
                "what is done to a sound or a pattern comes behind it, with `>>`: `\"bd*4\" >> fast(2)`"
            }
            "\\" => "a function is written `x => x * 2`",
            "&" | "@" | "?" | "~" | "::" | "++" | "<>" => "it means nothing in this place: delete it",
            "=" if self.owner() != "clips" && self.tokens[..self.at].iter().any(|token| token.text == "=") => {
                "to compare, write `==`; a named argument is written `name: value`"
            }
            _ => return None,
        };
        Some(error("syntax", found.start, found.end(), format!("I did not expect `{}` here", found.text)).help(help))
    }

    fn general(&self, text: &str) -> Diagnostic {
        let (wanted, help) = self.wanted();
        let Some(found) = self.found else {
            let end = text.trim_end().len();
            let start = self.before.map_or(end, |before| before.start);
            return error("syntax", start, end, "this statement ends too early").label(wanted).help(help);
        };
        let message = format!("I did not expect `{}` here", short(found.text));
        error("syntax", found.start, found.end(), message).label(wanted).help(help)
    }

    /// What may stand here, and an example.
    fn wanted(&self) -> (&'static str, &'static str) {
        let head = self.tokens.first().map_or("", |token| token.text);
        let owner = self.owner();
        if self.at == 0 {
            return ("a statement begins with a word", "write `name = ..`; a line that goes on is indented");
        }
        match (head, self.opener()) {
            (_, Some("{")) if owner == "clips" => ("a clip was wanted", "a clip is `name: value`, as in `a: \"bd*4\"`"),
            ("scene", Some("{")) => {
                ("a slot was wanted", "a scene lists tracks and their clips: `drums: a, bass: off`")
            }
            ("arrange", Some("{")) => ("a section was wanted", "a section is a scene and its length: `intro 8bars`"),
            ("automate", Some("{")) => ("a point was wanted", "a point is a place and a value: `8bar: 2khz exp`"),
            ("scene", None) => ("a scene was wanted", "write `scene drop { drums: a, bass: off }`"),
            ("arrange", None) => ("a song was wanted", "write `arrange { intro 8bars  drop 16bars }`"),
            ("automate", None) => ("a lane was wanted", "write `automate bass.cutoff { 0bar: 200hz, 8bar: 2khz }`"),
            ("map", None) => ("a thing that moves was wanted", "write `map cc(74) -> bass.cutoff 200hz..8khz exp`"),
            ("use", None) => ("a module was wanted", "write `use std/bass` or `use ./acid as acid`"),
            ("meter", None) => ("a meter was wanted", "write `meter 7/8`"),
            ("launch" | "stop" | "mute" | "solo", None) => {
                ("a command was wanted", "write `launch drums.fill at next bar`")
            }
            ("play", None) => ("a command was wanted", "write `play song from 16bars to 24bars`"),
            ("record" | "export", None) => ("a command was wanted", "write `record master to 'take.wav'`"),
            _ if self.before.is_some_and(|before| before.ends_value()) => match self.opener() {
                Some("(") => (
                    "an operator, a `,` or the `)` was wanted",
                    "separate arguments by `,`, join signals by `>>` or `+`",
                ),
                Some("[") => {
                    ("an operator, a `,` or the `]` was wanted", "separate entries by `,`, join signals by `>>` or `+`")
                }
                Some(_) => (
                    "an operator, a definition or the `}` was wanted",
                    "a line in braces is `name = value`, the last a value",
                ),
                None => (
                    "an operator or the end was wanted",
                    "join signals by `>>` or `+`, or begin the rest on a new line",
                ),
            },
            _ => ("a value was wanted", "a value is a name, a number, a pattern \"bd sn\" or a bracket"),
        }
    }
}

/// At most 24 characters of a text, on one line.
fn short(text: &str) -> String {
    match text.char_indices().nth(24) {
        None if !text.contains('\n') => text.to_string(),
        _ => format!("{}..", text.chars().take(20).take_while(|c| *c != '\n').collect::<String>()),
    }
}

/// How a setting is written; `None` for a word that is none.
pub fn setting_example(word: &str) -> Option<&'static str> {
    Some(match word {
        "tempo" => "tempo 120bpm",
        "meter" => "meter 7/8",
        "seed" => "seed 7",
        "quantise" => "quantise 1bar",
        "swing" => "swing 56%",
        "link" => "link on",
        "xfade" => "xfade 20ms",
        "tuning" => "tuning 'just.scl'",
        _ => return None,
    })
}

/// The error for a note where a name was wanted.
pub(crate) fn note_name(word: &str, span: Span) -> Diagnostic {
    let (letter, octave) = word.split_at(word.len() - 1);
    let message = format!("`{word}` is a note, so nothing can be called that");
    Diagnostic::error("note-name", FileId::default(), span, message)
        .help(format!("call it `{}_{octave}` or something longer", letter.replace('#', "s")))
}

/// The error for a keyword where a name was wanted.
pub(crate) fn reserved_name(word: &str, span: Span) -> Diagnostic {
    let message = format!("`{word}` is a word of the language, so nothing can be called that");
    Diagnostic::error("syntax", FileId::default(), span, message).help(format!("call it `{word}_` or something longer"))
}

/// The error for a number with letters after it that are no unit.
pub(crate) fn unknown_unit(number: &str, suffix: &str, span: Span) -> Diagnostic {
    const OTHER_NAMES: &[(&str, &str)] = &[
        ("sec", "s"),
        ("secs", "s"),
        ("second", "s"),
        ("seconds", "s"),
        ("msec", "ms"),
        ("millis", "ms"),
        ("k", "khz"),
        ("hertz", "hz"),
        ("semi", "st"),
        ("semis", "st"),
        ("semitones", "st"),
        ("cent", "ct"),
        ("cents", "ct"),
        ("samples", "smp"),
        ("samps", "smp"),
        ("octaves", "oct"),
        ("measures", "bars"),
        ("pc", "%"),
    ];
    let lower = suffix.to_ascii_lowercase();
    let known = SPELLINGS.iter().find(|(unit, _)| *unit == lower).map(|(unit, _)| *unit);
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == lower).map(|(_, unit)| *unit);
    // A single letter is near to everything: guess only from two on.
    let near = || {
        let far = SPELLINGS.iter().map(|(unit, _)| (distance(&lower, unit), *unit)).filter(|(_, u)| u.len() > 1);
        far.min_by_key(|(d, _)| *d).filter(|(d, _)| *d <= 1 && lower.len() > 1).map(|(_, unit)| unit)
    };
    let found = Diagnostic::error("unit", FileId::default(), span, format!("`{suffix}` is not a unit"));
    match known.or(other).or_else(near) {
        Some(unit) => found.help(format!("did you mean `{number}{unit}`?")),
        None if note_number(suffix).is_some() => found.help("notes stand alone: `c4`"),
        None => found.help("units are hz khz s ms us smp b bars n bpm db st ct oct deg %"),
    }
}

/// Letters to change, add, drop or swap with a neighbour to make one word of the other. For words, not for texts.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
