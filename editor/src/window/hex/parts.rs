//! What a binding consists of: its calls and operators, and what feeds each of their inputs.
//!
//! A [`Part`] is a call, an operator, a pattern; the outermost comes first. Names of statements stay names ([`Feed::Name`]), so that
//! the picture of the whole can make wires of them; calls inside of calls are parts of their own ([`Feed::Chip`]). Terms of one sum,
//! and factors of one product, are inputs of one part. What is piped enters the first call on its right, as the language has it, and
//! every `it` where there is one.

use super::graph::{Category, Chip, Hex, Patch, Picture, Port, Rate, Role, Site, Value, What, Wire, plain, range};
use super::signature::{Parameter, Signature, Signatures};
use modurust_runtime::compiler::ide::{Document, Target};
use modurust_runtime::compiler::lang::ast::{Arg, BinaryOp, Def, Expr, ExprKind, Item, Param, UnaryOp};
use modurust_runtime::compiler::lang::source::Span;
use modurust_runtime::compiler::lang::visit;
use std::ops::Range;

/// A call, an operator, or what else takes inputs.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its key: the arguments that lead to it.
    pub key: String,
    /// What is written on it.
    pub label: String,
    /// What it is for.
    pub category: Category,
    /// In bytes of the file; of a stage what stands behind the arrow.
    pub span: Range<usize>,
    /// The word that says what it is, if it is of the text or of a file: it is a function of the user's own.
    pub callee: Option<(Target, Range<usize>)>,
    /// What feeds it.
    pub inputs: Vec<Input>,
    /// It scales, places or sends, and says little about what is heard.
    pub humble: bool,
    /// It makes notes.
    pub event: bool,
    /// The definition of the block that it stands in.
    pub local: Option<String>,
}

impl Part {
    /// What is shown of it in the hex of its binding.
    pub fn chip(&self) -> Chip {
        Chip { key: self.key.clone(), label: self.label.clone(), category: self.category, span: self.span.clone() }
    }
}

/// An input of a part.
#[derive(Clone, Debug)]
pub struct Input {
    /// What is known of the parameter.
    pub param: Parameter,
    /// What feeds it.
    pub feed: Feed,
    /// Where a wire to it is written.
    pub site: Site,
}

/// What feeds an input.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Nothing is written.
    Open,
    /// A number.
    Literal(Range<usize>),
    /// A statement.
    Name { target: Target, name: String, at: Range<usize>, role: Role },
    /// A parameter or a definition of a block; `in` of a bus.
    Local { name: String, at: Range<usize>, past: bool },
    /// Another part.
    Chip(usize),
    /// Something that is only shown.
    Other(Range<usize>),
}

/// The parts of a body, outermost first. There is always one: a body that calls nothing is a part without a label.
pub fn parts(
    document: &Document,
    signatures: &mut Signatures,
    offset: u32,
    body: &Expr,
    key: &str,
    what: What,
) -> Vec<Part> {
    let mut cut = Cut { document, signatures, offset, parts: Vec::new(), piped: None, it: Vec::new(), local: None };
    // The outermost is first even if a block's definitions are met before it.
    let root = cut.open(key, "", Category::Control, cut.at(body.span));
    let feed = cut.feed(body, key);
    let mut parts = cut.parts;
    match feed {
        Feed::Chip(number) if number > 0 => {
            parts[root] = parts[number].clone();
            // What had been the outermost is met only here.
            parts.remove(number);
            for input in parts.iter_mut().flat_map(|part| &mut part.inputs) {
                if let Feed::Chip(to) = &mut input.feed
                    && *to >= number
                {
                    *to = if *to == number { 0 } else { *to - 1 };
                }
            }
        }
        feed => {
            // What comes out of a block is its last line.
            let last = match &body.kind {
                ExprKind::Block { value: Some(value), .. } => value,
                _ => body,
            };
            let at = range(last.span.shift(offset));
            let named = !matches!(feed, Feed::Literal(_) | Feed::Other(_));
            let strip = matches!(what, What::Track | What::Bus);
            let param = |name: &str| parameter(name, if strip || named { Rate::Audio } else { Rate::Control });
            parts[root].inputs.push(Input { param: param("in"), feed, site: Site::Expr(at.clone()) });
            if named && !matches!(last.kind, ExprKind::Block { .. }) {
                parts[root].inputs.push(Input { param: param("+"), feed: Feed::Open, site: Site::Term(at) });
            }
        }
    }
    parts
}

