//! New parts inside of a hex that was entered: definitions of its block, parameters of its function.
//!
//! ```text
//! v(freq, gate) = saw(freq)        Add { kind: env = ad } inside of v
//! v(freq, gate) = {
//!   env = ad(gate, 3ms, decay: 180ms)
//!   saw(freq)
//! }
//! ```
//!
//! What was written stays where it is: a body that is no block becomes the last line of one. What a function computes anew for every note
//! can be given a name only here.

use super::super::graph::{What, range};
use super::super::{parts, template};
use super::{Plan, Planned, refuse};
use modurust_runtime::compiler::ide;
use modurust_runtime::compiler::lang::ast::{Def, Expr, ExprKind, Item, Param};
use modurust_runtime::compiler::lang::edit::{Edit, Refusal, Splice};
use modurust_runtime::compiler::lang::source::Span;
use modurust_runtime::compiler::lang::token::{Kind, tokens};
use modurust_runtime::compiler::lang::visit;
use modurust_runtime::compiler::lang::{is_reserved, note_number};
use std::ops::Range;

/// What was entered, in the text.
struct Room<'a> {
    /// Where its statement begins.
    offset: u32,
    /// The statement's first and last byte.
    whole: Range<usize>,
    /// Its definition, unless it is a strip.
    def: Option<&'a Def>,
    body: &'a Expr,
}

impl Room<'_> {
    fn at(&self, span: Span) -> Range<usize> {
        range(span.shift(self.offset))
    }
}

