//! What whoever writes Modu wants to be told while writing: pure functions of a text and a place in it.
//!
//! The language server, the REPL and the window ask the same questions and must get the same answers, so the answers are here.
//! A [`Document`] is a text with its trees and those of the files that it uses; a place is a byte. Nothing here compiles, and
//! nothing can fail: a text may be broken anywhere (it is while somebody types) and a place may lie anywhere, also inside of a
//! character or behind the end. What needs only words ([`complete`], [`signature`]) asks the tokens, which any text has; what needs
//! meaning ([`hover`], [`definition`], [`rename`]) asks the trees of the statements that can be read.
//!
//! ```text
//! Document -> resolve   every word and what it stands for       -> hover, definition, references, rename, highlight
//!          -> tokens    what stands before a place              -> complete, signature
//! library + builtins + primitives -> topic                      -> what is said about them, everywhere
//! ```

mod complete;
mod context;
mod document;
mod files;
mod hover;
mod navigate;
mod outline;
mod position;
mod resolve;
mod signature;
pub mod topic;
pub mod words;

pub use complete::{Completion, CompletionKind, complete};
pub use document::{Document, Used};
pub use files::files;
pub use hover::{Hover, hover};
pub use navigate::{Location, Place, definition, references, rename, renameable};
pub use outline::{Class, Mark, Symbol, SymbolKind, highlight, symbols};
pub use position::{LineMap, Position};
pub use resolve::{Occurrence, Target};
pub use signature::{SignatureHelp, signature};
