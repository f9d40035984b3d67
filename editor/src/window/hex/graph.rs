//! What a text looks like as a patch: a hex for every binding, wires for who feeds whom.
//!
//! A [`Picture`] is read off the trees of a text and the words that the resolver has found; nothing is evaluated, so a text that does
//! not compile has its picture all the same. Only what has a name is a hex: a track, a bus, a value, a function. The calls inside of
//! a binding are its chips ([`super::parts`]), and entering it shows them as hexes of their own, wired as they are in the text. A
//! statement that cannot be read keeps the hex that it had when it last could, grey.
//!
//! ```text
//! osc = saw(110hz)                   osc: saw, O        freq 110hz
//! bass = osc >> lpf(800hz, q: 2)     bass: lpf, F       x <- osc, freq 800hz, q 2
//! ```

use super::parts::{self, Feed, Part};
use super::signature::Signatures;
use modurust_runtime::compiler::ide::{Document, Target};
use modurust_runtime::compiler::lang::ast::{Def, Expr, ExprKind, Item};
use modurust_runtime::compiler::lang::source::Span;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// What a thing is for, as a colour and a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Makes sound.
    Oscillator,
    /// Takes parts of a sound away.
    Filter,
    /// Moves over the length of a note, or slowly.
    Envelope,
    /// Changes a sound.
    Effect,
    /// Numbers, patterns, arithmetic.
    #[default]
    Control,
    /// Puts sounds together and places them.
    Mixing,
    /// Comes from outside.
    Input,
}

impl Category {
    /// The letter that stands on a hex, so that nobody needs to tell colours apart.
    pub fn letter(self) -> char {
        ['O', 'F', 'E', 'X', 'P', 'M', 'I'][self as usize]
    }

    /// In a word.
    pub fn word(self) -> &'static str {
        ["oscillator", "filter", "envelope", "effect", "pattern", "mixing", "input"][self as usize]
    }

    /// By the category that a definition of the library or a function of the compiler is listed in.
    pub fn of(listed: &str) -> Category {
        match listed {
            "osc" | "noise" | "drums" | "kit" | "samples" | "voice" | "voices" | "physical" => Category::Oscillator,
            "filter" => Category::Filter,
            "env" => Category::Envelope,
            "delay" | "reverb" | "shape" | "dynamics" | "mod" | "spectral" => Category::Effect,
            "space" | "signal tools" => Category::Mixing,
            "outside" => Category::Input,
            _ => Category::Control,
        }
    }
}

/// What kind of thing a hex stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// `track t = ..`
    Track,
    /// `bus b = ..`
    Bus,
    /// `x = ..`
    Value,
    /// `f(x) = ..`
    Function,
    /// A parameter of the function that was entered, or what comes into a bus.
    Param,
    /// A call or an operator inside of the binding that was entered.
    Chip,
    /// A binding that feeds one that was entered, and stands for itself outside of it.
    Beyond,
}

/// A hex.
#[derive(Clone, Debug, PartialEq)]
pub struct Hex {
    /// What it is known by: `bass`, `acid.env`, `bass/out/freq`.
    pub key: String,
    /// What is written on it.
    pub name: String,
    /// What it is.
    pub what: What,
    /// Its outermost call: `lpf`.
    pub kind: String,
    /// What that is for.
    pub category: Category,
    /// All of it, in bytes of the file; of a binding from its name to its last token.
    pub span: Range<usize>,
    /// What stands on the right-hand side, in bytes of the file; of a chip the whole call.
    pub body: Range<usize>,
    /// Its inputs: those of the outermost call first, in order of declaration.
    pub ports: Vec<Port>,
    /// What is inside.
    pub chips: Vec<Chip>,
    /// The comment above it.
    pub note: String,
    /// Enter shows what is inside.
    pub opens: bool,
    /// Its statement cannot be read at the moment.
    pub stale: bool,
}

