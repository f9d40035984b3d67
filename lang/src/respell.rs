//! A statement under other names: the same tree with words exchanged, and places moved along.
//!
//! Who renames a binding changes every statement that speaks of it, and what these say is what they said. To see that, a tree is spelt
//! as another would be: each name goes through one function, each place through another. `lpf(cut * 2)` with `cut` as `bright`, and
//! what stands behind it three bytes further on, is what the parser reads from `lpf(bright * 2)`.

use crate::ast::*;
use crate::source::Span;

/// How to spell a tree anew. Only names that are looked for are spelt by `word`, and what the statement itself is called by `own`; words
/// that bind, fields and names of arguments stay.
pub struct Respell<'f> {
    /// The new word for a name.
    pub word: &'f dyn Fn(&str) -> Option<String>,
    /// The new word for the name that the statement gives.
    pub own: &'f dyn Fn(&str) -> Option<String>,
    /// Where a place goes.
    pub place: &'f dyn Fn(u32) -> u32,
}

impl Respell<'_> {
    /// A definition or strip, spelt anew; other statements come back as they are.
    pub fn item(&self, item: &Item) -> Item {
        let mut item = item.clone();
        match &mut item {
            Item::Def(def) => {
                self.own(&mut def.name);
                self.behind_name(def);
            }
            Item::Strip { name, value, .. } => {
                self.own(name);
                self.expr(value);
            }
            _ => {}
        }
        item
    }

    fn own(&self, name: &mut Ident) {
        if let Some(new) = (self.own)(&name.name) {
            name.name = new;
        }
        self.ident(name);
    }

    fn span(&self, span: &mut Span) {
        (span.start, span.end) = ((self.place)(span.start), (self.place)(span.end));
    }

    fn ident(&self, ident: &mut Ident) {
        self.span(&mut ident.span);
    }

    fn def(&self, def: &mut Def) {
        self.ident(&mut def.name);
        self.behind_name(def);
    }

    fn behind_name(&self, def: &mut Def) {
        for param in def.params.iter_mut().flatten() {
            self.ident(&mut param.name);
            if let Some((word, channels)) = &mut param.ty {
                self.ident(word);
                channels.iter_mut().for_each(|x| self.expr(x));
            }
            param.default.iter_mut().for_each(|x| self.expr(x));
            param.range.iter_mut().flat_map(|range| [&mut range.low, &mut range.high]).for_each(|x| self.expr(x));
        }
        self.expr(&mut def.body);
    }

    fn choices(&self, choices: &mut [Choice]) {
        for choice in choices {
            self.ident(&mut choice.name);
            choice.weight.iter_mut().for_each(|x| self.expr(x));
        }
    }

    fn expr(&self, expr: &mut Expr) {
        self.span(&mut expr.span);
        match &mut expr.kind {
            ExprKind::Name(name) => {
                if let Some(new) = (self.word)(name) {
                    *name = new;
                }
            }
            ExprKind::Pattern { text_start, .. } => *text_start = (self.place)(*text_start),
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                for arg in args {
                    arg.name.iter_mut().for_each(|name| self.ident(name));
                    self.expr(&mut arg.value);
                }
            }
            ExprKind::Field { base, name } => {
                self.expr(base);
                self.ident(name);
            }
            ExprKind::Prime(x) | ExprKind::Unary { x, .. } => self.expr(x),
            ExprKind::Index { base: left, index: right }
            | ExprKind::Binary { left, right, .. }
            | ExprKind::Pipe { left, right } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Ramp { from, to, over, .. } => {
                self.expr(from);
                self.expr(to);
                over.iter_mut().for_each(|x| self.expr(x));
            }
            ExprKind::Lambda { params, body } => {
                params.iter_mut().for_each(|param| self.ident(param));
                self.expr(body);
            }
            ExprKind::If { cond, then, other } => [cond, then, other].into_iter().for_each(|x| self.expr(x)),
            ExprKind::Block { defs, value } => {
                defs.iter_mut().for_each(|def| self.def(def));
                value.iter_mut().for_each(|x| self.expr(x));
            }
            ExprKind::Array(items) => items.iter_mut().for_each(|x| self.expr(x)),
            ExprKind::Clips(clips) => {
                for clip in clips {
                    self.ident(&mut clip.name);
                    self.expr(&mut clip.value);
                    clip.length.iter_mut().for_each(|x| self.expr(x));
                    self.choices(&mut clip.then);
                }
            }
            ExprKind::Number { .. } | ExprKind::Note(_) | ExprKind::Text(_) | ExprKind::It | ExprKind::Broken => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Source};
    use crate::visit;

    fn read(text: &str) -> Item {
        let parsed = crate::parse::parse(FileId(0), &Source::new("a", text));
        assert!(parsed.diagnostics.is_empty(), "{text}: {:?}", parsed.diagnostics);
        (*parsed.stmts[0].item).clone()
    }

    #[test]
    fn spelt_anew_is_what_is_read_from_the_new_text() {
        let texts = [
            "track a = \"0 3\" >> mono(v, glide: cut * 2) >> lpf(cut) * [cut, -cut][0] + cut'",
            "f(x, y: hz = cut in cut..2khz) = { z = x * cut  z + it(cut).left } >> (k) => if cut > 1 then cut else k",
            "track a = clips { a: \"bd*4\" >> slow(cut) for cut * 1bar then b(cut) | c } >> kit('tr909')",
            "cut = cut' * 0.5 + (1 ~> cut over 8bars)",
        ];
        for text in texts {
            let old = read(text);
            let mut ends = Vec::new();
            visit::exprs(&old, &mut |expr| {
                if matches!(&expr.kind, ExprKind::Name(name) if name == "cut") {
                    ends.push(expr.span.end);
                }
            });
            let own = old.name().filter(|name| name.name == "cut");
            ends.extend(own.map(|name| name.span.end));
            let new = |word: &str| (word == "cut").then(|| "bright".to_string());
            let by = "bright".len() as u32 - "cut".len() as u32;
            let place = |at: u32| at + by * ends.iter().filter(|end| **end <= at).count() as u32;
            let respelt = Respell { word: &new, own: &new, place: &place }.item(&old);
            assert_eq!(respelt, read(&text.replace("cut", "bright")), "{text}");
        }
    }
}