/// The definitions of a body that is a block.
pub fn definitions(body: &Expr) -> Vec<&Def> {
    match &body.kind {
        ExprKind::Block { defs, .. } => defs.iter().collect(),
        _ => Vec::new(),
    }
}

fn parameter(name: &str, rate: Rate) -> Parameter {
    Parameter { name: name.to_string(), unit: String::new(), default: None, range: None, rate }
}

struct Cut<'a> {
    document: &'a Document,
    signatures: &'a mut Signatures,
    offset: u32,
    parts: Vec<Part>,
    /// What waits for the first call, and where it stands.
    piped: Option<(Feed, Range<usize>)>,
    it: Vec<Feed>,
    local: Option<String>,
}

impl Cut<'_> {
    fn at(&self, span: Span) -> Range<usize> {
        range(span.shift(self.offset))
    }

    fn text(&self, span: Span) -> &str {
        self.document.text().get(self.at(span)).unwrap_or("")
    }

    fn target(&self, span: Span) -> Target {
        let span = span.shift(self.offset);
        let words = self.document.occurrences();
        let found = words.binary_search_by_key(&(span.start, span.end), |o| (o.span.start, o.span.end));
        found.map_or(Target::Unknown, |i| words[i].target.clone())
    }

    fn open(&mut self, key: &str, label: &str, category: Category, span: Range<usize>) -> usize {
        let (key, label, local) = (key.to_string(), label.to_string(), self.local.clone());
        let inputs = Vec::new();
        self.parts.push(Part { key, label, category, span, callee: None, inputs, humble: false, event: false, local });
        self.parts.len() - 1
    }

    fn input(&mut self, part: usize, name: &str, rate: Rate, expr: &Expr, key: &str) {
        let feed = self.feed(expr, &format!("{key}/{name}"));
        let site = Site::Expr(self.at(expr.span));
        self.parts[part].inputs.push(Input { param: parameter(name, rate), feed, site });
    }

    fn feed(&mut self, expr: &Expr, key: &str) -> Feed {
        let at = self.at(expr.span);
        match &expr.kind {
            ExprKind::Number { .. } | ExprKind::Note(_) => Feed::Literal(at),
            ExprKind::Unary { op: UnaryOp::Neg, x } if matches!(x.kind, ExprKind::Number { .. }) => Feed::Literal(at),
            ExprKind::Text(_) | ExprKind::Broken => Feed::Other(at),
            ExprKind::Name(name) => self.name(expr, name, key),
            ExprKind::It => self.it.last().cloned().unwrap_or(Feed::Other(at)),
            ExprKind::Prime(x) => match self.feed(x, key) {
                Feed::Name { target, name, at, .. } => Feed::Name { target, name, at, role: Role::Past },
                Feed::Local { name, at, .. } => Feed::Local { name, at, past: true },
                feed => feed,
            },
            ExprKind::Call { callee, args } => self.call(expr, callee, args, key),
            ExprKind::Pipe { left, right } => {
                let from = self.feed(left, &format!("{key}/x"));
                let mut speaks = false;
                visit::expr_and_below(right, &mut |expr| speaks |= matches!(expr.kind, ExprKind::It));
                if speaks {
                    self.it.push(from);
                    let feed = self.feed(right, key);
                    self.it.pop();
                    return feed;
                }
                self.piped = Some((from, self.at(left.span)));
                let feed = self.feed(right, key);
                self.piped = None;
                feed
            }
            ExprKind::Binary { op, .. } => self.operator(expr, *op, key),
            ExprKind::Unary { op, x } => {
                let label = if *op == UnaryOp::Neg { "-" } else { "not" };
                let part = self.open(key, label, Category::Control, at);
                self.input(part, "in", Rate::Control, x, key);
                Feed::Chip(part)
            }
            ExprKind::Pattern { text, .. } => {
                let part = self.open(key, &shortened(text), Category::Control, at);
                self.parts[part].event = true;
                Feed::Chip(part)
            }
            ExprKind::Array(items) => {
                let part = self.open(key, "[ ]", Category::Mixing, at);
                items
                    .iter()
                    .enumerate()
                    .for_each(|(i, item)| self.input(part, &format!("{i}"), Rate::Audio, item, key));
                Feed::Chip(part)
            }
            ExprKind::Index { base, index } => {
                let part = self.open(key, "[i]", Category::Mixing, at);
                self.input(part, "in", Rate::Audio, base, key);
                self.input(part, "i", Rate::Control, index, key);
                Feed::Chip(part)
            }
            ExprKind::Field { base, name } => {
                if let Target::Global(_) | Target::Used(..) = self.target(name.span) {
                    return self.word(expr, name.span, key);
                }
                let part = self.open(key, &format!(".{}", name.name), Category::Mixing, at);
                self.input(part, "in", Rate::Audio, base, key);
                Feed::Chip(part)
            }
            ExprKind::Ramp { from, to, over, .. } => {
                let part = self.open(key, "~>", Category::Envelope, at);
                self.input(part, "from", Rate::Control, from, key);
                self.input(part, "to", Rate::Control, to, key);
                over.iter().for_each(|over| self.input(part, "over", Rate::Control, over, key));
                Feed::Chip(part)
            }
            ExprKind::If { cond, then, other } => {
                let part = self.open(key, "if", Category::Control, at);
                self.input(part, "if", Rate::Control, cond, key);
                self.input(part, "then", Rate::Audio, then, key);
                self.input(part, "else", Rate::Audio, other, key);
                Feed::Chip(part)
            }
            ExprKind::Lambda { body, .. } => {
                let part = self.open(key, "=>", Category::Control, at);
                self.input(part, "each", Rate::Control, body, key);
                Feed::Chip(part)
            }
            ExprKind::Clips(clips) => {
                let part = self.open(key, "clips", Category::Control, at);
                self.parts[part].event = true;
                clips.iter().for_each(|clip| self.input(part, &clip.name.name, Rate::Event, &clip.value, key));
                Feed::Chip(part)
            }
            ExprKind::Block { defs, value } => {
                let owner = key.split('/').next().unwrap_or(key).to_string();
                let piped = self.piped.take();
                for def in defs {
                    let outer = self.local.replace(def.name.name.clone());
                    let feed = self.feed(&def.body, &format!("{owner}.{}/out", def.name.name));
                    // What feeds a definition that calls nothing feeds the binding.
                    if !matches!(feed, Feed::Chip(_)) {
                        let at = self.at(def.body.span);
                        let part =
                            self.open(&format!("{owner}.{}/out", def.name.name), "", Category::Control, at.clone());
                        let param = parameter(&def.name.name, Rate::Control);
                        self.parts[part].inputs.push(Input { param, feed, site: Site::Expr(at) });
                    }
                    self.local = outer;
                }
                self.piped = piped;
                match (value, defs.last()) {
                    (Some(value), _) => self.feed(value, key),
                    (None, Some(last)) => {
                        Feed::Local { name: last.name.name.clone(), at: self.at(last.name.span), past: false }
                    }
                    _ => Feed::Other(at),
                }
            }
        }
    }

    fn name(&mut self, expr: &Expr, name: &str, key: &str) -> Feed {
        let at = self.at(expr.span);
        match self.target(expr.span) {
            target @ Target::Statement(_) => {
                let function = self.signatures.of(self.document, &target, false).is_some_and(|s| s.function);
                if function && self.piped.is_some() {
                    return self.word(expr, expr.span, key);
                }
                Feed::Name { target, name: name.to_string(), at, role: Role::Flow }
            }
            Target::Local(..) => Feed::Local { name: name.to_string(), at, past: false },
            Target::Global(_) | Target::Used(..) => self.word(expr, expr.span, key),
            _ if name == "in" => Feed::Local { name: "in".to_string(), at, past: false },
            // The tree of a statement that cannot be read says only its name.
            _ => match self.broken(name) {
                Some(number) => {
                    let target = Target::Statement(number);
                    Feed::Name { target, name: name.to_string(), at, role: Role::Flow }
                }
                None => Feed::Other(at),
            },
        }
    }

    fn broken(&self, name: &str) -> Option<usize> {
        let broken = |item: &Item| matches!(item, Item::Broken { name: Some(n), .. } if n == name);
        self.document.stmts.iter().position(|stmt| broken(&stmt.item))
    }

    /// A word that stands alone: a stage, a source such as `noise`, or a function that is given to another.
    fn word(&mut self, expr: &Expr, word: Span, key: &str) -> Feed {
        let target = self.target(word);
        let Some(signature) = self.signatures.of(self.document, &target, self.piped_event()) else {
            return Feed::Other(self.at(expr.span));
        };
        if signature.function && self.piped.is_some() {
            return self.call_of(expr, word, &[], key);
        }
        // Numbers such as `pi` are no hexes.
        let listed = matches!(&target, Target::Global(name) if super::template::is_constant(name));
        if signature.function || listed {
            return Feed::Other(self.at(expr.span));
        }
        let label = self.text(word).to_string();
        let part = self.open(key, &label, signature.category, self.at(expr.span));
        Feed::Chip(part)
    }

    fn piped_event(&self) -> bool {
        matches!(&self.piped, Some((Feed::Chip(part), _)) if self.parts[*part].event)
    }

    fn call(&mut self, expr: &Expr, callee: &Expr, args: &[Arg], key: &str) -> Feed {
        match &callee.kind {
            ExprKind::Name(_) => self.call_of(expr, callee.span, args, key),
            ExprKind::Field { name, .. } => self.call_of(expr, name.span, args, key),
            _ => self.call_of(expr, callee.span, args, key),
        }
    }

    fn call_of(&mut self, expr: &Expr, word: Span, args: &[Arg], key: &str) -> Feed {
        let target = self.target(word);
        let first = args.iter().find(|arg| arg.name.is_none()).map(|arg| &arg.value.kind);
        let pattern = self.piped_event() || self.piped.is_none() && matches!(first, Some(ExprKind::Pattern { .. }));
        let signature = self.signatures.of(self.document, &target, pattern).unwrap_or_default();
        let label = self.text(word).to_string();
        let at = self.at(expr.span);
        let part = self.open(key, &label, signature.category, at.clone());
        let sends = matches!(&target, Target::Global(name) if name == "send" || name == "to");
        self.parts[part].humble = sends || signature.category == Category::Mixing;
        if let Target::Statement(_) | Target::Used(..) = target {
            self.parts[part].callee = Some((target.clone(), self.at(word)));
            self.parts[part].category = Category::Effect;
        }
        let piped = self.piped.take();
        let called = matches!(expr.kind, ExprKind::Call { .. });
        for (nth, (param, given)) in assign(&signature, piped.is_some(), args).into_iter().enumerate() {
            let (mut feed, site) = match given {
                Given::Piped => match piped.clone() {
                    Some((feed, at)) => (feed, Site::Expr(at)),
                    None => (Feed::Open, Site::Fixed),
                },
                Given::Arg(arg) => {
                    let feed = self.feed(&arg.value, &format!("{key}/{}", param.name));
                    (feed, Site::Expr(self.at(arg.value.span)))
                }
                Given::Nothing if called => (Feed::Open, Site::Argument(at.clone(), param.name.clone())),
                Given::Nothing => (Feed::Open, Site::Fixed),
            };
            if let Feed::Name { role, .. } = &mut feed
                && sends
                && nth == 1
            {
                *role = Role::Send;
            }
            self.parts[part].inputs.push(Input { param, feed, site });
        }
        let event = signature.category == Category::Control
            && signature.params.first().is_some_and(|param| param.rate == Rate::Event);
        self.parts[part].event = event;
        Feed::Chip(part)
    }

    fn operator(&mut self, expr: &Expr, op: BinaryOp, key: &str) -> Feed {
        let (label, names) = match op {
            BinaryOp::Add => ("+", ["1", "2"]),
            BinaryOp::Mul => ("\u{d7}", ["in", "by"]),
            BinaryOp::Sub => ("-", ["in", "minus"]),
            BinaryOp::Div => ("/", ["in", "by"]),
            BinaryOp::Range => ("..", ["from", "to"]),
            BinaryOp::Pow => ("^", ["in", "power"]),
            BinaryOp::Lt => ("<", ["in", "than"]),
            BinaryOp::Le => ("<=", ["in", "than"]),
            BinaryOp::Gt => (">", ["in", "than"]),
            BinaryOp::Ge => (">=", ["in", "than"]),
            BinaryOp::Eq => ("==", ["in", "to"]),
            BinaryOp::Ne => ("!=", ["in", "to"]),
            BinaryOp::And => ("and", ["in", "and"]),
            BinaryOp::Or => ("or", ["in", "or"]),
        };
        let part = self.open(key, label, Category::Control, self.at(expr.span));
        let mut terms = Vec::new();
        collect(expr, op, &mut terms);
        for (i, term) in terms.iter().enumerate() {
            let name = match op {
                BinaryOp::Add => (i + 1).to_string(),
                BinaryOp::Mul if self.text(term.span).ends_with("db") => "gain".to_string(),
                BinaryOp::Mul if i > 1 => format!("by {i}"),
                _ => names[i.min(1)].to_string(),
            };
            self.input(part, &name, Rate::Audio, term, key);
        }
        let sound = |input: &Input| matches!(input.feed, Feed::Chip(_) | Feed::Name { .. });
        if matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul) && self.parts[part].inputs.iter().any(sound) {
            self.parts[part].category = Category::Mixing;
        }
        if op == BinaryOp::Add {
            let site = Site::Term(self.at(expr.span));
            self.parts[part].inputs.push(Input { param: parameter("+", Rate::Audio), feed: Feed::Open, site });
        }
        self.parts[part].humble = op == BinaryOp::Mul;
        Feed::Chip(part)
    }
}