/// A call inside of a binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    /// Its key.
    pub key: String,
    /// `lpf`, `+`
    pub label: String,
    /// What it is for.
    pub category: Category,
    /// In bytes of the file.
    pub span: Range<usize>,
}

/// What flows in by a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Sound.
    Audio,
    /// A number, perhaps moving.
    Control,
    /// Notes.
    Event,
}

/// An input of a hex.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// `freq`; of a chip deeper inside `lpf.freq`.
    pub name: String,
    /// What flows in.
    pub rate: Rate,
    /// What feeds it.
    pub value: Value,
    /// Where a wire is written.
    pub site: Site,
    /// The name of the parameter, without the chip.
    pub param: String,
    /// What the parameter may be, for knobs: lowest, highest, in even ratios; in the unit of the literal or plain.
    pub range: Option<(f64, f64, bool)>,
    /// The value that it has when none is given, as it is written.
    pub default: Option<String>,
    /// A frequency, a time and so on, by a word of the signature.
    pub unit: String,
    /// The chip that it belongs to.
    pub chip: usize,
}

/// What feeds an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing is written.
    Open,
    /// A number: its bytes.
    Literal(Range<usize>),
    /// A binding, by its key.
    Wire(String),
    /// Something else that is written there: its bytes.
    Other(Range<usize>),
}

/// Where in the text a wire to a port is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Site {
    /// In the place of this expression.
    Expr(Range<usize>),
    /// As an argument of this call, by name.
    Argument(Range<usize>, String),
    /// As one more term of this sum.
    Term(Range<usize>),
    /// As a stage that sends, behind what the other hex is (the port is the input of a bus).
    Send,
    /// Nowhere: the port is shown, and fed by something that has no place of its own.
    Fixed,
}

/// Why two hexes are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A value is used.
    Flow,
    /// A value of one sample ago is used.
    Past,
    /// A sound is sent to a bus.
    Send,
    /// A function is called, or given to one that calls it.
    Use,
}

/// A connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Wire {
    /// Number of the hex that gives.
    pub from: usize,
    /// Number of the hex that takes.
    pub to: usize,
    /// The port there.
    pub port: usize,
    /// Where the text speaks of it.
    pub at: Range<usize>,
    /// Why.
    pub role: Role,
}

/// Hexes and wires, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The hexes.
    pub hexes: Vec<Hex>,
    /// The wires.
    pub wires: Vec<Wire>,
    /// The hex that this is the inside of.
    pub of: Option<String>,
    /// Numbers of hexes by key.
    index: HashMap<String, usize>,
}

impl Picture {
    pub(super) fn push(&mut self, hex: Hex) -> usize {
        // Of two statements of one name the first is meant.
        self.index.entry(hex.key.clone()).or_insert(self.hexes.len());
        self.hexes.push(hex);
        self.hexes.len() - 1
    }

    /// The number of a hex.
    pub fn find(&self, key: &str) -> Option<usize> {
        self.index.get(key).copied()
    }

    /// The hex of a key.
    pub fn hex(&self, key: &str) -> Option<&Hex> {
        self.find(key).map(|i| &self.hexes[i])
    }

    /// Pairs of who feeds whom.
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        self.wires.iter().map(|wire| (wire.from, wire.to)).collect()
    }

    /// True if `from` is heard in `to` by way of wires without the past.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        let (mut seen, mut open) = (vec![false; self.hexes.len()], vec![from]);
        while let Some(hex) = open.pop() {
            if hex == to {
                return true;
            }
            if !std::mem::replace(&mut seen[hex], true) {
                let next = self.wires.iter().filter(|wire| wire.from == hex && wire.role == Role::Flow);
                open.extend(next.map(|wire| wire.to));
            }
        }
        false
    }
}

/// A text and its picture.
#[derive(Clone, Copy)]
pub struct Patch<'a> {
    /// The text with its trees.
    pub document: &'a Document,
    /// All bindings.
    pub whole: &'a Picture,
}

