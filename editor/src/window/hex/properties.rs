//! What gestures promise, held against made-up sequences of them: a text and its patch are the same thing.
//!
//! The numbers are those of the design's list of round trips. R1 (a file that nobody edits keeps its bytes) and R7's half about
//! places are held beside the layout file, its half about memory in [`super::memory_tests`]; here are the rest, through the gestures of the view.

use super::gesture::{Gesture, Hands, Planned};
use super::graph::{Patch, Picture, Reader, Role, Site, Value, What};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::ide::Document;
use modurust_runtime::compiler::lang::dice::Dice;
use modurust_runtime::compiler::lang::edit::Refusal;
use modurust_runtime::compiler::lang::parse::Parser;
use modurust_runtime::compiler::lang::print::print_item;
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::compiler::program::Program;
use modurust_runtime::device::offline::{RenderOptions, RenderReport, render};
use modurust_runtime::session;
use modurust_runtime::world::FileWorld;
use std::collections::BTreeMap;

/// A text with its picture.
pub struct Reading {
    pub document: Document,
    pub whole: Picture,
}

impl Reading {
    pub fn patch(&self) -> Patch<'_> {
        Patch { document: &self.document, whole: &self.whole }
    }
}

/// The picture of a text.
pub fn read_with(reader: &mut Reader, text: &str) -> Reading {
    let document = Document::new("x.modu", text);
    Reading { whole: reader.whole(&document), document }
}

/// A text that is drawn on.
#[derive(Default)]
pub struct Drawing {
    pub text: String,
    pub reader: Reader,
    pub hands: Hands,
    parser: Parser,
}

impl Drawing {
    pub fn of(text: &str) -> Drawing {
        Drawing { text: text.to_string(), ..Drawing::default() }
    }

    pub fn patch(&mut self) -> Reading {
        self.read(&self.text.clone())
    }

    fn read(&mut self, text: &str) -> Reading {
        let document = Document::read("x.modu", text, &FileWorld::new(), &mut self.parser);
        Reading { whole: self.reader.whole(&document), document }
    }

    pub fn plan(&mut self, gesture: &Gesture) -> Result<Planned, Refusal> {
        let patch = self.patch();
        self.hands.plan(patch.patch(), &patch.whole, gesture)
    }

    #[track_caller]
    pub fn does(&mut self, gesture: Gesture) -> Option<String> {
        let planned = self.plan(&gesture).unwrap_or_else(|why| panic!("{gesture:?}: {why}\n{}", self.text));
        self.text = planned.edit.apply(&self.text).expect("the splices fit");
        planned.select
    }

    #[track_caller]
    fn add(&mut self, kind: &str) -> String {
        self.does(Gesture::Add { kind: kind.into(), near: None, source: None }).expect("a new hex is looked at")
    }

    fn port(&mut self, hex: &str, port: &str) -> usize {
        let patch = self.patch();
        let ports = &patch.whole.hex(hex).unwrap_or_else(|| panic!("no {hex} in {}", self.text)).ports;
        let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
        names.iter().position(|name| *name == port).unwrap_or_else(|| panic!("{port} is none of {names:?}"))
    }

    #[track_caller]
    fn connect(&mut self, from: &str, to: &str, port: &str) {
        let port = self.port(to, port);
        self.does(Gesture::Connect { from: from.into(), to: to.into(), port });
    }

    #[track_caller]
    fn set(&mut self, hex: &str, port: &str, value: &str) {
        let number = self.port(hex, port);
        let patch = self.patch();
        let Value::Literal(at) = patch.whole.hex(hex).unwrap().ports[number].value.clone() else {
            panic!("{hex}.{port} is no number in {}", self.text);
        };
        self.does(Gesture::Set { values: vec![(at, value.into())] });
    }
}

#[track_caller]
fn becomes(text: &str, gesture: impl FnOnce(&Reading) -> Gesture, wanted: &str) {
    let mut drawing = Drawing::of(text);
    let gesture = gesture(&drawing.patch());
    drawing.does(gesture);
    assert_eq!(drawing.text, wanted);
}