/// The terms of a sum, or the factors of a product; of other operators the two sides.
fn collect<'a>(expr: &'a Expr, op: BinaryOp, terms: &mut Vec<&'a Expr>) {
    match &expr.kind {
        ExprKind::Binary { op: same, left, right } if *same == op => {
            match matches!(op, BinaryOp::Add | BinaryOp::Mul) {
                true => collect(left, op, terms),
                false => terms.push(left),
            }
            terms.push(right);
        }
        _ => terms.push(expr),
    }
}

enum Given<'a> {
    Piped,
    Arg(&'a Arg),
    Nothing,
}

/// Which argument goes to which parameter, in the order of the signature; what is too much comes last.
fn assign<'a>(signature: &Signature, piped: bool, args: &'a [Arg]) -> Vec<(Parameter, Given<'a>)> {
    let mut free = args.iter().filter(|arg| arg.name.is_none());
    let mut used: Vec<&Arg> = Vec::new();
    let mut all = Vec::new();
    for (i, param) in signature.params.iter().enumerate() {
        let named = args.iter().find(|arg| arg.name.as_ref().is_some_and(|name| name.name == param.name));
        let given = match named {
            _ if piped && i == 0 => Given::Piped,
            Some(arg) => Given::Arg(arg),
            None => free.next().map_or(Given::Nothing, Given::Arg),
        };
        if let Given::Arg(arg) = given {
            used.push(arg);
        }
        all.push((param.clone(), given));
    }
    if piped && signature.params.is_empty() {
        all.push((parameter("x", Rate::Audio), Given::Piped));
    }
    for (i, arg) in args.iter().enumerate() {
        if !used.iter().any(|other| std::ptr::eq(*other, arg)) {
            let name = arg.name.as_ref().map_or_else(|| (i + 1).to_string(), |name| name.name.clone());
            all.push((parameter(&name, Rate::Control), Given::Arg(arg)));
        }
    }
    all
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(10).collect();
    if short.len() < text.len() {
        short.push('\u{2026}');
    }
    format!("\"{short}\"")
}

