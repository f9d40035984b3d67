//! Top level: files, settings, tracks, buses, and the way to the master.
//!
//! Every track and bus becomes two channels whose broken samples (not a number, infinite) are silenced, so that one cannot
//! take the others down. Tracks, buses and `out` are summed in the order of the text; `bus master` processes the sum.

use crate::front::elab::{Bus, Elab};
use crate::front::glance::hash_expr;
use crate::front::names;
use crate::front::renamed::form;
use crate::front::scope::*;
use crate::front::stand_ins::Role;
use crate::front::timeline::curve_of;
use crate::front::value::*;
use crate::graph::*;
use crate::score::Ratio;
use crate::score::timeline::{Length, Motion};
use modurust_lang::ast::{Expr, Ident, Item};
use modurust_lang::units::Dim;
use modurust_lang::{Span, Stmt};
use rustc_hash::FxHashMap as HashMap;

/// A file of the session.
pub struct File {
    /// Its path as given to the world.
    pub path: String,
    /// Its statements.
    pub stmts: Vec<Stmt>,
    /// Used by another: brings definitions only.
    pub used: bool,
    /// Files that it uses: index, alias.
    pub uses: Vec<(usize, Option<String>)>,
}

/// What marks the way of `out` to the master among the places of statements.
const OUTPUT: u32 = 1 << 31;

/// The same of what is sent to a bus.
const SENT: u32 = 1 << 30;

/// The place of the sum of all strips.
const SUM: u32 = u32::MAX - 1;

/// A track or bus to be elaborated.
struct Strip<'a> {
    name: &'a Ident,
    value: &'a Expr,
    origin: Origin,
    bus: Option<usize>,
}

impl<'a> Elab<'a> {
    /// Elaborates a session.
    pub fn session(&mut self, files: &'a [File]) {
        self.parts.start(self.ends());
        let statements = files.iter().flat_map(|f| &f.stmts).map(|stmt| stmt.offset);
        self.parts.statements = statements.collect();
        self.parts.statements.sort_unstable();
        self.parts.forms = files.iter().flat_map(|f| &f.stmts).map(|stmt| (stmt.offset, form(&stmt.item))).collect();
        let scopes = self.define(files);
        self.read_settings(files, &scopes);
        self.meters(files);
        self.find_sections(files);
        let fades = files.iter().filter(|f| !f.used).flat_map(|f| &f.stmts).any(
            |stmt| matches!(&*stmt.item, Item::Arrange { sections, .. } if sections.iter().any(|s| s.xfade.is_some())),
        );
        self.set().fades = fades;
        self.settled_settings();
        let strips = self.strips(files);
        let mut sum = Vec::new();
        let mut audible = false;
        for strip in strips.iter().filter(|s| s.bus.is_none()) {
            audible = true;
            sum.extend(self.strip(strip));
        }
        if let Some(Binding::Lazy(id)) = self.scopes.find(self.root, "out") {
            audible = true;
            let lazy = &self.lazies[id.0 as usize];
            let (name, origin, span) = (&lazy.def.name, lazy.origin, lazy.def.body.span);
            let kinds = || [mix(5, hash_text(&name.name)), mix(6, 0)];
            let node = self.strip_part(origin.offset | OUTPUT, &name.name, ("", kinds), |e| {
                e.at = origin;
                e.binding.clone_from(&name.name);
                let value = e.lookup(e.root, &name.name, span).unwrap_or(Value::Broken);
                e.output(name, value, span)
            });
            match node {
                Some(node) => {
                    let out = self.stand_in_for(&name.name, Role::Out);
                    self.stands_for(out, node, origin.offset | OUTPUT);
                    sum.push(out);
                }
                None => self.broken_strips.push("out".into()),
            }
        }
        let mut master = None;
        for strip in strips.iter().filter(|s| s.bus.is_some()) {
            if strip.name.name == "master" {
                master = Some(strip);
                continue;
            }
            sum.extend(self.strip(strip));
        }
        let mut total = self.sum_part(SUM, sum);
        let no_master = !strips.iter().any(|s| s.bus.is_some() && s.name.name == "master");
        if no_master && mentions_master(files) {
            total = self.fader("master", total);
        }
        if let Some(strip) = master {
            self.gather_sends();
            self.sends.push((strip.name.name.clone(), total));
            if let Some(node) = self.strip(strip) {
                total = node;
            }
        }
        self.gather_sends();
        let mut sent: HashMap<String, Vec<NodeId>> = HashMap::default();
        for (bus, node) in std::mem::take(&mut self.sends) {
            sent.entry(bus).or_default().push(node);
        }
        for index in 0..self.buses.len() {
            let sends = sent.remove(&self.buses[index].name).unwrap_or_default();
            let key = strips.iter().find(|s| s.bus == Some(index)).map_or(0, |s| s.origin.offset) | SENT;
            let (input, silent) = (self.buses[index].input, sends.is_empty());
            let node = self.sum_part(key, sends);
            self.stands_for(input, node, key);
            if silent && let Some(strip) = strips.iter().find(|s| s.bus == Some(index)) {
                self.at = strip.origin;
                let name = &strip.name.name;
                self.warn("silent", strip.name.span, format!("nothing is sent to the bus `{name}`")).help =
                    Some(format!("write `>> send({name}, -9db)` on a track"));
            }
        }
        self.gather();
        self.resolve_timeline(files);
        self.gather();
        self.tell_later();
        self.check_the_rest(files, &scopes);
        self.gather();
        self.graph.outs.push(Out { name: "master".into(), kind: OutKind::Master, node: total, frame: FrameId(0) });
        let readable = files.iter().flat_map(|f| &f.stmts).all(|s| !matches!(&*s.item, Item::Broken { .. }));
        if !audible
            && readable
            && !self.failed()
            && let Some(file) = files.first()
            && let Some(stmt) = file.stmts.last()
        {
            self.at = origin(stmt);
            self.warn("silent", Span::new(0, 1), "nothing here makes sound").help =
                Some("write `out = sin(440hz) * -12db` or `track name = ...`".into());
        }
    }