/// Reads texts, one after another; what did not change is not read again.
#[derive(Default)]
pub struct Reader {
    signatures: Signatures,
    /// Hexes of statements as they last could be read.
    good: BTreeMap<String, Hex>,
}

impl Reader {
    /// The picture of a text: all its bindings.
    pub fn whole(&mut self, document: &Document) -> Picture {
        let mut picture = Picture::default();
        let mut parted: Vec<Vec<Part>> = Vec::new();
        // The hex of each statement that is one.
        let mut hex_of = vec![None; document.stmts.len()];
        for (number, stmt) in document.stmts.iter().enumerate() {
            let (what, name, body) = match &*stmt.item {
                Item::Def(def) if def.params.is_some() => (What::Function, &def.name, &def.body),
                Item::Def(def) => (What::Value, &def.name, &def.body),
                Item::Strip { bus, name, value } => (if *bus { What::Bus } else { What::Track }, name, value),
                Item::Broken { name: Some(name), span } => {
                    let mut hex = self.good.get(name).cloned().unwrap_or_else(|| unread(name));
                    hex.stale = true;
                    hex.span = stmt.offset as usize..(stmt.offset + span.end) as usize;
                    hex_of[number] = Some(picture.push(hex));
                    parted.push(Vec::new());
                    continue;
                }
                _ => continue,
            };
            let key = name.name.clone();
            let parts = parts::parts(document, &mut self.signatures, stmt.offset, body, &format!("{key}/out"), what);
            let at = |span: Span| span.shift(stmt.offset);
            let name_span = at(name.span);
            let start =
                if matches!(what, What::Track | What::Bus) { stmt.offset as usize } else { name_span.start as usize };
            let code_start = start.min(name_span.start as usize);
            let mut hex = Hex {
                name: key.clone(),
                what,
                kind: String::new(),
                category: Category::Control,
                span: code_start..at(body.span).end as usize,
                body: range(at(body.span)),
                ports: Vec::new(),
                chips: parts.iter().map(Part::chip).collect(),
                note: note(document.text(), stmt.offset as usize, name_span.start as usize),
                opens: parts.len() > 1 || what == What::Function || has_block(body),
                stale: false,
                key,
            };
            parts::head(&mut hex, &parts, body, document.text());
            self.good.insert(hex.key.clone(), hex.clone());
            hex_of[number] = Some(picture.push(hex));
            parted.push(parts);
        }
        for (to, parts) in parted.iter().enumerate() {
            if picture.hexes[to].stale {
                let ports = picture.hexes[to].ports.clone();
                for (port, fed) in ports.iter().enumerate() {
                    if let Value::Wire(key) = &fed.value
                        && let Some(from) = picture.find(key)
                    {
                        let at = picture.hexes[to].span.clone();
                        picture.wires.push(Wire { from, to, port, at, role: Role::Flow });
                    }
                }
                continue;
            }
            wire(&mut picture, to, parts, &hex_of);
        }
        picture
    }

