//! The address space: what can be said to a program, and what it can be asked.
//!
//! It is made of the program's names, so it is as the text is: `bass.cutoff` is `/bass/cutoff`, the clip `fill` of `drums` is
//! `/drums/clip/fill`, `osc('/deck/cut')` is `/deck/cut`. Commands of transport have fixed addresses, which come first where a name is
//! the same.
//!
//! An address with a value is asked by a message without arguments. One that does something once does it for a message without
//! arguments, or with one that is not 0; 0 is a button that is let go.

use modurust_compiler::lang::distance;
use modurust_compiler::lang::units::Dim;
use modurust_compiler::program::{Knob, Program};
use rosc::address::{Matcher, OscAddress};
use std::collections::BTreeMap;

/// What an address stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A parameter by its name.
    Param(String),
    /// The clip that a track plays; its name launches another.
    Clip(String),
    /// Launches a clip, scene or song by its path.
    Launch(String),
    /// Stops one.
    Stop(String),
    /// The scene of now; its name launches another.
    Scene,
    /// The song of now; its name launches another.
    Song,
    /// Launches what is named.
    LaunchNamed,
    /// Stops what is named, or all that was launched.
    StopNamed,
    /// Time goes on.
    Play,
    /// Time stands still.
    Pause,
    /// Silence until the next edit.
    Hush,
    /// The same at once.
    Panic,
    /// A tap on the beat.
    Tap,
    /// The position in bars, counted from 1; a value jumps there.
    Seek,
    /// Beats per minute.
    Tempo,
    /// Pushes time by milliseconds.
    Nudge,
    /// A click on every beat.
    Metronome,
    /// Whether a strip is heard alone, with others that are.
    Solo(String),
    /// Puts statements into the text.
    Eval,
    /// Whether time goes on.
    Playing,
    /// Peak and level of a strip.
    Meter(String),
    /// The spectrum of the whole.
    Spectrum,
    /// Lists addresses.
    List,
    /// How the session fares.
    Status,
    /// What came by OSC.
    Counters,
    /// The version of this program.
    Version,
    /// Sends a value again and again.
    Subscribe,
    /// No longer.
    Unsubscribe,
}

impl Target {
    /// True for what is done once and has no value.
    pub fn is_trigger(&self) -> bool {
        use Target::*;
        matches!(self, Launch(_) | Stop(_) | StopNamed | Play | Pause | Hush | Panic | Tap)
    }
}

/// What may be done with an address, in the words of OSCQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Asked.
    Read = 1,
    /// Told.
    Write = 2,
    /// Both.
    Both = 3,
}

/// An address.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// What it stands for. Of several all are told, and the first is asked.
    pub targets: Vec<Target>,
    /// Type tags of its value.
    pub tags: &'static str,
    /// What may be done with it.
    pub access: Access,
    /// From where to where it goes; values beyond are brought back to it.
    pub range: Option<(f32, f32)>,
    /// Names that it takes.
    pub names: Vec<String>,
    /// What it is measured in, in the words of OSCQuery.
    pub unit: Option<&'static str>,
    /// What it is, in a line.
    pub doc: String,
}

/// All addresses of a program, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Space {
    places: BTreeMap<String, Place>,
}

