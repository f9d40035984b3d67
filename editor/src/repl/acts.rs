//! What the words do.

use super::buffer;
use super::live::{Answer, Live};
use super::words::{WORDS, Word};
use crate::cli::emit::Stage;
use crate::cli::terminal;
use crate::piano;
use modurust_runtime::command::{Command, Perform};
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::controllers::paths;
use modurust_runtime::device;
use modurust_runtime::world::read_text;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a key is held that was struck.
const STROKE: Duration = Duration::from_millis(250);
/// Longest text of a listing, bytes; the rest is left out, and said so.
const MOST: usize = 200_000;

impl Live {
    /// Carries out a line that begins with a colon.
    pub fn word(&mut self, line: &str) -> Answer {
        match super::words::read(line) {
            Some(Ok((word, rest))) => self.act(word, rest),
            Some(Err(unknown)) => Answer::say(match super::words::near(&unknown) {
                Some(near) => format!("there is no `:{unknown}`: did you mean `:{near}`?\n"),
                None => format!("there is no `:{unknown}`: `:help` lists all\n"),
            }),
            None => Answer::default(),
        }
    }

    fn act(&mut self, word: &Word, rest: &str) -> Answer {
        let wants = || Answer::say(format!("write `:{} {}`: {}\n", word.name, word.takes, word.doc));
        let text = match word.name {
            "help" => help(rest),
            "doc" if rest.is_empty() => return wants(),
            "doc" => crate::cli::doc::explain(rest),
            "t" if rest.is_empty() => return wants(),
            "t" => self.type_of(rest),
            "ir" => self.stage(Stage::Graph),
            "asm" => self.code(rest),
            "plan" => self.plan(),
            "scope" => self.scope(rest),
            "cpu" => self.load(),
            "mem" => self.memory(),
            "list" if rest.is_empty() => self.buffer.text().to_string(),
            "list" => match buffer::key_of(self.buffer.text(), rest) {
                Some(key) => format!("{}\n", buffer::statement(self.buffer.text(), &key).unwrap_or("")),
                None => format!("there is no `{rest}`\n"),
            },
            "devices" => devices(),
            "device" if rest.is_empty() => format!("{}; `:devices` lists all\n", self.running.describe()),
            "device" => match self.running.change(rest) {
                Ok(()) => {
                    let told = self.attend();
                    self.late.extend(told);
                    format!("on {}\n", self.running.describe())
                }
                Err(why) => format!("`{rest}` is not used: {why}\n"),
            },
            "back" => return self.go_back(rest),
            "delete" => return self.delete(rest),
            "snap" | "recall" | "diff" => return self.snapshots(word, rest),
            "save" => self.save(rest),
            "load" => return self.read_anew(rest),
            "keys" => "`:keys` is for a terminal: here `:key q` strikes one key\n".to_string(),
            "key" if rest.is_empty() => return wants(),
            "key" => {
                self.strike(rest);
                String::new()
            }
            "quit" => return Answer { quit: true, ..Answer::default() },
            "tempo" => match rest.trim_end_matches("bpm").parse::<f64>() {
                Ok(bpm) => return self.evaluate(&format!("tempo {bpm}bpm")),
                Err(_) => return wants(),
            },
            _ => match command(word.name, rest) {
                Some(command) => self.ask(command).unwrap_or_else(|| done(word.name, rest)),
                None => return wants(),
            },
        };
        Answer::say(if text.len() > MOST {
            let cut = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            format!("{}\n(and {} bytes more)\n", &text[..cut], text.len() - cut)
        } else {
            text
        })
    }

    /// Strikes a key of the computer: terminals do not tell when it comes up.
    fn strike(&mut self, key: &str) {
        let key = key.to_lowercase();
        self.lift(Some(&key));
        self.press(&key, true);
        self.struck.push((Instant::now() + STROKE, key));
    }

    /// Lets go of keys that were struck long enough ago, or of one that is struck again.
    pub fn lift(&mut self, again: Option<&str>) {
        let now = Instant::now();
        let over = |(end, key): &(Instant, String)| *end <= now || again == Some(key.as_str());
        let (over, held): (Vec<_>, Vec<_>) = std::mem::take(&mut self.struck).into_iter().partition(over);
        self.struck = held;
        over.iter().for_each(|(_, key)| self.press(key, false));
    }

    fn press(&mut self, key: &str, down: bool) {
        let mut letters = key.chars();
        let letter = letters.next().filter(|_| letters.next().is_none());
        if let Some(note) = letter.and_then(piano::note) {
            self.session.send(Command::Key { note, down });
        }
        let name = format!("key/{key}");
        if self.program().is_some_and(|program| paths(&program).any(|path| *path == *name)) {
            self.session.send(Command::Param { name, value: f32::from(u8::from(down)) });
        }
    }