    /// Binds the definitions of every file. Roots share one scope; a used file has its own, seen by its users.
    fn define(&mut self, files: &'a [File]) -> Vec<ScopeId> {
        let parent = self.library_root();
        let scopes: Vec<ScopeId> =
            files.iter().map(|f| if f.used { self.scopes.add(Some(parent)) } else { self.root }).collect();
        let mut places: HashMap<(u32, String), Span> = HashMap::default();
        for (file, scope) in files.iter().zip(&scopes) {
            for stmt in &file.stmts {
                self.at = origin(stmt);
                // What cannot be read has been told; its name is no second mistake.
                if let Item::Broken { name: Some(name), .. } = &*stmt.item {
                    self.scopes.bind(*scope, name, Binding::Value(Value::Broken));
                }
                let Item::Def(def) = &*stmt.item else { continue };
                let name = &def.name.name;
                if let Some(example) = modurust_lang::setting_example(name).filter(|_| def.params.is_none()) {
                    self.warn("silent", def.name.span, format!("this names a value `{name}`, and sets nothing")).help =
                        Some(format!("a setting has no `=`: write `{example}`"));
                }
                if places.insert((scope.0, name.clone()), def.name.span).is_some() {
                    self.error("name", def.name.span, format!("`{name}` is defined twice")).help =
                        Some("remove one, or give it another name".into());
                    continue;
                }
                let lazy = self.lazy(def, self.at, *scope, FrameId(0));
                self.scopes.bind(*scope, name, Binding::Lazy(lazy));
            }
        }
        for (file, scope) in files.iter().zip(&scopes) {
            for stmt in &file.stmts {
                // `use std/filter as f`: another name for a module that is there in any case.
                if let Item::Use { path, alias: Some(alias), .. } = &*stmt.item
                    && let Some(module) = path.rsplit('/').next()
                    && !path.starts_with('.')
                    && names::is_module(module)
                {
                    let library = Value::Library(std::sync::Arc::from(module));
                    self.scopes.bind(*scope, &alias.name, Binding::Value(library));
                }
            }
            for (used, alias) in &file.uses {
                match alias {
                    Some(alias) => {
                        self.scopes.bind(*scope, alias, Binding::Value(Value::Module(scopes[*used])));
                    }
                    None => {
                        for name in files[*used].stmts.iter().filter_map(defined) {
                            // A definition of the user's own file wins over a used one.
                            if places.contains_key(&(scope.0, name.to_string())) || name.starts_with('_') {
                                continue;
                            }
                            if let Some(binding) = self.scopes.find(scopes[*used], name) {
                                self.scopes.bind(*scope, name, binding);
                            }
                        }
                    }
                }
            }
        }
        self.parts.note_tops(self.lazies.len());
        self.scopes.note_tops();
        scopes
    }

