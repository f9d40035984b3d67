//! Tree to text.
//!
//! One text for one tree: parsing what is printed gives the same tree, spans apart, so two trees are equal if their
//! prints are ([`same`]). Brackets stand only where the text would mean something else without them. Layout is that
//! of the layout rule: the statement begins in column 0, what is inside braces is indented.

use crate::ast::*;
use crate::operators::{level, level_of};
use crate::units::Unit;
use std::fmt::Write;

/// A statement as canonical text, without a line break at the end.
pub fn print_item(item: &Item) -> String {
    let mut out = Printer { text: String::new(), indent: 0 };
    out.item(item);
    out.text
}

/// An expression as canonical text.
pub fn print_expr(expr: &Expr) -> String {
    let mut out = Printer { text: String::new(), indent: 0 };
    out.expr(expr, 0);
    out.text
}

/// True if two statements say the same, wherever they stand.
pub fn same(a: &Item, b: &Item) -> bool {
    print_item(a) == print_item(b)
}

/// A note word for a MIDI number, with sharps; `None` outside what can be written.
pub fn note_word(note: i32) -> Option<String> {
    const NAMES: [&str; 12] = ["c", "c#", "d", "d#", "e", "f", "f#", "g", "g#", "a", "a#", "b"];
    match note {
        11 => Some("cb0".into()),
        12..=131 => Some(format!("{}{}", NAMES[note as usize % 12], note / 12 - 1)),
        132 => Some("b#9".into()),
        _ => None,
    }
}

struct Printer {
    text: String,
    indent: usize,
}

