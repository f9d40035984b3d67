//! The text that is being played: one text, edited statement by statement.
//!
//! Whoever talks to the REPL writes statements; what is kept is a text as a file would hold it. A statement takes the place of the one
//! that is about the same thing ([`key`]: a name, a setting, a scene), with its comments and its neighbours untouched, or goes
//! to the end. Everything here is a function of texts. [`Buffer`] adds what was before: every text, to go back as a whole, and every
//! version of a binding, to go back by name.

use modurust_runtime::compiler::front::hold::key;
use modurust_runtime::compiler::lang::ast::Item;
use modurust_runtime::compiler::lang::{FileId, Source, diag, parse, split};
use std::collections::BTreeMap;
use std::ops::Range;

/// A statement of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is about; `None` for what nothing can take the place of.
    pub key: Option<String>,
    /// Its bytes, doc lines included.
    pub range: Range<usize>,
    /// `launch`, `stop`, `mute` and their kin: done, not kept.
    pub command: bool,
}

/// The statements of a text, in order.
pub fn parts(text: &str) -> Vec<Part> {
    let stmts = parse::parse(FileId(0), &Source::new("", text)).stmts;
    let mut parts = Vec::with_capacity(stmts.len());
    for chunk in split::split(text) {
        let end = chunk.offset + chunk.text.len();
        let inside: Vec<_> = stmts.iter().filter(|s| (chunk.offset..end).contains(&(s.offset as usize))).collect();
        for (i, stmt) in inside.iter().enumerate() {
            let start = stmt.offset as usize;
            let stop = inside.get(i + 1).map_or(end, |next| next.offset as usize);
            let range = start..start + text[start..stop].trim_end().len();
            let broken_command = matches!(&*stmt.item, Item::Broken { .. })
                && split::head_word(&text[range.clone()])
                    .is_some_and(|w| w == "launch" || modurust_runtime::compiler::lang::token::COMMANDS.contains(&w));
            let command = matches!(&*stmt.item, Item::Command(_)) || broken_command;
            parts.push(Part { key: key(&stmt.item, &text[range.clone()]), range, command });
        }
    }
    parts
}

/// The statement about something.
pub fn statement<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let part = parts(text).into_iter().find(|part| part.key.as_deref() == Some(key))?;
    Some(&text[part.range])
}

/// The text with a statement in the place of the one about the same, or at its end.
pub fn with(text: &str, key: Option<&str>, statement: &str) -> String {
    let old = key.and_then(|key| parts(text).into_iter().find(|part| part.key.as_deref() == Some(key)));
    let mut out = String::with_capacity(text.len() + statement.len() + 2);
    match old {
        Some(part) => {
            // Doc lines stay unless new ones come.
            let doc = if statement.starts_with("///") { 0 } else { split::code_start(&text[part.range.clone()]) };
            out.push_str(&text[..part.range.start + doc]);
            out.push_str(statement);
            out.push_str(&text[part.range.end..]);
        }
        None => {
            out.push_str(text);
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(statement);
            out.push('\n');
        }
    }
    out
}

/// The text without the statement about something.
pub fn without(text: &str, key: &str) -> String {
    let Some(part) = parts(text).into_iter().find(|part| part.key.as_deref() == Some(key)) else {
        return text.to_string();
    };
    let line_end = text[part.range.end..].find('\n').map_or(text.len(), |n| part.range.end + n + 1);
    let alone = text[..part.range.start].ends_with('\n') || part.range.start == 0;
    let end = if alone && text[part.range.end..line_end].trim().is_empty() { line_end } else { part.range.end };
    format!("{}{}", &text[..part.range.start], &text[end..])
}

/// What a player calls a key: `set tempo` is `tempo`.
pub fn shown(key: &str) -> &str {
    key.strip_prefix("set ").unwrap_or(key)
}

/// The key of what a player names.
pub fn key_of(text: &str, name: &str) -> Option<String> {
    parts(text).into_iter().filter_map(|part| part.key).find(|key| key == name || shown(key) == name)
}

