//! The text form of a graph: for golden files, fault finding and tests. [`print()`] and [`parse`] are inverse to each other.
//!
//! ```text
//! frame 1 in 0 named "bass" hint 0
//! param 0 in 1 "cutoff" 800
//! cell 0 in 1 "y" f32 lanes 1 init 0 next %5
//! %0 = param 0
//! %1 = const f32 0.1
//! %2 = read 0
//! %3 = sub %0 %2
//! %4 = mul %1 %3
//! %5 = add %2 %4
//! %6 = join %5 %5
//! out "master" master %6 in 0
//! ```

use crate::graph::Leaving;
use crate::graph::ir::{
    Cell, CellId, Frame, FrameId, Graph, Node, NodeId, Out, OutKind, Param, ParamId, Ring, RingId, Row, RowId, Sample,
    SampleId, Ty,
};
use crate::graph::ops::{ALL, Op};
use crate::kernel::{Kernel, Kind};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// A float that reads back to the same bits.
fn float(bits: u32) -> String {
    let x = f32::from_bits(bits);
    if x.is_finite() { format!("{x:?}") } else { format!("0x{bits:08x}") }
}

fn word(ty: Ty, bits: u32) -> String {
    match ty {
        Ty::F32 => float(bits),
        Ty::I32 => (bits as i32).to_string(),
    }
}

fn type_name(ty: Ty) -> &'static str {
    match ty {
        Ty::F32 => "f32",
        Ty::I32 => "i32",
    }
}

fn list(nodes: &[NodeId]) -> String {
    nodes.iter().map(|n| format!(" %{}", n.0)).collect()
}

/// One node as text, without its number.
pub fn node(node: &Node) -> String {
    match node {
        Node::Const(ty, bits) => {
            let words: String = bits.iter().map(|&b| format!(" {}", word(*ty, b))).collect();
            format!("const {}{words}", type_name(*ty))
        }
        Node::Param(p) => format!("param {}", p.0),
        Node::Row(r) => format!("row {}", r.0),
        Node::Frame => "frame".to_string(),
        Node::Input(c) => format!("input {c}"),
        Node::Op(op, args) => format!("{}{}", op.info().name, list(args)),
        Node::Read(c) => format!("read {}", c.0),
        Node::Tap(r, x) => format!("tap {} %{}", r.0, x.0),
        Node::Peek(s, x) => format!("peek {} %{}", s.0, x.0),
        Node::Shuffle(x, map) => {
            let map: String = map.iter().map(|i| format!(" {i}")).collect();
            format!("shuffle %{}{map}", x.0)
        }
        Node::Reduce(x, lanes) => format!("reduce %{} {lanes}", x.0),
        Node::Join(args) => format!("join{}", list(args)),
        Node::Line(x) => format!("line %{}", x.0),
    }
}

/// The graph as text.
pub fn print(graph: &Graph) -> String {
    let mut out = String::new();
    write(graph, &mut out).expect("a string takes all text");
    out
}

fn write(graph: &Graph, out: &mut String) -> std::fmt::Result {
    for (id, f) in graph.frames.iter().enumerate().skip(1) {
        let (parent, named) = (f.parent.map_or(0, |p| p.0), if f.named { "named" } else { "call" });
        writeln!(out, "frame {id} in {parent} {named} {:?} hint {}", f.label, f.hint)?;
    }
    for (id, p) in graph.params.iter().enumerate() {
        writeln!(out, "param {id} in {} {:?} {}", p.frame.0, p.name, float(p.value.to_bits()))?;
    }
    for (id, r) in graph.rows.iter().enumerate() {
        writeln!(out, "row {id} unit {} field {} lanes {}", r.unit, r.field, r.lanes)?;
    }
    let target = |n: Option<NodeId>| n.map_or("none".to_string(), |n| format!("%{}", n.0));
    for (id, c) in graph.cells.iter().enumerate() {
        let (ty, init, next) = (type_name(c.ty), word(c.ty, c.init), target(c.next));
        writeln!(out, "cell {id} in {} {:?} {ty} lanes {} init {init} next {next}", c.frame.0, c.name, c.lanes)?;
    }
    for (id, r) in graph.rings.iter().enumerate() {
        let input = target(r.input);
        write!(out, "ring {id} in {} {:?} lanes {} capacity {} input {input}", r.frame.0, r.name, r.lanes, r.capacity)?;
        if let Some(kernel) = &r.kernel {
            write!(out, " kernel {}", kernel.work.kind.info().name)?;
            kernel.numbers().into_iter().try_for_each(|number| write!(out, " {number}"))?;
        }
        writeln!(out)?;
    }
    for (id, s) in graph.samples.iter().enumerate() {
        let files: String = s.files.iter().map(|f| format!(" {f:?}")).collect();
        let anchors: String = s.anchors.iter().map(|[from, to]| format!(" {from} {to}")).collect();
        writeln!(out, "sample {id} {} {} {}{anchors}{files}", s.stretch, s.head, s.anchors.len())?;
    }
    for (id, n) in graph.nodes.iter().enumerate() {
        writeln!(out, "%{id} = {}", node(n))?;
    }
    for o in &graph.outs {
        let kind = match o.kind {
            OutKind::Master => "master".into(),
            OutKind::Track => "track".into(),
            OutKind::Scope => "scope".into(),
            OutKind::Head(sample) => format!("head {}", sample.0),
            OutKind::Leaves(to) => format!("leaves {} {} {}", to.what, to.channel, to.offset),
        };
        writeln!(out, "out {:?} {kind} %{} in {}", o.name, o.node.0, o.frame.0)?;
    }
    Ok(())
}

