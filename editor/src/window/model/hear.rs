//! What the model hears of the session, and what is said of it.

use super::super::steps::between;
use super::pages::short;
use super::{Model, Problem, Waiting};
use crate::repl::buffer;
use modurust_runtime::command::{ChangeKind, Command, Notice, Perform};
use modurust_runtime::compiler::lang::edit::{Edit, Splice};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

impl Model {
    /// Takes in what happened.
    pub(super) fn hear(&mut self, notice: Notice) {
        match notice {
            Notice::Compiled { ms, kind, .. } => {
                // Only the newest of the texts that waited was compiled, if they came quickly.
                if let Some(Waiting { text, files, say }) = self.waiting.pop() {
                    self.waiting.clear();
                    let errors = self.wrong().filter(|(_, problem)| problem.error).count();
                    // At the beginning something may have been said that is worth more.
                    if kind != ChangeKind::None && errors == 0 && (say != "opened" || self.status.text.is_empty()) {
                        self.say(format!("{say}: {}, {ms:.1} ms", kind.word()));
                    }
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                    // Nothing will be gone over to.
                    let slot = self.switching.filter(|_| kind != ChangeKind::None);
                    self.switching = slot.map(|(slot, _)| (slot, true));
                    let layout = Arc::clone(&self.root_page().layout);
                    self.history.commit(&text, &layout, files, &say, self.feedback.cycle, now);
                }
            }
            Notice::Diagnostics { held, plays, errors, .. } => {
                if errors > 0 {
                    let names: Vec<&str> = held.iter().map(|held| held.name.as_str()).collect();
                    let first = self.wrong().find(|(_, problem)| problem.error);
                    let why =
                        first.map_or(String::new(), |(file, p)| format!("{file}line {}: {}", p.line + 1, p.message));
                    let keeps =
                        if names.is_empty() { String::new() } else { format!("; kept as before: {}", names.join(" ")) };
                    self.complain(format!("{why}{keeps}"));
                }
                if !plays {
                    self.waiting.pop();
                }
            }
            Notice::Learned { line } => self.at_first(|model| {
                let text = &model.page.text;
                let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                let at = text.len();
                let edit = Edit { splices: vec![Splice { range: at..at, text: format!("{end}{line}\n") }] };
                model.edit(edit, format!("learned `{line}`"));
            }),
            Notice::Tapped { bpm } => self.tempo(bpm),
            Notice::Edited { file } => self.follow(&file),
            Notice::Fault { track } => {
                self.complain(format!("`{track}` made a value that is no number; it was silenced for that moment"));
            }
            Notice::Lost { events } => self.complain(format!("{events} events so far found no room")),
            Notice::Refused { message } | Notice::Device { message } => self.complain(message),
            Notice::Load { message } | Notice::Sample { message } | Notice::File { message } => self.say(message),
            // What was on its way before is told before that of the slot, or has no time.
            Notice::Adopted { ms, .. } => self.switching = self.switching.filter(|(_, sent)| !sent || ms.is_none()),
            Notice::Xruns { .. } => {}
        }
    }

    /// What is wrong, and in which file if that is not the one that is open.
    fn wrong(&self) -> impl Iterator<Item = (String, &Problem)> {
        let elsewhere = self.elsewhere.iter().map(|(file, problem)| (format!("{} ", short(file)), problem));
        self.page.problems.iter().map(|problem| (String::new(), problem)).chain(elsewhere)
    }

    /// Somebody else has saved a file: what changed in it comes in.
    fn follow(&mut self, file: &str) {
        if !self.pages().any(|page| page.file == file) {
            return;
        }
        let Ok(theirs) = modurust_runtime::world::read_text(std::path::Path::new(file)) else { return };
        let _ = self.within(file, |model| {
            let merged = buffer::merged(&model.page.saved, &theirs, &model.page.text);
            model.page.saved = theirs;
            model.edit(between(&model.page.text, &merged), "saved by another editor".into());
        });
    }
}

/// What is said when a command is sent.
pub(super) fn told(command: &Command) -> String {
    match command {
        Command::Play => "time goes on".into(),
        Command::Pause => "time stands still".into(),
        Command::Hush => "hushed; the next edit or play goes on".into(),
        Command::Panic => "silent; the next edit or play goes on".into(),
        Command::Seek(bar) => format!("at bar {:.0}", bar.to_f64() + 1.0),
        Command::Perform(Perform::Launch { path, launch, .. }) => {
            format!("{} {path}", if *launch { "launch" } else { "stop" })
        }
        Command::Param { name, value } => format!("{name} is {value:.3}"),
        Command::Learn(Some(name)) => format!("move what is to move {name}"),
        Command::Keep(path) => format!("the last half minute goes to {}", path.display()),
        Command::Perform(Perform::Metronome(on)) => format!("the click is {}", if *on { "on" } else { "off" }),
        Command::Perform(Perform::Tap) => "tap".into(),
        Command::Perform(Perform::Nudge(ms)) => format!("{ms} ms over the next bar"),
        _ => String::new(),
    }
}
