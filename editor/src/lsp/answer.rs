//! Answers of [`ide`] in the words of the protocol.

use super::texts::{Open, uri_of};
use lsp_types::*;
use modurust_runtime::compiler::ide::{self, Class, CompletionKind, Mark, SymbolKind as Kind};
use modurust_runtime::compiler::lang::format::format;
use modurust_runtime::compiler::lang::library::library;
use modurust_runtime::compiler::lang::source::Span;
use modurust_runtime::compiler::lang::{FileId, Source};
use modurust_runtime::world::FileWorld;
use serde_json::{Value, json};

fn markdown(text: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value: text }
}

/// What is said about a place.
pub fn hover(open: &Open, at: usize) -> Option<Hover> {
    let found = ide::hover(&open.document, at)?;
    Some(Hover { range: Some(open.range(found.span)), contents: HoverContents::Markup(markdown(found.text)) })
}

/// What could be written at a place.
pub fn completion(open: &Open, at: usize, world: &FileWorld) -> Vec<CompletionItem> {
    let item = |(rank, found): (usize, ide::Completion)| CompletionItem {
        kind: Some(match found.kind {
            CompletionKind::Word => CompletionItemKind::KEYWORD,
            CompletionKind::Function => CompletionItemKind::FUNCTION,
            CompletionKind::Value | CompletionKind::Local => CompletionItemKind::VARIABLE,
            CompletionKind::Argument => CompletionItemKind::PROPERTY,
            CompletionKind::Unit => CompletionItemKind::UNIT,
            CompletionKind::Field => CompletionItemKind::FIELD,
            CompletionKind::Module => CompletionItemKind::MODULE,
            CompletionKind::Name => CompletionItemKind::VALUE,
        }),
        // Editors sort by letters; the likeliest are to come first.
        sort_text: Some(format!("{rank:04}")),
        detail: Some(found.detail).filter(|detail| !detail.is_empty()),
        documentation: Some(found.doc).filter(|doc| !doc.is_empty()).map(Documentation::String),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(open.range(found.replace), found.insert))),
        // What has been typed need not begin the label (`SinOsc` proposes `sin`).
        filter_text: (!found.label.starts_with(typed(open, found.replace, at)))
            .then(|| typed(open, found.replace, at).to_string()),
        label: found.label,
        ..CompletionItem::default()
    };
    let files = ide::files(&open.document, at, world);
    ide::complete(&open.document, at).into_iter().chain(files).enumerate().map(item).collect()
}

fn typed(open: &Open, replace: Span, at: usize) -> &str {
    open.text().get(replace.start as usize..at).unwrap_or("")
}

/// How the open call is written.
pub fn signature(open: &Open, at: usize) -> Option<SignatureHelp> {
    let found = ide::signature(&open.document, at);
    let active = found.iter().position(|help| help.active.is_some()).unwrap_or(0);
    let first = found.get(active)?.active;
    let information = |help: ide::SignatureHelp| {
        // Offsets are units of UTF-16, and signatures are ASCII but for defaults in quotes.
        let units = |byte: usize| help.signature[..byte].encode_utf16().count() as u32;
        let parameter = |range: &std::ops::Range<usize>| ParameterInformation {
            label: ParameterLabel::LabelOffsets([units(range.start), units(range.end)]),
            documentation: None,
        };
        SignatureInformation {
            parameters: Some(help.params.iter().map(parameter).collect()),
            // One behind the last marks none.
            active_parameter: Some(help.active.unwrap_or(help.params.len()) as u32),
            documentation: Some(Documentation::String(help.doc)),
            label: help.signature,
        }
    };
    Some(SignatureHelp {
        active_parameter: first.map(|n| n as u32),
        active_signature: Some(active as u32),
        signatures: found.into_iter().map(information).collect(),
    })
}

/// Where the name at a place is given.
pub fn definition(open: &Open, at: usize) -> Vec<Location> {
    ide::definition(&open.document, at).into_iter().filter_map(|place| location(open, place)).collect()
}

fn location(open: &Open, place: ide::Place) -> Option<Location> {
    let of = |text: &str, uri: Uri| {
        let lines = ide::LineMap::new(text);
        let at = |byte: u32| super::texts::place(lines.position(text, byte as usize));
        Location::new(uri, Range::new(at(place.span.start), at(place.span.end)))
    };
    match place.file {
        ide::Location::Here => Some(Location::new(open.uri.clone(), open.range(place.span))),
        ide::Location::Used(file) => {
            let source = &open.document.used.get(file)?.document.source;
            Some(of(&source.text, uri_of(&source.name)?))
        }
        ide::Location::Library(module) => {
            let text = library_text(module)?;
            Some(of(text, uri_of(&library_file(module, text)?)?))
        }
    }
}

fn library_text(module: &str) -> Option<&'static str> {
    let entry = library().module(module).next()?;
    library().source(entry.file()).map(|source| &*source.text)
}

/// The library is part of the program; to be looked at in an editor its modules are laid down as files.
fn library_file(module: &str, text: &str) -> Option<String> {
    let folder = std::env::temp_dir().join(concat!("modurust-std-", env!("CARGO_PKG_VERSION")));
    let file = folder.join(format!("{module}.modu"));
    if std::fs::read_to_string(&file).ok().as_deref() != Some(text) {
        std::fs::create_dir_all(&folder).ok()?;
        std::fs::write(&file, text).ok()?;
    }
    Some(file.to_string_lossy().into_owned())
}