/// A line that is no part of a graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}")]
pub struct TextError {
    /// Counted from 1.
    pub line: usize,
    /// What should have been there.
    pub expected: &'static str,
}

/// The words of a line, one after another.
struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, expected: &'static str) -> Result<T, TextError> {
        Err(TextError { line: self.line, expected })
    }

    fn more(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        !self.rest.is_empty()
    }

    fn word(&mut self) -> Result<&'a str, TextError> {
        if !self.more() {
            return self.fail("a word");
        }
        let end = self.rest.find(' ').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word)
    }

    fn expect(&mut self, expected: &'static str) -> Result<(), TextError> {
        if self.word()? == expected { Ok(()) } else { self.fail(expected) }
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, TextError> {
        match self.word()?.parse() {
            Ok(n) => Ok(n),
            Err(_) => self.fail("a whole number"),
        }
    }

    fn after<T: std::str::FromStr>(&mut self, word: &'static str) -> Result<T, TextError> {
        self.expect(word)?;
        self.number()
    }

    fn node(&mut self) -> Result<NodeId, TextError> {
        match self.word()?.strip_prefix('%').and_then(|n| n.parse().ok()) {
            Some(n) => Ok(NodeId(n)),
            None => self.fail("a node"),
        }
    }

    fn maybe_node(&mut self) -> Result<Option<NodeId>, TextError> {
        if self.rest.trim_start().starts_with("none") { self.word().map(|_| None) } else { self.node().map(Some) }
    }

    fn nodes(&mut self) -> Result<Vec<NodeId>, TextError> {
        let mut nodes = Vec::new();
        while self.more() {
            nodes.push(self.node()?);
        }
        Ok(nodes)
    }

    fn ty(&mut self) -> Result<Ty, TextError> {
        match self.word()? {
            "f32" => Ok(Ty::F32),
            "i32" => Ok(Ty::I32),
            _ => self.fail("a type"),
        }
    }

    fn value(&mut self, ty: Ty) -> Result<u32, TextError> {
        let word = self.word()?;
        let bits = match ty {
            Ty::F32 => match word.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => word.parse().ok().map(f32::to_bits),
            },
            Ty::I32 => word.parse().ok().map(|x: i32| x as u32),
        };
        bits.map_or_else(|| self.fail("a value"), Ok)
    }

    /// A string in quotes, with the escapes of Rust.
    fn string(&mut self) -> Result<String, TextError> {
        self.more();
        let Some(body) = self.rest.strip_prefix('"') else { return self.fail("a string") };
        let mut out = String::new();
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &body[at + 1..];
                    return Ok(out);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some('0') => out.push('\0'),
                    Some('u') => {
                        let hex: String =
                            chars.by_ref().map(|(_, c)| c).take_while(|&c| c != '}').filter(|&c| c != '{').collect();
                        match u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32) {
                            Some(c) => out.push(c),
                            None => return self.fail("an escape"),
                        }
                    }
                    Some(c) => out.push(c),
                    None => return self.fail("an escape"),
                },
                c => out.push(c),
            }
        }
        self.fail("the end of a string")
    }
}