    /// What is inside of a binding, by its key: its chips as hexes of their own, its definitions, its parameters, and what feeds it.
    /// `None` if there is no such binding, or nothing in it.
    pub fn inside(&mut self, patch: Patch<'_>, key: &str) -> Option<Picture> {
        let mut names = key.split('.');
        let first = names.next()?;
        let document = patch.document;
        let stmt = document.stmts.iter().find(|stmt| stmt.item.name().is_some_and(|name| name.name == first))?;
        let (mut def, mut body, what): (Option<&Def>, &Expr, What) = match &*stmt.item {
            Item::Def(def) => (Some(def), &def.body, if def.params.is_some() { What::Function } else { What::Value }),
            Item::Strip { bus, value, .. } => (None, value, if *bus { What::Bus } else { What::Track }),
            _ => return None,
        };
        for name in names {
            let inner = parts::definitions(body).into_iter().find(|def| def.name.name == name)?;
            (def, body) = (Some(inner), &inner.body);
        }
        let parts = parts::parts(document, &mut self.signatures, stmt.offset, body, &format!("{key}/out"), what);
        let mut picture = Picture { of: Some(key.to_string()), ..Picture::default() };
        let params = def.and_then(|def| def.params.as_deref()).unwrap_or(&[]);
        for param in params {
            let at = |span: Span| range(span.shift(stmt.offset));
            let mut hex =
                plain(format!("{key}.{}", param.name.name), &param.name.name, What::Param, at(param.name.span));
            hex.ports.push(parts::default(param, &at));
            picture.push(hex);
        }
        if what == What::Bus {
            picture.push(plain(format!("{key}.in"), "in", What::Param, range(body.span.shift(stmt.offset))));
        }
        let mut inner_of = Vec::new();
        for inner in parts::definitions(body) {
            let at = |span: Span| range(span.shift(stmt.offset));
            let inner_key = format!("{key}.{}", inner.name.name);
            let inner_parts = parts::parts(
                document,
                &mut self.signatures,
                stmt.offset,
                &inner.body,
                &format!("{inner_key}/out"),
                if inner.params.is_some() { What::Function } else { What::Value },
            );
            let mut hex = plain(inner_key, &inner.name.name, What::Value, at(inner.name.span.to(inner.body.span)));
            hex.what = if inner.params.is_some() { What::Function } else { What::Value };
            hex.body = at(inner.body.span);
            hex.chips = inner_parts.iter().map(Part::chip).collect();
            hex.opens = inner_parts.len() > 1 || has_block(&inner.body);
            parts::head(&mut hex, &inner_parts, &inner.body, document.text());
            inner_of.push((picture.push(hex), inner_parts));
        }
        for (number, inner) in &inner_of {
            parts::wire_inside(&mut picture, *number, inner, key, patch);
        }
        parts::chips(&mut picture, &parts, key, patch);
        (!picture.hexes.is_empty()).then_some(picture)
    }
}

/// A hex that has nothing but a name.
pub(super) fn plain(key: String, name: &str, what: What, span: Range<usize>) -> Hex {
    Hex {
        key,
        name: name.to_string(),
        what,
        kind: String::new(),
        category: if what == What::Param { Category::Input } else { Category::Control },
        body: span.clone(),
        span,
        ports: Vec::new(),
        chips: Vec::new(),
        note: String::new(),
        opens: false,
        stale: false,
    }
}

fn unread(name: &str) -> Hex {
    plain(name.to_string(), name, What::Value, 0..0)
}

/// A span as a range.
pub(super) fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

fn has_block(body: &Expr) -> bool {
    matches!(body.kind, ExprKind::Block { .. })
}

/// The wires into one hex from others, and from it to the buses that it sends to.
fn wire(picture: &mut Picture, to: usize, parts: &[Part], hex_of: &[Option<usize>]) {
    let numbers: Vec<(usize, usize)> = parts::flat(parts);
    for (part, input) in parts.iter().enumerate().flat_map(|(i, part)| part.inputs.iter().map(move |input| (i, input)))
    {
        let Feed::Name { target: Target::Statement(number), at, role, .. } = &input.feed else { continue };
        let Some(from) = hex_of.get(*number).copied().flatten() else { continue };
        let here = numbers.iter().position(|(p, n)| *p == part && std::ptr::eq(&parts[*p].inputs[*n], input));
        let bus = picture.hexes[from].what == What::Bus;
        if *role == Role::Send && bus {
            let port = picture.hexes[from].ports.iter().position(|port| port.site == Site::Send).unwrap_or(0);
            picture.wires.push(Wire { from: to, to: from, port, at: at.clone(), role: Role::Send });
            continue;
        }
        let function = picture.hexes[from].what == What::Function;
        let role = match role {
            Role::Send => Role::Flow,
            _ if function => Role::Use,
            role => *role,
        };
        picture.wires.push(Wire { from, to, port: here.unwrap_or(0), at: at.clone(), role });
    }
    // A function of the text that is called by its name feeds the hex with what it is.
    for part in parts {
        if let Some((Target::Statement(number), at)) = &part.callee
            && let Some(from) = hex_of.get(*number).copied().flatten()
        {
            picture.wires.push(Wire { from, to, port: usize::MAX, at: at.clone(), role: Role::Use });
        }
    }
}