fn wire(patch: &Reading, from: &str, to: &str) -> usize {
    let picture = &patch.whole;
    let (from, to) = (picture.find(from).unwrap(), picture.find(to).unwrap());
    picture.wires.iter().position(|wire| wire.from == from && wire.to == to).unwrap()
}

fn port(patch: &Reading, hex: &str, port: &str) -> usize {
    patch.whole.hex(hex).unwrap().ports.iter().position(|p| p.name == port).unwrap()
}

fn connect(from: &str, to: &str, name: &'static str) -> impl FnOnce(&Reading) -> Gesture {
    let (from, to) = (from.to_string(), to.to_string());
    move |patch| Gesture::Connect { port: port(patch, &to, name), from, to }
}

const FAT: &str = "// fat bass\nosc = saw(110hz)\nlp  = lpf(osc, 800hz)   // dark\nlfo = sin(2hz)\nout = lp * -6db\n";

#[test]
fn gestures_touch_nothing_but_what_they_mean() {
    let fat = |from: &str, to: &str| FAT.replace(from, to);
    becomes(FAT, connect("lfo", "lp", "freq"), &fat("800hz", "map(lfo, -1..1, 400hz..1600hz, exp)"));
    becomes(FAT, connect("lfo", "lp", "q"), &fat("800hz)", "800hz, q: map(lfo, -1..1, 0.1..5.68))"));
    becomes(
        FAT,
        |patch| Gesture::Insert { wire: wire(patch, "osc", "lp"), kind: "drive".into() },
        "// fat bass\nosc = saw(110hz)\ndrive1 = drive(osc, 12db)\nlp  = lpf(drive1, 800hz)   // dark\nlfo = sin(2hz)\nout = lp * -6db\n",
    );
    becomes(
        FAT,
        |patch| Gesture::Split { wire: wire(patch, "osc", "lp") },
        "// fat bass\nosc = saw(110hz)\nosc1 = osc\nlp  = lpf(osc1, 800hz)   // dark\nlfo = sin(2hz)\nout = lp * -6db\n",
    );
    becomes(FAT, |_| Gesture::Replace { hex: "lp".into(), kind: "hpf".into() }, &fat("lpf(", "hpf("));
    becomes(FAT, |_| Gesture::Rename { hex: "osc".into(), to: "src".into() }, &FAT.replace("osc", "src"));
    becomes(
        FAT,
        |_| Gesture::Delete { hex: "osc".into() },
        "lp  = lpf(0, 800hz)   // dark\nlfo = sin(2hz)\nout = lp * -6db\n",
    );
    becomes(FAT, |patch| Gesture::Disconnect { wire: wire(patch, "lp", "out") }, &fat("lp * -6db", "0 * -6db"));
    becomes(FAT, |_| Gesture::Duplicate { hex: "lp".into() }, &fat("// dark\n", "// dark\nlp1  = lpf(osc, 800hz)\n"));
    let twice = "a = saw(1hz)\nb = a\n";
    becomes(twice, |_| Gesture::Inline { hex: "a".into() }, "b = saw(1hz)\n");
    let nested = "b = saw(110hz) >> lpf(1khz)\n";
    becomes(nested, |_| Gesture::Extract { span: 4..14 }, "saw1 = saw(110hz)\nb = saw1 >> lpf(1khz)\n");
}