impl Printer {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.indent));
    }

    /// Lines in braces, one for each of `items`.
    fn braces<T>(&mut self, items: &[T], separator: &str, mut each: impl FnMut(&mut Printer, &T)) {
        if items.is_empty() {
            return self.put("{}");
        }
        self.put("{");
        self.indent += 1;
        for (i, item) in items.iter().enumerate() {
            self.line();
            each(self, item);
            if i + 1 < items.len() {
                self.put(separator);
            }
        }
        self.indent -= 1;
        self.line();
        self.put("}");
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Printer, &T)) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.put(", ");
            }
            each(self, item);
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Use { path, version, alias, .. } => {
                let _ = write!(self.text, "use {path}");
                if let Some(version) = version {
                    let _ = write!(self.text, "@{version}");
                }
                if let Some(alias) = alias {
                    let _ = write!(self.text, " as {}", alias.name);
                }
            }
            Item::Setting { name, value } => {
                let _ = write!(self.text, "{} ", name.name);
                self.expr(value, 0);
            }
            Item::Meter { beats, unit, from, .. } => {
                let _ = write!(self.text, "meter {beats}/{unit}");
                self.from(from.as_ref(), None);
            }
            Item::Def(def) => self.def(def),
            Item::Strip { bus, name, value } => {
                let _ = write!(self.text, "{} {} = ", if *bus { "bus" } else { "track" }, name.name);
                self.expr(value, 0);
            }
            Item::Scene { name, slots, length, then } => {
                let _ = write!(self.text, "scene {} {{", name.name);
                self.put(if slots.is_empty() { "" } else { " " });
                self.list(slots, |out, Slot { track, clip, again }| {
                    let clip = clip.as_ref().map_or("off", |clip| &clip.name);
                    let _ = write!(out.text, "{}: {clip}{}", track.name, if *again { " again" } else { "" });
                });
                self.put(if slots.is_empty() { "}" } else { " }" });
                self.end_of_clip(length.as_ref(), then);
            }
            Item::Arrange { name, sections } => {
                self.put("arrange ");
                if let Some(name) = name {
                    let _ = write!(self.text, "{} ", name.name);
                }
                self.braces(sections, "", Printer::section);
            }
            Item::Automate { path, points } => {
                let _ = write!(self.text, "automate {} ", dotted(path));
                self.braces(points, ",", |out, (at, value, curve)| {
                    out.expr(at, 0);
                    out.put(": ");
                    // A ramp at the end would take the point's curve for its own.
                    out.expr(value, if *curve != Curve::Lin && ends_in_ramp(value) { level::OR } else { 0 });
                    out.curve(*curve);
                });
            }
            Item::Map { source, path, range, curve } => {
                self.put("map ");
                self.expr(source, 0);
                let _ = write!(self.text, " -> {}", dotted(path));
                if let Some(range) = range {
                    self.put(" ");
                    self.expr(range, level::OR);
                    self.curve(*curve);
                }
            }
            Item::Command(command) => self.command(command),
            Item::Broken { name, .. } => {
                let _ = write!(self.text, "// broken: {}", name.as_deref().unwrap_or("?"));
            }
        }
    }

    fn section(&mut self, section: &Section) {
        let _ = write!(self.text, "{} ", section.scene.name);
        self.expr(&section.length, 0);
        if let Some(fade) = &section.xfade {
            self.put(" xfade ");
            self.expr(fade, 0);
        }
        if !section.lanes.is_empty() {
            self.put(" { ");
            self.list(&section.lanes, |out, (path, value)| {
                let _ = write!(out.text, "{}: ", dotted(path));
                out.expr(value, 0);
            });
            self.put(" }");
        }
    }

    fn from(&mut self, from: Option<&Expr>, to: Option<&Expr>) {
        for (word, length) in [(" from ", from), (" to ", to)] {
            if let Some(length) = length {
                self.put(word);
                self.expr(length, 0);
            }
        }
    }

    fn command(&mut self, command: &Command) {
        let _ = write!(self.text, "{} {}", command.verb.name, dotted(&command.path));
        let (from, to) = command.from.as_ref().map_or((None, None), |(from, to)| (Some(from), to.as_ref()));
        self.from(from, to);
        match &command.at {
            Some(At::Now) => self.put(" at now"),
            Some(At::Next(length)) => {
                self.put(" at next ");
                self.expr(length, 0);
            }
            None => {}
        }
        if let Some(to) = &command.to {
            let _ = write!(self.text, " to '{to}'");
        }
        self.put(if command.stems { " stems" } else { "" });
        self.put(if command.preroll { " preroll" } else { "" });
    }

    fn def(&mut self, def: &Def) {
        for line in def.doc.iter().flat_map(|doc| doc.split('\n')) {
            self.put(if line.is_empty() { "///" } else { "/// " });
            self.put(line);
            self.line();
        }
        self.put(&def.name.name);
        if let Some(params) = &def.params {
            self.put("(");
            self.list(params, Printer::param);
            self.put(")");
        }
        self.put(" = ");
        self.expr(&def.body, 0);
    }

    fn param(&mut self, param: &Param) {
        self.put(&param.name.name);
        if let Some((ty, channels)) = &param.ty {
            let _ = write!(self.text, ": {}", ty.name);
            if let Some(channels) = channels {
                self.put("[");
                self.expr(channels, 0);
                self.put("]");
            }
        }
        if let Some(default) = &param.default {
            self.put(" = ");
            self.expr(default, 0);
        }
        if let Some(range) = &param.range {
            self.put(" in ");
            self.expr(&range.low, level::RANGE);
            self.put("..");
            self.right(&range.high, level::RANGE + 1);
            self.put(if range.log { " log" } else { "" });
        }
    }

    fn curve(&mut self, curve: Curve) {
        self.put(match curve {
            Curve::Lin => "",
            Curve::Exp => " exp",
            Curve::Hold => " hold",
            Curve::Sine => " sine",
            Curve::Spline => " spline",
        });
    }

    fn end_of_clip(&mut self, length: Option<&Expr>, then: &[Choice]) {
        if let Some(length) = length {
            self.put(" for ");
            self.expr(length, 0);
        }
        for (i, choice) in then.iter().enumerate() {
            self.put(if i == 0 { " then " } else { " | " });
            self.put(&choice.name.name);
            if let Some(weight) = &choice.weight {
                self.put("(");
                self.expr(weight, 0);
                self.put(")");
            }
        }
    }

    /// The right operand: a sign there needs no brackets, since nothing before it can take a part of it away.
    fn right(&mut self, expr: &Expr, min: u8) {
        match expr.kind {
            ExprKind::Unary { op: UnaryOp::Neg, .. } => self.expr(expr, 0),
            _ => self.expr(expr, min),
        }
    }

    /// An expression, in brackets if it holds less tightly than `min`.
    fn expr(&mut self, expr: &Expr, min: u8) {
        let level = level_of_expr(&expr.kind);
        if level < min {
            self.put("(");
            self.kind(&expr.kind);
            self.put(")");
        } else {
            self.kind(&expr.kind);
        }
    }

    fn kind(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Number { value, ratio, unit } => self.number(*value, *ratio, *unit),
            ExprKind::Note(note) => self.put(&note_word(*note).unwrap_or_else(|| format!("{note}"))),
            ExprKind::Text(text) => {
                let _ = write!(self.text, "'{text}'");
            }
            ExprKind::Pattern { text, .. } => {
                let _ = write!(self.text, "\"{text}\"");
            }
            ExprKind::Name(name) => self.put(name),
            ExprKind::It => self.put("it"),
            ExprKind::Call { callee, args } => {
                self.expr(callee, level::POSTFIX);
                self.put("(");
                self.list(args, |out, arg| {
                    if let Some(name) = &arg.name {
                        let _ = write!(out.text, "{}: ", name.name);
                    }
                    out.expr(&arg.value, 0);
                });
                self.put(")");
            }
            ExprKind::Index { base, index } => {
                self.expr(base, level::POSTFIX);
                self.put("[");
                self.expr(index, 0);
                self.put("]");
            }
            ExprKind::Field { base, name } => {
                self.expr(base, level::POSTFIX);
                let _ = write!(self.text, ".{}", name.name);
            }
            ExprKind::Prime(base) => {
                self.expr(base, level::POSTFIX);
                self.put("'");
            }
            ExprKind::Unary { op: UnaryOp::Neg, x } => {
                self.put("-");
                self.expr(x, level::NEG);
            }
            ExprKind::Unary { op: UnaryOp::Not, x } => {
                self.put("not ");
                self.expr(x, level::NOT);
            }
            ExprKind::Binary { op, left, right } => {
                let level = level_of(*op);
                // `^` groups to the right, all others to the left.
                let (min_left, min_right) = if *op == BinaryOp::Pow { (level + 1, level) } else { (level, level + 1) };
                self.expr(left, min_left);
                match op {
                    BinaryOp::Range => self.put(".."),
                    _ => {
                        let _ = write!(self.text, " {} ", spelling(*op));
                    }
                }
                self.right(right, min_right);
            }
            ExprKind::Pipe { left, right } => {
                self.expr(left, level::PIPE);
                self.put(" >> ");
                self.expr(right, level::RAMP);
            }
            ExprKind::Ramp { from, to, over, curve } => {
                self.expr(from, level::OR);
                self.put(" ~> ");
                self.expr(to, level::OR);
                if let Some(over) = over {
                    self.put(" over ");
                    self.expr(over, level::OR);
                }
                self.curve(*curve);
            }
            ExprKind::Lambda { params, body } => {
                match params.as_slice() {
                    [one] => self.put(&one.name),
                    more => {
                        self.put("(");
                        self.list(more, |out, param| out.put(&param.name));
                        self.put(")");
                    }
                }
                self.put(" => ");
                self.expr(body, 0);
            }
            ExprKind::If { cond, then, other } => {
                self.put("if ");
                self.expr(cond, 0);
                self.put(" then ");
                self.expr(then, 0);
                self.put(" else ");
                self.expr(other, 0);
            }
            ExprKind::Block { defs, value } => self.block(defs, value.as_deref()),
            ExprKind::Array(items) => {
                self.put("[");
                self.list(items, |out, item| out.expr(item, 0));
                self.put("]");
            }
            ExprKind::Clips(clips) => {
                self.put("clips ");
                self.braces(clips, ",", |out, clip| {
                    let _ = write!(out.text, "{}: ", clip.name.name);
                    out.expr(&clip.value, 0);
                    out.end_of_clip(clip.length.as_ref(), &clip.then);
                });
            }
            ExprKind::Broken => self.put("?"),
        }
    }

    fn block(&mut self, defs: &[Def], value: Option<&Expr>) {
        let Some(value) = value else {
            return self.braces(defs, "", Printer::def);
        };
        if defs.is_empty() {
            self.put("{ ");
            self.expr(value, 0);
            return self.put(" }");
        }
        self.put("{");
        self.indent += 1;
        for def in defs {
            self.line();
            self.def(def);
        }
        self.line();
        let start = self.text.len();
        self.expr(value, 0);
        // Line breaks mean nothing: what could go on the definition above needs brackets.
        let open = defs.last().is_some_and(|def| ends_in_ramp(&def.body));
        if goes_on(&self.text[start..], open) {
            self.text.insert(start, '(');
            self.put(")");
        }
        self.indent -= 1;
        self.line();
        self.put("}");
    }

    fn number(&mut self, value: f64, ratio: Option<(u32, u32)>, unit: Option<Unit>) {
        let _ = match ratio {
            Some((over, under)) => write!(self.text, "{over}/{under}"),
            None => write!(self.text, "{value}"),
        };
        match unit {
            Some(Unit::Bar) if value == 1.0 => self.put("bar"),
            Some(unit) => self.put(unit.spelling()),
            None => {}
        }
    }
}