/// The comment on the line directly above a statement.
fn note(text: &str, offset: usize, name: usize) -> String {
    let line = text[..name].rfind('\n').map_or(0, |n| n + 1);
    // Doc lines belong to the statement, other comments lie before it.
    let above = text[..line].strip_suffix('\n').map_or("", |head| &head[head.rfind('\n').map_or(0, |n| n + 1)..]);
    let comment = if name < offset { "" } else { above.trim_end().strip_prefix("//").unwrap_or("") };
    comment.trim_start_matches('/').trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::properties::{Reading, read_with};
    use super::*;

    /// A picture in lines: `bass F lpf <- x osc, freq 800hz, q open`.
    fn shown(patch: &Reading, picture: &Picture) -> Vec<String> {
        let text = patch.document.text();
        let line = |(to, hex): (usize, &Hex)| {
            let feed = |(number, port): (usize, &Port)| {
                let wire = picture.wires.iter().find(|wire| wire.to == to && wire.port == number);
                match (&port.value, wire) {
                    (_, Some(wire)) if wire.role == Role::Past => {
                        Some(format!("{} {}'", port.name, picture.hexes[wire.from].name))
                    }
                    (_, Some(wire)) => Some(format!("{} {}", port.name, picture.hexes[wire.from].name)),
                    (Value::Literal(at), None) => Some(format!("{} {}", port.name, &text[at.clone()])),
                    _ => None,
                }
            };
            let ports: Vec<String> = hex.ports.iter().enumerate().filter_map(feed).collect();
            format!("{} {} {} <- {}", hex.name, hex.category.letter(), hex.kind, ports.join(", "))
                .trim_end()
                .to_string()
        };
        picture.hexes.iter().enumerate().map(line).collect()
    }

    fn read(text: &str) -> Vec<String> {
        let patch = read_with(&mut Reader::default(), text);
        shown(&patch, &patch.whole)
    }

    #[test]
    fn bindings_are_hexes_and_names_are_wires() {
        let text =
            "osc = saw(110hz)\nlfo = sin(2hz) * 200hz\nbass = osc >> lpf(800hz + lfo, q: 2) * -6db\nout = bass\n";
        assert_eq!(
            read(text),
            [
                "osc O saw <- freq 110hz",
                "lfo O sin <- freq 2hz, by 200hz",
                "bass F lpf <- x osc, +.1 800hz, +.2 lfo, q 2, gain -6db",
                "out P = <- in bass",
            ]
        );
    }

    #[test]
    fn chains_loops_sends_and_voices_are_seen() {
        let text = "v(freq, gate) = saw(freq) * ar(gate, 1ms, 1s)\ne = noise * 0.1 + e' >> delay(0.1s)\n\
                    track t = \"0 3\" >> scale(c4, minor) >> mono(v) >> send(room, -9db)\nbus room = in >> reverb(2s)\n";
        let patch = read_with(&mut Reader::default(), text);
        let picture = &patch.whole;
        let wires: Vec<(&str, &str, Role)> = picture
            .wires
            .iter()
            .map(|w| (picture.hexes[w.from].name.as_str(), picture.hexes[w.to].name.as_str(), w.role))
            .collect();
        assert_eq!(wires, [("e", "e", Role::Past), ("t", "room", Role::Send), ("v", "t", Role::Use)]);
        let kinds: Vec<(&str, char)> = picture.hexes.iter().map(|h| (h.kind.as_str(), h.category.letter())).collect();
        assert_eq!(kinds, [("saw", 'O'), ("delay", 'X'), ("mono", 'O'), ("reverb", 'X')]);
    }

    #[test]
    fn entering_a_hex_shows_its_parts_wired_as_in_the_text() {
        let text = "acid(freq, gate, cutoff = 400hz) = {\n  env = ad(gate, 3ms, 180ms)\n  saw(freq) >> ladder(cutoff * env, res: 0.8) * env\n}\n";
        let mut reader = Reader::default();
        let patch = read_with(&mut reader, text);
        let inside = reader.inside(patch.patch(), "acid").unwrap();
        assert_eq!(
            shown(&patch, &inside),
            [
                "freq I  <-".to_string(),
                "gate I  <-".to_string(),
                "cutoff I  <- default 400hz".to_string(),
                "env E ad <- gate gate, attack 3ms, decay 180ms".to_string(),
                "\u{d7} M \u{d7} <- in ladder, by env".to_string(),
                "saw O saw <- freq freq".to_string(),
                "ladder F ladder <- x saw, freq \u{d7}, res 0.8".to_string(),
                "\u{d7} P \u{d7} <- in cutoff, by env".to_string(),
            ]
        );
        let env = reader.inside(patch.patch(), "acid.env").unwrap();
        assert!(shown(&patch, &env)[0].starts_with("ad E ad <- gate gate"), "{:?}", shown(&patch, &env));
        assert!(reader.inside(patch.patch(), "nobody").is_none());
    }

    #[test]
    fn what_cannot_be_read_keeps_its_hex() {
        let mut reader = Reader::default();
        read_with(&mut reader, "osc = saw(110hz)\nlp = lpf(osc)\n");
        let patch = read_with(&mut reader, "osc = saw(110hz)\nlp = lpf(osc\nz = lp\n");
        let lp = patch.whole.hex("lp").unwrap();
        assert!(lp.stale && lp.kind == "lpf");
        assert_eq!(patch.whole.pairs(), [(0, 1), (1, 2)]);
        assert_eq!(patch.whole.hex("lp").unwrap().note, "");
    }

    #[test]
    fn comments_above_are_notes() {
        let patch = read_with(&mut Reader::default(), "// far\n\n// fat bass\nb = saw(1hz)\nc = 1 // mine\nd = 2\n");
        let notes: Vec<&str> = patch.whole.hexes.iter().map(|hex| hex.note.as_str()).collect();
        assert_eq!(notes, ["fat bass", "", ""]);
    }

    #[test]
    fn no_text_is_too_broken_for_a_picture() {
        use modurust_runtime::compiler::lang::dice::Dice;
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/first_set.modu")).unwrap();
        let mut dice = Dice::new(4);
        let mut reader = Reader::default();
        for _ in 0..200 {
            let (a, b) = (dice.below(text.len()), dice.below(40));
            if let (Some(head), Some(tail)) = (text.get(..a), text.get((a + b).min(text.len())..)) {
                let patch = read_with(&mut reader, &format!("{head}{tail}"));
                let keys: Vec<String> = patch.whole.hexes.iter().map(|hex| hex.key.clone()).collect();
                keys.iter().for_each(|key| drop(reader.inside(patch.patch(), key)));
            }
        }
    }

    #[test]
    fn five_hundred_bindings_are_read_in_a_moment() {
        let text: String = (0..500)
            .map(|i| {
                format!(
                    "n{i} = saw(110hz) >> lpf({}, q: 2) * -6db\n",
                    if i > 0 { format!("n{} * 1khz", i - 1) } else { "1khz".into() }
                )
            })
            .collect();
        let mut reader = Reader::default();
        read_with(&mut reader, &text);
        // The quickest of some: others may want the machine at the same time.
        let mut took = std::time::Duration::MAX;
        let mut patch = None;
        for _ in 0..5 {
            let begin = std::time::Instant::now();
            patch = Some(read_with(&mut reader, &text));
            took = took.min(begin.elapsed());
        }
        let patch = patch.expect("it was read");
        println!("500 bindings: {took:?}");
        assert_eq!((patch.whole.hexes.len(), patch.whole.wires.len()), (500, 499));
        assert!(took.as_millis() < 1000, "{took:?}");
    }
}
