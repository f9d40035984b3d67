//! What a gesture may ask for: the closed list.
//!
//! Views see and never change anything. What a hand does becomes one of these, and the model carries it out: an edit of the text, a command
//! for the engine, or a change of what is shown. So there is one place where things happen, and a test can read what a click did.

use super::look::View;
use modurust_runtime::command::Command;
use modurust_runtime::compiler::lang::edit::Edit;

/// How much is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The statement that the cursor stands in.
    Block,
    /// The whole text.
    File,
}

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A whole change of the text by splices: one step back, evaluated at once.
    Edit {
        /// The splices.
        edit: Edit,
        /// What it is, for the status line and the history.
        say: String,
    },
    /// The same, with hexes that lie elsewhere afterwards: one step back as well.
    Draw {
        /// The splices.
        edit: Edit,
        /// The new text of the layout file.
        layout: String,
        /// What it is.
        say: String,
    },
    /// The text with these splices is heard and not written, or, with none, as it is written: a hand that has not let go yet.
    Try(Option<Edit>),
    /// The text as somebody has typed it: not evaluated.
    Typed {
        /// All of it.
        text: String,
        /// Where the cursor stands then, in bytes.
        at: usize,
    },
    /// The typed text becomes what plays.
    Evaluate(Extent),
    /// Something is selected, in the text and in the picture.
    Select {
        /// A byte of the text.
        at: usize,
        /// The code pane scrolls there and takes the keys.
        reveal: bool,
    },
    /// Where hexes lie: the new text of the layout file.
    Layout {
        /// All of it.
        text: String,
        /// What it is.
        say: String,
    },
    /// A number is moved at once, and written into the text by `bake`.
    Overlay {
        /// Its path, as `bass.level`.
        name: String,
        /// As the code wants it: hertz, seconds, linear gain.
        value: f32,
    },
    /// A tempo for the text, beats per minute.
    Tempo(f64),
    /// A key of the computer that texts may listen to, while keys play.
    Key {
        /// In lower case: `space`.
        name: String,
        /// It goes down.
        down: bool,
    },
    /// For the engine.
    Send(Command),
    /// For the status line.
    Say(String),
    /// Another view.
    Show(View),
    /// A command by its name in [`super::words`].
    Word(&'static str),
    /// Another file of the piece in the code and the hexes.
    Open(String),
    /// Goes to a commit of the history.
    Go(u64),
    /// A named slot, `0` for A: kept, or gone to.
    Slot {
        /// Which.
        slot: usize,
        /// Puts what plays into it, in place of playing it.
        store: bool,
    },
}
