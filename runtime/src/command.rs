//! The closed vocabulary between the two sides, and between the session and its front ends.
//!
//! Four small languages: [`EngineCommand`] goes down to the audio thread, [`EngineNotice`] comes back; [`Command`] is what a
//! front end may ask of a session, [`Notice`] what it is told. The first two are plain data of fixed size.

use crate::launcher::{Happened, Quantise, Wish};
use modurust_compiler::front::hold::Held;
use modurust_compiler::score::Ratio;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How much an edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Nothing.
    None,
    /// Numbers or tempo only.
    Number,
    /// Patterns, perhaps numbers.
    Score,
    /// Code: another graph.
    Code,
}

impl ChangeKind {
    /// In a word: `nothing`, `numbers`, `patterns`, `code`.
    pub fn word(self) -> &'static str {
        match self {
            ChangeKind::None => "nothing",
            ChangeKind::Number => "numbers",
            ChangeKind::Score => "patterns",
            ChangeKind::Code => "code",
        }
    }
}

/// From the control side to the audio thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EngineCommand {
    /// Moves a parameter, in the numbers of the program numbered `epoch`: the one that plays, or the one before it.
    Param {
        /// Number of the program.
        epoch: u64,
        /// Index of the parameter.
        index: u32,
        /// Where to, in about 5 ms.
        value: f32,
    },
    /// Time goes on; ends a hush.
    Play,
    /// Time stands still; notes end.
    Pause,
    /// Jumps to a position in bars.
    Seek(Ratio),
    /// Beats per minute, until the text changes its tempo.
    Tempo(Ratio),
    /// Pushes time by so many frames later over the next bar (negative: earlier).
    Nudge(i64),
    /// What moves outside next is told ([`EngineNotice::Moved`]), or not.
    Learn(bool),
    /// A click on every beat, which is not recorded.
    Metronome(bool),
    /// Goes round from the second position to the first, in bars, or no longer.
    Loop(Option<(Ratio, Ratio)>),
    /// Jumps so many bars before a position and is silent until it.
    CountIn {
        /// The position.
        cycle: Ratio,
        /// How many bars before.
        bars: Ratio,
    },
    /// A launch, a stop, a mute, in the numbers of the program numbered `epoch`: the one that plays, or the one before it.
    Wish {
        /// Number of the program.
        epoch: u64,
        /// What and when.
        wish: Wish,
    },
    /// Notes end and the sound fades out in 20 ms, until [`EngineCommand::Play`] or the next program.
    Hush,
    /// The same at once, and all small state starts anew.
    Panic,
}

/// From the audio thread to the control side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EngineNotice {
    /// A program plays.
    Adopted {
        /// Its number.
        epoch: u64,
        /// From this frame on.
        frame: u64,
        /// How much it changed.
        kind: ChangeKind,
    },
    /// A value of an output was not finite; it was replaced by 0. Told once per output and second at most.
    Fault {
        /// Number of the program.
        epoch: u64,
        /// Index of the output.
        out: u32,
    },
    /// Something outside has moved while somebody learns.
    Moved {
        /// Its path, as a hash ([`crate::tap::source`]).
        path: u64,
    },
    /// A command was left out: what it speaks of is not in the program that plays.
    Stale,
    /// Something was launched, or queued, or stopped.
    Happened(Happened),
}