/// True if a text after a definition would be read as more of it: a minus, or after a ramp a word that can end one.
fn goes_on(text: &str, after_ramp: bool) -> bool {
    let word = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
    text.starts_with('-') || after_ramp && matches!(word, "over" | "exp" | "lin" | "hold" | "sine" | "spline")
}

/// True if the text of an expression ends in a ramp without brackets.
fn ends_in_ramp(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Ramp { .. } => true,
        ExprKind::Pipe { right: last, .. } | ExprKind::Lambda { body: last, .. } | ExprKind::If { other: last, .. } => {
            ends_in_ramp(last)
        }
        _ => false,
    }
}

fn dotted(path: &[Ident]) -> String {
    path.iter().map(|word| word.name.as_str()).collect::<Vec<_>>().join(".")
}

fn spelling(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Or => "or",
        BinaryOp::And => "and",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Range => "..",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Pow => "^",
    }
}

fn level_of_expr(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Lambda { .. } | ExprKind::If { .. } => 0,
        ExprKind::Pipe { .. } => level::PIPE,
        ExprKind::Ramp { .. } => level::RAMP,
        ExprKind::Binary { op, .. } => level_of(*op),
        ExprKind::Unary { op: UnaryOp::Not, .. } => level::NOT,
        ExprKind::Unary { op: UnaryOp::Neg, .. } => level::NEG,
        // A number that did not come from a text.
        ExprKind::Number { value, .. } if *value < 0.0 => level::NEG,
        _ => level::POSTFIX,
    }
}