/// The part that says what a binding is: the outermost that does more than to scale, to place and to send.
pub fn main(parts: &[Part]) -> usize {
    let mut main = 0;
    while parts[main].humble {
        let next = parts[main].inputs.iter().find_map(|input| match input.feed {
            Feed::Chip(part) if part != main => Some(part),
            _ => None,
        });
        match next {
            Some(part) => main = part,
            None => break,
        }
    }
    main
}

/// The inputs that are ports of the binding's hex, as part and number: those of the main part and what feeds it, in order of
/// declaration, then all others. What is open counts at the main part alone.
pub fn flat(parts: &[Part]) -> Vec<(usize, usize)> {
    fn dig(parts: &[Part], part: usize, main: usize, seen: &mut [bool], out: &mut Vec<(usize, usize)>) {
        if std::mem::replace(&mut seen[part], true) {
            return;
        }
        for (number, input) in parts[part].inputs.iter().enumerate() {
            match &input.feed {
                // A pattern or a source is no more than what is written there, and gives way to a wire.
                Feed::Chip(inner) if parts[*inner].inputs.is_empty() && matches!(input.site, Site::Expr(_)) => {
                    seen[*inner] = true;
                    out.push((part, number));
                }
                Feed::Chip(inner) => dig(parts, *inner, main, seen, out),
                Feed::Open if part != main && !matches!(input.site, Site::Term(_)) => {}
                _ => out.push((part, number)),
            }
        }
    }
    let main = main(parts);
    let (mut seen, mut out) = (vec![false; parts.len()], Vec::new());
    std::iter::once(main).chain(0..parts.len()).for_each(|part| dig(parts, part, main, &mut seen, &mut out));
    out
}