/// Address, target, type tags, access, range, and what it is.
type Fixed = (&'static str, Target, &'static str, Access, Option<(f32, f32)>, &'static str);

/// Addresses that every program has.
#[rustfmt::skip]
const FIXED: &[Fixed] = &[
    ("/play", Target::Play, "", Access::Write, None, "time goes on; ends a hush"),
    ("/pause", Target::Pause, "", Access::Write, None, "time stands still"),
    ("/hush", Target::Hush, "", Access::Write, None, "silence until the next edit, or until it plays on"),
    ("/panic", Target::Panic, "", Access::Write, None, "silence at once, and all sound starts anew"),
    ("/tap", Target::Tap, "", Access::Write, None, "a tap on the beat; from the second on they set the tempo"),
    ("/seek", Target::Seek, "f", Access::Both, Some((1.0, 1e6)), "position in bars, counted from 1; a value jumps there"),
    ("/tempo", Target::Tempo, "f", Access::Both, Some((1.0, 999.0)), "beats per minute"),
    ("/nudge", Target::Nudge, "f", Access::Write, Some((-10_000.0, 10_000.0)), "pushes time so many milliseconds later over the next bar"),
    ("/metronome", Target::Metronome, "i", Access::Write, Some((0.0, 1.0)), "a click on every beat, which is not recorded"),
    ("/playing", Target::Playing, "i", Access::Read, Some((0.0, 1.0)), "1 while time goes on"),
    ("/launch", Target::LaunchNamed, "s", Access::Write, None, "launches a clip, scene or song by its name: drums.fill"),
    ("/stop", Target::StopNamed, "s", Access::Write, None, "stops a clip, scene or song by its name, or all of them"),
    ("/subscribe", Target::Subscribe, "sf", Access::Write, None, "sends the value of an address so many times a second, for a minute"),
    ("/unsubscribe", Target::Unsubscribe, "s", Access::Write, None, "sends it no longer"),
    ("/eval", Target::Eval, "s", Access::Write, None, "puts statements into the text, and answers what comes of it"),
    ("/modurust/list", Target::List, "s", Access::Write, None, "lists addresses, all or those that begin so"),
    ("/modurust/status", Target::Status, "", Access::Write, None, "how the session fares, as pairs of names and values"),
    ("/modurust/counters", Target::Counters, "", Access::Write, None, "what came by OSC and what became of it"),
    ("/modurust/version", Target::Version, "", Access::Write, None, "the version of this program"),
    ("/master/spectrum", Target::Spectrum, "fffffffffffffffffffffffffffffff", Access::Read, None, "the whole by thirds of octaves from 20 Hz up, in dB"),
];

fn params(program: &Program) -> impl Iterator<Item = &str> {
    program.patch.graph.params.iter().map(|param| &*param.name)
}

fn knob_of<'a>(program: &'a Program, name: &str) -> Option<&'a Knob> {
    program.knobs.binary_search_by(|knob| (*knob.name).cmp(name)).ok().map(|at| &program.knobs[at])
}

fn range_of(program: &Program, name: &str) -> Option<(f32, f32)> {
    knob_of(program, name).and_then(|knob| knob.range)
}

/// Another way to say an address, and whether it asks: `/param/bass.cutoff` and `/track/bass/level` tell, `/get/bass.cutoff` asks. A name
/// without a slash is one of the text.
pub fn meant(address: &str) -> Option<(String, bool)> {
    let rest = |prefix: &str| {
        address.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(|rest| format!("/{}", part(rest)))
    };
    let told = rest("/param/").or_else(|| rest("/track/")).map(|address| (address, false));
    told.or_else(|| rest("/get/").map(|address| (address, true)))
}

/// A part of an address from a name.
pub(super) fn part(name: &str) -> String {
    name.replace('.', "/")
}

impl Space {
    /// The addresses of a program.
    pub fn of(program: &Program) -> Space {
        let mut space = Space::default();
        for (address, target, tags, access, range, doc) in FIXED {
            space.add(address, target.clone(), (tags, *access), *range, doc.to_string());
        }
        let timeline = &program.timeline;
        for strip in timeline.strips.iter().map(String::as_str).filter(|s| *s != "master").chain(["master"]) {
            let doc = format!("peaks left and right since the last time, levels left and right of `{strip}`");
            space.add(&format!("/{strip}/meter"), Target::Meter(strip.into()), ("ffff", Access::Read), None, doc);
            if strip != "master" {
                let (solo, doc) =
                    (Target::Solo(strip.into()), format!("1 lets `{strip}` be heard alone, or with others that are"));
                space.add(&format!("/{strip}/solo"), solo, ("i", Access::Both), Some((0.0, 1.0)), doc);
            }
        }
        for set in &timeline.sets {
            let track = if set.strip.is_empty() { &set.binding } else { &set.strip };
            let address = format!("/{track}/clip");
            let doc = format!("the clip that `{track}` plays; a name launches another");
            space.add(&address, Target::Clip(track.clone()), ("s", Access::Both), None, doc);
            if let Some(place) = space.places.get_mut(&address) {
                place.names = set.clips.iter().map(|clip| clip.name.clone()).collect();
            }
            for clip in &set.clips {
                let path = format!("{track}.{}", clip.name);
                let doc = format!("launches `{path}`");
                let address = format!("/{track}/clip/{}", clip.name);
                space.add(&address, Target::Launch(path), ("", Access::Write), None, doc);
            }
            let doc = format!("stops what `{track}` plays");
            space.add(&format!("/{track}/stop"), Target::Stop(track.clone()), ("", Access::Write), None, doc);
        }
        let scenes = timeline.scenes.iter().map(|scene| &scene.name);
        space.launches("/scene", Target::Scene, "scene", scenes.cloned().collect());
        let songs = timeline.arrangements.iter().map(|song| &song.name);
        space.launches("/song", Target::Song, "song", songs.cloned().collect());
        let crossfader = ["xfade", "cross"].into_iter().find(|name| params(program).any(|param| param == *name));
        if let Some(name) = crossfader {
            let doc = format!("the crossfader `{name}`");
            let range = range_of(program, name).or(Some((0.0, 1.0)));
            space.add("/xfade", Target::Param(name.into()), ("f", Access::Both), range, doc);
        }
        for name in params(program).filter(|name| !name.is_empty() && !name.contains('#')) {
            space.param(program, name);
        }
        space
    }

