//! Every word of a text that names something, and what it stands for.
//!
//! The rules are those of `front/lookup`: what is bound nearby, then the statements of the file, then those of used files, then
//! constants, functions of the compiler, the library and primitives. They are applied to the tree alone, without evaluating
//! anything, so a text that does not compile has its words resolved all the same. What only an evaluation could know, the parts of
//! a value (`svf(x, 800hz).hp`) and the fields of events, is a [`Target::Field`].

use crate::front::builtins;
use crate::ide::document::Document;
use crate::ide::topic::CONSTANTS;
use modurust_lang::ast::*;
use modurust_lang::library::library;
use modurust_lang::source::Span;
use modurust_lang::visit;

/// A word and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// The word, in bytes of the file.
    pub span: Span,
    /// True where the name is given, false where it is spoken of.
    pub defines: bool,
    /// What it stands for.
    pub target: Target,
}

/// What a word stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A statement of this file, by its number.
    Statement(usize),
    /// Something that is named inside of a statement, by the place of the word that names it.
    Local(Span, Bound),
    /// A statement of a used file: number of the file among [`Document::used`], number of the statement.
    Used(usize, usize),
    /// Something that is always there: the name of its [`crate::ide::topic::Topic`].
    Global(String),
    /// A module of the library, or another name for a file.
    Module(String),
    /// A named argument of a function that is not of this file: the function and the parameter.
    Argument(String, String),
    /// A part of a value, a field of events, a word that the function at hand understands.
    Field,
    /// Nothing has this name.
    Unknown,
}

/// How a name came to be inside of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A parameter of a function, or the number of channels in its type.
    Param,
    /// A definition of a block.
    Def,
    /// A clip.
    Clip,
}

/// The words of a document, in the order of its text.
pub(super) fn occurrences(document: &Document) -> Vec<Occurrence> {
    let mut walk = Walk { document, env: Vec::new(), found: Vec::new(), offset: 0 };
    for (number, stmt) in document.stmts.iter().enumerate() {
        walk.offset = stmt.offset;
        walk.statement(number, &stmt.item);
    }
    walk.found.sort_by_key(|o| (o.span.start, o.span.end));
    walk.found.dedup_by_key(|o| o.span);
    walk.found
}

/// The first statement of a name.
pub(super) fn statement_of(document: &Document, name: &str) -> Option<usize> {
    document.named(name)
}

/// What a plain word stands for outside of any statement's own names.
pub(super) fn top_level(document: &Document, name: &str) -> Target {
    if let Some(number) = statement_of(document, name) {
        return Target::Statement(number);
    }
    for (file, used) in document.used.iter().enumerate() {
        if used.alias.as_deref() == Some(name) {
            return Target::Module(name.to_string());
        }
        if used.alias.is_none()
            && !name.starts_with('_')
            && let Some(number) = statement_of(&used.document, name)
        {
            return Target::Used(file, number);
        }
    }
    if aliased(document, name).is_some() {
        return Target::Module(name.to_string());
    }
    let global = builtins::find(name).is_some()
        || library().find(name).is_some()
        || builtins::primitive(name).is_some()
        || CONSTANTS.iter().any(|(constant, _)| *constant == name);
    match global {
        true => Target::Global(name.to_string()),
        false if name == "prim" || library().modules().any(|module| module == name) => Target::Module(name.to_string()),
        false => Target::Unknown,
    }
}

/// The module of the library that `use std/filter as name` names so.
pub(super) fn aliased<'a>(document: &'a Document, name: &str) -> Option<&'a str> {
    document.stmts.iter().find_map(|stmt| match &*stmt.item {
        Item::Use { path, alias: Some(alias), .. } if alias.name == name && !path.starts_with('.') => {
            let module = path.rsplit('/').next()?;
            library().modules().any(|known| known == module).then_some(module)
        }
        _ => None,
    })
}