/// What a binding's hex says of its parts: kind, category, ports.
pub fn head(hex: &mut Hex, parts: &[Part], body: &Expr, text: &str) {
    let main = main(parts);
    hex.kind = parts[main].label.clone();
    hex.category = parts[main].category;
    if hex.kind.is_empty() {
        hex.category = if matches!(hex.what, What::Track | What::Bus) { Category::Mixing } else { Category::Control };
        let value = text.get(hex.body.clone()).unwrap_or("");
        let plain = matches!(body.kind, ExprKind::Number { .. } | ExprKind::Note(_) | ExprKind::Unary { .. });
        hex.kind = if plain { value.chars().take(12).collect() } else { "=".to_string() };
    }
    // Who plays notes on a function of the text is a source; who passes a sound through one changes it.
    hex.ports = flat(parts).into_iter().map(|(part, number)| port(&parts[part], number, part, part == main)).collect();
    hex.ports.extend(pattern(&parts[main]));
    // What comes into a bus is sent to it, wherever its text takes it in.
    let comes = |port: &Port| matches!(&port.value, Value::Other(at) if text.get(at.clone()) == Some("in"));
    if hex.what == What::Bus
        && let Some(port) = hex.ports.iter_mut().find(|port| comes(port))
    {
        (port.name, port.rate) = ("in".to_string(), Rate::Audio);
        (port.value, port.site) = (Value::Open, Site::Send);
    } else if hex.what == What::Bus {
        hex.ports.push(Port { rate: Rate::Audio, site: Site::Send, ..written("in") });
    }
}

