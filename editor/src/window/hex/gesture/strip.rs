//! What is heard of a hex: bypassed, alone, or as before.
//!
//! A strip of the mixer has lines of its own (`mute bass`). A value that is bypassed is what comes into it, with a comment behind that says
//! what it was; a value that is heard alone gets a track, which goes when it is no longer wanted.

use super::super::graph::{Hex, Rate, Site, What};
use super::{BYPASSED, Plan, Planned, refuse};
use modurust_runtime::compiler::lang::ast::Item;
use modurust_runtime::compiler::lang::edit::{Edit, Op, Refusal, Splice};
use modurust_runtime::compiler::lang::parse::{parse, parse_expr};
use modurust_runtime::compiler::lang::source::{FileId, Source};

impl Plan<'_> {
    pub(super) fn bypass(&mut self, key: &str) -> Result<Planned, Refusal> {
        let hex = self.binding(key)?.clone();
        if matches!(hex.what, What::Track | What::Bus) {
            return self.command("mute", &hex.name);
        }
        if hex.what == What::Function {
            return refuse(format!("`{}` is a function: bypass what calls it", hex.name));
        }
        let body = self.slice(&hex.body).to_string();
        let end = hex.body.end;
        let line_end = self.text[end..].find('\n').map_or(self.text.len(), |n| end + n);
        let line_end = if self.text[..line_end].ends_with('\r') { line_end - 1 } else { line_end };
        let behind = &self.text[end..line_end];
        if let Some(was) = behind.trim_start().strip_prefix(BYPASSED) {
            if parse_expr(FileId(0), was).0.is_none() {
                return refuse("the comment behind no longer says what it was");
            }
            let splices = vec![Splice { range: hex.body.start..line_end, text: was.to_string() }];
            let edit = Edit { splices };
            self.hands.planner.check(self.text, &edit, 0)?;
            return Ok(Planned { edit, say: format!("{} is back", hex.name), select: None });
        }
        if !behind.trim().is_empty() || body.contains('\n') {
            return refuse("only what stands in a line of its own, without a comment, can be bypassed");
        }
        let through = hex.ports.iter().find_map(|port| match (&port.site, port.rate) {
            (Site::Expr(at), Rate::Audio | Rate::Event) if *at != hex.body => Some(self.slice(at).to_string()),
            _ => None,
        });
        let Some(through) = through else {
            return refuse(format!("nothing comes into `{}` that could go out", hex.name));
        };
        let text = format!("{through}  {BYPASSED}{body}");
        let edit = Edit { splices: vec![Splice { range: hex.body.start..line_end, text }] };
        self.hands.planner.check(self.text, &edit, 0)?;
        Ok(Planned { edit, say: format!("{} is bypassed", hex.name), select: None })
    }

    pub(super) fn solo(&mut self, key: &str) -> Result<Planned, Refusal> {
        let hex = self.binding(key)?.clone();
        match hex.what {
            What::Track | What::Bus => self.command("solo", &hex.name),
            What::Function => refuse(format!("`{}` is a function: it makes no sound by itself", hex.name)),
            _ => self.listen(&hex),
        }
    }

    /// A stage behind a binding that shows it under its name, or away with it.
    pub(super) fn monitor(&mut self, key: &str) -> Result<Planned, Refusal> {
        let hex = self.binding(key)?.clone();
        if matches!(hex.what, What::Track | What::Bus) || hex.key == "out" {
            return refuse(format!("`{}` can be looked at as it is: the inspector shows it", hex.name));
        }
        if hex.what == What::Function {
            return refuse(format!("`{}` is a function: look at what calls it", hex.name));
        }
        let stage = format!(" >> scope('{}')", hex.name);
        let body = self.slice(&hex.body);
        if body.ends_with(&stage) {
            let range = hex.body.end - stage.len()..hex.body.end;
            let edit = Edit { splices: vec![Splice { range, text: String::new() }] };
            self.hands.planner.check(self.text, &edit, 0)?;
            return Ok(Planned { edit, say: format!("{} is no longer looked at", hex.name), select: None });
        }
        // A number or notes make no wave.
        if matches!(hex.kind.as_str(), "=" | "") && hex.ports.is_empty() || body.trim_start().starts_with('"') {
            return refuse(format!("`{}` is no sound", hex.name));
        }
        let edit = Edit { splices: vec![Splice { range: hex.body.end..hex.body.end, text: stage }] };
        self.hands.planner.check(self.text, &edit, 0)?;
        Ok(Planned { edit, say: format!("{} can be looked at", hex.name), select: None })
    }

    /// A line that mutes or solos a strip, or away with it.
    fn command(&mut self, verb: &str, name: &str) -> Result<Planned, Refusal> {
        if let Some(at) = command_at(self.text, verb, name) {
            let edit = self.op(&Op::Remove { at })?;
            return Ok(Planned { edit, say: format!("{name}: no {verb}"), select: None });
        }
        let edit = self.op(&Op::Add { text: format!("{verb} {name}"), after: Some(name.to_string()) })?;
        Ok(Planned { edit, say: format!("{verb} {name}"), select: None })
    }

    /// A value is heard alone by a track of its own.
    fn listen(&mut self, hex: &Hex) -> Result<Planned, Refusal> {
        let name = format!("hear_{}", hex.name);
        if self.patch.whole.hex(&name).is_some() {
            let first = match command_at(self.text, "solo", &name) {
                Some(at) => self.op(&Op::Remove { at })?,
                None => Edit::default(),
            };
            let edit = self.then(first, |_| Ok(Op::Delete { name: name.clone() }))?;
            return Ok(Planned { edit, say: format!("{} is no longer heard alone", hex.name), select: None });
        }
        let text = format!("track {name} = {}", hex.name);
        let first = self.op(&Op::Add { text, after: Some(hex.key.clone()) })?;
        let edit = self.then(first, |_| Ok(Op::Add { text: format!("solo {name}"), after: Some(name.clone()) }))?;
        Ok(Planned { edit, say: format!("{} is heard alone", hex.name), select: None })
    }
}

/// Where `verb name` begins.
pub(super) fn command_at(text: &str, verb: &str, name: &str) -> Option<u32> {
    let read = parse(FileId(0), &Source::new("", text));
    read.stmts.iter().find_map(|stmt| match &*stmt.item {
        Item::Command(command) if command.verb.name == verb => {
            let path: Vec<&str> = command.path.iter().map(|part| part.name.as_str()).collect();
            (path == [name]).then_some(stmt.offset)
        }
        _ => None,
    })
}