    fn go_back(&mut self, name: &str) -> Answer {
        let text = if name.is_empty() {
            self.buffer.back().ok_or_else(|| "there is nothing to go back to".to_string())
        } else {
            self.buffer.back_of(name)
        };
        match text {
            Ok(text) => {
                let mut answer = self.replace(&text);
                let key = buffer::key_of(&text, name);
                let now = key.and_then(|key| buffer::statement(&text, &key).map(str::to_string));
                answer.text.push_str(&match (name, now) {
                    ("", _) => "back\n".to_string(),
                    (_, Some(now)) => format!("back: {now}\n"),
                    (_, None) => format!("back: `{name}` is gone\n"),
                });
                answer
            }
            Err(why) => Answer::say(format!("{why}\n")),
        }
    }

    fn delete(&mut self, name: &str) -> Answer {
        let Some(key) = buffer::key_of(self.buffer.text(), name) else {
            return Answer::say(format!("there is no `{name}`\n"));
        };
        self.take(buffer::without(self.buffer.text(), &key))
    }

    /// A whole text, to which one can go back from.
    fn take(&mut self, text: String) -> Answer {
        let answer = self.replace(&text);
        self.buffer.commit(text);
        self.learn();
        answer
    }

    fn snapshots(&mut self, word: &Word, rest: &str) -> Answer {
        let letter = rest.chars().next().filter(|c| rest.len() == 1 && ('A'..='H').contains(&c.to_ascii_uppercase()));
        let letter = letter.map(|c| c.to_ascii_uppercase());
        let none = |letter| Answer::say(format!("nothing is remembered as {letter}: `:snap {letter}` does it\n"));
        match (word.name, letter) {
            ("snap", Some(letter)) => {
                let text = self.buffer.text().to_string();
                self.snaps.insert(letter, text.clone());
                self.session.send(Command::Snap { letter, text });
                Answer::say(format!("remembered as {letter}; `:recall {letter}` goes back to it\n"))
            }
            ("recall", Some(letter)) => match self.snaps.get(&letter).cloned() {
                Some(text) => self.take(text),
                None => none(letter),
            },
            ("diff", Some(letter)) => match self.snaps.get(&letter) {
                Some(text) => Answer::say(differs(text, self.buffer.text())),
                None => none(letter),
            },
            ("diff", None) if rest.is_empty() => {
                let saved = read_text(Path::new(&self.file)).unwrap_or_default();
                Answer::say(differs(&saved, self.buffer.text()))
            }
            _ => Answer::say(format!("write `:{} {}`: {}\n", word.name, word.takes, word.doc)),
        }
    }

    fn save(&mut self, rest: &str) -> String {
        if rest.is_empty() && self.file == super::UNNAMED {
            return "write `:save FILE`: this text has no file yet\n".into();
        }
        let file = if rest.is_empty() { self.file.as_str() } else { rest };
        let done = crate::cli::work::write_whole(file, self.buffer.text());
        match done {
            Ok(()) if file == self.file => {
                let file = file.to_string();
                self.saved = self.buffer.text().to_string();
                format!("saved {file}\n")
            }
            Ok(()) => format!("saved {file}\n"),
            Err(why) => format!("{file} cannot be written: {why}\n"),
        }
    }

    fn read_anew(&mut self, rest: &str) -> Answer {
        let file = if rest.is_empty() { self.file.clone() } else { rest.to_string() };
        if file == super::UNNAMED {
            return Answer::say("write `:load FILE`\n");
        }
        match read_text(Path::new(&file)) {
            Ok(text) => {
                let mut answer = if file == self.file {
                    self.saved.clone_from(&text);
                    self.take(text)
                } else {
                    self.open(file.clone(), text)
                };
                answer.text.push_str(&format!("loaded {file}\n"));
                answer
            }
            Err(why) => Answer::say(format!("{file}: {why}\n")),
        }
    }
}

fn differs(old: &str, new: &str) -> String {
    let lines = buffer::difference(old, new);
    if lines.is_empty() { "nothing differs\n".into() } else { lines }
}

fn number(text: &str) -> Option<Ratio> {
    text.parse::<f64>().ok().filter(|x| x.is_finite() && x.abs() < 1e6).map(Ratio::from_f64)
}

/// Bars as musicians count them, from 1.
fn bar(text: &str) -> Option<Ratio> {
    Some(number(text)? - Ratio::int(1))
}