/// The value that a parameter of a function has when nobody gives one, as an input that is only typed.
pub fn default(param: &Param, at: &dyn Fn(Span) -> Range<usize>) -> Port {
    let named =
        param.ty.as_ref().map_or(param.name.span, |(ty, channels)| channels.as_ref().map_or(ty.span, |c| c.span));
    let (value, site) = match &param.default {
        Some(expr) if matches!(expr.kind, ExprKind::Number { .. }) => (Value::Literal(at(expr.span)), at(expr.span)),
        Some(expr) => (Value::Other(at(expr.span)), at(expr.span)),
        None => (Value::Open, at(named).end..at(named).end),
    };
    Port { value, site: Site::Expr(site), ..written("default") }
}

/// An input that is typed, and that no wire leads to by itself.
fn written(name: &str) -> Port {
    Port {
        name: name.to_string(),
        rate: Rate::Control,
        value: Value::Open,
        site: Site::Fixed,
        param: name.to_string(),
        range: None,
        default: None,
        unit: String::new(),
        chip: 0,
    }
}

/// The pattern of a part that is one.
fn pattern(part: &Part) -> Option<Port> {
    let bare = part.event && part.inputs.is_empty() && part.label.starts_with('"');
    let at = part.span.clone();
    bare.then(|| Port { value: Value::Other(at.clone()), site: Site::Expr(at), ..written("pattern") })
}