/// Reads a graph back.
pub fn parse(text: &str) -> Result<Graph, TextError> {
    let ops: HashMap<&str, Op> = ALL.iter().map(|&op| (op.info().name, op)).collect();
    let mut graph = Graph::new();
    for (line, rest) in text.lines().enumerate() {
        let mut r = Reader { rest, line: line + 1 };
        if !r.more() {
            continue;
        }
        match r.word()? {
            "frame" => {
                let _: u32 = r.number()?;
                let parent = Some(FrameId(r.after("in")?));
                let named = r.word()? == "named";
                let label = r.string()?;
                Arc::make_mut(&mut graph.frames).push(Frame {
                    parent,
                    label: label.into(),
                    named,
                    hint: r.after("hint")?,
                });
            }
            "param" => {
                let _: u32 = r.number()?;
                let frame = FrameId(r.after("in")?);
                let name = r.string()?.into();
                Arc::make_mut(&mut graph.params).push(Param { frame, name, value: f32::from_bits(r.value(Ty::F32)?) });
            }
            "row" => {
                let _: u32 = r.number()?;
                Arc::make_mut(&mut graph.rows).push(Row {
                    unit: r.after("unit")?,
                    field: r.after("field")?,
                    lanes: r.after("lanes")?,
                });
            }
            "cell" => {
                let _: u32 = r.number()?;
                let frame = FrameId(r.after("in")?);
                let (name, ty, lanes) = (r.string()?, r.ty()?, r.after("lanes")?);
                r.expect("init")?;
                let init = r.value(ty)?;
                r.expect("next")?;
                graph.cells.push(Cell { frame, name: name.into(), ty, lanes, init, next: r.maybe_node()? });
            }
            "ring" => {
                let _: u32 = r.number()?;
                let frame = FrameId(r.after("in")?);
                let (name, lanes, capacity) = (r.string()?, r.after("lanes")?, r.after("capacity")?);
                r.expect("input")?;
                let (input, mut kernel) = (r.maybe_node()?, None);
                if r.more() {
                    r.expect("kernel")?;
                    let (name, mut numbers) = (r.word()?, Vec::new());
                    while r.more() {
                        numbers.push(r.number()?);
                    }
                    let Some(found) = Kind::named(name).and_then(|kind| Kernel::of(kind, &numbers)) else {
                        return r.fail("a kernel");
                    };
                    kernel = Some(Arc::new(found));
                }
                graph.rings.push(Ring { frame, name: name.into(), lanes, capacity, input, kernel });
            }
            "sample" => {
                let _: u32 = r.number()?;
                let (stretch, head) = (r.number()?, r.number()?);
                let (count, mut anchors) = (r.number::<usize>()?, Vec::new());
                for _ in 0..count {
                    anchors.push([r.number()?, r.number()?]);
                }
                let mut files = Vec::new();
                while r.more() {
                    files.push(r.string()?);
                }
                graph.samples.push(Sample { files, stretch, anchors, head });
            }
            "out" => {
                let name = r.string()?;
                let kind = match r.word()? {
                    "master" => OutKind::Master,
                    "scope" => OutKind::Scope,
                    "head" => OutKind::Head(SampleId(r.number()?)),
                    "leaves" => {
                        let what = r.word()?.parse();
                        let Ok(what) = what else { return r.fail("what leaves") };
                        OutKind::Leaves(Leaving { what, channel: r.number()?, offset: r.number()? })
                    }
                    _ => OutKind::Track,
                };
                graph.outs.push(Out { name, kind, node: r.node()?, frame: FrameId(r.after("in")?) });
            }
            number => {
                if number != format!("%{}", graph.nodes.len()) {
                    return r.fail("nodes in order");
                }
                r.expect("=")?;
                let node = parse_node(&mut r, &ops)?;
                graph.nodes.push(node);
            }
        }
    }
    Ok(graph)
}

