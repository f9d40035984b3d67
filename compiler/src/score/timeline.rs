//! What a text says about a performance: clips, scenes, arrangements, automation, commands.
//!
//! Plain data, elaborated from the text by `front/timeline.rs`: names are resolved to numbers, lengths are exact, and everything
//! knows its [`Place`]. Nothing here runs. A [`ClipSet`] appears in the score as one pattern (`ScoreBuilder::clips`), or as the
//! pattern of its clip's number (`ScoreBuilder::clip_index`) where its clips are signals; which clip that is, is the scheduler's
//! business. A reference that leads nowhere was told to the user and is left out here.
//!
//! Numbers refer to each other only inside one [`Timeline`]: after an edit, things are found again by name.

use super::tempo::TempoMap;
use super::{Curve, PatId, Ratio};
use modurust_lang::{FileId, Span};

/// Where something was written; the span counts from the start of the file.
///
/// All places are equal: a text whose lines have moved says the same, and nothing has to change when it is played.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The bytes.
    pub span: Span,
}

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl Eq for Place {}

/// A length of time, exact, as it was written: musical lengths follow the tempo, seconds do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Bars (one bar is one cycle of a pattern). Beats and note values are fractions of a bar of the session's meter.
    Bars(Ratio),
    /// Seconds.
    Seconds(Ratio),
}

impl Length {
    /// One bar.
    pub const BAR: Length = Length::Bars(Ratio::ONE);

    /// In bars at a tempo: `bars_per_second` is `bpm / 60 / beats_per_bar`.
    pub fn bars(self, bars_per_second: Ratio) -> Ratio {
        match self {
            Length::Bars(bars) => bars,
            Length::Seconds(seconds) => seconds * bars_per_second,
        }
    }
}

/// Index into [`Timeline::sets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(pub u32);

/// A `clips { .. }` block: one of its clips plays, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipSet {
    /// The track or bus that it was elaborated for; empty in a definition that no strip asked for.
    pub strip: String,
    /// The binding that it is written in: the strip itself, or a definition.
    pub binding: String,
    /// In the order of the text; never empty.
    pub clips: Vec<Clip>,
    /// The word `clips` and its block.
    pub place: Place,
}

impl ClipSet {
    /// The index of a clip.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.clips.iter().position(|clip| clip.name == name).map(|i| i as u32)
    }
}

/// A clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Its name, unique in its set.
    pub name: String,
    /// Its pattern, or `None` if it is a signal (in the graph, behind the number of the set's clip).
    pub pattern: Option<PatId>,
    /// How long it plays before it goes on; `None`: until something else is launched.
    pub length: Option<Length>,
    /// How it goes on after `length`, by weight; empty: it stays.
    pub then: Vec<Choice>,
    /// Its name in the text.
    pub place: Place,
}

/// One weighted way to go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Where to.
    pub to: Follow,
    /// Its share; 0 is never.
    pub weight: f64,
    /// The name in the text.
    pub place: Place,
}

/// Where a clip or scene goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// A clip of the same set, or a scene of the same session, by its index.
    To(u32),
    /// The one after it in the text, the first after the last.
    Next,
    /// The one before it in the text, the last before the first.
    Prev,
    /// Any other, by equal chance.
    Any,
    /// The same from its beginning.
    Again,
    /// Nothing.
    Stop,
}

/// A scene: what each of its tracks plays.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Its name.
    pub name: String,
    /// In the order of the text. A track that is not named goes on with what it plays.
    pub slots: Vec<Slot>,
    /// How long it plays before it goes on.
    pub length: Option<Length>,
    /// How it goes on.
    pub then: Vec<Choice>,
    /// Its name in the text.
    pub place: Place,
}

/// A track of a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// The set that is told what to play.
    pub set: SetId,
    /// The clip, `None` for `off`.
    pub clip: Option<u32>,
    /// From its beginning, also where a song plays the clip already.
    pub again: bool,
    /// The slot in the text.
    pub place: Place,
}

/// A song: sections one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrangement {
    /// Its name; `song` if it has none of its own.
    pub name: String,
    /// In time.
    pub sections: Vec<Section>,
    /// Its name or word in the text.
    pub place: Place,
}