/// `module.name`: what it stands for, if `module` is one.
pub(super) fn in_module(document: &Document, module: &str, name: &str) -> Option<Target> {
    if let Some(file) = document.used.iter().position(|used| used.alias.as_deref() == Some(module)) {
        let number = statement_of(&document.used[file].document, name);
        return Some(number.map_or(Target::Unknown, |number| Target::Used(file, number)));
    }
    if module == "prim" {
        let known = builtins::intrinsic(name).is_some();
        return Some(if known { Target::Global(format!("prim.{name}")) } else { Target::Unknown });
    }
    let module = aliased(document, module).unwrap_or(module);
    if !library().modules().any(|known| known == module) {
        return None;
    }
    let known = library().find_in(module, name).is_some();
    Some(if known { Target::Global(format!("{module}.{name}")) } else { Target::Unknown })
}

/// A name that is bound inside of a statement.
struct Local<'a> {
    name: &'a str,
    /// In the file.
    place: Span,
    bound: Bound,
    /// What it is a function of, if it is one.
    params: &'a [Param],
}

struct Walk<'a> {
    document: &'a Document,
    env: Vec<Local<'a>>,
    found: Vec<Occurrence>,
    offset: u32,
}

impl<'a> Walk<'a> {
    fn push(&mut self, span: Span, defines: bool, target: Target) {
        self.found.push(Occurrence { span: span.shift(self.offset), defines, target });
    }

    fn bind(&mut self, ident: &'a Ident, bound: Bound, params: &'a [Param]) {
        let place = ident.span.shift(self.offset);
        self.env.push(Local { name: &ident.name, place, bound, params });
        self.push(ident.span, true, Target::Local(place, bound));
    }

    fn statement(&mut self, number: usize, item: &'a Item) {
        if let Some(name) = item.name() {
            self.push(name.span, true, Target::Statement(number));
        }
        match item {
            Item::Def(def) => self.function(def),
            Item::Use { alias: Some(alias), .. } => self.push(alias.span, true, Target::Module(alias.name.clone())),
            Item::Scene { slots, then, .. } => {
                for Slot { track, clip, .. } in slots {
                    self.word(track);
                    clip.iter().for_each(|clip| self.clip(&track.name, clip));
                }
                then.iter().for_each(|choice| self.word(&choice.name));
            }
            Item::Arrange { sections, .. } => {
                for section in sections {
                    self.word(&section.scene);
                    section.lanes.iter().for_each(|(path, _)| self.path(path));
                }
            }
            Item::Automate { path, .. } | Item::Map { path, .. } => self.path(path),
            Item::Command(command) => match &command.path[..] {
                [track, clip] if command.verb.name == "launch" => {
                    self.word(track);
                    self.clip(&track.name, clip);
                }
                path => self.path(path),
            },
            _ => {}
        }
        if !matches!(item, Item::Def(_)) {
            visit::roots(item).into_iter().for_each(|expr| self.expr(expr));
        }
    }

    /// A word outside of expressions that speaks of a statement.
    fn word(&mut self, ident: &Ident) {
        let target = match statement_of(self.document, &ident.name) {
            Some(number) => Target::Statement(number),
            None => Target::Field,
        };
        self.push(ident.span, false, target);
    }

    fn path(&mut self, path: &[Ident]) {
        path.iter().take(1).for_each(|first| self.word(first));
        path.iter().skip(1).for_each(|part| self.push(part.span, false, Target::Field));
    }

    /// The clip of a track.
    fn clip(&mut self, track: &str, clip: &Ident) {
        let document = self.document;
        let mut target = Target::Field;
        if let Some(number) = statement_of(document, track) {
            let stmt = &document.stmts[number];
            visit::exprs(&stmt.item, &mut |expr| {
                if let ExprKind::Clips(clips) = &expr.kind
                    && target == Target::Field
                    && let Some(found) = clips.iter().find(|c| c.name.name == clip.name)
                {
                    target = Target::Local(found.name.span.shift(stmt.offset), Bound::Clip);
                }
            });
        }
        self.push(clip.span, false, target);
    }

    /// The parameters and body of a definition, whose own name is known already.
    fn function(&mut self, def: &'a Def) {
        let depth = self.env.len();
        for param in def.params.iter().flatten() {
            // `x: sig[n]` gives the number of channels a name.
            if let Some((_, Some(Expr { kind: ExprKind::Name(n), span }))) = &param.ty
                && self.local(n).is_none()
            {
                let place = span.shift(self.offset);
                self.env.push(Local { name: n, place, bound: Bound::Param, params: &[] });
                self.push(*span, true, Target::Local(place, Bound::Param));
            }
            self.bind(&param.name, Bound::Param, &[]);
        }
        visit::definition(def).into_iter().for_each(|expr| self.expr(expr));
        self.env.truncate(depth);
    }