fn parse_node(r: &mut Reader, ops: &HashMap<&str, Op>) -> Result<Node, TextError> {
    Ok(match r.word()? {
        "const" => {
            let ty = r.ty()?;
            let mut bits = Vec::new();
            while r.more() {
                bits.push(r.value(ty)?);
            }
            Node::Const(ty, bits)
        }
        "param" => Node::Param(ParamId(r.number()?)),
        "row" => Node::Row(RowId(r.number()?)),
        "frame" => Node::Frame,
        "input" => Node::Input(r.number()?),
        "read" => Node::Read(CellId(r.number()?)),
        "tap" => Node::Tap(RingId(r.number()?), r.node()?),
        "peek" => Node::Peek(SampleId(r.number()?), r.node()?),
        "shuffle" => {
            let x = r.node()?;
            let mut map = Vec::new();
            while r.more() {
                map.push(r.number()?);
            }
            Node::Shuffle(x, map)
        }
        "reduce" => Node::Reduce(r.node()?, r.number()?),
        "join" => Node::Join(r.nodes()?),
        "line" => Node::Line(r.node()?),
        name => match ops.get(name) {
            Some(&op) => Node::Op(op, r.nodes()?.into()),
            None => return r.fail("an operation"),
        },
    })
}

/// A running hash (FNV-1a over words and bytes): stable across runs and machines.
struct Hash(u64);

impl Hash {
    fn word(&mut self, word: u32) {
        self.0 = (self.0 ^ u64::from(word)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn text(&mut self, text: &str) {
        self.word(text.len() as u32);
        text.bytes().for_each(|b| self.word(u32::from(b)));
    }

    fn nodes(&mut self, nodes: &[NodeId]) {
        self.word(nodes.len() as u32);
        nodes.iter().for_each(|n| self.word(n.0));
    }

    fn node(&mut self, node: &Node) {
        let mut tagged = |tag: u32, word: u32| {
            self.word(tag);
            self.word(word);
        };
        match node {
            Node::Const(ty, bits) => {
                tagged(0, *ty as u32);
                self.word(bits.len() as u32);
                bits.iter().for_each(|&b| self.word(b));
            }
            Node::Param(p) => tagged(1, p.0),
            Node::Row(r) => tagged(2, r.0),
            Node::Frame => tagged(3, 0),
            Node::Input(c) => tagged(4, *c),
            Node::Op(op, args) => {
                tagged(5, *op as u32);
                self.nodes(args);
            }
            Node::Read(c) => tagged(6, c.0),
            Node::Tap(r, x) => {
                tagged(7, r.0);
                self.word(x.0);
            }
            Node::Shuffle(x, map) => {
                tagged(8, x.0);
                self.word(map.len() as u32);
                map.iter().for_each(|&i| self.word(i));
            }
            Node::Reduce(x, lanes) => {
                tagged(9, x.0);
                self.word(*lanes);
            }
            Node::Join(args) => {
                tagged(10, 0);
                self.nodes(args);
            }
            Node::Line(x) => tagged(11, x.0),
            Node::Peek(s, x) => {
                tagged(12, s.0);
                self.word(x.0);
            }
        }
    }
}

/// Hash of what decides code, layout and the meaning of indices; not of parameter values and the tree of names.
pub fn hash(graph: &Graph) -> u64 {
    let mut h = Hash(0xcbf2_9ce4_8422_2325);
    for count in [graph.nodes.len(), graph.cells.len(), graph.rings.len(), graph.params.len(), graph.rows.len()] {
        h.word(count as u32);
    }
    graph.nodes.iter().for_each(|n| h.node(n));
    for c in &graph.cells {
        [c.ty as u32, c.lanes, c.init, c.next.map_or(u32::MAX, |n| n.0)].into_iter().for_each(|w| h.word(w));
    }
    for r in &graph.rings {
        [r.lanes, r.capacity, r.input.map_or(u32::MAX, |n| n.0)].into_iter().for_each(|w| h.word(w));
        if let Some(kernel) = &r.kernel {
            h.text(kernel.work.kind.info().name);
            kernel.numbers().into_iter().for_each(|w| h.word(w));
        }
    }
    graph.params.iter().for_each(|p| h.text(&p.name));
    for r in graph.rows.iter() {
        [r.unit, r.field, r.lanes].into_iter().for_each(|w| h.word(w));
    }
    for s in graph.samples.iter() {
        s.files.iter().for_each(|file| h.text(file));
        let anchors = s.anchors.iter().flatten().copied();
        [s.stretch, s.head, s.anchors.len() as u32].into_iter().chain(anchors).for_each(|w| h.word(w));
    }
    for o in &graph.outs {
        h.text(&o.name);
        [o.kind.word(), o.node.0].into_iter().for_each(|w| h.word(w));
        if let OutKind::Leaves(to) = o.kind {
            to.words().into_iter().for_each(|w| h.word(w));
        }
    }
    h.0
}