#[test]
fn loops_sends_and_switches_are_written_as_the_language_has_them() {
    let text = "a = saw(110hz) * 0.1\ne = delay(a, 0.2s)\nbus room = in >> reverb(2s)\ntrack t = e * -6db\n";
    let with = |from: &str, to: &str| text.replace(from, to);
    becomes(text, connect("e", "a", "by"), &with("* 0.1", "* e'"));
    becomes(text, connect("t", "room", "in"), &with("-6db", "-6db >> send(room, -12db)"));
    let sent = with("-6db", "-6db >> send(room, -12db)");
    becomes(&sent, |patch| Gesture::Disconnect { wire: wire(patch, "t", "room") }, text);
    becomes(&sent, |_| Gesture::Delete { hex: "room".into() }, &text.replace("bus room = in >> reverb(2s)\n", ""));
    for (gesture, wanted) in [
        (Gesture::Bypass { hex: "t".into() }, format!("{text}mute t\n")),
        (Gesture::Solo { hex: "t".into() }, format!("{text}solo t\n")),
        (Gesture::Bypass { hex: "e".into() }, with("delay(a, 0.2s)", "a  // bypassed: delay(a, 0.2s)")),
        (Gesture::Solo { hex: "e".into() }, with("0.2s)\n", "0.2s)\ntrack hear_e = e\nsolo hear_e\n")),
    ] {
        becomes(text, |_| gesture.clone(), &wanted);
        becomes(&wanted, |_| gesture, text);
    }
    let sum = "a = saw(1hz)\nb = saw(2hz)\nout = a\n";
    becomes(sum, connect("b", "out", "+"), &sum.replace("= a\n", "= a + b\n"));
    let map = "l = sin(1hz)\nf = lpf(0, map(l, -1..1, 400hz..1600hz, exp))\n";
    becomes(map, |patch| Gesture::Disconnect { wire: wire(patch, "l", "f") }, "l = sin(1hz)\nf = lpf(0, 800hz)\n");
}

#[test]
fn what_cannot_be_done_says_why() {
    let text = "v(freq) = saw(freq)\na = v(1hz) >> lpf(2khz)\nb = lpf(a\nout = a\ntrack t = a\nbus r = in\n";
    let mut drawing = Drawing::of(text);
    for (gesture, why) in [
        (Gesture::Add { kind: "nonsense".into(), near: None, source: None }, "no node"),
        (Gesture::Add { kind: "out".into(), near: None, source: None }, "already"),
        (Gesture::Connect { from: "v".into(), to: "a".into(), port: 0 }, "function"),
        (Gesture::Connect { from: "a".into(), to: "b".into(), port: 0 }, "error in the text"),
        (Gesture::Connect { from: "a".into(), to: "out".into(), port: 99 }, "no such input"),
        (Gesture::Connect { from: "nobody".into(), to: "out".into(), port: 0 }, "there is no"),
        (Gesture::Connect { from: "r".into(), to: "r".into(), port: 0 }, "itself"),
        (Gesture::Connect { from: "t".into(), to: "a".into(), port: 0 }, "only be sent"),
        (Gesture::Disconnect { wire: 99 }, "no such wire"),
        (Gesture::Insert { wire: 1, kind: "saw".into() }, "nothing comes into"),
        (Gesture::Rename { hex: "b".into(), to: "z".into() }, "mend that"),
        (Gesture::Rename { hex: "out".into(), to: "a".into() }, "already means"),
        (Gesture::Bypass { hex: "v".into() }, "function"),
        (Gesture::Solo { hex: "v".into() }, "function"),
        (Gesture::Replace { hex: "r".into(), kind: "lpf".into() }, "cannot become"),
        (Gesture::Set { values: vec![(0..1, "2".into())] }, ""),
    ] {
        let reason = drawing.plan(&gesture).expect_err(&format!("{gesture:?} must be refused")).reason;
        assert!(reason.contains(why), "{gesture:?}: {reason}");
    }
}

/// A patch without places in the text: for each name what it is made of and what feeds it.
type Shape = BTreeMap<String, (String, Vec<(String, String)>)>;