/// A line of an arrangement.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// What plays.
    pub play: Play,
    /// How long.
    pub length: Length,
    /// Crossfade into it from the section before.
    pub xfade: Option<Length>,
    /// What moves while it plays; times count from its beginning.
    pub lanes: Vec<Lane>,
    /// Its name in the text.
    pub place: Place,
}

/// What a section plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// A scene, by its index.
    Scene(u32),
    /// Another arrangement, by its index; never itself, directly or through others.
    Arrangement(u32),
}

/// A value that moves during a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// What moves.
    pub target: Target,
    /// How. A line without `over` lasts as long as the section.
    pub motion: Motion,
    /// The lane in the text.
    pub place: Place,
}

/// What a lane or automation moves. All values are as the code wants them: hertz, seconds, linear gain, semitones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A parameter, by its index in `Program::params`. Strips have `x.level` (linear), `x.pan` (-1 to 1) and `x.mute` (0, 1).
    Param(u32),
    /// The tempo, beats per minute.
    Tempo,
}

/// How a value moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Motion {
    /// From one value to another, along a curve; gains and notes move evenly in dB and semitones.
    Line {
        /// At the beginning.
        from: f64,
        /// At the end.
        to: f64,
        /// How long; `None`: as long as the section.
        over: Option<Length>,
        /// Along which curve.
        curve: Curve,
    },
    /// A pattern; one cycle is one bar of the section.
    Pattern(PatId),
    /// One value all the time.
    Fixed(f64),
}

/// `automate path { .. }`: a value that moves along points in the time of the session or song.
#[derive(Clone, Debug, PartialEq)]
pub struct Automation {
    /// What moves.
    pub target: Target,
    /// Rising in time.
    pub points: Vec<Point>,
    /// Its path in the text.
    pub place: Place,
}

/// `map source -> path range`: something outside that moves a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Its path: `cc/74`, `bend`, `osc/deck/cut`. It goes from 0 to 1, the wheel from -1 to 1.
    pub source: String,
    /// What moves.
    pub target: Target,
    /// Where it stands at the least.
    pub from: f32,
    /// Where it stands at the most.
    pub to: f32,
    /// The way between.
    pub curve: Curve,
    /// Its path in the text.
    pub place: Place,
}

/// A point of an automation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When, from the start of the song.
    pub at: Length,
    /// Which value.
    pub value: f64,
    /// In place of the value: what moves from here to the next point. One cycle is one bar, counted from the start of the song.
    pub pattern: Option<PatId>,
    /// How it is reached from the point before.
    pub curve: Curve,
    /// The point in the text.
    pub place: Place,
}

/// A thing done once: when its line is evaluated, or is new in a watched file.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What is done.
    pub action: Action,
    /// When.
    pub at: When,
    /// Equal for equal lines; the second of two equal lines in a session has a key of its own. A line is new if no command of
    /// the program before has its key.
    pub key: u64,
    /// The command in the text.
    pub place: Place,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `launch drums.fill`
    LaunchClip(SetId, u32),
    /// `launch drop`
    LaunchScene(u32),
    /// `launch song`
    LaunchArrangement(u32),
    /// `play song from 16bars to 24bars`: jumps there, as if played from its start; with `to` it goes round.
    PlayArrangement {
        /// The song.
        song: u32,
        /// Where it begins, from the song's start.
        from: Length,
        /// Where the loop ends.
        to: Option<Length>,
    },
    /// `stop drums`
    StopSet(SetId),
    /// `stop drop`: all tracks of a scene.
    StopScene(u32),
    /// `stop song`
    StopArrangement(u32),
    /// `mute bass`: the strip's name. A second `mute` of the same strip is written with `launch`, or its line is removed.
    Mute(String),
    /// `solo bass`
    Solo(String),
    /// `record master to 'take.wav'`: a strip, `master`, or [`ALL`] into a folder.
    Record {
        /// What.
        strip: String,
        /// The path of the file; what is written counts from the folder of the text.
        file: String,
        /// Every strip into a file of its own beside it.
        stems: bool,
        /// With what was played before.
        preroll: bool,
    },
    /// `export song to 'set.wav' stems`: faster than real time.
    Export {
        /// What.
        what: Exported,
        /// The path of the file; what is written counts from the folder of the text.
        file: String,
        /// Every strip into a file of its own beside it.
        stems: bool,
    },
}

