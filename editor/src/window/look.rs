//! What is shown and how: plain data that commands change and the frame obeys.

use modurust_runtime::compiler::graph::OutKind;
use modurust_runtime::feedback::{Feedback, Level};

/// How loud a strip or a `scope` of that name is; `master` is the whole.
pub fn level<'a>(feedback: &'a Feedback, name: &str) -> Option<&'a Level> {
    let scope = |level: &&Level| level.kind == OutKind::Scope && level.name == name;
    feedback.level(name).or_else(|| feedback.levels.iter().find(scope))
}

/// What a statement is called among outputs: `out` is the whole.
pub fn strip(name: &str) -> &str {
    if name == "out" { "master" } else { name }
}

/// Which view stands beside the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Clips and sections in time.
    Arrange,
    /// Clips and scenes to launch.
    Live,
    /// The patch as hexes.
    #[default]
    Hex,
}

impl View {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            View::Arrange => "arrangement",
            View::Live => "live",
            View::Hex => "hex",
        }
    }
}

/// Whether code and view are seen together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// Both.
    #[default]
    Both,
    /// The code alone.
    Code,
    /// The view alone.
    View,
}

/// What is shown and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The view.
    pub view: View,
    /// Code and view.
    pub split: Split,
    /// The browser on the left.
    pub browser: bool,
    /// The inspector on the right.
    pub inspector: bool,
    /// The mixer at the bottom.
    pub mixer: bool,
    /// The history on the right.
    pub history: bool,
    /// Keys and commands.
    pub help: bool,
    /// The stage.
    pub stage: bool,
    /// The stage in a window of its own.
    pub second: bool,
    /// The whole screen.
    pub full: bool,
    /// The computer's keys play notes.
    pub keys: bool,
    /// Slots have a state of their own; otherwise what sounds goes on from one to the next.
    pub apart: bool,
    /// Nothing blinks.
    pub still: bool,
    /// Scale of everything.
    pub zoom: f32,
    /// Index of the theme.
    pub theme: usize,
}

impl Default for Look {
    fn default() -> Look {
        Look {
            view: View::default(),
            split: Split::default(),
            browser: false,
            inspector: true,
            mixer: false,
            history: false,
            help: false,
            stage: false,
            second: false,
            full: false,
            keys: false,
            apart: false,
            still: false,
            zoom: 1.0,
            theme: 0,
        }
    }
}

/// What the frame is to do once, because a command cannot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wants {
    /// Open the palette.
    pub palette: bool,
    /// Offer completions.
    pub complete: bool,
    /// Give the keys to the code.
    pub focus_code: bool,
    /// Give the keys to the view.
    pub focus_view: bool,
    /// An order for the hexes.
    pub hex: Option<&'static str>,
    /// Close the window.
    pub close: bool,
}
