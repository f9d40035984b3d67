//! Text to tree and back.
//!
//! This crate knows the shape of Modu and nothing of its meaning. A file is split into top-level statements by the
//! layout rule (a statement starts in column 0), each statement is parsed on its own and cached by its text, so a
//! broken one never hides another and an unchanged one costs nothing. Parsing never fails and never panics: it
//! returns a tree and diagnostics.
//!
//! ```text
//! text -> source::Source -> split -> pest per statement -> ast::Item + diag::Diagnostic
//! "bd*2 sn"  -> pattern::parse -> pattern::Mini
//! ```

pub mod ast;
mod build;
pub mod codes;
pub mod diag;
pub mod dice;
pub mod doc;
pub mod edit;
pub mod elsewhere;
pub mod format;
pub mod library;
mod operand;
pub mod operators;
pub mod parse;
pub mod pattern;
pub mod print;
mod recover;
pub mod respell;
pub mod source;
pub mod split;
pub mod token;
pub mod units;
pub mod visit;

pub use ast::{Expr, ExprKind, Item, Stmt};
pub use build::{is_reserved, note_number};
pub use diag::{Diagnostic, Severity};
pub use parse::parse;
pub use recover::{distance, setting_example};
pub use source::{FileId, Source, Span};
