//! From arguments to programs: reading files, compiling, telling what is wrong.
//!
//! Several files form one session, as they do when they play. An expression (`-e`) is a session of its own: it is laid into a
//! small text, and what the compiler says of that text is moved back to where it stands in the expression.

use super::Failure;
use super::terminal::{self, Level};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::{Compiler, Options, Outcome};
use modurust_runtime::compiler::lang::{Diagnostic, FileId, Source, Span, diag, library};
use modurust_runtime::compiler::passes::Passes;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::session;
use modurust_runtime::world::{FileWorld, read_text};
use std::path::Path;

/// Frames per second where nothing else is asked for.
pub const RATE: u32 = 48_000;

/// The name that an expression has in messages.
const EXPRESSION: &str = "-e";

/// Rates that can be asked for.
pub fn rate(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(rate) if (8_000..=384_000).contains(&rate) => Ok(rate),
        _ => Err("a rate is a whole number from 8000 to 384000".to_string()),
    }
}

/// Block sizes that can be asked for.
pub fn block(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(block) if (1..=65_536).contains(&block) => Ok(block),
        _ => Err("a block is a whole number of frames from 1 to 65536".to_string()),
    }
}

/// How to compile where nothing else is asked for.
pub fn options(rate: u32) -> Options {
    Options { sample_rate: rate, passes: Passes::Fast, backend: Backend::Jit, seed: 0, verify: cfg!(debug_assertions) }
}

/// What is to be compiled.
pub struct Work {
    /// Files of the session, as the compiler asks for them.
    pub roots: Vec<String>,
    world: FileWorld,
    /// What stands before an expression, and the expression.
    frame: Option<(&'static str, String)>,
    /// Names of files that stand in for others: name in the session, name for people.
    edits: Vec<(String, String)>,
}

impl Work {
    /// A session of files, all of which can be read.
    pub fn files(files: &[String]) -> Result<Work, Failure> {
        let mut roots: Vec<String> = Vec::new();
        for file in files {
            readable(file)?;
            if !roots.contains(file) {
                roots.push(file.clone());
            }
        }
        Ok(Work { roots, world: FileWorld::new(), frame: None, edits: Vec::new() })
    }

    /// An expression, and the text that makes it a statement.
    pub fn expression(before: &'static str, expression: &str) -> Work {
        // In one line, since a new line may begin a new statement. Bytes keep their places.
        let expression = expression.replace(['\n', '\r'], " ");
        let mut world = FileWorld::new();
        world.overlay(EXPRESSION, format!("{before}{expression}\n"));
        Work { roots: vec![EXPRESSION.to_string()], world, frame: Some((before, expression)), edits: Vec::new() }
    }

    /// Lays the text of `edited` over the file that it is an edit of: the one of the same name, or the first. Files that it
    /// names are found where the original finds them.
    pub fn edit(&mut self, edited: &str) -> Result<(), Failure> {
        let text = readable(edited)?;
        let name = |path: &str| Path::new(path).file_name().map(std::ffi::OsStr::to_owned);
        let same = self.roots.iter().find(|root| name(root) == name(edited));
        let Some(root) = same.or(self.roots.first()).cloned() else { return Ok(()) };
        self.frame = None;
        self.world.overlay(root.clone(), text);
        self.edits.retain(|(old, _)| *old != root);
        self.edits.push((root, edited.to_string()));
        Ok(())
    }

    /// The text of the first file, as it was read.
    pub fn text(&self) -> Result<String, Failure> {
        self.roots.first().map_or(Ok(String::new()), |root| readable(root))
    }

    /// Lays another text over the first file.
    pub fn replace(&mut self, text: String) {
        if let Some(root) = self.roots.first() {
            self.world.overlay(root.clone(), text);
        }
    }

    /// Compiles and tells what is wrong. `Failure::Text` if there are errors.
    pub fn compile(&self, compiler: &mut Compiler) -> Result<Program, Failure> {
        let begin = std::time::Instant::now();
        let outcome = self.outcome(compiler)?;
        tell(&outcome.diagnostics, &outcome.sources);
        terminal::log(Level::Info, || {
            let what = if outcome.generated { "" } else { ", no new code" };
            format!("compiled {} in {:.1} ms{what}", self.roots.join(" "), begin.elapsed().as_secs_f64() * 1e3)
        });
        outcome.program.ok_or(Failure::Text)
    }

    /// Compiles, and moves messages to where the user wrote.
    pub fn outcome(&self, compiler: &mut Compiler) -> Result<Outcome, Failure> {
        let mut outcome = session::compile(compiler, &self.world, &self.roots).map_err(|text| {
            terminal::complain(&text);
            Failure::Text
        })?;
        self.name(&mut outcome.diagnostics, &mut outcome.sources);
        self.world.bank().take_complaints().iter().for_each(|complaint| terminal::warn(complaint));
        Ok(outcome)
    }

    /// The world that it is compiled in.
    pub fn world(&self) -> &FileWorld {
        &self.world
    }

    /// Moves messages to where the user wrote.
    pub fn name(&self, diagnostics: &mut [Diagnostic], sources: &mut [Source]) {
        for source in sources.iter_mut() {
            if let Some((_, shown)) = self.edits.iter().find(|(root, _)| *root == source.name) {
                source.name = shown.clone();
            }
        }
        if let (Some((before, expression)), Some(source)) = (&self.frame, sources.first_mut()) {
            *source = Source::new(EXPRESSION, expression.as_str());
            let end = expression.len();
            let place = |byte: u32| (byte as usize).saturating_sub(before.len()).min(end);
            for diagnostic in diagnostics.iter_mut().filter(|d| d.file == FileId(0)) {
                diagnostic.span = Span::new(place(diagnostic.span.start), place(diagnostic.span.end));
            }
        }
    }
}

/// The text of a file, or why it cannot be read.
pub fn readable(file: &str) -> Result<String, Failure> {
    read_text(Path::new(file)).map_err(|why| Failure::because(format!("{file}: {why}")))
}

/// Writes a file beside itself first and then in its place: a power cut leaves the old one or the new one.
pub fn write_whole(file: &str, text: &str) -> std::io::Result<()> {
    let beside = format!("{file}.new");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, file))
}

/// Most diagnostics that are printed: nobody reads more, and the first are the likely causes.
const MOST: usize = 50;

/// Prints diagnostics, if there are any.
pub fn tell(diagnostics: &[Diagnostic], sources: &[Source]) {
    let shown = &diagnostics[..diagnostics.len().min(MOST)];
    if !shown.is_empty() {
        terminal::complain(&diag::render(shown, sources, terminal::colour()));
    }
    if diagnostics.len() > MOST {
        terminal::complain(&format!("and {} more\n", diagnostics.len() - MOST));
    }
}

/// The file of a diagnostic: one of the session, or one of the library.
pub fn source_of(file: FileId, sources: &[Source]) -> Option<&Source> {
    sources.get(file.0 as usize).or_else(|| library::library().source(file))
}

/// Refuses to write a file that is being read.
pub fn keep_apart(written: &Path, read: &[String]) -> Result<(), Failure> {
    let Ok(target) = written.canonicalize() else { return Ok(()) };
    match read.iter().find(|file| Path::new(file).canonicalize().is_ok_and(|f| f == target)) {
        Some(file) => Err(Failure::Usage(format!("`{file}` would be written over: give another name for the sound"))),
        None => Ok(()),
    }
}