/// The text with its past.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    text: String,
    past: Vec<String>,
    /// By key: texts of the statement before the present one, `None` where it was not there.
    versions: BTreeMap<String, Vec<Option<String>>>,
}

impl Buffer {
    /// A text without a past.
    pub fn new(text: impl Into<String>) -> Buffer {
        Buffer { text: text.into(), ..Buffer::default() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Another text from now on. Nothing happens if it is the same.
    pub fn commit(&mut self, text: String) {
        if text == self.text {
            return;
        }
        let (before, now) = (by_key(&self.text), by_key(&text));
        for key in before.keys().chain(now.keys().filter(|key| !before.contains_key(*key))) {
            if before.get(key) != now.get(key) {
                self.versions.entry(key.clone()).or_default().push(before.get(key).cloned());
            }
        }
        self.past.push(std::mem::replace(&mut self.text, text));
    }

    /// The text before the last change; the change is forgotten.
    pub fn back(&mut self) -> Option<String> {
        let text = self.past.pop()?;
        let (before, now) = (by_key(&text), by_key(&self.text));
        for (key, versions) in &mut self.versions {
            if before.get(key) != now.get(key) {
                versions.pop();
            }
        }
        self.text = text;
        Some(self.text.clone())
    }

    /// The text with the version of a binding before its present one. `Err` says why there is none.
    pub fn back_of(&mut self, name: &str) -> Result<String, String> {
        let known = |key: &&String| *key == name || shown(key) == name;
        let key = key_of(&self.text, name).or_else(|| self.versions.keys().find(known).cloned());
        let key = key.ok_or_else(|| format!("there is no `{name}`"))?;
        let Some(version) = self.versions.get_mut(&key).and_then(Vec::pop) else {
            return Err(format!("`{name}` has no earlier version"));
        };
        let text = match version {
            Some(version) => with(&self.text, Some(&key), &version),
            None => without(&self.text, &key),
        };
        // Going back further goes on from here, so this step is no version of its own.
        self.past.push(std::mem::replace(&mut self.text, text));
        Ok(self.text.clone())
    }
}

fn by_key(text: &str) -> BTreeMap<String, String> {
    let keyed = parts(text).into_iter().filter_map(|part| Some((part.key?, text[part.range].to_string())));
    keyed.collect()
}

/// The lines that differ, as `- old` and `+ new`, statement by statement.
pub fn difference(old: &str, new: &str) -> String {
    let (before, after) = (by_key(old), by_key(new));
    let mut out = String::new();
    let mut lines = |sign: char, text: &str| text.lines().for_each(|line| out.push_str(&format!("{sign} {line}\n")));
    for (key, text) in &before {
        match after.get(key) {
            Some(now) if now == text => {}
            Some(now) => {
                lines('-', text);
                lines('+', now);
            }
            None => lines('-', text),
        }
    }
    for (_, text) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        lines('+', text);
    }
    out
}

/// What is about another thing, or says something else, in a new text: keys, in the order of the new text, then those that are gone.
pub fn changed(old: &str, new: &str) -> Vec<String> {
    let (before, after) = (by_key(old), by_key(new));
    let ordered = parts(new).into_iter().filter_map(|part| part.key);
    let mut keys: Vec<String> = ordered.filter(|key| before.get(key) != after.get(key)).collect();
    keys.extend(before.into_keys().filter(|key| !after.contains_key(key)));
    keys
}

/// A text with what somebody else did to the text that it came from. Where both changed a statement theirs counts.
pub fn merged(base: &str, theirs: &str, ours: &str) -> String {
    if ours == base {
        return theirs.to_string();
    }
    let after = by_key(theirs);
    changed(base, theirs).iter().fold(ours.to_string(), |text, key| match after.get(key) {
        Some(statement) => with(&text, Some(key), statement),
        None => without(&text, key),
    })
}

/// The text with all statements of an input in it. `Err` are messages about what cannot be read.
pub fn with_all(text: &str, input: &str) -> Result<String, String> {
    let source = Source::new("", format!("{}\n", input.trim_end()));
    let parsed = parse::parse(FileId(0), &source);
    if parsed.diagnostics.iter().any(|d| d.is_error()) {
        return Err(diag::render(&parsed.diagnostics, std::slice::from_ref(&source), false));
    }
    let put = |text: String, part: Part| with(&text, part.key.as_deref(), &input[part.range]);
    Ok(parts(input).into_iter().fold(text.to_string(), put))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "// head\ntempo 120bpm\n\n/// Low.\nbass = saw(55hz)\n  >> lpf(400hz) // dark\ntrack a = bass\n";

    #[test]
    fn a_statement_takes_the_place_of_its_like() {
        let put = |statement: &str| {
            let key = parts(statement)[0].key.clone();
            with(TEXT, key.as_deref(), statement)
        };
        assert_eq!(put("tempo 130bpm"), TEXT.replace("120", "130"));
        assert_eq!(put("bass = tri(55hz)"), TEXT.replace("saw(55hz)\n  >> lpf(400hz) // dark", "tri(55hz)"));
        assert_eq!(put("track a = bass * 2"), TEXT.replace("a = bass", "a = bass * 2"));
        assert_eq!(put("lead = 3"), format!("{TEXT}lead = 3\n"));
        assert_eq!(with("a = 1", None, "launch x"), "a = 1\nlaunch x\n");
    }

    #[test]
    fn a_statement_is_taken_out_with_its_lines() {
        assert_eq!(without(TEXT, "a"), TEXT.replace("track a = bass\n", ""));
        assert_eq!(without(TEXT, "set tempo"), TEXT.replace("tempo 120bpm\n", ""));
        assert_eq!(without(TEXT, "none"), TEXT);
        assert!(!without(TEXT, "bass").contains("Low"));
    }

    #[test]
    fn back_as_a_whole_and_by_name() {
        let mut buffer = Buffer::new("a = 1\nb = 1\n");
        for text in ["a = 2\nb = 1\n", "a = 2\nb = 2\n", "a = 3\nb = 2\nc = 1\n", "a = 3\nb = 2\nc = 1\n"] {
            buffer.commit(text.into());
        }
        assert_eq!(buffer.back_of("a").unwrap(), "a = 2\nb = 2\nc = 1\n");
        assert_eq!(buffer.back_of("a").unwrap(), "a = 1\nb = 2\nc = 1\n");
        assert!(buffer.back_of("a").is_err() && buffer.back_of("x").is_err());
        assert_eq!(buffer.back_of("c").unwrap(), "a = 1\nb = 2\n");
        // Each of these steps is one to go back over.
        let texts: Vec<String> = std::iter::from_fn(|| buffer.back()).collect();
        assert_eq!(texts.len(), 6);
        assert_eq!(texts[2], "a = 3\nb = 2\nc = 1\n");
        assert_eq!(texts[5], "a = 1\nb = 1\n");
        assert!(buffer.back_of("b").is_err());
    }

    #[test]
    fn commands_are_told_from_statements() {
        let kinds: Vec<bool> = parts("a = 1\nlaunch d.x\nstop d\nmute\n").iter().map(|p| p.command).collect();
        assert_eq!(kinds, [false, true, true, true]);
    }

    #[test]
    fn what_somebody_else_saved_comes_in() {
        let base = "a = 1\nb = 2\nc = 3\n";
        let theirs = "// head\na = 4\nd = 5\nc = 3\n";
        assert_eq!(merged(base, theirs, base), theirs);
        assert_eq!(merged(base, theirs, "a = 1\nb = 2\nc = 7\ne = 9\n"), "a = 4\nc = 7\ne = 9\nd = 5\n");
        assert_eq!(changed(base, theirs), ["a", "d", "b"]);
        assert!(changed(base, "// head\na = 1\n\nb = 2\nc = 3\n").is_empty());
    }

    #[test]
    fn differences_are_told_by_statement() {
        assert_eq!(difference("a = 1\nb = 2\n", "b = 3\nc = 4\n"), "- a = 1\n- b = 2\n+ b = 3\n+ c = 4\n");
        assert_eq!(difference(TEXT, TEXT), "");
    }
}