/// What a front end may ask of a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Compile the files again, as they are now.
    Compile,
    /// Compile this text in place of the file of that name from now on (an editor's unsaved text).
    Text {
        /// The file, as it was given to the session.
        file: String,
        /// Its text.
        text: String,
    },
    /// Play these files from now on.
    Open(Vec<String>),
    /// Remember a text in the journal, for whoever goes on from there.
    Snap {
        /// As this.
        letter: char,
        /// The text.
        text: String,
    },
    /// Keep these texts compiled under a slot, beside what plays ([`crate::swap::SLOTS`] of them at most).
    Store {
        /// 0 for the first.
        slot: usize,
        /// The texts of its files.
        texts: BTreeMap<String, String>,
        /// They are what plays: the memory that sounds is the slot's from now on.
        plays: bool,
    },
    /// Play these texts where the next bar begins, or where `quantise` says: with the code that is kept for the slot if it is of these texts, or as soon
    /// as there is some.
    Switch {
        /// 0 for the first.
        slot: usize,
        /// The texts of its files.
        texts: BTreeMap<String, String>,
        /// What sounds in the slot has memory of its own, which stood still while others played; otherwise what sounds goes on in it.
        apart: bool,
    },
    /// Moves a parameter by its name: `bass.cutoff`.
    Param {
        /// Its name in the program.
        name: String,
        /// Where to.
        value: f32,
    },
    /// The next thing that moves outside is to move this number; the line for the text comes as [`Notice::Learned`]. `None` stops waiting.
    Learn(Option<String>),
    /// A key of the computer's keyboard goes down or comes up, as a note of `midi('computer')`.
    Key {
        /// 0 to 127; 60 is c4.
        note: u8,
        /// It goes down.
        down: bool,
    },
    /// Time goes on.
    Play,
    /// Time stands still.
    Pause,
    /// Jumps to a position in bars.
    Seek(Ratio),
    /// Beats per minute.
    Tempo(Ratio),
    /// Writes the last half minute of the whole into a file.
    Keep(PathBuf),
    /// Launches, stops, taps, loops.
    Perform(Perform),
    /// A command that acts at a frame of the engine: launches and stops at that frame, all else with the quantum that it lies in. One that
    /// has passed is at once.
    At {
        /// The frame; [`crate::clock::Clock`] knows which it is.
        frame: u64,
        /// The command.
        command: Box<Command>,
    },
    /// Everything falls silent until the next edit.
    Hush,
    /// As hush, at once, and state starts anew.
    Panic,
}

/// What a hand does to time and to clips.
#[derive(Clone, Debug, PartialEq)]
pub enum Perform {
    /// Launches (or stops) what a name stands for: `drums.fill`, `drums`, `drop`, `song`.
    Launch {
        /// The name.
        path: String,
        /// False stops it.
        launch: bool,
        /// The new clip goes on where the old one was.
        legato: bool,
        /// When; `None`: as the session's `quantise` says.
        at: Option<Quantise>,
    },
    /// A tap on the beat; from the second on they set the tempo.
    Tap,
    /// Pushes time by milliseconds later over the next bar (negative: earlier).
    Nudge(f64),
    /// Goes round between two positions in bars, or no longer.
    Loop(Option<(Ratio, Ratio)>),
    /// Plays from the beginning of this bar after so many silent bars.
    CountIn(Ratio),
    /// Names the position of now.
    SetCue(String),
    /// Jumps to a named position.
    Cue(String),
    /// A click on every beat, which is not recorded.
    Metronome(bool),
}

/// What a session tells its front end.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The text became a program.
    Compiled {
        /// Time it took, milliseconds.
        ms: f64,
        /// Machine code was made.
        generated: bool,
        /// How much changed against the program before.
        kind: ChangeKind,
    },
    /// Errors and warnings, rendered for a terminal.
    Diagnostics {
        /// The text, with line breaks.
        text: String,
        /// Number of errors.
        errors: usize,
        /// The bindings that do not play as the text says, and what plays in their place.
        held: Vec<Held>,
        /// True if a program came of it ([`Notice::Compiled`] follows); else what played plays on.
        plays: bool,
        /// Milliseconds since the edit that is answered; `None` for the first compilation.
        ms: Option<f64>,
    },
    /// The engine plays the program.
    Adopted {
        /// From this frame on.
        frame: u64,
        /// How much changed.
        kind: ChangeKind,
        /// Milliseconds from the event (a file was saved, a command came) to this, if there was one.
        ms: Option<f64>,
    },
    /// A track went wrong (its sound was not a number) and was silenced for that moment.
    Fault {
        /// The track.
        track: String,
    },
    /// Events that found no room, in all.
    Lost {
        /// Since the start.
        events: u64,
    },
    /// The device missed a deadline.
    Xruns {
        /// Since the start.
        count: u64,
    },
    /// There was more to compute than there is time for, and what is left out; or there is time again.
    Load {
        /// One line.
        message: String,
    },
    /// The device is gone, and what plays instead.
    Device {
        /// One line.
        message: String,
    },
    /// A sample is silent, and why.
    Sample {
        /// One line.
        message: String,
    },
    /// A line for the text: `map cc(74) -> bass.cutoff`.
    Learned {
        /// The line.
        line: String,
    },
    /// Taps have set the tempo.
    Tapped {
        /// Beats per minute.
        bpm: f64,
    },
    /// The file that the front end edits was saved by somebody else.
    Edited {
        /// The file.
        file: String,
    },
    /// A file is being written, was written, or could not be.
    File {
        /// One line.
        message: String,
    },
    /// A command could not be carried out, and why.
    Refused {
        /// One line.
        message: String,
    },
}