    fn add(
        &mut self,
        address: &str,
        target: Target,
        (tags, access): (&'static str, Access),
        range: Option<(f32, f32)>,
        doc: String,
    ) {
        // The first of a name is meant.
        let place = Place { targets: vec![target], tags, access, range, names: Vec::new(), unit: None, doc };
        self.places.entry(address.to_string()).or_insert(place);
    }

    /// `/scene`, and `/scene/drop` for each of them.
    fn launches(&mut self, address: &str, target: Target, what: &str, names: Vec<String>) {
        if names.is_empty() {
            return;
        }
        for name in &names {
            let doc = format!("launches the {what} `{name}`");
            self.add(&format!("{address}/{name}"), Target::Launch(name.clone()), ("", Access::Write), None, doc);
        }
        self.add(address, target, ("s", Access::Both), None, format!("the {what} of now; a name launches another"));
        if let Some(place) = self.places.get_mut(address) {
            place.names = names;
        }
    }

    fn param(&mut self, program: &Program, name: &str) {
        let outside = name.strip_prefix("osc/");
        let address = format!("/{}", outside.map_or_else(|| part(name), str::to_string));
        let knob = knob_of(program, name);
        let strip = name
            .rsplit_once('.')
            .filter(|(strip, _)| *strip == "master" || program.timeline.strips.iter().any(|known| known == strip));
        let (range, doc) = match strip.map(|(_, control)| control) {
            Some("pan") => (Some((-1.0, 1.0)), "from left to right".to_string()),
            Some("mute") => (Some((0.0, 1.0)), "1 is silent".to_string()),
            Some("level") => (None, "the fader, a factor: 1 as the text says".to_string()),
            _ if outside.is_some() => (None, format!("what the text hears as `osc('{address}')`")),
            _ => (None, format!("the number `{name}`")),
        };
        let unit = match knob.map(|knob| knob.dim) {
            Some(Dim::Frequency) => Some("frequency.hz"),
            Some(Dim::Time) => Some("time.second"),
            Some(Dim::Angle) => Some("angle.radian"),
            _ => None,
        };
        let place = Place {
            targets: vec![Target::Param(name.to_string())],
            tags: "f",
            access: Access::Both,
            range: knob.and_then(|knob| knob.range).or(range),
            names: Vec::new(),
            unit,
            doc,
        };
        match self.places.get_mut(&address) {
            // A path of the text's own choice may be that of something else: both are told.
            Some(there) if outside.is_some() && there.tags == "f" => there.targets.extend(place.targets),
            Some(_) => {}
            None => drop(self.places.insert(address, place)),
        }
    }

    /// What an address stands for.
    pub fn get(&self, address: &str) -> Option<&Place> {
        self.places.get(address)
    }

    /// Every address, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.places.iter().map(|(address, place)| (address.as_str(), place))
    }

    /// The addresses that a pattern of OSC means, such as `/*/mute` or `/{bass,drums}/level`; one that is no pattern means itself.
    pub fn matching<'a>(&'a self, pattern: &str) -> Vec<(&'a str, &'a Place)> {
        if !pattern.contains(['*', '?', '[', '{']) {
            return self.places.get_key_value(pattern).map(|(a, p)| (a.as_str(), p)).into_iter().collect();
        }
        let Ok(matcher) = Matcher::new(pattern) else { return Vec::new() };
        let means =
            |address: &str| OscAddress::new(address.to_string()).is_ok_and(|address| matcher.match_address(&address));
        self.iter().filter(|(address, _)| means(address)).collect()
    }

    /// The address that was meant.
    pub fn near(&self, address: &str) -> Option<&str> {
        let all = self.places.keys().map(|known| (distance(address, known), known.as_str()));
        let (far, known) = all.min()?;
        (far <= 1 + address.len() / 5).then_some(known)
    }
}