fn shape(text: &str, picture: &Picture) -> Shape {
    let mut shape = Shape::new();
    for (number, hex) in picture.hexes.iter().enumerate() {
        let mut feeds = Vec::new();
        for (port, fed) in hex.ports.iter().enumerate() {
            let wires = picture.wires.iter().filter(|wire| wire.to == number && wire.port == port);
            let mut all: Vec<String> = wires
                .map(|wire| {
                    format!("{}{}", picture.hexes[wire.from].key, if wire.role == Role::Past { "'" } else { "" })
                })
                .collect();
            all.sort();
            match &fed.value {
                Value::Literal(at) => all.push(text[at.clone()].to_string()),
                Value::Other(at) => all.push(text[at.clone()].to_string()),
                _ => {}
            }
            feeds.extend(all.into_iter().map(|value| (fed.name.clone(), value)));
        }
        let stale = if hex.stale { " (unread)" } else { "" };
        shape.entry(hex.key.clone()).or_insert((format!("{:?} {}{stale}", hex.what, hex.kind), feeds));
    }
    shape
}

/// A shape in which what is sent to a bus has no order: it is a sum.
fn summed(mut shape: Shape) -> Shape {
    for (kind, feeds) in shape.values_mut() {
        if kind.starts_with("Bus") {
            feeds.sort();
        }
    }
    shape
}

/// How many feeds of a hex come before those of a port.
fn fed_before(picture: &Picture, hex: &super::graph::Hex, port: usize) -> usize {
    let number = picture.find(&hex.key);
    let wires = picture.wires.iter().filter(|wire| Some(wire.to) == number && wire.port < port).count();
    wires + hex.ports[..port].iter().filter(|p| matches!(p.value, Value::Literal(_) | Value::Other(_))).count()
}

/// What a gesture does to a shape, without a text; `None` where the words that are written shape new parts.
fn model(patch: &Reading, gesture: &Gesture, planned: &Planned) -> Option<Shape> {
    let picture = &patch.whole;
    let mut next = shape(patch.document.text(), picture);
    let swap = |shape: &mut Shape, from: &str, to: &dyn Fn(&str) -> String| {
        for (_, feeds) in shape.values_mut() {
            for (_, value) in feeds {
                if value.trim_end_matches('\'') == from {
                    *value = to(&value[from.len()..]);
                }
            }
        }
    };
    match gesture {
        Gesture::Rename { hex, to } => {
            let node = next.remove(hex)?;
            next.insert(to.clone(), node);
            swap(&mut next, hex, &|prime| format!("{to}{prime}"));
            Some(next)
        }
        Gesture::Set { values } => {
            let (at, value) = values.first()?;
            let hex = picture.hexes.iter().find(|hex| hex.body.start <= at.start && at.end <= hex.body.end)?;
            let port = hex.ports.iter().position(|port| port.value == Value::Literal(at.clone()))?;
            // A bare number is also what the hex is called by, and a factor in decibels is called gain.
            let db = |text: &str| text.ends_with("db");
            if hex.body == *at || db(value) != db(&patch.document.text()[at.clone()]) {
                return None;
            }
            let before = fed_before(picture, hex, port);
            next.get_mut(&hex.key)?.1.get_mut(before)?.1 = value.clone();
            Some(next)
        }
        Gesture::Connect { from, to, port } => {
            let (hex, site) = (picture.hex(to)?, &picture.hex(to)?.ports[*port]);
            let Site::Expr(at) = &site.site else { return None };
            let written = &planned.edit.splices.first()?.text;
            if *at == hex.body || written.contains("map(") || written.contains('(') {
                return None;
            }
            if !matches!(site.value, Value::Literal(_) | Value::Wire(_)) {
                return None;
            }
            let before = fed_before(picture, hex, *port);
            // A factor in decibels is called gain, and a signal in its place is not.
            if next.get(to)?.1.get(before)?.1.ends_with("db") {
                return None;
            }
            let prime = if written.ends_with('\'') { "'" } else { "" };
            next.get_mut(to)?.1.get_mut(before)?.1 = format!("{from}{prime}");
            Some(next)
        }
        Gesture::Duplicate { hex } => {
            // What is sent to a bus is not sent to its copy, and what sends once sends twice then.
            let number = picture.find(hex)?;
            if picture.wires.iter().any(|w| w.role == Role::Send && (w.from == number || w.to == number)) {
                return None;
            }
            let to = planned.select.clone()?;
            let mut node = next.get(hex)?.clone();
            for (_, value) in &mut node.1 {
                if value.trim_end_matches('\'') == hex {
                    *value = format!("{to}{}", &value[hex.len()..]);
                }
            }
            next.insert(to, node);
            Some(next)
        }
        Gesture::Delete { hex } => {
            let bodies = |wire: &super::graph::Wire| picture.hexes[wire.to].body == wire.at;
            let number = picture.find(hex)?;
            let touched =
                |wire: &&super::graph::Wire| wire.from == number || wire.role == Role::Send && wire.to == number;
            if picture.wires.iter().filter(touched).any(|wire| bodies(wire) || wire.role != Role::Flow) {
                return None;
            }
            next.remove(hex)?;
            swap(&mut next, hex, &|_| "0".to_string());
            Some(next)
        }
        _ => None,
    }
}

