//! What could be written at a place.
//!
//! What stands before the place decides: a dot asks for parts of what stands before it, a number for units, `use` for modules, an
//! open bracket for the parameters of its function (then for values), an operator for values, a value for words that go on behind
//! one, the first column for a statement. Proposals begin with what has been typed; if there are none, those that hold it do.

use crate::front::builtins;
use crate::ide::context::{Context, OpenCall};
use crate::ide::document::Document;
use crate::ide::position::floor;
use crate::ide::resolve::{self, Target};
use crate::ide::topic::{self, Topic};
use crate::ide::words::{WORDS, Where};
use crate::score::harmony::SCALES;
use modurust_lang::ast::{ExprKind, Item};
use modurust_lang::library::library;
use modurust_lang::source::Span;
use modurust_lang::token::Kind;
use modurust_lang::units::SPELLINGS;
use modurust_lang::{elsewhere, visit};
use std::collections::HashSet;

/// What a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompletionKind {
    /// A word of the language.
    Word,
    /// A function, of the text, the library or the compiler.
    Function,
    /// A value, track, bus or scene of the text, or a constant.
    Value,
    /// A parameter of the function that the text stands in, or a name of the block.
    Local,
    /// A parameter to give by name: `q: `.
    Argument,
    /// A unit for the number before it.
    Unit,
    /// A part of what stands before the dot.
    Field,
    /// A module or a file.
    Module,
    /// A word of a pattern or of a text: a drum, a kit, a scale.
    Name,
}

/// Something that could be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// What is shown and looked for.
    pub label: String,
    /// What is written, in the place of `replace`.
    pub insert: String,
    /// The bytes that it replaces.
    pub replace: Span,
    /// What it is.
    pub kind: CompletionKind,
    /// How it is called, or what it stands for; may be empty.
    pub detail: String,
    /// One line; may be empty.
    pub doc: String,
}

/// Most proposals that are given.
const MOST: usize = 1_000;

/// What could be written at a byte, the likeliest first. Empty inside of comments.
pub fn complete(document: &Document, at: usize) -> Vec<Completion> {
    let text = document.text();
    let context = Context::new(text, floor(text, at));
    let mut list = List { document, replace: context.replaced(), found: Vec::new(), seen: HashSet::new() };
    let mut prefix = context.prefix().to_string();
    if let Some(inside) = context.inside {
        prefix = list.quoted(&context, inside);
    } else if context.word.is_some_and(|w| w.kind == Kind::Number) {
        let letters = prefix.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '/')).to_string();
        list.replace.start += (prefix.len() - letters.len()) as u32;
        prefix = letters;
        list.units();
    } else if context.word.is_some_and(|w| w.kind == Kind::Path) || context.follows(Kind::Keyword, "use") {
        list.modules();
    } else if context.follows(Kind::Dot, "") {
        list.fields(&context);
    } else if context.before.is_empty() {
        list.words(Where::Statement);
        list.values(&context, false);
    } else if context.follows_value() {
        list.words(Where::After);
    } else {
        if let Some(call) = context.call().filter(|call| call.fresh) {
            list.arguments(&call);
        }
        list.values(&context, context.follows(Kind::Operator, ">>"));
        list.words(Where::Value);
    }
    list.choose(&prefix)
}

struct List<'a> {
    document: &'a Document,
    replace: Span,
    found: Vec<Completion>,
    /// Labels, apart for arguments: what the text defines hides what the library has.
    seen: HashSet<(String, bool)>,
}