/// Who speaks of the name at a place.
pub fn references(open: &Open, at: usize) -> Vec<Location> {
    let spans = ide::references(&open.document, at);
    spans.into_iter().map(|span| Location::new(open.uri.clone(), open.range(span))).collect()
}

/// The same, to be marked in the text.
pub fn same_name(open: &Open, at: usize) -> Vec<DocumentHighlight> {
    let spans = ide::references(&open.document, at);
    spans.into_iter().map(|span| DocumentHighlight { range: open.range(span), kind: None }).collect()
}

/// The word at a place, if it can have another name.
pub fn renameable(open: &Open, at: usize) -> Option<Range> {
    ide::renameable(&open.document, at).map(|span| open.range(span))
}

/// Another name; or why not.
pub fn rename(open: &Open, at: usize, to: &str) -> Result<Value, String> {
    let edit = ide::rename(&open.document, at, to).map_err(|why| why.reason)?;
    let splice = |s: &modurust_runtime::compiler::lang::edit::Splice| {
        TextEdit::new(open.range(Span::new(s.range.start, s.range.end)), s.text.clone())
    };
    let edits: Vec<TextEdit> = edit.splices.iter().map(splice).collect();
    Ok(json!({"changes": {open.uri.as_str(): edits}}))
}

/// Blanks and indentation. Only lines that change are replaced, so that the cursor stays where it is. A text with errors stays.
pub fn formatting(open: &Open) -> Vec<TextEdit> {
    let source = Source::new(open.path.as_str(), open.text());
    let formatted = format(FileId(0), &source);
    if !formatted.diagnostics.is_empty() {
        return Vec::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) =
        (open.text().split_inclusive('\n').collect(), formatted.text.split_inclusive('\n').collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(same).count();
    let (old_middle, new_middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut at: usize = old[..head].iter().map(|line| line.len()).sum();
    if old_middle.len() != new_middle.len() {
        let len: usize = old_middle.iter().map(|line| line.len()).sum();
        return vec![TextEdit::new(open.range(Span::new(at, at + len)), new_middle.concat())];
    }
    let mut edits = Vec::new();
    for (old, new) in old_middle.iter().zip(new_middle) {
        if old != new {
            edits.push(TextEdit::new(open.range(Span::new(at, at + old.len())), new.to_string()));
        }
        at += old.len();
    }
    edits
}

/// The outline.
pub fn symbols(open: &Open) -> Vec<DocumentSymbol> {
    ide::symbols(&open.document).into_iter().map(|found| symbol(open, found)).collect()
}

fn symbol(open: &Open, found: ide::Symbol) -> DocumentSymbol {
    // The field is deprecated and has no other way to be left out.
    #[allow(deprecated)]
    DocumentSymbol {
        name: found.name,
        detail: Some(found.detail).filter(|detail| !detail.is_empty()),
        kind: match found.kind {
            Kind::Function => SymbolKind::FUNCTION,
            Kind::Value => SymbolKind::VARIABLE,
            Kind::Track | Kind::Bus => SymbolKind::OBJECT,
            Kind::Scene | Kind::Song => SymbolKind::EVENT,
            Kind::Clip => SymbolKind::FIELD,
            Kind::Setting => SymbolKind::PROPERTY,
        },
        tags: None,
        deprecated: None,
        range: open.range(found.span),
        selection_range: open.range(found.selection),
        children: Some(found.children.into_iter().map(|child| symbol(open, child)).collect()),
    }
}

/// What words are, in the order of [`class`].
const CLASSES: &[SemanticTokenType] = &[
    SemanticTokenType::COMMENT,
    SemanticTokenType::KEYWORD,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::VARIABLE,
    SemanticTokenType::PARAMETER,
    SemanticTokenType::PROPERTY,
    SemanticTokenType::NAMESPACE,
    SemanticTokenType::NUMBER,
    SemanticTokenType::REGEXP,
    SemanticTokenType::STRING,
    SemanticTokenType::OPERATOR,
];

fn class(class: Class) -> u32 {
    match class {
        Class::Comment => 0,
        Class::Keyword => 1,
        Class::Function => 2,
        Class::Variable => 3,
        Class::Parameter => 4,
        Class::Property => 5,
        Class::Namespace => 6,
        Class::Number => 7,
        // A small language inside of quotes; editors colour it apart from texts.
        Class::Pattern => 8,
        Class::Text => 9,
        Class::Operator => 10,
    }
}

/// The names of classes and modifiers that [`tokens`] counts.
pub fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend {
        token_types: CLASSES.to_vec(),
        token_modifiers: vec![SemanticTokenModifier::DECLARATION, SemanticTokenModifier::DEFAULT_LIBRARY],
    }
}

/// Every word by what it means, each counted from the one before it.
pub fn tokens(open: &Open) -> SemanticTokens {
    let mut data = Vec::new();
    let mut last = Position::default();
    for Mark { span, class: kind, defines, library } in ide::highlight(&open.document) {
        // A piece over several lines is one for each line: not every editor takes others.
        let mut start = span.start as usize;
        for line in open.text()[start..span.end as usize].split_inclusive('\n') {
            let length = line.trim_end_matches(['\r', '\n']).encode_utf16().count() as u32;
            let at = open.position(start);
            start += line.len();
            if length == 0 {
                continue;
            }
            let same = at.line == last.line;
            data.push(SemanticToken {
                delta_line: at.line - last.line,
                delta_start: if same { at.character - last.character } else { at.character },
                length,
                token_type: class(kind),
                token_modifiers_bitset: u32::from(defines) | u32::from(library) << 1,
            });
            last = at;
        }
    }
    SemanticTokens { result_id: None, data }
}
