//! Commands: from `launch drop at next bar` to what is done, once, and to whom.
//!
//! A name that leads nowhere is an error with the nearest name that is there; what a verb cannot do with a thing is told with a line
//! that it can.

use crate::front::elab::Elab;
use crate::front::scope::Origin;
use crate::front::timeline::dotted;
use crate::front::value::{hash_text, mix};
use crate::score::Ratio;
use crate::score::timeline::*;
use modurust_lang::ast::{self, At, Item};
use rustc_hash::FxHashMap as HashMap;

impl<'a> Elab<'a> {
    /// Tracks whose clips nothing of the text launches. Without a launch and a song every track plays its first clip.
    pub(super) fn tell_unlaunched(&mut self) {
        let timeline = &self.timeline;
        let launches = |action: &Action| {
            matches!(action, Action::LaunchClip(..) | Action::LaunchScene(_) | Action::LaunchArrangement(_))
        };
        if timeline.arrangements.is_empty() && !timeline.commands.iter().any(|c| launches(&c.action)) {
            return;
        }
        let in_scene = |set: SetId| timeline.scenes.iter().flat_map(|s| &s.slots).any(|s| s.set == set);
        let launched = |set: SetId| {
            timeline.commands.iter().any(|c| matches!(&c.action, Action::LaunchClip(launched, _) if *launched == set))
        };
        let sets = (0..).map(SetId).zip(&timeline.sets);
        let unheard = sets.filter(|(id, set)| !set.strip.is_empty() && !in_scene(*id) && !launched(*id));
        let unheard: Vec<_> = unheard.map(|(_, s)| (s.place, s.strip.clone(), s.clips[0].name.clone())).collect();
        for (place, strip, clip) in unheard {
            self.at = Origin { file: place.file, offset: 0, library: false };
            let message = format!("no clip of `{strip}` plays: the text launches others");
            self.warn("silent", place.span, message).help =
                Some(format!("write `launch {strip}.{clip}`, or put one of its clips into a scene"));
        }
    }

    pub(super) fn command(&mut self, command: &'a ast::Command, keys: &mut HashMap<u64, u64>) {
        let scope = self.root;
        let at = match &command.at {
            None => When::Quantised,
            Some(At::Now) => When::Now,
            Some(At::Next(length)) => match self.length(scope, length) {
                Some(length) => When::Next(length),
                None => return,
            },
        };
        let Some(action) = self.action(command) else { return };
        let span = command.path.last().map_or(command.verb.span, |p| command.verb.span.to(p.span));
        let text = hash_text(&modurust_lang::print::print_item(&Item::Command(command.clone())));
        let nth = keys.entry(text).or_insert(0);
        let key = mix(text, *nth);
        *nth += 1;
        let place = self.place_of(span);
        self.timeline.commands.push(Command { action, at, key, place });
    }

    fn action(&mut self, command: &'a ast::Command) -> Option<Action> {
        let verb = command.verb.name.as_str();
        let (first, rest) = command.path.split_first()?;
        let name = &first.name;
        if matches!(verb, "record" | "export") && command.to.is_none() {
            let path = dotted(&command.path);
            self.error("syntax", command.verb.span, format!("`{verb}` wants a file to write")).help =
                Some(format!("write `{verb} {path} to 'take.wav'`"));
            return None;
        }
        if let Some(extra) = rest.get(usize::from(verb == "launch")) {
            self.error("syntax", extra.span, format!("`{verb}` does not go so deep")).help = Some(match verb {
                "launch" => "write `launch drums.fill` or `launch drop`".into(),
                _ => format!("write `{verb} {name}`"),
            });
            return None;
        }
        let file = command.to.as_ref().map_or(String::new(), |file| self.sources_dir(file));
        let stems = command.stems;
        let scene = self.timeline.scene(name);
        let song = self.timeline.arrangement(name);
        let sets: Vec<SetId> = self.timeline.sets_of(name).collect();
        let strip = name == "master" || self.timeline.strips.contains(name);
        match verb {
            "launch" => {
                if let Some(clip) = rest.first() {
                    let set = self.set_named(first, Some(clip))?;
                    return Some(Action::LaunchClip(set, self.clip_named(set, clip)?));
                }
                if let Some(scene) = scene {
                    return Some(Action::LaunchScene(scene));
                }
                if let Some(song) = song {
                    return Some(Action::LaunchArrangement(song));
                }
                if let Some(set) = sets.first().and_then(|set| self.timeline.set(*set)) {
                    let clip = set.clips[0].name.clone();
                    self.error("name", first.span, format!("which clip of `{name}`?")).help =
                        Some(format!("write `launch {name}.{clip}`"));
                    return None;
                }
            }
            "play" => {
                if let Some(song) = song {
                    return self.play(command, song);
                }
            }
            "stop" => {
                if let Some(&set) = sets.first() {
                    return Some(Action::StopSet(set));
                }
                if let Some(scene) = scene {
                    return Some(Action::StopScene(scene));
                }
                if let Some(song) = song {
                    return Some(Action::StopArrangement(song));
                }
                if strip && name != "master" {
                    self.set_named(first, None);
                    return None;
                }
            }
            "mute" if strip => return Some(Action::Mute(name.clone())),
            "solo" if strip => return Some(Action::Solo(name.clone())),
            "record" if strip || name == ALL => {
                return Some(Action::Record { strip: name.clone(), file, stems, preroll: command.preroll });
            }
            "export" => {
                let strip = strip.then(|| Exported::Strip(name.clone()));
                let what = song.map(Exported::Arrangement).or(scene.map(Exported::Scene)).or(strip);
                if let Some(what) = what {
                    return Some(Action::Export { what, file, stems });
                }
            }
            _ => {}
        }
        let timeline = &self.timeline;
        let scenes = timeline.scenes.iter().map(|s| s.name.clone());
        let songs = timeline.arrangements.iter().map(|a| a.name.clone());
        let tracks = timeline.strips.iter().cloned();
        let (what, known): (&str, Vec<String>) = match verb {
            "launch" => ("scene", scenes.chain(songs).collect()),
            "stop" => ("track or scene", tracks.chain(scenes).chain(songs).collect()),
            "play" => ("song", songs.collect()),
            "export" => ("song, scene or track", songs.chain(scenes).chain(tracks).collect()),
            _ => ("track", tracks.collect()),
        };
        self.missing(what, first, &known);
        None
    }

    /// `play song from 16bars to 24bars`
    fn play(&mut self, command: &'a ast::Command, song: u32) -> Option<Action> {
        let scope = self.root;
        let (from, to) = match &command.from {
            Some((from, to)) => {
                let begin = self.position(scope, from)?;
                let end = match to {
                    Some(to) => Some((self.position(scope, to)?, to.span)),
                    None => None,
                };
                (begin, end)
            }
            None => (Length::Bars(Ratio::ZERO), None),
        };
        let per_second = self.bars_per_second();
        if let Some((to, span)) = to
            && to.bars(per_second) <= from.bars(per_second)
        {
            self.error("type", span, "the end of the loop comes before its begin").help =
                Some("write the earlier place first: `play song from 16bars to 24bars`".into());
            return None;
        }
        Some(Action::PlayArrangement { song, from, to: to.map(|to| to.0) })
    }
}