fn port(part: &Part, number: usize, chip: usize, own: bool) -> Port {
    let Input { param, feed, site } = &part.inputs[number];
    let value = match feed {
        Feed::Chip(_) => match site {
            Site::Expr(at) => Value::Other(at.clone()),
            _ => Value::Open,
        },
        Feed::Open => Value::Open,
        Feed::Literal(at) => Value::Literal(at.clone()),
        Feed::Name { name, .. } => Value::Wire(name.clone()),
        Feed::Local { at, .. } | Feed::Other(at) => Value::Other(at.clone()),
    };
    let short = own || part.label.is_empty() || part.label == "\u{d7}";
    let label = if part.label == ".." { "range" } else { &part.label };
    let name = if short { param.name.clone() } else { format!("{label}.{}", param.name) };
    let (range, default, unit) = (param.range, param.default.clone(), param.unit.clone());
    // A bus that is sent to is no input.
    let sent = matches!(feed, Feed::Name { role: Role::Send, .. });
    let site = if sent { Site::Fixed } else { site.clone() };
    Port { name, rate: param.rate, value, site, param: param.name.clone(), range, default, unit, chip }
}

/// The number of the hex that a name inside of the binding `key` means; those from outside are put into the picture.
fn beyond(picture: &mut Picture, key: &str, name: &str, patch: Patch<'_>) -> usize {
    let mut scope = key;
    loop {
        let inner = format!("{scope}.{name}");
        if let Some(found) = picture.find(&inner) {
            return found;
        }
        match scope.rsplit_once('.') {
            Some((outer, _)) => scope = outer,
            None => break,
        }
    }
    if let Some(found) = picture.find(name) {
        return found;
    }
    let known = patch.whole.hex(name).cloned();
    let mut hex = known.unwrap_or_else(|| plain(name.to_string(), name, What::Beyond, 0..0));
    hex.what = What::Beyond;
    hex.ports.clear();
    hex.chips.clear();
    picture.push(hex)
}

/// The wires into a definition of a block.
pub fn wire_inside(picture: &mut Picture, to: usize, inner: &[Part], key: &str, patch: Patch<'_>) {
    let ports = flat(inner);
    let own = picture.hexes[to].key.clone();
    let locals: Vec<String> = inner.iter().filter_map(|part| part.local.clone()).collect();
    for (part, input) in inner.iter().enumerate().flat_map(|(i, part)| part.inputs.iter().map(move |input| (i, input)))
    {
        let (name, at, past) = match &input.feed {
            Feed::Name { name, at, role, .. } => (name, at, *role == Role::Past),
            Feed::Local { name, at, past } if !locals.contains(name) => (name, at, *past),
            _ => continue,
        };
        let here = ports.iter().position(|(p, n)| *p == part && std::ptr::eq(&inner[*p].inputs[*n], input));
        let from = if own == format!("{key}.{name}") { to } else { beyond(picture, key, name, patch) };
        let role = if past { Role::Past } else { Role::Flow };
        picture.wires.push(Wire { from, to, port: here.unwrap_or(0), at: at.clone(), role });
    }
}

/// The parts of a binding as hexes, with their wires.
pub fn chips(picture: &mut Picture, parts: &[Part], key: &str, patch: Patch<'_>) {
    let mut hex_of = vec![None; parts.len()];
    for (i, part) in parts.iter().enumerate().filter(|(_, part)| part.local.is_none()) {
        let mut hex = plain(part.key.clone(), &part.label, What::Chip, part.span.clone());
        hex.kind = part.label.clone();
        if part.label.is_empty() {
            hex.name = "out".to_string();
            hex.kind = "=".to_string();
        }
        hex.category = part.category;
        hex.ports = (0..part.inputs.len()).map(|number| port(part, number, 0, true)).collect();
        hex.ports.extend(pattern(part));
        hex_of[i] = Some(picture.push(hex));
    }
    for (i, part) in parts.iter().enumerate() {
        let Some(to) = hex_of[i] else { continue };
        for (port, input) in part.inputs.iter().enumerate() {
            let (from, at, role) = match &input.feed {
                Feed::Chip(inner) => match hex_of[*inner] {
                    Some(from) => (from, parts[*inner].span.clone(), Role::Flow),
                    None => continue,
                },
                Feed::Name { name, at, role, .. } => (beyond(picture, key, name, patch), at.clone(), *role),
                Feed::Local { name, at, past } => {
                    (beyond(picture, key, name, patch), at.clone(), if *past { Role::Past } else { Role::Flow })
                }
                _ => continue,
            };
            if role == Role::Send {
                let here = picture.hexes[from].ports.len().saturating_sub(1);
                picture.wires.push(Wire { from: to, to: from, port: here, at, role });
            } else {
                picture.wires.push(Wire { from, to, port, at, role });
            }
        }
    }
}