/// The command of the runtime that a word stands for, if its arguments make sense.
fn command(word: &str, rest: &str) -> Option<Command> {
    let mut parts = rest.split_whitespace();
    let (first, second) = (parts.next(), parts.next());
    let launch = |launch: bool| {
        Some(Command::Perform(Perform::Launch { path: first?.to_string(), launch, legato: false, at: None }))
    };
    let perform = match word {
        "play" => return Some(Command::Play),
        "pause" => return Some(Command::Pause),
        "hush" => return Some(Command::Hush),
        "keep" if !rest.is_empty() => return Some(Command::Keep(rest.into())),
        "panic" => return Some(Command::Panic),
        "learn" => return Some(Command::Learn(Some(first?.to_string()))),
        "seek" => return Some(Command::Seek(bar(first?)?)),
        "set" => return Some(Command::Param { name: first?.to_string(), value: second?.parse().ok()? }),
        "launch" => return launch(true),
        "stop" => return launch(false),
        "loop" if first? == "off" => Perform::Loop(None),
        "loop" => {
            let (from, to) = (bar(first?)?, bar(second?)?);
            (from < to).then_some(Perform::Loop(Some((from, to))))?
        }
        "tap" => Perform::Tap,
        "nudge" => Perform::Nudge(first?.parse().ok().filter(|ms: &f64| ms.is_finite())?),
        "cue" => Perform::Cue(first?.to_string()),
        "setcue" => Perform::SetCue(first?.to_string()),
        "count-in" => Perform::CountIn(number(first?)?),
        "metronome" => Perform::Metronome(match first? {
            "on" => true,
            "off" => false,
            _ => return None,
        }),
        _ => return None,
    };
    Some(Command::Perform(perform))
}

/// What is said when a command was sent and nothing was wrong with it.
fn done(word: &str, rest: &str) -> String {
    match word {
        "play" => "time goes on\n".into(),
        "pause" => "time stands still; `:play` goes on\n".into(),
        "hush" => "hushed; the next edit or `:play` goes on\n".into(),
        "panic" => "silent, and everything begins anew; the next edit or `:play` goes on\n".into(),
        "seek" => format!("at bar {rest}\n"),
        "set" => format!("{} until the text says otherwise\n", rest.replacen(' ', " is ", 1)),
        "learn" => format!("move what is to move {rest}\n"),
        "launch" | "stop" => format!("{word}: {rest}\n"),
        "loop" if rest == "off" => "round no longer\n".into(),
        "loop" => format!("round from bar {}\n", rest.replacen(' ', " to bar ", 1)),
        "nudge" => format!("{rest} ms over the next bar\n"),
        "cue" => format!("at `{rest}`\n"),
        "setcue" => format!("`:cue {rest}` comes back here\n"),
        "count-in" => format!("{rest} bars, then from the beginning of this one\n"),
        "metronome" => format!("the click is {rest}\n"),
        // The tempo is told when there is one.
        _ => String::new(),
    }
}

fn help(rest: &str) -> String {
    let rest = rest.trim_start_matches(':');
    let rows = WORDS.iter().filter(|word| rest.is_empty() || word.name.starts_with(rest));
    let rows: Vec<Vec<String>> =
        rows.map(|w| vec![format!("  :{}", w.name), w.takes.to_string(), w.doc.to_string()]).collect();
    let also = "\n  A statement takes the place of the one with its name. An expression alone is what `out` plays. `launch x`, `stop x`,\n  \
        `mute x` and `solo x` are done once. Tab completes, Ctrl-R searches what was typed, Ctrl-C gives up a line.\n";
    format!("{}{}", terminal::table(&rows), if rest.is_empty() { also } else { "" })
}

fn devices() -> String {
    let row = |d: device::DeviceInfo| vec![if d.default { "*" } else { "" }.to_string(), d.name, d.host, d.description];
    terminal::table(&device::list().into_iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_understood_or_says_what_it_takes() {
        assert_eq!(command("seek", "3"), Some(Command::Seek(Ratio::int(2))));
        assert_eq!(command("loop", "1 5"), Some(Command::Perform(Perform::Loop(Some((Ratio::ZERO, Ratio::int(4)))))));
        assert_eq!(command("loop", "off"), Some(Command::Perform(Perform::Loop(None))));
        assert_eq!(command("metronome", "on"), Some(Command::Perform(Perform::Metronome(true))));
        for (word, rest) in
            [("seek", ""), ("seek", "x"), ("loop", "5 1"), ("loop", ""), ("metronome", "maybe"), ("set", "a")]
        {
            assert_eq!(command(word, rest), None, "{word} {rest}");
        }
        for (word, rest) in
            [("nudge", "-3"), ("cue", "drop"), ("setcue", "drop"), ("count-in", "1"), ("tap", ""), ("set", "a 1")]
        {
            assert!(command(word, rest).is_some(), "{word} {rest}");
        }
    }
}
