//! Files that a text in single quotes could name: sounds, folders of them, MIDI files, tunings.

use crate::front::samples::SOUNDS;
use crate::front::{World, beside};
use crate::ide::complete::{Completion, CompletionKind};
use crate::ide::context::Context;
use crate::ide::document::Document;
use crate::ide::position::floor;
use modurust_lang::source::Span;
use modurust_lang::token::Kind;

/// Other files that a text can name.
const OTHERS: &[&str] = &["mid", "scl"];

/// Files and folders that go on with what has been typed inside of single quotes, in the order of their names; paths count from the
/// folder of the text. Empty elsewhere.
pub fn files(document: &Document, at: usize, world: &dyn World) -> Vec<Completion> {
    let text = document.text();
    let context = Context::new(text, floor(text, at));
    let Some(quote) = text[..context.at].rfind('\'').filter(|_| context.inside == Some(Kind::Text)) else {
        return Vec::new();
    };
    let typed = &text[quote + 1..context.at];
    let (folder, begun) = typed.rsplit_once('/').unwrap_or((".", typed));
    let replace = Span::new(context.at - begun.len(), context.at);
    let mut found = Vec::new();
    for name in world.folder(&beside(&document.source.name, folder)) {
        let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        let (insert, detail) = match &end {
            _ if !name.starts_with(begun) || name.starts_with('.') => continue,
            None => (format!("{name}/"), "a folder"),
            Some(end) if SOUNDS.contains(&end.as_str()) => (name.clone(), "a sound"),
            Some(end) if OTHERS.contains(&end.as_str()) => (name.clone(), "a file"),
            Some(_) => continue,
        };
        let (kind, detail, doc) = (CompletionKind::Name, detail.to_string(), String::new());
        found.push(Completion { label: insert.clone(), insert, replace, kind, detail, doc });
    }
    found
}