/// What is recorded if it is every strip.
pub const ALL: &str = "all";

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exported {
    /// An arrangement, as long as it is.
    Arrangement(u32),
    /// A scene.
    Scene(u32),
    /// A strip, or `master`.
    Strip(String),
}

/// When a command takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At the next multiple of the session's `quantise`.
    Quantised,
    /// At once.
    Now,
    /// At the next multiple of a length.
    Next(Length),
}

/// What the settings of a session say about time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// When an edit and a launch take effect: at the next multiple of it; `None` for at once.
    pub quantise: Option<Length>,
    /// How long an exchange of code fades.
    pub xfade: Length,
    /// The tempo as a pattern of beats per minute, where it is not one number; `Timing::bpm` is its first value.
    pub tempo: Option<Motion>,
    /// Follow the clock of others.
    pub link: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { quantise: None, xfade: Length::Seconds(Ratio::new(20, 1000)), tempo: None, link: false }
    }
}

/// Everything that a session says about a performance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Clip sets, in the order in which they were met.
    pub sets: Vec<ClipSet>,
    /// Scenes, in the order of the text.
    pub scenes: Vec<Scene>,
    /// Arrangements, in the order of the text.
    pub arrangements: Vec<Arrangement>,
    /// Automations, in the order of the text.
    pub automations: Vec<Automation>,
    /// What things outside move.
    pub mappings: Vec<Mapping>,
    /// Commands, in the order of the text.
    pub commands: Vec<Command>,
    /// Settings.
    pub settings: Settings,
    /// Tempo and meter by position.
    pub tempo: TempoMap,
    /// Names of tracks, then of buses, each in the order of the text: what can be muted, soloed, recorded.
    pub strips: Vec<String>,
    /// Which strip sends to which bus.
    pub feeds: Vec<(String, String)>,
}

impl Timeline {
    /// True if tracks are summed as they are: there is no `bus master` that says what is to be done with them. `out` alone is a
    /// wire, not a track.
    pub fn leaves_master_open(&self) -> bool {
        !self.strips.is_empty() && !self.strips.iter().any(|name| name == "master")
    }

    /// The sets of a strip, or of a definition.
    pub fn sets_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = SetId> + 'a {
        let named = move |set: &ClipSet| set.strip == name || set.binding == name;
        (0..).map(SetId).zip(&self.sets).filter(move |(_, set)| named(set)).map(|(id, _)| id)
    }

    /// Calls `f` with every place.
    pub fn places(&mut self, mut f: impl FnMut(&mut Place)) {
        for set in &mut self.sets {
            f(&mut set.place);
            for clip in &mut set.clips {
                f(&mut clip.place);
                clip.then.iter_mut().for_each(|choice| f(&mut choice.place));
            }
        }
        for scene in &mut self.scenes {
            f(&mut scene.place);
            scene.slots.iter_mut().for_each(|slot| f(&mut slot.place));
            scene.then.iter_mut().for_each(|choice| f(&mut choice.place));
        }
        for arrangement in &mut self.arrangements {
            f(&mut arrangement.place);
            for section in &mut arrangement.sections {
                f(&mut section.place);
                section.lanes.iter_mut().for_each(|lane| f(&mut lane.place));
            }
        }
        for automation in &mut self.automations {
            f(&mut automation.place);
            automation.points.iter_mut().for_each(|point| f(&mut point.place));
        }
        self.mappings.iter_mut().for_each(|mapping| f(&mut mapping.place));
        self.commands.iter_mut().for_each(|command| f(&mut command.place));
    }

    /// A scene by its name.
    pub fn scene(&self, name: &str) -> Option<u32> {
        self.scenes.iter().position(|scene| scene.name == name).map(|i| i as u32)
    }

    /// An arrangement by its name.
    pub fn arrangement(&self, name: &str) -> Option<u32> {
        self.arrangements.iter().position(|a| a.name == name).map(|i| i as u32)
    }

    /// The set of an index.
    pub fn set(&self, id: SetId) -> Option<&ClipSet> {
        self.sets.get(id.0 as usize)
    }
}