    fn local(&self, name: &str) -> Option<&Local<'a>> {
        self.env.iter().rev().find(|local| local.name == name)
    }

    fn target(&self, name: &str) -> Target {
        match self.local(name) {
            Some(local) => Target::Local(local.place, local.bound),
            None => top_level(self.document, name),
        }
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Name(name) => {
                let target = self.target(name);
                self.push(expr.span, false, target);
            }
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                for arg in args {
                    if let Some(name) = &arg.name {
                        let target = self.argument(callee, &name.name);
                        self.push(name.span, false, target);
                    }
                    self.expr(&arg.value);
                }
            }
            ExprKind::Field { base, name } => {
                let mut target = Target::Field;
                if let ExprKind::Name(module) = &base.kind
                    && self.local(module).is_none()
                    && statement_of(self.document, module).is_none()
                {
                    if builtins::joined(module, &name.name).is_some() {
                        self.push(base.span, false, Target::Global(module.clone()));
                        self.push(name.span, false, Target::Field);
                        return;
                    }
                    if let Some(found) = in_module(self.document, module, &name.name) {
                        self.push(base.span, false, Target::Module(module.clone()));
                        self.push(name.span, false, found);
                        return;
                    }
                    target = Target::Field;
                }
                self.expr(base);
                self.push(name.span, false, target);
            }
            ExprKind::Lambda { params, body } => {
                let depth = self.env.len();
                params.iter().for_each(|param| self.bind(param, Bound::Param, &[]));
                self.expr(body);
                self.env.truncate(depth);
            }
            ExprKind::Block { defs, value } => {
                let depth = self.env.len();
                defs.iter().for_each(|def| self.bind(&def.name, Bound::Def, def.params.as_deref().unwrap_or(&[])));
                defs.iter().for_each(|def| self.function(def));
                value.iter().for_each(|value| self.expr(value));
                self.env.truncate(depth);
            }
            ExprKind::Clips(clips) => {
                for clip in clips {
                    let place = clip.name.span.shift(self.offset);
                    self.push(clip.name.span, true, Target::Local(place, Bound::Clip));
                    for choice in &clip.then {
                        let named = clips.iter().find(|c| c.name.name == choice.name.name);
                        let target =
                            named.map_or(Target::Field, |c| Target::Local(c.name.span.shift(self.offset), Bound::Clip));
                        self.push(choice.name.span, false, target);
                    }
                }
                visit::children(expr).into_iter().for_each(|child| self.expr(child));
            }
            _ => visit::children(expr).into_iter().for_each(|child| self.expr(child)),
        }
    }

    /// What the name of an argument stands for.
    fn argument(&self, callee: &Expr, name: &str) -> Target {
        let elsewhere = |function: &str| Target::Argument(function.to_string(), name.to_string());
        let of = |params: &[Param], offset: u32| match params.iter().find(|p| p.name.name == name) {
            Some(param) => Target::Local(param.name.span.shift(offset), Bound::Param),
            None => Target::Field,
        };
        let target = match &callee.kind {
            ExprKind::Name(function) => match self.local(function) {
                Some(local) => return of(local.params, self.offset),
                None => top_level(self.document, function),
            },
            ExprKind::Field { base, name: part } => match &base.kind {
                ExprKind::Name(module) if self.local(module).is_none() => {
                    in_module(self.document, module, &part.name).unwrap_or(Target::Field)
                }
                _ => return Target::Field,
            },
            _ => return Target::Field,
        };
        match target {
            Target::Statement(number) => match &*self.document.stmts[number].item {
                Item::Def(def) => of(def.params.as_deref().unwrap_or(&[]), self.document.stmts[number].offset),
                _ => Target::Field,
            },
            Target::Used(file, number) => {
                let name = self.document.used[file].document.stmts[number].item.name();
                name.map_or(Target::Field, |name| elsewhere(&name.name))
            }
            Target::Global(function) => elsewhere(&function),
            _ => Target::Field,
        }
    }
}