fn comments(text: &str) -> Vec<String> {
    let own = |t: &modurust_runtime::compiler::lang::token::Token| matches!(t.kind, Kind::Comment | Kind::Doc);
    tokens(text).filter(own).map(|t| t.text(text).trim_end().to_string()).collect()
}

pub fn any(dice: &mut Dice, patch: &Reading) -> Option<Gesture> {
    const KINDS: &[&str] = &[
        "saw", "lpf", "hpf", "drive", "delay", "adsr", "reverb", "noise", "mono", "track", "bus", "pattern", "number",
        "ladder", "fast",
    ];
    let picture = &patch.whole;
    let hexes = &picture.hexes;
    if hexes.is_empty() {
        return Some(Gesture::Add { kind: dice.pick(KINDS).into(), near: None, source: None });
    }
    let hex = &hexes[dice.below(hexes.len())];
    let other = &hexes[dice.below(hexes.len())];
    let (name, kind) = (hex.key.clone(), dice.pick(KINDS).to_string());
    let wire = dice.below(picture.wires.len());
    Some(match dice.below(17) {
        0 => Gesture::Add { kind, near: Some(name), source: dice.chance(50).then(|| other.key.clone()) },
        1..=3 => Gesture::Connect { from: other.key.clone(), to: name, port: dice.below(hex.ports.len()) },
        4 => Gesture::Disconnect { wire },
        5 => Gesture::Insert { wire, kind },
        6 => Gesture::Split { wire },
        7 => Gesture::Replace { hex: name, kind },
        8 => {
            let numbers: Vec<_> = hex
                .ports
                .iter()
                .filter_map(|p| if let Value::Literal(at) = &p.value { Some(at) } else { None })
                .collect();
            let at = (*numbers.get(dice.below(numbers.len()))?).clone();
            Gesture::Set { values: vec![(at, dice.pick(&["3khz", "-3db", "0.25", "7"]).into())] }
        }
        9 => Gesture::Rename { hex: name, to: format!("n_{}", dice.below(50)) },
        10 => Gesture::Extract { span: hex.chips.get(dice.below(hex.chips.len()))?.span.clone() },
        11 => Gesture::Inline { hex: name },
        12 => Gesture::Duplicate { hex: name },
        13 => {
            if dice.chance(50) {
                Gesture::Delete { hex: name }
            } else {
                Gesture::Solo { hex: name }
            }
        }
        14 => {
            let value =
                dice.pick(&["", "0.5", "440hz", "sin(2hz) * 3", "0 [3 5]*2", "cut: 1 ~> 2 over 4bars", "q: ", "(1"]);
            Gesture::Write { hex: name, port: dice.below(hex.ports.len() + 1), value: value.into() }
        }
        15 => Gesture::Monitor { hex: name },
        _ => Gesture::Bypass { hex: name },
    })
}

