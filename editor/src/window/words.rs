//! Everything that can be asked for by name: the table behind the keymap, the palette, scripts and the help.
//!
//! A command is a name, a line of help, and what it does to the model. What a view does with the keys alone (moving a focus) is not here;
//! whatever changes the text, the sound or what is shown is, so all of it can be done without a mouse.

use super::act::{Act, Extent};
use super::look::View;
use super::model::Model;
use modurust_runtime::command::{Command, Perform};

/// A command.
pub struct Word {
    /// As the keymap names it.
    pub name: &'static str,
    /// What it does, in a line.
    pub doc: &'static str,
    /// Does it.
    pub run: fn(&mut Model),
}

macro_rules! words {
    ($($name:literal: $doc:literal => $run:expr;)*) => {
        /// All of them, in the order of the help.
        pub static WORDS: &[Word] = &[$(Word { name: $name, doc: $doc, run: $run }),*];
    };
}

words! {
    "evaluate-block": "plays the statement under the cursor as it is written now" => |m| m.act(Act::Evaluate(Extent::Block));
    "evaluate-file": "plays the whole text as it is written now" => |m| m.act(Act::Evaluate(Extent::File));
    "undo": "takes the last change back, of the text, the hexes or the mixer" => Model::undo;
    "redo": "does again what was taken back" => Model::redo;
    "save": "writes the file" => Model::save;
    "bake": "writes the numbers that hands have moved into the text" => Model::bake;
    "next-error": "goes to the next error" => Model::next_error;
    "complete": "offers what could stand at the cursor" => |m| {
        (m.wants.complete, m.wants.focus_code) = (true, true);
    };
    "go-to-definition": "goes to where the word under the cursor is defined" => Model::go_to_definition;
    "next-file": "opens the next of the files that the text uses" => Model::next_file;
    "play-pause": "lets time go on or stand still" => Model::play_pause;
    "hush": "ends all notes; the sound fades until the next edit" => |m| m.act(Act::Send(Command::Hush));
    "panic": "silence at once; everything begins anew" => |m| m.act(Act::Send(Command::Panic));
    "restart": "jumps to the first bar" => |m| m.act(Act::Send(Command::Seek(modurust_runtime::compiler::score::Ratio::ZERO)));
    "tap": "a tap on the beat; from the second on they set the tempo" => |m| m.act(Act::Send(Command::Perform(Perform::Tap)));
    "nudge-later": "pushes time 10 ms later over the next bar" => |m| m.act(Act::Send(Command::Perform(Perform::Nudge(10.0))));
    "nudge-earlier": "pushes time 10 ms earlier over the next bar" => |m| m.act(Act::Send(Command::Perform(Perform::Nudge(-10.0))));
    "metronome": "a click on every beat, or none" => Model::metronome;
    "play-keys": "the computer's keys play notes, as `midi('computer')`, and `key('space')`; Escape ends it" => Model::play_keys;
    "keep-take": "writes the last half minute of sound to a file" => Model::keep_take;
    "capture": "writes what was launched as scenes and an arrangement" => Model::capture;
    "show-arrangement": "the arrangement view" => |m| m.act(Act::Show(View::Arrange));
    "show-live": "the live view: clips and scenes" => |m| m.act(Act::Show(View::Live));
    "show-hexes": "the hex view" => |m| m.act(Act::Show(View::Hex));
    "code-layout": "code beside the view, code alone, or the view alone" => Model::next_layout;
    "browser": "the browser: library, outline" => |m| m.look.browser = !m.look.browser;
    "inspector": "the inspector of what is selected" => |m| m.look.inspector = !m.look.inspector;
    "mixer": "the mixer" => |m| m.look.mixer = !m.look.mixer;
    "history": "the history: every text that played" => |m| m.look.history = !m.look.history;
    "palette": "finds any command, name, node or clip by a few letters" => |m| m.wants.palette = true;
    "help": "all keys and commands" => |m| m.look.help = !m.look.help;
    "stage": "large code over a dim picture, for the projector" => Model::stage;
    "second-window": "the stage in a window of its own, for a projector" => |m| m.look.second = !m.look.second;
    "fullscreen": "the whole screen, or a window" => |m| m.look.full = !m.look.full;
    "focus-code": "the keys go to the code" => |m| m.wants.focus_code = true;
    "focus-view": "the keys go to the view" => |m| m.wants.focus_view = true;
    "larger": "everything larger" => |m| m.zoom(1.1);
    "smaller": "everything smaller" => |m| m.zoom(1.0 / 1.1);
    "normal-size": "everything in its normal size" => |m| m.look.zoom = 1.0;
    "next-theme": "dark, high contrast, light" => Model::next_theme;
    "less-motion": "nothing blinks or flashes, or it does" => |m| m.look.still = !m.look.still;
    "quit": "ends the sound and closes the window; while it plays it must be asked twice" => Model::quit;
    "slot-state": "each slot has a state of its own that stands still while others play, or what sounds goes on from slot to slot" => Model::slot_state;
    "slot-a": "plays slot A" => |m| m.act(Act::Slot { slot: 0, store: false });
    "slot-b": "plays slot B" => |m| m.act(Act::Slot { slot: 1, store: false });
    "slot-c": "plays slot C" => |m| m.act(Act::Slot { slot: 2, store: false });
    "slot-d": "plays slot D" => |m| m.act(Act::Slot { slot: 3, store: false });
    "slot-e": "plays slot E" => |m| m.act(Act::Slot { slot: 4, store: false });
    "slot-f": "plays slot F" => |m| m.act(Act::Slot { slot: 5, store: false });
    "slot-g": "plays slot G" => |m| m.act(Act::Slot { slot: 6, store: false });
    "slot-h": "plays slot H" => |m| m.act(Act::Slot { slot: 7, store: false });
    "store-a": "puts what plays into slot A" => |m| m.act(Act::Slot { slot: 0, store: true });
    "store-b": "puts what plays into slot B" => |m| m.act(Act::Slot { slot: 1, store: true });
    "store-c": "puts what plays into slot C" => |m| m.act(Act::Slot { slot: 2, store: true });
    "store-d": "puts what plays into slot D" => |m| m.act(Act::Slot { slot: 3, store: true });
    "store-e": "puts what plays into slot E" => |m| m.act(Act::Slot { slot: 4, store: true });
    "store-f": "puts what plays into slot F" => |m| m.act(Act::Slot { slot: 5, store: true });
    "store-g": "puts what plays into slot G" => |m| m.act(Act::Slot { slot: 6, store: true });
    "store-h": "puts what plays into slot H" => |m| m.act(Act::Slot { slot: 7, store: true });
    "hex-up": "the keys go to the hex above" => |m| m.on_hexes("hex-up");
    "hex-down": "the keys go to the hex below" => |m| m.on_hexes("hex-down");
    "hex-left": "the keys go to the hex on the left" => |m| m.on_hexes("hex-left");
    "hex-right": "the keys go to the hex on the right" => |m| m.on_hexes("hex-right");
    "hex-move-up": "moves the hex up" => |m| m.on_hexes("hex-move-up");
    "hex-move-down": "moves the hex down" => |m| m.on_hexes("hex-move-down");
    "hex-move-left": "moves the hex to the left" => |m| m.on_hexes("hex-move-left");
    "hex-move-right": "moves the hex to the right" => |m| m.on_hexes("hex-move-right");
    "hex-enter": "shows what is inside of the hex" => |m| m.on_hexes("hex-enter");
    "hex-leave": "out of the hex that was entered" => |m| m.on_hexes("hex-leave");
    "hex-connect": "a wire from this hex: arrows or hex-find to its end, Tab chooses the input, Enter connects" => |m| m.on_hexes("hex-connect");
    "hex-find": "goes to a hex by a few letters" => |m| m.on_hexes("hex-find");
    "hex-add": "a new node: in an empty cell, or behind a hex and fed by it" => |m| m.on_hexes("hex-add");
    "hex-write": "types what an input of the hex is" => |m| m.on_hexes("hex-write");
    "hex-double": "the hex once more" => |m| m.on_hexes("hex-double");
    "hex-delete": "takes the hex away" => |m| m.on_hexes("hex-delete");
    "hex-bypass": "what comes in goes out unchanged, or as before" => |m| m.on_hexes("hex-bypass");
    "hex-solo": "this alone is heard, or all" => |m| m.on_hexes("hex-solo");
    "hex-extract": "a part of the hex gets a name of its own" => |m| m.on_hexes("hex-extract");
    "hex-inline": "the hex stands where it is used" => |m| m.on_hexes("hex-inline");
    "hex-rename": "another name" => |m| m.on_hexes("hex-rename");
    "hex-learn": "the next controller that moves moves a number of the hex" => |m| m.on_hexes("hex-learn");
    "hex-colour": "another colour of the hex" => |m| m.on_hexes("hex-colour");
    "hex-monitor": "lets what comes out of the hex be looked at while it sounds, or no longer" => |m| m.on_hexes("hex-monitor");
    "hex-lines": "which lines are drawn: all, those of this hex, none" => |m| m.on_hexes("hex-lines");
    "hex-input": "goes to what feeds the hex" => |m| m.on_hexes("hex-input");
    "hex-output": "goes to what the hex feeds" => |m| m.on_hexes("hex-output");
    "hex-unplug": "takes the first wire into the hex away" => |m| m.on_hexes("hex-unplug");
    "hex-split": "gives the first wire into the hex a name" => |m| m.on_hexes("hex-split");
    "hex-next-number": "chooses the next number of the hex" => |m| m.on_hexes("hex-next-number");
    "hex-previous-number": "chooses the number before" => |m| m.on_hexes("hex-previous-number");
    "hex-more": "turns the number up; heard at once, written when the key comes up" => |m| m.on_hexes("hex-more");
    "hex-less": "turns the number down" => |m| m.on_hexes("hex-less");
    "hex-much-more": "turns the number up by ten steps" => |m| m.on_hexes("hex-much-more");
    "hex-much-less": "turns the number down by ten steps" => |m| m.on_hexes("hex-much-less");
    "hex-fit": "all hexes are seen" => |m| m.on_hexes("hex-fit");
    "hex-centre": "this hex in the middle" => |m| m.on_hexes("hex-centre");
}

/// A command by its name.
pub fn word(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

/// The command that was meant.
pub fn near(name: &str) -> Option<&'static str> {
    let distance = |word: &&Word| modurust_runtime::compiler::lang::distance(name, word.name);
    let near = WORDS.iter().min_by_key(distance)?;
    (distance(&near) <= 1 + name.len() / 4).then_some(near.name)
}