impl<'a> Plan<'a> {
    /// What the picture that is looked at is the inside of.
    fn room(&self) -> Result<Room<'a>, Refusal> {
        let Some(key) = &self.view.of else { return refuse("no hex was entered") };
        let mut names = key.split('.');
        let first = names.next().unwrap_or_default();
        let named = |item: &Item| item.name().is_some_and(|name| name.name == first);
        let document = self.patch.document;
        let Some(stmt) = document.stmts.iter().find(|stmt| named(&stmt.item)) else {
            return refuse(format!("there is no `{key}` any more"));
        };
        let (mut def, mut body) = match &*stmt.item {
            Item::Def(def) => (Some(def), &def.body),
            Item::Strip { value, .. } => (None, value),
            _ => return refuse(format!("nothing can be put into `{key}`")),
        };
        let start = stmt.item.name().map_or(stmt.offset as usize, |name| range(name.span.shift(stmt.offset)).start);
        let whole = start..range(body.span.shift(stmt.offset)).end;
        for name in names {
            let Some(inner) = parts::definitions(body).into_iter().find(|def| def.name.name == name) else {
                return refuse(format!("there is no `{key}` any more"));
            };
            (def, body) = (Some(inner), &inner.body);
        }
        Ok(Room { offset: stmt.offset, whole, def, body })
    }

    fn params(room: &Room<'a>) -> &'a [Param] {
        room.def.and_then(|def| def.params.as_deref()).unwrap_or(&[])
    }

    /// A new part: a definition above the last line, or a parameter.
    pub(super) fn add_inside(
        &mut self,
        (kind, name): (&str, Option<&str>),
        near: Option<&str>,
        source: Option<&str>,
    ) -> Result<Planned, Refusal> {
        let room = self.room()?;
        let of = self.view.of.clone().unwrap_or_default();
        if matches!(kind, "track" | "bus" | "out" | "voice") {
            return refuse(format!("a {kind} is put beside bindings: leave this hex first (Backspace)"));
        }
        let name = match name {
            Some(name) => self.free_inside(name, &room)?.to_string(),
            None => template::fresh(self.text, kind),
        };
        let select = Some(format!("{of}.{name}"));
        if kind == "parameter" {
            let edit = self.parameter(&room, &name)?;
            return Ok(Planned { edit, say: format!("{of} has a parameter {name}"), select });
        }
        let source = match source {
            Some(key) if self.hex(key).is_ok_and(|hex| hex.what == What::Function) => None,
            Some(key) => Some(self.word(self.readable(key)?)?),
            None => None,
        };
        let locals: Vec<&str> = Self::params(&room).iter().map(|param| param.name.name.as_str()).collect();
        let text = template::local(&mut self.hands.signatures, kind, &name, source.as_deref(), &locals);
        let Some(text) = text else { return refuse(format!("there is no node `{kind}`")) };
        let near = near.and_then(|key| key.strip_prefix(&format!("{of}.")));
        let edit = self.line_inside(&room, &text, near)?;
        Ok(Planned { edit, say: format!("new {name} in {of}"), select })
    }

    /// A name for something inside, if nothing around it is called so.
    fn free_inside<'n>(&self, name: &'n str, room: &Room<'_>) -> Result<&'n str, Refusal> {
        proper(name)?;
        let statement = &self.text[room.whole.clone()];
        if tokens(statement).any(|token| token.kind == Kind::Word && token.text(statement) == name) {
            return refuse(format!("`{name}` already means something here: choose another name"));
        }
        Ok(name)
    }

    fn parameter(&self, room: &Room<'_>, name: &str) -> Result<Edit, Refusal> {
        let Some(def) = room.def.filter(|def| def.params.is_some()) else {
            return refuse("only a function has parameters: add a `voice`");
        };
        let head = room.at(def.name.span).end;
        let mut depth = 0usize;
        let close = tokens(&self.text[head..room.at(def.body.span).start]).find(|token| {
            match token.text(&self.text[head..]) {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                _ => {}
            }
            depth == 0 && token.text(&self.text[head..]) == ")"
        });
        let Some(close) = close.map(|token| head + token.span.start as usize) else {
            return refuse("the parameters of this function cannot be read");
        };
        let comma = if def.params.as_ref().is_some_and(|params| params.is_empty()) { "" } else { ", " };
        // What every note brings needs no value of its own.
        let value = if matches!(name, "freq" | "gate" | "vel") { "" } else { " = 0" };
        self.whole_edit(vec![(close..close, format!("{comma}{name}{value}"))])
    }

    /// A line of its own in the block, below a definition or above the value; a body that is no block becomes one.
    fn line_inside(&self, room: &Room<'_>, text: &str, near: Option<&str>) -> Result<Edit, Refusal> {
        let body = room.at(room.body.span);
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let ExprKind::Block { defs, value } = &room.body.kind else {
            let outer = self.indent(body.start);
            let inner = format!("{outer}  ");
            return self.whole_edit(vec![
                (body.start..body.start, format!("{{{newline}{inner}{text}{newline}{inner}")),
                (body.end..body.end, format!("{newline}{outer}}}")),
            ]);
        };
        let below = near.and_then(|name| defs.iter().find(|def| def.name.name == name));
        let above = match (below, value) {
            (None, Some(value)) => Some(room.at(value.span).start),
            _ => None,
        };
        let at = match above {
            Some(start) => self.line_start(start),
            None => {
                let last = below.or(defs.last()).map_or(body.start + 1, |def| room.at(def.body.span).end);
                self.text[last..].find('\n').map_or(body.end, |n| last + n + 1)
            }
        };
        if at <= body.start || at >= body.end {
            // All of it stands in one line: the new one is put in front of what follows.
            let at = above.unwrap_or(body.start + 1);
            let inner = format!("{}  ", self.indent(body.start));
            return self.whole_edit(vec![(at..at, format!("{newline}{inner}{text}{newline}{inner}"))]);
        }
        let inner = match (above, defs.first()) {
            (Some(start), _) => self.indent(start),
            (None, Some(def)) => self.indent(room.at(def.name.span).start),
            _ => format!("{}  ", self.indent(body.start)),
        };
        self.whole_edit(vec![(at..at, format!("{inner}{text}{newline}"))])
    }

    /// The beginning of the line that a byte lies in, or of the comments right above it.
    fn line_start(&self, at: usize) -> usize {
        let begin = |at: usize| self.text[..at].rfind('\n').map_or(0, |n| n + 1);
        let mut start = begin(at);
        while let Some(above) = start.checked_sub(1).map(begin)
            && self.text[above..start].trim_start().starts_with("//")
        {
            start = above;
        }
        start
    }

    fn indent(&self, at: usize) -> String {
        let line = &self.text[self.text[..at].rfind('\n').map_or(0, |n| n + 1)..at];
        line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
    }

    /// An edit that was put together here, if everything can be read behind it and the statement is still one.
    fn whole_edit(&self, splices: Vec<(Range<usize>, String)>) -> Result<Edit, Refusal> {
        let mut splices: Vec<Splice> = splices.into_iter().map(|(range, text)| Splice { range, text }).collect();
        splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
        let edit = Edit { splices };
        self.hands.planner.check(self.text, &edit, 0)?;
        Ok(edit)
    }

    /// Takes a definition out of the block; where it was used stands silence.
    pub(super) fn delete_inside(&self, key: &str) -> Result<Planned, Refusal> {
        let hex = self.readable(key)?.clone();
        if hex.what == What::Param {
            return refuse(format!("`{}` is given by who calls this: take it out in the text", hex.name));
        }
        let room = self.room()?;
        let (defs, value) = match &room.body.kind {
            ExprKind::Block { defs, value } => (defs, value),
            _ => return refuse(format!("`{}` does not live here", hex.name)),
        };
        let Some(def) = defs.iter().find(|def| def.name.name == hex.name) else {
            return refuse(format!("`{}` does not live here", hex.name));
        };
        if value.is_none() && defs.last().is_some_and(|last| last.name.name == hex.name) {
            return refuse(format!("`{}` is what comes out of this", hex.name));
        }
        let (name, body) = (room.at(def.name.span), room.at(def.body.span));
        let own = self.text[..name.start].rfind('\n').map_or(0, |n| n + 1);
        let end = self.text[body.end..].find('\n').map_or(self.text.len(), |n| body.end + n + 1);
        let behind = self.text[body.end..end].trim();
        if !self.text[own..name.start].trim().is_empty() || !behind.is_empty() && !behind.starts_with("//") {
            return refuse("something else stands on the same line: give each a line of its own");
        }
        let lines = self.line_start(name.start)..end;
        let uses = ide::references(self.patch.document, name.start);
        let outside = uses.into_iter().map(range).filter(|at| !lines.contains(&at.start));
        let silent = outside.map(|at| {
            let past = usize::from(self.text[at.end..].starts_with('\''));
            (at.start..at.end + past, "0".to_string())
        });
        let mut splices: Vec<(Range<usize>, String)> = silent.collect();
        let used = splices.len();
        splices.push((lines, String::new()));
        let edit = self.whole_edit(splices)?;
        let heard = if used > 0 { ": what used it hears silence" } else { "" };
        Ok(Planned { edit, say: format!("{} deleted{heard}", hex.name), select: None })
    }

    /// Gives a call inside of what was entered a name in its block.
    pub(super) fn extract_inside(&self, at: &Range<usize>, kind: &str) -> Result<Planned, Refusal> {
        let room = self.room()?;
        let at = self.stage(at);
        let body = room.at(room.body.span);
        if at == body || at.start < body.start || at.end > body.end {
            return refuse("this is all that there is");
        }
        if self.slice(&at).contains('\n') {
            return refuse("this goes over several lines: give parts of it names first");
        }
        let mut bound = false;
        visit::expr_and_below(room.body, &mut |expr| {
            let here = room.at(expr.span);
            bound |= matches!(expr.kind, ExprKind::Lambda { .. }) && here.start <= at.start && at.end <= here.end;
            bound |= matches!(expr.kind, ExprKind::It) && at.start <= here.start && here.end <= at.end;
        });
        if bound {
            return refuse("a word in it has its meaning only here, and this depends on it");
        }
        let name = template::fresh(self.text, kind);
        let value = self.slice(&at).to_string();
        // Above the definition that it stands in, or the value.
        let ExprKind::Block { defs, .. } = &room.body.kind else {
            let mut splices = self.line_inside(&room, &format!("{name} = {value}"), None)?.splices;
            splices.insert(1, Splice { range: at, text: name.clone() });
            let edit = Edit { splices };
            self.hands.planner.check(self.text, &edit, 0)?;
            return self.extracted(edit, kind, name);
        };
        let holds = |def: &&Def| room.at(def.body.span).start <= at.start && at.end <= room.at(def.body.span).end;
        let line = match defs.iter().find(holds) {
            Some(def) => self.line_start(room.at(def.name.span).start),
            None => self.line_start(at.start),
        };
        if line <= body.start {
            return refuse("the block stands in one line: give each part a line of its own");
        }
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let first = self.text[line..].find(|c| c != ' ' && c != '\t').map_or(line, |n| line + n);
        let text = format!("{}{name} = {value}{newline}", &self.text[line..first]);
        let edit = self.whole_edit(vec![(line..line, text), (at, name.clone())])?;
        self.extracted(edit, kind, name)
    }

    fn extracted(&self, edit: Edit, kind: &str, name: String) -> Result<Planned, Refusal> {
        let of = self.view.of.clone().unwrap_or_default();
        Ok(Planned { edit, say: format!("{kind} is called {name}"), select: Some(format!("{of}.{name}")) })
    }

    /// A stage with all that is piped into it; what is no stage as it is.
    pub(super) fn stage(&self, at: &Range<usize>) -> Range<usize> {
        let pipe = self.around(at, |expr, place| match &expr.kind {
            ExprKind::Pipe { right, .. } => place(right) == *at,
            _ => false,
        });
        pipe.unwrap_or_else(|| at.clone())
    }
}