/// R3 to R6 and R10 through the gestures of the view: 10,000 sequences where that takes no minutes, fewer in a build for debugging.
#[test]
fn random_gestures_keep_text_and_patch_the_same_thing() {
    let starts = [
        "",
        "// one\nosc = saw(c2)  // é 🎹\nlfo = sin(2hz)\n\n/// doc\nbass = osc >> lpf(800hz + 2 * lfo, q: 1)\nout = bass\n",
        "v(freq, gate) = saw(freq) * ar(gate, 1ms, 1s)\r\n\tw = 1\r\nline = \"0 3 5\" >> scale(c2, minor)\r\ntrack t = line >> mono(v) >> send(room, -9db)  // x\r\nbus room = in >> reverb(2s)\r\nmute t",
        "\u{feff}a = noise * 0.1 + b' * 0.5\nb = delay(a, 0.2s)\nbroken = (a\nout = a + b  // sum",
    ];
    let rounds = 10_000;
    let mut dice = Dice::new(21);
    let (mut done, mut modelled) = (BTreeMap::<&'static str, usize>::new(), 0);
    let mut drawing = Drawing::default();
    for round in 0..rounds {
        let start = starts[round % starts.len()];
        drawing.text = start.to_string();
        let mut back = Vec::new();
        for _ in 0..1 + dice.below(6) {
            let patch = drawing.patch();
            let Some(gesture) = any(&mut dice, &patch) else { continue };
            let Ok(planned) = drawing.hands.plan(patch.patch(), &patch.whole, &gesture) else { continue };
            let text = drawing.text.clone();
            let out = planned.edit.apply(&text).expect("splices fit");
            let shown = || format!("{gesture:?}\n{text}\nbecame\n{out}");
            let after = drawing.read(&out);
            assert!(after.document.diagnostics.len() <= patch.document.diagnostics.len(), "{}", shown());
            assert_eq!(planned.edit.inverse(&text).unwrap().apply(&out).unwrap(), text, "{}", shown());
            if !matches!(
                gesture,
                Gesture::Delete { .. } | Gesture::Bypass { .. } | Gesture::Solo { .. } | Gesture::Duplicate { .. }
            ) {
                assert_eq!(comments(&text), comments(&out), "{}", shown());
            }
            if let Some(select) = &planned.select {
                assert!(after.whole.hex(select).is_some(), "{select}: {}", shown());
            }
            if let Some(wanted) = model(&patch, &gesture, &planned) {
                modelled += 1;
                assert_eq!(summed(shape(&out, &after.whole)), summed(wanted), "{}", shown());
            }
            let kind = format!("{gesture:?}");
            let kind = [
                "Add",
                "Connect",
                "Disconnect",
                "Insert",
                "Split",
                "Replace",
                "Set",
                "Rename",
                "Extract",
                "Inline",
                "Duplicate",
                "Delete",
                "Bypass",
                "Solo",
                "Write",
                "Monitor",
            ]
            .into_iter()
            .find(|name| kind.starts_with(name))
            .unwrap();
            *done.entry(kind).or_default() += 1;
            back.push(planned.edit.inverse(&text).unwrap());
            drawing.text = out;
        }
        let text = back.iter().rev().fold(drawing.text.clone(), |text, edit| edit.apply(&text).expect("undone"));
        assert_eq!(text, start);
    }
    println!("{rounds} sequences, {modelled} against the model: {done:?}");
    assert!(done.len() == 16 && done.values().all(|n| *n >= rounds / 200), "hardly tried: {done:?}");
    assert!(modelled > rounds / 4, "{modelled}");
}

/// R8: a text printed afresh from its trees is the same patch.
#[test]
fn a_patch_printed_afresh_is_the_same_patch() {
    for name in ["acid", "polysynth", "first_set", "fm", "five_minutes", "feedback", "hello", "drums"] {
        let path = format!("{}/../examples/{name}.modu", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let patch = read_with(&mut Reader::default(), &text);
        let fresh: Vec<String> = patch.document.stmts.iter().map(|stmt| print_item(&stmt.item)).collect();
        let fresh = fresh.join("\n");
        let again = read_with(&mut Reader::default(), &fresh);
        let names = |shape: Shape| -> Vec<(String, String, usize)> {
            shape.into_iter().map(|(name, (kind, feeds))| (name, kind, feeds.len())).collect()
        };
        assert_eq!(names(shape(&text, &patch.whole)), names(shape(&fresh, &again.whole)), "{name}");
    }
}

/// R10: one gesture in a text of 10,000 lines.
#[test]
fn a_long_text_is_edited_in_one_place() {
    let text: String = (0..10_000).map(|i| format!("n{i} = lpf(0, 1khz)  // {i} 🎹\r\n")).collect();
    let mut drawing = Drawing::of(&text);
    drawing.connect("n7000", "n8000", "x");
    assert_eq!(drawing.text, text.replace("n8000 = lpf(0,", "n8000 = lpf(n7000,"));
}

/// What a text without errors is compiled to; else what is wrong with it.
pub fn program(text: &str) -> Result<Program, String> {
    let mut world = FileWorld::new();
    world.overlay("x.modu", text.to_string());
    let mut compiler = Compiler::new(crate::cli::work::options(48_000));
    let outcome = session::compile(&mut compiler, &world, &["x.modu".to_string()]).expect("compiled");
    let told = outcome.render(false);
    let good = !outcome.diagnostics.iter().any(|d| d.is_error());
    outcome.program.filter(|_| good).ok_or_else(|| format!("{text}\n{told}"))
}

pub fn sound(text: &str) -> RenderReport {
    let program = program(text).unwrap_or_else(|why| panic!("{why}"));
    render(RenderOptions::new(program, 96_000)).expect("rendered")
}

/// R9: what is drawn sounds as what is typed, bit for bit.
#[test]
fn ten_drawn_patches_sound_as_their_typed_twins() {
    type Draw = fn(&mut Drawing);
    let twins: [(&str, Draw); 10] = [
        ("sin1 = sin(330hz)\nout = sin1", |d| {
            d.add("sin");
            d.set("sin1", "freq", "330hz");
            d.add("out");
            d.connect("sin1", "out", "in");
        }),
        ("saw1 = saw(110hz)\nlpf1 = saw1 >> lpf(1.2khz, q: 3)\nout = lpf1", |d| {
            for kind in ["saw", "lpf", "out"] {
                d.add(kind);
            }
            d.set("saw1", "freq", "110hz");
            d.connect("saw1", "lpf1", "x");
            d.set("lpf1", "freq", "1.2khz");
            d.set("lpf1", "q", "3");
            d.connect("lpf1", "out", "in");
        }),
        ("low = saw(55hz)\nhigh = saw(82hz)\nout = low + high", |d| {
            for (name, freq) in [("low", "55hz"), ("high", "82hz")] {
                let saw = d.add("saw");
                d.set(&saw, "freq", freq);
                d.does(Gesture::Rename { hex: saw, to: name.into() });
            }
            d.add("out");
            d.connect("low", "out", "in");
            d.connect("high", "out", "+");
        }),
        (
            "saw1 = saw(110hz)\nsin1 = sin(2hz)\nlpf1 = lpf(saw1, map(sin1, -1..1, 400hz..1600hz, exp), q: 2)\nout = lpf1",
            |d| {
                for kind in ["saw", "sin", "lpf", "out"] {
                    d.add(kind);
                }
                d.set("saw1", "freq", "110hz");
                d.set("sin1", "freq", "2hz");
                d.connect("saw1", "lpf1", "x");
                d.set("lpf1", "freq", "800hz");
                d.connect("sin1", "lpf1", "freq");
                d.connect("lpf1", "out", "in");
            },
        ),
        ("saw1 = saw(110hz)\ndrive1 = saw1 >> drive(12db)\nlpf1 = drive1 >> lpf(900hz, q: 2)\nout = lpf1", |d| {
            for kind in ["saw", "lpf", "out"] {
                d.add(kind);
            }
            d.set("saw1", "freq", "110hz");
            d.connect("saw1", "lpf1", "x");
            d.connect("lpf1", "out", "in");
            d.set("lpf1", "freq", "900hz");
            let wire = wire(&d.patch(), "saw1", "lpf1");
            d.does(Gesture::Insert { wire, kind: "drive".into() });
        }),
        ("noise1 = noise\nbpf1 = noise1 >> bpf(700hz, q: 9)\nout = bpf1", |d| {
            for kind in ["noise", "lpf", "out"] {
                d.add(kind);
            }
            d.connect("noise1", "lpf1", "x");
            d.does(Gesture::Replace { hex: "lpf1".into(), kind: "bpf".into() });
            d.does(Gesture::Rename { hex: "lpf1".into(), to: "bpf1".into() });
            d.set("bpf1", "freq", "700hz");
            d.set("bpf1", "q", "9");
            d.connect("bpf1", "out", "in");
        }),
        ("saw1 = saw(220hz)\nbus bus1 = in >> reverb(2s)\ntrack track1 = saw1 >> send(bus1, -12db)", |d| {
            for kind in ["saw", "track", "bus"] {
                d.add(kind);
            }
            d.set("saw1", "freq", "220hz");
            d.connect("saw1", "track1", "in");
            d.connect("track1", "bus1", "in");
            let body = d.patch().whole.hex("bus1").unwrap().body.clone();
            d.text.insert_str(body.end, " >> reverb(2s)");
        }),
        (
            "pattern1 = \"0 3 5 7\"\nscale1 = pattern1 >> scale(c2, minor)\nmono1 = scale1 >> mono(acid)\ntrack track1 = mono1",
            |d| {
                for kind in ["pattern", "scale", "mono", "track"] {
                    d.add(kind);
                }
                d.text = d.text.replace("organ", "acid").replace("c4", "c2");
                d.connect("pattern1", "scale1", "pattern");
                d.connect("scale1", "mono1", "pattern");
                d.connect("mono1", "track1", "in");
            },
        ),
        ("saw1 = saw(110hz)\nsaw2 = saw(110hz)\nout = saw1 + saw2", |d| {
            d.add("saw");
            d.set("saw1", "freq", "110hz");
            d.does(Gesture::Duplicate { hex: "saw1".into() });
            d.add("out");
            d.connect("saw1", "out", "in");
            d.connect("saw2", "out", "+");
        }),
        ("saw1 = saw(110hz)\nout = saw1 + delay1 * 0.5\ndelay1 = saw1 >> delay(0.25s)", |d| {
            for kind in ["saw", "delay", "out", "number"] {
                d.add(kind);
            }
            d.set("saw1", "freq", "110hz");
            d.connect("saw1", "delay1", "x");
            d.set("delay1", "t", "0.25s");
            d.connect("saw1", "out", "in");
            d.connect("delay1", "out", "+");
            let out = d.patch().whole.hex("out").unwrap().body.clone();
            d.text.insert_str(out.end, " * 0.5");
            d.does(Gesture::Delete { hex: "number1".into() });
        }),
    ];
    for (number, (typed, draw)) in twins.into_iter().enumerate() {
        let mut drawing = Drawing::default();
        draw(&mut drawing);
        let (drawn, twin) = (sound(&drawing.text), sound(typed));
        assert!(drawn.peak > 0.01, "patch {number} is silent:\n{}", drawing.text);
        assert_eq!(drawn.hash, twin.hash, "patch {number}\n{}\ndoes not sound as\n{typed}", drawing.text);
    }
}

/// R2: where hexes lie is nobody's business but the layout's.
#[test]
fn where_a_hex_lies_changes_no_sound() {
    use super::lattice::Cell;
    use super::layout_file::Layout;
    let patch = read_with(&mut Reader::default(), FAT);
    let hash = sound(FAT).hash;
    let mut layout = Layout::default();
    for (i, hex) in patch.whole.hexes.iter().enumerate() {
        layout.place(&hex.key, Some(Cell::at(-(i as i32), 2 * i as i32)));
        assert!(hex.what != What::Chip);
    }
    assert_eq!(sound(patch.document.text()).hash, hash);
    let known = |key: &str| patch.whole.hex(key).is_some();
    assert_eq!(String::from_utf8(layout.write(known)).unwrap().lines().count(), 1 + patch.whole.hexes.len());
}