impl List<'_> {
    fn add(&mut self, kind: CompletionKind, label: &str, detail: &str, doc: &str) {
        if self.seen.insert((label.to_string(), kind == CompletionKind::Argument)) {
            let insert = if kind == CompletionKind::Argument { format!("{label}: ") } else { label.to_string() };
            let (detail, doc) = (detail.to_string(), doc.lines().next().unwrap_or("").to_string());
            self.found.push(Completion { label: label.to_string(), insert, replace: self.replace, kind, detail, doc });
        }
    }

    fn topic(&mut self, topic: &Topic) {
        let name = topic.name.rsplit('.').next().unwrap_or(&topic.name);
        let kind = if topic.is_function() { CompletionKind::Function } else { CompletionKind::Value };
        self.add(kind, name, &topic.signature, &topic.summary);
    }

    /// What begins with `prefix`, in any case; else what holds it; else what another tool's word means here.
    fn choose(self, prefix: &str) -> Vec<Completion> {
        let wanted = prefix.to_ascii_lowercase();
        let by = |test: &dyn Fn(&str) -> bool| -> Vec<Completion> {
            let fits = |c: &&Completion| test(&c.label.to_ascii_lowercase());
            self.found.iter().filter(fits).take(MOST).cloned().collect()
        };
        let begin = by(&|label| label.starts_with(&wanted));
        if !begin.is_empty() {
            return begin;
        }
        let held = by(&|label| label.contains(&wanted));
        if !held.is_empty() {
            return held;
        }
        let ours = elsewhere::ours(prefix).unwrap_or("");
        by(&|label| label == ours)
    }

    fn words(&mut self, place: Where) {
        for word in WORDS.iter().filter(|w| w.place == place) {
            self.add(CompletionKind::Word, word.word, word.form, word.doc);
        }
    }

    fn units(&mut self) {
        for (spelling, unit) in SPELLINGS {
            self.add(CompletionKind::Unit, spelling, unit.dim().article(), "");
        }
    }

    fn modules(&mut self) {
        for module in library().modules() {
            let first: Vec<&str> = library().module(module).take(6).map(|e| e.name).collect();
            self.add(CompletionKind::Module, &format!("std/{module}"), "", &first.join(", "));
        }
    }

    /// Everything that a value can begin with. Behind `>>` functions come before plain values.
    fn values(&mut self, context: &Context<'_>, piped: bool) {
        let document = self.document;
        for name in context.locals() {
            self.add(CompletionKind::Local, name, "", "");
        }
        let mut own: Vec<(CompletionKind, Topic)> = Vec::new();
        for stmt in &document.stmts {
            own.extend(stmt.item.name().map(|name| statement(&stmt.item, &name.name, &document.source.name)));
            if let Item::Broken { name: Some(name), .. } = &*stmt.item {
                own.push((CompletionKind::Value, Topic { name: name.clone(), ..Topic::default() }));
            }
        }
        for used in &document.used {
            if let Some(alias) = &used.alias {
                self.add(CompletionKind::Module, alias, &used.document.source.name, "");
                continue;
            }
            for stmt in &used.document.stmts {
                if let (Item::Def(def), Some(name)) = (&*stmt.item, stmt.item.name())
                    && !name.name.starts_with('_')
                {
                    own.push(statement(&stmt.item, &def.name.name, &used.document.source.name));
                }
            }
        }
        own.sort_by_key(|(kind, _)| piped && *kind != CompletionKind::Function);
        // What the statement at hand is called stays out: it would be a loop.
        let here = self.document.statement(context.at).and_then(|(_, stmt)| match &*stmt.item {
            Item::Broken { name, .. } => name.as_deref(),
            item => item.name().map(|name| name.name.as_str()),
        });
        let here = here.filter(|_| !context.before.is_empty());
        for (kind, topic) in own.iter().filter(|(_, topic)| Some(topic.name.as_str()) != here) {
            self.add(*kind, &topic.name, &topic.signature, &topic.summary);
        }
        let plain = |t: &&Topic| !t.name.contains('.');
        let (functions, others): (Vec<&Topic>, Vec<&Topic>) =
            topic::all().iter().filter(plain).partition(|t| t.is_function());
        functions.iter().for_each(|topic| self.topic(topic));
        others.iter().for_each(|topic| self.topic(topic));
    }

    /// Parameters that are not given yet.
    fn arguments(&mut self, call: &OpenCall) {
        for topic in topics_of(self.document, &call.function) {
            for range in topic.params().iter().skip(call.argument + usize::from(call.piped)) {
                if let Some(name) = topic.param_name(range).filter(|name| !call.given.iter().any(|g| g == name)) {
                    self.add(CompletionKind::Argument, name, &topic.signature[range.clone()], &topic.summary);
                }
            }
        }
        if call.function == "scale" {
            // A scale may be written without quotes.
            self.scales();
        }
    }

    fn scales(&mut self) {
        for (name, steps) in SCALES {
            let steps: Vec<String> = steps.iter().map(f64::to_string).collect();
            self.add(CompletionKind::Name, name, &steps.join(" "), "");
        }
    }

    /// Parts of what stands before the dot.
    fn fields(&mut self, context: &Context<'_>) {
        let Some(base) = context.base() else {
            return self.parts(context);
        };
        let document = self.document;
        if let Some(used) = document.used.iter().find(|used| used.alias.as_deref() == Some(base)) {
            for stmt in &used.document.stmts {
                if let Item::Def(def) = &*stmt.item {
                    let topic = topic::of_def(def, &used.document.source.name);
                    self.topic(&topic);
                }
            }
            return;
        }
        if let Some(number) = resolve::statement_of(document, base) {
            let item = &document.stmts[number].item;
            if matches!(&**item, Item::Strip { .. }) {
                for (name, doc) in [
                    ("level", "How loud the strip is."),
                    ("pan", "Where it stands, -1 (left) to 1 (right)."),
                    ("mute", "1 silences it."),
                ] {
                    self.add(CompletionKind::Field, name, "", doc);
                }
            }
            visit::exprs(item, &mut |expr| match &expr.kind {
                ExprKind::Clips(clips) => {
                    clips.iter().for_each(|clip| self.add(CompletionKind::Field, &clip.name.name, "clip", ""));
                }
                ExprKind::Block { defs, .. } => {
                    defs.iter().for_each(|def| self.add(CompletionKind::Field, &def.name.name, "", ""));
                }
                _ => {}
            });
            return;
        }
        if base == "prim" {
            for op in builtins::primitives() {
                self.add(CompletionKind::Function, op.name, op.signature, op.doc);
            }
            return;
        }
        let module = resolve::aliased(document, base).unwrap_or(base);
        for entry in library().module(module) {
            let full = format!("{module}.{}", entry.name);
            let topic = topic::find(&full);
            let detail = topic.first().map_or(entry.name, |t| &t.signature);
            self.add(CompletionKind::Function, entry.name, detail, &entry.doc().summary);
        }
        for join in ["out", "mix", "in"] {
            if builtins::joined(base, join).is_some() {
                self.add(CompletionKind::Field, join, "", "Where the rhythm comes from.");
            }
        }
    }

    /// Named outputs of the call before the dot: `svf(x, 800hz).hp`.
    fn parts(&mut self, context: &Context<'_>) {
        let [.., close, dot] = &context.before[..] else { return };
        if close.kind != Kind::Close || dot.kind != Kind::Dot {
            return;
        }
        let inside = Context::new(context.text, close.span.start as usize);
        let Some(call) = inside.call() else { return };
        let mut names = Vec::new();
        match resolve::top_level(self.document, &call.function) {
            Target::Global(name) => {
                if let Some(entry) = library().find(&name) {
                    named_outputs(&entry.stmt().item, &mut names);
                }
            }
            Target::Statement(number) => named_outputs(&self.document.stmts[number].item, &mut names),
            Target::Used(file, number) => {
                named_outputs(&self.document.used[file].document.stmts[number].item, &mut names);
            }
            _ => {}
        }
        let detail = format!("an output of `{}`", call.function);
        names.iter().for_each(|name| self.add(CompletionKind::Field, name, &detail, ""));
    }

    /// Words of patterns and texts. The prefix that they go on from.
    fn quoted(&mut self, context: &Context<'_>, inside: Kind) -> String {
        let text = &context.text[..context.at];
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let prefix = text.rsplit(|c: char| !word(c)).next().unwrap_or("");
        self.replace = Span::new(context.at - prefix.len(), context.at);
        match inside {
            Kind::Pattern => {
                // What the words of a pattern mean is decided where it is played.
                let stmt = self.document.statement(context.at).map_or(text.len(), |(_, stmt)| stmt.offset as usize);
                let rest = context.text.get(stmt..).unwrap_or("");
                let kits: Vec<&str> = kits().filter(|kit| rest.contains(&format!("'{kit}'"))).collect();
                for kit in if kits.is_empty() { self::kits().collect() } else { kits } {
                    for entry in library().module(kit) {
                        self.add(CompletionKind::Name, entry.name, kit, &entry.doc().summary);
                    }
                }
            }
            Kind::Text => match context.call().map(|call| call.function).as_deref() {
                Some("kit") => kits().for_each(|kit| self.add(CompletionKind::Name, kit, "kit", "")),
                Some("scale") => self.scales(),
                _ => {}
            },
            _ => {}
        }
        prefix.to_string()
    }
}