/// Refuses a word that cannot be a name.
pub(super) fn proper(name: &str) -> Result<(), Refusal> {
    let mut words = tokens(name);
    let one = matches!((words.next(), words.next()), (Some(word), None)
        if word.kind == Kind::Word && word.text(name) == name);
    if !one || is_reserved(name) || note_number(name).is_some() {
        return refuse(format!("`{name}` cannot be a name: write letters, digits and `_`, as in `bass_2`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::properties::Drawing;
    use super::super::Gesture;
    use super::What;

    #[track_caller]
    fn inside(text: &str, of: &str, gesture: &Gesture) -> Result<String, String> {
        let mut drawing = Drawing::of(text);
        let patch = drawing.patch();
        let view = drawing.reader.inside(patch.patch(), of).expect("it can be entered");
        let planned = drawing.hands.plan(patch.patch(), &view, gesture).map_err(|why| why.reason)?;
        let out = planned.edit.apply(text).expect("the splices fit");
        assert_eq!(planned.edit.inverse(text).unwrap().apply(&out).unwrap(), text);
        if let Some(select) = &planned.select {
            drawing.text.clone_from(&out);
            let after = drawing.patch();
            let view = drawing.reader.inside(after.patch(), of).expect("it can be entered still");
            assert!(view.hex(select).or(after.whole.hex(select)).is_some(), "no {select} in {out}");
        }
        Ok(out)
    }

    fn add(kind: &str, near: Option<&str>, source: Option<&str>) -> Gesture {
        Gesture::Add { kind: kind.into(), near: near.map(str::to_string), source: source.map(str::to_string) }
    }

    const VOICE: &str =
        "v(freq, gate) = {\n  // up and down\n  env = ad(gate, 3ms, 180ms)  // short\n  saw(freq) * env\n}\n";

    #[test]
    fn parts_are_added_in_the_block() {
        let value = "  saw(freq) * env\n";
        let with = |new: &str| VOICE.replace(value, &format!("{new}{value}"));
        assert_eq!(inside(VOICE, "v", &add("low = sin", None, None)).unwrap(), with("  low = sin(freq)\n"));
        let noise = VOICE.replace("// short\n", "// short\n  noise1 = noise\n");
        assert_eq!(inside(VOICE, "v", &add("noise", Some("v.env"), None)).unwrap(), noise);
        assert_eq!(inside(VOICE, "v", &add("*", None, Some("v.env"))).unwrap(), with("  times1 = env * 1\n"));
        let cut = VOICE.replace("gate)", "gate, cut = 0)").replace("ad(gate, cut = 0, 3ms", "ad(gate, 3ms");
        assert_eq!(inside(VOICE, "v", &add("cut = parameter", None, None)).unwrap(), cut);
        let plain = "v(freq) = saw(freq) // flat\r\n";
        let block = "v(freq) = {\r\n  sin1 = sin(freq)\r\n  saw(freq)\r\n} // flat\r\n";
        assert_eq!(inside(plain, "v", &add("sin", None, None)).unwrap(), block);
        let line = "t = { x = saw(1hz)  x * 2 }\n";
        assert_eq!(
            inside(line, "t", &add("noise", None, None)).unwrap(),
            "t = { x = saw(1hz)  \n  noise1 = noise\n  x * 2 }\n"
        );
        for (kind, why) in [("track", "beside"), ("env = sin", "already means"), ("1x = sin", "cannot be a name")] {
            let reason = inside(VOICE, "v", &add(kind, None, None)).unwrap_err();
            assert!(reason.contains(why), "{kind}: {reason}");
        }
        assert!(inside("a = { x = 1  x }\n", "a", &add("parameter", None, None)).unwrap_err().contains("function"));
    }

    #[test]
    fn parts_are_taken_out_and_named_in_the_block() {
        let delete = Gesture::Delete { hex: "v.env".into() };
        assert_eq!(inside(VOICE, "v", &delete).unwrap(), "v(freq, gate) = {\n  saw(freq) * 0\n}\n");
        let at = VOICE.find("saw(freq)").unwrap();
        let extract = Gesture::Extract { span: at..at + 9 };
        let named = VOICE.replace("  saw(freq) * env", "  saw1 = saw(freq)\n  saw1 * env");
        assert_eq!(inside(VOICE, "v", &extract).unwrap(), named);
        let pipe = "v(freq) = saw(freq) >> lpf(1khz) >> hpf(90hz)\n";
        let at = pipe.find("lpf").unwrap();
        assert_eq!(
            inside(pipe, "v", &Gesture::Extract { span: at..at + 9 }).unwrap(),
            "v(freq) = {\n  lpf1 = saw(freq) >> lpf(1khz)\n  lpf1 >> hpf(90hz)\n}\n"
        );
    }

    /// What is done inside can be read, is taken back to the byte, and touches nothing of other statements.
    #[test]
    fn random_gestures_inside_keep_all_else() {
        use modurust_runtime::compiler::lang::dice::Dice;
        let starts = [
            VOICE,
            "v(freq) = saw(freq) >> lpf(1khz)  // x\r\nw = v(2hz)\r\n",
            "// é\nv = {\n\ta = sin(1hz)\n\tb = a * 0.5 + b' * 0.1\n\n\t// out\n\tb >> lpf(800hz) * a\n}\nout = v\n",
            "track v = \"0 3\" >> scale(c2, minor) >> mono(saw)\nbus r = in >> reverb(2s)",
            "v = { x = saw(1hz)  x * 2 }\n",
        ];
        let kinds = ["saw", "*", "ad", "lpf", "parameter", "pattern", "number", "k = sin", "+", "delay"];
        let mut dice = Dice::new(5);
        let mut done = 0;
        for round in 0..1_000 {
            let start = starts[round % starts.len()];
            let (mut drawing, mut back) = (Drawing::of(start), Vec::new());
            for _ in 0..1 + dice.below(5) {
                let patch = drawing.patch();
                let Some(view) = drawing.reader.inside(patch.patch(), "v") else { break };
                let hex = view.hexes[dice.below(view.hexes.len())].clone();
                let other = view.hexes[dice.below(view.hexes.len())].key.clone();
                let beyond = hex.what == What::Beyond;
                let gesture = match dice.below(6) {
                    0 | 1 => add(dice.pick(&kinds), Some(&hex.key), dice.chance(50).then_some(&*other)),
                    2 => Gesture::Connect { from: other, to: hex.key, port: dice.below(hex.ports.len().max(1)) },
                    3 => Gesture::Delete { hex: hex.key },
                    4 => Gesture::Extract { span: hex.span },
                    _ => Gesture::Write { hex: hex.key, port: dice.below(hex.ports.len() + 1), value: "0.5".into() },
                };
                let Ok(planned) = drawing.hands.plan(patch.patch(), &view, &gesture) else { continue };
                let before = drawing.text.clone();
                drawing.text = planned.edit.apply(&before).expect("the splices fit");
                let after = drawing.patch();
                let shown = || format!("{gesture:?}\n{before}\nbecame\n{}", drawing.text);
                assert!(after.document.diagnostics.len() <= patch.document.diagnostics.len(), "{}", shown());
                assert!(beyond || after.document.stmts.len() >= patch.document.stmts.len(), "{}", shown());
                back.push(planned.edit.inverse(&before).unwrap());
                done += 1;
            }
            let text = back.iter().rev().fold(drawing.text.clone(), |text, edit| edit.apply(&text).expect("undone"));
            assert_eq!(text, start);
        }
        assert!(done > 800, "{done}");
    }
}
