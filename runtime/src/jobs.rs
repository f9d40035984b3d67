//! Texts on their way to the compiler.
//!
//! Of several edits that wait only the newest is compiled, since nobody hears what has been overtaken. But what a text asks for once
//! (`launch drop`, `mute bass`, `export song to ..`) is done once, in order, even if it stood in the text for a moment only. So a text is
//! passed over only for a newer one with the same commands. Files are read when they are saved, not when the compiler has time for
//! them, so that this holds for them as well.

use crate::world::read_text;
use modurust_compiler::lang::split::{head_word, split};
use modurust_compiler::lang::token::COMMANDS;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// What a text is compiled for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be heard.
    #[default]
    Play,
    /// To be heard as what a slot holds, where a bar begins: the slot, and whether it has memory of its own.
    Switch(usize, bool),
    /// It plays already, but there is more or less time for it.
    Ease,
    /// It plays already; what is good of it is to be remembered.
    Learn,
    /// To be kept under a slot.
    Keep(usize),
}

/// What is to be compiled.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The files that play.
    pub roots: Vec<String>,
    /// Texts that are read in place of files of these names.
    pub overlays: BTreeMap<String, String>,
    /// Frames per second.
    pub rate: u32,
    /// How often factors of quality are halved ([`crate::overload::coarse`]).
    pub coarse: u8,
    /// The event that asks for it.
    pub at: Instant,
    /// Only a sound has come: what is to be said of the text has been said.
    pub quiet: bool,
    /// What for.
    pub purpose: Purpose,
    /// Counts what is to be heard.
    pub number: u64,
}

impl Job {
    /// The commands of its texts.
    fn commands(&self) -> Vec<&str> {
        let chunks = self.overlays.values().flat_map(|text| split(text));
        let asks = |text: &&str| head_word(text).is_some_and(|word| word == "launch" || COMMANDS.contains(&word));
        chunks.map(|chunk| chunk.text.trim_end()).filter(asks).collect()
    }
}

/// Jobs in the order in which they come; what is only to be kept waits until nothing is to be heard.
pub(crate) struct Jobs {
    queue: Receiver<Job>,
    next: Option<Job>,
    later: VecDeque<Job>,
}

impl Jobs {
    /// From a queue.
    pub fn new(queue: Receiver<Job>) -> Jobs {
        Jobs { queue, next: None, later: VecDeque::new() }
    }

    /// Waits for the next job to be done. `None` when nobody can send any more.
    pub fn take(&mut self) -> Option<Job> {
        let mut job = loop {
            let job = match self.next.take() {
                Some(job) => job,
                None if self.later.is_empty() => self.queue.recv().ok()?,
                None => match self.queue.try_recv() {
                    Ok(job) => job,
                    Err(_) => return self.later.pop_front(),
                },
            };
            match self.aside(job) {
                Some(job) => break job,
                None => continue,
            }
        };
        while let Ok(newer) = self.queue.try_recv() {
            let Some(newer) = self.aside(newer) else { continue };
            if job.commands() != newer.commands() {
                self.next = Some(newer);
                break;
            }
            // The event of the newest is the one that is waited for; what came for a slot waits for its bar whatever is typed meanwhile.
            let purpose = match (job.purpose, newer.purpose) {
                (switch @ Purpose::Switch(..), Purpose::Play) => switch,
                (heard @ (Purpose::Switch(..) | Purpose::Play), Purpose::Ease) => heard,
                (_, purpose) => purpose,
            };
            job = Job { quiet: newer.quiet && job.quiet, purpose, ..newer };
        }
        Some(job)
    }

    /// Puts a job that is only to be kept aside, in the place of an older one for the same slot; gives back any other.
    fn aside(&mut self, job: Job) -> Option<Job> {
        if !matches!(job.purpose, Purpose::Keep(_)) {
            return Some(job);
        }
        self.later.retain(|older| older.purpose != job.purpose);
        self.later.push_back(job);
        None
    }
}

/// The texts of files that were saved, by name; what cannot be read is left to the compiler to tell.
pub(crate) fn saved(files: &[PathBuf]) -> impl Iterator<Item = (String, String)> {
    let texts = files.iter().filter(|file| file.extension().is_some_and(|end| end == "modu"));
    texts.filter_map(|file| Some((file.to_string_lossy().into_owned(), read_text(file).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn job(overlays: BTreeMap<String, String>, purpose: Purpose) -> Job {
        Job {
            roots: Vec::new(),
            overlays,
            rate: 48_000,
            coarse: 0,
            at: Instant::now(),
            quiet: false,
            purpose,
            number: 0,
        }
    }

    #[test]
    fn what_is_kept_waits_and_a_slot_keeps_its_bar() {
        let (sender, queue) = channel();
        for purpose in [Purpose::Keep(1), Purpose::Keep(2), Purpose::Switch(3, true), Purpose::Keep(1), Purpose::Play] {
            sender.send(job(BTreeMap::new(), purpose)).unwrap();
        }
        drop(sender);
        let mut jobs = Jobs::new(queue);
        let done: Vec<Purpose> = std::iter::from_fn(|| jobs.take()).map(|job| job.purpose).collect();
        assert_eq!(done, [Purpose::Switch(3, true), Purpose::Keep(2), Purpose::Keep(1)]);
    }

    #[test]
    fn a_text_with_a_command_is_not_passed_over() {
        let (sender, queue) = channel();
        let texts = [
            "a = 1\n",
            "a = 2\n",
            "a = 2\nlaunch d.x\n",
            "a = 3\nlaunch d.x\n",
            "a = 3\n",
            "// stop\na = 4\n",
            "a = 4\nlaunch d.x\n",
            "launch d.x\na = 5\n",
            "a = 5\n/// now\nstop d\n",
        ];
        for text in texts {
            let overlays = BTreeMap::from([("song".to_string(), text.to_string())]);
            sender.send(job(overlays, Purpose::Play)).unwrap();
        }
        drop(sender);
        let mut jobs = Jobs::new(queue);
        let done: Vec<String> = std::iter::from_fn(|| jobs.take()).map(|job| job.overlays["song"].clone()).collect();
        assert_eq!(done, [texts[1], texts[3], texts[5], texts[7], texts[8]]);
    }
}