/// The modules that `kit` can play.
fn kits() -> impl Iterator<Item = &'static str> {
    let is_kit = |module: &&'static str| {
        library().module(module).any(|entry| entry.doc().node.as_ref().is_some_and(|(category, _)| category == "kit"))
    };
    library().modules().filter(is_kit)
}

/// A statement of a text as a proposal.
fn statement(item: &Item, name: &str, home: &str) -> (CompletionKind, Topic) {
    let topic = |signature: String| Topic { name: name.to_string(), signature, ..Topic::default() };
    match item {
        Item::Def(def) => {
            let topic = topic::of_def(def, home);
            let function = def.params.is_some() || matches!(def.body.kind, ExprKind::Lambda { .. });
            (if function { CompletionKind::Function } else { CompletionKind::Value }, topic)
        }
        Item::Strip { bus, .. } => (CompletionKind::Value, topic(if *bus { "bus" } else { "track" }.to_string())),
        Item::Scene { .. } => (CompletionKind::Value, topic("scene".to_string())),
        _ => (CompletionKind::Value, topic("song".to_string())),
    }
}

/// The topics of a function as a text means it, its own functions included.
pub(super) fn topics_of(document: &Document, function: &str) -> Vec<Topic> {
    let target = match function.split_once('.') {
        Some((module, name)) => resolve::in_module(document, module, name).unwrap_or(Target::Unknown),
        None => resolve::top_level(document, function),
    };
    let of = |document: &Document, number: usize| match &*document.stmts[number].item {
        Item::Def(def) => vec![topic::of_def(def, &document.source.name)],
        _ => Vec::new(),
    };
    match target {
        Target::Statement(number) => of(document, number),
        Target::Used(file, number) => of(&document.used[file].document, number),
        Target::Global(name) => topic::find(&name).into_iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// Names that the outputs of a function have: the arguments of `fields(..)` in it.
fn named_outputs(item: &Item, names: &mut Vec<String>) {
    visit::exprs(item, &mut |expr| {
        if let ExprKind::Call { callee, args } = &expr.kind
            && matches!(&callee.kind, ExprKind::Name(name) if name == "fields")
        {
            names.extend(args.iter().filter_map(|arg| arg.name.as_ref()).map(|name| name.name.clone()));
        }
    });
}