    /// Settings come before all else, wherever they stand; the seed first, since a tempo may be a matter of chance.
    fn read_settings(&mut self, files: &'a [File], scopes: &[ScopeId]) {
        let is_seed = |stmt: &Stmt| matches!(&*stmt.item, Item::Setting { name, .. } if name.name == "seed");
        for seed in [true, false] {
            for (file, scope) in files.iter().zip(scopes).filter(|(file, _)| !file.used) {
                for stmt in file.stmts.iter().filter(|stmt| is_seed(stmt) == seed) {
                    self.at = origin(stmt);
                    match &*stmt.item {
                        Item::Setting { name, value } => self.setting(*scope, name, value),
                        Item::Meter { beats, unit, from: None, .. } => {
                            self.set().timing.beats_per_bar = Ratio::new(i64::from(*beats) * 4, i64::from(*unit));
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// Changes of meter, after the meter in which bars are counted is known.
    fn meters(&mut self, files: &'a [File]) {
        for stmt in files.iter().filter(|f| !f.used).flat_map(|f| &f.stmts) {
            let Item::Meter { beats, unit, from: Some(from), .. } = &*stmt.item else { continue };
            self.at = origin(stmt);
            let bar = match self.position(self.root, from) {
                Some(Length::Bars(bars)) if bars.den() == 1 => bars.num(),
                Some(_) => {
                    self.error("type", from.span, "a meter changes at the begin of a bar").help =
                        Some(format!("write `meter {beats}/{unit} from 16bars`"));
                    continue;
                }
                None => continue,
            };
            let meters = &mut self.timeline.tempo.meters;
            let at = meters.partition_point(|m| m.0 < bar);
            if meters.get(at).is_some_and(|m| m.0 == bar) {
                self.error("name", from.span, "two meters begin at this bar").help = Some("remove one".into());
                continue;
            }
            meters.insert(at, (bar, Ratio::new(i64::from(*beats) * 4, i64::from(*unit))));
        }
    }

    fn setting(&mut self, scope: ScopeId, name: &'a Ident, expr: &'a Expr) {
        if name.name == "tuning" && self.is_unquoted(scope, expr, "tuning", "a text", ".scl") {
            return;
        }
        let value = self.eval(scope, expr);
        match (name.name.as_str(), value) {
            (_, Value::Broken) => {}
            ("tempo", Value::Num(num)) if matches!(num.dim, Dim::Tempo | Dim::None) => {
                if (1.0..=2000.0).contains(&num.value) {
                    self.set().timing.bpm = Ratio::from_f64(num.value);
                } else {
                    self.error("type", expr.span, "a tempo lies between 1 and 2000 bpm").help =
                        Some("write `tempo 124bpm`".into());
                }
            }
            ("tempo", Value::Line { from, to, over, curve }) if from.dim == Dim::Tempo && to.dim == Dim::Tempo => {
                self.set().timing.bpm = Ratio::from_f64(from.value);
                let curve = curve_of(curve, Dim::None);
                let motion = Motion::Line { from: from.value, to: to.value, over, curve };
                self.timeline.settings.tempo = Some(motion);
                let bars = over.unwrap_or(Length::BAR).bars(self.bars_per_second());
                self.timeline.tempo.pattern = Some(self.score.ramp(from.value, to.value, bars, curve));
            }
            ("tempo", Value::Pat(pattern)) => {
                self.timeline.settings.tempo = Some(Motion::Pattern(pattern));
                self.timeline.tempo.pattern = Some(pattern);
                self.first_tempo(pattern, expr.span);
            }
            ("tempo", _) => {
                self.error("type", expr.span, "a tempo is a number of beats per minute").help =
                    Some("write `tempo 124bpm`".into());
            }
            // Settings come before any pattern.
            ("seed", Value::Num(num)) => {
                self.set().seed = num.value.to_bits();
                self.score.set_seed(num.value.to_bits());
            }
            ("quantise", Value::Num(num)) if num.dim == Dim::None && num.value == 0.0 => {
                self.timeline.settings.quantise = None;
            }
            ("quantise", _) => self.timeline.settings.quantise = self.length(scope, expr),
            ("xfade", _) => {
                if let Some(length) = self.length(scope, expr) {
                    self.timeline.settings.xfade = length;
                }
            }
            ("swing", Value::Num(num)) if num.dim == Dim::None && num.value > 0.0 && num.value < 1.0 => {
                self.swing = Some(Ratio::from_f64(num.value));
            }
            ("swing", _) => {
                self.error("type", expr.span, "a swing is a share of a beat's half, between 0% and 100%").help =
                    Some("write `swing 56%`; 50% is straight, 66% a triplet".into());
            }
            ("link", Value::Num(num)) => {
                self.timeline.settings.link = num.value != 0.0;
            }
            ("tuning", value @ Value::Text(_)) => {
                let arg = self.arg(value, expr.span);
                self.set().tuning = self.tuning(&arg);
            }
            // The edition of the language; there is one so far.
            ("modu", Value::Num(num)) if num.value == 1.0 => {}
            ("modu", _) => {
                self.error("type", expr.span, "this edition of the language is not known").help =
                    Some("write `modu 1`".into());
            }
            (word, value) => {
                let example = modurust_lang::setting_example(word).unwrap_or("tempo 120bpm");
                let article = value.article();
                self.error("type", expr.span, format!("`{word}` cannot be {article}")).help =
                    Some(format!("write `{example}`"));
            }
        }
    }

    /// The tempo in which the session begins, where it is a pattern.
    fn first_tempo(&mut self, pattern: crate::score::PatId, span: Span) {
        let numbers = |v: &crate::score::Value| v.number().is_some_and(|x| (1.0..=2000.0).contains(&x));
        match self.score.score().values(pattern) {
            Some(values) if values.iter().all(numbers) => {}
            None => {}
            Some(_) => {
                self.error("type", span, "a tempo is a number of beats per minute, between 1 and 2000").help =
                    Some("write `tempo \"<120 124>\"`".into());
                return;
            }
        }
        let mut room = crate::score::EventBuf::new(64);
        let step = Ratio::new(1, 64);
        self.score.score().query(pattern, Ratio::ZERO, step, &mut room);
        if let Some(bpm) = room.events().iter().find_map(|e| e.value.number()).filter(|x| *x >= 1.0) {
            self.set().timing.bpm = Ratio::from_f64(bpm);
        }
    }

    fn strips(&mut self, files: &'a [File]) -> Vec<Strip<'a>> {
        let mut strips: Vec<Strip<'a>> = Vec::new();
        for stmt in files.iter().filter(|f| !f.used).flat_map(|f| &f.stmts) {
            let Item::Strip { bus, name, value } = &*stmt.item else { continue };
            self.at = origin(stmt);
            if strips.iter().any(|s| s.name.name == name.name) {
                self.error("name", name.span, format!("there are two strips called `{}`", name.name)).help =
                    Some("give one of them another name".into());
                continue;
            }
            let index = bus.then(|| {
                let input = self.stand_in_for(&name.name, Role::Input);
                self.named.insert(input, (name.name.as_str().into(), None));
                self.buses.push(Bus { name: name.name.clone(), input });
                self.buses.len() - 1
            });
            if let Some(index) = index {
                self.scopes.bind(self.root, &name.name, Binding::Value(Value::Bus(index)));
            }
            self.timeline.strips.push(name.name.clone());
            strips.push(Strip { name, value, origin: self.at, bus: index });
        }
        strips
    }

    /// Elaborates a track or bus; what stands for its two channels comes back.
    fn strip(&mut self, strip: &Strip<'a>) -> Option<NodeId> {
        let (key, name) = (strip.origin.offset, &strip.name.name);
        let kinds = || [mix(1, hash_text(name)), mix(2, hash_expr(strip.value))];
        let Some(node) = self.strip_part(key, name, (name, kinds), |e| e.strip_inner(strip)) else {
            self.broken_strips.push(name.clone());
            return None;
        };
        let stand_in = self.stand_in_for(name, Role::Strip);
        self.stands_for(stand_in, node, key);
        Some(stand_in)
    }

    fn strip_inner(&mut self, strip: &Strip<'a>) -> Option<NodeId> {
        self.at = strip.origin;
        self.binding = strip.name.name.clone();
        self.frame = self.graph.frame(FrameId(0), &strip.name.name, true, 0);
        let scope = self.scopes.add(Some(self.root));
        if let Some(index) = strip.bus {
            let input =
                Sig { node: self.buses[index].input, shape: Shape { channels: 2, banked: false }, dim: Dim::None };
            self.scopes.bind(scope, "in", Binding::Value(Value::Sig(input)));
        }
        let frame = self.frame;
        let value = self.eval(scope, strip.value);
        if matches!(value, Value::Pat(_)) {
            self.error("silent", strip.value.span, "a pattern alone makes no sound").help =
                Some("give it a voice: `>> mono(acid)`, `>> poly(8, pad)` or `>> kit('tr909')`".into());
            self.frame = FrameId(0);
            return None;
        }
        let sig = self.signal(value, strip.value.span);
        let node = sig.and_then(|sig| self.stereo(sig, strip.value.span));
        let node = node.map(|node| self.fader(&strip.name.name, node));
        self.frame = FrameId(0);
        node.map(|node| {
            let node = self.ended(node);
            self.output_in(frame, &strip.name.name, node)
        })
    }

    fn output(&mut self, name: &Ident, value: Value<'a>, span: Span) -> Option<NodeId> {
        if matches!(value, Value::Pat(_)) {
            self.error("silent", span, "a pattern alone makes no sound").help =
                Some("give it a voice: `>> mono(acid)`, `>> poly(8, pad)` or `>> kit('tr909')`".into());
            return None;
        }
        self.frame = FrameId(0);
        let sig = self.signal(value, span)?;
        let node = self.stereo(sig, span)?;
        Some(self.output_in(FrameId(0), &name.name, node))
    }

    fn output_in(&mut self, frame: FrameId, name: &str, node: NodeId) -> NodeId {
        self.graph.outs.push(Out { name: name.to_string(), kind: OutKind::Track, node, frame });
        let stereo = Sig { node, shape: Shape { channels: 2, banked: false }, dim: Dim::None };
        self.named_op("finite", &[stereo]).node
    }

    /// The sum of stereo nodes; silence if there are none.
    pub(super) fn total(&mut self, nodes: &[NodeId]) -> NodeId {
        let Some((&first, rest)) = nodes.split_first() else {
            return self.graph.push(Node::Const(Ty::F32, vec![0, 0]));
        };
        let shape = Shape { channels: 2, banked: false };
        let sig = |node| Sig { node, shape, dim: Dim::None };
        rest.iter().fold(first, |sum, &node| self.named_op("add", &[sig(sum), sig(node)]).node)
    }

    /// Definitions that nothing asked for are still checked.
    fn check_the_rest(&mut self, files: &'a [File], scopes: &[ScopeId]) {
        for (file, scope) in files.iter().zip(scopes).filter(|(f, _)| !f.used) {
            for stmt in &file.stmts {
                let Item::Def(def) = &*stmt.item else { continue };
                self.at = origin(stmt);
                if def.params.is_some() {
                    continue;
                }
                if let Some(Binding::Lazy(id)) = self.scopes.find(*scope, &def.name.name) {
                    self.force(id, def.name.span);
                }
            }
        }
    }
}

/// Where a statement stands.
pub fn origin(stmt: &Stmt) -> Origin {
    Origin { file: stmt.file, offset: stmt.offset, library: false }
}

fn defined(stmt: &Stmt) -> Option<&str> {
    match &*stmt.item {
        Item::Def(def) => Some(&def.name.name),
        _ => None,
    }
}

/// True if a lane or automation moves something of the master.
fn mentions_master(files: &[File]) -> bool {
    let is_master = |path: &[Ident]| path.len() > 1 && path[0].name == "master";
    files.iter().flat_map(|f| &f.stmts).any(|stmt| match &*stmt.item {
        Item::Arrange { sections, .. } => sections.iter().flat_map(|s| &s.lanes).any(|(path, _)| is_master(path)),
        Item::Automate { path, .. } | Item::Map { path, .. } => is_master(path),
        Item::Command(command) => {
            matches!(command.verb.name.as_str(), "mute" | "solo") && command.path[0].name == "master"
        }
        _ => false,
    })
}
